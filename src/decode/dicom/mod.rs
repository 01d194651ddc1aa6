//! DICOM: the few header elements that a slice needs, and the pixel data, uncompressed or compressed.
//!
//! The data set is walked element by element and what is not needed is skipped: no name or date is ever read, of the ids that of the
//! series alone, which is hashed at once, and a declared length takes no memory before it was held against the bytes that are there.
//!
//! | transfer syntax | decoder |
//! |---|---|
//! | Implicit and Explicit VR Little Endian, Explicit VR Big Endian | here |
//! | Deflated Explicit VR Little Endian | `flate2` |
//! | RLE Lossless | [`rle`] |
//! | JPEG Baseline (8 bits) | the pictures' (`image`), by way of [`jpeg`] |
//! | JPEG Extended (12 bits), JPEG Lossless | [`jpeg`] |
//! | JPEG-LS Lossless and Near-Lossless | [`jpeg_ls`] |
//! | JPEG 2000 Lossless and lossy | [`jpeg_2000`] (`hayro-jpeg2000`) |

mod codec;
mod fragments;
mod jpeg;
mod jpeg_2000;
mod jpeg_ls;
mod rle;

use std::io::Cursor;
use std::ops::Range;

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use dicom_encoding::transfer_syntax::TransferSyntaxIndex;
use dicom_parser::StatefulDecode;
use dicom_parser::dataset::LazyDataToken;
use dicom_parser::dataset::lazy_read::LazyDataSetReader;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use self::codec::{Codec, Frame};
use self::fragments::Frames;
use super::{Limits, inflate};
use crate::error::{Error, Result};
use crate::slice::{Origin, Pixels, Place, Series, Slice};

const FORMAT: &str = "DICOM";
/// Retired, and still in archives.
const EXPLICIT_VR_BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";
/// The transfer syntaxes whose pixel data are the stored values, the last one once its data set was inflated.
const UNCOMPRESSED: [&str; 4] = [
    uids::EXPLICIT_VR_LITTLE_ENDIAN,
    uids::IMPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
];
const UNCOMPRESSED_ADVICE: &str = "export the series uncompressed (Explicit VR Little Endian)";
const PREAMBLE: usize = 128;
const MAGIC: &[u8] = b"DICM";
/// The longest header value that is read, in bytes; those that a slice needs are far shorter.
const LONGEST_VALUE: u32 = 1024;

/// Bytes of a deflated data set that [`peek`] looks at, unless it was given more.
const LONGEST_HEADER: u64 = 1 << 20;

/// Where the elements of a DICOM file start, and how they are encoded if there is no file meta group to say so.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Start {
    at: usize,
    syntax: Option<&'static str>,
}

/// Recognises DICOM with and without preamble and file meta group.
pub(super) fn sniff(bytes: &[u8]) -> Option<Start> {
    if bytes.get(PREAMBLE..)?.starts_with(MAGIC) {
        return Some(Start { at: PREAMBLE + MAGIC.len(), syntax: None });
    }
    let at = if bytes.starts_with(MAGIC) { MAGIC.len() } else { 0 };
    let element = bytes.get(at..at + 8)?;
    let group = u16::from_le_bytes([element[0], element[1]]);
    let explicit = element[4..6].iter().all(u8::is_ascii_uppercase);
    let length = u32::from_le_bytes([element[4], element[5], element[6], element[7]]);
    match (group, explicit) {
        (0x0002, true) => Some(Start { at, syntax: None }),
        // A bare data set starts with the identifying group; its first elements are short.
        (0x0008, true) => Some(Start { at, syntax: Some(uids::EXPLICIT_VR_LITTLE_ENDIAN) }),
        (0x0008, false) if length < LONGEST_VALUE && element[3] == 0 => {
            Some(Start { at, syntax: Some(uids::IMPLICIT_VR_LITTLE_ENDIAN) })
        }
        _ => None,
    }
}

/// What a file says of its frames; [`Header::slice`] reads one.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) frames: usize,
    width: usize,
    height: usize,
    layout: Layout,
    meaning: Meaning,
    storage: Storage,
    origin: Origin,
    pub(super) place: Place,
}

/// Where the frames lie in the file.
#[derive(Debug)]
enum Storage {
    /// One behind the other from this byte on.
    Native {
        at: usize,
    },
    Encapsulated {
        codec: Codec,
        frames: Frames,
    },
}

/// How a stored value lies in the file.
#[derive(Debug, Clone, Copy)]
struct Layout {
    bytes: usize,
    big_endian: bool,
    shift: u32,
    bits: u32,
    signed: bool,
}

/// What a stored value means.
#[derive(Debug, Clone, Copy)]
enum Meaning {
    /// Hounsfield units: `value * slope + intercept`.
    Hu { slope: f32, intercept: f32 },
    /// Anything else: gray from the frame's least to its greatest value.
    Gray { inverted: bool },
}

