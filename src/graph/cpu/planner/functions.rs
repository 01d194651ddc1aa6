//! What is done element by element: each function in the layout that its inputs have.

use super::{Known, Layout, Planner, Planning, Tensor, is_blocks, pixels};
use crate::graph::cpu::kernels::fused::{Function, Fused, Operand};
use crate::graph::cpu::kernels::plain::{Repeat, Walk};
use crate::graph::cpu::plan::Kernel;
use crate::graph::program::{Binary, Op, Unary, count};

impl Planner<'_> {
    pub(super) fn unary(&mut self, function: Unary, input: usize, shape: &[usize]) -> Planning<Known> {
        let (layout, size) = (self.layout(input), count(shape)?);
        let mut operands = Operands::default();
        operands.add(self.tensor(input, layout)?, Repeat { times: 1, inner: size });
        Ok(Known::of(layout, self.push_function(Function::Unary(function, operands.taken[0]), operands, size)))
    }

    pub(super) fn binary(&mut self, function: Binary, sides: [usize; 2], shape: &[usize]) -> Planning<Known> {
        if function == Binary::Add
            && let Some(known) = self.add_bias(sides, shape)
        {
            return Ok(known);
        }
        let in_blocks = [Layout::Blocked, Layout::Turned].into_iter().find(|&layout| self.stays(layout, sides, shape));
        let (layout, size) = (in_blocks.unwrap_or(Layout::Plain), count(shape)?);
        let mut operands = Operands::default();
        for side in sides {
            match self.number(side) {
                Some(number) => operands.taken.push(Operand::Number(number)),
                None => {
                    let (tensor, repeat) = self.operand(side, layout, shape, size)?;
                    operands.add(tensor, repeat);
                }
            }
        }
        let taken = [operands.taken[0], operands.taken[1]];
        Ok(Known::of(layout, self.push_function(Function::Binary(function, taken), operands, size)))
    }

    fn push_function(&mut self, function: Function, operands: Operands, size: usize) -> Tensor {
        let Operands { tensors, repeats, .. } = operands;
        self.push(Kernel::Fused(Fused { functions: vec![function], inputs: repeats }), tensors, size)
    }

    /// The layout in which functions take a value: what lies in whole blocks stays there.
    fn layout(&self, value: usize) -> Layout {
        let shape = &self.shapes[value];
        let Known { plain, blocked, turned } = self.known[value];
        if blocked.is_some() && is_blocks(shape) {
            Layout::Blocked
        } else if turned.is_some() && (plain, blocked) == (None, None) && shape.last().is_some_and(|last| last % 8 == 0)
        {
            Layout::Turned
        } else {
            Layout::Plain
        }
    }

    /// Whether what two sides give lies in these blocks: one of them does, and the other can be taken beside it.
    fn stays(&self, layout: Layout, sides: [usize; 2], shape: &[usize]) -> bool {
        let is_whole = |side: usize| self.shapes[side] == shape;
        let fits = |side: usize| match layout {
            Layout::Blocked => self.is_by_channel(side, shape),
            Layout::Turned => self.is_row(side, shape),
            Layout::Plain => true,
        };
        sides.into_iter().any(|side| is_whole(side) && self.layout(side) == layout)
            && sides.into_iter().all(|side| is_whole(side) || fits(side) || self.number(side).is_some())
    }

    /// A side of a function whose output has this layout and shape, and how it is repeated.
    fn operand(&mut self, side: usize, layout: Layout, shape: &[usize], size: usize) -> Planning<(Tensor, Repeat)> {
        let whole = Repeat { times: 1, inner: size };
        Ok(match layout {
            _ if self.shapes[side] == shape => (self.tensor(side, layout)?, whole),
            Layout::Blocked => (self.blocked(side)?, Repeat { times: pixels(shape), inner: 8 }),
            Layout::Turned => (self.plain(side)?, Repeat { times: size / shape[shape.len() - 1], inner: 8 }),
            Layout::Plain => {
                let x = self.plain(side)?;
                let walk = Walk::repeat(&self.shapes[side], shape);
                match walk.in_short() {
                    Some(repeat) => (x, repeat),
                    None => (self.push(Kernel::Broadcast(walk), vec![x], size), whole),
                }
            }
        })
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

    /// Whether a value is one number for each channel of such a picture.
    fn is_by_channel(&self, value: usize, shape: &[usize]) -> bool {
        let own = &self.shapes[value];
        own.len() > 1 && own[..2] == shape[..2] && pixels(own) == 1
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
