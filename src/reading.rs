//! Outputs to a reading: calibrated score, verdict, refusal, map. Its JSON is the contract's line.

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::error::Error;
use crate::gate::Refusal;
use crate::likeness::Likeness;
use crate::model::{Activation, Class, Model, OperatingPoint};
use crate::opacity::Opacity;
use crate::operating_point::{Batch, Local};
use crate::outputs::{Map, OpacityMaps};
use crate::place::Place;
use crate::preprocess::View;
use crate::slice::{Origin, Picture};
use crate::window::Window;

/// What LungGlass says of one slice.
#[derive(Debug, Clone, Serialize)]
pub struct Reading {
    /// As the host named it.
    pub file: String,
    /// From 0, `None` for single frames.
    pub frame: Option<usize>,
    /// What the score means, or why there is none.
    pub verdict: Verdict,
    /// The id of the class that the verdict is on, for networks of several classes; `None` for those of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Calibrated, 0..1, of that class; `None` when refused or unreadable.
    pub score: Option<f32>,
    /// What the network gives for that class; given for every slice that was decoded, refused ones too.
    pub logit: Option<f32>,
    /// Of every class, for networks of several; `None` for those of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classes: Option<ClassScores>,
    /// Always empty.
    pub findings: Findings,
    /// `None` when refused or unreadable.
    pub opacity: Option<Opacity>,
    /// Why it was not judged; given with [`Verdict::Refused`].
    pub refusal: Option<Refusal>,
    /// Why it could not be read; given with [`Verdict::Error`].
    pub error: Option<Failure>,
    /// `None` when unreadable.
    pub source: Option<SourceInfo>,
    /// The network that was asked.
    pub model: ModelName,
    /// What ran the network.
    pub device: &'static str,
    /// How long it took.
    pub ms: Milliseconds,
    /// What groups and orders slices. Not part of the JSON line.
    #[serde(skip)]
    pub place: Place,
    /// Where the logit comes from; `None` when unreadable. Not part of the JSON line.
    #[serde(skip)]
    pub map: Option<Map>,
    /// The share of each cell that is lung, 0..1; `None` when unreadable. Not part of the JSON line.
    #[serde(skip)]
    pub lung: Option<Map>,
    /// Where the lungs are opaque; `None` when unreadable. Not part of the JSON line.
    #[serde(skip)]
    pub opacity_maps: Option<OpacityMaps>,
    /// Columns and rows of the slice as it is shown, with square pixels; `None` when unreadable. Not part of the JSON line.
    #[serde(skip)]
    pub shown: Option<[usize; 2]>,
    /// Millimetres from column to column, and from row to row, of the slice as it is shown; `None` where the file does not say it. Not
    /// part of the JSON line.
    #[serde(skip)]
    pub spacing: Option<[f64; 2]>,
    /// The slice as it was windowed; `None` when unreadable. Not part of the JSON line.
    #[serde(skip)]
    pub picture: Option<Picture>,
    /// How near it is to the slices of training; `None` when unreadable, and for a network that says
    /// nothing of its training's. Not part of the JSON line.
    #[serde(skip)]
    pub likeness: Option<Likeness>,
}

/// What a slice shows beside its opacity: nothing that has been measured, so always `{}`. Programs that read the key find it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Findings {}

/// The scores of all classes; `null` in JSON when there are none, as the slice was refused or could not be read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClassScores(pub Vec<ClassScore>);

/// What one of several classes has.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassScore {
    /// The class.
    pub id: String,
    /// Calibrated, 0..1.
    pub score: f32,
}

/// `{id: score}`, in the order of model.toml.
impl Serialize for ClassScores {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_empty() {
            return serializer.serialize_none();
        }
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for ClassScore { id, score } in &self.0 {
            map.serialize_entry(id, score)?;
        }
        map.end()
    }
}

/// The verdict on one slice; not a diagnosis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The score speaks for COVID-19.
    Positive,
    /// The score speaks against it.
    Negative,
    /// The score lies in the uncertain band.
    Uncertain,
    /// The gate let it not pass.
    Refused,
    /// The slice could not be read.
    Error,
}

/// An [`Error`] in a reading.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failure {
    /// A stable word for programs.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub message: String,
}

/// What the file said, as readings show it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceInfo {
    /// Of the file: "PNG", "DICOM" and so on.
    pub format: &'static str,
    /// "CT", "MR" and so on; `None` where the file does not say.
    pub modality: Option<String>,
    /// The UID; `None` where the file is no DICOM.
    pub transfer_syntax: Option<String>,
    /// Where rows and columns run to in the patient, as the slice is read and shown: "L\\P" for every axial slice whose file says how it
    /// lies; `None` where it does not say it.
    pub orientation: Option<String>,
    /// What was read against the letter of the file; empty where the file is as it should be.
    pub notes: Vec<String>,
    /// The window that made gray levels of Hounsfield units; `None` where the file had gray levels.
    pub window: Option<Window>,
    /// Of the slice as the file has it, in pixels. Where these are not square, it is shown and read with more of them.
    pub width: usize,
    /// Of the slice as the file has it, in pixels.
    pub height: usize,
}

