// The benchmark: `cargo xtask bench` builds what is measured and starts this. It drives the browsers and the native programs, checks
// that they agree, prints the report and writes the JSON.
//
// From the environment: LUNGGLASS_COMMAND (the native command), CHROMIUM, FIREFOX (optional: measure it too), LUNGGLASS_PYTHON
// (optional: a Python with onnxruntime), LUNGGLASS_BENCH_JSON (optional: where to write), LUNGGLASS_BENCH_ROUNDS, LUNGGLASS_BENCH_WAY
// (optional: measure the way from files to results alone), LUNGGLASS_BENCH_SLICES (of its longest batch), LUNGGLASS_DATA (optional: pictures
// for it).

import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import puppeteer from 'puppeteer-core';
import wabt from 'wabt';
import { preprocess, slices } from './inputs.mjs';
import { limitsText } from './limits.js';
import { native } from './native.mjs';
import { parseOnnx } from './onnx.js';
import { browser, heading, nativePrograms, wholeWay } from './report.mjs';
import { serve } from './server.mjs';
import { median, ratios, summaries } from './statistics.js';
import { tflite } from './tflite.js';
import { way } from './way.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CASES = join(ROOT, 'tests/cases');
const PACKAGE = join(ROOT, 'www/pkg');
const NETWORK = join(ROOT, 'model/lungglass.onnx');
const ROUNDS = Number(process.env.LUNGGLASS_BENCH_ROUNDS ?? 60);
/** Browsers compile what is hot a second time and in the background: the first rounds are slower. */
const WARM_UP = 30;
const STARTS = 5;
/** Rounds of whole batches: each takes a minute or two. */
const WAY_ROUNDS = Math.max(1, Math.ceil(ROUNDS / 20));
/** How far a logit may be from ONNX Runtime's. */
const BOUND = 1e-3;

const FLAGS = [
  '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
  // Chromium refuses its sandbox to root.
  ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
];

