//! DICOM headers: what the other modules do not hold.

use lungglass::decode::{Image, Limits};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test;

use super::{hold, hold_within};
use crate::encodings::{
    BIG_ENDIAN, Changed, EXPLICIT, Elements, IMPLICIT, ITEM, ITEM_END, PIXELS, PRIVATE, SEQUENCE_END, UNIT,
};

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn dicom_headers() {
    let plain = Changed::default;
    let elements = || Elements::new(EXPLICIT);
    let image = plain().bytes();
    let begun = elements().open(PRIVATE, "SQ").open(ITEM, "").text([0x0010, 0x0010], "PN", "A^B");
    let header = image.len() - 12 - 8;
    let damaged = [
        // Three bytes of a tag.
        ("it ends inside the tag or the length of an element", [&image[..header], &[0xE0, 0x7F, 0x10]].concat()),
        (
            "it ends inside sequence (0029,1010)",
            [&image[..header], &elements().open(PRIVATE, "SQ").raw(b"\xFE\xFF").bytes].concat(),
        ),
        ("it ends inside a sequence, before the pixel data", [&image[..header], &begun.bytes].concat()),
    ];
    let messages: Vec<_> = damaged
        .iter()
        .map(|(reason, _)| format!("the DICOM data cannot be read: {reason}; export the slice again from its source"))
        .collect();
    hold(messages.iter().map(String::as_str).zip(damaged.iter().map(|(_, bytes)| bytes.clone())));
    let number = |element: u16, value: u16| Changed::others(elements().number([0x0028, element], value)).bytes();
    hold([
        (
            "a colour DICOM image (MONOCHROME2, 3 samples a pixel) is not supported; CT slices are gray: choose the original series",
            number(0x0002, 3),
        ),
        ("32 bits a pixel is not supported; export the series with 16 bits a pixel", number(0x0100, 32)),
        (
            "decimal numbers of its header have a comma, which was read as their point",
            Changed { slope: ("DS", b"2,0 ".to_vec()), ..plain() }.bytes(),
        ),
    ]);
    let usual = Limits::default;
    let long = Changed::others(elements().add(PRIVATE, "OB", &[7; 5000])).bytes();
    let deflated = {
        use std::io::Write;
        let file = plain().file(EXPLICIT, "1.2.840.10008.1.2.1.99");
        let start = file.len() - plain().data_set().len();
        let mut encoder = flate2::write::DeflateEncoder::new(file[..start].to_vec(), flate2::Compression::best());
        encoder.write_all(&plain().data_set()).unwrap();
        encoder.finish().unwrap()
    };
    let groups = {
        let item = |set: Elements| set.open(ITEM, "").close([0xFFFE, 0xE00D]);
        let set = item(item(elements().open([0x5200, 0x9230], "SQ"))).close([0xFFFE, 0xE0DD]);
        Changed::others(set).bytes()
    };
    let frames = Changed { frames: Some("2"), ..plain() }.bytes();
    hold_within([
        (
            "the length of its header in bytes is *, more than the limit of 1000; export it smaller",
            long,
            Limits { header: 1000, ..usual() },
        ),
        (
            "the number of its elements is 6, more than the limit of 5; export it smaller",
            image.clone(),
            Limits { elements: 5, ..usual() },
        ),
        (
            "the size of its data set in bytes is more than the limit of 20; export it smaller",
            deflated,
            Limits { entry: 20, ..usual() },
        ),
        (
            "the number of its functional groups is 2, more than the limit of 1; export it smaller",
            groups,
            Limits { frames: 1, ..usual() },
        ),
        (
            "the number of frames is 2, more than the limit of 1; export it smaller",
            frames,
            Limits { frames: 1, ..usual() },
        ),
    ]);
}

const AGAIN: &str = "export the slice again from its source";

