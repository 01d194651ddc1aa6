//! Bytes to slices: what a file is shows in its content, never in its name. Limits are checked before memory is taken.

mod archive;
mod dicom;
mod inflate;
mod raster;

pub use self::archive::{Archive, Entry};
use crate::error::{Error, Result};
use crate::slice::{Place, Slice};

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
    /// Bytes that a compressed byte may become, once the result is larger than [`Limits::SMALL`].
    pub ratio: u64,
    /// Entries of an archive, images or not.
    pub entries: u64,
    /// Bytes of all entries of an archive.
    pub expanded: u64,
}

impl Default for Limits {
    /// 1 GiB, 4096 x 4096 pixels, no side over 16,384, 4,096 frames, 200 to 1; archives of 65,536 entries and 16 GiB: far above what a
    /// scanner makes.
    fn default() -> Limits {
        Limits {
            bytes: 1 << 30,
            pixels: 4096 * 4096,
            side: 16_384,
            frames: 4096,
            ratio: 200,
            entries: 1 << 16,
            expanded: 16 << 30,
        }
    }
}

impl Limits {
    /// Bytes that compressed data may become whatever they are: an empty image is small.
    pub const SMALL: u64 = 64 << 20;

    /// Bytes that `compressed` of them may become.
    fn expanded(&self, compressed: u64) -> u64 {
        self.bytes.min(compressed.saturating_mul(self.ratio).max(Limits::SMALL))
    }

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

/// A file that was recognised.
pub enum File {
    Image(Source),
    Archive(Archive),
}

impl File {
    /// Recognises an image or an archive of images.
    ///
    /// # Errors
    /// Those of [`Source::open`]; for an archive [`Error::Unreadable`], [`Error::TooLarge`] and [`Error::NoImages`].
    pub fn open(bytes: Vec<u8>, limits: Limits) -> Result<File> {
        if archive::sniff(&bytes) {
            Limits::check("the file's size in bytes", bytes.len() as u64, limits.bytes)?;
            return Archive::open(bytes, limits).map(File::Archive);
        }
        Source::open(bytes, limits).map(File::Image)
    }
}

/// An image that was recognised, whose frames can be read one at a time.
pub struct Source {
    bytes: Vec<u8>,
    image: Image,
    limits: Limits,
}

enum Image {
    Raster(image::ImageFormat),
    Dicom(Box<dicom::Header>),
}

/// What the first bytes of an image say it is.
enum Content {
    Raster(image::ImageFormat),
    Dicom(dicom::Start),
}

impl Content {
    fn sniff(bytes: &[u8]) -> Option<Content> {
        dicom::sniff(bytes).map(Content::Dicom).or_else(|| raster::sniff(bytes).map(Content::Raster))
    }
}

impl Source {
    /// Recognises a file and reads its header.
    ///
    /// # Errors
    /// [`Error::NotAnImage`] for unknown content, [`Error::TooLarge`] over `limits`, [`Error::Unreadable`] and
    /// [`Error::Unsupported`] for what the header tells, the latter for an archive too.
    pub fn open(mut bytes: Vec<u8>, limits: Limits) -> Result<Source> {
        Limits::check("the file's size in bytes", bytes.len() as u64, limits.bytes)?;
        let image = match Content::sniff(&bytes) {
            Some(Content::Dicom(start)) => Image::Dicom(Box::new(dicom::Header::read(&mut bytes, start, &limits)?)),
            Some(Content::Raster(format)) => Image::Raster(format),
            None if archive::sniff(&bytes) => {
                let what = "a ZIP archive in this place".to_string();
                return Err(Error::Unsupported { what, advice: "unpack it first" });
            }
            None => return Err(Error::NotAnImage),
        };
        Ok(Source { bytes, image, limits })
    }

    /// The number of frames, at least 1.
    pub fn frames(&self) -> usize {
        match &self.image {
            Image::Raster(_) => 1,
            Image::Dicom(header) => header.frames,
        }
    }

    /// Whether frames are told apart by a number in outputs.
    pub fn is_multi_frame(&self) -> bool {
        self.frames() > 1
    }

    /// Where its slices belong, as far as the file says it.
    pub fn place(&self) -> Place {
        match &self.image {
            Image::Raster(_) => Place::default(),
            Image::Dicom(header) => header.place,
        }
    }

    /// Decodes one frame, `frame < self.frames()`.
    ///
    /// # Errors
    /// [`Error::Unreadable`], [`Error::TooLarge`] and [`Error::Unsupported`] for this frame alone.
    pub fn slice(&self, frame: usize) -> Result<Slice> {
        match &self.image {
            Image::Raster(format) => raster::read(&self.bytes, *format, &self.limits),
            Image::Dicom(header) => header.slice(&self.bytes, frame),
        }
    }
}