/// The elements as they stand in the data set.
#[derive(Debug, Default)]
struct Elements {
    transfer_syntax: Option<String>,
    modality: Option<String>,
    image_type: Option<String>,
    photometric: Option<String>,
    frames: Option<String>,
    samples: Option<u16>,
    rows: Option<u16>,
    columns: Option<u16>,
    bits_allocated: Option<u16>,
    bits_stored: Option<u16>,
    high_bit: Option<u16>,
    representation: Option<u16>,
    slope: Option<String>,
    intercept: Option<String>,
    rescale_type: Option<String>,
    orientation: Option<String>,
    series: Option<Series>,
    position: Option<String>,
    instance: Option<String>,
    /// The walk ended inside a sequence.
    is_open: bool,
    has_modality_lut: bool,
    has_functional_groups: bool,
    /// Where the value of the Extended Offset Table lies.
    offsets: Option<Range<usize>>,
    pixels: Option<PixelData>,
}

#[derive(Debug, Clone, Copy)]
enum PixelData {
    Native {
        at: u64,
        length: u32,
    },
    /// Items from byte `at` on.
    Encapsulated {
        at: u64,
    },
}

impl Header {
    /// Reads the header; the pixel data are only located. A data set that was deflated is inflated in `bytes`.
    pub(super) fn read(bytes: &mut Vec<u8>, start: Start, limits: &Limits) -> Result<Header> {
        let mut elements = Elements::default();
        let mut at = elements.walk_meta(bytes, start, limits)?;
        let syntax = elements.transfer_syntax.clone().unwrap_or_default();
        if syntax == uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN {
            let compressed = &bytes[at as usize..];
            let limit = limits.inflated(compressed.len() as u64);
            let data_set = inflate::all(compressed, limit).map_err(|fault| match fault {
                inflate::Fault::TooLong => {
                    Error::TooLarge { what: "the size of its data set in bytes", value: None, limit }
                }
                inflate::Fault::Damaged(error) => damaged(&format!("its deflated data set is damaged ({error})")),
            })?;
            // The elements before it are not needed any more.
            (*bytes, at) = (data_set, 0);
        }
        elements.walk(bytes, at, &syntax, Walk::DataSet, limits)?;
        elements.into_header(bytes, limits)
    }

    /// Decodes one frame, `frame < self.frames`.
    pub(super) fn slice(&self, bytes: &[u8], frame: usize) -> Result<Slice> {
        let Header { width, height, layout, .. } = *self;
        let pixels = match &self.storage {
            Storage::Native { at } => {
                let length = width * height * layout.bytes;
                let at = at + frame * length;
                let stored =
                    bytes.get(at..at + length).ok_or_else(|| damaged(&format!("it ends inside frame {frame}")))?;
                self.meaning.pixels(stored.chunks_exact(layout.bytes).map(|value| layout.value(layout.raw(value))))
            }
            Storage::Encapsulated { codec, frames } => {
                let size = Frame { width, height, bytes: layout.bytes };
                let samples = codec.decode(&frames.bytes(bytes, frame), size)?;
                let layout = layout.of_codestream(samples.precision);
                self.meaning.pixels(samples.values.iter().map(|value| layout.value(u32::from(*value))))
            }
        };
        Ok(Slice { width, height, pixels, origin: self.origin.clone() })
    }
}

/// The number of frames, as far as the first bytes of a file tell.
#[derive(Debug, PartialEq)]
pub(super) enum Peek {
    Frames(usize),
    /// More bytes are needed.
    Unknown,
    /// It holds no image.
    NoPixels,
}

/// Counts the frames by the first bytes of a file, or all of it if `is_whole`. Damage is left for [`Header::read`] to name, and
/// stands for one frame.
pub(super) fn peek(bytes: &[u8], start: Start, is_whole: bool, limits: &Limits) -> Peek {
    let mut elements = Elements::default();
    let unknown = if is_whole { Peek::Frames(1) } else { Peek::Unknown };
    let Ok(at) = elements.walk_meta(bytes, start, limits) else { return unknown };
    let syntax = elements.transfer_syntax.clone().unwrap_or_default();
    let inflated;
    let (bytes, at) = if syntax == uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN {
        let compressed = &bytes[at as usize..];
        inflated = inflate::start(compressed, (bytes.len() as u64).max(LONGEST_HEADER));
        (&inflated[..], 0)
    } else {
        (bytes, at)
    };
    let walked = elements.walk(bytes, at, &syntax, Walk::DataSet, limits);
    match (walked, &elements.pixels) {
        (Ok(_), Some(_)) => {
            Peek::Frames(elements.frame_count().ok().filter(|frames| *frames as u64 <= limits.frames).unwrap_or(1))
        }
        (Ok(_), None) if is_whole && !elements.is_cut() => Peek::NoPixels,
        _ => unknown,
    }
}

impl Layout {
    /// The bits of a value that lies in `bytes` of them.
    fn raw(self, bytes: &[u8]) -> u32 {
        match (bytes, self.big_endian) {
            ([one], _) => u32::from(*one),
            ([a, b], false) => u32::from(u16::from_le_bytes([*a, *b])),
            ([a, b], true) => u32::from(u16::from_be_bytes([*a, *b])),
            _ => unreachable!("one or two bytes a value"),
        }
    }

