//! TIFF and BigTIFF: which pages of a file are pictures, and the reading of one. What a page says of itself is held against the file and
//! the limits before the decoder sees it.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Read, Seek, SeekFrom};

use image::metadata::Orientation;
use tiff::TiffError;
use tiff::decoder::{Decoder, DecodingResult};

use super::composed::{Composed, compose};
use super::markers;
use super::scale::{Scale, is_widened};
use super::{MEMORY, finish};
use crate::decode::Limits;
use crate::error::{Error, Result};
use crate::slice::Slice;

const FORMAT: &str = "TIFF";
/// Strips or tiles of one page: a tile has 16 x 16 pixels at least (TIFF 6.0, section 15), and each takes time, however small it is.
const MAX_CHUNKS: u64 = 1 << 16;
/// Tags of one page.
const MAX_TAGS: u64 = 1 << 12;
/// Signed values are Hounsfield units if they reach down to air, which every slice of a chest holds, and are of this range.
const HOUNSFIELD: [f32; 2] = [-32_768.0, 32_767.0];
/// What the least Hounsfield unit of a chest lies below.
const AERATED: f32 = -500.0;

/// The tags that are read.
mod tag {
    pub const NEW_SUBFILE_TYPE: u16 = 254;
    pub const SUBFILE_TYPE: u16 = 255;
    pub const WIDTH: u16 = 256;
    pub const HEIGHT: u16 = 257;
    pub const BITS: u16 = 258;
    pub const COMPRESSION: u16 = 259;
    pub const PHOTOMETRIC: u16 = 262;
    pub const FILL_ORDER: u16 = 266;
    pub const STRIP_OFFSETS: u16 = 273;
    pub const ORIENTATION: u16 = 274;
    pub const SAMPLES: u16 = 277;
    pub const ROWS_PER_STRIP: u16 = 278;
    pub const STRIP_LENGTHS: u16 = 279;
    pub const PLANAR: u16 = 284;
    pub const COLOUR_MAP: u16 = 320;
    pub const TILE_WIDTH: u16 = 322;
    pub const TILE_HEIGHT: u16 = 323;
    pub const TILE_OFFSETS: u16 = 324;
    pub const TILE_LENGTHS: u16 = 325;
    pub const EXTRA_SAMPLES: u16 = 338;
    pub const SAMPLE_FORMAT: u16 = 339;
    pub const JPEG_TABLES: u16 = 347;
}

const JPEG: u64 = 7;
/// The compressions that are read.
const COMPRESSIONS: [u64; 6] = [1, 5, JPEG, 8, 32_773, 32_946];
/// Names of others.
const OTHER_COMPRESSIONS: [(u64, &str); 12] = [
    (2, "CCITT fax"),
    (3, "CCITT fax"),
    (4, "CCITT fax"),
    (6, "old-style JPEG"),
    (33_003, "JPEG 2000"),
    (33_005, "JPEG 2000"),
    (34_712, "JPEG 2000"),
    (34_887, "LERC"),
    (34_925, "LZMA"),
    (50_000, "ZSTD"),
    (50_001, "WebP"),
    (50_002, "JPEG XL"),
];

const WHITE_IS_ZERO: u64 = 0;
const BLACK_IS_ZERO: u64 = 1;
const RGB: u64 = 2;
const PALETTE: u64 = 3;
const CMYK: u64 = 5;
const YCBCR: u64 = 6;
/// Names of what is not read.
const OTHER_COLOURS: [(u64, &str); 5] = [
    (4, "a mask"),
    (8, "CIE L*a*b* colours"),
    (9, "ICC L*a*b* colours"),
    (10, "ITU L*a*b* colours"),
    (32_803, "a camera's mosaic"),
];

/// Whether the bytes begin as a TIFF does.
pub fn sniff(bytes: &[u8]) -> bool {
    [&b"II*\0"[..], b"MM\0*", b"II+\0\x08\0\0\0", b"MM\0+\0\x08\0\0"].iter().any(|start| bytes.starts_with(start))
}

/// The pages of a file that are pictures of their own, in its order, each by where its directory lies.
#[derive(Debug)]
pub struct Pages(Vec<u64>);

