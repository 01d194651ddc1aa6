// The viewer: windows, zoom and pan, the stack, what lies over the slice, what the network was given, and what happens without the file.

import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { languages } from '../../www/locales/words.js';
import { actualSize, layout, panned, pixelAt, WHOLE, zoomed } from '../../www/viewer/view.js';
import { Loader } from '../../www/viewer/loader.js';
import { isError, isJudged, isRefused } from './cases.mjs';
import { placed } from './series.mjs';
import { all, browser, files } from './suite.mjs';
import { desktop, hounsfield } from './viewing.mjs';
import { id, PAGE, PHONE } from './visit.mjs';
import { zipOf } from './zip.mjs';

const path = (name) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const SAMPLE = path('www/samples/lidc-slice.dcm');
// Its pixels as they are.
const UNCOMPRESSED = path('tests/cases/lidc-explicit-le/input.dcm');
const FRAMES = path('tests/dicom/native-s16-multi.dcm');

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** In the page: how many pixels of a canvas are not clear, and whether any is blue. */
function painted(canvas) {
  if (canvas.hidden || canvas.width === 0) return { count: 0, blue: 0 };
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let [count, blue] = [0, 0];
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] > 0) count++;
    if (data[i + 3] > 0 && data[i + 2] > data[i]) blue++;
  }
  return { count, blue };
}

/** DICOM PS3.3 C.11.2.1.2, as it is written there. */
function shown(value, center, width) {
  if (value <= center - 0.5 - (width - 1) / 2) return 0;
  if (value > center - 0.5 + (width - 1) / 2) return 255;
  return Math.round(((value - (center - 0.5)) / (width - 1) + 0.5) * 255);
}

/** Equal but where the exact level lies half way between two. */
function assertLevels(found, expected, what) {
  assert.equal(found.length, expected.length, what);
  const far = found.findIndex((level, i) => Math.abs(level - expected[i]) > 1);
  assert.equal(far, -1, `${what}: ${found[far]} instead of ${expected[far]} at ${far}`);
  const off = found.filter((level, i) => level !== expected[i]).length;
  assert.ok(off < found.length / 1000, `${what}: ${off} levels are off by one`);
}

test('geometry: what fits, zoom about a point, limits', () => {
  const stage = { width: 800, height: 600 };
  const picture = { width: 512, height: 512 };
  assert.deepEqual(layout(WHOLE, stage, picture), { scale: 600 / 512, left: 100, top: 0 });
  const point = { x: 250, y: 150 };
  const under = pixelAt(WHOLE, stage, picture, point);
  let view = zoomed(WHOLE, stage, picture, 3, point);
  assert.deepEqual(pixelAt(view, stage, picture, point), under, 'what lies under the pointer stays there');
  view = panned(view, stage, picture, 10_000, -10_000);
  const { scale, left, top } = layout(view, stage, picture);
  assert.ok(Math.abs(left) < 1e-6, 'the left side can be reached and not passed');
  assert.ok(Math.abs(top - (600 - 512 * scale)) < 1e-6, 'and the bottom');
  assert.equal(layout(zoomed(view, stage, picture, 1e-9), stage, picture).scale, 1, 'never smaller than whole, or than it is');
  assert.deepEqual(zoomed({ zoom: 5, x: 0.9, y: 0.1 }, stage, { width: 2048, height: 2048 }, 1e-9), WHOLE);
  assert.ok(layout(zoomed(view, stage, picture, 1e9), stage, picture).scale <= 24);
  assert.equal(layout(actualSize(WHOLE, stage, picture), stage, picture).scale, 1);
  assert.equal(layout(actualSize(WHOLE, stage, { width: 64, height: 32 }), stage, { width: 64, height: 32 }).scale, 1, 'a small picture too');
  assert.equal(pixelAt(WHOLE, stage, picture, { x: 99, y: 10 }), null);
});

