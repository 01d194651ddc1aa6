//! The command's inputs: files, folders and standard input, in the order given.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::sync::mpsc;
#[cfg(unix)]
use std::thread;
#[cfg(unix)]
use std::time::Duration;

use lungglass::decode::{self, Limits};
use lungglass::error::{Error, Result};

/// One file to read.
pub struct Input {
    /// As the user gave it; below a folder, the folder as given and the path in it. No two files have one name: see [`shown`].
    pub name: String,
    stream: Stream,
    /// The folder that the user named, if it lies in one; else it gets a line even if it is no image.
    pub folder: Option<String>,
    /// Whether it holds the values of a volume whose header is among the inputs too: then it needs no line of its own.
    pub is_of_header: bool,
}

/// Where its bytes come from.
enum Stream {
    File(PathBuf),
    StandardInput,
}

impl Input {
    /// Its bytes, within the limit of the pipeline.
    pub fn bytes(&self, limits: &Limits) -> Result<Vec<u8>> {
        match &self.stream {
            Stream::File(path) => read(path, limits),
            Stream::StandardInput => within_limit(io::stdin().lock(), limits),
        }
    }

    /// Its file, whatever its name is written as; `None` for standard input.
    pub fn file(&self) -> Option<&Path> {
        match &self.stream {
            Stream::File(path) => Some(path),
            Stream::StandardInput => None,
        }
    }

    /// The last part of its name without the extension, for the files that are made of it.
    pub fn stem(&self) -> OsString {
        match &self.stream {
            Stream::StandardInput => "stdin".into(),
            Stream::File(path) => stem(path),
        }
    }
}

/// The last part of a path without the extension.
pub fn stem(path: &Path) -> OsString {
    path.file_stem().unwrap_or_default().to_os_string()
}

/// A path as text. What of it is no Unicode is written out by its bytes, as `\xE9`.
pub fn shown(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02X}")));
    }
    text
}

/// How long a pipe may take that is read as a file.
#[cfg(unix)]
const PATIENCE: Duration = Duration::from_secs(20);

/// Refuses a folder where a file is asked for, and names a file of this kind in it, such as `csv`.
///
/// # Errors
/// What to do.
pub fn is_no_folder(path: &Path, kind: &str) -> io::Result<()> {
    if !path.is_dir() {
        return Ok(());
    }
    let entries = fs::read_dir(path)?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end.eq_ignore_ascii_case(kind))).collect();
    files.sort();
    let advice = match files.as_slice() {
        [] => format!("give it a file (.{kind}); none lies in this folder"),
        [file] => format!("give it the file in it, {}", shown(file)),
        [file, ..] => format!("give it one of the {} .{kind} files in it, such as {}", files.len(), shown(file)),
    };
    Err(io::Error::new(io::ErrorKind::IsADirectory, format!("it is a folder: {advice}")))
}

/// Refuses what is no file: a pipe, a socket or a device might never end, or wait for a program that never comes. A folder is refused
/// by whoever reads it.
pub fn is_file(path: &Path) -> io::Result<()> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_file() || kind.is_dir() {
        return Ok(());
    }
    let what = if is_pipe(kind) { "a pipe" } else { "a socket or a device" };
    let advice = format!("it is {what}, which might never end; give it the name of a file");
    Err(io::Error::new(io::ErrorKind::InvalidInput, advice))
}

#[cfg(unix)]
fn is_pipe(kind: fs::FileType) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&kind)
}

#[cfg(not(unix))]
fn is_pipe(_: fs::FileType) -> bool {
    false
}

/// What is written into a pipe within [`PATIENCE`]. Where nobody writes, a thread waits on, for as long as the program runs.
#[cfg(unix)]
fn read_pipe(path: &Path, limits: Limits) -> Result<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    let path = path.to_path_buf();
    let work = move || {
        let opened = fs::File::open(path).map_err(|error| Error::Io(error.to_string()));
        // Nobody waits any more if it took too long.
        let _ = sender.send(opened.and_then(|file| within_limit(file, &limits)));
    };
    thread::Builder::new().spawn(work).map_err(|error| Error::Io(error.to_string()))?;
    receiver.recv_timeout(PATIENCE).unwrap_or_else(|_| {
        let (seconds, advice) = (PATIENCE.as_secs(), "give it a file, or - for standard input");
        Err(Error::Io(format!("nothing was written into this pipe to its end in {seconds} seconds; {advice}")))
    })
}

/// The bytes of a file, and behind the header of a volume its values, which may lie beside it. A file over the limit is not read.
pub fn read(path: &Path, limits: &Limits) -> Result<Vec<u8>> {
    #[cfg(unix)]
    if fs::metadata(path).is_ok_and(|found| is_pipe(found.file_type())) {
        return read_pipe(path, *limits);
    }
    with_values(path, read_file(path, limits)?, limits)
}

