//! `lungglass compare`: how far two runs over the same slices are apart; or which of two networks is better on them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::args::Compare;
use crate::failure::{Failure, Outcome, failed};
use crate::metrics::{self, Case, DRAWS, McNemar, Measures, Paired};
use crate::predictions::{self, Prediction};
use crate::report::{Estimate, estimates};
use crate::tell::{self, plain};

/// Two runtimes, or with `--models` two networks.
pub fn run(arguments: &Compare) -> Result<Outcome, Failure> {
    if arguments.models { networks(arguments) } else { runtimes(arguments) }
}

/// What metrics.json says of a run.
#[derive(Deserialize)]
struct Run {
    threshold: f32,
    model: NetworkName,
}

#[derive(Deserialize, Serialize)]
struct NetworkName {
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

/// Which of two networks is better.
#[derive(Serialize)]
struct Networks {
    slices: usize,
    groups: usize,
    a: Network,
    b: Network,
    /// The measures of A less those of B.
    differences: Measures<Estimate>,
    delong: DeLong,
    mcnemar: McNemar,
}

#[derive(Serialize)]
struct Network {
    #[serde(flatten)]
    name: NetworkName,
    threshold: f32,
    #[serde(flatten)]
    measures: Measures<Estimate>,
}

/// The test of equal areas, which takes slices for independent.
#[derive(Serialize)]
struct DeLong {
    difference: f64,
    /// None where the variance is 0, as where all slices of a class are ranked alike.
    ci95: Option<[f64; 2]>,
    p: f64,
}

/// Prints what both measure, and the difference. Fails only where the slices or their labels are not the same.
fn networks(arguments: &Compare) -> Result<Outcome, Failure> {
    let [a, b] = [&arguments.a, &arguments.b].map(|path| predictions::read(path));
    let (a, b) = (a?, b?);
    let [run_a, run_b] = [&arguments.a, &arguments.b].map(|path| Run::beside(path));
    let (run_a, run_b) = (run_a?, run_b?);
    let others: HashMap<&str, &Prediction> = b.iter().map(|row| (row.path.as_str(), row)).collect();
    let matched: Option<Vec<Prediction>> = a
        .iter()
        .map(|row| others.get(row.path.as_str()).copied().filter(|other| other.label == row.label).cloned())
        .collect();
    let b = match matched {
        Some(matched) if a.len() == b.len() => matched,
        _ => return Err(Failure("the two files do not have the same slices with the same labels".to_string())),
    };
    // The groups of A are drawn, whatever those of B are called.
    let b: Vec<Prediction> = b.into_iter().zip(&a).map(|(b, a)| Prediction { group: a.group.clone(), ..b }).collect();
    let (a, b) = (predictions::cases(&a), predictions::cases(&b));
    let Some(paired) = Paired::of(&a, &b) else {
        return Err(Failure("a comparison of AUCs takes two slices of each class".to_string()));
    };
    let thresholds = [run_a.threshold, run_b.threshold].map(f64::from);
    let right = |case: &Case, threshold: f64| case.called_positive(threshold) == case.positive;
    let decisions: Vec<(bool, bool)> =
        a.iter().zip(&b).map(|(a, b)| (right(a, thresholds[0]), right(b, thresholds[1]))).collect();
    let count = |wanted: fn(&(bool, bool)) -> bool| decisions.iter().filter(|pair| wanted(pair)).count();
    let network = |run: Run, cases: &[Case]| Network {
        measures: estimates(cases, f64::from(run.threshold)),
        name: run.model,
        threshold: run.threshold,
    };
    let found = Networks {
        slices: a.len(),
        groups: metrics::distinct(&a, |_| true),
        differences: metrics::differences(&a, &b, thresholds).map(|(value, interval)| Estimate::new(value, interval)),
        a: network(run_a, &a),
        b: network(run_b, &b),
        delong: DeLong {
            difference: paired.a.value - paired.b.value,
            ci95: Some(paired.interval()).filter(|[lo, hi]| lo < hi),
            p: paired.p,
        },
        mcnemar: McNemar::of(count(|pair| pair.0 && !pair.1), count(|pair| !pair.0 && pair.1)),
    };
    if arguments.json {
        print(&found)?
    } else {
        tell::print(&found.text())?
    }
    Ok(Outcome::AllRead)
}

impl Networks {
    fn text(&self) -> String {
        let Networks { slices, groups, a, b, differences, delong, mcnemar } = self;
        let named = |network: &Network| format!("{} {}", plain(&network.name.name), plain(&network.name.version));
        let mut text = format!(
            "A: {}\nB: {}\n{slices} slices of {groups} groups; refused and unreadable ones count as wrong\n",
            named(a),
            named(b)
        );
        let shown = |estimate: &Estimate| {
            let value = estimate.value.map_or("not defined".to_string(), |value| format!("{value:.3}"));
            estimate.ci95.map_or(value.clone(), |[lo, hi]| format!("{value} ({lo:.3} to {hi:.3})"))
        };
        let rows = a.measures.named().into_iter().zip(b.measures.named()).zip(differences.named());
        for (((name, a), (_, b)), (_, difference)) in rows {
            let value = difference.value.map_or("not defined".to_string(), |value| format!("{value:+.3}"));
            let ends = match difference.ci95 {
                Some([lo, hi]) => format!("{lo:+.3} to {hi:+.3}"),
                None => difference.method.clone(),
            };
            let _ = writeln!(text, "{name:<12} A {}, B {}, A - B {value} ({ends})", shown(a), shown(b));
        }
        let ends = delong.ci95.map_or("no interval".to_string(), |[lo, hi]| format!("A - B {lo:+.3} to {hi:+.3}"));
        let _ = writeln!(
            text,
            "In brackets 95 % intervals by bootstrap over groups, {DRAWS} draws, the same for both.\n\
             Tests that take slices for independent; where they come in groups, go by the intervals above:\n\
             \x20 AUC: DeLong p = {:.3}, {ends}\n\
             \x20 decisions: A alone is right on {}, B alone on {}; McNemar p = {:.3} exact, {:.3} corrected for continuity",
            delong.p, mcnemar.only_a, mcnemar.only_b, mcnemar.exact, mcnemar.corrected
        );
        text
    }
}

/// How far two runtimes are apart.
#[derive(Serialize)]
struct Runtimes<'a> {
    /// In both.
    slices: usize,
    /// In one only.
    alone: usize,
    logits: Logits<'a>,
    /// Slices whose verdicts differ.
    verdicts: Vec<Changed<'a>>,
    passed: bool,
}

