// Whether slices are like those of the acceptance test, by the limits that its settings file carries: those of this visit, by the rule of
// `Batch` and `Drift::exceeded` in src/operating_point.rs, and those of the days that this device has counted. Knows no element.

/** @typedef {'refused' | 'embedding' | 'gray_levels'} Exceeded */
/** @typedef {LocalPoint['drift']} Limits */

/**
 * How many slices, how many of them refused, and of each distance how many and their sum.
 *
 * @typedef {{ slices: number, refused: number, embedding: { count: number, sum: number }, gray_levels: { count: number, sum: number } }} Counted
 */

const DISTANCES = /** @type {const} */ (['embedding', 'gray_levels']);

// Counted days say nothing before there are so many: on one there may be a single patient.
const LEAST_DAYS = 5;

// What sums of weights may be off.
const SLACK = 1e-6;

/** @returns {Counted} */
const none = () => ({ slices: 0, refused: 0, embedding: { count: 0, sum: 0 }, gray_levels: { count: 0, sum: 0 } });

/**
 * @param {Counted} to
 * @param {Counted} from
 * @param {number} weight
 */
function add(to, from, weight) {
  to.slices += weight * from.slices;
  to.refused += weight * from.refused;
  for (const key of DISTANCES) {
    to[key].count += weight * from[key].count;
    to[key].sum += weight * from[key].sum;
  }
}

/**
 * @param {Counted} counted
 * @param {Limits} limits
 * @returns {Exceeded[]}
 */
function beyond({ slices, refused, ...means }, limits) {
  const isAbove = (/** @type {number} */ count, /** @type {number} */ sum, /** @type {number | undefined} */ most) =>
    count >= limits.slices - SLACK && most !== undefined && sum > most * count + SLACK;
  return [...(isAbove(slices, refused, limits.refused) ? [/** @type {const} */ ('refused')] : []),
    ...DISTANCES.filter((key) => isAbove(means[key].count, means[key].sum, limits[key]))];
}

/** The slices of a visit. */
export class Drift {
  /** @type {Map<string, Counted>} */
  #groups = new Map();
  #alone = none();

  /** @param {Pick<FullReading, 'verdict' | 'likeness' | 'file' | 'frame' | 'place'>} reading */
  add({ verdict, likeness, file, frame, place }) {
    if (verdict === 'error') return;
    const one = { ...none(), slices: 1, refused: verdict === 'refused' ? 1 : 0 };
    for (const key of DISTANCES) {
      const value = likeness?.[key];
      if (value !== null && value !== undefined) one[key] = { count: 1, sum: value };
    }
    const group = place.patient ?? place.series ?? (frame === null ? null : file);
    if (group !== null && !this.#groups.has(group)) this.#groups.set(group, none());
    add(group === null ? this.#alone : /** @type {Counted} */ (this.#groups.get(group)), one, 1);
  }

  /**
   * Which limits are exceeded; too few slices say nothing, and more of one patient than those of the test had count as so many.
   *
   * @param {Limits} limits
   */
  exceeded(limits) {
    const sum = none();
    add(sum, this.#alone, 1);
    for (const own of this.#groups.values()) add(sum, own, limits.per_group ? Math.min(1, limits.per_group / own.slices) : 1);
    return beyond(sum, limits);
  }
}

/**
 * Which limits the slices exceed that were counted last, and from which day on: as few days as are enough.
 *
 * @param {import('./counts.js').Day[]} days In their order.
 * @param {string} made The day of the acceptance test: what was counted before is not held against it.
 * @param {Limits} limits
 * @returns {{ since: string, exceeded: Exceeded[] }}
 */
export function ofDays(days, made, limits) {
  const [sum, taken] = [none(), /** @type {string[]} */ ([])];
  for (const { name, positive, negative, uncertain, refused, embedding, gray_levels } of [...days].reverse()) {
    if (name < made || (taken.length >= LEAST_DAYS && sum.slices >= limits.slices)) break;
    taken.push(name);
    add(sum, { slices: positive + negative + uncertain + refused, refused, embedding, gray_levels }, 1);
  }
  return { since: taken.at(-1) ?? made, exceeded: taken.length >= LEAST_DAYS ? beyond(sum, limits) : [] };
}
