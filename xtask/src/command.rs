//! The command `lungglass`, built for this machine.

use std::path::PathBuf;

use anyhow::Result;

use crate::places::program;
use crate::process;

/// The package that it is made of.
pub const PACKAGE: &str = "lungglass-command";

/// Builds it as it is handed out, and gives the program.
pub fn build() -> Result<PathBuf> {
    process::run(process::cargo().args(["build", "--release", "--package", PACKAGE]))?;
    Ok(program("lungglass"))
}
