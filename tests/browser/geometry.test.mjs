// How a slice lies and how large it is, as the viewer says it: letters, scale bar, aspect, the value under the pointer, what is measured. The
// right answers come from the headers, from pydicom and by hand.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { lengthOf, regionOf, scaleBar } from '../../www/viewer/measure.js';
import { Placement } from '../../www/viewer/placement.js';
import { CHANGES, pointBehind, sidesOf, turnedPoint, UPRIGHT } from '../../www/viewer/turn.js';
import { WHOLE } from '../../www/viewer/view.js';
import { placed, rewritten, without } from './series.mjs';
import { all, files } from './suite.mjs';
import { desktop, hounsfield } from './viewing.mjs';
import { id, PHONE } from './visit.mjs';

const path = (name) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const PROBE = JSON.parse(await readFile(new URL('probe.json', import.meta.url)));
const ORIENTATION = ['0020,0037', 'DS'];
const SPACING = ['0028,0030', 'DS'];

/** The eight ways in which an axial slice can be stored: its cosines, and where a stored pixel (column, row) of 512 x 512 is seen. */
const WAYS = {
  '1\\0\\0\\0\\1\\0': (c, r) => [c, r],
  '-1\\0\\0\\0\\1\\0': (c, r) => [511 - c, r],
  '1\\0\\0\\0\\-1\\0': (c, r) => [c, 511 - r],
  '-1\\0\\0\\0\\-1\\0': (c, r) => [511 - c, 511 - r],
  '0\\1\\0\\1\\0\\0': (c, r) => [r, c],
  '0\\1\\0\\-1\\0\\0': (c, r) => [511 - r, c],
  '0\\-1\\0\\1\\0\\0': (c, r) => [r, 511 - c],
  '0\\-1\\0\\-1\\0\\0': (c, r) => [511 - r, 511 - c],
};

/** What the viewer says of the sides of the patient: left, right, top, bottom. */
const letters = (page) => page.evaluate(() => ['left', 'right', 'top', 'bottom'].map((side) => document.querySelector(`[data-testid="side-${side}"]`).textContent).join(''));

/** Moves the mouse to the middle of a pixel of the slice as it is seen, of `columns` of them. */
async function point(page, box, columns, [column, row]) {
  const { x, y, width } = await box();
  const scale = width / columns;
  await page.mouse.move(x + (column + 0.5) * scale, y + (row + 0.5) * scale);
}

const told = (value) => `${String(value).replace('-', '\u2212')} HU`;

test('a turn moves points and letters alike, and back', () => {
  const size = { width: 5, height: 3 };
  const all = new Set();
  for (let way = UPRIGHT, at = 0; at < 8; at++) {
    all.add(JSON.stringify(way));
    for (const [x, y] of [[0, 0], [5, 3], [1.5, 2]]) {
      const seen = turnedPoint(way, size, { x, y });
      assert.deepEqual(pointBehind(way, size, seen), { x, y });
    }
    way = CHANGES[at === 3 ? 'sides' : 'right'].turn(way);
  }
  assert.equal(all.size, 8);
  const seen = (...changes) => changes.reduce((turn, change) => CHANGES[change].turn(turn), UPRIGHT);
  const sides = (orientation, ...changes) => { const { left, right, top, bottom } = sidesOf(orientation, seen(...changes)); return `${left}${right} ${top}${bottom}`; };
  assert.equal(sides('L\\P'), 'RL AP');
  assert.equal(sides('L\\P', 'right'), 'PA RL');
  assert.equal(sides('L\\P', 'sides'), 'LR AP');
  assert.equal(sides('L\\P', 'ends'), 'RL PA');
  assert.equal(sides('L\\P', 'right', 'right'), 'LR PA');
  assert.equal(sides('L\\P', 'right', 'sides'), 'AP RL');
  assert.equal(sides('L\\F'), 'RL HF');
  assert.equal(sides('P\\F'), 'AP HF');
  for (const nothing of [null, '', 'L', 'L\\', '\\P', 'X\\P', 'L\\P\\H']) assert.equal(sidesOf(nothing, UPRIGHT), null);
  // What changes the view changes what is seen: the middle of the left side, seen after each.
  for (const change of Object.keys(CHANGES)) {
    const turn = CHANGES[change].turn(UPRIGHT);
    const { x, y } = turnedPoint(turn, size, { x: 0, y: 1.5 });
    const shape = turn.quarters % 2 ? [3, 5] : [5, 3];
    assert.deepEqual({ x: x / shape[0], y: y / shape[1] }, CHANGES[change].point({ x: 0, y: 0.5 }));
  }
  const placement = new Placement(WHOLE, { width: 100, height: 100 }, size, seen('right'));
  assert.deepEqual(placement.box, { left: 20, top: 0, width: 60, height: 100 });
  assert.deepEqual(placement.onStage({ x: 0, y: 0 }), { x: 80, y: 0 });
  assert.deepEqual(placement.inSlice({ x: 20, y: 100 }), { x: 5, y: 3 });
  assert.deepEqual(placement.matrix, [0, 1, -1, 0, 60, 0]);
});

