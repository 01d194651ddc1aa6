//! What `classify --summary` and `validate --unit study` say of a study as a whole.
#![cfg(not(target_arch = "wasm32"))]

mod repository;
mod running;

use std::fs;
use std::path::{Path, PathBuf};

use repository::scratch;
use running::{case, lungglass, stderr};
use serde_json::Value;

/// A folder of copies of the pictures of these cases.
fn pictures(folder: &Path, cases: &[&str]) {
    fs::create_dir_all(folder).unwrap();
    for (at, name) in cases.iter().enumerate() {
        fs::copy(case(name), folder.join(format!("{at}.png"))).unwrap();
    }
}

/// The studies that a summary of these arguments holds, and what was said of them.
fn studies(folder: &Path, arguments: &[&str]) -> (Vec<Value>, String) {
    let output = lungglass(folder, &[&["classify", "--json", "--summary", "summary.json"], arguments].concat());
    let summary: Value = serde_json::from_slice(&fs::read(folder.join("summary.json")).unwrap()).unwrap();
    (summary["studies"].as_array().unwrap().clone(), stderr(&output))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn a_folder_has_one_score_and_an_extent_and_single_pictures_have_none() {
    let folder = scratch("summary");
    pictures(
        &folder.join("a"),
        &["luna-1", "luna-below-the-lungs-1", "luna-2", "luna-3", "luna-below-the-lungs-2", "luna-6"],
    );
    let (found, told) = studies(&folder, &["a"]);
    let study = &found[0];
    let slices: Vec<f64> =
        study["slices"].as_array().unwrap().iter().filter_map(|slice| slice["score"].as_f64()).collect();
    assert_eq!(slices.len(), 4);
    // The highest fifth of four is one.
    let highest = slices.iter().copied().fold(0.0, f64::max);
    assert!((number(&study["score"]) - highest).abs() < 1e-6, "{study}");
    assert_eq!((&study["refusal"], &study["left_out"]["no_lungs"]), (&Value::Null, &2.into()));
    let extent = &study["extent"];
    assert_eq!(
        (&extent["spacing"], &extent["sides"], &extent["upper"]),
        (&"alike".into(), &"custom".into(), &Value::Null)
    );
    let [right, left] = ["right", "left"].map(|side| number(&extent[side]["of_lungs"]));
    assert!((right + left - 1.0).abs() < 1e-6 && (0.35..0.65).contains(&left), "{extent}");
    assert_eq!(extent["lungs"]["share"], study["opacity"]["share"]);
    assert!(
        told.contains(&format!("a: score {:.3}, {}; ", number(&study["score"]), study["verdict"].as_str().unwrap())),
        "{told}"
    );
    let (found, told) = studies(&folder, &["a/0.png", "a/2.png"]);
    assert_eq!((&found[0]["score"], &found[0]["verdict"]), (&Value::Null, &"refused".into()));
    assert_eq!(found[0]["refusal"]["code"], "single_pictures");
    assert!(told.contains("single pictures: no score (single_pictures)"), "{told}");
}

#[test]
fn a_study_of_which_a_third_is_refused_has_no_score_and_says_why() {
    let folder = scratch("refused");
    pictures(&folder.join("a"), &["luna-1", "luna-2", "luna-black-lungs", "luna-below-the-lungs-1"]);
    let (found, _) = studies(&folder, &["a"]);
    assert!(found[0]["score"].is_number(), "one of four: {}", found[0]);
    pictures(&folder.join("b"), &["luna-1", "luna-2", "luna-black-lungs"]);
    let (found, told) = studies(&folder, &["b"]);
    assert_eq!((&found[0]["score"], &found[0]["refusal"]["code"]), (&Value::Null, &"too_many_left_out".into()));
    assert!(told.contains("b: no score (too_many_left_out); "), "{told}");
}

#[test]
fn a_validation_of_studies_counts_groups_folders_and_volumes() {
    let folder = scratch("validation");
    pictures(&folder.join("scan"), &["luna-7", "luna-8"]);
    pictures(&folder.join("photos"), &["moon", "photo-cat"]);
    let rows = [
        format!("{},0,test,one", case("luna-1").display()),
        "scan,1,test,".to_string(),
        format!("{},0,test,one", case("luna-2").display()),
        "photos,0,test,".to_string(),
        "missing.nii,1,test,".to_string(),
    ];
    let manifest = |rows: &[String]| {
        fs::write(folder.join("manifest.csv"), format!("path,label,split,group\n{}\n", rows.join("\n")))
    };
    manifest(&rows).unwrap();
    let run = |more: &[&str]| {
        lungglass(
            &folder,
            &[&["validate", "--manifest", "manifest.csv", "--unit", "study", "--out", "out"], more].concat(),
        )
    };
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let mut table = csv::Reader::from_path(folder.join("out/predictions.csv")).unwrap();
    let found: Vec<Vec<String>> =
        table.records().map(|row| row.unwrap().iter().map(str::to_string).collect()).collect();
    let named: Vec<(&str, &str, &str)> = found.iter().map(|row| (&*row[0], &*row[1], &*row[3])).collect();
    assert_eq!(named, [("one", "0", "one"), ("scan", "1", ""), ("photos", "0", ""), ("missing.nii", "1", "")]);
    assert_eq!([&*found[2][4], &*found[3][4]], ["refused", "error"]);
    let (scan, _) = studies(&folder, &["scan"]);
    assert!((found[1][5].parse::<f64>().unwrap() - number(&scan[0]["score"])).abs() < 1e-6);
    assert_eq!(found[1][4], scan[0]["verdict"].as_str().unwrap());
    let metrics: Value = serde_json::from_slice(&fs::read(folder.join("out/metrics.json")).unwrap()).unwrap();
    assert_eq!((&metrics["unit"], &metrics["n"], &metrics["groups"]), (&"study".into(), &4.into(), &4.into()));
    let threshold = model()["study"]["threshold"].as_float().unwrap();
    assert!((number(&metrics["threshold"]) - threshold).abs() < 1e-6);
    let lost = metrics["without_score"].as_array().unwrap();
    assert_eq!(lost.len(), 2);
    assert!(lost[0]["reason"].as_str().unwrap().starts_with("none_judged: "), "{lost:?}");
    assert!(fs::read_to_string(folder.join("out/report.html")).unwrap().contains("A row is a study here"));
    assert!(String::from_utf8_lossy(&output.stdout).contains("3 of 4 studies read"));

    // What would count wrongly is refused.
    manifest(&[rows[0].clone(), rows[2].replace(",0,", ",1,")]).unwrap();
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("group one has rows that differ in the column label"), "{}", stderr(&output));
    assert_eq!(run(&["--shard", "1/2"]).status.code(), Some(1));
}

