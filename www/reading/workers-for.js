// How many workers a device bears. Knows no worker.

// What an instance takes while it reads, in MB, and the share of the device's memory that all of them may take.
const INSTANCE = 150;
const SHARE = 0.25;

const MAX_WORKERS = 8;

/**
 * How many workers a device bears. `cores` and `memory` (GB) are what the browser tells, undefined where it does not; a phone has one
 * browser tab's memory, whatever else it has.
 *
 * @param {{ cores?: number, memory?: number, phone: boolean }} device
 */
export function workersFor({ cores, memory, phone }) {
  if (phone) return 1;
  const byMemory = Math.floor((memory ?? 4) * 1024 * SHARE / INSTANCE);
  // From three cores on, one is left to the page.
  const byCores = cores !== undefined && cores > 2 ? cores - 1 : cores ?? 2;
  return Math.max(1, Math.min(MAX_WORKERS, byMemory, byCores));
}

/**
 * Whether a browser (its `navigator`) is that of a phone or a tablet.
 *
 * @param {Pick<Navigator, 'userAgentData' | 'userAgent' | 'platform' | 'maxTouchPoints'>} navigator
 */
export function isPhone({ userAgentData, userAgent, platform, maxTouchPoints }) {
  // An iPad calls itself a Macintosh.
  return userAgentData?.mobile ?? (/Android|iPhone|iPad|Mobile/.test(userAgent) || (/^Mac/.test(platform) && maxTouchPoints > 1));
}
