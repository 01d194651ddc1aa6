//! `lungglass validate --unit group`: the slices of each group, such as a patient, as one row; and which rows of a manifest are one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use lungglass::model::OperatingPoint;
use lungglass::reading::{Verdict, log_odds};

use crate::args::{Unit, Validate};
use crate::failure::{Failure, Outcome, failed};
use crate::labelled::{Labelled, Selection};
use crate::metrics::sigmoid;
use crate::output;
use crate::predictions::{self, Cases, Each, Prediction, Rows};
use crate::report::{self, ModelRun, Wishes};
use crate::tell::{plain, tell};

/// Where the rows of the slices are when those of predictions.csv are groups.
const SLICES: &str = "slices.csv";
/// What predictions.csv says of a group besides what it says of every row.
const COLUMNS: [&str; 4] = ["slices", "judged", "highest_score", "highest_logit"];

/// Rows of a manifest that belong together.
pub struct Group {
    /// As its first row has it; its path is the group, or the row's own path where it has none.
    pub row: Labelled,
    /// The number and the file of each of its rows.
    pub members: Vec<(usize, PathBuf)>,
}

/// The groups of a manifest in the order of their first rows; a row without a group is one by itself.
///
/// # Errors
/// What the rows say, and a failure that names a group whose rows differ in label, split or subgroup. `unit` is what they are called.
pub fn of(selection: &Selection, subgroups: &[String], unit: Unit) -> Result<Vec<Group>, Failure> {
    let mut groups: Vec<Group> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for row in selection.slices()? {
        let (number, row) = row?;
        let Some(&at) = known.get(&row.group) else {
            let path = if row.group.is_empty() { row.path.clone() } else { row.group.clone() };
            if !row.group.is_empty() {
                known.insert(row.group.clone(), groups.len());
            }
            groups.push(Group { members: vec![(number, row.file.clone())], row: Labelled { path, ..row } });
            continue;
        };
        let first = &groups[at].row;
        let columns = ["label", "split"].into_iter().chain(subgroups.iter().map(String::as_str));
        let same = [first.label == row.label, first.split == row.split].into_iter();
        let same = same.chain(first.subgroups.iter().zip(&row.subgroups).map(|(one, other)| one == other));
        if let Some((column, _)) = columns.zip(same).find(|(_, is_same)| !is_same) {
            let (group, path, word) = (plain(&row.group), plain(&row.path), unit.word());
            return Err(Failure(format!(
                "group {group} has rows that differ in the column {column} ({path}); a {word} has one: put them into groups of their own"
            )));
        }
        groups[at].members.push((number, row.file));
    }
    Ok(groups)
}

/// The slices of a run as groups: predictions.csv, metrics.json and report.html are of those, and slices.csv is what predictions.csv is of
/// slices.
///
/// # Errors
/// Those of [`report::write`].
pub fn write(
    arguments: &Validate,
    groups: Vec<Group>,
    slices: &dyn Rows,
    point: &OperatingPoint,
    run: ModelRun,
) -> Result<Outcome, Failure> {
    let mut read: Vec<Option<Prediction>> = Vec::with_capacity(slices.count());
    let path = arguments.out.join(SLICES);
    output::write(&path, |file| {
        let malformed = |error: csv::Error| failed(path.display())(error);
        let mut writer = predictions::Writer::new(file, &arguments.subgroups).map_err(malformed)?;
        slices.walk(&mut |row, values| {
            writer.write(&row, values).map_err(malformed)?;
            if row.verdict == Verdict::Error {
                tell!("{}: {}", plain(&row.path), plain(row.reason.as_deref().unwrap_or("it could not be read")));
            }
            read.push(Some(row));
            Ok(())
        })?;
        writer.finish().map_err(malformed)
    })?;
    let is_whole = read.iter().flatten().all(|row| row.verdict != Verdict::Error);
    let mut rows = Read { rows: Vec::new() };
    let mut highest = Cases::default();
    for Group { row, members } in groups {
        let members: Vec<Prediction> = members.iter().filter_map(|(at, _)| read[*at].take()).collect();
        let judged = Judged::of(&members);
        let (mean, top) = (judged.mean(point), judged.highest());
        let text = |value: Option<f32>| value.map_or(String::new(), |value| value.to_string());
        let counts = [members.len(), judged.odds.len()].map(|count| count.to_string());
        let [score, logit] = [top.map(|(score, _)| text(Some(score))), top.map(|(_, logit)| text(Some(logit)))];
        let of_group = counts.into_iter().chain([score.unwrap_or_default(), logit.unwrap_or_default()]);
        let (score, logit) = top.unzip();
        let unread = Prediction::unread(&row);
        highest.add(&Prediction { score, logit, ..unread.clone() });
        let (score, logit) = mean.map(|(score, logit, _)| (score, logit)).unzip();
        let verdict = mean.map_or(judged.without_score, |(.., verdict)| verdict);
        let reason = if score.is_none() { Some(judged.reason.clone()) } else { None };
        let prediction = Prediction { verdict, score, logit, reason, ..unread };
        rows.rows.push((prediction, row.subgroups.into_iter().chain(of_group).collect()));
    }
    let highest = highest.finish();
    let wishes = Wishes {
        thresholds: arguments.thresholds.clone(),
        specificities: arguments.specificities.clone(),
        subgroups: arguments.subgroups.clone(),
        columns: &COLUMNS,
        highest: Some(&highest),
        pictures: None,
        command: arguments.command.as_deref(),
    };
    let outcome = report::write(ModelRun { unit: Unit::Group, ..run }, &rows, &wishes, &arguments.out)?;
    Ok(if is_whole { outcome } else { Outcome::SomeUnreadable })
}

