//! `lungglass validate`: the network on labelled slices; predictions.csv, metrics.json and report.html.

use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use lungglass::classifier::Classifier;
use lungglass::decode::{Limits, Source};
use lungglass::error::Error;
use lungglass::reading::Reading;
use rayon::prelude::*;

use crate::args::Validate;
use crate::failure::{Failure, Outcome};
use crate::manifest::{Manifest, Row};
use crate::predictions::Prediction;
use crate::report::{self, ModelRun};
use crate::{inputs, network};

/// Reads every row. One that cannot be read counts as a wrong decision and is listed.
pub fn run(arguments: &Validate) -> Result<Outcome, Failure> {
    let manifest = Manifest::read(&arguments.manifest, &["path", "label", "split", "group"])?;
    let rows: Vec<Row> = manifest
        .rows()
        .filter(|row| arguments.split.as_deref().is_none_or(|split| row.value("split") == split))
        .enumerate()
        .filter(|(at, _)| arguments.shard.is_none_or(|shard| shard.holds(*at)))
        .map(|(_, row)| row)
        .collect();
    if rows.is_empty() {
        let split = arguments.split.as_deref().map(|split| format!(" of split \"{split}\"")).unwrap_or_default();
        let shard = arguments.shard.map(|shard| format!(" in shard {shard}")).unwrap_or_default();
        return Err(Failure(format!("{}: there are no rows{split}{shard}", arguments.manifest.display())));
    }
    let labels = rows.iter().map(|row| label(*row)).collect::<Result<Vec<u8>, Failure>>()?;
    let classifier = network::load(&arguments.network)?;

    let progress = ProgressBar::new(rows.len() as u64).with_style(
        ProgressStyle::with_template("{pos} of {len} slices, {per_sec}, {eta} left").expect("a fixed template"),
    );
    let start = Instant::now();
    let predictions: Vec<Prediction> = rows
        .par_iter()
        .zip(&labels)
        .map(|(row, label)| {
            let prediction = predict(&classifier, *row, *label);
            progress.inc(1);
            prediction
        })
        .collect();
    let seconds = start.elapsed().as_secs_f64();
    progress.finish_and_clear();
    let run = ModelRun::new(&classifier, rows.len() as f64 / seconds);
    report::write(run, &predictions, &arguments.out)
}

fn label(row: Row) -> Result<u8, Failure> {
    match row.value("label") {
        "1" => Ok(1),
        "0" => Ok(0),
        other => Err(row.failure(&format!("the label is \"{other}\"; it must be 1 (COVID-19) or 0"))),
    }
}

fn predict(classifier: &Classifier, row: Row, label: u8) -> Prediction {
    let reading = read(classifier, row);
    let refusal = reading.refusal.map(|refusal| format!("{}: {}", refusal.code, refusal.message));
    let error = reading.error.map(|error| format!("{}: {}", error.code, error.message));
    Prediction {
        path: row.value("path").to_string(),
        label,
        split: row.value("split").to_string(),
        group: row.value("group").to_string(),
        verdict: reading.verdict.word().to_string(),
        score: reading.score,
        logit: reading.logit,
        reason: refusal.or(error),
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
        Ok(source) => classifier.read(&source, 0, name),
        Err(error) => unreadable(error),
    }
}