impl Pages {
    /// Walks the directories. Thumbnails and other copies of reduced resolution are left out, and masks, by what their tags say. A page whose
    /// directory is damaged is one, and the last: to read it says why.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for too many pages, [`Error::Unreadable`] where they form a circle, [`Error::Unsupported`] where no page is a
    /// picture of its own.
    pub fn find(bytes: &[u8], limits: &Limits) -> Result<Pages> {
        let file = File::new(bytes);
        let (mut pages, mut seen, mut tags) = (Vec::new(), HashSet::new(), 0);
        let mut next = file.offset(file.first_at()).ok_or_else(cut)?;
        while next != 0 {
            if !seen.insert(next) {
                return Err(damaged("its pages form a circle"));
            }
            Limits::check("the number of pages", seen.len() as u64, limits.frames)?;
            match file.directory(next) {
                Ok(directory) => {
                    tags += directory.fields.len() as u64;
                    Limits::check("the number of tags of all pages", tags, limits.elements)?;
                    if directory.is_picture() {
                        pages.push(next);
                    }
                    next = directory.next;
                }
                Err(_) => {
                    pages.push(next);
                    break;
                }
            }
        }
        if pages.is_empty() {
            return Err(Error::Unsupported {
                what: "a TIFF that holds only thumbnails or masks".to_string(),
                advice: "export the picture itself",
            });
        }
        Ok(Pages(pages))
    }

    /// How many there are, at least 1.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Pixels of all pages together, as far as they are known.
    pub fn pixels(&self, bytes: &[u8]) -> u64 {
        let file = File::new(bytes);
        let pixels = |page: &u64| {
            let directory = file.directory(*page).ok()?;
            Some(directory.number(tag::WIDTH)?.saturating_mul(directory.number(tag::HEIGHT)?))
        };
        self.0.iter().filter_map(pixels).fold(0, u64::saturating_add)
    }

    /// Decodes page `page < self.count()`.
    pub fn read(&self, bytes: &[u8], page: usize, are_colours_kept: bool, limits: &Limits) -> Result<Slice> {
        let file = File::new(bytes);
        let at = self.0[page];
        let directory = file.directory(at)?;
        let said = Said::of(&directory)?;
        said.check(limits)?;
        let chunks = Chunks::of(&directory, &said)?;
        chunks.check(bytes, &directory, &said)?;
        let samples = decode(file, at, &directory, &said, limits)?;
        let (composed, note) = interpret(&samples, &directory, &said, are_colours_kept)?;
        let turn = directory.number(tag::ORIENTATION).and_then(|number| Orientation::from_exif(number as u8));
        let turn = turn.unwrap_or(Orientation::NoTransforms);
        let mut slice = finish(FORMAT, said.width as usize, said.height as usize, composed, turn);
        slice.origin.notes.extend(note);
        Ok(slice)
    }
}

fn damaged(reason: &str) -> Error {
    Error::Unreadable { format: FORMAT, reason: reason.to_string() }
}

fn cut() -> Error {
    damaged("it ends before the image does")
}

fn unsupported(what: String) -> Error {
    Error::Unsupported { what, advice: "save it as an ordinary 8-bit or 16-bit TIFF or PNG" }
}

/// The bytes of a file, and how its numbers lie in them.
#[derive(Clone, Copy)]
struct File<'a> {
    bytes: &'a [u8],
    big_endian: bool,
    /// BigTIFF: offsets and counts have 8 bytes.
    is_big: bool,
}

