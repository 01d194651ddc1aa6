// The log of counts on this device, if a person has asked for it: off by default, and on a shared device off unless its address says so.
// Owns what is kept of it. Knows no element.

import { today } from '../common/today.js';
import { kiosk } from '../shell/mode.js';
import { erase, keep, kept } from '../shell/storage.js';
import { count, emptyDay } from './counts.js';

const KEY = 'lungglass.watch';
const SCHEMA = 1;
const KIND = 'watch log';

// More days than this are not kept, the oldest go first.
const MAX_DAYS = 400;

// What is read is counted together after so many milliseconds.
const PAUSE = 500;

/** @typedef {{ schema: number, kind: string, network: string, days: import('./counts.js').Day[] }} Log */

export class WatchLog {
  /** @type {Pick<FullReading, 'verdict' | 'score' | 'logit' | 'refusal' | 'likeness'>[]} Not counted yet. */
  #waiting = [];
  /** @type {Timer | null} */
  #timer = null;
  #network = '';
  #onChange;

  /** @param {() => void} onChange What is kept is another. */
  constructor(onChange) {
    this.#onChange = onChange;
    addEventListener('pagehide', () => this.#count());
  }

  /** Whether a person can switch it on or off here. */
  get isChoice() { return kiosk === null; }

  get isOn() { return kiosk ? kiosk.watches : this.#kept()?.on ?? false; }

  /**
   * What was counted so far; null if nothing was.
   *
   * @returns {Log | null}
   */
  get log() {
    this.#count();
    return this.#kept()?.log ?? null;
  }

  /** @param {boolean} isOn */
  switch(isOn) {
    this.#count();
    this.#keep({ on: isOn, log: this.#kept()?.log ?? null });
  }

  clear() {
    this.#waiting = [];
    erase(KEY);
    this.#onChange();
  }

  /**
   * Counts a reading, if it is switched on, and of the network that the log is of.
   *
   * @param {FullReading} reading
   */
  add({ verdict, score, logit, refusal, likeness, model }) {
    if (!this.isOn) return;
    if (this.#network !== model.sha256) this.#count();
    this.#network = model.sha256;
    this.#waiting.push({ verdict, score, logit, refusal, likeness });
    this.#timer ??= setTimeout(() => this.#count(), PAUSE);
  }

  // Another window may have counted meanwhile, or all may have been deleted.
  #count() {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const waiting = this.#waiting.splice(0);
    if (waiting.length === 0 || !this.isOn) return;
    const log = this.#kept()?.log ?? { schema: SCHEMA, kind: KIND, network: this.#network, days: [] };
    if (log.network !== this.#network) return;
    const name = today();
    let day = log.days.find((one) => one.name === name);
    if (!day) log.days.push(day = emptyDay(name));
    for (const reading of waiting) count(day, reading);
    log.days.sort((one, other) => (one.name < other.name ? -1 : 1)).splice(0, Math.max(0, log.days.length - MAX_DAYS));
    this.#keep({ on: true, log });
  }

  /** @returns {{ on: boolean, log: Log | null } | null} */
  #kept() {
    try {
      return JSON.parse(kept(KEY) ?? 'null');
    } catch {
      return null;
    }
  }

  /** @param {{ on: boolean, log: Log | null }} state */
  #keep(state) {
    keep(KEY, JSON.stringify(state));
    this.#onChange();
  }
}
