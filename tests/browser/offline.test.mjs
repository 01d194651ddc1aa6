// Integrity and use without a network: what was built is what runs, also after the network is cut, a file is damaged or a new version
// comes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { site } from './site.mjs';
import { browser, files, slice } from './suite.mjs';
import { id, openBrowser } from './visit.mjs';

async function copies(prefix, count) {
  const paths = [];
  for (let i = 0; i < count; i++) paths.push(await files.put(slice, `${prefix}-${i}`));
  return paths;
}

const text = (visit, name) => visit.page.$eval(id(name), (node) => node.innerText);
const failure = (visit) => visit.page.waitForSelector(id('load-failure'), { visible: true }).then((node) => node.evaluate((box) => box.innerText));

/** A visit to a site of its own; each port has its own storage. */
async function at(own, options = {}) {
  const visit = await browser.visit({ address: own.address, ...options });
  await visit.accept();
  return visit;
}

async function readyOffline(own) {
  const visit = await at(own);
  await visit.ready();
  await visit.offline('ready');
  return visit;
}

/** The paths and hashes of what the cache holds. */
const cached = (visit) => visit.page.evaluate(async () => {
  const found = {};
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      const bytes = await (await cache.match(request)).arrayBuffer();
      const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
      found[new URL(request.url).pathname] = btoa(String.fromCharCode(...hash));
    }
  }
  return found;
});

/** What is to be kept: the published files, of the modules only `module`. */
const listed = (own, path = '/', module = own.module) => {
  const { files, modules } = own.list();
  const kept = Object.entries(files).filter(([name]) => name === module || !modules.some((one) => one.path === name));
  return Object.fromEntries(kept.map(([name, { sha256 }]) => [path + name, sha256]));
};

test('after one visit the page reads with the network cut, from a plain host, in any folder', async () => {
  const own = await site({ path: '/lungs/ct/', plain: true });
  const visit = await readyOffline(own);
  assert.match(await text(visit, 'offline'), /Ready offline/);
  await visit.choose(await copies('online', 1));
  const [online] = await visit.results(1);
  assert.deepEqual(await cached(visit), listed(own, '/lungs/ct/'), 'the published files are kept, and nothing else');
  assert.deepEqual(visit.complaints(), []);

  await own.stop();
  await visit.page.reload();
  await visit.ready();
  await visit.offline('ready');
  await visit.choose(await copies('offline', 1));
  const [offline] = await visit.results(1);
  assert.equal(offline.score, online.score);
  await visit.page.click(id('sample'));
  await visit.results(2);
  assert.deepEqual(await cached(visit), listed(own, '/lungs/ct/'));
  assert.ok(own.asked.every((name) => name === 'favicon.ico' || own.files.has(name)), `asked for ${own.asked}`);
  await visit.close();
});

