//! What objects are made of: the case is the header of an image that is otherwise as it should be, up to its pixels. Whom it names is read,
//! and objects are written of it. They hold nothing but what may stand there, whatever the header held.

use lungglass::aside::Aside;
use lungglass::decode::{File, Limits};
use lungglass::error::Error;
use lungglass::model::Model;
use lungglass::objects::{Gathered, Kind, Maker, Named};
use lungglass::opacity::Opacity;
use lungglass::outputs::{Map, OpacityMaps};
use lungglass::reading::{Reading, Verdict};
use lungglass::slice::Picture;
use lungglass::study::{Item, studies};

// Where it lies depends on the package that this is compiled in.
use crate::elements::{element, meta};

const EXPLICIT: &str = "1.2.840.10008.1.2.1";
/// Rows and columns.
const SIDE: u16 = 4;

/// Reads the header of a case, and writes every object of it; gives how many there are.
pub fn objects(header: &[u8]) -> usize {
    let Ok(file) = File::open(image(header), Limits::default()) else { return 0 };
    let model = Model::parse(lungglass::classifier::SETTINGS).unwrap();
    let (mut gathered, mut items) = (Gathered::default(), Vec::new());
    for slice in file.slices().take(crate::targets::MAX_PARTS) {
        let Ok(image) = &slice.image else { return 0 };
        let frame = slice.frame.unwrap_or(0);
        if let Some(Err(lack)) = image.identity() {
            assert!(!lack.to_string().contains("could not be read"), "reading whom it names panicked");
        }
        let mut reading = judged(&model, slice.frame);
        reading.place = image.place(frame);
        gathered.add(&reading, Named::of(&slice));
        items.push(Item::new(&reading, None, b"fuzz"));
    }
    let maker = Maker {
        model: &model,
        device: "cpu",
        program: "0",
        date: "20261130".to_string(),
        time: "120000".to_string(),
        entropy: [7; 32],
        kinds: &Kind::ALL,
    };
    let mut count = 0;
    for study in &studies(&items, &[], None) {
        let Ok(series) = gathered.series(study) else { continue };
        for kind in Kind::ALL {
            for object in maker.objects(kind, &series).into_iter().flatten() {
                let mut bytes = Vec::new();
                object.write(&mut bytes).unwrap();
                check(kind, bytes);
                count += 1;
            }
        }
    }
    count
}

/// An object ends where its elements do, in the order of their tags, and is known for what it is.
fn check(kind: Kind, bytes: Vec<u8>) {
    let (mut at, mut before) = (132, [0; 2]);
    while at < bytes.len() {
        let half = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let tag = [half(at), half(at + 2)];
        assert!(tag > before, "{tag:04X?} stands behind {before:04X?}");
        before = tag;
        at += match &bytes[at + 4..at + 6] {
            b"OB" | b"OW" | b"SQ" | b"UT" => {
                12 + u32::from_le_bytes([bytes[at + 8], bytes[at + 9], bytes[at + 10], bytes[at + 11]]) as usize
            }
            _ => 8 + usize::from(half(at + 6)),
        };
    }
    assert_eq!(at, bytes.len(), "elements end where the file ends");
    let found = match File::recognise(bytes, Limits::default()) {
        Ok(file) => file.aside().map(|aside| aside.kind),
        Err(unopened) => unopened.aside,
    };
    let expected = match kind {
        Kind::Report => Aside::StructuredReport,
        Kind::Segmentation => Aside::Segmentation,
        Kind::Captures => Aside::ScreenCapture,
    };
    assert_eq!(found, Some(expected));
}

/// A slice that is all lung, and ill.
fn judged(model: &Model, frame: Option<usize>) -> Reading {
    let map = || Map { width: 2, height: 2, values: vec![1.0; 4] };
    Reading {
        verdict: Verdict::Positive,
        score: Some(0.75),
        opacity: Some(Opacity { share: 1.0, ground_glass: 0.5, consolidation: 0.5 }),
        error: None,
        map: Some(map()),
        lung: Some(map()),
        opacity_maps: Some(OpacityMaps { ground_glass: map(), consolidation: map() }),
        picture: Some(Picture { width: 2, height: 2, gray: vec![128; 4], colours: None }),
        ..Reading::unreadable("slice", frame, &Error::NotAnImage, model, "cpu")
    }
}

