//! Measures as they are told: with their intervals, and how these were made.

use serde::Serialize;

use super::{Case, Interval, Measures, Ranked, intervals, numbered};

/// A measure with its interval; `None` where it is not defined.
#[derive(Debug, Clone, Serialize)]
pub struct Estimate {
    pub value: Option<f64>,
    pub ci95: Option<[f64; 2]>,
    pub method: String,
}

impl Estimate {
    pub fn new(value: Option<f64>, interval: Interval) -> Estimate {
        Estimate { value, ci95: interval.ends, method: interval.method }
    }
}

/// Each measure with its interval, by bootstrap over the groups of `cases`.
pub fn estimates(cases: &[Case], threshold: f64) -> Measures<Estimate> {
    // Groups that are empty here must not be drawn. The others keep their order, for the draws must not depend on that of the rows.
    let cases = numbered(cases.to_vec());
    Ranked::new(&cases, threshold)
        .measure(&vec![1.0; cases.len()])
        .zip(intervals(&cases, threshold))
        .map(|(value, interval)| Estimate::new(value, interval))
}
