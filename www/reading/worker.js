// The reading worker: owns the wasm instance and the files that are open. Knows no page.
//
// Protocol. Every request carries an `id`, and gets exactly one `done` or `failed` with that id.
//
// Page to worker:
//   { id, type: 'load', module, network, point, today, salt, reads }
//                                       module: a WebAssembly.Module compiled earlier, or null to fetch it; network: the Blob of a
//                                       packed model, or null for the one inside the module; point: the Blob
//                                       of a site's operating point, or null; today: the day, as 2026-11-30; salt: what the words for
//                                       series are made with, or null; reads: false for a worker that only gives pixels, which
//                                       unpacks no network
//   { id, type: 'prove' }               reads the slice that is built in, as is done before the first reading and after each thousand;
//                                       any of these fails with 'self_test' where the machine computes wrongly
//   { id, type: 'take', key, name, file, frame, drawn }
//                                       file: Blob; reads its slice `frame`, or the one that it has, and closes it again; one of several
//                                       slices stays open if `frame` is null
//   { id, type: 'open', key, name, file }
//                                       closes what was open under this key
//   { id, type: 'read', key, frame, drawn }
//                                       frame counts from 0; drawn: whether the page wants to draw it; where the worker reads
//   { id, type: 'pixels', key, frame }  frame counts from 0; where it does not
//   { id, type: 'gather', key, frame }  frame counts from 0: reads the slice for objects; where the worker reads
//   { id, type: 'objects', series, date, time, entropy }
//                                       the objects of all that was gathered since the last time: `series` is the number in their names;
//                                       date as 20261130, time as 235959, entropy 32 bytes of chance
//   { id, type: 'close', key }
//   { id, type: 'accept', rows, terms } labelled slices, see `Classifier.accept`
//   { id, type: 'watch', days, usual, made }
//                                       days of counts, see `Classifier.watch`; usual: the text of an acceptance.json, or null
//   { id, type: 'studies', items, beside }
//                                       items: StudyItem[] of reading.d.ts; beside: StudyBeside[]
// Worker to page:
//   { id, type: 'progress', loaded, total }        bytes of the module; the total is known from the build
//   { id, type: 'done', value, memory }              memory: bytes of this instance, which never become fewer
//        load:    { model, module }; model is null without the network
//        prove:   null
//        take:    { frames, skipped, isAside, setAside } and, if it was read, `reading` or `failure`, which is { code, message, place }
//        open:    { frames, skipped, isAside, setAside }; frames alone where the worker only gives pixels
//        read:    a FullReading; the buffers of its maps, lungs and picture are transferred
//        pixels:  FullPixels; the buffers are transferred
//        close:   null
//        gather:  null
//        objects: { entries: { name, crc, data }[], lacks: string[] }, data a Blob; lacks say in English why some are missing
//        studies: FoundStudy[]
//        watch:   what watch.json holds
//        accept:  { acceptance, document, html, settings }
//   { id, type: 'failed', code, message, fatal, place, aside }
//                                       fatal: this instance must not be used again; place and aside: of a file that could not be
//                                       opened, as far as it is known, else null
//
// Requests are worked off one after the other in the order of their arrival; while one is, the bytes of the next files come in.
// There is no cancel message: a forward pass cannot be interrupted, so the page terminates the worker.

import { check, modulePath, published } from '../common/published.js';
import { crc32 } from '../common/zip.js';
import { shrink } from './shrink.js';

const LIBRARY = 'pkg/lungglass.js';

// The file, its copy inside the instance and its pixels must fit one 32-bit memory.
const MAX_FILE = 512 * 1024 * 1024;

// The bytes of a file of at most this size are fetched while others are read.
const MAX_AHEAD = 16 * 1024 * 1024;

// After so many readings the instance tries itself again, see src/self_test.rs.
const PROOF_EVERY = 1000;

// The longest side of a picture handed to the page: what a card can show.
const MAX_SIDE = 512;

/** An error that is expected, with its code for the page. */
class CodedError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** @typedef {import('../pkg/lungglass.js').Source | import('../pkg/lungglass.js').Slices} Opened What a worker reads from, or only shows. */

/** @type {typeof import('../pkg/lungglass.js')} */
let library;
/** @type {(bytes: Uint8Array, name: string) => Opened} Opens a file for what this worker gives of it. */
let opener;
/** @type {Map<number, Opened>} By the keys that the page gave them. */
const opened = new Map();
/** @type {import('../pkg/lungglass.js').Classifier | null} Null in a worker that only gives pixels. */
let classifier = null;
/** @type {import('../pkg/lungglass.js').Objects | null} What was gathered so far. */
let gathered = null;
/** Readings since this instance tried itself last. */
let sinceProof = Infinity;
/** @type {WebAssembly.Memory | null} Of the instance. */
let memory = null;

