// The scripts that the page starts, as Trusted Types: there is one policy, and it lets nothing else be started.

import { inOneFile } from './published.js';

const WORKER = new URL('../reading/worker.js', import.meta.url).href;
const SERVICE_WORKER = new URL('service-worker.js', document.baseURI).href;

const policy = globalThis.trustedTypes?.createPolicy('lungglass', {
  /** @param {string} url */
  createScriptURL(url) {
    if (url !== WORKER && url !== SERVICE_WORKER) throw new TypeError('only the page\'s own workers may be started');
    return url;
  },
});

/**
 * A TrustedScriptURL where the browser has them; for the checker a string, which Worker() and register() take.
 *
 * @param {string} url
 */
const trusted = (url) => (policy ? policy.createScriptURL(url) : url);

const workerScript = trusted(WORKER);

/** A new reading worker. From a disk, browsers run modules in a worker only below a script that is none. */
export const startWorker = () => new Worker(workerScript, { type: inOneFile ? 'classic' : 'module', name: 'lungglass' });

/** What `navigator.serviceWorker.register` takes. */
export const serviceWorkerScript = trusted(SERVICE_WORKER);
