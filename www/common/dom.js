// Building elements without markup strings: whatever comes from a file can only become text.

/** @typedef {string | Node | null} Child */

/** @typedef {[term: Child, description: Child | Child[]]} Pair */

/**
 * The element that a selector such as `p.help` makes.
 *
 * @template {string} S
 * @typedef {S extends `${infer T}.${string}` ? Made<T> : S extends keyof HTMLElementTagNameMap ? HTMLElementTagNameMap[S] : HTMLElement} Made
 */

/**
 * element('p.help', 'text', child): a tag with classes, then texts and elements; null and '' are left out.
 *
 * @template {string} S
 * @param {S} selector
 * @param {Child[]} children
 */
export function element(selector, ...children) {
  const [tag, ...classes] = selector.split('.');
  const node = document.createElement(tag);
  if (classes.length > 0) node.className = classes.join(' ');
  fill(node, children);
  return /** @type {Made<S>} */ (node);
}

/**
 * Gives the element these children and no others; null and '' are left out.
 *
 * @param {Element} node
 * @param {Child[]} children
 */
export function fill(node, children) {
  node.replaceChildren(...children.filter((child) => child !== null).filter((child) => child !== ''));
}

/**
 * A list of terms and descriptions, each one child or several; pairs whose description is null are left out.
 *
 * @param {string} selector
 * @param {Pair[]} pairs
 */
export function terms(selector, pairs) {
  return element(selector, ...pairs
    .filter(([, description]) => description !== null)
    .map(([term, description]) => element('div', element('dt', term), element('dd', ...[description].flat()))));
}

/**
 * The children for a text of the page: no line ends inside COVID-19.
 *
 * @param {string} text
 */
export function prose(text) {
  return text.split(/(COVID-19)/).filter(Boolean).map((part) => (part === 'COVID-19' ? element('span.nowrap', part) : part));
}

/**
 * A text that is English whatever the language of the page.
 *
 * @param {string} text
 */
export function inEnglish(text) {
  const node = element('span', text);
  node.lang = 'en';
  return node;
}

const SVG = 'http://www.w3.org/2000/svg';

/**
 * A 16 x 16 drawing that says nothing to a screen reader.
 *
 * @param {string} path
 */
export function icon(path) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('aria-hidden', 'true');
  const shape = document.createElementNS(SVG, 'path');
  shape.setAttribute('d', path);
  svg.append(shape);
  return svg;
}

/**
 * An element of a drawing.
 *
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {{ [name: string]: string | number }} attributes
 */
export function draw(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  return node;
}

/**
 * A name without the characters that turn others around or are not seen: those are written out, as `\u{202e}`. For texts in which a name
 * cannot be set apart as an element.
 *
 * @param {string} name
 */
export const plain = (name) => name.replace(/[\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu, (c) => `\\u{${/** @type {number} */ (c.codePointAt(0)).toString(16)}}`);
