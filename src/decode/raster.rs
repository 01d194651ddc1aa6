//! Pictures: PNG, JPEG, BMP, GIF (its first frame), TIFF (its pages), WebP.

mod composed;
mod markers;
mod png;
mod scale;
mod tiff;

use std::borrow::Cow;
use std::io::Cursor;

use image::codecs::jpeg::JpegDecoder;
use image::error::{ImageError, LimitErrorKind};
use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader};

use self::composed::{Composed, compose};
use self::scale::{Scale, is_widened};
pub(super) use self::tiff::Pages;
use super::Limits;
use super::jpeg::{Host, Image};
use crate::error::{Error, Result};
use crate::slice::{Origin, Part, Pixels, Slice};

/// The formats that are built in, with the name that readings give them.
const FORMATS: [(ImageFormat, &str); 6] = [
    (ImageFormat::Png, "PNG"),
    (ImageFormat::Jpeg, "JPEG"),
    (ImageFormat::Bmp, "BMP"),
    (ImageFormat::Gif, "GIF"),
    (ImageFormat::Tiff, "TIFF"),
    (ImageFormat::WebP, "WebP"),
];

/// What to do with a picture that is not read.
const PNG_ADVICE: &str = "save it as an ordinary 8-bit PNG";

/// What is too much where a picture has few pixels of many bytes.
const MEMORY: &str = "the memory that the picture takes, in bytes,";

/// The share of the rectangle around all that can be seen from which on what lies around it is a frame, and not the air around a body that
/// was cut out.
const FRAMED: f64 = 0.98;

/// The format of `bytes`, if it is one of ours.
pub(super) fn sniff(bytes: &[u8]) -> Option<ImageFormat> {
    if tiff::sniff(bytes) {
        return Some(ImageFormat::Tiff);
    }
    let format = image::guess_format(bytes).ok()?;
    FORMATS.iter().any(|(known, _)| *known == format).then_some(format)
}

fn name(format: ImageFormat) -> &'static str {
    FORMATS.iter().find(|(known, _)| *known == format).map_or("image", |(_, name)| name)
}

/// Pixels of a picture, as far as its first bytes tell; 0 where they do not.
pub(super) fn pixels(bytes: &[u8], format: ImageFormat) -> u64 {
    let reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.into_dimensions().map_or(0, |(width, height)| u64::from(width) * u64::from(height))
}

/// Decodes a picture that is no TIFF: alpha over black, colour by Rec. 601 unless it is kept, EXIF orientation applied, 16 bits rounded to 8.
pub(super) fn read(bytes: &[u8], format: ImageFormat, are_colours_kept: bool, limits: &Limits) -> Result<Slice> {
    if let Some(within) = Within::of(bytes, format) {
        return within.read(are_colours_kept, limits);
    }
    if format == ImageFormat::Jpeg && super::jpeg::is_deep(bytes) {
        return read_deep(bytes, limits);
    }
    let bytes = match format {
        ImageFormat::Jpeg => whole_jpeg(bytes, limits)?,
        ImageFormat::Png => png::ended(bytes, limits.picture()),
        _ => Cow::Borrowed(bytes),
    };
    let lacked_end = matches!(bytes, Cow::Owned(_));
    let fail = |error| match translate(name(format), limits, error) {
        Error::Unreadable { format, .. } if lacked_end => cut(format),
        error => error,
    };
    // In 32 bits the decoder itself takes a bitmap beyond its count for one of an unknown kind.
    if let (ImageFormat::Bmp, Some((width, height))) = (format, bitmap_size(&bytes)) {
        limits.check_frame(name(format), width, height)?;
    }
    if format == ImageFormat::Gif && is_outside(&bytes) {
        let reason = "its first frame does not lie within its screen".to_string();
        return Err(Error::Unreadable { format: name(format), reason });
    }
    let mut reader = ImageReader::with_format(Cursor::new(&bytes[..]), format);
    // The size is checked below, by our own limits; until then the decoder may hold the header.
    reader.limits(decoder_limits(limits));
    let mut decoder = reader.into_decoder().map_err(fail)?;
    let (width, height) = decoder.dimensions();
    limits.check_frame(name(format), width.into(), height.into())?;
    Limits::check(MEMORY, decoder.total_bytes(), limits.picture())?;
    let orientation = decoder.orientation().map_err(fail)?;
    let image = DynamicImage::from_decoder(decoder).map_err(fail)?;
    let (composed, note) = to_levels(image, format, are_colours_kept);
    let mut slice = finish(name(format), width as usize, height as usize, composed, orientation);
    slice.origin.notes.extend(note);
    if lacked_end {
        slice.origin.notes.push("its end mark is missing, and all of its pixels are there".to_string());
    }
    Ok(slice)
}

