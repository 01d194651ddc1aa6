// What the runner asks the page for, one function a measurement. Times are in milliseconds.

import { bytesOf, engines } from '/bench/page/engines.js';
import { lite0 } from '/bench/page/lite0.js';
import { limits, tileMacs, tileSum } from '/bench/limits.js';

/** Lets the browser finish what waits: compiling, collecting. */
const breathe = () => new Promise((resolve) => { setTimeout(resolve, 0); });

async function timed(work) {
  const start = performance.now();
  const value = await work();
  return [performance.now() - start, value];
}

/** `count` inputs of S x S, as `lungglass preprocess` wrote them. */
async function inputs(size, count) {
  const bytes = await bytesOf('/inputs.f32');
  const all = new Float32Array(bytes.buffer);
  const area = size * size;
  if (all.length < count * area) throw new Error('fewer inputs than asked for');
  return Array.from({ length: count }, (_, at) => all.slice(at * area, (at + 1) * area));
}

/** Fetch, then from bytes in memory to the end of the first result. For a page that has done nothing yet. */
async function ready(engine, size) {
  const [input] = await inputs(size, 1);
  const { load, start } = engines[engine];
  const [fetch, bytes] = await timed(load);
  const [first, logit] = await timed(async () => (await start(bytes, size)).run(input));
  return { fetch, ready: first, logit };
}

/** Compiling the module alone, from bytes in memory. For a page that has done nothing yet: browsers keep what they compiled. */
async function compile(engine) {
  const { module } = await engines[engine].load();
  const [time] = await timed(() => WebAssembly.compile(module));
  return time;
}

/** The tests of the machine's limits, each { run() -> ms, amount } with the work of a run: multiply-adds or bytes. */
async function machine() {
  const tests = {};
  const CALLS = 12;
  const REPEATS = 1000;
  for (const kind of ['simd', 'relaxed']) {
    const bytes = await bytesOf(`/limits-${kind}.wasm`);
    if (!WebAssembly.validate(bytes)) continue;
    const { exports } = (await WebAssembly.instantiate(bytes)).instance;
    exports.fill();
    for (const tile of limits.tiles) {
      const name = `tile_${tile.join('x')}`;
      tests[`${kind} ${tile.join(' x ')}`] = {
        amount: CALLS * tileMacs(tile, REPEATS),
        run() {
          const start = performance.now();
          for (let call = 0; call < CALLS; call++) {
            const sum = exports[name](REPEATS);
            if (sum !== tileSum(tile, REPEATS)) throw new Error(`${name} gives ${sum}`);
          }
          return performance.now() - start;
        },
      };
    }
    if (kind === 'relaxed') continue;
    for (const [name, arrays] of [['triad', 3], ['copy', 2]]) {
      tests[name] = {
        amount: arrays * 4 * limits.floats,
        run() {
          const start = performance.now();
          exports[name]();
          return performance.now() - start;
        },
      };
    }
  }
  return tests;
}

/**
 * Every engine in turn on the same input, round after round. Before them each is warmed up and compared on all inputs.
 * @returns samples by engine, logits by engine and input, rates of the machine by test, the layers of the network
 */
