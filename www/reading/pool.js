// The workers that read, as many as the device bears: the first starts with the page, the others when there is work for them, and
// those without work end. Owns how many there are and which are free. Knows no file and no element of the page.

import { WorkerClient } from './worker-client.js';
import { isPhone, workersFor } from './workers-for.js';

// Workers that found nothing to do for this long give their memory back.
const IDLE_MS = 30_000;

// The memory of an instance never shrinks. One that took more bytes than this is started anew once its work is done.
const MAX_MEMORY = 512 * 1024 * 1024;

// Work that a worker is given at once: with more behind what it does, it need not wait for the page.
export const MAX_AT_ONCE = 3;

/** @typedef {{ client: WorkerClient, load: number }} Lane A worker and how often it is taken. */

/** @typedef {import('./worker-client.js').RequestError} RequestError */

/** @type {ReaderState[]} The first of these that a worker is in is that of all together. */
const STATES = ['ready', 'loading', 'failed'];

export class Pool {
  /** @type {ReaderState} Of all together. */
  state = 'idle';
  /** @type {Model | null} */
  model = null;
  /** @type {number | null} */
  loadMs = null;            // of the first start
  /** @type {Session} What its workers share, and others may. */
  session = { module: null, network: undefined, point: undefined, salt: crypto.getRandomValues(new Uint8Array(16)) };
  /** What the device bears; less, once a worker could not start. */
  limit = workersFor({ cores: navigator.hardwareConcurrency, memory: navigator.deviceMemory, phone: isPhone(navigator) });

  /** @type {Lane[]} */
  #lanes = [];
  #ended = 0;               // starts of workers that are gone
  /** @type {Timer | null} */
  #idle = null;
  /** @type {(() => void)[]} */
  #waiters = [];
  #onState;
  #onProgress;
  #onFree;

  /**
   * @param {object} on
   * @param {(state: ReaderState, failure: RequestError | null) => void} on.onState
   * @param {(loaded: number, total: number) => void} on.onProgress Bytes of the module, at the first start.
   * @param {() => void} on.onFree A worker waits for work.
   */
  constructor({ onState, onProgress, onFree }) {
    this.#onState = onState;
    this.#onProgress = onProgress;
    this.#onFree = onFree;
  }

