//! What runs the network. One is chosen before the first slice, and none takes another's place.

use super::{Graph, Outputs};
use crate::error::{Error, Result};

/// The network on the CPU, or on a GPU.
#[derive(Clone)]
pub enum Runtime {
    /// One slice at a time, on the thread that asks.
    Cpu(Graph),
    #[cfg(all(feature = "wgpu", not(target_arch = "wasm32")))]
    Gpu(std::sync::Arc<super::gpu::GpuGraph>),
}

impl From<Graph> for Runtime {
    fn from(graph: Graph) -> Runtime {
        Runtime::Cpu(graph)
    }
}

#[cfg(all(feature = "wgpu", not(target_arch = "wasm32")))]
impl From<std::sync::Arc<super::gpu::GpuGraph>> for Runtime {
    fn from(graph: std::sync::Arc<super::gpu::GpuGraph>) -> Runtime {
        Runtime::Gpu(graph)
    }
}

/// Asks whichever graph it is.
macro_rules! ask {
    ($runtime:expr, $graph:ident => $question:expr) => {
        match $runtime {
            Runtime::Cpu($graph) => $question,
            #[cfg(all(feature = "wgpu", not(target_arch = "wasm32")))]
            Runtime::Gpu($graph) => $question,
        }
    };
}

impl Runtime {
    /// How many findings the network gives.
    pub fn findings(&self) -> usize {
        ask!(self, graph => graph.findings())
    }

    /// How many values its embedding has.
    pub fn embedding(&self) -> usize {
        ask!(self, graph => graph.embedding())
    }

    /// Width and height of its input, in pixels.
    pub fn size(&self) -> usize {
        ask!(self, graph => graph.size())
    }

    /// SHA-256 of the ONNX file that it was made from, in lower-case hexadecimal.
    pub fn sha256(&self) -> &str {
        ask!(self, graph => graph.sha256())
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
