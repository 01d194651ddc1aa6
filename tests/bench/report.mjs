// The report of the benchmark in plain text. It knows the JSON that the runner writes, and computes nothing but medians and shares.

import { median } from './statistics.js';

const NAMES = {
  ours: 'LungGlass', simd: 'LungGlass without relaxed SIMD', onnxruntime: 'ONNX Runtime Web', tfjs: 'tfjs-backend-wasm', litert: 'LiteRT.js', lite0: 'EfficientNet-Lite0 in tfjs',
};
/** The bounds of the design, for the ratios of ours to a peer. */
const BOUNDS = { tfjs: 0.8, litert: 0.8, lite0: 0.8, onnxruntime: 0.6 };
const READY_BOUND = 1.0;
const WORKERS_BOUND = 1.8;
/** Of the page's rate as a share of the command's, with as many workers as threads. */
const WAY_BOUND = 0.7;

const ms = (value) => value.toFixed(value < 10 ? 2 : 1);
const times = (value) => value.toFixed(2);
const percent = (value) => `${Math.round(100 * value)} %`;
const giga = (value) => (value / 1e9).toFixed(1);
const mega = (value) => (value / 1e6).toFixed(1);

/** Rows as lines with aligned columns: the first to the left, the others to the right. */
export function table(rows) {
  const widths = rows[0].map((_, at) => Math.max(...rows.map((row) => String(row[at]).length)));
  return rows.map((row) => row.map((cell, at) => (at ? String(cell).padStart(widths[at]) : String(cell).padEnd(widths[at]))).join('  ').trimEnd()).join('\n');
}

/** What was measured, on what, and how to read the rest. */
export function heading({ date, machine, modules, network, peers, size }) {
  const lines = [
    `LungGlass benchmark, ${date.slice(0, 16).replace('T', ' ')} UTC`,
    `machine   ${machine.cpu}, ${machine.cores} cores, ${machine.gigabytes} GB, load ${machine.load.toFixed(1)}`,
    ...modules.map(({ name, bytes, sha256 }) => `module    ${name}, ${bytes} bytes, sha256 ${sha256.slice(0, 16)}`),
    `network   ${size} x ${size}, sha256 ${network.sha256.slice(0, 16)}`,
    `peers     ONNX Runtime Web ${peers.onnxruntime}, tfjs-backend-wasm ${peers.tfjs} and LiteRT.js ${peers.litert} (XNNPACK)`,
    'all with one thread and SIMD; times in ms; "rounds" is the median of the ratios round by round, which other load moves least',
  ];
  if (machine.load > 1) lines.push('THE MACHINE IS NOT QUIET: trust the ratios before the times, and the least times before the medians.');
  return lines.join('\n');
}

