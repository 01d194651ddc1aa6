//! Every operator of a program, on the kernels of this runtime and by a reference that is as plain as can be, over random shapes and
//! values. Native (each processor) and wasm in a browser.

mod programs;

use lungglass::graph::cpu::{Executor, Processor};
use lungglass::graph::program::{Binary, Constant, Op, Pool, Program, Shape, Step, Unary};
use programs::single;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::{wasm_bindgen_test as test, wasm_bindgen_test_configure};

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// Rounds for each operator.
const ROUNDS: usize = if cfg!(miri) { 1 } else { 60 };

/// Runs the program on every processor and holds it against the reference.
fn check(program: &Program, input: &Constant) {
    let shapes = program.shapes().unwrap_or_else(|reason| panic!("{reason}: {program:?}"));
    let mut values: Vec<Constant> = vec![input.clone()];
    values.extend(program.constants.iter().cloned());
    for (at, step) in program.steps.iter().enumerate() {
        let inputs: Vec<&Constant> = step.inputs.iter().map(|&input| &values[input]).collect();
        let shape = &shapes[program.value_of(at)];
        let result = Constant { shape: shape.clone(), values: reference(&step.op, &inputs, shape) };
        values.push(result);
    }
    for processor in Processor::all() {
        let executor = Executor::new(program, processor).unwrap();
        // Twice: the second run finds what the first has left in its buffers.
        for _ in 0..2 {
            executor.run(&input.values, |outputs| {
                for ((found, shape), (_, value)) in outputs.iter().zip(&program.outputs) {
                    let expected = &values[*value];
                    assert_eq!(*shape, expected.shape);
                    assert_eq!(found.len(), expected.values.len());
                    for (at, (found, expected)) in found.iter().zip(&expected.values).enumerate() {
                        let same = (found - expected).abs() <= 1e-5 * (1.0 + expected.abs());
                        assert!(
                            same || found.to_bits() == expected.to_bits(),
                            "{found} instead of {expected} at {at}: {processor:?}, {:?}, {shape:?}",
                            program.steps
                        );
                    }
                }
            });
        }
    }
}

