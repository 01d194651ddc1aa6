//! What public bug reports of comparable programs speak of, on whichever runtime this is built for: native, or wasm in a browser. Each
//! test writes one slice as the report has it, and holds what is read against the right answer.
//!
//! The slice is that of cases/lidc-explicit-le.

#[path = "reports/archives.rs"]
mod archives;
#[path = "reports/encodings.rs"]
mod encodings;
#[path = "reports/geometry.rs"]
mod geometry;
#[path = "reports/jpeg.rs"]
mod jpeg;
#[path = "reports/messages.rs"]
mod messages;
#[path = "reports/objects.rs"]
mod objects;
#[path = "reports/pictures.rs"]
mod pictures;
#[path = "reports/series.rs"]
mod series;
#[path = "reports/study.rs"]
mod study;
#[path = "reports/values.rs"]
mod values;
#[path = "reports/volumes.rs"]
mod volumes;

use std::cell::LazyCell;

use lungglass::classifier::Classifier;
use lungglass::decode::{Image, Limits};
use lungglass::error::Error;
use lungglass::reading::{Reading, Verdict};
use lungglass::slice::{Pixels, Slice};
use lungglass::window::Window;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test_configure!(run_in_dedicated_worker);

const BASE: &[u8] = include_bytes!("cases/lidc-explicit-le/input.dcm");
const SIDE: usize = 512;
const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
const SECONDARY_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";
const LUNG: Window = Window { center: -600.0, width: 1500.0 };

/// A tag, as group and number.
type Tag = [u16; 2];
const PATIENT_ORIENTATION: Tag = [0x0020, 0x0020];
const ORIENTATION: Tag = [0x0020, 0x0037];
const PADDING: Tag = [0x0028, 0x0120];
const PADDING_LIMIT: Tag = [0x0028, 0x0121];
const INTERCEPT: Tag = [0x0028, 0x1052];
const SLOPE: Tag = [0x0028, 0x1053];
const UNIT: Tag = [0x0028, 0x1054];
const MODALITY_LUT: Tag = [0x0028, 0x3000];
const FUNCTIONAL_GROUPS: Tag = [0x5200, 0x9229];
const TRANSFORMATION: Tag = [0x0028, 0x9145];
const PIXELS: Tag = [0x7FE0, 0x0010];

