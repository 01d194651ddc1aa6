// The main paths in Firefox: consent, the sample, files of every kind, languages, the viewer, what is saved, cancel. The other suites drive
// Chromium, which lets a test see more.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import de from '../../www/locales/de.js';
import { cases, desk, isError, isJudged, isRefused } from './cases.mjs';
import { parseCsv, saved } from './saved.mjs';
import { id, openFirefox } from './visit.mjs';
import { zipOf } from './zip.mjs';

const FIREFOX = [process.env.FIREFOX, '/usr/bin/firefox-esr', '/usr/bin/firefox'].find((program) => program && existsSync(program));
const skip = FIREFOX ? false : 'there is no Firefox: set FIREFOX to the path of one';

const path = (name) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const SAMPLE = path('www/samples/lidc-slice.dcm');
const FRAMES = path('tests/dicom/native-s16-multi.dcm');

let firefox;
let files;
let all;
let downloads;

before(async () => {
  if (!FIREFOX) return;
  files = await desk();
  all = await cases();
  downloads = join(files.folder, 'saved');
  await mkdir(downloads);
  firefox = await openFirefox(FIREFOX, downloads);
});
after(async () => {
  await firefox?.close();
  await files?.clear();
});

/** A visit of somebody who was never here. */
async function firstVisit() {
  const visit = await firefox.visit();
  // Firefox reports what a reload cuts off on its way through the service worker as an error of the page.
  await visit.ready();
  await visit.page.evaluate(() => localStorage.clear());
  await visit.page.reload();
  return visit;
}

async function readyVisit() {
  const visit = await firstVisit();
  await visit.accept();
  await visit.ready();
  return visit;
}

async function end(visit) {
  visit.seen.violations = await visit.page.evaluate(() => window.violations);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
}

test('consent is asked once, the sample is read, and nothing leaves the origin', { skip }, async () => {
  const visit = await firstVisit();
  await visit.page.waitForSelector(id('consent'), { visible: true });
  await visit.accept();
  await visit.ready();
  await visit.page.click(id('sample'));
  const [result] = await visit.results(1);
  assert.ok(['positive', 'negative', 'uncertain'].includes(result.verdict), result.verdict);
  assert.ok(Number(result.score) > 0 && Number(result.score) < 1);
  assert.ok(result.heatmap > 0.01, `the map covers ${result.heatmap}`);
  await visit.page.reload();
  await visit.ready();
  assert.equal(await visit.page.$eval(id('consent'), (dialog) => dialog.open), false);
  await end(visit);
});

test('a picture, DICOM, an archive, a photograph and a broken file in one selection, and what is saved of them', { skip }, async () => {
  const visit = await readyVisit();
  const kinds = [
    all.find((one) => isJudged(one) && one.input.endsWith('.png')),
    all.find(({ name }) => name === 'lidc-no-preamble'),
    all.find((one) => isRefused(one) && one.name.startsWith('photo')),
    all.find(({ name }) => name === 'bad-crc'),
  ];
  const paths = [];
  for (const one of kinds) paths.push(await files.putCase(one));
  paths.push(await zipOf(join(files.folder, 'study.zip'), { 'a/one.dcm': SAMPLE, 'notes.txt': path('tests/dicom/README.md'), 'a/three-frames': FRAMES }));
  await visit.choose(paths);
  const results = await visit.results(8);
  assert.deepEqual(results.slice(0, 4).map(({ verdict }, at) => kinds[at].verdicts.includes(verdict)), [true, true, true, true]);
  assert.deepEqual(results.slice(4).map(({ file, frame }) => [file, frame]), [
    ['study.zip!a/one.dcm', null], ...['0', '1', '2'].map((frame) => ['study.zip!a/three-frames', frame]),
  ]);
  assert.notEqual(results[4].score, '');
  for (const { verdict, refusal, error, heatmap } of results) {
    assert.equal(refusal !== null, verdict === 'refused');
    assert.equal(error !== null, verdict === 'error');
    assert.equal(heatmap !== null, refusal === null && error === null);
  }

  await visit.page.click(id('export-csv'));
  const [head, ...rows] = parseCsv(await saved(downloads, '.csv'));
  const column = (name) => rows.map((row) => row[head.indexOf(name)]);
  assert.deepEqual(column('file'), results.map(({ file }) => file));
  assert.deepEqual(column('verdict'), results.map(({ verdict }) => verdict));
  assert.deepEqual(column('score'), results.map(({ score }) => score));
  assert.ok(column('browser').every((told) => told.includes('Firefox')));
  await visit.page.click(id('export-json'));
  const readings = JSON.parse(await saved(downloads, '.json'));
  assert.deepEqual(readings.map(({ score }) => String(score ?? '')), results.map(({ score }) => score));
  await end(visit);
});