/// The slice of a picture of so many columns and rows before it is turned.
fn finish(format: &'static str, width: usize, height: usize, composed: Composed, turn: Orientation) -> Slice {
    let Composed { gray, colours, colour, units, transparent } = composed;
    let mut origin = Origin { format, colour, ..Origin::default() };
    if let Some(transparent) = transparent {
        let (transparent, width, height) = turned(transparent, width, height, turn);
        let seen = transparent.iter().filter(|transparent| !**transparent).count();
        let is_framed = |part: &Part| {
            let pixels = part.width * part.height;
            pixels < width * height && seen as f64 >= FRAMED * pixels as f64
        };
        match seen_part(&transparent, width).filter(is_framed) {
            Some(part) => origin.part = Some(part),
            None => origin.notes.push("its transparent pixels are read as what lies around a body".to_string()),
        }
    }
    let (pixels, width, height) = match (units, colours) {
        (Some(units), _) => {
            let (units, width, height) = turned(units, width, height, turn);
            (Pixels::Hu(units), width, height)
        }
        (None, Some(colours)) => {
            let (colours, width, height) = turned(colours, width, height, turn);
            (Pixels::Colours(colours), width, height)
        }
        (None, None) => {
            let (gray, width, height) = turned(gray, width, height, turn);
            (Pixels::Gray(gray), width, height)
        }
    };
    Slice { width, height, pixels, origin }
}

/// The rectangle around all pixels that can be seen, row by row.
fn seen_part(transparent: &[bool], width: usize) -> Option<Part> {
    let is_seen = |transparent: &bool| !*transparent;
    let rows = || transparent.chunks_exact(width);
    let top = rows().position(|row| row.iter().any(is_seen))?;
    let bottom = rows().rposition(|row| row.iter().any(is_seen))?;
    let left = rows().filter_map(|row| row.iter().position(is_seen)).min()?;
    let right = rows().filter_map(|row| row.iter().rposition(is_seen)).max()?;
    Some(Part { left, top, width: right + 1 - left, height: bottom + 1 - top })
}

/// Values row by row, turned as EXIF says it, with their columns and rows then.
fn turned<T: Copy>(values: Vec<T>, width: usize, height: usize, turn: Orientation) -> (Vec<T>, usize, usize) {
    // Which value stands at (x, y).
    let at: fn(usize, usize, usize, usize) -> (usize, usize) = match turn {
        Orientation::NoTransforms => return (values, width, height),
        Orientation::FlipHorizontal => |x, y, w, _| (w - 1 - x, y),
        Orientation::Rotate180 => |x, y, w, h| (w - 1 - x, h - 1 - y),
        Orientation::FlipVertical => |x, y, _, h| (x, h - 1 - y),
        Orientation::Rotate90FlipH => |x, y, _, _| (y, x),
        Orientation::Rotate90 => |x, y, _, h| (y, h - 1 - x),
        Orientation::Rotate270FlipH => |x, y, w, h| (w - 1 - y, h - 1 - x),
        Orientation::Rotate270 => |x, y, w, _| (w - 1 - y, x),
    };
    let is_across = matches!(
        turn,
        Orientation::Rotate90 | Orientation::Rotate90FlipH | Orientation::Rotate270 | Orientation::Rotate270FlipH
    );
    let (across, down) = if is_across { (height, width) } else { (width, height) };
    let value = |at: (usize, usize)| values[at.1 * width + at.0];
    let rows = (0..down).flat_map(|y| (0..across).map(move |x| (x, y)));
    (rows.map(|(x, y)| value(at(x, y, width, height))).collect(), across, down)
}

