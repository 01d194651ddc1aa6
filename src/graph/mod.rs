//! The network: compiled from ONNX by tract ([`compile`]) into one list of steps, which can be packed into a file ([`program`]). The same
//! list is run one slice at a time by our kernels ([`executor`], [`kernels`]), or several at a time on a GPU. What is beyond it tract can
//! run by itself ([`tract`]). The page holds only our kernels.

#[cfg(feature = "compile")]
pub mod compile;
mod contract;
#[cfg(feature = "cuda")]
pub mod cuda;
pub mod executor;
#[cfg(feature = "wgpu")]
pub mod gpu;
pub mod kernels;
pub mod program;
mod runtime;
#[cfg(feature = "compile")]
pub mod tract;

pub use self::contract::Contract;
pub use self::executor::Cost;
use self::executor::Executor;
use self::kernels::Processor;
use self::program::Program;
pub use self::runtime::Runtime;
use crate::error::Result;
use crate::outputs::Outputs;

/// A network, ready to run. Cheap to clone; every thread may run it at once.
#[derive(Clone)]
pub struct Graph {
    executor: Executor,
    contract: Contract,
}

impl Graph {
    /// Compiles an ONNX file with the input `slice` `[N, 1, size, size]` and the outputs `logit`, `map`,
    /// `findings`, `lung` and `embedding`.
    ///
    /// # Errors
    /// [`Error::Model`](crate::error::Error::Model) when it cannot be parsed, lacks one of these, or has an operator that LungGlass does not run.
    #[cfg(feature = "compile")]
    pub fn compile(onnx: &[u8], size: usize) -> Result<Graph> {
        Graph::new(&compile::compile(onnx, &[1, 1, size, size])?, Processor::best())
    }

    /// Reads a packed network.
    ///
    /// # Errors
    /// [`Error::Model`](crate::error::Error::Model) when it is damaged, or lacks an output.
    pub fn parse(packed: &[u8]) -> Result<Graph> {
        Graph::new(&Program::parse(packed)?, Processor::best())
    }

    /// Plans `program` for `processor`.
    ///
    /// # Errors
    /// [`Error::Model`](crate::error::Error::Model) when it lacks an output, or a step has no kernel.
    pub fn new(program: &Program, processor: Processor) -> Result<Graph> {
        let contract = Contract::of(program)?;
        let executor = Executor::new(program, processor)?;
        Ok(Graph { executor, contract })
    }

    /// What the network takes and gives.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// What each step costs on `input`: every step runs `rounds` times, and `clock` gives milliseconds.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::error::Error::Argument) for an input of another length.
    pub fn profile(&self, input: &[f32], rounds: usize, clock: fn() -> f64) -> Result<Vec<Cost>> {
        self.contract.check(&[input], 1)?;
        let mut costs = self.executor.costs();
        let time = |at: usize, run: &mut dyn FnMut()| {
            let start = clock();
            (0..rounds.max(1)).for_each(|_| run());
            costs[at].ms += (clock() - start) / rounds.max(1) as f64;
        };
        self.executor.run_timed(input, time, |_| ());
        Ok(costs)
    }

    /// Runs one slice: `input` holds the `size * size` values that preprocess gives.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::error::Error::Argument) for an input of another length.
    pub fn run(&self, input: &[f32]) -> Result<Outputs> {
        self.contract.check(&[input], 1)?;
        Ok(self.executor.run(input, |outputs| self.contract.outputs(0, |at| outputs[at].0)))
    }
}
