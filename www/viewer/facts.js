// What the file says of how a slice was taken, by which it is found again where it came from: no name, no id, no date. Knows no element of
// the page.

import { format, words } from '../locales/words.js';

// As exact as a file has it, by which it is looked for.
const millimetres = (/** @type {number} */ value) => `${format.plain(value)} mm`;

// A word that stands for a text which may be anything says nothing to a reader.
const known = (/** @type {string | undefined} */ mark) => (mark && !mark.startsWith('#') ? mark.replaceAll('\\', ' ') : null);

/**
 * Terms and what they are for this slice, as far as the file says them.
 *
 * @param {SliceRecord} record
 * @param {number | null} images How many slices its series has here; null for one that is of no series.
 * @returns {import('../common/dom.js').Pair[]}
 */
export function factsOf({ place, shown, reading: { source, frame } }, images) {
  const { facts } = words.viewer;
  const { height, location, number, marks } = place;
  const [across, down] = shown?.spacing ?? [];
  return [
    [facts.number, number === null ? null : format.plain(number)],
    [facts.frame, frame === null ? null : format.plain(frame)],
    [facts.position, height === null ? null : `${millimetres(height)}${source?.orientation === 'L\\P' ? ` ${facts.towardsHead}` : ''}`],
    [facts.location, height === null && location !== null ? millimetres(location) : null],
    [facts.thickness, marks.thickness ? millimetres(Number(marks.thickness)) : null],
    [facts.kernel, known(marks.kernel)],
    [facts.phase, known(marks.time)],
    [facts.acquisition, known(marks.acquisition)],
    [facts.images, images === null ? null : format.integer(images)],
    [facts.pixel, across === undefined || down === undefined ? facts.unknown : facts.pixelOf(across, down)],
  ];
}

/**
 * What a slice is found again by, in a few words for a corner of the stage; '' where the file says nothing.
 *
 * @param {SliceRecord} record
 */
export function placeOf({ place: { height, location, number } }) {
  const at = height ?? location;
  return [number === null ? null : words.viewer.facts.numbered(number), at === null ? null : millimetres(at)].filter(Boolean).join(' · ');
}

/**
 * The same with how it was taken, for paper.
 *
 * @param {SliceRecord} record
 */
export function identityOf(record) {
  const { thickness } = record.place.marks;
  const kernel = known(record.place.marks.kernel);
  const { facts } = words.viewer;
  return [
    placeOf(record),
    thickness ? `${facts.thickness} ${millimetres(Number(thickness))}` : null,
    kernel && `${facts.kernel} ${kernel}`,
  ].filter(Boolean).join(' · ');
}
