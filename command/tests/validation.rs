//! `lungglass validate` and its kin beyond the plain report: data, interruptions, statistics, devices.
#![cfg(not(target_arch = "wasm32"))]

mod repository;
mod running;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lungglass::gate::STATISTICS;
use repository::scratch;
use running::{case, lungglass, stderr};
use serde_json::Value;

const SLICES: [&str; 6] = ["luna-1", "luna-2", "lidc-lung-window", "luna-3", "luna-6", "luna-7"];

/// What the command says itself: drivers may print too.
fn told(output: &Output) -> Vec<String> {
    stderr(output).lines().filter(|line| line.starts_with("lungglass:")).map(str::to_string).collect()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// As [`scratch`], with a manifest.csv of [`SLICES`], labels in turn, and a column `scanner`.
fn desk(test: &str) -> PathBuf {
    let folder = scratch(test);
    let mut manifest = "path,label,split,group,scanner\n".to_string();
    for (at, name) in SLICES.iter().enumerate() {
        manifest += &format!("{},{},test,,{}\n", case(name).display(), at % 2, ["<A>", "B"][at / 3]);
    }
    fs::write(folder.join("manifest.csv"), manifest).unwrap();
    folder
}

fn validate(folder: &Path, more: &[&str]) -> Output {
    lungglass(folder, &[&["validate", "--manifest", "manifest.csv"], more].concat())
}

fn metrics(folder: &Path, out: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.join(out).join("metrics.json")).unwrap()).unwrap()
}

fn report(folder: &Path, out: &str) -> String {
    fs::read_to_string(folder.join(out).join("report.html")).unwrap()
}

