// Measuring, finding the high slices, playing a stack: by hand, and the whole job by keyboard alone.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hazy, placed } from './series.mjs';
import { all, files } from './suite.mjs';
import { desktop } from './viewing.mjs';
import { id } from './visit.mjs';

const path = (name) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const PROBE = JSON.parse(await readFile(new URL('probe.json', import.meta.url)));

const measured = (page) => page.$$eval(id('measured'), (items) => items.map((item) => item.querySelector('span').textContent));

/** Presses a key so many times. */
const times = async (page, key, count) => { for (let i = 0; i < count; i++) await page.keyboard.press(key); };

/** From the crosshair, by keys of ten and of one pixel. */
async function moveBy(page, right, down) {
  for (const [by, back, on] of [[right, 'ArrowLeft', 'ArrowRight'], [down, 'ArrowUp', 'ArrowDown']]) {
    const key = by < 0 ? back : on;
    await page.keyboard.down('Shift');
    await times(page, key, Math.trunc(Math.abs(by) / 10));
    await page.keyboard.up('Shift');
    await times(page, key, Math.abs(by) % 10);
  }
}

test('a length and a region by hand, on their slice, removed one by one', async () => {
  const paths = [];
  for (const [at, height] of [10, 0].entries()) {
    paths.push(`${files.folder}/measured-${at}.dcm`);
    await writeFile(paths.at(-1), await placed({ height, series: 51 }));
  }
  const { visit, page, open, decoded, press, box, stacked, leave } = await desktop(paths, 2);
  await open(0);
  await stacked(2);
  await decoded(1);
  const place = async ([column, row]) => {
    const { x, y, width } = await box();
    return [x + column * width / 512, y + row * width / 512];
  };
  const drag = async (from, to) => {
    await page.mouse.move(...await place(from));
    await page.mouse.down();
    await page.mouse.move(...await place(to.map((end, i) => (end + from[i]) / 2)));
    await page.mouse.move(...await place(to));
    await page.mouse.up();
  };
  await page.click(id('tool-length'));
  await drag([100, 200], [400, 200]);
  assert.equal((await measured(page)).length, 1);
  const [, length] = (await measured(page))[0].match(/^Length: ([\d.]+) mm$/);
  assert.ok(Math.abs(length - 187.5) < 1.5, `300 pixels of 0.625 mm, not ${length}`);
  await drag([100, 200], [100, 200]);
  assert.equal((await measured(page)).length, 1, 'a click measures nothing');
  await page.click(id('tool-region'));
  const { from, to, mean, deviation } = PROBE.region;
  await drag(from, to);
  const told = (await measured(page))[1];
  const [, foundMean, foundDeviation, area, pixels] = told.replace('\u2212', '-').replace(',', ' ').match(/^Region: mean (-?[\d.]+)[, ]+SD ([\d.]+) HU, ([\d.]+) mm², ([\d,]+) pixels$/);
  assert.ok(Math.abs(foundMean - mean) < 12 && Math.abs(foundDeviation - deviation) < 12, told);
  assert.ok(Math.abs(area - Math.PI * 30 * 25 * 0.625 ** 2) < 25 && Math.abs(Number(pixels.replace(',', '')) - PROBE.region.count) < 80, told);
  assert.equal((await page.$$(id('measure-region'))).length, 1, 'it is drawn');

  // Each belongs to its slice, and what is drawn stays where it is in the slice.
  await page.focus(id('viewer-stage'));
  await press('ArrowDown');
  await decoded(2);
  assert.deepEqual(await measured(page), []);
  await press('ArrowUp', 'h', '+');
  assert.equal((await measured(page)).length, 2);
  const ends = await page.$eval(`${id('measure-length')} line`, (line) => [Number(line.getAttribute('x1')), Number(line.getAttribute('x2'))]);
  assert.ok(ends[0] > ends[1], 'mirrored with the slice');
  await page.click(id('measure-remove'));
  assert.match((await measured(page))[0], /^Region/);
  await page.focus(id('viewer-stage'));
  await press('Delete');
  assert.deepEqual(await measured(page), []);
  // A second finger is no end of a line.
  assert.deepEqual(visit.complaints(), []);
  await leave();
});

