//! The block decoder (ITU-T T.814, clause 7): the coefficients of a code block from its cleanup segment and its refinement segment.

use super::codewords::{FIRST_ROW, LATER_ROWS};

/// The coded bytes of a block.
#[derive(Debug)]
pub(super) struct Coded<'a> {
    /// Bit-planes from the top that the cleanup pass leaves out.
    pub missing: u32,
    /// 1 to 3: cleanup, significance propagation, magnitude refinement.
    pub passes: u32,
    pub cleanup: &'a [u8],
    pub refinement: &'a [u8],
    /// What lies below a stripe of four rows does not count there.
    pub is_stripe_causal: bool,
}

/// Which bit holds the highest bit-plane of a magnitude.
const TOP: u32 = 30;
const SIGN: u32 = 1 << 31;
/// Rows that a stripe has, and columns that are refined together.
const STRIPE: usize = 4;

/// Decodes a block of `width` x `height` coefficients, row by row: a sign in bit 31 and below it the magnitude from bit 30 on, with half of
/// what was not coded. `None` where the bytes make no sense.
pub(super) fn decode(coded: &Coded, width: usize, height: usize) -> Option<Vec<u32>> {
    let mut block = Block { width, height, values: vec![0; width * height], plane: TOP.checked_sub(coded.missing)? };
    if block.plane == 0 {
        return None;
    }
    block.clean_up(coded)?;
    if coded.passes > 1 && !coded.refinement.is_empty() {
        let significant: Vec<bool> = block.values.iter().map(|value| *value != 0).collect();
        block.plane.checked_sub(2)?;
        block.propagate(coded, &significant);
        if coded.passes > 2 {
            block.refine(coded, &significant);
        }
    }
    Some(block.values)
}

struct Block {
    width: usize,
    height: usize,
    values: Vec<u32>,
    /// The bit of the plane that the cleanup pass ends with.
    plane: u32,
}

/// What one row of quads leaves for the next: which samples of each quad are significant, and the exponents of its two lower samples.
#[derive(Debug, Clone, Copy, Default)]
struct Quad {
    significant: u32,
    lower: [u32; 2],
}

impl Block {
    fn clean_up(&mut self, coded: &Coded) -> Option<()> {
        let bytes = coded.cleanup;
        let [.., low, high] = bytes else { return None };
        let suffix = usize::from(*high) << 4 | usize::from(low & 15);
        if suffix < 2 || suffix > bytes.len() {
            return None;
        }
        let (magnitudes, suffix) = bytes.split_at(bytes.len() - suffix);
        let mut magnitudes = Forward::new(magnitudes, 0xFF);
        let mut runs = Runs::new(suffix);
        let mut codes = Backward::of_codewords(suffix);
        let quads = self.width.div_ceil(2);
        // One more at either side, which are never significant; a pair may reach beyond the last quad.
        let mut above = vec![Quad::default(); quads + 3];
        for row in 0..self.height.div_ceil(2) {
            let mut here = vec![Quad::default(); quads + 3];
            for first in (0..quads).step_by(2) {
                let count = (quads - first).min(2);
                let mut entries = [0u32; 2];
                for (at, entry) in entries.iter_mut().enumerate().take(count) {
                    let quad = first + at + 1;
                    let context = context(row, &above[quad - 1..=quad + 1], here[quad - 1].significant);
                    let is_empty = context == 0 && !runs.symbol();
                    if !is_empty {
                        let table = if row == 0 { &FIRST_ROW } else { &LATER_ROWS };
                        *entry = u32::from(table[context << 7 | codes.peek(7) as usize]);
                        codes.take(*entry & 7);
                    }
                    here[quad].significant = *entry >> 4 & 15;
                }
                let offsets = offsets(row, entries.map(|entry| entry & 8 != 0), &mut runs, &mut codes);
                for at in 0..count {
                    let quad = first + at + 1;
                    let exponent = offsets[at] + least(row, &above[quad - 1..=quad + 1], here[quad].significant);
                    // More planes than were left out cannot come back.
                    if exponent > coded.missing + 2 {
                        return None;
                    }
                    here[quad].lower = self.samples(2 * (first + at), 2 * row, entries[at], exponent, &mut magnitudes);
                }
            }
            above = here;
        }
        Some(())
    }

    /// Reads the samples of the quad whose upper left one is at (`x`, `y`); gives the exponents of the lower two.
    fn samples(&mut self, x: usize, y: usize, entry: u32, exponent: u32, magnitudes: &mut Forward) -> [u32; 2] {
        let mut lower = [0; 2];
        for sample in 0..4 {
            if entry >> (4 + sample) & 1 == 0 {
                continue;
            }
            let bits = exponent - (entry >> (12 + sample) & 1).min(exponent);
            // The lowest bit is the sign, and stands for half of what was not coded once that was taken off.
            let coded = magnitudes.take(bits);
            let value = coded | (entry >> (8 + sample) & 1).checked_shl(bits).unwrap_or(0) | 1;
            let (column, row) = (sample as usize / 2, sample as usize % 2);
            if row == 1 {
                lower[column] = u32::BITS - value.leading_zeros();
            }
            if x + column < self.width && y + row < self.height {
                let magnitude = value.wrapping_add(2) << (self.plane - 1) & !SIGN;
                self.values[(y + row) * self.width + x + column] = (coded & 1) << 31 | magnitude;
            }
        }
        lower
    }

