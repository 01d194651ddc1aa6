// Which slices a viewer goes through. The one place that decides it; knows no element.

import { titleOf } from '../study/studies.js';

// Slices that are decoded ahead, in the direction of travel, and behind.
const AHEAD = 3;
const BEHIND = 1;

/**
 * @typedef {object} Stack
 * @property {SliceRecord[]} records
 * @property {string | null} title Of a series; the others say theirs in each file's name.
 * @property {boolean} isSelection Whether they are files that somebody chose, of which there may be more, and not all slices of a file.
 */

/**
 * The stack that holds `record`: its study (a series, folder, archive or file of several frames) in the order of its slices; or, where
 * nothing holds it together with others, all such records in input order.
 *
 * @param {SliceRecord[]} records
 * @param {(record: SliceRecord) => import('../study/studies.js').Member | null} studyOf Null where it is not known yet.
 * @param {SliceRecord} record
 * @returns {Stack}
 */
export function stackOf(records, studyOf, record) {
  /** @param {SliceRecord} other */
  const several = (other) => {
    const { study, slice = 0 } = studyOf(other) ?? {};
    // One that is a slice again is none of its stack.
    return study && study.records[slice - 1] === other && study.kind !== 'pictures' && study.records.length > 1 ? study : null;
  };
  const study = several(record);
  const found = study ? study.records : records.filter((other) => other === record || !several(other));
  const isSelection = found.length > 1 && found.some(({ handle }) => handle.file !== found[0].handle.file);
  return { records: found, title: study?.kind === 'series' ? titleOf(study) : null, isSelection };
}

/**
 * The next slice in a direction whose score is not below the threshold, null if there is none.
 *
 * @param {SliceRecord[]} records
 * @param {number} from
 * @param {number} towards 1 or -1.
 * @param {number} threshold
 */
export function nextAbove(records, from, towards, threshold) {
  for (let at = from + towards; at >= 0 && at < records.length; at += towards) {
    if ((records[at].reading.score ?? -1) >= threshold) return at;
  }
  return null;
}

/**
 * The slice with the highest score; the first where none has one.
 *
 * @param {SliceRecord[]} records
 */
export function highestOf(records) {
  const scores = records.map(({ reading }) => reading.score ?? -1);
  return scores.indexOf(scores.reduce((high, score) => Math.max(high, score)));
}

/**
 * A slice and its neighbours, the likely next ones first.
 *
 * @param {SliceRecord[]} records
 * @param {number} at
 * @param {number} direction In which somebody goes: 1 or -1.
 */
export function likely(records, at, direction) {
  const wanted = [at];
  for (let i = 1; i <= AHEAD; i++) {
    wanted.push(at + i * direction);
    if (i <= BEHIND) wanted.push(at - i * direction);
  }
  return wanted.map((one) => records[one]).filter((record) => record !== undefined);
}
