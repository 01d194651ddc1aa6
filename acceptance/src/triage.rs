//! Triage with a guarantee: scores from which on a slice is called positive, and down to which it is called negative, so that PPV and NPV
//! are at least what is wanted, with a stated confidence; what lies between is left to people.
//!
//! What is guaranteed: of all groups (patients) from which these were drawn, take one at random, and one of its slices. Given that it is
//! called positive, it is positive with a probability of at least the PPV; likewise NPV. Both hold together with the confidence.
//!
//! How: of each group one slice is drawn, since slices of one patient tell little more than one of them. Thresholds of a fixed list are
//! tested from the strictest on, each by the exact binomial test of Clopper and Pearson (1934), until one fails; the last that passed is
//! taken. This is fixed-sequence testing as in "Learn then Test" (Angelopoulos, Bates, Candes, Jordan and Lei 2021): no threshold but the
//! first that does not hold what is wanted could be taken wrongly, so that no correction for the number of thresholds is due. The
//! sequence begins where enough are called to pass at all, which the scores decide and not the labels. PPV and NPV have half of the error
//! each (Bonferroni).
//!
//! What is assumed: groups are independent and come as they will come later (exchangeable), and a stricter threshold has no smaller PPV
//! or NPV.

use std::borrow::Cow;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};
use statrs::distribution::{Beta, ContinuousCDF};
use statrs::function::beta::beta_reg;

use crate::metrics::Case;

/// Starts the draw of a slice from each group, and of groups for another prevalence.
pub const SEED: u64 = 20_260_102;
/// More groups than this are not asked for.
const MAX_GROUPS: usize = 100_000;
/// The standard normal lies below it nine times in ten.
const LIKELY: f64 = 1.281_552;
/// Standard deviations by which the groups of a class suffice, where they are drawn for another prevalence.
const MARGIN: f64 = 3.0;

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Wish {
    pub ppv: f64,
    pub npv: f64,
    /// That both hold.
    pub confidence: f64,
    /// Of positive slices, where it is not that of the slices at hand.
    pub prevalence: Option<f64>,
}

/// One slice of a group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drawn {
    pub positive: bool,
    /// `None` where it was refused or could not be read: a person looks at it.
    pub score: Option<f32>,
}

/// The positive or the negative side of a triage.
#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    /// The mildest threshold that passed; `None` where none did.
    pub threshold: Option<f32>,
    /// At that threshold, or else at the one that came nearest: how many were called, and how many of these rightly.
    pub called: usize,
    pub right: usize,
    /// What the predictive value is at least, with this side's confidence.
    pub at_least: f64,
    /// About how many groups more of the same kind would let it pass, nine times in ten if what is found here is how they are: 0 where it
    /// did, `None` where no number would.
    pub more: Option<usize>,
    /// Where nothing passed: the threshold that came nearest.
    pub nearest: Option<f32>,
}

/// Both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct Triage {
    pub positive: Side,
    pub negative: Side,
    /// How many slices, one of each group, it stands on.
    pub drawn: usize,
    /// How many of these are positive.
    pub positives: usize,
    /// Scores from it on are called positive, and scores down to the second negative; `None` unless both sides passed.
    pub point: Option<[f32; 2]>,
}

impl Wish {
    /// The error that each side may make.
    pub fn error(&self) -> f64 {
        (1.0 - self.confidence) / 2.0
    }
}

/// The thresholds that may be taken, in rising order. They are the same for all slices.
pub fn thresholds() -> Vec<f32> {
    let ends = [1, 2, 5];
    let low = ends.iter().map(|part| *part as f32 / 1000.0);
    let high = ends.iter().rev().map(|part| (1000 - part) as f32 / 1000.0);
    low.chain((1..100).map(|percent| percent as f32 / 100.0)).chain(high).collect()
}

/// One slice of each group, at random, the same each time. The groups of `cases` are numbered from 0.
pub fn draw(cases: &[Case]) -> Vec<Drawn> {
    let mut members: Vec<Vec<&Case>> = Vec::new();
    for case in cases {
        if members.len() <= case.group {
            members.resize(case.group + 1, Vec::new());
        }
        members[case.group].push(case);
    }
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let chosen = members.into_iter().filter(|group| !group.is_empty()).map(|mut group| {
        // The order of the rows must not matter.
        let rank = |case: &Case| case.answer.map_or(f64::NEG_INFINITY, |answer| answer.score);
        group.sort_by(|a, b| rank(a).total_cmp(&rank(b)).then(a.positive.cmp(&b.positive)));
        group[below(&mut random, group.len())]
    });
    chosen.map(|case| Drawn { positive: case.positive, score: case.answer.map(|answer| answer.score as f32) }).collect()
}

