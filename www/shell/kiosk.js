// The kiosk on a shared machine: clears everything when nobody has used the page for a while, and at a touch. Nothing is remembered
// there (see storage.js), so that a fresh load is a first visit.

import { kiosk } from './mode.js';
import { inOneFile } from '../common/published.js';

// The last seconds are counted aloud; of a very short time the last half.
const WARNING = 20;
const USES = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart', 'scroll', 'drop', 'input'];

/**
 * `busy` tells whether files are being read, which counts as use; `clear` removes what the page shows. onCount(seconds) before the
 * end, onCount(null) when somebody is there again. Does nothing where this is no kiosk. Gives a function that clears at once.
 */
export function kioskMode({ busy, clear, onCount }) {
  if (!kiosk) return () => {};
  keepInAddress(kiosk.minutes);
  history.scrollRestoration = 'manual';

  // The clock and no timer: the time that the machine sleeps counts too. Nothing to clear before the first use.
  /** @type {number | null} */
  let lastUse = null;
  let counting = false;
  const idle = kiosk.minutes * 60;
  const warning = Math.min(WARNING, idle / 2);

  const clearAll = () => {
    lastUse = null;
    clear();
    // A fresh load forgets what no module would think of.
    location.reload();
  };
  const used = () => {
    lastUse = Date.now();
    if (counting) onCount(null);
    counting = false;
  };
  for (const use of USES) addEventListener(use, used, { capture: true, passive: true });
  setInterval(() => {
    if (lastUse === null) return;
    if (busy()) return used();
    const left = idle - (Date.now() - lastUse) / 1000;
    if (left <= 0) return clearAll();
    if (left > warning) return;
    counting = true;
    onCount(Math.ceil(left));
  }, 250);
  return clearAll;
}

// The skip link and others change the part behind #, and a reload must stay a kiosk.
function keepInAddress(minutes) {
  if (inOneFile || new URLSearchParams(location.search).has('kiosk')) return;
  const address = new URL(location.href);
  address.searchParams.set('kiosk', String(Number.isFinite(minutes) ? minutes : 0));
  address.hash = '';
  history.replaceState(null, '', address);
}
