//! The gate: refuses what the network was not made for, such as what is not an axial chest-CT slice, and says why.
//!
//! Six questions, in this order, each asked where model.toml has its numbers: what the file says of itself, whether its window leaves the lungs anything but black, whether the
//! picture's statistics are those of a chest-CT slice, whether the network finds lungs in it, whether it has seen anything like it, and
//! whether statistics and embedding together are those of a foreign picture. The third and the fifth are one-class Gaussians over
//! training slices, the last is a logistic regression of these against foreign pictures; their numbers stand in model.toml.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::outputs::{Map, Outputs};
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

/// Gray levels (of 255) below it are plain black.
const BLACK: f32 = 3.0;
/// Lungs of which a greater share is plain black are hidden, where the gate refuses the picture for another reason.
const MOSTLY_BLACK: f32 = 0.5;
/// Above this mean gray level the mediastinum can be seen: what is black beside it is no picture that is black everywhere.
const MEDIASTINUM_SEEN: f32 = 20.0;

/// A part of a picture, in shares of its width and height.
#[derive(Clone, Copy)]
struct Part {
    x: [f32; 2],
    y: [f32; 2],
}

/// Where the lungs lie in most chest slices.
const LUNGS: [Part; 2] = [Part { x: [0.15, 0.38], y: [0.3, 0.7] }, Part { x: [0.62, 0.85], y: [0.3, 0.7] }];
/// Where the mediastinum lies between them.
const MEDIASTINUM: Part = Part { x: [0.44, 0.56], y: [0.3, 0.7] };
/// The outermost twentieth on each side: top, bottom, left, right.
const BORDER: [Part; 4] = [
    Part { x: [0.0, 1.0], y: [0.0, 0.05] },
    Part { x: [0.0, 1.0], y: [0.95, 1.0] },
    Part { x: [0.0, 0.05], y: [0.05, 0.95] },
    Part { x: [0.95, 1.0], y: [0.05, 0.95] },
];

impl Part {
    /// The gray levels of this part of a picture, row by row.
    fn levels(self, scaled: &Scaled) -> impl Iterator<Item = f32> {
        let edges = |shares: [f32; 2]| shares.map(|share| (share * scaled.width as f32) as usize);
        let ([left, right], [top, bottom]) = (edges(self.x), edges(self.y));
        scaled
            .gray
            .chunks_exact(scaled.width)
            .skip(top)
            .take(bottom - top)
            .flat_map(move |row| &row[left..right])
            .copied()
    }

    /// Its mean gray level.
    fn mean(self, scaled: &Scaled) -> f32 {
        let (mut sum, mut pixels) = (0f32, 0f32);
        for level in self.levels(scaled) {
            sum += level;
            pixels += 1.0;
        }
        sum / pixels
    }
}

/// Which images a network is for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// By DICOM's (0008,0060); none for any.
    pub modality: &'a [String],
    /// What to choose instead of what was refused, such as "an axial slice of a chest CT".
    pub choose: &'a str,
}

/// What the file says: modality, scout view, orientation, Hounsfield scale, size. `None` lets the slice pass.
pub fn check_origin(gate: &Gate, origin: &Origin, picture: &Picture, wanted: Wanted) -> Option<Refusal> {
    let Wanted { modality: known, choose } = wanted;
    let (code, message) = match origin.modality.as_deref() {
        Some(modality) if !known.is_empty() && known.iter().all(|known| known != modality) => match known {
            [only] if only == "CT" => (
                "not_ct",
                format!("The file says that it is no CT image (its modality is {modality}). Choose {choose}."),
            ),
            _ => (
                "modality",
                format!(
                    "The file says that its modality is {modality}, and this network reads {}. Choose {choose}.",
                    known.join(", ")
                ),
            ),
        },
        _ if gate.axial && origin.localizer => (
            "localizer",
            "This is the scout view that the scan was planned on. Choose an axial slice of the series.".to_string(),
        ),
        _ if gate.axial && origin.oblique => (
            "not_axial",
            "The file says that this slice does not lie across the body. Choose an axial slice.".to_string(),
        ),
        _ if origin.unscaled => (
            "no_scale",
            "The file does not say how its values become Hounsfield units (it has no rescale intercept). \
             Choose the original CT series."
                .to_string(),
        ),
        _ if gate.is_too_small(origin, picture) => (
            "too_small",
            format!(
                "The image has {} x {} pixels; {} cannot be judged below {}. Export the slice at its full size.",
                seen(origin, picture).0,
                seen(origin, picture).1,
                if gate.least_lung.is_some() { "the lungs" } else { "it" },
                gate.least_side
            ),
        ),
        _ => return None,
    };
    Some(Refusal { code, message })
}

