// A site's acceptance test in the page: the figures of `lungglass accept`, files that page and command take, and nothing that is kept.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, extname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { isError, isJudged, isRefused } from './cases.mjs';
import { saved } from './saved.mjs';
import { rewritten } from './series.mjs';
import { all, files, readyVisit } from './suite.mjs';
import { id } from './visit.mjs';

const COMMAND = process.env.LUNGGLASS_COMMAND ?? fileURLToPath(new URL('../../target/release/lungglass', import.meta.url));
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const run = promisify(execFile);
/** The command ends with 2 where some rows could not be read. */
const lungglass = (...given) => run(COMMAND, given).catch((failure) => { if (failure.code !== 2) throw failure; return failure; });

/** Pictures of two classes in folders by patient, and a manifest that says the same. */
async function site(name) {
  const root = join(files.folder, name);
  const pictures = all.filter(({ input }) => /\.(png|jpg|jpeg)$/.test(input));
  const chosen = [...pictures.filter(isJudged), ...pictures.filter(isRefused).slice(0, 2), ...pictures.filter(isError).slice(0, 1)];
  const rows = ['path,label,split,group'];
  for (const [at, one] of chosen.entries()) {
    const positive = at % 3 === 0;
    // The last patient of each class has several slices.
    const patient = `p${Math.min(at, 9)}`;
    const path = join(root, positive ? 'ill' : 'well', patient, `${one.name}${extname(one.input)}`);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, await readFile(one.input));
    rows.push(`${path},${positive ? 1 : 0},own,${positive ? 1 : 0}/${patient}`);
  }
  const manifest = join(root, 'manifest.csv');
  await writeFile(manifest, `${rows.join('\n')}\n`);
  return { root, manifest, count: chosen.length };
}

async function open(visit, folders) {
  await visit.page.select(id('language'), 'en');
  await visit.page.click('#check-open');
  for (const [of, paths] of Object.entries(folders)) await (await visit.page.$(id(`check-${of}`))).uploadFile(...[paths].flat());
  // A folder is listed by the browser in its own time.
  await visit.page.waitForSelector(`${id('check-start')}:enabled`);
}

async function set(visit, values) {
  await visit.page.evaluate((given) => { for (const [name, value] of Object.entries(given)) document.getElementById(`check-${name}`).value = value; }, values);
}

async function checked(visit) {
  await visit.page.click(id('check-start'));
  await visit.page.waitForSelector(id('check-result'), { visible: true });
}

async function taken(visit, folder) {
  await mkdir(folder);
  const session = await visit.page.createCDPSession();
  await session.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: folder });
  await visit.page.click(id('check-json'));
  const document = JSON.parse(await saved(folder, '.json'));
  await visit.page.click(id('check-html'));
  const html = await saved(folder, '.html');
  const gives = await visit.page.$eval(id('check-settings'), (button) => button.checkVisibility());
  if (gives) await visit.page.click(id('check-settings'));
  const settings = gives ? await saved(folder, '.toml') : null;
  await session.detach();
  return { document, html, settings };
}

/** Where two documents differ by more than what is rounded. */
function differences(one, other, path = '') {
  if (typeof one === 'number' && typeof other === 'number') return Math.abs(one - other) <= 2e-3 * Math.max(1, Math.abs(other)) ? [] : [`${path}: ${one} and ${other}`];
  if (one === null || other === null || typeof one !== 'object' || typeof other !== 'object') return one === other ? [] : [`${path}: ${one} and ${other}`];
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].flatMap((key) => differences(one[key], other[key], `${path}/${key}`));
}

