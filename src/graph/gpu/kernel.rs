//! Kernels: what a step of a plan runs on the GPU. Knows the computations, neither programs nor wgpu.
//!
//! A kernel computes a value for each element of its output and passes it through an [`Expression`] before it is stored. Its source is a
//! file of `shaders/` behind a prelude, which is written for the very shapes that it works on.

use super::expression::Expression;
use super::prelude::{Prelude, Shader};
use super::product::Product;
use super::sum::Reduction;
use super::view::{View, volume};
use super::window::SlidingWindow;
use super::{direct, pool};
use crate::graph::program::Pool;

/// What a kernel computes before its expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Computation {
    /// Nothing: the expression is all.
    Map,
    /// `[batch.., m, k]` by `[batch.., k, n]`, in tiles.
    Product(Product),
    /// A convolution with few channels a group: each output by itself.
    Direct(SlidingWindow),
    Pool(SlidingWindow, Pool),
    Sum(Reduction),
}

/// A kernel, ready to compile.
#[derive(Debug, Clone, PartialEq)]
pub struct Kernel {
    pub source: String,
    /// The function of the source that it starts with.
    pub entry: &'static str,
    /// The tensors of its bindings, in order; the output's binding follows.
    pub inputs: Vec<usize>,
    pub output: usize,
    pub workgroups: [u32; 3],
}

impl Computation {
    fn inputs(&self) -> Vec<&View> {
        match self {
            Computation::Map => vec![],
            Computation::Product(product) => product.inputs(),
            Computation::Direct(window) | Computation::Pool(window, _) => window.inputs(),
            Computation::Sum(reduction) => vec![&reduction.input],
        }
    }

    /// Writes what its shader stands on; the output has `total` elements.
    fn shader(&self, prelude: &mut Prelude, total: usize) -> Shader {
        match self {
            Computation::Map => {
                let workgroups = prelude.threads(total);
                Shader { file: include_str!("shaders/map.wgsl"), entry: "main", workgroups }
            }
            Computation::Product(product) => product.shader(prelude),
            Computation::Direct(window) => direct::shader(window, prelude),
            Computation::Pool(window, kind) => pool::shader(window, *kind, prelude, total),
            Computation::Sum(reduction) => reduction.shader(prelude, total),
        }
    }
}

/// The tensors that a kernel for both reads, in order.
pub fn inputs(computation: &Computation, expression: &Expression) -> Vec<usize> {
    let mut inputs: Vec<usize> = computation.inputs().iter().map(|view| view.tensor).collect();
    expression.views(&mut |view| inputs.push(view.tensor));
    inputs.sort_unstable();
    inputs.dedup();
    inputs
}

