// What is printed: one page a study, with its summary, its highest slices with their maps, its slices, the model and the limits; and one
// with the slices that no study is known for. Owns the elements that only paper shows.

import { element, terms } from '../common/dom.js';
import { paintMap } from '../common/heatmap.js';
import { paintPicture } from '../common/picture.js';
import { MAX_BARS, scoreChart } from '../study/score-chart.js';
import { sentencesOf, titleOf } from '../study/studies.js';
import { score } from '../results/result-card.js';
import { identityOf } from '../viewer/facts.js';
import { className, pointOf, scoreOf } from '../locales/classes.js';
import { pointNotice, pointSaid } from '../locales/point.js';
import { format, words } from '../locales/words.js';

// What fits on a page, on A4 and on Letter.
const PICTURES = 3;
const ROWS = 48;

// At most this many studies are printed with pictures: each may have to be read again.
const PICTURED = 30;

/** @typedef {import('../study/studies.js').Study} Study */

/** @typedef {((record: SliceRecord) => string) | null} NameOf How a slice is called; null to leave names out. */

/** @typedef {Pick<Study, 'records' | 'ranked'>} Group Slices that stand in one table. */

/**
 * The records whose pixels the pages of these studies show.
 *
 * @param {Study[]} studies
 */
export const pictured = (studies) => studies.slice(0, PICTURED).flatMap((study) => highest(study).map((slice) => study.records[slice - 1]));

/** @param {Study} study */
const highest = ({ ranked }) => ranked.slice(0, PICTURES);

/**
 * Fills `node` with the pages.
 *
 * @param {HTMLElement} node
 * @param {object} all
 * @param {Study[]} all.studies
 * @param {SliceRecord[]} all.loose Those that are in none of the studies.
 * @param {Model} all.model
 * @param {NameOf} all.nameOf
 * @param {(record: SliceRecord) => SlicePixels | null} all.pixelsOf Null where they are not at hand.
 * @param {(record: SliceRecord) => string[]} all.measuredOn What was measured on a slice, in words.
 */
export function fillSheet(node, { studies, loose, model, nameOf, pixelsOf, measuredOn }) {
  const pages = studies.map((study) => page(model, titleOf(study, nameOf === null),
    study.counts.slices > 1 ? element('p', sentencesOf(study).join(' ')) : null,
    study.counts.slices > 1 && study.counts.slices <= MAX_BARS ? element('figure', scoreChart(study, model), element('figcaption', words.batch.orders[study.order])) : null,
    pictures(study, { model, nameOf, pixelsOf, measuredOn }),
    ...slices(study, model, nameOf)));
  if (loose.length > 0) pages.push(page(model, words.results.title, ...slices({ records: loose, ranked: ranked(loose) }, model, nameOf)));
  node.replaceChildren(...pages);
}

/**
 * The numbers, from 1, of the records that were judged, the highest score first.
 *
 * @param {SliceRecord[]} records
 */
function ranked(records) {
  const judged = records.flatMap(({ reading: { score } }, at) => (score === null ? [] : [{ score, slice: at + 1 }]));
  return judged.sort((a, b) => b.score - a.score).map(({ slice }) => slice);
}

/**
 * @param {Model} model
 * @param {string} title
 * @param {import('../common/dom.js').Child[]} parts
 */
function page(model, title, ...parts) {
  const node = element('article.sheet',
    element('header', element('p.sheet-brand', 'LungGlass'), element('p', `${words.intro.use} ${words.intro.limits}`)),
    element('h2', title),
    ...parts,
    element('footer',
      model.local && byPoint(model.local),
      element('p', words.batch.unvalidated, ' ', words.batch.mapLimit),
      terms('dl', [
        ...settings(model),
        ['SHA-256', model.sha256],
        [words.batch.printed, format.date(new Date().toISOString().slice(0, 10))],
      ])));
  node.dataset.testid = 'sheet';
  return node;
}

