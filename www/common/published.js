// The files published with the page, each checked against the hash that the build wrote down: from the server, or out of the one file
// that holds the whole page (the kiosk). For the page and its workers; knows no element.

/** The build that this page belongs to; null where it was not built. */
// @ts-expect-error It sets a global, and is there once it was built.
export const build = import('../pkg/build.js').then(() => globalThis.lungglassBuild, () => null);

/** Whether all files are inside this page. A worker of such a page has none of them. */
export const inOneFile = 'lungglassFiles' in globalThis;

const HOME = new URL('../', import.meta.url);

/**
 * The path of the module that this browser runs fastest: the first whose probe, itself a module, it takes. Of those inside the page, if
 * it is one file. Null where the build names none.
 */
export async function modulePath() {
  const { modules = [] } = (await build) ?? {};
  /** @param {Build['modules'][number]} module */
  const runs = ({ path, probe }) => (globalThis.lungglassFiles ? globalThis.lungglassFiles.has(path) : !probe || WebAssembly.validate(binary(probe)));
  return modules.find(runs)?.path ?? null;
}

/** `code`: 'missing', 'network' (it did not arrive) or 'damaged' (it is not what was built). */
export class FileError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/**
 * The network that the publisher put beside the page, a file of `lungglass pack`; null where the page reads with the one inside its module.
 *
 * @returns {Promise<Blob | null>}
 */
export async function publishedNetwork() {
  // The one inside a kiosk has a hash of its own, which whoever opens it checks.
  const inside = globalThis.lungglassFiles?.get('network.lungglass');
  if (inside) return new Blob([inside]);
  const path = (await build)?.network;
  return path ? published(path, (response) => response.blob()) : null;
}

/** Whether the modules were built with another network inside than our own: what the page says of ours is then not true. */
export const hasOtherInside = build.then((known) => known?.otherNetwork === true);

/**
 * The operating point of a site that the publisher put beside the page, a settings file of an acceptance test; null where the page judges by
 * that of its network.
 *
 * @returns {Promise<Blob | null>}
 */
export async function publishedPoint() {
  // What is inside a kiosk has a seal of its own.
  const inside = globalThis.lungglassFiles?.get('operating-point.toml');
  if (inside) return new Blob([inside]);
  const path = (await build)?.point;
  return path ? published(path, (response) => response.blob()) : null;
}

/** Whether a person may choose another network, or another operating point, for a visit: the publisher may forbid it, and a kiosk has none to choose. */
export const mayChooseNetwork = build.then((known) => !inOneFile && known?.choosesNetwork !== false);

/** Whether the publisher lets people save DICOM objects, which name patients. */
export const maySaveObjects = build.then((known) => known?.savesObjects !== false);

/** The paths of the files that this browser uses: all but the other modules. */
export async function usedPaths() {
  const [known, module] = await Promise.all([build, modulePath()]);
  const others = (known?.modules ?? []).map(({ path }) => path).filter((path) => path !== module);
  return Object.keys(known?.files ?? {}).filter((path) => !others.includes(path));
}

/**
 * Hands a file to `use` as a Response, and gives what `use` gives. The response ends well only if its bytes have the right hash, so
 * whatever waits for its end never sees another file. onProgress(loaded, total) counts bytes.
 *
 * @template T
 * @param {string | null} path Null for a module that the build does not name.
 * @param {(response: Response) => Promise<T>} use
 * @param {(loaded: number, total: number) => void} [onProgress]
 * @returns {Promise<T>}
 */
export async function published(path, use, onProgress = () => {}) {
  const listed = path === null ? undefined : (await build)?.files[path];
  if (path === null || !listed) throw new FileError('missing', `${path ?? 'the module'} is not part of this build`);
  /** @type {FileError | null} */
  let failure = null;
  /** @type {(code: string, message: string) => FileError} */
  const fail = (code, message) => (failure = new FileError(code, message));
  const stream = await open(path, listed);
  // Where the browser has no hash for us (a page without TLS), `open` has checked the file by its integrity.
  const own = globalThis.crypto?.subtle ? new Uint8Array(listed.size) : null;
  let loaded = 0;
  const checked = stream.pipeThrough(new TransformStream({
    transform(chunk, controller) {
      if (loaded + chunk.byteLength > listed.size) throw fail('damaged', `${path} has more than ${listed.size} bytes`);
      own?.set(chunk, loaded);
      loaded += chunk.byteLength;
      onProgress(loaded, listed.size);
      controller.enqueue(chunk);
    },
    async flush() {
      if (own && await digest(own) !== listed.sha256) throw fail('damaged', `${path} has another SHA-256 than the one that was built`);
    },
  }));
  try {
    return await use(new Response(checked, { headers: { 'content-type': path.endsWith('.wasm') ? 'application/wasm' : '' } }));
  } catch (cause) {
    throw failure ?? new FileError(cause instanceof WebAssembly.CompileError ? 'damaged' : 'network', told(cause));
  }
}

/**
 * Fails with 'damaged' or 'missing' unless what the server has under this path is what was built.
 *
 * @param {string} path
 */
export const check = (path) => published(path, (response) => response.arrayBuffer());

/**
 * The bytes of a file, not checked yet.
 *
 * @param {string} path
 * @param {{ sha256: string }} listed
 * @returns {Promise<ReadableStream<Uint8Array<ArrayBuffer>>>}
 */
async function open(path, { sha256 }) {
  const inside = globalThis.lungglassFiles?.get(path);
  if (inside) return new Blob([inside]).stream();
  const url = new URL(path, HOME);
  let response;
  try {
    response = await fetch(url, globalThis.crypto?.subtle ? {} : { integrity: `sha256-${sha256}` });
  } catch (cause) {
    // A wrong hash and a broken connection look the same; only the second is there without the check too.
    const arrives = globalThis.crypto?.subtle ? false : await fetch(url, { method: 'HEAD' }).then(({ ok }) => ok, () => false);
    throw new FileError(arrives ? 'damaged' : 'network', told(cause));
  }
  if (!response.ok) throw new FileError('missing', `${path}: ${response.status} ${response.statusText}`.trim());
  return /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (response.body);
}

/** @param {string} base64 */
const binary = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

/** @param {Uint8Array<ArrayBuffer>} bytes */
async function digest(bytes) {
  return btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))));
}

/** @param {any} cause Whatever was thrown. */
const told = (cause) => String(cause?.message ?? cause);
