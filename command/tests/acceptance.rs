//! `lungglass accept`, and what an operating point does to readings.
#![cfg(not(target_arch = "wasm32"))]

mod repository;
mod running;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use lungglass::hash::sha256;
use lungglass::operating_point::{Drift, LocalPoint, Network};
use repository::scratch;
use running::{case, lungglass, stderr};
use serde_json::Value;

const SLICES: [&str; 6] = ["luna-1", "luna-2", "lidc-lung-window", "luna-3", "luna-6", "luna-7"];
/// What six slices can show.
const LITTLE: [&str; 6] = ["--ppv", "0.4", "--npv", "0.4", "--confidence", "0.6"];

fn slices(folder: &Path) -> Vec<Value> {
    let paths: Vec<String> = SLICES.iter().map(|name| case(name).display().to_string()).collect();
    let mut arguments = vec!["classify", "--json"];
    arguments.extend(paths.iter().map(String::as_str));
    lines(&lungglass(folder, &arguments))
}

fn lines(output: &Output) -> Vec<Value> {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A folder with a manifest in which the three slices of the highest scores are labelled COVID-19.
fn desk(test: &str) -> PathBuf {
    let folder = scratch(test);
    let mut read = slices(&folder);
    read.sort_by(|a, b| a["score"].as_f64().unwrap().total_cmp(&b["score"].as_f64().unwrap()));
    let mut manifest = "path,label,split,group\n".to_string();
    for (at, slice) in read.iter().enumerate() {
        manifest += &format!("{},{},own,secret-patient-{at}\n", slice["file"].as_str().unwrap(), u8::from(at >= 3));
    }
    manifest += &format!("{},0,own,secret-patient-9\n", case("photo-cat").display());
    fs::write(folder.join("manifest.csv"), manifest).unwrap();
    folder
}

fn accept(folder: &Path, more: &[&str]) -> Output {
    lungglass(folder, &[&["accept", "--manifest", "manifest.csv", "--out", "out"], more].concat())
}

fn written(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join("out").join(name)).unwrap()
}

