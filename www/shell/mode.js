// How the page is used: as one person's page, or as a kiosk on a machine that many share. The address says so: ?kiosk or #kiosk, with
// minutes as ?kiosk=5; 0 never clears by itself; &watch counts readings for control charts. The page in one file is always a kiosk. Knows no element.

import { inOneFile } from '../common/published.js';

const MINUTES = 10;

/** { minutes } without use after which everything is cleared, Infinity for never, { watches } whether readings are counted; null where this is no kiosk. */
export const kiosk = read(location);

/** @param {Location} address */
function read({ search, hash }) {
  const all = [new URLSearchParams(search), new URLSearchParams(hash.slice(1))];
  const given = all[0].get('kiosk') ?? all[1].get('kiosk');
  if (given === null && !inOneFile) return null;
  const minutes = given?.trim() ? Number(given) : MINUTES;
  return { minutes: minutes === 0 ? Infinity : minutes > 0 ? minutes : MINUTES, watches: all.some((one) => one.has('watch')) };
}
