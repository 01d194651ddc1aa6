//! Convolutions, and products with constant matrices: packs their weights and says which of their pixels are multiplied.

use super::{Known, Layout, Planner, Planning, Tensor, forth, hold};
use crate::graph::cpu::kernels::dense::{self, Grid, Order, Strides, Weights};
use crate::graph::cpu::kernels::layout::Windows;
use crate::graph::cpu::kernels::{blocks, depthwise, product};
use crate::graph::cpu::plan::Kernel;
use crate::graph::program::{Constant, MAX_PACKED, MAX_WEIGHTS, Op, count, count_up_to};

/// So many steps are looked ahead.
const MAX_CHAIN: usize = 24;

impl Planner<'_> {
    pub(super) fn conv(
        &mut self,
        inputs: &[usize],
        strides: [usize; 2],
        pads: [usize; 4],
        depthwise: bool,
        clamp: [f32; 2],
        shape: &[usize],
    ) -> Planning<Tensor> {
        let (picture, weights, bias) = (inputs[0], inputs[1], inputs[2]);
        let fixed = |value: usize| self.program.constant(value).ok_or("its weights must be constants");
        let (Constant { shape: filters, values: weights }, bias) = (fixed(weights)?, fixed(bias)?);
        let &[outputs, channels, h, w] = &filters[..] else { return Err("its weights have no four axes".to_string()) };
        let from = self.shapes[picture].clone();
        let (input, output) = ([from[2], from[3]], [shape[2], shape[3]]);
        let pixels = output[0] * output[1];
        let size = outputs.next_multiple_of(8) * pixels;
        let taps = h * w;
        let filled = if depthwise { outputs.next_multiple_of(8) } else { dense::filled(self.processor, outputs) };
        let packed = count_up_to(MAX_WEIGHTS, &[filled, channels.next_multiple_of(8), taps])?;
        hold(&mut self.packed, packed, MAX_PACKED)?;
        let mut bias = bias.values.clone();
        bias.resize(filled, 0.0);
        let windows = Windows { kernel: [h, w], strides, pads: [pads[0], pads[1]], input, output };
        if depthwise {
            if inputs.len() > 3 {
                return Err("no kernel for depthwise windows with a sum".to_string());
            }
            let weights = depthwise::pack(weights, outputs);
            let x = self.blocked(picture)?;
            let bias = blocks(&bias).to_vec();
            return Ok(self.push(Kernel::Depthwise { weights, bias, clamp, windows }, vec![x], size));
        }
        let mut packed = Weights::default();
        let strides_of = Strides { output: channels * taps, channel: taps, tap: 1 };
        let (x, channels, grid) = if channels == 1 && taps > 1 {
            // The taps become channels, which fill the blocks.
            let x = self.plain(picture)?;
            let size = count(&[taps.next_multiple_of(8), pixels])?;
            let by_tap = Strides { channel: 1, ..strides_of };
            packed.pack(self.processor, weights, by_tap, [outputs, taps, 1]);
            (self.push(Kernel::ColumnsOfOne(windows), vec![x], size), taps, Grid::of_pixels(pixels))
        } else {
            packed.pack(self.processor, weights, strides_of, [outputs, channels, taps]);
            let x = self.blocked(picture)?;
            if taps == 1 && strides == [1, 1] && pads == [0; 4] {
                (x, channels, Grid::of_pixels(pixels))
            } else if strides[0] == strides[1] && strides[0] <= 2 {
                let (x, [rows, width]) = self.padded(x, channels, windows, pads)?;
                let taps = (0..h).flat_map(|row| (0..w).map(move |column| row * width + column)).collect();
                (x, channels, Grid { plane: rows * width, width, taps, stride: strides[0], windows: output })
            } else {
                let depth = channels.next_multiple_of(8) * taps;
                let columns = self.push(Kernel::Columns(windows), vec![x], count(&[depth, pixels])?);
                (columns, depth, Grid::of_pixels(pixels))
            }
        };
        let mut tensors = vec![x];
        if let Some(&added) = inputs.get(3) {
            tensors.push(self.blocked(added)?);
        }
        let kernel = Kernel::Dense {
            before: None,
            channels,
            grid,
            weights: packed,
            bias,
            clamp,
            order: Order::Blocks,
            then: None,
        };
        Ok(self.push(kernel, tensors, size))
    }

    /// A picture in blocks with its zeros around it, and its new rows and columns.
    fn padded(
        &mut self,
        x: Tensor,
        channels: usize,
        windows: Windows,
        pads: [usize; 4],
    ) -> Planning<(Tensor, [usize; 2])> {
        let from = windows.input;
        if pads == [0; 4] {
            return Ok((x, from));
        }
        let to = [from[0] + pads[0] + pads[2], from[1] + pads[1] + pads[3]];
        let size = count(&[channels.next_multiple_of(8), to[0], to[1]])?;
        let kernel = Kernel::Pad { pads: windows.pads, from, to };
        Ok((self.push(kernel, vec![x], size), to))
    }

    /// A product with a matrix that is a constant; `None` for one that changes, that is one of several, or in which much is zero.
    pub(super) fn linear(&mut self, inputs: &[usize], size: usize) -> Planning<Option<Known>> {
        let [left, right] = [0, 1].map(|at| self.shapes[inputs[at]].clone());
        let (&[.., channels, outputs], Some(matrix)) = (&right[..], self.program.constant(inputs[1])) else {
            return Ok(None);
        };
        if !self.is_linear(inputs) {
            return Ok(None);
        }
        let rows = count(&left)? / channels;
        let filled = dense::filled(self.processor, outputs);
        let packed = count_up_to(MAX_WEIGHTS, &[filled, channels.next_multiple_of(8)])?;
        hold(&mut self.packed, packed, MAX_PACKED)?;
        let mut weights = Weights::default();
        let strides = Strides { output: 1, channel: outputs, tap: 0 };
        weights.pack(self.processor, &matrix.values, strides, [outputs, channels, 1]);
        let x = self.turned(inputs[0])?;
        let (grid, bias, clamp) = (Grid::of_pixels(rows), vec![0.0; filled], [f32::NEG_INFINITY, f32::INFINITY]);
        let (order, layout) = match self.flows_on(self.known.len(), MAX_CHAIN) {
            true => (Order::Blocks, Layout::Turned),
            false => (Order::Rows, Layout::Plain),
        };
        let kernel = Kernel::Dense { before: None, channels, grid, weights, bias, clamp, order, then: None };
        Ok(Some(Known::of(layout, self.push(kernel, vec![x], size))))
    }

    /// Whether all that becomes of a value, done element by element, goes to where blocks of its last axis are taken: then it stays in them.
    fn flows_on(&mut self, value: usize, steps: usize) -> bool {
        if let Some(known) = self.flows[value] {
            return known;
        }
        let Some(steps) = steps.checked_sub(1) else { return false };
        let program = self.program;
        let shape = self.shapes[value].clone();
        let fits = shape.last().is_some_and(|last| last.is_multiple_of(8)) && !self.takers[value].is_empty();
        let flows = fits
            && self.takers[value].clone().into_iter().all(|at| {
                let Some(step) = program.steps.get(at) else { return false };
                let (next, inputs) = (program.value_of(at), &step.inputs[..]);
                match &step.op {
                    Op::Unary(_) => self.flows_on(next, steps),
                    Op::Binary(_) => {
                        let beside = |&side: &usize| {
                            self.shapes[side] == shape || self.is_row(side, &shape) || self.number(side).is_some()
                        };
                        self.shapes[next] == shape && inputs.iter().all(beside) && self.flows_on(next, steps)
                    }
                    Op::Reshape(to) => to.last() == shape.last() && self.flows_on(next, steps),
                    Op::MatMul => inputs[0] == value && self.is_linear(inputs),
                    Op::Transpose { order } => shape[0] == 1 && *order == forth(order.len()),
                    _ => false,
                }
            });
        self.flows[value] = Some(flows);
        flows
    }

    /// Whether a product has a right side that is one constant matrix, of which little is zero.
    fn is_linear(&mut self, inputs: &[usize]) -> bool {
        let shape = &self.shapes[inputs[1]];
        let Some(matrix) = self.program.constant(inputs[1]) else { return false };
        shape[..shape.len() - 2].iter().all(|&length| length == 1)
            && !*self.sparse[inputs[1] - 1].get_or_insert_with(|| product::is_sparse(&matrix.values))
    }
}
