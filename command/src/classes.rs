//! `lungglass validate` of a network that tells several classes, by all of them at once: labels are the ids of classes.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use lungglass::classifier::Classifier;
use lungglass::model::Class;
use lungglass::reading::{ClassScore, ClassScores, ModelName, Reading, Verdict, log_odds};
use rayon::prelude::*;
use serde::Serialize;

use crate::args::{Unit, Validate};
use crate::failure::{Failure, Outcome, failed};
use crate::manifest::{Manifest, written_plainly};
use crate::metrics::{self, Answer, Case};
use crate::missing::Missing;
use crate::report::{Estimate, FEW, escaped, head};
use crate::tell::{self, plain, tell};
use crate::{network, output, reading};

/// What else may become of a slice than a class.
const OTHERWISE: [&str; 2] = ["refused", "error"];

/// A row of the manifest and what became of it.
pub struct Row {
    pub path: String,
    pub split: String,
    pub group: String,
    /// Which class it is.
    pub label: usize,
    reading: Reading,
}

impl Row {
    pub fn is_unreadable(&self) -> bool {
        self.reading.error.is_some()
    }
}

/// metrics.json.
#[derive(Serialize)]
struct Report {
    n: usize,
    groups: usize,
    coverage: f64,
    model: ModelName,
    device: &'static str,
    images_per_second: f64,
    /// What ought to be known before the figures are used.
    warnings: Vec<String>,
    /// The share whose class is the one that the network names; refused and unreadable slices are wrong.
    accuracy: Estimate,
    /// The mean of the classes' areas.
    macro_auc: Estimate,
    classes: Vec<ClassReport>,
    confusion: Confusion,
}

/// One class against all others: by its score in the area, by what the network names in the rest.
#[derive(Serialize)]
struct ClassReport {
    id: String,
    n: usize,
    auc: Estimate,
    sensitivity: Estimate,
    specificity: Estimate,
}

/// How many slices of each class (rows) were taken for which (columns).
#[derive(Serialize)]
struct Confusion {
    rows: Vec<String>,
    columns: Vec<String>,
    counts: Vec<Vec<usize>>,
}

/// Reads every slice, and writes predictions.csv, metrics.json and report.html.
pub fn run(arguments: &Validate, classifier: &Classifier) -> Result<Outcome, Failure> {
    if let Some(option) = without_meaning(arguments) {
        return Err(Failure(format!(
            "{option} says nothing of a network that tells several classes: leave it out, or name one class with --class"
        )));
    }
    let start = Instant::now();
    let Some(manifest) = &arguments.manifest else {
        return Err(Failure(
            "a network of several classes is judged by a --manifest whose labels are their ids".into(),
        ));
    };
    let rows = read(manifest, arguments.split.as_deref(), classifier)?;
    let rate = rows.len() as f64 / start.elapsed().as_secs_f64();
    let report = measure(&rows, classifier, rate);
    report.warnings.iter().for_each(|warning| tell!("warning: {warning}"));
    write(arguments, classifier, &rows, &report)?;
    if arguments.command.is_none() {
        tell::print(&summary(&report, &arguments.out))?;
    }
    let unread: Vec<&Row> = rows.iter().filter(|row| row.reading.error.is_some()).collect();
    for row in &unread {
        let error = row.reading.error.as_ref().map_or("", |error| &error.message);
        tell!("{}: {error}", plain(&row.path));
    }
    Ok(if unread.is_empty() { Outcome::AllRead } else { Outcome::SomeUnreadable })
}

/// The first option among those given that would change nothing here.
fn without_meaning(arguments: &Validate) -> Option<&'static str> {
    let options = [
        ("--covid-ct", arguments.covid_ct.is_some()),
        ("--shard", arguments.shard.is_some()),
        ("--resume", arguments.resume),
        ("--threshold", !arguments.thresholds.is_empty()),
        ("--at-specificity", !arguments.specificities.is_empty()),
        ("--subgroup", !arguments.subgroups.is_empty()),
        ("--thumbnails", arguments.thumbnails),
        ("--unit", arguments.unit != Unit::Slice),
    ];
    options.into_iter().find_map(|(name, is_given)| is_given.then_some(name))
}

