//! Signatures of a release by a key that its builder has: minisign's, so that its own program and `lungglass verify` read them.

use std::env;
use std::fs;
use std::io::Cursor;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minisign::{PublicKey, SecretKey, SecretKeyBox};

/// Bytes of the checksum at the end of a key.
const CHECKSUM: usize = 32;
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
        let parse = || SecretKeyBox::from_string(text).map_err(|error| anyhow!("it cannot be read: {error}"));
        let bytes = text.lines().nth(1).and_then(|line| STANDARD.decode(line.trim()).ok());
        let key = bytes.and_then(|bytes| SecretKey::from_bytes(&bytes).ok());
        let key = key.context("it is no secret key of minisign")?;
        if !key.is_encrypted() {
            // minisign itself (0.11) leaves the checksum of a key without a password empty.
            let is_unchecked = key.to_bytes().ends_with(&[0; CHECKSUM]);
            let whole = if is_unchecked { Ok(key) } else { parse()?.into_unencrypted_secret_key() };
            return whole.map(Signer).map_err(|error| anyhow!("it was damaged: {error}"));
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

    const WRITTEN: &str = "untrusted comment: minisign encrypted secret key\nRWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAGn3W/9yR8hr1YdswntFcCuaN5+5ogL43neTYw/2iYw5Lr3V40yHIU2lUjbF97dRP1ctTH7kA8UjvWrUN8UJSo6L2AZV96FmEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    const PUBLIC: &str = "RWQafdb/3JHyGmlUjbF97dRP1ctTH7kA8UjvWrUN8UJSo6L2AZV96FmE";

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
        assert!(Signer::parse("no key", None).err().unwrap().to_string().contains("no secret key"));
    }

    #[test]
    fn a_key_that_minisign_wrote_without_a_password_signs() {
        // minisign 0.11 -G -W, made for this test.
        let signer = Signer::parse(WRITTEN, None).unwrap();
        assert_eq!(signer.public().unwrap(), PUBLIC);
        let signature = SignatureBox::from_string(&signer.sign("SHA256SUMS", b"sums").unwrap()).unwrap();
        let public = PublicKey::from_base64(PUBLIC).unwrap();
        assert!(minisign::verify(&public, &signature, Cursor::new(b"sums"), true, false, false).is_ok());
        let pair = KeyPair::generate_unencrypted_keypair().unwrap();
        let text = pair.sk.to_box(None).unwrap().to_string();
        let line = text.lines().nth(1).unwrap();
        let damaged =
            text.replace(line, &format!("{}{}", &line[..100], line[100..].replacen(|c: char| c != 'A', "A", 1)));
        assert!(Signer::parse(&damaged, None).err().unwrap().to_string().contains("damaged"));
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
