//! The slices of a file, one behind the other: the frames of its image, or those of all images in its archive.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Archive, File, Image, SetAside, Unopened};
use crate::error::{Error, Result};
use crate::place::Place;
use crate::slice::Slice;

/// A slice that is still to be decoded.
#[derive(Clone)]
pub struct Pending {
    /// The name of the archive's entry that it is in.
    pub entry: Option<String>,
    /// Which frame of its image it is, from 0; `None` for the only one.
    pub frame: Option<usize>,
    /// Its image, or why that cannot be opened.
    pub image: Result<Arc<Image>>,
    /// Where it belongs, if its image cannot be opened.
    pub place: Place,
}

impl Pending {
    /// What stands for a file that cannot be opened.
    pub fn unopened(Unopened { error, place, .. }: Unopened) -> Pending {
        Pending { entry: None, frame: None, image: Err(error), place }
    }

    /// Decodes it.
    ///
    /// # Errors
    /// Those of opening its image and of [`Image::slice`].
    pub fn decode(&self) -> Result<Slice> {
        self.image.as_ref().map_err(Error::clone)?.slice(self.frame.unwrap_or(0))
    }

    /// The same, in its colours if it has any, for networks that take them.
    ///
    /// # Errors
    /// Those of opening its image and of [`Image::slice_in_colours`].
    pub fn decode_in_colours(&self) -> Result<Slice> {
        self.image.as_ref().map_err(Error::clone)?.slice_in_colours(self.frame.unwrap_or(0))
    }
}

/// The slices of a file in its order. An entry of an archive is opened when its turn comes, and only the last one is kept; one that cannot
/// be opened is one slice.
pub struct Slices {
    images: Images,
    /// The image and the frame that come next.
    next: (usize, usize),
}

enum Images {
    One(Arc<Image>),
    /// An archive, and the entry that was opened last, by its number: its next frame is likely to be asked for next.
    Archive(Box<Archive>, Option<(usize, Arc<Image>)>, Work),
}

/// The pixels of the entries that were opened so far: what their first bytes promise may be less.
#[derive(Default)]
struct Work {
    pixels: u64,
    counted: HashSet<usize>,
}

impl Work {
    /// Fails once the entries of an archive have more pixels than may be worked off.
    fn add(&mut self, entry: usize, pixels: u64, archive: &Archive) -> Result<()> {
        if self.counted.insert(entry) {
            self.pixels = self.pixels.saturating_add(pixels);
        }
        archive.check_work(self.pixels)
    }
}

impl Slices {
    pub(super) fn new(file: File) -> Slices {
        let images = match file {
            File::Image(image) => Images::One(Arc::new(image)),
            File::Archive(archive) => Images::Archive(Box::new(archive), None, Work::default()),
        };
        Slices { images, next: (0, 0) }
    }

    /// The number of slices, at least 1; in an archive as many as the first bytes of its images promise.
    pub fn promised(&self) -> usize {
        match &self.images {
            Images::One(image) => image.frames(),
            Images::Archive(archive, ..) => archive.frames(),
        }
    }

    /// The number of an archive's entries that are no image, beside those that are [set aside](Slices::set_aside).
    pub fn skipped(&self) -> usize {
        match &self.images {
            Images::One(_) => 0,
            Images::Archive(archive, ..) => archive.skipped(),
        }
    }

    /// The entries of an archive that are set aside as a whole.
    pub fn set_aside(&self) -> &[SetAside] {
        match &self.images {
            Images::One(_) => &[],
            Images::Archive(archive, ..) => archive.set_aside(),
        }
    }

    /// The number of an archive's entries that are archives themselves, which are not opened.
    pub fn nested(&self) -> usize {
        match &self.images {
            Images::One(_) => 0,
            Images::Archive(archive, ..) => archive.nested(),
        }
    }

    /// Whether the slice that comes next is in the image that was opened last, so that nothing more has to be read for it.
    pub fn has_opened_next(&self) -> bool {
        let (number, frame) = self.next;
        match &self.images {
            Images::One(image) => number == 0 && frame < image.frames(),
            Images::Archive(_, opened, _) => {
                opened.as_ref().is_some_and(|(last, image)| *last == number && frame < image.frames())
            }
        }
    }

    /// Slice `index` of those that are [promised](Slices::promised), `None` if there are not so many. One that its image lacks in the end
    /// says so when it is decoded.
    pub fn get(&mut self, index: usize) -> Option<Pending> {
        let (number, frame) = match &self.images {
            Images::One(image) => (index < image.frames()).then_some((0, index))?,
            Images::Archive(archive, ..) => archive.locate(index)?,
        };
        let (entry, promised) = self.images.entry(number)?;
        let image = self.images.open(number).and_then(|image| match image.frames() {
            frames if frame < frames => Ok(image),
            frames => {
                let reason = format!("it has {frames} frames instead of {promised}");
                let error = Error::Unreadable { format: "image", reason };
                Err(Box::new(Unopened { error, place: image.place(0), aside: None }))
            }
        });
        let is_multi_frame = image.as_ref().map_or(promised > 1, |image| image.is_multi_frame());
        let frame = is_multi_frame.then_some(frame);
        Some(match image {
            Ok(image) => Pending { entry, frame, image: Ok(image), place: Place::default() },
            Err(unopened) => Pending { entry, frame, ..Pending::unopened(*unopened) },
        })
    }
}

impl Iterator for Slices {
    type Item = Pending;

