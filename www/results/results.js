// The list of results: readings in input order, their cards, and the pixels that are kept of them. Ten thousand slices must cost little
// more than a hundred: cards far from the viewport are folded, and their pixels are read again when they come near.
//
// Cards lie in groups, and the browser lays out only the groups near the viewport (results.css): what a card costs far away is its few
// elements, and no layout. Only cards of such groups are watched.

import { element } from '../common/dom.js';
import { packed } from '../study/coronal.js';
import { ResultCard } from './result-card.js';

// In a list of at most this many every card stays whole. In a longer one only those near the viewport do; by its first cards it knows what
// the others are likely to measure.
const ALWAYS_WHOLE = 60;
const MEASURED = 12;

// Cards of a group that are shown: a number that fills the rows whether two, three or four stand beside each other.
const GROUP = 60;

// The first cards of a list are painted at once, the others when they come near the viewport.
const PAINTED = 16;

// Of a long list the pictures of so many cards come with their readings. The others are read again for somebody who comes near.
const DRAWN = 24;

// The pixels of at most this many slices are kept.
const MAX_WITH_PIXELS = 96;

/** @typedef {SliceRecord & { card: ResultCard, near: boolean }} Listed A record with its card, and whether that is near the viewport. */

/** @typedef {{ handle: Handle, container: Container | null }} Whence What a reading is of. */

/** @type {Map<string, string>} Texts that many readings have in common, once. */
const texts = new Map();
/** @type {Map<string, Reading['model']>} The same for models, by what they say. */
const models = new Map();

/**
 * One text for all that are equal: each reading brings its own from the worker.
 *
 * @template {string | null} T
 * @param {T} text
 * @returns {T}
 */
function shared(text) {
  if (text === null) return text;
  if (!texts.has(text)) texts.set(text, text);
  return /** @type {T} */ (texts.get(text));
}

/**
 * A reading that shares with others what it has in common with them.
 *
 * @param {Reading} reading
 */
function slim(reading) {
  const { source, model } = reading;
  const key = `${model.name} ${model.version} ${model.sha256}`;
  if (!models.has(key)) models.set(key, model);
  reading.model = /** @type {Reading['model']} */ (models.get(key));
  reading.device = shared(reading.device);
  reading.verdict = shared(reading.verdict);
  if (source) {
    source.format = shared(source.format);
    source.modality = shared(source.modality);
    source.transfer_syntax = shared(source.transfer_syntax);
    source.orientation = shared(source.orientation);
  }
  return reading;
}

/**
 * What is kept of a reading.
 *
 * @param {FullReading} reading
 * @param {Whence} whence
 * @returns {SliceRecord}
 */
function recordOf({ map, lung, opacity_map: opacity, picture, place, shown, lungs, coronal, ...reading }, { handle, container }) {
  const pixels = picture ? { picture, map, lung, opacity } : null;
  return { reading: slim(reading), place, shown, lungs, coronal: packed(coronal), handle, container, pixels, waiting: false };
}

const none = () => ({ positive: 0, negative: 0, uncertain: 0, refused: 0, error: 0 });

export class Results {
  /** @type {Listed[]} In input order. */
  records = [];
  #counts = none();
  #expected = 0;               // records that are on their way
  #isMeasured = false;
  /** @type {Map<Element | null, Listed>} By the element of the card. */
  #byNode = new Map();
  /** @type {Set<Listed>} The longest unused first. */
  #withPixels = new Set();
  /** @type {Set<Listed>} */
  #fetching = new Set();
  /** @type {(reading: Reading) => boolean} */
  #shown = () => true;
  #list;
  /** @type {{ node: HTMLElement, shown: number } | null} The group that the next card joins, and how many cards of it are shown. */
  #last = null;
  /** @type {WeakSet<Element>} Groups near the viewport. */
  #near = new WeakSet();
  #groups;                     // observers of what is near the viewport: of groups,
  #cards;                      // and of the cards of those groups
  #again;
  #on;

