// The files to read, over the workers of a pool. Owns their order, the progress, the cancel, and what is read a second time.
// Knows no element of the page: it tells `onReading` each reading in input order and `onChange` each change.

import { container } from './container.js';
import { english } from '../locales/words.js';

// Readings that wait for an earlier one, with their pictures; with more, only the file that all wait for is read.
const MOST_HELD = 128;

// So many of the files that wait are named.
const MOST_NAMED = 200;

// A file of many frames, or an archive, is read by several workers when no other file is left, if each still gets so many frames
// and their copies stay below so many bytes.
const LEAST_SHARED = 4;
const MOST_COPIES = 512 * 1024 * 1024;

// Each reading that is told makes the browser lay the page out, which takes longer the more there are. After so many of a batch they
// are told together, at the latest when so many are held or after a pause that grows with their number, in milliseconds a reading.
const TOLD_ALONE = 100;
const TOLD_TOGETHER = 48;
const PAUSE_A_READING = 0.2;

// After so many crashes the rest of a file is given up.
const MOST_CRASHES = 3;

// In a folder, what is no image is left out, as the command does.
const NO_IMAGE = ['not_an_image', 'no_pixels', 'no_images'];

/**
 * How far the queue is.
 *
 * @typedef {object} QueueState
 * @property {string[]} waiting The names of the first files that wait.
 * @property {number} files How many wait, with those that are being read.
 * @property {number} done Slices of this batch that were read.
 * @property {number} total Slices of this batch, as far as they are known.
 * @property {number | null} secondsLeft
 * @property {number} skipped Files and entries that were left out: no images.
 * @property {boolean} cancelled
 */

/** One file: which of its frames are read, being read and told. */
export class Job {
  /** @type {number | null} */
  frames = null;         // how many there are to read; null until it was opened
  told = 0;              // readings that were told
  held = new Map();      // by frame, readings that are not told yet
  readers = 0;           // workers that read it
  crashes = 0;
  cancelled = false;
  #next = 0;
  #again = [];

  /**
   * { file, name, folder, own }: the name is what the readings' `file` begins with, the folder the container it came in, or null, and own
   * the container that it is itself if it is an archive or has frames; file is null where the browser would not give it. `replaces` is the
   * record of a result that is read again, and `only` the frame then.
   */
  constructor({ file, name, folder, own = container(name) }, { replaces = null, only = null } = {}) {
    this.file = file;
    this.name = name;
    this.folder = folder;
    this.own = own;
    this.replaces = replaces;
    this.only = only;
  }

  get left() { return this.frames === null ? 1 : this.frames - this.#next + this.#again.length; }

  take() { return this.#again.pop() ?? this.#next++; }

  putBack(frame) { this.#again.push(frame); }

  get expected() { return this.frames ?? 1; }

  /** The number that a source knows the frame by. */
  index(frame) { return this.only ?? frame; }
}

export class Queue {
  #pool;
  #onReading;
  #onChange;
  #jobs = [];
  #errands = [];         // { origin, wanted, resolve, reject }
  #held = 0;
  /** @type {any} */
  #timer = null;
  #slices = 0;           // expected in this batch: one a file until its frames are known
  #done = 0;
  /** @type {number | null} */
  #began = null;

  /**
   * onReading(reading, origin, job): origin is { file, name, own, frameIndex } to read the slice again, frameIndex null for a whole file;
   * job has folder, own and replaces. onChange(state).
   */
  constructor(pool, { onReading, onChange }) {
    this.#pool = pool;
    this.#onReading = onReading;
    this.#onChange = onChange;
  }

  /** Entries of files that were left out since the last `forget`: no images. */
  skipped = 0;

  get busy() { return this.#jobs.length > 0; }

  /** Files, { file, name, folder } each, at the end of the queue. */
  add(inputs) { this.#append(inputs.map((input) => new Job(input))); }

  /** Reads results again; each record has `origin`. Their readings replace them. */
  retry(records) {
    this.#append(records.map((record) => {
      const { file, name, own, frameIndex } = record.origin;
      return new Job({ file, name, folder: null, own }, { replaces: record, only: frameIndex });
    }));
  }

  /** Reads one slice again, before the files that wait, for the sake of its pictures; fails if it is not `wanted()` when its turn comes. */
  again(origin, wanted) {
    return new Promise((resolve, reject) => {
      this.#errands.push({ origin, wanted, resolve, reject });
      this.dispatch();
    });
  }

  /** Forgets what is not read yet. What is being read stops at once. Gives the records that were to be replaced. */
  cancel() {
    this.#tellNow();
    const jobs = this.#jobs.splice(0);
    const started = jobs.some((job) => job.readers > 0);
    for (const job of jobs) job.cancelled = true;
    this.#held = 0;
    this.#changed(true);
    if (started) this.#pool.cancel();
    return jobs.map((job) => job.replaces).filter(Boolean);
  }

  /** Gives work to workers that are free; called when one may be. */
  dispatch() {
    for (;;) {
      const work = this.#next();
      if (!work) return;
      const client = this.#pool.take();
      if (!client) return this.#pool.grow();
      this.#perform(client, work());
    }
  }

  async #perform(client, work) {
    try {
      await work(client);
    } finally {
      this.#pool.giveBack(client);
      this.dispatch();
    }
  }

  // What a free worker is to do: a function that takes the work off the list and gives one that does it.
  #next() {
    while (this.#errands.length > 0 && !this.#errands[0].wanted()) this.#errands.shift().reject(new Error('no longer wanted'));
    if (this.#errands.length > 0) {
      return () => {
        const errand = this.#errands.shift();
        return (client) => this.#run(client, errand);
      };
    }
    const job = this.#nextJob();
    if (!job) return null;
    return () => {
      job.readers++;
      this.#began ??= performance.now();
      return (client) => this.#read(client, job).finally(() => { job.readers--; });
    };
  }

  #nextJob() {
    const within = this.#held < MOST_HELD ? this.#jobs : this.#jobs.slice(0, 1);
    const isFree = (job) => job.readers === 0 && job.left > 0;
    const isShared = (job) => job.frames !== null && job.readers > 0 && job.left >= LEAST_SHARED * job.readers && job.file.size * (job.readers + 1) <= MOST_COPIES;
    return within.find(isFree) ?? within.find(isShared) ?? null;
  }

