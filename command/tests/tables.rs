//! Tables that people and spreadsheets wrote, figures that no interval can be given for, and names that mislead: what the command makes
//! of them.
#![cfg(not(target_arch = "wasm32"))]

#[path = "tables/messages.rs"]
mod messages;
mod repository;
mod running;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use repository::scratch;
use running::{case, lungglass, stderr};
use serde_json::{Value, json};

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// As [`scratch`], with two slices, `a.png` and `b.png`.
fn desk(test: &str) -> PathBuf {
    let folder = scratch(test);
    fs::copy(case("luna-1"), folder.join("a.png")).unwrap();
    fs::copy(case("luna-2"), folder.join("b.png")).unwrap();
    folder
}

fn metrics(folder: &Path, out: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.join(out).join("metrics.json")).unwrap()).unwrap()
}

/// The folder of a run that gave these rows.
fn run(folder: &Path, name: &str, rows: &str) {
    let out = folder.join(name);
    fs::create_dir_all(&out).unwrap();
    fs::write(out.join("predictions.csv"), format!("path,label,split,group,verdict,score,logit\n{rows}")).unwrap();
    let run = json!({
        "n": rows.lines().count(), "threshold": 0.5, "uncertain": [0.4, 0.6], "device": "cpu", "images_per_second": 1.0,
        "model": { "name": "a", "version": "1", "sha256": "0" },
    });
    fs::write(out.join("metrics.json"), run.to_string()).unwrap();
}

