// What a screen reader says of the whole job: Orca listens to Firefox on a screen of its own, the keys come from a keyboard that the browser
// takes for a real one, and what Orca would speak is printed under each of them. To be read by a person: how a screen reader puts it is its
// own, and changes with its versions. What must be said stands in told.test.mjs.
//
//     node orca.mjs [LANGUAGE]
//
// Needs Debian's orca, at-spi2-core, dbus, metacity, xdotool and xvfb, and Firefox. LUNGGLASS_PAGE and FIREFOX as in visit.mjs.

import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cases, desk, isError, isJudged, isRefused } from './cases.mjs';
import { PAGE, id, openFirefox } from './visit.mjs';
import { screen, stop } from './webdriver.mjs';

const language = process.argv[2] ?? 'en';
const folder = await mkdtemp(join(tmpdir(), 'lungglass-orca-'));
const log = join(folder, 'orca.log');
const started = [];
const pause = (seconds) => new Promise((resolve) => { setTimeout(resolve, 1000 * seconds); });
const run = promisify(execFile);

function start(program, args, options = {}) {
  const child = spawn(program, args, { stdio: 'ignore', ...options });
  child.once('error', (error) => { throw error; });
  started.unshift(child);
  return child;
}

const own = await screen();
started.unshift(own.server);
Object.assign(process.env, {
  DISPLAY: own.display, HOME: folder, XDG_RUNTIME_DIR: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder, XDG_CACHE_HOME: folder,
  GNOME_ACCESSIBILITY: '1', ACCESSIBILITY_ENABLED: '1', GTK_MODULES: 'gail:atk-bridge',
});
// Only what is asked for: no reading of the whole page when it opens.
const quiet = { sayAllOnLoad: false, pageSummaryOnLoad: false, enableSpeech: true };
await mkdir(join(folder, 'orca'));
await writeFile(join(folder, 'orca', 'user-settings.conf'), JSON.stringify({
  general: { ...quiet, profile: ['Default', 'default'], startingProfile: ['Default', 'default'] }, pronunciations: {}, keybindings: {},
  profiles: { default: { ...quiet, profile: ['Default', 'default'], pronunciations: {}, keybindings: {} } },
}));
let files;
try {
  const bus = start('dbus-daemon', ['--session', '--nofork', '--print-address=1'], { stdio: ['ignore', 'pipe', 'ignore'] });
  process.env.DBUS_SESSION_BUS_ADDRESS = await new Promise((resolve) => { bus.stdout.once('data', (address) => resolve(String(address).trim())); });
  start('/usr/libexec/at-spi-bus-launcher', ['--launch-immediately']);
  start('metacity', ['--sm-disable']);
  await pause(2);
  start('orca', ['--replace', '--debug-file', log]);
  await pause(5);
  files = await desk();
  await mkdir(join(folder, 'saved'));
  const firefox = await openFirefox(process.env.FIREFOX ?? '/usr/bin/firefox-esr', join(folder, 'saved'), false);
  let heard = 0;
  /** What Orca would have spoken since the last time, once it is silent. */
  const hear = async (what) => {
    let spoken = [];
    for (let [before, seconds] = [-1, 0]; seconds < 15 && (seconds < 4 || before !== spoken.length); seconds += 2) {
      before = spoken.length;
      await pause(2);
      spoken = [...(await readFile(log, 'utf8')).matchAll(/SPEECH OUTPUT: '([^\n]*)'\s*(?:\{|$)/gm)].map(([, text]) => text);
    }
    console.log(`\n# ${what}`);
    for (const text of spoken.slice(heard)) console.log(`  ${text}`);
    heard = spoken.length;
  };
  const press = async (...keys) => { for (const key of keys) await run('xdotool', ['key', key]); };
  const say = async (what, ...keys) => {
    await press(...keys);
    await hear(`${what}: ${keys.join(' ')}`);
  };
  const visit = await firefox.visit({ address: `${PAGE}` });
  const { page } = visit;
  await visit.ready();
  if (language !== 'en') await page.select(id('consent-language'), language);
  await hear('the page opens');
  await say('consent', 'Return');
  const all = await cases();
  const kinds = [...['luna-1', 'luna-2', 'luna-3'].map((name) => all.find((one) => one.name === name)), all.find(isRefused), all.find(isError)].filter(Boolean);
  if (!kinds.some(isJudged)) throw new Error('no case is judged');
  const paths = [];
  for (const one of kinds) paths.push(await files.putCase(one));
  await visit.choose(paths);
  await visit.results(kinds.length);
  await hear('files were chosen, and are read');
  await page.focus('#skip-readings').catch(() => {});
  await hear('the skip to the readings');
  await say('follows it', 'Return');
  await press('Control');
  for (let i = 0; i < 4; i++) await say('on', 'Tab');
  for (let i = 0; i < kinds.length; i++) {
    await page.$$eval(id('result'), (cards, i) => cards[i].focus(), i);
    await hear(`card ${i + 1} has the focus`);
  }
  await page.$$eval(id('open-viewer'), ([opener]) => opener.focus());
  await hear('the button of the viewer');
  await say('the viewer', 'Return');
  await say('next slice', 'Down');
  await say('highest score', 'w');
  await say('crosshair', 'x');
  await say('it moves', 'Right');
  await say('length', 'd');
  await say('its first end', 'Return');
  await press('Right', 'Right', 'Right');
  await say('its second end', 'Return');
  await say('back', 'Escape', 'Escape');
  await page.focus(id('export-csv'));
  await hear('export');
  await say('saved', 'Return');
  await page.focus(id('clear'));
  await hear('clear');
  await say('cleared', 'Return');
  await say('undone', 'Return');
  await firefox.close();
} finally {
  for (const child of started) await stop(child);
  await files?.clear();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}
