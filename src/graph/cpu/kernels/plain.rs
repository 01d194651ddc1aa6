//! Sums, pools, copies: everything small. Tensors lie row by row, pictures in blocks too where it says so.

use super::layout::Windows;
use super::simd::{Vector, dispatch};
use super::{Block, Processor, functions};
use crate::graph::program::Pool;

/// How a tensor is walked: the axes of what comes out from the outermost, with neighbours that are walked alike made one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// Length, and the step of the input.
    axes: Vec<[usize; 2]>,
}

impl Walk {
    /// For an input of this shape whose axes come in another order: axis `order[i]` at place i.
    pub fn transpose(shape: &[usize], order: &[usize]) -> Walk {
        let steps = steps(shape);
        Walk::of(order.iter().map(|&axis| [shape[axis], steps[axis]]))
    }

    /// For an input that becomes a tensor of the shape `to`; its axes of length 1 are repeated.
    pub fn repeat(from: &[usize], to: &[usize]) -> Walk {
        let steps = steps(from);
        Walk::of((0..to.len()).map(|axis| [to[axis], if from[axis] == 1 { 0 } else { steps[axis] }]))
    }

    fn of(all: impl DoubleEndedIterator<Item = [usize; 2]>) -> Walk {
        let mut axes: Vec<[usize; 2]> = Vec::new();
        for [length, step] in all.rev().filter(|[length, _]| *length > 1) {
            match axes.last_mut() {
                Some([inner, walked]) if step == *walked * *inner => *inner *= length,
                _ => axes.push([length, step]),
            }
        }
        if axes.is_empty() {
            axes.push([1, 1]);
        }
        axes.reverse();
        Walk { axes }
    }

    /// The same in short, where the input is one value, all of them, or all with one run of axes that it lacks.
    pub fn in_short(&self) -> Option<Repeat> {
        match self.axes[..] {
            [[inner, 1]] => Some(Repeat { times: 1, inner }),
            [[times, 0]] | [[_, 1], [times, 0]] => Some(Repeat { times, inner: 1 }),
            [[times, 0], [inner, 1]] | [_, [times, 0], [inner, 1]] => Some(Repeat { times, inner }),
            _ => None,
        }
    }
}

/// From one value of each axis to the next.
fn steps(shape: &[usize]) -> Vec<usize> {
    let mut steps = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        steps[axis - 1] = steps[axis] * shape[axis];
    }
    steps
}

/// A tensor `[outer, inner]` as one of `[outer, times, inner]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeat {
    pub times: usize,
    pub inner: usize,
}

/// Sums over the axis of `length` between `outer` and `inner` ones: `[outer, length, inner]` to `[outer, inner]`.
pub fn sum(processor: Processor, x: &[f32], length: usize, inner: usize, out: &mut [f32]) {
    dispatch!(processor, sum_on(x: &[f32], length: usize, inner: usize, out: &mut [f32]));
}

#[inline(always)]
fn sum_on<V: Vector>(x: &[f32], length: usize, inner: usize, out: &mut [f32]) {
    match inner {
        1 => {
            for (row, out) in x.chunks_exact(length).zip(out) {
                *out = beside(row, 0.0, |sum, value| sum + value);
            }
        }
        // A picture in blocks.
        8 => {
            for (x, out) in x.chunks_exact(length * 8).zip(out.as_chunks_mut().0) {
                // Four sums beside each other, which do not wait for each other.
                let (fours, rest) = x.as_chunks::<32>();
                let mut sums = [[0.0; 8]; 4];
                for four in fours {
                    for (sum, value) in sums.as_flattened_mut().iter_mut().zip(four) {
                        *sum += value;
                    }
                }
                let [first, second, third, fourth] = sums;
                let mut sum: Block =
                    std::array::from_fn(|lane| (first[lane] + second[lane]) + (third[lane] + fourth[lane]));
                for block in rest.as_chunks::<8>().0 {
                    for (sum, value) in sum.iter_mut().zip(block) {
                        *sum += value;
                    }
                }
                *out = sum;
            }
        }
        _ => {
            for (x, out) in x.chunks_exact(length * inner).zip(out.chunks_exact_mut(inner)) {
                out.fill(0.0);
                for row in x.chunks_exact(inner) {
                    for (out, value) in out.iter_mut().zip(row) {
                        *out += value;
                    }
                }
            }
        }
    }
}

/// One value of a row. Sixteen are taken beside each other: faster, and of sums closer to the truth than one.
#[inline(always)]
fn beside(row: &[f32], start: f32, join: impl Fn(f32, f32) -> f32) -> f32 {
    let (parts, rest) = row.as_chunks::<16>();
    let mut sums = [start; 16];
    for part in parts {
        for (sum, &value) in sums.iter_mut().zip(part) {
            *sum = join(*sum, value);
        }
    }
    let mut all = start;
    for value in sums {
        all = join(all, value);
    }
    for &value in rest {
        all = join(all, value);
    }
    all
}

/// Maxima or means over windows of each plane.
pub fn pool(processor: Processor, kind: Pool, x: &[f32], windows: Windows, out: &mut [f32]) {
    dispatch!(processor, pool_on(kind: Pool, x: &[f32], windows: Windows, out: &mut [f32]));
}

