//! The packets of a tile (ITU-T T.800, Annex B): which coded bytes are of which block.

use super::header::{Change, Coding, Order, cut};
use super::rectangle::Rectangle;
use super::{Fault, damaged, embedded, high_throughput, unsupported};

/// A resolution of a tile: all that its packets add to the resolution below.
#[derive(Debug)]
pub(super) struct Resolution<'a> {
    pub area: Rectangle,
    /// The lowest has one, all others three: high across, high down, high in both.
    pub bands: Vec<Band<'a>>,
    precincts: usize,
}

/// A subband: its area in its own coordinates, and its blocks.
#[derive(Debug)]
pub(super) struct Band<'a> {
    pub area: Rectangle,
    /// 1 where it holds the high frequencies of that direction.
    pub high: [usize; 2],
    pub blocks: Vec<Block<'a>>,
    /// One for each precinct of the resolution.
    precincts: Vec<Precinct>,
}

#[derive(Debug)]
pub(super) struct Block<'a> {
    pub area: Rectangle,
    missing: u32,
    passes: u32,
    length_bits: u32,
    pieces: Vec<Piece<'a>>,
}

/// Bytes that a packet adds to a block.
#[derive(Debug)]
struct Piece<'a> {
    /// Pieces of one segment are coded as one; of high throughput there are two, that of the cleanup pass and that of the others.
    segment: u32,
    passes: u32,
    bytes: &'a [u8],
}

/// The blocks of a band in a precinct.
#[derive(Debug)]
struct Precinct {
    first: usize,
    columns: usize,
    rows: usize,
    /// Layers up to each block's first packet, and bit-planes that it leaves out.
    included: Tree,
    missing: Tree,
}

/// Reads the packets of a tile that covers `area` from its coded bytes; `heads` are their headers where these lie by themselves.
pub(super) fn read<'a>(
    coding: &Coding,
    area: Rectangle,
    coded: &'a [u8],
    heads: Option<&[u8]>,
) -> Result<Vec<Resolution<'a>>, Fault> {
    let mut resolutions: Vec<_> = (0..=coding.levels).map(|level| Resolution::new(coding, area, level)).collect();
    let mut packets = Packets { coding, rest: coded, heads };
    let counts: Vec<usize> = resolutions.iter().map(|resolution| resolution.precincts).collect();
    // Layers that each precinct has.
    let mut layers: Vec<_> = counts.iter().map(|count| vec![0; *count]).collect();
    let mut read = |level: usize, precinct: usize, layer| {
        // An earlier order had it.
        if layers[level][precinct] > layer {
            return Ok(());
        }
        layers[level][precinct] = layer + 1;
        packets.read(&mut resolutions[level], precinct, layer)
    };
    let whole = [Change { order: coding.order, levels: 0..coding.levels + 1, layers: coding.layers }];
    for change in if coding.changes.is_empty() { &whole[..] } else { &coding.changes } {
        let (levels, layers) =
            (change.levels.start..change.levels.end.min(counts.len()), change.layers.min(coding.layers));
        match change.order {
            Order::LayerResolution => {
                for layer in 0..layers {
                    for level in levels.clone() {
                        (0..counts[level]).try_for_each(|precinct| read(level, precinct, layer))?;
                    }
                }
            }
            Order::ResolutionLayer => {
                for level in levels {
                    for layer in 0..layers {
                        (0..counts[level]).try_for_each(|precinct| read(level, precinct, layer))?;
                    }
                }
            }
            Order::ResolutionPosition => {
                for level in levels {
                    for precinct in 0..counts[level] {
                        (0..layers).try_for_each(|layer| read(level, precinct, layer))?;
                    }
                }
            }
            Order::Position => {
                for (_, level, precinct) in positions(coding, area) {
                    if levels.contains(&level) {
                        (0..layers).try_for_each(|layer| read(level, precinct, layer))?;
                    }
                }
            }
        }
    }
    if layers.iter().flatten().any(|layers| *layers < coding.layers) {
        return Err(damaged("its order of packets leaves some out"));
    }
    Ok(resolutions)
}

