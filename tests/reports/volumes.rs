//! Volumes of research, each made here in every way in which its format can hold it: whatever the axes, the order of the bytes and the kind of
//! the values, the slices are those that nibabel reads, front up, patient's right at the left, the head first.

use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use lungglass::decode::{self, Image, Limits};
use lungglass::error::Error;
use lungglass::slice::{Pixels, Slice};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test;

/// Columns, rows and slices as they are shown.
const SIZE: [usize; 3] = [4, 3, 2];

/// The Hounsfield units of the voxel that is so far to the left, the back and the feet.
pub(super) fn unit(left: usize, back: usize, feet: usize) -> f64 {
    -1000.0 + (100 * feet + 10 * back + left) as f64 * 7.0
}

/// Directions of the three axes, as the letters that they run to.
pub(super) type Axes = &'static str;

/// Axis in the patient, and whether it runs to the left, the back or the feet, of a letter.
fn axis_of(letter: u8) -> (usize, bool) {
    match letter {
        b'L' => (0, true),
        b'R' => (0, false),
        b'P' => (1, true),
        b'A' => (1, false),
        b'F' => (2, true),
        _ => (2, false),
    }
}

/// The sides of the volume along its axes.
fn sides(axes: Axes) -> [usize; 3] {
    let mut letters = axes.bytes();
    [(); 3].map(|()| SIZE[axis_of(letters.next().unwrap()).0])
}

/// The values of the volume as they are stored.
pub(super) fn values(axes: Axes, value: fn(usize, usize, usize) -> f64) -> Vec<f64> {
    let [a, b, c] = sides(axes);
    let mut values = Vec::new();
    for k in 0..c {
        for j in 0..b {
            for i in 0..a {
                let mut place = [0; 3];
                for (letter, at) in axes.bytes().zip([i, j, k]) {
                    let (axis, forward) = axis_of(letter);
                    place[axis] = if forward { at } else { SIZE[axis] - 1 - at };
                }
                values.push(value(place[0], place[1], place[2]));
            }
        }
    }
    values
}

/// A step of one millimetre along each axis, towards the left, the back and the head.
fn steps(axes: Axes) -> [[f64; 3]; 3] {
    let mut letters = axes.bytes();
    [(); 3].map(|()| {
        let (axis, forward) = axis_of(letters.next().unwrap());
        let mut step = [0.0; 3];
        step[axis] = if forward == (axis < 2) { 1.0 } else { -1.0 };
        step
    })
}

/// Number and name of a NIfTI data type, and the bytes of a value.
type Kind = (i16, fn(f64, bool) -> Vec<u8>);

macro_rules! kind {
    ($code:expr, $type:ty) => {{
        let kind: Kind = ($code, |value, big_endian| {
            let value = value as $type;
            if big_endian { value.to_be_bytes().to_vec() } else { value.to_le_bytes().to_vec() }
        });
        kind
    }};
}

const INT16: Kind = kind!(4, i16);
const KINDS: [Kind; 5] = [INT16, kind!(8, i32), kind!(16, f32), kind!(64, f64), kind!(1024, i64)];

/// A NIfTI file.
struct Nifti {
    axes: Axes,
    second: bool,
    big_endian: bool,
    kind: Kind,
    /// Of sform and qform.
    codes: [i16; 2],
    slope: f64,
    intercept: f64,
    dimensions: Vec<i64>,
    mark: &'static [u8; 3],
    intent: i16,
    value: fn(usize, usize, usize) -> f64,
}

impl Default for Nifti {
    fn default() -> Nifti {
        Nifti {
            axes: "RAH",
            second: false,
            big_endian: false,
            kind: INT16,
            codes: [1, 0],
            slope: 1.0,
            intercept: 0.0,
            dimensions: Vec::new(),
            mark: b"n+1",
            intent: 0,
            value: unit,
        }
    }
}

