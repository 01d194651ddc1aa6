//! The score of a study, from those of its slices: one number for a series, or why there is none.

use serde::Serialize;

use super::Counts;
use crate::model::StudyRule;
use crate::reading::{Verdict, log_odds};

/// Why a study has no score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// A stable word for programs.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub message: &'static str,
}

/// The slices of the study hold nothing together.
pub(super) const UNRELATED: Refusal = Refusal {
    code: "single_pictures",
    message: "These are single pictures, and nothing says that they are of one patient. Put the slices of a study into a folder or an archive of their own.",
};
const NO_RULE: Refusal = Refusal {
    code: "no_rule",
    message: "This network judges single slices: its settings do not say how slices become a study's score.",
};
const NONE_JUDGED: Refusal = Refusal { code: "none_judged", message: "No slice was judged. The slices say why." };
const TOO_FEW: Refusal = Refusal {
    code: "too_many_left_out",
    message: "A third of the slices or more was refused or could not be read, and not for want of lungs. The slices say why.",
};

/// The log-odds of a score are at most this, whichever side: where `f32` ends.
const MAX_LOG_ODDS: f64 = 16.0;

/// The score of a study whose judged slices have these `scores`: the mean of the highest of them as log-odds. The order says nothing.
///
/// # Errors
/// Why there is none.
pub(super) fn judge(rule: Option<&StudyRule>, scores: &[f32], counts: &[&Counts]) -> Result<(f32, Verdict), Refusal> {
    let rule = rule.ok_or(NO_RULE)?;
    if scores.is_empty() {
        return Err(NONE_JUDGED);
    }
    let is_short = |counts: &&Counts| 3 * (counts.refused + counts.unreadable - counts.without_lungs) >= counts.slices;
    if counts.iter().any(is_short) {
        return Err(TOO_FEW);
    }
    let mut odds: Vec<f64> = scores.iter().map(|score| log_odds(*score).clamp(-MAX_LOG_ODDS, MAX_LOG_ODDS)).collect();
    odds.sort_by(|a, b| b.total_cmp(a));
    let share = f64::from(rule.highest);
    // The share is rounded to what a person wrote: a fifth of 10 slices is 2, not 3.
    let number = ((odds.len() as f64 * share - 1e-4).ceil() as usize).clamp(1, odds.len());
    let mean = odds[..number].iter().sum::<f64>() / number as f64;
    let score = (1.0 / (1.0 + (-mean).exp())) as f32;
    Ok((score, Verdict::of(score, &rule.point)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::OperatingPoint;

    fn rule(highest: f32) -> StudyRule {
        StudyRule { highest, point: OperatingPoint { threshold: 0.4, uncertain: [0.3, 0.5], chosen: String::new() } }
    }

    fn judged(scores: &[f32], left_out: usize, without_lungs: usize) -> Result<(f32, Verdict), &'static str> {
        let counts = Counts {
            slices: scores.len() + left_out + without_lungs,
            judged: scores.len(),
            refused: left_out + without_lungs,
            without_lungs,
            ..Counts::default()
        };
        judge(Some(&rule(0.2)), scores, &[&counts]).map_err(|refusal| refusal.code)
    }

    #[test]
    fn the_highest_fifth_counts_in_any_order() {
        let mut scores: Vec<f32> = (1..=10).map(|at| at as f32 / 20.0).collect();
        let expected = (log_odds(0.5) + log_odds(0.45)) / 2.0;
        let (score, verdict) = judged(&scores, 0, 0).unwrap();
        assert!((log_odds(score) - expected).abs() < 1e-6);
        assert_eq!(verdict, Verdict::Uncertain);
        scores.reverse();
        scores.rotate_left(3);
        assert_eq!(judged(&scores, 0, 0), Ok((score, verdict)));
        // One slice is its own study; of six the highest two.
        assert_eq!(judged(&[0.75], 0, 0), Ok((0.75, Verdict::Positive)));
        let (score, _) = judged(&[0.9, 0.5, 0.1, 0.1, 0.1, 0.1], 0, 0).unwrap();
        assert!((f64::from(score) - 0.75).abs() < 1e-6, "{score}");
    }

    #[test]
    fn scores_that_are_0_or_1_are_no_infinity() {
        assert!(judged(&[1.0], 0, 0).unwrap().0 > 0.999);
        assert!(judged(&[0.0], 0, 0).unwrap().0 < 0.001);
        let (score, _) = judged(&[0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0], 0, 0).unwrap();
        assert!(score > 0.999);
    }

    #[test]
    fn a_third_that_is_left_out_is_too_much_unless_it_shows_no_lungs() {
        assert!(judged(&[0.2; 7], 3, 0).is_ok());
        assert_eq!(judged(&[0.2; 6], 3, 0), Err("too_many_left_out"));
        assert!(judged(&[0.2; 2], 0, 30).is_ok());
        assert_eq!(judged(&[], 0, 30), Err("none_judged"));
        assert_eq!(judge(None, &[0.5], &[]).map_err(|refusal| refusal.code), Err("no_rule"));
    }
}
