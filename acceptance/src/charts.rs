//! Control charts: limits, and the rules that raise a flag. Knows counts and means, not where they come from.
//!
//! What is usual was itself measured on few slices, and slices of one patient tell little more than one. So limits are prediction limits
//! from the baseline (beta-binomial for shares, normal for means), over as many slices as are left by its design effect; and rules that
//! add up small differences allow for what the baseline may be off.

use serde::Serialize;
use statrs::distribution::{Beta, ContinuousCDF};

use crate::baseline::{self, Mean, Share};

/// A point beyond a limit comes this rarely by chance, on each side (three standard deviations; Shewhart 1931).
const RARE: f64 = 0.00135;
/// So many points in a row beyond what the baseline can be raise a flag (rule 2 of Nelson 1984).
const IN_A_ROW: usize = 9;
/// A cumulative sum counts what is more than this many standard errors off, and raises a flag above the second (Page 1954;
/// Montgomery 2013).
const ALLOWANCE: f64 = 0.5;
const DECISION: f64 = 5.0;

#[derive(Debug, Serialize)]
pub struct Chart {
    pub name: String,
    /// What a point is.
    pub of: String,
    /// The baseline's own value.
    pub centre: f64,
    pub points: Vec<Point>,
}

/// A sample in a chart.
#[derive(Debug, Serialize)]
pub struct Point {
    pub sample: String,
    /// Slices that it counts.
    pub slices: usize,
    /// `None` of no slice.
    pub value: Option<f64>,
    pub low: f64,
    pub high: f64,
    /// The rules that raised a flag here.
    pub rules: Vec<&'static str>,
}

/// A rule that was broken.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Flag {
    pub chart: String,
    pub sample: String,
    pub rule: &'static str,
    pub value: f64,
    pub centre: f64,
}

const BEYOND: &str = "beyond its limits (Shewhart)";
const ROW: &str = "nine in a row on one side of what the baseline can be (Nelson 2)";
const SUM: &str = "cumulative sum over 5 (CUSUM)";

impl Flag {
    /// For people.
    pub fn text(&self) -> String {
        let Flag { chart, sample, rule, value, centre } = self;
        format!("{chart}, {sample}: {value:.3} where {centre:.3} is usual; {rule}")
    }
}

impl Chart {
    /// The flags in order.
    pub fn flags(&self) -> impl Iterator<Item = Flag> + '_ {
        self.points.iter().flat_map(|point| {
            point.rules.iter().map(|rule| Flag {
                chart: self.name.clone(),
                sample: point.sample.clone(),
                rule,
                value: point.value.unwrap_or_default(),
                centre: self.centre,
            })
        })
    }
}

/// A p-chart: what share of each sample has what `usual` has; samples are name, count and of how many.
pub fn share<'a>(name: &str, of: &str, usual: &Share, samples: impl Iterator<Item = (&'a str, usize, usize)>) -> Chart {
    let (count, all) = usual.effective();
    let bound = |at: f64| Beta::new(count + 0.5, all - count + 0.5).map_or(at.round(), |beta| beta.inverse_cdf(at));
    // Of no mistake, the share may be none.
    let least = if usual.count == 0 { 0.0 } else { bound(0.025) };
    let most = if usual.count == usual.of { 1.0 } else { bound(0.975) };
    let centre = if usual.of == 0 { 0.0 } else { usual.count as f64 / usual.of as f64 };
    let (mut above, mut below) = (0, 0);
    let points = samples.map(|(sample, count, slices)| {
        let [low, high] = baseline::limits_of_share(usual, slices, RARE);
        let mut rules = Vec::new();
        let value = (slices > 0).then(|| count as f64 / slices as f64);
        if let Some(value) = value {
            above = if value > most { above + 1 } else { 0 };
            below = if value < least { below + 1 } else { 0 };
            if value > high || value < low {
                rules.push(BEYOND);
            }
            if above >= IN_A_ROW || below >= IN_A_ROW {
                rules.push(ROW);
            }
        }
        Point { sample: sample.to_string(), slices, value, low, high, rules }
    });
    Chart { name: name.to_string(), of: of.to_string(), centre, points: points.collect() }
}

/// How charts of means are called.
pub struct Named {
    pub mean: &'static str,
    pub sum: &'static str,
    /// What a mean is.
    pub of: &'static str,
}

