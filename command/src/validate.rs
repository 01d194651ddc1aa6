//! `lungglass validate`: the network on labelled slices; predictions.csv, metrics.json and report.html.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use lungglass::classifier::Classifier;
use lungglass::hash::sha256;
use lungglass::operating_point::{Batch, Local};
use lungglass::reading::Verdict;
use lungglass::self_test;

use crate::args::{Unit, Validate};
use crate::failure::{Failure, Outcome, failed};
use crate::labelled::{Choice, Selection};
use crate::output::Lock;
use crate::partial::{Kept, Partial, Run};
use crate::predictions::{Each, Prediction, Rows};
use crate::reading::Wants;
use crate::report::{self, ModelRun, Wishes};
use crate::tell::{plain, tell};
use crate::{classes, earlier, groups, network, reading, studies};

/// Where there is no terminal to draw on, progress is a line this often.
const BETWEEN_LINES: Duration = Duration::from_secs(30);

/// What a unit does not go together with, and why.
fn refuse(arguments: &Validate) -> Result<(), Failure> {
    let Validate { unit, covid_ct, shard, resume, thumbnails, .. } = arguments;
    let asked = [
        ("--covid-ct", covid_ct.is_some() && *unit == Unit::Study),
        ("--shard", shard.is_some() && *unit != Unit::Slice),
        ("--resume", *resume && *unit == Unit::Study),
        ("--thumbnails", *thumbnails && *unit != Unit::Slice),
    ];
    match asked.iter().find(|(_, is_asked)| *is_asked) {
        Some((option, _)) => Err(Failure(format!("{option} is not for --unit {}: leave one of them out", unit.word()))),
        None => Ok(()),
    }
}

/// Reads every slice. One that cannot be read counts as a wrong decision and is listed.
pub fn run(arguments: &Validate) -> Result<Outcome, Failure> {
    refuse(arguments)?;
    let classifier = network::load(&arguments.network, arguments.batch)?;
    let mut classifier = network::at_operating_point(classifier, arguments.operating_point.as_deref())?;
    if let Some(id) = &arguments.class {
        classifier.model = classifier.model.judging(id).map_err(failed("--class"))?;
    } else if classifier.model.has_classes() {
        let _lock = Lock::take(&arguments.out)?;
        earlier::tell(&arguments.out);
        return classes::run(arguments, &classifier);
    }
    let selection = Selection::of(&Choice::from(arguments))?;
    if arguments.unit != Unit::Slice && classifier.model.local.is_some() {
        let units = arguments.unit.plural();
        return Err(Failure(format!(
            "an operating point is for slices, and says nothing of {units}: leave out --unit"
        )));
    }
    let groups = match arguments.unit {
        Unit::Group => groups::of(&selection, &arguments.subgroups, Unit::Group)?,
        Unit::Slice | Unit::Study => Vec::new(),
    };
    let lock = Lock::take(&arguments.out)?;
    earlier::tell(&arguments.out);
    selection.tell_missing()?;
    if arguments.unit == Unit::Study {
        let outcome = read_studies(arguments, &selection, &classifier)?;
        groups::remove_earlier(&arguments.out)?;
        return Ok(outcome);
    }
    let settings = serde_json::to_vec(&classifier.model).map_err(|error| Failure(error.to_string()))?;
    let run = Run {
        program: env!("CARGO_PKG_VERSION").to_string(),
        model: classifier.model.sha256.clone(),
        device: classifier.device.to_string(),
        slices: selection.fingerprint.clone(),
        settings: sha256(&settings),
        options: options(arguments, classifier.model.local.as_ref()),
    };
    let mut partial = Partial::open(&arguments.out, &run, arguments.resume, selection.count)?;
    let before: Vec<bool> = (0..selection.count).map(|at| partial.has(at)).collect();
    let wanted = selection.count - partial.count();

    let start = Instant::now();
    let mut progress = Progress::new(wanted, selection.count, Unit::Slice);
    let slices = selection.slices()?.filter(|slice| !slice.as_ref().is_ok_and(|(at, _)| before[*at]));
    let wants = if classifier.model.local.is_some() { Wants::Likeness } else { Wants::Readings };
    reading::read(&classifier, slices, wants, &mut |at, prediction| {
        partial.add(at, &prediction)?;
        progress.advance();
        Ok(())
    })?;
    let rate = wanted as f64 / start.elapsed().as_secs_f64();
    progress.finish();
    if let Some(local) = &mut classifier.model.local {
        local.notice = notice(local, &selection, &partial)?;
    }
    let (rows, model) =
        (Read { selection: &selection, partial: &partial }, ModelRun::new(&classifier, rate, arguments.shard));
    if arguments.unit == Unit::Group {
        let outcome = groups::write(arguments, groups, &rows, classifier.model.point(), model)?;
        partial.finish()?;
        return Ok(outcome);
    }
    let picture = |row: &Prediction| {
        let image = reading::open(&selection.file(&row.path), &classifier.model).ok()?;
        image.slice(0).ok()?.into_picture(classifier.model.window).ok()
    };
    let wishes = Wishes {
        thresholds: arguments.thresholds.clone(),
        specificities: arguments.specificities.clone(),
        subgroups: arguments.subgroups.clone(),
        command: arguments.command.as_deref(),
        pictures: if arguments.thumbnails { Some(&picture) } else { None },
        ..Wishes::default()
    };
    let outcome = report::write(model, &rows, &wishes, &arguments.out)?;
    partial.finish()?;
    groups::remove_earlier(&arguments.out)?;
    drop(lock);
    Ok(outcome)
}

