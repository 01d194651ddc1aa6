//! A site's acceptance test: the network on its own labelled slices, and an operating point with a guarantee for them. None of what it
//! gives holds an image, a path or the name of a group.

use std::collections::BTreeMap;

use lungglass::likeness::Likeness;
use lungglass::model::Model;
use lungglass::operating_point::{self, LocalPoint, Network};
use lungglass::reading::{ModelName, Verdict};
use serde::{Deserialize, Serialize};

use crate::baseline::{Baseline, code_of};
use crate::drift;
use crate::metrics::{self, Bin, Case, Estimate, Measures, estimates};
use crate::row::Row;
use crate::triage::{self, Side, Triage, Wish};

/// Fewer slices of a class, or fewer groups of it, are warned of.
pub const FEW: usize = 10;

/// What a site says of its test.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Terms {
    /// Whose operating point it will be.
    pub site: String,
    /// Days, as 2026-11-30.
    pub made: String,
    /// The last day on which it will hold.
    pub valid_until: String,
    /// What read the slices.
    pub device: String,
    pub wish: Wish,
}

/// acceptance.json, but for its seal.
#[derive(Serialize)]
pub struct Acceptance {
    pub schema: u32,
    pub kind: &'static str,
    pub site: String,
    /// Days, as 2026-11-30.
    pub made: String,
    pub valid_until: String,
    pub program: Program,
    pub model: ModelName,
    pub device: String,
    pub counts: Counts,
    /// What ought to be known before the figures are used.
    pub warnings: Vec<String>,
    pub threshold: f32,
    pub uncertain: [f32; 2],
    /// Over all slices, at the threshold that ships.
    #[serde(flatten)]
    pub measures: Measures<Estimate>,
    pub calibration: Option<Calibration>,
    /// Why slices have no score.
    pub refusals: Vec<Lost>,
    pub errors: Vec<Lost>,
    pub drift: Option<drift::Drift>,
    pub triage: Option<operating_point::Triage>,
    /// Why there is no triage.
    pub why: Option<String>,
    pub wanted: Wanted,
    /// How each side of the triage came out.
    pub sides: Sides,
    /// What the triage gives on all slices at hand; these are the slices that chose it.
    pub triaged: Option<Triaged>,
    pub assumed: Vec<&'static str>,
    pub baseline: Baseline,
}

#[derive(Serialize)]
pub struct Program {
    pub name: &'static str,
    pub version: &'static str,
}

#[derive(Serialize)]
pub struct Counts {
    pub slices: usize,
    pub positives: usize,
    pub groups: usize,
    pub positive_groups: usize,
    pub negative_groups: usize,
    /// Slices of no group, each of which counts as one.
    pub without_group: usize,
    pub accepted: usize,
    pub refused: usize,
    pub unreadable: usize,
}

#[derive(Serialize)]
pub struct Calibration {
    /// The mean score less the share of positives.
    pub in_the_large: Estimate,
    pub slope: Estimate,
    pub intercept: Estimate,
    pub bins: Vec<BinOf>,
}

#[derive(Serialize)]
pub struct BinOf {
    pub from: f64,
    pub slices: usize,
    pub positives: usize,
    pub mean_score: Option<f64>,
}

/// Slices without a score for one reason.
#[derive(Serialize)]
pub struct Lost {
    pub code: String,
    pub slices: usize,
    pub positives: usize,
    pub groups: usize,
}

#[derive(Serialize)]
pub struct Wanted {
    pub ppv: f64,
    pub npv: f64,
    pub confidence: f64,
    pub prevalence: Option<f64>,
}

#[derive(Serialize)]
pub struct Sides {
    /// How many slices, one of each group, they stand on.
    pub drawn: usize,
    /// How many of these are positive: PPV and NPV hold at that share.
    pub positives: usize,
    /// Each side's confidence.
    pub confidence: f64,
    pub positive: SideOf,
    pub negative: SideOf,
}

#[derive(Serialize)]
pub struct SideOf {
    /// The mildest score that holds what is wanted; null where none does.
    pub threshold: Option<f32>,
    /// The score that came nearest, where none does.
    pub nearest: Option<f32>,
    pub called: usize,
    pub right: usize,
    /// What the predictive value is at least.
    pub at_least: f64,
    /// About how many patients more, like these, would do; null where no number would.
    pub more_groups: Option<usize>,
}

/// What became of all slices by the triage.
#[derive(Serialize)]
pub struct Triaged {
    pub called_positive: usize,
    pub called_positive_rightly: usize,
    pub called_negative: usize,
    pub called_negative_rightly: usize,
    /// Uncertain, refused or unreadable.
    pub look_yourself: usize,
}

/// What the guarantee stands on.
const ASSUMED: [&str; 4] = [
    "patients (groups) are independent of each other, and those to come are like those here: same kinds of patients, scanners, windows and share of positives",
    "one slice of each patient was drawn at random and tested; the values hold for a slice drawn in the same way",
    "a stricter threshold has no smaller PPV or NPV than a milder one",
    "labels are right",
];

