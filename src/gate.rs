//! The gate: refuses what is not an axial chest-CT slice, and says why.
//!
//! Four questions, cheapest first: what the file says of itself, whether the picture's statistics are those of a chest-CT
//! slice, whether the network finds lungs in it, and whether it has seen anything like it. The second and the last are
//! one-class Gaussians over training slices; their numbers stand in model.toml.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::outputs::Map;
use crate::preprocess::Scaled;
use crate::slice::{Origin, Picture};

/// Why a slice was not judged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Refusal {
    /// A stable word for programs.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub message: String,
}

/// The shortest side, in pixels, in which lungs can be judged.
pub const MIN_SIDE: usize = 48;

/// What the file says: modality, scout view, orientation, size. `None` lets the slice pass.
pub fn check_origin(origin: &Origin, picture: &Picture) -> Option<Refusal> {
    let (code, message) = match origin.modality.as_deref() {
        Some(modality) if modality != "CT" => (
            "not_ct",
            format!(
                "The file says that it is no CT image (its modality is {modality}). Choose an axial slice of a chest CT."
            ),
        ),
        _ if origin.localizer => (
            "localizer",
            "This is the scout view that the scan was planned on. Choose an axial slice of the series.".to_string(),
        ),
        _ if origin.oblique => (
            "not_axial",
            "The file says that this slice does not lie across the body. Choose an axial slice.".to_string(),
        ),
        _ if picture.width.min(picture.height) < MIN_SIDE => (
            "too_small",
            format!(
                "The image has {} x {} pixels; the lungs cannot be judged below {MIN_SIDE}. Export the slice at its full size.",
                picture.width, picture.height
            ),
        ),
        _ => return None,
    };
    Some(Refusal { code, message })
}

/// Names of [`statistics`]' values, in order.
pub const STATISTICS: [&str; 13] = [
    "mean",
    "deviation",
    "black",
    "white",
    "entropy",
    "edges",
    "grain",
    "border",
    "symmetry",
    "lungs",
    "mediastinum",
    "colour",
    "aspect",
];

/// What a picture looks like, in numbers that hold for any chest-CT slice: gray levels, texture, the frame, the two dark lungs
/// beside a bright mediastinum, colour and shape.
pub fn statistics(scaled: &Scaled, origin: &Origin) -> [f32; STATISTICS.len()] {
    let (size, gray) = (scaled.size, &scaled.gray);
    let count = gray.len() as f32;
    let share = |test: &dyn Fn(f32) -> bool| gray.iter().filter(|level| test(**level)).count() as f32 / count;
    let mean = gray.iter().sum::<f32>() / count;
    let deviation = (gray.iter().map(|level| (level - mean).powi(2)).sum::<f32>() / count).sqrt();
    let at = |x: usize, y: usize| gray[y * size + x];

    let mut histogram = [0f32; 32];
    for level in gray {
        histogram[((level / 8.0) as usize).min(31)] += 1.0 / count;
    }
    let entropy = -histogram.iter().filter(|share| **share > 0.0).map(|share| share * share.ln()).sum::<f32>();

    // Mean steps between neighbours, and between a pixel and the mean of its two neighbours: edges against grain.
    let (mut steps, mut curvature) = (0f32, 0f32);
    for y in 1..size - 1 {
        for x in 1..size - 1 {
            steps += (at(x + 1, y) - at(x, y)).abs() + (at(x, y + 1) - at(x, y)).abs();
            curvature += (at(x + 1, y) + at(x - 1, y) - 2.0 * at(x, y)).abs()
                + (at(x, y + 1) + at(x, y - 1) - 2.0 * at(x, y)).abs();
        }
    }
    let inner = ((size - 2) * (size - 2)) as f32;
    let contrast = deviation + 1.0;

    let box_mean = |x0: f32, x1: f32, y0: f32, y1: f32| {
        let edge = |share: f32| (share * size as f32) as usize;
        let (mut sum, mut pixels) = (0f32, 0f32);
        for y in edge(y0)..edge(y1) {
            for x in edge(x0)..edge(x1) {
                sum += at(x, y);
                pixels += 1.0;
            }
        }
        sum / pixels
    };
    let border = (box_mean(0.0, 1.0, 0.0, 0.05)
        + box_mean(0.0, 1.0, 0.95, 1.0)
        + box_mean(0.0, 0.05, 0.05, 0.95)
        + box_mean(0.95, 1.0, 0.05, 0.95))
        / 4.0;
    let lungs = (box_mean(0.15, 0.38, 0.3, 0.7) + box_mean(0.62, 0.85, 0.3, 0.7)) / 2.0;
    let mediastinum = box_mean(0.44, 0.56, 0.3, 0.7);

    let mut covariance = 0f32;
    for y in 0..size {
        for x in 0..size {
            covariance += (at(x, y) - mean) * (at(size - 1 - x, y) - mean);
        }
    }
    let symmetry = covariance / count / (deviation * deviation + 1.0);

    [
        mean / 255.0,
        deviation / 255.0,
        share(&|level| level < 32.0),
        share(&|level| level >= 224.0),
        entropy,
        steps / inner / contrast,
        (curvature + 1e-3).ln() - (steps + 1e-3).ln(),
        border / 255.0,
        symmetry,
        (lungs - mean) / contrast,
        (mediastinum - mean) / contrast,
        origin.colour.sqrt(),
        (scaled.inside.width as f32 / scaled.inside.height as f32).ln(),
    ]
}

