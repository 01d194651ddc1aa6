//! Products of matrices. In this network they resample pictures: in each row (or column) of one factor all but a few numbers are zero,
//! and zeros are left out.

/// Memory that a product needs.
#[derive(Debug, Default, Clone)]
pub struct Scratch {
    turned: Vec<f32>,
    turned_right: Vec<f32>,
    turned_out: Vec<f32>,
}

/// `out = left * right` for one pair of `[M, K]` and `[K, N]`, row by row.
pub fn product(left: &[f32], right: &[f32], [m, k, n]: [usize; 3], scratch: &mut Scratch, out: &mut [f32]) {
    let zeros = |matrix: &[f32]| matrix.iter().filter(|&&value| value == 0.0).count() as f32 / matrix.len() as f32;
    if zeros(left) >= zeros(right) {
        rows(left, right, [m, k, n], out);
    } else {
        // (left * right) turned is right turned * left turned: now the zeros are on the left.
        let Scratch { turned, turned_right, turned_out } = scratch;
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
