//! A Python for the tests that need one: ONNX Runtime with ONNX to make graphs for it, Ray for the example of a cluster, highdicom to
//! read DICOM objects, and maturin with pandas for the wheel. Training has an environment of its own.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::places::target;
use crate::process;

const PACKAGES: [&str; 7] = ["highdicom", "maturin", "numpy", "onnx", "onnxruntime", "pandas", "ray"];

/// The interpreter of an environment below target/ that has the packages; they are installed if they are missing.
pub fn environment() -> Result<PathBuf> {
    let folder = target().join("xtask/python");
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let imports = format!("import {}", PACKAGES.join(", "));
    let there = || process::succeeds(process::command(&python).args(["-c", &imports]));
    if there() {
        return Ok(python);
    }
    let base = process::find(&["python3", "python"]).context("no Python: install python3 with python3-venv")?;
    process::run(process::command(base).args(["-m", "venv"]).arg(&folder))?;
    process::run(
        process::command(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(PACKAGES),
    )?;
    Ok(python)
}
