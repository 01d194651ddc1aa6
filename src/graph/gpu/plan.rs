//! A [`Program`] as a list of kernels over numbered tensors, for several inputs at once.
//!
//! A program says what becomes of one slice. Here every value has one more axis in front: as long as the batch where the value depends
//! on the input, of length 1 where it does not. So each step does for every slice what the program says of one, whatever its axes mean.

use super::expression::{self, Expression};
use super::kernel::{self, Computation, Kernel};
use super::product::{Product, Right};
use super::sum::Reduction;
use super::view::{View, volume};
use super::window::SlidingWindow;
use crate::graph::program::{Constant, Op, Program, Shape, Step};

/// Tensors that one kernel may read: with the output, GPUs bind at least eight.
const BINDINGS: usize = 7;
/// From this depth on a convolution's products are worth tiling.
const DEEP: usize = 8;

/// A network as kernels.
pub struct Plan {
    pub tensors: Vec<Contents>,
    pub kernels: Vec<Kernel>,
    /// The tensor of the input, `[batch, ..]`.
    pub input: usize,
    /// The tensors of the outputs, `[batch, ..]`, in the program's order.
    pub outputs: Vec<usize>,
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

/// A value of the program on the way to a kernel: `computation`, then `expression`, for each element of `shape`.
#[derive(Clone)]
struct Value {
    /// The batch first.
    shape: Shape,
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

type Planning<T> = Result<T, String>;

impl Plan {
    /// Plans `program` for `batch` inputs.
    ///
    /// # Errors
    /// The name of the step that has no kernel, and why.
    pub fn new(program: &Program, batch: usize) -> Planning<Plan> {
        // A kernel that could not be written for a program's shapes would be written wrongly: they are checked before anything else.
        let shapes = program.shapes()?;
        let mut asked = vec![0; shapes.len()];
        let taken = program.steps.iter().flat_map(|step| &step.inputs);
        for &value in taken.chain(program.outputs.iter().map(|(_, value)| value)) {
            asked[value] += 1;
        }
        let mut planner = Planner { program, shapes, tensors: Vec::new(), kernels: Vec::new(), values: Vec::new() };
        let shape = [&[batch], &program.input[..]].concat();
        let input = planner.tensor(Contents::Input(volume(&shape)));
        planner.values.push(Value::loaded(View::whole(input, &shape)));
        for constant in &program.constants {
            let value = planner.constant(constant);
            planner.values.push(value);
        }
        for (at, step) in program.steps.iter().enumerate() {
            let value = planner.step(step).map_err(|reason| format!("step {}: {reason}", step.name))?;
            // What several ask for, or nobody but the caller, is computed once; constants are there already.
            let plain = value.view().is_some() || matches!(value.expression, Expression::Scalar(_));
            let once = asked[program.value_of(at)] == 1 || plain;
            let value = if once { value } else { Value::loaded(planner.compute(&value)) };
            planner.values.push(value);
        }
        let outputs = program.outputs.iter().map(|(_, value)| planner.output(*value, batch)).collect();
        let Planner { tensors, kernels, .. } = planner;
        Ok(Plan { tensors, kernels, input, outputs })
    }
}

struct Planner<'a> {
    program: &'a Program,
    /// Of every value of the program, without the batch.
    shapes: Vec<Shape>,
    tensors: Vec<Contents>,
    kernels: Vec<Kernel>,
    /// The program's values so far.
    values: Vec<Value>,
}

impl Planner<'_> {
    fn tensor(&mut self, contents: Contents) -> usize {
        self.tensors.push(contents);
        self.tensors.len() - 1
    }

