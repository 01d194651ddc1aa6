// A list of more than a thousand results: cards far from the window are no elements, every result is reached all the same, and files are
// read again although the page holds no handle of each.

import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { KeptFile, Packer } from '../../www/reading/kept-file.js';
import { isRefused } from './cases.mjs';
import { parseCsv, saved } from './saved.mjs';
import { all, files, readyVisit, slice } from './suite.mjs';
import { id } from './visit.mjs';

const COUNT = 1400;
const name = (at) => `file-${String(at).padStart(4, '0')}`;
const names = Array.from({ length: COUNT }, (_, at) => name(at));
// Where something else stands than a broken file.
const JUDGED = [0, 700, COUNT - 1];
const REFUSED = [3, 650, 1390];

let visit;

/** The cards that there are, in their order. */
const cards = () => visit.page.$$eval(id('result'), (results) => results.filter((card) => !card.hidden).map((card) => {
  const { top, bottom } = card.getBoundingClientRect();
  return { file: card.dataset.file, isBrief: card.classList.contains('brief'), inSight: bottom > 0 && top < innerHeight };
}));

const counted = (count) => visit.page.waitForFunction((queued, count) => document.querySelector('[data-results]').dataset.results === count && !document.querySelector(queued), {}, id('queued'), String(count));

/** Frames, so that the observers have told what is near. */
const settled = () => visit.page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve, 100)))));

const scrollTo = async (top) => {
  await visit.page.evaluate((top) => scrollTo(0, top), top);
  await settled();
};
const height = () => visit.page.evaluate(() => document.documentElement.scrollHeight);

/** What is under the eyes is there, and whole. */
async function filled(what) {
  const { page } = visit;
  await page.waitForFunction((result) => {
    const list = document.querySelector('[data-results]').getBoundingClientRect();
    const middle = Math.min(Math.max(innerHeight / 2, list.top + 40), list.bottom - 40);
    // The point alone may lie between two rows of cards.
    const under = [0, 40].flatMap((below) => document.elementsFromPoint(list.left + 60, middle + below));
    return under.some((node) => node.matches(`${result}:not(.brief)`));
  }, { timeout: 20_000 }, id('result')).catch(() => { throw new Error(`${what}: there is no whole card in the middle of the window`); });
}

test('files that were read are packed into blobs, and each gives its own bytes', async () => {
  const contents = Array.from({ length: 300 }, (_, i) => `${i} ${'x'.repeat(i % 7)}`);
  const kept = contents.map((text) => new KeptFile(new File([text], 'a', { lastModified: 7 })));
  const packer = new Packer();
  const before = kept.map(({ blob }) => blob);
  for (const file of kept) packer.add(file);
  for (const file of kept.slice(0, 40)) packer.add(file);
  assert.deepEqual(await Promise.all(kept.map(({ blob }) => blob.text())), contents);
  assert.ok(before[0] instanceof File && !(kept[0].blob instanceof File), 'it is a part of a blob by now');
  assert.ok(kept.at(-1).blob instanceof File, 'the last ones wait for others');
  assert.deepEqual([kept[5].size, kept[5].lastModified], [contents[5].length, 7]);
});

test('every result is counted, those near the window are elements, in input order', async () => {
  visit = await readyVisit();
  const paths = [];
  for (const [at, own] of names.entries()) {
    const input = JUDGED.includes(at) ? slice : REFUSED.includes(at) ? all.find(isRefused).input : null;
    if (input) paths.push(await files.put(input, own));
    else {
      paths.push(join(files.folder, own));
      await writeFile(paths.at(-1), 'no image');
    }
  }
  await visit.choose(paths);
  await counted(COUNT);
  await scrollTo(0);
  const found = await cards();
  assert.ok(found.length >= 60 && found.length < 400, `${found.length} of ${COUNT} are elements`);
  assert.deepEqual(found.map(({ file }) => file), names.slice(0, found.length));
  assert.ok(found.filter(({ inSight }) => inSight).every(({ isBrief }) => !isBrief));
});

test('scrolling leads to every result, and the page keeps its height', async () => {
  const seen = new Set();
  const before = await height();
  const step = 700;
  let last = -1;
  for (let top = 0; top < await height(); top += step) {
    await scrollTo(top);
    for (const { file, inSight } of await cards()) {
      if (!inSight) continue;
      const at = names.indexOf(file);
      assert.ok(at <= last + 12, `${file} comes after ${name(last)}`);
      last = Math.max(last, at);
      seen.add(file);
    }
  }
  assert.deepEqual([...seen].sort(), names);
  assert.ok((await cards()).length < 500);
  assert.ok(Math.abs(await height() / before - 1) < 0.1, `${await height()} after ${before} pixels`);
  // A jump far away shows cards too, and the way back.
  for (const share of [0.5, 0.02, 0.98]) {
    await scrollTo(share * await height());
    await filled(`at ${share}`);
  }
});

