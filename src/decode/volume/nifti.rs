//! NIfTI-1 and NIfTI-2 headers (nifti.nimh.nih.gov), in one file with their values.

use super::samples::{Kind, Samples};
use super::view::{Affine, Vector};
use super::{Format, Header, Packing};
use crate::error::Result;

/// Which header, and in which byte order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Version {
    is_second: bool,
    big_endian: bool,
}

/// What its first number says: its size in bytes.
const FIRST: u32 = 348;
const SECOND: u32 = 540;
/// Bytes behind a header that say whether an extension follows.
const EXTENSION: usize = 4;
/// Where the first version has its mark.
const MARK: usize = 344;
/// The file is one with its values; "ni1" and "ni2" have them in another.
const SINGLE: [&[u8]; 2] = [b"n+1\0", b"n+2\0"];
const PAIR: [&[u8]; 2] = [b"ni1\0", b"ni2\0"];
/// Their meaning, `intent_code`, says that the values are labels.
const LABELS: i64 = 1002;

/// Recognises the first number and the mark.
pub fn sniff(bytes: &[u8]) -> Option<Version> {
    let size: [u8; 4] = *bytes.first_chunk()?;
    [false, true].into_iter().find_map(|big_endian| {
        let size = if big_endian { u32::from_be_bytes(size) } else { u32::from_le_bytes(size) };
        let is_second = size == SECOND;
        let mark = bytes.get(if is_second { 4 } else { MARK }..)?.get(..4)?;
        let is_marked = [SINGLE, PAIR].iter().any(|marks| marks[usize::from(is_second)] == mark);
        (is_marked && (size == FIRST || is_second)).then_some(Version { is_second, big_endian })
    })
}

/// The numbers of a header.
struct Fields<'a> {
    bytes: &'a [u8],
    version: Version,
}

impl Fields<'_> {
    /// The bytes at `at`, the least significant first; zeros where there are none.
    fn raw<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut bytes = self.bytes.get(at..).and_then(|bytes| bytes.first_chunk()).copied().unwrap_or([0; N]);
        if self.version.big_endian {
            bytes.reverse();
        }
        bytes
    }

    fn short(&self, at: usize) -> i64 {
        i16::from_le_bytes(self.raw(at)).into()
    }

    fn int(&self, at: usize) -> i64 {
        i32::from_le_bytes(self.raw(at)).into()
    }

    /// A number that the versions have at different places: 16 and 64 bits, or 32 bits in both.
    fn size(&self, first: usize, second: usize) -> i64 {
        if self.version.is_second { i64::from_le_bytes(self.raw(second)) } else { self.short(first) }
    }

    fn code(&self, first: usize, second: usize) -> i64 {
        if self.version.is_second { self.int(second) } else { self.short(first) }
    }

    /// A number of 32 bits in the first, of 64 in the second version.
    fn real(&self, first: usize, second: usize) -> f64 {
        if self.version.is_second {
            f64::from_le_bytes(self.raw(second))
        } else {
            f32::from_le_bytes(self.raw(first)).into()
        }
    }

    fn reals<const N: usize>(&self, first: usize, second: usize) -> [f64; N] {
        std::array::from_fn(|at| self.real(first + 4 * at, second + 8 * at))
    }
}

pub fn read(bytes: &[u8], version: Version) -> Result<Header> {
    let format = Format::Nifti(version);
    let length = if version.is_second { SECOND } else { FIRST } as usize;
    if bytes.len() < length {
        return Err(format.unreadable("it ends inside its header"));
    }
    let fields = Fields { bytes, version };
    let mark = &bytes[if version.is_second { 4 } else { MARK }..][..4];
    if PAIR.contains(&mark) {
        return Err(format.unsupported("whose values are in another file (.hdr and .img)", "save it as one .nii file"));
    }
    if fields.code(68, 504) == LABELS {
        return Err(format.unsupported("of labels", "give it the CT volume that the labels belong to"));
    }
    let dimensions = fields.size(40, 16);
    let side = |at: usize| fields.size(40 + 2 * at, 16 + 8 * at);
    if !(1..=7).contains(&dimensions) {
        return Err(format.unreadable(format!("it has {dimensions} dimensions")));
    }
    if (4..=dimensions as usize).any(|at| side(at) > 1) {
        let times = (4..=dimensions as usize).fold(1i64, |product, at| product.saturating_mul(side(at).max(1)));
        return Err(format.unsupported(&format!("of {times} volumes"), "save each volume as a file of its own"));
    }
    let size =
        [1, 2, 3].map(|at| if at <= dimensions as usize { usize::try_from(side(at)).unwrap_or_default() } else { 1 });
    let slope = fields.real(112, 176);
    let samples = Samples::new(
        kind(format, fields.short(if version.is_second { 12 } else { 70 }))?,
        version.big_endian,
        slope,
        fields.real(116, 184),
    );
    let offset = if version.is_second { fields.size(0, 168) } else { fields.real(108, 0) as i64 };
    let at = usize::try_from(offset).unwrap_or(0);
    let (affine, note) = affine(&fields);
    let notes = note.into_iter().map(str::to_string).collect();
    let mut header = Header { format, size, samples, at, packing: Packing::Plain, affine, notes };
    let behind_extension = length + EXTENSION;
    if at < behind_extension {
        // Older writers leave 0, and some no room for the mark of an extension: how long the file is tells.
        let needed = (behind_extension as u64).saturating_add(header.length()?);
        header.at = if bytes.len() as u64 >= needed { behind_extension } else { length };
    }
    Ok(header)
}

