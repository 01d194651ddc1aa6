//! The command's inputs: files, folders and standard input, in the order given.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use lungglass::decode::Limits;

/// One file to read.
pub struct Input {
    /// As the user gave it; below a folder, the folder as given and the path in it.
    pub name: String,
    place: Place,
    /// Whether the user named this very file: then it gets a line even if it is no image.
    pub named: bool,
}

enum Place {
    File(PathBuf),
    StandardInput,
}

impl Input {
    /// Its bytes; at most one more than the limit, so that the pipeline can say how large is too large.
    pub fn bytes(&self) -> io::Result<Vec<u8>> {
        let most = Limits::default().bytes + 1;
        let mut bytes = Vec::new();
        match &self.place {
            Place::File(path) => fs::File::open(path)?.take(most).read_to_end(&mut bytes)?,
            Place::StandardInput => io::stdin().lock().take(most).read_to_end(&mut bytes)?,
        };
        Ok(bytes)
    }

    /// The last part of its name without the extension, for the files that are made of it.
    pub fn stem(&self) -> String {
        Path::new(&self.name)
            .file_stem()
            .map_or_else(|| "stdin".to_string(), |stem| stem.to_string_lossy().into_owned())
    }
}

/// Expands folders, sorted by name. A folder that cannot be listed stands for itself, and fails when it is read.
pub fn expand(arguments: &[PathBuf]) -> Vec<Input> {
    let mut inputs = Vec::new();
    for argument in arguments {
        if argument.as_os_str() == "-" {
            inputs.push(Input { name: "-".to_string(), place: Place::StandardInput, named: true });
        } else if argument.is_dir() {
            walk(argument, &mut inputs);
        } else {
            inputs.push(Input {
                name: argument.display().to_string(),
                place: Place::File(argument.clone()),
                named: true,
            });
        }
    }
    inputs
}

fn walk(folder: &Path, inputs: &mut Vec<Input>) {
    let Ok(entries) = fs::read_dir(folder) else {
        inputs.push(Input {
            name: folder.display().to_string(),
            place: Place::File(folder.to_path_buf()),
            named: true,
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
                walk(&path, inputs);
            }
        } else {
            inputs.push(Input { name: path.display().to_string(), place: Place::File(path), named: false });
        }
    }
}
