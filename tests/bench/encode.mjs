// Encoders for the benchmark's own files: a slice as PNG, and as DICOM uncompressed, in lossless JPEG and in JPEG 2000. A slice is
// { rows, columns, stored }, the 12-bit values of a CT whose intercept is -1024. What they write the tests read back (encode.test.mjs).

import { crc32, deflateSync } from 'node:zlib';

const INTERCEPT = -1024;
const BITS = 12;
/** The lung window, as the network's slices have it. */
const WINDOW = { lowest: -1350, width: 1500 };

/** An 8-bit gray PNG of the slice in the lung window. */
export function png({ rows, columns, stored }) {
  const lines = Buffer.alloc(rows * (columns + 1));
  const gray = Uint8ClampedArray.from(stored, (value) => ((value + INTERCEPT - WINDOW.lowest) * 255) / WINDOW.width);
  for (let row = 0; row < rows; row++) {
    const at = row * (columns + 1);
    // Filter 2: each byte less the one above it.
    lines[at] = 2;
    for (let x = 0; x < columns; x++) lines[at + 1 + x] = gray[row * columns + x] - (row > 0 ? gray[(row - 1) * columns + x] : 0);
  }
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length, 0);
    body.copy(out, 4);
    out.writeUInt32BE(crc32(body), body.length + 4);
    return out;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(columns, 0);
  head.writeUInt32BE(rows, 4);
  head[8] = 8;
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', head), chunk('IDAT', deflateSync(lines)), chunk('IEND', Buffer.alloc(0))]);
}

/** Symbols of the Huffman table, the commonest categories of a CT's differences first: three of 2 bits, then one of each length from 3 on. */
const CATEGORIES = [4, 5, 3, 6, 2, 0, 1, 7, 8, 9, 10, 11, 12];
const CODES = new Map();
{
  let [code, before] = [-1, 2];
  for (const [at, category] of CATEGORIES.entries()) {
    const length = Math.max(2, at);
    code = (code + 1) << (length - before);
    before = length;
    CODES.set(category, { code, length });
  }
}

/** Lossless JPEG, process 14, each value predicted by the one on its left. */
export function jpegLossless({ rows, columns, stored }) {
  const lengths = Buffer.alloc(16);
  for (const { length } of CODES.values()) lengths[length - 1]++;
  const segment = (marker, ...bytes) => {
    const body = Buffer.concat(bytes.map((part) => Buffer.from(part)));
    return Buffer.concat([Buffer.from([0xff, marker, (body.length + 2) >> 8, (body.length + 2) & 0xff]), body]);
  };
  const scan = [];
  let held = 0;
  let bits = 0;
  const put = (value, length) => {
    for (let at = length - 1; at >= 0; at--) {
      held = (held << 1) | ((value >> at) & 1);
      if (++bits < 8) continue;
      scan.push(held);
      if (held === 0xff) scan.push(0);
      held = bits = 0;
    }
  };
  for (let at = 0; at < rows * columns; at++) {
    const first = at % columns === 0;
    const predicted = at === 0 ? 1 << (BITS - 1) : first ? stored[at - columns] : stored[at - 1];
    const difference = stored[at] - predicted;
    const category = difference === 0 ? 0 : 32 - Math.clz32(Math.abs(difference));
    const { code, length } = CODES.get(category);
    put(code, length);
    put(difference > 0 ? difference : difference + (1 << category) - 1, category);
  }
  while (bits > 0) put(1, 1);
  return Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    segment(0xc3, [BITS, rows >> 8, rows & 0xff, columns >> 8, columns & 0xff, 1, 1, 0x11, 0]),
    segment(0xc4, [0], lengths, CATEGORIES),
    segment(0xda, [1, 1, 0, 1, 0, 0]),
    Buffer.from(scan),
    Buffer.from([0xff, 0xd9]),
  ]);
}

let codec;

