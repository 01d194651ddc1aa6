//! How good a network is: measures over labelled slices, with intervals.
//!
//! Every slice counts. One that was refused or could not be read is a wrong decision.

mod bootstrap;
mod calibration;
mod curve;
mod delong;
mod ece;
mod estimate;
mod logistic;
mod proportion;
mod wanted;

use serde::Serialize;

pub use bootstrap::{DRAWS, Interval, ONE_GROUP, SEED, differences, distinct, intervals, mean_auc, numbered, share};
pub use calibration::{Value, calibration};
pub use curve::{Band, Bin, Confusion, band, bins};
pub use delong::{Auc, Paired};
pub use ece::if_calibrated;
pub use estimate::{Estimate, estimates};
pub use logistic::{Weighted, balanced_cut, sigmoid, sigmoid_temperature, softmax_temperature, weighted_quantile};
pub use proportion::{McNemar, NetBenefit, Predictive, exact};
pub use wanted::at_specificity;

/// One labelled slice and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Of label 1.
    pub positive: bool,
    /// Slices of one group (a patient, a paper) stay together in the bootstrap.
    pub group: usize,
    /// `None` when it was refused or could not be read.
    pub answer: Option<Answer>,
}

/// The network's answer to a slice that the gate accepted, in finite numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// Ranks the slices in the AUC.
    pub logit: f64,
    /// Calibrated, 0..1.
    pub score: f64,
}

/// A value for each measure; `None` where it is not defined (no positives, say).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Measures<T> {
    /// Area under the ROC curve: the share of pairs ranked right, ties half (Hanley and McNeil 1982).
    pub auc: T,
    pub f1: T,
    pub accuracy: T,
    pub sensitivity: T,
    pub specificity: T,
    pub ppv: T,
    pub npv: T,
    /// Mean squared error of the score; 1 for a slice without one.
    pub brier: T,
    /// Expected calibration error over ten bins of equal width (Guo et al. 2017), over accepted slices.
    pub ece: T,
}

impl<T> Measures<T> {
    /// Applies `f` to each measure.
    pub fn map<U>(self, mut f: impl FnMut(T) -> U) -> Measures<U> {
        let Measures { auc, f1, accuracy, sensitivity, specificity, ppv, npv, brier, ece } = self;
        Measures {
            auc: f(auc),
            f1: f(f1),
            accuracy: f(accuracy),
            sensitivity: f(sensitivity),
            specificity: f(specificity),
            ppv: f(ppv),
            npv: f(npv),
            brier: f(brier),
            ece: f(ece),
        }
    }

    /// The measures with the names that people read.
    pub fn named(&self) -> [(&'static str, &T); 9] {
        let Measures { auc, f1, accuracy, sensitivity, specificity, ppv, npv, brier, ece } = self;
        [
            ("AUC", auc),
            ("F1", f1),
            ("accuracy", accuracy),
            ("sensitivity", sensitivity),
            ("specificity", specificity),
            ("PPV", ppv),
            ("NPV", npv),
            ("Brier", brier),
            ("ECE", ece),
        ]
    }

    /// Pairs each measure with that of `other`.
    pub fn zip<U>(self, other: Measures<U>) -> Measures<(T, U)> {
        let Measures { auc, f1, accuracy, sensitivity, specificity, ppv, npv, brier, ece } = other;
        Measures {
            auc: (self.auc, auc),
            f1: (self.f1, f1),
            accuracy: (self.accuracy, accuracy),
            sensitivity: (self.sensitivity, sensitivity),
            specificity: (self.specificity, specificity),
            ppv: (self.ppv, ppv),
            npv: (self.npv, npv),
            brier: (self.brier, brier),
            ece: (self.ece, ece),
        }
    }
}

/// Bins of equal width over the score, for the calibration error and its plot.
pub const BINS: usize = 10;

/// Cases in the order of their rank, which every draw of the bootstrap shares.
pub struct Ranked<'a> {
    cases: &'a [Case],
    order: Vec<usize>,
    threshold: f64,
}

impl Case {
    /// Where it stands in the AUC: a lost positive below every accepted slice, a lost negative above.
    fn rank(&self) -> f64 {
        match self.answer {
            Some(answer) => answer.logit,
            None if self.positive => f64::NEG_INFINITY,
            None => f64::INFINITY,
        }
    }

    /// Whether it counts as called positive; one without an answer is called wrong.
    pub fn called_positive(&self, threshold: f64) -> bool {
        self.answer.map_or(!self.positive, |answer| answer.score >= threshold)
    }
}

