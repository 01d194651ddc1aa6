//! Watching a network in use: counts by sample, held against what is usual. A sample is a day of a page's log, a file, or so many rows; of
//! a slice only counts and sums are kept.

use std::collections::{BTreeMap, BTreeSet};

use lungglass::reading::Verdict;
use serde::{Deserialize, Serialize};

use crate::baseline::{Baseline, Mean, Share};
use crate::charts::{self, Chart, Flag, Named};
use crate::look::plain;

/// Without an acceptance test, so many samples are the baseline, and half of them at the most.
const BASELINE: usize = 10;
/// The version of a log's form.
pub const SCHEMA: u32 = 1;
/// What a log says that it is.
pub const KIND: &str = "watch log";

/// What became of the slices of a sample.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sample {
    /// The day, as 2026-11-30, or the file.
    pub name: String,
    pub positive: usize,
    pub negative: usize,
    pub uncertain: usize,
    pub refused: usize,
    pub error: usize,
    /// Refusals by code.
    pub codes: BTreeMap<String, usize>,
    /// Of slices that were judged.
    pub logits: Sums,
    /// How far embeddings are from training's, of slices that could be decoded.
    pub embedding: Sums,
    /// How far gray levels are from training's, likewise.
    pub gray_levels: Sums,
    /// Slices by score, in bins of equal width; empty where nobody counts them.
    pub scores: Vec<usize>,
    /// Slices by the distance of their embedding, in bins.
    pub embeddings: Vec<usize>,
    /// Slices by the distance of their gray levels, in bins.
    pub grays: Vec<usize>,
}

/// Of values: how many, their sum, and that of their squares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sums {
    pub count: usize,
    pub sum: f64,
    pub squares: f64,
}

/// What a page counts, if it is asked to: a sample a day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub schema: u32,
    pub kind: String,
    /// SHA-256 of the network.
    pub network: String,
    pub days: Vec<Sample>,
}

/// What is used of an acceptance.json.
#[derive(Debug, Clone, Deserialize)]
pub struct Usual {
    pub site: String,
    pub made: String,
    pub model: Network,
    pub baseline: Baseline,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Network {
    pub sha256: String,
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

impl Sums {
    pub fn add(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
        self.squares += value * value;
    }
}

impl Sample {
    pub fn named(name: impl Into<String>) -> Sample {
        Sample { name: name.into(), ..Sample::default() }
    }

    /// Counts a slice: its verdict, its logit if it was judged, the code of its refusal, and how far embedding and gray levels are from
    /// training's.
    pub fn add(
        &mut self,
        verdict: Verdict,
        logit: Option<f64>,
        code: &str,
        [embedding, gray_levels]: [Option<f64>; 2],
    ) {
        match verdict {
            Verdict::Positive => self.positive += 1,
            Verdict::Negative => self.negative += 1,
            Verdict::Uncertain => self.uncertain += 1,
            Verdict::Refused => {
                self.refused += 1;
                *self.codes.entry(code.to_string()).or_default() += 1;
            }
            Verdict::Error => self.error += 1,
        }
        for (sums, value) in
            [(&mut self.logits, logit), (&mut self.embedding, embedding), (&mut self.gray_levels, gray_levels)]
        {
            value.into_iter().for_each(|value| sums.add(value));
        }
    }

    pub fn slices(&self) -> usize {
        self.read() + self.error
    }

    /// Refused or judged.
    fn read(&self) -> usize {
        self.judged() + self.refused
    }

    fn judged(&self) -> usize {
        self.positive + self.negative + self.uncertain
    }

    fn refused_by(&self, code: &str) -> usize {
        self.codes.get(code).copied().unwrap_or_default()
    }

    /// What cannot be: a count that is not the sum of its parts, a number that is none.
    fn fault(&self) -> Option<String> {
        let sums = [&self.logits, &self.embedding, &self.gray_levels];
        if sums.iter().any(|sums| !(sums.sum.is_finite() && sums.squares.is_finite() && sums.squares >= 0.0)) {
            return Some("a sum is no number".to_string());
        }
        let counts = [self.logits.count, self.embedding.count, self.gray_levels.count];
        if self.codes.values().sum::<usize>() != self.refused || counts.iter().any(|count| *count > self.slices()) {
            return Some("its counts do not fit each other".to_string());
        }
        None
    }
}

impl Log {
    /// Reads a log.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Log, String> {
        let log: Log = serde_json::from_slice(text).map_err(|error| format!("it is no log of a page: {error}"))?;
        if log.schema != SCHEMA || log.kind != KIND {
            return Err(format!("it is \"{}\" of form {}; a log is \"{KIND}\" of form {SCHEMA}", log.kind, log.schema));
        }
        match log.days.iter().find_map(|day| Some((&day.name, day.fault()?))) {
            Some((day, fault)) => Err(format!("{day}: {fault}")),
            None => Ok(log),
        }
    }
}

impl Report {
    /// Charts over samples, against `usual` or the `first` samples. `made` is today, as 2026-11-30; `with_codes`, whether refusals are told
    /// apart.
    ///
    /// # Errors
    /// What is missing for a baseline.
    pub fn of(
        samples: &[Sample],
        usual: Option<&Usual>,
        first: Option<usize>,
        with_codes: bool,
        made: String,
    ) -> Result<Report, String> {
        let count = match (usual, first) {
            (Some(_), None) => 0,
            (_, Some(first)) => first,
            (None, None) => BASELINE.min(samples.len() / 2),
        };
        if usual.is_none() && count == 0 || count >= samples.len() && count > 0 {
            return Err(format!(
                "there are {} samples, and some must be left behind the {count} of the baseline: give it more rows, a smaller --sample or --baseline, or an --acceptance",
                samples.len()
            ));
        }
        let head = (count > 0).then(|| of_samples(&samples[..count]));
        let rest = &samples[count..];
        let own = usual.map(|usual| &usual.baseline);
        // Refusals, embeddings and gray levels against the acceptance test, where there is one; verdicts and logits, which follow the mix of
        // patients, against the first samples where those are asked for.
        let (of_slices, of_scores) = (own.or(head.as_ref()), head.as_ref().or(own));
        let (Some(of_slices), Some(of_scores)) = (of_slices, of_scores) else {
            return Err("there is no baseline".to_string());
        };
        let charts = charts_of(rest, of_slices, of_scores, with_codes);
        let flags = charts.iter().flat_map(Chart::flags).collect();
        let mut notes = Vec::new();
        if !with_codes {
            notes.push("not every file has a column \"reason\", so that refusals are not told apart by code; `classify --csv` writes it".to_string());
        }
        if usual.is_some() && head.is_none() {
            notes.push("verdicts and logits are held against the acceptance test, whose share of patients with the disease may not be that of the routine; with --baseline N they are held against the first N samples".to_string());
        }
        let named = usual.map(|usual| format!("the acceptance test of {} on {}", usual.site, usual.made));
        let firsts = (count > 0).then(|| format!("the first {count} samples"));
        let numbers =
            |sample: &Sample| SampleOf { name: sample.name.clone(), slices: sample.slices(), unreadable: sample.error };
        Ok(Report {
            schema: 1,
            kind: "watch",
            made,
            program: env!("CARGO_PKG_VERSION"),
            baseline: match (named, firsts) {
                (Some(named), Some(firsts)) => format!("{named} for refusals, {firsts} for verdicts and logits"),
                (named, firsts) => named.or(firsts).unwrap_or_default(),
            },
            samples: rest.iter().map(numbers).collect(),
            charts,
            flags,
            notes,
        })
    }

