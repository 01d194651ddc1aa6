// The types that the page's modules say and imply hold together, by TypeScript's checker. Nothing is compiled. The service worker is left
// out: its globals are those of no library that fits beside the worker's.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const TSC = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');

const check = (project) => new Promise((resolve) => {
  execFile(process.execPath, [TSC, '--project', fileURLToPath(new URL(project, import.meta.url))], (failure, output, told) => resolve({ failure, output: output + told }));
});

for (const [what, project] of [['the page', 'tsconfig.json'], ['its worker, against the library', 'tsconfig.worker.json']]) {
  test(`types of ${what}`, async () => {
    const { failure, output } = await check(project);
    assert.equal(output, '');
    assert.equal(failure, null);
  });
}
