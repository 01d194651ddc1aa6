// A list of a thousand results: what a card far from the window costs, and that nothing is missing for it.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseCsv, saved } from './saved.mjs';
import { all, files, readyVisit, slice } from './suite.mjs';
import { isRefused } from './cases.mjs';
import { id } from './visit.mjs';

const COUNT = 1000;
const name = (at) => `file-${String(at).padStart(4, '0')}`;
// Where something else stands than a broken file.
const JUDGED = [0, 500, COUNT - 1];
const REFUSED = [3, 250, 700];

let visit;
let session;
let unloaded;

const metrics = async () => Object.fromEntries((await session.send('Performance.getMetrics')).metrics.map(({ name, value }) => [name, value]));

/** For each result: how many nodes it is made of, and whether it is in sight. */
const cards = () => visit.page.$$eval(id('result'), (results) => results.map((card) => {
  const walker = document.createTreeWalker(card);
  let nodes = 1;
  while (walker.nextNode()) nodes++;
  const { top, bottom } = card.getBoundingClientRect();
  return { file: card.dataset.file, nodes, isBrief: card.classList.contains('brief'), inSight: bottom > 0 && top < innerHeight };
}));

/** Two frames, so that the observers have told what is near. */
const settled = () => visit.page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve, 50)))));

// The first test opens the page that the others look at.
test('every result is there, in input order, with what the contract says', async () => {
  visit = await readyVisit();
  session = await visit.page.createCDPSession();
  await session.send('Performance.enable');
  unloaded = await metrics();
  const paths = [];
  for (let at = 0; at < COUNT; at++) {
    const input = JUDGED.includes(at) ? slice : REFUSED.includes(at) ? all.find(isRefused).input : null;
    if (input) paths.push(await files.put(input, name(at)));
    else {
      paths.push(join(files.folder, name(at)));
      await writeFile(paths.at(-1), 'no image');
    }
  }
  await visit.choose(paths);
  const results = await visit.results(COUNT);
  assert.deepEqual(results.map(({ file }) => file), Array.from({ length: COUNT }, (_, at) => name(at)));
  assert.equal(await visit.page.$eval('[data-results]', (list) => list.dataset.results), String(COUNT), 'the list says how many there are');
  for (const [at, { verdict, score, refusal, error, heatmap }] of results.entries()) {
    const kind = JUDGED.includes(at) ? 'judged' : REFUSED.includes(at) ? 'refused' : 'error';
    assert.equal(refusal !== null, kind === 'refused', name(at));
    assert.equal(error !== null, kind === 'error', name(at));
    assert.equal(score !== '', kind === 'judged', name(at));
    assert.equal(heatmap !== null, kind === 'judged', name(at));
    if (kind !== 'judged') assert.equal(verdict, kind);
  }
});

test('a card far from the window is a few nodes, without layout and listeners of its own', async () => {
  await visit.page.$$eval(id('result'), (results) => results[0].scrollIntoView());
  await settled();
  const found = await cards();
  const whole = found.filter(({ isBrief }) => !isBrief);
  assert.ok(whole.length > 0 && whole.length < 100, `${whole.length} of ${COUNT} are whole`);
  assert.ok(found.filter(({ inSight }) => inSight).every(({ isBrief }) => !isBrief), 'those in sight are');
  for (const { file, nodes } of found.filter(({ isBrief }) => isBrief)) assert.ok(nodes <= 9, `${file} has ${nodes} nodes`);
  await session.send('HeapProfiler.collectGarbage');
  const { JSEventListeners } = await metrics();
  assert.ok(JSEventListeners - unloaded.JSEventListeners < 200, `${JSEventListeners - unloaded.JSEventListeners} listeners`);
  const laidOut = await visit.page.$$eval(id('result'), (results) => results.filter((card) => card.checkVisibility({ contentVisibilityAuto: true })).length);
  assert.ok(laidOut > 0 && laidOut < 100, `${laidOut} cards are laid out`);
});

