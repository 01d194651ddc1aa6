//! The GPU against the CPU: every operator over random shapes, and the whole network on real slices.
//!
//! Needs a GPU, be it a program: on Debian `apt-get install mesa-vulkan-drivers libvulkan1`. Without one these tests fail.
#![cfg(all(feature = "wgpu", not(target_arch = "wasm32")))]

use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use lungglass::classifier::{Classifier, SETTINGS};
use lungglass::decode::{Limits, Source};
use lungglass::error::Error;
use lungglass::graph::gpu::{Executor, Gpu, GpuGraph};
use lungglass::model::Model;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{AxisOp, ElementWiseMiniOp, TypedOp};
use tract_onnx::tract_core::ops::array::{MultiBroadcastTo, Slice, TypedConcat};
use tract_onnx::tract_core::ops::binary::{BinMiniOp, TypedBinOp};
use tract_onnx::tract_core::ops::cnn::{Conv, KernelFormat, MaxPool, PaddingSpec, PoolSpec, SumPool};
use tract_onnx::tract_core::ops::einsum::prefix_matmul::PrefixMatMul;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_core::ops::nn::{DataFormat, Reduce, Reducer, sigmoid};

/// An operator with its name.
type Named<T> = (&'static str, fn() -> T);

/// Random shapes that each operator is tried on.
const TRIES: u64 = 8;

fn gpu() -> Arc<Gpu> {
    static GPU: OnceLock<Arc<Gpu>> = OnceLock::new();
    GPU.get_or_init(|| {
        let gpu =
            Gpu::open(true).unwrap_or_else(|problem| panic!("{problem}; Debian: mesa-vulkan-drivers, libvulkan1"));
        Arc::new(gpu)
    })
    .clone()
}

struct Random(ChaCha8Rng);

impl Random {
    fn within(&mut self, from: usize, to: usize) -> usize {
        from + (self.0.next_u64() % (to - from + 1) as u64) as usize
    }

    fn yes(&mut self) -> bool {
        self.within(0, 1) == 1
    }

    fn shape(&mut self, rank: usize) -> Vec<usize> {
        (0..rank).map(|_| self.within(1, 9)).collect()
    }

    /// Values in -2..2.
    fn values(&mut self, shape: &[usize]) -> Tensor {
        let count: usize = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|_| self.0.next_u32() as f32 / u32::MAX as f32 * 4.0 - 2.0).collect();
        Tensor::from_shape(shape, &values).unwrap()
    }
}

/// A model under construction, with the tensor that goes in.
struct Build {
    model: TypedModel,
    input: Tensor,
    random: Random,
    last: OutletId,
}

impl Build {
    fn new(random: Random, shape: &[usize]) -> Build {
        let mut random = random;
        let input = random.values(shape);
        let mut model = TypedModel::default();
        let last = model.add_source("input", f32::fact(shape)).unwrap();
        Build { model, input, random, last }
    }

    fn shape(&self) -> Vec<usize> {
        self.model.outlet_fact(self.last).unwrap().shape.as_concrete().unwrap().to_vec()
    }

    fn wire(&mut self, op: impl Into<Box<dyn TypedOp>>, more: &[OutletId]) -> &mut Build {
        let name = format!("node{}", self.model.nodes.len());
        let inputs = [&[self.last], more].concat();
        self.last = self.model.wire_node(name, op, &inputs).unwrap()[0];
        self
    }

    fn constant(&mut self, shape: &[usize]) -> OutletId {
        let values = self.random.values(shape);
        self.given(values)
    }

    fn given(&mut self, values: Tensor) -> OutletId {
        let name = format!("constant{}", self.model.nodes.len());
        self.model.add_const(name, values).unwrap()
    }

    /// The GPU and tract's own interpreter give the same.
    fn agrees(self, what: &str) {
        self.agrees_within(1e-5, what);
    }

    fn agrees_within(mut self, bound: f32, what: &str) {
        self.model.select_output_outlets(&[self.last]).unwrap();
        let expected = self.model.clone().into_runnable().unwrap().run(tvec!(self.input.clone().into())).unwrap();
        let expected = expected[0].try_as_plain_ram().unwrap().as_slice::<f32>().unwrap().to_vec();
        let shape = self.shape();
        let executor = Executor::new(gpu(), self.model).unwrap_or_else(|problem| panic!("{what}: {problem}"));
        let input = self.input.try_as_plain_ram().unwrap().as_slice::<f32>().unwrap().to_vec();
        let found = executor.submit(&input).unwrap().wait().unwrap();
        assert_eq!(found[0].shape, shape, "{what}");
        assert_eq!(found[0].values.len(), expected.len(), "{what}");
        for (at, (found, expected)) in found[0].values.iter().zip(&expected).enumerate() {
            let apart = (found - expected).abs();
            assert!(apart <= bound + bound * expected.abs(), "{what} {shape:?}: {found} instead of {expected} at {at}");
        }
    }
}

