// All readings as a table: sorted by a column, moved through by keys. Of ten thousand rows only those in sight are elements. Owns the
// table's elements and its order; knows no card.

import { element } from '../common/dom.js';
import { reason } from '../reading/reason.js';
import { titleOf } from '../study/studies.js';
import { verdictOf } from '../locales/classes.js';
import { format, words } from '../locales/words.js';

// As in the stylesheet, in pixels.
const ROW = 40;
// Rows beyond the edges that are there already.
const MARGIN = 12;

/** @type {Verdict[]} */
const VERDICTS = ['positive', 'uncertain', 'negative', 'refused', 'error'];

const collator = new Intl.Collator(undefined, { numeric: true });

/** @typedef {import('../study/studies.js').Member} Member */

/** @typedef {{ record: SliceRecord, reading: Reading, number: number, member: Member | null }} RowOf A row, before it is sorted. */

/** @typedef {RowOf & { key: string | number | null }} Row With what it is sorted by. */

/** @typedef {keyof typeof words.batch.columns} Key */

/**
 * @typedef {object} Column
 * @property {string} key
 * @property {boolean} isNumber
 * @property {(row: RowOf) => string | number | null} value What the column is sorted by, null goes last.
 * @property {(value: string | number) => string} text What a cell says of it.
 * @property {() => string} label
 */

/** @type {(key: Key, value: (row: RowOf) => number | null, text: (value: number) => string) => Column} */
const number = (key, value, text) => ({ key, isNumber: true, value, text: (told) => text(Number(told)), label: () => words.batch.columns[key] });
/** @type {(key: Key, value: (row: RowOf) => string | null) => Column} */
const text = (key, value) => ({ key, isNumber: false, value, text: (told) => String(told), label: () => words.batch.columns[key] });

/** @type {Column[]} What matters first stands first. */
const COLUMNS = [
  text('file', ({ reading }) => reading.file),
  number('verdict', ({ reading }) => VERDICTS.indexOf(reading.verdict), (at) => words.verdict[VERDICTS[at]]),
  number('score', ({ reading }) => reading.score, (score) => format.score(score)),
  number('opacity', ({ reading }) => reading.opacity?.share ?? null, (share) => format.percent(share)),
  text('reason', ({ reading }) => (reading.refusal || reading.error ? whyOf(reading) : null)),
  text('study', ({ member }) => member && titleOf(member.study)),
  number('slice', ({ member }) => member?.slice ?? null, (slice) => format.integer(slice)),
  number('frame', ({ reading }) => reading.frame, (frame) => format.integer(frame)),
  number('number', ({ number: at }) => at, (at) => format.integer(at)),
];

// What is looked for at its highest: it is sorted so at first.
const FALLING = ['score'];

/** @param {Reading} reading */
function whyOf(reading) {
  const { text: told, detail } = reason(reading);
  return told ?? detail;
}

export class Table {
  #box;
  #table;
  #head = element('tr');
  #body = element('tbody');
  #results;
  #studies;
  #onOpen;
  /** @type {Row[]} */
  #rows = [];
  /** @type {Map<SliceRecord, { node: HTMLElement, told: string }>} Of the rows in sight, and what they say. */
  #nodes = new Map();
  #sorted = { key: 'number', falling: false };
  /** @type {SliceRecord | null} The one whose row takes the focus. */
  #active = null;
  /** @type {Set<string>} Columns that say nothing of any row. */
  #empty = new Set();
  /** @type {(reading: Reading) => boolean} */
  #shown = () => true;
  #planned = false;