/** One browser's measurements. */
export function browser({ name, version, model, start, steady, forward, ready, agreement, profile, reading, memory, workers }) {
  const { rates, layers, lite0 } = steady;
  const macs = layers.reduce((sum, layer) => sum + layer.macs, 0);
  const best = (kind) => Math.max(...Object.entries(rates).filter(([test]) => test.startsWith(kind)).map(([, rate]) => rate));
  const [plain, relaxed] = [best('simd'), best('relaxed')];
  const peak = Math.max(plain, relaxed);
  const operations = { ours: macs, simd: macs, onnxruntime: macs, tfjs: macs, litert: macs, lite0: lite0.macs };

  const passes = [['one forward pass', 'least', 'median', 'share of peak', 'ours / it: least', 'median', 'rounds', 'bound']];
  for (const [engine, { least, median: middle }] of Object.entries(forward.times)) {
    const share = percent(operations[engine] / (least / 1000) / peak);
    passes.push([NAMES[engine], ms(least), ms(middle), share, ...compared(forward.ratios[engine], BOUNDS[engine])]);
  }

  const starts = [['start, each in a new page', 'fetch', 'compile', 'bytes to first result: least', 'median', 'ours / it: least', 'median', 'rounds', 'bound']];
  for (const [engine, { least, median: middle }] of Object.entries(ready.times)) {
    const { fetch, compile } = start[engine];
    const bound = engine === 'onnxruntime' ? READY_BOUND : null;
    starts.push([NAMES[engine], ms(median(fetch)), ms(median(compile)), ms(least), ms(middle), ...compared(ready.ratios[engine], bound)]);
  }

  const files = [['a file in ours, medians', 'bytes', 'decode', 'preprocess', 'graph']];
  for (const { name: file, bytes, ms: parts } of reading) {
    files.push([file, bytes, ms(median(parts.decode)), ms(median(parts.preprocess)), ms(median(parts.graph))]);
  }

  return [
    `== ${name}: ${version}, ${model.name} ${model.version} ==`,
    `agreement with ONNX Runtime Web over ${steady.logits.ours.length} slices: ours within ${agreement.ours.toExponential(1)}, tfjs within ${agreement.tfjs.toExponential(1)}, LiteRT.js within ${agreement.litert.toExponential(1)} (bound 1e-3)`,
    '',
    table(passes),
    `the network has ${mega(macs)} M multiply-adds, EfficientNet-Lite0 at this size ${mega(lite0.macs)} M`,
    '',
    table([
      ['limits of this machine in wasm', 'best'],
      ['SIMD multiply-adds, register-blocked', `${giga(2 * plain)} GFLOP/s`],
      ['the same with relaxed SIMD', Number.isFinite(relaxed) ? `${giga(2 * relaxed)} GFLOP/s` : 'not in this browser'],
      ['memory, a = b + 3 c over 3 x 64 MB', `${giga(rates.triad)} GB/s`],
      ['memory, copy of 64 MB', `${giga(rates.copy)} GB/s`],
    ]),
    '',
    table(starts),
    '',
    table(files),
    '',
    table([
      ['workers', 'images/s, best', 'median'],
      ['1', workers.best[1].toFixed(1), workers.median[1].toFixed(1)],
      ['2', workers.best[2].toFixed(1), workers.median[2].toFixed(1)],
      ['2 / 1', times(workers.ratio.best), `${times(workers.ratio.median)} (bound ${WORKERS_BOUND})`],
    ]),
    '',
    `memory of an instance: ${Object.entries(memory).map(([slices, bytes]) => `${mega(bytes)} MB after ${slices}`).join(', ')} slices`,
    '',
    profile ? layerTable(profile, peak) : 'layers: the module tells no times by layer (Classifier.prototype.profile)',
  ].join('\n');
}

/** From files to results on the screen, against the command. */
export function wholeWay({ version, batches, scrolling }) {
  const rates = [['files to results, slices/s', 'slices', 'command, 1', 'page, 1', 'share', 'command, 2', 'page, 2', 'share', 'bound']];
  const commands = [['the command, ms a slice', 'threads', 'decode', 'preprocess', 'graph', 'all']];
  const workers = [['a worker, ms a slice', 'workers', 'decode', 'preprocess', 'graph', 'telling', 'waiting for the page', 'the rest', 'all']];
  const main = [['the main thread, ms a slice', 'workers', 'busy', 'script', 'layout', 'style', 'other', 'layouts in all']];
  const threads = [['processors, ms a slice', 'workers', 'workers', 'main thread', 'painting', 'pool', 'browser and others', 'all']];
  for (const { kind, slices, rates: found, command, page } of batches) {
    rates.push([kind, slices, ...[1, 2].flatMap((many) => [found[many].command.toFixed(1), found[many].page.toFixed(1), times(found[many].share)]), WAY_BOUND.toFixed(2)]);
    for (const many of [1, 2]) {
      const each = (runs, of) => ms(median(runs.map((run) => of(run))) / slices);
      const all = (runs) => each(runs, ({ seconds }) => 1000 * many * seconds);
      commands.push([kind, many, ...['decode', 'preprocess', 'graph'].map((part) => each(command[many], (run) => run.ms[part])), all(command[many])]);
      const parts = ['decode', 'preprocess', 'graph', 'telling', 'waiting'];
      const rest = (run) => 1000 * many * run.seconds - parts.reduce((sum, part) => sum + run.ms[part], 0);
      workers.push([kind, many, ...parts.map((part) => each(page[many], (run) => run.ms[part])), each(page[many], rest), all(page[many])]);
      main.push([kind, many, ...['busy', 'script', 'layout', 'style', 'other'].map((part) => each(page[many], (run) => 1000 * run.main[part])), median(page[many].map((run) => run.main.layouts))]);
      if (!page[many].every((run) => run.threads)) continue;
      const whole = (run) => Object.values(run.threads).reduce((sum, seconds) => sum + seconds, 0);
      threads.push([kind, many, ...Object.keys(page[many][0].threads).map((what) => each(page[many], (run) => 1000 * run.threads[what])), each(page[many], (run) => 1000 * whole(run))]);
    }
  }
  return [
    `== from files to results on the screen: ${version} against the command, in turn, medians of ${batches[0].page[1].length} rounds ==`,
    ...[rates, commands, workers, main, ...(threads.length > 1 ? [threads] : [])].map((rows) => table(rows)),
    'the rest of a worker is opening the file, waiting for its bytes, and making what the page draws',
    `scrolling while two workers read: a frame each ${ms(scrolling.median)} ms in the middle, ${percent(scrolling.over33)} of ${scrolling.count} took longer than a thirtieth of a second, the slowest ${ms(scrolling.slowest)} ms`,
  ].join('\n\n');
}