    /// The layout of a codestream's samples of `precision` bits: one that holds no more than the stored bits holds them from
    /// bit 0, a longer one all that are allocated.
    fn of_codestream(self, precision: u32) -> Layout {
        if precision <= self.bits { Layout { shift: 0, bits: precision, ..self } } else { self }
    }

    /// The value that is stored in `raw`.
    fn value(self, raw: u32) -> i32 {
        let unused = 32 - self.bits;
        let high = (raw >> self.shift) << unused;
        if self.signed { (high as i32) >> unused } else { (high >> unused) as i32 }
    }
}

impl Meaning {
    fn pixels(self, values: impl Iterator<Item = i32> + Clone) -> Pixels {
        let values = values.map(|value| value as f32);
        match self {
            Meaning::Hu { slope, intercept } => Pixels::Hu(values.map(|value| value * slope + intercept).collect()),
            Meaning::Gray { inverted } => Pixels::Gray(stretch(values, inverted)),
        }
    }
}

/// Gray levels from the least to the greatest value.
fn stretch(values: impl Iterator<Item = f32> + Clone, inverted: bool) -> Vec<u8> {
    let least = values.clone().fold(f32::INFINITY, f32::min);
    let greatest = values.clone().fold(f32::NEG_INFINITY, f32::max);
    let range = (greatest - least).max(1.0);
    values
        .map(|value| {
            let level = ((value - least) / range * 255.0).round() as u8;
            if inverted { 255 - level } else { level }
        })
        .collect()
}

/// Which part of the file [`Elements::walk`] reads.
#[derive(PartialEq)]
enum Walk {
    FileMeta,
    DataSet,
}

/// What [`Elements::walk`] is inside of.
#[derive(PartialEq)]
enum Open {
    Sequence,
    Item,
}

fn close(open: &mut Vec<Open>, what: Open) -> Result<()> {
    if open.pop() == Some(what) { Ok(()) } else { Err(damaged("a sequence or an item ends that has not begun")) }
}

impl Elements {
    /// Reads the file meta group; returns where the data set starts. Afterwards the transfer syntax is known.
    fn walk_meta(&mut self, bytes: &[u8], start: Start, limits: &Limits) -> Result<u64> {
        if let Some(syntax) = start.syntax {
            self.transfer_syntax = Some(syntax.to_string());
            return Ok(start.at as u64);
        }
        let end = self.walk(bytes, start.at as u64, uids::EXPLICIT_VR_LITTLE_ENDIAN, Walk::FileMeta, limits)?;
        if self.transfer_syntax.is_none() {
            return Err(damaged("it names no transfer syntax"));
        }
        Ok(end)
    }

    /// Reads elements from byte `at` on; returns where it stopped: behind the file meta group, or at the pixel data.
    fn walk(&mut self, bytes: &[u8], at: u64, syntax: &str, walk: Walk, limits: &Limits) -> Result<u64> {
        let transfer_syntax = TransferSyntaxRegistry.get(syntax).ok_or_else(|| unsupported_syntax(syntax))?;
        let big_endian = syntax == EXPLICIT_VR_BIG_ENDIAN;
        let mut cursor = Cursor::new(bytes);
        cursor.set_position(at);
        let mut reader =
            LazyDataSetReader::new_with_ts(cursor, transfer_syntax).map_err(|error| damaged(&error.to_string()))?;
        // Sequences and items that have begun and not ended. The reader itself takes any end for that of the innermost, and panics where
        // nothing is left.
        let mut open = Vec::new();
        let mut tokens = 0u64;
        let mut end = at;
        while let Some(token) = reader.advance() {
            tokens += 1;
            Limits::check("the number of its elements", tokens, limits.elements)?;
            Limits::check("the length of its header in bytes", end - at, limits.header)?;
            match token.map_err(|error| damaged(&error.to_string()))? {
                LazyDataToken::ElementHeader(header) if walk == Walk::FileMeta && header.tag.group() != 0x0002 => {
                    return Ok(end);
                }
                LazyDataToken::PixelSequenceStart if open.is_empty() => {
                    let at = reader.into_decoder().position();
                    self.pixels = Some(PixelData::Encapsulated { at });
                    return Ok(at);
                }
                LazyDataToken::SequenceStart { tag, .. } => {
                    if open.is_empty() {
                        self.has_modality_lut |= tag == tags::MODALITY_LUT_SEQUENCE;
                        self.has_functional_groups |= tag == tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE
                            || tag == tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE;
                    }
                    open.push(Open::Sequence);
                    // Every other one is an item.
                    Limits::check("the number of sequences within each other", open.len() as u64 / 2, limits.nesting)?;
                }
                LazyDataToken::PixelSequenceStart => open.push(Open::Sequence),
                LazyDataToken::ItemStart { .. } => open.push(Open::Item),
                LazyDataToken::SequenceEnd => close(&mut open, Open::Sequence)?,
                LazyDataToken::ItemEnd => close(&mut open, Open::Item)?,
                LazyDataToken::LazyValue { header, decoder } => {
                    let length = header.len.get().ok_or_else(|| damaged("an element has no length"))?;
                    let position = decoder.position();
                    if open.is_empty() && header.tag == tags::PIXEL_DATA {
                        self.pixels = Some(PixelData::Native { at: position, length });
                        return Ok(position);
                    }
                    if u64::from(length) > (bytes.len() as u64).saturating_sub(position) {
                        return Err(damaged(&format!("it ends inside element {}", header.tag)));
                    }
                    if open.is_empty() && header.tag == tags::EXTENDED_OFFSET_TABLE {
                        self.offsets = Some(position as usize..position as usize + length as usize);
                    }
                    if open.is_empty() && length <= LONGEST_VALUE && is_needed(header.tag) {
                        let mut value = Vec::new();
                        decoder.read_to_vec(length, &mut value).map_err(|error| damaged(&error.to_string()))?;
                        self.take(header.tag, &value, big_endian);
                    } else {
                        decoder.skip_bytes(length).map_err(|error| damaged(&error.to_string()))?;
                    }
                    end = decoder.position();
                }
                LazyDataToken::LazyItemValue { len, decoder } => {
                    if u64::from(len) > (bytes.len() as u64).saturating_sub(decoder.position()) {
                        return Err(damaged("it ends inside an item"));
                    }
                    decoder.skip_bytes(len).map_err(|error| damaged(&error.to_string()))?;
                }
                _ => {}
            }
        }
        self.is_open = !open.is_empty();
        Ok(end)
    }

