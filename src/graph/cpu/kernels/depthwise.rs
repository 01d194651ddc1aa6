//! Depthwise convolutions: each channel by itself with its own window of weights.

use super::layout::Windows;
use super::simd::{Vector, dispatch};
use super::{Block, Processor};

/// Square windows that have a kernel of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Geometry {
    /// Height and width of a window, odd.
    kernel: usize,
    stride: usize,
    /// Rows and columns of zeros above and to the left.
    pads: [usize; 2],
    /// Height and width.
    input: [usize; 2],
    /// Height and width.
    output: [usize; 2],
}

impl Geometry {
    /// `None` for windows of another size or stride than the kernels know.
    fn of(windows: Windows) -> Option<Geometry> {
        let Windows { kernel: [kernel, wide], strides: [stride, across], pads, input, output } = windows;
        let is_known = kernel == wide && stride == across && matches!((kernel, stride), (3 | 5 | 7, 1 | 2));
        // Rare, and 1.7 KB that each page would load.
        let is_known = is_known && !(cfg!(target_arch = "wasm32") && (kernel, stride) == (7, 2));
        is_known.then_some(Geometry { kernel, stride, pads, input, output })
    }

    /// The same windows over the picture with its columns of zeros, as many as the windows reach.
    fn widened(self) -> Geometry {
        let width = (self.output[1].max(1) - 1) * self.stride + self.kernel;
        Geometry { pads: [self.pads[0], 0], input: [self.input[0], width], ..self }
    }
}

/// So many blocks of a picture with its columns of zeros are copied together, so that no window reaches over an edge: half of the
/// windows of a small picture would, and these are slow. Large pictures have few, and copying them would cost more.
const WIDENED: usize = 32 * 34;

/// Weights `[C][taps]` as the kernels take them: `[C / 8][taps][8]`.
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
pub fn depthwise(
    processor: Processor,
    x: &[Block],
    weights: &[Block],
    bias: &[Block],
    clamp: [f32; 2],
    windows: Windows,
    out: &mut [Block],
) {
    match Geometry::of(windows) {
        Some(geometry) => dispatch!(
            processor,
            run(x: &[Block], weights: &[Block], bias: &[Block], clamp: [f32; 2], geometry: Geometry, out: &mut [Block])
        ),
        None => dispatch!(
            processor,
            run_any(x: &[Block], weights: &[Block], bias: &[Block], clamp: [f32; 2], windows: Windows, out: &mut [Block])
        ),
    }
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
    let widened = geometry.widened();
    let size = widened.input[0] * widened.input[1];
    // Its columns of zeros stay what they are.
    let mut copy = [[0.0; 8]; WIDENED];
    let planes = x.chunks_exact(inside).zip(weights.chunks_exact(geometry.kernel * geometry.kernel)).zip(bias);
    for (((x, weights), bias), out) in planes.zip(out.chunks_exact_mut(outside)) {
        let (x, geometry) = match copy.get_mut(..size) {
            Some(copy) => {
                widen(x, geometry, widened.input[1], copy);
                (&*copy, widened)
            }
            None => (x, geometry),
        };
        lanes::<V::Narrow, 0>(x, weights, bias, clamp, geometry, out);
        if V::LANES == 4 {
            lanes::<V::Narrow, 1>(x, weights, bias, clamp, geometry, out);
        }
    }
}

/// The rows of `x` to where they belong between the zeros of `out`, whose rows have `width` columns.
#[inline(always)]
fn widen(x: &[Block], geometry: Geometry, width: usize, out: &mut [Block]) {
    let left = geometry.pads[1].min(width);
    for (x, out) in x.chunks_exact(geometry.input[1]).zip(out.chunks_exact_mut(width)) {
        for (x, out) in x.iter().zip(&mut out[left..]) {
            *out = *x;
        }
    }
}

/// The channels of one vector: those from `PART * V::LANES` on.
#[inline(always)]
fn lanes<V: Vector, const PART: usize>(
    x: &[Block],
    weights: &[Block],
    bias: &Block,
    clamp: [f32; 2],
    geometry: Geometry,
    out: &mut [Block],
) {
    match (geometry.kernel, geometry.stride) {
        (3, 1) => plane::<V, PART, 3, 1, 7>(x, weights, bias, clamp, geometry, out),
        (3, 2) => plane::<V, PART, 3, 2, 7>(x, weights, bias, clamp, geometry, out),
        (5, 1) => plane::<V, PART, 5, 1, 7>(x, weights, bias, clamp, geometry, out),
        (5, 2) => plane::<V, PART, 5, 2, 7>(x, weights, bias, clamp, geometry, out),
        (7, 1) => plane::<V, PART, 7, 1, 4>(x, weights, bias, clamp, geometry, out),
        #[cfg(not(target_arch = "wasm32"))]
        (7, 2) => plane::<V, PART, 7, 2, 4>(x, weights, bias, clamp, geometry, out),
        other => panic!("no kernel for windows of {other:?}"),
    }
}