/// The slices of another run's groups would pass for this one's.
///
/// # Errors
/// A failure that names the file.
pub fn remove_earlier(out: &Path) -> Result<(), Failure> {
    let path = out.join(SLICES);
    if path.symlink_metadata().is_ok() {
        std::fs::remove_file(&path).map_err(failed(path.display()))?;
        tell!("{} of an earlier run was removed: the rows of this one are in predictions.csv", path.display());
    }
    Ok(())
}

/// As studies count them: at most where `f32` ends.
fn odds(score: f32) -> f64 {
    const MOST: f64 = 16.0;
    log_odds(score).clamp(-MOST, MOST)
}

/// What became of the slices of a group.
struct Judged {
    /// The log-odds and the score of each that was judged, the lowest first, so that the order of rows does not count.
    odds: Vec<(f64, f32)>,
    /// The verdict where none was judged.
    without_score: Verdict,
    /// Why none was.
    reason: String,
}

impl Judged {
    fn of(slices: &[Prediction]) -> Judged {
        let mut odds: Vec<(f64, f32)> =
            slices.iter().filter_map(|slice| Some((odds(slice.score?), slice.score?))).collect();
        odds.sort_by(|a, b| a.0.total_cmp(&b.0));
        let count = |verdict: Verdict| slices.iter().filter(|slice| slice.verdict == verdict).count();
        let (refused, unread) = (count(Verdict::Refused), count(Verdict::Error));
        let first = slices.iter().find_map(|slice| Some((plain(&slice.path), slice.reason.as_deref()?)));
        let first = first.map_or(String::new(), |(path, reason)| format!("; {path}: {reason}"));
        Judged {
            odds,
            without_score: if refused > 0 { Verdict::Refused } else { Verdict::Error },
            reason: format!("none_judged: {refused} refused, {unread} unreadable{first}"),
        }
    }

    /// The score of the mean of the log-odds, with that mean, and the verdict.
    fn mean(&self, point: &OperatingPoint) -> Option<(f32, f32, Verdict)> {
        if self.odds.is_empty() {
            return None;
        }
        let mean = self.odds.iter().map(|(odds, _)| odds).sum::<f64>() / self.odds.len() as f64;
        let score = sigmoid(mean) as f32;
        Some((score, mean as f32, Verdict::of(score, point)))
    }

    /// The highest score, with its log-odds.
    fn highest(&self) -> Option<(f32, f32)> {
        self.odds.last().map(|(odds, score)| (*score, *odds as f32))
    }
}

/// Groups with what became of each.
struct Read {
    rows: Vec<(Prediction, Vec<String>)>,
}

impl Rows for Read {
    fn count(&self) -> usize {
        self.rows.len()
    }

    fn walk(&self, each: Each) -> Result<(), Failure> {
        self.rows.iter().try_for_each(|(row, values)| each(row.clone(), values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(verdict: Verdict, score: Option<f32>) -> Prediction {
        let row = Labelled {
            path: "a.png".to_string(),
            file: PathBuf::new(),
            label: 1,
            split: String::new(),
            group: "one".to_string(),
            subgroups: Vec::new(),
        };
        let reason = score.is_none().then(|| "no_lungs: it shows none".to_string());
        Prediction { verdict, score, reason, ..Prediction::unread(&row) }
    }

    #[test]
    fn a_group_has_the_mean_of_its_log_odds_and_its_highest_score() {
        let point = OperatingPoint { threshold: 0.5, uncertain: [0.5, 0.5], chosen: String::new() };
        let slices = [
            slice(Verdict::Positive, Some(0.9)),
            slice(Verdict::Refused, None),
            slice(Verdict::Negative, Some(0.2)),
            slice(Verdict::Negative, Some(0.3)),
        ];
        let judged = Judged::of(&slices);
        let (score, logit, verdict) = judged.mean(&point).unwrap();
        // (ln 9 - ln 4 - ln 7/3) / 3
        let mean = (9.0f64.ln() - 4.0f64.ln() - (7.0f64 / 3.0).ln()) / 3.0;
        assert!((f64::from(logit) - mean).abs() < 1e-6 && (f64::from(score) - sigmoid(mean)).abs() < 1e-6);
        assert_eq!((verdict, judged.highest().unwrap().0), (Verdict::Negative, 0.9));

        let none = Judged::of(&[slice(Verdict::Error, None), slice(Verdict::Refused, None)]);
        assert_eq!((none.mean(&point), none.highest(), none.without_score), (None, None, Verdict::Refused));
        assert_eq!(none.reason, "none_judged: 1 refused, 1 unreadable; a.png: no_lungs: it shows none");
        assert_eq!(Judged::of(&[slice(Verdict::Error, None)]).without_score, Verdict::Error);
    }
}
