// The list of results: readings in input order, their cards, and the pixels that are kept of them. Ten thousand slices must cost little
// more than a hundred: cards far from the window are folded, and their pixels are read again when they come near.
//
// Cards lie in groups, and the browser lays out those groups alone that are near the window (results.css): what a card costs far away is
// its few elements, and no layout. Only cards of such groups are watched.

import { element } from '../common/dom.js';
import { ResultCard } from './result-card.js';

// In a list so short every card stays whole. In a longer one only those near the window do.
const ALWAYS_WHOLE = 60;

// Cards of a group that are shown: a number that fills the rows whether two, three or four stand beside each other.
const GROUP = 60;

// The pixels of so many slices are kept.
const MOST_PIXELS = 96;

/**
 * What is known of one slice: `reading`, the object of the contract; `origin` = { file, name, own, frameIndex } to read it again, where
 * frameIndex is what a source's `read` takes, null where the file could not be opened; `place` of the slice, `container` that it came in
 * (see container.js), null for none; `card`; `pixels` = { picture, map, lung } or null; and whether it is `waiting` to be read again.
 */
class Record {
  /** @type {any} */
  card = null;
  waiting = false;
  /** Whether the card is near the window. */
  near = false;

  constructor(reading, origin, container) {
    const { map, lung, picture, place, ...kept } = reading;
    this.reading = kept;
    this.place = place;
    this.origin = origin;
    this.container = container;
    this.pixels = picture ? { picture, map, lung } : null;
  }
}

export class Results {
  /** @type {Record[]} In input order. */
  records = [];
  #counts = { judged: 0, refused: 0, error: 0 };
  #byNode = new Map();
  #withPixels = new Set();     // the longest unused first
  #fetching = new Set();
  /** @type {(reading: Reading) => boolean} */
  #shown = () => true;
  #list;
  /** @type {{ node: any, shown: number } | null} */
  #last = null;                // the group that the next card joins: { node, shown }
  #near = new WeakSet();       // groups near the window
  #groups;                     // observers of what is near the window: of groups,
  #cards;                      // and of the cards of those groups
  #again;
  #on;

