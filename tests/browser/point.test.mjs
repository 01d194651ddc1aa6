// A site's operating point, from its acceptance test: chosen for a visit, published with the page, served by the command, and in one file.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { parseCsv, saved } from './saved.mjs';
import { day, settingsFile } from './settings-file.mjs';
import { site } from './site.mjs';
import { browser, files, readyVisit } from './suite.mjs';
import { id } from './visit.mjs';

const COMMAND = process.env.LUNGGLASS_COMMAND ?? fileURLToPath(new URL('../../target/release/lungglass', import.meta.url));
const KIOSK = process.env.LUNGGLASS_KIOSK ?? fileURLToPath(new URL('../../dist/lungglass-kiosk.html', import.meta.url));
const lungglass = (...given) => promisify(execFile)(COMMAND, given);

async function written(name, text) {
  const path = join(files.folder, name);
  await writeFile(path, text);
  return path;
}

async function choose(visit, file) {
  await visit.page.click('#model-card-open');
  await (await visit.page.$(id('own-point'))).uploadFile(file);
}

/** What the banner says, once the page can read. */
const banner = (visit) => visit.page.waitForFunction((of) => {
  const node = document.querySelector(of);
  return node.checkVisibility() && document.querySelector('[data-testid="ready"]') && node.innerText !== '' ? node.innerText : null;
}, {}, id('point')).then((handle) => handle.jsonValue());

async function sample(visit) {
  await visit.page.click(id('sample'));
  return (await visit.results(1))[0];
}

