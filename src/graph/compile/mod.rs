//! From an ONNX file to a [`Program`], by tract: it parses the file, fixes N and types every tensor; what is left here is to say each
//! of its operators in ours, and to let a convolution take in the bias, clamp and sum that follow it. Not part of the page.
//!
//! A program has few operators. Others are made of them where that is exact: a dilated window is a larger one with zeros, groups are
//! convolutions beside each other, and so on.

mod functions;
mod onnx;
mod resize;
mod windows;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{
    AxisOp, DimLike, OutletId, Rewriter, TractErrorContext, bail, ensure, format_err,
};
use tract_onnx::tract_core::ops::array::{Gather, MultiBroadcastTo, Pad, Slice, Tile, TypedConcat};
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cast::Cast;
use tract_onnx::tract_core::ops::cnn::{Conv, Deconv, MaxPool, SumPool};
use tract_onnx::tract_core::ops::downsample::Downsample;
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_core::ops::logic::Iff;
use tract_onnx::tract_core::ops::nn::{Reduce, Softmax, rewrite_nearest_upsample_to_broadcast};
use tract_onnx::tract_core::ops::source::TypedSource;

pub use onnx::{Declared, Onnx};

use super::program::{Binary, Constant, Op, Program, Shape, Step};
use crate::error::{Error, Result};