/// Columns and rows of what can be seen of a picture.
fn seen(origin: &Origin, picture: &Picture) -> (usize, usize) {
    origin.part.map_or((picture.width, picture.height), |part| (part.width, part.height))
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
/// beside a bright mediastinum, colour and shape. The input must be square.
pub fn statistics(scaled: &Scaled, origin: &Origin) -> [f32; STATISTICS.len()] {
    let (size, gray) = (scaled.width, &scaled.gray);
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

    let mean_of = |parts: &[Part]| parts.iter().map(|part| part.mean(scaled)).sum::<f32>() / parts.len() as f32;
    let border = mean_of(&BORDER);
    let lungs = mean_of(&LUNGS);
    let mediastinum = MEDIASTINUM.mean(scaled);

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

/// The share of the lungs' pixels that are plain black, each pixel counting as much as its cell of `lung` is lung; NaN without any lung.
pub fn black_share(scaled: &Scaled, lung: &Map) -> f32 {
    let (mut area, mut black) = (0f64, 0f64);
    for (y, row) in scaled.gray.chunks_exact(scaled.width).enumerate() {
        let cells = &lung.values[y * lung.height / scaled.height * lung.width..][..lung.width];
        for (x, level) in row.iter().enumerate() {
            let held = f64::from(cells[x * lung.width / scaled.width]);
            area += held;
            black += if *level < BLACK { held } else { 0.0 };
        }
    }
    (black / area) as f32
}

/// Whether the picture shows black where most chest slices have lungs, beside a mediastinum that can be seen.
pub fn shows_black_lungs(scaled: &Scaled) -> bool {
    let (mut black, mut pixels) = (0f32, 0f32);
    for level in LUNGS.iter().flat_map(|part| part.levels(scaled)) {
        black += if level < BLACK { 1.0 } else { 0.0 };
        pixels += 1.0;
    }
    black > MOSTLY_BLACK * pixels && MEDIASTINUM.mean(scaled) > MEDIASTINUM_SEEN
}

/// The gate's numbers, from model.toml. What is missing is not asked; without any, every image of a known modality is judged.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Gate {
    /// Whether scout views and slices that do not lie across the body are refused.
    pub axial: bool,
    /// The shortest side of a picture, in pixels, in which anything can be judged.
    pub least_side: usize,
    /// The least share of the slice that must be lung, 0..1.
    pub least_lung: Option<f32>,
    /// The greatest share of the lungs that may be plain black, 0..1.
    pub most_black: Option<f32>,
    /// Of what a picture looks like.
    pub statistics: Option<StatisticsGate>,
    /// Of what the network sees in it.
    pub embedding: Option<EmbeddingGate>,
    /// Of both together, against foreign pictures.
    pub foreign: Option<ForeignGate>,
}

/// A Gaussian over [`statistics`].
#[derive(Debug, Clone, PartialEq, Serialize)]
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

impl StatisticsGate {
    /// The squared Mahalanobis distance of a picture's [`statistics`] from those of training.
    pub fn distance(&self, values: &[f32; STATISTICS.len()]) -> f32 {
        let off: Vec<f32> = values.iter().zip(&self.mean).map(|(value, mean)| value - mean).collect();
        let product = |row: &[f32]| row.iter().zip(&off).map(|(factor, value)| factor * value).sum::<f32>();
        off.iter().zip(&self.precision).map(|(value, row)| value * product(row)).sum()
    }
}

/// A Gaussian with independent components over the network's whitened embedding.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EmbeddingGate {
    /// By value of the embedding.
    pub mean: Vec<f32>,
    /// By value of the embedding; all are positive.
    pub std: Vec<f32>,
    /// Sum of the squared deviations, in standard deviations, above which a slice is refused.
    pub limit: f32,
}

impl EmbeddingGate {
    /// The sum of an embedding's squared deviations from those of training, in standard deviations.
    pub fn distance(&self, embedding: &[f32]) -> f32 {
        let known = self.mean.iter().zip(&self.std);
        embedding.iter().zip(known).map(|(value, (mean, std))| ((value - mean) / std).powi(2)).sum()
    }
}

/// A logistic regression of foreign pictures against chest-CT slices.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ForeignGate {
    /// For the values of [`statistics`], then for those of the network's embedding.
    pub weights: Vec<f32>,
    /// Added to the weighted sum, which refuses a slice above 0.
    pub bias: f32,
}