/// Which network it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelName {
    /// What it is called.
    pub name: String,
    /// Which of that name.
    pub version: String,
    /// Of the ONNX file, in lower-case hexadecimal.
    pub sha256: String,
    /// The local operating point that the verdict is by; the JSON line has the key only where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operating_point: Option<Local>,
}

/// How long each step took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Milliseconds {
    /// From bytes to pixels.
    pub decode: f64,
    /// From pixels to the network's input.
    pub preprocess: f64,
    /// The network.
    pub graph: f64,
}

impl Verdict {
    /// The verdict on a score that passed the gate.
    pub fn of(score: f32, point: &OperatingPoint) -> Verdict {
        let [lo, hi] = point.uncertain;
        if lo < hi && (lo..=hi).contains(&score) {
            Verdict::Uncertain
        } else if score >= point.threshold {
            Verdict::Positive
        } else {
            Verdict::Negative
        }
    }

    /// The word of the JSON line.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Positive => "positive",
            Verdict::Negative => "negative",
            Verdict::Uncertain => "uncertain",
            Verdict::Refused => "refused",
            Verdict::Error => "error",
        }
    }
}

/// The calibrated score of a logit, 0..1.
pub fn score(logit: f32, temperature: f32) -> f32 {
    1.0 / (1.0 + (-logit / temperature).exp())
}

/// The logarithm of the odds of a score, which scores are ranked by; finite for scores that are 0 or 1 as far as their digits go.
pub fn log_odds(score: f32) -> f64 {
    let score = f64::from(score).clamp(1e-12, 1.0 - 1e-12);
    (score / (1.0 - score)).ln()
}

/// The calibrated scores of a network's values, 0..1, one for each class.
///
/// # Errors
/// [`Error::Argument`] where a network that says that its values are scores gives others.
pub fn scores(values: &[f32], activation: Activation, temperature: f32) -> std::result::Result<Vec<f32>, Error> {
    match activation {
        Activation::Sigmoid => Ok(values.iter().map(|value| score(*value, temperature)).collect()),
        Activation::Softmax => {
            let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let powers: Vec<f32> = values.iter().map(|value| ((value - most) / temperature).exp()).collect();
            let sum: f32 = powers.iter().sum();
            Ok(powers.into_iter().map(|power| power / sum).collect())
        }
        Activation::None => {
            // A sum of rounded numbers may be over 1 by their last digits.
            if let Some(value) = values.iter().find(|value| !(-1e-4..=1.0001).contains(*value)) {
                let text = "is no score from 0 to 1, as model.toml says by activation = \"none\"; name its activation";
                return Err(Error::Argument(format!("the network's value {value} {text}")));
            }
            Ok(values.iter().map(|value| value.clamp(0.0, 1.0)).collect())
        }
    }
}

/// Which class the verdict on these scores is about, and the verdict. Of one class it is that one. Where classes share 1 it is the highest:
/// "uncertain" within its band or below its threshold, else "positive" if it is looked for and "negative" if not. Where each class is by
/// itself, it is the highest of those that are looked for: of the positive ones, else of the uncertain ones, else of all.
pub fn judge(scores: &[f32], classes: &[Class], activation: Activation) -> (usize, Verdict) {
    let highest = |is_asked: &dyn Fn(usize) -> bool| {
        let asked = (0..scores.len()).filter(|at| is_asked(*at));
        asked.reduce(|best, at| if scores[at] > scores[best] { at } else { best })
    };
    let own = |at: usize| Verdict::of(scores[at], &classes[at].point);
    if classes.len() > 1 && activation != Activation::Sigmoid {
        let top = highest(&|_| true).unwrap_or(0);
        let verdict = match own(top) {
            Verdict::Positive if !classes[top].alert => Verdict::Negative,
            Verdict::Positive => Verdict::Positive,
            _ => Verdict::Uncertain,
        };
        return (top, verdict);
    }
    let has_alert = classes.iter().any(|class| class.alert);
    let is_asked = |at: usize| classes[at].alert || !has_alert;
    for verdict in [Verdict::Positive, Verdict::Uncertain] {
        if let Some(at) = highest(&|at| is_asked(at) && own(at) == verdict) {
            let is_found = verdict == Verdict::Positive && !classes[at].alert;
            return (at, if is_found { Verdict::Negative } else { verdict });
        }
    }
    (highest(&is_asked).unwrap_or(0), Verdict::Negative)
}

