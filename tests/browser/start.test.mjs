// Starting where something is missing: SIMD, the network file, storage, a server.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { id, openBrowser, PAGE } from './visit.mjs';

let browser;

before(async () => { browser = await openBrowser(); });
after(() => browser?.close());

const failure = (visit) => visit.page.waitForSelector(id('load-failure'), { visible: true }).then((node) => node.evaluate((box) => box.innerText));

test('without SIMD the page says which browsers have it, and tries again', async () => {
  const visit = await browser.visit({
    prepare: (page) => page.evaluateOnNewDocument(() => {
      window.validate = WebAssembly.validate;
      WebAssembly.validate = () => false;
    }),
  });
  await visit.accept();
  assert.match(await failure(visit), /SIMD/);
  assert.equal(await visit.page.$(id('ready')), null);
  await visit.page.evaluate(() => { WebAssembly.validate = window.validate; });
  await visit.page.click(id('retry'));
  await visit.ready();
  await visit.page.waitForSelector(id('load-failure'), { hidden: true });
  await visit.close();
});

test('a network file that does not arrive is named, and a retry reads the waiting files', async () => {
  let answers = 0;
  const proxy = await serve(async (request, response) => {
    const from = await fetch(new URL(request.url.slice(1), PAGE));
    const body = Buffer.from(await from.arrayBuffer());
    const head = { 'content-type': from.headers.get('content-type') };
    if (!request.url.endsWith('.wasm')) return response.writeHead(from.status, head).end(body);
    answers++;
    if (answers === 1) return response.writeHead(503).end();
    if (answers === 2) return response.writeHead(200, head).end(body.subarray(0, body.length >> 1));
    return response.writeHead(200, head).end(body);
  });
  try {
    const visit = await browser.visit({ address: proxy.address });
    await visit.accept();
    assert.match(await failure(visit), /not on the server/);
    await visit.page.click(id('sample'));
    await visit.page.waitForSelector(id('queued'));
    await visit.page.click(id('retry'));
    await visit.page.waitForFunction((box) => /damaged/.test(document.querySelector(box).innerText), {}, id('load-failure'));
    await visit.shot('load-failure', { fullPage: true });
    await visit.page.click(id('retry'));
    const [result] = await visit.results(1);
    assert.notEqual(result.score, '');
    await visit.close();
  } finally {
    await proxy.close();
  }
});

test('where storage is denied the page works and asks at each visit', async () => {
  const visit = await browser.visit({
    prepare: (page) => page.evaluateOnNewDocument(() => {
      Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('denied', 'SecurityError'); } });
    }),
  });
  await visit.accept();
  await visit.ready();
  await visit.page.reload();
  await visit.page.waitForSelector(id('consent'), { visible: true });
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('opened from a disk the page says that it needs a server', async () => {
  const visit = await browser.visit({ address: new URL('../../www/index.html', import.meta.url).href });
  await visit.page.waitForSelector('#unstarted', { visible: true });
  const told = await visit.page.$eval('#unstarted', (box) => box.innerText);
  assert.match(told, /web server/);
  await visit.shot('from-disk');
  await visit.close();
});

async function serve(handler) {
  const server = createServer(handler);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${server.address().port}/`,
    close: () => new Promise((resolve) => {
      server.closeAllConnections();
      server.close(resolve);
    }),
  };
}