/// All precincts of a tile by where they start, row by row, the lower resolution first.
fn positions(coding: &Coding, area: Rectangle) -> Vec<([u64; 2], usize, usize)> {
    let mut found = Vec::new();
    for level in 0..=coding.levels {
        let scale = (coding.levels - level) as u32;
        let within = area.reduced(scale);
        let exponents = coding.precincts[level];
        for (number, [column, row]) in within.cells(exponents).points().enumerate() {
            // The first starts where the tile does.
            let start = |cell: usize, axis: usize| match cell << exponents[axis] {
                start if start < within.start[axis] => area.start[axis] as u64,
                start => (start as u64) << scale,
            };
            found.push(([start(row, 1), start(column, 0)], level, number));
        }
    }
    found.sort_unstable();
    found
}

impl<'a> Resolution<'a> {
    fn new(coding: &Coding, tile: Rectangle, level: usize) -> Resolution<'a> {
        let area = tile.reduced((coding.levels - level) as u32);
        let exponents = coding.precincts[level];
        let cells = area.cells(exponents);
        let highs: &[[usize; 2]] = if level == 0 { &[[0, 0]] } else { &[[1, 0], [0, 1], [1, 1]] };
        // From the resolution above to the band.
        let halved = u32::from(level > 0);
        let depth = (coding.levels - level) as u32 + halved;
        let bands = highs.iter().map(|high| {
            let area = tile.band(depth, *high);
            let exponents = exponents.map(|exponent| exponent.saturating_sub(halved));
            let mut band = Band { area, high: *high, blocks: Vec::new(), precincts: Vec::new() };
            for [column, row] in cells.points() {
                band.add_precinct(coding, Rectangle::cell([column, row], exponents), exponents);
            }
            band
        });
        Resolution { area, bands: bands.collect(), precincts: cells.width() * cells.height() }
    }
}

impl Band<'_> {
    fn add_precinct(&mut self, coding: &Coding, cell: Rectangle, exponents: [u32; 2]) {
        let area = self.area.intersection(cell);
        let exponents = [0, 1].map(|axis| coding.block[axis].min(exponents[axis]));
        let cells = area.cells(exponents);
        let (columns, rows) = (cells.width(), cells.height());
        let tree = || Tree::new(columns, rows);
        self.precincts.push(Precinct { first: self.blocks.len(), columns, rows, included: tree(), missing: tree() });
        self.blocks.extend(cells.points().map(|cell| {
            let area = area.intersection(Rectangle::cell(cell, exponents));
            Block { area, missing: 0, passes: 0, length_bits: 3, pieces: Vec::new() }
        }));
    }
}

impl Block<'_> {
    /// What the decoder of high throughput needs, its pieces put together; `None` for a block without coded bytes.
    pub(super) fn high_throughput<'b>(
        &'b self,
        coding: &Coding,
        joined: &'b mut [Vec<u8>; 2],
    ) -> Option<high_throughput::Coded<'b>> {
        for (segment, joined) in (0..).zip(&mut *joined) {
            joined.clear();
            self.pieces
                .iter()
                .filter(|piece| piece.segment == segment)
                .for_each(|piece| joined.extend_from_slice(piece.bytes));
        }
        let [cleanup, refinement] = joined;
        let is_stripe_causal = coding.style.is_stripe_causal;
        let coded = high_throughput::Coded {
            missing: self.missing,
            passes: self.passes,
            cleanup,
            refinement,
            is_stripe_causal,
        };
        (!cleanup.is_empty()).then_some(coded)
    }

    /// What the decoder of Part 1 needs, the pieces of each segment put together; `None` for a block without a pass.
    pub(super) fn embedded<'b>(
        &'b self,
        coding: &Coding,
        high: [usize; 2],
        joined: &'b mut Vec<u8>,
    ) -> Option<embedded::Coded<'b>> {
        joined.clear();
        let is_whole = self.pieces.windows(2).all(|pieces| pieces[0].segment != pieces[1].segment);
        let segments = if is_whole {
            self.pieces.iter().map(|piece| (piece.passes, piece.bytes)).collect()
        } else {
            let mut lengths: Vec<(u32, usize)> = Vec::new();
            for pieces in self.pieces.chunk_by(|a, b| a.segment == b.segment) {
                let start = joined.len();
                pieces.iter().for_each(|piece| joined.extend_from_slice(piece.bytes));
                lengths.push((pieces.iter().map(|piece| piece.passes).sum(), joined.len() - start));
            }
            let mut rest = &joined[..];
            let mut next = |(passes, length)| {
                let (bytes, behind) = rest.split_at(length);
                rest = behind;
                (passes, bytes)
            };
            lengths.into_iter().map(&mut next).collect()
        };
        let coded = embedded::Coded { missing: self.missing, segments, style: coding.style, high };
        (self.passes > 0).then_some(coded)
    }

    /// Bit-planes that its passes reach, with those that it leaves out.
    pub(super) fn planes(&self) -> u32 {
        self.missing + self.passes.min(1) + self.passes.saturating_sub(1).div_ceil(3)
    }
}

