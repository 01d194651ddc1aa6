//! Recognises DICOM, with preamble and file meta group and without.

pub(super) const PREAMBLE: usize = 128;
pub(super) const MAGIC: &[u8] = b"DICM";
/// The longest header value that is read, in bytes; those that a slice needs are far shorter.
pub(super) const MAX_VALUE: u32 = 1024;

/// Where the elements of a DICOM file start: those of its file meta group, if it has one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Start {
    pub(super) at: usize,
}

/// The first element of a file meta group or a command set that comes in implicit VR: its length, in little endian.
const GROUP_LENGTHS: [&[u8]; 2] = [b"\x02\0\0\0\x04\0\0\0", b"\0\0\0\0\x04\0\0\0"];

/// Whether the bytes begin with a preamble, which may be anything, and the mark behind it.
pub fn has_preamble(bytes: &[u8]) -> bool {
    bytes.get(PREAMBLE..).is_some_and(|rest| rest.starts_with(MAGIC))
}

/// Recognises DICOM with and without preamble and file meta group, in either byte order.
pub fn sniff(bytes: &[u8]) -> Option<Start> {
    if has_preamble(bytes) {
        return Some(Start { at: PREAMBLE + MAGIC.len() });
    }
    if bytes.starts_with(MAGIC) {
        return Some(Start { at: MAGIC.len() });
    }
    let element = bytes.first_chunk::<8>()?;
    let explicit = element[4..6].iter().all(u8::is_ascii_uppercase);
    // A bare data set starts with the identifying group; its first elements are short.
    let is_first = match *element {
        [0x02, 0, ..] | [0, 0x02, ..] | [0x08, 0, ..] | [0, 0x08, ..] if explicit => true,
        [0x08, 0, _, 0, a, b, c, d] => u32::from_le_bytes([a, b, c, d]) < MAX_VALUE,
        [0, 0x08, 0, _, a, b, c, d] => u32::from_be_bytes([a, b, c, d]) < MAX_VALUE,
        _ => GROUP_LENGTHS.contains(&&element[..]),
    };
    is_first.then_some(Start { at: 0 })
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
