//! Codecs of DICOM frames. Each file is a sample of ../../dicom whose codestream was changed in one place.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test;

use super::{hold, hold_within, put, with};
use lungglass::decode::{Image, Limits};
use lungglass::slice::{Pixels, Slice};

macro_rules! sample {
    ($name:literal) => {
        Sample::of(include_bytes!(concat!("../../dicom/", $name, ".dcm")))
    };
}

/// A file, taken apart into what stands before its first frame, and the codestream of that.
pub(super) struct Sample {
    before: Vec<u8>,
    pub(super) codestream: Vec<u8>,
}

impl Sample {
    pub(super) fn of(file: &[u8]) -> Sample {
        const PIXEL_DATA: &[u8] = b"\xE0\x7F\x10\0OB\0\0\xFF\xFF\xFF\xFF";
        let at = file.windows(PIXEL_DATA.len()).position(|window| window == PIXEL_DATA).unwrap() + PIXEL_DATA.len();
        let length = |at: usize| u32::from_le_bytes(file[at + 4..at + 8].try_into().unwrap()) as usize;
        let first = at + 8 + length(at);
        Sample { before: file[..at].to_vec(), codestream: file[first + 8..first + 8 + length(first)].to_vec() }
    }

    /// The file with another codestream.
    pub(super) fn with(&self, codestream: &[u8]) -> Vec<u8> {
        let mut file = self.before.clone();
        for item in [&[][..], codestream] {
            file.extend(b"\xFE\xFF\0\xE0");
            file.extend((item.len() as u32).to_le_bytes());
            file.extend(item);
        }
        file.extend(b"\xFE\xFF\xDD\xE0\0\0\0\0");
        file
    }

    /// The file with the value of one of its elements of two bytes changed: group 0028.
    fn said(&self, element: u8, value: u16) -> Vec<u8> {
        let file = self.with(&self.codestream);
        let at = file.windows(6).position(|window| window == [0x28, 0, element, 0, b'U', b'S']).unwrap();
        put(&file, at + 8, &value.to_le_bytes())
    }
}

/// A segment: marker, length, content.
fn segment(code: u8, content: &[u8]) -> Vec<u8> {
    [&[0xFF, code][..], &(content.len() as u16 + 2).to_be_bytes(), content].concat()
}

/// A codestream of markers: its start, its segments, and from the last of them on what is coded.
struct Stream {
    start: Vec<u8>,
    segments: Vec<(u8, Vec<u8>)>,
    coded: Vec<u8>,
}

impl Stream {
    /// Takes segments up to that of `last`.
    fn of(bytes: &[u8], last: u8) -> Stream {
        let (start, mut rest) = bytes.split_at(2);
        let mut segments = Vec::new();
        loop {
            let (code, length) = (rest[1], usize::from(u16::from_be_bytes([rest[2], rest[3]])));
            segments.push((code, rest[..length + 2].to_vec()));
            rest = &rest[length + 2..];
            if code == last {
                return Stream { start: start.to_vec(), segments, coded: rest.to_vec() };
            }
        }
    }

    fn get(&self, code: u8) -> &[u8] {
        &self.segments.iter().find(|(found, _)| *found == code).expect("the segment is there").1
    }

    /// Each segment of `code` replaced.
    fn replaced(&self, code: u8, by: &[u8]) -> Vec<u8> {
        let part = |(found, segment): &(u8, Vec<u8>)| if *found == code { by.to_vec() } else { segment.clone() };
        [self.start.clone(), self.segments.iter().flat_map(part).collect(), self.coded.clone()].concat()
    }

    /// With something before the first segment of `code`.
    fn before(&self, code: u8, added: &[u8]) -> Vec<u8> {
        let segment = self.get(code);
        with(&self.replaced(0, b""), segment, &[added, segment].concat())
    }

    /// With other coded bytes behind the segments.
    fn coded(&self, coded: &[u8]) -> Vec<u8> {
        [self.start.clone(), self.segments.iter().flat_map(|(_, segment)| segment.clone()).collect(), coded.to_vec()]
            .concat()
    }
}

const UNCOMPRESSED: &str = "is not supported; export the series uncompressed (Explicit VR Little Endian)";

