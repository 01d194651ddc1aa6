//! The list of what a page is made of, `pkg/build.js`, after something of it was changed or put beside it. The page holds each file to it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::failure::Failure;

/// The list, below the page.
pub const LIST: &str = "pkg/build.js";
/// What a network is called below the page, and inside the kiosk.
pub const NETWORK: &str = "network.lungglass";
/// What a site's operating point is called there.
pub const POINT: &str = "operating-point.toml";
/// How the list begins, behind its comment.
const ASSIGNMENT: &str = "globalThis.lungglassBuild = ";

/// What else a list says than the one before it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
    /// [`NETWORK`] reads.
    pub network: bool,
    /// [`POINT`] judges.
    pub point: bool,
    /// Nobody may choose another network or another operating point for a visit.
    pub fixed: bool,
    /// Nobody may save DICOM objects.
    pub no_dicom: bool,
}

/// The list with these files as they are now, and an id of its own. Files that it does not name are named if `settings` name them.
///
/// # Errors
/// A failure where the list that is inside this command is none.
pub fn relisted<'a>(
    list: &[u8],
    files: impl Iterator<Item = (&'a str, &'a [u8])>,
    settings: Settings,
) -> Result<String, Failure> {
    let old = std::str::from_utf8(list).map_err(|_| damaged(LIST))?;
    let start = old.find(ASSIGNMENT).ok_or_else(|| damaged(LIST))? + ASSIGNMENT.len();
    let mut list: Value =
        serde_json::from_str(old[start..].trim_end().trim_end_matches(';')).map_err(|_| damaged(LIST))?;
    for (path, bytes) in files {
        if [NETWORK, POINT].contains(&path) || list["files"].get(path).is_some() {
            list["files"][path] = json!({ "size": bytes.len(), "sha256": STANDARD.encode(Sha256::digest(bytes)) });
        }
    }
    if settings.network {
        list["network"] = NETWORK.into();
    }
    if settings.point {
        list["point"] = POINT.into();
    }
    if settings.fixed {
        list["choosesNetwork"] = false.into();
    }
    if settings.no_dicom {
        list["savesObjects"] = false.into();
    }
    list["id"] = lungglass::hash::sha256(list.to_string().as_bytes()).into();
    Ok(format!("// Written by `lungglass`: what this site published.\n{ASSIGNMENT}{list:#};\n"))
}

/// What the command holds inside is not what it must be.
pub fn damaged(what: &str) -> Failure {
    Failure(format!("{what} inside this command is not what is expected; build it again"))
}
