//! What is published: the files of www/, and their list in www/pkg/build.js, by which the page knows its own version and checks what it
//! is given. It knows no browser and no page.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::inside;
use crate::places::root;
use crate::variant::Variant;

/// The list itself, below the published folder.
pub const LIST: &str = "pkg/build.js";
/// (module (func (result v128) (f32x4.relaxed_madd (i32x4.splat (i32.const 0)) ...))): only a browser with relaxed SIMD takes it.
const RELAXED_PROBE: [u8; 40] = [
    0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 19, 1, 17, 0, 65, 0, 253, 17, 65, 0, 253, 17,
    65, 0, 253, 17, 253, 133, 2, 11,
];
/// The browser keeps this one by itself, apart from the files that it serves.
const SERVICE_WORKER: &str = "service-worker.js";

/// One published file.
pub struct File {
    /// Below the published folder, with slashes.
    pub path: String,
    pub bytes: Vec<u8>,
}

impl File {
    fn sha256(&self) -> String {
        STANDARD.encode(Sha256::digest(&self.bytes))
    }
}

/// Every published file of `folder` but the list, in the order of their paths. Hidden files and TypeScript's declarations are not published.
pub fn files(folder: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    collect(folder, "", &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<File>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().into_string().ok().context("a name below www/ is not UTF-8")?;
        let path = format!("{prefix}{name}");
        if name.starts_with('.') || name.ends_with(".d.ts") || path == LIST {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{path}/"), files)?;
        } else {
            let bytes = fs::read(entry.path()).with_context(|| format!("cannot read {}", entry.path().display()))?;
            files.push(File { path, bytes });
        }
    }
    Ok(())
}

/// Writes the list of what `folder` publishes, with these variants of the module, unless it stands there already.
pub fn write_list(folder: &Path, variants: &[Variant]) -> Result<()> {
    let path = folder.join(LIST);
    let text = list(&files(folder)?, variants, &version()?, inside::is_named());
    if fs::read_to_string(&path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// A script that a page can import and a service worker can run: it sets `lungglassBuild` to the version, a hash over all files, and the
/// size and SHA-256 (base64, as in Subresource Integrity) of each. One file a line, so that a build script can read it too. Of `modules`
/// a browser needs the first whose probe, in base64, `WebAssembly.validate` takes; the last has none. Where another network than our own is inside the
/// modules, the page says so before they are loaded.
fn list(files: &[File], variants: &[Variant], version: &str, is_other_inside: bool) -> String {
    let mut all = Sha256::new();
    let mut lines = String::new();
    for file in files {
        let hash = file.sha256();
        all.update(format!("{} {hash}\n", file.path));
        if file.path == SERVICE_WORKER {
            continue;
        }
        let separator = if lines.is_empty() { "" } else { ",\n" };
        let _ =
            write!(lines, "{separator}    {:?}: {{\"size\": {}, \"sha256\": {hash:?}}}", file.path, file.bytes.len());
    }
    let modules = Variant::ALL.iter().rev().filter(|variant| variants.contains(variant)).map(|variant| {
        let probe = match variant {
            Variant::Simd => String::new(),
            Variant::Relaxed => format!(", \"probe\": {:?}", STANDARD.encode(RELAXED_PROBE)),
        };
        format!("    {{\"path\": {:?}{probe}}}", format!("pkg/{}", variant.file()))
    });
    let modules = modules.collect::<Vec<_>>().join(",\n");
    all.update(&modules);
    let id = all.finalize().iter().fold(String::new(), |id, byte| id + &format!("{byte:02x}"));
    let other = if is_other_inside { "  \"otherNetwork\": true,\n" } else { "" };
    format!(
        "// Written by `cargo xtask build`: what this build published.\n\
         globalThis.lungglassBuild = {{\n  \"version\": {version:?},\n  \"id\": {id:?},\n{other}  \"files\": {{\n{lines}\n  }},\n  \"modules\": [\n{modules}\n  ]\n}};\n"
    )
}

/// The version of the package `lungglass`.
pub fn version() -> Result<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).context("cannot read Cargo.toml")?;
    let version = manifest.lines().find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    Ok(version.context("Cargo.toml does not say its version")?.to_owned())
}

