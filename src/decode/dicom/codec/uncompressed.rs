//! Frames in fragments that are not compressed (DICOM PS3.5 A.4.11), in little endian.

use super::frame::{Frame, Samples, damaged};
use crate::error::Result;

const NAME: &str = "DICOM (encapsulated, uncompressed)";

/// Reads the values of a frame.
pub(super) fn decode(bytes: &[u8], frame: Frame) -> Result<Samples> {
    values(NAME, bytes, frame)
}

/// The values that `bytes` hold, and perhaps one byte more, which makes the length of a fragment even; `name` is that of the decoder.
pub(super) fn values(name: &'static str, bytes: &[u8], frame: Frame) -> Result<Samples> {
    let expected = frame.pixels() * frame.bytes;
    if bytes.len() < expected || bytes.len() > expected + expected % 2 {
        let found = bytes.len();
        return Err(damaged(name, &format!("a frame has {found} bytes instead of {expected}")));
    }
    let value = |bytes: &[u8]| bytes.iter().rev().fold(0, |value, byte| value << 8 | u16::from(*byte));
    let values = bytes[..expected].chunks_exact(frame.bytes).map(value).collect();
    Ok(Samples { values, precision: 8 * frame.bytes as u32 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_in_little_endian_and_as_many_as_pixels() {
        let words = Frame { width: 2, height: 1, bytes: 2 };
        let samples = decode(&[1, 2, 3, 4], words).unwrap();
        assert_eq!((samples.values, samples.precision), (vec![0x201, 0x403], 16));
        let bytes = Frame { width: 3, height: 1, bytes: 1 };
        assert_eq!(decode(&[1, 2, 3], bytes).unwrap().values, [1, 2, 3]);
        assert_eq!(decode(&[1, 2, 3, 0], bytes).unwrap().values, [1, 2, 3]);
        for wrong in [&[1, 2][..], &[1, 2, 3, 4, 5]] {
            assert!(decode(wrong, bytes).unwrap_err().to_string().contains("instead of 3"));
        }
        assert_eq!(decode(&[1, 2, 3, 4, 5, 6], words).unwrap_err().code(), "unreadable");
    }
}
