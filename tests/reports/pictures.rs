//! Pictures: the pages of a TIFF, the bits that are used, transparency, pixels that are not square, files without their end mark.

use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgba, RgbaImage};

use super::*;

const SPACING: Tag = [0x0028, 0x0030];
const ASPECT: Tag = [0x0028, 0x0034];

/// The base slice in the lung window.
fn levels() -> Vec<u8> {
    filled(-1024).into_iter().map(|value| LUNG.level(value as f32)).collect()
}

pub(super) fn encode(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn gray(levels: &[u8]) -> GrayImage {
    GrayImage::from_vec(SIDE as u32, SIDE as u32, levels.to_vec()).unwrap()
}

fn open(bytes: &[u8]) -> Image {
    Image::open(bytes.to_vec(), Limits::default()).unwrap()
}

fn slice(bytes: &[u8]) -> Slice {
    open(bytes).slice(0).unwrap()
}

fn shown(slice: &Slice) -> &[u8] {
    match &slice.pixels {
        Pixels::Gray(levels) => levels,
        other => panic!("it is read as {other:?}"),
    }
}

fn read(classifier: &Classifier, bytes: &[u8]) -> Reading {
    match Image::open(bytes.to_vec(), Limits::default()) {
        Ok(image) => classifier.read(&image, 0, "picture"),
        Err(error) => Reading::unreadable("picture", None, &error, &classifier.model, classifier.device),
    }
}

/// A value of a tag: SHORT or LONG.
pub(super) enum Value {
    Short(Vec<u16>),
    Long(Vec<u32>),
}
pub(super) use Value::{Long, Short};

/// A page of a TIFF that is to be written: one strip.
pub(super) struct Page {
    width: u32,
    height: u32,
    tags: Vec<(u16, Value)>,
    strip: Vec<u8>,
}

impl Page {
    pub(super) fn new(width: usize, height: usize, bits: u16, strip: Vec<u8>) -> Page {
        let tags = vec![(258, Short(vec![bits])), (262, Short(vec![1]))];
        Page { width: width as u32, height: height as u32, tags, strip }
    }

    fn gray(levels: &[u8]) -> Page {
        Page::new(SIDE, SIDE, 8, levels.to_vec())
    }

    /// Of a kind of numbers: 1 without a sign, 2 with one, 3 floating-point.
    fn of<const N: usize>(kind: u16, values: impl Iterator<Item = [u8; N]>) -> Page {
        Page::new(SIDE, SIDE, 8 * N as u16, values.flatten().collect()).with(339, Short(vec![kind]))
    }

    /// Replaces a tag that is there.
    pub(super) fn with(mut self, tag: u16, value: Value) -> Page {
        self.tags.retain(|(other, _)| *other != tag);
        self.tags.push((tag, value));
        self
    }
}

/// A little-endian TIFF, or BigTIFF, of such pages.
pub(super) fn tiff(pages: Vec<Page>, is_big: bool) -> Vec<u8> {
    let offset = |value: usize| {
        if is_big { (value as u64).to_le_bytes().to_vec() } else { (value as u32).to_le_bytes().to_vec() }
    };
    let mut file = if is_big { b"II+\0\x08\0\0\0".to_vec() } else { b"II*\0".to_vec() };
    // Where the offset of the next page stands.
    let mut link = file.len();
    file.extend(offset(0));
    for page in pages {
        let strip = file.len();
        file.extend(&page.strip);
        file.resize(file.len().next_multiple_of(2), 0);
        let mut tags = page.tags;
        tags.extend([
            (256, Long(vec![page.width])),
            (257, Long(vec![page.height])),
            (273, Long(vec![strip as u32])),
            (278, Long(vec![page.height])),
            (279, Long(vec![page.strip.len() as u32])),
        ]);
        tags.sort_by_key(|(tag, _)| *tag);
        let mut entries = Vec::new();
        for (tag, value) in &tags {
            let (kind, count, bytes): (u16, usize, Vec<u8>) = match value {
                Short(values) => (3, values.len(), values.iter().flat_map(|value| value.to_le_bytes()).collect()),
                Long(values) => (4, values.len(), values.iter().flat_map(|value| value.to_le_bytes()).collect()),
            };
            entries.extend(tag.to_le_bytes());
            entries.extend(kind.to_le_bytes());
            entries.extend(offset(count));
            let room = offset(0).len();
            if bytes.len() <= room {
                entries.extend(&bytes);
                entries.resize(entries.len() + room - bytes.len(), 0);
            } else {
                entries.extend(offset(file.len()));
                file.extend(&bytes);
            }
        }
        file.resize(file.len().next_multiple_of(2), 0);
        let at = offset(file.len());
        file[link..link + at.len()].copy_from_slice(&at);
        if is_big {
            file.extend((tags.len() as u64).to_le_bytes());
        } else {
            file.extend((tags.len() as u16).to_le_bytes());
        }
        file.extend(entries);
        link = file.len();
        file.extend(offset(0));
    }
    file
}

fn one(page: Page) -> Vec<u8> {
    tiff(vec![page], false)
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn the_pages_of_a_tiff_are_frames_and_its_thumbnails_are_not() {
    let levels = levels();
    let dark = vec![7; SIDE * SIDE];
    let small: Vec<u8> = levels.iter().step_by(64).copied().collect();
    let thumbnail = || Page::new(SIDE / 8, SIDE / 8, 8, small[..SIDE * SIDE / 64].to_vec());
    for is_big in [false, true] {
        let pages = tiff(vec![Page::gray(&dark), Page::gray(&levels), Page::gray(&levels)], is_big);
        let image = open(&pages);
        assert_eq!((image.frames(), image.is_multi_frame()), (3, true));
        assert!(shown(&image.slice(0).unwrap()) == dark && shown(&image.slice(2).unwrap()) == levels);
        for (tag, value, reduced) in [
            (254, Long(vec![1]), true),
            (254, Long(vec![4]), true),
            (254, Long(vec![5]), true),
            (255, Short(vec![2]), true),
            (254, Long(vec![2]), false),
            (254, Long(vec![0]), false),
            (255, Short(vec![3]), false),
        ] {
            let image = open(&tiff(vec![thumbnail().with(tag, value), Page::gray(&levels)], is_big));
            assert_eq!((image.frames(), image.is_multi_frame()), if reduced { (1, false) } else { (2, true) }, "{tag}");
            assert!(shown(&image.slice(image.frames() - 1).unwrap()) == levels);
        }
    }
    let only = Image::open(tiff(vec![thumbnail().with(254, Long(vec![1]))], false), Limits::default()).err().unwrap();
    assert!(only.code() == "unsupported" && only.to_string().contains("thumbnails"), "{only}");
    // One page that is not read leaves the others alone.
    let image = open(&tiff(vec![Page::gray(&levels), Page::gray(&levels).with(259, Short(vec![50_000]))], false));
    assert!(image.slice(0).is_ok());
    let error = image.slice(1).unwrap_err();
    assert!(error.code() == "unsupported" && error.to_string().contains("ZSTD"), "{error}");
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn fewer_bits_than_there_are_are_scaled_and_that_is_said() {
    let classifier = classifier();
    let levels = levels();
    let share = |value: i32| ((value as f32 - (LUNG.center - 0.5)) / (LUNG.width - 1.0) + 0.5).clamp(0.0, 1.0);
    for bits in [10, 12, 14, 15, 16] {
        let white = ((1u32 << bits) - 1) as f32;
        let values = || filled(-1024).into_iter().map(move |value| (share(value) * white).round() as u16);
        let deep = image::ImageBuffer::<Luma<u16>, _>::from_vec(SIDE as u32, SIDE as u32, values().collect()).unwrap();
        let inverted =
            Page::of(1, values().map(|value| (white as u16 - value).to_le_bytes())).with(262, Short(vec![0]));
        for (name, bytes) in [
            ("PNG", encode(deep, ImageFormat::Png)),
            ("TIFF", one(Page::of(1, values().map(u16::to_le_bytes)))),
            ("TIFF, white is 0", one(inverted)),
            ("TIFF of 32 bits", one(Page::of(1, values().map(|value| u32::from(value).to_le_bytes())))),
        ] {
            let slice = slice(&bytes);
            let farthest = shown(&slice).iter().zip(&levels).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(farthest <= Some(1), "{name} of {bits} bits: {farthest:?} levels off");
            let notes = &slice.origin.notes;
            let is_noted = notes.iter().any(|note| note.contains(&format!("use {bits} of")));
            assert_eq!(is_noted, bits < 16 || name.contains("32"), "{name}: {notes:?}");
        }
    }
    // The whole range of a scanner, as COVID-CTset has it, in steps of one Hounsfield unit and in others.
    let hu = File::original(filled(-1024)).reading(&classifier).logit.unwrap();
    for bits in [10, 12, 14] {
        let steps = move |value: i32| ((value + 1024) as f32 * 2f32.powi(bits - 12)) as u16;
        let range = Page::of(1, filled(-1024).into_iter().map(|value| steps(value).to_le_bytes()));
        let reading = read(&classifier, &one(range));
        let off = (reading.logit.unwrap() - hu).abs();
        assert!(off < 0.05, "{bits} bits: {:?} instead of {hu}", reading.logit);
        let notes = reading.source.unwrap().notes;
        assert!(notes[0].contains("of 16 bits") && notes[0].contains("Hounsfield"), "{notes:?}");
    }
    // Windows that a slice may have been exported in are pictures.
    for (center, width) in
        [(-600.0, 1500.0), (40.0, 400.0), (450.0, 1500.0), (300.0, 2000.0), (-500.0, 2000.0), (0.0, 2500.0)]
    {
        let window = Window { center, width };
        let share = |value: i32| ((value as f32 - (center - 0.5)) / (width - 1.0) + 0.5).clamp(0.0, 1.0);
        for bits in 10..15 {
            let white = ((1u32 << bits) - 1) as f32;
            let values = filled(-1024).into_iter().map(|value| (share(value) * white).round() as u16);
            let slice = slice(&one(Page::of(1, values.map(u16::to_le_bytes))));
            assert!(matches!(slice.pixels, Pixels::Gray(_)), "{bits} bits, {window:?}");
        }
    }
    // Eight bits that were widened to 16 are as dark as they were.
    let dim: Vec<u8> = levels.iter().map(|level| level / 5).collect();
    let wide = DynamicImage::from(gray(&dim)).into_luma16();
    assert!(shown(&slice(&encode(wide, ImageFormat::Png))) == dim);
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn signed_and_floating_point_values_are_read_where_they_can_mean_one_thing() {
    let units = || filled(-1024).into_iter();
    let levels = levels();
    for (name, page) in [
        ("16 bits", Page::of(2, units().map(|value| (value as i16).to_le_bytes()))),
        ("32 bits", Page::of(2, units().map(|value| value.to_le_bytes()))),
        ("float", Page::of(3, units().map(|value| (value as f32).to_le_bytes()))),
        ("double", Page::of(3, units().map(|value| f64::from(value).to_le_bytes()))),
    ] {
        let slice = slice(&one(page));
        assert!(slice.origin.notes.iter().any(|note| note.contains("Hounsfield")), "{name}");
        assert!(self::units(slice) == filled(-1024), "{name}");
    }
    let gray =
        |white: f32| Page::of(3, levels.iter().map(move |&level| (f32::from(level) / 255.0 * white).to_le_bytes()));
    for white in [1.0, 255.0] {
        let slice = slice(&one(gray(white)));
        assert!(shown(&slice) == levels && slice.origin.notes[0].contains("floating-point"), "{white}");
    }
    let spread = |scale: f32, by: f32| {
        Page::of(3, levels.iter().map(move |&level| (f32::from(level) * scale + by).to_le_bytes()))
    };
    let with = |odd: f32| {
        Page::of(3, levels.iter().skip(1).map(|&level| f32::from(level) / 255.0).chain([odd]).map(f32::to_le_bytes))
    };
    for (name, page) in [
        ("from -1 to 1", spread(2.0 / 255.0, -1.0)),
        ("from 0 to 4095", spread(4095.0 / 255.0, 0.0)),
        ("not a number", with(f32::NAN)),
        ("infinite", with(f32::INFINITY)),
        ("of few negative values", Page::of(2, levels.iter().map(|&level| (i16::from(level) - 100).to_le_bytes()))),
    ] {
        let error = open(&one(page)).slice(0).map(|slice| slice.origin).unwrap_err();
        assert_eq!(error.code(), "unsupported", "{name}: {error}");
    }
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn kinds_of_tiff_are_read_or_named() {
    let levels = levels();
    let pairs = |alpha: u8| levels.iter().flat_map(move |&level| [level, alpha]).collect::<Vec<u8>>();
    let with_alpha = |kind: u16| {
        Page::new(SIDE, SIDE, 8, pairs(255))
            .with(277, Short(vec![2]))
            .with(258, Short(vec![8, 8]))
            .with(338, Short(vec![kind]))
    };
    let map: Vec<u16> = (0..3).flat_map(|_| (0..256u16).map(|index| (255 - index) * 257)).collect();
    let palette = || Page::gray(&levels.iter().map(|level| 255 - level).collect::<Vec<_>>());
    for (name, page) in [
        ("opacity", with_alpha(2)),
        ("multiplied opacity", with_alpha(1)),
        ("one sample more", with_alpha(0)),
        ("a palette", palette().with(262, Short(vec![3])).with(320, Short(map.clone()))),
        // As old writers have it.
        (
            "a palette of 8 bits",
            palette().with(262, Short(vec![3])).with(320, Short(map.iter().map(|colour| colour / 257).collect())),
        ),
    ] {
        assert!(shown(&slice(&one(page))) == levels, "{name}");
    }
    for (tag, value, name) in [
        (259, 50_000, "ZSTD"),
        (259, 50_001, "WebP"),
        (259, 34_712, "JPEG 2000"),
        (259, 4, "CCITT"),
        (262, 8, "L*a*b*"),
        (258, 12, "12 bits"),
        (339, 5, "complex"),
        (266, 2, "a TIFF whose bytes begin with their last bit (FillOrder 2)"),
    ] {
        let error = open(&one(Page::gray(&levels).with(tag, Short(vec![value]))))
            .slice(0)
            .map(|slice| slice.origin)
            .unwrap_err();
        assert!(error.code() == "unsupported" && error.to_string().contains(name), "{name}: {error}");
    }
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn what_is_transparent_is_margin_whatever_lies_beneath() {
    let classifier = classifier();
    let is_air = |value: i32| value == -1024;
    let levels: Vec<u8> = filled(-1024)
        .into_iter()
        .zip(levels())
        .map(|(value, level)| if is_air(value) { 0 } else { level.max(1) })
        .collect();
    let base = read(&classifier, &encode(gray(&levels), ImageFormat::Png));
    let noise = |at: usize| [(at * 89 % 251) as u8, (at * 57 % 241) as u8, (at * 31 % 239) as u8];
    for beneath in [[255; 3], [0; 3], [200, 90, 10]] {
        // The air around the circle of the scanner.
        let holes = RgbaImage::from_fn(SIDE as u32, SIDE as u32, |x, y| {
            let [r, g, b] = beneath;
            match levels[y as usize * SIDE + x as usize] {
                0 => Rgba([r, g, b, 0]),
                level => Rgba([level, level, level, 255]),
            }
        });
        for format in [ImageFormat::Png, ImageFormat::WebP] {
            let reading = read(&classifier, &encode(holes.clone(), format));
            assert_eq!(reading.logit, base.logit, "{format:?}");
            assert!(!reading.source.unwrap().notes.is_empty());
        }
    }
    // A frame, wider than any that even rows and columns make.
    let (across, down, left, top) = (900u32, 700u32, 300u32, 150u32);
    let framed = RgbaImage::from_fn(across, down, |x, y| {
        let within = x.checked_sub(left).zip(y.checked_sub(top)).filter(|(x, y)| *x < SIDE as u32 && *y < SIDE as u32);
        match within {
            Some((x, y)) => {
                let level = levels[y as usize * SIDE + x as usize];
                Rgba([level, level, level, 255])
            }
            None => {
                let [r, g, b] = noise((y * across + x) as usize);
                Rgba([r, g, b, 0])
            }
        }
    });
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        let reading = read(&classifier, &encode(framed.clone(), format));
        assert_eq!(reading.logit, base.logit, "{format:?}");
        assert_eq!(reading.shown, Some([across as usize, down as usize]));
    }
    let nothing = RgbaImage::from_pixel(200, 200, Rgba([200, 200, 200, 0]));
    assert_eq!(read(&classifier, &encode(nothing, ImageFormat::Png)).verdict, Verdict::Refused);
}

/// A bitmap of 32 bits with the header of version 5, whose fourth byte is opacity.
fn bitmap(levels: &[u8], alpha: u8) -> Vec<u8> {
    let mut file = b"BM".to_vec();
    file.extend([0; 8]);
    file.extend((14u32 + 124).to_le_bytes());
    file.extend(124u32.to_le_bytes());
    file.extend((SIDE as u32).to_le_bytes());
    file.extend((SIDE as u32).to_le_bytes());
    file.extend([1, 0, 32, 0]);
    file.extend(3u32.to_le_bytes());
    file.extend([0; 20]);
    for mask in [0x00FF_0000u32, 0xFF00, 0xFF, 0xFF00_0000] {
        file.extend(mask.to_le_bytes());
    }
    file.extend(b"BGRs");
    file.resize(14 + 124, 0);
    for row in levels.chunks_exact(SIDE).rev() {
        file.extend(row.iter().flat_map(|&level| [level, level, level, alpha]));
    }
    file
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn a_bitmap_without_any_opacity_is_opaque() {
    let levels = levels();
    assert!(shown(&slice(&bitmap(&levels, 0))) == levels);
    assert!(shown(&slice(&bitmap(&levels, 255))) == levels);
    // A PNG in a bitmap, and one of another size.
    let png = encode(gray(&levels), ImageFormat::Png);
    let with = |side: u32| {
        let mut file = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
        file.extend([side.to_le_bytes(), side.to_le_bytes()].concat());
        file.extend([1, 0, 0, 0, 5, 0, 0, 0]);
        file.extend([0; 20]);
        file.extend(&png);
        file
    };
    assert!(shown(&slice(&with(SIDE as u32))) == levels);
    let error = open(&with(100)).slice(0).map(|slice| slice.origin).unwrap_err();
    assert!(error.to_string().contains("100 x 100") && error.to_string().contains("512 x 512"), "{error}");
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn a_file_without_its_end_mark_is_read_if_all_of_its_pixels_are_there() {
    let levels = levels();
    let png = encode(gray(&levels), ImageFormat::Png);
    // Its end is a chunk of 12 bytes, before it the checksum of the pixels' chunk.
    for missing in [1, 4, 11, 12, 13, 16] {
        let slice = slice(&png[..png.len() - missing]);
        assert!(shown(&slice) == levels && slice.origin.notes.len() == 1, "{missing} bytes");
    }
    for missing in [60, 1000, png.len() / 2] {
        let error = open(&png[..png.len() - missing]).slice(0).map(|slice| slice.origin).unwrap_err();
        assert!(error.to_string().contains("PNG data cannot be read: it ends before"), "{missing} bytes: {error}");
    }
    let jpeg = encode(gray(&levels), ImageFormat::Jpeg);
    let whole = slice(&jpeg);
    for missing in [1, 2] {
        let slice = slice(&jpeg[..jpeg.len() - missing]);
        assert!(shown(&slice) == shown(&whole) && slice.origin.notes.len() == 1, "{missing} bytes");
    }
    for missing in [4, 100, jpeg.len() / 2] {
        let error = open(&jpeg[..jpeg.len() - missing]).slice(0).map(|slice| slice.origin).unwrap_err();
        assert!(error.to_string().contains("ends before the image does"), "{missing} bytes: {error}");
    }
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn pixels_that_are_not_square_are_made_so() {
    let classifier = classifier();
    let values = filled(-1024);
    let base = File::original(values.clone()).reading(&classifier).logit.unwrap();
    let half = |every: usize| -> Vec<i32> {
        values.iter().enumerate().filter(|(at, _)| (at / every).is_multiple_of(2)).map(|(_, value)| *value).collect()
    };
    let with = |columns: usize, rows: usize, values: Vec<i32>, tag: Tag, vr: &'static str, text: &str| {
        File::original(values).sized(columns, rows).with(tag, vr, text.as_bytes())
    };
    for (name, file) in [
        ("spacing of rows", with(SIDE, SIDE / 2, half(SIDE), SPACING, "DS", "1.25\\0.625 ")),
        ("spacing of columns", with(SIDE / 2, SIDE, half(1), SPACING, "DS", "0.625\\1.25 ")),
        ("ratio of rows", with(SIDE, SIDE / 2, half(SIDE), ASPECT, "IS", "2\\1 ")),
        ("ratio of columns", with(SIDE / 2, SIDE, half(1), ASPECT, "IS", "1\\2 ")),
        (
            "ratio of columns, turned",
            with(SIDE / 2, SIDE, half(1), ASPECT, "IS", "1\\2 ").with(PATIENT_ORIENTATION, "CS", b"L\\P "),
        ),
    ] {
        let reading = file.reading(&classifier);
        assert_eq!(reading.shown, Some([SIDE, SIDE]), "{name}");
        assert_eq!(reading.picture.map(|picture| (picture.width, picture.height)), Some((SIDE, SIDE)), "{name}");
        let source = reading.source.unwrap();
        assert_eq!((source.width, source.height), (file.columns, file.rows), "{name}");
        let logit = reading.logit.unwrap();
        assert!((logit - base).abs() < 0.1, "{name}: {logit} instead of {base}");
    }
    let odd = with(SIDE, SIDE, values.clone(), SPACING, "DS", "0.001\\0.7 ").reading(&classifier);
    assert_eq!((odd.shown, odd.logit), (Some([SIDE, SIDE]), Some(base)));
    assert!(odd.source.unwrap().notes[0].contains("square"));
    for nonsense in ["0\\0.7 ", "0.7", "a\\b ", "-1\\1 "] {
        let reading = with(SIDE, SIDE, values.clone(), SPACING, "DS", nonsense).reading(&classifier);
        assert_eq!(reading.logit, Some(base), "{nonsense}");
    }
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn a_picture_that_is_too_small_is_not_shown_to_the_network() {
    let classifier = classifier();
    let of = |level: u8| {
        let small = GrayImage::from_fn(47, 300, |x, _| Luma([if x % 2 == 0 { level } else { 255 - level }]));
        read(&classifier, &encode(small, ImageFormat::Png))
    };
    let (one, other) = (of(10), of(100));
    for reading in [&one, &other] {
        assert_eq!(reading.refusal.as_ref().map(|refusal| refusal.code), Some("too_small"));
    }
    assert!(one.picture != other.picture);
    assert!(one.logit.is_some() && one.logit == other.logit && one.map == other.map, "both have those of no picture");
}
