// Building elements without markup strings: whatever comes from a file can only become text.

/** element('p.help', 'text', child): a tag with classes, then texts and elements; null and '' are left out. */
export function element(selector, ...children) {
  const [tag, ...classes] = selector.split('.');
  const node = document.createElement(tag);
  if (classes.length > 0) node.className = classes.join(' ');
  node.append(...children.filter((child) => child !== null && child !== ''));
  return node;
}

/** A list of terms and descriptions, each one child or several; pairs whose description is null are left out. */
export function terms(selector, pairs) {
  return element(selector, ...pairs
    .filter(([, description]) => description !== null)
    .map(([term, description]) => element('div', element('dt', term), element('dd', ...[description].flat()))));
}

/** The children for a text of the page: no line ends inside COVID-19. */
export function prose(text) {
  return text.split(/(COVID-19)/).filter(Boolean).map((part) => (part === 'COVID-19' ? element('span.nowrap', part) : part));
}

/** A text that is English whatever the language of the page. */
export function inEnglish(text) {
  const node = element('span', text);
  node.lang = 'en';
  return node;
}

const SVG = 'http://www.w3.org/2000/svg';

/** A 16 x 16 drawing that says nothing to a screen reader. */
export function icon(path) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('aria-hidden', 'true');
  const shape = document.createElementNS(SVG, 'path');
  shape.setAttribute('d', path);
  svg.append(shape);
  return svg;
}
