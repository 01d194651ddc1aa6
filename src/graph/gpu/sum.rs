//! Sums over some of a tensor's axes.

use super::prelude::{Prelude, Shader, coordinates, place};
use super::view::{View, volume};

/// From this many terms on a workgroup sums together.
const MIN_TOGETHER: usize = 64;

/// What is summed over.
#[derive(Debug, Clone, PartialEq)]
pub struct Reduction {
    pub input: View,
    /// In order.
    pub axes: Vec<usize>,
}

impl Reduction {
    /// Writes what `sum.wgsl` stands on; the output has `total` elements.
    pub fn shader(&self, prelude: &mut Prelude, total: usize) -> Shader {
        let Reduction { input, axes } = self;
        // The place of a term is the sum of where its output and where its reduced coordinates lie. The output may have been given another
        // shape since, in the same order.
        let of_kept = |own: &[usize], other: usize| -> Vec<usize> {
            (0..own.len()).map(|axis| if axes.contains(&axis) { other } else { own[axis] }).collect()
        };
        let kept = View { strides: of_kept(&input.strides, 0), shape: of_kept(&input.shape, 1), ..input.clone() };
        let along = View {
            tensor: input.tensor,
            offset: 0,
            strides: axes.iter().map(|&axis| input.strides[axis]).collect(),
            shape: axes.iter().map(|&axis| input.shape[axis]).collect(),
        };
        let count = volume(&along.shape);
        prelude.constant("COUNT", count);
        for (head, index, view) in [("first(i: u32) -> u32", "i", &kept), ("along(j: u32) -> u32", "j", &along)] {
            let mut body = Vec::new();
            let coordinates = coordinates(&mut body, index, &view.shape);
            body.push(format!("return {};", place(view, &coordinates)));
            prelude.function(head, body);
        }
        let tensor = prelude.tensor(input);
        prelude.function("term(place: u32) -> f32", [format!("return {tensor}[place];")]);
        let (entry, workgroups) = if count < MIN_TOGETHER {
            ("alone", prelude.threads(total))
        } else {
            prelude.constant("TOTAL", total);
            ("together", prelude.workgroups(total))
        };
        Shader { file: include_str!("shaders/sum.wgsl"), entry, workgroups }
    }
}