/// The gate's numbers, from model.toml.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Gate {
    /// The least share of the slice that must be lung, 0..1.
    pub least_lung: f32,
    /// Of what a picture looks like.
    pub statistics: StatisticsGate,
    /// Of what the network sees in it.
    pub embedding: EmbeddingGate,
}

/// A Gaussian over [`statistics`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StatisticsGate {
    /// Must be [`STATISTICS`].
    pub names: Vec<String>,
    /// By statistic.
    pub mean: Vec<f32>,
    /// The inverse covariance, row by row.
    pub precision: Vec<Vec<f32>>,
    /// Squared Mahalanobis distance (Mahalanobis 1936) above which a slice is refused.
    pub limit: f32,
}

/// A Gaussian with independent components over the network's whitened embedding.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EmbeddingGate {
    /// By value of the embedding.
    pub mean: Vec<f32>,
    /// By value of the embedding; all are positive.
    pub std: Vec<f32>,
    /// Sum of the squared deviations, in standard deviations, above which a slice is refused.
    pub limit: f32,
}

impl Gate {
    /// Fails unless the numbers fit each other, this version's [`STATISTICS`] and an embedding of `d` values.
    pub fn check(&self) -> Result<()> {
        let Gate { statistics, embedding, .. } = self;
        let n = STATISTICS.len();
        if statistics.names != STATISTICS {
            return Err(Error::Model(format!("its gate knows other statistics ({})", statistics.names.join(", "))));
        }
        if statistics.mean.len() != n
            || statistics.precision.len() != n
            || statistics.precision.iter().any(|row| row.len() != n)
        {
            return Err(Error::Model(format!("[gate.statistics] needs {n} means and {n} x {n} precisions")));
        }
        if embedding.mean.len() != embedding.std.len() || embedding.std.iter().any(|std| std.is_nan() || *std <= 0.0) {
            return Err(Error::Model("[gate.embedding] needs as many means as positive deviations".to_string()));
        }
        let numbers = statistics.mean.iter().chain(statistics.precision.iter().flatten()).chain(&embedding.mean);
        let limits = [&statistics.limit, &embedding.limit, &self.least_lung];
        if !numbers.chain(&embedding.std).chain(limits).all(|value| value.is_finite()) {
            return Err(Error::Model("a number of its gate is not finite".to_string()));
        }
        Ok(())
    }

    /// Whether the picture looks like a chest-CT slice. `None` lets it pass.
    pub fn check_statistics(&self, values: &[f32; STATISTICS.len()]) -> Option<Refusal> {
        let off: Vec<f32> = values.iter().zip(&self.statistics.mean).map(|(value, mean)| value - mean).collect();
        let distance: f32 = off
            .iter()
            .zip(&self.statistics.precision)
            .map(|(a, row)| a * row.iter().zip(&off).map(|(p, b)| p * b).sum::<f32>())
            .sum();
        is_beyond(distance, self.statistics.limit).then(|| Refusal {
            code: "not_like_ct",
            message: "The picture does not look like an axial chest-CT slice (gray levels, texture or layout). \
                      Choose a slice that shows both lungs, without screenshots or photographs of a screen around it."
                .to_string(),
        })
    }

    /// Whether the network finds lungs. `None` lets it pass.
    pub fn check_lungs(&self, lung: &Map) -> Option<Refusal> {
        let share = lung.values.iter().sum::<f32>() / lung.values.len() as f32;
        // A share that is not a number is not enough.
        let enough = share >= self.least_lung;
        (!enough).then(|| Refusal {
            code: "no_lungs",
            message: "No lungs were found in this picture, or too little of them. \
                      Choose an axial slice of a chest CT that shows the lungs."
                .to_string(),
        })
    }

