//! The inverse wavelet transforms (ITU-T T.800, Annex F), in 32-bit floating point: it holds whole numbers of 24 bits as they are, and
//! samples have 16.

/// Values of a resolution, row by row; `odd` says for each direction whether its first column or row has an odd coordinate.
pub(super) struct Plane {
    pub width: usize,
    pub height: usize,
    pub odd: [usize; 2],
    pub values: Vec<f32>,
}

/// Columns that are transformed at once, side by side in memory.
const COLUMNS: usize = 64;

impl Plane {
    /// Makes samples of the subbands' coefficients, which alternate: low frequencies have even coordinates, high ones odd.
    pub(super) fn synthesize(&mut self, is_reversible: bool) {
        let transform = |line: &mut [f32], odd| match is_reversible {
            true => reversible(line, odd),
            false => irreversible(line, odd),
        };
        if self.values.is_empty() {
            return;
        }
        self.values.chunks_exact_mut(self.width).for_each(|row| transform(row, self.odd[0]));
        let mut columns = vec![0.0; self.height * COLUMNS];
        for left in (0..self.width).step_by(COLUMNS) {
            let count = (self.width - left).min(COLUMNS);
            for (y, row) in self.values.chunks_exact(self.width).enumerate() {
                for (x, value) in row[left..left + count].iter().enumerate() {
                    columns[x * self.height + y] = *value;
                }
            }
            columns.chunks_exact_mut(self.height).take(count).for_each(|column| transform(column, self.odd[1]));
            for (y, row) in self.values.chunks_exact_mut(self.width).enumerate() {
                for (x, value) in row[left..left + count].iter_mut().enumerate() {
                    *value = columns[x * self.height + y];
                }
            }
        }
    }
}

/// A line of one value has nothing beside it.
fn is_single(line: &mut [f32], odd: usize) -> bool {
    if let ([value], 1) = (&mut *line, odd) {
        *value /= 2.0;
    }
    line.len() < 2
}

/// Changes every other value, from `first` on, by the sum of the two beside it. At the ends the line is mirrored.
fn lift(line: &mut [f32], first: usize, change: impl Fn(f32, f32) -> f32) {
    let last = line.len() - 1;
    for at in (first..=last).step_by(2) {
        let before = if at == 0 { line[1] } else { line[at - 1] };
        let after = if at == last { line[last - 1] } else { line[at + 1] };
        line[at] = change(line[at], before + after);
    }
}

/// F.3.8.2.
fn reversible(line: &mut [f32], odd: usize) {
    if is_single(line, odd) {
        return;
    }
    lift(line, odd, |value, beside| value - ((beside + 2.0) / 4.0).floor());
    lift(line, 1 - odd, |value, beside| value + (beside / 2.0).floor());
}

/// F.3.8.1, with the constants of Table F.4.
fn irreversible(line: &mut [f32], odd: usize) {
    const ALPHA: f32 = -1.586_134_3;
    const BETA: f32 = -0.052_980_12;
    const GAMMA: f32 = 0.882_911_1;
    const DELTA: f32 = 0.443_506_85;
    const K: f32 = 1.230_174_1;
    if is_single(line, odd) {
        return;
    }
    line.iter_mut().skip(odd).step_by(2).for_each(|value| *value *= K);
    line.iter_mut().skip(1 - odd).step_by(2).for_each(|value| *value /= K);
    lift(line, odd, |value, beside| value - DELTA * beside);
    lift(line, 1 - odd, |value, beside| value - GAMMA * beside);
    lift(line, odd, |value, beside| value - BETA * beside);
    lift(line, 1 - odd, |value, beside| value - ALPHA * beside);
}