/**
 * What a request gives, and what of it is transferred.
 *
 * @typedef {{ value: unknown, transfer?: Transferable[] }} Result
 */

/**
 * @param {{ id: number, module: WebAssembly.Module | null, network: Blob | null, point: Blob | null, today: string, salt: Uint8Array | null, reads: boolean }} request
 * @returns {Promise<Result>}
 */
async function load({ id, module, network, point, today, salt, reads }) {
  // The library and the module belong together: of two builds, they would fail somewhere in the middle of a reading.
  if (!module) await check(LIBRARY);
  try {
    library = await import('../pkg/lungglass.js');
  } catch (cause) {
    throw new CodedError('missing', String(cause?.message ?? cause));
  }
  const compiled = module ?? await published(await modulePath(), WebAssembly.compileStreaming, (loaded, total) => postMessage({ id, type: 'progress', loaded, total }));
  ({ memory } = await library.default({ module_or_path: compiled }));
  const bytes = network && new Uint8Array(await network.arrayBuffer());
  const settings = bytes && !reads ? library.settingsOf(bytes) : undefined;
  const reader = reads ? (bytes ? library.Classifier.of(bytes) : new library.Classifier()) : null;
  if (point) reader?.atOperatingPoint(new Uint8Array(await point.arrayBuffer()), today);
  classifier = reader;
  if (salt) reader?.nameSeries(salt);
  opener = reader ? (bytes, name) => reader.open(bytes, name) : (bytes) => new library.Slices(bytes, settings);
  return { value: { model: reader?.model() ?? null, module: compiled } };
}

/**
 * A file, opened; `bytes` are those that were asked for ahead.
 *
 * @param {{ name: string, file: Blob, bytes?: Promise<ArrayBuffer> }} request
 */
async function source({ name, file, bytes }) {
  if (file.size > MAX_FILE) {
    throw new CodedError('too_large', `The file has ${Math.round(file.size / 1048576)} MB, and a browser can take at most ${MAX_FILE / 1048576} MB at once. Export fewer frames, or use the command-line program.`);
  }
  let buffer;
  try {
    buffer = await (bytes ?? file.arrayBuffer());
  } catch {
    throw new CodedError('unreadable', 'The browser could not read this file. If it is a folder, choose the files inside it; if it was moved or changed, choose it again.');
  }
  return opener(new Uint8Array(buffer), name);
}

/**
 * What the page is told of an opened file.
 *
 * @param {Opened} from
 */
function found(from) {
  const { length: frames } = from;
  return 'skipped' in from ? { frames, skipped: from.skipped, isAside: from.isAside, setAside: from.setAside } : { frames };
}

/**
 * @param {{ key: number, name: string, file: Blob, bytes?: Promise<ArrayBuffer> }} request
 * @returns {Promise<Result>}
 */
async function open(request) {
  close(request);
  const from = await source(request);
  opened.set(request.key, from);
  return { value: found(from) };
}

/**
 * @param {{ key: number, name: string, file: Blob, bytes?: Promise<ArrayBuffer>, frame: number | null, drawn: boolean }} request
 * @returns {Promise<Result>}
 */
async function take(request) {
  const value = /** @type {{ frames: number, isAside?: boolean }} */ ((await open(request)).value);
  if (request.frame === null && (value.frames !== 1 || value.isAside)) return { value };
  try {
    const { value: reading, transfer } = read({ ...request, frame: request.frame ?? 0 });
    return { value: { ...value, reading }, transfer };
  } catch (failure) {
    if (!isCoded(failure) || failure.code === 'self_test') throw failure;
    return { value: { ...value, failure: coded(failure) } };
  } finally {
    close(request);
  }
}

/**
 * @param {{ key: number, frame: number, drawn: boolean }} request
 * @returns {{ value: FullReading, transfer: Transferable[] }}
 */
function read({ key, frame, drawn }) {
  if (sinceProof >= PROOF_EVERY) prove();
  sinceProof++;
  /** @type {FullReading} */
  const reading = /** @type {import('../pkg/lungglass.js').Source} */ (opened.get(key)).read(frame);
  /** @type {Transferable[]} */
  const transfer = [];
  if (!drawn) reading.picture = reading.map = reading.lung = reading.opacity_map = null;
  if (reading.picture) {
    reading.picture = shrink(reading.picture, MAX_SIDE);
    reading.picture.gray = owned(reading.picture.gray);
    transfer.push(reading.picture.gray.buffer);
    if (reading.picture.colours) transfer.push((reading.picture.colours = owned(reading.picture.colours)).buffer);
  }
  for (const grid of [reading.map, reading.lung]) {
    if (!grid) continue;
    grid.values = owned(grid.values);
    transfer.push(grid.values.buffer);
  }
  const { opacity_map: opacity } = reading;
  if (opacity) {
    opacity.ground_glass = owned(opacity.ground_glass);
    opacity.consolidation = owned(opacity.consolidation);
    transfer.push(opacity.ground_glass.buffer, opacity.consolidation.buffer);
  }
  return { value: reading, transfer };
}

