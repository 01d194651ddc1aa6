// ZIP archives for the tests.

import { readFile, writeFile } from 'node:fs/promises';
import { crc32 } from 'node:zlib';

/** Writes an archive without compression; `entries` are the files by their names in it. Returns its path. */
export async function zipOf(place, entries) {
  const [parts, directory] = [[], []];
  let offset = 0;
  for (const [name, file] of Object.entries(entries)) {
    const data = await readFile(file);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(name.length, 22);
    parts.push(Buffer.from('PK\x03\x04', 'latin1'), common, Buffer.from(name), data);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, tail, Buffer.from(name));
    offset += 30 + name.length + data.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(Object.keys(entries).length, 4);
  end.writeUInt16LE(Object.keys(entries).length, 6);
  end.writeUInt32LE(central.length, 8);
  end.writeUInt32LE(offset, 12);
  await writeFile(place, Buffer.concat([...parts, central, Buffer.from('PK\x05\x06', 'latin1'), end]));
  return place;
}
