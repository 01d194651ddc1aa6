// What leaves the page: CSV and JSON with what makes a reading repeatable, paper, and all of them without file names.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { isError, isJudged, isRefused } from './cases.mjs';
import { parseCsv, saved } from './saved.mjs';
import { placed, rewritten, uid } from './series.mjs';
import { all, browser, files, readyVisit, slice } from './suite.mjs';
import { id } from './visit.mjs';

// Two series of two slices each, and three pictures of their own: a judged one, a refused one and a broken one.
const SECRET = 'Secret-Name';

async function visitWithStudies() {
  const folder = join(files.folder, SECRET);
  await mkdir(folder, { recursive: true });
  for (const [series, height] of [[1, 10], [1, 20], [2, 10], [2, 20]]) {
    await writeFile(join(folder, `${SECRET}-${series}-${height}.dcm`), await placed({ series, height }));
  }
  const pictures = [];
  for (const [at, kind] of [(one) => isJudged(one) && one.input.endsWith('.png'), isRefused, isError].entries()) {
    pictures.push(await files.put(all.find(kind).input, `${SECRET}-${at}`));
  }
  const visit = await browser.visit();
  await visit.ready();
  if (await visit.page.$eval(id('consent'), (dialog) => dialog.open)) await visit.accept();
  await (await visit.page.$(id('folder-input'))).uploadFile(folder);
  await visit.results(4);
  await visit.choose(pictures);
  const results = await visit.results(7);
  return { visit, results };
}

async function save(visit, name) {
  const folder = join(files.folder, name);
  await mkdir(folder);
  const session = await visit.page.createCDPSession();
  await session.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: folder });
  await visit.page.click(id('export-csv'));
  const csv = await saved(folder, '.csv');
  await visit.page.click(id('export-json'));
  const json = await saved(folder, '.json');
  await session.detach();
  return { csv, json };
}

/** Asks for paper as the button does, and gives the PDF. */
async function print(visit) {
  await visit.page.evaluate(() => {
    window.print = () => { window.printed = true; };
    window.printed = false;
  });
  await visit.page.click(id('print'));
  await visit.page.waitForFunction(() => window.printed);
  return visit.page.evaluate(() => document.getElementById('sheets').innerHTML);
}

