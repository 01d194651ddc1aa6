//! A program as the executor runs it: which kernel each step calls, with its weights packed, and where every tensor lies. Made once by the
//! planner, and never changed.

use super::kernels::dense::{Grid, Order, Weights};
use super::kernels::fused::Fused;
use super::kernels::layout::Windows;
use super::kernels::plain::Walk;
use super::kernels::{Block, Processor};
use crate::graph::program::{Pool, Shape};

/// All that a run needs beside its input and its memory.
pub struct Plan {
    pub processor: Processor,
    /// Of the steps of the program.
    pub names: Vec<String>,
    pub steps: Vec<Planned>,
    /// Tensors that never change, as they lie.
    pub constants: Vec<Vec<f32>>,
    /// The sizes of the buffers, which steps share over time.
    pub buffers: Vec<usize>,
    /// The tensors of the outputs, with their shapes.
    pub outputs: Vec<(Location, Shape)>,
}

/// Where a tensor lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Location {
    Input(usize),
    Constant(usize),
    /// The buffer, and how much of it.
    Buffer(usize, usize),
}

/// One call of a kernel.
pub struct Planned {
    pub kernel: Kernel,
    pub inputs: Vec<Location>,
    /// A buffer, and how much of it.
    pub output: (usize, usize),
    /// The step of the program that it belongs to.
    pub source: usize,
}

/// What a planned step calls.
pub enum Kernel {
    Block {
        pixels: usize,
    },
    Unblock {
        pixels: usize,
    },
    Columns(Windows),
    ColumnsOfOne(Windows),
    /// Rows of a matrix with so many columns.
    BlockRows {
        channels: usize,
    },
    UnblockRows {
        channels: usize,
    },
    /// Zeros around a picture: rows and columns before, those of the picture, and those in all.
    Pad {
        pads: [usize; 2],
        from: [usize; 2],
        to: [usize; 2],
    },
    /// `before` makes its picture of its first inputs.
    Dense {
        before: Option<Fused>,
        channels: usize,
        grid: Grid,
        weights: Weights,
        bias: Vec<f32>,
        clamp: [f32; 2],
        order: Order,
        then: Option<Fused>,
    },
    Depthwise {
        weights: Vec<Block>,
        bias: Vec<Block>,
        clamp: [f32; 2],
        windows: Windows,
    },
    Fused(Fused),
    Sum {
        length: usize,
        inner: usize,
    },
    Pool(Pool, Windows),
    PoolBlocks(Pool, Windows),
    Product {
        size: [usize; 3],
    },
    /// Repeats axes, or sorts them.
    Broadcast(Walk),
    /// Rows of `length` from `start` on, of every `stride` values.
    Slice {
        start: usize,
        length: usize,
        stride: usize,
    },
    /// Rows of these lengths, one of each input in turn.
    Concat {
        lengths: Vec<usize>,
    },
}
