//! Recognises DICOM, with preamble and file meta group and without.

use dicom_dictionary_std::uids;

pub(super) const PREAMBLE: usize = 128;
pub(super) const MAGIC: &[u8] = b"DICM";
/// The longest header value that is read, in bytes; those that a slice needs are far shorter.
pub(super) const MAX_VALUE: u32 = 1024;

/// Where the elements of a DICOM file start, and how they are encoded if there is no file meta group to say so.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Start {
    pub(super) at: usize,
    pub(super) syntax: Option<&'static str>,
}

/// Recognises DICOM with and without preamble and file meta group.
pub fn sniff(bytes: &[u8]) -> Option<Start> {
    if bytes.get(PREAMBLE..)?.starts_with(MAGIC) {
        return Some(Start { at: PREAMBLE + MAGIC.len(), syntax: None });
    }
    let at = if bytes.starts_with(MAGIC) { MAGIC.len() } else { 0 };
    let element = bytes.get(at..at + 8)?;
    let group = u16::from_le_bytes([element[0], element[1]]);
    let explicit = element[4..6].iter().all(u8::is_ascii_uppercase);
    let length = u32::from_le_bytes([element[4], element[5], element[6], element[7]]);
    match (group, explicit) {
        (0x0002, true) => Some(Start { at, syntax: None }),
        // A bare data set starts with the identifying group; its first elements are short.
        (0x0008, true) => Some(Start { at, syntax: Some(uids::EXPLICIT_VR_LITTLE_ENDIAN) }),
        (0x0008, false) if length < MAX_VALUE && element[3] == 0 => {
            Some(Start { at, syntax: Some(uids::IMPLICIT_VR_LITTLE_ENDIAN) })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{File, IMPLICIT, values};
    use super::*;

    #[test]
    fn preamble_and_file_meta_group_may_be_missing() {
        let file = File::default();
        assert_eq!(values(file.bytes()[PREAMBLE..].to_vec()).unwrap(), [[-1000.0, 40.0]]);
        assert_eq!(values(file.bytes()[PREAMBLE + MAGIC.len()..].to_vec()).unwrap(), [[-1000.0, 40.0]]);
        assert_eq!(values(file.data_set()).unwrap(), [[-1000.0, 40.0]]);
        let implicit = File { syntax: IMPLICIT, ..File::default() };
        assert_eq!(values(implicit.data_set()).unwrap(), [[-1000.0, 40.0]]);
    }
}
