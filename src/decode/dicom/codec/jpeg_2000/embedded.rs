//! The block decoder of Part 1 (ITU-T T.800, Annex D): the coefficients of a code block, one bit-plane after the other, each in three passes.

use super::arithmetic::{Arithmetic, Bits, Plain, context};

/// How the passes of a block are coded (Table A.19).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Style {
    /// From the fifth plane on, bits of the first two passes lie as they are.
    pub has_plain_bits: bool,
    /// Contexts start anew with each pass.
    pub is_reset: bool,
    /// Each pass has bytes of its own.
    pub is_ended: bool,
    /// What lies below a stripe of four rows does not count there.
    pub is_stripe_causal: bool,
    /// A plane ends with four known bits.
    pub has_marks: bool,
}

impl Style {
    /// Passes up to the first one whose bits lie as they are.
    const ARITHMETIC: u32 = 10;

    pub(super) fn of(code: u8) -> Style {
        let has = |bit: u8| code & bit != 0;
        Style {
            has_plain_bits: has(1),
            is_reset: has(2),
            is_ended: has(4),
            is_stripe_causal: has(8),
            has_marks: has(0x20),
        }
    }

    /// Which of the block's pieces of bytes a pass is in (D.4.2, Table D.9).
    pub(super) fn segment(self, pass: u32) -> u32 {
        match pass.checked_sub(Style::ARITHMETIC) {
            _ if self.is_ended => pass,
            // Two passes of plain bits, then one that is not.
            Some(pass) if self.has_plain_bits => 1 + pass / 3 * 2 + pass % 3 / 2,
            _ => 0,
        }
    }

    fn is_plain(self, pass: u32) -> bool {
        self.has_plain_bits && pass >= Style::ARITHMETIC && !pass.is_multiple_of(3)
    }
}

/// The coded bytes of a block.
#[derive(Debug)]
pub(super) struct Coded<'a> {
    /// Bit-planes from the top that it leaves out.
    pub missing: u32,
    /// Passes, and the bytes that they share.
    pub segments: Vec<(u32, &'a [u8])>,
    pub style: Style,
    /// 1 where the band holds the high frequencies of that direction.
    pub high: [usize; 2],
}

/// Which bit holds the highest bit-plane of a magnitude.
const TOP: u32 = 30;
/// Rows of a stripe.
pub(super) const STRIPE: usize = 4;

/// A column of a stripe and what lies around it, three bits a row: bits 0 to 17 say which are significant, left, here and right, from the row
/// above to the row below. Bits of its own four samples begin at 19, three each.
mod flag {
    pub const AROUND: u32 = 0b111_101_111;
    pub const LEFT: u32 = 1 << 3;
    pub const THIS: u32 = 1 << 4;
    pub const RIGHT: u32 = 1 << 5;
    pub const NEGATIVE: u32 = 1 << 19;
    pub const REFINED: u32 = 1 << 20;
    /// Its bit of this plane is known, or there is no such row.
    pub const VISITED: u32 = 1 << 21;
    pub const ANY: u32 = (1 << 18) - 1;
    /// Of all four.
    pub const THESE: u32 = THIS | THIS << 3 | THIS << 6 | THIS << 9;
    pub const ALL_VISITED: u32 = VISITED | VISITED << 3 | VISITED << 6 | VISITED << 9;
    pub const NEGATIVE_ABOVE: u32 = 1 << 18;
    pub const NEGATIVE_BELOW: u32 = 1 << 31;
}

/// Contexts (Table D.7): of signs from 9 on.
const REFINEMENT: usize = 14;
const RUN: usize = 17;
const UNIFORM: usize = 18;
/// As many as 5 bits can name.
type Contexts = [u8; 32];

const fn contexts() -> Contexts {
    let mut contexts = [context(0); 32];
    contexts[0] = context(4);
    contexts[RUN] = context(3);
    contexts[UNIFORM] = context(46);
    contexts
}

