//! `lungglass recalibrate`: temperature, thresholds and uncertain bands of a network anew, from a validation split, into a copy of its
//! model.toml. The rule is that of the network that ships, [`metrics::balanced_cut`](crate::metrics::balanced_cut).

mod rows;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use lungglass::model::{Activation, Model};

use crate::args::Recalibrate;
use crate::failure::{Failure, Outcome, failed};
use crate::metrics::{self, Weighted, balanced_cut, sigmoid, weighted_quantile};
use crate::tell::{self, plain, tell};
use crate::{day, network, output};
use rows::{Row, Taken};
use settings::{Change, Point};

/// Of fewer groups of a class, or of the others, nothing is chosen.
const LEAST_GROUPS: usize = 10;
/// The share of the slices inside the uncertain band, as in model/training/operating.py.
const UNCERTAIN: f64 = 0.125;
/// A temperature this near to the end of what is looked through is no fit.
const FURTHEST: f64 = 2.99;

/// Writes the copy, and says what changed, by which rule and on how many slices.
pub fn run(arguments: &Recalibrate) -> Result<Outcome, Failure> {
    let path = arguments.network.model.as_deref();
    let out = &arguments.out;
    if out.symlink_metadata().is_ok() {
        let advice = "it is there already, and nothing is overwritten: choose another name";
        return Err(Failure(format!("{}: {advice}", out.display())));
    }
    let (name, text) = network::settings_of(path)?;
    let model = Model::parse(&text).map_err(failed(&name))?;
    let written: Vec<usize> = match &arguments.class {
        None => (0..model.classes.len()).collect(),
        Some(id) => vec![model.clone().judging(id).map_err(failed("--class"))?.judged.unwrap_or_default()],
    };
    let taken = rows::of(arguments, &model)?;
    refuse_test(arguments, &taken)?;
    refuse_few(&taken.rows, &model, &written)?;
    let change = choose(arguments, &taken, &model, &written)?;
    let text = settings::changed(&text, &model, &change).map_err(failed(&name))?;
    // Whatever was written must be read as it was meant.
    Model::parse(&text).map_err(|error| Failure(format!("{}: {error}", out.display())))?;
    output::write(out, |file| file.write_all(text.as_bytes()).map_err(failed(out.display())))?;
    tell::print(&told(&name, &taken, &model, &change, out))?;
    let samples = path.filter(|path| path.join("samples").is_dir());
    if let Some(folder) = samples.filter(|_| change.temperature != f64::from(model.output.temperature)) {
        let folder = folder.join("samples");
        tell!(
            "{}: their scores are those of the old temperature; write them anew, or --keep-temperature",
            folder.display()
        );
    }
    Ok(if taken.unreadable == 0 { Outcome::AllRead } else { Outcome::SomeUnreadable })
}

/// A test on which something was chosen is none any more.
fn refuse_test(arguments: &Recalibrate, taken: &Taken) -> Result<(), Failure> {
    let is_of = |split: &str, word: &str| split.trim().to_lowercase().starts_with(word);
    let splits: BTreeSet<&str> = taken.rows.iter().map(|row| row.split.as_str()).collect();
    if let Some(split) = splits.iter().find(|split| is_of(split, "test")).filter(|_| !arguments.on_test) {
        return Err(Failure(format!(
            "rows are of the split \"{}\": what is chosen on a test makes its figures worthless; choose a validation split with --split, or say --on-test",
            plain(split)
        )));
    }
    if let Some(split) = splits.iter().find(|split| is_of(split, "train")) {
        tell!(
            "warning: rows are of the split \"{}\": a network is surer of what it was trained on, and the temperature comes out too low",
            plain(split)
        );
    }
    Ok(())
}

