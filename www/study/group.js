// Which slices belong together before anything is known of their study: what src/study/mod.rs groups by. Knows no element.

/**
 * Equal for slices of one DICOM series (of one patient and one visit: files made anonymous may share a UID), archive, folder or file of
 * several frames; null for single pictures.
 *
 * @param {Pick<SliceRecord, 'reading' | 'place' | 'container'>} record
 */
export function groupOf({ reading: { file, frame }, place: { series, patient, visit }, container }) {
  if (series) return ['series', series, patient, visit].join(' ');
  const intake = container?.intake ?? '';
  if (frame !== null) return `file ${intake} ${file}`;
  return container ? `container ${intake} ${container.name}` : null;
}
