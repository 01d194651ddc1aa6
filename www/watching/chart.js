// A control chart, drawn. Knows no number: all come from the library.

import { element } from '../common/dom.js';
import { format, words } from '../locales/words.js';

/** @typedef {{ sample: string, slices: number, value: number | null, low: number, high: number, rules: string[] }} Point */
/** @typedef {{ name: string, of: string, centre: number, points: Point[] }} Chart */

const [HEIGHT, LEFT, TOP, FLOOR] = [180, 56, 10, 150];
// In CSS pixels, so that its letters are as large as they say.
const [MIN_WIDTH, USUAL_WIDTH, END] = [260, 640, 10];

/**
 * What a chart is called in the language of now, by the library's name for it.
 *
 * @type {{ [name: string]: keyof typeof words.watching.charts }}
 */
const NAMES = {
  refused: 'refused',
  'called positive': 'positive',
  'mean logit': 'logit',
  'cumulative sum of logits': 'logitSum',
  'mean distance of embeddings': 'embedding',
  'cumulative sum of distances of embeddings': 'embeddingSum',
  'mean distance of gray levels': 'gray',
  'cumulative sum of distances of gray levels': 'graySum',
};

/** @param {string} name */
export function chartName(name) {
  const own = NAMES[name];
  if (own) return words.watching.charts[own];
  const [, code] = name.match(/^refused: (.*)$/) ?? [];
  return code ? `${words.watching.charts.refused}: ${code}` : name;
}

/**
 * @param {Chart} chart
 * @param {number} room How wide it will be, in CSS pixels; 0 where that is not known.
 */
export function drawn({ name, centre, points }, room) {
  const width = Math.max(MIN_WIDTH, room || USUAL_WIDTH);
  const right = width - END;
  const values = [centre, ...points.flatMap(({ value, low, high }) => (value === null ? [low, high] : [value, low, high]))];
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const y = (/** @type {number} */ value) => FLOOR - (value - least) / Math.max(most - least, 1e-9) * (FLOOR - TOP);
  const step = (right - LEFT) / Math.max(1, points.length);
  const x = (/** @type {number} */ at) => LEFT + (at + 0.5) * step;
  const svg = shape('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, role: 'img', class: 'watch-chart' });
  const flagged = points.filter(({ rules }) => rules.length > 0).map(({ sample }) => sample);
  svg.setAttribute('aria-label', words.watching.chart(chartName(name), points.length, flagged.length));
  for (const [at, { low, high }] of points.entries()) svg.append(shape('rect', { class: 'watch-band', x: x(at) - step / 2, y: y(high), width: step, height: Math.max(0, y(low) - y(high)) }));
  for (const limit of /** @type {const} */ (['low', 'high'])) {
    const steps = points.flatMap((point, at) => [-0.5, 0.5].map((side) => `${x(at) + side * step},${y(point[limit])}`));
    svg.append(shape('polyline', { class: 'watch-limit', points: steps.join(' ') }));
  }
  svg.append(shape('line', { class: 'watch-centre', x1: LEFT, x2: right, y1: y(centre), y2: y(centre) }));
  for (const value of [least, most]) svg.append(text(LEFT - 6, y(value) + 4, 'end', format.two(value)));
  const line = points.flatMap(({ value }, at) => (value === null ? [] : [`${x(at)},${y(value)}`]));
  svg.append(shape('polyline', { class: 'watch-line', points: line.join(' ') }));
  for (const [at, { value, rules }] of points.entries()) {
    if (value !== null) svg.append(shape('circle', { class: rules.length > 0 ? 'watch-flag' : 'watch-dot', cx: x(at), cy: y(value), r: rules.length > 0 ? 5 : 3 }));
  }
  for (const at of new Set([0, points.length - 1])) if (points[at]) svg.append(text(x(at), FLOOR + 18, at === 0 ? 'start' : 'end', points[at].sample));
  return element('figure', element('figcaption', chartName(name)), svg);
}

/**
 * @param {string} name
 * @param {{ [attribute: string]: string | number }} attributes
 */
function shape(name, attributes) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [attribute, value] of Object.entries(attributes)) node.setAttribute(attribute, String(value));
  return node;
}

/** @type {(x: number, y: number, anchor: string, said: string) => SVGElement} */
function text(x, y, anchor, said) {
  const node = shape('text', { x, y, 'text-anchor': anchor });
  node.textContent = said;
  return /** @type {SVGElement} */ (node);
}
