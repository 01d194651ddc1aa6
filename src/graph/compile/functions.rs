//! Functions of each value and of rows of values, said in those that a program has: activations, softmax, reductions.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{OutletId, bail};
use tract_onnx::tract_core::ops::element_wise::{ElementWiseMiniOp, ElementWiseOp};
use tract_onnx::tract_core::ops::math::PowConst;
use tract_onnx::tract_core::ops::nn::gelu_approximate::GeluApproximate;
use tract_onnx::tract_core::ops::nn::{LeakyRelu, Reduce, Reducer, Softmax, SoftmaxKind};

use super::{Lowering, Value};
use crate::graph::program::{Binary, Op, Pool, Unary};

impl Lowering<'_> {
    /// A function of one value.
    pub(super) fn unary(&mut self, node: &TypedNode, op: &ElementWiseOp, x: Value) -> TractResult<Value> {
        let op: &dyn ElementWiseMiniOp = &*op.0;
        let known = match &*op.name() {
            "Abs" => Unary::Abs,
            "Erf" => Unary::Erf,
            "Exp" => Unary::Exp,
            "Floor" => Unary::Floor,
            "Ln" => Unary::Ln,
            "Recip" => Unary::Recip,
            "Rsqrt" => Unary::Rsqrt,
            "Sigmoid" => Unary::Sigmoid,
            "Sqrt" => Unary::Sqrt,
            "Square" => Unary::Square,
            "Tanh" => Unary::Tanh,
            _ => return self.composed(node, op, x),
        };
        Ok(self.apply(node, known, x))
    }

    /// A function of one value that a program says in several steps.
    fn composed(&mut self, node: &TypedNode, op: &dyn ElementWiseMiniOp, x: Value) -> TractResult<Value> {
        let rank = self.shape(node.inputs[0])?.len();
        if let Some(LeakyRelu { alpha }) = op.downcast_ref::<LeakyRelu>() {
            let above = self.with(node, rank, Binary::Max, x, 0.0);
            let below = self.with(node, rank, Binary::Min, x, 0.0);
            let below = self.with(node, rank, Binary::Mul, below, *alpha);
            return Ok(self.join(node, Binary::Add, above, below));
        }
        if let Some(PowConst { exponent }) = op.downcast_ref::<PowConst>() {
            return self.power(node, *exponent, x);
        }
        if let Some(GeluApproximate { fast_impl }) = op.downcast_ref::<GeluApproximate>() {
            // Hendrycks and Gimpel 2016, the form with tanh.
            let power = self.power(node, if *fast_impl { 2.0 } else { 3.0 }, x)?;
            let power = self.with(node, rank, Binary::Mul, power, 0.044_715);
            let inner = self.join(node, Binary::Add, x, power);
            let inner = self.with(node, rank, Binary::Mul, inner, (2.0 / std::f32::consts::PI).sqrt());
            let tanh = self.apply(node, Unary::Tanh, inner);
            return Ok(self.gelu(node, rank, x, tanh));
        }
        Ok(match &*op.name() {
            "Neg" => self.with(node, rank, Binary::Mul, x, -1.0),
            "Not" => self.reversed(node, rank, x),
            "Sign" => {
                let steep = self.with(node, rank, Binary::Mul, x, f32::MAX);
                let least = self.with(node, rank, Binary::Max, steep, -1.0);
                self.with(node, rank, Binary::Min, least, 1.0)
            }
            "Ceil" => {
                let negative = self.with(node, rank, Binary::Mul, x, -1.0);
                let floor = self.apply(node, Unary::Floor, negative);
                self.with(node, rank, Binary::Mul, floor, -1.0)
            }
            // x clamp(x / 6 + 1/2, 0, 1) (Howard et al. 2019)
            "HardSwish" => {
                let line = self.with(node, rank, Binary::Mul, x, 1.0 / 6.0);
                let line = self.with(node, rank, Binary::Add, line, 0.5);
                let line = self.with(node, rank, Binary::Max, line, 0.0);
                let gate = self.with(node, rank, Binary::Min, line, 1.0);
                self.join(node, Binary::Mul, x, gate)
            }
            "Silu" => {
                let gate = self.apply(node, Unary::Sigmoid, x);
                self.join(node, Binary::Mul, x, gate)
            }
            "GeluExact" => {
                let scaled = self.with(node, rank, Binary::Mul, x, std::f32::consts::FRAC_1_SQRT_2);
                let erf = self.apply(node, Unary::Erf, scaled);
                self.gelu(node, rank, x, erf)
            }
            _ => bail!("this function is not supported"),
        })
    }

    /// x / 2 (1 + `gate`).
    fn gelu(&mut self, node: &TypedNode, rank: usize, x: Value, gate: Value) -> Value {
        let gate = self.with(node, rank, Binary::Add, gate, 1.0);
        let half = self.with(node, rank, Binary::Mul, x, 0.5);
        self.join(node, Binary::Mul, half, gate)
    }

    /// x to a constant power: by products where it is a whole number, else as e^(exponent ln x), which no negative x has.
    pub(super) fn power(&mut self, node: &TypedNode, exponent: f32, x: Value) -> TractResult<Value> {
        Ok(match exponent {
            1.0 => x,
            0.5 => self.apply(node, Unary::Sqrt, x),
            -0.5 => self.apply(node, Unary::Rsqrt, x),
            _ if exponent < 0.0 => {
                let power = self.power(node, -exponent, x)?;
                self.apply(node, Unary::Recip, power)
            }
            _ if exponent.fract() == 0.0 && exponent >= 2.0 => {
                let half = self.power(node, (exponent / 2.0).floor(), x)?;
                let square = self.apply(node, Unary::Square, half);
                if exponent % 2.0 == 0.0 { square } else { self.join(node, Binary::Mul, square, x) }
            }
            _ if exponent > 0.0 => {
                let rank = self.shape(node.inputs[0])?.len();
                let logarithm = self.apply(node, Unary::Ln, x);
                let scaled = self.with(node, rank, Binary::Mul, logarithm, exponent);
                self.apply(node, Unary::Exp, scaled)
            }
            _ => bail!("powers of {exponent} are not supported"),
        })
    }

    /// Shares of each row (Bridle 1990), or their logarithms. The greatest is taken off first, so that no power is infinite.
    pub(super) fn softmax(&mut self, node: &TypedNode, softmax: &Softmax, x: Value) -> TractResult<Value> {
        let greatest = self.greatest(node, &softmax.axes, x)?;
        let shifted = self.join(node, Binary::Sub, x, greatest);
        let powers = self.apply(node, Unary::Exp, shifted);
        let sum = self.push(&node.name, Op::Sum { axes: softmax.axes.to_vec() }, vec![powers]);
        Ok(match softmax.kind {
            SoftmaxKind::Softmax => self.join(node, Binary::Div, powers, sum),
            SoftmaxKind::LogSoftmax => {
                let sum = self.apply(node, Unary::Ln, sum);
                self.join(node, Binary::Sub, shifted, sum)
            }
        })
    }

    /// Sums, means of squares, maxima and minima over axes, which stay with length 1.
    pub(super) fn reduce(&mut self, node: &TypedNode, reduce: &Reduce, x: Value) -> TractResult<Value> {
        let shape = self.shape(node.inputs[0])?;
        let (rank, axes) = (shape.len(), reduce.axes.to_vec());
        Ok(match reduce.reducer {
            Reducer::Sum => self.push(&node.name, Op::Sum { axes }, vec![x]),
            Reducer::MeanOfSquares => {
                let count: usize = axes.iter().map(|&axis| shape[axis]).product();
                let squares = self.apply(node, Unary::Square, x);
                let sum = self.push(&node.name, Op::Sum { axes }, vec![squares]);
                self.with(node, rank, Binary::Mul, sum, 1.0 / count as f32)
            }
            Reducer::Max => self.greatest(node, &axes, x)?,
            Reducer::Min => {
                let negative = self.with(node, rank, Binary::Mul, x, -1.0);
                let greatest = self.greatest(node, &axes, negative)?;
                self.with(node, rank, Binary::Mul, greatest, -1.0)
            }
            other => bail!("only sums, means, maxima and minima are supported, not {other:?}"),
        })
    }

    /// The maximum over each axis, which stays with length 1: a pool over that axis alone.
    fn greatest(&mut self, node: &TypedNode, axes: &[usize], x: Value) -> TractResult<Value> {
        let mut shape = self.shape(node.inputs[0])?;
        let mut value = x;
        for &axis in axes {
            let length = std::mem::replace(&mut shape[axis], 1);
            let [outer, inner] = [&shape[..axis], &shape[axis + 1..]].map(|part| part.iter().product());
            let rows = self.reshape(&node.name, value, vec![1, outer, length, inner]);
            let pool = Op::Pool { kind: Pool::Max, kernel: [length, 1], strides: [length, 1], pads: [0; 4] };
            let pooled = self.push(&node.name, pool, vec![rows]);
            value = self.reshape(&node.name, pooled, shape.clone());
        }
        Ok(value)
    }

    /// A function of two values that a program says in several steps.
    pub(super) fn binary_composed(
        &mut self,
        node: &TypedNode,
        name: &str,
        inputs: &[Value],
    ) -> TractResult<Option<Value>> {
        Ok(match (name, inputs) {
            ("Pow", &[x, Value::Constant(exponent)]) => match self.constants[exponent].values[..] {
                [exponent] => Some(self.power(node, exponent, x)?),
                _ => bail!("powers whose exponents differ are not supported"),
            },
            ("LT" | "GTE", &[a, b]) => Some(self.above(node, b, a, name == "GTE")),
            ("GT" | "LTE", &[a, b]) => Some(self.above(node, a, b, name == "LTE")),
            ("Eq" | "NE", &[a, b]) => {
                let difference = self.join(node, Binary::Sub, a, b);
                let mask = self.differs(node, difference)?;
                let rank = self.shape(OutletId::new(node.id, 0))?.len();
                Some(if name == "Eq" { self.reversed(node, rank, mask) } else { mask })
            }
            ("And", &[a, b]) => Some(self.join(node, Binary::Min, a, b)),
            ("Or", &[a, b]) => Some(self.join(node, Binary::Max, a, b)),
            _ => None,
        })
    }

    /// 1 where a > b, else 0; or the other way round. A difference too small for a normal number counts for a part.
    fn above(&mut self, node: &TypedNode, a: Value, b: Value, reversed: bool) -> Value {
        let rank = self.shape(OutletId::new(node.id, 0)).map_or(0, |shape| shape.len());
        let difference = self.join(node, Binary::Sub, a, b);
        let steep = self.with(node, rank, Binary::Mul, difference, f32::MAX);
        let above = self.with(node, rank, Binary::Max, steep, 0.0);
        let mask = self.with(node, rank, Binary::Min, above, 1.0);
        if reversed { self.reversed(node, rank, mask) } else { mask }
    }

    /// 1 where a value is not 0, else 0; one too small for a normal number counts for a part.
    pub(super) fn differs(&mut self, node: &TypedNode, x: Value) -> TractResult<Value> {
        let rank = self.shape(OutletId::new(node.id, 0))?.len();
        let distance = self.apply(node, Unary::Abs, x);
        let steep = self.with(node, rank, Binary::Mul, distance, f32::MAX);
        Ok(self.with(node, rank, Binary::Min, steep, 1.0))
    }

    /// 1 - `mask`.
    fn reversed(&mut self, node: &TypedNode, rank: usize, mask: Value) -> Value {
        let negative = self.with(node, rank, Binary::Mul, mask, -1.0);
        self.with(node, rank, Binary::Add, negative, 1.0)
    }

    /// `chosen` where the mask is 1, `otherwise` where it is 0. What is not chosen may be infinite.
    pub(super) fn choice(
        &mut self,
        node: &TypedNode,
        mask: Value,
        chosen: Value,
        otherwise: Value,
    ) -> TractResult<Value> {
        let rank = self.shape(OutletId::new(node.id, 0))?.len();
        let reversed = self.reversed(node, rank, mask);
        let mut part = |value: Value, mask: Value| {
            let finite = self.with(node, rank, Binary::Min, value, f32::MAX);
            let finite = self.with(node, rank, Binary::Max, finite, f32::MIN);
            self.join(node, Binary::Mul, finite, mask)
        };
        let (chosen, otherwise) = (part(chosen, mask), part(otherwise, reversed));
        Ok(self.join(node, Binary::Add, chosen, otherwise))
    }

    pub(super) fn apply(&mut self, node: &TypedNode, function: Unary, x: Value) -> Value {
        self.push(&node.name, Op::Unary(function), vec![x])
    }

    /// `x` of `rank` axes and the same constant everywhere.
    pub(super) fn with(&mut self, node: &TypedNode, rank: usize, function: Binary, x: Value, constant: f32) -> Value {
        let constant = self.add_constant(vec![1; rank], vec![constant]);
        self.join(node, function, x, constant)
    }

    pub(super) fn join(&mut self, node: &TypedNode, function: Binary, a: Value, b: Value) -> Value {
        self.push(&node.name, Op::Binary(function), vec![a, b])
    }
}
