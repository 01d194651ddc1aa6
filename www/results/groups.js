// The cards of a list, in groups of neighbours. The browser lays out only the groups near the viewport (results.css): what a card costs far
// away is its few elements, and no layout. Only cards of such groups are watched. In a thin list the other groups have no elements at all,
// and are as high as they were, or are likely to be. Owns the groups, and which cards there are; knows nothing of what a card says.

import { element } from '../common/dom.js';

// Cards of a group that are shown: a number that fills the rows whether two, three or four stand beside each other.
const GROUP = 60;

// Of a thin list what a card is likely to take is told anew where it has changed by this share.
const CHANGED = 0.03;

/**
 * `isNear`: to the viewport. `height`: in CSS pixels, when it was last there; 0 for one that never was.
 *
 * @typedef {{ node: HTMLElement, records: Grouped[], shown: number, isNear: boolean, height: number }} Group
 */

/** @typedef {{ card: { node: HTMLElement } | null, group: Group | null }} Grouped What is listed, with its card while there is one. */

/** @template {Grouped} R */
export class Groups {
  #list;
  #on;
  #isThin = false;
  #width = 0;                  // of the list, in CSS pixels
  /** @type {Group | null} That the next card joins. */
  #last = null;
  /** @type {WeakMap<Element, Group>} */
  #byNode = new WeakMap();
  /** @type {Map<Element | null, R>} By the element of the card. */
  #byCard = new Map();
  #groups;                     // observers of what is near the viewport: of groups,
  #cards;                      // and of the cards of those groups