    fn take(&mut self, tag: Tag, value: &[u8], big_endian: bool) {
        let text = || {
            let text = String::from_utf8_lossy(value);
            Some(text.trim_matches(['\0', ' ']).to_string()).filter(|text| !text.is_empty())
        };
        let number = || {
            let bytes = value.first_chunk::<2>()?;
            Some(if big_endian { u16::from_be_bytes(*bytes) } else { u16::from_le_bytes(*bytes) })
        };
        match tag {
            tags::TRANSFER_SYNTAX_UID => self.transfer_syntax = text(),
            // Users see it as it stands: what is no code word may be anything, a name too.
            tags::MODALITY => {
                self.modality = text().map(|text| if is_code(&text) { text } else { "unknown".to_string() })
            }
            tags::IMAGE_TYPE => self.image_type = text(),
            tags::PHOTOMETRIC_INTERPRETATION => self.photometric = text(),
            tags::NUMBER_OF_FRAMES => self.frames = text(),
            tags::RESCALE_SLOPE => self.slope = text(),
            tags::RESCALE_INTERCEPT => self.intercept = text(),
            tags::RESCALE_TYPE => self.rescale_type = text(),
            tags::IMAGE_ORIENTATION_PATIENT => self.orientation = text(),
            tags::SERIES_INSTANCE_UID => self.series = text().map(|uid| Series::of(&uid)),
            tags::IMAGE_POSITION_PATIENT => self.position = text(),
            tags::INSTANCE_NUMBER => self.instance = text(),
            tags::SAMPLES_PER_PIXEL => self.samples = number(),
            tags::ROWS => self.rows = number(),
            tags::COLUMNS => self.columns = number(),
            tags::BITS_ALLOCATED => self.bits_allocated = number(),
            tags::BITS_STORED => self.bits_stored = number(),
            tags::HIGH_BIT => self.high_bit = number(),
            tags::PIXEL_REPRESENTATION => self.representation = number(),
            _ => {}
        }
    }

    fn into_header(self, bytes: &[u8], limits: &Limits) -> Result<Header> {
        let syntax = self.transfer_syntax.clone().unwrap_or_default();
        let Some(pixels) = self.pixels else {
            return Err(if self.is_cut() { damaged("it ends before the pixel data") } else { Error::NoPixels });
        };
        let codec = Codec::of(&syntax);
        if codec.is_none() && !UNCOMPRESSED.contains(&syntax.as_str()) {
            return Err(unsupported_syntax(&syntax));
        }
        let samples = self.samples.unwrap_or(1);
        let photometric = self.photometric.clone().unwrap_or_default();
        if samples != 1 || photometric == "PALETTE COLOR" {
            return Err(Error::Unsupported {
                what: format!("a colour DICOM image ({photometric})"),
                advice: "CT slices are gray: choose the original series",
            });
        }
        let (Some(rows), Some(columns)) = (self.rows, self.columns) else {
            return Err(damaged("it does not say how large the image is"));
        };
        let (width, height) = (usize::from(columns), usize::from(rows));
        limits.check_frame(FORMAT, width as u64, height as u64)?;

        let frames = self.frame_count()?;
        Limits::check("the number of frames", frames as u64, limits.frames)?;

        let layout = self.layout(&syntax)?;
        let storage = match (pixels, codec) {
            (PixelData::Native { at, length }, None) => {
                let expected = (width * height * layout.bytes) as u64 * frames as u64;
                let present = u64::from(length).min((bytes.len() as u64).saturating_sub(at));
                if present < expected {
                    return Err(damaged(&format!("it holds {present} of {expected} bytes of pixel data")));
                }
                Storage::Native { at: at as usize }
            }
            (PixelData::Encapsulated { at }, Some(codec)) => {
                let frames = Frames::locate(bytes, at as usize, frames, self.offsets.clone())?;
                Storage::Encapsulated { codec, frames }
            }
            (PixelData::Encapsulated { .. }, None) => return Err(damaged("its pixel data have no length")),
            (PixelData::Native { .. }, Some(_)) => {
                return Err(damaged("its compressed pixel data are in no fragments"));
            }
        };
        let meaning = self.meaning(&photometric)?;
        let localizer =
            self.image_type.as_deref().is_some_and(|kinds| kinds.split('\\').any(|kind| kind.trim() == "LOCALIZER"));
        let place = self.place(frames);
        let origin = Origin {
            format: FORMAT,
            oblique: self.orientation.as_deref().is_some_and(is_oblique),
            modality: self.modality,
            transfer_syntax: Some(syntax),
            localizer,
            colour: 0.0,
        };
        Ok(Header { frames, width, height, layout, meaning, storage, origin, place })
    }

