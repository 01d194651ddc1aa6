//! predictions.csv: what became of each labelled slice. What `validate` writes, `merge` and `compare` read.

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;

use lungglass::likeness::Likeness;
use lungglass::reading::Verdict;
use lungglass_acceptance::row::{self, Row};
use serde::Serialize;

use crate::failure::Failure;
use crate::labelled::Labelled;
use crate::metrics::Case;
use crate::table::Table;
use crate::tell::plain;

/// The columns of every predictions.csv, as [`Prediction`] has them.
const COLUMNS: [&str; 7] = ["path", "label", "split", "group", "verdict", "score", "logit"];
/// All verdicts that a row may have.
pub const VERDICTS: [Verdict; 5] =
    [Verdict::Positive, Verdict::Negative, Verdict::Uncertain, Verdict::Refused, Verdict::Error];

/// One row; empty where there is no value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// As the manifest has it.
    pub path: String,
    /// 1 = COVID-19.
    pub label: u8,
    pub split: String,
    pub group: String,
    pub verdict: Verdict,
    pub score: Option<f32>,
    pub logit: Option<f32>,
    /// Why there is no score; not part of the file.
    #[serde(skip)]
    pub reason: Option<String>,
    /// Measured only where it is asked for; not part of the file.
    #[serde(skip)]
    pub likeness: Option<Box<Likeness>>,
}

impl Prediction {
    /// The row of a slice before anything became of it.
    pub fn unread(slice: &Labelled) -> Prediction {
        Prediction {
            path: slice.path.clone(),
            label: slice.label,
            split: slice.split.clone(),
            group: slice.group.clone(),
            verdict: Verdict::Error,
            score: None,
            logit: None,
            reason: None,
            likeness: None,
        }
    }
}

/// Takes a row and its value in each column of the subgroups.
pub type Each<'a> = &'a mut dyn FnMut(Prediction, &[String]) -> Result<(), Failure>;

/// Rows that can be gone through more than once, and need not be held.
pub trait Rows {
    /// How many there are.
    fn count(&self) -> usize;

    /// Hands each row to `each`, in order, with its value in each column of the subgroups.
    ///
    /// # Errors
    /// What `each` says, and what keeps the rows from being read.
    fn walk(&self, each: Each) -> Result<(), Failure>;
}

/// Reads a predictions.csv.
///
/// # Errors
/// A failure that names the file, and the line of a row whose label, score or logit is none.
pub fn read(path: &Path) -> Result<Vec<Prediction>, Failure> {
    Ok(read_with(path, &[])?.0)
}

/// Reads a predictions.csv, and the value of each row in each of more columns.
///
/// # Errors
/// Those of [`read`], and one that names a column that is not there.
pub fn read_with(path: &Path, more: &[String]) -> Result<(Vec<Prediction>, Vec<Vec<String>>), Failure> {
    let mut table = Table::open(path, &COLUMNS)?;
    let columns: Vec<usize> = COLUMNS.iter().map(|name| table.column(name)).collect::<Result<_, _>>()?;
    let advised = |name: &String| {
        table.column(name).map_err(|failure| Failure(format!("{failure}; validate with --subgroup {name}")))
    };
    let more: Vec<usize> = more.iter().map(advised).collect::<Result<_, _>>()?;
    let (mut rows, mut values, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
    while let Some(row) = table.next() {
        let row = row?;
        let cells = std::array::from_fn(|at| row.get(columns[at]).unwrap_or_default());
        let prediction = prediction(&cells).map_err(|what| table.failure(&row, &what))?;
        if !seen.insert(prediction.path.clone()) {
            return Err(table.failure(&row, &format!("{} is there twice", plain(&prediction.path))));
        }
        rows.push(prediction);
        values.push(more.iter().map(|at| row.get(*at).unwrap_or_default().to_string()).collect());
    }
    Ok((rows, values))
}

/// The row with these cells, in the order of [`COLUMNS`]; else what is wrong with it.
fn prediction(cells: &[&str; COLUMNS.len()]) -> Result<Prediction, String> {
    let [path, label, split, group, verdict, score, logit] = cells;
    let number = |name: &str, text: &str| match text.parse::<f32>() {
        _ if text.is_empty() => Ok(None),
        Ok(value) if value.is_finite() => Ok(Some(value)),
        _ => Err(format!("the {name} is \"{}\"; it must be empty or a finite number", plain(text))),
    };
    let (score, logit) = (number("score", score)?, number("logit", logit)?);
    if let Some(score) = score.filter(|score| !(0.0..=1.0).contains(score)) {
        return Err(format!("the score is {score}; it must be 0 to 1"));
    }
    if score.is_some() && logit.is_none() {
        return Err("it has a score and no logit".to_string());
    }
    let label = match *label {
        "1" => 1,
        "0" => 0,
        other => return Err(format!("the label is \"{}\"; it must be 1 or 0", plain(other))),
    };
    let known = VERDICTS.into_iter().find(|known| known.word() == *verdict);
    let verdict = known.ok_or_else(|| {
        format!("the verdict is \"{}\"; it must be {}", plain(verdict), VERDICTS.map(Verdict::word).join(", "))
    })?;
    let [path, split, group] = [path, split, group].map(|text| (*text).to_string());
    Ok(Prediction { path, label, split, group, verdict, score, logit, reason: None, likeness: None })
}

/// Writes a predictions.csv row by row.
pub struct Writer<'a> {
    csv: csv::Writer<&'a mut dyn Write>,
    /// Which subgroups are no column yet: those follow the others.
    more: Vec<usize>,
}

