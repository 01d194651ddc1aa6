// Reads files in a browser with a module of the page, and prints a line of JSON for each. For `cargo xtask parity`.
//
//     node read-files.mjs chromium|firefox MODULE LIST
//
// MODULE is its name in pkg/, LIST a file with a path a line. LUNGGLASS_PAGE is the address of a running server, CHROMIUM or FIREFOX the browser.

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import puppeteer from 'puppeteer-core';

const PAGE = process.env.LUNGGLASS_PAGE;
const [kind, module, list] = process.argv.slice(2);
const root = process.getuid?.() === 0;

const browser = kind === 'firefox'
  ? await puppeteer.launch({ browser: 'firefox', executablePath: process.env.FIREFOX, headless: true })
  : await puppeteer.launch({
    executablePath: process.env.CHROMIUM, headless: true,
    // Chromium refuses its sandbox to root.
    args: ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', ...(root ? ['--no-sandbox'] : [])],
  });
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(600_000);
  await page.goto(PAGE);
  await page.evaluate(async (library, module) => {
    const { default: init, Classifier } = await import(library);
    await init({ module_or_path: new URL(module, library) });
    window.classifier = new Classifier();
  }, new URL('pkg/lungglass.js', PAGE).href, module);
  for (const path of (await readFile(list, 'utf8')).split('\n').filter(Boolean)) {
    const bytes = (await readFile(path)).toString('base64');
    const reading = await page.evaluate((text, name) => {
      const data = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      const [{ logit, ms }] = window.classifier.classify(data, name);
      return { logit, ms };
    }, bytes, basename(path));
    console.log(JSON.stringify({ file: path, ...reading }));
  }
} finally {
  await browser.close();
}