fn reference(op: &Op, inputs: &[&Constant], shape: &Shape) -> Vec<f32> {
    let x = inputs[0];
    let count: usize = shape.iter().product();
    // The place of output `at` along each axis, and the value of a tensor there; axes of length 1 are repeated.
    let place = |mut at: usize, shape: &[usize]| {
        let mut place = vec![0; shape.len()];
        for axis in (0..shape.len()).rev() {
            place[axis] = at % shape[axis];
            at /= shape[axis];
        }
        place
    };
    let value = |tensor: &Constant, place: &[usize]| {
        let at = place.iter().zip(&tensor.shape).fold(0, |at, (&place, &length)| at * length + place.min(length - 1));
        tensor.values[at]
    };
    let pixel = |tensor: &Constant, channel: usize, y: Option<usize>, x: Option<usize>| match (y, x) {
        (Some(y), Some(x)) if y < tensor.shape[2] && x < tensor.shape[3] => Some(value(tensor, &[0, channel, y, x])),
        _ => None,
    };
    (0..count)
        .map(|at| {
            let place = place(at, shape);
            match op {
                Op::Conv { strides, pads, depthwise, clamp } => {
                    let (weights, bias) = (inputs[1], inputs[2]);
                    let mut sum = f64::from(bias.values[place[1]]);
                    for depth in 0..weights.shape[1] {
                        for y in 0..weights.shape[2] {
                            for x_ in 0..weights.shape[3] {
                                let channel = if *depthwise { place[1] } else { depth };
                                let row = (place[2] * strides[0] + y).checked_sub(pads[0]);
                                let column = (place[3] * strides[1] + x_).checked_sub(pads[1]);
                                let weight = value(weights, &[place[1], depth, y, x_]);
                                sum += f64::from(pixel(x, channel, row, column).unwrap_or(0.0)) * f64::from(weight);
                            }
                        }
                    }
                    if let Some(added) = inputs.get(3) {
                        sum += f64::from(value(added, &place));
                    }
                    let sum = sum as f32;
                    clamp.map_or(sum, |[low, high]| sum.max(low).min(high))
                }
                Op::Pool { kind, kernel, strides, pads } => {
                    let mut cells = Vec::new();
                    for y in 0..kernel[0] {
                        for x_ in 0..kernel[1] {
                            let row = (place[2] * strides[0] + y).checked_sub(pads[0]);
                            let column = (place[3] * strides[1] + x_).checked_sub(pads[1]);
                            cells.extend(pixel(x, place[1], row, column));
                        }
                    }
                    match kind {
                        Pool::Max => cells.into_iter().fold(f32::NEG_INFINITY, f32::max),
                        Pool::Mean => cells.iter().sum::<f32>() / (kernel[0] * kernel[1]) as f32,
                    }
                }
                Op::Unary(function) => {
                    let x = x.values[at];
                    match function {
                        Unary::Abs => x.abs(),
                        Unary::Exp => x.exp(),
                        Unary::Floor => x.floor(),
                        Unary::Ln => x.ln(),
                        Unary::Recip => x.recip(),
                        Unary::Rsqrt => x.sqrt().recip(),
                        Unary::Sigmoid => 1.0 / (1.0 + (-x).exp()),
                        Unary::Sqrt => x.sqrt(),
                        Unary::Square => x * x,
                        Unary::Erf => erf(x.into()) as f32,
                        Unary::Tanh => f64::from(x).tanh() as f32,
                    }
                }
                Op::Binary(function) => {
                    let (a, b) = (value(x, &place), value(inputs[1], &place));
                    match function {
                        Binary::Add => a + b,
                        Binary::Sub => a - b,
                        Binary::Mul => a * b,
                        Binary::Div => a / b,
                        Binary::Max => a.max(b),
                        Binary::Min => a.min(b),
                    }
                }
                Op::Sum { axes } => {
                    let lengths: Shape =
                        (0..shape.len()).map(|axis| if axes.contains(&axis) { x.shape[axis] } else { 1 }).collect();
                    let cells: usize = lengths.iter().product();
                    (0..cells)
                        .map(|cell| {
                            let mut rest = cell;
                            let mut inner = place.clone();
                            for axis in (0..shape.len()).rev() {
                                inner[axis] += rest % lengths[axis];
                                rest /= lengths[axis];
                            }
                            f64::from(value(x, &inner))
                        })
                        .sum::<f64>() as f32
                }
                Op::MatMul => {
                    let rank = place.len();
                    (0..x.shape[rank - 1])
                        .map(|k| {
                            let (mut left, mut right) = (place.clone(), place.clone());
                            left[rank - 1] = k;
                            right[rank - 2] = k;
                            f64::from(value(x, &left)) * f64::from(value(inputs[1], &right))
                        })
                        .sum::<f64>() as f32
                }
                Op::Reshape(_) => x.values[at],
                Op::Broadcast(_) => value(x, &place),
                Op::Slice { axis, start, .. } => {
                    let mut from = place.clone();
                    from[*axis] += start;
                    value(x, &from)
                }
                Op::Concat { axis } => {
                    let mut from = place.clone();
                    let mut part = 0;
                    while from[*axis] >= inputs[part].shape[*axis] {
                        from[*axis] -= inputs[part].shape[*axis];
                        part += 1;
                    }
                    value(inputs[part], &from)
                }
                Op::Transpose { order } => {
                    let mut from = vec![0; place.len()];
                    for (&axis, &place) in order.iter().zip(&place) {
                        from[axis] = place;
                    }
                    value(x, &from)
                }
            }
        })
        .collect()
}

/// The Gauss error function by its series, exact enough below 4, from where on it is 1 to a few parts in a hundred million.
fn erf(x: f64) -> f64 {
    if x.abs() >= 4.0 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..100 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}

#[test]
fn whole_convolutions_are_those_of_the_reference() {
    programs::whole_convolutions(ROUNDS, check);
}

#[test]
fn a_picture_of_more_channels_than_the_cache_holds_is_convolved() {
    let channels = if cfg!(miri) { 100 } else { 81_000 };
    let values = |count: usize| (0..count).map(|at| ((at % 7) as f32 - 3.0) / 1024.0).collect();
    let tensor = |shape: &[usize]| Constant { shape: shape.to_vec(), values: values(shape.iter().product()) };
    let op = Op::Conv { strides: [1; 2], pads: [0; 4], depthwise: false, clamp: None };
    let input = tensor(&[1, channels, 4, 5]);
    check(&single(&input, vec![tensor(&[3, channels, 1, 1]), tensor(&[3])], op), &input);
}

#[test]
fn a_row_is_added_to_a_product_in_another_shape() {
    let mut random = programs::Random(8);
    for (from, to, row) in [([1, 6], [6, 1], 1), ([2, 6], [1, 12], 12), ([2, 16], [4, 8], 8)] {
        let input = random.tensor(&[from[0], 3]);
        let constants = vec![random.tensor(&[3, from[1]]), random.tensor(&[1, row])];
        let step = |op, inputs: [usize; 2]| Step { name: "it".to_string(), op, inputs: inputs.to_vec() };
        let reshape = Step { name: "it".to_string(), op: Op::Reshape(to.to_vec()), inputs: vec![3] };
        let steps = vec![step(Op::MatMul, [0, 1]), reshape, step(Op::Binary(Binary::Add), [4, 2])];
        let outputs = vec![("out".to_string(), 5)];
        check(&Program { onnx: String::new(), input: input.shape.clone(), constants, steps, outputs }, &input);
    }
}

