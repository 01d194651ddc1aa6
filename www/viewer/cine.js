// Playing a stack: one slice after the other, at a pace, and on from the first after the last. Owns the timer and
// the choice of the pace; knows no slice.

import { element } from '../common/dom.js';

// Slices a second.
const PACES = [5, 10, 15, 25];

export class Cine {
  #advance;
  #isReady;
  #onChange;
  /** @type {ReturnType<typeof setInterval> | null} */
  #timer = null;
  #pace = 10;

  /**
   * @param {object} on
   * @param {() => void} on.advance To the next slice.
   * @param {() => boolean} on.isReady Whether what is there is shown: what is still decoded is waited for.
   * @param {() => void} on.change It plays, or does not any more.
   */
  constructor({ advance, isReady, change }) {
    this.#advance = advance;
    this.#isReady = isReady;
    this.#onChange = change;
  }

  get plays() { return this.#timer !== null; }

  /**
   * Lets people choose how fast it plays.
   *
   * @param {HTMLSelectElement} box
   */
  wire(box) {
    box.replaceChildren(...PACES.map((pace) => element('option', String(pace))));
    box.value = String(this.#pace);
    box.addEventListener('change', () => {
      this.#pace = Number(box.value);
      if (this.plays) this.#start();
    });
  }

  toggle() {
    if (this.plays) return this.stop();
    this.#start();
    this.#onChange();
  }

  stop() {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    this.#onChange();
  }

  #start() {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = setInterval(() => { if (this.#isReady()) this.#advance(); }, 1000 / this.#pace);
  }
}