  /** again(origin, wanted) gives a promise of the reading with its pixels; onRetry(record) and onOpen(record) are what its buttons do. */
  constructor(list, { again, onRetry, onOpen }) {
    this.#list = list;
    this.#again = again;
    this.#on = { retry: onRetry, open: onOpen };
    this.#groups = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) this.#near.add(target);
        else this.#near.delete(target);
        for (const card of target.children) {
          if (isIntersecting) this.#cards.observe(card);
          else this.#left(card);
        }
      }
    }, { rootMargin: '200% 0px' });
    this.#cards = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting, boundingClientRect: { height } } of entries) this.#seen(this.#byNode.get(target), isIntersecting, height);
    }, { rootMargin: '100% 0px' });
    // A card that has the focus stays whole wherever it is.
    list.addEventListener('focusout', ({ target, relatedTarget }) => {
      const card = target.closest('.card');
      const record = this.#byNode.get(card);
      if (record && !record.near && this.#isLong && !card.contains(relatedTarget)) record.card.fold();
    });
  }

  get readings() { return this.records.map(({ reading }) => reading); }

  /**
   * A reading behind the others, or behind the record `after`.
   *
   * @param {Record | null} [after]
   */
  add(reading, { origin, container }, model, after = null) {
    const record = new Record(reading, origin, container);
    const at = after ? this.records.indexOf(after) + 1 : this.records.length;
    this.records.splice(at, 0, record);
    this.#count(record, 1);
    this.#place(record, model, (node) => (after ? after.card.node.after(node) : this.#append(node)));
    if (!this.#isLong) this.#unfold(record);
    if (this.records.length === ALWAYS_WHOLE + 1) this.#grown();
    return record;
  }

  /** A new reading in the place of an old one. */
  replace(record, reading, { origin, container }, model) {
    this.#count(record, -1);
    const focused = record.card.node.contains(document.activeElement);
    const { near, card: { node: before } } = record;
    this.#byNode.delete(before);
    this.#cards.unobserve(before);
    this.#withPixels.delete(record);
    Object.assign(record, new Record(reading, origin, container));
    this.#count(record, 1);
    this.#place(record, model, (node) => before.replaceWith(node));
    if (near || focused || !this.#isLong) this.#unfold(record);
    if (focused) record.card.focus();
  }

  /** Says every card again, in the language of now. */
  say() {
    for (const { card } of this.records) card.say();
  }

  /** Whether a record waits to be read again. */
  wait(record, waiting) {
    record.waiting = waiting;
    record.card.wait();
  }

  /** Shows the cards of which `shown(reading)` holds. */
  filter(shown) {
    this.#shown = shown;
    for (const { card, reading } of this.records) card.node.hidden = !shown(reading);
    if (this.#isLong) this.#arrange();
  }

  /**
   * Whether the card of a record is among those that are shown.
   *
   * @param {SliceRecord} record
   */
  shows(record) { return this.#shown(record.reading); }

  /**
   * Scrolls to the card of a record, and gives it the focus.
   *
   * @param {SliceRecord} record
   */
  reveal(record) {
    const { card } = /** @type {Record} */ (record);
    card.node.scrollIntoView();
    card.focus();
  }

  clear() {
    this.#groups.disconnect();
    this.#cards.disconnect();
    this.#list.replaceChildren();
    this.#list.classList.remove('long');
    this.#last = null;
    this.records = [];
    this.#counts = { judged: 0, refused: 0, error: 0 };
    this.#byNode.clear();
    this.#withPixels.clear();
  }

  counts() { return { ...this.#counts }; }

  /** The last record of a file. */
  lastOf({ file }) { return this.records.findLast(({ origin }) => origin.file === file); }

  failed() { return this.records.filter(({ reading }) => reading.verdict === 'error'); }

  /** { picture, map, lung } of a record, read again if they were given up, and `wanted()` still then; null where there are none. */
  async pixels(record, wanted = () => true) {
    if (!record.pixels && record.reading.source) {
      const { picture, map, lung } = await this.#again(record.origin, wanted);
      if (picture && !record.pixels) this.#keep(record, { picture, map, lung });
    }
    return record.pixels;
  }

  get #isLong() { return this.records.length > ALWAYS_WHOLE; }

  #count({ reading: { verdict } }, by) {
    this.#counts[verdict in this.#counts ? verdict : 'judged'] += by;
  }

  #place(record, model, put) {
    record.card = new ResultCard(record, model, this.#on);
    const { node } = record.card;
    node.hidden = !this.#shown(record.reading);
    this.#byNode.set(node, record);
    if (record.pixels) this.#keep(record, record.pixels);
    put(node);
    if (this.#near.has(node.parentElement)) this.#cards.observe(node);
  }

  // Groups

  /** The list has become a long one. What the first cards measure is likely for the others: without it the page would jump as they unfold. */
  #grown() {
    const { offsetHeight: height, childElementCount: cards } = this.#list.firstElementChild;
    const likely = { '--each': height / cards };
    // The lowest, for a card is as high as its neighbour.
    for (const { card, reading } of this.records) {
      const name = reading.score === null ? '--other' : '--judged';
      likely[name] = Math.min(likely[name] ?? Infinity, card.node.offsetHeight);
    }
    for (const [name, pixels] of Object.entries(likely)) if (pixels > 0) this.#list.style.setProperty(name, `${pixels}px`);
    this.#list.classList.add('long');
    for (const { near, card } of this.records) if (!near) card.fold();
  }

  #append(node) {
    if (!this.#last || (this.#last.shown >= GROUP && !node.hidden)) {
      this.#last = { node: element('div.group'), shown: 0 };
      this.#list.append(this.#last.node);
      this.#groups.observe(this.#last.node);
    }
    this.#last.node.append(node);
    if (!node.hidden) this.#last.shown++;
    this.#last.node.style.setProperty('--cards', String(this.#last.shown));
  }

  /** Makes the groups anew, so that each shows so many cards however many others are hidden. */
  #arrange() {
    this.#groups.disconnect();
    for (const { card: { node } } of this.records) this.#left(node);
    this.#list.replaceChildren();
    this.#last = null;
    for (const { card: { node } } of this.records) this.#append(node);
  }

  // What is near

  #seen(record, isNear, height = 0) {
    // One that was replaced in the meantime.
    if (!record) return;
    record.near = isNear;
    if (isNear) this.#unfold(record);
    else if (this.#isLong) record.card.fold(height);
  }

  #left(card) {
    this.#cards.unobserve(card);
    this.#seen(this.#byNode.get(card), false);
  }

  #unfold(record) {
    record.card.unfold();
    if (record.pixels) this.#keep(record, record.pixels);
    else if (record.reading.source && !this.#fetching.has(record)) {
      this.#fetching.add(record);
      // A card that leaves before its turn does not wait for them; a failure leaves it without a picture until it comes again.
      this.pixels(record, () => record.near).catch(() => {}).finally(() => {
        this.#fetching.delete(record);
        if (record.near) record.card.unfold();
      });
    }
  }

  #keep(record, pixels) {
    record.pixels = pixels;
    this.#withPixels.delete(record);
    this.#withPixels.add(record);
    for (const oldest of this.#withPixels) {
      if (this.#withPixels.size <= MOST_PIXELS) break;
      if (oldest.near || oldest === record) continue;
      oldest.pixels = null;
      oldest.card.hide();
      this.#withPixels.delete(oldest);
    }
  }
}
