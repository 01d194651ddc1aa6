// Readings of DICOM series as DICOM objects, in a ZIP archive. Owns the button, and a worker of its own that opens the files again: what their
// headers name of patient and study goes from there into the objects, and the page never sees it.

import { byId, say } from '../common/page.js';
import { element } from '../common/dom.js';
import { maySaveObjects } from '../common/published.js';
import { zip } from '../common/zip.js';
import { words } from '../locales/words.js';
import { saveBlob } from './export.js';

/** @typedef {import('../reading/worker-client.js').WorkerClient} WorkerClient */
/** @typedef {import('../study/studies.js').Study} Study */

const VOLUMES = ['NIfTI', 'MetaImage', 'NRRD'];

/** What of a study can have objects: the slices of a DICOM series. */
const isDicom = (/** @type {Study} */ { kind, counts, records }) => kind === 'series' && counts.judged > 0
  && records.every(({ reading: { source } }) => source === null || source.format === 'DICOM');

/** A volume of research, whose files name nobody: it is said that there are no objects of it, as a person may look for them. */
const isVolume = (/** @type {Study} */ { records }) => records.some(({ reading: { source } }) => source !== null && VOLUMES.includes(source.format));

/** All was removed from the page while its objects were made. */
class Cleared extends Error {}

/**
 * @param {object} page
 * @param {import('../results/results.js').Results} page.results
 * @param {import('../study/studies.js').Studies} page.studies
 * @param {() => WorkerClient} page.newClient Gives one that has not started, and reads.
 * @param {boolean} page.isShared Whether the machine is one that many use.
 */
export function objectsSaving({ results, studies, newClient, isShared }) {
  const button = byId('export-dicom', HTMLButtonElement);
  // Until the publisher's word is known, none is offered.
  let isOffered = false;
  let isBusy = false;

  /** @param {() => (string | Node)[]} told */
  const tell = (told) => say('dicom-told', told);

  const update = () => {
    byId('dicom').hidden = !isOffered || !studies.list.some(isDicom);
    byId('dicom-none').hidden = !isOffered || !studies.list.some(isVolume);
    button.disabled = isBusy;
  };

  /**
   * The objects of a study, by a client that is ready.
   *
   * @param {WorkerClient} client
   * @param {Study} study
   * @param {(slices: number) => void} onRead
   */
  async function objectsOf(client, study, onRead) {
    /** @type {Handle['file']} */
    let open = null;
    for (const [at, { handle: { file, name, frameIndex } }] of study.records.entries()) {
      if (results.records.length === 0) throw new Cleared();
      // What could not be read is no part of objects.
      if (file === null || frameIndex === null) continue;
      if (open !== file) await client.open(name, file);
      open = file;
      await client.gather(frameIndex);
      onRead(at + 1);
    }
    return client.objects(study.ordinal);
  }

  async function save() {
    await studies.fresh();
    const series = studies.list.filter(isDicom);
    const total = series.reduce((sum, { records }) => sum + records.length, 0);
    let before = 0;
    const [entries, lacks] = [[], []].map((none) => /** @type {any[]} */ (none));
    const client = newClient();
    try {
      await client.start();
      if (client.state !== 'ready') throw new Error(words.dicom.noReader);
      for (const study of series) {
        const found = await objectsOf(client, study, (slices) => tell(() => [words.dicom.reading(before + slices, total)]));
        entries.push(...found.entries);
        lacks.push(...found.lacks.map((lack) => ({ ordinal: study.ordinal, lack })));
        before += study.records.length;
      }
    } finally {
      client.stop();
    }
    if (entries.length > 0) saveBlob('lungglass-dicom.zip', zip(entries));
    tell(() => [
      words.dicom.saved(entries.length),
      ...lacks.map(({ ordinal, lack }) => {
        const reason = element('span', lack);
        reason.lang = 'en';
        return element('span.lack', `${words.batch.series(ordinal)}: `, reason);
      }),
    ]);
  }

  button.addEventListener('click', async () => {
    isBusy = true;
    update();
    try {
      await save();
    } catch (failure) {
      tell(() => (failure instanceof Cleared ? [] : [words.dicom.failed(failure.message)]));
    }
    isBusy = false;
    update();
  });

  maySaveObjects.then((may) => {
    isOffered = may && !isShared;
    update();
  });

  return { update };
}
