//! `lungglass validate`: the network on labelled slices; predictions.csv, metrics.json and report.html.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use lungglass::hash::sha256;

use crate::args::Validate;
use crate::failure::{Failure, Outcome};
use crate::labelled::{self, Labelled};
use crate::partial::{Partial, Run};
use crate::predictions::Prediction;
use crate::report::{self, ModelRun, Wishes};
use crate::tell::tell;
use crate::{network, reading};

/// Where there is no terminal to draw on, progress is a line this often.
const BETWEEN_LINES: Duration = Duration::from_secs(30);

/// Reads every slice. One that cannot be read counts as a wrong decision and is listed.
pub fn run(arguments: &Validate) -> Result<Outcome, Failure> {
    let slices = labelled::slices(arguments)?;
    let classifier = network::load(&arguments.network, arguments.batch)?;
    let settings = serde_json::to_vec(&classifier.model).map_err(|error| Failure(error.to_string()))?;
    let run = Run {
        model: classifier.model.sha256.clone(),
        device: classifier.device.to_string(),
        slices: labelled::fingerprint(&slices),
        settings: sha256(&settings),
    };
    let (mut partial, mut done) = Partial::open(&arguments.out, &run, arguments.resume, &slices)?;
    let wanted: Vec<usize> = (0..slices.len()).filter(|at| !done.contains_key(at)).collect();

    let start = Instant::now();
    let mut progress = Progress::new(wanted.len(), slices.len());
    reading::read(&classifier, &slices, &wanted, &mut |at, prediction| {
        partial.add(at, &prediction)?;
        done.insert(at, prediction);
        progress.advance();
        Ok(())
    })?;
    let rate = wanted.len() as f64 / start.elapsed().as_secs_f64();
    progress.finish();
    let predictions: Vec<Prediction> = (0..slices.len()).filter_map(|at| done.remove(&at)).collect();
    let picture = |at: usize| {
        let source = reading::open(&slices[at]).ok()?;
        Some(source.slice(0).ok()?.into_picture(classifier.model.window))
    };
    let wishes = Wishes {
        thresholds: arguments.thresholds.clone(),
        subgroups: subgroups(arguments, &slices),
        pictures: if arguments.thumbnails { Some(&picture) } else { None },
    };
    let outcome =
        report::write(ModelRun::new(&classifier, rate, arguments.shard), &predictions, &wishes, &arguments.out)?;
    partial.finish()?;
    Ok(outcome)
}

/// Each column that was asked for, with the value of each slice.
fn subgroups(arguments: &Validate, slices: &[Labelled]) -> Vec<(String, Vec<String>)> {
    let values = |at: usize| slices.iter().map(|slice| slice.subgroups[at].clone()).collect();
    arguments.subgroups.iter().enumerate().map(|(at, column)| (column.clone(), values(at))).collect()
}

/// How far the run is: a bar on a terminal, a line now and then elsewhere.
struct Progress {
    bar: ProgressBar,
    start: Instant,
    lines: Lines,
}

impl Progress {
    fn new(wanted: usize, all: usize) -> Progress {
        if wanted < all {
            tell!("{} of {all} slices were read before", all - wanted);
        }
        let bar = ProgressBar::new(wanted as u64).with_style(
            ProgressStyle::with_template("{pos} of {len} slices, {per_sec}, {eta} left").expect("a fixed template"),
        );
        Progress { bar, start: Instant::now(), lines: Lines { wanted, read: 0, told: Duration::ZERO } }
    }

    fn advance(&mut self) {
        self.bar.inc(1);
        let line = self.lines.advance(self.start.elapsed());
        if let (false, Some(line)) = (io::stderr().is_terminal(), line) {
            tell!("{line}");
        }
    }

    fn finish(self) {
        self.bar.finish_and_clear();
    }
}

/// What the lines say, and when there is one.
struct Lines {
    wanted: usize,
    read: usize,
    /// The time of the last line, since the start.
    told: Duration,
}

impl Lines {
    /// One slice more was read, so long after the start.
    fn advance(&mut self, spent: Duration) -> Option<String> {
        self.read += 1;
        if spent < self.told + BETWEEN_LINES {
            return None;
        }
        self.told = spent;
        let rate = self.read as f64 / spent.as_secs_f64();
        let left = HumanDuration(Duration::from_secs_f64((self.wanted - self.read) as f64 / rate));
        Some(format!("{} of {} slices, {rate:.1} a second, {left} left", self.read, self.wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_rate_and_time_left_every_half_minute() {
        let mut lines = Lines { wanted: 500, read: 0, told: Duration::ZERO };
        // Two slices a second.
        let told: Vec<_> = (1..=130).filter_map(|at| lines.advance(Duration::from_millis(500 * at))).collect();
        assert_eq!(
            told,
            ["60 of 500 slices, 2.0 a second, 4 minutes left", "120 of 500 slices, 2.0 a second, 3 minutes left"]
        );
    }

    #[test]
    fn the_last_slice_leaves_nothing() {
        let mut lines = Lines { wanted: 1, read: 0, told: Duration::ZERO };
        assert_eq!(lines.advance(BETWEEN_LINES).unwrap(), "1 of 1 slices, 0.0 a second, 0 seconds left");
    }
}