impl<'a> File<'a> {
    fn new(bytes: &'a [u8]) -> File<'a> {
        let big_endian = bytes.starts_with(b"MM");
        File { bytes, big_endian, is_big: bytes.get(if big_endian { 3 } else { 2 }) == Some(&b'+') }
    }

    /// Where the offset of the first directory stands.
    fn first_at(self) -> u64 {
        if self.is_big { 8 } else { 4 }
    }

    fn offset_bytes(self) -> u64 {
        if self.is_big { 8 } else { 4 }
    }

    /// A number of up to 8 bytes.
    fn uint(self, at: u64, length: u64) -> Option<u64> {
        let at = usize::try_from(at).ok()?;
        let bytes = self.bytes.get(at..at.checked_add(length as usize)?)?;
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(if self.big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) })
    }

    fn offset(self, at: u64) -> Option<u64> {
        self.uint(at, self.offset_bytes())
    }

    /// The bytes of a number, as [`File::uint`] reads them.
    fn written(self, number: u64, length: u64) -> Vec<u8> {
        let little = &number.to_le_bytes()[..length as usize];
        if self.big_endian { little.iter().rev().copied().collect() } else { little.to_vec() }
    }

    fn directory(self, at: u64) -> Result<Directory<'a>> {
        let (count_bytes, entry_bytes, value_at) = if self.is_big { (8, 20, 12) } else { (2, 12, 8) };
        let count = self.uint(at, count_bytes).ok_or_else(cut)?;
        Limits::check("the number of a page's tags", count, MAX_TAGS)?;
        let mut fields = BTreeMap::new();
        for entry in 0..count {
            let entry = at + count_bytes + entry * entry_bytes;
            let (Some(tag), Some(kind), Some(count)) =
                (self.uint(entry, 2), self.uint(entry + 2, 2), self.uint(entry + 4, self.offset_bytes()))
            else {
                return Err(cut());
            };
            let inline = entry + value_at;
            let Some(size) = size_of(kind) else { continue };
            let length = count.checked_mul(size).ok_or_else(cut)?;
            let at = if length <= self.offset_bytes() { inline } else { self.offset(inline).ok_or_else(cut)? };
            fields.insert(tag as u16, Field { size, count, at, length });
        }
        let next = self.offset(at + count_bytes + count * entry_bytes).unwrap_or(0);
        Ok(Directory { file: self, fields, next })
    }
}

/// Bytes of a value of a kind.
fn size_of(kind: u64) -> Option<u64> {
    Some(match kind {
        1 | 2 | 6 | 7 => 1,
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16 | 17 | 18 => 8,
        _ => return None,
    })
}

/// Where the values of a tag lie.
#[derive(Clone, Copy)]
struct Field {
    size: u64,
    count: u64,
    at: u64,
    length: u64,
}

/// What a page says of itself.
struct Directory<'a> {
    file: File<'a>,
    fields: BTreeMap<u16, Field>,
    /// Where the next one lies; 0 behind the last.
    next: u64,
}

impl<'a> Directory<'a> {
    /// The first number of a tag.
    fn number(&self, tag: u16) -> Option<u64> {
        self.numbers(tag).next()
    }

    /// The numbers of a tag; none where it is not there.
    fn numbers(&self, tag: u16) -> impl Iterator<Item = u64> + use<'a> {
        let (file, field) = (self.file, self.fields.get(&tag).copied());
        field.into_iter().flat_map(move |field| {
            (0..field.count).map_while(move |index| file.uint(field.at.checked_add(index * field.size)?, field.size))
        })
    }

    /// The bytes of a tag's value.
    fn bytes(&self, tag: u16) -> Option<&'a [u8]> {
        let field = self.fields.get(&tag)?;
        let at = usize::try_from(field.at).ok()?;
        self.file.bytes.get(at..at.checked_add(usize::try_from(field.length).ok()?)?)
    }

    fn count(&self, tag: u16) -> u64 {
        self.fields.get(&tag).map_or(0, |field| field.count)
    }

    /// Neither a copy of reduced resolution nor a mask of another page.
    fn is_picture(&self) -> bool {
        const REDUCED: u64 = 1;
        const MASK: u64 = 4;
        const OLD_REDUCED: u64 = 2;
        let kind = self.number(tag::NEW_SUBFILE_TYPE).unwrap_or(0);
        kind & (REDUCED | MASK) == 0 && self.number(tag::SUBFILE_TYPE) != Some(OLD_REDUCED)
    }
}

/// What kind of numbers the samples are.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Unsigned,
    Signed,
    Float,
}

/// What a page says of its samples.
struct Said {
    width: u64,
    height: u64,
    /// Of a pixel, what is no colour included.
    samples: u64,
    bits: u64,
    kind: Kind,
    colours: u64,
    compression: u64,
    is_planar: bool,
    /// Which sample is the opacity, and whether the colours were multiplied by it.
    alpha: Option<(usize, bool)>,
}

