// What is said of a site's operating point beside the verdicts that it gives. Knows no element.

import { today } from '../common/today.js';
import { words } from './words.js';

/**
 * Which limits of its acceptance test the slices of this visit exceed.
 *
 * @type {{ exceeded: ('refused' | 'embedding' | 'gray_levels')[] }}
 */
export const drift = { exceeded: [] };

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
  return drift.exceeded.length > 0 ? words.point.drifted(site, drift.exceeded.map((what) => words.point.drifts[what])) : null;
}
