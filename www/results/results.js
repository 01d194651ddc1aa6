// The list of results: readings in input order, their cards, and the pixels that are kept of them. Ten thousand slices must cost little
// more than a hundred: cards far from the viewport are folded, and in a very long list there are none; their pixels are read again when they
// come near.
//
// A study of more than a few slices is shown as a filmstrip (study/film.js) where the reader wants an overview. The cards of its slices are put
// away then: each is one element, which says what the slice is and shows nothing.

import { Packer } from '../reading/kept-file.js';
import { packed } from '../study/coronal.js';
import { Away } from './away.js';
import { alike, forgetAlike, slim, slimPlace } from './alike.js';
import { Groups } from './groups.js';
import { ResultCard } from './result-card.js';

// In a list of at most this many every card stays whole. In a longer one only those near the viewport do; by its first cards it knows what
// the others are likely to measure.
const ALWAYS_WHOLE = 60;
const MEASURED = 12;

// In a list of at most this many every card is there.
const ALWAYS_THERE = 1000;

// The first cards of a list are painted at once, the others when they come near the viewport.
const PAINTED = 16;

// Of a long list the pictures of so many cards come with their readings. The others are read again for somebody who comes near.
const DRAWN = 24;

// The pixels of at most this many slices are kept.
const MAX_WITH_PIXELS = 96;

/**
 * A record with its card while there is one, its group, and whether it is near the viewport. The model is the one that read it.
 *
 * @typedef {SliceRecord & { card: ResultCard | null, group: import('./groups.js').Group | null, near: boolean, model: Model }} Listed
 */

/** @typedef {{ handle: Handle, container: Container | null }} Whence What a reading is of. */

/**
 * What is kept of a reading.
 *
 * @param {FullReading} reading
 * @param {Whence} whence
 * @returns {SliceRecord}
 */
function recordOf({ map, lung, opacity_map: opacity, picture, place, shown, lungs, coronal, likeness, ...reading }, { handle, container }) {
  const pixels = picture ? { picture, map, lung, opacity } : null;
  return { reading: slim(reading, handle.name), place: slimPlace(place), shown: alike(shown), lungs, coronal: packed(coronal), handle, container, pixels, waiting: false };
}

const none = () => ({ positive: 0, negative: 0, uncertain: 0, refused: 0, error: 0 });

/**
 * @param {SliceRecord} record
 * @param {Model} model
 * @returns {Listed}
 */
const listed = (record, model) => ({ ...record, card: null, group: null, near: false, model });

