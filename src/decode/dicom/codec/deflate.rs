//! Frames that are deflated one by one (DICOM PS3.5 A.4.13).

use super::frame::{Frame, Samples, damaged};
use super::uncompressed;
use crate::decode::inflate;
use crate::error::Result;

const NAME: &str = "DICOM (deflated frame)";

/// Inflates a frame; no more memory is taken than it has.
pub(super) fn decode(bytes: &[u8], frame: Frame) -> Result<Samples> {
    let expected = frame.pixels() * frame.bytes;
    let values = inflate::all(bytes, expected as u64).map_err(|fault| match fault {
        inflate::Fault::TooLong => damaged(NAME, &format!("a frame has more than {expected} bytes")),
        inflate::Fault::Damaged(error) => damaged(NAME, &error.to_string()),
    })?;
    uncompressed::values(NAME, &values, frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;

    #[test]
    fn a_frame_is_inflated_up_to_its_size() {
        let deflated = |bytes: &[u8]| {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        let frame = Frame { width: 2, height: 1, bytes: 2 };
        let mut bytes = deflated(&[1, 2, 3, 4]);
        // What makes the length of a fragment even.
        bytes.push(0);
        assert_eq!(decode(&bytes, frame).unwrap().values, [0x201, 0x403]);
        for (wrong, reason) in [(&[1, 2][..], "2 bytes instead of 4"), (&[0; 100_000], "more than 4 bytes")] {
            assert!(decode(&deflated(wrong), frame).unwrap_err().to_string().contains(reason));
        }
        assert_eq!(decode(&bytes[..3], frame).unwrap_err().code(), "unreadable");
    }
}
