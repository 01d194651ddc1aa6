//! The network: an ONNX file, compiled by tract, one slice at a time.

use std::sync::Arc;

use serde::Serialize;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{TractErrorContext, bail, format_err};

use crate::error::{Error, Result};

/// A compiled network, ready to run. Cheap to clone; every thread may run it at once.
#[derive(Clone)]
pub struct Graph {
    plan: Arc<TypedRunnableModel>,
    /// Width and height of the input.
    size: usize,
    outputs: OutputIndex,
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

impl Graph {
    /// Compiles an ONNX file with the input `slice` `[N, 1, size, size]` and the outputs `logit`, `map`,
    /// `findings`, `lung` and `embedding`.
    ///
    /// # Errors
    /// [`Error::Model`] when it cannot be parsed or lacks one of these.
    pub fn compile(onnx: &[u8], size: usize) -> Result<Graph> {
        Graph::build(onnx, size).map_err(|error| Error::Model(format!("{error:#}")))
    }

    fn build(mut onnx: &[u8], size: usize) -> TractResult<Graph> {
        let mut model = tract_onnx::onnx().model_for_read(&mut onnx)?;
        // N is fixed before typing: with a symbolic one, tract has no fast depthwise convolution.
        model.set_input_fact(0, f32::fact([1, 1, size, size]).into())?;
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
        let plan = model.into_optimized()?.into_runnable()?;
        Ok(Graph { plan, size, outputs })
    }

    /// Runs one slice: `input` holds the `size * size` values that preprocess gives.
    ///
    /// # Errors
    /// [`Error::Argument`] for an input of another length, [`Error::Internal`] if tract fails.
    pub fn run(&self, input: &[f32]) -> Result<Outputs> {
        if input.len() != self.size * self.size {
            let (got, size) = (input.len(), self.size);
            return Err(Error::Argument(format!("the network takes {size} x {size} values and got {got}")));
        }
        self.evaluate(input).map_err(|error| Error::Internal(format!("{error:#}")))
    }

    fn evaluate(&self, input: &[f32]) -> TractResult<Outputs> {
        let tensor = Tensor::from_shape(&[1, 1, self.size, self.size], input)?;
        let outputs = self.plan.run(tvec!(tensor.into()))?;
        let values =
            |at: usize| -> TractResult<Vec<f32>> { Ok(outputs[at].try_as_plain_ram()?.as_slice::<f32>()?.to_vec()) };
        let map = |at: usize| -> TractResult<Map> {
            let &[1, 1, height, width] = outputs[at].shape() else {
                bail!("a map has the shape {:?} instead of [1, 1, h, w]", outputs[at].shape());
            };
            Ok(Map { width, height, values: values(at)? })
        };
        Ok(Outputs {
            logit: *values(self.outputs.logit)?.first().context("the logit is empty")?,
            map: map(self.outputs.map)?,
            findings: values(self.outputs.findings)?,
            lung: map(self.outputs.lung)?,
            embedding: values(self.outputs.embedding)?,
        })
    }
}
