// Which network reads: what the page says of one that is not its own, and the choice of another for this visit. Owns these elements. A
// network that is not inside the module comes with its words, and what the page says of COVID-19, lungs and chest CT is then not said.

import { element, inEnglish } from '../common/dom.js';
import { network } from '../locales/classes.js';
import { byId, say } from '../common/page.js';
import { hasOtherInside, mayChooseNetwork } from '../common/published.js';
import { language, sentence, words } from '../locales/words.js';
import { kiosk } from './mode.js';

/** What a packed network begins with: 'LGMODEL'. */
const MAGIC = [76, 71, 77, 79, 68, 69, 76];

/**
 * The words of a network in the language of now, else in English.
 *
 * @param {Model} model
 * @returns {{ text: ModelWords, isForeign: boolean }} Whether they are in English where the page is not.
 */
export function wordsOf(model) {
  const own = model.words[language()];
  const text = own ?? model.words.en ?? { title: '', purpose: '', limits: [], choose: '' };
  return { text, isForeign: !own && language() !== 'en' };
}

/** What the page says of its own network. */
const OWN = ['title', 'intro-text', 'drop-title', 'map-help'];

/** Takes that away. */
function undress() {
  document.body.classList.add('foreign-network');
  for (const id of OWN) byId(id).removeAttribute('data-words');
  document.querySelector('title')?.removeAttribute('data-words');
}

// Where another one is inside, before it is loaded and can say its own words.
hasOtherInside.then((has) => {
  if (!has || document.body.classList.contains('foreign-network')) return;
  undress();
  document.title = 'LungGlass';
  for (const id of OWN) say(id, () => '');
});

/**
 * Makes the page say what this network is, if it is not its own.
 *
 * @param {Model} model
 */
export function dress(model) {
  network.isForeign ||= model.card !== null;
  if (model.card === null) return;
  undress();
  document.body.classList.toggle('no-map', !model.gives.map);
  for (const [id, told] of /** @type {[string, (text: ModelWords) => string][]} */ ([
    ['title', ({ title }) => title || model.name],
    ['intro-text', ({ purpose }) => purpose || words.network.noPurpose],
  ])) {
    say(id, () => {
      const { text, isForeign } = wordsOf(model);
      return isForeign ? inEnglish(told(text)) : told(text);
    });
  }
  say('drop-title', () => words.network.drop);
  say('map-help', () => words.network.map);
  document.title = `LungGlass: ${wordsOf(model).text.title || model.name}`;
  say('network-limits', () => {
    const { text, isForeign } = wordsOf(model);
    const lines = text.limits.map((limit) => element('li', isForeign ? inEnglish(limit) : limit));
    if (!model.gives.gate) lines.push(element('li', words.network.noGate));
    return lines;
  });
}

/** The choice of another network for this visit, and the banner that says that one reads. */
export class NetworkChoice {
  #pool;
  /** @type {{ name: string, before: { network: Blob | null, point: Blob | null } } | null} The one that was chosen and is not ready yet. */
  #tried = null;

  /**
   * @param {object} page
   * @param {import('../reading/pool.js').Pool} page.pool
   * @param {() => number} page.count How many results would be cleared.
   * @param {() => void} page.clear Clears what another network read.
   */
  constructor({ pool, count, clear }) {
    this.#pool = pool;
    if (kiosk !== null) return;
    mayChooseNetwork.then((may) => { byId('other-network-box').hidden = !may; });
    const input = byId('other-network', HTMLInputElement);
    input.addEventListener('change', async () => {
      const [file] = input.files ?? [];
      input.value = '';
      if (!file) return;
      const start = new Uint8Array(await file.slice(0, MAGIC.length).arrayBuffer());
      const isOne = MAGIC.every((byte, at) => start[at] === byte);
      say('other-network-text', () => (isOne ? '' : words.network.notOne(file.name)));
      if (!isOne || (count() > 0 && !confirm(words.network.clears(count())))) return;
      this.#tried = { name: file.name, before: { network: pool.session.network ?? null, point: pool.session.point ?? null } };
      byId('model-card', HTMLDialogElement).close();
      clear();
      pool.use({ network: file });
    });
    byId('network-back').addEventListener('click', () => location.reload());
  }

  /**
   * The reader has come into a state: the network that was chosen reads, or the one before it goes on.
   *
   * @param {ReaderState} state
   * @param {Coded | null} failure
   */
  follow(state, failure) {
    if (!this.#tried || (state !== 'ready' && state !== 'failed')) return;
    const { name, before } = this.#tried;
    this.#tried = null;
    byId('network').hidden = false;
    if (state === 'failed') {
      say('network-text', () => [words.network.failed(name), ' ', inEnglish(sentence(failure?.message ?? ''))]);
      this.#pool.use(before);
      return;
    }
    const { name: known, version, sha256 } = /** @type {Model} */ (this.#pool.model);
    say('network-text', () => words.network.chosen(`${known} ${version}`, sha256.slice(0, 12)));
  }
}
