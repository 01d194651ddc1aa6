//! Labelled slices: the rows of a manifest, or the images of COVID-CT as its authors lay them out.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::args::{Shard, Validate};
use crate::failure::{Failure, failed};
use crate::manifest::{Manifest, Row, written_plainly};
use crate::missing::Missing;
use crate::tell::plain;

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

/// What the command line says of the slices that it asks for.
#[derive(Clone, Copy)]
pub struct Choice<'a> {
    pub manifest: Option<&'a Path>,
    pub covid_ct: Option<&'a Path>,
    pub split: Option<&'a str>,
    pub shard: Option<Shard>,
    pub subgroups: &'a [String],
}

impl<'a> From<&'a Validate> for Choice<'a> {
    fn from(arguments: &'a Validate) -> Choice<'a> {
        Choice {
            manifest: arguments.manifest.as_deref(),
            covid_ct: arguments.covid_ct.as_deref(),
            split: arguments.split.as_deref(),
            shard: arguments.shard,
            subgroups: &arguments.subgroups,
        }
    }
}

/// The slices that the command line asks for. Those of a manifest are read from it each time they are gone through, and not held.
pub struct Selection {
    source: Source,
    split: Option<String>,
    shard: Option<Shard>,
    /// How many slices there are.
    pub count: usize,
    /// What stands for these very slices, in this order, with these labels.
    pub fingerprint: String,
}

enum Source {
    Manifest {
        path: PathBuf,
        subgroups: Vec<String>,
    },
    /// COVID-CT, which is small.
    Listed(PathBuf, Vec<Labelled>),
}

impl Selection {
    /// Goes through all slices once.
    ///
    /// # Errors
    /// A failure that names what is wrong with the manifest: a row that is none, a slice that is there twice, no slice at all.
    pub fn of(choice: &Choice) -> Result<Selection, Failure> {
        let Choice { split, shard, .. } = *choice;
        let source = match (choice.manifest, choice.covid_ct) {
            (Some(path), _) => Source::Manifest { path: path.to_path_buf(), subgroups: choice.subgroups.to_vec() },
            (None, Some(folder)) => Source::Listed(folder.to_path_buf(), covid_ct(folder, split)?),
            (None, None) => return Err(Failure("give it --manifest or --covid-ct".to_string())),
        };
        let split = split.map(str::to_string);
        let mut selection = Selection { source, split, shard, count: 0, fingerprint: String::new() };
        let mut fingerprint = Fingerprint::default();
        // Half of a hash is enough to know a path by, and shorter.
        let mut seen: HashSet<[u8; 16]> = HashSet::new();
        let mut slices = selection.rows()?;
        while let Some(row) = slices.next() {
            let slice = row?;
            let hash = Sha256::digest(written_plainly(&slice.file).as_os_str().as_encoded_bytes());
            if !seen.insert(hash[..16].try_into().expect("a hash of 32 bytes")) {
                let source = selection.name();
                let path = plain(&slice.path);
                return Err(Failure(format!("{source}: {path} is there twice; it would count twice")));
            }
            if slices.is_of_shard() {
                fingerprint.add(&slice);
            }
        }
        selection.count = fingerprint.count;
        selection.fingerprint = fingerprint.text();
        if selection.count == 0 {
            let split = choice.split.map(|split| format!(" of split \"{split}\"")).unwrap_or_default();
            let shard = choice.shard.map(|shard| format!(" in shard {shard}")).unwrap_or_default();
            return Err(Failure(format!("{}: there are no rows{split}{shard}", selection.name())));
        }
        Ok(selection)
    }

    fn name(&self) -> String {
        match &self.source {
            Source::Manifest { path, .. } | Source::Listed(path, _) => path.display().to_string(),
        }
    }

