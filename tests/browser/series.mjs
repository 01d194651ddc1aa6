// DICOM slices that belong together, made of the case `lidc-explicit-le`: the same picture at another height or in another series.

import { readFile } from 'node:fs/promises';
import { cases } from './cases.mjs';

const SERIES = [0x20, 0, 0x0e, 0, 0x55, 0x49];       // (0020,000E) UI
const ACQUISITION = [0x20, 0, 0x12, 0, 0x49, 0x53];  // (0020,0012) IS
const POSITION = [0x20, 0, 0x32, 0, 0x44, 0x53];     // (0020,0032) DS

const NUMBER_OF_FRAMES = [0x28, 0, 0x08, 0, 0x49, 0x53];     // (0028,0008) IS
const ROWS = [0x28, 0, 0x10, 0, 0x55, 0x53];         // (0028,0010) US
const PIXELS = [0xe0, 0x7f, 0x10, 0, 0x4f, 0x57];    // (7FE0,0010) OW

/**
 * The bytes of a slice so many millimetres above the origin, in the series of this number; its first pixel has the stored value `mark`, so
 * that slices can be told apart by what they show; and it is of the acquisition of this number.
 */
export async function placed({ height, series = 1, mark = null, acquisition = null }) {
  const { input } = (await cases()).find(({ name }) => name === 'lidc-explicit-le');
  const bytes = await readFile(input);
  write(bytes, POSITION, `-1\\-2\\${height}`, ' ');
  write(bytes, SERIES, uid(series), '\0');
  if (mark !== null) bytes.writeInt16LE(mark, bytes.indexOf(Buffer.from(PIXELS)) + 12);
  if (acquisition === null) return bytes;
  const pixels = bytes.indexOf(Buffer.from(PIXELS));
  const number = Buffer.from([...ACQUISITION, 2, 0, ...Buffer.from(String(acquisition).padEnd(2))]);
  return Buffer.concat([bytes.subarray(0, pixels), number, bytes.subarray(pixels)]);
}

/**
 * The bytes of a slice whose lungs are denser by so many Hounsfield units in the lower `share` of its rows, as if they were hazy: another
 * score than that of the slice as it was.
 */
export function hazy(bytes, units, share = 0.5) {
  const pixels = bytes.indexOf(Buffer.from(PIXELS));
  const [start, length] = [pixels + 12, bytes.readUInt32LE(pixels + 8)];
  const made = Buffer.from(bytes);
  for (let at = start + 2 * Math.round(length / 2 * (1 - share)); at < start + length; at += 2) {
    const value = bytes.readInt16LE(at);
    // Lungs, as this file stores them: air around the body is padding or lies below.
    if (value > -950 && value < -650) made.writeInt16LE(value + units, at);
  }
  return made;
}

/** The bytes of a file of so many frames, each of them the same slice. */
export async function frames(count) {
  const bytes = await placed({ height: 0 });
  const [rows, pixels] = [ROWS, PIXELS].map((tag) => bytes.indexOf(Buffer.from(tag)));
  const number = Buffer.from([...NUMBER_OF_FRAMES, 2, 0, ...Buffer.from(String(count).padEnd(2))]);
  const head = Buffer.from(bytes.subarray(pixels, pixels + 12));
  const length = head.readUInt32LE(8);
  head.writeUInt32LE(length * count, 8);
  const frame = bytes.subarray(pixels + 12, pixels + 12 + length);
  return Buffer.concat([bytes.subarray(0, rows), number, bytes.subarray(rows, pixels), head, ...Array(count).fill(frame)]);
}

/** The bytes of a DICOM file that names no series. */
export async function seriesless(path) {
  const bytes = await readFile(path);
  write(bytes, SERIES, '', '\0');
  return bytes;
}

/**
 * The bytes with another value of an element that is there, of any length; of one that is not there, with it before the pixels. The tag is
 * written as in DICOM, such as '0028,0030'.
 */
export function rewritten(bytes, tag, vr, value) {
  const numbers = tag.split(',').map((part) => Number.parseInt(part, 16)).flatMap((part) => [part & 255, part >> 8]);
  const start = Buffer.from([...numbers, ...Buffer.from(vr)]);
  const text = Buffer.from(value.length % 2 === 0 ? value : `${value} `);
  const element = Buffer.concat([start, Buffer.from([text.length & 255, text.length >> 8]), text]);
  const at = bytes.indexOf(start);
  if (at >= 0) return Buffer.concat([bytes.subarray(0, at), element, bytes.subarray(at + 8 + bytes.readUInt16LE(at + 6))]);
  const pixels = bytes.indexOf(Buffer.from(PIXELS));
  return Buffer.concat([bytes.subarray(0, pixels), element, bytes.subarray(pixels)]);
}

/** The bytes without an element. */
export function without(bytes, tag, vr) {
  const numbers = tag.split(',').map((part) => Number.parseInt(part, 16)).flatMap((part) => [part & 255, part >> 8]);
  const at = bytes.indexOf(Buffer.from([...numbers, ...Buffer.from(vr)]));
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 8 + bytes.readUInt16LE(at + 6))]);
}

/** The UID of a series: no output may hold it. */
export const uid = (series) => `1.2.826.0.1.987654321.${series}`;

function write(bytes, tag, text, padding) {
  const at = bytes.indexOf(Buffer.from(tag));
  if (at < 0) throw new Error('the case has no such element');
  const length = bytes.readUInt16LE(at + 6);
  bytes.write(text.padEnd(length, padding), at + 8, length, 'latin1');
}
