// Wires the page: each module owns one thing, this one owns which element belongs to which.

import { consent } from './shell/consent.js';
import { diagnostics } from './shell/diagnostics.js';
import { element, inEnglish } from './common/dom.js';
import { renamed, save, settingsOf, toCsv, toJson } from './saving/export.js';
import { intake } from './files/intake.js';
import { kioskMode } from './shell/kiosk.js';
import { languageChoice } from './shell/language.js';
import { kiosk } from './shell/mode.js';
import { modelCard } from './shell/model-card.js';
import { Offline, repair } from './shell/offline.js';
import { Pool } from './reading/pool.js';
import { fillSheet, pictured } from './saving/print-sheet.js';
import { privacy } from './shell/privacy.js';
import { build, inOneFile, modulePath, published } from './common/published.js';
import { Queue } from './reading/queue.js';
import { Results } from './results/results.js';
import { sheet } from './shell/sheet.js';
import { Studies } from './study/studies.js';
import { StudyPanel } from './study/study-panel.js';
import { Table } from './results/table.js';
import { stackOf } from './viewer/stack.js';
import { Viewer } from './viewer/viewer.js';
import { format, sentence, words } from './locales/words.js';
import { WorkerClient } from './reading/worker-client.js';

/** @type {(id: string) => any} The page and this module are one: what it asks for is there. */
const $ = (id) => document.getElementById(id);
const failures = [];

$('unstarted').remove();

// What the page says now, by the element that says it, so that it can be said again in another language. Each is a function that gives
// a text or the children of the element.
const said = new Map();

function say(id, told) {
  said.set(id, told);
  const children = [told()].flat();
  // A screen reader repeats a status whenever it is set, so it is set only when it says something new.
  if ($(id).textContent !== children.map((child) => child.textContent ?? child).join('')) $(id).replaceChildren(...children);
}

const pool = new Pool({ onState: showState, onProgress: showLoading, onFree: () => queue.dispatch() });

const queue = new Queue(pool, { onReading: showReading, onChange: showQueue });

const results = new Results($('cards'), {
  again: (origin, wanted) => queue.again(origin, wanted),
  onRetry: (record) => retry([record]),
  onOpen: openViewer,
});

const viewer = new Viewer($('viewer'), {
  newClient: () => new WorkerClient({ session: pool.session, reads: false }),
  pixelsOf: (record, wanted) => results.pixels(record, wanted),
  stackOf: (record) => stackOf(results.records, (other) => studies.of(other), record),
});

const studies = new Studies(pool, results, showStudies);

const studyPanel = new StudyPanel($('studies'), $('study-list'), showCard);

const table = new Table($('table'), { results, studies, measured: () => pool.model?.metrics?.findings ?? {}, onOpen: openReading });

// Starting

function showState(state, failure) {
  say('state', () => {
    const pill = element('span.pill', words.state[state]);
    pill.dataset.state = state;
    if (state === 'ready') pill.dataset.testid = 'ready';
    return pill;
  });
  // A restart takes half a second from the kept module: the progress line tells enough.
  $('loading').hidden = state !== 'loading' || pool.model !== null;
  $('failure').hidden = state !== 'failed';
  if (state === 'loading') say('loading-text', () => words.loading.starting);
  if (state === 'failed') {
    failures.push(failure.code);
    const { code, message } = failure;
    const text = inOneFile && code === 'damaged' ? () => words.offline.damagedFile : () => words.failure[code] ?? inEnglish(sentence(message));
    showFailure(() => words.failure.title, text, () => pool.start());
    $('repair').hidden = inOneFile || !['damaged', 'missing'].includes(code);
  }
  if (state === 'ready') {
    const { name, version, sha256 } = /** @type {Model} */ (pool.model);
    say('model-card-body', () => modelCard(pool.model));
    if (offline.state === null) offline.start();
    say('footer-model', () => [`${words.footer.model(`${name} ${version}`)} `, element('code', sha256.slice(0, 12))]);
  }
}