/// Reads the slices of a manifest whose labels are the ids of classes, of one split or of all.
///
/// # Errors
/// A failure that names what is wrong with the manifest.
pub fn read(path: &Path, split: Option<&str>, classifier: &Classifier) -> Result<Vec<Row>, Failure> {
    let wanted_split = split;
    let classes = &classifier.model.classes;
    let ids: Vec<&str> = classes.iter().map(|class| &class.id[..]).collect();
    let mut manifest = Manifest::open(path, &["path", "label"], &["split", "group"])?;
    let (mut wanted, mut seen) = (Vec::new(), HashSet::new());
    while let Some(row) = manifest.next_row() {
        let row = row?;
        let [path, label, split, group] = [0, 1, 2, 3].map(|at| row.value(at).to_string());
        if wanted_split.is_some_and(|wanted| wanted != split) {
            continue;
        }
        let Some(label) = ids.iter().position(|id| *id == label) else {
            let text = format!("the label is \"{}\"; the classes are {}", plain(&label), ids.join(", "));
            return Err(row.failure(&format!("{text}; to judge one of them by 0 and 1, name it with --class")));
        };
        let file = row.file(&path);
        if !seen.insert(written_plainly(&file)) {
            return Err(row.failure(&format!("{} is there twice; it would count twice", plain(&path))));
        }
        wanted.push((path, label, split, group, file));
    }
    if wanted.is_empty() {
        let split = wanted_split.map(|split| format!(" of split \"{split}\"")).unwrap_or_default();
        return Err(Failure(format!("{}: there are no rows{split}", path.display())));
    }
    let mut missing = Missing::default();
    wanted.iter().for_each(|(path, .., file)| missing.look(path, file));
    missing.tell(path);
    let read = |(path, label, split, group, file): (String, usize, String, String, PathBuf)| {
        let reading = reading::open(&file, &classifier.model)
            .map(|image| classifier.read(&image, 0, &path))
            .unwrap_or_else(|error| Reading::unreadable(&path, None, &error, &classifier.model, classifier.device));
        // Only its words are wanted from here on.
        let reading = Reading { map: None, lung: None, opacity_maps: None, picture: None, ..reading };
        Row { path, split, group, label, reading }
    };
    let rows = wanted.into_par_iter().map(read).collect();
    // What it read before is worth what it reads now.
    network::prove(classifier)?;
    Ok(rows)
}

/// The scores of a row; nothing where it was not judged.
pub fn scores(row: &Row) -> &[ClassScore] {
    row.reading.classes.as_ref().map_or(&[], |ClassScores(scores)| scores)
}

/// The groups of rows, numbered by name; a row without a group is one of its own.
fn groups(rows: &[Row]) -> Vec<usize> {
    let name = |row: &Row| match row.group.is_empty() {
        true => (true, row.path.clone()),
        false => (false, row.group.clone()),
    };
    let names: BTreeSet<(bool, String)> = rows.iter().map(name).collect();
    let numbers: BTreeMap<(bool, String), usize> = names.into_iter().zip(0..).collect();
    rows.iter().map(|row| numbers[&name(row)]).collect()
}

fn measure(rows: &[Row], classifier: &Classifier, images_per_second: f64) -> Report {
    let classes = &classifier.model.classes;
    let groups = groups(rows);
    let case = |at: usize, class: usize| {
        let row = &rows[at];
        let answer =
            scores(row).get(class).map(|class| Answer { logit: log_odds(class.score), score: class.score.into() });
        Case { positive: row.label == class, group: groups[at], answer }
    };
    let cases: Vec<Vec<Case>> =
        (0..classes.len()).map(|class| (0..rows.len()).map(|at| case(at, class)).collect()).collect();
    let named = |row: &Row| {
        let class = row.reading.class.as_ref().and_then(|id| classes.iter().position(|class| class.id == *id));
        let otherwise = classes.len() + usize::from(row.reading.verdict == Verdict::Error);
        class.unwrap_or(otherwise)
    };
    let mut counts = vec![vec![0; classes.len() + OTHERWISE.len()]; classes.len()];
    rows.iter().for_each(|row| counts[row.label][named(row)] += 1);
    // The share of the rows of a kind that are right, over groups as the areas are.
    let share = |is_meant: &dyn Fn(&Row) -> bool, is_right: &dyn Fn(&Row) -> bool| {
        let meant = rows.iter().zip(&groups).filter(|(row, _)| is_meant(row));
        let members: Vec<(usize, bool)> = meant.map(|(row, group)| (*group, is_right(row))).collect();
        let (value, interval) = metrics::share(&members);
        Estimate::new(value, interval)
    };
    let report = |(at, class): (usize, &Class)| {
        // What was not judged was not told from the class either.
        let is_other = |row: &Row| !(named(row) == at || named(row) >= classes.len());
        let auc = metrics::Ranked::new(&cases[at], 0.5).auc(&vec![1.0; rows.len()]);
        ClassReport {
            id: class.id.clone(),
            n: counts[at].iter().sum(),
            auc: Estimate::new(auc, metrics::intervals(&cases[at], 0.5).auc),
            sensitivity: share(&|row| row.label == at, &|row| named(row) == at),
            specificity: share(&|row| row.label != at, &is_other),
        }
    };
    let ids: Vec<String> = classes.iter().map(|class| class.id.clone()).collect();
    let (mean, interval) = metrics::mean_auc(&cases);
    let few = |(class, counts): (&Class, &Vec<usize>)| {
        let n: usize = counts.iter().sum();
        let text = "with fewer than ten, what is said of them says little of others";
        (n < FEW).then(|| format!("only {n} of {} slices are of the class {}: {text}", rows.len(), class.id))
    };
    let warnings = classes.iter().zip(&counts).filter_map(few).collect();
    Report {
        n: rows.len(),
        groups: groups.iter().max().map_or(0, |most| most + 1),
        coverage: rows.iter().filter(|row| !scores(row).is_empty()).count() as f64 / rows.len() as f64,
        model: (&classifier.model).into(),
        device: classifier.device,
        images_per_second,
        warnings,
        accuracy: share(&|_| true, &|row| named(row) == row.label),
        macro_auc: Estimate::new(mean, interval),
        classes: classes.iter().enumerate().map(report).collect(),
        confusion: Confusion {
            columns: ids.iter().cloned().chain(OTHERWISE.map(String::from)).collect(),
            rows: ids,
            counts,
        },
    }
}

