// Many files: folders and pasted images as inputs, several workers in input order, crashes, retries, the table.

import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { isJudged, isRefused } from './cases.mjs';
import { frames } from './series.mjs';
import { all, files, readyVisit, slice } from './suite.mjs';
import { id, PAGE, PHONE } from './visit.mjs';
import { workersFor } from '../../www/reading/workers-for.js';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const names = (results) => results.map(({ file }) => file);

/** A folder with a slice below another folder, a picture that is refused, and what is no image. */
async function study(name) {
  const folder = join(files.folder, name);
  await mkdir(join(folder, 'b'), { recursive: true });
  await files.put(slice, `${name}/b/2.png`);
  await files.put(slice, `${name}/c.png`);
  await files.put(all.find(isRefused).input, `${name}/a.png`);
  await writeFile(join(folder, 'notes.txt'), 'no image');
  await writeFile(join(folder, 'b', '.DS_Store'), 'no image either');
  return folder;
}

const IN_STUDY = ['a.png', 'b/2.png', 'c.png'];

test('a folder is dropped: its images are read in the order of their names, and what is none is counted', async () => {
  const folder = await study('dropped');
  const visit = await readyVisit();
  await visit.drop([folder, await files.put(slice, 'beside.png')]);
  const results = await visit.results(4);
  assert.deepEqual(names(results), [...IN_STUDY.map((name) => `dropped/${name}`), 'beside.png']);
  assert.deepEqual(results.map(({ verdict }) => verdict === 'refused'), [true, false, false, false]);
  assert.match(await visit.page.$eval(id('skipped'), (note) => note.innerText), /^2 files/);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('a folder of more files than a browser lists at once is read whole', async () => {
  const folder = join(files.folder, 'large');
  await mkdir(folder);
  for (let i = 0; i < 230; i++) await writeFile(join(folder, `${String(i).padStart(3, '0')}.txt`), 'no image');
  await files.put(slice, 'large/999.png');
  const visit = await readyVisit();
  await visit.drop([folder]);
  assert.deepEqual(names(await visit.results(1)), ['large/999.png']);
  await visit.page.waitForFunction((skipped) => /^230 files/.test(document.querySelector(skipped).innerText), {}, id('skipped'));
  await visit.close();
});

test('a folder is chosen', async () => {
  const folder = await study('chosen');
  const visit = await readyVisit();
  const input = await visit.page.$(id('folder-input'));
  await input.uploadFile(folder);
  assert.deepEqual(names(await visit.results(3)), IN_STUDY.map((name) => `chosen/${name}`));
  assert.match(await visit.page.$eval(id('skipped'), (note) => note.innerText), /^2 files/);
  await visit.page.click(id('clear'));
  assert.equal(await visit.page.$eval(id('skipped'), (note) => note.hidden), true);
  await visit.close();
});

test('a file that a person names gets a result even if it is no image', async () => {
  const path = join(files.folder, 'named.txt');
  await writeFile(path, 'no image');
  const visit = await readyVisit();
  await visit.choose([path]);
  const [result] = await visit.results(1);
  assert.equal(result.verdict, 'error');
  assert.equal(await visit.page.$eval(id('skipped'), (note) => note.hidden), true);
  await visit.close();
});

test('images are pasted', async () => {
  const visit = await readyVisit();
  await visit.page.evaluate(async () => {
    const sample = await (await fetch('samples/lidc-slice.dcm')).blob();
    const paste = (...files) => {
      const clipboardData = new DataTransfer();
      for (const file of files) clipboardData.items.add(file);
      document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
    };
    paste(new File([sample], 'image.png'));
    paste(new File([sample], 'image.png'), new File([sample], 'copied.dcm'));
    paste();
  });
  assert.deepEqual(names(await visit.results(3)), ['pasted-1.png', 'pasted-2.png', 'copied.dcm']);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('how many workers a device bears', () => {
  assert.equal(workersFor({ cores: 16, memory: 8, phone: false }), 8);
  assert.equal(workersFor({ cores: 4, memory: 8, phone: false }), 3);
  assert.equal(workersFor({ cores: 2, memory: 8, phone: false }), 2);
  assert.equal(workersFor({ cores: 1, memory: 8, phone: false }), 1);
  assert.equal(workersFor({ cores: 8, memory: 1, phone: false }), 1);
  assert.equal(workersFor({ cores: 8, memory: 2, phone: false }), 3);
  assert.equal(workersFor({ cores: 8, memory: 8, phone: true }), 1);
  assert.equal(workersFor({ cores: undefined, memory: undefined, phone: false }), 2);
});

test('300 files over several workers are told in input order, and broken ones stop nothing', async () => {
  const paths = [];
  for (let i = 0; i < 300; i++) {
    const name = `batch-${String(i).padStart(3, '0')}`;
    if (i % 30 === 0) paths.push(await files.put(slice, name));
    else {
      paths.push(join(files.folder, name));
      await writeFile(paths.at(-1), `no image ${i}`);
    }
  }
  const visit = await readyVisit({ cores: 4 });
  assert.equal(visit.page.workers().length, 1, 'one worker is enough while there is no work');
  // What stands in the page at any moment is the beginning of the batch.
  await visit.page.evaluate(() => {
    window.orders = [];
    new MutationObserver(() => window.orders.push([...document.querySelectorAll('[data-testid="result"]')].map((card) => card.dataset.file)))
      .observe(document.getElementById('cards'), { childList: true, subtree: true });
  });
  await visit.choose(paths);
  const results = await visit.results(300);
  const expected = paths.map((path) => path.split('/').at(-1));
  assert.deepEqual(names(results), expected);
  for (const order of await visit.page.evaluate(() => window.orders)) assert.deepEqual(order, expected.slice(0, order.length));
  assert.deepEqual(results.map(({ verdict }) => verdict === 'error'), expected.map((_, i) => i % 30 !== 0));
  assert.equal(new Set(results.filter(({ score }) => score).map(({ score }) => score)).size, 1, 'every worker gives the same score');
  assert.ok(visit.seen.workers > 1 && visit.seen.workers <= 3, `${visit.seen.workers} workers were started`);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('a file of many frames is read by several workers, in the order of its frames', async () => {
  const path = await files.put(new URL('../dicom/jpeg-2000-multi.dcm', import.meta.url).pathname, 'frames.dcm');
  const alone = await readyVisit({ cores: 1 });
  await alone.choose([path]);
  const expected = (await alone.results(1)).map(({ frame, verdict }) => [frame, verdict]);
  assert.ok(expected.length > 1);
  assert.deepEqual(expected.map(([frame]) => frame), expected.map((_, at) => String(at)));
  await alone.close();
  const visit = await readyVisit({ cores: 4 });
  await visit.choose([path]);
  assert.deepEqual((await visit.results(expected.length)).map(({ frame, verdict }) => [frame, verdict]), expected);
  await visit.close();
});

test('what is seen and pressed of a frame is named with its number', async () => {
  const path = join(files.folder, 'named-frames.dcm');
  await writeFile(path, await frames(70));
  const visit = await readyVisit({ cores: 1 });
  await visit.choose([path]);
  await visit.results(70);
  await visit.page.click(id('view-cards'));
  await visit.page.waitForFunction((opener) => document.querySelectorAll(opener).length > 1, {}, id('open-viewer'));
  const labels = (what) => visit.page.$$eval(`${id('result')} ${what}`, (nodes) => nodes.map((node) => node.getAttribute('aria-label')));
  const near = await labels(id('open-viewer'));
  assert.deepEqual(near.slice(0, 2), ['Enlarge: named-frames.dcm · frame 0', 'Enlarge: named-frames.dcm · frame 1']);
  assert.deepEqual((await labels('canvas:first-child:not(.heat)')).slice(0, 2), ['The slice named-frames.dcm · frame 0', 'The slice named-frames.dcm · frame 1']);
  // Of cards that are far away too, which are a few elements.
  assert.deepEqual(await labels(id('heatmap')), Array.from({ length: 70 }, (_, frame) => `Map of what moved the score · frame ${frame}`));
  await visit.close();
});

// What the module does when it panics or runs out of memory, for files of one name, in the workers that are there now: to evaluate in
// one that is only starting can block the page in Chromium.
async function trap(visit, name) {
  await Promise.all(visit.page.workers().map((worker) => worker.evaluate(async (library, name) => {
    const { Classifier } = await import(library);
    const open = Classifier.prototype.open;
    Classifier.prototype.open = function (bytes, given) {
      if (given === name) throw new WebAssembly.RuntimeError('unreachable');
      return open.call(this, bytes, given);
    };
  }, new URL('pkg/lungglass.js', PAGE).href, name)));
}

/** Waits until so many workers have started, by what the diagnostics say. */
async function started({ page }, count) {
  for (let told = null; told !== String(count);) {
    await page.click('#diagnostics-open');
    told = await page.$eval('#diagnostics-text', (text) => /Reader starts: (\d+)/.exec(text.textContent)[1]);
    await page.keyboard.press('Escape');
  }
}

test('a crash in one of several workers costs one slice, which can be read again in its place', async () => {
  const visit = await readyVisit({ cores: 3 });
  // The second worker comes with the first batch.
  await visit.choose(await Promise.all(['first', 'second', 'third'].map((name) => files.put(slice, name))));
  await visit.results(3);
  await started(visit, 2);
  await trap(visit, 'trap');
  await visit.page.click(id('clear'));
  const paths = [];
  for (const name of ['one', 'two', 'trap', 'four', 'five', 'six']) paths.push(await files.put(slice, name));
  await visit.choose(paths);
  const results = await visit.results(6);
  assert.deepEqual(names(results), ['one', 'two', 'trap', 'four', 'five', 'six']);
  assert.deepEqual(results.map(({ verdict }) => verdict === 'error'), [false, false, true, false, false, false]);
  assert.match(results[2].error, /started again/);
  assert.deepEqual(visit.complaints(), []);

  // It fails again as long as the cause is there, in the worker that took the crashed one's place too, and stays one result.
  const verdictOf = () => visit.page.$eval('[data-file="trap"]', (card) => card.dataset.verdict);
  const retried = () => visit.page.waitForFunction((queued) => !document.querySelector(queued), {}, id('queued'));
  await started(visit, 3);
  await trap(visit, 'trap');
  await visit.page.click(`[data-file="trap"] ${id('retry-result')}`);
  await retried();
  assert.equal(await verdictOf(), 'error');
  assert.equal((await visit.page.$$(id('result'))).length, 6);

  // The workers that know of the trap go one by one: what crashes is started anew.
  for (let tries = 0; tries < 4 && await verdictOf() === 'error'; tries++) {
    await visit.page.click(tries === 0 ? `[data-file="trap"] ${id('retry-result')}` : id('retry-failed'));
    await retried();
  }
  const again = await visit.results(6);
  assert.deepEqual(names(again), names(results), 'the order stays');
  assert.equal(again[2].verdict, again[1].verdict);
  assert.equal(again[2].score, again[1].score);
  assert.equal(await visit.page.$eval(id('retry-failed'), (button) => button.hidden), true, 'nothing is left to retry');
  await visit.close();
});

test('a crash at one frame of many costs that frame; what waited behind it in the worker is read', async () => {
  const path = join(files.folder, 'trapped-frames.dcm');
  await writeFile(path, await frames(12));
  const visit = await readyVisit({ cores: 1 });
  const [worker] = visit.page.workers();
  await worker.evaluate(async (library) => {
    const { Source } = await import(library);
    const read = Source.prototype.read;
    Source.prototype.read = function (frame) {
      if (frame === 5) throw new WebAssembly.RuntimeError('unreachable');
      return read.call(this, frame);
    };
  }, new URL('pkg/lungglass.js', PAGE).href);
  await visit.choose([path, await files.put(slice, 'behind'), await files.put(slice, 'last')]);
  const results = await visit.results(14);
  assert.deepEqual(results.map(({ file, frame }) => [file, frame]), [...Array.from({ length: 12 }, (_, at) => ['trapped-frames.dcm', String(at)]), ['behind', null], ['last', null]]);
  assert.deepEqual(results.map(({ verdict }) => verdict === 'error'), results.map((_, at) => at === 5));
  assert.equal(visit.seen.workers, 2);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('cancel ends every worker at work and keeps what is told; a retry that is cancelled leaves the result', async () => {
  const visit = await readyVisit({ cores: 3 });
  const paths = [];
  for (let i = 0; i < 40; i++) paths.push(await files.put(slice, `stop-${String(i).padStart(2, '0')}`));
  await visit.choose(paths);
  await visit.page.waitForFunction((result) => document.querySelectorAll(result).length >= 3, {}, id('result'));
  await visit.page.click(id('cancel'));
  const kept = await visit.page.$$eval(id('result'), (cards) => cards.map((card) => card.dataset.file));
  assert.deepEqual(kept, paths.slice(0, kept.length).map((path) => path.split('/').at(-1)));
  await visit.ready();
  const broken = join(files.folder, 'broken.txt');
  await writeFile(broken, 'no image');
  await visit.choose([broken]);
  await visit.results(kept.length + 1);
  // None of those that were chosen before: each of them counts once.
  await visit.choose(await Promise.all(paths.map((path, i) => files.put(path, `busy-${i}`))));
  await visit.page.click(id('retry-failed'));
  assert.equal(await visit.page.$eval(id('retry-result'), (button) => button.ariaDisabled), 'true');
  await visit.page.click(id('cancel'));
  assert.equal(await visit.page.$eval(id('retry-result'), (button) => button.ariaDisabled), 'false');
  assert.equal(await visit.page.$eval('[data-file="broken.txt"]', (card) => card.dataset.verdict), 'error');
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('the pixels of a long list are few, and are read again where they are wanted', async () => {
  const visit = await readyVisit();
  const paths = [];
  for (let i = 0; i < 110; i++) paths.push(await files.put(slice, `kept-${String(i).padStart(3, '0')}`));
  await visit.choose(paths);
  await visit.results(110);
  // In the middle, neither among the first nor among the last.
  await visit.page.$$eval(id('result'), (cards) => cards.at(-1).scrollIntoView());
  await visit.page.waitForFunction((result) => [...document.querySelectorAll(result)].at(-1).querySelector('.stage canvas')?.width > 0, {}, id('result'));
  const nodes = await visit.page.$$eval(id('result'), (cards) => cards.map((card) => card.querySelectorAll('*').length));
  assert.ok(nodes[0] < 10 && nodes[0] < nodes.at(-1) / 2, `a card far away has ${nodes[0]} elements, a near one ${nodes.at(-1)}`);
  for (const at of [0, 40]) {
    await visit.page.$$eval(id('result'), (cards, at) => cards[at].scrollIntoView(), at);
    await visit.page.waitForFunction((heat, at) => document.querySelectorAll(heat)[at].width > 0, {}, id('heatmap'), at);
  }
  assert.equal((await visit.page.$$(id('queued'))).length, 0);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('the table is sorted and moved through by the keyboard alone', async () => {
  const chosen = [all.find(isRefused), ...all.filter(isJudged).slice(0, 4)];
  const paths = [];
  for (const one of chosen) paths.push(await files.putCase(one));
  const visit = await readyVisit();
  await visit.choose(paths);
  const results = await visit.results(5);
  const { page } = visit;
  await page.focus(id('view-table'));
  await page.keyboard.press('Enter');
  await page.waitForSelector(id('table'), { visible: true });
  const rows = () => page.$$eval(id('row'), (rows) => rows.map((row) => row.dataset.file));
  assert.deepEqual(await rows(), names(results));
  assert.equal(await page.$eval(id('table'), (table) => table.getAttribute('aria-rowcount')), '6');

  await page.focus(id('sort-score'));
  const sorted = () => page.$eval(`th:has(${id('sort-score')})`, (cell) => cell.ariaSort);
  assert.equal(await sorted(), null);
  await page.keyboard.press('Enter');
  assert.equal(await sorted(), 'descending', 'of scores the highest first');
  await page.keyboard.press('Enter');
  assert.equal(await sorted(), 'ascending');
  // Equal scores stay in input order, rising and falling.
  const byScore = (sign) => results.filter(({ score }) => score).sort((a, b) => sign * (a.score - b.score)).map(({ file }) => file);
  const refused = results.filter(({ score }) => !score).map(({ file }) => file);
  assert.deepEqual(await rows(), [...byScore(1), ...refused]);
  await page.keyboard.press('Enter');
  assert.equal(await sorted(), 'descending');
  const judged = byScore(-1);
  assert.deepEqual(await rows(), [...judged, ...refused], 'what has no score stays last');

  const focused = () => page.evaluate(() => document.activeElement.dataset.file ?? document.activeElement.dataset.testid);
  for (let presses = 0; presses < 20 && await page.evaluate(() => document.activeElement.dataset.testid) !== 'row'; presses++) await page.keyboard.press('Tab');
  await page.keyboard.press('Home');
  assert.equal(await focused(), judged[0]);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  assert.equal(await focused(), judged[2]);
  await page.keyboard.press('ArrowUp');
  assert.equal(await focused(), judged[1]);
  await page.keyboard.press('End');
  assert.equal(await focused(), refused[0]);
  await page.keyboard.press('ArrowUp');

  // Enter opens what was read in the viewer, which gives the focus back.
  const last = judged.at(-1);
  assert.equal(await focused(), last);
  await page.keyboard.press('Enter');
  await page.waitForSelector(`${id('viewer')}[open]`);
  assert.ok((await page.$eval('#viewer-file', (node) => node.textContent)).includes(last));
  await page.keyboard.press('Escape');
  await page.waitForSelector(id('viewer'), { hidden: true });
  assert.equal(await focused(), last);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('opacity is told on the card and in a column that sorts', async () => {
  const paths = [];
  for (const one of [all.find(isRefused), ...all.filter(isJudged).slice(0, 3)]) paths.push(await files.putCase(one));
  const visit = await readyVisit();
  await visit.choose(paths);
  const [refused] = await visit.results(4);
  const { page } = visit;
  const told = await page.$$eval(id('opacity'), (lines) => lines.map((line) => line.textContent));
  assert.equal(told.length, 3, 'what was judged says it');
  for (const line of told) assert.match(line, /^Opacity: \d+% of the lungs \(ground glass \d+%, consolidation \d+%\)$/);

  await page.click(id('view-table'));
  await page.waitForSelector(id('table'), { visible: true });
  const column = () => page.$eval(id('table'), (table) => {
    const place = [...table.tHead.rows[0].cells].findIndex((cell) => cell.querySelector('[data-key="opacity"]'));
    return [...table.querySelectorAll('[data-testid="row"]')].map((row) => ({ file: row.dataset.file, text: row.cells[place].textContent }));
  });
  for (const sign of [1, -1]) {
    await page.click(id('sort-opacity'));
    const rows = await column();
    assert.deepEqual(rows.at(-1), { file: refused.file, text: '' }, 'what was not judged stays last');
    const shares = rows.slice(0, -1).map(({ text }) => Number(/^(\d+)%$/.exec(text)[1]));
    assert.deepEqual(shares, [...shares].sort((a, b) => sign * (a - b)));
    assert.deepEqual([...shares].sort(), told.map((line) => Number(/\d+/.exec(line)[0])).sort());
  }
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('readings are filtered by verdict, in both views', async () => {
  const chosen = [all.find(isRefused), ...all.filter(isJudged).slice(0, 2)];
  const paths = [];
  for (const one of chosen) paths.push(await files.putCase(one));
  const visit = await readyVisit();
  await visit.choose(paths);
  const results = await visit.results(3);
  const { page } = visit;
  await page.select(id('filter'), 'refused');
  const shown = () => page.$$eval(id('result'), (cards) => cards.filter((card) => card.checkVisibility()).map((card) => card.dataset.file));
  const refused = results.filter(({ verdict }) => verdict === 'refused').map(({ file }) => file);
  assert.deepEqual(await shown(), refused);
  await page.click(id('view-table'));
  assert.deepEqual(await page.$$eval(id('row'), (rows) => rows.map((row) => row.dataset.file)), refused);
  assert.equal((await page.$$(id('result'))).length, 3, 'every result stays in the page');
  await page.select(id('filter'), 'all');
  assert.equal((await page.$$(id('row'))).length, 3);
  await visit.close();
});

test('of a long table only the rows in sight are elements, and the keys reach all', async () => {
  const visit = await readyVisit();
  const paths = [];
  for (let i = 0; i < 300; i++) {
    paths.push(join(files.folder, `row-${String(i).padStart(3, '0')}`));
    await writeFile(paths.at(-1), 'no image');
  }
  await visit.choose(paths);
  await visit.results(300);
  const { page } = visit;
  await page.click(id('view-table'));
  const count = (await page.$$(id('row'))).length;
  assert.ok(count > 5 && count < 100, `${count} rows`);
  // What could not be read has no pixels to look at: a click leads to its card.
  await page.click(id('row'));
  assert.equal(await page.evaluate(() => document.activeElement.dataset.testid), 'result');
  await page.click(id('view-table'));
  await page.focus(id('row'));
  await page.keyboard.press('End');
  const focused = () => page.evaluate(() => document.activeElement.dataset.file);
  assert.equal(await focused(), 'row-299');
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-rowindex')), '301');
  const inside = await page.evaluate(() => {
    const box = document.getElementById('table').getBoundingClientRect();
    const row = document.activeElement.getBoundingClientRect();
    return row.top >= box.top && row.bottom <= box.bottom + 1;
  });
  assert.ok(inside, 'the row is in sight');
  await page.keyboard.press('PageUp');
  assert.notEqual(await focused(), 'row-299');
  await page.keyboard.press('Home');
  assert.equal(await focused(), 'row-000');
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

for (const scheme of ['light', 'dark']) {
  test(`axe finds no fault in the table and the summaries, ${scheme}`, async () => {
    const folder = await study(`axe-${scheme}`);
    for (const viewport of [undefined, PHONE]) {
      const visit = await readyVisit({ viewport, scheme });
      // Colours on their way from one to another are none that axe should judge.
      await visit.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }, { name: 'prefers-reduced-motion', value: 'reduce' }]);
      await (await visit.page.$(id('folder-input'))).uploadFile(folder);
      await visit.results(3);
      await visit.choose([await files.put(new URL('batch.test.mjs', import.meta.url).pathname, 'no-image')]);
      await visit.results(4);
      await visit.page.waitForSelector(id('study'), { visible: true });
      const fits = async () => {
        const [content, window] = await visit.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        assert.ok(content <= window, `${content} in ${window}`);
      };
      await visit.page.evaluate(axe);
      for (const view of ['cards', 'table']) {
        await visit.page.click(id(`view-${view}`));
        const { violations } = await visit.page.evaluate(() => window.axe.run(document, { preload: false, resultTypes: ['violations'] }));
        assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`), []);
        await fits();
        await visit.shot(`batch-${view}-${scheme}${viewport ? '-phone' : ''}`, { fullPage: true });
      }
      await visit.close();
    }
  });
}