function showLoading(loaded, total) {
  const bar = $('loading-bar');
  const complete = loaded >= total;
  if (complete) bar.removeAttribute('value');
  else bar.value = loaded / total;
  say('loading-text', () => (complete ? words.loading.preparing : words.loading.of(loaded, total)));
}

let again = () => {};

function showFailure(title, text, retry) {
  say('failure-title', title);
  say('failure-text', text);
  $('failure').hidden = false;
  $('repair').hidden = true;
  again = retry;
}

$('retry').addEventListener('click', () => {
  $('failure').hidden = true;
  again();
});

$('repair').addEventListener('click', () => {
  $('repair').disabled = true;
  say('failure-text', () => words.offline.repairing);
  repair();
});

// Without a network

let made = null;
let module = null;
build.then((known) => {
  made = known;
  modulePath().then((path) => { module = path; });
  if (known) say('footer-build', () => [`${words.offline.build(known.version)} `, element('code', known.id.slice(0, 12))]);
});

const offline = new Offline({
  onState(state) {
    $('offline').dataset.state = state;
    say('offline', () => words.offline[state]);
  },
  onUpdate() {
    say('update-text', () => words.offline.update);
    $('update').hidden = false;
  },
});

$('update-reload').addEventListener('click', async () => {
  if (queue.busy) return say('update-text', () => words.offline.updateBusy);
  const others = await offline.update();
  if (others > 0) say('update-text', () => words.offline.updateOthers(others));
});

// On a machine that many share

const clearAll = kioskMode({
  // Files that wait for a reader which does not come are forgotten like all else.
  busy: () => queue.busy && pool.state === 'ready',
  clear: () => $('clear').click(),
  onCount(seconds) {
    const dialog = $('kiosk-countdown');
    if (seconds === null) return dialog.close();
    $('kiosk-seconds').textContent = format.duration(seconds);
    if (!dialog.open) dialog.showModal();
  },
});

if (kiosk) {
  const { minutes } = kiosk;
  $('kiosk').hidden = false;
  say('kiosk-text', () => (Number.isFinite(minutes) ? words.offline.kiosk.idle(minutes * 60) : words.offline.kiosk.never));
  $('kiosk-clear').addEventListener('click', clearAll);
}

// Reading

function showReading(reading, origin, { folder, own, replaces }) {
  const isWholeFile = reading.file === origin.name && reading.frame === null;
  const container = isWholeFile ? (replaces?.container ?? folder) : own;
  if (!replaces) results.add(reading, { origin, container }, pool.model);
  else if (replaces.waiting) results.replace(replaces, reading, { origin, container }, pool.model);
  // The file as a whole could not be read, and now it turns out to have several slices.
  else results.add(reading, { origin, container }, pool.model, results.lastOf(origin));
  showResults();
}

function retry(records) {
  const failed = records.filter(({ waiting }) => !waiting);
  for (const record of failed) results.wait(record, true);
  queue.retry(failed);
}

// Whoever leaves now loses what is not read yet: the browser asks first. No listener while there is nothing to lose, which would keep
// a browser from holding the page for the way back.
const stay = (event) => {
  // Where nothing can be read there is nothing to stay for, and a repair loads the page again.
  if (pool.state !== 'failed') event.preventDefault();
};

// The step of the queue that was said aloud last.
let stepSaid = '';

function showQueue({ waiting, files, done, total, secondsLeft, skipped, cancelled }) {
  const busy = files > 0;
  if (busy) addEventListener('beforeunload', stay);
  else removeEventListener('beforeunload', stay);
  $('queue').hidden = total === 0;
  $('queue').classList.toggle('busy', busy);
  $('cancel').hidden = !busy;
  $('queue-bar').hidden = !busy;
  $('queue-bar').value = total > 0 ? done / total : 0;
  $('waiting').hidden = !busy;
  showWaiting(waiting, files);
  $('skipped').hidden = skipped === 0;
  say('skipped', () => words.batch.skipped(skipped));
  if (!busy) studies.changed(true);
  const reading = pool.state === 'ready' || done > 0;
  const told = () => {
    if (cancelled) return words.progress.cancelled(done, total);
    if (!busy) return words.progress.done(total);
    if (!reading) return words.progress.waiting(files);
    return words.progress.reading(done, total, waiting[0]) + (secondsLeft === null ? '' : words.progress.left(secondsLeft));
  };
  say('queue-text', told);
  // Told of every slice, a screen reader would come to nothing else: it says the start, each tenth and the end.
  const step = cancelled ? 'cancelled' : !busy ? 'done' : !reading ? `${files} waiting` : `tenth ${Math.floor(10 * done / total)}`;
  if (step !== stepSaid) say('queue-said', told);
  stepSaid = step;
}

