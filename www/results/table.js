// All readings as a table: sorted by a column, moved through by keys. Of ten thousand rows only those in sight are elements. Owns the
// table's elements and its order; knows no card.

import { element } from '../common/dom.js';
import { reason } from './reason.js';
import { titleOf } from '../study/studies.js';
import { format, words } from '../locales/words.js';

// As in the stylesheet, in pixels.
const ROW = 40;
// Rows beyond the edges that are there already.
const MARGIN = 12;

const VERDICTS = ['positive', 'uncertain', 'negative', 'refused', 'error'];

const collator = new Intl.Collator(undefined, { numeric: true });

// `value` is what the column is sorted by, null goes last; `text` is what a cell says of it.
const number = (key, value, text) => ({ key, isNumber: true, value, text, label: () => words.batch.columns[key] });
const text = (key, value, said) => ({ key, isNumber: false, value, text: said ?? ((told) => told), label: () => words.batch.columns[key] });

const COLUMNS = [
  number('number', ({ number: at }) => at, (at) => format.integer(at)),
  text('file', ({ reading }) => reading.file),
  number('frame', ({ reading }) => reading.frame, (frame) => format.integer(frame)),
  number('verdict', ({ reading }) => VERDICTS.indexOf(reading.verdict), (at) => words.verdict[VERDICTS[at]]),
  number('score', ({ reading }) => reading.score, (score) => format.score(score)),
  text('study', ({ place }) => place && titleOf(place.study)),
  number('slice', ({ place }) => place?.slice ?? null, (slice) => format.integer(slice)),
  text('reason', ({ reading }) => (reading.refusal || reading.error ? whyOf(reading) : null)),
];

