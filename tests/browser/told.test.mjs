// What a screen reader is told of the whole job, by the browser's accessibility tree and by what its live regions say: choosing, results, a
// refusal, the viewer, what is saved, clearing. `orca.mjs` is the same by ear.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isError, isRefused } from './cases.mjs';
import { all, files, readyVisit, slice } from './suite.mjs';
import { id } from './visit.mjs';

/** Roles that a screen reader names, in the order of the page, as `role "name"`; of `selector` or of the whole page. */
async function tree(page, selector = 'body') {
  const session = await page.createCDPSession();
  const { root } = await session.send('DOM.getDocument', { depth: 0 });
  const { nodeId } = await session.send('DOM.querySelector', { nodeId: root.nodeId, selector });
  const { node: { backendNodeId } } = await session.send('DOM.describeNode', { nodeId });
  const { nodes } = await session.send('Accessibility.getFullAXTree');
  await session.detach();
  const byId = new Map(nodes.map((node) => [node.nodeId, node]));
  const lines = [];
  const visit = (node) => {
    const role = node.role?.value;
    if (!node.ignored && !['none', 'generic', 'StaticText', 'InlineTextBox', 'RootWebArea', 'paragraph', 'LayoutTable'].includes(role)) {
      const states = (node.properties ?? []).filter(({ name, value }) => ['pressed', 'checked', 'expanded', 'disabled'].includes(name) && value.value !== false).map(({ name, value }) => `${name}=${value.value}`);
      lines.push([`${role} "${node.name?.value ?? ''}"`, ...states].join(' '));
    }
    for (const child of node.childIds ?? []) visit(byId.get(child));
  };
  visit(nodes.find((node) => node.backendDOMNodeId === backendNodeId));
  return lines;
}

/** From now on the page keeps what its live regions say. */
const listen = (page) => page.evaluate(() => {
  window.said = [];
  const region = (node) => (node instanceof Element ? node : node.parentElement)?.closest('[role="status"], [role="alert"], [aria-live]');
  const last = new Map();
  new MutationObserver((changes) => {
    const regions = new Set(changes.flatMap(({ target, addedNodes }) => [target, ...addedNodes]).map(region).filter(Boolean));
    for (const node of regions) {
      const text = node.checkVisibility() ? node.textContent.trim() : '';
      if (text !== '' && last.get(node) !== text) window.said.push(text);
      last.set(node, text);
    }
  }).observe(document.body, { childList: true, subtree: true, characterData: true, attributes: true, attributeFilter: ['hidden'] });
});
const heard = (page) => page.evaluate(() => window.said.splice(0));