fn refuse_few(rows: &[Row], model: &Model, written: &[usize]) -> Result<(), Failure> {
    let count = |is_meant: &dyn Fn(&Row) -> bool| {
        rows.iter().filter(|row| is_meant(row)).map(Row::group).collect::<BTreeSet<_>>().len()
    };
    let mut short = Vec::new();
    for &class in written {
        let [own, others] = [count(&|row| row.is(class)), count(&|row| !row.is(class))];
        let what = match model.has_classes() {
            true => {
                let id = &model.classes[class].id;
                format!("{own} groups have a slice of the class {id}, {others} one of another class")
            }
            false => format!("{own} groups have a positive slice, {others} have a negative one"),
        };
        if own.min(others) < LEAST_GROUPS {
            short.push(what);
        }
    }
    if short.is_empty() {
        return Ok(());
    }
    Err(Failure(format!(
        "too few judged slices to choose by: {}: it takes {LEAST_GROUPS} of each, as slices of one group tell little more than one of them",
        short.join("; ")
    )))
}

fn choose(arguments: &Recalibrate, taken: &Taken, model: &Model, written: &[usize]) -> Result<Change, Failure> {
    let rows = &taken.rows;
    let weights = weights(rows);
    let activation = model.output.activation;
    let keep = arguments.keep_temperature || arguments.class.is_some() || activation == Activation::None;
    let temperature = if keep { f64::from(model.output.temperature) } else { temperature(rows, &weights, activation) };
    if !keep && temperature.ln().abs() > FURTHEST {
        return Err(Failure(
            "no temperature fits: the classes are told apart without a mistake on these slices, or not at all; take more slices, or --keep-temperature"
                .to_string(),
        ));
    }
    let mut points = BTreeMap::new();
    for &class in written {
        let slices: Vec<Weighted> = rows
            .iter()
            .zip(&weights)
            .map(|(row, weight)| Weighted {
                logit: row.odds(class, activation, temperature),
                positive: row.is(class),
                weight: *weight,
            })
            .collect();
        let id = &model.classes[class].id;
        let cut = balanced_cut(&slices).ok_or_else(|| {
            Failure(format!(
                "{id}: no threshold can be chosen: its scores are told apart from the others without a mistake on these slices, or are not the higher ones"
            ))
        })?;
        let distances: Vec<(f64, f64)> = slices.iter().map(|slice| ((slice.logit - cut).abs(), slice.weight)).collect();
        let reach = weighted_quantile(&distances, UNCERTAIN);
        let [low, threshold, high] = [cut - reach, cut, cut + reach].map(|odds| settings::nine_digits(sigmoid(odds)));
        points.insert(class, Point { threshold, uncertain: [low, high] });
    }
    let temperature = if keep { temperature } else { settings::nine_digits(temperature) };
    Ok(Change { temperature, chosen: chosen(arguments, taken, keep), points })
}

/// Each hospital weighs alike, and in it each class that it has; 1 in the mean.
fn weights(rows: &[Row]) -> Vec<f64> {
    let mut counts: BTreeMap<(&str, usize), usize> = BTreeMap::new();
    rows.iter().for_each(|row| *counts.entry((&row.hospital, row.label)).or_default() += 1);
    let mut classes: BTreeMap<&str, usize> = BTreeMap::new();
    counts.keys().for_each(|(hospital, _)| *classes.entry(hospital).or_default() += 1);
    let weight = |row: &Row| {
        let hospital = row.hospital.as_str();
        1.0 / (counts[&(hospital, row.label)] * classes[hospital]) as f64
    };
    let all: f64 = rows.iter().map(weight).sum();
    rows.iter().map(|row| weight(row) * rows.len() as f64 / all).collect()
}

fn temperature(rows: &[Row], weights: &[f64], activation: Activation) -> f64 {
    if activation == Activation::Softmax {
        let rows = rows.iter().zip(weights).map(|(row, weight)| (row.logits.clone(), row.label, *weight));
        return metrics::softmax_temperature(&rows.collect::<Vec<_>>());
    }
    // Each class by itself: every slice says of each whether it is one.
    let slices = rows.iter().zip(weights).flat_map(|(row, weight)| {
        let slice =
            move |(class, logit): (usize, &f64)| Weighted { logit: *logit, positive: row.is(class), weight: *weight };
        row.logits.iter().enumerate().map(slice)
    });
    metrics::sigmoid_temperature(&slices.collect::<Vec<_>>())
}