/**
 * Where scores become verdicts: of several classes each by itself.
 *
 * @param {Model} model
 * @returns {[string, string][]}
 */
function settings(model) {
  if (model.classes.length < 2) return [[words.batch.settings, words.batch.settingsOf(model)]];
  return model.classes.map(({ id, threshold, uncertain }) => [className(model, id), words.batch.settingsOf({ ...model, threshold, uncertain })]);
}

/** @param {LocalPoint} local */
function byPoint(local) {
  const notice = pointNotice(local);
  return element('p', pointSaid(local), ' ', words.point.means(local), notice && ' ', notice && element('strong', notice));
}

/**
 * The highest slices with their maps; under each its score with the uncertain band, its opacity, how it was taken, and what was measured.
 *
 * @param {Study} study
 * @param {{ model: Model, nameOf: NameOf, pixelsOf: (record: SliceRecord) => SlicePixels | null, measuredOn: (record: SliceRecord) => string[] }} page
 */
function pictures(study, { model, nameOf, pixelsOf, measuredOn }) {
  const shown = highest(study).flatMap((slice) => {
    const record = study.records[slice - 1];
    const pixels = pixelsOf(record);
    return pixels ? [{ slice, record, pixels }] : [];
  });
  if (shown.length === 0) return null;
  return element('div.sheet-pictures', ...shown.map(({ slice, record, pixels: { picture, map, lung } }) => {
    const [below, above] = [document.createElement('canvas'), document.createElement('canvas')];
    paintPicture(below, picture);
    if (map) paintMap(above, map, lung, picture.width, picture.height);
    const frame = element('div.frame', below, above);
    frame.style.setProperty('--width', String(Math.min(1, picture.width / picture.height)));
    frame.style.setProperty('--ratio', String(picture.width / picture.height));
    return element('figure', element('div.stage', frame), element('figcaption',
      element('strong', `${words.batch.slice(slice)}: ${scoreOf(record.reading, model)}`),
      nameOf && element('bdi', nameOf(record)),
      score(/** @type {number} */ (record.reading.score), pointOf(model, record.reading)),
      record.reading.opacity && element('span', words.card.opacity(record.reading.opacity)),
      element('span', identityOf(record)),
      ...measuredOn(record).map((told) => element('span', told))));
  }));
}

/**
 * In the order of the slices if all fit, else the highest of them.
 *
 * @param {Group} study
 * @param {Model} model
 * @param {NameOf} nameOf
 */
function slices(study, model, nameOf) {
  const numbers = study.records.map((_, at) => at + 1);
  const rest = numbers.filter((slice) => !study.ranked.includes(slice));
  const shown = numbers.length <= ROWS ? numbers : [...study.ranked, ...rest].slice(0, ROWS);
  const { slice: number, file, score: result } = words.batch.columns;
  const columns = nameOf ? [number, file, result] : [number, result];
  const rows = shown.map((slice) => {
    const record = study.records[slice - 1];
    const { verdict, score } = record.reading;
    const told = score === null ? words.verdict[verdict] : scoreOf(record.reading, model);
    const row = element('tr', element('td', format.integer(slice)), nameOf && element('td', nameOf(record)), element('td', told));
    row.dataset.verdict = verdict;
    return row;
  });
  // Three tables side by side, each with its head: a table that a browser breaks into columns has only one.
  const each = Math.ceil(rows.length / 3);
  const tables = [0, 1, 2].map((part) => rows.slice(part * each, (part + 1) * each)).filter((part) => part.length > 0).map((part) => {
    const head = element('tr', ...columns.map((name) => element('th', name)));
    return element('table', element('thead', head), element('tbody', ...part));
  });
  return [
    element('div.sheet-slices', ...tables),
    shown.length < numbers.length ? element('p.help', words.batch.onlyHighest(shown.length, numbers.length)) : null,
  ];
}
