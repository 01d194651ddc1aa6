//! The elements of a file as they stand in its data set: walked one by one, and skipped where no slice needs them.

use std::io::Cursor;
use std::ops::Range;

use dicom_core::{Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_encoding::transfer_syntax::TransferSyntaxIndex;
use dicom_parser::StatefulDecode;
use dicom_parser::dataset::LazyDataToken;
use dicom_parser::dataset::lazy_read::LazyDataSetReader;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use super::decimal;
use super::fault::damaged;
use super::groups::Groups;
use super::start::{MAX_VALUE, Start};
use super::syntax::{EXPLICIT_VR_BIG_ENDIAN, unsupported_syntax};
use super::table::Lut;
use crate::decode::Limits;
use crate::error::Result;
use crate::place::Uid;

/// The elements as they stand in the data set; of a frame, once its functional groups stand in their place.
#[derive(Debug, Clone, Default)]
pub(super) struct Elements {
    pub(super) transfer_syntax: Option<String>,
    pub(super) sop_class: Option<String>,
    pub(super) modality: Option<String>,
    pub(super) image_type: Option<String>,
    pub(super) photometric: Option<String>,
    pub(super) frames: Option<String>,
    pub(super) samples: Option<u16>,
    pub(super) rows: Option<u16>,
    pub(super) columns: Option<u16>,
    pub(super) bits_allocated: Option<u16>,
    pub(super) bits_stored: Option<u16>,
    pub(super) high_bit: Option<u16>,
    pub(super) representation: Option<u16>,
    pub(super) padding: Option<u16>,
    pub(super) padding_limit: Option<u16>,
    pub(super) slope: Option<String>,
    pub(super) intercept: Option<String>,
    pub(super) rescale_type: Option<String>,
    pub(super) orientation: Option<String>,
    pub(super) patient_orientation: Option<String>,
    pub(super) visit: Option<Uid>,
    pub(super) series: Option<Uid>,
    pub(super) instance: Option<Uid>,
    pub(super) position: Option<String>,
    pub(super) location: Option<String>,
    pub(super) number: Option<String>,
    pub(super) acquisition: Option<String>,
    pub(super) echoes: Option<String>,
    pub(super) time: Option<String>,
    pub(super) stack: Option<String>,
    pub(super) place_in_stack: Option<u32>,
    pub(super) kernel: Option<String>,
    pub(super) thickness: Option<String>,
    pub(super) concatenation: Option<Uid>,
    pub(super) place_in_concatenation: Option<u16>,
    /// The frames of a concatenation that come before the first of this file.
    pub(super) frames_before: Option<u32>,
    /// A decimal number has a comma where its point should be.
    pub(super) has_comma: bool,
    pub(super) groups: Groups,
    /// The walk ended inside a sequence.
    pub(super) is_open: bool,
    /// The first item of a Modality LUT Sequence.
    pub(super) lut: Option<Lut>,
    /// Where the value of the Extended Offset Table lies.
    pub(super) offsets: Option<Range<usize>>,
    pub(super) pixels: Option<PixelData>,
    /// What stands for nothing measured among pixels that are floating-point numbers.
    pub(super) float_padding: Option<f64>,
    pub(super) float_padding_limit: Option<f64>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum PixelData {
    Native {
        at: u64,
        length: u32,
    },
    /// Floating-point numbers of so many bytes each.
    Floats {
        at: u64,
        length: u32,
        bytes: usize,
    },
    /// Items from byte `at` on.
    Encapsulated {
        at: u64,
    },
}

/// The elements that hold pixels as floating-point numbers, and bytes of each.
const FLOATS: [(Tag, usize); 2] = [(tags::FLOAT_PIXEL_DATA, 4), (tags::DOUBLE_FLOAT_PIXEL_DATA, 8)];

/// What becomes of the value of an element.
pub(super) type Take = fn(&mut Elements, Value);

/// The elements that are read outside of all sequences; within them [`Groups`] reads some, and every other one is skipped.
const READ: [(Tag, Take); 40] = [
    (tags::MEDIA_STORAGE_SOP_CLASS_UID, |elements, value| elements.sop_class = value.text()),
    (tags::TRANSFER_SYNTAX_UID, |elements, value| elements.transfer_syntax = value.text()),
    (tags::IMAGE_TYPE, |elements, value| elements.image_type = value.text()),
    (tags::SOP_CLASS_UID, |elements, value| elements.sop_class = value.text()),
    // Users see it as it stands: what is no code word may be anything, a name too.
    (tags::MODALITY, |elements, value| {
        elements.modality = value.text().map(|text| if is_code(&text) { text } else { "unknown".to_string() })
    }),
    (tags::SOP_INSTANCE_UID, |elements, value| elements.instance = value.uid()),
    (tags::STUDY_INSTANCE_UID, |elements, value| elements.visit = value.uid()),
    (tags::SERIES_INSTANCE_UID, |elements, value| elements.series = value.uid()),
    (tags::CONCATENATION_UID, |elements, value| elements.concatenation = value.uid()),
    (tags::IN_CONCATENATION_NUMBER, |elements, value| elements.place_in_concatenation = value.number()),
    (tags::CONCATENATION_FRAME_OFFSET_NUMBER, |elements, value| elements.frames_before = value.long()),
    (tags::INSTANCE_NUMBER, |elements, value| elements.number = value.text()),
    (tags::ACQUISITION_NUMBER, |elements, value| elements.acquisition = value.text()),
    (tags::ECHO_NUMBERS, |elements, value| elements.echoes = value.text()),
    (tags::TEMPORAL_POSITION_IDENTIFIER, |elements, value| elements.time = value.text()),
    (tags::TEMPORAL_POSITION_INDEX, |elements, value| elements.time = value.long().map(|index| index.to_string())),
    (tags::CONVOLUTION_KERNEL, |elements, value| elements.kernel = value.text()),
    (tags::SLICE_THICKNESS, |elements, value| elements.thickness = elements.decimal(value)),
    (tags::SLICE_LOCATION, |elements, value| elements.location = elements.decimal(value)),
    (tags::PATIENT_ORIENTATION, |elements, value| elements.patient_orientation = value.text()),
    (tags::IMAGE_POSITION_PATIENT, |elements, value| elements.position = elements.decimal(value)),
    (tags::IMAGE_ORIENTATION_PATIENT, |elements, value| elements.orientation = elements.decimal(value)),
    (tags::SAMPLES_PER_PIXEL, |elements, value| elements.samples = value.number()),
    (tags::PHOTOMETRIC_INTERPRETATION, |elements, value| elements.photometric = value.text()),
    (tags::NUMBER_OF_FRAMES, |elements, value| elements.frames = value.text()),
    (tags::ROWS, |elements, value| elements.rows = value.number()),
    (tags::COLUMNS, |elements, value| elements.columns = value.number()),
    (tags::BITS_ALLOCATED, |elements, value| elements.bits_allocated = value.number()),
    (tags::BITS_STORED, |elements, value| elements.bits_stored = value.number()),
    (tags::HIGH_BIT, |elements, value| elements.high_bit = value.number()),
    (tags::PIXEL_REPRESENTATION, |elements, value| elements.representation = value.number()),
    (tags::PIXEL_PADDING_VALUE, |elements, value| elements.padding = value.number()),
    (tags::PIXEL_PADDING_RANGE_LIMIT, |elements, value| elements.padding_limit = value.number()),
    (tags::FLOAT_PIXEL_PADDING_VALUE, |elements, value| elements.float_padding = value.float()),
    (tags::FLOAT_PIXEL_PADDING_RANGE_LIMIT, |elements, value| elements.float_padding_limit = value.float()),
    (tags::DOUBLE_FLOAT_PIXEL_PADDING_VALUE, |elements, value| elements.float_padding = value.float()),
    (tags::DOUBLE_FLOAT_PIXEL_PADDING_RANGE_LIMIT, |elements, value| elements.float_padding_limit = value.float()),
    (tags::RESCALE_INTERCEPT, |elements, value| elements.take_intercept(value)),
    (tags::RESCALE_SLOPE, |elements, value| elements.slope = elements.decimal(value)),
    (tags::RESCALE_TYPE, |elements, value| elements.rescale_type = value.text()),
];

/// The value of an element.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) big_endian: bool,
}

impl Value<'_> {
    /// Without its padding; `None` where nothing is left.
    pub(super) fn text(self) -> Option<String> {
        let text = String::from_utf8_lossy(self.bytes);
        Some(text.trim_matches(['\0', ' ']).to_string()).filter(|text| !text.is_empty())
    }

    /// A floating-point number of 4 or 8 bytes.
    fn float(self) -> Option<f64> {
        let mut bytes = self.bytes.to_vec();
        if self.big_endian {
            bytes.reverse();
        }
        match bytes[..] {
            [a, b, c, d] => Some(f32::from_le_bytes([a, b, c, d]).into()),
            [a, b, c, d, e, f, g, h] => Some(f64::from_le_bytes([a, b, c, d, e, f, g, h])),
            _ => None,
        }
    }

    /// The first numbers of 16 bits.
    fn numbers<const N: usize>(self) -> Option<[u16; N]> {
        let pairs = self.bytes.as_chunks::<2>().0.first_chunk::<N>()?;
        Some(pairs.map(|pair| if self.big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }))
    }

    fn uid(self) -> Option<Uid> {
        self.text().map(|uid| Uid::of(&uid))
    }

    /// The first number of 16 bits.
    pub(super) fn number(self) -> Option<u16> {
        let bytes = self.bytes.first_chunk::<2>()?;
        Some(if self.big_endian { u16::from_be_bytes(*bytes) } else { u16::from_le_bytes(*bytes) })
    }

    /// The first number of 32 bits.
    pub(super) fn long(self) -> Option<u32> {
        let bytes = self.bytes.first_chunk::<4>()?;
        Some(if self.big_endian { u32::from_be_bytes(*bytes) } else { u32::from_le_bytes(*bytes) })
    }
}