    /// The rows of the split, whatever shard they are of.
    fn rows(&self) -> Result<Rows<'_>, Failure> {
        let origin = match &self.source {
            Source::Manifest { path, subgroups } => {
                let columns: Vec<&str> = COLUMNS.into_iter().chain(subgroups.iter().map(String::as_str)).collect();
                let manifest = Manifest::open(path, &columns, &OTHERS)?;
                if self.split.is_some() && !manifest.has(columns.len()) {
                    let name = path.display();
                    return Err(Failure(format!("{name}: there is no column \"split\", and --split asks for one")));
                }
                Origin::Manifest(Box::new(manifest), subgroups.len())
            }
            Source::Listed(_, slices) => Origin::Listed(slices.iter()),
        };
        Ok(Rows { origin, split: self.split.as_deref(), shard: self.shard, at: 0 })
    }

    /// The slices with their numbers, from 0.
    ///
    /// # Errors
    /// A manifest that cannot be read any more; each item may fail too, and the last one does where the slices are not those that there
    /// were at first.
    pub fn slices(&self) -> Result<impl Iterator<Item = Result<(usize, Labelled), Failure>> + Send + '_, Failure> {
        let mut rows = self.rows()?;
        let mut fingerprint = Fingerprint::default();
        let changed = move || Failure(format!("{} was changed while it was read: start again", self.name()));
        let mut is_over = false;
        Ok(std::iter::from_fn(move || {
            while !is_over {
                let slice = match rows.next() {
                    Some(Ok(slice)) => slice,
                    Some(Err(failure)) => {
                        is_over = true;
                        return Some(Err(failure));
                    }
                    None => {
                        is_over = true;
                        let is_same = fingerprint.text() == self.fingerprint;
                        return (!is_same).then(|| Err(changed()));
                    }
                };
                if rows.is_of_shard() {
                    let at = fingerprint.count;
                    fingerprint.add(&slice);
                    if fingerprint.count > self.count {
                        is_over = true;
                        return Some(Err(changed()));
                    }
                    return Some(Ok((at, slice)));
                }
            }
            None
        }))
    }

    /// Says which of the files are not there.
    ///
    /// # Errors
    /// Those of [`Selection::slices`].
    pub fn tell_missing(&self) -> Result<(), Failure> {
        let mut missing = Missing::default();
        for slice in self.slices()? {
            let (_, slice) = slice?;
            missing.look(&slice.path, &slice.file);
        }
        match &self.source {
            Source::Manifest { path, .. } | Source::Listed(path, _) => missing.tell(path),
        }
        Ok(())
    }

    /// Where the file of a slice is.
    pub fn file(&self, path: &str) -> PathBuf {
        match &self.source {
            Source::Manifest { path: manifest, .. } => manifest.parent().unwrap_or(Path::new("")).join(path),
            Source::Listed(folder, _) => folder.join(path),
        }
    }
}

/// Rows of a split, one behind the other.
struct Rows<'a> {
    origin: Origin<'a>,
    split: Option<&'a str>,
    shard: Option<Shard>,
    /// How many rows of the split there were.
    at: usize,
}

enum Origin<'a> {
    /// With how many subgroups.
    Manifest(Box<Manifest>, usize),
    Listed(std::slice::Iter<'a, Labelled>),
}

impl Rows<'_> {
    /// Whether the last row is of the shard.
    fn is_of_shard(&self) -> bool {
        self.shard.is_none_or(|shard| shard.holds(self.at - 1))
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<Labelled, Failure>;

    fn next(&mut self) -> Option<Result<Labelled, Failure>> {
        loop {
            let slice = match &mut self.origin {
                Origin::Manifest(manifest, subgroups) => {
                    manifest.next_row()?.and_then(|row| labelled(&row, *subgroups))
                }
                Origin::Listed(slices) => Ok(slices.next()?.clone()),
            };
            if slice.as_ref().is_ok_and(|slice| self.split.is_some_and(|split| slice.split != split)) {
                continue;
            }
            self.at += 1;
            return Some(slice);
        }
    }
}

/// What stands for slices, in their order, with their labels.
#[derive(Default)]
struct Fingerprint {
    hash: Sha256,
    count: usize,
}

impl Fingerprint {
    fn add(&mut self, slice: &Labelled) {
        let Labelled { path, label, split, group, .. } = slice;
        // Lengths keep one field from running into the next.
        for field in [path, split, group] {
            self.hash.update((field.len() as u64).to_le_bytes());
            self.hash.update(field);
        }
        self.hash.update([*label]);
        self.count += 1;
    }

    fn text(&self) -> String {
        self.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The columns of every manifest, in this order.
const COLUMNS: [&str; 2] = ["path", "label"];
/// Those that may be missing: without a group, each slice is a group of its own.
const OTHERS: [&str; 2] = ["split", "group"];

fn labelled(row: &Row, subgroups: usize) -> Result<Labelled, Failure> {
    let others = COLUMNS.len() + subgroups;
    let [path, label, split, group] = [0, 1, others, others + 1].map(|at| row.value(at));
    let label = match label.trim() {
        // Programs that hold labels as numbers write them with a point.
        "1" | "1.0" => 1,
        "0" | "0.0" => 0,
        other => return Err(row.failure(&format!("the label is \"{}\"; it must be 1 (positive) or 0", plain(other)))),
    };
    Ok(Labelled {
        path: path.to_string(),
        file: row.file(path),
        label,
        split: split.to_string(),
        group: group.to_string(),
        subgroups: (0..subgroups).map(|at| row.value(COLUMNS.len() + at).to_string()).collect(),
    })
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
        let fingerprint = |slices: &[Labelled]| {
            let mut fingerprint = Fingerprint::default();
            slices.iter().for_each(|slice| fingerprint.add(slice));
            fingerprint.text()
        };
        let first = fingerprint(&[slice("a", 0), slice("b", 1)]);
        assert_eq!(first, fingerprint(&[slice("a", 0), slice("b", 1)]));
        assert_ne!(first, fingerprint(&[slice("b", 1), slice("a", 0)]));
        assert_ne!(first, fingerprint(&[slice("a", 1), slice("b", 1)]));
    }
}
