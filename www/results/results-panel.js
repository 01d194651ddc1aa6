// What becomes of the queue's readings, and the buttons for all of them: read the failed again, cancel and go on, clear and take that back.
// Owns the head of the list.

import { byId, say } from '../common/page.js';
import { words } from '../locales/words.js';

// What was cleared can be taken back for so many milliseconds.
const MAX_UNDO = 10_000;

export class ResultsPanel {
  #pool;
  #queue;
  #results;
  #onChange;
  #onClear;
  /** @type {Promise<void> | null} */
  #planned = null;
  /** @type {{ records: ReturnType<import('./results.js').Results['clear']>, queue: ReturnType<import('../reading/queue.js').Queue['forget']>, timer: Timer } | null} What was cleared and can be taken back. */
  #cleared = null;

  /**
   * @param {object} page
   * @param {import('../reading/pool.js').Pool} page.pool
   * @param {import('../reading/queue.js').Queue} page.queue
   * @param {import('./results.js').Results} page.results
   * @param {boolean} page.canUndo Whether what was cleared can be taken back for a while.
   * @param {() => void} page.onChange There are other results than before.
   * @param {() => void} page.onClear All was removed.
   */
  constructor({ pool, queue, results, canUndo, onChange, onClear }) {
    this.#pool = pool;
    this.#queue = queue;
    this.#results = results;
    this.#onChange = onChange;
    this.#onClear = onClear;
    byId('cancel').addEventListener('click', () => this.#cancel());
    byId('retry-failed').addEventListener('click', () => this.retry(results.failed()));
    byId('go-on').addEventListener('click', () => queue.goOn());
    byId('clear').addEventListener('click', () => {
      this.clear(canUndo);
      byId(canUndo ? 'undo' : 'intake').focus();
    });
    byId('undo').addEventListener('click', () => this.#undo());
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

  /** Removes everything, read or not; for a while that can be undone, if it is said so. */
  clear(canUndo = false) {
    this.#forget();
    if (this.#queue.busy) this.#cancel();
    const [records, queue] = [this.#results.clear(), this.#queue.forget()];
    if (canUndo) this.#cleared = { records, queue, timer: setTimeout(() => this.#forget(), MAX_UNDO) };
    byId('undo-box').hidden = !this.#cleared;
    this.#show();
    this.#onClear();
  }

  /** What was cleared is gone for good. */
  #forget() {
    if (!this.#cleared) return;
    clearTimeout(this.#cleared.timer);
    this.#cleared = null;
    const box = byId('undo-box');
    if (box.contains(document.activeElement)) byId('intake').focus();
    box.hidden = true;
  }

  #undo() {
    if (!this.#cleared) return;
    const { records, queue } = this.#cleared;
    this.#results.restore(records);
    this.#queue.restore(queue);
    this.#forget();
    this.#show();
    byId('results-title').focus();
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
