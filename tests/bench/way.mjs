// The whole way, from the bytes of files to results on the screen: the page as it is published, with one worker and with two, against
// the command with as many threads, on the same files and in turn. Beside the rates stand the parts: what a worker did with its time, what
// the page's main thread did, and which threads of the browser took the processors.

import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import puppeteer from 'puppeteer-core';
import { batches } from './batches.mjs';
import { median } from './statistics.js';

const THREADS = [1, 2];
/** Slices that a page reads before each batch: by then all workers are there and what is hot is compiled. */
const WARM_UP = 40;
const VIEWPORT = { width: 1280, height: 900 };

/**
 * The measurements of each batch, `rounds` in turn: [{ kind, slices, command: { 1: [run], 2: [run] }, page: { 1: [run], 2: [run] } }], a run
 * having `seconds`; and how smooth the page scrolls meanwhile.
 */
export async function way({ chromium, flags, command, url, source, data, count, rounds }) {
  const folder = await mkdtemp(join(tmpdir(), 'lungglass-bench-'));
  const profile = await mkdtemp(join(tmpdir(), 'lungglass-bench-'));
  const program = await puppeteer.launch({ executablePath: chromium, headless: true, userDataDir: profile, protocolTimeout: 3_600_000, args: flags });
  const step = (text) => process.stderr.write(`the whole way: ${text}\n`);
  try {
    step('making the files');
    const all = await batches(folder, { source, data, count });
    const pages = {};
    for (const threads of THREADS) pages[threads] = await open(program, url, threads, all[0].paths.slice(0, WARM_UP));
    const found = all.map(({ kind, slices }) => ({ kind, slices, command: { 1: [], 2: [] }, page: { 1: [], 2: [] } }));
    for (let round = 0; round < rounds; round++) {
      for (const [at, batch] of all.entries()) {
        step(`round ${round + 1} of ${rounds}, ${batch.kind}`);
        for (const threads of THREADS) {
          found[at].command[threads].push(await commanded(command, batch.paths, threads));
          found[at].page[threads].push(await pages[threads].read(batch));
        }
      }
    }
    step('scrolling meanwhile');
    const scrolling = await pages[2].read(all[0], { scroll: true });
    return { batches: found.map((one) => ({ ...one, ...shares(one) })), scrolling: scrolling.frames, version: await program.version() };
  } finally {
    await program.close();
    for (const one of [folder, profile]) await rm(one, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Slices a second, medians, and the page's share of the command's, the median of the rounds. */
function shares({ slices, command, page }) {
  const rates = {};
  for (const threads of THREADS) {
    const [ours, whole] = [page[threads], command[threads]].map((runs) => runs.map(({ seconds }) => slices / seconds));
    rates[threads] = { command: median(whole), page: median(ours), share: median(ours.map((rate, round) => rate / whole[round])) };
  }
  return { rates };
}

async function commanded(command, paths, threads) {
  const environment = { ...process.env, RAYON_NUM_THREADS: String(threads) };
  const began = performance.now();
  const { stdout } = await promisify(execFile)(command, ['classify', '--json', ...paths], { env: environment, maxBuffer: 1 << 28 });
  const seconds = (performance.now() - began) / 1000;
  return { seconds, ms: sums(stdout.trim().split('\n').map((line) => JSON.parse(line).ms)) };
}

/** The sum of each part of the readings, in milliseconds. */
function sums(parts) {
  const sum = { decode: 0, preprocess: 0, graph: 0 };
  for (const ms of parts) for (const part of Object.keys(sum)) sum[part] += ms[part] ?? 0;
  return sum;
}

/** A page that reads with so many workers, warm. */
async function open(program, url, workers, warmUp) {
  const page = await (await program.createBrowserContext()).newPage();
  page.setDefaultTimeout(0);
  await page.setViewport(VIEWPORT);
  await page.evaluateOnNewDocument((workers) => {
    // What the device tells decides how many workers read.
    Object.defineProperty(Navigator.prototype, 'hardwareConcurrency', { get: () => workers });
    Object.defineProperty(Navigator.prototype, 'deviceMemory', { get: () => 8 });
    addEventListener('change', () => { window.began = performance.now(); }, { capture: true });
    // Resolves when so many results are on the screen.
    window.told = (count) => new Promise((resolve) => {
      const list = document.getElementById('cards');
      const look = () => {
        if (!(Number(list.dataset.results) >= count)) return;
        observer.disconnect();
        requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - window.began)));
      };
      const observer = new MutationObserver(look);
      observer.observe(list, { attributeFilter: ['data-results'] });
      look();
    });
    // The frames of a person who scrolls up and down, until it is stopped: the times between them.
    window.scrolled = () => {
      const gaps = [];
      let last = performance.now();
      let way = 40;
      let stopped = false;
      const move = () => {
        if (stopped) return;
        const now = performance.now();
        gaps.push(now - last);
        last = now;
        if (scrollY + way < 0 || scrollY + way > document.documentElement.scrollHeight - innerHeight) way = -way;
        scrollBy(0, way);
        requestAnimationFrame(move);
      };
      requestAnimationFrame(move);
      return () => { stopped = true; return gaps.slice(1); };
    };
  }, workers);
  await page.goto(`${url}/page/index.html`);
  await page.waitForSelector('[data-testid="ready"]');
  await page.click('[data-testid="consent-accept"]');
  const session = await page.createCDPSession();
  await session.send('Performance.enable');
  const clear = async () => {
    await page.click('[data-testid="clear"]');
    await page.waitForFunction(() => document.querySelectorAll('[data-testid="result"]').length === 0);
  };
  const choose = async (paths, isFolder) => {
    const told = isFolder ? 'folder-input' : 'file-input';
    await (await page.$(`[data-testid="${told}"]`)).uploadFile(...paths);
  };

  return {
    /** One batch from the moment that it is chosen, read by workers that have just read something. */
    async read({ slices, paths, isFolder }, { scroll = false } = {}) {
      await choose(warmUp, false);
      await page.evaluate((count) => window.told(count), warmUp.length);
      await clear();
      await watch(page);
      if (page.workers().length !== workers) throw new Error(`${page.workers().length} workers are there, and not ${workers}`);
      const [main, threads] = [await mainThread(session), await processorTimes(program)];
      const done = page.evaluate(async (count, scroll) => {
        const stop = scroll ? window.scrolled() : () => [];
        return { ms: await window.told(count), gaps: stop() };
      }, slices, scroll);
      await choose(paths, isFolder);
      const { ms, gaps } = await done;
      const after = { main: await mainThread(session), threads: await processorTimes(program) };
      const parts = await Promise.all(page.workers().map((worker) => worker.evaluate(() => self.bench.told())));
      const run = {
        seconds: ms / 1000,
        ms: sumOf(parts),
        main: difference(after.main, main),
        threads: threads && difference(after.threads, threads),
        frames: scroll ? { median: median(gaps), slowest: Math.max(...gaps), over33: gaps.filter((gap) => gap > 1000 / 30).length / gaps.length, count: gaps.length } : null,
      };
      await clear();
      return run;
    },
  };
}

