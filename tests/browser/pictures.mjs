// The pictures of README.md and docs/, of the page as it is served: `node pictures.mjs` writes docs/pictures/, with the page at LUNGGLASS_PAGE.
// Only published pictures are in them (tests/cases).

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cases, desk } from './cases.mjs';
import { hazy, placed, rewritten } from './series.mjs';
import { id, openBrowser } from './visit.mjs';

const OUT = fileURLToPath(new URL('../../docs/pictures/', import.meta.url));

const files = await desk();
const all = await cases();
const browser = await openBrowser();
const one = (name) => files.putCase(all.find((one) => one.name === name));

async function fresh(viewport) {
  const visit = await browser.visit({ viewport: { ...viewport, deviceScaleFactor: 1 } });
  await visit.page.evaluate(() => localStorage.clear());
  await visit.page.reload();
  await visit.accept();
  await visit.ready();
  return visit;
}

/** A series of DICOM slices, two of which were made hazy. */
async function series(count) {
  const folder = join(files.folder, 'series');
  await mkdir(folder);
  for (let number = 1; number <= count; number++) {
    const bytes = rewritten(rewritten(await placed({ height: -10 * number, series: 1, mark: number }), '0020,0013', 'IS', String(number)), '0018,1210', 'SH', 'B60f');
    await writeFile(join(folder, `${String(number).padStart(2, '0')}.dcm`), number === 6 ? hazy(bytes, 250) : number === 7 ? hazy(bytes, 150) : bytes);
  }
  return folder;
}

/** Waits until the page is kept offline, which its foot says, and all is painted. */
async function settled(page) {
  await page.mouse.move(0, 0);
  await page.waitForSelector(`${id('offline')}[data-state="ready"]`);
  await page.evaluate(() => new Promise((resolve) => { setTimeout(resolve, 1500); }));
}

async function shoot(page, name, options = {}) {
  await settled(page);
  await page.screenshot({ path: join(OUT, `${name}.png`), ...options });
}

await mkdir(OUT, { recursive: true });

const cards = await fresh({ width: 1280, height: 900 });
await cards.choose([await one('lidc-explicit-le'), await one('photo-cat')]);
await cards.results(2);
await shoot(cards.page, 'page', { fullPage: true });
await cards.close();

const study = await fresh({ width: 1280, height: 900 });
await study.drop([await series(16)]);
await study.results(16);
await study.page.waitForSelector(id('film'));
await shoot(study.page, 'study', { fullPage: true });

await study.page.focus(id('profile'));
for (const key of ['Home', 'Enter']) await study.page.keyboard.press(key);
await study.page.waitForSelector('[data-pixels="full"]');
// The highest, its opacity, and a length and a region on it.
for (const key of ['w', 'o', 'd', 'Enter', ...Array(8).fill('Shift+ArrowLeft'), 'Enter', 'e', ...Array(12).fill('Shift+ArrowLeft'), 'Enter', ...Array(7).fill('Shift+ArrowDown'), ...Array(7).fill('Shift+ArrowRight'), 'Enter']) {
  const [held, pressed] = key.includes('+') ? key.split('+') : [null, key];
  if (held) await study.page.keyboard.down(held);
  await study.page.keyboard.press(pressed);
  if (held) await study.page.keyboard.up(held);
}
await study.page.waitForSelector('[data-pixels="full"]');
await shoot(study.page, 'viewer');
await study.close();

await browser.close();
await files.clear();