/// As many of `drawn` as can be had if so large a share of them is to be positive, each class as it comes.
///
/// The number of positives is itself drawn, so that the slices are what a population of this prevalence gives.
pub fn at_prevalence(drawn: &[Drawn], prevalence: f64) -> Vec<Drawn> {
    let mut random = ChaCha8Rng::seed_from_u64(SEED + 1);
    let mut class = |positive: bool| {
        let mut members: Vec<Drawn> = drawn.iter().filter(|slice| slice.positive == positive).copied().collect();
        for at in (1..members.len()).rev() {
            members.swap(at, below(&mut random, at + 1));
        }
        members
    };
    let (mut positives, mut negatives) = (class(true), class(false));
    let suffices = |count: usize| {
        let n = count as f64;
        let reach = MARGIN * (n * prevalence * (1.0 - prevalence)).sqrt();
        n * prevalence + reach <= positives.len() as f64 && n * (1.0 - prevalence) + reach <= negatives.len() as f64
    };
    let count = (0..=drawn.len()).rev().find(|count| suffices(*count)).unwrap_or(0);
    let wanted = (0..count).filter(|_| (random.next_u64() as f64) < prevalence * 2f64.powi(64)).count();
    positives.truncate(wanted);
    negatives.truncate(count - wanted);
    positives.into_iter().chain(negatives).collect()
}

/// A number below `count`, which is at least 1.
fn below(random: &mut ChaCha8Rng, count: usize) -> usize {
    ((u128::from(random.next_u64()) * count as u128) >> 64) as usize
}

/// The triage that `drawn` vouches for.
pub fn find(drawn: &[Drawn], wish: &Wish) -> Triage {
    let drawn = at_wish(drawn, wish);
    let [positive, negative] = tests(&drawn, wish);
    let point = point(&positive, &negative);
    let positives = drawn.iter().filter(|slice| slice.positive).count();
    Triage { positive: positive.side(), negative: negative.side(), drawn: drawn.len(), positives, point }
}

fn at_wish<'a>(drawn: &'a [Drawn], wish: &Wish) -> Cow<'a, [Drawn]> {
    wish.prevalence.map_or(Cow::Borrowed(drawn), |prevalence| at_prevalence(drawn, prevalence).into())
}

fn tests(drawn: &[Drawn], wish: &Wish) -> [Tested; 2] {
    [Tested::new(drawn, wish.ppv, wish.error(), true), Tested::new(drawn, wish.npv, wish.error(), false)]
}

fn point(positive: &Tested, negative: &Tested) -> Option<[f32; 2]> {
    let threshold = |side: &Tested| side.passed.map(|at| side.counts[at].0);
    threshold(positive).zip(threshold(negative)).map(|(from, to)| apart(from, to, &thresholds()))
}

/// Both thresholds with the lower one below the other. Every threshold that is stricter than one that passed has passed or is assumed to
/// hold, so that where the sides overlap they may meet in the middle.
fn apart(from: f32, to: f32, rising: &[f32]) -> [f32; 2] {
    if to < from {
        return [from, to];
    }
    let place = |threshold: f32| rising.iter().position(|known| *known == threshold).unwrap_or(0);
    let middle = place(from).midpoint(place(to)).max(1);
    [rising[middle], rising[middle - 1]]
}

/// One side, tested.
struct Tested {
    /// Each threshold, from the strictest on, with how many it calls and how many of these rightly.
    counts: Vec<(f32, usize, usize)>,
    /// The first threshold that was tested; `None` where too few are called at any.
    start: Option<usize>,
    /// The last threshold that passed.
    passed: Option<usize>,
    drawn: usize,
    wanted: f64,
    error: f64,
}

