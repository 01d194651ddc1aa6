//! Runs other programs: says what it runs, and reports a failure in one line.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::places::root;

/// A command that starts in the root of the repository, without the variables that `cargo run` sets for xtask alone: a build script that
/// watches one of them would run again in every build.
pub fn command(program: impl Into<PathBuf>) -> Command {
    let mut command = Command::new(program.into());
    command.current_dir(root());
    for (name, _) in env::vars_os() {
        let own =
            name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"));
        if own {
            command.env_remove(name);
        }
    }
    command
}

/// The cargo that runs xtask.
pub fn cargo() -> Command {
    command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The triple that rustc builds for when it is told none.
pub fn host() -> Result<String> {
    let version = output(command("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say which host it is for")?.to_owned())
}

/// Prints the command, then runs it with this process's own input and output.
pub fn run(command: &mut Command) -> Result<()> {
    announce(command);
    run_silently(command)
}

/// As [`run`], and prints nothing by itself.
pub fn run_silently(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| start_failed(command))?;
    check(command, status)
}

/// As [`run`], and hands each line of the standard output to `line` after printing it.
pub fn run_and_read(command: &mut Command, mut line: impl FnMut(&str)) -> Result<()> {
    announce(command);
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| start_failed(command))?;
    let output = child.stdout.take().context("the standard output was piped")?;
    for bytes in BufReader::new(output).split(b'\n') {
        let bytes = bytes.context("cannot read what the program prints")?;
        let text = String::from_utf8_lossy(&bytes);
        println!("{text}");
        line(text.trim_end_matches('\r'));
    }
    let status = child.wait().context("cannot wait for the program to end")?;
    check(command, status)
}

/// What the command writes to its standard output, trimmed. Prints nothing.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| start_failed(command))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        let last = message.trim().lines().last().unwrap_or_default();
        bail!("`{}` failed ({}): {last}", show(command), output.status);
    }
    let text = String::from_utf8(output.stdout).with_context(|| format!("`{}` does not print UTF-8", show(command)))?;
    Ok(text.trim().to_owned())
}

/// Whether the command runs and ends well. Prints nothing.
pub fn succeeds(command: &mut Command) -> bool {
    output(command).is_ok()
}

/// As [`run_silently`], behind everything else that wants the processor, where the machine can do that.
pub fn run_behind(command: &mut Command) -> Result<()> {
    let Some(nice) = find(&["nice"]) else { return run_silently(command) };
    let mut behind = Command::new(nice);
    behind.args(["-n", "19"]).arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        behind.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => behind.env(name, value),
            None => behind.env_remove(name),
        };
    }
    run_silently(&mut behind)
}

/// The first program of these names on the PATH.
pub fn find(names: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    names.iter().find_map(|name| {
        env::split_paths(&path)
            .map(|folder| folder.join(name).with_extension(env::consts::EXE_EXTENSION))
            .find(|program| program.is_file())
    })
}

/// The command as a user would type it.
pub fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let quoted = words.map(|word| {
        let word = word.to_string_lossy();
        if word.is_empty() || word.contains(|c: char| c.is_whitespace() || "'\"$*\\".contains(c)) {
            format!("'{}'", word.replace('\'', r"'\''"))
        } else {
            word.into_owned()
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

fn announce(command: &Command) {
    println!("$ {}", show(command));
}

fn start_failed(command: &Command) -> String {
    format!("cannot start `{}`", command.get_program().to_string_lossy())
}

fn check(command: &Command, status: ExitStatus) -> Result<()> {
    ensure!(status.success(), "`{}` failed ({status})", show(command));
    Ok(())
}