fn kind(format: Format, code: i64) -> Result<Kind> {
    let what = match code {
        2 => return Ok(Kind::U8),
        4 => return Ok(Kind::I16),
        8 => return Ok(Kind::I32),
        16 => return Ok(Kind::F32),
        64 => return Ok(Kind::F64),
        256 => return Ok(Kind::I8),
        512 => return Ok(Kind::U16),
        768 => return Ok(Kind::U32),
        1024 => return Ok(Kind::I64),
        1280 => return Ok(Kind::U64),
        1 => "of single bits",
        32 | 1792 | 2048 => "of complex numbers",
        128 | 2304 => "of colours",
        1536 => "of floating-point numbers of 128 bits",
        _ => return Err(format.unreadable(format!("its data type is {code}"))),
    };
    Err(format.unsupported(what, "save it with values of 16 bits"))
}

/// What is said of a matrix that makes no sense beside a quaternion that does.
const NO_MATRIX: &str = "its matrix (sform) makes no sense, and how it lies was read from its quaternion (qform)";

/// What the header says of how the volume lies: by its matrix, else by its quaternion; `None` where it says neither.
fn affine(fields: &Fields) -> (Option<Affine>, Option<&'static str>) {
    let matrix = (fields.code(254, 348) > 0).then(|| by_matrix(fields));
    let quaternion = || (fields.code(252, 344) > 0).then(|| by_quaternion(fields)).filter(Affine::makes_sense);
    let (found, note) = match matrix {
        Some(matrix) if matrix.makes_sense() => (Some(matrix), None),
        Some(_) => quaternion().map_or((None, None), |quaternion| (Some(quaternion), Some(NO_MATRIX))),
        None => (quaternion(), None),
    };
    (found.map(|affine| in_millimetres(fields, affine)), note)
}

fn by_matrix(fields: &Fields) -> Affine {
    let rows: [[f64; 4]; 3] = std::array::from_fn(|row| fields.reals(280 + 16 * row, 400 + 32 * row));
    towards_left(|axis| rows.map(|row| row[axis]))
}

fn by_quaternion(fields: &Fields) -> Affine {
    let [b, c, d]: [f64; 3] = fields.reals(256, 352);
    let offset: Vector = fields.reals(268, 376);
    let [sign, x, y, z]: [f64; 4] = fields.reals(76, 104);
    // A turn has no length: what is longer than 1 is as long.
    let length = (b * b + c * c + d * d).sqrt().max(1.0);
    let [b, c, d] = [b, c, d].map(|part| part / length);
    let a = (1.0 - b * b - c * c - d * d).max(0.0).sqrt();
    let turn = [
        [a * a + b * b - c * c - d * d, 2.0 * (b * c - a * d), 2.0 * (b * d + a * c)],
        [2.0 * (b * c + a * d), a * a + c * c - b * b - d * d, 2.0 * (c * d - a * b)],
        [2.0 * (b * d - a * c), 2.0 * (c * d + a * b), a * a + d * d - b * b - c * c],
    ];
    // Voxels have no negative sides, as the libraries of the format have it: `sign` alone turns an axis over.
    let [x, y, z] = [x, y, z].map(f64::abs);
    let lengths = [x, y, if sign < 0.0 { -z } else { z }];
    towards_left(|axis| if axis == 3 { offset } else { turn.map(|row| row[axis] * lengths[axis]) })
}

/// Sides of a voxel in millimetres, of whatever unit the file says, that a scanner of the chest makes.
const SIDES: std::ops::RangeInclusive<f64> = 0.01..=100.0;

/// Metres and micrometres as millimetres, where those make sense: many files name a unit that is not theirs.
fn in_millimetres(fields: &Fields, affine: Affine) -> Affine {
    let unit = if fields.version.is_second { fields.int(500) as u8 } else { fields.raw::<1>(123)[0] };
    let scale = match unit & 7 {
        1 => 1000.0,
        3 => 0.001,
        _ => return affine,
    };
    let scaled = |vector: Vector| vector.map(|part| part * scale);
    let found = Affine { steps: affine.steps.map(scaled), origin: scaled(affine.origin) };
    let makes_sense =
        found.steps.iter().all(|step| SIDES.contains(&step.iter().map(|part| part * part).sum::<f64>().sqrt()));
    if makes_sense { found } else { affine }
}

/// NIfTI counts towards the right and the front.
fn towards_left(column: impl Fn(usize) -> Vector) -> Affine {
    let turned = |axis| {
        let [x, y, z] = column(axis);
        [-x, -y, z]
    };
    Affine { steps: [0, 1, 2].map(turned), origin: turned(3) }
}