  /**
   * @param {HTMLElement} list
   * @param {object} on
   * @param {(record: R) => HTMLElement} on.make Gives a record a card, and its element.
   * @param {(record: R) => void} on.drop Takes the card away from a record.
   * @param {(record: R) => boolean} on.shows Whether it is among those that are shown.
   * @param {(record: R, isNear: boolean, height: number) => void} on.seen A card is near the viewport, or no longer. Its height in CSS pixels,
   *   if it is known, otherwise 0.
   */
  constructor(list, on) {
    this.#list = list;
    this.#on = on;
    this.#groups = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting, boundingClientRect: { height } } of entries) {
        // One of before they were made anew.
        const group = this.#byNode.get(target);
        if (!group) continue;
        group.isNear = isIntersecting;
        if (isIntersecting) this.#fill(group);
        for (const card of target.children) {
          if (isIntersecting) this.#cards.observe(card);
          else this.#left(card);
        }
        if (!isIntersecting && this.#isThin) this.#empty(group, height);
      }
      if (this.#isThin) this.#guess();
    }, { rootMargin: '200% 0px' });
    this.#cards = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting, boundingClientRect: { height } } of entries) {
        const record = this.#byCard.get(target);
        if (record) this.#on.seen(record, isIntersecting, height);
      }
    }, { rootMargin: '100% 0px' });
    new ResizeObserver(([{ contentRect: { width } }]) => this.#remeasure(width)).observe(list);
  }

  /**
   * The record of a card.
   *
   * @param {Element | null} card
   */
  of(card) { return this.#byCard.get(card) ?? null; }

  /** What a card of the first group takes of the list's height, in CSS pixels. */
  get each() {
    const { offsetHeight: height, children } = /** @type {HTMLElement} */ (this.#list.firstElementChild);
    return height / [...children].filter((card) => !/** @type {HTMLElement} */ (card).hidden).length;
  }

  /**
   * A record behind the others, or behind the record `after`.
   *
   * @param {R} record
   * @param {R | null} [after]
   */
  add(record, after = null) {
    const isShown = this.#on.shows(record);
    let group = after?.group ?? null;
    if (!group && (!this.#last || (this.#last.shown >= GROUP && isShown))) this.#last = this.#begin();
    group ??= /** @type {Group} */ (this.#last);
    record.group = group;
    group.records.splice(after ? group.records.indexOf(after) + 1 : group.records.length, 0, record);
    if (isShown) group.shown++;
    group.node.style.setProperty('--cards', String(group.shown));
    if (this.#isThin && group.node.childElementCount === 0 && !group.isNear) {
      group.height = 0;
      group.node.style.removeProperty('--height');
    } else this.#put(record, (node) => (after?.card ? after.card.node.after(node) : group.node.append(node)));
  }

  /**
   * Whether records are shown may have changed.
   *
   * @param {R[]} records
   */
  show(records) {
    for (const record of records) if (record.card) record.card.node.hidden = !this.#on.shows(record);
    for (const group of new Set(records.map(({ group }) => group))) {
      if (!group) continue;
      group.shown = /** @type {R[]} */ (group.records).filter((record) => this.#on.shows(record)).length;
      group.node.style.setProperty('--cards', String(group.shown));
    }
  }

  /**
   * Another card for a record, in the place of the old one.
   *
   * @param {R} record
   */
  renew(record) {
    const before = record.card?.node;
    if (!before) return;
    this.#forget(before);
    this.#on.drop(record);
    this.#put(record, (node) => before.replaceWith(node));
  }

  /**
   * The card of a record, wherever it is.
   *
   * @param {R} record
   */
  reach(record) {
    if (record.group) this.#fill(record.group);
    return record.card;
  }

  /**
   * Makes the groups anew, so that each shows the same number of cards however many others are hidden.
   *
   * @param {R[]} records
   */
  arrange(records) {
    this.#groups.disconnect();
    for (const record of records) {
      const { card } = record;
      if (!card) continue;
      this.#left(card.node);
      if (this.#isThin) this.#drop(record);
    }
    this.#list.replaceChildren();
    this.#last = null;
    for (const record of records) this.add(record);
    // The others follow when the browser has told what is near.
    if (this.#isThin && records.length > 0) this.#fill(/** @type {Group} */ (records[0].group));
  }

  /** From now on there are cards in groups near the viewport alone. */
  thin() {
    if (this.#isThin) return;
    this.#isThin = true;
    const groups = this.#all();
    // All are measured before the first is changed: the browser lays out once. One that was never near has no height of its own yet.
    for (const group of groups) if (group.isNear) group.height = group.node.offsetHeight;
    for (const group of groups) if (!group.isNear) this.#empty(group, group.height);
    this.#guess();
  }

  /**
   * The focus has left a card: a group that stayed for its sake may go.
   *
   * @param {R} record
   */
  left({ group }) {
    if (this.#isThin && group && !group.isNear) this.#empty(group, group.node.offsetHeight);
  }

  clear() {
    this.#groups.disconnect();
    this.#cards.disconnect();
    this.#list.replaceChildren();
    this.#byCard.clear();
    this.#last = null;
    this.#isThin = false;
  }

  /**
   * Another width makes other rows: groups without cards are likely to be as high as one that has them is now.
   *
   * @param {number} width Of the list, in CSS pixels.
   */
  #remeasure(width) {
    const isOther = width !== this.#width;
    this.#width = width;
    if (!this.#isThin || !isOther) return;
    for (const group of this.#all()) {
      group.height = group.isNear ? group.node.offsetHeight : 0;
      group.node.style.removeProperty('--height');
    }
    this.#guess();
  }

  /** Groups that nobody has seen are likely to be as high as those that somebody has. */
  #guess() {
    const seen = this.#all().filter(({ height, shown }) => height > 0 && shown > 0);
    const [height, cards] = [seen.reduce((sum, group) => sum + group.height, 0), seen.reduce((sum, { shown }) => sum + shown, 0)];
    const before = parseFloat(this.#list.style.getPropertyValue('--each'));
    if (cards > 0 && !(Math.abs(height / cards / before - 1) < CHANGED)) this.#list.style.setProperty('--each', `${height / cards}px`);
  }

  #all() { return [...this.#list.children].map((node) => /** @type {Group} */ (this.#byNode.get(node))); }

  /** @returns {Group} */
  #begin() {
    const group = { node: element('div.group'), records: [], shown: 0, isNear: false, height: 0 };
    this.#byNode.set(group.node, group);
    this.#list.append(group.node);
    this.#groups.observe(group.node);
    return group;
  }

  /**
   * @param {R} record
   * @param {(node: HTMLElement) => void} put Where its card belongs.
   */
  #put(record, put) {
    const node = record.card?.node ?? this.#on.make(record);
    node.hidden = !this.#on.shows(record);
    this.#byCard.set(node, record);
    put(node);
    if (record.group?.isNear) this.#cards.observe(node);
  }

  /** @param {Group} group */
  #fill({ node, records }) {
    if (node.childElementCount > 0) return;
    for (const record of /** @type {R[]} */ (records)) if (this.#on.shows(record)) this.#put(record, (card) => node.append(card));
  }

  /**
   * @param {Group} group
   * @param {number} height In CSS pixels; 0 if it was never near.
   */
  #empty(group, height) {
    const { node, records } = group;
    if (node.childElementCount === 0 || node.contains(document.activeElement)) return;
    group.height = height;
    if (height > 0) node.style.setProperty('--height', `${height}px`);
    node.replaceChildren();
    for (const record of /** @type {R[]} */ (records)) this.#drop(record);
  }

  /** @param {R} record */
  #drop(record) {
    if (!record.card) return;
    this.#left(record.card.node);
    this.#forget(record.card.node);
    this.#on.drop(record);
  }

  /** @param {Element} card */
  #left(card) {
    this.#cards.unobserve(card);
    const record = this.#byCard.get(card);
    if (record) this.#on.seen(record, false, 0);
  }

  /** @param {Element} card */
  #forget(card) {
    this.#cards.unobserve(card);
    this.#byCard.delete(card);
  }
}
