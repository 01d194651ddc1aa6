// What the page saves on a disk.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The text of the file with this extension that a page saves into the folder. */
export async function saved(folder, extension) {
  let before = '';
  for (let tries = 0; tries < 200; tries++) {
    const name = (await readdir(folder)).find((file) => file.endsWith(extension));
    const text = name ? await readFile(join(folder, name), 'utf8') : '';
    // A browser makes the file empty and fills it later: it is whole once it no longer grows.
    if (text && text === before) return text;
    before = text;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no ${extension} was saved`);
}

/** The rows of a CSV with their cells. It begins with the mark by which a spreadsheet knows it as UTF-8. */
export function parseCsv(marked, separator = ',') {
  if (!marked.startsWith('\uFEFF')) throw new Error('the table has no mark of UTF-8');
  const text = marked.slice(1);
  const rows = [];
  let row = [];
  const cells = new RegExp(`(?:"((?:[^"]|"")*)"|([^"${separator}\\r\\n]*))(${separator}|\\r\\n|$)`, 'g');
  for (const [, quoted, plain, end] of text.matchAll(cells)) {
    if (end === '' && quoted === undefined && plain === '' && row.length === 0) break;
    row.push(quoted?.replaceAll('""', '"') ?? plain);
    if (end !== separator) {
      rows.push(row);
      row = [];
    }
  }
  return rows;
}