  get workers() { return this.#lanes.length; }

  get starts() { return this.#lanes.reduce((sum, { client }) => sum + client.starts, this.#ended); }

  /** Starts the first worker, or again what failed. */
  start() {
    if (this.#lanes.length === 0) this.#add();
    else for (const { client } of this.#lanes) if (client.state === 'failed') client.start();
  }

  /**
   * The ready worker with the least work, which counts as one more of it until it is given back; null if each has `most` already.
   *
   * @param {number} [most]
   */
  take(most = MAX_AT_ONCE) {
    /** @type {Lane | null} */
    let least = null;
    for (const lane of this.#lanes) {
      const { client, load } = lane;
      // One whose memory is to be given back comes to its end first.
      const bears = client.state === 'ready' && load < most && (load === 0 || client.memory <= MAX_MEMORY);
      if (bears && load < (least?.load ?? Infinity)) least = lane;
    }
    if (!least) return null;
    least.load++;
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
    return least.client;
  }

  /** Whether a ready worker has nothing to do. */
  get isFree() { return this.#lanes.some(({ client, load }) => load === 0 && client.state === 'ready'); }

  /** @param {WorkerClient} client */
  giveBack(client) {
    const lane = this.#lanes.find((other) => other.client === client);
    if (lane) {
      lane.load = Math.max(0, lane.load - 1);
      if (client.state === 'ready' && client.isIdle && client.memory > MAX_MEMORY) client.start();
    }
    if (this.#lanes.length > 1 && this.#idle === null) this.#idle = setTimeout(() => this.#trim(), IDLE_MS);
  }

  /** There is more work than workers: starts one more, if the device bears it and none is starting. */
  grow() {
    const starting = this.#lanes.some(({ client }) => client.state !== 'ready');
    if (this.#lanes.length > 0 && this.#lanes.length < this.limit && !starting) this.#add();
  }

  /**
   * Starts anew with another network (a file of `lungglass pack`, or null for the one inside the module), which has no operating point
   * but its own, or with a site's operating point, or null for none. Whoever asks for it has cleared what was read before.
   *
   * @param {{ network?: Blob | null, point?: Blob | null }} change
   */
  use(change) {
    Object.assign(this.session, 'network' in change ? { point: null } : {}, change);
    this.model = null;
    this.cancel();
    for (const lane of this.#lanes.slice(1)) this.#remove(lane);
    if (this.#lanes.length === 0) this.#add();
    else this.#lanes[0].client.start();
  }

  /** Ends what busy workers do; their requests fail with `stopped`. One worker stays, or starts again. */
  cancel() {
    const busy = this.#lanes.filter(({ load }) => load > 0);
    const kept = this.#lanes.find(({ load }) => load === 0) ?? busy.shift();
    for (const lane of busy) this.#remove(lane);
    if (kept && kept.load > 0) {
      kept.load = 0;
      kept.client.start();
    }
  }

  /**
   * The studies among readings, as the library puts them together. Waits for a worker; fails if it ends.
   *
   * @param {StudyItem[]} items
   * @param {StudyBeside[]} beside
   */
  async studies(items, beside) {
    return (await this.#anyReady()).studies(items, beside);
  }

  async #anyReady() {
    while (this.state !== 'ready') await /** @type {Promise<void>} */ (new Promise((resolve) => this.#waiters.push(resolve)));
    const ready = this.#lanes.filter(({ client }) => client.state === 'ready');
    return (ready.find(({ load }) => load === 0) ?? ready[0]).client;
  }

  /**
   * What the library makes of labelled slices, see `Classifier.accept`. Waits for a worker; fails if it ends.
   *
   * @param {object[]} rows
   * @param {object} terms
   */
  async accept(rows, terms) { return (await this.#anyReady()).accept(rows, terms); }

  /**
   * Control charts over days of counts, see `Classifier.watch`. Waits for a worker; fails if it ends.
   *
   * @param {object[]} days
   * @param {string | null} usual The text of an acceptance.json.
   * @param {string} made Today.
   */
  async watch(days, usual, made) { return (await this.#anyReady()).watch(days, usual, made); }

  #add() {
    const client = new WorkerClient({
      session: this.session,
      onState: (state, failure) => this.#changed(lane, state, failure),
      onProgress: (loaded, total) => this.#onProgress(loaded, total),
    });
    /** @type {Lane} */
    const lane = { client, load: 0 };
    this.#lanes.push(lane);
    client.start();
  }

  /** @param {Lane} lane */
  #remove(lane) {
    this.#lanes.splice(this.#lanes.indexOf(lane), 1);
    this.#ended += lane.client.starts;
    lane.client.stop();
  }

  /**
   * @param {Lane} lane
   * @param {ReaderState} state Of this one.
   * @param {RequestError | null} failure
   */
  #changed(lane, state, failure) {
    if (!this.#lanes.includes(lane)) return;
    if (state === 'ready') {
      this.model ??= lane.client.model;
      this.loadMs ??= lane.client.loadMs;
    }
    if (failure?.code === 'self_test') {
      // No worker of this machine is to be trusted.
      for (const other of this.#lanes.filter((one) => one !== lane)) this.#remove(other);
    }
    if (state === 'failed' && this.#lanes.length > 1) {
      // The device bears fewer than it told; the others go on.
      this.#remove(lane);
      this.limit = Math.max(1, this.#lanes.length);
    }
    const states = this.#lanes.map(({ client }) => client.state);
    const all = STATES.find((one) => states.includes(one)) ?? 'idle';
    if (all !== this.state) {
      this.state = all;
      this.#onState(all, failure);
      if (all === 'ready') for (const resolve of this.#waiters.splice(0)) resolve();
    }
    if (state === 'ready') this.#onFree();
  }

  #trim() {
    this.#idle = null;
    for (const lane of this.#lanes.slice(1)) if (lane.load === 0) this.#remove(lane);
  }
}
