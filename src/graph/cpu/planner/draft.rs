//! Steps of a plan before they have buffers, and what of them becomes one.

use crate::graph::cpu::kernels::dense::Grid;
use crate::graph::cpu::kernels::fused::{Fused, MAX_INPUTS, MAX_STEPS, Operand, Step};
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
    let mut takers: Vec<Vec<usize>> = vec![Vec::new(); drafts.len()];
    for (at, draft) in drafts.iter().enumerate() {
        for input in &draft.inputs {
            if let Tensor::Step(of, _) = *input {
                takers[of].push(at);
            }
        }
    }
    for output in outputs.iter() {
        if let Tensor::Step(of, _) = *output {
            // Nothing stands there.
            takers[of].push(usize::MAX);
        }
    }
    let mut kept: Vec<Option<Draft>> = drafts.into_iter().map(Some).collect();
    // The step that has taken in each, itself where none has.
    let mut root_of: Vec<usize> = (0..kept.len()).collect();
    // The step that gives what each would have given.
    let mut same_as = root_of.clone();
    for at in (0..kept.len()).rev() {
        let Some(&taker) = takers[at].first() else { continue };
        if taker == usize::MAX {
            continue;
        }
        let root = root_of[taker];
        if takers[at].iter().any(|&taker| taker == usize::MAX || root_of[taker] != root) {
            continue;
        }
        let (before, behind) = kept.split_at_mut(root);
        let (Some(own), Some(other)) = (&before[at], &mut behind[0]) else { continue };
        if let Some(joined) = joined(own, other, at) {
            *other = joined;
            kept[at] = None;
            root_of[at] = root;
        }
    }
    // What is then done with what one product or convolution alone gives is done by it.
    for at in 0..kept.len() {
        let Some(Draft { kernel: Kernel::Fused(functions), inputs, size, .. }) = &kept[at] else { continue };
        let (&[Tensor::Step(of, _)], &[Repeat { times: 1, .. }]) = (&inputs[..], &functions.inputs[..]) else {
            continue;
        };
        let (functions, size) = (functions.clone(), *size);
        if takers[of].iter().any(|&taker| taker == usize::MAX || root_of[taker] != at) {
            continue;
        }
        if let Some(Draft { kernel: Kernel::Dense { then: then @ None, .. }, size: given, .. }) = &mut kept[of]
            && *given == size
        {
            *then = Some(functions);
            kept[at] = None;
            same_as[at] = of;
        }
    }
    // What is done before with what one product alone takes is done by it too.
    for at in 0..kept.len() {
        let &[taker] = &takers[at][..] else { continue };
        let Some(Draft { kernel: Kernel::Fused(functions), inputs, size, .. }) = &kept[at] else { continue };
        let (functions, made, size) = (functions.clone(), inputs.clone(), *size);
        let Some(Some(Draft { kernel, inputs, .. })) = kept.get_mut(taker) else { continue };
        if let Kernel::Dense { before: before @ None, channels, grid, .. } = kernel
            && *grid == Grid::of_pixels(grid.plane)
            && size == *channels * grid.plane
            && matches!(inputs[0], Tensor::Step(of, _) if of == at)
            && made.len() < MAX_INPUTS
        {
            *before = Some(functions);
            inputs.splice(..1, made);
            kept[at] = None;
        }
    }
    // The places that are left.
    let mut place = 0;
    let places: Vec<usize> = (kept.iter())
        .map(|draft| {
            place += usize::from(draft.is_some());
            place.saturating_sub(1)
        })
        .collect();
    let mut drafts: Vec<Draft> = kept.into_iter().flatten().collect();
    for input in drafts.iter_mut().flat_map(|draft| &mut draft.inputs).chain(outputs) {
        if let Tensor::Step(of, _) = input {
            *of = places[same_as[*of]];
        }
    }
    drafts
}

/// `other`, which takes what `own`, step `at`, gives, with its functions in front.
fn joined(own: &Draft, other: &Draft, at: usize) -> Option<Draft> {
    let (Kernel::Fused(first), Kernel::Fused(second)) = (&own.kernel, &other.kernel) else { return None };
    if own.size != other.size || first.steps.len() + second.steps.len() > MAX_STEPS {
        return None;
    }
    let mut inputs = own.inputs.clone();
    let mut repeats = first.inputs.clone();
    let last = first.steps.len() - 1;
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
    let mut steps = first.steps.clone();
    steps.extend(second.steps.iter().map(|step| match *step {
        Step::Unary(function, x) => Step::Unary(function, moved(x)),
        Step::Binary(function, sides) => Step::Binary(function, sides.map(moved)),
    }));
    let kernel = Kernel::Fused(Fused { steps, inputs: repeats });
    Some(Draft { kernel, inputs, size: other.size, source: other.source })
}