test('the viewer opens from the keyboard, shows the very picture that was read, and gives the focus back', async () => {
  const { visit, page, press, open, decoded, gray, text, leave } = await desktop([SAMPLE], 1);
  const opener = await page.$(id('open-viewer'));
  assert.equal(await opener.evaluate((button) => button.innerText), 'Enlarge');
  assert.equal(await opener.evaluate((button) => button.getAttribute('aria-label')), 'Enlarge: lidc-slice.dcm');
  assert.equal(page.workers().length, 1, 'no worker before the viewer is opened');
  await open();
  await decoded(1);
  assert.equal(await page.evaluate(() => document.activeElement.dataset.testid), 'viewer-stage');

  // What the library says was read, computed in the page by another instance.
  const read = await library(page, SAMPLE);
  const { width, height, levels } = await gray();
  assert.deepEqual([width, height], [512, 512], 'at full size');
  assert.deepEqual(levels, read.picture, 'each level is that of the reading');
  await page.select(id('window-preset'), 'lung');
  assert.deepEqual((await gray()).levels, read.picture, 'the lung window is the one that it was read in');

  assert.match(await text('viewer-reading'), new RegExp(`Model score.*${read.score.toFixed(3)}`));
  const score = await page.$eval(id('result'), (card) => card.dataset.score);
  assert.equal(Number(score), read.score);
  assert.match(await text('viewer-position'), /^Slice 1 of 1, lidc-slice\.dcm, /);

  // Tab stays inside.
  for (let i = 0; i < 40; i++) {
    await press('Tab');
    assert.ok(await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest('#viewer') !== null));
  }
  assert.equal(page.workers().length, 2);
  await press('Escape');
  await page.waitForSelector(id('viewer'), { hidden: true });
  assert.ok(await opener.evaluate((button) => button === document.activeElement), 'the focus is back on the card');
  await page.waitForFunction(() => document.querySelector('#viewer-picture').width === 0);
  while (page.workers().length > 1) await new Promise((resolve) => setTimeout(resolve, 50));
  // Opened again before the browser tells of the closing.
  await opener.click();
  await page.waitForSelector('[data-pixels="full"]');
  await opener.evaluate((button) => { button.ownerDocument.querySelector('#viewer').close(); button.click(); });
  await new Promise((resolve) => setTimeout(resolve, 300));
  await page.waitForSelector('[data-pixels="full"]');
  assert.ok(await page.$eval('#viewer-picture', (canvas) => canvas.width > 0));
  assert.match(await text('viewer-position'), /^Slice 1 of 1/);
  assert.deepEqual(visit.complaints(), []);
  await leave();
});

const known = new Map();

/** What the library makes of a file's first frame, in an instance of the page's own. */
async function library(page, file) {
  if (!known.has(file)) known.set(file, await readByLibrary(page, file));
  return known.get(file);
}

async function readByLibrary(page, file) {
  const base64 = (await readFile(file)).toString('base64');
  return page.evaluate(async (url, text) => {
    const { default: init, Classifier, Slices } = await import(url);
    // The module that the page reads with: another rounds otherwise.
    const { modulePath } = await import(new URL('../common/published.js', url).href);
    await init({ module_or_path: new URL(`../${await modulePath()}`, url) });
    const bytes = () => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const classifier = new Classifier();
    const [reading] = classifier.classify(bytes(), 'a');
    const slices = new Slices(bytes());
    const { kind, values, input } = slices.pixels(0);
    let missing = null;
    try {
      slices.pixels(slices.length);
    } catch (error) {
      missing = error.code;
    }
    return {
      picture: [...reading.picture.gray],
      score: reading.score,
      logit: reading.logit,
      logitOfInput: classifier.logits(input.values)[0],
      size: classifier.model().size,
      input: [...input.gray],
      kind,
      type: values.constructor.name,
      values: [...values],
      missing,
    };
  }, new URL('pkg/lungglass.js', PAGE).href, base64);
}

test('presets and manual windows show what DICOM says, and inversion turns it round', async () => {
  const { visit, page, open, decoded, gray, press, text, frame, centre, leave } = await desktop([SAMPLE], 1);
  await open();
  await decoded();
  const { values } = await hounsfield(UNCOMPRESSED);
  const expected = (center, width) => values.map((value) => shown(value, center, width));
  for (const [name, center, width] of [['lung', -600, 1500], ['mediastinum', 40, 400], ['bone', 400, 1800], ['network', -600, 1500]]) {
    await page.select(id('window-preset'), name);
    assertLevels((await gray()).levels, expected(center, width), name);
    assert.deepEqual(await page.$$eval(`${id('window-center')}, ${id('window-width')}`, (fields) => fields.map((field) => field.valueAsNumber)), [center, width]);
  }
  assert.match(await text('window-told'), /changes only what you see.*\u2212600.*1500/);

  const type = async (name, value) => {
    await page.click(id(name), { count: 3 });
    await page.keyboard.type(value);
  };
  await type('window-center', '-50');
  await type('window-width', '350');
  await frame();
  assert.equal(await page.$eval(id('window-preset'), (box) => box.value), 'custom');
  assertLevels((await gray()).levels, expected(-50, 350), 'by hand');
  // What is no window changes nothing, and is put right.
  await type('window-width', '0');
  await frame();
  assertLevels((await gray()).levels, expected(-50, 350), 'no width');
  await press('Tab');
  assert.equal(await page.$eval(id('window-width'), (field) => field.value), '350');

  await page.focus(id('viewer-stage'));
  await press('2');
  assert.equal(await page.$eval(id('window-preset'), (box) => box.value), 'mediastinum');
  await press('i');
  assertLevels((await gray()).levels, expected(40, 400).map((level) => 255 - level), 'inverted');
  await press('i');

  // The right button, and the main one once its tool is chosen, set the window.
  const [x, y] = await centre();
  const drag = async (button) => {
    await page.mouse.move(x, y);
    await page.mouse.down({ button });
    await page.mouse.move(x + 20, y - 10);
    await page.mouse.up({ button });
    await frame();
  };
  await drag('right');
  assertLevels((await gray()).levels, expected(20, 440), 'dragged with the right button');
  await page.click(id('tool-window'));
  await drag('left');
  assertLevels((await gray()).levels, expected(0, 480), 'dragged with the tool');

  await page.focus(id('viewer-stage'));
  await press('r');
  assertLevels((await gray()).levels, expected(-600, 1500), 'reset');

  await page.mouse.move(x, y);
  assert.match(await text('viewer-probe'), /^(\u2212)?\d+ HU$/);
  assert.deepEqual(visit.complaints(), []);
  await leave();
});