/// How threshold and band were chosen, as model.toml says it.
fn chosen(arguments: &Recalibrate, taken: &Taken, is_kept: bool) -> String {
    let (rows, splits) = (&taken.rows, taken.splits());
    let groups = rows.iter().map(Row::group).collect::<BTreeSet<_>>().len();
    let alike = match &arguments.hospital {
        Some(column) => format!("each value of {column} and each class in it of equal weight"),
        None => "each class of equal weight".to_string(),
    };
    let temperature = if is_kept { "" } else { "temperature by least negative log-likelihood; " };
    let test = if arguments.on_test { " That split is no test any more." } else { "" };
    format!(
        "By lungglass recalibrate {} on {}, on {} judged slices of {groups} groups{splits}, {alike}: {temperature}threshold where a logistic \
         regression on the logit gives one half; uncertain are the logits as near to the threshold as the nearest {:.1}% of the slices.{test}",
        env!("CARGO_PKG_VERSION"),
        day::today(),
        rows.len(),
        100.0 * UNCERTAIN
    )
}

/// What changed, and what that does on these very slices.
fn told(name: &str, taken: &Taken, model: &Model, change: &Change, out: &std::path::Path) -> String {
    let Change { temperature, points, chosen } = change;
    let before = f64::from(model.output.temperature);
    let mut text = format!("{name}, from {}: {} judged slices", taken.source, taken.rows.len());
    if taken.without_score > 0 {
        let _ = write!(text, "; {} without a score are left out", taken.without_score);
    }
    let _ = writeln!(text, "\ntemperature  {before:.4} -> {temperature:.4}");
    for (&class, Point { threshold, uncertain: [low, high] }) in points {
        let settings = &model.classes[class];
        let [old_low, old_high] = settings.point.uncertain;
        let _ = writeln!(
            text,
            "{}\n  threshold  {:.4} -> {threshold:.4}\n  uncertain  {old_low:.4} to {old_high:.4} -> {low:.4} to {high:.4}",
            settings.id, settings.point.threshold
        );
        let shares = |temperature: f64, threshold: f64| {
            let share = |own: bool| {
                let meant = taken.rows.iter().filter(|row| row.is(class) == own);
                let odds = |row: &&Row| sigmoid(row.odds(class, model.output.activation, temperature));
                let right = meant.clone().filter(|row| (odds(row) >= threshold) == own).count();
                right as f64 / meant.count() as f64
            };
            [share(true), share(false)]
        };
        let [old, new] = [shares(before, settings.point.threshold.into()), shares(*temperature, *threshold)];
        let _ = writeln!(
            text,
            "  on these very slices: sensitivity {:.3} -> {:.3}, specificity {:.3} -> {:.3}",
            old[0], new[0], old[1], new[1]
        );
    }
    if model.study.is_some() && before != *temperature {
        text += "study: threshold and band are the same log-odds at the new temperature, so that verdicts stay\n";
    }
    let _ = writeln!(text, "{chosen}");
    let advice = match before == *temperature {
        true => "",
        false => " Scores are others now: give it another version, and find operating points of `accept` anew.",
    };
    let _ = writeln!(text, "Written to {}.{advice} What it is worth, other slices must say.", out.display());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(hospital: &str, label: usize) -> Row {
        Row {
            path: String::new(),
            split: String::new(),
            group: String::new(),
            hospital: hospital.to_string(),
            label,
            logits: vec![0.0],
        }
    }

    /// operating.hospital_weights(np.array(list("aaab")), np.array([0, 0, 1, 1])) of model/training
    #[test]
    fn hospitals_weigh_alike_and_in_them_classes() {
        let rows = [row("a", 0), row("a", 0), row("a", 1), row("b", 1)];
        let expected = [0.5, 0.5, 1.0, 2.0];
        let found = weights(&rows);
        assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-12), "{found:?}");
    }
}
