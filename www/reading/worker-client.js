// The page's side of one worker.js: starts it, numbers the requests, and starts a new one after a cancel or a crash.
// The compiled module is kept in the session, so that no later worker of it fetches or compiles again.

import { inOneFile, modulePath, published, publishedNetwork, publishedPoint } from '../common/published.js';
import { today } from '../common/today.js';
import { startWorker } from '../common/trusted.js';

// (module (func (result v128) (i8x16.popcnt (i8x16.splat (i32.const 0)))))
const SIMD = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11]);

export function hasSimd() {
  return typeof WebAssembly === 'object' && WebAssembly.validate(SIMD);
}

// A worker that says nothing for more than this many beats will never say anything: a decoder may run in circles. The beats are those of the
// page's own clock, so that a worker is not blamed for the time that the device slept.
const BEAT_MS = 5_000;
const MAX_BEATS = 24;

/** Why a request got no answer. `code` is the worker's, or 'crashed' or 'stopped'; `place` and `aside` are what is known of the file. */
export class RequestError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {{ place?: SlicePlace | null, aside?: Aside | null }} [file]
   */
  constructor(code, message, { place = null, aside = null } = {}) {
    super(message);
    this.code = code;
    this.place = place;
    this.aside = aside;
  }
}

const STOPPED = () => new RequestError('stopped', 'stopped');

/**
 * What the worker sends, see worker.js.
 *
 * @typedef {{ id: number }
 *   & ({ type: 'progress', loaded: number, total: number }
 *     | { type: 'done', value: unknown, memory: number }
 *     | { type: 'failed', code: string, message: string, fatal: boolean, place: SlicePlace | null, aside: Aside | null })} Answer
 */

/** @typedef {import('./kept-file.js').KeptFile} KeptFile */

/** @typedef {{ frames: number, skipped: number, isAside: boolean, setAside: SetAside[] }} OpenedFile */

export class WorkerClient {
  /** @type {ReaderState} */
  state = 'idle';
  /** @type {Model | null} */
  model = null;
  /** @type {number | null} */
  loadMs = null;            // of the first start
  starts = 0;
  /** Bytes that the instance took when it last answered. */
  memory = 0;

  /** @type {Worker | null} */
  #worker = null;
  #session;
  #reads;
  /** @type {Map<number, { resolve: (value: any) => void, reject: (failure: RequestError) => void }>} By the numbers of the requests. */
  #pending = new Map();
  /** @type {Timer | null} */
  #clock = null;
  #silent = 0;              // beats since the worker's last word
  #nextId = 1;
  /** @type {(() => void)[]} */
  #waiters = [];
  #onState;
  #onProgress;

  /**
   * onState(state, failure|null), onProgress(loaded, total). `session` is what several workers share: the compiled module, once
   * there is one, the network, the site's operating point, and the salt of their words for series, or null. `reads` as in worker.js.
   *
   * @param {{ onState?: (state: ReaderState, failure: RequestError | null) => void, onProgress?: (loaded: number, total: number) => void,
   *   session?: Session, reads?: boolean }} [options]
   */
  constructor({ onState = () => {}, onProgress = () => {}, session = { module: null, network: null, point: null, salt: null }, reads = true } = {}) {
    this.#onState = onState;
    this.#onProgress = onProgress;
    this.#session = session;
    this.#reads = reads;
  }

