//! What a release consists of: the files of its page, its kiosk and its network, each by size and SHA-256. It comes from what this command
//! holds inside, or from the manifest that `cargo xtask release` writes; docs/operations.md has its form.

use std::collections::BTreeMap;
use std::io::{self, Read};

use lungglass::classifier::{NETWORK, SETTINGS};
use lungglass::model::Model;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::hexadecimal;
use crate::failure::{Failure, failed};
use crate::page::{KIOSK, PAGE};

/// The version of the manifest's form.
const SCHEMA: u32 = 1;
/// The list of what is published, which names its build.
const LIST: &str = "pkg/build.js";
/// What a kiosk holds near its end and a page does not.
const KIOSK_MARK: &[u8] = b"connect-src 'none'";

/// A file, by what cannot be made to fit another.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// In bytes.
    pub size: u64,
    /// In lower-case hexadecimal.
    pub sha256: String,
}

impl Entry {
    /// Of all that can be read.
    pub fn of(mut from: impl Read) -> io::Result<Entry> {
        let mut hash = Sha256::new();
        let mut size = 0;
        let mut buffer = vec![0; 1 << 16];
        loop {
            match from.read(&mut buffer)? {
                0 => return Ok(Entry { size, sha256: hexadecimal(hash) }),
                read => {
                    hash.update(&buffer[..read]);
                    size += read as u64;
                }
            }
        }
    }

    fn of_bytes(bytes: &[u8]) -> Entry {
        Entry { size: bytes.len() as u64, sha256: lungglass::hash::sha256(bytes) }
    }

    /// How another file differs from this one.
    pub fn difference(&self, found: &Entry) -> String {
        if found.size == self.size {
            format!("its SHA-256 is {}, and {} was released", found.sha256, self.sha256)
        } else {
            format!("it has {} bytes, and {} were released", found.size, self.size)
        }
    }
}

/// A release.
#[derive(Debug)]
pub struct Release {
    version: String,
    build: String,
    /// The page's files by their path below it, the list of them too.
    pub page: BTreeMap<String, Entry>,
    kiosk: Option<Entry>,
    /// The SHA-256 of the ONNX file.
    pub network: Option<String>,
    /// Other files by what they are.
    others: Vec<(String, Entry)>,
}

/// The manifest as it is written. What WAICT reads stands beside it.
#[derive(Deserialize)]
struct Manifest {
    release: Written,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    schema: u32,
    version: String,
    build: String,
    page: BTreeMap<String, Entry>,
    kiosk: Entry,
    network: Network,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Network {
    name: String,
    version: String,
    onnx: Entry,
    settings: Entry,
    packed: Entry,
}

impl Release {
    /// The one that this command was built with.
    pub fn inside() -> Result<Release, Failure> {
        if PAGE.is_empty() {
            return Err(Failure(
                "this command was built without the page, and holds nothing to compare with: name a manifest with --manifest or a key with \
                 --key, or take the command of a release"
                    .to_owned(),
            ));
        }
        let list = PAGE.iter().find(|(path, _)| *path == LIST).map(|(_, bytes)| String::from_utf8_lossy(bytes));
        let id = list.as_deref().and_then(|list| list.split_once("\"id\": \"")?.1.split('"').next().map(str::to_owned));
        let network = Model::parse(SETTINGS).map_err(failed("the built-in model"))?.sha256;
        Ok(Release {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            build: id.unwrap_or_default(),
            page: PAGE.iter().map(|(path, bytes)| ((*path).to_owned(), Entry::of_bytes(bytes))).collect(),
            kiosk: KIOSK.map(Entry::of_bytes),
            network: Some(network),
            others: vec![
                ("model/model.toml".to_owned(), Entry::of_bytes(SETTINGS.as_bytes())),
                ("model/lungglass.pack".to_owned(), Entry::of_bytes(NETWORK)),
            ],
        })
    }