/// Builds and compares `TRIES` models.
fn try_shapes(what: &str, build: impl Fn(Random) -> Build) {
    for seed in 0..TRIES {
        build(Random(ChaCha8Rng::seed_from_u64(seed))).agrees(&format!("{what}, try {seed}"));
    }
}

fn each(op: impl ElementWiseMiniOp) -> ElementWiseOp {
    ElementWiseOp(Box::new(op), None)
}

fn two(op: impl BinMiniOp) -> TypedBinOp {
    TypedBinOp(Box::new(op), None)
}

#[test]
fn operators_on_one_value() {
    let all: Vec<Named<ElementWiseOp>> = vec![
        ("Abs", || each(math::Abs {})),
        ("Ceil", || each(math::Ceil {})),
        ("Exp", || each(math::Exp {})),
        ("Floor", || each(math::Floor {})),
        ("Neg", || each(math::Neg {})),
        ("Round", || each(math::RoundHalfToEven {})),
        ("Sigmoid", sigmoid),
        ("Sign", || each(math::Sign {})),
        ("Square", || each(math::Square {})),
        ("Tanh", || each(math::Tanh {})),
        ("HardSwish", || each(tract_onnx::tract_core::ops::nn::HardSwish {})),
    ];
    for (name, op) in all {
        try_shapes(name, |mut random| {
            let rank = random.within(1, 5);
            let shape = random.shape(rank);
            let mut build = Build::new(random, &shape);
            build.wire(op(), &[]);
            build
        });
    }
    // Of positive values alone.
    let positive: Vec<Named<ElementWiseOp>> = vec![
        ("Ln", || each(math::Ln {})),
        ("Recip", || each(math::Recip {})),
        ("Rsqrt", || each(math::Rsqrt {})),
        ("Sqrt", || each(math::Sqrt {})),
    ];
    for (name, op) in positive {
        try_shapes(name, |mut random| {
            let shape = random.shape(3);
            let mut build = Build::new(random, &shape);
            let half = build.given(Tensor::from_shape(&[1, 1, 1], &[0.5f32]).unwrap());
            build.wire(each(math::Square {}), &[]).wire(two(math::Add), &[half]).wire(op(), &[]);
            build
        });
    }
}

#[test]
fn operators_on_two_values() {
    let all: Vec<Named<TypedBinOp>> = vec![
        ("Add", || two(math::Add)),
        ("Sub", || two(math::Sub)),
        ("SubF", || two(math::SubF)),
        ("Mul", || two(math::Mul)),
        ("Min", || two(math::Min)),
        ("Max", || two(math::Max)),
    ];
    for (name, op) in all {
        try_shapes(name, |mut random| {
            let shape = random.shape(4);
            // Axes of 1 are repeated.
            let other: Vec<usize> = shape.iter().map(|&length| if random.yes() { length } else { 1 }).collect();
            let mut build = Build::new(random, &shape);
            let other = build.constant(&other);
            build.wire(op(), &[other]);
            build
        });
    }
    try_shapes("Div", |mut random| {
        let shape = random.shape(3);
        let mut build = Build::new(random, &shape);
        let input = build.last;
        let one = build.given(Tensor::from_shape(&[1, 1, 1], &[1.0f32]).unwrap());
        // x / (x * x + 1): one value is asked for twice.
        build.wire(each(math::Square {}), &[]).wire(two(math::Add), &[one]);
        let divisor = build.last;
        build.last = input;
        build.wire(two(math::Div), &[divisor]);
        build
    });
}

#[test]
fn axes_are_moved_cut_repeated_and_joined() {
    try_shapes("axes", |mut random| {
        let shape = random.shape(4);
        let (from, to, axis) = (random.within(0, 3), random.within(0, 3), random.within(0, 3));
        let add = random.within(0, 4);
        let mut build = Build::new(random, &shape);
        build.wire(AxisOp::Move(from, to), &[]);
        let length = build.shape()[axis];
        let start = build.random.within(0, length - 1);
        build.wire(Slice::new(axis, start, length), &[]).wire(each(math::Abs {}), &[]).wire(AxisOp::Add(add), &[]);
        let mut wide = build.shape();
        wide[add] = 3;
        build.wire(MultiBroadcastTo { shape: wide.iter().copied().collect() }, &[]);
        let before: TVec<TDim> = wide[add..add + 1].iter().map(|length| length.to_dim()).collect();
        build.wire(AxisOp::Reshape(add, before.clone(), tvec!(1.to_dim(), 3.to_dim())), &[]);
        build.wire(AxisOp::Rm(add), &[]);
        // All in one axis: from views that no longer lie in order this takes a copy.
        let shape = build.shape();
        let all: TVec<TDim> = shape.iter().map(|length| length.to_dim()).collect();
        build.wire(AxisOp::Reshape(0, all, tvec!(shape.iter().product::<usize>().to_dim())), &[]);
        build.wire(each(math::Neg {}), &[]);
        build
    });
    try_shapes("TypedConcat", |mut random| {
        let shape = random.shape(3);
        let axis = random.within(0, 2);
        let mut build = Build::new(random, &shape);
        let input = build.last;
        let mut other = shape.clone();
        other[axis] = build.random.within(1, 5);
        let other = build.constant(&other);
        build.wire(each(math::Exp {}), &[]).wire(TypedConcat { axis }, &[other, input]);
        build
    });
}

