// What the model is, how good it was, and what it cannot do, as elements. Knows no number: all come from the model.

import { className } from '../locales/classes.js';
import { element, inEnglish, prose, terms } from '../common/dom.js';
import { pointSaid } from '../locales/point.js';
import { format, known, words } from '../locales/words.js';
import { wordsOf } from './network.js';

/** @typedef {import('../common/dom.js').Pair} Pair */

/** @param {Model} model */
export function modelCard(model) {
  const { modelCard: say } = words;
  const [low, high] = model.uncertain.map(format.setting);
  const { text, isForeign } = wordsOf(model);
  const told = (/** @type {string} */ line) => (isForeign ? [inEnglish(line)] : prose(line));
  const isOwn = model.card === null;
  const limits = isOwn ? say.limitList : text.limits;
  return [
    element('p', ...(isOwn ? prose(say.intro) : told(text.purpose || words.network.noPurpose))),
    ...(model.local ? [element('p', pointSaid(model.local), ' ', words.point.means(model.local))] : []),
    terms('dl.table', [
      [say.name, model.name],
      [say.version, model.version],
      ['SHA-256', element('code', model.sha256)],
      [say.input, model.size === model.height ? say.pixels(model.size) : `${model.height} × ${model.size}`],
      [say.threshold, format.setting(model.threshold)],
      [say.band, say.range(low, high)],
      [say.temperature, format.setting(model.temperature)],
      [say.window, model.window ? words.card.windowOf(model.window.center, model.window.width) : null],
    ]),
    ...classes(model),
    ...(model.card ? model.card.split(/\n\s*\n/).map((part) => inEnglish(part)).map((part) => element('p.card-text', part)) : []),
    ...training(model.training),
    ...metrics(model.metrics),
    ...(limits.length > 0 ? [element('h3', say.limits), element('ul', ...limits.map((limit) => element('li', ...(isOwn ? prose(limit) : told(limit)))))] : []),
  ];
}

/**
 * Of several classes, what each is called and from which score it counts.
 *
 * @param {Model} model
 */
function classes(model) {
  if (model.classes.length < 2) return [];
  const rows = model.classes.map(({ id, threshold }) => /** @type {Pair} */ ([className(model, id), `${words.modelCard.threshold}: ${format.setting(threshold)}`]));
  return [element('h3', words.network.scores), terms('dl.table', rows)];
}

/**
 * Dates apart, the model tells these in English.
 *
 * @param {Measures} given
 */
function training(given) {
  const rows = Object.entries(given ?? {})
    .flatMap(([name, value]) => (typeof value === 'string' ? [/** @type {Pair} */ ([label(name), said(value)])] : []));
  return rows.length > 0 ? [element('h3', words.modelCard.training), terms('dl.table', rows)] : [];
}

/** @param {string} value */
const said = (value) => (/^\d{4}-\d\d-\d\d$/.test(value) ? format.date(value) : inEnglish(value));

/**
 * A group of numbers is a data set or a question; a group within it becomes one row, a line a measure.
 *
 * @param {Measures} given
 */
function metrics(given) {
  const groups = Object.entries(given ?? {}).flatMap(([name, group]) => (isGroup(group) ? [{ name, group }] : []));
  if (groups.length === 0) return [];
  return [element('h3', words.modelCard.metrics), ...groups.flatMap(({ name, group }) => [
    element('h4', label(name)),
    terms('dl.table', measures(group).map(([of, value]) => [label(of), typeof value === 'string' ? value : lines(value)])),
  ])];
}

/**
 * The measures of a group: a text, with its interval if `ci95` has one, or a group again.
 *
 * @param {Measures} group
 * @returns {[of: string, told: string | Measures][]}
 */
function measures({ ci95 = {}, ...group }) {
  const intervals = /** @type {{ [of: string]: [low: number, high: number] | undefined }} */ (ci95);
  return Object.entries(group).map(([of, value]) => {
    if (Array.isArray(value)) return [of, format.list(value.map(text))];
    if (isGroup(value)) return [of, value];
    const [low, high] = intervals[of] ?? [];
    return [of, low !== undefined && high !== undefined ? words.modelCard.interval(text(value), text(low), text(high)) : text(value)];
  });
}

/** @param {Measures} group */
function lines(group) {
  return measures(group).map(([of, told]) => element('div.line', label(of), ' ', typeof told === 'string' ? told : null));
}

/**
 * @param {Measures[string]} value
 * @returns {value is Measures}
 */
const isGroup = (value) => value instanceof Object && !Array.isArray(value);

/** @param {string} name */
function label(name) {
  const named = known(words.measures, name) ?? known(words.opacity, name);
  if (named) return element('span', ...prose(named));
  const spaced = name.replaceAll('_', ' ');
  return inEnglish(spaced.charAt(0).toUpperCase() + spaced.slice(1));
}

/** @param {string | number} value */
function text(value) {
  if (typeof value !== 'number') return String(value);
  return Number.isInteger(value) ? format.integer(value) : format.three(value);
}
