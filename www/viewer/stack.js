// Which slices a viewer goes through. The one place that decides it; knows no element.

import { titleOf } from '../study/studies.js';

/**
 * { records, title } of the stack that holds `record`: its study (a series, folder, archive or file of several frames) in the order of its
 * slices, with a series' title (the others say theirs in each file's name); or, where nothing holds it together with others, all such
 * records in input order.
 *
 * @param {SliceRecord[]} records
 * @param {(record: SliceRecord) => import('../study/studies.js').Member | null} studyOf Null where it is not known yet.
 * @param {SliceRecord} record
 * @returns {{ records: SliceRecord[], title: string | null }}
 */
export function stackOf(records, studyOf, record) {
  /** @param {SliceRecord} other */
  const several = (other) => {
    const { study, slice = 0 } = studyOf(other) ?? {};
    // One that is a slice again is none of its stack.
    return study && study.records[slice - 1] === other && study.kind !== 'pictures' && study.records.length > 1 ? study : null;
  };
  const study = several(record);
  if (study) return { records: study.records, title: study.kind === 'series' ? titleOf(study) : null };
  return { records: records.filter((other) => other === record || !several(other)), title: null };
}
