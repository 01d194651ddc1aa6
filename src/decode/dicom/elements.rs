//! The elements of a file as they stand in its data set: those that a slice needs, and what of them was read against the standard.

mod groups;

use std::cell::Cell;
use std::ops::Range;

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};

use self::groups::Groups;
use super::decimal;
use super::fault::damaged;
use super::start::{MAX_VALUE, Start};
use super::syntax::{EXPLICIT_VR_BIG_ENDIAN, encoding_of, name_of, unsupported_syntax};
use super::table::Lut;
use super::walk::{Encoding, Token, Vr, Walk};
use crate::decode::Limits;
use crate::error::Result;
use crate::place::Uid;

/// The elements as they stand in the data set; of a frame, once its functional groups stand in their place.
#[derive(Debug, Clone, Default)]
pub(super) struct Elements {
    /// `None` where the file names none.
    pub(super) transfer_syntax: Option<String>,
    /// How the data set is encoded, the pixels in its byte order.
    pub(super) encoding: Encoding,
    /// What was read against the standard.
    pub(super) notes: Vec<String>,
    pub(super) sop_class: Option<String>,
    pub(super) modality: Option<String>,
    pub(super) image_type: Option<String>,
    pub(super) photometric: Option<String>,
    pub(super) frames: Option<String>,
    pub(super) samples: Option<u16>,
    pub(super) planes: Option<u16>,
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
    pub(super) patient: Option<Uid>,
    pub(super) visit: Option<Uid>,
    pub(super) series: Option<Uid>,
    pub(super) instance: Option<Uid>,
    pub(super) position: Option<String>,
    pub(super) spacing: Option<String>,
    pub(super) aspect: Option<String>,
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
        at: usize,
        length: u32,
        /// They are words of 16 bits, however many bits a pixel has.
        words: bool,
    },
    /// Floating-point numbers of so many bytes each.
    Floats { at: usize, length: u32, bytes: usize },
    /// Items from byte `at` on.
    Encapsulated { at: usize },
}

/// The elements that hold pixels as floating-point numbers, and bytes of each.
const FLOATS: [(Tag, usize); 2] = [(tags::FLOAT_PIXEL_DATA, 4), (tags::DOUBLE_FLOAT_PIXEL_DATA, 8)];

/// What becomes of the value of an element.
pub(super) type Take = fn(&mut Elements, Value);

/// The elements that are read outside of all sequences; within them [`Groups`] reads some, and every other one is skipped.
const READ: [(Tag, Take); 44] = [
    (tags::MEDIA_STORAGE_SOP_CLASS_UID, |elements, value| elements.sop_class = value.text()),
    (tags::TRANSFER_SYNTAX_UID, |elements, value| elements.transfer_syntax = value.text()),
    (tags::IMAGE_TYPE, |elements, value| elements.image_type = value.text()),
    (tags::SOP_CLASS_UID, |elements, value| elements.sop_class = value.text()),
    // Users see it as it stands: what is no code word may be anything, a name too.
    (tags::MODALITY, |elements, value| {
        let text = value.text().map(|text| elements.upper_case(tags::MODALITY, text));
        elements.modality = text.map(|text| if is_code(&text) { text } else { "unknown".to_string() });
    }),
    (tags::SOP_INSTANCE_UID, |elements, value| elements.instance = value.uid()),
    // Hashed at once, like the UIDs: it tells patients apart and is shown nowhere.
    (tags::PATIENT_ID, |elements, value| elements.patient = value.uid()),
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
    (tags::PHOTOMETRIC_INTERPRETATION, |elements, value| {
        elements.photometric = value.text().map(|text| elements.upper_case(tags::PHOTOMETRIC_INTERPRETATION, text));
    }),
    (tags::PLANAR_CONFIGURATION, |elements, value| elements.planes = value.number()),
    (tags::NUMBER_OF_FRAMES, |elements, value| elements.frames = Some(value.text().unwrap_or_default())),
    (tags::ROWS, |elements, value| elements.rows = value.number()),
    (tags::COLUMNS, |elements, value| elements.columns = value.number()),
    (tags::PIXEL_SPACING, |elements, value| elements.spacing = elements.decimal(value)),
    (tags::PIXEL_ASPECT_RATIO, |elements, value| elements.aspect = value.text()),
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
    (tags::RESCALE_TYPE, |elements, value| elements.take_unit(value)),
];

