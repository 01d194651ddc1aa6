// What slices come in: a folder, an archive or a file of several frames. Two of one name may be of two patients, so each has a number of
// its own, by which its slices are held together; only the name is shown.

let intakes = 0;

/**
 * The container of this name that is taken in now.
 *
 * @param {string} name
 * @returns {Container}
 */
export const container = (name) => ({ name, intake: ++intakes });
