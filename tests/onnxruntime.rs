//! ONNX graphs of one or a few operators over random shapes: compiled, they give on the CPU and on a GPU what ONNX Runtime gives.
//!
//! The files in `onnxruntime/cases` hold ONNX Runtime's answers, so that this needs no Python; where there is one with onnx and
//! onnxruntime, graphs of another seed are made and tried too.
#![cfg(feature = "compile")]

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use lungglass::graph::Runtime;
use lungglass::graph::compile::{Onnx, compile};
use lungglass::graph::cpu::{Executor, Processor};
use lungglass::graph::tract::TractGraph;
use lungglass::outputs::Outputs;
use tract_onnx::pb::{ModelProto, TensorProto};
use tract_onnx::prelude::*;

/// A graph, its input, and what ONNX Runtime says of it, by the names of the outputs.
struct Case {
    name: String,
    onnx: Onnx,
    shape: Vec<usize>,
    input: Vec<f32>,
    expected: Vec<(String, Vec<f32>)>,
}

impl Case {
    fn open(path: &Path) -> Case {
        let onnx = fs::read(path).unwrap();
        let model: ModelProto = tract_onnx::onnx().proto_model_for_read(&mut &onnx[..]).unwrap();
        let graph = model.graph.unwrap();
        let tensor = |name: &str| -> TensorProto {
            let wanted = format!("value of {name}");
            graph.initializer.iter().find(|tensor| tensor.name == wanted).cloned().unwrap()
        };
        let values = |tensor: &TensorProto| -> Vec<f32> {
            tensor.raw_data.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
        };
        let input = tensor("x");
        Case {
            name: path.file_stem().unwrap().to_string_lossy().into_owned(),
            shape: input.dims.iter().map(|&length| length as usize).collect(),
            input: values(&input),
            expected: graph.output.iter().map(|output| (output.name.clone(), values(&tensor(&output.name)))).collect(),
            onnx: Onnx::parse(&onnx, |_| None).unwrap(),
        }
    }

    fn all(folder: &Path) -> Vec<Case> {
        let cases: Vec<Case> = onnx_files(folder).iter().map(|path| Case::open(path)).collect();
        assert!(cases.len() >= 40, "only {} cases in {}", cases.len(), folder.display());
        cases
    }

    /// Compiles it, and runs it on the CPU and, in a batch of two, on the GPU.
    fn check(&self) {
        let name = &self.name;
        let program = compile(&self.onnx, &self.shape, &[]).unwrap_or_else(|error| panic!("{name}: {error}"));
        let names: Vec<&String> = program.outputs.iter().map(|(name, _)| name).collect();
        assert_eq!(names, self.expected.iter().map(|(name, _)| name).collect::<Vec<_>>(), "{name}");
        let executor = Executor::new(&program, Processor::best()).unwrap_or_else(|error| panic!("{name}: {error}"));
        executor.run(&self.input, |outputs| {
            for ((found, _), (output, expected)) in outputs.iter().zip(&self.expected) {
                near(found, expected, &format!("{name}, {output} on the CPU"));
            }
        });
        #[cfg(feature = "wgpu")]
        {
            use lungglass::graph::gpu;
            let executor =
                gpu::Executor::new(device(), &program, 2).unwrap_or_else(|problem| panic!("{name}: {problem}"));
            let outputs = executor.submit(&[&self.input, &self.input]).unwrap().wait().unwrap();
            for (found, (output, expected)) in outputs.iter().zip(&self.expected) {
                near(found, &expected.repeat(2), &format!("{name}, {output} on the GPU"));
            }
        }
    }
}

#[cfg(feature = "wgpu")]
fn device() -> std::sync::Arc<lungglass::graph::gpu::Gpu> {
    use std::sync::{Arc, OnceLock};

    use lungglass::graph::gpu::Gpu;

    static GPU: OnceLock<Arc<Gpu>> = OnceLock::new();
    GPU.get_or_init(|| Arc::new(Gpu::open(true).unwrap_or_else(|problem| panic!("{problem}; see gpu.rs")))).clone()
}

