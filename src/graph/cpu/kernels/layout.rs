//! From plain pictures to blocks of eight channels and back, and the columns of a convolution. Channels that only fill a block are zero.

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

/// Weights `[O][C][taps]` in the order of [`columns`]' rows: `[O][C / 8][taps][8]`.
pub fn weights_by_column(weights: &[f32], channels: usize, taps: usize) -> Vec<f32> {
    let mut sorted = Vec::with_capacity(weights.len());
    for filter in weights.chunks_exact(channels * taps) {
        for eight in 0..channels.div_ceil(8) {
            for tap in 0..taps {
                for lane in 0..8 {
                    sorted.push(filter.get((eight * 8 + lane) * taps + tap).copied().unwrap_or(0.0));
                }
            }
        }
    }
    sorted
}
