//! The supply chain: where the crates and packages come from, under which licences, and whether a fault of one is known.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::places::{root, target};
use crate::process;

/// The release of cargo-deny that deny.toml is written for.
const VERSION: &str = "0.20.2";
const PACKAGES: [&str; 3] =
    ["tests/browser/package-lock.json", "tests/bench/package-lock.json", "tests/objects/package-lock.json"];
const NPM: &str = "https://registry.npmjs.org/";

/// Checks licences, bans and sources of all crates, the origin of all npm packages, and known faults of crates where their list can be
/// had; gives whether it could.
pub fn check() -> Result<bool> {
    for path in PACKAGES {
        let text = fs::read_to_string(root().join(path)).with_context(|| format!("cannot read {path}"))?;
        npm(&text).with_context(|| path.to_owned())?;
    }
    let deny = cargo_deny()?;
    process::run(process::command(&deny).args(["--locked", "check", "licenses", "bans", "sources"]))?;
    // Asked for by itself, so that a list that cannot be had is no fault of a crate.
    if !process::succeeds(process::command(&deny).args(["fetch", "db"])) {
        println!(
            "NOT CHECKED: the list of known faults (https://github.com/RustSec/advisory-db) is not to be had here"
        );
        return Ok(false);
    }
    process::run(process::command(&deny).args(["--locked", "check", "--disable-fetch", "advisories"]))?;
    Ok(true)
}

/// A known fault of a crate that Cargo.lock names.
pub struct Advisory {
    /// Such as RUSTSEC-2026-0001.
    pub id: String,
    pub title: String,
    /// The crate and its version.
    pub name: String,
    pub version: String,
}

/// The known faults of all crates but those that deny.toml has judged; None where their list cannot be had.
pub fn advisories() -> Result<Option<Vec<Advisory>>> {
    let deny = cargo_deny()?;
    if !process::succeeds(process::command(&deny).args(["fetch", "db"])) {
        return Ok(None);
    }
    let mut check = process::command(&deny);
    check.args(["--format", "json", "--locked", "check", "--disable-fetch", "advisories"]);
    // It fails where there are any, and says each on a line of standard error.
    let output = check.output().context("cannot start cargo-deny")?;
    told(&String::from_utf8_lossy(&output.stderr)).map(Some)
}

/// The advisories among the lines that cargo-deny says.
fn told(lines: &str) -> Result<Vec<Advisory>> {
    let mut found = Vec::new();
    for line in lines.lines() {
        let told: Value =
            serde_json::from_str(line).with_context(|| format!("cargo-deny says what is no JSON: {line}"))?;
        let advisory = &told["fields"]["advisory"];
        let Some(id) = advisory["id"].as_str() else { continue };
        let krate = &told["fields"]["graphs"][0]["Krate"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        found.push(Advisory {
            id: id.to_owned(),
            title: text(&advisory["title"]),
            name: text(&krate["name"]),
            version: text(&krate["version"]),
        });
    }
    Ok(found)
}

/// cargo-deny of [`VERSION`], built below target/ if the one that is installed is another.
fn cargo_deny() -> Result<PathBuf> {
    let own = target().join("xtask/tools");
    let wanted = format!("cargo-deny {VERSION}");
    for candidate in [PathBuf::from("cargo-deny"), own.join("bin/cargo-deny")] {
        if process::output(process::command(&candidate).arg("--version")).is_ok_and(|version| version == wanted) {
            return Ok(candidate);
        }
    }
    let mut install = process::cargo();
    // It reads a few files: compiled without optimisation it is here minutes sooner, and answers in seconds all the same.
    install.args(["install", "--locked", "--debug", "--version", VERSION, "--root"]).arg(&own).arg("cargo-deny");
    install.env("CARGO_PROFILE_DEV_DEBUG", "false");
    process::run(&mut install)?;
    Ok(own.join("bin/cargo-deny"))
}

/// Whether each package of a lock file comes from npm's registry and has a hash.
fn npm(lock: &str) -> Result<()> {
    let lock: Value = serde_json::from_str(lock).context("it is no JSON")?;
    let packages = lock["packages"].as_object().context("it lists no packages")?;
    for (path, package) in packages.iter().filter(|(path, _)| !path.is_empty()) {
        // Without an address it is npm's registry, or a mirror that the machine is told to take; the hash is the same.
        let from = package["resolved"].as_str().unwrap_or(NPM);
        ensure!(package["link"] != Value::Bool(true), "{path} is a folder of this machine");
        ensure!(from.starts_with(NPM), "{path} comes from {from:?}, and not from {NPM}");
        ensure!(package["integrity"].as_str().is_some_and(|hash| hash.starts_with("sha512-")), "{path} has no SHA-512");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advisories_are_read_as_cargo_deny_says_them() {
        let lines = r#"{"type":"diagnostic","fields":{"advisory":{"id":"RUSTSEC-2020-0001","package":"a","title":"a fault"},"graphs":[{"Krate":{"name":"a","version":"1.0.0"}}],"severity":"error"}}
{"type":"diagnostic","fields":{"code":"index-failure","severity":"warning"}}
{"type":"summary","fields":{"advisories":{"errors":1}}}"#;
        let found = told(lines).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].id.as_str(), found[0].name.as_str(), found[0].version.as_str()),
            ("RUSTSEC-2020-0001", "a", "1.0.0")
        );
        assert!(told("").unwrap().is_empty());
        assert!(told("error: no such option").is_err());
    }

    #[test]
    fn a_package_from_elsewhere_is_refused() {
        let lock = |package: &str| format!(r#"{{"packages": {{"": {{}}, "node_modules/a": {package}}}}}"#);
        npm(&lock(r#"{"resolved": "https://registry.npmjs.org/a.tgz", "integrity": "sha512-a"}"#)).unwrap();
        npm(&lock(r#"{"integrity": "sha512-a"}"#)).unwrap();
        for wrong in [
            r#"{"resolved": "https://registry.npmjs.org.example/a.tgz", "integrity": "sha512-a"}"#,
            r#"{"resolved": "git+https://example/a.git", "integrity": "sha512-a"}"#,
            r#"{"resolved": "https://registry.npmjs.org/a.tgz", "integrity": "sha1-a"}"#,
            r#"{"resolved": "https://registry.npmjs.org/a.tgz"}"#,
            r#"{"link": true, "integrity": "sha512-a"}"#,
        ] {
            assert!(npm(&lock(wrong)).unwrap_err().to_string().contains("node_modules/a"), "{wrong}");
        }
    }
}
