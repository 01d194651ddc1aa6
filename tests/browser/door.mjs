// What the test at the door costs: the page as it is, and a copy whose workers do not try themselves, in turn. Prints medians, in milliseconds:
// from the start of the navigation until the page can read; and from a click on the sample slice at that moment until its result is there.
//
//     node door.mjs [ROUNDS]
//
// LUNGGLASS_PAGE and CHROMIUM as in visit.mjs.

import { site } from './site.mjs';
import { id, openBrowser } from './visit.mjs';

const rounds = Number(process.argv[2] ?? 15);
if (!Number.isInteger(rounds) || rounds < 3) throw new Error('usage: node door.mjs [ROUNDS], at least 3');

const LINE = '  classifier?.prove();\n';
const ways = { 'with the test': await site(), without: await site() };
const worker = ways.without.files.get('reading/worker.js').toString();
if (!worker.includes(LINE)) throw new Error('reading/worker.js tries itself in another way');
ways.without.publish('reading/worker.js', worker.replace(LINE, ''));

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const found = Object.fromEntries(Object.keys(ways).map((way) => [way, { ready: [], first: [] }]));
const browser = await openBrowser();
try {
  // The first round warms what the browser shares.
  for (let round = 0; round <= rounds; round++) {
    for (const [way, { address }] of Object.entries(ways)) {
      const visit = await browser.visit({ address });
      const { page } = visit;
      await page.waitForSelector(id('ready'));
      const ready = await page.evaluate(() => performance.now());
      if (round === 0) await visit.accept();
      const first = await page.evaluate((sample, result) => new Promise((resolve) => {
        const began = performance.now();
        const look = () => (document.querySelector(result) ? resolve(performance.now() - began) : requestAnimationFrame(look));
        document.querySelector(sample).click();
        look();
      }), id('sample'), id('result'));
      if (round > 0) {
        found[way].ready.push(ready);
        found[way].first.push(first);
      }
      await visit.close();
    }
  }
} finally {
  await browser.close();
  await Promise.all(Object.values(ways).map((own) => own.stop()));
}
for (const [way, { ready, first }] of Object.entries(found)) {
  console.log(`${way.padEnd(14)} ready after ${median(ready).toFixed(0)} ms, first result ${median(first).toFixed(0)} ms later (medians of ${rounds})`);
}
