//! What a network does on any device. One runtime is chosen before the first slice, and none takes another's place.

use serde::Serialize;

use super::contract::Contract;
use crate::error::{Error, Result};
use crate::outputs::Outputs;

/// A network on a device, ready to read. Every thread may use it at once.
pub trait Runtime: Send + Sync {
    /// What the network takes and gives.
    fn contract(&self) -> &Contract;

    /// The most slices that it reads at once. Where that is one, the thread that asks reads it.
    fn batch(&self) -> usize;

    /// Starts reading 1 to [`Runtime::batch`] slices, each of the `size * size` values that preprocess gives. The next may be started before
    /// these are waited for.
    ///
    /// # Errors
    /// [`Error::Argument`] for another number of slices or of values, or for values so far from gray levels that a network may give no
    /// finite numbers for them; [`Error::Internal`] if the device fails.
    fn start<'a>(&'a self, slices: &[&[f32]]) -> Result<Box<dyn Running + 'a>>;

    /// Reads one slice.
    ///
    /// # Errors
    /// Those of [`Runtime::start`] and [`Running::wait`].
    fn run(&self, slice: &[f32]) -> Result<Outputs> {
        let outputs = self.start(&[slice])?.wait()?;
        outputs.into_iter().next().unwrap_or_else(|| Err(Error::Internal("the network gave no outputs".to_string())))
    }

    /// What each step of the network costs on `slice`: every step runs `rounds` times, and `clock` gives milliseconds. Empty where the
    /// device does not say.
    ///
    /// # Errors
    /// Those of [`Runtime::start`].
    fn profile(&self, _slice: &[f32], _rounds: usize, _clock: fn() -> f64) -> Result<Vec<Cost>> {
        Ok(Vec::new())
    }
}

/// Slices that are being read.
pub trait Running {
    /// Waits until they are read, and gives the outputs of each in order, or why it has none: see [`Contract`].
    ///
    /// # Errors
    /// [`Error::Internal`] if the device fails.
    fn wait(self: Box<Self>) -> Result<Vec<Result<Outputs>>>;
}

/// What was read when it was started.
impl Running for Vec<Result<Outputs>> {
    fn wait(self: Box<Self>) -> Result<Vec<Result<Outputs>>> {
        Ok(*self)
    }
}

/// What one step of a network takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cost {
    /// The node of the ONNX file.
    pub name: String,
    /// Of the kernel: "pointwise", "depthwise" and so on.
    pub kind: &'static str,
    /// Multiply-adds of the kernel, those on zeros that only fill a block included.
    pub macs: usize,
    /// Of all tensors and weights that it reads and writes.
    pub bytes: usize,
    /// Milliseconds.
    pub ms: f64,
}
