// Paints gray pictures on canvases. Knows no page and no model.

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

/**
 * Paints the picture on the canvas, one canvas pixel for each pixel.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Picture} picture
 */
export function paintPicture(canvas, { width, height, gray }) {
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < gray.length; i++) pixels[i] = 0xff000000 | gray[i] << 16 | gray[i] << 8 | gray[i];
  paintImage(canvas, image);
}
