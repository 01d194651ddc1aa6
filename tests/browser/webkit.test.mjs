// The main path in WebKit, the engine of Safari: consent, files of every kind, the result, the viewer by keyboard and by hand, what is saved, a
// second visit. WebKitGTK's own browser, by WebDriver. The other suites drive Chromium, which lets a test see more.

import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import de from '../../www/locales/de.js';
import { cases, desk, isError, isJudged, isRefused } from './cases.mjs';
import { parseCsv } from './saved.mjs';
import { PAGE, id } from './visit.mjs';
import { noWebKit, openWebKit } from './webdriver.mjs';

const skip = noWebKit;
const SHOTS = process.env.LUNGGLASS_SHOTS;
const path = (name) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const FRAMES = path('tests/dicom/native-s16-multi.dcm');
// The protocol's characters for keys.
const KEY = { enter: '\uE007', escape: '\uE00C', down: '\uE015' };

let browser;
let page;
let files;
let all;
/** By file, of those that are judged. */
const logits = new Map();

before(async () => {
  if (skip) return;
  files = await desk();
  all = await cases();
  browser = await openWebKit();
  page = browser.session;
  await page.resize(1280, 900);
});
after(async () => {
  await browser?.close();
  await files?.clear();
});

/** From now on the page keeps what it must not do, and what it gives to be saved. */
const watch = () => page.run(() => {
  window.complaints = [];
  window.saved = [];
  addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI, sample }) => window.complaints.push(`${effectiveDirective} ${blockedURI} ${sample}`));
  addEventListener('error', ({ message }) => window.complaints.push(message));
  addEventListener('unhandledrejection', ({ reason }) => window.complaints.push(String(reason)));
  const { createObjectURL } = URL;
  URL.createObjectURL = (blob) => {
    window.saved.push(blob);
    return createObjectURL(blob);
  };
});
const complaints = () => page.run(() => [
  ...window.complaints,
  ...performance.getEntriesByType('resource').map(({ name }) => name).filter((name) => !name.startsWith(location.origin) && !/^(blob|data):/.test(name)),
]);

async function shot(name) {
  if (!SHOTS) return;
  await mkdir(SHOTS, { recursive: true });
  await writeFile(join(SHOTS, `${name}.png`), await page.shot());
}

const isOpen = (name) => page.run((selector) => document.querySelector(selector).open, id(name));
const ready = () => page.until((selector) => document.querySelector(selector)?.checkVisibility(), id('ready'));
const results = async (count) => {
  await page.until((result, queued, count) => document.querySelectorAll(result).length === count && !document.querySelector(queued), id('result'), id('queued'), count);
  return page.run((result) => [...document.querySelectorAll(result)].map((card) => ({
    file: card.dataset.file, verdict: card.dataset.verdict, score: card.dataset.score, code: card.querySelector('[data-code]')?.dataset.code ?? null, text: card.textContent,
  })), id('result'));
};
/** What the page gives as its last file, as text. */
const saved = async (button) => {
  const before = await page.run(() => window.saved.length);
  await page.click(id(button));
  await page.until((before) => {
    if (window.saved.length <= before || window.saved.text) return window.saved.text;
    window.saved.at(-1).arrayBuffer().then((bytes) => { window.saved.text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes); });
    return null;
  }, before);
  return page.run(() => {
    const { text } = window.saved;
    window.saved.text = null;
    return text;
  });
};

test('consent is asked, and files of every kind are read as on the other runtimes', { skip }, async () => {
  await page.open(PAGE);
  await watch();
  await page.until((selector) => document.querySelector(selector)?.open, id('consent'));
  await page.click(id('consent-accept'));
  assert.equal(await isOpen('consent'), false);
  await ready();
  const kinds = [all.find((one) => isJudged(one) && one.input.endsWith('.png')), all.find(({ name }) => name === 'lidc-no-preamble'), all.find((one) => isRefused(one) && one.name.startsWith('photo')), all.find(isError)];
  const paths = [];
  for (const one of kinds) paths.push(await files.putCase(one));
  await page.type(id('file-input'), [...paths, FRAMES].join('\n'));
  const found = await results(7);
  for (const [at, { input, verdicts }] of kinds.entries()) {
    const [expected] = JSON.parse(await readFile(join(dirname(input), 'expected.json'), 'utf8'));
    assert.ok(verdicts.includes(found[at].verdict), `${found[at].file}: ${found[at].verdict}`);
    assert.equal(found[at].code, expected.code, found[at].file);
    if (isJudged(kinds[at])) logits.set(found[at].file, expected.logit);
  }
  assert.deepEqual(found.slice(4).map(({ code }) => code), Array(3).fill('too_small'));
  const painted = await page.run((result) => [...document.querySelector(result).querySelectorAll('canvas')].map((canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return data.filter((value, at) => at % 4 === 3 && value > 0).length / (canvas.width * canvas.height);
  }), id('result'));
  assert.equal(painted.length, 2);
  assert.ok(painted[0] === 1 && painted[1] > 0.01, `picture and map cover ${painted}`);
  await shot('webkit-results');
  assert.deepEqual(await complaints(), []);
});

