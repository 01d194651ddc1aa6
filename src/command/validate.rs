//! `lungglass validate`: the network on labelled slices; predictions.csv for every row, metrics.json with intervals.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use lungglass::classifier::Classifier;
use lungglass::decode::{Limits, Source};
use lungglass::error::Error;
use lungglass::metrics::{self, Answer, Case, Measures, Ranked};
use lungglass::reading::{ModelName, Reading, Verdict};
use rayon::prelude::*;
use serde::Serialize;

use crate::args::Validate;
use crate::failure::{Failure, Outcome, failed};
use crate::manifest::{Manifest, Row};
use crate::{inputs, network};

/// metrics.json.
#[derive(Serialize)]
struct Report {
    /// All rows.
    n: usize,
    positives: usize,
    /// Groups that the bootstrap draws.
    groups: usize,
    /// Share of the rows that the gate accepted.
    coverage: f64,
    threshold: f32,
    uncertain: [f32; 2],
    device: &'static str,
    model: ModelName,
    images_per_second: f64,
    #[serde(flatten)]
    all: Measures<Estimate>,
    /// Over the accepted rows alone.
    accepted: Accepted,
}

#[derive(Serialize)]
struct Accepted {
    n: usize,
    positives: usize,
    #[serde(flatten)]
    measures: Measures<Estimate>,
}

#[derive(Serialize)]
struct Estimate {
    value: Option<f64>,
    ci95: Option<[f64; 2]>,
    method: String,
}

/// Reads every row. One that cannot be read counts as a wrong decision and is listed.
pub fn run(arguments: &Validate) -> Result<Outcome, Failure> {
    let manifest = Manifest::read(&arguments.manifest, &["path", "label", "split", "group"])?;
    let rows: Vec<Row> = manifest
        .rows()
        .filter(|row| arguments.split.as_deref().is_none_or(|split| row.value("split") == split))
        .collect();
    if rows.is_empty() {
        let split = arguments.split.as_deref().map(|split| format!(" of split \"{split}\"")).unwrap_or_default();
        return Err(Failure(format!("{}: there are no rows{split}", arguments.manifest.display())));
    }
    let labels = rows.iter().map(|row| label(*row)).collect::<Result<Vec<bool>, Failure>>()?;
    let classifier = network::load(&arguments.network)?;
    fs::create_dir_all(&arguments.out).map_err(failed(arguments.out.display()))?;

    let progress = ProgressBar::new(rows.len() as u64).with_style(
        ProgressStyle::with_template("{pos} of {len} slices, {per_sec}, {eta} left").expect("a fixed template"),
    );
    let start = Instant::now();
    let readings: Vec<Reading> = rows
        .par_iter()
        .map(|row| {
            let reading = read(&classifier, *row);
            progress.inc(1);
            reading
        })
        .collect();
    let seconds = start.elapsed().as_secs_f64();
    progress.finish_and_clear();

    let cases = cases(&rows, &labels, &readings);
    let report = report(&classifier, &cases, rows.len() as f64 / seconds);
    write_predictions(&arguments.out.join("predictions.csv"), &rows, &readings)?;
    let path = arguments.out.join("metrics.json");
    let json = serde_json::to_string_pretty(&report).map_err(|error| Failure(error.to_string()))?;
    fs::write(&path, json + "\n").map_err(failed(path.display()))?;

    let unreadable: Vec<_> = readings.iter().filter(|reading| reading.verdict == Verdict::Error).collect();
    for reading in &unreadable {
        let message = reading.error.as_ref().map_or("", |error| &error.message);
        eprintln!("lungglass: {}: {message}", reading.file);
    }
    let summary = summary(&report, readings.len() - unreadable.len(), &arguments.out);
    // The report is written; nobody need be there to read this.
    let _ = io::stdout().write_all(summary.as_bytes());
    Ok(if unreadable.is_empty() { Outcome::AllRead } else { Outcome::SomeUnreadable })
}

fn label(row: Row) -> Result<bool, Failure> {
    match row.value("label") {
        "1" => Ok(true),
        "0" => Ok(false),
        other => Err(row.failure(&format!("the label is \"{other}\"; it must be 1 (COVID-19) or 0"))),
    }
}

fn read(classifier: &Classifier, row: Row) -> Reading {
    let name = row.value("path");
    let unreadable = |error: Error| Reading::unreadable(name, None, &error, &classifier.model, classifier.device);
    match inputs::read(&row.path()).and_then(|bytes| Source::open(bytes, Limits::default())) {
        Ok(source) if source.is_multi_frame() => unreadable(Error::Unsupported {
            what: format!("a file of {} frames in a manifest", source.frames()),
            advice: "give each slice a file and a row of its own",
        }),
        // A data set's pictures would fill the memory.
        Ok(source) => Reading { picture: None, map: None, lung: None, ..classifier.read(&source, 0, name) },
        Err(error) => unreadable(error),
    }
}

/// Rows without a group are groups of their own.
fn cases(rows: &[Row], labels: &[bool], readings: &[Reading]) -> Vec<Case> {
    let mut groups = HashMap::new();
    rows.iter()
        .zip(labels)
        .zip(readings)
        .enumerate()
        .map(|(at, ((row, &positive), reading))| {
            let name = Some(row.value("group")).filter(|group| !group.is_empty());
            let next = groups.len();
            let group = *groups.entry(name.map_or_else(|| Err(at), Ok)).or_insert(next);
            let answer = reading
                .score
                .zip(reading.logit)
                .map(|(score, logit)| Answer { logit: f64::from(logit), score: f64::from(score) });
            Case { positive, group, answer }
        })
        .collect()
}

fn report(classifier: &Classifier, cases: &[Case], images_per_second: f64) -> Report {
    let accepted: Vec<Case> = cases.iter().filter(|case| case.answer.is_some()).cloned().collect();
    let point = &classifier.model.operating_point;
    let threshold = f64::from(point.threshold);
    let positives = |cases: &[Case]| cases.iter().filter(|case| case.positive).count();
    Report {
        n: cases.len(),
        positives: positives(cases),
        groups: groups(cases),
        coverage: accepted.len() as f64 / cases.len() as f64,
        threshold: point.threshold,
        uncertain: point.uncertain,
        device: classifier.device,
        model: (&classifier.model).into(),
        images_per_second,
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

fn write_predictions(path: &Path, rows: &[Row], readings: &[Reading]) -> Result<(), Failure> {
    let malformed = |error: csv::Error| Failure(format!("{}: {error}", path.display()));
    let number = |value: Option<f32>| value.map(|value| value.to_string()).unwrap_or_default();
    let mut writer = csv::Writer::from_path(path).map_err(malformed)?;
    writer.write_record(["path", "label", "split", "group", "verdict", "score", "logit"]).map_err(malformed)?;
    for (row, reading) in rows.iter().zip(readings) {
        let [path, label, split, group] = ["path", "label", "split", "group"].map(|column| row.value(column));
        let (score, logit) = (number(reading.score), number(reading.logit));
        writer.write_record([path, label, split, group, reading.verdict.word(), &score, &logit]).map_err(malformed)?;
    }
    writer.flush().map_err(failed(path.display()))
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
    let Measures { auc, f1, accuracy, sensitivity, specificity, ppv, npv, brier, ece } = &report.all;
    let lines = [
        ("AUC", auc),
        ("F1", f1),
        ("accuracy", accuracy),
        ("sensitivity", sensitivity),
        ("specificity", specificity),
        ("PPV", ppv),
        ("NPV", npv),
        ("Brier", brier),
        ("ECE", ece),
    ]
    .map(|(name, estimate)| {
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
