// Counts for control charts: off until somebody asks for them, of no image and no name, and read by the command.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { count, emptyDay } from '../../www/watching/counts.js';
import { Drift, ofDays } from '../../www/watching/drift.js';
import { isRefused } from './cases.mjs';
import { saved } from './saved.mjs';
import { day, settingsFile, SHA256 } from './settings-file.mjs';
import { all, browser, files, readyVisit, slice } from './suite.mjs';
import { id, PAGE } from './visit.mjs';

const COMMAND = process.env.LUNGGLASS_COMMAND ?? fileURLToPath(new URL('../../target/release/lungglass', import.meta.url));
/** What `lungglass watch` says, and how it ends: with 3 where it raised a flag. */
const watched = (...given) => new Promise((resolve) => {
  execFile(COMMAND, ['watch', ...given], (failure, stdout, stderr) => resolve({ code: failure?.code ?? 0, stdout, stderr }));
});
const KEY = 'lungglass.watch';
const kept = (visit) => visit.page.evaluate((key) => JSON.parse(localStorage.getItem(key)), KEY);

async function open(visit) {
  await visit.page.select(id('language'), 'en');
  await visit.page.click('#watch-open');
  await visit.page.waitForSelector('#watch[open]');
}

/** A day as the page would have counted it. */
function counted(name, slices, refused) {
  const made = emptyDay(name);
  for (let at = 0; at < slices; at++) {
    const logit = -2 + (at % 5) / 10;
    count(made, { verdict: 'negative', score: 1 / (1 + Math.exp(-logit)), logit, refusal: null, likeness: { statistics: [], gray_levels: 13 + (at % 3), embedding: 1 + (at % 4) / 10, lung: 0.3 } });
  }
  for (let at = 0; at < refused; at++) count(made, { verdict: 'refused', score: null, logit: 1, refusal: { code: 'not_like_ct', message: '' }, likeness: { statistics: [], gray_levels: 13, embedding: 1.2, lung: 0 } });
  return made;
}

test('a slice is counted by day, in bins and sums', () => {
  const made = counted('2026-11-30', 7, 2);
  assert.deepEqual([made.negative, made.refused, made.codes], [7, 2, { not_like_ct: 2 }]);
  assert.deepEqual([made.logits.count, made.embedding.count, made.gray_levels.count], [7, 9, 9]);
  assert.equal(made.scores.reduce((sum, part) => sum + part), 7);
  assert.equal(made.embeddings.reduce((sum, part) => sum + part), 9);
});

