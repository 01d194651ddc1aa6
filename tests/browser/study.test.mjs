// Study summaries: what belongs together, in which order, how it is counted, and that no UID is told.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { isError, isJudged, isRefused } from './cases.mjs';
import { placed, seriesless, uid } from './series.mjs';
import { all, files, readyVisit, slice } from './suite.mjs';
import { id } from './visit.mjs';
import { zipOf } from './zip.mjs';

const FRAMES = new URL('../dicom/native-s16-multi.dcm', import.meta.url).pathname;

async function put(name, bytes) {
  const path = join(files.folder, name);
  await writeFile(path, bytes);
  return path;
}

/** What the summaries say, once there are so many. */
async function summaries({ page }, count) {
  await page.waitForFunction((study, count) => document.querySelectorAll(study).length === count, {}, id('study'), count);
  return page.$$eval(id('study'), (studies) => studies.map((study) => ({
    kind: study.dataset.kind,
    title: study.querySelector('h3').textContent,
    text: study.querySelector('.study-body > p').textContent,
    bars: [...study.querySelectorAll('rect')].map((bar) => bar.dataset.verdict),
    highest: [...study.querySelectorAll('[data-testid="highest"]')].map((button) => button.textContent),
  })));
}

const fixed = (score) => Number(score).toFixed(3);

