//! Percentile intervals by the bootstrap over groups (Efron and Tibshirani 1993; Field and Welsh 2007 for clusters).

use std::collections::{BTreeSet, HashMap};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
#[cfg(not(target_arch = "wasm32"))]
use rayon::prelude::*;

#[cfg(target_arch = "wasm32")]
use crate::serial::IntoParallelIterator;

use super::{Case, Measures, Ranked, ece, exact};

/// How many samples of groups are drawn.
pub const DRAWS: u64 = 2000;
/// Each draw's generator starts from this and the draw's number.
pub const SEED: u64 = 20_260_101;

/// A 95 % interval, and where it comes from or why there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    pub ends: Option<[f64; 2]>,
    pub method: String,
}

/// The 95 % interval of each measure. The groups of `cases` are numbered from 0, each with a case.
///
/// Groups are drawn with replacement, as many as there are; a draw that leaves a measure undefined does not count for it. Where more than
/// one draw in twenty is such, or all draws are alike, the bootstrap says nothing: a proportion then has the limits of [`exact`] over
/// groups, which suppose the least that slices of a group may tell, and an AUC of 0 or 1 those of pairs of groups, one of each class,
/// which are all ranked alike.
///
/// The ECE has an interval of its own, `ece::interval`.
pub fn intervals(cases: &[Case], threshold: f64) -> Measures<Interval> {
    let ranked = Ranked::new(cases, threshold);
    let values = ranked.measure(&vec![1.0; cases.len()]);
    let groups = groups(cases);
    if groups < 2 {
        let why = if groups == 0 { "there are no slices" } else { ONE_GROUP };
        return values.map(|_| Interval::none(why));
    }
    let has = |class: bool| cases.iter().any(|case| case.positive == class);
    let draws: Vec<Measures<Option<f64>>> =
        (0..DRAWS).into_par_iter().map(|draw| ranked.measure(&weights(cases, groups, draw))).collect();
    let collected = collected(draws, values);
    let others = others(cases, threshold, &values, groups);
    let ece = values.ece.and_then(|value| ece::interval(&ranked, value, &collected.ece, groups));
    let undefined = || Interval::none(&format!("it is not defined on these slices of {groups} groups"));
    let all = collected.zip(values).zip(others).map(|((draws, value), other)| match (value, interval(draws)) {
        (None, _) => undefined(),
        (_, Some([lo, hi])) if lo < hi => Interval::drawn([lo, hi], groups),
        _ => other,
    });
    let all = Measures { ece: ece.unwrap_or(all.ece), ..all };
    if has(true) && has(false) {
        return all;
    }
    // What compares the classes says nothing of one.
    let none = || Interval::none(&format!("all slices, of {groups} groups, are of one class"));
    Measures { auc: none(), f1: none(), ppv: none(), npv: none(), ..all }
}

/// The share of `members`, each with its group, that are hits; the groups are drawn as for [`intervals`].
pub fn share(members: &[(usize, bool)]) -> (Option<f64>, Interval) {
    let cases = members.iter().map(|(group, _)| Case { positive: true, group: *group, answer: None });
    let cases = numbered(cases.collect());
    let share = |weights: &[f64]| {
        let all: f64 = weights.iter().sum();
        let hits: f64 = members.iter().zip(weights).filter(|((_, hit), _)| *hit).map(|(_, weight)| weight).sum();
        (all > 0.0).then(|| hits / all)
    };
    let value = share(&vec![1.0; cases.len()]);
    let groups = groups(&cases);
    if value.is_none() || groups < 2 {
        return (value, Interval::none(if groups == 0 { "it is not defined on these slices" } else { ONE_GROUP }));
    }
    let draws = (0..DRAWS).into_par_iter().filter_map(|draw| share(&weights(&cases, groups, draw)));
    let found = match interval(draws.collect()) {
        Some([lo, hi]) if lo < hi => Interval::drawn([lo, hi], groups),
        _ => over_groups(value, groups, "all draws of the bootstrap are alike"),
    };
    (value, found)
}

