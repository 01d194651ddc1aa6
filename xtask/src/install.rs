//! Ways to get what a machine lacks: Debian's packages, components of rustup, packages of npm.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

use crate::process;

/// rustfmt and clippy of the active toolchain.
pub fn lints() -> Result<()> {
    for (name, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        let there = || process::succeeds(process::cargo().args([name, "--version"]));
        if there() {
            continue;
        }
        match process::find(&["rustup"]) {
            Some(rustup) => process::run(process::command(rustup).args(["component", "add", component]))?,
            None => bail!("`cargo {name}` is missing: install {component} beside the cargo that you use"),
        }
        if !there() {
            bail!("`cargo {name}` does not work although rustup added {component}");
        }
    }
    Ok(())
}

/// Installs Debian packages. `what` names them to the user.
pub fn debian(what: &str, packages: &[&str]) -> Result<()> {
    if process::find(&["apt-get"]).is_none() {
        bail!("{what} is missing and this machine has no apt-get: install it by hand");
    }
    static UPDATED: OnceLock<()> = OnceLock::new();
    let mut update = process::command("apt-get");
    update.args(["update", "-qq"]);
    let mut install = process::command("apt-get");
    install
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null());
    if is_root() && UPDATED.set(()).is_ok() {
        // One archive of several may be out of reach; whether the packages are to be had is the next command's to say.
        if let Err(error) = process::run(&mut update) {
            println!("{error:#}");
        }
    } else if !is_root() {
        return as_root(what, &mut [update, install]);
    }
    as_root(what, &mut [install])
}

/// Runs commands that need root. Without root it runs none of them, and the error tells the user to.
pub fn as_root(what: &str, commands: &mut [Command]) -> Result<()> {
    if !is_root() {
        let lines = commands.iter().map(|command| format!("  sudo {}\n", process::show(command)));
        bail!("{what} is missing, and getting it needs root. Run this and try again:\n{}", lines.collect::<String>());
    }
    for command in commands {
        process::run(command)?;
    }
    Ok(())
}

fn is_root() -> bool {
    process::output(process::command("id").arg("-u")).is_ok_and(|user| user == "0")
}

/// `npm ci`, unless what it installed last is newer than the lock file.
pub fn npm(folder: &Path) -> Result<()> {
    let modified = |file: &str| fs::metadata(folder.join(file)).and_then(|metadata| metadata.modified()).ok();
    let lock =
        modified("package-lock.json").with_context(|| format!("{} has no package-lock.json", folder.display()))?;
    if modified("node_modules/.package-lock.json").is_some_and(|installed| installed >= lock) {
        return Ok(());
    }
    let mut npm = process::command("npm");
    // No package needs its script, and none may run one.
    npm.current_dir(folder).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    process::run(&mut npm)
}
