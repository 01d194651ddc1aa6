// The reading worker: owns the wasm instance and one opened file. Knows no page.
//
// Protocol. Every request carries an `id`, and gets exactly one `done` or `failed` with that id.
//
// Page to worker:
//   { id, type: 'load', module, salt, reads }
//                                       module: a WebAssembly.Module compiled earlier, or null to fetch it; salt: what the words for
//                                       series are made with, or null; reads: false for a worker that only gives pixels, which
//                                       unpacks no network
//   { id, type: 'open', name, file }    file: Blob; closes what was open
//   { id, type: 'read', frame }         frame counts from 0; where the worker reads
//   { id, type: 'pixels', frame }       frame counts from 0; where it does not
//   { id, type: 'close' }
//   { id, type: 'studies', items, beside }
//                                       items: StudyItem[] of reading.d.ts; beside: StudyBeside[]
// Worker to page:
//   { id, type: 'progress', loaded, total }        bytes of the module; the total is known from the build
//   { id, type: 'done', value, memory }              memory: bytes of this instance, which never become fewer
//        load:    { model, module }; model is null without the network
//        open:    { frames, skipped, isAside, setAside }; frames alone where the worker only gives pixels
//        read:    a FullReading; the buffers of its maps, lungs and picture are transferred
//        pixels:  FullPixels; the buffers are transferred
//        close:   null
//        studies: FoundStudy[]
//   { id, type: 'failed', code, message, fatal, place, aside }
//                                       fatal: this instance must not be used again; place and aside: of a file that could not be
//                                       opened, as far as it is known, else null
//
// There is no cancel message: a forward pass cannot be interrupted, so the page terminates the worker.

import { check, modulePath, published } from '../common/published.js';
import { shrink } from './shrink.js';

const LIBRARY = 'pkg/lungglass.js';

// The file, its copy inside the instance and its pixels must fit one 32-bit memory.
const MAX_FILE = 512 * 1024 * 1024;

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
/** @type {Opened | null} */
let opened = null;
/** @type {WebAssembly.Memory | null} Of the instance. */
let memory = null;

/**
 * What a request gives, and what of it is transferred.
 *
 * @typedef {{ value: unknown, transfer?: Transferable[] }} Result
 */

/**
 * @param {{ id: number, module: WebAssembly.Module | null, salt: Uint8Array | null, reads: boolean }} request
 * @returns {Promise<Result>}
 */
async function load({ id, module, salt, reads }) {
  // The library and the module belong together: of two builds, they would fail somewhere in the middle of a reading.
  if (!module) await check(LIBRARY);
  try {
    library = await import('../pkg/lungglass.js');
  } catch (cause) {
    throw new CodedError('missing', String(cause?.message ?? cause));
  }
  const compiled = module ?? await published(await modulePath(), WebAssembly.compileStreaming, (loaded, total) => postMessage({ id, type: 'progress', loaded, total }));
  ({ memory } = await library.default({ module_or_path: compiled }));
  const classifier = reads ? new library.Classifier() : null;
  if (salt) classifier?.nameSeries(salt);
  opener = classifier ? (bytes, name) => classifier.open(bytes, name) : (bytes) => new library.Slices(bytes);
  return { value: { model: classifier?.model() ?? null, module: compiled } };
}

/**
 * @param {{ name: string, file: Blob }} request
 * @returns {Promise<Result>}
 */
async function open({ name, file }) {
  close();
  if (file.size > MAX_FILE) {
    throw new CodedError('too_large', `The file has ${Math.round(file.size / 1048576)} MB, and a browser can take at most ${MAX_FILE / 1048576} MB at once. Export fewer frames, or use the command-line program.`);
  }
  let buffer;
  try {
    buffer = await file.arrayBuffer();
  } catch {
    throw new CodedError('unreadable', 'The browser could not read this file. If it is a folder, choose the files inside it; if it was moved or changed, choose it again.');
  }
  opened = opener(new Uint8Array(buffer), name);
  const { length: frames } = opened;
  return { value: 'skipped' in opened ? { frames, skipped: opened.skipped, isAside: opened.isAside, setAside: opened.setAside } : { frames } };
}

/**
 * @param {{ frame: number }} request
 * @returns {Result}
 */
function read({ frame }) {
  /** @type {FullReading} */
  const reading = /** @type {import('../pkg/lungglass.js').Source} */ (opened).read(frame);
  /** @type {Transferable[]} */
  const transfer = [];
  if (reading.picture) {
    reading.picture = shrink(reading.picture, MAX_SIDE);
    reading.picture.gray = owned(reading.picture.gray);
    transfer.push(reading.picture.gray.buffer);
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

/**
 * @param {{ frame: number }} request
 * @returns {Result}
 */
function pixels({ frame }) {
  // Beside its gray levels the library tells the values of the input, which the page does not show.
  /** @type {FullPixels} */
  const { input: { width, height, gray }, values, ...rest } = /** @type {import('../pkg/lungglass.js').Slices} */ (opened).pixels(frame);
  const value = { ...rest, values: owned(values), input: { width, height, gray: owned(gray) } };
  return { value, transfer: [value.values.buffer, value.input.gray.buffer] };
}

/** @returns {Result} */
function close() {
  opened?.free();
  opened = null;
  return { value: null };
}

/**
 * @param {{ items: StudyItem[], beside: StudyBeside[] }} request
 * @returns {Result}
 */
const studies = ({ items, beside }) => ({ value: library.studies(items, beside) });

/**
 * A view into the instance's memory cannot be transferred.
 *
 * @template {Uint8Array | Int16Array | Float32Array} A
 * @param {A} array
 */
function owned(array) {
  return /** @type {A} */ (array.byteLength === array.buffer.byteLength ? array : array.slice());
}

/** @type {{ [type: string]: (request: any) => Result | Promise<Result> }} */
const handlers = { load, open, read, pixels, close, studies };

/** @param {{ id: number, type: string }} request */
async function answer(request) {
  const { id, type } = request;
  try {
    const { value, transfer = [] } = await handlers[type](request);
    postMessage({ id, type: 'done', value, memory: memory?.buffer.byteLength ?? 0 }, transfer);
  } catch (failure) {
    // The library gives every error that it expects a code; anything else is a trap.
    const coded = typeof failure?.code === 'string';
    postMessage({
      id,
      type: 'failed',
      code: coded ? failure.code : 'crashed',
      message: String(failure?.message ?? failure),
      fatal: !coded,
      place: failure?.place ?? null,
      aside: failure?.aside ?? null,
    });
  }
}

// One request at a time, in the order of arrival.
let last = Promise.resolve();
addEventListener('message', ({ data }) => {
  last = last.then(() => answer(data));
});
