//! Convolutions with few channels a group: each output by itself.

use std::collections::BTreeSet;

use super::prelude::{Prelude, Shader};
use super::window::SlidingWindow;

/// Outputs that one thread computes. The shader has its vectors and its last lines for them.
const STRIP: usize = 4;

/// Writes what `direct.wgsl` stands on.
pub fn shader(window: &SlidingWindow, prelude: &mut Prelude) -> Shader {
    let [n, o, height, width] = window.output;
    let strips = width.div_ceil(STRIP);
    window.describe(prelude);
    prelude.constant("STRIP", STRIP);
    prelude.constant("STRIPS", strips);
    prelude.constant("GROUP_INPUTS", window.input.shape[1] / window.groups);
    prelude.constant("GROUP_OUTPUTS", o / window.groups);
    let weights = window.weights.as_ref().expect("a convolution has weights");
    let weight = prelude.element(weights, &["o", "c", "ky", "kx"]);
    prelude.function("weight(o: u32, c: u32, ky: u32, kx: u32) -> f32", [format!("return {weight};")]);
    row(window, prelude);
    let workgroups = prelude.threads(n * o * height * strips);
    Shader { file: include_str!("shaders/direct.wgsl"), entry: "main", workgroups }
}

/// `row(sums, ..)`: what row `ky` of the window adds to a strip's sums, which look at columns from `start` on of row `sy` of a picture. The
/// channel is `c` of those of its group, which begin at `first`.
fn row(window: &SlidingWindow, prelude: &mut Prelude) {
    let (width, stride) = (window.kernel[1], window.strides[1]);
    // How far from the strip's first column the outputs look, at one column of the window.
    let columns = |kx: usize| (0..STRIP).map(move |output| output * stride + kx);
    let mut body: Vec<String> = (0..width)
        .flat_map(columns)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .map(|column| format!("let v{column} = look(n, first + c, sy, start + {column}u);"))
        .collect();
    body.push("var all = sums;".to_string());
    for kx in 0..width {
        let values: Vec<String> = columns(kx).map(|column| format!("v{column}")).collect();
        body.push(format!("all += weight(o, c, ky, {kx}u) * vec4<f32>({});", values.join(", ")));
    }
    body.push("return all;".to_string());
    let head = "row(sums: vec4<f32>, n: u32, o: u32, first: u32, c: u32, ky: u32, sy: u32, start: u32) -> vec4<f32>";
    prelude.function(head, body);
}
