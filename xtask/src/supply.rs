//! The supply chain: where the crates and packages come from, under which licences, and whether a fault of one is known.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::places::{root, target};
use crate::process;

/// The release of cargo-deny that deny.toml is written for.
const VERSION: &str = "0.20.2";
const PACKAGES: [&str; 2] = ["tests/browser/package-lock.json", "tests/bench/package-lock.json"];
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
    install.args(["install", "--locked", "--version", VERSION, "--root"]).arg(&own).arg("cargo-deny");
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
