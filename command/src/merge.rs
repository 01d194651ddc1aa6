//! `lungglass merge`: the shards of one validation, put together as if one machine had read them all.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::Path;

use lungglass::operating_point::Local;
use lungglass::reading::ModelName;
use serde::Deserialize;

use crate::args::{Merge, Shard, Unit};
use crate::earlier;
use crate::failure::{Failure, Outcome, failed};
use crate::output::Lock;
use crate::predictions::{self, Each, Prediction, Rows};
use crate::report::{self, ModelRun, Unanswered, Wishes};
use crate::tell::plain;

/// A failure names at most this many missing shards.
const MAX_NAMED: usize = 8;

/// What a shard's metrics.json says of its run.
#[derive(Deserialize)]
struct Run {
    n: usize,
    threshold: f32,
    uncertain: [f32; 2],
    device: String,
    images_per_second: f64,
    model: ModelName,
    #[serde(default)]
    shard: Option<Shard>,
    #[serde(default)]
    unit: Unit,
    #[serde(default)]
    without_score: Vec<Unanswered>,
}

/// A folder that `validate --shard` wrote.
struct Part<'a> {
    folder: &'a Path,
    run: Run,
    rows: Vec<Prediction>,
    /// The row's value in each column of `--subgroup`.
    values: Vec<Vec<String>>,
}

/// Reads each folder's predictions.csv and metrics.json and writes the three files of the whole.
pub fn run(arguments: &Merge) -> Result<Outcome, Failure> {
    if let Some(folder) = arguments.shards.iter().find(|folder| is_same(folder, &arguments.out)) {
        return Err(Failure(format!(
            "{} is one of the shards: write the whole elsewhere with --out",
            folder.display()
        )));
    }
    let parts: Vec<Part> =
        arguments.shards.iter().map(|folder| part(folder, &arguments.subgroups)).collect::<Result<_, _>>()?;
    let (first, others) = parts.split_first().ok_or_else(|| Failure("there are no shards".to_string()))?;
    let settings = |run: &Run| (run.threshold, run.uncertain);
    if let Some(other) = others.iter().find(|other| {
        unnoticed(&other.run.model) != unnoticed(&first.run.model) || settings(&other.run) != settings(&first.run)
    }) {
        let folder = other.folder.display();
        return Err(Failure(format!("{folder}: it was read by another network or at another threshold")));
    }
    if let Some(other) = others.iter().find(|other| other.run.unit != first.run.unit) {
        let (folder, unit) = (other.folder.display(), other.run.unit.plural());
        return Err(Failure(format!("{folder}: its rows are {unit}, and those before are not")));
    }
    if let Some(part) = parts.iter().find(|part| part.run.unit == Unit::Group) {
        let folder = part.folder.display();
        return Err(Failure(format!(
            "{folder}: its rows are groups, whose slices are not in it; validate the whole manifest with --unit group instead"
        )));
    }
    let run = of_all(&parts);
    let (rows, values) = in_order(parts)?;
    let mut seen = HashSet::new();
    if let Some(twice) = rows.iter().find(|row| !seen.insert(&row.path)) {
        return Err(Failure(format!("{} is in more than one shard", plain(&twice.path))));
    }
    let wishes = Wishes {
        thresholds: arguments.thresholds.clone(),
        specificities: arguments.specificities.clone(),
        subgroups: arguments.subgroups.clone(),
        ..Wishes::default()
    };
    let _lock = Lock::take(&arguments.out)?;
    earlier::tell(&arguments.out);
    report::write(run, &Merged { rows, values }, &wishes, &arguments.out)
}

/// The rows of the whole, each with its value in each column of `--subgroup`.
struct Merged {
    rows: Vec<Prediction>,
    values: Vec<Vec<String>>,
}

impl Rows for Merged {
    fn count(&self) -> usize {
        self.rows.len()
    }