    fn constant(&mut self, constant: &Constant) -> Value {
        let shape = [&[1], &constant.shape[..]].concat();
        if let Some(first) = constant.values.first()
            && constant.values.iter().all(|value| value.to_bits() == first.to_bits())
        {
            return Value { shape, computation: Computation::Map, expression: Expression::Scalar(*first) };
        }
        let tensor = self.tensor(Contents::Constant(constant.values.clone()));
        Value::loaded(View::whole(tensor, &shape))
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

    /// The tensor of an output: it holds all of `batch`, and nothing else.
    fn output(&mut self, value: usize, batch: usize) -> usize {
        let shape = [&[batch], &self.shapes[value][..]].concat();
        let value = self.spread(&self.values[value].clone(), &shape);
        match value.view() {
            Some(view)
                if view.is_dense() && view.offset == 0 && self.tensors[view.tensor].length() == volume(&shape) =>
            {
                view.tensor
            }
            _ => self.compute(&value).tensor,
        }
    }

    /// The value with axes of length 1 repeated to `shape`.
    fn spread(&mut self, value: &Value, shape: &[usize]) -> Value {
        match value.expression {
            _ if value.shape == shape => value.clone(),
            Expression::Scalar(_) => Value { shape: shape.to_vec(), ..value.clone() },
            _ => Value::loaded(self.load(value).broadcast(shape)),
        }
    }

    fn step(&mut self, step: &Step) -> Planning<Value> {
        let inputs: Vec<Value> = step.inputs.iter().map(|&input| self.values[input].clone()).collect();
        // The program's shapes fit the step, so it has the inputs that it needs.
        let batch = inputs.iter().map(|input| input.shape[0]).max().unwrap_or(1);
        let shape = [&[batch], &self.shapes[self.values.len()][..]].concat();
        Ok(match &step.op {
            Op::Conv { strides, pads, depthwise, clamp } => {
                self.convolution(&step.inputs, *strides, *pads, *depthwise, *clamp, &shape)?
            }
            Op::Pool { kind, kernel, strides, pads } => {
                let input = picture(&self.load(&inputs[0]));
                let window = SlidingWindow {
                    groups: input.shape[1],
                    weights: None,
                    output: [shape[0], shape[2], shape[3], shape[4]],
                    kernel: *kernel,
                    strides: *strides,
                    before: [pads[0], pads[1]],
                    input,
                };
                Value { shape, computation: Computation::Pool(window, *kind), expression: Expression::Computed }
            }
            Op::Unary(function) => {
                let operands = vec![inputs[0].expression.clone()];
                Value { expression: Expression::Apply(expression::unary(*function), operands), ..inputs[0].clone() }
            }
            Op::Binary(function) => {
                self.binary(expression::binary(*function), [inputs[0].clone(), inputs[1].clone()], &shape)
            }
            Op::Sum { axes } => {
                let mut axes: Vec<usize> = axes.iter().map(|axis| axis + 1).collect();
                axes.sort_unstable();
                axes.dedup();
                let computation = Computation::Sum(Reduction { input: self.load(&inputs[0]), axes });
                Value { shape, computation, expression: Expression::Computed }
            }
            Op::MatMul => self.product(&inputs[0], &inputs[1], shape),
            Op::Reshape(to) => self.reshape(&inputs[0], to, shape),
            Op::Broadcast(_) => self.spread(&inputs[0], &shape),
            Op::Slice { axis, start, end } => Value::loaded(self.load(&inputs[0]).slice(axis + 1, *start, *end)),
            Op::Concat { axis } => self.concat(axis + 1, &inputs, &shape),
            Op::Transpose { order } => {
                let order: Vec<usize> = [0].into_iter().chain(order.iter().map(|axis| axis + 1)).collect();
                Value::loaded(self.load(&inputs[0]).transpose(&order))
            }
        })
    }

    fn binary(&mut self, code: &'static str, operands: [Value; 2], shape: &[usize]) -> Value {
        let mut operands = operands.map(|operand| self.spread(&operand, shape));
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
        Value { shape: shape.to_vec(), computation, expression }
    }

    fn reshape(&mut self, input: &Value, to: &[usize], shape: Shape) -> Value {
        // The order of the elements stays: what is computed of each may still be put off.
        let axes = input.shape.len() - 1;
        let change = |view: &View| view.reshape(1, axes, to);
        if let Some(expression) = input.expression.with_views(&change) {
            return Value { shape, expression, computation: input.computation.clone() };
        }
        let view = self.compute(input);
        Value::loaded(View::whole(view.tensor, &shape))
    }

    fn concat(&mut self, axis: usize, inputs: &[Value], shape: &[usize]) -> Value {
        let tensor = self.tensor(Contents::Computed(volume(shape)));
        let whole = View::whole(tensor, shape);
        let mut start = 0;
        for input in inputs {
            let part = whole.slice(axis, start, start + input.shape[axis]);
            let input = self.spread(input, &part.shape);
            self.kernels.push(kernel::kernel(&input.computation, &input.expression, &part));
            start += part.shape[axis];
        }
        Value::loaded(whole)
    }

    fn convolution(
        &mut self,
        inputs: &[usize],
        strides: [usize; 2],
        pads: [usize; 4],
        depthwise: bool,
        clamp: Option<[f32; 2]>,
        shape: &[usize],
    ) -> Planning<Value> {
        if [inputs[1], inputs[2]].iter().any(|&value| self.program.constant(value).is_none()) {
            return Err("its weights must be constants".to_string());
        }
        let [input, weights] = [inputs[0], inputs[1]].map(|value| self.load(&self.values[value].clone()));
        let input = picture(&input);
        let weights = weights.remove_axis(0);
        let &[outputs, channels, h, w] = &weights.shape[..] else {
            return Err("its weights have no four axes".to_string());
        };
        let depth = channels * h * w;
        let window = SlidingWindow {
            groups: if depthwise { outputs } else { 1 },
            output: [shape[0], shape[2], shape[3], shape[4]],
            kernel: [h, w],
            strides,
            before: [pads[0], pads[1]],
            input,
            weights: Some(weights.clone()),
        };
        let rows = if depthwise || depth < DEEP { None } else { weights.reshape(1, 3, &[depth]) };
        let computation = match rows {
            // The same for every picture.
            Some(rows) => Computation::Product(Product {
                batch: vec![shape[0]],
                m: outputs,
                n: shape[3] * shape[4],
                k: depth,
                a: rows.broadcast(&[shape[0], outputs, depth]),
                b: Right::Patches(window),
            }),
            None => Computation::Direct(window),
        };
        let mut sum = Value { shape: shape.to_vec(), computation, expression: Expression::Computed };
        let bias = self.values[inputs[2]].clone();
        let bias = match bias.expression {
            Expression::Scalar(_) => bias,
            // [1, o] as [1, 1, o, 1, 1].
            _ => Value::loaded(self.load(&bias).reshape(1, 1, &[1, outputs, 1, 1]).ok_or("its bias is no vector")?),
        };
        sum = self.binary("$0 + $1", [sum, bias], shape);
        if let Some(&added) = inputs.get(3) {
            let added = self.values[added].clone();
            sum = self.binary("$0 + $1", [sum, added], shape);
        }
        let [low, high] = clamp.unwrap_or([f32::NEG_INFINITY, f32::INFINITY]);
        for (limit, code) in [(low, "max($0, $1)"), (high, "min($0, $1)")] {
            if limit.is_finite() {
                let operands = vec![sum.expression, Expression::Scalar(limit)];
                sum = Value { expression: Expression::Apply(code, operands), ..sum };
            }
        }
        Ok(sum)
    }

    fn product(&mut self, a: &Value, b: &Value, shape: Shape) -> Value {
        let (a, b) = (self.load(a), self.load(b));
        let rank = shape.len();
        let (m, k, n) = (a.shape[rank - 2], a.shape[rank - 1], b.shape[rank - 1]);
        let batch = shape[..rank - 2].to_vec();
        let spread = |view: View, rows: usize, columns: usize| view.broadcast(&[&batch[..], &[rows, columns]].concat());
        let (a, b) = (spread(a, m, k), Right::Matrix(spread(b, k, n)));
        let computation = Computation::Product(Product { m, n, k, a, b, batch });
        Value { shape, computation, expression: Expression::Computed }
    }
}

/// `[n, 1, c, h, w]` as `[n, c, h, w]`.
fn picture(view: &View) -> View {
    view.remove_axis(1)
}