fn read_file(path: &Path, limits: &Limits) -> Result<Vec<u8>> {
    let unopened = |error: io::Error| Error::Io(error.to_string());
    is_file(path).map_err(unopened)?;
    let file = fs::File::open(path).map_err(unopened)?;
    let (length, limit) = (file.metadata().map_err(unopened)?.len(), limits.bytes);
    if length > limit {
        return Err(Error::TooLarge { what: "the file's size in bytes", value: Some(length), limit });
    }
    within_limit(file, limits)
}

/// A file, with the values that lie beside it in another if it is the header of a volume.
fn with_values(path: &Path, bytes: Vec<u8>, limits: &Limits) -> Result<Vec<u8>> {
    let Some(name) = decode::data_file(&bytes) else { return Ok(bytes) };
    let values = path.with_file_name(&name);
    match fs::symlink_metadata(&values).map(|found| found.file_type()) {
        // It might lead anywhere.
        Ok(kind) if kind.is_symlink() => Err(Error::Io(format!(
            "its values lie in \"{name}\", which is a link; put the file itself beside the header"
        ))),
        Ok(kind) if kind.is_file() && values != path => Ok(decode::joined(&bytes, read_file(&values, limits)?)),
        // The error of the header names what is missing.
        _ => Ok(bytes),
    }
}

/// The name of the file that holds the values of a header, by the header's first bytes; only where its extension is that of one.
fn values_of(path: &Path) -> Option<PathBuf> {
    let extension = path.extension()?.to_str()?;
    if !["mhd", "nhdr"].iter().any(|one| extension.eq_ignore_ascii_case(one)) || !path.is_file() {
        return None;
    }
    let mut header = Vec::new();
    fs::File::open(path).ok()?.take(decode::MAX_HEADER as u64).read_to_end(&mut header).ok()?;
    decode::data_file(&header).map(|name| path.with_file_name(name)).filter(|values| values != path)
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
            let name = shown(argument);
            if argument.as_os_str() == "-" {
                inputs.files.push(Input { name, stream: Stream::StandardInput, folder: None, is_of_header: false });
            } else if argument.is_dir() {
                let mut read = HashSet::new();
                folders(argument, &mut read);
                inputs.walk(argument, &name, &mut read);
            } else {
                inputs.files.push(Input {
                    name,
                    stream: Stream::File(argument.clone()),
                    folder: None,
                    is_of_header: false,
                });
            }
        }
        inputs.tell_apart();
        inputs.find_values();
        inputs
    }

    /// Marks the files that hold the values of a header.
    fn find_values(&mut self) {
        let values: HashSet<PathBuf> = self.files.iter().filter_map(|input| values_of(input.file()?)).collect();
        for input in &mut self.files {
            input.is_of_header = input.file().is_some_and(|path| values.contains(path));
        }
    }

    /// A name that was written out may be that of another file: then it is numbered. What is Unicode keeps its name.
    fn tell_apart(&mut self) {
        let is_exact = |input: &Input| input.file().is_none_or(|path| path.to_str().is_some());
        if self.files.iter().all(is_exact) {
            return;
        }
        let mut owners: HashMap<String, Option<PathBuf>> =
            self.files.iter().filter(|input| is_exact(input)).map(|input| (input.name.clone(), None)).collect();
        for input in self.files.iter_mut().filter(|input| !is_exact(input)) {
            let path = input.file().map(Path::to_path_buf);
            let own = std::mem::take(&mut input.name);
            let names = std::iter::once(own.clone()).chain((2..).map(|number| format!("{own} ({number})")));
            // The same file may be given twice.
            let is_free = |name: &String| owners.get(name).is_none_or(|owner| owner.is_some() && *owner == path);
            input.name = names.into_iter().find(is_free).unwrap_or(own);
            owners.insert(input.name.clone(), path);
        }
    }

    /// Every file below `folder`, which the user named `named`. Links to folders are followed, but to none of those in `read`.
    fn walk(&mut self, folder: &Path, named: &str, read: &mut HashSet<PathBuf>) {
        let Ok(entries) = fs::read_dir(folder) else {
            let name = shown(folder);
            self.files.push(Input {
                name,
                stream: Stream::File(folder.to_path_buf()),
                folder: None,
                is_of_header: false,
            });
            return;
        };
        let mut entries: Vec<_> = entries.flatten().collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            if path.is_file() {
                let name = shown(&path);
                self.files.push(Input {
                    name,
                    stream: Stream::File(path),
                    folder: Some(named.to_string()),
                    is_of_header: false,
                });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn names_that_are_no_unicode_stay_apart() {
        use std::os::unix::ffi::OsStringExt;

        let path = |bytes: &[u8]| PathBuf::from(OsString::from_vec(bytes.to_vec()));
        let given = [&b"lung\xE9.png"[..], b"lung\xE8.png", b"lung\\xE9.png", b"lung\xE8.png", "lungé.png".as_bytes()];
        let inputs = Inputs::of(&given.map(path));
        let names: Vec<&str> = inputs.files.iter().map(|input| input.name.as_str()).collect();
        assert_eq!(names, ["lung\\xE9.png (2)", "lung\\xE8.png", "lung\\xE9.png", "lung\\xE8.png", "lungé.png"]);
        assert_eq!(inputs.files[0].stem(), path(b"lung\xE9"));
    }
}
