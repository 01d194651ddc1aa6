//! The GPU against the CPU: programs of every operator over random shapes, and the whole network on real slices.
//!
//! Needs a GPU, be it a program: on Debian `apt-get install mesa-vulkan-drivers libvulkan1`. Without one these tests fail.
#![cfg(feature = "wgpu")]

mod programs;

use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use lungglass::classifier::{Classifier, NETWORK, SETTINGS};
use lungglass::decode::{Image, Limits};
use lungglass::error::Error;
use lungglass::graph::Runtime;
use lungglass::graph::cpu::{self, CpuGraph, Processor};
use lungglass::graph::gpu::{Executor, Gpu, GpuGraph};
use lungglass::graph::program::{Binary, Constant, Op, Program, Step, Unary};
use lungglass::model::Model;
use programs::{Random, single};

/// Rounds for each operator: every program is compiled, which takes longest.
const ROUNDS: usize = 8;

fn gpu() -> Arc<Gpu> {
    static GPU: OnceLock<Arc<Gpu>> = OnceLock::new();
    GPU.get_or_init(|| {
        let gpu =
            Gpu::open(true).unwrap_or_else(|problem| panic!("{problem}; Debian: mesa-vulkan-drivers, libvulkan1"));
        Arc::new(gpu)
    })
    .clone()
}

/// Three inputs at once on the GPU give what one after the other gives on the CPU.
fn agrees(program: &Program, input: &Constant) {
    agrees_within(1e-5, program, input);
}

