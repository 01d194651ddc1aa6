// What can go wrong around the page while it works: after each there is a clear message, the other results are still there, and the next
// file is read without a reload.

import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { test } from 'node:test';
import { site } from './site.mjs';
import { all, browser, files, readyVisit, slice } from './suite.mjs';
import { id, openBrowser } from './visit.mjs';

/** So many copies of a slice that is judged, to choose. */
const copies = (name, count) => Promise.all(Array.from({ length: count }, (_, i) => files.put(slice, `${name}-${String(i).padStart(2, '0')}`)));

/** One more file is read, whatever came before. */
async function goesOn(visit, name = 'next') {
  const before = (await visit.page.$$(id('result'))).length;
  await visit.choose([await files.put(slice, name)]);
  const results = await visit.results(before + 1);
  assert.equal(results.at(-1).file, name);
  assert.notEqual(results.at(-1).verdict, 'error', results.at(-1).error);
  assert.ok(results.at(-1).score !== '', 'it has a score');
  return results;
}

/** Waits for so many results in a tab that paints nothing: a wait by animation frames would never end. */
const inHiddenTab = (visit, count) => visit.page.waitForFunction(
  (result, count) => document.querySelectorAll(result).length >= count, { polling: 200 }, id('result'), count,
);

/** Does something to the module in each worker that is there. */
const inWorkers = (visit, act, ...given) => Promise.all(visit.page.workers().map((worker) => worker.evaluate(act, new URL('pkg/lungglass.js', visit.page.url()).href, ...given)));