/// A JPEG that is lossless or of 12 bits, of one gray component. More than 8 bits are scaled as those of any picture that stores them in 16.
fn read_deep(bytes: &[u8], limits: &Limits) -> Result<Slice> {
    let host = Host { name: name(ImageFormat::Jpeg), advice: PNG_ADVICE };
    let image = super::jpeg::decode(bytes, host, |width, height, components| {
        if components != 1 {
            let what = format!("a lossless or 12-bit JPEG of {components} colour components");
            return Err(Error::Unsupported { what, advice: PNG_ADVICE });
        }
        limits.check_frame(host.name, width as u64, height as u64)
    })?;
    let Some(Image { width, height, values, precision }) = image else {
        return Err(Error::Unreadable { format: host.name, reason: "it holds two frames".to_string() });
    };
    let (composed, note) = if precision > 8 {
        let (composed, note) = wide(&values, 1, false, false);
        let note = note.map(|note| note.replace("of 16 bits", &format!("of {precision} bits")));
        // To be scaled by all bits is nothing to tell.
        let plain = format!("its values use {precision} of {precision} bits and are scaled by these");
        (composed, note.filter(|note| *note != plain))
    } else {
        let most = ((1u32 << precision) - 1) as f32;
        let level = |value: u16| (f32::from(value) / most * 255.0).round() as u8;
        (Composed::of_levels(values.into_iter().map(level).collect()), None)
    };
    let mut slice = finish(host.name, width, height, composed, Orientation::NoTransforms);
    slice.origin.notes.extend(note);
    Ok(slice)
}

/// The gray levels of a JPEG of 8 bits, as they are stored, if it is `width` x `height` pixels of one component.
pub(super) fn gray_jpeg(bytes: &[u8], width: usize, height: usize) -> Result<Vec<u8>> {
    jpeg_levels(bytes, width, height, ColorType::L8, "gray pixels")
}

/// Red, green and blue of such a JPEG of three components, pixel by pixel.
pub(super) fn coloured_jpeg(bytes: &[u8], width: usize, height: usize) -> Result<Vec<u8>> {
    jpeg_levels(bytes, width, height, ColorType::Rgb8, "pixels in colours")
}

fn jpeg_levels(bytes: &[u8], width: usize, height: usize, kind: ColorType, what: &str) -> Result<Vec<u8>> {
    // Its size is that of a frame, which was held against the limits.
    let limits = Limits::default();
    let fail = |error| translate(name(ImageFormat::Jpeg), &limits, error);
    let bytes = whole_jpeg(bytes, &limits)?;
    let decoder = JpegDecoder::new(Cursor::new(&bytes[..])).map_err(fail)?;
    let (found_width, found_height) = decoder.dimensions();
    if decoder.color_type() != kind || (found_width as usize, found_height as usize) != (width, height) {
        let reason = format!("it is not {width} x {height} {what}");
        return Err(Error::Unreadable { format: name(ImageFormat::Jpeg), reason });
    }
    let mut levels = vec![0; width * height * usize::from(kind.bytes_per_pixel())];
    decoder.read_image(&mut levels).map_err(fail)?;
    Ok(levels)
}

/// Width and height that the header of a bitmap gives: 16 bits each in its oldest form, else 32, with a sign for rows from the top.
fn bitmap_size(bytes: &[u8]) -> Option<(u64, u64)> {
    const OLDEST: u32 = 12;
    let short = |at: usize| Some(u64::from(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?)));
    let long = |at: usize| Some(u64::from(i32::from_le_bytes(*bytes.get(at..)?.first_chunk()?).unsigned_abs()));
    match u32::from_le_bytes(*bytes.get(14..)?.first_chunk()?) {
        OLDEST => Some((short(18)?, short(20)?)),
        _ => Some((long(18)?, long(22)?)),
    }
}

