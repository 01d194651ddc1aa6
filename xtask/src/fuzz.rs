//! Fuzzing and the address sanitizer: builds that only look for faults, each in a folder of its own below target/.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::places::{root, target};
use crate::process;

/// What libFuzzer needs of the compiler: a counter for each edge, and the operands of comparisons.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Ccodegen-units=16";
/// Bytes of the longest case: more would only be slower.
const LONGEST: usize = 1 << 16;
/// Where a case breaks the time or memory that it may take, the fuzzer itself stops it (tests/fuzz/src/main.rs). These are for what never
/// gets so far: seconds on the clock, which a busy machine stretches, and mebibytes.
const TIMEOUT: u32 = 60;
const MEMORY: u32 = 2048;

/// The suites that the sanitizer runs: every kernel on every kind of vector, and every reader.
const SANITIZED: [&str; 3] = ["operators", "robustness", "dicom"];

/// Fuzzes one target or all, `jobs` of them at once, `minutes` each.
pub fn run(only: Option<&str>, minutes: f64, jobs: NonZeroUsize) -> Result<()> {
    ensure!(minutes.is_finite() && minutes > 0.0, "--minutes must be more than 0");
    let fuzzer = build()?;
    let names = process::output(&mut process::command(&fuzzer))?;
    let targets: Vec<&str> = names.lines().filter(|name| only.is_none_or(|only| only == *name)).collect();
    ensure!(!targets.is_empty(), "there is no such target; they are: {}", names.replace('\n', ", "));
    let waiting = Mutex::new(targets.into_iter());
    // A worker that fails leaves the rest to the others.
    let work = || {
        let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
        std::iter::from_fn(next).try_fold(0, |findings, name| Ok(findings + round(&fuzzer, name, minutes)?))
    };
    let findings = thread::scope(|scope| -> Result<usize> {
        let workers: Vec<_> = (0..jobs.get()).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().map_err(|_| anyhow!("a fuzzing thread panicked"))?).sum()
    })?;
    ensure!(findings == 0, "{findings} cases break a reader: they lie in tests/fuzz/found");
    Ok(())
}

/// Fuzzes one target, writes the log and makes the corpus smaller; gives the number of new findings.
fn round(fuzzer: &Path, name: &str, minutes: f64) -> Result<usize> {
    let home = root().join("tests/fuzz");
    let (corpus, found) = (home.join("corpus").join(name), home.join("found").join(name));
    for folder in [&corpus, &found] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let before = count(&found)?;
    let start = Instant::now();
    let executions = fuzz(fuzzer, name, &corpus, &found, minutes)?;
    let took = start.elapsed().as_secs_f64() / 60.0;
    let new = count(&found)? - before;
    println!("{name}: {executions} executions in {took:.1} minutes, {new} findings");
    log(&home.join("LOG.md"), name, took, executions, new)?;
    minimise(fuzzer, name, &corpus)?;
    // Only what holds something is kept.
    let _ = fs::remove_dir(&found);
    Ok(new)
}

/// Tests the kernels and the readers with every access to memory checked. `RUSTC_BOOTSTRAP` lets a stable compiler do it.
pub fn sanitize() -> Result<()> {
    let mut cargo = process::cargo();
    cargo.args(["test", "--release", "--package", "lungglass", "--target", &process::host()?]);
    cargo.args(SANITIZED.iter().flat_map(|suite| ["--test", suite]));
    cargo.arg("--target-dir").arg(target().join("asan"));
    cargo.env("RUSTC_BOOTSTRAP", "1").env_remove("CARGO_ENCODED_RUSTFLAGS");
    cargo.env("RUSTFLAGS", "-Zsanitizer=address -Ccodegen-units=16 -Cdebuginfo=line-tables-only");
    process::run(&mut cargo)
}

/// Builds the fuzzer, with the toolchain that is active.
fn build() -> Result<PathBuf> {
    let (host, folder) = (process::host()?, target().join("fuzz"));
    let mut cargo = process::cargo();
    // With --target, build scripts and macros are built without coverage.
    cargo.current_dir(root().join("tests/fuzz")).args(["build", "--release", "--target", &host]);
    cargo.arg("--target-dir").arg(&folder).env("RUSTFLAGS", COVERAGE).env_remove("CARGO_ENCODED_RUSTFLAGS");
    process::run(&mut cargo)?;
    Ok(folder.join(host).join("release/lungglass-fuzz"))
}

/// The fuzzer of a target, below everything else that runs where the machine can do that.
fn fuzzer_of(fuzzer: &Path, name: &str) -> Command {
    let mut command = match process::find(&["chrt"]) {
        Some(chrt) => {
            let mut command = process::command(chrt);
            command.args(["-i", "0"]).arg(fuzzer);
            command
        }
        None => process::command(fuzzer),
    };
    command.env("LUNGGLASS_FUZZ_TARGET", name);
    command
}

/// Runs until the time is over or a case breaks the target; gives the number of executions.
fn fuzz(fuzzer: &Path, name: &str, corpus: &Path, found: &Path, minutes: f64) -> Result<u64> {
    let report = target().join(format!("fuzz/{name}.log"));
    let mut command = fuzzer_of(fuzzer, name);
    command
        .env("LUNGGLASS_FUZZ_SEEDS", corpus)
        .arg(format!("-max_total_time={}", (minutes * 60.0).ceil()))
        .arg(format!("-max_len={LONGEST}"))
        .arg(format!("-timeout={TIMEOUT}"))
        .arg(format!("-rss_limit_mb={MEMORY}"))
        .arg(format!("-artifact_prefix={}/", found.display()))
        .arg("-print_final_stats=1")
        .args([corpus, found])
        .stderr(File::create(&report).with_context(|| format!("cannot write {}", report.display()))?);
    println!("$ {}", process::show(&command));
    let status = command.status().with_context(|| format!("cannot start {}", fuzzer.display()))?;
    let text = String::from_utf8_lossy(&fs::read(&report)?).into_owned();
    let executions = text.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    match executions.and_then(|number| number.trim().parse().ok()) {
        Some(executions) => {
            if !status.success() {
                println!("a case broke it: {}", report.display());
            }
            Ok(executions)
        }
        None => bail!("the fuzzer of {name} ended without a report ({status}): {}", report.display()),
    }
}

/// Leaves in the corpus only what covers something that nothing else does.
fn minimise(fuzzer: &Path, name: &str, corpus: &Path) -> Result<()> {
    let less = corpus.with_extension("less");
    if less.exists() {
        fs::remove_dir_all(&less)?;
    }
    fs::create_dir(&less)?;
    let mut merge = fuzzer_of(fuzzer, name);
    merge.args(["-merge=1", &format!("-max_len={LONGEST}")]).args([&less, corpus]);
    process::output(&mut merge)?;
    fs::remove_dir_all(corpus)?;
    fs::rename(&less, corpus).context("cannot put the smaller corpus in place")
}

fn count(folder: &Path) -> Result<usize> {
    Ok(fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?.count())
}

/// A row of the log.
fn log(path: &Path, name: &str, minutes: f64, executions: u64, findings: usize) -> Result<()> {
    let date = process::output(process::command("date").arg("+%F"))?;
    let row = format!("| {date} | {} | {name} | {minutes:.1} | {executions} | {findings} |\n", machine());
    let mut file =
        OpenOptions::new().append(true).open(path).with_context(|| format!("cannot open {}", path.display()))?;
    file.write_all(row.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

/// The processor's name, where the system tells it.
fn machine() -> String {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let name = name.map_or(env::consts::ARCH, |(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    format!("{name}, {cores} cores")
}
