// Where a slice lies on the stage once it was turned, moved and enlarged: from its pixels to the stage and back. Knows no element.

import { pointBehind, turnedPoint, turnedSize } from './turn.js';
import { layout } from './view.js';

/** @typedef {import('./view.js').Point} Point */
/** @typedef {import('./view.js').Size} Size */

export class Placement {
  #size;
  #turn;

  /**
   * @param {import('./view.js').View} view
   * @param {Size} stage In CSS pixels.
   * @param {Size} size Of the slice, in its pixels.
   * @param {import('./turn.js').Turn} turn
   */
  constructor(view, stage, size, turn) {
    this.#size = size;
    this.#turn = turn;
    const seen = turnedSize(turn, size);
    const { scale, left, top } = layout(view, stage, seen);
    /** CSS pixels for a pixel of the slice. */
    this.scale = scale;
    /** What is seen of the slice, in CSS pixels of the stage. */
    this.box = { left, top, width: seen.width * scale, height: seen.height * scale };
    /** Of the slice before it was turned, in CSS pixels. */
    this.own = { width: size.width * scale, height: size.height * scale };
  }

  /**
   * @param {Point} point In pixels of the slice.
   * @returns {Point} On the stage.
   */
  onStage(point) {
    const { x, y } = turnedPoint(this.#turn, this.#size, point);
    return { x: this.box.left + x * this.scale, y: this.box.top + y * this.scale };
  }

  /**
   * @param {Point} point On the stage.
   * @returns {Point} In pixels of the slice; it may lie outside.
   */
  inSlice({ x, y }) {
    return pointBehind(this.#turn, this.#size, { x: (x - this.box.left) / this.scale, y: (y - this.box.top) / this.scale });
  }

  /** What turns an element of the slice's size, in CSS pixels, into the box of what is seen. */
  get matrix() {
    const [origin, right, down] = [{ x: 0, y: 0 }, { x: 1, y: 0 }, { x: 0, y: 1 }].map((point) => turnedPoint(this.#turn, this.own, point));
    return [right.x - origin.x, right.y - origin.y, down.x - origin.x, down.y - origin.y, origin.x, origin.y];
  }
}