/// How many sequences and items are open around the items of the Modality LUT Sequence, and around the elements in them.
const LUT_SEQUENCE: usize = 1;
const LUT_ITEM: usize = 2;

impl Lut {
    /// An element of its item, whose value lies at `place` in the file.
    fn take(&mut self, tag: Tag, is_signed: bool, place: Range<usize>, value: Value) {
        match tag {
            tags::LUT_DESCRIPTOR => self.descriptor = value.numbers(),
            tags::MODALITY_LUT_TYPE if value.bytes.len() <= MAX_VALUE as usize => self.unit = value.text(),
            tags::LUT_DATA => (self.entries, self.is_signed) = (Some(place), is_signed),
            _ => {}
        }
    }
}

/// Which part of the file [`Elements::walk`] reads.
#[derive(PartialEq)]
pub(super) enum Part {
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
    pub(super) fn walk_meta(&mut self, bytes: &[u8], start: Start, limits: &Limits) -> Result<u64> {
        if let Some(syntax) = start.syntax {
            self.transfer_syntax = Some(syntax.to_string());
            return Ok(start.at as u64);
        }
        let end = self.walk(bytes, start.at as u64, uids::EXPLICIT_VR_LITTLE_ENDIAN, Part::FileMeta, limits)?;
        if self.transfer_syntax.is_none() {
            return Err(damaged("it names no transfer syntax"));
        }
        Ok(end)
    }

