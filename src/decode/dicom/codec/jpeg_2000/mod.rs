//! JPEG 2000 (ITU-T T.800) and high-throughput JPEG 2000 (T.814) of one gray component. Here a codestream is held against the data set, and
//! against bounds on what its blocks would take, before memory is taken. Both share all but the decoder of blocks.
//!
//! The crates that read it were not taken: `hayro-jpeg2000` is slower than OpenJPEG, others are unsafe throughout, and what reads high
//! throughput drops half a step of each coefficient of a lossy frame.

mod arithmetic;
mod codestream;
mod codewords;
mod embedded;
mod header;
mod high_throughput;
mod packets;
mod rectangle;
mod wavelet;

use self::codestream::Size;
use super::frame::{self, Frame, Samples};
use crate::error::Error;

const NAME: &str = "DICOM (JPEG 2000)";
const HIGH_THROUGHPUT: &str = "DICOM (high-throughput JPEG 2000)";

/// What is wrong with a codestream, whichever of the two it is.
#[derive(Debug)]
enum Fault {
    Damaged(String),
    Unsupported(String),
}

fn damaged(reason: impl Into<String>) -> Fault {
    Fault::Damaged(reason.into())
}

fn unsupported(what: impl Into<String>) -> Fault {
    Fault::Unsupported(what.into())
}

impl Fault {
    fn of(self, name: &'static str) -> Error {
        match self {
            Fault::Damaged(reason) => frame::damaged(name, &reason),
            Fault::Unsupported(what) => frame::unsupported(what),
        }
    }
}

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
pub(super) fn decode(bytes: &[u8], frame: Frame) -> Result<Samples, Error> {
    let codestream = if bytes.starts_with(JP2) { unwrap(bytes)? } else { bytes };
    let Component { is_signed, size } = check_size(codestream, frame)?;
    check_blocks(codestream).map_err(|fault| fault.of(NAME))?;
    let name = if size.is_high_throughput { HIGH_THROUGHPUT } else { NAME };
    let mut values = codestream::decode(codestream, &size).map_err(|fault| fault.of(name))?;
    if !is_signed {
        return Ok(Samples { values, precision: size.precision });
    }
    // Decoders move signed samples up, so that they start at 0. A signed value fills all bits that are allocated to it.
    values.iter_mut().for_each(|value| *value = value.wrapping_sub(1 << (size.precision - 1)));
    Ok(Samples { values, precision: size.precision.max(8 * frame.bytes as u32) })
}

/// How samples are stored (A.5.1).
#[derive(Debug, Clone, Copy)]
struct Component {
    is_signed: bool,
    size: Size,
}

/// The codestream in a JP2 file.
fn unwrap(bytes: &[u8]) -> Result<&[u8], Error> {
    let mut rest = bytes;
    while let Some((header, after)) = rest.split_first_chunk::<8>() {
        let [l3, l2, l1, l0, kind @ ..] = *header;
        if kind == *b"jp2c" {
            return Ok(after);
        }
        let length = u32::from_be_bytes([l3, l2, l1, l0]) as usize;
        rest = rest.get(length.max(8)..).unwrap_or_default();
    }
    Err(damaged("its file holds no codestream").of(NAME))
}

/// Holds the size against the data set (A.5.1).
fn check_size(bytes: &[u8], frame: Frame) -> Result<Component, Error> {
    if !bytes.starts_with(&marker::SOC) {
        return Err(frame::damaged(NAME, "it does not start like a codestream"));
    }
    let cut = || frame::damaged(NAME, "it ends inside its header");
    let header = bytes.get(4..45).ok_or_else(cut)?;
    let long = |at: usize| u64::from(u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]));
    let short = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let [width, height, x, y, tile_width, tile_height] = [4, 8, 12, 16, 20, 24].map(long);
    let components = short(36).into();
    if (x, y, long(28), long(32)) != (0, 0, 0, 0) || (components == 1 && header[39..41] != [1, 1]) {
        return Err(frame::unsupported("a JPEG 2000 frame off the origin of its grid".to_string()));
    }
    frame.check(NAME, width, height, components)?;
    if tile_width == 0 || tile_height == 0 || width.div_ceil(tile_width) * height.div_ceil(tile_height) > MAX_TILES {
        return Err(frame::damaged(NAME, "its tiles make no sense"));
    }
    let size = Size {
        frame: [frame.width, frame.height],
        tile: [tile_width, tile_height].map(|side| side as usize),
        precision: u32::from(header[38] & 0x7F) + 1,
        is_high_throughput: short(2) & 0x4000 != 0,
    };
    if size.precision > 16 {
        return Err(frame::unsupported(format!("a JPEG 2000 frame of {} bits", size.precision)));
    }
    Ok(Component { is_signed: header[38] & 0x80 != 0, size })
}

/// Refuses code blocks and precincts so small that the decoder would take many times the memory of the frame for them (A.6.1,
/// A.6.2), in the main header and in those of the tile-parts.
fn check_blocks(bytes: &[u8]) -> Result<(), Fault> {
    let cut = || damaged("it ends before the image does");
    let mut at = 2;
    // Where the next tile-part starts, once there is one.
    let mut next_part = None;
    let (mut is_reversible, mut is_quantised) = (false, false);
    loop {
        let &[prefix, code] = bytes.get(at..).and_then(|rest| rest.first_chunk::<2>()).ok_or_else(cut)?;
        if prefix != 0xFF {
            return Err(damaged("it has no marker where one must be"));
        }
        if matches!(code, marker::EOC | marker::SOD) && is_reversible && is_quantised {
            return Err(damaged("it has wavelets without loss, and their coefficients are quantised"));
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
                            return Err(damaged("a tile-part has a wrong length"));
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
fn check_coding(style: Option<u8>, parameters: Option<&[u8]>) -> Result<bool, Fault> {
    let (Some(style), Some([_, width, height, _, wavelet, precincts @ ..])) = (style, parameters) else {
        return Err(damaged("its coding style is cut"));
    };
    let is_small = |precinct: &u8| (precinct & 15).min(precinct >> 4) < MIN_PRECINCT;
    let exponents = u32::from(width & 15) + 2 + u32::from(height & 15) + 2;
    if exponents < MIN_BLOCK || (style & 1 == 1 && precincts.iter().any(is_small)) {
        return Err(unsupported("a JPEG 2000 frame in such small blocks"));
    }
    Ok(*wavelet == 1)
}
