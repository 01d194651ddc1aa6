// The files to read, one after the other, by one worker. Owns their order, the progress and the cancel.
// Knows no element of the page: it tells `onReading` each reading in input order, with
// { file, frameIndex } that it was read from, and `onChange` each change.

import { english } from './words.js';

export class Queue {
  #client;
  #onReading;
  #onChange;
  #jobs = [];
  #running = false;
  #slices = 0;      // expected in this batch: one a file until its frames are known
  #done = 0;
  #spent = 0;       // milliseconds for the slices done

  constructor(client, { onReading, onChange }) {
    this.#client = client;
    this.#onReading = onReading;
    this.#onChange = onChange;
  }

  /** Files, and the names they are to be known by, at the end of the queue. */
  add(files) {
    if (this.#jobs.length === 0) this.#slices = this.#done = this.#spent = 0;
    for (const file of files) {
      this.#jobs.push({ name: file.webkitRelativePath || file.name, file, slices: 1, done: 0, cancelled: false });
      this.#slices++;
    }
    this.#changed();
    this.#run();
  }

  /** Forgets what is not read yet. What is being read stops at once. */
  cancel() {
    const busy = this.#jobs[0]?.started;
    for (const job of this.#jobs.splice(0)) job.cancelled = true;
    this.#changed(true);
    if (busy) this.#client.start();
  }

  get busy() { return this.#jobs.length > 0; }

  async #run() {
    if (this.#running) return;
    this.#running = true;
    while (this.#jobs.length > 0) {
      await this.#client.whenReady();
      const job = this.#jobs[0];
      if (!job) break;
      job.started = true;
      await this.#read(job);
      if (job.cancelled) continue;
      this.#jobs.shift();
      this.#slices -= job.slices - job.done;
      this.#changed();
    }
    this.#running = false;
  }

  async #read(job) {
    let frame = null;
    let began = performance.now();
    try {
      const { frames } = await this.#client.open(job.name, job.file);
      if (job.cancelled) return;
      this.#slices += frames - job.slices;
      job.slices = frames;
      for (let i = 0; i < frames; i++) {
        frame = frames > 1 ? i : null;
        let reading;
        try {
          reading = await this.#client.read(i);
        } catch (failure) {
          if (failure.code === 'crashed' || failure.code === 'stopped') throw failure;
          reading = this.#unread(job, frame, failure);
        }
        if (job.cancelled) return;
        const now = performance.now();
        this.#deliver(job, i, reading, now - began);
        began = now;
      }
      await this.#client.close();
    } catch (failure) {
      if (!job.cancelled) this.#deliver(job, frame ?? 0, this.#unread(job, frame, failure), performance.now() - began);
    }
  }

  #deliver(job, frameIndex, reading, ms) {
    job.done++;
    this.#done++;
    this.#spent += ms;
    this.#onReading(reading, { file: job.file, frameIndex });
    if (job.done < job.slices) this.#changed();
  }

  #unread(job, frame, { code, message }) {
    const { name, version, sha256 } = this.#client.model;
    return {
      file: job.name,
      frame,
      verdict: 'error',
      score: null,
      logit: null,
      findings: null,
      refusal: null,
      error: { code, message: code === 'crashed' ? english.errors.crashed : message },
      source: null,
      model: { name, version, sha256 },
      device: 'wasm simd128',
      ms: { decode: null, preprocess: null, graph: null },
      map: null,
      lung: null,
      picture: null,
    };
  }

  #changed(cancelled = false) {
    const left = this.#slices - this.#done;
    this.#onChange({
      waiting: this.#jobs.map((job) => job.name),
      done: this.#done,
      total: this.#slices,
      secondsLeft: this.#slices > 3 && this.#done > 1 ? left * this.#spent / this.#done / 1000 : null,
      cancelled,
    });
  }
}