// Files leave at the front and join at the end, or all go. Of many only the first are named.
function showWaiting(names, files) {
  const list = $('waiting');
  const items = list.getElementsByClassName('file');
  while (items.length > 0 && items[0].textContent !== names[0]) items[0].remove();
  while (items.length > names.length) items[items.length - 1].remove();
  $('waiting-more')?.remove();
  for (const name of names.slice(items.length)) {
    const item = element('li.file', name);
    item.dataset.testid = 'queued';
    list.append(item);
  }
  if (files > names.length) {
    const more = element('li', words.batch.more(files - names.length));
    more.id = 'waiting-more';
    list.append(more);
  }
}

function showResults() {
  const count = results.records.length;
  $('results').hidden = count === 0;
  document.body.classList.toggle('has-results', count > 0);
  $('retry-failed').hidden = results.counts().error === 0;
  say('results-count', () => words.counts(results.counts()));
  studies.changed();
}

function cancel() {
  for (const record of queue.cancel()) results.wait(record, false);
}

$('cancel').addEventListener('click', cancel);

$('retry-failed').addEventListener('click', () => retry(results.failed()));

$('clear').addEventListener('click', () => {
  if (queue.busy) cancel();
  results.clear();
  queue.skipped = 0;
  $('skipped').hidden = true;
  showResults();
  studies.changed(true);
  $('queue').hidden = true;
  say('queue-said', () => '');
  $('intake').focus();
});

// Studies, and the two views of the readings

function showStudies() {
  if (pool.model) studyPanel.show(studies.list, pool.model);
  table.update();
  viewer.restack();
}

function openViewer(record) {
  viewer.open(record, pool.model);
}

// What could not be read has nothing to look at.
function openReading(record) {
  if (record.reading.source) openViewer(record);
  else showCard(record);
}

function showCard(record) {
  showView('cards');
  if (record.card.node.hidden) showFilter('all');
  record.card.node.scrollIntoView();
  record.card.focus();
}

function showView(view) {
  for (const name of ['cards', 'table']) $(`view-${name}`).setAttribute('aria-pressed', String(name === view));
  $('cards').hidden = $('overlay').hidden = view !== 'cards';
  if (view === 'table') table.show();
  else table.hide();
}
for (const name of ['cards', 'table']) $(`view-${name}`).addEventListener('click', () => showView(name));

const VERDICTS = ['positive', 'negative', 'uncertain', 'refused', 'error'];

function sayFilter() {
  const chosen = $('filter').value || 'all';
  $('filter').replaceChildren(...['all', ...VERDICTS].map((value) => {
    const option = element('option', value === 'all' ? words.batch.all : words.verdict[value]);
    option.value = value;
    return option;
  }));
  $('filter').value = chosen;
}

function showFilter(verdict) {
  $('filter').value = verdict;
  const shown = ({ verdict: own }) => verdict === 'all' || own === verdict;
  results.filter(shown);
  table.filter(shown);
}
$('filter').addEventListener('change', () => showFilter($('filter').value));

// The map over the pictures

function showMaps() {
  $('cards').style.setProperty('--map', $('map-shown').checked ? String($('map-strength').value / 100) : '0');
  $('map-strength').disabled = !$('map-shown').checked;
}
$('map-shown').addEventListener('change', showMaps);
$('map-strength').addEventListener('input', showMaps);
showMaps();

// What can be taken away

