//! From a program to a plan: decides once how each tensor lies in memory and where, and packs the weights.
//!
//! A convolution's pictures lie in blocks of eight channels, and so do the rows of a matrix that is multiplied by constants. All else is
//! plain. What is done element by element stays as its inputs lie; between two layouts stands a step of its own where it has to.

mod buffers;
mod draft;
mod functions;
mod products;

use draft::{Draft, Tensor, fuse};

use super::kernels::Processor;
use super::kernels::layout::Windows;
use super::kernels::plain::Walk;
use super::plan::{Kernel, Plan};
use crate::graph::program::{Op, Program, Shape, count};

/// Why a program cannot be planned, with the name of the step.
type Planning<T> = std::result::Result<T, String>;

/// Plans `program` for `processor`.
///
/// # Errors
/// A line that names the step that does not fit its inputs, or that no kernel can do.
pub fn plan(program: &Program, processor: Processor) -> Planning<Plan> {
    Planner::plan(program, processor)
}

/// How a value lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Row by row.
    Plain,
    /// Its second axis in blocks of eight, the axes behind it as pixels; the first has the length 1.
    Blocked,
    /// Its last axis in blocks of eight, the axes before it as pixels.
    Turned,
}

/// A value of the program in each layout that it is known in.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    plain: Option<Tensor>,
    blocked: Option<Tensor>,
    turned: Option<Tensor>,
}

impl Known {
    fn of(layout: Layout, tensor: Tensor) -> Known {
        let mut known = Known::default();
        *match layout {
            Layout::Plain => &mut known.plain,
            Layout::Blocked => &mut known.blocked,
            Layout::Turned => &mut known.turned,
        } = Some(tensor);
        known
    }
}

/// Turns the steps of a program into planned ones.
struct Planner<'a> {
    program: &'a Program,
    shapes: Vec<Shape>,
    known: Vec<Known>,
    constants: Vec<Vec<f32>>,
    steps: Vec<Draft>,
    /// The steps of the program that take each value, one behind the last for an output.
    takers: Vec<Vec<usize>>,
    /// Whether a product of matrices gives each value in blocks, once somebody has asked.
    flows: Vec<Option<bool>>,
    /// Whether most of each constant is zero, once somebody has asked.
    sparse: Vec<Option<bool>>,
    /// The step of the program that is being planned.
    source: usize,
    processor: Processor,
    /// Values of all buffers until now.
    held: usize,
    /// Values that weights take, packed anew for each step.
    packed: usize,
}

