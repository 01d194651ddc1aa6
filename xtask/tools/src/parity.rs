//! How far the runtimes are apart: the same slices through native CPU, GPU, browsers and ONNX Runtime, as a table.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use xtask::places::{program, root, target};
use xtask::toolchain::{self, Toolchain};
use xtask::variant::{NAME, Variant};
use xtask::{command, install, process, python, serve, setup, wasm};

/// Runtimes that agree stay within it of ONNX Runtime.
const BOUND: f64 = 1e-3;

/// What a runtime says of a slice: a line of `lungglass classify --json`, as far as it matters here.
#[derive(Deserialize)]
struct Line {
    file: String,
    logit: Option<f64>,
    ms: Milliseconds,
    device: Option<String>,
}

#[derive(Deserialize)]
struct Milliseconds {
    graph: f64,
}

/// model.toml, as far as it matters here.
#[derive(Deserialize)]
struct Model {
    version: String,
    output: Output,
    class: [Class; 1],
}

#[derive(Deserialize)]
struct Output {
    temperature: f64,
}

#[derive(Deserialize)]
struct Class {
    threshold: f64,
}

struct Runtime {
    name: String,
    /// By file.
    logits: BTreeMap<String, f64>,
    /// Of the network alone, for a slice: the median.
    ms: f64,
}

/// Runs all that is to be had here, prints the table and writes it to target/parity/parity.md.
///
/// # Errors
/// When a runtime fails, is further than the bound from ONNX Runtime, or decides otherwise.
pub fn everything() -> Result<()> {
    let folder = target().join("parity");
    fs::create_dir_all(&folder)?;
    let python = python::environment()?;
    let browser = setup::browser()?;
    setup::node()?;
    let toolchain = toolchain::obtain()?;
    command::build()?;
    let model: Model = toml::from_str(&fs::read_to_string(root().join("model/model.toml"))?)?;

    let slices = slices(&folder)?;
    let list = folder.join("slices.txt");
    fs::write(&list, slices.iter().map(|path| format!("{}\n", path.display())).collect::<String>())?;
    println!("{} slices", slices.len());

    let oracle = onnxruntime(&python, &folder, &slices)?;
    let mut runtimes = vec![native("native CPU", &slices, &[], None)?];
    let driver = setup::software_gpu()?;
    runtimes.push(native("wgpu", &slices, &["--device", "wgpu", "--allow-software"], driver.as_deref())?);
    runtimes.extend(browsers(&toolchain, &browser, &list)?);

    let (table, apart) = table(&model, &oracle, &runtimes);
    fs::write(folder.join("parity.md"), &table)?;
    println!("\n{table}");
    ensure!(apart.is_empty(), "too far from ONNX Runtime: {}", apart.join(", "));
    Ok(())
}

/// The cases that can be read, and where `LUNGGLASS_DATA` is set the official test split of COVID-CT.
fn slices(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut candidates = Vec::new();
    for case in fs::read_dir(root().join("tests/cases"))? {
        for file in fs::read_dir(case?.path())? {
            let path = file?.path();
            if path.file_stem().is_some_and(|stem| stem == "input") {
                candidates.push(path);
            }
        }
    }
    candidates.sort();
    match env::var_os("LUNGGLASS_DATA") {
        Some(data) => {
            let data = root().join(data).join("covid-ct");
            for (class, images) in [("covid", "CT_COVID"), ("noncovid", "CT_NonCOVID")] {
                let list = data.join(format!("split/test_{class}.txt"));
                let names = fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
                candidates
                    .extend(names.lines().filter(|name| !name.is_empty()).map(|name| data.join(images).join(name)));
            }
        }
        None => println!("LUNGGLASS_DATA names no data: only the cases of tests/ are read"),
    }
    preprocess(folder, &candidates)?;
    // What could be preprocessed can be read.
    let unreadable = fs::read_to_string(folder.join("inputs/errors.csv"))?;
    candidates.retain(|path| !unreadable.contains(&*path.to_string_lossy()));
    Ok(candidates)
}

