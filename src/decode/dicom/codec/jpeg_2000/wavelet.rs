//! The inverse wavelet transforms (ITU-T T.800, Annex F).

/// Values of a resolution, row by row; `odd` says for each direction whether its first column or row has an odd coordinate.
pub(super) struct Plane<T> {
    pub width: usize,
    pub height: usize,
    pub odd: [usize; 2],
    pub values: Vec<T>,
}

/// What coefficients and samples are: whole numbers where the wavelet can be turned back without loss.
pub(super) trait Value: Copy + Default {
    /// A coefficient of which bits from 30 on are known: its magnitude in steps is `coefficient / 2^shift`, with half of what was not coded.
    fn of(coefficient: u32, shift: u32, step: f32) -> Self;

    /// A sample from the least that it can be on, `middle` above it.
    fn sample(self, middle: u32, most: u32) -> u16;

    /// The only value of a line, where it is one of high frequency.
    fn halved(self) -> Self;

    /// Makes samples of the subbands' coefficients along one direction.
    fn synthesize(plane: &mut Plane<Self>, axis: usize);
}

/// F.3.8.2.
impl Value for i32 {
    fn of(coefficient: u32, shift: u32, _: f32) -> i32 {
        let magnitude = ((coefficient & !SIGN) >> shift) as i32;
        if coefficient & SIGN == 0 { magnitude } else { -magnitude }
    }

    fn sample(self, middle: u32, most: u32) -> u16 {
        self.saturating_add(middle as i32).clamp(0, most as i32) as u16
    }

    fn halved(self) -> i32 {
        self / 2
    }

    fn synthesize(plane: &mut Plane<i32>, axis: usize) {
        let sum = i32::wrapping_add;
        plane.lift(axis, 0, |value, before, after| value.wrapping_sub(sum(sum(before, after), 2) >> 2));
        plane.lift(axis, 1, |value, before, after| sum(value, sum(before, after) >> 1));
    }
}

/// F.3.8.1, with the constants of Table F.4.
impl Value for f32 {
    fn of(coefficient: u32, _: u32, step: f32) -> f32 {
        let magnitude = (coefficient & !SIGN) as f32 * step;
        if coefficient & SIGN == 0 { magnitude } else { -magnitude }
    }

    fn sample(self, middle: u32, most: u32) -> u16 {
        (self + middle as f32 + 0.5).clamp(0.0, most as f32) as u16
    }

    fn halved(self) -> f32 {
        self / 2.0
    }

    fn synthesize(plane: &mut Plane<f32>, axis: usize) {
        const ALPHA: f32 = -1.586_134_3;
        const BETA: f32 = -0.052_980_12;
        const GAMMA: f32 = 0.882_911_1;
        const DELTA: f32 = 0.443_506_85;
        const K: f32 = 1.230_174_1;
        plane.lift(axis, 0, |value, _, _| value * K);
        plane.lift(axis, 1, |value, _, _| value / K);
        for (high, factor) in [(0, DELTA), (1, GAMMA), (0, BETA), (1, ALPHA)] {
            plane.lift(axis, high, |value, before, after| value - factor * (before + after));
        }
    }
}

/// The sign of a coefficient.
const SIGN: u32 = 1 << 31;

impl<T: Value> Plane<T> {
    /// Makes samples of the subbands' coefficients, which alternate: low frequencies have even coordinates, high ones odd.
    pub(super) fn synthesize(&mut self) {
        for (axis, length) in [self.width, self.height].into_iter().enumerate() {
            match length {
                0 => return,
                // A line of one value has nothing beside it.
                1 if self.odd[axis] == 1 => self.values.iter_mut().for_each(|value| *value = value.halved()),
                1 => {}
                _ => T::synthesize(self, axis),
            }
        }
    }

    /// Changes all values of low (0) or high (1) frequency by the two beside them along an axis. At the ends a line is mirrored.
    #[inline(always)]
    fn lift(&mut self, axis: usize, high: usize, change: impl Fn(T, T, T) -> T + Copy) {
        // The first of them.
        let first = self.odd[axis] ^ high;
        match axis {
            0 => self.values.chunks_exact_mut(self.width).for_each(|row| lift_line(row, first, change)),
            _ => self.lift_rows(first, change),
        }
    }

    #[inline(always)]
    fn lift_rows(&mut self, first: usize, change: impl Fn(T, T, T) -> T) {
        let width = self.width;
        for at in (first..self.height).step_by(2) {
            let (above, rest) = self.values.split_at_mut(at * width);
            let (row, below) = rest.split_at_mut(width);
            let before = above.len().checked_sub(width).map(|start| &above[start..]);
            let after = below.get(..width);
            let (Some(before), Some(after)) = (before.or(after), after.or(before)) else { continue };
            for ((value, before), after) in row.iter_mut().zip(before).zip(after) {
                *value = change(*value, *before, *after);
            }
        }
    }
}

#[inline(always)]
fn lift_line<T: Value>(line: &mut [T], first: usize, change: impl Fn(T, T, T) -> T) {
    let last = line.len() - 1;
    if first == 0 {
        line[0] = change(line[0], line[1], line[1]);
    }
    for at in (2 - first..last).step_by(2) {
        line[at] = change(line[at], line[at - 1], line[at + 1]);
    }
    if last % 2 == first {
        line[last] = change(line[last], line[last - 1], line[last - 1]);
    }
}
