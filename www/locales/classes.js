// What a network tells apart, as people call it, and whether it is the page's own. Knows no element.

import { format, language, words } from './words.js';

/** Whether another network reads than the one inside the module: the page's own words on chest CT are then not said. */
export const network = { isForeign: false };

/**
 * What a person calls a class, in the language of now, else in English, else by its id.
 *
 * @param {Model} model
 * @param {string} id
 */
export function className(model, id) {
  const known = model.classes.find((other) => other.id === id)?.words ?? {};
  return known[language()] ?? known.en ?? id;
}

/**
 * Where the score of a reading becomes its verdict: the class that it is on, else the model's only one.
 *
 * @param {Model} model
 * @param {Reading} reading
 * @returns {{ threshold: number, uncertain: [number, number] }}
 */
export const pointOf = (model, reading) => model.classes.find(({ id }) => id === reading.class) ?? model;

/**
 * The score of a slice that was judged; of several classes with the one that it is of.
 *
 * @param {Pick<Reading, 'score' | 'class'>} reading
 * @param {Model | null} [model] Where its words for the class are to be had.
 */
export function scoreOf({ score, class: id }, model = null) {
  const told = format.score(/** @type {number} */ (score));
  return id === undefined ? told : `${model ? className(model, id) : id} ${told}`;
}

/**
 * What the verdict on a slice is called. Of several classes it is the one that the network names: that another threshold than its own was
 * not reached says nothing of it.
 *
 * @param {Pick<Reading, 'verdict' | 'class'>} reading
 * @param {Model | null} [model] Where its words for the class are to be had.
 */
export function verdictOf({ verdict, class: id }, model = null) {
  if (id === undefined) return words.verdict[verdict];
  return words.network[verdict === 'uncertain' ? 'unsure' : 'highest'](model ? className(model, id) : id);
}
