//! Pointwise convolutions, which are nearly all of the arithmetic: each pixel's channels times a matrix.

use std::ops::Range;

use super::simd::{Vector, dispatch};
use super::{Block, Processor};

/// What follows the sums before they are stored.
#[derive(Debug, Clone, Copy)]
pub struct Finish<'a> {
    /// Added to every pixel: `[O / 8]`.
    pub bias: &'a [Block],
    /// Added to each pixel, lies as the output does.
    pub added: Option<&'a [Block]>,
    pub clamp: [f32; 2],
}

/// Weights `[O][C]`, row by row, as the kernel takes them: for each eight outputs, channel after channel, their eight weights. Both
/// numbers are filled up with zeros to multiples of eight.
pub fn pack(weights: &[f32], outputs: usize, channels: usize) -> Vec<Block> {
    let padded = channels.next_multiple_of(8);
    let mut packed = vec![[0.0; 8]; outputs.div_ceil(8) * padded];
    for (output, row) in weights.chunks_exact(channels).enumerate() {
        for (channel, &weight) in row.iter().enumerate() {
            packed[output / 8 * padded + channel][output % 8] = weight;
        }
    }
    packed
}

/// `out[o][p] = clamp(bias[o] + sum over c of x[c][p] * weights[o][c] + added[o][p])`.
///
/// `x` is `[C / 8][pixels]`, `weights` from [`pack`], `out` `[O / 8][pixels]`.
pub fn point(
    processor: Processor,
    x: &[Block],
    channels: usize,
    weights: &[Block],
    finish: Finish,
    pixels: usize,
    out: &mut [Block],
) {
    dispatch!(
        processor,
        run(x: &[Block], channels: usize, weights: &[Block], finish: Finish, pixels: usize, out: &mut [Block])
    );
}

/// So many input values of the pixels taken together: they must stay in the second-level cache while all outputs are made of them.
const CACHED: usize = 20_000;

#[inline(always)]
fn run<V: Vector>(x: &[Block], channels: usize, weights: &[Block], finish: Finish, pixels: usize, out: &mut [Block]) {
    // Tiles of full height, but for pictures of fewer pixels.
    let together = (CACHED / channels).next_multiple_of(V::ROWS);
    let mut first = 0;
    while first < pixels {
        let mut last = (first + together).min(pixels);
        // No rest that is less than a tile.
        if pixels - last < V::ROWS {
            last = pixels;
        }
        panels::<V>(x, channels, weights, finish, pixels, first..last, out);
        first = last;
    }
}

/// All outputs of some pixels.
#[inline(always)]
fn panels<V: Vector>(
    x: &[Block],
    channels: usize,
    weights: &[Block],
    finish: Finish,
    pixels: usize,
    some: Range<usize>,
    out: &mut [Block],
) {
    let padded = channels.next_multiple_of(8);
    // Two vectors a row: both halves of a block, or the same channels of two blocks.
    let together = 2 * V::LANES / 8;
    let mut panel = 0;
    while panel < finish.bias.len() {
        let panels = together.min(finish.bias.len() - panel);
        let weights = &weights[panel * padded..(panel + panels) * padded];
        let finish = Finish {
            bias: &finish.bias[panel..panel + panels],
            added: finish.added.map(|added| &added[panel * pixels..(panel + panels) * pixels]),
            ..finish
        };
        let out = &mut out[panel * pixels..(panel + panels) * pixels];
        if panels == 2 {
            let (first, second) = weights.split_at(padded);
            rows::<V, 2>(x, channels, [first, second], finish, pixels, some.clone(), out);
        } else {
            rows::<V, 1>(x, channels, [weights], finish, pixels, some.clone(), out);
        }
        panel += panels;
    }
}

/// Some pixels of `P` blocks of outputs.
#[inline(always)]
fn rows<V: Vector, const P: usize>(
    x: &[Block],
    channels: usize,
    weights: [&[Block]; P],
    finish: Finish,
    pixels: usize,
    some: Range<usize>,
    out: &mut [Block],
) {
    match V::ROWS {
        6 if some.len() >= 6 => tiles::<V, P, 6>(x, channels, weights, finish, pixels, some, out),
        5 if some.len() >= 5 => tiles::<V, P, 5>(x, channels, weights, finish, pixels, some, out),
        4 if some.len() >= 4 => tiles::<V, P, 4>(x, channels, weights, finish, pixels, some, out),
        _ => tiles::<V, P, 1>(x, channels, weights, finish, pixels, some, out),
    }
}

#[inline(always)]
fn tiles<V: Vector, const P: usize, const R: usize>(
    x: &[Block],
    channels: usize,
    weights: [&[Block]; P],
    finish: Finish,
    pixels: usize,
    some: Range<usize>,
    out: &mut [Block],
) {
    let mut pixel = some.start;
    while pixel < some.end {
        // The last tile may take pixels again that the one before it has done: the outcome is the same.
        pixel = pixel.min(some.end - R);
        tile::<V, P, R>(x, channels, weights, finish, pixels, pixel, out);
        pixel += R;
    }
}

/// `R` pixels of `P` blocks of outputs.
#[allow(clippy::needless_range_loop, reason = "indices that the compiler knows keep the sums in registers")]
#[inline(always)]
fn tile<V: Vector, const P: usize, const R: usize>(
    x: &[Block],
    channels: usize,
    weights: [&[Block]; P],
    finish: Finish,
    pixels: usize,
    pixel: usize,
    out: &mut [Block],
) {
    let parts = 8 / V::LANES;
    let vectors = P * parts;
    let mut sums = [[V::splat(0.0); 2]; R];
    for row in &mut sums {
        for (v, sum) in row.iter_mut().enumerate().take(vectors) {
            *sum = V::load(&finish.bias[v / parts], v % parts);
        }
    }
    let weights = weights.map(|panel| panel.as_chunks::<8>().0);
    for (at, x) in x.chunks_exact(pixels).enumerate() {
        let Some(x) = x[pixel..].first_chunk::<R>() else { return };
        let weights = weights.map(|panel| &panel[at]);
        // Not known to the compiler, which would make eight of one turn, more than the registers hold.
        for channel in 0..(channels - at * 8).min(8) {
            let mut weight = [V::splat(0.0); 2];
            for (v, weight) in weight.iter_mut().enumerate().take(vectors) {
                *weight = V::load(&weights[v / parts][channel], v % parts);
            }
            for row in 0..R {
                let value = V::broadcast(x, row, channel);
                for v in 0..vectors {
                    sums[row][v] = sums[row][v].mul_add(value, weight[v]);
                }
            }
        }
    }
    let [low, high] = finish.clamp.map(V::splat);
    for v in 0..vectors {
        let start = v / parts * pixels + pixel;
        let added = finish.added.map(|added| &added[start..start + R]);
        let out = &mut out[start..start + R];
        for row in 0..R {
            let mut sum = sums[row][v];
            if let Some(added) = added {
                sum = sum.add(V::load(&added[row], v % parts));
            }
            sum.clamp(low, high).store(&mut out[row], v % parts);
        }
    }
}
