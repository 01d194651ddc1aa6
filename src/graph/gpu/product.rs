//! Matrix products in tiles, and convolutions as such.

use super::prelude::{Prelude, Shader, coordinates};
use super::view::{View, volume};
use super::window::SlidingWindow;

/// Threads across and upwards.
const SIDE: usize = 16;
/// The depth of a tile.
const DEPTH: usize = 16;
/// Rows and columns of the block that one thread computes. The shader has its vectors for them.
const MAX_BLOCK: usize = 4;

/// A matrix product for each of `batch`.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    pub batch: Vec<usize>,
    pub m: usize,
    pub n: usize,
    pub k: usize,
    /// `[batch.., m, k]`.
    pub a: View,
    pub b: Right,
}

/// The right side of a product.
#[derive(Debug, Clone, PartialEq)]
pub enum Right {
    /// `[batch.., k, n]`.
    Matrix(View),
    /// The patches of a picture, as the product with the kernels of a convolution needs them; batch is `[n]`.
    Patches(SlidingWindow),
}

impl Product {
    /// The left side, then what the right one is made of.
    pub fn inputs(&self) -> Vec<&View> {
        match &self.b {
            Right::Matrix(b) => vec![&self.a, b],
            Right::Patches(window) => vec![&self.a, &window.input],
        }
    }

    /// Writes what `product.wgsl` stands on.
    pub fn shader(&self, prelude: &mut Prelude) -> Shader {
        let Product { batch, m, n, k, a, b } = self;
        let block = |length: usize| length.div_ceil(SIDE).next_power_of_two().min(MAX_BLOCK);
        let (rows, columns) = (block(*m), block(*n));
        for (name, value) in
            [("M", *m), ("N", *n), ("K", *k), ("SIDE", SIDE), ("DEPTH", DEPTH), ("ROWS", rows), ("COLUMNS", columns)]
        {
            prelude.constant(name, value);
        }
        lanes(prelude, "Column", "column", rows);
        lanes(prelude, "Row", "row", columns);
        // Beyond an edge there are zeros.
        let matrix = |prelude: &mut Prelude, view: &View, head: &str, edge: &str, [y, x]: [&str; 2]| {
            let mut body = vec![format!("if ({edge}) {{ return 0.0; }}")];
            let mut at = coordinates(&mut body, "b", batch);
            at.extend([y, x].map(String::from));
            body.push(format!("return {};", prelude.element(view, &at)));
            prelude.function(head, body);
        };
        matrix(prelude, a, "left(b: u32, m: u32, k: u32) -> f32", "m >= M || k >= K", ["m", "k"]);
        match b {
            Right::Matrix(view) => {
                matrix(prelude, view, "right(b: u32, k: u32, n: u32) -> f32", "k >= K || n >= N", ["k", "n"]);
            }
            Right::Patches(window) => {
                window.describe(prelude);
                prelude.file(include_str!("shaders/patches.wgsl"));
            }
        }
        let lefts: Vec<String> = (0..rows).map(|at| format!("left(b, m + {at}u, k)")).collect();
        let lefts = format!("return Column({});", lefts.join(", "));
        prelude.function("lefts(b: u32, m: u32, k: u32) -> Column", [lefts]);
        let rights: Vec<String> = (0..columns).map(|at| format!("right(b, k, n + {at}u)")).collect();
        let rights = format!("return Row({});", rights.join(", "));
        prelude.function("rights(b: u32, k: u32, n: u32) -> Row", [rights]);
        let workgroups = [n.div_ceil(columns * SIDE), m.div_ceil(rows * SIDE), volume(batch)].map(|count| count as u32);
        Shader { file: include_str!("shaders/product.wgsl"), entry: "main", workgroups }
    }
}

/// A type of `count` values that a thread brings and uses together, and the function that makes a vector of four of it.
fn lanes(prelude: &mut Prelude, of: &str, name: &str, count: usize) {
    let (values, four) = match count {
        1 => ("f32", "vec4<f32>(values, 0.0, 0.0, 0.0)"),
        2 => ("vec2<f32>", "vec4<f32>(values, 0.0, 0.0)"),
        _ => ("vec4<f32>", "values"),
    };
    prelude.alias(of, values);
    prelude.function(&format!("{name}_lanes(values: {of}) -> vec4<f32>"), [format!("return {four};")]);
}
