// The study summaries on the page: a fold for each study of two slices or more, with its filmstrip where the reader wants an overview. Owns
// their elements; knows no table and no card.

import { element } from '../common/dom.js';
import { paintMap } from '../common/heatmap.js';
import { paintPicture } from '../common/picture.js';
import { Beside, keyOf } from './beside.js';
import { coronal } from './coronal.js';
import { extentTable } from './extent.js';
import { Film } from './film.js';
import { keySlices } from './key-slices.js';
import { profile, told } from './profile.js';
import { MAX_BARS } from './score-chart.js';
import { sentencesOf, titleOf } from './studies.js';
import { scoreOf } from '../locales/classes.js';
import { words } from '../locales/words.js';

// How many of the highest slices are named, and how many studies are open from the start.
const HIGHEST = 5;
const OPEN = 2;

/** @typedef {import('./studies.js').Study} Study */

/**
 * `told`: what it says now. `at`: the slice that the profile is at, once a person has moved it. `keys`: the canvases of its key slices that
 * are not painted yet. `film`: null for pictures that nothing holds together, which are cards.
 *
 * @typedef {{ node: HTMLDetailsElement, summary: HTMLElement, body: HTMLElement, told: string, at: SliceRecord | null, keys: Key[], film: Film | null, study: Study }} Fold
 */

/** @typedef {{ record: SliceRecord, below: HTMLCanvasElement, above: HTMLCanvasElement }} Key */

/**
 * @typedef {object} Wishes
 * @property {(record: SliceRecord) => void} onOpen A person wants to see the slice.
 * @property {(record: SliceRecord, wanted: () => boolean) => Promise<SlicePixels | null>} pixelsOf Null where they are not at hand.
 */

export class StudyPanel {
  #section;
  #list;
  #on;
  /** @type {Map<string, Fold>} By kind and ordinal, so that a fold stays as a person left it. */
  #folds = new Map();
  #beside = new Beside(() => this.#arrange());
  #isOverview = true;
  /** @type {(reading: Reading) => boolean} */
  #shown = () => true;

