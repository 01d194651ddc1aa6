//! `lungglass watch`: control charts over what predictions.csv or `classify --csv` hold, and the rule by which a shift is noticed. It
//! looks at counts, verdicts, codes and logits, and at no image or name.

mod charts;
mod html;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use lungglass::reading::Verdict;
use serde::Serialize;

use crate::accept::baseline::{Baseline, Mean, Share};
use crate::accept::document;
use crate::args::Watch;
use crate::day;
use crate::failure::{Failure, Outcome, failed};
use crate::inputs;
use crate::output::{self, Lock};
use crate::predictions::VERDICTS;
use crate::table::Table;
use crate::tell::{self, plain};
use charts::{Chart, Flag};

/// Without --sample and with one file, so many rows are a sample.
const SAMPLE: usize = 50;
/// Without an acceptance test, so many samples are the baseline, and half of them at the most.
const BASELINE: usize = 10;

/// Reads the files, writes the charts and says whether a flag was raised.
pub fn run(arguments: &Watch) -> Result<Outcome, Failure> {
    let acceptance = arguments.acceptance.as_deref().map(Acceptance::open).transpose()?;
    let files = arguments.predictions.iter().map(|path| rows(path)).collect::<Result<Vec<_>, _>>()?;
    if let Some(acceptance) = &acceptance {
        acceptance.is_of(&files, &arguments.predictions)?;
    }
    let with_codes = files.iter().all(|file| file.has_codes);
    let samples = samples(files, arguments.sample);
    if samples.is_empty() {
        return Err(Failure("there are no rows to watch".to_string()));
    }
    let report = Report::of(&samples, acceptance.as_ref(), arguments.baseline, with_codes)?;
    if let Some(out) = &arguments.out {
        let _lock = Lock::take(out)?;
        let path = out.join("watch.json");
        let (value, _) = document::sealed(&report)?;
        output::write(&path, |file| {
            serde_json::to_writer_pretty(&mut *file, &value).map_err(failed(path.display()))?;
            file.write_all(b"\n").map_err(failed(path.display()))
        })?;
        let path = out.join("watch.html");
        let page = html::html(&report);
        output::write(&path, |file| file.write_all(page.as_bytes()).map_err(failed(path.display())))?;
    }
    tell::print(&report.summary(arguments.out.as_deref()))?;
    Ok(if report.flags.is_empty() { Outcome::AllRead } else { Outcome::Flagged })
}

/// watch.json, but for its seal.
#[derive(Serialize)]
pub struct Report {
    pub schema: u32,
    pub kind: &'static str,
    pub made: String,
    pub program: &'static str,
    /// What the charts are held against.
    pub baseline: String,
    pub samples: Vec<SampleOf>,
    pub charts: Vec<Chart>,
    pub flags: Vec<Flag>,
    pub notes: Vec<String>,
}

/// A sample, in numbers.
#[derive(Serialize)]
pub struct SampleOf {
    pub name: String,
    pub slices: usize,
    pub unreadable: usize,
}

/// What is watched of a slice.
pub struct Row {
    verdict: Verdict,
    logit: Option<f64>,
    /// Of a refusal.
    code: String,
}

/// The rows of a file.
struct Rows {
    name: String,
    rows: Vec<Row>,
    has_codes: bool,
    /// The networks that it names.
    networks: BTreeSet<String>,
}

/// Slices that make a point in each chart.
pub struct Sample {
    name: String,
    rows: Vec<Row>,
}

/// What is used of an acceptance.json.
struct Acceptance {
    path: PathBuf,
    site: String,
    made: String,
    network: String,
    baseline: Baseline,
}

impl Acceptance {
    fn open(path: &Path) -> Result<Acceptance, Failure> {
        let name = path.display();
        inputs::is_no_folder(path, "json").map_err(failed(&name))?;
        let text = fs::read(path).map_err(failed(&name))?;
        let object = document::opened(&text).map_err(failed(&name))?;
        let missing = |what: &str| Failure(format!("{name}: it has no {what}; it must be of `lungglass accept`"));
        let text = |value: Option<&serde_json::Value>| value.and_then(|value| value.as_str()).map(str::to_string);
        let baseline = object.get("baseline").cloned().ok_or_else(|| missing("baseline"))?;
        Ok(Acceptance {
            path: path.to_path_buf(),
            site: text(object.get("site")).ok_or_else(|| missing("site"))?,
            made: text(object.get("made")).ok_or_else(|| missing("made"))?,
            network: text(object.get("model").and_then(|model| model.get("sha256"))).ok_or_else(|| missing("model"))?,
            baseline: serde_json::from_value(baseline).map_err(failed(&name))?,
        })
    }

