// The layout, measured in the page: in every language, on a phone, a tablet and a desktop, light and dark, nothing scrolls sideways, no text
// is cut off, no word is broken in two, no control lies on another or is too small to be hit, no text is too small to be read.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { languages } from '../../www/locales/words.js';
import { isError, isJudged, isRefused } from './cases.mjs';
import { placed } from './series.mjs';
import { all, files, firstVisit } from './suite.mjs';
import { id } from './visit.mjs';

// None is told to be mobile: a change of that loads the page again.
const VIEWPORTS = {
  phone: { width: 360, height: 740 },
  tablet: { width: 768, height: 1024 },
  desktop: { width: 1280, height: 900 },
};

// WCAG 2.2, 2.5.8, in CSS pixels; and the smallest text.
const TARGET = 24;
const TEXT = 12;

/** In the page: what is wrong with the layout of all that can be seen, in the topmost dialog if one is open. */
function faults({ TARGET, TEXT }) {
  const found = [];
  const dialog = [...document.querySelectorAll('dialog[open]')].at(-1);
  const root = dialog ?? document.body;
  const seen = (node) => node.checkVisibility({ opacityProperty: false, visibilityProperty: true }) && !node.closest('.aloud, .skip, [hidden]')
    && !(dialog === undefined && node.closest('dialog'));
  const name = (node) => `${node.tagName.toLowerCase()}${node.id ? `#${node.id}` : ''}.${node.className?.baseVal ?? node.className} "${(node.textContent || node.getAttribute('aria-label') || '').trim().slice(0, 40)}"`;

  const { scrollWidth } = document.documentElement;
  if (scrollWidth > innerWidth) found.push(`the page is ${scrollWidth} wide in ${innerWidth}`);

  const controls = [...root.querySelectorAll('button, .button, select, summary, input:not([type="file"]), label.switch, label.slider, .viewer-tools label, [role="button"]')].filter(seen);
  const nodes = [...root.querySelectorAll('*')].filter(seen);

  for (const node of nodes) {
    const style = getComputedStyle(node);
    if (style.display === 'inline' || node instanceof SVGElement || node instanceof HTMLCanvasElement || node.matches('progress, input, option')) continue;
    // What is meant to be cut off says so by dots, and what scrolls can be reached.
    const cuts = (axis) => ['hidden', 'clip'].includes(axis === 'x' ? style.overflowX : style.overflowY) && style.textOverflow !== 'ellipsis';
    const isControl = node.matches('button, .button, select, .pill, .verdict, kbd');
    const hasText = [...node.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.data.trim() !== '');
    if ((hasText || isControl) && (cuts('x') || isControl || style.overflowX === 'visible') && style.textOverflow !== 'ellipsis' && node.scrollWidth > node.clientWidth + 1) found.push(`wider than its place: ${name(node)}`);
    if ((cuts('y') || isControl) && (hasText || isControl) && node.scrollHeight > node.clientHeight + 1) found.push(`higher than its place: ${name(node)}`);
    if (hasText) {
      if (Number.parseFloat(style.fontSize) < TEXT) found.push(`${style.fontSize}: ${name(node)}`);
      const { left, right } = node.getBoundingClientRect();
      if (!node.closest('.table-box, pre, .viewer-stage, .waiting, .kept') && (left < -1 || right > innerWidth + 1)) found.push(`beyond the side: ${name(node)}`);
    }
  }

  const targets = controls.filter((node) => {
    // A box in a label is hit wherever the label is.
    if (node.matches('label')) return true;
    return !(node.matches('input') && node.closest('label'));
  }).map((node) => ({ node, box: node.getBoundingClientRect() })).filter(({ box }) => box.width > 0);
  for (const { node, box } of targets) {
    if (box.width < TARGET || box.height < TARGET) found.push(`${Math.round(box.width)} x ${Math.round(box.height)} to hit: ${name(node)}`);
  }
  for (const [at, one] of targets.entries()) {
    for (const other of targets.slice(at + 1)) {
      if (one.node.contains(other.node) || other.node.contains(one.node)) continue;
      // What scrolls under a head or a table's first row lies elsewhere.
      if (one.node.closest('.table-box thead, .sheet-head') !== other.node.closest('.table-box thead, .sheet-head')) continue;
      if (one.node.closest('.viewer-panel') !== other.node.closest('.viewer-panel')) continue;
      const across = Math.min(one.box.right, other.box.right) - Math.max(one.box.left, other.box.left);
      const down = Math.min(one.box.bottom, other.box.bottom) - Math.max(one.box.top, other.box.top);
      if (across > 1 && down > 1) found.push(`one on the other: ${name(one.node)} and ${name(other.node)}`);
    }
  }

  // A word stays on its line, or breaks where it has a hyphen. Names of files, hashes and addresses may break anywhere.
  for (const node of nodes.filter((node) => !node.closest('bdi, code, pre, .kept, .card h3, .study summary h3, [data-column="file"], .waiting'))) {
    for (const child of node.childNodes) {
      if (child.nodeType !== Node.TEXT_NODE) continue;
      for (const { 0: word, index } of child.data.matchAll(/\p{Script=Latin}{4,}/gu)) {
        const range = document.createRange();
        // The hyphen of a soft hyphen is drawn on the line before.
        range.setStart(child, child.data[index - 1] === '\u00ad' ? index + 1 : index);
        range.setEnd(child, index + word.length);
        if (new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size > 1) found.push(`broken: "${word}" in ${name(node)}`);
      }
    }
  }

  // In a dialog nothing stands at its very edge.
  if (dialog && !dialog.matches('.viewer')) {
    const { left, right } = dialog.getBoundingClientRect();
    for (const node of nodes.filter((node) => node.matches('p, button, .button, li, dt, h3, h4, label'))) {
      const box = node.getBoundingClientRect();
      if (box.left - left < 8 || right - box.right < 8) found.push(`at the edge of its dialog: ${name(node)}`);
    }
  }

  // Words of neighbours do not run into each other.
  const texts = nodes.filter((node) => node.matches('h1, h2, h3, h4, p, dt, dd, li, figcaption, button, .button, label, th, .pill'))
    .filter((node) => !node.closest('.table-box, .viewer-stage, .waiting, pre, .kept, .viewer-panel, .sheet-body'))
    .map((node) => ({ node, box: node.getBoundingClientRect() })).filter(({ box }) => box.width > 1 && box.height > 1);
  for (const [at, one] of texts.entries()) {
    for (const other of texts.slice(at + 1)) {
      if (one.node.contains(other.node) || other.node.contains(one.node) || (one.node.closest('.sheet-head') ?? null) !== (other.node.closest('.sheet-head') ?? null)) continue;
      const across = Math.min(one.box.right, other.box.right) - Math.max(one.box.left, other.box.left);
      const down = Math.min(one.box.bottom, other.box.bottom) - Math.max(one.box.top, other.box.top);
      if (across > 1 && down > 1) found.push(`text on text: ${name(one.node)} and ${name(other.node)}`);
    }
  }
  return [...new Set(found)];
}

