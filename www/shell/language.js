// The language of the page: the boxes that choose it, where the choice is remembered, and the text that stands in index.html.

import { element, prose } from '../common/dom.js';
import { recall, remember } from './storage.js';
import { language, languages, preferred, setLanguage, words } from '../locales/words.js';

const KEY = 'lungglass.language';

/**
 * Sets the language, fills the boxes, and calls `onChange` whenever a person takes another one.
 *
 * @param {HTMLSelectElement[]} boxes
 * @param {() => void} onChange
 */
export function languageChoice(boxes, onChange) {
  setLanguage(preferred([recall(KEY) ?? '', ...(navigator.languages ?? [])]));
  for (const box of boxes) {
    box.append(...languages.map(({ code, name }) => {
      const option = element('option', name);
      option.value = option.lang = code;
      return option;
    }));
    box.addEventListener('change', () => {
      setLanguage(box.value);
      remember(KEY, language());
      show(boxes);
      onChange();
    });
  }
  show(boxes);
}

/** @param {HTMLSelectElement[]} boxes */
function show(boxes) {
  document.documentElement.lang = language();
  for (const box of boxes) box.value = language();
  for (const node of document.querySelectorAll('[data-words]')) node.replaceChildren(...prose(find(node, 'data-words')));
  for (const node of document.querySelectorAll('[data-words-aria-label]')) node.setAttribute('aria-label', find(node, 'data-words-aria-label'));
}

/**
 * The text under the path that an attribute names, such as `intro.title`.
 *
 * @param {Element} node
 * @param {string} attribute
 * @returns {string}
 */
function find(node, attribute) {
  return (node.getAttribute(attribute) ?? '').split('.').reduce((/** @type {any} */ part, key) => part[key], words);
}
