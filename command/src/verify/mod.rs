//! `lungglass verify`: whether a page, a kiosk, a folder or a file is exactly a release. It owns what is compared with what and how that is
//! told. It is the only part of the command that asks another machine for anything: the address that it was given, and what lies below it.

mod folder;
mod http;
mod release;
mod signature;
mod site;

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use lungglass::operating_point::{LocalPoint, MAX_BYTES};
use sha2::{Digest, Sha256};

use crate::args::Verify;
use crate::failure::{Failure, Outcome, failed};
use crate::tell::{plain, print};
use release::{Entry, Release};
use signature::Key;

/// What a published page may carry beside its files: the release's manifest, by which a key can vouch for it.
const MANIFEST: &str = "release.json";
/// What the name of a signature ends with.
const SIGNATURE: &str = ".minisig";
/// A manifest of more bytes is none.
const MAX_MANIFEST: u64 = 1 << 20;
/// A signature of more bytes is none.
const MAX_SIGNATURE: u64 = 4 << 10;

/// Says whether the target is exactly a release; exit code 1 where it is not.
///
/// # Errors
/// When that cannot be said: nothing is there, nothing to compare it with, a signature that is missing.
pub fn run(arguments: &Verify) -> Result<Outcome, Failure> {
    let key = arguments.key.as_deref().map(Key::parse).transpose()?;
    let asked = Asked { key, manifest: arguments.manifest.as_deref() };
    let target = arguments.target.as_str();
    let found =
        if http::is_address(target) { site::check(target, &asked)? } else { check_path(Path::new(target), &asked)? };
    let mut text = format!("{}: {}\n", plain(target), found.told());
    for fault in &found.faults {
        text += &format!("{}\n", plain(fault));
    }
    print(&text)?;
    Ok(if found.faults.is_empty() { Outcome::AllRead } else { Outcome::Refused })
}

/// What the target is to be held against.
struct Asked<'a> {
    key: Option<Key>,
    manifest: Option<&'a Path>,
}

impl Asked<'_> {
    /// The release by the manifest that was named, else by what this command holds inside. `None` where a key was named and no manifest:
    /// then the target has to bring what that key signed.
    fn release(&self) -> Result<Option<Release>, Failure> {
        match (self.manifest, &self.key) {
            (Some(path), key) => {
                let bytes = read(path, MAX_MANIFEST)?;
                if let Some(key) = key {
                    let signature = beside(path);
                    key.check(&bytes, &read(&signature, MAX_SIGNATURE)?).map_err(failed(path.display()))?;
                }
                Release::parse(&bytes).map(Some).map_err(failed(path.display()))
            }
            (None, Some(_)) => Ok(None),
            (None, None) => Release::inside().map(Some),
        }
    }
}

/// What was found.
struct Found {
    /// What the target is, or was taken for, such as "the page of LungGlass 0.1.0, build 1234".
    what: String,
    /// Who says so.
    by: &'static str,
    /// Each line names what differs, is missing or extra.
    faults: Vec<String>,
}

/// Who says so, where no key was named.
const BY_THIS_COMMAND: &str = "by what this command holds inside";
const BY_MANIFEST: &str = "by the manifest that you named";
const BY_KEY: &str = "by the signature of the key that you named";

impl Asked<'_> {
    fn by(&self) -> &'static str {
        match (&self.key, self.manifest) {
            (Some(_), _) => BY_KEY,
            (None, Some(_)) => BY_MANIFEST,
            (None, None) => BY_THIS_COMMAND,
        }
    }
}

impl Found {
    fn told(&self) -> String {
        match self.faults.len() {
            0 => format!("exactly {}, {}", self.what, self.by),
            1 => format!("NOT {}, {}; one fault:", self.what, self.by),
            n => format!("NOT {}, {}; {n} faults:", self.what, self.by),
        }
    }
}

fn check_path(path: &Path, asked: &Asked) -> Result<Found, Failure> {
    let metadata = fs::metadata(path).map_err(failed(path.display()))?;
    if metadata.is_dir() {
        folder::check(path, asked)
    } else if metadata.is_file() {
        check_file(path, asked)
    } else {
        Err(Failure(format!("{}: it is neither a file nor a folder", path.display())))
    }
}

