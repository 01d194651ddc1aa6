// The profile of a study: scores as bars and opacity as a line, slice by slice in the order of the study. It is gone through like a slider:
// arrow keys move from slice to slice, Enter or a click opens one. Knows one study and no other element.

import { element } from '../common/dom.js';
import { scoreChart } from './score-chart.js';
import { scoreOf } from '../locales/classes.js';
import { format, words } from '../locales/words.js';

/** How far Page Up and Page Down go, as a share of the slices. */
const PAGE = 0.1;

/**
 * The profile, at the slice of this number.
 *
 * @param {import('./studies.js').Study} study
 * @param {Model} model
 * @param {number} slice From 1.
 * @param {object} on
 * @param {(slice: number) => void} on.onMove A person has gone to the slice.
 * @param {(slice: number) => void} on.onOpen A person wants to see it.
 */
export function profile(study, model, slice, { onMove, onOpen }) {
  const { records } = study;
  const cursor = element('span.cursor');
  const box = element('div.profile', scoreChart(study, model), cursor);
  box.dataset.testid = 'profile';
  box.tabIndex = 0;
  for (const [name, value] of Object.entries({ role: 'slider', 'aria-label': words.study.profile, 'aria-valuemin': '1', 'aria-valuemax': String(records.length) })) box.setAttribute(name, value);

  /** @param {number} wanted */
  function show(wanted) {
    slice = Math.min(records.length, Math.max(1, wanted));
    cursor.style.setProperty('--at', String((slice - 0.5) / records.length));
    box.setAttribute('aria-valuenow', String(slice));
    box.setAttribute('aria-valuetext', told(study, slice));
  }

  /** @param {number} wanted */
  function move(wanted) {
    show(wanted);
    onMove(slice);
  }

  box.addEventListener('keydown', (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.round(PAGE * records.length));
    /** @type {{ [key: string]: number }} */
    const to = { ArrowLeft: slice - 1, ArrowDown: slice + 1, ArrowRight: slice + 1, ArrowUp: slice - 1, PageUp: slice - page, PageDown: slice + page, Home: 1, End: records.length };
    if (event.key in to) move(to[event.key]);
    else if (event.key === 'Enter' || event.key === ' ') onOpen(slice);
    else return;
    event.preventDefault();
  });
  box.addEventListener('pointermove', ({ clientX }) => move(at(clientX)));
  box.addEventListener('click', ({ clientX }) => {
    move(at(clientX));
    onOpen(slice);
  });

  /** @param {number} x */
  function at(x) {
    const { left, width } = box.getBoundingClientRect();
    return Math.floor((x - left) / width * records.length) + 1;
  }

  show(slice);
  return box;
}

/**
 * What is known of a slice: its number, score and opacity, or its verdict where there is no score.
 *
 * @param {import('./studies.js').Study} study
 * @param {number} slice
 */
export function told({ records }, slice) {
  const { reading } = records[slice - 1];
  if (reading.score === null) return words.study.unscored(slice, words.verdict[reading.verdict]);
  const score = scoreOf(reading);
  return reading.opacity ? words.study.scored(slice, score, format.percent(reading.opacity.share)) : words.study.scoredAlone(slice, score);
}
