//! The network on a GPU: a [`Program`] as WGSL kernels, through Vulkan, Metal or DirectX 12.
//!
//! Knows no slices and no verdicts; whether a GPU is wanted, and which one may count, is the caller's to say.

mod device;
mod direct;
mod executor;
mod expression;
mod kernel;
mod plan;
mod pool;
mod prelude;
mod product;
mod sum;
mod view;
mod window;

use std::sync::Arc;

pub use device::{Gpu, Seen, seen};
pub use executor::{Executor, Pending};

use super::contract::Contract;
use super::program::Program;
use super::runtime::{Running, Runtime};
use crate::error::{Error, Result};
use crate::outputs::Outputs;

/// A network on a GPU that reads `batch` slices at once.
pub struct GpuGraph {
    executor: Executor,
    contract: Contract,
    batch: usize,
}

/// Slices that are being read.
struct Batch<'a> {
    pending: Pending<'a>,
    count: usize,
    contract: &'a Contract,
}

impl GpuGraph {
    /// Plans a program, the same as [`CpuGraph::new`](super::cpu::CpuGraph::new) takes, for `batch` slices at once.
    ///
    /// # Errors
    /// [`Error::Model`] when it does not fit the contract, holds a step that has no kernel, or asks too much of the GPU.
    pub fn new(gpu: Arc<Gpu>, program: &Program, batch: usize) -> Result<GpuGraph> {
        let contract = Contract::of(program)?;
        let executor = Executor::new(gpu, program, batch).map_err(Error::Model)?;
        Ok(GpuGraph { executor, contract, batch })
    }
}

impl Runtime for GpuGraph {
    fn contract(&self) -> &Contract {
        &self.contract
    }

    fn batch(&self) -> usize {
        self.batch
    }

    fn start<'a>(&'a self, slices: &[&[f32]]) -> Result<Box<dyn Running + 'a>> {
        self.contract.check(slices, self.batch)?;
        let pending = self.executor.submit(slices).map_err(Error::Internal)?;
        Ok(Box::new(Batch { pending, count: slices.len(), contract: &self.contract }))
    }
}

impl Running for Batch<'_> {
    fn wait(self: Box<Self>) -> Result<Vec<Result<Outputs>>> {
        let all = self.pending.wait().map_err(Error::Internal)?;
        Ok((0..self.count).map(|slice| self.contract.outputs(slice, |at| &all[at])).collect())
    }
}
