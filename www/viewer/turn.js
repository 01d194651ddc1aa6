// How a slice is turned and mirrored on the stage, by hand: plain numbers. Knows no element.

/**
 * @typedef {object} Turn
 * @property {boolean} mirrored Whether left and right change places, before
 * @property {number} quarters so many quarter turns to the right, 0 to 3.
 */

/** @typedef {import('./view.js').Size} Size */
/** @typedef {import('./view.js').Point} Point */

/** @type {Turn} As the slice was read. */
export const UPRIGHT = { mirrored: false, quarters: 0 };

/** @type {{ [how: string]: { turn: (turn: Turn) => Turn, point: (point: Point) => Point } }} What becomes of a turn, and of a point between 0 and 1 of what is seen. */
export const CHANGES = {
  right: {
    turn: ({ mirrored, quarters }) => ({ mirrored, quarters: (quarters + 1) % 4 }),
    point: ({ x, y }) => ({ x: 1 - y, y: x }),
  },
  // To mirror what was turned is to turn what was mirrored the other way.
  sides: {
    turn: ({ mirrored, quarters }) => ({ mirrored: !mirrored, quarters: (4 - quarters) % 4 }),
    point: ({ x, y }) => ({ x: 1 - x, y }),
  },
  ends: {
    turn: ({ mirrored, quarters }) => ({ mirrored: !mirrored, quarters: (6 - quarters) % 4 }),
    point: ({ x, y }) => ({ x, y: 1 - y }),
  },
};

/**
 * Width and height of what is seen of a picture of that size. What else holds across and down turns alike.
 *
 * @param {Turn} turn
 * @param {Size} size
 * @returns {Size}
 */
export function turnedSize({ quarters }, { width, height }) {
  return quarters % 2 === 1 ? { width: height, height: width } : { width, height };
}

/**
 * Where a point of a picture of that size is seen, in its pixels.
 *
 * @param {Turn} turn
 * @param {Size} size
 * @param {Point} point
 * @returns {Point}
 */
export function turnedPoint({ mirrored, quarters }, { width, height }, { x, y }) {
  let seen = { x: mirrored ? width - x : x, y };
  let down = height;
  for (let i = 0; i < quarters; i++) {
    seen = { x: down - seen.y, y: seen.x };
    down = down === height ? width : height;
  }
  return seen;
}

/**
 * The point of a picture of that size that is seen there.
 *
 * @param {Turn} turn
 * @param {Size} size
 * @param {Point} seen
 * @returns {Point}
 */
export function pointBehind({ mirrored, quarters }, size, { x, y }) {
  const { width, height } = turnedSize({ mirrored, quarters }, size);
  let point = { x, y };
  let across = width;
  for (let i = 0; i < quarters; i++) {
    point = { x: point.y, y: across - point.x };
    across = across === width ? height : width;
  }
  return mirrored ? { x: size.width - point.x, y: point.y } : point;
}

/** @type {{ [letter: string]: string }} */
const OPPOSITE = { R: 'L', L: 'R', A: 'P', P: 'A', H: 'F', F: 'H' };

/** @typedef {{ left: string, right: string, top: string, bottom: string }} Sides Letters: right, left, anterior, posterior, head, feet. */

/**
 * Which side of the patient is seen at which side of the stage; null where the file does not say how the slice lies.
 *
 * @param {string | null} orientation Where rows and columns run to, such as `L\P`.
 * @param {Turn} turn
 * @returns {Sides | null}
 */
export function sidesOf(orientation, { mirrored, quarters }) {
  const ends = orientation?.split('\\') ?? [];
  if (ends.length !== 2 || !ends.every((end) => end !== '' && [...end].every((letter) => letter in OPPOSITE))) return null;
  const opposite = (/** @type {string} */ letters) => [...letters].map((letter) => OPPOSITE[letter]).join('');
  const [across, down] = ends;
  // In the order in which a turn to the right hands them on.
  const around = mirrored ? [opposite(down), opposite(across), down, across] : [opposite(down), across, down, opposite(across)];
  const [top, right, bottom, left] = [0, 1, 2, 3].map((at) => around[(at + 4 - quarters) % 4]);
  return { left, right, top, bottom };
}
