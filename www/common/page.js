// The elements of index.html, by their ids, and what they say now, so that it can be said again in another language.

/**
 * The element of the page with this id, of this kind; a page without it is broken.
 *
 * @template {HTMLElement} [E=HTMLElement]
 * @param {string} id
 * @param {new () => E} [kind]
 * @returns {E}
 */
export function byId(id, kind = /** @type {any} */ (HTMLElement)) {
  const node = document.getElementById(id);
  if (!(node instanceof kind)) throw new TypeError(`the page has no ${kind.name} #${id}`);
  return node;
}

/** @typedef {string | Node | (string | Node)[]} Told What an element can say: a text, or its children. */

/** @type {Map<string, () => Told>} */
const said = new Map();

/**
 * Makes the element say what `told` gives, now and in every language that is chosen later.
 *
 * @param {string} id
 * @param {() => Told} told
 */
export function say(id, told) {
  said.set(id, told);
  const node = byId(id);
  const children = [told()].flat();
  // A screen reader repeats a status whenever it is set, so it is set only when it says something new.
  const text = children.map((child) => (typeof child === 'string' ? child : child.textContent)).join('');
  if (node.textContent !== text) node.replaceChildren(...children);
}

/** Says everything again, in the language of now. */
export function sayAgain() {
  for (const [id, told] of said) say(id, told);
}