test('nothing is counted until it is switched on; then counts alone are kept, and all are cleared', async () => {
  const visit = await readyVisit();
  await visit.page.click(id('sample'));
  await visit.results(1);
  assert.equal(await kept(visit), null);
  await open(visit);
  assert.match(await visit.page.$eval(id('watch-told'), (node) => node.innerText), /Nothing was counted yet/);
  await visit.page.click(id('watch-on'));
  await visit.page.keyboard.press('Escape');
  const secret = await files.put(slice, 'Secret-Name.png');
  await visit.choose([secret, await files.put(all.find(isRefused).input, 'Secret-Other')]);
  await visit.results(3);
  await open(visit);
  const { on, log } = await kept(visit);
  assert.equal(on, true);
  assert.equal(log.network, SHA256);
  const [today] = log.days;
  assert.deepEqual([log.days.length, today.name, today.refused, today.positive + today.negative + today.uncertain], [1, day(0), 1, 1]);
  assert.doesNotMatch(JSON.stringify(log), /Secret|png|\d\d:\d\d/);
  assert.match(await visit.page.$eval(id('watch-told'), (node) => node.innerText), /2 slices on 1 day/);

  // Two readings are told in the privacy panel, which deletes them with all else.
  await visit.page.keyboard.press('Escape');
  await visit.page.click('#privacy-open');
  await visit.page.waitForSelector(id('privacy-delete'), { visible: true });
  assert.match(await visit.page.$eval('#privacy-body', (node) => node.innerText), /Counts for control charts/);
  await visit.page.click(id('privacy-delete'));
  await visit.page.waitForFunction(() => /Nothing is kept/.test(document.getElementById('privacy-body').innerText));
  assert.equal(await kept(visit), null);
  await visit.page.keyboard.press('Escape');
  await visit.choose([await files.put(slice, 'later.png')]);
  await visit.results(4);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  assert.equal(await kept(visit), null, 'it is off again');
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('charts of the page and of the command raise the same flags, from JSON and from a table', async () => {
  const days = Array.from({ length: 12 }, (_, at) => counted(`2026-11-${String(at + 1).padStart(2, '0')}`, 60, at === 11 ? 30 : 2));
  const visit = await readyVisit({ prepare: (page) => page.evaluateOnNewDocument((key, text) => { localStorage.setItem(key, text); }, KEY, JSON.stringify({ on: true, log: { schema: 1, kind: 'watch log', network: SHA256, days } })) });
  await open(visit);
  await visit.page.waitForFunction((of) => document.querySelectorAll(`${of} svg`).length > 4, {}, id('watch-charts'));
  const flags = await visit.page.$eval(id('watch-flags'), (node) => node.innerText);
  assert.match(flags, /Refused: 2026-11-12/);
  await visit.shot('watching');
  const folder = join(files.folder, 'watch');
  await mkdir(folder);
  const session = await visit.page.createCDPSession();
  await session.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: folder });
  await visit.page.click(id('watch-json'));
  await saved(folder, '.json');
  await visit.page.click(id('watch-csv'));
  await saved(folder, '.csv');
  const [json, csv] = await Promise.all(['json', 'csv'].map((end) => watched(join(folder, `lungglass-watch.${end}`))));
  assert.equal(json.code, 3, json.stderr);
  assert.equal(json.stdout, csv.stdout);
  const lines = json.stdout.split('\n').filter((line) => line.startsWith('FLAG'));
  assert.ok(lines.some((line) => /refused, 2026-11-12/.test(line)));
  assert.equal(lines.length, flags.match(/2026-\d\d-\d\d/g).length, 'as many as in the page');

  const wrong = join(folder, 'wrong.json');
  await writeFile(wrong, JSON.stringify({ schema: 1, kind: 'watch log', network: SHA256, days: [{ ...days[0], refused: 9 }] }));
  assert.match((await watched(wrong)).stderr, /counts do not fit each other/);

  await visit.page.click(id('watch-clear'));
  assert.equal(await kept(visit), null);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('a shared device counts only if its address says so', async () => {
  for (const [address, isKept] of [['?kiosk=0', false], ['?kiosk=0&watch', true]]) {
    const visit = await browser.visit({ address: new URL(address, PAGE).href });
    await visit.page.evaluate(() => localStorage.clear());
    await visit.accept();
    await visit.ready();
    await visit.page.click(id('sample'));
    await visit.results(1);
    await open(visit);
    assert.equal(await visit.page.$eval(id('watch-on'), (box) => box.disabled), true);
    assert.equal((await kept(visit))?.log.days.length ?? 0, isKept ? 1 : 0, address);
    await visit.page.evaluate(() => localStorage.clear());
    await visit.close();
  }
});

test('the days that were counted last are held against the limits too, and readings stand under a notice from the first on', async () => {
  const limits = { slices: 50, refused: 0.2, embedding: 2 };
  const week = (refused) => [9, 8, 7, 6, 5, 4].map((ago) => counted(day(-ago), 20, refused));
  assert.deepEqual(ofDays(week(9), day(-30), limits), { since: day(-8), exceeded: ['refused'] });
  assert.deepEqual(ofDays(week(9), day(-5), limits).exceeded, [], 'what was counted before the test, and two days, say nothing');
  assert.deepEqual(ofDays(week(2), day(-30), limits).exceeded, []);
  assert.deepEqual(ofDays([...week(9), ...[3, 2, 1].map((ago) => counted(day(-ago), 60, 0))], day(-30), limits).exceeded, [], 'the last days are as usual');
  assert.deepEqual(ofDays([], day(-30), limits), { since: day(-30), exceeded: [] });

  const log = { schema: 1, kind: 'watch log', network: SHA256, days: week(9) };
  const visit = await readyVisit({ prepare: (page) => page.evaluateOnNewDocument((key, text) => { localStorage.setItem(key, text); }, KEY, JSON.stringify({ on: true, log })) });
  await visit.page.select(id('language'), 'en');
  const file = join(files.folder, 'counted.toml');
  await writeFile(file, settingsFile({ drift: 'slices = 50\nrefused = 0.2' }));
  await visit.page.click('#model-card-open');
  await (await visit.page.$(id('own-point'))).uploadFile(file);
  await visit.page.waitForFunction((of) => /has counted since .* are not like those of the acceptance test of Clinic 5 \(more are refused\)/.test(document.querySelector(of).innerText) && document.querySelector('[data-testid="ready"]'), {}, id('point'));
  await visit.page.click(id('sample'));
  await visit.results(1);
  assert.match(await visit.page.$eval(id('by-point'), (node) => node.textContent), /nothing vouches for these verdicts/);
  const folder = join(files.folder, 'counted');
  await mkdir(folder);
  const session = await visit.page.createCDPSession();
  await session.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: folder });
  await visit.page.click(id('export-json'));
  const [{ model, settings }] = JSON.parse(await saved(folder, '.json'));
  assert.match(model.operating_point.notice, /has counted since .* nothing vouches/);
  assert.equal('drifted' in settings, false);
  // Without the counts there is nothing to say.
  await open(visit);
  await visit.page.click(id('watch-clear'));
  assert.doesNotMatch(await visit.page.$eval(id('point'), (node) => node.textContent), /not like those/);
  await visit.close();
});

