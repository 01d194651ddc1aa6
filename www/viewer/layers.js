// What is painted over the slice, and beside it what the network was given of it. Owns these canvases and the controls for them; knows no
// view and no window.

import { byId } from '../common/page.js';
import { paintLungs, paintMap, paintOpacity } from '../common/heatmap.js';
import { words } from '../locales/words.js';
import { paint } from './display-window.js';

// The longest side of what is painted over a picture. The map is smooth, the outline is not.
const MAP_SIDE = 256;
const LUNGS_SIDE = 768;

/** @typedef {import('./view.js').Size} Size */

/** @param {string} id */
const input = (id) => byId(`viewer-${id}`, HTMLInputElement);

/** @param {string} id */
const canvasOf = (id) => byId(`viewer-${id}`, HTMLCanvasElement);

/** @param {() => void} onChange */
export function wireLayers(onChange) {
  for (const id of ['map-shown', 'map-of-score', 'map-of-opacity', 'lungs-shown', 'input-shown']) input(id).addEventListener('change', onChange);
  input('strength').addEventListener('input', showStrength);
}

/** Whether the map that is chosen is that of the opacity. */
const isOpacity = () => input('map-of-opacity').checked;

/** Turns from the map of the score to that of the opacity, and back. */
export const turnMap = () => input(isOpacity() ? 'map-of-score' : 'map-of-opacity').click();

/**
 * Puts all of it where the slice lies.
 *
 * @param {import('./placement.js').Placement} placement
 */
export function putLayers({ box: { left, top, width, height }, own, matrix }) {
  Object.assign(byId('viewer-sheet').style, { width: `${width}px`, height: `${height}px`, transform: `translate(${left}px, ${top}px)` });
  Object.assign(byId('viewer-turned').style, { width: `${own.width}px`, height: `${own.height}px`, transform: `matrix(${matrix.join()})` });
}

/**
 * Paints map and outline over a picture of this size.
 *
 * @param {SliceRecord} record
 * @param {Size | null} size Null while no picture is shown.
 */
export function paintLayers({ pixels, reading }, size) {
  const { map, lung, opacity } = pixels ?? {};
  /** @type {(id: string, draw: ((canvas: HTMLCanvasElement) => void) | null) => void} */
  const layer = (id, draw) => {
    const canvas = canvasOf(id);
    canvas.hidden = !draw;
    if (draw) draw(canvas);
    else canvas.width = canvas.height = 0;
  };
  const mapShown = input('map-shown').checked;
  const lungsShown = input('lungs-shown').checked;
  const judged = map && reading.score !== null ? size : null;
  /** @type {(canvas: HTMLCanvasElement, size: [number, number]) => void} */
  const drawMap = (canvas, sides) => {
    if (!isOpacity() && map) paintMap(canvas, map, null, ...sides);
    if (isOpacity() && opacity && lung) paintOpacity(canvas, opacity, lung, ...sides);
  };
  layer('map', judged && mapShown ? (canvas) => drawMap(canvas, sides(judged, MAP_SIDE)) : null);
  canvasOf('map').setAttribute('aria-label', isOpacity() ? words.viewer.opacityMap : words.card.map);
  byId('viewer-opacity-key').hidden = !isOpacity();
  layer('lungs', judged && lung && lungsShown ? (canvas) => paintLungs(canvas, lung, ...sides(judged, LUNGS_SIDE)) : null);
  for (const id of ['strength', 'map-of-score', 'map-of-opacity']) input(id).disabled = !mapShown;
  byId('viewer-map-told').textContent = reading.score === null ? words.viewer.noMap : '';
  showStrength();
}

function showStrength() {
  byId('viewer-sheet').style.setProperty('--strength', String(input('strength').valueAsNumber / 100));
}

/**
 * Shows what the network was given of a slice, if that is wanted.
 *
 * @param {FullPixels | null} pixels Null while they are not decoded.
 * @param {{ isRead: boolean, isGone: boolean, isWindowed: boolean }} slice Whether it could be read, whether its file cannot be any more, and
 *   whether it has Hounsfield units.
 */
export function showInput(pixels, { isRead, isGone, isWindowed }) {
  const wanted = input('input-shown').checked;
  const canvas = canvasOf('input-picture');
  byId('viewer-input').hidden = !wanted;
  const given = wanted && pixels?.input;
  if (given) paint(canvas, { ...given, kind: 'gray', values: Uint8Array.from(given.gray, Math.round) }, null, false);
  else canvas.width = canvas.height = 0;
  byId('viewer-input-told').textContent = given ? words.viewer.inputTold(given.width, isWindowed)
    : !isRead ? ''
    : isGone ? words.viewer.noInput : words.viewer.decoding;
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
