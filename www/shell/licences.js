// The licence texts of everything inside the page, which are fetched when somebody wants to read them.

import { byId } from '../common/page.js';
import { published } from '../common/published.js';
import { words } from '../locales/words.js';

/** Fills the sheet, once. */
export async function licences() {
  const text = byId('licences-text');
  if (text.textContent) return;
  try {
    text.textContent = await published('pkg/licences.txt', (response) => response.text());
    byId('licences-failure').textContent = '';
  } catch {
    byId('licences-failure').textContent = words.licences.failure;
  }
}