/// Windows of `K` x `K` at every `S`-th pixel, `T` at a time.
#[inline(always)]
fn plane<V: Vector, const PART: usize, const K: usize, const S: usize, const T: usize>(
    x: &[Block],
    weights: &[Block],
    bias: &Block,
    clamp: [f32; 2],
    geometry: Geometry,
    out: &mut [Block],
) {
    let ([height, width], [rows, columns]) = (geometry.input, geometry.output);
    let [top, left] = geometry.pads;
    let weights = weights.as_chunks::<K>().0;
    // The windows that lie within the picture from left to right: from `first` to before `last`.
    let first = left.div_ceil(S).min(columns);
    let last = ((width + left + S).saturating_sub(K) / S).clamp(first, columns);
    let tiled = last - first >= T;
    let limits = clamp.map(V::splat);
    let bias = piece(bias, PART);
    for (row, out) in out.chunks_exact_mut(columns).enumerate().take(rows) {
        // Rows above and below the picture are left out.
        let above = top.saturating_sub(row * S);
        let below = (row * S + K).saturating_sub(height + top);
        let weights = &weights[above..K - below];
        let x = &x[(row * S + above).saturating_sub(top) * width..];
        let mut column = 0;
        while column < columns {
            if tiled && column >= first && column < last {
                // The last tile may take windows again that the one before it has done: the outcome is the same.
                column = column.min(last - T);
                let sums = tile::<V, PART, K, S, T>(x, weights, bias, column * S - left, width);
                for (sum, out) in sums.into_iter().zip(&mut out[column..column + T]) {
                    sum.clamp(limits[0], limits[1]).store(&mut out[PART * V::LANES..]);
                }
                column += T;
            } else {
                let sum = edge::<V, PART, K, S>(x, weights, bias, column, left, width);
                sum.clamp(limits[0], limits[1]).store(&mut out[column][PART * V::LANES..]);
                column += 1;
            }
        }
    }
}

/// `T` windows side by side, all of them within the picture's width; `at` is the first one's first column. `x` and `weights` have as
/// many rows as lie within the picture: a number that the compiler does not know, or it would make one turn of all, more than the
/// registers hold.
#[inline(always)]
fn tile<V: Vector, const PART: usize, const K: usize, const S: usize, const T: usize>(
    x: &[Block],
    weights: &[[Block; K]],
    bias: V,
    at: usize,
    width: usize,
) -> [V; T] {
    let mut sums = [bias; T];
    for (line, weights) in weights.iter().enumerate() {
        let x = &x[line * width + at..][..(T - 1) * S + K];
        let weights: [V; K] = std::array::from_fn(|tap| piece(&weights[tap], PART));
        for (t, sum) in sums.iter_mut().enumerate() {
            for (tap, &weight) in weights.iter().enumerate() {
                *sum = sum.mul_add(piece(&x[t * S + tap], PART), weight);
            }
        }
    }
    sums
}

/// One window, of which columns may lie outside.
#[inline(always)]
fn edge<V: Vector, const PART: usize, const K: usize, const S: usize>(
    x: &[Block],
    weights: &[[Block; K]],
    bias: V,
    column: usize,
    left: usize,
    width: usize,
) -> V {
    let mut sum = bias;
    for (line, weights) in weights.iter().enumerate() {
        let x = &x[line * width..][..width];
        for (tap, weight) in weights.iter().enumerate() {
            let Some(at) = (column * S + tap).checked_sub(left).filter(|&at| at < width) else { continue };
            sum = sum.mul_add(piece(&x[at], PART), piece(weight, PART));
        }
    }
    sum
}

/// The lanes of a block from `part * V::LANES` on.
#[inline(always)]
fn piece<V: Vector>(block: &Block, part: usize) -> V {
    V::load(&block[part * V::LANES..])
}

/// Windows of any size and strides, a cell of the window at a time.
#[inline(always)]
fn run_any<V: Vector>(
    x: &[Block],
    weights: &[Block],
    bias: &[Block],
    clamp: [f32; 2],
    windows: Windows,
    out: &mut [Block],
) {
    let lanes = V::Narrow::LANES;
    let Windows { kernel: [high, wide], strides, pads, input: [height, width], output: [rows, columns] } = windows;
    let limits = clamp.map(V::Narrow::splat);
    let planes = x.chunks_exact(height * width).zip(weights.chunks_exact(high * wide)).zip(bias);
    for (((x, weights), bias), out) in planes.zip(out.chunks_exact_mut(rows * columns)) {
        out.fill(*bias);
        for (tap, weight) in weights.iter().enumerate() {
            let (down, across) = (tap / wide, tap % wide);
            // The windows whose cell lies within the picture.
            let first = pads[1].saturating_sub(across).div_ceil(strides[1]).min(columns);
            let last = (width + pads[1]).saturating_sub(across).div_ceil(strides[1]).clamp(first, columns);
            for (row, out) in out.chunks_exact_mut(columns).enumerate() {
                let Some(y) = (row * strides[0] + down).checked_sub(pads[0]).filter(|&y| y < height) else { continue };
                let line = &x[y * width..][..width];
                for (column, out) in out[first..last].iter_mut().enumerate() {
                    let cell = &line[(first + column) * strides[1] + across - pads[1]];
                    for part in 0..8 / lanes {
                        let sum = piece::<V::Narrow>(out, part).mul_add(piece(cell, part), piece(weight, part));
                        sum.store(&mut out[part * lanes..]);
                    }
                }
            }
        }
        for out in out {
            for part in 0..8 / lanes {
                let limited = piece::<V::Narrow>(out, part).clamp(limits[0], limits[1]);
                limited.store(&mut out[part * lanes..]);
            }
        }
    }
}
