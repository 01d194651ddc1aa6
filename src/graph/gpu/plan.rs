//! tract's decluttered model as a list of kernels over numbered tensors. Any operator that has no kernel is refused by name.

use std::collections::HashMap;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{AxisOp, DimLike, TractErrorContext, bail, ensure};
use tract_onnx::tract_core::ops::array::{MultiBroadcastTo, Slice, TypedConcat};
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cnn::{Conv, MaxPool, PaddingSpec, PoolSpec, SumPool};
use tract_onnx::tract_core::ops::einsum::prefix_matmul::PrefixMatMul;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_core::ops::nn::{DataFormat, Reduce, Reducer as TractReducer};
use tract_onnx::tract_core::ops::source::TypedSource;

use super::expression::{self, Expression};
use super::kernel::{self, Computation, Divisor, Kernel, Product, Reducer, Reduction, Right, Window};
use super::view::{View, volume};

/// Tensors that one kernel may read: with the output, GPUs bind at least eight.
const BINDINGS: usize = 7;
/// From this depth on a convolution's products are worth tiling.
const DEEP: usize = 8;

/// A network as kernels.
pub struct Plan {
    pub tensors: Vec<Contents>,
    pub kernels: Vec<Kernel>,
    /// The tensors of the model's inputs and outputs, in its order; outputs with their shapes.
    pub inputs: Vec<usize>,
    pub outputs: Vec<(usize, Vec<usize>)>,
}

/// What a tensor holds.
pub enum Contents {
    /// So many values that the caller gives.
    Input(usize),
    Constant(Vec<f32>),
    /// So many values that a kernel writes.
    Computed(usize),
}

impl Contents {
    /// How many values it has.
    pub fn length(&self) -> usize {
        match self {
            Contents::Input(length) | Contents::Computed(length) => *length,
            Contents::Constant(values) => values.len(),
        }
    }
}

/// An outlet on the way to a kernel: `computation`, then `expression`, for each element of `shape`.
#[derive(Clone)]
struct Value {
    shape: Vec<usize>,
    computation: Computation,
    expression: Expression,
}

impl Value {
    fn loaded(view: View) -> Value {
        Value { shape: view.shape.clone(), computation: Computation::Map, expression: Expression::Load(view) }
    }

    /// The view, where nothing is left to compute.
    fn view(&self) -> Option<&View> {
        match (&self.computation, &self.expression) {
            (Computation::Map, Expression::Load(view)) => Some(view),
            _ => None,
        }
    }

    fn tensors(&self) -> usize {
        kernel::inputs(&self.computation, &self.expression).len()
    }
}

impl Plan {
    /// Lowers a decluttered model whose shapes are all known.
    ///
    /// # Errors
    /// When it holds an operator, a data type or a geometry that has no kernel; the error names it.
    pub fn new(mut model: TypedModel) -> TractResult<Plan> {
        use tract_onnx::tract_core::internal::Rewriter;
        use tract_onnx::tract_core::ops::cnn::conv::rewrite_kernel_conv_in_oihw;
        use tract_onnx::tract_core::ops::einsum::prefix_matmul::rewrite_einsum_to_prefix_matmul;

        rewrite_einsum_to_prefix_matmul(&mut model, false)?;
        Rewriter::default().with_rule_for("kernels-in-oihw", rewrite_kernel_conv_in_oihw).rewrite(&(), &mut model)?;
        model.prop_consts()?;
        let mut lowering = Lowering { model: &model, tensors: Vec::new(), kernels: Vec::new(), values: HashMap::new() };
        for node in model.eval_order()? {
            lowering
                .node(node)
                .with_context(|| format!("{} ({})", model.node(node).op.name(), model.node(node).name))?;
        }
        let mut outputs = Vec::new();
        for outlet in model.output_outlets()? {
            let value = lowering.values[outlet].clone();
            let view = match value.view() {
                Some(view)
                    if view.is_dense()
                        && view.offset == 0
                        && lowering.tensors[view.tensor].length() == volume(&view.shape) =>
                {
                    view.clone()
                }
                _ => lowering.compute(&value),
            };
            outputs.push((view.tensor, view.shape));
        }
        let mut inputs = Vec::new();
        for outlet in model.input_outlets()? {
            let view = lowering.values[outlet].view().context("an input is a tensor")?;
            inputs.push(view.tensor);
        }
        let Lowering { tensors, kernels, .. } = lowering;
        Ok(Plan { tensors, kernels, inputs, outputs })
    }
}

