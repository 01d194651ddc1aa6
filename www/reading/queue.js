// The files to read, over the workers of a pool. Owns their order, the progress, the cancel, and what is read a second time.
// Knows no element of the page: it tells `onReading` each reading in input order and `onChange` each change.

import { Job, NOWHERE } from './job.js';
import { KeptFile } from './kept-file.js';
import { MAX_AT_ONCE } from './pool.js';
import { RequestError } from './worker-client.js';

// Readings that wait for an earlier one, with their pictures; with more, only the file that all wait for is read.
const MAX_HELD = 128;

// At most this many waiting files are named: more than are seen at once cost the browser time with every change.
const MAX_NAMED = 40;

// Only files of at most this many bytes wait in a worker for their turn, whose bytes it fetches meanwhile.
const MAX_SMALL = 16 * 1024 * 1024;

// So many slices of a file are asked for at once.
const STRANDS = 2;

// A file of many frames, or an archive, is read by several workers when no other file is left, if each still gets at least this many
// frames, and their copies of it take at most this many bytes.
const MIN_SHARED = 4;
const MAX_COPIED_BYTES = 512 * 1024 * 1024;

// Each reading that is told makes the browser lay out and paint the page, on the processors that the workers need. The first of a batch
// are told one by one, the others together: after a pause of this many milliseconds, longer the more were read, or when this many are held.
const TOLD_ALONE = 6;
const TOLD_TOGETHER = 48;
const MIN_PAUSE = 250;
const PAUSE_A_READING = 0.2;

// In a batch of at most this many slices the progress, which costs less than a result, is told of each.
const COUNTED_ALONE = 48;

// After this many crashes the rest of a file is given up.
const MAX_CRASHES = 3;

// In a folder, what is no image is left out, as the command does.
const NO_IMAGE = ['not_an_image', 'no_images'];

/**
 * How far the queue is.
 *
 * @typedef {object} QueueState
 * @property {string[]} waiting The names of the first files that wait.
 * @property {number} files How many wait, with those that are being read.
 * @property {number} done Slices of this batch that were read.
 * @property {number} total Slices of this batch, as far as they are known.
 * @property {number} untold Of those the ones that `onReading` was not told yet.
 * @property {number | null} secondsLeft
 * @property {number} skipped Files and entries that were left out: no images.
 * @property {StudyBeside[]} beside Files and entries that were set aside as a whole.
 * @property {boolean} cancelled
 * @property {number} stopped Files that were broken off, and can go on.
 */

/** @typedef {import('./worker-client.js').WorkerClient} WorkerClient */
/** @typedef {(client: WorkerClient) => Promise<void>} Work */
/** @typedef {{ handle: Handle, wanted: () => boolean, resolve: (reading: FullReading) => void, reject: (failure: Error) => void }} Errand */

export class Queue {
  #pool;
  #onReading;
  #onChange;
  #drawn;
  /** @type {Job[]} */
  #jobs = [];
  /** @type {Errand[]} */
  #errands = [];
  /** @type {Job[]} What was broken off. */
  #stopped = [];
  #held = 0;
  /** @type {Timer | null} */
  #timer = null;
  #slices = 0;           // expected in this batch: one a file until its frames are known
  #done = 0;
  #told = 0;
  /** @type {number | null} */
  #began = null;
  #key = 0;              // of the file that was opened last

  /**
   * @param {import('./pool.js').Pool} pool
   * @param {object} on
   * @param {(reading: FullReading, handle: Handle, job: Job) => void} on.onReading Is told each reading, in input order.
   * @param {(state: QueueState) => void} on.onChange
   * @param {(ahead: number) => boolean} on.drawn Whether the pictures of the reading are wanted that will be told after so many others.
   */
  constructor(pool, { onReading, onChange, drawn }) {
    this.#pool = pool;
    this.#onReading = onReading;
    this.#onChange = onChange;
    this.#drawn = drawn;
  }

  /** Entries of files that were left out since the last `forget`: no images. */
  skipped = 0;
  /** @type {StudyBeside[]} Files and entries that were set aside as a whole since the last `forget`. */
  beside = [];

