// The viewer's keys: what each does, and how they are told. Knows no element but the one that lists them.

import { element } from '../common/dom.js';
import { words } from '../locales/words.js';

// CSS pixels that an arrow moves, and slices that a page has.
const MOVE = 60;
const PAGE = 10;
const ZOOM = 1.25;

/**
 * What keys do.
 *
 * @typedef {object} Actions
 * @property {(slices: number) => void} step
 * @property {(right: number, down: number) => void} move
 * @property {(factor: number) => void} zoom
 * @property {() => void} fit
 * @property {() => void} actual
 * @property {(name: string) => void} preset
 * @property {(name: string) => void} toggle
 * @property {() => void} turnMap
 * @property {() => void} reset
 * @property {() => void} help
 */

/** @type {{ [key: string]: (on: Actions) => void }} */
const ACTIONS = {
  ArrowUp: (on) => on.step(-1),
  ArrowDown: (on) => on.step(1),
  PageUp: (on) => on.step(-PAGE),
  PageDown: (on) => on.step(PAGE),
  Home: (on) => on.step(-Infinity),
  End: (on) => on.step(Infinity),
  ArrowLeft: (on) => on.move(MOVE, 0),
  ArrowRight: (on) => on.move(-MOVE, 0),
  'Shift+ArrowUp': (on) => on.move(0, MOVE),
  'Shift+ArrowDown': (on) => on.move(0, -MOVE),
  'Shift+ArrowLeft': (on) => on.move(MOVE, 0),
  'Shift+ArrowRight': (on) => on.move(-MOVE, 0),
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
  r: (on) => on.reset(),
  '?': (on) => on.help(),
};

// As a keyboard shows them, and the text that goes with them.
/** @type {[string[], keyof typeof words.viewer.does][]} */
const TOLD = [
  [['↑', '↓'], 'step'],
  [['PgUp', 'PgDn'], 'page'],
  [['Home', 'End'], 'ends'],
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
  [['R'], 'reset'],
  [['?'], 'help'],
];

// What hands do without keys, by the names in `words.viewer.hand`.
/** @type {[keyof typeof words.viewer.hand, keyof typeof words.viewer.does][]} */
const BY_HAND = [['wheel', 'step'], ['wheelZoom', 'zoom'], ['right', 'window']];

// Keys that a control has a use for itself.
/** @type {{ [control: string]: RegExp }} By tag, or by type. */
const OWN = {
  SELECT: /./,
  number: /./,
  range: /^(Arrow|Page|Home|End)/,
  radio: /^Arrow/,
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
    event.preventDefault();
    ACTIONS[name](on);
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