#[test]
fn a_manifest_is_read_as_a_spreadsheet_wrote_it() {
    let folder = desk("manifests");
    let text = "sep=;\r\npath;label;split;group\r\na.png;0;test;\r\nb.png;1;test;\r\n";
    let wide: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let files = [
        ("plain.csv", b"path,label,split,group\na.png,0,test,\nb.png,1,test,\n".to_vec()),
        ("semicolon.csv", text.as_bytes().to_vec()),
        ("wide.csv", wide),
        ("tab.tsv", "\u{feff}path\tlabel\tsplit\tgroup\ra.png\t0\ttest\t\rb.png\t1\ttest\t\r".as_bytes().to_vec()),
    ];
    let predictions = |name: &str| {
        let output = lungglass(&folder, &["validate", "--manifest", name, "--out", "out"]);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", stderr(&output));
        fs::read_to_string(folder.join("out/predictions.csv")).unwrap()
    };
    let [first, others @ ..] = files.map(|(name, bytes)| {
        fs::write(folder.join(name), bytes).unwrap();
        predictions(name)
    });
    assert!(first.contains("a.png,0,test,,") && first.contains("b.png,1,test,,"), "{first}");
    assert!(others.iter().all(|other| *other == first));

    fs::write(folder.join("wrong.csv"), "path,label,split,group\r\na.png,0,test,\r\nb.png,covid,test,\r\n").unwrap();
    let output = lungglass(&folder, &["validate", "--manifest", "wrong.csv"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("wrong.csv, line 3: the label is \"covid\""), "{}", stderr(&output));
    let output = lungglass(&folder, &["preprocess", "--manifest", "semicolon.csv", "--out", "arrays"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn what_is_no_number_in_predictions_is_an_error_with_its_line() {
    let folder = scratch("numbers");
    let rows = "a,1,t,,positive,0.9,2\nb,0,t,,negative,0.1,-2\nc,1,t,,positive,0.8,1\nd,0,t,,negative,0.2,-1\n";
    run(&folder, "good", rows);
    for (at, value) in ["NaN", "nan", "inf", "-inf", "infinity", "1e99"].iter().enumerate() {
        for (cell, name) in [("0.8,1\n", "logit"), ("0.8,1\n", "score")] {
            let bad = if name == "logit" { format!("0.8,{value}\n") } else { format!("{value},1\n") };
            let out = format!("bad-{at}-{name}");
            run(&folder, &out, &rows.replace(cell, &bad));
            let file = format!("{out}/predictions.csv");
            for arguments in [
                &["compare", "--models", "good/predictions.csv", &file][..],
                &["compare", "good/predictions.csv", &file],
                &["merge", &out, "--out", "merged"],
            ] {
                let output = lungglass(&folder, arguments);
                assert_eq!(output.status.code(), Some(1), "{arguments:?}");
                let expected = format!("{out}/predictions.csv, line 4: the {name} is \"{value}\"");
                assert!(stderr(&output).contains(&expected), "{expected}: {}", stderr(&output));
            }
        }
    }
    assert!(!folder.join("merged").exists());
    // All ranked alike: DeLong says nothing then.
    let same = lungglass(&folder, &["compare", "--models", "good/predictions.csv", "good/predictions.csv"]);
    assert_eq!(same.status.code(), Some(0), "{}", stderr(&same));
    assert!(stdout(&same).contains("DeLong p = 1.000, no interval"), "{}", stdout(&same));
    assert!(stdout(&same).contains("A - B +0.000 (no interval: all draws"), "{}", stdout(&same));
    // A row that is there twice would count twice.
    run(&folder, "twice", &format!("{rows}a,1,t,,positive,0.9,2\n"));
    let twice = lungglass(&folder, &["compare", "good/predictions.csv", "twice/predictions.csv"]);
    assert_eq!(twice.status.code(), Some(1));
    assert!(stderr(&twice).contains("line 6: a is there twice"), "{}", stderr(&twice));
}

#[test]
fn figures_without_an_interval_say_why() {
    let folder = scratch("intervals");
    let merged = |name: &str, rows: &str| {
        run(&folder, name, rows);
        let out = format!("{name}-out");
        let output = lungglass(&folder, &["merge", name, "--out", &out]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        (metrics(&folder, &out), stdout(&output))
    };
    let (one_group, told) = merged(
        "one-group",
        "a,1,t,p,positive,0.9,2\nb,0,t,p,negative,0.1,-2\nc,1,t,p,negative,0.2,-1\nd,0,t,p,positive,0.8,1\n",
    );
    for estimate in ["auc", "f1", "accuracy", "sensitivity", "specificity", "ppv", "npv", "brier", "ece", "auc_delong"]
    {
        let estimate = &one_group[estimate];
        assert!(estimate["value"].is_number() && estimate["ci95"].is_null(), "{estimate}");
        assert_eq!(estimate["method"], "no interval: all slices are of one group");
    }
    assert!(one_group["thresholds"][0]["sensitivity"]["ci95"].is_null());
    assert!(told.contains("accuracy     0.500 (no interval: all slices are of one group)"), "{told}");
    let report = fs::read_to_string(folder.join("one-group-out/report.html")).unwrap();
    assert!(report.contains("no interval: all slices are of one group"));

    let (one_class, _) = merged("one-class", "a,1,t,,positive,0.9,2\nb,1,t,,positive,0.7,1\nc,1,t,,negative,0.2,-1\n");
    assert_eq!(one_class["auc"], json!({ "value": null, "ci95": null, "method": one_class["auc"]["method"] }));
    for name in ["auc", "f1", "ppv", "npv"] {
        assert_eq!(one_class[name]["method"], "no interval: all slices, of 3 groups, are of one class", "{name}");
    }
    assert!(one_class["auc_delong"]["method"].as_str().unwrap().contains("two slices of each class"));

    let (missed, _) = merged(
        "missed",
        "a,1,t,,negative,0.1,-2\nb,1,t,,negative,0.1,-2\nc,1,t,,negative,0.1,-2\nd,1,t,,negative,0.1,-2\n\
         e,0,t,,negative,0.1,-3\nf,0,t,,positive,0.9,2\n",
    );
    let sensitivity = &missed["sensitivity"];
    assert_eq!((&sensitivity["value"], &sensitivity["ci95"][0]), (&json!(0.0), &json!(0.0)));
    let upper = sensitivity["ci95"][1].as_f64().unwrap();
    assert!((upper - 0.602_364_6).abs() < 1e-6, "0 of 4: {upper}");
    assert!(sensitivity["method"].as_str().unwrap().starts_with("Clopper-Pearson over 4 groups"), "{sensitivity}");
}

/// Two files whose names differ in a byte that is no Unicode, and one that is called what the first is shown as.
#[test]
#[cfg(target_os = "linux")]
fn names_stay_apart_and_do_not_mislead() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let folder = scratch("names");
    let names = [&b"lung\xE8.png"[..], b"lung\xE9.png", b"lung\\xE9.png", "scan\u{202e}gnp.png".as_bytes()];
    for name in names {
        fs::copy(case("luna-1"), folder.join(OsStr::from_bytes(name))).unwrap();
    }
    let classify = |format: &str| {
        let output = lungglass(&folder, &["classify", format, "--map-dir", "maps", "."]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let json = classify("--json");
    let files: Vec<String> = json
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["file"].as_str().unwrap().to_string())
        .collect();
    assert_eq!(
        files,
        ["./lung\\xE9.png", "./lung\\xE8.png", "./lung\\xE9.png (2)", "./scan\u{202e}gnp.png"],
        "as given; what is no Unicode is written out"
    );
    let maps: Vec<_> = fs::read_dir(folder.join("maps")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| maps.iter().any(|map| map.as_bytes() == *name)), "{maps:?}");
    fs::remove_dir_all(folder.join("maps")).unwrap();
    let csv = classify("--csv");
    assert!(csv.contains("scan\\u{202e}gnp.png") && !csv.contains('\u{202e}'), "{csv}");
    let text = String::from_utf8(lungglass(&folder, &["classify", ".", "no\u{2066}thing.png"]).stdout).unwrap();
    assert!(text.contains("scan\\u{202e}gnp.png") && text.contains("no\\u{2066}thing.png"), "{text}");
    assert!(!text.contains(['\u{202e}', '\u{2066}']), "{text}");
}

#[test]
#[cfg(unix)]
fn what_might_never_end_is_refused_or_not_waited_for() {
    let folder = desk("endless");
    let pipe = folder.join("pipe.png");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let message = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["error"]["code"], "io");
        line["error"]["message"].as_str().unwrap().to_string()
    };
    let output = lungglass(&folder, &["classify", "--json", "/dev/zero", "pipe.png", "a.png"]);
    assert_eq!(output.status.code(), Some(2));
    let text = stdout(&output);
    let lines: Vec<&str> = text.lines().collect();
    assert!(message(lines[0]).contains("a socket or a device"), "{text}");
    assert!(message(lines[1]).contains("nothing was written into this pipe"), "{text}");
    assert!(lines[2].contains("\"verdict\":\"negative\""), "{text}");
    // What a program writes there is read.
    let writer = std::thread::spawn(move || fs::write(pipe, fs::read(case("luna-1")).unwrap()));
    assert_eq!(lungglass(&folder, &["classify", "pipe.png"]).status.code(), Some(0));
    writer.join().unwrap().unwrap();
    let output = lungglass(&folder, &["validate", "--manifest", "pipe.png"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("pipe.png: it is a pipe"), "{}", stderr(&output));
}

#[test]
#[cfg(target_os = "linux")]
fn results_that_cannot_be_written_are_an_error_and_nothing_half_is_left() {
    let folder = desk("unwritten");
    fs::write(folder.join("manifest.csv"), "path,label,split,group\na.png,0,test,\nb.png,1,test,\n").unwrap();
    let shell = |line: &str| {
        let line = line.replace("lungglass", env!("CARGO_BIN_EXE_lungglass"));
        Command::new("sh").args(["-c", &line]).current_dir(&folder).output().unwrap()
    };
    for line in ["lungglass classify a.png >&-", "lungglass validate --manifest manifest.csv >&-"] {
        let output = shell(line);
        assert_eq!(output.status.code(), Some(1), "{line}");
        assert!(stderr(&output).contains("standard output is closed"), "{}", stderr(&output));
    }
    assert!(!folder.join("validation").exists());
    assert_eq!(shell("lungglass classify a.png >/dev/null").status.code(), Some(0));
    for line in ["lungglass classify a.png >/dev/full", "lungglass validate --manifest manifest.csv >/dev/full"] {
        let output = shell(line);
        assert_eq!(output.status.code(), Some(1), "{line}");
        assert!(stderr(&output).contains("standard output: "), "{}", stderr(&output));
    }
    // Files over 1 KiB do not fit: what was there before stays.
    let validate = "lungglass validate --manifest manifest.csv --out out";
    assert_eq!(shell(validate).status.code(), Some(0));
    let before = fs::read(folder.join("out/report.html")).unwrap();
    let output = shell(&format!("trap '' XFSZ; ulimit -f 2; {validate} --threshold 0.3"));
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(fs::read(folder.join("out/report.html")).unwrap(), before);
    let mut left: Vec<_> = fs::read_dir(folder.join("out"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["metrics.json", "predictions.csv", "report.html", "validation.partial"]);

    // No link is followed.
    fs::write(folder.join("own"), "mine").unwrap();
    for name in ["metrics.json", "validation.partial"] {
        let _ = fs::remove_file(folder.join("out").join(name));
        std::os::unix::fs::symlink("../own", folder.join("out").join(name)).unwrap();
    }
    assert_eq!(shell(validate).status.code(), Some(0));
    let linked = shell("ln -s own summary.json; lungglass classify a.png --summary summary.json");
    assert_eq!(linked.status.code(), Some(1));
    assert!(stderr(&linked).contains("summary.json is a link"), "{}", stderr(&linked));
    assert_eq!(fs::read_to_string(folder.join("own")).unwrap(), "mine");
    assert_eq!(metrics(&folder, "out")["n"], 2);
}

const COPIES: usize = 200;

fn validate(folder: &Path, more: &[&str]) -> Output {
    lungglass(folder, &[&["validate", "--manifest", "manifest.csv"], more].concat())
}

/// As [`scratch`], with a manifest of so many slices that a run can be stopped before its end.
fn long_desk(test: &str) -> PathBuf {
    let folder = scratch(test);
    let mut manifest = "path,label,split,group\n".to_string();
    for at in 0..COPIES {
        let name = format!("slice-{at}.png");
        fs::copy(case(["luna-1", "luna-2", "luna-3", "luna-6", "luna-7", "luna-8"][at % 6]), folder.join(&name))
            .unwrap();
        manifest += &format!("{name},{},test,\n", at % 2);
    }
    fs::write(folder.join("manifest.csv"), manifest).unwrap();
    folder
}

/// A validation into `out`, stopped when it has read some slices.
fn interrupted(folder: &Path, out: &str, more: &[&str]) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lungglass"))
        .args([&["validate", "--manifest", "manifest.csv", "--out", out], more].concat())
        .current_dir(folder)
        .env("RAYON_NUM_THREADS", "1")
        .spawn()
        .unwrap();
    let partial = folder.join(out).join("validation.partial");
    // A line for the run, and one for each slice.
    while fs::read_to_string(&partial).map_or(0, |text| text.lines().count()) < 7 {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be stopped");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_run_goes_on_with_its_own_lines_alone() {
    let folder = long_desk("resume");
    interrupted(&folder, "part", &[]);
    let partial = folder.join("part/validation.partial");
    // A line that was cut off is read again.
    let copy = fs::read_to_string(&partial).unwrap() + "{\"at\":6,\"verd";
    fs::write(&partial, &copy).unwrap();
    let before = copy.lines().count() - 2;

    let resumed = validate(&folder, &["--out", "part", "--resume"]);
    assert_eq!(resumed.status.code(), Some(0), "{}", stderr(&resumed));
    let expected = format!("{before} of {COPIES} slices were read before");
    assert!(stderr(&resumed).contains(&expected), "{expected}: {}", stderr(&resumed));
    assert!(!partial.exists(), "a finished run leaves nothing to go on with");
    assert_eq!(validate(&folder, &["--out", "whole"]).status.code(), Some(0));
    let predictions = |out: &str| fs::read_to_string(folder.join(out).join("predictions.csv")).unwrap();
    assert_eq!(predictions("part"), predictions("whole"));
    let mut left: Vec<_> = fs::read_dir(folder.join("part"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["metrics.json", "predictions.csv", "report.html"]);

    // What another run began is refused by what differs.
    fs::write(&partial, &copy).unwrap();
    let refused = |more: &[&str], part: &str| {
        let output = validate(&folder, &[&["--out", "part", "--resume"], more].concat());
        assert_eq!(output.status.code(), Some(1), "{more:?}");
        assert!(stderr(&output).contains(part), "{part}: {}", stderr(&output));
        assert_eq!(fs::read_to_string(&partial).unwrap(), copy, "it is left as it was");
    };
    refused(&["--split", "test"], "other options: no such options, and now --split test");
    refused(&["--shard", "1/2"], "--shard 1/2");
    refused(&["--threshold", "0.5"], "--threshold 0.5");
    let manifest = fs::read_to_string(folder.join("manifest.csv")).unwrap();
    fs::write(folder.join("manifest.csv"), manifest.replacen("slice-7.png,1", "slice-7.png,0", 1)).unwrap();
    refused(&[], "another list of slices");
    fs::write(folder.join("manifest.csv"), manifest).unwrap();
    // Lines of another run between those of this one.
    let id = copy.split("{\"run\":\"").nth(1).unwrap().split('"').next().unwrap().to_string();
    let mixed = copy.replacen(&format!("{{\"run\":\"{id}"), "{\"run\":\"0123456789abcdef", 1);
    fs::write(&partial, &mixed).unwrap();
    let output = validate(&folder, &["--out", "part", "--resume"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("lines of another run"), "{}", stderr(&output));
}

#[test]
fn two_runs_do_not_write_into_one_folder() {
    let folder = long_desk("locked");
    let mut first = Command::new(env!("CARGO_BIN_EXE_lungglass"))
        .args(["validate", "--manifest", "manifest.csv", "--out", "out"])
        .current_dir(&folder)
        .env("RAYON_NUM_THREADS", "1")
        .spawn()
        .unwrap();
    while !folder.join("out/validation.partial").exists() {
        assert!(first.try_wait().unwrap().is_none(), "it ended before another began");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    for more in [&["--out", "out"][..], &["--out", "out", "--resume"]] {
        let second = validate(&folder, more);
        assert_eq!(second.status.code(), Some(1), "{}", stderr(&second));
        assert!(stderr(&second).contains("another run writes into out"), "{}", stderr(&second));
    }
    assert_eq!(first.wait().unwrap().code(), Some(0));
    assert_eq!(metrics(&folder, "out")["n"], COPIES);
}
