//! What a validation leaves: predictions.csv for every row, metrics.json with intervals, report.html for people.

pub mod html;
pub mod plots;

pub use html::{escaped, head};

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use crate::metrics::{self, Auc, Case, Confusion, Measures, NetBenefit, Predictive, Ranked};
use lungglass::classifier::Classifier;
use lungglass::reading::{ModelName, Verdict};
use lungglass::slice::Picture;
use serde::ser::{Error as _, SerializeSeq};
use serde::{Deserialize, Serialize, Serializer};

use crate::args::{Shard, Unit};
use crate::failure::{Failure, Outcome, failed};
use crate::output;
use crate::predictions::{self, Cases, Prediction, Rows};
use crate::tell::{self, plain, tell};

/// What read the slices, and how fast.
pub struct ModelRun {
    pub model: ModelName,
    pub threshold: f32,
    pub uncertain: [f32; 2],
    pub device: String,
    pub images_per_second: f64,
    /// The part of the rows that it was.
    pub shard: Option<Shard>,
    /// What a row is.
    pub unit: Unit,
}

/// Gives the picture of a row.
pub type Pictures<'a> = Option<&'a dyn Fn(&Prediction) -> Option<Picture>>;

/// What a report is to hold beside what every report holds.
#[derive(Default)]
pub struct Wishes<'a> {
    /// Decisions at these scores too.
    pub thresholds: Vec<f64>,
    /// Columns of the manifest, whose values the rows have.
    pub subgroups: Vec<String>,
    /// Only where the report may hold images.
    pub pictures: Pictures<'a>,
}

/// Where the disease is rarer or more common than in the data.
const PREVALENCES: [f64; 4] = [0.01, 0.05, 0.2, 0.5];

/// metrics.json.
#[derive(Serialize)]
pub struct Report<'a> {
    /// What a row is.
    pub unit: Unit,
    /// All rows.
    pub n: usize,
    pub positives: usize,
    /// Groups that the bootstrap draws.
    pub groups: usize,
    /// Share of the rows that the gate accepted.
    pub coverage: f64,
    pub threshold: f32,
    pub uncertain: [f32; 2],
    pub device: String,
    pub model: ModelName,
    pub images_per_second: f64,
    /// Of the rows of a manifest, where these are only a part.
    pub shard: Option<Shard>,
    #[serde(flatten)]
    pub all: Measures<Estimate>,
    /// Over the accepted rows alone.
    pub accepted: Accepted,
    /// The AUC of all rows with DeLong's interval.
    pub auc_delong: Estimate,
    /// The shipped threshold first, then the ends of the uncertain band, then what was asked for.
    pub thresholds: Vec<Decision>,
    /// At the shipped threshold.
    pub prevalences: Vec<Predictive>,
    pub decision_curve: Vec<NetBenefit>,
    pub subgroups: Vec<Subgroup>,
    /// The rows without a score, and why they have none.
    pub without_score: WithoutScore<'a>,
}

/// Rows of which those that have a reason are written as [`Unanswered`].
pub struct WithoutScore<'a>(&'a dyn Rows);

impl Serialize for WithoutScore<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        let mut each = |row: Prediction, _: &[String]| match row.reason {
            None => Ok(()),
            Some(reason) => {
                let path = row.path;
                list.serialize_element(&Unanswered { path, reason }).map_err(|error| Failure(error.to_string()))
            }
        };
        self.0.walk(&mut each).map_err(S::Error::custom)?;
        list.end()
    }
}

/// A row that was refused or could not be read.
#[derive(Serialize, Deserialize)]
pub struct Unanswered {
    pub path: String,
    pub reason: String,
}

/// The decisions on all rows at one threshold, with Wilson's intervals.
#[derive(Serialize)]
pub struct Decision {
    pub name: &'static str,
    pub threshold: f64,
    #[serde(flatten)]
    pub counts: Confusion,
    pub accuracy: Estimate,
    pub sensitivity: Estimate,
    pub specificity: Estimate,
    pub ppv: Estimate,
    pub npv: Estimate,
    pub f1: Option<f64>,
}

