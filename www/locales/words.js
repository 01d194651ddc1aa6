// What the modules say to people, in the language that was chosen. `words` and `format` change with it, so take them when you
// need them and keep no part of them. Knows no element of the page.

import de from './de.js';
import en from './en.js';
import es from './es.js';
import fr from './fr.js';
import zh from './zh.js';

/** @type {{ [code: string]: Words }} */
const locales = { en, de, fr, es, zh };

/** @typedef {typeof en} Words */

/** [{ code, name }]: the code is a language tag, the name is the language's own. */
export const languages = Object.entries(locales).map(([code, { name }]) => ({ code, name }));

/** For what programs read. */
export const english = en;

export let words = en;
export let format = en.format;

let current = 'en';

export const language = () => current;

/**
 * Falls back to English.
 *
 * @param {string} code
 */
export function setLanguage(code) {
  current = Object.hasOwn(locales, code) ? code : 'en';
  words = locales[current];
  ({ format } = words);
}

/**
 * The first of these language tags that there is a locale for, by its primary language; else English.
 *
 * @param {string[]} tags
 */
export function preferred(tags) {
  return tags.map((tag) => String(tag).toLowerCase().split('-')[0]).find((code) => Object.hasOwn(locales, code)) ?? 'en';
}

/**
 * The text under a key that a locale may lack, null then.
 *
 * @template T
 * @param {{ [key: string]: T }} texts
 * @param {string} key
 */
export const known = (texts, key) => (Object.hasOwn(texts, key) ? texts[key] : null);

/**
 * The library's messages follow a file name and begin in lower case.
 *
 * @param {string} text
 */
export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');
