// Room for the readings: they begin near the top, cards are low, the table shows first what matters and fits, nothing is cut off where
// letters are twice as large or the window is 320 pixels wide, what is drawn can be told apart, and few keys lead to the first slice.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { isError, isJudged, isRefused } from './cases.mjs';
import { placed } from './series.mjs';
import { all, files, readyVisit } from './suite.mjs';
import { id } from './visit.mjs';

/** Slices of a series, single pictures, one that is refused and one that is broken. */
async function some() {
  const paths = [];
  for (const height of [10, 20]) {
    paths.push(join(files.folder, `room-${height}.dcm`));
    await writeFile(paths.at(-1), await placed({ height }));
  }
  for (const one of [...all.filter(isJudged).slice(0, 4), all.find(isRefused), all.find(isError)]) paths.push(await files.putCase(one));
  return paths;
}

async function read(options) {
  const visit = await readyVisit(options);
  const paths = await some();
  await visit.choose(paths);
  await visit.results(paths.length);
  await visit.page.waitForSelector(id('study'), { visible: true });
  return visit;
}

test('readings begin near the top, and a card takes at most two thirds of the height that it took', async () => {
  const visit = await read();
  const { top, heights } = await visit.page.evaluate((result) => ({
    top: document.getElementById('results').getBoundingClientRect().top + scrollY,
    heights: [...document.querySelectorAll(result)].map((card) => ({ judged: card.dataset.score !== '', height: card.offsetHeight })),
  }), id('result'));
  assert.ok(top < 260, `they begin at ${top}`);
  // 485 to 507 pixels for a slice with a score and 343 to 363 for one without, on 29 November 2026.
  for (const { judged, height } of heights) assert.ok(height <= (judged ? 338 : 242), `${height} high`);
  assert.ok(heights.filter(({ judged }) => judged).some(({ height }) => height <= 323));
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('the table shows first what matters, no empty column, and how many there are of each verdict', async () => {
  const visit = await read();
  const { page } = visit;
  await page.click(id('view-table'));
  const columns = () => page.$$eval(`${id('table')} th`, (cells) => cells.filter((cell) => cell.checkVisibility()).map((cell) => cell.dataset.column));
  assert.deepEqual((await columns()).slice(0, 5), ['file', 'verdict', 'score', 'opacity', 'reason']);
  assert.ok(!(await columns()).includes('frame'), 'nothing has a frame');
  const counted = await page.$$eval(`${id('filter')} option`, (options) => Object.fromEntries(options.map(({ value, textContent }) => [value, Number(/\((\d+)\)$/.exec(textContent)[1])])));
  const verdicts = await page.$$eval(id('result'), (cards) => cards.map((card) => card.dataset.verdict));
  for (const [verdict, count] of Object.entries(counted)) assert.equal(count, verdict === 'all' ? verdicts.length : verdicts.filter((one) => one === verdict).length, verdict);
  await page.select(id('filter'), 'negative');
  assert.ok(!(await columns()).includes('reason'), 'what is judged has no reason to tell');
  await page.select(id('filter'), 'all');

  // As wide as a German window, and a phone.
  await page.select(id('language'), 'de');
  await page.setViewport({ width: 1200, height: 900 });
  const [content, box] = await page.$eval('#table', (node) => [node.scrollWidth, node.clientWidth]);
  assert.ok(content <= box, `${content} in ${box}`);
  await page.select(id('language'), 'en');
  await page.setViewport({ width: 360, height: 740 });
  const scores = await page.$$eval(`${id('row')} [data-column="score"]`, (cells) => cells.map((cell) => cell.getBoundingClientRect().right));
  assert.ok(Math.max(...scores) <= 360, `scores end at ${Math.max(...scores)}`);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('nothing is cut off with letters of twice the size, nor in a window of 320 pixels', async () => {
  const visit = await read();
  const { page } = visit;
  await page.select(id('language'), 'de');
  for (const [width, percent] of [[1280, 200], [640, 200], [320, 100]]) {
    await page.setViewport({ width, height: 800 });
    await page.evaluate((percent) => { document.documentElement.style.fontSize = `${percent}%`; }, percent);
    for (const view of ['cards', 'table']) {
      await page.$eval(id(`view-${view}`), (button) => button.click());
      const found = await page.evaluate(() => {
        const cut = [...document.querySelectorAll('main *')].filter((node) => node.checkVisibility() && !node.closest('.aloud, .table-box, .waiting, svg'))
          .filter((node) => [...node.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.data.trim() !== ''))
          .filter((node) => {
            const { left, right } = node.getBoundingClientRect();
            const hides = getComputedStyle(node).overflowX !== 'visible' && node.scrollWidth > node.clientWidth + 1;
            return left < -1 || right > innerWidth + 1 || hides;
          }).map((node) => `${node.tagName}.${node.className} ${node.textContent.slice(0, 40)}`);
        return { cut, wide: document.documentElement.scrollWidth - innerWidth };
      });
      assert.deepEqual(found, { cut: [], wide: found.wide }, `${width} pixels, ${percent} %, ${view}`);
      assert.ok(found.wide <= 0, `${width} pixels, ${percent} %, ${view}: ${found.wide} too wide`);
      await visit.shot(`room-${width}-${percent}-${view}`, { fullPage: true });
    }
  }
  await page.select(id('language'), 'en');
  await visit.close();
});

for (const scheme of ['light', 'dark']) {
  test(`the uncertain band and the score stand out from the scale, ${scheme}`, async () => {
    const visit = await read({ scheme });
    const contrasts = await visit.page.$eval(`${id('result')} .scale`, (scale) => {
      const light = (colour) => {
        const [r, g, b] = colour.match(/[\d.]+/g).slice(0, 3).map((part) => Number(part) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const between = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
      const ground = getComputedStyle(scale).backgroundColor;
      const edge = getComputedStyle(scale.querySelector('.scale-band')).boxShadow.match(/rgb\([^)]*\)/)[0];
      return {
        band: between(edge, ground),
        threshold: between(getComputedStyle(scale.querySelector('.scale-threshold')).backgroundColor, ground),
        mark: between(getComputedStyle(scale.querySelector('.scale-mark')).backgroundColor, ground),
      };
    });
    for (const [what, contrast] of Object.entries(contrasts)) assert.ok(contrast >= 3, `${what}: ${contrast}`);
    const session = await visit.page.createCDPSession();
    await session.send('Emulation.setEmulatedMedia', { features: [{ name: 'forced-colors', value: 'active' }] });
    assert.equal(await visit.page.$eval(`${id('result')} .scale-band`, (band) => getComputedStyle(band).borderTopStyle), 'solid');
    await visit.close();
  });
}

test('a skip leads to the readings, and at most five presses of Tab from there to the first slice', async () => {
  const visit = await read();
  const { page } = visit;
  const isHidden = await page.$eval(id('skip-readings'), (link) => link.hidden);
  assert.equal(isHidden, false);
  await page.focus(id('skip-readings'));
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'results-title');
  let presses = 0;
  const isSlice = () => page.evaluate((result) => document.activeElement.closest(result) !== null, id('result'));
  while (presses < 10 && !await isSlice()) {
    await page.keyboard.press('Tab');
    presses++;
  }
  assert.ok(presses <= 5, `${presses} presses`);

  // The two views are one stop of the Tab key; arrows go from one to the other.
  await page.focus(id('view-cards'));
  await page.keyboard.press('ArrowRight');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'view-table');
  await page.keyboard.press('Enter');
  assert.ok(await page.$eval('#table', (node) => node.checkVisibility()));
  await page.click(id('clear'));
  assert.equal(await page.$eval(id('skip-readings'), (link) => link.hidden), true);
  assert.equal(await page.$eval('[data-results]', (list) => list.dataset.results), '0');
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});
