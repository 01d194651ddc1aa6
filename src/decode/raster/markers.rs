//! The markers of a JPEG stream (ITU-T T.81, annex B): how large it says that it is, whether it was cut off, and whether one without its end
//! mark holds all of its pixels.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Cursor;

use image::ImageDecoder;
use image::codecs::jpeg::JpegDecoder;
use sha2::{Digest, Sha256};

const START: [u8; 2] = [0xFF, 0xD8];
const END: u8 = 0xD9;
const SCAN: u8 = 0xDA;
const COEFFICIENTS: usize = 64;

/// A marker with its segment, without the length.
struct Segment<'a> {
    code: u8,
    data: &'a [u8],
}

/// Where the walk over the markers of a stream came to.
enum End {
    /// At the end-of-image marker.
    Marked,
    /// At the end of the bytes, in the data of a scan.
    InScan,
    /// At the end of the bytes, elsewhere.
    Cut,
    /// At what is no marker where one must be.
    Strange,
}

/// Hands each marker of a stream to `visit`, which starts behind its first one.
fn walk<'a>(bytes: &'a [u8], mut visit: impl FnMut(Segment<'a>)) -> End {
    let restart = |code: u8| (0xD0..=0xD7).contains(&code);
    let mut at = START.len();
    loop {
        let Some(&[prefix, code]) = bytes.get(at..).and_then(|rest| rest.first_chunk::<2>()) else { return End::Cut };
        match code {
            _ if prefix != 0xFF => return End::Strange,
            END => return End::Marked,
            0xFF => at += 1,
            0x01 => at += 2,
            code if restart(code) => at += 2,
            code => {
                let Some(length) = bytes.get(at + 2..).and_then(|rest| rest.first_chunk::<2>()) else {
                    return End::Cut;
                };
                let length = usize::from(u16::from_be_bytes(*length));
                let Some(data) = bytes.get(at + 4..at + 2 + length.max(2)) else { return End::Cut };
                visit(Segment { code, data });
                at += 2 + length.max(2);
                if code == SCAN {
                    let rest = &bytes[at..];
                    let marker = |pair: &[u8]| pair[0] == 0xFF && pair[1] != 0 && !restart(pair[1]);
                    match rest.windows(2).position(marker) {
                        Some(length) => at += length,
                        None => return End::InScan,
                    }
                }
            }
        }
    }
}

/// Whether a marker says how large a frame is.
fn is_frame(code: u8) -> bool {
    matches!(code, 0xC0..=0xCF) && !matches!(code, 0xC4 | 0xC8 | 0xCC)
}

/// The stream with its end mark. One that lacks it is read if it holds all pixels: then whatever is put behind it changes none of them. The
/// decoder alone would fill what is missing with gray.
///
/// `limit` is how many bytes the picture may take.
pub fn whole(bytes: &[u8], limit: u64) -> Option<Cow<'_, [u8]>> {
    let mut scans = Scans::default();
    match walk(bytes, |segment| scans.add(&segment)) {
        End::Marked | End::Strange => return Some(Cow::Borrowed(bytes)),
        End::Cut => return None,
        End::InScan => {}
    }
    if !scans.are_complete() || bytes.len() as u64 > limit {
        return None;
    }
    let data = bytes.strip_suffix(&[0xFF]).unwrap_or(bytes);
    let ended = |behind: u8| [data, &[behind; COEFFICIENTS], &[0xFF, END]].concat();
    let plain = shown(&ended(0), limit)?;
    let is_complete = [0x55, 0xAA].into_iter().all(|behind| shown(&ended(behind), limit) == Some(plain));
    is_complete.then(|| Cow::Owned([data, &[0xFF, END]].concat()))
}

/// A digest of the pixels.
fn shown(bytes: &[u8], limit: u64) -> Option<[u8; 32]> {
    let decoder = JpegDecoder::new(Cursor::new(bytes)).ok()?;
    let length = decoder.total_bytes();
    if length > limit {
        return None;
    }
    let mut pixels = vec![0; length as usize];
    decoder.read_image(&mut pixels).ok()?;
    Some(Sha256::digest(&pixels).into())
}

/// The bits of each coefficient that no scan has given yet, by component; the components are those of the frame.
#[derive(Default)]
struct Scans {
    is_progressive: bool,
    missing: BTreeMap<u8, [u8; COEFFICIENTS]>,
}

impl Scans {
    fn add(&mut self, segment: &Segment) {
        let Segment { code, data } = *segment;
        if is_frame(code) {
            self.is_progressive = code == 0xC2;
            let components = data.get(6..).unwrap_or_default().chunks_exact(3);
            self.missing = components.map(|component| (component[0], [u8::MAX; COEFFICIENTS])).collect();
        }
        if code != SCAN {
            return;
        }
        let count = data.first().map_or(0, |count| usize::from(*count));
        let components = data.get(1..1 + 2 * count).unwrap_or_default();
        let Some(&[first, last, bits]) = data.get(1 + 2 * count..).and_then(|rest| rest.first_chunk::<3>()) else {
            return;
        };
        let (range, bits) = if self.is_progressive {
            (usize::from(first)..=usize::from(last), bits & 0x0F)
        } else {
            (0..=COEFFICIENTS - 1, 0)
        };
        for component in components.chunks_exact(2) {
            let missing = self.missing.get_mut(&component[0]).and_then(|missing| missing.get_mut(range.clone()));
            missing.into_iter().flatten().for_each(|missing| *missing = bits);
        }
    }