/// The cases with their groups numbered from 0 without a gap, in the order that they had.
pub fn numbered(cases: Vec<Case>) -> Vec<Case> {
    let groups: BTreeSet<usize> = cases.iter().map(|case| case.group).collect();
    let numbers: HashMap<usize, usize> = groups.into_iter().zip(0..).collect();
    cases.into_iter().map(|case| Case { group: numbers[&case.group], ..case }).collect()
}

/// Why one group has no interval.
pub const ONE_GROUP: &str = "all slices are of one group";

impl Interval {
    /// Of the draws over so many groups.
    fn drawn(ends: [f64; 2], groups: usize) -> Interval {
        let method = format!("percentile bootstrap over {groups} groups, {DRAWS} draws, seed {SEED}");
        Interval { ends: Some(ends), method }
    }

    /// None, with the reason.
    pub fn none(why: &str) -> Interval {
        Interval { ends: None, method: format!("no interval: {why}") }
    }
}

/// What stands in where the bootstrap says nothing.
fn others(cases: &[Case], threshold: f64, values: &Measures<Option<f64>>, groups: usize) -> Measures<Interval> {
    let why =
        format!("all draws of the bootstrap over {groups} groups are alike, or too many of them leave it undefined");
    let called = |case: &Case| case.called_positive(threshold);
    let share = |value: Option<f64>, member: &dyn Fn(&Case) -> bool| over_groups(value, distinct(cases, member), &why);
    // F1 grows with the share of hits among all that are positive or called so: twice that share, by one more than it.
    let hits = share(values.f1.map(|f1| f1 / (2.0 - f1)), &|case| case.positive || called(case));
    let f1 = Interval { ends: hits.ends.map(|ends| ends.map(|share| 2.0 * share / (1.0 + share))), ..hits };
    let none = || Interval::none(&why);
    Measures {
        auc: match values.auc {
            Some(auc) if auc == 0.0 || auc == 1.0 => ranked_alike(auc, cases, groups),
            _ => none(),
        },
        f1,
        accuracy: share(values.accuracy, &|_| true),
        sensitivity: share(values.sensitivity, &|case| case.positive),
        specificity: share(values.specificity, &|case| !case.positive),
        ppv: share(values.ppv, &called),
        npv: share(values.npv, &|case| !called(case)),
        brier: none(),
        ece: none(),
    }
}

/// The limits of a proportion in so many groups.
pub(super) fn over_groups(value: Option<f64>, groups: usize, why: &str) -> Interval {
    match value {
        Some(_) if groups < 2 => Interval::none(&format!("all slices that it counts are of one group, and {why}")),
        Some(value) => Interval {
            ends: Some(exact(value, groups)),
            method: format!("Clopper-Pearson over {groups} groups, as {why}"),
        },
        None => Interval::none("it is not defined on these slices"),
    }
}

/// The limits of an AUC of 0 or 1: as many pairs of a positive and a negative group are independent as can be made with no group in two.
fn ranked_alike(auc: f64, cases: &[Case], groups: usize) -> Interval {
    let [all, positives, negatives] =
        [distinct(cases, |_| true), distinct(cases, |case| case.positive), distinct(cases, |case| !case.positive)];
    let pairs = positives.min(negatives).min(all / 2);
    let method = format!(
        "Clopper-Pearson over {pairs} pairs of groups, one of each class, as all slices of {groups} groups are ranked alike"
    );
    Interval { ends: Some(exact(auc, pairs)), method }
}

/// How many groups have a case of this kind.
pub fn distinct(cases: &[Case], kind: impl Fn(&Case) -> bool) -> usize {
    let mut groups: Vec<usize> = cases.iter().filter(|case| kind(case)).map(|case| case.group).collect();
    groups.sort_unstable();
    groups.dedup();
    groups.len()
}

