//! An ONNX file in tract's own runtimes, operator by operator as tract runs it: on the CPU for candidates with operators that a
//! [`Program`](super::program::Program) cannot say, and on NVIDIA's cards. Nothing comes here by itself: the host asks for it, and says so.

#[cfg(feature = "cuda")]
pub mod cuda;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{Runnable, Runtime as Backend, TractErrorContext, bail};
use tract_onnx::tract_core::runtime::DefaultRuntime;

use super::compile::{self, Onnx};
use super::contract::Contract;
use super::program::Shape;
use super::runtime::{Running, Runtime};
use crate::error::{Error, Result};

/// A network in one of tract's runtimes that reads `batch` slices at once. Every thread may run it.
pub struct TractGraph {
    runnable: Box<dyn Runnable>,
    contract: Contract,
    batch: usize,
}

impl TractGraph {
    /// Compiles an ONNX file for the CPU, one slice at a time.
    ///
    /// # Errors
    /// [`Error::Model`] when it cannot be parsed, does not fit the contract, or holds an operator that tract does not know.
    pub fn on_cpu(onnx: &Onnx, input: [usize; 4], outputs: &compile::Outputs) -> Result<TractGraph> {
        TractGraph::new(onnx, input, outputs, 1, &DefaultRuntime)
    }

    /// Compiles an ONNX file for one of tract's backends and `batch` slices at once.
    ///
    /// # Errors
    /// [`Error::Model`] when it cannot be parsed, does not fit the contract, or the backend cannot take it.
    fn new(
        onnx: &Onnx,
        input: [usize; 4],
        outputs: &compile::Outputs,
        batch: usize,
        backend: &dyn Backend,
    ) -> Result<TractGraph> {
        let model = |error: TractError| Error::Model(format!("{error:#}"));
        let (typed, outputs) = parse(onnx, input, outputs, batch).map_err(model)?;
        let contract = Contract::new(&onnx.sha256, &input, &outputs)?;
        let runnable = typed.into_decluttered().and_then(|typed| backend.prepare(typed)).map_err(model)?;
        Ok(TractGraph { runnable, contract, batch })
    }

    /// The names of the operators that it runs, in order.
    pub fn operators(&self) -> Vec<String> {
        let model = self.runnable.typed_model();
        model.map_or_else(Vec::new, |model| model.nodes.iter().map(|node| node.op.name().into_owned()).collect())
    }
}

impl Runtime for TractGraph {
    fn contract(&self) -> &Contract {
        &self.contract
    }

    fn batch(&self) -> usize {
        self.batch
    }

    fn start<'a>(&'a self, slices: &[&[f32]]) -> Result<Box<dyn Running + 'a>> {
        self.contract.check(slices, self.batch)?;
        let mut values = slices.concat();
        values.resize(self.batch * self.contract.values(), 0.0);
        let [_, channels, height, width] = self.contract.input;
        let shape = [self.batch, channels, height, width];
        let run = || -> TractResult<Vec<Vec<f32>>> {
            let input = Tensor::from_shape(&shape, &values)?;
            let outputs = self.runnable.run(tvec!(input.into()))?;
            outputs.iter().map(|output| Ok(output.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())).collect()
        };
        let all = run().map_err(|error| Error::Internal(format!("{error:#}")))?;
        let outputs = (0..slices.len()).map(|slice| self.contract.outputs(slice, |at| &all[at]));
        Ok(Box::new(outputs.collect::<Vec<_>>()))
    }
}

/// The typed model of an ONNX file for `batch` inputs, and its outputs for one slice.
fn parse(
    onnx: &Onnx,
    input: [usize; 4],
    outputs: &compile::Outputs,
    batch: usize,
) -> TractResult<(TypedModel, Vec<(String, Shape)>)> {
    let [_, channels, height, width] = input;
    let (model, names) = compile::parse(onnx, &[batch, channels, height, width], outputs)?;
    let mut outputs = Vec::new();
    for (name, outlet) in names.into_iter().zip(model.output_outlets()?) {
        let fact = model.outlet_fact(*outlet)?;
        let shape = fact.shape.as_concrete().with_context(|| format!("the shape of the output {name} is not fixed"))?;
        let mut shape = shape.to_vec();
        match shape.first_mut() {
            Some(first) if *first == batch && fact.datum_type == f32::datum_type() => *first = 1,
            _ => bail!("its output \"{name}\" is {:?} of shape {shape:?} for {batch} slices", fact.datum_type),
        }
        outputs.push((name, shape));
    }
    Ok((model, outputs))
}