#[test]
fn reductions() {
    for reducer in [Reducer::Sum, Reducer::Max, Reducer::Min, Reducer::MeanOfSquares] {
        try_shapes(&format!("Reduce {reducer:?}"), |mut random| {
            let mut shape = random.shape(4);
            // Some are long enough for a workgroup to share the work.
            shape[3] = random.within(1, 40);
            let mut axes: TVec<usize> = (0..4).filter(|_| random.yes()).collect();
            if axes.is_empty() {
                axes.push(3);
            }
            let mut build = Build::new(random, &shape);
            build.wire(Reduce::new(axes, reducer), &[]).wire(each(math::Abs {}), &[]);
            build
        });
    }
}

#[test]
fn matrix_products() {
    for (transpose_a, transpose_b, transpose_c) in
        [(false, false, false), (true, false, false), (false, true, true), (true, true, true)]
    {
        try_shapes("PrefixMatMul", |mut random| {
            let (m, k, n) = (random.within(1, 90), random.within(1, 40), random.within(1, 90));
            let (batch, heads) = (random.within(1, 3), random.within(1, 2));
            let swap = |swapped: bool, a: usize, b: usize| if swapped { [b, a] } else { [a, b] };
            let a = [&[batch, heads][..], &swap(transpose_a, m, k)].concat();
            let b = [&[batch, 1][..], &swap(transpose_b, k, n)].concat();
            let mut build = Build::new(random, &a);
            let b = build.constant(&b);
            let half = build.given(Tensor::from_shape(&[1, 1, 1, 1], &[0.5f32]).unwrap());
            let op = PrefixMatMul {
                transpose_a,
                transpose_b,
                transpose_c,
                quantize_output: None,
                operating_dt: Some(f32::datum_type()),
            };
            build.wire(op, &[b]).wire(two(math::Mul), &[half]);
            build
        });
    }
}

/// A convolution with a bias, a residual sum and an activation.
fn convolution(mut random: Random, depthwise: bool, with_n: bool) -> Build {
    let groups = if depthwise { random.within(2, 9) } else { random.within(1, 2) };
    let channels = groups * if depthwise { 1 } else { random.within(1, 20) };
    let outputs = groups * if depthwise { random.within(1, 2) } else { random.within(1, 40) };
    let kernel = [random.within(1, 5), random.within(1, 5)];
    let (stride, dilation) = (random.within(1, 3), random.within(1, 2));
    let n = if with_n { random.within(1, 3) } else { 1 };
    let size = |kernel: usize, random: &mut Random| (kernel - 1) * dilation + random.within(1, 20);
    let (h, w) = (size(kernel[0], &mut random), size(kernel[1], &mut random));
    let padding = match random.within(0, 2) {
        0 => PaddingSpec::Valid,
        1 => PaddingSpec::SameUpper,
        _ => PaddingSpec::Explicit(tvec!(random.within(0, 2), 1), tvec!(0, random.within(0, 2))),
    };
    let shape = [&[n][if with_n { 0 } else { 1 }..], &[channels, h, w]].concat();
    let pool_spec = PoolSpec {
        data_format: if with_n { DataFormat::NCHW } else { DataFormat::CHW },
        kernel_shape: kernel.iter().copied().collect(),
        padding,
        dilations: Some(tvec!(dilation, dilation)),
        strides: Some(tvec!(stride, stride)),
        input_channels: channels,
        output_channels: outputs,
    };
    let mut build = Build::new(random, &shape);
    let weights = build.constant(&[outputs, channels / groups, kernel[0], kernel[1]]);
    let bias = build.constant(&[outputs]);
    build.wire(Conv { pool_spec, kernel_fmt: KernelFormat::OIHW, group: groups, q_params: None }, &[weights, bias]);
    let shape = build.shape();
    let residual = build.constant(&shape);
    let six = build.given(Tensor::from_shape(&vec![1; shape.len()], &[6.0f32]).unwrap());
    build.wire(two(math::Add), &[residual]).wire(two(math::Min), &[six]);
    build
}

