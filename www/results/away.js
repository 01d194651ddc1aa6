// Which slices are left to the filmstrip of their study: those of a study of more than a few, where the reader wants an overview. Knows no
// element.

import { groupOf } from '../study/group.js';

// The cards of a study of at most this many slices are shown beside its filmstrip.
const FEW = 12;

export class Away {
  isOverview = true;
  /** @type {Map<string, number>} How many slices there are of each group that belongs together. */
  #sizes = new Map();

  /**
   * @param {SliceRecord} record
   * @param {1 | -1} by
   */
  count(record, by) {
    const group = groupOf(record);
    if (group !== null) this.#sizes.set(group, (this.#sizes.get(group) ?? 0) + by);
  }

  clear() { this.#sizes.clear(); }

  /** @param {SliceRecord} record */
  has(record) { return this.isOverview && this.#size(record) > FEW; }

  /**
   * The slices of the records that are left to the filmstrip with `last`, which has just come: it was one too many.
   *
   * @template {SliceRecord} R
   * @param {R} last
   * @param {R[]} records
   */
  joined(last, records) {
    if (!this.isOverview || this.#size(last) !== FEW + 1) return [];
    const group = groupOf(last);
    return records.filter((record) => groupOf(record) === group);
  }

  /** @param {SliceRecord} record */
  #size(record) { return this.#sizes.get(groupOf(record) ?? '') ?? 0; }
}
