//! What a run finds of another one in the folder that it will write into.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::args::Unit;
use crate::tell::{plain, tell};

/// What metrics.json says of its run, of whatever version.
#[derive(Deserialize)]
struct Run {
    n: usize,
    device: String,
    model: NetworkName,
    #[serde(default)]
    unit: Unit,
}

#[derive(Deserialize)]
struct NetworkName {
    name: String,
    version: String,
}

/// Says whose results lie in a folder: they stay until those of this run are whole, and are then replaced.
pub fn tell(folder: &Path) {
    let Ok(text) = fs::read(folder.join("metrics.json")) else { return };
    let told = match serde_json::from_slice::<Run>(&text) {
        Ok(Run { n, device, model: NetworkName { name, version }, unit }) => {
            format!("{} {}, {n} {}, {}", plain(&name), plain(&version), unit.plural(), plain(&device))
        }
        Err(_) => "whose metrics.json is none of this version".to_string(),
    };
    tell!("{} holds the results of another run ({told}): they are replaced when this one is whole", folder.display());
}
