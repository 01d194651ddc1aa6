// What the viewer says in words of the slice that is shown: its name and place, its reading, and how it was taken. Owns these elements; knows
// no pixel.

import { element, fill, inEnglish, plain, terms } from '../common/dom.js';
import { byId } from '../common/page.js';
import { means } from '../results/means.js';
import { reason } from '../reading/reason.js';
import { byPoint, score, verdict } from '../results/result-card.js';
import { pointOf, verdictOf } from '../locales/classes.js';
import { format, words } from '../locales/words.js';
import { factsOf, placeOf } from './facts.js';
import { keyList } from './keys.js';

const IDS = ['file', 'told', 'selection', 'verdict', 'place', 'reading', 'facts', 'note', 'scale', 'probe', 'said'];

/**
 * What holds for every slice: the keys, and what threshold and band mean.
 *
 * @param {Model} model
 */
export function tellOnce(model) {
  fill(byId('viewer-key-list'), keyList());
  fill(byId('viewer-means'), [means(model)]);
}

/**
 * @param {import('./stack.js').Stack} stack
 * @param {number} at Which of its slices.
 * @param {Model} model
 */
export function tell({ records, title, isSelection }, at, model) {
  const record = records[at];
  const { reading } = record;
  const [number, total] = [at + 1, records.length];
  const frame = reading.frame === null ? null : ` · ${words.card.frame(reading.frame)}`;
  const name = `${plain(reading.file)}${frame ?? ''}`;
  fill(byId('viewer-file'), [title && `${title} · `, element('bdi', reading.file), frame]);
  byId('viewer-stack').classList.toggle('single', total === 1);
  const slider = byId('viewer-at', HTMLInputElement);
  Object.assign(slider, { max: total, value: number });
  slider.setAttribute('aria-valuetext', words.viewer.position(number, total));
  byId('viewer-previous', HTMLButtonElement).disabled = number === 1;
  byId('viewer-next', HTMLButtonElement).disabled = number === total;
  const said = [verdictOf(reading, model), reading.score === null ? null : format.score(reading.score)].filter(Boolean).join(': ');
  byId('viewer-verdict').textContent = said;
  byId('viewer-place').textContent = placeOf(record);
  byId('viewer-selection').textContent = isSelection ? words.viewer.ofSelection : '';
  const told = [
    element('strong', words.viewer.position(number, total)),
    element('span.aloud', `, ${name}, ${said}`),
  ];
  // What describes the stage is no status itself: Firefox takes no text from one.
  const text = element('span', ...told);
  text.id = 'viewer-told-text';
  // A screen reader repeats a status whenever it is set.
  const position = byId('viewer-told');
  if (position.textContent !== text.textContent) position.replaceChildren(text);

  byId('viewer-reading').dataset.verdict = reading.verdict;
  fill(byId('viewer-reading'), [
    verdict(reading, model),
    reading.score === null ? null : score(reading.score, pointOf(model, reading)),
    byPoint(reading),
    why(reading),
  ]);
  fill(byId('viewer-facts'), [...terms('dl', factsOf(record, title === null ? null : total)).children]);
}

/** Says nothing any more. */
export function fallSilent() {
  for (const id of IDS) byId(`viewer-${id}`).replaceChildren();
}

/** @param {Reading} reading */
function why(reading) {
  if (!reading.refusal && !reading.error) return null;
  const { text, detail } = reason(reading);
  return element('p.reason', text, text && detail ? ' ' : null, detail && inEnglish(detail));
}
