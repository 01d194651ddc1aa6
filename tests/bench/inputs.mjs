// Real inputs for the engines: chest-CT slices of the shared cases, through `lungglass preprocess`, so that they are what the network gets.

import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const CASES = /^(luna|lidc)-/;
/** Of the files that are read whole: one of each kind. */
const SAMPLES = { 'lidc-explicit-le': 'DICOM', 'luna-1': 'PNG', 'lidc-jpeg-q60': 'JPEG' };

/** The slices among the cases: [{ name, path, kind }], `kind` for those that stand for their format. */
export async function slices(folder) {
  const found = [];
  for (const name of (await readdir(folder)).filter((name) => CASES.test(name)).sort()) {
    const input = (await readdir(join(folder, name))).find((file) => file.startsWith('input.'));
    found.push({ name, path: join(folder, name, input), file: `${name}/${input}`, kind: SAMPLES[name] ?? null });
  }
  return found;
}

/** The inputs of those slices: { size, count, values: Float32Array }. */
export async function preprocess(command, paths) {
  const folder = await mkdtemp(join(tmpdir(), 'lungglass-bench-'));
  try {
    const manifest = join(folder, 'slices.csv');
    await writeFile(manifest, `path\n${paths.join('\n')}\n`);
    await promisify(execFile)(command, ['preprocess', '--manifest', manifest, '--out', folder]);
    return readArray(await readFile(join(folder, 'inputs.npy')));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** An array [rows, 1, S, S] of little-endian float32 in NumPy's format, version 1. */
function readArray(bytes) {
  const start = 10 + bytes.readUInt16LE(8);
  const header = bytes.toString('latin1', 10, start);
  const shape = header.match(/'shape': \(([\d, ]+)\)/)?.[1].split(',').filter((part) => part.trim()).map(Number);
  if (!header.includes("'<f4'") || shape?.length !== 4) throw new Error(`unexpected array: ${header}`);
  return { size: shape[3], count: shape[0], values: new Float32Array(new Uint8Array(bytes.subarray(start)).buffer) };
}
