//! The examples for more than one machine, as one machine can run them: what they put together is what one run gives.
#![cfg(all(unix, not(target_arch = "wasm32")))]

mod repository;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const COMMAND: &str = env!("CARGO_BIN_EXE_lungglass");

/// A folder with a manifest, in which one file cannot be read, and the report of the whole.
fn desk(test: &str) -> PathBuf {
    let folder = repository::scratch(test);
    let mut manifest = "path,label,split,group\n".to_string();
    for (at, case) in ["luna-1", "lidc-lung-window", "luna-2", "bad-crc", "luna-3"].iter().enumerate() {
        let path = repository::path("tests/cases").join(case).join("input.png");
        manifest += &format!("{},{},test,\n", path.display(), at % 2);
    }
    fs::write(folder.join("manifest.csv"), manifest).unwrap();
    let output = Command::new(COMMAND)
        .args(["validate", "--manifest", "manifest.csv", "--out", "whole"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    folder
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn metrics(folder: &Path) -> serde_json::Value {
    let mut value: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("metrics.json")).unwrap()).unwrap();
    value.as_object_mut().unwrap().remove("images_per_second");
    value
}

#[test]
fn a_slurm_array_gives_what_one_run_gives() {
    let folder = desk("slurm");
    let script = repository::path("examples/validate_on_slurm.sh");
    let task = |part: Option<&str>| {
        let mut bash = Command::new("bash");
        bash.arg(&script)
            .args(["manifest.csv", "report", "--split", "test"])
            .current_dir(&folder)
            .env("LUNGGLASS", COMMAND);
        if let Some(part) = part {
            bash.env("SLURM_ARRAY_TASK_ID", part).env("SLURM_ARRAY_TASK_COUNT", "2").env("SLURM_CPUS_PER_TASK", "1");
        }
        bash.output().unwrap()
    };
    let outside = task(None);
    assert!(!outside.status.success() && text(&outside).contains("--array"), "{}", text(&outside));
    for part in ["1", "2"] {
        let output = task(Some(part));
        assert!(output.status.success(), "{}", text(&output));
    }
    let merged = Command::new(COMMAND)
        .args(["merge", "report/shard-1", "report/shard-2", "--out", "report"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert_eq!(merged.status.code(), Some(2), "{}", text(&merged));
    assert_eq!(metrics(&folder.join("report")), metrics(&folder.join("whole")));
}

/// Needs a Python with Ray, which `LUNGGLASS_PYTHON` names; `cargo xtask test` gets one.
#[test]
fn a_ray_cluster_gives_what_one_run_gives() {
    let python = std::env::var("LUNGGLASS_PYTHON").unwrap_or_else(|_| "python3".to_string());
    let there = Command::new(&python).args(["-c", "import ray"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        // Past the harness, which keeps what a passing test prints to itself; `cargo xtask test` counts these lines.
        let _ = writeln!(
            io::stdout(),
            "\nSKIPPED a_ray_cluster_gives_what_one_run_gives: {python} has no Ray; LUNGGLASS_PYTHON names another"
        );
        return;
    }
    let folder = desk("ray");
    let script = repository::path("examples/validate_on_ray.py");
    let output = Command::new(python)
        .arg(script)
        .args([
            "--manifest",
            "manifest.csv",
            "--out",
            "report",
            "--shards",
            "2",
            "--command",
            COMMAND,
            "--",
            "--split",
            "test",
        ])
        .current_dir(&folder)
        .env("RAY_USAGE_STATS_ENABLED", "0")
        .env_remove("RAY_ADDRESS")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert_eq!(metrics(&folder.join("report")), metrics(&folder.join("whole")));
}
