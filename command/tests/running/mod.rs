//! The command as tests run it, and the slices that they run it on.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::repository;

/// Runs the command in `folder`.
pub fn lungglass(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lungglass")).args(arguments).current_dir(folder).output().unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The picture of a case.
pub fn case(name: &str) -> PathBuf {
    repository::path("tests/cases").join(name).join("input.png")
}
