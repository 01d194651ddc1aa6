// The overview of a series: a filmstrip of its slices in place of a card for each; by mouse and by keyboard. And two studies beside each other.

import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { placed } from './series.mjs';
import { all, browser, files, readyVisit, slice } from './suite.mjs';
import { id, PHONE } from './visit.mjs';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const COUNT = 40;
/** The only slice that is refused. */
const REFUSED = 7;
const JUDGED = ['luna-1', 'luna-2', 'luna-3', 'luna-6', 'luna-7', 'luna-8'];

/** A folder of publishable pictures, more than a few; one is below the lungs. */
async function scan(name, count = COUNT) {
  await mkdir(join(files.folder, name), { recursive: true });
  for (let at = 0; at < count; at++) {
    const wanted = at === REFUSED ? 'luna-below-the-lungs-1' : JUDGED[Math.floor(at * JUDGED.length / count)];
    await files.put(all.find((one) => one.name === wanted).input, `${name}/${String(at).padStart(2, '0')}.png`);
  }
  return join(files.folder, name);
}

/** A series of DICOM slices, from the head on, 10 mm apart. */
async function series(name, number, count) {
  await mkdir(join(files.folder, name), { recursive: true });
  for (let at = 0; at < count; at++) await writeFile(join(files.folder, name, `${String(at).padStart(2, '0')}.dcm`), await placed({ series: number, height: -10 * at, mark: at }));
  return join(files.folder, name);
}

const frames = (page) => page.$$eval(id('film-slice'), (buttons) => buttons.map((button) => ({
  slice: Number(button.dataset.slice),
  label: button.querySelector('canvas').getAttribute('aria-label'),
  text: button.textContent,
  tabIndex: button.tabIndex,
  isPainted: button.querySelector('canvas').width > 0,
})));
const focused = (page) => page.evaluate(() => Number(document.activeElement.dataset.slice));
const shown = (page) => page.$$eval(id('result'), (cards) => cards.filter((card) => card.checkVisibility()).map((card) => card.dataset.file));
/** Waits until a filmstrip is before the reader's eyes. */
async function strip(page) {
  await page.waitForSelector(id('film'));
  await page.$eval(id('film'), (film) => film.scrollIntoView({ block: 'center' }));
  await page.waitForFunction((film) => document.querySelectorAll(film).length > 5, {}, id('film-slice'));
}

