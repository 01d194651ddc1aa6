// Study summaries: what belongs together, in which order, how it is counted, and that no UID is told.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { isError, isJudged, isRefused } from './cases.mjs';
import { placed, uid } from './series.mjs';
import { all, files, readyVisit } from './suite.mjs';
import { id } from './visit.mjs';

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
  assert.match(first.text, new RegExp(`of 3 judged slices score above the operating point.*${fixed(results[0].score)}`));

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
  assert.match(study.text, new RegExp(`highest score is ${fixed(ranked[0].score)}, in slice ${ranked[0].slice}\\.`));
  assert.match(study.text, /Set aside: 1 not judged, 1 could not be read\./);

  // A high slice leads to its card.
  await visit.page.click(id('highest'));
  assert.equal(await visit.page.evaluate(() => document.activeElement.dataset.file), results[ranked[0].slice - 1].file);
  const told = await visit.page.$eval(id('study'), (node) => node.textContent);
  assert.match(told, /nobody has validated it/);
  assert.doesNotMatch(told, /detect|diagnos|infect|disease/i);
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
