// Headers of volumes whose values lie in another file (.mhd, .nhdr): with that file they become one, as if they had been saved so. Knows no
// element of the page. What the headers hold is src/decode/volume/detached.rs's to say; the two are tested on the same files.

const HEADER = /\.(mhd|nhdr)$/i;
const VALUES = /\.(raw|zraw|img|bin|dat|data|gz)$/i;
const MAX_HEADER = 64 * 1024;

/**
 * Whether any may be such a header, so that {@link withValues} has work to do.
 *
 * @param {GivenFile[]} given
 */
export const hasHeaders = (given) => given.some(({ name }) => HEADER.test(name));

/**
 * The files, with the values of each header behind it; files of values are then left out. A header whose values are not among the files
 * stays as it is: the error it gets names what is missing.
 *
 * @param {GivenFile[]} given
 * @returns {Promise<GivenFile[]>}
 */
export async function withValues(given) {
  const files = new Map(given.map((one) => [key(one, one.name), one]));
  /** @type {Set<GivenFile>} */
  const used = new Set();
  const whole = await Promise.all(given.map(async (one) => {
    const { file, name } = one;
    if (!file || file.size > MAX_HEADER || !HEADER.test(name)) return one;
    const found = split(await file.text().catch(() => ''));
    const folder = name.slice(0, name.lastIndexOf('/') + 1);
    const values = found && !found.name.includes('/') ? files.get(key(one, folder + found.name)) : undefined;
    if (!found || !values?.file || values === one) return one;
    used.add(values);
    return { ...one, file: new File([found.header, values.file], file.name, { lastModified: file.lastModified }) };
  }));
  return whole.filter((one) => !used.has(one) || !VALUES.test(one.name));
}

/**
 * Files of one name may have been taken in with different folders.
 *
 * @param {GivenFile} one
 * @param {string} name
 */
const key = ({ folder }, name) => `${folder?.intake ?? ''}\n${name}`;

/**
 * The header as that of one file, and the name of the file that its values are in; null if they are in no other.
 *
 * @param {string} text
 */
function split(text) {
  const isNrrd = /^NRRD000\d/.test(text);
  // A header ends with its first empty line, or with the field that tells where the values are.
  const header = isNrrd ? text.split(/^\s*$/m, 1)[0] : text;
  const field = isNrrd ? /^data ?file:(?!=)[^\S\n]*(.*)\n?/im : /^[^\S\n]*ElementDataFile[^\S\n]*=[^\S\n]*(.*)/m;
  const found = field.exec(header);
  const name = found?.[1].trim() ?? '';
  if (!found || name === '' || (!isNrrd && name.toUpperCase() === 'LOCAL')) return null;
  const before = header.slice(0, found.index);
  if (!isNrrd) return { name, header: `${before}ElementDataFile = LOCAL\n` };
  const after = header.slice(found.index + found[0].length);
  return { name, header: `${before}${after}${after === '' || after.endsWith('\n') ? '' : '\n'}\n` };
}