test('a scale bar is round and fits; lengths and regions are those of the header', () => {
  assert.deepEqual(scaleBar(2, 200), { millimetres: 100, length: 200 });
  assert.deepEqual(scaleBar(2, 199), { millimetres: 50, length: 100 });
  assert.deepEqual(scaleBar(1.3, 120), { millimetres: 50, length: 65 });
  assert.deepEqual(scaleBar(40, 120), { millimetres: 2, length: 80 });
  for (const none of [[0, 100], [NaN, 100], [Infinity, 100], [1, 0], [-1, 10]]) assert.equal(scaleBar(...none), null);
  const line = { kind: 'length', from: { x: 10, y: 20 }, to: { x: 13, y: 24 } };
  assert.equal(lengthOf(line, null), 5);
  assert.equal(lengthOf(line, [2, 2]), 10);
  assert.equal(lengthOf(line, [4, 0.75]), Math.hypot(12, 3));
  // A disc of radius 2 about the corner of four pixels: all whose middle is within.
  const values = Float32Array.from({ length: 36 }, (_, at) => at);
  const { area, values: found } = regionOf({ kind: 'region', from: { x: 1, y: 1 }, to: { x: 5, y: 5 } }, { width: 6, height: 6, kind: 'hu', values }, [0.5, 0.5]);
  assert.ok(Math.abs(area - Math.PI) < 1e-12);
  const inside = [...values].filter((_, at) => Math.hypot(at % 6 + 0.5 - 3, Math.floor(at / 6) + 0.5 - 3) <= 2);
  assert.deepEqual([found.count, found.mean, found.least, found.greatest], [inside.length, 17.5, Math.min(...inside), Math.max(...inside)]);
  assert.ok(Math.abs(found.deviation - Math.sqrt(inside.reduce((sum, value) => sum + (value - 17.5) ** 2, 0) / inside.length)) < 1e-9);
  assert.equal(regionOf({ kind: 'region', from: { x: 1, y: 1 }, to: { x: 1.2, y: 1.2 } }, { width: 6, height: 6, kind: 'hu', values }, null).values, null);
  // Drawn over the side, it is what there is of the slice.
  assert.equal(regionOf({ kind: 'region', from: { x: -10, y: -10 }, to: { x: 20, y: 20 } }, { width: 6, height: 6, kind: 'hu', values }, null).values.count, 36);
});

