// What the model is, how good it was, and what it cannot do, as elements. Knows no number: all come from the model.

import { element, inEnglish, prose, terms } from '../common/dom.js';
import { format, words } from '../locales/words.js';

export function modelCard(model) {
  const { modelCard: say } = words;
  const [low, high] = model.uncertain.map(format.setting);
  return [
    element('p', ...prose(say.intro)),
    terms('dl.table', [
      [say.name, model.name],
      [say.version, model.version],
      ['SHA-256', element('code', model.sha256)],
      [say.input, say.pixels(model.size)],
      [say.threshold, format.setting(model.threshold)],
      [say.band, say.range(low, high)],
      [say.temperature, format.setting(model.temperature)],
      [say.window, model.window ? words.card.windowOf(model.window.center, model.window.width) : null],
    ]),
    ...training(model.training),
    ...metrics(model.metrics),
    element('h3', say.limits),
    element('ul', ...say.limitList.map((limit) => element('li', ...prose(limit)))),
  ];
}

// Dates apart, the model tells these in English.
function training(given) {
  const rows = Object.entries(given ?? {})
    .filter(([, value]) => typeof value === 'string')
    .map(([name, value]) => [label(name), /^\d{4}-\d\d-\d\d$/.test(value) ? format.date(value) : inEnglish(value)]);
  return rows.length > 0 ? [element('h3', words.modelCard.training), terms('dl.table', rows)] : [];
}

// A group of numbers is a data set or a question; a group within it becomes one row, a line a measure.
function metrics(given) {
  const groups = Object.entries(given ?? {}).filter(([, group]) => isGroup(group));
  if (groups.length === 0) return [];
  return [element('h3', words.modelCard.metrics), ...groups.flatMap(([name, group]) => [
    element('h4', label(name)),
    terms('dl.table', measures(group).map(([of, value]) => [label(of), isGroup(value) ? lines(value) : value])),
  ])];
}

// The measures of a group, each number with its interval if `ci95` has one.
function measures({ ci95 = {}, ...group }) {
  return Object.entries(group).map(([of, value]) => {
    if (Array.isArray(value)) return [of, format.list(value.map(text))];
    if (isGroup(value)) return [of, value];
    return [of, ci95[of] ? words.modelCard.interval(text(value), ...ci95[of].map(text)) : text(value)];
  });
}

function lines(group) {
  return measures(group).map(([of, value]) => element('div.line', label(of), ' ', value));
}

const isGroup = (value) => value instanceof Object && !Array.isArray(value);

function label(name) {
  const known = words.measures[name] ?? words.findings[name];
  if (known) return element('span', ...prose(known));
  const spaced = name.replaceAll('_', ' ');
  return inEnglish(spaced.charAt(0).toUpperCase() + spaced.slice(1));
}

function text(value) {
  if (typeof value !== 'number') return String(value);
  return Number.isInteger(value) ? format.integer(value) : format.three(value);
}
