// What is measured on a slice: lengths in millimetres, and what Hounsfield units a region has. Plain numbers; knows no element.

/** @typedef {import('./view.js').Point} Point In pixels of the slice; whole numbers lie between pixels. */

/**
 * A line, or an ellipse in the rectangle between two of its corners.
 *
 * @typedef {{ kind: 'length' | 'region', from: Point, to: Point }} Measure
 */

/** @typedef {[across: number, down: number]} Spacing Millimetres from column to column, and from row to row. */

/**
 * Of a line: millimetres, or pixels where their size is not known.
 *
 * @param {Measure} measure
 * @param {Spacing | null} spacing
 */
export function lengthOf({ from, to }, spacing) {
  const [across, down] = spacing ?? [1, 1];
  return Math.hypot((to.x - from.x) * across, (to.y - from.y) * down);
}

/**
 * Of an ellipse: its area in square millimetres, null where the size of pixels is not known; and mean, standard deviation (of all these
 * pixels, not of a sample), least and greatest of the pixels whose middle lies in it, null where it has none.
 *
 * @param {Measure} measure
 * @param {import('./display-window.js').Pixels} pixels
 * @param {Spacing | null} spacing
 */
export function regionOf({ from, to }, { width, height, values }, spacing) {
  const middle = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
  const half = { x: Math.abs(to.x - from.x) / 2, y: Math.abs(to.y - from.y) / 2 };
  const area = spacing ? Math.PI * half.x * half.y * spacing[0] * spacing[1] : null;
  let [count, mean, squares, least, greatest] = [0, 0, 0, Infinity, -Infinity];
  const rows = [Math.max(0, Math.floor(middle.y - half.y)), Math.min(height - 1, Math.ceil(middle.y + half.y))];
  for (let row = rows[0]; row <= rows[1]; row++) {
    const off = (row + 0.5 - middle.y) / half.y;
    const reach = off * off <= 1 ? half.x * Math.sqrt(1 - off * off) : -1;
    if (!(reach >= 0)) continue;
    const first = Math.max(0, Math.ceil(middle.x - reach - 0.5));
    const last = Math.min(width - 1, Math.floor(middle.x + reach - 0.5));
    for (let column = first; column <= last; column++) {
      const value = values[row * width + column];
      // Welford 1962: exact where all values are nearly alike.
      const change = value - mean;
      count++;
      mean += change / count;
      squares += change * (value - mean);
      least = Math.min(least, value);
      greatest = Math.max(greatest, value);
    }
  }
  return { area, values: count > 0 ? { count, mean, deviation: Math.sqrt(squares / count), least, greatest } : null };
}

/**
 * The longest bar of 1, 2 or 5 times a power of ten millimetres that is at most `longest` CSS pixels long: its millimetres and pixels. Null
 * where none is.
 *
 * @param {number} scale CSS pixels for a millimetre.
 * @param {number} longest
 */
export function scaleBar(scale, longest) {
  if (!(scale > 0) || !Number.isFinite(scale) || !(longest > 0)) return null;
  const power = 10 ** Math.floor(Math.log10(longest / scale));
  // Rounding may have put the power one too high or too low.
  const fitting = [0.5, 1, 2, 5, 10].map((times) => times * power).filter((millimetres) => millimetres * scale <= longest);
  const millimetres = fitting.at(-1);
  return millimetres === undefined ? null : { millimetres, length: millimetres * scale };
}