test('the job is told: what is read, what came of it, a refusal, and each thing once', async () => {
  const visit = await readyVisit();
  const { page } = visit;
  await listen(page);
  const refused = all.find((one) => isRefused(one) && one.name.startsWith('photo'));
  const broken = all.find(isError);
  await visit.choose([await files.put(slice, 'first.png'), await files.putCase(refused), await files.putCase(broken)]);
  await visit.results(3);
  await page.waitForFunction(() => window.said.some((text) => text.startsWith('3 slices done')));
  const told = await heard(page);
  assert.match(told[0], /^Reading 1 of 3/);
  assert.equal(told.at(-1), '3 slices done. 1 judged, 1 not judged, 1 could not be read');
  assert.deepEqual(told, [...new Set(told)], 'nothing is said twice');

  // The results in the order in which they are read: heading, controls, cards with their verdicts.
  const lines = await tree(page, '#results');
  const at = (line) => {
    const found = lines.findIndex((one) => (typeof line === 'string' ? one === line : line.test(one)));
    assert.ok(found >= 0, `${line} is not in\n${lines.join('\n')}`);
    return found;
  };
  const order = ['button "Save CSV"', 'button "Save JSON"', 'button "Print"', 'button "Clear all"', 'heading "Readings"', 'toolbar "View"', /^button "Cards" pressed=true$/, /^(combobox|MenuListPopup|select) "Show"/, 'checkbox "Show the map" checked=true']
    .map(at);
  assert.deepEqual(order, [...order].sort((a, b) => a - b));
  const articles = lines.filter((line) => line.startsWith('article'));
  assert.deepEqual(articles, ['article "first.png: Score below the threshold"', 'article "photo-cat.png: Not judged"', 'article "bad-crc.png: Could not be read"']);
  at('DisclosureTriangle "Single pictures 3 slices" expanded=true');
  const headings = ['first.png', 'photo', 'bad'].map((name) => at(new RegExp(`^heading "${name}`)));
  assert.deepEqual(headings, [...headings].sort((a, b) => a - b));
  assert.ok((await page.$$eval('figcaption', (captions) => captions.map(({ textContent }) => textContent))).every((text) => !/[a-z][A-Z]|camebars|scoreline/.test(text)), 'words run together');
  // Nothing that can be pressed or looked at is without a name.
  for (const line of lines) assert.doesNotMatch(line, /^(button|link|checkbox|radio|combobox|slider|image|img|spinbutton|dialog|region) ""/, line);
  at('button "Enlarge: first.png"');
  at(/^image "Model score [\d.]+ on a scale from 0 to 1\. Threshold/);
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});

test('the viewer is told: its name, where one is, what a slice is, what was measured; and what is saved and cleared', async () => {
  const visit = await readyVisit();
  const { page } = visit;
  const two = all.filter(({ name }) => ['luna-1', 'luna-2'].includes(name));
  for (const one of two) one.path = await files.putCase(one);
  await visit.choose(two.map(({ path }) => path));
  await visit.results(2);
  await page.focus(id('open-viewer'));
  await listen(page);
  await page.keyboard.press('Enter');
  await page.waitForSelector('[data-pixels="full"]');
  const lines = await tree(page, id('viewer'));
  assert.equal(lines[0], 'dialog "Slice viewer"');
  // A screen reader hands the keys of an application on, and keeps letters and arrows of all else for itself.
  assert.ok(lines.includes('application "Slice"'), lines.join('\n'));
  for (const line of lines) assert.doesNotMatch(line, /^(button|link|checkbox|radio|radiogroup|combobox|slider|image|spinbutton|application) ""/, `${line} in\n${lines.join('\n')}`);
  // What has the focus says where one is, by its description.
  const session = await page.createCDPSession();
  const { nodes } = await session.send('Accessibility.getFullAXTree');
  const focused = nodes.findLast(({ properties }) => properties?.some(({ name, value }) => name === 'focused' && value.value));
  assert.equal(focused.name.value, 'Slice');
  assert.match(focused.description.value, /^Slice 1 of 2.*Score (above|below|in)/);
  await heard(page);
  await page.keyboard.press('ArrowDown');
  await page.waitForFunction((position) => document.querySelector(position).textContent.startsWith('Slice 2 of'), {}, id('viewer-position'));
  await page.waitForSelector('[data-pixels="full"]');
  const stepped = await heard(page);
  assert.equal(stepped.filter((text) => text.startsWith('Slice 2 of 2')).length, 1, stepped.join('\n'));
  assert.match(stepped.join('\n'), /Score (above|below|in)/);
  for (const key of ['d', 'Enter', 'ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowRight', 'Enter']) await page.keyboard.press(key);
  await page.waitForFunction(() => window.said.some((text) => /^Length: [\d.]/.test(text)), { timeout: 10_000 });
  const measured = await heard(page);
  assert.match(measured[0], /^Length: move the crosshair/);
  assert.match(measured.at(-1), /^Length: 4\.0 pixels$/);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await page.waitForSelector(id('viewer'), { hidden: true });
  await page.click(id('clear'));
  // What comes into view is no change of a live region: the focus goes to the button that takes it back, which says what of.
  assert.equal(await page.evaluate(() => document.activeElement.dataset.testid), 'undo');
  const undo = (await session.send('Accessibility.getFullAXTree')).nodes.find(({ role, name }) => role?.value === 'button' && name?.value === 'Undo');
  assert.equal(undo.description?.value, 'All readings were cleared.');
  assert.deepEqual(visit.complaints(), []);
  await visit.close();
});
