// The controls of the display window: presets, centre and width, inversion. Owns these elements and what was chosen; knows no pixel.

import { element } from '../common/dom.js';
import { byId } from '../common/page.js';
import { words } from '../locales/words.js';
import { MIN_WIDTH, PRESETS } from './display-window.js';

// Hounsfield units for a CSS pixel of a drag.
const STEP = 2;

// The reading's own window: what the network was given.
const AS_READ = 'network';
const CUSTOM = 'custom';
const NAMES = /** @type {const} */ ([AS_READ, 'lung', 'mediastinum', 'bone', CUSTOM]);

/**
 * What matters of a slice here.
 *
 * @typedef {object} Slice
 * @property {DisplayWindow | null} own The window that the network's picture was made with; null for a picture without Hounsfield units.
 * @property {DisplayWindow} usual That of the model, for want of it.
 * @property {boolean} isRead Whether the slice could be read.
 * @property {boolean} isKept Whether only the picture is at hand that the page kept.
 */

export class WindowControls {
  #choice = byId('viewer-preset', HTMLSelectElement);
  #fields = { center: byId('viewer-center', HTMLInputElement), width: byId('viewer-width', HTMLInputElement) };
  #invert = byId('viewer-invert', HTMLInputElement);
  #preset = AS_READ;
  #custom = PRESETS.lung;
  /** @type {Slice} */
  #slice = { own: null, usual: PRESETS.lung, isRead: true, isKept: false };
  #onChoose;
  #onMove;

  /**
   * @param {object} on
   * @param {() => void} on.choose A preset was chosen.
   * @param {() => void} on.move The window moves, perhaps more often than there are frames to show.
   * @param {() => void} on.invert
   */
  constructor({ choose, move, invert }) {
    this.#onChoose = choose;
    this.#onMove = move;
    this.#choice.addEventListener('change', () => this.choose(this.#choice.value));
    for (const field of Object.values(this.#fields)) {
      field.addEventListener('input', () => this.#type());
      // What was no number is put right once the field is left.
      field.addEventListener('change', () => this.#show());
    }
    this.#invert.addEventListener('change', invert);
  }

  /** The window that is shown. */
  get window() {
    if (this.#preset === CUSTOM) return this.#custom;
    return PRESETS[this.#preset] ?? this.#slice.own ?? this.#slice.usual;
  }

  /** Whether there is a window to set. */
  get isFixed() { return !this.#slice.own || this.#slice.isKept; }

  get isInverted() { return this.#invert.checked; }

  /** Says the presets, in the language of now. */
  say() {
    this.#choice.replaceChildren(...NAMES.map((name) => {
      const option = element('option', words.viewer.presets[name]);
      option.value = name;
      return option;
    }));
  }

  /**
   * Shows what can be chosen for a slice.
   *
   * @param {Slice} slice
   */
  show(slice) {
    this.#slice = slice;
    this.#show();
  }

  reset() {
    this.#preset = AS_READ;
    this.#invert.checked = false;
  }

  /** @param {string} name Of a preset. */
  choose(name) {
    if (this.#choice.disabled) return;
    if (name === CUSTOM) this.#custom = this.window;
    this.#preset = name;
    this.#onChoose();
  }

  /**
   * Follows a drag, in CSS pixels: sideways it sets the width, up and down the centre.
   *
   * @param {number} right
   * @param {number} down
   */
  drag(right, down) {
    if (this.#choice.disabled) return;
    const { center, width } = this.window;
    this.#preset = CUSTOM;
    this.#custom = { center: Math.round(center + down * STEP), width: Math.round(Math.max(MIN_WIDTH, width + right * STEP)) };
    this.#show();
    this.#onMove();
  }

  #type() {
    const [center, width] = [this.#fields.center.valueAsNumber, this.#fields.width.valueAsNumber];
    if (!Number.isFinite(center) || !(width >= MIN_WIDTH)) return;
    this.#preset = CUSTOM;
    this.#custom = { center, width };
    this.#choice.value = CUSTOM;
    this.#onMove();
  }

  #show() {
    const { own, isRead, isKept } = this.#slice;
    const { isFixed } = this;
    const shown = isFixed ? own : this.window;
    this.#choice.value = isFixed ? AS_READ : this.#preset;
    this.#choice.disabled = isFixed;
    for (const [field, value] of /** @type {const} */ ([[this.#fields.center, shown?.center], [this.#fields.width, shown?.width]])) {
      field.disabled = isFixed;
      // A field that is being typed in stays as it is.
      if (field.valueAsNumber !== value) field.value = String(value ?? '');
    }
    byId('viewer-window-told').textContent = !isRead ? ''
      : !own ? words.viewer.noWindow
      : isKept ? words.viewer.notNow : words.viewer.displayOnly(own.center, own.width);
  }
}