impl Said {
    fn of(directory: &Directory) -> Result<Said> {
        let (Some(width), Some(height)) = (directory.number(tag::WIDTH), directory.number(tag::HEIGHT)) else {
            return Err(damaged("it does not say how large the image is"));
        };
        let alike = |tag: u16, default: u64, what: &str| {
            let first = directory.number(tag).unwrap_or(default);
            let are_alike = directory.numbers(tag).take(16).all(|other| other == first);
            are_alike
                .then_some(first)
                .ok_or_else(|| unsupported(format!("a TIFF whose samples differ in their {what}")))
        };
        let compression = directory.number(tag::COMPRESSION).unwrap_or(1);
        if !COMPRESSIONS.contains(&compression) {
            let known = OTHER_COMPRESSIONS.iter().find(|(number, _)| *number == compression);
            let name = known.map_or_else(|| format!("method {compression}"), |(_, name)| name.to_string());
            return Err(unsupported(format!("a TIFF compressed by {name}")));
        }
        // The bits of each byte in the other order.
        if directory.number(tag::FILL_ORDER) == Some(2) && compression != JPEG {
            return Err(unsupported("a TIFF whose bytes begin with their last bit (FillOrder 2)".to_string()));
        }
        let colours = directory.number(tag::PHOTOMETRIC).unwrap_or(BLACK_IS_ZERO);
        let needed = match colours {
            WHITE_IS_ZERO | BLACK_IS_ZERO | PALETTE => 1,
            RGB => 3,
            CMYK => 4,
            YCBCR if compression == JPEG => 3,
            YCBCR => return Err(unsupported("a TIFF of YCbCr colours without JPEG".to_string())),
            other => {
                let known = OTHER_COLOURS.iter().find(|(number, _)| *number == other);
                let name = known.map_or_else(|| format!("colours of kind {other}"), |(_, name)| name.to_string());
                return Err(unsupported(format!("a TIFF of {name}")));
            }
        };
        let kind = match alike(tag::SAMPLE_FORMAT, 1, "format")? {
            1 | 4 => Kind::Unsigned,
            2 => Kind::Signed,
            3 => Kind::Float,
            _ => return Err(unsupported("a TIFF of complex numbers".to_string())),
        };
        let (bits, samples) = (alike(tag::BITS, 1, "bits")?, directory.number(tag::SAMPLES).unwrap_or(1));
        let is_read = match kind {
            Kind::Unsigned => matches!(bits, 8 | 16 | 32) || (matches!(bits, 1 | 2 | 4) && samples == 1),
            Kind::Signed => matches!(bits, 8 | 16 | 32),
            Kind::Float => matches!(bits, 16 | 32 | 64),
        };
        if !is_read {
            return Err(unsupported(format!("a TIFF of {bits} bits a sample")));
        }
        if samples < needed {
            return Err(damaged(&format!("it has {samples} samples a pixel, and its colours need {needed}")));
        }
        let extras: Vec<u64> = directory.numbers(tag::EXTRA_SAMPLES).take(16).collect();
        let found = extras.iter().position(|kind| matches!(kind, 1 | 2));
        // Of colours the decoder gives the sample behind them alone, and only if it is the opacity.
        let found = found.filter(|at| needed == 1 || *at == 0);
        let alpha = found.map(|at| (needed as usize + at, extras[at] == 1));
        let is_planar = samples > 1 && directory.number(tag::PLANAR) == Some(2);
        Ok(Said { width, height, samples, bits, kind, colours, compression, is_planar, alpha })
    }

    fn check(&self, limits: &Limits) -> Result<()> {
        limits.check_frame(FORMAT, self.width, self.height)?;
        let bytes = (self.width * self.height).saturating_mul(self.samples).saturating_mul(self.bits.div_ceil(8));
        Limits::check(MEMORY, bytes, limits.picture())
    }

    /// Samples of a colour, those that are no colour left out.
    fn colour_samples(&self) -> usize {
        match self.colours {
            RGB | YCBCR => 3,
            CMYK => 4,
            _ => 1,
        }
    }
}

/// The strips or tiles of a page.
struct Chunks {
    width: u64,
    height: u64,
    /// In a plane.
    across: u64,
    down: u64,
    planes: u64,
    offsets: u16,
    lengths: u16,
}

