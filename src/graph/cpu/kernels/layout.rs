//! From plain pictures to blocks of eight channels and back, and the columns of a convolution. Channels that only fill a block mean nothing.

use std::ops::Range;

use super::Block;

/// `[C][pixels]` to `[C / 8][pixels][8]`.
pub fn block(x: &[f32], pixels: usize, out: &mut [Block]) {
    for (eight, out) in x.chunks(8 * pixels).zip(out.chunks_exact_mut(pixels)) {
        for (pixel, out) in out.iter_mut().enumerate() {
            *out = std::array::from_fn(|lane| eight.get(lane * pixels + pixel).copied().unwrap_or(0.0));
        }
    }
}

/// `[C / 8][pixels][8]` to `[C][pixels]`.
pub fn unblock(x: &[Block], pixels: usize, out: &mut [f32]) {
    for (x, eight) in x.chunks_exact(pixels).zip(out.chunks_mut(8 * pixels)) {
        for (lane, out) in eight.chunks_exact_mut(pixels).enumerate() {
            for (out, block) in out.iter_mut().zip(x) {
                *out = block[lane];
            }
        }
    }
}

/// Rows of a matrix `[rows][C]` as pixels in blocks: `[C / 8][rows][8]`.
pub fn block_rows(x: &[f32], channels: usize, out: &mut [Block]) {
    let rows = x.len() / channels;
    for (eight, out) in out.chunks_exact_mut(rows).enumerate() {
        let first = eight * 8;
        for (row, out) in x.chunks_exact(channels).zip(out) {
            match row[first..].first_chunk::<8>() {
                Some(whole) => *out = *whole,
                None => *out = std::array::from_fn(|lane| row.get(first + lane).copied().unwrap_or(0.0)),
            }
        }
    }
}

/// [`block_rows`] turned back.
pub fn unblock_rows(x: &[Block], channels: usize, out: &mut [f32]) {
    let rows = out.len() / channels;
    for (eight, x) in x.chunks_exact(rows).enumerate() {
        let first = eight * 8;
        for (x, row) in x.iter().zip(out.chunks_exact_mut(channels)) {
            match row[first..].first_chunk_mut::<8>() {
                Some(whole) => *whole = *x,
                None => row[first..].iter_mut().zip(x).for_each(|(out, value)| *out = *value),
            }
        }
    }
}

/// A picture with zeros around it, `[C / 8][pixels]` each; `to` has the rows and columns of the new one.
pub fn pad(x: &[Block], from: [usize; 2], pads: [usize; 2], to: [usize; 2], out: &mut [Block]) {
    let [height, width] = from;
    let planes = x.chunks_exact(height * width).zip(out.chunks_exact_mut(to[0] * to[1]));
    for (x, out) in planes {
        for (row, out) in out.chunks_exact_mut(to[1]).enumerate() {
            let inside = row.checked_sub(pads[0]).filter(|&row| row < height);
            let Some(row) = inside else {
                out.fill([0.0; 8]);
                continue;
            };
            let (before, rest) = out.split_at_mut(pads[1]);
            let (inside, behind) = rest.split_at_mut(width);
            before.fill([0.0; 8]);
            inside.copy_from_slice(&x[row * width..][..width]);
            behind.fill([0.0; 8]);
        }
    }
}

/// The windows of a whole convolution or a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    pub kernel: [usize; 2],
    pub strides: [usize; 2],
    /// Rows and columns of zeros above and to the left.
    pub pads: [usize; 2],
    pub input: [usize; 2],
    pub output: [usize; 2],
}

impl Windows {
    /// The cells of window `at` along an axis that lie in the picture.
    pub fn cells(&self, at: usize, axis: usize) -> Range<usize> {
        let start = at * self.strides[axis];
        let end = (start + self.kernel[axis]).saturating_sub(self.pads[axis]);
        start.saturating_sub(self.pads[axis])..end.min(self.input[axis])
    }

    /// Of a window, which may be larger than any picture.
    pub fn area(&self) -> f32 {
        self.kernel[0] as f32 * self.kernel[1] as f32
    }

    /// The pixel of the picture under `tap` of window `at`; `None` in the padding.
    fn pixel(&self, at: [usize; 2], tap: [usize; 2]) -> Option<usize> {
        let along = |axis: usize| (at[axis] * self.strides[axis] + tap[axis]).checked_sub(self.pads[axis]);
        let (y, x) = (along(0)?, along(1)?);
        (y < self.input[0] && x < self.input[1]).then(|| y * self.input[1] + x)
    }
}

/// The columns that make a convolution pointwise: `[C / 8][pixels]` to `[C / 8][taps][windows]`, all in blocks.
pub fn columns(x: &[Block], windows: Windows, out: &mut [Block]) {
    let [height, width] = windows.output;
    let taps = windows.kernel[0] * windows.kernel[1];
    let planes = x.chunks_exact(windows.input[0] * windows.input[1]);
    for (x, out) in planes.zip(out.chunks_exact_mut(taps * height * width)) {
        for (tap, out) in out.chunks_exact_mut(height * width).enumerate() {
            let tap = [tap / windows.kernel[1], tap % windows.kernel[1]];
            for (row, out) in out.chunks_exact_mut(width).enumerate() {
                for (column, out) in out.iter_mut().enumerate() {
                    *out = windows.pixel([row, column], tap).map_or([0.0; 8], |pixel| x[pixel]);
                }
            }
        }
    }
}

/// The same for a plain picture of one channel: `[pixels]` to `[taps / 8][windows][8]`.
pub fn columns_of_one(x: &[f32], windows: Windows, out: &mut [Block]) {
    let [height, width] = windows.output;
    let taps = windows.kernel[0] * windows.kernel[1];
    for (eight, out) in out.chunks_exact_mut(height * width).enumerate() {
        let places: [Option<[usize; 2]>; 8] = std::array::from_fn(|lane| {
            let tap = eight * 8 + lane;
            (tap < taps).then(|| [tap / windows.kernel[1], tap % windows.kernel[1]])
        });
        for (row, out) in out.chunks_exact_mut(width).enumerate() {
            for (column, out) in out.iter_mut().enumerate() {
                *out = places.map(|place| {
                    let pixel = place.and_then(|place| windows.pixel([row, column], place));
                    pixel.map_or(0.0, |pixel| x[pixel])
                });
            }
        }
    }
}
