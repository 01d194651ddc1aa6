// Whether the slices of this visit are like those of the acceptance test, by the limits that its settings file carries: the rule of
// `Drift::exceeded` in src/operating_point.rs. Knows no element.

/** @typedef {'refused' | 'embedding' | 'gray_levels'} Exceeded */

export class Drift {
  #slices = 0;
  #refused = 0;
  #means = { embedding: { count: 0, sum: 0 }, gray_levels: { count: 0, sum: 0 } };

  /** @param {Pick<FullReading, 'verdict' | 'likeness'>} reading */
  add({ verdict, likeness }) {
    if (verdict === 'error') return;
    this.#slices++;
    if (verdict === 'refused') this.#refused++;
    for (const key of /** @type {const} */ (['embedding', 'gray_levels'])) {
      const value = likeness?.[key];
      if (value === null || value === undefined) continue;
      this.#means[key].count++;
      this.#means[key].sum += value;
    }
  }

  /**
   * Which limits are exceeded; too few slices say nothing.
   *
   * @param {LocalPoint['drift']} limits
   * @returns {Exceeded[]}
   */
  exceeded(limits) {
    /** @type {Exceeded[]} */
    const found = [];
    if (this.#slices >= limits.slices && this.#refused > limits.refused * this.#slices) found.push('refused');
    for (const key of /** @type {const} */ (['embedding', 'gray_levels'])) {
      const [most, { count, sum }] = [limits[key], this.#means[key]];
      if (most !== undefined && count >= limits.slices && sum > most * count) found.push(key);
    }
    return found;
  }
}
