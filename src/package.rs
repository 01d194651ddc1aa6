//! A model in one file, `name.lungglass`: its network, packed, its settings and its card, with a hash of all of it.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::graph::program::Program;
use crate::hash::sha256;
use crate::model::Model;

/// How the file begins; the last byte is the version of its layout. The hash of what follows it comes next, as text.
const MAGIC: &[u8; 8] = b"LGMODEL\x01";
/// Hexadecimal digits of a SHA-256.
const DIGITS: usize = 64;

/// The parts of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Package<'a> {
    /// model.toml.
    pub settings: &'a str,
    /// card.md; empty where there is none.
    pub card: &'a str,
    /// What [`Program::pack`] gives.
    pub network: &'a [u8],
}

impl<'a> Package<'a> {
    /// Whether a file begins as one.
    pub fn is_one(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// The file.
    ///
    /// # Errors
    /// [`Error::Internal`] if it cannot be written.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let parts = postcard::to_allocvec(self).map_err(|error| Error::Internal(error.to_string()))?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend(sha256(&parts).into_bytes());
        bytes.extend(parts);
        Ok(bytes)
    }

    /// The parts of a file, once its hash was found to be right.
    ///
    /// # Errors
    /// [`Error::Model`] for what is no such file, or a damaged one.
    pub fn parse(bytes: &'a [u8]) -> Result<Package<'a>> {
        let damaged = |reason: &str| {
            Error::Model(format!("it is no model that `lungglass pack` wrote, or a damaged one: {reason}"))
        };
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| damaged("it begins otherwise"))?;
        let (hash, parts) = rest.split_at_checked(DIGITS).ok_or_else(|| damaged("it is cut short"))?;
        if sha256(parts).as_bytes() != hash {
            return Err(damaged("its hash is not that of its bytes"));
        }
        postcard::from_bytes(parts).map_err(|error| damaged(&error.to_string()))
    }

    /// Its settings and its network.
    ///
    /// # Errors
    /// [`Error::Model`] where they are damaged or are not made for each other.
    pub fn open(&self) -> Result<(Model, Program)> {
        let (model, program) = (Model::parse(self.settings)?, Program::parse(self.network)?);
        if model.sha256.is_empty() {
            return Err(Error::Model("its model.toml has no sha256; pack it again".to_string()));
        }
        model.check_network(&program.onnx)?;
        Ok((model, program))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classifier::{NETWORK, SETTINGS};

    #[test]
    fn what_is_packed_is_there_again_and_nothing_else_is() {
        let whole = Package { settings: SETTINGS, card: "# A card", network: NETWORK };
        let bytes = whole.to_bytes().unwrap();
        let found = Package::parse(&bytes).unwrap();
        assert_eq!(found, whole);
        assert_eq!(found.open().unwrap().0.sha256, Model::parse(SETTINGS).unwrap().sha256);
        for at in [0, 9, 80, bytes.len() - 1] {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert!(matches!(Package::parse(&other), Err(Error::Model(_))), "byte {at}");
        }
        for length in [0, 8, 60, 72, bytes.len() - 1] {
            assert!(matches!(Package::parse(&bytes[..length]), Err(Error::Model(_))), "{length} bytes");
        }
        let hash = Model::parse(SETTINGS).unwrap().sha256;
        let strange = SETTINGS.replace(&hash, &"0".repeat(64));
        assert!(Package { settings: &strange, ..whole.clone() }.open().is_err());
        let unpacked = SETTINGS.replace(&hash, "");
        assert!(Package { settings: &unpacked, ..whole }.open().is_err());
    }
}
