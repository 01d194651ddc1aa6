//! Compressed frames to stored values: which transfer syntax takes which decoder.

mod deflate;
mod frame;
mod jpeg;
mod jpeg_2000;
mod jpeg_ls;
mod jpeg_xl;
mod rle;
mod uncompressed;

use dicom_dictionary_std::uids;

pub(super) use self::frame::{Frame, Samples};
use crate::error::Result;

/// How the frames of a file are compressed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Codec {
    /// Frames in fragments, as they are.
    Uncompressed,
    Deflate,
    Rle,
    Jpeg,
    JpegLs,
    Jpeg2000,
    /// What is lossless of it.
    JpegXl,
}

impl Codec {
    /// The decoder of a transfer syntax, if there is one.
    pub(super) fn of(syntax: &str) -> Option<Codec> {
        match syntax {
            uids::ENCAPSULATED_UNCOMPRESSED_EXPLICIT_VR_LITTLE_ENDIAN => Some(Codec::Uncompressed),
            uids::DEFLATED_IMAGE_FRAME_COMPRESSION => Some(Codec::Deflate),
            uids::RLE_LOSSLESS => Some(Codec::Rle),
            uids::JPEG_BASELINE8_BIT | uids::JPEG_EXTENDED12_BIT | uids::JPEG_LOSSLESS | uids::JPEG_LOSSLESS_SV1 => {
                Some(Codec::Jpeg)
            }
            uids::JPEGLS_LOSSLESS | uids::JPEGLS_NEAR_LOSSLESS => Some(Codec::JpegLs),
            uids::JPEG2000_LOSSLESS
            | uids::JPEG2000
            | uids::HTJ2K_LOSSLESS
            | uids::HTJ2K_LOSSLESS_RPCL
            | uids::HTJ2K => Some(Codec::Jpeg2000),
            uids::JPEGXL_LOSSLESS | uids::JPEGXL => Some(Codec::JpegXl),
            _ => None,
        }
    }

    /// The decoder of what a frame begins as. Transfer syntaxes say which of some kinds it is, and some writers name another.
    pub(super) fn of_frame(self, bytes: &[u8]) -> Codec {
        if !matches!(self, Codec::Jpeg | Codec::JpegLs | Codec::Jpeg2000 | Codec::JpegXl) {
            return self;
        }
        match bytes {
            [0xFF, 0xD8, rest @ ..] => of_jpeg(rest).unwrap_or(self),
            [0xFF, 0x4F, 0xFF, 0x51, ..] => Codec::Jpeg2000,
            [0xFF, 0x0A, ..] => Codec::JpegXl,
            _ => self,
        }
    }

    /// What its frames are called.
    pub(super) fn name(self) -> &'static str {
        match self {
            Codec::Uncompressed => "uncompressed",
            Codec::Deflate => "deflated",
            Codec::Rle => "RLE",
            Codec::Jpeg => "JPEG",
            Codec::JpegLs => "JPEG-LS",
            Codec::Jpeg2000 => "JPEG 2000",
            Codec::JpegXl => "JPEG XL",
        }
    }

    /// What is not as the standard has it in a frame that is decoded all the same.
    pub(super) fn note(self, bytes: &[u8], frame: Frame) -> Option<&'static str> {
        let is_too_long = self == Codec::Rle && rle::is_too_long(bytes, frame);
        is_too_long.then_some("its RLE data hold one value more than the image")
    }

    /// Decodes a frame of one gray component.
    pub(super) fn decode(self, bytes: &[u8], frame: Frame) -> Result<Samples> {
        match self {
            Codec::Uncompressed => uncompressed::decode(bytes, frame),
            Codec::Deflate => deflate::decode(bytes, frame),
            Codec::Rle => rle::decode(bytes, frame),
            Codec::Jpeg => jpeg::decode(bytes, frame),
            Codec::JpegLs => jpeg_ls::decode(bytes, frame),
            Codec::Jpeg2000 => jpeg_2000::decode(bytes, frame),
            Codec::JpegXl => jpeg_xl::decode(bytes, frame),
        }
    }
}

