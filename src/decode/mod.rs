//! Bytes to slices: what a file is shows in its content, never in its name. Limits are checked before memory is taken.

mod archive;
mod dicom;
mod gzip;
mod inflate;
mod jpeg;
mod limits;
mod raster;
mod slices;
mod square;
mod volume;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use self::archive::{Archive, Entry};
pub use self::limits::Limits;
pub use self::slices::{Pending, Slices};
pub use self::volume::{MAX_HEADER, data_file, joined};
use crate::aside::Aside;
use crate::error::{Error, Result};
use crate::geometry::Geometry;
use crate::identity::{Identity, Instance, Lack};
use crate::place::Place;
use crate::slice::Slice;

/// Runs what reads bytes of others. A panic in it, which would be a fault of ours or of a decoder that we use, costs this file and no other.
/// In a browser a panic ends the module's instance: there the page starts another worker, and names the file.
fn guarded<T>(read: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(Error::Internal("a decoder broke off at this file".to_string())))
}

/// A file that is set aside as a whole, where nobody named it.
#[derive(Debug, Clone, PartialEq)]
pub struct SetAside {
    /// What it is.
    pub kind: Aside,
    /// Where it belongs.
    pub place: Place,
}

/// A file that cannot be opened, as far as its header could be read.
#[derive(Debug, Clone)]
pub struct Unopened {
    /// Why not.
    pub error: Error,
    /// Where it belongs.
    pub place: Place,
    /// What it is, if it would be set aside anyway.
    pub aside: Option<Aside>,
}

impl From<Error> for Box<Unopened> {
    fn from(error: Error) -> Box<Unopened> {
        Box::new(Unopened { error, place: Place::default(), aside: None })
    }
}

/// A file that was recognised.
pub enum File {
    /// One image, of one frame or several.
    Image(Image),
    /// A ZIP or tar archive of images.
    Archive(Archive),
}

impl File {
    /// Recognises an image or an archive of images, which gzip may have packed.
    ///
    /// # Errors
    /// Those of [`Image::open`]; for an archive [`Error::Unreadable`], [`Error::TooLarge`] and [`Error::NoImages`].
    pub fn open(bytes: Vec<u8>, limits: Limits) -> Result<File> {
        File::recognise(bytes, limits).map_err(|unopened| unopened.error)
    }

    /// As [`File::open`], for hosts that hold files together: one that cannot be opened still says where it belongs.
    ///
    /// # Errors
    /// Those of [`File::open`].
    pub fn recognise(bytes: Vec<u8>, limits: Limits) -> std::result::Result<File, Box<Unopened>> {
        let bytes = unpacked(bytes, &limits)?;
        match guarded(|| Ok(archive_kind(&bytes)))? {
            Some(kind) => Ok(File::Archive(guarded(|| Archive::open(bytes, kind, limits))?)),
            None => Image::of(bytes, limits).map(File::Image),
        }
    }

    /// What the file is, if it is an image that is set aside as a whole.
    pub fn aside(&self) -> Option<SetAside> {
        match self {
            File::Image(image) => image.aside(),
            File::Archive(_) => None,
        }
    }

    /// The slices of its images, to be decoded one at a time.
    pub fn slices(self) -> Slices {
        Slices::new(self)
    }
}

/// The bytes of a file, or what is in it if gzip packed it.
fn unpacked(bytes: Vec<u8>, limits: &Limits) -> Result<Vec<u8>> {
    Limits::check("the file's size in bytes", bytes.len() as u64, limits.bytes)?;
    guarded(|| gzip::unpacked(bytes, limits))
}

/// What kind of archive a file is. An image may have anything behind it, an archive too.
fn archive_kind(bytes: &[u8]) -> Option<archive::Kind> {
    let behind = || if Content::sniff(bytes).is_none() { archive::sniff_whole(bytes) } else { None };
    // The preamble of DICOM may be anything, the start of an archive too.
    let is_preamble = || dicom::has_preamble(bytes) && !archive::is_whole_zip(bytes);
    archive::sniff(bytes).filter(|_| !is_preamble()).or_else(behind)
}

/// An image that was recognised, whose frames can be read one at a time.
pub struct Image {
    bytes: Vec<u8>,
    kind: Kind,
    limits: Limits,
}

enum Kind {
    Raster(image::ImageFormat),
    Tiff(raster::Pages),
    Dicom(Box<dicom::Header>),
    Volume(Box<volume::Volume>),
}

/// What the first bytes of an image say it is.
enum Content {
    Raster(image::ImageFormat),
    Dicom(dicom::Start),
    Volume(volume::Format),
}

impl Content {
    fn sniff(bytes: &[u8]) -> Option<Content> {
        let dicom = || dicom::sniff(bytes).map(Content::Dicom);
        // The first number of a NIfTI header could be the tag of an element.
        volume::sniff(bytes).map(Content::Volume).or_else(dicom).or_else(|| raster::sniff(bytes).map(Content::Raster))
    }
}

impl Image {
    /// Recognises a file, which gzip may have packed, and reads its header.
    ///
    /// # Errors
    /// [`Error::NotAnImage`] for unknown content, [`Error::TooLarge`] over `limits`, [`Error::Unreadable`] and
    /// [`Error::Unsupported`] for what the header tells, the latter for an archive too.
    pub fn open(bytes: Vec<u8>, limits: Limits) -> Result<Image> {
        Image::recognise(bytes, limits).map_err(|unopened| unopened.error)
    }

