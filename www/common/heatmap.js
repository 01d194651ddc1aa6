// The class activation map and the opacity as colour, and the lungs as an outline. All are grids over the picture. Knows no reading and no card.

import { paintImage } from './picture.js';

// Light on dark anatomy and on white tissue alike.
const WARM = [255, 126, 20];
const OUTLINE = [64, 208, 255, 200];

// Apart in lightness as well as in hue, for those who tell no red from green or no blue from yellow; viewer.css has the same.
const GROUND_GLASS = [255, 225, 70];
const CONSOLIDATION = [230, 60, 200];

// What a cell must add to the logit, above the level outside the lungs, to be painted in full colour. A map that is weak everywhere stays
// pale instead of being stretched.
const MIN_SCALE = 80;

// Below this share of the scale nothing is painted, so that the anatomy stays visible.
const FAINT = 0.08;

// A cell counts as lung from this share on.
const LUNG = 0.5;

/**
 * Paints the map, interpolated bilinearly between cell centres, on a canvas of width x height pixels, and on top the outline of
 * the lungs if they are given. The map's lowest value, which is that of all cells outside the lungs, stays clear.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Grid} map
 * @param {Grid | null} lung
 * @param {number} width
 * @param {number} height
 */
export function paintMap(canvas, map, lung, width, height) {
  const image = new ImageData(width, height);
  const lowest = map.values.reduce((least, value) => Math.min(least, value), Infinity);
  const highest = map.values.reduce((most, value) => Math.max(most, value), -Infinity);
  const scale = Math.max(MIN_SCALE, highest - lowest);
  each(map, width, height, (at, value) => {
    const strength = Math.max(0, ((value - lowest) / scale - FAINT) / (1 - FAINT));
    image.data.set(WARM, at * 4);
    image.data[at * 4 + 3] = Math.round(255 * Math.min(1, strength) ** 0.9);
  });
  if (lung) paintOutline(image, lung);
  paintImage(canvas, image);
}

/**
 * Paints the opacity of the lungs on a canvas of width x height pixels: each pixel in the colour of the likelier kind, the stronger the
 * likelier it is lung and opaque.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {OpacityGrid} opacity
 * @param {Grid} lung
 * @param {number} width
 * @param {number} height
 */
export function paintOpacity(canvas, { width: columns, height: rows, ground_glass: ground, consolidation: dense }, lung, width, height) {
  const image = new ImageData(width, height);
  /** @type {(values: Float32Array) => Float32Array} */
  const spread = (values) => {
    const pixels = new Float32Array(width * height);
    each({ width: columns, height: rows, values }, width, height, (at, value) => { pixels[at] = value; });
    return pixels;
  };
  const [hazy, solid] = [spread(ground), spread(dense)];
  each(lung, width, height, (at, share) => {
    image.data.set(solid[at] > hazy[at] ? CONSOLIDATION : GROUND_GLASS, at * 4);
    image.data[at * 4 + 3] = Math.round(255 * share * Math.min(1, solid[at] + hazy[at]));
  });
  paintImage(canvas, image);
}

/**
 * Paints the outline of the lungs alone on a canvas of width x height pixels.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Grid} lung
 * @param {number} width
 * @param {number} height
 */
export function paintLungs(canvas, lung, width, height) {
  const image = new ImageData(width, height);
  paintOutline(image, lung);
  paintImage(canvas, image);
}

/**
 * Marks the pixels inside the lungs that have a neighbour outside.
 *
 * @param {ImageData} image
 * @param {Grid} lung
 */
function paintOutline({ data, width, height }, lung) {
  const inside = new Uint8Array(width * height);
  each(lung, width, height, (at, share) => { inside[at] = share >= LUNG ? 1 : 0; });
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      const at = y * width + x;
      if (inside[at] && !(inside[at - 1] && inside[at + 1] && inside[at - width] && inside[at + width])) data.set(OUTLINE, at * 4);
    }
  }
}

/**
 * Calls `visit(pixel, value)` for every pixel with the grid's value there, interpolated between the centres of its cells.
 *
 * @param {Grid} grid
 * @param {number} width
 * @param {number} height
 * @param {(pixel: number, value: number) => void} visit
 */
function each({ width: columns, height: rows, values }, width, height, visit) {
  const across = Array.from({ length: width }, (_, x) => between(x, width, columns));
  for (let y = 0; y < height; y++) {
    const vertical = between(y, height, rows);
    const upper = vertical.low * columns;
    const lower = vertical.high * columns;
    for (let x = 0; x < width; x++) {
      const { low, high, part } = across[x];
      const top = values[upper + low] * (1 - part) + values[upper + high] * part;
      const bottom = values[lower + low] * (1 - part) + values[lower + high] * part;
      visit(y * width + x, top * (1 - vertical.part) + bottom * vertical.part);
    }
  }
}

/**
 * The two cells whose centres enclose a pixel's centre, and how far it is from the first to the second.
 *
 * @param {number} pixel
 * @param {number} pixels
 * @param {number} cells
 */
function between(pixel, pixels, cells) {
  const at = Math.min(cells - 1, Math.max(0, (pixel + 0.5) * cells / pixels - 0.5));
  const low = Math.floor(at);
  return { low, high: Math.min(cells - 1, low + 1), part: at - low };
}
