// The viewer: one slice at its full size, and the stack that it stands in. Owns the dialog and all that it shows; what was read comes as
// records, pixels come from the loader.

import { byId } from '../common/page.js';
import { format, words } from '../locales/words.js';
import { Cine } from './cine.js';
import { gestures } from './gestures.js';
import { keys } from './keys.js';
import { paintLayers, putLayers, showInput, turnMap, wireLayers } from './layers.js';
import { Loader } from './loader.js';
import { Measuring } from './measuring.js';
import { Placement } from './placement.js';
import { showScaleBar, showSides } from './rulers.js';
import { ScoreStrip } from './score-strip.js';
import { highestOf, likely, nextAbove } from './stack.js';
import { fallSilent, tell, tellOnce } from './told.js';
import { Tools } from './tools.js';
import { CHANGES, turnedSize, UPRIGHT } from './turn.js';
import { actualSize, panned, WHOLE, zoomed } from './view.js';
import { WindowControls } from './window-controls.js';
import { paint, PRESETS } from './display-window.js';

const ZOOM_STEP = 1.25;

// What an arrow moves: the slice, in CSS pixels; the crosshair, in pixels of the slice, and with Shift.
const MOVE = 60;
const FAR = 10;

/** @typedef {import('./view.js').View} View */
/** @typedef {import('./view.js').Size} Size */
/** @typedef {import('./view.js').Point} Point */
/** @typedef {import('./stack.js').Stack} Stack */

