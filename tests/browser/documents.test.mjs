// The documentation: every relative link leads to a file and a heading that are there, so does every path that is named, and the README is
// short and leads to every page. Needs no browser.

import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, normalize, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MAX_README_LINES = 120;
const MAX_NOTEBOOK_BYTES = 300_000;

// What is built, installed or somebody else's.
const LEFT_OUT = new Set(['target', 'dist', 'node_modules', 'pkg', 'runs', 'shared', 'corpus']);

/** The paths of all Markdown files below a folder of the repository, hidden folders but .github left out. */
async function documents(folder = '') {
  const found = [];
  for (const entry of await readdir(join(ROOT, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    const isLeftOut = LEFT_OUT.has(entry.name) || (entry.name.startsWith('.') && entry.name !== '.github');
    if (entry.isDirectory() && !isLeftOut) found.push(...await documents(path));
    if (entry.isFile() && entry.name.endsWith('.md')) found.push(path);
  }
  return found.sort();
}

/** The text without what stands in it as code, which holds no links. */
const prose = (markdown) => markdown.replace(/^```.*?^```/gms, '').replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]()]/g, ''));

/** Where the links and images of a text lead. */
function links(markdown) {
  return [...prose(markdown).matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)].map(([, target]) => target);
}

/** The anchors of a text's headings, as GitHub makes them: the second of one name ends in -1. */
function anchors(markdown) {
  const seen = new Map();
  const headings = markdown.replace(/^```.*?^```/gms, '').matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm);
  return [...headings].map(([, heading]) => {
    const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const anchor = text.replace(/[^\p{L}\p{N}\p{M}_\- ]/gu, '').replaceAll(' ', '-');
    const before = seen.get(anchor) ?? 0;
    seen.set(anchor, before + 1);
    return before === 0 ? anchor : `${anchor}-${before}`;
  });
}

// Where paths are named as of the repository's root. Its own files are what a stranger looks for; what is built is not there in a fresh clone.
const NAMES_PATHS = /^(?:[A-Z]+\.md|docs\/.*)$/;
const TOP = /^(?:src|acceptance|command|web|www|model|python|server|xtask|tests|docs|examples|\.cargo)\//;
const IS_BUILT = /^(?:www\/pkg|dist|target)\//;
/** Stands for any name, as in `www/locales/xx.js`. */
const PLACEHOLDER = /\bxx\b/;

/** The paths that a text names as code: `src/gate.rs`, `tests/dicom/`, `www/locales/*.js`. */
function paths(markdown) {
  const spans = [...markdown.replace(/^```.*?^```/gms, '').matchAll(/`([^`\n]+)`/g)].map(([, code]) => code);
  return spans.filter((code) => /^[\w./*-]+$/.test(code) && TOP.test(code) && !IS_BUILT.test(code) && !PLACEHOLDER.test(code));
}

/** Whether there is such a file or folder; `*` stands for a part of the last name. */
async function isThere(path) {
  if (!path.includes('*')) return Boolean(await stat(join(ROOT, path)).catch(() => null));
  const [before, after] = path.slice(path.lastIndexOf('/') + 1).split('*');
  const names = await readdir(join(ROOT, dirname(path))).catch(() => []);
  return names.some((name) => name.startsWith(before) && name.endsWith(after));
}

const read = (path) => readFile(join(ROOT, path), 'utf8');

test('links and anchors are found as GitHub reads them', () => {
  const text = '# On a GPU\n\n[a](b.md#on-a-gpu) ![c](d/e.png) `[no](link)` [`f`](g)\n\n```\n[no](link)\n# no heading\n```\n\n## What `a.toml` holds, in short\n\n## On a GPU\n';
  assert.deepEqual(links(text), ['b.md#on-a-gpu', 'd/e.png', 'g']);
  assert.deepEqual(anchors(text), ['on-a-gpu', 'what-atoml-holds-in-short', 'on-a-gpu-1']);
});

test('every relative link leads somewhere', async () => {
  const broken = [];
  let checked = 0;
  for (const document of await documents()) {
    for (const target of links(await read(document))) {
      if (/^[a-z][a-z0-9+.-]*:/i.test(target)) continue;
      checked++;
      const [path, anchor] = decodeURI(target).split('#');
      const file = path === '' ? document : normalize(join(dirname(document), path));
      const found = await stat(join(ROOT, file)).catch(() => null);
      if (!found || relative(ROOT, join(ROOT, file)).startsWith('..')) {
        broken.push(`${document}: ${target}: there is no such file`);
      } else if (anchor && file.endsWith('.md') && !anchors(await read(file)).includes(anchor)) {
        broken.push(`${document}: ${target}: there is no such heading`);
      }
    }
  }
  assert.deepEqual(broken, []);
  assert.ok(checked > 50, `only ${checked} links were found`);
});

test('every path that is named is there', async () => {
  const missing = [];
  let checked = 0;
  for (const document of (await documents()).filter((path) => NAMES_PATHS.test(path) && path !== 'CHANGELOG.md')) {
    for (const path of paths(await read(document))) {
      checked++;
      if (!await isThere(path)) missing.push(`${document}: ${path}`);
    }
  }
  assert.deepEqual(missing, []);
  assert.ok(checked > 50, `only ${checked} paths were found`);
});

test('the README is short and leads to every page of docs', async () => {
  const text = await read('README.md');
  const lines = text.trimEnd().split('\n').length;
  assert.ok(lines <= MAX_README_LINES, `README.md has ${lines} lines, and ${MAX_README_LINES} are allowed: move what is new to a page of docs/`);
  const leads = links(text).map((target) => target.split('#')[0]);
  const pages = (await readdir(join(ROOT, 'docs'))).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`);
  assert.deepEqual(pages.filter((page) => !leads.includes(page)), []);
});

test('every notebook was executed to its end, is small, and tells nothing of the machine', async () => {
  const notebooks = (await readdir(join(ROOT, 'examples'))).filter((name) => name.endsWith('.ipynb'));
  assert.ok(notebooks.length > 0);
  for (const name of notebooks) {
    const text = await read(`examples/${name}`);
    assert.ok(text.length < MAX_NOTEBOOK_BYTES, `${name} has ${text.length} bytes`);
    const cells = JSON.parse(text).cells.filter(({ cell_type: type }) => type === 'code');
    assert.deepEqual(cells.map(({ execution_count: at }) => at), cells.map((_, at) => at + 1), `${name}: its cells ran in another order, or not`);
    assert.ok(cells.every(({ outputs }) => outputs.every(({ output_type: type }) => type !== 'error')), `${name} holds an error`);
    // What was printed, without pictures.
    const printed = cells.flatMap(({ outputs }) => outputs.map(({ text: lines, data }) => [lines ?? data?.['text/plain'] ?? []].flat().join('')));
    assert.ok(printed.join('').length > 0);
    for (const line of printed) assert.doesNotMatch(line, /(?:^|[\s"'(])(?:\/(?:home|root|tmp|work|Users|usr|opt|mnt)\/|[A-Z]:\\)/m, name);
  }
});