/** Counts in each worker what it does with its time, by what it asks of the browser and what its answers say. */
async function watch(page) {
  await Promise.all(page.workers().map((worker) => worker.evaluate(() => {
    if (self.bench) {
      self.bench.reset();
      return;
    }
    const zero = () => ({ waiting: 0, decode: 0, preprocess: 0, graph: 0, telling: 0 });
    let sum, asked, answered;
    const reset = () => { [sum, asked, answered] = [zero(), 0, [performance.now()]]; };
    reset();
    const post = self.postMessage;
    self.postMessage = (message, ...rest) => {
      const began = performance.now();
      post.call(self, message, ...rest);
      sum.telling += performance.now() - began;
      for (const { ms } of [message.value?.reading ?? message.value].flat().filter(Boolean)) {
        for (const part of ['decode', 'preprocess', 'graph']) sum[part] += ms?.[part] ?? 0;
      }
      if (message.type !== 'progress') answered.push(performance.now());
    };
    // A request that comes when all before it were answered was waited for, but for the first, which waits for a person. The worker's own
    // listener, which may answer at once, comes before this one.
    addEventListener('message', ({ timeStamp }) => {
      const last = answered.findLastIndex((at) => at <= timeStamp);
      if (last === asked && asked > 0) sum.waiting += timeStamp - answered[last];
      asked++;
    });
    self.bench = { reset, told: () => sum };
  })));
}

const sumOf = (parts) => Object.fromEntries(Object.keys(parts[0]).map((key) => [key, parts.reduce((sum, one) => sum + one[key], 0)]));
const difference = (after, before) => Object.fromEntries(Object.entries(after).map(([key, value]) => [key, value - (before[key] ?? 0)]));

/** What the main thread of a page did so far, in seconds, and how often it laid out. */
async function mainThread(session) {
  const { metrics } = await session.send('Performance.getMetrics');
  const metric = (name) => metrics.find((one) => one.name === name).value;
  const [task, script, layout, style] = ['TaskDuration', 'ScriptDuration', 'LayoutDuration', 'RecalcStyleDuration'].map(metric);
  return { busy: task, script, layout, style, other: task - script - layout - style, layouts: metric('LayoutCount') };
}

/** Names of a browser's threads by what they do, as Linux has them; the main thread of a process is called after it. */
const WORK = [
  [/^DedicatedWorker/, 'workers'], [/^Compositor/, 'painting'], [/^(VizCompositor|CrGpuMain)/, 'painting'], [/^ThreadPool/, 'pool'],
];

/** Seconds of the processors that the browser's threads took so far, by what they do; null where /proc does not tell. */
async function processorTimes(program) {
  const parents = new Map();
  for (const pid of (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
    if (stat) parents.set(Number(pid), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
  }
  if (parents.size === 0) return null;
  const host = program.process().pid;
  const isOurs = (pid) => { for (let at = pid; at > 1; at = parents.get(at) ?? 0) if (at === host) return true; return false; };
  const sum = { workers: 0, 'main thread': 0, painting: 0, pool: 0, 'browser and others': 0 };
  for (const pid of [...parents.keys()].filter(isOurs)) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    for (const thread of await readdir(`/proc/${pid}/task`).catch(() => [])) {
      const stat = await readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8').catch(() => null);
      if (!stat) continue;
      const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      // User and system time, in hundredths of a second.
      const seconds = (Number(fields[11]) + Number(fields[12])) / 100;
      const isRenderer = command.includes('--type=renderer');
      const what = WORK.find(([pattern]) => pattern.test(name))?.[1] ?? (isRenderer && Number(thread) === pid ? 'main thread' : 'browser and others');
      sum[what] += seconds;
    }
  }
  return sum;
}