/** JPEG 2000, reversible, by OpenJPEG. */
export async function jpeg2000({ rows, columns, stored }) {
  codec ??= await (await import('@cornerstonejs/codec-openjpeg')).default();
  const encoder = new codec.J2KEncoder();
  try {
    const place = encoder.getDecodedBuffer({ width: columns, height: rows, bitsPerSample: BITS, componentCount: 1, isSigned: false, isUsingColorTransform: false });
    place.set(bytesOf(stored));
    encoder.setQuality(true, 0);
    encoder.encode();
    return Buffer.from(encoder.getEncodedBuffer());
  } finally {
    encoder.delete();
  }
}

const SYNTAXES = { native: '1.2.840.10008.1.2.1', jpegLossless: '1.2.840.10008.1.2.4.70', jpeg2000: '1.2.840.10008.1.2.4.90' };
const ROOT = '1.2.826.0.1.987654321';

/**
 * A DICOM file of the slice, the `number`-th from below of its series; `codestream` is its pixels in that syntax, null for 'native'.
 */
export function dicom({ rows, columns, stored }, { number, syntax, codestream = null }) {
  const short = (value) => Buffer.from([value & 0xff, value >> 8]);
  const text = (value, padding = ' ') => Buffer.from(value.length % 2 ? value + padding : value, 'latin1');
  const uid = (value) => text(value, '\0');
  const element = (group, tag, vr, value) => {
    const head = Buffer.alloc(8);
    head.writeUInt16LE(group, 0);
    head.writeUInt16LE(tag, 2);
    head.write(vr, 4, 'latin1');
    head.writeUInt16LE(value.length, 6);
    return Buffer.concat([head, value]);
  };
  const instance = uid(`${ROOT}.1.${number}`);
  const meta = Buffer.concat([
    element(0x2, 0x2, 'UI', uid('1.2.840.10008.5.1.4.1.1.2')), element(0x2, 0x3, 'UI', instance), element(0x2, 0x10, 'UI', uid(SYNTAXES[syntax])),
  ]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(meta.length);
  const pixels = codestream ?? bytesOf(stored);
  const item = (data) => {
    const padded = data.length % 2 ? Buffer.concat([data, Buffer.alloc(1)]) : data;
    const head = Buffer.from([0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0]);
    head.writeUInt32LE(padded.length, 4);
    return Buffer.concat([head, padded]);
  };
  const head = Buffer.from([0xe0, 0x7f, 0x10, 0, ...Buffer.from(codestream ? 'OB' : 'OW'), 0, 0, 0xff, 0xff, 0xff, 0xff]);
  if (!codestream) head.writeUInt32LE(pixels.length, 8);
  return Buffer.concat([
    Buffer.alloc(128), Buffer.from('DICM'), element(0x2, 0x0, 'UL', length), meta,
    element(0x8, 0x8, 'CS', text('ORIGINAL\\PRIMARY\\AXIAL')),
    element(0x8, 0x16, 'UI', uid('1.2.840.10008.5.1.4.1.1.2')), element(0x8, 0x18, 'UI', instance), element(0x8, 0x60, 'CS', text('CT')),
    element(0x20, 0xd, 'UI', uid(`${ROOT}.2`)), element(0x20, 0xe, 'UI', uid(`${ROOT}.3`)), element(0x20, 0x13, 'IS', text(String(number))),
    element(0x20, 0x32, 'DS', text(`0\\0\\${number}`)), element(0x20, 0x37, 'DS', text('1\\0\\0\\0\\1\\0')),
    element(0x28, 0x2, 'US', short(1)), element(0x28, 0x4, 'CS', text('MONOCHROME2')), element(0x28, 0x10, 'US', short(rows)),
    element(0x28, 0x11, 'US', short(columns)), element(0x28, 0x30, 'DS', text('0.625\\0.625')), element(0x28, 0x100, 'US', short(16)),
    element(0x28, 0x101, 'US', short(BITS)), element(0x28, 0x102, 'US', short(BITS - 1)), element(0x28, 0x103, 'US', short(0)),
    element(0x28, 0x1052, 'DS', text(String(INTERCEPT))), element(0x28, 0x1053, 'DS', text('1')),
    head,
    ...(codestream ? [item(Buffer.alloc(0)), item(codestream), Buffer.from([0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0])] : [pixels]),
  ]);
}

const bytesOf = (stored) => Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
