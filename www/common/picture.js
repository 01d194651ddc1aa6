// Paints pictures on canvases, in colours where they have them. Knows no page and no model.

// A canvas that is only written pixel by pixel is kept in plain memory, not on the GPU.
const CONTEXT = { willReadFrequently: true };

/**
 * Paints an image on the canvas, one canvas pixel for each pixel.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {ImageData} image
 */
export function paintImage(canvas, image) {
  const { width, height } = image;
  // A canvas of the right size keeps its memory.
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', CONTEXT)).putImageData(image, 0, 0);
}

/** @type {ImageData | null} What was painted last, to be painted over: its memory would otherwise be asked for again and again. */
let used = null;

/**
 * A clear image to paint on and to hand to `paintImage` at once.
 *
 * @param {number} width
 * @param {number} height
 */
export function blank(width, height) {
  if (used?.width === width && used.height === height) used.data.fill(0);
  else used = new ImageData(width, height);
  return used;
}

/**
 * A pixel of an image, as its 32-bit values lie in memory.
 *
 * @param {number[]} rgb
 * @param {number} alpha
 */
export const colour = ([red, green, blue], alpha) => (alpha << 24 | blue << 16 | green << 8 | red) >>> 0;

/**
 * Paints the picture on the canvas, one canvas pixel for each pixel.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Picture} picture
 */
export function paintPicture(canvas, { width, height, gray, colours }) {
  const image = blank(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  if (colours) fillColours(pixels, colours, 0);
  else for (let at = 0; at < gray.length; at++) pixels[at] = 0xff000000 | gray[at] * 0x10101;
  paintImage(canvas, image);
}

/**
 * Fills the pixels of an image with colours.
 *
 * @param {Uint32Array} pixels As their 32-bit values lie in memory.
 * @param {Uint8Array} colours Red, green and blue of each.
 * @param {number} flip 255 to invert them, else 0.
 */
export function fillColours(pixels, colours, flip) {
  for (let at = 0, from = 0; at < pixels.length; at++, from += 3) {
    pixels[at] = 0xff000000 | (colours[from + 2] ^ flip) << 16 | (colours[from + 1] ^ flip) << 8 | colours[from] ^ flip;
  }
}
