//! Runs a [`Plan`], and only computes: a run allocates nothing where another has ended before.

use std::sync::{Mutex, PoisonError};

use super::kernels::dense::{self, Finish, Made, Source};
use super::kernels::fused::{MAX_INPUTS, Strips, fused};
use super::kernels::product::{self, product};
use super::kernels::{Processor, blocks, blocks_mut, depthwise, layout, plain};
use super::plan::{Kernel, Location, Plan, Planned};
use super::planner;
use crate::error::{Error, Result};
use crate::graph::program::Program;
use crate::graph::runtime::Cost;

/// A program, ready to run. Every thread may run it at once.
pub struct Executor {
    plan: Plan,
    /// Memory of runs that have ended.
    idle: Mutex<Vec<Memory>>,
}

/// The buffers of one run.
struct Memory {
    buffers: Vec<Vec<f32>>,
    scratch: product::Scratch,
    strips: Strips,
    dense: dense::Scratch,
}

impl Executor {
    /// Plans a program.
    ///
    /// # Errors
    /// [`Error::Model`] for a step that does not fit its inputs, or that no kernel can do.
    pub fn new(program: &Program, processor: Processor) -> Result<Executor> {
        let plan = planner::plan(program, processor).map_err(Error::Model)?;
        Ok(Executor { plan, idle: Mutex::new(Vec::new()) })
    }

    /// What each step takes, but for its time.
    pub fn costs(&self) -> Vec<Cost> {
        self.plan.steps.iter().map(|step| step.cost(&self.plan)).collect()
    }

    /// Runs on `input`, whose length must be that of the program's input; gives the outputs in the program's order, with their shapes,
    /// to `take`.
    pub fn run<T>(&self, input: &[f32], take: impl FnOnce(&[(&[f32], &[usize])]) -> T) -> T {
        self.run_timed(input, |_, run| run(), take)
    }

    /// The same; `timed` is called with each step, as [`Executor::costs`] numbers them, and must run it, once or more often.
    pub fn run_timed<T>(
        &self,
        input: &[f32],
        mut timed: impl FnMut(usize, &mut dyn FnMut()),
        take: impl FnOnce(&[(&[f32], &[usize])]) -> T,
    ) -> T {
        let plan = &self.plan;
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let known = idle().pop();
        let mut memory = known.unwrap_or_else(|| Memory {
            buffers: plan.buffers.iter().map(|&size| vec![0.0; size]).collect(),
            scratch: product::Scratch::default(),
            strips: Strips::new(),
            dense: dense::Scratch::default(),
        });
        for (at, step) in plan.steps.iter().enumerate() {
            timed(at, &mut || plan.perform(step, input, &mut memory));
        }
        let outputs: Vec<(&[f32], &[usize])> =
            plan.outputs.iter().map(|(place, shape)| (plan.view(*place, input, &memory.buffers), &shape[..])).collect();
        let taken = take(&outputs);
        idle().push(memory);
        taken
    }
}

impl Planned {
    fn cost(&self, plan: &Plan) -> Cost {
        let size = |place: &Location| match *place {
            Location::Input(size) | Location::Buffer(_, size) => size,
            Location::Constant(at) => plan.constants[at].len(),
        };
        let (kind, weights, macs) = match &self.kernel {
            Kernel::Block { .. } | Kernel::Unblock { .. } | Kernel::Pad { .. } => ("layout", 0, 0),
            Kernel::BlockRows { .. } | Kernel::UnblockRows { .. } => ("layout", 0, 0),
            Kernel::Columns(_) | Kernel::ColumnsOfOne(_) => ("columns", 0, 0),
            Kernel::Dense { weights, grid, channels, .. } => {
                let (windows, taps) = (grid.windows[0] * grid.windows[1], grid.taps.len());
                let kind = if taps == 1 { "pointwise" } else { "convolution" };
                (kind, weights.len(), channels * weights.outputs() * taps * windows)
            }
            Kernel::Depthwise { weights, windows, .. } => {
                ("depthwise", weights.len() * 8, weights.len() * 8 * windows.output[0] * windows.output[1])
            }
            Kernel::Fused(_) => ("elementwise", 0, 0),
            Kernel::Sum { .. } => ("sum", 0, 0),
            Kernel::Pool(..) | Kernel::PoolBlocks(..) => ("pool", 0, 0),
            Kernel::Product { size: [_, k, _] } => ("product", 0, self.output.1 * k),
            Kernel::Broadcast(_) | Kernel::Slice { .. } | Kernel::Concat { .. } => ("copy", 0, 0),
        };
        let values = self.inputs.iter().map(size).sum::<usize>() + self.output.1 + weights;
        Cost { name: plan.names[self.source].clone(), kind, macs, bytes: 4 * values, ms: 0.0 }
    }
}

