// Thousands of slices in one page, one in ten of them broken: whether every result is there, what the page holds, how fast it stays.
// Run by `cargo xtask soak`; prints a table, and fails if a result is missing, out of order or another than that of the same slice before.
//
//     node soak.mjs SLICES [FILE]
//
// SLICES in batches of 1,000; FILE gets all figures as JSON. LUNGGLASS_SOAK_FILE names a file to take for all slices, such as one that is refused
// without a pass of the network: what the page keeps of a result is known in minutes then. LUNGGLASS_PAGE and CHROMIUM as in visit.mjs. The memory of the browser's
// processes is read from /proc: elsewhere only the page's own heap is told.

import { link, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { cases, isError, isJudged, isRefused } from './cases.mjs';
import { id, openBrowser } from './visit.mjs';

const BATCH = 1000;
/** By then the page has all that it needs to read: what comes later is what it keeps. */
const FIRST = 10;
const slices = Number(process.argv[2]);
const output = process.argv[3];
if (!Number.isInteger(slices) || slices < BATCH || slices % BATCH !== 0) throw new Error('usage: node soak.mjs SLICES [FILE], SLICES in thousands');

// Seven slices that are judged, two that are refused, one that is broken, again and again; of one frame each.
const all = (await cases()).filter(({ input }) => !/multi|zip/.test(input));
const one = process.env.LUNGGLASS_SOAK_FILE;
const kinds = one ? Array(10).fill({ input: one, verdicts: ['positive', 'negative', 'uncertain', 'refused', 'error'] })
  : [...all.filter(isJudged).slice(0, 7), ...all.filter(isRefused).slice(0, 2), ...all.filter(isError).slice(0, 1)];
if (kinds.length !== 10) throw new Error(`there are ${kinds.length} cases to take, and not 10`);

const folder = await mkdtemp(join(tmpdir(), 'lungglass-soak-'));
// A thousand slices may take longer than the protocol waits for an answer.
const browser = await openBrowser([], { protocolTimeout: 0 });
const faults = [];
const rows = [];
try {
  const visit = await browser.visit();
  visit.page.setDefaultTimeout(0);
  await visit.ready();
  await visit.accept();
  const session = await visit.page.createCDPSession();
  const host = await visit.page.browser().target().createCDPSession();
  rows.push({ slices: 0, rate: null, ...await memory(visit, session, host) });
  for (let first = 0; first < slices;) {
    const end = first === 0 ? FIRST : (Math.floor(first / BATCH) + 1) * BATCH;
    const paths = [];
    for (let at = first; at < end; at++) {
      const { input } = kinds[at % kinds.length];
      paths.push(join(folder, `slice-${String(at).padStart(6, '0')}${extname(input)}`));
      await link(input, paths.at(-1)).catch(async () => writeFile(paths.at(-1), await readFile(input)));
    }
    const began = performance.now();
    await visit.choose(paths);
    await visit.page.waitForFunction(
      (queued, count) => Number(document.querySelector('[data-results]').dataset.results) >= count && !document.querySelector(queued),
      { polling: 100 }, id('queued'), end,
    );
    const seconds = (performance.now() - began) / 1000;
    rows.push({ slices: end, rate: (end - first) / seconds, ...await memory(visit, session, host) });
    tell(rows.at(-1));
    first = end;
  }
  // Of a long list only cards near the window are elements: what is saved holds all.
  const readings = JSON.parse(await visit.page.evaluate((button) => new Promise((resolve) => {
    const { createObjectURL } = URL;
    URL.createObjectURL = (blob) => {
      URL.createObjectURL = createObjectURL;
      blob.text().then(resolve);
      return createObjectURL(blob);
    };
    document.querySelector(button).click();
  }), id('export-json')));
  const results = readings.map(({ file, verdict, score }) => ({ file, verdict, score }));
  const elements = await visit.page.$$eval(id('result'), (cards) => cards.length);
  if (slices > BATCH && elements > BATCH) faults.push(`${elements} cards are elements`);
  if (results.length !== slices) faults.push(`${results.length} results of ${slices}`);
  results.forEach(({ file, verdict, score }, at) => {
    const kind = at % kinds.length;
    if (!file.startsWith(`slice-${String(at).padStart(6, '0')}.`)) faults.push(`${file} stands at ${at}`);
    if (!kinds[kind].verdicts.includes(verdict)) faults.push(`${file}: ${verdict}, and not ${kinds[kind].verdicts}`);
    if (score !== results[kind].score) faults.push(`${file}: ${score}, and ${results[kind].score} the first time`);
  });
  faults.push(...visit.complaints());
} finally {
  await browser.close();
  await rm(folder, { recursive: true, force: true });
}

const [, ten, thousand] = rows;
const last = rows.at(-1);
console.log(`\nthroughput: ${thousand.rate.toFixed(1)} slices/s in the first thousand, ${last.rate.toFixed(1)} in the last, ratio ${(last.rate / thousand.rate).toFixed(2)}`);
grown(ten, thousand);
if (last !== thousand) grown(thousand, last);
if (output) await writeFile(output, JSON.stringify({ date: new Date().toISOString(), processor: cpus()[0].model, cores: cpus().length, rows }, null, 1));
if (faults.length > 0) {
  console.error(`\n${faults.length} faults:\n${faults.slice(0, 20).join('\n')}`);
  process.exitCode = 1;
} else console.log(`every one of ${slices} results is there, in order, with the verdict and score of the same slice before`);

/**
 * MB: the page's heap, its DOM nodes, what the renderers keep for themselves, and the browser's own process, which holds where files lie. After the garbage is gone, that of the workers and the
 * browser's caches too: what a device that runs short of memory would get back. That takes some seconds.
 */
async function memory(visit, session, host) {
  await session.send('Memory.simulatePressureNotification', { level: 'critical' });
  await new Promise((resolve) => { setTimeout(resolve, 8000); });
  await session.send('HeapProfiler.collectGarbage');
  for (const worker of visit.page.workers()) await worker.client.send('HeapProfiler.collectGarbage').catch(() => {});
  await session.send('Performance.enable');
  const { metrics } = await session.send('Performance.getMetrics');
  const metric = (name) => metrics.find((one) => one.name === name).value;
  const { processInfo } = await host.send('SystemInfo.getProcessInfo');
  let [processes, browserProcess] = [0, 0];
  for (const { type, id: pid } of processInfo) {
    if (type === 'renderer') processes += await privateMemory(pid);
    if (type === 'browser') browserProcess += await privateMemory(pid);
  }
  return { heap: metric('JSHeapUsedSize') / 2 ** 20, nodes: metric('Nodes'), processes: processes || null, browser: browserProcess || null };
}

async function privateMemory(pid) {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  return [...rollup.matchAll(/^Private_\w+:\s+(\d+) kB/gm)].reduce((sum, [, kilobytes]) => sum + Number(kilobytes) / 1024, 0);
}

/** What the page holds more than before, in all and for each result. */
function grown(before, after) {
  for (const what of ['heap', 'processes', 'browser'].filter((what) => after[what])) {
    const [more, each] = [after[what] / before[what] - 1, (after[what] - before[what]) / (after.slices - before.slices)];
    console.log(`${what}: ${(100 * more).toFixed(1)} % from ${before.slices} to ${after.slices} slices, ${(1024 * each).toFixed(1)} KB a result`);
  }
}

function tell({ slices: count, rate, heap, nodes, processes, browser: host }) {
  const told = processes ? `, processes ${processes.toFixed(0)} MB, the browser's own ${host.toFixed(0)} MB` : '';
  console.log(`${String(count).padStart(6)} slices: ${rate.toFixed(1)} slices/s, heap ${heap.toFixed(1)} MB, ${nodes} nodes${told}`);
}
