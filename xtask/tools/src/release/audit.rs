//! The list of crates inside the command itself, which `cargo audit bin` and other scanners read: cargo-auditable puts it there.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xtask::licences::Crate;
use xtask::places::target;
use xtask::process;

/// The release of cargo-auditable that builds the command.
const VERSION: &str = "0.7.7";
/// The list of a program has less than this, in bytes.
const MAX_LIST: usize = 8 << 20;

/// A cargo that puts the list into the programs that it builds.
pub fn cargo() -> Result<Command> {
    let own = target().join("xtask/tools");
    // It does not say its version: cargo keeps a list of what it installed.
    let installed =
        process::output(process::cargo().args(["install", "--list", "--root"]).arg(&own)).unwrap_or_default();
    if !installed.lines().any(|line| line.trim_end_matches(':') == format!("cargo-auditable v{VERSION}")) {
        let mut install = process::cargo();
        install.args(["install", "--locked", "--version", VERSION, "--root"]).arg(&own).arg("cargo-auditable");
        process::run(&mut install)?;
    }
    let program: PathBuf = own.join("bin").join(format!("cargo-auditable{}", std::env::consts::EXE_SUFFIX));
    let mut command = process::command(program);
    command.arg("auditable");
    Ok(command)
}

/// Whether the program lists all of these crates, in these versions.
pub fn check(program: &[u8], crates: &[Crate]) -> Result<()> {
    let list =
        auditable_info::audit_info_from_slice(program, MAX_LIST).context("the command holds no list of its crates")?;
    for one in crates {
        let is_there =
            list.packages.iter().any(|listed| listed.name == one.name && listed.version.to_string() == one.version);
        ensure!(is_there, "the list inside the command lacks {} {}", one.name, one.version);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_without_a_list_is_told() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(check(&own, &[]).unwrap_err().to_string().contains("no list of its crates"));
        assert!(check(b"no program", &[]).is_err());
    }
}