/** Tries the machine by the slice that is built in: fails with the code 'self_test' if it computes wrongly. */
function prove() {
  classifier?.prove();
  sinceProof = 0;
}

/**
 * Tries the machine, unless a first reading has come before.
 *
 * @returns {Result}
 */
function proved() {
  if (sinceProof >= PROOF_EVERY) prove();
  return { value: null };
}

/**
 * @param {{ key: number, frame: number }} request
 * @returns {Result}
 */
function pixels({ key, frame }) {
  // Beside its gray levels the library tells the values of the input, which the page does not show.
  /** @type {FullPixels} */
  const { input: { width, height, gray, colours: given }, values, colours, ...rest } = /** @type {import('../pkg/lungglass.js').Slices} */ (opened.get(key)).pixels(frame);
  const value = {
    ...rest, values: owned(values), colours: colours && owned(colours), input: { width, height, gray: owned(gray), colours: given && owned(given) },
  };
  const arrays = [value.values, value.colours, value.input.gray, value.input.colours];
  return { value, transfer: arrays.flatMap((array) => array ? [array.buffer] : []) };
}

/**
 * @param {{ key: number, frame: number }} request
 * @returns {Result}
 */
function gather({ key, frame }) {
  gathered ??= new library.Objects(/** @type {import('../pkg/lungglass.js').Classifier} */ (classifier));
  gathered.add(/** @type {import('../pkg/lungglass.js').Source} */ (opened.get(key)), frame);
  return { value: null };
}

/**
 * @param {{ series: number, date: string, time: string, entropy: Uint8Array }} request
 * @returns {Result}
 */
function objects({ series, date, time, entropy }) {
  const [made, lacks] = gathered ? [gathered.make(date, time, entropy), gathered.lacks()] : [[], []];
  gathered?.free();
  gathered = null;
  const entries = made.map((/** @type {{ name: string, bytes: Uint8Array<ArrayBuffer> }} */ { name, bytes }) => (
    { name: `series-${series}-${name}.dcm`, crc: crc32(bytes), data: new Blob([bytes]) }));
  return { value: { entries, lacks } };
}

/**
 * @param {{ key: number }} request
 * @returns {Result}
 */
function close({ key }) {
  opened.get(key)?.free();
  opened.delete(key);
  return { value: null };
}

/**
 * @param {{ items: StudyItem[], beside: StudyBeside[] }} request
 * @returns {Result}
 */
const studies = ({ items, beside }) => ({ value: (classifier ?? library).studies(items, beside) });

/**
 * @param {{ rows: object[], terms: object }} request
 * @returns {Result}
 */
const accept = ({ rows, terms }) => ({ value: classifier?.accept(rows, terms) });

/**
 * @param {{ days: object[], usual: string | null, made: string }} request
 * @returns {Result}
 */
const watch = ({ days, usual, made }) => ({ value: classifier?.watch(days, usual ?? undefined, made) });

/**
 * A view into the instance's memory cannot be transferred.
 *
 * @template {Uint8Array | Int16Array | Float32Array} A
 * @param {A} array
 */
function owned(array) {
  return /** @type {A} */ (array.byteLength === array.buffer.byteLength ? array : array.slice());
}

/**
 * The library gives every error that it expects a code; anything else is a trap.
 *
 * @param {any} failure
 */
const isCoded = (failure) => typeof failure?.code === 'string';

/**
 * What the page is told of an error.
 *
 * @param {any} failure
 */
function coded(failure) {
  return { code: isCoded(failure) ? failure.code : 'crashed', message: String(failure?.message ?? failure), place: failure?.place ?? null };
}

/** @type {{ [type: string]: (request: any) => Result | Promise<Result> }} */
const handlers = { load, prove: proved, take, open, read, pixels, gather, objects, close, studies, accept, watch };

/** @param {{ id: number, type: string }} request */
async function answer(request) {
  const { id, type } = request;
  try {
    const { value, transfer = [] } = await handlers[type](request);
    postMessage({ id, type: 'done', value, memory: memory?.buffer.byteLength ?? 0 }, transfer);
  } catch (failure) {
    postMessage({ id, type: 'failed', ...coded(failure), fatal: !isCoded(failure), aside: failure?.aside ?? null });
  }
}

// One request at a time, in the order of arrival.
let last = Promise.resolve();
addEventListener('message', ({ data }) => {
  if (data.type === 'take' && data.file.size <= MAX_AHEAD) {
    data.bytes = data.file.arrayBuffer();
    // Whoever waits for them is told; until then nobody need be.
    data.bytes.catch(() => {});
  }
  last = last.then(() => answer(data));
});
