//! `lungglass validate`: the network on labelled slices; predictions.csv, metrics.json and report.html.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use lungglass::model::sha256;

use crate::args::Validate;
use crate::failure::{Failure, Outcome};
use crate::labelled::{self, Labelled};
use crate::partial::{Partial, Run};
use crate::predictions::Prediction;
use crate::report::{self, ModelRun, Wishes};
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
    let outcome = report::write(ModelRun::new(&classifier, rate), &predictions, &wishes, &arguments.out)?;
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
    told: Instant,
    wanted: usize,
    read: usize,
}

impl Progress {
    fn new(wanted: usize, all: usize) -> Progress {
        if wanted < all {
            eprintln!("lungglass: {} of {all} slices were read before", all - wanted);
        }
        let bar = ProgressBar::new(wanted as u64).with_style(
            ProgressStyle::with_template("{pos} of {len} slices, {per_sec}, {eta} left").expect("a fixed template"),
        );
        Progress { bar, start: Instant::now(), told: Instant::now(), wanted, read: 0 }
    }

    fn advance(&mut self) {
        self.read += 1;
        self.bar.inc(1);
        if !io::stderr().is_terminal() && self.told.elapsed() >= BETWEEN_LINES {
            self.told = Instant::now();
            let rate = self.read as f64 / self.start.elapsed().as_secs_f64();
            let left = Duration::from_secs_f64((self.wanted - self.read) as f64 / rate);
            eprintln!(
                "lungglass: {} of {} slices, {rate:.1} a second, {} left",
                self.read,
                self.wanted,
                HumanDuration(left)
            );
        }
    }

    fn finish(self) {
        self.bar.finish_and_clear();
    }
}