/// The rows that have one value in a column of the manifest.
#[derive(Serialize)]
pub struct Subgroup {
    pub column: String,
    pub value: String,
    pub n: usize,
    pub positives: usize,
    #[serde(flatten)]
    pub measures: Measures<Estimate>,
}

#[derive(Serialize)]
pub struct Accepted {
    pub n: usize,
    pub positives: usize,
    #[serde(flatten)]
    pub measures: Measures<Estimate>,
}

/// A measure with its interval; `None` where it is not defined.
#[derive(Serialize)]
pub struct Estimate {
    pub value: Option<f64>,
    pub ci95: Option<[f64; 2]>,
    pub method: String,
}

impl ModelRun {
    pub fn new(classifier: &Classifier, images_per_second: f64, shard: Option<Shard>) -> ModelRun {
        let point = classifier.model.point();
        let device = classifier.device.to_string();
        ModelRun {
            model: (&classifier.model).into(),
            threshold: point.threshold,
            uncertain: point.uncertain,
            device,
            images_per_second,
            shard,
            unit: Unit::Slice,
        }
    }
}

/// Which rows have which value in a column of the manifest.
struct Column {
    /// The values, and the number that stands for each.
    numbers: BTreeMap<String, usize>,
    /// The number of each row's value.
    rows: Vec<usize>,
}

/// The rows that report.html shows by themselves.
#[derive(Default)]
pub struct Shown {
    /// Wrong decisions with their scores, the surest first: [`html::MISTAKES`] of them.
    pub mistakes: Vec<(f64, Prediction)>,
    /// How many wrong decisions on accepted slices there are.
    pub wrong: usize,
    /// The first [`html::LOST`] rows without a score.
    pub lost: Vec<Prediction>,
    /// How many rows have no score.
    pub without_score: usize,
    /// How many rows could be read.
    pub read: usize,
}

/// Measures the rows, writes the three files into `out`, names on stderr what could not be read, and prints a summary. The rows are gone
/// through more than once, and not held.
pub fn write(run: ModelRun, rows: &dyn Rows, wishes: &Wishes, out: &Path) -> Result<Outcome, Failure> {
    fs::create_dir_all(out).map_err(failed(out.display()))?;
    let mut cases = Cases::default();
    let mut columns: Vec<Column> =
        wishes.subgroups.iter().map(|_| Column { numbers: BTreeMap::new(), rows: Vec::new() }).collect();
    rows.walk(&mut |row, values| {
        cases.add(&row);
        for (column, value) in columns.iter_mut().zip(values) {
            let next = column.numbers.len();
            let number = match column.numbers.get(value) {
                Some(number) => *number,
                None => *column.numbers.entry(value.clone()).or_insert(next),
            };
            column.rows.push(number);
        }
        Ok(())
    })?;
    let cases = cases.finish();
    let report = measured(run, &cases, rows, wishes, &columns);

    let mistakes = mistakes(&cases, f64::from(report.threshold));
    let mut shown = Shown { wrong: mistakes.len(), ..Shown::default() };
    let mistakes = &mistakes[..mistakes.len().min(html::MISTAKES)];
    let path = out.join("predictions.csv");
    output::write(&path, |file| {
        let malformed = |error: csv::Error| failed(path.display())(error);
        let mut writer = predictions::Writer::new(file, &wishes.subgroups).map_err(malformed)?;
        let mut at = 0;
        rows.walk(&mut |row, values| {
            writer.write(&row, values).map_err(malformed)?;
            if row.verdict == Verdict::Error {
                tell!("{}: {}", plain(&row.path), plain(row.reason.as_deref().unwrap_or("it could not be read")));
            } else {
                shown.read += 1;
            }
            if let Some((score, _)) = mistakes.iter().find(|(_, mistake)| *mistake == at) {
                shown.mistakes.push((*score, row));
            } else if row.score.is_none() {
                shown.without_score += 1;
                if shown.lost.len() < html::LOST {
                    shown.lost.push(row);
                }
            }
            at += 1;
            Ok(())
        })?;
        writer.finish().map_err(malformed)
    })?;
    let order = |score: f64| (score - f64::from(report.threshold)).abs();
    shown.mistakes.sort_by(|a, b| order(b.0).total_cmp(&order(a.0)));

    let path = out.join("metrics.json");
    output::write(&path, |file| {
        serde_json::to_writer_pretty(&mut *file, &report).map_err(failed(path.display()))?;
        file.write_all(b"\n").map_err(failed(path.display()))
    })?;
    let path = out.join("report.html");
    let page = html::html(&report, &cases, &shown, wishes.pictures, &command_line())
        .map_err(|error| Failure(format!("{}: {error}", path.display())))?;
    output::write(&path, |file| file.write_all(page.as_bytes()).map_err(failed(path.display())))?;
    tell::print(&summary(&report, shown.read, out))?;
    Ok(if shown.read == rows.count() { Outcome::AllRead } else { Outcome::SomeUnreadable })
}

