//! The network on this processor, one slice at a time, by our own kernels. It owns how tensors lie in memory; allocates for a plan, not for
//! a run.

mod executor;
mod kernels;
mod plan;
mod planner;

pub use executor::Executor;
pub use kernels::Processor;

use super::contract::Contract;
use super::program::Program;
use super::runtime::{Cost, Running, Runtime};
use crate::error::Result;

/// A network on this processor.
pub struct CpuGraph {
    executor: Executor,
    contract: Contract,
}

impl CpuGraph {
    /// Reads a packed network.
    ///
    /// # Errors
    /// [`Error::Model`](crate::error::Error::Model) when it is damaged, or lacks an output.
    pub fn parse(packed: &[u8]) -> Result<CpuGraph> {
        CpuGraph::new(&Program::parse(packed)?, Processor::best())
    }

    /// Plans `program` for `processor`.
    ///
    /// # Errors
    /// [`Error::Model`](crate::error::Error::Model) when it lacks an output, or a step has no kernel.
    pub fn new(program: &Program, processor: Processor) -> Result<CpuGraph> {
        let contract = Contract::of(program)?;
        let executor = Executor::new(program, processor)?;
        Ok(CpuGraph { executor, contract })
    }
}

impl Runtime for CpuGraph {
    fn contract(&self) -> &Contract {
        &self.contract
    }

    fn batch(&self) -> usize {
        1
    }

    fn start<'a>(&'a self, slices: &[&[f32]]) -> Result<Box<dyn Running + 'a>> {
        self.contract.check(slices, self.batch())?;
        let read = |slice: &&[f32]| self.executor.run(slice, |outputs| self.contract.outputs(0, |at| outputs[at].0));
        Ok(Box::new(slices.iter().map(read).collect::<Vec<_>>()))
    }

    fn profile(&self, slice: &[f32], rounds: usize, clock: fn() -> f64) -> Result<Vec<Cost>> {
        self.contract.check(&[slice], 1)?;
        let mut costs = self.executor.costs();
        let time = |at: usize, run: &mut dyn FnMut()| {
            let start = clock();
            (0..rounds.max(1)).for_each(|_| run());
            costs[at].ms += (clock() - start) / rounds.max(1) as f64;
        };
        self.executor.run_timed(slice, time, |_| ());
        Ok(costs)
    }
}