impl Gate {
    /// Fails unless the numbers fit each other and this version's [`STATISTICS`]; the text says which do not.
    pub fn check(&self) -> std::result::Result<(), String> {
        let Gate { statistics, embedding, foreign, .. } = self;
        let n = STATISTICS.len();
        if let Some(StatisticsGate { names, mean, precision, limit }) = statistics {
            if *names != STATISTICS {
                return Err(format!(
                    "its statistics are others ({}); here are {}",
                    names.join(", "),
                    STATISTICS.join(", ")
                ));
            }
            if mean.len() != n || precision.len() != n || precision.iter().any(|row| row.len() != n) {
                return Err(format!("statistics need {n} means and {n} x {n} precisions"));
            }
            finite(mean.iter().chain(precision.iter().flatten()).chain([limit]))?;
        }
        let mut values = n;
        if let Some(EmbeddingGate { mean, std, limit }) = embedding {
            if mean.len() != std.len() || std.iter().any(|std| std.is_nan() || *std <= 0.0) {
                return Err("embedding needs as many means as positive deviations".to_string());
            }
            finite(mean.iter().chain(std).chain([limit]))?;
            values += mean.len();
        }
        if let Some(ForeignGate { weights, bias }) = foreign {
            if weights.len() < values || (embedding.is_some() && weights.len() != values) {
                return Err(format!("foreign needs {values} weights, {n} of them for the statistics"));
            }
            finite(weights.iter().chain([bias]))?;
        }
        finite(self.least_lung.iter().chain(&self.most_black))
    }

    /// Fails unless the numbers fit an embedding of so many values.
    ///
    /// # Errors
    /// [`Error::Model`] for another number of values.
    pub fn check_size(&self, values: usize) -> Result<()> {
        let expected = self.embedding.as_ref().map(|gate| gate.mean.len());
        let of_foreign = self.foreign.as_ref().map(|gate| gate.weights.len().saturating_sub(STATISTICS.len()));
        match expected.or(of_foreign) {
            Some(expected) if expected != values => {
                Err(Error::Model(format!("its embedding has {values} values, the gate knows {expected}")))
            }
            _ => Ok(()),
        }
    }

    /// Whether so little can be seen that nothing can be judged. Such a picture need not be shown to the network.
    pub fn is_too_small(&self, origin: &Origin, picture: &Picture) -> bool {
        let (width, height) = seen(origin, picture);
        width.min(height) < self.least_side
    }

    /// All that is asked of a picture and of what the network says of it, in order. `None` lets it pass.
    ///
    /// Whatever the reason, a picture whose lungs are plainly black is refused for that: it is what a person can mend.
    pub fn check_picture(&self, scaled: &Scaled, origin: &Origin, outputs: &Outputs) -> Option<Refusal> {
        let Outputs { lung, embedding, .. } = outputs;
        let lung = lung.as_ref();
        let black = lung.map(|lung| black_share(scaled, lung));
        let hidden = || lung.zip(black).and_then(|(lung, black)| self.check_black(black, lung));
        hidden().or_else(|| {
            let asks = self.statistics.is_some() || self.foreign.is_some();
            let statistics = asks.then(|| statistics(scaled, origin));
            let refusal = statistics
                .and_then(|statistics| self.check_statistics(&statistics))
                .or_else(|| lung.and_then(|lung| self.check_lungs(lung)))
                .or_else(|| self.check_embedding(embedding))
                .or_else(|| statistics.and_then(|statistics| self.check_foreign(&statistics, embedding)))?;
            let knows_lungs = self.most_black.is_some();
            let is_mostly_black = |(lung, black): (&Map, f32)| self.has_lungs(lung) && black > MOSTLY_BLACK;
            let are_black = knows_lungs && (shows_black_lungs(scaled) || lung.zip(black).is_some_and(is_mostly_black));
            Some(if are_black { not_visible() } else { refusal })
        })
    }

    /// Whether the window leaves the lungs, where there are any, anything but black; `share` of them is. `None` lets it pass.
    pub fn check_black(&self, share: f32, lung: &Map) -> Option<Refusal> {
        let most = self.most_black?;
        (self.has_lungs(lung) && share > most).then(not_visible)
    }

    /// Whether the picture looks like a chest-CT slice. `None` lets it pass.
    pub fn check_statistics(&self, values: &[f32; STATISTICS.len()]) -> Option<Refusal> {
        let gate = self.statistics.as_ref()?;
        is_beyond(gate.distance(values), gate.limit).then(not_like_ct)
    }

