// What many readings have in common, kept once. Each reading brings its own from the worker, and of ten thousand that would be most of what
// the page keeps. Nothing changes what is kept so.

// More different things than this are no longer remembered: they are not what many have in common.
const MAX_DIFFERENT = 4096;

/** @type {Map<string, any>} Objects, by what they say. */
const objects = new Map();
/** @type {Map<unknown, any>} Texts. */
const texts = new Map();

/**
 * One value for all that are equal: a text, or an object without anything but texts, numbers and the like.
 *
 * @template T
 * @param {T} value
 * @returns {T}
 */
export function alike(value) {
  if (value === null || value === undefined) return value;
  const isObject = typeof value === 'object';
  const key = isObject ? JSON.stringify(value) : value;
  /** @type {Map<unknown, any>} */
  const kept = isObject ? objects : texts;
  if (kept.has(key)) return kept.get(key);
  if (kept.size < MAX_DIFFERENT) kept.set(key, value);
  return value;
}

/** Nothing is kept. */
export function forgetAlike() {
  objects.clear();
  texts.clear();
}

/**
 * A reading that shares with others what it has in common with them.
 *
 * @param {Reading} reading
 * @param {string} name Of the file.
 */
export function slim(reading, name) {
  if (reading.file === name) reading.file = name;
  for (const part of /** @type {const} */ (['verdict', 'device', 'class', 'findings', 'refusal', 'error', 'source', 'model'])) {
    if (reading[part] !== undefined) /** @type {any} */ (reading)[part] = alike(reading[part]);
  }
  return reading;
}

/** @param {SlicePlace} place */
export function slimPlace(place) {
  return { ...place, series: alike(place.series), visit: alike(place.visit), marks: alike(place.marks) };
}