/// Names of outputs that are kept, and what they are called from then on; those of none are all kept as they are.
pub type Outputs = [(String, &'static str)];

/// Compiles an ONNX file for an input of this shape, such as `[1, 1, height, width]`.
///
/// # Errors
/// [`Error::Model`] when it has other inputs and outputs, or names the operator that LungGlass does not run.
pub fn compile(onnx: &Onnx, input: &[usize], outputs: &Outputs) -> Result<Program> {
    try_compile(onnx, input, outputs).map_err(|error| Error::Model(format!("{error:#}")))
}

/// tract 0.23.9 forgets the factor before Celu's power.
const MISREAD: [&str; 1] = ["Celu"];

/// PyTorch's older exporter writes branches where it does not know a shape, as for `squeeze`.
const BRANCHES: &str = "its branches (If) give tensors of different shapes; export it by dynamo=True";

/// Fixes the shape of a network's input, types every tensor, and gives the names of the outputs. What the file says of the shapes between
/// is left aside: exporters write there what held for another batch.
pub(super) fn parse(onnx: &Onnx, input: &[usize], outputs: &Outputs) -> TractResult<(TypedModel, Vec<String>)> {
    let mut nodes = onnx.proto.graph.iter().flat_map(|graph| &graph.node);
    if let Some(node) = nodes.find(|node| MISREAD.contains(&&*node.op_type)) {
        bail!("node {} ({}): tract computes this function wrongly; export it in simpler ones", node.name, node.op_type);
    }
    let reader = tract_onnx::onnx().with_ignore_value_info(true);
    let mut nodes = onnx.proto.graph.iter().flat_map(|graph| &graph.node);
    if let Some(node) = nodes.find(|node| !reader.op_register.0.contains_key(&node.op_type)) {
        let name = if node.name.is_empty() { node.output.first() } else { Some(&node.name) };
        let why = match &node.domain[..] {
            "com.microsoft" => {
                "ONNX Runtime alone knows it, and writes it as it optimises or quantises; give the file as it was exported"
            }
            _ => "no operator of this name is known",
        };
        bail!("node {} ({}): {why}", name.map_or("", |name| name), node.op_type);
    }
    // tract would take a batch norm's stored mean and variance.
    if let Some((name, count)) = onnx.in_training().into_iter().next() {
        bail!("it was exported as it is trained ({name} {count}); call eval() on the network, then export it");
    }
    let has_branches = onnx.operators().contains_key("If");
    let typed = |model: InferenceModel| match model.into_typed() {
        Err(error) if has_branches => Err(error.context(BRANCHES)),
        other => other,
    };
    let mut model = reader.model_for_proto_model(&onnx.with_weights_normed())?;
    let inputs = model.input_outlets()?.len();
    ensure!(inputs == 1, "it has {inputs} inputs instead of 1");
    model.set_input_fact(0, f32::fact(input).into())?;
    let name = |outlet: &OutletId| model.outlet_label(*outlet).unwrap_or(&model.node(outlet.node).name).to_string();
    let all: Vec<(String, OutletId)> = model.output_outlets()?.iter().map(|outlet| (name(outlet), *outlet)).collect();
    if outputs.is_empty() {
        return Ok((typed(model)?, all.into_iter().map(|(name, _)| name).collect()));
    }
    let mut kept = Vec::new();
    for (name, _) in outputs {
        let known = all.iter().find(|(known, _)| known == name).map(|(_, outlet)| *outlet);
        kept.push(known.with_context(|| {
            let known: Vec<&str> = all.iter().map(|(known, _)| &known[..]).collect();
            format!("it has no output \"{name}\", only {}", known.join(", "))
        })?);
    }
    model.select_output_outlets(&kept)?;
    Ok((typed(model)?, outputs.iter().map(|(_, ours)| ours.to_string()).collect()))
}

fn try_compile(onnx: &Onnx, input: &[usize], outputs: &Outputs) -> TractResult<Program> {
    let (mut model, names) = parse(onnx, input, outputs)?;
    simplify(&mut model)?;
    let mut lowering = Lowering {
        model: &model,
        values: HashMap::new(),
        fixed: HashMap::new(),
        constants: Vec::new(),
        steps: Vec::new(),
        passed: HashSet::new(),
    };
    for id in model.eval_order()? {
        let node = model.node(id);
        lowering.node(node).with_context(|| format!("node {} ({})", node.name, node.op.name()))?;
    }
    lowering.finish(onnx.sha256.clone(), input.to_vec(), names)
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
    /// What does not depend on the input, of any type.
    fixed: HashMap<OutletId, Arc<Tensor>>,
    constants: Vec<Constant>,
    steps: Vec<(String, Op, Vec<Value>)>,
    /// Values that more than one tensor of the model stands for.
    passed: HashSet<Value>,
}

impl Lowering<'_> {
    fn node(&mut self, node: &TypedNode) -> TractResult<()> {
        if node.op_is::<TypedSource>() {
            self.values.insert(OutletId::new(node.id, 0), Value::Input);
            return Ok(());
        }
        if let Some(constants) = self.folded(node)? {
            for (slot, constant) in constants.into_iter().enumerate() {
                let outlet = OutletId::new(node.id, slot);
                // Sizes, places and the like are of another type; whoever takes them looks them up.
                if constant.datum_type() == f32::datum_type() {
                    let values = constant.try_as_plain_ram()?.as_slice::<f32>()?.to_vec();
                    let value = self.add_constant(constant.shape().to_vec(), values);
                    self.values.insert(outlet, value);
                }
                self.fixed.insert(outlet, constant);
            }
            return Ok(());
        }
        // Of these two all inputs but the first say how, and are looked up.
        let taken = if node.op_is::<Gather>() || is_resize(node) { 1 } else { node.inputs.len() };
        let inputs: Option<Vec<Value>> =
            node.inputs[..taken].iter().map(|input| self.values.get(input).copied()).collect();
        let inputs = inputs.context("it takes a tensor that is no f32")?;
        let value = self.operator(node, inputs)?;
        self.values.insert(OutletId::new(node.id, 0), value);
        Ok(())
    }

    /// What a node gives that takes constants alone; `None` of others.
    fn folded(&self, node: &TypedNode) -> TractResult<Option<Vec<Arc<Tensor>>>> {
        if let Some(constant) = node.op_as::<Const>() {
            return Ok(Some(vec![constant.val().clone()]));
        }
        let inputs: Option<TVec<TValue>> =
            node.inputs.iter().map(|input| Some(self.fixed.get(input)?.clone().into_tvalue())).collect();
        let Some(inputs) = inputs.filter(|inputs| !inputs.is_empty()) else { return Ok(None) };
        let outputs = node.op.eval_out_of_plan(inputs)?;
        Ok(outputs.map(|outputs| outputs.into_iter().map(TValue::into_arc_tensor).collect()))
    }

    fn operator(&mut self, node: &TypedNode, inputs: Vec<Value>) -> TractResult<Value> {
        let op = if let Some(conv) = node.op_as::<Conv>() {
            return self.conv(node, conv, &inputs);
        } else if let Some(deconv) = node.op_as::<Deconv>() {
            return self.deconv(node, deconv, &inputs);
        } else if let Some(pool) = node.op_as::<SumPool>() {
            return self.sum_pool(node, pool, inputs[0]);
        } else if let Some(pool) = node.op_as::<MaxPool>() {
            return self.max_pool(node, pool, inputs[0]);
        } else if let Some(pad) = node.op_as::<Pad>() {
            return self.pad(node, pad, inputs[0]);
        } else if is_resize(node) {
            return self.resize(node, inputs[0]);
        } else if let Some(op) = node.op_as::<ElementWiseOp>() {
            return self.unary(node, op, inputs[0]);
        } else if let (true, &[mask, chosen, otherwise]) = (node.op_is::<Iff>(), &inputs[..]) {
            return self.choice(node, mask, chosen, otherwise);
        } else if let Some(softmax) = node.op_as::<Softmax>() {
            return self.softmax(node, softmax, inputs[0]);
        } else if let Some(op) = node.op_as::<TypedBinOp>() {
            if let Some(value) = self.binary_composed(node, op.0.name(), &inputs)? {
                return Ok(value);
            }
            let binary = binary(op.0.name())?;
            match self.fuse(node, binary, &inputs)? {
                Some(value) => return Ok(value),
                None => Op::Binary(binary),
            }
        } else if let Some(reduce) = node.op_as::<Reduce>() {
            return self.reduce(node, reduce, inputs[0]);
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
        } else if let Some(down) = node.op_as::<Downsample>() {
            return self.strided(node, down, inputs[0]);
        } else if let Some(tile) = node.op_as::<Tile>() {
            let times =
                tile.multipliers.iter().map(|times| times.to_usize()).collect::<std::result::Result<Vec<_>, _>>()?;
            return self.tiled(node, &times, inputs[0]);
        } else if let Some(gather) = node.op_as::<Gather>() {
            return self.gather(node, gather.axis, inputs[0]);
        } else if let Some(concat) = node.op_as::<TypedConcat>() {
            Op::Concat { axis: concat.axis }
        } else if let (Some(cast), &[input]) = (node.op_as::<Cast>(), &inputs[..]) {
            let from = self.model.outlet_fact(node.inputs[0])?.datum_type;
            // A mask holds 0 and 1 already.
            return Ok(match (from == bool::datum_type(), cast.to) {
                (_, to) if to == f32::datum_type() || to == from => {
                    self.passed.insert(input);
                    input
                }
                (false, to) if to == bool::datum_type() => self.differs(node, input)?,
                (_, to) => bail!("numbers of kind {to:?} are not supported"),
            });
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
        let Value::Constant(at) = value else {
            return Ok(self.push(name, Op::Transpose { order: order.to_vec() }, vec![value]));
        };
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

    /// Places along an axis that the file names.
    fn gather(&mut self, node: &TypedNode, axis: usize, x: Value) -> TractResult<Value> {
        let places = self.fixed.get(&node.inputs[1]).context("the places are not fixed")?;
        let places = places.cast_to::<i64>()?.into_owned();
        let length = self.shape(node.inputs[0])?[axis];
        let places = places.try_as_plain_ram()?.as_slice::<i64>()?.iter().map(|&place| {
            let place = if place < 0 { place + length as i64 } else { place };
            usize::try_from(place).ok().filter(|&place| place < length).context("it takes what is not there")
        });
        let places = places.collect::<TractResult<Vec<usize>>>()?;
        let value = self.places(node, axis, length, &places, x);
        let shape = self.shape(OutletId::new(node.id, 0))?;
        Ok(self.reshape(&node.name, value, shape))
    }

    /// These places along an axis of this length, one behind the other.
    fn places(&mut self, node: &TypedNode, axis: usize, length: usize, places: &[usize], x: Value) -> Value {
        let mut parts = Vec::new();
        // Neighbours are one part.
        for part in places.chunk_by(|before, place| *place == before + 1) {
            let (start, end) = (part[0], part[0] + part.len());
            let whole = start == 0 && end == length;
            parts.push(if whole { x } else { self.push(&node.name, Op::Slice { axis, start, end }, vec![x]) });
        }
        match parts[..] {
            [one] => one,
            _ => self.push(&node.name, Op::Concat { axis }, parts),
        }
    }

    /// Every so many places along an axis: the first of each group; or the last ones first.
    fn strided(&mut self, node: &TypedNode, down: &Downsample, x: Value) -> TractResult<Value> {
        let shape = self.shape(node.inputs[0])?;
        let wanted = self.shape(OutletId::new(node.id, 0))?;
        let (axis, step, start) = (down.axis, down.stride.unsigned_abs(), down.modulo);
        let (length, count) = (shape[axis], wanted[axis]);
        if down.stride < 0 {
            let places: Vec<usize> = (0..count).map(|at| length - 1 - at * step).collect();
            return Ok(self.places(node, axis, length, &places, x));
        }
        // The last group may be cut short.
        let whole = (length - start) / step;
        let mut parts = Vec::new();
        if whole > 0 {
            let end = start + whole * step;
            let used = if (start, end) == (0, length) {
                x
            } else {
                self.push(&node.name, Op::Slice { axis, start, end }, vec![x])
            };
            let [outer, inner] = [&shape[..axis], &shape[axis + 1..]].map(|part| part.iter().product());
            let groups = self.reshape(&node.name, used, vec![outer, whole, step, inner]);
            let first = self.push(&node.name, Op::Slice { axis: 2, start: 0, end: 1 }, vec![groups]);
            let shape = [&shape[..axis], &[whole], &shape[axis + 1..]].concat();
            parts.push(self.reshape(&node.name, first, shape));
        }
        if whole < count {
            let start = start + whole * step;
            parts.push(self.push(&node.name, Op::Slice { axis, start, end: start + 1 }, vec![x]));
        }
        Ok(match parts[..] {
            [one] => one,
            _ => self.push(&node.name, Op::Concat { axis }, parts),
        })
    }

    /// A tensor so many times behind itself along each axis.
    fn tiled(&mut self, node: &TypedNode, times: &[usize], x: Value) -> TractResult<Value> {
        let shape = self.shape(node.inputs[0])?;
        let mut value = x;
        for (axis, &times) in times.iter().enumerate().filter(|(axis, times)| shape[*axis] > 1 && **times > 1) {
            value = self.push(&node.name, Op::Concat { axis }, vec![value; times]);
        }
        // What is one place long may be repeated at once.
        let wanted = self.shape(OutletId::new(node.id, 0))?;
        let repeats = times.iter().zip(&shape).any(|(&times, &length)| length == 1 && times > 1);
        Ok(if repeats { self.push(&node.name, Op::Broadcast(wanted), vec![value]) } else { value })
    }

    /// A product by Einstein's formula, such as `abmk,abkn->abmn`, as a product of matrices: axes that both factors and the product have
    /// stay in front, those that only one factor has are rows or columns, and those that the product lacks are summed over.
    fn product(&mut self, node: &TypedNode, formula: &str, inputs: &[Value]) -> TractResult<Value> {
        let refusal = || format_err!("only products of two tensors are supported, not {formula}");
        let (factors, product) = formula.split_once("->").ok_or_else(refusal)?;
        let (a, b) = factors.split_once(',').ok_or_else(refusal)?;
        let [a, b, product] = [a, b, product].map(|axes| axes.chars().collect::<Vec<char>>());
        let (&[first, second], &[x, y]) = (&node.inputs[..], inputs) else { return Err(refusal()) };
        let twice = |axes: &[char]| (1..axes.len()).any(|at| axes[..at].contains(&axes[at]));
        if [&a, &b, &product].into_iter().any(|axes| twice(axes)) {
            return Err(refusal());
        }
        // Whichever factor has the columns comes second.
        let (first, second) = ((x, &a, self.shape(first)?), (y, &b, self.shape(second)?));
        let is_turned = product.last().is_some_and(|last| a.contains(last) && !b.contains(last));
        let [(x, a, above), (y, b, beside)] = if is_turned { [second, first] } else { [first, second] };
        let along = |axes: &[char], shape: &[usize], axis: char| {
            axes.iter().position(|known| *known == axis).map_or(1, |at| shape[at])
        };
        let in_a = |axis: char| along(a, &above, axis);
        let in_b = |axis: char| along(b, &beside, axis);
        let (mut batch, mut rows, mut columns) = (Vec::new(), Vec::new(), Vec::new());
        for &axis in &product {
            // Where one factor has the length 1, the other alone is walked along.
            let part = match (in_a(axis), in_b(axis)) {
                (_, 1) if a.contains(&axis) => &mut rows,
                (1, _) => &mut columns,
                _ => &mut batch,
            };
            part.push(axis);
        }
        let summed: Vec<char> = a.iter().copied().filter(|axis| !product.contains(axis)).collect();
        let alike = summed.iter().all(|&axis| b.contains(&axis) && in_a(axis) == in_b(axis));
        if !alike || b.iter().any(|axis| !product.contains(axis) && !summed.contains(axis)) {
            return Err(refusal());
        }
        let lengths = |axes: &[char]| axes.iter().map(|&axis| in_a(axis).max(in_b(axis))).collect::<Shape>();
        let count = |axes: &[char]| lengths(axes).iter().product::<usize>();
        let [m, k, n] = [&rows, &summed, &columns].map(|axes| count(axes));
        let mut operands = Vec::new();
        for (value, axes, shape, parts, last) in
            [(x, a, &above, [&batch, &rows, &summed], [m, k]), (y, b, &beside, [&batch, &summed, &columns], [k, n])]
        {
            // Axes of length 1 that are the other factor's stand in front.
            let own: Vec<char> = parts.into_iter().flatten().copied().filter(|axis| axes.contains(axis)).collect();
            let order: Vec<usize> = (axes.iter().filter(|axis| !own.contains(axis)).chain(&own))
                .filter_map(|axis| axes.iter().position(|known| known == axis))
                .collect();
            let value = self.permute(&node.name, value, shape, &order)?;
            let ordered: Shape = order.iter().map(|&axis| shape[axis]).collect();
            let matrices = [&lengths(&batch)[..], &last].concat();
            operands.push(if ordered == matrices { value } else { self.reshape(&node.name, value, matrices) });
        }
        let value = self.push(&node.name, Op::MatMul, operands);
        let flat = [&lengths(&batch)[..], &[m, n]].concat();
        let made = [batch, rows, columns].concat();
        let apart = lengths(&made);
        let value = if flat == apart { value } else { self.reshape(&node.name, value, apart.clone()) };
        let order: Vec<usize> = product.iter().filter_map(|axis| made.iter().position(|known| known == axis)).collect();
        self.permute(&node.name, value, &apart, &order)
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

/// By its name, for tract has two.
fn is_resize(node: &TypedNode) -> bool {
    node.op.name() == "Resize"
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
