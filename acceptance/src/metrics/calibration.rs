//! Whether scores mean what they say: calibration in the large, and the slope and intercept of Cox 1958, with intervals by bootstrap over
//! groups. Slices without an answer play no part.

#[cfg(not(target_arch = "wasm32"))]
use rayon::prelude::*;

#[cfg(target_arch = "wasm32")]
use crate::serial::IntoParallelIterator;

use super::bootstrap::{DRAWS, groups, interval, weights};
use super::{Answer, Case};

/// A value with its 95 % interval, where it has one.
pub type Value = (f64, Option<[f64; 2]>);

/// How the scores of the accepted slices fit their labels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    /// The mean score less the share of positives: 0 where it fits.
    pub in_the_large: Value,
    /// Of the log odds of the label over those of the score: 1 where they fit, below 1 where scores are too extreme. `None` where the
    /// classes are told apart without a mistake.
    pub slope: Option<Value>,
    /// 0 where it fits, with the slope held at 1: above 0 where scores are too low.
    pub intercept: Option<Value>,
}

/// A log odds further out is no finite fit.
const MAX_LOG_ODDS: f64 = 50.0;

/// `None` without an accepted slice. The groups of `cases` are numbered from 0.
pub fn calibration(cases: &[Case]) -> Option<Calibration> {
    let all = of(cases, &vec![1.0; cases.len()])?;
    let count = groups(cases);
    let draws: Vec<Fit> = if count < 2 {
        Vec::new()
    } else {
        (0..DRAWS).into_par_iter().filter_map(|draw| of(cases, &weights(cases, count, draw))).collect()
    };
    let ends = |value: fn(&Fit) -> Option<f64>| interval(draws.iter().filter_map(value).collect());
    Some(Calibration {
        in_the_large: (all.gap, ends(|fit| Some(fit.gap))),
        slope: all.slope.map(|slope| (slope, ends(|fit| fit.slope))),
        intercept: all.intercept.map(|intercept| (intercept, ends(|fit| fit.intercept))),
    })
}

struct Fit {
    gap: f64,
    slope: Option<f64>,
    intercept: Option<f64>,
}

fn of(cases: &[Case], weights: &[f64]) -> Option<Fit> {
    let slices: Vec<(f64, f64, f64, f64)> = cases
        .iter()
        .zip(weights)
        .filter(|(_, weight)| **weight > 0.0)
        .filter_map(|(case, weight)| {
            let Answer { score, .. } = case.answer?;
            let inner = score.clamp(1e-6, 1.0 - 1e-6);
            Some((*weight, f64::from(u8::from(case.positive)), (inner / (1.0 - inner)).ln(), score))
        })
        .collect();
    let all: f64 = slices.iter().map(|(weight, ..)| weight).sum();
    let gap = slices.iter().map(|(weight, label, _, score)| weight * (score - label)).sum::<f64>() / all;
    let slope = fit(&slices, |log_odds| [1.0, log_odds], [0.0, 0.0]).map(|[_, slope]| slope);
    let intercept = fit(&slices, |_| [1.0, 0.0], [0.0, 1.0]).map(|[intercept, _]| intercept);
    (all > 0.0).then_some(Fit { gap, slope, intercept })
}

/// Logistic regression by Newton's method on `free` parts of intercept and slope; a part that is 0 stays as it begins.
pub(super) fn fit(
    slices: &[(f64, f64, f64, f64)],
    free: impl Fn(f64) -> [f64; 2],
    start: [f64; 2],
) -> Option<[f64; 2]> {
    let [mut intercept, mut slope] = start;
    for _ in 0..50 {
        let ([mut g0, mut g1], [mut h00, mut h01, mut h11]) = ([0.0; 2], [0.0; 3]);
        for &(weight, label, log_odds, _) in slices {
            let [a, b] = free(log_odds);
            let p = 1.0 / (1.0 + (-(intercept + slope * log_odds)).exp());
            let (off, spread) = (weight * (label - p), weight * p * (1.0 - p));
            (g0, g1) = (g0 + off * a, g1 + off * b);
            (h00, h01, h11) = (h00 + spread * a * a, h01 + spread * a * b, h11 + spread * b * b);
        }
        let is_one = h11 == 0.0;
        let determinant = if is_one { h00 } else { h00 * h11 - h01 * h01 };
        if determinant.is_nan() || determinant < 1e-12 {
            return None;
        }
        let step = if is_one {
            [g0 / h00, 0.0]
        } else {
            [(h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant]
        };
        (intercept, slope) = (intercept + step[0], slope + step[1]);
        if intercept.abs() > MAX_LOG_ODDS || slope.abs() > MAX_LOG_ODDS {
            return None;
        }
        if step[0].abs() + step[1].abs() < 1e-9 {
            return Some([intercept, slope]);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::tests::cases;

    #[test]
    fn agrees_with_a_logistic_regression() {
        // statsmodels.api.Logit(label, add_constant(log(score / (1 - score)))).fit().params; and the intercept alone with the log odds
        // as offset.
        let slices = [
            (1, Some(0.9)),
            (0, Some(0.6)),
            (1, Some(0.3)),
            (0, Some(0.2)),
            (1, Some(0.7)),
            (0, Some(0.1)),
            (0, Some(0.8)),
            (1, Some(0.6)),
            (1, None),
        ];
        let found = calibration(&cases(&slices)).unwrap();
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
        near(found.in_the_large.0, 4.2 / 8.0 - 0.5);
        near(found.slope.unwrap().0, SLOPE);
        near(found.intercept.unwrap().0, INTERCEPT);
    }

    const SLOPE: f64 = 0.650_568_84;
    const INTERCEPT: f64 = -0.142_242_72;

    #[test]
    fn classes_told_apart_have_no_slope() {
        let found = calibration(&cases(&[(1, Some(0.9)), (1, Some(0.8)), (0, Some(0.2)), (0, Some(0.1))])).unwrap();
        assert_eq!(found.slope, None);
        assert!(calibration(&cases(&[(1, None)])).is_none());
    }
}