/// The header with what makes it one of a small image.
fn image(header: &[u8]) -> Vec<u8> {
    let mut bytes = meta(EXPLICIT);
    bytes.extend(header);
    element(&mut bytes, [0x0028, 0x0002], b"US", &1u16.to_le_bytes());
    element(&mut bytes, [0x0028, 0x0004], b"CS", b"MONOCHROME2");
    for (number, value) in [(0x0010, SIDE), (0x0011, SIDE), (0x0100, 8), (0x0101, 8), (0x0102, 7), (0x0103, 0)] {
        element(&mut bytes, [0x0028, number], b"US", &value.to_le_bytes());
    }
    bytes.extend(b"\xE0\x7F\x10\0OB\0\0");
    bytes.extend(u32::from(SIDE * SIDE).to_le_bytes());
    bytes.extend([128; (SIDE * SIDE) as usize]);
    bytes
}

/// Headers that name everything that is copied: in one byte a letter, in several, and as little as may be.
pub fn headers() -> Vec<Vec<u8>> {
    let full: [([u16; 2], &[u8; 2], &[u8]); 27] = [
        ([0x0008, 0x0005], b"CS", b"\\ISO 2022 IR 87"),
        ([0x0008, 0x0016], b"UI", b"1.2.840.10008.5.1.4.1.1.2"),
        ([0x0008, 0x0018], b"UI", b"1.2.3.1"),
        ([0x0008, 0x0020], b"DA", b"20200304"),
        ([0x0008, 0x0030], b"TM", b"111213.5"),
        ([0x0008, 0x0050], b"SH", b"ACC9"),
        ([0x0008, 0x0060], b"CS", b"CT"),
        ([0x0008, 0x0090], b"PN", b"Doc^Tor"),
        ([0x0008, 0x1030], b"LO", b"Chest"),
        ([0x0010, 0x0010], b"PN", b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"),
        ([0x0010, 0x0020], b"LO", b"ID 7"),
        ([0x0010, 0x0021], b"LO", b"Hospital"),
        ([0x0010, 0x0030], b"DA", b"19500102"),
        ([0x0010, 0x0032], b"TM", b"0102"),
        ([0x0010, 0x0040], b"CS", b"F"),
        ([0x0010, 0x1010], b"AS", b"070Y"),
        ([0x0010, 0x1020], b"DS", b"1.75"),
        ([0x0010, 0x1030], b"DS", b"70.5"),
        ([0x0012, 0x0062], b"CS", b"YES"),
        ([0x0018, 0x0050], b"DS", b"2.5"),
        ([0x0020, 0x000D], b"UI", b"1.2.30"),
        ([0x0020, 0x000E], b"UI", b"1.2.31"),
        ([0x0020, 0x0010], b"SH", b"S1"),
        ([0x0020, 0x0032], b"DS", b"-180.5\\-179.25\\-2.5"),
        ([0x0020, 0x0037], b"DS", b"1\\0\\0\\0\\1\\0"),
        ([0x0020, 0x0052], b"UI", b"1.2.32"),
        ([0x0028, 0x0030], b"DS", b"0.7\\0.7"),
    ];
    let least = [[0x0008, 0x0016], [0x0008, 0x0018], [0x0020, 0x000D], [0x0020, 0x000E]];
    let header = |wanted: &dyn Fn([u16; 2]) -> bool| {
        let mut bytes = Vec::new();
        full.iter().filter(|(tag, ..)| wanted(*tag)).for_each(|(tag, vr, value)| element(&mut bytes, *tag, vr, value));
        bytes
    };
    let mut lossy = header(&|_| true);
    let marks: [(u16, &[u8; 2], &[u8]); 3] =
        [(0x2110, b"CS", b"01"), (0x2112, b"DS", b"12.5"), (0x2114, b"CS", b"ISO_10918_1")];
    for (tag, vr, value) in marks {
        element(&mut lossy, [0x0028, tag], vr, value);
    }
    vec![header(&|_| true), header(&|tag| least.contains(&tag)), lossy]
}
