//! Bytes to slices: what a file is shows in its content, never in its name. Limits are checked before memory is taken.

mod dicom;
mod raster;

use crate::error::{Error, Result};
use crate::slice::Slice;

/// What reading one file may cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Bytes of the file.
    pub bytes: u64,
    /// Pixels of one frame.
    pub pixels: u64,
    /// Pixels of the longer side.
    pub side: u64,
    /// Frames of one file.
    pub frames: u64,
}

impl Default for Limits {
    /// 1 GiB, 4096 x 4096 pixels, no side over 16,384, 4,096 frames: far above what a scanner makes.
    fn default() -> Limits {
        Limits { bytes: 1 << 30, pixels: 4096 * 4096, side: 16_384, frames: 4096 }
    }
}

impl Limits {
    fn check(what: &'static str, value: u64, limit: u64) -> Result<()> {
        if value > limit { Err(Error::TooLarge { what, value: Some(value), limit }) } else { Ok(()) }
    }

    /// Fails for a frame that is empty or too large; `format` names it in the error.
    fn check_frame(&self, format: &'static str, width: u64, height: u64) -> Result<()> {
        if width == 0 || height == 0 {
            let reason = format!("its size is {width} x {height} pixels");
            return Err(Error::Unreadable { format, reason });
        }
        Limits::check("the longer side in pixels", width.max(height), self.side)?;
        Limits::check("the number of pixels", width * height, self.pixels)
    }
}

/// A file that was recognised, whose frames can be read one at a time.
pub struct Source {
    bytes: Vec<u8>,
    content: Content,
    limits: Limits,
}

enum Content {
    Raster(image::ImageFormat),
    Dicom(dicom::Header),
}

impl Source {
    /// Recognises a file and reads its header.
    ///
    /// # Errors
    /// [`Error::NotAnImage`] for unknown content, [`Error::TooLarge`] over `limits`, [`Error::Unreadable`] and
    /// [`Error::Unsupported`] for what the header tells.
    pub fn open(bytes: Vec<u8>, limits: Limits) -> Result<Source> {
        Limits::check("the file's size in bytes", bytes.len() as u64, limits.bytes)?;
        let content = if let Some(start) = dicom::sniff(&bytes) {
            Content::Dicom(dicom::Header::read(&bytes, start, &limits)?)
        } else if let Some(format) = raster::sniff(&bytes) {
            Content::Raster(format)
        } else {
            return Err(Error::NotAnImage);
        };
        Ok(Source { bytes, content, limits })
    }

    /// The number of frames, at least 1.
    pub fn frames(&self) -> usize {
        match &self.content {
            Content::Raster(_) => 1,
            Content::Dicom(header) => header.frames,
        }
    }

    /// Whether frames are told apart by a number in outputs.
    pub fn is_multi_frame(&self) -> bool {
        self.frames() > 1
    }

    /// Decodes one frame, `frame < self.frames()`.
    ///
    /// # Errors
    /// [`Error::Unreadable`], [`Error::TooLarge`] and [`Error::Unsupported`] for this frame alone.
    pub fn slice(&self, frame: usize) -> Result<Slice> {
        match &self.content {
            Content::Raster(format) => raster::read(&self.bytes, *format, &self.limits),
            Content::Dicom(header) => header.slice(&self.bytes, frame),
        }
    }
}
