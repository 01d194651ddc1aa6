//! Depthwise convolutions: each channel by itself with its own window of weights.

use super::simd::{Vector, dispatch};
use super::{Block, Processor};

/// The windows of a depthwise convolution over pictures of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Height and width of a window, odd.
    pub kernel: usize,
    pub stride: usize,
    /// Rows and columns of zeros above and to the left.
    pub pads: [usize; 2],
    /// Height and width.
    pub input: [usize; 2],
    /// Height and width.
    pub output: [usize; 2],
}

impl Geometry {
    /// Whether the kernels know windows of this size and stride.
    pub fn is_known(self) -> bool {
        matches!((self.kernel, self.stride), (3 | 5, 1 | 2))
    }
}

/// Weights `[C][kernel * kernel]` as the kernel takes them: `[C / 8][kernel * kernel][8]`.
pub fn pack(weights: &[f32], channels: usize) -> Vec<Block> {
    let taps = weights.len() / channels;
    let mut packed = vec![[0.0; 8]; channels.div_ceil(8) * taps];
    for (channel, window) in weights.chunks_exact(taps).enumerate() {
        for (tap, &weight) in window.iter().enumerate() {
            packed[channel / 8 * taps + tap][channel % 8] = weight;
        }
    }
    packed
}

/// `out[c][y][x] = clamp(bias[c] + sum over the window of input[c] * weights[c])` for as many blocks of channels as `bias` has.
///
/// # Panics
/// For windows that [`Geometry::is_known`] does not know.
pub fn depthwise(
    processor: Processor,
    x: &[Block],
    weights: &[Block],
    bias: &[Block],
    clamp: [f32; 2],
    geometry: Geometry,
    out: &mut [Block],
) {
    dispatch!(
        processor,
        run(x: &[Block], weights: &[Block], bias: &[Block], clamp: [f32; 2], geometry: Geometry, out: &mut [Block])
    );
}

#[inline(always)]
fn run<V: Vector>(
    x: &[Block],
    weights: &[Block],
    bias: &[Block],
    clamp: [f32; 2],
    geometry: Geometry,
    out: &mut [Block],
) {
    let (inside, outside) = (geometry.input[0] * geometry.input[1], geometry.output[0] * geometry.output[1]);
    let planes = x.chunks_exact(inside).zip(weights.chunks_exact(geometry.kernel * geometry.kernel)).zip(bias);
    for (((x, weights), bias), out) in planes.zip(out.chunks_exact_mut(outside)) {
        match (geometry.kernel, geometry.stride) {
            (3, 1) => plane::<V, 3, 9, 1, 4>(x, weights, bias, clamp, geometry, out),
            (3, 2) => plane::<V, 3, 9, 2, 4>(x, weights, bias, clamp, geometry, out),
            (5, 1) => plane::<V, 5, 25, 1, 5>(x, weights, bias, clamp, geometry, out),
            (5, 2) => plane::<V, 5, 25, 2, 5>(x, weights, bias, clamp, geometry, out),
            other => panic!("no kernel for windows of {other:?}"),
        }
    }
}

/// Eight channels: windows of `K` x `K` = `KK` at every `S`-th pixel, `T` at a time.
#[inline(always)]
fn plane<V: Vector, const K: usize, const KK: usize, const S: usize, const T: usize>(
    x: &[Block],
    weights: &[Block],
    bias: &Block,
    clamp: [f32; 2],
    geometry: Geometry,
    out: &mut [Block],
) {
    let ([height, width], [rows, columns]) = (geometry.input, geometry.output);
    let [top, left] = geometry.pads;
    let Some(weights) = weights.first_chunk::<KK>() else { return };
    // The windows that lie within the picture from left to right: from `first` to before `last`.
    let first = left.div_ceil(S).min(columns);
    let last = ((width + left + S).saturating_sub(K) / S).clamp(first, columns);
    for part in 0..8 / V::LANES {
        let taps: [V; KK] = std::array::from_fn(|tap| V::load(&weights[tap], part));
        let start = V::load(bias, part);
        let limits = clamp.map(V::splat);
        for (row, out) in out.chunks_exact_mut(columns).enumerate().take(rows) {
            // Rows above and below the picture are left out.
            let above = top.saturating_sub(row * S);
            let below = (row * S + K).saturating_sub(height + top);
            let within = above..K - below.min(K - above);
            let origin = (row * S + above).saturating_sub(top);
            let x = &x[origin * width..(origin + within.len()) * width];
            let mut column = 0;
            while column < columns {
                if column >= first && column + T <= last {
                    let at = column * S - left;
                    let sums = if within.len() == K {
                        // Known to the compiler as a number, so that the weights stay in registers.
                        tile::<V, K, KK, S, T>(x, &taps, start, 0..K, at, width, part)
                    } else {
                        tile::<V, K, KK, S, T>(x, &taps, start, within.clone(), at, width, part)
                    };
                    for (sum, out) in sums.into_iter().zip(&mut out[column..column + T]) {
                        sum.clamp(limits[0], limits[1]).store(out, part);
                    }
                    // The last tile may take windows again that the one before it has done: the outcome is the same.
                    column += T;
                    if column < last && column + T > last && last - first >= T {
                        column = last - T;
                    }
                } else {
                    let sum = edge::<V, K, KK, S>(x, &taps, start, within.clone(), column, left, width, part);
                    sum.clamp(limits[0], limits[1]).store(&mut out[column], part);
                    column += 1;
                }
            }
        }
    }
}

/// `T` windows side by side, all of them within the picture's width; `at` is the first one's first column.
#[inline(always)]
fn tile<V: Vector, const K: usize, const KK: usize, const S: usize, const T: usize>(
    x: &[Block],
    taps: &[V; KK],
    start: V,
    within: std::ops::Range<usize>,
    at: usize,
    width: usize,
    part: usize,
) -> [V; T] {
    let mut sums = [start; T];
    for (line, y) in within.enumerate() {
        let x = &x[line * width + at..][..(T - 1) * S + K];
        for (column, block) in x.iter().enumerate() {
            let value = V::load(block, part);
            for (t, sum) in sums.iter_mut().enumerate() {
                // The column is the one of window `t` that lies `column - t * S` from its left.
                if column >= t * S && column - t * S < K {
                    *sum = sum.mul_add(value, taps[y * K + column - t * S]);
                }
            }
        }
    }
    sums
}

/// One window, of which columns may lie outside.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn edge<V: Vector, const K: usize, const KK: usize, const S: usize>(
    x: &[Block],
    taps: &[V; KK],
    start: V,
    within: std::ops::Range<usize>,
    column: usize,
    left: usize,
    width: usize,
    part: usize,
) -> V {
    let mut sum = start;
    for (line, y) in within.enumerate() {
        for tap in 0..K {
            let Some(at) = (column * S + tap).checked_sub(left).filter(|&at| at < width) else { continue };
            sum = sum.mul_add(V::load(&x[line * width + at], part), taps[y * K + tap]);
        }
    }
    sum
}