    /// Reads elements from byte `at` on; returns where it stopped: behind the file meta group, or at the pixel data.
    pub(super) fn walk(&mut self, bytes: &[u8], at: u64, syntax: &str, part: Part, limits: &Limits) -> Result<u64> {
        let transfer_syntax = TransferSyntaxRegistry.get(syntax).ok_or_else(|| unsupported_syntax(syntax))?;
        let big_endian = syntax == EXPLICIT_VR_BIG_ENDIAN;
        let mut cursor = Cursor::new(bytes);
        cursor.set_position(at);
        let mut reader =
            LazyDataSetReader::new_with_ts(cursor, transfer_syntax).map_err(|error| damaged(&error.to_string()))?;
        // Sequences and items that have begun and not ended. The reader itself takes any end for that of the innermost, and panics where
        // nothing is left.
        let mut open = Vec::new();
        let mut is_in_lut = false;
        self.groups.begin();
        let mut tokens = 0u64;
        let mut end = at;
        while let Some(token) = reader.advance() {
            tokens += 1;
            Limits::check("the number of its elements", tokens, limits.elements)?;
            Limits::check("the length of its header in bytes", end - at, limits.header)?;
            match token.map_err(|error| damaged(&error.to_string()))? {
                LazyDataToken::ElementHeader(header) if part == Part::FileMeta && header.tag.group() != 0x0002 => {
                    return Ok(end);
                }
                LazyDataToken::PixelSequenceStart if open.is_empty() => {
                    let at = reader.into_decoder().position();
                    self.pixels = Some(PixelData::Encapsulated { at });
                    return Ok(at);
                }
                LazyDataToken::SequenceStart { tag, .. } => {
                    if open.is_empty() {
                        is_in_lut = tag == tags::MODALITY_LUT_SEQUENCE && self.lut.is_none();
                    }
                    self.groups.enter(open.len(), tag);
                    open.push(Open::Sequence);
                    // Every other one is an item.
                    Limits::check("the number of sequences within each other", open.len() as u64 / 2, limits.nesting)?;
                }
                LazyDataToken::PixelSequenceStart => {
                    self.groups.enter(open.len(), tags::PIXEL_DATA);
                    open.push(Open::Sequence);
                }
                LazyDataToken::ItemStart { .. } => {
                    if open.len() == LUT_SEQUENCE && is_in_lut {
                        // More items than one make no sense.
                        is_in_lut = self.lut.is_none();
                        self.lut.get_or_insert_default();
                    }
                    self.groups.begin_item(open.len(), limits)?;
                    open.push(Open::Item);
                }
                LazyDataToken::SequenceEnd => close(&mut open, Open::Sequence)?,
                LazyDataToken::ItemEnd => close(&mut open, Open::Item)?,
                LazyDataToken::LazyValue { header, decoder } => {
                    let length = header.len.get().ok_or_else(|| damaged("an element has no length"))?;
                    let position = decoder.position();
                    let float = FLOATS.into_iter().find(|(tag, _)| open.is_empty() && *tag == header.tag);
                    if let Some((_, bytes)) = float {
                        self.pixels = Some(PixelData::Floats { at: position, length, bytes });
                        return Ok(position);
                    }
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
                    if open.len() == LUT_ITEM
                        && is_in_lut
                        && let Some(lut) = &mut self.lut
                    {
                        let place = position as usize..position as usize + length as usize;
                        lut.take(
                            header.tag,
                            header.vr() == VR::SS,
                            place.clone(),
                            Value { bytes: &bytes[place], big_endian },
                        );
                    }
                    let read = READ.iter().find(|(tag, _)| open.is_empty() && *tag == header.tag);
                    let in_group = self.groups.take(open.len(), header.tag);
                    if (read.is_some() || in_group.is_some()) && length <= MAX_VALUE {
                        let mut value = Vec::new();
                        decoder.read_to_vec(length, &mut value).map_err(|error| damaged(&error.to_string()))?;
                        if let Some((_, take)) = read {
                            take(self, Value { bytes: &value, big_endian });
                        } else if let Some(take) = in_group {
                            self.groups.hold(take, value, big_endian);
                        }
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

    /// The text of decimal numbers, each with a point.
    pub(super) fn decimal(&mut self, value: Value) -> Option<String> {
        let text = value.text()?;
        let Some(pointed) = decimal::pointed(&text) else { return Some(text) };
        self.has_comma = true;
        Some(pointed)
    }

    /// A comma that may stand between thousands stays: that is no number.
    pub(super) fn take_intercept(&mut self, value: Value) {
        let text = value.text();
        let is_clear = text.as_deref().is_none_or(|text| !decimal::may_be_thousands(text));
        self.intercept = if is_clear { self.decimal(value) } else { text };
    }

    pub(super) fn frame_count(&self) -> Result<usize> {
        let Some(text) = self.frames.as_deref() else { return Ok(1) };
        text.parse::<usize>().ok().filter(|frames| *frames > 0).ok_or_else(|| {
            damaged(&format!("its number of frames is \"{}\"", text.chars().take(16).collect::<String>()))
        })
    }

    /// Whether an image must have followed.
    pub(super) fn is_cut(&self) -> bool {
        self.is_open || self.rows.is_some()
    }
}

/// A code string of DICOM PS3.5 6.2.
pub(super) fn is_code(text: &str) -> bool {
    text.len() <= 16 && text.chars().all(|c| matches!(c, 'A'..='Z' | '0'..='9' | '_' | ' '))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{EXPLICIT, File, Writer, values};
    use super::super::start::{MAGIC, PREAMBLE};
    use super::*;
    use crate::decode::Image;

    #[test]
    fn a_modality_that_is_no_code_is_not_shown() {
        let bytes = File { modality: "Doe^John 19700101", ..File::default() }.bytes();
        let slice = Image::open(bytes, Limits::default()).unwrap().slice(0).unwrap();
        assert_eq!(slice.origin.modality.as_deref(), Some("unknown"));
    }

    #[test]
    fn a_length_that_is_not_there_takes_no_memory() {
        let mut writer = Writer { syntax: EXPLICIT, bytes: [vec![0; PREAMBLE], MAGIC.to_vec()].concat() };
        writer.text(tags::TRANSFER_SYNTAX_UID, "UI", EXPLICIT);
        writer.header(Tag(0x0009, 0x0010), "OB", 0xFFFF_FFF0);
        let error = values(writer.bytes).unwrap_err();
        assert_eq!(error.code(), "unreadable", "{error}");
    }
}
