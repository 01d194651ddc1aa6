//! The slices that something is chosen by: from a predictions.csv, or read here from a manifest.

use std::collections::BTreeSet;
use std::path::Path;

use lungglass::model::{Activation, Model};
use lungglass::reading::{log_odds, score};

use crate::args::{Recalibrate, Unit};
use crate::failure::{Failure, failed};
use crate::labelled::{Choice, Selection};
use crate::predictions::{self, Prediction};
use crate::reading::Wants;
use crate::table::Table;
use crate::tell::{plain, tell};
use crate::validate::Progress;
use crate::{classes, network, reading};

/// A slice that was judged.
pub struct Row {
    pub path: String,
    pub split: String,
    pub group: String,
    /// Where it is from; empty where that is not asked.
    pub hospital: String,
    /// Of a network of one class 1 for it, else 0; of several the number of its class.
    pub label: usize,
    /// One for each class, before temperature and activation; of a softmax up to a number that all have.
    pub logits: Vec<f64>,
}

/// What was taken.
pub struct Taken {
    pub rows: Vec<Row>,
    /// Where from.
    pub source: String,
    /// Rows that were refused or could not be read.
    pub without_score: usize,
    /// Those that could not be read here.
    pub unreadable: usize,
}

impl Row {
    /// Its group, or what stands for one.
    pub fn group(&self) -> (bool, &str) {
        if self.group.is_empty() { (true, &self.path) } else { (false, &self.group) }
    }

    /// Whether it is of this class.
    pub fn is(&self, class: usize) -> bool {
        if self.logits.len() == 1 { self.label == 1 } else { self.label == class }
    }

    /// The log-odds of its score for a class at this temperature.
    pub fn odds(&self, class: usize, activation: Activation, temperature: f64) -> f64 {
        let own = self.logits[class];
        if activation != Activation::Softmax {
            return own / temperature;
        }
        let others = self.logits.iter().enumerate().filter(|(at, _)| *at != class);
        let differences: Vec<f64> = others.map(|(_, logit)| (logit - own) / temperature).collect();
        let highest = differences.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        -highest - differences.iter().map(|difference| (difference - highest).exp()).sum::<f64>().ln()
    }
}

impl Taken {
    /// The splits of the rows, as a part of a sentence.
    pub fn splits(&self) -> String {
        let splits: BTreeSet<&str> =
            self.rows.iter().map(|row| row.split.as_str()).filter(|split| !split.is_empty()).collect();
        let names: Vec<String> = splits.into_iter().map(|split| format!("\"{}\"", plain(split))).collect();
        if names.is_empty() { String::new() } else { format!(" of the split {}", names.join(" and ")) }
    }
}

/// The slices that the command line asks for.
///
/// # Errors
/// What is wrong with the file, also where it is of another network.
pub fn of(arguments: &Recalibrate, model: &Model) -> Result<Taken, Failure> {
    let taken = match (&arguments.predictions, &arguments.manifest) {
        (Some(path), _) if model.has_classes() => of_classes(arguments, path, model),
        (Some(path), _) => of_one_class(arguments, path, model),
        (None, Some(path)) => read(arguments, path),
        (None, None) => Err(Failure("give it --predictions or --manifest".to_string())),
    }?;
    if taken.rows.is_empty() {
        let split = arguments.split.as_ref().map(|split| format!(" of split \"{split}\"")).unwrap_or_default();
        return Err(Failure(format!("{}: there is no slice{split} with a score", taken.source)));
    }
    Ok(taken)
}

fn is_wanted(arguments: &Recalibrate, split: &str) -> bool {
    arguments.split.as_ref().is_none_or(|wanted| wanted == split)
}

