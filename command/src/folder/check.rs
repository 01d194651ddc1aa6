//! `lungglass check`: every fault of a model folder at once, in words for whoever made it, and where the network runs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Instant;

use lungglass::classifier::Classifier;
use lungglass::error::Error;
use lungglass::graph::compile::{Declared, Onnx, compile};
use lungglass::graph::cpu::{CpuGraph, Processor};
use lungglass::graph::program::Program;
use lungglass::graph::tract::TractGraph;
use lungglass::model::{Activation, Model, OutputSettings};
use lungglass::reading::scores;
use serde::Serialize;
use std::sync::Arc;

use super::samples;
use crate::args::Check;
use crate::failure::{Failure, Outcome};
use crate::network;
use crate::tell;

/// What is known of a folder.
#[derive(Default, Serialize)]
pub struct Report {
    /// What must be mended, each a sentence.
    pub faults: Vec<String>,
    /// What should be.
    pub notes: Vec<String>,
    /// What is known of the network, once it runs.
    pub network: Option<Known>,
}

/// A network that runs.
#[derive(Serialize)]
pub struct Known {
    name: String,
    sha256: String,
    /// "page and command" or "command".
    runs: &'static str,
    opset: i64,
    /// Of the ONNX file, by name.
    operators: BTreeMap<String, usize>,
    weights: usize,
    /// Bytes of the packed network, without compression.
    bytes: usize,
    multiply_adds: usize,
    /// One pass on this machine with one thread, the least of some.
    ms: f64,
    samples: usize,
}

/// A folder that was looked at.
pub struct Checked {
    pub report: Report,
    /// What runs it, for whoever goes on.
    pub ready: Option<Ready>,
}

/// A folder without fault whose network runs in the page too.
pub struct Ready {
    pub settings: String,
    pub sha256: String,
    pub version: String,
    pub program: Program,
}

/// Prints what is wrong, or what the network is. Exit code 1 where something is wrong.
pub fn run(arguments: &Check) -> Result<Outcome, Failure> {
    let Checked { report, .. } = folder(&arguments.folder)?;
    if arguments.json {
        tell::print(&(serde_json::to_string(&report).map_err(|error| Failure(error.to_string()))? + "\n"))?;
    } else {
        tell::print(&text(&report))?;
    }
    match report.faults.len() {
        0 => Ok(Outcome::AllRead),
        1 => Err(Failure(format!("{}: one fault", arguments.folder.display()))),
        count => Err(Failure(format!("{}: {count} faults", arguments.folder.display()))),
    }
}

fn text(report: &Report) -> String {
    let mut text: String = report.faults.iter().map(|fault| format!("fault: {fault}\n")).collect();
    text.extend(report.notes.iter().map(|note| format!("note: {note}\n")));
    if let Some(known) = &report.network {
        let list: Vec<String> = known.operators.iter().map(|(name, count)| format!("{name} {count}")).collect();
        let _ = writeln!(text, "network: {}, SHA-256 {}", known.name, known.sha256);
        let _ = writeln!(text, "runs in: {}", known.runs);
        let _ = writeln!(text, "operators (opset {}): {}", known.opset, list.join(", "));
        let _ = writeln!(
            text,
            "size: {:.1} million weights, {:.1} MB packed, {:.0} million multiply-adds",
            known.weights as f64 / 1e6,
            known.bytes as f64 / 1e6,
            known.multiply_adds as f64 / 1e6
        );
        let _ = writeln!(text, "time: {:.1} ms a picture on this machine, one thread", known.ms);
        let _ = writeln!(text, "samples: {} held", known.samples);
    }
    text
}

/// Looks at all of a folder.
///
/// # Errors
/// When it cannot be opened at all.
pub fn folder(folder: &Path) -> Result<Checked, Failure> {
    if !folder.is_dir() {
        return Err(Failure(format!("{}: this is no folder", folder.display())));
    }
    let mut report = Report::default();
    let settings = read_settings(folder, &mut report);
    let onnx = read_network(folder, &mut report);
    if super::card(folder).trim().is_empty() {
        report
            .notes
            .push("there is no card.md: say what the network is for, what it was measured on, and its limits".into());
    }
    let mut ready = None;
    if let Some(onnx) = onnx {
        check_file(&onnx, settings.as_ref().map(|(_, model)| model), &mut report);
        if let Some((text, model)) = settings
            && report.faults.is_empty()
        {
            ready = try_out(folder, text, model, &onnx, &mut report);
        }
    }
    Ok(Checked { report, ready })
}

fn read_settings(folder: &Path, report: &mut Report) -> Option<(String, Model)> {
    let path = folder.join("model.toml");
    let Ok(text) = fs::read_to_string(&path) else {
        let onnx = network::onnx_of(folder).map_or("model.onnx".into(), |path| path.display().to_string());
        report.faults.push(format!("there is no model.toml; `lungglass init {onnx}` writes one to fill in"));
        return None;
    };
    match Model::read(&text) {
        Ok(model) => Some((text, model)),
        Err(faults) => {
            report.faults.extend(faults.into_iter().map(|fault| format!("model.toml: {fault}")));
            None
        }
    }
}