    /// For a terminal.
    pub fn summary(&self) -> String {
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
        text
    }
}

fn charts_of(rest: &[Sample], of_slices: &Baseline, of_scores: &Baseline, with_codes: bool) -> Vec<Chart> {
    let read = "share of the slices that were read";
    let mut charts = vec![charts::share(
        "refused",
        read,
        &of_slices.refused,
        rest.iter().map(|sample| (sample.name.as_str(), sample.refused, sample.read())),
    )];
    if with_codes {
        let mut codes: BTreeSet<&str> =
            rest.iter().flat_map(|sample| sample.codes.keys().map(String::as_str)).collect();
        codes.extend(of_slices.refused_by_code.keys().map(String::as_str));
        for code in codes {
            let none = Share { count: 0, ..of_slices.refused };
            let usual = of_slices.refused_by_code.get(code).copied().unwrap_or(none);
            charts.push(charts::share(
                &format!("refused: {code}"),
                read,
                &usual,
                rest.iter().map(|sample| (sample.name.as_str(), sample.refused_by(code), sample.read())),
            ));
        }
    }
    charts.push(charts::share(
        "called positive",
        "share of the slices that were judged",
        &of_scores.positive,
        rest.iter().map(|sample| (sample.name.as_str(), sample.positive, sample.judged())),
    ));
    let of = |sums: fn(&Sample) -> Sums| {
        rest.iter().map(move |sample| (sample.name.as_str(), sums(sample).count, sums(sample).sum))
    };
    let logit =
        Named { mean: "mean logit", sum: "cumulative sum of logits", of: "mean of the slices that were judged" };
    charts.extend(charts::means(&logit, &of_scores.logit, of(|sample| sample.logits)));
    for (mean, sum, usual, sums) in [
        (
            "mean distance of embeddings",
            "cumulative sum of distances of embeddings",
            of_slices.embedding,
            (|sample| sample.embedding) as fn(&Sample) -> Sums,
        ),
        (
            "mean distance of gray levels",
            "cumulative sum of distances of gray levels",
            of_slices.gray_levels,
            |sample| sample.gray_levels,
        ),
    ] {
        // Files without them say nothing of it.
        let is_measured = rest.iter().any(|sample| sums(sample).count > 0);
        if let Some(usual) = usual.filter(|_| is_measured) {
            let named = Named { mean, sum, of: "mean of the slices that could be decoded" };
            charts.extend(charts::means(&named, &usual, of(sums)));
        }
    }
    charts
}

/// What is usual in samples. Each of them counts as a group: what differs between them differs in use.
fn of_samples(samples: &[Sample]) -> Baseline {
    let share = |counts: &dyn Fn(&Sample) -> (usize, usize)| {
        let counts: Vec<(usize, usize)> = samples.iter().map(counts).collect();
        Share::of_groups(&counts)
    };
    let codes: BTreeSet<&String> = samples.iter().flat_map(|sample| sample.codes.keys()).collect();
    let by_code =
        codes.into_iter().map(|code| (code.clone(), share(&|sample| (sample.refused_by(code), sample.read()))));
    let mean = |sums: fn(&Sample) -> Sums| {
        Mean::of_groups(samples.iter().map(sums).map(|Sums { count, sum, squares }| (count, sum, squares)))
    };
    Baseline {
        slices: samples.iter().map(Sample::slices).sum(),
        per_group: None,
        refused: share(&|sample| (sample.refused, sample.read())),
        refused_by_code: by_code.collect::<BTreeMap<_, _>>(),
        positive: share(&|sample| (sample.positive, sample.judged())),
        logit: mean(|sample| sample.logits),
        embedding: Some(mean(|sample| sample.embedding)).filter(|mean| mean.of > 0),
        gray_levels: Some(mean(|sample| sample.gray_levels)).filter(|mean| mean.of > 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(name: &str, negatives: usize, refused: usize, embedding: f64) -> Sample {
        let mut day = Sample::named(name);
        for at in 0..negatives {
            let off = (at % 5) as f64 / 10.0 - 0.2;
            day.add(Verdict::Negative, Some(-2.0 + off), "", [Some(embedding + off), Some(13.0 + off)]);
        }
        (0..refused).for_each(|_| day.add(Verdict::Refused, None, "not_like_ct", [Some(embedding), None]));
        day
    }

    #[test]
    fn days_as_usual_raise_no_flag_and_others_do() {
        let mut days: Vec<Sample> = (0..10).map(|at| day(&format!("2026-11-{:02}", at + 1), 60, 2, 1.0)).collect();
        days.push(day("2026-11-11", 60, 2, 1.0));
        let report = |days: &[Sample]| Report::of(days, None, Some(10), true, "2026-11-30".to_string()).unwrap();
        assert_eq!(report(&days).flags, []);
        days.push(day("2026-11-12", 60, 30, 1.0));
        days.push(day("2026-11-13", 60, 2, 2.5));
        let found = report(&days);
        let flagged =
            |chart: &str, sample: &str| found.flags.iter().any(|flag| flag.chart == chart && flag.sample == sample);
        assert!(flagged("refused", "2026-11-12") && flagged("refused: not_like_ct", "2026-11-12"));
        assert!(flagged("mean distance of embeddings", "2026-11-13"), "{:?}", found.flags);
        assert!(!flagged("mean logit", "2026-11-13"));
        assert!(Report::of(&days[..1], None, None, true, String::new()).is_err());
    }

    #[test]
    fn sums_tell_what_values_do() {
        let values = [(0, 0.3), (0, -0.2), (1, 0.9), (2, 0.1), (2, 0.4)];
        let mut groups = [Sums::default(); 3];
        values.iter().for_each(|(group, value)| groups[*group].add(*value));
        let found = Mean::of_groups(groups.iter().map(|sums| (sums.count, sums.sum, sums.squares)));
        let expected = Mean::of(&values);
        for (found, expected) in
            [(found.mean, expected.mean), (found.sd, expected.sd), (found.design_effect, expected.design_effect)]
        {
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        }
        assert_eq!(found.of, 5);
    }

    #[test]
    fn a_log_is_read_back_and_a_wrong_one_is_refused() {
        let days = vec![day("2026-11-30", 3, 1, 1.0)];
        let log = Log { schema: SCHEMA, kind: KIND.to_string(), network: "0".repeat(64), days };
        let text = serde_json::to_string(&log).unwrap();
        assert_eq!(Log::parse(text.as_bytes()).unwrap(), log);
        for (from, to, why) in [
            ("\"refused\":1", "\"refused\":2", "counts do not fit"),
            ("watch log", "watch", "a log is"),
            ("\"negative\":3", "\"negative\":-3", "no log"),
            ("\"days\"", "\"patients\":1,\"days\"", "no log"),
        ] {
            let failure = Log::parse(text.replace(from, to).as_bytes()).unwrap_err();
            assert!(failure.contains(why), "{failure}");
        }
    }
}