  /** The files that are still to be read. */
  get waiting() { return this.#jobs.map(({ file, name }) => ({ file, name })); }

  get busy() { return this.#jobs.length > 0; }

  /**
   * Files, at the end of the queue.
   *
   * @param {GivenFile[]} given
   */
  add(given) { this.#append(given.map(({ file, ...rest }) => new Job({ ...rest, file: file && new KeptFile(file) }))); }

  /**
   * Reads slices again; the readings replace those of the records.
   *
   * @param {SliceRecord[]} records
   */
  retry(records) {
    this.#append(records.map((record) => {
      const { file, name, own, frameIndex } = record.handle;
      return new Job({ file, name, folder: null, own }, { replaces: record, only: frameIndex });
    }));
  }

  /**
   * Reads one slice again, before the files that wait, for the sake of its pictures; fails if it is not `wanted()` when its turn comes.
   *
   * @param {Handle} handle
   * @param {() => boolean} wanted
   * @returns {Promise<FullReading>}
   */
  again(handle, wanted) {
    return new Promise((resolve, reject) => {
      this.#errands.push({ handle, wanted, resolve, reject });
      this.dispatch();
    });
  }

  /** Goes on with what was broken off, behind what waits. */
  goOn() { this.#append(this.#stopped.splice(0)); }

  /** Forgets what it keeps of files that came before, and gives it, so that `restore` can take it back. Nothing is being read. */
  forget() {
    const kept = { skipped: this.skipped, beside: this.beside, stopped: this.#stopped.splice(0) };
    [this.skipped, this.beside] = [0, []];
    this.#changed(true);
    return kept;
  }

  /** @param {ReturnType<Queue['forget']>} kept */
  restore({ skipped, beside, stopped }) {
    this.skipped += skipped;
    this.beside = [...beside, ...this.beside];
    this.#stopped.unshift(...stopped);
    this.#changed(!this.busy);
  }

  /** Stops what is not read yet, at once; it can go on. Gives the records that were to be replaced. */
  cancel() {
    this.#tellNow();
    const jobs = this.#jobs.splice(0);
    const started = jobs.some((job) => job.readers > 0);
    for (const job of jobs) job.cancelled = true;
    this.#stopped.push(...jobs.filter(({ replaces }) => replaces === null).map((job) => job.rest()));
    this.#held = 0;
    this.#changed(true);
    if (started) this.#pool.cancel();
    return jobs.map((job) => job.replaces).filter((record) => record !== null);
  }

  /** Gives work to workers that can take some; called when one may. */
  dispatch() {
    for (;;) {
      const next = this.#next();
      if (!next) return;
      if (!this.#pool.isFree) this.#pool.grow();
      const client = this.#pool.take(next.most);
      if (!client) return;
      this.#perform(client, next.work());
    }
  }

  /**
   * @param {WorkerClient} client
   * @param {Work} work
   */
  async #perform(client, work) {
    try {
      await work(client);
    } finally {
      this.#pool.giveBack(client);
      this.dispatch();
    }
  }

  /**
   * What is to be done next: `work` takes it off the list and gives a function that does it, in a worker that has less than `most` to do.
   *
   * @returns {{ work: () => Work, most: number } | null}
   */
  #next() {
    while (this.#errands.length > 0 && !this.#errands[0].wanted()) this.#errands.shift()?.reject(new Error('no longer wanted'));
    if (this.#errands.length > 0) {
      return {
        most: isSmall(this.#errands[0].handle.file) ? MAX_AT_ONCE : 1,
        work: () => {
          const [errand] = this.#errands.splice(0, 1);
          return (client) => this.#run(client, errand);
        },
      };
    }
    const job = this.#nextJob();
    if (!job) return null;
    return {
      // Another worker helps with a file that one reads already, and has nothing else to do.
      most: isSmall(job.file) && job.readers === 0 ? MAX_AT_ONCE : 1,
      work: () => {
        job.readers++;
        this.#began ??= performance.now();
        return (client) => this.#read(client, job).finally(() => { job.readers--; });
      },
    };
  }

  #nextJob() {
    const within = this.#held < MAX_HELD ? this.#jobs : this.#jobs.slice(0, 1);
    /** @param {Job} job */
    const isFree = (job) => job.readers === 0 && job.left > 0;
    /** @param {Job} job */
    const isShared = (job) => job.frames !== null && job.readers > 0 && job.left >= MIN_SHARED * job.readers
      && (job.file?.size ?? 0) * (job.readers + 1) <= MAX_COPIED_BYTES;
    return within.find(isFree) ?? within.find(isShared) ?? null;
  }

  /**
   * @param {WorkerClient} client
   * @param {Errand} errand
   */
  async #run(client, { handle, resolve, reject }) {
    try {
      const [file, frame] = [/** @type {KeptFile} */ (handle.file), /** @type {number} */ (handle.frameIndex)];
      const { reading, failure } = await client.take({ key: ++this.#key, name: handle.name, file, frame, drawn: true });
      if (reading) resolve(reading);
      else reject(new RequestError(failure?.code ?? 'crashed', failure?.message ?? ''));
    } catch (failure) {
      reject(failure);
    }
  }

  /**
   * @param {WorkerClient} client
   * @param {Job} job
   */
  async #read(client, job) {
    const key = ++this.#key;
    try {
      if (!job.file) throw Object.assign(new Error('the file cannot be opened: the browser does not give it'), { code: 'io' });
      if (job.frames !== null) await client.open(job.name, job.file, key);
      else {
        const opened = await client.take({ key, name: job.name, file: job.file, frame: job.only, drawn: this.#drawn(this.#ahead(job)) });
        if (job.cancelled) return;
        const isAside = opened.isAside && job.folder !== null;
        this.#expect(job, isAside ? 0 : job.only === null ? opened.frames : 1);
        if (job.replaces === null && job.after === null) {
          this.skipped += opened.skipped;
          if (isAside || !opened.isAside) this.#setAside(opened.setAside, isAside ? job.folder : job.own);
        }
        if (isAside) this.#tell();
        const { reading, failure } = opened;
        if (reading || failure) return this.#hold(job, job.take(), reading ?? job.unread(0, /** @type {RequestError} */ (failure), this.#model));
        // So many are on their way, and others may help.
        this.#changed();
        this.dispatch();
      }
    } catch (failure) {
      if (!job.cancelled) this.#unopened(job, failure);
      return;
    }
    await Promise.all(Array.from({ length: STRANDS }, () => this.#strand(client, job, key)));
    await client.close(key).catch(() => {});
  }

  /**
   * Reads frames of an opened file one after the other. Of several strands one is read while another waits for the page.
   *
   * @param {WorkerClient} client
   * @param {Job} job
   * @param {number} key
   */
  async #strand(client, job, key) {
    while (job.left > 0 && !job.cancelled && this.#mayGoOn(job)) {
      const frame = job.take();
      try {
        const reading = await client.read(job.index(frame), { key, drawn: this.#drawn(this.#ahead(job) + frame - job.told) });
        if (!job.cancelled) this.#hold(job, frame, reading);
      } catch (failure) {
        if (job.cancelled) return;
        if (failure.code === 'stopped') return job.putBack(frame);
        this.#hold(job, frame, job.unread(frame, failure, this.#model));
        if (failure.code === 'crashed') return this.#crashed(job, failure);
      }
    }
  }

  /**
   * How many readings are told before those of a job, as far as it is known.
   *
   * @param {Job} job
   */
  #ahead(job) {
    const at = this.#jobs.indexOf(job);
    return this.#jobs.slice(0, at < 0 ? this.#jobs.length : at).reduce((sum, other) => sum + other.untold, 0);
  }

  /** The model of what reads, which is ready whenever something was read. */
  get #model() { return /** @type {Model} */ (this.#pool.model); }

  /**
   * A slice that is waited for comes first, and a file that is far ahead waits.
   *
   * @param {Job} job
   */
  #mayGoOn(job) {
    return this.#errands.every(({ handle }) => isSmall(handle.file)) && (this.#held < MAX_HELD || job === this.#jobs[0]);
  }

  /**
   * @param {Job} job
   * @param {RequestError} failure
   */
  #unopened(job, failure) {
    if (failure.code === 'stopped') return;
    if (job.frames !== null) return this.#crashed(job, failure);
    if (job.folder !== null && (failure.aside || NO_IMAGE.includes(failure.code))) {
      if (failure.aside) this.#setAside([{ kind: failure.aside, place: failure.place ?? NOWHERE }], job.folder);
      else this.skipped++;
      this.#expect(job, 0);
      return this.#tell();
    }
    this.#expect(job, 1);
    this.#hold(job, job.take(), { ...job.unread(0, failure, this.#model), whole: job.only === null });
  }

  /**
   * @param {SetAside[]} files
   * @param {Container | null} container
   */
  #setAside(files, container) {
    const { name = null, intake = null } = container ?? {};
    for (const file of files) this.beside.push({ ...file, container: name, intake });
  }

  /**
   * The frames that are left are read by a new worker, unless they always end one.
   *
   * @param {Job} job
   * @param {RequestError} failure
   */
  #crashed(job, failure) {
    job.crashes++;
    if (job.crashes < MAX_CRASHES) return;
    while (job.left > 0) {
      const frame = job.take();
      this.#hold(job, frame, job.unread(frame, failure, this.#model));
    }
  }

  /**
   * @param {Job} job
   * @param {number} frame
   * @param {import('./job.js').HeldReading} reading
   */
  #hold(job, frame, reading) {
    job.held.set(frame, reading);
    this.#held++;
    this.#done++;
    this.#tell();
  }

  // Tells what has no earlier reading to wait for, now or soon.
  #tell() {
    const isEnd = this.#done === this.#slices;
    if (this.#done <= TOLD_ALONE || this.#held >= TOLD_TOGETHER || isEnd) return this.#tellNow();
    this.#timer ??= setTimeout(() => this.#tellNow(), MIN_PAUSE + PAUSE_A_READING * this.#done);
    if (this.#slices <= COUNTED_ALONE) this.#changed();
  }

  #tellNow() {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    while (this.#jobs.length > 0) {
      const [job] = this.#jobs;
      for (let next = job.held.get(job.told); next; next = job.held.get(job.told)) {
        const frame = job.told++;
        const { whole = false, ...reading } = next;
        job.held.delete(frame);
        this.#held--;
        this.#told++;
        this.#onReading(reading, { file: job.file, name: job.name, own: job.own, frameIndex: whole ? null : job.index(frame) }, job);
      }
      if (job.frames === null || job.told < job.frames) break;
      this.#jobs.shift();
    }
    this.#changed();
  }

