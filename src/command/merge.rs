//! `lungglass merge`: the shards of one validation, put together as if one machine had read them all.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::args::Merge;
use crate::failure::{Failure, Outcome, failed};
use crate::predictions::{self, Prediction};
use crate::report::{self, ModelRun, Wishes};

/// What a shard's metrics.json says of its run.
#[derive(Deserialize)]
struct Shard {
    n: usize,
    threshold: f32,
    uncertain: [f32; 2],
    device: String,
    images_per_second: f64,
    model: Name,
}

#[derive(Deserialize, PartialEq)]
struct Name {
    name: String,
    version: String,
    sha256: String,
}

/// Reads each folder's predictions.csv and metrics.json and writes the three files of the whole.
pub fn run(arguments: &Merge) -> Result<Outcome, Failure> {
    let mut shards: Vec<(Shard, Vec<Prediction>)> = Vec::new();
    for folder in &arguments.shards {
        let shard = shard(folder)?;
        if let Some((first, _)) = shards.first()
            && (first.model != shard.model || first.threshold != shard.threshold || first.uncertain != shard.uncertain)
        {
            return Err(Failure(format!(
                "{}: it was read by another network or at another threshold",
                folder.display()
            )));
        }
        let rows = predictions::read(&folder.join("predictions.csv"))?;
        if rows.len() != shard.n {
            let text =
                format!("{}: predictions.csv has {} rows, metrics.json says {}", folder.display(), rows.len(), shard.n);
            return Err(Failure(text));
        }
        shards.push((shard, rows));
    }
    let mut devices: Vec<String> = shards.iter().map(|(shard, _)| shard.device.clone()).collect();
    devices.sort();
    devices.dedup();
    // Shards run at the same time.
    let images_per_second = shards.iter().map(|(shard, _)| shard.images_per_second).sum();
    let (first, _) = shards.first().ok_or_else(|| Failure("there are no shards".to_string()))?;
    let run = ModelRun {
        name: first.model.name.clone(),
        version: first.model.version.clone(),
        sha256: first.model.sha256.clone(),
        threshold: first.threshold,
        uncertain: first.uncertain,
        device: devices.join(", "),
        images_per_second,
    };
    let rows: Vec<Prediction> = shards.into_iter().flat_map(|(_, rows)| rows).collect();
    let mut seen = HashSet::new();
    if let Some(twice) = rows.iter().find(|row| !seen.insert(&row.path)) {
        return Err(Failure(format!("{} is in more than one shard", twice.path)));
    }
    let subgroups = arguments.subgroups.iter().map(|column| {
        let parts = arguments.shards.iter().map(|folder| predictions::column(&folder.join("predictions.csv"), column));
        Ok((column.clone(), parts.collect::<Result<Vec<_>, Failure>>()?.concat()))
    });
    let wishes = Wishes {
        thresholds: arguments.thresholds.clone(),
        subgroups: subgroups.collect::<Result<_, Failure>>()?,
        pictures: None,
    };
    report::write(run, &rows, &wishes, &arguments.out)
}

fn shard(folder: &Path) -> Result<Shard, Failure> {
    let path = folder.join("metrics.json");
    let text = fs::read(&path).map_err(failed(path.display()))?;
    serde_json::from_slice(&text).map_err(|error| Failure(format!("{}: {error}", path.display())))
}
