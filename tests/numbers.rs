//! Numerical safety, by properties over random slices: whatever a slice holds, its score is finite or it is refused, and what does not
//! change a slice does not change what is made of it. Native, and wasm in a browser.

use std::io::Cursor;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use image::{DynamicImage, GrayImage, ImageFormat};
use lungglass::classifier::Classifier;
use lungglass::decode::{Image, Limits};
use lungglass::error::Result;
use lungglass::opacity::Opacity;
use lungglass::preprocess::{InputSettings, Scaled};
use lungglass::reading::{Reading, Verdict};
use lungglass::slice::{Picture, Pixels, Slice};
use lungglass::window::Window;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tiff::encoder::{TiffEncoder, colortype::Gray8};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::{wasm_bindgen_test as test, wasm_bindgen_test_configure};

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// Holds `property` against so many random values, the same on every run and runtime.
fn hold<S: Strategy>(cases: u32, strategy: S, property: impl Fn(S::Value) -> std::result::Result<(), TestCaseError>) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(config, random).run(&strategy, property).unwrap_or_else(|failure| panic!("{failure}"));
}

/// Width, height and the levels of a picture that has black and white in it.
fn pictures() -> impl Strategy<Value = Picture> {
    (1..70usize, 1..70usize)
        .prop_flat_map(|(width, height)| (Just(width), Just(height), vec(any::<u8>(), width * height)))
        .prop_map(|(width, height, mut gray)| {
            let last = gray.len() - 1;
            (gray[0], gray[last]) = (0, 255);
            Picture { width, height, gray, colours: None }
        })
}

fn turned<T: Copy>(values: &[T], width: usize) -> Vec<T> {
    values.chunks_exact(width).flat_map(|row| row.iter().rev().copied()).collect()
}

fn open(bytes: Vec<u8>) -> Result<Slice> {
    Image::open(bytes, Limits::default())?.slice(0)
}

fn encoded(picture: &Picture, format: ImageFormat) -> Vec<u8> {
    let gray = GrayImage::from_raw(picture.width as u32, picture.height as u32, picture.gray.clone()).unwrap();
    // The encoder of WebP takes no gray.
    let image = match format {
        ImageFormat::WebP => DynamicImage::from(gray).to_rgb8().into(),
        _ => DynamicImage::from(gray),
    };
    let mut bytes = Cursor::new(Vec::new());
    match format {
        ImageFormat::Tiff => {
            let mut writer = TiffEncoder::new(&mut bytes).unwrap();
            writer.write_image::<Gray8>(image.width(), image.height(), &picture.gray).unwrap();
        }
        format => image.write_to(&mut bytes, format).unwrap(),
    }
    bytes.into_inner()
}

fn levels(slice: Slice) -> Vec<u8> {
    match slice.pixels {
        Pixels::Gray(levels) => levels,
        _ => panic!("these are levels"),
    }
}

fn units(slice: Slice) -> Vec<f32> {
    match slice.pixels {
        Pixels::Hu(values) => values,
        _ => panic!("these are Hounsfield units"),
    }
}

#[test]
fn what_is_turned_over_stays_so_from_the_file_to_the_input() {
    hold(60, (pictures(), 32..80usize), |(picture, size)| {
        let other = Picture { gray: turned(&picture.gray, picture.width), ..picture.clone() };
        let read = |picture: &Picture| open(encoded(picture, ImageFormat::Png)).map(levels);
        let (straight, mirrored) = (read(&picture)?, read(&other)?);
        prop_assert_eq!(turned(&straight, picture.width), mirrored);
        let settings = InputSettings { height: size, width: size, ..InputSettings::default() };
        let (straight, mirrored) = (Scaled::new(&picture, None, &settings), Scaled::new(&other, None, &settings));
        for (a, b) in turned(&straight.gray, size).iter().zip(&mirrored.gray) {
            prop_assert!((a - b).abs() < 0.01, "{} against {}", a, b);
        }
        Ok(())
    });
}