/// The wrong decisions on accepted slices: score and row, the surest first.
fn mistakes(cases: &[Case], threshold: f64) -> Vec<(f64, usize)> {
    let mut wrong: Vec<(f64, usize)> = cases
        .iter()
        .enumerate()
        .filter_map(|(at, case)| {
            let score = case.answer?.score;
            ((score >= threshold) != case.positive).then_some((score, at))
        })
        .collect();
    wrong.sort_by(|a, b| (b.0 - threshold).abs().total_cmp(&(a.0 - threshold).abs()));
    wrong
}

fn measured<'a>(run: ModelRun, cases: &[Case], rows: &'a dyn Rows, wishes: &Wishes, columns: &[Column]) -> Report<'a> {
    let accepted: Vec<Case> = cases.iter().filter(|case| case.answer.is_some()).cloned().collect();
    let threshold = f64::from(run.threshold);
    let shipped = Confusion::at(cases, threshold);
    let rate = |(part, whole): (usize, usize)| (whole > 0).then(|| part as f64 / whole as f64);
    let prevalences = rate(shipped.sensitivity()).zip(rate(shipped.specificity()));
    let [low, high] = run.uncertain.map(f64::from);
    let own = if run.model.operating_point.is_some() { "of the operating point" } else { "shipped" };
    let named = [(own, threshold), ("lower end of the uncertain band", low), ("upper end", high)];
    let chosen = wishes.thresholds.iter().map(|&threshold| ("chosen", threshold));
    Report {
        unit: run.unit,
        n: cases.len(),
        positives: positives(cases),
        groups: groups(cases),
        coverage: accepted.len() as f64 / cases.len() as f64,
        threshold: run.threshold,
        uncertain: run.uncertain,
        device: run.device,
        model: run.model,
        images_per_second: run.images_per_second,
        shard: run.shard,
        all: estimates(cases, threshold),
        accepted: Accepted {
            n: accepted.len(),
            positives: positives(&accepted),
            measures: estimates(&accepted, threshold),
        },
        auc_delong: delong(cases),
        thresholds: named.into_iter().chain(chosen).map(|(name, threshold)| decision(name, threshold, cases)).collect(),
        prevalences: prevalences.map_or_else(Vec::new, |(sensitivity, specificity)| {
            PREVALENCES.iter().map(|&prevalence| Predictive::at(prevalence, sensitivity, specificity)).collect()
        }),
        decision_curve: (1..100)
            .map(|percent| f64::from(percent) / 100.0)
            .map(|threshold| NetBenefit::at(threshold, &Confusion::at(cases, threshold)))
            .collect(),
        subgroups: wishes
            .subgroups
            .iter()
            .zip(columns)
            .flat_map(|(name, column)| subgroups(name, column, cases, threshold))
            .collect(),
        without_score: WithoutScore(rows),
    }
}

fn positives(cases: &[Case]) -> usize {
    cases.iter().filter(|case| case.positive).count()
}

