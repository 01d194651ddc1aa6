// "Save as DICOM": objects that name the patient of their series, which the page itself never sees; and where there is no such button.

import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { isJudged } from './cases.mjs';
import { placed } from './series.mjs';
import { site } from './site.mjs';
import { all, browser, files, readyVisit } from './suite.mjs';
import { hounsfield } from './viewing.mjs';
import { PAGE, id } from './visit.mjs';

const NAME = 'Secret^Patient';
const FRAME_OF_REFERENCE = '1.2.826.0.1.987654321.99';

/** A picture that is judged, and is no DICOM. */
const picture = () => all.find((one) => isJudged(one) && one.input.endsWith('.png')).input;

/** Puts an element into a file, before the first that begins with these bytes. */
function inserted(bytes, before, tag, vr, text) {
  const at = bytes.indexOf(Buffer.from(before));
  const value = Buffer.from(text.length % 2 ? `${text}${vr === 'UI' ? '\0' : ' '}` : text);
  const head = Buffer.from([...tag, ...Buffer.from(vr), value.length & 255, value.length >> 8]);
  return Buffer.concat([bytes.subarray(0, at), head, value, bytes.subarray(at)]);
}

/** A folder with a series that names a patient, and a picture. */
async function folderOfSeries(name) {
  const folder = join(files.folder, name);
  await mkdir(folder);
  for (const [at, height] of [10, 20, 30].entries()) {
    let bytes = await placed({ height, mark: at });
    // Before SliceThickness, and before SamplesPerPixel.
    bytes = inserted(bytes, [0x18, 0, 0x50, 0, 0x44, 0x53], [0x10, 0, 0x10, 0], 'PN', NAME);
    bytes = inserted(bytes, [0x28, 0, 0x02, 0, 0x55, 0x53], [0x20, 0, 0x52, 0], 'UI', FRAME_OF_REFERENCE);
    // The same slice thrice would count once: an own SOPInstanceUID each.
    const uid = bytes.indexOf(Buffer.from([0x08, 0, 0x18, 0, 0x55, 0x49])) + 8;
    bytes.write(String(at), uid + 60, 'latin1');
    await writeFile(join(folder, `${at}.dcm`), bytes);
  }
  return folder;
}