test('cards become whole where a person scrolls, and brief behind them', async () => {
  const { page } = visit;
  for (const at of [500, COUNT - 1, 250]) {
    await page.$$eval(id('result'), (results, at) => results[at].scrollIntoView(), at);
    await page.waitForFunction((result, at) => !document.querySelectorAll(result)[at].classList.contains('brief'), {}, id('result'), at);
    if (JUDGED.includes(at)) {
      await page.waitForFunction((result, at) => document.querySelectorAll(result)[at].querySelector('.stage canvas')?.width > 0, {}, id('result'), at);
    }
    await page.waitForFunction((result) => document.querySelectorAll(result)[0].classList.contains('brief'), {}, id('result'));
    const found = await cards();
    assert.ok(found[at].inSight, `${name(at)} is where the page scrolled to`);
    assert.ok(found.filter(({ isBrief }) => !isBrief).length < 100);
  }
});

test('a card with the focus in it stays whole until the focus leaves', async () => {
  const { page } = visit;
  const isBrief = () => page.$$eval(id('result'), (results) => results[1].classList.contains('brief'));
  await page.$$eval(id('result'), (results) => results[1].scrollIntoView());
  await page.waitForSelector(`[data-file="${name(1)}"] ${id('retry-result')}`);
  await page.focus(`[data-file="${name(1)}"] ${id('retry-result')}`);
  await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
  await page.waitForFunction((result) => document.querySelectorAll(result)[2].classList.contains('brief'), {}, id('result'));
  assert.equal(await isBrief(), false);
  assert.equal(await page.evaluate(() => document.activeElement.dataset.testid), 'retry-result');
  await page.evaluate(() => document.activeElement.blur());
  assert.equal(await isBrief(), true);
});

test('the browser finds a name far away, and the keys of the table lead to its card', async () => {
  const { page } = visit;
  await page.evaluate(() => { scrollTo(0, 0); getSelection().removeAllRanges(); });
  assert.ok(await page.evaluate((name) => window.find(name), name(777)));
  assert.equal(await page.evaluate(() => getSelection().anchorNode.parentElement.closest('[data-testid="result"]').dataset.file), name(777));

  await page.click(id('view-table'));
  await page.focus(id('row'));
  await page.keyboard.press('End');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  await settled();
  assert.equal(await page.evaluate(() => document.activeElement.dataset.file), name(COUNT - 2));
  const found = await cards();
  assert.ok(found.at(-2).inSight && !found.at(-2).isBrief);
});

test('the filter shows all of one verdict without gaps, and all again', async () => {
  const { page } = visit;
  const shown = () => page.$$eval(id('result'), (results) => results.filter((card) => !card.hidden).map((card) => card.dataset.file));
  await page.select(id('filter'), 'refused');
  assert.deepEqual(await shown(), REFUSED.map(name));
  const tops = await page.$$eval(id('result'), (results) => results.filter((card) => !card.hidden).map((card) => card.getBoundingClientRect().top));
  assert.equal(tops[0], tops[1], 'two stand beside each other');
  assert.equal(await page.$$eval('.group', (groups) => groups.length), 1);
  await page.select(id('filter'), 'all');
  assert.equal((await shown()).length, COUNT);
  assert.deepEqual((await cards()).map(({ file }) => file), Array.from({ length: COUNT }, (_, at) => name(at)));
});

test('a change of language reaches every card', async () => {
  await visit.page.select(id('language'), 'de');
  const texts = await visit.page.$$eval(id('result'), (results) => results.map((card) => card.textContent));
  assert.ok(texts.every((text, at) => JUDGED.includes(at) || REFUSED.includes(at) || text.includes('Nicht lesbar')), texts[1]);
  await visit.page.select(id('language'), 'en');
});

test('what is saved and printed holds all of them', async () => {
  const folder = join(files.folder, 'saved');
  await mkdir(folder);
  const downloads = await visit.page.createCDPSession();
  await downloads.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: folder });
  await visit.page.click(id('export-csv'));
  const [head, ...rows] = parseCsv(await saved(folder, '.csv'));
  assert.deepEqual(rows.map((row) => row[head.indexOf('file')]), Array.from({ length: COUNT }, (_, at) => name(at)));
  await visit.page.evaluate(() => { window.print = () => { window.printed = true; }; });
  await visit.page.click(id('print'));
  await visit.page.waitForFunction(() => window.printed);
  assert.match(await visit.page.$eval(id('sheet'), (sheet) => sheet.textContent), new RegExp(`of ${COUNT.toLocaleString('en')}; the saved files hold all`));
  assert.deepEqual(visit.complaints(), []);
});
