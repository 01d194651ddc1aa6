// The list of results: readings in input order, their cards, and the pixels that are kept of them. Ten thousand slices must not cost
// more memory than a hundred: cards far from the window are folded, and their pixels are read again when they come near.

import { resultCard } from './result-card.js';

// In a list so short every card stays whole. In a longer one only those near the window do.
const ALWAYS_WHOLE = 48;

// The pixels of so many slices are kept.
const MOST_PIXELS = 96;

/**
 * What is known of one slice: `reading`, the object of the contract; `origin` = { file, name, frameIndex } to read it again, where
 * frameIndex is what a source's `read` takes, null where the file could not be opened; `place` of the slice, `container` it came in;
 * `card`; `pixels` = { picture, map, lung } or null; and whether it is `waiting` to be read again.
 */
class Record {
  constructor(reading, origin, container) {
    const { map, lung, picture, place, ...kept } = reading;
    Object.assign(this, { reading: kept, place, origin, container, card: null, waiting: false });
    this.pixels = picture ? { picture, map, lung } : null;
  }
}

export class Results {
  /** In input order. */
  records = [];
  #counts = { judged: 0, refused: 0, error: 0 };
  #byNode = new Map();
  #withPixels = new Set();     // the longest unused first
  #fetching = new Set();
  #shown = () => true;
  #list;
  #observer;
  #again;
  #onRetry;
  #onOpen;

  /** again(origin, wanted) gives a promise of the reading with its pixels; onRetry(record) and onOpen(record) are what its buttons do. */
  constructor(list, { again, onRetry, onOpen }) {
    this.#list = list;
    this.#again = again;
    this.#onRetry = onRetry;
    this.#onOpen = onOpen;
    this.#onRetry = onRetry;
    this.#observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        const record = this.#byNode.get(target);
        if (!record) continue;
        record.near = isIntersecting;
        if (isIntersecting) this.#unfold(record);
        else if (this.records.length > ALWAYS_WHOLE) record.card.fold();
      }
    }, { rootMargin: '100% 0px' });
  }

  get readings() { return this.records.map(({ reading }) => reading); }

  /** A reading behind the others, or behind the record `after`. */
  add(reading, { origin, container }, model, after = null) {
    const record = new Record(reading, origin, container);
    const at = after ? this.records.indexOf(after) + 1 : this.records.length;
    this.records.splice(at, 0, record);
    this.#count(record, 1);
    this.#place(record, model, (node) => (after ? after.card.node.after(node) : this.#list.append(node)));
    if (this.records.length <= ALWAYS_WHOLE) this.#unfold(record);
    if (this.records.length === ALWAYS_WHOLE + 1) {
      this.#list.classList.add('long');
      for (const other of this.records) if (!other.near) other.card.fold();
    }
    return record;
  }

  /** A new reading in the place of an old one. */
  replace(record, reading, { origin }, model) {
    this.#count(record, -1);
    const focused = record.card.node.contains(document.activeElement);
    const before = record.card.node;
    this.#byNode.delete(before);
    this.#observer.unobserve(before);
    this.#withPixels.delete(record);
    Object.assign(record, new Record(reading, origin, record.container));
    this.#count(record, 1);
    this.#place(record, model, (node) => before.replaceWith(node));
    this.#unfold(record);
    if (focused) record.card.focus();
  }

  /** Says every card again, in the language of now. */
  say() {
    for (const { card } of this.records) card.say();
  }

  /** Whether a record waits to be read again. */
  wait(record, waiting) {
    record.waiting = waiting;
    record.card.wait(waiting);
  }

  /** Shows the cards of which `shown(reading)` holds. */
  filter(shown) {
    this.#shown = shown;
    for (const { card, reading } of this.records) card.node.hidden = !shown(reading);
  }

  clear() {
    this.#observer.disconnect();
    this.#list.replaceChildren();
    this.#list.classList.remove('long');
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

  #count({ reading: { verdict } }, by) {
    this.#counts[verdict in this.#counts ? verdict : 'judged'] += by;
  }

  #place(record, model, put) {
    record.near = false;
    record.card = resultCard(record, model, { onRetry: () => this.#onRetry(record), onOpen: () => this.#onOpen(record) });
    record.card.node.hidden = !this.#shown(record.reading);
    this.#byNode.set(record.card.node, record);
    if (record.pixels) this.#keep(record, record.pixels);
    put(record.card.node);
    this.#observer.observe(record.card.node);
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
      oldest.card.fold();
      this.#withPixels.delete(oldest);
    }
  }
}