    fn next(&mut self) -> Option<Pending> {
        loop {
            let (number, frame) = self.next;
            let (entry, _) = self.images.entry(number)?;
            match self.images.open(number) {
                Ok(image) if frame < image.frames() => {
                    self.next = (number, frame + 1);
                    let frame = image.is_multi_frame().then_some(frame);
                    return Some(Pending { entry, frame, image: Ok(image), place: Place::default() });
                }
                Ok(_) => self.next = (number + 1, 0),
                Err(unopened) => {
                    self.next = (number + 1, 0);
                    return Some(Pending { entry, ..Pending::unopened(*unopened) });
                }
            }
        }
    }
}

impl Images {
    /// The name of image `number`, and how many frames it promises; `None` if there are not so many images.
    fn entry(&self, number: usize) -> Option<(Option<String>, usize)> {
        match self {
            Images::One(image) => (number == 0).then(|| (None, image.frames())),
            Images::Archive(archive, ..) => {
                archive.entries().get(number).map(|entry| (Some(entry.name.clone()), entry.frames))
            }
        }
    }

    /// Opens image `number`, which must be there.
    fn open(&mut self, number: usize) -> std::result::Result<Arc<Image>, Box<Unopened>> {
        match self {
            Images::One(image) => Ok(image.clone()),
            Images::Archive(_, Some((last, image)), _) if *last == number => Ok(image.clone()),
            Images::Archive(archive, opened, work) => {
                // Two entries at once might be too much for the memory.
                *opened = None;
                let image = Arc::new(archive.recognise(number)?);
                work.add(number, image.pixels(), archive)?;
                *opened = Some((number, image.clone()));
                Ok(image)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::archive::tests::{png, zip};
    use super::super::dicom::fixture;
    use super::*;
    use crate::decode::Limits;

    fn slices(bytes: Vec<u8>) -> Slices {
        File::open(bytes, Limits::default()).unwrap().slices()
    }

    /// Entry, frame and whether it is decoded.
    fn told(slice: &Pending) -> (Option<&str>, Option<usize>, bool) {
        (slice.entry.as_deref(), slice.frame, slice.decode().is_ok())
    }

    #[test]
    fn the_frames_of_an_image_come_one_behind_the_other() {
        let found: Vec<Pending> = slices(fixture::frames(2)).collect();
        assert_eq!(found.iter().map(told).collect::<Vec<_>>(), [(None, Some(0), true), (None, Some(1), true)]);
        let found: Vec<Pending> = slices(png(4)).collect();
        assert_eq!(found.iter().map(told).collect::<Vec<_>>(), [(None, None, true)]);
    }

    #[test]
    fn an_archive_is_walked_and_looked_up_alike() {
        let dicom = fixture::frames(3);
        let archive = zip(&[("a.png", &png(4)), ("notes.txt", b"none"), ("b/scan", &dicom), ("c.png", &png(4))]);
        let mut walked = slices(archive.clone());
        assert_eq!((walked.promised(), walked.skipped(), walked.nested()), (5, 1, 0));
        let mut looked_up = slices(archive);
        // From behind: each entry is opened anew.
        let found: Vec<Pending> = (0..5).rev().map(|index| looked_up.get(index).unwrap()).collect();
        assert!(looked_up.get(5).is_none());
        for slice in found.iter().rev() {
            assert_eq!(told(&walked.next().unwrap()), told(slice));
        }
        assert!(walked.next().is_none());
        let scan: Vec<_> = found.iter().filter(|slice| slice.entry.as_deref() == Some("b/scan")).map(told).collect();
        assert_eq!(scan.iter().map(|(_, frame, _)| *frame).collect::<Vec<_>>(), [Some(2), Some(1), Some(0)]);
    }

    #[test]
    fn an_entry_that_cannot_be_opened_is_one_slice_and_each_that_it_promised() {
        let mut dicom = fixture::frames(3);
        dicom.truncate(dicom.len() - 1);
        let archive = zip(&[("scan", &dicom), ("a.png", &png(4))]);
        let walked: Vec<Pending> = slices(archive.clone()).collect();
        let told_of: Vec<_> = walked.iter().map(told).collect();
        assert_eq!(told_of, [(Some("scan"), None, false), (Some("a.png"), None, true)]);
        let mut looked_up = slices(archive);
        assert_eq!(looked_up.promised(), 4);
        assert_eq!(told(&looked_up.get(2).unwrap()), (Some("scan"), Some(2), false));
        assert_eq!(told(&looked_up.get(3).unwrap()), (Some("a.png"), None, true));
    }

    #[test]
    fn what_cannot_be_opened_says_where_it_belongs() {
        let file = fixture::File { place: Some(["1.2.3", "4", "0\\0\\7.5"]), ..fixture::File::default() };
        let mut archive = zip(&[("scan", &file.bytes())]);
        let entry = archive.windows(4).rposition(|bytes| bytes == b"PK\x01\x02").unwrap();
        // Its checksum in the directory.
        archive[entry + 16] ^= 1;
        let found: Vec<Pending> = slices(archive).collect();
        assert!(found[0].image.is_err());
        assert_eq!((found[0].place.height, found[0].place.number), (Some(7.5), Some(4)));
        let mut cut = fixture::deflated(&file);
        cut.truncate(cut.len() - 4);
        let unopened = Image::recognise(cut, Limits::default()).err().unwrap();
        assert_eq!(unopened.place.height, Some(7.5));
    }
}
