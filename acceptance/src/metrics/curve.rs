//! Curves over all thresholds, with bands, and the counts behind a reliability plot.

#[cfg(not(target_arch = "wasm32"))]
use rayon::prelude::*;

#[cfg(target_arch = "wasm32")]
use crate::serial::IntoParallelIterator;
use serde::Serialize;

use super::{BINS, Case, DRAWS, bootstrap};

/// A curve on an even grid over 0..1.
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    pub across: Vec<f64>,
    pub value: Vec<f64>,
    /// Of a ROC curve of at most `MOST_POINTS` points: each of them.
    pub points: Option<Vec<[f64; 2]>>,
    /// The lower and the upper end of each point's 95 % interval (percentile bootstrap over groups); `None` of one group.
    pub ends: Option<[Vec<f64>; 2]>,
}

/// Accepted slices whose score lies in one of [`BINS`] bins.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Bin {
    pub positives: usize,
    pub negatives: usize,
    /// Of the scores.
    pub sum: f64,
}

/// Decisions at a threshold; a slice without an answer counts as decided wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Confusion {
    pub true_positives: usize,
    pub false_positives: usize,
    pub true_negatives: usize,
    pub false_negatives: usize,
}

/// A curve of more points is as fine on the grid as it can be drawn.
const MOST_POINTS: usize = 1000;
/// Steps of a band's grid.
const STEPS: usize = 50;

impl Confusion {
    /// The decisions on `cases` at `threshold`.
    pub fn at(cases: &[Case], threshold: f64) -> Confusion {
        let mut confusion = Confusion::default();
        for case in cases {
            *match (case.positive, case.called_positive(threshold)) {
                (true, true) => &mut confusion.true_positives,
                (false, true) => &mut confusion.false_positives,
                (false, false) => &mut confusion.true_negatives,
                (true, false) => &mut confusion.false_negatives,
            } += 1;
        }
        confusion
    }

    /// Where they lie on a ROC curve: 1 - specificity and sensitivity. `None` where a class is missing.
    pub fn on_roc(&self) -> Option<[f64; 2]> {
        let share = |(part, whole): (usize, usize)| (whole > 0).then(|| part as f64 / whole as f64);
        Some([1.0 - share(self.specificity())?, share(self.sensitivity())?])
    }

    /// Positives that were called so, and all of them.
    pub fn sensitivity(&self) -> (usize, usize) {
        (self.true_positives, self.true_positives + self.false_negatives)
    }

    /// Negatives that were called so, and all of them.
    pub fn specificity(&self) -> (usize, usize) {
        (self.true_negatives, self.true_negatives + self.false_positives)
    }

    /// The harmonic mean of PPV and sensitivity; `None` where there is nothing positive at all.
    pub fn f1(&self) -> Option<f64> {
        let hits = 2 * self.true_positives;
        let whole = hits + self.false_positives + self.false_negatives;
        (whole > 0).then(|| hits as f64 / whole as f64)
    }
}

/// The accepted slices by score.
pub fn bins(cases: &[Case]) -> [Bin; BINS] {
    let mut bins = [Bin::default(); BINS];
    for case in cases {
        let Some(answer) = case.answer else { continue };
        let bin = &mut bins[((answer.score * BINS as f64) as usize).min(BINS - 1)];
        bin.sum += answer.score;
        *if case.positive { &mut bin.positives } else { &mut bin.negatives } += 1;
    }
    bins
}

/// The ROC curve (`precision` false: sensitivity over 1 - specificity) or the precision-recall curve (precision over
/// sensitivity). `None` without slices of both classes.
pub fn band(cases: &[Case], precision: bool) -> Option<Band> {
    let mut order: Vec<usize> = (0..cases.len()).collect();
    order.sort_by(|&a, &b| cases[b].rank().total_cmp(&cases[a].rank()));
    let across: Vec<f64> = (0..=STEPS).map(|step| step as f64 / STEPS as f64).collect();
    let points_of_all = points(cases, &order, &vec![1.0; cases.len()], precision)?;
    let value = on_grid(&points_of_all, &across, precision);
    let shown = (!precision && points_of_all.len() <= MOST_POINTS).then_some(points_of_all);
    let groups = bootstrap::groups(cases);
    if groups < 2 {
        return Some(Band { across, value, points: shown, ends: None });
    }
    let draws: Vec<Vec<f64>> = (0..DRAWS)
        .into_par_iter()
        .filter_map(|draw| points(cases, &order, &bootstrap::weights(cases, groups, draw), precision))
        .map(|points| on_grid(&points, &across, precision))
        .collect();
    let quantile = |share: f64| -> Vec<f64> {
        (0..across.len())
            .map(|at| {
                let mut values: Vec<f64> = draws.iter().map(|draw| draw[at]).collect();
                values.sort_by(f64::total_cmp);
                values
                    .get((share * (values.len().saturating_sub(1)) as f64).round() as usize)
                    .copied()
                    .unwrap_or(value[at])
            })
            .collect()
    };
    let ends = Some([quantile(0.025), quantile(0.975)]);
    Some(Band { across, value, points: shown, ends })
}