impl Acceptance {
    /// Of slices that `model` read at the operating point that ships; the cases are the rows'.
    pub fn of(model: &Model, terms: &Terms, rows: &[Row], cases: &[Case]) -> Acceptance {
        let (point, wish) = (model.point(), terms.wish);
        let drawn = triage::draw(cases);
        let found = triage::find(&drawn, &wish);
        let of_verdict = |verdict: Verdict| rows.iter().filter(|row| row.verdict == verdict).count();
        let counts = Counts {
            slices: rows.len(),
            positives: rows.iter().filter(|row| row.positive).count(),
            groups: metrics::distinct(cases, |_| true),
            positive_groups: metrics::distinct(cases, |case| case.positive),
            negative_groups: metrics::distinct(cases, |case| !case.positive),
            without_group: rows.iter().filter(|row| row.group.is_empty()).count(),
            accepted: cases.iter().filter(|case| case.answer.is_some()).count(),
            refused: of_verdict(Verdict::Refused),
            unreadable: of_verdict(Verdict::Error),
        };
        let likenesses: Vec<&Likeness> = rows.iter().filter_map(|row| row.likeness.as_ref()).collect();
        let triage = found.point.map(|[positive_from, negative_to]| operating_point::Triage {
            positive_from,
            negative_to,
            ppv: wish.ppv,
            npv: wish.npv,
            confidence: wish.confidence,
            prevalence: wish.prevalence,
        });
        Acceptance {
            schema: 1,
            kind: "acceptance test",
            site: terms.site.clone(),
            made: terms.made.clone(),
            valid_until: terms.valid_until.clone(),
            program: Program { name: "lungglass", version: env!("CARGO_PKG_VERSION") },
            model: model.into(),
            device: terms.device.clone(),
            warnings: warnings(&counts, &wish, &found),
            counts,
            threshold: point.threshold,
            uncertain: point.uncertain,
            measures: estimates(cases, f64::from(point.threshold)),
            calibration: calibration(cases),
            refusals: lost(rows, cases, Verdict::Refused),
            errors: lost(rows, cases, Verdict::Error),
            drift: drift::drift(&likenesses, &model.gate),
            why: triage.is_none().then(|| why(&found, &wish)),
            triaged: triage.map(|triage| triaged(cases, &triage)),
            triage,
            wanted: Wanted { ppv: wish.ppv, npv: wish.npv, confidence: wish.confidence, prevalence: wish.prevalence },
            sides: Sides {
                drawn: found.drawn,
                positives: found.positives,
                confidence: 1.0 - wish.error(),
                positive: side(&found.positive),
                negative: side(&found.negative),
            },
            assumed: ASSUMED.to_vec(),
            baseline: Baseline::of(rows, cases),
        }
    }

    /// The settings file, where there is a triage; `seal` is that of acceptance.json.
    pub fn settings(&self, model: &Model, seal: &str) -> Option<LocalPoint> {
        Some(LocalPoint {
            schema: operating_point::SCHEMA,
            site: self.site.clone(),
            made: self.made.clone(),
            valid_until: self.valid_until.clone(),
            program: self.program.version.to_string(),
            acceptance: seal.to_string(),
            network: Network {
                name: model.name.clone(),
                version: model.version.clone(),
                sha256: model.sha256.clone(),
                temperature: Some(model.output.temperature),
            },
            triage: self.triage?,
            drift: self.baseline.limits(),
        })
    }

    /// For a terminal.
    pub fn summary(&self) -> String {
        let Counts { slices, groups, positives, refused, unreadable, .. } = self.counts;
        let mut text = format!(
            "{} {} on {slices} slices of {groups} patients or other groups, {positives} with COVID-19; {refused} refused, {unreadable} unreadable\n",
            self.model.name, self.model.version
        );
        for (name, estimate) in self.measures.named() {
            if ["AUC", "sensitivity", "specificity", "ECE"].contains(&name) {
                let value = estimate.value.map_or("not defined".to_string(), |value| format!("{value:.3}"));
                let interval = estimate.ci95.map(|[lo, hi]| format!(" ({lo:.3} to {hi:.3})")).unwrap_or_default();
                text += &format!("  {name:<12} {value}{interval}\n");
            }
        }
        for warning in &self.warnings {
            text += &format!("  note: {warning}\n");
        }
        text += &match (&self.triage, &self.why) {
            (Some(triage), _) => format!(
                "operating point: positive from {}, negative to {}, in between look yourself; PPV at least {} and NPV at least {}, \
                 with a confidence of {}\n",
                triage.positive_from, triage.negative_to, triage.ppv, triage.npv, triage.confidence
            ),
            (None, why) => format!("no operating point: {}\n", why.as_deref().unwrap_or_default()),
        };
        text
    }
}

