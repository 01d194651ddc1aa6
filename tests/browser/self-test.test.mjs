// The slice that is built in: a machine that computes wrongly is noticed before a reading is told, and reads nothing.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { isJudged } from './cases.mjs';
import { site } from './site.mjs';
import { all, browser, files, slice } from './suite.mjs';
import { id } from './visit.mjs';

const stored = JSON.parse((await readFile(new URL('../../model/self-test.toml', import.meta.url), 'utf8')).match(/values = (\[[^\]]*\])/s)[1].replace(/,\s*\]/, ']'));
const pack = await readFile(new URL('../../model/lungglass.pack', import.meta.url));

/** A page as a build would have published it, whose modules hold the network with other weights: as if the processor computed otherwise. */
async function wrongPage() {
  const own = await site();
  for (const { path } of own.list().modules) {
    const module = Buffer.from(own.files.get(path));
    // The last weights of the network, on the f16 grid: the bit of a sign in each of many.
    const at = module.indexOf(pack.subarray(-64)) + 64;
    assert.ok(at > 64, `${path} holds the network`);
    for (let byte = at - 1; byte > at - 2000; byte -= 2) module[byte] ^= 0x80;
    own.publish(path, module);
  }
  return own;
}

test('a device that computes wrongly says so, and reads nothing', async () => {
  assert.ok(stored.length > 40);
  const own = await wrongPage();
  try {
    const visit = await browser.visit({ address: own.address, cores: 4 });
    await visit.accept();
    await visit.page.waitForSelector(id('load-failure'), { visible: true });
    await visit.page.select(id('language'), 'en');
    assert.match(await visit.page.$eval(id('load-failure'), (node) => node.innerText), /This device computes wrongly/);
    assert.equal(await visit.page.$(id('ready')), null);
    const paths = await Promise.all([0, 1, 2, 3].map((at) => files.put(slice, `wrong-${at}`)));
    await visit.choose(paths);
    // Trying again ends in the same way, and no file gets a result.
    await visit.page.click(id('retry'));
    await visit.page.waitForFunction((of) => document.querySelector(of).checkVisibility(), {}, id('load-failure'));
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal((await visit.page.$$(id('result'))).length, 0);
    assert.ok(await visit.page.$(id('queued')), 'they wait');
    await visit.close();
  } finally {
    await own.stop();
  }
});

test('files that come before the page is ready are held to the slice too', async () => {
  const own = await wrongPage();
  try {
    const visit = await browser.visit({ address: own.address, cores: 4 });
    await visit.accept();
    await visit.choose([await files.put(slice, 'early-1'), await files.put(slice, 'early-2')]);
    await visit.page.waitForSelector(id('load-failure'), { visible: true });
    assert.equal((await visit.page.$$(id('result'))).length, 0);
    await visit.close();
  } finally {
    await own.stop();
  }
});

/** A page whose workers try themselves after each three readings, and after the second, if `isBroken`, compute with other weights. */
async function soonTried(isBroken) {
  const own = await site();
  const worker = own.files.get('reading/worker.js').toString();
  const published = worker.replace('PROOF_EVERY = 1000', 'PROOF_EVERY = 3')
    .replace('  sinceProof++;\n', isBroken ? '  sinceProof++;\n  if (++readings === 2) turn();\n' : '  sinceProof++;\n');
  assert.notEqual(published, worker);
  // Numbers of the instance that must be weights, as many like them lie side by side, with the other sign. Anything else would crash it.
  own.publish('reading/worker.js', `${published}
let readings = 0;
function turn() {
  const numbers = new Float32Array(memory.buffer);
  const isWeight = (number) => Math.abs(number) > 1e-4 && Math.abs(number) < 8;
  for (let at = 0; at + 64 <= numbers.length; at += 64) {
    const block = numbers.subarray(at, at + 64);
    if (block.every(isWeight)) for (let one = 0; one < 64; one++) block[one] = -block[one];
  }
}
`);
  return own;
}

test('a device that begins to compute wrongly is noticed after a thousand slices, and reads nothing more', async () => {
  const [worker, library] = await Promise.all(['../../www/reading/worker.js', '../../src/self_test.rs'].map((path) => readFile(new URL(path, import.meta.url), 'utf8')));
  assert.equal(worker.match(/PROOF_EVERY = (\d+)/)[1], '1000');
  assert.equal(library.match(/EVERY: usize = (\d+)/)[1], '1000', 'the command tries itself as often');
  const pictures = all.filter((one) => isJudged(one) && /\.png$/.test(one.input)).slice(0, 7);
  assert.equal(pictures.length, 7);
  for (const isBroken of [false, true]) {
    const own = await soonTried(isBroken);
    try {
      const visit = await browser.visit({ address: own.address, cores: 1 });
      await visit.ready();
      if (await visit.page.$eval(id('consent'), (dialog) => dialog.open)) await visit.accept();
      await visit.page.select(id('language'), 'en');
      await visit.choose(await Promise.all(pictures.map(({ input }, at) => files.put(input, `tried-${isBroken}-${at}`))));
      if (isBroken) {
        await visit.page.waitForSelector(id('load-failure'), { visible: true });
        assert.match(await visit.page.$eval(id('load-failure'), (node) => node.innerText), /This device computes wrongly/);
        await new Promise((resolve) => setTimeout(resolve, 500));
        assert.equal((await visit.page.$$(id('result'))).length, 3, 'what came before the test');
        assert.ok(await visit.page.$(id('queued')), 'the others wait');
      } else {
        await visit.results(7);
        assert.deepEqual(visit.complaints(), []);
      }
      await visit.close();
    } finally {
      await own.stop();
    }
  }
});

test('what the modules of this build compute is what is stored', async () => {
  const visit = await browser.visit();
  await visit.ready();
  const failures = await visit.page.evaluate(async () => {
    const { modules } = globalThis.lungglassBuild;
    const found = [];
    for (const { path, probe } of modules) {
      if (probe && !WebAssembly.validate(Uint8Array.from(atob(probe), (character) => character.charCodeAt(0)))) continue;
      const library = await import('./pkg/lungglass.js');
      await library.default({ module_or_path: await WebAssembly.compileStreaming(fetch(path)) });
      try {
        new library.Classifier().prove();
      } catch (failure) {
        found.push(`${path}: ${failure.code} ${failure.message}`);
      }
    }
    return found;
  });
  assert.deepEqual(failures, []);
  await visit.close();
});

test('the hash of the stored file is that of the network', async () => {
  const text = await readFile(new URL('../../model/self-test.toml', import.meta.url), 'utf8');
  const onnx = await readFile(new URL('../../model/lungglass.onnx', import.meta.url));
  assert.equal(text.match(/sha256 = "(\w+)"/)[1], createHash('sha256').update(onnx).digest('hex'));
});
