// Readings as files: CSV for people, JSON for programs, with what makes them repeatable. Pictures and maps stay out. Knows no element of the page but the
// link that saves.

import { plain } from '../common/dom.js';
import { driftSaid } from '../locales/point.js';
import { english } from '../locales/words.js';

/**
 * @typedef {object} Row
 * @property {Reading} reading
 * @property {SlicePlace} place
 * @property {string[]} measured What was measured on the slice, in the words of the page.
 * @property {{ kind: string, ordinal: number } | null} study Null while it is not known.
 * @property {number | null} slice Its number in the study.
 * @property {Settings} settings
 */

/** @typedef {ReturnType<typeof settingsOf>} Settings */

/** @type {{ [name: string]: (row: Row) => unknown }} What a reader looks for first, then what makes a reading repeatable. */
const COLUMNS = {
  file: ({ reading }) => reading.file,
  frame: ({ reading }) => reading.frame,
  verdict: ({ reading }) => reading.verdict,
  score: ({ reading }) => reading.score,
  opacity_share: ({ reading }) => reading.opacity?.share,
  opacity_ground_glass: ({ reading }) => reading.opacity?.ground_glass,
  opacity_consolidation: ({ reading }) => reading.opacity?.consolidation,
  study: ({ study }) => study && `${study.kind} ${study.ordinal}`,
  slice: ({ slice }) => slice,
  instance_number: ({ place }) => place.number,
  position_mm: ({ place }) => place.height ?? place.location,
  measured: ({ measured }) => measured.join('; '),
  refusal_message: ({ reading }) => reading.refusal?.message,
  error_message: ({ reading }) => reading.error?.message,
  kernel: ({ place }) => place.marks.kernel,
  thickness_mm: ({ place }) => (place.marks.thickness ? Number(place.marks.thickness) : null),
  refusal_code: ({ reading }) => reading.refusal?.code,
  error_code: ({ reading }) => reading.error?.code,
  // A slice that was refused has one too, which means nothing.
  logit: ({ reading }) => (reading.score === null ? null : reading.logit),
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
  operating_point: ({ reading }) => reading.model?.operating_point?.site,
  operating_point_until: ({ reading }) => reading.model?.operating_point?.valid_until,
  operating_point_notice: (row) => told(row).model?.operating_point?.notice,
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
export function settingsOf({ program, threshold, uncertain, temperature, size, window, local }) {
  return { drifted: local && driftSaid(local.site, english), program, threshold, uncertain, temperature, size, window, browser: navigator.userAgent, exported: new Date().toISOString() };
}

/**
 * The reading, with all that must be said beside its verdict.
 *
 * @param {Pick<Row, 'reading' | 'settings'>} row
 */
function told({ reading, settings: { drifted } }) {
  const { model } = reading;
  const point = model?.operating_point;
  if (!point || !drifted) return reading;
  return { ...reading, model: { ...model, operating_point: { ...point, notice: [point.notice, drifted].filter(Boolean).join(' ') } } };
}

/**
 * The reading under another name for its file.
 *
 * @param {Reading} reading
 * @param {string} file
 */
export const renamed = (reading, file) => ({ ...reading, file });

/**
 * How a table is written: what stands between its cells, and the decimal mark.
 *
 * @typedef {{ separator: string, mark: string }} Style
 */

/**
 * That of a language, by its decimal mark, as spreadsheets in that language expect it; or of the mark that somebody chose.
 *
 * @param {string} chosen 'point', 'comma' or what the language has.
 * @param {string} language
 * @returns {Style}
 */
export function styleOf(chosen, language) {
  const own = new Intl.NumberFormat(language).formatToParts(1.5).find(({ type }) => type === 'decimal')?.value;
  const isComma = chosen === 'comma' || (chosen !== 'point' && own === ',');
  return isComma ? { separator: ';', mark: ',' } : { separator: ',', mark: '.' };
}

/**
 * @param {unknown} value
 * @param {Style} style
 */
function cell(value, { separator, mark }) {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return String(value).replace('.', mark);
  let text = plain(String(value));
  // A spreadsheet runs a text that begins like this as a formula; East Asian versions know the wide signs too.
  if (/^[=+\-@＝＋－＠\t\r\n]/.test(text)) text = `'${text}`;
  return text.includes(separator) || /["\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * RFC 4180 but for the separator, one row a reading, behind the mark by which spreadsheets know UTF-8.
 *
 * @param {Row[]} rows
 * @param {Style} style
 */
export function toCsv(rows, style) {
  const { separator } = style;
  const columns = { ...COLUMNS, ...classColumns(rows) };
  const lines = rows.map((row) => Object.values(columns).map((of) => cell(of(row), style)).join(separator));
  return `\uFEFF${[Object.keys(columns).join(separator), ...lines, ''].join('\r\n')}`;
}

/**
 * Of a network that tells several classes: the one that the verdict is on, and the scores of all.
 *
 * @param {Row[]} rows
 * @returns {typeof COLUMNS}
 */
function classColumns(rows) {
  const ids = Object.keys(rows.find(({ reading }) => reading.classes)?.reading.classes ?? {});
  if (ids.length === 0) return {};
  return { class: ({ reading }) => reading.class, ...Object.fromEntries(ids.map((id) => [`score_${id}`, (/** @type {Row} */ { reading }) => reading.classes?.[id]])) };
}

/**
 * An array with the objects that the command prints, one a reading, each with its `study` and its `settings`.
 *
 * @param {Row[]} rows
 */
export function toJson(rows) {
  const objects = rows.map((row) => {
    const { study, slice, settings: { drifted, ...settings } } = row;
    return { ...told(row), study: study && { kind: study.kind, ordinal: study.ordinal, slice }, settings };
  });
  return `${JSON.stringify(objects, null, 1)}\n`;
}

/**
 * Saves a text as a file.
 *
 * @param {string} name
 * @param {string} type
 * @param {string} text
 */
export const save = (name, type, text) => saveBlob(name, new Blob([text], { type }));

/**
 * Saves bytes as a file.
 *
 * @param {string} name
 * @param {Blob} blob
 */
export function saveBlob(name, blob) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser opens the address after this turn.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
