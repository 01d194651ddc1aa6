//! The network on a GPU: tract's decluttered model as WGSL kernels, through Vulkan, Metal or DirectX 12.
//!
//! Knows no slices and no verdicts; whether a GPU is wanted, and which one may count, is the caller's to say.

mod device;
mod executor;
mod expression;
mod kernel;
mod plan;
mod view;

use std::sync::Arc;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::format_err;

pub use device::{Gpu, Seen, seen};
pub use executor::{Executor, Pending, Values};

use self::view::volume;
use super::{Map, OutputIndex, Outputs};
use crate::error::{Error, Result};
use crate::model::sha256;

/// A network on a GPU that reads `batch` slices at once.
pub struct GpuGraph {
    executor: Executor,
    /// Width and height of the input.
    size: usize,
    batch: usize,
    /// SHA-256 of the ONNX file that it was made from.
    onnx: String,
    outputs: OutputIndex,
}

/// Slices that are being read.
pub struct Batch<'a> {
    pending: Pending<'a>,
    count: usize,
    outputs: OutputIndex,
}

impl GpuGraph {
    /// Compiles an ONNX file as [`Graph::compile`](super::Graph::compile) takes it, for `batch` slices at once.
    ///
    /// # Errors
    /// [`Error::Model`] when it does not fit the contract, holds an operator that has no kernel, or asks too much of the GPU.
    pub fn compile(gpu: Arc<Gpu>, onnx: &[u8], size: usize, batch: usize) -> Result<GpuGraph> {
        let (model, outputs) = parse(onnx, size, batch).map_err(|error| Error::Model(format!("{error:#}")))?;
        let decluttered = model
            .into_typed()
            .and_then(|model| model.into_decluttered())
            .map_err(|error| Error::Model(format!("{error:#}")))?;
        let executor = Executor::new(gpu, decluttered).map_err(Error::Model)?;
        let graph = GpuGraph { executor, size, batch, onnx: sha256(onnx), outputs };
        for (name, at) in [("map", outputs.map), ("lung", outputs.lung)] {
            if !matches!(graph.executor.shape(at), [_, 1, _, _]) {
                let shape = graph.executor.shape(at);
                return Err(Error::Model(format!(
                    "its output \"{name}\" has the shape {shape:?} instead of [N, 1, h, w]"
                )));
            }
        }
        Ok(graph)
    }

    /// How many findings it gives.
    pub fn findings(&self) -> usize {
        volume(self.executor.shape(self.outputs.findings)) / self.batch
    }

    /// How many values its embedding has.
    pub fn embedding(&self) -> usize {
        volume(self.executor.shape(self.outputs.embedding)) / self.batch
    }

    /// Width and height of its input, in pixels.
    pub fn size(&self) -> usize {
        self.size
    }

    /// SHA-256 of the ONNX file that it was made from, in lower-case hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.onnx
    }

    /// The most slices that it reads at once.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Starts reading up to [`GpuGraph::batch`] slices, each of the `size * size` values that preprocess gives.
    ///
    /// # Errors
    /// [`Error::Argument`] for another number of values, [`Error::Internal`] if the GPU fails.
    pub fn start(&self, mut slices: Vec<f32>) -> Result<Batch<'_>> {
        let one = self.size * self.size;
        let count = slices.len() / one;
        if !slices.len().is_multiple_of(one) || !(1..=self.batch).contains(&count) {
            let (got, size, batch) = (slices.len(), self.size, self.batch);
            return Err(Error::Argument(format!(
                "the network takes 1 to {batch} times {size} x {size} values and got {got}"
            )));
        }
        slices.resize(self.batch * one, 0.0);
        let pending = self.executor.submit(&slices).map_err(Error::Internal)?;
        Ok(Batch { pending, count, outputs: self.outputs })
    }

    /// Reads one slice.
    pub fn run(&self, slice: &[f32]) -> Result<Outputs> {
        let outputs = self.start(slice.to_vec())?.wait()?;
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
        let own = |at: usize, slice: usize| -> Vec<f32> {
            let Values { shape, values } = &all[at];
            let length = values.len() / shape[0];
            values[slice * length..(slice + 1) * length].to_vec()
        };
        let map = |at: usize, slice: usize| -> Result<Map> {
            let &[_, 1, height, width] = &all[at].shape[..] else {
                return Err(Error::Model(format!("a map has the shape {:?} instead of [N, 1, h, w]", all[at].shape)));
            };
            Ok(Map { width, height, values: own(at, slice) })
        };
        (0..self.count)
            .map(|slice| {
                let at = self.outputs;
                let logit = own(at.logit, slice).first().copied();
                Ok(Outputs {
                    logit: logit.ok_or_else(|| Error::Model("the logit is empty".to_string()))?,
                    map: map(at.map, slice)?,
                    findings: own(at.findings, slice),
                    lung: map(at.lung, slice)?,
                    embedding: own(at.embedding, slice),
                })
            })
            .collect()
    }
}

/// Parses an ONNX file for inputs `[batch, 1, size, size]`, and finds the outputs of the contract.
fn parse(mut onnx: &[u8], size: usize, batch: usize) -> TractResult<(InferenceModel, OutputIndex)> {
    let mut model = tract_onnx::onnx().model_for_read(&mut onnx)?;
    model.set_input_fact(0, f32::fact([batch, 1, size, size]).into())?;
    let names: Vec<String> = model
        .output_outlets()?
        .iter()
        .map(|outlet| model.outlet_label(*outlet).unwrap_or(&model.node(outlet.node).name).to_string())
        .collect();
    let index = |name: &str| {
        names
            .iter()
            .position(|known| known == name)
            .ok_or_else(|| format_err!("it has no output \"{name}\", only {}", names.join(", ")))
    };
    let outputs = OutputIndex {
        logit: index("logit")?,
        map: index("map")?,
        findings: index("findings")?,
        lung: index("lung")?,
        embedding: index("embedding")?,
    };
    Ok((model, outputs))
}