// As on a card, what was never measured says so.
const findingColumn = (name, isMeasured) => ({
  key: name,
  isNumber: true,
  value: ({ reading }) => reading.findings?.[name] ?? null,
  text: (value) => (isMeasured ? format.percent(value) : words.card.unmeasured(value)),
  label: () => words.findings[name] ?? name.replaceAll('_', ' '),
});

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
  #measured;
  #onOpen;
  /** @type {any[]} */
  #columns = COLUMNS;
  #rows = [];
  #nodes = new Map();      // of the rows in sight, by record: { node, told }
  #sorted = { key: 'number', falling: false };
  #active = null;          // the record whose row takes the focus
  /** @type {(reading: Reading) => boolean} */
  #shown = () => true;
  #planned = false;

  /** measured() are the figures of the findings that were measured, by name; onOpen(record): a person wants to see the slice. */
  constructor(box, { results, studies, measured, onOpen }) {
    this.#box = box;
    this.#results = results;
    this.#studies = studies;
    this.#measured = measured;
    this.#onOpen = onOpen;
    this.#table = element('table', element('thead', this.#head), this.#body);
    this.#table.setAttribute('role', 'grid');
    this.#table.dataset.testid = 'table';
    box.append(this.#table);
    box.addEventListener('scroll', () => this.#plan());
    new ResizeObserver(() => this.#plan()).observe(box);
    this.#body.addEventListener('keydown', (event) => this.#press(event));
    this.#body.addEventListener('click', ({ target }) => {
      const row = target.closest('tr[data-at]');
      if (row) this.#onOpen(this.#rows[Number(row.dataset.at)].record);
    });
    this.#body.addEventListener('focusin', ({ target }) => {
      const row = this.#rows[Number(target.closest('tr[data-at]')?.dataset.at)];
      if (row) this.#activate(row.record);
    });
  }

  get #visible() { return !this.#box.hidden; }

  /** The results, their studies, or the language have changed. */
  update() {
    if (!this.#visible) return;
    const names = [...new Set(this.#results.readings.flatMap((reading) => Object.keys(reading.findings ?? {})))];
    const measured = this.#measured();
    this.#columns = [...COLUMNS.slice(0, -1), ...names.map((name) => findingColumn(name, name in measured)), COLUMNS.at(-1)];
    this.#sayHead();
    this.#sort();
  }

  show() {
    this.#box.hidden = false;
    this.update();
  }

  hide() { this.#box.hidden = true; }

  filter(shown) {
    this.#shown = shown;
    this.update();
  }

  #sayHead() {
    this.#table.setAttribute('aria-label', words.batch.table);
    const told = this.#columns.map((column) => column.label()).join('\n');
    if (this.#head.dataset.told !== told) {
      this.#head.dataset.told = told;
      const { key: focused } = /** @type {HTMLElement | null} */ (this.#head.querySelector(':focus'))?.dataset ?? {};
      this.#head.replaceChildren(...this.#columns.map(({ key, isNumber, label }) => {
        const button = element('button', label());
        button.type = 'button';
        button.dataset.testid = `sort-${key}`;
        button.dataset.key = key;
        button.addEventListener('click', () => {
          this.#sorted = { key, falling: this.#sorted.key === key ? !this.#sorted.falling : false };
          this.#sort();
        });
        const cell = element(isNumber && key !== 'verdict' ? 'th.number' : 'th', button);
        cell.scope = 'col';
        return cell;
      }));
      if (focused) this.#head.querySelector(`[data-key="${focused}"]`)?.focus();
    }
    for (const cell of this.#head.children) {
      const { key } = cell.firstElementChild.dataset;
      const sorted = key === this.#sorted.key;
      if (sorted) cell.setAttribute('aria-sort', this.#sorted.falling ? 'descending' : 'ascending');
      else cell.removeAttribute('aria-sort');
    }
  }

  #sort() {
    const column = this.#columns.find(({ key }) => key === this.#sorted.key) ?? COLUMNS[0];
    const rows = this.#results.records.map((record, at) => {
      const row = { record, reading: record.reading, number: at + 1, place: this.#studies.of(record) };
      return { ...row, key: column.value(row) };
    }).filter(({ reading }) => this.#shown(reading));
    const sign = this.#sorted.falling ? -1 : 1;
    const compare = column.isNumber ? (a, b) => a - b : collator.compare;
    rows.sort((a, b) => {
      if (a.key === null || b.key === null) return Number(a.key === null) - Number(b.key === null) || a.number - b.number;
      return sign * compare(a.key, b.key) || a.number - b.number;
    });
    this.#rows = rows;
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
    if (hadFocus) this.#body.querySelector('[tabindex="0"]')?.focus({ preventScroll: true });
  }

  // The row's element; that of before if it says the same, so that it keeps the focus and is not read aloud again.
  #row(at) {
    const row = this.#rows[at];
    const texts = this.#columns.map((column) => {
      const value = column.value(row);
      return value === null || value === undefined ? '' : column.text(value);
    });
    const told = JSON.stringify([at, row.reading.verdict, texts]);
    const before = this.#nodes.get(row.record);
    const node = before?.told === told ? before.node : this.#make(at, row, texts);
    node.tabIndex = row.record === this.#active ? 0 : -1;
    return { node, told };
  }

  #make(at, { reading }, texts) {
    const node = element('tr', ...this.#columns.map(({ key, isNumber }, i) => {
      const cell = element(isNumber && key !== 'verdict' ? 'td.number' : 'td', texts[i]);
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

  #activate(record) {
    this.#active = record;
    for (const node of this.#body.querySelectorAll('tr[data-at]')) node.tabIndex = this.#rows[Number(node.dataset.at)].record === record ? 0 : -1;
  }

  #press(event) {
    const at = this.#rows.findIndex(({ record }) => record === this.#active);
    if (at < 0) return;
    const page = Math.max(1, Math.floor(this.#box.clientHeight / ROW) - 2);
    const last = this.#rows.length - 1;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: last }[event.key];
    if (event.key === 'Enter') this.#onOpen(this.#active);
    else if (to === undefined) return;
    else this.#moveTo(Math.max(0, Math.min(last, to)));
    event.preventDefault();
  }

  #moveTo(at) {
    this.#active = this.#rows[at].record;
    const head = this.#table.tHead.offsetHeight;
    const top = at * ROW;
    const lowest = this.#box.clientHeight - head - ROW;
    if (top < this.#box.scrollTop) this.#box.scrollTop = top;
    else if (top > this.#box.scrollTop + lowest) this.#box.scrollTop = top - lowest;
    this.#render();
    this.#body.querySelector('[tabindex="0"]')?.focus({ preventScroll: true });
  }
}

// So many rows that are not there.
function gap(rows) {
  const node = element('tr.gap', element('td'));
  node.setAttribute('aria-hidden', 'true');
  node.style.setProperty('--height', `${rows * ROW}px`);
  return node;
}
