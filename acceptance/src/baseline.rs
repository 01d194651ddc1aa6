//! What is usual on a site's own slices, for control charts and limits of drift: shares and means, and how much less slices of one
//! patient tell than as many of different patients.

use std::collections::BTreeMap;

use lungglass::likeness::Likeness;
use lungglass::operating_point::Drift;
use lungglass::reading::Verdict;
use serde::{Deserialize, Serialize};

use crate::metrics::Case;
use crate::row::Row;

/// Slices of a batch from which on its refusals say something.
const BATCH: usize = 50;
/// A batch like the test's exceeds its limits this rarely.
const FALSE_ALARM: f64 = 0.001;
/// The standard normal lies beyond it with [`FALSE_ALARM`].
const RARE_DEVIATION: f64 = 3.090_232;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    pub slices: usize,
    /// How many slices the group of a slice has, on average over slices; `None` where groups are samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_group: Option<f64>,
    /// Slices that were refused, by code and in all.
    pub refused: Share,
    pub refused_by_code: BTreeMap<String, Share>,
    /// Accepted slices with the verdict positive, of the accepted.
    pub positive: Share,
    /// Of the accepted slices.
    pub logit: Mean,
    /// How far embeddings are from training's, of all slices that could be decoded; `None` where nobody measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding: Option<Mean>,
    /// How far gray levels are from training's, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gray_levels: Option<Mean>,
}

/// How many of how many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Share {
    pub count: usize,
    pub of: usize,
    /// The variance of the share over that of as many independent slices (Kish 1965); at least 1.
    pub design_effect: f64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    pub mean: f64,
    pub sd: f64,
    pub of: usize,
    pub design_effect: f64,
}

/// A group, and a value of a slice in it.
pub type Valued = (usize, f64);

/// The code of a slice that has no score.
pub(crate) fn code_of(row: &Row) -> &str {
    row.code.as_deref().unwrap_or("unknown")
}

impl Baseline {
    /// Of a site's slices; the cases are the rows'.
    pub fn of(rows: &[Row], cases: &[Case]) -> Baseline {
        let all = || rows.iter().zip(cases);
        let flag = |is: bool| f64::from(u8::from(is));
        let refused = |wanted: Option<&str>| {
            let values = all().map(|(row, case)| {
                let is = row.verdict == Verdict::Refused && wanted.is_none_or(|wanted| code_of(row) == wanted);
                (case.group, flag(is))
            });
            Share::of(&values.collect::<Vec<Valued>>())
        };
        let codes = rows.iter().filter(|row| row.verdict == Verdict::Refused).map(code_of);
        let accepted = || all().filter_map(|(row, case)| Some((row, case, case.answer?)));
        let positive = accepted().map(|(row, case, _)| (case.group, flag(row.verdict == Verdict::Positive)));
        let logits = accepted().map(|(_, case, answer)| (case.group, answer.logit));
        let distance = |of: fn(&Likeness) -> Option<f32>| {
            let values = all().filter_map(|(row, case)| Some((case.group, of(row.likeness.as_ref()?)?.into())));
            Some(Mean::of(&values.collect::<Vec<Valued>>())).filter(|mean| mean.of > 0)
        };
        Baseline {
            slices: rows.len(),
            per_group: per_group(cases),
            refused: refused(None),
            refused_by_code: codes.map(|code| (code.to_string(), refused(Some(code)))).collect(),
            positive: Share::of(&positive.collect::<Vec<Valued>>()),
            logit: Mean::of(&logits.collect::<Vec<Valued>>()),
            embedding: distance(|likeness| likeness.embedding),
            gray_levels: distance(|likeness| likeness.gray_levels),
        }
    }

