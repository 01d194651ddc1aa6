// Which slices of a study are worth a look first. Knows no element.

/** How many there are at most. */
const MOST = 3;
/** How far apart they lie, as a share of the slices. */
const APART = 0.05;

/**
 * The numbers, from 1, of up to three slices that lie apart: the highest score, the most opaque, then the next highest scores.
 *
 * @param {Pick<import('./studies.js').Study, 'ranked' | 'records'>} study
 */
export function keySlices({ ranked, records }) {
  const opacity = (/** @type {number} */ slice) => records[slice - 1].reading.opacity?.share ?? 0;
  const [highest, ...rest] = ranked;
  if (highest === undefined) return [];
  const opaque = [...ranked].sort((a, b) => opacity(b) - opacity(a));
  const far = Math.max(1, APART * records.length);
  /** @type {number[]} */
  const chosen = [];
  for (const slice of [highest, ...opaque.slice(0, 1), ...rest]) {
    const wanted = chosen.every((other) => Math.abs(other - slice) >= far);
    if (chosen.length < MOST && wanted) chosen.push(slice);
  }
  return chosen;
}
