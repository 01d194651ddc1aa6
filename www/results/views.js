// The views of the readings: an overview, in which the slices of a study are a filmstrip, all as cards, and the table; and what is chosen for
// all of them: which verdicts are shown, and the map over the pictures. Owns these controls.

import { element } from '../common/dom.js';
import { byId } from '../common/page.js';
import { format, words } from '../locales/words.js';

/** @type {('all' | Verdict)[]} */
const CHOICES = ['all', 'positive', 'negative', 'uncertain', 'refused', 'error'];
const VIEWS = ['overview', 'cards', 'table'];
const KEY = 'lungglass.view';

export class Views {
  #results;
  #table;
  #studies;
  #view = 'overview';
  #filter = byId('filter', HTMLSelectElement);

  /**
   * @param {import('./results.js').Results} results
   * @param {import('./table.js').Table} table
   * @param {import('../study/study-panel.js').StudyPanel} studies
   * @param {{ recall: (key: string) => string | null, remember: (key: string, value: string) => void }} memory Between visits.
   */
  constructor(results, table, studies, { recall, remember }) {
    this.#results = results;
    this.#table = table;
    this.#studies = studies;
    for (const view of VIEWS) {
      byId(`view-${view}`).addEventListener('click', () => {
        this.#show(view);
        remember(KEY, view);
        byId(`view-${view}`).scrollIntoView({ block: 'nearest' });
      });
    }
    const before = recall(KEY);
    if (before !== null && VIEWS.includes(before)) this.#show(before);
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
    this.#sayView();
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
    this.#view = view;
    // Before the cards are looked at.
    byId('cards').hidden = view === 'table';
    this.#results.overview(view !== 'cards');
    this.#studies.overview(view === 'overview');
    if (view === 'table') this.#table.show();
    else this.#table.hide();
    this.#sayView();
  }

  /** Where no study has a filmstrip, the overview is the cards. */
  #sayView() {
    const { hasFilms } = this.#studies;
    byId('view-overview').hidden = !hasFilms;
    const pressed = this.#view === 'overview' && !hasFilms ? 'cards' : this.#view;
    for (const name of VIEWS) {
      const button = byId(`view-${name}`);
      button.setAttribute('aria-pressed', String(name === pressed));
      // One stop for the Tab key; arrow keys lead to the others.
      button.tabIndex = name === pressed ? 0 : -1;
    }
    byId('overlay').hidden = this.#view === 'table' || !this.#results.hasCards;
    putBefore(byId(pressed === 'overview' ? 'view' : 'studies'), byId(pressed === 'overview' ? 'studies' : 'view'));
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    if (!['ArrowLeft', 'ArrowRight', 'Home', 'End'].includes(event.key)) return;
    const buttons = VIEWS.map((view) => byId(`view-${view}`)).filter((button) => !button.hidden);
    const at = buttons.findIndex((button) => button === document.activeElement);
    const last = buttons.length - 1;
    const ways = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last };
    buttons[ways[/** @type {keyof typeof ways} */ (event.key)]].focus();
    event.preventDefault();
  }

  /** @param {string} verdict One of them, or 'all'. */
  #filterBy(verdict) {
    this.#filter.value = verdict;
    /** @type {(reading: Reading) => boolean} */
    const shown = ({ verdict: own }) => verdict === 'all' || own === verdict;
    this.#results.filter(shown);
    this.#table.filter(shown);
    this.#studies.filter(shown);
  }
}

function showMaps() {
  const shown = byId('map-shown', HTMLInputElement).checked;
  const strength = byId('map-strength', HTMLInputElement);
  byId('cards').style.setProperty('--map', shown ? String(Number(strength.value) / 100) : '0');
  strength.disabled = !shown;
}

/**
 * The choice of view stands above what it changes: the filmstrips of studies, or else what lies below the studies. Of the two neighbours the one
 * without the focus is moved, which would be lost.
 *
 * @param {HTMLElement} one
 * @param {HTMLElement} other
 */
function putBefore(one, other) {
  if (one.nextElementSibling === other) return;
  if (one.contains(document.activeElement)) one.after(other);
  else other.before(one);
}
