// The shared cases, tests/cases/*/: an `input.<ext>` and a `case.toml` with the verdicts that are right for it.

import { copyFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = process.env.LUNGGLASS_CASES ?? fileURLToPath(new URL('../cases/', import.meta.url));
const JUDGED = ['positive', 'negative', 'uncertain'];

/**
 * [{ name, input, verdicts }], by name. A case that does not say its verdict is no business of the page; one of several slices comes only
 * where it is asked for, as most tests count a result a file.
 */
export async function cases({ several = false } = {}) {
  const found = [];
  for (const entry of (await readdir(FOLDER, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (!entry.isDirectory()) continue;
    const files = await readdir(join(FOLDER, entry.name));
    const input = files.find((file) => /^input(\.|$)/.test(file));
    if (!input || !files.includes('case.toml')) continue;
    const verdicts = verdictsOf(await readFile(join(FOLDER, entry.name, 'case.toml'), 'utf8'));
    const isOne = several || !files.includes('expected.json') || await slices(join(FOLDER, entry.name, 'expected.json')) === 1;
    if (verdicts.length > 0 && isOne) found.push({ name: entry.name, input: join(FOLDER, entry.name, input), verdicts });
  }
  return found;
}

const slices = async (expected) => JSON.parse(await readFile(expected, 'utf8')).length;

// The one line that matters here: verdict = "refused", or verdict = ["positive", "negative"].
function verdictsOf(toml) {
  const value = toml.match(/^\s*verdict\s*=\s*(\[[^\]]*\]|"[^"]*")/m)?.[1] ?? '';
  return [...value.matchAll(/"([a-z]+)"/g)].map((match) => match[1]);
}

export const isJudged = ({ verdicts }) => verdicts.every((verdict) => JUDGED.includes(verdict));
export const isRefused = ({ verdicts }) => verdicts.length === 1 && verdicts[0] === 'refused';
export const isError = ({ verdicts }) => verdicts.length === 1 && verdicts[0] === 'error';

/** A folder for copies of inputs under names of one's own. */
export async function desk() {
  const folder = await mkdtemp(join(tmpdir(), 'lungglass-files-'));
  return {
    folder,
    async put(input, name) {
      const path = join(folder, name);
      await copyFile(input, path);
      return path;
    },
    /** A copy named after its case. */
    putCase(one) { return this.put(one.input, one.name + extname(one.input)); },
    clear: () => rm(folder, { recursive: true, force: true }),
  };
}
