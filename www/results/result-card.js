// One reading as a card. Owns the card's elements and its pixels; knows nothing of the other cards.

import { className, pointOf, verdictOf } from '../locales/classes.js';
import { element, fill, icon, inEnglish, terms } from '../common/dom.js';
import { paintMap } from '../common/heatmap.js';
import { paintPicture } from '../common/picture.js';
import { reason } from '../reading/reason.js';
import { pointNotice, pointSaid } from '../locales/point.js';
import { format, words } from '../locales/words.js';

const SHAPES = {
  positive: 'M8 2.500 14.500 13.500H1.500z',
  negative: 'M8 13.500 1.500 2.500h13z',
  uncertain: 'M8 1 15 8 8 15 1 8z',
  refused: 'M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1zm0 2a5 5 0 0 1 3 1L4 11A5 5 0 0 1 8 3zm0 10a5 5 0 0 1-3-1l7-7a5 5 0 0 1-4 8z',
  error: 'M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1zM7 4h2v5H7zm0 6h2v2H7z',
};

/**
 * The card of a record.
 *
 * Of thousands of cards nearly all are far from the viewport. Such a card is brief: a few elements with the name, the verdict, the score and
 * the reason, so that they are found and read aloud; something lighter than a canvas stands for the map. `unfold` makes it whole and paints the
 * record's pixels if it has any, `fold` makes it brief again.
 */
export class ResultCard {
  node = element('article.card.brief');
  #record;
  #model;
  #on;
  /** @type {{ stage: ReturnType<typeof stage>, facts: HTMLElement, again: ReturnType<typeof retry> | null } | null} While it is whole. */
  #whole = null;
  #isAway = false;

  /**
   * @param {SliceRecord} record
   * @param {Model} model
   * @param {object} on
   * @param {(record: SliceRecord) => void} on.onOpen A person wants a closer look at the picture,
   * @param {(record: SliceRecord) => void} on.onRetry or wants it to be read again.
   */
  constructor(record, model, on) {
    this.#record = record;
    this.#model = model;
    this.#on = on;
    const { verdict: kind, score: value, file, frame } = record.reading;
    // Not by `dataset`, which is an object more for each card.
    for (const [name, told] of [['testid', 'result'], ['verdict', kind], ['score', value === null ? '' : String(value)], ['file', file]]) this.node.setAttribute(`data-${name}`, told);
    if (frame !== null) this.node.setAttribute('data-frame', String(frame));
    // It takes the focus where a table or a summary leads to it.
    this.node.tabIndex = -1;
    this.say();
  }

