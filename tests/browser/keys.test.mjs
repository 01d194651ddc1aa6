// Every key of the viewer does what its list says: the list is taken from the page, and a key without a check here fails the test.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { hazy, placed } from './series.mjs';
import { settingsFile } from './settings-file.mjs';
import { files } from './suite.mjs';
import { desktop } from './viewing.mjs';
import { id } from './visit.mjs';

const COUNT = 13;
/** From 1, from the head on: the slice with the highest score, and one between it and the others. */
const [HIGHEST, SECOND] = [9, 4];

/** A series of one slice at several heights; two of them are hazy, and have other scores. */
async function series() {
  const paths = [];
  for (let number = 1; number <= COUNT; number++) {
    const bytes = await placed({ height: -10 * number, series: 81, mark: number });
    paths.push(`${files.folder}/keys-${String(number).padStart(2, '0')}.dcm`);
    await writeFile(paths.at(-1), number === HIGHEST ? hazy(bytes, 250) : number === SECOND ? hazy(bytes, 120) : bytes);
  }
  return paths;
}

test('every key of the list does what the list says', async () => {
  const paths = await series();
  const { visit, page, open, decoded, press, text, box, frame, leave } = await desktop(paths, COUNT);
  const scores = async () => page.$$eval(id('result'), (cards) => cards.map(({ dataset }) => Number(dataset.score)));
  const first = await scores();
  const ranked = [...first].sort((a, b) => b - a);
  assert.deepEqual([first.indexOf(ranked[0]) + 1, first.indexOf(ranked[1]) + 1], [HIGHEST, SECOND], `${first}`);
  assert.ok(ranked[1] > ranked[2], `${first}`);
  // By the thresholds of a site: the highest and the second lie above, all others below.
  const file = `${files.folder}/keys.toml`;
  await writeFile(file, settingsFile({ positive: (ranked[1] + ranked[2]) / 2, negative: ranked[2] / 2 }));
  await page.click('#model-card-open');
  page.once('dialog', (dialog) => dialog.accept());
  await (await page.$(id('own-point'))).uploadFile(file);
  await page.waitForFunction((of) => document.querySelector(of).innerText.includes('Clinic 5') && document.querySelector('[data-testid="ready"]'), {}, id('point'));
  if (await page.$eval('#model-card', (sheet) => sheet.open)) await press('Escape');
  await visit.choose(paths);
  await visit.results(COUNT);
  await page.click(id('view-cards'));
  await open(0);
  await page.waitForFunction((position, count) => document.querySelector(position).textContent.startsWith(`Slice 1 of ${count},`), {}, id('viewer-position'), COUNT);
  await decoded(1);

  const held = async (key, ...keys) => {
    await page.keyboard.down(key);
    await press(...keys);
    await page.keyboard.up(key);
  };
  /** The key leads to the slice of this number. */
  const leads = async (key, number) => {
    await press(key);
    await decoded(number);
  };
  const picture = () => page.$eval(id('viewer-picture'), (canvas) => canvas.getContext('2d').getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data[0]);
  const isDrawn = (name) => page.$eval(id(name), (canvas) => !canvas.hidden && canvas.width > 0 && canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((value, at) => at % 4 === 3 && value > 0));
  const letters = () => page.evaluate(() => ['left', 'right', 'top', 'bottom'].map((side) => document.querySelector(`[data-testid="side-${side}"]`).textContent).join(''));
  const measured = () => page.$$eval(id('measured'), (items) => items.map((item) => item.querySelector('span').textContent));
  const preset = () => page.$eval(id('window-preset'), ({ value }) => value);
  const isOpen = () => page.$eval(id('viewer'), (dialog) => dialog.open);
  const listed = () => page.$eval(id('viewer-keys'), (details) => details.open);
  /** Both switch something on and off again. */
  const turns = async (key, seen) => {
    const before = await seen();
    await press(key);
    assert.notDeepEqual(await seen(), before, key);
    await press(key);
    assert.deepEqual(await seen(), before, `${key} again`);
  };

  /** By the keys as the list shows them. */
  const CHECKS = {
    '↑ ↓ , .': async () => { for (const [key, number] of [['ArrowDown', 2], ['.', 3], ['ArrowUp', 2], [',', 1]]) await leads(key, number); },
    'PgUp PgDn': async () => { for (const [key, number] of [['PageDown', 11], ['PageUp', 1]]) await leads(key, number); },
    'Home End': async () => { for (const [key, number] of [['End', COUNT], ['Home', 1]]) await leads(key, number); },
    'J K': async () => {
      for (const [key, number] of [['j', SECOND], ['j', HIGHEST], ['j', HIGHEST]]) await leads(key, number);
      assert.match(await text('viewer-said'), /No slice above the threshold/);
      await leads('End', COUNT);
      for (const [key, number] of [['k', HIGHEST], ['K', SECOND], ['Home', 1]]) await leads(key, number);
    },
    W: async () => { await leads('w', HIGHEST); await leads('Home', 1); },
    '␣': async () => {
      const label = () => page.$eval(id('viewer-play'), (button) => button.getAttribute('aria-label'));
      await press(' ');
      assert.equal(await label(), 'Pause');
      await page.waitForFunction((position) => !document.querySelector(position).textContent.startsWith('Slice 1 of'), {}, id('viewer-position'));
      await press(' ');
      assert.equal(await label(), 'Play the stack');
      await leads('Home', 1);
    },
    '+ −': async () => {
      const { width } = await box();
      for (const [key, zoom] of [['+', 1.25], ['=', 1.25 ** 2], ['-', 1.25]]) {
        await press(key);
        assert.ok(Math.abs((await box()).width / width - zoom) < 0.01, key);
      }
    },
    0: async () => { await press('0'); assert.match(await text('viewer-scale'), /%$/); assert.ok((await box()).width < 1000); },
    9: async () => {
      await press('9');
      assert.ok(Math.abs((await box()).width - 512) < 0.5);
      await press('0');
    },
    'Shift ← ↑ → ↓': async () => {
      await press('+', '+', '+');
      for (const [key, axis, sign] of [['ArrowRight', 'x', -1], ['ArrowLeft', 'x', 1], ['ArrowDown', 'y', -1], ['ArrowUp', 'y', 1]]) {
        const before = await box();
        await held('Shift', key);
        assert.ok(sign * ((await box())[axis] - before[axis]) > 30, key);
      }
      await press('0');
    },
    '1 2 3': async () => {
      for (const [key, name] of [['2', 'mediastinum'], ['3', 'bone'], ['1', 'lung']]) {
        await press(key);
        assert.equal(await preset(), name);
      }
    },
    I: async () => { const before = await picture(); await press('i'); assert.ok(Math.abs(await picture() - (255 - before)) <= 1); await press('i'); },
    M: () => turns('m', () => isDrawn('viewer-map')),
    O: () => turns('o', () => page.$eval(id('viewer-map'), (canvas) => canvas.getAttribute('aria-label'))),
    L: () => turns('l', () => isDrawn('viewer-lungs')),
    N: () => turns('n', () => page.$eval(id('viewer-input'), (canvas) => canvas.width)),
    T: async () => { await press('t'); assert.equal(await letters(), 'PARL'); await press('t', 't', 't'); assert.equal(await letters(), 'RLAP'); },
    'H V': async () => {
      await press('h');
      assert.equal(await letters(), 'LRAP');
      await press('h', 'v');
      assert.equal(await letters(), 'RLPA');
      await press('v');
    },
    D: async () => { await press('d'); assert.match(await text('viewer-said'), /^Length: move/); await press('Escape'); },
    E: async () => { await press('e'); assert.match(await text('viewer-said'), /^Region: move/); await press('Escape'); },
    X: () => turns('x', () => text('viewer-probe')),
    '← ↑ → ↓ Shift': async () => {
      await press('d', 'Enter', 'ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowLeft');
      await held('Shift', 'ArrowRight', 'ArrowRight', 'ArrowLeft', 'ArrowDown');
      await press('ArrowUp', 'Enter');
      // 12 pixels to the right and 9 down, of 0.625 mm.
      assert.deepEqual(await measured(), ['Length: 9.4 mm']);
    },
    Enter: async () => {
      await press('d', 'Enter');
      assert.match(await text('viewer-said'), /^The first end is set/);
      await press('ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowDown', 'Enter');
      assert.deepEqual(await measured(), ['Length: 9.4 mm', 'Length: 2.5 mm']);
    },
    Del: async () => {
      await press('Delete');
      assert.deepEqual(await measured(), ['Length: 9.4 mm']);
      await press('Backspace');
      assert.deepEqual(await measured(), []);
    },
    Esc: async () => {
      await press('d', 'Enter', 'Escape');
      assert.ok(await isOpen());
      await press('Escape');
      assert.ok(await isOpen(), 'first the measuring is left');
      assert.equal(await text('viewer-probe'), '');
    },
    R: async () => {
      const whole = await box();
      await press('+', 't', 'i', '2', 'r');
      await frame();
      assert.deepEqual([await box(), await letters(), await preset()], [whole, 'RLAP', 'network']);
      assert.equal(await page.$eval(id('viewer-invert'), (control) => control.checked), false);
    },
    '?': () => turns('?', listed),
  };

  await press('?');
  const told = await page.$$eval(`${id('viewer-keys')} dt`, (terms) => terms.filter((term) => term.querySelector('kbd')).map((term) => [...term.querySelectorAll('kbd')].map((key) => key.textContent).join(' ')));
  await press('?');
  assert.deepEqual(Object.keys(CHECKS).sort(), [...told].sort(), 'the list and the checks of this test');
  for (const keys of told) {
    await CHECKS[keys]().catch((failure) => { throw new Error(`${keys}: ${failure.message}`, { cause: failure }); });
    assert.ok(await isOpen(), keys);
    assert.match(await text('viewer-position'), /^Slice 1 of/, keys);
  }
  await press('Escape');
  assert.equal(await isOpen(), false);
  assert.deepEqual(visit.complaints(), []);
  await leave();
});