test('slices of two series in one selection, over several workers, become two studies from head to feet', async () => {
  const heights = [[1, 10], [2, -5], [1, 30], [2, 40], [1, -20]];
  const paths = [];
  for (const [at, [series, height]] of heights.entries()) paths.push(await put(`${at}.dcm`, await placed({ series, height })));
  const visit = await readyVisit({ cores: 3 });
  await visit.choose(paths);
  const results = await visit.results(5);
  const [first, second] = await summaries(visit, 2);
  assert.deepEqual([first.kind, first.title, second.title], ['series', 'Series 1', 'Series 2']);
  assert.deepEqual([first.bars.length, second.bars.length], [3, 2]);
  assert.match(first.text, new RegExp(`of 3 judged slices score above the threshold.*${fixed(results[0].score)}`));

  // In the table each slice has its number: from the head, whatever the order of the files.
  await visit.page.click(id('view-table'));
  const placeOf = await visit.page.$$eval(id('row'), (rows) => rows.map((row) => [row.cells[5].textContent, row.cells[6].textContent]));
  assert.deepEqual(placeOf, [['Series 1', '2'], ['Series 2', '2'], ['Series 1', '1'], ['Series 2', '1'], ['Series 1', '3']]);

  // The same file is another slice at another height, and the UID is told nowhere.
  const text = await visit.page.evaluate(() => document.documentElement.outerHTML);
  for (const series of [1, 2]) assert.ok(!text.includes(uid(series)));
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('a folder is one study: its slices are ranked, and what was refused or broken is set aside', async () => {
  const folder = join(files.folder, 'ward');
  await mkdir(folder);
  const judged = all.filter((one) => isJudged(one) && /png|jpe?g|bmp|tiff|webp/.test(one.input)).slice(0, 4);
  for (const one of [...judged, all.find(isRefused), all.find((one) => isError(one) && one.name === 'bad-crc')]) await files.put(one.input, `ward/${one.name}`);
  const visit = await readyVisit();
  const input = await visit.page.$(id('folder-input'));
  await input.uploadFile(folder);
  const results = await visit.results(6);
  const [study] = await summaries(visit, 1);
  assert.deepEqual([study.kind, study.title], ['container', 'ward']);
  assert.deepEqual(study.bars, results.map(({ verdict }) => verdict));
  const ranked = results.map(({ score }, at) => ({ score, slice: at + 1 })).filter(({ score }) => score).sort((a, b) => b.score - a.score);
  assert.deepEqual(study.highest, ranked.slice(0, 5).map(({ score, slice }) => `slice ${slice}${fixed(score)}`));
  assert.match(study.text, /of 4 judged slices score/);
  assert.match(study.text, /Opacity: \d+% of the lungs’ volume \(ground glass \d+%, consolidation \d+%\)\./);
  assert.match(study.text, new RegExp(`highest score is ${fixed(ranked[0].score)}, in slice ${ranked[0].slice}\\.`));
  assert.match(study.text, /Set aside: 1 not judged, 1 could not be read\./);

  // A high slice is shown in the viewer, and the focus comes back to it.
  await visit.page.click(id('highest'));
  await visit.page.waitForSelector(`${id('viewer')}[open]`);
  assert.equal(await visit.page.$eval('#viewer-file', (node) => node.textContent), results[ranked[0].slice - 1].file);
  await visit.page.keyboard.press('Escape');
  assert.equal(await visit.page.evaluate(() => document.activeElement.dataset.testid), 'highest');
  const told = await visit.page.$eval(id('study'), (node) => node.textContent);
  assert.match(told, /nobody has validated it/);
  assert.doesNotMatch(told, /detect|diagnos|infect|disease/i);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('phases of a series are stacks, a slice that came again counts once, and a report is set aside', async () => {
  const folder = join(files.folder, 'phases');
  await mkdir(folder);
  const slices = [[1, 0], [2, 0], [1, 5], [2, 5], [1, 5]];
  for (const [at, [acquisition, height]] of slices.entries()) await put(`phases/${at}.dcm`, await placed({ height, acquisition }));
  await files.put(all.find(({ name }) => name === 'no-pixel-data').input, 'phases/report.dcm');
  const visit = await readyVisit();
  await (await visit.page.$(id('folder-input'))).uploadFile(folder);
  await visit.results(5);
  const [study] = await summaries(visit, 1);
  assert.equal(study.bars.length, 4);
  assert.match(study.text, /2 stacks: acquisition 1 \(2 slices\); acquisition 2 \(2 slices\)\./);
  assert.match(study.text, /1 slice came again; each counts once\./);
  assert.match(study.text, /Set aside: structured reports \(1\)\./);
  assert.deepEqual(await placesOf(visit), ['Series 1 2', 'Series 1 4', 'Series 1 1', 'Series 1 3', 'Series 1 1']);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

/** Two slices of a patient, who has a folder of that name: pictures that say nothing of whose they are. */
async function patient(name) {
  await mkdir(join(files.folder, name, 'export'), { recursive: true });
  const paths = [];
  for (const one of ['1.png', '2.png']) paths.push(await files.put(slice, `${name}/export/${one}`));
  return { folder: join(files.folder, name, 'export'), paths };
}

/** The study and the number of each slice, by the table. */
async function placesOf({ page }) {
  await page.click(id('view-table'));
  const found = await page.$$eval(id('row'), (rows) => rows.map((row) => `${row.cells[5].textContent} ${row.cells[6].textContent}`));
  await page.click(id('view-cards'));
  return found;
}

test('folders of one name are as many studies, dropped or chosen', async () => {
  const [one, two] = [await patient('one'), await patient('two')];
  const visit = await readyVisit();
  await visit.drop([one.folder]);
  await visit.results(2);
  await visit.drop([two.folder]);
  await visit.results(4);
  await (await visit.page.$(id('folder-input'))).uploadFile(two.folder);
  await visit.results(6);
  const found = await summaries(visit, 3);
  assert.deepEqual(found.map(({ title, bars }) => [title, bars.length]), Array(3).fill(['export', 2]));
  assert.deepEqual(await placesOf(visit), Array(3).fill(['export 1', 'export 2']).flat());

  // Nor does the viewer go from one patient to the other.
  await visit.page.click(id('open-viewer'));
  await visit.page.waitForFunction((position) => /^Slice 1 of 2\b/.test(document.querySelector(position).textContent), {}, id('viewer-position'));
  await visit.page.keyboard.press('Escape');
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('archives of one name, and files of several frames, are as many studies', async () => {
  const made = {};
  for (const name of ['three', 'four']) {
    const { paths: [first, second] } = await patient(name);
    const archive = await zipOf(join(files.folder, name, 'study.zip'), { 'a.png': first, 'b.png': second });
    made[name] = [archive, await put(`${name}/cine.dcm`, await seriesless(FRAMES))];
  }
  const visit = await readyVisit({ cores: 3 });
  // What is chosen while the others are read is another intake too.
  for (const one of [made.three[0], made.four[0], made.three[1], made.four[1]]) await visit.choose([one]);
  await visit.results(10);
  const found = await summaries(visit, 4);
  assert.deepEqual(found.map(({ title, text }) => [title, /(\d) not judged/.exec(text)?.[1] ?? '0']), [['study.zip', '0'], ['study.zip', '0'], ['cine.dcm', '3'], ['cine.dcm', '3']]);
  assert.deepEqual(await placesOf(visit), [...Array(2).fill(['study.zip 1', 'study.zip 2']), ...Array(2).fill(['cine.dcm 1', 'cine.dcm 2', 'cine.dcm 3'])].flat());
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('what is read again stays in its study, and an archive that could not be opened at first becomes one', async () => {
  const [one, two] = [await patient('five'), await patient('six')];
  const archive = await zipOf(join(files.folder, 'late.zip'), { 'a.png': one.paths[0], 'b.png': one.paths[1] });
  const visit = await readyVisit({ cores: 1 });
  // The first time the file is not to be had, and no more is one slice of the folder.
  const [worker] = visit.page.workers();
  await worker.evaluate(() => {
    const read = Blob.prototype.arrayBuffer;
    const refused = new Set();
    Blob.prototype.arrayBuffer = function () {
      if (['late.zip', '2.png'].includes(this.name) && !refused.has(this.name)) {
        refused.add(this.name);
        return Promise.reject(new Error('not now'));
      }
      return read.call(this);
    };
  });
  await visit.drop([one.folder]);
  await visit.results(2);
  await visit.choose([archive]);
  await visit.results(3);
  await visit.drop([two.folder]);
  const before = await visit.results(5);
  assert.deepEqual(before.map(({ verdict }) => verdict === 'error'), [false, true, true, false, false]);
  await visit.page.click(id('retry-failed'));
  const after = await visit.results(6);
  assert.deepEqual(after.map(({ file }) => file), ['export/1.png', 'export/2.png', 'late.zip!a.png', 'late.zip!b.png', 'export/1.png', 'export/2.png']);
  await summaries(visit, 3);
  assert.deepEqual(await placesOf(visit), ['export 1', 'export 2', 'late.zip 1', 'late.zip 2', 'export 1', 'export 2']);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('single pictures are put together from two on, and leave with the readings', async () => {
  const visit = await readyVisit();
  const paths = [];
  for (const one of all.filter((one) => isJudged(one) && one.input.endsWith('.png')).slice(0, 2)) paths.push(await files.putCase(one));
  await visit.choose(paths.slice(0, 1));
  await visit.results(1);
  await visit.page.waitForFunction(() => document.getElementById('studies').hidden);
  await visit.choose(paths.slice(1));
  await visit.results(2);
  const [study] = await summaries(visit, 1);
  assert.deepEqual([study.kind, study.title, study.bars.length], ['pictures', 'Single pictures', 2]);
  await visit.page.select(id('language'), 'de');
  await visit.page.waitForFunction((study) => /Einzelne Bilder/.test(document.querySelector(study).textContent), {}, id('study'));
  await visit.page.click(id('clear'));
  await visit.page.waitForFunction(() => document.getElementById('studies').hidden);
  await visit.page.select(id('language'), 'en');
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});
