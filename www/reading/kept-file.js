// A file that can be read again, and how little the browser must hold for that. Chromium takes some kilobytes for each file that a worker
// has read from. Many of them, put together into one blob, take those once: a blob of files holds where they lie, and none of their bytes.

/** Files in a blob. */
const PACK = 128;

export class KeptFile {
  /** @type {Blob} The file, or what it is a part of, */
  #whole;
  /** @type {number | null} from this byte on; null for the whole of it. */
  #from = null;
  size;
  lastModified;

  /** @param {File} file */
  constructor(file) {
    this.#whole = file;
    this.size = file.size;
    this.lastModified = file.lastModified;
  }

  /** What a worker reads from. */
  get blob() { return this.#from === null ? this.#whole : this.#whole.slice(this.#from, this.#from + this.size); }

  /**
   * Makes files parts of one blob.
   *
   * @param {KeptFile[]} files
   */
  static pack(files) {
    const pack = new Blob(files.map(({ blob }) => blob));
    // One of them is another than it was when its size was asked for.
    if (pack.size !== files.reduce((sum, { size }) => sum + size, 0)) return;
    let from = 0;
    for (const file of files) {
      file.#whole = pack;
      file.#from = from;
      from += file.size;
    }
  }
}

/** Files that were read, until there are enough of them to be packed. */
export class Packer {
  /** @type {Set<KeptFile>} */
  #loose = new Set();
  /** @type {WeakSet<KeptFile>} */
  #packed = new WeakSet();

  /** @param {KeptFile} file */
  add(file) {
    if (this.#packed.has(file)) return;
    this.#loose.add(file);
    if (this.#loose.size < PACK) return;
    KeptFile.pack([...this.#loose]);
    for (const one of this.#loose) this.#packed.add(one);
    this.#loose.clear();
  }

  /** None of them is kept for its sake. */
  forget() { this.#loose.clear(); }
}