#[test]
fn an_acceptance_test_gives_an_operating_point_that_readings_are_by() {
    let folder = desk("acceptance-point");
    let output = accept(&folder, &[&["--site", "Ward 7"][..], &LITTLE].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = written(&folder, "acceptance.json");
    let document: Value = serde_json::from_str(&text).unwrap();
    let triage = &document["triage"];
    let [from, to] = ["positive_from", "negative_to"].map(|name| triage[name].as_f64().unwrap());
    assert!(to < from && from < 1.0 && to > 0.0, "{triage}");
    assert_eq!((&triage["ppv"], &triage["npv"], &triage["confidence"]), (&0.4.into(), &0.4.into(), &0.6.into()));
    assert_eq!(document["why"], Value::Null);
    assert_eq!((&document["counts"]["slices"], &document["counts"]["groups"]), (&7.into(), &7.into()));
    assert_eq!((&document["counts"]["refused"], &document["refusals"][0]["slices"]), (&1.into(), &1.into()));
    assert_eq!(document["drift"]["slices"], 7);
    assert!(document["auc"]["value"].is_number() && document["calibration"]["in_the_large"]["value"].is_number());

    // The seal is that of the rest, with keys in order and no white space.
    let mut rest = document.as_object().unwrap().clone();
    let seal = rest.remove("sha256").unwrap();
    assert_eq!(seal, sha256(serde_json::to_string(&rest).unwrap().as_bytes()));
    for name in ["acceptance.json", "acceptance.html", "operating-point.toml"] {
        let text = written(&folder, name);
        for private in
            ["secret-patient", "luna", "tests/cases", "input.png", "data:image", &folder.display().to_string()]
        {
            assert!(!text.contains(private), "{name} holds {private}");
        }
    }
    assert!(written(&folder, "acceptance.html").contains("Ward 7"));

    let point = "out/operating-point.toml";
    let plain = slices(&folder);
    assert!(plain.iter().all(|line| line["model"].get("operating_point").is_none()), "the contract without one");
    let paths: Vec<String> = SLICES.iter().map(|name| case(name).display().to_string()).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let output = lungglass(&folder, &[&["classify", "--json", "--operating-point", point][..], &paths].concat());
    assert!(stderr(&output).contains("operating point of Ward 7"), "{}", stderr(&output));
    for line in lines(&output) {
        let score = line["score"].as_f64().unwrap();
        let expected = if score >= from {
            "positive"
        } else if score <= to {
            "negative"
        } else {
            "uncertain"
        };
        assert_eq!(line["verdict"], expected, "{score}");
        let named = &line["model"]["operating_point"];
        assert_eq!((&named["site"], &named["notice"]), (&"Ward 7".into(), &Value::Null));
        assert_eq!(named["sha256"].as_str().unwrap().len(), 64);
    }
    let output = lungglass(&folder, &["classify", "--csv", "--operating-point", point, paths[0]]);
    let csv = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(csv.lines().next().unwrap().ends_with(",operating_point") && csv.trim_end().ends_with(",Ward 7"), "{csv}");

    let output = lungglass(
        &folder,
        &["validate", "--manifest", "manifest.csv", "--out", "validated", "--operating-point", point],
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let metrics: Value = serde_json::from_slice(&fs::read(folder.join("validated/metrics.json")).unwrap()).unwrap();
    assert_eq!(metrics["model"]["operating_point"]["site"], "Ward 7");
    assert!(fs::read_to_string(folder.join("validated/report.html")).unwrap().contains("of Ward 7, made on"));

    // Slices that show nothing leave no operating point of an earlier run behind.
    let output = accept(&folder, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("was removed"), "{}", stderr(&output));
    assert!(!folder.join(point).exists());
    let document: Value = serde_json::from_str(&written(&folder, "acceptance.json")).unwrap();
    assert_eq!(document["triage"], Value::Null);
    let why = document["why"].as_str().unwrap();
    assert!(why.contains("patients more like these would do") && why.contains("36"), "{why}");
}

#[test]
fn an_operating_point_that_is_not_as_it_was_made_is_refused() {
    let folder = desk("acceptance-tampered");
    assert_eq!(accept(&folder, &LITTLE).status.code(), Some(0));
    let text = written(&folder, "operating-point.toml");
    let (point, _) = LocalPoint::parse(text.as_bytes()).unwrap();
    let slice = case("luna-1").display().to_string();
    let classify = |text: &str| {
        fs::write(folder.join("point.toml"), text).unwrap();
        lungglass(&folder, &["classify", "--json", "--operating-point", "point.toml", &slice])
    };
    assert_eq!(classify(&text).status.code(), Some(0));

    let tampered = classify(&text.replace("confidence = 0.6", "confidence = 0.99"));
    assert_eq!(tampered.status.code(), Some(1));
    assert!(
        tampered.stdout.is_empty()
            && stderr(&tampered).contains("point.toml: the operating point cannot be used: it was changed")
    );

    let network = Network { sha256: "0".repeat(64), ..point.network.clone() };
    let other = classify(&LocalPoint { network, ..point.clone() }.to_text());
    assert_eq!(other.status.code(), Some(1));
    assert!(stderr(&other).contains("another network"), "{}", stderr(&other));

    let ended = LocalPoint { made: "2020-01-01".to_string(), valid_until: "2020-06-30".to_string(), ..point };
    let past = classify(&ended.to_text());
    assert_eq!(past.status.code(), Some(0), "{}", stderr(&past));
    assert!(stderr(&past).contains("NOTE: The operating point of this site ended on 2020-06-30"), "{}", stderr(&past));
    let line: Value = serde_json::from_slice(&past.stdout).unwrap();
    assert!(line["model"]["operating_point"]["notice"].as_str().unwrap().contains("ended on 2020-06-30"));

    for missing in ["no-such.toml", "out"] {
        let output = lungglass(&folder, &["classify", "--operating-point", missing, &slice]);
        assert_eq!(output.status.code(), Some(1), "{missing}");
        assert!(stderr(&output).contains(missing), "{}", stderr(&output));
    }
}

#[test]
fn a_batch_of_refusals_is_told() {
    let folder = desk("acceptance-drift");
    assert_eq!(accept(&folder, &LITTLE).status.code(), Some(0));
    let photo = case("photo-cat").display().to_string();
    let many = vec![photo.as_str(); 60];
    let output = lungglass(
        &folder,
        &[&["classify", "--csv", "--operating-point", "out/operating-point.toml"][..], &many].concat(),
    );
    let told = "NOTE: These slices are not like those of the acceptance test of this site (beyond its limits, refused: 60 of 60 slices were";
    assert!(stderr(&output).contains(told), "{}", stderr(&output));
    // In JSON each line from the one on with which the limit is exceeded, and the summary.
    let options = ["classify", "--json", "--operating-point", "out/operating-point.toml", "--summary", "summary.json"];
    let notices: Vec<Value> = lines(&lungglass(&folder, &[&options[..], &many].concat()))
        .into_iter()
        .map(|mut line| line["model"]["operating_point"]["notice"].take())
        .collect();
    assert!(notices[..49].iter().all(Value::is_null), "{notices:?}");
    assert!(notices[49].as_str().unwrap().contains("refused: 50 of 50 slices were"), "{notices:?}");
    assert!(notices[59].as_str().unwrap().contains("60 of 60"), "{notices:?}");
    let summary = fs::read_to_string(folder.join("summary.json")).unwrap();
    assert!(summary.contains("refused: 60 of 60 slices were"), "{summary}");

    // Slices that are further from training than the test's were, on average.
    let (point, _) = LocalPoint::parse(written(&folder, "operating-point.toml").as_bytes()).unwrap();
    assert!(point.drift.embedding.is_some_and(|most| most > 0.0) && point.drift.gray_levels.is_some());
    let strict = Drift { slices: 2, embedding: Some(0.0001), gray_levels: Some(1e6), ..point.drift };
    fs::write(folder.join("strict.toml"), LocalPoint { drift: strict, ..point }.to_text()).unwrap();
    let two = ["luna-1", "luna-2"].map(|name| case(name).display().to_string());
    let output = lungglass(
        &folder,
        &["classify", "--csv", "--operating-point", "strict.toml", two[0].as_str(), two[1].as_str()],
    );
    assert_eq!(output.status.code(), Some(0));
    let told = "embedding: they are further from training's on average";
    assert!(stderr(&output).contains(told), "{}", stderr(&output));
    assert!(!stderr(&output).contains("gray_levels"), "{}", stderr(&output));

    // A validation says it of all its slices, also of those that an interrupted one had read; slices of one group are no batch.
    let validate = |manifest: &str, more: &[&str]| {
        let options = ["validate", "--out", "validated", "--operating-point", "strict.toml", "--manifest", manifest];
        lungglass(&folder, &[&options[..], more].concat())
    };
    let output = validate("manifest.csv", &["--shard", "1/2"]);
    assert!(stderr(&output).contains(told), "{}", stderr(&output));
    let metrics: Value = serde_json::from_slice(&fs::read(folder.join("validated/metrics.json")).unwrap()).unwrap();
    assert!(metrics["model"]["operating_point"]["notice"].as_str().unwrap().contains(told), "{metrics}");
    assert!(fs::read_to_string(folder.join("validated/report.html")).unwrap().contains("nothing vouches"));
    fs::rename(folder.join("validated"), folder.join("first")).unwrap();
    assert_eq!(validate("manifest.csv", &["--shard", "2/2"]).status.code(), Some(0));
    let output = lungglass(&folder, &["merge", "first", "validated", "--out", "whole"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(fs::read_to_string(folder.join("whole/metrics.json")).unwrap().contains(told));
    let one = written_manifest(&folder);
    let output = validate(&one, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(!stderr(&output).contains("not like those"), "{}", stderr(&output));
}

/// The manifest with all its slices in one group.
fn written_manifest(folder: &Path) -> String {
    let text = fs::read_to_string(folder.join("manifest.csv")).unwrap();
    let rows = text.lines().map(|line| match line.rsplit_once(',') {
        Some((row, group)) if group.starts_with("secret") => format!("{row},secret-patient-1\n"),
        _ => format!("{line}\n"),
    });
    fs::write(folder.join("one.csv"), rows.collect::<String>()).unwrap();
    "one.csv".to_string()
}

#[test]
fn wrong_wishes_are_wrong_usage() {
    let folder = scratch("acceptance-usage");
    fs::write(folder.join("manifest.csv"), "path,label,split,group\n").unwrap();
    for wrong in
        [&["--ppv", "1"][..], &["--confidence", "0"], &["--prevalence", "2"], &["--site", " "], &["--days", "0"]]
    {
        assert_eq!(accept(&folder, wrong).status.code(), Some(1), "{wrong:?}");
    }
    assert!(!folder.join("out").exists());
}

/// Rows as `classify --csv` prints them, as far as `watch` reads them; every `refused`-th is refused.
fn readings(count: usize, refused: usize) -> String {
    let row = |at: usize| {
        if at.is_multiple_of(refused) {
            return "x.png,refused,,0.5,no_lungs\n".to_string();
        }
        let (verdict, logit) =
            if at % 5 == 1 { ("positive", 1.5) } else { ("negative", -1.0 - (at % 7) as f64 / 10.0) };
        format!("x.png,{verdict},0.5,{logit},\n")
    };
    "file,verdict,score,logit,reason\n".to_string() + &(0..count).map(row).collect::<String>()
}

#[test]
fn a_shift_is_watched_and_told_by_its_rule() {
    let folder = scratch("watch");
    let run = |arguments: &[&str]| lungglass(&folder, &[&["watch"], arguments].concat());
    fs::write(folder.join("usual.csv"), readings(1000, 25)).unwrap();
    let output = run(&["usual.csv", "--out", "usual"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
    let watched: Value = serde_json::from_slice(&fs::read(folder.join("usual/watch.json")).unwrap()).unwrap();
    assert_eq!((watched["samples"].as_array().unwrap().len(), watched["flags"].as_array().unwrap().len()), (10, 0));

    let more = readings(300, 3).split_once('\n').unwrap().1.to_string();
    fs::write(folder.join("shift.csv"), readings(1000, 25) + &more).unwrap();
    let output = run(&["shift.csv", "--out", "shift"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("FLAG  refused, sample 21") && text.contains("FLAG  refused: no_lungs"), "{text}");
    assert!(text.contains("beyond its limits (Shewhart)"), "{text}");
    let page = fs::read_to_string(folder.join("shift/watch.html")).unwrap();
    assert!(page.contains("Flags were raised") && page.contains("<svg") && !page.contains("x.png"));

    for day in 1..=4 {
        fs::write(folder.join(format!("day-{day}.csv")), readings(60, if day == 4 { 2 } else { 25 })).unwrap();
    }
    let output = run(&["day-1.csv", "day-2.csv", "day-3.csv", "day-4.csv"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("FLAG  refused, day-4.csv"));

    fs::write(folder.join("one.csv"), readings(20, 25)).unwrap();
    fs::write(folder.join("bad.csv"), "verdict,score,logit\npositive,0.5,NaN\n").unwrap();
    for (arguments, part) in [
        (&["one.csv"][..], "samples"),
        (&["bad.csv"], "bad.csv, line 2: the logit"),
        (&["missing.csv"], "missing.csv"),
        (&["usual.csv", "--baseline", "20"], "20 samples"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(stderr(&output).contains(part), "{}", stderr(&output));
    }
}

#[test]
fn an_acceptance_test_says_what_is_usual() {
    let folder = desk("watch-acceptance");
    assert_eq!(accept(&folder, &LITTLE).status.code(), Some(0));
    fs::write(folder.join("usual.csv"), readings(200, 12)).unwrap();
    let watch = |acceptance: &str| lungglass(&folder, &["watch", "usual.csv", "--acceptance", acceptance]);
    let output = watch("out/acceptance.json");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("against the acceptance test of this site"), "{text}{}", stderr(&output));

    let tampered = written(&folder, "acceptance.json").replace("\"slices\": 7", "\"slices\": 70");
    fs::write(folder.join("tampered.json"), tampered).unwrap();
    let output = watch("tampered.json");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("tampered.json: it was changed after it was made"), "{}", stderr(&output));

    let other = readings(200, 12)
        .replace("reason\n", "reason,sha256\n")
        .replace(",\n", ",,00\n")
        .replace("no_lungs\n", "no_lungs,00\n");
    fs::write(folder.join("usual.csv"), other).unwrap();
    let output = watch("out/acceptance.json");
    assert!(stderr(&output).contains("another network"), "{}", stderr(&output));
}

#[test]
fn labels_of_programs_and_manifests_without_split_or_group_are_read() {
    let folder = scratch("acceptance-columns");
    let [one, other] = ["luna-1", "lidc-lung-window"].map(|name| case(name).display().to_string());
    fs::write(folder.join("manifest.csv"), format!("label,path\n1.0,{one}\n0.0,{other}\n")).unwrap();
    let validate = |more: &[&str]| lungglass(&folder, &[&["validate", "--manifest", "manifest.csv"], more].concat());
    assert_eq!(validate(&[]).status.code(), Some(0), "{}", stderr(&validate(&[])));
    let predictions = fs::read_to_string(folder.join("validation/predictions.csv")).unwrap();
    assert!(predictions.lines().nth(1).unwrap().starts_with(&format!("{one},1,,,")), "{predictions}");
    let output = validate(&["--split", "test"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no column \"split\""), "{}", stderr(&output));
    let output = accept(&folder, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(written(&folder, "acceptance.json").contains("2 slices have no group"));
    fs::write(folder.join("manifest.csv"), format!("path,label,group,group\n{one},1,a,b\n")).unwrap();
    assert!(stderr(&validate(&[])).contains("two columns \"group\""));
}
