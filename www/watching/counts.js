// What is counted of a slice, a sample a day, see acceptance/src/watch.rs: no image, no name, and no time finer than a day. Knows no element
// and no storage.

// Bins of equal width; the last of distances holds all above.
const SCORES = 20;
const DISTANCES = 16;
const EMBEDDING_STEP = 0.25;
const GRAY_STEP = 5;

/** @typedef {{ count: number, sum: number, squares: number }} Sums */

/**
 * What became of the slices of a day.
 *
 * @typedef {object} Day
 * @property {string} name
 * @property {number} positive
 * @property {number} negative
 * @property {number} uncertain
 * @property {number} refused
 * @property {number} error
 * @property {{ [code: string]: number }} codes Refusals by code.
 * @property {Sums} logits
 * @property {Sums} embedding
 * @property {Sums} gray_levels
 * @property {number[]} scores
 * @property {number[]} embeddings
 * @property {number[]} grays
 */

const none = () => ({ count: 0, sum: 0, squares: 0 });
const bins = (/** @type {number} */ count) => new Array(count).fill(0);

/**
 * @param {string} name The day, as 2026-11-30.
 * @returns {Day}
 */
export const emptyDay = (name) => ({
  name, positive: 0, negative: 0, uncertain: 0, refused: 0, error: 0, codes: {}, logits: none(), embedding: none(), gray_levels: none(),
  scores: bins(SCORES), embeddings: bins(DISTANCES), grays: bins(DISTANCES),
});

/**
 * Counts a slice.
 *
 * @param {Day} day
 * @param {Pick<FullReading, 'verdict' | 'score' | 'logit' | 'refusal' | 'likeness'>} reading
 */
export function count(day, { verdict, score, logit, refusal, likeness }) {
  day[verdict]++;
  if (refusal) day.codes[refusal.code] = (day.codes[refusal.code] ?? 0) + 1;
  if (score !== null && logit !== null) {
    add(day.logits, logit);
    into(day.scores, score * SCORES);
  }
  for (const [value, sums, list, step] of /** @type {[number | null | undefined, Sums, number[], number][]} */ ([
    [likeness?.embedding, day.embedding, day.embeddings, EMBEDDING_STEP], [likeness?.gray_levels, day.gray_levels, day.grays, GRAY_STEP]])) {
    if (value === null || value === undefined) continue;
    add(sums, value);
    into(list, value / step);
  }
}

/**
 * @param {Sums} sums
 * @param {number} value
 */
function add(sums, value) {
  sums.count++;
  sums.sum += value;
  sums.squares += value * value;
}

/**
 * @param {number[]} list
 * @param {number} at
 */
function into(list, at) { list[Math.min(list.length - 1, Math.max(0, Math.floor(at)))]++; }
