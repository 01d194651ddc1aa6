// Readings as files: CSV and JSON, with what makes them repeatable. Pictures and maps stay out. Knows no element of the page but the
// link that saves.

import { plain } from '../common/dom.js';

/**
 * @typedef {object} Row
 * @property {Reading} reading
 * @property {{ kind: string, ordinal: number } | null} study Null while it is not known.
 * @property {number | null} slice Its number in the study.
 * @property {Settings} settings
 */

/** @typedef {ReturnType<typeof settingsOf>} Settings */

/** @type {{ [name: string]: (row: Row) => unknown }} */
const COLUMNS = {
  file: ({ reading }) => reading.file,
  frame: ({ reading }) => reading.frame,
  verdict: ({ reading }) => reading.verdict,
  score: ({ reading }) => reading.score,
  logit: ({ reading }) => reading.logit,
  opacity_share: ({ reading }) => reading.opacity?.share,
  opacity_ground_glass: ({ reading }) => reading.opacity?.ground_glass,
  opacity_consolidation: ({ reading }) => reading.opacity?.consolidation,
  study: ({ study }) => study && `${study.kind} ${study.ordinal}`,
  slice: ({ slice }) => slice,
  refusal_code: ({ reading }) => reading.refusal?.code,
  refusal_message: ({ reading }) => reading.refusal?.message,
  error_code: ({ reading }) => reading.error?.code,
  error_message: ({ reading }) => reading.error?.message,
  format: ({ reading }) => reading.source?.format,
  modality: ({ reading }) => reading.source?.modality,
  transfer_syntax: ({ reading }) => reading.source?.transfer_syntax,
  notes: ({ reading }) => reading.source?.notes.join('; '),
  window_center: ({ reading }) => reading.source?.window?.center,
  window_width: ({ reading }) => reading.source?.window?.width,
  width: ({ reading }) => reading.source?.width,
  height: ({ reading }) => reading.source?.height,
  model_name: ({ reading }) => reading.model?.name,
  model_version: ({ reading }) => reading.model?.version,
  model_sha256: ({ reading }) => reading.model?.sha256,
  device: ({ reading }) => reading.device,
  decode_ms: ({ reading }) => reading.ms?.decode,
  preprocess_ms: ({ reading }) => reading.ms?.preprocess,
  graph_ms: ({ reading }) => reading.ms?.graph,
  threshold: ({ settings }) => settings.threshold,
  uncertain_low: ({ settings }) => settings.uncertain[0],
  uncertain_high: ({ settings }) => settings.uncertain[1],
  temperature: ({ settings }) => settings.temperature,
  input_size: ({ settings }) => settings.size,
  program_version: ({ settings }) => settings.program,
  browser: ({ settings }) => settings.browser,
  exported: ({ settings }) => settings.exported,
};

/**
 * What a reading depends on beside its file and the network, and when it was saved.
 *
 * @param {Model} model
 */
export function settingsOf({ program, threshold, uncertain, temperature, size, window }) {
  return { program, threshold, uncertain, temperature, size, window, browser: navigator.userAgent, exported: new Date().toISOString() };
}

/**
 * The reading under another name for its file.
 *
 * @param {Reading} reading
 * @param {string} file
 */
export const renamed = (reading, file) => ({ ...reading, file });

/** @param {unknown} value */
function cell(value) {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return String(value);
  let text = plain(String(value));
  // A spreadsheet runs a text that begins like this as a formula; East Asian versions know the wide signs too.
  if (/^[=+\-@＝＋－＠\t\r\n]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * RFC 4180, one row a reading, behind the mark by which spreadsheets know UTF-8.
 *
 * @param {Row[]} rows
 */
export function toCsv(rows) {
  const lines = rows.map((row) => Object.values(COLUMNS).map((of) => cell(of(row))).join(','));
  return `\uFEFF${[Object.keys(COLUMNS).join(','), ...lines, ''].join('\r\n')}`;
}

/**
 * An array with the objects that the command prints, one a reading, each with its `study` and its `settings`.
 *
 * @param {Row[]} rows
 */
export function toJson(rows) {
  const objects = rows.map(({ reading, study, slice, settings }) => ({ ...reading, study: study && { kind: study.kind, ordinal: study.ordinal, slice }, settings }));
  return `${JSON.stringify(objects, null, 1)}\n`;
}

/**
 * Saves a text as a file.
 *
 * @param {string} name
 * @param {string} type
 * @param {string} text
 */
export function save(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser opens the address after this turn.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
