//! Elementwise arithmetic that is put off until a kernel can do it on the way: activations, residual sums, normalisations.

use super::view::View;

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

/// The WGSL of an operator on one value, by tract's name for it.
pub fn unary(name: &str) -> Option<&'static str> {
    Some(match name {
        "Abs" => "abs($0)",
        "Ceil" => "ceil($0)",
        "Exp" => "exp($0)",
        "Floor" => "floor($0)",
        "Ln" => "log($0)",
        "Neg" => "-($0)",
        "Recip" => "1.0 / $0",
        "RoundHalfToEven" => "round($0)",
        "Rsqrt" => "inverseSqrt($0)",
        "Sigmoid" => "1.0 / (1.0 + exp(-$0))",
        "Sign" => "sign($0)",
        "Sqrt" => "sqrt($0)",
        "Square" => "$0 * $0",
        // Beyond 10 it is 1 to the last bit, and some drivers overflow.
        "Tanh" => "tanh(clamp($0, -10.0, 10.0))",
        "HardSwish" => "$0 * clamp($0 / 6.0 + 0.5, 0.0, 1.0)",
        _ => return None,
    })
}

/// The WGSL of an operator on two values, by tract's name for it.
pub fn binary(name: &str) -> Option<&'static str> {
    Some(match name {
        "Add" => "$0 + $1",
        "Sub" => "$0 - $1",
        "SubF" => "$1 - $0",
        "Mul" => "$0 * $1",
        "Div" => "$0 / $1",
        "Min" => "min($0, $1)",
        "Max" => "max($0, $1)",
        _ => return None,
    })
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