test('units that are no whole numbers are shown as exactly', async () => {
  const { page, leave } = await desktop([SAMPLE], 1);
  // The values of the tests in src/window.rs, and some between.
  const units = [-1350, -3024, 149, 3071, -600.5, NaN, -Infinity, Infinity, -100.25, 0.75];
  const levels = await page.evaluate(async (units) => {
    const { paint } = await import('./viewer/display-window.js');
    const canvas = document.createElement('canvas');
    const pixels = { width: units.length, height: 1, kind: 'hu', values: Float32Array.from(units, Number) };
    paint(canvas, pixels, { center: -600, width: 1500 }, false);
    const { data } = canvas.getContext('2d').getImageData(0, 0, units.length, 1);
    return units.map((_, i) => data[i * 4]);
  }, units.map(String));
  assert.deepEqual(levels, [0, 0, 255, 255, 128, 0, 0, 255, shown(-100.25, -600, 1500), shown(0.75, -600, 1500)]);
  await leave();
});

test('zoom and pan by keys, buttons, wheel and drag', async () => {
  const { visit, page, open, decoded, press, box, text, centre, leave } = await desktop([SAMPLE], 1);
  await open();
  await decoded();
  const stage = await page.$eval(id('viewer-stage'), (node) => ({ width: node.clientWidth, height: node.clientHeight }));
  const whole = await box();
  assert.ok(Math.abs(whole.height - Math.min(stage.width, stage.height)) < 1, 'it fits');
  await press('9');
  assert.ok(Math.abs((await box()).width - 512) < 0.5);
  assert.match(await text('viewer-scale'), /100%$/);
  await press('0', '+', '+');
  const enlarged = await box();
  assert.ok(Math.abs(enlarged.width / whole.width - 1.25 ** 2) < 0.01);
  await press('ArrowRight');
  assert.ok((await box()).x < enlarged.x - 30, 'the arrow shows what lies to the right');
  await page.keyboard.down('Shift');
  await press('ArrowDown');
  await page.keyboard.up('Shift');
  assert.ok((await box()).y < enlarged.y - 30);
  await press('-');
  assert.ok(Math.abs((await box()).width / whole.width - 1.25) < 0.01);
  await page.click(id('viewer-fit'));
  assert.deepEqual(await box(), whole);
  await page.click(id('viewer-in'));
  assert.ok(Math.abs((await box()).width / whole.width - 1.25) < 0.01);
  await page.click(id('viewer-out'));
  await page.click(id('viewer-actual'));
  assert.ok(Math.abs((await box()).width - 512) < 0.5);
  await page.click(id('viewer-fit'));

  const [x, y] = await centre();
  const point = [x + 100, y - 80];
  await page.mouse.move(...point);
  const at = (rect) => [(point[0] - rect.x) / rect.width, (point[1] - rect.y) / rect.height];
  const under = at(whole);
  await page.keyboard.down('Control');
  for (let i = 0; i < 4; i++) await page.mouse.wheel({ deltaY: -120 });
  await page.keyboard.up('Control');
  await page.waitForFunction((width) => document.querySelector('#viewer-sheet').getBoundingClientRect().width > width * 1.5, {}, whole.width);
  const wheeled = await box();
  assert.ok(at(wheeled).every((part, i) => Math.abs(part - under[i]) < 0.01), 'about the pointer');
  await page.mouse.down();
  await page.mouse.move(point[0] - 40, point[1] - 25);
  await page.mouse.up();
  const moved = await box();
  assert.ok(Math.abs(moved.x - wheeled.x + 40) < 1 && Math.abs(moved.y - wheeled.y + 25) < 1);
  await page.click(id('viewer-reset'));
  assert.deepEqual(await box(), whole);
  assert.deepEqual(visit.complaints(), []);
  await leave();
});

