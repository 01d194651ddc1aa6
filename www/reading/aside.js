// What was set aside as a whole, in words. Knows no element of the page.

import { format, words } from '../locales/words.js';

/**
 * How many there are of each kind.
 *
 * @param {StudyBeside[]} beside
 * @returns {{ [kind in Aside]?: number }}
 */
export function tally(beside) {
  /** @type {{ [kind in Aside]?: number }} */
  const kinds = {};
  for (const { kind } of beside) kinds[kind] = (kinds[kind] ?? 0) + 1;
  return kinds;
}

/**
 * A sentence, or nothing where there is nothing.
 *
 * @param {{ [kind in Aside]?: number }} kinds
 */
export function sentenceOf(kinds) {
  const told = /** @type {[Aside, number][]} */ (Object.entries(kinds)).map(([kind, number]) => `${words.batch.kinds[kind]} (${format.integer(number)})`);
  return told.length > 0 ? words.batch.setAside(told.join(', ')) : null;
}
