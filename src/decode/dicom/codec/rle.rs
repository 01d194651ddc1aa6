//! DICOM's RLE (PS3.5 Annex G): the bytes of equal weight of all pixels make a segment, which is packed by PackBits.

use super::frame::{Frame, Samples, damaged};
use crate::error::Result;

const NAME: &str = "DICOM (RLE)";
/// The number of segments, and 15 offsets.
const HEADER: usize = 64;

/// Decodes a gray frame, whose first segment holds the most significant bytes.
pub(super) fn decode(bytes: &[u8], frame: Frame) -> Result<Samples> {
    let header = bytes.get(..HEADER).ok_or_else(|| damaged(NAME, "it ends inside its header"))?;
    let mut words = header.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word) as usize);
    let segments = words.next().unwrap_or_default();
    if segments != frame.bytes {
        return Err(damaged(NAME, &format!("it has {segments} segments instead of {}", frame.bytes)));
    }
    let starts: Vec<usize> = words.take(segments).collect();
    if starts.iter().any(|start| *start < HEADER || *start > bytes.len()) {
        return Err(damaged(NAME, "its segments lie outside it"));
    }
    if !starts.is_sorted() {
        return Err(damaged(NAME, "its segments do not follow each other"));
    }
    // Two bytes make at most 128: memory for what cannot come is not taken.
    if bytes.len().saturating_mul(64) < frame.pixels() {
        return Err(damaged(NAME, "it ends before the image does"));
    }
    let mut values = vec![0u16; frame.pixels()];
    for (at, start) in starts.iter().enumerate() {
        let end = starts.get(at + 1).copied().unwrap_or(bytes.len());
        unpack(&bytes[*start..end], &mut values)?;
    }
    Ok(Samples { values, precision: 8 * frame.bytes as u32 })
}

/// What runs do beyond the image.
const BEYOND: &str = "a run goes beyond the image";

/// Shifts the bytes of a segment into `values` from below. Its last run may be one value too long, as some encoders make lengths even.
fn unpack(mut packed: &[u8], values: &mut [u16]) -> Result<()> {
    let cut = || damaged(NAME, "it ends before the image does");
    let shift = |value: &mut u16, byte: u8| *value = *value << 8 | u16::from(byte);
    let mut rest = values;
    while !rest.is_empty() {
        let (&control, after) = packed.split_first().ok_or_else(cut)?;
        let control = control as i8;
        let length = usize::from(control.unsigned_abs()) + 1;
        packed = after;
        // -128 does nothing.
        if control == i8::MIN {
            continue;
        }
        if length > rest.len() + 1 {
            return Err(damaged(NAME, BEYOND));
        }
        let (run, beyond) = rest.split_at_mut(length.min(rest.len()));
        if control >= 0 {
            let (literal, after) = packed.split_at_checked(length).ok_or_else(cut)?;
            run.iter_mut().zip(literal).for_each(|(value, byte)| shift(value, *byte));
            packed = after;
        } else {
            let (&byte, after) = packed.split_first().ok_or_else(cut)?;
            run.iter_mut().for_each(|value| shift(value, byte));
            packed = after;
        }
        rest = beyond;
    }
    Ok(())
}

/// Whether the last run of a segment goes beyond the image, in a frame that [`decode`] reads.
pub(super) fn is_too_long(bytes: &[u8], frame: Frame) -> bool {
    let words: Vec<usize> =
        bytes.as_chunks::<4>().0.iter().take(HEADER / 4).map(|word| u32::from_le_bytes(*word) as usize).collect();
    let starts = words.get(1..=frame.bytes).unwrap_or_default();
    starts.iter().any(|start| {
        let (mut at, mut left) = (*start, frame.pixels());
        while let Some(&control) = bytes.get(at).filter(|_| left > 0) {
            let control = control as i8;
            let length = usize::from(control.unsigned_abs()) + 1;
            at += 1;
            if control != i8::MIN {
                at += if control >= 0 { length } else { 1 };
                match left.checked_sub(length) {
                    Some(fewer) => left = fewer,
                    None => return true,
                }
            }
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(segments: &[&[u8]]) -> Vec<u8> {
        let mut header = vec![segments.len() as u32];
        let mut at = HEADER as u32;
        for segment in segments {
            header.push(at);
            at += segment.len() as u32;
        }
        header.resize(HEADER / 4, 0);
        let header: Vec<u8> = header.into_iter().flat_map(u32::to_le_bytes).collect();
        [header, segments.concat()].concat()
    }

    #[test]
    fn runs_and_literals_of_two_segments_make_values() {
        // High bytes: 1 three times, then 2; low bytes: 5, 6, 7, 8, behind a control byte that does nothing.
        let bytes = frame(&[&[0xFE, 1, 0, 2], &[0x80, 3, 5, 6, 7, 8, 0]]);
        let samples = decode(&bytes, Frame { width: 2, height: 2, bytes: 2 }).unwrap();
        assert_eq!(samples.values, [0x105, 0x106, 0x107, 0x208]);
        assert_eq!(samples.precision, 16);
    }

    #[test]
    fn the_last_run_may_be_one_value_too_long() {
        let gray = Frame { width: 2, height: 2, bytes: 1 };
        for (segment, too_long) in [
            (&[3, 1, 2, 3, 4][..], false),
            (&[4, 1, 2, 3, 4, 5], true),
            (&[2, 1, 2, 3, 0xFF, 4], true),
            (&[2, 1, 2, 3, 0, 4, 0, 5], false),
        ] {
            let bytes = frame(&[segment]);
            assert_eq!(decode(&bytes, gray).unwrap().values, [1, 2, 3, 4]);
            assert_eq!(is_too_long(&bytes, gray), too_long, "{segment:?}");
        }
        assert!(!is_too_long(b"no frame", gray));
    }

    #[test]
    fn damage_is_named() {
        let gray = Frame { width: 2, height: 2, bytes: 1 };
        let reason = |bytes: &[u8]| decode(bytes, gray).unwrap_err().to_string();
        assert!(reason(&frame(&[&[3, 1, 2, 3, 4]])[..60]).contains("header"));
        assert!(reason(&frame(&[&[], &[3, 1, 2, 3, 4]])).contains("2 segments instead of 1"));
        assert!(reason(&frame(&[&[3, 1, 2, 3]])).contains("ends before"));
        assert!(reason(&frame(&[&[0xFB, 1]])).contains("beyond"));
        let mut astray = frame(&[&[3, 1, 2, 3, 4]]);
        astray[4] = 255;
        assert!(reason(&astray).contains("outside"));
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_segments_are_errors_and_no_panic(
            first in proptest::collection::vec(0u8.., 0..40),
            second in proptest::collection::vec(0u8.., 0..40),
            flips in proptest::collection::vec((0usize..100, 0u8..), 0..4),
        ) {
            let mut bytes = frame(&[&first, &second]);
            let length = bytes.len();
            for (at, value) in flips {
                bytes[at % length] = value;
            }
            let _ = decode(&bytes, Frame { width: 5, height: 3, bytes: 2 });
            is_too_long(&bytes, Frame { width: 5, height: 3, bytes: 2 });
        }
    }
}