test('the page gives the figures of the command, and files that both take', async () => {
  const { root, manifest, count } = await site('figures');
  const out = join(root, 'out');
  await lungglass('accept', '--manifest', manifest, '--out', out, '--site', 'Ward 7', '--ppv', '0.5', '--npv', '0.5', '--confidence', '0.5');
  const expected = JSON.parse(await readFile(join(out, 'acceptance.json'), 'utf8'));
  const visit = await readyVisit();
  await open(visit, { positives: join(root, 'ill'), negatives: join(root, 'well') });
  await set(visit, { site: 'Ward 7', ppv: 50, npv: 50, confidence: 50 });
  await checked(visit);
  const { document, html, settings } = await taken(visit, join(root, 'saved'));
  for (const own of ['sha256', 'device']) {
    delete document[own];
    delete expected[own];
  }
  assert.equal(document.counts.slices, count);
  assert.deepEqual(differences(document, expected), []);
  const { auc } = expected;
  const figures = await visit.page.$eval(id('check-figures'), (node) => node.innerText);
  assert.ok(figures.includes(auc.value.toFixed(3)) && figures.includes(auc.ci95[0].toFixed(3)), figures);
  assert.match(html, /Acceptance test of/);
  for (const text of [JSON.stringify(document), html, settings ?? '']) for (const secret of ['/p0', 'luna', 'lidc', '/ill', 'ill/']) assert.ok(!text.includes(secret), secret);

  // What the check was made of is in no storage, and the readings of the page are none of its.
  assert.equal((await visit.page.$$(id('result'))).length, 0);
  assert.deepEqual(await visit.page.evaluate(() => Object.keys(localStorage).sort()), ['lungglass.consent.1', 'lungglass.language']);

  assert.equal(settings !== null, document.triage !== null);
  if (settings !== null) {
    const file = join(root, 'page-point.toml');
    await writeFile(file, settings);
    const picture = join(root, 'well', 'p1', basename((await import('node:fs')).readdirSync(join(root, 'well', 'p1'))[0]));
    const { stdout } = await lungglass('classify', '--json', '--operating-point', file, picture);
    assert.equal(JSON.parse(stdout).model.operating_point.site, 'Ward 7');
    await visit.page.click(id('check-use'));
    await visit.page.waitForFunction((of) => document.querySelector(of).innerText.includes('Ward 7'), {}, id('point'));
  }
  await visit.page.evaluate(axe);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('too few slices give no thresholds, and the page says how many more would', async () => {
  const { root } = await site('few');
  const visit = await readyVisit();
  await open(visit, { positives: join(root, 'ill'), negatives: join(root, 'well') });
  await checked(visit);
  const answer = await visit.page.$eval(id('check-answer'), (node) => node.innerText);
  assert.match(answer, /give no thresholds with a guarantee/);
  assert.match(answer, /[Mm]ore patients? like these would (be enough|not help)/);
  assert.equal(await visit.page.$eval(id('check-settings'), (button) => button.checkVisibility()), false);
  await visit.page.evaluate(axe);
  const { violations } = await visit.page.evaluate(() => window.axe.run(document.getElementById('check'), { preload: false, resultTypes: ['violations'] }));
  assert.deepEqual(violations.map(({ id: rule, nodes }) => `${rule}: ${nodes.map((node) => node.html).join(' ')}`), []);
  await visit.shot('check', { fullPage: false });
  await visit.close();
});

test('a check that cannot be made says why, and can be made again', async () => {
  const root = join(files.folder, 'failing');
  await mkdir(root);
  const [ill, well] = await Promise.all(['ill', 'well'].map(async (name) => {
    await mkdir(join(root, name));
    await writeFile(join(root, name, 'slice.png'), await readFile(all.find(isJudged).input));
    return join(root, name);
  }));
  const visit = await readyVisit();
  await open(visit, { positives: ill, negatives: well });
  // More days than the calendar has, past the field's own limit.
  await visit.page.$eval('#check-days', (input) => { input.max = ''; });
  await set(visit, { days: '1e12' });
  await visit.page.click(id('check-start'));
  await visit.page.waitForFunction(() => /The check cannot be made: ./.test(document.getElementById('check-progress-text').innerText));
  assert.equal(await visit.page.$eval(id('check-result'), (node) => node.checkVisibility()), false);
  await set(visit, { days: '180' });
  await checked(visit);
  assert.equal(await visit.page.$eval('#check-progress', (node) => node.checkVisibility()), false);
  assert.ok(await visit.page.$eval(id('check-answer'), (node) => { const { top, bottom } = node.getBoundingClientRect(); return top < innerHeight && bottom > 0; }), 'the answer is before the eyes');
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('slices of one patient are known by the number in their headers, which nobody sees', async () => {
  const root = join(files.folder, 'patients');
  const slice = await readFile(all.find(({ name }) => name === 'lidc-explicit-le').input);
  for (const [folder, patient] of [['ill/a', 'SECRET-1'], ['ill/b', 'SECRET-1'], ['well/a', 'SECRET-2'], ['well/b', 'SECRET-3']]) {
    await mkdir(join(root, folder), { recursive: true });
    await writeFile(join(root, folder, 'slice.dcm'), rewritten(slice, '0010,0020', 'LO', patient));
  }
  const visit = await readyVisit();
  await open(visit, { positives: join(root, 'ill'), negatives: join(root, 'well') });
  await checked(visit);
  const { document, html } = await taken(visit, join(root, 'saved'));
  assert.deepEqual([document.counts.groups, document.counts.positive_groups, document.counts.negative_groups], [3, 1, 2]);
  assert.match(await visit.page.$eval('#check-told', (node) => node.innerText), /4 by the patient's number, 0 by folder/);
  for (const text of [JSON.stringify(document), html, await visit.page.content()]) assert.ok(!text.includes('SECRET'));
  await visit.page.click('#check-cancel');
  assert.equal(await visit.page.$eval(id('check-result'), (node) => node.checkVisibility()), false);
  await visit.close();
});

test('another share of patients is asked for with the keyboard, as the command asks for it', async () => {
  const { root, manifest } = await site('prevalence');
  const out = join(root, 'out');
  await lungglass('accept', '--manifest', manifest, '--out', out, '--site', 'Ward 7', '--ppv', '0.5', '--npv', '0.5', '--confidence', '0.5', '--prevalence', '0.12');
  const expected = JSON.parse(await readFile(join(out, 'acceptance.json'), 'utf8'));
  const visit = await readyVisit();
  const { page } = visit;
  await open(visit, { positives: join(root, 'ill'), negatives: join(root, 'well') });
  await set(visit, { site: 'Ward 7', ppv: 50, npv: 50, confidence: 50 });
  await page.focus('#check-confidence');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'check-prevalence');
  // A share that is none is not taken.
  await page.keyboard.type('250');
  await page.click(id('check-start'));
  assert.equal(await page.$eval('#check-progress', (node) => node.checkVisibility()), false);
  assert.equal(await page.evaluate(() => document.activeElement.id), 'check-prevalence', 'the field says what is wrong');
  await page.$eval('#check-prevalence', (input) => input.select());
  await page.keyboard.type('12');
  await checked(visit);
  const { document } = await taken(visit, join(root, 'saved'));
  assert.equal(document.wanted.prevalence, 0.12);
  assert.deepEqual(differences(document.sides, expected.sides), []);
  assert.ok(document.sides.drawn < document.counts.groups && document.warnings.some((text) => / 12 % /.test(text)), JSON.stringify(document.warnings));
  await visit.close();
});
