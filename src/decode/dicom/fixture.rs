//! DICOM files for tests, written element by element.

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};

use super::start::{MAGIC, PREAMBLE};
use super::syntax::EXPLICIT_VR_BIG_ENDIAN;
use crate::decode::{Image, Limits};
use crate::error::Result;
use crate::slice::Pixels;

/// A file of `count` frames.
pub fn frames(count: usize) -> Vec<u8> {
    frames_behind(0, count)
}

/// A file whose frames come behind `length` bytes that no slice needs.
pub fn frames_behind(length: usize, count: usize) -> Vec<u8> {
    let frames = count.to_string();
    File { frames: Some(&frames), values: vec![7; 2 * count], unneeded: length, ..File::default() }.bytes()
}

pub const EXPLICIT: &str = uids::EXPLICIT_VR_LITTLE_ENDIAN;
pub const IMPLICIT: &str = uids::IMPLICIT_VR_LITTLE_ENDIAN;

/// Writes a data set element by element, in the encoding of its transfer syntax.
pub struct Writer {
    pub syntax: &'static str,
    pub bytes: Vec<u8>,
}

impl Writer {
    pub fn element(&mut self, tag: Tag, vr: &str, value: &[u8]) -> &mut Self {
        self.header(tag, vr, value.len() as u32);
        self.bytes.extend_from_slice(value);
        self
    }

    pub fn header(&mut self, tag: Tag, vr: &str, length: u32) {
        self.short(tag.group());
        self.short(tag.element());
        if self.syntax == IMPLICIT {
            self.long(length);
            return;
        }
        self.bytes.extend_from_slice(vr.as_bytes());
        if matches!(vr, "OW" | "OB" | "SQ") {
            self.short(0);
            self.long(length);
        } else {
            self.short(length as u16);
        }
    }

    pub fn short(&mut self, value: u16) {
        let big = self.syntax == EXPLICIT_VR_BIG_ENDIAN;
        self.bytes.extend_from_slice(&if big { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    pub fn long(&mut self, value: u32) {
        let big = self.syntax == EXPLICIT_VR_BIG_ENDIAN;
        self.bytes.extend_from_slice(&if big { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    pub fn number(&mut self, tag: Tag, value: u16) -> &mut Self {
        self.header(tag, "US", 2);
        self.short(value);
        self
    }

    pub fn text(&mut self, tag: Tag, vr: &str, value: &str) -> &mut Self {
        let padded = if value.len().is_multiple_of(2) { value.to_string() } else { format!("{value} ") };
        self.element(tag, vr, padded.as_bytes())
    }
}

/// A CT file of 2 x 1 pixels; `change` adds or replaces what a test is about.
pub struct File<'a> {
    pub syntax: &'static str,
    pub modality: &'static str,
    pub orientation: Option<&'static str>,
    pub rescale_type: Option<&'static str>,
    pub photometric: &'static str,
    pub stored: u16,
    pub high: u16,
    pub signed: u16,
    pub frames: Option<&'a str>,
    pub rescale: Option<(&'static str, &'static str)>,
    /// UID, instance number and position.
    pub place: Option<[&'static str; 3]>,
    /// Bytes of an element that no slice needs.
    pub unneeded: usize,
    pub values: Vec<u16>,
}

impl Default for File<'_> {
    fn default() -> Self {
        File {
            syntax: EXPLICIT,
            modality: "CT",
            orientation: None,
            rescale_type: None,
            photometric: "MONOCHROME2",
            stored: 16,
            high: 15,
            signed: 1,
            frames: None,
            rescale: Some(("1", "0")),
            place: None,
            unneeded: 0,
            values: vec![(-1000i16) as u16, 40],
        }
    }
}

impl File<'_> {
    pub fn data_set(&self) -> Vec<u8> {
        let mut writer = Writer { syntax: self.syntax, bytes: Vec::new() };
        writer.text(tags::IMAGE_TYPE, "CS", "ORIGINAL\\PRIMARY\\AXIAL").text(tags::MODALITY, "CS", self.modality);
        writer.text(tags::PATIENT_NAME, "PN", "NOBODY^SHALL^READ^THIS");
        if let Some([series, number, position]) = self.place {
            writer.text(tags::SERIES_INSTANCE_UID, "UI", series).text(tags::INSTANCE_NUMBER, "IS", number);
            writer.text(tags::IMAGE_POSITION_PATIENT, "DS", position);
        }
        if let Some(orientation) = self.orientation {
            writer.text(tags::IMAGE_ORIENTATION_PATIENT, "DS", orientation);
        }
        writer.number(tags::SAMPLES_PER_PIXEL, 1);
        writer.text(tags::PHOTOMETRIC_INTERPRETATION, "CS", self.photometric);
        if let Some(frames) = self.frames {
            writer.text(tags::NUMBER_OF_FRAMES, "IS", frames);
        }
        writer.number(tags::ROWS, 1).number(tags::COLUMNS, 2).number(tags::BITS_ALLOCATED, 16);
        writer.number(tags::BITS_STORED, self.stored).number(tags::HIGH_BIT, self.high);
        writer.number(tags::PIXEL_REPRESENTATION, self.signed);
        if let Some((slope, intercept)) = self.rescale {
            writer.text(tags::RESCALE_INTERCEPT, "DS", intercept).text(tags::RESCALE_SLOPE, "DS", slope);
        }
        if let Some(unit) = self.rescale_type {
            writer.text(tags::RESCALE_TYPE, "LO", unit);
        }
        if self.unneeded > 0 {
            writer.element(Tag(0x7001, 0x0010), "OB", &vec![1; self.unneeded]);
        }
        writer.header(tags::PIXEL_DATA, "OW", self.values.len() as u32 * 2);
        for value in &self.values {
            writer.short(*value);
        }
        writer.bytes
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut meta = Writer { syntax: EXPLICIT, bytes: [vec![0; PREAMBLE], MAGIC.to_vec()].concat() };
        meta.text(tags::TRANSFER_SYNTAX_UID, "UI", self.syntax);
        [meta.bytes, self.data_set()].concat()
    }

    pub fn read(&self) -> Result<Vec<Vec<f32>>> {
        values(self.bytes())
    }
}

pub fn values(bytes: Vec<u8>) -> Result<Vec<Vec<f32>>> {
    let image = Image::open(bytes, Limits::default())?;
    (0..image.frames())
        .map(|frame| {
            Ok(match image.slice(frame)?.pixels {
                Pixels::Hu(values) => values,
                Pixels::Gray(levels) => levels.into_iter().map(f32::from).collect(),
                Pixels::Colours(_) => unreachable!("nobody asked for colours"),
            })
        })
        .collect()
}

/// The same file with its data set deflated.
pub fn deflated(file: &File) -> Vec<u8> {
    let mut meta = Writer { syntax: EXPLICIT, bytes: [vec![0; PREAMBLE], MAGIC.to_vec()].concat() };
    meta.text(tags::TRANSFER_SYNTAX_UID, "UI", uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN);
    let mut encoder = flate2::write::DeflateEncoder::new(meta.bytes, flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, &file.data_set()).unwrap();
    encoder.finish().unwrap()
}
