//! What a validation says of groups, of wanted specificities and of its own limits, and what `recalibrate` makes of one.
#![cfg(not(target_arch = "wasm32"))]

mod repository;
mod running;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Output;

use lungglass::model::Model;
use lungglass::reading::score;
use repository::scratch;
use running::{case, lungglass, stderr};
use serde_json::Value;

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn metrics(folder: &Path, out: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.join(out).join("metrics.json")).unwrap()).unwrap()
}

fn rows(file: &Path) -> Vec<Vec<String>> {
    let mut table = csv::Reader::from_path(file).unwrap();
    table.records().map(|row| row.unwrap().iter().map(str::to_string).collect()).collect()
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("\"{text}\" is no number"))
}

fn built_in() -> Model {
    Model::parse(lungglass::classifier::SETTINGS).unwrap()
}

/// Patients of several slices, one slice without a group, a patient whose slices are all refused, and a file that is not there.
#[test]
fn groups_are_judged_by_their_mean_and_by_their_highest_slice() {
    let folder = scratch("groups");
    let slices = [
        ("luna-1", 0, "ann"),
        ("luna-2", 0, "ann"),
        ("luna-3", 1, "bob"),
        ("moon", 1, "bob"),
        ("luna-6", 1, ""),
        ("photo-cat", 0, "eve"),
    ];
    let mut manifest = "path,label,split,group\n".to_string();
    for (name, label, group) in slices {
        let _ = writeln!(manifest, "{},{label},test,{group}", case(name).display());
    }
    manifest += "gone.png,1,test,bob\n";
    fs::write(folder.join("manifest.csv"), &manifest).unwrap();
    let run = |more: &[&str]| lungglass(&folder, &[&["validate", "--manifest", "manifest.csv"], more].concat());
    let output = run(&["--unit", "group", "--out", "out", "--at-specificity", "0.5"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("manifest.csv: 1 of 7 files are not there, and will count as wrong: gone.png"));
    let single = run(&["--out", "slices"]);
    assert_eq!(single.status.code(), Some(2), "{}", stderr(&single));

    // Its slices are those of a validation of slices.
    let text = |path: &str| fs::read_to_string(folder.join(path)).unwrap();
    assert_eq!(text("out/slices.csv"), text("slices/predictions.csv"));
    assert!(
        text("out/predictions.csv")
            .starts_with("path,label,split,group,verdict,score,logit,slices,judged,highest_score,highest_logit\n")
    );
    let (slices, groups) = (rows(&folder.join("out/slices.csv")), rows(&folder.join("out/predictions.csv")));
    let last = case("luna-6").display().to_string();
    let named: Vec<[&str; 5]> = groups.iter().map(|row| [0, 1, 3, 7, 8].map(|at| &*row[at])).collect();
    let expected = [
        ["ann", "0", "ann", "2", "2"],
        ["bob", "1", "bob", "3", "1"],
        [&last, "1", "", "1", "1"],
        ["eve", "0", "eve", "1", "0"],
    ];
    assert_eq!(named, expected);
    let scores: Vec<f64> = [0, 1].map(|at| number(&slices[at][5])).to_vec();
    let odds = |score: f64| (score / (1.0 - score)).ln();
    assert!((odds(number(&groups[0][5])) - (odds(scores[0]) + odds(scores[1])) / 2.0).abs() < 1e-4, "{groups:?}");
    assert!((number(&groups[0][9]) - scores[0].max(scores[1])).abs() < 1e-6, "{groups:?}");
    assert_eq!((&*groups[3][4], &*groups[3][5], &*groups[3][9]), ("refused", "", ""));
    // What was judged of bob is his one slice.
    assert!((number(&groups[1][5]) - number(&slices[2][5])).abs() < 1e-5);

    let found = metrics(&folder, "out");
    assert_eq!((&found["unit"], &found["n"], &found["groups"]), (&"group".into(), &4.into(), &4.into()));
    assert_eq!((&found["group_score"], &found["coverage"]), (&"mean".into(), &0.75.into()));
    // The patient whose slices were refused is wrong by the mean and by the highest slice.
    for measures in [&found, &found["highest"]] {
        assert_eq!(measures["specificity"]["method"].as_str().map(|text| text.contains("groups")), Some(true));
        assert!(measures["specificity"]["value"].as_f64().unwrap() <= 0.5, "{measures}");
        assert!(measures["auc"]["value"].as_f64().unwrap() <= 0.5, "{measures}");
    }
    let reason = found["without_score"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("none_judged: 1 refused, 0 unreadable; "), "{reason}");
    let report = text("out/report.html");
    assert!(report.contains("A row is a group here") && report.contains("all, by the highest slice"));
    assert!(stdout(&output).contains("By the highest slice of each group: AUC"), "{}", stdout(&output));
    assert!(stdout(&output).contains("4 of 4 groups read"), "{}", stdout(&output));

    // What would be wrong is refused, and a validation of slices leaves no groups' slices behind.
    let shards = run(&["--unit", "group", "--shard", "1/2"]);
    assert_eq!((shards.status.code(), stderr(&shards).contains("--shard is not for --unit group")), (Some(1), true));
    let merged = lungglass(&folder, &["merge", "out", "--out", "whole"]);
    assert_eq!((merged.status.code(), stderr(&merged).contains("its rows are groups")), (Some(1), true));
    let again = run(&["--out", "out"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(
        !folder.join("out/slices.csv").exists() && stderr(&again).contains("slices.csv of an earlier run was removed")
    );
    fs::write(folder.join("manifest.csv"), manifest.replacen(",0,test,ann", ",1,test,ann", 1)).unwrap();
    let mixed = run(&["--unit", "group", "--out", "no"]);
    assert_eq!(mixed.status.code(), Some(1));
    assert!(stderr(&mixed).contains("group ann has rows that differ in the column label"), "{}", stderr(&mixed));
    assert!(!folder.join("no").exists(), "nothing was read");
}

#[test]
fn a_report_says_what_it_rests_on() {
    let folder = scratch("limits");
    let mut manifest = "path,label,split,group\n".to_string();
    for (at, name) in ["luna-1", "luna-2", "luna-3", "luna-6", "luna-7", "moon", "photo-cat"].iter().enumerate() {
        // Two patients, and each slice of one of them is a mistake or a hit.
        let _ = writeln!(manifest, "{},{},test,{}", case(name).display(), u8::from(at != 6), ["ann", "bob"][at % 2]);
    }
    fs::write(folder.join("manifest.csv"), manifest).unwrap();
    let run =
        || lungglass(&folder, &["validate", "--manifest", "manifest.csv", "--out", "out", "--at-specificity", "0.9"]);
    let output = run();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let found = metrics(&folder, "out");
    let warnings: Vec<&str> = found["warnings"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    assert!(
        warnings[0].starts_with("only 6 of 7 slices are positive")
            && warnings[1].starts_with("only 1 of 7 slices are negative"),
        "{warnings:?}"
    );
    let report = fs::read_to_string(folder.join("out/report.html")).unwrap();
    for warning in &warnings {
        assert!(stderr(&output).contains(&format!("lungglass: warning: {warning}")), "{}", stderr(&output));
        assert!(report.contains(&format!("Warning: {warning}.")));
    }
    // Refused slices are told apart from mistakes of the network.
    let shipped = &found["thresholds"][0];
    let [positive, negative] =
        ["false_negatives_without_score", "false_positives_without_score"].map(|name| shipped[name].as_u64().unwrap());
    assert_eq!((positive, negative), (1, 1));
    assert!(
        report.contains("<th>without a score, positive</th>") && report.contains("<th>without a score, negative</th>")
    );
    // The one negative has no score: no threshold reaches a specificity.
    let wanted = &found["at_specificity"][0];
    assert_eq!((&wanted["wanted"], &wanted["sensitivity"]["value"]), (&0.9.into(), &Value::Null));
    assert!(wanted["sensitivity"]["method"].as_str().unwrap().contains("no threshold reaches this specificity"));
    assert!(found["ece_if_calibrated"].is_number());
    let [lo, hi] = [0, 1].map(|at| found["ece"]["ci95"][at].as_f64().unwrap_or_else(|| panic!("{}", found["ece"])));
    let ece = found["ece"]["value"].as_f64().unwrap();
    assert!(lo <= ece && ece <= hi, "{ece} is not in {lo} to {hi}");
    // A row a patient, who says how many of her slices are wrong.
    let wrong = shipped["false_negatives"].as_u64().unwrap() - positive;
    assert!(wrong > 2, "{shipped}");
    let mistakes = report.split("Most confident mistakes").nth(1).unwrap().split("Without a score").next().unwrap();
    let counts: Vec<u64> =
        mistakes.split("<td class=\"number\">").filter_map(|cell| cell.split_once(" of ")?.0.parse().ok()).collect();
    assert_eq!((counts.len(), counts.iter().sum::<u64>()), (2, wrong), "{mistakes}");
    for word in ["at the threshold 0.400", "95 % band", "guessing", "scores that fit", "threshold 0.400"] {
        assert!(report.contains(word), "{word}");
    }
    assert!(!report.contains("COVID"), "the report is of any network");

    // What lies there is not replaced without a word.
    let told = format!("out holds the results of another run (lungglass-lite2 {}, 7 slices, cpu)", built_in().version);
    assert!(!stderr(&output).contains("holds the results") && stderr(&run()).contains(&told));
}

#[test]
fn a_comparison_is_for_programs_too() {
    let folder = scratch("compare");
    // 24 patients of two slices; B ranks a little worse.
    for (out, off) in [("a", 0.0), ("b", 0.9)] {
        let mut table = "path,label,split,group,verdict,score,logit\n".to_string();
        for at in 0..48 {
            let (patient, label) = (at / 2, at / 2 % 2);
            let logit = 2.0 * f64::from(label) - 1.0 + f64::from(at * 7 % 11) / 5.0 - 1.0
                + off * f64::from(at * 5 % 7 - 3) / 2.0;
            let verdict = if logit >= 0.0 { "positive" } else { "negative" };
            let _ =
                writeln!(table, "{at}.png,{label},test,p{patient},{verdict},{},{logit}", 1.0 / (1.0 + (-logit).exp()));
        }
        fs::create_dir(folder.join(out)).unwrap();
        fs::write(folder.join(out).join("predictions.csv"), table).unwrap();
        let text = format!("{{\"threshold\": 0.5, \"model\": {{\"name\": \"{out}\", \"version\": \"1\"}}}}");
        fs::write(folder.join(out).join("metrics.json"), text).unwrap();
    }
    let compare = |more: &[&str]| {
        lungglass(&folder, &[&["compare", "a/predictions.csv", "b/predictions.csv", "--json"], more].concat())
    };
    let output = compare(&["--models"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&found["slices"], &found["groups"], &found["b"]["name"]), (&48.into(), &24.into(), &"b".into()));
    for name in ["auc", "accuracy", "sensitivity", "specificity"] {
        let value = |from: &Value| from[name]["value"].as_f64().unwrap();
        let difference = &found["differences"][name];
        assert!(
            (value(&found["a"]) - value(&found["b"]) - difference["value"].as_f64().unwrap()).abs() < 1e-9,
            "{name}"
        );
        let [lo, hi] = [0, 1].map(|at| difference["ci95"][at].as_f64().unwrap());
        assert!(lo <= value(&found["differences"]) && value(&found["differences"]) <= hi && lo < hi, "{difference}");
    }
    assert!(found["differences"]["auc"]["value"].as_f64().unwrap() > 0.0 && found["mcnemar"]["only_a"].is_u64());

    // Two runtimes: the object says what failed, and so does the exit code.
    let output = compare(&[]);
    assert_eq!(output.status.code(), Some(1));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&found["passed"], &found["slices"], &found["alone"]), (&false.into(), &48.into(), &0.into()));
    assert!((found["logits"]["largest"].as_f64().unwrap() - 1.35).abs() < 1e-5, "{found}");
    let same = lungglass(&folder, &["compare", "a/predictions.csv", "a/predictions.csv", "--json"]);
    let found: Value = serde_json::from_slice(&same.stdout).unwrap();
    assert_eq!(
        (same.status.code(), &found["passed"], &found["verdicts"]),
        (Some(0), &true.into(), &serde_json::json!([]))
    );

    // A folder where a file is asked for.
    for (arguments, part) in [
        (&["compare", "a", "b/predictions.csv"][..], "a: it is a folder: give it the file in it, a/predictions.csv"),
        (&["watch", "a"], "a: it is a folder: give it the file in it, a/predictions.csv"),
        (&["validate", "--manifest", "."], ".: it is a folder: give it a file (.csv); none lies in this folder"),
        (&["validate", "--manifest", "m.csv", "--operating-point", "a"], "a: it is a folder: give it a file (.toml)"),
        (
            &["watch", "a/predictions.csv", "--acceptance", "b"],
            "b: it is a folder: give it the file in it, b/metrics.json",
        ),
        (&["init", "a"], "a: it is a folder: give it a file (.onnx)"),
        (&["merge", "a/predictions.csv"], "a/predictions.csv: it is a file; name the folder that `validate` wrote, a"),
    ] {
        let output = lungglass(&folder, arguments);
        assert!(
            output.status.code() == Some(1) && stderr(&output).contains(part),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
}

/// Slices of 40 patients of two hospitals as the built-in network might have read them; half of them positive, and one refused.
fn predictions(split: &str) -> String {
    let temperature = built_in().output.temperature;
    let mut table = "path,label,split,group,verdict,score,logit,hospital\n".to_string();
    for at in 0..80i32 {
        let (patient, label) = (at / 2, at / 2 % 2);
        let logit = 1.5 * (2.0 * label as f32 - 1.0) + ((at * 37 % 23) as f32 - 11.0) / 4.0 + 0.7;
        let hospital = if at < 50 { "a" } else { "b" };
        let _ = writeln!(
            table,
            "{at}.png,{label},{split},p{patient},positive,{},{logit},{hospital}",
            score(logit, temperature)
        );
    }
    table + &format!("cat.png,0,{split},p99,refused,,-2.5,a\n")
}

/// Where the rule of the network that ships (model/training/operating.py) comes out on [`predictions`].
#[test]
fn one_class_is_recalibrated_by_the_rule_of_the_network_that_ships() {
    let folder = scratch("recalibrate");
    fs::write(folder.join("predictions.csv"), predictions("val")).unwrap();
    let run =
        |more: &[&str]| lungglass(&folder, &[&["recalibrate", "--predictions", "predictions.csv"], more].concat());
    let output = run(&["--split", "val", "-o", "new.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = fs::read_to_string(folder.join("new.toml")).unwrap();
    let (new, old) = (Model::parse(&text).unwrap(), built_in());
    let near =
        |found: f32, expected: f64| assert!((f64::from(found) - expected).abs() < 2e-4, "{found} is not {expected}");
    near(new.output.temperature, PLAIN[0]);
    near(new.point().threshold, PLAIN[1]);
    near(new.point().uncertain[0], PLAIN[2]);
    near(new.point().uncertain[1], PLAIN[3]);
    let chosen = &new.point().chosen;
    assert!(
        chosen.contains("on 80 judged slices of 40 groups of the split \"val\", each class of equal weight"),
        "{chosen}"
    );
    assert_eq!((&new.gate, &new.sha256, &new.words), (&old.gate, &old.sha256, &old.words));
    for part in [
        "predictions.csv: 80 judged slices; 1 without a score are left out".to_string(),
        format!("temperature  {:.4} -> {:.4}", old.output.temperature, new.output.temperature),
        format!("threshold  {:.4} -> {:.4}", old.point().threshold, new.point().threshold),
        "logistic regression on the logit gives one half".to_string(),
        "find operating points of `accept` anew".to_string(),
    ] {
        assert!(stdout(&output).contains(&part), "no {part:?} in {}", stdout(&output));
    }

    // Hospitals of equal weight.
    let output = run(&["--hospital", "hospital", "--out", "hospitals.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let new = Model::parse(&fs::read_to_string(folder.join("hospitals.toml")).unwrap()).unwrap();
    near(new.output.temperature, HOSPITALS[0]);
    near(new.point().threshold, HOSPITALS[1]);
    near(new.point().uncertain[0], HOSPITALS[2]);

    // Scores stay where the temperature does.
    assert_eq!(run(&["--keep-temperature", "--out", "kept.toml"]).status.code(), Some(0));
    let kept = Model::parse(&fs::read_to_string(folder.join("kept.toml")).unwrap()).unwrap();
    assert_eq!((kept.output.temperature, &kept.study), (old.output.temperature, &old.study));
    assert_ne!(kept.point().threshold, old.point().threshold);

    let there = run(&["--out", "new.toml"]);
    assert!(there.status.code() == Some(1) && stderr(&there).contains("nothing is overwritten"), "{}", stderr(&there));
}

/// operating_point(logit, label, hospital_weights(hospital, label)) of model/training/operating.py: temperature, threshold, band.
const PLAIN: [f64; 4] = [1.179205, 0.63465, 0.574151, 0.691177];
const HOSPITALS: [f64; 3] = [1.16699, 0.634213, 0.542741];

#[test]
fn what_nothing_can_be_chosen_by_is_refused() {
    let folder = scratch("refusals");
    let val = predictions("val");
    let few: String = val.lines().take(31).map(|line| format!("{line}\n")).collect();
    let apart: String = val
        .lines()
        .enumerate()
        .map(|(at, line)| {
            let mut cells: Vec<String> = line.split(',').map(str::to_string).collect();
            if at > 0 && !cells[5].is_empty() {
                let logit = if cells[1] == "1" { 2.0 } else { -2.0 };
                cells[5] = score(logit, built_in().output.temperature).to_string();
                cells[6] = logit.to_string();
            }
            cells.join(",") + "\n"
        })
        .collect();
    let other = val.replacen(",positive,0.", ",positive,0.00", 1);
    for (name, text, more, part) in [
        ("test", predictions("test_clean"), &[][..], "rows are of the split \"test_clean\": what is chosen on a test"),
        ("few", few, &[], "7 groups have a positive slice, 8 have a negative one: it takes 10 of each"),
        ("apart", apart, &["--keep-temperature"], "no threshold can be chosen: its scores are told apart"),
        ("other", other, &[], "is not that of its logit by this model.toml"),
        ("none", val.clone(), &["--split", "dev"], "there is no slice of split \"dev\" with a score"),
        ("column", val, &["--hospital", "clinic"], "no column \"clinic\""),
    ] {
        let file = format!("{name}.csv");
        fs::write(folder.join(&file), text).unwrap();
        let output =
            lungglass(&folder, &[&["recalibrate", "--predictions", &file, "--out", "new.toml"], more].concat());
        assert_eq!(output.status.code(), Some(1), "{name}: {}", stdout(&output));
        assert!(stderr(&output).contains(part), "{name}: {}", stderr(&output));
        assert!(!folder.join("new.toml").exists(), "{name}");
    }
    // Whoever means it may, and model.toml says so.
    let told = ["recalibrate", "--predictions", "test.csv", "--on-test", "--out", "new.toml"];
    assert_eq!(lungglass(&folder, &told).status.code(), Some(0));
    assert!(fs::read_to_string(folder.join("new.toml")).unwrap().contains("That split is no test any more."));
    // Of another network by its metrics.json, and of studies.
    for (name, unit, part) in
        [("other", "slice", "it is of the network other"), ("lungglass-lite2", "group", "its rows are groups")]
    {
        let text = format!(
            "{{\"unit\": \"{unit}\", \"model\": {{\"name\": \"{name}\", \"sha256\": \"{}\"}}}}",
            built_in().sha256
        );
        fs::write(folder.join("metrics.json"), text).unwrap();
        let output = lungglass(&folder, &["recalibrate", "--predictions", "none.csv", "--out", "no.toml"]);
        assert!(output.status.code() == Some(1) && stderr(&output).contains(part), "{}", stderr(&output));
    }
}

/// Copies of slices, each with a label of its own, are read here.
#[test]
fn a_manifest_is_read_and_recalibrated_by() {
    let folder = scratch("manifest");
    let names = ["luna-1", "luna-2", "luna-3", "luna-6", "luna-7", "luna-8"];
    let all: String = names.iter().map(|name| format!("{},0\n", case(name).display())).collect();
    fs::write(folder.join("all.csv"), format!("path,label\n{all}")).unwrap();
    assert_eq!(lungglass(&folder, &["validate", "--manifest", "all.csv", "--out", "all"]).status.code(), Some(0));
    let mut logits: Vec<(f64, &str)> = rows(&folder.join("all/predictions.csv"))
        .iter()
        .zip(names)
        .map(|(row, name)| (number(&row[6]), name))
        .collect();
    logits.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut manifest = "path,label,split\n".to_string();
    for (rank, (_, name)) in logits.iter().enumerate() {
        for copy in 0..4 {
            fs::copy(case(name), folder.join(format!("{name}-{copy}.png"))).unwrap();
            // One in four of the lower half is positive, three of the upper.
            let label = u8::from(copy < if rank < 3 { 1 } else { 3 });
            let _ = writeln!(manifest, "{name}-{copy}.png,{label},val");
        }
    }
    manifest += "gone.png,1,val\n";
    fs::write(folder.join("manifest.csv"), manifest).unwrap();
    let output =
        lungglass(&folder, &["recalibrate", "--manifest", "manifest.csv", "--keep-temperature", "-o", "new.toml"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("1 of 25 files are not there")
            && stdout(&output).contains("24 judged slices; 1 without")
    );
    let new = Model::parse(&fs::read_to_string(folder.join("new.toml")).unwrap()).unwrap();
    let temperature = f64::from(new.output.temperature);
    let at = |logit: f64| 1.0 / (1.0 + (-logit / temperature).exp());
    let threshold = f64::from(new.point().threshold);
    assert!(at(logits[0].0) < threshold && threshold < at(logits[5].0), "{threshold} {logits:?}");
}

#[test]
fn several_classes_are_recalibrated_one_by_one() {
    let folder = scratch("classes");
    let textures = repository::path("examples/textures");
    let settings = fs::read_to_string(textures.join("model.toml")).unwrap();
    let old = Model::parse(&settings).unwrap();
    let ids: Vec<&str> = old.classes.iter().map(|class| &*class.id).collect();
    let columns: String = ids.iter().map(|id| format!(",score_{id}")).collect();
    let mut table = format!("path,label,split,group,verdict,class{columns}\n");
    for at in 0..120usize {
        let own = at % ids.len();
        // Sure of itself, and wrong in a third.
        let seen = if at % 3 == 0 { (own + 1 + at / 3 % (ids.len() - 1)) % ids.len() } else { own };
        let logits: Vec<f64> = (0..ids.len())
            .map(|class| if class == seen { 4.0 } else { (at * 13 + class * 7) as f64 % 5.0 / 2.0 })
            .collect();
        let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
        let scores: String = logits.iter().map(|logit| format!(",{}", logit.exp() / sum)).collect();
        let _ = writeln!(table, "{at}.png,{},val,g{},positive,{}{scores}", ids[own], at / 2, ids[seen]);
    }
    fs::write(folder.join("predictions.csv"), table + "cat.png,dots,val,,refused,,,,,\n").unwrap();
    let model = textures.to_str().unwrap();
    let run = |more: &[&str]| {
        lungglass(&folder, &[&["recalibrate", "--model", model, "--predictions", "predictions.csv"], more].concat())
    };
    let output = run(&["-o", "new.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = fs::read_to_string(folder.join("new.toml")).unwrap();
    let new = Model::parse(&text).unwrap();
    // It was surer than it was right.
    assert!(new.output.temperature > 1.2 * old.output.temperature, "{}", new.output.temperature);
    assert!(new.classes.iter().all(|class| class.point.chosen.contains("on 120 judged slices of 60 groups")), "{text}");
    assert!(stderr(&output).contains("samples: their scores are those of the old temperature"), "{}", stderr(&output));

    // One of them alone.
    let output = run(&["--class", "dots", "-o", "one.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let one = Model::parse(&fs::read_to_string(folder.join("one.toml")).unwrap()).unwrap();
    assert_eq!(one.output.temperature, old.output.temperature);
    let changed: Vec<&str> = one
        .classes
        .iter()
        .zip(&old.classes)
        .filter(|(one, old)| one.point != old.point)
        .map(|(one, _)| &*one.id)
        .collect();
    assert_eq!(changed, ["dots"]);
    assert!(!stderr(&output).contains("samples"));
    assert_eq!(run(&["--class", "waves", "-o", "no.toml"]).status.code(), Some(1));
    // What is of one class is not left aside without a word.
    for option in [&["--unit", "group"], &["--at-specificity", "0.9"]] {
        let asked = [&["validate", "--model", model, "--manifest", "predictions.csv"][..], option].concat();
        let output = lungglass(&folder, &asked);
        assert!(
            output.status.code() == Some(1) && stderr(&output).contains("name one class with --class"),
            "{}",
            stderr(&output)
        );
    }
}
