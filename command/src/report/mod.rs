//! What a validation leaves: predictions.csv for every row, metrics.json with intervals, report.html for people.

pub mod html;
pub mod plots;

pub use crate::metrics::{Estimate, estimates};
pub use lungglass_acceptance::look::{cell, escaped, head};

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use crate::metrics::{self, Auc, Case, Confusion, Measures, NetBenefit, Predictive};
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
    /// The sensitivity where the specificity is at least this.
    pub specificities: Vec<f64>,
    /// Columns of the manifest, whose values the rows have.
    pub subgroups: Vec<String>,
    /// More columns of predictions.csv, whose values follow those in the rows.
    pub columns: &'a [&'a str],
    /// Of rows that are groups: the same rows, judged by the highest of their slices.
    pub highest: Option<&'a [Case]>,
    /// Only where the report may hold images.
    pub pictures: Pictures<'a>,
    /// The command line that does the same, where this program's is another; its host has the results, and nothing is printed.
    pub command: Option<&'a str>,
}

/// With fewer slices or groups of a class than these, its figures say little.
pub const FEW: usize = 10;

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
    /// What ought to be known before the figures are used.
    pub warnings: Vec<String>,
    /// Of rows that are groups: what makes a score of theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_score: Option<&'static str>,
    #[serde(flatten)]
    pub all: Measures<Estimate>,
    /// The ECE that scores would show here on average if they fitted perfectly.
    pub ece_if_calibrated: Option<f64>,
    /// Of rows that are groups: the same measures by the highest of their slices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub highest: Option<Measures<Estimate>>,
    /// Over the accepted rows alone.
    pub accepted: Accepted,
    /// The AUC of all rows with DeLong's interval.
    pub auc_delong: Estimate,
    /// The shipped threshold first, then the ends of the uncertain band, then what was asked for.
    pub thresholds: Vec<Decision>,
    /// The sensitivity at each wanted specificity.
    pub at_specificity: Vec<AtSpecificity>,
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

/// The decisions on all rows at one threshold, with the same intervals as all measures have.
#[derive(Serialize)]
pub struct Decision {
    pub name: &'static str,
    pub threshold: f64,
    #[serde(flatten)]
    pub counts: Confusion,
    /// Of the positives that were missed, those that were refused or could not be read.
    pub false_negatives_without_score: usize,
    /// Of the false alarms, those that were refused or could not be read.
    pub false_positives_without_score: usize,
    pub accuracy: Estimate,
    pub sensitivity: Estimate,
    pub specificity: Estimate,
    pub ppv: Estimate,
    pub npv: Estimate,
    pub f1: Option<f64>,
}

/// The lowest threshold at which at least so many negatives are called so, chosen on these very rows.
#[derive(Serialize)]
pub struct AtSpecificity {
    pub wanted: f64,
    /// A score; none where only a threshold above every score would do.
    pub threshold: Option<f64>,
    pub specificity: Option<f64>,
    pub sensitivity: Estimate,
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
    /// The surest wrong decision of each group, the surest first: [`html::MISTAKES`] of them.
    pub mistakes: Vec<Mistake>,
    /// How many wrong decisions on accepted slices there are.
    pub wrong: usize,
    /// The first [`html::LOST`] rows without a score.
    pub lost: Vec<Prediction>,
    /// How many rows have no score.
    pub without_score: usize,
    /// How many rows could be read.
    pub read: usize,
}

/// The surest wrong decision of a group.
pub struct Mistake {
    pub score: f64,
    pub row: Prediction,
    /// How many of the accepted slices of its group were decided wrong.
    pub wrong: usize,
    /// How many slices its group has.
    pub of: usize,
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