    /// What groups and orders the slices; what makes no sense there is no reason to refuse them.
    fn place(&self, frames: usize) -> Place {
        let single = |text: &Option<String>| text.clone().filter(|_| frames == 1);
        let height = single(&self.position).and_then(|position| {
            let [_, _, z] = position.split('\\').collect::<Vec<_>>()[..] else { return None };
            z.trim().parse().ok().filter(|z: &f64| z.is_finite())
        });
        let number = single(&self.instance).and_then(|number| number.parse().ok());
        Place { series: self.series, height, number }
    }

    fn frame_count(&self) -> Result<usize> {
        let Some(text) = self.frames.as_deref() else { return Ok(1) };
        text.parse::<usize>().ok().filter(|frames| *frames > 0).ok_or_else(|| {
            damaged(&format!("its number of frames is \"{}\"", text.chars().take(16).collect::<String>()))
        })
    }

    /// Whether an image must have followed.
    fn is_cut(&self) -> bool {
        self.is_open || self.rows.is_some()
    }

    fn layout(&self, syntax: &str) -> Result<Layout> {
        let allocated = self.bits_allocated.unwrap_or(16);
        if allocated != 8 && allocated != 16 {
            return Err(Error::Unsupported {
                what: format!("{allocated} bits a pixel"),
                advice: "export the series with 16 bits a pixel",
            });
        }
        let stored = self.bits_stored.unwrap_or(allocated);
        let high = self.high_bit.unwrap_or(stored.saturating_sub(1));
        if stored == 0 || stored > allocated || high >= allocated || high + 1 < stored {
            return Err(damaged(&format!("{stored} bits up to bit {high} do not fit in {allocated}")));
        }
        Ok(Layout {
            bytes: usize::from(allocated / 8),
            big_endian: syntax == EXPLICIT_VR_BIG_ENDIAN,
            shift: u32::from(high + 1 - stored),
            bits: u32::from(stored),
            signed: self.representation == Some(1),
        })
    }

    fn meaning(&self, photometric: &str) -> Result<Meaning> {
        let is_ct = self.modality.as_deref().is_none_or(|modality| modality == "CT");
        let gray = Meaning::Gray { inverted: photometric == "MONOCHROME1" };
        if !is_ct {
            return Ok(gray);
        }
        let rescaled = self.slope.is_some() || self.intercept.is_some();
        let slope = number(&self.slope, 1.0, "rescale slope")?;
        let intercept = number(&self.intercept, 0.0, "rescale intercept")?;
        if !(f32::from(u16::MAX) * slope.abs() + intercept.abs()).is_finite() {
            return Err(damaged("its Hounsfield scale goes beyond all numbers"));
        }
        // Eight bits as they stand are levels of a picture that was windowed before it was stored.
        if self.bits_stored.is_some_and(|bits| bits <= 8) && (slope, intercept) == (1.0, 0.0) {
            return Ok(gray);
        }
        // "US" is unspecified, which in CT means Hounsfield units.
        if let Some(unit) = self.rescale_type.as_deref().filter(|unit| !["HU", "US"].contains(unit)) {
            let unit = if is_code(unit) { unit } else { "unknown" };
            return Err(Error::Unsupported {
                what: format!("a CT image whose values are not Hounsfield units ({unit})"),
                advice: "choose the series in Hounsfield units",
            });
        }
        if !rescaled && (self.has_modality_lut || self.has_functional_groups) {
            return Err(Error::Unsupported {
                what: "a DICOM image whose Hounsfield scale stands in a table or in functional groups".to_string(),
                advice: "export it as ordinary CT images, one a slice",
            });
        }
        // MONOCHROME1 turns the display over, not the Hounsfield scale.
        Ok(Meaning::Hu { slope, intercept })
    }
}

/// A decimal string, or `default` where there is none.
fn number(text: &Option<String>, default: f32, name: &str) -> Result<f32> {
    let Some(text) = text else { return Ok(default) };
    let value = text.parse().ok().filter(|value: &f32| value.is_finite());
    value.ok_or_else(|| damaged(&format!("its {name} is no number")))
}

