// What the release says of accessibility: a criterion that "axe" is said to check is one that a rule of axe-core checks. Needs no browser.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { test } from 'node:test';

const axe = createRequire(import.meta.url)('axe-core');
const text = await readFile(new URL('../../xtask/tools/src/release/pack/accessibility.md', import.meta.url), 'utf8');
const rows = text.split('\n').map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim())).filter(([criterion]) => /^\d\.\d\.\d+$/.test(criterion));

test('axe has a rule for each criterion that it is said to check', () => {
  const rules = axe.getRules().filter(({ tags, enabled }) => enabled !== false && !tags.includes('experimental') && !tags.includes('deprecated'));
  const checked = new Set(rules.flatMap(({ tags }) => tags.flatMap((tag) => tag.match(/^wcag(\d)(\d)(\d{1,2})$/)?.slice(1).join('.') ?? [])));
  assert.ok(checked.size > 15 && rows.length > 50, `${checked.size} criteria, ${rows.length} rows`);
  const said = rows.filter(([, , , by]) => by.split(', ').includes('axe')).map(([criterion]) => criterion);
  assert.deepEqual(said.filter((criterion) => !checked.has(criterion)), [], 'no rule of axe checks these');
  assert.ok(said.length > 10);
});

test('who says that a criterion is met says what checked it', () => {
  for (const [criterion, , result, by] of rows) {
    const isJudged = ['supports', 'partially supports', 'does not support'].includes(result);
    assert.equal(isJudged, by !== '' && result !== 'not evaluated', `${criterion}: ${result}, checked by ${by || 'nothing'}`);
    for (const way of by.split(', ').filter(Boolean)) assert.ok(['axe', 'suite', 'hand'].includes(way), `${criterion}: ${way}`);
  }
});