fn agrees_within(bound: f32, program: &Program, input: &Constant) {
    // Values that the operator may take, in other places.
    let mut inputs = vec![input.values.clone(); 3];
    inputs[1].reverse();
    inputs[2].rotate_left(input.values.len() / 2);
    let on_gpu = Executor::new(gpu(), program, inputs.len()).unwrap_or_else(|problem| panic!("{problem}: {program:?}"));
    let on_cpu = cpu::Executor::new(program, Processor::best()).unwrap();
    let found = on_gpu.submit(&inputs.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap().wait().unwrap();
    assert_eq!(found.len(), program.outputs.len());
    for (number, input) in inputs.iter().enumerate() {
        on_cpu.run(input, |expected| {
            for (found, (expected, shape)) in found.iter().zip(expected) {
                assert_eq!(found.len(), inputs.len() * expected.len());
                let found = &found[number * expected.len()..][..expected.len()];
                for (at, (found, expected)) in found.iter().zip(*expected).enumerate() {
                    let same = (found - expected).abs() <= bound + bound * expected.abs() || found == expected;
                    assert!(
                        same || found.is_nan() && expected.is_nan(),
                        "{found} instead of {expected} at {at} of input {number}, {shape:?}: {:?}",
                        program.steps
                    );
                }
            }
        });
    }
}

#[test]
fn whole_convolutions_are_those_of_the_cpu() {
    programs::whole_convolutions(2 * ROUNDS, agrees);
}

#[test]
fn depthwise_convolutions_are_those_of_the_cpu() {
    programs::depthwise_convolutions(ROUNDS, agrees);
}

#[test]
fn what_is_done_element_by_element_is_that_of_the_cpu() {
    programs::element_by_element(ROUNDS, agrees);
}

#[test]
fn sums_pools_and_copies_are_those_of_the_cpu() {
    programs::sums_pools_and_copies(ROUNDS, agrees);
}

#[test]
fn products_are_those_of_the_cpu() {
    programs::products(ROUNDS, agrees);
}

#[test]
fn chains_of_steps_are_those_of_the_cpu() {
    programs::chains(ROUNDS, agrees);
}

#[test]
fn parts_of_networks_are_those_of_the_cpu() {
    programs::parts_of_networks(ROUNDS.min(6), |program, input| agrees_within(1e-4, program, input));
}

/// Long enough for a workgroup to share the work, and for tiles of a product that are full.
#[test]
fn large_tensors_are_those_of_the_cpu() {
    let mut random = Random(7);
    let input = random.tensor(&[1, 3, 40, 30]);
    agrees(&single(&input, vec![], Op::Sum { axes: vec![2, 3] }), &input);
    let (left, right) = (random.tensor(&[2, 90, 70]), random.tensor(&[2, 70, 130]));
    agrees(&single(&left, vec![right], Op::MatMul), &left);
}

#[test]
fn what_no_input_reaches_is_the_same_for_every_input() {
    let mut random = Random(8);
    let input = random.tensor(&[1, 2, 3]);
    let constants = vec![random.tensor(&[1, 2, 3]), random.tensor(&[1, 2, 3])];
    let steps = vec![
        (Op::Binary(Binary::Mul), vec![1, 2]),
        (Op::Binary(Binary::Add), vec![3, 0]),
        (Op::Concat { axis: 2 }, vec![3, 4]),
    ];
    let steps = steps.into_iter().map(|(op, inputs)| Step { name: "it".to_string(), op, inputs }).collect();
    let outputs = vec![("fixed".to_string(), 3), ("both".to_string(), 5), ("input".to_string(), 0)];
    agrees(&Program { onnx: String::new(), input: input.shape.clone(), constants, steps, outputs }, &input);
}

#[test]
fn a_step_without_a_kernel_is_refused_by_name() {
    let mut random = Random(9);
    let input = random.tensor(&[2, 2, 1, 1]);
    let steps = vec![
        Step { name: "weights".to_string(), op: Op::Unary(Unary::Abs), inputs: vec![0] },
        Step {
            name: "conv1".to_string(),
            op: Op::Conv { strides: [1; 2], pads: [0; 4], depthwise: false, clamp: None },
            inputs: vec![1, 3, 2],
        },
    ];
    let constants = vec![random.tensor(&[1, 2, 3, 3]), random.tensor(&[2])];
    let outputs = vec![("out".to_string(), 4)];
    let program = Program { onnx: String::new(), input: input.shape, constants, steps, outputs };
    let problem = Executor::new(gpu(), &program, 1).err().unwrap();
    assert_eq!(problem, "step conv1: its weights must be constants");
}

/// A chain whose values are all needed just once, and one that is needed at the end.
#[test]
fn buffers_are_used_again() {
    let mut random = Random(3);
    let input = random.tensor(&[1, 4, 16, 16]);
    let constants = vec![random.tensor(&[4, 4, 3, 3]), random.tensor(&[4])];
    let mut steps = Vec::new();
    let mut last = 0;
    for _ in 0..6 {
        let conv = Op::Conv { strides: [1; 2], pads: [1; 4], depthwise: false, clamp: None };
        for (op, inputs) in [(conv, vec![last, 1, 2]), (Op::Unary(Unary::Square), vec![2 + steps.len() + 1])] {
            steps.push(Step { name: "it".to_string(), op, inputs });
        }
        let (op, inputs) = (Op::Unary(Unary::Sigmoid), vec![2 + steps.len()]);
        steps.push(Step { name: "it".to_string(), op, inputs });
        last = 2 + steps.len();
    }
    steps.push(Step { name: "it".to_string(), op: Op::Binary(Binary::Add), inputs: vec![last, 0] });
    let outputs = vec![("out".to_string(), last + 1)];
    // Each layer makes the differences of the one before larger; values of another tensor would be off by 1 and more.
    agrees_within(
        1e-3,
        &Program { onnx: String::new(), input: input.shape.clone(), constants, steps, outputs },
        &input,
    );
}

/// What the CPU hands over is written anew for each run: of three that are under way at once, each gives its own, a short one too.
#[test]
fn runs_under_way_do_not_mix() {
    let input = Constant { shape: vec![1, 1, 2, 2], values: vec![0.0; 4] };
    let on_gpu = Executor::new(gpu(), &single(&input, vec![], Op::Unary(Unary::Abs)), 2).unwrap();
    let slice = |value: f32| [value; 4];
    for round in 0..3 {
        let value = |at: usize| (10 * round + at) as f32;
        let [first, second, third] = [1, 2, 3].map(|at| slice(-value(at)));
        let running = [vec![&first[..], &second[..]], vec![&third[..]], vec![&second[..], &first[..]]]
            .map(|inputs| on_gpu.submit(&inputs).unwrap());
        let expected = [[value(1), value(2)], [value(3), 0.0], [value(2), value(1)]];
        for (run, expected) in running.into_iter().zip(expected) {
            assert_eq!(run.wait().unwrap(), [expected.map(slice).concat()]);
        }
    }
    for wrong in [vec![&[0.0; 4][..]; 3], vec![&[0.0; 4][..], &[0.0; 3][..]], vec![&[0.0; 8][..]]] {
        assert!(on_gpu.submit(&wrong).is_err(), "{wrong:?}");
    }
}

fn model() -> Model {
    Model::parse(SETTINGS).unwrap()
}

/// Slices of several series, one of them in Hounsfield units, and pictures that the network was not made for.
const CASES: [&str; 11] = [
    "lidc-explicit-le/input.dcm",
    "lidc-lung-window/input.png",
    "lidc-mirrored/input.png",
    "luna-1/input.png",
    "luna-2/input.png",
    "luna-3/input.png",
    "luna-6/input.png",
    "luna-7/input.png",
    "luna-below-the-lungs-1/input.png",
    "noise/input.png",
    "photo-cat/input.png",
];

/// The same program, several slices at once, in batches of which the last is not full.
#[test]
fn the_network_reads_slices_as_on_the_cpu() {
    let model = model();
    let program = Program::parse(NETWORK).unwrap();
    let cpu = Arc::new(CpuGraph::new(&program, Processor::best()).unwrap());
    let cpu = Classifier::new(cpu, model.clone(), "cpu", || 0.0).unwrap();
    let batch = 4;
    let graph = Arc::new(GpuGraph::new(gpu(), &program, batch).unwrap());
    let on_gpu = Classifier::new(graph.clone(), model, "gpu", || 0.0).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let waiting: Vec<_> = CASES
        .iter()
        .map(|name| {
            let image = Image::open(fs::read(folder.join(name)).unwrap(), Limits::default()).unwrap();
            (name, cpu.read(&image, 0, ""), on_gpu.prepare(&image, 0).unwrap())
        })
        .collect();
    for cases in waiting.chunks(batch) {
        let inputs: Vec<_> = cases.iter().map(|(_, _, prepared)| prepared.input.as_slice()).collect();
        let outputs = graph.start(&inputs).unwrap().wait().unwrap();
        assert_eq!(outputs.len(), cases.len());
        for ((name, expected, prepared), outputs) in cases.iter().zip(outputs) {
            let found = on_gpu.finish(prepared.clone(), outputs.unwrap(), 0.0, "", None).unwrap();
            let apart = (found.logit.unwrap() - expected.logit.unwrap()).abs();
            assert!(apart <= 1e-3, "{name}: the logits are {apart} apart");
            assert_eq!(found.verdict, expected.verdict, "{name}");
            // Where hardly a cell is lung, its few have to make up the whole logit: the map is judged by its greatest value.
            let (found, expected) = (found.map.unwrap().values, &expected.map.as_ref().unwrap().values);
            let greatest = expected.iter().map(|value| value.abs()).fold(1.0, f32::max);
            let furthest = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(
                furthest <= 1e-3 * greatest,
                "{name}: the maps are {furthest} apart, their greatest value {greatest}"
            );
        }
    }
    let wrong = graph.start(&[&[0.0; 7]]).err();
    assert!(matches!(wrong, Some(Error::Argument(_))), "{wrong:?}");
}