impl Plan {
    fn view<'a>(&'a self, place: Location, input: &'a [f32], buffers: &'a [Vec<f32>]) -> &'a [f32] {
        match place {
            Location::Input(size) => &input[..size],
            Location::Constant(at) => &self.constants[at],
            Location::Buffer(at, size) => &buffers[at][..size],
        }
    }

    fn perform(&self, step: &Planned, input: &[f32], memory: &mut Memory) {
        let (buffer, size) = step.output;
        // No input of a step lies in its output's buffer, so that this can be taken out.
        let mut taken = std::mem::take(&mut memory.buffers[buffer]);
        let out = &mut taken[..size];
        let x = |at: usize| self.view(step.inputs[at], input, &memory.buffers);
        match &step.kernel {
            Kernel::Block { pixels } => layout::block(x(0), *pixels, blocks_mut(out)),
            Kernel::Unblock { pixels } => layout::unblock(blocks(x(0)), *pixels, out),
            Kernel::Columns(windows) => layout::columns(blocks(x(0)), *windows, blocks_mut(out)),
            Kernel::ColumnsOfOne(windows) => layout::columns_of_one(x(0), *windows, blocks_mut(out)),
            Kernel::BlockRows { channels } => layout::block_rows(x(0), *channels, blocks_mut(out)),
            Kernel::UnblockRows { channels } => layout::unblock_rows(blocks(x(0)), *channels, out),
            Kernel::Pad { pads, from, to } => layout::pad(blocks(x(0)), *from, *pads, *to, blocks_mut(out)),
            Kernel::Dense { before, channels, grid, weights, bias, clamp, order, then } => {
                let mut inputs: [&[f32]; MAX_INPUTS] = [&[]; MAX_INPUTS];
                let taken = before.as_ref().map_or(1, |functions| functions.inputs.len());
                (0..taken).for_each(|at| inputs[at] = x(at));
                let made = match before {
                    Some(functions) => Made::Here(functions, &inputs[..taken]),
                    None => Made::Before(blocks(inputs[0])),
                };
                let added = (step.inputs.len() > taken).then(|| x(taken));
                let source = Source { x: made, channels: *channels, grid };
                let finish = Finish { bias, added, clamp: *clamp, then: then.as_ref() };
                dense::dense(self.processor, source, weights, finish, *order, &mut memory.dense, out);
            }
            Kernel::Depthwise { weights, bias, clamp, windows } => {
                depthwise::depthwise(self.processor, blocks(x(0)), weights, bias, *clamp, *windows, blocks_mut(out));
            }
            Kernel::Fused(functions) => {
                let mut inputs: [&[f32]; MAX_INPUTS] = [&[]; MAX_INPUTS];
                (0..step.inputs.len()).for_each(|at| inputs[at] = x(at));
                fused(self.processor, functions, &inputs[..step.inputs.len()], 0, &mut memory.strips, out);
            }
            Kernel::Sum { length, inner } => plain::sum(self.processor, x(0), *length, *inner, out),
            Kernel::Pool(kind, windows) => plain::pool(self.processor, *kind, x(0), *windows, out),
            Kernel::PoolBlocks(kind, windows) => {
                plain::pool_blocks(self.processor, *kind, blocks(x(0)), *windows, blocks_mut(out));
            }
            Kernel::Product { size: [m, k, n] } => {
                let pairs = x(0).chunks_exact(m * k).zip(x(1).chunks_exact(k * n));
                for ((left, right), out) in pairs.zip(out.chunks_exact_mut(m * n)) {
                    product(self.processor, left, right, [*m, *k, *n], &mut memory.scratch, out);
                }
            }
            Kernel::Broadcast(walk) => plain::broadcast(walk, x(0), out),
            Kernel::Slice { start, length, stride } => {
                for (row, out) in x(0).chunks_exact(*stride).zip(out.chunks_exact_mut(*length)) {
                    out.copy_from_slice(&row[*start..start + length]);
                }
            }
            Kernel::Concat { lengths } => {
                let row = lengths.iter().sum();
                for (at, out) in out.chunks_exact_mut(row).enumerate() {
                    let mut rest = out;
                    for (input, &length) in lengths.iter().enumerate() {
                        let (part, left) = rest.split_at_mut(length);
                        part.copy_from_slice(&x(input)[at * length..][..length]);
                        rest = left;
                    }
                }
            }
        }
        memory.buffers[buffer] = taken;
    }
}