fn model() -> toml::Table {
    fs::read_to_string(repository::path("model/model.toml")).unwrap().parse().unwrap()
}

/// The drawn volumes: as folders of pictures, and one as a NIfTI file, whose header says where the head is.
#[test]
fn drawn_volumes_have_the_extent_that_was_drawn() {
    let Some(data) = std::env::var_os("LUNGGLASS_DATA").map(PathBuf::from) else {
        println!("skipped: LUNGGLASS_DATA is not set");
        return;
    };
    let folder = scratch("drawn");
    let source = data.join("lesion-masks");
    let mut drawn = [[0.0; 2]; 7];
    let mut table = csv::Reader::from_path(source.join("slices.csv")).unwrap();
    for row in table.records().map(Result::unwrap) {
        let volume: usize = row[1].parse().unwrap();
        let [lung, lesion] = [3, 4].map(|at| row[at].parse::<f64>().unwrap());
        drawn[volume][0] += lung;
        drawn[volume][1] += lung * lesion;
        let place = folder.join(volume.to_string());
        fs::create_dir_all(&place).unwrap();
        fs::copy(source.join("images").join(&row[0]), place.join(&row[0])).unwrap();
    }
    let (mut errors, mut volume_errors) = (0.0, 0.0);
    for (volume, [lung, lesion]) in drawn.iter().enumerate().skip(1) {
        let (found, _) = studies(&folder, &[&volume.to_string()]);
        let (study, share) = (&found[0], number(&found[0]["opacity"]["share"]));
        errors += (share - lesion / lung).abs() / 6.0;
        // Volume 6 shows next to no lesion.
        assert_eq!(study["verdict"], if volume == 6 { "negative" } else { "positive" }, "volume {volume}");
        assert_eq!(study["extent"]["lungs"]["volume_ml"], Value::Null, "pictures have no size");
        // The same in pixels of 0.8 mm and slices of 5 mm: how far the volume is off does not depend on their size.
        let name = format!("{volume}.nii");
        let (bytes, area) = nifti(&folder.join(volume.to_string()));
        fs::write(folder.join(&name), bytes).unwrap();
        let extent = &studies(&folder, &[&name]).0[0]["extent"];
        let [both, right, left] = ["lungs", "right", "left"].map(|part| number(&extent[part]["volume_ml"]));
        let off = both / (lung * area * 5.0 / 1000.0) - 1.0;
        println!("volume {volume}: {both:.0} ml, {:+.1} % of what was drawn", 100.0 * off);
        assert!((right + left - both).abs() < 1.0 && (0.3..0.7).contains(&(right / both)), "{extent}");
        volume_errors += off.abs() / 6.0;
    }
    println!("mean error of the volume {:.1} %", 100.0 * volume_errors);
    assert!(errors < 0.025, "{errors}");
    assert!(volume_errors < 0.03, "{volume_errors}");
    let (pictures, _) = studies(&folder, &["1"]);
    let (volume, _) = studies(&folder, &["1.nii"]);
    let (volume, extent) = (&volume[0], &volume[0]["extent"]);
    assert!((number(&volume["score"]) - number(&pictures[0]["score"])).abs() < 0.02, "{volume}");
    assert!((number(&extent["lungs"]["share"]) - number(&pictures[0]["opacity"]["share"])).abs() < 0.02, "{extent}");
    assert_eq!((&extent["spacing"], &extent["sides"]), (&"positions".into(), &"header".into()));
    let thirds = ["upper", "middle", "lower"].map(|third| &extent[third]);
    let all: f64 = thirds.iter().map(|third| number(&third["of_lungs"])).sum();
    let opaque: f64 = thirds.iter().map(|third| number(&third["of_lungs"]) * number(&third["share"])).sum();
    assert!((all - 1.0).abs() < 1e-5 && (opaque - number(&extent["lungs"]["share"])).abs() < 1e-5, "{extent}");
}