/// A CT image, explicit VR, little endian.
struct File {
    columns: usize,
    rows: usize,
    sop_class: &'static str,
    photometric: &'static str,
    allocated: u16,
    stored: u16,
    signed: bool,
    /// Other elements before the pixels: (tag, VR, value).
    others: Vec<(Tag, &'static str, Vec<u8>)>,
    pixels: (Tag, &'static str),
    values: Vec<u16>,
}

impl File {
    /// An original in Hounsfield units as they are, of [`SIDE`] x [`SIDE`] pixels.
    fn original(values: impl IntoIterator<Item = i32>) -> File {
        File {
            columns: SIDE,
            rows: SIDE,
            sop_class: CT,
            photometric: "MONOCHROME2",
            allocated: 16,
            stored: 16,
            signed: true,
            others: scale("1", "0"),
            pixels: (PIXELS, "OW"),
            values: values.into_iter().map(|value| value as u16).collect(),
        }
    }

    /// An original with values from 0 on, and intercept -1024.
    fn unsigned(values: impl IntoIterator<Item = i32>) -> File {
        File { signed: false, others: scale("1", "-1024"), ..File::original(values) }
    }

    /// A picture of so many bits, without a scale.
    fn capture(bits: u16, values: impl IntoIterator<Item = i32>) -> File {
        let allocated = if bits > 8 { 16 } else { 8 };
        let original = File::original(values);
        File { sop_class: SECONDARY_CAPTURE, allocated, stored: bits, signed: false, others: Vec::new(), ..original }
    }

    fn sized(self, columns: usize, rows: usize) -> File {
        File { columns, rows, ..self }
    }

    fn with(mut self, tag: Tag, vr: &'static str, value: &[u8]) -> File {
        self.others.push((tag, vr, value.to_vec()));
        self
    }

    /// With this element of a scale and no other.
    fn only(self, tag: Tag, value: &[u8]) -> File {
        File { others: Vec::new(), ..self }.with(tag, "DS", value)
    }

    fn padded(self, value: u16) -> File {
        self.with(PADDING, "US", &value.to_le_bytes())
    }

    fn bytes(&self) -> Vec<u8> {
        let mut file = vec![0; 128];
        file.extend(b"DICM");
        let mut add = |tag: Tag, vr: &str, value: &[u8]| put(&mut file, tag, vr, value);
        add([0x0002, 0x0010], "UI", b"1.2.840.10008.1.2.1\0");
        add([0x0008, 0x0016], "UI", self.sop_class.as_bytes());
        add([0x0008, 0x0060], "CS", b"CT");
        add([0x0028, 0x0002], "US", &1u16.to_le_bytes());
        add([0x0028, 0x0004], "CS", self.photometric.as_bytes());
        for (number, value) in [
            (0x0010, self.rows as u16),
            (0x0011, self.columns as u16),
            (0x0100, self.allocated),
            (0x0101, self.stored),
            (0x0102, self.stored - 1),
            (0x0103, self.signed.into()),
        ] {
            add([0x0028, number], "US", &u16::to_le_bytes(value));
        }
        for (tag, vr, value) in &self.others {
            add(*tag, vr, value);
        }
        let short = self.values.iter().flat_map(|value| value.to_le_bytes());
        let values: Vec<u8> =
            if self.allocated == 8 { self.values.iter().map(|value| *value as u8).collect() } else { short.collect() };
        let (tag, vr) = self.pixels;
        add(tag, vr, &values);
        file
    }

    fn slice(&self) -> Result<Slice, Error> {
        Image::open(self.bytes(), Limits::default())?.slice(0)
    }

    /// Its gray levels, if it is read as a picture.
    fn levels(&self) -> Vec<u8> {
        match self.slice().unwrap().pixels {
            Pixels::Gray(levels) => levels,
            other => panic!("it is read as {other:?}"),
        }
    }

    fn reading(&self, classifier: &Classifier) -> Reading {
        match Image::open(self.bytes(), Limits::default()) {
            Ok(image) => classifier.read(&image, 0, "slice"),
            Err(error) => Reading::unreadable("slice", None, &error, &classifier.model, classifier.device),
        }
    }
}

/// Rescale intercept and slope.
fn scale(slope: &str, intercept: &str) -> Vec<(Tag, &'static str, Vec<u8>)> {
    vec![(INTERCEPT, "DS", intercept.as_bytes().to_vec()), (SLOPE, "DS", slope.as_bytes().to_vec())]
}

fn put(file: &mut Vec<u8>, tag: Tag, vr: &str, value: &[u8]) {
    tag.iter().for_each(|half| file.extend(half.to_le_bytes()));
    file.extend(vr.as_bytes());
    let length = value.len().next_multiple_of(2) as u32;
    if ["OW", "OF", "OD", "SQ"].contains(&vr) {
        file.extend([0; 2]);
        file.extend(length.to_le_bytes());
    } else {
        file.extend((length as u16).to_le_bytes());
    }
    file.extend(value);
    file.resize(file.len().next_multiple_of(2), b' ');
}

/// An item of a sequence that holds one element.
fn item(tag: Tag, vr: &str, value: &[u8]) -> Vec<u8> {
    let mut element = Vec::new();
    put(&mut element, tag, vr, value);
    [&[0xFE, 0xFF, 0x00, 0xE0][..], &(element.len() as u32).to_le_bytes(), &element].concat()
}

fn units(slice: Slice) -> Vec<i32> {
    let Pixels::Hu(units) = slice.pixels else { panic!("it has no Hounsfield units") };
    units.into_iter().map(|value| value as i32).collect()
}

/// The base slice in Hounsfield units.
fn base() -> Vec<i32> {
    units(Image::open(BASE.to_vec(), Limits::default()).unwrap().slice(0).unwrap())
}

/// The base slice with `outside` where its scanner measured nothing, beyond its circle, and the rest no more than 3071.
fn filled(outside: i32) -> Vec<i32> {
    // Where rustc 1.95 knows that it is -1024, it takes the comparison for needless and leaves what is less.
    let outside = std::hint::black_box(outside);
    base().into_iter().map(|value| if value < -1024 { outside } else { value.min(3071) }).collect()
}

fn classifier() -> Classifier {
    Classifier::built_in("test", || 0.0).unwrap()
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn what_was_not_measured_is_air_whatever_stands_for_it() {
    let classifier = classifier();
    let logit = |file: File| file.reading(&classifier).logit.unwrap();
    let air = logit(File::original(filled(-1024)));
    let from_0 = |outside: i32| {
        filled(outside).into_iter().map(move |value| if value == outside { value } else { value + 1024 })
    };
    let twelve_bits = |file: File| File { stored: 12, ..file };
    let files = [
        ("as the scanner wrote it", File::original(base())),
        ("-2000", File::original(filled(-2000))),
        ("-2000, which is padding", File::original(filled(-2000)).padded(-2000i16 as u16)),
        ("32767, which is padding", File::original(filled(32_767)).padded(32_767)),
        (
            "from 30000 on, which is padding",
            File::original(filled(30_001)).padded(30_000).with(PADDING_LIMIT, "US", &32_767u16.to_le_bytes()),
        ),
        (
            "up to 32767, which is padding",
            File::original(filled(30_001)).padded(32_767).with(PADDING_LIMIT, "US", &30_000u16.to_le_bytes()),
        ),
        ("63536 without a sign, which is padding", File::unsigned(from_0(63_536)).padded(63_536)),
        ("0xF830 beyond 12 bits, which is padding", twelve_bits(File::unsigned(from_0(0xF830))).padded(0xF830)),
        ("0 without a sign", File::unsigned(filled(-1024).into_iter().map(|value| value + 1024))),
    ];
    for (name, file) in files {
        let found = logit(file);
        assert_eq!(found, air, "beyond the circle there is {name}");
    }
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn all_metal_is_alike() {
    let metal = |units: i32| {
        let mut values = filled(-1024);
        values[200 * SIDE + 250..][..20].fill(units);
        let (window, slice) = (Window { center: 1000.0, width: 8000.0 }, File::original(values).slice().unwrap());
        slice.into_picture(Some(window)).unwrap().gray
    };
    assert_eq!(metal(3071), metal(20_000));
    assert_ne!(metal(3071), metal(2000));
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn a_capture_is_read_as_the_picture_that_it_is() {
    let shown: Vec<u8> = filled(-1024).into_iter().map(|value| LUNG.level(value as f32)).collect();
    let levels = || shown.iter().map(|&level| i32::from(level));
    let share = |value: i32| ((value as f32 - (LUNG.center - 0.5)) / (LUNG.width - 1.0) + 0.5).clamp(0.0, 1.0);
    let files = [
        ("8 bits", File::capture(8, levels())),
        ("8 bits with the scale of the series", File { others: scale("1", "-1024"), ..File::capture(8, levels()) }),
        ("8 bits of a CT image", File { sop_class: CT, ..File::capture(8, levels()) }),
        ("8 of 16 bits", File::capture(16, levels())),
        (
            "8 bits, inverted",
            File { photometric: "MONOCHROME1", ..File::capture(8, levels().map(|level| 255 - level)) },
        ),
        ("12 bits", File::capture(12, filled(-1024).into_iter().map(|value| (share(value) * 4095.0).round() as i32))),
    ];
    for (name, file) in files {
        let farthest = file.levels().iter().zip(&shown).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(farthest <= Some(u8::from(name == "12 bits")), "{name}: {farthest:?} levels off");
    }
    // Levels that reach neither black nor white stay as they are.
    let dim: Vec<i32> = shown.iter().map(|&level| 40 + i32::from(level) / 2).collect();
    let expected: Vec<u8> = dim.iter().map(|&level| level as u8).collect();
    assert!(File::capture(8, dim).levels() == expected);
    // Eight bits of a scale that holds air and bone are Hounsfield units.
    let coarse = File { others: scale("8", "-1024"), sop_class: CT, ..File::capture(8, levels()) };
    assert!(matches!(coarse.slice().unwrap().pixels, Pixels::Hu(_)));
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn an_original_without_a_scale_is_refused_and_the_scale_named() {
    let classifier = LazyCell::new(classifier);
    for file in [File::original(filled(-1024)), File::unsigned(filled(-1024).into_iter().map(|value| value + 1024))] {
        let reading = File { others: Vec::new(), ..file }.reading(&classifier);
        assert_eq!(reading.verdict, Verdict::Refused);
        assert!(reading.score.is_none() && reading.logit.is_some());
        let refusal = reading.refusal.unwrap();
        assert_eq!(refusal.code, "no_scale");
        assert!(refusal.message.contains("it has no rescale intercept"), "{}", refusal.message);
    }
    // A slope that is missing can be but 1; an intercept can be anything.
    let only =
        |tag: Tag, value: &[u8]| File::unsigned(filled(-1024).into_iter().map(|value| value + 1024)).only(tag, value);
    assert!(only(SLOPE, b"1").slice().unwrap().origin.unscaled);
    let sloped = only(INTERCEPT, b"-1024").slice().unwrap();
    assert_eq!(sloped.origin.notes, ["it has a rescale intercept and no rescale slope, which was read as 1"]);
    assert!(units(sloped) == filled(-1024));
    let flat = File { others: scale("0", "-1024"), ..File::original(filled(-1024)) }.slice().unwrap_err();
    assert_eq!(flat.code(), "unreadable");
    assert!(flat.to_string().contains("rescale slope is 0"), "{flat}");
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn scales_and_units_that_are_not_read_are_named() {
    let original = || File::original(vec![0; SIDE * SIDE]);
    let files = [(original().with(UNIT, "LO", b"Z_EFF "), "Z_EFF"), (original().with(UNIT, "LO", b"HU_MOD"), "HU_MOD")];
    for (file, name) in files {
        let error = file.slice().map(|slice| slice.origin).unwrap_err();
        assert_eq!(error.code(), "unsupported", "{name}: {error}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

const NONSENSE: [&str; 5] =
    ["0\\0\\0\\0\\0\\0", "1\\0\\0\\1\\0\\0", "-1\\0\\0\\0\\-1", "NaN\\0\\0\\0\\-1\\0", "-9\\0\\0\\0\\-9\\0"];

/// The pixel at (x, y) of a slice that was stored otherwise.
type Stored = fn(usize, usize) -> (usize, usize);

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn a_slice_is_turned_as_its_header_says() {
    const LAST: usize = SIDE - 1;
    let classifier = classifier();
    let values = filled(-1024);
    let plain = units(File::original(values.clone()).slice().unwrap());
    let ways: [(&str, &str, Stored); 9] = [
        ("1\\0\\0\\0\\1\\0", "L\\P", |x, y| (x, y)),
        ("-1\\0\\0\\0\\1\\0", "R\\P", |x, y| (LAST - x, y)),
        ("1\\0\\0\\0\\-1\\0", "L\\A", |x, y| (x, LAST - y)),
        // Prone, or turned by half.
        ("-1\\0\\0\\0\\-1\\0", "R\\A", |x, y| (LAST - x, LAST - y)),
        ("0\\1\\0\\1\\0\\0", "P\\L", |x, y| (y, x)),
        ("0\\1\\0\\-1\\0\\0", "P\\R", |x, y| (LAST - y, x)),
        ("0\\-1\\0\\1\\0\\0", "A\\L", |x, y| (y, LAST - x)),
        ("0\\-1\\0\\-1\\0\\0", "A\\R", |x, y| (LAST - y, LAST - x)),
        // A gantry that is tilted by 25 degrees.
        ("-1\\0\\0\\0\\0.9063\\0.4226", "R\\PH", |x, y| (LAST - x, y)),
    ];
    for (cosines, letters, stored) in ways {
        let pixel = |at: usize| {
            let (x, y) = stored(at % SIDE, at / SIDE);
            values[y * SIDE + x]
        };
        let file = || File::original((0..SIDE * SIDE).map(pixel));
        for file in [
            file().with(ORIENTATION, "DS", cosines.as_bytes()),
            file().with(PATIENT_ORIENTATION, "CS", letters.as_bytes()),
            // Zeros and nonsense say nothing, and what else is known counts.
            file().with(PATIENT_ORIENTATION, "CS", letters.as_bytes()).with(ORIENTATION, "DS", b"0\\0\\0\\0\\0\\0"),
            file().with(PATIENT_ORIENTATION, "CS", b"A\\F").with(ORIENTATION, "DS", cosines.as_bytes()),
        ] {
            let slice = file.slice().unwrap();
            assert_eq!((slice.width, slice.height), (SIDE, SIDE));
            assert_eq!(slice.origin.orientation.as_deref(), Some("L\\P"), "{cosines}");
            assert!(units(slice) == plain, "{cosines}");
        }
    }
    for nonsense in NONSENSE {
        let slice = File::original(values.clone()).with(ORIENTATION, "DS", nonsense.as_bytes()).slice().unwrap();
        assert_eq!((slice.origin.orientation.as_deref(), slice.origin.oblique), (None, false), "{nonsense}");
        assert!(units(slice) == plain, "{nonsense}");
    }
    let prone = File::original(values.iter().rev().copied()).with(ORIENTATION, "DS", b"-1\\0\\0\\0\\-1\\0");
    let (prone, supine) = (prone.reading(&classifier), File::original(values.clone()).reading(&classifier));
    assert_eq!(prone.logit, supine.logit);
    assert!(prone.picture == supine.picture && prone.map == supine.map);
    let known = |reading: Reading| reading.source.unwrap().orientation;
    assert_eq!((known(prone).as_deref(), known(supine)), (Some("L\\P"), None));
    for across in ["1\\0\\0\\0\\0\\-1", "0\\1\\0\\0\\0\\-1", "1\\0\\0\\0\\0.7\\0.714"] {
        let reading = File::original(values.clone()).with(ORIENTATION, "DS", across.as_bytes()).reading(&classifier);
        assert_eq!(reading.refusal.map(|refusal| refusal.code), Some("not_axial"), "{across}");
    }
}
