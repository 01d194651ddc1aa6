// The list of results: readings in input order, their cards, and which cards hold painted pixels.
//
// A record is what is known of one slice: { reading, pixels, origin }, where `pixels` is { picture, map, lung }, or null, and `origin` is
// the { file, frameIndex } that it was read from.

import { resultCard } from './result-card.js';

// So many cards stay painted wherever they are. In a longer list only those near the window do.
const ALWAYS_PAINTED = 48;

export class Results {
  readings = [];
  records = [];
  #cards = [];
  #byNode = new Map();
  #list;
  #observer;
  #onOpen;

  /** onOpen(record) when a person wants to see more of its slice. */
  constructor(list, onOpen) {
    this.#list = list;
    this.#onOpen = onOpen;
    this.#observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        const card = this.#byNode.get(target);
        if (!card) continue;
        card.near = isIntersecting;
        if (isIntersecting) card.show();
        else if (this.#cards.length > ALWAYS_PAINTED) card.hide();
      }
    }, { rootMargin: '100% 0px' });
    addEventListener('beforeprint', () => this.#cards.forEach((card) => card.show()));
  }

  add(reading, model, origin) {
    const { map, lung, picture, ...kept } = reading;
    this.readings.push(kept);
    const record = { reading: kept, pixels: picture && { picture, map, lung }, origin };
    this.records.push(record);
    const card = resultCard(reading, model, () => this.#onOpen(record));
    this.#cards.push(card);
    if (this.#cards.length <= ALWAYS_PAINTED) card.show();
    if (this.#cards.length === ALWAYS_PAINTED + 1) this.#cards.filter((other) => !other.near).forEach((other) => other.hide());
    this.#byNode.set(card.node, card);
    this.#list.append(card.node);
    this.#observer.observe(card.node);
  }

  /** Says every card again, in the language of now. */
  say() {
    for (const card of this.#cards) card.say();
  }

  clear() {
    this.#observer.disconnect();
    this.#list.replaceChildren();
    this.readings = [];
    this.records = [];
    this.#cards = [];
    this.#byNode.clear();
  }

  counts() {
    const counts = { judged: 0, refused: 0, error: 0 };
    for (const { verdict } of this.readings) counts[verdict in counts ? verdict : 'judged']++;
    return counts;
  }
}
