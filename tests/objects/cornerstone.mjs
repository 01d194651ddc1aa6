// The segmentations of LungGlass as Cornerstone3D's adapters load them, without a browser: what OHIF and other viewers on the web show. Fails
// where a labelmap lies on another slice than its frame says, or holds other pixels.
//
//     node cornerstone.mjs SERIES SEGMENTATION.dcm
//
// SERIES is the folder of the slices. `npm ci --ignore-scripts` in this folder gets the adapters.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { metaData } from '@cornerstonejs/core';
import { createLabelmapsFromDICOMBuffer } from '@cornerstonejs/adapters/cornerstone3D/Segmentation/labelmapImagesFromBuffer';
import dcmjs from 'dcmjs';

const { DicomMessage, DicomMetaDictionary } = dcmjs.data;
const [series, segmentation] = process.argv.slice(2);

/** The bytes of a file, as the buffer that dcmjs takes. */
async function bytesOf(path) {
  const { buffer, byteOffset, byteLength } = await readFile(path);
  return buffer.slice(byteOffset, byteOffset + byteLength);
}

const datasetOf = (buffer) => DicomMetaDictionary.naturalizeDataset(DicomMessage.readFile(buffer).dict);

/** What Cornerstone asks of a slice, by the slice's name. */
const modules = new Map();
for (const name of (await readdir(series)).sort()) {
  const slice = datasetOf(await bytesOf(join(series, name)));
  const [rowPixelSpacing, columnPixelSpacing] = slice.PixelSpacing.map(Number);
  const cosines = slice.ImageOrientationPatient.map(Number);
  modules.set(`slice:${slice.SOPInstanceUID}`, {
    instance: slice,
    generalImageModule: { sopInstanceUID: slice.SOPInstanceUID },
    sopCommonModule: { sopInstanceUID: slice.SOPInstanceUID, sopClassUID: slice.SOPClassUID },
    generalSeriesModule: { seriesInstanceUID: slice.SeriesInstanceUID, modality: 'CT' },
    imagePixelModule: { bitsAllocated: 16, samplesPerPixel: 1, pixelRepresentation: 1 },
    imagePlaneModule: {
      frameOfReferenceUID: slice.FrameOfReferenceUID, rows: slice.Rows, columns: slice.Columns, rowPixelSpacing, columnPixelSpacing,
      imageOrientationPatient: cosines, rowCosines: cosines.slice(0, 3), columnCosines: cosines.slice(3), imagePositionPatient: slice.ImagePositionPatient.map(Number),
      pixelSpacing: [rowPixelSpacing, columnPixelSpacing],
    },
  });
}
metaData.addProvider((type, name) => modules.get(name)?.[type]);
const provider = { get: metaData.get, addCustomMetadata: (name, type, value) => modules.set(name, { [type]: value }) };

const file = await bytesOf(segmentation);
const object = datasetOf(file);
const names = [...modules.keys()];
const loaded = await createLabelmapsFromDICOMBuffer(names, file, provider);

// The same by the object alone: its bits, and the slice that each frame names.
const bits = new Uint8Array(object.PixelData[0]);
const size = object.Rows * object.Columns;
const frames = [object.PerFrameFunctionalGroupsSequence].flat().map((frame, at) => ({
  segment: frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber,
  name: `slice:${frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID}`,
  pixel: (pixel) => bits[(at * size + pixel) >> 3] >> ((at * size + pixel) & 7) & 1,
}));
const segments = [object.SegmentSequence].flat().map(({ SegmentNumber }) => SegmentNumber);
assert.deepEqual(loaded.segMetadata.data.filter(Boolean).map(({ SegmentNumber }) => Number(SegmentNumber)), segments, 'it has the segments');

let pixels = 0;
for (const segment of segments) {
  for (const [at, name] of names.entries()) {
    const frame = frames.find((one) => one.segment === segment && one.name === name);
    // Segments that overlap lie in labelmaps of their own.
    const maps = loaded.labelMapImages.map((images) => images[at].voxelManager.getScalarData());
    for (let pixel = 0; pixel < size; pixel++) {
      const expected = frame ? frame.pixel(pixel) : 0;
      assert.equal(Number(maps.some((map) => map[pixel] === segment)), expected, `pixel ${pixel} of segment ${segment} on ${name}`);
      pixels += expected;
    }
  }
}
assert.ok(pixels > 0);
console.log(`${segments.length} segments on ${names.length} slices, ${pixels} pixels`);
