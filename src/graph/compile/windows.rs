//! Windows over pictures: convolutions and their transposes, pools, and what is put around a picture.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{OutletId, TractErrorContext, bail, ensure};
use tract_onnx::tract_core::ops::array::{Pad, PadMode};
use tract_onnx::tract_core::ops::cnn::{Conv, Deconv, KernelFormat, MaxPool, PoolSpec, SumPool};
use tract_onnx::tract_core::ops::nn::DataFormat;

use super::{Lowering, Value};
use crate::graph::program::{Binary, Constant, Op, Pool, Shape};

/// At most so many pictures go through one convolution at once.
const MAX_PICTURES: usize = 64;

/// A window over height and width.
#[derive(Debug, Clone, Copy)]
struct Geometry {
    kernel: [usize; 2],
    strides: [usize; 2],
    /// Top, left, bottom, right.
    pads: [usize; 4],
}

impl Lowering<'_> {
    pub(super) fn conv(&mut self, node: &TypedNode, conv: &Conv, inputs: &[Value]) -> TractResult<Value> {
        let spec = &conv.pool_spec;
        let geometry = self.window(node, spec)?;
        if conv.kernel_fmt != KernelFormat::OIHW || conv.q_params.is_some() {
            bail!("only f32 convolutions are supported");
        }
        let (picture, Value::Constant(weights), Value::Constant(bias)) = (inputs[0], inputs[1], inputs[2]) else {
            bail!("only convolutions with constant weights are supported");
        };
        let weights = dilated(&of_pictures(&self.constants[weights])?, dilations(spec))?;
        let bias = self.bias(bias, spec.output_channels);
        let pictures = self.as_pictures(node, picture)?;
        let count = pictures.len();
        let mut parts = Vec::new();
        for picture in pictures {
            parts.push(self.convolution(node, picture, &weights, &bias, conv.group, geometry));
        }
        let value = if count == 1 { parts[0] } else { self.push(&node.name, Op::Concat { axis: 0 }, parts) };
        self.as_asked(node, value)
    }

    /// The pictures `[1, C, H, W]` that a node takes at once; a row `[1, C, W]` is one of height 1.
    fn as_pictures(&mut self, node: &TypedNode, value: Value) -> TractResult<Vec<Value>> {
        let shape = self.shape(node.inputs[0])?;
        let value = match shape[..] {
            [n, c, w] => self.reshape(&node.name, value, vec![n, c, 1, w]),
            _ => value,
        };
        ensure!(shape[0] <= MAX_PICTURES, "{} pictures at once are not supported", shape[0]);
        Ok(match shape[0] {
            1 => vec![value],
            count => (0..count)
                .map(|at| self.push(&node.name, Op::Slice { axis: 0, start: at, end: at + 1 }, vec![value]))
                .collect(),
        })
    }

    /// All pictures that a node takes at once as the channels of one; their pools stay apart.
    fn as_channels(&mut self, node: &TypedNode, value: Value) -> TractResult<Value> {
        let shape = self.shape(node.inputs[0])?;
        let [high, wide] = both(&shape[2..]);
        let to = vec![1, shape[0] * shape[1], high, wide];
        Ok(if shape == to { value } else { self.reshape(&node.name, value, to) })
    }

    /// What became of pictures, in the shape that the node gives.
    fn as_asked(&mut self, node: &TypedNode, value: Value) -> TractResult<Value> {
        let shape = self.shape(OutletId::new(node.id, 0))?;
        Ok(if shape.len() == 3 || shape[0] > 1 { self.reshape(&node.name, value, shape) } else { value })
    }

    /// The values of a bias, one for each filter.
    fn bias(&self, constant: usize, filters: usize) -> Vec<f32> {
        match self.constants[constant].values[..] {
            [same] => vec![same; filters],
            ref each => each.to_vec(),
        }
    }

    /// A convolution of `picture` with `weights` `[O, C / groups, h, w]`.
    fn convolution(
        &mut self,
        node: &TypedNode,
        picture: Value,
        weights: &Constant,
        bias: &[f32],
        groups: usize,
        Geometry { strides, pads, .. }: Geometry,
    ) -> Value {
        let [outputs, depth] = [weights.shape[0], weights.shape[1]];
        let wired = |lowering: &mut Self, picture: Value, filters: std::ops::Range<usize>, depthwise: bool| {
            let each = weights.values.len() / outputs;
            let shape = [&[filters.len()], &weights.shape[1..]].concat();
            let own = weights.values[filters.start * each..filters.end * each].to_vec();
            let own = lowering.add_constant(shape, own);
            let bias = lowering.add_constant(vec![filters.len()], bias[filters].to_vec());
            let op = Op::Conv { strides, pads, depthwise, clamp: None };
            lowering.push(&node.name, op, vec![picture, own, bias])
        };
        let depthwise = groups > 1 && depth == 1 && groups == outputs;
        if groups == 1 || depthwise {
            return wired(self, picture, 0..outputs, depthwise);
        }
        let filters = outputs / groups;
        let mut parts = Vec::new();
        for group in 0..groups {
            let slice = Op::Slice { axis: 1, start: group * depth, end: (group + 1) * depth };
            let part = self.push(&node.name, slice, vec![picture]);
            parts.push(wired(self, part, group * filters..(group + 1) * filters, false));
        }
        self.push(&node.name, Op::Concat { axis: 1 }, parts)
    }

    /// A transposed convolution: zeros between the pixels, then a convolution with the kernels turned by half and their sides changed.
    pub(super) fn deconv(&mut self, node: &TypedNode, deconv: &Deconv, inputs: &[Value]) -> TractResult<Value> {
        let spec = &deconv.pool_spec;
        let (&[_, _], DataFormat::NCHW) = (&spec.kernel_shape[..], spec.data_format) else {
            bail!("only pictures of two dimensions are supported");
        };
        ensure!(deconv.kernel_format == KernelFormat::OIHW, "only kernels [O, I, h, w] are supported");
        let (picture, Value::Constant(weights), Value::Constant(bias)) = (inputs[0], inputs[1], inputs[2]) else {
            bail!("only convolutions with constant weights are supported");
        };
        let bias = self.bias(bias, spec.output_channels);
        let weights = dilated(&turned(&self.constants[weights])?, dilations(spec))?;
        let shape = self.shape(node.inputs[0])?;
        let wanted = self.shape(OutletId::new(node.id, 0))?;
        let strides = strides(spec);
        let details = spec.padding.compute_for_deconv(
            &shape[2..],
            &spec.kernel_shape,
            &spec.dilations(),
            &spec.strides(),
            &deconv.adjustments,
        )?;
        let sparse = self.spread(node, picture, &shape, strides);
        let mut around = vec![(0, 0); 2];
        for axis in 0..2 {
            let reach = weights.shape[2 + axis] - 1;
            let long = (shape[2 + axis] - 1) * strides[axis] + 1;
            let before =
                reach.checked_sub(details[axis].pad_before).context("it cuts off more than its windows reach")?;
            let after = (wanted[2 + axis] + reach)
                .checked_sub(long + before)
                .context("it cuts off more than its windows reach")?;
            around.push((before, after));
        }
        let padded = self.padded(node, sparse, with_zeros_between(&shape, strides), &around, &PadMode::default())?;
        let kernel = [weights.shape[2], weights.shape[3]];
        let geometry = Geometry { kernel, strides: [1, 1], pads: [0; 4] };
        Ok(self.convolution(node, padded, &weights, &bias, deconv.group, geometry))
    }

    /// `[1, C, H, W]` with zeros between its pixels, so that they are `strides` apart.
    fn spread(&mut self, node: &TypedNode, picture: Value, shape: &[usize], strides: [usize; 2]) -> Value {
        if strides == [1, 1] {
            return picture;
        }
        let (c, h, w) = (shape[1], shape[2], shape[3]);
        let mut value = self.reshape(&node.name, picture, vec![1, c, h, 1, w, 1]);
        for (axis, more, zeros) in [
            (3, strides[0], vec![1, c, h, strides[0] - 1, w, 1]),
            (5, strides[1], vec![1, c, h, strides[0], w, strides[1] - 1]),
        ] {
            if more > 1 {
                let zero = self.add_constant(vec![1; 6], vec![0.0]);
                let zeros = self.push(&node.name, Op::Broadcast(zeros), vec![zero]);
                value = self.push(&node.name, Op::Concat { axis }, vec![value, zeros]);
            }
        }
        value = self.reshape(&node.name, value, vec![1, c, h * strides[0], w * strides[1]]);
        let long = with_zeros_between(shape, strides);
        for axis in [2, 3] {
            let slice = Op::Slice { axis, start: 0, end: long[axis] };
            value = self.push(&node.name, slice, vec![value]);
        }
        value
    }

    /// What stands around a tensor: a constant, its edges, or its mirror image.
    pub(super) fn pad(&mut self, node: &TypedNode, pad: &Pad, x: Value) -> TractResult<Value> {
        let shape = self.shape(node.inputs[0])?;
        self.padded(node, x, shape, &pad.pads, &pad.mode)
    }

    /// A value of this shape with so many cells before and behind it along each axis.
    fn padded(
        &mut self,
        node: &TypedNode,
        x: Value,
        mut shape: Shape,
        pads: &[(usize, usize)],
        mode: &PadMode,
    ) -> TractResult<Value> {
        let mut value = x;
        for (axis, &(before, after)) in pads.iter().enumerate() {
            if (before, after) == (0, 0) {
                continue;
            }
            let length = shape[axis];
            let mirrored = *mode == PadMode::Reflect;
            ensure!(!mirrored || before.max(after) < length, "it mirrors more than there is");
            let mut parts = Vec::new();
            let mut add = |count: usize, from: &dyn Fn(usize) -> usize, parts: &mut Vec<Value>| -> TractResult<()> {
                if let (PadMode::Constant(constant), true) = (mode, count > 0) {
                    let constant = self.add_constant(vec![1; shape.len()], vec![constant.cast_to_scalar::<f32>()?]);
                    let to = [&shape[..axis], &[count], &shape[axis + 1..]].concat();
                    parts.push(self.push(&node.name, Op::Broadcast(to), vec![constant]));
                    return Ok(());
                }
                for at in 0..count {
                    let (start, end) = (from(at), from(at) + 1);
                    parts.push(self.push(&node.name, Op::Slice { axis, start, end }, vec![value]));
                }
                Ok(())
            };
            add(before, &|at| if mirrored { before - at } else { 0 }, &mut parts)?;
            parts.push(value);
            add(after, &|at| if mirrored { length - 2 - at } else { length - 1 }, &mut parts)?;
            value = self.push(&node.name, Op::Concat { axis }, parts);
            shape[axis] += before + after;
        }
        Ok(value)
    }

    pub(super) fn max_pool(&mut self, node: &TypedNode, pool: &MaxPool, x: Value) -> TractResult<Value> {
        ensure!(dilations(&pool.pool_spec) == [1, 1], "dilations are not supported");
        let Geometry { kernel, strides, pads } = self.window(node, &pool.pool_spec)?;
        let picture = self.as_channels(node, x)?;
        let value = self.push(&node.name, Op::Pool { kind: Pool::Max, kernel, strides, pads }, vec![picture]);
        self.as_asked(node, value)
    }

    /// Means over windows. A program's divides by all cells of a window; where some do not count, a factor for each window mends that.
    pub(super) fn sum_pool(&mut self, node: &TypedNode, pool: &SumPool, x: Value) -> TractResult<Value> {
        let spec = &pool.pool_spec;
        ensure!(dilations(spec) == [1, 1], "dilations are not supported");
        let Geometry { kernel, strides, pads } = self.window(node, spec)?;
        let picture = self.as_channels(node, x)?;
        let value = self.push(&node.name, Op::Pool { kind: Pool::Mean, kernel, strides, pads }, vec![picture]);
        let sides = Sides::of(spec, &self.shape(node.inputs[0])?, &self.shape(OutletId::new(node.id, 0))?);
        let area = kernel[0] * kernel[1];
        // Of window `at` along an axis, how many cells count. Beyond the padding that the file asks for, none does.
        let counted = |axis: usize, at: usize| {
            let (from, length) = (at * strides[axis], sides.picture[axis]);
            let [before, after] = sides.asked[axis];
            let (least, most) =
                if pool.count_include_pad { (0, before + length + after) } else { (before, before + length) };
            (from + kernel[axis]).min(most).saturating_sub(from.max(least))
        };
        let factor = |y: usize, x: usize| {
            let divisor = if pool.normalize { counted(0, y) * counted(1, x) } else { 1 };
            area as f32 / divisor.max(1) as f32
        };
        let [high, wide] = sides.output;
        let factors: Vec<f32> = (0..high).flat_map(|y| (0..wide).map(move |x| factor(y, x))).collect();
        let value = if factors.iter().all(|&factor| factor == 1.0) {
            value
        } else {
            let factors = self.add_constant(vec![1, 1, high, wide], factors);
            self.join(node, Binary::Mul, value, factors)
        };
        self.as_asked(node, value)
    }

    fn window(&self, node: &TypedNode, spec: &PoolSpec) -> TractResult<Geometry> {
        ensure!(
            matches!(spec.kernel_shape.len(), 1 | 2) && spec.data_format == DataFormat::NCHW,
            "only pictures of two dimensions are supported"
        );
        let kernel = both(&spec.kernel_shape);
        let sides = Sides::of(spec, &self.shape(node.inputs[0])?, &self.shape(OutletId::new(node.id, 0))?);
        let strides = strides(spec);
        let mut pads = [0; 4];
        for axis in 0..2 {
            let reach = (kernel[axis] - 1) * dilations(spec)[axis] + 1;
            let [before, after] = sides.asked[axis];
            pads[axis] = before;
            // Windows that reach beyond the padding find as little there as in it.
            let needed = (sides.output[axis] - 1) * strides[axis] + reach;
            pads[axis + 2] = after.max(needed.saturating_sub(before + sides.picture[axis]));
        }
        Ok(Geometry { kernel, strides, pads })
    }
}