test('a slice stored in any of eight ways is shown with the sides of the patient where they are, and its own values', async () => {
  const paths = [];
  for (const [at, cosines] of Object.keys(WAYS).entries()) {
    paths.push(`${files.folder}/way-${at}.dcm`);
    await writeFile(paths.at(-1), rewritten(await placed({ height: 0, series: at + 1 }), ...ORIENTATION, cosines));
  }
  const { values } = await hounsfield(paths[0]);
  const { visit, page, open, decoded, press, box, text, leave } = await desktop(paths, 8);
  for (const [at, seen] of Object.values(WAYS).entries()) {
    await open(at);
    await decoded();
    assert.equal(await letters(page), 'RLAP', `way ${at}`);
    assert.equal(await text('viewer-sides'), 'Sides of the patient: left R, right L, top A, bottom P');
    for (const [column, row] of [[300, 200], [100, 260], [411, 399]]) {
      await point(page, box, 512, seen(column, row));
      assert.equal(await text('viewer-probe'), told(values[row * 512 + column]), `way ${at}, ${column} ${row}`);
    }
    await press('Escape');
  }
  assert.deepEqual(visit.complaints(), []);
  await leave();
});

test('turned and mirrored by hand, letters, values and scale follow', async () => {
  const oblique = `${files.folder}/coronal.dcm`;
  const unknown = `${files.folder}/unknown.dcm`;
  const tall = `${files.folder}/tall.dcm`;
  await writeFile(oblique, rewritten(await placed({ height: 0, series: 21 }), ...ORIENTATION, '1\\0\\0\\0\\0\\-1'));
  await writeFile(unknown, without(without(await placed({ height: 0, series: 22 }), ...ORIENTATION), ...SPACING));
  await writeFile(tall, rewritten(await placed({ height: 0, series: 23 }), ...SPACING, '1.25\\0.625'));
  const png = await files.putCase(all.find(({ name }) => name === 'lidc-lung-window'));
  const sample = path(PROBE.file);
  const { visit, page, open, decoded, press, box, text, leave } = await desktop([sample, oblique, unknown, tall, png], 5);
  await open(0);
  await decoded();
  const points = PROBE.points.slice(0, 5);
  const looks = async (wanted, seen, what) => {
    assert.equal(await letters(page), wanted, what);
    for (const [column, row, value] of points) {
      await point(page, box, 512, seen(column, row));
      assert.equal(await text('viewer-probe'), told(value), `${what}: ${column} ${row}`);
    }
  };
  await looks('RLAP', (c, r) => [c, r], 'as it is');
  await press('t');
  await looks('PARL', (c, r) => [511 - r, c], 'turned to the right');
  await press('h');
  await looks('APRL', (c, r) => [r, c], 'then mirrored');
  await press('h', 't', 't', 't', 'v');
  await looks('RLPA', (c, r) => [c, 511 - r], 'upside down');
  await press('r');
  await looks('RLAP', (c, r) => [c, r], 'reset');
  for (const [button, wanted] of [['viewer-turn', 'PARL'], ['viewer-mirror-sides', 'APRL'], ['viewer-mirror-ends', 'APLR'], ['viewer-reset', 'RLAP']]) {
    await page.click(id(button));
    assert.equal(await letters(page), wanted, button);
  }

  // 0.625 mm a pixel.
  const bar = () => page.evaluate(() => {
    const node = document.querySelector('#viewer-bar');
    return node.hidden ? null : { millimetres: Number(node.dataset.millimetres), width: document.querySelector('#viewer-bar-line').getBoundingClientRect().width, text: node.textContent };
  });
  const checkBar = async (across) => {
    const [{ millimetres, width, text: said }, { width: slice }] = [await bar(), await box()];
    assert.ok(Math.abs(width / slice - millimetres / across) < 0.005, `${millimetres} mm are ${width} of ${slice} pixels`);
    assert.ok(width > 40 && width <= 200, `${width}`);
    assert.match(said, millimetres >= 10 ? new RegExp(`^${millimetres / 10} cm$`) : new RegExp(`^${millimetres} mm$`));
  };
  await checkBar(320);
  await press('+', '+', '+', '+', '+', '+');
  await checkBar(320);
  await press('r', 'Escape');

  await open(1);
  await decoded();
  assert.equal(await letters(page), 'RLHF', 'coronal: head up');
  await press('Escape');
  for (const at of [2, 4]) {
    await open(at);
    await decoded();
    assert.equal(await letters(page), '', 'nothing is made up');
    assert.equal(await text('viewer-sides'), 'Sides unknown');
    assert.equal(await bar(), null, 'no scale without millimetres');
    assert.match(await text('viewer-facts'), /Pixel sizeunknown/);
    assert.ok(await page.$eval(id('viewer-sides'), (node) => node.getBoundingClientRect().width > 30), 'and it is seen');
    await press('Escape');
  }
  await open(3);
  await decoded();
  const { width, height } = await box();
  assert.ok(Math.abs(height / width - 2) < 0.01, 'twice as high as wide, in millimetres');
  await checkBar(320);
  assert.match(await text('viewer-facts'), /Pixel size0\.625 × 0\.625 mm/);
  assert.deepEqual(visit.complaints(), []);
  await leave();
});