fn unreadable(codec: &str, reason: &str) -> String {
    format!("the {codec} data cannot be read: {reason}; export the slice again from its source")
}

/// Holds what a codec says of codestreams in the place of a sample's own.
fn damaged(codec: &str, sample: &Sample, cases: &[(&str, Vec<u8>)]) {
    let messages: Vec<String> = cases.iter().map(|(reason, _)| unreadable(codec, reason)).collect();
    hold(messages.iter().map(String::as_str).zip(cases.iter().map(|(_, codestream)| sample.with(codestream))));
}

fn unsupported(sample: &Sample, cases: &[(&str, Vec<u8>)]) {
    let messages: Vec<String> = cases.iter().map(|(what, _)| format!("{what} {UNCOMPRESSED}")).collect();
    hold(messages.iter().map(String::as_str).zip(cases.iter().map(|(_, codestream)| sample.with(codestream))));
}

mod jpeg {
    pub const SOF1: u8 = 0xC1;
    pub const SOF3: u8 = 0xC3;
    pub const DHT: u8 = 0xC4;
    pub const SOS: u8 = 0xDA;
    pub const DQT: u8 = 0xDB;
}

/// A Huffman table of one symbol, whose code is 0.
fn huffman(class: u8, symbol: u8) -> Vec<u8> {
    segment(jpeg::DHT, &[&[class << 4, 1][..], &[0; 15], &[symbol]].concat())
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn jpeg_frames_that_should_have_colours() {
    let file = with(&sample!("jpeg-baseline").said(0x02, 3), b"MONOCHROME2 ", b"YBR_FULL_422");
    let message =
        "the JPEG data cannot be read: it is not 61 x 45 pixels in colours; export the slice again from its source";
    hold_within([(message, file, Limits { colours: true, ..Limits::default() })]);
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn jpeg_frames() {
    let lossless = sample!("jpeg-lossless-sv1");
    let stream = Stream::of(&lossless.codestream, jpeg::SOS);
    let (frame, scan) = (stream.get(jpeg::SOF3).to_vec(), stream.get(jpeg::SOS).to_vec());
    let whole = &lossless.codestream;
    damaged(
        "DICOM (JPEG)",
        &lossless,
        &[
            ("it holds no image", b"\xFF\xD8\xFF\xD9".to_vec()),
            ("it ends before the image does", whole[..whole.len() / 2].to_vec()),
            ("it ends before the image does", b"\xFF\xD8\xFF".to_vec()),
            ("it has no marker where one must be", stream.before(jpeg::SOF3, b"\0\0")),
            ("a segment has a wrong length", stream.before(jpeg::SOF3, b"\xFF\xDD\0\x01")),
            ("a segment has a wrong length", stream.before(jpeg::SOF3, &segment(0xDD, b""))),
            ("it holds two frames", stream.before(jpeg::SOS, &frame)),
            ("its frame header is cut", stream.replaced(jpeg::SOF3, &segment(jpeg::SOF3, &frame[4..10]))),
            ("a frame is 61 x 46 instead of 61 x 45 pixels", stream.replaced(jpeg::SOF3, &put(&frame, 6, &[46]))),
            ("a Huffman table makes no sense", stream.before(jpeg::SOF3, &segment(jpeg::DHT, &[0; 9]))),
            ("a Huffman table makes no sense", stream.before(jpeg::SOF3, &segment(jpeg::DHT, &[9; 200]))),
            ("a quantisation table makes no sense", stream.before(jpeg::SOF3, &segment(jpeg::DQT, &[0x20; 65]))),
            ("a quantisation table makes no sense", stream.before(jpeg::SOF3, &segment(jpeg::DQT, &[0; 9]))),
            ("its scan comes before its frame", stream.replaced(jpeg::SOF3, b"")),
            ("its scan header makes no sense", stream.replaced(jpeg::SOS, &put(&scan, 4, &[2]))),
            // A predictor that there is not.
            ("its scan header makes no sense", stream.replaced(jpeg::SOS, &put(&scan, 7, &[0]))),
            ("a Huffman table is missing", stream.replaced(jpeg::DHT, b"")),
            ("a restart interval ends inside a row", stream.before(jpeg::SOS, &segment(0xDD, &[0, 1]))),
            ("a restart marker is missing", stream.before(jpeg::SOS, &segment(0xDD, &[0, 61]))),
            // Eight bits, and each value is 255 more than the one before.
            ("a value is out of its range", of_eight_bits(&frame, &scan)),
        ],
    );
    unsupported(
        &lossless,
        &[
            ("arithmetic coding in a JPEG frame", stream.before(jpeg::SOF3, &segment(0xCC, b"\0\0"))),
            (
                "a JPEG frame of process SOF5 with 16 bits",
                stream.replaced(jpeg::SOF3, &put(&put(&frame, 1, &[0xC5]), 4, &[16])),
            ),
            ("a DICOM (JPEG) frame of 3 colour components", stream.replaced(jpeg::SOF3, &put(&frame, 9, &[3]))),
        ],
    );

    let extended = sample!("jpeg-extended");
    let deep = Stream::of(&extended.codestream, jpeg::SOS);
    let frame = deep.get(jpeg::SOF1).to_vec();
    // Coded anew: tables of one symbol each, and bits of them.
    let coded = |dc: u8, ac: u8, bits: &[u8]| {
        let tables = [huffman(0, dc), huffman(1, ac)].concat();
        let scan = segment(jpeg::SOS, &[1, frame[10], 0, 0, 63, 0]);
        let (table, end) = (deep.get(jpeg::DQT).to_vec(), b"\xFF\xD9".to_vec());
        [b"\xFF\xD8".to_vec(), table, frame.clone(), tables, scan, bits.to_vec(), end].concat()
    };
    damaged(
        "DICOM (JPEG)",
        &extended,
        &[
            ("a quantisation table is missing", deep.replaced(jpeg::DQT, b"")),
            ("its scan header makes no sense", deep.replaced(jpeg::SOS, &put(deep.get(jpeg::SOS), 8, &[9]))),
            // Five times fifteen zeros and one more.
            ("a block has too many coefficients", coded(0, 0xF1, &[0; 40])),
            ("a code is in no Huffman table", coded(0, 0, &[0x80; 40])),
            ("a difference is too long", coded(17, 0, &[0; 40])),
        ],
    );
}

/// A lossless stream of 8 bits whose differences are all 255.
fn of_eight_bits(frame: &[u8], scan: &[u8]) -> Vec<u8> {
    let scan = put(&put(scan, 6, &[0]), 7, &[1]);
    let ones = [&b"\xFF\0"[..]; 40].concat();
    [&b"\xFF\xD8"[..], &put(frame, 4, &[8]), &huffman(0, 8), &scan, &[0x7F], &ones, b"\xFF\xD9"].concat()
}

/// Bits, as text of 0 and 1, with what the standard stuffs behind 0xFF.
fn bits(text: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::new();
    let mut rest: Vec<u8> = text.bytes().filter(|bit| *bit != b' ').map(|bit| bit - b'0').collect();
    while !rest.is_empty() {
        let width = if bytes.last() == Some(&0xFF) { 7 } else { 8 };
        let part: Vec<u8> = rest.drain(..width.min(rest.len())).collect();
        let byte = part.iter().fold(0, |byte, bit| byte << 1 | bit) << (width - part.len());
        bytes.push(byte);
    }
    bytes
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn jpeg_ls_frames() {
    const SOF55: u8 = 0xF7;
    const LSE: u8 = 0xF8;
    let sample = sample!("jpeg-ls-near");
    let stream = Stream::of(&sample.codestream, jpeg::SOS);
    let (frame, scan) = (stream.get(SOF55).to_vec(), stream.get(jpeg::SOS).to_vec());
    let whole = &sample.codestream;
    let preset = |values: [u16; 5]| {
        let values: Vec<u8> = values.into_iter().flat_map(u16::to_be_bytes).collect();
        segment(LSE, &[&[1][..], &values].concat())
    };
    let [zeros, ones] = ["0", "1"].map(|bit| move |count: usize| bit.repeat(count));
    damaged(
        "DICOM (JPEG-LS)",
        &sample,
        &[
            ("it holds no image", b"\xFF\xD8\xFF\xD9".to_vec()),
            ("it ends before the image does", whole[..whole.len() / 2].to_vec()),
            ("it ends before the image does", b"\xFF\xD8\xFF".to_vec()),
            ("it has no marker where one must be", stream.before(SOF55, b"\0\0")),
            ("a segment has a wrong length", stream.before(SOF55, b"\xFF\xDD\0\x01")),
            ("its frame header is cut", stream.replaced(SOF55, &segment(SOF55, &frame[4..8]))),
            ("its precision is 1 bits", stream.replaced(SOF55, &put(&frame, 4, &[1]))),
            ("its preset parameters make no sense", stream.before(jpeg::SOS, &segment(LSE, &[9]))),
            ("its scan comes before its frame", stream.replaced(SOF55, b"")),
            ("its scan header makes no sense", stream.replaced(jpeg::SOS, &put(&scan, 4, &[2]))),
            // The first bound is greater than the second.
            ("its coding parameters make no sense", stream.before(jpeg::SOS, &preset([0, 90, 80, 95, 0]))),
            // The columns before this run, and a run of 15 more.
            ("a run goes beyond its row", stream.coded(&bits(&format!("{}0{}", ones(16), ones(4))))),
            ("a code is longer than any can be", stream.coded(&bits(&zeros(400)))),
            ("an error is out of its range", stream.coded(&bits(&format!("0{}1{}", zeros(ESCAPE), ones(16))))),
        ],
    );
    unsupported(
        &sample,
        &[
            ("a JPEG-LS frame with a mapping table", stream.before(jpeg::SOS, &segment(LSE, &[2]))),
            ("a JPEG-LS frame with restart intervals", stream.before(jpeg::SOS, &segment(0xDD, &[0, 1]))),
            ("a DICOM (JPEG-LS) frame of 3 colour components", stream.replaced(SOF55, &put(&frame, 9, &[3]))),
        ],
    );
}

/// Zeros before the longest code of the sample's first value.
const ESCAPE: usize = 36;

mod jp2 {
    pub const SIZ: u8 = 0x51;
    pub const COD: u8 = 0x52;
    pub const QCD: u8 = 0x5C;
    pub const SOT: u8 = 0x90;
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn jpeg_2000_frames() {
    let sample = sample!("jpeg-2000-lossless");
    let whole = codestream_of(&sample.codestream);
    let stream = Stream::of(whole, jp2::SOT);
    let (size, coding) = (stream.get(jp2::SIZ), stream.get(jp2::COD));
    let (steps, part) = (stream.get(jp2::QCD), stream.get(jp2::SOT));
    damaged(
        "DICOM (JPEG 2000)",
        &sample,
        &[
            ("it does not start like a codestream", b"no codestream".to_vec()),
            ("its file holds no codestream", b"\0\0\0\x0CjP  \r\n\x87\n".to_vec()),
            ("it ends inside its header", whole[..30].to_vec()),
            ("a frame is 61 x 46 instead of 61 x 45 pixels", stream.replaced(jp2::SIZ, &put(size, 13, &[46]))),
            ("its tiles make no sense", stream.replaced(jp2::SIZ, &put(size, 22, &[0; 4]))),
            ("it ends before the image does", whole[..2 + size.len()].to_vec()),
            ("it has no marker where one must be", stream.before(jp2::COD, b"\0\0")),
            ("a tile-part has a wrong length", stream.replaced(jp2::SOT, &put(part, 6, &[0, 0, 0, 1]))),
            ("its coding style is cut", stream.replaced(jp2::COD, &segment(jp2::COD, &coding[4..8]))),
            (
                "it has wavelets without loss, and their coefficients are quantised",
                stream.replaced(jp2::QCD, &segment(jp2::QCD, &[0x41; 39])),
            ),
            ("its coding style is missing", stream.replaced(jp2::COD, b"")),
            // Fewer guard bits than the coefficients need.
            ("a block leaves out more bits than there are", stream.replaced(jp2::QCD, &put(steps, 4, &[0]))),
            // Without the marks that its planes should end with.
            ("a block makes no sense", stream.replaced(jp2::COD, &put(coding, 12, &[0x20]))),
        ],
    );
    unsupported(
        &sample,
        &[
            ("a JPEG 2000 frame off the origin of its grid", stream.replaced(jp2::SIZ, &put(size, 17, &[1]))),
            ("a JPEG 2000 frame of 38 bits", stream.replaced(jp2::SIZ, &put(size, 40, &[37]))),
            ("a JPEG 2000 frame in such small blocks", stream.replaced(jp2::COD, &put(coding, 10, &[0, 0]))),
            ("a DICOM (JPEG 2000) frame of 3 colour components", stream.replaced(jp2::SIZ, &put(size, 38, &[0, 3]))),
        ],
    );
}

/// Without the boxes around it.
fn codestream_of(bytes: &[u8]) -> &[u8] {
    let at = bytes.windows(4).position(|window| window == b"\xFF\x4F\xFF\x51").unwrap();
    &bytes[at..]
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn high_throughput_frames() {
    const NAME: &str = "DICOM (high-throughput JPEG 2000)";
    let sample = sample!("htj2k");
    let whole = codestream_of(&sample.codestream);
    let stream = Stream::of(whole, jp2::SOT);
    let (coding, steps, part) = (stream.get(jp2::COD), stream.get(jp2::QCD), stream.get(jp2::SOT));
    damaged(
        NAME,
        &sample,
        &[
            ("its coding style makes no sense", stream.replaced(jp2::COD, &put(coding, 5, &[9]))),
            ("its coding style makes no sense", stream.replaced(jp2::COD, &put(coding, 13, &[2]))),
            ("its coding style is missing", stream.replaced(jp2::COD, b"")),
            ("its tile-part makes no sense", stream.replaced(jp2::SOT, &put(part, 4, &[0, 99]))),
            ("its region of interest makes no sense", stream.before(jp2::SOT, &segment(0x5E, &[0, 1, 0]))),
            ("its order of packets makes no sense", stream.before(jp2::SOT, &segment(0x5F, &[0, 0, 0, 1, 6, 1, 9]))),
            ("its order of packets leaves some out", stream.before(jp2::SOT, &segment(0x5F, &[0; 7]))),
            ("its quantisation makes no sense", stream.replaced(jp2::QCD, &put(steps, 5, &[0xF8]))),
            // Tiles of one column, of which the first is there.
            ("it ends before the image does", stream.replaced(jp2::SIZ, &put(stream.get(jp2::SIZ), 25, &[1]))),
        ],
    );
    unsupported(
        &sample,
        &[(
            "a JPEG 2000 frame with blocks of high throughput and others",
            stream.replaced(jp2::COD, &put(coding, 12, &[0])),
        )],
    );
    // Blocks of 64 x 16 read as those of 64 x 256, which there cannot be: the bits behind their headers are others.
    let changed = |at: usize, value: u8| put(whole, at, &[value]);
    // A header of ones alone, with 0 bits after each 0xFF: all is there, and its length has more bits than any.
    let ones = [&b"\xFF\x7F"[..]; 20].concat();
    let endless = with(&stream.coded(&[&b"\xFF\x93"[..], &ones, &[0; 40]].concat()), part, &put(part, 6, &[0; 4]));
    damaged(
        NAME,
        &sample,
        &[
            // Fewer guard bits than the coefficients need.
            ("a block leaves out more bits than there are", changed(73, 0)),
            ("a block makes no sense", changed(64, 4)),
            ("a length makes no sense", endless),
        ],
    );
    // Of 65,280 layers the packets of the first are there.
    unsupported(&sample, &[("a JPEG 2000 frame with several cleanup passes a block", changed(61, 0xFF))]);
}

/// Each kind of JPEG under the transfer syntaxes of the others. pydicom's decoders read a JPEG-LS frame under one of JPEG, and the other way
/// round.
#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn a_frame_is_read_as_what_it_is() {
    let units = |slice: &Slice| match &slice.pixels {
        Pixels::Hu(units) => units.clone(),
        other => panic!("they are {other:?}"),
    };
    let slice = |bytes: Vec<u8>| Image::open(bytes, Limits::default()).unwrap().slice(0).unwrap();
    let kinds: [(&str, &str, &[u8]); 5] = [
        ("50", "JPEG", include_bytes!("../../dicom/jpeg-baseline.dcm")),
        ("70", "JPEG", include_bytes!("../../dicom/jpeg-lossless-sv1.dcm")),
        ("80", "JPEG-LS", include_bytes!("../../dicom/jpeg-ls.dcm")),
        ("81", "JPEG-LS", include_bytes!("../../dicom/jpeg-ls-near.dcm")),
        ("90", "JPEG 2000", include_bytes!("../../dicom/jpeg-2000-lossless.dcm")),
    ];
    for (own, kind, file) in kinds {
        let expected = slice(file.to_vec());
        assert_eq!(expected.origin.notes, [""; 0]);
        for (other, other_kind, _) in kinds {
            let [from, to] = [own, other].map(|end| format!("1.2.840.10008.1.2.4.{end}"));
            let found = slice(with(file, from.as_bytes(), to.as_bytes()));
            assert!(units(&found) == units(&expected), "{own} as {other}");
            let said = found.origin.notes.join("; ");
            let noted = format!("its frame is {kind}, and it names the transfer syntax JPEG");
            assert!(
                if kind == other_kind { said.is_empty() } else { said.starts_with(&noted) },
                "{own} as {other}: {said}"
            );
        }
    }
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn frames_of_other_codecs() {
    let rle = sample!("rle-u8");
    let whole = &rle.codestream;
    let header = |words: &[u32]| {
        let mut header: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        header.resize(64, 0);
        header
    };
    let pixels = 61 * 45;
    let literal: Vec<u8> = (0..pixels).map(|at: usize| at as u8).collect();
    let literals: Vec<u8> = literal.chunks(128).flat_map(|part| [&[part.len() as u8 - 1][..], part].concat()).collect();
    damaged(
        "DICOM (RLE)",
        &rle,
        &[
            ("it ends inside its header", whole[..60].to_vec()),
            ("it has 2 segments instead of 1", [header(&[2, 64, 70]), literals.clone()].concat()),
            ("its segments lie outside it", [header(&[1, 99_999]), literals.clone()].concat()),
            ("it ends before the image does", [header(&[1, 64]), literals[..2000].to_vec()].concat()),
            ("it ends before the image does", header(&[1, 64])),
            (
                "a run goes beyond the image",
                [header(&[1, 64]), literals[..22 * 129 - 129].to_vec(), vec![0x81, 7]].concat(),
            ),
        ],
    );
    let words = sample!("rle");
    let turned = [header(&[2, 400, 64]), words.codestream[64..].to_vec()].concat();
    damaged("DICOM (RLE)", &words, &[("its segments do not follow each other", turned)]);
    // Sixteen bits a pixel have no room in the eight that the header allocates.
    let bits = [(&b"\x28\0\0\x01US"[..], 8), (b"\x28\0\x01\x01US", 8), (b"\x28\0\x02\x01US", 7)];
    let wide = sample!("jpeg-2000-lossless");
    let narrow = bits.into_iter().fold(wide.with(&wide.codestream), |file, (element, value)| {
        let at = file.windows(element.len()).position(|window| window == element).unwrap();
        put(&file, at + 8, &u16::to_le_bytes(value))
    });
    hold([(
        "the DICOM data cannot be read: its frame has 16 bits a pixel, and its header (0028,0100) has room for 8; export the slice again from its source",
        narrow,
    )]);
    let last = literals.len() - literal.len() % 128 - 1;
    let longer = [&literals[..last], &[literals[last] + 1], &literals[last + 1..], &[0]].concat();
    hold([("its RLE data hold one value more than the image", rle.with(&[header(&[1, 64]), longer].concat()))]);

    let plain = sample!("encapsulated-u8");
    damaged(
        "DICOM (encapsulated, uncompressed)",
        &plain,
        &[("a frame has 100 bytes instead of 2745", plain.codestream[..100].to_vec())],
    );
    let deflated = sample!("deflated-frame-u8");
    let whole = &deflated.codestream;
    hold([
        (
            "the DICOM (deflated frame) data cannot be read: a frame has more than 2684 bytes; export the slice again from its source",
            deflated.said(0x10, 44),
        ),
        (
            "the DICOM (deflated frame) data cannot be read: *; export the slice again from its source",
            deflated.with(&whole[..whole.len() / 2]),
        ),
    ]);
}
