//! Pictures: PNG, JPEG, BMP, GIF (its first frame), TIFF (its first page), WebP.

use std::io::Cursor;

use image::codecs::jpeg::JpegDecoder;
use image::error::{ImageError, LimitErrorKind};
use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader};

use super::Limits;
use super::jpeg::{Host, Image};
use crate::error::{Error, Result};
use crate::slice::{COLOURED, Origin, Pixels, Slice};

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

/// The format of `bytes`, if it is one of ours.
pub(super) fn sniff(bytes: &[u8]) -> Option<ImageFormat> {
    let format = image::guess_format(bytes).ok()?;
    FORMATS.iter().any(|(known, _)| *known == format).then_some(format)
}

fn name(format: ImageFormat) -> &'static str {
    FORMATS.iter().find(|(known, _)| *known == format).map_or("image", |(_, name)| name)
}

/// Decodes a picture: alpha over black, colour by Rec. 601, EXIF orientation applied, 16 bits rounded to 8.
pub(super) fn read(bytes: &[u8], format: ImageFormat, limits: &Limits) -> Result<Slice> {
    if format == ImageFormat::Jpeg && super::jpeg::is_deep(bytes) {
        return read_deep(bytes, limits);
    }
    let fail = |error| translate(name(format), limits, error);
    if format == ImageFormat::Jpeg {
        check_end(bytes)?;
    }
    // In 32 bits the decoder itself takes a bitmap beyond its count for one of an unknown kind.
    if let (ImageFormat::Bmp, Some((width, height))) = (format, bitmap_size(bytes)) {
        limits.check_frame(name(format), width, height)?;
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    // The size is checked below, by our own limits; until then the decoder may hold the header.
    reader.limits(decoder_limits(limits));
    let mut decoder = reader.into_decoder().map_err(fail)?;
    let (width, height) = decoder.dimensions();
    limits.check_frame(name(format), width.into(), height.into())?;
    Limits::check(MEMORY, decoder.total_bytes(), limits.picture())?;
    let orientation = decoder.orientation().map_err(fail)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(fail)?;
    image.apply_orientation(orientation);

    let (width, height) = (image.width() as usize, image.height() as usize);
    let (gray, colour) = to_gray(image);
    let origin = Origin { format: name(format), colour, ..Origin::default() };
    Ok(Slice { width, height, pixels: Pixels::Gray(gray), origin })
}

/// A JPEG that is lossless or of 12 bits, of one gray component: white is the greatest number of the bits that are used, which are 8 or
/// more, as writers store 10 or 12 bits in 16.
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
    let greatest = values.iter().copied().max().unwrap_or_default();
    let used = greatest.checked_ilog2().map_or(8, |last| (last + 1).max(8)).min(precision);
    let white = ((1u32 << used) - 1) as f32;
    let levels = values.into_iter().map(|value| (f32::from(value) / white * 255.0).round() as u8).collect();
    let note = (used < precision).then(|| format!("its values use {used} of {precision} bits and are scaled by these"));
    let origin = Origin { format: host.name, notes: note.into_iter().collect(), ..Origin::default() };
    Ok(Slice { width, height, pixels: Pixels::Gray(levels), origin })
}

