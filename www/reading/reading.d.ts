// What the library says of a slice and of its network, and what the page keeps of a slice. Types for the checker, known in every module;
// nothing of this file is published.

type Verdict = 'positive' | 'negative' | 'uncertain' | 'refused' | 'error';

/** A refusal or an error: what programs tell it by, and what it says in English. */
interface Coded {
  code: string;
  message: string;
}

/** A display window, in Hounsfield units. */
interface DisplayWindow {
  center: number;
  width: number;
}

/** What is said of one slice: the object that the command prints. */
interface Reading {
  /** The name that the file was opened under, with the entry of an archive behind it. */
  file: string;
  /** From 0; null for the one slice of a file. */
  frame: number | null;
  verdict: Verdict;
  /** Of a network of several classes: the one that the verdict is on; missing where it was not judged, and for networks of one class. */
  class?: string;
  /** 0 to 1; null for a slice that was not judged. */
  score: number | null;
  logit: number | null;
  /** Of a network of several classes: the scores of all by their ids; null where it was not judged, missing for networks of one class. */
  classes?: { [id: string]: number } | null;
  /** Always empty. */
  findings: {};
  opacity: Opacity | null;
  refusal: Coded | null;
  error: Coded | null;
  /** What was read; null where nothing could be. */
  source: {
    format: string;
    modality: string | null;
    transfer_syntax: string | null;
    orientation: string | null;
    /** What was read against the letter of the file, in English. */
    notes: string[];
    window: DisplayWindow | null;
    width: number;
    height: number;
  } | null;
  model: { name: string; version: string; sha256: string; operating_point?: PointName & { sha256: string; notice: string | null } };
  device: string;
  ms: { decode: number | null; preprocess: number | null; graph: number | null };
}

/** What every reading says of the site's operating point that judged it. */
interface PointName {
  site: string;
  /** Days, as 2026-11-30. */
  made: string;
  valid_until: string;
}

/** A site's operating point, from its acceptance test. */
interface LocalPoint extends PointName {
  /** Of its file. */
  sha256: string;
  standing: 'holds' | 'early' | 'ended';
  /** What must be said beside every reading, in English; null where it holds. */
  notice: string | null;
  positive_from: number;
  negative_to: number;
  ppv: number;
  npv: number;
  confidence: number;
  /** Of positive slices, where it was named. */
  prevalence?: number;
  /** What a batch of at least so many slices must keep to, with no more of a patient than so many: the share of refusals, and mean distances. */
  drift: { slices: number; per_group?: number; refused: number; embedding?: number; gray_levels?: number };
}

/** How near a slice is to those of training, see src/likeness.rs. */
interface Likeness {
  statistics: number[];
  gray_levels: number | null;
  embedding: number | null;
  lung: number | null;
}

/** Shares of the lungs' area, 0 to 1: opaque in either way, and in each. */
interface Opacity {
  share: number;
  ground_glass: number;
  consolidation: number;
}

/** A picture, row by row. */
interface Picture {
  width: number;
  height: number;
  gray: Uint8Array;
  /** Red, green and blue of each pixel, where the network is given its colours. */
  colours: Uint8Array | null;
}

/** Numbers over a picture, row by row: the class activation map, or the share of lung in each cell. */
interface Grid {
  width: number;
  height: number;
  values: Float32Array;
}

/** How likely the lung is opaque, 0 to 1, over a picture, row by row. */
interface OpacityGrid {
  width: number;
  height: number;
  ground_glass: Float32Array;
  consolidation: Float32Array;
}

/** Where a slice lies in its series, each part null where the file does not say it. */
interface SlicePlace {
  /** A word for the patient, equal for slices of one. */
  patient: string | null;
  /** A word for the series, equal for slices of one series. */
  series: string | null;
  /** A word for the visit, which may have several series. */
  visit: string | null;
  /** A word for the slice, equal in copies of it. */
  instance: string | null;
  /** Millimetres towards the head. */
  height: number | null;
  /** Millimetres in a direction that the scanner chose. */
  location: number | null;
  /** The number that the scanner gave the slice. */
  number: number | null;
  marks: Marks;
  /** A word for its pixels, equal where they are. */
  pixels: string | null;
}

