//! `cargo xtask bench`: builds what is measured, gets the peers and starts tests/bench, which measures and reports.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::places::root;
use crate::{command, install, process, setup, toolchain, wasm};

/// Measures in Chromium and natively, and in Firefox if asked to; writes all samples to `json`. With `way` it measures the way from files to
/// results alone.
pub fn run(json: Option<&Path>, firefox: bool, rounds: u32, way: bool) -> Result<()> {
    let firefox = firefox
        .then(|| {
            let found =
                env::var_os("FIREFOX").map(PathBuf::from).or_else(|| process::find(&["firefox-esr", "firefox"]));
            found.context("no Firefox: set FIREFOX to the path of one")
        })
        .transpose()?;
    // A relative path is the user's, who is not always in the root of the repository.
    let json = json.map(std::path::absolute).transpose()?;
    wasm::build(&toolchain::obtain()?)?;
    let command = command::build()?;
    let browser = setup::browser()?;
    setup::node()?;
    let folder = root().join("tests/bench");
    install::npm(&folder)?;

    let mut node = process::command("node");
    node.current_dir(folder)
        .arg("run.mjs")
        .env("LUNGGLASS_COMMAND", &command)
        .env("LUNGGLASS_BENCH_ROUNDS", rounds.to_string())
        .env("CHROMIUM", &browser.chromium);
    let way = way.then(|| PathBuf::from("1"));
    for (name, path) in [("LUNGGLASS_BENCH_JSON", json), ("FIREFOX", firefox), ("LUNGGLASS_BENCH_WAY", way)] {
        match path {
            Some(path) => node.env(name, path),
            None => node.env_remove(name),
        };
    }
    process::run(&mut node)
}
