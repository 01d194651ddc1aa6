//! The variance of the AUC by DeLong et al. 1988, in the fast form of Sun and Xu 2014, for one network and for two on the same slices.
//!
//! It takes slices for independent of each other; where they come in groups, the bootstrap's interval is the one to trust.

use statrs::distribution::{ContinuousCDF, Normal};

use super::Case;

/// An AUC with its standard error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Auc {
    pub value: f64,
    pub error: f64,
}

/// Two networks on the same slices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paired {
    pub a: Auc,
    pub b: Auc,
    /// Of `a - b`.
    pub error: f64,
    /// Two-sided, of the hypothesis that both are the same; 1 where they never differ.
    pub p: f64,
}

/// For each positive the share of negatives below it, and for each negative the share of positives above; ties count half.
struct Placements {
    positives: Vec<f64>,
    negatives: Vec<f64>,
}

impl Auc {
    /// The AUC of `cases`, with lost slices on the wrong side; `None` without two slices of each class.
    pub fn of(cases: &[Case]) -> Option<Auc> {
        Placements::of(cases).map(|placements| placements.auc())
    }

    /// The 95 % interval by the normal distribution, within 0..=1.
    pub fn interval(&self) -> [f64; 2] {
        let reach = quantile() * self.error;
        [(self.value - reach).max(0.0), (self.value + reach).min(1.0)]
    }
}

impl Paired {
    /// `a` and `b` are the same slices in the same order; `None` without two slices of each class.
    pub fn of(a: &[Case], b: &[Case]) -> Option<Paired> {
        let same = a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.positive == b.positive);
        if !same {
            return None;
        }
        let (a, b) = (Placements::of(a)?, Placements::of(b)?);
        let covariance = covariance(&a.positives, &b.positives) / a.positives.len() as f64
            + covariance(&a.negatives, &b.negatives) / a.negatives.len() as f64;
        let (a, b) = (a.auc(), b.auc());
        let error = (a.error.powi(2) + b.error.powi(2) - 2.0 * covariance).max(0.0).sqrt();
        let z = (a.value - b.value).abs() / error;
        let p = if z.is_finite() { 2.0 * Normal::standard().sf(z) } else { f64::from(u8::from(a.value == b.value)) };
        Some(Paired { a, b, error, p })
    }

    /// The 95 % interval of `a - b`.
    pub fn interval(&self) -> [f64; 2] {
        let (difference, reach) = (self.a.value - self.b.value, quantile() * self.error);
        [difference - reach, difference + reach]
    }
}

impl Placements {
    fn of(cases: &[Case]) -> Option<Placements> {
        let ranks = |positive: Option<bool>| -> Vec<f64> {
            cases.iter().filter(|case| positive.is_none_or(|class| case.positive == class)).map(Case::rank).collect()
        };
        let (all, positives, negatives) = (ranks(None), ranks(Some(true)), ranks(Some(false)));
        let (m, n) = (positives.len(), negatives.len());
        if m < 2 || n < 2 {
            return None;
        }
        let (all, own_positives, own_negatives) = (midranks(&all), midranks(&positives), midranks(&negatives));
        let of =
            |class: bool| cases.iter().zip(&all).filter(move |(case, _)| case.positive == class).map(|(_, rank)| rank);
        // A slice's rank among all, less its rank in its own class, is how many of the other class lie below it.
        let positives = of(true).zip(&own_positives).map(|(all, own)| (all - own) / n as f64).collect();
        let negatives = of(false).zip(&own_negatives).map(|(all, own)| 1.0 - (all - own) / m as f64).collect();
        Some(Placements { positives, negatives })
    }

    fn auc(&self) -> Auc {
        let (m, n) = (self.positives.len() as f64, self.negatives.len() as f64);
        let variance =
            covariance(&self.positives, &self.positives) / m + covariance(&self.negatives, &self.negatives) / n;
        Auc { value: self.positives.iter().sum::<f64>() / m, error: variance.sqrt() }
    }
}

fn quantile() -> f64 {
    Normal::standard().inverse_cdf(0.975)
}

/// Of samples, by their number less one.
fn covariance(a: &[f64], b: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).sum::<f64>() / (a.len() as f64 - 1.0)
}

