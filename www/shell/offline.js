// Use without a network: registers the service worker, asks it whether everything is kept, tells of a new version, repairs. Knows no
// element of the page.

import { build, inOneFile, usedPaths } from '../common/published.js';
import { serviceWorkerScript } from '../common/trusted.js';

const HOME = new URL('./', document.baseURI).href;
const CACHE = `lungglass ${HOME}`;
const HOUR = 3_600_000;

/** @typedef {'starting' | 'ready' | 'incomplete' | 'unavailable' | 'inside'} State 'ready': all is kept; 'unavailable': no service worker; 'inside': one file, needs none. */

export class Offline {
  /** @type {State | null} Null before the start. */
  state = null;
  #onState;
  #onUpdate;
  /** @type {ServiceWorker | null} A new version. */
  #waiting = null;

  /**
   * @param {object} on
   * @param {(state: State) => void} on.onState
   * @param {() => void} on.onUpdate A new version waits.
   */
  constructor({ onState, onUpdate }) {
    this.#onState = onState;
    this.#onUpdate = onUpdate;
  }

  /** To be called when the page has what it needs: from here on it is got a second time, to be kept. */
  async start() {
    if (inOneFile) return this.#enter('inside');
    this.#enter('starting');
    let registration;
    try {
      // Missing without TLS, and in some private windows; refused where the browser may store nothing.
      registration = await navigator.serviceWorker.register(serviceWorkerScript, { scope: './', updateViaCache: 'none' });
    } catch {
      return this.#enter('unavailable');
    }
    this.#watch(registration);
    try {
      const worker = await activated(registration);
      const { complete } = await ask(worker, { type: 'check' });
      await ask(worker, { type: 'claim', id: (await build)?.id });
      this.#enter(complete ? 'ready' : 'incomplete');
    } catch {
      this.#enter('incomplete');
    }
  }

  /** Starts the new version; gives how many other windows stand in its way. On success the page loads again. */
  async update() {
    const worker = this.#waiting;
    if (!worker) return 0;
    const active = /** @type {Promise<void>} */ (new Promise((resolve) => worker.addEventListener('statechange', () => worker.state === 'activated' && resolve())));
    const { others } = await ask(worker, { type: 'activate' });
    if (others === 0) active.then(() => location.reload());
    return others;
  }

  /** @param {State} state */
  #enter(state) {
    this.state = state;
    this.#onState(state);
  }

  /** @param {ServiceWorkerRegistration} registration */
  #watch(registration) {
    /** @param {ServiceWorker | null} worker */
    const wait = (worker) => {
      // The first version has nobody to wait for.
      if (!worker || !registration.active || worker === this.#waiting) return;
      this.#waiting = worker;
      this.#onUpdate();
    };
    /** @param {ServiceWorker | null} worker */
    const follow = (worker) => worker?.addEventListener('statechange', () => worker.state === 'installed' && wait(worker));
    wait(registration.waiting);
    follow(registration.installing);
    registration.addEventListener('updatefound', () => follow(registration.installing));
    // A browser looks for a new version when a page loads; this one may stay open for weeks.
    setInterval(() => registration.update().catch(() => {}), HOUR);
  }
}

/** [{ path, size }] of the files kept on this device. */
export async function keptFiles() {
  if (!globalThis.caches || !await caches.has(CACHE)) return [];
  const cache = await caches.open(CACHE);
  const files = await Promise.all((await cache.keys()).map(async (request) => ({
    path: new URL(request.url).href.slice(HOME.length).split('?')[0],
    size: (await (await cache.match(request))?.blob())?.size ?? 0,
  })));
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Removes the kept files and the service worker. The open page goes on; a later visit needs the network. */
export async function forgetFiles() {
  await (await navigator.serviceWorker?.getRegistration(HOME))?.unregister();
  await globalThis.caches?.delete(CACHE);
}

/** Removes what is kept, gets every file anew past the browser's own cache, and loads the page again. */
export async function repair() {
  await forgetFiles().catch(() => {});
  // Of a list that is no good the files are not known: the page that is loaded then has the right one.
  const paths = ['./', 'pkg/build.js', 'common/published.js', 'service-worker.js', ...await usedPaths().catch(() => [])];
  await Promise.allSettled(paths.map((path) => fetch(new URL(path, HOME), { cache: 'reload' }).then((answer) => answer.arrayBuffer())));
  location.reload();
}

/**
 * The worker in charge, once it is; fails if the first one could not be installed.
 *
 * @param {ServiceWorkerRegistration} registration
 * @returns {Promise<ServiceWorker>}
 */
function activated(registration) {
  const worker = /** @type {ServiceWorker} */ (registration.active ?? registration.waiting ?? registration.installing);
  return new Promise((resolve, reject) => {
    const look = () => {
      if (worker.state === 'activated') resolve(worker);
      if (worker.state === 'redundant') reject(new Error('not installed'));
    };
    worker.addEventListener('statechange', look);
    look();
  });
}

/**
 * What the service worker answers, see service-worker.js.
 *
 * @param {ServiceWorker} worker
 * @param {{ type: 'check' | 'claim' | 'activate', id?: string }} request
 * @returns {Promise<any>}
 */
function ask(worker, request) {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = ({ data }) => resolve(data);
    worker.postMessage(request, [port2]);
  });
}
