// What is said of a site's operating point beside the verdicts that it gives. Knows no element.

import { today } from '../common/today.js';
import { words } from './words.js';

/** @typedef {('refused' | 'embedding' | 'gray_levels')[]} Exceeded */

/**
 * Which limits of its acceptance test the slices of this visit exceed, and those that this device counted since a day.
 *
 * @type {{ exceeded: Exceeded, counted: { since: string, exceeded: Exceeded } }}
 */
export const drift = { exceeded: [], counted: { since: '', exceeded: [] } };

/**
 * That slices are not like those of the test, in some language; null where they are.
 *
 * @param {string} site
 * @param {{ point: Pick<typeof words.point, 'drifted' | 'counted' | 'drifts'> }} of
 */
export function driftSaid(site, { point: say }) {
  const { exceeded, counted } = drift;
  const named = (/** @type {Exceeded} */ which) => which.map((what) => say.drifts[what]);
  if (exceeded.length > 0) return say.drifted(site, named(exceeded));
  return counted.exceeded.length > 0 ? say.counted(site, counted.since, named(counted.exceeded)) : null;
}

/**
 * Whose operating point it is.
 *
 * @param {PointName} local
 */
export const pointSaid = ({ site, valid_until: until }) => words.point.by(site, until);

/**
 * What must be said beside each verdict, today; null where the operating point holds.
 *
 * @param {PointName} local
 */
export function pointNotice({ site, made, valid_until: until }) {
  const day = today();
  if (day > until) return words.point.ended(site, until);
  if (day < made) return words.point.early(site, made);
  return driftSaid(site, words);
}