impl Reading {
    /// Counts it in a batch, by its patient, its series or the file that it is one of several slices of. One that could not be read says
    /// nothing.
    pub fn count_in(&self, batch: &mut Batch) {
        // What the words for patients and series are made with; no output holds them.
        const SALT: &[u8] = b"batch";
        if self.verdict == Verdict::Error {
            return;
        }
        let named = self.place.patient.or(self.place.series).map(|uid| uid.key(SALT));
        let file = || self.frame.map(|_| self.file.clone());
        let likeness = self.likeness.as_ref();
        let distances = likeness.map(|likeness| [likeness.embedding, likeness.gray_levels]).unwrap_or_default();
        batch.add(named.or_else(file), self.verdict == Verdict::Refused, distances);
    }

    /// The reading of a slice, or of a whole file, that could not be read.
    pub fn unreadable(file: &str, frame: Option<usize>, error: &Error, model: &Model, device: &'static str) -> Reading {
        Reading {
            file: file.to_string(),
            frame,
            verdict: Verdict::Error,
            class: None,
            score: None,
            logit: None,
            classes: model.has_classes().then(ClassScores::default),
            findings: Findings {},
            opacity: None,
            refusal: None,
            error: Some(Failure { code: error.code(), message: error.to_string() }),
            source: None,
            model: model.into(),
            device,
            ms: Milliseconds::default(),
            place: Place::default(),
            map: None,
            lung: None,
            opacity_maps: None,
            shown: None,
            spacing: None,
            picture: None,
            likeness: None,
        }
    }
}

impl SourceInfo {
    /// What `origin` says of a slice that became `picture` through `window`.
    pub fn new(origin: &Origin, window: Option<Window>, picture: &Picture) -> SourceInfo {
        SourceInfo {
            format: origin.format,
            modality: origin.modality.clone(),
            transfer_syntax: origin.transfer_syntax.clone(),
            orientation: origin.orientation.clone(),
            notes: origin.notes.clone(),
            window,
            width: origin.stored.map_or(picture.width, |[width, _]| width),
            height: origin.stored.map_or(picture.height, |[_, height]| height),
        }
    }
}

impl From<&Model> for ModelName {
    fn from(model: &Model) -> ModelName {
        let Model { name, version, sha256, local, .. } = model;
        ModelName {
            name: name.clone(),
            version: version.clone(),
            sha256: sha256.clone(),
            operating_point: local.clone(),
        }
    }
}

