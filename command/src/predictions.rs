//! predictions.csv: what became of each labelled slice. What `validate` writes, `merge` and `compare` read.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use crate::metrics::{Answer, Case};
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, failed};
use crate::labelled::Labelled;

/// The columns of every predictions.csv, as [`Prediction`] has them.
const COLUMNS: [&str; 7] = ["path", "label", "split", "group", "verdict", "score", "logit"];

/// One row; empty where there is no value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// As the manifest has it.
    pub path: String,
    /// 1 = COVID-19.
    pub label: u8,
    pub split: String,
    pub group: String,
    pub verdict: String,
    pub score: Option<f32>,
    pub logit: Option<f32>,
    /// Why there is no score; not part of the file.
    #[serde(skip)]
    pub reason: Option<String>,
}

impl Prediction {
    /// The row of a slice before anything became of it.
    pub fn unread(slice: &Labelled) -> Prediction {
        Prediction {
            path: slice.path.clone(),
            label: slice.label,
            split: slice.split.clone(),
            group: slice.group.clone(),
            verdict: String::new(),
            score: None,
            logit: None,
            reason: None,
        }
    }
}

/// Reads a predictions.csv.
///
/// # Errors
/// A failure that names the file and the line.
pub fn read(path: &Path) -> Result<Vec<Prediction>, Failure> {
    let malformed = |error: csv::Error| Failure(format!("{}: {error}", path.display()));
    let predictions: Vec<Prediction> =
        csv::Reader::from_path(path).map_err(malformed)?.deserialize().collect::<Result<_, _>>().map_err(malformed)?;
    match predictions.iter().find(|prediction| prediction.label > 1) {
        Some(row) => {
            Err(Failure(format!("{}: the label of {} is {}; it must be 1 or 0", path.display(), row.path, row.label)))
        }
        None => Ok(predictions),
    }
}

/// The values of a column of a predictions.csv, row by row.
///
/// # Errors
/// A failure that names the file, and the column if it is not there.
pub fn column(path: &Path, name: &str) -> Result<Vec<String>, Failure> {
    let malformed = |error: csv::Error| Failure(format!("{}: {error}", path.display()));
    let mut reader = csv::Reader::from_path(path).map_err(malformed)?;
    let found = reader.headers().map_err(malformed)?.iter().position(|known| known == name);
    let at = found.ok_or_else(|| {
        Failure(format!("{}: there is no column \"{name}\"; validate with --subgroup {name}", path.display()))
    })?;
    reader.records().map(|row| Ok(row.map_err(malformed)?.get(at).unwrap_or_default().to_string())).collect()
}

/// Writes a predictions.csv; `subgroups` that are no column yet follow the others.
pub fn write(path: &Path, predictions: &[Prediction], subgroups: &[(String, Vec<String>)]) -> Result<(), Failure> {
    let malformed = |error: csv::Error| Failure(format!("{}: {error}", path.display()));
    let more: Vec<&(String, Vec<String>)> =
        subgroups.iter().filter(|(name, _)| !COLUMNS.contains(&name.as_str())).collect();
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_path(path).map_err(malformed)?;
    let names = COLUMNS.into_iter().chain(more.iter().map(|(name, _)| name.as_str()));
    writer.write_record(names).map_err(malformed)?;
    for (at, prediction) in predictions.iter().enumerate() {
        let values: Vec<&String> = more.iter().map(|(_, values)| &values[at]).collect();
        writer.serialize((prediction, values)).map_err(malformed)?;
    }
    writer.flush().map_err(failed(path.display()))
}

/// The rows as the metrics take them. Rows without a group are groups of their own.
///
/// Groups are numbered by name, so that the same rows in another order have the same intervals.
pub fn cases(predictions: &[Prediction]) -> Vec<Case> {
    let key = |row: &Prediction| match row.group.as_str() {
        "" => (true, row.path.clone()),
        group => (false, group.to_string()),
    };
    let names: BTreeSet<_> = predictions.iter().map(key).collect();
    let numbers: HashMap<_, usize> = names.into_iter().zip(0..).collect();
    predictions
        .iter()
        .map(|row| {
            let answer =
                row.score.zip(row.logit).map(|(score, logit)| Answer { logit: logit.into(), score: score.into() });
            Case { positive: row.label == 1, group: numbers[&key(row)], answer }
        })
        .collect()
}