/** The bytes of a file that the page saves into a folder, once it is whole. */
async function savedBytes(folder, name) {
  let before = -1;
  for (let tries = 0; tries < 1200; tries++) {
    const found = (await readdir(folder)).includes(name) ? await readFile(join(folder, name)) : Buffer.alloc(0);
    if (found.length > 0 && found.length === before) return found;
    before = found.length;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no ${name} was saved`);
}

/** The entries of an archive without compression, by the list at its end. */
function entriesOf(archive) {
  const end = archive.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  const [count, start] = [archive.readUInt16LE(end + 10), archive.readUInt32LE(end + 16)];
  const entries = new Map();
  for (let at = start, number = 0; number < count; number++) {
    const [crc, size, letters, offset] = [archive.readUInt32LE(at + 16), archive.readUInt32LE(at + 24), archive.readUInt16LE(at + 28), archive.readUInt32LE(at + 42)];
    const name = archive.toString('latin1', at + 46, at + 46 + letters);
    const data = archive.subarray(offset + 30 + letters, offset + 30 + letters + size);
    assert.equal(crc32(data), crc, name);
    entries.set(name, data);
    at += 46 + letters;
  }
  return entries;
}

/** The elements of a data set with known lengths, by tag: texts, and items of sequences. */
function elementsOf(bytes) {
  const found = {};
  for (let at = 0; at < bytes.length;) {
    const [tag, vr] = [bytes.subarray(at, at + 4).toString('hex'), bytes.toString('latin1', at + 4, at + 6)];
    const isLong = ['OB', 'SQ', 'UT'].includes(vr);
    const [start, length] = isLong ? [at + 12, bytes.readUInt32LE(at + 8)] : [at + 8, bytes.readUInt16LE(at + 6)];
    const value = bytes.subarray(start, start + length);
    if (vr === 'SQ') {
      found[tag] = [];
      for (let item = 0; item < value.length; item += 8 + value.readUInt32LE(item + 4)) found[tag].push(elementsOf(value.subarray(item + 8, item + 8 + value.readUInt32LE(item + 4))));
    } else {
      found[tag] = value.toString('latin1').replace(/[ \0]+$/, '');
    }
    at = start + length;
  }
  return found;
}

/** All numbers of a report that have this code. */
function numbersOf({ '400030a7': content = [] }, code) {
  return content.flatMap((item) => {
    const own = item['400043a0'][0]['08000001'] === code ? [Number(item['400000a3'][0]['40000aa3'])] : [];
    return [...own, ...numbersOf(item, code)];
  });
}

test('a series is saved as DICOM objects that name its patient, and the page never sees the name', async () => {
  const visit = await readyVisit();
  const { page } = visit;
  assert.equal(await page.$eval(id('export-dicom'), (button) => button.checkVisibility()), false, 'there is nothing to save');
  await visit.choose([picture()]);
  await visit.results(1);
  await (await page.$(id('folder-input'))).uploadFile(await folderOfSeries('named'));
  const readings = (await visit.results(4)).filter(({ file }) => file.endsWith('.dcm'));
  await page.waitForSelector(id('export-dicom'), { visible: true });
  const downloads = join(files.folder, 'objects');
  await mkdir(downloads);
  const session = await page.createCDPSession();
  await session.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: downloads });
  await page.click(id('export-dicom'));
  const entries = entriesOf(await savedBytes(downloads, 'lungglass-dicom.zip'));
  assert.deepEqual([...entries.keys()], ['series-1-sr.dcm', 'series-1-seg.dcm', 'series-1-sc-1.dcm', 'series-1-sc-2.dcm', 'series-1-sc-3.dcm']);
  for (const [name, bytes] of entries) {
    assert.equal(bytes.toString('latin1', 128, 132), 'DICM');
    assert.equal(elementsOf(bytes.subarray(132))['10001000'], NAME, name);
  }
  const report = elementsOf(entries.get('series-1-sr.dcm').subarray(132));
  const scores = readings.map(({ score }) => Number(score)).sort();
  const found = numbersOf(report, 'score').sort();
  // One of each slice, and that of the study.
  assert.equal(found.length, 4);
  for (const score of scores) assert.ok(found.some((other) => Math.abs(other - score) < 1e-4), `${found} instead of ${scores}`);
  assert.deepEqual(numbersOf(report, 'judged'), [3]);
  await page.waitForFunction((told) => document.querySelector(told).textContent.includes('5 DICOM objects'), {}, id('dicom-told'));
  const kept = await page.evaluate(() => document.documentElement.outerHTML + JSON.stringify({ ...localStorage }) + JSON.stringify({ ...sessionStorage }));
  assert.ok(!kept.includes('Secret^') && !kept.includes(FRAME_OF_REFERENCE));
  // What LungGlass wrote is set aside where it meets it.
  const folder = join(files.folder, 'read-again');
  await mkdir(folder);
  for (const [name, bytes] of entries) await writeFile(join(folder, name), bytes);
  await page.click(id('clear'));
  await (await page.$(id('folder-input'))).uploadFile(folder);
  await visit.choose([picture()]);
  assert.equal((await visit.results(1)).length, 1);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

/** The bytes of a NIfTI-1 volume of one slice again and again, in Hounsfield units; axes run to the left, back and head, as in DICOM. */
async function nifti(count) {
  const { width, height, values } = await hounsfield(all.find(({ name }) => name === 'lidc-explicit-le').input);
  const head = Buffer.alloc(352);
  head.writeInt32LE(348, 0);
  for (const [at, size] of [3, width, height, count, 1, 1, 1, 1].entries()) head.writeInt16LE(size, 40 + 2 * at);
  head.writeInt16LE(4, 70);      // int16
  head.writeInt16LE(16, 72);
  for (const [at, size] of [1, 0.625, 0.625, 10].entries()) head.writeFloatLE(size, 76 + 4 * at);
  head.writeFloatLE(352, 108);
  head.writeFloatLE(1, 112);
  head.writeInt16LE(1, 254);     // the sform
  for (const [at, value] of [-0.625, 0, 0, 0, 0, -0.625, 0, 0, 0, 0, 10, 0].entries()) head.writeFloatLE(value, 280 + 4 * at);
  head.write('n+1\0', 344, 'latin1');
  const slice = Buffer.from(Int16Array.from(values).buffer);
  return Buffer.concat([head, ...Array(count).fill(slice)]);
}

test('of a NIfTI volume there are no DICOM objects, and the page says so', async () => {
  const visit = await readyVisit();
  const { page } = visit;
  const path = join(files.folder, 'volume.nii');
  await writeFile(path, await nifti(3));
  await visit.choose([path]);
  const readings = await visit.results(3);
  assert.ok(readings.every(({ score }) => score !== ''), 'it is read as any series');
  await page.waitForSelector(id('dicom-none'), { visible: true });
  assert.match(await page.$eval(id('dicom-none'), (node) => node.textContent), /NIfTI.* names no patient and no study/);
  assert.equal(await page.$eval(id('export-dicom'), (button) => button.checkVisibility()), false);
  // A series beside it has objects, and it has none.
  await (await page.$(id('folder-input'))).uploadFile(await folderOfSeries('beside-a-volume'));
  await visit.results(6);
  await page.waitForSelector(id('export-dicom'), { visible: true });
  const downloads = join(files.folder, 'objects-beside');
  await mkdir(downloads);
  const session = await page.createCDPSession();
  await session.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: downloads });
  await page.click(id('export-dicom'));
  const entries = entriesOf(await savedBytes(downloads, 'lungglass-dicom.zip'));
  assert.equal(entries.size, 5, [...entries.keys()].join());
  for (const bytes of entries.values()) assert.equal(elementsOf(bytes.subarray(132))['10001000'], NAME);
  await page.click(id('clear'));
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('pictures, kiosks and pages whose publisher forbids it have no DICOM objects', async () => {
  const visit = await readyVisit();
  await visit.choose([picture()]);
  await visit.results(1);
  const isShown = (shown) => shown.page.$eval(id('export-dicom'), (button) => button.checkVisibility());
  assert.equal(await isShown(visit), false);
  await visit.close();
  const folder = await folderOfSeries('not-offered');
  const own = await site({ plain: true });
  own.relist((list) => { list.savesObjects = false; });
  for (const address of [`${PAGE}?kiosk=0`, own.address]) {
    const other = await browser.visit({ address });
    await other.ready();
    await other.accept();
    await (await other.page.$(id('folder-input'))).uploadFile(folder);
    await other.results(3);
    await other.page.waitForSelector(id('study'));
    assert.equal(await isShown(other), false, address);
    assert.deepEqual(other.complaints(), []);
    await other.close();
  }
  await own.stop();
});
