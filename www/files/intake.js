// Ways in for files: two pickers, drops anywhere on the page, the clipboard, and the sample.

import { hasHeaders, withValues } from './beside.js';
import { dropped, ofFiles, ofFolders } from './folder.js';
import { published } from '../common/published.js';

const SAMPLE = 'lidc-slice.dcm';

/**
 * A file that a person named.
 *
 * @param {File} file
 * @returns {GivenFile}
 */
const named = (file) => ({ file, name: file.name, folder: null });

/**
 * @param {object} page
 * @param {HTMLInputElement} page.input
 * @param {HTMLInputElement} page.folderInput
 * @param {HTMLButtonElement} page.sample
 * @param {(given: GivenFile[]) => void} page.onFiles
 * @param {() => void} page.onSampleFailure
 */
export function intake({ input, folderInput, sample, onFiles, onSampleFailure }) {
  /** @param {GivenFile[]} given */
  const take = (given) => {
    if (hasHeaders(given)) void withValues(given).then(onFiles);
    else if (given.length > 0) onFiles(given);
  };

  for (const [picker, givenOf] of /** @type {[HTMLInputElement, (files: File[]) => GivenFile[]][]} */ ([[input, ofFiles], [folderInput, ofFolders]])) {
    picker.addEventListener('change', () => {
      const files = [...picker.files ?? []];
      // Choosing the same file again must count as a change.
      picker.value = '';
      take(givenOf(files));
    });
  }

  /** @param {DragEvent} event */
  const carriesFiles = ({ dataTransfer }) => dataTransfer?.types.includes('Files');
  let depth = 0;
  /** @param {number} change */
  const drag = (change) => {
    depth = Math.max(0, depth + change);
    document.body.classList.toggle('dragging', depth > 0);
  };
  addEventListener('dragenter', (event) => carriesFiles(event) && drag(1));
  addEventListener('dragleave', (event) => carriesFiles(event) && drag(-1));
  addEventListener('dragover', (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    /** @type {DataTransfer} */ (event.dataTransfer).dropEffect = 'copy';
  });
  addEventListener('drop', async (event) => {
    drag(-depth);
    if (!carriesFiles(event)) return;
    event.preventDefault();
    take(await dropped(/** @type {DataTransfer} */ (event.dataTransfer)));
  });

  let pasted = 0;
  addEventListener('paste', (event) => {
    const files = [...event.clipboardData?.files ?? []];
    if (files.length === 0) return;
    event.preventDefault();
    take(files.map((file) => {
      // An image that was copied, and not its file, has no name of its own: browsers call each the same.
      const isNameless = /^image\.\w+$/.test(file.name);
      return isNameless ? { ...named(file), name: file.name.replace('image', `pasted-${++pasted}`) } : named(file);
    }));
  });

  sample.addEventListener('click', async () => {
    sample.disabled = true;
    try {
      onFiles([named(new File([await published(`samples/${SAMPLE}`, (response) => response.blob())], SAMPLE))]);
    } catch {
      onSampleFailure();
    } finally {
      sample.disabled = false;
    }
  });
}
