// What a person does with the page: consent, choosing, dropping, reading the results, taking them away.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { isError, isJudged, isRefused } from './cases.mjs';
import { parseCsv, saved } from './saved.mjs';
import { all, files, firstVisit } from './suite.mjs';
import { id, PHONE } from './visit.mjs';

// Each test has its own storage, as a first visit has.
test('a full visit: slices, a photograph and a broken file in one selection', async () => {
  const judged = all.filter(isJudged).slice(0, 6);
  const refused = all.filter((one) => isRefused(one) && one.name.startsWith('photo')).slice(0, 2);
  const broken = all.filter(isError).slice(0, 2);
  assert.ok(judged.length >= 2 && refused.length >= 1 && broken.length >= 1, 'the cases hold slices, photographs and broken files');
  const chosen = [judged[0], ...broken, ...refused, ...judged.slice(1)];
  const paths = [];
  for (const one of chosen) paths.push(await files.putCase(one));

  const visit = await firstVisit();
  await visit.page.waitForSelector(id('consent'), { visible: true });
  await visit.shot('consent');
  await visit.accept();
  await visit.ready();
  await visit.shot('ready', { fullPage: true });
  await visit.choose(paths);
  await visit.page.waitForSelector(id('cancel'), { visible: true });
  const results = await visit.results(paths.length);
  await visit.shot('results', { fullPage: true });

  const order = results.map((result) => result.file).filter((file, at, list) => file !== list[at - 1]);
  assert.deepEqual(order, paths.map((path) => basename(path)), 'results stand in input order');
  for (const one of chosen) {
    const mine = results.filter((result) => result.file.startsWith(`${one.name}.`) || result.file === one.name);
    assert.ok(mine.length > 0, one.name);
    for (const result of mine) {
      assert.ok(one.verdicts.includes(result.verdict), `${one.name}: ${result.verdict} is none of ${one.verdicts}`);
      if (isJudged(one)) {
        assert.notEqual(result.score, '');
        assert.ok(Number(result.score) >= 0 && Number(result.score) <= 1, `${one.name}: score ${result.score}`);
        assert.ok(result.heatmap > 0.01, `${one.name}: the heat map covers ${result.heatmap}`);
        assert.equal(result.refusal ?? result.error, null);
      } else {
        assert.equal(result.score, '', `${one.name} has no score`);
        assert.equal(result.heatmap, null, `${one.name} has no heat map`);
        assert.ok((result.refusal ?? result.error).length > 20, `${one.name} says why`);
        assert.equal(result.verdict === 'refused', result.refusal !== null);
      }
      assert.doesNotMatch(result.text, /detected|diagnos/i);
    }
  }

  await visit.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }]);
  await visit.shot('results-dark', { fullPage: true });

  await visit.page.click(`${id('model-card')} button`);
  const card = await visit.page.$eval(`${id('model-card')} dialog[open]`, (dialog) => dialog.textContent);
  assert.match(card, /[0-9a-f]{64}/);
  assert.match(card, /Limits/);
  await visit.shot('model-card');
  await visit.page.keyboard.press('Escape');

  await visit.page.click(`${id('diagnostics')} button`);
  const told = await visit.page.$eval(`${id('diagnostics')} dialog[open] pre`, (text) => text.textContent);
  for (const path of paths) assert.ok(!told.includes(basename(path)), 'diagnostics name no file');
  assert.match(told, /Reader: ready/);
  await visit.page.keyboard.press('Escape');

  await visit.page.click(id('clear'));
  assert.equal((await visit.page.$$(id('result'))).length, 0);

  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('the sample is read, and the map can be switched off and weakened for all cards', async () => {
  const visit = await firstVisit();
  await visit.accept();
  await visit.page.click(id('sample'));
  const [result] = await visit.results(1);
  assert.ok(['positive', 'negative', 'uncertain'].includes(result.verdict), result.verdict);
  assert.match(await visit.page.$eval(id('drop-zone'), (zone) => zone.textContent), /LIDC-IDRI.*CC BY 3\.0/s);

  const opacity = () => visit.page.$eval(id('heatmap'), (canvas) => Number(getComputedStyle(canvas).opacity));
  const before = await opacity();
  assert.ok(before > 0);
  await visit.page.focus(id('map-strength'));
  await visit.page.keyboard.press('Home');
  assert.ok(await opacity() < before);
  await visit.page.click(id('map-shown'));
  assert.equal(await opacity(), 0);
  await visit.shot('sample');
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('files can be dropped', async () => {
  const visit = await firstVisit();
  await visit.accept();
  await visit.page.$eval(id('drop-zone'), async (zone) => {
    const sample = await (await fetch('samples/lidc-slice.dcm')).blob();
    const data = new DataTransfer();
    data.items.add(new File([sample], 'dropped-1'));
    data.items.add(new File([sample], 'dropped-2.dcm'));
    const event = (type) => new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true });
    zone.dispatchEvent(event('dragenter'));
    zone.dispatchEvent(event('dragover'));
    zone.dispatchEvent(event('drop'));
  });
  const results = await visit.results(2);
  assert.deepEqual(results.map((result) => result.file), ['dropped-1', 'dropped-2.dcm']);
  assert.equal(results[0].score, results[1].score);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('consent is asked once', async () => {
  const visit = await firstVisit();
  await visit.page.waitForSelector(id('consent'), { visible: true });
  await visit.page.keyboard.press('Escape');
  await visit.page.keyboard.press('Escape');
  await visit.page.waitForSelector(id('consent'), { visible: true });
  await visit.accept();
  await visit.page.reload();
  await visit.ready();
  assert.equal(await visit.page.$eval(id('consent'), (dialog) => dialog.open), false);
  const stored = await visit.page.evaluate(() => Object.keys(localStorage));
  assert.equal(stored.length, 1, 'nothing but the flag is stored');
  await visit.close();
});

test('the keyboard alone is enough', async () => {
  const slice = await files.put(all.find(isJudged).input, 'by-keyboard');
  const visit = await firstVisit();
  await visit.page.waitForSelector(id('consent-accept'), { visible: true });
  const focused = () => visit.page.evaluate(() => document.activeElement?.dataset.testid ?? '');
  const tabTo = async (name) => {
    for (let presses = 0; presses < 20 && await focused() !== name; presses++) await visit.page.keyboard.press('Tab');
    assert.equal(await focused(), name);
  };
  await tabTo('consent-accept');
  await visit.page.keyboard.press('Enter');
  await visit.page.waitForSelector(id('consent'), { hidden: true });
  await tabTo('file-input');
  await visit.shot('keyboard-focus');
  const opened = visit.page.waitForFileChooser();
  // Keys take another way to the page than the order to hold the chooser back, and could get there first: this waits for the order.
  await visit.page.evaluate(() => {});
  await visit.page.keyboard.press('Space');
  const chooser = await opened;
  await chooser.accept([slice]);
  const [result] = await visit.results(1);
  assert.equal(result.file, 'by-keyboard');
  await tabTo('export-csv');
  await visit.close();
});

test('hostile names stay text, in the page and in the files it saves', async () => {
  const slice = all.find(isJudged).input;
  const broken = all.find(isError).input;
  const names = ['=cmd.png', '<img src=x onerror=alert(1)>.png', '+1,"2".png', '@sum.png', '-broken.png'];
  const paths = [];
  for (const name of names) paths.push(await files.put(name === '-broken.png' ? broken : slice, name));

  const visit = await firstVisit();
  await visit.accept();
  await visit.choose(paths);
  const results = await visit.results(paths.length);
  assert.deepEqual(results.map((result) => result.file), names);
  assert.equal(await visit.page.$('main img, main [onerror]'), null);

  const folder = join(files.folder, 'saved');
  await mkdir(folder);
  const session = await visit.page.createCDPSession();
  await session.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: folder });
  await visit.page.click(id('export-csv'));
  const csv = await saved(folder, '.csv');
  await visit.page.click(id('export-json'));
  const json = JSON.parse(await saved(folder, '.json'));

  const [head, ...rows] = parseCsv(csv);
  const column = (name) => rows.map((row) => row[head.indexOf(name)]);
  assert.deepEqual(column('file'), names.map((name) => (/^[=+\-@]/.test(name) ? `'${name}` : name)));
  assert.deepEqual(column('verdict'), results.map((result) => result.verdict));
  assert.deepEqual(column('score'), results.map((result) => result.score));
  for (const row of rows) {
    assert.equal(row.length, head.length);
    for (const cell of row) assert.doesNotMatch(cell, /^[=+@]|^-(?![0-9.])/, 'no cell is a formula');
  }
  for (const hash of column('model_sha256')) assert.match(hash, /^[0-9a-f]{64}$/);
  for (const name of ['model_name', 'model_version']) assert.ok(column(name).every((cell) => cell.length > 0));

  assert.deepEqual(json.map((reading) => reading.file), names);
  assert.deepEqual(json.map((reading) => String(reading.score ?? '')), results.map((result) => result.score));
  for (const reading of json) {
    assert.match(reading.model.sha256, /^[0-9a-f]{64}$/);
    for (const field of ['frame', 'verdict', 'logit', 'findings', 'opacity', 'refusal', 'error', 'source', 'device', 'ms']) assert.ok(field in reading, field);
    assert.ok(!('map' in reading) && !('lung' in reading) && !('opacity_map' in reading) && !('picture' in reading), 'no image data is saved');
  }
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('a phone shows everything without sideways scrolling', async () => {
  const paths = [];
  for (const one of [all.find(isJudged), all.find(isRefused), all.find(isError)]) {
    paths.push(await files.put(one.input, `${'a-rather-long-name-without-any-break-'.repeat(3)}${one.name}`));
  }
  const visit = await firstVisit({ viewport: PHONE });
  const fits = async (when) => {
    const [content, window] = await visit.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(content <= PHONE.width && window <= PHONE.width, `${when}: ${content} and ${window} pixels wide`);
  };
  await visit.page.waitForSelector(id('consent'), { visible: true });
  await fits('consent');
  await visit.shot('phone-consent');
  await visit.accept();
  await visit.ready();
  await fits('ready');
  await visit.shot('phone-ready', { fullPage: true });
  await visit.choose(paths);
  await visit.results(paths.length);
  await fits('results');
  await visit.shot('phone-results', { fullPage: true });
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});