/// Height and width of what windows go over and of what they give, and how many cells the file asks for before and behind them.
struct Sides {
    picture: [usize; 2],
    output: [usize; 2],
    asked: [[usize; 2]; 2],
}

impl Sides {
    fn of(spec: &PoolSpec, input: &[usize], output: &[usize]) -> Sides {
        let computed = spec.computed_padding(&input[2..]);
        let [before, after] = [0, 1].map(|end| {
            let pads: Vec<usize> =
                computed.iter().map(|side| if end == 0 { side.pad_before } else { side.pad_after }).collect();
            if let [pad] = pads[..] { [0, pad] } else { both(&pads) }
        });
        let asked = [[before[0], after[0]], [before[1], after[1]]];
        Sides { picture: both(&input[2..]), output: both(&output[2..]), asked }
    }
}

/// Height and width; a row has the height 1.
fn both(lengths: &[usize]) -> [usize; 2] {
    match lengths {
        [width] => [1, *width],
        _ => [lengths[0], lengths[1]],
    }
}

fn strides(spec: &PoolSpec) -> [usize; 2] {
    both(&spec.strides())
}

fn dilations(spec: &PoolSpec) -> [usize; 2] {
    both(&spec.dilations())
}

/// Weights `[O, C, w]` of rows as those of pictures of height 1, `[O, C, 1, w]`; those of pictures as they are.
fn of_pictures(weights: &Constant) -> TractResult<Constant> {
    match weights.shape[..] {
        [_, _, _, _] => Ok(weights.clone()),
        [o, c, w] => Ok(Constant { shape: vec![o, c, 1, w], values: weights.values.clone() }),
        _ => bail!("only pictures of two dimensions are supported"),
    }
}