/// Whether the first frame of a GIF reaches beyond its screen: what is read then is not what others show.
fn is_outside(bytes: &[u8]) -> bool {
    let short = |at: usize| Some(u32::from(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?)));
    let colours = |flags: u8| if flags & 0x80 != 0 { 3 << ((flags & 7) + 1) } else { 0 };
    let find = || {
        let [width, height] = [short(6)?, short(8)?];
        let mut at = 13 + colours(*bytes.get(10)?);
        loop {
            match *bytes.get(at)? {
                0x2C => {
                    let [left, top, across, down] = [1, 3, 5, 7].map(|field| short(at + field));
                    return Some(left? + across? > width || top? + down? > height);
                }
                // An extension: a label, and blocks up to an empty one.
                0x21 => {
                    at += 2;
                    while *bytes.get(at)? != 0 {
                        at += 1 + usize::from(bytes[at]);
                    }
                    at += 1;
                }
                _ => return None,
            }
        }
    };
    find().unwrap_or(false)
}

/// A PNG or a JPEG that lies in a bitmap.
struct Within<'a> {
    bytes: &'a [u8],
    format: ImageFormat,
    /// What the bitmap says.
    size: (u64, u64),
}

impl<'a> Within<'a> {
    fn of(bytes: &'a [u8], format: ImageFormat) -> Option<Within<'a>> {
        const START: usize = 10;
        const HEADER: usize = 14;
        const COMPRESSION: usize = 30;
        let long = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        if format != ImageFormat::Bmp || long(HEADER)? < 40 {
            return None;
        }
        let format = match long(COMPRESSION)? {
            4 => ImageFormat::Jpeg,
            5 => ImageFormat::Png,
            _ => return None,
        };
        let size = bitmap_size(bytes)?;
        Some(Within { bytes: bytes.get(long(START)? as usize..)?, format, size })
    }

    fn read(self, are_colours_kept: bool, limits: &Limits) -> Result<Slice> {
        let Within { bytes, format, size: (width, height) } = self;
        let unlike = |reason: String| Error::Unreadable { format: name(ImageFormat::Bmp), reason };
        limits.check_frame(name(ImageFormat::Bmp), width, height)?;
        if image::guess_format(bytes).ok() != Some(format) {
            return Err(unlike(format!("it says that it holds a {}, and does not", name(format))));
        }
        let reader = ImageReader::with_format(Cursor::new(bytes), format);
        let (across, down) = reader.into_dimensions().map_err(|error| translate(name(format), limits, error))?;
        if (u64::from(across), u64::from(down)) != (width, height) {
            let found = format!("the {} in it has {across} x {down}", name(format));
            return Err(unlike(format!("it says that it has {width} x {height} pixels, and {found}")));
        }
        let mut slice = read(bytes, format, are_colours_kept, limits)?;
        slice.origin.format = name(ImageFormat::Bmp);
        Ok(slice)
    }
}

fn decoder_limits(limits: &Limits) -> image::Limits {
    let mut decoder = image::Limits::default();
    // The picture, and a copy to work on.
    decoder.max_alloc = Some(limits.picture().saturating_mul(2));
    decoder
}

/// The stream with its end mark.
fn whole_jpeg<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Cow<'a, [u8]>> {
    markers::whole(bytes, limits.picture()).ok_or_else(|| cut(name(ImageFormat::Jpeg)))
}

fn cut(format: &'static str) -> Error {
    Error::Unreadable { format, reason: "it ends before the image does".to_string() }
}

/// Gray levels or colours, and what a person should know of their scale.
fn to_levels(image: DynamicImage, format: ImageFormat, are_colours_kept: bool) -> (Composed, Option<String>) {
    match image {
        DynamicImage::ImageLuma8(gray) => (Composed::of_levels(gray.into_raw()), None),
        DynamicImage::ImageLuma16(image) => wide(image.as_raw(), 1, false, false),
        DynamicImage::ImageLumaA16(image) => wide(image.as_raw(), 1, true, false),
        DynamicImage::ImageRgb16(image) => wide(image.as_raw(), 3, false, are_colours_kept),
        DynamicImage::ImageRgba16(image) => wide(image.as_raw(), 3, true, are_colours_kept),
        image => {
            let mut rgba = image.into_rgba8();
            // Bitmaps have a fourth byte that most programs leave empty.
            if format == ImageFormat::Bmp && rgba.pixels().all(|pixel| pixel.0[3] == 0) {
                rgba.pixels_mut().for_each(|pixel| pixel.0[3] = u8::MAX);
            }
            let pixels = rgba.as_raw().as_chunks::<4>().0;
            (compose(pixels.len(), false, are_colours_kept, |pixel| pixels[pixel]), None)
        }
    }
}