test('the way of dragging is remembered, measuring is not, and a picture without a window moves', async () => {
  const png = await files.putCase(all.find(({ name }) => name === 'lidc-lung-window'));
  const { visit, page, open, decoded, press, leave } = await desktop([path(PROBE.file), png], 2);
  const tool = () => page.$eval('[name="viewer-tool"]:checked', ({ value }) => value);
  await open(0);
  await decoded();
  assert.equal(await tool(), 'move');
  await page.click(id('tool-window'));
  await page.click(id('tool-length'));
  await press('Escape', 'Escape');
  await page.waitForSelector(id('viewer'), { hidden: true });
  await open(1);
  await decoded();
  assert.equal(await tool(), 'move', 'there is no window to set');
  assert.ok(await page.$eval(id('tool-window'), (input) => input.disabled));
  await page.focus(id('viewer-stage'));
  await press('ArrowUp');
  await decoded();
  assert.equal(await tool(), 'window', 'on a slice with one it is as it was');
  await press('Escape');
  await page.reload();
  await visit.ready();
  await visit.choose([path(PROBE.file)]);
  await visit.results(1);
  await open(0);
  assert.equal(await tool(), 'window', 'the next time too');
  // What is kept is told, and deleted with all else.
  await press('Escape');
  await page.click('#privacy-open');
  await page.waitForFunction(() => document.querySelector('#privacy-body').textContent.includes('What dragging does in the viewer'));
  await page.click(id('privacy-delete'));
  await page.waitForFunction(() => Object.keys(localStorage).length === 0);
  assert.deepEqual(visit.complaints(), []);
  await leave();
});

test('the strip shows the scores, and leads to any slice', async () => {
  const paths = [];
  for (let at = 0; at < 12; at++) {
    paths.push(`${files.folder}/strip-${at}.dcm`);
    await writeFile(paths.at(-1), await placed({ height: -at, series: 61 }));
  }
  const { visit, page, open, decoded, press, text, stacked, leave } = await desktop(paths, 12);
  await open(0);
  await stacked(12);
  await decoded(1);
  const strip = await page.$eval(id('viewer-strip'), (svg) => ({
    bars: [...svg.querySelectorAll('rect[data-verdict]')].map((bar) => bar.dataset.verdict),
    box: svg.getBoundingClientRect().toJSON(),
    padding: Number.parseFloat(getComputedStyle(svg).paddingLeft),
    mark: svg.querySelector('.strip-mark').getAttribute('x'),
  }));
  assert.equal(strip.bars.length, 12);
  assert.equal(strip.mark, '0');
  const inner = strip.box.width - 2 * strip.padding;
  await page.mouse.click(strip.box.x + strip.padding + inner * (7.5 / 12), strip.box.y + 10);
  await decoded(8);
  assert.equal(await page.$eval('.strip-mark', (mark) => mark.getAttribute('x')), '7');
  assert.equal(await page.$eval(id('viewer-stack'), ({ value }) => value), '8');
  // No slice is above the threshold: that is said, and nothing moves.
  await page.focus(id('viewer-stage'));
  await press('j');
  assert.match(await text('viewer-said'), /No slice above the threshold/);
  await decoded(8);
  assert.deepEqual(visit.complaints(), []);
  await leave();
});

test('a stack is played, waits for what is decoded, goes on from the first, and stops', async () => {
  const { visit, page, open, decoded, press, text, leave } = await desktop([path('tests/dicom/native-s16-multi.dcm')], 3);
  await open(0);
  await decoded(1);
  assert.equal(await page.$eval(id('viewer-play'), (button) => button.getAttribute('aria-label')), 'Play the stack');
  await page.select(id('viewer-pace'), '25');
  await page.focus(id('viewer-stage'));
  await press(' ');
  assert.equal(await page.$eval(id('viewer-play'), (button) => button.getAttribute('aria-label')), 'Pause');
  const seen = new Set();
  for (const number of [3, 1, 2, 3, 1]) {
    await page.waitForFunction((selector, number) => document.querySelector(selector).textContent.startsWith(`Slice ${number} of`), { polling: 5 }, id('viewer-position'), number);
    seen.add(number);
  }
  await page.click(id('viewer-play'));
  const still = await text('viewer-position');
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(await text('viewer-position'), still);
  await press('Escape');
  assert.deepEqual(visit.complaints(), []);
  await leave();
});

