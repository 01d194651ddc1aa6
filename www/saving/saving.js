// What can be taken away: the readings as CSV and JSON, and on paper. Owns these buttons; what is written is decided in export.js and
// print-sheet.js.

import { byId } from '../common/page.js';
import { language } from '../locales/words.js';
import { renamed, save, settingsOf, styleOf, toCsv, toJson } from './export.js';
import { fillSheet, pictured } from './print-sheet.js';

// Studies and pictures are waited for at most this long, in milliseconds: the reader may have ended, or be stuck in a start or a file, and
// what was read is worth having without them.
const PATIENCE = 3000;

/**
 * @param {object} page
 * @param {import('../reading/pool.js').Pool} page.pool
 * @param {import('../results/results.js').Results} page.results
 * @param {import('../study/studies.js').Studies} page.studies
 * @param {(record: SliceRecord) => string[]} page.measuredOn What was measured on a slice, in words.
 */
export function saving({ pool, results, studies, measuredOn }) {
  const isNameless = () => byId('omit-names', HTMLInputElement).checked;
  const sheets = byId('sheets');

  /**
   * Whether what the reader owes was settled in time; where it has failed nothing is waited for.
   *
   * @param {Promise<unknown>} owed
   */
  const inTime = (owed) => {
    const wait = pool.state === 'failed' ? 0 : PATIENCE;
    return Promise.race([owed.then(() => true, () => true), new Promise((resolve) => { setTimeout(resolve, wait, false); })]);
  };

  const rows = async () => {
    await inTime(studies.fresh());
    const settings = settingsOf(/** @type {Model} */ (pool.model));
    return results.records.map((record, at) => {
      const { study = null, slice = null } = studies.of(record) ?? {};
      return { reading: isNameless() ? renamed(record.reading, `slice ${at + 1}`) : record.reading, place: record.place, measured: measuredOn(record), study, slice, settings };
    });
  };

  byId('export-csv').addEventListener('click', async () => save('lungglass-readings.csv', 'text/csv', toCsv(await rows(), styleOf(byId('csv-style', HTMLSelectElement).value, language()))));
  byId('export-json').addEventListener('click', async () => save('lungglass-readings.json', 'application/json', toJson(await rows())));

  /** @param {(record: SliceRecord) => SlicePixels | null} pixelsOf */
  const fillSheets = (pixelsOf) => {
    // On paper a slice has its number in the study.
    /** @type {((record: SliceRecord) => string) | null} */
    const nameOf = isNameless() ? null : ({ reading }) => (reading.frame === null ? reading.file : `${reading.file} [${reading.frame}]`);
    const loose = results.records.filter((record) => !studies.of(record));
    fillSheet(sheets, { studies: studies.list, loose, model: /** @type {Model} */ (pool.model), nameOf, pixelsOf, measuredOn });
  };

  // The browser's own command prints what is at hand at that moment.
  addEventListener('beforeprint', () => {
    if (results.records.length > 0 && sheets.children.length === 0) fillSheets((record) => record.pixels);
  });
  addEventListener('afterprint', () => sheets.replaceChildren());

  byId('print').addEventListener('click', async () => {
    let answers = await inTime(studies.fresh());
    const pixels = new Map();
    for (const record of pictured(studies.list)) {
      // Who did not come in time is not waited for again.
      if (!answers) break;
      answers = await inTime(results.pixels(record, () => answers).then((found) => pixels.set(record, found)));
    }
    // All may have been cleared in the meantime.
    if (results.records.length === 0) return;
    fillSheets((record) => pixels.get(record) ?? record.pixels);
    print();
  });
}
