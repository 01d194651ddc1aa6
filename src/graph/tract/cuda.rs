//! The network on an NVIDIA card, by tract's CUDA kernels. Whether the machine has all that they need is checked before tract is asked:
//! it would panic over some of it.

use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};

use tract_onnx::tract_core::internal::{Runtime as Backend, runtime_for_name};

use super::TractGraph;
use crate::error::{Error, Result};
use crate::graph::runtime::Runtime;

/// Headers that tract compiles its kernels with, below the toolkit's `include`; the last may lie in `cccl` too.
const HEADERS: [&str; 3] = ["cuda_fp16.h", "math_constants.h", "cuda/std/cstdint"];

/// The major version of CUDA that Cargo.toml names for cudarc and tract-cuda.
const MAJOR: i32 = tract_cuda::utils::REQUIRED_CUDA_API / 1000;

/// An NVIDIA card that is open for work.
pub struct Card {
    /// As outputs name it: `cuda: NVIDIA H100 80GB HBM3`.
    pub name: String,
    backend: &'static dyn Backend,
}

impl Card {
    /// Finds driver, libraries, headers and the first card.
    ///
    /// # Errors
    /// One line that says what is missing.
    pub fn open() -> std::result::Result<Card, String> {
        // Fails where the driver or one of the libraries cannot be loaded, or is too old.
        let backend = runtime_for_name("cuda").map_err(|error| one_line(&error.root_cause().to_string()))?;
        let backend = backend.ok_or("this build has no CUDA")?;
        version()?;
        headers()?;
        let name = cudarc::driver::CudaContext::new(0).and_then(|context| context.name());
        Ok(Card { name: format!("cuda: {}", name.map_err(|error| one_line(&error.to_string()))?), backend })
    }

    /// Compiles an ONNX file for `batch` slices at once, and tries it: some of tract's kernels refuse shapes only when they run.
    ///
    /// # Errors
    /// [`Error::Model`] when it does not fit the contract or tract cannot take it, [`Error::Internal`] if the card fails.
    pub fn compile(
        &self,
        onnx: &Onnx,
        input: [usize; 4],
        outputs: &compile::Outputs,
        batch: usize,
    ) -> Result<TractGraph> {
        let prepared = panic::catch_unwind(AssertUnwindSafe(|| {
            let graph = TractGraph::new(onnx, input, outputs, batch, self.backend)?;
            graph.start(&vec![vec![0.0; graph.contract.values()].as_slice(); batch])?;
            Ok(graph)
        }));
        prepared.unwrap_or_else(|_| Err(Error::Internal(format!("{}: it could not be made ready", self.name))))
    }
}

/// What tract leaves to the CPU, by name and without what only moves tensors.
pub fn left_to_cpu(graph: &TractGraph) -> Vec<String> {
    let on_card = |name: &str| ["Cuda", "Gpu", "DeviceSync", "Const", "Source"].iter().any(|own| name.starts_with(own));
    let mut names = graph.operators();
    names.retain(|name| !on_card(name));
    names.sort();
    names.dedup();
    names
}

/// Where tract looks for the toolkit, in its order.
fn toolkit() -> Option<PathBuf> {
    let named = ["CUDA_HOME", "CUDA_PATH"].iter().find_map(std::env::var_os).map(PathBuf::from);
    let usual = || Some(PathBuf::from("/usr/local/cuda")).filter(|path| path.exists());
    let beside_compiler = || {
        let path = std::env::var_os("PATH")?;
        let folder = std::env::split_paths(&path).find(|folder| folder.join("nvcc").is_file())?;
        Some(folder.parent()?.to_path_buf())
    };
    named.or_else(usual).or_else(beside_compiler)
}

/// cudarc panics at the first symbol that another major version lacks than the one that it was compiled for, so we ask before.
fn version() -> std::result::Result<(), String> {
    let found =
        cudarc::runtime::result::version::get_runtime_version().map_err(|error| one_line(&error.to_string()))?;
    if found / 1000 == MAJOR {
        return Ok(());
    }
    Err(format!("the CUDA runtime here is {}.{}; this build takes CUDA {MAJOR} alone", found / 1000, found % 1000 / 10))
}

fn headers() -> std::result::Result<(), String> {
    let toolkit = toolkit().ok_or("there is no CUDA toolkit: set CUDA_HOME to its folder")?;
    let mut folders = vec![toolkit.join("include")];
    let targets = std::fs::read_dir(toolkit.join("targets")).into_iter().flatten().flatten();
    folders.extend(targets.map(|target| target.path().join("include")));
    let found = folders.iter().find(|folder| folder.join(HEADERS[0]).exists());
    let missing = |header: &str| format!("the CUDA toolkit in {} has no {header}", toolkit.display());
    let folder = found.ok_or_else(|| missing(HEADERS[0]))?;
    let there = |header: &&&str| {
        [Path::new(""), Path::new("cccl"), Path::new("libcudacxx/include")]
            .iter()
            .any(|below| folder.join(below).join(header).exists())
    };
    match HEADERS.iter().find(|header| !there(header)) {
        Some(header) => Err(missing(header)),
        None => Ok(()),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
