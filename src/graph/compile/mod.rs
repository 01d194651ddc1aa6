//! From an ONNX file to a [`Program`], by tract: it parses the file, fixes N and types every tensor; what is left here is to say each
//! of its operators in ours, and to let a convolution take in the bias, clamp and sum that follow it. Not part of the page.
//!
//! A program has few operators. Others are made of them where that is exact: a dilated window is a larger one with zeros, groups are
//! convolutions beside each other, and so on.

use std::collections::{HashMap, HashSet};

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{
    AxisOp, DimLike, OutletId, Rewriter, TractErrorContext, bail, ensure, format_err,
};
use tract_onnx::tract_core::ops::array::{MultiBroadcastTo, Slice, TypedConcat};
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cast::Cast;
use tract_onnx::tract_core::ops::cnn::{Conv, KernelFormat, MaxPool, PaddingSpec, PoolSpec, SumPool};
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_core::ops::nn::{DataFormat, Reduce, Reducer, rewrite_nearest_upsample_to_broadcast};
use tract_onnx::tract_core::ops::source::TypedSource;

use super::program::{Binary, Constant, Op, Pool, Program, Shape, Step, Unary};
use crate::error::{Error, Result};
use crate::hash::sha256;

/// Compiles an ONNX file for an input of this shape; a slice is `[1, 1, size, size]`.
///
/// # Errors
/// [`Error::Model`] when it cannot be parsed, or names the operator that LungGlass does not run.
pub fn compile(onnx: &[u8], input: &[usize]) -> Result<Program> {
    try_compile(onnx, input).map_err(|error| Error::Model(format!("{error:#}")))
}

/// Parses an ONNX file of one input, fixes its shape, types every tensor, and gives the names of the outputs.
pub(super) fn parse(onnx: &[u8], input: &[usize]) -> TractResult<(TypedModel, Vec<String>)> {
    let mut model = tract_onnx::onnx().model_for_read(&mut &onnx[..])?;
    let inputs = model.input_outlets()?.len();
    ensure!(inputs == 1, "it has {inputs} inputs instead of 1");
    model.set_input_fact(0, f32::fact(input).into())?;
    let names: Vec<String> = model
        .output_outlets()?
        .iter()
        .map(|outlet| model.outlet_label(*outlet).unwrap_or(&model.node(outlet.node).name).to_string())
        .collect();
    Ok((model.into_typed()?, names))
}

fn try_compile(onnx: &[u8], input: &[usize]) -> TractResult<Program> {
    let (mut model, names) = parse(onnx, input)?;
    simplify(&mut model)?;
    let mut lowering = Lowering {
        model: &model,
        values: HashMap::new(),
        constants: Vec::new(),
        steps: Vec::new(),
        passed: HashSet::new(),
    };
    for id in model.eval_order()? {
        let node = model.node(id);
        lowering.node(node).with_context(|| format!("node {} ({})", node.name, node.op.name()))?;
    }
    lowering.finish(sha256(onnx), input.to_vec(), names)
}

/// Lets tract say these operators in others, as it would before it runs them.
const SIMPLIFIED: [&str; 4] = ["Identity", "Pow", "Resize", "StridedSlice"];

fn simplify(model: &mut TypedModel) -> TractResult<()> {
    // A patch replaces nodes: after each the search begins anew.
    'patched: loop {
        for id in model.eval_order()? {
            let node = model.node(id);
            if SIMPLIFIED.contains(&&*node.op.name())
                && let Some(patch) = node.op.declutter(model, node)?
            {
                patch.apply(model)?;
                continue 'patched;
            }
        }
        break;
    }
    Rewriter::default().with_rule_for("upsample", rewrite_nearest_upsample_to_broadcast).rewrite(&(), model)
}

