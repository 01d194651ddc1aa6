//! The network and what runs it.
//!
//! On the ground lies the [`program`]: a network as a list of steps, [compiled](compile) from ONNX by tract and packed into a file. What
//! every network must take and give is the [`Contract`], what every device does with it a [`Runtime`], of which there are three that know
//! nothing of each other: our own kernels on this processor ([`cpu`]), shaders on a GPU ([`gpu`]), and tract by itself for what a program
//! cannot say and for NVIDIA's cards ([`tract`]). The page holds the first alone.

#[cfg(feature = "compile")]
pub mod compile;
mod contract;
pub mod cpu;
#[cfg(feature = "wgpu")]
pub mod gpu;
pub mod program;
mod runtime;
#[cfg(feature = "compile")]
pub mod tract;

pub use contract::Contract;
pub use runtime::{Cost, Running, Runtime};