/// Writes the kernel that computes `computation`, then `expression`, into `output`, which has the output's shape.
pub fn kernel(computation: &Computation, expression: &Expression, output: &View) -> Kernel {
    let inputs = inputs(computation, expression);
    let mut prelude = Prelude::new(&inputs, expression, output);
    let shader = computation.shader(&mut prelude, volume(&output.shape));
    let source = prelude.with(&shader);
    let Shader { entry, workgroups, .. } = shader;
    Kernel { source, entry, inputs, output: output.tensor, workgroups }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use wgpu::naga::front::wgsl;
    use wgpu::naga::valid::{Capabilities, ValidationFlags, Validator};

    use super::super::expression::{binary, unary};
    use super::super::product::Right;
    use super::*;
    use crate::graph::program::{Binary, Unary};

    /// What the GPU would be given, as wgpu itself reads it.
    fn check(kernel: &Kernel) -> Result<(), String> {
        let source = &kernel.source;
        let module = wgsl::parse_str(source).map_err(|error| error.emit_to_string(source))?;
        let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
            .validate(&module)
            .map_err(|error| error.emit_to_string(source))?;
        let entry = module.entry_points.iter().position(|entry| entry.name == kernel.entry);
        let entry = info.get_entry_point(entry.ok_or_else(|| format!("there is no function {}", kernel.entry))?);
        // The layout is made of what the kernel uses: nothing else can be bound.
        let bound = module.global_variables.iter().filter(|(_, variable)| variable.binding.is_some());
        let used = bound.filter(|(variable, _)| !entry[*variable].is_empty()).count();
        if used != kernel.inputs.len() + 1 {
            return Err(format!("of {} inputs and an output it uses {used}", kernel.inputs.len()));
        }
        Ok(())
    }

    /// The computation by itself, and as part of an expression whose values go between others.
    fn compiles(computation: &Computation, shape: &[usize]) -> Vec<Kernel> {
        let last = shape.len() - 1;
        let bias = View::whole(8, &shape[last..]).broadcast(shape);
        let sum = Expression::Apply(binary(Binary::Add), vec![Expression::Computed, Expression::Load(bias)]);
        let mut wide = shape.to_vec();
        wide[last] += 3;
        let between = View::whole(9, &wide).slice(last, 1, 1 + shape[last]);
        [(Expression::Computed, View::whole(9, shape)), (sum, between)]
            .map(|(expression, output)| {
                let kernel = kernel(computation, &expression, &output);
                check(&kernel).unwrap_or_else(|problem| panic!("{problem}\n{computation:?}\n{}", kernel.source));
                kernel
            })
            .into()
    }

    /// Pictures `[2, 6, 11, 13]`, cut out of larger ones, under a window.
    fn window(
        outputs: usize,
        groups: usize,
        kernel: [usize; 2],
        strides: [usize; 2],
        before: [usize; 2],
    ) -> SlidingWindow {
        let input = View::whole(0, &[2, 6, 11, 20]).slice(3, 4, 17);
        let side = |axis: usize| (input.shape[2 + axis] + 2 * before[axis] - kernel[axis]) / strides[axis] + 1;
        SlidingWindow {
            weights: Some(View::whole(1, &[outputs, 6 / groups, kernel[0], kernel[1]])),
            output: [2, outputs, side(0), side(1)],
            groups,
            kernel,
            strides,
            before,
            input,
        }
    }

    /// Windows of every form, strides and edges.
    const WINDOWS: [([usize; 2], [usize; 2], [usize; 2]); 6] = [
        ([1, 1], [1, 1], [0, 0]),
        ([1, 1], [2, 3], [0, 0]),
        ([3, 3], [1, 1], [1, 1]),
        ([5, 5], [2, 2], [2, 1]),
        ([1, 7], [1, 4], [0, 3]),
        ([7, 9], [3, 1], [3, 4]),
    ];

    #[test]
    fn maps_compile() {
        compiles(&Computation::Map, &[1]);
        compiles(&Computation::Map, &[2, 1, 5, 7]);
        let view = View::whole(0, &[5, 1]).broadcast(&[3, 5, 7]);
        let load = || Expression::Load(view.clone());
        use {Binary::*, Unary::*};
        let unaries =
            [Abs, Exp, Floor, Ln, Recip, Rsqrt, Sigmoid, Sqrt, Square, Erf, Tanh].map(|function| (unary(function), 1));
        let binaries = [Add, Sub, Mul, Div, Min, Max].map(|function| (binary(function), 2));
        for (code, count) in unaries.into_iter().chain(binaries) {
            let constants = [f32::NEG_INFINITY, -1e-40, 0.0, 6.0, f32::MAX].map(Expression::Scalar);
            for constant in constants {
                let operands = [load(), constant][..count].to_vec();
                let kernel =
                    kernel(&Computation::Map, &Expression::Apply(code, operands), &View::whole(9, &view.shape));
                check(&kernel).unwrap_or_else(|problem| panic!("{problem}\n{}", kernel.source));
            }
        }
    }

    #[test]
    fn products_of_every_block_compile() {
        let mut blocks = BTreeSet::new();
        for (m, n) in [1, 16, 17, 32, 33, 100].into_iter().flat_map(|m| [3, 20, 64].map(|n| (m, n))) {
            for batch in [vec![], vec![3], vec![2, 1, 3]] {
                let of = |rows: usize, columns: usize| [&batch[..], &[rows, columns]].concat();
                // Repeated over the batch; cut out of a larger one.
                let a = View::whole(0, &[m, 37]).broadcast(&of(m, 37));
                let b = View::whole(1, &of(40, n)).slice(batch.len(), 2, 39);
                let product = Product { m, n, k: 37, a, b: Right::Matrix(b), batch: batch.clone() };
                for kernel in compiles(&Computation::Product(product), &of(m, n)) {
                    let lines = kernel.source.lines();
                    let block =
                        lines.filter(|line| line.starts_with("const ROWS") || line.starts_with("const COLUMNS"));
                    blocks.insert(block.map(String::from).collect::<Vec<_>>());
                }
            }
        }
        assert_eq!(blocks.len(), 9, "{blocks:?}");
    }

    #[test]
    fn convolutions_compile() {
        for (kernel, strides, before) in WINDOWS {
            for outputs in [1, 20, 70] {
                let window = window(outputs, 1, kernel, strides, before);
                let (k, [n, o, h, w]) = (6 * kernel[0] * kernel[1], window.output);
                let a = View::whole(1, &[o, k]).broadcast(&[n, o, k]);
                let (m, n, batch) = (o, h * w, vec![n]);
                let product = Product { m, n, k, a, b: Right::Patches(window.clone()), batch };
                compiles(&Computation::Product(product), &window.output);
                compiles(&Computation::Direct(window.clone()), &window.output);
            }
            let window = window(6, 6, kernel, strides, before);
            compiles(&Computation::Direct(window.clone()), &window.output);
        }
    }

    #[test]
    fn pools_compile() {
        for (kernel, strides, before) in WINDOWS {
            for kind in [Pool::Max, Pool::Mean] {
                let window = SlidingWindow { weights: None, ..window(6, 6, kernel, strides, before) };
                compiles(&Computation::Pool(window.clone(), kind), &window.output);
            }
        }
    }

    #[test]
    fn sums_alone_and_together_compile() {
        let mut entries = BTreeSet::new();
        for (axes, kept) in [(vec![], vec![2, 9, 8, 9]), (vec![1], vec![2, 1, 8, 9]), (vec![0, 2, 3], vec![1, 9, 1, 1])]
        {
            let input = View::whole(0, &[2, 9, 8, 12]).slice(3, 2, 11);
            for kernel in compiles(&Computation::Sum(Reduction { input, axes }), &kept) {
                entries.insert(kernel.entry);
            }
        }
        assert_eq!(entries.into_iter().collect::<Vec<_>>(), ["alone", "together"]);
    }

    #[test]
    fn a_kernel_that_no_gpu_would_take_is_found() {
        let good = &compiles(&Computation::Map, &[4])[1];
        let damaged = |from: &str, to: &str| {
            assert!(good.source.contains(from), "{from}");
            check(&Kernel { source: good.source.replace(from, to), ..good.clone() }).unwrap_err()
        };
        assert!(damaged("store(i, ", "stor(i, ").contains("stor"));
        assert!(damaged("finish(i, 0.0)", "finish(i, 0u)").contains("main"));
        assert!(damaged("fn main", "fn other").contains("there is no function main"));
        assert!(damaged("finish(i, 0.0)", "0.0").contains("of 1 inputs and an output it uses 1"));
    }
}