/** What tells the stacks of a series apart. */
type Marks = { [mark in 'acquisition' | 'echo' | 'time' | 'stack' | 'image_type' | 'kernel' | 'thickness']?: string };

/** The kinds of what is set aside, see src/aside.rs. */
type Aside = 'localizer' | 'dose_sheet' | 'structured_report' | 'key_objects' | 'presentation_state' | 'directory' | 'screen_capture'
  | 'segmentation' | 'radiotherapy' | 'document' | 'no_image';

/** A file or an entry that was set aside as a whole. */
interface SetAside {
  kind: Aside;
  place: SlicePlace;
}

/** Columns and rows of a slice as it is shown: those of the file, unless its pixels are not square. */
interface Shown {
  width: number;
  height: number;
  /** Millimetres from column to column, and from row to row; null where the file does not say it. */
  spacing: [across: number, down: number] | null;
}

/** What a reading worker gives for a slice: the reading, and beside it what the page draws. */
interface FullReading extends Reading {
  place: SlicePlace;
  /** Null where nothing could be read. */
  shown: Shown | null;
  map: Grid | null;
  lung: Grid | null;
  opacity_map: OpacityGrid | null;
  picture: Picture | null;
  /** What the slice adds to the extent of its study; null where it was not judged. */
  lungs: Lungs | null;
  /** A row of the view from the front, see src/study/coronal.rs; null where it was not judged. */
  coronal: Uint8Array | null;
  /** Null where nothing could be read, and for a network that says nothing of its training's. */
  likeness: Likeness | null;
}

/** The lungs of a slice, as the library measures and takes them, see src/study/lungs.rs. */
interface Lungs {
  gap: number | null;
  centre: number;
  before: LungArea;
  behind: LungArea;
  turned: boolean;
  size: number | null;
}

/** Areas, as shares of the slice's. */
interface LungArea {
  lung: number;
  opaque: number;
  ground_glass: number;
  consolidation: number;
}

/** What the page draws of a slice. */
interface SlicePixels {
  picture: Picture;
  map: Grid | null;
  lung: Grid | null;
  opacity: OpacityGrid | null;
}

/** The pixels of a slice at their full size, as the library's Slices gives them; `input` is the square that the network gets. */
interface FullPixels {
  width: number;
  height: number;
  /** Hounsfield units, or gray levels from 0 to 255. */
  kind: 'hu' | 'gray';
  values: Int16Array | Float32Array | Uint8Array;
  /** Red, green and blue of each pixel, where the network is given its colours. */
  colours: Uint8Array | null;
  input: { width: number; height: number; gray: Float32Array; colours: Uint8Array | null };
}

/** What slices come in: a folder, an archive or a file of several frames. Its number tells it from others of the same name. */
interface Container {
  name: string;
  intake: number;
}

/** A file that waits to be read; `folder` is the one that it came in. The browser may not give the file itself. */
interface GivenFile {
  file: File | null;
  name: string;
  folder: Container | null;
}

/** How to read a slice again. */
interface Handle {
  /** Null where the browser does not give it: nothing could be read. */
  file: import('./kept-file.js').KeptFile | null;
  name: string;
  /** The container that the file is itself. */
  own: Container;
  /** Among the slices of the opened file; null for all of them, where it could not be opened. */
  frameIndex: number | null;
}

/** What the page knows of one slice. */
interface SliceRecord {
  reading: Reading;
  place: SlicePlace;
  shown: Shown | null;
  lungs: Lungs | null;
  /** The row of the view from the front, a character a number; null where there is none. */
  coronal: string | null;
  handle: Handle;
  /** What the slice came in. */
  container: Container | null;
  /** Null while they are given up, and where there are none. */
  pixels: SlicePixels | null;
  /** Whether it waits to be read again. */
  waiting: boolean;
}

/** What the network is: ModelInfo of the library. */
interface Model {
  name: string;
  version: string;
  sha256: string;
  /** What reads: 'wasm relaxed-simd' or 'wasm simd128'. */
  device: string;
  program: string;
  /** Columns of the input. */
  size: number;
  /** Rows of the input. */
  height: number;
  channels: number;
  temperature: number;
  /** Those of the only class, or of the first one that is looked for. */
  threshold: number;
  uncertain: [number, number];
  /** How both were chosen, in English. */
  chosen: string;
  window: DisplayWindow | null;
  modality: string[];
  classes: ModelClass[];
  /** By language. */
  words: { [language: string]: ModelWords };
  /** What it gives beside its scores, and whether its gate looks at a picture before it is judged. */
  gives: { map: boolean, lung: boolean, opacity: boolean, gate: boolean };
  /** card.md; null for the network inside the module. */
  card: string | null;
  /** Null where verdicts are by the network's own operating point. */
  local: LocalPoint | null;
  training: Measures;
  metrics: Measures;
}