    /// Whether the network finds lungs. `None` lets it pass.
    pub fn check_lungs(&self, lung: &Map) -> Option<Refusal> {
        (!self.has_lungs(lung)).then(|| Refusal {
            code: "no_lungs",
            message: "No lungs were found in this picture, or too little of them. \
                      Choose an axial slice of a chest CT that shows the lungs."
                .to_string(),
        })
    }

    /// A share that is not a number is not enough.
    fn has_lungs(&self, lung: &Map) -> bool {
        let share = lung.values.iter().sum::<f32>() / lung.values.len() as f32;
        self.least_lung.is_none_or(|least| share >= least)
    }

    /// Whether the network knows the like of it. `None` lets it pass.
    pub fn check_embedding(&self, embedding: &[f32]) -> Option<Refusal> {
        let gate = self.embedding.as_ref()?;
        is_beyond(gate.distance(embedding), gate.limit).then(|| Refusal {
            code: "unfamiliar",
            message: "The network was trained on nothing like this picture, so its score would mean nothing. \
                      Choose an axial slice of a chest CT that shows the lungs."
                .to_string(),
        })
    }

    /// Whether it is told from foreign pictures. `None` lets it pass.
    pub fn check_foreign(&self, statistics: &[f32; STATISTICS.len()], embedding: &[f32]) -> Option<Refusal> {
        let ForeignGate { weights, bias } = self.foreign.as_ref()?;
        let values = statistics.iter().chain(embedding);
        let score = weights.iter().zip(values).map(|(weight, value)| weight * value).sum::<f32>() + bias;
        (!score.is_finite() || score > 0.0).then(not_like_ct)
    }
}

fn finite<'a>(mut numbers: impl Iterator<Item = &'a f32>) -> std::result::Result<(), String> {
    if numbers.all(|number| number.is_finite()) { Ok(()) } else { Err("a number of it is not finite".to_string()) }
}

fn not_like_ct() -> Refusal {
    Refusal {
        code: "not_like_ct",
        message: "The picture does not look like an axial chest-CT slice (gray levels, texture or layout). \
                  Choose a slice that shows both lungs, without screenshots or photographs of a screen around it."
            .to_string(),
    }
}

fn not_visible() -> Refusal {
    Refusal {
        code: "lungs_not_visible",
        message: "The window of this picture hides the lungs: export it in a lung window (center -600, width 1500)."
            .to_string(),
    }
}

