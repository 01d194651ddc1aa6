// `lungglass serve`: the page from inside the command.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { policy } from './site.mjs';
import { id, openBrowser } from './visit.mjs';

const COMMAND = process.env.LUNGGLASS_COMMAND ?? fileURLToPath(new URL('../../target/release/lungglass', import.meta.url));

test('the command serves the page, and the page reads', async () => {
  const command = spawn(COMMAND, ['serve', '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const browser = await openBrowser();
  try {
    const address = await new Promise((resolve, reject) => {
      createInterface({ input: command.stdout }).once('line', resolve);
      command.once('error', reject);
      command.once('exit', (code) => reject(new Error(`the command ended with ${code}`)));
    });
    assert.match(address, /^http:\/\/127\.0\.0\.1:\d+\/$/);
    const answer = await fetch(address, { method: 'HEAD' });
    assert.equal(answer.headers.get('content-security-policy'), await policy());
    assert.equal((await fetch(new URL('Cargo.toml', address))).status, 404);
    assert.equal((await fetch(address, { method: 'POST' })).status, 405);
    const visit = await browser.visit({ address });
    await visit.accept();
    await visit.page.click(id('sample'));
    await visit.results(1);
    await visit.offline('ready');
    assert.deepEqual(visit.complaints(), []);
    await visit.close();
  } finally {
    await browser.close();
    command.kill();
  }
});
