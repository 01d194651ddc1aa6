//! What runs the network. One is chosen before the first slice, and none takes another's place.

use super::{Contract, Graph};
use crate::error::{Error, Result};
use crate::outputs::Outputs;

/// The network on the CPU, or on a GPU.
#[derive(Clone)]
pub enum Runtime {
    /// One slice at a time, on the thread that asks.
    Cpu(Graph),
    #[cfg(feature = "wgpu")]
    Gpu(std::sync::Arc<super::gpu::GpuGraph>),
    /// By tract itself, on the CPU or an NVIDIA card.
    #[cfg(feature = "compile")]
    Tract(std::sync::Arc<super::tract::TractGraph>),
}

impl From<Graph> for Runtime {
    fn from(graph: Graph) -> Runtime {
        Runtime::Cpu(graph)
    }
}

#[cfg(feature = "wgpu")]
impl From<std::sync::Arc<super::gpu::GpuGraph>> for Runtime {
    fn from(graph: std::sync::Arc<super::gpu::GpuGraph>) -> Runtime {
        Runtime::Gpu(graph)
    }
}

#[cfg(feature = "compile")]
impl From<std::sync::Arc<super::tract::TractGraph>> for Runtime {
    fn from(graph: std::sync::Arc<super::tract::TractGraph>) -> Runtime {
        Runtime::Tract(graph)
    }
}

/// Asks whichever graph it is.
macro_rules! ask {
    ($runtime:expr, $graph:ident => $question:expr) => {
        match $runtime {
            Runtime::Cpu($graph) => $question,
            #[cfg(feature = "wgpu")]
            Runtime::Gpu($graph) => $question,
            #[cfg(feature = "compile")]
            Runtime::Tract($graph) => $question,
        }
    };
}

impl Runtime {
    /// What the network takes and gives.
    pub fn contract(&self) -> &Contract {
        ask!(self, graph => graph.contract())
    }

    /// Runs one slice: `input` holds the `size * size` values that preprocess gives. What comes out is finite.
    ///
    /// # Errors
    /// [`Error::Argument`] for an input of another length, or of values so far from gray levels that the network's are no finite numbers;
    /// [`Error::Internal`] if the runtime fails.
    pub fn run(&self, input: &[f32]) -> Result<Outputs> {
        let outputs = ask!(self, graph => graph.run(input))?;
        if outputs.are_finite() {
            Ok(outputs)
        } else {
            Err(Error::Argument("the network gives no finite numbers for this input".to_string()))
        }
    }
}
