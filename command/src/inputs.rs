//! The command's inputs: files, folders and standard input, in the order given.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use lungglass::decode::Limits;
use lungglass::error::{Error, Result};

/// One file to read.
pub struct Input {
    /// As the user gave it; below a folder, the folder as given and the path in it.
    pub name: String,
    place: Place,
    /// The folder that the user named, if it lies in one; else it gets a line even if it is no image.
    pub folder: Option<String>,
}

enum Place {
    File(PathBuf),
    StandardInput,
}

impl Input {
    /// Its bytes, within the limit of the pipeline.
    pub fn bytes(&self, limits: &Limits) -> Result<Vec<u8>> {
        match &self.place {
            Place::File(path) => read(path, limits),
            Place::StandardInput => within_limit(io::stdin().lock(), limits),
        }
    }

    /// Its file, whatever its name is written as; `None` for standard input.
    pub fn file(&self) -> Option<&Path> {
        match &self.place {
            Place::File(path) => Some(path),
            Place::StandardInput => None,
        }
    }

    /// The last part of its name without the extension, for the files that are made of it.
    pub fn stem(&self) -> String {
        match &self.place {
            Place::StandardInput => "stdin".to_string(),
            Place::File(path) => stem(path),
        }
    }
}

/// The last part of a path without the extension.
pub fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

/// The bytes of a file. One over the limit is not read.
pub fn read(path: &Path, limits: &Limits) -> Result<Vec<u8>> {
    let unopened = |error: io::Error| Error::Io(error.to_string());
    let file = fs::File::open(path).map_err(unopened)?;
    let (length, limit) = (file.metadata().map_err(unopened)?.len(), limits.bytes);
    if length > limit {
        return Err(Error::TooLarge { what: "the file's size in bytes", value: Some(length), limit });
    }
    within_limit(file, limits)
}

/// At most one byte more than the limit: the pipeline says that this is too large.
fn within_limit(source: impl Read, limits: &Limits) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = source.take(limits.bytes.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| Error::Io(error.to_string()))?;
    Ok(bytes)
}

/// What the arguments come to.
#[derive(Default)]
pub struct Inputs {
    pub files: Vec<Input>,
    /// Links that lead nowhere or to a folder that is read anyway, and what is neither file nor folder: pipes, sockets, devices.
    pub left_out: usize,
}

impl Inputs {
    /// Expands folders, sorted by name. A folder that cannot be listed stands for itself, and fails when it is read.
    pub fn of(arguments: &[PathBuf]) -> Inputs {
        let mut inputs = Inputs::default();
        for argument in arguments {
            let name = argument.display().to_string();
            if argument.as_os_str() == "-" {
                inputs.files.push(Input { name, place: Place::StandardInput, folder: None });
            } else if argument.is_dir() {
                let mut read = HashSet::new();
                folders(argument, &mut read);
                inputs.walk(argument, &name, &mut read);
            } else {
                inputs.files.push(Input { name, place: Place::File(argument.clone()), folder: None });
            }
        }
        inputs
    }

    /// Every file below `folder`, which the user named `named`. Links to folders are followed, but to none of those in `read`.
    fn walk(&mut self, folder: &Path, named: &str, read: &mut HashSet<PathBuf>) {
        let Ok(entries) = fs::read_dir(folder) else {
            let name = folder.display().to_string();
            self.files.push(Input { name, place: Place::File(folder.to_path_buf()), folder: None });
            return;
        };
        let mut entries: Vec<_> = entries.flatten().collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            if path.is_file() {
                let name = path.display().to_string();
                self.files.push(Input { name, place: Place::File(path), folder: Some(named.to_string()) });
            } else if path.is_dir() && (!is_link || fs::canonicalize(&path).is_ok_and(|to| read.insert(to))) {
                self.walk(&path, named, read);
            } else {
                // Pipes, sockets and devices might never end.
                self.left_out += 1;
            }
        }
    }
}

/// The folder and all below it that no link leads to.
fn folders(folder: &Path, found: &mut HashSet<PathBuf>) {
    found.extend(fs::canonicalize(folder));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            folders(&entry.path(), found);
        }
    }
}