test('the value under the pointer is that of pydicom, and follows what is drawn', async () => {
  const [first, second] = [`${files.folder}/probe-1.dcm`, `${files.folder}/probe-2.dcm`];
  const { values } = await hounsfield(path(PROBE.file));
  await writeFile(first, await placed({ height: 10, series: 31 }));
  // The same slice upside down, below it: other values everywhere.
  const bytes = await placed({ height: 0, series: 31 });
  await writeFile(second, rewritten(bytes, ...ORIENTATION, '1\\0\\0\\0\\-1\\0'));
  const { visit, page, open, decoded, press, box, text, stacked, frame, leave } = await desktop([path(PROBE.file), first, second], 3);
  await open(0);
  await decoded();
  for (const [column, row, value] of PROBE.points) {
    await point(page, box, 512, [column, row]);
    assert.equal(await text('viewer-probe'), told(value), `${column} ${row}`);
  }
  await press('Escape');

  await open(1);
  await stacked(2);
  await decoded(1);
  const at = [330, 200];
  const value = (row, column = at[0]) => told(values[row * 512 + column]);
  await point(page, box, 512, at);
  assert.equal(await text('viewer-probe'), value(200));
  await page.mouse.wheel({ deltaY: 100 });
  await decoded(2);
  assert.equal(await text('viewer-probe'), value(311), 'after a step of the wheel');
  await press('ArrowUp');
  await decoded(1);
  assert.equal(await text('viewer-probe'), value(200), 'after a step by key');

  const { x, y, width } = await box();
  const here = [x + (at[0] + 0.5) * width / 512, y + (at[1] + 0.5) * width / 512];
  const under = async () => {
    const now = await box();
    const scale = now.width / 512;
    const [column, row] = [Math.floor((here[0] - now.x) / scale), Math.floor((here[1] - now.y) / scale)];
    return value(row, column);
  };
  for (const key of ['+', '+', '+', 'ArrowRight', 'ArrowLeft', 'ArrowLeft', '-', '9', '0']) {
    await press(key);
    assert.equal(await text('viewer-probe'), await under(), `after ${key}`);
  }
  await page.keyboard.down('Control');
  await page.mouse.wheel({ deltaY: -120 });
  await page.keyboard.up('Control');
  await frame();
  assert.equal(await text('viewer-probe'), await under(), 'after the wheel enlarged it');
  // A smaller window of the browser: the slice lies elsewhere under the same point.
  await press('0');
  await page.setViewport({ width: 1000, height: 800 });
  await frame();
  await page.waitForFunction(() => document.querySelector('#viewer-stage').clientWidth < 800);
  await frame();
  assert.equal(await text('viewer-probe'), await under(), 'in another window');
  assert.deepEqual(visit.complaints(), []);
  await leave();
});

