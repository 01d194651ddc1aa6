//! What a release was built of, by whom and how: an in-toto Statement (v1) with the predicate of SLSA provenance v1. It says no time and no
//! path, so that the same source gives the same bytes.

use std::env;
use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use xtask::places::root;
use xtask::process;

/// How a release is built; docs/operations.md says what that is. A change of it gets another number.
const BUILD_TYPE: &str = "urn:lungglass:build:cargo-xtask-release:1";
/// Names who builds, as a URI.
pub const BUILDER: &str = "LUNGGLASS_BUILDER";
const UNNAMED: &str = "urn:lungglass:builder:unnamed";

/// What was found out about the source and the tools.
pub struct Build {
    /// The commit, where the source is a clone; None in an archive of it.
    commit: Option<String>,
    /// Whether files differ from that commit.
    is_changed: bool,
    rustc: String,
    cargo: String,
    host: String,
    builder: String,
    lock: String,
}

impl Build {
    /// # Errors
    /// rustc or cargo does not say what it is.
    pub fn here(host: &str) -> Result<Build> {
        let git = |arguments: &[&str]| process::output(process::command("git").args(arguments)).ok();
        let lock = fs::read(root().join("Cargo.lock")).context("cannot read Cargo.lock")?;
        Ok(Build {
            commit: git(&["rev-parse", "HEAD"]),
            is_changed: git(&["status", "--porcelain"]).is_some_and(|changes| !changes.is_empty()),
            rustc: process::output(process::command("rustc").arg("--version"))?,
            cargo: process::output(process::cargo().arg("--version"))?,
            host: host.to_owned(),
            builder: env::var(BUILDER).unwrap_or_else(|_| UNNAMED.to_owned()),
            lock: super::hexadecimal(&lock),
        })
    }
}

/// The statement about these files, each a name and a SHA-256 in hexadecimal.
pub fn statement(files: &[(String, String)], version: &str, build: &Build) -> Result<Vec<u8>> {
    let subject: Vec<Value> =
        files.iter().map(|(name, sha256)| json!({ "name": name, "digest": { "sha256": sha256 } })).collect();
    let mut source = json!({ "name": "source", "annotations": { "uncommittedChanges": build.is_changed } });
    if let Some(commit) = &build.commit {
        source["digest"] = json!({ "gitCommit": commit });
    }
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subject,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": { "command": "cargo xtask release", "version": version },
                "internalParameters": { "cargo": build.cargo, "host": build.host, "rustc": build.rustc },
                "resolvedDependencies": [source, { "name": "Cargo.lock", "digest": { "sha256": build.lock } }],
            },
            "runDetails": { "builder": { "id": build.builder } },
        },
    });
    let mut bytes = serde_json::to_vec_pretty(&statement)?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(commit: Option<&str>) -> Build {
        Build {
            commit: commit.map(str::to_owned),
            is_changed: false,
            rustc: "rustc 1".to_owned(),
            cargo: "cargo 1".to_owned(),
            host: "x86_64-unknown-linux-gnu".to_owned(),
            builder: UNNAMED.to_owned(),
            lock: "ab".repeat(32),
        }
    }

    #[test]
    fn the_statement_has_what_in_toto_and_slsa_require() {
        let files = [("page.tar.gz".to_owned(), "12".repeat(32))];
        let bytes = statement(&files, "1.2.3", &build(Some("abc"))).unwrap();
        let read: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(read["_type"], "https://in-toto.io/Statement/v1");
        assert_eq!(read["predicateType"], "https://slsa.dev/provenance/v1");
        assert_eq!(read["subject"][0], json!({ "name": "page.tar.gz", "digest": { "sha256": "12".repeat(32) } }));
        let definition = &read["predicate"]["buildDefinition"];
        // Both must be URIs.
        for uri in [&definition["buildType"], &read["predicate"]["runDetails"]["builder"]["id"]] {
            assert!(uri.as_str().unwrap().starts_with("urn:lungglass:"), "{uri}");
        }
        assert_eq!(definition["resolvedDependencies"][0]["digest"]["gitCommit"], "abc");
        assert_eq!(bytes, statement(&files, "1.2.3", &build(Some("abc"))).unwrap());
        // An archive of the source claims no commit.
        let read: Value = serde_json::from_slice(&statement(&files, "1.2.3", &build(None)).unwrap()).unwrap();
        assert!(read["predicate"]["buildDefinition"]["resolvedDependencies"][0].get("digest").is_none());
    }

    #[test]
    fn this_source_is_described() {
        let build = Build::here("host").unwrap();
        assert!(build.rustc.starts_with("rustc 1.") && build.cargo.starts_with("cargo 1."));
        assert_eq!(build.lock.len(), 64);
    }
}
