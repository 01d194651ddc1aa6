// A site's operating point in the page: the banner that says whose it is and what it means, and the choice of one for this visit. Owns
// these elements. Whether a file is one, whole and for this network, the library says.

import { element, inEnglish } from '../common/dom.js';
import { byId, say } from '../common/page.js';
import { mayChooseNetwork } from '../common/published.js';
import { today } from '../common/today.js';
import { drift, pointNotice, pointSaid } from '../locales/point.js';
import { sentence, words } from '../locales/words.js';
import { kiosk } from '../shell/mode.js';

/** No settings file has more bytes than this, see src/operating_point.rs. */
const MAX_BYTES = 64 << 10;

const MINUTE = 60_000;

export class PointChoice {
  #pool;
  #clear;
  #count;
  /** @type {{ name: string, before: Blob | null } | null} The file that was chosen and is not taken yet. */
  #tried = null;
  /** The day by which the reader judges. */
  #day = today();
  /** Whether it was chosen for this visit. */
  #isChosen = false;
  /** @type {{ name: string, why: string } | null} The last file, if it was not taken. */
  #refused = null;

  /**
   * @param {object} page
   * @param {import('../reading/pool.js').Pool} page.pool
   * @param {() => number} page.count How many results would be cleared.
   * @param {() => void} page.clear Clears what another operating point judged.
   */
  constructor({ pool, count, clear }) {
    this.#pool = pool;
    this.#count = count;
    this.#clear = clear;
    setInterval(() => this.#renew(), MINUTE);
    byId('point-back').addEventListener('click', () => location.reload());
    // A shared machine judges as those who run it say.
    if (kiosk !== null) return;
    mayChooseNetwork.then((may) => { byId('own-point-box').hidden = !may; });
    const input = byId('own-point', HTMLInputElement);
    input.addEventListener('change', () => {
      const [file] = input.files ?? [];
      input.value = '';
      if (file) this.choose(file);
    });
  }

  /**
   * Judges by a settings file from now on, if a person agrees to lose what was read before.
   *
   * @param {File} file
   */
  async choose(file) {
    if (this.#count() > 0 && !confirm(words.point.clears(this.#count()))) return;
    // The file may change on the disk. The library says what is wrong with one that is too long.
    const bytes = await file.slice(0, MAX_BYTES + 1).arrayBuffer();
    this.#refused = null;
    this.#tried = { name: file.name, before: this.#pool.session.point ?? null };
    byId('model-card', HTMLDialogElement).close();
    this.#clear();
    this.#pool.use({ point: new Blob([bytes]) });
  }

  /**
   * The reader has come into a state: the file judges, or what judged before goes on.
   *
   * @param {ReaderState} state
   * @param {Coded | null} failure
   */
  follow(state, failure) {
    if (state !== 'ready' && state !== 'failed') return;
    this.#day = today();
    const tried = this.#tried;
    this.#tried = null;
    if (tried && state === 'failed') {
      this.#refused = { name: tried.name, why: failure?.message ?? '' };
      this.#pool.use({ point: tried.before });
    } else if (state === 'ready') {
      this.#isChosen ||= tried !== null;
      this.#tell();
    }
  }

  /**
   * The slices of this visit, or those that were counted, exceed these limits of the acceptance test: readings are given under a notice. Gives
   * whether that is new.
   *
   * @param {Partial<typeof drift>} found
   */
  drifted(found) {
    const before = JSON.stringify(drift);
    Object.assign(drift, found);
    if (JSON.stringify(drift) === before) return false;
    this.#tell();
    return true;
  }

  // On another day than that of its last start the reader says anew whether the operating point holds. What it was reading is read again.
  #renew() {
    if (this.#pool.model?.local && this.#day !== today()) this.#pool.use({});
  }

  #tell() {
    const [local, refused] = [this.#pool.model?.local ?? null, this.#refused];
    byId('point').hidden = local === null && refused === null;
    byId('point-back').hidden = local === null || !this.#isChosen;
    say('point-text', () => {
      const notice = local && pointNotice(local);
      const told = local ? [pointSaid(local), ' ', words.point.means(local), ...(notice ? [' ', element('strong', notice)] : [])] : [];
      return [...(refused ? [words.point.failed(refused.name), ' ', inEnglish(sentence(refused.why)), ' '] : []), ...told];
    });
  }
}
