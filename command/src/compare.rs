//! `lungglass compare`: how far two runs over the same slices are apart; or which of two networks is better on them.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use crate::metrics::{self, Case, McNemar, Paired};
use serde::Deserialize;

use crate::args::Compare;
use crate::failure::{Failure, Outcome, failed};
use crate::predictions::{self, Prediction};
use crate::tell::{self, plain};

/// Two runtimes, or with `--models` two networks.
pub fn run(arguments: &Compare) -> Result<Outcome, Failure> {
    if arguments.models { networks(arguments) } else { runtimes(arguments) }
}

/// What metrics.json says of a run.
#[derive(Deserialize)]
struct Run {
    threshold: f64,
    model: Name,
}

#[derive(Deserialize)]
struct Name {
    name: String,
    version: String,
}

impl Run {
    fn beside(predictions: &Path) -> Result<Run, Failure> {
        let path = predictions.with_file_name("metrics.json");
        let text = fs::read(&path).map_err(failed(path.display()))?;
        serde_json::from_slice(&text).map_err(|error| Failure(format!("{}: {error}", path.display())))
    }
}

/// Prints both AUCs and accuracies with their difference. Fails only where the slices or their labels are not the same.
fn networks(arguments: &Compare) -> Result<Outcome, Failure> {
    let (run_a, run_b) = (Run::beside(&arguments.a)?, Run::beside(&arguments.b)?);
    let (a, b) = (predictions::read(&arguments.a)?, predictions::read(&arguments.b)?);
    let others: HashMap<&str, &Prediction> = b.iter().map(|row| (row.path.as_str(), row)).collect();
    let matched: Option<Vec<Prediction>> = a
        .iter()
        .map(|row| others.get(row.path.as_str()).copied().filter(|other| other.label == row.label).cloned())
        .collect();
    let b = match matched {
        Some(matched) if a.len() == b.len() => matched,
        _ => return Err(Failure("the two files do not have the same slices with the same labels".to_string())),
    };
    let (a, b) = (predictions::cases(&a), predictions::cases(&b));
    let Some(paired) = Paired::of(&a, &b) else {
        return Err(Failure("a comparison of AUCs takes two slices of each class".to_string()));
    };
    let right = |case: &Case, threshold: f64| case.called_positive(threshold) == case.positive;
    let decisions: Vec<(bool, bool)> =
        a.iter().zip(&b).map(|(a, b)| (right(a, run_a.threshold), right(b, run_b.threshold))).collect();
    let count = |wanted: fn(&(bool, bool)) -> bool| decisions.iter().filter(|pair| wanted(pair)).count();
    let mcnemar = McNemar::of(count(|pair| pair.0 && !pair.1), count(|pair| !pair.0 && pair.1));
    let accuracy = |rights: usize| rights as f64 / decisions.len() as f64;
    let [lo, hi] = paired.interval();
    let groups = metrics::auc_difference(&a, &b)
        .map_or_else(|why| format!("none ({why})"), |[lo, hi]| format!("{lo:+.3} to {hi:+.3}"));
    let auc = |auc: metrics::Auc| {
        let [lo, hi] = auc.interval();
        // DeLong's variance is 0 where all slices of a class are ranked alike, which says nothing of the next slices.
        if lo < hi {
            format!("{:.3} ({lo:.3} to {hi:.3})", auc.value)
        } else {
            format!("{:.3} (no interval)", auc.value)
        }
    };
    let text = format!(
        "A: {} {}\nB: {} {}\n{} slices, refused and unreadable ones count as wrong\n\
         AUC       A {}, B {}, A - B {:+.3}\n\
         \x20         95 % interval {lo:+.3} to {hi:+.3} by DeLong (p = {:.3}), {groups} by bootstrap over groups\n\
         accuracy  A {:.3}, B {:.3}; A alone is right on {}, B alone on {}\n\
         \x20         McNemar p = {:.3} exact, {:.3} corrected for continuity\n\
         DeLong and McNemar take slices for independent of each other; where they come in groups, go by the bootstrap.\n",
        plain(&run_a.model.name),
        plain(&run_a.model.version),
        plain(&run_b.model.name),
        plain(&run_b.model.version),
        decisions.len(),
        auc(paired.a),
        auc(paired.b),
        paired.a.value - paired.b.value,
        paired.p,
        accuracy(count(|pair| pair.0)),
        accuracy(count(|pair| pair.1)),
        mcnemar.only_a,
        mcnemar.only_b,
        mcnemar.exact,
        mcnemar.corrected,
    );
    tell::print(&text)?;
    Ok(Outcome::AllRead)
}

/// Prints the distance; a difference over the bound, or another verdict, is a failure.
fn runtimes(arguments: &Compare) -> Result<Outcome, Failure> {
    let [a, b] = [&arguments.a, &arguments.b].map(|path| predictions::read(path));
    let (a, b) = (a?, b?);
    let others: HashMap<&str, &Prediction> = b.iter().map(|row| (row.path.as_str(), row)).collect();
    let pairs: Vec<(&Prediction, &Prediction)> =
        a.iter().filter_map(|row| Some((row, *others.get(row.path.as_str())?))).collect();
    if pairs.is_empty() {
        return Err(Failure("the two files have no slice in common".to_string()));
    }
    let alone = a.len() + b.len() - 2 * pairs.len();
    let gaps: Vec<(f32, &str)> =
        pairs.iter().filter_map(|(a, b)| Some(((a.logit? - b.logit?).abs(), a.path.as_str()))).collect();
    let &(largest, at) =
        gaps.iter().max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or(&(0.0, "no slice has a logit in both"));
    let mean = gaps.iter().map(|(gap, _)| f64::from(*gap)).sum::<f64>() / gaps.len().max(1) as f64;
    let changed: Vec<_> = pairs.iter().filter(|(a, b)| a.verdict != b.verdict).collect();
    let mut text = format!(
        "{} slices in both, {alone} in one only\nlogits: mean difference {mean:.2e}, largest {largest:.2e} ({})\nverdicts: {} differ\n",
        pairs.len(),
        plain(at),
        changed.len()
    );
    for (a, b) in &changed {
        text += &format!("  {}: {} and {}\n", plain(&a.path), a.verdict.word(), b.verdict.word());
    }
    tell::print(&text)?;
    if largest > arguments.bound {
        return Err(Failure(format!(
            "the largest difference, {largest:.2e}, is over the bound of {:.2e}",
            arguments.bound
        )));
    }
    if !changed.is_empty() {
        return Err(Failure(format!("{} verdicts differ", changed.len())));
    }
    if alone > 0 {
        return Err(Failure(format!("{alone} slices are in one file only")));
    }
    Ok(Outcome::AllRead)
}
