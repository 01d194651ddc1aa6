//! Gives every tensor a place in memory.

use super::{Draft, Planner, Planning, Tensor, hold};
use crate::graph::cpu::plan::{Location, Plan, Planned};
use crate::graph::program::MAX_VALUES;

impl Planner<'_> {
    /// Gives every step's tensor a buffer, which is free again after the last step that takes it.
    pub(super) fn finish(mut self, outputs: Vec<Tensor>) -> Planning<Plan> {
        let mut last_use = vec![0; self.steps.len()];
        for (at, draft) in self.steps.iter().enumerate() {
            for input in &draft.inputs {
                if let Tensor::Step(of, _) = input {
                    last_use[*of] = at;
                }
            }
        }
        for output in &outputs {
            if let Tensor::Step(of, _) = output {
                last_use[*of] = usize::MAX;
            }
        }
        let mut buffers: Vec<usize> = Vec::new();
        let mut free: Vec<usize> = Vec::new();
        let mut place_of: Vec<Location> = Vec::new();
        let mut steps = Vec::new();
        let place = |tensor: Tensor, place_of: &[Location]| match tensor {
            Tensor::Input(size) => Location::Input(size),
            Tensor::Constant(at) => Location::Constant(at),
            Tensor::Step(of, _) => place_of[of],
        };
        for (at, draft) in std::mem::take(&mut self.steps).into_iter().enumerate() {
            let Draft { kernel, inputs, size, source } = draft;
            // The smallest that is large enough, or else the largest, made larger.
            let best = (0..free.len()).min_by_key(|&place| {
                let have = buffers[free[place]];
                if have >= size { (0, have) } else { (1, usize::MAX - have) }
            });
            let buffer = match best {
                Some(place) => free.swap_remove(place),
                None => {
                    buffers.push(0);
                    buffers.len() - 1
                }
            };
            hold(&mut self.held, size.saturating_sub(buffers[buffer]), MAX_VALUES)?;
            buffers[buffer] = buffers[buffer].max(size);
            place_of.push(Location::Buffer(buffer, size));
            for input in &inputs {
                if let Tensor::Step(of, _) = *input
                    && last_use[of] == at
                    && let Location::Buffer(buffer, _) = place_of[of]
                {
                    free.push(buffer);
                    // Once, however often it is taken.
                    last_use[of] = usize::MAX;
                }
            }
            if last_use[at] == 0 {
                // Nobody takes it, but it has to go somewhere.
                free.push(buffer);
            }
            let inputs = inputs.iter().map(|&input| place(input, &place_of)).collect();
            steps.push(Planned { kernel, inputs, output: (buffer, size), source });
        }
        let mut shaped = Vec::new();
        for (tensor, (_, value)) in outputs.iter().zip(&self.program.outputs) {
            shaped.push((place(*tensor, &place_of), self.shapes[*value].clone()));
        }
        let names = self.program.steps.iter().map(|step| step.name.clone()).collect();
        Ok(Plan { processor: self.processor, names, steps, constants: self.constants, buffers, outputs: shaped })
    }
}
