//! The `lungglass` command as scripts use it: lines, files, exit codes.
#![cfg(not(target_arch = "wasm32"))]

mod repository;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use repository::scratch;
use serde_json::{Value, json};

fn lungglass(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lungglass")).args(arguments).current_dir(repository::path("")).output().unwrap()
}

/// As it runs, with pipes that can be closed.
fn piped(arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lungglass"));
    command.args(arguments).current_dir(repository::path(""));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const SLICE: &str = "tests/cases/lidc-lung-window/input.png";
const DICOM: &str = "tests/cases/lidc-explicit-le/input.dcm";
const PHOTO: &str = "tests/cases/photo-cat/input.png";
const BROKEN: &str = "tests/cases/bad-crc/input.png";

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn a_line_holds_what_the_contract_names() {
    let output = lungglass(&["classify", "--json", DICOM]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let line = &lines(&output)[0];
    let mut found = keys(line);
    found.sort_unstable();
    let mut contract = [
        "file", "frame", "verdict", "score", "logit", "findings", "opacity", "refusal", "error", "source", "model",
        "device", "ms",
    ];
    contract.sort_unstable();
    assert_eq!(found, contract);
    assert_eq!(line["file"], DICOM);
    assert_eq!(line["frame"], Value::Null);
    assert!(["positive", "negative", "uncertain"].contains(&line["verdict"].as_str().unwrap()));
    let score = line["score"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&score));
    assert_eq!(line["findings"], json!({}), "nothing but the opacity is measured");
    assert_eq!(keys(&line["opacity"]), ["consolidation", "ground_glass", "share"]);
    let [share, ground_glass, consolidation] =
        ["share", "ground_glass", "consolidation"].map(|part| line["opacity"][part].as_f64().unwrap());
    assert!((0.0..=1.0).contains(&share) && share >= ground_glass.max(consolidation) - 1e-6, "{line}");
    assert!(share <= ground_glass + consolidation + 1e-6, "a cell counts once: {line}");
    assert_eq!(line["source"]["format"], "DICOM");
    assert_eq!(line["source"]["transfer_syntax"], "1.2.840.10008.1.2.1");
    assert_eq!((&line["source"]["width"], &line["source"]["height"]), (&512.into(), &512.into()));
    assert_eq!(line["source"]["window"]["center"], -600.0);
    assert_eq!(line["device"], "cpu");
    for step in ["decode", "preprocess", "graph"] {
        assert!(line["ms"][step].as_f64().unwrap() >= 0.0);
    }
    for key in ["name", "version", "sha256"] {
        assert!(line["model"][key].is_string());
    }
}

#[test]
fn one_broken_file_stops_nothing_and_every_named_file_gets_a_line_in_order() {
    let files = [SLICE, BROKEN, PHOTO, "no/such/file.png", "Cargo.toml", DICOM];
    let output = lungglass(&[&["classify", "--json"], &files[..]].concat());
    assert_eq!(output.status.code(), Some(2));
    let lines = lines(&output);
    assert_eq!(lines.iter().map(|line| line["file"].as_str().unwrap()).collect::<Vec<_>>(), files);
    let codes: Vec<_> = lines.iter().map(|line| line["error"]["code"].as_str()).collect();
    assert_eq!(codes, [None, Some("unreadable"), None, Some("io"), Some("not_an_image"), None]);
    let photo = &lines[2];
    assert_eq!((&photo["verdict"], &photo["score"]), (&"refused".into(), &Value::Null));
    assert_eq!((&photo["findings"], &photo["opacity"]), (&json!({}), &Value::Null));
    assert!(photo["logit"].is_number() && photo["refusal"]["message"].is_string());
    let broken = &lines[1];
    assert_eq!(
        (&broken["verdict"], &broken["logit"], &broken["source"]),
        (&"error".into(), &Value::Null, &Value::Null)
    );
}

#[test]
fn refusals_are_readings() {
    assert_eq!(lungglass(&["classify", "--json", PHOTO]).status.code(), Some(0));
}

#[test]
fn a_folder_is_read_in_order_and_what_is_no_image_is_skipped() {
    let folder = scratch("a_folder_is_read");
    fs::create_dir(folder.join("b")).unwrap();
    fs::copy(repository::path(SLICE), folder.join("c.png")).unwrap();
    fs::copy(repository::path(DICOM), folder.join("b/slice")).unwrap();
    fs::write(folder.join("a.txt"), "notes").unwrap();
    fs::copy(repository::path("tests/cases/no-pixel-data/input.dcm"), folder.join("report.dcm")).unwrap();
    let given = folder.to_str().unwrap();
    let output = lungglass(&["classify", "--json", given]);
    assert_eq!(output.status.code(), Some(0));
    let files: Vec<_> = lines(&output).iter().map(|line| line["file"].as_str().unwrap().to_string()).collect();
    assert_eq!(files, [format!("{given}/b/slice"), format!("{given}/c.png")]);
    assert!(stderr(&output).contains("skipped 2 file"), "{}", stderr(&output));
}

/// An archive of stored files.
fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut archive = rawzip::ZipArchiveWriter::new(&mut bytes);
    for (name, path) in files {
        let (mut entry, config) = archive.new_file(*name).start().unwrap();
        let mut writer = config.wrap(&mut entry);
        writer.write_all(&fs::read(repository::path(path)).unwrap()).unwrap();
        let (_, descriptor) = writer.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    bytes
}

#[test]
fn an_archive_is_read_like_a_folder() {
    let folder = scratch("an_archive_is_read");
    let inner = folder.join("inner.zip");
    fs::write(&inner, zip(&[("slice.png", SLICE)])).unwrap();
    let files = [
        ("series/slice", DICOM),
        ("notes.toml", "Cargo.toml"),
        ("series/multi.dcm", "tests/dicom/rle-multi.dcm"),
        ("../broken.png", BROKEN),
        ("inner.zip", inner.to_str().unwrap()),
    ];
    let archive = folder.join("study.zip");
    fs::write(&archive, zip(&files)).unwrap();
    let (given, maps) = (archive.to_str().unwrap(), folder.join("maps"));
    let output = lungglass(&["classify", "--json", "--map-dir", maps.to_str().unwrap(), given, SLICE]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let lines = lines(&output);
    let found: Vec<_> = lines.iter().map(|line| (line["file"].as_str().unwrap(), line["frame"].as_u64())).collect();
    let [slice, multi, broken] =
        ["series/slice", "series/multi.dcm", "broken.png"].map(|entry| format!("{given}!{entry}"));
    let (slice, multi, broken) = (slice.as_str(), multi.as_str(), broken.as_str());
    let expected = [(slice, None), (multi, Some(0)), (multi, Some(1)), (multi, Some(2)), (broken, None), (SLICE, None)];
    assert_eq!(found, expected);
    assert_eq!(lines[4]["error"]["code"], "unreadable");
    let alone = lungglass(&["classify", "--json", DICOM]);
    assert_eq!(lines[0]["logit"], self::lines(&alone)[0]["logit"]);
    assert!(stderr(&output).contains("skipped 1 files that are no image"), "{}", stderr(&output));
    assert!(stderr(&output).contains("skipped 1 archives inside archives"), "{}", stderr(&output));
    for map in ["slice.png", "multi_0.png", "multi_2.png", "input.png"] {
        assert!(maps.join(map).exists(), "{map}");
    }
}

#[test]
fn an_archive_that_is_named_gets_a_line_even_if_it_holds_no_image() {
    let folder = scratch("an_empty_archive");
    fs::write(folder.join("notes.zip"), zip(&[("Cargo.toml", "Cargo.toml")])).unwrap();
    let path = folder.join("notes.zip");
    let output = lungglass(&["classify", "--json", path.to_str().unwrap()]);
    assert_eq!((output.status.code(), lines(&output)[0]["error"]["code"].as_str()), (Some(2), Some("no_images")));
    let output = lungglass(&["classify", "--json", folder.to_str().unwrap()]);
    assert_eq!((output.status.code(), lines(&output).len()), (Some(0), 0));
    assert!(stderr(&output).contains("skipped 1 file"), "{}", stderr(&output));
}

#[test]
fn standard_input_is_a_file() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lungglass"))
        .args(["classify", "--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&fs::read(repository::path(SLICE)).unwrap()).unwrap();
    let output = child.wait_with_output().unwrap();
    let named = lungglass(&["classify", "--json", SLICE]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(lines(&output)[0]["file"], "-");
    assert_eq!(lines(&output)[0]["logit"], lines(&named)[0]["logit"]);
}

#[test]
fn csv_has_a_header_and_a_row_a_slice() {
    let output = lungglass(&["classify", "--csv", SLICE, BROKEN]);
    let mut reader = csv::Reader::from_reader(&output.stdout[..]);
    assert_eq!(
        reader.headers().unwrap().iter().take(5).collect::<Vec<_>>(),
        ["file", "frame", "verdict", "score", "logit"]
    );
    let numbers =
        ["opacity_share", "opacity_ground_glass", "opacity_consolidation", "embedding_distance", "gray_level_distance"];
    assert_eq!(reader.headers().unwrap().iter().skip(10).collect::<Vec<_>>(), numbers);
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 2);
    assert!((10..15).all(|at| rows[0][at].parse::<f32>().is_ok() && rows[1][at].is_empty()), "{rows:?}");
    assert_eq!((&rows[0][0], &rows[1][2], &rows[1][5]), (SLICE, "error", "unreadable"));
}

#[test]
fn maps_are_pictures_of_the_slices_size_for_refused_slices_too() {
    let folder = scratch("maps");
    let output = lungglass(&["classify", "--json", "--map-dir", folder.to_str().unwrap(), PHOTO]);
    assert_eq!(output.status.code(), Some(0));
    let map = image::open(folder.join("input.png")).unwrap();
    assert_eq!((map.width(), map.height(), map.color()), (451, 300, image::ColorType::L8));
    // The nearest pixel may lie half a pixel beside the middle of the lowest or the highest cell, of which there are 56 across and down: it
    // then takes that much of the next one.
    let levels = map.into_luma8();
    let share = (1.0 - 0.5 * 56.0 / 451.0) * (1.0 - 0.5 * 56.0 / 300.0);
    let (low, high) = (255.0 * (1.0 - share), 255.0 * share);
    assert!(f64::from(*levels.iter().min().unwrap()) <= low && f64::from(*levels.iter().max().unwrap()) >= high);
}

#[test]
fn a_map_overwrites_no_input_and_no_other_map() {
    let folder = scratch("colliding_maps");
    for series in ["a", "b"] {
        fs::create_dir(folder.join(series)).unwrap();
        fs::copy(repository::path(SLICE), folder.join(series).join("slice.png")).unwrap();
    }
    let (given, maps) = (folder.to_str().unwrap(), folder.join("maps"));
    let output = lungglass(&["classify", "--json", "--map-dir", maps.to_str().unwrap(), given]);
    assert_eq!((lines(&output).len(), output.status.code()), (2, Some(2)));
    assert!(stderr(&output).contains("b/slice.png: no map was written"), "{}", stderr(&output));

    let inputs = folder.join("a");
    let before = fs::read(inputs.join("slice.png")).unwrap();
    let output = lungglass(&["classify", "--json", "--map-dir", inputs.to_str().unwrap(), inputs.to_str().unwrap()]);
    assert_eq!((lines(&output).len(), output.status.code()), (1, Some(2)));
    assert_eq!(fs::read(inputs.join("slice.png")).unwrap(), before);
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    for arguments in [&["classify", "--json", SLICE][..], &["classify", "--csv", SLICE]] {
        let mut child = piped(arguments);
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    }
}

/// Half a summary would pass for a whole one.
#[test]
fn lines_that_nobody_reads_to_the_end_leave_no_summary() {
    let summary = scratch("half_summary").join("summary.json");
    let mut child = piped(&["classify", "--json", SLICE, "--summary", summary.to_str().unwrap()]);
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(stderr(&output).contains("summary.json was not written"), "{}", stderr(&output));
    assert!(!summary.exists());
}

#[test]
fn nobody_need_read_what_goes_to_standard_error() {
    let folder = scratch("deaf");
    let summary = folder.join("summary.json");
    fs::write(folder.join("notes.txt"), "no image").unwrap();
    fs::copy(repository::path(SLICE), folder.join("slice.png")).unwrap();
    for (arguments, code) in [
        (&["classify", folder.to_str().unwrap(), "no/such.png", "--summary", summary.to_str().unwrap()][..], 2),
        (&["compare", "no/such.csv", "no/other.csv"], 1),
    ] {
        let mut child = piped(arguments);
        drop(child.stderr.take());
        assert_eq!(child.wait_with_output().unwrap().status.code(), Some(code), "{arguments:?}");
    }
    assert!(summary.exists(), "what was asked for is there all the same");
}

#[test]
fn a_summary_that_cannot_be_written_is_told_before_the_work() {
    let folder = scratch("no_summary");
    let missing = folder.join("missing/summary.json");
    for (path, word) in [(&missing, "its folder is not there"), (&folder, "it is a folder")] {
        let output = lungglass(&["classify", "--json", SLICE, "--summary", path.to_str().unwrap()]);
        assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(1), true));
        assert!(stderr(&output).contains(word), "{}", stderr(&output));
    }
}

/// A name that is no UTF-8 is written with a sign in place of what is not; the file is still known by the name that it has.
#[cfg(unix)]
#[test]
fn an_input_is_never_overwritten_whatever_its_name() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let folder = scratch("names").join(OsStr::from_bytes(b"caf\xe9"));
    fs::create_dir(&folder).unwrap();
    let slice = folder.join(OsStr::from_bytes(b"\xe9.png"));
    let plain = folder.join("slice.png");
    for file in [&slice, &plain] {
        fs::copy(repository::path(SLICE), file).unwrap();
    }
    let before = fs::read(&slice).unwrap();
    let run = |option: &str, value: &Path, input: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lungglass"));
        command.args(["classify", "--json"]).arg(input).arg(option).arg(value).output().unwrap()
    };
    assert_eq!(run("--summary", &slice, &slice).status.code(), Some(1));
    let output = run("--map-dir", &folder, &plain);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    for file in [&slice, &plain] {
        assert!(fs::read(file).unwrap() == before, "{}", file.display());
    }
}

