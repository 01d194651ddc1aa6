//! From an ONNX file to a [`Program`], by tract: it parses the file, fixes N and types every tensor; what is left here is to name each
//! of its operators in ours, and to let a convolution take in the bias, clamp and sum that follow it. Not part of the page.

use std::collections::HashMap;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{AxisOp, DimLike, OutletId, TractErrorContext, bail, format_err};
use tract_onnx::tract_core::ops::array::{MultiBroadcastTo, Slice, TypedConcat};
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cast::Cast;
use tract_onnx::tract_core::ops::cnn::{Conv, KernelFormat, MaxPool, PaddingSpec, PoolSpec, SumPool};
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_core::ops::nn::{DataFormat, Reduce, Reducer};
use tract_onnx::tract_core::ops::source::TypedSource;

use super::program::{Binary, Constant, Op, Pool, Program, Shape, Step, Unary};
use crate::error::{Error, Result};
use crate::model::sha256;

/// Compiles an ONNX file with the input `[N, 1, size, size]` for N = 1.
///
/// # Errors
/// [`Error::Model`] when it cannot be parsed, or names the operator that LungGlass does not run.
pub fn compile(onnx: &[u8], size: usize) -> Result<Program> {
    try_compile(onnx, size).map_err(|error| Error::Model(format!("{error:#}")))
}

fn try_compile(onnx: &[u8], size: usize) -> TractResult<Program> {
    let mut model = tract_onnx::onnx().model_for_read(&mut &onnx[..])?;
    model.set_input_fact(0, f32::fact([1, 1, size, size]).into())?;
    let names: Vec<String> = model
        .output_outlets()?
        .iter()
        .map(|outlet| model.outlet_label(*outlet).unwrap_or(&model.node(outlet.node).name).to_string())
        .collect();
    let model = model.into_typed()?;
    let mut lowering = Lowering { model: &model, values: HashMap::new(), constants: Vec::new(), steps: Vec::new() };
    for id in model.eval_order()? {
        let node = model.node(id);
        lowering.node(node).with_context(|| format!("node {} ({})", node.name, node.op.name()))?;
    }
    lowering.finish(sha256(onnx), vec![1, 1, size, size], names)
}

/// A value while the number of constants is still open.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Value {
    Input,
    Constant(usize),
    Step(usize),
}

struct Lowering<'a> {
    model: &'a TypedModel,
    values: HashMap<OutletId, Value>,
    constants: Vec<Constant>,
    steps: Vec<(String, Op, Vec<Value>)>,
}

