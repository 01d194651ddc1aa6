// The language of the page: the boxes that choose it, where the choice is remembered, and the text that stands in index.html.

import { element, prose } from '../common/dom.js';
import { recall, remember } from './storage.js';
import { language, languages, preferred, setLanguage, words } from '../locales/words.js';

const KEY = 'lungglass.language';

/** Sets the language, fills the boxes, and calls `onChange` whenever a person takes another one. */
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

function show(boxes) {
  document.documentElement.lang = language();
  for (const box of boxes) box.value = language();
  for (const node of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-words]'))) node.replaceChildren(...prose(find(node.dataset.words)));
  for (const node of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-words-aria-label]'))) node.setAttribute('aria-label', find(node.dataset.wordsAriaLabel));
}

/** The text under a path such as `intro.title`. */
function find(path) {
  return path.split('.').reduce((part, key) => part[key], words);
}