#[cfg(test)]
mod tests {
    use wasmparser::{Validator, WasmFeatures};

    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), bytes: text.as_bytes().to_vec() }
    }

    #[test]
    fn the_list_has_sizes_and_hashes() {
        let text = list(&[file("a.js", "abc"), file("b/c.css", "")], &Variant::ALL, "1.2.3", false);
        assert!(text.contains("\"version\": \"1.2.3\""), "{text}");
        // The hash of "abc" is the example of FIPS 180-4.
        let line = "\"a.js\": {\"size\": 3, \"sha256\": \"ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=\"},\n";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("\"b/c.css\": {\"size\": 0, "), "{text}");
        assert!(!text.contains("otherNetwork"), "{text}");
        assert!(list(&[], &Variant::ALL, "1", true).contains("\n  \"otherNetwork\": true,\n"));
    }

    #[test]
    fn the_id_tells_any_two_builds_apart() {
        let id = |files: &[File]| {
            let text = list(files, &Variant::ALL, "1", false);
            let id = text.lines().find_map(|line| line.trim().strip_prefix("\"id\": \"")).unwrap().to_owned();
            assert_eq!(id.trim_end_matches("\",").len(), 64);
            id
        };
        let first = id(&[file("a.js", "abc"), file(SERVICE_WORKER, "1")]);
        assert_eq!(first, id(&[file("a.js", "abc"), file(SERVICE_WORKER, "1")]));
        assert_ne!(first, id(&[file("a.js", "abd"), file(SERVICE_WORKER, "1")]));
        assert_ne!(first, id(&[file("b.js", "abc"), file(SERVICE_WORKER, "1")]));
        assert_ne!(first, id(&[file("a.js", "abc"), file(SERVICE_WORKER, "2")]));
        assert!(!list(&[file(SERVICE_WORKER, "1")], &Variant::ALL, "1", false).contains(SERVICE_WORKER));
    }

    #[test]
    fn only_a_browser_with_relaxed_simd_takes_the_probe() {
        let takes =
            |features: WasmFeatures| Validator::new_with_features(features).validate_all(&RELAXED_PROBE).is_ok();
        let simd = WasmFeatures::default() - WasmFeatures::RELAXED_SIMD;
        assert!(simd.contains(WasmFeatures::SIMD));
        assert!(!takes(simd));
        assert!(takes(simd | WasmFeatures::RELAXED_SIMD));
        // The last module needs nothing but SIMD.
        let modules = |variants: &[Variant]| -> Vec<String> {
            let text = list(&[], variants, "1", false);
            text.lines().map(|line| line.trim().to_owned()).filter(|line| line.starts_with("{\"path\"")).collect()
        };
        let both = modules(&Variant::ALL);
        assert_eq!(both.len(), Variant::ALL.len());
        assert!(both[0].contains(Variant::Relaxed.file()), "{both:?}");
        assert_eq!(both.last().unwrap(), &format!("{{\"path\": \"pkg/{}\"}}", Variant::Simd.file()));
        assert_eq!(modules(&[Variant::Simd]), both[1..]);
    }

    #[test]
    fn all_of_the_page_is_published_and_no_more() {
        let paths: Vec<_> = files(&root().join("www")).unwrap().into_iter().map(|file| file.path).collect();
        for wanted in ["index.html", "app.js", "locales/en.js", "samples/lidc-slice.dcm", SERVICE_WORKER] {
            assert!(paths.iter().any(|path| path == wanted), "{wanted}");
        }
        assert!(!paths.iter().any(|path| path == LIST || path.ends_with(".d.ts") || path.starts_with('.')));
        assert!(paths.is_sorted());
    }
}
