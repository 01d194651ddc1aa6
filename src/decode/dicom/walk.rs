//! The elements of a data set, one behind the other: tags, lengths, sequences and items. Where a file breaks the standard and only one
//! reading makes sense, it is read so and that is noted; else the element is named. Knows no element's meaning.
//!
//! A data set is in explicit VR if its first element is, whatever its transfer syntax says (so does pydicom). The items of a sequence may be
//! in implicit VR where their data set is explicit: they must be where its VR is UN (PS3.5 6.2.2).

use std::fmt;

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::fault::damaged;
use crate::error::Result;

/// How elements are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Encoding {
    /// Without a VR.
    pub(super) implicit: bool,
    pub(super) big_endian: bool,
}

/// A value representation, as its two letters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Vr(pub(super) [u8; 2]);

/// Those whose length has 32 bits, and those whose length has 16 (PS3.5 7.1.2).
const LONG: [&[u8; 2]; 13] =
    [b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"];
const SHORT: [&[u8; 2]; 21] = [
    b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL", b"SS",
    b"ST", b"TM", b"UI", b"UL", b"US",
];

impl Vr {
    const SQ: Vr = Vr(*b"SQ");
    const UN: Vr = Vr(*b"UN");

    fn is_long(self) -> bool {
        LONG.contains(&&self.0)
    }

    fn is_known(self) -> bool {
        self.is_long() || SHORT.contains(&&self.0)
    }

    /// Whether it could be one: a length below 16,705 is none.
    fn has_letters(self) -> bool {
        self.0.iter().all(u8::is_ascii_uppercase)
    }
}

impl fmt::Display for Vr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') {
            write!(f, "\"{}{}\"", char::from(self.0[0]), char::from(self.0[1]))
        } else {
            write!(f, "0x{:02X}{:02X}", self.0[0], self.0[1])
        }
    }
}

/// Tag and length, and where the value starts.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Head {
    tag: Tag,
    vr: Option<Vr>,
    /// `None` for one that is not known.
    length: Option<u32>,
    at: usize,
}

/// What comes next in a data set.
#[derive(Debug, PartialEq)]
pub(super) enum Token {
    /// An element whose value is bytes `at..at + length`, or fewer for pixels: those may be cut.
    Element {
        tag: Tag,
        vr: Option<Vr>,
        at: usize,
        length: u32,
    },
    /// Pixel data outside of all sequences whose fragments start at byte `at`.
    Fragments {
        at: usize,
    },
    SequenceStart {
        tag: Tag,
    },
    ItemStart,
    ItemEnd,
    SequenceEnd,
}

/// A sequence or an item that has begun and not ended.
#[derive(Debug)]
struct Level {
    is_item: bool,
    /// Of the sequence.
    tag: Tag,
    encoding: Encoding,
    /// No byte of it lies behind.
    end: usize,
    has_length: bool,
}

const ITEM: Tag = Tag(0xFFFE, 0xE000);
const ITEM_END: Tag = Tag(0xFFFE, 0xE00D);
const SEQUENCE_END: Tag = Tag(0xFFFE, 0xE0DD);
/// Tag and length of what has no VR.
const HEAD: usize = 8;
/// Elements behind one in doubt that must make sense.
const AHEAD: usize = 2;
/// Further notes on a file say nothing new.
const MAX_NOTES: usize = 8;

/// Goes through the elements of a data set. A sequence of a known length is entered only where its tag is one of `entered`.
pub(super) struct Walk<'a> {
    bytes: &'a [u8],
    encoding: Encoding,
    entered: &'a [Tag],
    /// Where the next element starts.
    pub(super) at: usize,
    open: Vec<Level>,
    pub(super) notes: Vec<String>,
}

