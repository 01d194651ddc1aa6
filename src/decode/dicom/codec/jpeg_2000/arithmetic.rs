//! The decoders of bits below the blocks of Part 1: the arithmetic one (ITU-T T.800, Annex C), and bits as they lie (D.6).

/// Where bits come from. The passes own it while they run, so that it stays in registers.
pub(super) trait Bits {
    /// The next bit, decoded in its context. Those that lie as they are have none.
    fn decode(&mut self, context: &mut u8) -> u32;

    /// The sign that the next bit stands for, where `expected` is what the neighbours say.
    fn sign(&mut self, context: &mut u8, expected: u32) -> u32;
}

/// A state of a context: index and most probable bit, as twice the index and the bit.
#[derive(Clone, Copy)]
struct State {
    /// The width of the less probable part, in the upper half of 32 bits.
    less: u32,
    /// The states behind the more and the less probable bit.
    next: [u8; 2],
}

/// As many as a byte without its highest bit can name.
const STATES: [State; 128] = states();

/// Table C.2: width, the states behind the more and the less probable bit, and whether the latter changes which bit is the more probable.
const TABLE: [(u32, u8, u8, bool); 47] = [
    (0x5601, 1, 1, true),
    (0x3401, 2, 6, false),
    (0x1801, 3, 9, false),
    (0x0AC1, 4, 12, false),
    (0x0521, 5, 29, false),
    (0x0221, 38, 33, false),
    (0x5601, 7, 6, true),
    (0x5401, 8, 14, false),
    (0x4801, 9, 14, false),
    (0x3801, 10, 14, false),
    (0x3001, 11, 17, false),
    (0x2401, 12, 18, false),
    (0x1C01, 13, 20, false),
    (0x1601, 29, 21, false),
    (0x5601, 15, 14, true),
    (0x5401, 16, 14, false),
    (0x5101, 17, 15, false),
    (0x4801, 18, 16, false),
    (0x3801, 19, 17, false),
    (0x3401, 20, 18, false),
    (0x3001, 21, 19, false),
    (0x2801, 22, 19, false),
    (0x2401, 23, 20, false),
    (0x2201, 24, 21, false),
    (0x1C01, 25, 22, false),
    (0x1801, 26, 23, false),
    (0x1601, 27, 24, false),
    (0x1401, 28, 25, false),
    (0x1201, 29, 26, false),
    (0x1101, 30, 27, false),
    (0x0AC1, 31, 28, false),
    (0x09C1, 32, 29, false),
    (0x08A1, 33, 30, false),
    (0x0521, 34, 31, false),
    (0x0441, 35, 32, false),
    (0x02A1, 36, 33, false),
    (0x0221, 37, 34, false),
    (0x0141, 38, 35, false),
    (0x0111, 39, 36, false),
    (0x0085, 40, 37, false),
    (0x0049, 41, 38, false),
    (0x0025, 42, 39, false),
    (0x0015, 43, 40, false),
    (0x0009, 44, 41, false),
    (0x0005, 45, 42, false),
    (0x0001, 45, 43, false),
    (0x5601, 46, 46, false),
];

const fn states() -> [State; 128] {
    let mut states = [State { less: 0x5601 << 16, next: [92, 92] }; 128];
    let mut at = 0;
    while at < 2 * TABLE.len() {
        let (less, more, other, changes) = TABLE[at / 2];
        let bit = (at % 2) as u8;
        states[at] = State { less: less << 16, next: [2 * more + bit, 2 * other + (bit ^ changes as u8)] };
        at += 1;
    }
    states
}

/// A context's state by its index in Table C.2, with 0 as the more probable bit.
pub(super) const fn context(index: u8) -> u8 {
    2 * index
}

/// The arithmetic decoder. Its registers A and C are held as what they are above `room`, the least that both can lose before anything but the more
/// probable bit comes: so that one costs a single subtraction (Taubman and Marcellin, JPEG2000, 17.1.1).
pub(super) struct Arithmetic<'a> {
    bytes: &'a [u8],
    at: usize,
    /// What lies above `room` in the upper halves of A and C.
    above: [u32; 2],
    room: i32,
    /// Shifts up to the next byte.
    shifts: u32,
}