/** The cells of a ratio and its bound; empty for ours itself. */
function compared(ratio, bound) {
  if (!ratio) return ['', '', '', ''];
  return [times(ratio.least), times(ratio.median), times(ratio.rounds), bound ? bound.toFixed(1) : ''];
}

/** Layers that take less than this share of the time stand together in one row a kind. */
const SMALL = 0.005;

function layerTable(profile, peak) {
  const layers = profile.map((layer) => ({ ...layer, least: Math.min(...layer.ms) }));
  const total = layers.reduce((sum, { least }) => sum + least, 0);
  const small = new Map();
  const shown = [];
  for (const layer of layers) {
    if (layer.least >= SMALL * total) {
      shown.push(layer);
      continue;
    }
    const { kind } = layer;
    const sum = small.get(kind) ?? { kind, count: 0, macs: 0, bytes: 0, least: 0 };
    for (const key of ['macs', 'bytes', 'least']) sum[key] += layer[key];
    small.set(kind, { ...sum, count: sum.count + 1, name: `${sum.count + 1} small ones` });
  }
  const all = { name: 'all', kind: '', least: total, macs: sumOf(layers, 'macs'), bytes: sumOf(layers, 'bytes') };
  const rows = [['layer, least times', 'kind', 'M MAC', 'kB', 'ms', 'of the time', 'of the peak', 'GB/s']];
  for (const { name, kind, macs, bytes, least } of [...shown, ...small.values(), all]) {
    const seconds = least / 1000;
    const rate = macs && seconds ? percent(macs / seconds / peak) : '';
    rows.push([name, kind, mega(macs), Math.round(bytes / 1000), least.toFixed(3), percent(least / total), rate, seconds ? giga(bytes / seconds) : '']);
  }
  return `${table(rows)}\nmultiply-adds are counted in full: a layer above the peak skips those with zeros`;
}

const sumOf = (rows, key) => rows.reduce((sum, row) => sum + row[key], 0);

/** The command against onnxruntime. */
export function nativePrograms({ missing, times: taken, ratio, agreement, version }) {
  if (missing) return `== native ==\nnot measured: ${missing}. LUNGGLASS_PYTHON names another Python.`;
  const names = { ours: 'lungglass', onnxruntime: `onnxruntime ${version}` };
  const rows = Object.entries(taken).map(([engine, { least, median: middle }]) => [names[engine], ms(least), ms(middle)]);
  return [
    '== native, one thread ==',
    `agreement with onnxruntime: within ${agreement.ours.toExponential(1)} (bound 1e-3)`,
    '',
    table([['the graph', 'least', 'median'], ...rows]),
    `ours / onnxruntime: least ${times(ratio.least)}, median ${times(ratio.median)}, rounds ${times(ratio.rounds)} (bound 2.0, stretch 1.3)`,
  ].join('\n');
}
