// Wires the page: each module owns one thing, this one owns how they are put together.

import { byId, say, sayAgain } from './common/page.js';
import { element } from './common/dom.js';
import { intake } from './files/intake.js';
import { unrepeated } from './files/repeats.js';
import { words } from './locales/words.js';
import { Pool } from './reading/pool.js';
import { Progress } from './reading/progress.js';
import { Queue } from './reading/queue.js';
import { WorkerClient } from './reading/worker-client.js';
import { means } from './results/means.js';
import { Results } from './results/results.js';
import { ResultsPanel } from './results/results-panel.js';
import { Table } from './results/table.js';
import { Views } from './results/views.js';
import { objectsSaving } from './saving/objects.js';
import { saving } from './saving/saving.js';
import { consent } from './shell/consent.js';
import { diagnostics } from './shell/diagnostics.js';
import { kioskMode } from './shell/kiosk.js';
import { languageChoice } from './shell/language.js';
import { licences } from './shell/licences.js';
import { kiosk } from './shell/mode.js';
import { modelCard } from './shell/model-card.js';
import { NetworkChoice, dress } from './shell/network.js';
import { privacy } from './shell/privacy.js';
import { sheet } from './shell/sheet.js';
import { Start } from './shell/start.js';
import { recall, remember } from './shell/storage.js';
import { versions } from './shell/versions.js';
import { Studies } from './study/studies.js';
import { StudyPanel } from './study/study-panel.js';
import { stackOf } from './viewer/stack.js';
import { Viewer } from './viewer/viewer.js';

// Before anything is said.
languageChoice(['language', 'consent-language'].map((id) => byId(id, HTMLSelectElement)), () => {
  sayAgain();
  results.say();
  views.say();
  showStudies();
});

const start = new Start();

const pool = new Pool({
  onState(state, failure) {
    start.show(state, failure, { isRestart: pool.model !== null, retry: () => pool.start() });
    if (state === 'ready' && pool.model) showModel(pool.model);
    networkChoice.follow(state, failure);
  },
  onProgress: (loaded, total) => start.progress(loaded, total),
  onFree: () => queue.dispatch(),
});

const progress = new Progress(pool);

const queue = new Queue(pool, {
  onReading: (reading, handle, job) => resultsPanel.take(reading, handle, job),
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
  },
});

const studies = new Studies(pool, results, () => queue.beside, showStudies);

const studyPanel = new StudyPanel(byId('studies'), byId('study-list'), {
  onOpen: showSlice,
  // While files are read, none is read again for a small picture.
  pixelsOf: (record, wanted) => (queue.busy ? Promise.resolve(record.pixels) : results.pixels(record, wanted)),
});

const table = new Table(byId('table'), {
  results,
  studies,
  onOpen: showSlice,
});

const views = new Views(results, table);

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

const offline = versions(() => queue.busy);

const networkChoice = new NetworkChoice({ pool, count: () => results.records.length, clear: () => resultsPanel.clear() });

/** @param {Model} model */
function showModel(model) {
  dress(model);
  say('model-card-body', () => modelCard(model));
  if (offline.state === null) offline.start();
  say('means', () => means(model));
  say('footer-model', () => [`${words.footer.model(`${model.name} ${model.version}`)} `, element('code', model.sha256.slice(0, 12))]);
}

function showStudies() {
  if (pool.model) studyPanel.show(studies.list, pool.model);
  table.update();
  viewer.restack();
  objects.update();
}

/**
 * In the viewer; what could not be read has nothing to look at there.
 *
 * @param {SliceRecord} record
 */
function showSlice(record) {
  if (record.reading.source) openViewer(record);
  else views.showCard(record);
}

/** @param {SliceRecord} record */
function openViewer(record) {
  viewer.open(record, /** @type {Model} */ (pool.model));
}

saving({ pool, results, studies, measuredOn: (record) => viewer.measuredOn(record) });

// Files that wait for a reader which does not come are forgotten like all else.
kioskMode({ clear: () => resultsPanel.clear() });

sheet('model-card');
sheet('privacy', () => privacy(byId('privacy-body')));
sheet('licences', licences);
diagnostics(() => ({ pool, counts: results.counts(), readings: results.readings, failures: start.failures, offline: offline.state }));

// Order matters: the reader loads while the person reads the consent.

pool.start();

/** @type {Promise<void>} What was given before was taken. */
let taken = Promise.resolve();

/** @param {GivenFile[]} given */
function take(given) {
  taken = Promise.all([consented, taken]).then(async () => {
    const read = results.records.filter(({ reading }) => reading.verdict !== 'error').map(({ handle }) => handle);
    const { fresh, doubtful, differ } = unrepeated(given, [...read, ...queue.waiting]);
    if (fresh.length > 0) queue.add(fresh);
    const others = await differ();
    if (others.length > 0) queue.add(others);
    const repeated = doubtful - others.length;
    say('repeated', () => (repeated > 0 ? words.progress.repeated(repeated) : ''));
  });
}

const consented = consent(byId('consent', HTMLDialogElement), byId('consent-accept'));

intake({
  input: byId('file-input', HTMLInputElement),
  folderInput: byId('folder-input', HTMLInputElement),
  sample: byId('sample', HTMLButtonElement),
  onFiles: take,
  onSampleFailure: () => start.fail(() => '', () => words.failure.sample, () => byId('sample').click()),
});