impl Chunks {
    fn of(directory: &Directory, said: &Said) -> Result<Chunks> {
        let is_tiled = directory.count(tag::TILE_OFFSETS) > 0;
        let (width, height) = if is_tiled {
            let side = |tag| directory.number(tag).filter(|side| *side > 0);
            side(tag::TILE_WIDTH).zip(side(tag::TILE_HEIGHT)).ok_or_else(|| damaged("its tiles have no size"))?
        } else {
            let rows = directory.number(tag::ROWS_PER_STRIP).unwrap_or(said.height);
            (said.width, rows.clamp(1, said.height))
        };
        let (offsets, lengths) = match is_tiled {
            true => (tag::TILE_OFFSETS, tag::TILE_LENGTHS),
            false => (tag::STRIP_OFFSETS, tag::STRIP_LENGTHS),
        };
        let planes = if said.is_planar { said.samples } else { 1 };
        let (across, down) = (said.width.div_ceil(width), said.height.div_ceil(height));
        Ok(Chunks { width, height, across, down, planes, offsets, lengths })
    }

    /// Holds what they say, and the JPEG streams in them, against the page and the file.
    fn check(&self, bytes: &[u8], directory: &Directory, said: &Said) -> Result<()> {
        let count = self.across.saturating_mul(self.down).saturating_mul(self.planes);
        Limits::check("the number of strips or tiles", count, MAX_CHUNKS)?;
        if directory.count(self.offsets) != count || directory.count(self.lengths) != count {
            return Err(damaged("it has not as many strips or tiles as its size asks for"));
        }
        // A tile may be larger than the picture; the rest of it is read and thrown away.
        let padded = self.width.saturating_mul(self.height).saturating_mul(count);
        let limit = 4 * (said.width * said.height).max(1 << 20) * self.planes;
        Limits::check("the pixels of its tiles", padded, limit)?;
        let length = bytes.len() as u64;
        let mut sum = 0u64;
        let tables = if said.compression == JPEG { directory.bytes(tag::JPEG_TABLES) } else { None };
        for (number, (at, size)) in directory.numbers(self.offsets).zip(directory.numbers(self.lengths)).enumerate() {
            if at >= length {
                return Err(cut());
            }
            let size = size.min(length - at);
            sum += size;
            if sum > length {
                return Err(damaged("its strips or tiles share their bytes"));
            }
            if said.compression == JPEG {
                let row = number as u64 % (self.across * self.down) / self.across;
                let least = self.height.min(said.height - row * self.height);
                let components = if said.is_planar { 1 } else { said.samples };
                let part = &bytes[at as usize..(at + size) as usize];
                let expected = markers::Expected { width: self.width, heights: [least, self.height], components };
                markers::check_part(tables, part, &expected)
                    .map_err(|reason| damaged(&format!("the JPEG stream in strip or tile {number} {reason}")))?;
            }
        }
        Ok(())
    }
}

/// A file as its decoder sees it: its first page is the one that is read, and its samples are numbers without a meaning.
struct Seen<'a> {
    bytes: &'a [u8],
    patches: Vec<(u64, Vec<u8>)>,
    at: u64,
}

impl Read for Seen<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let start = usize::try_from(self.at).unwrap_or(usize::MAX).min(self.bytes.len());
        let length = buffer.len().min(self.bytes.len() - start);
        buffer[..length].copy_from_slice(&self.bytes[start..start + length]);
        for (at, patch) in &self.patches {
            for (byte, place) in patch.iter().zip(*at..) {
                if let Some(place) = place.checked_sub(self.at).filter(|place| *place < length as u64) {
                    buffer[place as usize] = *byte;
                }
            }
        }
        self.at += length as u64;
        Ok(length)
    }
}

impl Seek for Seen<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => (self.bytes.len() as u64).checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

/// The samples of a page, by pixel and channel.
struct Samples {
    values: DecodingResult,
    /// Of a pixel, or planes.
    channels: usize,
    /// Pixels of a plane, where each channel has one.
    plane: Option<usize>,
}

