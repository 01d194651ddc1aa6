// A dialog with a button that opens it, one that closes it, and perhaps content made when it opens.

import { byId } from '../common/page.js';

/**
 * The dialog with this id; the button that opens it has the same with `-open` behind it.
 *
 * @param {string} id
 * @param {() => void} [fill]
 */
export function sheet(id, fill = () => {}) {
  const dialog = byId(id, HTMLDialogElement);
  byId(`${id}-open`).addEventListener('click', () => {
    fill();
    dialog.showModal();
  });
  dialog.querySelector('[data-close]')?.addEventListener('click', () => dialog.close());
  // A click beside the dialog lands on its backdrop, which is the dialog element itself.
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
}
