// The class activation map and the opacity as colour, and the lungs as an outline. All are grids over the picture. Knows no reading and no card.

import { blank, colour, paintImage } from './picture.js';

// Light on dark anatomy and on white tissue alike.
const WARM = [255, 126, 20];
const OUTLINE = [64, 208, 255];
const OUTLINE_ALPHA = 200;

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

// The map's colours from its lowest value to full strength, as pixels.
const SHADES = Uint32Array.from({ length: 4096 }, (_, at) => {
  const strength = Math.max(0, (at / 4095 - FAINT) / (1 - FAINT));
  return colour(WARM, Math.round(255 * strength ** 0.9));
});

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
  const image = blank(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  let [lowest, highest] = [Infinity, -Infinity];
  for (const value of map.values) {
    if (value < lowest) lowest = value;
    if (value > highest) highest = value;
  }
  const scale = Math.max(MIN_SCALE, highest - lowest);
  const values = spread(map, width, height);
  for (let at = 0; at < values.length; at++) pixels[at] = SHADES[Math.round((SHADES.length - 1) * (values[at] - lowest) / scale)];
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
  const image = blank(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const [hazy, solid] = [ground, dense].map((values) => spread({ width: columns, height: rows, values }, width, height));
  const shares = spread(lung, width, height);
  for (let at = 0; at < pixels.length; at++) {
    const alpha = Math.round(255 * shares[at] * Math.min(1, solid[at] + hazy[at]));
    pixels[at] = colour(solid[at] > hazy[at] ? CONSOLIDATION : GROUND_GLASS, alpha);
  }
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
  const image = blank(width, height);
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
  const pixels = new Uint32Array(data.buffer);
  const line = colour(OUTLINE, OUTLINE_ALPHA);
  const shares = spread(lung, width, height);
  for (let y = 1; y < height - 1; y++) {
    for (let at = y * width + 1; at < (y + 1) * width - 1; at++) {
      const isEdge = shares[at] >= LUNG && !(shares[at - 1] >= LUNG && shares[at + 1] >= LUNG && shares[at - width] >= LUNG && shares[at + width] >= LUNG);
      if (isEdge) pixels[at] = line;
    }
  }
}

/**
 * The grid's value at every pixel, interpolated between the centres of its cells.
 *
 * @param {Grid} grid
 * @param {number} width
 * @param {number} height
 */
function spread({ width: columns, height: rows, values }, width, height) {
  const found = new Float32Array(width * height);
  const across = Array.from({ length: width }, (_, x) => between(x, width, columns));
  const [low, high, part] = [Int32Array.from(across, (one) => one.low), Int32Array.from(across, (one) => one.high), Float64Array.from(across, (one) => one.part)];
  const line = new Float64Array(columns);
  for (let y = 0; y < height; y++) {
    const down = between(y, height, rows);
    for (let x = 0; x < columns; x++) line[x] = values[down.low * columns + x] * (1 - down.part) + values[down.high * columns + x] * down.part;
    const at = y * width;
    for (let x = 0; x < width; x++) found[at + x] = line[low[x]] * (1 - part[x]) + line[high[x]] * part[x];
  }
  return found;
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