impl Nifti {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0u8; if self.second { 544 } else { 352 }];
        let end = self.big_endian;
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        let number = |code, value: f64| {
            let (_, write): Kind = match code {
                2 => kind!(0, i16),
                4 => kind!(0, i32),
                5 => kind!(0, f32),
                8 => kind!(0, i64),
                _ => kind!(0, f64),
            };
            write(value, end)
        };
        // Places of the fields in the first and in the second version, and the kind of their numbers.
        let real = if self.second { 9 } else { 5 };
        let (size, code) = if self.second { (8, 4) } else { (2, 2) };
        let at = |first: usize, second: usize| if self.second { second } else { first };
        put(0, &number(4, if self.second { 540.0 } else { 348.0 }));
        let mark = at(344, 4);
        put(mark, self.mark);
        if self.second {
            put(4, &[b'n', self.mark[1], b'2']);
        }
        let mut dimensions = vec![3];
        dimensions.extend(sides(self.axes).map(|side| side as i64));
        if !self.dimensions.is_empty() {
            dimensions.clone_from(&self.dimensions);
        }
        let width = if self.second { 8 } else { 2 };
        for (index, side) in dimensions.iter().enumerate() {
            put(at(40, 16) + width * index, &number(size, *side as f64));
        }
        put(at(70, 12), &number(2, self.kind.0.into()));
        put(at(108, 168), &number(if self.second { 8 } else { 5 }, if self.second { 544.0 } else { 352.0 }));
        put(at(112, 176), &number(real, self.slope));
        put(at(116, 184), &number(real, self.intercept));
        put(at(68, 504), &number(code, self.intent.into()));
        put(at(254, 348), &number(code, self.codes[0].into()));
        put(at(252, 344), &number(code, self.codes[1].into()));
        let width = if self.second { 8 } else { 4 };
        // Towards the right, the front and the head.
        let steps = steps(self.axes).map(|[x, y, z]| [-x, -y, z]);
        if self.codes[0] > 0 {
            for (column, step) in steps.iter().enumerate() {
                for (row, part) in step.iter().enumerate() {
                    put(at(280, 400) + width * (4 * row + column), &number(real, *part));
                }
            }
        }
        if self.codes[1] > 0 {
            let (quaternion, sign) = quaternion(steps);
            for (index, part) in quaternion.iter().enumerate() {
                put(at(256, 352) + width * index, &number(real, *part));
            }
            for (index, part) in [sign, 1.0, 1.0, 1.0].iter().enumerate() {
                put(at(76, 104) + width * index, &number(real, *part));
            }
        }
        let stored = values(self.axes, self.value).into_iter();
        let scale = if self.slope == 0.0 || self.slope.is_nan() { (1.0, 0.0) } else { (self.slope, self.intercept) };
        bytes.extend(stored.flat_map(|value| (self.kind.1)((value - scale.1) / scale.0, end)));
        bytes
    }
}

/// The last three parts of the quaternion that turns the axes into `steps`, and the sign of the last axis.
fn quaternion(mut steps: [[f64; 3]; 3]) -> ([f64; 3], f64) {
    let [a, b, c] = steps;
    let cross = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
    let sign: f64 = cross.iter().zip(c).map(|(cross, c)| cross * c).sum();
    steps[2] = c.map(|part| part * sign);
    // Of the quaternions over this grid, the one that gives the turn.
    let parts = [-1.0, -0.5f64.sqrt(), -0.5, 0.0, 0.5, 0.5f64.sqrt(), 1.0];
    for b in parts {
        for c in parts {
            for d in parts {
                let a2: f64 = 1.0 - b * b - c * c - d * d;
                if a2 < -1e-9 {
                    continue;
                }
                let a = a2.max(0.0).sqrt();
                let turn = [
                    [a * a + b * b - c * c - d * d, 2.0 * (b * c + a * d), 2.0 * (b * d - a * c)],
                    [2.0 * (b * c - a * d), a * a + c * c - b * b - d * d, 2.0 * (c * d + a * b)],
                    [2.0 * (b * d + a * c), 2.0 * (c * d - a * b), a * a + d * d - b * b - c * c],
                ];
                let far = turn.iter().flatten().zip(steps.iter().flatten()).any(|(a, b)| (a - b).abs() > 1e-6);
                if !far {
                    return ([b, c, d], sign);
                }
            }
        }
    }
    panic!("no quaternion gives {steps:?}")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn int16(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| (*value as i16).to_le_bytes()).collect()
}

