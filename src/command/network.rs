//! Which network the command runs, and on what.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Instant;

use lungglass::classifier::{Classifier, SETTINGS};
use lungglass::graph::Graph;
use lungglass::model::{Model, sha256};

use crate::args::{Device, Network};
use crate::failure::{Failure, failed};

/// The network that the command line asks for, compiled; a GPU reads up to `batch` slices at once. Never falls back to another device.
pub fn load(arguments: &Network, batch: usize) -> Result<Classifier, Failure> {
    match arguments.device {
        Device::Cpu => {}
        Device::Wgpu => return on_gpu(arguments, batch),
        Device::Cuda => {
            return Err(Failure(
                "--device cuda: this build has no CUDA; take --device wgpu or leave it out".to_string(),
            ));
        }
    }
    let Some(path) = &arguments.model else {
        return Classifier::built_in("cpu", milliseconds).map_err(failed("the built-in model"));
    };
    let (onnx, model) = candidate(path)?;
    let classifier =
        Graph::compile(&onnx, model.size).and_then(|graph| Classifier::new(graph, model, "cpu", milliseconds));
    classifier.map_err(failed(path.display()))
}

#[cfg(feature = "wgpu")]
fn on_gpu(arguments: &Network, batch: usize) -> Result<Classifier, Failure> {
    use std::sync::Arc;

    use lungglass::graph::gpu::{Gpu, GpuGraph};

    /// The GPU starts from what tract reads, not from what is packed for our own kernels.
    const ONNX: &[u8] = include_bytes!("../../model/lungglass.onnx");

    let gpu = Gpu::open(arguments.allow_software).map_err(failed("--device wgpu"))?;
    // Readings name the device as long as the program runs.
    let device: &'static str = gpu.name.clone().leak();
    let (onnx, model, name) = match &arguments.model {
        None => (ONNX.to_vec(), parse(SETTINGS, "the built-in model")?, "the built-in model".to_string()),
        Some(path) => {
            let (onnx, model) = candidate(path)?;
            (onnx, model, path.display().to_string())
        }
    };
    GpuGraph::compile(Arc::new(gpu), &onnx, model.size, batch)
        .and_then(|graph| Classifier::new(Arc::new(graph), model, device, milliseconds))
        .map_err(failed(name))
}

#[cfg(not(feature = "wgpu"))]
fn on_gpu(_: &Network, _: usize) -> Result<Classifier, Failure> {
    Err(Failure("--device wgpu: this build has no GPU support; build it with the feature wgpu".to_string()))
}

/// A network from a file, with the settings beside it.
fn candidate(path: &Path) -> Result<(Vec<u8>, Model), Failure> {
    let onnx = fs::read(path).map_err(failed(path.display()))?;
    let beside = path.with_file_name("model.toml");
    if beside.exists() {
        let text = fs::read_to_string(&beside).map_err(failed(beside.display()))?;
        return Ok((onnx, parse(&text, &beside.display().to_string())?));
    }
    eprintln!(
        "lungglass: there is no {}: the built-in calibration, operating point and gate are used",
        beside.display()
    );
    let built_in = parse(SETTINGS, "the built-in model")?;
    let model = Model {
        name: path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned()),
        version: "candidate".to_string(),
        sha256: sha256(&onnx),
        ..built_in
    };
    Ok((onnx, model))
}

fn parse(text: &str, name: &str) -> Result<Model, Failure> {
    Model::parse(text).map_err(|error| Failure(format!("{name}: {error}")))
}

/// Since the first call.
fn milliseconds() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64() * 1e3
}