impl Tested {
    fn new(drawn: &[Drawn], wanted: f64, error: f64, positive: bool) -> Tested {
        let mut thresholds = thresholds();
        if positive {
            thresholds.reverse();
        }
        let mut counts: Vec<(f32, usize, usize)> = thresholds.iter().map(|threshold| (*threshold, 0, 0)).collect();
        for slice in drawn {
            let Some(score) = slice.score else { continue };
            // The strictest threshold that calls it, and with it all milder ones.
            let is_too_strict = |threshold: &f32| if positive { *threshold > score } else { *threshold < score };
            let first = thresholds.partition_point(is_too_strict);
            if let Some((_, called, right)) = counts.get_mut(first) {
                *called += 1;
                *right += usize::from(slice.positive == positive);
            }
        }
        for at in 1..counts.len() {
            let (_, called, right) = counts[at - 1];
            counts[at].1 += called;
            counts[at].2 += right;
        }
        let start = counts.iter().position(|(_, called, _)| passes(*called, *called, wanted, error));
        let sequence = counts.iter().enumerate().skip(start.unwrap_or(counts.len()));
        let passed = sequence.take_while(|(_, (_, called, right))| passes(*right, *called, wanted, error)).last();
        let passed = passed.map(|(at, _)| at);
        Tested { counts, start, passed, drawn: drawn.len(), wanted, error }
    }

    /// What became of it, for people.
    fn side(&self) -> Side {
        let Tested { counts, error, .. } = self;
        if let Some(at) = self.passed {
            let (threshold, called, right) = counts[at];
            let at_least = lower(right, called, *error);
            return Side { threshold: Some(threshold), called, right, at_least, more: Some(0), nearest: None };
        }
        let share = |(_, called, right): &(f32, usize, usize)| *right as f64 / *called as f64;
        let tested = self.start.unwrap_or(counts.len());
        // Each threshold before the sequence calls too few so far. The first that was tested made too many mistakes; with more groups, its
        // share of them may be that of any milder one.
        let before = counts[..tested].iter().filter(|(_, called, _)| *called > 0).map(|found| (*found, share(found)));
        let behind = counts[tested..].iter().map(|found| (counts[tested], share(found)));
        let hopes = before.chain(behind).filter_map(|(found, share)| Some((self.times(found.1, 1.0 - share)?, found)));
        let best = hopes.min_by(|a, b| a.0.total_cmp(&b.0));
        // Where there is no hope, the purest is told.
        let with = counts.iter().filter(|(_, called, _)| *called > 0);
        let purest = with.max_by(|a, b| share(a).total_cmp(&share(b)).then(a.1.cmp(&b.1)));
        let nearest = best.map(|(_, found)| found).or_else(|| purest.copied());
        let times = best.map(|(times, _)| times);
        let more = times.map(|times| (((times - 1.0) * self.drawn as f64).ceil() as usize).max(1));
        let (called, right) = nearest.map_or((0, 0), |(_, called, right)| (called, right));
        let at_least = lower(right, called, *error);
        Side { threshold: None, called, right, at_least, more, nearest: nearest.map(|(threshold, ..)| threshold) }
    }

    /// How often the slices would have to come for a threshold that calls `called` of them to pass first, with such a share of mistakes.
    /// Fewer may be called next time, and more of them wrongly: both are allowed for.
    fn times(&self, called: usize, mistakes: f64) -> Option<f64> {
        if 1.0 - mistakes <= self.wanted {
            return None;
        }
        let (all, of_all) = (self.drawn as f64, called as f64);
        let most = (MAX_GROUPS as f64 * of_all / all) as usize;
        let mut count = called + 1;
        while count <= most {
            let n = count as f64;
            let few = n - LIKELY * (n * (1.0 - of_all / all)).sqrt();
            let wrong = mistakes * few + LIKELY * (few.max(0.0) * mistakes * (1.0 - mistakes)).sqrt();
            let (few, wrong) = (few.max(0.0) as usize, wrong.max(0.0).ceil() as usize);
            if passes(few.saturating_sub(wrong), few, self.wanted, self.error) {
                return Some(n / of_all);
            }
            count += 1 + count / 100;
        }
        None
    }
}

/// Whether `right` of `called` would come with a probability of at most `error` if the share were no more than `wanted`.
fn passes(right: usize, called: usize, wanted: f64, error: f64) -> bool {
    right > 0 && beta_reg(right as f64, (called - right + 1) as f64, wanted) <= error
}

