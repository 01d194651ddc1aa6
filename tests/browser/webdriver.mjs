// What a test needs of the WebDriver protocol (https://www.w3.org/TR/webdriver2/), for browsers that puppeteer does not drive: WebKit's, which
// is the engine of Safari. A session is a process of the driver, a screen of its own where the machine has none, and a browser with an empty profile.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** By what the protocol marks an element in JSON. */
const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf';

const PATIENCE_MS = 120_000;

const find = (...programs) => programs.find((program) => program && existsSync(program)) ?? null;
const DRIVER = find(process.env.WEBKIT_DRIVER, '/usr/bin/WebKitWebDriver');
const SCREEN = find('/usr/bin/Xvfb');

/** Why there is no WebKit to test in, or false. */
export const noWebKit = !DRIVER ? 'there is no WebKit: set WEBKIT_DRIVER to the path of WebKitWebDriver'
  : !process.env.DISPLAY && !SCREEN ? 'WebKit needs a screen: install Xvfb, or set DISPLAY' : false;

const freePort = () => new Promise((resolve, reject) => {
  const server = createServer().on('error', reject).listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

const ended = (process) => (process.exitCode !== null || process.signalCode !== null ? Promise.resolve() : new Promise((resolve) => { process.once('exit', resolve); }));

/** Ends a process, and waits until it has ended. */
export async function stop(process) {
  process.kill();
  await ended(process);
}

/** A screen, as Xvfb's number and the process; it chooses the first free number. */
export function screen() {
  return new Promise((resolve, reject) => {
    const server = spawn(SCREEN, ['-displayfd', '3', '-screen', '0', '1400x1000x24', '-nolisten', 'tcp'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
    server.once('error', reject);
    server.once('exit', (code) => reject(new Error(`Xvfb ended with ${code}`)));
    server.stdio[3].once('data', (number) => resolve({ display: `:${String(number).trim()}`, server }));
  });
}

/** WebKit in MiniBrowser, with an empty profile. */
export async function openWebKit() {
  const home = await mkdtemp(join(tmpdir(), 'lungglass-webkit-'));
  const own = process.env.DISPLAY ? null : await screen();
  const port = await freePort();
  const driver = spawn(DRIVER, [`--port=${port}`, '--host=127.0.0.1'], {
    stdio: ['ignore', 'inherit', 'ignore'],
    env: { ...process.env, DISPLAY: own?.display ?? process.env.DISPLAY, HOME: home, XDG_DATA_HOME: home, XDG_CACHE_HOME: home, XDG_CONFIG_HOME: home, LIBGL_ALWAYS_SOFTWARE: '1' },
  });
  const base = `http://127.0.0.1:${port}`;
  const close = async () => {
    await stop(driver);
    if (own) await stop(own.server);
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await until(async () => (await fetch(`${base}/status`).catch(() => null))?.ok);
    const { sessionId, capabilities } = await call(base, 'POST', '/session', { capabilities: { alwaysMatch: { 'webkitgtk:browserOptions': { args: ['--automation'] } } } });
    const session = new Session(`${base}/session/${sessionId}`, capabilities);
    return { session, async close() { await session.end().catch(() => {}); await close(); } };
  } catch (failure) {
    await close();
    throw failure;
  }
}

async function call(base, method, path, body) {
  const response = await fetch(base + path, { method, body: body && JSON.stringify(body), headers: body && { 'content-type': 'application/json' } });
  const { value } = await response.json();
  if (!response.ok) throw new Error(`${method} ${path}: ${value.error}: ${value.message}`);
  return value;
}

/** Waits until `holds` gives something that counts as true, and gives it. */
export async function until(holds, what = holds) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const value = await holds();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
}

class Session {
  #base;

  constructor(base, capabilities) {
    this.#base = base;
    this.capabilities = capabilities;
  }

  #call(method, path, body) { return call(this.#base, method, path, body); }

  end() { return this.#call('DELETE', ''); }

  open(url) { return this.#call('POST', '/url', { url }); }

  reload() { return this.#call('POST', '/refresh', {}); }

  resize(width, height) { return this.#call('POST', '/window/rect', { width, height }); }

  /** What a function of the page gives for arguments that JSON can hold. */
  run(inPage, ...args) {
    const script = typeof inPage === 'function' ? `return (${inPage}).apply(null, arguments)` : inPage;
    return this.#call('POST', '/execute/sync', { script, args });
  }

  /** Waits until a function of the page gives something that counts as true. */
  until(inPage, ...args) { return until(() => this.run(inPage, ...args), inPage); }

  /** The element of a selector, once there is one. */
  async element(selector) {
    return until(async () => (await this.#call('POST', '/elements', { using: 'css selector', value: selector }))[0]?.[ELEMENT], selector);
  }

  async click(selector) { return this.#call('POST', `/element/${await this.element(selector)}/click`, {}); }

  /** Types into an element; the paths of files, for their input. */
  async type(selector, text) { return this.#call('POST', `/element/${await this.element(selector)}/value`, { text }); }

  /** Keys for what has the focus, by the protocol's characters. */
  press(...keys) {
    const actions = keys.flatMap((value) => [{ type: 'keyDown', value }, { type: 'keyUp', value }]);
    return this.#call('POST', '/actions', { actions: [{ type: 'key', id: 'keyboard', actions }] });
  }

  /** Presses the pointer at a point of the viewport, moves it, and lets it go. */
  drag(from, to) {
    const [x, y] = to;
    const actions = [{ type: 'pointerMove', duration: 0, x: from[0], y: from[1] }, { type: 'pointerDown', button: 0 }, { type: 'pointerMove', duration: 50, x, y }, { type: 'pointerUp', button: 0 }];
    return this.#call('POST', '/actions', { actions: [{ type: 'pointer', id: 'mouse', actions }] });
  }

  /** Moves the pointer to a point of the viewport. */
  hover([x, y]) {
    const actions = [{ type: 'pointerMove', duration: 0, x: x - 3, y }, { type: 'pointerMove', duration: 0, x, y }];
    return this.#call('POST', '/actions', { actions: [{ type: 'pointer', id: 'mouse', actions }] });
  }

  /** A picture of the window, as PNG. */
  async shot() { return Buffer.from(await this.#call('GET', '/screenshot'), 'base64'); }
}
