//! The network: the packed file comes from the ONNX file, damage to it is an error, and our kernels compute what tract computes.

#![cfg(feature = "compile")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lungglass::classifier::{Classifier, NETWORK, SETTINGS};
use lungglass::decode::{Image, Limits};
use lungglass::graph::Runtime;
use lungglass::graph::compile::{Onnx, compile};
use lungglass::graph::cpu::{CpuGraph, Executor, Processor};
use lungglass::graph::program::Program;
use lungglass::graph::tract::TractGraph;
use lungglass::model::Model;
use lungglass::outputs::OpacityMaps;
use lungglass::preprocess::Scaled;
use lungglass::self_test::Stored;
use tract_onnx::prelude::*;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("model").join(name)
}

#[test]
fn the_packed_network_comes_from_the_onnx() {
    let onnx = Onnx::parse(&fs::read(file("lungglass.onnx")).unwrap(), |_| None).unwrap();
    let model = Model::parse(SETTINGS).unwrap();
    let packed = compile(&onnx, &model.input.shape(), &model.output.names()).unwrap().pack().unwrap();
    if std::env::var_os("LUNGGLASS_BLESS").is_some() {
        fs::write(file("lungglass.pack"), packed).unwrap();
        return;
    }
    assert!(
        fs::read(file("lungglass.pack")).unwrap() == packed,
        "model/lungglass.pack is out of date: run cargo xtask bless"
    );
}

#[test]
fn the_stored_reading_is_that_of_the_onnx() {
    let onnx = Onnx::parse(&fs::read(file("lungglass.onnx")).unwrap(), |_| None).unwrap();
    let model = Model::parse(SETTINGS).unwrap();
    let graph = TractGraph::on_cpu(&onnx, model.input.shape(), &model.output.names()).unwrap();
    let classifier = Classifier::new(Arc::new(graph), model, "tract", || 0.0).unwrap();
    let found = Stored { sha256: onnx.sha256.clone(), values: classifier.tried().unwrap() };
    if std::env::var_os("LUNGGLASS_BLESS").is_some() {
        let text = format!(
            "# What the network that ships gives for the slice of src/self_test.rs; written by `cargo xtask bless`.\n\
             sha256 = {:?}\nvalues = {:?}\n",
            found.sha256, found.values
        );
        fs::write(file("self-test.toml"), text).unwrap();
        return;
    }
    let stored = Stored::shipped().unwrap();
    assert_eq!(stored.sha256, found.sha256, "model/self-test.toml is out of date: run cargo xtask bless");
    assert_eq!(stored.values.len(), found.values.len());
    for (at, (stored, found)) in stored.values.iter().zip(&found.values).enumerate() {
        assert!(
            (stored - found).abs() <= 1e-4 * stored.abs().max(1.0),
            "value {at}: {stored} is stored, {found} is right"
        );
    }
}

#[test]
fn the_packed_network_holds_what_was_packed() {
    let program = Program::parse(NETWORK).unwrap();
    assert_eq!(program.onnx, Model::parse(SETTINGS).unwrap().sha256);
    assert_eq!(program.pack().unwrap(), NETWORK);
}

#[test]
fn a_damaged_network_is_an_error_and_no_panic() {
    assert!(Program::parse(&[]).is_err());
    for length in [3, 8, 100, 5_000, 20_000, NETWORK.len() - 1] {
        assert!(Program::parse(&NETWORK[..length]).is_err(), "cut at {length}");
    }
    let mut longer = NETWORK.to_vec();
    longer.push(0);
    assert!(Program::parse(&longer).is_err());
    // Each byte of the header in turn: it is refused, or it is still a network that can be planned or refused.
    let values: usize = Program::parse(NETWORK).unwrap().constants.iter().map(|constant| constant.values.len()).sum();
    let header = NETWORK.len() - 2 * values;
    for at in (0..header).step_by(7) {
        let mut damaged = NETWORK.to_vec();
        damaged[at] ^= 0x41;
        if let Ok(program) = Program::parse(&damaged) {
            let _ = CpuGraph::new(&program, Processor::best());
        }
    }
}

