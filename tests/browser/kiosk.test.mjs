// The kiosk: the page as one file from a disk, which may send nothing to anybody, and the mode for shared machines, which forgets.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isJudged, isRefused } from './cases.mjs';
import { all, browser, files } from './suite.mjs';
import { id, PAGE, PHONE } from './visit.mjs';

const FILE = process.env.LUNGGLASS_KIOSK ?? fileURLToPath(new URL('../../dist/lungglass-kiosk.html', import.meta.url));
const ADDRESS = pathToFileURL(FILE).href;
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const consentAsked = (visit) => visit.page.waitForSelector(id('consent'), { visible: true });
const stored = (visit) => visit.page.evaluate(() => Object.keys(localStorage));

/** Where the page went for anything but itself. */
const outside = (visit) => visit.seen.requests.filter((url) => url.split('#')[0] !== ADDRESS && !/^(blob:null\/|data:image\/svg\+xml;)/.test(url));

test('one file from a disk reads like the site, and asks nobody for anything', async () => {
  const inputs = [await files.putCase(all.find(isJudged)), await files.putCase(all.find(isRefused))];
  const hosted = await browser.visit();
  await hosted.accept();
  await hosted.choose(inputs);
  await hosted.page.click(id('sample'));
  const expected = await hosted.results(3);
  await hosted.close();

  const visit = await browser.visit({ address: ADDRESS });
  const rules = await visit.page.$eval('meta[http-equiv="Content-Security-Policy"]', (meta) => meta.content);
  for (const rule of ["default-src 'none'", "connect-src 'none'", "require-trusted-types-for 'script'", "form-action 'none'", 'worker-src blob:']) {
    assert.ok(rules.split('; ').includes(rule), rule);
  }
  assert.doesNotMatch(rules, /'self'|'unsafe-(inline|eval)'|https?:|\*/);
  await visit.accept();
  await visit.ready();
  await visit.offline('inside');
  await visit.choose(inputs);
  await visit.page.click(id('sample'));
  const results = await visit.results(3);
  const plain = (list) => list.map(({ file, verdict }) => ({ file, verdict }));
  assert.deepEqual(plain(results), plain(expected));
  // The site has a module here that rounds once where the kiosk's rounds twice.
  for (const [at, { score, heatmap }] of results.entries()) {
    const site = expected[at];
    assert.equal(score === '', site.score === '');
    assert.ok(Math.abs(score - site.score) < 1e-5, `${score} and ${site.score}`);
    assert.equal(heatmap === null, site.heatmap === null);
    assert.ok(Math.abs(heatmap - site.heatmap) < 1e-3, `${heatmap} and ${site.heatmap}`);
  }
  await visit.shot('kiosk', { fullPage: true });

  // A cancel starts a second worker, from the same file.
  await visit.choose(await Promise.all([...'abcdefgh'].map((name) => files.put(all.find(isJudged).input, name))));
  await visit.page.click(id('cancel'));
  await visit.page.waitForFunction((queued) => !document.querySelector(queued), {}, id('queued'));
  const kept = (await visit.page.$$(id('result'))).length;
  await visit.choose([await files.put(all.find(isJudged).input, 'later')]);
  await visit.results(kept + 1);

  assert.deepEqual(outside(visit), []);
  assert.deepEqual(await stored(visit), []);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('a damaged file says so instead of starting', async () => {
  const html = await readFile(FILE, 'latin1');
  const at = html.indexOf('id="kiosk-files">') + 1_000_000;
  const other = html[at] === 'A' ? 'B' : 'A';
  const path = join(files.folder, 'damaged.html');
  await writeFile(path, html.slice(0, at) + other + html.slice(at + 1), 'latin1');
  const visit = await browser.visit({ address: pathToFileURL(path).href });
  await visit.page.waitForSelector('#unstarted', { visible: true });
  assert.match(await visit.page.$eval('#unstarted', (box) => box.innerText), /damaged: copy it again/);
  assert.equal(await visit.page.$(id('ready')), null);
  await visit.close();
});

test('the file holds the licences and the credit of the sample', async () => {
  const visit = await browser.visit({ address: ADDRESS });
  const notices = await visit.page.$$eval('[data-notice]', (all) => all.map((notice) => [notice.dataset.notice, notice.textContent]));
  for (const [path, text] of notices) assert.equal(text.trim(), (await readFile(new URL(`../../${path}`, import.meta.url), 'utf8')).trim());
  assert.deepEqual(notices.map(([path]) => path), ['LICENSE-MIT', 'LICENSE-APACHE', 'www/samples/README.md']);
  await visit.accept();
  await visit.licences();
  await visit.close();
});

test('the last words are counted, any use keeps the page, and then everything is gone', async () => {
  const visit = await browser.visit({ address: `${ADDRESS}#kiosk=0.4` });
  await visit.accept();
  await visit.page.click(id('sample'));
  await visit.results(1);
  await visit.page.waitForSelector(id('kiosk-countdown'), { visible: true });
  await visit.page.evaluate(axe);
  const { violations } = await visit.page.evaluate(() => window.axe.run(document, { preload: false, resultTypes: ['violations'] }));
  await visit.shot('kiosk-countdown');
  await visit.page.keyboard.press('Shift');
  await visit.page.waitForSelector(id('kiosk-countdown'), { hidden: true });
  assert.deepEqual(violations.map(({ id: rule, nodes }) => `${rule}: ${nodes.map((node) => node.html).join(' ')}`), []);
  assert.equal((await visit.page.$$(id('result'))).length, 1, 'a key kept the result');

  await visit.page.waitForNavigation();
  await consentAsked(visit);
  assert.equal((await visit.page.$$(id('result'))).length, 0);
  await visit.ready();
  assert.deepEqual(await stored(visit), []);
  assert.deepEqual(outside(visit), []);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('nothing is cleared before the first use, and files that are read count as none', async () => {
  const visit = await browser.visit({ address: new URL('?kiosk=0.05', PAGE).href });
  await visit.ready();
  await visit.page.evaluate(() => { window.sameLoad = true; });
  await new Promise((resolve) => setTimeout(resolve, 5000));
  assert.ok(await visit.page.evaluate(() => window.sameLoad), 'an untouched page is left alone');
  // When files were last seen to wait. Between clearing and the fresh load none do.
  let waiting = 0;
  await visit.page.exposeFunction('told', () => { waiting = Date.now(); });
  await visit.page.evaluate((queued) => {
    setInterval(() => { if (document.querySelector(queued)) window.told(); }, 100);
  }, id('queued'));
  const paths = await Promise.all(Array.from({ length: 1000 }, (_, i) => files.put(all.find(isJudged).input, `long-${i}`)));
  await visit.page.click(id('consent-accept'));
  await visit.choose(paths);
  await visit.page.waitForNavigation();
  assert.ok(Date.now() - waiting < 2000, 'a batch without end does not keep a kiosk from clearing');
  await consentAsked(visit);
  assert.equal((await visit.page.$$(id('result'))).length, 0);
  await visit.close();
});

const HINDERED = {
  'cannot start': () => { WebAssembly.validate = () => false; },
  'starts without end': () => {
    window.Worker = class extends EventTarget {
      postMessage() {}
      terminate() {}
    };
  },
};
for (const [how, hinder] of Object.entries(HINDERED)) {
  test(`files that wait for a reader which ${how} are forgotten too`, async () => {
    const visit = await browser.visit({ address: new URL('?kiosk=0.05', PAGE).href, prepare: (page) => page.evaluateOnNewDocument(hinder) });
    await visit.accept();
    await visit.choose([await files.putCase(all.find(isJudged))]);
    await visit.page.waitForSelector(id('queued'));
    await visit.page.waitForNavigation();
    await consentAsked(visit);
    assert.equal(await visit.page.$(id('queued')), null);
    await visit.close();
  });
}

for (const [how, address] of [['?kiosk', '?kiosk'], ['#kiosk', '#kiosk'], ['#kiosk=0', '#kiosk=0']]) {
  test(`the site with ${how} remembers nothing, stays a kiosk and clears at a touch`, async () => {
    const before = await browser.visit();
    await before.page.evaluate(() => {
      localStorage.setItem('lungglass.consent.1', 'yes');
      localStorage.setItem('lungglass.language', 'de');
    });
    await before.close();

    const visit = await browser.visit({ address: new URL(address, PAGE).href });
    await consentAsked(visit);
    assert.equal(await visit.page.evaluate(() => document.documentElement.lang), 'en', 'the language of somebody else is not taken');
    await visit.accept();
    await visit.page.select(id('language'), 'fr');
    await visit.page.click(id('sample'));
    await visit.results(1);
    await visit.page.$eval('.skip', (link) => link.click());
    await Promise.all([visit.page.waitForNavigation(), visit.page.click(id('kiosk-clear'))]);
    await consentAsked(visit);
    assert.equal(await visit.page.evaluate(() => document.documentElement.lang), 'en');
    assert.equal((await visit.page.$$(id('result'))).length, 0);
    assert.ok(await visit.page.$eval(id('kiosk'), (bar) => bar.checkVisibility()), 'after the reload it is a kiosk still');
    assert.deepEqual(await visit.page.evaluate(() => [localStorage.getItem('lungglass.consent.1'), localStorage.getItem('lungglass.language')]), ['yes', 'de']);
    assert.deepEqual(visit.complaints(), []);
    await visit.page.evaluate(() => localStorage.clear());
    await visit.close();
  });
}

test('a kiosk is cleared from within the viewer and every other dialog, and its last words cover the slice', async () => {
  const address = new URL('?kiosk', PAGE).href;
  for (const opener of ['open-viewer', 'model-card', 'privacy', 'diagnostics', 'licences']) {
    const visit = await browser.visit({ address });
    await visit.accept();
    await visit.page.click(id('sample'));
    await visit.results(1);
    await visit.page.$eval(opener === 'open-viewer' ? id(opener) : `#${opener}-open`, (button) => button.click());
    await visit.page.waitForSelector('dialog[open]');
    const button = await visit.page.waitForSelector(`dialog[open] ${id('kiosk-clear-here')}`, { visible: true });
    assert.equal(await button.evaluate((node) => node.innerText), 'Clear everything');
    await Promise.all([visit.page.waitForNavigation(), button.click()]);
    await consentAsked(visit);
    assert.equal((await visit.page.$$(id('result'))).length, 0, opener);
    assert.deepEqual(visit.complaints(), []);
    await visit.close();
  }

  // Where nobody is, the slice is not seen behind the question whether somebody is.
  const visit = await browser.visit({ address: new URL('?kiosk=0.3', PAGE).href });
  await visit.accept();
  await visit.page.click(id('sample'));
  await visit.results(1);
  await visit.page.click(id('open-viewer'));
  await visit.page.waitForSelector('[data-pixels="full"]');
  await visit.page.waitForSelector(id('kiosk-countdown'), { visible: true });
  const backdrop = await visit.page.$eval(id('kiosk-countdown'), (dialog) => getComputedStyle(dialog, '::backdrop').backgroundColor);
  assert.match(backdrop, /^rgb\(/, `${backdrop} lets nothing through`);
  await visit.page.waitForNavigation();
  await consentAsked(visit);
  assert.equal(await visit.page.$eval(id('viewer'), (dialog) => dialog.open), false);
  await visit.close();

  const phone = await browser.visit({ address, viewport: PHONE });
  await phone.accept();
  await phone.page.select(id('language'), 'de');
  await phone.page.click(id('sample'));
  await phone.results(1);
  await phone.page.tap(id('open-viewer'));
  const over = await phone.page.$$eval('#viewer .viewer-head *', (nodes, width) => nodes.filter((node) => node.checkVisibility() && node.getBoundingClientRect().right > width + 1).length, PHONE.width);
  assert.equal(over, 0, 'it fits a phone');
  assert.equal(await phone.page.$eval(id('kiosk-clear-here'), (button) => button.innerText), 'Alles löschen');
  await phone.close();
});

test('what a kiosk has cleared cannot be taken back', async () => {
  const visit = await browser.visit({ address: new URL('?kiosk', PAGE).href });
  await visit.accept();
  await visit.page.click(id('sample'));
  await visit.results(1);
  await visit.page.click(id('clear'));
  assert.equal((await visit.page.$$(id('result'))).length, 0);
  assert.equal(await visit.page.$eval(id('undo-box'), (box) => box.hidden), true);
  await visit.close();
});

test('the page without the word is no kiosk', async () => {
  const visit = await browser.visit();
  await visit.accept();
  assert.equal(await visit.page.$eval(id('kiosk'), (bar) => bar.checkVisibility()), false);
  await visit.page.evaluate(() => localStorage.clear());
  await visit.close();
});

test('on a phone the kiosk fits and axe finds nothing', async () => {
  const visit = await browser.visit({ address: ADDRESS, viewport: PHONE, scheme: 'dark' });
  await visit.accept();
  await visit.page.click(id('sample'));
  await visit.results(1);
  const width = await visit.page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= PHONE.width, `${width} pixels wide`);
  await visit.page.evaluate(axe);
  const { violations } = await visit.page.evaluate(() => window.axe.run(document, { preload: false, resultTypes: ['violations'] }));
  assert.deepEqual(violations.map(({ id: rule, nodes }) => `${rule}: ${nodes.map((node) => node.html).join(' ')}`), []);
  await visit.shot('kiosk-phone', { fullPage: true });
  await visit.close();
});
