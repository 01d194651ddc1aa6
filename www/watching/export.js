// The log as a file that `lungglass watch` reads: JSON, and a table with a row a day, see command/src/watch/log.rs. Knows no element.

const COUNTS = /** @type {const} */ (['positive', 'negative', 'uncertain', 'refused', 'error']);
const SUMS = /** @type {const} */ (['logits', 'embedding', 'gray_levels']);
const PARTS = /** @type {const} */ (['count', 'sum', 'squares']);
const BINS = /** @type {const} */ (['scores', 'embeddings', 'grays']);

/** @param {import('./log.js').Log} log */
export const toJson = (log) => `${JSON.stringify(log, null, 1)}\n`;

/** @param {import('./log.js').Log} log */
export function toCsv({ network, days }) {
  const head = ['day', 'network', ...COUNTS, 'codes', ...SUMS.flatMap((name) => PARTS.map((part) => `${name}_${part}`)), ...BINS];
  const rows = days.map((day) => [
    day.name, network, ...COUNTS.map((name) => day[name]), Object.entries(day.codes).map(([code, count]) => `${code}=${count}`).join(' '),
    ...SUMS.flatMap((name) => PARTS.map((part) => day[name][part])), ...BINS.map((name) => day[name].join(' ')),
  ]);
  return `\uFEFF${[head, ...rows].map((row) => row.join(',')).join('\r\n')}\r\n`;
}
