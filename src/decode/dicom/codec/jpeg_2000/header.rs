//! The parameters of a codestream (ITU-T T.800, Annex A): how a tile is cut into blocks, how its coefficients are scaled, and where its
//! coded bytes lie.

use std::borrow::Cow;
use std::ops::Range;

use super::embedded::Style;
use super::{Fault, damaged, unsupported};

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
    pub is_high_throughput: bool,
    pub style: Style,
    pub is_reversible: bool,
    /// Exponents of a precinct's width and height, from the lowest resolution on.
    pub precincts: Vec<[u32; 2]>,
    /// Guard bits, and for each subband exponent and mantissa of its step, from the lowest on.
    pub guard: u32,
    pub steps: Vec<[u32; 2]>,
    pub has_derived_steps: bool,
    /// Bit-planes that coefficients of a region of interest lie above all others.
    pub region: u32,
    /// The orders of the packets one after the other, where there are several.
    pub changes: Vec<Change>,
    has_own_changes: bool,
}

/// A part of the packets: of these resolutions, and of layers up to this one.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub order: Order,
    pub levels: Range<usize>,
    pub layers: u32,
}

/// Orders that a tile has at most.
const MAX_CHANGES: usize = 32;

/// In which order the packets come; of one component, position and component before the rest are the same.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) enum Order {
    #[default]
    LayerResolution,
    ResolutionLayer,
    ResolutionPosition,
    Position,
}

impl Order {
    fn of(code: u8) -> Option<Order> {
        match code {
            0 => Some(Order::LayerResolution),
            1 => Some(Order::ResolutionLayer),
            2 => Some(Order::ResolutionPosition),
            3 | 4 => Some(Order::Position),
            _ => None,
        }
    }
}

/// What the headers say of a tile: its coding, and where the coded bytes of its parts lie.
#[derive(Debug)]
pub(super) struct Header {
    pub coding: Coding,
    /// The headers of its packets, where these do not lie before them.
    pub heads: Option<Vec<u8>>,
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

/// Headers of packets that lie by themselves (A.7.4, A.7.5): numbered pieces.
type Packed<'a> = Vec<(u8, &'a [u8])>;

fn joined(mut packed: Packed) -> Vec<u8> {
    packed.sort_by_key(|(number, _)| *number);
    packed.into_iter().flat_map(|(_, bytes)| bytes).copied().collect()
}

/// Reads all headers of a codestream of `count` tiles, whose size was checked.
pub(super) fn read(bytes: &[u8], count: usize, is_high_throughput: bool) -> Result<Vec<Header>, Fault> {
    let mut coding = Coding { is_high_throughput, ..Coding::default() };
    let mut tiles: Vec<Option<Header>> = (0..count).map(|_| None).collect();
    let mut of_all: Packed = Vec::new();
    // Those of all parts, one part after the other, each behind its length.
    let mut heads: Option<Vec<u8>> = None;
    let mut used = 0;
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
                let tile =
                    tile.get_or_insert_with(|| Header { coding: coding.clone(), heads: None, parts: Vec::new() });
                let mut packed = Packed::new();
                let start = tile.coding.read_part(bytes, end, &mut packed)?;
                if part > bytes.len() || part < start {
                    return Err(cut());
                }
                if !packed.is_empty() {
                    tile.heads.get_or_insert_default().extend(joined(packed));
                }
                if !of_all.is_empty() {
                    heads = Some(joined(std::mem::take(&mut of_all)));
                }
                if let Some(heads) = &heads {
                    let (length, rest) = heads[used..].split_first_chunk::<4>().ok_or_else(cut)?;
                    let own = rest.get(..u32::from_be_bytes(*length) as usize).ok_or_else(cut)?;
                    used += 4 + own.len();
                    tile.heads.get_or_insert_default().extend_from_slice(own);
                }
                tile.parts.push(start..part);
                at = part;
                // Some writers leave the end mark out.
                if at == bytes.len() {
                    break;
                }
                continue;
            }
            marker::PPM => of_all.push(numbered(segment)?),
            _ => coding.take(code, segment)?,
        }
        at = end;
    }
    let tiles = tiles.into_iter().collect::<Option<Vec<_>>>().ok_or_else(cut)?;
    tiles.iter().try_for_each(|tile| tile.coding.check())?;
    Ok(tiles)
}

fn numbered(segment: &[u8]) -> Result<(u8, &[u8]), Fault> {
    let (number, bytes) = segment.split_first().ok_or_else(cut)?;
    Ok((*number, bytes))
}

