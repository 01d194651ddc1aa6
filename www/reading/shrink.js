// Makes gray pictures smaller.

/**
 * The picture with its longest side at most `longest`, by area averages; the same object if it fits.
 *
 * @param {Picture} picture
 * @param {number} longest
 * @returns {Picture}
 */
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
