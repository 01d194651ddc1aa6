// The viewer: one slice at its full size, and the stack it stands in. Owns the dialog and all that it shows; what was read comes as
// records (results.js), pixels come from the loader.

import { element, inEnglish } from '../common/dom.js';
import { paintLungs, paintMap } from '../common/heatmap.js';
import { reason } from '../results/reason.js';
import { score, verdict } from '../results/result-card.js';
import { format, words } from '../locales/words.js';
import { gestures } from './gestures.js';
import { keyList, keys } from './keys.js';
import { Loader } from './loader.js';
import { actualSize, panned, pixelAt, place, WHOLE, zoomed } from './view.js';
import { LEAST_WIDTH, paint, PRESETS } from './window.js';

// Slices that are decoded ahead, in the direction of travel, and behind.
const AHEAD = 3;
const BEHIND = 1;

// The longest side of what is painted over a picture. The map is smooth, the outline is not.
const MAP_SIDE = 256;
const LUNGS_SIDE = 768;

// Hounsfield units for a CSS pixel of a drag.
const WINDOW_STEP = 2;

const ZOOM_STEP = 1.25;

// The window is the reading's own: what the network was given.
const AS_READ = 'network';
const CUSTOM = 'custom';

export class Viewer {
  #dialog;
  #loader;
  #pixelsOf;
  #stackOf;
  #records = [];
  #title = null;          // what the records have in common, null for slices of their own
  /** @type {any} */
  #model = null;
  #at = 0;
  #direction = 1;
  #view = WHOLE;
  #preset = AS_READ;
  #custom = PRESETS.lung;
  /** @type {any} */
  #shown = null;          // what the picture's canvas holds: { width, height, kind, values }, or null
  #queued = false;

