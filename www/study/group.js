// Which slices belong together before anything is known of their study: what src/study/mod.rs groups by. Knows no element.

/**
 * Equal for slices of one DICOM series, archive, folder or file of several frames; null for single pictures.
 *
 * @param {Pick<SliceRecord, 'reading' | 'place' | 'container'>} record
 */
export function groupOf({ reading: { file, frame }, place: { series }, container }) {
  if (series) return `series ${series}`;
  const intake = container?.intake ?? '';
  if (frame !== null) return `file ${intake} ${file}`;
  return container ? `container ${intake} ${container.name}` : null;
}
