// The viewer's keys: what each does, and how they are told. Knows no element but the one that lists them.

import { element } from '../common/dom.js';
import { words } from '../locales/words.js';

// Slices that a page has.
const PAGE = 10;
const ZOOM = 1.25;

/**
 * What keys do.
 *
 * @typedef {object} Actions
 * @property {(slices: number) => void} step
 * @property {(right: number, down: number, isFar: boolean) => void} arrow
 * @property {(towards: number) => void} above
 * @property {() => void} highest
 * @property {() => void} play
 * @property {(factor: number) => void} zoom
 * @property {() => void} fit
 * @property {() => void} actual
 * @property {(name: string) => void} preset
 * @property {(name: string) => void} toggle
 * @property {() => void} turnMap
 * @property {(how: 'right' | 'sides' | 'ends') => void} turn
 * @property {(name: 'length' | 'region') => void} measure
 * @property {() => void} cursor
 * @property {() => boolean} set Whether there was an end to set.
 * @property {() => void} remove
 * @property {() => boolean} escape Whether there was something to break off.
 * @property {() => void} reset
 * @property {() => void} help
 */

/** @type {{ [key: string]: (on: Actions) => boolean | void }} What gives false has not used the key. */
const ACTIONS = {
  ',': (on) => on.step(-1),
  '.': (on) => on.step(1),
  PageUp: (on) => on.step(-PAGE),
  PageDown: (on) => on.step(PAGE),
  Home: (on) => on.step(-Infinity),
  End: (on) => on.step(Infinity),
  j: (on) => on.above(1),
  k: (on) => on.above(-1),
  w: (on) => on.highest(),
  ' ': (on) => on.play(),
  '+': (on) => on.zoom(ZOOM),
  '=': (on) => on.zoom(ZOOM),
  '-': (on) => on.zoom(1 / ZOOM),
  0: (on) => on.fit(),
  9: (on) => on.actual(),
  1: (on) => on.preset('lung'),
  2: (on) => on.preset('mediastinum'),
  3: (on) => on.preset('bone'),
  i: (on) => on.toggle('invert'),
  m: (on) => on.toggle('map-shown'),
  o: (on) => on.turnMap(),
  l: (on) => on.toggle('lungs-shown'),
  n: (on) => on.toggle('input-shown'),
  t: (on) => on.turn('right'),
  h: (on) => on.turn('sides'),
  v: (on) => on.turn('ends'),
  d: (on) => on.measure('length'),
  e: (on) => on.measure('region'),
  x: (on) => on.cursor(),
  Enter: (on) => on.set(),
  Delete: (on) => on.remove(),
  Backspace: (on) => on.remove(),
  Escape: (on) => on.escape(),
  r: (on) => on.reset(),
  '?': (on) => on.help(),
};

for (const [name, right, down] of /** @type {const} */ ([['Up', 0, -1], ['Down', 0, 1], ['Left', -1, 0], ['Right', 1, 0]])) {
  ACTIONS[`Arrow${name}`] = (on) => on.arrow(right, down, false);
  ACTIONS[`Shift+Arrow${name}`] = (on) => on.arrow(right, down, true);
}

// As a keyboard shows them, and the text that goes with them.
/** @type {[string[], keyof typeof words.viewer.does][]} */
const TOLD = [
  [['↑', '↓', ',', '.'], 'step'],
  [['PgUp', 'PgDn'], 'page'],
  [['Home', 'End'], 'ends'],
  [['J', 'K'], 'above'],
  [['W'], 'highest'],
  [['␣'], 'play'],
  [['+', '−'], 'zoom'],
  [['0'], 'fit'],
  [['9'], 'actual'],
  [['Shift', '← ↑ → ↓'], 'move'],
  [['1', '2', '3'], 'presets'],
  [['I'], 'invert'],
  [['M'], 'map'],
  [['O'], 'turnMap'],
  [['L'], 'lungs'],
  [['N'], 'input'],
  [['T'], 'turn'],
  [['H', 'V'], 'mirror'],
  [['D'], 'length'],
  [['E'], 'region'],
  [['X'], 'cursor'],
  [['← ↑ → ↓', 'Shift'], 'moveCursor'],
  [['Enter'], 'set'],
  [['Del'], 'remove'],
  [['Esc'], 'escape'],
  [['R'], 'reset'],
  [['?'], 'help'],
];

// What hands do without keys, by the names in `words.viewer.hand`.
/** @type {[keyof typeof words.viewer.hand, keyof typeof words.viewer.does][]} */
const BY_HAND = [['wheel', 'step'], ['wheelZoom', 'zoom'], ['right', 'window'], ['twice', 'near']];

// Keys that a control has a use for itself.
/** @type {{ [control: string]: RegExp }} By tag, or by type. */
const OWN = {
  SELECT: /./,
  BUTTON: /^( |Enter)$/,
  SUMMARY: /^( |Enter)$/,
  number: /./,
  checkbox: /^ $/,
  range: /^(Arrow|Page|Home|End)/,
  radio: /^(Arrow| )/,
};

/**
 * While the dialog is open, calls the action of `on` that a key stands for, unless the control that has the focus needs the key.
 *
 * @param {HTMLDialogElement} dialog
 * @param {Actions} on
 */
export function keys(dialog, on) {
  // A click beside the controls leaves the focus nowhere in the dialog.
  dialog.ownerDocument.addEventListener('keydown', (event) => {
    const { key } = event;
    const target = /** @type {HTMLInputElement} */ (event.target);
    if (!dialog.open || event.ctrlKey || event.altKey || event.metaKey) return;
    if ((OWN[target.tagName] ?? OWN[target.type])?.test(key)) return;
    const name = event.shiftKey && key.startsWith('Arrow') ? `Shift+${key}` : key.length === 1 ? key.toLowerCase() : key;
    if (!Object.hasOwn(ACTIONS, name)) return;
    if (ACTIONS[name](on) !== false) event.preventDefault();
  });
}

/** The children of a list that tells the keys. */
export function keyList() {
  const { does, hand } = words.viewer;
  /** @type {(told: (string | Node)[], what: keyof typeof does) => HTMLElement} */
  const row = (told, what) => element('div', element('dt', ...told), element('dd', does[what]));
  return [
    ...TOLD.map(([caps, what]) => row(caps.map((cap) => element('kbd', cap)), what)),
    ...BY_HAND.map(([name, what]) => row([hand[name]], what)),
  ];
}
