//! The test that a machine must pass before its readings are told: one slice that is inside the program, through the whole pipeline, held
//! to a reading that is stored. Processors, GPUs and compilers have computed wrongly without a word; this is where it would be noticed.
//!
//! The slice is drawn here in whole numbers, so that every machine has the same one. Its reading of the network that ships stands in
//! `model/self-test.toml`, which `cargo xtask bless` writes. For other networks none is stored: theirs is held to the first one of the
//! same program, over values that every network takes.

use serde::{Deserialize, Serialize};

use crate::classifier::Classifier;
use crate::decode::{Image, Limits};
use crate::error::{Error, Result};
use crate::outputs::Outputs;

/// A host tries itself again after so many slices.
pub const EVERY: usize = 1000;
/// Values may be so far apart, or by this share of them where they are over 1: what runtimes may differ by.
pub const BOUND: f32 = 1e-3;
/// The reading of the slice by the network that ships.
const STORED: &str = include_str!("../model/self-test.toml");
/// Columns and rows of the slice.
const SIDE: i32 = 256;
/// Each output is summarised by the means of so many parts of it.
const PARTS: usize = 8;

/// A stored reading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    /// Of the network, as `model.toml` has it.
    pub sha256: String,
    /// What [`Classifier::tried`] gives.
    pub values: Vec<f32>,
}

impl Stored {
    /// Of the network that ships.
    ///
    /// # Errors
    /// [`Error::Internal`] where the file that was compiled in makes no sense.
    pub fn shipped() -> Result<Stored> {
        toml::from_str(STORED).map_err(|error| Error::Internal(format!("self-test.toml: {error}")))
    }
}

/// The slice, as a MetaImage: an oval body in air with two lungs, vessels in them, and a spine, in Hounsfield units.
pub fn slice() -> Vec<u8> {
    let mut file = format!(
        "ObjectType = Image\nNDims = 3\nDimSize = {SIDE} {SIDE} 1\nElementType = MET_SHORT\nElementSpacing = 1.4 1.4 5\n\
         TransformMatrix = 1 0 0 0 1 0 0 0 1\nElementDataFile = LOCAL\n"
    )
    .into_bytes();
    for y in 0..SIDE {
        file.extend((0..SIDE).flat_map(|x| hounsfield(x, y).to_le_bytes()));
    }
    file
}

fn hounsfield(x: i32, y: i32) -> i16 {
    let within = |centre: [i32; 2], radii: [i32; 2]| {
        let [across, down] = [x - centre[0], y - centre[1]];
        (across * radii[1]).pow(2) + (down * radii[0]).pow(2) <= (radii[0] * radii[1]).pow(2)
    };
    // Grain that looks like noise and is the same everywhere.
    let mixed = (x as u32).wrapping_mul(0x9e37_79b1) ^ (y as u32).wrapping_mul(0x85eb_ca77);
    let grain = ((mixed.wrapping_mul(0xc2b2_ae35) >> 16) % 61) as i32 - 30;
    let level = if !within([128, 128], [116, 88]) {
        return -1000;
    } else if within([128, 186], [17, 15]) {
        420
    } else if within([72, 128], [42, 62]) || within([184, 128], [42, 62]) {
        let is_vessel = (x * 7 + y * 3) % 41 < 3 && (x * 3 - y * 5) % 29 < 9;
        let is_dense = within([62, 170], [18, 14]);
        if is_vessel {
            -120
        } else if is_dense {
            -420
        } else {
            -860
        }
    } else {
        35
    };
    (level + grain) as i16
}

impl Classifier {
    /// Tries the machine.
    ///
    /// # Errors
    /// [`Error::SelfTest`] where it computes wrongly; whatever else keeps the slice from being read.
    pub fn prove(&self) -> Result<()> {
        let stored = Stored::shipped()?;
        if stored.sha256 == self.model.sha256 {
            return hold(&self.tried()?, &stored.values);
        }
        let values: usize = self.model.input.shape().iter().product();
        let input: Vec<f32> = (0..values).map(|at| (at * 37 % 101) as f32 / 50.0 - 1.0).collect();
        let found = summary(&self.graph.run(&input)?);
        hold(&found, self.first.get_or_init(|| found.clone()))
    }