test('limits of drift are those of the library, and readings beyond them stand under a notice', async () => {
  const seen = new Drift();
  const limits = { slices: 2, refused: 0.5, embedding: 1.5 };
  const likeness = (embedding) => ({ statistics: [], embedding, gray_levels: 9, lung: null });
  const take = (reading) => seen.add({ file: 'a.png', frame: null, place: { patient: null, series: null }, ...reading });
  take({ verdict: 'negative', likeness: likeness(2) });
  assert.deepEqual(seen.exceeded(limits), [], 'one slice says nothing');
  take({ verdict: 'error', likeness: null });
  take({ verdict: 'negative', likeness: likeness(1.1) });
  assert.deepEqual(seen.exceeded(limits), ['embedding']);
  take({ verdict: 'refused', likeness: likeness(0.1) });
  take({ verdict: 'refused', likeness: likeness(0.1) });
  assert.deepEqual(seen.exceeded(limits), []);
  take({ verdict: 'refused', likeness: null });
  assert.deepEqual(seen.exceeded(limits), ['refused']);

  // Slices of one patient, or of one file, are no batch: they count as no more than those of the test had.
  for (const same of [{ place: { patient: 'p', series: 's' } }, { place: { patient: null, series: 's' } }, { frame: 1, place: { patient: null, series: null } }]) {
    const one = new Drift();
    const strange = { verdict: 'negative', likeness: likeness(9), file: 'a.dcm', frame: null };
    for (let at = 0; at < 300; at++) one.add({ ...strange, ...same });
    assert.deepEqual(one.exceeded({ ...limits, per_group: 1.5 }), []);
    assert.deepEqual(one.exceeded(limits), ['embedding']);
    one.add({ ...strange, place: { patient: null, series: null } });
    assert.deepEqual(one.exceeded({ ...limits, per_group: 1.5 }), ['embedding']);
  }

  const file = join(files.folder, 'drift.toml');
  await writeFile(file, settingsFile({ drift: 'slices = 2\nrefused = 0.9\nembedding = 0.0001' }));
  const visit = await readyVisit();
  await visit.page.select(id('language'), 'en');
  await visit.page.click('#model-card-open');
  await (await visit.page.$(id('own-point'))).uploadFile(file);
  await visit.page.waitForFunction((of) => document.querySelector(of).innerText.includes('Clinic 5') && document.querySelector('[data-testid="ready"]'), {}, id('point'));
  await visit.page.click(id('sample'));
  await visit.results(1);
  const banner = () => visit.page.$eval(id('point'), (node) => node.innerText);
  assert.doesNotMatch(await banner(), /not like those/);
  await visit.choose([await files.put(slice, 'second.png')]);
  await visit.results(2);
  await visit.page.waitForFunction((of) => /not like those of the acceptance test of Clinic 5 \(they are less familiar to the network\)/.test(document.querySelector(of).innerText), {}, id('point'));
  const said = await visit.page.$$eval(id('by-point'), (nodes) => nodes.map((node) => node.textContent));
  assert.ok(said.some((text) => /nothing vouches for these verdicts/.test(text)), said.join('\n'));
  const folder = join(files.folder, 'drifted');
  await mkdir(folder);
  const session = await visit.page.createCDPSession();
  await session.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: folder });
  await visit.page.click(id('export-json'));
  for (const { model } of JSON.parse(await saved(folder, '.json'))) assert.match(model.operating_point.notice, /not like those of the acceptance test of Clinic 5/);
  await visit.page.click(id('export-csv'));
  assert.match(await saved(folder, '.csv'), /not like those of the acceptance test of Clinic 5/);
  await visit.page.click(id('clear'));
  assert.doesNotMatch(await banner(), /not like those/, 'what was cleared says nothing any more');
  await visit.close();
});