fn decode(file: File, page: u64, directory: &Directory, said: &Said, limits: &Limits) -> Result<Samples> {
    let mut patches = vec![(file.first_at(), file.written(page, file.offset_bytes()))];
    // The decoder turns white-is-zero over, whatever bits are used, and knows no palettes.
    if let (WHITE_IS_ZERO | PALETTE, Some(field)) = (said.colours, directory.fields.get(&tag::PHOTOMETRIC)) {
        patches.push((field.at, file.written(BLACK_IS_ZERO, field.size)));
    }
    let seen = Seen { bytes: file.bytes, patches, at: 0 };
    let mut bounds = tiff::decoder::Limits::default();
    bounds.decoding_buffer_size = usize::try_from(limits.picture()).unwrap_or(usize::MAX);
    bounds.intermediate_buffer_size = usize::try_from(limits.bytes).unwrap_or(usize::MAX);
    let mut decoder = Decoder::new(seen).map_err(translate)?.with_limits(bounds);
    let channels = decoder.colortype().map_err(translate)?.num_samples().into();
    let mut values = DecodingResult::U8(Vec::new());
    let layout = decoder.read_image_to_buffer(&mut values).map_err(translate)?;
    let pixels = (said.width * said.height) as usize;
    if let (DecodingResult::U8(packed), true) = (&values, said.bits < 8) {
        values = DecodingResult::U8(unpacked(packed, said.width as usize, said.bits as u32));
    }
    let plane = (layout.planes > 1).then_some(pixels);
    Ok(Samples { values, channels, plane })
}

/// Values of less than 8 bits, each in a byte of its own. Rows begin at a byte.
fn unpacked(packed: &[u8], width: usize, bits: u32) -> Vec<u8> {
    let row = (width * bits as usize).div_ceil(8);
    let value = |row: &[u8], x: usize| {
        let bit = x * bits as usize;
        row[bit / 8] >> (8 - bits as usize - bit % 8) & (0xFF >> (8 - bits))
    };
    packed.chunks_exact(row).flat_map(|row| (0..width).map(move |x| value(row, x))).collect()
}

impl Samples {
    fn index(&self, pixel: usize, channel: usize) -> usize {
        self.plane.map_or(pixel * self.channels + channel, |plane| channel * plane + pixel)
    }

    /// The number at an index of the values.
    fn value(&self) -> Box<dyn Fn(usize) -> f32 + '_> {
        match &self.values {
            DecodingResult::U8(values) => Box::new(|at| values[at].into()),
            DecodingResult::U16(values) => Box::new(|at| values[at].into()),
            DecodingResult::U32(values) => Box::new(|at| values[at] as f32),
            DecodingResult::U64(values) => Box::new(|at| values[at] as f32),
            DecodingResult::I8(values) => Box::new(|at| values[at].into()),
            DecodingResult::I16(values) => Box::new(|at| values[at].into()),
            DecodingResult::I32(values) => Box::new(|at| values[at] as f32),
            DecodingResult::I64(values) => Box::new(|at| values[at] as f32),
            DecodingResult::F16(values) => Box::new(|at| values[at].to_f32()),
            DecodingResult::F32(values) => Box::new(|at| values[at]),
            DecodingResult::F64(values) => Box::new(|at| values[at] as f32),
        }
    }
}

