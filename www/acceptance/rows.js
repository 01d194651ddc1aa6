// What an acceptance test is told of a slice: its label, its reading, and which slices are of one patient. Knows no element.

/**
 * A labelled slice, as `Row` of acceptance/src/row.rs.
 *
 * @typedef {object} Row
 * @property {boolean} positive
 * @property {string} group
 * @property {string} name
 * @property {Verdict} verdict
 * @property {number | null} score
 * @property {number | null} logit
 * @property {string | null} code
 * @property {Likeness | null} likeness
 */

/**
 * By what slices are known to be of one patient.
 *
 * @typedef {'patient' | 'folder' | 'alone'} Kind
 */

/**
 * @param {FullReading} reading
 * @param {Handle} handle
 * @param {boolean} positive
 * @returns {{ row: Row, kind: Kind }}
 */
export function rowOf(reading, handle, positive) {
  const { verdict, score, logit, refusal, error, likeness, place } = reading;
  const folder = folderOf(handle, reading);
  // A number of a patient is one in both classes; folders of two classes may have one name.
  const group = place.patient ? `patient ${place.patient}` : folder && `${positive ? 1 : 0}/${folder}`;
  /** @type {Kind} */
  const kind = place.patient ? 'patient' : folder ? 'folder' : 'alone';
  const name = reading.frame === null ? reading.file : `${reading.file} [${reading.frame}]`;
  const code = (refusal ?? error)?.code ?? null;
  return { row: { positive, group, name: `${positive ? 1 : 0}/${name}`, verdict, score, logit, code, likeness }, kind };
}

/**
 * What a slice shares with others of its patient, for want of a number in its header: the archive or the file of several frames that it is in,
 * else the folders between the one that was chosen and its file; '' if there are none.
 *
 * @param {Handle} handle
 * @param {FullReading} reading
 */
function folderOf(handle, { file, frame }) {
  if (frame !== null || file !== handle.name) return handle.name;
  return handle.name.split('/').slice(1, -1).join('/');
}