fn unreadable<const N: usize>(cases: [(&str, Vec<u8>); N]) {
    let messages = cases.each_ref().map(|(reason, _)| format!("the DICOM data cannot be read: {reason}; {AGAIN}"));
    hold(messages.iter().map(String::as_str).zip(cases.iter().map(|(_, bytes)| bytes.clone())));
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn what_values_mean() {
    const RLE: &str = "1.2.840.10008.1.2.5";
    let plain = Changed::default;
    let elements = || Elements::new(EXPLICIT);
    let scaled = |slope: &'static [u8]| Changed { slope: ("DS", slope.to_vec()), ..plain() }.bytes();
    let lut = |descriptor: [u16; 3], entries: &[u8]| {
        let descriptor: Vec<u8> = descriptor.into_iter().flat_map(u16::to_le_bytes).collect();
        let item = elements().open([0x0028, 0x3000], "SQ").open(ITEM, "").add([0x0028, 0x3002], "US", &descriptor);
        let item = item.add([0x0028, 0x3006], "OW", entries).close(ITEM_END).close(SEQUENCE_END);
        Changed::others(item).bytes()
    };
    let floats = |first: f32| {
        let values: Vec<u8> = [first, -600.0, 40.0, 1000.0].into_iter().flat_map(f32::to_le_bytes).collect();
        Changed::others(elements().add([0x7FE0, 0x0008], "OF", &values)).bytes()
    };
    let image = plain().file(EXPLICIT, RLE);
    let fragments = |count: usize, frames: Option<&'static str>| {
        let mut set = elements().open(PIXELS, "OB").add(ITEM, "", b"");
        for _ in 0..count {
            set = set.add(ITEM, "", b"");
        }
        let file = Changed { frames, ..plain() }.file(EXPLICIT, RLE);
        [&file[..file.len() - 12 - 8], &set.close(SEQUENCE_END).bytes].concat()
    };
    unreadable([
        ("its Hounsfield scale goes beyond all numbers", scaled(b"1e38")),
        ("its number of frames (0028,0008) is not a count", Changed { frames: Some("one "), ..plain() }.bytes()),
        ("its rescale slope is no number", scaled(b"much")),
        ("its rescale slope has several values", scaled(b"1\\1 ")),
        ("its rescale slope is 0, which makes one Hounsfield unit of all values", scaled(b"0 ")),
        (
            "its Modality LUT has no descriptor or no data",
            Changed::others(elements().open([0x0028, 0x3000], "SQ").open(ITEM, "").close(ITEM_END).close(SEQUENCE_END))
                .bytes(),
        ),
        ("its Modality LUT has entries of 32 bits", lut([2, 0, 32], &[0; 8])),
        ("its Modality LUT holds 2 of 3 entries", lut([3, 0, 16], &[0; 4])),
        ("its pixel data hold infinity", floats(f32::INFINITY)),
        ("its 3 fragments cannot be told apart into 2 frames", fragments(3, Some("2 "))),
        (
            "it names the transfer syntax RLE Lossless, whose pixel data are in fragments, and these are not",
            image.clone(),
        ),
    ]);
    hold([
        ("pixels that are no numbers (NaN) were read as air", floats(f32::NAN)),
        (
            "the entries of its Modality LUT were read with a sign, as no Hounsfield units are so great as they are without",
            lut([3, 0, 16], &[0x18, 0xFC, 0, 0, 0xF4, 1]),
        ),
        (
            "its pixels are said to be so far from square that this is not believed",
            Changed::others(elements().text([0x0028, 0x0030], "DS", "50\\0.5")).bytes(),
        ),
        (
            "a CT image whose values are not Hounsfield units (Z_EFF) is not supported; choose the series in Hounsfield units",
            Changed::others(elements().text(UNIT, "LO", "Z_EFF")).bytes(),
        ),
        (
            "the DICOM transfer syntax * (1.2.840.10008.1.2.4.100) is not supported; export the series uncompressed (Explicit VR Little Endian)",
            plain().file(EXPLICIT, "1.2.840.10008.1.2.4.100"),
        ),
        (
            "the DICOM transfer syntax \"1.2.840.113619.5.2\" is not supported; export the series uncompressed (Explicit VR Little Endian)",
            plain().file(EXPLICIT, "1.2.840.113619.5.2"),
        ),
    ]);
    let usual = Limits::default;
    let nested = elements().open([0x5200, 0x9229], "SQ").open(ITEM, "").open([0x0028, 0x9145], "SQ").open(ITEM, "");
    let nested = nested.close(ITEM_END).close(SEQUENCE_END).close(ITEM_END).close(SEQUENCE_END);
    let frame = |count: usize| {
        let mut file = fragments(count, Some("17"));
        for (element, side) in [(0x10, 16_384u16), (0x11, 1024)] {
            let at = file.windows(6).position(|window| window == [0x28, 0, element, 0, b'U', b'S']).unwrap();
            file[at + 8..at + 10].copy_from_slice(&side.to_le_bytes());
        }
        file
    };
    hold_within([
        (
            "its pixels are not square, and it would be too large if they were made so",
            Changed::others(elements().text([0x0028, 0x0030], "DS", "2\\1")).bytes(),
            Limits { pixels: 4, ..usual() },
        ),
        (
            "the number of sequences within each other is 1, more than the limit of 0; export it smaller",
            Changed::others(nested).bytes(),
            Limits { nesting: 0, ..usual() },
        ),
        (
            "the number of fragments is 65537, more than the limit of 65536; export it smaller",
            fragments(65_537, None),
            usual(),
        ),
        (
            "the number of pixels in all frames together is 285212672, more than the limit of 268435456; export it smaller",
            frame(17),
            usual(),
        ),
    ]);
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn what_is_not_encoded_as_it_says() {
    let plain = Changed::default;
    let elements = || Elements::new(EXPLICIT);
    let coded = elements().open(PIXELS, "OB").add(ITEM, "", b"").add(ITEM, "", b"abcd").bytes;
    let deflated = plain().file(EXPLICIT, "1.2.840.10008.1.2.1.99");
    let start = deflated.len() - plain().data_set().len();
    // Behind the tag and what is no VR: a value of no bytes and two elements, or one value of 42 bytes.
    let two_ways =
        [&b"\x29\0\x10\x10??\0\0\x2A\0\0\0UL\x04\0\x01\x02\x03\x04\x2A\0\x10\0LO\x1A\0"[..], &[b'a'; 26]].concat();
    unreadable([
        (
            "it names a deflated transfer syntax, and its data set is not deflated",
            plain().file(EXPLICIT, "1.2.840.10008.1.2.1.99"),
        ),
        ("its deflated data set is damaged (*)", [&deflated[..start], &[0xFF; 40]].concat()),
        (
            "its pixel data are compressed, and it names no transfer syntax",
            Changed::others(elements().raw(&coded)).data_set(),
        ),
        (
            "element (0029,1010) has the VR \"??\", which is none, and several readings of its length make sense",
            Changed::others(elements().raw(&two_ways)).bytes(),
        ),
    ]);
    let implicit = Elements::new(IMPLICIT).add(PRIVATE, "", b"abcdef").bytes;
    let explicit = elements().add(PRIVATE, "LO", b"abcdef").bytes;
    hold([
        ("its file meta group is in big endian", plain().file(BIG_ENDIAN, "1.2.840.10008.1.2.1")),
        (
            "element (0028,1054) says in other words that the values are Hounsfield units",
            Changed { unit: "hu", ..plain() }.bytes(),
        ),
        (
            "element (0029,1010) is in implicit VR, unlike those before it",
            Changed::others(elements().raw(&implicit)).bytes(),
        ),
        (
            "element (0029,1010) is in explicit VR, unlike those before it",
            Changed::others(Elements::new(IMPLICIT).raw(&explicit)).bytes(),
        ),
        (
            "the length of element (0029,1010) has the wrong number of bytes for its VR \"UN\"",
            Changed::others(elements().raw(b"\x29\0\x10\x10UN\x06\0abcdef")).bytes(),
        ),
    ]);
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn what_objects_lack_in_a_header() {
    const STUDY: ([u16; 2], &str) = ([0x0020, 0x000D], "2.25.1");
    const INSTANCE: ([u16; 2], &str) = ([0x0008, 0x0018], "2.25.3");
    let lack = |before: &[([u16; 2], &str)], series: &str| {
        let set = before.iter().fold(Elements::new(EXPLICIT), |set, (tag, uid)| set.text(*tag, "UI", uid));
        let changed = Changed::others(Elements::new(EXPLICIT).text([0x0020, 0x000E], "UI", series));
        let (file, data) = (changed.bytes(), changed.data_set());
        let bytes = [&file[..file.len() - data.len()], &set.bytes, &data].concat();
        let found = Image::open(bytes, Limits::default()).unwrap().identity().unwrap();
        found.err().map(|lack| lack.to_string()).unwrap()
    };
    assert_eq!(lack(&[INSTANCE], "2.25.7"), "no Study Instance UID (0020,000D) stands in the header of a slice");
    assert_eq!(lack(&[INSTANCE, STUDY], "none"), "no Series Instance UID (0020,000E) stands in the header of a slice");
    assert_eq!(lack(&[STUDY], "2.25.7"), "no SOP Instance UID (0008,0018) stands in the header of a slice");
    assert_eq!(lack(&[INSTANCE, STUDY], "2.25.7"), "no SOP Class UID (0008,0016) stands in the header of a slice");
}