  get isAway() { return this.#isAway; }

  /**
   * Leaves the slice to another view: what stays is one element, and why it was not judged. Or takes it back.
   *
   * @param {boolean} isAway
   */
  putAway(isAway) {
    if (isAway === this.#isAway) return;
    if (isAway) this.#shrink(0);
    this.#isAway = isAway;
    this.say();
  }

  /** Makes it whole, and shows what pixels there are, unless they are to be painted later. */
  unfold(isPainted = true) {
    if (!this.#whole) {
      const record = this.#record;
      const shown = stage(record, () => this.#on.onOpen(record));
      const facts = element('div.facts');
      const again = record.reading.verdict === 'error' ? retry(() => this.#on.onRetry(record)) : null;
      this.#whole = { stage: shown, facts, again };
      this.node.classList.remove('brief');
      this.node.style.minHeight = '';
      this.node.replaceChildren(shown.node, facts);
      again?.wait(record.waiting);
      this.say();
    }
    if (isPainted) this.#whole.stage.show();
  }

  /** Makes it brief, unless the focus is in it; it keeps the height, in CSS pixels, if it is known. */
  fold(height = 0) {
    if (!this.#whole || (document.activeElement !== this.node && this.node.contains(document.activeElement))) return;
    this.#shrink(height);
    this.say();
  }

  /** @param {number} height */
  #shrink(height) {
    if (!this.#whole) return;
    // A canvas may outlive its card for a while, and its pixels are large.
    this.#whole.stage.hide();
    this.#whole = null;
    this.node.classList.add('brief');
    if (height > 0) this.node.style.minHeight = `${height}px`;
  }

  /** Gives the pixels of the canvases back. */
  hide() { this.#whole?.stage.hide(); }

  /** Says everything in the language of now. */
  say() {
    const { reading } = this.#record;
    this.node.setAttribute('aria-label', `${numbered(reading.file, reading.frame)}: ${verdictOf(reading)}`);
    if (this.#isAway) return fill(this.node, [why(reading)]);
    if (!this.#whole) return fill(this.node, brief(reading));
    const { stage: shown, facts, again } = this.#whole;
    shown.say();
    again?.say();
    fill(facts, [
      verdict(reading, this.#model),
      title(reading),
      reading.score === null ? null : score(reading.score, pointOf(this.#model, reading)),
      byPoint(reading),
      classes(reading, this.#model),
      why(reading),
      again?.node ?? null,
      reading.opacity && opacity(reading.opacity),
      details(reading),
    ]);
  }

  /** Whether its record waits to be read again has changed. */
  wait() { this.#whole?.again?.wait(this.#record.waiting); }

  focus() { this.node.focus(); }
}

/** @param {Reading} reading */
function brief(reading) {
  const { file, frame } = reading;
  const said = verdictOf(reading);
  return [
    element('h3', numbered(file, frame)),
    reading.score === null ? said : `${said}: ${format.score(reading.score)}`,
    reading.score === null ? why(reading) : noMap(frame),
  ];
}

/**
 * The frames of a file have its name in common.
 *
 * @param {string} text
 * @param {number | null} frame
 */
function numbered(text, frame) {
  return frame === null ? text : `${text} · ${words.card.frame(frame)}`;
}

/**
 * Where the map is painted, once it is.
 *
 * @param {number | null} frame
 */
function map(frame) {
  const heat = canvas();
  heat.width = heat.height = 0;
  return named(heat, frame);
}

/**
 * What stands for the canvas of a map that nobody sees: an element of a third of its memory, which says that it has no pixels.
 *
 * @param {number | null} frame
 */
function noMap(frame) {
  return named(Object.assign(element('span'), { width: 0, height: 0 }), frame);
}

/**
 * @template {HTMLElement} E
 * @param {E} heat
 * @param {number | null} frame
 */
function named(heat, frame) {
  heat.className = 'heat';
  heat.setAttribute('data-testid', 'heatmap');
  heat.setAttribute('aria-label', numbered(words.card.map, frame));
  return heat;
}

/** @param {() => void} onRetry */
function retry(onRetry) {
  const button = element('button.button.retry');
  button.type = 'button';
  button.dataset.testid = 'retry-result';
  button.addEventListener('click', onRetry);
  let waiting = false;
  const say = () => { button.textContent = waiting ? words.batch.retrying : words.batch.retry; };
  return {
    node: button,
    say,
    /** @param {boolean} now */
    wait(now) {
      waiting = now;
      // Not `disabled`: that would take the focus away from who just pressed it.
      button.setAttribute('aria-disabled', String(waiting));
      say();
    },
  };
}

/**
 * The picture with the map over it, once they are shown.
 *
 * @param {SliceRecord} record
 * @param {() => void} onOpen
 */
function stage(record, onOpen) {
  const { file, frame: number, score } = record.reading;
  if (!record.shown) {
    const note = element('span');
    return { node: element('div.stage.empty', note), show() {}, hide() {}, say() { note.textContent = words.card.noPicture; } };
  }
  const { width, height } = record.shown;
  const shown = canvas();
  /** @type {{ canvas: HTMLCanvasElement, label: () => string, paint: (pixels: SlicePixels) => void }[]} */
  const layers = [{ canvas: shown, label: () => numbered(words.card.picture(file), number), paint: ({ picture }) => paintPicture(shown, picture) }];
  if (score !== null) {
    const heat = map(number);
    layers.push({
      canvas: heat,
      label: () => numbered(words.card.map, number),
      // A map this smooth looks the same at half the picture's size.
      paint: ({ picture, map, lung }) => map && paintMap(heat, map, lung, Math.ceil(picture.width / 2), Math.ceil(picture.height / 2)),
    });
  }
  const frame = element('div.frame', ...layers.map((layer) => layer.canvas));
  // The stylesheet fits the frame into the square stage by these two.
  frame.style.setProperty('--width', String(Math.min(1, width / height)));
  frame.style.setProperty('--ratio', String(width / height));
  // All of the stage is the button, its text stands in a corner.
  const openerText = element('span');
  const opener = element('button.enlarge', openerText);
  opener.type = 'button';
  opener.dataset.testid = 'open-viewer';
  opener.setAttribute('aria-haspopup', 'dialog');
  opener.addEventListener('click', onOpen);
  let painted = false;
  const hide = () => {
    for (const layer of layers) layer.canvas.width = layer.canvas.height = 0;
    painted = false;
  };
  hide();
  return {
    node: element('div.stage', frame, opener),
    show() {
      if (painted || !record.pixels) return;
      for (const layer of layers) layer.paint(record.pixels);
      painted = true;
    },
    hide() { if (painted) hide(); },
    say() {
      for (const layer of layers) layer.canvas.setAttribute('aria-label', layer.label());
      openerText.textContent = words.viewer.open;
      opener.setAttribute('aria-label', numbered(words.viewer.openOf(file), number));
    },
  };
}

function canvas() {
  const node = document.createElement('canvas');
  node.setAttribute('role', 'img');
  return node;
}

/** @param {Reading} reading */
function title({ file, frame }) {
  return element('h3', element('bdi.name', file), frame === null ? null : element('span.frame-number', words.card.frame(frame)));
}

/**
 * The verdict as a line with its sign.
 *
 * @param {Reading} reading
 * @param {Model} model
 */
export function verdict(reading, model) {
  return element('p.verdict', icon(SHAPES[reading.verdict]), verdictOf(reading, model));
}

/**
 * The scores of all classes, the highest first.
 *
 * @param {Reading} reading
 * @param {Model} model
 */
function classes({ classes: scores }, model) {
  if (!scores) return null;
  const ranked = Object.entries(scores).sort(([, one], [, other]) => other - one);
  const list = terms('dl.details', ranked.map(([id, value]) => [className(model, id), format.score(value)]));
  list.dataset.testid = 'classes';
  return element('div', element('p.help', words.network.scores), list);
}

/**
 * The score, drawn with the operating point and the uncertain band.
 *
 * @param {number} value
 * @param {{ threshold: number, uncertain: number[] }} point
 */
export function score(value, { threshold, uncertain }) {
  const [low, high] = uncertain;
  const band = element('span.scale-band');
  band.style.setProperty('--from', String(low));
  band.style.setProperty('--to', String(high));
  // Where the highest score decides, there is no threshold.
  const tick = threshold > 0 ? element('span.scale-threshold') : null;
  tick?.style.setProperty('--at', String(threshold));
  const mark = element('span.scale-mark');
  mark.style.setProperty('--at', String(value));
  const scale = element('div.scale', band, tick, mark);
  scale.setAttribute('role', 'img');
  scale.setAttribute('aria-label', words.card.scale(value, threshold, uncertain));
  return element('div.score',
    scoreLine(value),
    scale,
    element('p.scale-key',
      threshold > 0 ? element('span.key-threshold', words.card.threshold(threshold)) : null,
      low < high ? element('span.key-band', words.card.band(uncertain)) : null));
}

/**
 * Whose operating point gave the verdict, and what must be said beside it; null where it was the network's own.
 *
 * @param {Reading} reading
 */
export function byPoint({ score, model: { operating_point: local } }) {
  if (!local || score === null) return null;
  const notice = pointNotice(local);
  const node = element('p.help', pointSaid(local), notice && ' ', notice && element('strong', notice));
  node.dataset.testid = 'by-point';
  return node;
}

/** @param {number} value */
function scoreLine(value) {
  return element('p.score-line', element('span', words.card.score), element('strong', format.score(value)));
}

/** @param {Reading} reading */
function why(reading) {
  const given = reading.refusal ?? reading.error;
  if (!given) return null;
  const { text, detail } = reason(reading);
  const node = element('div.reason', element('p', text, text && detail ? ' ' : null, detail && inEnglish(detail)));
  node.setAttribute('data-testid', reading.refusal ? 'refusal' : 'error');
  node.setAttribute('data-code', given.code);
  return node;
}

/** @param {Opacity} shares */
function opacity(shares) {
  const line = element('p.opacity-line', words.card.opacity(shares));
  line.dataset.testid = 'opacity';
  line.title = words.card.opacityHelp;
  return line;
}

/** @param {Reading} reading */
function details({ source, ms }) {
  if (!source) return null;
  const spent = [ms?.decode, ms?.preprocess, ms?.graph].filter((part) => typeof part === 'number');
  return terms('dl.details', [
    [words.card.size, source.width && source.height ? `${source.width} × ${source.height}` : null],
    [words.card.format, [source.format?.toUpperCase(), source.modality].filter(Boolean).join(', ') || null],
    [words.card.window, source.window ? words.card.windowOf(source.window.center, source.window.width) : words.card.asStored],
    [words.card.notes, source.notes.length > 0 ? inEnglish(`${source.notes.join('; ')}.`) : null],
    [words.card.time, spent.length > 0 ? format.ms(spent.reduce((sum, part) => sum + part, 0)) : null],
  ]);
}