  /** @param {Job[]} jobs */
  #append(jobs) {
    if (this.#jobs.length === 0) {
      this.#slices = this.#done = this.#told = 0;
      this.#began = null;
    }
    for (const job of jobs) this.#jobs.push(job);
    this.#slices += jobs.length;
    this.#changed();
    this.dispatch();
  }

  /**
   * @param {Job} job
   * @param {number} frames
   */
  #expect(job, frames) {
    this.#slices -= job.expected;
    job.frames = frames;
    this.#slices += job.expected;
  }

  #changed(cancelled = false) {
    const left = this.#slices - this.#done;
    const spent = this.#began === null ? 0 : performance.now() - this.#began;
    this.#onChange({
      waiting: this.#jobs.slice(0, MAX_NAMED).map((job) => job.name),
      files: this.#jobs.length,
      done: this.#done,
      total: this.#slices,
      untold: this.#jobs.length > 0 ? this.#slices - this.#told : 0,
      secondsLeft: this.#slices > 3 && this.#done > 1 ? left * spent / this.#done / 1000 : null,
      skipped: this.skipped,
      beside: this.beside,
      cancelled,
      stopped: this.#stopped.length,
    });
  }
}

/** @param {KeptFile | null} file */
const isSmall = (file) => (file?.size ?? 0) <= MAX_SMALL;
