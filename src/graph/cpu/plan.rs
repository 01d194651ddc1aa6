//! A program as the executor runs it: which kernel each step calls, with its weights packed, and where every tensor lies. Made once by the
//! planner, and never changed.

use super::kernels::layout::Windows;
use super::kernels::plain::Walk;
use super::kernels::{Block, Processor};
use crate::graph::program::{Binary, Pool, Shape, Unary};

/// All that a run needs beside its input and its memory.
pub struct Plan {
    pub processor: Processor,
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
    pub name: String,
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
    Point {
        channels: usize,
        weights: Vec<Block>,
        bias: Vec<Block>,
        clamp: [f32; 2],
        pixels: usize,
    },
    Depthwise {
        weights: Vec<Block>,
        bias: Vec<Block>,
        clamp: [f32; 2],
        windows: Windows,
    },
    Unary(Unary),
    Binary(Binary, Walk),
    Sum {
        length: usize,
        inner: usize,
    },
    Pool(Pool, Windows),
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
