//! Windows that move over pictures, as convolutions and pools look through them.

use super::prelude::Prelude;
use super::view::View;

/// A window that moves over pictures `[n, c, h, w]`.
#[derive(Debug, Clone, PartialEq)]
pub struct SlidingWindow {
    pub input: View,
    /// `[o, c / groups, kh, kw]`; pools have none.
    pub weights: Option<View>,
    pub groups: usize,
    /// `[n, o, h, w]`.
    pub output: [usize; 4],
    pub kernel: [usize; 2],
    pub strides: [usize; 2],
    /// Rows above and columns to the left that are not there.
    pub before: [usize; 2],
}

impl SlidingWindow {
    /// The pictures, then the weights.
    pub fn inputs(&self) -> Vec<&View> {
        std::iter::once(&self.input).chain(&self.weights).collect()
    }

    /// Writes the constants of a window, and `pixel(n, c, y, x)`, a value of the pictures.
    pub fn describe(&self, prelude: &mut Prelude) {
        let [_, channels, height, width] = self.output;
        for (name, value) in [
            ("HEIGHT", self.input.shape[2]),
            ("WIDTH", self.input.shape[3]),
            ("WINDOW_HEIGHT", self.kernel[0]),
            ("WINDOW_WIDTH", self.kernel[1]),
            ("STRIDE_Y", self.strides[0]),
            ("STRIDE_X", self.strides[1]),
            ("BEFORE_Y", self.before[0]),
            ("BEFORE_X", self.before[1]),
            ("OUT_CHANNELS", channels),
            ("OUT_HEIGHT", height),
            ("OUT_WIDTH", width),
        ] {
            prelude.constant(name, value);
        }
        let pixel = prelude.element(&self.input, &["n", "c", "y", "x"]);
        prelude.function("pixel(n: u32, c: u32, y: u32, x: u32) -> f32", [format!("return {pixel};")]);
    }
}
