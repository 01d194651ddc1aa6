// The view from the front that the rows of a study's slices make together: how deep the lungs are as gray, how much of them is opaque as
// colour. It is made of two numbers a column, of which no picture can be got back. Knows one study and no other element.

import { paintImage } from '../common/picture.js';
import { words } from '../locales/words.js';

const OPAQUE = [255, 126, 20];
// The depth at which lung is as light as it gets, as a share of the slice's depth.
const DEEP = 0.45;
// The share of opaque lung from which its colour is full.
const FULL = 0.6;
// More rows than a person can tell apart; of more slices some are left out.
const MAX_ROWS = 1024;

/**
 * The view on a canvas, a row a slice, from the first slice down; null where no slice has one.
 *
 * @param {import('./studies.js').Study} study
 */
export function coronal({ records }) {
  const width = records.reduce((most, { coronal: row }) => Math.max(most, row ? row.length / 2 : 0), 0);
  if (width === 0) return null;
  const height = Math.min(MAX_ROWS, records.length);
  const image = new ImageData(width, height);
  for (let y = 0; y < height; y++) {
    const { coronal: row } = records[Math.floor(y * records.length / height)];
    for (let x = 0; x < width; x++) {
      const at = 4 * (y * width + x);
      image.data[at + 3] = 255;
      if (!row || row.length !== 2 * width) continue;
      const light = Math.min(1, row.charCodeAt(x) / 255 / DEEP);
      const opaque = Math.min(1, row.charCodeAt(width + x) / 255 / FULL);
      for (let part = 0; part < 3; part++) image.data[at + part] = light * (185 * (1 - opaque) + OPAQUE[part] * opaque);
    }
  }
  const canvas = document.createElement('canvas');
  paintImage(canvas, image);
  canvas.className = 'coronal';
  canvas.dataset.testid = 'coronal';
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', words.study.coronal(records.filter(({ coronal: row }) => row !== null).length));
  return canvas;
}

/**
 * The row of a reading as the page keeps it: a character a number, which takes a tenth of an array's room.
 *
 * @param {Uint8Array | null} row
 */
export const packed = (row) => (row ? String.fromCharCode(...row) : null);
