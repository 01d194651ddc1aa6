// The viewer: one slice at its full size, and the stack that it stands in. Owns the dialog and all that it shows; what was read comes as
// records, pixels come from the loader.

import { element, fill, inEnglish, plain } from '../common/dom.js';
import { byId } from '../common/page.js';
import { paintLungs, paintMap, paintOpacity } from '../common/heatmap.js';
import { reason } from '../results/reason.js';
import { score, verdict } from '../results/result-card.js';
import { format, words } from '../locales/words.js';
import { gestures } from './gestures.js';
import { keyList, keys } from './keys.js';
import { Loader } from './loader.js';
import { actualSize, layout, panned, pixelAt, WHOLE, zoomed } from './view.js';
import { WindowControls } from './window-controls.js';
import { paint } from './display-window.js';

// Slices that are decoded ahead, in the direction of travel, and behind.
const AHEAD = 3;
const BEHIND = 1;

// The longest side of what is painted over a picture. The map is smooth, the outline is not.
const MAP_SIDE = 256;
const LUNGS_SIDE = 768;

const ZOOM_STEP = 1.25;

/** @typedef {import('./view.js').View} View */
/** @typedef {import('./view.js').Size} Size */

export class Viewer {
  #dialog;
  #loader;
  #pixelsOf;
  #stackOf;
  /** @type {SliceRecord[]} */
  #records = [];
  /** @type {string | null} What the records have in common, null for slices of their own. */
  #title = null;
  /** @type {Model | null} Known once a slice was opened. */
  #model = null;
  #at = 0;
  #direction = 1;
  #view = WHOLE;
  /** @type {import('./display-window.js').Pixels | null} What the picture's canvas holds. */
  #shown = null;
  #queued = false;
  #windows = new WindowControls({ choose: () => this.#show(), move: () => this.#paintSoon(), invert: () => this.#paint() });