    report.warnings.iter().for_each(|warning| tell!("warning: {warning}"));
    let (wrong, mistakes) = mistakes(&cases, f64::from(report.threshold));
    let mut shown = Shown { wrong, ..Shown::default() };
    let columns: Vec<String> =
        wishes.subgroups.iter().cloned().chain(wishes.columns.iter().map(|name| (*name).to_string())).collect();
    let path = out.join("predictions.csv");
    output::write(&path, |file| {
        let malformed = |error: csv::Error| failed(path.display())(error);
        let mut writer = predictions::Writer::new(file, &columns).map_err(malformed)?;
        let mut at = 0;
        rows.walk(&mut |row, values| {
            writer.write(&row, values).map_err(malformed)?;
            if row.verdict == Verdict::Error {
                tell!("{}: {}", plain(&row.path), plain(row.reason.as_deref().unwrap_or("it could not be read")));
            } else {
                shown.read += 1;
            }
            if let Some(&Wrong { score, wrong, of, .. }) = mistakes.iter().find(|mistake| mistake.at == at) {
                shown.mistakes.push(Mistake { score, row, wrong, of });
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
    shown.mistakes.sort_by(|a, b| order(b.score).total_cmp(&order(a.score)));

    let path = out.join("metrics.json");
    output::write(&path, |file| {
        serde_json::to_writer_pretty(&mut *file, &report).map_err(failed(path.display()))?;
        file.write_all(b"\n").map_err(failed(path.display()))
    })?;
    let path = out.join("report.html");
    let command = wishes.command.map_or_else(command_line, str::to_string);
    let page = html::html(&report, &cases, &shown, wishes.pictures, &command)
        .map_err(|error| Failure(format!("{}: {error}", path.display())))?;
    output::write(&path, |file| file.write_all(page.as_bytes()).map_err(failed(path.display())))?;
    if wishes.command.is_none() {
        tell::print(&summary(&report, shown.read, out))?;
    }
    Ok(if shown.read == rows.count() { Outcome::AllRead } else { Outcome::SomeUnreadable })
}

/// The surest wrong decision of a group.
struct Wrong {
    score: f64,
    /// The row.
    at: usize,
    wrong: usize,
    of: usize,
}

/// How many decisions on accepted slices are wrong, and the surest of each group, the surest first: [`html::MISTAKES`] of them.
fn mistakes(cases: &[Case], threshold: f64) -> (usize, Vec<Wrong>) {
    let mut wrong: Vec<(f64, usize)> = cases
        .iter()
        .enumerate()
        .filter_map(|(at, case)| {
            let score = case.answer?.score;
            ((score >= threshold) != case.positive).then_some((score, at))
        })
        .collect();
    wrong.sort_by(|a, b| (b.0 - threshold).abs().total_cmp(&(a.0 - threshold).abs()));
    let mut all: HashMap<usize, usize> = HashMap::new();
    cases.iter().for_each(|case| *all.entry(case.group).or_default() += 1);
    let mut of_group: HashMap<usize, usize> = HashMap::new();
    wrong.iter().for_each(|(_, at)| *of_group.entry(cases[*at].group).or_default() += 1);
    // Those of a group that was there before are counted with it.
    let firsts = wrong.iter().filter_map(|&(score, at)| {
        let group = cases[at].group;
        Some(Wrong { score, at, wrong: of_group.remove(&group)?, of: all[&group] })
    });
    (wrong.len(), firsts.take(html::MISTAKES).collect())
}

fn measured<'a>(run: ModelRun, cases: &[Case], rows: &'a dyn Rows, wishes: &Wishes, columns: &[Column]) -> Report<'a> {
    let accepted: Vec<Case> = cases.iter().filter(|case| case.answer.is_some()).cloned().collect();
    let threshold = f64::from(run.threshold);
    let all = estimates(cases, threshold);
    let prevalences = all.sensitivity.value.zip(all.specificity.value);
    let [low, high] = run.uncertain.map(f64::from);
    let own = if run.model.operating_point.is_some() { "of the operating point" } else { "shipped" };
    let named = [(own, threshold), ("lower end of the uncertain band", low), ("upper end", high)];
    let chosen = wishes.thresholds.iter().map(|&threshold| ("chosen", threshold));
    let decisions = named.into_iter().chain(chosen).map(|(name, at)| {
        // Of one threshold there is one interval.
        let measures = if at == threshold { all.clone() } else { estimates(cases, at) };
        decision(name, at, cases, measures)
    });
    let decisions = decisions.collect();
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
        warnings: warnings(cases, run.unit),
        group_score: wishes.highest.map(|_| "mean"),
        all,
        ece_if_calibrated: metrics::if_calibrated(&metrics::numbered(cases.to_vec())),
        highest: wishes.highest.map(|highest| estimates(highest, threshold)),
        accepted: Accepted {
            n: accepted.len(),
            positives: positives(&accepted),
            measures: estimates(&accepted, threshold),
        },
        auc_delong: delong(cases),
        thresholds: decisions,
        at_specificity: wishes.specificities.iter().map(|&wanted| at_specificity(cases, wanted)).collect(),
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

fn decision(name: &'static str, threshold: f64, cases: &[Case], measures: Measures<Estimate>) -> Decision {
    let counts = Confusion::at(cases, threshold);
    let without_score =
        |class: bool| cases.iter().filter(|case| case.positive == class && case.answer.is_none()).count();
    let Measures { accuracy, sensitivity, specificity, ppv, npv, .. } = measures;
    Decision {
        name,
        threshold,
        false_negatives_without_score: without_score(true),
        false_positives_without_score: without_score(false),
        accuracy,
        sensitivity,
        specificity,
        ppv,
        npv,
        f1: counts.f1(),
        counts,
    }
}

fn at_specificity(cases: &[Case], wanted: f64) -> AtSpecificity {
    let found = metrics::at_specificity(&metrics::numbered(cases.to_vec()), wanted);
    let sensitivity = Estimate::new(found.sensitivity, found.interval);
    AtSpecificity { wanted, threshold: found.threshold, specificity: found.reached, sensitivity }
}

/// What ought to be known before the figures are used, each a sentence without its full stop.
fn warnings(cases: &[Case], unit: Unit) -> Vec<String> {
    let rows = unit.plural();
    let of_class = |(class, word): (bool, &str)| {
        let count = cases.iter().filter(|case| case.positive == class).count();
        let groups = metrics::distinct(cases, |case| case.positive == class);
        let what = match (count, groups) {
            (0, _) => format!("none of the {} {rows} is {word}", cases.len()),
            (1..FEW, _) => format!("only {count} of {} {rows} are {word}", cases.len()),
            (_, 1..FEW) => format!("the {count} {word} {rows} are of only {groups} groups"),
            _ => return None,
        };
        Some(format!("{what}: with fewer than ten, what is said of them says little of others"))
    };
    [(true, "positive"), (false, "negative")].into_iter().filter_map(of_class).collect()
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
    let told = |estimate: &Estimate| {
        let value = estimate.value.map_or("not defined".to_string(), |value| format!("{value:.3}"));
        match estimate.ci95 {
            Some([lo, hi]) => format!("{value} ({lo:.3} to {hi:.3})"),
            None => format!("{value} ({})", estimate.method),
        }
    };
    let mut lines: Vec<String> =
        report.all.named().iter().map(|(name, estimate)| format!("  {name:<12} {}", told(estimate))).collect();
    if let Some(Measures { auc, sensitivity, specificity, .. }) = &report.highest {
        let [auc, sensitivity, specificity] = [auc, sensitivity, specificity].map(told);
        lines.push(format!(
            "By the highest slice of each group: AUC {auc}, sensitivity {sensitivity}, specificity {specificity}"
        ));
    }
    lines.extend(report.at_specificity.iter().map(|row| {
        let from = row.threshold.map_or(String::new(), |threshold| format!(", from the score {threshold:.3} on"));
        format!("Sensitivity where the specificity is at least {}: {}{from}", row.wanted, told(&row.sensitivity))
    }));
    let lines = lines.join("\n");
    let out = out.display();
    let exact = report.all.named().iter().filter(|(_, estimate)| estimate.method.starts_with("Clopper")).count();
    let exact = if exact == 0 { "" } else { " (exact where all draws are alike)" };
    format!(
        "{head}\n{lines}\n95 % intervals by group bootstrap{exact}; every row counts, refused ones as wrong. Written to {out}\n"
    )
}