impl Lowering<'_> {
    fn node(&mut self, node: &TypedNode) -> TractResult<()> {
        let value = if node.op_is::<TypedSource>() {
            Value::Input
        } else if let Some(constant) = node.op_as::<Const>() {
            // Shapes and the like are constants too, of another type; nothing that runs takes them.
            if constant.val().datum_type() != f32::datum_type() {
                return Ok(());
            }
            let values = constant.val().try_as_plain_ram()?.as_slice::<f32>()?.to_vec();
            self.add_constant(constant.val().shape().to_vec(), values)
        } else {
            let inputs: Option<Vec<Value>> = node.inputs.iter().map(|input| self.values.get(input).copied()).collect();
            let inputs = inputs.context("it takes a tensor that is no f32")?;
            self.operator(node, inputs)?
        };
        self.values.insert(OutletId::new(node.id, 0), value);
        Ok(())
    }

    fn operator(&mut self, node: &TypedNode, inputs: Vec<Value>) -> TractResult<Value> {
        let op = if let Some(conv) = node.op_as::<Conv>() {
            self.conv(conv)?
        } else if let Some(pool) = node.op_as::<SumPool>() {
            let (kernel, strides, pads) = window(&pool.pool_spec)?;
            if !pool.normalize || pads != [0; 4] {
                bail!("only means over windows without padding are supported");
            }
            Op::Pool { kind: Pool::Mean, kernel, strides, pads }
        } else if let Some(pool) = node.op_as::<MaxPool>() {
            let (kernel, strides, pads) = window(&pool.pool_spec)?;
            Op::Pool { kind: Pool::Max, kernel, strides, pads }
        } else if let Some(op) = node.op_as::<ElementWiseOp>() {
            Op::Unary(unary(&op.0.name())?)
        } else if let Some(op) = node.op_as::<TypedBinOp>() {
            let binary = binary(op.0.name())?;
            match self.fuse(node, binary, &inputs)? {
                Some(value) => return Ok(value),
                None => Op::Binary(binary),
            }
        } else if let Some(reduce) = node.op_as::<Reduce>() {
            if reduce.reducer != Reducer::Sum {
                bail!("only sums and means are supported, not {:?}", reduce.reducer);
            }
            Op::Sum { axes: reduce.axes.to_vec() }
        } else if let Some(product) = node.op_as::<EinSum>() {
            let formula = product.axes.to_string();
            if !is_matrix_product(&formula) {
                bail!("only matrix products are supported, not {formula}");
            }
            Op::MatMul
        } else if let Some(op) = node.op_as::<AxisOp>() {
            if matches!(op, AxisOp::Move(..)) {
                bail!("axes cannot change places");
            }
            let shape = self.shape(OutletId::new(node.id, 0))?;
            if let [Value::Constant(at)] = inputs[..] {
                let values = self.constants[at].values.clone();
                return Ok(self.add_constant(shape, values));
            }
            Op::Reshape(shape)
        } else if node.op_is::<MultiBroadcastTo>() {
            Op::Broadcast(self.shape(OutletId::new(node.id, 0))?)
        } else if let Some(slice) = node.op_as::<Slice>() {
            Op::Slice { axis: slice.axis, start: slice.start.to_usize()?, end: slice.end.to_usize()? }
        } else if let Some(concat) = node.op_as::<TypedConcat>() {
            Op::Concat { axis: concat.axis }
        } else if let (Some(cast), &[input]) = (node.op_as::<Cast>(), &inputs[..]) {
            if cast.to != f32::datum_type() {
                bail!("only f32 is supported");
            }
            return Ok(input);
        } else {
            bail!("this operator is not supported");
        };
        self.steps.push((node.name.clone(), op, inputs));
        Ok(Value::Step(self.steps.len() - 1))
    }

    fn conv(&self, conv: &Conv) -> TractResult<Op> {
        let spec = &conv.pool_spec;
        let (_, strides, pads) = window(spec)?;
        let depthwise = conv.group > 1;
        if conv.kernel_fmt != KernelFormat::OIHW || conv.q_params.is_some() {
            bail!("only f32 convolutions are supported");
        }
        if depthwise && (conv.group != spec.input_channels || conv.group != spec.output_channels) {
            bail!("only whole and depthwise convolutions are supported, not {} groups", conv.group);
        }
        Ok(Op::Conv { strides, pads, depthwise, clamp: None })
    }

    /// Lets the convolution before take in a clamp or a sum, if nobody else sees what it gives.
    fn fuse(&mut self, node: &TypedNode, binary: Binary, inputs: &[Value]) -> TractResult<Option<Value>> {
        for (own, other) in [(0, 1), (1, 0)] {
            let Value::Step(at) = inputs[own] else { continue };
            let outlet = node.inputs[own];
            let seen_once = self.model.node(outlet.node).outputs[outlet.slot].successors.len() == 1
                && !self.model.output_outlets()?.contains(&outlet);
            let shape = self.shape(outlet)?;
            let alike = self.shape(node.inputs[other])? == shape && self.shape(OutletId::new(node.id, 0))? == shape;
            let limit = match inputs[other] {
                Value::Constant(at) => match self.constants[at].values[..] {
                    [limit] => Some(limit),
                    _ => None,
                },
                _ => None,
            };
            // The sum must be there before the convolution.
            let earlier = match inputs[other] {
                Value::Step(other) => other < at,
                _ => true,
            };
            let (_, Op::Conv { clamp, .. }, taken) = &mut self.steps[at] else { continue };
            if !seen_once {
                continue;
            }
            match (binary, limit) {
                (Binary::Max, Some(limit)) => {
                    let [low, high] = clamp.unwrap_or([f32::NEG_INFINITY, f32::INFINITY]);
                    *clamp = Some([low.max(limit), high.max(limit)]);
                }
                (Binary::Min, Some(limit)) => {
                    let [low, high] = clamp.unwrap_or([f32::NEG_INFINITY, f32::INFINITY]);
                    *clamp = Some([low.min(limit), high.min(limit)]);
                }
                (Binary::Add, None) if alike && earlier && clamp.is_none() && taken.len() == 3 => {
                    taken.push(inputs[other])
                }
                _ => continue,
            }
            return Ok(Some(inputs[own]));
        }
        Ok(None)
    }

    fn add_constant(&mut self, shape: Shape, values: Vec<f32>) -> Value {
        let constant = Constant { shape, values };
        let at = self.constants.iter().position(|known| *known == constant).unwrap_or_else(|| {
            self.constants.push(constant);
            self.constants.len() - 1
        });
        Value::Constant(at)
    }

    fn shape(&self, outlet: OutletId) -> TractResult<Shape> {
        let fact = self.model.outlet_fact(outlet)?;
        Ok(fact.shape.as_concrete().context("a shape is not fixed")?.to_vec())
    }

    /// Numbers the values and leaves out the constants that no step takes.
    fn finish(self, onnx: String, input: Shape, names: Vec<String>) -> TractResult<Program> {
        let used = |at: usize| self.steps.iter().any(|(_, _, inputs)| inputs.contains(&Value::Constant(at)));
        let kept: Vec<usize> = (0..self.constants.len()).filter(|&at| used(at)).collect();
        let number = |value: Value| match value {
            Value::Input => Ok(0),
            Value::Constant(at) => {
                let place = kept.iter().position(|&kept| kept == at).context("an output is a constant")?;
                Ok::<_, TractError>(1 + place)
            }
            Value::Step(at) => Ok(1 + kept.len() + at),
        };
        let mut steps = Vec::new();
        for (name, op, inputs) in &self.steps {
            let inputs = inputs.iter().map(|&input| number(input)).collect::<TractResult<_>>()?;
            steps.push(Step { name: name.clone(), op: op.clone(), inputs });
        }
        let mut outputs = Vec::new();
        for (name, outlet) in names.into_iter().zip(self.model.output_outlets()?) {
            let value = *self.values.get(outlet).with_context(|| format!("the output {name} is no f32"))?;
            outputs.push((name, number(value)?));
        }
        let constants = kept.iter().map(|&at| self.constants[at].clone()).collect();
        let program = Program { onnx, input, constants, steps, outputs };
        program.shapes().map_err(|reason| format_err!("{reason}"))?;
        Ok(program)
    }
}