test('a decoder that runs in circles is ended, and costs its file', async () => {
  // The page waits two minutes for a word of its worker; here its clock runs faster.
  const visit = await readyVisit({ cores: 1, prepare: (page) => page.evaluateOnNewDocument(() => {
    const start = window.setInterval;
    window.setInterval = (act, ms, ...rest) => start(act, ms === 5000 ? 500 : ms, ...rest);
  }) });
  await inWorkers(visit, async (library) => {
    const { Classifier } = await import(library);
    const open = Classifier.prototype.open;
    Classifier.prototype.open = function (bytes, name) {
      if (name === 'endless') for (;;) ;
      return open.call(this, bytes, name);
    };
  });
  await visit.choose([await files.put(slice, 'before'), await files.put(slice, 'endless'), await files.put(slice, 'after')]);
  const results = await visit.results(3);
  assert.deepEqual(results.map(({ file, verdict }) => [file, verdict === 'error']), [['before', false], ['endless', true], ['after', false]]);
  assert.match(results[1].error, /started again/);
  await goesOn(visit);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('an instance that gets no more memory costs a file, and a new one takes its place', async () => {
  const visit = await readyVisit({ cores: 1 });
  await visit.choose([await files.put(slice, 'before')]);
  await visit.results(1);
  // Every page of the 4 GiB that there can be is taken: what the next file needs is refused, as on a device without memory.
  const pages = await inWorkers(visit, async (library) => {
    const { default: init } = await import(library);
    const { memory } = await init();
    for (let step = 4096; step >= 1;) {
      try {
        memory.grow(step);
      } catch {
        step >>= 1;
      }
    }
    return memory.buffer.byteLength / 65536;
  });
  assert.ok(pages[0] > 1000, `${pages} pages`);
  const big = await files.put(all.find(({ input }) => /lidc-tiff/.test(input)).input, 'big.tif');
  await visit.choose([...Array(12).fill(big), await files.put(slice, 'after')]);
  const results = await visit.results(14);
  const failed = results.filter(({ verdict }) => verdict === 'error');
  for (const { error } of failed) assert.match(error, /memory/);
  assert.ok(failed.length <= 1, 'one file at most');
  assert.equal(results.at(-1).file, 'after');
  assert.notEqual(results.at(-1).verdict, 'error');
  await goesOn(visit);
  await visit.close();
});

test('files that are gone before their turn are named, and the others are read', async () => {
  const visit = await readyVisit({ cores: 1 });
  const kept = await copies('kept', 6);
  const gone = await copies('gone', 6);
  await visit.choose([...kept.slice(0, 3), ...gone, ...kept.slice(3)]);
  await Promise.all(gone.map((path) => rm(path)));
  const results = await visit.results(12);
  for (const { file, verdict, error } of results) {
    if (file.startsWith('kept')) assert.notEqual(verdict, 'error', `${file}: ${error}`);
    else if (verdict === 'error') assert.match(error, /could not read this file/);
  }
  // The first of them may have been read before it was gone.
  assert.ok(results.filter(({ verdict }) => verdict === 'error').length >= 1, 'some were gone in time');
  assert.equal(results.length, 12);
  await goesOn(visit);
  await visit.close();
});

test('a hidden tab reads on', async () => {
  const visit = await readyVisit();
  await visit.choose(await copies('hidden', 12));
  const other = await browser.visit({ address: 'about:blank' });
  await other.page.bringToFront();
  await inHiddenTab(visit, 12);
  assert.equal(await visit.page.evaluate(() => document.visibilityState), 'hidden');
  await other.close();
  await visit.page.bringToFront();
  await goesOn(visit);
  await visit.close();
});

test('two tabs read at once, and neither knows of the other', async () => {
  const one = await readyVisit();
  const two = await readyVisit();
  await Promise.all([one.choose(await copies('one', 8)), two.choose(await copies('two', 8))]);
  await inHiddenTab(one, 8);
  const [first, second] = [await two.results(8), await one.page.bringToFront().then(() => one.results(8))].reverse();
  assert.ok(first.every(({ file, verdict }) => file.startsWith('one') && verdict !== 'error'));
  assert.ok(second.every(({ file, verdict }) => file.startsWith('two') && verdict !== 'error'));
  await one.page.click(id('clear'));
  assert.equal((await two.page.$$(id('result'))).length, 8);
  await two.page.bringToFront();
  await goesOn(two);
  await one.close();
  await two.close();
});

test('leaving in the middle of a batch is asked first; the way back leads to a page that reads', async () => {
  const visit = await readyVisit({ cores: 1 });
  const asked = [];
  visit.page.on('dialog', (dialog) => {
    asked.push(dialog.type());
    return asked.length === 1 ? dialog.dismiss() : dialog.accept();
  });
  await visit.choose(await copies('left', 30));
  await visit.page.waitForSelector(id('result'));
  await visit.page.evaluate(() => { location.href = 'about:blank#gone'; });
  while (asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(asked, ['beforeunload']);
  assert.equal((await visit.results(30)).length, 30, 'who stays loses nothing');

  // Nothing is being read: nobody is asked.
  await visit.page.goto('about:blank');
  assert.equal(asked.length, 1);
  await visit.page.goBack();
  await visit.ready();
  await goesOn(visit, 'back');

  // Who goes all the same finds a page that reads, and nothing of before in it.
  await visit.choose(await copies('again', 30));
  await visit.page.waitForSelector(id('queued'));
  await visit.page.reload();
  assert.deepEqual(asked, ['beforeunload', 'beforeunload']);
  await visit.ready();
  assert.equal((await visit.page.$$(id('result'))).length, 0);
  await goesOn(visit, 'anew');
  await visit.close();
});

test('with storage full the page reads, and says that it is not kept', async () => {
  const own = await openBrowser();
  const place = await site();
  try {
    const visit = await own.visit({ address: place.address, prepare: async (page) => {
      const session = await page.createCDPSession();
      await session.send('Storage.overrideQuotaForOrigin', { origin: new URL(place.address).origin, quotaSize: 1024 });
      await page.evaluateOnNewDocument(() => {
        Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };
      });
    } });
    await visit.ready();
    await visit.accept();
    await visit.page.waitForSelector(`${id('offline')}[data-state="incomplete"], ${id('offline')}[data-state="unavailable"]`);
    await goesOn(visit);
    await visit.close();
  } finally {
    await own.close();
    await place.stop();
  }
});

test('with the network cut once the page can read, it goes on with what it has and says what it cannot get', async () => {
  const own = await openBrowser();
  const place = await site();
  let cut = false;
  try {
    const visit = await own.visit({ address: place.address, cores: 4, prepare: (page) => page.evaluateOnNewDocument(() => {
      delete Navigator.prototype.serviceWorker;
    }) });
    await visit.ready();
    await visit.accept();
    await place.stop();
    cut = true;
    // No second worker can be got for a batch: the first reads it alone.
    await visit.choose(await copies('cut', 10));
    const results = await visit.results(10);
    assert.ok(results.every(({ verdict }) => verdict !== 'error'), JSON.stringify(results.find(({ verdict }) => verdict === 'error')?.error));
    // The sample is on the server.
    await visit.page.click(id('sample'));
    await visit.page.waitForFunction(() => !document.getElementById('failure').hidden);
    assert.match(await visit.page.$eval('#failure-text', (text) => text.textContent), /sample/i);
    // Another language is part of what was loaded.
    await visit.page.select(id('language'), 'fr');
    await visit.page.waitForFunction(() => document.documentElement.lang === 'fr');
    await goesOn(visit);
    await visit.close();
  } finally {
    await own.close();
    if (!cut) await place.stop();
  }
});

test('with the network cut while the page loads, it says so and starts once the network is back', async () => {
  // One visit for each file without which nothing starts: what was cut off is asked for again.
  for (const name of [null, 'pkg/lungglass.js', 'reading/worker.js']) {
    const own = await openBrowser();
    const place = await site();
    const path = name ?? place.module;
    const body = place.files.get(path);
    place.files.delete(path);
    try {
      const visit = await own.visit({ address: place.address });
      await visit.page.waitForFunction(() => !document.getElementById('failure').hidden);
      assert.ok((await visit.page.$eval('#failure-text', (text) => text.textContent)).length > 20, path);
      place.files.set(path, body);
      if (await visit.page.$eval(id('consent'), (dialog) => dialog.open)) await visit.accept();
      await visit.page.click('#retry');
      await visit.ready();
      await goesOn(visit);
      await visit.close();
    } finally {
      await own.close();
      await place.stop();
    }
  }
});