/** What a network tells from others. */
interface ModelClass {
  id: string;
  threshold: number;
  uncertain: [number, number];
  alert: boolean;
  /** By language. */
  words: { [language: string]: string };
}

/** What a network is for, in one language; what is missing is empty. */
interface ModelWords {
  title: string;
  purpose: string;
  limits: string[];
  choose: string;
}

/** The sections [training] and [metrics] of model.toml: texts and numbers, in groups. */
interface Measures {
  [name: string]: string | number | (string | number)[] | Measures;
}

type Order = 'position' | 'location' | 'number' | 'input';

/** Several slices that belong together, as the library puts them together. Slice n of it is item `slices[n - 1]`. */
interface FoundStudy {
  kind: 'series' | 'container' | 'pictures';
  /** Among those of its kind, from 1. */
  ordinal: number;
  name: string | null;
  order: Order;
  slices: number[];
  /** One, or as many as the files tell apart: the numbers of their slices, from 1. */
  stacks: { differs: Marks; order: Order; slices: number[] }[];
  /** Items that are a slice again, which counts once. */
  repeated: { item: number; slice: number }[];
  /** Items that are no slices of it. */
  localizers: number[];
  set_aside: { [kind in Aside]?: number };
  /** The numbers of the slices that were judged, the highest score first. */
  ranked: number[];
  counts: { slices: number; judged: number; positive: number; negative: number; uncertain: number; refused: number; unreadable: number; without_lungs: number };
  positive_share: number | null;
  highest: { slice: number; score: number } | null;
  /** Of the whole study, 0 to 1; null where there is a refusal. */
  score: number | null;
  verdict: Verdict;
  refusal: { code: StudyRefusal; message: string } | null;
  /** The number of the stack that score and extent are of, from 1. */
  stack_read: number | null;
  /** Shares of the lungs' volume. */
  opacity: Opacity | null;
  extent: Extent | null;
  refusals: { [code: string]: number };
  left_out: { [code: string]: number };
}

/** Why a study has no score, see src/study/score.rs. */
type StudyRefusal = 'single_pictures' | 'no_rule' | 'none_judged' | 'too_many_left_out';

/** The lungs' volume and its opaque shares, by side and height, see src/study/extent.rs. */
interface Extent {
  lungs: LungPart;
  right: LungPart | null;
  left: LungPart | null;
  upper: LungPart | null;
  middle: LungPart | null;
  lower: LungPart | null;
  sides: 'header' | 'custom';
  spacing: 'positions' | 'alike';
}

/** A part of the lungs: its share of their volume, its volume in millilitres if it is known, and the shares of it that are opaque. */
interface LungPart extends Opacity {
  of_lungs: number;
  volume_ml: number | null;
}

/** What the library needs to know of a reading to put studies together: `container` is a name, `reason` a code. */
interface StudyItem extends Pick<Reading, 'file' | 'frame' | 'verdict' | 'score' | 'opacity'> {
  place: SlicePlace;
  lungs: Lungs | null;
  container: string | null;
  intake: number | null;
  reason: string | null;
}

/** What was set aside as a whole, and what it came in. */
interface StudyBeside extends SetAside {
  container: string | null;
  intake: number | null;
}

/** Of a worker, or of all together. */
type ReaderState = 'idle' | 'loading' | 'ready' | 'failed';

/** What setTimeout gives. */
type Timer = ReturnType<typeof setTimeout>;

/**
 * What workers share: the compiled module, once there is one, the salt of their words for series, or null, and the network that reads: null
 * for the one inside the module, undefined while nobody has asked what the site has.
 */
interface Session {
  module: WebAssembly.Module | null;
  network?: Blob | null;
  /** A site's operating point, a settings file; null and undefined as for the network. */
  point?: Blob | null;
  salt: Uint8Array | null;
}