test('the stack: frames, pictures, refusals and broken files by keys, wheel and slider', async () => {
  const photo = await files.putCase(all.find((one) => isRefused(one) && one.name.startsWith('photo')));
  const broken = await files.putCase(all.find((one) => isError(one)));
  const { visit, page, open, decoded, press, text, gray, centre, leave } = await desktop([FRAMES, SAMPLE, photo, broken], 6);
  await open(0);
  await decoded(1);
  await page.select(id('window-preset'), 'mediastinum');
  for (let frame = 0; frame < 3; frame++) {
    if (frame > 0) await press('ArrowDown');
    await decoded(frame + 1);
    const { width, height, values } = await hounsfield(FRAMES, frame);
    const picture = await gray();
    assert.deepEqual([picture.width, picture.height], [width, height]);
    assertLevels(picture.levels, values.map((value) => shown(value, 40, 400)), `frame ${frame}`);
    assert.match(await text('viewer-position'), new RegExp(`^Slice ${frame + 1} of 3, native-s16-multi\\.dcm · frame ${frame}, Not judged$`));
    assert.match(await text('viewer-reading'), /61 x 45 pixels/);
  }
  assert.ok(await page.$eval(id('viewer-next'), (button) => button.disabled), 'the frames of a file are a stack');
  await press('ArrowUp');
  await decoded(2);
  await press('Escape');

  // What belongs to nothing is a stack too.
  await open(3);
  await decoded(1);
  assert.match(await text('viewer-position'), /^Slice 1 of 3, lidc-slice\.dcm, Score .*: \d\.\d{3}$/);
  await press('ArrowDown');
  await decoded(2);
  assert.ok(await page.$eval(id('window-preset'), (box) => box.disabled));
  assert.ok(await page.$eval(id('window-center'), (box) => box.disabled));
  assert.match(await text('window-told'), /holds no Hounsfield units/);
  const before = (await gray()).levels;
  await press('2');
  assert.deepEqual((await gray()).levels, before, 'no key changes the window either');
  await press('i');
  assert.deepEqual((await gray()).levels, before.map((level) => 255 - level), 'but it can be inverted');
  await press('i');

  await press('End');
  assert.match(await text('viewer-position'), /^Slice 3 of 3, .*Could not be read$/);
  assert.match(await text('viewer-note'), /no picture/);
  assert.ok((await page.$eval('.viewer-reading .reason', (node) => node.textContent)).length > 20);
  assert.equal((await gray()).width, 0);
  assert.ok(await page.$eval(id('viewer-next'), (button) => button.disabled));
  await press('PageUp');
  await decoded(1);
  await press('PageDown');
  assert.match(await text('viewer-position'), /^Slice 3 of 3/);
  await press('Escape');

  await open(0);
  await decoded(1);
  await page.focus(id('viewer-stack'));
  await press('ArrowRight', 'ArrowRight');
  await decoded(3);
  assert.equal(await page.$eval(id('viewer-stack'), (slider) => slider.getAttribute('aria-valuetext')), 'Slice 3 of 3');
  await page.click(id('viewer-previous'));
  await decoded(2);
  await page.click(id('viewer-next'));
  await decoded(3);
  await page.click(id('viewer-previous'));
  await page.click(id('viewer-previous'));
  await decoded(1);
  assert.equal(await page.evaluate(() => document.activeElement.dataset.testid), 'viewer-stage', 'a button that is switched off gives the focus away');
  await page.click('#viewer-window-told');
  await press('ArrowDown', 'ArrowDown');
  await decoded(3);
  const [x, y] = await centre();
  await page.mouse.move(x, y);
  await page.mouse.wheel({ deltaY: -100 });
  await decoded(2);
  await page.mouse.wheel({ deltaY: 100 });
  await decoded(3);
  await page.click(id('tool-scroll'));
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x, y - 26);
  await page.mouse.up();
  await decoded(1);
  assert.deepEqual(visit.complaints(), []);
  await leave();
});

