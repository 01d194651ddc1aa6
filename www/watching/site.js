// What a site does with the network, put together: its thresholds, its check on slices of its own, and its watching. Reads nothing itself.

import { OwnSlices } from '../acceptance/own-slices.js';
import { PointChoice } from '../acceptance/point.js';
import { sheet } from '../shell/sheet.js';
import { Drift, ofDays } from './drift.js';
import { WatchLog } from './log.js';
import { WatchPanel } from './panel.js';

export class Site {
  #pool;
  #results;
  #clear;
  #log = new WatchLog(() => this.#counted());
  /** Of what is read by the thresholds of now. */
  #drift = new Drift();
  #point;
  #own;

  /**
   * @param {object} page
   * @param {import('../reading/pool.js').Pool} page.pool
   * @param {import('../results/results.js').Results} page.results
   * @param {() => void} page.clear Forgets all readings and all files that wait.
   */
  constructor({ pool, results, clear }) {
    this.#pool = pool;
    this.#results = results;
    this.#clear = clear;
    this.#point = new PointChoice({ pool, count: () => results.records.length, clear: () => this.clear() });
    this.#own = new OwnSlices({ pool, onUse: (file) => this.#point.choose(file) });
    const panel = new WatchPanel({ pool, log: this.#log });
    sheet('check');
    sheet('watch', () => panel.show());
  }

  /**
   * To be told each state of the pool.
   *
   * @param {ReaderState} state
   * @param {Coded | null} failure
   */
  follow(state, failure) {
    this.#point.follow(state, failure);
    if (state === 'ready') this.#counted();
  }

  /** A worker waits for work. */
  dispatch() { this.#own.dispatch(); }

  /**
   * To be told each reading, before it is shown.
   *
   * @param {FullReading} reading
   */
  take(reading) {
    this.#log.add(reading);
    this.#drift.add(reading);
    const { local } = this.#pool.model ?? {};
    // What must be said beside each verdict has changed.
    if (local && this.#point.drifted({ exceeded: this.#drift.exceeded(local.drift) })) this.#results.say();
  }

  // The log has changed, or what it is held against.
  #counted() {
    const { local, sha256 } = this.#pool.model ?? {};
    if (!local) return;
    const log = this.#log.isOn ? this.#log.log : null;
    const days = log && log.network === sha256 ? log.days : [];
    if (this.#point.drifted({ counted: ofDays(days, local.made, local.drift) })) this.#results.say();
  }

  /** All readings were cleared. */
  cleared() {
    this.#drift = new Drift();
    this.#point.drifted({ exceeded: [] });
  }

  /** Forgets all readings, those of a check too. */
  clear() {
    this.#clear();
    this.#own.clear();
  }

  /** Says everything in the language of now. */
  say() { this.#own.say(); }
}
