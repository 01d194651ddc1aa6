//! What a validation leaves: predictions.csv for every row, metrics.json with intervals, report.html for people.

mod html;
mod plots;

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use lungglass::classifier::Classifier;
use lungglass::metrics::{self, Case, Measures, Ranked};
use lungglass::reading::{ModelName, Verdict};
use serde::Serialize;

use crate::failure::{Failure, Outcome, failed};
use crate::predictions::{self, Prediction};

/// What read the slices, and how fast.
pub struct ModelRun {
    pub name: String,
    pub version: String,
    pub sha256: String,
    pub threshold: f32,
    pub uncertain: [f32; 2],
    pub device: String,
    pub images_per_second: f64,
}

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
    #[serde(flatten)]
    pub all: Measures<Estimate>,
    /// Over the accepted rows alone.
    pub accepted: Accepted,
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
    pub fn new(classifier: &Classifier, images_per_second: f64) -> ModelRun {
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
        }
    }
}

/// Measures the rows, writes the three files into `out`, names on stderr what could not be read, and prints a summary.
pub fn write(run: ModelRun, rows: &[Prediction], out: &Path) -> Result<Outcome, Failure> {
    fs::create_dir_all(out).map_err(failed(out.display()))?;
    let cases = predictions::cases(rows);
    let report = measured(run, &cases);
    predictions::write(&out.join("predictions.csv"), rows)?;
    let path = out.join("metrics.json");
    let json = serde_json::to_string_pretty(&report).map_err(|error| Failure(error.to_string()))?;
    fs::write(&path, json + "\n").map_err(failed(path.display()))?;
    let path = out.join("report.html");
    let page = html::html(&report, &cases, rows, &command_line())
        .map_err(|error| Failure(format!("{}: {error}", path.display())))?;
    fs::write(&path, page).map_err(failed(path.display()))?;

    let unreadable: Vec<_> = rows.iter().filter(|row| row.verdict == Verdict::Error.word()).collect();
    for row in &unreadable {
        eprintln!("lungglass: {}: {}", row.path, row.reason.as_deref().unwrap_or("it could not be read"));
    }
    // The report is written; nobody need be there to read this.
    let _ = io::stdout().write_all(summary(&report, rows.len() - unreadable.len(), out).as_bytes());
    Ok(if unreadable.is_empty() { Outcome::AllRead } else { Outcome::SomeUnreadable })
}

fn measured(run: ModelRun, cases: &[Case]) -> Report {
    let accepted: Vec<Case> = cases.iter().filter(|case| case.answer.is_some()).cloned().collect();
    let threshold = f64::from(run.threshold);
    let positives = |cases: &[Case]| cases.iter().filter(|case| case.positive).count();
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
        all: estimates(cases, threshold),
        accepted: Accepted {
            n: accepted.len(),
            positives: positives(&accepted),
            measures: estimates(&accepted, threshold),
        },
    }
}

fn groups(cases: &[Case]) -> usize {
    let mut groups: Vec<usize> = cases.iter().map(|case| case.group).collect();
    groups.sort_unstable();
    groups.dedup();
    groups.len()
}

fn estimates(cases: &[Case], threshold: f64) -> Measures<Estimate> {
    // Groups that are empty here must not be drawn.
    let mut numbers = HashMap::new();
    let cases: Vec<Case> = cases
        .iter()
        .map(|case| {
            let next = numbers.len();
            Case { group: *numbers.entry(case.group).or_insert(next), ..case.clone() }
        })
        .collect();
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