impl<'a> Writer<'a> {
    /// Writes the head.
    pub fn new(out: &'a mut dyn Write, subgroups: &[String]) -> csv::Result<Writer<'a>> {
        let more: Vec<usize> = (0..subgroups.len()).filter(|at| !COLUMNS.contains(&subgroups[*at].as_str())).collect();
        let mut csv = csv::WriterBuilder::new().has_headers(false).from_writer(out);
        csv.write_record(COLUMNS.into_iter().chain(more.iter().map(|at| subgroups[*at].as_str())))?;
        Ok(Writer { csv, more })
    }

    /// Writes a row with its value in each of the subgroups.
    pub fn write(&mut self, row: &Prediction, values: &[String]) -> csv::Result<()> {
        let more: Vec<&String> = self.more.iter().map(|at| &values[*at]).collect();
        self.csv.serialize((row, more))
    }

    pub fn finish(mut self) -> csv::Result<()> {
        Ok(self.csv.flush()?)
    }
}

/// Rows as the metrics take them, gathered one at a time.
#[derive(Default)]
pub struct Cases(row::Cases);

impl Cases {
    /// Adds a row.
    pub fn add(&mut self, row: &Prediction) {
        self.0.add(row.label == 1, &row.group, &row.path, row.score.zip(row.logit));
    }

    /// All rows.
    pub fn finish(self) -> Vec<Case> {
        self.0.finish()
    }
}

/// The rows as the metrics take them.
pub fn cases(predictions: &[Prediction]) -> Vec<Case> {
    let mut cases = Cases::default();
    predictions.iter().for_each(|row| cases.add(row));
    cases.finish()
}

/// The rows as an acceptance test takes them.
impl From<Prediction> for Row {
    fn from(row: Prediction) -> Row {
        // A reason begins with its code.
        let code = row.reason.as_deref().map(|reason| reason.split(':').next().unwrap_or(reason).to_string());
        Row {
            positive: row.label == 1,
            group: row.group,
            name: row.path,
            verdict: row.verdict,
            score: row.score,
            logit: row.logit,
            code,
            likeness: row.likeness.map(|likeness| *likeness),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_named() {
        let row = |score, logit| prediction(&["a", "1", "test", "", "positive", score, logit]);
        assert!(row("0.5", "0").is_ok() && row("", "-2").is_ok() && row("", "").is_ok());
        for (score, logit, part) in [
            ("NaN", "0", "the score is \"NaN\""),
            ("0.5", "nan", "the logit is \"nan\""),
            ("0.5", "-inf", "the logit is \"-inf\""),
            ("infinity", "0", "the score is \"infinity\""),
            ("0.5", "1e39", "the logit is \"1e39\""),
            ("0,5", "0", "the score is \"0,5\""),
            ("1.5", "0", "the score is 1.5"),
            ("0.5", "", "no logit"),
        ] {
            let problem = row(score, logit).unwrap_err();
            assert!(problem.contains(part), "{problem}");
        }
        assert!(prediction(&["a", "2", "", "", "positive", "", ""]).unwrap_err().contains("the label is \"2\""));
    }
}