/// The shape of a picture whose pixels are `strides` apart.
fn with_zeros_between(shape: &[usize], strides: [usize; 2]) -> Shape {
    vec![shape[0], shape[1], (shape[2] - 1) * strides[0] + 1, (shape[3] - 1) * strides[1] + 1]
}

/// Weights `[O, C, h, w]` whose cells lie further apart, with zeros between them.
fn dilated(weights: &Constant, dilations: [usize; 2]) -> TractResult<Constant> {
    let &[o, c, h, w] = &weights.shape[..] else { bail!("only pictures of two dimensions are supported") };
    let [high, wide] = [(h - 1) * dilations[0] + 1, (w - 1) * dilations[1] + 1];
    let mut values = vec![0.0; o * c * high * wide];
    for (at, value) in weights.values.iter().enumerate() {
        let (plane, y, x) = (at / (h * w), at / w % h, at % w);
        values[(plane * high + y * dilations[0]) * wide + x * dilations[1]] = *value;
    }
    Ok(Constant { shape: vec![o, c, high, wide], values })
}

/// Weights `[O, C, h, w]` turned by half.
fn turned(weights: &Constant) -> TractResult<Constant> {
    let &[_, _, h, w] = &weights.shape[..] else { bail!("only pictures of two dimensions are supported") };
    let values = weights.values.chunks_exact(h * w).flat_map(|kernel| kernel.iter().rev().copied()).collect();
    Ok(Constant { shape: weights.shape.clone(), values })
}