export class Results {
  /** @type {Listed[]} In input order. */
  records = [];
  #counts = none();
  #packer = new Packer();
  #expected = 0;               // records that are on their way
  #isMeasured = false;
  #away = new Away();
  /** @type {Set<Listed>} The longest unused first. */
  #withPixels = new Set();
  /** @type {Set<Listed>} */
  #fetching = new Set();
  /** @type {(reading: Reading) => boolean} */
  #shown = () => true;
  #list;
  /** @type {Groups<Listed>} */
  #groups;
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
    this.#groups = new Groups(list, {
      make: (record) => this.#card(record).node,
      drop: (record) => { record.card = null; },
      shows: (record) => this.shows(record),
      seen: (record, isNear, height) => this.#seen(record, isNear, height),
    });
    // A card that has the focus stays whole wherever it is.
    list.addEventListener('focusout', ({ target, relatedTarget }) => {
      const card = /** @type {Element} */ (target).closest('.card');
      const record = this.#groups.of(card);
      if (!record || record.near || !this.#isLong || card?.contains(/** @type {Node | null} */ (relatedTarget))) return;
      record.card?.fold();
      // The next element has the focus only after this.
      setTimeout(() => { if (!record.near) this.#groups.left(record); });
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
    const record = listed(recordOf(reading, whence), model);
    const at = after ? this.records.indexOf(after) + 1 : this.records.length;
    this.records.splice(at, 0, record);
    this.#count(record, 1);
    if (whence.handle.file) this.#packer.add(whence.handle.file);
    if (record.pixels) this.#keep(record, record.pixels);
    this.#groups.add(record, after);
    if (!this.#isLong && !willBeLong) this.#unfold(record, count <= PAINTED);
    if (count === ALWAYS_WHOLE + 1) for (const { near, card } of this.records) if (!near) card?.fold();
    this.#putAway(this.#away.joined(record, this.records));
    if (count > ALWAYS_THERE) this.#groups.thin();
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
    const focused = record.card?.node.contains(document.activeElement) ?? false;
    const { near } = record;
    this.#withPixels.delete(record);
    Object.assign(record, recordOf(reading, whence), { model });
    this.#count(record, 1);
    if (record.pixels) this.#keep(record, record.pixels);
    this.#groups.renew(record);
    if (near || focused || !this.#isLong) this.#unfold(record);
    if (focused) record.card?.focus();
    this.#putAway(this.#away.joined(record, this.records));
  }

  /** Says every card again, in the language of now. */
  say() {
    for (const { card } of this.records) card?.say();
  }

  /**
   * Whether a record waits to be read again.
   *
   * @param {SliceRecord} record
   * @param {boolean} waiting
   */
  wait(record, waiting) {
    record.waiting = waiting;
    /** @type {Listed} */ (record).card?.wait();
  }

  /**
   * Shows the cards of which `shown(reading)` holds.
   *
   * @param {(reading: Reading) => boolean} shown
   */
  filter(shown) {
    this.#shown = shown;
    this.#show();
  }

  /**
   * Whether the slices of a study are left to its filmstrip, unless they are few.
   *
   * @param {boolean} isOverview
   */
  overview(isOverview) {
    if (isOverview === this.#away.isOverview) return;
    this.#away.isOverview = isOverview;
    for (const record of this.records) record.card?.putAway(this.#away.has(record));
    this.#show();
    if (!this.#isLong) for (const record of this.records) this.#unfold(record);
  }

  /** Whether there is a card to be seen, for whoever looks for one. */
  get hasCards() { return this.records.some((record) => !this.#away.has(record)); }

  /**
   * Whether the card of a record is among those that are shown.
   *
   * @param {SliceRecord} record
   */
  shows(record) { return this.#shown(record.reading) && !this.#away.has(record); }

  /**
   * Scrolls to the card of a record, and gives it the focus.
   *
   * @param {SliceRecord} record
   */
  reveal(record) {
    const card = /** @type {ResultCard} */ (this.#groups.reach(/** @type {Listed} */ (record)));
    card.node.scrollIntoView();
    card.focus();
  }

  /** Removes all, and gives it, so that `restore` can take it back. */
  clear() {
    const { records } = this;
    this.#groups.clear();
    this.#list.classList.remove('long');
    this.#isMeasured = false;
    this.records = [];
    this.#counts = none();
    this.#away.clear();
    this.#withPixels.clear();
    this.#packer.forget();
    forgetAlike();
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
      if (record.pixels) this.#keep(record, record.pixels);
      record.card?.putAway(this.#away.has(record));
      this.#groups.add(record);
      record.card?.say();
      this.#putAway(this.#away.joined(record, this.records));
    }
    if (this.#isLong && !this.#isMeasured) this.#measure();
    for (const [at, record] of this.records.entries()) {
      if (!this.#isLong) this.#unfold(record, at < PAINTED);
      else if (!record.near) record.card?.fold();
    }
    if (this.records.length > ALWAYS_THERE) this.#groups.thin();
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
  #count(record, by) {
    this.#counts[record.reading.verdict] += by;
    this.#away.count(record, by);
  }

  /** Others are shown than before. */
  #show() {
    if (this.#isLong) this.#groups.arrange(this.records);
    else this.#groups.show(this.records);
  }

  /** @param {Listed[]} records That are left to a filmstrip from now on. */
  #putAway(records) {
    for (const record of records) record.card?.putAway(true);
    this.#groups.show(records);
  }

  /**
   * Another card for a record.
   *
   * @param {Listed} record
   */
  #card(record) {
    record.card = new ResultCard(record, record.model, this.#on);
    record.card.putAway(this.#away.has(record));
    return record.card;
  }

  /** The list becomes a long one. What the first cards measure is likely for the others: without it the page would jump as they unfold. */
  #measure() {
    this.#isMeasured = true;
    /** @type {{ [name: string]: number }} */
    const likely = { '--each': this.#groups.each };
    // The lowest, for a card is as high as its neighbour.
    for (const { card, reading } of this.records) {
      if (!card || card.node.hidden) continue;
      const name = reading.score === null ? '--other' : '--judged';
      likely[name] = Math.min(likely[name] ?? Infinity, card.node.offsetHeight);
    }
    for (const [name, pixels] of Object.entries(likely)) if (pixels > 0 && pixels < Infinity) this.#list.style.setProperty(name, `${pixels}px`);
    this.#list.classList.add('long');
  }

  // What is near

  /**
   * @param {Listed} record
   * @param {boolean} isNear
   * @param {number} height Of its card, in CSS pixels, if it is known, otherwise 0.
   */
  #seen(record, isNear, height) {
    record.near = isNear;
    if (isNear) this.#unfold(record);
    else if (this.#isLong) record.card?.fold(height);
  }

  /**
   * @param {Listed} record
   * @param {boolean} [isPainted]
   */
  #unfold(record, isPainted = true) {
    if (this.#away.has(record)) return;
    record.card?.unfold(isPainted);
    if (record.pixels) this.#keep(record, record.pixels);
    else if (record.reading.source && !this.#fetching.has(record)) {
      this.#fetching.add(record);
      // A card that leaves before its turn does not wait for them; a failure leaves it without a picture until it comes again.
      this.pixels(record, () => record.near).catch(() => {}).finally(() => {
        this.#fetching.delete(record);
        if (record.near) record.card?.unfold();
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
      oldest.card?.hide();
      this.#withPixels.delete(oldest);
    }
  }
}
