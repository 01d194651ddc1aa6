// The browser's modules and the native command read the same files: their logits differ by no more than 1e-4.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { cases, isError } from './cases.mjs';
import { openBrowser, PAGE } from './visit.mjs';

const COMMAND = process.env.LUNGGLASS_COMMAND;
const BOUND = 1e-4;
const LEAST = 10;

let browser;

before(async () => { browser = await openBrowser(); });
after(() => browser?.close());

for (const [module, device] of [['lungglass_bg.wasm', 'wasm simd128'], ['lungglass_relaxed_bg.wasm', 'wasm relaxed-simd']]) {
  const skip = COMMAND ? false : 'LUNGGLASS_COMMAND is not set';
  test(`logits of ${module} and of the command`, { skip }, (context) => compare(module, device, context));
}

async function compare(module, device, context) {
  const readable = (await cases()).filter((one) => !isError(one));
  const native = await classify(readable.map((one) => one.input));

  const visit = await browser.visit();
  await visit.page.evaluate(async (library, module) => {
    const { default: init, Classifier } = await import(library);
    await init({ module_or_path: new URL(module, library) });
    window.classifier = new Classifier();
  }, new URL('pkg/lungglass.js', PAGE).href, module);

  const far = [];
  let compared = 0;
  let furthest = 0;
  for (const one of readable) {
    const bytes = (await readFile(one.input)).toString('base64');
    const readings = await visit.page.evaluate((text, name) => {
      const data = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      return window.classifier.classify(data, name).map(({ frame, verdict, logit, model, device }) => ({ frame, verdict, logit, model, device }));
    }, bytes, one.name);
    const expected = native.filter((line) => line.file === one.input);
    assert.deepEqual(readings.map((reading) => reading.frame), expected.map((line) => line.frame), one.name);
    for (const [at, reading] of readings.entries()) {
      assert.equal(reading.device, device);
      assert.deepEqual(reading.model, expected[at].model, `${one.name}: the same network`);
      if (reading.logit === null && expected[at].logit === null) continue;
      compared++;
      const apart = Math.abs(reading.logit - expected[at].logit);
      furthest = Math.max(furthest, apart);
      if (!(apart <= BOUND) || reading.logit === null || expected[at].logit === null) {
        far.push(`${one.name} frame ${reading.frame}: ${reading.logit} in the browser, ${expected[at].logit} natively`);
      }
      assert.equal(reading.verdict, expected[at].verdict, `${one.name}: the same verdict`);
    }
  }
  context.diagnostic(`${compared} slices, largest difference of logits ${furthest.toExponential(1)}`);
  assert.deepEqual(far, []);
  assert.ok(compared >= LEAST, `only ${compared} slices were compared`);
  assert.deepEqual(visit.complaints(), []);
}

function classify(paths) {
  return new Promise((resolve, reject) => {
    execFile(COMMAND, ['classify', '--json', ...paths], { maxBuffer: 1 << 26 }, (failure, output, told) => {
      if (failure) reject(new Error(`${failure.message}\n${told}`));
      else resolve(output.trim().split('\n').map((line) => JSON.parse(line)));
    });
  });
}
