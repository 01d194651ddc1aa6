//! Steps of a plan before they have buffers, and what of them becomes one.

use crate::graph::cpu::kernels::dense::Grid;
use crate::graph::cpu::kernels::fused::{Function, Fused, MAX_FUNCTIONS, MAX_INPUTS, Operand};
use crate::graph::cpu::kernels::plain::Repeat;
use crate::graph::cpu::plan::Kernel;

/// A tensor while the buffers are not yet given out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tensor {
    Input(usize),
    Constant(usize),
    /// What a draft gives: its place, and how many values.
    Step(usize, usize),
}

/// One call of a kernel.
pub struct Draft {
    pub kernel: Kernel,
    pub inputs: Vec<Tensor>,
    /// Values that it gives.
    pub size: usize,
    /// The step of the program that it belongs to.
    pub source: usize,
}

/// Lets functions that work element by element take in those whose results they alone take; and products those behind and before them.
pub fn fuse(drafts: Vec<Draft>, outputs: &mut [Tensor]) -> Vec<Draft> {
    let mut fusion = Fusion::new(drafts, outputs);
    // From the last on: what takes a function has taken in by then all that it can.
    (0..fusion.kept.len()).rev().for_each(|at| fusion.join(at));
    (0..fusion.kept.len()).for_each(|at| fusion.put_behind(at));
    (0..fusion.kept.len()).for_each(|at| fusion.put_before(at));
    fusion.finish(outputs)
}

/// Drafts while some of them are taken in by others, by their places before.
struct Fusion {
    /// `None` for what has been taken in.
    kept: Vec<Option<Draft>>,
    /// Which drafts take each; [`OUTPUT`] stands for an output of the network.
    takers: Vec<Vec<usize>>,
    /// The function that has taken in each, itself where none has.
    root_of: Vec<usize>,
    /// The draft that gives what each would have given.
    same_as: Vec<usize>,
}

/// No draft stands there.
const OUTPUT: usize = usize::MAX;

impl Fusion {
    fn new(drafts: Vec<Draft>, outputs: &[Tensor]) -> Fusion {
        let mut takers = vec![Vec::new(); drafts.len()];
        let inputs =
            drafts.iter().enumerate().flat_map(|(at, draft)| draft.inputs.iter().map(move |input| (at, input)));
        for (at, tensor) in inputs.chain(outputs.iter().map(|output| (OUTPUT, output))) {
            if let Tensor::Step(of, _) = *tensor {
                takers[of].push(at);
            }
        }
        let places: Vec<usize> = (0..drafts.len()).collect();
        Fusion { kept: drafts.into_iter().map(Some).collect(), takers, root_of: places.clone(), same_as: places }
    }

    /// The only function that takes what `at` gives, itself or with what it has taken in.
    fn only_root(&self, at: usize) -> Option<usize> {
        let root = |taker: usize| self.root_of.get(taker).copied();
        let first = root(*self.takers[at].first()?)?;
        self.takers[at].iter().all(|&taker| root(taker) == Some(first)).then_some(first)
    }

    /// Puts function `at` in front of the only one that takes it.
    fn join(&mut self, at: usize) {
        let Some(root) = self.only_root(at) else { return };
        let (before, behind) = self.kept.split_at_mut(root);
        let (Some(own), Some(other)) = (&before[at], &mut behind[0]) else { return };
        if let Some(joined) = joined(own, other, at) {
            *other = joined;
            self.kept[at] = None;
            self.root_of[at] = root;
        }
    }

    /// Lets the product whose only input `at` takes do what `at` does.
    fn put_behind(&mut self, at: usize) {
        let Some(Draft { kernel: Kernel::Fused(functions), inputs, size, .. }) = &self.kept[at] else { return };
        let (&[Tensor::Step(of, _)], &[Repeat { times: 1, .. }]) = (&inputs[..], &functions.inputs[..]) else { return };
        if self.only_root(of) != Some(at) {
            return;
        }
        let (functions, size) = (functions.clone(), *size);
        if let Some(Draft { kernel: Kernel::Dense { then: then @ None, .. }, size: given, .. }) = &mut self.kept[of]
            && *given == size
        {
            *then = Some(functions);
            self.kept[at] = None;
            self.same_as[at] = of;
        }
    }

    /// Lets the product that alone takes what `at` gives make it, pixel by pixel.
    fn put_before(&mut self, at: usize) {
        let &[taker] = &self.takers[at][..] else { return };
        let Some(Draft { kernel: Kernel::Fused(functions), inputs, size, .. }) = &self.kept[at] else { return };
        let (functions, made, size) = (functions.clone(), inputs.clone(), *size);
        let Some(Some(Draft { kernel, inputs, .. })) = self.kept.get_mut(taker) else { return };
        if let Kernel::Dense { before: before @ None, channels, grid, .. } = kernel
            && *grid == Grid::of_pixels(grid.plane)
            && size == *channels * grid.plane
            && matches!(inputs[0], Tensor::Step(of, _) if of == at)
            && made.len() < MAX_INPUTS
        {
            *before = Some(functions);
            inputs.splice(..1, made);
            self.kept[at] = None;
        }
    }

    /// The drafts that are left, which name each other by their new places.
    fn finish(self, outputs: &mut [Tensor]) -> Vec<Draft> {
        let mut next = 0;
        let mut place = |draft: &Option<Draft>| {
            next += usize::from(draft.is_some());
            next.saturating_sub(1)
        };
        let places: Vec<usize> = self.kept.iter().map(&mut place).collect();
        let mut drafts: Vec<Draft> = self.kept.into_iter().flatten().collect();
        for input in drafts.iter_mut().flat_map(|draft| &mut draft.inputs).chain(outputs) {
            if let Tensor::Step(of, _) = input {
                *of = places[self.same_as[*of]];
            }
        }
        drafts
    }
}

/// `other`, which takes what `own`, step `at`, gives, with its functions in front.
fn joined(own: &Draft, other: &Draft, at: usize) -> Option<Draft> {
    let (Kernel::Fused(first), Kernel::Fused(second)) = (&own.kernel, &other.kernel) else { return None };
    if own.size != other.size || first.functions.len() + second.functions.len() > MAX_FUNCTIONS {
        return None;
    }
    let mut inputs = own.inputs.clone();
    let mut repeats = first.inputs.clone();
    let last = first.functions.len() - 1;
    let mut places = Vec::new();
    for (&tensor, &repeat) in other.inputs.iter().zip(&second.inputs) {
        if matches!(tensor, Tensor::Step(of, _) if of == at) {
            // What is given here must be taken value by value.
            if repeat.times > 1 {
                return None;
            }
            places.push(Operand::Result(last));
            continue;
        }
        let known = inputs.iter().zip(&repeats).position(|known| known == (&tensor, &repeat));
        let place = known.unwrap_or_else(|| {
            inputs.push(tensor);
            repeats.push(repeat);
            inputs.len() - 1
        });
        places.push(Operand::Input(place));
    }
    if inputs.len() > MAX_INPUTS {
        return None;
    }
    let moved = |operand: Operand| match operand {
        Operand::Input(of) => places[of],
        Operand::Result(of) => Operand::Result(of + last + 1),
        Operand::Number(_) => operand,
    };
    let mut functions = first.functions.clone();
    functions.extend(second.functions.iter().map(|function| match *function {
        Function::Unary(function, x) => Function::Unary(function, moved(x)),
        Function::Binary(function, sides) => Function::Binary(function, sides.map(moved)),
    }));
    let kernel = Kernel::Fused(Fused { functions, inputs: repeats });
    Some(Draft { kernel, inputs, size: other.size, source: other.source })
}