/// A predictions.csv of a network of one class.
fn of_one_class(arguments: &Recalibrate, path: &Path, model: &Model) -> Result<Taken, Failure> {
    refuse_other(path, model)?;
    let hospitals: Vec<String> = arguments.hospital.iter().cloned().collect();
    let (predictions, values) = predictions::read_with(path, &hospitals)?;
    let rows = predictions.into_iter().zip(values).filter(|(row, _)| is_wanted(arguments, &row.split)).collect();
    one_class(path.display().to_string(), rows, model)
}

/// Predictions with their hospitals.
fn one_class(source: String, rows: Vec<(Prediction, Vec<String>)>, model: &Model) -> Result<Taken, Failure> {
    let all = rows.len();
    let mut taken = Vec::new();
    for (row, values) in rows {
        let Some((given, logit)) = row.score.zip(row.logit) else { continue };
        // A network that gives scores has its score for a logit.
        let (expected, logit) = match model.output.activation {
            Activation::None => (logit, log_odds(given) as f32),
            Activation::Sigmoid | Activation::Softmax => (score(logit, model.output.temperature), logit),
        };
        if (given - expected).abs() > 1e-4 {
            let text = "is not that of its logit by this model.toml: it is of another network, or of studies or groups";
            return Err(Failure(format!("{source}: the score of {} {text}", plain(&row.path))));
        }
        let hospital = values.into_iter().next().unwrap_or_default();
        let Prediction { path, split, group, label, .. } = row;
        taken.push(Row { path, split, group, hospital, label: label.into(), logits: vec![logit.into()] });
    }
    Ok(Taken { without_score: all - taken.len(), rows: taken, source, unreadable: 0 })
}

/// A predictions.csv of a network of several classes.
fn of_classes(arguments: &Recalibrate, path: &Path, model: &Model) -> Result<Taken, Failure> {
    refuse_other(path, model)?;
    let scores: Vec<String> = model.classes.iter().map(|class| format!("score_{}", class.id)).collect();
    let columns = ["path", "label", "split", "group"].into_iter().chain(scores.iter().map(String::as_str));
    let columns: Vec<&str> = columns.chain(arguments.hospital.as_deref()).collect();
    let mut table = Table::open(path, &columns)?;
    let places: Vec<usize> = columns.iter().map(|name| table.column(name)).collect::<Result<_, _>>()?;
    let mut taken = Taken { rows: Vec::new(), source: path.display().to_string(), without_score: 0, unreadable: 0 };
    while let Some(row) = table.next() {
        let row = row?;
        let cell = |at: usize| places.get(at).and_then(|place| row.get(*place)).unwrap_or_default();
        let [path, label, split, group] = [0, 1, 2, 3].map(|at| cell(at).to_string());
        if !is_wanted(arguments, &split) {
            continue;
        }
        let wrong = |what: String| table.failure(&row, &what);
        let label =
            model.classes.iter().position(|class| class.id == label).ok_or_else(|| {
                wrong(format!("the label is \"{}\", which is no class of the network", plain(&label)))
            })?;
        let cells: Vec<&str> = (0..scores.len()).map(|at| cell(4 + at)).collect();
        if cells.iter().all(|cell| cell.is_empty()) {
            taken.without_score += 1;
            continue;
        }
        let number = |text: &&str| {
            let number = text.parse().ok().filter(|score: &f32| (0.0..=1.0).contains(score));
            number.ok_or_else(|| wrong(format!("a score is \"{}\"; it must be 0 to 1", plain(text))))
        };
        let scores: Vec<f32> = cells.iter().map(number).collect::<Result<_, _>>()?;
        let hospital = cell(4 + scores.len()).to_string();
        taken.rows.push(Row { path, split, group, hospital, label, logits: logits(&scores, model) });
    }
    Ok(taken)
}

/// What gave these scores of several classes.
fn logits(scores: &[f32], model: &Model) -> Vec<f64> {
    let temperature = f64::from(model.output.temperature);
    let logit = |score: &f32| match model.output.activation {
        Activation::Softmax => temperature * f64::from(score.max(f32::MIN_POSITIVE)).ln(),
        Activation::Sigmoid => temperature * log_odds(*score),
        Activation::None => log_odds(*score),
    };
    scores.iter().map(logit).collect()
}