test('the viewer opens by key, goes through the stack, zooms, sets a window by hand, measures, and gives the focus back', { skip }, async () => {
  const opener = `[data-file="native-s16-multi.dcm"] ${id('open-viewer')}`;
  await page.run((selector) => document.querySelector(selector).focus(), opener);
  await page.press(KEY.enter);
  const shown = (number) => page.until((position, number) => document.querySelector(position).textContent.startsWith(`Slice ${number} of`) && document.querySelector('[data-pixels="full"]'), id('viewer-position'), number);
  await shown(1);
  await page.press(KEY.down);
  await shown(2);
  assert.deepEqual(await page.run((picture) => [document.querySelector(picture).width, document.querySelector(picture).height], id('viewer-picture')), [61, 45]);
  const box = () => page.run((picture) => { const { x, y, width, height } = document.querySelector(picture).getBoundingClientRect(); return { x, y, width, height }; }, id('viewer-picture'));
  const whole = await box();
  await page.press('+', '+');
  await page.until((picture, width) => document.querySelector(picture).getBoundingClientRect().width > 1.3 * width, id('viewer-picture'), whole.width);
  await page.press('0');
  const windows = () => page.run((center, width) => [center, width].map((field) => document.querySelector(field).valueAsNumber), id('window-center'), id('window-width'));
  await page.press('2');
  assert.deepEqual(await windows(), [40, 400]);
  const [x, y] = [Math.round(whole.x + whole.width / 2), Math.round(whole.y + whole.height / 2)];
  await page.click(id('tool-window'));
  await page.drag([x, y], [x + 40, y]);
  assert.ok((await windows())[1] > 400, 'a drag sideways widens the window');
  await page.hover([x, y]);
  await page.until((probe) => /HU$/.test(document.querySelector(probe).textContent), id('viewer-probe'));
  await shot('webkit-viewer');
  await page.press(KEY.escape);
  await page.until((viewer) => !document.querySelector(viewer).open, id('viewer'));
  assert.equal(await page.run(() => document.activeElement.closest('[data-file]')?.dataset.file), 'native-s16-multi.dcm');
  assert.deepEqual(await complaints(), []);
});

test('CSV and JSON hold what the page shows, and another language reaches it', { skip }, async () => {
  const found = await results(7);
  const csv = await saved('export-csv');
  const [head, ...rows] = parseCsv(csv);
  assert.deepEqual(rows.map((row) => row[head.indexOf('verdict')]), found.map(({ verdict }) => verdict));
  assert.deepEqual(rows.map((row) => row[head.indexOf('score')]), found.map(({ score }) => score));
  const readings = JSON.parse(await saved('export-json'));
  assert.deepEqual(readings.map(({ score }) => String(score ?? '')), found.map(({ score }) => score));
  for (const [file, logit] of logits) {
    const told = readings.find((reading) => reading.file === file).logit;
    assert.ok(Math.abs(told - logit) < 1e-3, `${file}: ${told}, and not ${logit}`);
  }
  await page.run((choice) => { document.querySelector(choice).value = 'de'; document.querySelector(choice).dispatchEvent(new Event('change', { bubbles: true })); }, id('language'));
  const [told] = await results(7);
  assert.ok(told.text.includes(de.verdict[told.verdict]) && told.text.includes(de.format.score(Number(told.score))), told.text);
  await page.run((choice) => { document.querySelector(choice).value = 'en'; document.querySelector(choice).dispatchEvent(new Event('change', { bubbles: true })); }, id('language'));
  assert.deepEqual(await complaints(), []);
});

test('a second visit asks for no consent, and reads the sample', { skip }, async () => {
  await page.reload();
  await watch();
  await ready();
  assert.equal(await isOpen('consent'), false);
  await page.click(id('sample'));
  const [{ score }] = await results(1);
  assert.ok(Number(score) > 0 && Number(score) < 1, score);
  assert.deepEqual(await complaints(), []);
});

test('files that are parts of a blob by then are read again', { skip }, async () => {
  const broken = all.find(isError).input;
  const paths = [];
  for (let at = 0; at < 140; at++) paths.push(await files.put(at === 3 || at === 130 ? path('www/samples/lidc-slice.dcm') : broken, `many-${at}`));
  await page.type(id('file-input'), paths.join('\n'));
  await page.until((count) => document.querySelector('[data-results]').dataset.results === count, String(1 + 140));
  for (const name of ['many-3', 'many-130']) {
    // Again and again: pictures above it move it while they come.
    await page.until((file) => {
      const card = document.querySelector(`[data-file="${file}"]`);
      card?.scrollIntoView();
      return card?.querySelector('.stage canvas')?.width > 0;
    }, name);
  }
  assert.deepEqual(await complaints(), []);
});
