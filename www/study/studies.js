// The studies among the results, kept in step with them: the library puts them together in a worker, and this asks for it when enough
// has changed. Knows no element of the page.

import { words } from '../locales/words.js';
import { sentenceOf } from '../reading/aside.js';

// While files are read, studies are put together at most once in this many milliseconds, and more rarely the more slices there are.
const MIN_PAUSE = 800;
const PAUSE_A_SLICE = 0.2;

/** @typedef {Omit<FoundStudy, 'slices' | 'repeated' | 'localizers'> & { records: SliceRecord[], repeats: number }} Study Slice n of it is records[n - 1]. */

/** @typedef {{ study: Study, slice: number }} Member The study that a slice is part of, and its number there, or that of the same slice. */

export class Studies {
  /** @type {Study[]} */
  list = [];
  /** @type {Map<SliceRecord, Member>} */
  #members = new Map();
  #pool;
  #results;
  #beside;
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
   * @param {() => StudyBeside[]} beside What was set aside as a whole.
   * @param {() => void} onChange
   */
  constructor(pool, results, beside, onChange) {
    this.#pool = pool;
    this.#results = results;
    this.#beside = beside;
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
    const found = records.length === 0 ? [] : await this.#pool.studies(records.map(item), this.#beside());
    this.#known = asked;
    this.list = [];
    this.#members = new Map();
    for (const { slices, repeated, localizers, ...rest } of found) {
      const study = { ...rest, records: slices.map((at) => records[at]), repeats: repeated.length };
      this.list.push(study);
      for (const [at, record] of study.records.entries()) this.#members.set(record, { study, slice: at + 1 });
      for (const { item: at, slice } of repeated) this.#members.set(records[at], { study, slice });
    }
    this.#onChange();
  }
}

/**
 * @param {SliceRecord} record
 * @returns {StudyItem}
 */
function item({ reading: { file, frame, verdict, score, opacity, refusal, error }, place, lungs, container }) {
  const { name = null, intake = null } = container ?? {};
  return { file, frame, verdict, score, opacity, lungs, container: name, intake, reason: (refusal ?? error)?.code ?? null, place };
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
 * What a stack is called by what tells it from the others.
 *
 * @param {Study['stacks'][number]} stack
 */
function nameOf({ differs }) {
  const marks = /** @type {[keyof Marks, string][]} */ (Object.entries(differs));
  return marks.map(([mark, value]) => words.batch.marks[mark](value.replaceAll('\\', ' '))).join(', ') || words.batch.unnamed;
}

/**
 * Its sentences: its score, how many slices are positive and where the highest is, how opaque and how large the lungs are, and what was set aside.
 *
 * @param {Study} study
 */
export function sentencesOf({ records, counts, highest, opacity, stacks, repeats, set_aside: aside, score, verdict, refusal, stack_read: read, extent }) {
  const { positive, uncertain, judged, slices, refused, unreadable, without_lungs: without } = counts;
  return [
    score === null ? null : words.study.score(score, words.study.sides[verdict]),
    highest && refusal ? words.study.refusals[refusal.code] : null,
    highest ? words.batch.share(positive, judged, uncertain) : words.batch.noneJudged(slices),
    // Of several classes it would be of whichever a slice is called.
    highest && records.every(({ reading }) => reading.class === undefined) ? words.batch.highest(highest.score, highest.slice) : null,
    opacity && (extent ? words.study.opacity(opacity) : words.batch.opacity(opacity)),
    extent && extent.lungs.volume_ml !== null ? words.study.volume(extent.lungs.volume_ml, extent.right?.volume_ml ?? null, extent.left?.volume_ml ?? null) : null,
    refused + unreadable > 0 ? words.batch.aside(refused, unreadable) : null,
    without > 0 ? words.study.withoutLungs(without) : null,
    stacks.length > 1 && read ? words.study.stackRead(nameOf(stacks[read - 1])) : null,
    sentenceOf(aside),
    stacks.length > 1 ? words.batch.stacks(stacks.map((stack) => ({ name: nameOf(stack), slices: stack.slices.length }))) : null,
    repeats > 0 ? words.batch.repeats(repeats) : null,
  ].filter((sentence) => sentence !== null);
}