test('what is saved holds all that makes a reading repeatable, and no UID', async () => {
  const { visit, results } = await visitWithStudies();
  const { csv, json } = await save(visit, 'whole');
  const [head, ...rows] = parseCsv(csv);
  const column = (name) => rows.map((row) => row[head.indexOf(name)]);
  assert.deepEqual(column('file'), results.map(({ file }) => file));
  assert.deepEqual(column('study'), ['series 1', 'series 1', 'series 2', 'series 2', 'pictures 1', 'pictures 1', 'pictures 1']);
  assert.deepEqual(column('slice'), ['2', '1', '2', '1', '1', '2', '3']);
  for (const name of ['threshold', 'uncertain_low', 'uncertain_high', 'temperature', 'input_size']) assert.ok(column(name).every((value) => Number(value) > 0), name);
  assert.match(column('program_version')[0], /^\d+\.\d+\.\d+$/);
  assert.ok(column('browser').every((told) => told.includes('Chrome')));
  assert.ok(column('exported').every((time) => !Number.isNaN(Date.parse(time))));
  for (const name of ['opacity_share', 'opacity_ground_glass', 'opacity_consolidation']) {
    const shares = column(name).filter((_, at) => column('score')[at] !== '');
    assert.ok(shares.length >= 5 && shares.every((share) => share !== '' && share >= 0 && share <= 1), `${name} of the judged`);
  }

  const readings = JSON.parse(json);
  assert.deepEqual(readings.map(({ file }) => file), results.map(({ file }) => file));
  for (const reading of readings) {
    const fields = ['file', 'frame', 'verdict', 'score', 'logit', 'findings', 'opacity', 'refusal', 'error', 'source', 'model', 'device', 'ms'];
    assert.deepEqual(Object.keys(reading).sort(), [...fields, 'study', 'settings'].sort());
    assert.deepEqual(Object.keys(reading.settings).sort(), ['browser', 'exported', 'program', 'size', 'temperature', 'threshold', 'uncertain', 'window']);
    assert.equal(reading.settings.window.center, -600);
    assert.deepEqual(reading.findings, {});
    assert.equal(reading.opacity === null, reading.score === null);
  }
  assert.deepEqual(readings.map(({ study }) => [study.kind, study.ordinal, study.slice]).slice(1, 3), [['series', 1, 1], ['series', 2, 2]]);
  for (const text of [csv, json]) for (const series of [1, 2]) assert.ok(!text.includes(uid(series)));
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('the table is for people: the marks of their language, what they look for first, no logit of what was refused', async () => {
  const { visit, results } = await visitWithStudies();
  const { page } = visit;
  const english = await save(visit, 'people-en');
  const [head, ...rows] = parseCsv(english.csv);
  assert.deepEqual(head.slice(0, 13), ['file', 'frame', 'verdict', 'score', 'opacity_share', 'opacity_ground_glass', 'opacity_consolidation', 'study', 'slice', 'instance_number', 'position_mm', 'measured', 'refusal_message']);
  const column = (name, from = rows) => from.map((row) => row[head.indexOf(name)]);
  assert.deepEqual(column('position_mm').slice(0, 4), ['10', '20', '10', '20']);
  for (const [at, { verdict }] of results.entries()) {
    assert.equal(column('logit')[at] === '', ['refused', 'error'].includes(verdict), `a logit of what is ${verdict}`);
  }
  assert.ok(JSON.parse(english.json).some(({ verdict, logit }) => verdict === 'refused' && logit !== null), 'programs get it');

  for (const [language, choice, separator, mark] of [['de', 'language', ';', ','], ['fr', 'language', ';', ','], ['zh', 'language', ',', '.'], ['de', 'point', ',', '.'], ['en', 'comma', ';', ',']]) {
    await page.select(id('language'), language);
    await page.select(id('csv-style'), choice);
    const { csv, json } = await save(visit, `people-${language}-${choice}`);
    const [names, ...cells] = parseCsv(csv, separator);
    assert.deepEqual(names, head, `${language} ${choice}`);
    assert.deepEqual(column('score', cells), column('score').map((score) => score.replace('.', mark)));
    assert.deepEqual(column('file', cells), column('file'));
    assert.equal(typeof JSON.parse(json)[0].score, 'number', 'programs get points');
  }
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('what was measured is saved and printed, with the band and how the slice was taken', async () => {
  const visit = await readyVisit();
  const { page } = visit;
  const folder = join(files.folder, 'measured-series');
  await mkdir(folder);
  for (const [at, height] of [30, 20].entries()) {
    let bytes = await placed({ height, series: 91 });
    for (const [tag, vr, value] of [['0020,0013', 'IS', String(40 + at)], ['0018,1210', 'SH', 'B60f']]) bytes = rewritten(bytes, tag, vr, value);
    await writeFile(join(folder, `${at}.dcm`), bytes);
  }
  await (await page.$(id('folder-input'))).uploadFile(folder);
  await visit.results(2);
  await page.waitForSelector(id('study'));
  await page.click(id('open-viewer'));
  await page.waitForSelector('[data-pixels="full"]');
  for (const key of ['d', 'Enter', ...Array(20).fill('ArrowRight'), 'Enter', 'Escape', 'Escape']) await page.keyboard.press(key);
  const { csv } = await save(visit, 'measured');
  const [head, ...rows] = parseCsv(csv);
  const column = (name) => rows.map((row) => row[head.indexOf(name)]);
  assert.deepEqual(column('measured'), ['Length: 12.5 mm', '']);
  assert.deepEqual([column('instance_number'), column('position_mm'), column('kernel'), column('thickness_mm')], [['40', '41'], ['30', '20'], ['B60f', 'B60f'], ['1', '1']]);
  await print(visit);
  const sheet = await page.$eval(id('sheet'), (node) => node.textContent);
  assert.match(sheet, /Length: 12\.5 mm/);
  assert.match(sheet, /image 40 · 30 mm · Thickness 1 mm · Kernel B60f/);
  assert.match(sheet, /Opacity: \d+% of the lungs/);
  assert.ok(await page.$eval(`${id('sheet')} .scale-band`, (band) => band !== null), 'the band is drawn');
  assert.equal(await pages(page, 'A4'), 1);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('file names are left out of what is saved, printed and told, if a person wants it', async () => {
  const { visit } = await visitWithStudies();
  assert.ok((await print(visit)).includes(SECRET), 'paper names files');
  await visit.page.click(id('omit-names'));
  const { csv, json } = await save(visit, 'nameless');
  const paper = await print(visit);
  for (const [where, text] of Object.entries({ csv, json, paper })) assert.ok(!text.includes(SECRET), where);
  assert.deepEqual(JSON.parse(json).map(({ file }) => file), [1, 2, 3, 4, 5, 6, 7].map((number) => `slice ${number}`));
  await visit.page.click(`${id('diagnostics')} button`);
  assert.ok(!(await visit.page.$eval(`${id('diagnostics')} pre`, (text) => text.textContent)).includes(SECRET));
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('paper has one page a study, with its pictures and what the page must say, and no controls', async () => {
  const { visit } = await visitWithStudies();
  const { page } = visit;
  await print(visit);
  const sheets = await page.$$eval(id('sheet'), (all) => all.map((sheet) => ({
    title: sheet.querySelector('h2').textContent,
    text: sheet.textContent,
    rows: sheet.querySelectorAll('tbody tr').length,
    painted: [...sheet.querySelectorAll('canvas')].map((canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return data.some((value) => value > 0);
    }),
  })));
  assert.deepEqual(sheets.map(({ title }) => title), ['Series 1', 'Series 2', 'Single pictures']);
  assert.deepEqual(sheets.map(({ rows }) => rows), [2, 2, 3]);
  // A picture and a map for each of the highest slices.
  assert.deepEqual(sheets.map(({ painted }) => painted), [Array(4).fill(true), Array(4).fill(true), [true, true]]);
  for (const { text } of sheets) {
    assert.match(text, /Not a medical device/);
    assert.match(text, /nobody has validated it/);
    assert.match(text, /[0-9a-f]{64}/);
    assert.match(text, /threshold 0\.40/);
  }
  await page.emulateMediaType('print');
  for (const hidden of ['drop-zone', 'export-csv', 'result', 'diagnostics', 'study']) {
    assert.equal(await page.$eval(id(hidden), (node) => node.checkVisibility()), false, hidden);
  }
  assert.equal(await page.$eval(id('sheet'), (node) => node.checkVisibility()), true);
  await page.emulateMediaType(null);
  for (const format of ['A4', 'Letter']) assert.equal(await pages(page, format), 3, format);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('a study of more slices than fit stays on one page, and says what it left out', async () => {
  const visit = await browser.visit();
  await visit.ready();
  if (await visit.page.$eval(id('consent'), (dialog) => dialog.open)) await visit.accept();
  const folder = join(files.folder, 'many-slices-of-one-study');
  await mkdir(folder);
  const slice = all.find((one) => isJudged(one) && one.input.endsWith('.png')).input;
  for (let i = 0; i < 110; i++) await files.put(i < 3 ? slice : all.find((one) => one.name === 'bad-crc').input, `many-slices-of-one-study/slice-with-a-long-name-${i}.png`);
  await (await visit.page.$(id('folder-input'))).uploadFile(folder);
  await visit.results(110);
  const paper = await print(visit);
  assert.match(paper, /of 110; the saved files hold all/);
  for (const format of ['A4', 'Letter']) assert.equal(await pages(visit.page, format), 1, format);
  await visit.close();
});

test('the browser\'s own command prints the studies too, and a page without readings as it stands', async () => {
  const { visit } = await visitWithStudies();
  await visit.page.waitForFunction((study) => document.querySelectorAll(study).length === 3, {}, id('study'));
  assert.equal(await pages(visit.page, 'A4'), 3);
  assert.equal((await visit.page.$$(id('sheet'))).length, 0, 'the paper is gone from the page');
  await visit.page.click(id('clear'));
  const text = await visit.page.evaluate(() => document.querySelector('.notice').checkVisibility());
  assert.ok(text);
  assert.equal(await pages(visit.page, 'A4'), 1);
  await visit.close();
});

// What hinders a reader from coming again.
const GONE = {
  'cannot start again': () => { WebAssembly.validate = () => false; },
  'starts again without end': () => {
    window.Worker = class extends EventTarget {
      postMessage() {}
      terminate() {}
    };
  },
};

for (const [how, hinder] of Object.entries(GONE)) {
  test(`what was read is saved and printed where the reader ${how}`, async () => {
    const visit = await readyVisit({ cores: 1 });
    await visit.choose([await files.put(slice, 'early')]);
    await visit.results(1);
    await visit.page.workers()[0].evaluate(async (library) => {
      const { Classifier } = await import(library);
      const open = Classifier.prototype.open;
      Classifier.prototype.open = function (bytes, name) {
        if (name === 'trap') throw new WebAssembly.RuntimeError('unreachable');
        return open.call(this, bytes, name);
      };
    }, new URL('pkg/lungglass.js', visit.page.url()).href);
    await visit.page.evaluate(hinder);
    await visit.choose([await files.put(slice, 'late'), await files.put(slice, 'trap')]);
    const expected = ['early', 'late', 'trap'];
    assert.deepEqual((await visit.results(3)).map(({ file }) => file), expected);
    const { csv, json } = await save(visit, how.replaceAll(' ', '-'));
    const [head, ...rows] = parseCsv(csv);
    assert.deepEqual(rows.map((row) => row[head.indexOf('file')]), expected);
    assert.deepEqual(JSON.parse(json).map(({ file, verdict }) => [file, verdict === 'error']), expected.map((name) => [name, name === 'trap']));
    // Each once, those too that no study is known for.
    await print(visit);
    const printed = await visit.page.$$eval(`${id('sheet')} tbody td:nth-child(2)`, (cells) => cells.map((cell) => cell.textContent));
    assert.deepEqual(printed, expected);
    assert.deepEqual(visit.complaints(), []);
    await visit.close();
  });
}

test('paper does not wait for pictures that the reader cannot give again', async () => {
  const visit = await readyVisit({ cores: 1 });
  const two = all.filter((one) => isJudged(one) && one.input.endsWith('.png')).slice(0, 2);
  await visit.choose(await Promise.all(two.map((one) => files.putCase(one))));
  const [first, second] = (await visit.results(2)).map(({ score }) => Number(score));
  assert.notEqual(first, second);
  const [low, high] = first < second ? two : [...two].reverse();
  await visit.page.click(id('clear'));
  // The highest is neither among those that are in sight nor among those that were read last: its pixels are given up.
  const folder = join(files.folder, 'pictures-that-are-gone');
  await mkdir(folder);
  for (let i = 0; i < 140; i++) await files.put((i === 35 ? high : low).input, `pictures-that-are-gone/${String(i).padStart(3, '0')}.png`);
  await (await visit.page.$(id('folder-input'))).uploadFile(folder);
  await visit.results(140);
  await visit.page.waitForFunction((study) => /in slice 36\./.test(document.querySelector(study)?.textContent), {}, id('study'));
  await visit.page.click(id('view-cards'));
  // The study shows its highest slices, so that their pixels are kept until many others were looked at.
  await visit.page.evaluate(async (results) => {
    for (const card of [...document.querySelectorAll(results)].slice(40)) {
      card.scrollIntoView({ block: 'center' });
      while (!(card.querySelector('canvas')?.width > 0)) await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }, id('result'));
  await visit.page.evaluate(GONE['starts again without end']);
  const [worker] = visit.page.workers();
  await worker.evaluate(() => { setTimeout(() => { throw new Error('gone'); }); });
  await visit.page.waitForSelector('.pill[data-state="loading"]');
  await print(visit);
  const [sheet] = await visit.page.$$eval(id('sheet'), (sheets) => sheets.map((one) => ({ text: one.textContent, pictures: one.querySelectorAll('figure .frame').length })));
  assert.match(sheet.text, /of 140; the saved files hold all/);
  assert.ok(sheet.pictures < 3, `${sheet.pictures} pictures`);

  // What is cleared in the meantime is not printed any more.
  await visit.page.evaluate((...buttons) => {
    window.printed = false;
    for (const button of buttons) document.querySelector(button).click();
  }, id('print'), id('clear'));
  await new Promise((resolve) => setTimeout(resolve, 5000));
  assert.equal(await visit.page.evaluate(() => window.printed), false);
  await visit.close();
});

/** How many pages a PDF has: by its page objects, which Chromium does not compress. */
async function pages(page, format) {
  const pdf = Buffer.from(await page.pdf({ format, preferCSSPageSize: false, printBackground: true })).toString('latin1');
  return pdf.match(/\/Type\s*\/Page\b/g)?.length ?? 0;
}
