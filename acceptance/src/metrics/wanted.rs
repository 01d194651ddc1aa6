//! What is reached where one measure is asked for: the sensitivity at a wanted specificity.

#[cfg(not(target_arch = "wasm32"))]
use rayon::prelude::*;

#[cfg(target_arch = "wasm32")]
use crate::serial::IntoParallelIterator;

use super::bootstrap::{DRAWS, groups, interval, over_groups, weights};
use super::{Case, Interval, ONE_GROUP, Ranked, SEED, distinct};

/// What the lowest threshold gives at which the specificity is as wanted or higher.
#[derive(Debug, Clone, PartialEq)]
pub struct AtSpecificity {
    /// A score; `None` where only a threshold above every score would do.
    pub threshold: Option<f64>,
    /// `None` where no threshold reaches the specificity.
    pub reached: Option<f64>,
    pub sensitivity: Option<f64>,
    /// Over groups; each draw has a threshold of its own, so that what the choice of the threshold adds is counted in.
    pub interval: Interval,
}

/// The sensitivity at the lowest threshold at which at least `wanted` of the negatives are called so. Negatives without an answer are called
/// positive at every threshold, and positives without one at none.
pub fn at_specificity(cases: &[Case], wanted: f64) -> AtSpecificity {
    let ranked = Ranked::new(cases, 0.5);
    let whole = reached(&ranked, &vec![1.0; cases.len()], wanted);
    let (count, positive) = (groups(cases), distinct(cases, |case| case.positive));
    let interval = match whole {
        None => Interval::none("no threshold reaches this specificity"),
        Some(_) if count < 2 => Interval::none(ONE_GROUP),
        Some(Reached { sensitivity, .. }) => {
            let draw = |draw| Some(reached(&ranked, &weights(cases, count, draw), wanted)?.sensitivity);
            match interval((0..DRAWS).into_par_iter().filter_map(draw).collect()) {
                Some([lo, hi]) if lo < hi => Interval {
                    ends: Some([lo, hi]),
                    method: format!(
                        "percentile bootstrap over {count} groups, {DRAWS} draws, seed {SEED}, each with its own threshold"
                    ),
                },
                _ => {
                    let why = format!(
                        "all draws of the bootstrap over {count} groups are alike, or too many of them leave it undefined"
                    );
                    over_groups(Some(sensitivity), positive, &why)
                }
            }
        }
    };
    AtSpecificity {
        threshold: whole.as_ref().and_then(|found| found.threshold),
        reached: whole.as_ref().map(|found| found.specificity),
        sensitivity: whole.map(|found| found.sensitivity),
        interval,
    }
}

struct Reached {
    threshold: Option<f64>,
    specificity: f64,
    sensitivity: f64,
}

/// When case `i` counts `weights[i]` times; `None` where there is no threshold, or a class is missing.
fn reached(ranked: &Ranked, weights: &[f64], wanted: f64) -> Option<Reached> {
    let sum = |class: bool, answered: Option<bool>| -> f64 {
        let is_meant =
            |case: &Case| case.positive == class && answered.is_none_or(|answered| case.answer.is_some() == answered);
        ranked.cases.iter().zip(weights).filter(|(case, _)| is_meant(case)).map(|(_, weight)| weight).sum()
    };
    let (positives, negatives) = (sum(true, None), sum(false, None));
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    let allowed = (1.0 - wanted) * negatives + 1e-9;
    let (mut hits, mut alarms) = (0.0, sum(false, Some(false)));
    if alarms > allowed {
        return None;
    }
    let mut found = Reached { threshold: None, specificity: 1.0 - alarms / negatives, sensitivity: 0.0 };
    // From the highest score down, those that are alike at once.
    let answers = || ranked.order.iter().rev().filter_map(|at| Some((*at, ranked.cases[*at].answer?)));
    let mut left = answers().peekable();
    while let Some((at, answer)) = left.next() {
        *if ranked.cases[at].positive { &mut hits } else { &mut alarms } += weights[at];
        if left.peek().is_some_and(|(_, next)| next.score == answer.score) {
            continue;
        }
        if alarms > allowed {
            break;
        }
        let (specificity, sensitivity) = (1.0 - alarms / negatives, hits / positives);
        // A lower threshold that finds no more only costs specificity.
        if sensitivity > found.sensitivity {
            found = Reached { threshold: Some(answer.score), specificity, sensitivity };
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::tests::cases;

    fn at(slices: &[(u8, Option<f64>)], wanted: f64) -> AtSpecificity {
        at_specificity(&cases(slices), wanted)
    }

    #[test]
    fn is_the_point_of_the_roc_curve() {
        // sklearn.metrics.roc_curve([0, 0, 1, 0, 1, 1, 0, 1], score): at a false-positive rate of 0.25 or less a true-positive rate of
        // 0.75, from 0.5 on.
        let scores = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8];
        let labels = [0, 0, 1, 0, 1, 1, 0, 1];
        let slices: Vec<_> = labels.iter().zip(scores).map(|(label, score)| (*label, Some(score))).collect();
        let found = at(&slices, 0.75);
        assert_eq!((found.threshold, found.reached, found.sensitivity), (Some(0.5), Some(0.75), Some(0.75)));
        let [lo, hi] = found.interval.ends.unwrap();
        assert!(lo <= 0.25 && hi == 1.0, "{lo} to {hi}");
        // Nothing lower is reached before all negatives are.
        let found = at(&slices, 1.0);
        assert_eq!((found.threshold, found.sensitivity), (Some(0.8), Some(0.25)));
        assert_eq!(at(&slices, 0.0).sensitivity, Some(1.0));
    }

    #[test]
    fn refused_slices_are_wrong_at_every_threshold() {
        let slices = [(1, Some(0.9)), (1, None), (0, Some(0.1)), (0, Some(0.2)), (0, Some(0.3)), (0, None)];
        let found = at(&slices, 0.75);
        assert_eq!((found.threshold, found.reached, found.sensitivity), (Some(0.9), Some(0.75), Some(0.5)));
        let found = at(&slices, 0.9);
        assert_eq!((found.threshold, found.reached, found.sensitivity), (None, None, None));
        assert_eq!(found.interval.method, "no interval: no threshold reaches this specificity");
        assert_eq!(at(&slices[..2], 0.9).sensitivity, None);
        // A tie with a negative does not part from it.
        let found = at(&[(0, Some(0.5)), (1, Some(0.5)), (0, Some(0.1))], 0.9);
        assert_eq!((found.threshold, found.reached, found.sensitivity), (None, Some(1.0), Some(0.0)));
    }
}
