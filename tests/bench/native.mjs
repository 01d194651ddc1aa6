// The native counterpart: the command against onnxruntime for Python, one thread each, in turn over the same slices.

import { execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const PEER = fileURLToPath(new URL('native_peer.py', import.meta.url));

/**
 * @returns {Promise<{ samples: { ours: number[], onnxruntime: number[] }, logits: object, version: string } | { missing: string }>}
 *   times of the graph in milliseconds
 */
export async function native({ command, python, network, inputs, size, paths, rounds }) {
  const peer = spawn(python, [PEER, network, inputs, String(size)], { stdio: ['pipe', 'pipe', 'pipe'] });
  let told = '';
  peer.stderr.on('data', (text) => { told += text; });
  peer.stdin.on('error', () => {});
  const lines = createInterface({ input: peer.stdout })[Symbol.asyncIterator]();
  const failed = new Promise((resolve) => { peer.on('error', (error) => resolve({ error })); });
  const answer = async () => {
    const line = await Promise.race([lines.next(), failed]);
    return line.value ? JSON.parse(line.value) : null;
  };
  try {
    const hello = await answer();
    if (!hello) return { missing: `${python} has no onnxruntime: ${told.trim().split('\n').at(-1) || 'it does not start'}` };
    const samples = { ours: [], onnxruntime: [] };
    const logits = { ours: [], onnxruntime: hello.logits };
    for (let round = 0; round < rounds; round++) {
      const readings = await classify(command, paths);
      logits.ours = readings.map(({ logit }) => logit);
      // The first slice of a process warms it up.
      samples.ours.push(...readings.slice(1).map(({ ms }) => ms.graph));
      peer.stdin.write('run\n');
      samples.onnxruntime.push(...(await answer()).slice(1));
    }
    return { samples, logits, version: hello.version };
  } finally {
    peer.stdin.end();
  }
}

async function classify(command, paths) {
  const environment = { ...process.env, RAYON_NUM_THREADS: '1' };
  const { stdout } = await promisify(execFile)(command, ['classify', '--json', ...paths], { env: environment, maxBuffer: 1 << 26 });
  return stdout.trim().split('\n').map((line) => JSON.parse(line));
}