test('the slices of a series are a filmstrip: those near the window are elements, with pictures and words', async () => {
  const visit = await readyVisit();
  const { page } = visit;
  await visit.drop([await scan('strip')]);
  const results = await visit.results(COUNT);
  await strip(page);
  // Every result is there, in the order of the files, and shows nothing: neither cards nor what they are made of.
  assert.equal(await page.$eval('[data-results]', (list) => list.dataset.results), String(COUNT));
  assert.deepEqual(results.map(({ file }) => file), Array.from({ length: COUNT }, (_, at) => `strip/${String(at).padStart(2, '0')}.png`));
  assert.deepEqual(results.map(({ score }) => score === ''), results.map((_, at) => at === REFUSED));
  assert.ok(results[REFUSED].refusal, 'why it was refused is there too');
  assert.deepEqual(await shown(page), []);
  const elements = await page.$$eval(id('result'), (cards) => cards.map((card) => card.querySelectorAll('*').length));
  assert.ok(elements.every((count, at) => (at === REFUSED ? count < 5 : count === 0)), `${elements}`);

  await page.waitForFunction((film) => [...document.querySelectorAll(film)].slice(0, 8).every((button) => button.querySelector('canvas').width > 0), {}, id('film-slice'));
  const found = await frames(page);
  assert.ok(found.length < COUNT / 1.5, `${found.length} of ${COUNT} slices are elements`);
  assert.deepEqual(found.map((frame) => frame.slice), found.map((_, at) => at + 1), 'from the first on');
  for (const { slice: number, label, text } of found) {
    const { score } = results[number - 1];
    if (number - 1 === REFUSED) {
      assert.match(text, /Not judged/);
      assert.match(label, /^Slice 8: Not judged\. .*lung/i, 'the reason is told');
    } else {
      assert.equal(text, `${number} ${Number(score).toFixed(3)}`);
      assert.match(label, new RegExp(`^Slice ${number}: score ${Number(score).toFixed(3)}, opacity \\d+%$`));
    }
  }
  // The picture is that of the slice, and no larger than a small one need be.
  const [wide, levels] = await page.$eval(id('film-slice'), (button) => {
    const canvas = button.querySelector('canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return [canvas.width, new Set(data).size];
  });
  assert.ok(wide <= 192 && levels > 50, `${wide} pixels wide, ${levels} levels`);
  await visit.shot('film', { fullPage: true });
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('the filmstrip is gone through with the keyboard, and opens the viewer at its slice', async () => {
  const visit = await readyVisit();
  const { page } = visit;
  await visit.drop([await scan('keys')]);
  await visit.results(COUNT);
  await strip(page);
  assert.deepEqual((await frames(page)).filter(({ tabIndex }) => tabIndex === 0).map(({ slice: number }) => number), [1], 'one stop for Tab');
  await page.focus(id('film-slice'));
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
    return focused(page);
  };
  assert.equal(await press('ArrowRight', 'ArrowDown'), 3);
  assert.equal(await press('ArrowLeft'), 2);
  assert.equal(await press('End'), COUNT);
  assert.equal(await press('ArrowRight'), COUNT);
  assert.ok(await page.evaluate(() => {
    const [box, film] = [document.activeElement.getBoundingClientRect(), document.activeElement.closest('.film').getBoundingClientRect()];
    return box.left >= film.left && box.right <= film.right + 1;
  }), 'it is in sight');
  // Far from the first ones, whose pixels are read again for whoever comes there.
  await page.waitForFunction(() => document.activeElement.querySelector('canvas').width > 0);
  const paged = await press('PageUp');
  assert.ok(paged < COUNT - 3 && paged > 1, `${paged}`);
  assert.equal(await press('Home'), 1);
  await press('ArrowRight', 'ArrowRight', 'ArrowRight', 'Enter');
  await page.waitForFunction((position) => /^Slice 4 of 40\b/.test(document.querySelector(position)?.textContent ?? ''), {}, id('viewer-position'));
  await page.keyboard.press('Escape');
  assert.equal(await focused(page), 4, 'the focus comes back');
  // A change of language says it anew, in the same place.
  await page.select(id('language'), 'de');
  await page.waitForFunction((film) => /^Schicht 4: Score/.test(document.querySelector(`${film}[data-slice="4"] canvas`).getAttribute('aria-label')), {}, id('film-slice'));
  await page.select(id('language'), 'en');
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('cards and table are a click away, and remembered; single pictures and few slices stay cards', async () => {
  const visit = await browser.visit();
  const { page } = visit;
  await page.evaluate(() => localStorage.removeItem('lungglass.view'));
  await visit.ready();
  if (await page.$eval(id('consent'), (dialog) => dialog.open)) await visit.accept();
  assert.equal(await page.$eval(id('view-overview'), (button) => button.hidden), true, 'there is nothing that a filmstrip shows');
  await visit.choose([await files.put(slice, 'alone.png')]);
  await visit.results(1);
  await visit.drop([await scan('many', 14)]);
  await visit.drop([await scan('few', 3)]);
  await visit.results(18);
  await strip(page);
  const few = ['few/00.png', 'few/01.png', 'few/02.png'];
  assert.deepEqual(await shown(page), ['alone.png', ...few]);
  const pressed = () => page.$$eval('#view-choice button', (buttons) => buttons.filter((button) => button.ariaPressed === 'true').map((button) => button.textContent));
  assert.deepEqual(await pressed(), ['Overview']);

  // The filter is for the strip too.
  await page.select(id('filter'), 'refused');
  await page.waitForFunction((film) => document.querySelectorAll(film).length === 1, {}, id('film-slice'));
  await page.select(id('filter'), 'all');

  // The choice stands above what it changes, keeps the focus, and is before the eyes.
  const choice = () => page.evaluate(() => {
    const [view, studies] = [document.getElementById('view'), document.getElementById('studies')];
    const { top } = document.activeElement.getBoundingClientRect();
    return { isAbove: view.nextElementSibling === studies, chosen: document.activeElement.id, isSeen: top >= 0 && top < innerHeight };
  });
  for (const [view, isAbove] of [['table', false], ['overview', true], ['cards', false], ['overview', true]]) {
    await page.focus(`#view-${view}`);
    await page.keyboard.press('Enter');
    assert.deepEqual(await choice(), { isAbove, chosen: `view-${view}`, isSeen: true });
  }

  await page.click(id('view-cards'));
  assert.equal((await shown(page)).length, 18);
  assert.equal(await page.$eval(id('film'), (film) => film.checkVisibility()), false);
  await page.waitForFunction((heat) => [...document.querySelectorAll(heat)].filter((map) => map.width > 0).length > 10, {}, id('heatmap'));
  const order = await page.$$eval(id('result'), (cards) => cards.map((card) => card.dataset.file));
  await page.click(id('view-overview'));
  assert.deepEqual(await shown(page), ['alone.png', ...few]);
  assert.deepEqual(await page.$$eval(id('result'), (cards) => cards.map((card) => card.dataset.file)), order);
  await page.click(id('view-table'));
  assert.equal((await page.$$(id('row'))).length, 18);

  await page.reload();
  await visit.ready();
  await visit.drop([join(files.folder, 'many')]);
  await visit.results(14);
  await page.waitForSelector(id('row'), { visible: true });
  assert.deepEqual(await pressed(), ['Table']);
  await page.click(id('view-overview'));
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('two studies stand beside each other, with their extents in one table and no word of a change', async () => {
  const visit = await readyVisit();
  const { page } = visit;
  for (const [name, number, count] of [['first', 1, 3], ['second', 2, 4], ['third', 3, 2]]) await visit.drop([await series(name, number, count)]);
  await visit.results(9);
  await page.waitForFunction((study) => document.querySelectorAll(study).length === 3, {}, id('study'));
  const titles = () => page.$$eval(id('study'), (studies) => studies.filter((study) => study.checkVisibility()).map((study) => study.querySelector('h3').textContent));
  await page.click(`${id('beside')} summary`);
  await page.waitForFunction((table) => document.querySelectorAll(`${table} tbody tr`).length === 6, {}, id('beside-table'));
  assert.deepEqual(await titles(), ['Series 1', 'Series 2']);
  await page.select(id('beside-2'), 'series 3');
  assert.deepEqual(await titles(), ['Series 1', 'Series 3']);
  const rows = await page.$$eval(`${id('beside-table')} tr`, (all) => all.map((row) => [...row.cells].map((cell) => cell.textContent)));
  assert.deepEqual(rows[0], ['Part', 'Series 1', 'Series 3']);
  const [part, ...values] = rows[1];
  assert.equal(part.trim(), 'Both lungs');
  // The same slice thrice and twice.
  const found = values.map((text) => /^(\d+%) ([\d,]+)\sml$/.exec(text) ?? assert.fail(text));
  assert.equal(found[0][1], found[1][1]);
  const [three, two] = found.map(([, , volume]) => Number(volume.replace(/\D/g, '')));
  assert.ok(Math.abs(three / two - 1.5) < 0.02, `${three} and ${two}`);
  const told = await page.$eval(id('beside'), (node) => node.textContent);
  assert.match(told, /nobody here knows whether both are of one patient/);
  assert.doesNotMatch(told, /chang(?!e them)|better|worse|progress|regress/i);
  await visit.shot('beside', { fullPage: true });
  await page.click(`${id('beside')} summary`);
  await page.waitForFunction((study) => [...document.querySelectorAll(study)].every((node) => node.checkVisibility()), {}, id('study'));
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

for (const scheme of ['light', 'dark']) {
  test(`axe finds no fault in the overview, ${scheme}`, async () => {
    for (const viewport of [undefined, PHONE]) {
      const visit = await readyVisit({ viewport, scheme });
      const { page } = visit;
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }, { name: 'prefers-reduced-motion', value: 'reduce' }]);
      // Nothing is dropped on a phone.
      for (const [at, name] of ['one', 'two'].entries()) {
        await (await page.$(id('folder-input'))).uploadFile(await scan(`axe-${scheme}-${name}`, 14));
        await visit.results(14 * (at + 1));
      }
      await strip(page);
      await page.click(`${id('beside')} summary`);
      await page.waitForSelector(`${id('beside-table')} td`);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run(document, { preload: false, resultTypes: ['violations'] }));
      assert.deepEqual(violations.map(({ id: rule, nodes }) => `${rule}: ${nodes.map(({ html }) => html).join(' ')}`), []);
      const [content, inner] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(content <= inner, `${content} in ${inner}`);
      await visit.shot(`film-${scheme}${viewport ? '-phone' : ''}`, { fullPage: true });
      await visit.close();
    }
  });
}
