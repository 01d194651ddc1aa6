// Why a slice has no score, in the language of the page.

import { network } from '../locales/classes.js';
import { known, language, sentence, words } from '../locales/words.js';

/**
 * { text, detail } of a reading with a refusal or an error: what the page says, and what the library said in English; either may be null.
 *
 * The code of a refusal tells all. An error's message holds what no code tells, so it is given too; where the page is in English the
 * message is enough.
 *
 * @param {Pick<Reading, 'refusal' | 'error' | 'source'>} reading
 * @returns {{ text: string | null, detail: string | null }}
 */
export function reason({ refusal, error, source }) {
  if (refusal) {
    // What is to be chosen instead, only its own words tell.
    if (network.isForeign) return { text: null, detail: sentence(refusal.message) };
    const told = known(words.refusals, refusal.code);
    if (typeof told === 'string') return { text: told, detail: null };
    if (told && source) return { text: told(source), detail: null };
    return { text: null, detail: sentence(refusal.message) };
  }
  if (!error) return { text: null, detail: null };
  const text = known(words.errors, error.code);
  // The page's own code: the message is the engine's, and helps nobody.
  if (error.code === 'crashed') return { text, detail: null };
  return { text: language() === 'en' ? null : text, detail: sentence(error.message) };
}
