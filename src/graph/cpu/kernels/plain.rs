//! Element by element, sums, pools: everything small. Tensors lie row by row.

use super::Processor;
use super::layout::Windows;
use super::simd::{Vector, dispatch};
use crate::graph::program::{Binary, Pool, Unary};

/// `out[i] = function(x[i])`.
pub fn unary(processor: Processor, function: Unary, x: &[f32], out: &mut [f32]) {
    dispatch!(processor, unary_on(function: Unary, x: &[f32], out: &mut [f32]));
}

/// The compiler makes vectors of it where the processor of `V` can round in them: that of every x86-64 cannot.
#[inline(always)]
fn unary_on<V: Vector>(function: Unary, x: &[f32], out: &mut [f32]) {
    #[inline(always)]
    fn each(x: &[f32], out: &mut [f32], function: impl Fn(f32) -> f32) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = function(x);
        }
    }
    match function {
        Unary::Abs => each(x, out, f32::abs),
        Unary::Exp => each(x, out, exp),
        Unary::Floor => each(x, out, f32::floor),
        Unary::Ln => each(x, out, f32::ln),
        Unary::Recip => each(x, out, |x| 1.0 / x),
        Unary::Rsqrt => each(x, out, |x| 1.0 / x.sqrt()),
        Unary::Sigmoid => each(x, out, |x| 1.0 / (1.0 + exp(-x))),
        Unary::Sqrt => each(x, out, f32::sqrt),
        Unary::Square => each(x, out, |x| x * x),
        Unary::Erf => each(x, out, erf),
        Unary::Tanh => each(x, out, tanh),
    }
}

/// The Gauss error function, at most 3e-7 off, without a branch: x P(x x) / Q(x x), with the coefficients of Eigen and XLA. From 4 on it is 1
/// to the last bit.
#[inline(always)]
fn erf(x: f32) -> f32 {
    const P: [f32; 7] =
        [-2.726_142e-10, 2.770_681_4e-8, -2.101_024e-6, -5.692_506_5e-5, -7.349_906e-4, -2.954_6e-3, -1.609_603_3e-2];
    const Q: [f32; 5] = [-1.456_607_15e-5, -2.133_740_5e-4, -1.682_827e-3, -7.373_329e-3, -1.426_473_9e-2];
    let x = x.clamp(-4.0, 4.0);
    let square = x * x;
    let sum = |coefficients: &[f32]| coefficients.iter().fold(0.0, |sum, coefficient| sum * square + coefficient);
    x * sum(&P) / sum(&Q)
}

/// The hyperbolic tangent, at most 2e-7 off, without a branch.
#[inline(always)]
fn tanh(x: f32) -> f32 {
    let power = exp(-2.0 * x.abs());
    ((1.0 - power) / (1.0 + power)).copysign(x)
}

/// e to the x, at most 2 units in the last place off, without a branch, so that the compiler makes vectors of it. After Cody and Waite
/// (1980): x = n ln 2 + r, and e^r by a polynomial (coefficients of Cephes' expf).
#[inline(always)]
fn exp(x: f32) -> f32 {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // Beyond these the result is infinite, or too small for a normal number and taken for 0.
    let within = x.clamp(-87.3, 88.7);
    let n = (within * std::f32::consts::LOG2_E + 0.5).floor();
    let r = within - n * LN2_HIGH - n * LN2_LOW;
    let mut sum = 1.987_569_1e-4;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        sum = sum * r + coefficient;
    }
    let power = sum * r * r + r + 1.0;
    // In two factors: 2^128 alone would not fit.
    let half = (n * 0.5).floor();
    // 1.5 * 2^23 leaves whole numbers in the last bits of a sum; 127 is the exponent's bias. A conversion that saturates would cost more than all else.
    let scale = |n: f32| f32::from_bits((n + (12_582_912.0 + 127.0)).to_bits() << 23);
    let value = power * scale(half) * scale(n - half);
    if x > 88.722_84 {
        f32::INFINITY
    } else if x < -87.3 {
        0.0
    } else {
        value
    }
}