const isNameless = () => $('omit-names').checked;

// Studies and pictures are waited for so long, in milliseconds: the reader may have ended, or be stuck in a start or a file, and what was
// read is worth having without them.
const PATIENCE = 3000;

/** Whether what the reader owes was settled in time; where it has failed nothing is waited for. */
function inTime(owed) {
  const wait = pool.state === 'failed' ? 0 : PATIENCE;
  return Promise.race([owed.then(() => true, () => true), new Promise((resolve) => { setTimeout(resolve, wait, false); })]);
}

async function rows() {
  await inTime(studies.fresh());
  const settings = settingsOf(/** @type {Model} */ (pool.model));
  return results.records.map((record, at) => {
    const { study = null, slice = null } = studies.of(record) ?? {};
    return { reading: isNameless() ? renamed(record.reading, `slice ${at + 1}`) : record.reading, study, slice, settings };
  });
}

$('export-csv').addEventListener('click', async () => save('lungglass-readings.csv', 'text/csv', toCsv(await rows())));
$('export-json').addEventListener('click', async () => save('lungglass-readings.json', 'application/json', toJson(await rows())));

function fillSheets(pixelsOf) {
  // On paper a slice has its number in the study.
  const nameOf = isNameless() ? null : ({ reading }) => (reading.frame === null ? reading.file : `${reading.file} [${reading.frame}]`);
  const unplaced = results.records.filter((record) => !studies.of(record));
  fillSheet($('sheets'), { studies: studies.list, unplaced, model: pool.model, nameOf, pixelsOf });
}

// The browser's own command prints what is at hand at that moment.
addEventListener('beforeprint', () => {
  if (results.records.length > 0 && $('sheets').children.length === 0) fillSheets((record) => record.pixels);
});
addEventListener('afterprint', () => $('sheets').replaceChildren());

$('print').addEventListener('click', async () => {
  let answers = await inTime(studies.fresh());
  const pixels = new Map();
  for (const record of pictured(studies.list)) {
    // Who did not come in time is not waited for again.
    if (!answers) break;
    answers = await inTime(results.pixels(record, () => answers).then((found) => pixels.set(record, found)));
  }
  // All may have been cleared in the meantime.
  if (results.records.length === 0) return;
  fillSheets((record) => pixels.get(record) ?? record.pixels);
  print();
});

sheet($('model-card'), $('model-card-open'));

sheet($('privacy'), $('privacy-open'), () => privacy($('privacy-body')));

sheet($('diagnostics'), $('diagnostics-open'), () => {
  $('diagnostics-text').textContent = diagnostics({
    pool, counts: results.counts(), readings: results.readings, failures, build: made, module, offline: offline.state,
  });
  $('diagnostics-copied').textContent = '';
});

$('diagnostics-copy').addEventListener('click', async () => {
  try {
    await navigator.clipboard.writeText($('diagnostics-text').textContent);
    $('diagnostics-copied').textContent = words.diagnostics.copied;
  } catch {
    getSelection()?.selectAllChildren($('diagnostics-text'));
    $('diagnostics-copied').textContent = words.diagnostics.notCopied;
  }
});

sheet($('licences'), $('licences-open'), async () => {
  if ($('licences-text').textContent) return;
  try {
    $('licences-text').textContent = await published('pkg/licences.txt', (response) => response.text());
    $('licences-failure').textContent = '';
  } catch {
    $('licences-failure').textContent = words.licences.failure;
  }
});

languageChoice([$('language'), $('consent-language')], () => {
  for (const [id, told] of said) say(id, told);
  results.say();
  sayFilter();
  showStudies();
});
sayFilter();

// Order matters: the reader loads while the person reads the consent.

pool.start();

const consented = consent($('consent'), $('consent-accept'));

intake({
  input: $('file-input'),
  folderInput: $('folder-input'),
  sample: $('sample'),
  onFiles: (inputs) => consented.then(() => queue.add(inputs)),
  onSampleFailure: () => showFailure(() => '', () => words.failure.sample, () => $('sample').click()),
});
