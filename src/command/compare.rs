//! `lungglass compare`: how far two runs over the same slices are apart. For runtimes, and for versions of one network.

use std::collections::HashMap;
use std::io::{self, Write};

use crate::args::Compare;
use crate::failure::{Failure, Outcome};
use crate::predictions::{self, Prediction};

/// Prints the distance; a difference over the bound, or another verdict, is a failure.
pub fn run(arguments: &Compare) -> Result<Outcome, Failure> {
    let [a, b] = [&arguments.a, &arguments.b].map(|path| predictions::read(path));
    let (a, b) = (a?, b?);
    let others: HashMap<&str, &Prediction> = b.iter().map(|row| (row.path.as_str(), row)).collect();
    let pairs: Vec<(&Prediction, &Prediction)> =
        a.iter().filter_map(|row| Some((row, *others.get(row.path.as_str())?))).collect();
    if pairs.is_empty() {
        return Err(Failure("the two files have no slice in common".to_string()));
    }
    let alone = a.len() + b.len() - 2 * pairs.len();
    let gaps: Vec<(f32, &str)> =
        pairs.iter().filter_map(|(a, b)| Some(((a.logit? - b.logit?).abs(), a.path.as_str()))).collect();
    let &(largest, at) =
        gaps.iter().max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or(&(0.0, "no slice has a logit in both"));
    let mean = gaps.iter().map(|(gap, _)| f64::from(*gap)).sum::<f64>() / gaps.len().max(1) as f64;
    let changed: Vec<_> = pairs.iter().filter(|(a, b)| a.verdict != b.verdict).collect();
    let mut text = format!(
        "{} slices in both, {alone} in one only\nlogits: mean difference {mean:.2e}, largest {largest:.2e} ({at})\nverdicts: {} differ\n",
        pairs.len(),
        changed.len()
    );
    for (a, b) in &changed {
        text += &format!("  {}: {} and {}\n", a.path, a.verdict, b.verdict);
    }
    // Nobody need be there to read it.
    let _ = io::stdout().write_all(text.as_bytes());
    if largest.is_nan() || largest > arguments.bound {
        return Err(Failure(format!(
            "the largest difference, {largest:.2e}, is over the bound of {:.2e}",
            arguments.bound
        )));
    }
    if !changed.is_empty() {
        return Err(Failure(format!("{} verdicts differ", changed.len())));
    }
    if alone > 0 {
        return Err(Failure(format!("{alone} slices are in one file only")));
    }
    Ok(Outcome::AllRead)
}
