//! From a program to a plan: decides once how each tensor lies in memory and where, and packs the weights.
//!
//! A convolution's pictures lie in blocks of eight channels, all else is plain; between the two stands a step of its own where it has to.

use super::kernels::depthwise;
use super::kernels::layout::{self, Windows};
use super::kernels::plain::Walk;
use super::kernels::{Processor, blocks, point};
use super::plan::{Kernel, Location, Plan, Planned};
use crate::graph::program::{Constant, MAX_VALUES, MAX_WEIGHTS, Op, Program, Shape, count};

/// Why a program cannot be planned, with the name of the step.
type Planning<T> = std::result::Result<T, String>;

/// Plans `program` for `processor`.
///
/// # Errors
/// A line that names the step that does not fit its inputs, or that no kernel can do.
pub fn plan(program: &Program, processor: Processor) -> Planning<Plan> {
    Planner::plan(program, processor)
}

/// A tensor while the buffers are not yet given out.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Tensor {
    Input(usize),
    Constant(usize),
    /// Of planned step.
    Step(usize, usize),
}

/// A value of the program in one or both layouts.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    plain: Option<Tensor>,
    blocked: Option<Tensor>,
}

/// Turns the steps of a program into planned ones.
struct Planner<'a> {
    program: &'a Program,
    shapes: Vec<Shape>,
    known: Vec<Known>,
    constants: Vec<Vec<f32>>,
    steps: Vec<(Kernel, Vec<Tensor>, usize, usize)>,
    /// The step of the program that is being planned.
    source: usize,
    /// Values of all buffers until now.
    held: usize,
    /// Values that weights take, packed anew for each step.
    packed: usize,
}