test('a long stack: what was overtaken is not decoded, and the last one asked for is shown', async () => {
  const paths = [];
  for (let at = 0; at < 36; at++) {
    paths.push(`${files.folder}/long-${String(at).padStart(2, '0')}.dcm`);
    await writeFile(paths.at(-1), await placed({ height: -at }));
  }
  const { visit, page, open, decoded, press, stacked, leave } = await desktop(paths, 36);
  await page.click(id('view-cards'));
  await open(0);
  await stacked(36);
  await decoded(1);
  const worker = page.workers().at(-1);
  await worker.evaluate(async (url) => {
    const { Slices } = await import(url);
    const { pixels } = Slices.prototype;
    self.count = 0;
    Slices.prototype.pixels = function (frame) {
      self.count++;
      return pixels.call(this, frame);
    };
  }, new URL('pkg/lungglass.js', PAGE).href);
  // All at once, as a turned wheel does, without waiting for what is shown.
  await page.$eval(id('viewer-stack'), (slider) => {
    for (let at = 2; at <= 30; at++) {
      slider.value = at;
      slider.dispatchEvent(new Event('input'));
    }
  });
  await decoded(30);
  const count = await worker.evaluate(() => self.count);
  assert.ok(count >= 1 && count < 15, `${count} slices were decoded for one that is shown`);
  await press('ArrowUp');
  await decoded(29);
  assert.deepEqual(visit.complaints(), []);
  await leave();
});

test('a series of single files is one stack from head to feet, whatever the order of its files', async () => {
  // Two series, mixed, and a picture that belongs to neither.
  const slices = [[1, 10], [2, 5], [1, 40], [1, -20], [2, 15], [1, 25], [1, 0]];
  const paths = [];
  for (const [at, [series, height]] of slices.entries()) {
    paths.push(`${files.folder}/series-${at}.dcm`);
    await writeFile(paths.at(-1), await placed({ series, height, mark: 10 * height - 800 }));
  }
  paths.splice(3, 0, await files.putCase(all.find(({ name }) => name === 'lidc-lung-window')));
  const { visit, page, open, decoded, press, text, gray, centre, stacked, leave } = await desktop(paths, 8);
  const order = [40, 25, 10, 0, -20].map((height) => slices.findIndex(([series, own]) => series === 1 && own === height));
  const first = () => gray().then(({ levels }) => levels[0]);
  const file = () => page.$eval('#viewer-file', (node) => node.textContent);
  const isAt = async (number, window) => {
    await decoded(number);
    const at = order[number - 1];
    assert.match(await text('viewer-position'), new RegExp(`^Slice ${number} of 5, series-${at}\\.dcm`));
    assert.equal(await file(), `Series 1 · series-${at}.dcm`);
    const expected = shown(10 * slices[at][1] - 800, ...window);
    const found = await first();
    assert.ok(Math.abs(found - expected) <= 1, `slice ${number} shows its own pixels: ${found}, not ${expected}`);
  };
  // The card of the file at 10 mm: the third from the head.
  await open(0);
  await stacked(5);
  await isAt(3, [-600, 1500]);
  await page.select(id('window-preset'), 'custom');
  for (const [field, value] of [['window-center', '-900'], ['window-width', '1200']]) {
    await page.click(id(field), { count: 3 });
    await page.keyboard.type(value);
  }
  const window = [-900, 1200];
  await page.focus(id('viewer-stage'));
  await press('i', 'i', 'ArrowUp');
  await isAt(2, window);
  await press('PageUp');
  await isAt(1, window);
  await press('End');
  await isAt(5, window);
  const [x, y] = await centre();
  await page.mouse.move(x, y);
  await page.mouse.wheel({ deltaY: -100 });
  await isAt(4, window);
  assert.equal(await page.$eval(id('viewer-stack'), (slider) => slider.max), '5');
  assert.equal(await page.$eval(id('viewer-map'), (canvas) => canvas.hidden), false, 'the map goes along');

  // Another series and the picture are stacks of their own; a row of the table and a high slice lead to theirs.
  await press('Escape');
  await open(1);
  await stacked(2);
  await decoded(2);
  assert.equal(await file(), 'Series 2 · series-1.dcm');
  await press('Escape');
  await open(3);
  await decoded(1);
  assert.match(await text('viewer-position'), /^Slice 1 of 1, lidc-lung-window\.png/);
  assert.deepEqual(visit.complaints(), []);
  await leave();
});