/// A distance that is not a number is not within any limit.
fn is_beyond(distance: f32, limit: f32) -> bool {
    distance.is_nan() || distance > limit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::InputSettings;

    fn of(gray: Vec<u8>, size: usize) -> [f32; STATISTICS.len()] {
        let picture = Picture { width: size, height: size, gray, colours: None };
        let settings = InputSettings { height: size, width: size, ..InputSettings::default() };
        statistics(&Scaled::new(&picture, None, &settings), &Origin::default())
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

    const CT: Wanted<'static> = Wanted { modality: &[], choose: "a slice" };

    #[test]
    fn other_modalities_are_refused_by_name() {
        let gray = Picture { width: 64, height: 64, gray: vec![0; 4096], colours: None };
        let told = |known: &[&str], modality: Option<&str>| {
            let known: Vec<String> = known.iter().map(|known| known.to_string()).collect();
            let origin = Origin { modality: modality.map(str::to_string), ..Origin::default() };
            let wanted = Wanted { modality: &known, choose: "a radiograph" };
            check_origin(&Gate::default(), &origin, &gray, wanted)
        };
        for (known, modality) in [(&[][..], Some("MR")), (&["CR", "DX"], Some("DX")), (&["CR"], None)] {
            assert_eq!(told(known, modality), None);
        }
        let Refusal { code, message } = told(&["CR", "DX"], Some("MR")).unwrap();
        let text = "The file says that its modality is MR, and this network reads CR, DX. Choose a radiograph.";
        assert_eq!((code, &message[..]), ("modality", text));
        assert_eq!(told(&["CT"], Some("MR")).unwrap().code, "not_ct");
    }

    #[test]
    fn a_side_of_48_pixels_is_enough() {
        let check = |width, height| {
            let picture = Picture { width, height, gray: vec![0; width * height], colours: None };
            check_origin(&gate(), &Origin::default(), &picture, CT).map(|refusal| refusal.code)
        };
        assert_eq!(check(48, 400), None);
        assert_eq!(check(400, 47), Some("too_small"));
    }

    /// Statistics within 2 of 0, two values of an embedding likewise, and foreign where these and the first statistic sum up to over 3.
    fn gate() -> Gate {
        let n = STATISTICS.len();
        Gate {
            axial: true,
            least_side: 48,
            statistics: Some(StatisticsGate {
                names: STATISTICS.map(String::from).to_vec(),
                mean: vec![0.0; n],
                precision: (0..n).map(|i| (0..n).map(|j| f32::from(u8::from(i == j))).collect()).collect(),
                limit: 4.0,
            }),
            embedding: Some(EmbeddingGate { mean: vec![0.0; 2], std: vec![1.0; 2], limit: 4.0 }),
            foreign: Some(ForeignGate {
                weights: (0..n + 2).map(|i| f32::from(u8::from(i == 0 || i >= n))).collect(),
                bias: -3.0,
            }),
            least_lung: Some(0.25),
            most_black: Some(0.9),
        }
    }

    #[test]
    fn numbers_that_do_not_fit_are_no_gate() {
        gate().check().unwrap();
        let spoilt: [fn(&mut Gate); 4] = [
            |gate| gate.embedding.as_mut().unwrap().limit = f32::NAN,
            |gate| gate.foreign.as_mut().unwrap().bias = f32::INFINITY,
            |gate| gate.most_black = Some(f32::NAN),
            |gate| gate.foreign.as_mut().unwrap().weights.truncate(13),
        ];
        for spoil in spoilt {
            let mut open = gate();
            spoil(&mut open);
            assert!(open.check().is_err());
        }
        let mut without = Gate { embedding: None, ..gate() };
        without.check().unwrap();
        without.foreign.as_mut().unwrap().weights.truncate(STATISTICS.len() - 1);
        assert!(without.check().is_err(), "each of the statistics needs a weight");
    }

    #[test]
    fn a_weighted_sum_above_0_is_foreign() {
        let gate = gate();
        let mut values = [0.0; 13];
        values[0] = 1.0;
        values[1] = 100.0;
        assert!(gate.check_foreign(&values, &[1.0, 1.0]).is_none());
        assert_eq!(gate.check_foreign(&values, &[1.0, 1.1]).unwrap().code, "not_like_ct");
        assert_eq!(gate.check_foreign(&values, &[1.0, f32::NAN]).unwrap().code, "not_like_ct");
        assert_eq!(gate.check_foreign(&values, &[f32::NEG_INFINITY, 0.0]).unwrap().code, "not_like_ct");
    }

    /// A picture of 40 x 40 pixels, and four cells of lung.
    fn pair(level: impl Fn(usize, usize) -> f32, lung: [f32; 4]) -> (Scaled, Map) {
        let inside = crate::preprocess::Inside { left: 0, top: 0, width: 40, height: 40 };
        let gray = (0..1600).map(|at| level(at % 40, at / 40)).collect();
        let scaled = Scaled { width: 40, height: 40, gray, colours: None, inside, view: inside.into() };
        (scaled, Map { width: 2, height: 2, values: lung.to_vec() })
    }

    #[test]
    fn black_counts_by_the_lung_of_its_cell() {
        // Of the upper left cell one quarter is black, of the upper right one all, and all below; levels of 3 and more are not.
        let level = |x: usize, y: usize| if (x < 10 && y < 10) || x >= 20 || y >= 20 { 2.9 } else { 3.0 };
        let (scaled, lung) = pair(level, [1.0, 0.5, 0.0, 0.0]);
        assert_eq!(black_share(&scaled, &lung), 0.5);
        let gate = gate();
        assert!(gate.check_black(0.9, &lung).is_none());
        assert_eq!(gate.check_black(0.91, &lung).unwrap().code, "lungs_not_visible");
        let (scaled, none) = pair(level, [0.0; 4]);
        assert!(black_share(&scaled, &none).is_nan());
        assert!(gate.check_black(1.0, &none).is_none(), "what is no lung may be black");
    }

    #[test]
    fn black_beside_a_mediastinum_is_lungs() {
        let body = |mediastinum: f32, lungs: f32| {
            move |x: usize, _: usize| {
                if (17..23).contains(&x) {
                    mediastinum
                } else if (5..35).contains(&x) {
                    lungs
                } else {
                    100.0
                }
            }
        };
        let shows = |mediastinum, lungs| shows_black_lungs(&pair(body(mediastinum, lungs), [0.0; 4]).0);
        assert!(shows(120.0, 0.0) && shows(21.0, 2.0));
        assert!(!shows(20.0, 0.0), "all of it is dark");
        assert!(!shows(120.0, 3.0), "the lungs are not black");
        let right = |x: usize, y: usize| if x > 23 && y < 20 { 100.0 } else { body(120.0, 0.0)(x, y) };
        assert!(shows_black_lungs(&pair(right, [0.0; 4]).0), "three quarters are enough");
        let less = |x: usize, y: usize| if x > 23 { 100.0 } else { body(120.0, 0.0)(x, y) };
        assert!(!shows_black_lungs(&pair(less, [0.0; 4]).0), "half is not");
    }

    #[test]
    fn black_lungs_are_the_reason_wherever_they_are_seen() {
        let outputs = |lung: Map, embedding: Vec<f32>| {
            let nothing = Map { values: vec![0.0; 4], ..lung.clone() };
            let opacity = crate::outputs::OpacityMaps { ground_glass: nothing.clone(), consolidation: nothing.clone() };
            Outputs { scores: vec![0.0], maps: vec![nothing], opacity: Some(opacity), lung: Some(lung), embedding }
        };
        let mut gate = gate();
        gate.statistics.as_mut().unwrap().limit = f32::MAX;
        gate.foreign.as_mut().unwrap().bias = f32::MIN;
        let code = |gate: &Gate, (scaled, lung): (Scaled, Map), embedding: [f32; 2]| {
            let refusal = gate.check_picture(&scaled, &Origin::default(), &outputs(lung, embedding.to_vec()));
            refusal.map(|refusal| refusal.code)
        };
        let chest = |lungs: f32| {
            move |x: usize, y: usize| match x {
                17..23 => 120.0,
                5..35 if (8..32).contains(&y) => lungs,
                _ => 100.0,
            }
        };
        // What passes, for want of lung, what is unknown and what is foreign; then the same where the lungs are black.
        let (mut foreign, mut unlike) = (gate.clone(), gate.clone());
        foreign.foreign.as_mut().unwrap().bias = f32::MAX;
        unlike.statistics.as_mut().unwrap().limit = 0.0;
        for (gate, lung, embedding, plain, black) in [
            (&gate, 1.0, 0.0, None, None),
            (&gate, 0.0, 0.0, Some("no_lungs"), Some("lungs_not_visible")),
            (&gate, 1.0, 3.0, Some("unfamiliar"), Some("lungs_not_visible")),
            (&foreign, 1.0, 0.0, Some("not_like_ct"), Some("lungs_not_visible")),
            (&unlike, 1.0, 0.0, Some("not_like_ct"), Some("lungs_not_visible")),
        ] {
            assert_eq!(code(gate, pair(chest(60.0), [lung; 4]), [embedding, 0.0]), plain);
            assert_eq!(code(gate, pair(chest(0.0), [lung; 4]), [embedding, 0.0]), black);
        }
        // Where the network finds lungs elsewhere than most slices have them, those count.
        let low = |_: usize, y: usize| if y >= 20 { 0.0 } else { 100.0 };
        assert_eq!(code(&gate, pair(low, [0.0, 0.0, 1.0, 1.0]), [0.0; 2]), Some("lungs_not_visible"));
        assert_eq!(code(&gate, pair(low, [1.0, 1.0, 1.0, 0.5]), [3.0, 0.0]), Some("unfamiliar"));
        assert_eq!(code(&gate, pair(low, [1.0, 0.5, 1.0, 1.0]), [3.0, 0.0]), Some("lungs_not_visible"));
    }

    #[test]
    fn what_is_not_a_number_is_refused() {
        let gate = gate();
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

    #[test]
    fn what_has_no_numbers_is_not_asked() {
        let nothing =
            || Outputs { scores: vec![0.0], maps: Vec::new(), opacity: None, lung: None, embedding: Vec::new() };
        let (scaled, _) = pair(|_, _| 0.0, [0.0; 4]);
        assert_eq!(Gate::default().check_picture(&scaled, &Origin::default(), &nothing()), None);
        let strict = gate().statistics.map(|statistics| StatisticsGate { limit: 0.0, ..statistics });
        let alone = Gate { statistics: strict, ..Gate::default() };
        let refusal = alone.check_picture(&scaled, &Origin::default(), &nothing()).map(|refusal| refusal.code);
        assert_eq!(refusal, Some("not_like_ct"));
    }
}
