//! Encapsulated pixel data (DICOM PS3.5 A.4): which bytes of the file are which frame. Knows nothing of what is in them.

use std::borrow::Cow;
use std::ops::Range;

use super::fault::damaged;
use crate::decode::Limits;
use crate::error::Result;

const ITEM: [u8; 4] = [0xFE, 0xFF, 0x00, 0xE0];
const SEQUENCE_END: [u8; 4] = [0xFE, 0xFF, 0xDD, 0xE0];
/// Tag and length of an item.
const HEADER: usize = 8;
/// The most fragments of a file: a frame has one, or a few dozen from an encoder that cut it into pieces.
const MAX_FRAGMENTS: u64 = 1 << 16;

/// The fragments of each frame.
#[derive(Debug)]
pub(super) struct Frames {
    fragments: Vec<Range<usize>>,
    /// For each frame the number of its first fragment, and one more: the end of the last.
    first: Vec<usize>,
}

impl Frames {
    /// Finds `count` frames in the items from byte `at` on. `extended` is where the value of an Extended Offset Table lies.
    pub(super) fn locate(bytes: &[u8], at: usize, count: usize, extended: Option<Range<usize>>) -> Result<Frames> {
        let (basic, mut rest) = match item(bytes, at)? {
            Some((value, next)) => (value, next),
            None => return Err(damaged("its pixel data have no frame")),
        };
        let origin = rest;
        let mut fragments = Vec::new();
        while let Some((value, next)) = item(bytes, rest)? {
            Limits::check("the number of fragments", fragments.len() as u64 + 1, MAX_FRAGMENTS)?;
            fragments.push(value);
            rest = next;
        }
        if fragments.is_empty() {
            return Err(damaged("its pixel data have no frame"));
        }
        let first = if count == 1 {
            vec![0]
        } else if fragments.len() == count {
            (0..count).collect()
        } else {
            let offset = |bytes: &[u8]| bytes.iter().rev().fold(0u64, |offset, byte| offset << 8 | u64::from(*byte));
            let offsets = |table: Range<usize>, size| bytes[table].chunks_exact(size).map(offset).collect::<Vec<_>>();
            let extended = extended.map_or_else(Vec::new, |table| offsets(table, 8));
            by_offsets(&fragments, origin, count, &offsets(basic, 4))
                .or_else(|| by_offsets(&fragments, origin, count, &extended))
                .or_else(|| by_codestreams(bytes, &fragments, count))
                .ok_or_else(|| {
                    let found = fragments.len();
                    damaged(&format!("its {found} fragments cannot be told apart into {count} frames"))
                })?
        };
        let first = first.into_iter().chain([fragments.len()]).collect();
        Ok(Frames { fragments, first })
    }

    /// The bytes of a frame; only those in several fragments are copied.
    pub(super) fn bytes<'a>(&self, bytes: &'a [u8], frame: usize) -> Cow<'a, [u8]> {
        match &self.fragments[self.first[frame]..self.first[frame + 1]] {
            [one] => Cow::Borrowed(&bytes[one.clone()]),
            several => Cow::Owned(several.iter().flat_map(|range| &bytes[range.clone()]).copied().collect()),
        }
    }
}

/// Whether an item begins at byte `at`.
pub(super) fn is_item(bytes: &[u8], at: usize) -> bool {
    bytes.get(at..).is_some_and(|rest| rest.starts_with(&ITEM))
}

/// The value of the item at byte `at` and where the next starts; `None` at the end of the sequence.
fn item(bytes: &[u8], at: usize) -> Result<Option<(Range<usize>, usize)>> {
    let Some(header) = bytes.get(at..at + HEADER) else {
        // Some writers leave the delimiter out, or pad it away.
        return Ok(None);
    };
    match header {
        [a, b, c, d, length @ ..] if [*a, *b, *c, *d] == ITEM => {
            let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize;
            let start = at + HEADER;
            let end = start.checked_add(length).filter(|end| *end <= bytes.len());
            end.map(|end| Some((start..end, end))).ok_or_else(|| damaged("it ends inside a fragment"))
        }
        [a, b, c, d, ..] if [*a, *b, *c, *d] == SEQUENCE_END => Ok(None),
        _ => Err(damaged("its pixel data hold something that is no fragment")),
    }
}

/// Frames start where a table says: `offsets` count from the item header at byte `origin`.
fn by_offsets(fragments: &[Range<usize>], origin: usize, count: usize, offsets: &[u64]) -> Option<Vec<usize>> {
    if offsets.len() != count {
        return None;
    }
    let starts = offsets.iter().map(|offset| {
        let value = usize::try_from(*offset).ok()?.checked_add(origin + HEADER)?;
        fragments.binary_search_by_key(&value, |fragment| fragment.start).ok()
    });
    let starts = starts.collect::<Option<Vec<_>>>()?;
    (starts[0] == 0 && starts.is_sorted_by(|a, b| a < b)).then_some(starts)
}