#[test]
fn every_encoding_without_loss_gives_the_same_slice() {
    hold(60, pictures(), |picture| {
        for format in [ImageFormat::Png, ImageFormat::Tiff, ImageFormat::Bmp, ImageFormat::WebP] {
            prop_assert_eq!(&open(encoded(&picture, format)).map(levels)?, &picture.gray, "{:?}", format);
        }
        // Levels of eight bits in DICOM are a picture too.
        let stored: Vec<u16> = picture.gray.iter().map(|&level| level.into()).collect();
        for syntax in Syntax::ALL {
            let file = Dicom { bits: 8, signed: false, scale: None, ..Dicom::new(syntax, picture.width, &stored) };
            prop_assert_eq!(&open(file.bytes()).map(levels)?, &picture.gray, "{:?}", syntax);
        }
        Ok(())
    });
    hold(60, (1..40usize, 1..40usize, vec(any::<u16>(), 40 * 40)), |(width, height, stored)| {
        let stored = &stored[..width * height];
        let expected: Vec<f32> = stored.iter().map(|&value| f32::from(value as i16) * 2.0 - 1024.0).collect();
        for syntax in Syntax::ALL {
            let file = Dicom { scale: Some(("2", "-1024")), ..Dicom::new(syntax, width, stored) };
            prop_assert_eq!(&open(file.bytes()).map(units)?, &expected, "{:?}", syntax);
        }
        Ok(())
    });
}

/// Bytes that fill up values and files, and values that fill up pictures.
#[test]
fn padding_changes_nothing() {
    hold(60, (vec(any::<u16>(), 12), 0..64usize, vec(-32_768i32..=-1025, 12)), |(stored, more, padding)| {
        let file = Dicom::new(Syntax::Explicit, 4, &stored).bytes();
        let slice = open(file.clone()).map(units)?;
        // (FFFC,FFFC) Data Set Trailing Padding, and what is behind the end of a file.
        let trailing = [&b"\xFC\xFF\xFC\xFFOB\0\0"[..], &(more as u32).to_le_bytes(), &vec![0; more]].concat();
        prop_assert_eq!(&open([&file[..], &trailing].concat()).map(units)?, &slice);
        prop_assert_eq!(&open([&file[..], &vec![0; more]].concat()).map(units)?, &slice);
        let spaced = Dicom { scale: Some(("1   ", "  0 ")), ..Dicom::new(Syntax::Explicit, 4, &stored) };
        prop_assert_eq!(&open(spaced.bytes()).map(units)?, &slice);
        let png = encoded(&Picture { width: 2, height: 1, gray: vec![3, 4], colours: None }, ImageFormat::Png);
        prop_assert_eq!(open([&png[..], &vec![0; more]].concat()).map(levels)?, [3, 4]);
        // Below air there is only what scanners put around their circle, down to -32,768: it is seen as air is.
        let picture = |values: &[i32]| {
            let stored: Vec<u16> = values.iter().map(|&value| value as u16).collect();
            let slice = open(Dicom::new(Syntax::Explicit, 4, &stored).bytes());
            slice.map(|slice| slice.into_picture(Some(Window { center: -600.0, width: 1500.0 })).unwrap().gray)
        };
        prop_assert_eq!(picture(&padding)?, picture(&[-1024; 12])?);
        Ok(())
    });
}

#[test]
fn a_window_is_monotone_over_all_numbers() {
    let any_number = || prop::num::f32::ANY.prop_filter("a number", |value| !value.is_nan());
    let window = (-1e6f32..1e6, 1f32..1e6).prop_map(|(center, width)| Window { center, width });
    hold(2000, (any_number(), any_number(), window), |(a, b, window)| {
        let (low, high) = if a < b { (a, b) } else { (b, a) };
        prop_assert!(window.level(low) <= window.level(high));
        prop_assert_eq!((window.level(f32::NEG_INFINITY), window.level(f32::INFINITY)), (0, 255));
        prop_assert_eq!(window.level(f32::NAN), 0);
        Ok(())
    });
}