for (const { code } of languages) {
  test(`${code}: everything has its place on a phone, a tablet and a desktop, light and dark`, async () => {
    const series = [];
    for (const height of [10, 20]) {
      series.push(join(files.folder, `Untersuchung-Verlaufskontrolle-${height}.dcm`));
      await writeFile(series.at(-1), await placed({ height }));
    }
    const others = await Promise.all([isJudged, isRefused, isError].map((kind) => files.putCase(all.find(kind))));
    const visit = await firstVisit({
      prepare: (page) => page.evaluateOnNewDocument((code) => Object.defineProperty(Navigator.prototype, 'languages', { get: () => [code] }), code),
    });
    const { page } = visit;
    const problems = [];
    const look = async (state) => {
      for (const [device, viewport] of Object.entries(VIEWPORTS)) {
        await page.setViewport(viewport);
        for (const scheme of ['light', 'dark']) {
          await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }, { name: 'prefers-reduced-motion', value: 'reduce' }]);
          await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
          for (const fault of await page.evaluate(faults, { TARGET, TEXT })) problems.push(`${state}, ${device}, ${scheme}: ${fault}`);
          await visit.shot(`layout-${code}-${device}-${state}-${scheme}`, { fullPage: !['consent', 'viewer', 'model card'].includes(state) });
        }
      }
    };
    await page.waitForSelector(id('consent'), { visible: true });
    await look('consent');
    await visit.accept();
    await visit.ready();
    await look('ready');
    await visit.choose([...series, ...others]);
    await visit.results(5);
    await page.waitForSelector(id('study'), { visible: true });
    await look('results');
    await page.$eval(id('view-table'), (button) => button.click());
    await look('table');
    await page.$eval(id('view-cards'), (button) => button.click());
    for (const panel of ['model-card', 'privacy', 'diagnostics']) {
      await page.$eval(`${id(panel)} button`, (button) => button.click());
      await page.waitForSelector(`${id(panel)} dialog[open]`);
      await look(panel);
      await page.keyboard.press('Escape');
    }
    for (const panel of ['check', 'watch']) {
      await page.$eval(`#${panel}-open`, (button) => button.click());
      await page.waitForSelector(`#${panel}[open]`);
      await look(panel);
      await page.keyboard.press('Escape');
    }
    await page.$eval(id('open-viewer'), (button) => button.click());
    await page.waitForSelector('[data-pixels="full"]');
    await look('viewer');
    assert.deepEqual(problems, []);
    assert.deepEqual(visit.complaints(), []);
    await visit.close();
  });
}

test('the measure finds what is wrong', async () => {
  const visit = await firstVisit();
  const { page } = visit;
  await visit.accept();
  await visit.ready();
  await page.setViewport(VIEWPORTS.phone);
  const found = (css) => page.evaluate((css) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    document.adoptedStyleSheets = [sheet];
  }, css).then(() => page.evaluate(faults, { TARGET, TEXT }));
  assert.deepEqual(await found(''), []);
  for (const [css, expected] of [
    ['.about { width: 500px }', /page is 5\d\d wide/],
    ['#sample { width: 4rem; white-space: nowrap }', /wider than its place: button#sample/],
    ['#sample { height: 1.5rem; min-height: 0; width: 4rem; padding: 0 }', /higher than its place: button#sample/],
    ['#privacy-open { min-height: 0; padding: 0; line-height: 1 }', /to hit: button#privacy-open/],
    ['#file-help { font-size: 9px }', /9px: p#file-help/],
    ['#file-help { width: 3rem; overflow-wrap: anywhere }', /broken: "extension" in p#file-help/],
    ['#sample { margin-top: -4rem }', /one on the other: .*#sample/],
    ['#folder-help { margin-top: -3rem }', /text on text: .*#folder-help/],
  ]) {
    const told = await found(css);
    assert.ok(told.some((fault) => expected.test(fault)), `${css}: ${told.join('\n')}`);
  }
  await visit.close();
});