/// The gray levels of a JPEG of 8 bits, as they are stored, if it is `width` x `height` pixels of one component.
pub(super) fn gray_jpeg(bytes: &[u8], width: usize, height: usize) -> Result<Vec<u8>> {
    // Its size is that of a frame, which was held against the limits.
    let fail = |error| translate(name(ImageFormat::Jpeg), &Limits::default(), error);
    check_end(bytes)?;
    let decoder = JpegDecoder::new(Cursor::new(bytes)).map_err(fail)?;
    let (found_width, found_height) = decoder.dimensions();
    if decoder.color_type() != ColorType::L8 || (found_width as usize, found_height as usize) != (width, height) {
        let reason = format!("it is not {width} x {height} gray pixels");
        return Err(Error::Unreadable { format: name(ImageFormat::Jpeg), reason });
    }
    let mut levels = vec![0; width * height];
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

fn decoder_limits(limits: &Limits) -> image::Limits {
    let mut decoder = image::Limits::default();
    // The picture, and a copy to work on.
    decoder.max_alloc = Some(limits.picture().saturating_mul(2));
    decoder
}

/// Fails for a JPEG that was cut off.
fn check_end(bytes: &[u8]) -> Result<()> {
    if is_cut_off(bytes) {
        let reason = "it ends before the image does".to_string();
        return Err(Error::Unreadable { format: name(ImageFormat::Jpeg), reason });
    }
    Ok(())
}

/// Whether a JPEG ends before its end-of-image marker. The decoder would fill the missing part with gray.
///
/// Walks the markers (ITU T.81, B.1.1); what is no marker where one must be is left to the decoder to judge.
fn is_cut_off(bytes: &[u8]) -> bool {
    const END: u8 = 0xD9;
    const SCAN: u8 = 0xDA;
    let restart = |code: u8| (0xD0..=0xD7).contains(&code);
    let mut at = 2;
    loop {
        let Some(&[prefix, code]) = bytes.get(at..).and_then(|rest| rest.first_chunk::<2>()) else { return true };
        match code {
            _ if prefix != 0xFF => return false,
            END => return false,
            0xFF => at += 1,
            0x01 => at += 2,
            code if restart(code) => at += 2,
            code => {
                let Some(length) = bytes.get(at + 2..).and_then(|rest| rest.first_chunk::<2>()) else { return true };
                at += 2 + usize::from(u16::from_be_bytes(*length));
                if code == SCAN {
                    let rest = bytes.get(at..).unwrap_or_default();
                    let marker = |pair: &[u8]| pair[0] == 0xFF && pair[1] != 0 && !restart(pair[1]);
                    at += rest.windows(2).position(marker).unwrap_or(rest.len());
                }
            }
        }
    }
}

/// Gray levels, and the share of coloured pixels.
fn to_gray(image: DynamicImage) -> (Vec<u8>, f32) {
    if let DynamicImage::ImageLuma8(gray) = image {
        return (gray.into_raw(), 0.0);
    }
    let rgba = image.into_rgba8();
    let pixels = rgba.len() / 4;
    let mut coloured = 0usize;
    let mut gray = Vec::with_capacity(pixels);
    for pixel in rgba.pixels() {
        let [r, g, b, a] = pixel.0;
        coloured += usize::from(r.max(g).max(b) - r.min(g).min(b) > COLOURED && a > 0);
        let luma = 0.299 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b);
        gray.push((luma * f32::from(a) / 255.0).round() as u8);
    }
    (gray, coloured as f32 / pixels as f32)
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
    use image::{Rgba, RgbaImage};

    fn encode(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn pixels(bytes: &[u8]) -> (Vec<u8>, f32) {
        let slice = read(bytes, sniff(bytes).unwrap(), &Limits::default()).unwrap();
        match slice.pixels {
            Pixels::Gray(gray) => (gray, slice.origin.colour),
            Pixels::Hu(_) => panic!("a picture has no HU"),
        }
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
    fn a_jpeg_that_was_cut_off_is_an_error() {
        let image =
            DynamicImage::from(RgbaImage::from_fn(64, 64, |x, y| Rgba([x as u8, y as u8, 90, 255]))).into_rgb8();
        let bytes = encode(&image.into(), ImageFormat::Jpeg);
        assert!(read(&bytes, ImageFormat::Jpeg, &Limits::default()).is_ok());
        let trailed = [&bytes[..], b"trailer \xFF\xDA\0"].concat();
        assert!(
            read(&trailed, ImageFormat::Jpeg, &Limits::default()).is_ok(),
            "what follows the image does not matter"
        );
        let cut = &bytes[..bytes.len() * 3 / 4];
        let error = read(cut, ImageFormat::Jpeg, &Limits::default()).unwrap_err();
        assert_eq!(error.code(), "unreadable", "{error}");
    }

    #[test]
    fn a_picture_over_the_limit_is_refused_by_its_header() {
        let limits = Limits { pixels: 100, ..Limits::default() };
        let bytes = encode(&RgbaImage::new(20, 20).into(), ImageFormat::Png);
        let error = read(&bytes, ImageFormat::Png, &limits).unwrap_err();
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
                let _ = read(&bytes, format, &Limits::default());
            }
        }
    }
}
