//! Outputs to a reading: calibrated score, verdict, refusal, map. Its JSON is the contract's line.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::gate::Refusal;
use crate::model::{Model, OperatingPoint};
use crate::opacity::Opacity;
use crate::outputs::{Map, OpacityMaps};
use crate::place::Place;
use crate::preprocess::Inside;
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
    /// Calibrated, 0..1; `None` when refused or unreadable.
    pub score: Option<f32>,
    /// Given for every slice that was decoded, refused ones too.
    pub logit: Option<f32>,
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
    /// The slice as it was windowed; `None` when unreadable. Not part of the JSON line.
    #[serde(skip)]
    pub picture: Option<Picture>,
}

/// What a slice shows beside its opacity: nothing that has been measured, so always `{}`. Programs that read the key find it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Findings {}

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
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelName {
    /// What it is called.
    pub name: String,
    /// Which of that name.
    pub version: String,
    /// Of the ONNX file, in lower-case hexadecimal.
    pub sha256: String,
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

impl Reading {
    /// The reading of a slice, or of a whole file, that could not be read.
    pub fn unreadable(file: &str, frame: Option<usize>, error: &Error, model: &Model, device: &'static str) -> Reading {
        Reading {
            file: file.to_string(),
            frame,
            verdict: Verdict::Error,
            score: None,
            logit: None,
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
            picture: None,
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
        ModelName { name: model.name.clone(), version: model.version.clone(), sha256: model.sha256.clone() }
    }
}

/// The map of a picture of which `map` is the part `inside`: as many cells over the whole, interpolated linearly, and beside that part
/// alike and lowest. The mean of all cells is `mean`, if there is one to keep.
pub fn over_picture(map: Map, inside: Inside, picture: &Picture, mean: Option<f32>) -> Map {
    let Map { width, height, values } = map;
    if (inside.width, inside.height) == (picture.width, picture.height) {
        return Map { width, height, values };
    }
    let lowest = values.iter().copied().fold(f32::INFINITY, f32::min);
    // Where the centre of cell `cell` of `cells` lies among the cells of the part.
    let place = |cell: usize, cells: usize, from: usize, length: usize, of: usize| {
        let share = ((cell as f32 + 0.5) / cells as f32 * of as f32 - from as f32) / length as f32;
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
    let columns: Vec<_> = (0..width).map(|cell| place(cell, width, inside.left, inside.width, picture.width)).collect();
    let mut spread = Vec::with_capacity(values.len());
    for cell in 0..height {
        let y = place(cell, height, inside.top, inside.height, picture.height);
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
        let picture = Picture { width: 160, height: 100, gray: vec![0; 16_000] };
        let whole = Inside { left: 0, top: 0, width: 160, height: 100 };
        assert_eq!(over_picture(map.clone(), whole, &picture, Some(7.0)), map);
        // The left half: what was in the fourth column is in the second.
        let half = Inside { width: 80, ..whole };
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
}
