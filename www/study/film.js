// The filmstrip of a study: small pictures of its slices in a row, in the order of the study. Only those near the window are elements, and
// only those have pixels. It is gone through with the arrow keys, Home, End and Page Up and Down; Enter or a click opens a slice. Knows one
// study and no other element.

import { element } from '../common/dom.js';
import { paintMap } from '../common/heatmap.js';
import { paintPicture } from '../common/picture.js';
import { shrink } from '../reading/shrink.js';
import { reason } from '../reading/reason.js';
import { told } from './profile.js';
import { scoreOf, verdictOf } from '../locales/classes.js';
import { format, words } from '../locales/words.js';

/** Width of a slice with the gap beside it, in CSS pixels, as in study.css. */
const STEP = 104;
/** The longest side of a picture, in its own pixels: enough for screens with two to a CSS pixel. */
const LONGEST = 192;
/** Slices beyond each end of the window that are elements. */
const MARGIN = 3;
/** How much of the picture the map hides where it is strongest, as on the other small pictures. */
const OVER = 0.55;

/** @typedef {{ record: SliceRecord, slice: number }} Shown A slice by its number in the study, from 1. */

/** @typedef {{ node: HTMLElement, button: HTMLButtonElement, canvas: HTMLCanvasElement, told: string, isPainted: boolean }} Frame */

export class Film {
  node = element('div.film');
  #strip = element('ol');
  #on;
  /** @type {import('./studies.js').Study | null} */
  #study = null;
  /** @type {Shown[]} */
  #shown = [];
  /** @type {Map<SliceRecord, Frame>} Of the slices near the window. */
  #frames = new Map();
  /** @type {SliceRecord | null} The one that takes the focus. */
  #active = null;
  #isNear = false;
  #planned = false;