  /**
   * @param {HTMLElement} box
   * @param {object} page
   * @param {import('./results.js').Results} page.results
   * @param {{ of: (record: SliceRecord) => Member | null }} page.studies
   * @param {(record: SliceRecord) => void} page.onOpen A person wants to see the slice.
   */
  constructor(box, { results, studies, onOpen }) {
    this.#box = box;
    this.#results = results;
    this.#studies = studies;
    this.#onOpen = onOpen;
    this.#table = element('table', element('thead', this.#head), this.#body);
    this.#table.setAttribute('role', 'grid');
    this.#table.dataset.testid = 'table';
    box.append(this.#table);
    box.addEventListener('scroll', () => this.#plan());
    new ResizeObserver(() => this.#plan()).observe(box);
    this.#body.addEventListener('keydown', (event) => this.#press(event));
    this.#body.addEventListener('click', ({ target }) => {
      const row = this.#rowOf(target);
      if (row) this.#onOpen(row.record);
    });
    this.#body.addEventListener('focusin', ({ target }) => {
      const row = this.#rowOf(target);
      if (row) this.#activate(row.record);
    });
  }

  /**
   * The row that an event is about, if it is one.
   *
   * @param {EventTarget | null} target
   * @returns {Row | undefined}
   */
  #rowOf(target) {
    const node = /** @type {HTMLElement} */ (target).closest('tr[data-at]');
    return node instanceof HTMLElement ? this.#rows[Number(node.dataset.at)] : undefined;
  }

  get #visible() { return !this.#box.hidden; }

  /** The results, their studies, or the language have changed. */
  update() {
    if (!this.#visible) return;
    this.#sayHead();
    this.#sort();
  }

  show() {
    this.#box.hidden = false;
    this.update();
  }

  hide() { this.#box.hidden = true; }

  /** @param {(reading: Reading) => boolean} shown */
  filter(shown) {
    this.#shown = shown;
    this.update();
  }

  #sayHead() {
    this.#table.setAttribute('aria-label', words.batch.table);
    const told = COLUMNS.map((column) => column.label()).join('\n');
    if (this.#head.dataset.told !== told) {
      this.#head.dataset.told = told;
      const { key: focused } = /** @type {HTMLElement | null} */ (this.#head.querySelector(':focus'))?.dataset ?? {};
      this.#head.replaceChildren(...COLUMNS.map(({ key, isNumber, label }) => {
        const button = element('button', label());
        button.type = 'button';
        button.dataset.testid = `sort-${key}`;
        button.dataset.key = key;
        button.addEventListener('click', () => {
          this.#sorted = { key, falling: this.#sorted.key === key ? !this.#sorted.falling : FALLING.includes(key) };
          this.#sort();
        });
        const cell = element(isNumber && key !== 'verdict' ? 'th.number' : 'th', button);
        cell.scope = 'col';
        cell.dataset.column = key;
        return cell;
      }));
      if (focused) /** @type {HTMLElement | null} */ (this.#head.querySelector(`[data-key="${focused}"]`))?.focus();
    }
    for (const cell of this.#head.children) {
      const { key } = /** @type {HTMLElement} */ (cell.firstElementChild).dataset;
      const sorted = key === this.#sorted.key;
      /** @type {HTMLElement} */ (cell).hidden = this.#empty.has(key ?? '');
      if (sorted) cell.setAttribute('aria-sort', this.#sorted.falling ? 'descending' : 'ascending');
      else cell.removeAttribute('aria-sort');
    }
  }

  #sort() {
    const column = COLUMNS.find(({ key }) => key === this.#sorted.key) ?? COLUMNS[0];
    const rows = this.#results.records.map((record, at) => {
      const row = { record, reading: record.reading, number: at + 1, member: this.#studies.of(record) };
      return { ...row, key: column.value(row) };
    }).filter(({ reading }) => this.#shown(reading));
    const sign = this.#sorted.falling ? -1 : 1;
    /** @type {(a: string | number, b: string | number) => number} */
    const compare = (a, b) => (column.isNumber ? Number(a) - Number(b) : collator.compare(String(a), String(b)));
    rows.sort((a, b) => {
      if (a.key === null || b.key === null) return Number(a.key === null) - Number(b.key === null) || a.number - b.number;
      return sign * compare(a.key, b.key) || a.number - b.number;
    });
    this.#rows = rows;
    this.#empty = new Set(COLUMNS.filter(({ value }) => rows.every((row) => value(row) === null)).map(({ key }) => key));
    if (!rows.some(({ record }) => record === this.#active)) this.#active = rows[0]?.record ?? null;
    this.#table.setAttribute('aria-rowcount', String(rows.length + 1));
    this.#sayHead();
    this.#render();
  }

  #plan() {
    if (this.#planned || !this.#visible) return;
    this.#planned = true;
    requestAnimationFrame(() => {
      this.#planned = false;
      this.#render();
    });
  }

  #render() {
    const hadFocus = this.#body.contains(document.activeElement);
    const first = Math.max(0, Math.floor(this.#box.scrollTop / ROW) - MARGIN);
    const last = Math.min(this.#rows.length, first + Math.ceil(this.#box.clientHeight / ROW) + 2 * MARGIN);
    const range = [...Array(Math.max(0, last - first)).keys()].map((at) => first + at);
    // The row that takes the focus is always there, so that Tab leads to the table and a scroll does not lose the focus.
    const active = this.#rows.findIndex(({ record }) => record === this.#active);
    if (active >= 0 && active < first) range.unshift(active);
    if (active >= last) range.push(active);
    const nodes = [];
    const kept = new Map();
    let next = 0;
    for (const at of range) {
      if (at > next) nodes.push(gap(at - next));
      const row = this.#row(at);
      kept.set(this.#rows[at].record, row);
      nodes.push(row.node);
      next = at + 1;
    }
    if (next < this.#rows.length) nodes.push(gap(this.#rows.length - next));
    this.#nodes = kept;
    const now = this.#body.children;
    const isSame = now.length === nodes.length && nodes.every((node, i) => node === now[i] || node.isEqualNode(now[i]));
    if (isSame) return;
    this.#body.replaceChildren(...nodes);
    if (hadFocus) this.#focus();
  }

  #focus() {
    /** @type {HTMLElement | null} */ (this.#body.querySelector('[tabindex="0"]'))?.focus({ preventScroll: true });
  }

  /**
   * The row's element; that of before if it says the same, so that it keeps the focus and is not read aloud again.
   *
   * @param {number} at
   */
  #row(at) {
    const row = this.#rows[at];
    const texts = COLUMNS.map((column) => {
      const value = column.value(row);
      if (column.key === 'verdict') return verdictOf(row.reading);
      return value === null || value === undefined ? '' : column.text(value);
    });
    const told = JSON.stringify([at, row.reading.verdict, texts, [...this.#empty]]);
    const before = this.#nodes.get(row.record);
    const node = before && before.told === told ? before.node : this.#make(at, row, texts);
    node.tabIndex = row.record === this.#active ? 0 : -1;
    return { node, told };
  }

  /**
   * @param {number} at
   * @param {Row} row
   * @param {string[]} texts
   */
  #make(at, { reading }, texts) {
    const node = element('tr', ...COLUMNS.map(({ key, isNumber }, i) => {
      const cell = element(isNumber && key !== 'verdict' ? 'td.number' : 'td', texts[i]);
      cell.dataset.column = key;
      cell.hidden = this.#empty.has(key);
      if (!isNumber) cell.title = texts[i];
      return cell;
    }));
    node.dataset.testid = 'row';
    node.dataset.at = String(at);
    node.dataset.file = reading.file;
    node.dataset.verdict = reading.verdict;
    node.setAttribute('aria-rowindex', String(at + 2));
    return node;
  }

  /** @param {SliceRecord} record */
  #activate(record) {
    this.#active = record;
    const rows = /** @type {NodeListOf<HTMLElement>} */ (this.#body.querySelectorAll('tr[data-at]'));
    for (const node of rows) node.tabIndex = this.#rows[Number(node.dataset.at)].record === record ? 0 : -1;
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const at = this.#rows.findIndex(({ record }) => record === this.#active);
    if (at < 0) return;
    const page = Math.max(1, Math.floor(this.#box.clientHeight / ROW) - 2);
    const last = this.#rows.length - 1;
    /** @type {{ [key: string]: number | undefined }} */
    const ways = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: last };
    const to = ways[event.key];
    if (event.key === 'Enter') this.#onOpen(this.#rows[at].record);
    else if (to === undefined) return;
    else this.#moveTo(Math.max(0, Math.min(last, to)));
    event.preventDefault();
  }

  /** @param {number} at */
  #moveTo(at) {
    this.#active = this.#rows[at].record;
    const head = /** @type {HTMLElement} */ (this.#table.tHead).offsetHeight;
    const top = at * ROW;
    const lowest = this.#box.clientHeight - head - ROW;
    if (top < this.#box.scrollTop) this.#box.scrollTop = top;
    else if (top > this.#box.scrollTop + lowest) this.#box.scrollTop = top - lowest;
    this.#render();
    this.#focus();
  }
}

/**
 * Takes the room of this many rows.
 *
 * @param {number} rows
 */
function gap(rows) {
  const node = element('tr.gap', element('td'));
  node.setAttribute('aria-hidden', 'true');
  node.style.setProperty('--height', `${rows * ROW}px`);
  return node;
}