/// Data sets are often folders of links.
#[cfg(unix)]
#[test]
fn links_in_folders_are_followed_once() {
    use std::os::unix::fs::symlink;

    let folder = scratch("links");
    let (real, set) = (folder.join("real"), folder.join("set"));
    for path in [real.join("deep"), set.join("own")] {
        fs::create_dir_all(&path).unwrap();
        fs::copy(repository::path(SLICE), path.join("slice.png")).unwrap();
    }
    symlink(&real, set.join("patient")).unwrap();
    // Around in circles, to where it is read anyway, and to nowhere.
    symlink(&set, real.join("deep/above")).unwrap();
    symlink(set.join("own"), set.join("again")).unwrap();
    symlink(folder.join("gone"), set.join("gone.png")).unwrap();
    let output = lungglass(&["classify", "--json", set.to_str().unwrap()]);
    let files: Vec<String> = lines(&output).iter().map(|line| line["file"].as_str().unwrap().to_string()).collect();
    let named = |path: &str| set.join(path).to_str().unwrap().to_string();
    assert_eq!(files, [named("own/slice.png"), named("patient/deep/slice.png")]);
    assert!(stderr(&output).contains("left out 3 links"), "{}", stderr(&output));
}

#[test]
fn a_folder_without_images_is_told() {
    let folder = scratch("nothing");
    let output = lungglass(&["classify", folder.to_str().unwrap()]);
    assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(0), true));
    assert!(stderr(&output).contains("there was no image to read"), "{}", stderr(&output));
}

