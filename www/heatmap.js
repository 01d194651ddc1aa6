// The class activation map as colours. Cells above 0 speak for COVID-19 (warm), below 0 against it (cool).
// Orange and blue stay apart in all common kinds of colour blindness. Knows no reading and no card.

import { CONTEXT } from './picture.js';

const WARM = [255, 133, 27];
const COOL = [56, 151, 255];

// In units of the logit. A map that is weak everywhere stays pale instead of being stretched to full colour.
const LEAST_SCALE = 2;

// Below this share of the scale nothing is painted, so that the anatomy stays visible.
const FAINT = 0.04;

/** Paints the map, interpolated bilinearly between cell centres, on a canvas of width x height pixels. */
export function paintMap(canvas, { width: columns, height: rows, values }, width, height) {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  const data = image.data;
  const scale = values.reduce((most, value) => Math.max(most, Math.abs(value)), LEAST_SCALE);
  const across = Array.from({ length: width }, (_, x) => between(x, width, columns));
  for (let y = 0; y < height; y++) {
    const vertical = between(y, height, rows);
    const upper = vertical.low * columns;
    const lower = vertical.high * columns;
    for (let x = 0; x < width; x++) {
      const { low, high, part } = across[x];
      const top = values[upper + low] * (1 - part) + values[upper + high] * part;
      const bottom = values[lower + low] * (1 - part) + values[lower + high] * part;
      const share = (top * (1 - vertical.part) + bottom * vertical.part) / scale;
      const strength = Math.max(0, (Math.abs(share) - FAINT) / (1 - FAINT));
      const colour = share > 0 ? WARM : COOL;
      const at = (y * width + x) * 4;
      data[at] = colour[0];
      data[at + 1] = colour[1];
      data[at + 2] = colour[2];
      data[at + 3] = Math.round(255 * Math.min(1, strength ** 0.8));
    }
  }
  canvas.getContext('2d', CONTEXT).putImageData(image, 0, 0);
}

// The two cells whose centres enclose a pixel's centre, and how far it is from the first to the second.
function between(pixel, pixels, cells) {
  const at = Math.min(cells - 1, Math.max(0, (pixel + 0.5) * cells / pixels - 0.5));
  const low = Math.floor(at);
  return { low, high: Math.min(cells - 1, low + 1), part: at - low };
}