/// How a binary operation walks its two inputs: the axes from the outermost, with neighbours that both inputs walk alike made one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// Length, step of the first input, step of the second.
    axes: Vec<[usize; 3]>,
}

impl Walk {
    /// For inputs of these shapes; axes of length 1 are repeated.
    pub fn new(a: &[usize], b: &[usize]) -> Walk {
        let mut axes: Vec<[usize; 3]> = Vec::new();
        let [mut step_a, mut step_b] = [1, 1];
        for (&a, &b) in a.iter().zip(b).rev() {
            let length = if a == 1 { b } else { a };
            let (walked_a, walked_b) = (if a == 1 { 0 } else { step_a }, if b == 1 { 0 } else { step_b });
            step_a *= a;
            step_b *= b;
            if length == 1 {
                continue;
            }
            match axes.last_mut() {
                Some([inner, inner_a, inner_b]) if walked_a == *inner_a * *inner && walked_b == *inner_b * *inner => {
                    *inner *= length;
                }
                _ => axes.push([length, walked_a, walked_b]),
            }
        }
        if axes.is_empty() {
            axes.push([1, 1, 1]);
        }
        axes.reverse();
        Walk { axes }
    }

    /// For one input of this shape whose axes come in another order: axis `order[i]` at place i.
    pub fn transpose(shape: &[usize], order: &[usize]) -> Walk {
        let mut steps = vec![1; shape.len()];
        for axis in (1..shape.len()).rev() {
            steps[axis - 1] = steps[axis] * shape[axis];
        }
        let mut axes: Vec<[usize; 3]> = Vec::new();
        for &axis in order.iter().rev().filter(|&&axis| shape[axis] > 1) {
            match axes.last_mut() {
                Some([inner, step, _]) if steps[axis] == *step * *inner => *inner *= shape[axis],
                _ => axes.push([shape[axis], steps[axis], 0]),
            }
        }
        if axes.is_empty() {
            axes.push([1, 1, 0]);
        }
        axes.reverse();
        Walk { axes }
    }

    /// For one input that becomes a tensor of the shape `to`.
    pub fn repeat(from: &[usize], to: &[usize]) -> Walk {
        let mut walk = Walk::new(from, to);
        walk.axes.iter_mut().for_each(|[_, _, step]| *step = 0);
        walk
    }
}

/// `out = a function b`, as `walk` says.
pub fn binary(function: Binary, walk: &Walk, a: &[f32], b: &[f32], out: &mut [f32]) {
    match function {
        Binary::Add => over(&walk.axes, a, b, out, |a, b| a + b),
        Binary::Sub => over(&walk.axes, a, b, out, |a, b| a - b),
        Binary::Mul => over(&walk.axes, a, b, out, |a, b| a * b),
        Binary::Div => over(&walk.axes, a, b, out, |a, b| a / b),
        // Of two of which one is not a number, the first: what is not a number must not get lost on its way through a clamp.
        Binary::Max => over(&walk.axes, a, b, out, |a, b| if b > a { b } else { a }),
        Binary::Min => over(&walk.axes, a, b, out, |a, b| if b < a { b } else { a }),
    }
}

fn over(axes: &[[usize; 3]], a: &[f32], b: &[f32], out: &mut [f32], function: impl Fn(f32, f32) -> f32 + Copy) {
    match *axes {
        // One loop for each way to step, which the compiler makes vectors of.
        [[length, 1, 1]] => {
            for ((out, &a), &b) in out.iter_mut().zip(&a[..length]).zip(&b[..length]) {
                *out = function(a, b);
            }
        }
        [[length, 1, 0]] => {
            for (out, &a) in out.iter_mut().zip(&a[..length]) {
                *out = function(a, b[0]);
            }
        }
        [[length, 0, 1]] => {
            for (out, &b) in out.iter_mut().zip(&b[..length]) {
                *out = function(a[0], b);
            }
        }
        [[length, step_a, step_b]] => {
            for (at, out) in out.iter_mut().enumerate().take(length) {
                *out = function(a[at * step_a], b[at * step_b]);
            }
        }
        [[length, step_a, step_b], ref inner @ ..] => {
            let size = out.len() / length;
            for (at, out) in out.chunks_exact_mut(size).enumerate() {
                over(inner, &a[at * step_a..], &b[at * step_b..], out, function);
            }
        }
        [] => {}
    }
}

