// Files that were chosen before: they count once. Two are one file if name, size and date are the same, and every byte. A folder that is
// chosen again is another folder: two patients may have one of the same name. Knows no element.

// Bytes that are compared at once.
const CHUNK = 1 << 20;

/** @typedef {{ file: File | null, name: string }} Named A file under the name that it came in by, with its folder. */

/** @param {Named} named */
const keyOf = ({ file, name }) => (file ? `${file.size} ${file.lastModified} ${name}` : null);

/**
 * Those of `given` that are none of the files that are `known`. What is given twice at once stays: somebody put it there twice.
 *
 * @param {GivenFile[]} given
 * @param {Named[]} known
 * @returns {Promise<GivenFile[]>}
 */
export async function unrepeated(given, known) {
  /** @type {Map<string | null, Set<File>>} */
  const byKey = new Map();
  for (const one of known) {
    const key = keyOf(one);
    if (!one.file || key === null) continue;
    byKey.set(key, (byKey.get(key) ?? new Set()).add(one.file));
  }
  const fresh = [];
  for (const one of given) {
    const alike = one.folder === null ? byKey.get(keyOf(one)) ?? [] : [];
    let isKnown = false;
    for (const other of alike) isKnown ||= one.file !== null && await isSame(one.file, other);
    if (!isKnown) fresh.push(one);
  }
  return fresh;
}

/**
 * @param {File} one
 * @param {File} other Of the same size.
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
