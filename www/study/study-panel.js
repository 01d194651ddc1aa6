// The study summaries on the page: a fold for each study of two slices or more. Owns their elements; knows no table and no card.

import { element } from '../common/dom.js';
import { MOST_BARS, scoreChart } from './score-chart.js';
import { sentencesOf, titleOf } from './studies.js';
import { format, words } from '../locales/words.js';

// So many of the highest slices are named, and so many studies are open from the start.
const HIGHEST = 5;
const OPEN = 2;

export class StudyPanel {
  #section;
  #list;
  #onOpen;
  #folds = new Map();      // by kind and ordinal, so that a fold stays as a person left it

  /** onOpen(record): a person wants to see the slice. */
  constructor(section, list, onOpen) {
    this.#section = section;
    this.#list = list;
    this.#onOpen = onOpen;
  }

  show(studies, model) {
    const several = studies.filter(({ counts }) => counts.slices > 1);
    this.#section.hidden = several.length === 0;
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

  #make(open) {
    const summary = element('summary');
    const body = element('div.study-body');
    const node = element('details.study', summary, body);
    node.open = open;
    node.dataset.testid = 'study';
    return { node, summary, body, told: '' };
  }

  #fill(fold, study, model) {
    const { node, summary, body } = fold;
    const told = JSON.stringify([study.name, study.counts, study.ranked, study.order, document.documentElement.lang]);
    // What says the same stays, with the focus that may be in it.
    if (told === fold.told) return;
    fold.told = told;
    node.dataset.kind = study.kind;
    summary.replaceChildren(element('h3', titleOf(study)), element('span.help', words.batch.slices(study.counts.slices)));
    const caption = element('figcaption', element('span', words.batch.orders[study.order]), element('span.key-threshold', words.card.threshold(model.threshold)));
    const chart = study.counts.slices <= MOST_BARS ? [element('figure', scoreChart(study, model), caption)] : [];
    const focused = [...body.querySelectorAll('button')].indexOf(document.activeElement);
    body.replaceChildren(
      element('p', sentencesOf(study).join(' ')),
      ...chart,
      ...(study.ranked.length > 0 ? [element('h4', words.batch.highestSlices), this.#highest(study)] : []),
      element('p.help', words.batch.unvalidated),
    );
    body.querySelectorAll('button')[focused]?.focus();
  }

  #highest({ ranked, records }) {
    return element('ol.highest', ...ranked.slice(0, HIGHEST).map((slice) => {
      const record = records[slice - 1];
      const button = element('button', element('span', words.batch.slice(slice)), element('strong', format.score(record.reading.score)));
      button.type = 'button';
      button.dataset.testid = 'highest';
      button.addEventListener('click', () => this.#onOpen(record));
      return element('li', button);
    }));
  }
}
