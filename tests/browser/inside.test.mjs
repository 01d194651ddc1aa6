// Another network inside page and command: `LUNGGLASS_MODEL=FOLDER cargo xtask test` builds them and runs this. What they make of the
// folder's samples is what the folder says, and the page says nothing of our own network.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { browser } from './suite.mjs';
import { id } from './visit.mjs';

const FOLDER = process.env.LUNGGLASS_INSIDE;
const COMMAND = process.env.LUNGGLASS_COMMAND;
const OWN_WORDS = /covid/i;
/** As far as `lungglass check` lets a sample be off; the page writes two decimals. */
const TOLERANCE = 0.02;

const skip = FOLDER ? false : 'no other network is inside: LUNGGLASS_MODEL=FOLDER cargo xtask test';

/** The samples: each picture with what it must give. */
async function samples() {
  const names = await readdir(join(FOLDER, 'samples'));
  const answers = names.filter((name) => name.endsWith('.json'));
  return Promise.all(answers.map(async (answer) => {
    const picture = names.find((name) => name !== answer && name.replace(/\.[^.]+$/, '') === answer.slice(0, -'.json'.length));
    return { picture: join(FOLDER, 'samples', picture), expected: JSON.parse(await readFile(join(FOLDER, 'samples', answer), 'utf8')) };
  }));
}

function holds(found, { picture, expected }) {
  const near = (one, other) => assert.ok(Math.abs(one - other) <= (expected.tolerance ?? TOLERANCE) + 0.01, `${picture}: ${one} instead of ${other}`);
  if (expected.score !== undefined) near(found.score, expected.score);
  for (const [of, score] of Object.entries(expected.classes ?? {})) near(found.classes[of], score);
  for (const key of ['class', 'verdict']) if (expected[key] !== undefined) assert.equal(found[key], expected[key], picture);
}

test('the command reads with the network inside', { skip }, async () => {
  const all = await samples();
  assert.ok(all.length > 0, `${FOLDER} has no samples`);
  const { stdout } = await promisify(execFile)(COMMAND, ['classify', '--json', ...all.map(({ picture }) => picture)]);
  const lines = stdout.trim().split('\n').map(JSON.parse);
  for (const [at, sample] of all.entries()) holds(lines[at], sample);
});

test('the page reads with the network inside, under its own words', { skip }, async () => {
  const visit = await browser.visit();
  assert.doesNotMatch(await visit.page.evaluate(() => document.body.innerText), OWN_WORDS, 'before it is loaded');
  await visit.accept();
  await visit.ready();
  await visit.page.select(id('language'), 'en');
  const all = await samples();
  await visit.choose(all.map(({ picture }) => picture));
  const results = await visit.results(all.length);
  for (const [at, sample] of all.entries()) {
    const { verdict, score } = results[at];
    const top = sample.expected.classes && Math.max(...Object.values(sample.expected.classes));
    holds({ verdict, score }, { ...sample, expected: { ...sample.expected, classes: undefined, class: undefined, score: sample.expected.score ?? top } });
  }
  assert.doesNotMatch(await visit.page.evaluate(() => `${document.title}\n${document.body.innerText}`), OWN_WORDS);
  await visit.page.click('#model-card-open');
  const card = await readFile(join(FOLDER, 'card.md'), 'utf8').catch(() => '');
  const said = await visit.page.$eval('#model-card-body', (node) => node.innerText);
  assert.ok(said.includes(card.split('\n')[0].replace(/^#\s*/, '')), said);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});
