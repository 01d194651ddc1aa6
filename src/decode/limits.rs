//! What reading one file may cost. Every limit is checked against what a file declares, or while it grows, before the memory for it is
//! taken.

use crate::error::{Error, Result};

/// What reading one file may cost. Beside the file itself, a reading within the default limits takes less than 512 MiB.
///
/// ```
/// # use lungglass::decode::Limits;
/// let limits = Limits { pixels: 8192 * 8192, ..Limits::default() };
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Bytes of the file, which is held in memory as it is.
    pub bytes: u64,
    /// Pixels of one frame. Each takes up to [`Limits::BYTES_A_PIXEL`] while it is decoded.
    pub pixels: u64,
    /// Pixels of the longer side: a frame of one row would be scaled from nothing.
    pub side: u64,
    /// Frames of one file.
    pub frames: u64,
    /// Bytes of a DICOM header: all that stands before the pixel data.
    pub header: u64,
    /// Elements of a DICOM header, those within sequences included: each takes time, however short it is.
    pub elements: u64,
    /// Sequences of a DICOM header within each other. Archives within archives are never opened.
    pub nesting: u64,
    /// Bytes that a compressed byte may become, once the result is larger than [`Limits::SMALL`].
    pub ratio: u64,
    /// Bytes of one entry of an archive or of one inflated data set.
    pub entry: u64,
    /// Entries of an archive, images or not.
    pub entries: u64,
    /// Bytes of all entries of an archive. One is in memory at a time.
    pub expanded: u64,
    /// Pixels that all frames of a file, or of an archive, may have for each of its bytes, once they are more than
    /// [`Limits::FEW_PIXELS`]: each takes time.
    pub work: u64,
    /// Whether DICOM images in colours are opened, for networks that take colours; for others they are no slices.
    pub colours: bool,
}

impl Default for Limits {
    /// Far above what a scanner makes, and below what stops a machine: 1 GiB a file (two thousand frames of 512 x 512), 4096 x 4096 pixels
    /// (a scanner's matrix has 512 or 1024), no side over 16,384, 4,096 frames; headers of 64 MiB with a million elements, 64 sequences
    /// deep (one of 4,096 frames in functional groups has 200,000, 5 deep); 200 to 1 (slices compress to a half or a third, a blank one
    /// to a thousandth, and is small); 256 MiB an entry, archives of 65,536 entries and 16 GiB; 64 pixels a byte (a slice in a lossy
    /// encoding has up to 30).
    fn default() -> Limits {
        Limits {
            bytes: 1 << 30,
            pixels: 4096 * 4096,
            side: 16_384,
            frames: 4096,
            header: 64 << 20,
            elements: 1 << 20,
            nesting: 64,
            ratio: 200,
            entry: 256 << 20,
            entries: 1 << 16,
            expanded: 16 << 30,
            work: 64,
            colours: false,
        }
    }
}

impl Limits {
    /// Bytes that compressed data may become whatever they are: an empty image is small.
    pub const SMALL: u64 = 64 << 20;
    /// Bytes that a decoded pixel of a picture may take: 16-bit RGBA. Decoders hold it twice.
    pub const BYTES_A_PIXEL: u64 = 8;

    /// Pixels that all frames of a file may have whatever its length: a thousand of 512 x 512.
    pub const FEW_PIXELS: u64 = 1 << 28;

    /// Fails for more pixels in all frames of a file of so many bytes than may be worked off.
    pub(super) fn check_work(&self, pixels: u64, bytes: u64) -> Result<()> {
        let limit = bytes.saturating_mul(self.work).max(Limits::FEW_PIXELS);
        Limits::check("the number of pixels in all frames together", pixels, limit)
    }

    /// Bytes that an entry or a data set of `compressed` bytes may become.
    pub(super) fn inflated(&self, compressed: u64) -> u64 {
        self.entry.min(self.grown(compressed))
    }

    /// Bytes that all entries of an archive of `compressed` bytes may become.
    pub(super) fn unpacked(&self, compressed: u64) -> u64 {
        self.expanded.min(self.grown(compressed))
    }

    fn grown(&self, compressed: u64) -> u64 {
        compressed.saturating_mul(self.ratio).max(Limits::SMALL)
    }

    /// Bytes that a decoded picture may take.
    pub(super) fn picture(&self) -> u64 {
        self.pixels.saturating_mul(Limits::BYTES_A_PIXEL)
    }

    pub(super) fn check(what: &'static str, value: u64, limit: u64) -> Result<()> {
        if value > limit { Err(Error::TooLarge { what, value: Some(value), limit }) } else { Ok(()) }
    }

    /// Fails for a frame that is empty or too large; `format` names it in the error.
    pub(super) fn check_frame(&self, format: &'static str, width: u64, height: u64) -> Result<()> {
        if width == 0 || height == 0 {
            let reason = format!("its size is {width} x {height} pixels");
            return Err(Error::Unreadable { format, reason });
        }
        Limits::check("the longer side in pixels", width.max(height), self.side)?;
        Limits::check("the number of pixels", width * height, self.pixels)
    }
}