export class Viewer {
  #dialog;
  #loader;
  #pixelsOf;
  #stackOf;
  /** @type {Stack} */
  #stack = { records: [], title: null, isSelection: false };
  /** @type {Model | null} Known once a slice was opened. */
  #model = null;
  #at = 0;
  #direction = 1;
  #view = WHOLE;
  #turned = UPRIGHT;
  /** @type {import('./display-window.js').Pixels | null} What the picture's canvas holds. */
  #shown = null;
  /** @type {Placement | null} Where it lies; null while nothing is shown. */
  #placement = null;
  /** @type {Point | null} Where the pointer is, on the stage. */
  #pointer = null;
  #queued = false;
  #windows = new WindowControls({ choose: () => this.#show(), move: () => this.#paintSoon(), invert: () => this.#paint() });
  #cine = new Cine({
    advance: () => this.#turn((this.#at + 1) % this.#stack.records.length),
    isReady: () => !isRead(this.#record) || this.#answer !== undefined,
    change: () => this.#showPlay(),
  });
  #measuring;
  #strip;
  #tools;

  /**
   * @param {HTMLDialogElement} dialog
   * @param {object} page
   * @param {() => import('../reading/worker-client.js').WorkerClient} page.newClient Gives one for pixels that has not started.
   * @param {(record: SliceRecord, wanted: () => boolean) => Promise<unknown>} page.pixelsOf Gets the map and the lungs back that a long
   *   list has given up, if they are still wanted then.
   * @param {(record: SliceRecord) => Stack} page.stackOf The stack that it stands in.
   * @param {import('./tools.js').Memory} page.memory
   */
  constructor(dialog, { newClient, pixelsOf, stackOf, memory }) {
    this.#dialog = dialog;
    this.#pixelsOf = pixelsOf;
    this.#stackOf = stackOf;
    this.#loader = new Loader(newClient, (handle) => {
      if (handle === this.#record.handle) this.#show();
    });
    const drawing = (/** @type {string} */ name) => /** @type {SVGSVGElement} */ (dialog.querySelector(`svg.${name}`));
    this.#measuring = new Measuring(drawing('viewer-drawn'), this.#$('measured'), (said) => this.#say(said));
    this.#strip = new ScoreStrip(drawing('viewer-strip'), (at) => this.#turn(at));
    this.#tools = new Tools(dialog, memory, () => this.#measuring.leave());
    this.#wire();
  }

  /**
   * Shows the slice of `record`, and lets people go through its stack.
   *
   * @param {SliceRecord} record
   * @param {Model} model
   */
  open(record, model) {
    this.#model = model;
    this.#restack(record);
    this.#direction = 1;
    this.#windows.say();
    this.#tools.recall();
    tellOnce(model);
    this.#reset();
    this.#dialog.showModal();
    this.#showPlay();
    this.#turn(this.#at);
  }

  /** The stacks have changed, as they do while files are read: the slice that is shown stays, its neighbours are those of now. */
  restack() {
    if (!this.#dialog.open) return;
    this.#restack(this.#record);
    this.#want();
    this.#showReading();
  }

  /** What was measured on a slice, in words. */
  measuredOn = (/** @type {SliceRecord} */ record) => this.#measuring.measuredOn(record);

  /** @param {SliceRecord} record */
  #restack(record) {
    const stack = this.#stackOf(record);
    this.#stack = { ...stack, records: [...stack.records] };
    this.#at = this.#stack.records.indexOf(record);
  }

  get #record() { return this.#stack.records[this.#at]; }

  /** @param {string} id */
  #$(id) { return byId(`viewer-${id}`); }

  /** @param {string} id */
  #input(id) { return byId(`viewer-${id}`, HTMLInputElement); }

  get #stage() {
    const { clientWidth: width, clientHeight: height } = this.#$('stage');
    return { width, height };
  }

  // What people do

  #wire() {
    const dialog = this.#dialog;
    dialog.querySelector('[data-close]')?.addEventListener('click', () => dialog.close());
    dialog.addEventListener('close', () => { if (!dialog.open) this.#leave(); });   // it may be open again by then

    /** @type {import('./gestures.js').Movements & import('./keys.js').Actions} */
    const on = {
      step: (slices) => this.#turn(this.#at + slices),
      arrow: (right, down, isFar) => this.#arrow(right, down, isFar),
      above: (towards) => this.#turnAbove(towards),
      highest: () => this.#turn(highestOf(this.#stack.records)),
      play: () => { if (this.#stack.records.length > 1) this.#cine.toggle(); },
      move: (right, down) => this.#look(panned, right, down),
      /** @param {Point} [point] */
      zoom: (factor, point) => this.#look(zoomed, factor, point),
      fit: () => this.#look(() => WHOLE),
      twice: (point) => (this.#view.zoom > 1 ? on.fit() : on.zoom(ZOOM_STEP ** 3, point)),
      actual: () => this.#look(actualSize),
      turn: (how) => this.#turnRound(how),
      window: (right, down) => this.#windows.drag(right, down),
      preset: (name) => this.#windows.choose(name),
      toggle: (name) => this.#$(name).click(),
      turnMap,
      draw: (phase, point) => { if (this.#tools.measure) this.#measuring.drag(this.#tools.measure, phase, point); },
      measure: (name) => {
        this.#tools.choose(name);
        this.#showCursor(words.viewer.measures[name === 'length' ? 'lengthBegins' : 'regionBegins']);
      },
      cursor: () => (this.#measuring.cursor ? on.escape() : this.#showCursor('')),
      set: () => {
        if (!this.#measuring.cursor || !this.#tools.measure) return false;
        this.#measuring.set(this.#tools.measure);
        return true;
      },
      remove: () => this.#measuring.removeLast(),
      escape: () => {
        if (!this.#measuring.isOpen) return false;
        this.#measuring.escape();
        if (!this.#measuring.cursor) this.#tools.leave();
        this.#probe();
        return true;
      },
      reset: () => {
        this.#reset();
        this.#show();
      },
      help: () => {
        const list = byId('viewer-keys', HTMLDetailsElement);
        list.open = !list.open;
        if (list.open) list.scrollIntoView({ block: 'nearest' });
      },
      hover: (point) => {
        this.#pointer = point;
        this.#probe();
      },
    };
    gestures(this.#$('stage'), () => this.#tools.tool, on);
    keys(dialog, on);

    /** @type {(id: string, act: () => void) => void} */
    const click = (id, act) => this.#$(id).addEventListener('click', act);
    click('previous', () => on.step(-1));
    click('next', () => on.step(1));
    click('previous-above', () => on.above(-1));
    click('next-above', () => on.above(1));
    click('highest', on.highest);
    click('play', on.play);
    click('out', () => on.zoom(1 / ZOOM_STEP));
    click('in', () => on.zoom(ZOOM_STEP));
    click('fit', on.fit);
    click('actual', on.actual);
    click('turn', () => on.turn('right'));
    click('mirror-sides', () => on.turn('sides'));
    click('mirror-ends', () => on.turn('ends'));
    click('reset', on.reset);
    this.#input('at').addEventListener('input', () => this.#turn(this.#input('at').valueAsNumber - 1));
    this.#cine.wire(byId('viewer-pace', HTMLSelectElement));
    wireLayers(() => this.#show());
    new ResizeObserver(() => this.#lay()).observe(this.#$('stage'));
  }

  /** @param {number} at */
  #turn(at) {
    const next = Math.min(this.#stack.records.length - 1, Math.max(0, at));
    if (next !== this.#at) this.#direction = Math.sign(next - this.#at);
    this.#at = next;
    this.#want();
    this.#show();
    this.#complete(this.#record);
  }

  /**
   * To the next slice in this direction whose score is not below the threshold.
   *
   * @param {number} towards
   */
  #turnAbove(towards) {
    const found = nextAbove(this.#stack.records, this.#at, towards, /** @type {Model} */ (this.#model).threshold);
    if (found === null) this.#say(words.viewer.noneAbove);
    else this.#turn(found);
  }

  /** @type {import('./keys.js').Actions['arrow']} */
  #arrow(right, down, isFar) {
    if (this.#measuring.cursor) {
      const step = isFar ? FAR : 1;
      this.#measuring.moveCursor(right * step, down * step);
      this.#pointer = null;
      this.#probe();
      this.#say(this.#$('probe').textContent ?? '');
    } else if (isFar || right !== 0) {
      this.#look(panned, -right * MOVE, -down * MOVE);
    } else {
      this.#turn(this.#at + down);
    }
  }

  /** @param {string} said */
  #showCursor(said) {
    this.#measuring.showCursor();
    this.#$('stage').focus();
    this.#pointer = null;
    this.#probe();
    this.#say(said);
  }

  /** @param {'right' | 'sides' | 'ends'} how */
  #turnRound(how) {
    const { turn, point } = CHANGES[how];
    this.#turned = turn(this.#turned);
    this.#view = { ...this.#view, ...point(this.#view) };
    this.#lay();
  }

  /**
   * Gets the map and the lungs of a record back, where they were given up.
   *
   * @param {SliceRecord} record
   */
  async #complete(record) {
    const isShown = () => record === this.#record;
    if (record.pixels || !isRead(record)) return;
    // Without them the slice is shown all the same.
    await this.#pixelsOf(record, isShown).catch(() => {});
    if (isShown()) this.#show();
  }

  /**
   * @template {unknown[]} How
   * @param {(view: View, stage: Size, picture: Size, ...how: How) => View} change
   * @param {How} how
   */
  #look(change, ...how) {
    if (!this.#shown) return;
    this.#view = change(this.#view, this.#stage, turnedSize(this.#turned, this.#size), ...how);
    this.#lay();
  }

  #reset() {
    this.#view = WHOLE;
    this.#turned = UPRIGHT;
    this.#windows.reset();
    this.#measuring.leave();
    this.#tools.leave();
  }

  #leave() {
    this.#cine.stop();
    this.#loader.stop();
    this.#stack = { records: [], title: null, isSelection: false };
    this.#shown = this.#placement = this.#pointer = null;
    this.#measuring.leave();
    this.#measuring.show(null);
    for (const canvas of this.#dialog.querySelectorAll('canvas')) canvas.width = canvas.height = 0;
    fallSilent();
  }

  // What there is

  /** The slice asked for and its neighbours, the likely ones first. */
  #want() {
    this.#loader.want(likely(this.#stack.records, this.#at, this.#direction).filter(isRead).map((record) => record.handle));
  }

  get #answer() { return this.#loader.get(this.#record.handle); }

  /** The window that the network's picture was made with; null for a picture without Hounsfield units. */
  get #ownWindow() { return this.#record.reading.source?.window ?? null; }

  /**
   * The pixels to show: decoded, or while or because they are not, the card's picture where it looks the same.
   *
   * @returns {import('./display-window.js').Pixels | null}
   */
  get #pixels() {
    const picture = this.#record.pixels?.picture;
    const { pixels, failure } = this.#answer ?? {};
    if (pixels || !picture) return pixels ?? null;
    const { center, width } = this.#ownWindow ?? {};
    const alike = !this.#ownWindow || (center === this.#windows.window.center && width === this.#windows.window.width);
    return failure || alike ? { width: picture.width, height: picture.height, kind: 'gray', values: picture.gray, colours: picture.colours } : null;
  }

  /** Of the slice, for which a smaller picture may stand. @returns {Size} */
  get #size() { return this.#record.shown ?? /** @type {Size} */ (this.#shown); }

  // What is shown

  #show() {
    this.#showReading();
    this.#windows.show({ own: this.#ownWindow, usual: /** @type {Model} */ (this.#model).window ?? PRESETS.lung, isRead: isRead(this.#record), isKept: Boolean(this.#answer?.failure) });
    this.#tools.show(this.#windows.isFixed);
    this.#paint();
    paintLayers(this.#record, this.#shown);
    const { pixels = null, failure } = this.#answer ?? {};
    showInput(pixels, { isRead: isRead(this.#record), isGone: Boolean(failure), isWindowed: this.#ownWindow !== null });
    this.#lay();
    // A control that has just been switched off cannot keep the focus.
    if (this.#dialog.querySelector(':focus:disabled')) this.#$('stage').focus();
  }

  #showReading() {
    const model = /** @type {Model} */ (this.#model);
    tell(this.#stack, this.#at, model);
    this.#strip.show(this.#stack.records, this.#at, model.threshold);
  }

  #showPlay() {
    const { plays } = this.#cine;
    this.#$('play').setAttribute('aria-label', plays ? words.viewer.pause : words.viewer.play);
    this.#$('play').classList.toggle('plays', plays);
  }

  /**
   * Aloud, and over the slice where it matters.
   *
   * @param {string} said
   */
  #say(said) { this.#$('said').textContent = said; }

  // A drag moves more often than there are frames to show.
  #paintSoon() {
    if (this.#queued) return;
    this.#queued = true;
    requestAnimationFrame(() => {
      this.#queued = false;
      if (!this.#record) return;
      this.#paint();
      this.#lay();
    });
  }

  #paint() {
    const canvas = byId('viewer-picture', HTMLCanvasElement);
    const pixels = this.#shown = this.#pixels;
    const { pixels: full, failure } = this.#answer ?? {};
    canvas.setAttribute('aria-label', words.card.picture(this.#record.reading.file));
    if (pixels) paint(canvas, pixels, this.#windows.window, this.#windows.isInverted);
    else canvas.width = canvas.height = 0;
    this.#$('sheet').dataset.pixels = full ? 'full' : failure ? 'kept' : pixels ? 'preview' : 'none';
    const note = !isRead(this.#record) ? words.viewer.noPicture
      : failure ? words.viewer[failure.code]
      : !pixels ? words.viewer.decoding : '';
    this.#$('note').textContent = note;
    this.#$('note').classList.toggle('viewer-warning', Boolean(failure));
  }

  #lay() {
    if (!this.#record) return;
    const stage = this.#stage;
    const isShown = this.#shown !== null && stage.width > 0;
    this.#placement = null;
    if (isShown) {
      // A stage of another shape shows no less of the picture.
      this.#view = panned(this.#view, stage, turnedSize(this.#turned, this.#size), 0, 0);
      this.#placement = new Placement(this.#view, stage, this.#size, this.#turned);
      putLayers(this.#placement);
    }
    const { spacing = null } = this.#record.shown ?? {};
    const { pixels = null } = this.#answer ?? {};
    this.#measuring.show(this.#placement && { record: this.#record, size: this.#size, spacing, pixels, placement: this.#placement, stage });
    showSides(this.#record.reading.source?.orientation ?? null, this.#turned, isShown);
    const across = spacing && (this.#turned.quarters % 2 === 1 ? spacing[1] : spacing[0]);
    showScaleBar(this.#placement && across ? this.#placement.scale / across : null, stage.width);
    this.#showScale();
    this.#probe();
  }

  /** Shows the window, and how large a pixel of the file is. */
  #showScale() {
    const { failure } = this.#answer ?? {};
    const own = this.#ownWindow;
    const shown = own && (failure ? own : this.#windows.window);
    this.#$('scale').textContent = !this.#placement ? ''
      : [shown && words.card.windowOf(shown.center, shown.width), format.percent(this.#placement.scale)].filter(Boolean).join(' · ');
  }

  /** Shows the value that is drawn where the pointer is, or else the crosshair. */
  #probe() {
    const { pixels } = this.#record ? this.#answer ?? {} : {};
    const { cursor } = this.#measuring;
    const at = this.#placement && (this.#pointer ? this.#placement.inSlice(this.#pointer) : cursor);
    const [column, row] = [Math.floor(at?.x ?? -1), Math.floor(at?.y ?? -1)];
    const isInside = pixels && column >= 0 && column < pixels.width && row >= 0 && row < pixels.height;
    const value = isInside ? pixels.values[row * pixels.width + column] : null;
    this.#$('probe').textContent = value === null ? '' : pixels?.kind === 'hu' ? words.viewer.hounsfield(value) : words.viewer.gray(value);
  }
}

/** @param {SliceRecord} record One that could not be read has no pixels. */
const isRead = ({ reading }) => reading.verdict !== 'error';