impl Planner<'_> {
    fn plan(program: &Program, processor: Processor) -> Planning<Plan> {
        let shapes = program.shapes()?;
        let mut planner = Planner {
            program,
            shapes,
            known: Vec::new(),
            constants: Vec::new(),
            steps: Vec::new(),
            source: 0,
            held: 0,
            packed: 0,
        };
        planner.known.push(Known { plain: Some(Tensor::Input(count(&program.input)?)), blocked: None });
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
        let outputs =
            program.outputs.iter().map(|(_, value)| planner.plain(*value)).collect::<Planning<Vec<Tensor>>>()?;
        planner.finish(processor, outputs)
    }

    fn push(&mut self, kernel: Kernel, inputs: Vec<Tensor>, size: usize) -> Tensor {
        self.steps.push((kernel, inputs, size, self.source));
        Tensor::Step(self.steps.len() - 1, size)
    }

    /// The value as a plain tensor.
    fn plain(&mut self, value: usize) -> Planning<Tensor> {
        if let Some(tensor) = self.known[value].plain {
            return Ok(tensor);
        }
        let tensor = if let Some(constant) = self.program.constant(value) {
            self.constants.push(constant.values.clone());
            Tensor::Constant(self.constants.len() - 1)
        } else {
            let shape = self.shapes[value].clone();
            let blocked = self.known[value].blocked.ok_or("a value has no layout")?;
            self.push(Kernel::Unblock { pixels: shape[2] * shape[3] }, vec![blocked], count(&shape)?)
        };
        self.known[value].plain = Some(tensor);
        Ok(tensor)
    }

    /// The picture in blocks of eight channels.
    fn blocked(&mut self, value: usize) -> Planning<Tensor> {
        if let Some(tensor) = self.known[value].blocked {
            return Ok(tensor);
        }
        let &[1, channels, height, width] = &self.shapes[value][..] else {
            return Err("it takes a picture".to_string());
        };
        let plain = self.plain(value)?;
        let pixels = height * width;
        let tensor = self.push(Kernel::Block { pixels }, vec![plain], channels.next_multiple_of(8) * pixels);
        self.known[value].blocked = Some(tensor);
        Ok(tensor)
    }

    fn step(&mut self, op: &Op, inputs: &[usize]) -> Planning<Known> {
        let value = self.known.len();
        let shape = self.shapes[value].clone();
        let size = count(&shape)?;
        let plain = |tensor: Tensor| Ok(Known { plain: Some(tensor), blocked: None });
        let blocked = |tensor: Tensor| Ok(Known { plain: None, blocked: Some(tensor) });
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
                let x = self.plain(inputs[0])?;
                plain(self.push(Kernel::Pool(*kind, windows), vec![x], size))
            }
            Op::Unary(function) => {
                // What lies in whole blocks may stay there.
                if let (Some(x), 0) = (self.known[inputs[0]].blocked, shape.get(1).map_or(1, |channels| channels % 8)) {
                    return blocked(self.push(Kernel::Unary(*function), vec![x], size));
                }
                let x = self.plain(inputs[0])?;
                plain(self.push(Kernel::Unary(*function), vec![x], size))
            }
            Op::Binary(function) => {
                let sides = [inputs[0], inputs[1]];
                let alike = sides.iter().all(|&side| self.shapes[side] == shape);
                let in_blocks = sides.iter().any(|&side| self.known[side].blocked.is_some());
                if alike && in_blocks && shape.get(1).is_some_and(|channels| channels % 8 == 0) {
                    let tensors = sides.map(|side| self.blocked(side));
                    let [a, b] = tensors;
                    let walk = Walk::new(&[size], &[size]);
                    return blocked(self.push(Kernel::Binary(*function, walk), vec![a?, b?], size));
                }
                let walk = Walk::new(&self.shapes[sides[0]], &self.shapes[sides[1]]);
                let tensors = [self.plain(sides[0])?, self.plain(sides[1])?];
                plain(self.push(Kernel::Binary(*function, walk), tensors.to_vec(), size))
            }
            Op::Sum { axes } => {
                let mut lengths = self.shapes[inputs[0]].clone();
                let mut tensor = self.plain(inputs[0])?;
                let mut axes = axes.clone();
                axes.sort_unstable();
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
                let (a, b) = (&self.shapes[inputs[0]], &self.shapes[inputs[1]]);
                let kernel = Kernel::Product { size: [a[a.len() - 2], a[a.len() - 1], b[b.len() - 1]] };
                let tensors = [self.plain(inputs[0])?, self.plain(inputs[1])?];
                plain(self.push(kernel, tensors.to_vec(), size))
            }
            Op::Reshape(_) => plain(self.plain(inputs[0])?),
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
            Op::Transpose { order } => {
                let walk = Walk::transpose(&self.shapes[inputs[0]], order);
                let x = self.plain(inputs[0])?;
                plain(self.push(Kernel::Broadcast(walk), vec![x], size))
            }
            Op::Concat { axis } => {
                let lengths =
                    inputs.iter().map(|&input| count(&self.shapes[input][*axis..])).collect::<Planning<_>>()?;
                let tensors = inputs.iter().map(|&input| self.plain(input)).collect::<Planning<_>>()?;
                plain(self.push(Kernel::Concat { lengths }, tensors, size))
            }
        }
    }

    fn conv(
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
        let packed = count(&[outputs.next_multiple_of(8), channels.next_multiple_of(8), h, w])?;
        hold(&mut self.packed, packed, MAX_WEIGHTS)?;
        let mut padded = bias.values.clone();
        padded.resize(outputs.next_multiple_of(8), 0.0);
        let bias = blocks(&padded).to_vec();
        let windows = Windows { kernel: [h, w], strides, pads: [pads[0], pads[1]], input, output };
        if depthwise {
            if inputs.len() > 3 {
                return Err("no kernel for depthwise windows with a sum".to_string());
            }
            let weights = depthwise::pack(weights, outputs);
            let x = self.blocked(picture)?;
            return Ok(self.push(Kernel::Depthwise { weights, bias, clamp, windows }, vec![x], size));
        }
        let taps = h * w;
        let (x, depth, weights) = if taps == 1 && strides == [1, 1] && pads == [0; 4] {
            (self.blocked(picture)?, channels, point::pack(weights, outputs, channels))
        } else if channels == 1 {
            let x = self.plain(picture)?;
            let columns =
                self.push(Kernel::ColumnsOfOne(windows), vec![x], count(&[taps.next_multiple_of(8), pixels])?);
            (columns, taps, point::pack(weights, outputs, taps))
        } else {
            let x = self.blocked(picture)?;
            let depth = channels.next_multiple_of(8) * taps;
            let columns = self.push(Kernel::Columns(windows), vec![x], count(&[depth, pixels])?);
            (columns, depth, point::pack(&layout::weights_by_column(weights, channels, taps), outputs, depth))
        };
        let mut tensors = vec![x];
        if let Some(&added) = inputs.get(3) {
            tensors.push(self.blocked(added)?);
        }
        Ok(self.push(Kernel::Point { channels: depth, weights, bias, clamp, pixels }, tensors, size))
    }

    /// Gives every step's tensor a buffer, which is free again after the last step that takes it.
    fn finish(mut self, processor: Processor, outputs: Vec<Tensor>) -> Planning<Plan> {
        let mut last_use = vec![0; self.steps.len()];
        for (at, (_, inputs, ..)) in self.steps.iter().enumerate() {
            for input in inputs {
                if let Tensor::Step(of, _) = input {
                    last_use[*of] = at;
                }
            }
        }
        for output in &outputs {
            if let Tensor::Step(of, _) = output {
                last_use[*of] = usize::MAX;
            }
        }
        let mut buffers: Vec<usize> = Vec::new();
        let mut free: Vec<usize> = Vec::new();
        let mut place_of: Vec<Location> = Vec::new();
        let mut steps = Vec::new();
        let place = |tensor: Tensor, place_of: &[Location]| match tensor {
            Tensor::Input(size) => Location::Input(size),
            Tensor::Constant(at) => Location::Constant(at),
            Tensor::Step(of, _) => place_of[of],
        };
        for (at, (kernel, inputs, size, source)) in std::mem::take(&mut self.steps).into_iter().enumerate() {
            // The smallest that is large enough, or else the largest, made larger.
            let best = (0..free.len()).min_by_key(|&place| {
                let have = buffers[free[place]];
                if have >= size { (0, have) } else { (1, usize::MAX - have) }
            });
            let buffer = match best {
                Some(place) => free.swap_remove(place),
                None => {
                    buffers.push(0);
                    buffers.len() - 1
                }
            };
            hold(&mut self.held, size.saturating_sub(buffers[buffer]), MAX_VALUES)?;
            buffers[buffer] = buffers[buffer].max(size);
            place_of.push(Location::Buffer(buffer, size));
            let mut seen = Vec::new();
            for input in &inputs {
                if let Tensor::Step(of, _) = *input
                    && last_use[of] == at
                    && !seen.contains(&of)
                {
                    seen.push(of);
                    if let Location::Buffer(buffer, _) = place_of[of] {
                        free.push(buffer);
                    }
                }
            }
            if last_use[at] == 0 {
                // Nobody takes it, but it has to go somewhere.
                free.push(buffer);
            }
            let inputs = inputs.iter().map(|&input| place(input, &place_of)).collect();
            let name = self.program.steps[source].name.clone();
            steps.push(Planned { kernel, inputs, output: (buffer, size), name });
        }
        let mut shaped = Vec::new();
        for (tensor, (_, value)) in outputs.iter().zip(&self.program.outputs) {
            shaped.push((place(*tensor, &place_of), self.shapes[*value].clone()));
        }
        Ok(Plan { processor, steps, constants: self.constants, buffers, outputs: shaped })
    }
}

/// Adds to what is held, and fails before more memory is taken than any network here needs.
fn hold(held: &mut usize, values: usize, most: usize) -> Planning<()> {
    *held = held.saturating_add(values);
    if *held > most { Err("the network takes too much memory".to_string()) } else { Ok(()) }
}
