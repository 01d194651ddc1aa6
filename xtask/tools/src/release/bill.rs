//! The bill of materials of a build: its crates with versions, sources and licences, and the network, in CycloneDX's words.

use std::fs;

use anyhow::{Context, Result, ensure};
use cargo_lock::Lockfile;
use cyclonedx_bom::external_models::uri::Purl;
use cyclonedx_bom::models::bom::SpecVersion;
use cyclonedx_bom::models::component::{Classification, Component, Components};
use cyclonedx_bom::models::hash::{Hash, HashAlgorithm, HashValue, Hashes};
use cyclonedx_bom::models::license::{LicenseChoice, Licenses};
use cyclonedx_bom::prelude::{Bom, Metadata, NormalizedString, Validate};
use serde::Deserialize;
use xtask::licences::Crate;
use xtask::places::root;

/// What model/model.toml says of its network.
#[derive(Deserialize)]
pub struct Settings {
    pub name: String,
    pub version: String,
    pub sha256: String,
}

impl Settings {
    pub fn read() -> Result<Settings> {
        let settings = fs::read_to_string(root().join("model/model.toml")).context("cannot read model/model.toml")?;
        toml::from_str(&settings).context("model/model.toml lacks name, version or sha256")
    }
}

/// A CycloneDX 1.5 bill of materials, in JSON: the crates and the network. Without a time, so that the same build has the same text.
pub fn write(name: &str, version: &str, crates: &[Crate]) -> Result<Vec<u8>> {
    let network = Settings::read()?;
    let lock = Lockfile::load(root().join("Cargo.lock")).context("cannot read Cargo.lock")?;
    let mut components = crates.iter().map(|one| component(one, &lock)).collect::<Result<Vec<_>>>()?;
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
        metadata: Some(Metadata { component: Some(product), ..Metadata::default() }),
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

fn component(one: &Crate, lock: &Lockfile) -> Result<Component> {
    let mut locked = lock.packages.iter();
    let locked = locked.find(|locked| locked.name.as_str() == one.name && locked.version.to_string() == one.version);
    // Of the package in the registry; the crates of this repository have none.
    let checksum = locked.and_then(|locked| locked.checksum.as_ref()).map(ToString::to_string);
    ensure!(checksum.is_some() || one.own, "Cargo.lock has no hash of {} {}", one.name, one.version);
    let purl =
        Purl::new("cargo", &one.name, &one.version).with_context(|| format!("{} has no package URL", one.name))?;
    let mut component = Component::new(Classification::Library, &one.name, &one.version, Some(purl.to_string()));
    component.purl = Some(purl);
    component.licenses = Some(Licenses(vec![LicenseChoice::expression(&one.licence)]));
    component.hashes = checksum.as_deref().map(sha256);
    Ok(component)
}

fn sha256(hex: &str) -> Hashes {
    Hashes(vec![Hash { alg: HashAlgorithm::SHA_256, content: HashValue(hex.to_owned()) }])
}

#[cfg(test)]
mod tests {
    use xtask::licences::crates;
    use xtask::variant::{PACKAGE, TARGET};

    use super::*;

    #[test]
    fn the_bill_holds_the_crates_of_the_module_and_the_network() {
        let crates = crates(PACKAGE, TARGET).unwrap();
        let bytes = write("the page", "1", &crates).unwrap();
        assert_eq!(bytes, write("the page", "1", &crates).unwrap());
        let read = Bom::parse_from_json_with_version(&bytes[..], SpecVersion::V1_5).unwrap();
        let components = read.components.unwrap().0;
        assert_eq!(components.len(), crates.len() + 1);
        assert_eq!(
            components.iter().filter(|one| one.hashes.is_none()).count(),
            crates.iter().filter(|one| one.own).count()
        );
    }
}