/// The value of an element.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) bytes: &'a [u8],
    /// `None` in implicit VR.
    pub(super) vr: Option<Vr>,
    pub(super) big_endian: bool,
    /// A number came as text, or a text as a number.
    pub(super) is_other: &'a Cell<bool>,
}

impl Value<'_> {
    /// Without its padding; `None` where nothing is left.
    pub(super) fn text(self) -> Option<String> {
        if let Some(number) = self.binary() {
            self.is_other.set(true);
            return Some(number.to_string());
        }
        let text = String::from_utf8_lossy(self.bytes);
        let is_padding = |c: char| c == '\0' || c.is_ascii_whitespace();
        Some(text.trim_matches(is_padding).to_string()).filter(|text| !text.is_empty())
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
        match self.vr.map(|vr| vr.0).as_ref() {
            Some(b"IS" | b"DS") => {
                self.is_other.set(true);
                self.text()?.parse().ok()
            }
            Some(b"UL" | b"SL" | b"FL" | b"FD") => {
                self.is_other.set(true);
                self.binary()
                    .filter(|number| number.fract() == 0.0 && (0.0..=65_535.0).contains(number))
                    .map(|number| number as u16)
            }
            _ => Some(u16::from_le_bytes(self.first()?)),
        }
    }

    /// The first number, where the VR is one of binary numbers.
    fn binary(self) -> Option<f64> {
        Some(match &self.vr?.0 {
            b"US" => u16::from_le_bytes(self.first()?).into(),
            b"SS" => i16::from_le_bytes(self.first()?).into(),
            b"UL" => u32::from_le_bytes(self.first()?).into(),
            b"SL" => i32::from_le_bytes(self.first()?).into(),
            b"FL" => f32::from_le_bytes(self.first()?).into(),
            b"FD" => f64::from_le_bytes(self.first()?),
            _ => return None,
        })
    }

    /// The first bytes, in little endian.
    fn first<const N: usize>(self) -> Option<[u8; N]> {
        let mut bytes = *self.bytes.first_chunk::<N>()?;
        if self.big_endian {
            bytes.reverse();
        }
        Some(bytes)
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
enum Part {
    FileMeta,
    DataSet,
}

/// The sequences that are looked into, whether their length is known or not.
const ENTERED: [Tag; 14] = [
    tags::MODALITY_LUT_SEQUENCE,
    tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE,
    tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE,
    tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE,
    tags::PLANE_POSITION_SEQUENCE,
    tags::PLANE_ORIENTATION_SEQUENCE,
    tags::PIXEL_MEASURES_SEQUENCE,
    tags::FRAME_CONTENT_SEQUENCE,
    tags::CT_IMAGE_FRAME_TYPE_SEQUENCE,
    tags::MR_IMAGE_FRAME_TYPE_SEQUENCE,
    tags::PET_FRAME_TYPE_SEQUENCE,
    tags::CT_RECONSTRUCTION_SEQUENCE,
    tags::UNASSIGNED_SHARED_CONVERTED_ATTRIBUTES_SEQUENCE,
    tags::UNASSIGNED_PER_FRAME_CONVERTED_ATTRIBUTES_SEQUENCE,
];
const META: u16 = 0x0002;
const EXPLICIT: Encoding = Encoding { implicit: false, big_endian: false };
const IMPLICIT: Encoding = Encoding { implicit: true, big_endian: false };

impl Elements {
    /// Reads the file meta group, if there is one; returns where the data set starts. Afterwards the transfer syntax is known, if the file
    /// names one.
    pub(super) fn walk_meta(&mut self, bytes: &[u8], start: Start, limits: &Limits) -> Result<usize> {
        let mut at = start.at;
        let has_group = |group: u16| {
            [false, true]
                .into_iter()
                .find(|order| Walk::tag_at(bytes, at, *order).is_some_and(|tag| tag.group() == group))
        };
        if let Some(big_endian) = has_group(META) {
            if big_endian {
                self.notes.push("its file meta group is in big endian".to_string());
            }
            let found = self.walk(bytes, at, Encoding { big_endian, ..EXPLICIT }, Part::FileMeta, limits)?;
            if found.0.implicit {
                self.notes.push("its file meta group is in implicit VR".to_string());
            }
            at = found.1;
        }
        // Elements of a message precede a data set that was taken from the network (PS3.7 6.3).
        Ok(command_end(bytes, at))
    }

    /// Reads the data set that starts at byte `at`; returns where it stopped, at the pixel data if there are any.
    pub(super) fn walk_data_set(&mut self, bytes: &[u8], at: usize, limits: &Limits) -> Result<usize> {
        let first = |big_endian| Walk::tag_at(bytes, at, big_endian).map(|tag| tag.group());
        // The groups of all elements are small numbers, and the first is the smallest.
        let big_endian = first(true) < first(false);
        let Some(syntax) = self.transfer_syntax.clone() else {
            let (encoding, end) = self.walk(bytes, at, Encoding { big_endian, ..EXPLICIT }, Part::DataSet, limits)?;
            let (vr, order) = names(encoding);
            self.notes.push(format!("it names no transfer syntax; its elements are in {vr} VR, {order} endian"));
            self.transfer_syntax = match encoding {
                EXPLICIT => Some(uids::EXPLICIT_VR_LITTLE_ENDIAN.to_string()),
                IMPLICIT => Some(uids::IMPLICIT_VR_LITTLE_ENDIAN.to_string()),
                Encoding { implicit: false, .. } => Some(EXPLICIT_VR_BIG_ENDIAN.to_string()),
                Encoding { implicit: true, .. } => None,
            };
            if let Some(PixelData::Encapsulated { .. }) = self.pixels {
                return Err(damaged("its pixel data are compressed, and it names no transfer syntax"));
            }
            return Ok(end);
        };
        let said = encoding_of(&syntax).ok_or_else(|| unsupported_syntax(&syntax))?;
        if said.big_endian != big_endian && first(true) != first(false) {
            let order = names(Encoding { big_endian, ..said }).1;
            let element = Walk::tag_at(bytes, at, big_endian).map_or(String::new(), |tag| format!(" {tag}"));
            return Err(damaged(&format!(
                "it names the transfer syntax {}, and element{element} is in {order} endian, so that the order of its pixels is not known",
                name_of(&syntax)
            )));
        }
        let (found, end) = self.walk(bytes, at, said, Part::DataSet, limits)?;
        if found != said {
            let vr = names(found).0;
            self.notes
                .push(format!("it names the transfer syntax {}, and its elements are in {vr} VR", name_of(&syntax)));
        }
        Ok(end)
    }

    /// Reads elements from byte `at` on; returns how they are encoded and where it stopped: behind the file meta group, or at the pixel data.
    fn walk(
        &mut self,
        bytes: &[u8],
        at: usize,
        encoding: Encoding,
        part: Part,
        limits: &Limits,
    ) -> Result<(Encoding, usize)> {
        let mut walk = Walk::new(bytes, at, encoding, &ENTERED);
        let end = self.take_all(bytes, at, &mut walk, part, limits);
        self.encoding = walk.encoding();
        self.is_open = walk.depth() > 0;
        self.notes.append(&mut walk.notes);
        Ok((walk.encoding(), end?))
    }

    fn take_all(&mut self, bytes: &[u8], start: usize, walk: &mut Walk, part: Part, limits: &Limits) -> Result<usize> {
        let mut is_in_lut = false;
        // Those of READ that were there, by their number.
        let mut seen = 0u64;
        self.groups.begin();
        let mut tokens = 0u64;
        loop {
            let depth = walk.depth();
            let is_outside = depth == 0;
            let (here, order) = (walk.at, walk.here().big_endian);
            if part == Part::FileMeta
                && is_outside
                && Walk::tag_at(bytes, here, order).is_some_and(|tag| tag.group() != META)
            {
                return Ok(here);
            }
            tokens += 1;
            Limits::check("the number of its elements", tokens, limits.elements)?;
            Limits::check("the length of its header in bytes", (here - start) as u64, limits.header)?;
            let Some(token) = walk.next()? else { return Ok(walk.at) };
            match token {
                Token::Fragments { at } => {
                    self.pixels = Some(PixelData::Encapsulated { at });
                    self.take_behind(bytes, walk, seen, limits);
                    return Ok(at);
                }
                Token::SequenceStart { tag } => {
                    if is_outside {
                        is_in_lut = tag == tags::MODALITY_LUT_SEQUENCE && self.lut.is_none();
                    }
                    self.groups.enter(depth, tag);
                    // Every other one is an item.
                    let nesting = walk.depth() as u64 / 2;
                    Limits::check("the number of sequences within each other", nesting, limits.nesting)?;
                }
                Token::ItemStart => {
                    if depth == LUT_SEQUENCE && is_in_lut {
                        // More items than one make no sense.
                        is_in_lut = self.lut.is_none();
                        self.lut.get_or_insert_default();
                    }
                    self.groups.begin_item(depth, limits)?;
                }
                Token::SequenceEnd | Token::ItemEnd => {}
                Token::Element { tag, vr, at, length } if is_outside => {
                    let float = FLOATS.into_iter().find(|(float, _)| *float == tag);
                    if let Some((_, size)) = float {
                        self.pixels = Some(PixelData::Floats { at, length, bytes: size });
                        self.take_behind(bytes, walk, seen, limits);
                        return Ok(at);
                    }
                    if tag == tags::PIXEL_DATA {
                        self.pixels = Some(PixelData::Native { at, length, words: vr.is_none_or(|vr| vr.0 == *b"OW") });
                        self.take_behind(bytes, walk, seen, limits);
                        return Ok(at);
                    }
                    let value = at..at + length as usize;
                    if tag == tags::EXTENDED_OFFSET_TABLE {
                        self.offsets = Some(value.clone());
                    }
                    let read = READ.iter().position(|(read, _)| *read == tag);
                    if let Some(read) = read.filter(|_| length <= MAX_VALUE) {
                        seen |= 1 << read;
                        self.take(read, &bytes[value], vr, order);
                    }
                }
                Token::Element { tag, vr, at, length } => {
                    let place = at..at + length as usize;
                    if let Some(take) = self.groups.take(depth, tag).filter(|_| length <= MAX_VALUE) {
                        self.groups.hold(take, bytes[place.clone()].to_vec(), vr, order);
                    }
                    if let (LUT_ITEM, true, Some(lut)) = (depth, is_in_lut, &mut self.lut) {
                        let is_signed = vr.is_some_and(|vr| vr.0 == *b"SS");
                        let is_other = Cell::new(false);
                        let value = Value { bytes: &bytes[place.clone()], vr, big_endian: order, is_other: &is_other };
                        lut.take(tag, is_signed, place, value);
                    }
                }
            }
        }
    }

    /// Reads the value of an element outside of all sequences, by its number in [`READ`].
    fn take(&mut self, read: usize, bytes: &[u8], vr: Option<Vr>, big_endian: bool) {
        let (tag, take) = READ[read];
        let is_other = Cell::new(false);
        take(self, Value { bytes, vr, big_endian, is_other: &is_other });
        if let (true, Some(vr)) = (is_other.get(), vr) {
            self.notes.push(format!("element {tag} has the VR {vr}, which is not its own"));
        }
    }

    /// Reads elements that stand behind the pixel data, where none of an image may be, and were not there before. All of what is there must
    /// be elements: pixels without end look like some now and then.
    fn take_behind(&mut self, bytes: &[u8], walk: &mut Walk, seen: u64, limits: &Limits) {
        let notes = walk.notes.len();
        let (mut found, mut tokens) = (Vec::new(), 0u64);
        let is_whole = loop {
            tokens += 1;
            let is_outside = walk.depth() == 0;
            let order = walk.here().big_endian;
            match walk.next() {
                Ok(Some(Token::Element { tag, vr, at, length })) if is_outside && length <= MAX_VALUE => {
                    let read = READ.iter().position(|(read, _)| *read == tag);
                    if let Some(read) = read.filter(|read| seen >> read & 1 == 0) {
                        found.push((read, at..at + length as usize, vr, order));
                    }
                }
                Ok(Some(Token::Fragments { .. })) | Err(_) => break false,
                Ok(Some(_)) => {}
                Ok(None) => break walk.depth() == 0,
            }
            // There are no more than that which count.
            if found.len() > READ.len() || tokens > limits.elements {
                break false;
            }
        };
        walk.notes.truncate(notes);
        if !is_whole || found.is_empty() {
            return;
        }
        self.note("elements of the image stand behind its pixel data".to_string());
        for (read, place, vr, order) in found {
            self.take(read, &bytes[place], vr, order);
        }
    }

    /// The unit of the values, as the standard writes it if it means Hounsfield units.
    pub(super) fn take_unit(&mut self, value: Value) {
        self.rescale_type = value.text();
        let Some(text) = self.rescale_type.as_deref() else { return };
        let letters: String = text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
        let unit = match letters.as_str() {
            "HU" | "HOUNSFIELD" | "HOUNSFIELDUNIT" | "HOUNSFIELDUNITS" => "HU",
            "US" => "US",
            _ => return,
        };
        if unit != text {
            self.note(format!(
                "element {} says in other words that the values are Hounsfield units",
                tags::RESCALE_TYPE
            ));
            self.rescale_type = Some(unit.to_string());
        }
    }

    /// Notes what was read against the standard, once.
    fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// A code word in upper case.
    fn upper_case(&mut self, tag: Tag, text: String) -> String {
        let upper = text.to_ascii_uppercase();
        if upper != text {
            self.note(format!("element {tag} is in lower case"));
        }
        upper
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
        // A whole number with a point is one, as pydicom has it.
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        match whole.parse::<usize>() {
            // None said, and one is there.
            _ if text.is_empty() => Ok(1),
            Ok(frames) if fraction.bytes().all(|digit| digit == b'0') => Ok(frames.max(1)),
            _ => Err(damaged("its number of frames (0028,0008) is not a count")),
        }
    }

    /// Whether the number of frames is there and says none.
    pub(super) fn says_no_frames(&self) -> bool {
        self.frames.as_deref().is_some_and(|text| text.trim_matches(['0', '+', '.']).is_empty())
    }

    /// Why there are no pixels, where an image must have followed; `None` for an object that holds none.
    pub(super) fn without_pixels(&self) -> Option<&'static str> {
        let is_image = || self.sop_class.as_deref().is_some_and(|uid| IMAGES.contains(&uid));
        if self.is_open {
            Some("it ends inside a sequence, before the pixel data")
        } else {
            (self.rows.is_some() || is_image()).then_some("it ends before the pixel data, or has none")
        }
    }
}

/// Objects that hold an image of a CT, or what was made of one.
const IMAGES: [&str; 4] = [
    uids::CT_IMAGE_STORAGE,
    uids::ENHANCED_CT_IMAGE_STORAGE,
    uids::LEGACY_CONVERTED_ENHANCED_CT_IMAGE_STORAGE,
    uids::SECONDARY_CAPTURE_IMAGE_STORAGE,
];

/// Where the elements of a command set end that starts at byte `at`, if one does: they are in implicit VR, little endian.
fn command_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some([0, 0, _, _, length @ ..]) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let next = at.saturating_add(8).saturating_add(u32::from_le_bytes(*length) as usize);
        if next > bytes.len() {
            break;
        }
        at = next;
    }
    at
}

/// Implicit or explicit, and little or big.
fn names(encoding: Encoding) -> (&'static str, &'static str) {
    (["explicit", "implicit"][usize::from(encoding.implicit)], ["little", "big"][usize::from(encoding.big_endian)])
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