async function measure(name, options, { url, size, count, samples }) {
  const step = (text) => process.stderr.write(`${name}: ${text}\n`);
  const profile = await mkdtemp(join(tmpdir(), 'lungglass-bench-'));
  const program = await puppeteer.launch({ headless: true, userDataDir: profile, protocolTimeout: 3_600_000, ...options });
  // A page in a context of its own: a process of its own, in which nothing was compiled before.
  const alone = async (ask, argument) => {
    const context = await program.createBrowserContext();
    try {
      const page = await context.newPage();
      await page.goto(`${url}/bench/page/index.html`);
      await page.waitForFunction(() => window.bench);
      return await ask(page, argument);
    } finally {
      await context.close();
    }
  };
  const call = (what, ...given) => (page) => page.evaluate((what, given) => window.bench[what](...given), what, given);
  try {
    const result = { name, version: await program.version() };
    result.model = await alone(call('model'));

    step('start, in new pages');
    result.start = {};
    for (let repetition = 0; repetition < STARTS; repetition++) {
      for (const engine of ['ours', 'onnxruntime', 'tfjs', 'litert']) {
        const found = (result.start[engine] ??= { fetch: [], compile: [], ready: [] });
        const { fetch, ready } = await alone(call('ready', engine, size));
        found.fetch.push(fetch);
        found.ready.push(ready);
        found.compile.push(await alone(call('compile', engine)));
      }
    }

    step(`${ROUNDS} rounds in turn`);
    await alone(async (page) => {
      result.steady = await call('steady', { size, count, rounds: ROUNDS, warmUp: WARM_UP })(page);
      step('layers and files');
      result.profile = await call('profile', { size, rounds: ROUNDS })(page);
      result.reading = await call('reading', { files: samples, rounds: 20 })(page);
    });
    result.agreement = agreement(result.steady.logits);

    // What most readers of the JSON want; the samples are there too.
    result.forward = { times: summaries(result.steady.samples), ratios: ratios(result.steady.samples) };
    const ready = Object.fromEntries(Object.entries(result.start).map(([engine, { ready }]) => [engine, ready]));
    result.ready = { times: summaries(ready), ratios: ratios(ready) };

    step('memory');
    result.memory = await alone(call('memory', { files: samples, after: [1, 10, 100] }));
    step('workers');
    const rates = await alone(call('throughput', { size, rounds: 5, seconds: 3, warmUp: 4 }));
    const [best, middle] = [(samples) => Math.max(...samples), median].map((of) => ({ 1: of(rates[1]), 2: of(rates[2]) }));
    result.workers = { rates, best, median: middle, ratio: { best: best[2] / best[1], median: middle[2] / middle[1] } };
    return result;
  } finally {
    await program.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The largest distance of a logit from ONNX Runtime's, by engine. Fails over the bound. */
function agreement({ onnxruntime, ...others }) {
  const furthest = {};
  for (const [engine, logits] of Object.entries(others)) {
    if (logits.length !== onnxruntime.length) throw new Error(`${engine} gives ${logits.length} logits, onnxruntime ${onnxruntime.length}`);
    furthest[engine] = Math.max(...logits.map((logit, at) => Math.abs(logit - onnxruntime[at])));
    if (!(furthest[engine] <= BOUND)) throw new Error(`${engine} is ${furthest[engine]} from ONNX Runtime, more than ${BOUND}`);
  }
  return furthest;
}

const sha256 = async (path) => createHash('sha256').update(await readFile(path)).digest('hex');
const versionOf = async (name) => JSON.parse(await readFile(new URL(`node_modules/${name}/package.json`, import.meta.url))).version;

const moduleOf = async (name) => ({ name, bytes: (await readFile(join(PACKAGE, name))).length, sha256: await sha256(join(PACKAGE, name)) });

async function limitModules() {
  const { parseWat } = await wabt();
  return Object.fromEntries([false, true].map((relaxed) => {
    const features = { simd: true, relaxed_simd: relaxed };
    const name = `/limits-${relaxed ? 'relaxed' : 'simd'}.wasm`;
    return [name, parseWat(name, limitsText(relaxed), features).toBinary({}).buffer];
  }));
}

async function main() {
  const command = process.env.LUNGGLASS_COMMAND;
  const found = await slices(CASES);
  const { size, count, values } = await preprocess(command, found.map(({ path }) => path));
  const inputs = Buffer.from(values.buffer);
  const network = tflite(parseOnnx(await readFile(NETWORK)), size);
  const scratch = await mkdtemp(join(tmpdir(), 'lungglass-bench-'));
  const server = await serve({
    folders: {
      '/bench/': fileURLToPath(new URL('.', import.meta.url)),
      '/peers/': fileURLToPath(new URL('node_modules/', import.meta.url)),
      '/page/': join(ROOT, 'www'),
      '/model/': join(ROOT, 'model'),
      '/cases/': CASES,
    },
    files: { '/inputs.f32': inputs, '/lungglass.tflite': network, ...await limitModules() },
  });
  try {
    const samples = found.filter(({ kind }) => kind).map(({ kind, file }) => ({ name: kind, url: `/cases/${file}` }));
    const setting = { url: server.url, size, count, samples };
    const result = {
      date: new Date().toISOString(),
      machine: {
        cpu: cpus()[0].model.trim(), cores: availableParallelism(), gigabytes: Math.round(totalmem() / 2 ** 30), load: loadavg()[0],
      },
      modules: await Promise.all(['lungglass_bg.wasm', 'lungglass_relaxed_bg.wasm'].map((name) => moduleOf(name))),
      network: { sha256: await sha256(NETWORK) },
      peers: {
        onnxruntime: await versionOf('onnxruntime-web'), tfjs: await versionOf('@tensorflow/tfjs-backend-wasm'),
        litert: await versionOf('@litertjs/core'),
      },
      size,
      slices: count,
      browsers: [],
    };
    console.log(heading(result));
    result.way = await way({
      chromium: process.env.CHROMIUM, flags: FLAGS, command, url: server.url, source: join(CASES, 'lidc-explicit-le/input.dcm'),
      data: process.env.LUNGGLASS_DATA, count: Number(process.env.LUNGGLASS_BENCH_SLICES ?? 300), rounds: WAY_ROUNDS,
    });
    console.log(`\n${wholeWay(result.way)}`);
    if (!process.env.LUNGGLASS_BENCH_WAY) await peers({ result, setting, inputs, command, found, scratch });
    result.machine.loadAfter = loadavg()[0];
    console.log(`\nload at the end ${result.machine.loadAfter.toFixed(1)}`);
    if (process.env.LUNGGLASS_BENCH_JSON) await writeFile(process.env.LUNGGLASS_BENCH_JSON, `${JSON.stringify(result, null, 1)}\n`);
  } finally {
    server.close();
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The forward pass, the start and the parts of a reading against other engines, in browsers and natively. */
async function peers({ result, setting, inputs, command, found, scratch }) {
  const browsers = [['Chromium', { executablePath: process.env.CHROMIUM, args: FLAGS }]];
  if (process.env.FIREFOX) browsers.push(['Firefox', { browser: 'firefox', executablePath: process.env.FIREFOX }]);
  for (const [name, options] of browsers) {
    const measured = await measure(name, options, setting);
    result.browsers.push(measured);
    console.log(`\n${browser(measured)}`);
  }
  process.stderr.write('native: in turn\n');
  const file = join(scratch, 'inputs.f32');
  await writeFile(file, inputs);
  result.native = await native({
    command, python: process.env.LUNGGLASS_PYTHON ?? 'python3', network: NETWORK, inputs: file, size,
    paths: found.map(({ path }) => path), rounds: Math.ceil(ROUNDS / 10),
  });
  if (result.native.logits) {
    const { samples, logits } = result.native;
    Object.assign(result.native, { agreement: agreement(logits), times: summaries(samples), ratio: ratios(samples).onnxruntime });
  }
  console.log(`\n${nativePrograms(result.native)}`);
}

await main();