/// A code string of DICOM PS3.5 6.2.
fn is_code(text: &str) -> bool {
    text.len() <= 16 && text.chars().all(|c| matches!(c, 'A'..='Z' | '0'..='9' | '_' | ' '))
}

/// Whether the plane of rows and columns, given by their direction cosines, is more than 37 degrees off the axial one. A gantry
/// tilts by 30 at most.
fn is_oblique(orientation: &str) -> bool {
    let cosines: Vec<f32> = orientation.split('\\').filter_map(|text| text.trim().parse().ok()).collect();
    let [rx, ry, _, cx, cy, _] = cosines[..] else { return false };
    (rx * cy - ry * cx).abs() < 0.8
}

fn is_needed(tag: Tag) -> bool {
    matches!(
        tag,
        tags::TRANSFER_SYNTAX_UID
            | tags::MODALITY
            | tags::IMAGE_TYPE
            | tags::PHOTOMETRIC_INTERPRETATION
            | tags::NUMBER_OF_FRAMES
            | tags::RESCALE_SLOPE
            | tags::RESCALE_INTERCEPT
            | tags::RESCALE_TYPE
            | tags::IMAGE_ORIENTATION_PATIENT
            | tags::SERIES_INSTANCE_UID
            | tags::IMAGE_POSITION_PATIENT
            | tags::INSTANCE_NUMBER
            | tags::SAMPLES_PER_PIXEL
            | tags::ROWS
            | tags::COLUMNS
            | tags::BITS_ALLOCATED
            | tags::BITS_STORED
            | tags::HIGH_BIT
            | tags::PIXEL_REPRESENTATION
    )
}

fn damaged(reason: &str) -> Error {
    Error::Unreadable { format: FORMAT, reason: reason.to_string() }
}

