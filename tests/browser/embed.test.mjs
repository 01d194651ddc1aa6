// examples/embed.html: the library in a page of one's own, with no other file than those of www/pkg.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname } from 'node:path';
import { after, before, test } from 'node:test';
import { isError, isJudged, isRefused } from './cases.mjs';
import { all, browser } from './suite.mjs';

const ROOT = new URL('../../', import.meta.url);
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' };

let server;
let address;

before(async () => {
  server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://site');
    if (pathname === '/favicon.ico') return response.writeHead(204).end();
    const isServed = pathname === '/examples/embed.html' || pathname.startsWith('/www/pkg/');
    const body = isServed ? await readFile(new URL(`.${pathname}`, ROOT)).catch(() => null) : null;
    if (!body) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': TYPES[extname(pathname)] ?? 'application/octet-stream' }).end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${server.address().port}/examples/embed.html`;
});

after(() => {
  server.closeAllConnections();
  server.close();
});

test('the example reads a slice, and says why another is refused or cannot be read', async () => {
  const visit = await browser.visit({ address });
  const input = await visit.page.waitForSelector('#file:not(:disabled)');
  const read = async ({ input: path }) => {
    await visit.page.$eval('#readings', (output) => { output.textContent = ''; });
    await input.uploadFile(path);
    await visit.page.waitForFunction(() => document.getElementById('readings').textContent !== '');
    return visit.page.$eval('#readings', (output) => output.textContent);
  };
  const judged = all.find(isJudged);
  const [verdict, score] = (await read(judged)).split(': ');
  assert.ok(judged.verdicts.includes(verdict), verdict);
  assert.ok(Number(score) >= 0 && Number(score) <= 1, score);
  assert.match(await read(all.find(isRefused)), /^refused: \S+ \S+ /);
  assert.match(await read(all.find(isError)), /^[a-z_]+: \S+ /);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});