  async #run(client, { origin, resolve, reject }) {
    try {
      await client.open(origin.name, origin.file);
      const reading = await client.read(origin.frameIndex);
      resolve(reading);
      await client.close();
    } catch (failure) {
      reject(failure);
    }
  }

  async #read(client, job) {
    try {
      if (!job.file) throw Object.assign(new Error('the file cannot be opened: the browser does not give it'), { code: 'io' });
      const opened = await client.open(job.name, job.file);
      if (job.cancelled) return;
      if (job.frames === null) {
        this.#expect(job, job.only === null ? opened.frames : 1);
        if (job.replaces === null) this.skipped += opened.skipped;
        // Others may help.
        this.dispatch();
      }
    } catch (failure) {
      if (!job.cancelled) this.#unopened(job, failure);
      return;
    }
    while (job.left > 0 && !job.cancelled && this.#mayGoOn(job)) {
      const frame = job.take();
      try {
        const reading = await client.read(job.index(frame));
        if (!job.cancelled) this.#hold(job, frame, reading);
      } catch (failure) {
        if (job.cancelled) return;
        if (failure.code === 'stopped') return job.putBack(frame);
        this.#hold(job, frame, this.#unread(job, frame, failure));
        if (failure.code === 'crashed') return this.#crashed(job, failure);
      }
    }
    await client.close().catch(() => {});
  }

  // A slice that is waited for comes first, and a file that is far ahead waits.
  #mayGoOn(job) {
    return this.#errands.length === 0 && (this.#held < MOST_HELD || job === this.#jobs[0]);
  }

  #unopened(job, failure) {
    if (failure.code === 'stopped') return;
    if (job.frames !== null) return this.#crashed(job, failure);
    if (job.folder !== null && NO_IMAGE.includes(failure.code)) {
      this.skipped++;
      this.#expect(job, 0);
      return this.#tell();
    }
    this.#expect(job, 1);
    this.#hold(job, job.take(), { ...this.#unread(job, 0, failure), whole: job.only === null });
  }

  // The frames that are left are read by a new worker, unless they always end one.
  #crashed(job, failure) {
    job.crashes++;
    if (job.crashes < MOST_CRASHES) return;
    while (job.left > 0) {
      const frame = job.take();
      this.#hold(job, frame, this.#unread(job, frame, failure));
    }
  }

  #hold(job, frame, reading) {
    job.held.set(frame, reading);
    this.#held++;
    this.#done++;
    this.#tell();
  }

  // Tells what has no earlier reading to wait for, now or soon.
  #tell() {
    const isEnd = this.#done === this.#slices;
    if (this.#done <= TOLD_ALONE || this.#held >= TOLD_TOGETHER || isEnd) this.#tellNow();
    else this.#timer ??= setTimeout(() => this.#tellNow(), PAUSE_A_READING * this.#done);
  }

  #tellNow() {
    clearTimeout(this.#timer);
    this.#timer = null;
    while (this.#jobs.length > 0) {
      const [job] = this.#jobs;
      while (job.held.has(job.told)) {
        const frame = job.told++;
        const { whole = false, ...reading } = job.held.get(frame);
        job.held.delete(frame);
        this.#held--;
        this.#onReading(reading, { file: job.file, name: job.name, own: job.own, frameIndex: whole ? null : job.index(frame) }, job);
      }
      if (job.frames === null || job.told < job.frames) break;
      this.#jobs.shift();
    }
    this.#changed();
  }

  #append(jobs) {
    if (this.#jobs.length === 0) {
      this.#slices = this.#done = 0;
      this.#began = null;
    }
    for (const job of jobs) this.#jobs.push(job);
    this.#slices += jobs.length;
    this.#changed();
    this.dispatch();
  }

  #expect(job, frames) {
    this.#slices += frames - job.expected;
    job.frames = frames;
  }

  #unread(job, frame, { code, message }) {
    const { name, version, sha256, device } = this.#pool.model;
    const again = job.only === null ? null : job.replaces.reading;
    return {
      file: again?.file ?? job.name,
      frame: again ? again.frame : job.frames > 1 ? frame : null,
      verdict: 'error',
      score: null,
      logit: null,
      findings: {},
      refusal: null,
      error: { code, message: code === 'crashed' ? english.errors.crashed : message },
      source: null,
      model: { name, version, sha256 },
      device,
      ms: { decode: null, preprocess: null, graph: null },
      place: { series: null, height: null, number: null },
      map: null,
      lung: null,
      picture: null,
    };
  }

  #changed(cancelled = false) {
    const left = this.#slices - this.#done;
    const spent = this.#began === null ? 0 : performance.now() - this.#began;
    this.#onChange({
      waiting: this.#jobs.slice(0, MOST_NAMED).map((job) => job.name),
      files: this.#jobs.length,
      done: this.#done,
      total: this.#slices,
      secondsLeft: this.#slices > 3 && this.#done > 1 ? left * spent / this.#done / 1000 : null,
      skipped: this.skipped,
      cancelled,
    });
  }
}
