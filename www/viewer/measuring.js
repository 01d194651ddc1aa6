// Measuring on slices by hand and by keyboard: what was drawn on which slice, the crosshair, and how they are shown over the slice and in
// words. Owns these elements and what was drawn, which lasts as long as the slice's record; what a drawing measures is decided in measure.js.

import { draw, element } from '../common/dom.js';
import { format, words } from '../locales/words.js';
import { lengthOf, regionOf } from './measure.js';

/** @typedef {import('./measure.js').Measure} Measure */
/** @typedef {import('./view.js').Point} Point */

/**
 * What is shown now.
 *
 * @typedef {object} Scene
 * @property {SliceRecord} record
 * @property {import('./view.js').Size} size Of the slice, in pixels.
 * @property {import('./measure.js').Spacing | null} spacing
 * @property {import('./display-window.js').Pixels | null} pixels Null while they are not decoded.
 * @property {import('./placement.js').Placement} placement
 * @property {import('./view.js').Size} stage
 */

// What is shorter than this many CSS pixels was a click.
const MIN_DRAWN = 4;

// How far the crosshair reaches, and what stays free in its middle, in CSS pixels.
const REACH = 14;
const GAP = 4;

// A label that would leave the stage stands at the other side of its line, this many CSS pixels from the end.
const LABEL = 190;
// How far what is written stays from the sides, in CSS pixels.
const EDGE = 6;

export class Measuring {
  #svg;
  #list;
  #onChange;
  /** @type {WeakMap<SliceRecord, Measure[]>} */
  #drawn = new WeakMap();
  /** @type {WeakMap<SliceRecord, string[]>} The same in words. */
  #words = new WeakMap();
  /** @type {Measure | null} Being drawn. */
  #open = null;
  /** @type {Point | null} In pixels of the slice; null while there is no crosshair. */
  #cursor = null;
  /** @type {Scene | null} */
  #scene = null;
  #told = '';

  /**
   * @param {SVGSVGElement} svg Covers the stage.
   * @param {HTMLElement} list
   * @param {(said: string) => void} onChange Something else is measured; what is to be said of it aloud.
   */
  constructor(svg, list, onChange) {
    this.#svg = svg;
    this.#list = list;
    this.#onChange = onChange;
  }