  /**
   * @param {HTMLDialogElement} dialog
   * @param {object} page
   * @param {() => import('../reading/worker-client.js').WorkerClient} page.newClient Gives one for pixels that has not started.
   * @param {(record: SliceRecord, wanted: () => boolean) => Promise<unknown>} page.pixelsOf Gets the map and the lungs back that a long
   *   list has given up, if they are still wanted then.
   * @param {(record: SliceRecord) => { records: SliceRecord[], title: string | null }} page.stackOf The stack that it stands in.
   */
  constructor(dialog, { newClient, pixelsOf, stackOf }) {
    this.#dialog = dialog;
    this.#pixelsOf = pixelsOf;
    this.#stackOf = stackOf;
    this.#loader = new Loader(newClient, (handle) => {
      if (handle === this.#record.handle) this.#show();
    });
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
    this.#stack(record);
    this.#direction = 1;
    this.#windows.say();
    this.#$('key-list').replaceChildren(...keyList());
    this.#reset();
    this.#dialog.showModal();
    this.#turn(this.#at);
  }

  /** The stacks have changed, as they do while files are read: the slice that is shown stays, its neighbours are those of now. */
  restack() {
    if (!this.#dialog.open) return;
    this.#stack(this.#record);
    this.#want();
    this.#showReading();
  }

  /** @param {SliceRecord} record */
  #stack(record) {
    const { records, title } = this.#stackOf(record);
    this.#records = [...records];
    this.#title = title;
    this.#at = this.#records.indexOf(record);
  }

  get #record() { return this.#records[this.#at]; }

  /** @param {string} id */
  #$(id) { return byId(`viewer-${id}`); }

  /** @param {string} id */
  #input(id) { return byId(`viewer-${id}`, HTMLInputElement); }

  /** @param {string} id */
  #canvas(id) { return byId(`viewer-${id}`, HTMLCanvasElement); }


  get #stage() {
    const { clientWidth: width, clientHeight: height } = this.#$('stage');
    return { width, height };
  }

  // What people do

  #wire() {
    const dialog = this.#dialog;
    dialog.querySelector('[data-close]')?.addEventListener('click', () => dialog.close());
    dialog.addEventListener('close', () => this.#leave());

    /** @type {import('./gestures.js').Movements & import('./keys.js').Actions} */
    const on = {
      step: (slices) => this.#turn(this.#at + slices),
      move: (right, down) => this.#look(panned, right, down),
      /** @param {import('./view.js').Point} [point] */
      zoom: (factor, point) => this.#look(zoomed, factor, point),
      fit: () => this.#look(() => WHOLE),
      actual: () => this.#look(actualSize),
      window: (right, down) => this.#windows.drag(right, down),
      preset: (name) => this.#windows.choose(name),
      toggle: (name) => this.#$(name).click(),
      turnMap: () => this.#input(this.#isOpacity ? 'map-of-score' : 'map-of-opacity').click(),
      reset: () => {
        this.#reset();
        this.#show();
      },
      help: () => {
        const list = byId('viewer-keys', HTMLDetailsElement);
        list.open = !list.open;
        if (list.open) list.scrollIntoView({ block: 'nearest' });
      },
      hover: (point) => this.#probe(point),
    };
    gestures(this.#$('stage'), () => /** @type {HTMLInputElement} */ (dialog.querySelector('[name="viewer-tool"]:checked')).value, on);
    keys(dialog, on);

    /** @type {(id: string, act: () => void) => void} */
    const click = (id, act) => this.#$(id).addEventListener('click', act);
    click('previous', () => on.step(-1));
    click('next', () => on.step(1));
    click('out', () => on.zoom(1 / ZOOM_STEP));
    click('in', () => on.zoom(ZOOM_STEP));
    click('fit', on.fit);
    click('actual', on.actual);
    click('reset', on.reset);
    this.#input('at').addEventListener('input', () => this.#turn(this.#input('at').valueAsNumber - 1));
    for (const id of ['map-shown', 'map-of-score', 'map-of-opacity', 'lungs-shown', 'input-shown']) this.#$(id).addEventListener('change', () => this.#show());
    this.#input('strength').addEventListener('input', () => this.#showStrength());
    new ResizeObserver(() => this.#lay()).observe(this.#$('stage'));
  }

  /** @param {number} at */
  #turn(at) {
    const next = Math.min(this.#records.length - 1, Math.max(0, at));
    if (next !== this.#at) this.#direction = Math.sign(next - this.#at);
    this.#at = next;
    this.#want();
    this.#show();
    this.#complete(this.#record);
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
    this.#view = change(this.#view, this.#stage, this.#shown, ...how);
    this.#lay();
  }

  #reset() {
    this.#view = WHOLE;
    this.#windows.reset();
  }

  #leave() {
    this.#loader.stop();
    this.#records = [];
    this.#shown = null;
    for (const canvas of this.#dialog.querySelectorAll('canvas')) canvas.width = canvas.height = 0;
    for (const id of ['file', 'told', 'verdict', 'reading', 'note', 'scale', 'probe']) this.#$(id).replaceChildren();
  }

  // What there is

  /** The slice asked for and its neighbours, the likely ones first. */
  #want() {
    const wanted = [this.#at];
    for (let i = 1; i <= AHEAD; i++) {
      wanted.push(this.#at + i * this.#direction);
      if (i <= BEHIND) wanted.push(this.#at - i * this.#direction);
    }
    this.#loader.want(wanted.map((at) => this.#records[at]).filter((record) => record && isRead(record)).map((record) => record.handle));
  }

  /** Whether the map that is chosen is that of the opacity. */
  get #isOpacity() { return this.#input('map-of-opacity').checked; }

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
    return failure || alike ? { width: picture.width, height: picture.height, kind: 'gray', values: picture.gray } : null;
  }

  // What is shown

  #show() {
    this.#showReading();
    this.#windows.show({ own: this.#ownWindow, usual: /** @type {Model} */ (this.#model).window, isRead: isRead(this.#record), isKept: Boolean(this.#answer?.failure) });
    this.#paint();
    this.#paintOverlays();
    this.#showInput();
    this.#lay();
    // A control that has just been switched off cannot keep the focus.
    if (this.#dialog.querySelector(':focus:disabled')) this.#$('stage').focus();
  }

  #showReading() {
    const { reading } = this.#record;
    const [number, total] = [this.#at + 1, this.#records.length];
    const frame = reading.frame === null ? null : ` · ${words.card.frame(reading.frame)}`;
    const name = `${plain(reading.file)}${frame ?? ''}`;
    fill(this.#$('file'), [this.#title && `${this.#title} · `, element('bdi', reading.file), frame]);
    this.#$('stack').classList.toggle('single', total === 1);
    Object.assign(this.#input('at'), { max: total, value: number });
    this.#input('at').setAttribute('aria-valuetext', words.viewer.position(number, total));
    byId('viewer-previous', HTMLButtonElement).disabled = number === 1;
    byId('viewer-next', HTMLButtonElement).disabled = number === total;
    const said = [words.verdict[reading.verdict], reading.score === null ? null : format.score(reading.score)].filter(Boolean).join(': ');
    this.#$('verdict').textContent = said;
    const told = [
      element('strong', words.viewer.position(number, total)),
      element('span.aloud', `, ${name}, ${said}`),
    ];
    // A screen reader repeats a status whenever it is set.
    if (this.#$('told').textContent !== told.map((part) => part.textContent).join('')) this.#$('told').replaceChildren(...told);

    this.#$('reading').dataset.verdict = reading.verdict;
    fill(this.#$('reading'), [
      verdict(reading),
      reading.score === null ? null : score(reading.score, /** @type {Model} */ (this.#model)),
      why(reading),
    ]);
  }

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
    const canvas = this.#canvas('picture');
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

  #paintOverlays() {
    const { pixels, reading } = this.#record;
    const { map, lung, opacity } = pixels ?? {};
    /** @type {(id: string, draw: ((canvas: HTMLCanvasElement) => void) | null) => void} */
    const layer = (id, draw) => {
      const canvas = this.#canvas(id);
      canvas.hidden = !draw;
      if (draw) draw(canvas);
      else canvas.width = canvas.height = 0;
    };
    const mapShown = this.#input('map-shown').checked;
    const lungsShown = this.#input('lungs-shown').checked;
    const isOpacity = this.#isOpacity;
    const judged = map && reading.score !== null ? this.#shown : null;
    /** @type {(canvas: HTMLCanvasElement, size: [number, number]) => void} */
    const drawMap = (canvas, size) => {
      if (!isOpacity && map) paintMap(canvas, map, null, ...size);
      if (isOpacity && opacity && lung) paintOpacity(canvas, opacity, lung, ...size);
    };
    layer('map', judged && mapShown ? (canvas) => drawMap(canvas, sides(judged, MAP_SIDE)) : null);
    this.#canvas('map').setAttribute('aria-label', isOpacity ? words.viewer.opacityMap : words.card.map);
    this.#$('opacity-key').hidden = !isOpacity;
    layer('lungs', judged && lung && lungsShown ? (canvas) => paintLungs(canvas, lung, ...sides(judged, LUNGS_SIDE)) : null);
    for (const id of ['strength', 'map-of-score', 'map-of-opacity']) this.#input(id).disabled = !mapShown;
    this.#$('map-told').textContent = reading.score === null ? words.viewer.noMap : '';
    this.#showStrength();
  }

  #showStrength() {
    this.#$('sheet').style.setProperty('--strength', String(this.#input('strength').valueAsNumber / 100));
  }

  #showInput() {
    const { pixels, failure } = this.#answer ?? {};
    const wanted = this.#input('input-shown').checked;
    const canvas = this.#canvas('input-picture');
    this.#$('input').hidden = !wanted;
    const input = wanted && pixels?.input;
    if (input) paint(canvas, { ...input, kind: 'gray', values: Uint8Array.from(input.gray, Math.round) }, null, false);
    else canvas.width = canvas.height = 0;
    this.#$('input-told').textContent = input ? words.viewer.inputTold(input.width, this.#ownWindow !== null)
      : !isRead(this.#record) ? ''
      : failure ? words.viewer.noInput : words.viewer.decoding;
  }

  #lay() {
    if (!this.#record) return;
    const stage = this.#stage;
    if (!this.#shown || stage.width === 0) return this.#showScale(null);
    // A stage of another shape shows no less of the picture.
    this.#view = panned(this.#view, stage, this.#shown, 0, 0);
    const { scale, left, top } = layout(this.#view, stage, this.#shown);
    const { style } = this.#$('sheet');
    style.width = `${this.#shown.width * scale}px`;
    style.height = `${this.#shown.height * scale}px`;
    style.transform = `translate(${left}px, ${top}px)`;
    // The preview may be smaller than the picture that it stands for.
    const { width } = this.#record.shown ?? this.#shown;
    this.#showScale(scale * this.#shown.width / width);
  }

  /**
   * Shows the window, and how large a pixel of the file is.
   *
   * @param {number | null} scale CSS pixels for it, null while nothing is shown.
   */
  #showScale(scale) {
    const { failure } = this.#answer ?? {};
    const own = this.#ownWindow;
    const shown = own && (failure ? own : this.#windows.window);
    this.#$('scale').textContent = scale === null ? ''
      : [shown && words.card.windowOf(shown.center, shown.width), format.percent(scale)].filter(Boolean).join(' · ');
  }

  /** @param {import('./view.js').Point | null} point */
  #probe(point) {
    const { pixels } = this.#record ? this.#answer ?? {} : {};
    const pixel = point && pixels && pixelAt(this.#view, this.#stage, pixels, point);
    if (!pixel) {
      this.#$('probe').textContent = '';
      return;
    }
    const value = pixels.values[pixel.row * pixels.width + pixel.column];
    this.#$('probe').textContent = pixels.kind === 'hu' ? words.viewer.hounsfield(value) : words.viewer.gray(value);
  }
}

/**
 * The sides of a picture of that shape whose longest is `longest`.
 *
 * @param {Size} shape
 * @param {number} longest
 * @returns {[width: number, height: number]}
 */
function sides({ width, height }, longest) {
  const ratio = longest / Math.max(width, height);
  return [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
}

/** @param {SliceRecord} record One that could not be read has no pixels. */
const isRead = ({ reading }) => reading.verdict !== 'error';

/** @param {Reading} reading */
function why(reading) {
  if (!reading.refusal && !reading.error) return null;
  const { text, detail } = reason(reading);
  return element('p.reason', text, text && detail ? ' ' : null, detail && inEnglish(detail));
}