/// Means with Shewhart's limits, and their cumulative sums; none without a spread. Samples are name, slices, and the sum of their values.
pub fn means<'a>(named: &Named, usual: &Mean, samples: impl Iterator<Item = (&'a str, usize, f64)>) -> Vec<Chart> {
    if usual.of < 2 || usual.sd.is_nan() || usual.sd <= 0.0 {
        return Vec::new();
    }
    let effect = usual.design_effect.max(1.0);
    let error_of = |slices: usize| usual.sd * (effect / slices.max(1) as f64).sqrt();
    let own = error_of(usual.of);
    let (mut up, mut down) = (0f64, 0f64);
    let (mut shown, mut sums) = (Vec::new(), Vec::new());
    for (sample, slices, sum_of_sample) in samples {
        let error = error_of(slices);
        let value = (slices > 0).then(|| sum_of_sample / slices as f64);
        let reach = 3.0 * error.hypot(own);
        let (low, high) = (usual.mean - reach, usual.mean + reach);
        let (mut rules, mut summed) = (Vec::new(), Vec::new());
        if let Some(value) = value {
            if value < low || value > high {
                rules.push(BEYOND);
            }
            let off = (value - usual.mean) / error;
            // What the baseline may be off is no drift.
            let allowance = ALLOWANCE + 2.0 * own / error;
            up = (up + off - allowance).max(0.0);
            down = (down - off - allowance).max(0.0);
            if up.max(down) > DECISION {
                summed.push(SUM);
            }
        }
        let sum = if up >= down { up } else { -down };
        shown.push(Point { sample: sample.to_string(), slices, value, low, high, rules });
        sums.push(Point {
            sample: sample.to_string(),
            slices,
            value: value.map(|_| sum),
            low: -DECISION,
            high: DECISION,
            rules: summed,
        });
    }
    vec![
        Chart { name: named.mean.to_string(), of: named.of.to_string(), centre: usual.mean, points: shown },
        Chart {
            name: named.sum.to_string(),
            of: "standard errors off, beyond what is allowed for".to_string(),
            centre: 0.0,
            points: sums,
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{RngCore, SeedableRng};
    use statrs::distribution::Normal;

    fn uniform(random: &mut ChaCha8Rng) -> f64 {
        ((random.next_u64() >> 11) as f64 + 0.5) / 2f64.powi(53)
    }

    const NAMED: Named = Named { mean: "mean logit", sum: "sum", of: "" };
    const USUAL: Share = Share { count: 6, of: 200, design_effect: 1.0 };

    fn flags(counts: &[usize]) -> Vec<(String, &'static str)> {
        let chart = share("refused", "", &USUAL, counts.iter().map(|count| ("s", *count, 50)));
        chart.flags().map(|flag| (flag.sample, flag.rule)).collect()
    }

    #[test]
    fn a_rule_is_named() {
        assert!(flags(&[0, 1, 2, 1, 3, 2, 0, 1]).is_empty());
        assert_eq!(flags(&[1, 20, 1]), [("s".to_string(), BEYOND)]);
        assert_eq!(flags(&[4; 9]), [("s".to_string(), ROW)]);
        assert!(flags(&[4; 8]).is_empty());
        let none = Share { count: 0, of: 0, design_effect: 1.0 };
        assert!(share("x", "", &none, [("s", 50, 50)].into_iter()).flags().next().is_none(), "nothing is known");
        assert!(share("x", "", &USUAL, [("s", 0, 0)].into_iter()).flags().next().is_none());
    }

    #[test]
    fn a_small_lasting_shift_adds_up() {
        let usual = Mean { mean: -1.0, sd: 2.0, of: 1000, design_effect: 1.0 };
        let run = |mean: f64| {
            let charts = means(&NAMED, &usual, (0..20).map(|_| ("s", 50, 50.0 * mean)));
            charts.iter().flat_map(Chart::flags).map(|flag| flag.rule).collect::<Vec<_>>()
        };
        assert!(run(-1.0).is_empty() && run(-1.05).is_empty());
        assert!(run(-0.3).contains(&SUM) && !run(-0.3).contains(&BEYOND));
        assert!(run(3.0).contains(&BEYOND) && run(-5.0).contains(&SUM));
        assert!(means(&NAMED, &Mean { sd: 0.0, ..usual }, [("s", 1, 1.0)].into_iter()).is_empty());
    }

    #[test]
    fn what_is_as_usual_raises_few_flags() {
        // 400 baselines of 100 slices, each with 20 samples of 50 of the same kind.
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let normal = Normal::standard();
        let (mut by_share, mut by_mean) = (0, 0);
        for _ in 0..400 {
            let mut count = |of: usize| (0..of).filter(|_| uniform(&mut random) < 0.06).count();
            let usual = Share { count: count(100), of: 100, design_effect: 1.0 };
            let counts: Vec<usize> = (0..20).map(|_| count(50)).collect();
            let chart = share("x", "", &usual, counts.into_iter().map(|count| ("s", count, 50)));
            by_share += usize::from(chart.flags().next().is_some());

            let mut draw =
                |of: usize| -> Vec<f64> { (0..of).map(|_| normal.inverse_cdf(uniform(&mut random))).collect() };
            let first: Vec<(usize, f64)> = draw(100).into_iter().enumerate().collect();
            let usual = Mean::of(&first);
            let samples: Vec<Vec<f64>> = (0..20).map(|_| draw(50)).collect();
            let charts = means(
                &NAMED,
                &usual,
                samples.into_iter().map(|logits| ("s", logits.len(), logits.iter().sum::<f64>())),
            );
            by_mean += usize::from(charts.iter().flat_map(Chart::flags).next().is_some());
        }
        println!("of 400 runs of 20 samples, {by_share} flagged by shares and {by_mean} by means");
        assert!(by_share <= 40 && by_mean <= 40, "{by_share} {by_mean}");
    }
}
