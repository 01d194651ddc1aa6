//! Every operator of a program, on the kernels of this runtime and by a reference that is as plain as can be, over random shapes and
//! values. Native (each processor) and wasm in a browser.

use lungglass::graph::executor::Executor;
use lungglass::graph::kernels::Processor;
use lungglass::graph::program::{Binary, Constant, Op, Pool, Program, Shape, Step, Unary};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// Rounds for each operator.
const ROUNDS: usize = if cfg!(miri) { 1 } else { 60 };

/// Numbers that are the same on every run (Marsaglia 2003, xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn within(&mut self, low: usize, high: usize) -> usize {
        low + (self.next() >> 11) as usize % (high - low + 1)
    }

    fn chance(&mut self) -> bool {
        self.within(0, 1) == 1
    }

    fn value(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    fn tensor(&mut self, shape: &[usize]) -> Constant {
        let count = shape.iter().product();
        Constant { shape: shape.to_vec(), values: (0..count).map(|_| self.value()).collect() }
    }
}

/// The input, constants, and one step over them.
fn single(input: &Constant, constants: Vec<Constant>, op: Op) -> Program {
    let inputs = (0..=constants.len()).collect();
    let output = constants.len() + 1;
    let step = Step { name: "it".to_string(), op, inputs };
    let outputs = vec![("out".to_string(), output)];
    Program { onnx: String::new(), input: input.shape.clone(), constants, steps: vec![step], outputs }
}

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
            }
        })
        .collect()
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn whole_convolutions_are_those_of_the_reference() {
    let mut random = Random(1);
    for _ in 0..ROUNDS {
        let [channels, filters] = [random.within(1, 40), random.within(1, 40)];
        let [h, w] = if random.chance() { [1, 1] } else { [random.within(1, 4), random.within(1, 4)] };
        let input = [1, channels, h + random.within(0, 12), w + random.within(0, 12)];
        let strides = [random.within(1, 3), random.within(1, 3)];
        let pads = [random.within(0, h - 1), random.within(0, w - 1), random.within(0, h - 1), random.within(0, w - 1)];
        let clamp = random.chance().then_some([-0.5, 1.5]);
        let op = Op::Conv { strides, pads, depthwise: false, clamp };
        let input = random.tensor(&input);
        let mut constants = vec![random.tensor(&[filters, channels, h, w]), random.tensor(&[filters])];
        if random.chance() {
            let shape = single(&input, constants.clone(), op.clone()).shapes().unwrap().pop().unwrap();
            constants.push(random.tensor(&shape));
        }
        check(&single(&input, constants, op), &input);
    }
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn depthwise_convolutions_are_those_of_the_reference() {
    let mut random = Random(2);
    for _ in 0..2 * ROUNDS {
        let channels = random.within(1, 20);
        let kernel = [3, 5][random.within(0, 1)];
        let stride = random.within(1, 2);
        let pads = [0; 4].map(|_| random.within(0, kernel - 1));
        // From pictures smaller than a window, which only their padding makes large enough, to several tiles.
        let least = |axis: usize| kernel.saturating_sub(pads[axis] + pads[axis + 2]).max(1);
        let input = [1, channels, least(0) + random.within(0, 20), least(1) + random.within(0, 20)];
        let input = random.tensor(&input);
        let constants = vec![random.tensor(&[channels, 1, kernel, kernel]), random.tensor(&[channels])];
        let clamp = random.chance().then_some([0.0, 6.0]);
        check(&single(&input, constants, Op::Conv { strides: [stride; 2], pads, depthwise: true, clamp }), &input);
    }
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn what_is_done_element_by_element_is_that_of_the_reference() {
    let mut random = Random(3);
    let binaries = [Binary::Add, Binary::Sub, Binary::Mul, Binary::Div, Binary::Max, Binary::Min];
    let unaries = [
        Unary::Abs,
        Unary::Exp,
        Unary::Floor,
        Unary::Ln,
        Unary::Recip,
        Unary::Rsqrt,
        Unary::Sigmoid,
        Unary::Sqrt,
        Unary::Square,
    ];
    for _ in 0..ROUNDS {
        let shape: Shape = (0..random.within(1, 5)).map(|_| random.within(1, 9)).collect();
        let some = |random: &mut Random| {
            shape.iter().map(|&length| if random.chance() { length } else { 1 }).collect::<Shape>()
        };
        let (from, other) = (some(&mut random), some(&mut random));
        let input = random.tensor(&from);
        for binary in binaries {
            let other = random.tensor(&other);
            check(&single(&input, vec![other], Op::Binary(binary)), &input);
        }
        for unary in unaries {
            let mut input = random.tensor(&shape);
            let large = [1.0, 20.0, 120.0][random.within(0, 2)];
            for value in &mut input.values {
                *value = match unary {
                    Unary::Ln | Unary::Rsqrt | Unary::Sqrt => value.abs() * large + 1e-3,
                    Unary::Recip => value.signum() * (value.abs() * large + 1e-2),
                    _ => *value * large,
                };
            }
            check(&single(&input, vec![], Op::Unary(unary)), &input);
        }
        check(&single(&input, vec![], Op::Broadcast(shape.clone())), &input);
    }
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn sums_pools_and_copies_are_those_of_the_reference() {
    let mut random = Random(4);
    for _ in 0..ROUNDS {
        let shape: Shape = (0..random.within(1, 4)).map(|_| random.within(1, 8)).collect();
        let input = random.tensor(&shape);
        let axes = (0..shape.len()).filter(|_| random.chance()).collect();
        check(&single(&input, vec![], Op::Sum { axes }), &input);
        let axis = random.within(0, shape.len() - 1);
        let start = random.within(0, shape[axis] - 1);
        let end = random.within(start + 1, shape[axis]);
        check(&single(&input, vec![], Op::Slice { axis, start, end }), &input);
        let mut other = shape.clone();
        other[axis] = random.within(1, 5);
        let others = vec![random.tensor(&other), random.tensor(&shape)];
        check(&single(&input, others, Op::Concat { axis }), &input);
        check(&single(&input, vec![], Op::Reshape(vec![input.values.len()])), &input);

        let kernel = [random.within(1, 5), random.within(1, 5)];
        let kind = [Pool::Max, Pool::Mean][random.within(0, 1)];
        let pads = match kind {
            Pool::Max => [0, 1, 2, 3].map(|side| random.within(0, kernel[side % 2] - 1)),
            Pool::Mean => [0; 4],
        };
        let strides = [random.within(1, 4), random.within(1, 4)];
        let input = [1, random.within(1, 10), kernel[0] + random.within(0, 9), kernel[1] + random.within(0, 9)];
        let input = random.tensor(&input);
        check(&single(&input, vec![], Op::Pool { kind, kernel, strides, pads }), &input);
    }
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn products_are_those_of_the_reference_whichever_factor_has_zeros() {
    let mut random = Random(5);
    for round in 0..ROUNDS {
        let [m, k, n] = [0; 3].map(|_| random.within(1, 30));
        let batch = if random.chance() { vec![random.within(1, 3)] } else { vec![] };
        let mut left = random.tensor(&[&batch[..], &[m, k]].concat());
        let mut right = random.tensor(&[&batch[..], &[k, n]].concat());
        let thinned = if round % 2 == 0 { &mut left } else { &mut right };
        thinned.values.iter_mut().for_each(|value| *value *= (random.within(0, 4) == 0) as u8 as f32);
        check(&single(&left.clone(), vec![right], Op::MatMul), &left);
    }
}

/// Layouts change between them: blocks of eight where convolutions are, plain elsewhere.
#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn chains_of_steps_are_those_of_the_reference() {
    let mut random = Random(6);
    for _ in 0..ROUNDS {
        let channels = [3, 8, 12, 16][random.within(0, 3)];
        let size = random.within(5, 14);
        let input = random.tensor(&[1, channels, size, size]);
        let constants = vec![
            random.tensor(&[channels, channels, 1, 1]),
            random.tensor(&[channels]),
            random.tensor(&[channels, 1, 3, 3]),
            // Of a sum over all pixels it makes a mean, about as large as everything else.
            Constant { shape: vec![1; 4], values: vec![0.01] },
        ];
        let [point, bias, window, scalar] = [1, 2, 3, 4];
        let first = 5;
        let whole = |clamp| Op::Conv { strides: [1; 2], pads: [0; 4], depthwise: false, clamp };
        let each = Op::Conv { strides: [1; 2], pads: [1; 4], depthwise: true, clamp: Some([0.0, 6.0]) };
        let steps = vec![
            (whole(Some([0.0, 6.0])), vec![0, point, bias]),
            (each, vec![first, window, bias]),
            (whole(None), vec![first + 1, point, bias, first]),
            (Op::Binary(Binary::Mul), vec![first + 2, first]),
            (Op::Binary(Binary::Sub), vec![first + 3, scalar]),
            (Op::Unary(Unary::Sigmoid), vec![first + 2]),
            (Op::Sum { axes: vec![2, 3] }, vec![first + 5]),
            (Op::Binary(Binary::Mul), vec![first + 6, scalar]),
            (Op::Binary(Binary::Add), vec![first + 7, first + 4]),
            (whole(None), vec![first + 8, point, bias]),
        ];
        let steps: Vec<Step> =
            steps.into_iter().map(|(op, inputs)| Step { name: "it".to_string(), op, inputs }).collect();
        let outputs = [2, 4, 7, 9].map(|step| (format!("out{step}"), first + step)).to_vec();
        check(&Program { onnx: String::new(), input: input.shape.clone(), constants, steps, outputs }, &input);
    }
}

/// What is not a number must reach the output, or a damaged slice would be judged.
#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn what_is_not_a_number_stays_so() {
    for op in [
        Op::Unary(Unary::Exp),
        Op::Unary(Unary::Sigmoid),
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
