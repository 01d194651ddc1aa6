//! Elementwise arithmetic that is put off until a kernel can do it on the way: activations, residual sums, normalisations.

use super::view::View;
use crate::graph::program::{Binary, Unary};

/// What is computed of each element of the output.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// The value that the kernel itself has computed: a convolution's sum, say.
    Computed,
    /// An element of a tensor; the view has the output's shape.
    Load(View),
    Scalar(f32),
    /// WGSL in which `$0`, `$1` stand for the operands.
    Apply(&'static str, Vec<Expression>),
}

/// What [`unary`] calls beside what WGSL has.
pub const FUNCTIONS: &str = include_str!("shaders/functions.wgsl");

/// The WGSL of a function of one value.
pub fn unary(function: Unary) -> &'static str {
    match function {
        Unary::Abs => "abs($0)",
        Unary::Exp => "exp($0)",
        Unary::Floor => "floor($0)",
        Unary::Ln => "log($0)",
        Unary::Recip => "1.0 / $0",
        Unary::Rsqrt => "inverseSqrt($0)",
        Unary::Sigmoid => "1.0 / (1.0 + exp(-$0))",
        Unary::Sqrt => "sqrt($0)",
        Unary::Square => "$0 * $0",
        Unary::Erf => "erf($0)",
        // Some drivers take it for exp(x) / exp(x), which is no number far from 0.
        Unary::Tanh => "tanh(clamp($0, -9.0, 9.0))",
    }
}

/// The WGSL of a function of two values.
pub fn binary(function: Binary) -> &'static str {
    match function {
        Binary::Add => "$0 + $1",
        Binary::Sub => "$0 - $1",
        Binary::Mul => "$0 * $1",
        Binary::Div => "$0 / $1",
        Binary::Min => "min($0, $1)",
        Binary::Max => "max($0, $1)",
    }
}

impl Expression {
    /// The same with every view changed; `None` where one cannot be.
    pub fn with_views(&self, change: &impl Fn(&View) -> Option<View>) -> Option<Expression> {
        Some(match self {
            Expression::Load(view) => Expression::Load(change(view)?),
            Expression::Apply(code, operands) => {
                let operands = operands.iter().map(|operand| operand.with_views(change)).collect::<Option<_>>()?;
                Expression::Apply(code, operands)
            }
            other => other.clone(),
        })
    }

    /// Calls `f` with every view, from left to right.
    pub fn views(&self, f: &mut impl FnMut(&View)) {
        match self {
            Expression::Load(view) => f(view),
            Expression::Apply(_, operands) => operands.iter().for_each(|operand| operand.views(f)),
            Expression::Computed | Expression::Scalar(_) => {}
        }
    }
}