fn delong(cases: &[Case]) -> Estimate {
    let auc = Auc::of(cases);
    let none = |why: &str| (None, format!("no interval: {why}"));
    let (ci95, method) = match auc {
        None => none("DeLong's takes two slices of each class"),
        Some(_) if groups(cases) < 2 => none(metrics::ONE_GROUP),
        Some(auc) if auc.error == 0.0 => none("DeLong's variance is 0, as all slices of a class are ranked alike"),
        Some(auc) => (Some(auc.interval()), "DeLong, slices taken for independent".to_string()),
    };
    Estimate { value: auc.map(|auc| auc.value), ci95, method }
}

fn decision(name: &'static str, threshold: f64, cases: &[Case]) -> Decision {
    let counts = Confusion::at(cases, threshold);
    let is_one_group = groups(cases) < 2;
    let estimate = |(part, whole): (usize, usize)| Estimate {
        value: (whole > 0).then(|| part as f64 / whole as f64),
        ci95: metrics::wilson(part, whole).filter(|_| !is_one_group),
        method: match whole {
            0 => "no interval: it is not defined on these slices".to_string(),
            _ if is_one_group => format!("no interval: {part} of {whole}, and {}", metrics::ONE_GROUP),
            _ => format!("Wilson, {part} of {whole}, slices taken for independent"),
        },
    };
    Decision {
        name,
        threshold,
        accuracy: estimate(counts.accuracy()),
        sensitivity: estimate(counts.sensitivity()),
        specificity: estimate(counts.specificity()),
        ppv: estimate(counts.ppv()),
        npv: estimate(counts.npv()),
        f1: counts.f1(),
        counts,
    }
}

fn subgroups(name: &str, column: &Column, cases: &[Case], threshold: f64) -> Vec<Subgroup> {
    column
        .numbers
        .iter()
        .map(|(value, number)| {
            let own: Vec<Case> = cases
                .iter()
                .zip(&column.rows)
                .filter(|(_, own)| *own == number)
                .map(|(case, _)| case.clone())
                .collect();
            Subgroup {
                column: name.to_string(),
                value: value.clone(),
                n: own.len(),
                positives: positives(&own),
                measures: estimates(&own, threshold),
            }
        })
        .collect()
}

fn groups(cases: &[Case]) -> usize {
    metrics::distinct(cases, |_| true)
}

/// Each measure with its interval, by bootstrap over the groups of `cases`.
pub fn estimates(cases: &[Case], threshold: f64) -> Measures<Estimate> {
    // Groups that are empty here must not be drawn. The others keep their order, for the draws must not depend on that of the rows.
    let groups: BTreeSet<usize> = cases.iter().map(|case| case.group).collect();
    let numbers: HashMap<usize, usize> = groups.into_iter().zip(0..).collect();
    let cases: Vec<Case> = cases.iter().map(|case| Case { group: numbers[&case.group], ..case.clone() }).collect();
    Ranked::new(&cases, threshold)
        .measure(&vec![1.0; cases.len()])
        .zip(metrics::intervals(&cases, threshold))
        .map(|(value, interval)| Estimate { value, ci95: interval.ends, method: interval.method })
}

/// What was run, as it was typed but for quotes.
fn command_line() -> String {
    std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

fn summary(report: &Report, read: usize, out: &Path) -> String {
    let head = format!(
        "{} {} on {}: {read} of {} {} read, {:.1} % accepted, {:.0} slices a second",
        report.model.name,
        report.model.version,
        report.device,
        report.n,
        report.unit.plural(),
        100.0 * report.coverage,
        report.images_per_second
    );
    let lines = report.all.named().map(|(name, estimate)| {
        let value = estimate.value.map_or("not defined".to_string(), |value| format!("{value:.3}"));
        let interval = match estimate.ci95 {
            Some([lo, hi]) => format!(" ({lo:.3} to {hi:.3})"),
            None => format!(" ({})", estimate.method),
        };
        format!("  {name:<12} {value}{interval}")
    });
    let lines = lines.join("\n");
    let out = out.display();
    let exact = report.all.named().iter().filter(|(_, estimate)| estimate.method.starts_with("Clopper")).count();
    let exact = if exact == 0 { "" } else { " (exact where all draws are alike)" };
    format!(
        "{head}\n{lines}\n95 % intervals by group bootstrap{exact}; every row counts, refused ones as wrong. Written to {out}\n"
    )
}
