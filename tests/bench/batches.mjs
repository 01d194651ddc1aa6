// The files of the benchmark's batches, made of one slice that may be passed on (LIDC-IDRI, see tests/cases), or, for pictures, of the
// data set that LUNGGLASS_DATA names.

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import { dicom, jpeg2000, jpegLossless, png } from './encode.mjs';

/** As many different slices there are; a longer batch takes them again. Each file is of its own instance and place. */
const DIFFERENT = 8;
const SIDE = 512;

/**
 * The batches, written below `folder`: [{ kind, slices, paths, isFolder }]. `paths` are what the command and the page are given: files, one
 * folder or one archive. `count` is how many slices the longest has.
 */
export async function batches(folder, { source, data, count }) {
  const originals = slices(await readFile(source));
  /** Files of a kind in a folder of their own; `bytes(at)` gives each. */
  const write = async (kind, extension, number, bytes) => {
    await mkdir(join(folder, kind));
    const paths = [];
    for (let at = 0; at < number; at++) {
      paths.push(join(folder, kind, `${String(at).padStart(4, '0')}.${extension}`));
      await writeFile(paths.at(-1), await bytes(at));
    }
    return paths;
  };
  const compressed = async (syntax, encode) => {
    const codestreams = [];
    for (const slice of originals) codestreams.push(await encode(slice));
    return (at) => dicom(originals[at % DIFFERENT], { number: at, syntax, codestream: codestreams[at % DIFFERENT] });
  };
  const native = (at) => dicom(originals[at % DIFFERENT], { number: at, syntax: 'native' });
  const pictures = originals.map(png);
  const [some, few] = [Math.ceil(count / 2), Math.ceil(count / 4)];

  const found = data ? (await covid(data)).slice(0, count) : [];
  const made = found.length === count ? found : await write('png', 'png', count, (at) => pictures[at % DIFFERENT]);
  const lossless = await write('jpeg-lossless', 'dcm', some, await compressed('jpegLossless', jpegLossless));
  const wavelet = await write('jpeg-2000', 'dcm', few, await compressed('jpeg2000', jpeg2000));
  await write('series', 'dcm', count, native);
  const archive = join(folder, 'series.zip');
  await writeFile(archive, zip(count, native));
  return [
    { kind: found.length === count ? 'PNG of COVID-CT' : 'PNG', slices: count, paths: made, isFolder: false },
    { kind: 'DICOM, lossless JPEG', slices: some, paths: lossless, isFolder: false },
    { kind: 'DICOM, JPEG 2000', slices: few, paths: wavelet, isFolder: false },
    { kind: 'DICOM, uncompressed, a folder', slices: count, paths: [join(folder, 'series')], isFolder: true },
    { kind: 'the same as one ZIP', slices: count, paths: [archive], isFolder: false },
  ];
}

/** The slice of a DICOM file whose pixels, 16-bit Hounsfield units, are its end, moved down by one row after the other. */
function slices(bytes) {
  const area = SIDE * SIDE;
  const values = new Int16Array(new Uint8Array(bytes.subarray(bytes.length - 2 * area)).buffer);
  return Array.from({ length: DIFFERENT }, (_, rows) => {
    const stored = new Uint16Array(area);
    for (let at = 0; at < area; at++) stored[(at + rows * SIDE) % area] = Math.min(4095, Math.max(0, values[at] + 1024));
    return { rows: SIDE, columns: SIDE, stored };
  });
}

/** The PNG files of the data set COVID-CT. */
async function covid(data) {
  const paths = [];
  for (const part of ['CT_COVID', 'CT_NonCOVID']) {
    const folder = join(data, 'covid-ct', part);
    for (const name of (await readdir(folder).catch(() => [])).sort()) if (name.endsWith('.png')) paths.push(join(folder, name));
  }
  return paths;
}

/** A deflated archive of so many files. */
function zip(count, bytes) {
  const [parts, directory] = [[], []];
  let offset = 0;
  for (let at = 0; at < count; at++) {
    const name = Buffer.from(`${String(at).padStart(4, '0')}.dcm`);
    const data = bytes(at);
    const packed = deflateRawSync(data);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(name.length, 22);
    parts.push(Buffer.from('PK\x03\x04', 'latin1'), common, name, packed);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, tail, name);
    offset += 30 + name.length + packed.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(count, 4);
  end.writeUInt16LE(count, 6);
  end.writeUInt32LE(central.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...parts, central, Buffer.from('PK\x05\x06', 'latin1'), end]);
}
