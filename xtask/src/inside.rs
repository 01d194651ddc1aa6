//! Another network than that of model/ inside the page and the command: the model folder, or packed model, that LUNGGLASS_MODEL names. A folder
//! is packed, and the task starts again with what was packed; build.rs of the library takes that.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

use crate::places::target;
use crate::{command, process};

/// Names the packed model, for build.rs; from whoever calls xtask it may be a folder.
const MODEL: &str = "LUNGGLASS_MODEL";
/// Names the folder that was packed, whose samples the tests read.
const FOLDER: &str = "LUNGGLASS_MODEL_FOLDER";

/// Whether another network is to be inside.
pub fn is_named() -> bool {
    env::var_os(MODEL).is_some_and(|path| !path.is_empty())
}

/// The folder that it came from, if it was one.
pub fn folder() -> Option<PathBuf> {
    env::var_os(FOLDER).map(PathBuf::from)
}

/// Does the task with the network that the environment names, if that is still to be made ready for it: then this gives how it ended.
///
/// # Errors
/// When there is no such network, when the folder has faults, which are printed, or when `may` says that the task is about our own alone.
pub fn again(may: bool) -> Result<Option<ExitCode>> {
    let Some(named) = env::var_os(MODEL).filter(|path| !path.is_empty()) else { return Ok(None) };
    ensure!(
        may,
        "{MODEL} is set, and this task is about the network of model/: build, serve and test take another one; `lungglass publish` makes a site or a kiosk with it"
    );
    let path = Path::new(&named);
    if path.is_absolute() && path.is_file() {
        return Ok(None);
    }
    let whole = fs::canonicalize(path).with_context(|| format!("{MODEL} names {}", path.display()))?;
    let mut task = process::command(env::current_exe().context("cannot find this program")?);
    task.args(env::args_os().skip(1));
    if whole.is_dir() {
        task.env(MODEL, pack(&whole)?).env(FOLDER, &whole);
    } else {
        task.env(MODEL, &whole);
    }
    let status = task.status().context("cannot start this program again")?;
    Ok(Some(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }))
}

/// Packs a folder by the command with our own network inside, and gives the file.
fn pack(folder: &Path) -> Result<PathBuf> {
    let program = command::build_with(|cargo| {
        cargo.env_remove(MODEL);
    })?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let inside = target().join("xtask/inside");
    fs::create_dir_all(&inside)?;
    let packed = inside.join(format!("{name}.lungglass"));
    // The same folder gives the same bytes, and cargo looks at times: what is unchanged stays as old as it is.
    let fresh = inside.join("fresh");
    process::run(process::command(program).arg("pack").arg(folder).arg("-o").arg(&fresh))?;
    if fs::read(&packed).ok() == fs::read(&fresh).ok() {
        fs::remove_file(&fresh)?;
    } else {
        fs::rename(&fresh, &packed)?;
    }
    Ok(packed)
}
