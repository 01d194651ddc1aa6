// "Check on your own slices": a site's acceptance test in the page. Slices of two classes are read by the page's workers, and the library
// makes of their readings what `lungglass accept` makes. Owns the dialog. Of a slice nothing is kept but its row, until the dialog is
// cleared or the page is left; nothing leaves.

import { element } from '../common/dom.js';
import { byId, say } from '../common/page.js';
import { mayChooseNetwork } from '../common/published.js';
import { today } from '../common/today.js';
import { ofFiles, ofFolders } from '../files/folder.js';
import { words } from '../locales/words.js';
import { container } from '../reading/container.js';
import { Queue } from '../reading/queue.js';
import { save } from '../saving/export.js';
import { kiosk } from '../shell/mode.js';
import { rowOf } from './rows.js';
import { told } from './told.js';

const CLASSES = /** @type {const} */ (['positives', 'negatives']);
const TERMS = ['check-ppv', 'check-npv', 'check-confidence', 'check-prevalence', 'check-days'];
const DAY = 86_400_000;

export class OwnSlices {
  #pool;
  #queue;
  #onUse;
  /** @type {{ positives: GivenFile[], negatives: GivenFile[] }} */
  #given = { positives: [], negatives: [] };
  /** @type {Set<number>} The intakes of the files of the first class: two classes may have files of one name. */
  #positive = new Set();
  /** @type {import('./rows.js').Row[]} */
  #rows = [];
  /** @type {{ [kind in import('./rows.js').Kind]: number }} */
  #kinds = { patient: 0, folder: 0, alone: 0 };
  /** @type {{ acceptance: import('./told.js').Acceptance, document: string, html: string, settings: string | null } | null} */
  #made = null;
  #isReading = false;
  /** @type {string | null} Why no test could be made of what was read. */
  #failed = null;
  /** Whether the page may judge by what comes out. */
  #mayUse = false;

  /**
   * @param {object} page
   * @param {import('../reading/pool.js').Pool} page.pool
   * @param {(file: File) => void} page.onUse Judges by a settings file.
   */
  constructor({ pool, onUse }) {
    this.#pool = pool;
    this.#onUse = onUse;
    this.#queue = new Queue(pool, {
      onReading: (reading, handle) => this.#take(reading, handle),
      onChange: (state) => this.#show(state),
      drawn: () => false,
    });
    for (const of of CLASSES) {
      for (const [id, givenOf] of /** @type {[string, (files: File[]) => GivenFile[]][]} */ ([[`check-${of}`, ofFolders], [`check-${of}-files`, ofFiles]])) {
        const input = byId(id, HTMLInputElement);
        input.addEventListener('change', () => {
          this.#given[of] = givenOf([...input.files ?? []]);
          input.value = '';
          this.#say();
        });
      }
    }
    byId('check-start').addEventListener('click', () => this.#start());
    byId('check-cancel').addEventListener('click', () => this.clear());
    byId('check-json').addEventListener('click', () => this.#made && save('acceptance.json', 'application/json', this.#made.document));
    byId('check-html').addEventListener('click', () => this.#made && save('acceptance.html', 'text/html', this.#made.html));
    byId('check-settings').addEventListener('click', () => this.#made?.settings && save('operating-point.toml', 'application/toml', this.#made.settings));
    byId('check-use').addEventListener('click', () => {
      const text = this.#made?.settings;
      if (!text) return;
      byId('check', HTMLDialogElement).close();
      this.#onUse(new File([text], 'operating-point.toml'));
    });
    mayChooseNetwork.then((may) => { this.#mayUse = may && kiosk === null; });
    this.#say();
  }

  /** Gives work to workers that can take some. */
  dispatch() { this.#queue.dispatch(); }

  /** Forgets everything, read or not: the reader may be another one now. */
  clear() {
    this.#forget();
    if (this.#queue.busy) this.#queue.cancel();
    this.#queue.forget();
    this.#given = { positives: [], negatives: [] };
    this.#say();
  }

  /** Says everything in the language of now. */
  say() { this.#say(); }

  #forget() {
    [this.#rows, this.#made, this.#isReading, this.#failed] = [[], null, false, null];
    this.#kinds = { patient: 0, folder: 0, alone: 0 };
  }

  #start() {
    // A share beyond its limits would be asked for as it stands.
    if (!TERMS.every((id) => byId(id, HTMLInputElement).reportValidity())) return;
    this.#forget();
    this.#queue.forget();
    const { positives, negatives } = this.#given;
    const [ill, well] = [positives, negatives].map((given) => given.map((one) => ({ ...one, own: container(one.name) })));
    this.#positive = new Set(ill.map(({ own }) => own.intake));
    this.#isReading = true;
    this.#queue.add([...ill, ...well]);
    this.#say();
  }

  /**
   * @param {FullReading} reading
   * @param {Handle} handle
   */
  #take(reading, handle) {
    const { row, kind } = rowOf(reading, handle, this.#positive.has(handle.own.intake));
    this.#rows.push(row);
    this.#kinds[kind]++;
  }

  /** @param {import('../reading/queue.js').QueueState} state */
  #show({ files, done, total }) {
    if (!this.#isReading) return;
    const bar = byId('check-bar', HTMLProgressElement);
    [bar.max, bar.value] = [Math.max(1, total), done];
    say('check-progress-text', () => words.check.reading(done, total));
    if (files > 0) return;
    this.#isReading = false;
    this.#make();
  }

  async #make() {
    this.#say();
    const rows = this.#rows;
    try {
      const made = await this.#pool.accept(rows, terms());
      // What was cleared meanwhile is gone.
      if (rows === this.#rows) this.#made = made;
    } catch (failure) {
      if (rows === this.#rows) this.#failed = String(failure?.message ?? failure);
    }
    this.#say();
    if (this.#made) byId('check-told').scrollIntoView({ block: 'nearest' });
  }

  #say() {
    const { positives, negatives } = this.#given;
    for (const of of CLASSES) say(`check-${of}-count`, () => (this.#given[of].length > 0 ? words.check.chosen(this.#given[of].length) : ''));
    byId('check-start', HTMLButtonElement).disabled = this.#isReading || positives.length === 0 || negatives.length === 0;
    const [made, failed] = [this.#made, this.#failed];
    byId('check-progress').hidden = !this.#isReading && failed === null;
    byId('check-bar').hidden = failed !== null;
    if (failed !== null) say('check-progress-text', () => words.check.failed(failed));
    byId('check-cancel').hidden = !this.#isReading && made === null && failed === null;
    byId('check-result').hidden = made === null;
    if (made === null) return;
    const { patient, folder, alone } = this.#kinds;
    say('check-told', () => [...told(made.acceptance), element('p.help', words.check.grouped(patient, folder, alone))]);
    byId('check-settings').hidden = made.settings === null;
    byId('check-use').hidden = made.settings === null || !this.#mayUse;
  }
}

/** What is wished of the test, as it stands in the fields. */
function terms() {
  const value = (/** @type {string} */ id) => byId(id, HTMLInputElement).value;
  const share = (/** @type {string} */ id) => Number(value(id)) / 100;
  const made = today();
  return {
    site: value('check-site').trim() || words.check.thisSite,
    made,
    valid_until: new Date(Date.parse(made) + Number(value('check-days')) * DAY).toISOString().slice(0, 10),
    wish: { ppv: share('check-ppv'), npv: share('check-npv'), confidence: share('check-confidence'), prevalence: value('check-prevalence') === '' ? null : share('check-prevalence') },
  };
}
