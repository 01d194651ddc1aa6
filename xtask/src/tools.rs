//! The package of the commands that need many crates: compiled when one of them is called, so that nothing else waits for it.

use std::ffi::OsStr;
use std::path::PathBuf;

use anyhow::Result;

use crate::places::program;
use crate::process;

const NAME: &str = "xtask-tools";

/// Runs one of its commands. What that prints stays as it is, to the last word.
pub fn run(arguments: &[impl AsRef<OsStr>]) -> Result<()> {
    let mut cargo = process::cargo();
    cargo.args(["run", "--release", "--package", NAME, "--"]).args(arguments);
    process::run_silently(&mut cargo)
}

/// Builds it and gives the program, for cargo to call.
pub fn build() -> Result<PathBuf> {
    process::run(process::cargo().args(["build", "--release", "--package", NAME]))?;
    Ok(program(NAME))
}
