// The consent dialog. A visit where nothing can be remembered asks again.

import { recall, remember } from './storage.js';

const FLAG = 'lungglass.consent.1';

/**
 * Resolves once the person has accepted, now or at an earlier visit.
 *
 * @param {HTMLDialogElement} dialog
 * @param {HTMLElement} accept
 * @returns {Promise<void>}
 */
export function consent(dialog, accept) {
  if (recall(FLAG) === 'yes') return Promise.resolve();
  return new Promise((resolve) => {
    let accepted = false;
    accept.addEventListener('click', () => {
      accepted = true;
      remember(FLAG, 'yes');
      dialog.close();
      resolve();
    });
    dialog.addEventListener('cancel', (event) => event.preventDefault());
    // Browsers let a second Escape through.
    dialog.addEventListener('close', () => {
      if (!accepted) dialog.showModal();
    });
    dialog.showModal();
  });
}
