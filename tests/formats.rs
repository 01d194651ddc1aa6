//! What is read and what is not, as a table: tests/FORMATS.md, written from the cases, the DICOM samples and the registry of transfer
//! syntaxes. `cargo xtask bless` writes it; this test fails where it no longer says what the code does.

#![cfg(not(target_arch = "wasm32"))]

mod samples;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use dicom_transfer_syntax_registry::TransferSyntaxRegistry;
use lungglass::decode::{File, Limits};
use lungglass::error::Error;
use lungglass::slice::Origin;
use samples::{Expected, Lossy};
use serde::Deserialize;

/// Where the files of tests/cases.rs, tests/dicom.rs and tests/browser/firefox.test.mjs are read.
const EVERYWHERE: &str = "native, Chromium, Firefox";

/// case.toml, as far as it matters here.
#[derive(Deserialize)]
struct Case {
    about: String,
}

fn tests(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path)
}

/// Decodes the first frame.
fn decode(bytes: Vec<u8>) -> Result<Origin, Error> {
    let first = File::open(bytes, Limits::default())?.slices().next().expect("a file has a slice");
    first.decode().map(|slice| slice.origin)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The cases: [(name, file, case.toml)].
fn cases() -> Vec<(String, PathBuf, Case)> {
    let read = |name: String| {
        let folder = tests("cases").join(&name);
        let input = names(&folder).into_iter().find(|file| file.split('.').next() == Some("input")).unwrap();
        let case = toml::from_str(&fs::read_to_string(folder.join("case.toml")).unwrap()).unwrap();
        (name, folder.join(input), case)
    };
    names(&tests("cases")).into_iter().map(read).collect()
}

/// The UID in the file meta group, and the range of its value.
fn transfer_syntax(bytes: &[u8]) -> Option<(String, std::ops::Range<usize>)> {
    let at = bytes.windows(6).position(|window| window == [0x02, 0, 0x10, 0, b'U', b'I'])?;
    let length = usize::from(u16::from_le_bytes([bytes[at + 6], bytes[at + 7]]));
    let value = at + 8..at + 8 + length;
    let uid = std::str::from_utf8(&bytes[value.clone()]).ok()?;
    Some((uid.trim_end_matches(['\0', ' ']).to_string(), value))
}

/// A file that says that it has this transfer syntax.
fn claiming(uid: &str) -> Vec<u8> {
    let bytes = fs::read(tests("dicom/native-s16.dcm")).unwrap();
    let (_, value) = transfer_syntax(&bytes).unwrap();
    let mut padded = uid.as_bytes().to_vec();
    if padded.len() % 2 == 1 {
        padded.push(0);
    }
    let mut file = bytes[..value.start - 2].to_vec();
    file.extend((padded.len() as u16).to_le_bytes());
    file.extend(&padded);
    file.extend(&bytes[value.end..]);
    // (0002,0000), the length of the group, stands first behind the preamble.
    let group = u32::from_le_bytes(file[140..144].try_into().unwrap()) + padded.len() as u32 - value.len() as u32;
    file[140..144].copy_from_slice(&group.to_le_bytes());
    file
}

fn table() -> String {
    let mut text = "# What is read\n\n\
        Written by `cargo xtask bless` from the files of `cases/`, `dicom/` and `volumes/` and from the registry of DICOM transfer syntaxes; \
        `formats.rs` fails\nwhere it is out of date. Content counts, never a file's name. ZIP and tar archives of all these, and gzip files of \
        one, are read too (`src/decode/archive.rs`,\n`reports/archives.rs`, `browser/firefox.test.mjs`). *Native* is `lungglass` and the library, *Chromium* and *Firefox* \
        their WebAssembly build.\n\n"
        .to_string();
    pictures(&mut text);
    volumes(&mut text);
    transfer_syntaxes(&mut text);
    errors(&mut text);
    text
}

fn pictures(text: &mut String) {
    text.push_str("## Formats\n\n| format | by the cases | runtimes |\n|---|---|---|\n");
    let mut formats: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, input, _) in cases() {
        if let Ok(origin) = decode(fs::read(input).unwrap()) {
            formats.entry(origin.format).or_default().push(format!("`{name}`"));
        }
    }
    for (format, cases) in formats {
        let _ = writeln!(text, "| {format} | {} | {EVERYWHERE} |", cases.join(", "));
    }
}

