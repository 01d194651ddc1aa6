// Wires the page: each module owns one thing, this one owns how they are put together.

import { byId, say, sayAgain } from './common/page.js';
import { intake } from './files/intake.js';
import { taking } from './files/taking.js';
import { words } from './locales/words.js';
import { Pool } from './reading/pool.js';
import { Progress } from './reading/progress.js';
import { Queue } from './reading/queue.js';
import { WorkerClient } from './reading/worker-client.js';
import { Results } from './results/results.js';
import { ResultsPanel } from './results/results-panel.js';
import { Table } from './results/table.js';
import { Views } from './results/views.js';
import { objectsSaving } from './saving/objects.js';
import { saving } from './saving/saving.js';
import { consent } from './shell/consent.js';
import { languageChoice } from './shell/language.js';
import { kiosk } from './shell/mode.js';
import { Start } from './shell/start.js';
import { recall, remember } from './shell/storage.js';
import { Surroundings } from './shell/surroundings.js';
import { Studies } from './study/studies.js';
import { StudyPanel } from './study/study-panel.js';
import { stackOf } from './viewer/stack.js';
import { Viewer } from './viewer/viewer.js';
import { Site } from './watching/site.js';

// Before anything is said.
languageChoice(['language', 'consent-language'].map((id) => byId(id, HTMLSelectElement)), () => {
  sayAgain();
  results.say();
  views.say();
  showStudies();
  site.say();
});

const start = new Start();

const pool = new Pool({
  onState(state, failure) {
    start.show(state, failure, { isRestart: pool.model !== null, retry: () => pool.start() });
    surroundings.follow(state, failure);
    site.follow(state, failure);
  },
  onProgress: (loaded, total) => start.progress(loaded, total),
  onFree: () => [queue, site].forEach((one) => one.dispatch()),
});

const progress = new Progress(pool, () => results.counts());

const queue = new Queue(pool, {
  onReading(...told) { site.take(told[0]); resultsPanel.take(...told); },
  onChange(state) {
    results.expect(state.untold);
    progress.show(state);
    if (state.files === 0) studies.changed(true);
  },
  drawn: (ahead) => results.draws(ahead),
});

const results = new Results(byId('cards'), {
  again: (handle, wanted) => queue.again(handle, wanted),
  onRetry: (record) => resultsPanel.retry([record]),
  onOpen: openViewer,
});

const resultsPanel = new ResultsPanel({
  pool,
  queue,
  results,
  // Who comes next on a shared machine must not get it back.
  canUndo: !kiosk,
  onChange() {
    views.count();
    studies.changed();
  },
  onClear() {
    progress.clear();
    say('repeated', () => '');
    studies.changed(true);
    site.cleared();
  },
});

const studies = new Studies(pool, results, () => queue.beside, showStudies);

const studyPanel = new StudyPanel(byId('studies'), byId('study-list'), {
  onOpen: showSlice,
  // While files are read, none is read again for a small picture.
  pixelsOf: (record, wanted) => (queue.busy ? Promise.resolve(record.pixels) : results.pixels(record, wanted)),
});

const table = new Table(byId('table'), { results, studies, onOpen: showSlice });
const views = new Views(results, table, studyPanel, { recall, remember });

const viewer = new Viewer(byId('viewer', HTMLDialogElement), {
  newClient: () => new WorkerClient({ session: pool.session, reads: false }),
  pixelsOf: (record, wanted) => results.pixels(record, wanted),
  stackOf: (record) => stackOf(results.records, (other) => studies.of(other), record),
  memory: { recall, remember },
});

const objects = objectsSaving({
  results,
  studies,
  newClient: () => new WorkerClient({ session: { ...pool.session, salt: null } }),
  isShared: kiosk !== null,
});

const site = new Site({ pool, results, clear: () => resultsPanel.clear() });

const surroundings = new Surroundings({ pool, queue, results, start, clear: () => site.clear() });

function showStudies() {
  if (pool.model) studyPanel.show(studies.list, pool.model);
  views.count();
  table.update();
  viewer.restack();
  objects.update();
}

/** @param {SliceRecord} record What could not be read has nothing to look at in the viewer. */
function showSlice(record) {
  if (record.reading.source) openViewer(record);
  else views.showCard(record);
}

/** @param {SliceRecord} record */
function openViewer(record) { viewer.open(record, /** @type {Model} */ (pool.model)); }

saving({ pool, results, studies, measuredOn: (record) => viewer.measuredOn(record) });

// Order matters: the reader loads while the person reads the consent.
pool.start();

const consented = consent(byId('consent', HTMLDialogElement), byId('consent-accept'));

intake({
  input: byId('file-input', HTMLInputElement),
  folderInput: byId('folder-input', HTMLInputElement),
  sample: byId('sample', HTMLButtonElement),
  onFiles: taking({
    consented,
    known: () => [...results.records.filter(({ reading }) => reading.verdict !== 'error').map(({ handle }) => handle), ...queue.waiting],
    onFiles: (given) => queue.add(given),
  }),
  onSampleFailure: () => start.fail(() => '', () => words.failure.sample, () => byId('sample').click()),
});
