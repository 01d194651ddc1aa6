// What hands do on the stage: dragging, pinching, the wheel. Turns them into movements; knows no picture.

// What a wheel or a finger must travel for one slice, in CSS pixels.
const WHEEL_STEP = 40;
const DRAG_STEP = 12;

// CSS pixels for a line or a page of a wheel that counts in them.
const LINE = 40;

// A tap stays within so many CSS pixels, and is followed by its second within so many milliseconds.
const TAP_REACH = 24;
const TAP_PAUSE = 350;

const RIGHT = 2;
const MIDDLE = 1;

const DRAWS = ['length', 'region'];

/** @typedef {import('./view.js').Point} Point */

/**
 * @typedef {object} Movements
 * @property {(right: number, down: number) => void} move
 * @property {(right: number, down: number) => void} window
 * @property {(slices: number) => void} step
 * @property {(factor: number, point: Point) => void} zoom
 * @property {(point: Point) => void} twice A finger tapped there twice.
 * @property {(point: Point | null) => void} hover Where the pointer is; a finger's place stays after it has left.
 * @property {(phase: 'begin' | 'move' | 'end' | 'cancel', point: Point) => void} draw
 */

/**
 * `tool()` is what a drag with the main button or one finger does: 'move', 'window' or 'scroll', or it draws ('length', 'region'); the right
 * button always sets the window, the middle one moves.
 *
 * @param {HTMLElement} stage
 * @param {() => string} tool
 * @param {Movements} on
 */
export function gestures(stage, tool, on) {
  /** @type {Map<number, Point>} Pointers that are down, by their ids: where they were last. */
  const held = new Map();
  let action = '';
  let travelled = 0;          // by a drag through the stack, not yet turned into steps
  /** @type {Point | null} */
  let down = null;            // where the only finger came down; null if it has left there, or others came
  let tapped = { x: 0, y: 0, at: -Infinity };

  /** @param {MouseEvent} event */
  const pointOf = ({ clientX, clientY }) => {
    const { left, top } = stage.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  };

  stage.addEventListener('pointerdown', (event) => {
    if (event.pointerType === 'mouse' && held.size > 0) return;
    stage.setPointerCapture(event.pointerId);
    const point = pointOf(event);
    held.set(event.pointerId, point);
    down = held.size === 1 ? point : null;
    if (held.size > 1 && DRAWS.includes(action)) on.draw('cancel', point);
    action = event.button === RIGHT ? 'window' : event.button === MIDDLE ? 'move' : tool();
    travelled = 0;
    on.hover(held.size === 1 ? point : null);
    if (held.size === 1 && DRAWS.includes(action)) on.draw('begin', point);
    // The middle button would start to scroll by itself.
    if (event.button === MIDDLE) event.preventDefault();
  });

  stage.addEventListener('pointermove', (event) => {
    const point = pointOf(event);
    const last = held.get(event.pointerId);
    if (!last) return event.pointerType === 'mouse' ? on.hover(point) : undefined;
    on.hover(held.size === 1 ? point : null);
    const before = held.size > 1 ? span(held) : null;
    held.set(event.pointerId, point);
    if (down && !isNear(down, point)) down = null;
    const [right, below] = [point.x - last.x, point.y - last.y];
    if (before) {
      const now = span(held);
      on.move(now.x - before.x, now.y - before.y);
      if (before.size > 0 && now.size > 0) on.zoom(now.size / before.size, now);
    } else if (DRAWS.includes(action)) {
      on.draw('move', point);
    } else if (action === 'scroll') {
      travelled += below;
      const steps = Math.trunc(travelled / DRAG_STEP);
      travelled -= steps * DRAG_STEP;
      if (steps !== 0) on.step(steps);
    } else {
      on[action === 'window' ? 'window' : 'move'](right, below);
    }
  });

  /** @param {PointerEvent} event */
  const release = (event) => {
    const isLast = held.delete(event.pointerId) && held.size === 0;
    if (!isLast) return;
    const point = pointOf(event);
    if (DRAWS.includes(action)) on.draw(event.type === 'pointerup' ? 'end' : 'cancel', point);
    else if (down && event.pointerType === 'touch' && event.type === 'pointerup') {
      const isSecond = event.timeStamp - tapped.at < TAP_PAUSE && isNear(tapped, point);
      tapped = { ...point, at: isSecond ? -Infinity : event.timeStamp };
      if (isSecond) on.twice(point);
    }
  };
  stage.addEventListener('pointerup', release);
  stage.addEventListener('pointercancel', release);
  stage.addEventListener('pointerleave', ({ pointerType }) => { if (pointerType === 'mouse') on.hover(null); });
  stage.addEventListener('contextmenu', (event) => event.preventDefault());

  let turned = 0;
  stage.addEventListener('wheel', (event) => {
    event.preventDefault();
    const pixels = event.deltaY * [1, LINE, stage.clientHeight][event.deltaMode];
    // Browsers tell a pinch on a touch pad as a wheel with Ctrl, in small steps.
    if (event.ctrlKey || event.metaKey) return on.zoom(Math.exp(-Math.max(-120, Math.min(120, pixels)) / 400), pointOf(event));
    if (Math.sign(pixels) !== Math.sign(turned)) turned = 0;
    turned += pixels;
    const steps = Math.trunc(turned / WHEEL_STEP);
    // One notch of a mouse wheel is one slice, however far the system lets it scroll.
    if (steps !== 0) {
      turned = 0;
      on.step(Math.sign(steps));
    }
  }, { passive: false });
}

/** @type {(one: Point, other: Point) => boolean} */
const isNear = (one, other) => Math.hypot(one.x - other.x, one.y - other.y) < TAP_REACH;

/**
 * The middle of the first two pointers, and how far they are apart.
 *
 * @param {Map<number, Point>} held
 */
function span(held) {
  const [a, b] = held.values();
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, size: Math.hypot(a.x - b.x, a.y - b.y) };
}
