//! Products of matrices. In the network that ships they resample pictures: in each row (or column) of one factor all but a few numbers are
//! zero, and zeros are left out. In transformers they are nearly all of the arithmetic, and few are zero.

use super::dense::{self, Finish, Grid, Made, Order, Source, Strides, Weights};
use super::{Block, Processor, layout};

/// From this share of zeros on it is quicker to leave them out.
const SPARSE: f32 = 0.5;
/// Of fewer rows the right factor is read as it lies.
const MIN_ROWS: usize = 4;

/// Whether so many of its numbers are zero that leaving them out is quicker.
pub fn is_sparse(matrix: &[f32]) -> bool {
    zeros(matrix) >= SPARSE
}

fn zeros(matrix: &[f32]) -> f32 {
    matrix.iter().filter(|&&value| value == 0.0).count() as f32 / matrix.len() as f32
}

/// Memory that a product needs.
#[derive(Debug, Default, Clone)]
pub struct Scratch {
    turned: Vec<f32>,
    turned_right: Vec<f32>,
    turned_out: Vec<f32>,
    blocks: Vec<Block>,
    weights: Weights,
    bias: Vec<f32>,
    dense: dense::Scratch,
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
    let [above, beside] = [left, right].map(zeros);
    // What only fills blocks and registers must not be most of what is held.
    let held = k.next_multiple_of(8) * (m + dense::filled(processor, n));
    if m >= MIN_ROWS && above.max(beside) < SPARSE && held <= 2 * k * (m + n) {
        let Scratch { blocks, weights, bias, dense, .. } = scratch;
        blocks.resize(k.div_ceil(8) * m, [0.0; 8]);
        layout::block_rows(left, k, blocks);
        weights.pack(processor, right, Strides { output: 1, channel: n, tap: 0 }, [n, k, 1]);
        bias.resize(dense::filled(processor, n), 0.0);
        let source = Source { x: Made::Before(blocks), channels: k, grid: &Grid::of_pixels(m) };
        let finish = Finish { bias, added: None, clamp: [f32::NEG_INFINITY, f32::INFINITY], then: None };
        dense::dense(processor, source, weights, finish, Order::Rows, dense, out);
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
