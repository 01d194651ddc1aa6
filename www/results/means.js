// What threshold and uncertain band mean, on the spot: as elements. Knows no number: all come from the model.

import { element, inEnglish, prose } from '../common/dom.js';
import { words } from '../locales/words.js';

/** @param {Model} model */
export function means({ threshold, uncertain, chosen, metrics, local }) {
  const { means: say } = words.card;
  const [low, high] = uncertain;
  const { sensitivity, specificity } = /** @type {Measures} */ (metrics.test ?? {});
  // They were measured at the threshold that ships.
  const tested = local === null && typeof sensitivity === 'number' && typeof specificity === 'number';
  const node = element('details.means',
    element('summary', say.title),
    element('p', say.threshold(threshold)),
    tested ? element('p', ...prose(say.test(sensitivity, specificity))) : null,
    local ? element('p', words.point.means(local)) : null,
    low < high ? element('p', say.band(uncertain)) : null,
    chosen ? element('p', say.chosen, ' ', inEnglish(chosen)) : null);
  node.dataset.testid = 'means';
  return node;
}
