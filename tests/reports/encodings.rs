//! Files whose elements are not encoded as their headers say, or as the standard has it: what makes sense in one way is read so and noted,
//! what does not is named. pydicom reads each the same, but for elements whose VR is no letters, on which it loses its way.

use lungglass::decode::{File, Image, Limits};
use lungglass::error::Error;
use lungglass::slice::{Pixels, Slice};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test;

use super::Tag;

pub(super) const EXPLICIT: Encoding = Encoding { implicit: false, big_endian: false };
pub(super) const IMPLICIT: Encoding = Encoding { implicit: true, big_endian: false };
pub(super) const BIG_ENDIAN: Encoding = Encoding { implicit: false, big_endian: true };
const IMPLICIT_BIG_ENDIAN: Encoding = Encoding { implicit: true, big_endian: true };
pub(super) const UNKNOWN: u32 = u32::MAX;

const SYNTAX: Tag = [0x0002, 0x0010];
const CHARACTERS: Tag = [0x0008, 0x0005];
const MODALITY: Tag = [0x0008, 0x0060];
const REFERENCES: Tag = [0x0008, 0x1140];
const THICKNESS: Tag = [0x0018, 0x0050];
const FRAMES: Tag = [0x0028, 0x0008];
const PHOTOMETRIC: Tag = [0x0028, 0x0004];
const ROWS: Tag = [0x0028, 0x0010];
const SLOPE: Tag = [0x0028, 0x1053];
pub(super) const UNIT: Tag = [0x0028, 0x1054];
pub(super) const PRIVATE: Tag = [0x0029, 0x1010];
pub(super) const PIXELS: Tag = [0x7FE0, 0x0010];
pub(super) const ITEM: Tag = [0xFFFE, 0xE000];
pub(super) const ITEM_END: Tag = [0xFFFE, 0xE00D];
pub(super) const SEQUENCE_END: Tag = [0xFFFE, 0xE0DD];

#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Encoding {
    implicit: bool,
    big_endian: bool,
}

/// Elements that are written one behind the other.
pub(super) struct Elements {
    encoding: Encoding,
    pub(super) bytes: Vec<u8>,
}

impl Elements {
    pub(super) fn new(encoding: Encoding) -> Elements {
        Elements { encoding, bytes: Vec::new() }
    }

