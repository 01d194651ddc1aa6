// The queue: the page stays usable while slices are read, a cancel stops at once, a crash costs one file.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { all, files, readyVisit, slice } from './suite.mjs';
import { id, PAGE } from './visit.mjs';

// One worker, whatever the machine: batch.test.mjs is about several.
const lonelyVisit = () => readyVisit({ cores: 1 });

async function copies(prefix, count) {
  const paths = [];
  for (let i = 0; i < count; i++) paths.push(await files.put(slice, `${prefix}-${String(i).padStart(2, '0')}`));
  return paths;
}

test('the page stays responsive while a worker reads', async () => {
  const visit = await lonelyVisit();
  assert.ok(visit.page.workers().length >= 1);
  await visit.page.evaluate(() => {
    window.longestGap = 0;
    let last = performance.now();
    setInterval(() => {
      const now = performance.now();
      window.longestGap = Math.max(window.longestGap, now - last);
      last = now;
    }, 10);
  });
  await visit.choose(await copies('calm', 12));
  await visit.page.waitForFunction((result) => document.querySelectorAll(result).length >= 3, {}, id('result'));
  const text = await visit.page.$eval(id('progress'), (node) => node.textContent);
  assert.match(text, /of 12/);
  assert.match(text, /left/);
  // By key: the study's summary appears about now and would move the box away from under the pointer.
  await visit.page.focus(id('map-shown'));
  await visit.page.keyboard.press('Space');
  assert.equal(await visit.page.$eval(id('map-shown'), (box) => box.checked), false);
  await visit.results(12);
  const gap = await visit.page.evaluate(() => window.longestGap);
  assert.ok(gap < 1000, `the page stood still for ${gap} ms`);
  const own = await visit.page.evaluate(() => performance.getEntriesByType('resource').map((entry) => entry.name));
  assert.deepEqual(own.filter((url) => /\/pkg\/lungglass/.test(url)), [], 'the page itself loads no part of the module');
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('a screen reader is told of the start, about each tenth and the end of a run, while the page shows each slice', async () => {
  const visit = await lonelyVisit();
  const { page } = visit;
  await page.evaluate(() => {
    window.said = [];
    window.shown = new Set();
    new MutationObserver((changes) => {
      window.shown.add(document.getElementById('queue-text').textContent);
      for (const node of new Set(changes.map(({ target }) => target.closest?.('[role="status"], [role="alert"], [aria-live]')))) {
        if (node && node.textContent !== window.said.at(-1)) window.said.push(node.textContent);
      }
    }).observe(document.querySelector('main'), { childList: true, subtree: true });
  });
  await visit.choose(await copies('told', 40));
  await visit.results(40);
  const [said, shown] = await page.evaluate(() => [window.said, [...window.shown]]);
  assert.match(said[0], /^Reading 1 of 40: told-00/);
  assert.equal(said.at(-1), '40 slices done. 40 judged');
  assert.ok(said.length >= 5 && said.length <= 12, said.join('\n'));
  assert.ok(shown.filter((text) => /^Reading/.test(text)).length > 20, shown.join('\n'));

  // It is said in the language of now, and gone with the readings.
  const told = () => page.$$eval('main > [role="status"]', (nodes) => nodes.map((node) => node.textContent).join(''));
  await page.select(id('language'), 'de');
  assert.match(await told(), /^40 Schichten/);
  await page.click(id('clear'));
  assert.equal(await told(), '');
  await page.select(id('language'), 'en');
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('cancel stops at once, keeps what is read, and the next files are read', async () => {
  const visit = await lonelyVisit();
  await visit.choose(await copies('cancelled', 30));
  await visit.page.waitForSelector(id('result'));
  await visit.page.click(id('cancel'));
  await visit.page.waitForFunction((queued) => !document.querySelector(queued), {}, id('queued'));
  const kept = (await visit.page.$$(id('result'))).length;
  assert.ok(kept >= 1 && kept < 30, `${kept} were read before the cancel`);
  assert.match(await visit.page.$eval(id('progress'), (node) => node.textContent), /Cancelled/);
  await visit.ready();
  await visit.choose(await copies('later', 2));
  const results = await visit.results(kept + 2);
  assert.deepEqual(results.slice(kept).map((result) => result.file), ['later-00', 'later-01']);
  assert.equal(results.length, kept + 2, 'nothing of the cancelled files came after');
  assert.equal(visit.page.workers().length, 1, 'the old worker is gone');
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('files chosen while others are read come after them', async () => {
  const visit = await lonelyVisit();
  await visit.choose(await copies('first', 3));
  await visit.choose(await copies('second', 3));
  const results = await visit.results(6);
  assert.deepEqual(results.map((result) => result.file.split('-')[0]), ['first', 'first', 'first', 'second', 'second', 'second']);
  await visit.close();
});

test('a trap in the module costs one file and a new worker', async () => {
  const visit = await lonelyVisit();
  const [worker] = visit.page.workers();
  // What the module does when it panics or runs out of memory, for one file, in this worker only.
  await worker.evaluate(async (library) => {
    const { Classifier } = await import(library);
    const open = Classifier.prototype.open;
    Classifier.prototype.open = function (bytes, name) {
      if (name === 'trap') throw new WebAssembly.RuntimeError('unreachable');
      return open.call(this, bytes, name);
    };
  }, new URL('pkg/lungglass.js', PAGE).href);
  const paths = [await files.put(slice, 'before'), await files.put(slice, 'trap'), await files.put(slice, 'behind')];
  await visit.choose(paths);
  const results = await visit.results(3);
  assert.deepEqual(results.map((result) => result.file), ['before', 'trap', 'behind']);
  assert.equal(results[1].verdict, 'error');
  assert.match(results[1].error, /started again/);
  assert.equal(results[2].verdict, results[0].verdict);
  assert.equal(results[2].score, results[0].score);
  assert.equal(visit.seen.workers, 2);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('a long list keeps painted only what is near the window', async () => {
  const visit = await lonelyVisit();
  await visit.choose(await copies('many', 70));
  await visit.results(70);
  const painted = () => visit.page.$$eval(id('heatmap'), (all) => all.map((canvas) => {
    const { width, height } = canvas;
    return width > 0 && canvas.getContext('2d').getImageData(0, 0, width, height).data.some((value) => value > 0);
  }));
  const first = await painted();
  assert.ok(first[0]);
  assert.ok(first.filter(Boolean).length < 25, 'cards far away give their pixels back');
  await visit.page.$$eval(id('result'), (cards) => cards.at(-1).scrollIntoView());
  await visit.page.waitForFunction((heat) => {
    const canvas = [...document.querySelectorAll(heat)].at(-1);
    return canvas.width > 0 && canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0);
  }, {}, id('heatmap'));
  await visit.page.waitForFunction((heat) => document.querySelector(heat).width === 0, {}, id('heatmap'));
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});