    fn are_complete(&self) -> bool {
        !self.missing.is_empty() && self.missing.values().flatten().all(|missing| *missing == 0)
    }
}

/// What a stream within another file must be.
pub struct Expected {
    pub width: u64,
    /// The least and the greatest.
    pub heights: [u64; 2],
    pub components: u64,
}

/// Holds a stream against what holds it; `tables` are those that it shares with others. Says what is wrong.
pub fn check_part(tables: Option<&[u8]>, bytes: &[u8], expected: &Expected) -> Result<(), String> {
    let mut frames = Vec::new();
    let mut strange = false;
    for (number, stream) in tables.into_iter().chain([bytes]).enumerate() {
        let is_last = number == usize::from(tables.is_some());
        strange |= !stream.starts_with(&START);
        let end = walk(stream, |segment| {
            if is_frame(segment.code) {
                frames.push((is_last, Size::of(&segment)));
            }
        });
        match end {
            End::Marked => {}
            End::Strange => strange = true,
            End::InScan | End::Cut if is_last => return Err("has no end mark".to_string()),
            // Tables need none.
            End::InScan | End::Cut => {}
        }
    }
    if strange {
        return Err("has bytes where a marker must be".to_string());
    }
    let [(true, Some(size))] = frames[..] else { return Err("has not one frame of 8 bits".to_string()) };
    let Size { width, height, components } = size;
    let [least, greatest] = expected.heights;
    if width != expected.width || !(least..=greatest).contains(&height) {
        let (across, down) = (expected.width, greatest);
        return Err(format!("says that it has {width} x {height} pixels, and {across} x {down} belong there"));
    }
    if components != expected.components {
        return Err(format!("has {components} components, and {} belong there", expected.components));
    }
    Ok(())
}

/// What a frame says of itself.
#[derive(Clone, Copy)]
struct Size {
    width: u64,
    height: u64,
    components: u64,
}

impl Size {
    /// Of a frame of 8 bits that is coded by Huffman codes, sequential or progressive.
    fn of(segment: &Segment) -> Option<Size> {
        let &[8, h1, h0, w1, w0, components] = segment.data.first_chunk::<6>()? else { return None };
        let short = |high, low| u64::from(u16::from_be_bytes([high, low]));
        let is_read = matches!(segment.code, 0xC0..=0xC2);
        is_read.then_some(Size { width: short(w1, w0), height: short(h1, h0), components: components.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::codecs::jpeg::JpegEncoder;

    fn noise(side: u32) -> image::RgbImage {
        let mut state = 1u32;
        image::RgbImage::from_fn(side, side, |x, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let level = (state >> 24) as u8 / 3 + x as u8;
            image::Rgb([level, level / 2, 255 - level])
        })
    }

    fn jpeg() -> Vec<u8> {
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, 90).encode_image(&noise(50)).unwrap();
        bytes
    }

    const LIMIT: u64 = 1 << 20;

    #[test]
    fn only_the_end_mark_may_be_missing() {
        let bytes = jpeg();
        assert!(matches!(whole(&bytes, LIMIT), Some(Cow::Borrowed(_))));
        for missing in [1, 2] {
            assert_eq!(whole(&bytes[..bytes.len() - missing], LIMIT).as_deref(), Some(&bytes[..]), "{missing} bytes");
        }
        // The last byte may be padding alone.
        for missing in 4..bytes.len() {
            assert!(whole(&bytes[..bytes.len() - missing], LIMIT).is_none(), "{missing} bytes");
        }
    }

    #[test]
    fn a_stream_is_held_against_what_holds_it() {
        let bytes = jpeg();
        let check = |bytes: &[u8], width, heights, components| {
            check_part(None, bytes, &Expected { width, heights, components })
        };
        assert_eq!(check(&bytes, 50, [50, 50], 3), Ok(()));
        assert_eq!(check(&bytes, 50, [40, 64], 3), Ok(()));
        assert!(check(&bytes, 64, [50, 50], 3).unwrap_err().contains("50 x 50 pixels, and 64 x 50"));
        assert!(check(&bytes, 50, [51, 64], 3).is_err());
        assert!(check(&bytes, 50, [50, 50], 1).unwrap_err().contains("3 components, and 1"));
        assert!(check(&bytes[..bytes.len() - 2], 50, [50, 50], 3).unwrap_err().contains("end mark"));
        assert!(check(&bytes[2..], 50, [50, 50], 3).is_err());
        let frame = bytes.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
        let twice = [&bytes[..frame], &bytes[frame..frame + 19], &bytes[frame..]].concat();
        assert!(check(&twice, 50, [50, 50], 3).unwrap_err().contains("not one frame"));
        assert!(check_part(Some(&bytes), &bytes, &Expected { width: 50, heights: [50, 50], components: 3 }).is_err());
    }
}
