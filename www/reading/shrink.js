// Makes pictures smaller.

/**
 * The picture with its longest side at most `longest`, by area averages; the same object if it fits.
 *
 * @param {Picture} picture
 * @param {number} longest
 * @returns {Picture}
 */
export function shrink(picture, longest) {
  const { width, height, gray, colours } = picture;
  const ratio = Math.max(width, height) / longest;
  if (!(ratio > 1)) return picture;
  const w = Math.max(1, Math.round(width / ratio));
  const h = Math.max(1, Math.round(height / ratio));
  /** @type {(values: Uint8Array, channels: number) => Uint8Array<ArrayBuffer>} */
  const averaged = (values, channels) => averages(values, channels, [width, height], [w, h]);
  return { width: w, height: h, gray: averaged(gray, 1), colours: colours && averaged(colours, 3) };
}

/**
 * @param {Uint8Array} values So many of each pixel.
 * @param {number} channels
 * @param {[width: number, height: number]} size
 * @param {[width: number, height: number]} smaller
 */
function averages(values, channels, [width, height], [w, h]) {
  const small = new Uint8Array(channels * w * h);
  for (let y = 0; y < h; y++) {
    const top = Math.floor(y * height / h);
    const bottom = Math.max(top + 1, Math.floor((y + 1) * height / h));
    for (let x = 0; x < w; x++) {
      const left = Math.floor(x * width / w);
      const right = Math.max(left + 1, Math.floor((x + 1) * width / w));
      const count = (bottom - top) * (right - left);
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0;
        for (let row = top; row < bottom; row++) {
          for (let column = left; column < right; column++) sum += values[(row * width + column) * channels + channel];
        }
        small[(y * w + x) * channels + channel] = Math.round(sum / count);
      }
    }
  }
  return small;
}
