//! Programs of each operator with random shapes and values, the same on every run. Every suite that runs programs gets them here.

use lungglass::graph::program::{Binary, Constant, Op, Pool, Program, Shape, Step, Unary};

/// Numbers that are the same on every run (Marsaglia 2003, xorshift).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn within(&mut self, low: usize, high: usize) -> usize {
        low + (self.next() >> 11) as usize % (high - low + 1)
    }

    pub fn chance(&mut self) -> bool {
        self.within(0, 1) == 1
    }

    pub fn value(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    pub fn tensor(&mut self, shape: &[usize]) -> Constant {
        let count = shape.iter().product();
        Constant { shape: shape.to_vec(), values: (0..count).map(|_| self.value()).collect() }
    }
}

/// The input, constants, and one step over them.
pub fn single(input: &Constant, constants: Vec<Constant>, op: Op) -> Program {
    let inputs = (0..=constants.len()).collect();
    let output = constants.len() + 1;
    let step = Step { name: "it".to_string(), op, inputs };
    let outputs = vec![("out".to_string(), output)];
    Program { onnx: String::new(), input: input.shape.clone(), constants, steps: vec![step], outputs }
}

/// Of all channels, with and without a clamp and a picture that is added.
pub fn whole_convolutions(rounds: usize, mut check: impl FnMut(&Program, &Constant)) {
    let mut random = Random(1);
    for _ in 0..rounds {
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

/// Of each channel by itself, with the windows that the CPU has kernels of their own for, and with any.
pub fn depthwise_convolutions(rounds: usize, mut check: impl FnMut(&Program, &Constant)) {
    let mut random = Random(2);
    for _ in 0..2 * rounds {
        let channels = random.within(1, 20);
        let (kernel, strides) = if random.within(0, 3) > 0 {
            ([[3, 5, 7][random.within(0, 2)]; 2], [random.within(1, 2); 2])
        } else {
            ([random.within(1, 9), random.within(1, 9)], [random.within(1, 3), random.within(1, 3)])
        };
        let pads = [0, 1, 2, 3].map(|side| random.within(0, kernel[side % 2] - 1));
        // From pictures smaller than a window, which only their padding makes large enough, to several tiles; one in two may be larger
        // than those that the kernel copies.
        let least = |axis: usize| kernel[axis].saturating_sub(pads[axis] + pads[axis + 2]).max(1);
        let most = [20, 60][random.within(0, 1)];
        let input = [1, channels, least(0) + random.within(0, most), least(1) + random.within(0, most)];
        let input = random.tensor(&input);
        let constants = vec![random.tensor(&[channels, 1, kernel[0], kernel[1]]), random.tensor(&[channels])];
        let clamp = random.chance().then_some([0.0, 6.0]);
        check(&single(&input, constants, Op::Conv { strides, pads, depthwise: true, clamp }), &input);
    }
}

/// Functions of one and two values, and axes that are repeated.
pub fn element_by_element(rounds: usize, mut check: impl FnMut(&Program, &Constant)) {
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
        Unary::Erf,
        Unary::Tanh,
    ];
    for _ in 0..rounds {
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

/// Sums, slices, concatenations, shapes, pools.
pub fn sums_pools_and_copies(rounds: usize, mut check: impl FnMut(&Program, &Constant)) {
    let mut random = Random(4);
    for _ in 0..rounds {
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
        let mut order: Vec<usize> = (0..shape.len()).collect();
        for axis in (1..shape.len()).rev() {
            order.swap(axis, random.within(0, axis));
        }
        check(&single(&input, vec![], Op::Transpose { order }), &input);

        let kernel = [random.within(1, 5), random.within(1, 5)];
        let kind = [Pool::Max, Pool::Mean][random.within(0, 1)];
        let pads = if random.chance() {
            [0, 1, 2, 3].map(|side| random.within(0, kernel[side % 2] - 1))
        } else {
            // Behind alone, where windows side by side may not reach to the end.
            [0, 0, random.within(0, kernel[0] - 1), random.within(0, kernel[1] - 1)]
        };
        let strides = if random.chance() { kernel } else { [random.within(1, 4), random.within(1, 4)] };
        let input = [1, random.within(1, 10), kernel[0] + random.within(0, 9), kernel[1] + random.within(0, 9)];
        let input = random.tensor(&input);
        check(&single(&input, vec![], Op::Pool { kind, kernel, strides, pads }), &input);
    }
}

/// Products of matrices of which one is nearly empty.
pub fn products(rounds: usize, mut check: impl FnMut(&Program, &Constant)) {
    let mut random = Random(5);
    for round in 0..rounds {
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
pub fn chains(rounds: usize, mut check: impl FnMut(&Program, &Constant)) {
    let mut random = Random(6);
    for _ in 0..rounds {
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

/// Parts of common networks, large enough to be done piece by piece: a picture scaled by channel and functions before and behind
/// convolutions, branches put together, a pool; and the rows of a matrix, normalised, through two products back into a picture.
pub fn parts_of_networks(rounds: usize, mut check: impl FnMut(&Program, &Constant)) {
    let mut random = Random(7);
    for round in 0..rounds {
        // Not always whole blocks.
        let channels = [8, 12, 16, 40][random.within(0, 3)];
        let wide = channels * random.within(1, 2);
        let size = if round % 8 == 0 { 44 } else { random.within(3, 9) };
        let input = random.tensor(&[1, channels, size, size]);
        let number = |value: f32| Constant { shape: vec![1; 4], values: vec![value] };
        // So that values stay as large as they are.
        let mut weights = |shape: &[usize], summed: usize| {
            let mut weights = random.tensor(shape);
            weights.values.iter_mut().for_each(|value| *value /= (summed as f32).sqrt());
            weights
        };
        let [square, point, first, second, joining] = [
            weights(&[channels, channels, 3, 3], 9 * channels),
            weights(&[channels, channels, 1, 1], channels),
            weights(&[1, 1, channels, wide], channels),
            weights(&[1, 1, wide, channels], wide),
            weights(&[channels, 2 * channels, 1, 1], 2 * channels),
        ];
        let constants = vec![
            square,
            random.tensor(&[channels]),
            point,
            first,
            random.tensor(&[1, 1, 1, wide]),
            second,
            random.tensor(&[1, 1, 1, channels]),
            random.tensor(&[1, channels, 1, 1]),
            number(0.5),
            number(1.0 / (size * size) as f32),
            number(1.0 / channels as f32),
            joining,
        ];
        let [square, bias, point, first, first_bias, second, second_bias, scale, half, mean, part, joining] =
            [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        let conv = |pads| Op::Conv { strides: [1; 2], pads: [pads; 4], depthwise: false, clamp: None };
        let (mul, add) = (Op::Binary(Binary::Mul), Op::Binary(Binary::Add));
        let mut steps: Vec<(Op, Vec<usize>)> = Vec::new();
        let mut step = |op: Op, inputs: &[usize]| {
            steps.push((op, inputs.to_vec()));
            constants.len() + steps.len()
        };
        // A function behind a convolution.
        let x = step(conv(1), &[0, square, bias]);
        let gate = step(Op::Unary(Unary::Sigmoid), &[x]);
        let active = step(mul.clone(), &[x, gate]);
        // Each channel by a number of its own, before a convolution.
        let sum = step(Op::Sum { axes: vec![2, 3] }, &[active]);
        let sum = step(mul.clone(), &[sum, mean]);
        let squeezed = step(conv(0), &[sum, point, bias]);
        let weight = step(Op::Unary(Unary::Tanh), &[squeezed]);
        let scaled = step(mul.clone(), &[active, weight]);
        let scaled = step(conv(0), &[scaled, point, bias]);
        let scaled = step(Op::Binary(Binary::Max), &[scaled, half]);
        // Branches side by side, with a function that both are taken by.
        let both = step(Op::Concat { axis: 1 }, &[active, scaled]);
        let shifted = step(add.clone(), &[both, half]);
        let joined = step(conv(0), &[shifted, joining, bias]);
        let kind = if random.chance() { Pool::Max } else { Pool::Mean };
        let pooled = step(Op::Pool { kind, kernel: [3; 2], strides: [1; 2], pads: [1; 4] }, &[joined]);
        // Pixels as the rows of a matrix.
        let rows = step(Op::Transpose { order: vec![0, 2, 3, 1] }, &[pooled]);
        let total = step(Op::Sum { axes: vec![3] }, &[rows]);
        let middle = step(mul.clone(), &[total, part]);
        let centred = step(Op::Binary(Binary::Sub), &[rows, middle]);
        let flat = step(Op::Reshape(vec![1, 1, size * size, channels]), &[centred]);
        let hidden = step(Op::MatMul, &[flat, first]);
        let hidden = step(add.clone(), &[hidden, first_bias]);
        let bent = step(Op::Unary(Unary::Erf), &[hidden]);
        let bent = step(add.clone(), &[bent, half]);
        let bent = step(mul.clone(), &[hidden, bent]);
        let back = step(Op::MatMul, &[bent, second]);
        let back = step(add.clone(), &[second_bias, back]);
        let back = step(mul.clone(), &[back, second_bias]);
        let pixels = step(Op::Reshape(vec![1, size, size, channels]), &[back]);
        let picture = step(Op::Transpose { order: vec![0, 3, 1, 2] }, &[pixels]);
        let picture = step(mul.clone(), &[picture, scale]);
        let out = step(add, &[picture, active]);
        // What others take too, at random.
        let mut seen = vec![out];
        if random.chance() {
            seen.extend([x, hidden, back, shifted]);
        }
        let steps: Vec<Step> =
            steps.into_iter().map(|(op, inputs)| Step { name: "it".to_string(), op, inputs }).collect();
        let outputs = seen.into_iter().map(|value| (format!("out{value}"), value)).collect();
        check(&Program { onnx: String::new(), input: input.shape.clone(), constants, steps, outputs }, &input);
    }
}