impl Planner<'_> {
    fn plan(program: &Program, processor: Processor) -> Planning<Plan> {
        let shapes = program.shapes()?;
        let mut takers = vec![Vec::new(); shapes.len()];
        for (at, step) in program.steps.iter().enumerate() {
            step.inputs.iter().for_each(|&value| takers[value].push(at));
        }
        program.outputs.iter().for_each(|(_, value)| takers[*value].push(program.steps.len()));
        let flows = vec![None; shapes.len()];
        let mut planner = Planner {
            program,
            shapes,
            known: Vec::new(),
            constants: Vec::new(),
            steps: Vec::new(),
            takers,
            flows,
            sparse: vec![None; program.constants.len()],
            source: 0,
            processor,
            held: 0,
            packed: 0,
        };
        planner.known.push(Known::of(Layout::Plain, Tensor::Input(count(&program.input)?)));
        for _ in &program.constants {
            // Most are weights, which their step packs: only those that are taken as tensors are kept.
            planner.known.push(Known::default());
        }
        for (source, step) in program.steps.iter().enumerate() {
            planner.source = source;
            let known =
                planner.step(&step.op, &step.inputs).map_err(|reason| format!("step {}: {reason}", step.name))?;
            planner.known.push(known);
        }
        let mut outputs =
            program.outputs.iter().map(|(_, value)| planner.plain(*value)).collect::<Planning<Vec<Tensor>>>()?;
        planner.steps = fuse(planner.steps, &mut outputs);
        planner.finish(outputs)
    }

    fn push(&mut self, kernel: Kernel, inputs: Vec<Tensor>, size: usize) -> Tensor {
        self.steps.push(Draft { kernel, inputs, size, source: self.source });
        Tensor::Step(self.steps.len() - 1, size)
    }

    /// The value in this layout.
    fn tensor(&mut self, value: usize, layout: Layout) -> Planning<Tensor> {
        match layout {
            Layout::Plain => self.plain(value),
            Layout::Blocked => self.blocked(value),
            Layout::Turned => self.turned(value),
        }
    }

    /// The value as a plain tensor.
    fn plain(&mut self, value: usize) -> Planning<Tensor> {
        let Known { plain, blocked, turned } = self.known[value];
        if let Some(tensor) = plain {
            return Ok(tensor);
        }
        let shape = &self.shapes[value];
        let tensor = if let Some(constant) = self.program.constant(value) {
            self.constants.push(constant.values.clone());
            Tensor::Constant(self.constants.len() - 1)
        } else if let (Some(turned), Some(&channels)) = (turned, shape.last()) {
            self.push(Kernel::UnblockRows { channels }, vec![turned], count(shape)?)
        } else {
            let (blocked, pixels) = (blocked.ok_or("a value has no layout")?, pixels(shape));
            if pixels == 1 && shape[1].is_multiple_of(8) {
                blocked
            } else {
                self.push(Kernel::Unblock { pixels }, vec![blocked], count(shape)?)
            }
        };
        self.known[value].plain = Some(tensor);
        Ok(tensor)
    }

    /// The picture in blocks of eight channels.
    fn blocked(&mut self, value: usize) -> Planning<Tensor> {
        if let Some(tensor) = self.known[value].blocked {
            return Ok(tensor);
        }
        let &[1, channels, ..] = &self.shapes[value][..] else {
            return Err("it takes a picture".to_string());
        };
        let pixels = pixels(&self.shapes[value]);
        let plain = self.plain(value)?;
        let tensor = if pixels == 1 && channels.is_multiple_of(8) {
            plain
        } else {
            self.push(Kernel::Block { pixels }, vec![plain], channels.next_multiple_of(8) * pixels)
        };
        self.known[value].blocked = Some(tensor);
        Ok(tensor)
    }

    /// The value with its last axis in blocks of eight.
    fn turned(&mut self, value: usize) -> Planning<Tensor> {
        if let Some(tensor) = self.known[value].turned {
            return Ok(tensor);
        }
        let shape = &self.shapes[value];
        let channels = *shape.last().ok_or("it takes an axis")?;
        let rows = count(shape)? / channels;
        let plain = self.plain(value)?;
        let size = count(&[channels.next_multiple_of(8), rows])?;
        let tensor = self.push(Kernel::BlockRows { channels }, vec![plain], size);
        self.known[value].turned = Some(tensor);
        Ok(tensor)
    }

    fn step(&mut self, op: &Op, inputs: &[usize]) -> Planning<Known> {
        let value = self.known.len();
        let shape = self.shapes[value].clone();
        let size = count(&shape)?;
        let plain = |tensor: Tensor| Ok(Known::of(Layout::Plain, tensor));
        let blocked = |tensor: Tensor| Ok(Known::of(Layout::Blocked, tensor));
        match op {
            Op::Conv { strides, pads, depthwise, clamp } => {
                let clamp = clamp.unwrap_or([f32::NEG_INFINITY, f32::INFINITY]);
                blocked(self.conv(inputs, *strides, *pads, *depthwise, clamp, &shape)?)
            }
            Op::Pool { kind, kernel, strides, pads } => {
                let from = self.shapes[inputs[0]].clone();
                let windows = Windows {
                    kernel: *kernel,
                    strides: *strides,
                    pads: [pads[0], pads[1]],
                    input: [from[2], from[3]],
                    output: [shape[2], shape[3]],
                };
                if self.known[inputs[0]].blocked.is_some() {
                    let x = self.blocked(inputs[0])?;
                    let size = shape[1].next_multiple_of(8) * pixels(&shape);
                    return blocked(self.push(Kernel::PoolBlocks(*kind, windows), vec![x], size));
                }
                let x = self.plain(inputs[0])?;
                plain(self.push(Kernel::Pool(*kind, windows), vec![x], size))
            }
            Op::Unary(function) => self.unary(*function, inputs[0], &shape),
            Op::Binary(function) => self.binary(*function, [inputs[0], inputs[1]], &shape),
            Op::Sum { axes } => {
                let from = self.shapes[inputs[0]].clone();
                if axes[..] == [2, 3] && from.len() == 4 && is_blocks(&from) && self.known[inputs[0]].blocked.is_some()
                {
                    let x = self.blocked(inputs[0])?;
                    return blocked(self.push(Kernel::Sum { length: pixels(&from), inner: 8 }, vec![x], size));
                }
                let mut lengths = from;
                let mut tensor = self.plain(inputs[0])?;
                let mut axes = axes.clone();
                axes.sort_unstable();
                axes.dedup();
                // The last axes first: what lies together is summed first.
                while let Some(axis) = axes.pop() {
                    // Axes beside each other are one.
                    let mut first = axis;
                    while axes.last().is_some_and(|&next| next + 1 == first) {
                        first -= 1;
                        axes.pop();
                    }
                    let length = count(&lengths[first..=axis])?;
                    let inner = count(&lengths[axis + 1..])?;
                    lengths[first..=axis].fill(1);
                    tensor = self.push(Kernel::Sum { length, inner }, vec![tensor], count(&lengths)?);
                }
                plain(tensor)
            }
            Op::MatMul => {
                if let Some(known) = self.linear(inputs, size)? {
                    return Ok(known);
                }
                let (a, b) = (&self.shapes[inputs[0]], &self.shapes[inputs[1]]);
                let kernel = Kernel::Product { size: [a[a.len() - 2], a[a.len() - 1], b[b.len() - 1]] };
                let tensors = [self.plain(inputs[0])?, self.plain(inputs[1])?];
                plain(self.push(kernel, tensors.to_vec(), size))
            }
            Op::Reshape(_) => {
                let from = &self.shapes[inputs[0]];
                let Known { plain, blocked, turned } = self.known[inputs[0]];
                // What lies in blocks may stay so, if the same axis is the same one still.
                let blocked = blocked.filter(|_| shape.len() > 1 && shape[..2] == from[..2]);
                let turned = turned.filter(|_| shape.last() == from.last());
                if plain.is_some() || (blocked, turned) != (None, None) {
                    return Ok(Known { plain, blocked, turned });
                }
                let plain = Some(self.plain(inputs[0])?);
                Ok(Known { plain, blocked, turned })
            }
            Op::Broadcast(to) => {
                let walk = Walk::repeat(&self.shapes[inputs[0]], to);
                let x = self.plain(inputs[0])?;
                plain(self.push(Kernel::Broadcast(walk), vec![x], size))
            }
            Op::Slice { axis, start, end } => {
                let from = &self.shapes[inputs[0]];
                let inner = count(&from[axis + 1..])?;
                let kernel =
                    Kernel::Slice { start: start * inner, length: (end - start) * inner, stride: from[*axis] * inner };
                let x = self.plain(inputs[0])?;
                plain(self.push(kernel, vec![x], size))
            }
            Op::Transpose { order } => self.transpose(order, inputs[0], size),
            Op::Concat { axis } => {
                // Whole blocks behind each other.
                let in_blocks = |&input: &usize| is_blocks(&self.shapes[input]) && self.known[input].blocked.is_some();
                if *axis == 1 && inputs.iter().all(in_blocks) {
                    let lengths = inputs.iter().map(|&input| count(&self.shapes[input])).collect::<Planning<_>>()?;
                    let tensors = inputs.iter().map(|&input| self.blocked(input)).collect::<Planning<_>>()?;
                    return blocked(self.push(Kernel::Concat { lengths }, tensors, size));
                }
                let lengths =
                    inputs.iter().map(|&input| count(&self.shapes[input][*axis..])).collect::<Planning<_>>()?;
                let tensors = inputs.iter().map(|&input| self.plain(input)).collect::<Planning<_>>()?;
                plain(self.push(Kernel::Concat { lengths }, tensors, size))
            }
        }
    }

    /// Sorts the axes. Where the second one becomes the last, or the last one the second, what lies in blocks stays as it is.
    fn transpose(&mut self, order: &[usize], input: usize, size: usize) -> Planning<Known> {
        let axes = order.len();
        let is_first_alone = self.shapes[input].first() == Some(&1);
        let back: Vec<usize> = (0..axes).filter(|&axis| axis != 1).chain([1]).collect();
        if let Some(tensor) = self.known[input].blocked.filter(|_| is_first_alone && axes > 1 && order == back) {
            return Ok(Known::of(Layout::Turned, tensor));
        }
        // Of pictures, or where the blocks are there: what is no picture is taken plain next.
        if is_first_alone && order == forth(axes) && (axes == 4 || self.known[input].turned.is_some()) {
            return Ok(Known::of(Layout::Blocked, self.turned(input)?));
        }
        let walk = Walk::transpose(&self.shapes[input], order);
        let x = self.plain(input)?;
        Ok(Known::of(Layout::Plain, self.push(Kernel::Broadcast(walk), vec![x], size)))
    }
}

/// The order in which the last of so many axes comes second.
fn forth(axes: usize) -> Vec<usize> {
    [0].into_iter().chain([axes - 1]).chain(1..axes - 1).collect()
}

/// Of each channel of a picture.
fn pixels(shape: &[usize]) -> usize {
    shape[2..].iter().product()
}

/// Whether the channels of a picture fill blocks.
fn is_blocks(shape: &[usize]) -> bool {
    matches!(shape, [1, channels, ..] if channels.is_multiple_of(8))
}

/// Adds to what is held, and fails before more memory is taken than any network here needs.
fn hold(held: &mut usize, values: usize, most: usize) -> Planning<()> {
    *held = held.saturating_add(values);
    if *held > most { Err("the network takes too much memory".to_string()) } else { Ok(()) }
}