/// The marker at byte `at`, what its segment holds behind the length, and where the next one is.
fn segment(bytes: &[u8], at: usize) -> Result<(u8, &[u8], usize), Fault> {
    let rest = bytes.get(at..).unwrap_or_default();
    let (&[prefix, code], after) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
    if prefix != 0xFF {
        return Err(damaged("it has no marker where one must be"));
    }
    if matches!(code, marker::SOD | marker::EOC | 0x30..=0x3F) {
        return Ok((code, &[], at + 2));
    }
    let length = after.first_chunk::<2>().map(|length| usize::from(u16::from_be_bytes(*length))).ok_or_else(cut)?;
    let segment = after.get(2..length).ok_or_else(cut)?;
    Ok((code, segment, at + 2 + length))
}

impl Coding {
    /// Reads the header of a tile-part from byte `at` on; gives where its coded bytes start.
    fn read_part<'a>(&mut self, bytes: &'a [u8], mut at: usize, packed: &mut Packed<'a>) -> Result<usize, Fault> {
        loop {
            let (code, segment, end) = segment(bytes, at)?;
            at = end;
            match code {
                marker::SOD => return Ok(at),
                marker::SOT | marker::EOC => return Err(senseless("tile-part")),
                marker::PPT => packed.push(numbered(segment)?),
                marker::POC => {
                    // Those of the tile stand in place of those of all.
                    if !self.has_own_changes {
                        self.changes.clear();
                    }
                    self.has_own_changes = true;
                    self.take(code, segment)?;
                }
                _ => self.take(code, segment)?,
            }
        }
    }

    fn take(&mut self, code: u8, segment: &[u8]) -> Result<(), Fault> {
        match code {
            marker::COD => {
                let &[style, order, layers_high, layers_low, _, ref rest @ ..] = segment else {
                    return Err(senseless("coding style"));
                };
                self.order = Order::of(order).ok_or_else(|| senseless("coding style"))?;
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
            // Of the only component; there is one style.
            marker::RGN => {
                let &[_, 0, region] = segment else { return Err(senseless("region of interest")) };
                self.region = region.into();
                Ok(())
            }
            marker::POC => self.take_changes(segment),
            _ => Ok(()),
        }
    }

    /// Levels, exponents of the blocks, style, wavelet, precincts.
    fn take_style(&mut self, style: u8, rest: &[u8]) -> Result<(), Fault> {
        let &[levels, width, height, kind, wavelet, ref precincts @ ..] = rest else {
            return Err(senseless("coding style"));
        };
        self.levels = levels.into();
        self.block = [width, height].map(|exponent| u32::from(exponent & 15) + 2);
        if self.levels > MAX_LEVELS || self.block.iter().sum::<u32>() > 12 || wavelet > 1 {
            return Err(senseless("coding style"));
        }
        // Of high throughput, at most with stripes that do not look down.
        let is_mixed = if self.is_high_throughput { kind & !0x08 != 0x40 } else { kind & 0xC0 != 0 };
        if is_mixed {
            return Err(unsupported("a JPEG 2000 frame with blocks of high throughput and others"));
        }
        self.style = Style::of(kind);
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

    /// Resolutions and layers up to which, order (A.6.6); of the only component.
    fn take_changes(&mut self, segment: &[u8]) -> Result<(), Fault> {
        for change in segment.as_chunks::<7>().0 {
            let &[first, component, layers_high, layers_low, end, _, order] = change;
            let order = Order::of(order).ok_or_else(|| senseless("order of packets"))?;
            let layers = u16::from_be_bytes([layers_high, layers_low]).into();
            if component == 0 {
                self.changes.push(Change { order, levels: first.into()..end.into(), layers });
            }
        }
        if self.changes.len() > MAX_CHANGES { Err(senseless("order of packets")) } else { Ok(()) }
    }

    fn take_steps(&mut self, segment: &[u8]) -> Result<(), Fault> {
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

    fn check(&self) -> Result<(), Fault> {
        if self.precincts.is_empty() || self.layers == 0 {
            return Err(damaged("its coding style is missing"));
        }
        let planes = |band| (self.guard + self.region + self.step(band)?[0]).checked_sub(1);
        let fit = (0..=3 * self.levels).all(|band| planes(band).is_some_and(|planes| planes <= MAX_PLANES));
        if fit { Ok(()) } else { Err(senseless("quantisation")) }
    }
}

/// Bit-planes of a subband that the block decoders hold.
pub(super) const MAX_PLANES: u32 = 30;

fn senseless(what: &str) -> Fault {
    damaged(format!("its {what} makes no sense"))
}

pub(super) fn cut() -> Fault {
    damaged("it ends before the image does")
}
