import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browser, heading, nativePrograms, table, wholeWay } from './report.mjs';
import { ratios, summaries } from './statistics.js';

// Peak: 10 G multiply-adds a second. Ours does 100 M of them in 20 ms: half of it.
function measured() {
  const samples = { ours: [20, 22], tfjs: [25, 44], onnxruntime: [50, 55], litert: [30, 32], lite0: [40, 40] };
  const ready = { ours: [300, 300], onnxruntime: [200, 200], tfjs: [100, 100], litert: [400, 400] };
  return {
    name: 'Chromium',
    version: '1',
    model: { name: 'net', version: '0.1' },
    agreement: { ours: 1e-5, tfjs: 2e-5, litert: 3e-5 },
    start: Object.fromEntries(Object.keys(ready).map((engine) => [engine, { fetch: [1], compile: [2], ready: ready[engine] }])),
    steady: {
      samples,
      logits: { ours: [0, 0, 0] },
      layers: [{ macs: 60e6 }, { macs: 40e6 }],
      rates: { 'simd 4 x 2': 9e9, 'simd 5 x 2': 10e9, triad: 20e9, copy: 30e9 },
      lite0: { macs: 400e6 },
    },
    forward: { times: summaries(samples), ratios: ratios(samples) },
    ready: { times: summaries(ready), ratios: ratios(ready) },
    profile: [{ name: 'stem', kind: 'conv', macs: 10e6, bytes: 4e6, ms: [2, 3] }, { name: 'glue', kind: 'add', macs: 0, bytes: 1e6, ms: [5.98, 8] },
      ...[1, 2].map((at) => ({ name: `tiny${at}`, kind: 'add', macs: 0, bytes: 2000, ms: [0.01, 1] }))],
    reading: [{ name: 'PNG', bytes: 10, ms: { decode: [1], preprocess: [2], graph: [3] } }],
    memory: { 1: 20e6 },
    workers: { best: { 1: 10, 2: 19 }, median: { 1: 10, 2: 18 }, ratio: { best: 1.9, median: 1.8 } },
  };
}

const line = (text, start) => text.split('\n').find((one) => one.startsWith(start)).split(/ {2,}/);

test('times stand beside ratios, shares and bounds', () => {
  const text = browser(measured());
  assert.deepEqual(line(text, 'LungGlass  '), ['LungGlass', '20.0', '21.0', '50 %']);
  assert.deepEqual(line(text, 'tfjs-backend-wasm  '), ['tfjs-backend-wasm', '25.0', '34.5', '40 %', '0.80', '0.61', '0.65', '0.8']);
  assert.deepEqual(line(text, 'LiteRT.js  '), ['LiteRT.js', '30.0', '31.0', '33 %', '0.67', '0.68', '0.68', '0.8']);
  assert.match(text, /register-blocked +20\.0 GFLOP\/s/);
  assert.match(text, /relaxed SIMD +not in this browser/);
  assert.match(text, /2 \/ 1 +1\.90 +1\.80 \(bound 1\.8\)/);
});

test('layers show their share of the time, of the peak and of the memory', () => {
  const text = browser(measured());
  assert.deepEqual(line(text, 'stem'), ['stem', 'conv', '10.0', '4000', '2.000', '25 %', '50 %', '2.0']);
  assert.deepEqual(line(text, 'glue'), ['glue', 'add', '0.0', '1000', '5.980', '75 %', '0.2']);
  assert.deepEqual(line(text, '2 small ones'), ['2 small ones', 'add', '0.0', '4', '0.020', '0 %', '0.2']);
  assert.deepEqual(line(text, 'all'), ['all', '10.0', '5004', '8.000', '100 %', '13 %', '0.6']);
  assert.doesNotMatch(text, /tiny/);
});

test('what was not measured and what disturbed is said', () => {
  assert.match(nativePrograms({ missing: 'no Python' }), /not measured: no Python/);
  const result = (load) => ({
    date: '2026-11-24T12:00:00.000Z',
    machine: { cpu: 'A processor', cores: 2, gigabytes: 8, load },
    modules: [{ name: 'a.wasm', bytes: 1234, sha256: 'a'.repeat(64) }],
    network: { sha256: 'b'.repeat(64) },
    peers: { onnxruntime: '1.30.0', tfjs: '4.22.0', litert: '2.5.3' },
    size: 336,
  });
  assert.match(heading(result(5)), /NOT QUIET/);
  assert.doesNotMatch(heading(result(0.3)), /NOT QUIET/);
});

test('the whole way stands beside the command, with its parts for each slice', () => {
  const command = [{ seconds: 1, ms: { decode: 100, preprocess: 200, graph: 500 } }];
  const page = [{
    seconds: 2, ms: { decode: 100, preprocess: 200, graph: 1000, telling: 10, waiting: 300 },
    main: { busy: 0.5, script: 0.1, layout: 0.1, style: 0.1, other: 0.2, layouts: 7 }, threads: { workers: 1.5, 'main thread': 0.5 },
  }];
  const text = wholeWay({
    version: 'Chrome/1',
    batches: [{ kind: 'PNG', slices: 100, command: { 1: command, 2: command }, page: { 1: page, 2: page }, rates: { 1: { command: 100, page: 50, share: 0.5 }, 2: { command: 100, page: 50, share: 0.5 } } }],
    scrolling: { median: 16, slowest: 50, over33: 0.1, count: 40 },
  });
  const rows = text.split('\n').filter((one) => one.startsWith('PNG')).map((one) => one.split(/ {2,}/));
  assert.deepEqual(rows[0], ['PNG', '100', '100.0', '50.0', '0.50', '100.0', '50.0', '0.50', '0.70']);
  assert.deepEqual(rows[2], ['PNG', '2', '1.00', '2.00', '5.00', '20.0'], 'two threads take twice the time of the clock');
  assert.deepEqual(rows[4], ['PNG', '2', '1.00', '2.00', '10.0', '0.10', '3.00', '23.9', '40.0']);
  assert.deepEqual(rows[5].slice(0, 3), ['PNG', '1', '5.00']);
  assert.match(text, /10 % of 40 took longer/);
});

test('columns are aligned', () => {
  assert.equal(table([['a', 'bb'], ['ccc', 1]]), 'a    bb\nccc   1');
});
