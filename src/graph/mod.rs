//! The network: compiled from ONNX by tract ([`compile`]), packed into a file of its own ([`program`]), run one slice at a time by our
//! kernels ([`executor`], [`kernels`]), or several at a time on a GPU. The page holds only what runs it.

#[cfg(all(feature = "compile", not(target_arch = "wasm32")))]
pub mod compile;
pub mod executor;
#[cfg(all(feature = "wgpu", not(target_arch = "wasm32")))]
pub mod gpu;
pub mod kernels;
pub mod program;
mod runtime;

use serde::Serialize;

pub use self::executor::Cost;
use self::executor::Executor;
use self::kernels::Processor;
use self::program::Program;
pub use self::runtime::Runtime;
use crate::error::{Error, Result};

/// A network, ready to run. Cheap to clone; every thread may run it at once.
#[derive(Clone)]
pub struct Graph {
    executor: Executor,
    /// Width and height of the input.
    size: usize,
    /// SHA-256 of the ONNX file that it was made from.
    onnx: String,
    outputs: OutputIndex,
    findings: usize,
    embedding: usize,
}

/// Where each output stands among the network's outputs.
#[derive(Debug, Clone, Copy)]
struct OutputIndex {
    logit: usize,
    map: usize,
    findings: usize,
    lung: usize,
    embedding: usize,
}

/// What the network says of one slice.
#[derive(Debug, Clone)]
pub struct Outputs {
    /// COVID-19 against not, before calibration; the mean of `map`.
    pub logit: f32,
    pub map: Map,
    /// A logit for each finding, in the order of model.toml.
    pub findings: Vec<f32>,
    /// The share of each cell that the network takes for lung, 0..1.
    pub lung: Map,
    /// `d` values for the gate.
    pub embedding: Vec<f32>,
}

/// Values over the slice, cell by cell. As the class activation map (Zhou et al. 2016): what each cell adds to the logit,
/// which is their mean; outside the lungs they are all alike and lowest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Map {
    /// In cells.
    pub width: usize,
    /// In cells.
    pub height: usize,
    /// Row by row.
    pub values: Vec<f32>,
}

impl Outputs {
    /// Whether every value is a finite number. Of an input that preprocess gives they are.
    pub fn are_finite(&self) -> bool {
        let maps = self.map.values.iter().chain(&self.lung.values);
        let others = self.findings.iter().chain(&self.embedding);
        maps.chain(others).chain([&self.logit]).all(|value| value.is_finite())
    }
}

impl Graph {
    /// Compiles an ONNX file with the input `slice` `[N, 1, size, size]` and the outputs `logit`, `map`,
    /// `findings`, `lung` and `embedding`.
    ///
    /// # Errors
    /// [`Error::Model`] when it cannot be parsed, lacks one of these, or has an operator that LungGlass does not run.
    #[cfg(all(feature = "compile", not(target_arch = "wasm32")))]
    pub fn compile(onnx: &[u8], size: usize) -> Result<Graph> {
        Graph::new(&compile::compile(onnx, size)?, Processor::best())
    }

    /// Reads a packed network.
    ///
    /// # Errors
    /// [`Error::Model`] when it is damaged, or lacks an output.
    pub fn parse(packed: &[u8]) -> Result<Graph> {
        Graph::new(&Program::parse(packed)?, Processor::best())
    }

    /// Plans `program` for `processor`.
    ///
    /// # Errors
    /// [`Error::Model`] when it lacks an output, or a step has no kernel.
    pub fn new(program: &Program, processor: Processor) -> Result<Graph> {
        let &[1, 1, size, width] = &program.input[..] else {
            return Err(Error::Model(format!("its input has the shape {:?} instead of [N, 1, S, S]", program.input)));
        };
        if width != size {
            return Err(Error::Model(format!("its input is {width} x {size} pixels, and must be square")));
        }
        let shapes = program.shapes().map_err(Error::Model)?;
        let names = || program.outputs.iter().map(|(name, _)| &name[..]).collect::<Vec<_>>().join(", ");
        let index = |name: &str| {
            let found = program.outputs.iter().position(|(known, _)| known == name);
            found.ok_or_else(|| Error::Model(format!("it has no output \"{name}\", only {}", names())))
        };
        let map = |name: &str| {
            let at = index(name)?;
            match &shapes[program.outputs[at].1][..] {
                [1, 1, _, _] => Ok(at),
                shape => {
                    Err(Error::Model(format!("its output \"{name}\" has the shape {shape:?} instead of [N, 1, h, w]")))
                }
            }
        };
        let outputs = OutputIndex {
            logit: index("logit")?,
            map: map("map")?,
            findings: index("findings")?,
            lung: map("lung")?,
            embedding: index("embedding")?,
        };
        let length = |at: usize| shapes[program.outputs[at].1].iter().product();
        let (findings, embedding) = (length(outputs.findings), length(outputs.embedding));
        let executor = Executor::new(program, processor)?;
        Ok(Graph { executor, size, onnx: program.onnx.clone(), outputs, findings, embedding })
    }

    /// How many findings it gives.
    pub fn findings(&self) -> usize {
        self.findings
    }

    /// How many values its embedding has.
    pub fn embedding(&self) -> usize {
        self.embedding
    }

    /// Width and height of its input, in pixels.
    pub fn size(&self) -> usize {
        self.size
    }

    /// SHA-256 of the ONNX file that it was made from, in lower-case hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.onnx
    }

    /// What each step costs on `input`: every step runs `rounds` times, and `clock` gives milliseconds.
    ///
    /// # Errors
    /// [`Error::Argument`] for an input of another length.
    pub fn profile(&self, input: &[f32], rounds: usize, clock: fn() -> f64) -> Result<Vec<Cost>> {
        self.check(input)?;
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
    /// [`Error::Argument`] for an input of another length.
    pub fn run(&self, input: &[f32]) -> Result<Outputs> {
        self.check(input)?;
        Ok(self.executor.run(input, |outputs| {
            let values = |at: usize| outputs[at].0.to_vec();
            let map = |at: usize| {
                let shape = outputs[at].1;
                Map { width: shape[3], height: shape[2], values: values(at) }
            };
            Outputs {
                logit: outputs[self.outputs.logit].0.first().copied().unwrap_or(f32::NAN),
                map: map(self.outputs.map),
                findings: values(self.outputs.findings),
                lung: map(self.outputs.lung),
                embedding: values(self.outputs.embedding),
            }
        }))
    }

    fn check(&self, input: &[f32]) -> Result<()> {
        if input.len() == self.size * self.size {
            return Ok(());
        }
        let (got, size) = (input.len(), self.size);
        Err(Error::Argument(format!("the network takes {size} x {size} values and got {got}")))
    }
}
