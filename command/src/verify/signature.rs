//! Signatures of minisign (Ed25519 over BLAKE2b, with a signed comment): who made a file, by a public key that its maker gave out.

use std::fs;

use minisign_verify::{PublicKey, Signature};

use crate::failure::Failure;

/// A public key.
pub struct Key(PublicKey);

impl Key {
    /// From the path of a key file, or the line of base64 in it.
    ///
    /// # Errors
    /// It is neither.
    pub fn parse(given: &str) -> Result<Key, Failure> {
        if let Ok(key) = PublicKey::from_base64(given) {
            return Ok(Key(key));
        }
        let text = fs::read_to_string(given).map_err(|error| {
            Failure(format!("--key: {given:?} is no public key of minisign, and cannot be read as a file: {error}"))
        })?;
        let key = PublicKey::decode(text.trim_end())
            .or_else(|_| PublicKey::from_base64(text.trim()))
            .map_err(|error| Failure(format!("--key: {given} holds no public key of minisign: {error}")))?;
        Ok(Key(key))
    }

    /// Gives the comment that was signed with the bytes.
    ///
    /// # Errors
    /// The signature is none, is of another key, or does not fit the bytes.
    pub fn check(&self, bytes: &[u8], signature: &[u8]) -> Result<String, String> {
        let none = "its signature is none of minisign";
        let text = std::str::from_utf8(signature).map_err(|_| none.to_owned())?;
        let signature = Signature::decode(text.trim_end()).map_err(|_| none.to_owned())?;
        match self.0.verify(bytes, &signature, false) {
            // minisign itself puts tabs between its parts.
            Ok(()) => Ok(signature.trusted_comment().replace('\t', ", ")),
            Err(minisign_verify::Error::UnexpectedKeyId) => {
                Err("it was signed with another key than the one that you named".to_owned())
            }
            Err(error) => Err(format!("its signature does not fit it: {error}")),
        }
    }
}