test('by keyboard alone: the worst slice of a series is found, measured, saved, printed and cleared', async () => {
  // A DICOM series that is shown by its study and a filmstrip; one slice of it is hazy.
  const [COUNT, WORST] = [13, 6];
  const paths = [];
  for (let number = 1; number <= COUNT; number++) {
    const bytes = await placed({ height: -10 * number, series: 71, mark: number });
    paths.push(`${files.folder}/job-${String(number).padStart(2, '0')}.dcm`);
    await writeFile(paths.at(-1), number === WORST ? hazy(bytes, 250) : bytes);
  }
  const { visit, page, text, press, decoded, leave } = await desktop(paths, COUNT);
  await page.waitForFunction((study, count) => document.querySelector(study)?.querySelectorAll('rect').length === count, {}, id('study'), COUNT);
  const scores = await page.$$eval(id('result'), (cards) => cards.map(({ dataset }) => Number(dataset.score)));
  assert.equal(scores.indexOf(Math.max(...scores)) + 1, WORST, `${scores}`);
  assert.ok(await page.$(id('film')), 'an overview, and no card a slice');
  await page.evaluate(() => {
    window.printed = [];
    window.print = () => { window.printed = [...document.querySelectorAll('[data-testid="sheet"]')].map((sheet) => sheet.textContent); };
    window.saved = [];
    const { createObjectURL } = URL;
    let made = null;
    URL.createObjectURL = (blob) => createObjectURL.call(URL, made = blob);
    const { click } = HTMLAnchorElement.prototype;
    HTMLAnchorElement.prototype.click = function () {
      if (this.download) made.text().then((body) => window.saved.push(body));
      else click.call(this);
    };
    document.activeElement?.blur();
  });
  /** Tab, or Shift and Tab, until the element has the focus. */
  const reach = async (wanted, held = null) => {
    for (let i = 0; i < 80; i++) {
      if (held) await page.keyboard.down(held);
      await press('Tab');
      if (held) await page.keyboard.up(held);
      if (await page.evaluate((selector) => document.activeElement.matches(selector), wanted)) return i + 1;
    }
    throw new Error(`${wanted} is not reached by Tab`);
  };
  // The skip to the readings, the profile of the study, and from any slice of it to the worst.
  await reach(id('skip-readings'));
  await press('Enter');
  const presses = await reach(id('profile'));
  assert.ok(presses <= 5, `${presses} presses to the profile`);
  await press('Home', 'Enter');
  await page.waitForSelector(`${id('viewer')}[open]`);
  await decoded(1);
  await press('w');
  await decoded(WORST);
  // A length of 50 pixels of 0.625 mm across and a region of 60 x 40 on it.
  await press('d');
  assert.match(await text('viewer-said'), /Length: move the crosshair/);
  await press('Enter');
  await moveBy(page, 50, 0);
  await press('Enter');
  await press('e', 'Enter');
  await moveBy(page, -60, 40);
  await press('Enter');
  const [length, region] = await measured(page);
  assert.match(length, /^Length: 31\.3 mm$/);
  assert.match(region, /^Region: mean \u2212?[\d.]+, SD [\d.]+ HU, .*pixels$/);
  assert.equal(await text('viewer-said'), region);
  await press('Escape', 'Escape');
  await page.waitForSelector(id('viewer'), { hidden: true });

  // From where the viewer gave the focus back to, with Shift and Tab.
  assert.equal(await page.evaluate(() => document.activeElement.dataset.testid), 'profile');
  await reach(id('export-csv'), 'Shift');
  await press('Enter');
  await page.waitForFunction(() => window.saved.length === 1);
  const rows = (await page.evaluate(() => window.saved[0])).split(/\r?\n/).filter((row) => row.includes('31.3'));
  assert.equal(rows.length, 1, 'what was measured is saved with its slice');
  assert.match(rows[0], new RegExp(`job-${String(WORST).padStart(2, '0')}\\.dcm`));
  await reach(id('print'));
  await press('Enter');
  await page.waitForFunction(() => window.printed.length > 0);
  assert.ok((await page.evaluate(() => window.printed.join())).includes(length), 'and printed');
  await reach(id('clear'));
  await press('Enter');
  await page.waitForFunction((result) => document.querySelectorAll(result).length === 0, {}, id('result'));
  assert.deepEqual(visit.complaints(), []);
  await leave();
});
