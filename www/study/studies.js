// The studies among the results, kept in step with them: the library puts them together in a worker, and this asks for it when enough
// has changed. Knows no element of the page.

import { words } from '../locales/words.js';

// While files are read, studies are put together at most once in this many milliseconds, and more rarely the more slices there are.
const MIN_PAUSE = 800;
const PAUSE_A_SLICE = 0.2;

/** @typedef {Omit<FoundStudy, 'slices'> & { records: SliceRecord[] }} Study Slice n of it is records[n - 1]. */

/** @typedef {{ study: Study, slice: number }} Member The study that a slice is part of, and its number there. */

export class Studies {
  /** @type {Study[]} */
  list = [];
  /** @type {Map<SliceRecord, Member>} */
  #members = new Map();
  #pool;
  #results;
  #onChange;
  /** @type {Timer | null} */
  #timer = null;
  #asked = 0;        // changes that were announced
  #known = 0;        // of those the ones in the list
  /** @type {Promise<void> | null} */
  #asking = null;

  /**
   * @param {import('../reading/pool.js').Pool} pool
   * @param {{ records: SliceRecord[] }} results
   * @param {() => void} onChange
   */
  constructor(pool, results, onChange) {
    this.#pool = pool;
    this.#results = results;
    this.#onChange = onChange;
  }

  /** The results have changed; `soon` if no more change is under way. */
  changed(soon = false) {
    this.#asked++;
    if (soon) {
      if (this.#timer !== null) clearTimeout(this.#timer);
      this.#timer = null;
    }
    const pause = soon ? 0 : MIN_PAUSE + PAUSE_A_SLICE * this.#results.records.length;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      // A worker that was ended has answered nothing: ask the next one.
      this.fresh().catch(({ code }) => { if (code === 'stopped' || code === 'crashed') this.changed(); });
    }, pause);
  }

  /** The studies of the results as they are now, or later. Fails if the worker that was asked ends. */
  async fresh() {
    const wanted = this.#asked;
    while (this.#known < wanted) {
      this.#asking ??= this.#ask().finally(() => { this.#asking = null; });
      await this.#asking;
    }
    return this.list;
  }

  /**
   * Null while it is not known.
   *
   * @param {SliceRecord} record
   */
  of(record) { return this.#members.get(record) ?? null; }

  async #ask() {
    const asked = this.#asked;
    const records = [...this.#results.records];
    const found = records.length === 0 ? [] : await this.#pool.studies(records.map(item));
    this.#known = asked;
    this.list = found.map(({ slices, ...study }) => ({ ...study, records: slices.map((at) => records[at]) }));
    this.#members = new Map(this.list.flatMap((study) => study.records.map((record, at) => /** @type {const} */ ([record, { study, slice: at + 1 }]))));
    this.#onChange();
  }
}

/**
 * @param {SliceRecord} record
 * @returns {StudyItem}
 */
function item({ reading: { file, frame, verdict, score, opacity, refusal, error }, place, container }) {
  const { name = null, intake = null } = container ?? {};
  return { file, frame, verdict, score, opacity, container: name, intake, reason: (refusal ?? error)?.code ?? null, ...place };
}

/**
 * What a study is called; `nameless` leaves the names of archives, folders and files out.
 *
 * @param {Study} study
 * @param {boolean} [nameless]
 */
export function titleOf({ kind, ordinal, name }, nameless = false) {
  if (kind === 'series') return words.batch.series(ordinal);
  if (kind === 'pictures') return words.batch.pictures;
  return nameless || name === null ? words.batch.group(ordinal) : name;
}

/**
 * Its sentences: how many are positive and where the highest is, how opaque the lungs are, and how many slices were set aside.
 *
 * @param {Study} study
 */
export function sentencesOf({ counts, highest, opacity }) {
  const { positive, uncertain, judged, slices, refused, unreadable } = counts;
  return [
    highest ? words.batch.share(positive, judged, uncertain) : words.batch.noneJudged(slices),
    highest ? words.batch.highest(highest.score, highest.slice) : null,
    opacity && words.batch.opacity(opacity),
    refused + unreadable > 0 ? words.batch.aside(refused, unreadable) : null,
  ].filter((sentence) => sentence !== null);
}
