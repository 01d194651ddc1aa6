// Files that were chosen before: they count once. Two are one file if name, size and date are the same, and every byte. A folder that is
// chosen again is another folder: two patients may have one of the same name. Knows no element.

// Bytes that are compared at once.
const CHUNK = 1 << 20;

/** @typedef {import('../reading/kept-file.js').KeptFile} KeptFile */

/** @typedef {{ file: File | KeptFile | null, name: string }} Named A file under the name that it came in by, with its folder. */

/** @param {Named} named */
const keyOf = ({ file, name }) => (file ? `${file.size} ${file.lastModified} ${name}` : null);

/**
 * Tells files that were surely not chosen before, by name, size and date, from those that may have been: `differ` gives those of the latter
 * that are none of the files that are `known`. What is given twice at once stays: somebody put it there twice.
 *
 * @param {GivenFile[]} given
 * @param {{ file: KeptFile | null, name: string }[]} known
 */
export function unrepeated(given, known) {
  /** @type {Map<string | null, Set<KeptFile>>} */
  const byKey = new Map();
  for (const one of known) {
    const key = keyOf(one);
    if (!one.file || key === null) continue;
    byKey.set(key, (byKey.get(key) ?? new Set()).add(one.file));
  }
  const alike = (/** @type {GivenFile} */ one) => (one.folder === null ? byKey.get(keyOf(one)) : undefined);
  const doubtful = given.filter(alike);
  return {
    fresh: given.filter((one) => !alike(one)),
    doubtful: doubtful.length,
    async differ() {
      const found = [];
      for (const one of doubtful) {
        let isKnown = false;
        for (const other of alike(one) ?? []) isKnown ||= one.file !== null && await isSame(one.file, other.blob);
        if (!isKnown) found.push(one);
      }
      return found;
    },
  };
}

/**
 * @param {Blob} one
 * @param {Blob} other Of the same size.
 */
async function isSame(one, other) {
  try {
    for (let at = 0; at < one.size; at += CHUNK) {
      const [a, b] = await Promise.all([one, other].map(async (file) => new Uint8Array(await file.slice(at, at + CHUNK).arrayBuffer())));
      if (a.length !== b.length || a.some((byte, i) => byte !== b[i])) return false;
    }
    return true;
  } catch {
    // One of them is gone: what is there is read.
    return false;
  }
}
