//! Volumes of research: NIfTI, MetaImage and NRRD files, each read as a series of axial slices, the one nearest the head first.
//!
//! None of these formats has a unit. What the values are is seen in them ([`meaning`]), and said in a note or an error.

mod detached;
mod meaning;
mod metaimage;
mod nifti;
mod nrrd;
mod samples;
mod text;
mod view;

pub use self::detached::{data_file, joined};
use self::meaning::Meaning;
use self::samples::{Range, Samples};
pub use self::text::MAX_HEADER;
use self::view::{Affine, View};
use super::square::{self, Square};
use super::{Limits, inflate};
use crate::error::{Error, Result};
use crate::slice::{Origin, Pixels, Slice};

/// What the first bytes of a volume say it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Format {
    Nifti(nifti::Version),
    MetaImage,
    Nrrd,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Format::Nifti(_) => "NIfTI",
            Format::MetaImage => "MetaImage",
            Format::Nrrd => "NRRD",
        }
    }

    fn unreadable(self, reason: impl Into<String>) -> Error {
        Error::Unreadable { format: self.name(), reason: reason.into() }
    }

    fn unsupported(self, what: &str, advice: &'static str) -> Error {
        Error::Unsupported { what: format!("a {} file {what}", self.name()), advice }
    }

    /// The error of a header alone, whose values lie in the file of this name.
    fn detached(self, name: &str) -> Error {
        let known: String = name.chars().take(100).collect();
        let (what, advice) = if detached::is_beside(name) {
            (format!("\"{known}\", which is not beside it,"), "give it both files, out of one folder")
        } else {
            (format!("another folder or in several files (\"{known}\")"), "save it as one file")
        };
        Error::Unsupported { what: format!("a {} header whose values lie in {what}", self.name()), advice }
    }
}

/// Recognises a volume.
pub fn sniff(bytes: &[u8]) -> Option<Format> {
    let nifti = nifti::sniff(bytes).map(Format::Nifti);
    nifti
        .or_else(|| metaimage::sniff(bytes).then_some(Format::MetaImage))
        .or_else(|| nrrd::sniff(bytes).then_some(Format::Nrrd))
}

/// What a header says of its volume, in whatever format.
#[derive(Debug)]
struct Header {
    format: Format,
    /// Voxels along each axis, those of the first one behind each other.
    size: [usize; 3],
    samples: Samples,
    /// Where the samples start.
    at: usize,
    packing: Packing,
    affine: Option<Affine>,
    notes: Vec<String>,
}

/// How the samples lie in the file.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Packing {
    Plain,
    Zlib,
    Gzip,
}

impl Header {
    fn read(bytes: &[u8], format: Format) -> Result<Header> {
        match format {
            Format::Nifti(version) => nifti::read(bytes, version),
            Format::MetaImage => metaimage::read(bytes),
            Format::Nrrd => nrrd::read(bytes),
        }
    }

    /// Bytes of all samples; fails for a volume that is empty or has more than can be counted.
    fn length(&self) -> Result<u64> {
        let voxels = self.size.iter().try_fold(1u64, |product, side| product.checked_mul(*side as u64));
        voxels
            .and_then(|voxels| voxels.checked_mul(self.samples.bytes() as u64))
            .filter(|length| *length > 0 && i64::try_from(*length).is_ok())
            .ok_or_else(|| {
                let [width, height, depth] = self.size;
                self.format.unreadable(format!("its size is {width} x {height} x {depth} voxels"))
            })
    }
}

/// A volume whose header was read.
#[derive(Debug)]
pub struct Volume {
    format: Format,
    samples: Samples,
    /// Where the samples start.
    at: usize,
    view: View,
    square: Option<Square>,
    meaning: Meaning,
    notes: Vec<String>,
}

impl Volume {
    /// Reads the header, and all values once, to see what they are. Samples that are compressed are inflated in `bytes`.
    pub fn read(bytes: &mut Vec<u8>, format: Format, limits: &Limits) -> Result<Volume> {
        let header = Header::read(bytes, format)?;
        let length = header.length()?;
        let view = View::of(header.size, header.affine.as_ref());
        limits.check_frame(format.name(), view.width as u64, view.height as u64)?;
        Limits::check("the number of frames", view.frames as u64, limits.frames)?;
        let mut notes = header.notes;
        // What stays as it is stored is noted.
        let square = view.aspect().map_or(Ok(None), |aspect| Square::of([view.width, view.height], aspect, limits));
        let square = square.unwrap_or_else(|note| {
            notes.push(note.to_string());
            None
        });
        let mut at = header.at;
        let packed = bytes.get(at..).unwrap_or_default();
        if header.packing != Packing::Plain {
            let limit = limits.inflated(packed.len() as u64);
            Limits::check("the size of its values in bytes", length, limit)?;
            let inflated = match header.packing {
                Packing::Gzip => inflate::all_members(packed, length),
                _ => inflate::all_of_zlib(packed, length),
            };
            *bytes = inflated.map_err(|fault| match fault {
                inflate::Fault::TooLong => format.unreadable("it holds more values than its size says"),
                inflate::Fault::Damaged(error) => {
                    format.unreadable(format!("its compressed values are damaged ({error})"))
                }
            })?;
            at = 0;
        }
        let present = bytes.len().saturating_sub(at) as u64;
        if present < length {
            return Err(format.unreadable(format!("it holds {present} of {length} bytes of values")));
        }
        let range = Range::of(&header.samples, &bytes[at..at + length as usize]);
        let meaning = Meaning::of(format, &range)?;
        notes.extend(meaning.note());
        if !view.is_known() {
            notes.push("it does not say how it lies in the patient, and is shown as it is stored".to_string());
        }
        Ok(Volume { format, samples: header.samples, at, view, square, meaning, notes })
    }

    /// The number of slices, at least 1.
    pub fn frames(&self) -> usize {
        self.view.frames
    }

    /// Millimetres towards the head of slice `frame`, if the file says how it lies.
    pub fn height(&self, frame: usize) -> Option<f64> {
        self.view.millimetres(frame)
    }

    /// Decodes one slice, `frame < self.frames()`.
    pub fn slice(&self, bytes: &[u8], frame: usize) -> Slice {
        let View { width, height, .. } = self.view;
        let sides = self.view.sides().filter(square::is_believable);
        let values = self.view.voxels(frame).map(|voxel| self.samples.value(bytes, self.at, voxel));
        let pixels = match self.meaning {
            Meaning::Units => Pixels::Hu(values.map(meaning::unit).collect()),
            Meaning::Levels | Meaning::Shares => Pixels::Gray(values.map(|value| self.meaning.level(value)).collect()),
        };
        let origin = Origin {
            format: self.format.name(),
            oblique: self.view.is_oblique(),
            orientation: self.view.shown(),
            spacing: sides.map(|sides| self.square.map_or(sides, |square| square.sides(sides))),
            notes: self.notes.clone(),
            stored: self.square.map(|_| [width, height]),
            ..Origin::default()
        };
        match self.square {
            Some(square) => Slice { width: square.width, height: square.height, pixels: square.pixels(pixels), origin },
            None => Slice { width, height, pixels, origin },
        }
    }
}

/// Counts the slices by the first bytes of a file; `None` where they do not tell. Damage is left for [`Volume::read`] to name.
pub fn peek(bytes: &[u8], format: Format, limits: &Limits) -> Option<usize> {
    let header = Header::read(bytes, format).ok()?;
    header.length().ok()?;
    let frames = View::of(header.size, header.affine.as_ref()).frames;
    (frames as u64 <= limits.frames).then_some(frames)
}
