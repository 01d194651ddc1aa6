import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inflateSync } from 'node:zlib';
import { dicom, jpegLossless, png } from './encode.mjs';

const slice = { rows: 5, columns: 7, stored: Uint16Array.from({ length: 35 }, (_, at) => (at * at * 37) % 4096) };

test('lossless JPEG gives back every value', () => {
  assert.deepEqual([...decoded(jpegLossless(slice))], [...slice.stored]);
});

test('a picture is the slice in the lung window', () => {
  const bytes = png(slice);
  const at = bytes.indexOf('IDAT');
  const lines = inflateSync(bytes.subarray(at + 4, at + 4 + bytes.readUInt32BE(at - 4)));
  let above = Array(7).fill(0);
  for (let row = 0; row < 5; row++) {
    above = above.map((value, x) => (value + lines[row * 8 + 1 + x]) & 255);
    const expected = Array.from({ length: 7 }, (_, x) => Math.round(Math.min(255, Math.max(0, ((slice.stored[row * 7 + x] - 1024 + 1350) * 255) / 1500))));
    assert.deepEqual(above, expected);
  }
});

test('each file of a series has its own instance and place', () => {
  const [one, two] = [1, 2].map((number) => dicom(slice, { number, syntax: 'native' }).toString('latin1'));
  assert.ok(one.includes('0\\0\\1') && two.includes('0\\0\\2'));
  assert.ok(one.includes('.1.1\0') && two.includes('.1.2\0'));
});

/** The values of a lossless JPEG as ITU-T T.81 has it, predictor 1. */
function decoded(bytes) {
  let at = 2;
  let head, table;
  for (;;) {
    const [marker, length] = [bytes[at + 1], bytes.readUInt16BE(at + 2)];
    const body = bytes.subarray(at + 4, at + 2 + length);
    at += 2 + length;
    if (marker === 0xc3) head = { bits: body[0], rows: body.readUInt16BE(1), columns: body.readUInt16BE(3) };
    if (marker === 0xc4) {
      table = new Map();
      let [code, symbol] = [0, 17];
      for (let size = 1; size <= 16; size++, code <<= 1) for (let count = 0; count < body[size]; count++) table.set(`${size} ${code++}`, body[symbol++]);
    }
    if (marker === 0xda) break;
  }
  const stream = [];
  for (; bytes[at] !== 0xff || bytes[at + 1] === 0; at += bytes[at] === 0xff ? 2 : 1) for (let bit = 7; bit >= 0; bit--) stream.push((bytes[at] >> bit) & 1);
  let next = 0;
  const take = (count) => { let value = 0; for (let i = 0; i < count; i++) value = 2 * value + stream[next++]; return value; };
  const category = () => {
    for (let size = 1, code = 0; size <= 16; size++) {
      code = 2 * code + take(1);
      if (table.has(`${size} ${code}`)) return table.get(`${size} ${code}`);
    }
    throw new Error('no such code');
  };
  const values = [];
  for (let i = 0; i < head.rows * head.columns; i++) {
    const predicted = i === 0 ? 1 << (head.bits - 1) : i % head.columns === 0 ? values[i - head.columns] : values[i - 1];
    const size = category();
    const bits = take(size);
    values.push(predicted + (size > 0 && bits < 1 << (size - 1) ? bits - (1 << size) + 1 : bits));
  }
  return values;
}
