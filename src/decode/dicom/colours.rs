//! Images in colours: three samples of eight bits a pixel. Networks of three channels read them; for others they are no slices.

use super::codec::{Codec, Frame};
use super::elements::{Elements, is_code};
use crate::decode::raster;
use crate::error::{Error, Result};
use crate::slice::{COLOURED, Pixels, luma};

/// How the samples of an image in colours lie, and what they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Colours {
    /// Y, CB and CR (PS3.3 C.7.6.3.1.2) in place of red, green and blue.
    is_ybr: bool,
    /// All reds, then all greens, then all blues.
    by_plane: bool,
}

/// Samples of a pixel, a byte each.
pub(super) const SAMPLES: usize = 3;

impl Colours {
    /// What the elements say of it; `None` for a gray image.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for colours that are stored otherwise.
    pub(super) fn of(elements: &Elements, photometric: &str, codec: Option<Codec>) -> Result<Option<Colours>> {
        let samples = elements.samples.unwrap_or(1);
        let has_palette = photometric == "PALETTE COLOR";
        if samples == 1 && !has_palette {
            return Ok(None);
        }
        let is_ybr = match (photometric, codec) {
            ("RGB", None) => Some(false),
            // A JPEG says itself how it samples, and becomes red, green and blue as it is decoded.
            ("YBR_FULL", None) | ("YBR_FULL" | "YBR_FULL_422", Some(Codec::Jpeg)) => Some(true),
            _ => None,
        };
        let are_bytes = elements.bits_allocated == Some(8) && elements.bits_stored.unwrap_or(8) == 8;
        let is_plain = are_bytes && usize::from(samples) == SAMPLES && !elements.encoding.big_endian;
        match is_ybr.filter(|_| is_plain) {
            Some(is_ybr) => Ok(Some(Colours { is_ybr, by_plane: elements.planes == Some(1) })),
            None => Err(refused(photometric, samples)),
        }
    }

    /// The pixels of a frame that is not compressed.
    pub(super) fn native(self, samples: &[u8]) -> Pixels {
        let count = samples.len() / SAMPLES;
        let pixel = |at: usize| match self.by_plane {
            true => [samples[at], samples[count + at], samples[2 * count + at]],
            false => [samples[SAMPLES * at], samples[SAMPLES * at + 1], samples[SAMPLES * at + 2]],
        };
        Pixels::Colours((0..count).map(|at| if self.is_ybr { rgb(pixel(at)) } else { pixel(at) }).collect())
    }

    /// The pixels of a frame in JPEG.
    pub(super) fn jpeg(bytes: &[u8], frame: Frame) -> Result<Pixels> {
        let levels = raster::coloured_jpeg(bytes, frame.width, frame.height)?;
        Ok(Pixels::Colours(levels.chunks_exact(SAMPLES).map(|level| [level[0], level[1], level[2]]).collect()))
    }
}

/// Why a network of one channel is given no image in colours, and what is said of one that is stored otherwise than [`Colours`] are.
pub(super) fn refused(photometric: &str, samples: u16) -> Error {
    let kind = if photometric.is_empty() || !is_code(photometric) { "unknown" } else { photometric };
    Error::Unsupported {
        what: format!("a colour DICOM image ({kind}, {samples} samples a pixel)"),
        advice: "CT slices are gray: choose the original series",
    }
}

/// The share of pixels whose channels differ by more than noise.
pub(super) fn share(pixels: &Pixels) -> f32 {
    let Pixels::Colours(pixels) = pixels else { return 0.0 };
    let is_coloured = |[r, g, b]: &&[u8; 3]| r.max(g).max(b) - r.min(g).min(b) > COLOURED;
    pixels.iter().filter(is_coloured).count() as f32 / pixels.len() as f32
}

/// Gray levels by Rec. 601 in place of colours.
pub(super) fn grayed(pixels: Pixels) -> Pixels {
    match pixels {
        Pixels::Colours(pixels) => Pixels::Gray(pixels.into_iter().map(|pixel| luma(pixel).round() as u8).collect()),
        pixels => pixels,
    }
}

/// Red, green and blue of Y, CB and CR of the whole range, by Rec. 601.
fn rgb(samples: [u8; 3]) -> [u8; 3] {
    let [y, cb, cr] = samples.map(f32::from);
    let (cb, cr) = (cb - 128.0, cr - 128.0);
    [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb].map(|level| level.round() as u8)
}

#[cfg(test)]
mod tests {
    use dicom_dictionary_std::{tags, uids};
    use image::codecs::jpeg::JpegEncoder;
    use image::{ExtendedColorType, ImageEncoder};