test('the first visit itself outlives the network, with its policy in the header', async () => {
  const own = await site();
  const visit = await readyOffline(own);
  await own.stop();
  await visit.choose(await copies('cut', 80));
  await visit.page.waitForSelector(id('result'));
  await visit.page.click(id('cancel'));
  await visit.page.waitForFunction((queued) => !document.querySelector(queued), {}, id('queued'));
  const kept = (await visit.page.$$(id('result'))).length;
  await visit.choose(await copies('after', 1));
  const results = await visit.results(kept + 1);
  assert.equal(results.at(-1).file, 'after-0');
  assert.notEqual(results.at(-1).score, '');
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('a damaged, a cut and a lost file of the cache are got again', async () => {
  const own = await site();
  const visit = await readyOffline(own);
  const spoil = () => visit.page.evaluate(async (module) => {
    const [name] = await caches.keys();
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      const { pathname } = new URL(request.url);
      const entry = await cache.match(request);
      const bytes = new Uint8Array(await entry.arrayBuffer());
      if (pathname === module) await cache.put(request, new Response(bytes.slice(0, bytes.length >> 1), entry));
      if (pathname === '/app.js') await cache.put(request, new Response('throw new Error("damaged");', entry));
      if (pathname === '/style.css') await cache.delete(request);
    }
  }, `/${own.module}`);
  await spoil();
  assert.notDeepEqual(await cached(visit), listed(own));
  await visit.page.reload();
  await visit.ready();
  await visit.offline('ready');
  assert.deepEqual(await cached(visit), listed(own));
  assert.deepEqual(visit.complaints(), []);

  // Without the network there is nothing to repair from, but nothing wrong runs either.
  await spoil();
  await own.stop();
  await visit.page.reload();
  await visit.page.waitForSelector('#unstarted', { visible: true });
  assert.equal(await visit.page.$(id('ready')), null);
  await own.start();
  await visit.page.reload();
  await visit.ready();
  await visit.offline('ready');
  assert.deepEqual(await cached(visit), listed(own));
  await own.stop();
  await visit.close();
});

for (const part of ['module', 'script']) {
  test(`a page whose ${part} is not what was built refuses it and can be repaired`, async () => {
    const own = await site();
    const name = part === 'module' ? own.module : 'pkg/lungglass.js';
    const right = own.files.get(name);
    own.files.set(name, own.damaged(name));
    const visit = await at(own);
    assert.match(await failure(visit), /damaged.*SHA-256/s);
    assert.equal(await visit.page.$(id('ready')), null);
    await visit.page.click(id('sample'));
    await visit.page.click(id('retry'));
    assert.match(await failure(visit), /damaged/);
    assert.equal((await visit.page.$$(id('result'))).length, 0, 'nothing was read');
    await visit.shot('damaged');

    own.files.set(name, right);
    await Promise.all([visit.page.waitForNavigation(), visit.page.click(id('repair'))]);
    await visit.ready();
    await visit.offline('ready');
    assert.deepEqual(await cached(visit), listed(own));
    await visit.page.click(id('sample'));
    await visit.results(1);
    await own.stop();
    await visit.close();
  });
}

test('a new version waits for the batch and for the other windows, and then comes whole', async () => {
  const own = await site();
  const visit = await readyOffline(own);
  const first = await text(visit, 'build');
  const style = own.files.get('style.css').toString();
  own.publish('style.css', `${style}\nfooter { --second: yes; }\n`);

  await visit.page.reload();
  await visit.ready();
  await visit.page.waitForSelector(id('update'), { visible: true });
  assert.equal(await text(visit, 'build'), first, 'the old version goes on as a whole');
  await visit.offline('ready');
  await visit.shot('update');

  await visit.choose(await copies('batch', 30));
  // In one step as soon as files wait: a mouse on its way might come after the last of them.
  await visit.page.waitForFunction((queued, reload) => {
    if (!document.querySelector(queued)) return false;
    document.querySelector(reload).click();
    return true;
  }, {}, id('queued'), id('update-reload'));
  assert.match(await text(visit, 'update'), /being read/);
  await visit.results(30);

  const other = await browser.visit({ address: own.address });
  await other.ready();
  assert.equal(await text(other, 'build'), first);
  await visit.page.bringToFront();
  await visit.page.click(id('update-reload'));
  await visit.page.waitForFunction((update) => /1 other window/.test(document.querySelector(update).innerText), {}, id('update'));
  assert.equal((await visit.page.$$(id('result'))).length, 30, 'the readings are still there');
  await other.close();

  await Promise.all([visit.page.waitForNavigation(), visit.page.click(id('update-reload'))]);
  await visit.ready();
  await visit.offline('ready');
  assert.notEqual(await text(visit, 'build'), first);
  assert.equal(await visit.page.$eval('footer', (node) => getComputedStyle(node).getPropertyValue('--second').trim()), 'yes');
  assert.deepEqual(await cached(visit), listed(own), 'the old files are gone');
  assert.deepEqual(visit.complaints(), []);
  await own.stop();
  await visit.close();
});

test('a half published version is not taken', async () => {
  const own = await site();
  const visit = await readyOffline(own);
  const first = await text(visit, 'build');
  const app = own.files.get('app.js');
  own.publish('app.js', `${app}// second\n`);
  own.files.set('app.js', app);
  await visit.page.reload();
  await visit.ready();
  await visit.offline('ready');
  const states = await visit.page.evaluate(async () => {
    const registration = await navigator.serviceWorker.getRegistration();
    await registration.update().catch(() => {});
    await new Promise((resolve) => {
      const look = () => (registration.installing ? setTimeout(look, 50) : resolve());
      look();
    });
    return [registration.active?.state, registration.waiting?.state ?? null];
  });
  assert.deepEqual(states, ['activated', null]);
  assert.equal(await text(visit, 'build'), first);
  await own.stop();
  await visit.close();
});

test('without a service worker the page reads and says so', async () => {
  const own = await site();
  const visit = await at(own, {
    prepare: (page) => page.evaluateOnNewDocument(() => {
      Object.defineProperty(Navigator.prototype, 'serviceWorker', { get: () => undefined });
    }),
  });
  await visit.ready();
  await visit.offline('unavailable');
  await visit.page.click(id('sample'));
  await visit.results(1);
  assert.deepEqual(visit.complaints(), []);
  await own.stop();
  await visit.close();
});

test('a page without TLS has its module checked by the browser', async () => {
  const own = await site();
  const plain = await openBrowser(['--host-resolver-rules=MAP hospital.test 127.0.0.1']);
  try {
    const address = `http://hospital.test:${own.port}/`;
    const name = own.module;
    const right = own.files.get(name);
    own.files.set(name, own.damaged(name));
    const visit = await plain.visit({ address });
    assert.deepEqual(await visit.page.evaluate(() => [isSecureContext, crypto.subtle === undefined]), [false, true]);
    await visit.accept();
    assert.match(await failure(visit), /damaged/);
    own.files.set(name, right);
    await visit.page.click(id('retry'));
    await visit.ready();
    await visit.offline('unavailable');
    await visit.page.click(id('sample'));
    await visit.results(1);
  } finally {
    await plain.close();
    await own.stop();
  }
});

test('a browser without relaxed SIMD loads and keeps the module that runs everywhere', async () => {
  const readings = [];
  for (const at of [0, 1]) {
    const own = await site();
    const module = own.list().modules[at].path;
    // A probe that no browser takes: the header of a module, and then nothing that may follow.
    const none = Buffer.from('\0asm\x01\0\0\0\xff', 'latin1').toString('base64');
    if (at === 1) own.relist((list) => { list.modules[0].probe = none; });
    const visit = await readyOffline(own);
    await visit.page.click(id('sample'));
    readings.push(...await visit.results(1));
    assert.deepEqual(await cached(visit), listed(own, '/', module));
    assert.deepEqual(visit.complaints(), []);
    await visit.close();
    await own.stop();
    const loaded = own.asked.filter((name) => name?.endsWith('.wasm'));
    assert.ok(loaded.length > 0 && loaded.every((name) => name === module), `${loaded}`);
  }
  assert.equal(readings[0].verdict, readings[1].verdict);
  assert.ok(Math.abs(readings[0].score - readings[1].score) < 1e-4);
});

test('a browser that can run another module by now takes the one that is kept while there is no network', async () => {
  const own = await site();
  const [{ path: fast }, { path: plain }] = own.list().modules;
  const visit = await readyOffline(own);
  // As it was left by a browser that could run the other one alone.
  await visit.page.evaluate(async (fast, plain) => {
    await (await fetch(plain)).arrayBuffer();
    const [name] = await caches.keys();
    const cache = await caches.open(name);
    for (const request of await cache.keys()) if (new URL(request.url).pathname === `/${fast}`) await cache.delete(request);
  }, fast, plain);
  assert.deepEqual(await cached(visit), listed(own, '/', plain));
  await own.stop();
  await visit.page.reload();
  await visit.ready();
  await visit.page.click(id('sample'));
  await visit.results(1);
  // With the network the faster one comes, and takes its place.
  await own.start();
  await visit.page.reload();
  await visit.ready();
  await visit.offline('ready');
  assert.deepEqual(await cached(visit), listed(own, '/', fast));
  await own.stop();
  await visit.close();
});

test('a list without modules is told, and a repair gets the right one', async () => {
  const own = await site();
  const right = own.files.get('pkg/build.js');
  own.relist((list) => { delete list.modules; });
  const visit = await at(own);
  assert.match(await failure(visit), /not on the server/);
  own.files.set('pkg/build.js', right);
  await Promise.all([visit.page.waitForNavigation(), visit.page.click(id('repair'))]);
  await visit.ready();
  await visit.page.click(id('sample'));
  await visit.results(1);
  await visit.close();
  await own.stop();
});

test('the page can be installed', async () => {
  const own = await site();
  const visit = await readyOffline(own);
  const session = await visit.page.createCDPSession();
  const { errors, url, data } = await session.send('Page.getAppManifest');
  assert.deepEqual(errors, []);
  const { icons } = JSON.parse(data);
  for (const { src, sizes, type } of icons) {
    const [width, decoded] = await visit.page.evaluate(async (address) => {
      const image = new Image();
      image.src = address;
      await image.decode();
      return [image.naturalWidth, image.complete];
    }, new URL(src, url).href);
    assert.ok(decoded && (type === 'image/svg+xml' || `${width}x${width}` === sizes), src);
  }
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
  // A profile of a test is not one to install into; any other reason is the page's.
  assert.deepEqual(installabilityErrors.filter(({ errorId }) => errorId !== 'in-incognito'), []);
  await own.stop();
  await visit.close();
});

test('footer and diagnostics name the build', async () => {
  const own = await site();
  const visit = await readyOffline(own);
  const { version, id: build, files: list } = own.list();
  assert.equal(await text(visit, 'build'), `LungGlass ${version}, build ${build.slice(0, 12)}`);
  await visit.page.click(`${id('diagnostics')} button`);
  const told = await visit.page.$eval(`${id('diagnostics')} dialog[open] pre`, (node) => node.textContent);
  assert.ok(told.includes(build));
  assert.ok(told.includes(`Module: ${own.module}`));
  assert.ok(told.includes(Buffer.from(list[own.module].sha256, 'base64').toString('hex')));
  assert.match(told, /Offline: ready/);
  await visit.page.keyboard.press('Escape');
  await own.stop();
  await visit.licences();
  await visit.close();
});
