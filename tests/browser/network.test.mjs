// Other networks: chosen in the page for a visit, published as a site, and in one file.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { site } from './site.mjs';
import { browser, readyVisit } from './suite.mjs';
import { id } from './visit.mjs';
import { zipOf } from './zip.mjs';

const COMMAND = process.env.LUNGGLASS_COMMAND ?? fileURLToPath(new URL('../../target/release/lungglass', import.meta.url));
const KIOSK = process.env.LUNGGLASS_KIOSK ?? fileURLToPath(new URL('../../dist/lungglass-kiosk.html', import.meta.url));
const MODELS = fileURLToPath(new URL('../models/whole/', import.meta.url));
/** The example of the documentation. */
const TEXTURES = fileURLToPath(new URL('../../examples/textures/', import.meta.url));
const PICTURE = join(MODELS, 'softmax/samples/photo-cat.png');
/** A score as the page writes it. */
const number = (written) => (written.startsWith('<') ? 0 : written.startsWith('>') ? 1 : Number(written));
/** What stands in the page for our own network alone. */
const OWN_WORDS = /covid|chest|\blungs?\b/i;

const run = promisify(execFile);
const lungglass = (...given) => run(COMMAND, given);
/** What a folder must give for a picture: computed by Pillow and ONNX Runtime. */
const expected = async (name) => JSON.parse(await readFile(name.endsWith('.json') ? name : join(MODELS, name, 'samples/photo-cat.json'), 'utf8')).classes;

let desk;
before(async () => { desk = await mkdtemp(join(tmpdir(), 'lungglass-network-')); });
after(() => rm(desk, { recursive: true, force: true }));

async function packed(name) {
  const file = join(desk, `${name}.lungglass`);
  await lungglass('pack', join(MODELS, name), '-o', file);
  return file;
}

async function choose(visit, file) {
  await visit.page.click('#model-card-open');
  await (await visit.page.$(id('other-network'))).uploadFile(file);
}

const banner = (visit) => visit.page.waitForFunction((of) => {
  const node = document.querySelector(of);
  return node.checkVisibility() && document.querySelector('[data-testid="ready"]') ? node.innerText : null;
}, {}, id('network')).then((handle) => handle.jsonValue());

/** The classes of the only result, by their names, and what is wrong with them. */
async function holds(visit, name) {
  await visit.page.waitForSelector(id('classes'));
  const found = await visit.page.$eval(id('classes'), (list) => Object.fromEntries([...list.querySelectorAll('dt')].map((term) => [term.textContent, term.nextElementSibling.textContent])));
  const wanted = await expected(name);
  assert.deepEqual(Object.keys(found).sort(), Object.keys(wanted).sort());
  for (const [of, score] of Object.entries(wanted)) assert.ok(Math.abs(number(found[of]) - score) < 0.011, `${of}: ${found[of]} instead of ${score}`);
}

const text = (visit) => visit.page.evaluate(() => `${document.title}\n${document.body.innerText}`);

