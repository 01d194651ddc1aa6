//! Percentile intervals by the bootstrap over groups (Efron and Tibshirani 1993; Field and Welsh 2007 for clusters).

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rayon::prelude::*;

use super::{Case, Measures, Ranked};

/// How many samples of groups are drawn.
pub const DRAWS: u64 = 2000;
/// Each draw's generator starts from this and the draw's number.
pub const SEED: u64 = 20_260_101;

/// The 95 % interval of each measure, `None` where more than one draw in twenty leaves it undefined.
///
/// Groups are drawn with replacement, as many as there are; a draw that leaves a measure undefined does not count for it.
pub fn intervals(cases: &[Case], threshold: f64) -> Measures<Option<[f64; 2]>> {
    let ranked = Ranked::new(cases, threshold);
    let groups = groups(cases);
    let draws: Vec<Measures<Option<f64>>> =
        (0..DRAWS).into_par_iter().map(|draw| ranked.measure(&weights(cases, groups, draw))).collect();
    let empty = Measures {
        auc: (),
        f1: (),
        accuracy: (),
        sensitivity: (),
        specificity: (),
        ppv: (),
        npv: (),
        brier: (),
        ece: (),
    };
    let collected = draws.into_iter().fold(empty.map(|()| Vec::new()), |collected, draw| {
        collected.zip(draw).map(|(mut values, value)| {
            values.extend(value);
            values
        })
    });
    collected.map(interval)
}

/// The 95 % interval of the AUC of `a` less that of `b`, which are the same slices in the same order; groups are drawn as for [`intervals`].
pub fn auc_difference(a: &[Case], b: &[Case]) -> Option<[f64; 2]> {
    let groups = groups(a);
    // The threshold plays no part in the AUC.
    let (ranked_a, ranked_b) = (Ranked::new(a, 0.5), Ranked::new(b, 0.5));
    let differences = (0..DRAWS).into_par_iter().filter_map(|draw| {
        let weights = weights(a, groups, draw);
        Some(ranked_a.auc(&weights)? - ranked_b.auc(&weights)?)
    });
    interval(differences.collect())
}

/// One more than the highest group.
pub(super) fn groups(cases: &[Case]) -> usize {
    cases.iter().map(|case| case.group + 1).max().unwrap_or(0)
}

/// How often each case counts in a draw.
pub(super) fn weights(cases: &[Case], groups: usize, draw: u64) -> Vec<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(SEED ^ (draw << 32));
    let mut times = vec![0.0; groups];
    for _ in 0..groups {
        // A 64-bit product keeps the bias below 2^-50 for any number of groups.
        let group = ((u128::from(random.next_u64()) * groups as u128) >> 64) as usize;
        times[group] += 1.0;
    }
    cases.iter().map(|case| times[case.group]).collect()
}

fn interval(mut values: Vec<f64>) -> Option<[f64; 2]> {
    if (values.len() as u64) < DRAWS * 19 / 20 {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let position = share * (values.len() - 1) as f64;
        let below = position.floor() as usize;
        let above = position.ceil() as usize;
        values[below] + (values[above] - values[below]) * (position - below as f64)
    };
    Some([at(0.025), at(0.975)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::tests::cases;

    #[test]
    fn is_the_binomial_interval_where_every_slice_is_a_group() {
        // 80 of 100 right: the normal approximation gives 0.8 +- 0.0784.
        let slices: Vec<_> = (0..100).map(|i| (1, Some(if i < 80 { 0.9 } else { 0.1 }))).collect();
        let [lo, hi] = intervals(&cases(&slices), 0.5).accuracy.unwrap();
        assert!((lo - 0.7216).abs() < 0.02 && (hi - 0.8784).abs() < 0.02, "{lo} to {hi}");
    }

    #[test]
    fn groups_widen_it() {
        let slices: Vec<_> = (0..100).map(|i| (1, Some(if i < 80 { 0.9 } else { 0.1 }))).collect();
        let alone = cases(&slices);
        let grouped: Vec<_> = alone.iter().map(|case| Case { group: case.group / 10, ..case.clone() }).collect();
        let width = |cases: &[Case]| {
            let [lo, hi] = intervals(cases, 0.5).accuracy.unwrap();
            hi - lo
        };
        assert!(width(&grouped) > 2.0 * width(&alone));
    }

    #[test]
    fn is_the_same_each_time() {
        let slices: Vec<_> =
            (0..40).map(|i| (i % 2, Some(f64::from(i) / 41.0 + 0.01))).map(|(l, s)| (l as u8, s)).collect();
        let cases = cases(&slices);
        assert_eq!(intervals(&cases, 0.5), intervals(&cases, 0.5));
    }
}
