// Ways in for files: the picker, drops anywhere on the page, and the sample. Each ends in onFiles(File[]).

import { published } from './published.js';

const SAMPLE = 'samples/lidc-slice.dcm';

export function intake({ input, sample, onFiles, onSampleFailure }) {
  input.addEventListener('change', () => {
    const files = [...input.files];
    // Choosing the same file again must count as a change.
    input.value = '';
    if (files.length > 0) onFiles(files);
  });

  const carriesFiles = (event) => event.dataTransfer?.types.includes('Files');
  let depth = 0;
  const drag = (change) => {
    depth = Math.max(0, depth + change);
    document.body.classList.toggle('dragging', depth > 0);
  };
  addEventListener('dragenter', (event) => carriesFiles(event) && drag(1));
  addEventListener('dragleave', (event) => carriesFiles(event) && drag(-1));
  addEventListener('dragover', (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = 'copy';
  });
  addEventListener('drop', (event) => {
    drag(-depth);
    if (!carriesFiles(event)) return;
    event.preventDefault();
    const files = [...event.dataTransfer.files];
    if (files.length > 0) onFiles(files);
  });

  sample.addEventListener('click', async () => {
    sample.disabled = true;
    try {
      onFiles([new File([await published(SAMPLE, (response) => response.blob())], SAMPLE.split('/').pop())]);
    } catch {
      onSampleFailure();
    } finally {
      sample.disabled = false;
    }
  });
}