    /// What a batch must keep to.
    pub fn limits(&self) -> Drift {
        // Of no refusal nobody knows how alike slices of a patient are in this: they may be refused together.
        let alike = self.per_group.filter(|_| self.refused.count == 0).unwrap_or(1.0);
        let refused = Share { design_effect: self.refused.design_effect.max(alike), ..self.refused };
        let [_, most] = limits_of_share(&refused, BATCH, FALSE_ALARM);
        let short = |value: f64| (value * 1e4).round() / 1e4;
        let greatest = |usual: &Mean| (usual.of > 1).then(|| short(usual.most(BATCH)));
        Drift {
            slices: BATCH,
            per_group: self.per_group.map(short),
            refused: short(most),
            embedding: self.embedding.as_ref().and_then(greatest),
            gray_levels: self.gray_levels.as_ref().and_then(greatest),
        }
    }
}

fn per_group(cases: &[Case]) -> Option<f64> {
    let mut sizes: BTreeMap<usize, f64> = BTreeMap::new();
    cases.iter().for_each(|case| *sizes.entry(case.group).or_default() += 1.0);
    (!cases.is_empty()).then(|| sizes.values().map(|size| size * size).sum::<f64>() / cases.len() as f64)
}

impl Share {
    /// Of groups with so many of so many.
    pub fn of_groups(counts: &[(usize, usize)]) -> Share {
        let values: Vec<Valued> = counts
            .iter()
            .enumerate()
            .flat_map(|(group, (count, of))| (0..*of).map(move |at| (group, f64::from(u8::from(at < *count)))))
            .collect();
        Share::of(&values)
    }

    fn of(values: &[Valued]) -> Share {
        let (mean, _, effect) = moments(values);
        let of = values.len();
        Share { count: (mean * of as f64).round() as usize, of, design_effect: effect }
    }

    /// What it tells, as so many of so many independent slices.
    pub fn effective(&self) -> (f64, f64) {
        let effect = self.design_effect.max(1.0);
        (self.count as f64 / effect, self.of as f64 / effect)
    }
}

impl Mean {
    /// Of values with their groups.
    pub fn of(values: &[Valued]) -> Mean {
        let (mean, sd, design_effect) = moments(values);
        Mean { mean, sd, of: values.len(), design_effect }
    }

    /// Of groups of which only the count, the sum and the sum of squares are known.
    pub fn of_groups(groups: impl Iterator<Item = (usize, f64, f64)>) -> Mean {
        let groups: Vec<(usize, f64, f64)> = groups.filter(|(count, ..)| *count > 0).collect();
        let of: usize = groups.iter().map(|(count, ..)| count).sum();
        if of == 0 {
            return Mean { design_effect: 1.0, ..Mean::default() };
        }
        let n = of as f64;
        let mean = groups.iter().map(|(_, sum, _)| sum).sum::<f64>() / n;
        let squares = (groups.iter().map(|(.., squares)| squares).sum::<f64>() - n * mean * mean).max(0.0);
        let sums = groups.iter().map(|(count, sum, _)| sum - *count as f64 * mean);
        let (sd, design_effect) = spread(of, squares, sums);
        Mean { mean, sd, of, design_effect }
    }

    /// The mean of `n` slices that are like these lies below it, but for a chance of one in a thousand: the normal prediction, which counts
    /// that this mean was itself measured on few.
    fn most(&self, n: usize) -> f64 {
        let parts = 1.0 / n as f64 + 1.0 / self.of as f64;
        self.mean + RARE_DEVIATION * self.sd * (self.design_effect.max(1.0) * parts).sqrt()
    }
}

/// Mean, standard deviation and design effect of the mean, by the variance between groups; all 0 and 1 of nothing.
fn moments(values: &[Valued]) -> (f64, f64, f64) {
    let n = values.len() as f64;
    if values.is_empty() {
        return (0.0, 0.0, 1.0);
    }
    let mean = values.iter().map(|(_, value)| value).sum::<f64>() / n;
    let squares: f64 = values.iter().map(|(_, value)| (value - mean).powi(2)).sum();
    let mut groups: BTreeMap<usize, f64> = BTreeMap::new();
    for (group, value) in values {
        *groups.entry(*group).or_default() += value - mean;
    }
    let (sd, effect) = spread(values.len(), squares, groups.into_values());
    (mean, sd, effect)
}

