// One visit to the page in a fresh browser profile, with everything recorded that the page must not do.
//
// From the environment: LUNGGLASS_PAGE (address of a running server), CHROMIUM and FIREFOX (the browsers), LUNGGLASS_SHOTS (a folder for
// screenshots, optional).

import assert from 'node:assert/strict';
import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import puppeteer from 'puppeteer-core';

export const PAGE = process.env.LUNGGLASS_PAGE ?? 'http://127.0.0.1:8080/';
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const SHOTS = process.env.LUNGGLASS_SHOTS;

const FLAGS = [
  '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
  // Chromium refuses its sandbox to root.
  ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
];

export const DESKTOP = { width: 1280, height: 900 };
export const PHONE = { width: 360, height: 740, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };

// A reading takes a fraction of a second, but the machine may be busy with something else.
const PATIENCE = 300_000;

/** An element by its data-testid. */
export const id = (name) => `[data-testid="${name}"]`;

/** A browser with an empty profile, and perhaps flags and options of puppeteer of its own. Several visits in one browser share what the page stored. */
export async function openBrowser(flags = [], options = {}) {
  const profile = await mkdtemp(join(tmpdir(), 'lungglass-profile-'));
  const browser = await puppeteer.launch({ executablePath: CHROMIUM, headless: true, userDataDir: profile, args: [...FLAGS, ...flags], ...options });
  return {
    visit: (options) => visit(browser, options),
    async close() {
      await browser.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/**
 * Firefox with an empty profile, which saves into the folder `downloads`. It tells less of what a page does than Chromium: requests,
 * console, errors and violations, but no worker's.
 */
export async function openFirefox(executablePath, downloads, headless = true) {
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath,
    headless,
    extraPrefsFirefox: {
      'browser.download.folderList': 2,
      'browser.download.dir': downloads,
      'browser.download.useDownloadDir': true,
      'browser.download.alwaysOpenPanel': false,
      'browser.helperApps.neverAsk.saveToDisk': 'text/csv,application/json',
    },
  });
  return {
    async visit({ address = PAGE, viewport = DESKTOP } = {}) {
      const page = await browser.newPage();
      page.setDefaultTimeout(PATIENCE);
      await page.setViewport({ width: viewport.width, height: viewport.height });
      const seen = { requests: [], console: [], errors: [], violations: [] };
      page.on('request', (request) => seen.requests.push(request.url()));
      page.on('console', (message) => seen.console.push(`${message.type()}: ${message.text()}`));
      page.on('pageerror', (error) => seen.errors.push(String(error)));
      await page.evaluateOnNewDocument(() => {
        window.violations = [];
        addEventListener('securitypolicyviolation', (event) => window.violations.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`));
      });
      await page.goto(address);
      return new Visit(page, seen, new URL(address).origin);
    },
    close: () => browser.close(),
  };
}

async function visit(browser, { address = PAGE, viewport = DESKTOP, scheme = 'light', cores, prepare } = {}) {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  await page.setViewport(viewport);
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);

  const seen = { requests: [], console: [], errors: [], violations: [], workers: 0 };
  page.on('request', (request) => seen.requests.push(request.url()));
  page.on('console', (message) => seen.console.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => seen.errors.push(String(error)));
  page.on('workercreated', (worker) => {
    seen.workers++;
    worker.on('console', (message) => seen.console.push(`worker ${message.type()}: ${message.text()}`));
    worker.on('error', (error) => seen.errors.push(`worker: ${error}`));
  });
  await page.exposeFunction('tellViolation', (text) => seen.violations.push(text));
  await page.evaluateOnNewDocument(() => {
    addEventListener('securitypolicyviolation', (event) => {
      window.tellViolation(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`);
    });
  });
  // What the device tells decides how many workers read.
  if (cores) await page.evaluateOnNewDocument((cores) => Object.defineProperty(Navigator.prototype, 'hardwareConcurrency', { get: () => cores }), cores);
  await prepare?.(page);
  await page.goto(address);
  return new Visit(page, seen, new URL(address).origin);
}

class Visit {
  constructor(page, seen, home) {
    this.page = page;
    this.seen = seen;
    this.home = home;
  }

  async accept() {
    await this.page.waitForSelector(id('consent-accept'), { visible: true });
    await this.page.click(id('consent-accept'));
    await this.page.waitForSelector(id('consent'), { hidden: true });
  }

  async ready() {
    await this.page.waitForSelector(id('ready'), { visible: true });
  }

  async choose(paths) {
    const input = await this.page.waitForSelector(id('file-input'));
    await input.uploadFile(...paths);
  }

  /** Drops files and folders of the disk on the page, as a person does. */
  async drop(paths) {
    const session = await this.page.createCDPSession();
    const box = await (await this.page.$(id('drop-zone'))).boundingBox();
    const data = { items: [], files: paths, dragOperationsMask: 1 };
    for (const type of ['dragEnter', 'dragOver', 'drop']) {
      await session.send('Input.dispatchDragEvent', { type, x: box.x + box.width / 2, y: box.y + box.height / 2, data });
    }
    await session.detach();
  }

  /** Opens the licences, of all that is inside, and closes them again. */
  async licences() {
    await this.page.click('#licences-open');
    await this.page.waitForFunction(() => document.getElementById('licences-text').textContent !== '');
    const text = await this.page.$eval('#licences-text', (node) => node.innerText);
    for (const wanted of [/^- wasm-bindgen \d/m, /^- image \d/m, /Permission is hereby granted/, /The network\n=+\n\n.*ImageNet/, /LIDC-IDRI/]) assert.match(text, wanted);
    await this.page.click('#licences [data-close]');
  }

  /** Waits until the page says how it stands with use without a network. */
  async offline(state) {
    await this.page.waitForSelector(`${id('offline')}[data-state="${state}"]`);
  }

  /** Waits for so many results and an empty queue. */
  async results(count) {
    await this.page.waitForFunction(
      (result, queued, count) => document.querySelectorAll(result).length >= count && !document.querySelector(queued),
      {}, id('result'), id('queued'), count,
    );
    return this.page.$$eval(id('result'), (cards) => cards.map((card) => ({
      file: card.dataset.file,
      frame: card.dataset.frame ?? null,
      verdict: card.dataset.verdict,
      score: card.dataset.score,
      text: card.textContent,
      refusal: card.querySelector('[data-testid="refusal"]')?.textContent ?? null,
      error: card.querySelector('[data-testid="error"]')?.textContent ?? null,
      heatmap: [...card.querySelectorAll('[data-testid="heatmap"]')].map((canvas) => {
        if (canvas.width === 0) return 0;
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        return data.filter((value, at) => at % 4 === 3 && value > 0).length / (canvas.width * canvas.height);
      })[0] ?? null,
    })));
  }

  async shot(name, options = {}) {
    if (!SHOTS) return;
    await mkdir(SHOTS, { recursive: true });
    await this.page.screenshot({ path: join(SHOTS, `${name}.png`), ...options });
  }

  /** What the page did that it must not do; empty when all is well. */
  complaints() {
    return [
      ...this.seen.requests.filter((url) => !['blob:', 'data:'].some((own) => url.startsWith(own)) && new URL(url).origin !== this.home).map((url) => `request to ${url}`),
      ...this.seen.console.filter((line) => /(^|worker )(error|warn|assert)/.test(line)).map((line) => `console ${line}`),
      ...this.seen.errors.map((error) => `page error ${error}`),
      ...this.seen.violations.map((violation) => `policy violation ${violation}`),
    ];
  }

  close() { return this.page.close(); }
}
