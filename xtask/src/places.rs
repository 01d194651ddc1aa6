//! Where things lie: the repository, and what cargo builds.

use std::env;
use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository")
}

/// Where cargo puts what it builds.
pub fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(path) => root().join(path),
        None => root().join("target"),
    }
}

/// A program of the workspace that was built with `cargo build --release`.
pub fn program(name: &str) -> PathBuf {
    target().join("release").join(name).with_extension(env::consts::EXE_EXTENSION)
}