/// What the share is at least, with the confidence `1 - error` (Clopper and Pearson 1934, one-sided).
pub fn lower(right: usize, called: usize, error: f64) -> f64 {
    match right {
        0 => 0.0,
        _ => Beta::new(right as f64, (called - right + 1) as f64).map_or(0.0, |beta| beta.inverse_cdf(error)),
    }
}

/// How many calls without a mistake it takes at the least.
pub fn least_calls(wanted: f64, error: f64) -> usize {
    (error.ln() / wanted.ln()).ceil() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Answer;
    use statrs::distribution::Normal;

    const WISH: Wish = Wish { ppv: 0.9, npv: 0.9, confidence: 0.95, prevalence: None };

    fn uniform(random: &mut ChaCha8Rng) -> f64 {
        (random.next_u64() >> 11) as f64 / 2f64.powi(53)
    }

    /// Slices whose scores come from two normal distributions of logits.
    struct Population {
        prevalence: f64,
        positive: Normal,
        negative: Normal,
        /// Share that is refused.
        refused: f64,
    }

    impl Population {
        fn new(prevalence: f64, distance: f64, spread: f64) -> Population {
            let normal = |mean: f64, deviation: f64| Normal::new(mean, deviation).unwrap();
            Population {
                prevalence,
                positive: normal(distance / 2.0, 1.0),
                negative: normal(-distance / 2.0, spread),
                refused: 0.03,
            }
        }

        fn draw(&self, count: usize, random: &mut ChaCha8Rng) -> Vec<Drawn> {
            (0..count)
                .map(|_| {
                    let positive = uniform(random) < self.prevalence;
                    let class = if positive { &self.positive } else { &self.negative };
                    let logit = class.inverse_cdf(uniform(random).max(1e-12));
                    let score = (uniform(random) >= self.refused).then(|| (1.0 / (1.0 + (-logit).exp())) as f32);
                    Drawn { positive, score }
                })
                .collect()
        }

        /// PPV from one score on, and NPV down to another, at a prevalence.
        fn values(&self, [from, to]: [f32; 2], prevalence: f64) -> [f64; 2] {
            let logit = |score: f32| (f64::from(score) / (1.0 - f64::from(score))).ln();
            let (above, below) = (|class: &Normal| class.sf(logit(from)), |class: &Normal| class.cdf(logit(to)));
            let share = |right: f64, wrong: f64| right / (right + wrong);
            [
                share(prevalence * above(&self.positive), (1.0 - prevalence) * above(&self.negative)),
                share((1.0 - prevalence) * below(&self.negative), prevalence * below(&self.positive)),
            ]
        }
    }

    #[test]
    fn bounds_are_those_of_the_literature() {
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        // scipy.stats.binomtest(k, n, alternative="greater").proportion_ci(0.975, "exact").low
        near(lower(36, 36, 0.025), 0.902_606_244_085_4);
        near(lower(45, 50, 0.025), 0.781_864_633_565_8);
        near(lower(0, 5, 0.025), 0.0);
        // 29 calls without a mistake for 90 % with 95 % confidence, 59 for 95 %: Wilks 1941, and the rule of Hanley and Lippman-Hand 1983.
        assert_eq!((least_calls(0.9, 0.05), least_calls(0.95, 0.05), least_calls(0.9, 0.025)), (29, 59, 36));
        assert!(passes(29, 29, 0.9, 0.05) && !passes(28, 28, 0.9, 0.05));
        // One mistake of 46, two of 61 (tables of acceptance sampling at 90 % and 95 %).
        assert!(passes(45, 46, 0.9, 0.05) && !passes(44, 45, 0.9, 0.05));
        assert!(passes(59, 61, 0.9, 0.05) && !passes(58, 60, 0.9, 0.05));
    }

    #[test]
    fn thresholds_rise_and_lie_within_0_and_1() {
        let all = thresholds();
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]) && all[0] > 0.0 && all[all.len() - 1] < 1.0);
        assert_eq!(all.len(), 105);
    }

    #[test]
    fn slices_of_one_patient_count_as_one() {
        let case = |group, positive, score| Case { positive, group, answer: Some(Answer { logit: 0.0, score }) };
        let mut cases: Vec<Case> =
            (0..400).map(|at| case(at % 20, at % 2 == 0, if at % 2 == 0 { 0.95 } else { 0.05 })).collect();
        let drawn = draw(&cases);
        assert_eq!(drawn.len(), 20);
        assert_eq!(find(&drawn, &WISH).point, None);
        cases.reverse();
        assert_eq!(draw(&cases), drawn, "the order of the rows does not matter");
        cases.iter_mut().enumerate().for_each(|(at, case)| case.group = at);
        let found = find(&draw(&cases), &WISH);
        let [from, to] = found.point.unwrap();
        assert!(to < from && from <= 0.95 && to >= 0.05, "{from} {to}");
    }

    #[test]
    fn what_is_missing_is_counted() {
        let slice = |positive: bool, score: f32| Drawn { positive, score: Some(score) };
        let few: Vec<Drawn> = (0..40).map(|at| slice(at % 2 == 0, if at % 2 == 0 { 0.9 } else { 0.1 })).collect();
        let found = find(&few, &WISH);
        // 20 of each side where 36 are needed: 72 patients would have them every second time, and 84 nine times in ten.
        assert_eq!((found.positive.called, found.positive.right, found.positive.more), (20, 20, Some(44)));
        assert_eq!((found.negative.more, found.drawn, found.positives, found.point), (Some(44), 40, 20, None));
        let blind: Vec<Drawn> = (0..400).map(|at| slice(at % 2 == 0, (at % 90) as f32 / 100.0)).collect();
        let found = find(&blind, &WISH);
        assert_eq!((found.positive.more, found.positive.threshold), (None, None));
        let nothing = find(&[Drawn { positive: true, score: None }], &WISH);
        assert_eq!((nothing.positive.called, nothing.positive.nearest, nothing.point), (0, None, None));
        assert_eq!(find(&[], &WISH).point, None);
    }

    #[test]
    fn as_many_more_as_are_named_mostly_do() {
        let mut shares = 0.0;
        println!("prevalence  distance  groups  draws  passed  more");
        for (prevalence, distance, count) in [
            (0.3, 4.0, 40),
            (0.5, 4.0, 40),
            (0.3, 4.0, 100),
            (0.3, 3.0, 60),
            (0.5, 2.5, 100),
            (0.1, 4.0, 100),
            (0.5, 6.0, 40),
        ] {
            let population = Population::new(prevalence, distance, 1.0);
            let mut random = ChaCha8Rng::seed_from_u64(17);
            let (mut tried, mut passed, mut all) = (0, 0, 0);
            while tried < 200 {
                let mut drawn = population.draw(count, &mut random);
                let Some(more @ 1..) = Tested::new(&drawn, WISH.ppv, WISH.error(), true).side().more else { continue };
                drawn.extend(population.draw(more, &mut random));
                (tried, all) = (tried + 1, all + more);
                passed += usize::from(Tested::new(&drawn, WISH.ppv, WISH.error(), true).passed.is_some());
            }
            let share = passed as f64 / tried as f64;
            println!("{prevalence:10} {distance:9} {count:7} {tried:6} {share:7.3} {:5}", all / tried);
            assert!(share > 0.5, "{share} at {prevalence}, {distance}, {count}");
            shares += share / 7.0;
        }
        assert!(shares > 0.75, "{shares}");
    }

    #[test]
    fn a_side_that_is_lost_to_refusals_gives_nothing() {
        let refused: Vec<Drawn> = (0..500).map(|at| Drawn { positive: at % 2 == 0, score: None }).collect();
        assert_eq!(find(&refused, &WISH).point, None);
    }

    #[test]
    fn sides_that_overlap_meet() {
        let all = thresholds();
        let [from, to] = apart(0.2, 0.6, &all);
        assert!(to < from && (0.2..=0.6).contains(&from) && (0.19..=0.6).contains(&to), "{from} {to}");
        assert_eq!(apart(0.6, 0.2, &all), [0.6, 0.2]);
    }

    #[test]
    fn another_prevalence_is_drawn() {
        let mut random = ChaCha8Rng::seed_from_u64(4);
        let half = Population::new(0.5, 3.0, 1.0).draw(2000, &mut random);
        let tenth = at_prevalence(&half, 0.1);
        let positives = tenth.iter().filter(|slice| slice.positive).count() as f64;
        assert!(
            tenth.len() > 900 && (positives / tenth.len() as f64 - 0.1).abs() < 0.04,
            "{positives} of {}",
            tenth.len()
        );
        assert!(at_prevalence(&half[..3], 0.1).len() < 3);
    }

    /// The share of 1,000 draws in which a point was given that does not hold what was wanted.
    fn broken(population: &Population, count: usize, wish: &Wish, seed: u64) -> (f64, f64) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let (mut given, mut wrong) = (0, 0);
        for _ in 0..1000 {
            let drawn = population.draw(count, &mut random);
            let [positive, negative] = tests(&at_wish(&drawn, wish), wish);
            let Some(point) = point(&positive, &negative) else { continue };
            let [ppv, npv] = population.values(point, wish.prevalence.unwrap_or(population.prevalence));
            given += 1;
            wrong += usize::from(ppv < wish.ppv || npv < wish.npv);
        }
        (f64::from(given) / 1000.0, wrong as f64 / 1000.0)
    }

    /// 5 %, and three standard errors of 1,000 draws.
    const MOST_BROKEN: f64 = 0.05 + 3.0 * 0.0069;

    #[test]
    fn the_guarantee_holds_in_simulation() {
        println!("prevalence  distance  spread  groups  given  broken");
        let mut most_given: f64 = 0.0;
        for (at, prevalence) in [0.1, 0.3, 0.5, 0.8].into_iter().enumerate() {
            for (distance, spread) in [(1.5, 1.0), (2.5, 1.0), (4.0, 1.0), (2.5, 1.4), (0.0, 1.0)] {
                for count in [100, 300, 800] {
                    let population = Population::new(prevalence, distance, spread);
                    let (given, wrong) = broken(&population, count, &WISH, 100 * at as u64 + count as u64);
                    println!("{prevalence:10} {distance:9} {spread:7} {count:7} {given:6.3} {wrong:7.3}");
                    assert!(wrong <= MOST_BROKEN, "{wrong} at {prevalence}, {distance}, {spread}, {count}");
                    most_given = most_given.max(given);
                }
            }
        }
        assert!(most_given > 0.95, "it is given where slices can give it");
    }

    #[test]
    fn the_guarantee_holds_at_another_prevalence() {
        for (seed, prevalence) in [(1, 0.1), (2, 0.3), (3, 0.7)] {
            let wish = Wish { prevalence: Some(prevalence), ..WISH };
            let (given, wrong) = broken(&Population::new(0.5, 4.5, 1.0), 3000, &wish, seed);
            println!("wanted at {prevalence}: given {given:.3}, broken {wrong:.3}");
            assert!(wrong <= MOST_BROKEN && given > 0.5, "{wrong} of {given} at {prevalence}");
        }
    }

    #[test]
    fn the_guarantee_holds_for_patients_with_many_slices() {
        // Slices of a patient share most of their logit, and patients have one to twenty slices, the ill ones more.
        let mut random = ChaCha8Rng::seed_from_u64(9);
        let normal = Normal::standard();
        let (spread, distance): (f64, f64) = (0.4, 3.5);
        let mut wrong = 0;
        for _ in 0..1000 {
            let mut cases = Vec::new();
            for group in 0..200 {
                let positive = uniform(&mut random) < 0.5;
                let class = if positive { distance / 2.0 } else { -distance / 2.0 };
                let own = class + (1.0 - spread * spread).sqrt() * normal.inverse_cdf(uniform(&mut random).max(1e-12));
                let slices = 1 + below(&mut random, if positive { 20 } else { 5 });
                for _ in 0..slices {
                    let logit = own + spread * normal.inverse_cdf(uniform(&mut random).max(1e-12));
                    let score = 1.0 / (1.0 + (-logit).exp());
                    cases.push(Case { positive, group, answer: Some(Answer { logit, score }) });
                }
            }
            let [positive, negative] = tests(&draw(&cases), &WISH);
            let Some(point) = point(&positive, &negative) else { continue };
            let [ppv, npv] = Population::new(0.5, distance, 1.0).values(point, 0.5);
            wrong += usize::from(ppv < WISH.ppv || npv < WISH.npv);
        }
        assert!(f64::from(wrong as u32) / 1000.0 <= MOST_BROKEN, "{wrong} of 1000");
    }
}
