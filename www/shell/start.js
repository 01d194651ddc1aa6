// The start of the reader as the page shows it: its state, the progress of the network, a failure and what to do about it. Owns these
// elements and the codes of the failures.

import { element, inEnglish } from '../common/dom.js';
import { byId, say } from '../common/page.js';
import { inOneFile } from '../common/published.js';
import { known, sentence, words } from '../locales/words.js';
import { repair } from './offline.js';

export class Start {
  /** @type {string[]} The codes of the failures so far. */
  failures = [];
  #again = () => {};

  constructor() {
    byId('unstarted').remove();
    byId('retry').addEventListener('click', () => {
      byId('failure').hidden = true;
      this.#again();
    });
    byId('repair').addEventListener('click', () => {
      byId('repair', HTMLButtonElement).disabled = true;
      say('failure-text', () => words.offline.repairing);
      repair();
    });
  }

  /**
   * The reader has come into a state. `isRestart`: it was ready before, and starts again from the module that was kept.
   *
   * @param {ReaderState} state
   * @param {Coded | null} failure
   * @param {{ isRestart: boolean, retry: () => void }} options `retry` starts a reader that has failed again.
   */
  show(state, failure, { isRestart, retry }) {
    say('state', () => {
      const pill = element('span.pill', known(words.state, state));
      pill.dataset.state = state;
      if (state === 'ready') pill.dataset.testid = 'ready';
      return pill;
    });
    // A restart takes half a second: the progress line tells enough.
    byId('loading').hidden = state !== 'loading' || isRestart;
    byId('failure').hidden = state !== 'failed';
    if (state === 'loading') say('loading-text', () => words.loading.starting);
    if (state !== 'failed' || !failure) return;
    const { code, message } = failure;
    this.failures.push(code);
    const text = inOneFile && code === 'damaged' ? () => words.offline.damagedFile : () => (
      code === 'operating_point' ? [words.failure.operating_point, ' ', inEnglish(sentence(message))] : known(words.failure, code) ?? inEnglish(sentence(message)));
    this.fail(() => words.failure.title, text, retry);
    byId('repair').hidden = inOneFile || !['damaged', 'missing'].includes(code);
  }

  /**
   * Shows how many bytes of the network have arrived.
   *
   * @param {number} loaded
   * @param {number} total
   */
  progress(loaded, total) {
    const bar = byId('loading-bar', HTMLProgressElement);
    const complete = loaded >= total;
    if (complete) bar.removeAttribute('value');
    else bar.value = loaded / total;
    say('loading-text', () => (complete ? words.loading.preparing : words.loading.of(loaded, total)));
  }

  /**
   * Shows a failure, with a button that calls `retry`.
   *
   * @param {() => import('../common/page.js').Told} title
   * @param {() => import('../common/page.js').Told} text
   * @param {() => void} retry
   */
  fail(title, text, retry) {
    say('failure-title', title);
    say('failure-text', text);
    byId('failure').hidden = false;
    byId('repair').hidden = true;
    this.#again = retry;
  }
}