fn volumes(text: &mut String) {
    text.push_str("\n## Volumes\n\nThe Hounsfield units are held against those that nibabel reads.\n\n| format | by | runtimes |\n|---|---|---|\n");
    for name in names(&tests("volumes")) {
        if let Ok(origin) = decode(fs::read(tests("volumes").join(&name)).unwrap()) {
            let _ = writeln!(text, "| {} | `{name}` | native, Chromium |", origin.format);
        }
    }
    text.push_str(
        "\nA MetaImage or NRRD header (.mhd, .nhdr) is read with the file of its values beside it: on the disk, in an archive, among the files that are \
         chosen on the page\n(`reports/volumes.rs`, `reports/archives.rs`, `browser/beside.test.mjs`).\n",
    );
}

fn transfer_syntaxes(text: &mut String) {
    let expected: Expected = toml::from_str(&fs::read_to_string(tests("dicom/expected.toml")).unwrap()).unwrap();
    let decoded: BTreeSet<&String> = expected.lossy.values().map(|Lossy { decoded, .. }| decoded).collect();
    let mut samples: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for name in names(&tests("dicom")).into_iter().filter(|name| name.ends_with(".dcm")) {
        let checked = match (expected.exact.contains_key(&name), expected.lossy.get(&name)) {
            (true, _) => "exact".to_string(),
            (_, Some(Lossy { tolerance, .. })) => format!("within {tolerance} HU"),
            _ => {
                assert!(decoded.contains(&name), "{name} does not stand in expected.toml");
                continue;
            }
        };
        let origin =
            decode(fs::read(tests("dicom").join(&name)).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
        samples.entry(origin.transfer_syntax.unwrap()).or_default().push((format!("`{name}`"), checked));
    }
    text.push_str(
        "\n## DICOM transfer syntaxes\n\nThe Hounsfield units are held against those that pydicom decodes.\n\n\
         | transfer syntax | UID | | by | runtimes |\n|---|---|---|---|---|\n",
    );
    let mut known: Vec<(&str, &str)> =
        TransferSyntaxRegistry.iter().map(|syntax| (syntax.uid(), syntax.name())).collect();
    known.sort_by_key(|(uid, _)| uid.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u32>>());
    for (uid, name) in known {
        // The registry marks what is retired, and names a use in brackets, in more words than a table wants.
        let name = name.split(" (Retired)").next().unwrap_or(name);
        let Some(read) = samples.remove(uid) else {
            let error = decode(claiming(uid)).expect_err(&format!("{name} has no sample and is read"));
            let _ = writeln!(text, "| {name} | {uid} | error `{}` | a header that names it | native |", error.code());
            continue;
        };
        let mut checked: Vec<&str> = read.iter().map(|(_, checked)| &**checked).collect();
        checked.dedup();
        let by: Vec<&str> = read.iter().map(|(sample, _)| &**sample).collect();
        let _ =
            writeln!(text, "| {name} | {uid} | read, {} | {} | {EVERYWHERE} |", checked.join(" or "), by.join(", "));
    }
    assert!(samples.is_empty(), "not in the registry: {samples:?}");
    text.push_str(
        "\nJPEG XL is read where it is lossless, by whichever of its transfer syntaxes; lossy frames and recompressed JPEG get the error \
         `unsupported` (`reports/messages/jpeg_xl.rs`).\nThey would take jxl-oxide 0.12.6: a module that does nothing but decode with it has 1,059,805 \
         bytes, and 275,408 by brotli, where the page's\nhas 0.77 MB in all (`cargo build --release --target wasm32-unknown-unknown`, opt-level \"s\", fat \
         LTO; brotli 11).\n",
    );
}

fn errors(text: &mut String) {
    text.push_str("\n## Files that cannot be read\n\n| what | error | case | runtimes |\n|---|---|---|---|\n");
    for (name, input, Case { about }) in cases() {
        if let Err(error) = decode(fs::read(input).unwrap()) {
            let _ =
                writeln!(text, "| {} | `{}` | `{name}` | {EVERYWHERE} |", about.trim_end_matches('.'), error.code());
        }
    }
}

#[test]
fn the_table_of_formats_says_what_is_read() {
    let path = tests("FORMATS.md");
    let table = table();
    if std::env::var_os("LUNGGLASS_BLESS").is_some() {
        fs::write(path, table).unwrap();
        return;
    }
    assert!(
        fs::read_to_string(path).is_ok_and(|old| old == table),
        "tests/FORMATS.md is out of date: run cargo xtask bless"
    );
}
