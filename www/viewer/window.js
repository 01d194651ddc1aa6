// Pixels to the gray levels that are shown: a display window for Hounsfield units, and inversion. Knows no reading and no control.
//
// Pixels are { width, height, kind, values } as the library's Slices gives them: kind 'hu' with an Int16Array (or a Float32Array where
// the units are no whole numbers), kind 'gray' with a Uint8Array.

import { CONTEXT } from '../common/picture.js';

/** Windows that radiologists know by name, in Hounsfield units. */
export const PRESETS = {
  lung: { center: -600, width: 1500 },
  mediastinum: { center: 40, width: 400 },
  bone: { center: 400, width: 1800 },
};

export const LEAST_WIDTH = 1;

// Of an Int16Array.
const LEAST = -32768;
const VALUES = 65536;

const f32 = Math.fround;
const EPSILON = 2 ** -23;

/**
 * The gray level (0 to 255) of a value: the linear function of DICOM PS3.3 C.11.2.1.2, in the 32-bit arithmetic of src/window.rs, so
 * that the reading's own window gives the very picture that was read.
 */
export function level(hu, { center, width }) {
  const low = f32(f32(center) - 0.5);
  const range = Math.max(f32(f32(width) - 1), EPSILON);
  const share = f32(f32(f32(f32(hu) - low) / range) + 0.5);
  return Math.min(255, Math.max(0, Math.round(f32(share * 255)))) || 0;
}

/** The levels of all 16-bit values, from the least on. */
function table(window) {
  return Uint8Array.from({ length: VALUES }, (_, i) => level(i + LEAST, window));
}

/** Which level is shown for which value: a function of the value. `window` matters to Hounsfield units alone. */
function shownLevel({ kind, values }, window) {
  if (kind === 'gray') return (value) => value;
  if (values instanceof Float32Array) return (value) => level(value, window);
  const levels = table(window);
  return (value) => levels[value - LEAST];
}

/** Paints the pixels, one canvas pixel for each. */
export function paint(canvas, pixels, window, isInverted) {
  const { width, height, values } = pixels;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const image = new ImageData(width, height);
  const packed = new Uint32Array(image.data.buffer);
  const shown = shownLevel(pixels, window);
  const flip = isInverted ? 255 : 0;
  for (let i = 0; i < values.length; i++) {
    const gray = shown(values[i]) ^ flip;
    packed[i] = 0xff000000 | gray << 16 | gray << 8 | gray;
  }
  canvas.getContext('2d', CONTEXT).putImageData(image, 0, 0);
}