#[test]
fn the_network_gives_finite_numbers_or_an_error() {
    let classifier = Classifier::built_in("test", || 0.0).unwrap();
    let size = classifier.model.input.width;
    let run = |input: &[f32]| match classifier.graph.run(input) {
        Ok(outputs) => assert!(outputs.are_finite()),
        Err(error) => assert_eq!(error.code(), "argument", "{error}"),
    };
    let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e38, -1e38, 1e-40, -1e-45, 0.0, 1e3, -1e3, 1e6];
    for value in odd {
        run(&vec![value; size * size]);
    }
    for value in [f32::NAN, f32::INFINITY] {
        // One pixel in the middle, where no clamp and no mask may lose it.
        let mut input = vec![0.0; size * size];
        input[size * size / 2 + size / 2] = value;
        run(&input);
    }
    assert_eq!(classifier.graph.run(&vec![f32::NAN; size * size]).unwrap_err().code(), "argument");
    let rounds = if cfg!(target_arch = "wasm32") { 3 } else { 10 };
    hold(rounds, vec((0..odd.len(), 0..size * size), 1..200), |changes| {
        let mut input = vec![0.1; size * size];
        changes.into_iter().for_each(|(odd_one, at)| input[at] = odd[odd_one]);
        run(&input);
        Ok(())
    });
}

#[test]
fn a_score_is_finite_or_the_slice_is_refused() {
    let classifier = Classifier::built_in("test", || 0.0).unwrap();
    let read = |bytes: Vec<u8>| match Image::open(bytes, Limits::default()) {
        Ok(image) => classifier.read(&image, 0, "slice"),
        Err(error) => Reading::unreadable("slice", None, &error, &classifier.model, "test"),
    };
    let sound = |reading: &Reading| {
        let finite = |value: Option<f32>| value.is_none_or(f32::is_finite);
        assert!(finite(reading.score) && finite(reading.logit), "{reading:?}");
        let shares =
            reading.opacity.map(|Opacity { share, ground_glass, consolidation }| [share, ground_glass, consolidation]);
        assert!(shares.is_none_or(|shares| shares.iter().all(|share| (0.0..=1.0).contains(share))), "{reading:?}");
        assert_eq!(shares.is_some(), reading.score.is_some());
        assert!(reading.map.as_ref().is_none_or(|map| map.values.iter().all(|value| value.is_finite())));
        match reading.verdict {
            Verdict::Refused => assert!(reading.score.is_none() && reading.refusal.is_some()),
            Verdict::Error => assert!(reading.score.is_none() && reading.error.is_some()),
            _ => assert!(reading.score.is_some()),
        }
    };
    let side = 64;
    // Of one level, there is nothing to see.
    for level in [0u8, 1, 127, 128, 254, 255] {
        let picture = Picture { width: side, height: side, gray: vec![level; side * side], colours: None };
        let reading = read(encoded(&picture, ImageFormat::Png));
        sound(&reading);
        assert_eq!(reading.verdict, Verdict::Refused, "a picture of level {level}");
    }
    let extremes: Vec<u16> = (0..side * side).map(|at| [0, 0x7FFF, 0x8000, 0xFFFF, 0x1234][at * 7 / 3 % 5]).collect();
    for slope in ["1", "0", "-1", "1e-45", "1e-30", "1e30", "1e33", "3e38", "1e39", "-1e400", "NaN", "inf", "", "x"] {
        for intercept in ["0", "-1024", "1e38", "-1e38", "1e-45", "NaN", "-inf"] {
            for stored in [&extremes, &vec![0x8000; side * side]] {
                let file = Dicom { scale: Some((slope, intercept)), ..Dicom::new(Syntax::Explicit, side, stored) };
                let reading = read(file.bytes());
                sound(&reading);
                let parsed = [slope, intercept].map(|text| text.parse::<f32>().ok());
                let fits = parsed.into_iter().all(|value| value.is_some_and(f32::is_finite)) || slope.is_empty();
                assert!(fits || reading.verdict == Verdict::Error, "{slope} and {intercept}: {:?}", reading.verdict);
                if let Ok(slice) = open(file.bytes()) {
                    assert!(units(slice).iter().all(|value| value.is_finite()), "{slope} and {intercept}");
                }
            }
        }
    }
    let rounds = if cfg!(target_arch = "wasm32") { 3 } else { 20 };
    let scale = (any::<f32>(), any::<f32>())
        .prop_map(|(slope, intercept)| [slope, intercept].map(|value| format!("{value:e}")));
    hold(rounds, (scale, vec(any::<u16>(), 50 * 50)), |([slope, intercept], stored)| {
        let file = Dicom { scale: Some((&slope, &intercept)), ..Dicom::new(Syntax::Explicit, 50, &stored) };
        sound(&read(file.bytes()));
        Ok(())
    });
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Syntax {
    Implicit,
    Explicit,
    BigEndian,
    Deflated,
}

impl Syntax {
    const ALL: [Syntax; 4] = [Syntax::Implicit, Syntax::Explicit, Syntax::BigEndian, Syntax::Deflated];

    fn uid(self) -> &'static str {
        match self {
            Syntax::Implicit => "1.2.840.10008.1.2",
            Syntax::Explicit => "1.2.840.10008.1.2.1",
            Syntax::BigEndian => "1.2.840.10008.1.2.2",
            Syntax::Deflated => "1.2.840.10008.1.2.1.99",
        }
    }
}

