//! Pictures of another size: along each axis a product with the matrix that says which pixels a new one is made of, and how much of each.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{OutletId, TractErrorContext, bail, ensure};

use super::{Lowering, Value};
use crate::graph::program::Op;

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

    /// `[from, to]`: what each pixel along `axis` adds to each new one.
    fn resampling(&self, node: &TypedNode, shape: &[usize], wanted: &[usize], axis: usize) -> TractResult<Vec<f32>> {
        let (from, to) = (shape[axis], wanted[axis]);
        let other = 5 - axis;
        // One picture a pixel along the axis; along the other axis all its pixels are alike, and what becomes of them is too.
        let mut picture = vec![0.0; from * shape[2] * shape[3]];
        for (at, value) in picture.iter_mut().enumerate() {
            let (pixel, place) = (at / (shape[2] * shape[3]), at % (shape[2] * shape[3]));
            let along = if axis == 3 { place % shape[3] } else { place / shape[3] };
            *value = f32::from(along == pixel);
        }
        let mut inputs: TVec<TValue> = tvec![];
        let pictures = Tensor::from_shape(&[1, from, shape[2], shape[3]], &picture)?;
        inputs.push(pictures.into());
        for input in &node.inputs[1..] {
            let constant = self.fixed.get(input).context("its size is not fixed")?;
            inputs.push(constant.clone().into_tvalue());
        }
        if shape[1] != from {
            // Sizes and scales name the channels too.
            self.for_channels(node, &mut inputs, shape[1], from)?;
        }
        let outputs = node.op.eval_out_of_plan(inputs)?.context("its size is not fixed")?;
        let output = outputs.first().context("it gives nothing")?;
        let found = output.shape().to_vec();
        if found != [1, from, found[2], found[3]] || found[axis] != to || found[other] == 0 {
            bail!("only the size of height and width may change");
        }
        let values = output.try_as_plain_ram()?.as_slice::<f32>()?;
        let plane = found[2] * found[3];
        let step = if axis == 3 { 1 } else { found[3] };
        Ok((0..from).flat_map(|pixel| (0..to).map(move |at| values[pixel * plane + at * step])).collect())
    }

    /// Sizes among the inputs, which are whole numbers, with another number of channels; scales stay.
    fn for_channels(&self, _: &TypedNode, inputs: &mut TVec<TValue>, from: usize, to: usize) -> TractResult<()> {
        for input in inputs.iter_mut().skip(1) {
            if input.datum_type() == f32::datum_type() || input.len() != 4 {
                continue;
            }
            let sizes = input.cast_to::<i64>()?.into_owned();
            let mut values = sizes.try_as_plain_ram()?.as_slice::<i64>()?.to_vec();
            ensure!(values[1] == from as i64, "only the size of height and width may change");
            values[1] = to as i64;
            *input = Tensor::from_shape(&[4], &values)?.into();
        }
        Ok(())
    }
}