/// All files of a folder, in order.
fn onnx_files(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn near(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        let apart = (found - expected).abs();
        assert!(apart <= 2e-5 * (1.0 + expected.abs()), "{what}: {found} instead of {expected} at {at}");
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/onnxruntime")
}

#[test]
fn operators_give_what_onnxruntime_gives() {
    Case::all(&folder().join("cases")).iter().for_each(Case::check);
}

/// A whole network with an operator that a program lacks: tract's own runtime gives what ONNX Runtime gives.
#[test]
fn what_a_program_cannot_say_tract_runs() {
    let case = Case::open(&folder().join("candidate.onnx"));
    let Err(refused) = compile(&case.onnx, &case.shape, &[]) else { panic!("it was compiled") };
    assert!(refused.to_string().contains("(Sin): this function is not supported"), "{refused}");
    let graph = TractGraph::on_cpu(&case.onnx, case.shape[..].try_into().unwrap(), &[]).unwrap();
    let Outputs { scores, mut maps, opacity, lung, embedding } = graph.run(&case.input).unwrap();
    let (map, opacity, lung) = (maps.remove(0), opacity.unwrap(), lung.unwrap());
    assert_eq!((map.width, map.height), (4, 4));
    let found = [
        ("map", map.values),
        ("logit", scores),
        ("opacity", [opacity.ground_glass.values, opacity.consolidation.values].concat()),
        ("lung", lung.values),
        ("embedding", embedding),
    ];
    for ((name, expected), (known, found)) in case.expected.iter().zip(&found) {
        assert_eq!(name, known);
        near(found, expected, name);
    }
    assert!(graph.run(&case.input[1..]).is_err());
}

/// Better no answer than another one.
#[test]
fn what_would_be_computed_wrongly_is_refused() {
    for (name, words) in [
        ("celu", "(Celu): tract computes this function wrongly"),
        ("beyond", "(Resize): pixels beyond the edges are not supported"),
        ("integers", "is not supported"),
        ("branches", "its branches (If) give tensors of different shapes"),
        ("trained", "exported as it is trained (BatchNormalization 1)"),
    ] {
        let case = Case::open(&folder().join(format!("refused/{name}.onnx")));
        let Err(refused) = compile(&case.onnx, &case.shape, &[]) else { panic!("{name} was compiled") };
        assert!(refused.to_string().contains(words), "{name}: {refused}");
    }
}

/// The networks of networks.py, whose folder `LUNGGLASS_NETWORKS` names.
#[test]
fn networks_give_what_onnxruntime_gives() {
    let Some(folder) = std::env::var_os("LUNGGLASS_NETWORKS") else {
        let _ = writeln!(
            io::stdout(),
            "\nSKIPPED networks_give_what_onnxruntime_gives: LUNGGLASS_NETWORKS names no folder"
        );
        return;
    };
    let mut failed = Vec::new();
    for path in onnx_files(Path::new(&folder)) {
        let case = Case::open(&path);
        let tried =
            compile(&case.onnx, &case.shape, &[]).and_then(|program| Executor::new(&program, Processor::best()));
        match tried {
            Ok(executor) => executor.run(&case.input, |outputs| {
                for ((found, _), (output, expected)) in outputs.iter().zip(&case.expected) {
                    let near = found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-3 * (1.0 + b.abs()));
                    if !near || found.len() != expected.len() {
                        failed.push(format!("{}: {output} is another", case.name));
                    }
                }
            }),
            Err(error) => failed.push(format!("{}: {error}", case.name)),
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// Needs a Python with onnx and onnxruntime, which `LUNGGLASS_PYTHON` names; `cargo xtask test` gets one.
#[test]
fn graphs_that_are_made_anew_give_what_onnxruntime_gives() {
    let test = "graphs_that_are_made_anew_give_what_onnxruntime_gives";
    let python = std::env::var("LUNGGLASS_PYTHON").unwrap_or_else(|_| "python3".to_string());
    let there = Command::new(&python).args(["-c", "import numpy, onnx, onnxruntime"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        // Past the harness, which keeps what a passing test prints to itself; `cargo xtask test` counts these lines.
        let _ = writeln!(
            io::stdout(),
            "\nSKIPPED {test}: {python} has no onnx and onnxruntime; LUNGGLASS_PYTHON names another"
        );
        return;
    }
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("onnxruntime");
    let _ = fs::remove_dir_all(&out);
    let output = Command::new(python)
        .arg(folder().join("generate.py"))
        .args(["--seed", "2", "--out"])
        .arg(&out)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Case::all(&out).iter().for_each(Case::check);
}