/// Reads the slices of a manifest here.
fn read(arguments: &Recalibrate, path: &Path) -> Result<Taken, Failure> {
    let source = path.display().to_string();
    let classifier = network::load(&arguments.network, arguments.batch)?;
    let model = &classifier.model;
    if model.has_classes() {
        if arguments.hospital.is_some() {
            let advice = "--hospital is for networks of one class: leave it out";
            return Err(Failure(advice.to_string()));
        }
        let read = classes::read(path, arguments.split.as_deref(), &classifier)?;
        let unreadable = read.iter().filter(|row| row.is_unreadable()).count();
        let all = read.len();
        let rows = read.into_iter().filter_map(|row| {
            let scores: Vec<f32> = classes::scores(&row).iter().map(|class| class.score).collect();
            let logits = logits(&scores, model);
            let classes::Row { path, split, group, label, .. } = row;
            (!scores.is_empty()).then_some(Row { path, split, group, hospital: String::new(), label, logits })
        });
        let rows: Vec<Row> = rows.collect();
        return Ok(Taken { without_score: all - rows.len(), rows, source, unreadable });
    }
    let hospitals: Vec<String> = arguments.hospital.iter().cloned().collect();
    let selection = Selection::of(&Choice {
        manifest: Some(path),
        covid_ct: None,
        split: arguments.split.as_deref(),
        shard: None,
        subgroups: &hospitals,
    })?;
    selection.tell_missing()?;
    let mut rows: Vec<Option<(Prediction, Vec<String>)>> = vec![None; selection.count];
    let mut progress = Progress::new(selection.count, selection.count, Unit::Slice);
    reading::read(&classifier, selection.slices()?, Wants::Readings, &mut |at, prediction| {
        rows[at] = Some((prediction, Vec::new()));
        progress.advance();
        Ok(())
    })?;
    progress.finish();
    for slice in selection.slices()? {
        let (at, slice) = slice?;
        if let Some((_, values)) = &mut rows[at] {
            *values = slice.subgroups;
        }
    }
    let rows: Vec<(Prediction, Vec<String>)> = rows.into_iter().flatten().collect();
    let unread = rows.iter().filter(|(row, _)| row.verdict == lungglass::reading::Verdict::Error);
    unread
        .clone()
        .for_each(|(row, _)| tell!("{}: {}", plain(&row.path), plain(row.reason.as_deref().unwrap_or_default())));
    let unreadable = unread.count();
    Ok(Taken { unreadable, ..one_class(source, rows, model)? })
}

/// metrics.json beside the predictions says which network they are of, and what a row is.
fn refuse_other(path: &Path, model: &Model) -> Result<(), Failure> {
    #[derive(serde::Deserialize)]
    struct Run {
        model: NetworkName,
        #[serde(default)]
        unit: Unit,
    }
    #[derive(serde::Deserialize)]
    struct NetworkName {
        name: String,
        sha256: String,
    }
    let beside = path.with_file_name("metrics.json");
    let Ok(text) = std::fs::read(&beside) else { return Ok(()) };
    let Run { model: NetworkName { name, sha256 }, unit } =
        serde_json::from_slice(&text).map_err(failed(beside.display()))?;
    if unit != Unit::Slice {
        let (path, units) = (path.display(), unit.plural());
        return Err(Failure(format!("{path}: its rows are {units}, and thresholds are chosen on slices")));
    }
    if name != model.name || !model.sha256.is_empty() && sha256 != model.sha256 {
        let (path, name, other) = (path.display(), plain(&name), plain(&model.name));
        return Err(Failure(format!(
            "{path}: it is of the network {name} ({}), and the model.toml is of {other}: name the network with --model",
            sha256.get(..12).unwrap_or(&sha256)
        )));
    }
    Ok(())
}
