//! Functions of each value, one after the other, a strip of values at a time: what they hand on stays in the first-level cache.

use super::functions::{self, Values};
use super::plain::Repeat;
use super::simd::{Vector, dispatch};
use super::{Processor, plain};
use crate::graph::program::{Binary, Unary};

/// Values of a strip.
const STRIP: usize = 512;
/// At most so many functions, and inputs.
pub const MAX_FUNCTIONS: usize = 12;
pub const MAX_INPUTS: usize = 8;

/// Functions whose last one gives the output; each before it is taken by one behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Fused {
    pub functions: Vec<Function>,
    /// How each input is repeated.
    pub inputs: Vec<Repeat>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Function {
    Unary(Unary, Operand),
    Binary(Binary, [Operand; 2]),
}

/// What a function takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Operand {
    Input(usize),
    /// Of an earlier function.
    Result(usize),
    /// The same for each value.
    Number(f32),
}

/// Memory of a strip for each function and each input that is repeated.
pub type Strips = Vec<[f32; STRIP]>;

/// Computes as many values as `out` has, from value `start` on, from at most [`MAX_INPUTS`] inputs.
pub fn fused(
    processor: Processor,
    fused: &Fused,
    inputs: &[&[f32]],
    start: usize,
    strips: &mut Strips,
    out: &mut [f32],
) {
    strips.resize(fused.functions.len() + inputs.len(), [0.0; STRIP]);
    dispatch!(processor, run(fused: &Fused, inputs: &[&[f32]], start: usize, strips: &mut Strips, out: &mut [f32]));
}

/// The same with `out` as the only input.
pub fn in_place(processor: Processor, functions: &Fused, strips: &mut Strips, out: &mut [f32]) {
    let mut copy = [0.0; STRIP];
    for out in out.chunks_mut(STRIP) {
        let copy = &mut copy[..out.len()];
        copy.copy_from_slice(out);
        fused(processor, functions, &[copy], 0, strips, out);
    }
}

#[inline(always)]
fn run<V: Vector>(fused: &Fused, inputs: &[&[f32]], first: usize, strips: &mut Strips, out: &mut [f32]) {
    let (repeated, results) = strips.split_at_mut(inputs.len());
    let mut spare = [0.0; STRIP];
    for (at, out) in out.chunks_mut(STRIP).enumerate() {
        let (start, length) = (first + at * STRIP, out.len());
        for ((repeat, input), strip) in fused.inputs.iter().zip(inputs).zip(repeated.iter_mut()) {
            if repeat.times > 1 {
                plain::repeated(*repeat, input, start, &mut strip[..length]);
            }
        }
        for (at, function) in fused.functions.iter().enumerate() {
            let (before, rest) = results.split_at_mut(at);
            let values = |operand: Operand| match operand {
                Operand::Number(number) => Values::All(number),
                Operand::Result(of) => Values::Each(&before[of][..length]),
                Operand::Input(of) if fused.inputs[of].times > 1 => Values::Each(&repeated[of][..length]),
                Operand::Input(of) => Values::Each(&inputs[of][start..][..length]),
            };
            let (Function::Unary(_, first) | Function::Binary(_, [first, _])) = *function;
            let first = match values(first) {
                Values::Each(values) => values,
                // A number in front is written out.
                Values::All(number) => {
                    spare.fill(number);
                    &spare[..length]
                }
            };
            let out = if at + 1 == fused.functions.len() { &mut out[..] } else { &mut rest[0][..length] };
            match *function {
                Function::Unary(function, _) => functions::unary::<V>(function, first, out),
                Function::Binary(function, [_, second]) => functions::binary::<V>(function, first, values(second), out),
            }
        }
    }
}