fn unsupported_syntax(uid: &str) -> Error {
    let uid: String = uid.chars().filter(|c| c.is_ascii_digit() || *c == '.').take(64).collect();
    let what = match TransferSyntaxRegistry.get(&uid) {
        Some(syntax) => format!("the DICOM transfer syntax {} ({uid})", syntax.name()),
        None => format!("the DICOM transfer syntax \"{uid}\""),
    };
    Error::Unsupported { what, advice: UNCOMPRESSED_ADVICE }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::decode::Source;

    /// A file of `count` frames.
    pub(in crate::decode) fn frames(count: usize) -> Vec<u8> {
        frames_behind(0, count)
    }

    /// A file whose frames come behind `length` bytes that no slice needs.
    pub(in crate::decode) fn frames_behind(length: usize, count: usize) -> Vec<u8> {
        let frames = count.to_string();
        File { frames: Some(&frames), values: vec![7; 2 * count], unneeded: length, ..File::default() }.bytes()
    }

    const EXPLICIT: &str = uids::EXPLICIT_VR_LITTLE_ENDIAN;
    const IMPLICIT: &str = uids::IMPLICIT_VR_LITTLE_ENDIAN;

    /// Writes a data set element by element, in the encoding of its transfer syntax.
    struct Writer {
        syntax: &'static str,
        bytes: Vec<u8>,
    }

    impl Writer {
        fn element(&mut self, tag: Tag, vr: &str, value: &[u8]) -> &mut Self {
            self.header(tag, vr, value.len() as u32);
            self.bytes.extend_from_slice(value);
            self
        }

        fn header(&mut self, tag: Tag, vr: &str, length: u32) {
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

        fn short(&mut self, value: u16) {
            let big = self.syntax == EXPLICIT_VR_BIG_ENDIAN;
            self.bytes.extend_from_slice(&if big { value.to_be_bytes() } else { value.to_le_bytes() });
        }

        fn long(&mut self, value: u32) {
            let big = self.syntax == EXPLICIT_VR_BIG_ENDIAN;
            self.bytes.extend_from_slice(&if big { value.to_be_bytes() } else { value.to_le_bytes() });
        }

        fn number(&mut self, tag: Tag, value: u16) -> &mut Self {
            self.header(tag, "US", 2);
            self.short(value);
            self
        }

        fn text(&mut self, tag: Tag, vr: &str, value: &str) -> &mut Self {
            let padded = if value.len().is_multiple_of(2) { value.to_string() } else { format!("{value} ") };
            self.element(tag, vr, padded.as_bytes())
        }
    }

    /// A CT file of 2 x 1 pixels; `change` adds or replaces what a test is about.
    struct File<'a> {
        syntax: &'static str,
        modality: &'static str,
        orientation: Option<&'static str>,
        rescale_type: Option<&'static str>,
        photometric: &'static str,
        stored: u16,
        high: u16,
        signed: u16,
        frames: Option<&'a str>,
        rescale: Option<(&'static str, &'static str)>,
        /// UID, instance number and position.
        place: Option<[&'static str; 3]>,
        /// Bytes of an element that no slice needs.
        unneeded: usize,
        values: Vec<u16>,
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
        fn data_set(&self) -> Vec<u8> {
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

        fn bytes(&self) -> Vec<u8> {
            let mut meta = Writer { syntax: EXPLICIT, bytes: [vec![0; PREAMBLE], MAGIC.to_vec()].concat() };
            meta.text(tags::TRANSFER_SYNTAX_UID, "UI", self.syntax);
            [meta.bytes, self.data_set()].concat()
        }

        fn read(&self) -> Result<Vec<Vec<f32>>> {
            values(self.bytes())
        }
    }

    fn values(bytes: Vec<u8>) -> Result<Vec<Vec<f32>>> {
        let source = Source::open(bytes, Limits::default())?;
        (0..source.frames())
            .map(|frame| {
                Ok(match source.slice(frame)?.pixels {
                    Pixels::Hu(values) => values,
                    Pixels::Gray(levels) => levels.into_iter().map(f32::from).collect(),
                })
            })
            .collect()
    }

    #[test]
    fn the_header_says_where_a_slice_belongs() {
        let place = |file: File| Source::open(file.bytes(), Limits::default()).unwrap().place();
        let given = Some(["1.2.3", "17", "-125\\-130.5\\ -42.25"]);
        let found = place(File { place: given, ..File::default() });
        assert_eq!((found.series, found.height, found.number), (Some(Series::of("1.2.3")), Some(-42.25), Some(17)));
        // The position and the number of a file are not those of its frames.
        let frames = place(File { place: given, frames: Some("2"), values: vec![0; 4], ..File::default() });
        assert_eq!((frames.series, frames.height, frames.number), (Some(Series::of("1.2.3")), None, None));
        let senseless = place(File { place: Some(["1.2.3", "first", "1\\2\\inf"]), ..File::default() });
        assert_eq!((senseless.height, senseless.number), (None, None));
        assert_eq!(place(File::default()), Place::default());
    }

    #[test]
    fn uncompressed_syntaxes_give_the_same_values() {
        for syntax in [EXPLICIT, IMPLICIT, EXPLICIT_VR_BIG_ENDIAN] {
            let file = File { syntax, ..File::default() };
            assert_eq!(file.read().unwrap(), [[-1000.0, 40.0]], "{syntax}");
        }
    }

    #[test]
    fn preamble_and_file_meta_group_may_be_missing() {
        let file = File::default();
        assert_eq!(values(file.bytes()[PREAMBLE..].to_vec()).unwrap(), [[-1000.0, 40.0]]);
        assert_eq!(values(file.bytes()[PREAMBLE + MAGIC.len()..].to_vec()).unwrap(), [[-1000.0, 40.0]]);
        assert_eq!(values(file.data_set()).unwrap(), [[-1000.0, 40.0]]);
        let implicit = File { syntax: IMPLICIT, ..File::default() };
        assert_eq!(values(implicit.data_set()).unwrap(), [[-1000.0, 40.0]]);
    }

    #[test]
    fn slope_and_intercept_make_hounsfield_units_of_stored_values() {
        let file = File { signed: 0, values: vec![24, 1064], rescale: Some(("1", "-1024")), ..File::default() };
        assert_eq!(file.read().unwrap(), [[-1000.0, 40.0]]);
        let turned = File { photometric: "MONOCHROME1", rescale: Some(("-1", "0")), ..File::default() };
        assert_eq!(turned.read().unwrap(), [[1000.0, -40.0]]);
    }

    #[test]
    fn bits_beside_the_stored_ones_are_ignored() {
        // 12 bits at the top, and 12 at the bottom with an overlay above.
        let top = File { stored: 12, high: 15, values: vec![0xC18F, 0x028A], ..File::default() };
        assert_eq!(top.read().unwrap(), [[-1000.0, 40.0]]);
        let bottom = File { stored: 12, high: 11, values: vec![0x5C18, 0xF028], ..File::default() };
        assert_eq!(bottom.read().unwrap(), [[-1000.0, 40.0]]);
    }

    #[test]
    fn frames_are_read_one_by_one() {
        let file = File { frames: Some("2"), values: vec![1, 2, 3, 4], ..File::default() };
        assert_eq!(file.read().unwrap(), [[1.0, 2.0], [3.0, 4.0]]);
    }

    #[test]
    fn other_modalities_are_gray_from_their_least_to_their_greatest_value() {
        let file = File { modality: "MR", values: vec![10, 500], ..File::default() };
        assert_eq!(file.read().unwrap(), [[0.0, 255.0]]);
        let turned = File { photometric: "MONOCHROME1", ..file };
        assert_eq!(turned.read().unwrap(), [[255.0, 0.0]]);
    }

    #[test]
    fn headers_say_what_is_not_axial_and_not_in_hounsfield_units() {
        let oblique = |orientation| {
            let bytes = File { orientation: Some(orientation), ..File::default() }.bytes();
            Source::open(bytes, Limits::default()).unwrap().slice(0).unwrap().origin.oblique
        };
        assert!(!oblique("1\\0\\0\\0\\1\\0"), "axial");
        assert!(!oblique("1\\0\\0\\0\\0.9\\0.43"), "a tilted gantry");
        assert!(!oblique("nonsense"), "nothing that is known");
        assert!(oblique("1\\0\\0\\0\\0\\-1"), "coronal");
        assert!(oblique("0\\1\\0\\0\\0\\-1"), "sagittal");
        let energy = File { rescale_type: Some("Z_EFF"), ..File::default() };
        assert!(energy.read().unwrap_err().to_string().contains("Z_EFF"));
        assert!(File { rescale_type: Some("HU"), ..File::default() }.read().is_ok());
    }

    #[test]
    fn a_modality_that_is_no_code_is_not_shown() {
        let bytes = File { modality: "Doe^John 19700101", ..File::default() }.bytes();
        let slice = Source::open(bytes, Limits::default()).unwrap().slice(0).unwrap();
        assert_eq!(slice.origin.modality.as_deref(), Some("unknown"));
    }

    #[test]
    fn what_holds_no_image_is_told_from_what_was_cut() {
        let whole = File::default().bytes();
        let pixels_at = whole.len() - 2 * 2 - 12;
        assert_eq!(values(whole[..pixels_at].to_vec()).unwrap_err().code(), "unreadable");
        let mut report = Writer { syntax: EXPLICIT, bytes: [vec![0; PREAMBLE], MAGIC.to_vec()].concat() };
        report.text(tags::TRANSFER_SYNTAX_UID, "UI", EXPLICIT).text(tags::MODALITY, "CS", "SR");
        assert_eq!(values(report.bytes).unwrap_err(), Error::NoPixels);
    }

    /// The same file with its data set deflated.
    fn deflated(file: &File) -> Vec<u8> {
        let mut meta = Writer { syntax: EXPLICIT, bytes: [vec![0; PREAMBLE], MAGIC.to_vec()].concat() };
        meta.text(tags::TRANSFER_SYNTAX_UID, "UI", uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN);
        let mut encoder = flate2::write::DeflateEncoder::new(meta.bytes, flate2::Compression::best());
        std::io::Write::write_all(&mut encoder, &file.data_set()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_deflated_data_set_is_inflated_within_its_limit() {
        let file = File { frames: Some("2"), values: vec![1, 2, 3, 4], unneeded: 5000, ..File::default() };
        let bytes = deflated(&file);
        assert_eq!(values(bytes.clone()).unwrap(), [[1.0, 2.0], [3.0, 4.0]]);
        let start = sniff(&bytes).unwrap();
        assert_eq!(peek(&bytes, start, true, &Limits::default()), Peek::Frames(2));
        let limits = Limits { entry: 5000, ..Limits::default() };
        assert_eq!(Source::open(bytes.clone(), limits).err().map(|error| error.code()), Some("too_large"));
        let cut = bytes[..bytes.len() - 8].to_vec();
        assert!(values(cut).unwrap_err().to_string().contains("deflated data set is damaged"));
    }

    #[test]
    fn too_little_pixel_data_is_an_error() {
        let mut bytes = File::default().bytes();
        bytes.truncate(bytes.len() - 1);
        assert_eq!(values(bytes).unwrap_err().code(), "unreadable");
        let more = File { frames: Some("70000"), ..File::default() };
        assert_eq!(more.read().unwrap_err().code(), "too_large");
        let nonsense = File { frames: Some("many"), ..File::default() };
        assert_eq!(nonsense.read().unwrap_err().code(), "unreadable");
    }

    #[test]
    fn a_length_that_is_not_there_takes_no_memory() {
        let mut writer = Writer { syntax: EXPLICIT, bytes: [vec![0; PREAMBLE], MAGIC.to_vec()].concat() };
        writer.text(tags::TRANSFER_SYNTAX_UID, "UI", EXPLICIT);
        writer.header(Tag(0x0009, 0x0010), "OB", 0xFFFF_FFF0);
        let error = values(writer.bytes).unwrap_err();
        assert_eq!(error.code(), "unreadable", "{error}");
    }

    #[test]
    fn what_cannot_be_decoded_is_named() {
        let movie = File { syntax: "1.2.840.10008.1.2.4.102", ..File::default() };
        assert_eq!(movie.read().unwrap_err().code(), "unsupported");
        let unknown = File { syntax: "1.2.3", ..File::default() };
        assert!(unknown.read().unwrap_err().to_string().contains("1.2.3"));
        let palette = File { photometric: "PALETTE COLOR", ..File::default() };
        assert!(palette.read().unwrap_err().to_string().contains("PALETTE COLOR"));
    }

    proptest::proptest! {
        #[test]
        fn damaged_files_are_errors_and_no_panic(
            flips in proptest::collection::vec((0usize..1000, 0u8..), 0..12),
            cut in 0usize..1000,
            implicit in proptest::bool::ANY,
        ) {
            let syntax = if implicit { IMPLICIT } else { EXPLICIT };
            let mut bytes = File { syntax, ..File::default() }.bytes();
            for (at, value) in flips {
                let at = PREAMBLE + at % (bytes.len() - PREAMBLE);
                bytes[at] = value;
            }
            bytes.truncate(bytes.len() - cut % bytes.len());
            let _ = values(bytes);
        }
    }
}
