//! Proportions: how sure a share of decisions is, and what shares mean where the disease is rarer than in the data.

use serde::Serialize;
use statrs::distribution::{Beta, Binomial, ChiSquared, ContinuousCDF, DiscreteCDF};

use super::Confusion;

/// The 95 % interval of a share of `whole`, at least 1, by the binomial distribution (Clopper and Pearson 1934). The share need not be of
/// whole ones: `whole` may count groups of which each tells as much as one slice (Korn and Graubard 1998).
pub fn exact(share: f64, whole: usize) -> [f64; 2] {
    let n = whole as f64;
    let x = share * n;
    let beta = |a: f64, b: f64, at: f64| Beta::new(a, b).map_or(at.round(), |beta| beta.inverse_cdf(at));
    [if x > 0.0 { beta(x, n - x + 1.0, 0.025) } else { 0.0 }, if x < n { beta(x + 1.0, n - x, 0.975) } else { 1.0 }]
}

/// What a verdict means where so many of the examined have the disease.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Predictive {
    pub prevalence: f64,
    pub ppv: Option<f64>,
    pub npv: Option<f64>,
}

impl Predictive {
    /// By Bayes, from sensitivity and specificity.
    pub fn at(prevalence: f64, sensitivity: f64, specificity: f64) -> Predictive {
        let ratio = |part: f64, other: f64| (part + other > 0.0).then(|| part / (part + other));
        Predictive {
            prevalence,
            ppv: ratio(sensitivity * prevalence, (1.0 - specificity) * (1.0 - prevalence)),
            npv: ratio(specificity * (1.0 - prevalence), (1.0 - sensitivity) * prevalence),
        }
    }
}

/// How much better than doing nothing it is to act on scores from `threshold` on, in true positives for each slice (Vickers and
/// Elkin 2006): a false alarm weighs `threshold / (1 - threshold)` of what a hit is worth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct NetBenefit {
    pub threshold: f64,
    /// Of acting on the network's scores.
    pub network: f64,
    /// Of acting on every slice; acting on none is 0.
    pub all: f64,
}

impl NetBenefit {
    /// `confusion` holds the decisions at `threshold`, which is below 1.
    pub fn at(threshold: f64, confusion: &Confusion) -> NetBenefit {
        let Confusion { true_positives, false_positives, true_negatives, false_negatives } = *confusion;
        let positives = (true_positives + false_negatives) as f64;
        let negatives = (true_negatives + false_positives) as f64;
        let odds = threshold / (1.0 - threshold);
        let benefit = |hits: f64, alarms: f64| (hits - alarms * odds) / (positives + negatives);
        NetBenefit {
            threshold,
            network: benefit(true_positives as f64, false_positives as f64),
            all: benefit(positives, negatives),
        }
    }
}

/// Whether two networks are right equally often (McNemar 1947), by the slices on which just one of them is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct McNemar {
    pub only_a: usize,
    pub only_b: usize,
    /// By the binomial distribution, two-sided.
    pub exact: f64,
    /// By the chi-square distribution with Edwards's correction for continuity.
    pub corrected: f64,
}

impl McNemar {
    pub fn of(only_a: usize, only_b: usize) -> McNemar {
        let (n, fewer) = ((only_a + only_b) as u64, only_a.min(only_b) as u64);
        let exact = Binomial::new(0.5, n).map_or(1.0, |halves| (2.0 * halves.cdf(fewer)).min(1.0));
        let gap = (only_a.abs_diff(only_b) as f64 - 1.0).max(0.0);
        let corrected = match n {
            0 => 1.0,
            _ => ChiSquared::new(1.0).map_or(1.0, |chi| chi.sf(gap * gap / n as f64)),
        };
        McNemar { only_a, only_b, exact, corrected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64, within: f64) {
        assert!((found - expected).abs() <= within, "{found} is not {expected}");
    }

    #[test]
    fn exact_intervals_are_those_of_scipy() {
        // scipy.stats.binomtest(part, whole).proportion_ci(method="exact"); the last, which is of no whole number,
        // scipy.stats.beta.ppf(0.025, 3.75, 2.25) and beta.ppf(0.975, 4.75, 1.25).
        for (share, whole, [lo, hi]) in [
            (0.0, 4, [0.0, 0.602_364_635_616_485_8]),
            (1.0, 4, [0.397_635_364_383_514_2, 1.0]),
            (1.0, 1, [0.025_000_000_000_000_022, 1.0]),
            (0.0, 1, [0.0, 0.975]),
            (81.0 / 263.0, 263, [0.252_736_745_585_042_67, 0.367_621_922_601_347_46]),
            (15.0 / 148.0, 148, [0.057_844_010_083_448_01, 0.161_650_490_349_478_95]),
            (0.0, 20, [0.0, 0.168_433_470_983_085_48]),
            (1.0 / 29.0, 29, [0.000_872_646_883_597_107_2, 0.177_644_295_488_414_65]),
            (0.75, 5, [0.244_979_855_118_481_86, 0.987_895_113_409_203_6]),
        ] {
            let found = exact(share, whole);
            near(found[0], lo, 1e-6);
            near(found[1], hi, 1e-6);
        }
    }

    #[test]
    fn mcnemar_is_that_of_scipy() {
        // scipy.stats.binomtest(5, 20).pvalue, chi2.sf(81 / 20, 1), binomtest(0, 3).pvalue
        let found = McNemar::of(5, 15);
        near(found.exact, 0.041_389_465_332, 1e-9);
        near(found.corrected, 0.044_171_344_908, 1e-9);
        near(McNemar::of(3, 0).exact, 0.25, 1e-12);
        assert_eq!((McNemar::of(0, 0).exact, McNemar::of(0, 0).corrected), (1.0, 1.0));
        assert_eq!(McNemar::of(4, 4).exact, 1.0);
    }

    #[test]
    fn a_rare_disease_makes_false_alarms_of_most_hits() {
        // Of 10,000: 90 hits of 100, 990 false alarms of 9,900.
        let found = Predictive::at(0.01, 0.9, 0.9);
        near(found.ppv.unwrap(), 90.0 / 1080.0, 1e-12);
        near(found.npv.unwrap(), 8910.0 / 8920.0, 1e-12);
        assert_eq!(Predictive::at(0.5, 0.0, 1.0).ppv, None);
    }

    #[test]
    fn net_benefit_weighs_false_alarms_by_the_odds() {
        let confusion = Confusion { true_positives: 8, false_positives: 10, true_negatives: 20, false_negatives: 2 };
        let found = NetBenefit::at(0.2, &confusion);
        near(found.network, 8.0 / 40.0 - 10.0 / 40.0 * 0.25, 1e-12);
        near(found.all, 10.0 / 40.0 - 30.0 / 40.0 * 0.25, 1e-12);
    }
}
