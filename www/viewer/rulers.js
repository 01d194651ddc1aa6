// What tells on the stage how the slice lies and how large it is: the letters of the patient's sides, and the scale bar. Owns these elements.

import { byId } from '../common/page.js';
import { format, words } from '../locales/words.js';
import { scaleBar } from './measure.js';
import { sidesOf } from './turn.js';

const SIDES = /** @type {const} */ (['left', 'right', 'top', 'bottom']);

// The bar takes at most this share of the stage's width, and never more CSS pixels than that.
const SHARE = 0.3;
const MAX_LENGTH = 200;

/**
 * Says which side of the patient is where. What the file does not say is said to be unknown.
 *
 * @param {string | null} orientation Of the slice, as its reading has it.
 * @param {import('./turn.js').Turn} turn
 * @param {boolean} isShown Whether there is a picture.
 */
export function showSides(orientation, turn, isShown) {
  const sides = isShown ? sidesOf(orientation, turn) : null;
  for (const side of SIDES) byId(`viewer-side-${side}`).textContent = sides?.[side] ?? '';
  byId('viewer-sides').textContent = !isShown ? '' : sides ? words.viewer.sides.told(sides) : words.viewer.sides.unknown;
  byId('viewer-sides').classList.toggle('aloud', sides !== null);
}

/**
 * @param {number | null} scale CSS pixels for a millimetre across the stage; null where the file does not say it, or nothing is shown.
 * @param {number} width Of the stage, in CSS pixels.
 */
export function showScaleBar(scale, width) {
  const bar = scale === null ? null : scaleBar(scale, Math.min(MAX_LENGTH, width * SHARE));
  const node = byId('viewer-bar');
  node.hidden = bar === null;
  if (!bar) return;
  const { millimetres, length } = bar;
  byId('viewer-bar-line').style.width = `${length}px`;
  byId('viewer-bar-told').textContent = format.span(millimetres);
  node.dataset.millimetres = String(millimetres);
}