test('the value follows a finger, and the crosshair', async () => {
  const { visit, page, open, decoded, box, text, press, leave } = await desktop([path(PROBE.file)], 1, { viewport: PHONE });
  await open();
  await decoded();
  const session = await page.createCDPSession();
  const touch = (type, ...points) => session.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, y], i) => ({ x, y, id: i })) });
  const { values } = await hounsfield(path(PROBE.file));
  const place = async (column, row) => {
    const { x, y, width } = await box();
    return [x + (column + 0.5) * width / 512, y + (row + 0.5) * width / 512];
  };
  const [tapped] = [await place(120, 250)];
  await touch('touchStart', tapped);
  await touch('touchEnd');
  const under = async ([px, py]) => {
    const { x, y, width } = await box();
    return told(values[Math.floor((py - y) / width * 512) * 512 + Math.floor((px - x) / width * 512)]);
  };
  assert.equal(await text('viewer-probe'), await under(tapped), 'a touch shows the value');
  await press('+', '+');
  assert.equal(await text('viewer-probe'), await under(tapped), 'and it stays true');
  await press('0', 'x');
  const start = await text('viewer-probe');
  assert.equal(start, told(values[256 * 512 + 256]), 'the crosshair is in the middle');
  await press('ArrowLeft', 'ArrowUp');
  assert.equal(await text('viewer-probe'), told(values[255 * 512 + 255]));
  await page.keyboard.down('Shift');
  await press('ArrowLeft');
  await page.keyboard.up('Shift');
  assert.equal(await text('viewer-probe'), told(values[255 * 512 + 245]));
  assert.equal(await text('viewer-said'), told(values[255 * 512 + 245]), 'and is said');
  await press('+', '+', 't');
  assert.equal(await text('viewer-probe'), told(values[255 * 512 + 245]), 'it stays on its pixel');
  await press('ArrowUp');
  assert.equal(await text('viewer-probe'), told(values[255 * 512 + 244]), 'and up is up, however the slice is turned');
  await press('Escape');
  assert.equal(await text('viewer-probe'), '');
  assert.ok(await page.$eval(id('viewer'), (dialog) => dialog.open), 'Escape put the crosshair away, and not the viewer');
  await press('Escape');
  assert.equal(await page.$eval(id('viewer'), (dialog) => dialog.open), false);
  assert.deepEqual(visit.complaints(), []);
  await leave();
});

test('what a slice is found again by is said, and no name, id or date', async () => {
  const paths = [];
  for (const [at, height] of [120.5, 115, -3.25].entries()) {
    paths.push(`${files.folder}/found-${at}.dcm`);
    let bytes = await placed({ height, series: 41 });
    for (const [tag, vr, value] of [
      ['0020,0013', 'IS', String(80 + at)], ['0018,1210', 'SH', 'B60f'], ['0020,0100', 'IS', '2'],
      ['0010,0010', 'PN', 'SECRET^NAME'], ['0010,0020', 'LO', 'SECRET-ID'], ['0008,0020', 'DA', '20200317'], ['0008,103E', 'LO', 'SECRET SERIES'],
    ]) bytes = rewritten(bytes, tag, vr, value);
    await writeFile(paths.at(-1), bytes);
  }
  const { visit, page, open, decoded, press, text, stacked, leave } = await desktop([...paths, path('tests/dicom/native-s16-multi.dcm')], 6);
  await open(0);
  await stacked(3);
  await decoded(1);
  assert.equal(await text('viewer-place'), 'image 80 · 120.5 mm');
  const facts = () => page.$$eval('#viewer-facts div', (rows) => Object.fromEntries(rows.map((row) => [...row.children].map((part) => part.textContent))));
  assert.deepEqual(await facts(), {
    'Instance number': '80', Position: '120.5 mm (positive towards the head)', Thickness: '1 mm', Kernel: 'B60f', Phase: '2', 'Images here': '3', 'Pixel size': '0.625 × 0.625 mm',
  });
  assert.equal(await text('viewer-selection'), 'of the selection', 'three files of a series that may have more');
  await press('End');
  assert.equal(await text('viewer-place'), 'image 82 · \u22123.25 mm');
  assert.doesNotMatch(await page.$eval('#viewer', (dialog) => dialog.innerText), /SECRET|2020/);
  await press('Escape');
  await open(3);
  await stacked(3);
  assert.equal(await text('viewer-selection'), '', 'the frames of a file are all there');
  assert.deepEqual(visit.complaints(), []);
  await leave();
});