/// A NIfTI-1 file of Hounsfield units, 5 mm from slice to slice, of the pictures of a folder in the order of their names, the first
/// nearest to the feet; and the area of a slice in square millimetres. Their columns run to the patient's left and their rows to the back.
fn nifti(folder: &Path) -> (Vec<u8>, f64) {
    use lungglass::decode::{Image, Limits};
    use lungglass::slice::Pixels;

    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let slices: Vec<_> = files
        .iter()
        .map(|file| Image::open(fs::read(file).unwrap(), Limits::default()).unwrap().slice(0).unwrap())
        .collect();
    let mut bytes = vec![0; 352];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, &348i32.to_le_bytes());
    let size = [3, slices[0].width, slices[0].height, slices.len(), 1, 1, 1, 1];
    for (at, value) in size.iter().enumerate() {
        put(40 + 2 * at, &(*value as i16).to_le_bytes());
    }
    put(70, &4i16.to_le_bytes());
    put(72, &16i16.to_le_bytes());
    for (at, value) in [1.0f32, 0.8, 0.8, 5.0, 0.0, 0.0, 0.0, 0.0, 352.0, 1.0].iter().enumerate() {
        put(76 + 4 * at, &value.to_le_bytes());
    }
    put(254, &1i16.to_le_bytes());
    for (at, value) in [-0.8f32, 0.0, 0.0, 0.0, 0.0, -0.8, 0.0, 0.0, 0.0, 0.0, 5.0, 0.0].iter().enumerate() {
        put(280 + 4 * at, &value.to_le_bytes());
    }
    put(344, b"n+1\0");
    for slice in &slices {
        let Pixels::Gray(levels) = &slice.pixels else { panic!("it is a picture") };
        // Its window is that of the network.
        bytes.extend(levels.iter().flat_map(|level| ((i32::from(*level) * 1500 / 255 - 1350) as i16).to_le_bytes()));
    }
    (bytes, slices[0].width as f64 * slices[0].height as f64 * 0.8 * 0.8)
}