/// What the samples of a page mean, and what a person should know of it.
fn interpret(
    samples: &Samples,
    directory: &Directory,
    said: &Said,
    are_colours_kept: bool,
) -> Result<(Composed, Option<String>)> {
    let pixels = (said.width * said.height) as usize;
    let value = samples.value();
    let at = |pixel: usize, channel: usize| value(samples.index(pixel, channel));
    // An opacity of 0 is nothing, whatever its scale.
    let is_seen = |pixel: usize| said.alpha.is_none_or(|(channel, _)| at(pixel, channel) > 0.0);
    let colours = said.colour_samples();
    let (mut least, mut greatest) = (f32::INFINITY, f32::NEG_INFINITY);
    for pixel in (0..pixels).filter(|pixel| is_seen(*pixel)) {
        for value in (0..colours).map(|channel| at(pixel, channel)) {
            if !value.is_finite() {
                return Err(unsupported("a TIFF with values that are no numbers (NaN or infinity)".to_string()));
            }
            (least, greatest) = (least.min(value), greatest.max(value));
        }
    }
    let scale = match said.kind {
        _ if least > greatest => Scale::plain(255.0),
        Kind::Unsigned if said.colours == PALETTE => Scale::plain(255.0),
        Kind::Unsigned if said.bits <= 8 => Scale::plain(((1u32 << said.bits) - 1) as f32),
        _ if least < 0.0 => {
            let [lowest, highest] = HOUNSFIELD;
            let is_gray = matches!(said.colours, WHITE_IS_ZERO | BLACK_IS_ZERO) && said.alpha.is_none();
            if !is_gray || least > AERATED || least < lowest || greatest > highest {
                let what = format!(
                    "a TIFF of values from {least} to {greatest}, which are neither gray levels nor Hounsfield units of a chest,"
                );
                return Err(unsupported(what));
            }
            let note = "its negative values are read as Hounsfield units, which the file does not say".to_string();
            return Ok((Composed::of_units((0..pixels).map(|pixel| at(pixel, 0)).collect()), Some(note)));
        }
        Kind::Unsigned | Kind::Signed => {
            let is_widened = match &samples.values {
                DecodingResult::U16(values) => is_widened(values.iter().copied()),
                _ => false,
            };
            let scale = Scale::of_bits(greatest, said.bits as u32, is_widened);
            if said.colours == BLACK_IS_ZERO
                && said.alpha.is_none()
                && let Some((units, note)) = scale.units(&|| (0..pixels).map(|pixel| at(pixel, 0)))
            {
                return Ok((Composed::of_units(units), Some(note)));
            }
            scale
        }
        Kind::Float if greatest <= 1.0 => Scale::floats(1.0),
        Kind::Float if greatest <= 255.0 => Scale::floats(255.0),
        Kind::Float => {
            let what = format!("a TIFF of floating-point values from {least} to {greatest}, which may be anything,");
            return Err(unsupported(what));
        }
    };
    let level = |pixel: usize, channel: usize| scale.level(at(pixel, channel));
    let opaque = match said.kind {
        Kind::Float => 1.0,
        _ => ((1u64 << said.bits) - 1) as f32,
    };
    let alpha = |pixel: usize| {
        let share = said.alpha.map_or(1.0, |(channel, _)| at(pixel, channel) / opaque);
        // However little can be seen, it is not nothing.
        if share > 0.0 { (share * 255.0).round().max(1.0) as u8 } else { 0 }
    };
    let map: Vec<u64> = directory.numbers(tag::COLOUR_MAP).take(3 << 8).collect();
    let entries = 1usize << said.bits.min(8);
    if said.colours == PALETTE && (said.bits > 8 || map.len() != 3 * entries) {
        return Err(damaged("its palette has not as many colours as its bits ask for"));
    }
    // Some writers give the colours of a palette 8 bits of their 16, as libtiff knows too.
    let shift = if map.iter().all(|colour| *colour < 256) { 0 } else { 8 };
    let rgb = |pixel: usize| match said.colours {
        WHITE_IS_ZERO => [255 - level(pixel, 0); 3],
        PALETTE => {
            let index = at(pixel, 0) as usize;
            [0, 1, 2].map(|channel| (map[channel * entries + index] >> shift) as u8)
        }
        RGB => [0, 1, 2].map(|channel| level(pixel, channel)),
        CMYK => {
            let light = 1.0 - f32::from(level(pixel, 3)) / 255.0;
            [0, 1, 2].map(|channel| ((255.0 - f32::from(level(pixel, channel))) * light) as u8)
        }
        YCBCR => {
            // ITU-T T.871.
            let [y, cb, cr] = [0, 1, 2].map(|channel| f32::from(level(pixel, channel)));
            let (cb, cr) = (cb - 128.0, cr - 128.0);
            [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb].map(|level| level.round() as u8)
        }
        _ => [level(pixel, 0); 3],
    };
    let is_multiplied = said.alpha.is_some_and(|(_, is_multiplied)| is_multiplied);
    let composed = compose(pixels, is_multiplied, are_colours_kept, |pixel| {
        let [r, g, b] = rgb(pixel);
        [r, g, b, alpha(pixel)]
    });
    Ok((composed, scale.note))
}

fn translate(error: TiffError) -> Error {
    match error {
        TiffError::LimitsExceeded => damaged("its parts are larger than it says"),
        TiffError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => cut(),
        TiffError::UnsupportedError(what) => unsupported(format!("this kind of TIFF ({what})")),
        other => damaged(other.to_string().trim_end_matches('.')),
    }
}
