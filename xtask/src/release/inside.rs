//! What becomes part of a build: its crates with versions, sources and licences, as a CycloneDX bill of materials and as the text that
//! has to go with every copy. Knows cargo's graph and the network's settings, and no build.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use cargo_lock::Lockfile;
use cargo_metadata::camino::Utf8PathBuf;
use cargo_metadata::{Metadata, MetadataCommand, Package};
use cyclonedx_bom::external_models::uri::Purl;
use cyclonedx_bom::models::bom::SpecVersion;
use cyclonedx_bom::models::component::{Classification, Component, Components};
use cyclonedx_bom::models::hash::{Hash, HashAlgorithm, HashValue, Hashes};
use cyclonedx_bom::models::license::{LicenseChoice, Licenses};
use cyclonedx_bom::prelude::{Bom, Metadata as BomMetadata, NormalizedString, Validate};
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
    licence: String,
    repository: Option<String>,
    /// Of the package in the registry, as Cargo.lock has it; none for the crates of this repository.
    sha256: Option<String>,
    /// The licence texts that its package holds; the standard ones where it holds none.
    texts: Vec<String>,
}

/// The crates that become part of `package` built for `triple`, with the features that a build without options has, in the order of their
/// names. What only runs during the build, such as procedural macros, is not among them.
pub fn crates(package: &str, triple: &str) -> Result<Vec<Crate>> {
    let metadata = MetadataCommand::new()
        .current_dir(root())
        .other_options(["--locked".to_owned(), "--filter-platform".to_owned(), triple.to_owned()])
        .exec()
        .context("cannot ask cargo for the packages")?;
    let lock = Lockfile::load(root().join("Cargo.lock")).context("cannot read Cargo.lock")?;
    let mut tree = process::cargo();
    tree.args(["tree", "--locked", "--package", package, "--target", triple]);
    tree.args(["--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"]);
    // Lines such as `serde v1.0.228` and `lungglass v0.1.0 (/path)`, a crate as often as it is needed.
    let names: BTreeSet<_> = process::output(&mut tree)?
        .lines()
        .map(|line| line.split(' ').take(2).map(str::to_owned).collect::<Vec<_>>())
        .filter(|words| words.len() == 2)
        .collect();
    names.iter().map(|words| describe(&words[0], words[1].trim_start_matches('v'), &metadata, &lock)).collect()
}

fn describe(name: &str, version: &str, metadata: &Metadata, lock: &Lockfile) -> Result<Crate> {
    let package =
        metadata.packages.iter().find(|package| *package.name == *name && package.version.to_string() == version);
    let package = package.with_context(|| format!("cargo lists {name} {version} and does not describe it"))?;
    let licence = package.license.clone().with_context(|| format!("{name} {version} names no licence"))?;
    // A few old packages write `MIT/Apache-2.0`.
    let licence = Expression::canonicalize(&licence).ok().flatten().unwrap_or(licence);
    let expression = Expression::parse_mode(&licence, ParseMode::LAX)
        .map_err(|error| anyhow::anyhow!("{name} {version}: the licence {licence:?} is no SPDX expression: {error}"))?;
    let locked =
        lock.packages.iter().find(|locked| locked.name.as_str() == name && locked.version.to_string() == version);
    let checksum = locked.and_then(|locked| locked.checksum.as_ref()).map(ToString::to_string);
    ensure!(checksum.is_some() || package.source.is_none(), "Cargo.lock has no hash of {name} {version}");
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
        repository: package.repository.clone(),
        sha256: checksum,
        texts,
    })
}

