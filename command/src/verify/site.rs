//! A page on a host: every file of it as the host sends it, and what its answers would make a browser do besides.

use super::http::{Address, Answer, get};
use super::release::{Entry, Release};
use super::{Asked, Found, MANIFEST, MAX_MANIFEST, MAX_SIGNATURE, SIGNATURE};
use crate::failure::{Failure, failed};

/// The file that a host sends for the page's own address.
const INDEX: &str = "index.html";
/// A file that is no page: the largest that is read, a kiosk being 8 MB.
const MAX_FILE: u64 = 64 << 20;
/// Headers that make a browser load, send or keep something that no file of the page asks for.
const ACTIVE: [&str; 11] = [
    "link",
    "nel",
    "refresh",
    "report-to",
    "reporting-endpoints",
    "service-worker-allowed",
    "set-cookie",
    "sourcemap",
    "speculation-rules",
    "x-sourcemap",
    "content-security-policy-report-only",
];

pub fn check(target: &str, asked: &Asked) -> Result<Found, Failure> {
    let address = Address::parse(target)?;
    match address.file() {
        Some(name) if name != INDEX => check_file(&address, name, asked),
        _ => check_page(&address.folder(), asked),
    }
}

fn check_page(base: &Address, asked: &Asked) -> Result<Found, Failure> {
    let release = match asked.release()? {
        Some(release) => release,
        None => own_release(base, asked)?,
    };
    let mut faults = Vec::new();
    // A browser asks for the folder, and gets what the host thinks fit.
    let folder = release.page.get(INDEX).map(|entry| ("", entry));
    let listed = release.page.iter().map(|(path, entry)| (path.as_str(), entry));
    for (path, wanted) in folder.into_iter().chain(listed) {
        let named = if path.is_empty() { "(the page's own address)" } else { path };
        let address = base.below(path);
        let answer = get(&address, wanted.size)?;
        faults.extend(differences(&answer, wanted, named));
    }
    let what = format!("the page of {} ({} files)", release.named(), release.page.len());
    Ok(Found { what, by: asked.by(), faults })
}

/// How an answer is not what was released.
fn differences(answer: &Answer, wanted: &Entry, named: &str) -> Vec<String> {
    let mut faults = Vec::new();
    match answer.status {
        200 => {
            let found = Entry::of(&answer.body[..]).unwrap_or(Entry { size: 0, sha256: String::new() });
            if let Some(encoding) = answer.header("content-encoding").filter(|encoding| *encoding != "identity") {
                faults.push(format!("differs  {named}: the host sends it as {encoding}, which was not asked for"));
            } else if answer.is_longer {
                faults.push(format!("differs  {named}: it has more than the {} bytes that were released", wanted.size));
            } else if found != *wanted {
                faults.push(format!("differs  {named}: {}", wanted.difference(&found)));
            }
        }
        404 | 410 => faults.push(format!("missing  {named}")),
        status => {
            let to = answer.header("location").map(|to| format!(", to {to}")).unwrap_or_default();
            faults.push(format!("differs  {named}: the host answers with status {status}{to}"));
        }
    }
    for (name, value) in &answer.headers {
        let reports =
            name == "content-security-policy" && (value.contains("report-uri") || value.contains("report-to"));
        if ACTIVE.contains(&name.as_str()) || reports {
            let value: String = value.chars().take(100).collect();
            faults.push(format!("extra    {named}: the host's header {name}: {value}"));
        }
    }
    faults
}

/// The release by the manifest that lies beside the page and that the key has signed.
fn own_release(base: &Address, asked: &Asked) -> Result<Release, Failure> {
    let signature = format!("{MANIFEST}{SIGNATURE}");
    let bytes = fetch(&base.below(MANIFEST), MAX_MANIFEST)?;
    let signed = fetch(&base.below(&signature), MAX_SIGNATURE)?;
    if let Some(key) = &asked.key {
        key.check(&bytes, &signed).map_err(failed(base.below(MANIFEST)))?;
    }
    Release::parse(&bytes).map_err(failed(base.below(MANIFEST)))
}

fn fetch(address: &Address, most: u64) -> Result<Vec<u8>, Failure> {
    let answer = get(address, most)?;
    if answer.status != 200 || answer.is_longer {
        return Err(Failure(format!(
            "{address}: the host answers with status {} and no manifest or signature of a release; put {MANIFEST} and its signature beside \
             the page, or name a manifest with --manifest",
            answer.status
        )));
    }
    Ok(answer.body)
}

/// One file of a host, such as a kiosk, by what it is.
fn check_file(address: &Address, name: &str, asked: &Asked) -> Result<Found, Failure> {
    let answer = get(address, MAX_FILE)?;
    if answer.status != 200 || answer.is_longer {
        return Err(Failure(format!(
            "{address}: the host answers with status {}, or with more than {MAX_FILE} bytes",
            answer.status
        )));
    }
    let entry = Entry::of(&answer.body[..]).map_err(failed(address))?;
    let release = match asked.release()? {
        Some(release) => release,
        None => own_release(&address.folder(), asked)?,
    };
    let (what, wanted) = match release.name_of(&entry) {
        Some(what) => (what, Some(&entry)),
        None => {
            let head = &answer.body[..answer.body.len().min(4096)];
            release.meant(name, head)
        }
    };
    let faults = match wanted {
        Some(wanted) => differences(&answer, wanted, name),
        None => vec![format!("extra    {name}: no file of the release has its SHA-256, {}", entry.sha256)],
    };
    Ok(Found { what: format!("{what} of {}", release.named()), by: asked.by(), faults })
}