#[derive(Serialize)]
struct Logits<'a> {
    /// Slices that have one in both.
    slices: usize,
    mean: f64,
    largest: f32,
    /// The slice of the largest difference; null where no slice has a logit in both.
    at: Option<&'a str>,
    bound: f32,
}

#[derive(Serialize)]
struct Changed<'a> {
    path: &'a str,
    a: &'static str,
    b: &'static str,
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
    let gaps: Vec<(f32, &str)> =
        pairs.iter().filter_map(|(a, b)| Some(((a.logit? - b.logit?).abs(), a.path.as_str()))).collect();
    let largest = gaps.iter().max_by(|a, b| a.0.total_cmp(&b.0));
    let changed = pairs.iter().filter(|(a, b)| a.verdict != b.verdict);
    let mut found = Runtimes {
        slices: pairs.len(),
        alone: a.len() + b.len() - 2 * pairs.len(),
        logits: Logits {
            slices: gaps.len(),
            mean: gaps.iter().map(|(gap, _)| f64::from(*gap)).sum::<f64>() / gaps.len().max(1) as f64,
            largest: largest.map_or(0.0, |(gap, _)| *gap),
            at: largest.map(|(_, path)| *path),
            bound: arguments.bound,
        },
        verdicts: changed.map(|(a, b)| Changed { path: &a.path, a: a.verdict.word(), b: b.verdict.word() }).collect(),
        passed: false,
    };
    let fault = found.fault();
    found.passed = fault.is_none();
    if arguments.json {
        print(&found)?
    } else {
        tell::print(&found.text())?
    }
    fault.map_or(Ok(Outcome::AllRead), |fault| Err(Failure(fault)))
}

impl Runtimes<'_> {
    /// What is wrong, if anything.
    fn fault(&self) -> Option<String> {
        let Runtimes { alone, logits: Logits { largest, bound, .. }, verdicts, .. } = self;
        if largest > bound {
            return Some(format!("the largest difference, {largest:.2e}, is over the bound of {bound:.2e}"));
        }
        if !verdicts.is_empty() {
            return Some(format!("{} verdicts differ", verdicts.len()));
        }
        (*alone > 0).then(|| format!("{alone} slices are in one file only"))
    }

    fn text(&self) -> String {
        let Runtimes { slices, alone, logits, verdicts, .. } = self;
        let mut text = format!(
            "{slices} slices in both, {alone} in one only\nlogits: mean difference {:.2e}, largest {:.2e} ({})\nverdicts: {} differ\n",
            logits.mean,
            logits.largest,
            logits.at.map_or("no slice has a logit in both".into(), plain),
            verdicts.len()
        );
        for Changed { path, a, b } in verdicts {
            let _ = writeln!(text, "  {}: {a} and {b}", plain(path));
        }
        text
    }
}

/// One JSON object.
fn print(found: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(found).map_err(|error| Failure(error.to_string()))?;
    tell::print(&(text + "\n"))
}
