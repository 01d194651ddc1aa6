//! The network on a GPU: a [`Program`] as WGSL kernels, through Vulkan, Metal or DirectX 12.
//!
//! Knows no slices and no verdicts; whether a GPU is wanted, and which one may count, is the caller's to say.

mod device;
mod executor;
mod expression;
mod kernel;
mod plan;
mod view;

use std::sync::Arc;

pub use device::{Gpu, Seen, seen};
pub use executor::{Executor, Pending};

use super::Contract;
use super::program::Program;
use crate::error::{Error, Result};
use crate::outputs::Outputs;

/// A network on a GPU that reads `batch` slices at once.
pub struct GpuGraph {
    executor: Executor,
    contract: Contract,
    batch: usize,
}

/// Slices that are being read.
pub struct Batch<'a> {
    pending: Pending<'a>,
    count: usize,
    contract: &'a Contract,
}

impl GpuGraph {
    /// Plans a program, the same as [`Graph::new`](super::Graph::new) takes, for `batch` slices at once.
    ///
    /// # Errors
    /// [`Error::Model`] when it does not fit the contract, holds a step that has no kernel, or asks too much of the GPU.
    pub fn new(gpu: Arc<Gpu>, program: &Program, batch: usize) -> Result<GpuGraph> {
        let contract = Contract::of(program)?;
        let executor = Executor::new(gpu, program, batch).map_err(Error::Model)?;
        Ok(GpuGraph { executor, contract, batch })
    }

    /// What the network takes and gives.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// The most slices that it reads at once.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Starts reading up to [`GpuGraph::batch`] slices, each of the `size * size` values that preprocess gives.
    ///
    /// # Errors
    /// [`Error::Argument`] for another number of values, [`Error::Internal`] if the GPU fails.
    pub fn start(&self, slices: &[&[f32]]) -> Result<Batch<'_>> {
        self.contract.check(slices, self.batch)?;
        let pending = self.executor.submit(slices).map_err(Error::Internal)?;
        Ok(Batch { pending, count: slices.len(), contract: &self.contract })
    }

    /// Reads one slice.
    pub fn run(&self, slice: &[f32]) -> Result<Outputs> {
        let outputs = self.start(&[slice])?.wait()?;
        outputs.into_iter().next().ok_or_else(|| Error::Internal("the GPU gave no outputs".to_string()))
    }
}

impl Batch<'_> {
    /// Waits for the GPU, and gives the outputs of each slice.
    ///
    /// # Errors
    /// [`Error::Internal`] if the GPU fails.
    pub fn wait(self) -> Result<Vec<Outputs>> {
        let all = self.pending.wait().map_err(Error::Internal)?;
        Ok((0..self.count).map(|slice| self.contract.outputs(slice, |at| &all[at])).collect())
    }
}