/// Decodes a block of `width` x `height` coefficients: column by column in stripes of four rows, each a sign in bit 31 and below it the magnitude
/// from bit 30 on, with half of what was not coded. `None` where the bytes make no sense.
pub(super) fn decode(coded: &Coded, width: usize, height: usize) -> Option<Vec<[u32; STRIPE]>> {
    let stripes = height.div_ceil(STRIPE);
    let mut block = Block {
        width,
        // The last stripe may have fewer rows.
        absent: flag::ALL_VISITED & !((1u64 << (19 + 3 * (height - STRIPE * (stripes - 1)))) - 1) as u32,
        is_stripe_causal: coded.style.is_stripe_causal,
        labels: match coded.high {
            [1, 1] => &DIAGONAL,
            [1, 0] => &ACROSS,
            _ => &DOWN,
        },
        flags: vec![0; (stripes + 2) * (width + 2)],
        values: vec![[0; STRIPE]; stripes * width],
        contexts: contexts(),
    };
    let last = stripes * (width + 2) + 1;
    block.flags[last..last + width].fill(block.absent);
    let mut pass = 0;
    for (count, bytes) in &coded.segments {
        if coded.style.is_plain(pass) {
            let mut bits = Plain::new(bytes);
            for pass in pass..pass + count {
                bits = block.pass(bits, pass, coded)?;
            }
        } else {
            let mut bits = Arithmetic::new(bytes);
            for pass in pass..pass + count {
                bits = block.pass(bits, pass, coded)?;
            }
        }
        pass += count;
    }
    Some(block.values)
}

/// Does the same for each row of a stripe, which the compiler knows then: with a loop it is a fifth slower. The label names the end of it.
macro_rules! each_row {
    ($label:lifetime, $row:ident, $body:block) => {
        each_row!($label, $row, $body, 0, 1, 2, 3)
    };
    ($label:lifetime, $row:ident, $body:block, $($at:literal),*) => {
        $($label: {
            let $row: usize = $at;
            $body
        })*
    };
}

struct Block {
    width: usize,
    absent: u32,
    is_stripe_causal: bool,
    labels: &'static Labels,
    /// A column more on either side, a stripe more above and below.
    flags: Vec<u32>,
    values: Vec<[u32; STRIPE]>,
    contexts: Contexts,
}

/// A stripe's flags, with those above and below.
struct Rows<'a> {
    above: &'a mut [u32],
    here: &'a mut [u32],
    below: &'a mut [u32],
}

impl Block {
    fn pass<B: Bits>(&mut self, mut bits: B, pass: u32, coded: &Coded) -> Option<B> {
        let plane = TOP.checked_sub(coded.missing + pass.div_ceil(3)).filter(|plane| *plane > 0)?;
        match pass % 3 {
            0 => {
                bits = self.clean_up(bits, plane);
                if coded.style.has_marks {
                    let mark = (0..4).fold(0, |mark, _| mark << 1 | bits.decode(&mut self.contexts[UNIFORM]));
                    if mark != 0b1010 {
                        return None;
                    }
                }
            }
            1 => bits = self.propagate(bits, plane),
            _ => bits = self.refine(bits, plane),
        }
        if coded.style.is_reset {
            self.contexts = contexts();
        }
        Some(bits)
    }