impl<'a> Walk<'a> {
    /// A data set that starts at byte `at` in `encoding`, of which implicit or explicit VR is what its first element is.
    pub(super) fn new(bytes: &'a [u8], at: usize, encoding: Encoding, entered: &'a [Tag]) -> Walk<'a> {
        let mut walk = Walk { bytes, encoding, entered, at, open: Vec::new(), notes: Vec::new() };
        walk.encoding = walk.found(encoding, bytes.len());
        walk
    }

    /// How its elements are encoded, outside of sequences.
    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Sequences and items that have begun and not ended.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    /// How the element that comes next is encoded.
    pub(super) fn here(&self) -> Encoding {
        self.open.last().map_or(self.encoding, |level| level.encoding)
    }

    /// Whether the element that comes next would be of a data set with `encoding`, and those behind it too.
    pub(super) fn is_element(bytes: &[u8], at: usize, encoding: Encoding) -> bool {
        let walk = Walk { bytes, encoding, entered: &[], at, open: Vec::new(), notes: Vec::new() };
        at < bytes.len() && walk.makes_sense(at, bytes.len(), Tag(0, 0), encoding, AHEAD)
    }

    /// The tag at byte `at`.
    pub(super) fn tag_at(bytes: &[u8], at: usize, big_endian: bool) -> Option<Tag> {
        let [a, b, c, d] = *bytes.get(at..)?.first_chunk()?;
        Some(if big_endian {
            Tag(u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
        } else {
            Tag(u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]))
        })
    }

    /// The next token; `None` at the end of the bytes.
    pub(super) fn next(&mut self) -> Result<Option<Token>> {
        let Some(level) = self.open.last() else { return self.element() };
        if self.at >= level.end && (level.has_length || level.end < self.bytes.len()) {
            if !level.has_length {
                let what = if level.is_item { "an item of sequence" } else { "sequence" };
                self.note(format!("{what} {} has no end", level.tag));
            }
            return Ok(Some(self.close(self.at)));
        }
        if level.is_item { self.element() } else { self.item() }
    }

    /// Ends the innermost sequence or item; the next element starts at byte `at`, or where its length says.
    fn close(&mut self, at: usize) -> Token {
        let Some(level) = self.open.pop() else { unreachable!("one is open") };
        self.at = if level.has_length { level.end } else { at };
        if level.is_item { Token::ItemEnd } else { Token::SequenceEnd }
    }

    fn item(&mut self) -> Result<Option<Token>> {
        let Some(level) = self.open.last() else { unreachable!("a sequence is open") };
        let (sequence, end, encoding) = (level.tag, level.end, level.encoding);
        let is_cut = end == self.bytes.len() && !level.has_length;
        self.skip_zeros(end);
        if self.at == end {
            return Ok(if is_cut { None } else { Some(self.close(end)) });
        }
        let head = self.implicit_head(self.at, encoding.big_endian).filter(|head| head.at <= end);
        let head = head.ok_or_else(|| damaged(&format!("it ends inside sequence {sequence}")))?;
        match head.tag {
            ITEM => {
                let length = head.length;
                let left = end - head.at;
                if let Some(length) = length.filter(|length| *length as usize > left) {
                    let reason =
                        format!("an item of sequence {sequence} should have {length} bytes, and {left} are left");
                    return Err(damaged(&reason));
                }
                Ok(Some(self.open_item(&head, sequence, end, encoding)))
            }
            SEQUENCE_END => {
                self.check_end(&head, sequence);
                Ok(Some(self.close(head.at)))
            }
            other if self.is_item(&head, end, encoding) => {
                self.note(format!("an item of sequence {sequence} has the tag {other}"));
                Ok(Some(self.open_item(&head, sequence, end, encoding)))
            }
            other => Err(damaged(&format!("sequence {sequence} holds {other}, which is no item"))),
        }
    }

    /// Begins the item with `head` in a sequence that ends at `end`.
    fn open_item(&mut self, head: &Head, sequence: Tag, end: usize, encoding: Encoding) -> Token {
        let item_end = head.length.map_or(end, |length| head.at + length as usize);
        self.at = head.at;
        let found = self.found(encoding, item_end);
        self.open.push(Level {
            is_item: true,
            tag: sequence,
            encoding: found,
            end: item_end,
            has_length: head.length.is_some(),
        });
        Token::ItemStart
    }

    /// Whether what has another tag is an item by its length: another one or the end of the sequence follows.
    fn is_item(&self, head: &Head, end: usize, encoding: Encoding) -> bool {
        let Some(length) = head.length else {
            let other = Encoding { implicit: !encoding.implicit, ..encoding };
            return [encoding, other].iter().any(|inner| self.makes_sense(head.at, end, Tag(0, 0), *inner, AHEAD));
        };
        let next = head.at.saturating_add(length as usize);
        let tag = Walk::tag_at(self.bytes, next, encoding.big_endian);
        length > 0 && next <= end && (tag == Some(ITEM) || tag == Some(SEQUENCE_END))
    }

    fn element(&mut self) -> Result<Option<Token>> {
        let (end, encoding) = (self.end(), self.here());
        loop {
            self.skip_zeros(end);
            if self.at == end {
                let is_cut = self.open.last().is_none_or(|level| end == self.bytes.len() && !level.has_length);
                return Ok(if is_cut { None } else { Some(self.close(end)) });
            }
            let delimiter = self.implicit_head(self.at, encoding.big_endian).filter(|head| head.tag.group() == 0xFFFE);
            let Some(head) = delimiter else { break };
            if let Some(token) = self.delimiter(head)? {
                return Ok(Some(token));
            }
        }
        let head = self.head(end, encoding)?;
        let Head { tag, vr, length, at } = head;
        let Some(length) = length else { return self.without_length(head, end, encoding) };
        let is_entered = self.entered.contains(&tag);
        if is_entered || vr == Some(Vr::SQ) {
            let end = at + length as usize;
            // One that is not entered is over at once.
            self.at = if is_entered { at } else { end };
            self.open.push(Level { is_item: false, tag, encoding, end, has_length: true });
            return Ok(Some(Token::SequenceStart { tag }));
        }
        self.at = at.saturating_add(length as usize).min(self.bytes.len());
        if !length.is_multiple_of(2) && !is_pixels(tag) {
            self.skip_padding(tag, end, encoding);
        }
        Ok(Some(Token::Element { tag, vr, at, length }))
    }

    /// Item and delimiters where an element is expected; `None` for one that ends nothing.
    fn delimiter(&mut self, head: Head) -> Result<Option<Token>> {
        let Some((sequence, has_length)) = self.open.last().map(|level| (level.tag, level.has_length)) else {
            // As pydicom does.
            if head.tag == SEQUENCE_END {
                self.note(format!("a sequence ends {SEQUENCE_END} where none has begun"));
                self.at = head.at;
                return Ok(None);
            }
            return Err(damaged(&format!("{} stands outside of all sequences", head.tag)));
        };
        match head.tag {
            ITEM_END => {
                self.check_end(&head, sequence);
                Ok(Some(self.close(head.at)))
            }
            SEQUENCE_END if !has_length => {
                self.note(format!("an item of sequence {sequence} has no end"));
                // The delimiter is read again for the sequence.
                Ok(Some(self.close(self.at)))
            }
            other => Err(damaged(&format!("{other} stands inside an item of sequence {sequence}"))),
        }
    }

    /// An element of unknown length: a sequence, fragments, or bytes up to a delimiter.
    fn without_length(&mut self, head: Head, end: usize, encoding: Encoding) -> Result<Option<Token>> {
        let Head { tag, vr, at, .. } = head;
        if self.open.is_empty() && tag == tags::PIXEL_DATA {
            self.at = self.behind_fragments(at, end, encoding).unwrap_or(self.bytes.len());
            return Ok(Some(Token::Fragments { at }));
        }
        // The value of UN is little endian, whatever the file is.
        let starts = |big_endian| {
            let found = Walk::tag_at(self.bytes, at, big_endian)?;
            (found == ITEM || found == SEQUENCE_END).then_some(big_endian)
        };
        let order = starts(encoding.big_endian).or_else(|| starts(!encoding.big_endian));
        let of_items = vr.is_none_or(|vr| vr == Vr::SQ || vr == Vr::UN);
        if of_items && (order.is_some() || vr == Some(Vr::SQ)) {
            let encoding = Encoding { big_endian: order.unwrap_or(encoding.big_endian), ..encoding };
            self.at = at;
            self.open.push(Level { is_item: false, tag, encoding, end, has_length: false });
            return Ok(Some(Token::SequenceStart { tag }));
        }
        // What follows is no data set: it is passed over.
        let next = if order.is_some() {
            self.behind_fragments(at, end, encoding)
        } else {
            self.behind_bytes(at, end, encoding)
        };
        let next = next.ok_or_else(|| damaged(&format!("element {tag} has no length and no end")))?;
        self.at = next;
        Ok(Some(Token::Element { tag, vr, at, length: (next - HEAD - at) as u32 }))
    }

    fn behind_fragments(&self, mut at: usize, end: usize, encoding: Encoding) -> Option<usize> {
        loop {
            let head = self.implicit_head(at, encoding.big_endian).filter(|head| head.at <= end)?;
            match (head.tag, head.length) {
                (SEQUENCE_END, _) => return Some(head.at),
                (ITEM, Some(length)) => at = head.at.checked_add(length as usize)?,
                _ => return None,
            }
        }
    }

    fn behind_bytes(&self, at: usize, end: usize, encoding: Encoding) -> Option<usize> {
        let delimiter: &[u8] =
            if encoding.big_endian { b"\xFF\xFE\xE0\xDD\0\0\0\0" } else { b"\xFE\xFF\xDD\xE0\0\0\0\0" };
        let found = self.bytes.get(at..end)?.windows(HEAD).position(|window| window == delimiter)?;
        Some(at + found + HEAD)
    }

    /// The end of the innermost sequence or item, or of the file.
    fn end(&self) -> usize {
        self.open.last().map_or(self.bytes.len(), |level| level.end)
    }

    /// Passes over zeros before `end`, in steps of an element without tag and length, and over those that fill it up.
    fn skip_zeros(&mut self, end: usize) {
        let start = self.at;
        while self.at < end {
            let next = end.min(self.at + HEAD);
            if self.bytes[self.at..next].iter().any(|byte| *byte != 0) {
                if self.at > start {
                    self.note("zeros stand between its elements".to_string());
                }
                return;
            }
            self.at = next;
        }
    }

    fn note(&mut self, note: String) {
        if self.notes.len() < MAX_NOTES && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn check_end(&mut self, head: &Head, sequence: Tag) {
        if head.length != Some(0) {
            self.note(format!("a delimiter of sequence {sequence} has a length"));
        }
    }

    /// The encoding of the data set that starts here and ends before `end`, where its surroundings have `outer`.
    fn found(&mut self, outer: Encoding, end: usize) -> Encoding {
        let at = self.at;
        let Some(head) = self.implicit_head(at, outer.big_endian).filter(|head| head.at <= end) else { return outer };
        if head.tag.group() == 0xFFFE || (outer.implicit && !self.open.is_empty()) {
            return outer;
        }
        let has_letters = self.vr_at(at).has_letters();
        if has_letters != outer.implicit {
            return outer;
        }
        let other = Encoding { implicit: !outer.implicit, ..outer };
        // One element without a valid VR does not make a data set implicit.
        if has_letters || self.makes_sense(at, end, Tag(0, 0), other, AHEAD) { other } else { outer }
    }

    fn word(&self, at: usize, big_endian: bool) -> Option<u16> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn long(&self, at: usize, big_endian: bool) -> Option<u32> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    /// A tag and 32 bits of length.
    fn implicit_head(&self, at: usize, big_endian: bool) -> Option<Head> {
        let tag = Walk::tag_at(self.bytes, at, big_endian)?;
        let length = self.long(at + 4, big_endian)?;
        Some(Head { tag, vr: None, length: known(length), at: at + HEAD })
    }

    /// A tag, a VR and a length of 32 or 16 bits.
    fn explicit_head(&self, at: usize, big_endian: bool, is_long: bool) -> Option<Head> {
        let tag = Walk::tag_at(self.bytes, at, big_endian)?;
        let vr = Some(Vr(*self.bytes.get(at + 4..)?.first_chunk()?));
        if is_long {
            let length = self.long(at + HEAD, big_endian)?;
            return Some(Head { tag, vr, length: known(length), at: at + HEAD + 4 });
        }
        let length = self.word(at + 6, big_endian)?;
        Some(Head { tag, vr, length: Some(length.into()), at: at + HEAD })
    }

    /// The head of an element as the standard has it; `None` where its VR is none.
    fn regular_head(&self, at: usize, encoding: Encoding) -> Option<Head> {
        if encoding.implicit {
            return self.implicit_head(at, encoding.big_endian);
        }
        let vr = Vr(*self.bytes.get(at + 4..)?.first_chunk()?);
        vr.is_known().then(|| self.explicit_head(at, encoding.big_endian, vr.is_long()))?
    }

    fn vr_at(&self, at: usize) -> Vr {
        self.bytes.get(at + 4..).and_then(|bytes| bytes.first_chunk()).map_or(Vr::UN, |letters| Vr(*letters))
    }

    /// The heads that the element at byte `at` may have, if it has one that is not as the standard has it.
    fn ways(&self, at: usize, encoding: Encoding) -> [Option<Head>; 3] {
        let Encoding { implicit, big_endian } = encoding;
        let may_be_explicit = !implicit || self.vr_at(at).is_known();
        let is_reserved = self.word(at + 6, big_endian) == Some(0);
        [
            self.explicit_head(at, big_endian, false).filter(|_| may_be_explicit),
            self.explicit_head(at, big_endian, true).filter(|_| may_be_explicit && is_reserved),
            self.implicit_head(at, big_endian),
        ]
    }

    fn fits(&self, head: &Head, end: usize) -> bool {
        head.at <= end && head.length.is_none_or(|length| length as usize <= end - head.at)
    }

    /// The head of the element that comes next, whose value lies before `end`. Where it is not as the standard has it, every other way to
    /// read it is tried.
    fn head(&mut self, end: usize, encoding: Encoding) -> Result<Head> {
        let at = self.at;
        let Encoding { implicit, big_endian } = encoding;
        let short = || damaged("it ends inside the tag or the length of an element");
        let plain = self.implicit_head(at, big_endian).filter(|head| head.at <= end).ok_or_else(short)?;
        let regular = self.regular_head(at, encoding);
        let vr = self.vr_at(at);
        let is_regular = |head: &Head| {
            let fits = self.fits(head, end) || (self.open.is_empty() && is_pixels(head.tag));
            fits && !(implicit && vr.is_known())
        };
        if let Some(head) = regular.filter(is_regular) {
            return Ok(head);
        }
        let ways = self.ways(at, encoding);
        let sensible: Vec<Head> =
            ways.into_iter().flatten().filter(|head| self.leads_on(head, end, encoding)).collect();
        let tag = plain.tag;
        let first = sensible.first().copied();
        // Two readings of an empty value are one.
        let is_one = sensible
            .iter()
            .all(|other| first.is_some_and(|first| (first.at, first.length) == (other.at, other.length)));
        if let (Some(head), true) = (first, is_one) {
            if first == regular {
                return Ok(head);
            }
            let note = match (implicit, head.vr) {
                (false, None) => format!("element {tag} is in implicit VR, unlike those before it"),
                (true, Some(_)) => format!("element {tag} is in explicit VR, unlike those before it"),
                (_, Some(vr)) if vr.is_known() => {
                    format!("the length of element {tag} has the wrong number of bytes for its VR {vr}")
                }
                (_, _) => format!("element {tag} has the VR {vr}, which is none"),
            };
            self.note(note);
            return Ok(head);
        }
        if !implicit && !vr.is_known() {
            let ways = if first.is_some() { "several readings" } else { "no reading" };
            return Err(damaged(&format!(
                "element {tag} has the VR {vr}, which is none, and {ways} of its length make sense"
            )));
        }
        let (length, left) = (
            regular.and_then(|head| head.length).unwrap_or_default(),
            end.saturating_sub(regular.map_or(at, |head| head.at)),
        );
        Err(damaged(&format!("element {tag} should have {length} bytes, and {left} are left")))
    }

    /// Whether the value of `head` ends where the data set ends or goes on.
    fn leads_on(&self, head: &Head, end: usize, encoding: Encoding) -> bool {
        match head.length {
            Some(length) => {
                self.fits(head, end) && self.makes_sense(head.at + length as usize, end, head.tag, encoding, AHEAD)
            }
            None => head.at <= end && Walk::tag_at(self.bytes, head.at, encoding.big_endian) == Some(ITEM),
        }
    }

    /// Whether a data set with `encoding`, whose last element was `last`, ends or goes on at byte `at`, for `ahead` elements.
    fn makes_sense(&self, at: usize, end: usize, last: Tag, encoding: Encoding, ahead: usize) -> bool {
        let big_endian = encoding.big_endian;
        if at == end {
            return true;
        }
        let Some(plain) = self.implicit_head(at, big_endian).filter(|head| head.at <= end) else { return false };
        if plain.tag.group() == 0xFFFE {
            return !self.open.is_empty() && plain.length == Some(0);
        }
        if plain.tag <= last {
            return false;
        }
        let goes_on = |head: Head| match head.length {
            _ if is_pixels(head.tag) => true,
            None => Walk::tag_at(self.bytes, head.at, big_endian) == Some(ITEM),
            Some(length) => {
                let next = head.at.saturating_add(length as usize);
                next <= end && (ahead == 0 || self.makes_sense(next, end, head.tag, encoding, ahead - 1))
            }
        };
        match self.regular_head(at, encoding) {
            Some(head) => goes_on(head),
            None => self.ways(at, encoding).into_iter().flatten().any(goes_on),
        }
    }

    /// Passes over a byte that fills an odd length up and that the length does not count.
    fn skip_padding(&mut self, tag: Tag, end: usize, encoding: Encoding) {
        let sensible = [self.at, self.at + 1].map(|at| at <= end && self.makes_sense(at, end, tag, encoding, 0));
        if sensible == [false, true] {
            self.at += 1;
            self.note(format!("the length of element {tag} does not count its last byte"));
        }
    }
}

fn known(length: u32) -> Option<u32> {
    (length != u32::MAX).then_some(length)
}

/// Pixels end what is read of a header, and are looked at by themselves.
fn is_pixels(tag: Tag) -> bool {
    [tags::PIXEL_DATA, tags::FLOAT_PIXEL_DATA, tags::DOUBLE_FLOAT_PIXEL_DATA].contains(&tag)
}
