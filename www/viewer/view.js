// Where a picture lies in its stage: zoom and pan as plain numbers. Knows no element.
//
// A view holds for a stage and pictures of any size, so that the next slice of a stack lies where the last one did.

/**
 * @typedef {object} View
 * @property {number} zoom How many times the size that fits.
 * @property {number} x The point of the picture, 0 to 1 from its left, that lies in the middle of the stage.
 * @property {number} y The same from its top.
 */

/** @typedef {{ width: number, height: number }} Size Of the stage in CSS pixels, of the picture in its own. */

/** @typedef {{ x: number, y: number }} Point CSS pixels from the stage's corner. */

/** @type {View} The whole picture. */
export const WHOLE = { zoom: 1, x: 0.5, y: 0.5 };

// A pixel of the picture becomes at most this many CSS pixels wide.
const MAX_SCALE = 24;

/** @type {(value: number, low: number, high: number) => number} */
const between = (value, low, high) => Math.min(high, Math.max(low, value));

/**
 * @param {Size} stage
 * @param {Size} picture
 */
function fitting(stage, picture) {
  return Math.min(stage.width / picture.width, stage.height / picture.height);
}

/**
 * { scale, left, top }: CSS pixels for a pixel of the picture, and where its corner lies in the stage.
 *
 * @param {View} view
 * @param {Size} stage
 * @param {Size} picture
 */
export function layout(view, stage, picture) {
  const scale = fitting(stage, picture) * view.zoom;
  return {
    scale,
    left: stage.width / 2 - view.x * picture.width * scale,
    top: stage.height / 2 - view.y * picture.height * scale,
  };
}

/**
 * The view with no more empty stage than it needs.
 *
 * @param {View} view
 * @param {Size} stage
 * @param {Size} picture
 * @returns {View}
 */
function kept(view, stage, picture) {
  const scale = fitting(stage, picture) * view.zoom;
  /** @type {(at: number, shown: number, whole: number) => number} */
  const axis = (at, shown, whole) => {
    const half = shown / (whole * scale) / 2;
    return half >= 0.5 ? 0.5 : between(at, half, 1 - half);
  };
  return { zoom: view.zoom, x: axis(view.x, stage.width, picture.width), y: axis(view.y, stage.height, picture.height) };
}

/**
 * The view after it was moved by this many CSS pixels.
 *
 * @param {View} view
 * @param {Size} stage
 * @param {Size} picture
 * @param {number} right
 * @param {number} down
 */
export function panned(view, stage, picture, right, down) {
  const scale = fitting(stage, picture) * view.zoom;
  return kept({ zoom: view.zoom, x: view.x - right / (picture.width * scale), y: view.y - down / (picture.height * scale) }, stage, picture);
}

/**
 * The view enlarged by a factor; what lies under `point` stays there.
 *
 * @param {View} view
 * @param {Size} stage
 * @param {Size} picture
 * @param {number} factor
 * @param {Point} [point]
 */
export function zoomed(view, stage, picture, factor, point = { x: stage.width / 2, y: stage.height / 2 }) {
  const fit = fitting(stage, picture);
  const zoom = between(view.zoom * factor, Math.min(1, 1 / fit), Math.max(1, MAX_SCALE / fit));
  /** @type {(at: number, offset: number, whole: number) => number} */
  const moved = (at, offset, whole) => at + offset / (whole * fit) * (1 / view.zoom - 1 / zoom);
  return kept({
    zoom,
    x: moved(view.x, point.x - stage.width / 2, picture.width),
    y: moved(view.y, point.y - stage.height / 2, picture.height),
  }, stage, picture);
}

/**
 * One CSS pixel for each pixel of the picture.
 *
 * @param {View} view
 * @param {Size} stage
 * @param {Size} picture
 */
export function actualSize(view, stage, picture) {
  return zoomed(view, stage, picture, 1 / (fitting(stage, picture) * view.zoom));
}

/**
 * The pixel { column, row } under a point of the stage, null outside the picture.
 *
 * @param {View} view
 * @param {Size} stage
 * @param {Size} picture
 * @param {Point} point
 */
export function pixelAt(view, stage, picture, point) {
  const { scale, left, top } = layout(view, stage, picture);
  const column = Math.floor((point.x - left) / scale);
  const row = Math.floor((point.y - top) / scale);
  return column >= 0 && column < picture.width && row >= 0 && row < picture.height ? { column, row } : null;
}
