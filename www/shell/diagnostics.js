// A text for problem reports: this browser, the reader and its counts. No picture, no file name, no patient data. It is in English
// whatever the language of the page, for those who read the reports.

import { byId } from '../common/page.js';
import { build, modulePath } from '../common/published.js';
import { language, words } from '../locales/words.js';
import { hasSimd } from '../reading/worker-client.js';
import { kiosk } from './mode.js';
import { sheet } from './sheet.js';

/**
 * The sheet with the text, which is made anew whenever it opens, and the button that copies it. `facts()` are those of the page.
 *
 * @param {() => Facts} facts
 */
export function diagnostics(facts) {
  /** @type {Build | null} */
  let made = null;
  /** @type {string | null} */
  let module = null;
  build.then((known) => { made = known; });
  modulePath().then((path) => { module = path; });
  const [text, copied] = [byId('diagnostics-text'), byId('diagnostics-copied')];
  sheet('diagnostics', () => {
    text.textContent = report(facts(), made, module);
    copied.textContent = '';
  });
  byId('diagnostics-copy').addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text.textContent);
      copied.textContent = words.diagnostics.copied;
    } catch {
      getSelection()?.selectAllChildren(text);
      copied.textContent = words.diagnostics.notCopied;
    }
  });
}

/**
 * @typedef {object} Facts
 * @property {import('../reading/pool.js').Pool} pool
 * @property {{ judged: number, refused: number, error: number }} counts
 * @property {Reading[]} readings
 * @property {string[]} failures The codes of the failed starts.
 * @property {string | null} offline The state of offline use.
 */

/**
 * @param {Facts} facts
 * @param {Build | null} build
 * @param {string | null} module
 */
function report({ pool, counts, readings, failures, offline }, build, module) {
  const graph = readings.map((reading) => reading.ms?.graph).filter((ms) => typeof ms === 'number').sort((a, b) => a - b);
  const codes = readings.map((reading) => (reading.error ?? reading.refusal)?.code).filter((code) => code !== undefined);
  const { model } = pool;
  return Object.entries({
    Page: location.protocol === 'file:' ? 'file:' : location.origin,
    Build: build ? `${build.version} ${build.id}` : 'none',
    Module: module ?? 'none',
    'Module SHA-256': module && build?.files[module] ? hexadecimal(build.files[module].sha256) : 'none',
    Offline: offline,
    Kiosk: kiosk ? `clears after ${kiosk.minutes} minutes` : 'no',
    Browser: navigator.userAgent,
    Languages: navigator.languages?.join(', '),
    'Language of the page': language(),
    Cores: navigator.hardwareConcurrency,
    'Memory (GB, rounded)': navigator.deviceMemory ?? 'not told',
    Screen: `${screen.width} x ${screen.height}, ${devicePixelRatio} device pixels a pixel`,
    'WebAssembly SIMD': hasSimd() ? 'yes' : 'no',
    Model: model ? `${model.name} ${model.version}` : 'not loaded',
    'Model SHA-256': model?.sha256 ?? 'not loaded',
    Reader: pool.state,
    Workers: `${pool.workers} of ${pool.limit}`,
    'Reader starts': pool.starts,
    'First start (ms)': pool.loadMs === null ? 'none' : Math.round(pool.loadMs),
    Slices: `${counts.judged} judged, ${counts.refused} refused, ${counts.error} unreadable`,
    'Network, median (ms)': graph.length > 0 ? graph[graph.length >> 1].toFixed(1) : 'none',
    'Refusals and errors': tally(codes),
    'Start failures': tally(failures),
  }).map(([name, value]) => `${name}: ${value}`).join('\n');
}

/** @param {string} base64 */
const hexadecimal = (base64) => Array.from(atob(base64), (byte) => byte.charCodeAt(0).toString(16).padStart(2, '0')).join('');

/** @param {string[]} codes */
function tally(codes) {
  const counts = new Map();
  for (const code of codes) counts.set(code, (counts.get(code) ?? 0) + 1);
  return [...counts].map(([code, count]) => `${code} ${count}`).join(', ') || 'none';
}