impl<'a> Arithmetic<'a> {
    /// INITDEC.
    pub(super) fn new(bytes: &'a [u8]) -> Arithmetic<'a> {
        let mut decoder = Arithmetic { bytes, at: 0, above: [0; 2], room: 0, shifts: 0 };
        let mut code = u32::from(decoder.byte(0)) << 16;
        decoder.take_byte(&mut code);
        decoder.shifts -= 7;
        decoder.hold(0x8000 << 16, code << 7);
        decoder
    }

    /// Bytes behind the last are 0xFF.
    #[inline(always)]
    fn byte(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0xFF)
    }

    /// BYTEIN.
    #[inline(always)]
    fn take_byte(&mut self, code: &mut u32) {
        let next = u32::from(self.byte(1));
        let is_stuffed = self.byte(0) == 0xFF;
        // A marker: ones from here on.
        if is_stuffed && next > 0x8F {
            *code = code.wrapping_add(0xFF00);
            self.shifts = 8;
            return;
        }
        self.at += 1;
        let stuffed = u32::from(is_stuffed);
        *code = code.wrapping_add(next << (8 + stuffed));
        self.shifts = 8 - stuffed;
    }

    #[inline(always)]
    fn hold(&mut self, interval: u32, code: u32) {
        let room = code.min(interval - (0x8000 << 16));
        self.above = [interval - room, code - room];
        self.room = room as i32;
    }

    /// What is left of DECODE once the room is used up.
    #[inline(always)]
    fn exchange(&mut self, state: State, context: &mut u8) -> u32 {
        let lost = self.room.unsigned_abs();
        let [interval, code] = self.above;
        let is_less = code < lost;
        let mut interval = interval.wrapping_sub(lost);
        let is_other = is_less != (interval < state.less);
        let mut code = code.wrapping_sub(lost);
        if is_less {
            code = code.wrapping_add(state.less);
            interval = state.less;
        }
        let bit = u32::from(*context & 1) ^ u32::from(is_other);
        *context = state.next[usize::from(is_other)];
        // RENORMD.
        while interval < 0x8000 << 16 {
            if self.shifts == 0 {
                self.take_byte(&mut code);
            }
            let shifts = interval.leading_zeros().min(self.shifts);
            interval <<= shifts;
            code <<= shifts;
            self.shifts -= shifts;
        }
        self.hold(interval, code);
        bit
    }
}

impl Bits for Arithmetic<'_> {
    #[inline(always)]
    fn decode(&mut self, context: &mut u8) -> u32 {
        let state = STATES[usize::from(*context & 127)];
        self.room -= state.less as i32;
        if self.room >= 0 { u32::from(*context & 1) } else { self.exchange(state, context) }
    }

    #[inline(always)]
    fn sign(&mut self, context: &mut u8, expected: u32) -> u32 {
        self.decode(context) ^ expected
    }
}

/// Bits as they lie, the highest of a byte first; behind 0xFF comes a byte of 7. Behind the last come ones.
pub(super) struct Plain<'a> {
    rest: &'a [u8],
    held: u32,
    count: u32,
}

impl<'a> Plain<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Plain<'a> {
        Plain { rest: bytes, held: 0, count: 0 }
    }

    fn take(&mut self) -> u32 {
        if self.count == 0 {
            let is_stuffed = self.held == 0xFF;
            (self.held, self.count) = (0xFF, 8);
            match self.rest {
                // A marker: ones from here on.
                [byte, ..] if is_stuffed && *byte > 0x8F => {}
                [byte, rest @ ..] => {
                    (self.held, self.rest) = (u32::from(*byte), rest);
                    self.count -= u32::from(is_stuffed);
                }
                [] => {}
            }
        }
        self.count -= 1;
        self.held >> self.count & 1
    }
}

impl Bits for Plain<'_> {
    fn decode(&mut self, _: &mut u8) -> u32 {
        self.take()
    }

    fn sign(&mut self, _: &mut u8, _: u32) -> u32 {
        self.take()
    }
}