  /**
   * @param {object} on
   * @param {(record: SliceRecord) => void} on.onOpen A person wants to see the slice.
   * @param {(record: SliceRecord, wanted: () => boolean) => Promise<SlicePixels | null>} on.pixelsOf Null where they are not at hand.
   */
  constructor(on) {
    this.#on = on;
    this.node.dataset.testid = 'film';
    this.node.setAttribute('role', 'group');
    this.node.append(this.#strip);
    this.node.addEventListener('scroll', () => this.#plan());
    this.node.addEventListener('keydown', (event) => this.#press(event));
    new ResizeObserver(() => this.#plan()).observe(this.node);
    new IntersectionObserver((entries) => {
      this.#isNear = entries.some(({ isIntersecting }) => isIntersecting);
      this.#plan();
    }, { rootMargin: '50% 0px' }).observe(this.node);
  }

  /**
   * The study, its language, or what of it is shown has changed.
   *
   * @param {import('./studies.js').Study} study
   * @param {(reading: Reading) => boolean} isShown
   */
  show(study, isShown) {
    this.#study = study;
    this.#shown = study.records.map((record, at) => ({ record, slice: at + 1 })).filter(({ record }) => isShown(record.reading));
    if (!this.#shown.some(({ record }) => record === this.#active)) this.#active = this.#shown[0]?.record ?? null;
    this.node.setAttribute('aria-label', words.study.film(this.#shown.length));
    this.#strip.style.width = `${this.#shown.length * STEP}px`;
    this.#render();
  }

  #plan() {
    if (this.#planned) return;
    this.#planned = true;
    requestAnimationFrame(() => {
      this.#planned = false;
      this.#render();
    });
  }

  #render() {
    const hadFocus = this.node.contains(document.activeElement);
    const { scrollLeft, clientWidth } = this.node;
    const first = Math.max(0, Math.floor(scrollLeft / STEP) - MARGIN);
    const last = Math.ceil((scrollLeft + clientWidth) / STEP) + MARGIN;
    // The slice that takes the focus is always there, so that Tab leads to the strip and a scroll does not lose the focus.
    const wanted = [...this.#shown.entries()].filter(([at, { record }]) => record === this.#active || (this.#isNear && at >= first && at < last));
    const before = this.#frames;
    this.#frames = new Map();
    for (const [at, shown] of wanted) this.#frames.set(shown.record, this.#frame(at, shown, before.get(shown.record)));
    for (const node of [...this.#strip.children]) if (![...this.#frames.values()].some((frame) => frame.node === node)) node.remove();
    let next = this.#strip.firstElementChild;
    for (const { node } of this.#frames.values()) {
      if (node === next) next = next.nextElementSibling;
      else this.#strip.insertBefore(node, next);
    }
    if (hadFocus && !this.node.contains(document.activeElement)) this.#focus();
    this.#paint();
  }

  /**
   * The element of a slice: that of before if it says the same, so that it keeps its picture and the focus.
   *
   * @param {number} at
   * @param {Shown} shown
   * @param {Frame | undefined} before
   */
  #frame(at, { record, slice }, before) {
    const { reading } = record;
    const study = /** @type {import('./studies.js').Study} */ (this.#study);
    const { text, detail } = reason(reading);
    const label = [told(study, slice), text ?? detail].filter(Boolean).join('. ');
    const frame = before?.told === label ? before : this.#make(record, slice, label);
    frame.node.style.left = `${at * STEP}px`;
    frame.node.setAttribute('aria-setsize', String(this.#shown.length));
    frame.node.setAttribute('aria-posinset', String(at + 1));
    frame.button.tabIndex = record === this.#active ? 0 : -1;
    return frame;
  }

  /**
   * @param {SliceRecord} record
   * @param {number} slice
   * @param {string} label
   * @returns {Frame}
   */
  #make(record, slice, label) {
    const { reading } = record;
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 0;
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', label);
    const bar = element('span.film-bar');
    bar.style.setProperty('--score', String(reading.score ?? 0));
    const said = reading.score === null ? verdictOf(reading) : scoreOf(reading);
    const button = element('button', element('span.stage', canvas), bar, element('span.film-told', element('span', format.integer(slice)), ' ', element('strong', said)));
    button.type = 'button';
    button.dataset.testid = 'film-slice';
    button.dataset.slice = String(slice);
    button.dataset.verdict = reading.verdict;
    button.addEventListener('click', () => {
      this.#activate(record);
      this.#on.onOpen(record);
    });
    button.addEventListener('focus', () => this.#activate(record));
    const node = element('li', button);
    node.title = label;
    return { node, button, canvas, told: label, isPainted: false };
  }

  /** Paints the slices whose pixels are at hand; the others are left for later. */
  #paint() {
    for (const [record, frame] of this.#frames) {
      if (frame.isPainted || !this.#isNear) continue;
      const isWanted = () => this.#isNear && this.#frames.get(record) === frame;
      this.#on.pixelsOf(record, isWanted).then((pixels) => {
        if (!pixels || frame.isPainted || !isWanted()) return;
        frame.isPainted = true;
        paint(frame.canvas, pixels);
      }).catch(() => {});
    }
  }

  /** @param {SliceRecord} record */
  #activate(record) {
    this.#active = record;
    for (const [other, { button }] of this.#frames) button.tabIndex = other === record ? 0 : -1;
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const at = this.#shown.findIndex(({ record }) => record === this.#active);
    const page = Math.max(1, Math.floor(this.node.clientWidth / STEP) - 1);
    const last = this.#shown.length - 1;
    /** @type {{ [key: string]: number }} */
    const ways = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: last };
    if (at < 0 || !(event.key in ways)) return;
    event.preventDefault();
    const to = Math.max(0, Math.min(last, ways[event.key]));
    this.#activate(this.#shown[to].record);
    const { scrollLeft, clientWidth } = this.node;
    if (to * STEP < scrollLeft) this.node.scrollLeft = to * STEP;
    else if ((to + 1) * STEP > scrollLeft + clientWidth) this.node.scrollLeft = (to + 1) * STEP - clientWidth;
    this.#render();
    this.#focus();
  }

  #focus() {
    const frame = this.#active && this.#frames.get(this.#active);
    frame?.button.focus({ preventScroll: true });
  }
}

/** @type {HTMLCanvasElement | null} Where maps are painted before they lie over a picture. */
let over = null;

/**
 * The picture with its map over it, both small.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {SlicePixels} pixels
 */
function paint(canvas, { picture, map, lung }) {
  const small = shrink(picture, LONGEST);
  paintPicture(canvas, small);
  if (!map) return;
  over ??= document.createElement('canvas');
  paintMap(over, map, lung, small.width, small.height);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  context.globalAlpha = OVER;
  context.drawImage(over, 0, 0);
}