  /**
   * @param {HTMLElement} list
   * @param {object} on
   * @param {(handle: Handle, wanted: () => boolean) => Promise<FullReading>} on.again Reads a slice again, for its pixels.
   * @param {(record: SliceRecord) => void} on.onRetry What a card's buttons do.
   * @param {(record: SliceRecord) => void} on.onOpen
   */
  constructor(list, { again, onRetry, onOpen }) {
    this.#list = list;
    this.#again = again;
    this.#on = { onRetry, onOpen };
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
      const card = /** @type {Element} */ (target).closest('.card');
      const record = this.#byNode.get(card);
      if (record && !record.near && this.#isLong && !card?.contains(/** @type {Node | null} */ (relatedTarget))) record.card.fold();
    });
  }

  /**
   * Whether the pictures of the reading are wanted now that comes after so many others.
   *
   * @param {number} ahead
   */
  draws(ahead) {
    const count = this.records.length;
    return count + ahead < DRAWN || count + Math.max(ahead, this.#expected) <= ALWAYS_WHOLE || (this.records.at(-1)?.near ?? false);
  }

  /**
   * So many more readings are on their way, as far as it is known.
   *
   * @param {number} more
   */
  expect(more) { this.#expected = more; }

  get readings() { return this.records.map(({ reading }) => reading); }

  /**
   * A reading behind the others, or behind the record `after`.
   *
   * @param {FullReading} reading
   * @param {Whence} whence
   * @param {Model} model
   * @param {Listed | null} [after]
   */
  add(reading, whence, model, after = null) {
    const count = this.records.length + 1;
    const willBeLong = count > MEASURED && count + this.#expected > ALWAYS_WHOLE;
    if (willBeLong && !this.#isMeasured) this.#measure();
    const record = this.#listed(recordOf(reading, whence), model);
    const at = after ? this.records.indexOf(after) + 1 : this.records.length;
    this.records.splice(at, 0, record);
    this.#count(record, 1);
    this.#put(record, (node) => (after ? after.card.node.after(node) : this.#append(node)));
    if (!this.#isLong && !willBeLong) this.#unfold(record, count <= PAINTED);
    if (count === ALWAYS_WHOLE + 1) for (const { near, card } of this.records) if (!near) card.fold();
    return record;
  }

  /**
   * A new reading in the place of an old one.
   *
   * @param {SliceRecord} old
   * @param {FullReading} reading
   * @param {Whence} whence
   * @param {Model} model
   */
  replace(old, reading, whence, model) {
    const record = /** @type {Listed} */ (old);
    this.#count(record, -1);
    const focused = record.card.node.contains(document.activeElement);
    const { near, card: { node: before } } = record;
    this.#byNode.delete(before);
    this.#cards.unobserve(before);
    this.#withPixels.delete(record);
    this.#listed(Object.assign(record, recordOf(reading, whence)), model);
    this.#count(record, 1);
    this.#put(record, (node) => before.replaceWith(node));
    if (near || focused || !this.#isLong) this.#unfold(record);
    if (focused) record.card.focus();
  }

  /** Says every card again, in the language of now. */
  say() {
    for (const { card } of this.records) card.say();
  }

  /**
   * Whether a record waits to be read again.
   *
   * @param {SliceRecord} record
   * @param {boolean} waiting
   */
  wait(record, waiting) {
    record.waiting = waiting;
    /** @type {Listed} */ (record).card.wait();
  }

  /**
   * Shows the cards of which `shown(reading)` holds.
   *
   * @param {(reading: Reading) => boolean} shown
   */
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
    const { card } = /** @type {Listed} */ (record);
    card.node.scrollIntoView();
    card.focus();
  }

  /** Removes all, and gives it, so that `restore` can take it back. */
  clear() {
    const { records } = this;
    this.#groups.disconnect();
    this.#cards.disconnect();
    this.#list.replaceChildren();
    this.#list.classList.remove('long');
    this.#last = null;
    this.#isMeasured = false;
    this.records = [];
    this.#counts = none();
    this.#byNode.clear();
    this.#withPixels.clear();
    return records;
  }

  /**
   * Takes back what was removed, behind what has come since.
   *
   * @param {Listed[]} records
   */
  restore(records) {
    for (const record of records) {
      record.near = false;
      this.records.push(record);
      this.#count(record, 1);
      this.#put(record, (node) => this.#append(node));
      record.card.say();
    }
    if (this.#isLong && !this.#isMeasured) this.#measure();
    for (const [at, record] of this.records.entries()) {
      if (!this.#isLong) this.#unfold(record, at < PAINTED);
      else if (!record.near) record.card.fold();
    }
  }

  /** How many there are of each verdict. */
  verdicts() { return { ...this.#counts }; }

  counts() {
    const { refused, error } = this.#counts;
    return { judged: this.records.length - refused - error, refused, error };
  }

  /**
   * The last record of a file.
   *
   * @param {Handle} handle
   */
  lastOf({ file }) { return this.records.findLast(({ handle }) => handle.file === file) ?? null; }

  failed() { return this.records.filter(({ reading }) => reading.verdict === 'error'); }

  /**
   * The pixels of a record, read again if they were given up, and are `wanted()` still then; null where there are none.
   *
   * @param {SliceRecord} record
   * @param {() => boolean} [wanted]
   */
  async pixels(record, wanted = () => true) {
    if (!record.pixels && record.reading.source) {
      const { picture, map, lung, opacity_map: opacity } = await this.#again(record.handle, wanted);
      if (picture && !record.pixels) this.#keep(/** @type {Listed} */ (record), { picture, map, lung, opacity });
    }
    return record.pixels;
  }

  get #isLong() { return this.records.length > ALWAYS_WHOLE; }

  /**
   * @param {SliceRecord} record
   * @param {1 | -1} by
   */
  #count({ reading: { verdict } }, by) {
    this.#counts[verdict] += by;
  }

  /**
   * The record with a card.
   *
   * @param {SliceRecord} record
   * @param {Model} model
   * @returns {Listed}
   */
  #listed(record, model) {
    return Object.assign(record, { card: new ResultCard(record, model, this.#on), near: false });
  }

  /**
   * @param {Listed} record
   * @param {(node: HTMLElement) => void} put Where its card belongs.
   */
  #put(record, put) {
    const { node } = record.card;
    node.hidden = !this.#shown(record.reading);
    this.#byNode.set(node, record);
    if (record.pixels) this.#keep(record, record.pixels);
    put(node);
    if (node.parentElement && this.#near.has(node.parentElement)) this.#cards.observe(node);
  }

  // Groups

  /** The list becomes a long one. What the first cards measure is likely for the others: without it the page would jump as they unfold. */
  #measure() {
    this.#isMeasured = true;
    const { offsetHeight: height, childElementCount: cards } = /** @type {HTMLElement} */ (this.#list.firstElementChild);
    /** @type {{ [name: string]: number }} */
    const likely = { '--each': height / cards };
    // The lowest, for a card is as high as its neighbour.
    for (const { card, reading } of this.records) {
      const name = reading.score === null ? '--other' : '--judged';
      likely[name] = Math.min(likely[name] ?? Infinity, card.node.offsetHeight);
    }
    for (const [name, pixels] of Object.entries(likely)) if (pixels > 0) this.#list.style.setProperty(name, `${pixels}px`);
    this.#list.classList.add('long');
  }

  /** @param {HTMLElement} node */
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

  /** Makes the groups anew, so that each shows the same number of cards however many others are hidden. */
  #arrange() {
    this.#groups.disconnect();
    for (const { card: { node } } of this.records) this.#left(node);
    this.#list.replaceChildren();
    this.#last = null;
    for (const { card: { node } } of this.records) this.#append(node);
  }

  // What is near

  /**
   * @param {Listed | undefined} record
   * @param {boolean} isNear
   * @param {number} [height] Of its card, in CSS pixels, if it is known.
   */
  #seen(record, isNear, height = 0) {
    // One that was replaced in the meantime.
    if (!record) return;
    record.near = isNear;
    if (isNear) this.#unfold(record);
    else if (this.#isLong) record.card.fold(height);
  }

  /** @param {Element} card */
  #left(card) {
    this.#cards.unobserve(card);
    this.#seen(this.#byNode.get(card), false);
  }

  /**
   * @param {Listed} record
   * @param {boolean} [isPainted]
   */
  #unfold(record, isPainted = true) {
    record.card.unfold(isPainted);
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

  /**
   * @param {Listed} record
   * @param {SlicePixels} pixels
   */
  #keep(record, pixels) {
    record.pixels = pixels;
    this.#withPixels.delete(record);
    this.#withPixels.add(record);
    for (const oldest of this.#withPixels) {
      if (this.#withPixels.size <= MAX_WITH_PIXELS) break;
      if (oldest.near || oldest === record) continue;
      oldest.pixels = null;
      oldest.card.hide();
      this.#withPixels.delete(oldest);
    }
  }
}
