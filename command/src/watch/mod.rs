//! `lungglass watch`: control charts over what predictions.csv or `classify --csv` hold, or over the log of a page. It reads the files; the
//! charts and the rule by which a shift is noticed are those of `lungglass-acceptance`.

mod html;
mod log;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use lungglass::reading::Verdict;
use lungglass_acceptance::document;
use lungglass_acceptance::watch::{Report, Sample, Usual};

use crate::args::Watch;
use crate::classify::{EMBEDDING, GRAY_LEVELS};
use crate::day;
use crate::failure::{Failure, Outcome, failed};
use crate::inputs;
use crate::output::{self, Lock};
use crate::predictions::VERDICTS;
use crate::table::Table;
use crate::tell::{self, plain};

/// Without --sample and with one file, so many rows are a sample.
const SAMPLE: usize = 50;

/// Reads the files, writes the charts and says whether a flag was raised.
pub fn run(arguments: &Watch) -> Result<Outcome, Failure> {
    let usual = arguments.acceptance.as_deref().map(usual).transpose()?;
    let files = arguments.predictions.iter().map(|path| file(path)).collect::<Result<Vec<_>, _>>()?;
    if let (Some(usual), Some(own)) = (&usual, &arguments.acceptance) {
        is_of(&usual.model.sha256, own, &files, &arguments.predictions)?;
    }
    let with_codes = files.iter().all(|file| file.has_codes);
    let samples = samples(files, arguments.sample);
    if samples.is_empty() {
        return Err(Failure("there are no rows to watch".to_string()));
    }
    let report = Report::of(&samples, usual.as_ref(), arguments.baseline, with_codes, day::today()).map_err(Failure)?;
    if let Some(out) = &arguments.out {
        let _lock = Lock::take(out)?;
        let path = out.join("watch.json");
        let (value, _) = document::sealed(&report).map_err(Failure)?;
        output::write(&path, |file| {
            serde_json::to_writer_pretty(&mut *file, &value).map_err(failed(path.display()))?;
            file.write_all(b"\n").map_err(failed(path.display()))
        })?;
        let path = out.join("watch.html");
        let page = html::html(&report);
        output::write(&path, |file| file.write_all(page.as_bytes()).map_err(failed(path.display())))?;
    }
    let out = arguments.out.as_deref().map_or(String::new(), |out| format!("Written to {}\n", out.display()));
    tell::print(&(report.summary() + &out))?;
    Ok(if report.flags.is_empty() { Outcome::AllRead } else { Outcome::Flagged })
}

/// What is watched of a slice.
struct Row {
    verdict: Verdict,
    logit: Option<f64>,
    /// Of a refusal.
    code: String,
    /// How far embedding and gray levels are from training's.
    distances: [Option<f64>; 2],
}

/// What a file holds.
struct File {
    name: String,
    content: Content,
    has_codes: bool,
    /// The networks that it names.
    networks: BTreeSet<String>,
}

/// Slices one behind the other, or samples that somebody else counted.
enum Content {
    Rows(Vec<Row>),
    Samples(Vec<Sample>),
}

/// What an acceptance.json says is usual.
fn usual(path: &Path) -> Result<Usual, Failure> {
    let name = path.display();
    inputs::is_no_folder(path, "json").map_err(failed(&name))?;
    let text = fs::read(path).map_err(failed(&name))?;
    let object = document::opened(&text).map_err(failed(&name))?;
    serde_json::from_value(object.into())
        .map_err(|error| Failure(format!("{name}: {error}; it must be of `lungglass accept`")))
}

/// Fails where a file names another network than `own`, the acceptance test.
fn is_of(network: &str, own: &Path, files: &[File], paths: &[PathBuf]) -> Result<(), Failure> {
    for (file, path) in files.iter().zip(paths) {
        if file.networks.iter().any(|other| other != network) {
            let (path, own) = (path.display(), own.display());
            return Err(Failure(format!("{path}: its slices were read by another network than that of {own}")));
        }
    }
    Ok(())
}

/// Reads a log of a page, a predictions.csv, or what `classify --csv` printed.
fn file(path: &Path) -> Result<File, Failure> {
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    match log::read(path)? {
        Some(log) => Ok(File {
            name,
            content: Content::Samples(log.days),
            has_codes: true,
            networks: Some(log.network).filter(|network| !network.is_empty()).into_iter().collect(),
        }),
        None => rows(path, name),
    }
}

fn rows(path: &Path, name: String) -> Result<File, Failure> {
    let mut table = Table::open(path, &["verdict", "score", "logit"])?;
    let (verdict, logit) = (table.column("verdict")?, table.column("logit")?);
    let (reason, network) = (table.column("reason").ok(), table.column("sha256").ok());
    let far = [EMBEDDING, GRAY_LEVELS].map(|name| (name, table.column(name).ok()));
    let (mut found, mut networks) = (Vec::new(), BTreeSet::new());
    while let Some(row) = table.next() {
        let row = row?;
        let cell = |at: usize| row.get(at).unwrap_or_default();
        let number = |name: &str, at: usize| match cell(at).parse::<f64>() {
            _ if cell(at).is_empty() => Ok(None),
            Ok(value) if value.is_finite() => Ok(Some(value)),
            _ => Err(table.failure(&row, &format!("the {name} \"{}\" is no number", plain(cell(at))))),
        };
        let word = cell(verdict);
        let verdict = VERDICTS.into_iter().find(|known| known.word() == word);
        let verdict =
            verdict.ok_or_else(|| table.failure(&row, &format!("the verdict \"{}\" is none", plain(word))))?;
        let logit = number("logit", logit)?;
        let is_judged = !matches!(verdict, Verdict::Refused | Verdict::Error);
        if is_judged && logit.is_none() {
            return Err(table.failure(&row, "it has a verdict and no logit"));
        }
        let mut distances = [None; 2];
        for (distance, (name, at)) in distances.iter_mut().zip(far) {
            *distance = at.map_or(Ok(None), |at| number(name, at))?;
        }
        networks.extend(network.map(|at| cell(at).to_string()).filter(|network| !network.is_empty()));
        let code = reason.map(cell).unwrap_or_default().to_string();
        found.push(Row { verdict, logit: logit.filter(|_| is_judged), code, distances });
    }
    Ok(File { name, content: Content::Rows(found), has_codes: reason.is_some(), networks })
}

/// Each day of a log; of rows each file, or so many one behind the other.
fn samples(files: Vec<File>, size: Option<usize>) -> Vec<Sample> {
    let is_whole = size.is_none() && files.len() > 1;
    let size = size.unwrap_or(SAMPLE);
    let mut samples: Vec<Sample> = Vec::new();
    // Whether rows may be added to the last one.
    let (mut is_open, mut numbered) = (false, 0);
    for file in files {
        match file.content {
            Content::Samples(own) => {
                samples.extend(own);
                is_open = false;
            }
            Content::Rows(rows) if is_whole => {
                let mut sample = Sample::named(file.name);
                rows.iter().for_each(|row| add(&mut sample, row));
                samples.extend(Some(sample).filter(|sample| sample.slices() > 0));
            }
            Content::Rows(rows) => {
                for row in &rows {
                    if !is_open || samples.last().is_none_or(|sample| sample.slices() >= size) {
                        numbered += 1;
                        samples.push(Sample::named(format!("sample {numbered}")));
                        is_open = true;
                    }
                    samples.last_mut().into_iter().for_each(|sample| add(sample, row));
                }
            }
        }
    }
    samples
}

fn add(sample: &mut Sample, Row { verdict, logit, code, distances }: &Row) {
    sample.add(*verdict, *logit, code, *distances);
}