/// The curve's points, from the strictest threshold to the mildest.
fn points(cases: &[Case], order: &[usize], weights: &[f64], precision: bool) -> Option<Vec<[f64; 2]>> {
    let total = |positive: bool| -> f64 {
        cases.iter().zip(weights).filter(|(case, _)| case.positive == positive).map(|(_, weight)| weight).sum()
    };
    let (positives, negatives) = (total(true), total(false));
    if positives * negatives <= 0.0 {
        return None;
    }
    let mut points = vec![if precision { [0.0, 1.0] } else { [0.0, 0.0] }];
    let (mut hits, mut alarms) = (0.0, 0.0);
    for (at, &case) in order.iter().enumerate() {
        *if cases[case].positive { &mut hits } else { &mut alarms } += weights[case];
        let tied = order.get(at + 1).is_some_and(|&next| cases[next].rank() == cases[case].rank());
        if tied || hits + alarms == 0.0 {
            continue;
        }
        points.push(if precision {
            [hits / positives, hits / (hits + alarms)]
        } else {
            [alarms / negatives, hits / positives]
        });
    }
    Some(points)
}

/// The curve at each of `across`: interpolated for a ROC curve; for precision, which is no line between two thresholds
/// (Davis and Goadrich 2006), the best that is reached at that sensitivity or more.
fn on_grid(points: &[[f64; 2]], across: &[f64], precision: bool) -> Vec<f64> {
    across
        .iter()
        .map(|&x| {
            if precision {
                return points.iter().filter(|point| point[0] >= x).map(|point| point[1]).fold(0.0, f64::max);
            }
            // The last point at or before x, and the next.
            let next = points.partition_point(|point| point[0] <= x);
            let before = points[next.saturating_sub(1)];
            match points.get(next) {
                Some(after) => before[1] + (after[1] - before[1]) * (x - before[0]) / (after[0] - before[0]),
                None => before[1],
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::tests::cases;

    #[test]
    fn a_perfect_ranking_has_perfect_curves() {
        let cases = cases(&[(0, Some(0.1)), (0, Some(0.2)), (1, Some(0.8)), (1, Some(0.9))]);
        assert!(band(&cases, false).unwrap().value.iter().all(|value| *value == 1.0));
        assert!(band(&cases, true).unwrap().value.iter().all(|value| *value == 1.0));
    }

    #[test]
    fn ties_are_one_step() {
        let cases = cases(&[(0, Some(0.5)), (1, Some(0.5))]);
        let roc = band(&cases, false).unwrap();
        assert_eq!(roc.value, roc.across);
        assert_eq!(roc.points, Some(vec![[0.0, 0.0], [1.0, 1.0]]));
    }

    #[test]
    fn agrees_with_scikit_learn() {
        // The example of precision_recall_curve's documentation: recalls 1, 0.5, 0.5, 0 with precisions 2/3, 1/2, 1, 1.
        let cases = cases(&[(0, Some(0.1)), (0, Some(0.4)), (1, Some(0.35)), (1, Some(0.8))]);
        let curve = band(&cases, true).unwrap();
        let at = |x: f64| curve.value[(x * STEPS as f64) as usize];
        assert_eq!((at(0.0), at(0.5)), (1.0, 1.0));
        assert!((at(1.0) - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn a_slice_without_an_answer_is_decided_wrong() {
        let cases = cases(&[(1, None), (0, None), (1, Some(0.9)), (0, Some(0.1))]);
        let expected = Confusion { true_positives: 1, false_positives: 1, true_negatives: 1, false_negatives: 1 };
        assert_eq!(Confusion::at(&cases, 0.5), expected);
        assert_eq!(bins(&cases)[9], Bin { positives: 1, negatives: 0, sum: 0.9 });
        assert!(band(&cases[..1], false).is_none());
    }
}
