//! ZIP and tar archives: which entries are images, and the bytes of one at a time. Nothing is written, no name leads out of the archive,
//! and no two entries have one name.

mod beside;
mod name;
mod tar;
mod zip;

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use image::ImageFormat;

use super::raster::{self, Pages};
use super::{Content, Image, Limits, SetAside, Unopened, dicom, gzip, inflate, volume};
use crate::error::{Error, Result};
use crate::place::Place;

/// Bytes of an entry that are looked at first to see what it is.
const FIRST_PEEK: u64 = 64 << 10;

/// The starts of archives and packed files that are not read, and what they are called.
const FOREIGN: [(&[u8], &str); 6] = [
    (b"7z\xBC\xAF\x27\x1C", "a 7z archive"),
    (b"Rar!\x1A\x07", "a RAR archive"),
    (b"\xFD7zXZ\0", "an xz file"),
    (b"BZh", "a bzip2 file"),
    (b"\x28\xB5\x2F\xFD", "a Zstandard file"),
    (b"MSCF\0\0\0\0", "a cabinet archive"),
];

/// What a file is as an archive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Zip,
    Tar,
    /// One of [`FOREIGN`], by its name.
    Foreign(&'static str),
}

/// Recognises an archive by its first bytes.
pub(super) fn sniff(bytes: &[u8]) -> Option<Kind> {
    if zip::sniff(bytes) {
        return Some(Kind::Zip);
    }
    if tar::sniff(bytes) {
        return Some(Kind::Tar);
    }
    FOREIGN.iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, name)| Kind::Foreign(name))
}

/// Recognises an archive in a whole file that is no image: a ZIP archive may have any bytes in front.
pub(super) fn sniff_whole(bytes: &[u8]) -> Option<Kind> {
    sniff(bytes).or_else(|| zip::is_behind(bytes).then_some(Kind::Zip))
}

/// Whether a ZIP archive ends where the file does.
pub(super) fn is_whole_zip(bytes: &[u8]) -> bool {
    zip::is_behind(bytes)
}

/// An archive that was recognised, whose images can be read one at a time.
#[derive(Debug)]
pub struct Archive {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    skipped: usize,
    set_aside: Vec<SetAside>,
    nested: usize,
    limits: Limits,
}

/// An image in an archive.
#[derive(Debug)]
pub struct Entry {
    /// Its path in the archive, with `/` and without `..`. A second entry of one name is called `name (2)`, before its extension.
    pub name: String,
    /// The number of frames, at least 1. One that cannot be opened stands for one frame.
    pub frames: usize,
    packed: Result<Packed>,
    /// Where its values lie, if it is their header alone.
    values: Option<Result<Packed>>,
}

/// Where an entry lies, and what it will be.
#[derive(Debug, Clone)]
struct Packed {
    data: Range<usize>,
    is_deflated: bool,
    /// Bytes, as the directory says.
    size: u64,
    /// `None` in a format that has none.
    crc: Option<u32>,
    /// The archive's, for errors.
    format: &'static str,
}

/// A file in an archive, not yet looked at.
struct Found {
    name: String,
    packed: Result<Packed>,
}

