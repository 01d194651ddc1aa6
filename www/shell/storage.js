// What the page remembers between visits: consent, language, the view of the results and what dragging does in the viewer, nothing else.
// Storage can be denied; then nothing is remembered.
// A kiosk remembers nothing: who comes next is somebody else. Counts of its readings, which are of nobody, it keeps if its address says so.

import { kiosk } from './mode.js';

const PREFIX = 'lungglass.';

/** @param {string} key */
export function recall(key) {
  if (kiosk) return null;
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/**
 * @param {string} key
 * @param {string} value
 */
export function remember(key, value) {
  if (kiosk) return;
  try {
    localStorage.setItem(key, value);
  } catch {
    // Nothing to do: see above.
  }
}

/**
 * What is kept of a device, not of a person.
 *
 * @param {string} key
 */
export function kept(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/**
 * @param {string} key
 * @param {string} value
 */
export function keep(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Nothing to do: storage is denied or full, and nothing is kept.
  }
}

/** @param {string} key */
export function erase(key) {
  try {
    localStorage.removeItem(key);
  } catch {
    // Nothing to do: see above.
  }
}

/** [[key, value]] of all that is remembered. */
export function remembered() {
  try {
    return Object.entries(localStorage).filter(([key]) => key.startsWith(PREFIX));
  } catch {
    return [];
  }
}

export function forget() {
  for (const [key] of remembered()) localStorage.removeItem(key);
}
