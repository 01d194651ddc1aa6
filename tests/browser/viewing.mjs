// What tests of the viewer have in common: a page with readings, the ways into the viewer, and what it shows.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { browser } from './suite.mjs';
import { id } from './visit.mjs';

/** A page with the readings of these files, and the functions that tests of the viewer need. */
export async function desktop(paths, count, options) {
  const visit = await browser.visit(options);
  const { page } = visit;
  await page.evaluate(() => localStorage.clear());
  await page.reload();
  await visit.accept();
  await visit.choose(paths);
  await visit.results(count);
  const text = (name) => page.$eval(id(name), (node) => node.textContent);
  return {
    ...visit,
    visit,
    page,
    text,
    press: async (...keys) => { for (const key of keys) await page.keyboard.press(key); },
    open: async (at = 0) => {
      const openers = await page.$$(id('open-viewer'));
      await openers[at].focus();
      await page.keyboard.press('Enter');
      await page.waitForSelector(`${id('viewer')}[open]`);
    },
    decoded: (number) => page.waitForFunction((position, number) => {
      const told = document.querySelector(position).textContent;
      return (number === undefined || told.startsWith(`Slice ${number} of`)) && document.querySelector('[data-pixels="full"]');
    }, {}, id('viewer-position'), number),
    /** Waits until the stack has so many slices: what belongs together is known a little after the readings. */
    stacked: (count) => page.waitForFunction((position, count) => new RegExp(` of ${count},`).test(document.querySelector(position).textContent), {}, id('viewer-position'), count),
    frame: () => page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))),
    gray: (name = 'viewer-picture') => page.$eval(id(name), grays),
    box: () => page.$eval('#viewer-sheet', (sheet) => {
      const { x, y, width, height } = sheet.getBoundingClientRect();
      return { x, y, width, height };
    }),
    centre: () => page.$eval(id('viewer-stage'), (stage) => {
      const { x, y, width, height } = stage.getBoundingClientRect();
      return [x + width / 2, y + height / 2];
    }),
    leave: () => visit.close(),
  };
}

/** In the page: the gray levels of a canvas; they are the same in all channels and opaque. */
function grays(canvas) {
  const { width, height } = canvas;
  if (width === 0) return { width, height, levels: [] };
  const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
  const levels = [];
  for (let i = 0; i < data.length; i += 4) {
    if (data[i] !== data[i + 1] || data[i] !== data[i + 2] || data[i + 3] !== 255) throw new Error(`pixel ${i / 4} is not gray`);
    levels.push(data[i]);
  }
  return { width, height, levels };
}

/** Hounsfield units of an uncompressed explicit little-endian file of signed 16 bits, without the library; what was not measured is air. */
export async function hounsfield(file, frame = 0) {
  const bytes = await readFile(file);
  const element = (...tag) => bytes.indexOf(Buffer.from(tag));
  const decimal = (at) => Number(bytes.toString('latin1', at + 8, at + 8 + bytes.readUInt16LE(at + 6)));
  const short = (at) => bytes.readUInt16LE(at + 8);
  const [rows, columns] = [short(element(0x28, 0, 0x10, 0, 0x55, 0x53)), short(element(0x28, 0, 0x11, 0, 0x55, 0x53))];
  const intercept = decimal(element(0x28, 0, 0x52, 0x10, 0x44, 0x53));
  assert.equal(decimal(element(0x28, 0, 0x53, 0x10, 0x44, 0x53)), 1);
  const at = element(0xe0, 0x7f, 0x10, 0, 0x4f, 0x57) + 12 + frame * rows * columns * 2;
  return { width: columns, height: rows, values: Array.from({ length: rows * columns }, (_, i) => Math.min(Math.max(bytes.readInt16LE(at + 2 * i) + intercept, -1024), 3071)) };
}
