//! The licences of what becomes part of a build: its crates, with the texts that have to go with every copy. Knows cargo's graph, and no
//! build.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use spdx::{Expression, ParseMode};

use crate::places::root;
use crate::process;

/// What a crate's licence files are called, in any case and with any ending.
const LICENCE_FILES: [&str; 6] = ["license", "licence", "copying", "notice", "unlicense", "copyright"];

/// One crate that is part of a build.
pub struct Crate {
    pub name: String,
    pub version: String,
    /// An SPDX expression.
    pub licence: String,
    /// Whether it is one of this repository, and none of a registry.
    pub own: bool,
    repository: Option<String>,
    /// The licence texts that its package holds; the standard ones where it holds none.
    texts: Vec<String>,
}

/// What `cargo metadata` prints, as far as it matters here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    repository: Option<String>,
    /// None for the packages of this repository.
    source: Option<String>,
    manifest_path: PathBuf,
}

/// The crates that become part of `package` built for `triple`, with the features that a build without options has, in the order of their
/// names. What only runs during the build, such as procedural macros, is not among them.
pub fn crates(package: &str, triple: &str) -> Result<Vec<Crate>> {
    let mut cargo = process::cargo();
    cargo.args(["metadata", "--locked", "--format-version", "1", "--filter-platform", triple]);
    let metadata: Metadata =
        serde_json::from_str(&process::output(&mut cargo)?).context("cargo describes its packages in another way")?;
    let mut tree = process::cargo();
    tree.args(["tree", "--locked", "--package", package, "--target", triple]);
    tree.args(["--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"]);
    // Lines such as `serde v1.0.228` and `lungglass v0.1.0 (/path)`, a crate as often as it is needed.
    let names: BTreeSet<_> = process::output(&mut tree)?
        .lines()
        .map(|line| line.split(' ').take(2).map(str::to_owned).collect::<Vec<_>>())
        .filter(|words| words.len() == 2)
        .collect();
    names.iter().map(|words| describe(&words[0], words[1].trim_start_matches('v'), &metadata)).collect()
}

fn describe(name: &str, version: &str, metadata: &Metadata) -> Result<Crate> {
    let package = metadata.packages.iter().find(|package| package.name == name && package.version == version);
    let package = package.with_context(|| format!("cargo lists {name} {version} and does not describe it"))?;
    let licence = package.license.clone().with_context(|| format!("{name} {version} names no licence"))?;
    // A few old packages write `MIT/Apache-2.0`.
    let licence = Expression::canonicalize(&licence).ok().flatten().unwrap_or(licence);
    let expression = Expression::parse_mode(&licence, ParseMode::LAX)
        .map_err(|error| anyhow::anyhow!("{name} {version}: the licence {licence:?} is no SPDX expression: {error}"))?;
    let mut texts = own_texts(package, &expression)?;
    if texts.is_empty() {
        let ids: BTreeSet<_> = expression.requirements().filter_map(|one| one.req.license.id()).collect();
        texts = ids.into_iter().map(|id| id.text().trim().to_owned()).collect();
    }
    ensure!(!texts.is_empty(), "there is no text of the licence of {name} {version}, {licence}");
    Ok(Crate {
        name: name.to_owned(),
        version: version.to_owned(),
        licence,
        own: package.source.is_none(),
        repository: package.repository.clone(),
        texts,
    })
}

/// The licence files of a package; of one in this repository, those of the repository. Where MIT is one of those that may be chosen, it is.
fn own_texts(package: &Package, licence: &Expression) -> Result<Vec<String>> {
    let folder = match (&package.source, package.manifest_path.parent()) {
        (Some(_), Some(folder)) => folder,
        _ => root(),
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_lowercase();
        if entry.file_type()?.is_file() && LICENCE_FILES.iter().any(|start| name.starts_with(start)) {
            paths.push(entry.path());
        }
    }
    paths.sort();
    let is_mit =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().to_lowercase().contains("mit"));
    let mit = spdx::license_id("MIT");
    if licence.evaluate(|one| one.license.id() == mit) && paths.iter().any(is_mit) {
        paths.retain(is_mit);
    }
    let read = |path: &Path| {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(String::from_utf8_lossy(&bytes).replace("\r\n", "\n").trim().to_owned())
    };
    paths.iter().map(|path| read(path)).collect()
}

/// The text of all licences inside the page or the command, with the credit of what is no crate.
pub fn text(what: &str, crates: &[Crate]) -> Result<String> {
    let read = |path: &str| fs::read_to_string(root().join(path)).with_context(|| format!("cannot read {path}"));
    let card = read("model/MODEL_CARD.md")?;
    let (_, network) = card.split_once("\n## Licences\n").context("the model card has no section Licences")?;
    let network = network.split("\n## ").next().unwrap_or_default().to_owned();
    let more = [("The network", network), ("The sample", read("www/samples/README.md")?)];
    Ok(list(&format!("LungGlass: the {what}"), crates, &more))
}

/// The texts that go with every copy: each crate under the licences that it names, each text once, with the crates that it belongs to.
fn list(title: &str, crates: &[Crate], more: &[(&str, String)]) -> String {
    let mut text = format!(
        "{title}\n\nWhat is inside, and under which licence. Of several to choose from, MIT is chosen where it is one.\n\n"
    );
    for one in crates {
        let _ = write!(text, "- {} {}: {}", one.name, one.version, one.licence);
        let _ = writeln!(text, "{}", one.repository.as_ref().map(|address| format!(", {address}")).unwrap_or_default());
    }
    text += "- the standard library of Rust: MIT OR Apache-2.0, https://github.com/rust-lang/rust\n";
    let mut owners: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for one in crates {
        for licence in &one.texts {
            owners.entry(licence).or_default().push(format!("{} {}", one.name, one.version));
        }
    }
    let rule = "=".repeat(80);
    for (name, notice) in more {
        let _ = write!(text, "\n{rule}\n{name}\n{rule}\n\n{}\n", notice.trim());
    }
    for (licence, owners) in owners {
        let _ = write!(text, "\n{rule}\n{}\n{rule}\n\n{licence}\n", owners.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variant::{PACKAGE, TARGET};

    #[test]
    fn the_module_of_the_page_holds_its_crates_and_no_tract() {
        let crates = crates(PACKAGE, TARGET).unwrap();
        let names: Vec<_> = crates.iter().map(|one| one.name.as_str()).collect();
        let own = [PACKAGE, "lungglass", "lungglass-acceptance"];
        for inside in own.into_iter().chain(["wasm-bindgen", "image", "dicom-core", "rawzip"]) {
            assert!(names.contains(&inside), "{inside}: {names:?}");
        }
        // The command's alone, of the build alone, of the tests alone.
        for outside in ["lungglass-command", "tract-onnx", "wgpu", "serde_derive", "proptest", "xtask"] {
            assert!(!names.contains(&outside), "{outside}");
        }
        for one in &crates {
            assert_eq!(one.own, own.contains(&&*one.name), "{}", one.name);
            assert!(one.texts.iter().any(|text| text.len() > 500), "{}: {:?}", one.name, one.texts);
        }
        let text = list("The page", &crates, &[("The sample", "CC BY".to_owned())]);
        assert!(text.contains("Permission is hereby granted, free of charge"));
        assert!(text.contains("\nThe sample\n"));
        for one in &crates {
            let headed =
                text.lines().any(|line| line.split(", ").any(|owner| owner == format!("{} {}", one.name, one.version)));
            assert!(headed, "{} has no licence text", one.name);
        }
    }
}
