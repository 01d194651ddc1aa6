//! A site's operating point for the kiosk: it must be one, whole, and for the network that ships.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use toml::Table;
use xtask::places::root;

/// What the last table of the file begins with, see src/operating_point.rs, which says all that is wrong when the page starts.
const SEAL: &str = "[seal]\n";

#[derive(Deserialize)]
struct Sealed {
    seal: Seal,
}

#[derive(Deserialize)]
struct Seal {
    sha256: String,
}

/// The bytes of the file.
///
/// # Errors
/// It cannot be read, was changed after it was made, or is for another network.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let name = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    check(&text, &fs::read_to_string(root().join("model/model.toml"))?).with_context(|| format!("{name}"))?;
    Ok(text.into_bytes())
}

fn check(text: &str, model: &str) -> Result<()> {
    let plain = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let (body, seal) =
        plain.rsplit_once(SEAL).context("it has no seal: take the file that `lungglass accept` wrote")?;
    let sealed: Sealed = toml::from_str(&format!("{SEAL}{seal}")).context("its seal is none")?;
    let found: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
    ensure!(found == sealed.seal.sha256, "it was changed after it was made: its seal does not fit");
    let [point, model]: [Table; 2] = [toml::from_str(body)?, toml::from_str(model)?];
    let own = point.get("network").and_then(|network| network.get("sha256"));
    ensure!(own.is_some() && own == model.get("sha256"), "it is for another network than the one that ships");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_or_foreign_file_is_refused() {
        let body = "site = \"x\"\n[network]\nsha256 = \"12\"\n\n";
        let seal: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
        let text = format!("{body}{SEAL}sha256 = \"{seal}\"\n");
        check(&text, "sha256 = \"12\"").unwrap();
        let failure = |text: &str, model: &str| format!("{:#}", check(text, model).unwrap_err());
        assert!(failure(&text, "sha256 = \"13\"").contains("another network"));
        assert!(failure(&text.replace("\"x\"", "\"y\""), "sha256 = \"12\"").contains("was changed"));
        assert!(failure(body, "sha256 = \"12\"").contains("no seal"));
    }
}
