// The two views of the readings, cards and table, and what is chosen for both: which verdicts are shown, and the map over the pictures.
// Owns these controls.

import { element } from '../common/dom.js';
import { byId } from '../common/page.js';
import { format, words } from '../locales/words.js';

/** @type {('all' | Verdict)[]} */
const CHOICES = ['all', 'positive', 'negative', 'uncertain', 'refused', 'error'];
const VIEWS = ['cards', 'table'];

export class Views {
  #results;
  #table;
  #filter = byId('filter', HTMLSelectElement);

  /**
   * @param {import('./results.js').Results} results
   * @param {import('./table.js').Table} table
   */
  constructor(results, table) {
    this.#results = results;
    this.#table = table;
    for (const view of VIEWS) byId(`view-${view}`).addEventListener('click', () => this.#show(view));
    byId('view-choice').addEventListener('keydown', (event) => this.#press(event));
    this.#filter.addEventListener('change', () => this.#filterBy(this.#filter.value));
    byId('map-shown').addEventListener('change', showMaps);
    byId('map-strength').addEventListener('input', showMaps);
    showMaps();
    this.say();
  }

  /** Says the choices, in the language of now. */
  say() {
    const chosen = this.#filter.value || 'all';
    this.#filter.replaceChildren(...CHOICES.map((value) => {
      const option = element('option');
      option.value = value;
      return option;
    }));
    this.#filter.value = chosen;
    this.count();
  }

  /** Says how many readings there are of each choice. */
  count() {
    const counts = { all: this.#results.records.length, ...this.#results.verdicts() };
    for (const option of this.#filter.options) {
      const value = /** @type {'all' | Verdict} */ (option.value);
      const told = `${value === 'all' ? words.batch.all : words.verdict[value]} (${format.integer(counts[value])})`;
      if (option.textContent !== told) option.textContent = told;
    }
  }

  /**
   * Brings the card of a record before the reader's eyes.
   *
   * @param {SliceRecord} record
   */
  showCard(record) {
    this.#show('cards');
    if (!this.#results.shows(record)) this.#filterBy('all');
    this.#results.reveal(record);
  }

  /** @param {string} view */
  #show(view) {
    for (const name of VIEWS) {
      const button = byId(`view-${name}`);
      button.setAttribute('aria-pressed', String(name === view));
      // One stop for the Tab key; arrow keys lead to the other.
      button.tabIndex = name === view ? 0 : -1;
    }
    byId('cards').hidden = byId('overlay').hidden = view !== 'cards';
    if (view === 'table') this.#table.show();
    else this.#table.hide();
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    if (!['ArrowLeft', 'ArrowRight', 'Home', 'End'].includes(event.key)) return;
    const at = VIEWS.findIndex((view) => byId(`view-${view}`) === document.activeElement);
    const to = event.key === 'Home' ? 0 : event.key === 'End' ? VIEWS.length - 1 : (at + 1) % VIEWS.length;
    byId(`view-${VIEWS[to]}`).focus();
    event.preventDefault();
  }

  /** @param {string} verdict One of them, or 'all'. */
  #filterBy(verdict) {
    this.#filter.value = verdict;
    /** @type {(reading: Reading) => boolean} */
    const shown = ({ verdict: own }) => verdict === 'all' || own === verdict;
    this.#results.filter(shown);
    this.#table.filter(shown);
  }
}

function showMaps() {
  const shown = byId('map-shown', HTMLInputElement).checked;
  const strength = byId('map-strength', HTMLInputElement);
  byId('cards').style.setProperty('--map', shown ? String(Number(strength.value) / 100) : '0');
  strength.disabled = !shown;
}
