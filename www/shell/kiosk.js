// The kiosk on a shared machine: clears everything when nobody has used the page for a while, and at a touch. Nothing is remembered
// there (see storage.js), so that a fresh load is a first visit.

import { element } from '../common/dom.js';
import { byId, say } from '../common/page.js';
import { inOneFile } from '../common/published.js';
import { format, words } from '../locales/words.js';
import { kiosk } from './mode.js';

// The last seconds are counted aloud; of a very short time the last half.
const WARNING = 20;
const USES = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart', 'scroll', 'drop', 'input'];

/**
 * Makes the page a kiosk, with its bar and its countdown, if it is to be one. `clear()` stops what is read and removes what the page shows.
 * That files are being read is no use: somebody may have left them, and they may take hours.
 *
 * @param {{ clear: () => void }} page
 */
export function kioskMode({ clear }) {
  if (!kiosk) return;
  const { minutes } = kiosk;
  keepInAddress(minutes, kiosk.watches);
  history.scrollRestoration = 'manual';
  byId('kiosk').hidden = false;
  say('kiosk-text', () => (Number.isFinite(minutes) ? words.offline.kiosk.idle(minutes * 60) : words.offline.kiosk.never));

  // The clock and no timer: the time that the machine sleeps counts too. Nothing to clear before the first use.
  /** @type {number | null} */
  let lastUse = null;
  let counting = false;
  const idle = minutes * 60;
  const warning = Math.min(WARNING, idle / 2);

  const clearAll = () => {
    lastUse = null;
    clear();
    // A fresh load forgets what no module would think of.
    location.reload();
  };
  const used = () => {
    lastUse = Date.now();
    if (counting) byId('kiosk-countdown', HTMLDialogElement).close();
    counting = false;
  };
  for (const use of USES) addEventListener(use, used, { capture: true, passive: true });
  setInterval(() => {
    if (lastUse === null) return;
    const left = idle - (Date.now() - lastUse) / 1000;
    if (left <= 0) return clearAll();
    if (left > warning) return;
    counting = true;
    count(Math.ceil(left));
  }, 250);
  byId('kiosk-clear').addEventListener('click', clearAll);
  for (const close of document.querySelectorAll('dialog [data-close]')) close.before(clearButton(clearAll));
}

/**
 * What lies under a dialog cannot be reached: each has a button of its own.
 *
 * @param {() => void} clearAll
 */
function clearButton(clearAll) {
  const button = element('button.quiet', words.offline.kiosk.clear);
  button.type = 'button';
  button.dataset.words = 'offline.kiosk.clear';
  button.dataset.testid = 'kiosk-clear-here';
  button.addEventListener('click', clearAll);
  return button;
}

/** @param {number} seconds */
function count(seconds) {
  const dialog = byId('kiosk-countdown', HTMLDialogElement);
  byId('kiosk-seconds').textContent = format.duration(seconds);
  if (!dialog.open) dialog.showModal();
}

// The skip link and others change the part behind #, and a reload must stay a kiosk.
/**
 * @param {number} minutes
 * @param {boolean} watches
 */
function keepInAddress(minutes, watches) {
  if (inOneFile || new URLSearchParams(location.search).has('kiosk')) return;
  const address = new URL(location.href);
  address.searchParams.set('kiosk', String(Number.isFinite(minutes) ? minutes : 0));
  if (watches) address.searchParams.set('watch', '');
  address.hash = '';
  history.replaceState(null, '', address);
}