    /// The first half of the next plane: samples beside significant ones may become significant.
    fn propagate(&mut self, coded: &Coded, significant: &[bool]) {
        let (width, height) = (self.width, self.height);
        let mut bits = Forward::new(coded.refinement, 0);
        let mut is_new = vec![false; width * height];
        let value = 3 << (self.plane - 2);
        for top in (0..height).step_by(STRIPE) {
            let bottom = (top + STRIPE).min(height);
            // What counts below.
            let end = if coded.is_stripe_causal { bottom } else { (bottom + 1).min(height) };
            for left in (0..width).step_by(STRIPE) {
                let right = (left + STRIPE).min(width);
                let mut found = [0usize; STRIPE * STRIPE];
                let mut count = 0;
                for x in left..right {
                    for y in top..bottom {
                        let at = y * width + x;
                        let has_neighbour = (y.saturating_sub(1)..(y + 2).min(end)).any(|row| {
                            let mut around = row * width + x.saturating_sub(1)..row * width + (x + 2).min(width);
                            around.any(|other| significant[other] || is_new[other])
                        });
                        if !significant[at] && has_neighbour && bits.take(1) == 1 {
                            is_new[at] = true;
                            found[count] = at;
                            count += 1;
                        }
                    }
                }
                for at in &found[..count] {
                    self.values[*at] = bits.take(1) << 31 | value;
                }
            }
        }
    }

    /// The second half of the next plane: one more bit of what the cleanup pass found significant.
    fn refine(&mut self, coded: &Coded, significant: &[bool]) {
        let mut bits = Backward::of_refinement(coded.refinement);
        let half = 1 << (self.plane - 2);
        for top in (0..self.height).step_by(STRIPE) {
            for x in 0..self.width {
                for y in top..(top + STRIPE).min(self.height) {
                    let at = y * self.width + x;
                    if significant[at] {
                        // The half that the cleanup pass left there becomes the bit.
                        self.values[at] ^= (1 - bits.take(1)) << (self.plane - 1) | half;
                    }
                }
            }
        }
    }
}

/// The context of a quad (7.3.5): which of its neighbours are significant. `above` are the quads above it, from its left to its right.
fn context(row: usize, above: &[Quad], left: u32) -> usize {
    let any = |values: [u32; 2]| usize::from(values[0] | values[1] != 0);
    if row == 0 {
        return any([left & 3, 0]) | any([left & 4, 0]) << 1 | any([left & 8, 0]) << 2;
    }
    any([above[0].significant & 8, above[1].significant & 2])
        | any([left & 4, left & 8]) << 1
        | any([above[1].significant & 8, above[2].significant & 2]) << 2
}

/// The exponent of a quad without its offset (7.3.7).
fn least(row: usize, above: &[Quad], significant: u32) -> u32 {
    let is_alone = significant.count_ones() < 2;
    if row == 0 || is_alone {
        return 1;
    }
    let around = [above[0].lower[1], above[1].lower[0], above[1].lower[1], above[2].lower[0]];
    around.into_iter().max().unwrap_or(0).saturating_sub(1).max(1)
}

/// The offsets of the exponents of two quads (7.3.6), 0 for each that has none.
fn offsets(row: usize, present: [bool; 2], runs: &mut Runs, codes: &mut Backward) -> [u32; 2] {
    let are_both = present[0] && present[1];
    let are_great = row == 0 && are_both && runs.symbol();
    let mut prefixes = [0; 2];
    for at in 0..2 {
        if present[at] {
            let is_short = row == 0 && are_both && !are_great && at == 1 && prefixes[0] > 2;
            prefixes[at] = if is_short { codes.take(1) + 1 } else { codes.prefix() };
        }
    }
    let suffixes = prefixes.map(|prefix| match prefix {
        3 => codes.take(1),
        5 => codes.take(5),
        _ => 0,
    });
    let extensions = suffixes.map(|suffix| if suffix >= 28 { codes.take(4) } else { 0 });
    let more = if are_great { 2 } else { 0 };
    std::array::from_fn(|at| if present[at] { more + prefixes[at] + suffixes[at] + 4 * extensions[at] } else { 0 })
}

/// Bits from the first byte on, the lowest of each first; a byte behind 0xFF has 7. Behind the last come bytes of one kind.
struct Forward<'a> {
    rest: &'a [u8],
    fill: u8,
    held: u64,
    count: u32,
    is_stuffed: bool,
}