/// Gray levels of samples of 16 bits: so many of colour a pixel, and one of opacity behind them if there is one.
fn wide(values: &[u16], colours: usize, has_alpha: bool, are_colours_kept: bool) -> (Composed, Option<String>) {
    let channels = colours + usize::from(has_alpha);
    let seen = || values.chunks_exact(channels).filter(|pixel| !has_alpha || pixel[colours] > 0);
    let levels = || seen().flat_map(|pixel| pixel[..colours].iter().copied());
    let scale = Scale::of_bits(levels().max().unwrap_or(0).into(), 16, is_widened(levels()));
    if channels == 1
        && let Some((units, note)) = scale.units(&|| values.iter().map(|value| f32::from(*value)))
    {
        return (Composed::of_units(units), Some(note));
    }
    let composed = compose(values.len() / channels, false, are_colours_kept, |pixel| {
        let pixel = &values[pixel * channels..][..channels];
        let level = |channel: usize| scale.level(pixel[channel].into());
        // However little can be seen, it is not nothing.
        let alpha = if has_alpha { (f32::from(pixel[colours]) / 257.0).ceil() as u8 } else { u8::MAX };
        let rgb = if colours == 1 { [level(0); 3] } else { [level(0), level(1), level(2)] };
        [rgb[0], rgb[1], rgb[2], alpha]
    });
    (composed, scale.note)
}

fn translate(format: &'static str, limits: &Limits, error: ImageError) -> Error {
    match error {
        ImageError::Limits(limit) => match limit.kind() {
            LimitErrorKind::Unsupported { .. } => Error::Internal(limit.to_string()),
            _ => Error::TooLarge { what: MEMORY, value: None, limit: limits.picture() },
        },
        ImageError::Unsupported(what) => Error::Unsupported { what: what.to_string(), advice: PNG_ADVICE },
        other => Error::Unreadable { format, reason: reason(&other) },
    }
}