#[test]
fn convolutions() {
    try_shapes("Conv", |random| convolution(random, false, true));
    try_shapes("Conv of one picture", |random| convolution(random, false, false));
    try_shapes("depthwise Conv", |random| convolution(random, true, true));
}

#[test]
fn pools() {
    let pool = |mut random: Random| {
        let (channels, kernel, stride) = (random.within(1, 5), random.within(1, 5), random.within(1, 3));
        let shape = [random.within(1, 3), channels, kernel + random.within(0, 15), kernel + random.within(0, 15)];
        let pad = random.within(0, kernel / 2);
        let spec = PoolSpec {
            data_format: DataFormat::NCHW,
            kernel_shape: tvec!(kernel, kernel),
            padding: PaddingSpec::Explicit(tvec!(pad, pad), tvec!(pad, pad)),
            dilations: None,
            strides: Some(tvec!(stride, stride)),
            input_channels: channels,
            output_channels: channels,
        };
        (Build::new(random, &shape), spec)
    };
    try_shapes("MaxPool", |random| {
        let (mut build, pool_spec) = pool(random);
        build.wire(MaxPool { pool_spec, with_index_outputs: None }, &[]);
        build
    });
    for (normalize, count_include_pad) in [(false, false), (true, true), (true, false)] {
        try_shapes("SumPool", |random| {
            let (mut build, pool_spec) = pool(random);
            build.wire(SumPool { pool_spec, count_include_pad, normalize }, &[]);
            build
        });
    }
}

#[test]
fn an_operator_without_a_kernel_is_refused_by_name() {
    let mut build = Build::new(Random(ChaCha8Rng::seed_from_u64(1)), &[3]);
    build.wire(each(math::Atanh {}), &[]);
    build.model.select_output_outlets(&[build.last]).unwrap();
    let problem = Executor::new(gpu(), build.model).err().unwrap();
    assert!(problem.contains("no kernel for Atanh"), "{problem}");
}

#[test]
fn buffers_are_used_again() {
    // A chain of convolutions whose values are all needed just once, and one that is needed at the end.
    let mut build = Build::new(Random(ChaCha8Rng::seed_from_u64(3)), &[1, 4, 16, 16]);
    let first = build.last;
    for _ in 0..6 {
        let (weights, bias) = (build.constant(&[4, 4, 3, 3]), build.constant(&[4]));
        let pool_spec = PoolSpec {
            data_format: DataFormat::NCHW,
            kernel_shape: tvec!(3, 3),
            padding: PaddingSpec::SameUpper,
            dilations: None,
            strides: None,
            input_channels: 4,
            output_channels: 4,
        };
        build.wire(Conv { pool_spec, kernel_fmt: KernelFormat::OIHW, group: 1, q_params: None }, &[weights, bias]);
        build.wire(each(math::Tanh {}), &[]);
    }
    build.wire(two(math::Add), &[first]);
    // Each layer makes the differences of the one before larger; values of another tensor would be off by 1 and more.
    build.agrees_within(1e-3, "a chain of convolutions");
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

/// Several at once, in batches of which the last is not full.
#[test]
fn the_network_reads_slices_as_on_the_cpu() {
    let model = model();
    let cpu = Classifier::built_in("cpu", || 0.0).unwrap();
    let batch = 4;
    let graph =
        Arc::new(GpuGraph::compile(gpu(), include_bytes!("../model/lungglass.onnx"), model.size, batch).unwrap());
    let on_gpu = Classifier::new(graph.clone(), model, "gpu", || 0.0).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let waiting: Vec<_> = CASES
        .iter()
        .map(|name| {
            let source = Source::open(fs::read(folder.join(name)).unwrap(), Limits::default()).unwrap();
            (name, cpu.read(&source, 0, ""), on_gpu.prepare(&source, 0).unwrap())
        })
        .collect();
    for cases in waiting.chunks(batch) {
        let input = cases.iter().flat_map(|(_, _, prepared)| prepared.input.iter().copied()).collect();
        let outputs = graph.start(input).unwrap().wait().unwrap();
        assert_eq!(outputs.len(), cases.len());
        for ((name, expected, prepared), outputs) in cases.iter().zip(outputs) {
            let found = on_gpu.finish(prepared.clone(), outputs, 0.0, "", None).unwrap();
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
    let wrong = graph.start(vec![0.0; 7]).err();
    assert!(matches!(wrong, Some(Error::Argument(_))), "{wrong:?}");
}