    /// Samples beside significant ones may become significant (D.3.1).
    fn propagate<B: Bits>(&mut self, mut bits: B, plane: u32) -> B {
        let mut contexts = self.contexts;
        let (labels, is_causal) = (self.labels, self.is_stripe_causal);
        self.each(
            #[inline(always)]
            |rows, values, x| {
                let mut flags = rows.here[x + 1];
                if flags & flag::ANY == 0 {
                    return;
                }
                each_row!('row, row, {
                    let around = flags >> (3 * row);
                    if around & (flag::THIS | flag::VISITED) != 0 || around & flag::AROUND == 0 {
                        break 'row;
                    }
                    flags |= flag::VISITED << (3 * row);
                    if bits.decode(&mut contexts[labels.of(around)]) == 1 {
                        values[row] = rows.found(&mut bits, &mut contexts, &mut flags, x, row, is_causal) | 3 << (plane - 1);
                    }
                });
                rows.here[x + 1] = flags;
            },
        );
        self.contexts = contexts;
        bits
    }

    /// One more bit of each significant sample (D.3.3).
    fn refine<B: Bits>(&mut self, mut bits: B, plane: u32) -> B {
        let mut contexts = self.contexts;
        self.each(
            #[inline(always)]
            |rows, values, x| {
                let mut flags = rows.here[x + 1];
                if flags & flag::THESE == 0 {
                    return;
                }
                each_row!('row, row, {
                    let around = flags >> (3 * row);
                    if around & (flag::THIS | flag::VISITED) != flag::THIS {
                        break 'row;
                    }
                    let is_refined = around & flag::REFINED != 0;
                    let label = if is_refined { 2 } else { usize::from(around & flag::AROUND != 0) };
                    let bit = bits.decode(&mut contexts[REFINEMENT + label]);
                    flags |= flag::REFINED << (3 * row);
                    // The half that the plane above left there becomes the bit.
                    values[row] = (values[row] ^ (1 - bit) << plane) | 1 << (plane - 1);
                });
                rows.here[x + 1] = flags;
            },
        );
        self.contexts = contexts;
        bits
    }

    /// All that the two other passes left out (D.3.4).
    fn clean_up<B: Bits>(&mut self, mut bits: B, plane: u32) -> B {
        let mut contexts = self.contexts;
        let (labels, is_causal) = (self.labels, self.is_stripe_causal);
        self.each(
            #[inline(always)]
            |rows, values, x| {
                let mut flags = rows.here[x + 1];
                let mut first = 0;
                let is_run = flags == 0;
                if is_run {
                    if bits.decode(&mut contexts[RUN]) == 0 {
                        return;
                    }
                    let high = bits.decode(&mut contexts[UNIFORM]);
                    first = (high << 1 | bits.decode(&mut contexts[UNIFORM])) as usize;
                }
                each_row!('row, row, {
                    if row < first {
                        break 'row;
                    }
                    let around = flags >> (3 * row);
                    if around & (flag::THIS | flag::VISITED) != 0 {
                        break 'row;
                    }
                    if (is_run && row == first) || bits.decode(&mut contexts[labels.of(around)]) == 1 {
                        values[row] = rows.found(&mut bits, &mut contexts, &mut flags, x, row, is_causal) | 3 << (plane - 1);
                    }
                });
                rows.here[x + 1] = flags & !flag::ALL_VISITED;
            },
        );
        self.contexts = contexts;
        let last = self.flags.len() - 2 * (self.width + 2);
        self.flags[last..].iter_mut().skip(1).take(self.width).for_each(|flags| *flags |= self.absent);
        bits
    }

    /// Visits all columns of all stripes.
    #[inline(always)]
    fn each(&mut self, mut visit: impl FnMut(&mut Rows, &mut [u32; STRIPE], usize)) {
        let stride = self.width + 2;
        for (stripe, values) in self.values.chunks_exact_mut(self.width).enumerate() {
            let (above, rest) = self.flags[stripe * stride..].split_at_mut(stride);
            let (here, rest) = rest.split_at_mut(stride);
            let mut rows = Rows { above, here, below: &mut rest[..stride] };
            for (x, values) in values.iter_mut().enumerate() {
                visit(&mut rows, values, x);
            }
        }
    }
}