test('another network reads for a visit, under its own words, and says so', async () => {
  const file = await packed('softmax');
  const visit = await readyVisit();
  await visit.page.select(id('language'), 'en');
  await choose(visit, file);
  assert.match(await banner(visit), /small sha-[0-9a-f]{8} .* reads, chosen by you for this visit/);
  await visit.choose([PICTURE]);
  const [result] = await visit.results(1);
  const [top] = Object.entries(await expected('softmax')).sort(([, one], [, other]) => other - one)[0];
  assert.ok(result.text.includes(`${top}: highest score`), result.text);
  assert.equal(result.verdict, top === 'normal' ? 'negative' : 'positive');
  await holds(visit, 'softmax');
  const said = await text(visit);
  assert.match(said, /A small network\n/);
  assert.equal(await visit.page.$eval('#intro-text', (node) => node.textContent), 'It tells nothing.');
  assert.match(said, /This network refuses nothing/);
  assert.doesNotMatch(said, OWN_WORDS);
  await visit.page.click('#model-card-open');
  const card = await visit.page.$eval('#model-card-body', (node) => node.innerText);
  assert.match(card, /Its weights are random/);
  assert.doesNotMatch(card, OWN_WORDS);
  await visit.page.click('#model-card [data-close]');
  await visit.page.select(id('language'), 'de');
  assert.match(await text(visit), /von Ihnen für diesen Besuch gewählt/);
  await visit.shot('other-network', { fullPage: true });

  await visit.page.select(id('language'), 'en');
  await visit.page.click(id('view-table'));
  assert.match(await visit.page.$eval('#table', (node) => node.innerText), new RegExp(`${top}: highest score`));
  await visit.page.click(id('view-cards'));

  // The viewer shows what this network was given.
  await visit.page.click(`${id('result')} ${id('heatmap')}`);
  await visit.page.waitForSelector('#viewer[open]');
  await visit.page.keyboard.press('Escape');
  await visit.page.click(id('network-back'));
  await visit.ready();
  assert.match(await text(visit), OWN_WORDS);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('studies and paper say which class a score is of', async () => {
  const kinds = ['stripes', 'checks', 'dots', 'noise'];
  const archive = await zipOf(join(desk, 'textures.zip'), Object.fromEntries(kinds.map((kind) => [`${kind}.png`, join(TEXTURES, `samples/${kind}.png`)])));
  const file = join(desk, 'textures.lungglass');
  await lungglass('pack', TEXTURES, '-o', file);
  const visit = await readyVisit();
  const { page } = visit;
  await page.select(id('language'), 'en');
  await choose(visit, file);
  await banner(visit);
  await visit.choose([archive]);
  await visit.results(kinds.length);
  await page.waitForSelector(id('study'), { visible: true });
  await page.waitForFunction((of) => document.querySelectorAll(of).length > 0, {}, id('highest'));
  const listed = await page.$$eval(id('highest'), (all) => all.map((one) => one.textContent));
  for (const told of listed) assert.match(told, /(?:stripes|checks|dots|noise) (?:[<>]\s?)?\d/);
  const study = await page.$eval(id('study'), (node) => node.innerText);
  assert.doesNotMatch(study, /The highest score is/, 'it would be of any class');
  assert.equal(await page.$(`${id('study')} .chart line`), null, 'each class has a threshold of its own');
  assert.equal(await page.$(`${id('study')} :is(.key-threshold, .key-opacity)`), null, 'a key of what is not drawn');
  await page.evaluate(() => { window.print = () => { window.printed = true; }; });
  await page.click(id('print'));
  await page.waitForFunction(() => window.printed);
  const rows = await page.$$eval('#sheets tbody tr', (all) => all.map((row) => row.textContent));
  assert.equal(rows.length, kinds.length);
  for (const kind of kinds) assert.ok(rows.some((row) => row.includes(`${kind}.png`) && new RegExp(`${kind} (?:[<>]\\s?)?\\d`).test(row)), `${kind}: ${rows.join(' | ')}`);
  const settings = await page.$$eval('#sheets .sheet footer dt', (all) => all.map((term) => term.textContent));
  assert.deepEqual(settings.slice(0, kinds.length).sort(), [...kinds].sort());
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

/** In the page: how many pixels of a canvas are in colours. */
const coloured = (canvas) => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let at = 0; at < data.length; at += 4) count += Number(Math.max(data[at], data[at + 1], data[at + 2]) - Math.min(data[at], data[at + 1], data[at + 2]) > 24);
  return count;
};

/** A DICOM file of 64 x 48 pixels in RGB: red at the left, blue at the right. */
function redAndBlue() {
  const element = (group, number, vr, value) => {
    const head = Buffer.alloc(vr === 'OB' ? 12 : 8);
    head.writeUInt16LE(group, 0);
    head.writeUInt16LE(number, 2);
    head.write(vr, 4, 'latin1');
    if (vr === 'OB') head.writeUInt32LE(value.length, 8);
    else head.writeUInt16LE(value.length, 6);
    return Buffer.concat([head, value]);
  };
  const short = (value) => Buffer.from([value & 255, value >> 8]);
  const pixels = Buffer.concat(Array.from({ length: 64 * 48 }, (_, at) => Buffer.from(at % 64 < 32 ? [250, 0, 0] : [0, 0, 250])));
  return Buffer.concat([
    Buffer.alloc(128), Buffer.from('DICM'), element(0x0002, 0x0010, 'UI', Buffer.from('1.2.840.10008.1.2.1\0')),
    element(0x0008, 0x0060, 'CS', Buffer.from('XC')), element(0x0028, 0x0002, 'US', short(3)), element(0x0028, 0x0004, 'CS', Buffer.from('RGB ')),
    element(0x0028, 0x0010, 'US', short(48)), element(0x0028, 0x0011, 'US', short(64)), element(0x0028, 0x0100, 'US', short(8)),
    element(0x0028, 0x0101, 'US', short(8)), element(0x0028, 0x0102, 'US', short(7)), element(0x0028, 0x0103, 'US', short(0)),
    element(0x7fe0, 0x0010, 'OB', pixels),
  ]);
}

test('pictures and DICOM stay in colours for a network of three channels, and are gray for one', async () => {
  const dicom = join(desk, 'red-and-blue.dcm');
  await writeFile(dicom, redAndBlue());
  const files = [await packed('softmax'), await packed('one')];
  for (const [file, paths, least] of [[files[0], [PICTURE, dicom], 1000], [files[1], [PICTURE], 0]]) {
    const visit = await readyVisit();
    const { page } = visit;
    await choose(visit, file);
    await banner(visit);
    for (const [at, path] of paths.entries()) {
      await visit.choose([path]);
      await visit.results(at + 1);
    }
    const counts = await Promise.all((await page.$$(`${id('result')} .stage canvas:first-of-type`)).map((canvas) => canvas.evaluate(coloured)));
    assert.equal(counts.length, paths.length);
    for (const count of counts) assert.ok(least > 0 ? count > least : count === 0, `${count} coloured pixels`);
    await page.click(`${id('result')} ${id('open-viewer')}`);
    await page.waitForSelector('#viewer[open]');
    await page.waitForSelector('[data-pixels="full"]');
    const shown = await page.$eval(id('viewer-picture'), coloured);
    assert.ok(least > 0 ? shown > least : shown === 0, `${shown} coloured pixels in the viewer`);
    assert.deepEqual(visit.complaints(), []);
    await visit.close();
  }
});

test('what is no network, or a damaged one, leaves the page as it was', async () => {
  const file = await packed('sigmoid');
  const bytes = await readFile(file);
  bytes[bytes.length >> 1] ^= 1;
  const damaged = join(desk, 'damaged.lungglass');
  await writeFile(damaged, bytes);
  const visit = await readyVisit();
  await visit.page.select(id('language'), 'en');
  await choose(visit, PICTURE);
  await visit.page.waitForFunction(() => /photo-cat\.png is no network/.test(document.getElementById('other-network-text').textContent));
  await (await visit.page.$(id('other-network'))).uploadFile(damaged);
  const said = await banner(visit);
  assert.match(said, /damaged\.lungglass cannot be used here/);
  assert.match(said, /its hash is not that of its bytes/);
  await visit.page.click(id('sample'));
  const [{ verdict, score }] = await visit.results(1);
  assert.equal(verdict, 'negative');
  assert.ok(score > 0 && score < 0.5);
  await visit.close();
});

test('readings of the network before are cleared only if a person agrees', async () => {
  const file = await packed('crop');
  const visit = await readyVisit();
  await visit.page.click(id('sample'));
  await visit.results(1);
  const asked = [];
  let agrees = false;
  visit.page.on('dialog', (dialog) => {
    asked.push(dialog.message());
    return agrees ? dialog.accept() : dialog.dismiss();
  });
  await choose(visit, file);
  while (asked.length < 1) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal((await visit.page.$$(id('result'))).length, 1);
  agrees = true;
  await (await visit.page.$(id('other-network'))).uploadFile(file);
  await banner(visit);
  assert.equal((await visit.page.$$(id('result'))).length, 0);
  await visit.choose([PICTURE]);
  await visit.results(1);
  await holds(visit, 'crop');
  await visit.close();
});

test('a site is published with another network inside, by the command alone', async () => {
  const folder = join(desk, 'site/');
  await lungglass('publish', TEXTURES, '--out', folder, '--fixed');
  await assert.rejects(lungglass('publish', TEXTURES, '--out', folder), /not empty/);
  const own = await site({ folder });
  try {
    const visit = await browser.visit({ address: own.address });
    await visit.accept();
    await visit.ready();
    await visit.page.select(id('language'), 'en');
    await visit.choose([join(TEXTURES, 'samples/stripes.png')]);
    await visit.results(1);
    await holds(visit, join(TEXTURES, 'samples/stripes.json'));
    const said = await text(visit);
    assert.match(said, /Textures\n/);
    assert.doesNotMatch(said, OWN_WORDS);
    await visit.page.click('#model-card-open');
    assert.equal(await visit.page.$eval('#other-network-box', (node) => node.checkVisibility()), false, 'the publisher forbids another one');
    await visit.page.click('#model-card [data-close]');
    await visit.offline('ready');
    assert.deepEqual(visit.complaints(), []);
    // Without the site it reads all the same, with the network that was published.
    await own.stop();
    assert.equal(await fetch(own.address).catch(() => null), null);
    await visit.page.reload();
    await visit.ready();
    await visit.choose([join(TEXTURES, 'samples/stripes.png')]);
    await visit.results(1);
    await holds(visit, join(TEXTURES, 'samples/stripes.json'));
    await visit.close();
  } finally {
    await own.stop().catch(() => {});
  }
  // A network that is not the one that was published is not taken.
  const tampered = await site({ folder });
  tampered.files.set('network.lungglass', await readFile(await packed('softmax')));
  try {
    const visit = await browser.visit({ address: tampered.address });
    await visit.page.waitForSelector(id('load-failure'), { visible: true });
    assert.equal(await visit.page.$(id('ready')), null);
    await visit.close();
  } finally {
    await tampered.stop();
  }
});

test('one file with another network inside opens from a disk and reads', async () => {
  const file = join(desk, 'kiosk.html');
  await lungglass('publish', await packed('sigmoid'), '--kiosk', '--page', KIOSK, '--out', file);
  const visit = await browser.visit({ address: pathToFileURL(file).href });
  await visit.accept();
  await visit.ready();
  await visit.page.select(id('language'), 'en');
  await visit.choose([PICTURE]);
  await visit.results(1);
  await holds(visit, 'sigmoid');
  const said = await text(visit);
  assert.match(said, /A small network/);
  assert.doesNotMatch(said, OWN_WORDS);
  assert.equal(await visit.page.$eval('#other-network-box', (node) => node.checkVisibility()), false);
  assert.deepEqual(visit.seen.requests.filter((url) => !/^(file|blob|data):/.test(url)), []);
  assert.deepEqual(visit.seen.errors, []);
  await visit.close();
});

// The model folders of tests/onnxruntime/networks.py.
const FOLDERS = process.env.LUNGGLASS_MODELS;
test('common networks read in the page as their exporters say', { skip: !FOLDERS && 'LUNGGLASS_MODELS names no folder' }, async () => {
  const names = (await readdir(FOLDERS)).filter((name) => name.endsWith('-classic'));
  assert.ok(names.length > 0);
  for (const name of names) {
    const folder = join(FOLDERS, name);
    const file = join(desk, `${name}.lungglass`);
    await lungglass('pack', folder, '-o', file);
    const visit = await readyVisit();
    await visit.page.select(id('language'), 'en');
    await choose(visit, file);
    assert.match(await banner(visit), new RegExp(name), name);
    await visit.choose([join(folder, 'samples/photo-cat.png')]);
    await visit.results(1);
    await holds(visit, join(folder, 'samples/photo-cat.json'));
    console.log(`# ${name}: ${(await visit.page.$eval(id('result'), (card) => card.innerText)).match(/Time\s+([\d.,]+ \w+)/)?.[1]}`);
    await visit.close();
    await rm(file);
  }
});

test('a table of readings has the class and the scores of all', async () => {
  const { toCsv } = await import('../../www/saving/export.js');
  const row = (reading) => ({ reading: { file: 'a.png', verdict: 'refused', source: null, ...reading }, place: { marks: {} }, measured: [], study: null, slice: null, settings: { uncertain: [0, 0] } });
  const judged = { verdict: 'positive', class: 'viral', score: 0.7, classes: { normal: 0.3, viral: 0.7 } };
  const [head, first, second] = toCsv([row({ score: null, classes: null }), row(judged)], { separator: ',', mark: '.' }).slice(1).split('\r\n').map((line) => line.split(','));
  assert.deepEqual(head.slice(-3), ['class', 'score_normal', 'score_viral']);
  assert.deepEqual([first.slice(-3), second.slice(-3)], [['', '', ''], ['viral', '0.3', '0.7']]);
  const [plain] = toCsv([row({ score: 0.5 })], { separator: ',', mark: '.' }).split('\r\n');
  assert.ok(!plain.includes('class'));
});