/// What fills a block of channels may overflow where no channel does.
#[test]
fn lanes_that_only_fill_a_block_reach_no_output() {
    let number = |value: f32, axes: usize| Constant { shape: vec![1; axes], values: vec![value] };
    let constants = vec![number(3e38, 4), number(1.0, 4), number(0.0, 1)];
    let conv = |clamp| Op::Conv { strides: [1; 2], pads: [0; 4], depthwise: false, clamp };
    let step = |op, inputs: [usize; 3]| Step { name: "it".to_string(), op, inputs: inputs.to_vec() };
    let steps = vec![step(conv(None), [0, 1, 3]), step(conv(Some([0.0, 6.0])), [4, 2, 3]), step(conv(None), [5, 2, 3])];
    let outputs = vec![("out".to_string(), 6)];
    let input = number(1000.0, 4);
    check(&Program { onnx: String::new(), input: input.shape.clone(), constants, steps, outputs }, &input);
}

#[test]
fn a_pool_whose_windows_are_larger_than_any_picture_is_no_panic() {
    let far = 1 << (usize::BITS / 2 + 1);
    let input = Constant { shape: vec![1, 8, 1, 1], values: vec![2.0; 8] };
    let constants = vec![
        Constant { shape: vec![8, 8, 1, 1], values: vec![1.0; 64] },
        Constant { shape: vec![8], values: vec![0.0; 8] },
    ];
    for kind in [Pool::Max, Pool::Mean] {
        let pool = Op::Pool { kind, kernel: [far; 2], strides: [far; 2], pads: [far - 1; 4] };
        let conv = Op::Conv { strides: [1; 2], pads: [0; 4], depthwise: false, clamp: None };
        let steps = vec![
            Step { name: "it".to_string(), op: conv, inputs: vec![0, 1, 2] },
            Step { name: "it".to_string(), op: pool, inputs: vec![3] },
        ];
        let outputs = vec![("out".to_string(), 4)];
        let program =
            Program { onnx: String::new(), input: input.shape.clone(), constants: constants.clone(), steps, outputs };
        for processor in Processor::all() {
            // It may be refused; what is given is right.
            let Ok(executor) = Executor::new(&program, processor) else { continue };
            let expected = if kind == Pool::Max { 16.0 } else { 16.0 / (far as f32 * far as f32) };
            executor.run(&input.values, |outputs| assert_eq!(outputs[0].0[0], expected));
        }
    }
}

#[test]
fn depthwise_convolutions_are_those_of_the_reference() {
    programs::depthwise_convolutions(ROUNDS, check);
}

#[test]
fn what_is_done_element_by_element_is_that_of_the_reference() {
    programs::element_by_element(ROUNDS, check);
}

#[test]
fn sums_pools_and_copies_are_those_of_the_reference() {
    programs::sums_pools_and_copies(ROUNDS, check);
}

#[test]
fn products_are_those_of_the_reference_whichever_factor_has_zeros() {
    programs::products(ROUNDS, check);
}

#[test]
fn parts_of_networks_are_those_of_the_reference() {
    programs::parts_of_networks(ROUNDS.min(24), check);
}

#[test]
fn chains_of_steps_are_those_of_the_reference() {
    programs::chains(ROUNDS, check);
}

/// What is not a number reaches the output. Nothing hangs on it, for networks take no such input; but it shows what a kernel loses.
/// Relaxed SIMD leaves it to the processor: the compiler makes its minimum and maximum of ours.
#[cfg(not(target_feature = "relaxed-simd"))]
#[test]
fn what_is_not_a_number_stays_so() {
    for op in [
        Op::Unary(Unary::Exp),
        Op::Unary(Unary::Sigmoid),
        Op::Unary(Unary::Erf),
        Op::Unary(Unary::Tanh),
        Op::Pool { kind: Pool::Mean, kernel: [1, 1], strides: [1, 1], pads: [0; 4] },
        Op::Sum { axes: vec![3] },
    ] {
        let input = Constant { shape: vec![1, 1, 1, 9], values: vec![f32::NAN; 9] };
        let executor = Executor::new(&single(&input, vec![], op.clone()), Processor::best()).unwrap();
        executor.run(&input.values, |outputs| assert!(outputs[0].0.iter().all(|value| value.is_nan()), "{op:?}"));
    }
    for processor in Processor::all() {
        let input = Constant { shape: vec![1, 8, 4, 4], values: vec![f32::NAN; 128] };
        let weights = Constant { shape: vec![8, 8, 1, 1], values: vec![1.0; 64] };
        let bias = Constant { shape: vec![8], values: vec![0.0; 8] };
        let op = Op::Conv { strides: [1, 1], pads: [0; 4], depthwise: false, clamp: Some([0.0, 6.0]) };
        let executor = Executor::new(&single(&input, vec![weights, bias], op), processor).unwrap();
        executor
            .run(&input.values, |outputs| assert!(outputs[0].0.iter().all(|value| value.is_nan()), "{processor:?}"));
    }
}