    /// Whether the network knows the like of it. `None` lets it pass.
    pub fn check_embedding(&self, embedding: &[f32]) -> Option<Refusal> {
        let gate = &self.embedding;
        let distance: f32 = embedding
            .iter()
            .zip(&gate.mean)
            .zip(&gate.std)
            .map(|((value, mean), std)| ((value - mean) / std).powi(2))
            .sum();
        is_beyond(distance, gate.limit).then(|| Refusal {
            code: "unfamiliar",
            message: "The network was trained on nothing like this picture, so its score would mean nothing. \
                      Choose an axial slice of a chest CT that shows the lungs."
                .to_string(),
        })
    }
}

/// A distance that is not a number is not within any limit.
fn is_beyond(distance: f32, limit: f32) -> bool {
    distance.is_nan() || distance > limit
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(gray: Vec<u8>, size: usize) -> [f32; STATISTICS.len()] {
        let picture = Picture { width: size, height: size, gray };
        statistics(&Scaled::new(&picture, size), &Origin::default())
    }

    #[test]
    fn statistics_tell_a_chest_from_its_negative() {
        let size = 100;
        let chest: Vec<u8> = (0..size * size)
            .map(|i| {
                let (x, y) = ((i % size) as f32 / 100.0, (i / size) as f32 / 100.0);
                let lung = |cx: f32| ((x - cx) / 0.14).powi(2) + ((y - 0.5) / 0.3).powi(2) < 1.0;
                let body = ((x - 0.5) / 0.48).powi(2) + ((y - 0.5) / 0.45).powi(2) < 1.0;
                if lung(0.27) || lung(0.73) {
                    30
                } else if body {
                    190
                } else {
                    0
                }
            })
            .collect();
        let negative = chest.iter().map(|level| 255 - level).collect();
        let name = |name| STATISTICS.iter().position(|known| *known == name).unwrap();
        let (chest, negative) = (of(chest, size), of(negative, size));
        assert!(chest[name("symmetry")] > 0.9);
        assert!(chest[name("lungs")] < 0.0 && negative[name("lungs")] > 0.0);
        assert!(chest[name("border")] < 0.4 && negative[name("border")] > 0.6);
    }

    proptest::proptest! {
        #[test]
        fn statistics_are_finite(gray in proptest::collection::vec(0u8.., 64 * 64)) {
            proptest::prop_assert!(of(gray, 64).iter().all(|value| value.is_finite()));
        }
    }

    #[test]
    fn a_constant_picture_has_finite_statistics() {
        for level in [0, 128, 255] {
            assert!(of(vec![level; 64 * 64], 64).iter().all(|value| value.is_finite()));
        }
    }

    #[test]
    fn a_side_of_48_pixels_is_enough() {
        let check = |width, height| {
            let picture = Picture { width, height, gray: vec![0; width * height] };
            check_origin(&Origin::default(), &picture).map(|refusal| refusal.code)
        };
        assert_eq!(check(48, 400), None);
        assert_eq!(check(400, 47), Some("too_small"));
    }

    #[test]
    fn what_is_not_a_number_is_refused() {
        let n = STATISTICS.len();
        let gate = Gate {
            statistics: StatisticsGate {
                names: STATISTICS.map(String::from).to_vec(),
                mean: vec![0.0; n],
                precision: (0..n).map(|i| (0..n).map(|j| f32::from(u8::from(i == j))).collect()).collect(),
                limit: 4.0,
            },
            embedding: EmbeddingGate { mean: vec![0.0; 2], std: vec![1.0; 2], limit: 4.0 },
            least_lung: 0.25,
        };
        gate.check().unwrap();
        let mut open = gate.clone();
        open.embedding.limit = f32::NAN;
        assert_eq!(open.check().unwrap_err().code(), "model");
        assert!(gate.check_statistics(&[0.5; 13]).is_none());
        assert_eq!(gate.check_statistics(&[1.0; 13]).unwrap().code, "not_like_ct");
        assert_eq!(gate.check_statistics(&[f32::NAN; 13]).unwrap().code, "not_like_ct");
        let lung = |values: [f32; 2]| gate.check_lungs(&Map { width: 2, height: 1, values: values.to_vec() });
        assert!(lung([0.0, 0.5]).is_none());
        assert_eq!(lung([0.0, 0.4]).unwrap().code, "no_lungs");
        assert_eq!(lung([0.0, f32::NAN]).unwrap().code, "no_lungs");
        assert!(gate.check_embedding(&[1.0, 1.0]).is_none());
        assert_eq!(gate.check_embedding(&[3.0, 0.0]).unwrap().code, "unfamiliar");
        assert_eq!(gate.check_embedding(&[f32::NAN, 0.0]).unwrap().code, "unfamiliar");
    }
}