impl<'a> Ranked<'a> {
    /// Scores at or above `threshold` count as positive.
    pub fn new(cases: &'a [Case], threshold: f64) -> Ranked<'a> {
        let mut order: Vec<usize> = (0..cases.len()).collect();
        let key = |case: &Case| (case.positive, case.group);
        order.sort_by(|&a, &b| {
            let (a, b) = (&cases[a], &cases[b]);
            a.rank().total_cmp(&b.rank()).then_with(|| key(a).cmp(&key(b)))
        });
        Ranked { cases, order, threshold }
    }

    /// The measures when case `i` counts `weights[i]` times.
    pub fn measure(&self, weights: &[f64]) -> Measures<Option<f64>> {
        let ratio = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
        let (mut tp, mut fp, mut tn, mut fn_) = (0.0, 0.0, 0.0, 0.0);
        let mut squares = 0.0;
        // In the order of rank, so that the last digit of a sum does not tell in which order the slices came.
        for &at in &self.order {
            let (case, weight) = (&self.cases[at], weights[at]);
            match (case.positive, case.called_positive(self.threshold)) {
                (true, true) => tp += weight,
                (false, true) => fp += weight,
                (false, false) => tn += weight,
                (true, false) => fn_ += weight,
            }
            let label = f64::from(u8::from(case.positive));
            squares += weight * case.answer.map_or(1.0, |answer| (answer.score - label).powi(2));
        }
        let all = tp + fp + tn + fn_;
        Measures {
            auc: self.auc(weights),
            f1: ratio(2.0 * tp, 2.0 * tp + fp + fn_),
            accuracy: ratio(tp + tn, all),
            sensitivity: ratio(tp, tp + fn_),
            specificity: ratio(tn, tn + fp),
            ppv: ratio(tp, tp + fp),
            npv: ratio(tn, tn + fn_),
            brier: ratio(squares, all),
            ece: self.ece(weights),
        }
    }

    /// The expected calibration error when case `i` counts `weights[i]` times.
    pub fn ece(&self, weights: &[f64]) -> Option<f64> {
        let accepted: f64 =
            self.cases.iter().zip(weights).filter(|(case, _)| case.answer.is_some()).map(|(_, weight)| weight).sum();
        (accepted > 0.0).then(|| self.gaps(weights) / accepted)
    }

    /// How far the scores of each bin are from its labels, summed over the bins, when case `i` counts `weights[i]` times.
    fn gaps(&self, weights: &[f64]) -> f64 {
        // Per bin: sum of scores, weight of positives.
        let mut bins = [(0.0, 0.0); BINS];
        for &at in &self.order {
            let (case, weight) = (&self.cases[at], weights[at]);
            let Some(answer) = case.answer else { continue };
            let bin = &mut bins[((answer.score * BINS as f64) as usize).min(BINS - 1)];
            *bin = (bin.0 + weight * answer.score, bin.1 + weight * f64::from(u8::from(case.positive)));
        }
        bins.iter().map(|(scores, positives)| (scores - positives).abs()).sum()
    }

    /// The area under the ROC curve when case `i` counts `weights[i]` times.
    pub fn auc(&self, weights: &[f64]) -> Option<f64> {
        let (mut pairs, mut negatives, mut positives) = (0.0, 0.0, 0.0);
        let mut at = 0;
        while at < self.order.len() {
            let rank = self.cases[self.order[at]].rank();
            let (mut tied_negatives, mut tied_positives) = (0.0, 0.0);
            while at < self.order.len() && self.cases[self.order[at]].rank() == rank {
                let case = self.order[at];
                let tied = if self.cases[case].positive { &mut tied_positives } else { &mut tied_negatives };
                *tied += weights[case];
                at += 1;
            }
            pairs += tied_positives * (negatives + tied_negatives / 2.0);
            negatives += tied_negatives;
            positives += tied_positives;
        }
        (positives * negatives > 0.0).then(|| pairs / (positives * negatives))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cases from labels and scores, each a group of its own.
    pub fn cases(slices: &[(u8, Option<f64>)]) -> Vec<Case> {
        slices
            .iter()
            .enumerate()
            .map(|(group, (label, score))| Case {
                positive: *label == 1,
                group,
                answer: score.map(|score| Answer { logit: (score / (1.0 - score)).ln(), score }),
            })
            .collect()
    }

    fn measure(slices: &[(u8, Option<f64>)]) -> Measures<Option<f64>> {
        let cases = cases(slices);
        Ranked::new(&cases, 0.5).measure(&vec![1.0; cases.len()])
    }

    #[test]
    fn the_order_of_the_slices_does_not_matter() {
        let mut slices: Vec<_> = (0..97).map(|i| (i % 2, Some((f64::from(i) * 0.617).fract() * 0.98 + 0.01))).collect();
        let whole = measure(&slices);
        for _ in 0..5 {
            slices.rotate_left(13);
            assert_eq!(measure(&slices), whole);
        }
    }

    fn close(value: Option<f64>, expected: f64) {
        assert!((value.unwrap() - expected).abs() < 1e-12, "{value:?} is not {expected}");
    }

    #[test]
    fn agrees_with_scikit_learn() {
        // The example of roc_auc_score's documentation, 0.75 there.
        let measures = measure(&[(0, Some(0.1)), (0, Some(0.4)), (1, Some(0.35)), (1, Some(0.8))]);
        close(measures.auc, 0.75);
        close(measures.accuracy, 0.75);
        close(measures.f1, 2.0 / 3.0);
        close(measures.sensitivity, 0.5);
        close(measures.specificity, 1.0);
        // The example of brier_score_loss, 0.0375 there.
        close(measure(&[(0, Some(0.1)), (1, Some(0.9)), (1, Some(0.8)), (0, Some(0.3))]).brier, 0.0375);
    }

    #[test]
    fn ties_count_half() {
        close(measure(&[(0, Some(0.5)), (1, Some(0.5))]).auc, 0.5);
        close(measure(&[(0, Some(0.2)), (0, Some(0.5)), (1, Some(0.5)), (1, Some(0.9))]).auc, 3.5 / 4.0);
    }

    #[test]
    fn a_slice_without_an_answer_is_a_wrong_decision() {
        let measures = measure(&[(1, None), (0, None), (1, Some(0.9)), (0, Some(0.1))]);
        // Ranks: lost positive, 0.1, 0.9, lost negative: of four pairs one is right.
        close(measures.auc, 0.25);
        close(measures.accuracy, 0.5);
        close(measures.sensitivity, 0.5);
        close(measures.specificity, 0.5);
        close(measures.brier, (1.0 + 1.0 + 0.01 + 0.01) / 4.0);
        close(measures.ece, 0.1);
    }

    #[test]
    fn what_is_not_defined_has_no_value() {
        let measures = measure(&[(1, Some(0.9)), (1, Some(0.2))]);
        assert_eq!((measures.auc, measures.specificity), (None, None));
        close(measures.sensitivity, 0.5);
    }
}
