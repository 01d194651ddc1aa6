//! What every network must take and give, however it is run: one square picture in, five named outputs out. Knows names and shapes,
//! not operators.

use super::program::{Program, Shape};
use crate::error::{Error, Result};
use crate::outputs::{Map, OpacityMaps, Outputs};

/// The values of an input are at most this far from 0. Preprocessing gives -1 to 1.
const MAX_INPUT: f32 = 1000.0;

/// Where the contract's outputs stand among a network's, and how large they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    /// Width and height of the input, in pixels.
    pub size: usize,
    /// SHA-256 of the ONNX file that the network was made from, in lower-case hexadecimal.
    pub onnx: String,
    logit: Output,
    map: Output,
    opacity: Output,
    lung: Output,
    embedding: Output,
}

/// One output for one slice.
#[derive(Debug, Clone, PartialEq)]
struct Output {
    /// Its place among the network's outputs.
    at: usize,
    /// `[1, ..]`.
    shape: Shape,
}

impl Contract {
    /// Holds the input `[1, 1, size, size]` of a network for one slice and its named outputs `[1, ..]` against the contract.
    ///
    /// # Errors
    /// [`Error::Model`] with a list of all that does not fit.
    pub fn new(onnx: &str, input: &[usize], outputs: &[(String, Shape)]) -> Result<Contract> {
        let mut misfits = Vec::new();
        let size = match *input {
            [1, 1, size, width] if size == width => size,
            [1, 1, height, width] => {
                misfits.push(format!("its input is {width} x {height} pixels, and must be square"));
                height
            }
            _ => {
                misfits.push(format!("its input has the shape {input:?} instead of [N, 1, S, S]"));
                0
            }
        };
        let mut missing = Vec::new();
        let mut output = |name: &'static str, wanted: &str, fits: fn(&[usize]) -> bool| {
            let found = outputs.iter().position(|(known, _)| known == name);
            if found.is_none() {
                missing.push(format!("\"{name}\""));
            }
            let shape = found.map_or(&[][..], |at| &outputs[at].1);
            if found.is_some() && !fits(shape) {
                misfits.push(format!("its output \"{name}\" has the shape {shape:?} instead of {wanted}"));
            }
            Output { at: found.unwrap_or_default(), shape: shape.to_vec() }
        };
        let is_map = |shape: &[usize]| matches!(shape, [1, 1, h, w] if h * w > 0);
        let is_row = |shape: &[usize]| matches!(shape, [1, length] if *length > 0);
        let logit = output("logit", "[N, 1]", |shape| shape.iter().product::<usize>() == 1);
        let map = output("map", "[N, 1, h, w]", is_map);
        let opacity = output("opacity", "[N, 2, h, w]", |shape| matches!(shape, [1, 2, h, w] if h * w > 0));
        let lung = output("lung", "[N, 1, h, w]", is_map);
        let embedding = output("embedding", "[N, d]", is_row);
        if let ([1, 2, cells @ ..], [1, 1, others @ ..]) = (&opacity.shape[..], &lung.shape[..])
            && cells != others
        {
            misfits.push(format!("its output \"opacity\" has {cells:?} cells and \"lung\" {others:?}"));
        }
        if !missing.is_empty() {
            let names: Vec<&str> = outputs.iter().map(|(name, _)| &name[..]).collect();
            misfits.push(format!("it has no output {}, only {}", missing.join(", "), names.join(", ")));
        }
        if !misfits.is_empty() {
            return Err(Error::Model(misfits.join("; ")));
        }
        Ok(Contract { size, onnx: onnx.to_string(), logit, map, opacity, lung, embedding })
    }

    /// The contract of a program.
    ///
    /// # Errors
    /// [`Error::Model`] when it is damaged, or with a list of all that does not fit.
    pub fn of(program: &Program) -> Result<Contract> {
        let shapes = program.shapes().map_err(Error::Model)?;
        let outputs: Vec<(String, Shape)> =
            program.outputs.iter().map(|(name, value)| (name.clone(), shapes[*value].clone())).collect();
        Contract::new(&program.onnx, &program.input, &outputs)
    }

    /// How many values one slice has.
    pub fn pixels(&self) -> usize {
        self.size * self.size
    }

    /// How many values its embedding has.
    pub fn embedding(&self) -> usize {
        self.embedding.shape.iter().product()
    }

    /// Whether a network that reads `most` at once takes these slices.
    ///
    /// What is not a number, or far beyond what preprocessing gives, ends here on every runtime: GPUs and relaxed SIMD may take a
    /// clamp's bound for it, and a damaged slice would be judged. Within [`MAX_INPUT`] nothing of the shipped network overflows.
    ///
    /// # Errors
    /// [`Error::Argument`] unless they are 1 to `most`, each with all of its values.
    pub(super) fn check(&self, slices: &[&[f32]], most: usize) -> Result<()> {
        if !(1..=most).contains(&slices.len()) {
            return Err(Error::Argument(format!("the network takes 1 to {most} slices and got {}", slices.len())));
        }
        for slice in slices {
            if slice.len() != self.pixels() {
                let (size, got) = (self.size, slice.len());
                return Err(Error::Argument(format!("the network takes {size} x {size} values and got {got}")));
            }
            // All of them, without a way out in the middle, so that the compiler makes vectors of it.
            if !slice.iter().fold(true, |fit, value| fit & (value.abs() <= MAX_INPUT)) {
                return Err(Error::Argument(format!(
                    "the network takes values from -{MAX_INPUT} to {MAX_INPUT}, and one is outside or not a number"
                )));
            }
        }
        Ok(())
    }

    /// What a network says of slice number `slice` of a batch; `values` gives all values of its output with that place.
    ///
    /// # Errors
    /// [`Error::Argument`] where one of them is no finite number: here alone that is decided, for every runtime.
    pub(super) fn outputs<'a>(&self, slice: usize, values: impl Fn(usize) -> &'a [f32]) -> Result<Outputs> {
        let own = |output: &Output| {
            let length: usize = output.shape.iter().product();
            values(output.at)[slice * length..][..length].to_vec()
        };
        let map = |output: &Output| Map { width: output.shape[3], height: output.shape[2], values: own(output) };
        let [ground_glass, consolidation] = {
            let Map { width, height, values } = map(&self.opacity);
            let (first, second) = values.split_at(width * height);
            [first, second].map(|values| Map { width, height, values: values.to_vec() })
        };
        let outputs = Outputs {
            logit: own(&self.logit)[0],
            map: map(&self.map),
            opacity: OpacityMaps { ground_glass, consolidation },
            lung: map(&self.lung),
            embedding: own(&self.embedding),
        };
        if outputs.are_finite() {
            Ok(outputs)
        } else {
            Err(Error::Argument("the network gives no finite numbers for this input".to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs(list: &[(&str, &[usize])]) -> Vec<(String, Shape)> {
        list.iter().map(|(name, shape)| (name.to_string(), shape.to_vec())).collect()
    }

    #[test]
    fn all_that_does_not_fit_is_listed() {
        let whole = outputs(&[
            ("embedding", &[1, 8]),
            ("logit", &[1, 1]),
            ("map", &[1, 1, 2, 3]),
            ("opacity", &[1, 2, 4, 4]),
            ("lung", &[1, 1, 4, 4]),
        ]);
        let contract = Contract::new("", &[1, 1, 64, 64], &whole).unwrap();
        assert_eq!((contract.size, contract.embedding()), (64, 8));

        let some = outputs(&[("logit", &[1, 2]), ("map", &[1, 6]), ("opacity", &[1, 1, 4, 4]), ("score", &[1])]);
        let Err(Error::Model(problem)) = Contract::new("", &[1, 3, 64, 64], &some) else { panic!("it fits") };
        for part in [
            "[1, 3, 64, 64] instead of [N, 1, S, S]",
            "\"logit\" has the shape [1, 2]",
            "\"map\" has the shape [1, 6]",
            "\"opacity\" has the shape [1, 1, 4, 4] instead of [N, 2, h, w]",
            "no output \"lung\", \"embedding\", only logit, map, opacity, score",
        ] {
            assert!(problem.contains(part), "{part}: {problem}");
        }

        let apart: Vec<_> = whole
            .into_iter()
            .map(|(name, shape)| if name == "lung" { (name, vec![1, 1, 8, 8]) } else { (name, shape) })
            .collect();
        let Err(Error::Model(problem)) = Contract::new("", &[1, 1, 64, 64], &apart) else { panic!("it fits") };
        assert!(problem.contains("\"opacity\" has [4, 4] cells and \"lung\" [8, 8]"), "{problem}");
    }

    #[test]
    fn each_slice_of_a_batch_gets_its_own_values() {
        let list = outputs(&[
            ("logit", &[1, 1]),
            ("map", &[1, 1, 1, 2]),
            ("opacity", &[1, 2, 1, 1]),
            ("lung", &[1, 1, 1, 1]),
            ("embedding", &[1, 1]),
        ]);
        let contract = Contract::new("", &[1, 1, 2, 2], &list).unwrap();
        let values: [&[f32]; 5] =
            [&[1.0, 2.0], &[3.0, 4.0, 5.0, 6.0], &[0.1, 0.2, 0.3, 0.4], &[7.0, 8.0], &[9.0, 10.0]];
        let second = contract.outputs(1, |at| values[at]).unwrap();
        assert_eq!((second.logit, second.map.values, second.map.width), (2.0, vec![5.0, 6.0], 2));
        assert_eq!((second.lung.values, second.embedding), (vec![8.0], vec![10.0]));
        let OpacityMaps { ground_glass, consolidation } = second.opacity;
        assert_eq!((ground_glass.values, consolidation.values), (vec![0.3], vec![0.4]));
        for at in [2, 4] {
            let broken = |place: usize| {
                if place == at { &[0.1, 0.2, 0.3, f32::NAN][4 - values[at].len()..] } else { values[place] }
            };
            assert!(contract.outputs(0, broken).is_ok());
            assert!(matches!(contract.outputs(1, broken), Err(Error::Argument(_))), "output {at}");
        }
        let slice: &[f32] = &[0.0; 4];
        assert!(contract.check(&[slice; 2], 2).is_ok());
        for wrong in [&[][..], &[slice; 3], &[slice, &slice[1..]]] {
            assert!(matches!(contract.check(wrong, 2), Err(Error::Argument(_))), "{wrong:?}");
        }
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e6] {
            let wrong: &[f32] = &[0.0, 0.0, 0.0, odd];
            assert!(matches!(contract.check(&[slice, wrong], 2), Err(Error::Argument(_))), "{odd}");
        }
    }
}
