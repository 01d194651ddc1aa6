// What the page promises and no other suite looks at: progress while it loads, the score as it is drawn, what the map means, which version
// speaks, diagnostics to copy, and no motion for who wants none.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { browser, firstVisit, readyVisit } from './suite.mjs';
import { id, PAGE } from './visit.mjs';

const settings = await readFile(new URL('../../model/model.toml', import.meta.url), 'utf8');
const numbers = (key) => settings.match(new RegExp(`^${key} = (.*)$`, 'm'))[1].match(/[\d.]+/g).map(Number);

test('while the network file arrives the page says how much of it is there', async () => {
  const slow = createServer(async (request, response) => {
    const from = await fetch(new URL(request.url.slice(1), PAGE));
    const body = Buffer.from(await from.arrayBuffer());
    response.writeHead(from.status, { 'content-type': from.headers.get('content-type') });
    if (!request.url.endsWith('.wasm')) return response.end(body);
    const part = Math.ceil(body.length / 8);
    for (let at = 0; at < body.length; at += part) {
      response.write(body.subarray(at, at + part));
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    response.end();
  });
  await new Promise((resolve) => slow.listen(0, '127.0.0.1', resolve));
  try {
    const visit = await browser.visit({
      address: `http://127.0.0.1:${slow.address().port}/`,
      prepare: (page) => page.evaluateOnNewDocument(() => {
        window.told = [];
        document.addEventListener('DOMContentLoaded', () => {
          const [bar, text] = ['loading-bar', 'loading-text'].map((name) => document.getElementById(name));
          new MutationObserver(() => window.told.push([bar.hasAttribute('value') ? bar.value : null, text.textContent, text.checkVisibility()]))
            .observe(document.getElementById('loading'), { attributes: true, childList: true, subtree: true });
        });
      }),
    });
    await visit.ready();
    const told = (await visit.page.evaluate(() => window.told)).filter(([value, text]) => value !== null && /MB/.test(text));
    const values = told.map(([value]) => value);
    assert.ok(new Set(values).size >= 3, `${values}`);
    assert.deepEqual(values, values.toSorted((a, b) => a - b), 'it only grows');
    assert.ok(values.every((value) => value > 0 && value < 1));
    assert.ok(told.every(([,, isVisible]) => isVisible));
    assert.equal(await visit.page.$eval(id('loading'), (box) => box.hidden), true);
    await visit.close();
  } finally {
    slow.closeAllConnections();
    slow.close();
  }
});

test('the score is drawn where it is, with the operating point and the uncertain band', async () => {
  const visit = await readyVisit();
  await visit.page.click(id('sample'));
  const [{ score }] = await visit.results(1);
  const drawn = await visit.page.$eval(`${id('result')} .scale`, (scale) => {
    const { left, width } = scale.getBoundingClientRect();
    const part = (x) => (x - left) / width;
    const box = (name) => scale.querySelector(name).getBoundingClientRect();
    const middle = ({ left, right }) => part((left + right) / 2);
    const band = box('.scale-band');
    return { score: middle(box('.scale-mark')), threshold: middle(box('.scale-threshold')), band: [part(band.left), part(band.right)], label: scale.getAttribute('aria-label') };
  });
  const near = (found, expected, what) => assert.ok(Math.abs(found - expected) < 0.01, `${what}: drawn at ${found}, is ${expected}`);
  const [threshold] = numbers('threshold');
  near(drawn.score, Number(score), 'score');
  near(drawn.threshold, threshold, 'operating point');
  for (const [at, edge] of numbers('uncertain').entries()) near(drawn.band[at], edge, 'uncertain band');
  assert.match(drawn.label, new RegExp(threshold.toFixed(2)), 'and is said aloud');
  const key = await visit.page.$eval(`${id('result')} .scale-key`, (node) => node.textContent);
  for (const number of [threshold, ...numbers('uncertain')]) assert.ok(key.includes(number.toFixed(2)), key);

  // One line on what the map means and what not, wherever maps are.
  const legend = await visit.page.$eval('#overlay .help', (node) => (node.checkVisibility() ? node.textContent : ''));
  assert.match(legend, /which parts of the lungs the score comes from.*does not outline disease/);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('the foot of the page says which network and which build speak', async () => {
  const visit = await readyVisit();
  const text = (name) => visit.page.$eval(name, (node) => node.textContent);
  const [, version] = settings.match(/^version = "(.*)"$/m);
  const [, hash] = settings.match(/^sha256 = "([0-9a-f]{64})"$/m);
  assert.ok((await text('#footer-model')).includes(version));
  assert.ok((await text('#footer-model')).includes(hash.slice(0, 12)));
  const list = await (await fetch(new URL('pkg/build.js', PAGE))).text();
  assert.ok((await text(id('build'))).includes(list.match(/"id": "([0-9a-f]{12})/)[1]));
  await visit.close();
});

test('diagnostics are copied, and where the browser does not allow it they are selected', async () => {
  const visit = await firstVisit();
  await visit.accept();
  await visit.ready();
  const { page } = visit;
  await page.evaluate(() => {
    window.copied = [];
    window.allowed = true;
    Object.defineProperty(navigator, 'clipboard', { value: {
      async writeText(text) {
        if (!window.allowed) throw new DOMException('denied', 'NotAllowedError');
        window.copied.push(text);
      },
    } });
  });
  await page.click(`${id('diagnostics')} button`);
  await page.waitForSelector(id('diagnostics-copy'), { visible: true });
  const told = () => page.$eval('#diagnostics-copied', (node) => node.textContent);
  await page.click(id('diagnostics-copy'));
  await page.waitForFunction(() => document.getElementById('diagnostics-copied').textContent !== '');
  const said = await told();
  const text = await page.$eval('#diagnostics-text', (node) => node.textContent);
  assert.deepEqual(await page.evaluate(() => window.copied), [text]);
  assert.ok(text.length > 200);
  await page.evaluate(() => { window.allowed = false; });
  await page.click(id('diagnostics-copy'));
  await page.waitForFunction((before) => document.getElementById('diagnostics-copied').textContent !== before, {}, said);
  assert.equal(await page.evaluate(() => String(getSelection()).trim()), text.trim());
  await visit.close();
});

test('who wants no motion gets none', async () => {
  const moving = () => visit.page.evaluate(() => [...document.querySelectorAll('*')].filter((node) => {
    const { transitionDuration, transitionProperty, animationName } = getComputedStyle(node);
    return animationName !== 'none' || (transitionProperty !== 'none' && transitionDuration.split(',').some((time) => Number.parseFloat(time) > 0));
  }).length);
  const visit = await readyVisit();
  await visit.page.$eval('#loading-bar', (bar) => {
    bar.removeAttribute('value');
    document.getElementById('loading').hidden = false;
  });
  assert.ok(await moving() > 1, 'otherwise there is some');
  await visit.page.emulateMediaFeatures([{ name: 'prefers-reduced-motion', value: 'reduce' }]);
  assert.equal(await moving(), 0);
  await visit.close();
});
