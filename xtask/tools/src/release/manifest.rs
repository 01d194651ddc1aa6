//! What a release consists of, file by file, in two forms: the manifest that `lungglass verify` reads, which is one of WAICT too
//! (draft-waict-integrity-v2 of 15 April 2026), and the manifest that WEBCAT's tools complete and sign (webcat-spec, manifest.md).

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};
use xtask::published::{self, File};

/// The version of the form, which the command knows.
const SCHEMA: u32 = 1;
const INDEX: &str = "index.html";

/// A network, as its files lie in model/.
pub struct Network<'a> {
    pub name: &'a str,
    pub version: &'a str,
    pub onnx: &'a [u8],
    pub settings: &'a [u8],
    pub packed: &'a [u8],
}

/// All fields that WAICT asks for, and `release`, which it ignores. In the order in which they are written.
#[derive(Serialize)]
struct Manifest<'a> {
    hashes: BTreeMap<String, String>,
    wasm_hashes: Vec<String>,
    release: Release<'a>,
}

#[derive(Serialize)]
struct Release<'a> {
    schema: u32,
    version: &'a str,
    build: &'a str,
    page: BTreeMap<&'a str, Entry>,
    kiosk: Entry,
    network: Written<'a>,
}

#[derive(Serialize)]
struct Written<'a> {
    name: &'a str,
    version: &'a str,
    onnx: Entry,
    settings: Entry,
    packed: Entry,
}

#[derive(Serialize)]
struct Entry {
    size: usize,
    sha256: String,
}

impl Entry {
    fn of(bytes: &[u8]) -> Entry {
        Entry { size: bytes.len(), sha256: super::hexadecimal(bytes) }
    }
}

/// The manifest of a release. It ends as WAICT has it: an empty line in place of the proof that a transparency service would give.
pub fn write(version: &str, page: &[File], kiosk: &[u8], network: &Network) -> Result<Vec<u8>> {
    let build = build(page)?;
    let manifest = Manifest {
        hashes: hashes(page),
        wasm_hashes: modules(page),
        release: Release {
            schema: SCHEMA,
            version,
            build: &build,
            page: page.iter().map(|file| (file.path.as_str(), Entry::of(&file.bytes))).collect(),
            kiosk: Entry::of(kiosk),
            network: Written {
                name: network.name,
                version: network.version,
                onnx: Entry::of(network.onnx),
                settings: Entry::of(network.settings),
                packed: Entry::of(network.packed),
            },
        },
    };
    let mut bytes = serde_json::to_vec_pretty(&manifest)?;
    bytes.extend(b"\n\n");
    Ok(bytes)
}

#[derive(Serialize)]
struct Webcat<'a> {
    manifest: WebcatManifest<'a>,
    signatures: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
struct WebcatManifest<'a> {
    app: &'a str,
    default_csp: &'a str,
    default_fallback: &'a str,
    default_index: &'a str,
    files: BTreeMap<String, String>,
    version: &'a str,
    wasm: Vec<String>,
}

/// What a site that enrolls at WEBCAT starts from. Without `timestamp` and signatures: both are proofs of a log (Sigsum) that only the site
/// can ask for.
pub fn webcat(version: &str, page: &[File]) -> Result<Vec<u8>> {
    let index = page.iter().find(|file| file.path == INDEX).context("the page has no index.html")?;
    let html = std::str::from_utf8(&index.bytes).context("index.html is no text")?;
    let policy = html
        .split_once("<meta http-equiv=\"Content-Security-Policy\" content=\"")
        .context("index.html has no policy")?
        .1;
    let mut files = hashes(page);
    files.remove("/");
    let whole = Webcat {
        manifest: WebcatManifest {
            // Where the source lies is for who hands it out to say.
            app: "",
            default_csp: policy.split('"').next().unwrap_or_default(),
            default_fallback: "/index.html",
            default_index: "/index.html",
            files,
            version,
            wasm: modules(page),
        },
        signatures: BTreeMap::new(),
    };
    let mut bytes = serde_json::to_vec_pretty(&whole)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// By address, for a page that lies at the root of its origin. A browser asks for the root itself, too.
fn hashes(page: &[File]) -> BTreeMap<String, String> {
    let index = page.iter().filter(|file| file.path == INDEX).map(|file| ("/".to_owned(), hash(&file.bytes)));
    page.iter().map(|file| (format!("/{}", file.path), hash(&file.bytes))).chain(index).collect()
}

fn modules(page: &[File]) -> Vec<String> {
    let mut modules: Vec<String> =
        page.iter().filter(|file| file.path.ends_with(".wasm")).map(|file| hash(&file.bytes)).collect();
    modules.sort();
    modules.dedup();
    modules
}

fn hash(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))
}

/// The id of the build, from the list of what is published.
fn build(page: &[File]) -> Result<String> {
    let list = page.iter().find(|file| file.path == published::LIST).context("the page has no list")?;
    let text = std::str::from_utf8(&list.bytes).context("the list of the page is no text")?;
    let id = text.split_once("\"id\": \"").and_then(|(_, rest)| rest.split('"').next());
    Ok(id.context("the list of the page has no id")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Vec<File> {
        let files: [(&str, &[u8]); 4] = [
            ("app.js", b"abc"),
            ("index.html", b"<!doctype html>\n"),
            ("pkg/build.js", b"globalThis.lungglassBuild = {\n  \"id\": \"42\"\n};\n"),
            ("pkg/lungglass_bg.wasm", b"\0asm\x01\0\0\0"),
        ];
        files.iter().map(|(path, bytes)| File { path: (*path).to_owned(), bytes: bytes.to_vec() }).collect()
    }

    /// The command's tests read the same file.
    #[test]
    fn the_manifest_is_the_one_that_the_command_knows() {
        let network = Network { name: "net", version: "0.1", onnx: b"onnx", settings: b"settings", packed: b"packed" };
        let written = String::from_utf8(write("1.2.3", &page(), b"kiosk", &network).unwrap()).unwrap();
        assert_eq!(written, include_str!("../../../../command/tests/release/release.json"));
        // WAICT: a manifest, a line feed, a proof without one in it, a line feed; and JSON all the same.
        assert!(written.ends_with("}\n\n"));
        assert!(serde_json::from_str::<serde_json::Value>(&written).is_ok());
        assert!(build(&page()[..2]).is_err());
    }

    #[test]
    fn the_manifest_for_webcat_has_the_policy_and_every_file_once() {
        let mut page = page();
        page[1].bytes = b"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'\">".to_vec();
        let written: serde_json::Value = serde_json::from_slice(&webcat("1.2.3", &page).unwrap()).unwrap();
        let manifest = &written["manifest"];
        assert_eq!(manifest["default_csp"], "default-src 'none'");
        assert_eq!(manifest["files"].as_object().unwrap().len(), page.len());
        assert_eq!(manifest["files"]["/app.js"], "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
        assert_eq!(manifest["wasm"].as_array().unwrap().len(), 1);
        assert!(written["signatures"].as_object().unwrap().is_empty() && manifest.get("timestamp").is_none());
        assert!(webcat("1.2.3", &page[2..]).is_err());
    }
}
