// Gray pictures: { width, height, gray: Uint8Array }, row-major. Knows no page and no model.

/** How a canvas is kept that is only written pixel by pixel: in plain memory, not on the GPU. */
export const CONTEXT = { willReadFrequently: true };

/** The picture with its longest side at most `longest`, by area averages; the same object if it fits. */
export function shrink(picture, longest) {
  const { width, height, gray } = picture;
  const ratio = Math.max(width, height) / longest;
  if (!(ratio > 1)) return picture;
  const w = Math.max(1, Math.round(width / ratio));
  const h = Math.max(1, Math.round(height / ratio));
  const small = new Uint8Array(w * h);
  for (let y = 0; y < h; y++) {
    const top = Math.floor(y * height / h);
    const bottom = Math.max(top + 1, Math.floor((y + 1) * height / h));
    for (let x = 0; x < w; x++) {
      const left = Math.floor(x * width / w);
      const right = Math.max(left + 1, Math.floor((x + 1) * width / w));
      let sum = 0;
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) sum += gray[row * width + column];
      }
      small[y * w + x] = Math.round(sum / ((bottom - top) * (right - left)));
    }
  }
  return { width: w, height: h, gray: small };
}

/** Paints the picture on the canvas, one canvas pixel for each pixel. */
export function paintPicture(canvas, { width, height, gray }) {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < gray.length; i++) pixels[i] = 0xff000000 | gray[i] << 16 | gray[i] << 8 | gray[i];
  canvas.getContext('2d', CONTEXT).putImageData(image, 0, 0);
}
