// What nearly every suite of the page begins with: a browser with an empty profile, a desk to put files on, all cases, and the two ways
// to come to the page. They are there from the first test of the suite on.

import { after, before } from 'node:test';
import { cases, desk, isJudged } from './cases.mjs';
import { id, openBrowser } from './visit.mjs';

export let browser;
export let files;
export let all;
/** A file whose slice is judged. */
export let slice;

before(async () => {
  browser = await openBrowser();
  files = await desk();
  all = await cases();
  slice = all.find(isJudged).input;
});

after(async () => {
  await browser?.close();
  await files?.clear();
});

/** A visit whose page can read, with the consent given. */
export async function readyVisit(options) {
  const visit = await browser.visit(options);
  // Which view the visit before was left in.
  if (await visit.page.evaluate(() => localStorage.getItem('lungglass.view'))) {
    await visit.page.evaluate(() => localStorage.removeItem('lungglass.view'));
    await visit.page.reload();
  }
  await visit.ready();
  if (await visit.page.$eval(id('consent'), (dialog) => dialog.open)) await visit.accept();
  return visit;
}

/** A visit of somebody who was never here. */
export async function firstVisit(options) {
  const visit = await browser.visit(options);
  await visit.page.evaluate(() => localStorage.clear());
  await visit.page.reload();
  return visit;
}