    /// What the network that ships gives for the slice, in short: its scores, the statistics of the slice, and means of its other outputs.
    ///
    /// # Errors
    /// Those of reading.
    pub fn tried(&self) -> Result<Vec<f32>> {
        let prepared = self.prepare(&Image::open(slice(), Limits::default())?, 0)?;
        let outputs = self.graph.run(&prepared.input)?;
        let mut values = summary(&outputs);
        values.extend(self.likeness(&prepared, &outputs).statistics);
        Ok(values)
    }
}

fn summary(outputs: &Outputs) -> Vec<f32> {
    let opacity = outputs.opacity.iter().flat_map(|maps| [&maps.ground_glass, &maps.consolidation]);
    let grids = outputs.maps.iter().chain(&outputs.lung).chain(opacity).map(|map| &map.values);
    let parts = grids.chain([&outputs.embedding]).flat_map(|values| {
        (0..PARTS.min(values.len())).map(|part| {
            let own = || values.iter().skip(part).step_by(PARTS);
            own().sum::<f32>() / own().count() as f32
        })
    });
    outputs.scores.iter().copied().chain(parts).collect()
}

fn hold(found: &[f32], expected: &[f32]) -> Result<()> {
    if found.len() != expected.len() {
        return Err(Error::SelfTest { found: found.len() as f32, expected: expected.len() as f32 });
    }
    let is_off = |(found, expected): &(&f32, &f32)| {
        let apart = (*found - *expected).abs();
        apart.is_nan() || apart > BOUND * expected.abs().max(1.0)
    };
    match found.iter().zip(expected).find(is_off) {
        Some((&found, &expected)) => Err(Error::SelfTest { found, expected }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::classifier::{NETWORK, SETTINGS};
    use crate::graph::cpu::{CpuGraph, Processor};
    use crate::graph::program::Program;
    use crate::model::Model;

    fn classifier(change: impl Fn(&mut Program), sha256: Option<&str>) -> Classifier {
        let mut program = Program::parse(NETWORK).unwrap();
        change(&mut program);
        let mut model = Model::parse(SETTINGS).unwrap();
        if let Some(sha256) = sha256 {
            model.sha256 = sha256.to_string();
            program.onnx = sha256.to_string();
        }
        let graph = CpuGraph::new(&program, Processor::best()).unwrap();
        Classifier::new(Arc::new(graph), model, "cpu", || 0.0).unwrap()
    }

    #[test]
    fn a_machine_that_computes_rightly_passes() {
        classifier(|_| {}, None).prove().unwrap();
        let values = Stored::shipped().unwrap().values;
        assert!(values.len() > 40 && values.iter().filter(|value| value.abs() > 0.01).count() > 30, "{values:?}");
    }

    #[test]
    fn a_wrong_weight_or_a_wrong_reading_is_noticed() {
        // Kernels: a bound of a clamp that nothing reaches may be off unnoticed.
        let constants = Program::parse(NETWORK).unwrap().constants;
        let kernels: Vec<usize> = (0..constants.len()).filter(|at| constants[*at].values.len() > 256).collect();
        for at in [kernels[0], kernels[kernels.len() / 2], kernels[kernels.len() - 1]] {
            let wrong =
                classifier(|program| program.constants[at].values.iter_mut().for_each(|value| *value += 0.5), None);
            let failure = wrong.prove().unwrap_err();
            assert_eq!(failure.code(), "self_test", "constant {at}: {failure}");
        }
        let values = Stored::shipped().unwrap().values;
        for at in 0..values.len() {
            let mut wrong = values.clone();
            wrong[at] += 2.0 * BOUND * wrong[at].abs().max(1.0);
            assert!(matches!(hold(&wrong, &values), Err(Error::SelfTest { .. })));
            wrong[at] = f32::NAN;
            assert!(hold(&wrong, &values).is_err());
        }
        assert!(hold(&values[1..], &values).is_err());
    }

    #[test]
    fn another_network_is_held_to_its_first_reading() {
        let other = classifier(|_| {}, Some(&"0".repeat(64)));
        other.prove().unwrap();
        other.prove().unwrap();
        // The same program on a machine that has begun to compute wrongly.
        let broken = classifier(|program| program.constants[0].values[0] += 8.0, Some(&"0".repeat(64)));
        let mut later = other;
        later.graph = broken.graph.clone();
        assert_eq!(later.prove().unwrap_err().code(), "self_test");
    }
}
