//! model.toml: everything beside the network that the hosts need. No such number stands in code.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::preprocess::{self, Normalise};
use crate::window::Window;

/// The settings of one network.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Model {
    /// What it is called.
    pub name: String,
    /// Which of that name.
    pub version: String,
    /// Of the ONNX file, in lower-case hexadecimal.
    pub sha256: String,
    /// Width and height of the input, in pixels.
    pub size: usize,
    /// The [`preprocess::VERSION`] that it is judged on.
    pub preprocess: u32,
    /// How gray levels become input values.
    pub normalise: Normalise,
    /// For slices in Hounsfield units.
    pub window: Window,
    /// How a logit becomes a score.
    pub calibration: Calibration,
    /// How a score becomes a verdict.
    pub operating_point: OperatingPoint,
    /// Which slices are judged at all.
    pub gate: Gate,
    /// How it was trained, in the words of the training code.
    #[serde(default)]
    pub training: toml::Table,
    /// What was measured, by split.
    #[serde(default)]
    pub metrics: toml::Table,
}

/// Temperature scaling (Guo et al. 2017): score = sigmoid(logit / temperature).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// What a logit is divided by; positive.
    pub temperature: f32,
}

/// Where a score becomes a verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperatingPoint {
    /// Scores at or above it count as positive, 0..1.
    pub threshold: f32,
    /// Scores within it get the verdict "uncertain"; `[lo, hi]` around the threshold.
    pub uncertain: [f32; 2],
    /// How they were chosen.
    pub chosen: String,
}

impl Model {
    /// Parses and checks a model.toml.
    ///
    /// # Errors
    /// [`Error::Model`] with the line or the value that does not fit.
    pub fn parse(text: &str) -> Result<Model> {
        let model: Model = toml::from_str(text).map_err(|error| Error::Model(format!("model.toml: {error}")))?;
        if model.preprocess != preprocess::VERSION {
            return Err(Error::Model(format!(
                "it is for preprocessing {}, this is {}",
                model.preprocess,
                preprocess::VERSION
            )));
        }
        let point = &model.operating_point;
        let [lo, hi] = point.uncertain;
        let in_order = 0.0 <= lo && lo <= point.threshold && point.threshold <= hi && hi <= 1.0;
        if !in_order {
            return Err(Error::Model(
                "operating_point must have 0 <= uncertain[0] <= threshold <= uncertain[1] <= 1".to_string(),
            ));
        }
        let positive = |value: f32| value > 0.0 && value.is_finite();
        let window_fits =
            model.window.width >= 1.0 && model.window.width.is_finite() && model.window.center.is_finite();
        if !window_fits || !model.normalise.mean.is_finite() {
            let text = "window and normalise.mean must be numbers, and the window's width at least 1";
            return Err(Error::Model(text.to_string()));
        }
        if !positive(model.calibration.temperature)
            || !positive(model.normalise.std)
            || !(32..=1024).contains(&model.size)
        {
            return Err(Error::Model(
                "temperature, normalise.std and size must be positive (size 32 to 1024)".to_string(),
            ));
        }
        model.gate.check()?;
        Ok(model)
    }

    /// Fails unless `found` is the SHA-256 of the ONNX file that this belongs to.
    pub fn check_network(&self, found: &str) -> Result<()> {
        if found == self.sha256 {
            Ok(())
        } else {
            Err(Error::Model(format!("its SHA-256 is {found}, model.toml says {}", self.sha256)))
        }
    }
}
