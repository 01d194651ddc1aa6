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

/// x P(x x) / Q(x x), as kernels::plain has it.
const ERF: &str = "clamp($0, -4.0, 4.0) * (((((((-2.7261422e-10f * min($0 * $0, 16.0) + 2.7706814e-8f) * min($0 * $0, 16.0) - 2.101024e-6f) * min($0 * $0, 16.0) - 5.6925065e-5f) * min($0 * $0, 16.0) - 7.349906e-4f) * min($0 * $0, 16.0) - 2.9545999e-3f) * min($0 * $0, 16.0)) - 1.6096033e-2f) / ((((-1.45660715e-5f * min($0 * $0, 16.0) - 2.1337405e-4f) * min($0 * $0, 16.0) - 1.682827e-3f) * min($0 * $0, 16.0) - 7.373329e-3f) * min($0 * $0, 16.0) - 1.4264739e-2f)";

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
        Unary::Erf => ERF,
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