/// The rest of a tile's coded bytes, and of the headers of its packets where these lie by themselves.
struct Packets<'a, 'b> {
    coding: &'b Coding,
    rest: &'a [u8],
    heads: Option<&'b [u8]>,
}

/// What a packet adds to a block: the numbers of its band and of itself, which segment, how many passes and bytes.
struct Added {
    band: usize,
    block: usize,
    segment: u32,
    passes: u32,
    length: usize,
}

impl<'a> Packets<'a, '_> {
    fn read(&mut self, resolution: &mut Resolution<'a>, precinct: usize, layer: u32) -> Result<(), Fault> {
        if let (true, [0xFF, 0x91, _, _, _, _, rest @ ..]) = (self.coding.has_starts, self.rest) {
            self.rest = rest;
        }
        let mut added = Vec::new();
        match self.heads {
            Some(heads) => self.heads = Some(self.head(heads, resolution, precinct, layer, &mut added)?),
            None => self.rest = self.head(self.rest, resolution, precinct, layer, &mut added)?,
        }
        for Added { band, block, segment, passes, length } in added {
            let (bytes, rest) = self.rest.split_at_checked(length).ok_or_else(cut)?;
            self.rest = rest;
            let is_empty = bytes.is_empty() && self.coding.is_high_throughput;
            if !is_empty {
                resolution.bands[band].blocks[block].pieces.push(Piece { segment, passes, bytes });
            }
        }
        Ok(())
    }

    /// Reads the header that `rest` begins with; gives what lies behind it.
    fn head<'c>(
        &self,
        rest: &'c [u8],
        resolution: &mut Resolution,
        precinct: usize,
        layer: u32,
        added: &mut Vec<Added>,
    ) -> Result<&'c [u8], Fault> {
        let mut bits = Bits { rest, held: 0, count: 0 };
        if bits.take(1)? == 1 {
            for (number, band) in resolution.bands.iter_mut().enumerate() {
                read_header(&mut bits, self.coding, band, precinct, layer, number, added)?;
            }
        }
        let rest = bits.end()?;
        match rest {
            [0xFF, 0x92, rest @ ..] if self.coding.has_header_ends => Ok(rest),
            _ => Ok(rest),
        }
    }
}

/// What a packet's header says of a band's blocks (B.10).
fn read_header(
    bits: &mut Bits,
    coding: &Coding,
    band: &mut Band,
    precinct: usize,
    layer: u32,
    number: usize,
    added: &mut Vec<Added>,
) -> Result<(), Fault> {
    let Precinct { first, columns, rows, included, missing } = &mut band.precincts[precinct];
    for cell in 0..*columns * *rows {
        let block = *first + cell;
        let state = &mut band.blocks[block];
        let (column, row) = (cell % *columns, cell / *columns);
        let is_first = state.passes == 0;
        let is_included = match is_first {
            true => included.is_up_to(bits, column, row, layer)?,
            false => bits.take(1)? == 1,
        };
        if !is_included {
            continue;
        }
        if is_first {
            state.missing = missing.value(bits, column, row)?;
        }
        let mut passes = passes(bits)?;
        while bits.take(1)? == 1 {
            state.length_bits += 1;
        }
        let mut add = |segment, passes: u32, length| added.push(Added { band: number, block, segment, passes, length });
        if !coding.is_high_throughput {
            while passes > 0 {
                let segment = coding.style.segment(state.passes);
                let is_other = |more: &u32| coding.style.segment(state.passes + more) != segment;
                let count = (1..passes).find(is_other).unwrap_or(passes);
                add(segment, count, bits.length(state.length_bits + count.ilog2())?);
                state.passes += count;
                passes -= count;
            }
            continue;
        }
        // Passes of planes that are left out come by threes before the cleanup pass.
        if is_first {
            let skipped = (passes - 1) / 3;
            state.missing += skipped;
            passes -= 3 * skipped;
            add(0, 1, bits.length(state.length_bits + (3 * skipped + 1).ilog2())?);
        }
        let refining = if is_first { passes - 1 } else { passes };
        if refining > 0 {
            add(1, refining, bits.length(state.length_bits + refining.ilog2())?);
        }
        state.passes += passes;
        if state.passes > 3 {
            return Err(unsupported("a JPEG 2000 frame with several cleanup passes a block"));
        }
    }
    Ok(())
}

