// A dialog with a button that opens it, one that closes it, and perhaps content made when it opens.

export function sheet(dialog, opener, fill = () => {}) {
  opener.addEventListener('click', () => {
    fill();
    dialog.showModal();
  });
  dialog.querySelector('[data-close]').addEventListener('click', () => dialog.close());
  // A click beside the dialog lands on its backdrop, which is the dialog element itself.
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
}
