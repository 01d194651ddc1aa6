//! JPEG 2000 (ITU-T T.800) of one gray component, by `hayro-jpeg2000`, or by [`super::high_throughput`] where the codestream says so. Here
//! it is held against the data set, and against bounds on what a decoder would allocate, before one starts.

use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};

use super::frame::{Frame, Samples, damaged, unsupported};
use super::high_throughput;
use crate::error::Result;

const NAME: &str = "DICOM (JPEG 2000)";

mod marker {
    pub const SOC: [u8; 4] = [0xFF, 0x4F, 0xFF, 0x51];
    pub const COD: u8 = 0x52;
    pub const COC: u8 = 0x53;
    pub const QCD: u8 = 0x5C;
    pub const QCC: u8 = 0x5D;
    pub const SOT: u8 = 0x90;
    pub const SOD: u8 = 0x93;
    pub const EOC: u8 = 0xD9;
}

/// What a file starts with whose codestream is wrapped in JP2, which some writers do against the standard.
const JP2: &[u8] = b"\0\0\0\x0CjP  \r\n\x87\n";
/// Exponents of width and height of the smallest code block that is read, added: 16 x 16. Encoders use 32 x 32 and 64 x 64; the
/// decoder takes hundreds of bytes for each.
const MIN_BLOCK: u32 = 8;
/// Exponent of the smallest side of a precinct that is read, for the same reason.
const MIN_PRECINCT: u8 = 5;
/// Tiles of a frame: 64 x 64 of them.
const MAX_TILES: u64 = 4096;

/// Decodes a frame.
pub(super) fn decode(bytes: &[u8], frame: Frame) -> Result<Samples> {
    let codestream = if bytes.starts_with(JP2) { unwrap(bytes)? } else { bytes };
    let component = check_size(codestream, frame)?;
    check_blocks(codestream)?;
    let samples = match component.tiles {
        Some(tile) => {
            let size =
                high_throughput::Size { frame: [frame.width, frame.height], tile, precision: component.precision };
            high_throughput::decode(codestream, &size)?
        }
        None => decode_classic(codestream, component, frame)?,
    };
    let values = samples.into_iter().map(|sample| component.stored(sample)).collect();
    // A signed value fills its 16 bits.
    Ok(Samples { values, precision: if component.is_signed { 16 } else { component.precision } })
}

/// The samples of a codestream of Part 1, from the least that they can be on.
fn decode_classic(codestream: &[u8], component: Component, frame: Frame) -> Result<Vec<u16>> {
    let bad = |error: hayro_jpeg2000::DecodeError| damaged(NAME, error.to_string().trim_end_matches('.'));
    // A decoder that is not strict fills what is missing.
    let settings = DecodeSettings { strict: true, ..DecodeSettings::default() };
    let image = Image::new(codestream, &settings).map_err(bad)?;
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(bad)?;
    let samples = decoded.components().first().map(|component| component.samples()).unwrap_or_default();
    if samples.len() != frame.pixels() {
        return Err(damaged(NAME, &format!("it holds {} instead of {} pixels", samples.len(), frame.pixels())));
    }
    let most = ((1u32 << component.precision) - 1) as f32;
    Ok(samples.iter().map(|sample| sample.round().clamp(0.0, most) as u16).collect())
}

/// How samples are stored (A.5.1).
#[derive(Debug, Clone, Copy)]
struct Component {
    precision: u32,
    is_signed: bool,
    /// Width and height of the tiles of a high-throughput codestream.
    tiles: Option<[usize; 2]>,
}

impl Component {
    /// Decoders move signed samples up, so that they start at 0.
    fn stored(self, sample: u16) -> u16 {
        if self.is_signed { sample.wrapping_sub(1 << (self.precision - 1)) } else { sample }
    }
}

/// The codestream in a JP2 file.
fn unwrap(bytes: &[u8]) -> Result<&[u8]> {
    let mut rest = bytes;
    while let Some((header, after)) = rest.split_first_chunk::<8>() {
        let [l3, l2, l1, l0, kind @ ..] = *header;
        if kind == *b"jp2c" {
            return Ok(after);
        }
        let length = u32::from_be_bytes([l3, l2, l1, l0]) as usize;
        rest = rest.get(length.max(8)..).unwrap_or_default();
    }
    Err(damaged(NAME, "its file holds no codestream"))
}

