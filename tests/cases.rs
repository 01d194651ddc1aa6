//! The cases of tests/cases on whichever runtime this is built for: native, or wasm in a browser.
//!
//! A case is a folder: `input.*`, `case.toml` (what it is, whose it is, what must become of it) and `expected.json` (what the
//! shipped network says, in full). `cargo xtask bless` rewrites the latter after the network has changed.

use std::cell::LazyCell;

use include_dir::{Dir, include_dir};
use lungglass::classifier::Classifier;
use lungglass::decode::{File, Limits};
use lungglass::reading::Reading;
use serde::{Deserialize, Serialize};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::{wasm_bindgen_test as test, wasm_bindgen_test_configure};

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test_configure!(run_in_dedicated_worker);

static CASES: Dir = include_dir!("$CARGO_MANIFEST_DIR/tests/cases");

/// Two runtimes that each stay within it are within 1e-4 of each other.
const LOGIT_TOLERANCE: f32 = 5e-5;

/// case.toml.
#[derive(Deserialize)]
struct Case {
    #[expect(dead_code, reason = "for the reader of the case")]
    about: String,
    #[expect(dead_code, reason = "for the reader of the case")]
    credit: String,
    /// The verdicts of which each frame must have one.
    verdict: Vec<String>,
    /// The code of the refusal or error, where it matters.
    code: Option<String>,
}

/// A frame of expected.json.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Expected {
    frame: Option<usize>,
    verdict: String,
    logit: Option<f32>,
    code: Option<String>,
}

impl From<&Reading> for Expected {
    fn from(reading: &Reading) -> Expected {
        let refusal = reading.refusal.as_ref().map(|refusal| refusal.code);
        let error = reading.error.as_ref().map(|error| error.code);
        Expected {
            frame: reading.frame,
            verdict: reading.verdict.word().to_string(),
            logit: reading.logit,
            code: refusal.or(error).map(str::to_string),
        }
    }
}

fn classifier() -> Classifier {
    Classifier::built_in("test", || 0.0).unwrap()
}

fn read(classifier: &Classifier, bytes: &[u8], name: &str) -> Vec<Reading> {
    match File::open(bytes.to_vec(), Limits::default()) {
        Ok(file) => file.slices().map(|slice| classifier.read_pending(&slice, name)).collect(),
        Err(error) => vec![Reading::unreadable(name, None, &error, &classifier.model, classifier.device)],
    }
}

fn file<'a>(case: &'a Dir, stem: &str) -> Option<(&'a str, &'a [u8])> {
    let file = case.files().find(|file| file.path().file_stem().is_some_and(|found| found == stem))?;
    Some((file.path().to_str().unwrap(), file.contents()))
}

#[test]
fn every_case_is_read_as_expected() {
    let classifier = classifier();
    let mut failures = Vec::new();
    let mut logits = 0;
    for folder in CASES.dirs() {
        let name = folder.path().display().to_string();
        let (_, settings) = file(folder, "case").unwrap_or_else(|| panic!("{name} has no case.toml"));
        let case: Case = toml::from_str(std::str::from_utf8(settings).unwrap()).unwrap();
        let (path, bytes) = file(folder, "input").unwrap_or_else(|| panic!("{name} has no input"));
        let readings = read(&classifier, bytes, path);
        for reading in &readings {
            let found = Expected::from(reading);
            if !case.verdict.contains(&found.verdict) || (case.code.is_some() && case.code != found.code) {
                failures.push(format!("{name}: {found:?} is not {:?} {:?}", case.verdict, case.code));
            }
            check_map(reading);
        }
        let found: Vec<Expected> = readings.iter().map(Expected::from).collect();
        if bless(folder, &found) {
            continue;
        }
        let expected: Vec<Expected> = file(folder, "expected")
            .map(|(_, json)| serde_json::from_slice(json).unwrap())
            .unwrap_or_else(|| panic!("{name} has no expected.json: run cargo xtask bless"));
        if !agree(&found, &expected) {
            failures.push(format!("{name}: {found:?} instead of {expected:?}"));
        }
        logits += expected.iter().filter(|expected| expected.logit.is_some()).count();
    }
    assert!(failures.is_empty(), "{} cases fail:\n{}", failures.len(), failures.join("\n"));
    assert!(logits >= 10 || blessing(), "only {logits} logits were compared");
}

/// The mean of the map is the logit: the explanation is the computation.
fn check_map(reading: &Reading) {
    let (Some(map), Some(logit)) = (&reading.map, reading.logit) else { return };
    assert_eq!(map.values.len(), map.width * map.height);
    let mean = map.values.iter().sum::<f32>() / map.values.len() as f32;
    assert!((mean - logit).abs() < 1e-3, "{}: the map's mean is {mean}, the logit {logit}", reading.file);
}

fn agree(found: &[Expected], expected: &[Expected]) -> bool {
    found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| {
            let logits = match (found.logit, expected.logit) {
                (Some(a), Some(b)) => (a - b).abs() <= LOGIT_TOLERANCE,
                (a, b) => a == b,
            };
            logits && Expected { logit: None, ..found.clone() } == Expected { logit: None, ..expected.clone() }
        })
}

fn blessing() -> bool {
    cfg!(not(target_arch = "wasm32")) && std::env::var_os("LUNGGLASS_BLESS").is_some()
}

/// Writes expected.json if that is what was asked for.
fn bless(case: &Dir, found: &[Expected]) -> bool {
    if blessing() {
        let path = std::path::Path::new("tests/cases").join(case.path()).join("expected.json");
        std::fs::write(path, serde_json::to_string_pretty(found).unwrap() + "\n").unwrap();
    }
    blessing()
}

/// One slice in many files is one slice.
#[test]
fn the_encoding_does_not_change_the_logit() {
    let classifier = classifier();
    let logit = |name: &str| {
        let folder = CASES.get_dir(name).unwrap_or_else(|| panic!("there is no case {name}"));
        let (path, bytes) = file(folder, "input").unwrap();
        read(&classifier, bytes, path)[0].logit.unwrap()
    };
    let dicom = LazyCell::new(|| logit("lidc-explicit-le"));
    for name in ["lidc-implicit-le", "lidc-no-preamble"] {
        assert_eq!(logit(name), *dicom, "{name}");
    }
    let png = LazyCell::new(|| logit("lidc-lung-window"));
    for name in ["lidc-rgba", "lidc-bmp", "lidc-gif", "lidc-png-16-bit", "lidc-tiff", "lidc-webp"] {
        assert!((logit(name) - *png).abs() < 1e-4, "{name}: {} instead of {}", logit(name), *png);
    }
}
