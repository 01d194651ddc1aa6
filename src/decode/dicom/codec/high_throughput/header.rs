//! The parameters of a codestream (ITU-T T.800, Annex A): how a tile is cut into blocks, how its coefficients are scaled, and where its
//! coded bytes lie.

use std::borrow::Cow;
use std::ops::Range;

use super::super::frame::{damaged, unsupported};
use super::NAME;
use crate::error::{Error, Result};

mod marker {
    pub const COD: u8 = 0x52;
    pub const COC: u8 = 0x53;
    pub const QCD: u8 = 0x5C;
    pub const QCC: u8 = 0x5D;
    pub const RGN: u8 = 0x5E;
    pub const POC: u8 = 0x5F;
    pub const PPM: u8 = 0x60;
    pub const PPT: u8 = 0x61;
    pub const SOT: u8 = 0x90;
    pub const SOD: u8 = 0x93;
    pub const EOC: u8 = 0xD9;
}

/// Resolutions that wavelets add at most.
const MAX_LEVELS: usize = 32;

/// How a tile is coded.
#[derive(Debug, Clone, Default)]
pub(super) struct Coding {
    pub order: Order,
    pub layers: u32,
    /// Markers stand before packets, and behind their headers.
    pub has_starts: bool,
    pub has_header_ends: bool,
    pub levels: usize,
    /// Exponents of a block's width and height.
    pub block: [u32; 2],
    pub is_stripe_causal: bool,
    pub is_reversible: bool,
    /// Exponents of a precinct's width and height, from the lowest resolution on.
    pub precincts: Vec<[u32; 2]>,
    /// Guard bits, and for each subband exponent and mantissa of its step, from the lowest on.
    pub guard: u32,
    pub steps: Vec<[u32; 2]>,
    pub has_derived_steps: bool,
}

/// In which order the packets come; of one component, position and component before the rest are the same.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) enum Order {
    #[default]
    LayerResolution,
    ResolutionLayer,
    ResolutionPosition,
    Position,
}

/// What the headers say of a tile: its coding, and where the coded bytes of its parts lie.
#[derive(Debug)]
pub(super) struct Header {
    pub coding: Coding,
    parts: Vec<Range<usize>>,
}

impl Header {
    /// The coded bytes of the tile; those of several parts are put together, as some writers cut packets in two.
    pub(super) fn coded<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        match &self.parts[..] {
            [one] => Cow::Borrowed(&bytes[one.clone()]),
            several => Cow::Owned(several.iter().flat_map(|part| &bytes[part.clone()]).copied().collect()),
        }
    }
}

/// Reads all headers of a codestream of `count` tiles, whose size was checked.
pub(super) fn read(bytes: &[u8], count: usize) -> Result<Vec<Header>> {
    let mut coding = Coding::default();
    let mut tiles: Vec<Option<Header>> = (0..count).map(|_| None).collect();
    let mut at = 2;
    loop {
        let (code, segment, end) = segment(bytes, at)?;
        match code {
            marker::EOC => break,
            marker::SOT => {
                let &[_, _, l3, l2, l1, l0, _, _] = segment else { return Err(senseless("tile-part")) };
                let length = u32::from_be_bytes([l3, l2, l1, l0]) as usize;
                let part = if length == 0 { bytes.len() } else { at + length };
                let number = usize::from(u16::from_be_bytes([segment[0], segment[1]]));
                let tile = tiles.get_mut(number).ok_or_else(|| senseless("tile-part"))?;
                let tile = tile.get_or_insert_with(|| Header { coding: coding.clone(), parts: Vec::new() });
                let start = tile.coding.read_part(bytes, end)?;
                if part > bytes.len() || part < start {
                    return Err(cut());
                }
                tile.parts.push(start..part);
                at = part;
                // Some writers leave the end mark out.
                if at == bytes.len() {
                    break;
                }
                continue;
            }
            _ => coding.take(code, segment)?,
        }
        at = end;
    }
    let tiles = tiles.into_iter().collect::<Option<Vec<_>>>().ok_or_else(cut)?;
    tiles.iter().try_for_each(|tile| tile.coding.check())?;
    Ok(tiles)
}

/// The marker at byte `at`, what its segment holds behind the length, and where the next one is.
fn segment(bytes: &[u8], at: usize) -> Result<(u8, &[u8], usize)> {
    let rest = bytes.get(at..).unwrap_or_default();
    let (&[prefix, code], after) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
    if prefix != 0xFF {
        return Err(damaged(NAME, "it has no marker where one must be"));
    }
    if matches!(code, marker::SOD | marker::EOC) {
        return Ok((code, &[], at + 2));
    }
    let length = after.first_chunk::<2>().map(|length| usize::from(u16::from_be_bytes(*length))).ok_or_else(cut)?;
    let segment = after.get(2..length).ok_or_else(cut)?;
    Ok((code, segment, at + 2 + length))
}