/// The licence files of a package; of one in this repository, those of the repository. Where MIT is one of those that may be chosen, it is.
fn own_texts(package: &Package, licence: &Expression) -> Result<Vec<String>> {
    let folder = match (&package.source, package.manifest_path.parent()) {
        (Some(_), Some(folder)) => folder.to_owned(),
        _ => Utf8PathBuf::from_path_buf(root().to_owned())
            .map_err(|path| anyhow::anyhow!("{} is not UTF-8", path.display()))?,
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {folder}"))? {
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

/// The texts that go with every copy: each crate under the licences that it names, each text once, with the crates that it belongs to.
pub fn licences(title: &str, crates: &[Crate], more: &[(&str, String)]) -> String {
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

#[derive(Deserialize)]
struct Settings {
    name: String,
    version: String,
    sha256: String,
}

/// A CycloneDX 1.5 bill of materials, in JSON: the crates and the network. Without a time, so that the same build has the same text.
pub fn bill(name: &str, version: &str, crates: &[Crate]) -> Result<Vec<u8>> {
    let settings = fs::read_to_string(root().join("model/model.toml")).context("cannot read model/model.toml")?;
    let network: Settings = toml::from_str(&settings).context("model/model.toml lacks name, version or sha256")?;
    let mut components = crates.iter().map(component).collect::<Result<Vec<_>>>()?;
    let mut model = Component::new(
        Classification::MachineLearningModel,
        &network.name,
        &network.version,
        Some("network".to_owned()),
    );
    model.hashes = Some(sha256(&network.sha256));
    model.description = Some(NormalizedString::new(
        "model/lungglass.onnx, of which the packed network is made; see model/MODEL_CARD.md",
    ));
    components.push(model);
    let product = Component::new(Classification::Application, name, version, Some("product".to_owned()));
    let bill = Bom {
        spec_version: SpecVersion::V1_5,
        metadata: Some(BomMetadata { component: Some(product), ..BomMetadata::default() }),
        components: Some(Components(components)),
        serial_number: None,
        ..Bom::default()
    };
    let faults = bill.validate_version(SpecVersion::V1_5);
    ensure!(faults.passed(), "the bill of materials is not what CycloneDX asks for: {faults:?}");
    let mut bytes = Vec::new();
    bill.output_as_json(&mut bytes, SpecVersion::V1_5).context("cannot write the bill of materials")?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn component(one: &Crate) -> Result<Component> {
    let purl =
        Purl::new("cargo", &one.name, &one.version).with_context(|| format!("{} has no package URL", one.name))?;
    let mut component = Component::new(Classification::Library, &one.name, &one.version, Some(purl.to_string()));
    component.purl = Some(purl);
    component.licenses = Some(Licenses(vec![LicenseChoice::expression(&one.licence)]));
    component.hashes = one.sha256.as_deref().map(sha256);
    Ok(component)
}

fn sha256(hex: &str) -> Hashes {
    Hashes(vec![Hash { alg: HashAlgorithm::SHA_256, content: HashValue(hex.to_owned()) }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variant::{PACKAGE, TARGET};

    #[test]
    fn the_module_of_the_page_holds_its_crates_and_no_tract() {
        let crates = crates(PACKAGE, TARGET).unwrap();
        let names: Vec<_> = crates.iter().map(|one| one.name.as_str()).collect();
        let own = [PACKAGE, "lungglass"];
        for inside in [own[0], own[1], "wasm-bindgen", "image", "dicom-core", "rawzip"] {
            assert!(names.contains(&inside), "{inside}: {names:?}");
        }
        // The command's alone, of the build alone, of the tests alone.
        for outside in ["lungglass-command", "tract-onnx", "wgpu", "serde_derive", "proptest", "xtask"] {
            assert!(!names.contains(&outside), "{outside}");
        }
        for one in &crates {
            assert_eq!(one.sha256.is_none(), own.contains(&&*one.name), "{}", one.name);
            assert!(one.texts.iter().any(|text| text.len() > 500), "{}: {:?}", one.name, one.texts);
        }
        let text = licences("The page", &crates, &[("The sample", "CC BY".to_owned())]);
        assert!(text.contains("Permission is hereby granted, free of charge"));
        assert!(text.contains("\nThe sample\n"));
        for one in &crates {
            let headed =
                text.lines().any(|line| line.split(", ").any(|owner| owner == format!("{} {}", one.name, one.version)));
            assert!(headed, "{} has no licence text", one.name);
        }

        let bytes = bill("the page", "1", &crates).unwrap();
        assert_eq!(bytes, bill("the page", "1", &crates).unwrap());
        let read = Bom::parse_from_json_with_version(&bytes[..], SpecVersion::V1_5).unwrap();
        let components = read.components.unwrap().0;
        assert_eq!(components.len(), crates.len() + 1);
        assert_eq!(components.iter().filter(|one| one.hashes.is_none()).count(), own.len());
    }
}