test('every case and every DICOM sample is read as on the other runtimes', { skip }, async () => {
  const visit = await readyVisit();
  const code = ({ verdict, code }) => `${verdict} ${code}`;
  const expected = [];
  const paths = [];
  for (const one of await cases({ several: true })) {
    paths.push(await files.putCase(one));
    expected.push([one.name, JSON.parse(await readFile(join(dirname(one.input), 'expected.json'), 'utf8')).map(code)]);
  }
  // They are decoded, and then too small to be judged; two are larger, and show no chest.
  const larger = ['htj2k-packets', 'jpeg-xl-groups'];
  const folder = path('tests/dicom/');
  for (const name of (await readdir(folder)).filter((file) => file.endsWith('.dcm')).sort()) {
    paths.push(join(folder, name));
    expected.push([name.replace('.dcm', ''), Array(name.includes('multi') || name.startsWith('fragments') ? 3 : 1)
      .fill(larger.some((one) => name.startsWith(one)) ? 'refused unfamiliar' : 'refused too_small')]);
  }
  await visit.choose(paths);
  await visit.results(expected.flatMap(([, codes]) => codes).length);
  const found = await visit.page.$$eval(id('result'), (cards) => cards.map((card) => [
    card.dataset.file.replace(/\.[^.]*$/, ''), `${card.dataset.verdict} ${card.querySelector('[data-code]')?.dataset.code ?? null}`,
  ]));
  const byName = new Map();
  for (const [name, told] of found) byName.set(name, [...byName.get(name) ?? [], told]);
  assert.deepEqual([...byName], expected);
  await end(visit);
});

test('another language, and numbers as it writes them', { skip }, async () => {
  const visit = await readyVisit();
  await visit.choose([SAMPLE]);
  const [before] = await visit.results(1);
  await visit.page.select(id('language'), 'de');
  assert.equal(await visit.page.evaluate(() => document.documentElement.lang), 'de');
  const [after] = await visit.results(1);
  assert.ok(after.text.includes(de.verdict[after.verdict]));
  assert.ok(after.text.includes(de.format.score(Number(before.score))));
  await visit.page.select(id('language'), 'en');
  await end(visit);
});

test('the viewer opens, scrolls the stack by keys, and gives the focus back', { skip }, async () => {
  const visit = await readyVisit();
  const { page } = visit;
  await visit.choose([FRAMES, SAMPLE]);
  await visit.results(4);
  const shown = (number) => page.waitForFunction((position, number) => (
    document.querySelector(position).textContent.startsWith(`Slice ${number} of`) && document.querySelector('[data-pixels="full"]')), {}, id('viewer-position'), number);
  await page.focus(id('open-viewer'));
  await page.keyboard.press('Enter');
  await page.waitForSelector(`${id('viewer')}[open]`);
  await shown(1);
  await page.keyboard.press('ArrowDown');
  await shown(2);
  const size = await page.$eval(id('viewer-picture'), (canvas) => [canvas.width, canvas.height]);
  assert.deepEqual(size, [61, 45]);
  await page.select(id('window-preset'), 'mediastinum');
  assert.deepEqual(await page.$$eval(`${id('window-center')}, ${id('window-width')}`, (fields) => fields.map((field) => field.valueAsNumber)), [40, 400]);
  await page.keyboard.press('Escape');
  await page.waitForSelector(id('viewer'), { hidden: true });
  assert.equal(await page.evaluate(() => document.activeElement.dataset.testid), 'open-viewer');
  await end(visit);
});

test('cancel stops at once and keeps what is read', { skip }, async () => {
  const visit = await readyVisit();
  const paths = [];
  for (let i = 0; i < 40; i++) paths.push(await files.put(SAMPLE, `stop-${String(i).padStart(2, '0')}`));
  await visit.choose(paths);
  await visit.page.waitForSelector(id('result'));
  await visit.page.click(id('cancel'));
  await visit.page.waitForFunction((queued) => !document.querySelector(queued), {}, id('queued'));
  const kept = (await visit.page.$$(id('result'))).length;
  assert.ok(kept >= 1 && kept < 40, `${kept} were read before the cancel`);
  await visit.ready();
  await visit.choose([await files.put(SAMPLE, 'later')]);
  const results = await visit.results(kept + 1);
  assert.equal(results.at(-1).file, 'later');
  assert.ok(results.every(({ score }) => score === results[0].score));
  await end(visit);
});

test('of a long list only the cards near the window are whole, and every result is there', { skip }, async () => {
  const visit = await readyVisit();
  const broken = all.find(isError).input;
  const paths = [];
  for (let i = 0; i < 150; i++) paths.push(await files.put(broken, `broken-${i}`));
  await visit.choose(paths);
  const results = await visit.results(150);
  assert.ok(results.every(({ error }) => error !== null));
  await visit.page.$$eval(id('result'), (cards) => cards.at(-1).scrollIntoView());
  await visit.page.waitForFunction((result) => {
    const cards = [...document.querySelectorAll(result)];
    return cards[0].classList.contains('brief') && !cards.at(-1).classList.contains('brief');
  }, {}, id('result'));
  await end(visit);
});
