// What came out of an acceptance test, as elements. Knows no number: all come from the library.

import { element, inEnglish, terms } from '../common/dom.js';
import { format, known, words } from '../locales/words.js';

/**
 * A measure with its interval, as the library gives it.
 *
 * @typedef {{ value: number | null, ci95: [number, number] | null }} Estimate
 */

/** @typedef {{ threshold: number | null, called: number, right: number, more_groups: number | null }} Side */

/**
 * What the page needs of acceptance.json.
 *
 * @typedef {object} Acceptance
 * @property {{ slices: number, positives: number, groups: number, accepted: number, refused: number, unreadable: number }} counts
 * @property {string[]} warnings In English.
 * @property {number} threshold
 * @property {(Pick<LocalPoint, 'positive_from' | 'negative_to' | 'ppv' | 'npv' | 'confidence'>) | null} triage
 * @property {{ positive: Side, negative: Side }} sides
 * @property {Estimate} auc
 * @property {Estimate} sensitivity
 * @property {Estimate} specificity
 * @property {Estimate} ece
 */

const MEASURES = /** @type {const} */ (['auc', 'sensitivity', 'specificity', 'ece']);

/** @param {Acceptance} acceptance */
export function told(acceptance) {
  const { check: say } = words;
  const { counts, triage, warnings } = acceptance;
  const answer = triage ? element('p', element('strong', say.gives), ' ', words.point.means(triage)) : element('p', element('strong', say.givesNone), ' ', missing(acceptance));
  answer.dataset.testid = 'check-answer';
  const figures = terms('dl.table', MEASURES.map((name) => [known(words.measures, name) ?? name, estimate(acceptance[name])]));
  figures.dataset.testid = 'check-figures';
  return [
    element('p', say.read(counts)),
    answer,
    element('h3', say.figures(acceptance.threshold)),
    figures,
    ...(warnings.length > 0 ? [element('ul', ...warnings.map((warning) => element('li', inEnglish(`${warning}.`))))] : []),
  ];
}

/** @param {Estimate} estimate */
function estimate({ value, ci95 }) {
  if (value === null) return words.check.undefined;
  const text = format.three(value);
  return ci95 ? words.modelCard.interval(text, format.three(ci95[0]), format.three(ci95[1])) : text;
}

/**
 * Why there is no operating point, a side each.
 *
 * @param {Acceptance} acceptance
 */
function missing({ sides }) {
  const { check: say, verdict } = words;
  return (/** @type {const} */ (['positive', 'negative'])).filter((side) => sides[side].threshold === null).map((side) => {
    const { called, right, more_groups: more } = sides[side];
    return more === null ? say.hopeless(verdict[side], right, called) : say.more(verdict[side], right, called, more);
  }).join(' ');
}