/// Ranks from 1; what is equal shares the mean of its ranks.
fn midranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut at = 0;
    while at < order.len() {
        let tied = order[at..].iter().take_while(|&&other| values[other] == values[order[at]]).count();
        let rank = at as f64 + (tied as f64 + 1.0) / 2.0;
        for &index in &order[at..at + tied] {
            ranks[index] = rank;
        }
        at += tied;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Answer;

    /// Albumin, total protein, K-G score and outcome of the patients of DeLong et al. 1988 without missing values, as SAS prints them in
    /// "Comparing Receiver Operating Characteristic Curves" (SAS/STAT User's Guide, The LOGISTIC Procedure).
    const PATIENTS: [(f64, f64, f64, bool); 43] = [
        (3.0, 5.8, 10.0, false),
        (3.2, 6.3, 5.0, true),
        (3.9, 6.8, 3.0, true),
        (2.8, 4.8, 6.0, false),
        (3.2, 5.8, 3.0, true),
        (0.9, 4.0, 5.0, false),
        (2.5, 5.7, 8.0, false),
        (1.6, 5.6, 5.0, true),
        (3.8, 5.7, 5.0, true),
        (3.7, 6.7, 6.0, true),
        (3.2, 5.4, 4.0, true),
        (3.8, 6.6, 6.0, true),
        (4.1, 6.6, 5.0, true),
        (3.6, 5.7, 5.0, true),
        (4.3, 7.0, 4.0, true),
        (3.6, 6.7, 4.0, false),
        (2.3, 4.4, 6.0, true),
        (4.2, 7.6, 4.0, false),
        (4.0, 6.6, 6.0, false),
        (3.5, 5.8, 6.0, true),
        (3.8, 6.8, 7.0, true),
        (3.0, 4.7, 8.0, false),
        (4.5, 7.4, 5.0, true),
        (3.7, 7.4, 5.0, true),
        (3.1, 6.6, 6.0, true),
        (4.1, 8.2, 6.0, true),
        (4.3, 7.0, 5.0, true),
        (4.3, 6.5, 4.0, true),
        (3.2, 5.1, 5.0, true),
        (2.6, 4.7, 6.0, true),
        (3.3, 6.8, 6.0, false),
        (1.7, 4.0, 7.0, false),
        (3.7, 6.1, 5.0, true),
        (3.3, 6.3, 7.0, true),
        (4.2, 7.7, 6.0, true),
        (3.5, 6.2, 5.0, true),
        (2.9, 5.7, 9.0, false),
        (2.1, 4.8, 7.0, true),
        (2.8, 6.2, 8.0, false),
        (4.0, 7.0, 7.0, true),
        (3.3, 5.7, 6.0, true),
        (3.7, 6.9, 5.0, true),
        (3.6, 6.6, 5.0, true),
    ];

    fn cases(value: impl Fn(&(f64, f64, f64, bool)) -> f64) -> Vec<Case> {
        PATIENTS
            .iter()
            .enumerate()
            .map(|(group, patient)| {
                let answer = Some(Answer { logit: value(patient), score: 0.5 });
                Case { positive: patient.3, group, answer }
            })
            .collect()
    }

    /// To the four digits that are printed.
    fn printed(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 0.5001e-4, "{found} is not {expected}");
    }

    #[test]
    fn areas_are_those_that_sas_prints() {
        for (cases, area, error, [lo, hi]) in [
            (cases(|patient| patient.0), 0.7366, 0.0927, [0.5549, 0.9182]),
            (cases(|patient| patient.1), 0.6478, 0.1000, [0.4518, 0.8439]),
            (cases(|patient| 10.0 - patient.2), 0.7258, 0.1028, [0.5243, 0.9273]),
        ] {
            let auc = Auc::of(&cases).unwrap();
            printed(auc.value, area);
            printed(auc.error, error);
            printed(auc.interval()[0], lo);
            printed(auc.interval()[1], hi);
        }
    }

    #[test]
    fn differences_are_those_that_sas_prints() {
        let score = cases(|patient| 10.0 - patient.2);
        let albumin = Paired::of(&cases(|patient| patient.0), &score).unwrap();
        printed(albumin.a.value - albumin.b.value, 0.0108);
        printed(albumin.error, 0.0953);
        printed(albumin.interval()[0], -0.1761);
        printed(albumin.interval()[1], 0.1976);
        printed(albumin.p, 0.9102);
        let protein = Paired::of(&cases(|patient| patient.1), &score).unwrap();
        printed(protein.a.value - protein.b.value, -0.0780);
        printed(protein.error, 0.1046);
        printed(protein.p, 0.4561);
    }

    #[test]
    fn what_is_the_same_differs_by_nothing() {
        let score = cases(|patient| patient.0);
        let paired = Paired::of(&score, &score).unwrap();
        assert_eq!((paired.error, paired.p), (0.0, 1.0));
        assert_eq!(Paired::of(&score, &score[1..]), None);
    }

    #[test]
    fn lost_slices_stand_on_the_wrong_side_and_one_class_has_no_area() {
        let mut lost = cases(|patient| if patient.3 { 1.0 } else { 0.0 });
        assert_eq!(Auc::of(&lost).unwrap(), Auc { value: 1.0, error: 0.0 });
        lost.iter_mut().for_each(|case| case.answer = None);
        assert_eq!(Auc::of(&lost).unwrap().value, 0.0);
        lost.retain(|case| case.positive);
        assert_eq!(Auc::of(&lost), None);
    }
}