fn warnings(counts: &Counts, wish: &Wish, found: &Triage) -> Vec<String> {
    let mut warnings = Vec::new();
    for (count, groups, what) in [
        (counts.positives, counts.positive_groups, "with COVID-19"),
        (counts.slices - counts.positives, counts.negative_groups, "of others"),
    ] {
        if count < FEW || groups < FEW {
            warnings.push(format!(
                "there are only {count} slices {what}, of {groups} patients or other groups: figures that count them are hardly known"
            ));
        }
    }
    if counts.without_group > 0 {
        warnings.push(format!(
            "{} slices have no group and count as patients of their own; where they are of one patient, intervals are too narrow and nothing is guaranteed",
            counts.without_group
        ));
    }
    match wish.prevalence {
        None => warnings.push(format!(
            "PPV and NPV hold where {:.0} % of patients are positive, as here, each patient counting once; if the network will be used where it is another share, name that prevalence",
            100.0 * found.positives as f64 / found.drawn.max(1) as f64
        )),
        Some(share) => warnings.push(format!(
            "{} patients were drawn of whom about {:.0} % are positive, and PPV and NPV hold at that share, if slices of each class are like those here",
            found.drawn,
            100.0 * share
        )),
    }
    warnings
}

fn calibration(cases: &[Case]) -> Option<Calibration> {
    let found = metrics::calibration(cases)?;
    let estimate = |value: Option<metrics::Value>, none: &str| match value {
        Some((value, ends)) => Estimate {
            value: Some(value),
            ci95: ends,
            method: match ends {
                Some(_) => format!("percentile bootstrap over groups, {} draws", metrics::DRAWS),
                None => "no interval: too few groups, or too many draws leave it undefined".to_string(),
            },
        },
        None => Estimate { value: None, ci95: None, method: none.to_string() },
    };
    let apart = "not defined: the scores tell the classes apart without a mistake, or there is one class only";
    let bins = metrics::bins(cases);
    let bin = |(at, bin): (usize, &Bin)| BinOf {
        from: at as f64 / metrics::BINS as f64,
        slices: bin.positives + bin.negatives,
        positives: bin.positives,
        mean_score: (bin.positives + bin.negatives > 0).then(|| bin.sum / (bin.positives + bin.negatives) as f64),
    };
    Some(Calibration {
        in_the_large: estimate(Some(found.in_the_large), ""),
        slope: estimate(found.slope, apart),
        intercept: estimate(found.intercept, apart),
        bins: bins.iter().enumerate().map(bin).collect(),
    })
}

fn lost(rows: &[Row], cases: &[Case], verdict: Verdict) -> Vec<Lost> {
    let mut codes: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for (row, case) in rows.iter().zip(cases).filter(|(row, _)| row.verdict == verdict) {
        codes.entry(code_of(row).to_string()).or_default().push(case.clone());
    }
    let lost = |(code, members): (String, Vec<Case>)| Lost {
        code,
        slices: members.len(),
        positives: members.iter().filter(|case| case.positive).count(),
        groups: metrics::distinct(&members, |_| true),
    };
    codes.into_iter().map(lost).collect()
}

fn side(side: &Side) -> SideOf {
    let Side { threshold, called, right, at_least, more, nearest } = *side;
    SideOf { threshold, nearest, called, right, at_least, more_groups: more }
}

fn triaged(cases: &[Case], triage: &operating_point::Triage) -> Triaged {
    let called = |positive: bool| {
        cases.iter().filter(move |case| {
            let score = case.answer.map(|answer| answer.score as f32);
            score
                .is_some_and(|score| if positive { score >= triage.positive_from } else { score <= triage.negative_to })
        })
    };
    let (positive, negative) = (called(true).count(), called(false).count());
    Triaged {
        called_positive: positive,
        called_positive_rightly: called(true).filter(|case| case.positive).count(),
        called_negative: negative,
        called_negative_rightly: called(false).filter(|case| !case.positive).count(),
        look_yourself: cases.len() - positive - negative,
    }
}

/// Why these slices give no triage, and what would.
fn why(found: &Triage, wish: &Wish) -> String {
    let sides = [(&found.positive, "positive", "PPV", wish.ppv), (&found.negative, "negative", "NPV", wish.npv)];
    let sentences = sides.into_iter().filter(|(side, ..)| side.threshold.is_none()).map(|(side, word, value, wanted)| {
        let least = triage::least_calls(wanted, wish.error());
        let Some(nearest) = side.nearest else {
            return format!(
                "no slice has a score by which it could be called {word}; {least} patients of whom one is, all rightly, are the fewest that can show a {value} of {wanted}."
            );
        };
        let (called, right) = (side.called, side.right);
        let far = if word == "positive" { "from" } else { "to" };
        let head = format!(
            "{value}: {word} {far} {nearest}, {right} of {called} patients called {word} are so, which shows {:.3} and not {wanted}",
            side.at_least
        );
        match side.more {
            Some(more) => format!(
                "{head}. About {more} patients more like these would do (without a mistake it takes {least} called {word}; here are {} in all).",
                found.drawn
            ),
            None => format!("{head}. More patients like these would not help: the network does not tell them apart well enough."),
        }
    });
    let text = sentences.collect::<Vec<_>>().join(" ");
    format!("These slices cannot show what was asked for with a confidence of {}. {text}", wish.confidence)
}
