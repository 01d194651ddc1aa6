// The consent dialog. Owns the one flag that this page stores.

const FLAG = 'lungglass.consent.1';

// Storage can be denied; then the question is asked at each visit.
function remembered() {
  try {
    return localStorage.getItem(FLAG) === 'yes';
  } catch {
    return false;
  }
}

function remember() {
  try {
    localStorage.setItem(FLAG, 'yes');
  } catch {
    // Nothing to do: see above.
  }
}

/** Resolves once the person has accepted, now or at an earlier visit. */
export function consent(dialog, accept) {
  if (remembered()) return Promise.resolve();
  return new Promise((resolve) => {
    let accepted = false;
    accept.addEventListener('click', () => {
      accepted = true;
      remember();
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
