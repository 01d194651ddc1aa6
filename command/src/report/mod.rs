//! What a validation leaves: predictions.csv for every row, metrics.json with intervals, report.html for people.

mod html;
mod plots;

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crate::metrics::{self, Auc, Case, Confusion, Measures, NetBenefit, Predictive, Ranked};
use lungglass::classifier::Classifier;
use lungglass::reading::{ModelName, Verdict};
use lungglass::slice::Picture;
use serde::{Deserialize, Serialize};

use crate::args::Shard;
use crate::failure::{Failure, Outcome, failed};
use crate::predictions::{self, Prediction};
use crate::tell::{plain, tell};

/// What read the slices, and how fast.
pub struct ModelRun {
    pub name: String,
    pub version: String,
    pub sha256: String,
    pub threshold: f32,
    pub uncertain: [f32; 2],
    pub device: String,
    pub images_per_second: f64,
    /// The part of the rows that it was.
    pub shard: Option<Shard>,
}

/// What a report is to hold beside what every report holds.
#[derive(Default)]
pub struct Wishes<'a> {
    /// Decisions at these scores too.
    pub thresholds: Vec<f64>,
    /// Columns of the manifest with the value of each row.
    pub subgroups: Vec<(String, Vec<String>)>,
    /// Gives the picture of a row; only where the report may hold images.
    pub pictures: Option<&'a dyn Fn(usize) -> Option<Picture>>,
}

/// Where the disease is rarer or more common than in the data.
const PREVALENCES: [f64; 4] = [0.01, 0.05, 0.2, 0.5];

/// metrics.json.
#[derive(Serialize)]
pub struct Report {
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
    pub without_score: Vec<Unanswered>,
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
        let ModelName { name, version, sha256 } = (&classifier.model).into();
        let point = &classifier.model.operating_point;
        let device = classifier.device.to_string();
        ModelRun {
            name,
            version,
            sha256,
            threshold: point.threshold,
            uncertain: point.uncertain,
            device,
            images_per_second,
            shard,
        }
    }
}

/// Measures the rows, writes the three files into `out`, names on stderr what could not be read, and prints a summary.
pub fn write(run: ModelRun, rows: &[Prediction], wishes: &Wishes, out: &Path) -> Result<Outcome, Failure> {
    fs::create_dir_all(out).map_err(failed(out.display()))?;
    let cases = predictions::cases(rows);
    let report = measured(run, &cases, rows, wishes);
    predictions::write(&out.join("predictions.csv"), rows, &wishes.subgroups)?;
    let path = out.join("metrics.json");
    let json = serde_json::to_string_pretty(&report).map_err(|error| Failure(error.to_string()))?;
    fs::write(&path, json + "\n").map_err(failed(path.display()))?;
    let path = out.join("report.html");
    let page = html::html(&report, &cases, rows, wishes.pictures, &command_line())
        .map_err(|error| Failure(format!("{}: {error}", path.display())))?;
    fs::write(&path, page).map_err(failed(path.display()))?;

    let unreadable: Vec<_> = rows.iter().filter(|row| row.verdict == Verdict::Error.word()).collect();
    for row in &unreadable {
        tell!("{}: {}", plain(&row.path), plain(row.reason.as_deref().unwrap_or("it could not be read")));
    }
    // The report is written; nobody need be there to read this.
    let _ = io::stdout().write_all(summary(&report, rows.len() - unreadable.len(), out).as_bytes());
    Ok(if unreadable.is_empty() { Outcome::AllRead } else { Outcome::SomeUnreadable })
}