/// A value while the number of constants is still open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    /// Values that more than one tensor of the model stands for.
    passed: HashSet<Value>,
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
            return self.conv(node, conv, &inputs);
        } else if let Some(pool) = node.op_as::<SumPool>() {
            let (kernel, strides, pads) = self.window(node, &pool.pool_spec)?;
            if !pool.normalize || pads != [0; 4] {
                bail!("only means over windows without padding are supported");
            }
            ensure!(dilations(&pool.pool_spec) == [1, 1], "dilations are not supported");
            Op::Pool { kind: Pool::Mean, kernel, strides, pads }
        } else if let Some(pool) = node.op_as::<MaxPool>() {
            let (kernel, strides, pads) = self.window(node, &pool.pool_spec)?;
            ensure!(dilations(&pool.pool_spec) == [1, 1], "dilations are not supported");
            Op::Pool { kind: Pool::Max, kernel, strides, pads }
        } else if let Some(op) = node.op_as::<ElementWiseOp>() {
            return self.unary(node, &op.0.name(), inputs[0]);
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
            return self.product(node, &product.axes.to_string(), &inputs);
        } else if let Some(op) = node.op_as::<AxisOp>() {
            let shape = self.shape(OutletId::new(node.id, 0))?;
            if let AxisOp::Move(from, to) = *op {
                let mut order: Vec<usize> = (0..shape.len()).collect();
                let axis = order.remove(from);
                order.insert(to, axis);
                let before = self.shape(node.inputs[0])?;
                return self.permute(&node.name, inputs[0], &before, &order);
            }
            return Ok(self.reshape(&node.name, inputs[0], shape));
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
            self.passed.insert(input);
            return Ok(input);
        } else {
            bail!("this operator is not supported");
        };
        Ok(self.push(&node.name, op, inputs))
    }

    fn push(&mut self, name: &str, op: Op, inputs: Vec<Value>) -> Value {
        self.steps.push((name.to_string(), op, inputs));
        Value::Step(self.steps.len() - 1)
    }

    fn reshape(&mut self, name: &str, value: Value, shape: Shape) -> Value {
        if let Value::Constant(at) = value {
            let values = self.constants[at].values.clone();
            return self.add_constant(shape, values);
        }
        self.push(name, Op::Reshape(shape), vec![value])
    }

    /// The axes in another order: `order[i]` says which one comes at place i.
    fn permute(&mut self, name: &str, value: Value, shape: &[usize], order: &[usize]) -> TractResult<Value> {
        let to: Shape = order.iter().map(|&axis| shape[axis]).collect();
        // Where axes of length 1 change places alone, no value does.
        let long: Vec<usize> = order.iter().copied().filter(|&axis| shape[axis] != 1).collect();
        if long.is_sorted() {
            return Ok(if to == shape { value } else { self.reshape(name, value, to) });
        }
        let Value::Constant(at) = value else { bail!("axes of what is computed cannot change places") };
        let constant = &self.constants[at];
        let mut steps = vec![1; shape.len()];
        for axis in (1..shape.len()).rev() {
            steps[axis - 1] = steps[axis] * shape[axis];
        }
        let place = |mut at: usize| {
            (0..order.len()).rev().fold(0, |place, axis| {
                let along = at % to[axis];
                at /= to[axis];
                place + along * steps[order[axis]]
            })
        };
        let values = (0..constant.values.len()).map(|at| constant.values[place(at)]).collect();
        Ok(self.add_constant(to, values))
    }

    /// A function of one value, made of those that a program has.
    fn unary(&mut self, node: &TypedNode, name: &str, x: Value) -> TractResult<Value> {
        let rank = self.shape(node.inputs[0])?.len();
        let known = match name {
            "Abs" => Unary::Abs,
            "Exp" => Unary::Exp,
            "Floor" => Unary::Floor,
            "Ln" => Unary::Ln,
            "Recip" => Unary::Recip,
            "Rsqrt" => Unary::Rsqrt,
            "Sigmoid" => Unary::Sigmoid,
            "Sqrt" => Unary::Sqrt,
            "Square" => Unary::Square,
            _ => {
                let mut with = |binary: Binary, x: Value, constant: f32| {
                    let constant = self.add_constant(vec![1; rank], vec![constant]);
                    self.push(&node.name, Op::Binary(binary), vec![x, constant])
                };
                return Ok(match name {
                    "Neg" => with(Binary::Mul, x, -1.0),
                    "Ceil" => {
                        let negative = with(Binary::Mul, x, -1.0);
                        let floor = self.push(&node.name, Op::Unary(Unary::Floor), vec![negative]);
                        let minus = self.add_constant(vec![1; rank], vec![-1.0]);
                        self.push(&node.name, Op::Binary(Binary::Mul), vec![floor, minus])
                    }
                    // x clamp(x / 6 + 1/2, 0, 1) (Howard et al. 2019)
                    "HardSwish" => {
                        let line = with(Binary::Mul, x, 1.0 / 6.0);
                        let line = with(Binary::Add, line, 0.5);
                        let line = with(Binary::Max, line, 0.0);
                        let gate = with(Binary::Min, line, 1.0);
                        self.push(&node.name, Op::Binary(Binary::Mul), vec![x, gate])
                    }
                    _ => bail!("this function is not supported"),
                });
            }
        };
        Ok(self.push(&node.name, Op::Unary(known), vec![x]))
    }

    /// A product of matrices such as `abmk,abkn->abmn`, whatever its letters; factors that are constants may lie in any order, and
    /// either may lack the axes in front or have them of length 1.
    fn product(&mut self, node: &TypedNode, formula: &str, inputs: &[Value]) -> TractResult<Value> {
        let refusal = || format_err!("only matrix products are supported, not {formula}");
        let (factors, product) = formula.split_once("->").ok_or_else(refusal)?;
        let (a, b) = factors.split_once(',').ok_or_else(refusal)?;
        let [a, b, product] = [a, b, product].map(|axes| axes.chars().collect::<Vec<char>>());
        let [batch @ .., m, n] = &product[..] else { return Err(refusal()) };
        // Whichever factor has the rows comes first.
        let (first, second) = if a.contains(m) { ((0, &a), (1, &b)) } else { ((1, &b), (0, &a)) };
        let shared: Vec<char> = a.iter().filter(|axis| b.contains(axis) && !product.contains(axis)).copied().collect();
        let &[k] = &shared[..] else { return Err(refusal()) };
        let shape = self.shape(OutletId::new(node.id, 0))?;
        let lengths = &shape[..batch.len()];
        let mut operands = Vec::new();
        for ((at, axes), last) in [(first, [*m, k]), (second, [k, *n])] {
            let known: Vec<char> = batch.iter().copied().filter(|axis| axes.contains(axis)).chain(last).collect();
            if known.len() != axes.len() || known.iter().any(|axis| !axes.contains(axis)) {
                return Err(refusal());
            }
            let have = self.shape(node.inputs[at])?;
            let order: Vec<usize> =
                known.iter().filter_map(|axis| axes.iter().position(|known| known == axis)).collect();
            let value = self.permute(&node.name, inputs[at], &have, &order)?;
            let length = |axis: &char| axes.iter().position(|known| known == axis).map_or(1, |at| have[at]);
            let [rows, columns] = last.map(|axis| length(&axis));
            let own: Shape = batch.iter().map(length).chain([rows, columns]).collect();
            let value = if known.len() < own.len() { self.reshape(&node.name, value, own.clone()) } else { value };
            let whole = [lengths, &[rows, columns]].concat();
            operands.push(if own == whole { value } else { self.push(&node.name, Op::Broadcast(whole), vec![value]) });
        }
        Ok(self.push(&node.name, Op::MatMul, operands))
    }

    fn conv(&mut self, node: &TypedNode, conv: &Conv, inputs: &[Value]) -> TractResult<Value> {
        let spec = &conv.pool_spec;
        let (_, strides, pads) = self.window(node, spec)?;
        if conv.kernel_fmt != KernelFormat::OIHW || conv.q_params.is_some() {
            bail!("only f32 convolutions are supported");
        }
        let (picture, Value::Constant(weights), Value::Constant(bias)) = (inputs[0], inputs[1], inputs[2]) else {
            bail!("only convolutions with constant weights are supported");
        };
        let weights = dilated(&self.constants[weights], dilations(spec))?;
        let mut bias = self.constants[bias].values.clone();
        if let [same] = bias[..] {
            bias = vec![same; spec.output_channels];
        }
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
        let depthwise = conv.group > 1 && conv.group == spec.input_channels && conv.group == spec.output_channels;
        if conv.group == 1 || depthwise {
            return Ok(wired(self, picture, 0..outputs, depthwise));
        }
        let filters = outputs / conv.group;
        let mut parts = Vec::new();
        for group in 0..conv.group {
            let slice = Op::Slice { axis: 1, start: group * depth, end: (group + 1) * depth };
            let part = self.push(&node.name, slice, vec![picture]);
            parts.push(wired(self, part, group * filters..(group + 1) * filters, false));
        }
        Ok(self.push(&node.name, Op::Concat { axis: 1 }, parts))
    }

    /// Kernel, strides and pads of a window over height and width.
    fn window(&self, node: &TypedNode, spec: &PoolSpec) -> TractResult<([usize; 2], [usize; 2], [usize; 4])> {
        let (&[h, w], DataFormat::NCHW) = (&spec.kernel_shape[..], spec.data_format) else {
            bail!("only pictures of two dimensions are supported");
        };
        if matches!(spec.padding, PaddingSpec::ExplicitOnnxPool(_, _, true)) {
            bail!("windows that reach beyond the padding are not supported");
        }
        let picture = self.shape(node.inputs[0])?;
        let pads = spec.computed_padding(&picture[2..]);
        let [high, wide] = [&pads[0], &pads[1]];
        let pads = [high.pad_before, wide.pad_before, high.pad_after, wide.pad_after];
        let strides = spec.strides.as_ref().map_or([1, 1], |strides| [strides[0], strides[1]]);
        Ok(([h, w], strides, pads))
    }

    /// Lets the convolution before take in a clamp or a sum, if nobody else sees what it gives.
    fn fuse(&mut self, node: &TypedNode, binary: Binary, inputs: &[Value]) -> TractResult<Option<Value>> {
        for (own, other) in [(0, 1), (1, 0)] {
            let Value::Step(at) = inputs[own] else { continue };
            let outlet = node.inputs[own];
            let seen_once = !self.passed.contains(&inputs[own])
                && self.model.node(outlet.node).outputs[outlet.slot].successors.len() == 1
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
            let (_, Op::Conv { clamp, depthwise, .. }, taken) = &mut self.steps[at] else { continue };
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
                (Binary::Add, None) if alike && earlier && clamp.is_none() && taken.len() == 3 && !*depthwise => {
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

fn dilations(spec: &PoolSpec) -> [usize; 2] {
    spec.dilations.as_ref().map_or([1, 1], |dilations| [dilations[0], dilations[1]])
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