impl Rows<'_> {
    /// Reads the sign of a sample that has become significant and tells its neighbours; gives the sign in bit 31. `flags` are those of its column.
    #[inline(always)]
    fn found<B: Bits>(
        &mut self,
        bits: &mut B,
        contexts: &mut Contexts,
        flags: &mut u32,
        x: usize,
        row: usize,
        is_causal: bool,
    ) -> u32 {
        let shift = 3 * row;
        let bit = |flags: u32, flag: u32| u32::from(flags & flag != 0);
        let above = if row == 0 { bit(*flags, flag::NEGATIVE_ABOVE) } else { *flags >> (16 + shift) & 1 };
        let side = |flags: u32| flags >> (19 + shift) & 1;
        let index = *flags >> (shift + 1) & 0x55
            | above << 1
            | side(self.here[x]) << 3
            | side(self.here[x + 2]) << 5
            | (*flags >> (22 + shift) & 1) << 7;
        let sign = SIGNS[index as usize];
        let sign = bits.sign(&mut contexts[usize::from(sign & 31)], u32::from(sign >> 7));
        *flags |= (flag::THIS | (flag::NEGATIVE * sign)) << shift;
        self.here[x] |= flag::RIGHT << shift;
        self.here[x + 2] |= flag::LEFT << shift;
        if row == 0 && !is_causal {
            self.above[x] |= flag::RIGHT << 12;
            self.above[x + 1] |= (flag::THIS << 12) | (flag::NEGATIVE_BELOW * sign);
            self.above[x + 2] |= flag::LEFT << 12;
        }
        if row == STRIPE - 1 {
            self.below[x] |= flag::RIGHT >> 3;
            self.below[x + 1] |= (flag::THIS >> 3) | (flag::NEGATIVE_ABOVE * sign);
            self.below[x + 2] |= flag::LEFT >> 3;
        }
        sign << 31
    }
}

/// Contexts by which of the eight neighbours are significant (Table D.1).
struct Labels([u8; 512]);

impl Labels {
    #[inline(always)]
    fn of(&self, around: u32) -> usize {
        usize::from(self.0[(around & 511) as usize] & 31)
    }
}

static DOWN: Labels = labels([false, false]);
static ACROSS: Labels = labels([true, false]);
static DIAGONAL: Labels = labels([true, true]);

/// Of a band that holds high frequencies across alone, of both directions, or of neither or down.
const fn labels(high: [bool; 2]) -> Labels {
    let mut labels = [0; 512];
    let mut around = 0;
    while around < 512 {
        let (beside, upright) = (bit_of(around, 3) + bit_of(around, 5), bit_of(around, 1) + bit_of(around, 7));
        let corners = bit_of(around, 0) + bit_of(around, 2) + bit_of(around, 6) + bit_of(around, 8);
        labels[around] = match high {
            [true, true] => diagonal(corners, beside + upright),
            [true, false] => straight(upright, beside, corners),
            _ => straight(beside, upright, corners),
        };
        around += 1;
    }
    Labels(labels)
}

const fn bit_of(around: usize, at: usize) -> u8 {
    (around >> at & 1) as u8
}

const fn straight(along: u8, across: u8, corners: u8) -> u8 {
    match (along, across, corners) {
        (2, _, _) => 8,
        (1, 1.., _) => 7,
        (1, 0, 1..) => 6,
        (1, 0, 0) => 5,
        (_, 2, _) => 4,
        (_, 1, _) => 3,
        (_, _, 2..) => 2,
        (_, _, corners) => corners,
    }
}

const fn diagonal(corners: u8, others: u8) -> u8 {
    match (corners, others) {
        (3.., _) => 8,
        (2, 1..) => 7,
        (2, 0) => 6,
        (1, 2..) => 5,
        (1, others) => 3 + others,
        (_, 2..) => 2,
        (_, others) => others,
    }
}

/// Contexts of signs, and in bit 7 the sign that is expected (Tables D.2 and D.3), by two bits for each of the neighbours above, left, right and
/// below, from the lowest on: whether it is significant, whether it is negative.
const SIGNS: [u8; 256] = signs();

const fn signs() -> [u8; 256] {
    let mut signs = [0; 256];
    let mut at = 0;
    while at < 256 {
        let across = clamped(part(at, 1) + part(at, 2));
        let down = clamped(part(at, 0) + part(at, 3));
        // Of two opposite cases one stands in the table.
        let is_turned = across < 0 || (across == 0 && down < 0);
        let (across, down) = if is_turned { (-across, -down) } else { (across, down) };
        let label = 9 + (3 * across + down) as u8;
        signs[at] = label | (is_turned as u8) << 7;
        at += 1;
    }
    signs
}

const fn part(at: usize, neighbour: usize) -> i32 {
    match at >> (2 * neighbour) & 3 {
        1 => 1,
        3 => -1,
        _ => 0,
    }
}

const fn clamped(sum: i32) -> i32 {
    if sum > 1 {
        1
    } else if sum < -1 {
        -1
    } else {
        sum
    }
}
