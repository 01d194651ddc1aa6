//! `lungglass init`: a model.toml to fill in, as far as an ONNX file says what belongs there.

use std::fs;

use lungglass::graph::compile::{Declared, Onnx};

use crate::args::Init;
use crate::failure::{Failure, Outcome, failed};
use crate::inputs;
use crate::network;
use crate::output;
use crate::tell::tell;

/// The size where the file says none.
const SIZE: usize = 224;

/// Writes model.toml beside the network, and card.md if there is none. What is there stays.
pub fn run(arguments: &Init) -> Result<Outcome, Failure> {
    let path = &arguments.network;
    let named = path.display().to_string();
    inputs::is_no_folder(path, "onnx").map_err(failed(&named))?;
    let bytes = fs::read(path).map_err(failed(&named))?;
    let onnx = network::parse_onnx(path, &bytes).map_err(failed(&named))?;
    let inputs = onnx.inputs();
    let [input] = &inputs[..] else {
        return Err(Failure(format!(
            "{named}: it takes {} inputs; export a network that takes one picture",
            inputs.len()
        )));
    };
    if let Some(last) = input.channels_last() {
        let text = "its input has its channels last; export it with [N, channels, height, width]";
        let how = format!("tf2onnx: --inputs-as-nchw {}", input.name);
        return Err(Failure(format!("{named}: {text} (it says {last} for the width; {how})")));
    }
    let settings = path.with_file_name("model.toml");
    if settings.exists() {
        return Err(Failure(format!(
            "{}: it is there already; `lungglass check` says what it lacks",
            settings.display()
        )));
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let folder =
        fs::canonicalize(path).ok().and_then(|path| Some(path.parent()?.file_name()?.to_string_lossy().into_owned()));
    let name = if stem == "model" { folder.unwrap_or(stem) } else { stem };
    let text = template(&name, &onnx);
    output::write(&settings, |file| file.write_all(text.as_bytes()).map_err(failed(settings.display())))?;
    let card = path.with_file_name(super::CARD);
    if !card.exists() {
        let text =
            format!("# {name}\n\nWhat it is for, what it was trained and measured on, with figures, and its limits.\n");
        output::write(&card, |file| file.write_all(text.as_bytes()).map_err(failed(card.display())))?;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.map_or(".".to_string(), |folder| folder.display().to_string());
    tell!("{} is written: fill it in, then run `lungglass check {folder}`", settings.display());
    Ok(Outcome::AllRead)
}

fn template(name: &str, onnx: &Onnx) -> String {
    let inputs = onnx.inputs();
    let shape = inputs.first().and_then(|input| input.shape.clone()).unwrap_or_default();
    let length = |at: usize| shape.get(at).copied().flatten();
    let channels = length(1).unwrap_or(3);
    let (height, width) = (length(2).unwrap_or(SIZE), length(3).unwrap_or(SIZE));
    let outputs = onnx.outputs();
    let is_row = |output: &&Declared| output.shape.as_ref().is_some_and(|shape| shape.len() == 2);
    let scores = outputs.iter().find(is_row).or(outputs.first());
    let scores_name = scores.map_or("scores", |output| &output.name[..]);
    let classes = scores.and_then(|output| output.shape.as_ref()?.get(1).copied().flatten()).unwrap_or(1);
    let last = onnx.last_operator(scores_name);
    let (activation, why) = match (last.as_deref(), classes) {
        (Some("Softmax" | "Sigmoid" | "HardSigmoid"), _) => {
            ("none", "the network ends with its activation: its values are scores")
        }
        (_, 1) => ("sigmoid", "one class; softmax (classes share 1), sigmoid (each by itself) or none"),
        _ => {
            ("softmax", "classes share 1; sigmoid where several may hold at once; none where the network gives scores")
        }
    };
    let (mean, std) = match channels {
        3 => ("[0.485, 0.456, 0.406]", "[0.229, 0.224, 0.225]"),
        _ => ("[0.449]", "[0.226]"),
    };
    let mut text = format!(
        "schema = 2\nname = {name:?}\n\n[input]\nsize = [{height}, {width}]  # height and width, as the network takes them\n\
         channels = {channels}\nmean = {mean}  # of values 0..1, as in training; these are ImageNet's\nstd = {std}\n\
         resize = \"squash\"  # squash | fit | center-crop (with shortest = 256)\nmargins = \"keep\"  # keep | remove\n\
         modality = []  # such as [\"CT\"] or [\"CR\", \"DX\"]; empty for any\n\
         # window = {{ center = -600, width = 1500 }}  # for files in Hounsfield units\n\n[output]\nscores = {scores_name:?}\n\
         activation = {activation:?}  # {why}\n"
    );
    for at in 1..=classes {
        let id = if classes == 1 { "finding".to_string() } else { format!("class-{at}") };
        let (threshold, alert) =
            if classes == 1 { ("threshold = 0.5\n", "true") } else { ("", "false  # true for what is looked for") };
        text += &format!("\n[[class]]\nid = {id:?}\n{threshold}alert = {alert}\nwords = {{ en = {id:?} }}\n");
    }
    text += &format!(
        "\n[words.en]\ntitle = {name:?}\npurpose = \"\"  # what it tells, of which images\nlimits = []  # each a sentence\n"
    );
    text
}
