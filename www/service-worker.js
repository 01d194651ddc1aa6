// Keeps the published files for use without a network: those of pkg/build.js, each with the hash that stands there, and nothing else.
// No reading, no image and no request of a person passes through here but the page's own files.
//
// An entry of the cache is known by path and hash, so that an old and a new version keep their files beside each other, and share those
// that did not change. A new version waits until the page asks for it ('activate') or nobody uses the old one.
//
// The page posts { type } with a port and gets one answer on it:
//   check      looks at every kept file, gets what is missing or damaged: { id, complete, got }
//   claim      takes over the page that asks, if it is of this build ({ id }): { claimed }
//   activate   takes over from the old version, unless other windows are open: { others }

const LIST = 'pkg/build.js';
const HOME = registration.scope;
const policy = self.trustedTypes?.createPolicy('lungglass', {
  createScriptURL(url) {
    if (url !== HOME + LIST) throw new TypeError('only the list of the build may be loaded');
    return url;
  },
});
importScripts(policy ? policy.createScriptURL(HOME + LIST) : HOME + LIST);
const build = self.lungglassBuild;
const { id, files, modules } = build;

/** What is to be kept: all but the modules that this browser does not load. As `modulePath` in published.js chooses. */
const runs = ({ probe }) => !probe || WebAssembly.validate(Uint8Array.from(atob(probe), (character) => character.charCodeAt(0)));
const chosen = modules.find(runs).path;
const others = modules.map(({ path }) => path).filter((path) => path !== chosen);
const wanted = Object.keys(files).filter((path) => !others.includes(path));

const CACHE = `lungglass ${HOME}`;
const keyOf = (path) => `${HOME}${path}?${encodeURIComponent(files[path].sha256)}`;

/** What the server has is not what this version is made of. */
class Changed extends Error {}

async function isRight(path, bytes) {
  if (bytes.byteLength !== files[path].size) return false;
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return btoa(String.fromCharCode(...hash)) === files[path].sha256;
}

/** The kept file, or null. One that was damaged or cut short is thrown away. */
async function kept(path) {
  const cache = await caches.open(CACHE);
  const entry = await cache.match(keyOf(path));
  if (!entry) return null;
  const bytes = await entry.arrayBuffer().catch(() => new ArrayBuffer(0));
  const headers = new Headers(entry.headers);
  // It may be from a time when the server did not send this, and a page that has it starts no worker that has not.
  headers.set('cross-origin-embedder-policy', 'require-corp');
  if (await isRight(path, bytes)) return new Response(bytes, { headers });
  await cache.delete(keyOf(path));
  return null;
}

/** The file from the server, if it is the right one. `keep` fails where there is no room. */
async function fetched(path) {
  const answer = await fetch(HOME + path, { cache: 'no-cache' });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  const bytes = await answer.arrayBuffer();
  if (!await isRight(path, bytes)) throw new Changed(path);
  const headers = new Headers(answer.headers);
  // They told of the bytes on their way.
  for (const name of ['content-encoding', 'content-length']) headers.delete(name);
  const file = new Response(bytes, { headers });
  const copy = file.clone();
  return { file, keep: async () => (await caches.open(CACHE)).put(keyOf(path), copy) };
}

/** Makes the cache whole, with nothing that this browser does not load; gives how many files had to be got. */
async function fill() {
  let got = 0;
  // One after the other: the largest is held in memory while its hash is taken.
  for (const path of wanted) {
    if (await kept(path)) continue;
    await (await fetched(path)).keep();
    got++;
  }
  // Of a time when this browser could run less.
  const cache = await caches.open(CACHE);
  for (const path of others) await cache.delete(keyOf(path));
  return got;
}

/**
 * The list that this worker runs by, so that page and worker cannot be of two minds. The modules that are kept stand first: a browser
 * that was brought up to date may run another by now, and have no network to get it.
 */
async function list() {
  // Without a cache to ask, in the order of the build.
  const sorted = await keptFirst().catch(() => modules);
  const text = `globalThis.lungglassBuild = ${JSON.stringify({ ...build, modules: sorted })};`;
  return new Response(text, { headers: { 'content-type': 'text/javascript' } });
}

async function keptFirst() {
  const cache = await caches.open(CACHE);
  const isKept = await Promise.all(modules.map(async ({ path }) => Boolean(await cache.match(keyOf(path)))));
  return [...modules.filter((_, at) => isKept[at]), ...modules.filter((_, at) => !isKept[at])];
}

async function answer(path) {
  try {
    const file = await kept(path);
    if (file) return file;
    const { file: fresh, keep } = await fetched(path);
    await keep().catch(() => {});
    return fresh;
  } catch (cause) {
    // The server has another version by now and this one has a hole: step aside, so that the next load comes from the server.
    if (cause instanceof Changed) await registration.unregister();
    return Response.error();
  }
}

/** The path of a published file below this worker's folder, or null. */
function published(address) {
  const { origin, pathname } = new URL(address);
  if (!(origin + pathname).startsWith(HOME)) return null;
  const path = (origin + pathname).slice(HOME.length) || 'index.html';
  return path === LIST || Object.hasOwn(files, path) ? path : null;
}

addEventListener('install', (event) => event.waitUntil(fill()));

addEventListener('activate', (event) => event.waitUntil((async () => {
  const cache = await caches.open(CACHE);
  const current = new Set(wanted.map(keyOf));
  for (const request of await cache.keys()) if (!current.has(request.url)) await cache.delete(request);
})()));

addEventListener('fetch', (event) => {
  const { request } = event;
  const path = published(request.url);
  // A repair asks the server itself.
  if (path === null || request.method !== 'GET' || request.cache === 'reload') return;
  if (path !== LIST) return event.respondWith(answer(path));
  event.respondWith(list());
});

const requests = {
  async check() {
    try {
      return { id, complete: true, got: await fill() };
    } catch {
      return { id, complete: false, got: 0 };
    }
  },
  async claim(asked) {
    if (asked.id === id) await clients.claim();
    return { claimed: asked.id === id };
  },
  async activate() {
    const open = await clients.matchAll({ type: 'window', includeUncontrolled: true });
    const others = open.filter(({ url }) => url.startsWith(HOME)).length - 1;
    if (others <= 0) await skipWaiting();
    return { others: Math.max(0, others) };
  },
};

addEventListener('message', (event) => {
  const handler = Object.hasOwn(requests, event.data?.type) ? requests[event.data.type] : null;
  if (handler && event.ports[0]) event.waitUntil(handler(event.data).then((reply) => event.ports[0].postMessage(reply)));
});