/// Sums over the axis of `length` between `outer` and `inner` ones: `[outer, length, inner]` to `[outer, inner]`.
pub fn sum(x: &[f32], length: usize, inner: usize, out: &mut [f32]) {
    if inner == 1 {
        for (row, out) in x.chunks_exact(length).zip(out) {
            // Eight sums beside each other: faster, and closer to the truth than one.
            let (eights, rest) = row.as_chunks::<8>();
            let mut sums = [0.0; 8];
            for eight in eights {
                for (sum, value) in sums.iter_mut().zip(eight) {
                    *sum += value;
                }
            }
            *out = sums.iter().sum::<f32>() + rest.iter().sum::<f32>();
        }
        return;
    }
    for (x, out) in x.chunks_exact(length * inner).zip(out.chunks_exact_mut(inner)) {
        out.fill(0.0);
        for row in x.chunks_exact(inner) {
            for (out, value) in out.iter_mut().zip(row) {
                *out += value;
            }
        }
    }
}

/// Maxima or means over windows of each plane.
pub fn pool(kind: Pool, x: &[f32], windows: Windows, out: &mut [f32]) {
    let Windows { kernel, strides, pads, input: [height, width], output: [rows, columns] } = windows;
    // The cells of a window that lie in the picture.
    let cells = |at: usize, axis: usize, length: usize| {
        let start = at * strides[axis];
        start.saturating_sub(pads[axis])..(start + kernel[axis]).saturating_sub(pads[axis]).min(length)
    };
    let whole = rows * kernel[0] <= height && columns * kernel[1] <= width;
    if kind == Pool::Mean && kernel == strides && pads == [0; 2] && whole {
        // Windows side by side: each value is read once, in the order in which they lie.
        let part = 1.0 / (kernel[0] * kernel[1]) as f32;
        for (x, out) in x.chunks_exact(height * width).zip(out.chunks_exact_mut(rows * columns)) {
            for (lines, out) in x.chunks_exact(kernel[0] * width).zip(out.chunks_exact_mut(columns)) {
                out.fill(0.0);
                for line in lines.chunks_exact(width) {
                    for (out, cells) in out.iter_mut().zip(line.chunks_exact(kernel[1])) {
                        *out += cells.iter().sum::<f32>();
                    }
                }
                out.iter_mut().for_each(|out| *out *= part);
            }
        }
        return;
    }
    for (x, out) in x.chunks_exact(height * width).zip(out.chunks_exact_mut(rows * columns)) {
        for (row, out) in out.chunks_exact_mut(columns).enumerate() {
            for (column, out) in out.iter_mut().enumerate() {
                let across = cells(column, 1, width);
                let lines = cells(row, 0, height).map(|y| &x[y * width..][across.clone()]);
                *out = match kind {
                    Pool::Max => lines.flatten().fold(f32::NEG_INFINITY, |most, &x| if x > most { x } else { most }),
                    Pool::Mean => lines.flatten().sum::<f32>() / (kernel[0] * kernel[1]) as f32,
                };
            }
        }
    }
}

/// Repeats axes of length 1 or sorts the axes, as [`Walk::repeat`] and [`Walk::transpose`] say.
pub fn broadcast(walk: &Walk, x: &[f32], out: &mut [f32]) {
    repeat(&walk.axes, x, out);
}

fn repeat(axes: &[[usize; 3]], x: &[f32], out: &mut [f32]) {
    match *axes {
        // Each value several times: how a picture is made larger.
        [[length, 1, _], [times, 0, _]] => {
            for (out, &x) in out.chunks_exact_mut(times).zip(&x[..length]) {
                out.fill(x);
            }
        }
        [[length, step, _], ref inner @ ..] if !inner.is_empty() => {
            let size = out.len() / length;
            for (at, out) in out.chunks_exact_mut(size).enumerate() {
                repeat(inner, &x[at * step..], out);
            }
        }
        _ => over(axes, x, &[0.0], out, |x, _| x),
    }
}