/// Holds the size against the data set (A.5.1).
fn check_size(bytes: &[u8], frame: Frame) -> Result<Component> {
    if !bytes.starts_with(&marker::SOC) {
        return Err(damaged(NAME, "it does not start like a codestream"));
    }
    let cut = || damaged(NAME, "it ends inside its header");
    let header = bytes.get(4..45).ok_or_else(cut)?;
    let long = |at: usize| u64::from(u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]));
    let short = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let [width, height, x, y, tile_width, tile_height] = [4, 8, 12, 16, 20, 24].map(long);
    let components = short(36).into();
    if (x, y, long(28), long(32)) != (0, 0, 0, 0) || (components == 1 && header[39..41] != [1, 1]) {
        return Err(unsupported("a JPEG 2000 frame off the origin of its grid".to_string()));
    }
    frame.check(NAME, width, height, components)?;
    if tile_width == 0 || tile_height == 0 || width.div_ceil(tile_width) * height.div_ceil(tile_height) > MAX_TILES {
        return Err(damaged(NAME, "its tiles make no sense"));
    }
    let is_high_throughput = short(2) & 0x4000 != 0;
    let component = Component {
        precision: u32::from(header[38] & 0x7F) + 1,
        is_signed: header[38] & 0x80 != 0,
        tiles: is_high_throughput.then_some([tile_width, tile_height].map(|side| side as usize)),
    };
    if component.precision > 16 {
        return Err(unsupported(format!("a JPEG 2000 frame of {} bits", component.precision)));
    }
    Ok(component)
}

/// Refuses code blocks and precincts so small that the decoder would take many times the memory of the frame for them (A.6.1,
/// A.6.2), in the main header and in those of the tile-parts.
fn check_blocks(bytes: &[u8]) -> Result<()> {
    let cut = || damaged(NAME, "it ends before the image does");
    let mut at = 2;
    // Where the next tile-part starts, once there is one.
    let mut next_part = None;
    let (mut is_reversible, mut is_quantised) = (false, false);
    loop {
        let &[prefix, code] = bytes.get(at..).and_then(|rest| rest.first_chunk::<2>()).ok_or_else(cut)?;
        if prefix != 0xFF {
            return Err(damaged(NAME, "it has no marker where one must be"));
        }
        if matches!(code, marker::EOC | marker::SOD) && is_reversible && is_quantised {
            return Err(damaged(NAME, "it has wavelets without loss, and their coefficients are quantised"));
        }
        match code {
            marker::EOC => return Ok(()),
            marker::SOD => match next_part.take() {
                Some(part) => at = part,
                // Length 0: up to the end of the codestream.
                None => return Ok(()),
            },
            0x30..=0x3F => at += 2,
            _ => {
                let rest = &bytes[at + 2..];
                let length = rest.first_chunk::<2>().map(|length| usize::from(u16::from_be_bytes(*length)));
                let segment = length.and_then(|length| rest.get(2..length)).ok_or_else(cut)?;
                match code {
                    // Scod, four bytes for all components, SPcod.
                    marker::COD => is_reversible = check_coding(segment.first().copied(), segment.get(5..))?,
                    // Ccoc, of one byte for fewer than 257 components, Scoc, SPcoc.
                    marker::COC => is_reversible = check_coding(segment.get(1).copied(), segment.get(2..))?,
                    marker::QCD => is_quantised = segment.first().is_some_and(|style| style & 31 != 0),
                    marker::QCC => is_quantised = segment.get(1).is_some_and(|style| style & 31 != 0),
                    marker::SOT => {
                        let part = segment.get(2..6).and_then(|part| part.first_chunk::<4>()).ok_or_else(cut)?;
                        let length = u32::from_be_bytes(*part) as usize;
                        next_part = (length > 0).then_some(at.saturating_add(length));
                        if next_part.is_some_and(|part| part <= at + 2) {
                            return Err(damaged(NAME, "a tile-part has a wrong length"));
                        }
                    }
                    _ => {}
                }
                at += 4 + segment.len();
            }
        }
    }
}

/// Levels, exponents of the code block, style, wavelet, and precincts where bit 0 of the style byte says so; gives whether the wavelet can be
/// turned back without loss.
fn check_coding(style: Option<u8>, parameters: Option<&[u8]>) -> Result<bool> {
    let (Some(style), Some([_, width, height, _, wavelet, precincts @ ..])) = (style, parameters) else {
        return Err(damaged(NAME, "its coding style is cut"));
    };
    let is_small = |precinct: &u8| (precinct & 15).min(precinct >> 4) < MIN_PRECINCT;
    let exponents = u32::from(width & 15) + 2 + u32::from(height & 15) + 2;
    if exponents < MIN_BLOCK || (style & 1 == 1 && precincts.iter().any(is_small)) {
        return Err(unsupported("a JPEG 2000 frame in such small blocks".to_string()));
    }
    Ok(*wavelet == 1)
}
