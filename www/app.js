// Wires the page: each module owns one thing, this one owns which element belongs to which.

import { consent } from './consent.js';
import { diagnostics } from './diagnostics.js';
import { element, inEnglish } from './dom.js';
import { save, toCsv, toJson } from './export.js';
import { intake } from './intake.js';
import { kioskMode } from './kiosk.js';
import { languageChoice } from './language.js';
import { kiosk } from './mode.js';
import { modelCard } from './model-card.js';
import { Offline, repair } from './offline.js';
import { privacy } from './privacy.js';
import { build, inOneFile } from './published.js';
import { Queue } from './queue.js';
import { Results } from './results.js';
import { sheet } from './sheet.js';
import { Viewer } from './viewer/viewer.js';
import { format, sentence, words } from './words.js';
import { WorkerClient } from './worker-client.js';

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

const session = { module: null };

const client = new WorkerClient({ session, onState: showState, onProgress: showLoading });

const viewer = new Viewer($('viewer'), () => new WorkerClient({ session, reads: false }));

const results = new Results($('cards'), (record) => viewer.open(results.records, record, client.model));

const queue = new Queue(client, {
  onReading(reading, origin) {
    results.add(reading, client.model, origin);
    showResults();
  },
  onChange: showQueue,
});

// Starting

function showState(state, failure) {
  say('state', () => {
    const pill = element('span.pill', words.state[state]);
    pill.dataset.state = state;
    if (state === 'ready') pill.dataset.testid = 'ready';
    return pill;
  });
  // A restart takes half a second from the kept module: the progress line tells enough.
  $('loading').hidden = state !== 'loading' || client.model !== null;
  $('failure').hidden = state !== 'failed';
  if (state === 'loading') say('loading-text', () => words.loading.starting);
  if (state === 'failed') {
    failures.push(failure.code);
    const { code, message } = failure;
    const text = inOneFile && code === 'damaged' ? () => words.offline.damagedFile : () => words.failure[code] ?? inEnglish(sentence(message));
    showFailure(() => words.failure.title, text, () => client.start());
    $('repair').hidden = inOneFile || !['damaged', 'missing'].includes(code);
  }
  if (state === 'ready') {
    const { name, version, sha256 } = client.model;
    say('model-card-body', () => modelCard(client.model));
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
build.then((known) => {
  made = known;
  if (made) say('footer-build', () => [`${words.offline.build(made.version)} `, element('code', made.id.slice(0, 12))]);
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
  busy: () => queue.busy,
  clear: () => $('clear').click(),
  onCount(seconds) {
    const dialog = $('kiosk-countdown');
    if (seconds === null) return dialog.close();
    $('kiosk-seconds').textContent = format.duration(seconds);
    if (!dialog.open) dialog.showModal();
  },
});

if (kiosk) {
  $('kiosk').hidden = false;
  say('kiosk-text', () => (Number.isFinite(kiosk.minutes) ? words.offline.kiosk.idle(kiosk.minutes * 60) : words.offline.kiosk.never));
  $('kiosk-clear').addEventListener('click', clearAll);
}

// Reading

function showQueue({ waiting, done, total, secondsLeft, cancelled }) {
  const busy = waiting.length > 0;
  $('queue').hidden = total === 0;
  $('queue').classList.toggle('busy', busy);
  $('cancel').hidden = !busy;
  $('queue-bar').hidden = !busy;
  $('queue-bar').value = total > 0 ? done / total : 0;
  $('waiting').hidden = !busy;
  showWaiting(waiting);
  const reading = client.state === 'ready' || done > 0;
  say('queue-text', () => {
    if (cancelled) return words.progress.cancelled(done, total);
    if (!busy) return words.progress.done(total);
    if (!reading) return words.progress.waiting(waiting.length);
    return words.progress.reading(done, total, waiting[0]) + (secondsLeft === null ? '' : words.progress.left(secondsLeft));
  });
}

// Files leave at the front and join at the end, or all go.
function showWaiting(names) {
  const list = $('waiting');
  while (list.children.length > 0 && list.children.length > names.length) list.firstElementChild.remove();
  while (list.firstElementChild && list.firstElementChild.textContent !== names[0]) list.firstElementChild.remove();
  for (const name of names.slice(list.children.length)) {
    const item = element('li', name);
    item.dataset.testid = 'queued';
    list.append(item);
  }
}

function showResults() {
  const count = results.readings.length;
  $('results').hidden = count === 0;
  document.body.classList.toggle('has-results', count > 0);
  say('results-count', () => words.counts(results.counts()));
}

$('cancel').addEventListener('click', () => queue.cancel());

$('clear').addEventListener('click', () => {
  if (queue.busy) queue.cancel();
  results.clear();
  showResults();
  $('queue').hidden = true;
  $('intake').focus();
});

// The map over the pictures

function showMaps() {
  $('cards').style.setProperty('--map', $('map-shown').checked ? String($('map-strength').value / 100) : '0');
  $('map-strength').disabled = !$('map-shown').checked;
}
$('map-shown').addEventListener('change', showMaps);
$('map-strength').addEventListener('input', showMaps);
showMaps();

// What can be taken away

$('export-csv').addEventListener('click', () => save('lungglass-readings.csv', 'text/csv', toCsv(results.readings)));
$('export-json').addEventListener('click', () => save('lungglass-readings.json', 'application/json', toJson(results.readings)));
$('print').addEventListener('click', () => print());

sheet($('model-card'), $('model-card-open'));

sheet($('privacy'), $('privacy-open'), () => privacy($('privacy-body')));

sheet($('diagnostics'), $('diagnostics-open'), () => {
  $('diagnostics-text').textContent = diagnostics({
    client, counts: results.counts(), readings: results.readings, failures, build: made, offline: offline.state,
  });
  $('diagnostics-copied').textContent = '';
});

$('diagnostics-copy').addEventListener('click', async () => {
  try {
    await navigator.clipboard.writeText($('diagnostics-text').textContent);
    $('diagnostics-copied').textContent = words.diagnostics.copied;
  } catch {
    getSelection().selectAllChildren($('diagnostics-text'));
    $('diagnostics-copied').textContent = words.diagnostics.notCopied;
  }
});

languageChoice([$('language'), $('consent-language')], () => {
  for (const [id, told] of said) say(id, told);
  results.say();
});

// Order matters: the reader loads while the person reads the consent.

client.start();

const consented = consent($('consent'), $('consent-accept'));

intake({
  input: $('file-input'),
  sample: $('sample'),
  onFiles: (files) => consented.then(() => queue.add(files)),
  onSampleFailure: () => showFailure(() => '', () => words.failure.sample, () => $('sample').click()),
});