impl Archive {
    /// Lists the entries. Of each only as many bytes are inflated as tell what it is and how many frames it has.
    ///
    /// # Errors
    /// [`Error::Unreadable`] for a damaged directory or entries that share their bytes, [`Error::TooLarge`] for more than `limits`,
    /// [`Error::NoImages`] if no entry is an image, [`Error::Unsupported`] for an archive that is known by name alone.
    pub(super) fn open(mut bytes: Vec<u8>, kind: Kind, limits: Limits) -> Result<Archive> {
        let files = match kind {
            Kind::Zip => zip::files(&mut bytes, &limits)?,
            Kind::Tar => tar::files(&bytes, &limits)?,
            Kind::Foreign(what) => {
                return Err(Error::Unsupported { what: what.to_string(), advice: "unpack it first" });
            }
        };
        let (mut entries, mut skipped, mut set_aside, mut nested) = (Vec::new(), 0, Vec::new(), 0);
        let mut pixels = 0u64;
        let pairs = beside::pairs(&files, &bytes);
        let of_others: HashSet<usize> = pairs.values().copied().collect();
        let values: Vec<_> = (0..files.len()).map(|at| Some(files[*pairs.get(&at)?].packed.clone())).collect();
        for ((at, Found { name, packed }), values) in files.into_iter().enumerate().zip(values) {
            let frames = match &packed {
                Ok(packed) if values.is_some() => packed.peek_header(&bytes, &limits),
                Ok(packed) => match packed.peek(&bytes, &limits) {
                    Peek::Image(frames, more) => {
                        pixels = pixels.saturating_add(more);
                        frames
                    }
                    Peek::Archive => {
                        nested += 1;
                        continue;
                    }
                    Peek::Aside(aside) => {
                        set_aside.push(*aside);
                        continue;
                    }
                    Peek::Other => {
                        skipped += usize::from(!of_others.contains(&at));
                        continue;
                    }
                },
                Err(_) => 1,
            };
            entries.push(Entry { name, frames, packed, values });
        }
        if entries.is_empty() {
            return Err(Error::NoImages { others: skipped + set_aside.len() + nested });
        }
        limits.check_work(pixels, bytes.len() as u64)?;
        name::tell_apart(entries.iter_mut().map(|entry| &mut entry.name).collect());
        Ok(Archive { bytes, entries, skipped, set_aside, nested, limits })
    }

    /// The images, in the order of the archive.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The number of frames of all images.
    pub fn frames(&self) -> usize {
        self.entries.iter().map(|entry| entry.frames).sum()
    }

    /// The image and its frame that frame `index` of all of them is, `None` if there are not so many.
    pub fn locate(&self, index: usize) -> Option<(usize, usize)> {
        let mut frame = index;
        self.entries.iter().enumerate().find_map(|(number, entry)| match frame.checked_sub(entry.frames) {
            Some(left) => {
                frame = left;
                None
            }
            None => Some((number, frame)),
        })
    }

    /// The number of entries that are no image, beside those that are [set aside](Archive::set_aside).
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// The entries that are set aside as a whole.
    pub fn set_aside(&self) -> &[SetAside] {
        &self.set_aside
    }

    /// The number of entries that are archives themselves, which are not opened.
    pub fn nested(&self) -> usize {
        self.nested
    }

    /// Fails for more pixels in all frames of its images than may be worked off.
    pub(super) fn check_work(&self, pixels: u64) -> Result<()> {
        self.limits.check_work(pixels, self.bytes.len() as u64)
    }

    /// Opens an image, `entry < self.entries().len()`.
    ///
    /// # Errors
    /// Those of [`Image::open`], [`Error::Unsupported`] for an encrypted entry or another compression than DEFLATE, and
    /// [`Error::Unreadable`] for one that is not what the directory says.
    pub fn image(&self, entry: usize) -> Result<Image> {
        self.recognise(entry).map_err(|unopened| unopened.error)
    }

    /// As [`Archive::image`]; an image that cannot be opened still says where it belongs.
    pub(super) fn recognise(&self, entry: usize) -> std::result::Result<Image, Box<Unopened>> {
        let Entry { packed, values, .. } = &self.entries[entry];
        let packed = packed.as_ref().map_err(Error::clone)?;
        let mut content = packed.read(&self.bytes).map_err(|error| {
            let place = packed.place(&self.bytes, &self.limits);
            Box::new(Unopened { error, place, aside: None })
        })?;
        if let Some(values) = values {
            let values = values.as_ref().map_err(Error::clone)?;
            content = volume::joined(&content, values.read(&self.bytes)?);
        }
        Image::recognise(content, self.limits)
    }
}

/// What the first bytes of an entry tell.
enum Peek {
    /// Of so many frames, with so many pixels in all, as far as its first bytes tell.
    Image(usize, u64),
    Aside(Box<SetAside>),
    Archive,
    Other,
}

