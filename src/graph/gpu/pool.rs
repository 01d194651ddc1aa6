//! Pools: the greatest or the mean value of each window.

use super::prelude::{Prelude, Shader};
use super::window::SlidingWindow;
use crate::graph::program::Pool;

/// Windows of at most so many cells are written out.
const MAX_WRITTEN_OUT: usize = 32;

/// Writes what `pool.wgsl` stands on; the output has `total` elements.
pub fn shader(window: &SlidingWindow, kind: Pool, prelude: &mut Prelude, total: usize) -> Shader {
    window.describe(prelude);
    prelude.flag("MAXIMUM", kind == Pool::Max);
    let [height, width] = window.kernel;
    let mut body = vec!["var sum = start;".to_string()];
    if height * width <= MAX_WRITTEN_OUT {
        let cells = (0..height).flat_map(|ky| (0..width).map(move |kx| (ky, kx)));
        body.extend(cells.map(|(ky, kx)| format!("sum = cell(sum, n, c, y, x, {ky}u, {kx}u);")));
    } else {
        body.extend(
            [
                "for (var ky = 0u; ky < WINDOW_HEIGHT; ky++) {",
                "    for (var kx = 0u; kx < WINDOW_WIDTH; kx++) {",
                "        sum = cell(sum, n, c, y, x, ky, kx);",
                "    }",
                "}",
            ]
            .map(String::from),
        );
    }
    body.push("return sum;".to_string());
    prelude.function("window(start: f32, n: u32, c: u32, y: u32, x: u32) -> f32", body);
    let workgroups = prelude.threads(total);
    Shader { file: include_str!("shaders/pool.wgsl"), entry: "main", workgroups }
}