struct Lowering<'a> {
    model: &'a TypedModel,
    tensors: Vec<Contents>,
    kernels: Vec<Kernel>,
    values: HashMap<OutletId, Value>,
}

impl Lowering<'_> {
    fn node(&mut self, id: usize) -> TractResult<()> {
        let node = self.model.node(id);
        ensure!(node.outputs.len() == 1, "it has {} outputs", node.outputs.len());
        let fact = &node.outputs[0].fact;
        let shape = fact.shape.as_concrete().context("its shape is not known")?.to_vec();
        let inputs: Vec<Value> = node.inputs.iter().map(|outlet| self.values[outlet].clone()).collect();
        if !node.op_is::<Const>() {
            ensure!(fact.datum_type == f32::datum_type(), "the GPU has no kernel for it in {:?}", fact.datum_type);
        }
        let value = if let Some(op) = node.op_as::<Const>() {
            self.constant(op.val(), &shape)?
        } else if node.op_is::<TypedSource>() {
            let tensor = self.tensor(Contents::Input(volume(&shape)));
            Value::loaded(View::whole(tensor, &shape))
        } else if let Some(op) = node.op_as::<ElementWiseOp>() {
            let name = op.0.name();
            let code = expression::unary(&name).with_context(|| refusal(&name))?;
            let [input] = &inputs[..] else { bail!("it takes one input") };
            Value { expression: Expression::Apply(code, vec![input.expression.clone()]), ..input.clone() }
        } else if let Some(op) = node.op_as::<TypedBinOp>() {
            let code = expression::binary(op.0.name()).with_context(|| refusal(op.0.name()))?;
            self.binary(code, &inputs, &shape)?
        } else if let Some(op) = node.op_as::<AxisOp>() {
            self.axes(op, &inputs[0], &shape)?
        } else if node.op_is::<MultiBroadcastTo>() {
            Value::loaded(self.load(&inputs[0]).broadcast(&shape))
        } else if let Some(op) = node.op_as::<Slice>() {
            let view = self.load(&inputs[0]);
            Value::loaded(view.slice(op.axis, op.start.to_usize()?, op.end.to_usize()?))
        } else if let Some(op) = node.op_as::<TypedConcat>() {
            self.concat(op.axis, &inputs, &shape)
        } else if let Some(op) = node.op_as::<Conv>() {
            self.convolution(op, &inputs, &shape)?
        } else if let Some(op) = node.op_as::<PrefixMatMul>() {
            self.product(op, &inputs, &shape)?
        } else if let Some(op) = node.op_as::<MaxPool>() {
            ensure!(op.with_index_outputs.is_none(), "the GPU has no kernel for it with indices");
            let input = self.load(&inputs[0]);
            Value {
                shape: shape.clone(),
                computation: Computation::MaxPool(window(&op.pool_spec, &input, None, 1, &shape)?),
                expression: Expression::Computed,
            }
        } else if let Some(op) = node.op_as::<SumPool>() {
            let input = self.load(&inputs[0]);
            let window = window(&op.pool_spec, &input, None, 1, &shape)?;
            let rounded_up = matches!(op.pool_spec.padding, PaddingSpec::ExplicitOnnxPool(_, _, true));
            ensure!(!rounded_up, "{}", refusal("windows that reach beyond the padding"));
            let divisor = match (op.normalize, op.count_include_pad) {
                (false, _) => Divisor::One,
                (true, true) => Divisor::Kernel,
                (true, false) => Divisor::Inside,
            };
            Value {
                shape: shape.clone(),
                computation: Computation::SumPool(window, divisor),
                expression: Expression::Computed,
            }
        } else if let Some(op) = node.op_as::<Reduce>() {
            let by = match op.reducer {
                TractReducer::Sum => Reducer::Sum,
                TractReducer::Max => Reducer::Max,
                TractReducer::Min => Reducer::Min,
                TractReducer::MeanOfSquares => Reducer::MeanOfSquares,
                other => bail!("{}", refusal(&format!("Reduce {other:?}"))),
            };
            let computation =
                Computation::Reduce(Reduction { input: self.load(&inputs[0]), axes: op.axes.to_vec(), by });
            Value { shape: shape.clone(), computation, expression: Expression::Computed }
        } else {
            bail!("{}", refusal(&node.op.name()));
        };
        // What several ask for, or the caller, is computed once; constants are there already.
        let asked =
            node.outputs[0].successors.len() + self.model.outputs.iter().filter(|outlet| outlet.node == id).count();
        let plain = value.view().is_some() || matches!(value.expression, Expression::Scalar(_));
        let value = if asked != 1 && !plain { Value::loaded(self.compute(&value)) } else { value };
        self.values.insert(id.into(), value);
        Ok(())
    }

    fn tensor(&mut self, contents: Contents) -> usize {
        self.tensors.push(contents);
        self.tensors.len() - 1
    }

    fn constant(&mut self, tensor: &Tensor, shape: &[usize]) -> TractResult<Value> {
        // Constants of other types are the shapes of operators that know them already.
        let values = match tensor.datum_type() == f32::datum_type() {
            true => tensor.try_as_plain_ram()?.as_slice::<f32>()?.to_vec(),
            false => Vec::new(),
        };
        if let Some(first) = values.first()
            && values.iter().all(|value| value.to_bits() == first.to_bits())
        {
            let expression = Expression::Scalar(*first);
            return Ok(Value { shape: shape.to_vec(), computation: Computation::Map, expression });
        }
        let tensor = self.tensor(Contents::Constant(values));
        Ok(Value::loaded(View::whole(tensor, shape)))
    }

    /// A view of the value, computed first where it is not yet there.
    fn load(&mut self, value: &Value) -> View {
        value.view().cloned().unwrap_or_else(|| self.compute(value))
    }

    /// Computes the value into a tensor of its own.
    fn compute(&mut self, value: &Value) -> View {
        let tensor = self.tensor(Contents::Computed(volume(&value.shape)));
        let view = View::whole(tensor, &value.shape);
        self.kernels.push(kernel::kernel(&value.computation, &value.expression, &view));
        view
    }

    fn binary(&mut self, code: &'static str, inputs: &[Value], shape: &[usize]) -> TractResult<Value> {
        let [a, b] = inputs else { bail!("it takes two inputs") };
        let mut operands = [a.clone(), b.clone()];
        for operand in &mut operands {
            if operand.shape != shape {
                *operand = match operand.expression {
                    Expression::Scalar(_) => Value { shape: shape.to_vec(), ..operand.clone() },
                    _ => Value::loaded(self.load(operand).broadcast(shape)),
                };
            }
        }
        // A kernel computes one thing before its expression, and binds so many tensors.
        if operands.iter().all(|operand| operand.computation != Computation::Map) {
            operands[1] = Value::loaded(self.compute(&operands[1]));
        }
        while operands[0].tensors() + operands[1].tensors() > BINDINGS {
            let heavier = usize::from(operands[1].tensors() > operands[0].tensors());
            operands[heavier] = Value::loaded(self.compute(&operands[heavier]));
        }
        let [a, b] = operands;
        let computation = if a.computation == Computation::Map { b.computation } else { a.computation };
        let expression = Expression::Apply(code, vec![a.expression, b.expression]);
        Ok(Value { shape: shape.to_vec(), computation, expression })
    }

    fn axes(&mut self, op: &AxisOp, input: &Value, shape: &[usize]) -> TractResult<Value> {
        let (from, to): (Vec<usize>, Vec<usize>) = match op {
            AxisOp::Reshape(_, from, to) => {
                let known =
                    |dims: &[TDim]| dims.iter().map(|dim| Ok(dim.to_usize()?)).collect::<TractResult<Vec<usize>>>();
                (known(from)?, known(to)?)
            }
            _ => Default::default(),
        };
        let change = |view: &View| match op {
            AxisOp::Add(at) => Some(view.add_axis(*at)),
            AxisOp::Rm(at) => Some(view.remove_axis(*at)),
            AxisOp::Move(from, to) => Some(view.move_axis(*from, *to)),
            AxisOp::Reshape(at, _, _) => view.reshape(*at, from.len(), &to),
        };
        // The order of the elements stays, unless axes are moved: what is computed of each may still be put off.
        let in_order = !matches!(op, AxisOp::Move(..)) || input.computation == Computation::Map;
        if in_order && let Some(expression) = input.expression.with_views(&change) {
            return Ok(Value { shape: shape.to_vec(), expression, computation: input.computation.clone() });
        }
        let view = self.compute(input);
        Ok(Value::loaded(change(&view).context("a dense tensor takes any shape")?))
    }

    fn concat(&mut self, axis: usize, inputs: &[Value], shape: &[usize]) -> Value {
        let tensor = self.tensor(Contents::Computed(volume(shape)));
        let whole = View::whole(tensor, shape);
        let mut start = 0;
        for input in inputs {
            let end = start + input.shape[axis];
            let part = whole.slice(axis, start, end);
            self.kernels.push(kernel::kernel(&input.computation, &input.expression, &part));
            start = end;
        }
        Value::loaded(whole)
    }

    fn convolution(&mut self, op: &Conv, inputs: &[Value], shape: &[usize]) -> TractResult<Value> {
        ensure!(op.q_params.is_none(), "the GPU has no kernel for it when quantised");
        let [input, weights, bias] = inputs else { bail!("it takes an input, weights and a bias") };
        let (input, weights) = (self.load(input), self.load(weights));
        let channels = weights.shape[1];
        let window = window(&op.pool_spec, &input, Some(weights), op.group, shape)?;
        let depth = channels * window.kernel[0] * window.kernel[1];
        let outputs = window.output[1] / op.group;
        let computation = if outputs > 1 && depth >= DEEP {
            let weights = window.weights.clone().context("a convolution has weights")?;
            // [o, c, h, w] as [groups, o / groups, c * h * w], the same for every picture.
            let rows = weights.reshape(1, 3, &[depth]).context("weights are dense")?;
            let a = rows.reshape(0, 1, &[op.group, outputs]).context("weights are dense")?.add_axis(0);
            let pixels = window.output[2] * window.output[3];
            let batch = vec![window.output[0], op.group];
            let b = Right::Patches(window);
            Computation::Product(Product { batch, m: outputs, n: pixels, k: depth, a, b, transposed: false })
        } else {
            Computation::Direct(window)
        };
        let sum = Value { shape: shape.to_vec(), computation, expression: Expression::Computed };
        let bias = match &bias.expression {
            Expression::Scalar(_) => Value { shape: shape.to_vec(), ..bias.clone() },
            _ => {
                let view = self.load(bias);
                let channel = if op.pool_spec.data_format.has_n() { 1 } else { 0 };
                // A vector, or a scalar, that becomes [1, o, 1, 1].
                let mut strides = vec![0; shape.len()];
                strides[channel] = view.strides.first().copied().unwrap_or(0);
                Value::loaded(View { shape: shape.to_vec(), strides, ..view })
            }
        };
        self.binary("$0 + $1", &[sum, bias], shape)
    }

    fn product(&mut self, op: &PrefixMatMul, inputs: &[Value], shape: &[usize]) -> TractResult<Value> {
        ensure!(op.quantize_output.is_none(), "the GPU has no kernel for it when quantised");
        let [a, b] = inputs else { bail!("it takes two inputs") };
        let (mut a, mut b) = (self.load(a), self.load(b));
        let (prefix, rank) = (shape.len() - 2, shape.len());
        if op.transpose_a {
            a = a.move_axis(rank - 1, rank - 2);
        }
        if op.transpose_b {
            b = b.move_axis(rank - 1, rank - 2);
        }
        let (m, k, n) = (a.shape[rank - 2], a.shape[rank - 1], b.shape[rank - 1]);
        let batch = shape[..prefix].to_vec();
        let spread = |view: View, rows: usize, columns: usize| view.broadcast(&[&batch[..], &[rows, columns]].concat());
        let (a, b) = (spread(a, m, k), Right::Matrix(spread(b, k, n)));
        let computation = Computation::Product(Product { m, n, k, a, b, transposed: op.transpose_c, batch });
        Ok(Value { shape: shape.to_vec(), computation, expression: Expression::Computed })
    }
}

/// The geometry of a convolution or pool over `input`, `[n, c, h, w]` or `[c, h, w]`.
fn window(spec: &PoolSpec, input: &View, weights: Option<View>, groups: usize, shape: &[usize]) -> TractResult<Window> {
    let with_n = match spec.data_format {
        DataFormat::NCHW => true,
        DataFormat::CHW => false,
        other => bail!("{}", refusal(&format!("{other:?} pictures"))),
    };
    ensure!(spec.rank() == 2, "{}", refusal(&format!("{} axes", spec.rank())));
    let (input, shape) = match with_n {
        true => (input.clone(), shape.to_vec()),
        false => (input.add_axis(0), [&[1], shape].concat()),
    };
    let padding = spec.computed_padding(&input.shape[2..]);
    let pair = |values: &[usize]| [values[0], values[1]];
    Ok(Window {
        weights,
        groups,
        output: [shape[0], shape[1], shape[2], shape[3]],
        kernel: pair(&spec.kernel_shape),
        stride: pair(&spec.strides()),
        dilation: pair(&spec.dilations()),
        before: [padding[0].pad_before, padding[1].pad_before],
        input,
    })
}

fn refusal(what: &str) -> String {
    format!("the GPU has no kernel for {what}")
}