impl Coding {
    /// Reads the header of a tile-part from byte `at` on; gives where its coded bytes start.
    fn read_part(&mut self, bytes: &[u8], mut at: usize) -> Result<usize> {
        loop {
            let (code, segment, end) = segment(bytes, at)?;
            at = end;
            match code {
                marker::SOD => return Ok(at),
                marker::SOT | marker::EOC => return Err(senseless("tile-part")),
                _ => self.take(code, segment)?,
            }
        }
    }

    fn take(&mut self, code: u8, segment: &[u8]) -> Result<()> {
        match code {
            marker::COD => {
                let &[style, order, layers_high, layers_low, _, ref rest @ ..] = segment else {
                    return Err(senseless("coding style"));
                };
                self.order = match order {
                    0 => Order::LayerResolution,
                    1 => Order::ResolutionLayer,
                    2 => Order::ResolutionPosition,
                    3 | 4 => Order::Position,
                    _ => return Err(senseless("coding style")),
                };
                self.layers = u16::from_be_bytes([layers_high, layers_low]).into();
                (self.has_starts, self.has_header_ends) = (style & 2 != 0, style & 4 != 0);
                self.take_style(style, rest)
            }
            // Of the only component.
            marker::COC => {
                let &[_, style, ref rest @ ..] = segment else { return Err(senseless("coding style")) };
                self.take_style(style, rest)
            }
            marker::QCD => self.take_steps(segment),
            marker::QCC => self.take_steps(segment.get(1..).unwrap_or_default()),
            marker::RGN => Err(unsupported("a region of interest in a JPEG 2000 frame".to_string())),
            marker::POC | marker::PPM | marker::PPT => {
                Err(unsupported("a JPEG 2000 frame whose packets are in another order".to_string()))
            }
            _ => Ok(()),
        }
    }

    /// Levels, exponents of the blocks, style, wavelet, precincts.
    fn take_style(&mut self, style: u8, rest: &[u8]) -> Result<()> {
        let &[levels, width, height, kind, wavelet, ref precincts @ ..] = rest else {
            return Err(senseless("coding style"));
        };
        self.levels = levels.into();
        self.block = [width, height].map(|exponent| u32::from(exponent & 15) + 2);
        if self.levels > MAX_LEVELS || self.block.iter().sum::<u32>() > 12 || wavelet > 1 {
            return Err(senseless("coding style"));
        }
        // Of high throughput, at most with stripes that do not look down.
        if kind & !0x08 != 0x40 {
            return Err(mixed());
        }
        self.is_stripe_causal = kind & 0x08 != 0;
        self.is_reversible = wavelet == 1;
        let sizes = |size: &u8| [u32::from(size & 15), u32::from(size >> 4)];
        self.precincts = match style & 1 {
            0 => vec![[15, 15]; self.levels + 1],
            _ => precincts.iter().map(sizes).collect(),
        };
        if self.precincts.len() <= self.levels {
            return Err(senseless("coding style"));
        }
        Ok(())
    }

    fn take_steps(&mut self, segment: &[u8]) -> Result<()> {
        let Some((style, steps)) = segment.split_first() else { return Err(senseless("quantisation")) };
        self.guard = u32::from(style >> 5);
        let pair = |pair: &[u8; 2]| [u32::from(pair[0] >> 3), u32::from(u16::from_be_bytes(*pair) & 0x7FF)];
        self.steps = match style & 31 {
            0 => steps.iter().map(|step| [u32::from(step >> 3), 0]).collect(),
            1 | 2 => steps.as_chunks::<2>().0.iter().map(pair).collect(),
            _ => return Err(senseless("quantisation")),
        };
        self.has_derived_steps = style & 31 == 1;
        Ok(())
    }

    /// Exponent and mantissa of a subband's step: 0 is the lowest, and three more stand for each resolution.
    pub(super) fn step(&self, band: usize) -> Option<[u32; 2]> {
        if !self.has_derived_steps {
            return self.steps.get(band).copied();
        }
        let [exponent, mantissa] = *self.steps.first()?;
        // Lower by one for each resolution above the two lowest.
        Some([exponent.checked_sub((band.saturating_sub(1) / 3) as u32)?, mantissa])
    }

    fn check(&self) -> Result<()> {
        if self.precincts.is_empty() || self.layers == 0 {
            return Err(damaged(NAME, "its coding style is missing"));
        }
        let planes = |band| (self.guard + self.step(band)?[0]).checked_sub(1);
        let fit = (0..=3 * self.levels).all(|band| planes(band).is_some_and(|planes| planes <= MAX_PLANES));
        if fit { Ok(()) } else { Err(senseless("quantisation")) }
    }
}

/// Bit-planes of a subband that the block decoder holds.
const MAX_PLANES: u32 = 30;

fn senseless(what: &str) -> Error {
    damaged(NAME, &format!("its {what} makes no sense"))
}

fn mixed() -> Error {
    unsupported("a JPEG 2000 frame with blocks of high throughput and others".to_string())
}

pub(super) fn cut() -> Error {
    damaged(NAME, "it ends before the image does")
}
