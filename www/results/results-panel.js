// What becomes of the queue's readings, and the buttons for all of them: read the failed again, cancel, clear. Owns the head of the list.

import { byId, say } from '../common/page.js';
import { words } from '../locales/words.js';

export class ResultsPanel {
  #pool;
  #queue;
  #results;
  #onChange;
  #onClear;
  /** @type {Promise<void> | null} */
  #planned = null;

  /**
   * @param {object} page
   * @param {import('../reading/pool.js').Pool} page.pool
   * @param {import('../reading/queue.js').Queue} page.queue
   * @param {import('./results.js').Results} page.results
   * @param {() => void} page.onChange There are other results than before.
   * @param {() => void} page.onClear All was removed.
   */
  constructor({ pool, queue, results, onChange, onClear }) {
    this.#pool = pool;
    this.#queue = queue;
    this.#results = results;
    this.#onChange = onChange;
    this.#onClear = onClear;
    byId('cancel').addEventListener('click', () => this.#cancel());
    byId('retry-failed').addEventListener('click', () => this.retry(results.failed()));
    byId('clear').addEventListener('click', () => this.clear());
  }

  /**
   * Puts a reading where it belongs: at the end, or in the place of one that failed.
   *
   * @param {FullReading} reading
   * @param {Handle} handle
   * @param {import('../reading/job.js').Job} job
   */
  take(reading, handle, { folder, own, replaces }) {
    const results = this.#results;
    const isWholeFile = reading.file === handle.name && reading.frame === null;
    const container = isWholeFile ? (replaces?.container ?? folder) : own;
    const model = /** @type {Model} */ (this.#pool.model);
    if (!replaces) results.add(reading, { handle, container }, model);
    else if (replaces.waiting) results.replace(replaces, reading, { handle, container }, model);
    // The file as a whole could not be read, and now it turns out to have several slices.
    else results.add(reading, { handle, container }, model, results.lastOf(handle));
    // Of several readings that are told at once, the last.
    this.#planned ??= Promise.resolve().then(() => {
      this.#planned = null;
      this.#show();
    });
  }

  /**
   * Reads again what failed and does not wait for that yet.
   *
   * @param {SliceRecord[]} records
   */
  retry(records) {
    const failed = records.filter(({ waiting }) => !waiting);
    for (const record of failed) this.#results.wait(record, true);
    this.#queue.retry(failed);
  }

  /** Removes everything, read or not. */
  clear() {
    if (this.#queue.busy) this.#cancel();
    this.#results.clear();
    this.#queue.skipped = 0;
    this.#queue.beside = [];
    this.#show();
    this.#onClear();
    byId('intake').focus();
  }

  #cancel() {
    for (const record of this.#queue.cancel()) this.#results.wait(record, false);
  }

  #show() {
    const count = this.#results.records.length;
    byId('results').hidden = byId('skip-readings').hidden = count === 0;
    byId('cards').dataset.results = String(count);
    document.body.classList.toggle('has-results', count > 0);
    byId('retry-failed').hidden = this.#results.counts().error === 0;
    say('results-count', () => words.counts(this.#results.counts()));
    this.#onChange();
  }
}
