//! Which network the command runs, and on what.

use std::borrow::Cow;
use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use lungglass::classifier::{Classifier, NETWORK, SETTINGS};
use lungglass::error;
use lungglass::graph::Runtime;
use lungglass::graph::compile::{Onnx, compile};
use lungglass::graph::cpu::{CpuGraph, Processor};
use lungglass::graph::program::Program;
use lungglass::graph::tract::TractGraph;
use lungglass::model::Model;
use lungglass::operating_point::{self, Local};
use lungglass::package::Package;

use crate::args::{Device, Network};
use crate::failure::{Failure, failed};
use crate::tell::tell;
use crate::{day, folder, inputs};

/// A network with its settings, not yet made ready for a device.
pub struct Chosen {
    /// As failures name it.
    pub name: String,
    /// Its settings.
    pub model: Model,
    weights: Weights,
}

/// Where its steps come from.
enum Weights {
    Packed(Cow<'static, [u8]>),
    Onnx(Box<Onnx>),
}

/// The network that the command line asks for, ready to run, on a machine that has read the built-in slice rightly; a GPU reads up to `batch` slices at once. Never falls back to another
/// device, and CPU and wgpu run the same list of steps.
pub fn load(arguments: &Network, batch: usize) -> Result<Classifier, Failure> {
    let chosen = choose(arguments.model.as_deref())?;
    let classifier = match arguments.device {
        Device::Cpu => on_cpu(chosen),
        Device::Wgpu => on_gpu(arguments.allow_software, chosen, batch),
        Device::Cuda => on_cuda(chosen, batch),
    }?;
    prove(&classifier)?;
    let folder = arguments.model.as_deref().filter(|path| path.is_dir());
    if let Some(folder) = folder
        && let Some(fault) = folder::fault_of_samples(&classifier, folder)
    {
        let name = folder.display();
        return Err(Failure(format!(
            "{name}: {fault}, or this machine computes wrongly: `lungglass check {name}` names all faults"
        )));
    }
    Ok(classifier)
}

/// Tries the machine: before the first slice of a run, and behind each thousand.
///
/// # Errors
/// A failure that names the device: it computes wrongly.
pub fn prove(classifier: &Classifier) -> Result<(), Failure> {
    classifier.prove().map_err(|error| Failure(format!("{} ({}): {error}", classifier.device, error.code())))
}

/// The network of a folder or file, or the built-in one.
pub fn choose(path: Option<&Path>) -> Result<Chosen, Failure> {
    match path {
        None => {
            let name = "the built-in model".to_string();
            Ok(Chosen { model: parse(SETTINGS, &name)?, name, weights: Weights::Packed(NETWORK.into()) })
        }
        Some(path) if path.is_dir() => from_folder(path),
        Some(path) => {
            let bytes = fs::read(path).map_err(failed(path.display()))?;
            if Package::is_one(&bytes) { from_package(path, &bytes) } else { from_onnx(path, &bytes) }
        }
    }
}

/// The text of the model.toml of a folder, of the one beside an ONNX file, or of the built-in network, with its name.
///
/// # Errors
/// A failure that names the file, and one for a packed model.
pub fn settings_of(path: Option<&Path>) -> Result<(String, String), Failure> {
    let Some(path) = path else { return Ok(("the built-in model.toml".to_string(), SETTINGS.to_string())) };
    let file = if path.is_dir() { path.join("model.toml") } else { path.with_file_name("model.toml") };
    if path.is_file() && path.extension().is_none_or(|end| end != "onnx") {
        let text = "what is packed keeps its settings: name the folder that it was packed from";
        return Err(Failure(format!("{}: {text}", path.display())));
    }
    let text = fs::read_to_string(&file).map_err(failed(file.display()))?;
    Ok((file.display().to_string(), text))
}

/// The classifier with the operating point of a site, if a file of one is named. What must be said beside its readings is said.
///
/// # Errors
/// A failure that names the file: it cannot be read, was changed, or is for another network.
pub fn at_operating_point(mut classifier: Classifier, file: Option<&Path>) -> Result<Classifier, Failure> {
    let Some(path) = file else { return Ok(classifier) };
    (classifier.model, _) = with_point(classifier.model, path)?;
    Ok(classifier)
}

/// The settings with the operating point of a site's file, and the bytes of that file. What must be said beside readings is said.
///
/// # Errors
/// Those of [`at_operating_point`].
pub fn with_point(model: Model, path: &Path) -> Result<(Model, Vec<u8>), Failure> {
    inputs::is_file(path).and_then(|()| inputs::is_no_folder(path, "toml")).map_err(failed(path.display()))?;
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(failed(path.display()))?;
    file.take(operating_point::MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed(path.display()))?;
    let model = model.with_local_point(&bytes, &day::today()).map_err(failed(path.display()))?;
    if let Some(local) = &model.local {
        let Local { site, made, valid_until, triage, .. } = local;
        tell!(
            "verdicts are by the operating point of {site}, made on {made}, until {valid_until}: positive from {}, negative to {}",
            triage.positive_from,
            triage.negative_to
        );
        if let Some(notice) = &local.notice {
            tell!("NOTE: {notice}");
        }
    }
    Ok((model, bytes))
}

impl Chosen {
    fn program(&self) -> error::Result<Program> {
        match &self.weights {
            Weights::Packed(packed) => Program::parse(packed),
            Weights::Onnx(onnx) => compile(onnx, &self.model.input.shape(), &self.model.output.names()),
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
pub fn on_cpu(chosen: Chosen) -> Result<Classifier, Failure> {
    let graph = chosen.program().and_then(|program| CpuGraph::new(&program, Processor::best()));
    let (Err(reason), Weights::Onnx(onnx)) = (&graph, &chosen.weights) else { return chosen.classifier(graph, "cpu") };
    let tract = TractGraph::on_cpu(onnx, chosen.model.input.shape(), &chosen.model.output.names());
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
    use lungglass::classifier::CARD;
    use lungglass::graph::tract::cuda::{Card, left_to_cpu};

    /// tract starts from what it reads itself, not from what is packed for our own kernels.
    const ONNX: &[u8] = include_bytes!("../../model/lungglass.onnx");

    exact_products()?;
    let card = Card::open().map_err(failed("--device cuda"))?;
    let built_in;
    let onnx = match &chosen.weights {
        Weights::Onnx(onnx) => onnx,
        Weights::Packed(packed) if CARD.is_none() && packed[..] == *NETWORK => {
            built_in = Onnx::parse(ONNX, |_| None).map_err(failed(&chosen.name))?;
            &built_in
        }
        Weights::Packed(_) => {
            let text = "is packed for our own kernels, and --device cuda needs its ONNX file: name the model's folder";
            return Err(Failure(format!("{} {text}", chosen.name)));
        }
    };
    let (input, outputs) = (chosen.model.input.shape(), chosen.model.output.names());
    tell!("{}: making the network ready; the first time, tract compiles its kernels for a minute or two", card.name);
    let mut graph = card.compile(onnx, input, &outputs, batch);
    if let Err(error::Error::Internal(reason)) = &graph
        && batch > 1
    {
        tell!("{}: tract cannot read {batch} slices at once ({reason}); it reads one at a time", card.name);
        graph = card.compile(onnx, input, &outputs, 1);
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

/// The ONNX file of a model folder: model.onnx, or the only one.
///
/// # Errors
/// What is there instead.
pub fn onnx_of(folder: &Path) -> Result<PathBuf, String> {
    let usual = folder.join("model.onnx");
    if usual.exists() {
        return Ok(usual);
    }
    let entries = fs::read_dir(folder).map_err(|error| error.to_string())?;
    let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut found: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|end| end == "onnx")).collect();
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err("there is no model.onnx".to_string()),
        (Some(_), false) => Err("it has several ONNX files, and none is model.onnx".to_string()),
    }
}

/// A parsed ONNX file, with the weights beside it.
pub fn parse_onnx(path: &Path, bytes: &[u8]) -> error::Result<Onnx> {
    // A name that leads elsewhere is no file beside it.
    let is_plain = |name: &str| Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    Onnx::parse(bytes, |name| fs::read(path.with_file_name(name)).ok().filter(|_| is_plain(name)))
}

/// What a network is called that was not packed yet.
const UNPACKED: &str = "not packed";

fn from_folder(folder: &Path) -> Result<Chosen, Failure> {
    let path = onnx_of(folder).map_err(failed(folder.display()))?;
    if !folder.join("model.toml").exists() {
        let (folder, file) = (folder.display(), path.display());
        return Err(Failure(format!(
            "{folder}: there is no model.toml; `lungglass init {file}` writes one to fill in"
        )));
    }
    from_onnx(&path, &fs::read(&path).map_err(failed(path.display()))?)
}

/// A network from an ONNX file, with the settings beside it.
fn from_onnx(path: &Path, bytes: &[u8]) -> Result<Chosen, Failure> {
    let name = path.display().to_string();
    let onnx = parse_onnx(path, bytes).map_err(failed(&name))?;
    let beside = path.with_file_name("model.toml");
    let mut model = if beside.exists() {
        let text = fs::read_to_string(&beside).map_err(failed(beside.display()))?;
        parse(&text, &beside.display().to_string())?
    } else {
        tell!("there is no {}: the built-in calibration, operating point and gate are used", beside.display());
        Model {
            name: path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned()),
            version: "candidate".to_string(),
            sha256: String::new(),
            ..parse(SETTINGS, "the built-in model")?
        }
    };
    if model.sha256.is_empty() {
        model.sha256.clone_from(&onnx.sha256);
    }
    if model.version.is_empty() {
        model.version = UNPACKED.to_string();
    }
    Ok(Chosen { name, weights: Weights::Onnx(Box::new(onnx)), model })
}

/// A network that was packed with its settings.
fn from_package(path: &Path, bytes: &[u8]) -> Result<Chosen, Failure> {
    let name = path.display().to_string();
    let package = Package::parse(bytes).map_err(failed(&name))?;
    let (model, _) = package.open().map_err(failed(&name))?;
    Ok(Chosen { name, model, weights: Weights::Packed(package.network.to_vec().into()) })
}

fn parse(text: &str, name: &str) -> Result<Model, Failure> {
    Model::parse(text).map_err(|error| Failure(format!("{name}: {error}")))
}

/// Since the first call.
fn milliseconds() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64() * 1e3
}
