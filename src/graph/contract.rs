//! What every network must take and give, however it is run: one picture in, scores out, and what else it has under our names. Knows names
//! and shapes, not operators.

use super::program::{Program, Shape};
use crate::error::{Error, Result};
use crate::outputs::{Map, OpacityMaps, Outputs, names};

/// The values of an input are at most this far from 0. Preprocessing gives -1 to 1.
const MAX_INPUT: f32 = 1000.0;

/// Where the contract's outputs stand among a network's, and how large they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    /// Of the input, `[1, channels, height, width]`.
    pub input: [usize; 4],
    /// SHA-256 of the ONNX file that the network was made from, in lower-case hexadecimal.
    pub onnx: String,
    scores: Output,
    map: Option<Output>,
    opacity: Option<Output>,
    lung: Option<Output>,
    embedding: Option<Output>,
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
    /// Holds the input `[1, channels, height, width]` of a network for one slice and its outputs `[1, ..]`, under our [`names`], against the
    /// contract.
    ///
    /// # Errors
    /// [`Error::Model`] with a list of all that does not fit.
    pub fn new(onnx: &str, input: &[usize], outputs: &[(String, Shape)]) -> Result<Contract> {
        let mut misfits = Vec::new();
        let shape = <[usize; 4]>::try_from(input).unwrap_or_default();
        if !matches!(shape, [1, 1 | 3, height, width] if height * width > 0) {
            misfits.push(format!("its input has the shape {input:?} instead of [N, 1, H, W] or [N, 3, H, W]"));
        }
        let find = |name: &str| {
            let at = outputs.iter().position(|(known, _)| known == name)?;
            Some(Output { at, shape: outputs[at].1.clone() })
        };
        let mut output = |name: &'static str, wanted: &str, fits: &dyn Fn(&[usize]) -> bool| {
            let output = find(name)?;
            if !fits(&output.shape) {
                misfits.push(format!("its output \"{name}\" has the shape {:?} instead of {wanted}", output.shape));
            }
            Some(output)
        };
        let is_row = |shape: &[usize]| matches!(shape, [1, length] if *length > 0);
        let scores = output(names::SCORES, "[N, K]", &is_row);
        let classes = scores.as_ref().and_then(|scores| scores.shape.get(1)).copied().unwrap_or(1);
        let is_map = |shape: &[usize]| matches!(shape, [1, of, h, w] if (*of == 1 || *of == classes) && h * w > 0);
        let map = output(names::MAP, "[N, 1, h, w] or [N, K, h, w]", &is_map);
        let opacity = output(names::OPACITY, "[N, 2, h, w]", &|shape| matches!(shape, [1, 2, h, w] if h * w > 0));
        let lung = output(names::LUNG, "[N, 1, h, w]", &|shape| matches!(shape, [1, 1, h, w] if h * w > 0));
        let embedding = output(names::EMBEDDING, "[N, d]", &is_row);
        if let (Some(opacity), Some(lung)) = (&opacity, &lung)
            && let ([1, 2, cells @ ..], [1, 1, others @ ..]) = (&opacity.shape[..], &lung.shape[..])
            && cells != others
        {
            misfits.push(format!("its output \"opacity\" has {cells:?} cells and \"lung\" {others:?}"));
        }
        match scores {
            Some(scores) if misfits.is_empty() => {
                Ok(Contract { input: shape, onnx: onnx.to_string(), scores, map, opacity, lung, embedding })
            }
            Some(_) => Err(Error::Model(misfits.join("; "))),
            None => {
                let known: Vec<&str> = outputs.iter().map(|(name, _)| &name[..]).collect();
                misfits.push(format!("it has no output \"{}\", only {}", names::SCORES, known.join(", ")));
                Err(Error::Model(misfits.join("; ")))
            }
        }
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
    pub fn values(&self) -> usize {
        self.input.iter().product()
    }

    /// How many classes it gives a score for.
    pub fn classes(&self) -> usize {
        self.scores.shape.iter().product()
    }

    /// How many values its embedding has; 0 where it gives none.
    pub fn embedding(&self) -> usize {
        self.embedding.as_ref().map_or(0, |embedding| embedding.shape.iter().product())
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
            if slice.len() != self.values() {
                let [_, channels, height, width] = self.input;
                let channels = if channels == 1 { String::new() } else { format!("{channels} x ") };
                let got = slice.len();
                return Err(Error::Argument(format!(
                    "the network takes {channels}{height} x {width} values and got {got}"
                )));
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
        let maps = |output: &Output| -> Vec<Map> {
            let (width, height) = (output.shape[3], output.shape[2]);
            let values = own(output);
            values.chunks_exact(width * height).map(|values| Map { width, height, values: values.to_vec() }).collect()
        };
        let opacity = self.opacity.as_ref().map(maps).and_then(|maps| <[Map; 2]>::try_from(maps).ok());
        let outputs = Outputs {
            scores: own(&self.scores),
            maps: self.map.as_ref().map(maps).unwrap_or_default(),
            opacity: opacity.map(|[ground_glass, consolidation]| OpacityMaps { ground_glass, consolidation }),
            lung: self.lung.as_ref().map(maps).and_then(|maps| maps.into_iter().next()),
            embedding: self.embedding.as_ref().map(own).unwrap_or_default(),
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
        assert_eq!((contract.input, contract.embedding(), contract.classes()), ([1, 1, 64, 64], 8, 1));

        let scores = outputs(&[("logit", &[1, 3]), ("other", &[7])]);
        let contract = Contract::new("", &[1, 3, 64, 32], &scores).unwrap();
        assert_eq!((contract.values(), contract.embedding(), contract.classes()), (6144, 0, 3));

        let some = outputs(&[("logit", &[1, 2, 1]), ("map", &[1, 6]), ("opacity", &[1, 1, 4, 4]), ("score", &[1])]);
        let Err(Error::Model(problem)) = Contract::new("", &[1, 4, 64, 64], &some) else { panic!("it fits") };
        for part in [
            "[1, 4, 64, 64] instead of [N, 1, H, W] or [N, 3, H, W]",
            "\"logit\" has the shape [1, 2, 1] instead of [N, K]",
            "\"map\" has the shape [1, 6]",
            "\"opacity\" has the shape [1, 1, 4, 4] instead of [N, 2, h, w]",
        ] {
            assert!(problem.contains(part), "{part}: {problem}");
        }
        let Err(Error::Model(problem)) = Contract::new("", &[1, 1, 64, 64], &some[3..]) else { panic!("it fits") };
        assert_eq!(problem, "it has no output \"logit\", only score");

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
        assert_eq!((second.scores[0], &second.maps[0].values[..], second.maps[0].width), (2.0, &[5.0, 6.0][..], 2));
        assert_eq!((second.lung.unwrap().values, second.embedding), (vec![8.0], vec![10.0]));
        let OpacityMaps { ground_glass, consolidation } = second.opacity.unwrap();
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
