// The modules of www/: what they import is there, goes round in no circle, and each is short enough to be read. Needs no browser.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path/posix';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const WWW = fileURLToPath(new URL('../../www/', import.meta.url));
const MAX_LINES = 450;
// app.js wires the others.
const MAX_WIRING = 150;

// Each folder may import from those before it, and app.js from all. locales/ has the texts and what picks one.
const FLOORS = ['pkg', 'common', 'locales', 'reading', 'study', 'results', 'viewer', 'saving', 'files', 'shell', 'acceptance', 'watching', '.'];

const names = (await readdir(WWW, { recursive: true }))
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => name.endsWith('.js') && !name.startsWith('pkg/') && name !== 'service-worker.js')
  .sort();
const sources = new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(WWW, name), 'utf8')])));

/** The paths of the modules that a source imports, as `import` and `export ... from` do, and import(). */
function importsOf(name, source) {
  const code = source.replace(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, '');
  const specifiers = [...code.matchAll(/\bfrom\s*'([\w./-]+)'|\bimport\s*\(?\s*'([\w./-]+)'/g)].map(([, from, bare]) => from ?? bare);
  return specifiers.map((specifier) => join(dirname(name), specifier));
}

const imports = new Map([...sources].map(([name, source]) => [name, importsOf(name, source)]));

/** A circle in a graph of names, as the names in their order, or null. */
function circle(graph) {
  const done = new Set();
  const visit = (name, path) => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name];
    if (done.has(name)) return null;
    for (const next of graph.get(name) ?? []) {
      const found = visit(next, [...path, name]);
      if (found) return found;
    }
    done.add(name);
    return null;
  };
  for (const name of graph.keys()) {
    const found = visit(name, []);
    if (found) return found;
  }
  return null;
}

test('a circle is found', () => {
  const graph = (edges) => new Map(edges.map(([name, ...next]) => [name, next]));
  assert.equal(circle(graph([['a', 'b', 'c'], ['b', 'c'], ['c']])), null);
  assert.deepEqual(circle(graph([['a', 'b'], ['b', 'c'], ['c', 'b']])), ['b', 'c', 'b']);
  assert.deepEqual(circle(graph([['a', 'a']])), ['a', 'a']);
  const source = "import { a,\n  b } from './b.js';\nexport * from '../c.js';\nimport 'd.js';\nconst e = await import('./e.js');\n// import './f.js';\n/** @type {import('./g.js').G} */";
  assert.deepEqual(importsOf('x/a.js', source), ['x/b.js', 'c.js', 'x/d.js', 'x/e.js']);
});

test('every module is imported from where it lies', () => {
  assert.ok(names.length > 40, `only ${names.length} modules were found`);
  for (const [name, imported] of imports) {
    for (const path of imported) assert.ok(sources.has(path) || path.startsWith('pkg/'), `${name} imports ${path}, which is not there`);
  }
  // The page starts one of them, and that one the worker.
  const used = new Set(['app.js', 'reading/worker.js', ...[...imports.values()].flat()]);
  assert.deepEqual(names.filter((name) => !used.has(name)), []);
});

test('no modules import each other in a circle', () => {
  assert.equal(circle(imports), null);
});

test('a folder imports from the folders below it alone', () => {
  for (const [name, imported] of imports) {
    const floor = FLOORS.indexOf(dirname(name));
    assert.ok(floor >= 0, `${name} lies in a folder that FLOORS of this test lacks`);
    for (const path of imported) assert.ok(FLOORS.indexOf(dirname(path)) <= floor, `${name} imports ${path}, which lies above it`);
  }
});

test(`no module has more than ${MAX_LINES} lines`, () => {
  // A locale is a list of texts.
  const isLocale = (name) => dirname(name) === 'locales' && /^[a-z]{2}\.js$/.test(basename(name));
  const long = [...sources].filter(([name, source]) => !isLocale(name) && source.split('\n').length - 1 > MAX_LINES);
  assert.deepEqual(long.map(([name]) => name), []);
  assert.ok(sources.get('app.js').split('\n').length <= MAX_WIRING, 'app.js wires, and does nothing else');
});