/// What must be said of a run by a local operating point, of all its slices; that they exceed its limits of drift is told at once.
fn notice(local: &Local, selection: &Selection, partial: &Partial) -> Result<Option<String>, Failure> {
    let mut batch = Batch::new(&local.drift);
    for slice in selection.slices()? {
        let (at, slice) = slice?;
        let Some(kept) = partial.kept(at).filter(|kept| kept.verdict != Verdict::Error) else { continue };
        let group = Some(slice.group).filter(|group| !group.is_empty());
        batch.add(group, kept.verdict == Verdict::Refused, kept.distances);
    }
    let notice = local.notice_of(&batch);
    if let (false, Some(notice)) = (local.drift.exceeded(&batch).is_empty(), &notice) {
        tell!("NOTE: {}", plain(notice));
    }
    Ok(notice)
}

/// As [`run`], of the studies that the rows are.
fn read_studies(arguments: &Validate, selection: &Selection, classifier: &Classifier) -> Result<Outcome, Failure> {
    let rule = classifier.model.study.as_ref().ok_or_else(|| {
        Failure(format!("the settings of {} have no [study]: it judges single slices", classifier.model.name))
    })?;
    let wanted = studies::of(selection, &arguments.subgroups)?;
    let start = Instant::now();
    let mut progress = Progress::new(wanted.len(), wanted.len(), Unit::Study);
    let (mut read, mut slices) = (studies::Read { rows: Vec::new() }, 0);
    for study in wanted {
        let (number, prediction) = study.read(classifier, Some(rule));
        if slices / self_test::EVERY != (slices + number) / self_test::EVERY {
            network::prove(classifier)?;
        }
        slices += number;
        read.add(study, prediction);
        progress.advance();
    }
    let rate = slices as f64 / start.elapsed().as_secs_f64();
    progress.finish();
    let wishes = Wishes {
        thresholds: arguments.thresholds.clone(),
        specificities: arguments.specificities.clone(),
        subgroups: arguments.subgroups.clone(),
        command: arguments.command.as_deref(),
        ..Wishes::default()
    };
    let run = ModelRun {
        threshold: rule.point.threshold,
        uncertain: rule.point.uncertain,
        unit: Unit::Study,
        ..ModelRun::new(classifier, rate, None)
    };
    report::write(run, &read, &wishes, &arguments.out)
}

/// The options that a run that goes on must have as it had them.
fn options(arguments: &Validate, local: Option<&Local>) -> Vec<(String, String)> {
    let one = |name: &str, value: Option<String>| value.map(|value| (name.to_string(), value));
    let thresholds = arguments.thresholds.iter().map(|score| ("--threshold".to_string(), score.to_string()));
    let subgroups = arguments.subgroups.iter().map(|column| ("--subgroup".to_string(), column.clone()));
    let split = one("--split", arguments.split.clone());
    let class = one("--class", arguments.class.clone());
    let shard = one("--shard", arguments.shard.map(|shard| shard.to_string()));
    let point = one("--operating-point", local.map(|local| local.sha256.clone()));
    split.into_iter().chain(class).chain(shard).chain(point).chain(thresholds).chain(subgroups).collect()
}

/// The slices with what became of each.
struct Read<'a> {
    selection: &'a Selection,
    partial: &'a Partial,
}

impl Rows for Read<'_> {
    fn count(&self) -> usize {
        self.selection.count
    }

    fn walk(&self, each: Each) -> Result<(), Failure> {
        for slice in self.selection.slices()? {
            let (at, slice) = slice?;
            let (Kept { verdict, score, logit, .. }, reason) = self.partial.get(at)?;
            each(Prediction { verdict, score, logit, reason, ..Prediction::unread(&slice) }, &slice.subgroups)?;
        }
        Ok(())
    }
}

/// How far the run is: a bar on a terminal, a line now and then elsewhere.
pub struct Progress {
    bar: ProgressBar,
    start: Instant,
    lines: Lines,
}

impl Progress {
    pub fn new(wanted: usize, all: usize, unit: Unit) -> Progress {
        if wanted < all {
            tell!("{} of {all} slices were read before", all - wanted);
        }
        let bar = ProgressBar::new(wanted as u64).with_style(
            ProgressStyle::with_template(&format!("{{pos}} of {{len}} {}, {{per_sec}}, {{eta}} left", unit.plural()))
                .expect("a fixed template"),
        );
        Progress { bar, start: Instant::now(), lines: Lines { wanted, unit, read: 0, told: Duration::ZERO } }
    }

    pub fn advance(&mut self) {
        self.bar.inc(1);
        let line = self.lines.advance(self.start.elapsed());
        if let (false, Some(line)) = (io::stderr().is_terminal(), line) {
            tell!("{line}");
        }
    }

    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}

/// What the lines say, and when there is one.
struct Lines {
    wanted: usize,
    unit: Unit,
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
        let unit = self.unit.plural();
        Some(format!("{} of {} {unit}, {rate:.1} a second, {left} left", self.read, self.wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_rate_and_time_left_every_half_minute() {
        let mut lines = Lines { wanted: 500, unit: Unit::Slice, read: 0, told: Duration::ZERO };
        // Two slices a second.
        let told: Vec<_> = (1..=130).filter_map(|at| lines.advance(Duration::from_millis(500 * at))).collect();
        assert_eq!(
            told,
            ["60 of 500 slices, 2.0 a second, 4 minutes left", "120 of 500 slices, 2.0 a second, 3 minutes left"]
        );
    }

    #[test]
    fn the_last_slice_leaves_nothing() {
        let mut lines = Lines { wanted: 1, unit: Unit::Slice, read: 0, told: Duration::ZERO };
        assert_eq!(lines.advance(BETWEEN_LINES).unwrap(), "1 of 1 slices, 0.0 a second, 0 seconds left");
    }
}