    fn walk(&self, each: Each) -> Result<(), Failure> {
        self.rows.iter().zip(&self.values).try_for_each(|(row, values)| each(row.clone(), values))
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    fs::canonicalize(one).is_ok_and(|one| fs::canonicalize(other).is_ok_and(|other| one == other))
}

fn part<'a>(folder: &'a Path, subgroups: &[String]) -> Result<Part<'a>, Failure> {
    if folder.is_file() {
        let (file, of) = (folder.display(), folder.parent().unwrap_or(folder).display());
        return Err(Failure(format!("{file}: it is a file; name the folder that `validate` wrote, {of}")));
    }
    let path = folder.join("metrics.json");
    let text = fs::read(&path).map_err(failed(path.display()))?;
    let run: Run = serde_json::from_slice(&text).map_err(|error| Failure(format!("{}: {error}", path.display())))?;
    let path = folder.join("predictions.csv");
    let (mut rows, values) = predictions::read_with(&path, subgroups)?;
    if rows.len() != run.n {
        let (n, folder) = (rows.len(), folder.display());
        return Err(Failure(format!("{folder}: predictions.csv has {n} rows, metrics.json says {}", run.n)));
    }
    let reasons: HashMap<&str, &str> =
        run.without_score.iter().map(|row| (row.path.as_str(), row.reason.as_str())).collect();
    for row in &mut rows {
        row.reason = reasons.get(row.path.as_str()).map(|reason| (*reason).to_string());
    }
    Ok(Part { folder, run, rows, values })
}

/// The network, and whose operating point it judges by, but for what its slices made it say.
fn unnoticed(model: &ModelName) -> ModelName {
    let local = model.operating_point.clone().map(|local| Local { notice: None, ..local });
    ModelName { operating_point: local, ..model.clone() }
}

/// What the shards say of their operating point, each sentence once.
fn notice(parts: &[Part]) -> Option<String> {
    let notices = parts.iter().filter_map(|part| part.run.model.operating_point.as_ref()?.notice.as_deref());
    let notices: BTreeSet<&str> = notices.collect();
    (!notices.is_empty()).then(|| notices.into_iter().collect::<Vec<_>>().join(" "))
}

/// The run that all shards are.
fn of_all(parts: &[Part]) -> ModelRun {
    let Run { threshold, uncertain, model, unit, .. } = &parts[0].run;
    let local = model.operating_point.clone().map(|local| Local { notice: notice(parts), ..local });
    let devices: BTreeSet<&str> = parts.iter().map(|part| part.run.device.as_str()).collect();
    ModelRun {
        model: ModelName { operating_point: local, ..model.clone() },
        threshold: *threshold,
        uncertain: *uncertain,
        device: devices.into_iter().collect::<Vec<_>>().join(", "),
        // Shards run at the same time.
        images_per_second: parts.iter().map(|part| part.run.images_per_second).sum(),
        shard: None,
        unit: *unit,
    }
}

/// The rows as the manifest has them, with their values. Folders that are no shards follow each other as they were given.
///
/// # Errors
/// When a shard is missing or there twice: figures over a part would pass for those of the whole.
fn in_order(mut parts: Vec<Part>) -> Result<(Vec<Prediction>, Vec<Vec<String>>), Failure> {
    let Some(of) = parts.iter().find_map(|part| part.run.shard).map(|shard| shard.of) else {
        return Ok(parts.into_iter().flat_map(|part| part.rows.into_iter().zip(part.values)).unzip());
    };
    let mut places: BTreeMap<usize, &Path> = BTreeMap::new();
    for part in &parts {
        let folder = part.folder.display();
        let shard = part.run.shard.filter(|shard| shard.of == of);
        let shard = shard.ok_or_else(|| Failure(format!("{folder}: it is no shard of {of}, as others are")))?;
        if !(1..=of).contains(&shard.part) {
            return Err(Failure(format!("{folder}: there is no shard {shard}")));
        }
        if let Some(other) = places.insert(shard.part, part.folder) {
            return Err(Failure(format!("{folder}: it is shard {shard}, as is {}", other.display())));
        }
    }
    // The number comes from a file, and may be absurd.
    let missing: Vec<String> =
        (1..=of).filter(|part| !places.contains_key(part)).take(MAX_NAMED).map(|part| part.to_string()).collect();
    if !missing.is_empty() {
        let more = if places.len() + missing.len() < of { " and more" } else { "" };
        return Err(Failure(format!("of {of} shards, these are missing: {}{more}", missing.join(", "))));
    }
    parts.sort_by_key(|part| part.run.shard.map(|shard| shard.part));
    let mut rows: Vec<_> = parts.into_iter().map(|part| part.rows.into_iter().zip(part.values)).collect();
    let longest = rows.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
    // Row by row in turn, as they were dealt.
    Ok((0..longest).flat_map(|_| rows.iter_mut().filter_map(Iterator::next).collect::<Vec<_>>()).unzip())
}
