// The scores of a study's slices as bars and their opacity as a line, in the order of the slices. Knows one study and no other element.

import { words } from '../locales/words.js';

const SVG = 'http://www.w3.org/2000/svg';
const HEIGHT = 40;

/** With more slices the bars are too thin to see. */
export const MAX_BARS = 1000;

/**
 * An SVG: a bar a slice, as high as its score; a dash at the foot where there is none; a line at the operating point; and another through
 * the opaque share of the lungs, which ends where a slice has none.
 *
 * @param {import('./studies.js').Study} study
 * @param {Model} model
 */
export function scoreChart({ records, counts }, { threshold, classes }) {
  const svg = draw('svg', { viewBox: `0 0 ${records.length} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img', class: 'chart' });
  svg.setAttribute('aria-label', words.batch.chart(counts.judged));
  for (const [at, { reading: { score, verdict } }] of records.entries()) {
    // A score near 0 must not look like none.
    const height = score === null ? 1 : Math.max(1.5, score * HEIGHT);
    const bar = draw('rect', { x: at + 0.1, y: HEIGHT - height, width: 0.8, height });
    bar.dataset.verdict = verdict;
    svg.append(bar);
  }
  const y = HEIGHT * (1 - threshold);
  // Several classes have a threshold each, and a bar is of the one that its slice is called.
  if (classes.length < 2) svg.append(draw('line', { x1: 0, x2: records.length, y1: y, y2: y, 'vector-effect': 'non-scaling-stroke' }));
  const path = draw('path', { d: opacityLine(records), 'vector-effect': 'non-scaling-stroke' });
  svg.append(path);
  return svg;
}

/** @param {SliceRecord[]} records */
function opacityLine(records) {
  let down = false;
  return records.map(({ reading: { opacity } }, at) => {
    const step = opacity && `${down ? 'L' : 'M'}${at + 0.5} ${(HEIGHT * (1 - opacity.share)).toFixed(2)}`;
    down = opacity !== null;
    return step ?? '';
  }).join('');
}

/**
 * @param {'svg' | 'rect' | 'line' | 'path'} tag
 * @param {{ [name: string]: string | number }} attributes
 */
function draw(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  return node;
}
