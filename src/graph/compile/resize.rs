//! Pictures of another size: along each axis a product with the matrix that says which pixels a new one is made of, and how much of each.

use std::sync::Arc;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{OutletId, TractErrorContext, ensure};

use super::{Lowering, Value};
use crate::graph::program::{MAX_VALUES, Op};

impl Lowering<'_> {
    /// A resize, whatever its mode: the node itself, run on the pictures of one pixel each, gives the matrix of each axis.
    pub(super) fn resize(&mut self, node: &TypedNode, x: Value) -> TractResult<Value> {
        let mut shape = self.shape(node.inputs[0])?;
        let wanted = self.shape(OutletId::new(node.id, 0))?;
        ensure!(shape.len() == 4 && shape[..2] == wanted[..2], "only pictures of two dimensions are supported");
        let mut value = x;
        for axis in [3, 2] {
            let matrix = self.resampling(node, &shape, &wanted, axis)?;
            let (from, to) = (shape[axis], wanted[axis]);
            let identity = from == to && (0..from * to).all(|at| matrix[at] == f32::from(at / to == at % to));
            if identity {
                continue;
            }
            // The axis to the end, a product, and back.
            let order = if axis == 3 { [0, 1, 2, 3] } else { [0, 1, 3, 2] };
            if axis == 2 {
                value = self.push(&node.name, Op::Transpose { order: order.to_vec() }, vec![value]);
            }
            let rows = shape.iter().product::<usize>() / from;
            value = self.reshape(&node.name, value, vec![1, rows, from]);
            let matrix = self.add_constant(vec![1, from, to], matrix);
            value = self.push(&node.name, Op::MatMul, vec![value, matrix]);
            shape[axis] = to;
            let now: Vec<usize> = order.iter().map(|&axis| shape[axis]).collect();
            value = self.reshape(&node.name, value, now);
            if axis == 2 {
                value = self.push(&node.name, Op::Transpose { order: order.to_vec() }, vec![value]);
            }
        }
        Ok(value)
    }

    /// `[from, to]`: what share each pixel along `axis` has in each new one.
    fn resampling(&self, node: &TypedNode, shape: &[usize], wanted: &[usize], axis: usize) -> TractResult<Vec<f32>> {
        let (from, to, plane) = (shape[axis], wanted[axis], shape[2] * shape[3]);
        ensure!(from * plane <= MAX_VALUES, "pictures of {} x {} pixels are too large to resize", shape[3], shape[2]);
        // One channel a pixel along the axis; along the other axis all pixels are alike, and what becomes of them is too.
        let mut pictures = vec![0.0; from * plane];
        for (at, value) in pictures.iter_mut().enumerate() {
            let (pixel, place) = (at / plane, at % plane);
            let along = if axis == 3 { place % shape[3] } else { place / shape[3] };
            *value = f32::from(along == pixel);
        }
        let pictures = Tensor::from_shape(&[1, from, shape[2], shape[3]], &pictures)?;
        let mut inputs: TVec<TValue> = tvec![pictures.into()];
        for input in &node.inputs[1..] {
            let constant = self.fixed.get(input).context("its size is not fixed")?;
            inputs.push(for_channels(constant, shape[1], from)?);
        }
        let outputs = node.op.eval_out_of_plan(inputs)?.context("its size is not fixed")?;
        let output = outputs.first().context("it gives nothing")?;
        let found = output.shape();
        ensure!(found.len() == 4 && found[..2] == [1, from], "only the size of height and width may change");
        ensure!(found[axis] == to && found[5 - axis] > 0, "its size is not fixed");
        let (plane, step) = (found[2] * found[3], if axis == 3 { 1 } else { found[3] });
        let values = output.try_as_plain_ram()?.as_slice::<f32>()?;
        let matrix: Vec<f32> =
            (0..from).flat_map(|pixel| (0..to).map(move |at| values[pixel * plane + at * step])).collect();
        // What is made up beyond the edges is no share of a pixel.
        let whole = |at: usize| (0..from).map(|pixel| matrix[pixel * to + at]).sum::<f32>();
        ensure!((0..to).all(|at| (whole(at) - 1.0).abs() < 1e-3), "pixels beyond the edges are not supported");
        Ok(matrix)
    }
}

/// Sizes, which are whole numbers, with another number of channels; scales and what else there is stay.
fn for_channels(constant: &Arc<Tensor>, from: usize, to: usize) -> TractResult<TValue> {
    if constant.datum_type() == f32::datum_type() || constant.len() != 4 {
        return Ok(constant.clone().into_tvalue());
    }
    let mut sizes = constant.cast_to::<i64>()?.try_as_plain_ram()?.as_slice::<i64>()?.to_vec();
    ensure!(sizes[1] == from as i64, "only the size of height and width may change");
    sizes[1] = to as i64;
    Ok(Tensor::from_shape(&[4], &sizes)?.into())
}