test('a judged slice far away gets its picture again, from a file that is a part of a blob', async () => {
  const { page } = visit;
  await page.click(id('view-table'));
  await page.focus(id('row'));
  await page.keyboard.press('End');
  await page.keyboard.press('Enter');
  await page.waitForSelector(`${id('viewer')}[open]`);
  await page.waitForSelector('[data-pixels="full"]');
  await page.keyboard.press('Escape');
  await page.click(id('view-cards'));
  await page.evaluate(() => scrollTo(0, 0));
  await page.click(id('view-table'));
  await page.focus(id('row'));
  await page.keyboard.press('End');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  await settled();
  assert.equal(await page.evaluate(() => document.activeElement.dataset.file), name(COUNT - 2), 'a row of the table leads to its card');
  await filled('at the card of a row');
  await page.waitForFunction((file) => document.querySelector(`[data-file="${file}"] .stage canvas`)?.width > 0, {}, name(COUNT - 1));
});

test('a card with the focus in it stays while the window is elsewhere, and goes when the focus leaves', async () => {
  const { page } = visit;
  await scrollTo(0);
  await page.waitForSelector(`[data-file="${name(1)}"] ${id('retry-result')}`);
  await page.focus(`[data-file="${name(1)}"] ${id('retry-result')}`);
  await scrollTo(await height());
  await filled('at the end');
  assert.equal(await page.evaluate(() => document.activeElement.dataset.testid), 'retry-result');
  await page.evaluate(() => document.activeElement.blur());
  await page.waitForFunction((file) => !document.querySelector(`[data-file="${file}"]`), {}, name(1));
});

test('the filter finds all of a verdict, a failed file can be read again, a language reaches every card', async () => {
  const { page } = visit;
  await scrollTo(0);
  await page.select(id('filter'), 'refused');
  await page.waitForFunction((result, count) => [...document.querySelectorAll(result)].filter((card) => !card.hidden).length === count, {}, id('result'), REFUSED.length);
  assert.deepEqual((await cards()).map(({ file }) => file), REFUSED.map(name));
  await page.select(id('filter'), 'all');
  await settled();
  assert.deepEqual((await cards()).slice(0, 60).map(({ file }) => file), names.slice(0, 60));

  // With their cards or without, all that failed are read again, each in its place.
  await page.evaluate(() => {
    window.replaced = 0;
    new MutationObserver((changes) => { for (const { addedNodes } of changes) window.replaced += addedNodes.length; }).observe(document.querySelector('.group'), { childList: true });
  });
  await page.click(id('retry-failed'));
  await page.waitForSelector(id('queued'));
  await counted(COUNT);
  assert.ok(await page.evaluate(() => window.replaced) > 50, 'cards were replaced');
  assert.deepEqual((await cards()).slice(0, 60).map(({ file }) => file), names.slice(0, 60));
  assert.match(await page.$eval(`${id('filter')} option[value="error"]`, ({ textContent }) => textContent), /1,394/);

  await page.select(id('language'), 'de');
  await scrollTo(0.6 * await height());
  await filled('in German');
  const texts = await page.$$eval(id('result'), (results) => results.filter(({ dataset }) => dataset.verdict === 'error').map((card) => card.textContent));
  assert.ok(texts.length > 0 && texts.every((text) => text.includes('Nicht lesbar')), texts[0]);
  await page.select(id('language'), 'en');
});

test('what is saved holds all, and what was cleared comes back', async () => {
  const { page } = visit;
  const folder = join(files.folder, 'saved');
  await mkdir(folder);
  const downloads = await page.createCDPSession();
  await downloads.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: folder });
  await page.click(id('export-csv'));
  const [head, ...rows] = parseCsv(await saved(folder, '.csv'));
  assert.deepEqual(rows.map((row) => row[head.indexOf('file')]), names);
  await page.click(id('clear'));
  assert.equal((await cards()).length, 0);
  await page.click(id('undo'));
  await counted(COUNT);
  await scrollTo(0);
  const found = await cards();
  assert.ok(found.length < 400, `${found.length} are elements`);
  assert.deepEqual(found.map(({ file }) => file), names.slice(0, found.length));
  await scrollTo(0.5 * await height());
  await filled('after the undo');
  assert.deepEqual(visit.complaints(), []);
});

test('a file that is gone costs itself, and no other of its blob', async () => {
  const { page } = visit;
  await rm(join(files.folder, name(700)));
  await page.$eval('[data-results]', (list) => list.scrollIntoView());
  await page.click(id('view-table'));
  await page.evaluate(() => document.querySelector('[data-key="score"]').click());
  const open = async (file) => {
    await page.$eval('#table', (box) => { box.scrollTop = 0; });
    await page.waitForSelector(`${id('row')}[data-file="${file}"]`);
    await page.$eval(`${id('row')}[data-file="${file}"]`, (row) => row.click());
    await page.waitForSelector(`${id('viewer')}[open]`);
  };
  await open(name(700));
  await page.waitForFunction((note) => /cannot be opened again/.test(document.querySelector(note).textContent), {}, id('viewer-note'));
  await page.keyboard.press('Escape');
  await open(name(COUNT - 1));
  await page.waitForSelector('[data-pixels="full"]');
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});
