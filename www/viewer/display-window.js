// Pixels to the gray levels and colours that are shown: a display window for Hounsfield units, and inversion. Knows no reading and no control.
//
// Hounsfield units come as an Int16Array, or as a Float32Array where they are no whole numbers; gray levels come as a Uint8Array.

import { fillColours, paintImage } from '../common/picture.js';

/** @typedef {Omit<FullPixels, 'input'>} Pixels What can be painted. */

/** @type {{ [name: string]: DisplayWindow }} Windows that radiologists know by name. */
export const PRESETS = {
  lung: { center: -600, width: 1500 },
  mediastinum: { center: 40, width: 400 },
  bone: { center: 400, width: 1800 },
};

export const MIN_WIDTH = 1;

// Of an Int16Array.
const LOWEST = -32768;
const VALUES = 65536;

const f32 = Math.fround;
const EPSILON = 2 ** -23;

/**
 * The gray level (0 to 255) of a value: the linear function of DICOM PS3.3 C.11.2.1.2, in the 32-bit arithmetic of src/window.rs, so
 * that the reading's own window gives the very picture that was read.
 *
 * @param {number} hu
 * @param {DisplayWindow} window
 */
export function level(hu, { center, width }) {
  const low = f32(f32(center) - 0.5);
  const range = Math.max(f32(f32(width) - 1), EPSILON);
  const share = f32(f32(f32(f32(hu) - low) / range) + 0.5);
  return Math.min(255, Math.max(0, Math.round(f32(share * 255)))) || 0;
}

/**
 * The levels of all 16-bit values, from the least on.
 *
 * @param {DisplayWindow} window
 */
function allLevels(window) {
  return Uint8Array.from({ length: VALUES }, (_, i) => level(i + LOWEST, window));
}

/**
 * Which level is shown for which value: a function of the value.
 *
 * @param {Pixels} pixels
 * @param {DisplayWindow | null} window
 * @returns {(value: number) => number}
 */
function shownLevel({ kind, values }, window) {
  if (kind === 'gray' || window === null) return (value) => value;
  if (values instanceof Float32Array) return (value) => level(value, window);
  const levels = allLevels(window);
  return (value) => levels[value - LOWEST];
}

/**
 * Paints the pixels, one canvas pixel for each.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Pixels} pixels
 * @param {DisplayWindow | null} window Null for gray levels.
 * @param {boolean} isInverted
 */
export function paint(canvas, pixels, window, isInverted) {
  const { width, height, values, colours } = pixels;
  const image = new ImageData(width, height);
  const packed = new Uint32Array(image.data.buffer);
  const shown = shownLevel(pixels, window);
  const flip = isInverted ? 255 : 0;
  if (colours) fillColours(packed, colours, flip);
  else for (let i = 0; i < values.length; i++) {
    const gray = shown(values[i]) ^ flip;
    packed[i] = 0xff000000 | gray << 16 | gray << 8 | gray;
  }
  paintImage(canvas, image);
}