    use super::super::fixture::{EXPLICIT, Writer};
    use super::super::start::{MAGIC, PREAMBLE};
    use super::*;
    use crate::decode::{Image, Limits};

    const RED: [u8; 3] = [254, 0, 0];
    const BLUE: [u8; 3] = [0, 0, 254];

    /// A photograph of 2 x 1 pixels as DICOM writes it, or of 16 x 16 in JPEG.
    fn file(photometric: &str, planes: u16, pixels: &[u8], coded: bool) -> Vec<u8> {
        let mut writer = Writer { syntax: EXPLICIT, bytes: [vec![0; PREAMBLE], MAGIC.to_vec()].concat() };
        writer.text(tags::TRANSFER_SYNTAX_UID, "UI", if coded { uids::JPEG_BASELINE8_BIT } else { EXPLICIT });
        writer.text(tags::MODALITY, "CS", "XC").number(tags::SAMPLES_PER_PIXEL, 3);
        writer.text(tags::PHOTOMETRIC_INTERPRETATION, "CS", photometric).number(tags::PLANAR_CONFIGURATION, planes);
        let [rows, columns] = if coded { [16, 16] } else { [1, 2] };
        writer.number(tags::ROWS, rows).number(tags::COLUMNS, columns).number(tags::BITS_ALLOCATED, 8);
        writer.number(tags::BITS_STORED, 8).number(tags::HIGH_BIT, 7).number(tags::PIXEL_REPRESENTATION, 0);
        if coded {
            writer.header(tags::PIXEL_DATA, "OB", u32::MAX);
            for item in [&[][..], pixels] {
                writer.bytes.extend([0xFE, 0xFF, 0x00, 0xE0]);
                writer.long(item.len() as u32);
                writer.bytes.extend_from_slice(item);
            }
            writer.bytes.extend([0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
        } else {
            writer.element(tags::PIXEL_DATA, "OB", pixels);
        }
        writer.bytes
    }

    fn with_colours() -> Limits {
        Limits { colours: true, ..Limits::default() }
    }

    fn colours(bytes: Vec<u8>) -> Vec<[u8; 3]> {
        // For a network of one channel it is no slice.
        let error = Image::open(bytes.clone(), Limits::default()).err().unwrap();
        assert!(error.code() == "unsupported" && error.to_string().contains("colour DICOM image"), "{error}");
        let image = Image::open(bytes, with_colours()).unwrap();
        let gray = image.slice(0).unwrap();
        let slice = image.slice_in_colours(0).unwrap();
        assert_eq!(slice.origin.colour, 1.0);
        let Pixels::Colours(pixels) = slice.pixels else { panic!("it is gray") };
        let Pixels::Gray(gray) = gray.pixels else { panic!("it is in colours") };
        assert!(gray.iter().zip(&pixels).all(|(level, pixel)| *level == luma(*pixel).round() as u8));
        pixels
    }

    #[test]
    fn colours_are_read_however_they_lie() {
        assert_eq!(colours(file("RGB", 0, &[RED, BLUE].concat(), false)), [RED, BLUE]);
        assert_eq!(colours(file("RGB", 1, &[254, 0, 0, 0, 0, 254], false)), [RED, BLUE]);
        // By Rec. 601, rounded.
        assert_eq!(colours(file("YBR_FULL", 0, &[76, 85, 255, 29, 255, 107], false)), [RED, BLUE]);
        let mut jpeg = Vec::new();
        let levels: Vec<u8> = (0..16 * 16).flat_map(|at| if at % 16 < 8 { RED } else { BLUE }).collect();
        JpegEncoder::new_with_quality(&mut jpeg, 100).write_image(&levels, 16, 16, ExtendedColorType::Rgb8).unwrap();
        jpeg.resize(jpeg.len().next_multiple_of(2), 0);
        let read = colours(file("YBR_FULL_422", 0, &jpeg, true));
        for (at, expected) in [(0, RED), (15, BLUE), (240, RED), (255, BLUE)] {
            let near = read[at].iter().zip(expected).all(|(level, expected)| level.abs_diff(expected) < 8);
            assert!(near, "{at}: {:?}", read[at]);
        }
    }

    #[test]
    fn other_colours_are_named_and_short_ones_are_damage() {
        for (photometric, coded) in [("YBR_RCT", false), ("HSV", false), ("RGB", true), ("PALETTE COLOR", false)] {
            let error = Image::open(file(photometric, 0, &[0; 6], coded), with_colours()).err().unwrap();
            assert!(error.to_string().contains(&format!("({photometric}, 3 samples a pixel)")), "{error}");
        }
        let error = Image::open(file("RGB", 0, &[0; 4], false), with_colours()).err().unwrap();
        assert!(error.to_string().contains("4 of 6 bytes"), "{error}");
    }
}