  /**
   * newClient() gives a WorkerClient for pixels that has not started; pixelsOf(record, wanted) gets the map and the lungs back that a
   * long list has given up, if they are still wanted then; stackOf(record) is { records, title } of the stack that it stands in.
   */
  constructor(dialog, { newClient, pixelsOf, stackOf }) {
    this.#dialog = dialog;
    this.#pixelsOf = pixelsOf;
    this.#stackOf = stackOf;
    this.#loader = new Loader(newClient, (origin) => {
      if (origin === this.#record.origin) this.#show();
    });
    this.#wire();
  }

  /** Shows the slice of `record`, and lets people go through its stack. */
  open(record, model) {
    this.#model = model;
    this.#stack(record);
    this.#direction = 1;
    this.#say();
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

  #stack(record) {
    const { records, title } = this.#stackOf(record);
    this.#records = [...records];
    this.#title = title;
    this.#at = this.#records.indexOf(record);
  }

  get #record() { return this.#records[this.#at]; }

  #$(id) { return this.#dialog.querySelector(`#viewer-${id}`); }

  get #stage() {
    const { clientWidth: width, clientHeight: height } = this.#$('stage');
    return { width, height };
  }

  // What people do

  #wire() {
    const dialog = this.#dialog;
    dialog.querySelector('[data-close]').addEventListener('click', () => dialog.close());
    dialog.addEventListener('close', () => this.#leave());

    const on = {
      step: (slices) => this.#turn(this.#at + slices),
      move: (right, down) => this.#look(panned, right, down),
      zoom: (factor, point) => this.#look(zoomed, factor, point),
      fit: () => this.#look(() => WHOLE),
      actual: () => this.#look(actualSize),
      window: (right, down) => {
        const { center, width } = this.#window;
        this.#setWindow({ center: center + down * WINDOW_STEP, width: Math.max(LEAST_WIDTH, width + right * WINDOW_STEP) });
      },
      preset: (name) => this.#choose(name),
      toggle: (name) => this.#$(name).click(),
      reset: () => {
        this.#reset();
        this.#show();
      },
      help: () => {
        const list = this.#$('keys');
        list.open = !list.open;
        if (list.open) list.scrollIntoView({ block: 'nearest' });
      },
      hover: (point) => this.#probe(point),
    };
    gestures(this.#$('stage'), () => dialog.querySelector('[name="viewer-tool"]:checked').value, on);
    keys(dialog, on);

    const click = (id, act) => this.#$(id).addEventListener('click', act);
    click('previous', () => on.step(-1));
    click('next', () => on.step(1));
    click('out', () => on.zoom(1 / ZOOM_STEP));
    click('in', () => on.zoom(ZOOM_STEP));
    click('fit', on.fit);
    click('actual', on.actual);
    click('reset', on.reset);
    this.#$('at').addEventListener('input', () => this.#turn(this.#$('at').value - 1));
    this.#$('preset').addEventListener('change', () => this.#choose(this.#$('preset').value));
    for (const id of ['center', 'width']) {
      this.#$(id).addEventListener('input', () => this.#typed());
      // What was no number is put right once the field is left.
      this.#$(id).addEventListener('change', () => this.#showWindow());
    }
    this.#$('invert').addEventListener('change', () => this.#paint());
    for (const id of ['map-shown', 'lungs-shown', 'input-shown']) this.#$(id).addEventListener('change', () => this.#show());
    this.#$('strength').addEventListener('input', () => this.#showStrength());
    new ResizeObserver(() => this.#lay()).observe(this.#$('stage'));
  }

  #turn(at) {
    const next = Math.min(this.#records.length - 1, Math.max(0, at));
    if (next !== this.#at) this.#direction = Math.sign(next - this.#at);
    this.#at = next;
    this.#want();
    this.#show();
    this.#complete(this.#record);
  }

  // Its map and lungs, where they were given up.
  async #complete(record) {
    const isShown = () => record === this.#record;
    if (record.pixels || !isRead(record)) return;
    // Without them the slice is shown all the same.
    await this.#pixelsOf(record, isShown).catch(() => {});
    if (isShown()) this.#show();
  }

  #look(change, ...how) {
    if (!this.#shown) return;
    this.#view = change(this.#view, this.#stage, this.#shown, ...how);
    this.#lay();
  }

  #choose(name) {
    if (this.#$('preset').disabled) return;
    if (name === CUSTOM) this.#custom = this.#window;
    this.#preset = name;
    this.#show();
  }

  #typed() {
    const [center, width] = [this.#$('center').valueAsNumber, this.#$('width').valueAsNumber];
    if (!Number.isFinite(center) || !(width >= LEAST_WIDTH)) return;
    this.#preset = CUSTOM;
    this.#custom = { center, width };
    this.#$('preset').value = CUSTOM;
    this.#paintSoon();
  }

  #setWindow({ center, width }) {
    if (this.#$('preset').disabled) return;
    this.#preset = CUSTOM;
    this.#custom = { center: Math.round(center), width: Math.round(width) };
    this.#showWindow();
    this.#paintSoon();
  }

  #reset() {
    this.#view = WHOLE;
    this.#preset = AS_READ;
    this.#$('invert').checked = false;
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
    this.#loader.want(wanted.map((at) => this.#records[at]).filter((record) => record && isRead(record)).map((record) => record.origin));
  }

  get #answer() { return this.#loader.get(this.#record.origin); }

  /** The window that the network's picture was made with; null for a picture without Hounsfield units. */
  get #ownWindow() { return this.#record.reading.source?.window ?? null; }

  get #window() {
    if (this.#preset === CUSTOM) return this.#custom;
    return PRESETS[this.#preset] ?? this.#ownWindow ?? this.#model.window;
  }

  /** The pixels to show: decoded, or while or because they are not, the card's picture where it looks the same. */
  get #pixels() {
    const picture = this.#record.pixels?.picture;
    const { pixels, failure } = this.#answer ?? {};
    if (pixels || !picture) return pixels ?? null;
    const { center, width } = this.#ownWindow ?? {};
    const alike = !this.#ownWindow || (center === this.#window.center && width === this.#window.width);
    return failure || alike ? { width: picture.width, height: picture.height, kind: 'gray', values: picture.gray } : null;
  }

  // What is shown

  #show() {
    this.#showReading();
    this.#showWindow();
    this.#paint();
    this.#paintOverlays();
    this.#showInput();
    this.#lay();
    // A control that has just been switched off cannot keep the focus.
    if (this.#dialog.querySelector(':focus')?.disabled) this.#$('stage').focus();
  }

  #showReading() {
    const { reading } = this.#record;
    const [number, total] = [this.#at + 1, this.#records.length];
    const name = reading.frame === null ? reading.file : `${reading.file} · ${words.card.frame(reading.frame)}`;
    this.#$('file').textContent = [this.#title, name].filter(Boolean).join(' · ');
    this.#$('stack').classList.toggle('single', total === 1);
    Object.assign(this.#$('at'), { max: total, value: number });
    this.#$('at').setAttribute('aria-valuetext', words.viewer.position(number, total));
    this.#$('previous').disabled = number === 1;
    this.#$('next').disabled = number === total;
    const said = [words.verdict[reading.verdict], reading.score === null ? null : format.score(reading.score)].filter(Boolean).join(': ');
    this.#$('verdict').textContent = said;
    const told = [
      element('strong', words.viewer.position(number, total)),
      element('span.aloud', `, ${name}, ${said}`),
    ];
    // A screen reader repeats a status whenever it is set.
    if (this.#$('told').textContent !== told.map((part) => part.textContent).join('')) this.#$('told').replaceChildren(...told);

    this.#$('reading').dataset.verdict = reading.verdict;
    this.#$('reading').replaceChildren(...[
      verdict(reading),
      reading.score === null ? null : score(reading.score, this.#model),
      why(reading),
    ].filter(Boolean));
  }

  #showWindow() {
    const { failure } = this.#answer ?? {};
    const own = this.#ownWindow;
    const fixed = !own || Boolean(failure);
    const preset = fixed ? AS_READ : this.#preset;
    const { center, width } = fixed ? own ?? {} : this.#window;
    Object.assign(this.#$('preset'), { value: preset, disabled: fixed });
    // A field that is being typed in stays as it is.
    for (const [id, value] of [['center', center], ['width', width]]) {
      this.#$(id).disabled = fixed;
      if (this.#$(id).valueAsNumber !== value) this.#$(id).value = value ?? '';
    }
    // Dragging can do it only where the fields can.
    const tool = this.#dialog.querySelector('[value="window"]');
    tool.disabled = fixed;
    if (fixed && tool.checked) this.#dialog.querySelector('[value="move"]').checked = true;
    this.#$('window-told').textContent = !isRead(this.#record) ? ''
      : !own ? words.viewer.noWindow
      : failure ? words.viewer.notNow : words.viewer.displayOnly(own.center, own.width);
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
    const canvas = this.#$('picture');
    const pixels = this.#shown = this.#pixels;
    const { pixels: full, failure } = this.#answer ?? {};
    canvas.setAttribute('aria-label', words.card.picture(this.#record.reading.file));
    if (pixels) paint(canvas, pixels, this.#window, this.#$('invert').checked);
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
    const { map, lung } = pixels ?? {};
    const judged = this.#shown !== null && map && reading.score !== null;
    const size = (longest) => {
      const { width, height } = this.#shown;
      const ratio = longest / Math.max(width, height);
      return [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
    };
    const layer = (id, wanted, draw) => {
      const canvas = this.#$(id);
      canvas.hidden = !wanted;
      if (wanted) draw(canvas);
      else canvas.width = canvas.height = 0;
    };
    const mapShown = this.#$('map-shown').checked;
    layer('map', judged && mapShown, (canvas) => paintMap(canvas, map, null, ...size(MAP_SIDE)));
    layer('lungs', judged && lung && this.#$('lungs-shown').checked, (canvas) => paintLungs(canvas, lung, ...size(LUNGS_SIDE)));
    this.#$('strength').disabled = !mapShown;
    this.#$('map-told').textContent = reading.score === null ? words.viewer.noMap : '';
    this.#showStrength();
  }

  #showStrength() {
    this.#$('sheet').style.setProperty('--strength', String(this.#$('strength').value / 100));
  }

  #showInput() {
    const { pixels, failure } = this.#answer ?? {};
    const wanted = this.#$('input-shown').checked;
    const canvas = this.#$('input-picture');
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
    const { scale, left, top } = place(this.#view, stage, this.#shown);
    const { style } = this.#$('sheet');
    style.width = `${this.#shown.width * scale}px`;
    style.height = `${this.#shown.height * scale}px`;
    style.transform = `translate(${left}px, ${top}px)`;
    // The preview may be smaller than the picture that it stands for.
    const { width } = this.#record.reading.source ?? this.#shown;
    this.#showScale(scale * this.#shown.width / width);
  }

  // The window that is shown, and how large a pixel of the file is.
  #showScale(scale) {
    const { failure } = this.#answer ?? {};
    const own = this.#ownWindow;
    const { center, width } = failure ? own ?? {} : this.#window;
    this.#$('scale').textContent = scale === null ? ''
      : [own && words.card.windowOf(center, width), format.percent(scale)].filter(Boolean).join(' · ');
  }

  #probe(point) {
    const { pixels } = this.#record ? this.#answer ?? {} : {};
    const pixel = point && pixels && pixelAt(this.#view, this.#stage, pixels, point);
    const value = pixel && pixels.values[pixel.row * pixels.width + pixel.column];
    this.#$('probe').textContent = !pixel ? '' : pixels.kind === 'hu' ? words.viewer.hounsfield(value) : words.viewer.gray(value);
  }

  // All text that does not change with the slice, in the language of now.
  #say() {
    const options = [AS_READ, ...Object.keys(PRESETS), CUSTOM].map((name) => {
      const option = element('option', words.viewer.presets[name]);
      option.value = name;
      return option;
    });
    this.#$('preset').replaceChildren(...options);
    this.#$('key-list').replaceChildren(...keyList());
  }
}

// A slice that could not be read has no pixels.
const isRead = ({ reading }) => reading.verdict !== 'error';

function why(reading) {
  if (!reading.refusal && !reading.error) return null;
  const { text, detail } = reason(reading);
  return element('p.reason', text, text && detail ? ' ' : null, detail && inEnglish(detail));
}
