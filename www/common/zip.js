// ZIP archives without compression. Knows no file of the page.

/** @typedef {{ name: string, crc: number, data: Blob }} Entry `name` in ASCII, `crc` of crc32(). */

const VERSION = 20;
// 1 January 1980: archives of the same files are the same.
const DAY = 0x21;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/**
 * The checksum of an entry.
 *
 * @param {Uint8Array} bytes
 */
export function crc32(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = (value >>> 8) ^ TABLE[(value ^ byte) & 0xff];
  return (value ^ 0xffffffff) >>> 0;
}

/**
 * An archive of the entries, which together have less than 4 GB.
 *
 * @param {Entry[]} entries
 */
export function zip(entries) {
  /** @type {BlobPart[]} */
  const parts = [];
  /** @type {BlobPart[]} */
  const directory = [];
  let [offset, central] = [0, 0];
  for (const { name, crc, data } of entries) {
    const letters = new TextEncoder().encode(name);
    const common = numbers([2, VERSION], [2, 0], [2, 0], [2, 0], [2, DAY], [4, crc], [4, data.size], [4, data.size], [2, letters.length], [2, 0]);
    parts.push(numbers([4, 0x04034b50]), common, letters, data);
    directory.push(numbers([4, 0x02014b50], [2, VERSION]), common, numbers([2, 0], [2, 0], [2, 0], [4, 0], [4, offset]), letters);
    offset += 30 + letters.length + data.size;
    central += 46 + letters.length;
  }
  const { length } = entries;
  const end = numbers([4, 0x06054b50], [2, 0], [2, 0], [2, length], [2, length], [4, central], [4, offset], [2, 0]);
  return new Blob([...parts, ...directory, end], { type: 'application/zip' });
}

/**
 * Numbers in little endian, each with its bytes before it.
 *
 * @param {[2 | 4, number][]} all
 */
function numbers(...all) {
  const view = new DataView(new ArrayBuffer(all.reduce((sum, [bytes]) => sum + bytes, 0)));
  let at = 0;
  for (const [bytes, value] of all) {
    if (bytes === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += bytes;
  }
  return view;
}
