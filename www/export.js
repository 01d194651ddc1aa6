// Readings as files: CSV and JSON. Pictures and maps stay out. Knows no element of the page but the link that saves.

const COLUMNS = {
  file: (r) => r.file,
  frame: (r) => r.frame,
  verdict: (r) => r.verdict,
  score: (r) => r.score,
  logit: (r) => r.logit,
  refusal_code: (r) => r.refusal?.code,
  refusal_message: (r) => r.refusal?.message,
  error_code: (r) => r.error?.code,
  error_message: (r) => r.error?.message,
  format: (r) => r.source?.format,
  modality: (r) => r.source?.modality,
  transfer_syntax: (r) => r.source?.transfer_syntax,
  window_center: (r) => r.source?.window?.center,
  window_width: (r) => r.source?.window?.width,
  width: (r) => r.source?.width,
  height: (r) => r.source?.height,
  model_name: (r) => r.model?.name,
  model_version: (r) => r.model?.version,
  model_sha256: (r) => r.model?.sha256,
  device: (r) => r.device,
  decode_ms: (r) => r.ms?.decode,
  preprocess_ms: (r) => r.ms?.preprocess,
  graph_ms: (r) => r.ms?.graph,
};

function cell(value) {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return String(value);
  let text = String(value);
  // A spreadsheet runs a text that begins like this as a formula.
  if (/^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** RFC 4180, one row a reading. */
export function toCsv(readings) {
  const rows = readings.map((reading) => Object.values(COLUMNS).map((of) => cell(of(reading))).join(','));
  return [Object.keys(COLUMNS).join(','), ...rows, ''].join('\r\n');
}

/** An array with the objects that the command prints, one a reading. */
export function toJson(readings) {
  return `${JSON.stringify(readings, null, 1)}\n`;
}

export function save(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser opens the address after this turn.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
