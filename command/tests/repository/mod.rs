//! Where the repository lies, whose files the tests read, and where they write.

use std::fs;
use std::path::{Path, PathBuf};

/// A file or folder of the repository; its root for an empty path.
pub fn path(below_root: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the repository").join(below_root)
}

/// A new folder that belongs to one test of one suite.
pub fn scratch(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_CRATE_NAME")).join(test);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}