test('the stack grows while its series is read, and the slice that is shown stays', async () => {
  const paths = [];
  for (let at = 0; at < 6; at++) {
    paths.push(`${files.folder}/grows-${at}.dcm`);
    await writeFile(paths.at(-1), await placed({ series: 7, height: at * 10 }));
  }
  const { visit, page, open, stacked, text, leave } = await desktop(paths.slice(0, 2), 2);
  await open(0);
  await stacked(2);
  assert.match(await text('viewer-position'), /^Slice 2 of 2, grows-0/);
  // More files arrive under the open viewer, as from a batch that is still read.
  await visit.choose(paths.slice(2));
  await stacked(6);
  assert.match(await text('viewer-position'), /^Slice 6 of 6, grows-0/);
  assert.deepEqual(visit.complaints(), []);
  await leave();
});

test('of a long series the loader keeps no more pixels than it may', async () => {
  const origins = Array.from({ length: 120 }, (_, frameIndex) => ({ file: new Blob([String(frameIndex)]), frameIndex: 0 }));
  let opened = 0;
  const client = {
    state: 'idle',
    async start() { this.state = 'ready'; },
    stop() {},
    async open() { opened++; },
    pixels: async () => ({ values: new Int16Array(1 << 20), input: { gray: new Float32Array(1 << 10) } }),
  };
  const told = new Map();
  const loader = new Loader(() => client, (origin) => told.get(origin)?.());
  for (const [at, origin] of origins.entries()) {
    const loaded = new Promise((resolve) => told.set(origin, resolve));
    loader.want(origins.slice(at, at + 1));
    await loaded;
    const held = origins.filter((other) => loader.get(other));
    assert.ok(held.includes(origin));
    assert.ok(held.length <= 32, `${held.length} slices of 2 MB are held`);
  }
  assert.equal(opened, origins.length, 'each was opened on demand');
  assert.equal(loader.get(origins[0]), undefined);
  loader.stop();
  assert.equal(loader.get(origins.at(-1)), undefined);
});

test('map and outline over the slice', async () => {
  const { visit, page, open, decoded, press, leave } = await desktop([SAMPLE], 1);
  await open();
  await decoded();
  const map = () => page.$eval(id('viewer-map'), painted);
  const lungs = () => page.$eval(id('viewer-lungs'), painted);
  const [first, outline] = [await map(), await lungs()];
  assert.ok(first.count > 500 && first.blue === 0, 'the map is warm, and has no outline of its own');
  assert.ok(outline.count > 500 && outline.blue === outline.count, 'the outline is blue');

  const opacity = () => page.$eval(id('viewer-map'), (canvas) => Number(getComputedStyle(canvas).opacity));
  await page.focus(id('viewer-strength'));
  await press('End');
  assert.equal(await opacity(), 1);
  await press('Home');
  assert.equal(await opacity(), 0.1);
  await page.click(id('viewer-map-shown'));
  assert.equal((await map()).count, 0);
  assert.equal((await lungs()).count, outline.count, 'one without the other');
  assert.ok(await page.$eval(id('viewer-strength'), (slider) => slider.disabled));
  await press('l');
  assert.equal((await lungs()).count, 0);
  await press('m');
  assert.equal((await map()).count, first.count);
  await press('l');
  assert.equal((await lungs()).count, outline.count);
  assert.deepEqual(visit.complaints(), []);
  await leave();
});

test('opacity has a colour for each kind, as strong as it is likely and lung', async () => {
  const { page, leave } = await desktop([SAMPLE], 1);
  const pixels = await page.evaluate(async () => {
    const { paintOpacity } = await import('./common/heatmap.js');
    const canvas = document.createElement('canvas');
    const grid = (values) => Float32Array.from(values);
    const opacity = { width: 5, height: 1, ground_glass: grid([1, 0, 0.4, 0.7, 1]), consolidation: grid([0, 1, 0.2, 0.8, 1]) };
    paintOpacity(canvas, opacity, { width: 5, height: 1, values: grid([1, 1, 1, 0.6, 0]) }, 5, 1);
    const { data } = canvas.getContext('2d').getImageData(0, 0, 5, 1);
    return [0, 1, 2, 3, 4].map((at) => [...data.slice(4 * at, 4 * at + 4)]);
  });
  const isYellow = ([red, green, blue]) => red > 200 && green > 200 && blue < 120;
  const isMagenta = ([red, green, blue]) => red > 200 && green < 90 && blue > 170;
  assert.ok(isYellow(pixels[0]) && isMagenta(pixels[1]) && isYellow(pixels[2]) && isMagenta(pixels[3]), JSON.stringify(pixels));
  assert.deepEqual(pixels.map((pixel) => pixel[3]), [255, 255, 153, 153, 0]);
  await leave();
});