fn write(arguments: &Validate, classifier: &Classifier, rows: &[Row], report: &Report) -> Result<(), Failure> {
    let out = &arguments.out;
    let path = out.join("predictions.csv");
    output::write(&path, |file| {
        let malformed = |error: csv::Error| failed(path.display())(error);
        let mut writer = csv::Writer::from_writer(file);
        let ids = || classifier.model.classes.iter().map(|class| &class.id);
        let head = ["path", "label", "split", "group", "verdict", "class"].map(String::from);
        let head = head.into_iter().chain(ids().map(|id| format!("score_{id}")));
        writer.write_record(head.collect::<Vec<_>>()).map_err(malformed)?;
        for row in rows {
            let label = classifier.model.classes[row.label].id.clone();
            let Reading { verdict, class, .. } = &row.reading;
            let mut cells = vec![row.path.clone(), label, row.split.clone(), row.group.clone()];
            cells.extend([verdict.word().to_string(), class.clone().unwrap_or_default()]);
            let score = |at: usize| scores(row).get(at).map_or_else(String::new, |class| class.score.to_string());
            cells.extend((0..classifier.model.classes.len()).map(score));
            writer.write_record(cells).map_err(malformed)?;
        }
        writer.flush().map_err(failed(path.display()))
    })?;
    let texts = [
        ("metrics.json", serde_json::to_string_pretty(report).map_err(|error| Failure(error.to_string()))? + "\n"),
        ("report.html", html(report)),
    ];
    for (name, text) in texts {
        let path = out.join(name);
        output::write(&path, |file| file.write_all(text.as_bytes()).map_err(failed(path.display())))?;
    }
    Ok(())
}

fn summary(report: &Report, out: &Path) -> String {
    let mean = report.macro_auc.value.map_or("none".to_string(), |auc| format!("{auc:.3}"));
    let accuracy = report.accuracy.value.unwrap_or(f64::NAN);
    format!("{} slices, accuracy {accuracy:.3}, mean AUC of the classes {mean}; {}\n", report.n, out.display())
}

fn html(report: &Report) -> String {
    let shown = |estimate: &Estimate| {
        let value = estimate.value.map_or("not defined".to_string(), |value| format!("{value:.3}"));
        let interval = estimate.ci95.map_or(estimate.method.clone(), |[lo, hi]| format!("{lo:.3} to {hi:.3}"));
        format!("<td class=\"number\">{value}</td><td>{}</td>", escaped(&interval))
    };
    let Report { n, groups, coverage, model, warnings, accuracy, macro_auc, classes, confusion, .. } = report;
    let mut page = head(&format!("Validation of {} {}", model.name, model.version), "");
    let _ = write!(
        page,
        "<p>{n} slices of {groups} groups; {:.1} % were judged. Refused and unreadable slices count as wrong. \
         For research and education. Not a medical device.</p>\n\
         {}<table><tr><th>measure</th><th>value</th><th>95 % interval</th></tr>\n\
         <tr><td>accuracy</td>{}</tr>\n<tr><td>mean AUC of the classes</td>{}</tr></table>\n\
         <h2>Each class against all others</h2>\n<table><tr><th>class</th><th>slices</th><th>AUC</th><th></th>\
         <th>sensitivity</th><th></th><th>specificity</th><th></th></tr>\n",
        100.0 * coverage,
        warnings
            .iter()
            .map(|text| format!("<p><strong>Warning: {}.</strong></p>\n", escaped(text)))
            .collect::<String>(),
        shown(accuracy),
        shown(macro_auc)
    );
    for ClassReport { id, n, auc, sensitivity, specificity, .. } in classes {
        let measures = [auc, sensitivity, specificity].map(shown).concat();
        let _ = writeln!(page, "<tr><td>{}</td><td class=\"number\">{n}</td>{measures}</tr>", escaped(id));
    }
    page += "</table>\n<h2>What each class was taken for</h2>\n<table><tr><th>label</th>";
    page.extend(confusion.columns.iter().map(|name| format!("<th>{}</th>", escaped(name))));
    page += "</tr>\n";
    for (name, counts) in confusion.rows.iter().zip(&confusion.counts) {
        let cells: String = counts.iter().map(|count| format!("<td class=\"number\">{count}</td>")).collect();
        let _ = writeln!(page, "<tr><th>{}</th>{cells}</tr>", escaped(name));
    }
    page + "</table>\n</body></html>\n"
}
