//! Rectangles of the grids of a codestream (ITU-T T.800, Annex B): of tiles, subbands, precincts and blocks.

/// A rectangle of a grid: where it starts and where it has ended, across and down.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rectangle {
    pub start: [usize; 2],
    pub end: [usize; 2],
}

impl Rectangle {
    pub(super) fn width(self) -> usize {
        self.end[0].saturating_sub(self.start[0])
    }

    pub(super) fn height(self) -> usize {
        self.end[1].saturating_sub(self.start[1])
    }

    /// As a resolution has it that is `levels` below.
    pub(super) fn reduced(self, levels: u32) -> Rectangle {
        self.band(levels, [0, 0])
    }

    /// As a subband has it whose level is `depth` (B-15); at depth 0 it is itself.
    pub(super) fn band(self, depth: u32, high: [usize; 2]) -> Rectangle {
        let along = |value: usize, axis: usize| {
            let half = if depth > 0 { (high[axis] as u64) << (depth - 1) } else { 0 };
            (value as u64).saturating_sub(half).div_ceil(1 << depth) as usize
        };
        let both = |values: [usize; 2]| [along(values[0], 0), along(values[1], 1)];
        Rectangle { start: both(self.start), end: both(self.end) }
    }

    /// The cells of a grid that it touches, whose sides have these exponents.
    pub(super) fn cells(self, exponents: [u32; 2]) -> Rectangle {
        if self.width() * self.height() == 0 {
            return Rectangle { start: [0, 0], end: [0, 0] };
        }
        let both =
            |values: [usize; 2], more: [usize; 2]| [0, 1].map(|axis| (values[axis] + more[axis]) >> exponents[axis]);
        Rectangle {
            start: both(self.start, [0, 0]),
            end: both(self.end, exponents.map(|exponent| (1 << exponent) - 1)),
        }
    }

    pub(super) fn cell(at: [usize; 2], exponents: [u32; 2]) -> Rectangle {
        let both = |more: usize| [0, 1].map(|axis| (at[axis] + more) << exponents[axis]);
        Rectangle { start: both(0), end: both(1) }
    }

    pub(super) fn intersection(self, other: Rectangle) -> Rectangle {
        let start = [0, 1].map(|axis| self.start[axis].max(other.start[axis]));
        Rectangle { start, end: [0, 1].map(|axis| self.end[axis].min(other.end[axis]).max(start[axis])) }
    }

    /// Its points, row by row.
    pub(super) fn points(self) -> impl Iterator<Item = [usize; 2]> {
        (self.start[1]..self.end[1]).flat_map(move |row| (self.start[0]..self.end[0]).map(move |column| [column, row]))
    }
}