/// JPEG or JPEG-LS, by the marker of the frame among the segments behind the first marker; `None` where there is none.
fn of_jpeg(mut rest: &[u8]) -> Option<Codec> {
    loop {
        let [0xFF, code, after @ ..] = rest else { return None };
        rest = match code {
            0xFF => &rest[1..],
            0xF7 => return Some(Codec::JpegLs),
            // Tables.
            0xC4 | 0xCC => after.get(length(after)?..)?,
            0xC0..=0xCF => return Some(Codec::Jpeg),
            0xD9 | 0xDA => return None,
            _ => after.get(length(after)?..)?,
        };
    }
}

/// Of a segment, behind its marker.
fn length(segment: &[u8]) -> Option<usize> {
    segment.first_chunk().map(|length| usize::from(u16::from_be_bytes(*length)).max(2))
}

#[cfg(test)]
mod tests {
    use super::super::header::{Header, Storage};
    use super::super::start::sniff;
    use super::*;
    use crate::decode::Limits;

    /// A file of tests/dicom for each way of coding.
    const SAMPLES: [(&str, &[u8]); 21] = [
        ("encapsulated-s16", include_bytes!("../../../../tests/dicom/encapsulated-s16.dcm")),
        ("deflated-frame-s16", include_bytes!("../../../../tests/dicom/deflated-frame-s16.dcm")),
        ("rle", include_bytes!("../../../../tests/dicom/rle.dcm")),
        ("jpeg-baseline", include_bytes!("../../../../tests/dicom/jpeg-baseline.dcm")),
        ("jpeg-extended", include_bytes!("../../../../tests/dicom/jpeg-extended.dcm")),
        ("jpeg-lossless-4", include_bytes!("../../../../tests/dicom/jpeg-lossless-4.dcm")),
        ("jpeg-lossless-sv1", include_bytes!("../../../../tests/dicom/jpeg-lossless-sv1.dcm")),
        ("jpeg-ls", include_bytes!("../../../../tests/dicom/jpeg-ls.dcm")),
        ("jpeg-ls-u8", include_bytes!("../../../../tests/dicom/jpeg-ls-u8.dcm")),
        ("jpeg-ls-near", include_bytes!("../../../../tests/dicom/jpeg-ls-near.dcm")),
        ("jpeg-2000-lossless", include_bytes!("../../../../tests/dicom/jpeg-2000-lossless.dcm")),
        ("jpeg-2000", include_bytes!("../../../../tests/dicom/jpeg-2000.dcm")),
        ("htj2k", include_bytes!("../../../../tests/dicom/htj2k.dcm")),
        ("htj2k-tiles", include_bytes!("../../../../tests/dicom/htj2k-tiles.dcm")),
        ("htj2k-lossy", include_bytes!("../../../../tests/dicom/htj2k-lossy.dcm")),
        ("jpeg-xl", include_bytes!("../../../../tests/dicom/jpeg-xl.dcm")),
        ("jpeg-xl-u8", include_bytes!("../../../../tests/dicom/jpeg-xl-u8.dcm")),
        ("jpeg-xl-multi", include_bytes!("../../../../tests/dicom/jpeg-xl-multi.dcm")),
        ("jpeg-xl-groups", include_bytes!("../../../../tests/dicom/jpeg-xl-groups.dcm")),
        ("htj2k-packets", include_bytes!("../../../../tests/dicom/htj2k-packets.dcm")),
        ("htj2k-refined", include_bytes!("../../../../tests/dicom/htj2k-refined.dcm")),
    ];