/// Lines, and terminals, belong to the command: no name in an archive may forge one or clear the other.
#[test]
fn names_cannot_forge_lines() {
    let folder = scratch("forged");
    let archive = folder.join("evil.zip");
    fs::write(&archive, zip(&[("a.png: negative score 0.001\nreal\u{1b}[2K.png", SLICE)])).unwrap();
    let given = archive.to_str().unwrap();
    for (arguments, count) in [(&["classify", given][..], 1), (&["classify", "--csv", given], 2)] {
        let output = lungglass(arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(text.lines().count(), count, "{text}");
        assert!(text.contains("0.001\\nreal\\u{1b}[2K.png"), "{text}");
    }
    // JSON writes them out by itself, and keeps the name.
    assert!(
        lines(&lungglass(&["classify", "--json", given]))[0]["file"].as_str().unwrap().contains("0.001\nreal\u{1b}")
    );
}

#[test]
fn wrong_usage_is_one_clear_line_and_code_1() {
    for (arguments, word) in [
        (&["classify"][..], "INPUTS"),
        (&["classify", "--device", "abacus", SLICE], "abacus"),
        (&["classify", "--device", "cuda", SLICE], "cuda"),
        (&["classify", "--model", "no/such.onnx", SLICE], "no/such.onnx"),
        (&["classify", "--model", "README.md", SLICE], "README.md"),
        (&["compare", "a.csv", "b.csv", "--bound", "nan"], "--bound"),
        (&["compare", "a.csv", "b.csv", "--bound", "-1"], "-1"),
        (&["validate", "--manifest", "no/such.csv"], "no/such.csv"),
        (&["validate", "--manifest", "tests/cases/logo/case.toml"], "column"),
    ] {
        let output = lungglass(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(stderr(&output).contains(word), "{arguments:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    assert_eq!(lungglass(&["--version"]).status.code(), Some(0));
}

#[test]
fn a_candidate_network_brings_its_settings() {
    let built_in = lungglass(&["classify", "--json", SLICE]);
    let beside = lungglass(&["classify", "--json", "--model", "model/lungglass.onnx", SLICE]);
    assert_eq!(lines(&beside)[0]["score"], lines(&built_in)[0]["score"]);

    let folder = scratch("candidate");
    fs::copy(repository::path("model/lungglass.onnx"), folder.join("mine.onnx")).unwrap();
    let model = folder.join("mine.onnx");
    let alone = lungglass(&["classify", "--json", "--model", model.to_str().unwrap(), SLICE]);
    assert_eq!(lines(&alone)[0]["logit"], lines(&built_in)[0]["logit"]);
    assert_eq!(lines(&alone)[0]["model"]["name"], "mine");
    assert!(stderr(&alone).contains("model.toml"));

    let settings = fs::read_to_string(repository::path("model/model.toml")).unwrap();
    let hash = settings.lines().find(|line| line.starts_with("sha256")).unwrap();
    let other = settings.replace(hash, &format!("sha256 = \"{}\"", "0".repeat(64)));
    fs::write(folder.join("model.toml"), other).unwrap();
    let strange = lungglass(&["classify", "--model", model.to_str().unwrap(), SLICE]);
    assert_eq!(strange.status.code(), Some(1));
    assert!(stderr(&strange).contains("SHA-256"), "{}", stderr(&strange));
}

#[test]
fn validation_counts_every_row() {
    let folder = scratch("validation");
    let root = repository::path("tests/cases");
    let mut manifest = "path,label,split,group\n".to_string();
    for (name, label, split) in [
        ("luna-1/input.png", 0, "test"),
        ("luna-2/input.png", 0, "test"),
        ("lidc-lung-window/input.png", 1, "test"),
        ("photo-cat/input.png", 1, "test"),
        ("bad-crc/input.png", 0, "test"),
        ("luna-3/input.png", 0, "train"),
    ] {
        manifest += &format!("{},{label},{split},\n", root.join(name).display());
    }
    let path = folder.join("manifest.csv");
    fs::write(&path, manifest).unwrap();
    let out = folder.join("out");
    let output = lungglass(&[
        "validate",
        "--manifest",
        path.to_str().unwrap(),
        "--split",
        "test",
        "--out",
        out.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("bad-crc"));

    let metrics: Value = serde_json::from_slice(&fs::read(out.join("metrics.json")).unwrap()).unwrap();
    assert_eq!((&metrics["n"], &metrics["positives"], &metrics["device"]), (&5.into(), &2.into(), &"cpu".into()));
    assert_eq!(metrics["coverage"], 0.6);
    for measure in ["auc", "f1", "accuracy", "sensitivity", "specificity", "ppv", "npv", "brier", "ece"] {
        assert!(metrics[measure]["method"].as_str().unwrap().contains("5 groups"), "{measure}");
        assert!(metrics["accepted"][measure].is_object(), "{measure}");
    }
    // A refused positive and an unreadable negative are wrong, whatever the network says of the others.
    assert!(metrics["accuracy"]["value"].as_f64().unwrap() <= 0.6);
    assert!(metrics["auc"]["value"].as_f64().unwrap() <= 2.0 / 6.0);

    let mut predictions = csv::Reader::from_path(out.join("predictions.csv")).unwrap();
    let header = predictions.headers().unwrap().iter().collect::<Vec<_>>().join(",");
    assert_eq!(header, "path,label,split,group,verdict,score,logit");
    let rows: Vec<_> = predictions.records().map(Result::unwrap).collect();
    assert_eq!(rows.iter().map(|row| row[4].to_string()).filter(|verdict| verdict == "error").count(), 1);
    assert_eq!((&rows[3][4], &rows[3][5], rows[3][6].is_empty()), ("refused", "", false));
    assert_eq!((&rows[4][4], &rows[4][5], &rows[4][6]), ("error", "", ""));

    let report = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(report.contains("<svg") && report.contains("bad-crc") && report.contains("not_like_ct"), "{report}");
    assert!(!report.contains("http://") || !report.contains("src="), "the report loads nothing");
}

#[test]
fn shards_merge_to_the_whole_and_compare_equal() {
    let folder = scratch("shards");
    let root = repository::path("tests/cases");
    let mut manifest = "path,label,split,group\n".to_string();
    for (at, name) in
        ["luna-1", "luna-2", "luna-3", "lidc-lung-window", "photo-cat", "luna-6", "luna-7"].iter().enumerate()
    {
        manifest +=
            &format!("{},{},test,{}\n", root.join(name).join("input.png").display(), at % 2, ["b", "a", ""][at % 3]);
    }
    let path = folder.join("manifest.csv");
    fs::write(&path, manifest).unwrap();
    let text = |name: &str| folder.join(name).to_str().unwrap().to_string();
    let validate = |shard: &[&str], out: &str| {
        let output =
            lungglass(&[&["validate", "--manifest", path.to_str().unwrap(), "--out", &text(out)], shard].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    };
    validate(&[], "whole");
    validate(&["--shard", "1/2"], "one");
    validate(&["--shard", "2/2"], "two");
    let merged = lungglass(&["merge", &text("two"), &text("one"), "--out", &text("merged")]);
    assert_eq!(merged.status.code(), Some(0), "{}", stderr(&merged));
    let metrics = |name: &str| -> Value {
        let mut value: Value =
            serde_json::from_slice(&fs::read(folder.join(name).join("metrics.json")).unwrap()).unwrap();
        value.as_object_mut().unwrap().remove("images_per_second");
        value
    };
    assert_eq!(metrics("merged"), metrics("whole"));
    assert_eq!(metrics("one")["shard"], json!({ "part": 1, "of": 2 }));
    // The photograph has no score, and its reason is not lost.
    let without = &metrics("merged")["without_score"];
    assert!(without[0]["path"].as_str().unwrap().contains("photo-cat"), "{without}");
    assert!(without[0]["reason"].as_str().unwrap().contains("not_like_ct"), "{without}");
    let rows = |name: &str| fs::read_to_string(folder.join(name).join("predictions.csv")).unwrap();
    assert_eq!(rows("merged"), rows("whole"), "in the order of the manifest");

    let [whole, merged, one] = ["whole", "merged", "one"].map(|name| text(name) + "/predictions.csv");
    let same = lungglass(&["compare", &whole, &merged]);
    assert_eq!(same.status.code(), Some(0), "{}", stderr(&same));
    let part = lungglass(&["compare", &whole, &one]);
    assert_eq!(part.status.code(), Some(1));
    assert!(stderr(&part).contains("one file only"), "{}", stderr(&part));
    // A logit that moved.
    let moved = fs::read_to_string(&whole).unwrap().replacen(",-", ",-1", 1);
    fs::write(folder.join("moved.csv"), moved).unwrap();
    let far = lungglass(&["compare", &whole, &text("moved.csv")]);
    assert_eq!(far.status.code(), Some(1));
    assert!(stderr(&far).contains("over the bound"), "{}", stderr(&far));
    let half = lungglass(&["merge", &text("two"), "--out", &text("half")]);
    assert_eq!(half.status.code(), Some(1));
    assert!(stderr(&half).contains("of 2 shards, these are missing: 1"), "{}", stderr(&half));
    // A number that no memory could hold a place for each of.
    let told = fs::read_to_string(folder.join("two/metrics.json")).unwrap();
    fs::create_dir(folder.join("absurd")).unwrap();
    fs::copy(folder.join("two/predictions.csv"), folder.join("absurd/predictions.csv")).unwrap();
    fs::write(folder.join("absurd/metrics.json"), told.replacen("\"of\": 2", "\"of\": 1000000000000000000", 1))
        .unwrap();
    let absurd = lungglass(&["merge", &text("absurd"), "--out", &text("whatever")]);
    assert_eq!(absurd.status.code(), Some(1), "{}", stderr(&absurd));
    assert!(stderr(&absurd).contains("these are missing: 1, 3, 4, 5, 6, 7, 8, 9 and more"), "{}", stderr(&absurd));
    let before = rows("one");
    let over = lungglass(&["merge", &text("one"), &text("two"), "--out", &text("one")]);
    assert_eq!((over.status.code(), rows("one") == before), (Some(1), true), "{}", stderr(&over));
    let twice = lungglass(&["merge", &text("one"), &text("one"), "--out", &text("twice")]);
    assert!(stderr(&twice).contains("it is shard 1/2, as is "), "{}", stderr(&twice));
}

#[test]
fn preprocess_writes_the_inputs_of_the_network() {
    let folder = scratch("preprocess");
    let slice = repository::path(SLICE);
    fs::write(folder.join("m.csv"), format!("path\n{}\nmissing.png\n", slice.display())).unwrap();
    let (manifest, out) = (folder.join("m.csv"), folder.join("out"));
    let output = lungglass(&[
        "preprocess",
        "--manifest",
        manifest.to_str().unwrap(),
        "--size",
        "64",
        "--out",
        out.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let bytes = fs::read(out.join("inputs.npy")).unwrap();
    let array = npyz::NpyFile::new(&bytes[..]).unwrap();
    assert_eq!(array.shape(), [1, 1, 64, 64]);
    let values: Vec<f32> = array.into_vec().unwrap();
    assert!(values.iter().all(|value| (-127.0 / 128.0..=1.0).contains(value)));
    assert!(fs::read_to_string(out.join("errors.csv")).unwrap().contains("missing.png"));
    assert_eq!(csv::Reader::from_path(out.join("index.csv")).unwrap().records().count(), 1);
}

/// Three slices of a volume, whose file names sort otherwise than their positions, and what is no slice.
fn series(folder: &Path) {
    let source = fs::read(repository::path(DICOM)).unwrap();
    let tag = [0x20, 0, 0x32, 0, b'D', b'S'];
    let at = source.windows(6).position(|bytes| bytes == tag).unwrap();
    let length = usize::from(u16::from_le_bytes([source[at + 6], source[at + 7]]));
    for (name, height) in [("a.dcm", 10), ("b.dcm", 30), ("c.dcm", 20)] {
        let mut bytes = source.clone();
        let text = format!("{:<length$}", format!("1\\2\\{height}"));
        bytes.splice(at + 8..at + 8 + length, text.into_bytes());
        fs::write(folder.join(name), bytes).unwrap();
    }
    fs::copy(repository::path(BROKEN), folder.join("d.png")).unwrap();
    fs::write(folder.join("notes.txt"), "no image").unwrap();
}

#[test]
fn a_series_is_summarised_from_head_to_feet_without_its_uid() {
    let folder = scratch("summary");
    series(&folder);
    let out = scratch("summary-out").join("summary.json");
    let output = lungglass(&["classify", "--json", "--summary", out.to_str().unwrap(), folder.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let told = stderr(&output);
    assert!(told.contains("series 1: ") && told.contains(" of 3 judged slices are scored positive"), "{told}");
    assert!(told.contains("have not been validated"), "{told}");
    let text = fs::read_to_string(&out).unwrap();
    let summary: Value = serde_json::from_str(&text).unwrap();
    let [series, container] = &summary["studies"].as_array().unwrap()[..] else { panic!("{text}") };
    let files = |study: &Value| -> Vec<String> {
        let slices = study["slices"].as_array().unwrap().iter();
        slices.map(|slice| slice["file"].as_str().unwrap().rsplit('/').next().unwrap().to_string()).collect()
    };
    assert_eq!((&series["kind"], &series["order"]), (&"series".into(), &"position".into()));
    assert_eq!(files(series), ["b.dcm", "c.dcm", "a.dcm"]);
    assert_eq!(series["counts"]["judged"], 3);
    assert_eq!(series["ranked"].as_array().unwrap().len(), 3);
    assert_eq!((&container["kind"], files(container)), (&"container".into(), vec!["d.png".to_string()]));
    assert_eq!(container["counts"]["unreadable"], 1);
    assert_eq!(summary["model"], lines(&output)[0]["model"]);
    // No UID but those of transfer syntaxes, in what is printed or written.
    for text in [text, told, String::from_utf8(output.stdout.clone()).unwrap()] {
        assert!(!text.replace("1.2.840.10008.", "").contains("1.3.6."), "{text}");
    }
}

/// The slice of [`DICOM`] with other values of some of its elements; `behind` stands in front of its pixels.
fn changed(values: &[([u8; 6], &str)], behind: &[u8]) -> Vec<u8> {
    let mut bytes = fs::read(repository::path(DICOM)).unwrap();
    for (tag, value) in values {
        let at = bytes.windows(6).position(|found| found == tag).unwrap();
        let length = usize::from(u16::from_le_bytes([bytes[at + 6], bytes[at + 7]]));
        let padded = format!("{value}{}", if value.len() % 2 == 1 { " " } else { "" });
        let length_of = u16::try_from(padded.len()).unwrap().to_le_bytes();
        bytes.splice(at + 6..at + 8 + length, [&length_of[..], padded.as_bytes()].concat());
    }
    let at = bytes.windows(6).rposition(|found| found == b"\xE0\x7F\x10\0OW").unwrap();
    bytes.splice(at..at, behind.iter().copied());
    bytes
}

/// Two phases, one slice twice, one file cut short, a dose sheet, a report and a localizer.
#[test]
fn a_summary_says_stacks_repeats_and_what_was_set_aside() {
    const ACQUISITION: &[u8] = b"\x20\0\x12\0IS\x02\0";
    const POSITION: [u8; 6] = *b"\x20\0\x32\0DS";
    const IMAGE_TYPE: [u8; 6] = *b"\x08\0\x08\0CS";
    const SAMPLES: &[u8] = b"\x28\0\x02\0US\x02\0\x03\0";
    let folder = scratch("stacks");
    let put = |name: &str, bytes: Vec<u8>| fs::write(folder.join(name), bytes).unwrap();
    let phase = |number: &str, height: i32| {
        let acquisition = [ACQUISITION, number.as_bytes()].concat();
        changed(&[(POSITION, &format!("0\\0\\{height}"))], &acquisition)
    };
    for height in [0, 5, 10] {
        put(&format!("1-{height:02}.dcm"), phase("1 ", height));
        put(&format!("2-{height:02}.dcm"), phase("2 ", height));
    }
    put("1-again.dcm", phase("1 ", 5));
    let cut = phase("2 ", 15);
    put("2-cut.dcm", cut[..cut.len() - 1000].to_vec());
    put("dose.dcm", changed(&[(IMAGE_TYPE, "DERIVED\\SECONDARY\\OTHER\\DOSE")], SAMPLES));
    put("scout.dcm", changed(&[(IMAGE_TYPE, "ORIGINAL\\PRIMARY\\LOCALIZER")], b""));
    fs::copy(repository::path("tests/cases/no-pixel-data/input.dcm"), folder.join("report.dcm")).unwrap();
    let out = scratch("stacks-out").join("summary.json");
    let run =
        |input: &Path| lungglass(&["classify", "--json", "--summary", out.to_str().unwrap(), input.to_str().unwrap()]);
    let output = run(&folder);
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "one was cut: {told}");
    assert_eq!(lines(&output).len(), 9, "{told}");
    assert!(told.contains("set aside by kind: 1 dose sheet, 1 structured report"), "{told}");
    assert!(told.contains("2 stacks: acquisition 1 (3 slices), acquisition 2 (4 slices)"), "{told}");
    assert!(told.contains("1 slice came again"), "{told}");
    let summary: Value = serde_json::from_str(&fs::read_to_string(&out).unwrap()).unwrap();
    let [study] = &summary["studies"].as_array().unwrap()[..] else { panic!("{summary}") };
    let name = |slice: &Value| slice["file"].as_str().unwrap().rsplit('/').next().unwrap().to_string();
    let names: Vec<_> = study["slices"].as_array().unwrap().iter().map(name).collect();
    assert_eq!(names, ["1-10.dcm", "1-05.dcm", "1-00.dcm", "2-cut.dcm", "2-10.dcm", "2-05.dcm", "2-00.dcm"]);
    assert_eq!((&study["counts"]["slices"], &study["counts"]["unreadable"]), (&7.into(), &1.into()));
    assert_eq!(study["stacks"][1]["differs"], serde_json::json!({ "acquisition": "2" }));
    assert_eq!((name(&study["repeated"][0]), &study["repeated"][0]["slice"]), ("1-again.dcm".to_string(), &2.into()));
    let aside = serde_json::json!({ "localizer": 1, "dose_sheet": 1, "structured_report": 1 });
    assert_eq!(study["set_aside"], aside);
    // What a person names gets a line, and what is set aside alone does not end a run.
    fs::remove_file(folder.join("2-cut.dcm")).unwrap();
    assert_eq!(run(&folder).status.code(), Some(0));
    let named = run(&folder.join("dose.dcm"));
    assert_eq!((named.status.code(), lines(&named).len()), (Some(2), 1));
}

#[test]
fn a_summary_overwrites_no_input_and_single_files_have_none() {
    let folder = scratch("summary-input");
    let slice = folder.join("slice.png");
    fs::copy(repository::path(SLICE), &slice).unwrap();
    let slice = slice.to_str().unwrap();
    let output = lungglass(&["classify", "--summary", slice, slice]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(fs::read(slice).unwrap(), fs::read(repository::path(SLICE)).unwrap());
    let alone = lungglass(&["classify", slice]);
    assert_eq!((alone.status.code(), stderr(&alone).as_str()), (Some(0), ""));
}

#[test]
fn the_benchmark_measures_every_part() {
    let output = lungglass(&["bench", "--rounds", "2", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let [report] = &lines(&output)[..] else { panic!("not one object") };
    let parts = report["parts"].as_array().unwrap();
    let names: Vec<_> = parts.iter().map(|part| part["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["decode", "preprocess", "network", "whole reading"]);
    for part in parts {
        assert!(part["least"].as_f64() > Some(0.0) && part["median"].as_f64() >= part["least"].as_f64(), "{part}");
    }
    // The whole is at least what its parts took.
    let least = |at: usize| parts[at]["least"].as_f64().unwrap();
    assert!(least(3) >= least(0) + least(1) + least(2), "{parts:?}");
    assert_eq!(report["device"], "cpu");
    assert!(report["throughput"]["slices_per_second"].as_f64() > Some(0.0));
    let macs: u64 = report["layers"].as_array().unwrap().iter().map(|layer| layer["macs"].as_u64().unwrap()).sum();
    assert!(macs > 300_000_000, "{macs} multiply-adds");

    let output = lungglass(&["bench", "--rounds", "1", "--layers"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for wanted in ["device    cpu", "whole reading", "slices/s", "GFLOP/s"] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    assert_eq!(lungglass(&["bench", "--rounds", "0"]).status.code(), Some(1));
}

/// A file that says what it is, in the order of their numbers.
fn small(number: usize) -> Vec<u8> {
    use image::ImageFormat::{Bmp, Gif, Jpeg, Png, Tiff, WebP};
    use tiff::encoder::{TiffEncoder, colortype::Gray8};

    let mut dicom = fs::read(repository::path("tests/dicom/native-s16.dcm")).unwrap();
    let formats = [Png, Jpeg, Bmp, Gif, Tiff, WebP];
    let Some(format) = formats.get(number % 7) else {
        let last = dicom.len() - 1 - number % 100;
        dicom[last] ^= 1;
        return dicom;
    };
    let mut picture = image::open(repository::path(SLICE)).unwrap().thumbnail_exact(56, 56).to_luma8();
    picture.put_pixel(number as u32 % 56, number as u32 / 56, image::Luma([255]));
    let picture = match format {
        Gif | WebP => image::DynamicImage::from(picture).to_rgba8().into(),
        _ => image::DynamicImage::from(picture),
    };
    let mut bytes = std::io::Cursor::new(Vec::new());
    match format {
        Tiff => {
            let mut writer = TiffEncoder::new(&mut bytes).unwrap();
            writer.write_image::<Gray8>(picture.width(), picture.height(), picture.as_bytes()).unwrap();
        }
        format => picture.write_to(&mut bytes, *format).unwrap(),
    }
    bytes.into_inner()
}

/// The same, broken in a way that its number chooses.
fn broken(number: usize) -> Vec<u8> {
    let kind = number / 10 % 10;
    // The small file of each format, as `small` numbers them.
    let mut bytes = small([0, 0, 1, 2, 3, 4, 5, 6, 6, 6][kind]);
    let length = bytes.len();
    match kind {
        // A byte of the image data, which a checksum guards.
        1 => bytes[length / 2] ^= 1,
        3 => bytes[18..22].copy_from_slice(&60_000u32.to_le_bytes()),
        8 => bytes = fs::read(repository::path("tests/cases/unsupported-syntax/input.dcm")).unwrap(),
        9 => bytes = [b"PK\x03\x04", &bytes[..200]].concat(),
        _ => bytes.truncate(length * 2 / 3),
    }
    bytes
}

#[test]
fn of_a_thousand_files_every_good_one_is_read_and_every_broken_one_named() {
    let folder = scratch("a_thousand_files");
    let is_broken = |number: usize| number % 10 == 3;
    for number in 0..1000 {
        let bytes = if is_broken(number) { broken(number) } else { small(number) };
        fs::write(folder.join(format!("{number:04}")), bytes).unwrap();
    }
    let given = folder.to_str().unwrap();
    let output = lungglass(&["classify", "--json", given]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let lines = lines(&output);
    assert_eq!(lines.len(), 1000);
    for (number, line) in lines.iter().enumerate() {
        assert_eq!(line["file"], format!("{given}/{number:04}"));
        assert_eq!(line["verdict"] == "error", is_broken(number), "{line}");
        assert_eq!(line["logit"].is_number(), !is_broken(number), "{line}");
        if is_broken(number) {
            let code = line["error"]["code"].as_str().unwrap();
            assert!(["unreadable", "too_large", "unsupported"].contains(&code), "{line}");
            assert!(line["error"]["message"].as_str().is_some_and(|message| message.len() > 20), "{line}");
        }
    }
}

#[test]
fn limits_can_be_set_for_files_that_are_meant_to_be_large() {
    let code = |arguments: &[&str]| {
        let output = lungglass(&[&["classify", "--json"], arguments, &[DICOM]].concat());
        let line = &lines(&output)[0];
        (output.status.code(), line["error"]["code"].as_str().map(str::to_string))
    };
    let refused = (Some(2), Some("too_large".to_string()));
    assert_eq!(code(&["--max-pixels", "262143"]), refused);
    assert_eq!(code(&["--max-pixels", "262144"]), (Some(0), None));
    let frames = lungglass(&["classify", "--json", "--max-frames", "2", "tests/dicom/rle-multi.dcm"]);
    assert_eq!((frames.status.code(), lines(&frames)[0]["error"]["code"].as_str()), (Some(2), Some("too_large")));
    let folder = scratch("a_large_file");
    fs::write(folder.join("large.bmp"), vec![b'B'; (1 << 20) + 1]).unwrap();
    let large = folder.join("large.bmp");
    let output = lungglass(&["classify", "--json", "--max-file-size", "1", large.to_str().unwrap()]);
    assert_eq!(lines(&output)[0]["error"]["code"], "too_large");
    assert_eq!(lungglass(&["classify", "--max-pixels", "0", DICOM]).status.code(), Some(1));
}

#[test]
fn a_header_is_read_with_the_file_of_its_values_beside_it() {
    let folder = scratch("a_header_is_read_with");
    let header = "ObjectType = Image\nNDims = 3\nDimSize = 64 64 2\nElementType = MET_SHORT\nElementDataFile = ";
    let values: Vec<u8> = (0..2 * 64 * 64).flat_map(|at: i32| ((at % 1500 - 1024) as i16).to_le_bytes()).collect();
    let write = |name: &str, content: &[u8]| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_string()
    };
    let whole = write("whole.mha", &[format!("{header}LOCAL\n").as_bytes(), &values].concat());
    let raw = write("pair/scan.raw", &values);
    let pair = write("pair/scan.mhd", format!("{header}scan.raw").as_bytes());
    let logits = |arguments: &[&str], code: i32| {
        let output = lungglass(&[&["classify", "--json"], arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        assert!(!stderr(&output).contains("no image"), "{}", stderr(&output));
        lines(&output).iter().map(|line| line["logit"].as_f64()).collect::<Vec<_>>()
    };
    let expected = logits(&[&whole], 0);
    assert!(expected.len() == 2 && expected.iter().all(Option::is_some));
    assert_eq!(logits(&[&pair], 0), expected);
    // Whoever names both means one volume.
    assert_eq!(logits(&[&raw, &pair], 0), expected);
    assert_eq!(logits(&[folder.join("pair").to_str().unwrap()], 0), expected);

    write("secret.raw", &values);
    let inside = write("alone/scan.mhd", format!("{header}missing.raw\n").as_bytes());
    let outside = write("alone/outside.mhd", format!("{header}../secret.raw\n").as_bytes());
    let output = lungglass(&["classify", "--json", &inside, &outside]);
    let messages: Vec<_> =
        lines(&output).iter().map(|line| line["error"]["message"].as_str().unwrap().to_string()).collect();
    assert!(
        messages[0].contains("\"missing.raw\", which is not beside it") && messages[0].contains("both files"),
        "{messages:?}"
    );
    assert!(messages[1].contains("another folder"), "{messages:?}");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(folder.join("secret.raw"), folder.join("alone/link.raw")).unwrap();
        let linked = write("alone/linked.mhd", format!("{header}link.raw\n").as_bytes());
        let output = lungglass(&["classify", "--json", &linked]);
        assert!(lines(&output)[0]["error"]["message"].as_str().unwrap().contains("which is a link"));
    }
}