/// Writes the network's inputs for ONNX Runtime.
fn preprocess(folder: &Path, slices: &[PathBuf]) -> Result<()> {
    let mut manifest = "path\n".to_string();
    for path in slices {
        let _ = writeln!(manifest, "\"{}\"", path.display());
    }
    let path = folder.join("manifest.csv");
    fs::write(&path, manifest)?;
    let mut lungglass = command();
    lungglass.arg("preprocess").arg("--manifest").arg(&path).arg("--out").arg(folder.join("inputs"));
    let output = lungglass.output()?;
    // 2: some of the cases cannot be read, and are there for that.
    ensure!(matches!(output.status.code(), Some(0 | 2)), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn command() -> Command {
    process::command(program(NAME))
}

fn native(name: &str, slices: &[PathBuf], device: &[&str], driver: Option<&Path>) -> Result<Runtime> {
    println!("{name} ...");
    let mut lungglass = command();
    lungglass.arg("classify").arg("--json").args(device).args(slices).env("RAYON_NUM_THREADS", "1");
    if let Some(driver) = driver {
        lungglass.env("VK_DRIVER_FILES", driver);
    }
    let lines = process::output(&mut lungglass)?;
    let runtime = runtime(name, &lines)?;
    let device =
        first(&lines)?.device.filter(|device| device != "cpu").map_or(String::new(), |device| format!(" ({device})"));
    Ok(Runtime { name: format!("{name}{device}"), ..runtime })
}

fn onnxruntime(python: &Path, folder: &Path, slices: &[PathBuf]) -> Result<Runtime> {
    println!("ONNX Runtime ...");
    preprocess(folder, slices)?;
    let mut script = process::command(python);
    script
        .arg(root().join("tests/parity/run_onnxruntime.py"))
        .arg(root().join("model/lungglass.onnx"))
        .arg(folder.join("inputs"));
    runtime("ONNX Runtime, CPU", &process::output(&mut script)?)
}

fn browsers(toolchain: &Toolchain, browser: &setup::Browser, list: &Path) -> Result<Vec<Runtime>> {
    wasm::build(toolchain)?;
    let tests = root().join("tests/browser");
    install::npm(&tests)?;
    let server = serve::on_free_port()?;
    let mut found = Vec::new();
    let firefox = setup::firefox();
    for (kind, variable, program) in
        [("chromium", "CHROMIUM", Some(&browser.chromium)), ("firefox", "FIREFOX", firefox.as_ref())]
    {
        let Some(program) = program else {
            println!("{kind}: not to be had here");
            continue;
        };
        let version = process::output(process::command(program).arg("--version"))?;
        for variant in Variant::ALL {
            println!("{kind}, {} ...", variant.file());
            let mut node = process::command("node");
            node.current_dir(&tests)
                .args(["read-files.mjs", kind, variant.file()])
                .arg(list)
                .env("LUNGGLASS_PAGE", server.url())
                .env(variable, program);
            let name = format!("{version}, {}", variant.file());
            found.push(Runtime { name, ..runtime(kind, &process::output(&mut node)?)? });
        }
    }
    Ok(found)
}

fn first(lines: &str) -> Result<Line> {
    Ok(serde_json::from_str(lines.lines().next().context("no slice was read")?)?)
}

fn runtime(name: &str, lines: &str) -> Result<Runtime> {
    let mut logits = BTreeMap::new();
    let mut times = Vec::new();
    for line in lines.lines() {
        let line: Line = serde_json::from_str(line).with_context(|| format!("{name}: {line}"))?;
        let Some(logit) = line.logit else { bail!("{name}: {} has no logit", line.file) };
        logits.insert(line.file, logit);
        times.push(line.ms.graph);
    }
    ensure!(!times.is_empty(), "{name}: no slice was read");
    times.sort_by(f64::total_cmp);
    Ok(Runtime { name: name.to_string(), logits, ms: times[times.len() / 2] })
}

/// The table, and the runtimes that are too far away.
fn table(model: &Model, oracle: &Runtime, runtimes: &[Runtime]) -> (String, Vec<String>) {
    let positive = |logit: f64| 1.0 / (1.0 + (-logit / model.output.temperature).exp()) >= model.class[0].threshold;
    let mut table = format!(
        "Network {} on {} slices, each runtime against {}; time of the network alone, median, one thread or as the runtime likes.\n\n\
         | runtime | largest difference of logits | mean | decisions that differ | ms a slice |\n|---|---|---|---|---|\n\
         | {} | | | | {:.1} |\n",
        model.version,
        oracle.logits.len(),
        oracle.name,
        oracle.name,
        oracle.ms
    );
    let mut apart = Vec::new();
    for runtime in runtimes {
        let pairs: Vec<(f64, f64)> = oracle
            .logits
            .iter()
            .map(|(file, logit)| (*logit, runtime.logits.get(file).copied().unwrap_or(f64::NAN)))
            .collect();
        // A slice that one of them lacks is infinitely far away.
        let gaps = pairs.iter().map(|(a, b)| (a - b).abs()).map(|gap| if gap.is_nan() { f64::INFINITY } else { gap });
        let largest = gaps.clone().fold(0.0, f64::max);
        let mean = gaps.sum::<f64>() / pairs.len() as f64;
        let differ = pairs.iter().filter(|(a, b)| positive(*a) != positive(*b)).count();
        let _ = writeln!(table, "| {} | {largest:.1e} | {mean:.1e} | {differ} | {:.1} |", runtime.name, runtime.ms);
        if largest > BOUND || differ > 0 {
            apart.push(runtime.name.clone());
        }
    }
    (table, apart)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime_of(name: &str, logits: &[(&str, f64)]) -> Runtime {
        Runtime {
            name: name.to_string(),
            logits: logits.iter().map(|(file, logit)| (file.to_string(), *logit)).collect(),
            ms: 1.0,
        }
    }

    #[test]
    fn runtimes_that_are_apart_are_named() {
        let model =
            Model { version: "1".to_string(), output: Output { temperature: 2.0 }, class: [Class { threshold: 0.5 }] };
        let oracle = runtime_of("oracle", &[("a", 1.0), ("b", -1e-5)]);
        let near = runtime_of("near", &[("a", 1.0 + 5e-4), ("b", -1e-5)]);
        let far = runtime_of("far", &[("a", 1.1), ("b", -1e-5)]);
        let other = runtime_of("other", &[("a", 1.0), ("b", 1e-5)]);
        let short = runtime_of("short", &[("a", 1.0)]);
        let (table, apart) = table(&model, &oracle, &[near, far, other, short]);
        assert_eq!(apart, ["far", "other", "short"]);
        assert!(table.contains("| near | 5.0e-4 | 2.5e-4 | 0 | 1.0 |"), "{table}");
        assert!(table.contains("| other | 2.0e-5 | 1.0e-5 | 1 | 1.0 |"), "{table}");
    }
}