test('a settings file judges for a visit, and everything that is said, saved and printed says whose it is', async () => {
  const visit = await readyVisit();
  await visit.page.select(id('language'), 'en');
  const { page } = visit;
  const before = await sample(visit);
  assert.equal(before.verdict, 'negative');
  page.on('dialog', (dialog) => dialog.accept());
  await choose(visit, await written('clinic.toml', settingsFile()));
  const said = await banner(visit);
  assert.match(said, /By the thresholds of Clinic 5, which hold until \d+ \w+ 20\d\d\./);
  assert.match(said, /At least 90% of the slices called positive .* at least 85% .* confidence of 95%/);
  assert.equal((await page.$$(id('result'))).length, 0, 'what other thresholds judged is gone');
  const after = await sample(visit);
  assert.equal(after.verdict, 'positive');
  assert.ok(Math.abs(after.score - before.score) < 1e-6);
  assert.match(await page.$eval(id('by-point'), (node) => node.textContent), /thresholds of Clinic 5/);

  const folder = join(files.folder, 'saved-point');
  await mkdir(folder);
  const session = await page.createCDPSession();
  await session.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: folder });
  await page.click(id('export-json'));
  const [{ model, settings }] = JSON.parse(await saved(folder, '.json'));
  assert.equal(model.operating_point.site, 'Clinic 5');
  assert.equal(model.operating_point.valid_until, day(100));
  assert.equal(model.operating_point.notice, null);
  assert.ok(Math.abs(settings.uncertain[1] - 0.0002) < 1e-6);
  await page.select(id('csv-style'), 'point');
  await page.click(id('export-csv'));
  const [head, row] = parseCsv(await saved(folder, '.csv'));
  assert.equal(row[head.indexOf('operating_point')], 'Clinic 5');
  assert.equal(row[head.indexOf('operating_point_until')], day(100));
  assert.equal(row[head.indexOf('operating_point_notice')], '');
  await page.evaluate(() => { window.print = () => { window.printed = true; }; });
  await page.click(id('print'));
  await page.waitForFunction(() => window.printed);
  assert.match(await page.$eval(id('sheet'), (node) => node.textContent), /thresholds of Clinic 5.*90%/);

  // The viewer says it too, and so does the model card.
  await page.click(id('open-viewer'));
  await page.waitForSelector('#viewer[open]');
  assert.match(await page.$eval('#viewer-reading', (node) => node.textContent), /thresholds of Clinic 5/);
  await page.keyboard.press('Escape');
  await visit.shot('operating-point', { fullPage: true });

  await page.click(id('point-back'));
  await visit.ready();
  assert.equal((await sample(visit)).verdict, 'negative');
  assert.equal(await page.$eval(id('point'), (node) => node.checkVisibility()), false, 'nothing is kept');
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('a changed file and one for another network are refused with the reason, and an old one says so beside each verdict', async () => {
  const whole = settingsFile();
  const changed = await written('changed.toml', whole.replace('positive_from = 0.0002', 'positive_from = 0.9'));
  const foreign = await written('foreign.toml', settingsFile({ sha256: '1'.repeat(64) }));
  const none = await written('none.toml', 'hello = 1\n');
  const ended = await written('ended.toml', settingsFile({ until: day(-1) }));
  const visit = await readyVisit();
  await visit.page.select(id('language'), 'en');
  for (const [file, why] of [[changed, /changed\.toml cannot be used.*its seal does not fit/s], [foreign, /foreign\.toml cannot be used.*for another network/s], [none, /none\.toml cannot be used.*no seal/s]]) {
    await choose(visit, file);
    await visit.page.waitForFunction((of, name) => document.querySelector(of).innerText.includes(name), {}, id('point'), file.split('/').at(-1));
    assert.match(await banner(visit), why);
  }
  assert.equal((await sample(visit)).verdict, 'negative', 'the network’s own thresholds go on');
  assert.equal(await visit.page.$(id('by-point')), null);
  visit.page.on('dialog', (dialog) => dialog.accept());
  await choose(visit, ended);
  await visit.page.waitForFunction((of) => document.querySelector(of).innerText.includes('Clinic 5'), {}, id('point'));
  assert.match(await banner(visit), /thresholds of Clinic 5 ended on/);
  await sample(visit);
  assert.match(await visit.page.$eval(id('by-point'), (node) => node.textContent), /nothing vouches for these verdicts/);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('the command serves, publishes and puts into one file the thresholds of a site', async () => {
  const file = await written('served.toml', settingsFile());
  const changed = await written('served-changed.toml', settingsFile().replace('0.0002', '0.5'));
  await assert.rejects(lungglass('serve', '--port', '0', '--operating-point', changed), /its seal does not fit/);
  const command = spawn(COMMAND, ['serve', '--port', '0', '--operating-point', file], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const address = await new Promise((resolve, reject) => {
      createInterface({ input: command.stdout }).once('line', resolve);
      command.once('error', reject);
      command.once('exit', (code) => reject(new Error(`the command ended with ${code}`)));
    });
    await judges(address);
  } finally {
    command.kill();
  }

  const folder = join(files.folder, 'published/');
  await lungglass('publish', '--operating-point', file, '--out', folder);
  const own = await site({ folder });
  await judges(own.address);
  // A site that was given another file does not read.
  const tampered = Buffer.from(settingsFile().replace('0.0002', '0.5'));
  own.publish('operating-point.toml', tampered);
  const visit = await browser.visit({ address: own.address, prepare: (page) => page.setBypassServiceWorker?.(true) });
  await visit.page.waitForSelector(id('load-failure'), { visible: true });
  assert.match(await visit.page.$eval(id('load-failure'), (node) => node.innerText), /thresholds that this page was given cannot be used.*its seal does not fit/s);
  assert.equal(await visit.page.$(id('ready')), null);
  await visit.close();
  await own.stop();

  const kiosk = join(files.folder, 'kiosk.html');
  await lungglass('publish', '--kiosk', '--page', KIOSK, '--operating-point', file, '--out', kiosk);
  await judges(pathToFileURL(kiosk).href);
  // The text of one file may be changed by anybody: the seal is what notices it.
  const html = await readFile(kiosk, 'utf8');
  const packed = Buffer.from(settingsFile().replace('0.0002', '0.5')).toString('base64');
  const broken = await written('broken-kiosk.html', html.replace(/(id="kiosk-point">)[^<]*/, `$1${packed}`));
  const stopped = await browser.visit({ address: pathToFileURL(broken).href });
  await stopped.page.waitForSelector(id('load-failure'), { visible: true });
  assert.match(await stopped.page.$eval(id('load-failure'), (node) => node.innerText), /its seal does not fit/);
  await stopped.close();
});

async function judges(address) {
  const visit = await browser.visit({ address });
  await visit.page.waitForSelector(id('consent-accept'), { visible: true, timeout: 5000 }).then(() => visit.accept(), () => {});
  await visit.ready();
  await visit.page.select(id('language'), 'en');
  assert.match(await banner(visit), /thresholds of Clinic 5/);
  assert.equal(await visit.page.$eval(id('point-back'), (node) => node.checkVisibility()), false, 'nobody chose it for this visit');
  assert.equal((await sample(visit)).verdict, 'positive');
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
}