    /// Fails where a file names another network.
    fn is_of(&self, files: &[Rows], paths: &[PathBuf]) -> Result<(), Failure> {
        for (file, path) in files.iter().zip(paths) {
            if file.networks.iter().any(|network| *network != self.network) {
                let (path, own) = (path.display(), self.path.display());
                return Err(Failure(format!("{path}: its slices were read by another network than that of {own}")));
            }
        }
        Ok(())
    }
}

/// Reads a predictions.csv, or what `classify --csv` printed.
fn rows(path: &Path) -> Result<Rows, Failure> {
    let mut table = Table::open(path, &["verdict", "score", "logit"])?;
    let (verdict, logit) = (table.column("verdict")?, table.column("logit")?);
    let (reason, network) = (table.column("reason").ok(), table.column("sha256").ok());
    let (mut found, mut networks) = (Vec::new(), BTreeSet::new());
    while let Some(row) = table.next() {
        let row = row?;
        let cell = |at: usize| row.get(at).unwrap_or_default();
        let word = cell(verdict);
        let verdict = VERDICTS.into_iter().find(|known| known.word() == word);
        let verdict =
            verdict.ok_or_else(|| table.failure(&row, &format!("the verdict \"{}\" is none", plain(word))))?;
        let number = cell(logit);
        let logit = match number.parse::<f64>() {
            _ if number.is_empty() => None,
            Ok(value) if value.is_finite() => Some(value),
            _ => return Err(table.failure(&row, &format!("the logit \"{}\" is no number", plain(number)))),
        };
        let is_judged = !matches!(verdict, Verdict::Refused | Verdict::Error);
        if is_judged && logit.is_none() {
            return Err(table.failure(&row, "it has a verdict and no logit"));
        }
        networks.extend(network.map(|at| cell(at).to_string()).filter(|network| !network.is_empty()));
        let code = reason.map(cell).unwrap_or_default().to_string();
        found.push(Row { verdict, logit: logit.filter(|_| is_judged), code });
    }
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    Ok(Rows { name, rows: found, has_codes: reason.is_some(), networks })
}

/// Each file, or so many rows one behind the other.
fn samples(files: Vec<Rows>, size: Option<usize>) -> Vec<Sample> {
    if size.is_none() && files.len() > 1 {
        let whole = files.into_iter().map(|file| Sample { name: file.name, rows: file.rows });
        return whole.filter(|sample| !sample.rows.is_empty()).collect();
    }
    let size = size.unwrap_or(SAMPLE);
    let mut samples: Vec<Sample> = Vec::new();
    for row in files.into_iter().flat_map(|file| file.rows) {
        match samples.last_mut() {
            Some(sample) if sample.rows.len() < size => sample.rows.push(row),
            _ => samples.push(Sample { name: format!("sample {}", samples.len() + 1), rows: vec![row] }),
        }
    }
    samples
}

impl Sample {
    /// Slices that were read: refused or judged.
    fn read(&self) -> usize {
        self.rows.iter().filter(|row| row.verdict != Verdict::Error).count()
    }

    fn refused(&self, code: Option<&str>) -> usize {
        let is = |row: &&Row| row.verdict == Verdict::Refused && code.is_none_or(|code| row.code == code);
        self.rows.iter().filter(is).count()
    }

    fn positive(&self) -> usize {
        self.rows.iter().filter(|row| row.verdict == Verdict::Positive).count()
    }

    fn logits(&self) -> Vec<f64> {
        self.rows.iter().filter_map(|row| row.logit).collect()
    }
}