  /** Whether it owes no answer. */
  get isIdle() { return this.#pending.size === 0; }

  async start() {
    this.stop();
    this.#enter('loading');
    if (!hasSimd()) return this.#enter('failed', new RequestError('no_simd', ''));
    const began = performance.now();
    const session = this.#session;
    if (session.network === undefined || session.point === undefined || (inOneFile && !session.module)) {
      // A worker of a page in one file has no file to load. A second start may have come in between.
      try {
        if (session.network === undefined) session.network = await publishedNetwork();
        if (session.point === undefined) session.point = await publishedPoint();
        if (inOneFile && !session.module) session.module = await published(await modulePath(), WebAssembly.compileStreaming, this.#onProgress);
      } catch (failure) {
        return this.#enter('failed', failure);
      }
      this.stop();
    }
    const worker = this.#spawn();
    try {
      const { model, module } = await this.#request('load', { ...this.#session, today: today(), reads: this.#reads });
      this.model = model;
      this.#session.module = module;
      this.loadMs ??= performance.now() - began;
      this.starts++;
      this.#enter('ready');
      // While nobody waits. A worker that is asked before has done it with its first reading.
      if (this.#reads) this.#request('prove', {}).catch(() => {});
    } catch (failure) {
      if (this.#worker !== worker && failure.code === 'stopped') return;
      this.stop();
      this.#enter('failed', failure);
    }
  }

  /**
   * Terminates the worker. What it was doing, the oldest request, fails with `failure`, and what waited behind it with `stopped`.
   */
  stop(failure = STOPPED()) {
    this.#worker?.terminate();
    this.#worker = null;
    this.memory = 0;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    this.#listen();
    for (const [at, { reject }] of pending.entries()) reject(at === 0 ? failure : STOPPED());
  }

  /** Resolves when the worker can read; stays pending while it cannot. */
  whenReady() {
    if (this.state === 'ready') return Promise.resolve();
    return /** @type {Promise<void>} */ (new Promise((resolve) => this.#waiters.push(resolve)));
  }

  /**
   * Reads a slice of a file, `frame` or the only one, and closes it; where it has several and none is named, it stays open.
   *
   * @param {{ key: number, name: string, file: KeptFile, frame: number | null, drawn: boolean }} wanted `key` is one that nothing open has;
   *   `drawn` whether the pictures are wanted.
   * @returns {Promise<OpenedFile & { reading?: FullReading, failure?: Coded & { place: SlicePlace | null } }>}
   */
  take({ file, ...wanted }) { return this.#request('take', { ...wanted, file: file.blob }); }

  /**
   * @param {string} name
   * @param {KeptFile} file
   * @param {number} [key] What is open under it is closed.
   * @returns {Promise<OpenedFile>}
   */
  open(name, file, key = 0) { return this.#request('open', { key, name, file: file.blob }); }

  /**
   * @param {number} frame
   * @param {{ key: number, drawn: boolean }} of
   * @returns {Promise<FullReading>}
   */
  read(frame, { key, drawn }) { return this.#request('read', { key, frame, drawn }); }

  /**
   * @param {number} frame
   * @returns {Promise<FullPixels>}
   */
  pixels(frame) { return this.#request('pixels', { key: 0, frame }); }

  /**
   * Reads a slice of what is open, for objects.
   *
   * @param {number} frame
   * @returns {Promise<null>}
   */
  gather(frame) { return this.#request('gather', { key: 0, frame }); }

  /**
   * The objects of all that was gathered.
   *
   * @param {number} series The number in their names.
   * @returns {Promise<{ entries: import('../common/zip.js').Entry[], lacks: string[] }>}
   */
  objects(series) {
    const now = new Date();
    /** @param {number[]} all */
    const digits = (...all) => all.map((number) => String(number).padStart(2, '0')).join('');
    const date = digits(now.getFullYear(), now.getMonth() + 1, now.getDate());
    const time = digits(now.getHours(), now.getMinutes(), now.getSeconds());
    return this.#request('objects', { series, date, time, entropy: crypto.getRandomValues(new Uint8Array(32)) });
  }

  /**
   * @param {number} key
   * @returns {Promise<null>}
   */
  close(key) { return this.#request('close', { key }); }

  /**
   * @param {StudyItem[]} items
   * @param {StudyBeside[]} beside
   * @returns {Promise<FoundStudy[]>}
   */
  studies(items, beside) { return this.#request('studies', { items, beside }); }

  /**
   * @param {object[]} rows
   * @param {object} terms
   * @returns {Promise<any>}
   */
  accept(rows, terms) { return this.#request('accept', { rows, terms }); }

  /**
   * @param {object[]} days
   * @param {string | null} usual
   * @param {string} made
   * @returns {Promise<any>}
   */
  watch(days, usual, made) { return this.#request('watch', { days, usual, made }); }

  /** @type {(state: ReaderState, failure?: RequestError | null) => void} */
  #enter(state, failure = null) {
    this.state = state;
    this.#onState(state, failure);
    if (state === 'ready') for (const resolve of this.#waiters.splice(0)) resolve();
  }

  #spawn() {
    const worker = startWorker();
    this.#worker = worker;
    worker.addEventListener('message', ({ data }) => this.#receive(data));
    worker.addEventListener('error', (event) => {
      event.preventDefault();
      // An error without a message is a script that did not load.
      if (worker === this.#worker) this.#crash(event.message ?? '', event.message ? 'crashed' : 'missing');
    });
    worker.addEventListener('messageerror', () => {
      if (worker === this.#worker) this.#crash('a message could not be read');
    });
    return worker;
  }

  /**
   * Fails without a worker, as it does where one was ended.
   *
   * @param {string} type
   * @param {object} payload
   * @returns {Promise<any>} What the answer of this type holds, see worker.js.
   */
  #request(type, payload) {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#listen();
      /** @type {Worker} */ (this.#worker).postMessage({ id, type, ...payload });
    });
  }

  /** @param {Answer} answer */
  #receive(answer) {
    const request = this.#pending.get(answer.id);
    this.#silent = 0;
    if (!request) return;
    if (answer.type === 'progress') return this.#onProgress(answer.loaded, answer.total);
    if (answer.type === 'failed' && answer.fatal) return this.#crash(answer.message);
    if (answer.type === 'failed' && answer.code === 'self_test') return this.#break(answer);
    this.#pending.delete(answer.id);
    this.#listen();
    if (answer.type === 'done') {
      this.memory = answer.memory;
      return request.resolve(answer.value);
    }
    request.reject(new RequestError(answer.code, answer.message, answer));
  }

  /**
   * The machine computes wrongly: nothing that was asked for gets an answer.
   *
   * @param {{ code: string, message: string }} failure
   */
  #break({ code, message }) {
    this.stop();
    this.#enter('failed', new RequestError(code, message));
  }

  // Counts the silence of a worker that owes an answer. A start may wait for a slow network.
  #listen() {
    const owes = this.#pending.size > 0 && this.state === 'ready';
    if (owes === (this.#clock !== null)) return;
    if (this.#clock !== null) clearInterval(this.#clock);
    this.#silent = 0;
    this.#clock = owes ? setInterval(() => { if (++this.#silent > MAX_BEATS) this.#crash('no answer'); }, BEAT_MS) : null;
  }

  /**
   * @param {string} message
   * @param {string} [code] Why a start fails by it; whatever else was asked for has crashed.
   */
  #crash(message, code = 'crashed') {
    const loading = this.state === 'loading';
    this.stop(new RequestError(loading ? code : 'crashed', message));
    if (!loading) this.start();
  }
}
