//! Products of matrices. In the network that ships they resample pictures: in each row (or column) of one factor all but a few numbers are
//! zero, and zeros are left out. In transformers they are nearly all of the arithmetic, and few are zero.

use super::simd::{Vector, dispatch};
use super::{Block, Processor};

/// From this share of zeros on it is quicker to leave them out.
const SPARSE: f32 = 0.5;
/// Of fewer rows the right factor is read as it lies.
const MIN_ROWS: usize = 4;

/// Memory that a product needs.
#[derive(Debug, Default, Clone)]
pub struct Scratch {
    turned: Vec<f32>,
    turned_right: Vec<f32>,
    turned_out: Vec<f32>,
    panel: Vec<Block>,
}

/// `out = left * right` for one pair of `[M, K]` and `[K, N]`, row by row.
pub fn product(
    processor: Processor,
    left: &[f32],
    right: &[f32],
    [m, k, n]: [usize; 3],
    scratch: &mut Scratch,
    out: &mut [f32],
) {
    let zeros = |matrix: &[f32]| matrix.iter().filter(|&&value| value == 0.0).count() as f32 / matrix.len() as f32;
    let [above, beside] = [left, right].map(zeros);
    if m >= MIN_ROWS && above.max(beside) < SPARSE {
        let (size, panel) = ([m, k, n], &mut scratch.panel);
        dispatch!(
            processor,
            dense(left: &[f32], right: &[f32], size: [usize; 3], panel: &mut Vec<Block>, out: &mut [f32])
        );
    } else if above >= beside {
        rows(left, right, [m, k, n], out);
    } else {
        // (left * right) turned is right turned * left turned: now the zeros are on the left.
        let Scratch { turned, turned_right, turned_out, .. } = scratch;
        turn(left, [m, k], turned);
        turn(right, [k, n], turned_right);
        turned_out.resize(m * n, 0.0);
        rows(turned_right, turned, [n, k, m], turned_out);
        turn_into(turned_out, [n, m], out);
    }
}

/// Two vectors of columns at a time, which are put together in `panel` first.
#[inline(always)]
fn dense<V: Vector>(left: &[f32], right: &[f32], [m, k, n]: [usize; 3], panel: &mut Vec<Block>, out: &mut [f32]) {
    let wide = 2 * V::LANES;
    panel.clear();
    panel.resize(k * wide / 8, [0.0; 8]);
    for first in (0..n).step_by(wide) {
        let columns = first..(first + wide).min(n);
        for (blocks, row) in panel.chunks_exact_mut(wide / 8).zip(right.chunks_exact(n)) {
            for (block, values) in blocks.iter_mut().zip(row[columns.clone()].chunks(8)) {
                block[..values.len()].copy_from_slice(values);
            }
        }
        let mut row = 0;
        while row < m {
            match V::ROWS {
                6 if m >= 6 => row = tile::<V, 6>(left, panel, [m, k, n], row, first, out),
                5 if m >= 5 => row = tile::<V, 5>(left, panel, [m, k, n], row, first, out),
                4 if m >= 4 => row = tile::<V, 4>(left, panel, [m, k, n], row, first, out),
                _ => row = tile::<V, 1>(left, panel, [m, k, n], row, first, out),
            }
        }
    }
}

/// `R` rows of a panel's columns, and the row behind them. The last tile may take rows again that the one before it has done.
#[allow(clippy::needless_range_loop, reason = "indices that the compiler knows keep the sums in registers")]
#[inline(always)]
fn tile<V: Vector, const R: usize>(
    left: &[f32],
    panel: &[Block],
    [m, k, n]: [usize; 3],
    row: usize,
    first: usize,
    out: &mut [f32],
) -> usize {
    let row = row.min(m - R);
    let rows: [&[f32]; R] = std::array::from_fn(|at| &left[(row + at) * k..][..k]);
    let parts = 8 / V::LANES;
    let mut sums = [[V::splat(0.0); 2]; R];
    for (at, blocks) in panel.chunks_exact(2 / parts).enumerate().take(k) {
        let weights: [V; 2] = std::array::from_fn(|v| V::load(&blocks[v / parts], v % parts));
        for row in 0..R {
            let value = V::splat(rows[row][at]);
            for v in 0..2 {
                sums[row][v] = sums[row][v].mul_add(value, weights[v]);
            }
        }
    }
    for at in 0..R {
        let mut found = [[0.0; 8]; 2];
        for v in 0..2 {
            sums[at][v].store(&mut found[v / parts], v % parts);
        }
        let columns = (2 * V::LANES).min(n - first);
        out[(row + at) * n + first..][..columns].copy_from_slice(&found.as_flattened()[..columns]);
    }
    row + R
}

/// Adds up rows of `right`, as many as `left` has numbers that are not zero.
fn rows(left: &[f32], right: &[f32], [_, k, n]: [usize; 3], out: &mut [f32]) {
    for (weights, out) in left.chunks_exact(k).zip(out.chunks_exact_mut(n)) {
        out.fill(0.0);
        for (&weight, row) in weights.iter().zip(right.chunks_exact(n)) {
            // Also takes what is not a number.
            if weight != 0.0 {
                for (out, &value) in out.iter_mut().zip(row) {
                    *out += weight * value;
                }
            }
        }
    }
}

fn turn(matrix: &[f32], [rows, columns]: [usize; 2], out: &mut Vec<f32>) {
    out.resize(rows * columns, 0.0);
    turn_into(matrix, [rows, columns], out);
}

/// `[rows, columns]` to `[columns, rows]`, in tiles of eight by eight, so that neither side jumps through memory.
fn turn_into(matrix: &[f32], [rows, columns]: [usize; 2], out: &mut [f32]) {
    for top in (0..rows).step_by(8) {
        for left in (0..columns).step_by(8) {
            for row in top..(top + 8).min(rows) {
                for column in left..(left + 8).min(columns) {
                    out[column * rows + row] = matrix[row * columns + column];
                }
            }
        }
    }
}
