// Volumes whose values lie in a file beside their header: both files together are one volume.

import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { files, readyVisit } from './suite.mjs';
import { withValues } from '../../www/files/beside.js';

const METAIMAGE = 'ObjectType = Image\r\nNDims = 3\nElementDataFile = my scan.raw\n';
const NRRD = 'NRRD0005\ntype: short\ndata file: scan.raw\nsizes: 1 2 3';

const given = (name, content, folder = null) => ({ file: new File([content], name.split('/').pop()), name, folder });
const texts = async (whole) => Promise.all(whole.map(async ({ name, file }) => [name, await file.text()]));

// As src/decode/volume/detached.rs's own tests have it.
test('a header and its values become one file', async () => {
  for (const header of [METAIMAGE, METAIMAGE.trimEnd(), `${METAIMAGE}\n\n`]) {
    const whole = await withValues([given('my scan.raw', '\n12'), given('a.mhd', header), given('b.png', 'picture')]);
    assert.deepEqual(await texts(whole), [['a.mhd', 'ObjectType = Image\r\nNDims = 3\nElementDataFile = LOCAL\n\n12'], ['b.png', 'picture']]);
  }
  for (const header of [NRRD, `${NRRD}\n`, `${NRRD}\n\n`]) {
    const whole = await withValues([given('a.NHDR', header), given('scan.raw', '\n12')]);
    const last = await withValues([given('a.nhdr', header.replace('data file: scan.raw\n', '').trimEnd() + '\ndata file: scan.raw'), given('scan.raw', '12')]);
    assert.deepEqual(await texts(last), [['a.nhdr', 'NRRD0005\ntype: short\nsizes: 1 2 3\n\n12']]);
    assert.deepEqual(await texts(whole), [['a.NHDR', 'NRRD0005\ntype: short\nsizes: 1 2 3\n\n\n12']]);
  }
});

test('values are taken from the header\'s own folder alone, and no picture is taken for them', async () => {
  const [one, other] = [{ name: 'one', intake: 1 }, { name: 'one', intake: 2 }];
  const header = NRRD.replace('scan.raw', 'a.raw');
  for (const files of [
    [given('one/x/scan.nhdr', header, one), given('one/a.raw', '12', one), given('one/x/a.raw', '12', other)],
    [given('scan.nhdr', header.replace('a.raw', '../a.raw')), given('a.raw', '12')],
    [given('scan.nhdr', header.replace('a.raw', 'scan.nhdr'))],
    [given('scan.nhdr', header.replace('data file: a.raw\n', '')), given('a.raw', '12')],
    [given('scan.mhd', 'no header'), { ...given('a.raw', ''), file: null }],
  ]) assert.deepEqual(await withValues(files), files);
  const kept = await withValues([given('scan.nhdr', header.replace('a.raw', 'a.png')), given('a.png', 'picture')]);
  assert.deepEqual(kept.map(({ name }) => name), ['scan.nhdr', 'a.png']);
});

test('the page reads a header with its values, and names what is missing', async () => {
  const header = 'ObjectType = Image\nNDims = 3\nDimSize = 64 64 2\nElementType = MET_SHORT\nElementDataFile = scan.raw\n';
  const values = Int16Array.from({ length: 2 * 64 * 64 }, (_, at) => (at % 1500) - 1024);
  const folder = join(files.folder, 'pair');
  await mkdir(folder);
  await writeFile(join(folder, 'scan.mhd'), header);
  await writeFile(join(folder, 'scan.raw'), values);
  const paths = ['scan.mhd', 'scan.raw'].map((name) => join(folder, name));
  const visit = await readyVisit();
  await visit.choose(paths);
  const read = await visit.results(2);
  assert.deepEqual(read.map(({ file, verdict }) => [file, verdict === 'error']), [['scan.mhd', false], ['scan.mhd', false]]);
  await visit.close();
  const alone = await readyVisit();
  await alone.choose(paths.slice(0, 1));
  const [result] = await alone.results(1);
  assert.equal(result.verdict, 'error');
  assert.match(JSON.stringify(result), /scan\.raw.*not beside it/);
  assert.deepEqual(alone.complaints(), []);
  await alone.close();
});