impl Report {
    fn of(
        samples: &[Sample],
        acceptance: Option<&Acceptance>,
        first: Option<usize>,
        with_codes: bool,
    ) -> Result<Report, Failure> {
        let count = match (acceptance, first) {
            (Some(_), None) => 0,
            (_, Some(first)) => first,
            (None, None) => BASELINE.min(samples.len() / 2),
        };
        if acceptance.is_none() && count == 0 || count >= samples.len() && count > 0 {
            return Err(Failure(format!(
                "there are {} samples, and some must be left behind the {count} of the baseline: give it more rows, a smaller --sample or --baseline, or an --acceptance",
                samples.len()
            )));
        }
        let before = &samples[..count];
        let (head, rest) =
            (count > 0).then(|| of_samples(before)).map_or((None, samples), |own| (Some(own), &samples[count..]));
        let own = acceptance.map(|acceptance| &acceptance.baseline);
        // Refusals against the acceptance test, where there is one; verdicts and logits, which follow the mix of patients, against the
        // first samples where those are asked for.
        let of_refusals = own.or(head.as_ref());
        let of_scores = head.as_ref().or(own);
        let (Some(of_refusals), Some(of_scores)) = (of_refusals, of_scores) else {
            return Err(Failure("there is no baseline".to_string()));
        };
        let mut charts = vec![charts::share(
            "refused",
            "share of the slices that were read",
            &of_refusals.refused,
            rest.iter().map(|sample| (sample.name.as_str(), sample.refused(None), sample.read())),
        )];
        if with_codes {
            let seen = rest.iter().flat_map(|sample| &sample.rows).filter(|row| row.verdict == Verdict::Refused);
            let mut codes: BTreeSet<&str> = seen.map(|row| row.code.as_str()).collect();
            codes.extend(of_refusals.refused_by_code.keys().map(String::as_str));
            for code in codes {
                let none = Share { count: 0, ..of_refusals.refused };
                let usual = of_refusals.refused_by_code.get(code).copied().unwrap_or(none);
                charts.push(charts::share(
                    &format!("refused: {code}"),
                    "share of the slices that were read",
                    &usual,
                    rest.iter().map(|sample| (sample.name.as_str(), sample.refused(Some(code)), sample.read())),
                ));
            }
        }
        charts.push(charts::share(
            "called positive",
            "share of the slices that were judged",
            &of_scores.positive,
            rest.iter().map(|sample| (sample.name.as_str(), sample.positive(), sample.logits().len())),
        ));
        charts
            .extend(charts::means(&of_scores.logit, rest.iter().map(|sample| (sample.name.as_str(), sample.logits()))));
        let flags = charts.iter().flat_map(Chart::flags).collect();
        let mut notes = Vec::new();
        if !with_codes {
            notes.push("not every file has a column \"reason\", so that refusals are not told apart by code; `classify --csv` writes it".to_string());
        }
        if acceptance.is_some() && head.is_none() {
            notes.push("verdicts and logits are held against the acceptance test, whose share of patients with the disease may not be that of the routine; with --baseline N they are held against the first N samples".to_string());
        }
        let named =
            acceptance.map(|acceptance| format!("the acceptance test of {} on {}", acceptance.site, acceptance.made));
        let firsts = (count > 0).then(|| format!("the first {count} samples"));
        Ok(Report {
            schema: 1,
            kind: "watch",
            made: day::today(),
            program: env!("CARGO_PKG_VERSION"),
            baseline: match (named, firsts) {
                (Some(named), Some(firsts)) => format!("{named} for refusals, {firsts} for verdicts and logits"),
                (named, firsts) => named.or(firsts).unwrap_or_default(),
            },
            samples: rest
                .iter()
                .map(|sample| SampleOf {
                    name: sample.name.clone(),
                    slices: sample.rows.len(),
                    unreadable: sample.rows.len() - sample.read(),
                })
                .collect(),
            charts,
            flags,
            notes,
        })
    }

    fn summary(&self, out: Option<&Path>) -> String {
        let slices: usize = self.samples.iter().map(|sample| sample.slices).sum();
        let mut text = format!("{slices} slices in {} samples, against {}\n", self.samples.len(), self.baseline);
        for flag in &self.flags {
            text += &format!("FLAG  {}\n", plain(&flag.text()));
        }
        if self.flags.is_empty() {
            text += &format!("no flag in {} charts\n", self.charts.len());
        }
        for note in &self.notes {
            text += &format!("note: {note}\n");
        }
        out.map_or(text.clone(), |out| format!("{text}Written to {}\n", out.display()))
    }
}

/// What is usual in samples. Each of them counts as a group: what differs between them differs in use.
fn of_samples(samples: &[Sample]) -> Baseline {
    let share = |counts: &dyn Fn(&Sample) -> (usize, usize)| {
        let counts: Vec<(usize, usize)> = samples.iter().map(counts).collect();
        Share::of_groups(&counts)
    };
    let codes: BTreeSet<&str> = samples
        .iter()
        .flat_map(|sample| &sample.rows)
        .filter(|row| row.verdict == Verdict::Refused)
        .map(|row| row.code.as_str())
        .collect();
    let by_code = codes
        .into_iter()
        .map(|code| (code.to_string(), share(&|sample: &Sample| (sample.refused(Some(code)), sample.read()))));
    let logits: Vec<(usize, f64)> = samples
        .iter()
        .enumerate()
        .flat_map(|(at, sample)| sample.logits().into_iter().map(move |logit| (at, logit)))
        .collect();
    Baseline {
        slices: samples.iter().map(|sample| sample.rows.len()).sum(),
        refused: share(&|sample: &Sample| (sample.refused(None), sample.read())),
        refused_by_code: by_code.collect::<BTreeMap<_, _>>(),
        positive: share(&|sample: &Sample| (sample.positive(), sample.logits().len())),
        logit: Mean::of(&logits),
    }
}