/// Kernel, strides and pads of a window over height and width.
fn window(spec: &PoolSpec) -> TractResult<([usize; 2], [usize; 2], [usize; 4])> {
    let (&[h, w], DataFormat::NCHW) = (&spec.kernel_shape[..], spec.data_format) else {
        bail!("only pictures of two dimensions are supported");
    };
    if spec.dilations.as_ref().is_some_and(|dilations| dilations.iter().any(|&dilation| dilation != 1)) {
        bail!("dilations are not supported");
    }
    let pads = match &spec.padding {
        PaddingSpec::Valid => [0; 4],
        PaddingSpec::Explicit(before, after) | PaddingSpec::ExplicitOnnxPool(before, after, false) => {
            let (&[top, left], &[bottom, right]) = (&before[..], &after[..]) else {
                bail!("only pictures of two dimensions are supported");
            };
            [top, left, bottom, right]
        }
        other => bail!("the padding {other:?} is not supported"),
    };
    let strides = spec.strides.as_ref().map_or([1, 1], |strides| [strides[0], strides[1]]);
    Ok(([h, w], strides, pads))
}

fn unary(name: &str) -> TractResult<Unary> {
    Ok(match name {
        "Abs" => Unary::Abs,
        "Exp" => Unary::Exp,
        "Floor" => Unary::Floor,
        "Ln" => Unary::Ln,
        "Recip" => Unary::Recip,
        "Rsqrt" => Unary::Rsqrt,
        "Sigmoid" => Unary::Sigmoid,
        "Sqrt" => Unary::Sqrt,
        "Square" => Unary::Square,
        _ => bail!("this function is not supported"),
    })
}

fn binary(name: &str) -> TractResult<Binary> {
    Ok(match name {
        "Add" => Binary::Add,
        "Sub" => Binary::Sub,
        "Mul" => Binary::Mul,
        "Div" => Binary::Div,
        "Max" => Binary::Max,
        "Min" => Binary::Min,
        _ => bail!("this function is not supported"),
    })
}

/// Whether a formula such as `abmk,abkn->abmn` is a product of matrices, whatever its letters.
fn is_matrix_product(formula: &str) -> bool {
    let Some((inputs, product)) = formula.split_once("->") else { return false };
    let Some((a, b)) = inputs.split_once(',') else { return false };
    let [a, b, product] = [a, b, product].map(|axes| axes.as_bytes());
    let (&[ref batch @ .., m, k], &[ref same @ .., inner, n], &[ref kept @ .., row, column]) = (a, b, product) else {
        return false;
    };
    let distinct = m != k && m != n && k != n && ![m, k, n].iter().any(|axis| batch.contains(axis));
    batch == same && batch == kept && k == inner && m == row && n == column && distinct
}