/// A header may name any shapes: those that no network has are refused before they are planned.
#[test]
fn shapes_that_no_network_has_are_refused() {
    use lungglass::graph::program::{Constant, Op, Step};

    let step = |op| Step { name: "it".to_string(), op, inputs: vec![0] };
    let program = |input: Vec<usize>, ops: Vec<Op>| Program {
        onnx: String::new(),
        input,
        constants: Vec::new(),
        outputs: vec![("out".to_string(), ops.len())],
        steps: ops.into_iter().map(step).collect(),
    };
    let reason = |program: &Program| Program::parse(&program.pack().unwrap()).unwrap_err().to_string();
    assert!(reason(&program(vec![1, 0, 4, 4], vec![])).contains("empty"));
    assert!(reason(&program(vec![2], vec![Op::Reshape(vec![2, 0])])).contains("empty"));
    assert!(reason(&program(vec![1; 9], vec![])).contains("9 axes"));
    assert!(reason(&program(vec![1 << 20, 1 << 20], vec![])).contains("too large"));
    let steps = vec![Op::Unary(lungglass::graph::program::Unary::Abs); 65_537];
    assert!(reason(&program(vec![1], steps)).contains("65537 steps"));
    // Each tensor is small enough, and all of them are not; a constant is packed anew for each step that takes it.
    let many = program(vec![1], vec![Op::Broadcast(vec![1 << 25]); 4]);
    let outputs = (1..=4).map(|value| (format!("{value}"), value)).collect();
    let plan = |program: &Program| Executor::new(program, Processor::best()).map(drop);
    assert!(plan(&Program { outputs, ..many }).unwrap_err().to_string().contains("too much memory"));
    let conv = Op::Conv { strides: [1; 2], pads: [0; 4], depthwise: false, clamp: None };
    let weights = Constant { shape: vec![1024, 1, 1, 64], values: vec![0.0; 1024 * 64] };
    let bias = Constant { shape: vec![1024], values: vec![0.0; 1024] };
    let steps = (0..400).map(|_| Step { name: String::new(), op: conv.clone(), inputs: vec![0, 1, 2] }).collect();
    let again = Program { constants: vec![weights, bias], steps, ..program(vec![1, 1, 1, 64], vec![]) };
    assert!(plan(&again).unwrap_err().to_string().contains("too much memory"));
}

/// The oracle: the same ONNX file in tract, operator by operator as tract runs it.
#[test]
fn the_kernels_compute_what_tract_computes() {
    let model = Model::parse(SETTINGS).unwrap();
    let onnx = fs::read(file("lungglass.onnx")).unwrap();
    let mut tract = tract_onnx::onnx().model_for_read(&mut &onnx[..]).unwrap();
    tract.set_input_fact(0, f32::fact(model.input.shape()).into()).unwrap();
    let names: Vec<String> =
        tract.output_outlets().unwrap().iter().map(|outlet| tract.outlet_label(*outlet).unwrap().to_string()).collect();
    let tract = tract.into_optimized().unwrap().into_runnable().unwrap();
    let graph = CpuGraph::parse(NETWORK).unwrap();

    let mut compared = 0;
    for case in fs::read_dir("tests/cases").unwrap() {
        let Ok(bytes) = fs::read(case.unwrap().path().join("input.png")) else { continue };
        let Ok(slice) = Image::open(bytes, Limits::default()).and_then(|image| image.slice(0)) else { continue };
        let picture = slice.into_picture(model.window).unwrap();
        let input = Scaled::new(&picture, None, &model.input).input(&model.input);
        let found = graph.run(&input).unwrap();
        let (lung, opacity) = (found.lung.unwrap(), found.opacity.unwrap());
        let has_lungs = model.gate.check_lungs(&lung).is_none();
        let tensor = Tensor::from_shape(&model.input.shape(), &input).unwrap();
        let expected = tract.run(tvec!(tensor.into())).unwrap();
        for (name, expected) in names.iter().zip(&expected) {
            let expected = expected.try_as_plain_ram().unwrap().as_slice::<f32>().unwrap();
            let OpacityMaps { ground_glass, consolidation } = &opacity;
            let found = match &name[..] {
                "logit" => &found.scores[..],
                "map" => &found.maps[0].values,
                "opacity" => &[&ground_glass.values[..], &consolidation.values].concat(),
                "lung" => &lung.values,
                "embedding" => &found.embedding,
                other => panic!("no output is called {other}"),
            };
            assert_eq!(found.len(), expected.len());
            let range = expected.iter().fold(1f32, |most, value| most.max(value.abs()));
            // The map divides by the lung that there is: where there is none, it divides traces by traces.
            let bound = if name == "map" && !has_lungs { 1e-3 } else { 1e-4 };
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() <= bound * range, "{name}: {found}, tract says {expected}");
            }
        }
        compared += 1;
    }
    assert!(compared >= 10, "only {compared} slices were compared");
}
