// What the page keeps, what it never keeps, and what the browser forbids it, as elements; with a way to see for oneself. Knows no
// reading: no file and no result can get in here.

import { element, fill, terms } from '../common/dom.js';
import { byId } from '../common/page.js';
import { kiosk } from './mode.js';
import { forgetFiles, keptFiles } from './offline.js';
import { inOneFile } from '../common/published.js';
import { forget, remembered } from './storage.js';
import { format, known, words } from '../locales/words.js';

/** @typedef {import('../common/dom.js').Pair} Pair */

// A name that nobody can own (RFC 2606): a request that got past the browser would still reach no one.
const ELSEWHERE = 'https://example.invalid/';

/**
 * Fills `body` now, and again when something was deleted.
 *
 * @param {HTMLElement} body
 */
export async function privacy(body) {
  const [files, notes] = [await keptFiles().catch(() => []), remembered()];
  const { privacy: say } = words;
  const done = element('span');
  done.role = 'status';
  const remove = button(say.delete, 'privacy-delete', async () => {
    forget();
    await forgetFiles().catch(() => {});
    await privacy(body);
    // Those of now: the fields of before are gone.
    const told = byId('privacy-deleted');
    told.textContent = say.deleted;
    told.focus();
  });
  done.id = 'privacy-deleted';
  done.tabIndex = -1;

  const checked = element('span');
  checked.role = 'status';
  checked.dataset.testid = 'privacy-checked';
  const check = button(say.check, 'privacy-check', async () => {
    check.disabled = true;
    checked.textContent = await blocked() ? say.blocked : say.notBlocked;
    check.disabled = false;
  });

  fill(body, [
    element('h3', say.stored),
    kiosk ? element('p', say.storedKiosk) : null,
    notes.length + files.length > 0 ? terms('dl.table', [
      ...notes.map(([key, value]) => /** @type {Pair} */ ([known(say.notes, key.split('.')[1]) ?? key, element('code', value)])),
      [say.files, files.length > 0 ? list(files) : null],
    ]) : element('p', say.nothing),
    element('p.row', remove, done),
    element('h3', say.never),
    element('p', say.neverText),
    element('h3', say.forbidden),
    element('p', inOneFile ? say.forbiddenFile : say.forbiddenHosted),
    policy(),
    element('p', say.checkText(ELSEWHERE)),
    element('p.row', check, checked),
    element('h3', say.yourself),
    element('ol', element('li', inOneFile ? say.stepOneFile : say.stepOne), element('li', say.stepTwo)),
  ]);
}

/**
 * @param {string} text
 * @param {string} testid
 * @param {() => void} onClick
 */
function button(text, testid, onClick) {
  const node = element('button.button', text);
  node.type = 'button';
  node.dataset.testid = testid;
  node.addEventListener('click', onClick);
  return node;
}

/** @param {{ path: string, size: number }[]} files */
function list(files) {
  const total = files.reduce((sum, { size }) => sum + size, 0);
  const rows = element('ul.kept', ...files.map(({ path, size }) => element('li', element('code', path), ' ', format.kilobytes(size))));
  // It scrolls, with the keyboard too.
  rows.tabIndex = 0;
  return element('details', element('summary', words.privacy.filesCount(files.length, total)), rows);
}

// The rules as the page's own text gives them to the browser, a line each.
function policy() {
  const { content } = /** @type {HTMLMetaElement} */ (document.querySelector('meta[http-equiv="Content-Security-Policy"]'));
  const node = element('pre', content.split(/;\s*/).join(';\n'));
  node.lang = 'en';
  node.tabIndex = 0;
  node.dataset.testid = 'privacy-policy';
  node.setAttribute('aria-label', words.privacy.policy);
  return node;
}

/** Tries to reach another place. Whether the browser said that its policy stopped that: silence is no proof, a broken network fails too. */
async function blocked() {
  const report = new Promise((resolve) => {
    /** @param {SecurityPolicyViolationEvent} event */
    const heard = ({ blockedURI, effectiveDirective }) => {
      if (!blockedURI.startsWith(ELSEWHERE.slice(0, -1)) || effectiveDirective !== 'connect-src') return;
      removeEventListener('securitypolicyviolation', heard);
      resolve(true);
    };
    addEventListener('securitypolicyviolation', heard);
  });
  try {
    await fetch(ELSEWHERE, { mode: 'no-cors', credentials: 'omit', cache: 'no-store' });
    return false;
  } catch {
    return Promise.race([report, new Promise((resolve) => setTimeout(resolve, 2000, false))]);
  }
}