#[inline(always)]
fn pool_on<V: Vector>(kind: Pool, x: &[f32], windows: Windows, out: &mut [f32]) {
    let Windows { kernel, strides, pads, input: [height, width], output: [rows, columns] } = windows;
    if kind == Pool::Max && kernel == [height, width] && [rows, columns] == [1, 1] && pads == [0; 2] {
        for (plane, out) in x.chunks_exact(height * width).zip(out) {
            *out = beside(plane, f32::NEG_INFINITY, functions::max);
        }
        return;
    }
    let whole = rows.saturating_mul(kernel[0]) <= height && columns.saturating_mul(kernel[1]) <= width;
    if kind == Pool::Mean && kernel == strides && pads == [0; 2] && whole {
        // Windows side by side: each value is read once, in the order in which they lie.
        let part = 1.0 / windows.area();
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
                let across = windows.cells(column, 1);
                let values = windows.cells(row, 0).flat_map(|y| &x[y * width..][across.clone()]);
                *out = match kind {
                    Pool::Max => values.copied().fold(f32::NEG_INFINITY, functions::max),
                    Pool::Mean => values.sum::<f32>() / windows.area(),
                };
            }
        }
    }
}

/// The same for a picture in blocks.
pub fn pool_blocks(processor: Processor, kind: Pool, x: &[Block], windows: Windows, out: &mut [Block]) {
    dispatch!(processor, pool_blocks_on(kind: Pool, x: &[Block], windows: Windows, out: &mut [Block]));
}

#[inline(always)]
fn pool_blocks_on<V: Vector>(kind: Pool, x: &[Block], windows: Windows, out: &mut [Block]) {
    #[inline(always)]
    fn each(x: &[Block], windows: Windows, out: &mut [Block], start: f32, join: impl Fn(f32, f32) -> f32) {
        let Windows { input: [height, width], output: [rows, columns], .. } = windows;
        for (x, out) in x.chunks_exact(height * width).zip(out.chunks_exact_mut(rows * columns)) {
            for (row, out) in out.chunks_exact_mut(columns).enumerate() {
                let lines = windows.cells(row, 0);
                for (column, out) in out.iter_mut().enumerate() {
                    let across = windows.cells(column, 1);
                    let mut found = [start; 8];
                    for line in lines.clone() {
                        for cell in &x[line * width..][across.clone()] {
                            for (found, &value) in found.iter_mut().zip(cell) {
                                *found = join(*found, value);
                            }
                        }
                    }
                    *out = found;
                }
            }
        }
    }
    match kind {
        Pool::Max => each(x, windows, out, f32::NEG_INFINITY, functions::max),
        Pool::Mean => {
            each(x, windows, out, 0.0, |sum, value| sum + value);
            let part = 1.0 / windows.area();
            out.as_flattened_mut().iter_mut().for_each(|value| *value *= part);
        }
    }
}

/// Repeats axes of length 1 or sorts the axes, as [`Walk::repeat`] and [`Walk::transpose`] say.
pub fn broadcast(walk: &Walk, x: &[f32], out: &mut [f32]) {
    repeat(&walk.axes, x, out);
}

fn repeat(axes: &[[usize; 2]], x: &[f32], out: &mut [f32]) {
    match *axes {
        // Each value several times: how a picture is made larger.
        [[length, 1], [times, 0]] => {
            for (out, &x) in out.chunks_exact_mut(times).zip(&x[..length]) {
                out.fill(x);
            }
        }
        [[length, 1]] => out[..length].copy_from_slice(&x[..length]),
        [[length, 0]] => out[..length].fill(x[0]),
        [[length, step]] => {
            for (out, &x) in out.iter_mut().zip(x.iter().step_by(step)).take(length) {
                *out = x;
            }
        }
        [[length, step], ref inner @ ..] => {
            let size = out.len() / length;
            for (at, out) in out.chunks_exact_mut(size).enumerate() {
                repeat(inner, &x[at * step..], out);
            }
        }
        [] => {}
    }
}

/// Values `start..` of a tensor that is repeated.
#[inline(always)]
pub fn repeated(repeat: Repeat, x: &[f32], start: usize, out: &mut [f32]) {
    let Repeat { times, inner } = repeat;
    let mut at = start;
    let mut out = out;
    while !out.is_empty() {
        let (outer, within) = (at / (times * inner), at % (times * inner));
        let x = &x[outer * inner..][..inner];
        // To the end of this group of equal rows.
        let (now, rest) = out.split_at_mut((times * inner - within).min(out.len()));
        at += now.len();
        out = rest;
        if inner == 1 {
            now.fill(x[0]);
            continue;
        }
        let first = within % inner;
        let (head, tail) = now.split_at_mut(((inner - first) % inner).min(now.len()));
        head.copy_from_slice(&x[first..][..head.len()]);
        if let (Some(block), 8) = (x.first_chunk::<8>(), inner) {
            let (blocks, rest) = tail.as_chunks_mut::<8>();
            blocks.fill(*block);
            rest.copy_from_slice(&block[..rest.len()]);
        } else {
            tail.chunks_mut(inner).for_each(|row| row.copy_from_slice(&x[..row.len()]));
        }
    }
}