impl Packed {
    /// Its first bytes, at most `limit`.
    fn start<'a>(&self, bytes: &'a [u8], limit: u64) -> Cow<'a, [u8]> {
        let data = &bytes[self.data.clone()];
        if self.is_deflated {
            Cow::Owned(inflate::start(data, limit))
        } else {
            Cow::Borrowed(&data[..data.len().min(usize::try_from(limit).unwrap_or(usize::MAX))])
        }
    }

    fn peek(&self, bytes: &[u8], limits: &Limits) -> Peek {
        let mut limit = FIRST_PEEK.min(limits.header);
        loop {
            let first = self.start(bytes, limit.min(self.size));
            let is_whole = (first.len() as u64) < limit || limit >= self.size;
            let unpacked = gzip::sniff(&first).then(|| gzip::start(&first, limit));
            // Of a packed file nobody knows how long it is.
            let whole = if unpacked.is_some() { limits.inflated(self.size) } else { self.size };
            let (first, is_whole) = match &unpacked {
                Some(unpacked) => (&unpacked[..], false),
                None => (&first[..], is_whole),
            };
            if sniff(first).is_some() {
                return Peek::Archive;
            }
            match Content::sniff(first) {
                None => return Peek::Other,
                // The pages of a TIFF may be told of at its end; what is wrong with them is said when it is read.
                Some(Content::Raster(ImageFormat::Tiff)) if !is_whole && limit < whole => limit = whole,
                Some(Content::Raster(ImageFormat::Tiff)) => {
                    let pages = Pages::find(first, limits);
                    return pages.map_or(Peek::Image(1, 0), |pages| Peek::Image(pages.count(), pages.pixels(first)));
                }
                Some(Content::Raster(format)) => return Peek::Image(1, raster::pixels(first, format)),
                Some(Content::Volume(format)) => {
                    return Peek::Image(volume::peek(first, format, limits).unwrap_or(1), 0);
                }
                Some(Content::Dicom(start)) => match dicom::peek(first, start, is_whole, limits) {
                    dicom::Peek::Frames(frames, pixels) => return Peek::Image(frames, pixels),
                    dicom::Peek::Aside(aside) => return Peek::Aside(aside),
                    // What is wrong with so long a header is said when it is read.
                    dicom::Peek::Unknown if limit >= limits.header => return Peek::Image(1, 0),
                    dicom::Peek::Unknown => limit = limits.header.min(limit * 4),
                },
            }
        }
    }

    /// The frames of a volume whose header it is; what is wrong with it is said when it is read.
    fn peek_header(&self, bytes: &[u8], limits: &Limits) -> usize {
        let header = volume::joined(&self.start(bytes, self.size), Vec::new());
        let format = volume::sniff(&header);
        format.and_then(|format| volume::peek(&header, format, limits)).unwrap_or(1)
    }

    /// Where it belongs, as far as its first bytes tell.
    fn place(&self, bytes: &[u8], limits: &Limits) -> Place {
        let first = self.start(bytes, FIRST_PEEK.min(self.size));
        match Content::sniff(&first) {
            Some(Content::Dicom(start)) => dicom::place_of(&first, start, limits),
            _ => Place::default(),
        }
    }

    /// All of its bytes, as many as the directory says and no more.
    fn read(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let data = &bytes[self.data.clone()];
        let content = if self.is_deflated {
            inflate::all(data, self.size).map_err(|fault| match fault {
                inflate::Fault::TooLong => self.unreadable("an entry is longer than its directory says"),
                inflate::Fault::Damaged(error) => self.unreadable(&format!("an entry is damaged ({error})")),
            })?
        } else {
            data.to_vec()
        };
        let mut crc = flate2::Crc::new();
        crc.update(&content);
        if content.len() as u64 != self.size || self.crc.is_some_and(|expected| expected != crc.sum()) {
            return Err(self.unreadable("an entry is not what its directory says"));
        }
        Ok(content)
    }

    fn unreadable(&self, reason: &str) -> Error {
        Error::Unreadable { format: self.format, reason: reason.to_string() }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;
    use rawzip::path::EntryPath;
    use rawzip::{CompressionMethod, ZipArchiveWriter};

    /// An archive of deflated files.
    pub fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut archive = ZipArchiveWriter::new(&mut bytes);
        for (name, content) in files {
            let file =
                archive.new_file(EntryPath::verbatim(name.as_bytes())).compression_method(CompressionMethod::DEFLATE);
            let (mut entry, config) = file.start().unwrap();
            let mut writer = config.wrap(DeflateEncoder::new(&mut entry, Compression::best()));
            writer.write_all(content).unwrap();
            let (encoder, descriptor) = writer.finish().unwrap();
            encoder.finish().unwrap();
            entry.finish(descriptor).unwrap();
        }
        archive.finish().unwrap();
        bytes
    }

    /// A picture.
    pub fn png(side: u32) -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image::GrayImage::new(side, side).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    fn open(bytes: Vec<u8>) -> Result<Archive> {
        within(bytes, Limits::default())
    }

    fn within(bytes: Vec<u8>, limits: Limits) -> Result<Archive> {
        let kind = sniff_whole(&bytes).expect("an archive");
        Archive::open(bytes, kind, limits)
    }

    /// The place of the record of the first entry in the directory.
    fn record(bytes: &[u8]) -> usize {
        bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap()
    }

    #[test]
    fn images_are_listed_and_others_counted() {
        let dicom = dicom::fixture::frames(3);
        let inner = zip(&[("a.png", &png(4))]);
        let files = [
            ("notes.txt", &b"notes"[..]),
            ("b/scan", &dicom),
            ("inner.zip", &inner),
            ("a.png", &png(4)),
            ("empty", b""),
        ];
        let archive = open(zip(&files)).unwrap();
        let entries: Vec<_> = archive.entries().iter().map(|entry| (entry.name.as_str(), entry.frames)).collect();
        assert_eq!(entries, [("b/scan", 3), ("a.png", 1)]);
        assert_eq!((archive.skipped(), archive.nested(), archive.frames()), (2, 1, 4));
        let places: Vec<_> = (0..5).map(|frame| archive.locate(frame)).collect();
        assert_eq!(places, [Some((0, 0)), Some((0, 1)), Some((0, 2)), Some((1, 0)), None]);
        assert_eq!(archive.image(0).unwrap().frames(), 3);
        assert_eq!(archive.image(1).unwrap().slice(0).unwrap().width, 4);
        let none = open(zip(&[("notes.txt", b"notes"), ("inner.zip", &inner)])).unwrap_err();
        assert_eq!(none, Error::NoImages { others: 2 });
    }

    #[test]
    fn a_long_header_is_looked_at_until_the_frames_are_known() {
        let dicom = dicom::fixture::frames_behind(FIRST_PEEK as usize * 3, 2);
        let archive = open(zip(&[("scan", &dicom)])).unwrap();
        assert_eq!(archive.entries()[0].frames, 2);
        assert_eq!(archive.image(0).unwrap().frames(), 2);
    }

    #[test]
    fn no_name_leads_out_of_the_archive() {
        let image = png(4);
        let names = ["../../etc/passwd.png", "/etc/shadow.png", "C:\\windows\\a.png", "a/../../b.png", "./c//d.png"];
        let files: Vec<_> = names.iter().map(|name| (*name, &image[..])).collect();
        let archive = open(zip(&files)).unwrap();
        for Entry { name, .. } in archive.entries() {
            assert!(
                !name.split('/').any(|part| part == "..") && !name.starts_with('/') && !name.contains('\\'),
                "{name}"
            );
        }
    }

    #[test]
    fn a_bomb_is_refused_by_what_its_directory_says() {
        // Ten mebibytes of zeros in ten kibibytes are no bomb, and no image.
        let zeros = vec![0; 10 << 20];
        let bytes = zip(&[("zeros", &zeros)]);
        let limits = Limits { expanded: 10 << 20, ..Limits::default() };
        assert_eq!(within(bytes.clone(), limits).unwrap_err(), Error::NoImages { others: 1 });
        let limits = Limits { expanded: (10 << 20) - 1, ..limits };
        assert_eq!(within(bytes.clone(), limits).unwrap_err().code(), "too_large");

        // A directory that declares four gibibytes for them.
        let mut bomb = bytes;
        let at = record(&bomb) + 24;
        bomb[at..at + 4].copy_from_slice(&0xFFFF_FFF0u32.to_le_bytes());
        assert_eq!(open(bomb).unwrap_err().code(), "too_large");
        // An entry that is too large by itself stops no other.
        let large = dicom::fixture::frames_behind(5000, 1);
        let files = zip(&[("scan", &large), ("a.png", &png(4))]);
        let limits = Limits { entry: 1000, ..Limits::default() };
        let archive = within(files, limits).unwrap();
        assert_eq!(archive.image(0).err().map(|error| error.code()), Some("too_large"));
        assert!(archive.image(1).is_ok());
    }

    #[test]
    fn an_entry_is_inflated_to_its_declared_size_and_no_further() {
        let image = png(4);
        let mut bytes = zip(&[("a.png", &image)]);
        let at = record(&bytes) + 24;
        bytes[at..at + 4].copy_from_slice(&(image.len() as u32 - 1).to_le_bytes());
        let error = open(bytes).unwrap().image(0).err().unwrap();
        assert!(error.to_string().contains("longer than its directory says"), "{error}");
    }

    #[test]
    fn entries_that_share_their_bytes_are_refused() {
        let image = png(64);
        let mut bytes = zip(&[("a.png", &image), ("b.png", &image)]);
        let at = record(&bytes);
        let length = bytes.len() as u32;
        bytes[at + 20..at + 24].copy_from_slice(&length.to_le_bytes());
        assert!(open(bytes).unwrap_err().to_string().contains("share their bytes"));
    }

    #[test]
    fn too_many_entries_are_refused() {
        let limits = Limits { entries: 2, ..Limits::default() };
        let files = [("a", &b"a"[..]), ("b", b"b"), ("c", b"c")];
        let error = within(zip(&files), limits).unwrap_err();
        assert_eq!(error, Error::TooLarge { what: "the number of entries", value: Some(3), limit: 2 });
    }

    #[test]
    fn encrypted_and_damaged_entries_are_named_and_stop_no_other() {
        let image = png(4);
        let mut bytes = zip(&[("a.png", &image), ("b.png", &image)]);
        let at = record(&bytes);
        bytes[at + 8] |= 1;
        let archive = open(bytes.clone()).unwrap();
        let error = archive.image(0).err().unwrap();
        assert!(error.to_string().contains("encrypted") && error.to_string().contains("password"), "{error}");
        assert!(archive.image(1).is_ok());

        bytes[at + 8] &= !1;
        bytes[at + 10] = 93;
        let error = open(bytes.clone()).unwrap().image(0).err().unwrap();
        assert_eq!(error.code(), "unsupported");
        bytes[at + 10] = 8;
        bytes[at + 16] ^= 1;
        let error = open(bytes.clone()).unwrap().image(0).err().unwrap();
        assert!(error.to_string().contains("not what its directory says"), "{error}");
        let cut = bytes[..bytes.len() - 10].to_vec();
        assert_eq!(open(cut).unwrap_err().code(), "unreadable");
    }

    proptest::proptest! {
        #[test]
        fn damaged_archives_are_errors_and_no_panic(
            flips in proptest::collection::vec((0usize..1000, 0u8..), 0..8),
            cut in 0usize..8,
            tail in proptest::collection::vec(0u8.., 0..60),
        ) {
            let mut bytes = zip(&[("a.png", &png(4)), ("scan", &dicom::fixture::frames(2))]);
            let length = bytes.len();
            for (at, value) in flips {
                bytes[at % length] = value;
            }
            bytes.truncate(length - cut);
            for bytes in [bytes, [b"PK\x05\x06", &tail[..]].concat()] {
                if sniff_whole(&bytes).is_none() {
                    continue;
                }
                if let Ok(archive) = open(bytes) {
                    for entry in 0..archive.entries().len() {
                        let _ = archive.image(entry).map(|image| image.slice(0));
                    }
                }
            }
        }
    }
}
