// The study summaries on the page: a fold for each study of two slices or more. Owns their elements; knows no table and no card.

import { element } from '../common/dom.js';
import { MAX_BARS, scoreChart } from './score-chart.js';
import { sentencesOf, titleOf } from './studies.js';
import { format, words } from '../locales/words.js';

// How many of the highest slices are named, and how many studies are open from the start.
const HIGHEST = 5;
const OPEN = 2;

/** @typedef {import('./studies.js').Study} Study */

/** @typedef {{ node: HTMLDetailsElement, summary: HTMLElement, body: HTMLElement, told: string }} Fold `told`: what it says now. */

export class StudyPanel {
  #section;
  #list;
  #onOpen;
  /** @type {Map<string, Fold>} By kind and ordinal, so that a fold stays as a person left it. */
  #folds = new Map();

  /**
   * @param {HTMLElement} section
   * @param {HTMLElement} list
   * @param {(record: SliceRecord) => void} onOpen A person wants to see the slice.
   */
  constructor(section, list, onOpen) {
    this.#section = section;
    this.#list = list;
    this.#onOpen = onOpen;
  }

  /**
   * @param {Study[]} studies
   * @param {Model} model
   */
  show(studies, model) {
    const several = studies.filter(({ counts }) => counts.slices > 1);
    this.#section.hidden = several.length === 0;
    /** @type {Map<string, Fold>} */
    const shown = new Map();
    for (const [at, study] of several.entries()) {
      const key = `${study.kind} ${study.ordinal}`;
      const fold = this.#folds.get(key) ?? this.#make(at < OPEN);
      shown.set(key, fold);
      this.#fill(fold, study, model);
    }
    this.#folds = shown;
    const nodes = [...shown.values()].map(({ node }) => node);
    if (nodes.length !== this.#list.children.length || nodes.some((node, at) => node !== this.#list.children[at])) this.#list.replaceChildren(...nodes);
  }

  /**
   * @param {boolean} open
   * @returns {Fold}
   */
  #make(open) {
    const summary = element('summary');
    const body = element('div.study-body');
    const node = element('details.study', summary, body);
    node.open = open;
    node.dataset.testid = 'study';
    return { node, summary, body, told: '' };
  }

  /**
   * @param {Fold} fold
   * @param {Study} study
   * @param {Model} model
   */
  #fill(fold, study, model) {
    const { node, summary, body } = fold;
    const told = JSON.stringify([study.name, study.counts, study.ranked, study.order, study.opacity, study.stacks, study.repeats, study.set_aside, document.documentElement.lang]);
    // What says the same stays, with the focus that may be in it.
    if (told === fold.told) return;
    fold.told = told;
    node.dataset.kind = study.kind;
    summary.replaceChildren(element('h3', titleOf(study)), element('span.help', words.batch.slices(study.counts.slices)));
    const caption = element('figcaption', element('span', words.batch.orders[study.order]), element('span.key-threshold', words.card.threshold(model.threshold)));
    const chart = study.counts.slices <= MAX_BARS ? [element('figure', scoreChart(study, model), caption)] : [];
    const focused = [...body.querySelectorAll('button')].findIndex((button) => button === document.activeElement);
    body.replaceChildren(
      element('p', sentencesOf(study).join(' ')),
      ...chart,
      ...(study.ranked.length > 0 ? [element('h4', words.batch.highestSlices), this.#highest(study)] : []),
      element('p.help', words.batch.unvalidated),
    );
    body.querySelectorAll('button')[focused]?.focus();
  }

  /** @param {Study} study */
  #highest({ ranked, records }) {
    return element('ol.highest', ...ranked.slice(0, HIGHEST).map((slice) => {
      const record = records[slice - 1];
      const button = element('button', element('span', words.batch.slice(slice)), element('strong', format.score(/** @type {number} */ (record.reading.score))));
      button.type = 'button';
      button.dataset.testid = 'highest';
      button.addEventListener('click', () => this.#onOpen(record));
      return element('li', button);
    }));
  }
}
