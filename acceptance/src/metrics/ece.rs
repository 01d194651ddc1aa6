//! How sure the expected calibration error is. Noise in each bin raises it, and drawing slices anew raises it once more, so that a plain
//! percentile interval lies above its own value.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
#[cfg(not(target_arch = "wasm32"))]
use rayon::prelude::*;

#[cfg(target_arch = "wasm32")]
use crate::serial::IntoParallelIterator;

use super::bootstrap::{DRAWS, SEED, groups, interval as percentiles, quantile};
use super::{Case, Interval, Ranked};

/// The 95 % interval of the error of which `value` is the plug-in estimate; `draws` are its values over draws of the groups. `None` where
/// these say nothing.
///
/// What drawing adds is taken off the upper end once and off the lower end twice, since `value` has as much too much; each end is no
/// nearer to `value` than that of the reflected interval (Davison and Hinkley 1997, section 5.2). Where perfect scores would often show as
/// much (within 97.5 % of [`calibrated`]), the lower end is 0. A test of this module holds that it covers the true error.
pub(super) fn interval(ranked: &Ranked, value: f64, draws: &[f64], groups: usize) -> Option<Interval> {
    let [low, high] = percentiles(draws.to_vec())?;
    let rise = quantile(&sorted(draws.to_vec()), 0.5) - value;
    let lower = (low - 2.0 * rise).min(2.0 * value - high).clamp(0.0, value);
    let upper = (high - rise).max(2.0 * value - low).clamp(value, 1.0);
    let is_noise = value <= quantile(&calibrated(ranked, groups)?, 0.975);
    let lower = if is_noise { 0.0 } else { lower };
    let method = format!(
        "bootstrap over {groups} groups, {DRAWS} draws, seed {SEED}, less the {:.3} by which noise in the bins raises it{}",
        rise.max(0.0),
        if is_noise { "; 0 is in it, as scores that fit perfectly would show as much" } else { "" }
    );
    (low < high).then_some(Interval { ends: Some([lower, upper]), method })
}

/// The mean ECE that scores would show on these slices if they fitted perfectly; `None` without accepted slices of two groups. The groups
/// of `cases` are numbered from 0.
pub fn if_calibrated(cases: &[Case]) -> Option<f64> {
    let ranked = Ranked::new(cases, 0.5);
    let values = calibrated(&ranked, groups(cases))?;
    Some(values.iter().sum::<f64>() / values.len() as f64)
}

/// Sorted errors of scores that fit: what is left of each label once its score is taken off has either sign, alike over a group (the wild
/// bootstrap, Wu 1986; for groups Cameron, Gelbach and Miller 2008).
fn calibrated(ranked: &Ranked, groups: usize) -> Option<Vec<f64>> {
    let accepted = ranked.cases.iter().filter(|case| case.answer.is_some()).count();
    if accepted == 0 || groups < 2 {
        return None;
    }
    let draw = |draw: u64| {
        let mut random = ChaCha8Rng::seed_from_u64(SEED ^ (draw << 32));
        // Not the numbers that draw the groups.
        random.set_stream(1);
        let signs: Vec<f64> = (0..groups).map(|_| if random.next_u64() >> 63 == 0 { 1.0 } else { -1.0 }).collect();
        let signs: Vec<f64> = ranked.cases.iter().map(|case| signs[case.group]).collect();
        ranked.gaps(&signs) / accepted as f64
    };
    Some(sorted((0..DRAWS).into_par_iter().map(draw).collect()))
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::metrics::intervals;
    use crate::metrics::tests::cases;

    const SLICES: usize = 160;

    /// Slices in groups of two whose scores are too low by `bend` times score times one less score.
    pub fn bent(seed: u64, bend: f64) -> Vec<Case> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut next = || (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let slices: Vec<(u8, Option<f64>)> = (0..SLICES)
            .map(|_| {
                let score = 0.02 + 0.96 * next();
                (u8::from(next() < score + bend * (1.0 - score) * score), Some(score))
            })
            .collect();
        cases(&slices).into_iter().map(|case| Case { group: case.group / 2, ..case }).collect()
    }

    #[test]
    fn the_value_lies_within_its_interval_and_the_true_error_nearly_always() {
        const SETS: u64 = 40;
        for bend in [0.9, 0.3, 0.0] {
            // The mean of what the scores are too low by, over 0.02 to 0.98.
            let truth = bend * (0.96 / 2.0 - (0.98f64.powi(3) - 0.02f64.powi(3)) / 3.0) / 0.96;
            let mut covered = 0;
            for seed in 0..SETS {
                let slices = bent(seed, bend);
                let value = Ranked::new(&slices, 0.5).ece(&[1.0; SLICES]).unwrap();
                let [lo, hi] = intervals(&slices, 0.5).ece.ends.unwrap();
                assert!(lo <= value && value <= hi, "{value} is not in {lo} to {hi}");
                covered += u64::from(lo <= truth && truth <= hi);
            }
            assert!(covered >= 35, "{covered} of {SETS} intervals hold {truth}");
        }
    }

    #[test]
    fn scores_that_fit_show_an_error_too_and_that_is_told() {
        let fits = bent(0, 0.0);
        let expected = if_calibrated(&fits).unwrap();
        assert!((0.06..0.10).contains(&expected), "{expected}");
        let Interval { ends, method } = intervals(&fits, 0.5).ece;
        assert!(ends.unwrap()[0] == 0.0 && method.contains("0 is in it"), "{method}");
        let off: Vec<Case> = bent(0, 0.9).into_iter().filter(|case| case.answer.unwrap().score < 0.7).collect();
        let [lo, _] = intervals(&crate::metrics::numbered(off), 0.5).ece.ends.unwrap();
        assert!(lo > 0.05, "{lo}");
    }
}