/// The measures of `a` less those of `b`, which are the same slices in the same order, each read at a threshold of its own, with their 95 %
/// intervals; groups are drawn as for [`intervals`].
pub fn differences(a: &[Case], b: &[Case], thresholds: [f64; 2]) -> Measures<(Option<f64>, Interval)> {
    let (ranked_a, ranked_b) = (Ranked::new(a, thresholds[0]), Ranked::new(b, thresholds[1]));
    let difference =
        |weights: &[f64]| ranked_a.measure(weights).zip(ranked_b.measure(weights)).map(|(a, b)| Some(a? - b?));
    let values = difference(&vec![1.0; a.len()]);
    let groups = groups(a);
    if groups < 2 {
        return values.map(|value| (value, Interval::none(ONE_GROUP)));
    }
    let draws: Vec<Measures<Option<f64>>> =
        (0..DRAWS).into_par_iter().map(|draw| difference(&weights(a, groups, draw))).collect();
    collected(draws, values).zip(values).map(|(draws, value)| {
        let found = match (value, interval(draws)) {
            (None, _) => Interval::none("it is not defined on these slices"),
            (_, Some([lo, hi])) if lo < hi => Interval::drawn([lo, hi], groups),
            _ => Interval::none("all draws of the bootstrap are alike, or too many of them leave it undefined"),
        };
        (value, found)
    })
}

/// The values of each measure over all draws that define it; of `values` only the shape counts.
fn collected(draws: Vec<Measures<Option<f64>>>, values: Measures<Option<f64>>) -> Measures<Vec<f64>> {
    draws.into_iter().fold(values.map(|_| Vec::new()), |collected, draw| {
        collected.zip(draw).map(|(mut values, value)| {
            values.extend(value);
            values
        })
    })
}

