// The extent of a study as a table: how large the lungs are and what share of them is opaque, by part and by kind. Knows one study and no
// other element.

import { element } from '../common/dom.js';
import { format, words } from '../locales/words.js';

export const PARTS = /** @type {const} */ (['lungs', 'right', 'left', 'upper', 'middle', 'lower']);

/**
 * How large a part is, in small letters; null where it is not known.
 *
 * @param {LungPart} part
 */
export const volumeOf = ({ volume_ml: volume }) => (volume === null ? null : element('span.volume', format.ml(volume)));

/**
 * The table, and below it what it takes for granted.
 *
 * @param {import('./studies.js').Study} study
 * @param {Extent} extent
 */
export function extentTable({ kind, order }, extent) {
  const { part, parts, opaque, ground_glass: glass, consolidation, together, custom, alike } = words.study;
  const rows = PARTS.flatMap((name) => {
    const found = extent[name];
    if (!found) return [];
    const head = element('th', parts[name], ' ', volumeOf(found));
    head.scope = 'row';
    const bar = element('span.share');
    bar.style.setProperty('--share', String(Math.min(1, found.share)));
    const row = element('tr', head, element('td', bar, format.percent(found.share)), element('td', format.percent(found.ground_glass)), element('td', format.percent(found.consolidation)));
    row.dataset.part = name;
    return [row];
  });
  const heads = [part, opaque, glass, consolidation].map((text) => {
    const head = element('th', text);
    head.scope = 'col';
    return head;
  });
  const table = element('table.extent', element('caption', words.study.extent), element('thead', element('tr', ...heads)), element('tbody', ...rows));
  table.dataset.testid = 'extent';
  const notes = [kind === 'container' && order === 'input' ? together : null, extent.sides === 'custom' ? custom : null, extent.spacing === 'alike' ? alike : null].filter((note) => note !== null);
  return element('div.extent-box', table, notes.length > 0 ? element('p.help', notes.join(' ')) : null);
}