fn read_network(folder: &Path, report: &mut Report) -> Option<Onnx> {
    let read = || -> Result<Onnx, String> {
        let path = network::onnx_of(folder)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = fs::read(&path).map_err(|error| format!("{name}: {error}"))?;
        network::parse_onnx(&path, &bytes).map_err(|error| format!("{name}: {}", reason(error)))
    };
    read().map_err(|fault| report.faults.push(fault)).ok()
}

/// What is wrong with a network, without the words that it cannot be used for that.
fn reason(error: Error) -> String {
    match error {
        Error::Model(reason) => reason,
        other => other.to_string(),
    }
}

/// What the file itself says, before anything is computed.
fn check_file(onnx: &Onnx, model: Option<&Model>, report: &mut Report) {
    for (numbers, count) in onnx.other_numbers() {
        report.faults.push(format!("it computes in {numbers} ({count} of its weights); export float32"));
    }
    let trained: Vec<String> = onnx.in_training().iter().map(|(name, count)| format!("{name} {count}")).collect();
    if !trained.is_empty() {
        report.faults.push(format!(
            "it was exported as it is trained ({}): its scores would be those of a batch or of chance; call eval() on the network, then export it",
            trained.join(", ")
        ));
    }
    match &onnx.inputs()[..] {
        [input] => check_input(input, model, report),
        inputs => {
            let names: Vec<&str> = inputs.iter().map(|input| &input.name[..]).collect();
            report.faults.push(format!(
                "model.onnx takes {} inputs ({}); export a network that takes one picture",
                inputs.len(),
                names.join(", ")
            ));
        }
    }
    let outputs = onnx.outputs();
    let Some(model) = model else { return };
    for (name, ours) in model.output.names() {
        let key = if ours == lungglass::outputs::names::SCORES { "scores" } else { ours };
        let Some(found) = outputs.iter().find(|output| output.name == name) else {
            let known: Vec<String> = outputs.iter().map(|output| format!("'{}'", output.name)).collect();
            report.faults.push(format!("[output] {key} names '{name}', and model.onnx gives {}", known.join(", ")));
            continue;
        };
        if !["float32", "float16", "bfloat16"].contains(&&found.numbers[..]) {
            report.faults.push(format!("output '{name}' gives {}; export float32", found.numbers));
        }
        if key == "scores"
            && let Some(shape) = &found.shape
            && shape.len() != 2
        {
            let axes = shape.len();
            report.faults.push(format!(
                "output '{name}' has {axes} axes instead of 2, [N, classes]: name the output with a value for each class"
            ));
        }
        let last = onnx.last_operator(&name);
        let applied = match (key, last.as_deref(), model.output.activation) {
            (
                "scores",
                Some(last @ ("Softmax" | "Sigmoid" | "HardSigmoid")),
                Activation::Softmax | Activation::Sigmoid,
            ) => Some(last),
            _ => None,
        };
        if let Some(last) = applied {
            let last = last.to_lowercase();
            report.faults.push(format!(
                "output '{name}' has been through a {last} already, and [output] would apply another: say activation = \"none\""
            ));
        }
        if key == "scores"
            && let Some([_, Some(values)]) = found.shape.as_deref()
            && *values != model.classes.len()
        {
            let named = model.classes.len();
            let plural = if named == 1 { "class" } else { "classes" };
            report.faults.push(format!("output '{name}' gives {values} values, model.toml names {named} {plural}"));
        }
    }
}

fn check_input(input: &Declared, model: Option<&Model>, report: &mut Report) {
    let Declared { name, numbers, shape } = input;
    if numbers != "float32" && !numbers.starts_with("float16") && numbers != "bfloat16" {
        report.faults.push(format!("input '{name}' takes {numbers}; export a network that takes float32"));
    }
    let Some(shape) = shape else { return };
    let [batch, channels, height, width] = shape[..] else {
        let shown: Vec<String> =
            shape.iter().map(|length| length.map_or("?".into(), |length| length.to_string())).collect();
        report
            .faults
            .push(format!("input '{name}' takes [{}] instead of [N, channels, height, width]", shown.join(", ")));
        return;
    };
    if let Some(batch) = batch.filter(|batch| *batch != 1) {
        report
            .faults
            .push(format!("model.onnx takes {batch} pictures at once; export it for one, or with a dynamic batch"));
    }
    if input.channels_last().is_some() {
        let shown = |length: Option<usize>| length.map_or("?".to_string(), |length| length.to_string());
        let (height, width, last) = (shown(channels), shown(height), shown(width));
        report.faults.push(format!(
            "input '{name}' takes [N, {height}, {width}, {last}], its channels last; export it with channels first, [N, {last}, {height}, {width}] (tf2onnx: --inputs-as-nchw {name})"
        ));
        return;
    }
    let Some(model) = model else { return };
    let wanted = &model.input;
    if let Some(found) = channels.filter(|found| *found != wanted.channels) {
        report.faults.push(format!("model.onnx takes {found} channels, [input] says {}", wanted.channels));
    }
    let differs =
        height.is_some_and(|height| height != wanted.height) || width.is_some_and(|width| width != wanted.width);
    if differs {
        let shown = |length: Option<usize>| length.map_or("any".to_string(), |length| length.to_string());
        let (height, width) = (shown(height), shown(width));
        report
            .faults
            .push(format!("model.onnx takes {height} x {width}, [input] says {} x {}", wanted.height, wanted.width));
    }
}

