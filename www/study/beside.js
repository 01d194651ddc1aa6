// Two studies beside each other: which two are shown, and their extents in one table. It puts numbers side by side and says nothing of them.
// Owns its own elements; knows no card.

import { element } from '../common/dom.js';
import { PARTS, volumeOf } from './extent.js';
import { titleOf } from './studies.js';
import { format, words } from '../locales/words.js';

/** @typedef {import('./studies.js').Study} Study */

export class Beside {
  node = element('details.beside');
  #summary = element('summary');
  #note = element('p.help');
  #table = element('table.extent');
  /** @type {[HTMLSelectElement, HTMLSelectElement]} */
  #choices = [element('select'), element('select')];
  /** @type {Study[]} */
  #studies = [];

  /** @param {() => void} onChange Others are chosen, or none. */
  constructor(onChange) {
    this.node.dataset.testid = 'beside';
    this.#table.dataset.testid = 'beside-table';
    for (const [at, choice] of this.#choices.entries()) {
      choice.dataset.testid = `beside-${at + 1}`;
      choice.addEventListener('change', () => {
        this.#fill();
        onChange();
      });
    }
    this.node.append(this.#summary, element('div.beside-body', element('div.beside-choices', ...this.#choices), this.#table, this.#note));
    this.node.addEventListener('toggle', () => {
      this.#fill();
      onChange();
    });
  }

  /**
   * The studies to choose from, or the language, have changed.
   *
   * @param {Study[]} studies
   */
  show(studies) {
    this.#studies = studies.filter(({ extent }) => extent !== null);
    this.node.hidden = this.#studies.length < 2;
    if (this.node.hidden) {
      this.node.open = false;
      return;
    }
    this.#summary.textContent = words.beside.title;
    this.#note.textContent = words.beside.note;
    for (const [at, choice] of this.#choices.entries()) {
      const before = choice.value;
      choice.replaceChildren(...this.#studies.map((study) => {
        const option = element('option', titleOf(study));
        option.value = keyOf(study);
        return option;
      }));
      choice.value = before;
      if (choice.selectedIndex < 0) choice.selectedIndex = Math.min(at, this.#studies.length - 1);
      choice.setAttribute('aria-label', [words.beside.first, words.beside.second][at]);
    }
    this.#fill();
  }

  /** The two that are shown alone; null while all are. */
  get chosen() {
    return this.node.open ? this.#choices.map((choice) => choice.value) : null;
  }

  #fill() {
    if (!this.node.open) return;
    const two = this.#choices.map((choice) => /** @type {Study} */ (this.#studies.find((study) => keyOf(study) === choice.value)));
    const head = (/** @type {string} */ text, scope = 'col') => Object.assign(element('th', text), { scope });
    const rows = PARTS.flatMap((part) => {
      const found = two.map(({ extent }) => extent?.[part] ?? null);
      if (found.every((one) => one === null)) return [];
      const row = element('tr', head(words.study.parts[part], 'row'), ...found.map((one) => element('td', one ? format.percent(one.share) : '\u2013', ' ', one && volumeOf(one))));
      row.dataset.part = part;
      return [row];
    });
    const heads = [words.study.part, ...two.map((study) => titleOf(study))].map((text) => head(text));
    this.#table.replaceChildren(element('caption', words.study.extent), element('thead', element('tr', ...heads)), element('tbody', ...rows));
  }
}

/**
 * What tells a study from the others.
 *
 * @param {Study} study
 */
export const keyOf = ({ kind, ordinal }) => `${kind} ${ordinal}`;
