//! Folders: a page as it lies on a host's disk, or all that a release hands out.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use super::release::{Entry, Release};
use super::{Asked, Found, MANIFEST, MAX_MANIFEST, MAX_SIGNATURE, SIGNATURE, beside, read};
use crate::failure::{Failure, failed};

/// The hashes of all that is handed out.
const SUMS: &str = "SHA256SUMS";
/// More files than this lie in no release: the rest is not walked.
const MAX_FILES: usize = 100_000;

pub fn check(folder: &Path, asked: &Asked) -> Result<Found, Failure> {
    // A page that `lungglass publish` wrote has hashes of its own, which its publisher can sign.
    let has_signed_sums = asked.key.is_some()
        && asked.manifest.is_none()
        && !folder.join(MANIFEST).exists()
        && beside(&folder.join(SUMS)).exists();
    if folder.join("index.html").exists() && !has_signed_sums {
        check_page(folder, asked)
    } else if folder.join(SUMS).exists() {
        check_release(folder, asked)
    } else {
        Err(Failure(format!(
            "{}: there is neither index.html of a page nor {SUMS} of a release: name the folder that holds one",
            folder.display()
        )))
    }
}

fn check_page(folder: &Path, asked: &Asked) -> Result<Found, Failure> {
    let release = match asked.release()? {
        Some(release) => release,
        None => own_release(folder, asked)?,
    };
    let mut there = files(folder)?;
    let mut faults = compare(folder, &release.page, &mut there)?;
    // What vouches for the page may lie beside it.
    let manifest = [MANIFEST.to_owned(), format!("{MANIFEST}{SIGNATURE}")];
    faults.extend(there.keys().filter(|path| !manifest.contains(path)).map(|path| extra(path)));
    let what = format!("the page of {} ({} files)", release.named(), release.page.len());
    Ok(Found { what, by: asked.by(), faults })
}

/// The release by the manifest that lies in the page's folder and that the key has signed.
fn own_release(folder: &Path, asked: &Asked) -> Result<Release, Failure> {
    let path = folder.join(MANIFEST);
    let missing = |error: Failure| {
        Failure(format!(
            "{error}; put the release's manifest there as {MANIFEST} with its signature, or name it with --manifest"
        ))
    };
    let bytes = read(&path, MAX_MANIFEST).map_err(missing)?;
    let signature = read(&beside(&path), MAX_SIGNATURE).map_err(missing)?;
    if let Some(key) = &asked.key {
        key.check(&bytes, &signature).map_err(failed(path.display()))?;
    }
    Release::parse(&bytes).map_err(failed(path.display()))
}

/// All that was handed out, by SHA256SUMS, which a key must have signed: its own word is none.
fn check_release(folder: &Path, asked: &Asked) -> Result<Found, Failure> {
    let path = folder.join(SUMS);
    let sums = read(&path, MAX_MANIFEST)?;
    let Some(key) = &asked.key else {
        return Err(Failure(format!(
            "{}: {SUMS} speaks for the other files, and nobody for {SUMS}: name the builder's key with --key, or verify the page, the kiosk \
             or another file of it by itself",
            folder.display()
        )));
    };
    let mut faults = Vec::new();
    let comment = match key.check(&sums, &read(&beside(&path), MAX_SIGNATURE)?) {
        Ok(comment) => comment,
        Err(fault) => {
            return Ok(Found {
                what: "a release".to_owned(),
                by: asked.by(),
                faults: vec![format!("differs  {SUMS}: {fault}")],
            });
        }
    };
    let text = String::from_utf8_lossy(&sums);
    let mut there = files(folder)?;
    let mut listed = 0;
    for line in text.lines() {
        let (sha256, name) = line
            .split_once("  ")
            .ok_or_else(|| Failure(format!("{}: a line is none of sha256sum: {line:?}", path.display())))?;
        listed += 1;
        match there.remove(name) {
            Some(Kind::File(_)) => {}
            Some(Kind::Other) => {
                faults.push(not_a_file(name));
                continue;
            }
            None => {
                faults.push(format!("missing  {name}"));
                continue;
            }
        }
        let file = folder.join(name);
        let entry = Entry::of(File::open(&file).map_err(failed(file.display()))?).map_err(failed(file.display()))?;
        if entry.sha256 != sha256 {
            faults.push(format!("differs  {name}: its SHA-256 is {}, and {sha256} was released", entry.sha256));
        }
    }
    there.remove(SUMS);
    // Signatures are made after the hashes; each must be of this key and fit its file.
    let signatures: Vec<String> = there.keys().filter(|name| name.ends_with(SIGNATURE)).cloned().collect();
    for name in signatures {
        there.remove(&name);
        let signed = folder.join(name.trim_end_matches(SIGNATURE));
        let Ok(bytes) = fs::read(&signed) else {
            faults.push(extra(&name));
            continue;
        };
        if let Err(fault) = key.check(&bytes, &read(&folder.join(&name), MAX_SIGNATURE)?) {
            faults.push(format!("differs  {name}: {fault}"));
        }
    }
    faults.extend(there.keys().map(|path| extra(path)));
    Ok(Found { what: format!("what was signed as {comment:?} ({listed} files)"), by: asked.by(), faults })
}

/// Takes the files that are listed out of those that are there, and says how they differ.
fn compare(
    folder: &Path,
    listed: &BTreeMap<String, Entry>,
    there: &mut BTreeMap<String, Kind>,
) -> Result<Vec<String>, Failure> {
    let mut faults = Vec::new();
    for (path, wanted) in listed {
        let file = folder.join(path);
        match there.remove(path) {
            None => faults.push(format!("missing  {path}")),
            Some(Kind::Other) => faults.push(not_a_file(path)),
            Some(Kind::File(size)) if size != wanted.size => {
                faults.push(format!("differs  {path}: it has {size} bytes, and {} were released", wanted.size));
            }
            Some(Kind::File(_)) => {
                let found =
                    Entry::of(File::open(&file).map_err(failed(file.display()))?).map_err(failed(file.display()))?;
                if found != *wanted {
                    faults.push(format!("differs  {path}: {}", wanted.difference(&found)));
                }
            }
        }
    }
    Ok(faults)
}

fn extra(path: &str) -> String {
    format!("extra    {path}")
}

fn not_a_file(path: &str) -> String {
    format!("differs  {path}: it is no file but a link or something else")
}

/// What has a name in a folder.
enum Kind {
    /// Of so many bytes.
    File(u64),
    Other,
}

/// All that is below a folder but the folders themselves, by its path with slashes. No link is followed.
fn files(folder: &Path) -> Result<BTreeMap<String, Kind>, Failure> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![(folder.to_path_buf(), String::new())];
    while let Some((place, prefix)) = waiting.pop() {
        for entry in fs::read_dir(&place).map_err(failed(place.display()))? {
            let entry = entry.map_err(failed(place.display()))?;
            let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let metadata = fs::symlink_metadata(entry.path()).map_err(failed(entry.path().display()))?;
            if metadata.is_dir() {
                waiting.push((entry.path(), format!("{path}/")));
                continue;
            }
            let kind = if metadata.is_file() { Kind::File(metadata.len()) } else { Kind::Other };
            found.insert(path, kind);
            if found.len() > MAX_FILES {
                return Err(Failure(format!(
                    "{}: more than {MAX_FILES} files are in it: it is no release",
                    folder.display()
                )));
            }
        }
    }
    Ok(found)
}