test('the map shows where the score comes from, or the opacity', async () => {
  const { visit, page, open, decoded, press, leave } = await desktop([SAMPLE], 1);
  await open();
  await decoded();
  const seen = () => page.$eval(id('viewer-map'), (canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const colours = new Set();
    // What is faint is rounded on its way through the canvas.
    for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 127) colours.add(data[i + 1] > 200 ? 'yellow' : data[i + 2] > 150 ? 'magenta' : 'orange');
    return { colours: [...colours].sort(), label: canvas.getAttribute('aria-label') };
  });
  const isKeyShown = () => page.$eval(id('viewer-opacity-key'), (key) => key.checkVisibility());
  const score = await seen();
  assert.deepEqual([score.label, await isKeyShown()], ['Map of what moved the score', false]);
  assert.ok(score.colours.every((colour) => colour === 'orange'));
  await press('o');
  const opacity = await seen();
  assert.deepEqual([opacity.label, await isKeyShown()], ['Map of the opacity', true]);
  assert.ok(opacity.colours.every((colour) => colour !== 'orange'), opacity.colours.join());
  assert.ok(await page.$eval(id('viewer-map-of-opacity'), (choice) => choice.checked));
  await press('o');
  assert.deepEqual(await seen(), score);
  await page.click(id('viewer-map-of-opacity'));
  assert.deepEqual(await seen(), opacity);
  await press('m');
  assert.ok(await page.$eval(id('viewer-map'), (canvas) => canvas.hidden));
  assert.ok(await page.$$eval('[name="viewer-map-of"]', (choices) => choices.every((choice) => choice.disabled)));
  assert.deepEqual(visit.complaints(), []);
  await leave();
});

test('what the network was given is exactly that', async () => {
  const picture = await files.putCase(all.find(({ name }) => name === 'lidc-lung-window'));
  const { visit, page, open, decoded, press, gray, text, leave } = await desktop([SAMPLE, picture], 2);
  await open();
  await decoded(1);
  assert.equal(await page.$(`${id('viewer-input')}:not([hidden] *)`), null, 'on demand only');
  for (const [number, file] of [[1, SAMPLE], [2, picture]]) {
    if (number === 2) await press('ArrowDown');
    else await press('n');
    await decoded(number);
    const read = await library(page, file);
    assert.equal(read.logitOfInput, read.logit, 'the input has the logit of the reading');
    const { width, height, levels } = await gray('viewer-input');
    assert.deepEqual([width, height], [read.size, read.size]);
    assert.deepEqual(levels, read.input.map(Math.round));
    assert.equal(read.kind, number === 1 ? 'hu' : 'gray');
    assert.equal(read.type, number === 1 ? 'Int16Array' : 'Uint8Array');
    if (number === 1) assert.deepEqual(read.values, (await hounsfield(UNCOMPRESSED)).values);
    assert.equal(read.missing, 'argument');
  }
  assert.match(await page.$eval('#viewer-input', (figure) => figure.textContent), /exactly as given to the network/);
  // The display window is no matter of the network.
  await press('Home', '2');
  await decoded(1);
  const read = await library(page, SAMPLE);
  assert.deepEqual((await gray('viewer-input')).levels, read.input.map(Math.round));
  await press('n');
  assert.equal((await gray('viewer-input')).width, 0);
  assert.match(await text('viewer-position'), /^Slice 1/);
  assert.deepEqual(visit.complaints(), []);
  await leave();
});

test('entries of an archive are found again', async () => {
  const archive = await zipOf(`${files.folder}/made.zip`, { 'series/one.dcm': FRAMES, 'notes.txt': path('tests/dicom/README.md'), 'series/two.dcm': path('tests/dicom/native-u12.dcm') });
  const { visit, open, decoded, press, gray, text, leave } = await desktop([archive], 4);
  await open(3);
  await decoded(4);
  assert.match(await text('viewer-position'), /made\.zip!series\/two\.dcm/);
  await press('ArrowUp');
  await decoded(3);
  await press('3');
  assertLevels((await gray()).levels, (await hounsfield(FRAMES, 2)).values.map((value) => shown(value, 400, 1800)), 'frame 2 of the first entry');
  assert.deepEqual(visit.complaints(), []);
  await leave();
});

