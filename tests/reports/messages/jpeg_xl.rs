//! JPEG XL frames, whose headers are written here bit by bit (ISO/IEC 18181-1, Annex D and F).

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test;

use super::codecs::Sample;
use super::{hold, put};

/// Fields of a header in their order: a name, a value and its bits.
type Fields = Vec<(&'static str, u32, u32)>;

/// A frame of 8 x 8 gray pixels of 8 bits, coded without loss.
fn fields() -> Fields {
    vec![
        ("small", 1, 1),
        ("height", 0, 5),
        ("ratio", 1, 3),
        ("default metadata", 0, 1),
        ("more fields", 0, 1),
        ("floats", 0, 1),
        ("precision", 0, 2),
        ("16 bits are enough", 1, 1),
        ("other channels", 0, 2),
        ("perception", 0, 1),
        ("default colours", 0, 1),
        ("profile", 0, 1),
        ("gray", 1, 2),
        ("white point", 1, 2),
        ("gamma", 0, 1),
        ("transfer", 1, 2),
        ("intent", 1, 2),
        ("extensions", 0, 2),
        ("default transform", 1, 1),
        ("align", 0, 0),
        ("default frame", 0, 1),
        ("kind", 0, 2),
        ("modular", 1, 1),
        ("flags", 0, 2),
        ("YCbCr", 0, 1),
        ("enlargement", 0, 2),
        ("group", 1, 2),
        ("passes", 0, 2),
        ("crop", 0, 1),
        ("blending", 0, 2),
        ("last", 1, 1),
        ("name", 0, 2),
        ("default filters", 0, 1),
        ("smoothing", 0, 1),
        ("edges", 0, 2),
        ("filter extensions", 0, 2),
        ("frame extensions", 0, 2),
        ("order of parts", 0, 1),
        ("align", 0, 0),
        ("size", 0, 2),
        ("size of the part", 64, 10),
        ("align", 0, 0),
        ("default factors", 1, 1),
        ("tree", 0, 1),
        ("shared tree", 0, 1),
        ("default weights", 1, 1),
        ("transforms", 0, 2),
        ("rest", 0, 24),
    ]
}

fn written(fields: &Fields) -> Vec<u8> {
    let mut bits = Vec::new();
    for (name, value, width) in fields {
        match *name {
            "align" => bits.resize(bits.len().next_multiple_of(8), 0),
            _ => bits.extend((0..*width).map(|bit| (value >> bit & 1) as u8)),
        }
    }
    let byte = |part: &[u8]| part.iter().rev().fold(0, |byte, bit| byte << 1 | bit);
    [b"\xFF\x0A".to_vec(), bits.chunks(8).map(byte).collect(), vec![0; 64]].concat()
}

/// The codestream with some fields changed.
fn with(changes: &[(&str, u32)]) -> Vec<u8> {
    let mut fields = fields();
    for (name, value) in changes {
        fields.iter_mut().find(|(found, ..)| found == name).expect("the field is there").1 = *value;
    }
    written(&fields)
}

/// The same, with more fields behind one.
fn and(changes: &[(&str, u32)], behind: &str, more: &[(u32, u32)]) -> Vec<u8> {
    let mut fields = fields();
    for (name, value) in changes {
        fields.iter_mut().find(|(found, ..)| found == name).expect("the field is there").1 = *value;
    }
    let at = fields.iter().position(|(name, ..)| *name == behind).expect("the field is there") + 1;
    fields.splice(at..at, more.iter().map(|(value, width)| ("more", *value, *width)));
    written(&fields)
}

/// With the usual colours, of which nothing more is said.
fn coloured() -> Vec<u8> {
    let said = ["profile", "gray", "white point", "gamma", "transfer", "intent"];
    let mut fields = fields();
    fields.retain(|(name, ..)| !said.contains(name));
    fields.iter_mut().filter(|(name, ..)| *name == "default colours").for_each(|(_, value, _)| *value = 1);
    written(&fields)
}

/// The sample of another size.
fn sample(side: u16) -> Sample {
    let file = include_bytes!("../../dicom/jpeg-xl-u8.dcm");
    let mut file = file.to_vec();
    for element in [0x10, 0x11] {
        let at = file.windows(6).position(|window| window == [0x28, 0, element, 0, b'U', b'S']).unwrap();
        file = put(&file, at + 8, &side.to_le_bytes());
    }
    Sample::of(&file)
}

/// One cluster for all contexts, in a prefix code; numbers are their symbols.
const PREFIX: [(u32, u32); 5] = [(0, 1), (1, 1), (0, 2), (1, 1), (15, 4)];
/// Of four symbols two are used, which are the same.
const TWICE: [(u32, u32); 12] =
    [(0, 1), (1, 1), (0, 2), (1, 1), (15, 4), (1, 1), (1, 4), (1, 1), (1, 2), (1, 2), (2, 2), (2, 2)];
/// Of four symbols one is used: 2, which no part is.
const ALWAYS_2: [(u32, u32); 11] =
    [(0, 1), (1, 1), (0, 2), (1, 1), (15, 4), (1, 1), (1, 4), (1, 1), (1, 2), (0, 2), (2, 2)];
/// An asymmetric numeral system of one symbol, whose state is 7 at its start and so at its end.
const OTHER_STATE: [(u32, u32); 10] =
    [(0, 1), (1, 1), (0, 2), (0, 1), (0, 2), (5, 3), (1, 1), (0, 1), (0, 1), (0x7FFF_0007, 32)];

/// A frame of 1024 x 1024 pixels whose numbers are found by a tree of so many levels.
fn of_tree(levels: usize) -> Vec<u8> {
    // A prefix code of the symbols 0 and 1.
    let mut tree = PREFIX.to_vec();
    tree.extend([(1, 1), (0, 4), (1, 2), (1, 2), (0, 1), (1, 1)]);
    let (decision, leaf) = ([(1, 1), (0, 1)], [(0, 1); 5]);
    tree.extend(decision);
    for _ in 2..levels {
        tree.extend(decision);
        tree.extend(leaf);
    }
    tree.extend([leaf; 2].concat());
    // What the leaves lead to has one symbol.
    tree.extend(PREFIX);
    tree.push((0, 1));
    let mut fields = fields();
    let mut set = |name: &str, by: &[(&'static str, u32, u32)]| {
        let at = fields.iter().position(|(found, ..)| *found == name).expect("the field is there");
        fields.splice(at..=at, by.iter().copied());
    };
    set("small", &[("small", 0, 1)]);
    set("height", &[("way", 1, 2), ("height", 1023, 13)]);
    set("group", &[("group", 3, 2)]);
    set("size", &[("size", 1, 2)]);
    set("size of the part", &[("size of the part", 4000, 14)]);
    let tree: Vec<_> = tree.into_iter().map(|(value, width)| ("tree", value, width)).collect();
    set("transforms", &[&[("transforms", 0, 2)][..], &tree].concat());
    [written(&fields), vec![0; 5000]].concat()
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn jpeg_xl_frames() {
    let (sample, large) = (sample(8), sample(1024));
    let boxes = b"\0\0\0\x0CJXL \r\n\x87\n";
    let damaged = [
        ("it does not start like a codestream", b"no codestream".to_vec()),
        ("its file holds no codestream", boxes.to_vec()),
        ("it ends before the image does", with(&[])[..6].to_vec()),
        ("a frame is 16 x 8 instead of 8 x 8 pixels", with(&[("ratio", 7)])),
        ("it has extensions that are not known", with(&[("extensions", 1)])),
        ("it mixes colours, and is gray", and(&[("transforms", 1)], "transforms", &[(0, 2)])),
        ("a stream of its numbers makes no sense", and(&[("transforms", 1)], "transforms", &[(3, 2)])),
        ("a stream of its numbers makes no sense", with(&[("shared tree", 1)])),
        ("its entropy code makes no sense", and(&[("order of parts", 1)], "order of parts", &TWICE)),
        ("the order of its parts makes no sense", and(&[("order of parts", 1)], "order of parts", &ALWAYS_2)),
        ("a stream does not end as it must", and(&[], "transforms", &OTHER_STATE)),
    ];
    let named: Vec<(String, Vec<u8>)> = damaged
        .into_iter()
        .map(|(reason, codestream)| {
            let message =
                format!("the DICOM (JPEG XL) data cannot be read: {reason}; export the slice again from its source");
            (message, sample.with(&codestream))
        })
        .collect();
    hold(named.iter().map(|(message, file)| (message.as_str(), file.clone())));

    let palette = |channels: u32, deltas: u32| {
        // A table of channel 0, so many channels, colours and differences.
        and(
            &[("transforms", 1)],
            "transforms",
            &[(1, 2), (0, 2), (0, 3), (channels, 2), (0, 2), (1, 8), (deltas, 2), (0, 8), (0, 4)],
        )
    };
    let unsupported = [
        ("a JPEG XL frame that is lossy", with(&[("default metadata", 1)])),
        ("a JPEG XL frame that is lossy", with(&[("perception", 1)])),
        ("a JPEG XL frame that is lossy", with(&[("modular", 0)])),
        ("a JPEG XL frame that is lossy", with(&[("smoothing", 1)])),
        ("a JPEG XL frame that is to be turned", and(&[("more fields", 1)], "more fields", &[(3, 3)])),
        (
            "a JPEG XL frame with a preview or an animation",
            and(&[("more fields", 1)], "more fields", &[(0, 3), (0, 1), (1, 1)]),
        ),
        ("a JPEG XL frame of floating-point numbers", with(&[("floats", 1)])),
        ("a JPEG XL frame of 8 bits and 1 other channels", with(&[("other channels", 1)])),
        ("a JPEG XL frame with a colour profile", with(&[("profile", 1)])),
        ("a JPEG XL frame that is to be enlarged", and(&[("default transform", 0)], "default transform", &[(1, 3)])),
        ("a JPEG XL frame with parts that are put together", with(&[("kind", 1)])),
        ("a JPEG XL frame with fewer pixels than it shows", with(&[("enlargement", 1)])),
        ("a JPEG XL frame with several passes", with(&[("passes", 1)])),
        ("a JPEG XL frame with others over each other", with(&[("crop", 1)])),
        ("a JPEG XL frame with others over each other", with(&[("last", 0)])),
        ("a JPEG XL frame with a table of differences", palette(0, 1)),
        ("a JPEG XL frame in several resolutions", and(&[("transforms", 1)], "transforms", &[(2, 2)])),
        ("a DICOM (JPEG XL) frame of 3 colour components", coloured()),
    ];
    let named: Vec<(String, Vec<u8>)> = unsupported
        .into_iter()
        .map(|(what, codestream)| {
            let advice = "export the series uncompressed (Explicit VR Little Endian)";
            (format!("{what} is not supported; {advice}"), sample.with(&codestream))
        })
        .collect();
    hold(named.iter().map(|(message, file)| (message.as_str(), file.clone())));
    let advice = "export the series uncompressed (Explicit VR Little Endian)";
    let message = format!("a JPEG XL frame of so deep a tree is not supported; {advice}");
    hold([(message.as_str(), large.with(&of_tree(3000)))]);
}