#[test]
fn thresholds_prevalences_subgroups_and_the_decision_curve_are_in_the_report() {
    let folder = desk("statistics");
    let output = validate(
        &folder,
        &["--out", "out", "--threshold", "0.25", "--threshold", "0", "--subgroup", "scanner", "--subgroup", "split"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let metrics = metrics(&folder, "out");
    let thresholds = metrics["thresholds"].as_array().unwrap();
    let named: Vec<_> = thresholds.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(named[0], "shipped");
    assert_eq!(named[3..], ["chosen", "chosen"]);
    assert_eq!(thresholds[3]["threshold"], 0.25);
    // From 0 on everything that was accepted is positive.
    assert_eq!((&thresholds[4]["false_negatives"], &thresholds[4]["true_negatives"]), (&0.into(), &0.into()));
    assert_eq!(thresholds[4]["sensitivity"]["value"], 1.0);
    // One sensitivity has one interval, wherever it stands.
    assert_eq!(thresholds[0]["sensitivity"], metrics["sensitivity"]);
    assert!(thresholds[4]["sensitivity"]["method"].as_str().unwrap().contains("Clopper-Pearson over 3 groups"));
    assert!(!serde_json::to_string(&metrics).unwrap().contains("Wilson"));
    let [delong, counted] = ["auc_delong", "auc"].map(|name| metrics[name]["value"].as_f64().unwrap());
    assert!((delong - counted).abs() < 1e-12, "{delong} and {counted} differ by more than their last digit");
    assert!(metrics["auc"]["method"].as_str().unwrap().contains("2000 draws, seed"));
    let prevalences: Vec<_> =
        metrics["prevalences"].as_array().unwrap().iter().map(|row| row["prevalence"].as_f64().unwrap()).collect();
    assert_eq!(prevalences, [0.01, 0.05, 0.2, 0.5]);
    assert_eq!(metrics["decision_curve"].as_array().unwrap().len(), 99);
    let groups: Vec<_> = metrics["subgroups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["column"].as_str().unwrap(), row["value"].as_str().unwrap(), row["n"].as_u64().unwrap()))
        .collect();
    assert_eq!(groups, [("scanner", "<A>", 3), ("scanner", "B", 3), ("split", "test", 6)]);

    let report = report(&folder, "out");
    for part in [
        "6 of 6 slices read",
        "Decision curve",
        "by prevalence",
        "Subgroups",
        "&lt;A&gt;",
        "chosen, 0.250",
        "SHA-256",
        "--subgroup scanner",
    ] {
        assert!(report.contains(part), "{part}");
    }
    assert!(!report.contains("<img"), "no image unless it is asked for");
}

/// Thresholds and subgroups too: the shards' metrics.json holds what the whole run's holds, byte by byte but for the speed.
#[test]
fn shards_merge_to_the_subgroups_of_the_whole() {
    let folder = desk("merged_subgroups");
    let wishes = ["--subgroup", "scanner", "--subgroup", "split", "--threshold", "0.3"];
    for more in [&["--out", "whole"][..], &["--out", "one", "--shard", "1/2"], &["--out", "two", "--shard", "2/2"]] {
        let output = validate(&folder, &[&wishes[..], more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    let merge = |more: &[&str]| lungglass(&folder, &[&["merge", "two", "one", "--out", "merged"], more].concat());
    let output = merge(&wishes);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = |out: &str| {
        let text = fs::read_to_string(folder.join(out).join("metrics.json")).unwrap();
        text.lines()
            .filter(|line| !line.contains("images_per_second"))
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    };
    assert_eq!(text("merged"), text("whole"));
    assert_eq!(metrics(&folder, "merged")["subgroups"].as_array().unwrap().len(), 3);
    let header = |out: &str| {
        let text = fs::read_to_string(folder.join(out).join("predictions.csv")).unwrap();
        text.lines().next().unwrap().to_string()
    };
    assert_eq!(header("merged"), "path,label,split,group,verdict,score,logit,scanner");
    let unknown = merge(&["--subgroup", "hospital"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(stderr(&unknown).contains("no column \"hospital\""), "{}", stderr(&unknown));
    // Merged folders are as good as shards.
    let again = lungglass(&folder, &["merge", "merged", "--out", "again", "--subgroup", "scanner"]);
    assert_eq!(again.status.code(), Some(0), "{}", stderr(&again));
}

#[test]
fn thumbnails_are_inside_the_report_when_they_are_asked_for() {
    let folder = desk("thumbnails");
    let output = validate(&folder, &["--out", "out", "--thumbnails"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report = report(&folder, "out");
    let mistakes = metrics(&folder, "out");
    let shipped = &mistakes["thresholds"][0];
    let wrong = shipped["false_positives"].as_u64().unwrap() + shipped["false_negatives"].as_u64().unwrap();
    assert!(wrong > 0);
    assert_eq!(report.matches("<img alt=\"\" src=\"data:image/png;base64,").count() as u64, wrong);
    assert!(report.contains("holds images of patients") && !report.contains("src=\"http"));
}

/// A pipe among the slices that nobody writes to holds the run until it is killed.
#[test]
#[cfg(unix)]
fn an_interrupted_run_goes_on_and_ends_as_if_it_had_not_been() {
    use std::io::Write;

    let folder = desk("resume");
    let manifest = fs::read_to_string(folder.join("manifest.csv")).unwrap() + "late.png,1,test,,B\n";
    fs::write(folder.join("manifest.csv"), manifest).unwrap();
    let late = folder.join("late.png");
    assert!(Command::new("mkfifo").arg(&late).status().unwrap().success());
    let mut child = Command::new(env!("CARGO_BIN_EXE_lungglass"))
        .args(["validate", "--manifest", "manifest.csv", "--out", "part"])
        .current_dir(&folder)
        .env("RAYON_NUM_THREADS", "2")
        .spawn()
        .unwrap();
    let partial = folder.join("part/validation.partial");
    let lines = || fs::read_to_string(&partial).map_or(0, |text| text.lines().count());
    // A line for the run and one for each slice but the last.
    while lines() < 1 + SLICES.len() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before the pipe was written to");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    fs::remove_file(&late).unwrap();
    fs::copy(case("luna-8"), &late).unwrap();
    // A line that was cut off is read again.
    let mut cut = fs::OpenOptions::new().append(true).open(&partial).unwrap();
    cut.write_all(b"{\"at\":6,\"verd").unwrap();
    let copy = fs::read(&partial).unwrap();

    let resumed = validate(&folder, &["--out", "part", "--resume"]);
    assert_eq!(resumed.status.code(), Some(0), "{}", stderr(&resumed));
    assert!(stderr(&resumed).contains("6 of 7 slices were read before"), "{}", stderr(&resumed));
    assert!(!partial.exists(), "a finished run leaves nothing to go on with");
    assert_eq!(validate(&folder, &["--out", "whole"]).status.code(), Some(0));
    let predictions = |out: &str| fs::read_to_string(folder.join(out).join("predictions.csv")).unwrap();
    assert_eq!(predictions("part"), predictions("whole"));

    // Other labels are another run.
    fs::write(&partial, copy).unwrap();
    let manifest = fs::read_to_string(folder.join("manifest.csv")).unwrap().replace("late.png,1", "late.png,0");
    fs::write(folder.join("manifest.csv"), manifest).unwrap();
    let other = validate(&folder, &["--out", "part", "--resume"]);
    assert_eq!(other.status.code(), Some(1));
    assert!(stderr(&other).contains("another list of slices"), "{}", stderr(&other));
}

/// The layout of the authors' repository, with slices that may be published in it.
#[test]
fn covid_ct_is_read_as_its_authors_lay_it_out() {
    let folder = scratch("covid_ct");
    let data = folder.join("COVID-CT");
    let lists = [
        ("COVID", "train", &["2020.01.24.1-p3-1.png"][..]),
        ("COVID", "val", &[]),
        ("COVID", "test", &["2020.02.10.2-p6-52%0.png", "2020.02.10.2-p6-52%1.png"]),
        ("NonCOVID", "train", &[]),
        ("NonCOVID", "val", &[]),
        ("NonCOVID", "test", &["71%0.png", "gone.png"]),
    ];
    let mut slices = SLICES.iter();
    for (class, split, names) in lists {
        let (images, list) = (data.join(format!("Images-processed/CT_{class}")), data.join("Data-split").join(class));
        fs::create_dir_all(&images).unwrap();
        fs::create_dir_all(&list).unwrap();
        fs::write(list.join(format!("{split}CT_{class}.txt")), names.join("\r\n") + "\n").unwrap();
        for name in names.iter().filter(|name| **name != "gone.png") {
            fs::copy(case(slices.next().unwrap()), images.join(name)).unwrap();
        }
    }
    let output = lungglass(&folder, &["validate", "--covid-ct", "COVID-CT", "--split", "test", "--out", "out"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("CT_NonCOVID/gone.png"), "{}", stderr(&output));
    assert!(stdout(&output).contains("3 of 4 slices read"), "{}", stdout(&output));
    let found = metrics(&folder, "out");
    assert_eq!((&found["n"], &found["positives"], &found["groups"]), (&4.into(), &2.into(), &3.into()));
    let rows: Vec<_> =
        csv::Reader::from_path(folder.join("out/predictions.csv")).unwrap().records().map(Result::unwrap).collect();
    assert_eq!(&rows[0][0], "Images-processed/CT_COVID/2020.02.10.2-p6-52%0.png");
    assert_eq!((&rows[0][1], &rows[0][2], &rows[2][1]), ("1", "test", "0"));

    let all = lungglass(&folder, &["validate", "--covid-ct", "COVID-CT", "--out", "all"]);
    assert_eq!((all.status.code(), &metrics(&folder, "all")["n"]), (Some(2), &5.into()));
    let unknown = lungglass(&folder, &["validate", "--covid-ct", "COVID-CT", "--split", "dev", "--out", "no"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(stderr(&unknown).contains("train, val, test"), "{}", stderr(&unknown));
}

#[test]
fn two_networks_are_compared_on_the_same_slices() {
    let folder = desk("networks");
    assert_eq!(validate(&folder, &["--out", "a"]).status.code(), Some(0));
    let same = lungglass(&folder, &["compare", "a/predictions.csv", "a/predictions.csv", "--models"]);
    assert_eq!(same.status.code(), Some(0), "{}", stderr(&same));
    assert!(stdout(&same).contains("A - B +0.000") && stdout(&same).contains("p = 1.000 exact"), "{}", stdout(&same));

    // The opposite of every logit and score.
    fs::create_dir(folder.join("b")).unwrap();
    fs::copy(folder.join("a/metrics.json"), folder.join("b/metrics.json")).unwrap();
    let mut reader = csv::Reader::from_path(folder.join("a/predictions.csv")).unwrap();
    let mut writer = csv::Writer::from_path(folder.join("b/predictions.csv")).unwrap();
    writer.write_record(reader.headers().unwrap()).unwrap();
    for row in reader.records().map(Result::unwrap) {
        let mut row: Vec<String> = row.iter().map(str::to_string).collect();
        row[5] = (1.0 - row[5].parse::<f64>().unwrap()).to_string();
        row[6] = (-row[6].parse::<f64>().unwrap()).to_string();
        writer.write_record(row).unwrap();
    }
    writer.flush().unwrap();
    let auc = metrics(&folder, "a")["auc"]["value"].as_f64().unwrap();
    let output = lungglass(&folder, &["compare", "a/predictions.csv", "b/predictions.csv", "--models"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains(&format!("A - B {:+.3}", 2.0 * auc - 1.0)), "{}", stdout(&output));

    assert_eq!(validate(&folder, &["--out", "c", "--shard", "1/2"]).status.code(), Some(0));
    let part = lungglass(&folder, &["compare", "a/predictions.csv", "c/predictions.csv", "--models"]);
    assert_eq!(part.status.code(), Some(1));
    assert!(stderr(&part).contains("same slices"), "{}", stderr(&part));
}

#[test]
fn a_slice_that_is_there_twice_is_told() {
    let folder = desk("twice");
    let manifest = folder.join("manifest.csv");
    let text = fs::read_to_string(&manifest).unwrap();
    let second = text.lines().nth(1).unwrap().replacen(",0,", ",1,", 1);
    fs::write(&manifest, format!("{text}{second}\n")).unwrap();
    let output = validate(&folder, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("input.png is there twice"), "{}", stderr(&output));
    // Not so in another split.
    fs::write(&manifest, format!("{text}{}\n", second.replacen(",test,", ",train,", 1))).unwrap();
    assert_eq!(validate(&folder, &["--split", "test"]).status.code(), Some(0));
}

#[test]
fn doctor_finds_the_network_well_and_says_where_it_runs() {
    let folder = scratch("doctor");
    let output = lungglass(&folder, &["doctor"]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    for part in ["processor", "cores", "GPU", "SHA-256", "device     cpu", "self-test  passed"] {
        assert!(stdout(&output).contains(part), "{part}: {}", stdout(&output));
    }
    let broken = lungglass(&folder, &["doctor", "--device", "cuda"]);
    assert_eq!(broken.status.code(), Some(1));
    assert!(stdout(&broken).contains("self-test  FAILED: --device cuda"), "{}", stdout(&broken));
}

/// Where there is no CUDA, or none was built in, that is all that is said.
#[test]
fn cuda_is_refused_in_one_line() {
    let folder = desk("cuda");
    let output = validate(&folder, &["--device", "cuda"]);
    if output.status.code() == Some(0) {
        assert!(metrics(&folder, "validation")["device"].as_str().unwrap().starts_with("cuda: "));
        return;
    }
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
    assert!(stderr(&output).starts_with("lungglass: --device cuda: "), "{}", stderr(&output));
    assert!(!folder.join("validation").exists(), "nothing was read on another device");
}

#[test]
fn a_device_that_does_not_exist_is_told_with_those_that_do() {
    let output = validate(&desk("device"), &["--device", "tpu"]);
    assert_eq!(output.status.code(), Some(1));
    let first = stderr(&output).lines().next().unwrap_or_default().to_string();
    assert!(first.contains("'tpu'") && stderr(&output).contains("cpu, wgpu, cuda"), "{}", stderr(&output));
}

/// CPU and GPU plan from one packed program: there is no other network in the command. The page inside it has its own copy.
#[test]
#[cfg(not(feature = "cuda"))]
fn the_command_holds_the_packed_network_alone() {
    let command = fs::read(env!("CARGO_BIN_EXE_lungglass")).unwrap();
    let onnx = fs::read(repository::path("model/lungglass.onnx")).unwrap();
    let packed = fs::read(repository::path("model/lungglass.pack")).unwrap();
    let times = |file: &[u8]| {
        let part = &file[file.len() / 2..][..48];
        command.windows(part.len()).filter(|window| *window == part).count()
    };
    assert!(times(&packed) >= 1 && times(&onnx) == 0);
}

/// Settings for a network with an embedding of four values, of which the gate refuses none.
fn settings(onnx: &[u8]) -> String {
    let built_in = fs::read_to_string(repository::path("model/model.toml")).unwrap();
    let mut section = "";
    let lines = built_in.lines().map(|line| {
        if line.starts_with('[') {
            section = line;
        }
        match line.split(' ').next() {
            Some("sha256") => format!("sha256 = \"{}\"", lungglass::hash::sha256(onnx)),
            Some("mean") if section == "[gate.embedding]" => "mean = [0.0, 0.0, 0.0, 0.0]".to_string(),
            Some("std") if section == "[gate.embedding]" => "std = [1.0, 1.0, 1.0, 1.0]".to_string(),
            Some("limit") if section == "[gate.embedding]" => "limit = 1e9".to_string(),
            Some("weights") if section == "[gate.foreign]" => format!("weights = {:?}", [0.0; STATISTICS.len() + 4]),
            Some("bias") if section == "[gate.foreign]" => "bias = -1.0".to_string(),
            _ => line.to_string(),
        }
    });
    lines.map(|line| line + "\n").collect()
}

/// onnxruntime.rs holds what tract makes of it against ONNX Runtime.
#[test]
fn a_candidate_with_an_operator_of_its_own_is_run_by_tract_and_that_is_told() {
    let folder = desk("candidate");
    let onnx = fs::read(repository::path("tests/onnxruntime/candidate.onnx")).unwrap();
    fs::write(folder.join("candidate.onnx"), &onnx).unwrap();

    // Without settings of its own it has to fit those that are built in.
    let misfit = validate(&folder, &["--model", "candidate.onnx"]);
    assert_eq!(misfit.status.code(), Some(1));
    assert!(stderr(&misfit).contains("its embedding has 4 values, the gate knows"), "{}", stderr(&misfit));

    fs::write(folder.join("model.toml"), settings(&onnx)).unwrap();
    let output = validate(&folder, &["--model", "candidate.onnx", "--out", "out"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let line = told(&output);
    // The others warn of so few slices.
    assert!(line.len() == 3 && line[0].contains("(Sin)") && line[0].contains("cpu (tract)"), "{line:?}");
    assert_eq!(metrics(&folder, "out")["device"], "cpu (tract)");
    assert!(stdout(&output).contains("cpu (tract)") && report(&folder, "out").contains("cpu (tract)"));
    let rows = fs::read_to_string(folder.join("out/predictions.csv")).unwrap();
    assert!(rows.lines().skip(1).all(|row| !row.ends_with(',')), "every slice has a logit: {rows}");

    // A GPU has no such way out.
    #[cfg(feature = "wgpu")]
    {
        let refused = validate(&folder, &["--model", "candidate.onnx", "--device", "wgpu", "--allow-software"]);
        assert_eq!(refused.status.code(), Some(1));
        let line = told(&refused);
        assert!(line.len() == 1 && line[0].contains("(Sin): this function is not supported"), "{line:?}");
    }
}

#[test]
fn a_file_that_is_no_network_of_this_kind_is_told_with_all_that_does_not_fit() {
    let folder = desk("no_network");
    fs::write(folder.join("broken.onnx"), b"no network").unwrap();
    let broken = validate(&folder, &["--model", "broken.onnx"]);
    assert_eq!(broken.status.code(), Some(1));
    assert!(told(&broken).last().unwrap().starts_with("lungglass: broken.onnx: "), "{}", stderr(&broken));

    let operator = repository::path("tests/onnxruntime/cases/normalised-0.onnx");
    fs::copy(operator, folder.join("other.onnx")).unwrap();
    for device in [&["--device", "cpu"][..], &["--device", "wgpu", "--allow-software"]] {
        if device[1] == "wgpu" && !cfg!(feature = "wgpu") {
            continue;
        }
        let other = validate(&folder, &[&["--model", "other.onnx"], device].concat());
        assert_eq!(other.status.code(), Some(1));
        assert_eq!(told(&other).len(), 2, "one for the settings, one for the network: {}", stderr(&other));
    }
}

/// Without a driver there is no GPU, whatever the machine holds.
#[test]
#[cfg(all(feature = "wgpu", target_os = "linux"))]
fn a_missing_gpu_is_told_in_one_line() {
    let folder = desk("missing");
    let output = Command::new(env!("CARGO_BIN_EXE_lungglass"))
        .args(["validate", "--manifest", "manifest.csv", "--device", "wgpu", "--allow-software"])
        .current_dir(&folder)
        .env("VK_DRIVER_FILES", "/nonexistent.json")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = told(&output);
    assert!(told.len() == 1 && told[0].contains("--device wgpu: this machine has no GPU"), "{told:?}");
    assert!(!folder.join("validation").exists(), "nothing was read on another device");
}

/// Needs a GPU, be it a program; see gpu.rs.
#[test]
#[cfg(feature = "wgpu")]
fn the_gpu_reads_what_the_cpu_reads_and_is_named() {
    let folder = desk("gpu");
    let manifest = fs::read_to_string(folder.join("manifest.csv")).unwrap() + "gone.png,1,test,,B\n";
    fs::write(folder.join("manifest.csv"), manifest).unwrap();
    assert_eq!(validate(&folder, &["--out", "cpu"]).status.code(), Some(2));
    // Batches that are full and one that is not.
    let output = validate(&folder, &["--out", "gpu", "--device", "wgpu", "--allow-software", "--batch", "4"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let device = metrics(&folder, "gpu")["device"].as_str().unwrap().to_string();
    assert!(device.starts_with("wgpu: "), "{device}");
    assert!(stdout(&output).contains(&device) && report(&folder, "gpu").contains(&device));
    let same = lungglass(&folder, &["compare", "cpu/predictions.csv", "gpu/predictions.csv"]);
    assert_eq!(same.status.code(), Some(0), "{}{}", stdout(&same), stderr(&same));

    // A program on the CPU is no GPU unless it is said to count.
    if device.contains("llvmpipe") {
        let refused = validate(&folder, &["--out", "no", "--device", "wgpu"]);
        assert_eq!(refused.status.code(), Some(1));
        let told = told(&refused);
        assert!(told.len() == 1 && told[0].contains("--allow-software") && told[0].contains("llvmpipe"), "{told:?}");
    }
}