fn slices(bytes: Vec<u8>) -> Result<Vec<Slice>, Error> {
    let image = Image::open(bytes, Limits::default())?;
    (0..image.frames()).map(|frame| image.slice(frame)).collect()
}

fn units(slice: &Slice) -> Vec<f64> {
    match &slice.pixels {
        Pixels::Hu(units) => units.iter().map(|value| f64::from(*value)).collect(),
        other => panic!("they are {other:?}"),
    }
}

/// These are the slices of the volume.
pub fn check_slices(name: &str, slices: &[Slice]) {
    let [columns, rows, frames] = SIZE;
    assert_eq!(slices.len(), frames, "{name}");
    for (feet, slice) in slices.iter().enumerate() {
        assert_eq!((slice.width, slice.height), (columns, rows), "{name}");
        let expected: Vec<f64> =
            (0..rows).flat_map(|back| (0..columns).map(move |left| unit(left, back, feet))).collect();
        assert_eq!(units(slice), expected, "{name}, slice {feet}");
    }
}

/// The volume is read as it is.
fn check(name: &str, bytes: Vec<u8>) {
    let slices = slices(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    check_slices(name, &slices);
    for slice in &slices {
        assert_eq!(slice.origin.orientation.as_deref(), Some("L\\P"), "{name}");
        assert!(slice.origin.notes.is_empty() && !slice.origin.oblique, "{name}");
    }
}

fn fault(name: &str, bytes: Vec<u8>, code: &str, words: &str) {
    let error = slices(bytes).err().unwrap_or_else(|| panic!("{name}: it is read"));
    assert_eq!(error.code(), code, "{name}: {error}");
    assert!(error.to_string().contains(words), "{name}: there is no \"{words}\" in \"{error}\"");
}

const ALL_AXES: [Axes; 12] = ["LPF", "LPH", "RAH", "RPF", "LAH", "PLH", "ARF", "LHP", "RFA", "HRA", "FPL", "AHL"];

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn a_nifti_file_is_read_whatever_its_axes() {
    for axes in ALL_AXES {
        for second in [false, true] {
            for big_endian in [false, true] {
                for codes in [[1, 0], [0, 1], [2, 1]] {
                    let file = Nifti { axes, second, big_endian, codes, ..Nifti::default() };
                    check(&format!("{axes}, version 2: {second}, big endian: {big_endian}, {codes:?}"), file.bytes());
                }
            }
        }
    }
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn a_nifti_file_is_read_whatever_its_values_are_stored_as() {
    for kind in KINDS {
        for big_endian in [false, true] {
            let name = format!("type {}, big endian: {big_endian}", kind.0);
            check(&name, Nifti { kind, big_endian, ..Nifti::default() }.bytes());
            // No slope is none.
            check(&name, Nifti { kind, big_endian, slope: 0.0, intercept: 5.0, ..Nifti::default() }.bytes());
            check(&name, Nifti { kind, big_endian, slope: f64::NAN, ..Nifti::default() }.bytes());
        }
    }
    for kind in [kind!(2, u8), kind!(512, u16), kind!(768, u32), kind!(1280, u64), kind!(256, i8), INT16] {
        check("scaled", Nifti { kind, slope: 7.0, intercept: -1000.0, ..Nifti::default() }.bytes());
    }
}

/// The bytes with others from `at` on.
fn put(mut bytes: Vec<u8>, at: usize, value: &[u8]) -> Vec<u8> {
    bytes[at..at + value.len()].copy_from_slice(value);
    bytes
}

fn reals<const N: usize>(values: [f32; N]) -> Vec<u8> {
    values.into_iter().flat_map(f32::to_le_bytes).collect()
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn a_quaternion_turns_voxels_and_gives_them_no_other_sides() {
    const SIDES: usize = 80;
    const QUATERNION: usize = 256;
    let by_quaternion = |axes| Nifti { axes, codes: [0, 1], ..Nifti::default() }.bytes();
    for axes in ALL_AXES {
        // nibabel and nifti_io take the sides of a voxel without a sign.
        for sides in [[-1.0, 1.0, 1.0], [1.0, -1.0, 1.0], [1.0, 1.0, -1.0], [-1.0, -1.0, -1.0]] {
            check(axes, put(by_quaternion(axes), SIDES, &reals(sides)));
        }
    }
    // Half a turn about an axis has a quaternion whose last three parts have the length 1.
    let longer = slices(put(by_quaternion("LPH"), QUATERNION, &reals([0.0, 0.0, 1.5]))).unwrap();
    check_slices("longer than 1", &longer);
    assert_eq!(longer[0].origin.spacing, Some([1.0, 1.0]));
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn a_matrix_that_makes_no_sense_leaves_the_quaternion() {
    const MATRIX: usize = 280;
    for axes in ALL_AXES {
        let both = Nifti { axes, codes: [1, 1], ..Nifti::default() }.bytes();
        check(axes, both.clone());
        for broken in [[0.0; 12], [f32::NAN; 12], [1.0; 12]] {
            let found = slices(put(both.clone(), MATRIX, &reals(broken))).unwrap();
            check_slices(axes, &found);
            assert_eq!(found[0].origin.orientation.as_deref(), Some("L\\P"));
            let said = "its matrix (sform) makes no sense, and how it lies was read from its quaternion (qform)";
            assert_eq!(found[0].origin.notes, [said]);
            let alone = Nifti { axes, codes: [1, 0], ..Nifti::default() }.bytes();
            let unknown = slices(put(alone, MATRIX, &reals(broken))).unwrap();
            assert_eq!(unknown[0].origin.orientation, None);
        }
    }
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn metres_and_micrometres_are_millimetres_where_they_make_sense() {
    let found = |second: bool, unit: u8, side: f64| {
        let mut file = Nifti { second, axes: "LPH", ..Nifti::default() }.bytes();
        file[if second { 500 } else { 123 }] = unit;
        for (row, sign) in [-side, -side, side].into_iter().enumerate() {
            if second {
                file = put(file, 400 + 40 * row, &sign.to_le_bytes());
            } else {
                file = put(file, 280 + 20 * row, &(sign as f32).to_le_bytes());
            }
        }
        let slices = slices(file).unwrap();
        check_slices("units", &slices);
        slices[0].origin.spacing.unwrap().map(|side| (side * 1e6).round() / 1e6)
    };
    for second in [false, true] {
        for (unit, side, expected) in [
            (2, 0.75, 0.75),
            (0, 0.75, 0.75),
            (1, 0.000_75, 0.75),
            // With the unit of time.
            (8 | 1, 0.000_75, 0.75),
            (3, 750.0, 0.75),
            // No scanner has these: the unit is not that of the numbers.
            (1, 0.75, 0.75),
            (3, 0.75, 0.75),
        ] {
            assert_eq!(found(second, unit, side), [expected; 2], "{unit}, {side}");
        }
    }
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn values_begin_where_the_length_of_the_file_says_if_the_header_does_not() {
    for second in [false, true] {
        let whole = Nifti { second, ..Nifti::default() }.bytes();
        let end = if second { 544 } else { 352 };
        let offset = |file: Vec<u8>, value: i16| {
            if second {
                put(file, 168, &i64::from(value).to_le_bytes())
            } else {
                put(file, 108, &reals([value.into()]))
            }
        };
        for value in [0, 348, -1, 16] {
            check("with room for the mark of an extension", offset(whole.clone(), value));
            check("the same, with more behind", [offset(whole.clone(), value), vec![7; 9]].concat());
            let close = [&offset(whole.clone(), value)[..end - 4], &whole[end..]].concat();
            check("without", close);
        }
    }
    check("no number", put(Nifti::default().bytes(), 108, &reals([f32::NAN])));
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn what_has_no_orientation_is_shown_as_it_is_stored() {
    let found = slices(Nifti { codes: [0, 0], ..Nifti::default() }.bytes()).unwrap();
    assert_eq!(found.len(), 2);
    let stored = values("RAH", unit);
    assert_eq!(found.iter().flat_map(units).collect::<Vec<_>>(), stored);
    assert_eq!(found[0].origin.orientation, None);
    assert!(
        found[0].origin.notes[0].contains("does not say how it lies in the patient"),
        "{:?}",
        found[0].origin.notes
    );
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn values_that_are_no_hounsfield_units_are_told() {
    let of = |kind, value| Nifti { kind, value, ..Nifti::default() }.bytes();
    let levels = |bytes| match &slices(bytes).unwrap()[1] {
        Slice { pixels: Pixels::Gray(levels), origin, .. } => (levels.clone(), origin.notes.join("; ")),
        _ => panic!("they are no gray levels"),
    };
    let (gray, note) = levels(of(kind!(2, u8), |left, back, feet| (100 * feet + 10 * back + left) as f64));
    assert_eq!(gray, (0..3).flat_map(|back| (0..4).map(move |left| 100 + 10 * back + left)).collect::<Vec<u8>>());
    assert!(note.contains("between 0 and 255"), "{note}");
    let (gray, note) = levels(of(kind!(16, f32), |left, back, feet| (100 * feet + 10 * back + left) as f64 / 200.0));
    assert_eq!(gray[..2], [128, 129]);
    assert!(note.contains("between 0 and 1,"), "{note}");
    for (name, bytes, code, words) in [
        ("labels", of(kind!(2, u8), |left, _, _| left as f64), "unsupported", "a NIfTI file of labels"),
        ("labels by name", Nifti { intent: 1002, ..Nifti::default() }.bytes(), "unsupported", "of labels"),
        (
            "without an intercept",
            of(INT16, |left, back, feet| 1024.0 + unit(left, back, feet)),
            "unsupported",
            "with values from 24 to 885",
        ),
        (
            "normalised",
            of(kind!(64, f64), |left, back, feet| unit(left, back, feet) / 500.0),
            "unsupported",
            "neither Hounsfield units nor gray levels",
        ),
        ("all alike", of(INT16, |_, _, _| -1000.0), "unreadable", "all its values are -1000"),
        ("no numbers", of(kind!(16, f32), |_, _, _| f64::NAN), "unreadable", "none of its values is a number"),
    ] {
        fault(name, bytes, code, words);
    }
    let hole = |left: usize, back: usize, feet: usize| if left == 0 { f64::NAN } else { unit(left, back, feet) };
    let found = slices(of(kind!(16, f32), hole)).unwrap();
    assert_eq!(units(&found[0])[..2], [-1024.0, unit(1, 0, 0)], "what is no number is air");
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn what_a_nifti_file_may_hold_and_is_not_read_is_named() {
    let kind = |code| Nifti { kind: (code, INT16.1), ..Nifti::default() }.bytes();
    let sized = |dimensions: &[i64]| Nifti { dimensions: dimensions.to_vec(), ..Nifti::default() }.bytes();
    for (name, bytes, code, words) in [
        ("colours", kind(128), "unsupported", "of colours"),
        ("colours with alpha", kind(2304), "unsupported", "of colours"),
        ("complex", kind(32), "unsupported", "of complex numbers"),
        ("bits", kind(1), "unsupported", "of single bits"),
        ("128 bits", kind(1536), "unsupported", "128 bits"),
        ("no type", kind(77), "unreadable", "its data type is 77"),
        ("a series in time", sized(&[4, 4, 3, 1, 2]), "unsupported", "of 2 volumes"),
        ("vectors", sized(&[5, 4, 3, 2, 1, 3]), "unsupported", "of 3 volumes"),
        ("nothing", sized(&[3, 4, 0, 2]), "unreadable", "4 x 0 x 2 voxels"),
        ("less than nothing", sized(&[3, 4, -3, 2]), "unreadable", "voxels"),
        ("no dimensions", sized(&[0, 4, 3, 2]), "unreadable", "it has 0 dimensions"),
        ("more slices", sized(&[3, 4, 3, 200]), "unreadable", "48 of 4800 bytes"),
        ("too wide", sized(&[3, 20_000, 3, 2]), "too_large", "side"),
        ("too many", sized(&[3, 4, 3, 20_000]), "too_large", "frames"),
        ("a pair", Nifti { mark: b"ni1", ..Nifti::default() }.bytes(), "unsupported", "in another file"),
    ] {
        fault(name, bytes, code, words);
    }
    check("one more axis of one", sized(&[4, 4, 3, 2, 1]));
    check("packed by gzip", gzip(&Nifti::default().bytes()));
    let packed = gzip(&Nifti::default().bytes());
    fault("packed and cut", packed[..packed.len() - 4].to_vec(), "unreadable", "gzip");
    let mut cut = Nifti::default().bytes();
    cut.truncate(346);
    assert_eq!(slices(cut).unwrap_err().code(), "not_an_image");
}

/// Files of ../volumes.
const FILES: [(&str, &[u8]); 4] = [
    ("NIfTI", include_bytes!("../volumes/nifti-1-lps.nii.gz")),
    ("NIfTI", include_bytes!("../volumes/nifti-2-big-endian-sar.nii")),
    ("MetaImage", include_bytes!("../volumes/metaimage-zlib-rai.mha")),
    ("NRRD", include_bytes!("../volumes/nrrd-gzip-asl.nrrd")),
];

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn every_format_gives_the_slices_that_nibabel_reads() {
    let expected: Vec<f64> = include_bytes!("../volumes/expected.i16")
        .as_chunks()
        .0
        .iter()
        .map(|value| f64::from(i16::from_le_bytes(*value)))
        .collect();
    for (format, file) in FILES {
        let image = Image::open(file.to_vec(), Limits::default()).unwrap();
        assert_eq!(image.frames(), 4, "{format}");
        for frame in 0..4 {
            let slice = image.slice(frame).unwrap();
            assert_eq!((slice.width, slice.height, slice.origin.format), (10, 9, format));
            assert_eq!(units(&slice), expected[90 * frame..][..90], "{format}, slice {frame}");
            assert_eq!((slice.origin.orientation.as_deref(), slice.origin.notes.len()), (Some("L\\P"), 0));
            // Slices of 5 mm, the lowest of them at 100 mm.
            assert_eq!(image.place(frame).height, Some(115.0 - 5.0 * frame as f64), "{format}");
        }
    }
}

const MHA: &str = "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n";

/// A MetaImage header alone, and the values that belong to it.
pub fn detached(data_file: &str) -> [Vec<u8>; 2] {
    let header = String::from_utf8(mha("LPH", "", &[])).unwrap();
    [header.replace("LOCAL", data_file).into_bytes(), int16(&values("LPH", unit))]
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn a_header_and_the_file_of_its_values_are_one_volume() {
    let [header, stored] = detached("scan.raw");
    assert_eq!(decode::data_file(&header).as_deref(), Some("scan.raw"));
    check("MetaImage", decode::joined(&header, stored.clone()));
    let short = slices(decode::joined(&header, stored[1..].to_vec())).unwrap_err();
    assert!(short.to_string().contains("it holds 47 of 48 bytes of values"), "{short}");
    let packed = String::from_utf8(header).unwrap().replace("NDims", "CompressedData = True\nNDims");
    check("compressed", decode::joined(packed.as_bytes(), zlib(&stored)));
    let nrrd = |fields: &str| nrrd("LPH", "RAS", &format!("{fields}data file: scan.raw.gz\n"), &[]);
    check("NRRD", decode::joined(&nrrd("encoding: raw\n"), stored.clone()));
    check("packed NRRD", decode::joined(&nrrd("encoding: gzip\n"), gzip(&stored)));
}

pub(super) fn mha(axes: Axes, fields: &str, data: &[u8]) -> Vec<u8> {
    let [a, b, c] = sides(axes);
    let matrix: Vec<String> = steps(axes).concat().iter().map(f64::to_string).collect();
    let matrix = matrix.join(" ");
    let spacing: Vec<&str> = axes.bytes().map(|letter| if axis_of(letter).0 == 2 { "2" } else { "0.5" }).collect();
    let spacing = spacing.join(" ");
    let header = format!(
        "{MHA}{fields}TransformMatrix = {matrix}\nOffset = 1 2 3\nElementSpacing = {spacing}\nDimSize = {a} {b} {c}\nElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    );
    [header.as_bytes(), data].concat()
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn a_metaimage_is_read_whatever_its_axes() {
    for axes in ALL_AXES {
        let stored = int16(&values(axes, unit));
        check(axes, mha(axes, "CompressedData = False\n", &stored));
        check(axes, mha(axes, "CompressedData = True\n", &zlib(&stored)));
    }
    let stored = int16(&values("LPH", unit));
    let swapped: Vec<u8> = stored.chunks_exact(2).flat_map(|value| [value[1], value[0]]).collect();
    for yes in ["True", "true", "T", "t", "1"] {
        check("big endian", mha("LPH", &format!("ElementByteOrderMSB = {yes}\n"), &swapped));
        check("packed", mha("LPH", &format!("CompressedData = {yes}\n"), &zlib(&stored)));
    }
    let plain = String::from_utf8_lossy(&mha("LPH", "", &[])).into_owned();
    let changed = |from: &str, to: &str| [plain.replace(from, to).as_bytes(), &stored].concat();
    check("line ends of Windows", changed("\n", "\r\n"));
    for (name, bytes, code, words) in [
        ("a header alone", changed("LOCAL", "volume.raw"), "unsupported", "\"volume.raw\", which is not beside it"),
        ("a header of another folder", changed("LOCAL", "../volume.raw"), "unsupported", "in another folder"),
        (
            "channels",
            changed("DimSize", "ElementNumberOfChannels = 3\nDimSize"),
            "unsupported",
            "several values a voxel",
        ),
        ("arrays", changed("MET_SHORT", "MET_SHORT_ARRAY"), "unsupported", "several values a voxel"),
        ("two dimensions", changed("NDims = 3", "NDims = 2"), "unsupported", "no volume of three dimensions"),
        ("text", changed("BinaryData = True", "BinaryData = False"), "unsupported", "of text"),
        ("no image", changed("= Image", "= Tube"), "unsupported", "that is no image"),
        ("no kind", changed("MET_SHORT", "MET_OTHER"), "unreadable", "ElementType"),
        ("no sides", changed("DimSize = 4 3 2", "DimSize = 4 3"), "unreadable", "DimSize"),
        ("no size", changed("DimSize", "Size"), "unreadable", "no field \"DimSize\""),
        (
            "a wrong matrix",
            changed("Offset = 1 2 3", "Offset = 1 2"),
            "unreadable",
            "\"Offset\" does not hold 3 numbers",
        ),
        ("too short", changed("DimSize = 4 3 2", "DimSize = 4 3 3"), "unreadable", "48 of 72 bytes"),
        ("no end", changed("ElementDataFile", "Element"), "unreadable", "its header has no end"),
        (
            "damaged",
            mha("LPH", "CompressedData = True\n", &zlib(&stored)[..20]),
            "unreadable",
            "compressed values are damaged",
        ),
        (
            "too long",
            mha("LPH", "CompressedData = True\n", &zlib(&[&stored[..], &[0; 2]].concat())),
            "unreadable",
            "more values than its size",
        ),
    ] {
        fault(name, bytes, code, words);
    }
    // Twice as high as wide: as many rows again.
    let high = slices(changed("= 0.5 0.5 2", "= 0.5 1 2")).unwrap();
    assert_eq!((high[0].width, high[0].height, high[0].origin.stored), (4, 6, Some([4, 3])));
    let far = slices(changed("= 0.5 0.5 2", "= 0.5 50 2")).unwrap();
    assert_eq!((far[0].height, far[0].origin.notes.len()), (3, 1));
    let unknown = slices(changed("TransformMatrix", "Other")).unwrap();
    assert!(unknown[0].origin.orientation.is_none() && unknown[0].origin.notes.len() == 1);
}

pub(super) fn nrrd(axes: Axes, space: &str, fields: &str, data: &[u8]) -> Vec<u8> {
    let [a, b, c] = sides(axes);
    let signs = match space {
        "left-posterior-superior" => [1.0, 1.0, 1.0],
        "LAS" => [1.0, -1.0, 1.0],
        _ => [-1.0, -1.0, 1.0],
    };
    let vector = |step: [f64; 3]| {
        let [x, y, z] = [step[0] * signs[0], step[1] * signs[1], step[2] * signs[2]];
        format!("({x},{y},{z})")
    };
    let directions = steps(axes).map(vector).join(" ");
    let header = format!(
        "NRRD0004\n# by a test\ntype: short\ndimension: 3\nspace: {space}\nsizes: {a} {b} {c}\nspace directions: {directions}\nkinds: domain domain domain\nendian: little\n{fields}space origin: (1,2,3)\nkey:=value\n\n"
    );
    [header.as_bytes(), data].concat()
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn a_nrrd_file_is_read_whatever_its_axes() {
    for axes in ALL_AXES {
        let stored = int16(&values(axes, unit));
        for space in ["left-posterior-superior", "right-anterior-superior", "LAS", "RAS"] {
            check(axes, nrrd(axes, space, "encoding: raw\n", &stored));
            check(axes, nrrd(axes, space, "encoding: gzip\n", &gzip(&stored)));
        }
    }
    let stored = int16(&values("LPH", unit));
    let plain = String::from_utf8_lossy(&nrrd("LPH", "LPS", "encoding: raw\n", &[])).into_owned();
    let changed = |from: &str, to: &str| [plain.replace(from, to).as_bytes(), &stored].concat();
    for (name, bytes, code, words) in [
        (
            "a header alone",
            changed("encoding: raw", "encoding: raw\ndata file: volume.raw"),
            "unsupported",
            "\"volume.raw\", which is not beside it",
        ),
        (
            "several files",
            changed("encoding: raw", "encoding: raw\ndata file: LIST"),
            "unsupported",
            "in several files (\"LIST\")",
        ),
        ("colours", changed("kinds: domain", "kinds: RGB-color"), "unsupported", "not those of space"),
        ("four dimensions", changed("dimension: 3", "dimension: 4"), "unsupported", "no volume of three dimensions"),
        ("text", changed("raw", "ascii"), "unsupported", "of text"),
        ("bzip2", changed("raw", "bzip2"), "unsupported", "bzip2"),
        ("a block", changed("short", "block"), "unreadable", "\"type\""),
        ("no encoding", changed("encoding", "coding"), "unreadable", "no field \"encoding\""),
        ("no sides", changed("sizes: 4 3 2", "sizes: 4 3"), "unreadable", "sizes"),
        ("no end", changed("\n\n", "\n"), "unreadable", "its header has no end"),
    ] {
        fault(name, bytes, code, words);
    }
    let unknown = slices(changed("space: LPS", "space: scanner-xyz")).unwrap();
    assert!(unknown[0].origin.orientation.is_none() && unknown[0].origin.notes.len() == 1);
}