/// The map of a picture of which `map` is the rectangle `view`: as many cells over the whole, interpolated linearly, and beside that
/// rectangle alike and lowest. The mean of all cells is `mean`, if there is one to keep.
pub fn over_picture(map: Map, view: View, picture: &Picture, mean: Option<f32>) -> Map {
    let Map { width, height, values } = map;
    if view == (View { left: 0.0, top: 0.0, width: picture.width as f32, height: picture.height as f32 }) {
        return Map { width, height, values };
    }
    let lowest = values.iter().copied().fold(f32::INFINITY, f32::min);
    // Where the centre of cell `cell` of `cells` lies among the cells of the rectangle.
    let place = |cell: usize, cells: usize, from: f32, length: f32, of: usize| {
        let share = ((cell as f32 + 0.5) / cells as f32 * of as f32 - from) / length;
        (0.0..1.0).contains(&share).then(|| (share * cells as f32 - 0.5).clamp(0.0, cells as f32 - 1.0))
    };
    let at = |x: f32, y: f32| {
        let (x0, y0) = (x as usize, y as usize);
        let (x1, y1) = ((x0 + 1).min(width - 1), (y0 + 1).min(height - 1));
        let row = |y: usize| {
            let (one, other) = (values[y * width + x0], values[y * width + x1]);
            one + (other - one) * (x - x0 as f32)
        };
        row(y0) + (row(y1) - row(y0)) * (y - y0 as f32)
    };
    let columns: Vec<_> = (0..width).map(|cell| place(cell, width, view.left, view.width, picture.width)).collect();
    let mut spread = Vec::with_capacity(values.len());
    for cell in 0..height {
        let y = place(cell, height, view.top, view.height, picture.height);
        spread.extend(columns.iter().map(|x| x.zip(y).map_or(lowest, |(x, y)| at(x, y))));
    }
    if let Some(mean) = mean {
        let found = spread.iter().map(|&value| f64::from(value)).sum::<f64>() / spread.len() as f64;
        let more = (f64::from(mean) - found) as f32;
        spread.iter_mut().for_each(|value| *value += more);
    }
    Map { width, height, values: spread }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_lies_over_the_part_that_it_is_of() {
        let map = Map { width: 8, height: 8, values: (0..64).map(|at| if at == 27 { 9.0 } else { 1.0 }).collect() };
        let picture = Picture { width: 160, height: 100, gray: vec![0; 16_000], colours: None };
        let whole = View { left: 0.0, top: 0.0, width: 160.0, height: 100.0 };
        assert_eq!(over_picture(map.clone(), whole, &picture, Some(7.0)), map);
        // The left half: what was in the fourth column is in the second.
        let half = View { width: 80.0, ..whole };
        let spread = over_picture(map, half, &picture, Some(2.0));
        let best = (0..64).max_by(|a, b| spread.values[*a].total_cmp(&spread.values[*b])).unwrap();
        assert_eq!((best % 8, best / 8), (1, 3));
        assert!((0..8).all(|y| (4..8).all(|x| spread.values[8 * y + x] == spread.values[7])), "alike beside it");
        assert!((spread.values.iter().sum::<f32>() / 64.0 - 2.0).abs() < 1e-6);
    }

    #[test]
    fn verdicts_follow_the_operating_point() {
        let point = OperatingPoint { threshold: 0.5, uncertain: [0.4, 0.6], chosen: String::new() };
        let verdicts = [0.0, 0.39, 0.4, 0.5, 0.6, 0.61, 1.0].map(|score| Verdict::of(score, &point));
        use Verdict::*;
        assert_eq!(verdicts, [Negative, Negative, Uncertain, Uncertain, Uncertain, Positive, Positive]);
        let without_band = OperatingPoint { uncertain: [0.5, 0.5], ..point };
        assert_eq!(Verdict::of(0.5, &without_band), Positive);
        assert_eq!(Verdict::of(0.4999, &without_band), Negative);
    }

    #[test]
    fn scores_are_shares() {
        assert_eq!(score(0.0, 2.0), 0.5);
        assert!((score(2.0, 2.0) - 0.731).abs() < 1e-3);
        assert_eq!(score(f32::MAX, 1.0), 1.0);
        assert_eq!(score(f32::MIN, 1.0), 0.0);
    }

    fn class(id: &str, threshold: f32, uncertain: [f32; 2], alert: bool) -> Class {
        let point = OperatingPoint { threshold, uncertain, chosen: String::new() };
        Class { id: id.to_string(), point, alert, words: Default::default() }
    }

    #[test]
    fn values_become_scores() {
        let soft = scores(&[1.0, 3.0, 1.0], Activation::Softmax, 2.0).unwrap();
        assert!((soft.iter().sum::<f32>() - 1.0).abs() < 1e-6 && (soft[1] - 0.576_117).abs() < 1e-5, "{soft:?}");
        assert_eq!(scores(&[f32::MAX, 0.0], Activation::Softmax, 1.0).unwrap(), [1.0, 0.0]);
        assert_eq!(scores(&[0.25, 1.000_01], Activation::None, 1.0).unwrap(), [0.25, 1.0]);
        assert_eq!(scores(&[2.0], Activation::None, 1.0).unwrap_err().code(), "argument");
        assert_eq!(scores(&[0.0, 2.0], Activation::Sigmoid, 1.0).unwrap()[0], 0.5);
    }

    #[test]
    fn of_classes_that_share_1_the_highest_is_judged() {
        let classes = [
            class("normal", 0.0, [0.0, 0.0], false),
            class("bacterial", 0.3, [0.3, 0.4], true),
            class("viral", 0.5, [0.5, 0.5], true),
        ];
        let of = |scores: [f32; 3]| judge(&scores, &classes, Activation::Softmax);
        assert_eq!(of([0.6, 0.3, 0.1]), (0, Verdict::Negative));
        assert_eq!(of([0.2, 0.7, 0.1]), (1, Verdict::Positive));
        assert_eq!(of([0.3, 0.38, 0.32]), (1, Verdict::Uncertain), "in its band");
        assert_eq!(of([0.3, 0.3, 0.4]), (2, Verdict::Uncertain), "below its threshold");
    }

    #[test]
    fn of_classes_by_themselves_what_is_looked_for_is_judged() {
        let classes = [
            class("support", 0.5, [0.5, 0.5], false),
            class("effusion", 0.5, [0.4, 0.6], true),
            class("nodule", 0.2, [0.2, 0.2], true),
        ];
        let of = |scores: [f32; 3]| judge(&scores, &classes, Activation::Sigmoid);
        assert_eq!(of([0.9, 0.5, 0.3]), (2, Verdict::Positive));
        assert_eq!(of([0.9, 0.7, 0.3]), (1, Verdict::Positive));
        assert_eq!(of([0.9, 0.5, 0.1]), (1, Verdict::Uncertain));
        assert_eq!(of([0.9, 0.1, 0.15]), (2, Verdict::Negative));
        assert_eq!(judge(&[0.9], &classes[..1], Activation::Sigmoid), (0, Verdict::Negative), "it is not looked for");
    }
}