/// A CT slice of one frame.
struct Dicom<'a> {
    syntax: Syntax,
    width: usize,
    bits: u16,
    signed: bool,
    /// Slope and intercept.
    scale: Option<(&'a str, &'a str)>,
    stored: &'a [u16],
}

impl<'a> Dicom<'a> {
    fn new(syntax: Syntax, width: usize, stored: &'a [u16]) -> Dicom<'a> {
        Dicom { syntax, width, bits: 16, signed: true, scale: Some(("1", "0")), stored }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut file = vec![0; 128];
        file.extend(b"DICM");
        put(&mut file, Syntax::Explicit, [0x0002, 0x0010], b"UI", self.syntax.uid().as_bytes());
        let data_set = self.data_set();
        if self.syntax == Syntax::Deflated {
            let mut encoder = DeflateEncoder::new(file, Compression::fast());
            std::io::Write::write_all(&mut encoder, &data_set).unwrap();
            return encoder.finish().unwrap();
        }
        [file, data_set].concat()
    }

    fn data_set(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut add = |tag, vr: &[u8; 2], value: &[u8]| put(&mut bytes, self.syntax, tag, vr, value);
        add([0x0008, 0x0060], b"CS", b"CT");
        let height = self.stored.len() / self.width;
        for (number, value) in [
            (0x0002, 1),
            (0x0010, height as u16),
            (0x0011, self.width as u16),
            (0x0100, 16),
            (0x0101, self.bits),
            (0x0102, self.bits - 1),
            (0x0103, self.signed.into()),
        ] {
            add([0x0028, number], b"US", &self.short(value));
        }
        if let Some((slope, intercept)) = self.scale {
            add([0x0028, 0x1052], b"DS", intercept.as_bytes());
            add([0x0028, 0x1053], b"DS", slope.as_bytes());
        }
        let values: Vec<u8> = self.stored.iter().flat_map(|&value| self.short(value)).collect();
        add([0x7FE0, 0x0010], b"OW", &values);
        bytes
    }

    fn short(&self, value: u16) -> [u8; 2] {
        if self.syntax == Syntax::BigEndian { value.to_be_bytes() } else { value.to_le_bytes() }
    }
}

fn put(bytes: &mut Vec<u8>, syntax: Syntax, tag: [u16; 2], vr: &[u8; 2], value: &[u8]) {
    let big = syntax == Syntax::BigEndian;
    let short = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let length = value.len().next_multiple_of(2);
    let long = if big { (length as u32).to_be_bytes() } else { (length as u32).to_le_bytes() };
    tag.iter().for_each(|&half| bytes.extend(short(half)));
    match (syntax, vr) {
        (Syntax::Implicit, _) => bytes.extend(long),
        (_, b"OW") => {
            bytes.extend(b"OW\0\0");
            bytes.extend(long);
        }
        _ => {
            bytes.extend(vr);
            bytes.extend(short(length as u16));
        }
    }
    bytes.extend(value);
    // Text is filled up with a space.
    bytes.resize(bytes.len().next_multiple_of(2), b' ');
}