/// Frames start where a codestream starts: JPEG and JPEG-LS with SOI, JPEG 2000 with SOC.
fn by_codestreams(bytes: &[u8], fragments: &[Range<usize>], count: usize) -> Option<Vec<usize>> {
    let starts = |range: &Range<usize>| {
        matches!(bytes.get(range.start..range.start + 3), Some([0xFF, 0xD8, 0xFF] | [0xFF, 0x4F, 0xFF]))
    };
    let first: Vec<_> = (0..fragments.len()).filter(|at| starts(&fragments[*at])).collect();
    (first.len() == count && first[0] == 0).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(items: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for item in items {
            bytes.extend(ITEM);
            bytes.extend((item.len() as u32).to_le_bytes());
            bytes.extend(*item);
        }
        bytes.extend(SEQUENCE_END);
        bytes.extend([0; 4]);
        bytes
    }

    fn frames(bytes: &[u8], count: usize, extended: Option<Range<usize>>) -> Result<Vec<Vec<u8>>> {
        let frames = Frames::locate(bytes, 0, count, extended)?;
        Ok((0..count).map(|frame| frames.bytes(bytes, frame).into_owned()).collect())
    }

    #[test]
    fn one_frame_is_all_fragments() {
        assert_eq!(frames(&sequence(&[b"", b"ab", b"cd"]), 1, None).unwrap(), [b"abcd"]);
    }

    #[test]
    fn as_many_fragments_as_frames_need_no_table() {
        assert_eq!(frames(&sequence(&[b"", b"ab", b"cd"]), 2, None).unwrap(), [b"ab", b"cd"]);
    }

    #[test]
    fn a_basic_offset_table_gathers_fragments() {
        // The second frame starts behind two items of 8 + 2 bytes.
        let table = [0u32.to_le_bytes(), 20u32.to_le_bytes()].concat();
        let bytes = sequence(&[&table, b"ab", b"cd", b"ef"]);
        assert_eq!(frames(&bytes, 2, None).unwrap(), [&b"abcd"[..], b"ef"]);
        let astray = [0u32.to_le_bytes(), 21u32.to_le_bytes()].concat();
        assert_eq!(frames(&sequence(&[&astray, b"ab", b"cd", b"ef"]), 2, None).unwrap_err().code(), "unreadable");
    }

    #[test]
    fn an_extended_offset_table_gathers_fragments() {
        let table = [0u64.to_le_bytes(), 10u64.to_le_bytes()].concat();
        let items = sequence(&[b"", b"ab", b"cd", b"ef"]);
        let bytes = [&items[..], &table].concat();
        let extended = Some(items.len()..bytes.len());
        assert_eq!(frames(&bytes, 2, extended).unwrap(), [&b"ab"[..], b"cdef"]);
    }

    #[test]
    fn without_a_table_codestreams_start_frames() {
        let bytes = sequence(&[b"", b"\xFF\xD8\xFF1", b"2!", b"\xFF\xD8\xFF3"]);
        assert_eq!(frames(&bytes, 2, None).unwrap(), [&b"\xFF\xD8\xFF12!"[..], b"\xFF\xD8\xFF3"]);
    }

    #[test]
    fn what_makes_no_sense_is_an_error() {
        for bytes in [&b""[..], &sequence(&[]), &sequence(&[b""]), b"no item here"] {
            assert_eq!(frames(bytes, 1, None).unwrap_err().code(), "unreadable");
        }
        assert_eq!(frames(&sequence(&[b"", b"ab", b"cd", b"ef"]), 2, None).unwrap_err().code(), "unreadable");
        let mut long = sequence(&[b"", b"ab"]);
        long[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(frames(&long, 1, None).unwrap_err().code(), "unreadable");
    }

    #[test]
    fn too_many_fragments_are_refused() {
        let mut bytes = sequence(&[b""]);
        bytes.truncate(HEADER);
        bytes.extend([ITEM, [0; 4]].concat().repeat(MAX_FRAGMENTS as usize + 1));
        assert_eq!(frames(&bytes, 1, None).unwrap_err().code(), "too_large");
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_items_are_errors_and_no_panic(
            bytes in proptest::collection::vec(0u8.., 0..80),
            flips in proptest::collection::vec((0usize..80, 0u8..), 0..4),
            count in 1usize..6,
        ) {
            let _ = frames(&bytes, count, Some(0..bytes.len()));
            let table = [0u32.to_le_bytes(), 20u32.to_le_bytes()].concat();
            let mut bytes = sequence(&[&table, b"ab", b"cd", b"ef"]);
            let length = bytes.len();
            for (at, value) in flips {
                bytes[at % length] = value;
            }
            let _ = frames(&bytes, count, Some(0..8));
        }
    }
}