test('without the file the kept picture is shown, and why', async () => {
  const gone = await files.put(SAMPLE, 'gone.dcm');
  const kept = await files.put(SAMPLE, 'kept.dcm');
  const { visit, page, open, decoded, press, gray, text, leave } = await desktop([gone, kept], 2);
  await rm(gone);
  await open();
  await page.waitForSelector('[data-pixels="kept"]');
  assert.match(await text('viewer-note'), /cannot be opened again/);
  assert.match(await text('window-told'), /Without the file/);
  assert.ok(await page.$eval(id('window-preset'), (box) => box.disabled));
  assert.deepEqual((await gray()).levels, (await library(page, SAMPLE)).picture);
  await press('n');
  assert.match(await page.$eval('#viewer-input', (figure) => figure.textContent), /cannot be read now/);
  await press('ArrowDown');
  await decoded(2);
  assert.equal(await text('viewer-note'), '');
  assert.equal(await page.$eval(id('window-preset'), (box) => box.disabled), false);
  assert.ok((await gray('viewer-input')).width > 0);
  // The browser tells of the failed read on the console.
  assert.deepEqual(visit.complaints().filter((line) => !/ERR_FILE_NOT_FOUND|NotFound/.test(line)), []);
  await leave();
});

test('a crash of its worker costs one slice', async () => {
  const { visit, page, open, decoded, press, text, leave } = await desktop([FRAMES], 3);
  await open();
  await decoded(1);
  await page.workers().at(-1).evaluate(async (url) => {
    const { Slices } = await import(url);
    Slices.prototype.pixels = () => { throw new WebAssembly.RuntimeError('unreachable'); };
  }, new URL('pkg/lungglass.js', PAGE).href);
  await page.$eval(id('viewer-stack'), (slider) => {
    slider.value = 3;
    slider.dispatchEvent(new Event('input'));
  });
  await page.waitForFunction(() => ['full', 'kept'].includes(document.querySelector('#viewer-sheet').dataset.pixels));
  await press('Home');
  await decoded(1);
  assert.match(await text('viewer-position'), /^Slice 1 of 3/);
  assert.deepEqual(visit.complaints(), []);
  await leave();
});

test('keys are told in the viewer', async () => {
  const { page, open, press, leave } = await desktop([SAMPLE], 1);
  await open();
  const list = () => page.$eval(id('viewer-keys'), (details) => [details.open, details.innerText]);
  assert.equal((await list())[0], false);
  await press('?');
  const [isOpen, told] = await list();
  assert.ok(isOpen);
  assert.match(told, /PgUp[\s\S]*invert[\s\S]*Drag with the right button/);
  await press('?');
  assert.equal((await list())[0], false);
  await leave();
});

for (const { code } of languages) {
  test(`${code}: the viewer fits a phone, in both schemes, and axe finds nothing`, async () => {
    const broken = await files.putCase(all.find(isError));
    const png = await files.putCase(all.find((one) => isJudged(one) && one.input.endsWith('.png')));
    const visit = await browser.visit({
      viewport: PHONE,
      prepare: (page) => page.evaluateOnNewDocument((code) => {
        Object.defineProperty(Navigator.prototype, 'languages', { get: () => [code] });
        localStorage.clear();
      }, code),
    });
    const { page } = visit;
    await visit.accept();
    await visit.choose([SAMPLE, png, broken]);
    await visit.results(3);
    await page.evaluate(axe);
    await page.tap(id('open-viewer'));
    await page.waitForSelector('[data-pixels="full"]');
    for (const [number, scheme] of [[1, 'light'], [2, 'dark'], [3, 'light']]) {
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
      if (number > 1) await page.tap(id('viewer-next'));
      if (number === 1) await page.$eval(id('viewer-keys'), (details) => { details.open = true; });
      if (number === 2) await page.$eval(id('viewer-input-shown'), (box) => box.click());
      const wide = await page.$$eval('#viewer :is(button, select, p, dt, dd, label, legend, figcaption, h2, .verdict)', (nodes) => nodes
        .filter((node) => node.checkVisibility() && !node.matches('.viewer-file') && node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).display !== 'inline')
        .map((node) => node.textContent));
      assert.deepEqual(wide, [], `${number}: text wider than its place`);
      const over = await page.$$eval('#viewer *', (nodes, width) => nodes
        .filter((node) => node.checkVisibility() && !node.closest('#viewer-stage, .aloud') && node.getBoundingClientRect().right > width + 1)
        .map((node) => node.outerHTML.slice(0, 120)), PHONE.width);
      assert.deepEqual(over, [], `${number}: beyond the side`);
      const { violations } = await page.evaluate(() => window.axe.run(document, { preload: false, resultTypes: ['violations'] }));
      assert.deepEqual(violations.map(({ id: rule, nodes }) => `${number}: ${rule}: ${nodes.map((node) => node.html).join(' ')}`), []);
      await visit.shot(`viewer-${code}-${number}`);
    }
    assert.deepEqual(visit.complaints(), []);
    await visit.close();
  });
}