    /// The first frame of a file as it is coded.
    fn coded(file: &[u8]) -> (Codec, Vec<u8>, Frame) {
        let mut bytes = file.to_vec();
        let start = sniff(&bytes).unwrap();
        let header = Header::read(&mut bytes, start, &Limits::default()).unwrap();
        let Storage::Encapsulated { codec, frames } = &header.storage else { panic!("it is not compressed") };
        let frame = Frame { width: header.width, height: header.height, bytes: header.layout.bytes };
        (*codec, frames.bytes(&bytes, 0).into_owned(), frame)
    }

    #[test]
    fn a_codestream_of_another_size_is_refused() {
        for (name, file) in SAMPLES {
            let (codec, bytes, frame) = coded(file);
            assert_eq!(codec.decode(&bytes, frame).unwrap().values.len(), frame.pixels(), "{name}");
            for frame in [Frame { width: frame.width + 1, ..frame }, Frame { height: frame.height + 1, ..frame }] {
                let error = codec.decode(&bytes, frame).unwrap_err();
                assert_eq!(error.code(), "unreadable", "{name}");
                assert!(codec == Codec::Rle || error.to_string().contains("instead of"), "{name}: {error}");
            }
        }
    }

    #[test]
    fn a_codestream_that_was_cut_is_no_image() {
        for (name, file) in SAMPLES {
            let (codec, bytes, frame) = coded(file);
            for share in 0..16 {
                let cut = &bytes[..bytes.len() * share / 16];
                let error = codec.decode(cut, frame).expect_err(&format!("{name} at {share} of 16"));
                assert_eq!(error.code(), "unreadable", "{name}: {error}");
            }
        }
    }

    #[test]
    fn every_codec_names_what_is_no_codestream() {
        let frame = Frame { width: 4, height: 4, bytes: 2 };
        for codec in [
            Codec::Uncompressed,
            Codec::Deflate,
            Codec::Rle,
            Codec::Jpeg,
            Codec::JpegLs,
            Codec::Jpeg2000,
            Codec::JpegXl,
        ] {
            for bytes in [&b""[..], b"no codestream", b"\xFF\xD8\xFF\xD9", b"\xFF\x4F\xFF\x51\0\0", &[0; 100]] {
                assert_eq!(codec.decode(bytes, frame).unwrap_err().code(), "unreadable", "{codec:?} {bytes:?}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn damaged_codestreams_are_errors_and_no_panic(
            which in 0..SAMPLES.len(),
            flips in proptest::collection::vec((0usize..4000, 0u8..), 1..6),
            header in proptest::bool::ANY,
            cut in 0usize..4000,
        ) {
            let (codec, mut bytes, frame) = coded(SAMPLES[which].1);
            // What decides most stands in the first bytes.
            let reach = if header { bytes.len().min(120) } else { bytes.len() };
            for (at, value) in flips {
                bytes[at % reach] = value;
            }
            if cut % 4 == 0 {
                bytes.truncate(bytes.len() - cut % bytes.len());
            }
            if let Ok(samples) = codec.decode(&bytes, frame) {
                assert_eq!(samples.values.len(), frame.pixels());
            }
        }

        #[test]
        fn arbitrary_segments_are_errors_and_no_panic(
            which in 0..4usize,
            body in proptest::collection::vec(0u8.., 0..120),
        ) {
            let (codec, head) = [
                (Codec::Rle, &b""[..]),
                // A frame of 4 x 4 pixels.
                (Codec::Jpeg, b"\xFF\xD8\xFF\xC3\0\x0B\x0C\0\x04\0\x04\x01\x01\x11\0"),
                (Codec::JpegLs, b"\xFF\xD8\xFF\xF7\0\x0B\x0C\0\x04\0\x04\x01\x01\x11\0\xFF\xDA\0\x08\x01\x01\0\0\0\0"),
                (Codec::Jpeg2000, b"\xFF\x4F\xFF\x51"),
            ][which];
            let bytes = [head, &body].concat();
            let _ = codec.decode(&bytes, Frame { width: 4, height: 4, bytes: 2 });
        }
    }
}
