// What the model is, how good it was, and what it cannot do, as elements. Knows no number: all come from the model.

import { element, terms } from './dom.js';
import { words } from './words.js';

const LIMITS = [
  'It was trained on figures taken from papers: few patients, many scanners, unknown settings. On other data expect lower accuracy.',
  'COVID-19 is separated from other slices of the same collection, not from every other disease. Other pneumonias can look the same on one slice.',
  'It sees one slice. It does not know the patient, the history, a test result, or the slices above and below.',
  'The map shows what moved the score. It does not outline disease.',
  'How likely disease is behind a score depends on how common the disease is among the people examined.',
];

export function modelCard(model) {
  const [low, high] = model.uncertain;
  const number = (value) => String(Math.round(value * 1e4) / 1e4);
  return [
    element('p', 'A small convolutional network that separates slices with COVID-19 from others, with calibrated scores. It runs inside this page as WebAssembly. For research and education; not a medical device.'),
    terms('dl.table', [
      ['Name', model.name],
      ['Version', model.version],
      ['SHA-256', element('code', model.sha256)],
      ['Input', `${model.size} × ${model.size} pixels`],
      ['Operating point', number(model.threshold)],
      ['Uncertain band', `${number(low)} to ${number(high)}`],
      ['Temperature', number(model.temperature)],
      ['DICOM window', model.window ? words.card.windowOf(model.window.center, model.window.width) : null],
    ]),
    ...training(model.training),
    ...metrics(model.metrics),
    element('h3', 'Limits'),
    element('ul', ...LIMITS.map((limit) => element('li', limit))),
  ];
}

function training(given) {
  const rows = Object.entries(given ?? {}).filter(([, value]) => typeof value === 'string').map(([name, value]) => [label(name), value]);
  return rows.length > 0 ? [element('h3', 'How it was trained'), terms('dl.table', rows)] : [];
}

// A group of numbers is a data set or a question; a group within it becomes one row.
function metrics(given) {
  const groups = Object.entries(given ?? {}).filter(([, group]) => group instanceof Object);
  if (groups.length === 0) return [];
  return [element('h3', 'How good it was'), ...groups.flatMap(([name, group]) => [
    element('h4', label(name)),
    terms('dl.table', measures(group).map(([of, value]) => [label(of), value instanceof Object && !Array.isArray(value) ? row(value) : value])),
  ])];
}

// The measures of a group, each number with its interval if `ci95` has one.
function measures({ ci95 = {}, ...group }) {
  return Object.entries(group).map(([of, value]) => {
    if (Array.isArray(value)) return [of, value.map(text).join(' and ')];
    if (value instanceof Object) return [of, value];
    return [of, ci95[of] ? `${text(value)} (95 % interval ${text(ci95[of][0])} to ${text(ci95[of][1])})` : text(value)];
  });
}

function row(group) {
  return measures(group).map(([of, value]) => `${label(of)} ${value}`).join('; ');
}

const ABBREVIATIONS = { auc: 'AUC', f1: 'F1', ppv: 'PPV', npv: 'NPV', ece: 'ECE', n: 'Slices', jpeg: 'JPEG', png: 'PNG', roc: 'ROC', covid: 'COVID-19' };

function label(name) {
  const spaced = name.split('_').map((word) => (word === 'n' ? word : ABBREVIATIONS[word] ?? word)).join(' ');
  return ABBREVIATIONS[name] ?? spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

function text(value) {
  return typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(3) : String(value);
}
