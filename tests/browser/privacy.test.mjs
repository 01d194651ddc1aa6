// The proof of privacy: the panel says what is kept and forbidden, both are true, and nothing gets out where the page tries.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { policy } from './site.mjs';
import { id, openBrowser, PAGE, PHONE } from './visit.mjs';

const KIOSK = pathToFileURL(process.env.LUNGGLASS_KIOSK ?? fileURLToPath(new URL('../../dist/lungglass-kiosk.html', import.meta.url))).href;
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let elsewhere;
let reached = 0;
let browser;

before(async () => {
  // Whoever gets past the browser to another address arrives here.
  elsewhere = createServer((socket) => {
    reached++;
    socket.destroy();
  });
  await new Promise((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  browser = await openBrowser([`--host-resolver-rules=MAP example.invalid 127.0.0.1:${elsewhere.address().port}`]);
});
after(async () => {
  await browser?.close();
  elsewhere?.close();
});

async function panel(options) {
  const visit = await browser.visit(options);
  if (await visit.page.waitForSelector(`${id('consent')}[open]`, { timeout: 3000 }).catch(() => null)) await visit.accept();
  await visit.ready();
  return visit;
}

async function open(visit) {
  await visit.page.click(`${id('privacy')} button`);
  await visit.page.waitForSelector(id('privacy-delete'), { visible: true });
}

const body = (visit) => visit.page.$eval('#privacy-body', (node) => node.innerText);

test('the panel lists what is kept as it is, and deletes all of it', async () => {
  const visit = await panel();
  await visit.offline('ready');
  await visit.page.select(id('language'), 'en');
  await visit.page.click(id('sample'));
  await visit.results(1);
  await open(visit);
  await visit.page.click('#privacy-body summary');
  const real = await visit.page.evaluate(async () => {
    const sizes = [];
    for (const name of await caches.keys()) {
      const cache = await caches.open(name);
      for (const request of await cache.keys()) sizes.push([new URL(request.url).pathname.slice(1), (await (await cache.match(request)).blob()).size]);
    }
    return { sizes, notes: Object.entries(localStorage), databases: await indexedDB.databases(), cookies: document.cookie, session: sessionStorage.length };
  });
  assert.ok(real.sizes.length > 30);
  assert.deepEqual([real.databases, real.cookies, real.session], [[], '', 0], 'nothing is kept that the panel does not know of');
  const told = await body(visit);
  for (const [path] of real.sizes) assert.ok(told.includes(path), path);
  assert.match(told, new RegExp(`${real.sizes.length} files`));
  assert.deepEqual(real.notes.map(([key]) => key).sort(), ['lungglass.consent.1', 'lungglass.language']);
  for (const line of ['Consent given', 'Language chosen']) assert.ok(told.includes(line), line);
  assert.doesNotMatch(told, /lidc-slice\.dcm.*\d\.\d{3}/, 'no reading is in it');
  await visit.shot('privacy');

  await visit.page.click(id('privacy-delete'));
  await visit.page.waitForFunction(() => /Nothing is kept/.test(document.getElementById('privacy-body').innerText));
  const left = await visit.page.evaluate(async () => [localStorage.length, (await caches.keys()).length, (await navigator.serviceWorker.getRegistrations()).length]);
  assert.deepEqual(left, [0, 0, 0]);
  await visit.page.keyboard.press('Escape');
  await visit.page.click(id('sample'));
  await visit.results(2);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

for (const [where, address] of [['the site', PAGE], ['the one file', KIOSK]]) {
  test(`${where} tries to send and the browser stops it`, async () => {
    const visit = await panel({ address });
    await open(visit);
    const rules = await visit.page.$eval(id('privacy-policy'), (node) => node.textContent.replaceAll(';\n', '; '));
    if (address === PAGE) assert.equal(rules, (await policy()).replace("frame-ancestors 'none'; ", ''), 'header and page give the same rules');
    assert.match(rules, address === PAGE ? /connect-src 'self'/ : /connect-src 'none'/);
    assert.deepEqual(visit.seen.violations, [], 'it tries only when asked to');
    await visit.page.click(id('privacy-check'));
    await visit.page.waitForFunction((checked) => document.querySelector(checked).textContent !== '', {}, id('privacy-checked'));
    assert.equal(await visit.page.$eval(id('privacy-checked'), (node) => node.textContent), 'Stopped by the browser. Nothing was sent.');
    assert.ok(visit.seen.violations.length > 0 && visit.seen.violations.every((line) => line.startsWith('connect-src https://example.invalid/')));
    assert.equal(reached, 0);
    await visit.shot(`privacy-${address === PAGE ? 'checked' : 'kiosk'}`);
    await visit.close();
  });
}

test('where the rules are gone the trial says so', async () => {
  const visit = await panel({
    prepare: async (page) => {
      await page.setBypassCSP(true);
    },
  });
  await open(visit);
  await visit.page.click(id('privacy-check'));
  await visit.page.waitForFunction((checked) => document.querySelector(checked).textContent !== '', {}, id('privacy-checked'));
  assert.match(await visit.page.$eval(id('privacy-checked'), (node) => node.textContent), /did not say that it stopped/);
  assert.ok(reached > 0, 'without the rules the request does get out, so the other tests can fail');
  reached = 0;
  await visit.close();
});

for (const [name, options] of [['desktop', {}], ['phone', { viewport: PHONE, scheme: 'dark' }]]) {
  test(`on a ${name} the panel fits and axe finds nothing`, async () => {
    const visit = await panel(options);
    await visit.page.select(id('language'), 'de');
    await open(visit);
    await visit.page.click('#privacy-body summary').catch(() => {});
    await visit.page.evaluate(axe);
    const { violations } = await visit.page.evaluate(() => window.axe.run(document, { preload: false, resultTypes: ['violations'] }));
    assert.deepEqual(violations.map(({ id: rule, nodes }) => `${rule}: ${nodes.map((node) => node.html).join(' ')}`), []);
    const wide = await visit.page.$$eval('#privacy *', (nodes) => nodes.filter((node) => node.checkVisibility() && node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).display !== 'inline').map((node) => node.outerHTML.slice(0, 80)));
    assert.deepEqual(wide, []);
    await visit.shot(`privacy-${name}`);
    await visit.close();
  });
}
