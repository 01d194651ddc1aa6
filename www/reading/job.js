// One file of the queue: which of its frames are read, being read and told, and what is told of a frame that could not be read.

import { english } from '../locales/words.js';
import { container } from './container.js';

/** @typedef {import('./kept-file.js').KeptFile} KeptFile */

/** @typedef {Omit<GivenFile, 'file'> & { file: KeptFile | null }} KeptGiven */

export class Job {
  /** @type {number | null} How many there are to read; null until the file was opened. */
  frames = null;
  /** Readings that were told. */
  told;
  /** @type {Map<number, HeldReading>} By frame, readings that are not told yet. */
  held = new Map();
  /** Workers that read it. */
  readers = 0;
  crashes = 0;
  cancelled = false;
  #next;
  /** @type {number[]} */
  #again = [];

  /**
   * @param {KeptGiven & { own?: Container }} given The name is what the readings' `file` begins with. `own` is the container that the file is
   *   itself if it is an archive or has frames.
   * @param {{ replaces?: SliceRecord | null, only?: number | null, after?: number | null }} [again] The record of a result that is read
   *   again, and the only frame to read then; null for all. Or how many frames were told before it was broken off, null if it was not
   *   opened then.
   */
  constructor({ file, name, folder, own = container(name) }, { replaces = null, only = null, after = null } = {}) {
    this.file = file;
    this.name = name;
    this.folder = folder;
    this.own = own;
    this.replaces = replaces;
    this.only = only;
    this.after = after;
    this.told = this.#next = after ?? 0;
  }

  /** What is left of it once it was broken off: what was not told is read anew. */
  rest() { return new Job(this, { after: this.frames === null ? this.after : this.told }); }

  get left() { return this.frames === null ? 1 : this.frames - this.#next + this.#again.length; }

  take() { return this.#again.pop() ?? this.#next++; }

  /** @param {number} frame One that was taken and not read. */
  putBack(frame) { this.#again.push(frame); }

  /** How many frames are to be read, as far as that is known. */
  get expected() { return this.frames === null ? 1 : Math.max(0, this.frames - (this.after ?? 0)); }

  get untold() { return this.expected + (this.after ?? 0) - this.told; }

  /**
   * The number that the opened file knows the frame by.
   *
   * @param {number} frame
   */
  index(frame) { return this.only ?? frame; }

  /**
   * The reading of a frame that could not be read.
   *
   * @param {number} frame
   * @param {Coded & { place?: SlicePlace | null }} failure
   * @param {Model} model What would have read it.
   * @returns {HeldReading}
   */
  unread(frame, { code, message, place }, { name, version, sha256, device, local }) {
    const point = local && { site: local.site, made: local.made, valid_until: local.valid_until, sha256: local.sha256, notice: local.notice };
    const again = this.only === null ? null : this.replaces?.reading;
    return {
      file: again?.file ?? this.name,
      frame: again ? again.frame : this.frames !== null && this.frames > 1 ? frame : null,
      verdict: 'error',
      score: null,
      logit: null,
      findings: {},
      opacity: null,
      refusal: null,
      error: { code, message: code === 'crashed' ? english.errors.crashed : message },
      source: null,
      model: { name, version, sha256, ...(point ? { operating_point: point } : {}) },
      device,
      ms: { decode: null, preprocess: null, graph: null },
      place: place ?? NOWHERE,
      shown: null,
      map: null,
      lung: null,
      opacity_map: null,
      lungs: null,
      coronal: null,
      likeness: null,
      picture: null,
    };
  }
}

/** @type {SlicePlace} */
export const NOWHERE = { patient: null, series: null, visit: null, instance: null, height: null, location: null, number: null, marks: {}, pixels: null };

/** @typedef {FullReading & { whole?: boolean }} HeldReading `whole`: it stands for the file as a whole, which could not be opened. */