/// Standard deviation and design effect (the variance of a ratio of sums over groups, over that of a simple sample), from the sum of squares about the mean and the sums about it of each group.
fn spread(of: usize, squares: f64, sums: impl ExactSizeIterator<Item = f64>) -> (f64, f64) {
    let count = sums.len() as f64;
    let between: f64 = sums.map(|sum| sum * sum).sum::<f64>() * count / (count - 1.0).max(1.0);
    let effect = if squares > 0.0 { (between / squares).max(1.0) } else { 1.0 };
    ((squares / (of as f64 - 1.0).max(1.0)).sqrt(), effect)
}

/// Between which shares of `n` slices that are like those of `share` lie, but for a chance of `rare` on each side. Slices of one patient
/// count as few in the sample as in the baseline.
pub fn limits_of_share(share: &Share, n: usize, rare: f64) -> [f64; 2] {
    let left = ((n as f64 / share.design_effect.max(1.0)).round() as usize).max(1);
    [fewest_like(share, left, rare), most_like(share, left, rare)].map(|count| count as f64 / left as f64)
}

/// The most of `n` slices that have what `share` had, with a chance of `rare` that slices like those have more: the beta-binomial
/// prediction from Jeffreys's prior (Box and Tiao 1973).
fn most_like(share: &Share, n: usize, rare: f64) -> usize {
    let (count, of) = share.effective();
    (0..=n).find(|most| beyond(count, of, *most, n) <= rare).unwrap_or(n)
}

/// The fewest, likewise.
fn fewest_like(share: &Share, n: usize, rare: f64) -> usize {
    let (count, of) = share.effective();
    n - (0..=n).find(|most| beyond(of - count, of, *most, n) <= rare).unwrap_or(n)
}

/// The chance that more than `most` of `n` have what `count` of `of` had.
fn beyond(count: f64, of: f64, most: usize, n: usize) -> f64 {
    use statrs::function::beta::ln_beta;
    use statrs::function::factorial::ln_binomial;
    let (a, b) = (count + 0.5, of - count + 0.5);
    (most + 1..=n)
        .map(|k| (ln_binomial(n as u64, k as u64) + ln_beta(k as f64 + a, (n - k) as f64 + b) - ln_beta(a, b)).exp())
        .sum()
}

#[cfg(test)]
mod tests {
    use lungglass::operating_point::Batch;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{RngCore, SeedableRng};
    use statrs::distribution::{ContinuousCDF, Normal};

    use super::*;

    #[test]
    fn predictions_are_those_of_scipy() {
        // scipy.stats.betabinom(50, 3.5, 97.5).sf(k)
        for (most, expected) in [(2, SF2), (6, SF6)] {
            let found = beyond(3.0, 100.0, most, 50);
            assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
        }
        let share = Share { count: 3, of: 100, design_effect: 1.0 };
        assert_eq!((most_like(&share, 50, 0.001), fewest_like(&share, 50, 0.001)), (MOST, 0));
        let clustered = Share { design_effect: 4.0, ..share };
        assert!(most_like(&clustered, 50, 0.001) > most_like(&share, 50, 0.001));
        let all = Share { count: 100, of: 100, design_effect: 1.0 };
        assert_eq!(most_like(&all, 50, 0.001), 50);
        assert!(fewest_like(&all, 50, 0.001) > 40);
    }

    const SF2: f64 = 0.261_149_757_291_431_97;
    const SF6: f64 = 0.010_709_421_643_968_042;
    const MOST: usize = 9;

