//! Signatures of a release by a key that its builder has: minisign's, so that its own program and `lungglass verify` read them.

use std::env;
use std::fs;
use std::io::Cursor;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use minisign::{PublicKey, SecretKey, SecretKeyBox};

/// Holds the password of a key that has one.
pub const PASSWORD: &str = "LUNGGLASS_KEY_PASSWORD";

pub struct Signer(SecretKey);

impl Signer {
    /// From the file of a secret key.
    pub fn open(path: &Path) -> Result<Signer> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read the key {}", path.display()))?;
        Signer::parse(&text, env::var(PASSWORD).ok()).with_context(|| format!("{}", path.display()))
    }

    fn parse(text: &str, password: Option<String>) -> Result<Signer> {
        let parse =
            || SecretKeyBox::from_string(text).map_err(|error| anyhow!("it is no secret key of minisign: {error}"));
        if let Ok(key) = parse()?.into_unencrypted_secret_key() {
            return Ok(Signer(key));
        }
        let password = password.with_context(|| format!("the key has a password: put it into {PASSWORD}"))?;
        let key = parse()?
            .into_secret_key(Some(password))
            .map_err(|error| anyhow!("{PASSWORD} does not open the key: {error}"))?;
        Ok(Signer(key))
    }

    /// The public part, in one line of base64.
    pub fn public(&self) -> Result<String> {
        let key =
            PublicKey::from_secret_key(&self.0).map_err(|error| anyhow!("the key has no public part: {error}"))?;
        Ok(key.to_base64())
    }

    /// The text of `name`.minisig. Its comment, which is signed too, says what was signed.
    pub fn sign(&self, name: &str, bytes: &[u8]) -> Result<String> {
        let signature =
            minisign::sign(None, &self.0, Cursor::new(bytes), Some(name), Some("signature of a release of LungGlass"))
                .map_err(|error| anyhow!("cannot sign {name}: {error}"))?;
        Ok(signature.into_string())
    }
}

#[cfg(test)]
mod tests {
    use minisign::{KeyPair, SignatureBox};

    use super::*;

    #[test]
    fn a_signature_names_its_file_and_fits_nothing_else() {
        let pair = KeyPair::generate_unencrypted_keypair().unwrap();
        let text = pair.sk.to_box(None).unwrap().to_string();
        let signer = Signer::parse(&text, None).unwrap();
        assert_eq!(signer.public().unwrap(), pair.pk.to_base64());
        let signature = SignatureBox::from_string(&signer.sign("SHA256SUMS", b"sums").unwrap()).unwrap();
        assert_eq!(signature.trusted_comment().unwrap(), "SHA256SUMS");
        assert!(minisign::verify(&pair.pk, &signature, Cursor::new(b"sums"), true, false, false).is_ok());
        assert!(minisign::verify(&pair.pk, &signature, Cursor::new(b"sumt"), true, false, false).is_err());
        let other = KeyPair::generate_unencrypted_keypair().unwrap();
        assert!(minisign::verify(&other.pk, &signature, Cursor::new(b"sums"), true, false, false).is_err());
        assert!(Signer::parse("no key", None).is_err());
    }

    #[test]
    fn a_key_with_a_password_needs_it() {
        let pair = KeyPair::generate_encrypted_keypair(Some("secret".to_owned())).unwrap();
        let text = pair.sk.to_box(None).unwrap().to_string();
        assert!(Signer::parse(&text, None).err().unwrap().to_string().contains(PASSWORD));
        assert!(Signer::parse(&text, Some("wrong".to_owned())).is_err());
        assert!(Signer::parse(&text, Some("secret".to_owned())).is_ok());
    }
}
