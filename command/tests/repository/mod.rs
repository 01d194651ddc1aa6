//! Where the repository lies, whose files the tests read.

use std::path::{Path, PathBuf};

/// A file or folder of the repository; its root for an empty path.
pub fn path(below_root: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the repository").join(below_root)
}