    fn short(&mut self, value: u16) {
        self.bytes.extend(if self.encoding.big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    fn long(&mut self, value: u32) {
        self.bytes.extend(if self.encoding.big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    pub(super) fn head(&mut self, tag: Tag, vr: &str, length: u32) {
        tag.iter().for_each(|half| self.short(*half));
        if self.encoding.implicit || tag[0] == 0xFFFE {
            return self.long(length);
        }
        self.bytes.extend(vr.as_bytes());
        if ["OB", "OF", "OW", "SQ", "UN", "UT"].contains(&vr) {
            self.short(0);
            self.long(length);
        } else {
            self.short(length as u16);
        }
    }

    pub(super) fn add(mut self, tag: Tag, vr: &str, value: &[u8]) -> Elements {
        self.head(tag, vr, value.len() as u32);
        self.bytes.extend(value);
        self
    }

    pub(super) fn text(self, tag: Tag, vr: &str, value: &str) -> Elements {
        let padded = if value.len().is_multiple_of(2) { value.to_string() } else { format!("{value} ") };
        self.add(tag, vr, padded.as_bytes())
    }

    pub(super) fn number(mut self, tag: Tag, value: u16) -> Elements {
        self.head(tag, "US", 2);
        self.short(value);
        self
    }

    pub(super) fn raw(mut self, bytes: &[u8]) -> Elements {
        self.bytes.extend(bytes);
        self
    }

    pub(super) fn open(mut self, tag: Tag, vr: &str) -> Elements {
        self.head(tag, vr, UNKNOWN);
        self
    }

    pub(super) fn close(mut self, tag: Tag) -> Elements {
        self.head(tag, "", 0);
        self
    }
}

/// What a test changes in a slice of 2 x 2 pixels.
#[derive(Clone)]
pub(super) struct Changed {
    pub(super) encoding: Encoding,
    pub(super) modality: &'static str,
    pub(super) photometric: &'static str,
    pub(super) rows: (&'static str, Vec<u8>),
    pub(super) slope: (&'static str, Vec<u8>),
    pub(super) unit: &'static str,
    pub(super) frames: Option<&'static str>,
    /// The VR of the slice thickness.
    pub(super) vr: [u8; 2],
    /// Elements behind those of the image.
    pub(super) others: Vec<u8>,
    pub(super) pixels: &'static str,
}

impl Default for Changed {
    fn default() -> Changed {
        Changed {
            encoding: EXPLICIT,
            modality: "CT",
            photometric: "MONOCHROME2",
            rows: ("US", vec![2, 0]),
            slope: ("DS", b"2 ".to_vec()),
            unit: "HU",
            frames: None,
            vr: *b"DS",
            others: Vec::new(),
            pixels: "OW",
        }
    }
}

const UNITS: [f32; 4] = [-1024.0, -600.0, 40.0, 3000.0];

impl Changed {
    pub(super) fn others(others: Elements) -> Changed {
        Changed { encoding: others.encoding, others: others.bytes, ..Changed::default() }
    }

    pub(super) fn data_set(&self) -> Vec<u8> {
        let mut set =
            Elements::new(self.encoding).text(CHARACTERS, "CS", "ISO_IR 100").text(MODALITY, "CS", self.modality);
        let at = set.bytes.len();
        set = set.text(THICKNESS, "DS", "5.0");
        if !self.encoding.implicit {
            set.bytes[at + 4..at + 6].copy_from_slice(&self.vr);
        }
        set = set.text([0x0020, 0x000E], "UI", "2.25.7").number([0x0028, 0x0002], 1);
        set = set.text(PHOTOMETRIC, "CS", self.photometric);
        if let Some(frames) = self.frames {
            set = set.text(FRAMES, "IS", frames);
        }
        let (vr, rows) = &self.rows;
        set = if *vr == "US" { set.number(ROWS, 2) } else { set.add(ROWS, vr, rows) };
        for (number, value) in [(0x0011, 2), (0x0100, 16), (0x0101, 16), (0x0102, 15), (0x0103, 1)] {
            set = set.number([0x0028, number], value);
        }
        set = set
            .text([0x0028, 0x1052], "DS", "-1024")
            .add(SLOPE, self.slope.0, &self.slope.1)
            .text(UNIT, "LO", self.unit);
        set = set.raw(&self.others);
        set.head(PIXELS, self.pixels, 8);
        UNITS.iter().for_each(|units| set.short(((units + 1024.0) / 2.0) as i16 as u16));
        set.bytes
    }

    /// With preamble and a file meta group in `meta` that names `syntax`.
    pub(super) fn file(&self, meta: Encoding, syntax: &str) -> Vec<u8> {
        let group = Elements::new(meta).add([0x0002, 0x0001], "OB", &[0, 1]);
        let padded = format!("{syntax}{}", if syntax.len().is_multiple_of(2) { "" } else { "\0" });
        let group = group.text([0x0002, 0x0002], "UI", "2.25.1").add(SYNTAX, "UI", padded.as_bytes()).bytes;
        let mut length = Elements::new(meta);
        length.head([0x0002, 0x0000], "UL", 4);
        length.long(group.len() as u32);
        [vec![0; 128], b"DICM".to_vec(), length.bytes, group, self.data_set()].concat()
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let syntax = match self.encoding {
            EXPLICIT => "1.2.840.10008.1.2.1",
            IMPLICIT => "1.2.840.10008.1.2",
            _ => "1.2.840.10008.1.2.2",
        };
        self.file(EXPLICIT, syntax)
    }
}

pub(super) fn slice(bytes: Vec<u8>) -> Result<Slice, Error> {
    Image::open(bytes, Limits::default())?.slice(0)
}

/// The notes on a file that is read as it was meant.
fn notes(name: &str, bytes: Vec<u8>) -> String {
    let slice = slice(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    let Pixels::Hu(units) = slice.pixels else { panic!("{name}: it has no Hounsfield units") };
    assert_eq!(units, UNITS, "{name}");
    slice.origin.notes.join("; ")
}

fn fault(name: &str, bytes: Vec<u8>) -> String {
    let error = slice(bytes).err().unwrap_or_else(|| panic!("{name}: it is read"));
    assert_eq!(error.code(), "unreadable", "{name}: {error}");
    error.to_string()
}

fn names(name: &str, text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{name}: there is no \"{part}\" in \"{text}\"");
    }
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn a_file_that_is_as_it_should_be_has_no_notes() {
    for encoding in [EXPLICIT, IMPLICIT, BIG_ENDIAN] {
        assert_eq!(notes("as it should be", Changed { encoding, ..Changed::default() }.bytes()), "");
    }
    let groups = Elements::new(EXPLICIT).add([0x0029, 0], "UL", &[12, 0, 0, 0]).text([0x0029, 0x10], "LO", "MAKER");
    assert_eq!(notes("group lengths", Changed::others(groups).bytes()), "");
    let lengths = Elements::new(EXPLICIT).add([0x0029, 0x10], "LO", b"odd").add([0x0029, 0x11], "UT", b"x");
    assert_eq!(notes("odd lengths", Changed::others(lengths).bytes()), "");
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn un_of_unknown_length_is_a_sequence_in_implicit_vr() {
    let name = |set: Elements| set.text([0x0010, 0x0010], "PN", "A^B");
    let item = |set: Elements| name(set.open(ITEM, "")).close(ITEM_END);
    let end = |set: Elements| set.close(SEQUENCE_END).bytes;
    let implicit = || Elements::new(IMPLICIT);
    let inner = end(item(implicit().open(REFERENCES, "")));
    let plain = |vr: &str, content: &[u8]| Elements::new(EXPLICIT).open(PRIVATE, vr).raw(content);
    let content = end(item(item(implicit())));
    let counted = name(implicit()).bytes;
    let items = [
        ("items without length", content.clone()),
        ("an item with a length", end(implicit().add(ITEM, "", &counted))),
        ("an empty item", end(implicit().open(ITEM, "").close(ITEM_END).add(ITEM, "", b""))),
        ("no item", end(implicit())),
        ("a sequence within", end(implicit().open(ITEM, "").raw(&inner).close(ITEM_END))),
        (
            "a sequence with a length within",
            end(implicit()
                .open(ITEM, "")
                .add(REFERENCES, "", &implicit().add(ITEM, "", &counted).bytes)
                .close(ITEM_END)),
        ),
        ("items in explicit VR", end(item(Elements::new(EXPLICIT)))),
        ("both", end(item(item(Elements::new(EXPLICIT)).raw(&item(implicit()).bytes)))),
    ];
    for (case, content) in items {
        let un = plain("UN", &content);
        let within = un.bytes.clone();
        assert_eq!(notes(case, Changed::others(un).bytes()), "", "{case}");
        let nested = Elements::new(EXPLICIT)
            .open([0x0029, 0x0001], "SQ")
            .open(ITEM, "")
            .raw(&within)
            .close(ITEM_END)
            .close(SEQUENCE_END);
        notes(&format!("{case}, in an explicit sequence"), Changed::others(nested).bytes());
        let counted = Elements::new(EXPLICIT).add(ITEM, "", &within).bytes;
        let counted = Elements::new(EXPLICIT).add([0x0029, 0x0001], "SQ", &counted);
        notes(&format!("{case}, in a sequence with a length"), Changed::others(counted).bytes());
        let counted = Elements::new(EXPLICIT).open([0x0029, 0x0001], "SQ").add(ITEM, "", &within).close(SEQUENCE_END);
        notes(&format!("{case}, in an item with a length"), Changed::others(counted).bytes());
        if case != "items in explicit VR" && case != "both" {
            let sq = plain("SQ", &content);
            notes(&format!("{case}, of a sequence"), Changed::others(sq).bytes());
            let big_endian = Elements::new(BIG_ENDIAN).open(PRIVATE, "UN").raw(&content);
            notes(&format!("{case}, in big endian"), Changed::others(big_endian).bytes());
        }
    }
    let private = Elements::new(IMPLICIT).open(PRIVATE, "").raw(&content);
    assert_eq!(notes("a private sequence of an implicit file", Changed::others(private).bytes()), "");
    let icon = Elements::new(EXPLICIT)
        .open([0x0028, 0x2000], "OB")
        .add(ITEM, "", b"")
        .add(ITEM, "", b"abcd")
        .close(SEQUENCE_END);
    notes("fragments that are no pixels", Changed::others(icon).bytes());
    let value = Elements::new(EXPLICIT).open(PRIVATE, "OB").raw(b"12345678").close(SEQUENCE_END);
    notes("bytes up to a delimiter", Changed::others(value).bytes());
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn a_data_set_is_read_as_it_is_and_not_as_it_says() {
    let of = |encoding| Changed { encoding, ..Changed::default() };
    let said = notes("says explicit, is implicit", of(IMPLICIT).file(EXPLICIT, "1.2.840.10008.1.2.1"));
    assert_eq!(said, "it names the transfer syntax Explicit VR Little Endian, and its elements are in implicit VR");
    let said = notes("says implicit, is explicit", of(EXPLICIT).file(EXPLICIT, "1.2.840.10008.1.2"));
    names("says implicit", &said, &["Implicit VR Little Endian", "explicit VR"]);
    let said =
        notes("says big endian, is implicit big endian", of(IMPLICIT_BIG_ENDIAN).file(EXPLICIT, "1.2.840.10008.1.2.2"));
    names("implicit big endian", &said, &["implicit VR"]);
    for encoding in [EXPLICIT, IMPLICIT] {
        let bytes = |meta| {
            of(encoding).file(meta, ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"][usize::from(encoding.implicit)])
        };
        assert_eq!(notes("meta group in implicit VR", bytes(IMPLICIT)), "its file meta group is in implicit VR");
        assert_eq!(
            notes("meta group in implicit VR, bare", bytes(IMPLICIT)[132..].to_vec()),
            "its file meta group is in implicit VR"
        );
        names("meta group in big endian", &notes("meta group in big endian", bytes(BIG_ENDIAN)), &["big endian"]);
    }
    // The pixels may be in either order.
    for (encoding, syntax, order) in [
        (EXPLICIT, "1.2.840.10008.1.2.2", "little endian"),
        (IMPLICIT, "1.2.840.10008.1.2.2", "little endian"),
        (BIG_ENDIAN, "1.2.840.10008.1.2.1", "big endian"),
        (BIG_ENDIAN, "1.2.840.10008.1.2", "big endian"),
    ] {
        names(
            syntax,
            &fault(syntax, of(encoding).file(EXPLICIT, syntax)),
            &["names the transfer syntax", "(0008,0005)", order],
        );
    }
    let fault = fault("says deflated", of(EXPLICIT).file(EXPLICIT, "1.2.840.10008.1.2.1.99"));
    names("says deflated", &fault, &["names a deflated transfer syntax", "not deflated"]);
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn no_meta_group_is_missed() {
    for (encoding, words) in [
        (EXPLICIT, "explicit VR, little endian"),
        (IMPLICIT, "implicit VR, little endian"),
        (BIG_ENDIAN, "explicit VR, big endian"),
        (IMPLICIT_BIG_ENDIAN, "implicit VR, big endian"),
    ] {
        let changed = Changed { encoding, ..Changed::default() };
        let expected = format!("it names no transfer syntax; its elements are in {words}");
        let bare = changed.data_set();
        assert_eq!(notes(words, bare.clone()), expected);
        assert_eq!(notes(words, [b"DICM", &bare[..]].concat()), expected);
        assert_eq!(notes(words, [&[0; 128][..], b"DICM", &bare].concat()), expected);
        assert_eq!(notes(words, changed.file(EXPLICIT, "")), expected, "an empty transfer syntax");
        let mut command = Elements::new(IMPLICIT).add([0, 0], "", &[14, 0, 0, 0]).text([0, 2], "", "2.25.1").bytes;
        command.extend(&bare);
        assert_eq!(notes("a command set", command), expected);
    }
    let coded = Elements::new(EXPLICIT).open(PIXELS, "OB").add(ITEM, "", b"").add(ITEM, "", b"abcd").bytes;
    let bytes = Changed::others(Elements::new(EXPLICIT).raw(&coded)).data_set();
    names("compressed", &fault("compressed", bytes), &["compressed", "names no transfer syntax"]);
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn an_element_without_a_valid_vr_is_read_where_one_length_makes_sense() {
    for vr in [*b"--", *b"  ", *b"RE", *b"\0\0", *b"??", *b"ds", *b"ZZ", *b"\xFF\xFF"] {
        for encoding in [EXPLICIT, BIG_ENDIAN] {
            let said = notes(&format!("{vr:?}"), Changed { encoding, vr, ..Changed::default() }.bytes());
            names(&format!("{vr:?}"), &said, &["element (0018,0050) has the VR", "which is none"]);
        }
        // The first element, and two behind each other.
        let mut first = Changed::default().bytes();
        let at = first.windows(8).position(|window| &window[..6] == b"\x08\0\x05\0CS").unwrap();
        first[at + 4..at + 6].copy_from_slice(&vr);
        names("the first", &notes("the first", first.clone()), &["(0008,0005)"]);
        let next = first.windows(8).position(|window| &window[..6] == b"\x08\0\x60\0CS").unwrap();
        first[next + 4..next + 6].copy_from_slice(&vr);
        names("two", &notes("two", first), &["(0008,0005)", "(0008,0060)"]);
    }
    let wide = Elements::new(EXPLICIT).add(PRIVATE, "XX", b"").raw(&[0; 0]);
    notes("an empty value", Changed::others(wide).bytes());
    let mut long = Elements::new(EXPLICIT);
    long.short(PRIVATE[0]);
    long.short(PRIVATE[1]);
    let long = long.raw(b"??\0\0\x06\0\0\0abcdef");
    names("32 bits", &notes("32 bits", Changed::others(long).bytes()), &["(0029,1010)"]);
    let short = Elements::new(EXPLICIT).raw(&[0x29, 0, 0x10, 0x10]).raw(b"UN\x06\0abcdef");
    names(
        "UN of 16 bits",
        &notes("UN of 16 bits", Changed::others(short).bytes()),
        &["(0029,1010)", "number of bytes"],
    );
    let switched = Elements::new(EXPLICIT).raw(&Elements::new(IMPLICIT).add(PRIVATE, "", b"abcdef").bytes);
    names("implicit", &notes("implicit", Changed::others(switched).bytes()), &["(0029,1010)", "in implicit VR"]);
    let switched = Elements::new(IMPLICIT).raw(&Elements::new(EXPLICIT).add(PRIVATE, "LO", b"abcdef").bytes);
    names("explicit", &notes("explicit", Changed::others(switched).bytes()), &["(0029,1010)", "explicit VR"]);

    let lost = Elements::new(EXPLICIT).add(PRIVATE, "--", &[0xFF; 12]).raw(&[0xFF; 3]);
    let said = fault("lost", Changed::others(lost).bytes());
    names("lost", &said, &["element (0029,1010) has the VR \"--\"", "no reading"]);
    let beyond = Elements::new(EXPLICIT).raw(&[0x29, 0, 0x10, 0x10]).raw(b"UN\0\0\0\0\x10\0abcdef");
    names(
        "beyond",
        &fault("beyond", Changed::others(beyond).bytes()),
        &["element (0029,1010) should have 1048576 bytes", "are left"],
    );
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn a_number_that_comes_as_text_and_a_text_that_comes_as_number_are_read() {
    for (vr, rows) in [
        ("IS", b"2 ".to_vec()),
        ("DS", b"2 ".to_vec()),
        ("UL", vec![2, 0, 0, 0]),
        ("SS", vec![2, 0]),
        ("FL", 2f32.to_le_bytes().to_vec()),
        ("FD", 2f64.to_le_bytes().to_vec()),
        ("UN", vec![2, 0]),
    ] {
        let said = notes(vr, Changed { rows: (vr, rows), ..Changed::default() }.bytes());
        assert_eq!(said.contains("(0028,0010)"), !["SS", "UN"].contains(&vr), "{vr}: {said}");
    }
    for (vr, slope) in [("FD", 2f64.to_le_bytes().to_vec()), ("FL", 2f32.to_le_bytes().to_vec()), ("US", vec![2, 0])] {
        let said = notes(vr, Changed { slope: (vr, slope), ..Changed::default() }.bytes());
        names(vr, &said, &["(0028,1053)", vr]);
    }
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn sequences_that_end_otherwise_are_read_where_it_is_clear() {
    let begun = || Elements::new(EXPLICIT).open(PRIVATE, "SQ").open(ITEM, "").text([0x0010, 0x0010], "PN", "A^B");
    let with_length =
        |tag: Tag| Elements::new(EXPLICIT).raw(&[tag[0].to_le_bytes(), tag[1].to_le_bytes(), [4, 0], [0, 0]].concat());
    let ended = begun().close(ITEM_END).close(SEQUENCE_END);
    assert_eq!(notes("as it should be", Changed::others(ended).bytes()), "");
    let item_end = with_length(ITEM_END).bytes;
    for (case, set, words) in [
        (
            "a length of an item's end",
            begun().raw(&item_end).close(SEQUENCE_END),
            "a delimiter of sequence (0029,1010) has a length",
        ),
        ("no end of the item", begun().close(SEQUENCE_END), "an item of sequence (0029,1010) has no end"),
        (
            "an item with another tag",
            Elements::new(EXPLICIT)
                .open(PRIVATE, "SQ")
                .open([0xFFFE, 0xE001], "")
                .text([0x0010, 0x0010], "PN", "A^B")
                .close(ITEM_END)
                .close(SEQUENCE_END),
            "an item of sequence (0029,1010) has the tag (FFFE,E001)",
        ),
        ("one end too many", begun().close(ITEM_END).close(SEQUENCE_END).close(SEQUENCE_END), "where none has begun"),
        ("zeros", Elements::new(EXPLICIT).raw(&[0; 16]), "zeros stand between its elements"),
        (
            "an odd length that does not count its padding",
            Elements::new(EXPLICIT).add(PRIVATE, "LO", b"abc").raw(b" "),
            "does not count its last byte",
        ),
    ] {
        names(case, &notes(case, Changed::others(set).bytes()), &[words]);
    }
    let inside = Elements::new(EXPLICIT).text([0x0010, 0x0010], "PN", "A^B").bytes;
    let padded = Elements::new(EXPLICIT).add(ITEM, "", &[&inside[..], &[0; 6]].concat()).bytes;
    notes(
        "zeros in an item",
        Changed::others(Elements::new(EXPLICIT).open(PRIVATE, "SQ").raw(&padded).close(SEQUENCE_END)).bytes(),
    );
    for (case, set, words) in [
        ("an end of an item", Elements::new(EXPLICIT).close(ITEM_END), "(FFFE,E00D) stands outside of all sequences"),
        ("an item", Elements::new(EXPLICIT).add(ITEM, "", b""), "(FFFE,E000) stands outside of all sequences"),
        ("an item in an item", begun().open(ITEM, ""), "(FFFE,E000) stands inside an item of sequence (0029,1010)"),
        (
            "no item",
            Elements::new(EXPLICIT).open(PRIVATE, "SQ").text(THICKNESS, "DS", "1"),
            "sequence (0029,1010) holds (0018,0050), which is no item",
        ),
        (
            "no end",
            Elements::new(EXPLICIT).open(PRIVATE, "OB").raw(b"abcd"),
            "element (0029,1010) has no length and no end",
        ),
        ("no end of a sequence", begun().close(ITEM_END), "sequence (0029,1010) holds (7FE0,0010), which is no item"),
        (
            "an item that is too long",
            Elements::new(EXPLICIT).open(PRIVATE, "SQ").raw(b"\xFE\xFF\0\xE0\0\0\x10\0"),
            "an item of sequence (0029,1010) should have 1048576 bytes",
        ),
    ] {
        names(case, &fault(case, Changed::others(set).bytes()), &[words]);
    }
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn the_last_of_two_equal_elements_counts() {
    let again = Elements::new(EXPLICIT).add(SLOPE, "DS", b"2 ");
    notes("twice", Changed { slope: ("DS", b"7 ".to_vec()), ..Changed::others(again) }.bytes());
}

/// The bytes of a file without the first element of this tag, and that.
fn moved(file: &[u8], tag: Tag) -> (Vec<u8>, Vec<u8>) {
    let mut bytes = file.to_vec();
    let tag = [tag[0].to_le_bytes(), tag[1].to_le_bytes()].concat();
    let at = bytes.windows(4).position(|window| window == tag).unwrap();
    let element = bytes.drain(at..at + 8 + usize::from(bytes[at + 6])).collect();
    (bytes, element)
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn what_stands_behind_the_pixels_is_read_if_it_is_nowhere_else() {
    const BEHIND: &str = "elements of the image stand behind its pixel data";
    let image = Changed::default().bytes();
    for tag in [ROWS, [0x0028, 0x0103], [0x0028, 0x1052], SLOPE] {
        let (rest, element) = moved(&image, tag);
        assert_eq!(notes("behind", [rest, element].concat()), BEHIND, "{tag:04X?}");
    }
    let encapsulated = Changed::default().file(EXPLICIT, "1.2.840.10008.1.2.1.98");
    let (rest, element) = moved(&encapsulated, SLOPE);
    let (header, pixels) = rest.split_at(rest.len() - 12 - 8);
    let fragments = Elements::new(EXPLICIT).open(PIXELS, "OB").add(ITEM, "", b"").add(ITEM, "", &pixels[12..]);
    let fragments = fragments.close(SEQUENCE_END).bytes;
    assert_eq!(notes("behind fragments", [header, &fragments, &element].concat()), BEHIND);
    // What was there before, and what is no element, counts for nothing.
    let again = Elements::new(EXPLICIT).add(SLOPE, "DS", b"7 ").bytes;
    assert_eq!(notes("again", [&image[..], &again].concat()), "");
    let padding = Elements::new(EXPLICIT).add([0x0028, 0x0120], "US", &[0, 0]).bytes;
    assert_eq!(notes("no elements", [&image[..], &padding, b"and more"].concat()), "");
    assert_eq!(notes("filled up", [&image[..], &[0; 99]].concat()), "");
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn a_sign_that_is_not_said_is_missed_where_it_counts() {
    const SIGN: Tag = [0x0028, 0x0103];
    let image = Changed::default().bytes();
    let mut negative = image.clone();
    let last = negative.len() - 1;
    negative[last] = 0xFC;
    let says = |file: &[u8], representation: u16| {
        let (rest, element) = moved(file, SIGN);
        let at = rest.windows(4).position(|window| window == [0x28, 0, 0x52, 0x10]).unwrap();
        let element = [&element[..8], &representation.to_le_bytes()].concat();
        [&rest[..at], &element, &rest[at..]].concat()
    };
    let without = |file: &[u8]| moved(file, SIGN).0;
    // No value would be another with a sign.
    for file in [without(&image), says(&image, 2), says(&image, 0xFFFF), says(&image, 0)] {
        assert_eq!(notes("no sign", file), "");
    }
    for file in [without(&negative), says(&negative, 2), says(&negative, 0xFFFF)] {
        let said = fault("no sign", file);
        names(
            "no sign",
            &said,
            &["it does not say whether its values have a sign (0028,0103), and some would be negative with one"],
        );
    }
    assert!(slice(says(&negative, 0)).is_ok() && slice(says(&negative, 1)).is_ok());
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn pixels_without_a_length_reach_to_their_delimiter() {
    let image = Changed::default().bytes();
    let (header, pixels) = image.split_at(image.len() - 12 - 8);
    let open = Elements::new(EXPLICIT).open(PIXELS, "OW").raw(&pixels[12..]);
    let said = "its pixel data have no length, and are in no fragments";
    assert_eq!(notes("a delimiter", [header, &open.bytes, b"\xFE\xFF\xDD\xE0\0\0\0\0"].concat()), said);
    assert_eq!(notes("none", [header, &open.bytes].concat()), said);
    names("cut", &fault("cut", [header, &open.bytes[..17]].concat()), &["5 of 8 bytes of pixel data"]);
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn white_space_around_a_value_is_none_of_it() {
    let intercept = [0x0028, 0x1052];
    for value in [&b"-1024\r\n "[..], b"\t-1024 ", b"-1024\0\0\0", b" -1024\n"] {
        let (rest, _) = moved(&Changed::default().bytes(), intercept);
        let at = rest.windows(4).position(|window| window == [0x28, 0, 0x53, 0x10]).unwrap();
        let element = Elements::new(EXPLICIT).add(intercept, "DS", value).bytes;
        assert_eq!(notes("white space", [&rest[..at], &element, &rest[at..]].concat()), "");
    }
    let file = Changed::default().file(EXPLICIT, "1.2.840.10008.1.2.1\n");
    assert_eq!(notes("a syntax with a line end", file), "");
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn a_preamble_that_begins_as_an_archive_is_one_of_dicom() {
    for start in [&b"PK\x03\x04"[..], b"PK\x05\x06", b"Rar!\x1A\x07", b"BZh", b"MZ", b"II*\0"] {
        let mut file = Changed::default().bytes();
        file[..start.len()].copy_from_slice(start);
        let opened = File::open(file.clone(), Limits::default()).unwrap();
        assert_eq!(opened.slices().count(), 1);
        assert_eq!(notes("a preamble", file), "");
    }
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn no_frames_are_one() {
    for frames in ["0", "", "00", "0.0", " 0"] {
        let said = notes(frames, Changed { frames: Some(frames), ..Changed::default() }.bytes());
        assert_eq!(said, "it says that it has no frames, and one is there", "\"{frames}\"");
    }
    for frames in ["1", " 1 ", "+1", "1.0", "01"] {
        assert_eq!(notes(frames, Changed { frames: Some(frames), ..Changed::default() }.bytes()), "", "\"{frames}\"");
    }
    for frames in ["-1", "1.5", "one", "1\\1", ".", "1e0x"] {
        names(
            frames,
            &fault(frames, Changed { frames: Some(frames), ..Changed::default() }.bytes()),
            &["number of frames (0028,0008)"],
        );
    }
    let more = fault("2", Changed { frames: Some("2"), ..Changed::default() }.bytes());
    names("2", &more, &["8 of 16 bytes of pixel data"]);
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn code_words_in_lower_case_are_the_same_words() {
    for modality in ["ct", "Ct", "cT"] {
        let bytes = Changed { modality, ..Changed::default() }.bytes();
        assert_eq!(slice(bytes.clone()).unwrap().origin.modality.as_deref(), Some("CT"));
        names(modality, &notes(modality, bytes), &["(0008,0060) is in lower case"]);
    }
    for unit in ["hu", "Hu", "Hounsfield Unit", "hounsfield units", "HOUNSFIELD", "H.U.", "[HU]"] {
        names(unit, &notes(unit, Changed { unit, ..Changed::default() }.bytes()), &["(0028,1054)"]);
    }
    for unit in ["HU", "US", ""] {
        assert_eq!(notes(unit, Changed { unit, ..Changed::default() }.bytes()), "");
    }
    let lower = Changed { photometric: "monochrome1", modality: "mr", ..Changed::default() };
    let upper = Changed { photometric: "MONOCHROME1", modality: "MR", ..Changed::default() };
    let levels = |changed: Changed| match slice(changed.bytes()).unwrap().pixels {
        Pixels::Gray(levels) => levels,
        other => panic!("it is read as {other:?}"),
    };
    assert_eq!(levels(lower), levels(upper));
}

/// Errors whose cause is another than it seems.
#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn every_error_names_what_is_so() {
    let plain = Changed::default;
    let image = plain().bytes();
    let with = |tag: Tag, vr: &str, value: &[u8]| Changed::others(Elements::new(EXPLICIT).add(tag, vr, value)).bytes();
    let number = |element: u16, value: u16| with([0x0028, element], "US", &value.to_le_bytes());
    let pixels_at = image.len() - 12 - 8;
    let fragments =
        Elements::new(EXPLICIT).open(PIXELS, "OB").add(ITEM, "", b"").add(ITEM, "", b"abcd").close(SEQUENCE_END).bytes;
    let coded = |fragments: &[u8], syntax| {
        let file = plain().file(EXPLICIT, syntax);
        [&file[..file.len() - 12 - 8], fragments].concat()
    };
    let rle = "1.2.840.10008.1.2.5";
    let deflated = plain().file(EXPLICIT, "1.2.840.10008.1.2.1.99");
    for (words, bytes) in [
        ("it does not say how many rows (0028,0010) and columns (0028,0011) the image has", moved(&image, ROWS).0),
        ("it says that its pixels have no sample (0028,0002)", number(0x0002, 0)),
        ("it says that a pixel has 13 bits (0028,0100)", number(0x0100, 13)),
        ("it says that 0 bits are stored (0028,0101)", number(0x0101, 0)),
        ("it says that 16 bits are stored (0028,0101), the highest of them bit 3 (0028,0102)", number(0x0102, 3)),
        ("its size is 2 x 0 pixels", number(0x0010, 0)),
        ("its rescale slope is no number", with(SLOPE, "DS", b"much")),
        ("its rescale slope has several values", with(SLOPE, "DS", b"1\\1 ")),
        ("its rescale slope is 0", with(SLOPE, "DS", b"0 ")),
        ("it ends before the pixel data, or has none", image[..pixels_at].to_vec()),
        ("7 of 8 bytes of pixel data", image[..image.len() - 1].to_vec()),
        (
            "Explicit VR Little Endian, whose pixel data are in no fragments, and these are",
            coded(&fragments, "1.2.840.10008.1.2.1"),
        ),
        ("RLE Lossless, whose pixel data are in fragments, and these are not", plain().file(EXPLICIT, rle)),
        ("its pixel data have no frame", coded(&fragments[..12], rle)),
        ("its pixel data hold something that is no fragment", coded(&[&fragments[..12], b"abcdefgh"].concat(), rle)),
        ("it ends inside a fragment", coded(&fragments[..fragments.len() - 10], rle)),
        ("the DICOM (RLE) data cannot be read: it ends inside its header", coded(&fragments, rle)),
        (
            "its deflated data set is damaged",
            [&deflated[..deflated.len() - plain().data_set().len()], &[0xFF; 40]].concat(),
        ),
    ] {
        names(words, &fault(words, bytes), &[words]);
    }
    let unsupported = |bytes: Vec<u8>| match slice(bytes) {
        Err(error @ Error::Unsupported { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    };
    names("32 bits", &unsupported(number(0x0100, 32)), &["32 bits a pixel"]);
    names("colour", &unsupported(number(0x0002, 3)), &["a colour DICOM image (MONOCHROME2, 3 samples a pixel)"]);
    let doe = Changed {
        photometric: "Doe^John",
        ..Changed::others(Elements::new(EXPLICIT).add([0x0028, 0x0002], "US", &[3, 0]))
    };
    names("no code", &unsupported(doe.bytes()), &["(unknown, 3 samples a pixel)"]);
    names("unit", &unsupported(with(UNIT, "LO", b"Z_EFF ")), &["not Hounsfield units (Z_EFF)"]);
    names("syntax", &unsupported(plain().file(EXPLICIT, "1.2.840.113619.5.2")), &["\"1.2.840.113619.5.2\""]);
    // A cut-off CT is no object without an image, a report is.
    let cut = |class: &str| {
        let class = Elements::new(EXPLICIT).text([0x0008, 0x0016], "UI", class).text(MODALITY, "CS", "CT").bytes;
        [&image[..image.len() - plain().data_set().len()], &class].concat()
    };
    names("a CT", &fault("a CT", cut("1.2.840.10008.5.1.4.1.1.2")), &["before the pixel data"]);
    assert_eq!(slice(cut("1.2.840.10008.5.1.4.1.1.88.11")).unwrap_err(), Error::NoPixels);
}
