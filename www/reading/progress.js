// The progress of the queue: how far it is, which files wait, and what is lost by leaving now. Owns these elements.

import { sentenceOf, tally } from './aside.js';
import { element, plain } from '../common/dom.js';
import { byId, say } from '../common/page.js';
import { words } from '../locales/words.js';

export class Progress {
  #pool;
  #counts;
  #step = '';      // the step of the queue that was said aloud last

  /**
   * @param {import('./pool.js').Pool} pool What reads.
   * @param {() => { judged: number, refused: number, error: number }} counts What came of all that was read.
   */
  constructor(pool, counts) {
    this.#pool = pool;
    this.#counts = counts;
  }

  /** @param {import('./queue.js').QueueState} state */
  show({ waiting, files, done, total, secondsLeft, skipped, beside, cancelled, stopped }) {
    const busy = files > 0;
    // No listener while there is nothing to lose: it would keep a browser from holding the page for the way back.
    if (busy) addEventListener('beforeunload', this.#stay);
    else removeEventListener('beforeunload', this.#stay);
    byId('queue').hidden = total === 0 && stopped === 0;
    byId('queue').classList.toggle('busy', busy);
    byId('cancel').hidden = !busy;
    byId('go-on').hidden = stopped === 0;
    say('go-on', () => words.progress.goOn(stopped));
    byId('queue-bar').hidden = !busy;
    byId('queue-bar', HTMLProgressElement).value = total > 0 ? done / total : 0;
    byId('waiting').hidden = !busy;
    this.#list(waiting, files);
    byId('skipped').hidden = skipped + beside.length === 0;
    const kinds = tally(beside);
    say('skipped', () => [skipped > 0 ? words.batch.skipped(skipped) : null, sentenceOf(kinds)].filter((told) => told !== null).join(' '));
    const reading = this.#pool.state === 'ready' || done > 0;
    const told = () => {
      if (cancelled) return words.progress.cancelled(done, total);
      if (!busy) return words.progress.done(total);
      if (!reading) return words.progress.waiting(files);
      return words.progress.reading(done, total, plain(waiting[0])) + (secondsLeft === null ? '' : words.progress.left(secondsLeft));
    };
    say('queue-text', told);
    // Told of every slice, a screen reader would come to nothing else: it says the start, each tenth and the end.
    const step = cancelled ? 'cancelled' : !busy ? 'done' : !reading ? `${files} waiting` : `tenth ${Math.floor(10 * done / total)}`;
    // What is seen at the head of the results is said with the end.
    if (step !== this.#step) say('queue-said', () => (step === 'done' ? `${told()} ${words.counts(this.#counts())}` : told()));
    this.#step = step;
  }

  /** Nothing was read and nothing waits. */
  clear() {
    byId('skipped').hidden = true;
    byId('queue').hidden = true;
    say('queue-said', () => '');
  }

  /**
   * Whoever leaves now loses what is not read yet: the browser asks first.
   *
   * @param {Event} event
   */
  #stay = (event) => {
    // Where nothing can be read there is nothing to stay for, and a repair loads the page again.
    if (this.#pool.state !== 'failed') event.preventDefault();
  };

  /**
   * Files leave at the front and join at the end, or all go. Only the first of many are named.
   *
   * @param {string[]} names
   * @param {number} files
   */
  #list(names, files) {
    const list = byId('waiting');
    const items = list.getElementsByClassName('file');
    while (items.length > 0 && items[0].textContent !== names[0]) items[0].remove();
    while (items.length > names.length) items[items.length - 1].remove();
    document.getElementById('waiting-more')?.remove();
    for (const name of names.slice(items.length)) {
      const item = element('li.file', name);
      item.dataset.testid = 'queued';
      list.append(item);
    }
    if (files > names.length) {
      const more = element('li', words.batch.more(files - names.length));
      more.id = 'waiting-more';
      list.append(more);
    }
  }
}
