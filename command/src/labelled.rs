//! Labelled slices: the rows of a manifest, or the images of COVID-CT as its authors lay them out.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::args::Validate;
use crate::failure::{Failure, failed};
use crate::manifest::{Manifest, Row};

/// One labelled slice, not yet read.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled {
    /// As the manifest has it.
    pub path: String,
    /// Where it is.
    pub file: PathBuf,
    /// 1 = COVID-19.
    pub label: u8,
    pub split: String,
    pub group: String,
    /// Its value in each of the columns that the report is to be split by, in their order.
    pub subgroups: Vec<String>,
}

/// The folders and labels of COVID-CT (Zhao et al. 2020, arXiv 2003.13865).
const CLASSES: [(&str, u8); 2] = [("COVID", 1), ("NonCOVID", 0)];
const SPLITS: [&str; 3] = ["train", "val", "test"];

/// The slices that the command line asks for.
pub fn slices(arguments: &Validate) -> Result<Vec<Labelled>, Failure> {
    let (source, all) = match (&arguments.manifest, &arguments.covid_ct) {
        (Some(path), _) => (path, manifest(path, &arguments.subgroups)?),
        (None, Some(folder)) => (folder, covid_ct(folder, arguments.split.as_deref())?),
        (None, None) => return Err(Failure("give it --manifest or --covid-ct".to_string())),
    };
    let own: Vec<Labelled> =
        all.into_iter().filter(|slice| arguments.split.as_deref().is_none_or(|split| slice.split == split)).collect();
    let mut seen = HashSet::new();
    if let Some(twice) = own.iter().find(|slice| !seen.insert(&slice.path)) {
        return Err(Failure(format!("{}: {} is there twice; it would count twice", source.display(), twice.path)));
    }
    let slices: Vec<Labelled> = own
        .into_iter()
        .enumerate()
        .filter(|(at, _)| arguments.shard.is_none_or(|shard| shard.holds(*at)))
        .map(|(_, slice)| slice)
        .collect();
    if slices.is_empty() {
        let split = arguments.split.as_deref().map(|split| format!(" of split \"{split}\"")).unwrap_or_default();
        let shard = arguments.shard.map(|shard| format!(" in shard {shard}")).unwrap_or_default();
        return Err(Failure(format!("{}: there are no rows{split}{shard}", source.display())));
    }
    Ok(slices)
}

/// What stands for these very slices, in this order, with these labels.
pub fn fingerprint(slices: &[Labelled]) -> String {
    let mut hash = Sha256::new();
    for Labelled { path, label, split, group, .. } in slices {
        // Lengths keep one field from running into the next.
        for field in [path, split, group] {
            hash.update((field.len() as u64).to_le_bytes());
            hash.update(field);
        }
        hash.update([*label]);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn manifest(path: &Path, subgroups: &[String]) -> Result<Vec<Labelled>, Failure> {
    let columns = ["path", "label", "split", "group"].into_iter().chain(subgroups.iter().map(String::as_str));
    let manifest = Manifest::read(path, &columns.collect::<Vec<_>>())?;
    manifest
        .rows()
        .map(|row| {
            Ok(Labelled {
                path: row.value("path").to_string(),
                file: row.path(),
                label: label(row)?,
                split: row.value("split").to_string(),
                group: row.value("group").to_string(),
                subgroups: subgroups.iter().map(|column| row.value(column).to_string()).collect(),
            })
        })
        .collect()
}

fn label(row: Row) -> Result<u8, Failure> {
    match row.value("label") {
        "1" => Ok(1),
        "0" => Ok(0),
        other => Err(row.failure(&format!("the label is \"{other}\"; it must be 1 (COVID-19) or 0"))),
    }
}

/// `Images-processed/CT_COVID`, `Images-processed/CT_NonCOVID` and `Data-split/COVID/testCT_COVID.txt` and so on, as a clone of the
/// authors' repository has them once its archives are unpacked.
fn covid_ct(folder: &Path, split: Option<&str>) -> Result<Vec<Labelled>, Failure> {
    if let Some(unknown) = split.filter(|split| !SPLITS.contains(split)) {
        return Err(Failure(format!("COVID-CT has the splits {}, not \"{unknown}\"", SPLITS.join(", "))));
    }
    let mut slices = Vec::new();
    for split in SPLITS.into_iter().filter(|known| split.is_none_or(|split| split == *known)) {
        for (class, label) in CLASSES {
            let list = folder.join("Data-split").join(class).join(format!("{split}CT_{class}.txt"));
            let images = Path::new("Images-processed").join(format!("CT_{class}"));
            let names = fs::read_to_string(&list).map_err(failed(list.display()))?;
            slices.extend(names.lines().map(str::trim).filter(|name| !name.is_empty()).map(|name| {
                let path = images.join(name);
                Labelled {
                    file: folder.join(&path),
                    path: path.display().to_string(),
                    label,
                    split: split.to_string(),
                    group: publication(class, name),
                    subgroups: Vec::new(),
                }
            }));
        }
    }
    Ok(slices)
}

/// What the slices of one publication or one figure share. Their names begin with it, then comes `-p` and a page, or `%` and a number.
fn publication(class: &str, name: &str) -> String {
    let stem = Path::new(name).file_stem().map_or(name.into(), |stem| stem.to_string_lossy());
    let figure = stem.split_once('%').map_or(&*stem, |(figure, _)| figure);
    let paper = figure.rsplit_once("-p").filter(|(_, page)| page.starts_with(|c: char| c.is_ascii_digit()));
    format!("{class} {}", paper.map_or(figure, |(paper, _)| paper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_of_one_publication_are_one_group() {
        let group = |name| publication("COVID", name);
        assert_eq!(group("2020.02.10.20021584-p6-52%0.png"), "COVID 2020.02.10.20021584");
        assert_eq!(group("2020.02.10.20021584-p7-9.png"), "COVID 2020.02.10.20021584");
        assert_eq!(group("kjr-21-e24-p5-29.png"), "COVID kjr-21-e24");
        assert_eq!(publication("NonCOVID", "71%0.jpg"), "NonCOVID 71");
        assert_eq!(publication("NonCOVID", "1.jpg"), "NonCOVID 1");
    }

    #[test]
    fn a_fingerprint_tells_labels_and_order() {
        let slice = |path: &str, label| Labelled {
            path: path.to_string(),
            file: PathBuf::new(),
            label,
            split: String::new(),
            group: String::new(),
            subgroups: Vec::new(),
        };
        let first = fingerprint(&[slice("a", 0), slice("b", 1)]);
        assert_eq!(first, fingerprint(&[slice("a", 0), slice("b", 1)]));
        assert_ne!(first, fingerprint(&[slice("b", 1), slice("a", 0)]));
        assert_ne!(first, fingerprint(&[slice("a", 1), slice("b", 1)]));
    }
}
