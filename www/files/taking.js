// Files on their way from where they were given to the queue: what was chosen before counts once, and that is said. Owns that line.

import { say } from '../common/page.js';
import { words } from '../locales/words.js';
import { unrepeated } from './repeats.js';

/**
 * Gives what takes files, one batch behind the other; none is taken before `consented`.
 *
 * @param {object} page
 * @param {Promise<void>} page.consented
 * @param {() => { file: import('../reading/kept-file.js').KeptFile | null, name: string }[]} page.known What was read, or waits to be.
 * @param {(given: GivenFile[]) => void} page.onFiles
 * @returns {(given: GivenFile[]) => void}
 */
export function taking({ consented, known, onFiles }) {
  let taken = consented;
  return (given) => {
    taken = taken.then(async () => {
      const { fresh, doubtful, differ } = unrepeated(given, known());
      if (fresh.length > 0) onFiles(fresh);
      const others = await differ();
      if (others.length > 0) onFiles(others);
      const repeated = doubtful - others.length;
      say('repeated', () => (repeated > 0 ? words.progress.repeated(repeated) : ''));
    });
  };
}
