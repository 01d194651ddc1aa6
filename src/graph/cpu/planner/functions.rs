//! What is done element by element: each function in the layout that its inputs have.

use super::{Known, Planner, Planning, Tensor, is_blocks, pixels};
use crate::graph::cpu::kernels::fused::{Fused, Operand, Step};
use crate::graph::cpu::kernels::plain::{Repeat, Walk};
use crate::graph::cpu::plan::Kernel;
use crate::graph::program::{Binary, Op, Unary, count};

impl Planner<'_> {
    pub(super) fn unary(&mut self, function: Unary, input: usize, shape: &[usize]) -> Planning<Known> {
        let fused = Fused {
            steps: vec![Step::Unary(function, Operand::Input(0))],
            inputs: vec![Repeat { times: 1, inner: count(shape)? }],
        };
        let size = count(shape)?;
        // What lies in whole blocks may stay there.
        if self.known[input].blocked.is_some() && is_blocks(shape) {
            let x = self.blocked(input)?;
            return Ok(Known { blocked: Some(self.push(Kernel::Fused(fused), vec![x], size)), ..Known::default() });
        }
        if self.is_turned_alone(input) {
            let x = self.turned(input)?;
            return Ok(Known { turned: Some(self.push(Kernel::Fused(fused), vec![x], size)), ..Known::default() });
        }
        let x = self.plain(input)?;
        Ok(Known { plain: Some(self.push(Kernel::Fused(fused), vec![x], size)), ..Known::default() })
    }

    /// Whether a value is known with its last axis in whole blocks and in no other layout.
    fn is_turned_alone(&self, value: usize) -> bool {
        let last = self.shapes[value].last().copied().unwrap_or(0);
        matches!(self.known[value], Known { plain: None, blocked: None, turned: Some(_) }) && last.is_multiple_of(8)
    }

    pub(super) fn binary(&mut self, function: Binary, sides: [usize; 2], shape: &[usize]) -> Planning<Known> {
        let size = count(shape)?;
        if function == Binary::Add
            && let Some(known) = self.add_bias(sides, shape)
        {
            return Ok(known);
        }
        let numbers = sides.map(|side| self.number(side));
        let shapes = sides.map(|side| self.shapes[side].clone());
        let alike = shapes.clone().map(|side| side == shape);
        // One value for each channel of a picture.
        let by_channel = shapes.clone().map(|side| side.len() > 1 && side[..2] == shape[..2] && pixels(&side) == 1);
        let in_blocks = |at: usize| alike[at] && self.known[sides[at]].blocked.is_some();
        let fits = |at: usize| alike[at] || by_channel[at] || numbers[at].is_some();
        if is_blocks(shape) && (in_blocks(0) || in_blocks(1)) && fits(0) && fits(1) {
            let mut operands = Operands::default();
            for at in 0..2 {
                match numbers[at] {
                    Some(number) => operands.taken.push(Operand::Number(number)),
                    None => {
                        let times = if alike[at] { 1 } else { pixels(shape) };
                        let inner = if alike[at] { size } else { 8 };
                        operands.add(self.blocked(sides[at])?, Repeat { times, inner });
                    }
                }
            }
            let tensor = self.push_binary(function, operands, size);
            return Ok(Known { blocked: Some(tensor), ..Known::default() });
        }
        let rows = sides.map(|side| self.is_row(side, shape));
        let is_turned = |at: usize| alike[at] && self.is_turned_alone(sides[at]);
        let fits = |at: usize| alike[at] || rows[at] || numbers[at].is_some();
        if (is_turned(0) || is_turned(1)) && fits(0) && fits(1) {
            let mut operands = Operands::default();
            for at in 0..2 {
                match numbers[at] {
                    Some(number) => operands.taken.push(Operand::Number(number)),
                    None if alike[at] => operands.add(self.turned(sides[at])?, Repeat { times: 1, inner: size }),
                    None => {
                        let times = size / shape[shape.len() - 1];
                        operands.add(self.plain(sides[at])?, Repeat { times, inner: 8 });
                    }
                }
            }
            let tensor = self.push_binary(function, operands, size);
            return Ok(Known { turned: Some(tensor), ..Known::default() });
        }
        let mut operands = Operands::default();
        for at in 0..2 {
            if let Some(number) = numbers[at] {
                operands.taken.push(Operand::Number(number));
                continue;
            }
            let x = self.plain(sides[at])?;
            let walk = Walk::repeat(&shapes[at], shape);
            match walk.in_short() {
                Some(repeat) => operands.add(x, repeat),
                None => {
                    let whole = self.push(Kernel::Broadcast(walk), vec![x], size);
                    operands.add(whole, Repeat { times: 1, inner: size });
                }
            }
        }
        Ok(Known { plain: Some(self.push_binary(function, operands, size)), ..Known::default() })
    }

    fn push_binary(&mut self, function: Binary, operands: Operands, size: usize) -> Tensor {
        let Operands { taken, tensors, repeats } = operands;
        let steps = vec![Step::Binary(function, [taken[0], taken[1]])];
        self.push(Kernel::Fused(Fused { steps, inputs: repeats }), tensors, size)
    }

    /// Lets the product that gave one side take in the other, a constant row.
    fn add_bias(&mut self, sides: [usize; 2], shape: &[usize]) -> Option<Known> {
        for (own, other) in [(sides[0], sides[1]), (sides[1], sides[0])] {
            let known = self.known[own];
            let Some(Tensor::Step(at, _)) = known.plain.or(known.turned) else { continue };
            let Some(row) = self.program.constant(other).filter(|_| self.is_row(other, shape)) else { continue };
            if self.shapes[own] != shape || !self.is_product_for_one(own) {
                continue;
            }
            // Another shape may have other rows.
            if let Kernel::Dense { bias, weights, .. } = &mut self.steps[at].kernel
                && weights.outputs() == row.values.len()
            {
                bias.iter_mut().zip(&row.values).for_each(|(bias, value)| *bias += value);
                return Some(known);
            }
        }
        None
    }

    /// Whether a value is a product of matrices, perhaps in another shape, that is taken once.
    fn is_product_for_one(&self, value: usize) -> bool {
        let mut value = value;
        while self.takers[value].len() == 1 {
            let Some(at) = value.checked_sub(self.program.value_of(0)) else { return false };
            let step = &self.program.steps[at];
            match step.op {
                Op::MatMul => return true,
                Op::Reshape(_) => value = step.inputs[0],
                _ => return false,
            }
        }
        false
    }

    /// Whether a value is one row, for each row of such a shape.
    pub(super) fn is_row(&self, value: usize, shape: &[usize]) -> bool {
        let own = &self.shapes[value];
        own.last() == shape.last() && own.iter().rev().skip(1).all(|&length| length == 1)
    }

    /// The number that a constant is.
    pub(super) fn number(&self, value: usize) -> Option<f32> {
        match self.program.constant(value)?.values[..] {
            [number] => Some(number),
            _ => None,
        }
    }
}

/// The operands of a function, and the tensors among them.
#[derive(Default)]
struct Operands {
    taken: Vec<Operand>,
    tensors: Vec<Tensor>,
    repeats: Vec<Repeat>,
}

impl Operands {
    fn add(&mut self, tensor: Tensor, repeat: Repeat) {
        let known = self.tensors.iter().zip(&self.repeats).position(|known| known == (&tensor, &repeat));
        self.taken.push(Operand::Input(known.unwrap_or(self.tensors.len())));
        if known.is_none() {
            self.tensors.push(tensor);
            self.repeats.push(repeat);
        }
    }
}
