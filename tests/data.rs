//! What only the data set can show. It may not be published: `LUNGGLASS_DATA` names the folder, and without it these tests say so.
#![cfg(not(target_arch = "wasm32"))]

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::Command;

use lungglass::classifier::SETTINGS;
use lungglass::decode::{Limits, Source};
use lungglass::model::Model;
use lungglass::slice::Pixels;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// The folder, or `None` after saying that the test was skipped.
fn data(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("LUNGGLASS_DATA").map(PathBuf::from);
    if folder.is_none() {
        // Past the harness, which keeps what a passing test prints to itself; `cargo xtask test` counts these lines.
        let _ = writeln!(io::stdout(), "\nSKIPPED {test}: LUNGGLASS_DATA names no data");
    }
    folder
}

#[derive(Deserialize)]
struct Sample {
    hu_sha256_i32le: Option<String>,
    hu_min: Option<f32>,
    hu_max: Option<f32>,
    transfer_syntax: Option<String>,
    modality: Option<String>,
}

/// The Hounsfield units of every CT sample are those that pydicom decodes, whatever its transfer syntax. What a lossy DCT or wavelet
/// makes of a slice is the decoder's own in the last digit: there the least and greatest value must be near.
#[test]
fn hounsfield_units_are_those_of_the_samples_list() {
    let Some(data) = data("hounsfield_units_are_those_of_the_samples_list") else { return };
    let manifest = fs::read(data.join("dicom/manifest.json")).unwrap();
    let samples: BTreeMap<String, Sample> = serde_json::from_slice(&manifest).unwrap();
    let lossy = ["1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.91"];
    let mut syntaxes = BTreeMap::new();
    for (name, sample) in &samples {
        let Some(expected) = &sample.hu_sha256_i32le else { continue };
        if sample.modality.as_deref().is_some_and(|modality| modality != "CT") {
            continue;
        }
        let syntax = sample.transfer_syntax.as_deref().unwrap();
        let bytes = fs::read(data.join("dicom").join(name)).unwrap();
        let source = Source::open(bytes, Limits::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut hash = Sha256::new();
        let (mut least, mut greatest) = (f32::INFINITY, f32::NEG_INFINITY);
        for frame in 0..source.frames() {
            let slice = source.slice(frame).unwrap_or_else(|error| panic!("{name}: {error}"));
            let Pixels::Hu(values) = slice.pixels else { panic!("{name} has no Hounsfield units") };
            for value in values {
                hash.update((value as i32).to_le_bytes());
                (least, greatest) = (least.min(value), greatest.max(value));
            }
        }
        let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if lossy.contains(&syntax) {
            let distance = (least - sample.hu_min.unwrap()).abs().max((greatest - sample.hu_max.unwrap()).abs());
            assert!(distance <= 2.0, "{name}: {least} to {greatest}");
        } else {
            assert_eq!(found, *expected, "{name}");
        }
        *syntaxes.entry(syntax).or_insert(0) += 1;
    }
    assert!(syntaxes.len() >= 13, "only {syntaxes:?} were checked");
}

/// The figures of model.toml and the model card are those that the command measures today.
#[test]
fn the_figures_of_the_model_are_measured() {
    let Some(data) = data("the_figures_of_the_model_are_measured") else { return };
    let model = Model::parse(SETTINGS).unwrap();
    for (split, least) in [("validation", 0.0), ("test", 0.85), ("test_clean", 0.0)] {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("figures_{split}"));
        fs::create_dir_all(&folder).unwrap();
        let manifest = folder.join("manifest.csv");
        fs::write(&manifest, rows(&data, split)).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_lungglass"))
            .args(["validate", "--manifest", manifest.to_str().unwrap(), "--out", folder.to_str().unwrap()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let found: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("metrics.json")).unwrap()).unwrap();
        let stated = &model.metrics[split];
        assert_eq!(found["n"].as_i64(), stated["n"].as_integer(), "{split}");
        for measure in ["auc", "f1", "accuracy", "sensitivity", "specificity"] {
            let (found, stated) = (found[measure]["value"].as_f64().unwrap(), stated[measure].as_float().unwrap());
            assert!((found - stated).abs() < 2e-3, "{split} {measure}: {found:.4} is measured, {stated:.4} stated");
        }
        let auc = found["auc"]["value"].as_f64().unwrap();
        assert!(auc >= least, "{split}: AUC {auc:.3} is below {least}");
    }
}

/// The manifest of a split of COVID-CT.
fn rows(data: &std::path::Path, split: &str) -> String {
    let list = match split {
        "validation" => "val_clean",
        other => other,
    };
    let root = data.join("covid-ct");
    let groups: BTreeMap<String, String> = csv::Reader::from_path(root.join("audit.csv"))
        .unwrap()
        .deserialize::<BTreeMap<String, String>>()
        .map(Result::unwrap)
        .map(|row| (row["file"].clone(), row["group_id"].clone()))
        .collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["path", "label", "split", "group"]).unwrap();
    for (class, folder, label) in [("covid", "CT_COVID", "1"), ("noncovid", "CT_NonCOVID", "0")] {
        let names = fs::read_to_string(root.join(format!("split/{list}_{class}.txt"))).unwrap();
        for name in names.lines().filter(|line| !line.is_empty()) {
            let path = root.join(folder).join(name);
            writer.write_record([path.to_str().unwrap(), label, split, &groups[name]]).unwrap();
        }
    }
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}
