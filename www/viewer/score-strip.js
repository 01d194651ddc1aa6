// The scores of a stack beside its slider, in the order of its slices: where the high ones are, which slice is shown, and a click to any.
// Owns its element. The slider says the same to who does not see it.

import { draw } from '../common/dom.js';

const HEIGHT = 24;

// With more slices several share a bar, which is as high as the highest of them.
const MAX_BARS = 600;

export class ScoreStrip {
  #svg;
  /** @type {SliceRecord[]} */
  #records = [];
  #threshold = 0;
  #drawn = '';

  /**
   * @param {SVGSVGElement} svg
   * @param {(at: number) => void} onChoose The number of a slice in the stack, from 0.
   */
  constructor(svg, onChoose) {
    this.#svg = svg;
    const choose = (/** @type {PointerEvent} */ event) => {
      const { left, width } = svg.getBoundingClientRect();
      const at = Math.floor((event.clientX - left) / width * this.#records.length);
      onChoose(Math.min(this.#records.length - 1, Math.max(0, at)));
    };
    svg.addEventListener('pointerdown', (event) => {
      svg.setPointerCapture(event.pointerId);
      choose(event);
    });
    svg.addEventListener('pointermove', (event) => { if (event.buttons > 0) choose(event); });
  }

  /**
   * @param {SliceRecord[]} records
   * @param {number} at The one that is shown.
   * @param {number} threshold
   */
  show(records, at, threshold) {
    this.#records = records;
    this.#threshold = threshold;
    const drawn = records.map(({ reading: { verdict, score } }) => `${verdict} ${score}`).join();
    if (drawn !== this.#drawn) this.#draw();
    this.#drawn = drawn;
    const mark = this.#svg.querySelector('.strip-mark');
    mark?.setAttribute('x', String(at));
  }

  #draw() {
    const count = this.#records.length;
    const each = Math.ceil(count / MAX_BARS);
    this.#svg.setAttribute('viewBox', `0 0 ${count} ${HEIGHT}`);
    const bars = [];
    for (let at = 0; at < count; at += each) {
      const shared = this.#records.slice(at, at + each).map(({ reading }) => reading);
      const { score, verdict } = shared.reduce((high, other) => ((other.score ?? -1) > (high.score ?? -1) ? other : high));
      // A score near 0 must not look like none.
      const height = score === null ? 1 : Math.max(2, score * HEIGHT);
      const bar = draw('rect', { x: at + each * 0.05, y: HEIGHT - height, width: each * 0.9, height });
      bar.dataset.verdict = verdict;
      bars.push(bar);
    }
    const y = HEIGHT * (1 - this.#threshold);
    const line = draw('line', { x1: 0, x2: count, y1: y, y2: y, 'vector-effect': 'non-scaling-stroke' });
    this.#svg.replaceChildren(...bars, line, draw('rect', { class: 'strip-mark', x: 0, y: 0, width: 1, height: HEIGHT, 'vector-effect': 'non-scaling-stroke' }));
  }
}
