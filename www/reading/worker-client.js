// The page's side of one worker.js: starts it, numbers the requests, and starts a new one after a cancel or a crash.
// The compiled module is kept in the session, so that no later worker of it fetches or compiles again.

import { inOneFile, modulePath, published } from '../common/published.js';
import { startWorker } from '../common/trusted.js';

// (module (func (result v128) (i8x16.popcnt (i8x16.splat (i32.const 0)))))
const SIMD = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11]);

export function hasSimd() {
  return typeof WebAssembly === 'object' && WebAssembly.validate(SIMD);
}

// A worker that says nothing for so many beats will never say anything: a decoder may run in circles. Beats of the page's own clock, so
// that a device that slept through them does not count against the worker.
const BEAT_MS = 5_000;
const MOST_BEATS = 24;

/** Why a request got no answer. `code` is the worker's, or 'crashed' or 'stopped'. */
export class RequestError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

export class WorkerClient {
  state = 'idle';           // idle, loading, ready, failed
  /** @type {Model | null} */
  model = null;
  /** @type {number | null} */
  loadMs = null;            // of the first start
  starts = 0;

  /** @type {any} */
  #worker = null;
  #session;
  #reads;
  #pending = new Map();
  /** @type {any} */
  #clock = null;
  #silent = 0;              // beats since the worker's last word
  #nextId = 1;
  #waiters = [];
  #onState;
  #onProgress;

  /**
   * onState(state, failure|null), onProgress(loaded, total). `session` is what several workers share: the compiled module, once
   * there is one, and the salt of their words for series, or null. `reads` as in worker.js.
   *
   * @param {{ onState?: (state: string, failure: Error | null) => void, onProgress?: (loaded: number, total: number) => void,
   *   session?: Session, reads?: boolean }} [options]
   */
  constructor({ onState = () => {}, onProgress = () => {}, session = { module: null, salt: null }, reads = true } = {}) {
    this.#onState = onState;
    this.#onProgress = onProgress;
    this.#session = session;
    this.#reads = reads;
  }

  async start() {
    this.stop();
    this.#enter('loading');
    if (!hasSimd()) return this.#enter('failed', new RequestError('no_simd', ''));
    const began = performance.now();
    if (inOneFile && !this.#session.module) {
      // A worker of such a page has no file to load. A second start may have come in between.
      try {
        this.#session.module = await published(await modulePath(), WebAssembly.compileStreaming, this.#onProgress);
      } catch (failure) {
        return this.#enter('failed', failure);
      }
      this.stop();
    }
    const worker = this.#spawn();
    try {
      const { model, module } = await this.#request('load', { ...this.#session, reads: this.#reads });
      this.model = model;
      this.#session.module = module;
      this.loadMs ??= performance.now() - began;
      this.starts++;
      this.#enter('ready');
    } catch (failure) {
      if (this.#worker !== worker && failure.code === 'stopped') return;
      this.stop();
      this.#enter('failed', failure);
    }
  }

  /** Terminates the worker; whatever it was doing fails with `stopped`. */
  stop(failure = new RequestError('stopped', 'stopped')) {
    this.#worker?.terminate();
    this.#worker = null;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    this.#listen();
    for (const { reject } of pending) reject(failure);
  }

  /** Resolves when the worker can read; stays pending while it cannot. */
  whenReady() {
    if (this.state === 'ready') return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  open(name, file) { return this.#request('open', { name, file }); }
  read(frame) { return this.#request('read', { frame }); }
  pixels(frame) { return this.#request('pixels', { frame }); }
  close() { return this.#request('close', {}); }
  studies(items) { return this.#request('studies', { items }); }

  /** @type {(state: string, failure?: Error | null) => void} */
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

  #request(type, payload) {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#listen();
      this.#worker.postMessage({ id, type, ...payload });
    });
  }

  #receive({ id, type, ...rest }) {
    const request = this.#pending.get(id);
    this.#silent = 0;
    if (!request) return;
    if (type === 'progress') return this.#onProgress(rest.loaded, rest.total);
    if (type === 'failed' && rest.fatal) return this.#crash(rest.message);
    this.#pending.delete(id);
    this.#listen();
    if (type === 'done') request.resolve(rest.value);
    else request.reject(new RequestError(rest.code, rest.message));
  }

  // Counts the silence of a worker that owes an answer. A start may wait for a slow network.
  #listen() {
    const owes = this.#pending.size > 0 && this.state === 'ready';
    if (owes === (this.#clock !== null)) return;
    clearInterval(this.#clock);
    this.#silent = 0;
    this.#clock = owes ? setInterval(() => { if (++this.#silent > MOST_BEATS) this.#crash('no answer'); }, BEAT_MS) : null;
  }

  #crash(message, code = 'crashed') {
    const loading = this.state === 'loading';
    this.stop(new RequestError(loading ? code : 'crashed', message));
    if (!loading) this.start();
  }
}
