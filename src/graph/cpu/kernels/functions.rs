//! Functions of one value and of two, in loops that the compiler makes vectors of: nothing in them branches.

use super::simd::Vector;
use crate::graph::program::{Binary, Unary};

/// `out[i] = function(x[i])`. The compiler makes vectors of it where the processor of `V` can round in them: that of every x86-64 cannot.
#[inline(always)]
pub fn unary<V: Vector>(function: Unary, x: &[f32], out: &mut [f32]) {
    #[inline(always)]
    fn each(x: &[f32], out: &mut [f32], function: impl Fn(f32) -> f32) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = function(x);
        }
    }
    match function {
        Unary::Abs => each(x, out, f32::abs),
        Unary::Exp => each(x, out, exp::<V>),
        Unary::Floor => each(x, out, f32::floor),
        Unary::Ln => each(x, out, f32::ln),
        Unary::Recip => each(x, out, |x| 1.0 / x),
        Unary::Rsqrt => each(x, out, |x| 1.0 / x.sqrt()),
        Unary::Sigmoid => each(x, out, |x| 1.0 / (1.0 + exp::<V>(-x))),
        Unary::Sqrt => each(x, out, f32::sqrt),
        Unary::Square => each(x, out, |x| x * x),
        Unary::Erf => each(x, out, erf::<V>),
        Unary::Tanh => each(x, out, tanh::<V>),
    }
}

/// A value for each place, or one for all.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    Each(&'a [f32]),
    All(f32),
}

/// `out[i] = a[i] function b[i]`.
#[inline(always)]
pub fn binary<V: Vector>(function: Binary, a: &[f32], b: Values, out: &mut [f32]) {
    #[inline(always)]
    fn each(a: &[f32], b: Values, out: &mut [f32], function: impl Fn(f32, f32) -> f32) {
        match b {
            Values::Each(b) => {
                for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
                    *out = function(a, b);
                }
            }
            Values::All(b) => {
                for (out, &a) in out.iter_mut().zip(a) {
                    *out = function(a, b);
                }
            }
        }
    }
    match function {
        Binary::Add => each(a, b, out, |a, b| a + b),
        Binary::Sub => each(a, b, out, |a, b| a - b),
        Binary::Mul => each(a, b, out, |a, b| a * b),
        Binary::Div => each(a, b, out, |a, b| a / b),
        Binary::Max => each(a, b, out, max),
        Binary::Min => each(a, b, out, min),
    }
}

/// Of two of which one is not a number, the first: what is not a number must not get lost on its way through a clamp.
#[inline(always)]
pub fn max(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// As [`max`].
#[inline(always)]
pub fn min(a: f32, b: f32) -> f32 {
    if b < a { b } else { a }
}

/// `a * b + c`, in one instruction where there is one.
#[inline(always)]
fn mul_add<V: Vector>(a: f32, b: f32, c: f32) -> f32 {
    if V::FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// The Gauss error function, at most 3e-7 off, without a branch: x P(x x) / Q(x x), with the coefficients of Eigen and XLA. From 4 on it is 1
/// to the last bit.
#[inline(always)]
fn erf<V: Vector>(x: f32) -> f32 {
    const P: [f32; 7] =
        [-2.726_142e-10, 2.770_681_4e-8, -2.101_024e-6, -5.692_506_5e-5, -7.349_906e-4, -2.954_6e-3, -1.609_603_3e-2];
    const Q: [f32; 5] = [-1.456_607_15e-5, -2.133_740_5e-4, -1.682_827e-3, -7.373_329e-3, -1.426_473_9e-2];
    let x = x.clamp(-4.0, 4.0);
    let square = x * x;
    let sum = |coefficients: &[f32]| {
        coefficients.iter().fold(0.0, |sum, &coefficient| mul_add::<V>(sum, square, coefficient))
    };
    x * sum(&P) / sum(&Q)
}

/// The hyperbolic tangent, at most 2e-7 off, without a branch.
#[inline(always)]
fn tanh<V: Vector>(x: f32) -> f32 {
    let power = exp::<V>(-2.0 * x.abs());
    ((1.0 - power) / (1.0 + power)).copysign(x)
}

/// e to the x, at most 2 units in the last place off, without a branch, so that the compiler makes vectors of it. After Cody and Waite
/// (1980): x = n ln 2 + r, and e^r by a polynomial (coefficients of Cephes' expf).
#[inline(always)]
fn exp<V: Vector>(x: f32) -> f32 {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // Beyond these the result is infinite, or too small for a normal number and taken for 0.
    let within = x.clamp(-87.3, 88.7);
    let n = mul_add::<V>(within, std::f32::consts::LOG2_E, 0.5).floor();
    let r = mul_add::<V>(n, -LN2_LOW, mul_add::<V>(n, -LN2_HIGH, within));
    let mut sum = 1.987_569_1e-4;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        sum = mul_add::<V>(sum, r, coefficient);
    }
    let power = mul_add::<V>(sum * r, r, r) + 1.0;
    // In two factors: 2^128 alone would not fit.
    let half = (n * 0.5).floor();
    // 1.5 * 2^23 leaves whole numbers in the last bits of a sum; 127 is the exponent's bias. A conversion that saturates would cost more than all else.
    let scale = |n: f32| f32::from_bits((n + (12_582_912.0 + 127.0)).to_bits() << 23);
    let value = power * scale(half) * scale(n - half);
    if x > 88.722_84 {
        f32::INFINITY
    } else if x < -87.3 {
        0.0
    } else {
        value
    }
}
