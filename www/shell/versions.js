// Use without a network as the page shows it: whether all is kept, which build this is, and a new version that waits. Owns these elements.

import { element } from '../common/dom.js';
import { byId, say } from '../common/page.js';
import { build } from '../common/published.js';
import { words } from '../locales/words.js';
import { Offline } from './offline.js';

/**
 * Gives the Offline that it shows. While `isBusy()`, a new version is not started: what is read would be lost.
 *
 * @param {() => boolean} isBusy
 */
export function versions(isBusy) {
  const offline = new Offline({
    onState(state) {
      byId('offline').dataset.state = state;
      say('offline', () => words.offline[state]);
    },
    onUpdate() {
      say('update-text', () => words.offline.update);
      byId('update').hidden = false;
    },
  });
  byId('update-reload').addEventListener('click', async () => {
    if (isBusy()) return say('update-text', () => words.offline.updateBusy);
    const others = await offline.update();
    if (others > 0) say('update-text', () => words.offline.updateOthers(others));
  });
  build.then((known) => {
    if (known) say('footer-build', () => [`${words.offline.build(known.version)} `, element('code', known.id.slice(0, 12))]);
  });
  return offline;
}