/// The mean of the areas of several classes over the same slices, each against all others, with its interval over groups.
pub fn mean_auc(classes: &[Vec<Case>]) -> (Option<f64>, Interval) {
    let ranked: Vec<Ranked> = classes.iter().map(|cases| Ranked::new(cases, 0.5)).collect();
    let mean = |weights: &[f64]| {
        let areas: Option<Vec<f64>> = ranked.iter().map(|ranked| ranked.auc(weights)).collect();
        areas.map(|areas| areas.iter().sum::<f64>() / areas.len() as f64)
    };
    let Some(cases) = classes.first() else { return (None, Interval::none("there are no classes")) };
    let (groups, value) = (groups(cases), mean(&vec![1.0; cases.len()]));
    if groups < 2 {
        return (value, Interval::none(ONE_GROUP));
    }
    let draws = (0..DRAWS).into_par_iter().filter_map(|draw| mean(&weights(cases, groups, draw)));
    let found = match (value, interval(draws.collect())) {
        (Some(_), Some([lo, hi])) if lo < hi => Interval::drawn([lo, hi], groups),
        (None, _) => Interval::none("a class has no slices, or all of them"),
        _ => Interval::none("all draws of the bootstrap are alike, or too many of them leave it undefined"),
    };
    (value, found)
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

/// Of at least 19 in 20 draws: the others leave a measure undefined.
pub(super) fn interval(mut values: Vec<f64>) -> Option<[f64; 2]> {
    if (values.len() as u64) < DRAWS * 19 / 20 {
        return None;
    }
    values.sort_by(f64::total_cmp);
    Some([quantile(&values, 0.025), quantile(&values, 0.975)])
}

/// Of sorted values, at least one, interpolated between two.
pub(super) fn quantile(values: &[f64], share: f64) -> f64 {
    let position = share * (values.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = position.ceil() as usize;
    values[below] + (values[above] - values[below]) * (position - below as f64)
}

#[cfg(test)]
mod tests {
    use statrs::distribution::{ContinuousCDF, Normal};

    use super::*;
    use crate::metrics::Answer;
    use crate::metrics::tests::cases;

    #[test]
    fn is_the_binomial_interval_where_every_slice_is_a_group() {
        // 80 of 100 right: the normal approximation gives 0.8 +- 0.0784.
        let slices: Vec<_> = (0..100).map(|i| (1, Some(if i < 80 { 0.9 } else { 0.1 }))).collect();
        let [lo, hi] = intervals(&cases(&slices), 0.5).accuracy.ends.unwrap();
        assert!((lo - 0.7216).abs() < 0.02 && (hi - 0.8784).abs() < 0.02, "{lo} to {hi}");
    }

    #[test]
    fn groups_widen_it() {
        let slices: Vec<_> = (0..100).map(|i| (1, Some(if i < 80 { 0.9 } else { 0.1 }))).collect();
        let alone = cases(&slices);
        let grouped: Vec<_> = alone.iter().map(|case| Case { group: case.group / 10, ..case.clone() }).collect();
        let width = |cases: &[Case]| {
            let [lo, hi] = intervals(cases, 0.5).accuracy.ends.unwrap();
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

    #[test]
    fn intervals_hold_the_truth_about_as_often_as_they_say() {
        const SETS: usize = 200;
        let normal = Normal::standard();
        println!("patients  AUC  sensitivity  shares of {SETS} intervals that hold it: AUC, sensitivity");
        for (patients, auc) in [(20, 0.8), (20, 0.9), (40, 0.9), (80, 0.9)] {
            let distance = normal.inverse_cdf(auc) * 2f64.sqrt();
            // Half of the positives' logits lie above it.
            let truth = [auc, 0.5];
            let threshold = 1.0 / (1.0 + (-distance).exp());
            let mut random = ChaCha8Rng::seed_from_u64(11);
            let mut held = [0.0; 2];
            for _ in 0..SETS {
                let set: Vec<Case> = (0..patients)
                    .map(|group| {
                        let positive = group % 2 == 0;
                        let chance = ((random.next_u64() >> 11) as f64 + 0.5) / 2f64.powi(53);
                        let logit = normal.inverse_cdf(chance) + if positive { distance } else { 0.0 };
                        let score = 1.0 / (1.0 + (-logit).exp());
                        Case { positive, group, answer: Some(Answer { logit, score }) }
                    })
                    .collect();
                let found = intervals(&set, threshold);
                for (held, (ends, truth)) in
                    held.iter_mut().zip([found.auc.ends, found.sensitivity.ends].iter().zip(truth))
                {
                    let [lo, hi] = ends.unwrap();
                    *held += f64::from(u8::from(lo <= truth && truth <= hi)) / SETS as f64;
                }
            }
            println!("{patients:8} {auc:4} {:12} {:8.3} {:8.3}", truth[1], held[0], held[1]);
            let least = if patients < 40 { 0.83 } else { 0.88 };
            assert!(held.iter().all(|held| *held >= least), "{held:?} of {patients} patients at {auc}");
        }
    }

    /// All of them, with what each says.
    fn told(cases: &[Case]) -> Vec<(&'static str, Option<[f64; 2]>, String)> {
        let all = intervals(cases, 0.5);
        all.named().map(|(name, interval)| (name, interval.ends, interval.method.clone())).to_vec()
    }

    #[test]
    fn one_group_has_no_interval_and_that_is_said() {
        let mut slices = cases(&[(1, Some(0.9)), (0, Some(0.1)), (1, Some(0.2)), (0, Some(0.7))]);
        slices.iter_mut().for_each(|case| case.group = 0);
        for (name, ends, method) in told(&slices) {
            assert_eq!((ends, &*method), (None, "no interval: all slices are of one group"), "{name}");
        }
        let (difference, interval) = differences(&slices, &slices, [0.5, 0.5]).auc;
        assert_eq!(
            (difference, interval.ends, &*interval.method),
            (Some(0.0), None, "no interval: all slices are of one group")
        );
        assert!(told(&[]).iter().all(|(_, ends, method)| ends.is_none() && method.contains("there are no slices")));
    }

    #[test]
    fn one_class_has_no_interval_of_what_compares_two() {
        let slices = cases(&[(1, Some(0.9)), (1, Some(0.2)), (1, Some(0.7)), (1, Some(0.4))]);
        for (name, ends, method) in told(&slices) {
            match name {
                "AUC" | "F1" | "PPV" | "NPV" => {
                    assert_eq!(
                        (ends, &*method),
                        (None, "no interval: all slices, of 4 groups, are of one class"),
                        "{name}"
                    );
                }
                "specificity" => assert!(ends.is_none() && method.contains("not defined"), "{method}"),
                _ => assert!(ends.is_some_and(|[lo, hi]| lo < hi), "{name}: {method}"),
            }
        }
    }

    #[test]
    fn where_all_draws_are_alike_the_limits_are_exact() {
        let near = |found: Option<[f64; 2]>, expected: [f64; 2]| {
            let found = found.unwrap();
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?} is not {expected:?}");
        };
        // None of four positives is found, and none of six negatives is called positive.
        let missed: Vec<_> = (0..10).map(|i| (u8::from(i < 4), Some(0.01 * f64::from(i)))).collect();
        let found = intervals(&cases(&missed), 0.5);
        // scipy.stats.binomtest(0, 4).proportion_ci(method="exact") and (6, 6).
        near(found.sensitivity.ends, [0.0, 0.602_364_635_616_474_9]);
        near(found.specificity.ends, [0.540_741_874_150_346_6, 1.0]);
        assert!(found.sensitivity.method.contains("Clopper-Pearson over 4 groups"), "{}", found.sensitivity.method);
        // Every positive lies below every negative: as 0 of 4 pairs.
        near(found.auc.ends, [0.0, 0.602_364_635_616_474_9]);
        assert!(found.auc.method.contains("4 pairs"), "{}", found.auc.method);
        near(found.f1.ends, [0.0, 2.0 * 0.602_364_635_616_474_9 / 1.602_364_635_616_475]);
        assert!(found.ppv.ends.is_none() && found.ppv.method.contains("not defined"));
        assert!(found.accuracy.method.contains("bootstrap over 10 groups"));

        // Slices of one patient count once.
        let patients: Vec<Case> =
            cases(&missed).into_iter().map(|case| Case { group: case.group / 2, ..case }).collect();
        let found = intervals(&patients, 0.5);
        // scipy.stats.binomtest(0, 2).proportion_ci(method="exact")
        near(found.sensitivity.ends, [0.0, 0.841_886_116_991_581_1]);
        // All scores are the same: nothing is drawn but 0.5.
        let tied = intervals(&cases(&[(0, Some(0.4)), (1, Some(0.4)), (0, Some(0.4)), (1, Some(0.4))]), 0.5);
        assert!(tied.auc.ends.is_none() && tied.auc.method.contains("no interval"), "{}", tied.auc.method);
    }

    #[test]
    fn shares_are_drawn_over_groups() {
        // 80 of 100 hits: each by itself, and ten of a group alike.
        let alone: Vec<(usize, bool)> = (0..100).map(|at| (at, at < 80)).collect();
        let grouped: Vec<(usize, bool)> = alone.iter().map(|(at, hit)| (at / 10 * 7, *hit)).collect();
        let width = |members: &[(usize, bool)]| {
            let (value, interval) = share(members);
            assert_eq!(value, Some(0.8));
            let [lo, hi] = interval.ends.unwrap();
            hi - lo
        };
        assert!((width(&alone) - 0.157).abs() < 0.02 && width(&grouped) > 2.0 * width(&alone));
        let (value, interval) = share(&[(3, true), (3, true), (9, true)]);
        assert!(value == Some(1.0) && interval.method.contains("Clopper-Pearson over 2 groups"), "{}", interval.method);
        assert_eq!(share(&[(3, true)]).1.method, "no interval: all slices are of one group");
        assert_eq!((share(&[]).0, share(&[]).1.ends), (None, None));
    }

    #[test]
    fn a_difference_has_the_interval_of_pairs() {
        let a = ece::tests::bent(1, 0.0);
        let same = differences(&a, &a, [0.5, 0.5]);
        assert_eq!((same.auc.0, same.auc.1.ends), (Some(0.0), None));
        // At a higher threshold fewer are found, and as many rightly left.
        let found = differences(&a, &a, [0.5, 0.7]);
        let [sensitivity, specificity] = [found.sensitivity, found.specificity].map(|(value, interval)| {
            let ends = interval.ends.unwrap();
            assert!(ends[0] <= value.unwrap() && value.unwrap() <= ends[1]);
            ends
        });
        assert!(sensitivity[0] > 0.0 && specificity[1] < 0.0, "{sensitivity:?} {specificity:?}");
    }
}
