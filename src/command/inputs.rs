//! The command's inputs: files, folders and standard input, in the order given.

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

/// Expands folders, sorted by name. A folder that cannot be listed stands for itself, and fails when it is read.
pub fn expand(arguments: &[PathBuf]) -> Vec<Input> {
    let mut inputs = Vec::new();
    for argument in arguments {
        if argument.as_os_str() == "-" {
            inputs.push(Input { name: "-".to_string(), place: Place::StandardInput, folder: None });
        } else if argument.is_dir() {
            walk(argument, &argument.display().to_string(), &mut inputs);
        } else {
            inputs.push(Input {
                name: argument.display().to_string(),
                place: Place::File(argument.clone()),
                folder: None,
            });
        }
    }
    inputs
}

fn walk(folder: &Path, named: &str, inputs: &mut Vec<Input>) {
    let Ok(entries) = fs::read_dir(folder) else {
        inputs.push(Input {
            name: folder.display().to_string(),
            place: Place::File(folder.to_path_buf()),
            folder: None,
        });
        return;
    };
    let mut entries: Vec<_> = entries.flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // A link to a folder above would never end.
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        if path.is_dir() {
            if !is_link {
                walk(&path, named, inputs);
            }
        } else if path.is_file() {
            // Pipes, sockets and devices might never end.
            inputs.push(Input {
                name: path.display().to_string(),
                place: Place::File(path),
                folder: Some(named.to_string()),
            });
        }
    }
}
