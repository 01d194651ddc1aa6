//! Labelled slices and what became of each: what tests and charts are made of.

use lungglass::likeness::Likeness;
use lungglass::reading::Verdict;
use serde::{Deserialize, Serialize};

use crate::metrics::{Answer, Case};

/// A slice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// It is labelled as COVID-19.
    pub positive: bool,
    /// What slices of one patient have in common; empty for one that is known to share it with none.
    pub group: String,
    /// What tells it from others, such as a path. Nothing that is written holds it.
    pub name: String,
    pub verdict: Verdict,
    pub score: Option<f32>,
    pub logit: Option<f32>,
    /// Of its refusal, or of what kept it from being read.
    pub code: Option<String>,
    pub likeness: Option<Likeness>,
}

/// Rows as the metrics take them, gathered one at a time. Rows without a group are groups of their own.
#[derive(Default)]
pub struct Cases {
    cases: Vec<Case>,
    /// All names of groups, one behind the other.
    names: String,
    /// Of each row: whether it has no group, and where its name ends.
    ends: Vec<(bool, usize)>,
}

impl Cases {
    /// Adds a slice: its label, its group, its name, which stands for a group that is empty, and its score with its logit.
    pub fn add(&mut self, positive: bool, group: &str, name: &str, answer: Option<(f32, f32)>) {
        self.names += if group.is_empty() { name } else { group };
        self.ends.push((group.is_empty(), self.names.len()));
        let answer = answer.map(|(score, logit)| Answer { logit: logit.into(), score: score.into() });
        self.cases.push(Case { positive, group: 0, answer });
    }

    /// All rows. Groups are numbered by name, so that the same rows in another order have the same intervals.
    pub fn finish(mut self) -> Vec<Case> {
        let name = |at: usize| {
            let start = at.checked_sub(1).map_or(0, |before| self.ends[before].1);
            (self.ends[at].0, &self.names[start..self.ends[at].1])
        };
        let mut order: Vec<usize> = (0..self.ends.len()).collect();
        order.sort_unstable_by_key(|at| name(*at));
        let mut number = 0;
        for (place, &at) in order.iter().enumerate() {
            if place > 0 && name(order[place - 1]) != name(at) {
                number += 1;
            }
            self.cases[at].group = number;
        }
        self.cases
    }
}

/// The rows as the metrics take them.
pub fn cases(rows: &[Row]) -> Vec<Case> {
    let mut cases = Cases::default();
    rows.iter().for_each(|row| cases.add(row.positive, &row.group, &row.name, row.score.zip(row.logit)));
    cases.finish()
}