fn measured(run: ModelRun, cases: &[Case], rows: &[Prediction], wishes: &Wishes) -> Report {
    let accepted: Vec<Case> = cases.iter().filter(|case| case.answer.is_some()).cloned().collect();
    let threshold = f64::from(run.threshold);
    let shipped = Confusion::at(cases, threshold);
    let rate = |(part, whole): (usize, usize)| (whole > 0).then(|| part as f64 / whole as f64);
    let prevalences = rate(shipped.sensitivity()).zip(rate(shipped.specificity()));
    let [low, high] = run.uncertain.map(f64::from);
    let named = [("shipped", threshold), ("lower end of the uncertain band", low), ("upper end", high)];
    let chosen = wishes.thresholds.iter().map(|&threshold| ("chosen", threshold));
    Report {
        n: cases.len(),
        positives: positives(cases),
        groups: groups(cases),
        coverage: accepted.len() as f64 / cases.len() as f64,
        threshold: run.threshold,
        uncertain: run.uncertain,
        device: run.device,
        model: ModelName { name: run.name, version: run.version, sha256: run.sha256 },
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
            .flat_map(|(column, values)| subgroups(column, values, cases, threshold))
            .collect(),
        without_score: rows
            .iter()
            .filter_map(|row| Some(Unanswered { path: row.path.clone(), reason: row.reason.clone()? }))
            .collect(),
    }
}

fn positives(cases: &[Case]) -> usize {
    cases.iter().filter(|case| case.positive).count()
}

fn delong(cases: &[Case]) -> Estimate {
    let auc = Auc::of(cases);
    Estimate {
        value: auc.map(|auc| auc.value),
        ci95: auc.map(|auc| auc.interval()),
        method: "DeLong, slices taken for independent".to_string(),
    }
}

fn decision(name: &'static str, threshold: f64, cases: &[Case]) -> Decision {
    let counts = Confusion::at(cases, threshold);
    let estimate = |(part, whole): (usize, usize)| Estimate {
        value: (whole > 0).then(|| part as f64 / whole as f64),
        ci95: metrics::wilson(part, whole),
        method: format!("Wilson, {part} of {whole}, slices taken for independent"),
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

fn subgroups(column: &str, values: &[String], cases: &[Case], threshold: f64) -> Vec<Subgroup> {
    let distinct: BTreeSet<&String> = values.iter().collect();
    distinct
        .into_iter()
        .map(|value| {
            let own: Vec<Case> =
                cases.iter().zip(values).filter(|(_, other)| *other == value).map(|(case, _)| case.clone()).collect();
            Subgroup {
                column: column.to_string(),
                value: value.clone(),
                n: own.len(),
                positives: positives(&own),
                measures: estimates(&own, threshold),
            }
        })
        .collect()
}

fn groups(cases: &[Case]) -> usize {
    let mut groups: Vec<usize> = cases.iter().map(|case| case.group).collect();
    groups.sort_unstable();
    groups.dedup();
    groups.len()
}

fn estimates(cases: &[Case], threshold: f64) -> Measures<Estimate> {
    // Groups that are empty here must not be drawn. The others keep their order, for the draws must not depend on that of the rows.
    let groups: BTreeSet<usize> = cases.iter().map(|case| case.group).collect();
    let numbers: HashMap<usize, usize> = groups.into_iter().zip(0..).collect();
    let cases: Vec<Case> = cases.iter().map(|case| Case { group: numbers[&case.group], ..case.clone() }).collect();
    let method =
        format!("percentile bootstrap over {} groups, {} draws, seed {}", numbers.len(), metrics::DRAWS, metrics::SEED);
    Ranked::new(&cases, threshold)
        .measure(&vec![1.0; cases.len()])
        .zip(metrics::intervals(&cases, threshold))
        .map(|(value, ci95)| Estimate { value, ci95, method: method.clone() })
}

/// What was run, as it was typed but for quotes.
fn command_line() -> String {
    std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

fn summary(report: &Report, read: usize, out: &Path) -> String {
    let head = format!(
        "{} {} on {}: {read} of {} slices read, {:.1} % accepted, {:.0} slices a second",
        report.model.name,
        report.model.version,
        report.device,
        report.n,
        100.0 * report.coverage,
        report.images_per_second
    );
    let lines = report.all.named().map(|(name, estimate)| {
        let value = estimate.value.map_or("not defined".to_string(), |value| format!("{value:.3}"));
        let interval = estimate.ci95.map(|[lo, hi]| format!(" ({lo:.3} to {hi:.3})")).unwrap_or_default();
        format!("  {name:<12} {value}{interval}")
    });
    let lines = lines.join("\n");
    let out = out.display();
    format!(
        "{head}\n{lines}\n95 % intervals by group bootstrap; every row counts, refused ones as wrong. Written to {out}\n"
    )
}
