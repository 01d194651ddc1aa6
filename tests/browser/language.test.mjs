// The page in other languages: what a change keeps, what is remembered, and that every language fits and reads well aloud.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import de from '../../www/locales/de.js';
import es from '../../www/locales/es.js';
import fr from '../../www/locales/fr.js';
import { languages } from '../../www/locales/words.js';
import { isError, isJudged, isRefused } from './cases.mjs';
import { all, browser, files, firstVisit } from './suite.mjs';
import { id, PAGE, PHONE } from './visit.mjs';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** A judged slice, a refused picture and a broken file. */
const three = () => Promise.all([isJudged, isRefused, isError].map((kind) => files.putCase(all.find(kind))));
const lang = (visit) => visit.page.evaluate(() => document.documentElement.lang);
const wanting = (...tags) => (page) => page.evaluateOnNewDocument((tags) => {
  Object.defineProperty(Navigator.prototype, 'languages', { get: () => tags });
}, tags);

test('another language keeps the cards and their pixels, and is remembered', async () => {
  const visit = await firstVisit();
  const { page } = visit;
  assert.equal(await lang(visit), 'en');
  await visit.accept();
  await visit.choose(await three());
  const before = await visit.results(3);
  await page.evaluate((heat) => { window.canvas = document.querySelector(heat); }, id('heatmap'));

  // German is the next after English.
  await page.focus(id('language'));
  await page.keyboard.press('ArrowDown');
  assert.equal(await lang(visit), 'de');
  assert.equal(await page.title(), de.page.title);
  assert.equal(await page.evaluate(() => document.activeElement.dataset.testid), 'language');
  const after = await visit.results(3);
  assert.deepEqual(after.map(({ file, verdict, score, heatmap }) => [file, verdict, score, heatmap]), before.map(({ file, verdict, score, heatmap }) => [file, verdict, score, heatmap]));
  assert.ok(await page.evaluate((heat) => window.canvas === document.querySelector(heat), id('heatmap')), 'the canvas is the same');
  assert.equal(await page.evaluate(() => window.canvas.getAttribute('aria-label')), de.card.map);
  for (const card of after) assert.ok(card.text.includes(de.verdict[card.verdict]), card.text);
  const [judged, refused, broken] = after;
  assert.ok(judged.text.includes(de.format.score(Number(judged.score))), judged.text);
  assert.match(judged.text, /\d,\d{2}/);
  assert.equal(refused.refusal, de.refusals[await page.$eval(id('refusal'), (node) => node.dataset.code)]);
  assert.ok(broken.error.startsWith(de.errors[await page.$eval(id('error'), (node) => node.dataset.code)]), broken.error);
  assert.equal(await page.$eval(`${id('error')} [lang="en"]`, (node) => node.textContent), before[2].error);
  assert.ok((await page.$eval('#results-count', (node) => node.textContent)).includes('1 bewertet'));
  await visit.shot('german', { fullPage: true });

  await page.click(`${id('model-card')} button`);
  const card = await page.$eval(`${id('model-card')} dialog[open]`, (dialog) => dialog.textContent);
  for (const limit of de.modelCard.limitList) assert.ok(card.includes(limit), limit);
  assert.doesNotMatch(card, /Operating point|Sensitivity/);
  await visit.shot('german-model-card');
  await page.keyboard.press('Escape');

  await page.reload();
  await visit.ready();
  assert.equal(await lang(visit), 'de');
  assert.equal(await page.$eval(id('language'), (box) => box.value), 'de');
  assert.equal(await page.$eval('.drop-title', (node) => node.textContent), de.files.drop);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('a change while files are read loses none', async () => {
  const slice = all.find(isJudged).input;
  const paths = [];
  for (let i = 0; i < 8; i++) paths.push(await files.put(slice, `read-${i}`));
  const visit = await firstVisit();
  await visit.accept();
  await visit.choose(paths);
  await visit.page.waitForSelector(id('result'));
  await visit.page.select(id('language'), 'es');
  const results = await visit.results(paths.length);
  assert.equal(results.length, paths.length);
  for (const { text } of results) assert.ok(text.includes(es.card.score), text);
  assert.equal(await visit.page.$eval('#queue-text', (node) => node.textContent), es.progress.done(paths.length));
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('the browser\'s language is the first, and consent can be read in another', async () => {
  const visit = await firstVisit({ prepare: wanting('fr-CA', 'en') });
  const { page } = visit;
  await page.waitForSelector(id('consent'), { visible: true });
  assert.equal(await lang(visit), 'fr');
  assert.equal(await page.$eval('#consent-title', (title) => title.textContent), fr.consent.title);
  await page.select(id('consent-language'), 'es');
  assert.equal(await page.$eval('#consent-title', (title) => title.textContent), es.consent.title);
  assert.equal(await page.$eval(id('language'), (box) => box.value), 'es');
  await visit.accept();
  await visit.ready();
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('where storage is denied the language can be changed all the same', async () => {
  const visit = await browser.visit({
    prepare: (page) => page.evaluateOnNewDocument(() => {
      Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('denied', 'SecurityError'); } });
    }),
  });
  await visit.accept();
  await visit.page.select(id('language'), 'zh');
  assert.equal(await lang(visit), 'zh');
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('a kiosk is in the language of the browser from the start', async () => {
  const visit = await firstVisit({ address: new URL('?kiosk=5', PAGE).href, prepare: wanting('de') });
  assert.equal(await visit.page.$eval('#kiosk-text', (text) => text.textContent), de.offline.kiosk.idle(300));
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

for (const { code } of languages) {
  test(`${code} fits a phone and has no fault that axe finds`, async () => {
    const visit = await firstVisit({ viewport: PHONE, prepare: wanting(code) });
    const { page } = visit;
    await page.evaluate(axe);
    const sound = async (when) => {
      const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(content <= PHONE.width && window <= PHONE.width, `${when}: ${content} and ${window} pixels wide`);
      const wide = await page.$$eval('button, .button, select, p, dt, dd, h1, h2, h3, h4, .verdict, .pill', (nodes) => nodes
        .filter((node) => node.checkVisibility() && node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).display !== 'inline')
        .map((node) => node.textContent));
      assert.deepEqual(wide, [], `${when}: text wider than its place`);
      const { violations } = await page.evaluate(() => window.axe.run(document, { preload: false, resultTypes: ['violations'] }));
      assert.deepEqual(violations.map(({ id: rule, nodes }) => `${when}: ${rule}: ${nodes.map((node) => node.html).join(' ')}`), []);
    };
    await page.waitForSelector(id('consent'), { visible: true });
    await sound('consent');
    await visit.shot(`phone-${code}-consent`);
    await visit.accept();
    await visit.ready();
    await sound('ready');
    await visit.choose(await three());
    await visit.results(3);
    await sound('results');
    await visit.shot(`phone-${code}`, { fullPage: true });
    await page.click(`${id('model-card')} button`);
    await sound('model card');
    await visit.shot(`phone-${code}-model-card`);
    assert.deepEqual(visit.complaints(), []);
    await visit.close();
  });
}