/// A number of passes (Table B.4).
fn passes(bits: &mut Bits) -> Result<u32, Fault> {
    if bits.take(1)? == 0 {
        return Ok(1);
    }
    if bits.take(1)? == 0 {
        return Ok(2);
    }
    for (width, base) in [(2, 3), (5, 6), (7, 37)] {
        let more = bits.take(width)?;
        if more < (1 << width) - 1 || width == 7 {
            return Ok(base + more);
        }
    }
    Ok(1)
}

/// The bits of a packet's header, the highest first; behind 0xFF comes a byte of 7.
struct Bits<'a> {
    rest: &'a [u8],
    held: u8,
    count: u32,
}

impl<'a> Bits<'a> {
    fn byte(&mut self) -> Result<(), Fault> {
        let is_stuffed = self.held == 0xFF;
        let (byte, rest) = self.rest.split_first().ok_or_else(cut)?;
        (self.held, self.rest) = (*byte, rest);
        self.count = if is_stuffed { 7 } else { 8 };
        Ok(())
    }

    /// The next bits, at most 32.
    fn take(&mut self, count: u32) -> Result<u32, Fault> {
        let mut value = 0;
        for _ in 0..count {
            if self.count == 0 {
                self.byte()?;
            }
            self.count -= 1;
            value = value << 1 | u32::from(self.held >> self.count & 1);
        }
        Ok(value)
    }

    fn length(&mut self, bits: u32) -> Result<usize, Fault> {
        if bits > u32::BITS {
            return Err(damaged("a length makes no sense"));
        }
        Ok(self.take(bits)? as usize)
    }

    /// What follows the header, which ends with a byte.
    fn end(mut self) -> Result<&'a [u8], Fault> {
        if self.held == 0xFF {
            self.byte()?;
        }
        Ok(self.rest)
    }
}

/// A tag tree (B.10.2): numbers of a grid, each known from its greatest common part on.
#[derive(Debug)]
struct Tree {
    /// From the grid itself to its root: columns and where its nodes start.
    levels: Vec<(usize, usize)>,
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Node {
    least: u32,
    is_known: bool,
}

/// The greatest number that a tree holds: of bit-planes there are fewer.
const MAX_MISSING: u32 = 64;

impl Tree {
    fn new(columns: usize, rows: usize) -> Tree {
        let (mut levels, mut count, mut size) = (Vec::new(), 0, [columns, rows]);
        while size[0] * size[1] > 0 {
            levels.push((size[0], count));
            count += size[0] * size[1];
            if size == [1, 1] {
                break;
            }
            size = size.map(|side| side.div_ceil(2));
        }
        Tree { levels, nodes: vec![Node::default(); count] }
    }

    /// Whether a number is known to be at most `limit` once the bits that say so were read.
    fn is_up_to(&mut self, bits: &mut Bits, column: usize, row: usize, limit: u32) -> Result<bool, Fault> {
        let mut least = 0;
        let mut is_up_to = false;
        for (depth, (columns, start)) in self.levels.iter().enumerate().rev() {
            let node = &mut self.nodes[start + (row >> depth) * columns + (column >> depth)];
            node.least = node.least.max(least);
            while !node.is_known && node.least <= limit {
                if bits.take(1)? == 1 {
                    node.is_known = true;
                } else {
                    node.least += 1;
                }
            }
            least = node.least;
            is_up_to = node.is_known && least <= limit;
        }
        Ok(is_up_to)
    }

    fn value(&mut self, bits: &mut Bits, column: usize, row: usize) -> Result<u32, Fault> {
        for limit in 0..MAX_MISSING {
            if self.is_up_to(bits, column, row, limit)? {
                return Ok(limit);
            }
        }
        Err(damaged("a block leaves out more bits than there are"))
    }
}