    #[test]
    fn slices_of_one_patient_tell_less() {
        let alone: Vec<Valued> = (0..40).map(|at| (at, f64::from(u8::from(at % 4 == 0)))).collect();
        let together: Vec<Valued> = (0..40).map(|at| (at / 4, f64::from(u8::from(at / 4 % 4 == 0)))).collect();
        let (mean, _, effect) = moments(&alone);
        assert!((mean - 0.25).abs() < 1e-12 && effect < 1.1, "{effect}");
        let (_, _, effect) = moments(&together);
        assert!((4.0..5.0).contains(&effect), "{effect}");
        assert_eq!(moments(&[]), (0.0, 0.0, 1.0));
    }

    /// Shares of 1,000 tests, each with a batch like its own, in which the batch exceeds a limit: refusals, embeddings.
    ///
    /// A patient's slices share seven tenths of the variance of their distance, which is log-normal, as those of the network that ships are
    /// about, and a patient in twenty has all slices refused.
    fn alarms(patients: usize, slices: usize, batch: &[(usize, usize)], grouped: bool) -> [f64; 2] {
        let alike: f64 = 0.7;
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let normal = Normal::standard();
        let mut uniform = move || ((random.next_u64() >> 11) as f64 + 0.5) / 2f64.powi(53);
        let mut patient = |slices: usize| {
            let (own, refused) = (normal.inverse_cdf(uniform()), uniform() < 0.05);
            let distance =
                |_| (0.4 * (alike.sqrt() * own + (1.0 - alike).sqrt() * normal.inverse_cdf(uniform()))).exp();
            (refused, (0..slices).map(distance).collect::<Vec<f64>>())
        };
        let mut found = [0.0; 2];
        for _ in 0..1000 {
            let (mut rows, mut cases) = (Vec::new(), Vec::new());
            for group in 0..patients {
                let (refused, distances) = patient(slices);
                for distance in distances {
                    let verdict = if refused { Verdict::Refused } else { Verdict::Negative };
                    let likeness = Likeness {
                        statistics: Default::default(),
                        gray_levels: None,
                        embedding: Some(distance as f32),
                        lung: None,
                    };
                    let (group_name, name) = (group.to_string(), String::new());
                    rows.push(Row {
                        positive: false,
                        group: group_name,
                        name,
                        verdict,
                        score: None,
                        logit: None,
                        code: None,
                        likeness: Some(likeness),
                    });
                    cases.push(Case { positive: false, group, answer: None });
                }
            }
            let mut limits = Baseline::of(&rows, &cases).limits();
            limits.per_group = limits.per_group.filter(|_| grouped);
            let mut later = Batch::new(&limits);
            for (at, &(patients, slices)) in batch.iter().enumerate() {
                for number in 0..patients {
                    let (refused, distances) = patient(slices);
                    for distance in distances {
                        later.add(Some(format!("{at}/{number}")), refused, [Some(distance as f32), None]);
                    }
                }
            }
            let exceeded = limits.exceeded(&later);
            found[0] += f64::from(u8::from(exceeded.contains(&"refused"))) / 1000.0;
            found[1] += f64::from(u8::from(exceeded.contains(&"embedding"))) / 1000.0;
        }
        found
    }

    #[test]
    fn batches_like_the_test_exceed_its_limits_rarely() {
        println!("patients  slices  batch                 refused  embedding");
        for (patients, slices) in [(25, 2), (60, 1), (60, 5), (200, 1)] {
            for batch in [&[(50, 1)][..], &[(12, 8)], &[(1, 300)], &[(1, 300), (40, 1)], &[(10, 60)], &[(300, 1)]] {
                let [refused, embedding] = alarms(patients, slices, batch, true);
                println!("{patients:8} {slices:7}  {batch:20?} {refused:8.3} {embedding:10.3}");
                assert!(refused <= MOST_ALARMS && embedding <= MOST_ALARMS, "{refused} {embedding}");
            }
        }
        // Were each slice to count, one patient with a whole series would be drift every few times.
        let [_, embedding] = alarms(60, 1, &[(1, 300)], false);
        assert!(embedding > 0.1, "{embedding}");
    }

    /// One in a thousand is meant; distances are skewed, and the test has few patients.
    const MOST_ALARMS: f64 = 0.01;
}
