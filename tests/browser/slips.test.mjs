// Nothing is lost by a slip: what was cleared can be taken back, what was cancelled goes on, a file chosen twice counts once.

import assert from 'node:assert/strict';
import { mkdir, rm, utimes, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { frames, placed } from './series.mjs';
import { files, readyVisit, slice } from './suite.mjs';
import { id } from './visit.mjs';

const names = (page) => page.$$eval(id('result'), (cards) => cards.map(({ dataset: { file, frame } }) => (frame === undefined ? file : `${file} ${frame}`)));
const copies = (name, count) => Promise.all(Array.from({ length: count }, (_, at) => files.put(slice, `${name}-${String(at).padStart(3, '0')}`)));
const isHidden = (page, name) => page.$eval(id(name), (node) => !node.checkVisibility());

test('what was cleared can be taken back, with its order, pictures, studies and what was left out', async () => {
  const folder = `${files.folder}/undo`;
  await mkdir(folder);
  for (const [at, height] of [0, 10, 20].entries()) await writeFile(`${folder}/${at}.dcm`, await placed({ height, series: 71 }));
  await writeFile(`${folder}/notes.txt`, 'no image');
  const visit = await readyVisit({ cores: 1 });
  const { page } = visit;
  await (await page.$(id('folder-input'))).uploadFile(folder);
  await visit.results(3);
  const before = await names(page);
  await page.waitForSelector(id('study'));
  await page.focus(id('clear'));
  await page.keyboard.press('Enter');
  assert.deepEqual(await names(page), []);
  assert.ok(await isHidden(page, 'skipped'));
  assert.equal(await page.evaluate(() => document.activeElement.dataset.testid), 'undo', 'the way back has the focus');
  await page.keyboard.press('Enter');
  const results = await visit.results(3);
  assert.deepEqual(await names(page), before);
  for (const { heatmap } of results) assert.ok(heatmap > 0);
  await page.waitForSelector(id('study'));
  assert.match(await page.$eval(id('skipped'), (note) => note.innerText), /^1 file/);
  assert.ok(await isHidden(page, 'undo-box'));
  // It is whole: the viewer opens, and more can come.
  await page.click(id('open-viewer'));
  await page.waitForSelector('[data-pixels="full"]');
  await page.keyboard.press('Escape');
  await visit.choose(await copies('more', 1));
  await visit.results(4);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('after ten seconds it is gone, and clearing again forgets what was cleared before', async () => {
  const visit = await readyVisit({ cores: 1 });
  const { page } = visit;
  await visit.choose(await copies('gone', 1));
  await visit.results(1);
  await page.click(id('clear'));
  await visit.choose(await copies('next', 1));
  await visit.results(1);
  await page.click(id('clear'));
  await page.click(id('undo'));
  await visit.results(1);
  assert.deepEqual(await names(page), ['next-000']);
  await page.click(id('clear'));
  const start = Date.now();
  await page.waitForFunction((box) => document.querySelector(box).hidden, {}, id('undo-box'));
  assert.ok(Date.now() - start > 8000, 'it stays for ten seconds');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'intake', 'the focus is not lost with it');
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('a long list comes back too', async () => {
  const visit = await readyVisit({ cores: 2 });
  const { page } = visit;
  const path = `${files.folder}/long-undo.dcm`;
  await writeFile(path, await frames(75));
  await visit.choose([path]);
  await visit.results(75);
  await page.click(id('view-cards'));
  const before = await names(page);
  await page.click(id('clear'));
  await page.click(id('undo'));
  await visit.results(75);
  assert.deepEqual(await names(page), before);
  await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
  await page.waitForFunction((result) => [...document.querySelectorAll(result)].at(-1).querySelector('canvas')?.width > 0, {}, id('result'));
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('what was cancelled goes on where it was, files and frames', async () => {
  const visit = await readyVisit({ cores: 1 });
  const { page } = visit;
  const path = `${files.folder}/frames.dcm`;
  await writeFile(path, await frames(40));
  await visit.choose([path, ...await copies('rest', 3)]);
  await page.waitForFunction((result) => document.querySelectorAll(result).length >= 2, {}, id('result'));
  await page.click(id('cancel'));
  await page.waitForFunction((queued) => !document.querySelector(queued), {}, id('queued'));
  const kept = (await names(page)).length;
  assert.ok(kept < 40, `${kept} were read`);
  assert.match(await page.$eval(id('go-on'), (button) => button.innerText), /^Go on with 4 files$/);
  await page.click(id('go-on'));
  await visit.results(43);
  assert.deepEqual(await names(page), [...Array.from({ length: 40 }, (_, at) => `frames.dcm ${at}`), 'rest-000', 'rest-001', 'rest-002'], 'each once, in order');
  assert.ok(await isHidden(page, 'go-on'));
  // Cleared, it is forgotten.
  await visit.choose(await copies('again', 12));
  await page.waitForFunction((queued) => document.querySelector(queued), {}, id('queued'));
  await page.click(id('cancel'));
  await page.waitForFunction((button) => document.querySelector(button).checkVisibility(), {}, id('go-on'));
  await page.click(id('clear'));
  assert.ok(await isHidden(page, 'go-on'));
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('a file chosen twice counts once; another of the same name, size and date does not', async () => {
  const visit = await readyVisit({ cores: 1 });
  const { page } = visit;
  const [one, two] = await copies('twice', 2);
  await visit.choose([one]);
  await visit.results(1);
  await visit.choose([one, two]);
  await visit.results(2);
  const told = () => page.$eval(id('repeated'), (note) => note.textContent);
  assert.equal(await told(), '1 file was here already and counted once.');
  await visit.choose([one]);
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.deepEqual(await names(page), ['twice-000', 'twice-001']);

  // Of another patient, with the same name, size and date.
  const alike = [];
  for (const [at, mark] of [-500, 500].entries()) {
    await mkdir(`${files.folder}/alike-${at}`);
    alike.push(`${files.folder}/alike-${at}/IM0001.dcm`);
    await writeFile(alike.at(-1), await placed({ height: 0, series: 81 + at, mark }));
    await utimes(alike.at(-1), 1_700_000_000, 1_700_000_000);
  }
  await visit.choose(alike.slice(0, 1));
  await visit.results(3);
  await visit.choose(alike.slice(1));
  await visit.results(4);
  assert.equal(await told(), '');

  // What could not be read may be chosen again once it is whole.
  const broken = `${files.folder}/broken.dcm`;
  await writeFile(broken, 'no image');
  await visit.choose([broken]);
  await visit.results(5);
  await visit.choose([broken]);
  await visit.results(6);
  await rm(broken);
  // After a clear nothing was here.
  await page.click(id('clear'));
  await visit.choose([one]);
  await visit.results(1);
  assert.deepEqual(visit.complaints().filter((line) => !/ERR_FILE_NOT_FOUND|NotFound/.test(line)), []);
  await visit.close();
});
