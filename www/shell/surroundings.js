// What stands around the readings, put together: which network reads and what the page says of it, the version, the sheets, the diagnostics,
// and the clearing of a shared machine. Reads nothing itself.

import { element } from '../common/dom.js';
import { byId, say } from '../common/page.js';
import { words } from '../locales/words.js';
import { means } from '../results/means.js';
import { diagnostics } from './diagnostics.js';
import { kioskMode } from './kiosk.js';
import { licences } from './licences.js';
import { modelCard } from './model-card.js';
import { NetworkChoice, dress } from './network.js';
import { privacy } from './privacy.js';
import { sheet } from './sheet.js';
import { versions } from './versions.js';

export class Surroundings {
  #pool;
  #network;
  #offline;

  /**
   * @param {object} page
   * @param {import('../reading/pool.js').Pool} page.pool
   * @param {import('../reading/queue.js').Queue} page.queue
   * @param {import('../results/results.js').Results} page.results
   * @param {import('./start.js').Start} page.start
   * @param {() => void} page.clear Forgets all readings and all files that wait.
   */
  constructor({ pool, queue, results, start, clear }) {
    this.#pool = pool;
    this.#offline = versions(() => queue.busy);
    this.#network = new NetworkChoice({ pool, count: () => results.records.length, clear });
    // Files that wait for a reader which does not come are forgotten like all else.
    kioskMode({ clear });
    sheet('model-card');
    sheet('privacy', () => privacy(byId('privacy-body')));
    sheet('licences', licences);
    diagnostics(() => ({ pool, counts: results.counts(), readings: results.readings, failures: start.failures, offline: this.#offline.state }));
  }

  /**
   * To be told each state of the pool.
   *
   * @param {ReaderState} state
   * @param {Coded | null} failure
   */
  follow(state, failure) {
    if (state === 'ready' && this.#pool.model) this.#show(this.#pool.model);
    this.#network.follow(state, failure);
  }

  /** @param {Model} model */
  #show(model) {
    dress(model);
    say('model-card-body', () => modelCard(model));
    if (this.#offline.state === null) this.#offline.start();
    say('means', () => means(model));
    say('footer-model', () => [`${words.footer.model(`${model.name} ${model.version}`)} `, element('code', model.sha256.slice(0, 12))]);
  }
}