    /// As [`Image::open`]; an image that cannot be opened still says where it belongs.
    ///
    /// # Errors
    /// Those of [`Image::open`].
    pub fn recognise(bytes: Vec<u8>, limits: Limits) -> std::result::Result<Image, Box<Unopened>> {
        Image::of(unpacked(bytes, &limits)?, limits)
    }

    /// The image of bytes that are unpacked.
    fn of(mut bytes: Vec<u8>, limits: Limits) -> std::result::Result<Image, Box<Unopened>> {
        let kind = match guarded(|| Ok(Content::sniff(&bytes)))? {
            Some(Content::Dicom(start)) => {
                let read = guarded(|| Ok(dicom::Header::read(&mut bytes, start, &limits)))?;
                Kind::Dicom(Box::new(read?))
            }
            Some(Content::Raster(image::ImageFormat::Tiff)) => {
                Kind::Tiff(guarded(|| raster::Pages::find(&bytes, &limits))?)
            }
            Some(Content::Raster(format)) => Kind::Raster(format),
            Some(Content::Volume(format)) => {
                Kind::Volume(Box::new(guarded(|| volume::Volume::read(&mut bytes, format, &limits))?))
            }
            None => {
                let what = match guarded(|| Ok(archive_kind(&bytes)))? {
                    Some(archive::Kind::Zip) => "a ZIP archive in this place",
                    Some(archive::Kind::Tar) => "a tar archive in this place",
                    Some(archive::Kind::Foreign(what)) => what,
                    None => return Err(Error::NotAnImage.into()),
                };
                return Err(Error::Unsupported { what: what.to_string(), advice: "unpack it first" }.into());
            }
        };
        let image = Image { bytes, kind, limits };
        limits.check_work(image.pixels(), image.bytes.len() as u64)?;
        Ok(image)
    }

    /// Pixels of all its frames, as far as its headers tell.
    fn pixels(&self) -> u64 {
        match &self.kind {
            Kind::Raster(format) => raster::pixels(&self.bytes, *format),
            Kind::Tiff(pages) => pages.pixels(&self.bytes),
            Kind::Dicom(header) => header.pixels(),
            // Each has bytes of its own.
            Kind::Volume(_) => 0,
        }
    }

    /// The number of frames, at least 1.
    pub fn frames(&self) -> usize {
        match &self.kind {
            Kind::Raster(_) => 1,
            Kind::Tiff(pages) => pages.count(),
            Kind::Dicom(header) => header.frames,
            Kind::Volume(volume) => volume.frames(),
        }
    }

    /// The bytes of its file, which are held as long as it is.
    pub fn bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Whether frames are told apart by a number in outputs.
    pub fn is_multi_frame(&self) -> bool {
        self.frames() > 1
    }

    /// Where a frame belongs, `frame < self.frames()`, as far as the file says it.
    pub fn place(&self, frame: usize) -> Place {
        match &self.kind {
            Kind::Raster(_) | Kind::Tiff(_) => Place::default(),
            Kind::Dicom(header) => header.place(frame),
            Kind::Volume(volume) => Place { height: volume.height(frame), ..Place::default() },
        }
    }

    /// What it is, if it is set aside as a whole.
    pub fn aside(&self) -> Option<SetAside> {
        match &self.kind {
            Kind::Raster(_) | Kind::Tiff(_) | Kind::Volume(_) => None,
            Kind::Dicom(header) => header.aside.map(|kind| SetAside { kind, place: header.place(0) }),
        }
    }

    /// How a frame lies in its file and in the patient, `frame < self.frames()`; `None` where the file is no DICOM.
    pub fn geometry(&self, frame: usize) -> Option<&Geometry> {
        match &self.kind {
            Kind::Raster(_) | Kind::Tiff(_) | Kind::Volume(_) => None,
            Kind::Dicom(header) => Some(header.geometry(frame)),
        }
    }

    /// Whom and what its header names, for [result objects](crate::objects) alone; `None` where the file is no DICOM.
    ///
    /// # Errors
    /// What the header lacks that objects refer to.
    pub fn identity(&self) -> Option<std::result::Result<(Identity, Instance), Lack>> {
        match &self.kind {
            Kind::Raster(_) | Kind::Tiff(_) | Kind::Volume(_) => None,
            Kind::Dicom(header) => {
                let read = guarded(|| Ok(header.identity(&self.bytes)));
                Some(read.unwrap_or(Err(Lack::UNREADABLE)))
            }
        }
    }

    /// Decodes one frame, `frame < self.frames()`.
    ///
    /// # Errors
    /// [`Error::Unreadable`], [`Error::TooLarge`] and [`Error::Unsupported`] for this frame alone.
    pub fn slice(&self, frame: usize) -> Result<Slice> {
        self.decode(frame, false)
    }

    /// The same; a picture in colours stays in them, for networks that take colours.
    ///
    /// # Errors
    /// Those of [`Image::slice`].
    pub fn slice_in_colours(&self, frame: usize) -> Result<Slice> {
        self.decode(frame, true)
    }

    fn decode(&self, frame: usize, are_colours_kept: bool) -> Result<Slice> {
        guarded(|| match &self.kind {
            Kind::Raster(format) => raster::read(&self.bytes, *format, are_colours_kept, &self.limits),
            Kind::Tiff(pages) => pages.read(&self.bytes, frame, are_colours_kept, &self.limits),
            Kind::Dicom(header) => header.slice(&self.bytes, frame, are_colours_kept),
            Kind::Volume(volume) => Ok(volume.slice(&self.bytes, frame)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_of_its_file() {
        assert_eq!(guarded(|| Ok(7)), Ok(7));
        let broken: Result<()> = guarded(|| panic!("on purpose"));
        assert_eq!(broken.unwrap_err().code(), "internal");
    }
}