  /** Where the crosshair is, in pixels of the slice. */
  get cursor() { return this.#cursor; }

  /**
   * What was measured on a slice, in words.
   *
   * @param {SliceRecord} record
   */
  measuredOn(record) { return this.#words.get(record) ?? []; }

  /** Whether there is something that can be broken off. */
  get isOpen() { return this.#open !== null || this.#cursor !== null; }

  /** @param {Scene | null} scene Null while no slice is shown. */
  show(scene) {
    // What was begun on another slice has no end there.
    if (scene?.record !== this.#scene?.record) this.#open = null;
    this.#scene = scene;
    this.#paint();
    this.#tell();
  }

  /** Forgets the crosshair and what is being drawn. */
  leave() {
    this.#open = this.#cursor = null;
    if (this.#scene) this.#paint();
  }

  // By hand

  /**
   * @param {'length' | 'region'} kind
   * @param {'begin' | 'move' | 'end' | 'cancel'} phase
   * @param {Point} point On the stage.
   */
  drag(kind, phase, point) {
    if (!this.#scene) return;
    const at = this.#within(this.#scene.placement.inSlice(point));
    if (phase === 'cancel') this.#open = null;
    else if (phase === 'begin') this.#open = { kind, from: at, to: at };
    else if (this.#open) this.#open.to = at;
    if (phase === 'end') this.#finish();
    this.#paint();
  }

  // By keyboard

  /** Shows the crosshair in the middle of what is seen, unless it is there. */
  showCursor() {
    if (!this.#scene || this.#cursor) return;
    const { stage, placement } = this.#scene;
    const { x, y } = placement.inSlice({ x: stage.width / 2, y: stage.height / 2 });
    this.#cursor = this.#within({ x: Math.floor(x) + 0.5, y: Math.floor(y) + 0.5 }, 0.5);
    this.#paint();
  }

  /**
   * Moves the crosshair by so many pixels of the slice, as they are seen.
   *
   * @param {number} right
   * @param {number} down
   */
  moveCursor(right, down) {
    if (!this.#scene || !this.#cursor) return;
    const { placement } = this.#scene;
    const { x, y } = placement.onStage(this.#cursor);
    this.#cursor = this.#within(placement.inSlice({ x: x + right * placement.scale, y: y + down * placement.scale }), 0.5);
    if (this.#open) this.#open.to = this.#cursor;
    this.#paint();
  }

  /**
   * Sets one end at the crosshair, then the other.
   *
   * @param {'length' | 'region'} kind
   */
  set(kind) {
    if (!this.#cursor) return;
    if (this.#open) {
      this.#open.to = this.#cursor;
      this.#finish();
    } else {
      this.#open = { kind, from: this.#cursor, to: this.#cursor };
      this.#onChange(words.viewer.measures.begun);
    }
    this.#paint();
  }

  /** Breaks off what is being drawn, or else puts the crosshair away. */
  escape() {
    if (this.#open) this.#open = null;
    else this.#cursor = null;
    this.#paint();
  }

  /** Removes what was measured last on this slice. */
  removeLast() {
    const measures = this.#scene ? this.#of(this.#scene.record) : [];
    if (measures.length > 0) this.#remove(measures[measures.length - 1]);
  }

  /** @param {SliceRecord} record */
  #of(record) { return this.#drawn.get(record) ?? []; }

  /**
   * The nearest point that is so far inside the slice.
   *
   * @param {Point} point
   */
  #within({ x, y }, inside = 0) {
    const { width, height } = /** @type {Scene} */ (this.#scene).size;
    return { x: Math.min(width - inside, Math.max(inside, x)), y: Math.min(height - inside, Math.max(inside, y)) };
  }

  #finish() {
    const [scene, measure] = [this.#scene, this.#open];
    this.#open = null;
    if (!scene || !measure) return;
    const [from, to] = [scene.placement.onStage(measure.from), scene.placement.onStage(measure.to)];
    const sides = [Math.abs(to.x - from.x), Math.abs(to.y - from.y)];
    if (measure.kind === 'length' ? Math.hypot(...sides) < MIN_DRAWN : Math.min(...sides) < MIN_DRAWN) return;
    this.#drawn.set(scene.record, [...this.#of(scene.record), measure]);
    this.#tell();
    this.#onChange(this.#long(measure));
  }

  /** @param {Measure} measure */
  #remove(measure) {
    const { record } = /** @type {Scene} */ (this.#scene);
    this.#drawn.set(record, this.#of(record).filter((other) => other !== measure));
    this.#paint();
    this.#tell();
    this.#onChange(words.viewer.measures.removed);
  }

  // What is shown

  /** @param {Measure} measure */
  #short(measure) {
    const { spacing, pixels } = /** @type {Scene} */ (this.#scene);
    const { measures } = words.viewer;
    if (measure.kind === 'length') {
      const length = lengthOf(measure, spacing);
      return spacing ? format.millimetres(length) : measures.pixels(length);
    }
    if (!pixels) return '';
    const { values } = regionOf(measure, pixels, spacing);
    return values ? measures.mean(values.mean, values.deviation, pixels.kind === 'hu') : measures.empty;
  }

  /** @param {Measure} measure */
  #long(measure) {
    const { spacing, pixels } = /** @type {Scene} */ (this.#scene);
    const { measures } = words.viewer;
    const what = measure.kind === 'length' ? measures.length : measures.region;
    const region = measure.kind === 'region' && pixels ? regionOf(measure, pixels, spacing) : null;
    const more = region ? [region.area === null ? null : measures.area(region.area), region.values && measures.count(region.values.count)] : [];
    return `${what}: ${[this.#short(measure), ...more].filter(Boolean).join(', ')}`;
  }

  /** The list of what was measured on this slice, with a button to remove each. */
  #tell() {
    const measures = this.#scene ? this.#of(this.#scene.record) : [];
    const texts = measures.map((measure) => this.#long(measure));
    // Without its pixels a region says less than it did.
    if (this.#scene && (this.#scene.pixels || texts.length === 0)) this.#words.set(this.#scene.record, texts);
    const told = JSON.stringify([texts, document.documentElement.lang]);
    if (told === this.#told) return;
    this.#told = told;
    const hadFocus = this.#list.contains(document.activeElement);
    this.#list.replaceChildren(...measures.map((measure, at) => {
      const remove = element('button', words.viewer.measures.remove);
      remove.type = 'button';
      remove.setAttribute('aria-label', `${words.viewer.measures.remove}: ${texts[at]}`);
      remove.dataset.testid = 'measure-remove';
      remove.addEventListener('click', () => this.#remove(measure));
      const item = element('li', element('span', texts[at]), remove);
      item.dataset.testid = 'measured';
      return item;
    }));
    if (hadFocus) (this.#list.querySelector('button') ?? document.getElementById('viewer-stage'))?.focus();
  }

  #paint() {
    if (!this.#scene) return this.#svg.replaceChildren();
    const { record, stage } = this.#scene;
    const all = [...this.#of(record), ...this.#open ? [this.#open] : []];
    this.#svg.replaceChildren(...all.map((measure) => this.#shape(measure)), ...this.#cross());
    // How long words are is known once they are drawn: they stay on the stage.
    for (const label of this.#svg.querySelectorAll('text')) {
      const { x, width } = label.getBBox();
      const back = Math.min(0, stage.width - EDGE - x - width);
      const shift = back + Math.max(0, EDGE - x - back);
      if (shift !== 0) label.setAttribute('x', String(Number(label.getAttribute('x')) + shift));
    }
  }

  /** @param {Measure} measure */
  #shape(measure) {
    const { placement, stage } = /** @type {Scene} */ (this.#scene);
    const [from, to] = [placement.onStage(measure.from), placement.onStage(measure.to)];
    const shapes = [0, 1].map((at) => {
      const shape = measure.kind === 'length'
        ? draw('line', { x1: from.x, y1: from.y, x2: to.x, y2: to.y })
        : draw('ellipse', { cx: (from.x + to.x) / 2, cy: (from.y + to.y) / 2, rx: Math.abs(to.x - from.x) / 2, ry: Math.abs(to.y - from.y) / 2 });
      shape.setAttribute('class', at === 0 ? 'measure-under' : 'measure-line');
      return shape;
    });
    const isLeft = to.x + LABEL > stage.width;
    const label = draw('text', { x: to.x + (isLeft ? -8 : 8), y: Math.min(stage.height - 8, Math.max(16, to.y - 6)), 'text-anchor': isLeft ? 'end' : 'start' });
    label.textContent = this.#short(measure);
    const group = draw('g', {});
    group.dataset.testid = `measure-${measure.kind}`;
    group.append(...shapes, label);
    return group;
  }

  #cross() {
    if (!this.#scene || !this.#cursor) return [];
    const { x, y } = this.#scene.placement.onStage(this.#cursor);
    const d = `M${x - REACH} ${y}H${x - GAP}M${x + GAP} ${y}H${x + REACH}M${x} ${y - REACH}V${y - GAP}M${x} ${y + GAP}V${y + REACH}`;
    const cross = draw('g', {});
    cross.dataset.testid = 'viewer-crosshair';
    for (const name of ['measure-under', 'measure-line']) cross.append(draw('path', { d, class: name }));
    return [cross];
  }
}