  /**
   * @param {HTMLElement} section
   * @param {HTMLElement} list
   * @param {Wishes} on
   */
  constructor(section, list, on) {
    this.#section = section;
    this.#list = list;
    this.#on = on;
    list.after(this.#beside.node);
  }

  /** Whether there is a study that a filmstrip shows. */
  get hasFilms() { return [...this.#folds.values()].some(({ film }) => film !== null); }

  /**
   * Whether filmstrips are shown.
   *
   * @param {boolean} isOverview
   */
  overview(isOverview) {
    this.#isOverview = isOverview;
    this.#showFilms();
  }

  /**
   * Filmstrips show the slices of which `shown(reading)` holds.
   *
   * @param {(reading: Reading) => boolean} shown
   */
  filter(shown) {
    this.#shown = shown;
    this.#showFilms();
  }

  /**
   * @param {Study[]} studies
   * @param {Model} model
   */
  show(studies, model) {
    const several = studies.filter(({ counts }) => counts.slices > 1);
    this.#section.hidden = several.length === 0;
    /** @type {Map<string, Fold>} */
    const shown = new Map();
    for (const [at, study] of several.entries()) {
      const key = keyOf(study);
      const fold = this.#folds.get(key) ?? this.#make(study, at < OPEN);
      fold.study = study;
      shown.set(key, fold);
      this.#fill(fold, study, model);
      this.#paint(fold);
    }
    this.#folds = shown;
    const nodes = [...shown.values()].map(({ node }) => node);
    if (nodes.length !== this.#list.children.length || nodes.some((node, at) => node !== this.#list.children[at])) this.#list.replaceChildren(...nodes);
    this.#beside.show(several);
    this.#arrange();
    this.#showFilms();
  }

  /** Shows two studies alone if a person has chosen two, else all. */
  #arrange() {
    const { chosen } = this.#beside;
    for (const [key, { node }] of this.#folds) {
      node.hidden = chosen !== null && !chosen.includes(key);
      if (chosen?.includes(key)) node.open = true;
    }
  }

  #showFilms() {
    for (const { film, study, node } of this.#folds.values()) {
      if (!film) continue;
      film.node.hidden = !this.#isOverview;
      if (this.#isOverview && node.open) film.show(study, this.#shown);
    }
  }

  /**
   * @param {Study} study
   * @param {boolean} open
   * @returns {Fold}
   */
  #make(study, open) {
    const summary = element('summary');
    const body = element('div.study-body');
    const node = element('details.study', summary, body);
    node.open = open;
    node.dataset.testid = 'study';
    /** @type {Fold} */
    const fold = { node, summary, body, told: '', at: null, keys: [], film: study.kind === 'pictures' ? null : new Film(this.#on), study };
    if (fold.film) body.append(fold.film.node);
    node.addEventListener('toggle', () => {
      this.#paint(fold);
      this.#showFilms();
    });
    return fold;
  }

  /**
   * @param {Fold} fold
   * @param {Study} study
   * @param {Model} model
   */
  #fill(fold, study, model) {
    const { node, summary, body } = fold;
    const now = JSON.stringify([study.name, study.counts, study.ranked, study.order, study.score, study.refusal, study.extent, study.stacks, study.repeats, study.set_aside, document.documentElement.lang]);
    // What says the same stays, with the focus that may be in it.
    if (now === fold.told) return;
    fold.told = now;
    node.dataset.kind = study.kind;
    node.dataset.score = String(study.score ?? '');
    node.dataset.verdict = study.verdict;
    summary.replaceChildren(element('h3', titleOf(study)), ' ', element('span.help', words.batch.slices(study.counts.slices)));
    const stops = () => [...body.querySelectorAll(/** @type {'button'} */ ('button, .profile'))].filter((stop) => !stop.closest('.film'));
    const focused = stops().findIndex((stop) => stop === document.activeElement);
    const front = study.extent ? coronal(study) : null;
    if (front) front.addEventListener('click', ({ offsetY }) => this.#on.onOpen(study.records[Math.floor(offsetY / front.clientHeight * study.records.length)]));
    const [first, ...others] = sentencesOf(study);
    const above = [
      element('p', study.score === null ? first : element('strong', first), ` ${others.join(' ')}`),
      ...(study.counts.slices <= MAX_BARS ? [this.#profile(fold, study, model)] : []),
    ];
    const below = [
      ...(front ? [element('div.study-extent',
        element('figure', element('div.front', element('span', words.study.right), front, element('span', words.study.left)), element('figcaption', words.study.front)),
        extentTable(study, /** @type {Extent} */ (study.extent)))] : []),
      ...this.#keys(fold, study),
      ...(study.ranked.length > 0 ? [element('h4', words.batch.highestSlices), this.#highest(study)] : []),
      element('p.help', words.batch.unvalidated),
    ];
    if (!fold.film) body.replaceChildren(...above, ...below);
    else {
      // The filmstrip is not taken out meanwhile: it would lose its place and the focus.
      const { node: strip } = fold.film;
      for (const part of [...body.children]) if (part !== strip) part.remove();
      strip.before(...above);
      strip.after(...below);
    }
    stops()[focused]?.focus();
  }

  /**
   * @param {Fold} fold
   * @param {Study} study
   * @param {Model} model
   */
  #profile(fold, study, model) {
    const { records, highest } = study;
    const slice = (fold.at ? records.indexOf(fold.at) + 1 : 0) || (highest?.slice ?? 1);
    const readout = element('p.readout', told(study, slice));
    const box = profile(study, model, slice, {
      onMove(at) {
        fold.at = records[at - 1];
        readout.textContent = told(study, at);
      },
      onOpen: (at) => this.#on.onOpen(records[at - 1]),
    });
    const { score, opacity } = words.study.key;
    const caption = element('figcaption', element('span', words.batch.orders[study.order]), ' ', element('span', score));
    // The key of what is drawn, and of no more: not every network tells opacity, and several classes have a threshold each.
    if (records.some(({ reading }) => reading.opacity)) caption.append(' ', element('span.key-opacity', opacity));
    if (model.classes.length < 2) caption.append(' ', element('span.key-threshold', words.card.threshold(model.threshold)));
    return element('figure', box, readout, caption);
  }

  /**
   * @param {Fold} fold
   * @param {Study} study
   */
  #keys(fold, study) {
    fold.keys = [];
    const slices = keySlices(study);
    if (slices.length === 0) return [];
    const items = slices.map((slice) => {
      const record = study.records[slice - 1];
      const [below, above] = [document.createElement('canvas'), document.createElement('canvas')];
      fold.keys.push({ record, below, above });
      const button = element('button', element('span.stage', below, above), element('span', told(study, slice)));
      button.type = 'button';
      button.dataset.testid = 'key-slice';
      button.addEventListener('click', () => this.#on.onOpen(record));
      return element('li', button);
    });
    return [element('h4', words.study.look), element('ol.key-slices', ...items)];
  }

  /**
   * Paints the key slices of an open fold whose pixels are at hand; the others are left for later.
   *
   * @param {Fold} fold
   */
  #paint(fold) {
    if (!fold.node.open) return;
    for (const key of fold.keys) {
      const { record, below, above } = key;
      this.#on.pixelsOf(record, () => below.isConnected).then((pixels) => {
        if (!pixels || !fold.keys.includes(key)) return;
        fold.keys = fold.keys.filter((other) => other !== key);
        const { picture, map, lung } = pixels;
        paintPicture(below, picture);
        if (map) paintMap(above, map, lung, picture.width, picture.height);
      }).catch(() => {});
    }
  }

  /** @param {Study} study */
  #highest({ ranked, records }) {
    return element('ol.highest', ...ranked.slice(0, HIGHEST).map((slice) => {
      const record = records[slice - 1];
      const button = element('button', element('span', words.batch.slice(slice)), element('strong', scoreOf(record.reading)));
      button.type = 'button';
      button.dataset.testid = 'highest';
      button.addEventListener('click', () => this.#on.onOpen(record));
      return element('li', button);
    }));
  }
}
