//! The command `lungglass`, built for this machine.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::places::program;
use crate::process;

/// The package that it is made of.
pub const PACKAGE: &str = "lungglass-command";

/// Builds it as it is handed out, and gives the program.
pub fn build() -> Result<PathBuf> {
    build_with(|_| {})
}

/// As [`build`], with what `change` asks of cargo.
pub fn build_with(change: impl FnOnce(&mut Command)) -> Result<PathBuf> {
    let mut cargo = process::cargo();
    cargo.args(["build", "--release", "--package", PACKAGE]);
    change(&mut cargo);
    process::run(&mut cargo)?;
    Ok(program("lungglass"))
}