/// A kiosk, a module or another file of the page, a network or its settings, a local operating point, or whatever a key has signed.
fn check_file(path: &Path, asked: &Asked) -> Result<Found, Failure> {
    let entry = Entry::of(File::open(path).map_err(failed(path.display()))?).map_err(failed(path.display()))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let signature = beside(path);
    if let (Some(key), true) = (&asked.key, signature.exists()) {
        let signed = key.check(&fs::read(path).map_err(failed(path.display()))?, &read(&signature, MAX_SIGNATURE)?);
        let (what, faults) = match signed {
            Ok(comment) => (format!("what was signed as {:?}", plain(&comment)), Vec::new()),
            Err(fault) => (format!("what {} signs", signature.display()), vec![format!("differs  {name}: {fault}")]),
        };
        return Ok(Found { what, by: BY_KEY, faults });
    }
    let Some(release) = asked.release()? else {
        return Err(Failure(format!(
            "{}: there is no {} beside it for the key to vouch by; get it from who signed, or name a signed manifest with --manifest",
            path.display(),
            signature.display()
        )));
    };
    if let Some(what) = release.name_of(&entry) {
        return Ok(Found { what: format!("{what} of {}", release.named()), by: asked.by(), faults: Vec::new() });
    }
    if let Some(found) = check_operating_point(path, &entry, &release, asked)? {
        return Ok(found);
    }
    let (what, wanted) = release.meant(&name, &head(path)?);
    let faults = vec![match wanted {
        Some(wanted) => format!("differs  {name}: {}", wanted.difference(&entry)),
        None => format!("extra    {name}: no file of the release has its SHA-256, {}", entry.sha256),
    }];
    Ok(Found { what: format!("{what} of {}", release.named()), by: asked.by(), faults })
}

/// A site's operating point: nobody but its own seal vouches for its numbers, and the network in it must be the release's.
fn check_operating_point(
    path: &Path,
    entry: &Entry,
    release: &Release,
    asked: &Asked,
) -> Result<Option<Found>, Failure> {
    let is_one = path.extension().is_some_and(|extension| extension == "toml") && entry.size <= MAX_BYTES as u64;
    if !is_one {
        return Ok(None);
    }
    let bytes = fs::read(path).map_err(failed(path.display()))?;
    // model.toml is TOML too, and has neither.
    let text = String::from_utf8_lossy(&bytes);
    if !text.contains("[seal]") && !text.contains("[triage]") {
        return Ok(None);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut faults = Vec::new();
    let what = match LocalPoint::parse(&bytes) {
        Ok((point, seal)) => {
            if release.network.as_ref().is_none_or(|network| *network != point.network.sha256) {
                faults.push(format!(
                    "differs  {name}: it is for {} {} ({}), which is not the network of this release",
                    point.network.name, point.network.version, point.network.sha256
                ));
            }
            format!(
                "an operating point as it was made ({}, {} to {}, seal {seal}) for the network of {}. A seal is no signature: sign the file \
                 and name the key with --key where somebody may have made another",
                point.site,
                point.made,
                point.valid_until,
                release.named()
            )
        }
        Err(fault) => {
            faults.push(format!("differs  {name}: {fault}"));
            format!("an operating point as it was made, for the network of {}", release.named())
        }
    };
    Ok(Some(Found { what, by: asked.by(), faults }))
}

/// The name of the signature of a file.
fn beside(path: &Path) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(SIGNATURE);
    name.into()
}

/// A file of at most so many bytes.
fn read(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let file = File::open(path).map_err(failed(path.display()))?;
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(failed(path.display()))?;
    if bytes.len() as u64 > most {
        return Err(Failure(format!("{}: it is larger than {most} bytes, and such a file is not", path.display())));
    }
    Ok(bytes)
}

/// The first bytes of a file, by which its kind is told.
fn head(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed(path.display()))?;
    file.take(4096).read_to_end(&mut bytes).map_err(failed(path.display()))?;
    Ok(bytes)
}

/// In lower-case hexadecimal.
fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}
