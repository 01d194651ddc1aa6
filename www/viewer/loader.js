// The pixels of slices at their full size, on demand: a worker of its own opens the user's file again and decodes the slice. Owns that
// worker and a small cache, so that the page never holds more than a few slices. Knows no element.
//
// Handles are told apart as objects.

// At most this many bytes of pixels are held. What is shown is held whatever its size.
const MAX_BYTES = 64 << 20;

// The memory of a worker's instance never shrinks. One that took more bytes than this is ended, and another starts for the next file.
const MAX_MEMORY = 512 * 1024 * 1024;

/** Why there are no pixels. `code`: 'gone' where the file cannot be opened again, otherwise 'failed'. */
class LoadError extends Error {
  /**
   * @param {'gone' | 'failed'} code
   * @param {Error} [cause]
   */
  constructor(code, cause) {
    super(cause?.message ?? code, { cause });
    this.code = code;
  }
}

/** @typedef {import('../reading/worker-client.js').WorkerClient} WorkerClient */
/** @typedef {{ pixels?: FullPixels, failure?: LoadError }} Answer One of the two. */

export class Loader {
  #newClient;
  #onLoaded;
  /** @type {WorkerClient | null} */
  #client = null;
  /** @type {Handle['file']} */
  #file = null;           // the one that the worker has open
  /** @type {Handle[]} */
  #wishes = [];
  /** @type {Map<Handle, Answer>} The oldest first. */
  #held = new Map();
  /** @type {object | null} */
  #session = null;        // the loop that works the wishes off

  /**
   * @param {() => WorkerClient} newClient Gives one that has not started.
   * @param {(handle: Handle) => void} onLoaded Is told of each answer that there is now.
   */
  constructor(newClient, onLoaded) {
    this.#newClient = newClient;
    this.#onLoaded = onLoaded;
  }

  /**
   * Undefined while there is no answer.
   *
   * @param {Handle} handle
   */
  get(handle) { return this.#held.get(handle); }

  /**
   * What is wanted now, the most urgent first. What was wanted before and is not decoded yet is forgotten.
   *
   * @param {Handle[]} handles
   */
  want(handles) {
    this.#wishes = handles;
    if (!this.#session) this.#work(this.#session = {});
  }

  /** Gives all memory back. */
  stop() {
    this.#session = null;
    this.#wishes = [];
    this.#held.clear();
    this.#leave();
  }

  /** @param {object} session */
  async #work(session) {
    for (let handle = this.#next(); handle; handle = this.#next()) {
      /** @type {Answer} */
      let answer;
      try {
        answer = { pixels: await this.#load(handle) };
      } catch (failure) {
        answer = { failure };
      }
      if (session !== this.#session) return;
      this.#held.set(handle, answer);
      this.#trim();
      this.#onLoaded(handle);
      if (session !== this.#session) return;
    }
    this.#session = null;
  }

  #next() {
    const [first, ...rest] = this.#wishes;
    if (first && !this.#held.has(first)) return first;
    return this.#bytes() < MAX_BYTES ? rest.find((handle) => !this.#held.has(handle)) : undefined;
  }

  /** @param {Handle} handle Of a slice that was read. */
  async #load(handle) {
    const [file, frame] = [/** @type {NonNullable<Handle['file']>} */ (handle.file), /** @type {number} */ (handle.frameIndex)];
    if (this.#client && this.#file !== file && this.#client.memory > MAX_MEMORY) this.#leave();
    const client = this.#client ?? await this.#start();
    try {
      if (this.#file !== file) {
        this.#file = null;
        await client.open(handle.name, file);
        this.#file = file;
      }
      return await client.pixels(frame);
    } catch (failure) {
      const gone = this.#file === null && failure.code !== 'crashed';
      // A crashed instance is not to be used again, and what it had open is closed.
      if (failure.code === 'crashed' && client === this.#client) this.#leave();
      throw new LoadError(gone ? 'gone' : 'failed', failure);
    }
  }

  async #start() {
    const client = this.#client = this.#newClient();
    await client.start();
    if (client.state === 'ready') return client;
    if (client === this.#client) this.#leave();
    throw new LoadError('failed');
  }

  #leave() {
    this.#client?.stop();
    this.#client = null;
    this.#file = null;
  }

  #trim() {
    for (const handle of this.#held.keys()) {
      if (this.#bytes() <= MAX_BYTES) return;
      if (!this.#wishes.includes(handle)) this.#held.delete(handle);
    }
  }

  #bytes() {
    let sum = 0;
    for (const { pixels } of this.#held.values()) sum += pixels ? bytesOf(pixels) : 0;
    return sum;
  }
}

/** @param {FullPixels} pixels */
function bytesOf({ values, colours, input }) {
  return [values, colours, input.gray, input.colours].reduce((sum, array) => sum + (array?.byteLength ?? 0), 0);
}
