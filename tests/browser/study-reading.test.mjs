// The reading of a study as a whole: score, profile, the lungs from the front, extent, the slices to look at; by mouse and by keyboard.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { placed } from './series.mjs';
import { all, files, readyVisit } from './suite.mjs';
import { id } from './visit.mjs';

const NAMES = ['luna-1', 'luna-2', 'luna-below-the-lungs-1', 'luna-3', 'luna-6', 'luna-7'];

/** A folder of publishable pictures: five that are judged, and one below the lungs. */
async function scan(name, cases = NAMES) {
  await mkdir(join(files.folder, name), { recursive: true });
  for (const [at, one] of cases.entries()) await files.put(all.find(({ name: own }) => own === one).input, `${name}/${at}.png`);
  return join(files.folder, name);
}

const text = (page, selector) => page.$eval(selector, (node) => node.textContent);
const focused = (page) => page.evaluate(() => document.activeElement.dataset.testid);

test('a folder has a score of its own, a profile, the lungs from the front, and an extent', async () => {
  const visit = await readyVisit();
  const { page } = visit;
  await visit.drop([await scan('scan')]);
  const results = await visit.results(6);
  await page.waitForFunction((study) => document.querySelector(study)?.querySelectorAll('rect').length === 6, {}, id('study'));

  const highest = Math.max(...results.map(({ score }) => Number(score)));
  const study = await page.$eval(id('study'), ({ dataset }) => ({ ...dataset }));
  // The highest fifth of five slices is one.
  assert.ok(Math.abs(Number(study.score) - highest) < 1e-5, study.score);
  assert.match(await text(page, '.study-body > p'), new RegExp(`^The study’s score is ${highest.toFixed(3)}: below the threshold of studies\\..*1 slice without lungs counts nowhere\\.`));
  assert.match(await text(page, id('study')), /too few patients to claim anything/);

  const parts = await page.$$eval(`${id('extent')} tbody tr`, (rows) => rows.map(({ dataset, cells }) => [dataset.part, ...[...cells].slice(1).map((cell) => cell.textContent)]));
  assert.deepEqual(parts.map(([part]) => part), ['lungs', 'right', 'left']);
  // Pictures have no size, and so no volume.
  assert.doesNotMatch(await text(page, id('study')), /mL|ml/);
  for (const [, ...shares] of parts) for (const share of shares) assert.match(share, /^\d+%$/);
  assert.match(await text(page, id('study')), /do not say how far apart the slices lie.*no thirds/);

  // A row a slice, lungs in five of them, and nothing in the one below.
  const rows = await page.$eval(id('coronal'), (canvas) => {
    const { data, width, height } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return Array.from({ length: height }, (_, y) => Math.max(...data.slice(4 * y * width, 4 * (y + 1) * width).filter((_, at) => at % 4 === 0)));
  });
  assert.equal(rows.length, 6);
  assert.deepEqual(rows.map((light) => light > 40), [true, true, false, true, true, true]);
  await visit.shot('study', { fullPage: true });
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('the profile is gone through with the keyboard, and opens the viewer at its slice', async () => {
  const visit = await readyVisit();
  const { page } = visit;
  await visit.drop([await scan('keys')]);
  await visit.results(6);
  await page.waitForFunction((study) => document.querySelector(study)?.querySelectorAll('rect').length === 6, {}, id('study'));
  await page.focus(id('profile'));
  const now = () => page.$eval(id('profile'), (node) => [node.getAttribute('aria-valuenow'), node.getAttribute('aria-valuetext')]);
  await page.keyboard.press('Home');
  assert.match((await now()).join(' '), /^1 Slice 1: score 0\.\d{3}, opacity \d+%$/);
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  assert.deepEqual(await now(), ['3', 'Slice 3: Not judged']);
  await page.keyboard.press('End');
  assert.equal((await now())[0], '6');
  await page.keyboard.press('ArrowRight');
  assert.equal((await now())[0], '6');
  await page.keyboard.press('ArrowUp');
  assert.equal(await text(page, '.readout'), (await now())[1]);
  await page.keyboard.press('Enter');
  await page.waitForFunction((position) => /^Slice 5 of 6\b/.test(document.querySelector(position)?.textContent ?? ''), {}, id('viewer-position'));
  await page.keyboard.press('Escape');
  assert.equal(await focused(page), 'profile');

  // By mouse: the second of six bars.
  const { x, y, width, height } = await (await page.$(id('profile'))).boundingBox();
  await page.mouse.click(x + width * 1.5 / 6, y + height / 2);
  await page.waitForFunction((position) => /^Slice 2 of 6\b/.test(document.querySelector(position)?.textContent ?? ''), {}, id('viewer-position'));
  await page.keyboard.press('Escape');

  // Three slices to look at, each with its picture.
  const keys = await page.$$eval(id('key-slice'), (buttons) => buttons.map((button) => [button.textContent, button.querySelector('canvas').width]));
  assert.equal(keys.length, 3);
  for (const [told, wide] of keys) {
    assert.match(told, /^Slice \d: score 0\.\d{3}, opacity \d+%$/);
    assert.notEqual(wide, 300, 'its canvas is as it was made');
  }
  await page.click(id('key-slice'));
  const first = /\d+/.exec(keys[0][0])[0];
  await page.waitForFunction((position, wanted) => document.querySelector(position)?.textContent.startsWith(`Slice ${wanted} of 6`), {}, id('viewer-position'), first);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('a series says thirds, and its profile keeps the focus and the slice while more slices come', async () => {
  const paths = [];
  for (const height of [0, 10, 20, 30, 40, 50]) {
    const path = join(files.folder, `${height}.dcm`);
    await writeFile(path, await placed({ height }));
    paths.push(path);
  }
  const visit = await readyVisit();
  const { page } = visit;
  await visit.choose(paths.slice(0, 3));
  await visit.results(3);
  await page.waitForFunction((study) => document.querySelector(study)?.querySelectorAll('rect').length === 3, {}, id('study'));
  await page.focus(id('profile'));
  await page.keyboard.press('End');
  await visit.choose(paths.slice(3));
  await visit.results(6);
  await page.waitForFunction((study) => document.querySelector(study)?.querySelectorAll('rect').length === 6, {}, id('study'));
  assert.equal(await focused(page), 'profile');
  // The lowest slice is the last of six now.
  assert.equal(await page.$eval(id('profile'), (node) => node.getAttribute('aria-valuenow')), '6');
  const parts = await page.$$eval(`${id('extent')} tbody tr`, (rows) => rows.map(({ dataset }) => dataset.part));
  assert.deepEqual(parts, ['lungs', 'right', 'left', 'upper', 'middle', 'lower']);
  // Files that say how large pixels are and how far slices lie apart have a volume, to the ten millilitres.
  const volumes = await page.$$eval(`${id('extent')} tbody tr`, (rows) => rows.map((row) => Number(row.querySelector('.volume').textContent.replace(/\D/g, ''))));
  assert.ok(volumes.every((volume) => volume > 0 && volume % 10 === 0), `${volumes}`);
  assert.ok(Math.abs(volumes[1] + volumes[2] - volumes[0]) <= 20, `${volumes}`);
  assert.match(await text(page, '.study-body > p'), /Lung volume as the network sees it: [\d,]+ ml \(right [\d,]+ ml, left [\d,]+ ml\)\./);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('of a study of which a third is refused, the page says why it has no score', async () => {
  const visit = await readyVisit();
  const { page } = visit;
  await visit.drop([await scan('refused', ['luna-1', 'luna-2', 'luna-black-lungs'])]);
  await visit.results(3);
  await page.waitForFunction((study) => document.querySelector(study)?.dataset.verdict === 'refused', {}, id('study'));
  assert.match(await text(page, '.study-body > p'), /^No score as a study: a third of the slices or more was not judged/);
  await page.select(id('language'), 'de');
  await page.waitForFunction((study) => /Kein Score als Untersuchung: Ein Drittel/.test(document.querySelector(study).textContent), {}, id('study'));
  await page.select(id('language'), 'en');
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('the profile of 300 slices grows while they are read, and the heap of the page hardly does', async () => {
  const visit = await readyVisit();
  const { page } = visit;
  const devtools = await page.createCDPSession();
  const heap = async () => {
    await devtools.send('HeapProfiler.collectGarbage');
    return (await page.metrics()).JSHeapUsedSize / 2 ** 20;
  };
  const before = await heap();
  await page.evaluate((study) => {
    window.seen = new Set();
    new MutationObserver(() => window.seen.add(document.querySelectorAll(`${study} rect`).length)).observe(document.getElementById('study-list'), { childList: true, subtree: true });
  }, id('study'));
  const names = Array.from({ length: 300 }, (_, at) => NAMES[Math.floor(at / 50)]);
  await visit.drop([await scan('long', names)]);
  await visit.results(300);
  await page.waitForFunction((study) => document.querySelector(study)?.querySelectorAll('rect').length === 300, {}, id('study'));
  const grown = await heap() - before;
  const seen = await page.evaluate(() => [...window.seen]);
  assert.ok(seen.filter((bars) => bars > 0 && bars < 300).length >= 3, `it had ${seen} bars`);
  assert.ok(grown < 60, `${grown.toFixed(1)} MB`);
  console.log(`heap of the page: ${before.toFixed(1)} MB, and ${grown.toFixed(1)} MB more with 300 slices`);
  await visit.shot('study-300');
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});