    /// From a manifest.
    ///
    /// # Errors
    /// It is none, or of a form that this command does not know.
    pub fn parse(bytes: &[u8]) -> Result<Release, String> {
        let Manifest { release } = serde_json::from_slice(bytes).map_err(|error| {
            format!("it is no manifest of a release ({error}); take release.json as it was handed out")
        })?;
        let Written { schema, version, build, page, kiosk, network } = release;
        if schema != SCHEMA {
            return Err(format!("its form is {schema}, and this command knows {SCHEMA}: take a newer command"));
        }
        if let Some(path) = page.keys().find(|path| !is_plain(path)) {
            return Err(format!("it names {path:?}, which is no path of a page"));
        }
        if !page.contains_key("index.html") || !page.contains_key(LIST) {
            return Err(format!("it lists no page: index.html or {LIST} is not in it"));
        }
        let Network { name, version: of, onnx, settings, packed } = network;
        Ok(Release {
            version,
            build,
            page,
            kiosk: Some(kiosk),
            network: Some(onnx.sha256.clone()),
            others: vec![
                (format!("the network {name} {of} (ONNX)"), onnx),
                ("model/model.toml".to_owned(), settings),
                ("model/lungglass.pack".to_owned(), packed),
            ],
        })
    }

    /// What it is called.
    pub fn named(&self) -> String {
        format!("LungGlass {}, build {}", self.version, self.build)
    }

    /// Which file of the release this is, if any.
    pub fn name_of(&self, entry: &Entry) -> Option<String> {
        if self.kiosk.as_ref() == Some(entry) {
            return Some("the kiosk".to_owned());
        }
        if self.network.as_ref() == Some(&entry.sha256) {
            return Some("the network (ONNX)".to_owned());
        }
        let page = self.page.iter().find(|(_, own)| *own == entry).map(|(path, _)| format!("{path} of the page"));
        page.or_else(|| self.others.iter().find(|(_, own)| own == entry).map(|(name, _)| name.clone()))
    }

    /// Which file of the release one of this name and beginning is most likely meant to be, and that file, if the release knows it.
    pub fn meant(&self, name: &str, head: &[u8]) -> (String, Option<&Entry>) {
        let is_page = |text: &[u8]| head.windows(text.len()).any(|part| part == text);
        if is_page(KIOSK_MARK) {
            return ("the kiosk".to_owned(), self.kiosk.as_ref());
        }
        let of_page = self.page.iter().find(|(path, _)| path.rsplit('/').next() == Some(name));
        if let Some((path, entry)) = of_page {
            return (format!("{path} of the page"), Some(entry));
        }
        let of_others = self.others.iter().find(|(path, _)| path.rsplit('/').next() == Some(name));
        if let Some((path, entry)) = of_others {
            return (path.clone(), Some(entry));
        }
        let kind = if head.starts_with(b"\0asm") { "a module" } else { "a file" };
        (kind.to_owned(), None)
    }
}

/// Whether a path stays below its page: plain names between slashes.
fn is_plain(path: &str) -> bool {
    path.split('/').all(|name| {
        !name.is_empty()
            && name != "."
            && name != ".."
            && !name.contains(['\\', ':', '?', '#', '%'])
            && !name.contains(char::is_control)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: &str = include_str!("../../tests/release/release.json");

    #[test]
    fn a_manifest_is_read_as_it_is_written() {
        let release = Release::parse(WRITTEN.as_bytes()).unwrap();
        assert_eq!(release.named(), "LungGlass 1.2.3, build 42");
        let entry = Entry::of(&b"abc"[..]).unwrap();
        // The example of FIPS 180-4.
        assert_eq!(entry.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(release.page["app.js"], entry);
        assert_eq!(release.name_of(&entry).unwrap(), "app.js of the page");
    }

    #[test]
    fn a_manifest_that_leads_out_of_the_page_or_is_of_another_form_is_refused() {
        for (from, to, told) in [
            ("\"schema\": 1", "\"schema\": 2", "take a newer command"),
            ("\"app.js\": {\n        \"size\"", "\"../app.js\": {\n        \"size\"", "no path of a page"),
            ("\"app.js\": {\n        \"size\"", "\"//host/app.js\": {\n        \"size\"", "no path of a page"),
            ("\"index.html\": {\n        \"size\"", "\"home.html\": {\n        \"size\"", "lists no page"),
            ("\"release\"", "\"other\"", "no manifest of a release"),
        ] {
            let changed = WRITTEN.replace(from, to);
            assert_ne!(changed, WRITTEN, "{from}");
            let fault = Release::parse(changed.as_bytes()).unwrap_err();
            assert!(fault.contains(told), "{from}: {fault}");
        }
    }
}