/// The innermost cause, which is the one that says something.
fn reason(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string().trim_end_matches('.').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::tiff::encoder::{TiffEncoder, colortype::RGB8};
    use image::{Rgba, RgbaImage};

    fn encode(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        match format {
            ImageFormat::Tiff => {
                let mut writer = TiffEncoder::new(&mut bytes).unwrap();
                writer.write_image::<RGB8>(image.width(), image.height(), image.to_rgb8().as_raw()).unwrap();
            }
            format => image.write_to(&mut bytes, format).unwrap(),
        }
        bytes.into_inner()
    }

    fn pixels(bytes: &[u8]) -> (Vec<u8>, f32) {
        let slice = read(bytes, sniff(bytes).unwrap(), false, &Limits::default()).unwrap();
        match slice.pixels {
            Pixels::Gray(gray) => (gray, slice.origin.colour),
            Pixels::Colours(_) | Pixels::Hu(_) => panic!("a picture has no HU"),
        }
    }

    #[test]
    fn colours_are_kept_where_they_are_asked_for() {
        let coloured = RgbaImage::from_fn(3, 2, |x, y| Rgba([200, x as u8, 90, if y == 0 { 255 } else { 51 }]));
        let gray = RgbaImage::from_pixel(3, 2, Rgba([9, 9, 9, 255]));
        let kept = |image: RgbaImage, are_kept| {
            let bytes = encode(&image.into(), ImageFormat::Png);
            read(&bytes, ImageFormat::Png, are_kept, &Limits::default()).unwrap().pixels
        };
        let Pixels::Colours(pixels) = kept(coloured.clone(), true) else { panic!("it is gray") };
        assert_eq!((pixels[1], pixels[4]), ([200, 1, 90], [40, 0, 18]), "opacity is over black");
        assert!(matches!(kept(coloured, false), Pixels::Gray(_)) && matches!(kept(gray, true), Pixels::Gray(_)));
    }

    #[test]
    fn alpha_is_over_black_and_colour_by_rec_601() {
        let image = RgbaImage::from_vec(
            4,
            1,
            [[255, 255, 255, 255], [255, 255, 255, 0], [255, 0, 0, 255], [200, 200, 200, 128]].concat(),
        )
        .unwrap();
        let (gray, colour) = pixels(&encode(&image.into(), ImageFormat::Png));
        assert_eq!(gray, [255, 0, 76, 100]);
        assert_eq!(colour, 0.25);
    }

    #[test]
    fn sixteen_bits_are_rounded() {
        let image = image::ImageBuffer::<image::Luma<u16>, _>::from_vec(3, 1, vec![0, 0x8080, 0xFFFF]).unwrap();
        assert_eq!(pixels(&encode(&image.into(), ImageFormat::Png)).0, [0, 128, 255]);
    }

    #[test]
    fn values_are_turned_as_image_turns_them() {
        let values: Vec<u8> = (0..6).collect();
        for number in 1..=8 {
            let turn = Orientation::from_exif(number).unwrap();
            let mut image = DynamicImage::from(image::GrayImage::from_vec(3, 2, values.clone()).unwrap());
            image.apply_orientation(turn);
            let expected = (image.as_bytes().to_vec(), image.width() as usize, image.height() as usize);
            assert_eq!(turned(values.clone(), 3, 2, turn), expected, "{number}");
        }
    }

    #[test]
    fn a_jpeg_that_was_cut_off_is_an_error() {
        let image =
            DynamicImage::from(RgbaImage::from_fn(64, 64, |x, y| Rgba([x as u8, y as u8, 90, 255]))).into_rgb8();
        let bytes = encode(&image.into(), ImageFormat::Jpeg);
        assert!(read(&bytes, ImageFormat::Jpeg, false, &Limits::default()).is_ok());
        let trailed = [&bytes[..], b"trailer \xFF\xDA\0"].concat();
        assert!(
            read(&trailed, ImageFormat::Jpeg, false, &Limits::default()).is_ok(),
            "what follows the image does not matter"
        );
        let cut = &bytes[..bytes.len() * 3 / 4];
        let error = read(cut, ImageFormat::Jpeg, false, &Limits::default()).unwrap_err();
        assert_eq!(error.code(), "unreadable", "{error}");
    }

    #[test]
    fn a_picture_over_the_limit_is_refused_by_its_header() {
        let limits = Limits { pixels: 100, ..Limits::default() };
        let bytes = encode(&RgbaImage::new(20, 20).into(), ImageFormat::Png);
        let error = read(&bytes, ImageFormat::Png, false, &limits).unwrap_err();
        assert_eq!(error, Error::TooLarge { what: "the number of pixels", value: Some(400), limit: 100 });
    }

    proptest::proptest! {
        #[test]
        fn damaged_bytes_are_errors_and_no_panic(flips in proptest::collection::vec((0usize..5000, 0u8..), 1..20), cut in 0usize..5000) {
            for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Bmp, ImageFormat::Gif, ImageFormat::Tiff, ImageFormat::WebP] {
                let image = DynamicImage::from(RgbaImage::from_fn(24, 24, |x, y| Rgba([(x * 9) as u8, (y * 9) as u8, 90, 255])));
                let mut bytes = encode(&image.into_rgb8().into(), format);
                for (at, value) in &flips {
                    let at = at % bytes.len();
                    bytes[at] = *value;
                }
                bytes.truncate(bytes.len() - cut % bytes.len());
                let limits = Limits::default();
                let _ = match format {
                    ImageFormat::Tiff => Pages::find(&bytes, &limits).and_then(|pages| pages.read(&bytes, 0, false, &limits)),
                    format => read(&bytes, format, false, &limits),
                };
            }
        }
    }
}
