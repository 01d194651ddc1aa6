//! Pictures: what is wrong with a PNG, a JPEG, a bitmap or a TIFF, and what is noted of those that are read.

use image::{DynamicImage, GrayImage, ImageFormat, Rgba, RgbaImage};
use lungglass::decode::Limits;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test;

use super::{hold, hold_within, put, with};
use crate::pictures::{Long, Page, Short, encode, tiff};

const AGAIN: &str = "export the slice again from its source";

fn gray(side: u32) -> DynamicImage {
    GrayImage::from_fn(side, side, |x, y| image::Luma([(x * 9 + y) as u8])).into()
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn pictures_of_other_formats() {
    let unreadable = |format: &str, reason: &str| format!("the {format} data cannot be read: {reason}; {AGAIN}");
    let png = encode(gray(64), ImageFormat::Png);
    let jpeg = encode(gray(64), ImageFormat::Jpeg);
    let end = png.len() - 12;
    // A bitmap that holds another file.
    let bitmap = |compression: u8, side: u32, content: &[u8]| {
        let plain = encode(gray(8), ImageFormat::Bmp);
        let head =
            put(&put(&put(&plain[..54], 10, &54u32.to_le_bytes()), 18, &side.to_le_bytes()), 22, &side.to_le_bytes());
        let head = put(&put(&head, 14, &40u32.to_le_bytes()), 30, &[compression]);
        [head, content.to_vec()].concat()
    };
    let body = RgbaImage::from_fn(64, 64, |x, y| {
        let is_seen = (x as i32 - 32).pow(2) + (y as i32 - 32).pow(2) < 600;
        Rgba([x as u8, x as u8, x as u8, if is_seen { 255 } else { 0 }])
    });
    let cases = [
        (unreadable("PNG", "*"), with(&png, b"IDAT", b"IDAU")),
        (unreadable("PNG", "it ends before the image does"), png[..png.len() / 2].to_vec()),
        ("its end mark is missing, and all of its pixels are there".to_string(), png[..end].to_vec()),
        (unreadable("JPEG", "it ends before the image does"), jpeg[..jpeg.len() / 2].to_vec()),
        ("its transparent pixels are read as what lies around a body".to_string(), encode(body, ImageFormat::Png)),
        (
            unreadable("GIF", "its first frame does not lie within its screen"),
            put(&encode(gray(8).to_rgba8(), ImageFormat::Gif), 6, &[7]),
        ),
        (
            "a lossless or 12-bit JPEG of 3 colour components is not supported; save it as an ordinary 8-bit PNG"
                .to_string(),
            with(&encode(gray(64).to_rgb8(), ImageFormat::Jpeg), b"\xFF\xC0", b"\xFF\xC3"),
        ),
        (unreadable("BMP", "it says that it holds a PNG, and does not"), bitmap(5, 64, &jpeg)),
        (unreadable("BMP", "it says that it holds a JPEG, and does not"), bitmap(4, 64, &png)),
        (unreadable("BMP", "it says that it has 32 x 32 pixels, and the PNG in it has 64 x 64"), bitmap(5, 32, &png)),
        (unreadable("BMP", "its size is 0 x 0 pixels"), bitmap(5, 0, &png)),
        (
            "the longer side in pixels is 20000, more than the limit of 16384; export it smaller".to_string(),
            bitmap(5, 20_000, &png),
        ),
        (
            "the number of pixels is 100000000, more than the limit of 16777216; export it smaller".to_string(),
            bitmap(5, 10_000, &png),
        ),
    ];
    hold(cases.iter().map(|(message, bytes)| (message.as_str(), bytes.clone())));
}

/// A TIFF of 8 x 8 gray pixels with some tags changed.
fn changed(tags: Vec<(u16, crate::pictures::Value)>) -> Vec<u8> {
    let page = Page::new(8, 8, 8, (0..64).collect());
    tiff(vec![tags.into_iter().fold(page, |page, (tag, value)| page.with(tag, value))], false)
}

/// Where the first directory of a TIFF lies, and how many tags it has.
fn directory(file: &[u8]) -> (usize, usize) {
    let at = u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize;
    (at, u16::from_le_bytes([file[at], file[at + 1]]).into())
}

/// The value of a tag of a finished file replaced.
fn value(file: &[u8], tag: u16, value: u32) -> Vec<u8> {
    let (at, count) = directory(file);
    let entry = (0..count).map(|entry| at + 2 + 12 * entry).find(|at| file[*at..*at + 2] == tag.to_le_bytes());
    put(file, entry.unwrap() + 8, &value.to_le_bytes())
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn tiff_pages() {
    let plain = changed(Vec::new());
    let (at, count) = directory(&plain);
    let link = at + 2 + 12 * count;
    let two = tiff(vec![Page::new(8, 8, 8, vec![7; 64]), Page::new(8, 8, 8, vec![7; 64])], false);
    let size_tag = [0, 1, 4, 0, 1, 0, 0, 0];
    let jpeg = |side: usize, strip: &[u8]| {
        tiff(vec![Page::new(side, side, 8, strip.to_vec()).with(259, Short(vec![7]))], false)
    };
    let small = encode(gray(8), ImageFormat::Jpeg);
    let coloured = encode(gray(8).to_rgb8(), ImageFormat::Jpeg);
    let colours = |kind: u16| changed(vec![(262, Short(vec![kind]))]);
    let compressed = |method: u16| changed(vec![(259, Short(vec![method]))]);
    let floats =
        |value: f32| Page::new(8, 8, 32, (0..64).flat_map(|_| value.to_le_bytes()).collect()).with(339, Short(vec![3]));
    let tiled = |tile: u32, side: usize| {
        let tags = [(322, tile), (323, tile), (324, 8), (325, 64)];
        tags.into_iter()
            .fold(Page::new(side, side, 8, vec![7; 64]), |page, (tag, value)| page.with(tag, Long(vec![value])))
    };
    let damaged = [
        ("it ends before the image does", b"II*\0\x08\0".to_vec()),
        ("it ends before the image does", value(&plain, 273, 99_999)),
        ("its pages form a circle", put(&plain, link, &(at as u32).to_le_bytes())),
        ("it does not say how large the image is", with(&plain, &size_tag, &[9, 0, 4, 0, 1, 0, 0, 0])),
        ("its size is 0 x 8 pixels", value(&plain, 256, 0)),
        ("it has 1 samples a pixel, and its colours need 3", colours(2)),
        ("its tiles have no size", tiff(vec![Page::new(8, 8, 8, vec![7; 64]).with(324, Long(vec![8]))], false)),
        ("it has not as many strips or tiles as its size asks for", value(&plain, 278, 4)),
        ("its palette has not as many colours as its bits ask for", colours(3)),
        ("the JPEG stream in strip or tile 0 has no end mark", jpeg(8, &small[..small.len() - 2])),
        ("the JPEG stream in strip or tile 0 has bytes where a marker must be", jpeg(8, b"\xFF\xD8\0\0\0\0")),
        ("the JPEG stream in strip or tile 0 has not one frame of 8 bits", jpeg(8, b"\xFF\xD8\xFF\xD9")),
        (
            "the JPEG stream in strip or tile 0 says that it has 8 x 8 pixels, and 16 x 16 belong there",
            jpeg(16, &small),
        ),
        ("the JPEG stream in strip or tile 0 has 3 components, and 1 belong there", jpeg(8, &coloured)),
        ("its strips or tiles share their bytes", share()),
    ];
    let messages: Vec<_> =
        damaged.iter().map(|(reason, _)| format!("the TIFF data cannot be read: {reason}; {AGAIN}")).collect();
    hold(messages.iter().map(String::as_str).zip(damaged.iter().map(|(_, file)| file.clone())));

    let unsupported = [
        ("a TIFF whose samples differ in their bits", changed(vec![(277, Short(vec![2])), (258, Short(vec![8, 16]))])),
        ("a TIFF compressed by CCITT fax", compressed(3)),
        ("a TIFF compressed by old-style JPEG", compressed(6)),
        ("a TIFF compressed by JPEG 2000", compressed(34_712)),
        ("a TIFF compressed by LERC", compressed(34_887)),
        ("a TIFF compressed by LZMA", compressed(34_925)),
        ("a TIFF compressed by ZSTD", compressed(50_000)),
        ("a TIFF compressed by WebP", compressed(50_001)),
        ("a TIFF compressed by JPEG XL", compressed(50_002)),
        ("a TIFF compressed by method 9", compressed(9)),
        ("a TIFF of YCbCr colours without JPEG", colours(6)),
        ("a TIFF of a mask", colours(4)),
        ("a TIFF of CIE L*a*b* colours", colours(8)),
        ("a TIFF of ICC L*a*b* colours", colours(9)),
        ("a TIFF of ITU L*a*b* colours", colours(10)),
        ("a TIFF of a camera's mosaic", colours(32_803)),
        ("a TIFF of colours of kind 77", colours(77)),
        ("a TIFF of complex numbers", changed(vec![(339, Short(vec![5]))])),
        ("a TIFF of 12 bits a sample", changed(vec![(258, Short(vec![12]))])),
        ("a TIFF with values that are no numbers (NaN or infinity)", tiff(vec![floats(f32::NAN)], false)),
        (
            "a TIFF of floating-point values from 1000 to 1000, which may be anything,",
            tiff(vec![floats(1000.0)], false),
        ),
        (
            "a TIFF of values from -1 to -1, which are neither gray levels nor Hounsfield units of a chest,",
            tiff(vec![Page::new(8, 8, 8, vec![0xFF; 64]).with(339, Short(vec![2]))], false),
        ),
    ];
    let messages: Vec<_> = unsupported
        .iter()
        .map(|(what, _)| format!("{what} is not supported; save it as an ordinary 8-bit or 16-bit TIFF or PNG"))
        .collect();
    hold(messages.iter().map(String::as_str).zip(unsupported.iter().map(|(_, file)| file.clone())));
    let signed = |values: fn(i16) -> i16| {
        Page::new(8, 8, 16, (0..64).flat_map(|at| values(at).to_le_bytes()).collect()).with(339, Short(vec![2]))
    };
    hold([
        (
            "its negative values are read as Hounsfield units, which the file does not say",
            tiff(vec![signed(|at| at * 20 - 1000)], false),
        ),
        ("its floating-point values are read as gray from 0 to 1", tiff(vec![floats(0.5)], false)),
        (
            "this kind of TIFF (*) is not supported; save it as an ordinary 8-bit or 16-bit TIFF or PNG",
            changed(vec![(317, Short(vec![3]))]),
        ),
    ]);
    hold([(
        "a TIFF that holds only thumbnails or masks is not supported; export the picture itself",
        changed(vec![(254, Long(vec![1]))]),
    )]);

    let limited = |what: &str, value: u64, limit: u64| {
        format!("{what} is {value}, more than the limit of {limit}; export it smaller")
    };
    let usual = Limits::default;
    let wide = Page::new(4096, 4096, 32, vec![0; 64])
        .with(339, Short(vec![3]))
        .with(277, Short(vec![4]))
        .with(262, Short(vec![2]))
        .with(258, Short(vec![32; 4]));
    let cases = [
        (limited("the number of pages", 2, 1), two.clone(), Limits { frames: 1, ..usual() }),
        (limited("the number of tags of all pages", count as u64, 3), plain.clone(), Limits { elements: 3, ..usual() }),
        (limited("the number of a page's tags", 65_535, MAX_TAGS), put(&plain, at, &[0xFF; 2]), usual()),
        (limited("the number of strips or tiles", 4096 * 4096, MAX_CHUNKS), tiff(vec![tiled(1, 4096)], false), usual()),
        (limited("the pixels of its tiles", 4096 * 4096, 4 << 20), tiff(vec![tiled(4096, 8)], false), usual()),
        (
            limited("the memory that the picture takes, in bytes,", 4096 * 4096 * 16, 4096 * 4096 * 8),
            tiff(vec![wide], false),
            usual(),
        ),
    ];
    hold_within(cases.iter().map(|(message, bytes, limits)| (message.as_str(), bytes.clone(), *limits)));
}

const MAX_TAGS: u64 = 1 << 12;
const MAX_CHUNKS: u64 = 1 << 16;

/// Two strips of which each is all that follows the first one's start.
fn share() -> Vec<u8> {
    let page = Page::new(8, 8, 8, (0..64).collect()).with(999, Long(vec![8, 8])).with(998, Long(vec![9999, 9999]));
    let file = value(&tiff(vec![page], false), 278, 4);
    let (at, count) = directory(&file);
    let entry = |tag: u16| {
        let mut entries = (0..count).map(|entry| at + 2 + 12 * entry);
        entries.find(|at| file[*at..*at + 2] == tag.to_le_bytes()).unwrap()
    };
    let copy = |file: &[u8], from: usize, to: usize| put(file, to + 2, &file[from + 2..from + 12]);
    let file = copy(&file, entry(999), entry(273));
    copy(&file, entry(998), entry(279))
}