impl<'a> Forward<'a> {
    fn new(rest: &'a [u8], fill: u8) -> Forward<'a> {
        Forward { rest, fill, held: 0, count: 0, is_stuffed: false }
    }

    /// The next bits, at most 32.
    fn take(&mut self, count: u32) -> u32 {
        while self.count < count {
            let byte = match self.rest {
                [byte, rest @ ..] => {
                    self.rest = rest;
                    *byte
                }
                [] => self.fill,
            };
            let bits = 8 - u32::from(self.is_stuffed);
            self.held |= (u64::from(byte) & ((1 << bits) - 1)) << self.count;
            self.count += bits;
            self.is_stuffed = byte == 0xFF;
        }
        let value = self.held & ((1 << count) - 1);
        self.held >>= count;
        self.count -= count;
        value as u32
    }
}

/// Bits from the last byte on, the lowest of each first; a byte whose lower 7 bits are set before one above 0x8F has 7. Before the first
/// come zeros.
struct Backward<'a> {
    rest: &'a [u8],
    held: u64,
    count: u32,
    is_stuffed: bool,
}

impl<'a> Backward<'a> {
    /// The suffix of a cleanup segment: its length takes the last byte and half of the one before.
    fn of_codewords(suffix: &'a [u8]) -> Backward<'a> {
        let [rest @ .., byte, _] = suffix else { return Backward::of_refinement(&[]) };
        let half = byte >> 4;
        let count = if half & 7 == 7 { 3 } else { 4 };
        Backward { rest, held: u64::from(half), count, is_stuffed: byte | 15 > 0x8F }
    }

    fn of_refinement(rest: &'a [u8]) -> Backward<'a> {
        Backward { rest, held: 0, count: 0, is_stuffed: true }
    }

    fn fill(&mut self, count: u32) {
        while self.count < count {
            let byte = match self.rest {
                [rest @ .., byte] => {
                    self.rest = rest;
                    *byte
                }
                [] => 0,
            };
            let bits = if self.is_stuffed && byte & 0x7F == 0x7F { 7 } else { 8 };
            self.held |= (u64::from(byte) & ((1 << bits) - 1)) << self.count;
            self.count += bits;
            self.is_stuffed = byte > 0x8F;
        }
    }

    /// The next bits, which are not taken yet.
    fn peek(&mut self, count: u32) -> u32 {
        self.fill(count);
        (self.held & ((1 << count) - 1)) as u32
    }

    fn take(&mut self, count: u32) -> u32 {
        let value = self.peek(count);
        self.held >>= count;
        self.count -= count;
        value
    }

    /// The prefix of an offset: 1, 01, 001 and 000 stand for 1, 2, 3 and 5.
    fn prefix(&mut self) -> u32 {
        let bits = self.peek(3);
        let (value, length) = match bits.trailing_zeros() {
            0 => (1, 1),
            1 => (2, 2),
            2 => (3, 3),
            _ => (5, 3),
        };
        self.take(length);
        value
    }
}

/// The adaptive run-length decoder (7.3.3): whether a quad without a significant neighbour has a significant sample.
struct Runs<'a> {
    rest: &'a [u8],
    held: u8,
    count: u32,
    is_stuffed: bool,
    state: usize,
    run: u32,
    is_ended: bool,
}

impl<'a> Runs<'a> {
    /// Exponents of the runs' lengths, by state.
    const LENGTHS: [u32; 13] = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5];

    fn new(suffix: &'a [u8]) -> Runs<'a> {
        // The last byte is all of the suffix's length.
        let rest = &suffix[..suffix.len() - 1];
        Runs { rest, held: 0, count: 0, is_stuffed: false, state: 0, run: 0, is_ended: false }
    }

    fn bit(&mut self) -> u32 {
        if self.count == 0 {
            self.held = match self.rest {
                // The lower half of the last byte is the suffix's length too.
                [byte] => byte | 15,
                [byte, ..] => *byte,
                [] => 0xFF,
            };
            self.rest = self.rest.get(1..).unwrap_or_default();
            self.count = 8 - u32::from(self.is_stuffed);
            self.is_stuffed = self.held == 0xFF;
        }
        self.count -= 1;
        u32::from(self.held >> self.count & 1)
    }

    fn symbol(&mut self) -> bool {
        if self.run == 0 && !self.is_ended {
            let length = Self::LENGTHS[self.state];
            if self.bit() == 1 {
                self.run = 1 << length;
                self.state = (self.state + 1).min(Self::LENGTHS.len() - 1);
            } else {
                self.run = (0..length).fold(0, |run, _| run << 1 | self.bit());
                self.state = self.state.saturating_sub(1);
                self.is_ended = true;
            }
        }
        if self.run > 0 {
            self.run -= 1;
            return false;
        }
        std::mem::take(&mut self.is_ended)
    }
}