async function steady({ size, count, rounds, warmUp }) {
  const pictures = await inputs(size, count);
  const runners = [];
  const versions = {};
  let layers;
  let tf;
  for (const [key, engine] of Object.entries(engines)) {
    const instance = await engine.start(await engine.load(), size);
    versions[key] = instance.version;
    layers ??= instance.layers;
    tf ??= instance.tf;
    runners.push({ key, run: instance.run });
    if (key === 'ours') window.classifier = instance.classifier;
  }
  const clock = lite0(tf, size);
  runners.push({ key: 'lite0', run: clock.run });

  const logits = {};
  for (const { key, run } of runners.filter(({ key }) => key !== 'lite0')) {
    logits[key] = [];
    for (const picture of pictures) logits[key].push(await run(picture));
  }

  const samples = Object.fromEntries(runners.map(({ key }) => [key, []]));
  const rates = {};
  const tests = await machine();
  const tensors = tf.memory().numTensors;
  for (let round = -warmUp; round < rounds; round++) {
    const picture = pictures[(round + warmUp) % count];
    for (let at = 0; at < runners.length; at++) {
      // Each is first in its turn, so that none always follows the same other.
      const { key, run } = runners[(at + round + warmUp) % runners.length];
      await breathe();
      const [time, logit] = await timed(() => run(picture));
      if (key !== 'lite0' && Math.abs(logit - logits[key][(round + warmUp) % count]) > 1e-5) throw new Error(`${key} gives ${logit} in round ${round}`);
      if (round >= 0) samples[key].push(time);
    }
    for (const [name, { run, amount }] of Object.entries(tests)) {
      await breathe();
      // Per second, from milliseconds.
      const rate = 1000 * amount / run();
      if (round >= 0) rates[name] = Math.max(rates[name] ?? 0, rate);
    }
  }
  const leaked = tf.memory().numTensors - tensors;
  if (leaked !== 0) throw new Error(`tfjs kept ${leaked} tensors: the comparison would be unfair`);
  return { samples, logits, versions, rates, layers, lite0: { macs: clock.macs } };
}

/** Our own layers, where the module can tell: `Classifier.prototype.profile(input)` gives [{ name, kind, macs, bytes, ms }]. */
async function profile({ size, rounds }) {
  const { classifier } = window;
  if (typeof classifier.profile !== 'function') return null;
  const [input] = await inputs(size, 1);
  const runs = [];
  for (let round = 0; round < rounds; round++) {
    await breathe();
    runs.push(classifier.profile(input));
  }
  return runs[0].map(({ name, kind, macs, bytes }, at) => ({ name, kind, macs, bytes, ms: runs.map((run) => run[at].ms) }));
}

/** Decoding, preprocessing and the graph as readings tell them, for sample files. */
async function reading({ files, rounds }) {
  const { classifier } = window;
  const results = [];
  for (const { name, url } of files) {
    const bytes = await bytesOf(url);
    const ms = { decode: [], preprocess: [], graph: [] };
    for (let round = 0; round <= rounds; round++) {
      await breathe();
      const [{ ms: times }] = classifier.classify(bytes, name);
      // The first is the warm-up.
      if (round > 0) for (const part of Object.keys(ms)) ms[part].push(times[part]);
    }
    results.push({ name, bytes: bytes.length, ms });
  }
  return results;
}

/** The memory of an instance in bytes after so many slices. For a page of its own. */
async function memory({ files, after }) {
  const { memory, classifier } = await engines.ours.start(await engines.ours.load());
  const found = { 0: memory.buffer.byteLength };
  const contents = [];
  for (const { name, url } of files) contents.push([await bytesOf(url), name]);
  for (let slice = 1; slice <= Math.max(...after); slice++) {
    classifier.classify(...contents[slice % contents.length]);
    if (after.includes(slice)) found[slice] = memory.buffer.byteLength;
    if (slice % 10 === 0) await breathe();
  }
  return found;
}

/** Images a second over one worker and over two, in turn. For a page of its own. */
async function throughput({ size, rounds, seconds, warmUp }) {
  const [input] = await inputs(size, 1);
  const workers = [0, 1].map(() => new Worker('/bench/page/worker.js', { type: 'module' }));
  const ask = (worker, message) => new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data.rate));
    worker.onerror = (event) => reject(new Error(event.message || 'the worker failed'));
    worker.postMessage(message);
  });
  await Promise.all(workers.map((worker) => ask(worker, { input, seconds: warmUp })));
  const found = { 1: [], 2: [] };
  for (let round = 0; round < rounds; round++) {
    for (const many of [1, 2]) {
      const rates = await Promise.all(workers.slice(0, many).map((worker) => ask(worker, { input, seconds })));
      found[many].push(rates.reduce((sum, rate) => sum + rate, 0));
    }
  }
  workers.forEach((worker) => worker.terminate());
  return found;
}

async function model() {
  const { classifier } = await engines.ours.start(await engines.ours.load());
  const { name, version, sha256, size } = classifier.model();
  return { name, version, sha256, size };
}

window.bench = { model, ready, compile, steady, profile, reading, memory, throughput };
