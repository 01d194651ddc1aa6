//! Which network the command runs, and on what.

use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use lungglass::classifier::{Classifier, NETWORK, SETTINGS};
use lungglass::error;
use lungglass::graph::Runtime;
use lungglass::graph::compile::compile;
use lungglass::graph::cpu::{CpuGraph, Processor};
use lungglass::graph::program::Program;
use lungglass::graph::tract::TractGraph;
use lungglass::hash::sha256;
use lungglass::model::Model;

use crate::args::{Device, Network};
use crate::failure::{Failure, failed};
use crate::tell::tell;

/// A network with its settings, not yet made ready for a device.
struct Chosen {
    /// As failures name it.
    name: String,
    weights: Weights,
    model: Model,
}

/// Where its steps come from.
enum Weights {
    BuiltIn,
    Onnx(Vec<u8>),
}

/// The network that the command line asks for, ready to run; a GPU reads up to `batch` slices at once. Never falls back to another
/// device, and CPU and wgpu run the same list of steps.
pub fn load(arguments: &Network, batch: usize) -> Result<Classifier, Failure> {
    let chosen = match &arguments.model {
        None => {
            let name = "the built-in model".to_string();
            Chosen { model: parse(SETTINGS, &name)?, name, weights: Weights::BuiltIn }
        }
        Some(path) => candidate(path)?,
    };
    match arguments.device {
        Device::Cpu => on_cpu(chosen),
        Device::Wgpu => on_gpu(arguments.allow_software, chosen, batch),
        Device::Cuda => on_cuda(chosen, batch),
    }
}

impl Chosen {
    fn program(&self) -> error::Result<Program> {
        match &self.weights {
            Weights::BuiltIn => Program::parse(NETWORK),
            Weights::Onnx(onnx) => compile(onnx, &[1, 1, self.model.size, self.model.size]),
        }
    }

    fn classifier(
        self,
        graph: error::Result<impl Runtime + 'static>,
        device: &'static str,
    ) -> Result<Classifier, Failure> {
        let graph = graph.and_then(|graph| Classifier::new(Arc::new(graph), self.model, device, milliseconds));
        graph.map_err(failed(self.name))
    }
}

/// A candidate may hold operators that our kernels do not know; tract runs those, and the device says so.
fn on_cpu(chosen: Chosen) -> Result<Classifier, Failure> {
    let graph = chosen.program().and_then(|program| CpuGraph::new(&program, Processor::best()));
    let (Err(reason), Weights::Onnx(onnx)) = (&graph, &chosen.weights) else { return chosen.classifier(graph, "cpu") };
    let tract = TractGraph::on_cpu(onnx, chosen.model.size);
    if tract.is_ok() {
        tell!("{}: {reason}; tract runs it instead, as \"cpu (tract)\"", chosen.name);
    }
    chosen.classifier(tract, "cpu (tract)")
}

#[cfg(feature = "wgpu")]
fn on_gpu(allow_software: bool, chosen: Chosen, batch: usize) -> Result<Classifier, Failure> {
    use lungglass::graph::gpu::{Gpu, GpuGraph};

    let gpu = Gpu::open(allow_software).map_err(failed("--device wgpu"))?;
    // Readings name the device as long as the program runs.
    let device = gpu.name.clone().leak();
    let graph = chosen.program().and_then(|program| GpuGraph::new(Arc::new(gpu), &program, batch));
    chosen.classifier(graph, device)
}

#[cfg(not(feature = "wgpu"))]
fn on_gpu(_: bool, _: Chosen, _: usize) -> Result<Classifier, Failure> {
    Err(Failure("--device wgpu: this build has no GPU support; build it with the feature wgpu".to_string()))
}

#[cfg(feature = "cuda")]
fn on_cuda(chosen: Chosen, batch: usize) -> Result<Classifier, Failure> {
    use lungglass::graph::tract::cuda::{Card, left_to_cpu};

    /// tract starts from what it reads itself, not from what is packed for our own kernels.
    const ONNX: &[u8] = include_bytes!("../../model/lungglass.onnx");

    exact_products()?;
    let card = Card::open().map_err(failed("--device cuda"))?;
    let onnx = match &chosen.weights {
        Weights::BuiltIn => ONNX,
        Weights::Onnx(onnx) => onnx,
    };
    tell!("{}: making the network ready; the first time, tract compiles its kernels for a minute or two", card.name);
    let mut graph = card.compile(onnx, chosen.model.size, batch);
    if let Err(error::Error::Internal(reason)) = &graph
        && batch > 1
    {
        tell!("{}: tract cannot read {batch} slices at once ({reason}); it reads one at a time", card.name);
        graph = card.compile(onnx, chosen.model.size, 1);
    }
    if let Ok(graph) = &graph {
        let left = left_to_cpu(graph);
        if !left.is_empty() {
            tell!("{}: tract has no CUDA kernel for {}, and runs that on the CPU", card.name, left.join(", "));
        }
    }
    chosen.classifier(graph, card.name.leak())
}

/// NVIDIA's libraries multiply with 10 bits of mantissa unless a variable forbids it, which they read as they start: the command runs
/// itself again with it, since no safe code can set a variable of a program that runs.
#[cfg(feature = "cuda")]
fn exact_products() -> Result<(), Failure> {
    const SHORT_PRODUCTS: &str = "NVIDIA_TF32_OVERRIDE";
    if std::env::var_os(SHORT_PRODUCTS).is_some() {
        return Ok(());
    }
    let program = std::env::current_exe().map_err(failed("--device cuda"))?;
    let mut again = std::process::Command::new(program);
    let status = again.args(std::env::args_os().skip(1)).env(SHORT_PRODUCTS, "0").status();
    std::process::exit(status.map_err(failed("--device cuda"))?.code().unwrap_or(1))
}

#[cfg(not(feature = "cuda"))]
fn on_cuda(_: Chosen, _: usize) -> Result<Classifier, Failure> {
    let text = "--device cuda: this build has no CUDA; build it with the feature cuda, or take --device wgpu";
    Err(Failure(text.to_string()))
}

/// A network from a file, with the settings beside it.
fn candidate(path: &Path) -> Result<Chosen, Failure> {
    let name = path.display().to_string();
    let onnx = fs::read(path).map_err(failed(&name))?;
    let beside = path.with_file_name("model.toml");
    let model = if beside.exists() {
        let text = fs::read_to_string(&beside).map_err(failed(beside.display()))?;
        parse(&text, &beside.display().to_string())?
    } else {
        tell!("there is no {}: the built-in calibration, operating point and gate are used", beside.display());
        Model {
            name: path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned()),
            version: "candidate".to_string(),
            sha256: sha256(&onnx),
            ..parse(SETTINGS, "the built-in model")?
        }
    };
    Ok(Chosen { name, weights: Weights::Onnx(onnx), model })
}

fn parse(text: &str, name: &str) -> Result<Model, Failure> {
    Model::parse(text).map_err(|error| Failure(format!("{name}: {error}")))
}

/// Since the first call.
fn milliseconds() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64() * 1e3
}