/// Makes the network ready and runs it.
fn try_out(folder: &Path, settings: String, mut model: Model, onnx: &Onnx, report: &mut Report) -> Option<Ready> {
    if let Err(error) = model.check_network(&onnx.sha256) {
        report.faults.push(format!("model.onnx: {}", reason(error)));
        return None;
    }
    let (input, names) = (model.input.shape(), model.output.names());
    let own =
        compile(onnx, &input, &names).and_then(|program| Ok((CpuGraph::new(&program, Processor::best())?, program)));
    model.sha256.clone_from(&onnx.sha256);
    let clock = || 0.0;
    let (classifier, program) = match own {
        Ok((graph, program)) => (Classifier::new(Arc::new(graph), model, "cpu", clock), Some(program)),
        Err(error) => {
            let reason = reason(error);
            match TractGraph::on_cpu(onnx, input, &names) {
                Ok(graph) => {
                    let text = "the page and a GPU cannot run it, the command on the CPU can";
                    report.notes.push(format!("{text}: {reason}"));
                    (Classifier::new(Arc::new(graph), model, "cpu (tract)", clock), None)
                }
                Err(_) => {
                    report.faults.push(format!("it cannot be run: {reason}"));
                    return None;
                }
            }
        }
    };
    let classifier = match classifier {
        Ok(classifier) => classifier,
        Err(error) => {
            report.faults.push(reason(error));
            return None;
        }
    };
    let values = classifier.graph.contract().values();
    let picture = vec![0.0; values];
    let slope = (0..values).map(|at| (at % 97) as f32 / 97.0 - 0.5).collect();
    let mut least = f64::INFINITY;
    for picture in [&picture, &slope, &picture] {
        let start = Instant::now();
        let OutputSettings { activation, temperature, .. } = classifier.model.output;
        let run = classifier.graph.run(picture).and_then(|outputs| scores(&outputs.scores, activation, temperature));
        if let Err(error) = run {
            report.faults.push(format!("it gives no answer for a made picture: {error}"));
            return None;
        }
        least = least.min(start.elapsed().as_secs_f64() * 1e3);
    }
    let (count, faults) = samples::check(&classifier, folder);
    if count == 0 && faults.is_empty() {
        let text = "there is no sample: put a picture into samples/, and beside it what training gives for it \
                    (x.png and x.json with { \"score\": .. } or { \"classes\": { .. } })";
        report.notes.push(text.to_string());
    }
    report.faults.extend(faults);
    describe(&classifier.model, report);
    let costs = classifier.graph.profile(&picture, 1, clock).unwrap_or_default();
    let (weights, bytes) = program.as_ref().map_or((0, 0), |program| {
        let weights = program.constants.iter().map(|constant| constant.values.len()).sum();
        (weights, program.pack().map_or(0, |packed| packed.len()))
    });
    report.network = Some(Known {
        name: classifier.model.name.clone(),
        sha256: onnx.sha256.clone(),
        runs: if program.is_some() { "page and command" } else { "command" },
        opset: onnx.opset(),
        operators: onnx.operators(),
        weights,
        bytes,
        multiply_adds: costs.iter().map(|cost| cost.macs).sum(),
        ms: least,
        samples: count,
    });
    let version = classifier.model.version.clone();
    program.filter(|_| report.faults.is_empty()).map(|program| Ready {
        settings,
        sha256: onnx.sha256.clone(),
        version,
        program,
    })
}

/// What a person who reads with it should know, and its settings do not say.
fn describe(model: &Model, report: &mut Report) {
    if !model.classes.iter().any(|class| class.alert) {
        report.notes.push("no class has alert = true: no verdict will be \"positive\"".to_string());
    }
    if model.window.is_none() && model.modality.is_empty() {
        report.notes.push("[input] has no window: files in Hounsfield units are errors".to_string());
    }
    if model.gate == lungglass::gate::Gate::default() {
        report.notes.push("there is no [gate]: whatever is shown to it gets a score, and the page says so".to_string());
    }
    if model.words.get("en").is_none_or(|words| words.title.is_empty() || words.purpose.is_empty()) {
        report.notes.push("[words.en] lacks title or purpose: the page calls it by its name alone".to_string());
    }
    for class in model.classes.iter().filter(|class| !class.words.contains_key("en")) {
        report.notes.push(format!("class '{}' has no words.en: the page calls it by its id", class.id));
    }
}
