//! The library compiled for the browser: the module with its bindings in www/pkg, and the runner of its tests.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};
use wasm_bindgen_cli::wasm_bindgen_test_runner;
use wasm_bindgen_cli_support::Bindgen;

use crate::toolchain::{TARGET, Toolchain};
use crate::{process, published, release, root, target};

pub const NAME: &str = "lungglass";

/// Compiles the library for wasm32 and writes www/pkg, with the list of all that is published.
pub fn build(toolchain: &Toolchain) -> Result<()> {
    let mut cargo = toolchain.cargo();
    cargo.args(["build", "--release", "--package", NAME, "--lib", "--target", TARGET]);
    process::run(&mut cargo)?;

    let compiled = compiled();
    let package = root().join("www/pkg");
    let script = package.join(NAME).with_extension("js");
    let module = package.join(format!("{NAME}_bg.wasm"));
    // The generator is part of xtask: what an older xtask wrote is out of date too.
    let newest_source = modified(&compiled).max(std::env::current_exe().ok().and_then(|xtask| modified(&xtask)));
    if [&script, &module].into_iter().any(|output| modified(output) < newest_source) {
        write_bindings(&compiled, &package)?;
    }
    write_licences(&package.join("licences.txt"))?;
    published::write_list(&root().join("www"))?;
    for output in [script, module] {
        let bytes = fs::metadata(&output).with_context(|| format!("cannot read {}", output.display()))?.len();
        println!("{}: {bytes} bytes", output.strip_prefix(root()).unwrap_or(&output).display());
    }
    Ok(())
}

/// What cargo compiles, with the names of its functions; the published module is made from it.
pub fn compiled() -> PathBuf {
    target().join(TARGET).join("release").join(NAME).with_extension("wasm")
}

fn write_bindings(compiled: &Path, package: &Path) -> Result<()> {
    // What an earlier build left there, such as a snippet that is no longer used, would be published with the rest.
    if package.exists() {
        fs::remove_dir_all(package).with_context(|| format!("cannot remove {}", package.display()))?;
    }
    let mut generator = Bindgen::new();
    generator.input_path(compiled).web(true)?.typescript(true).remove_name_section(true).remove_producers_section(true);
    // `init()` without an argument then takes the module beside the script.
    generator.omit_default_module_path(false);
    generator.generate(package).with_context(|| format!("cannot make the bindings of {}", compiled.display()))
}

/// The licences that must go with the module; the page shows them.
fn write_licences(path: &Path) -> Result<()> {
    let text = release::licences("page", &release::inside::crates(NAME, TARGET)?)?;
    // Unchanged, it must stay as old as it is: build scripts look at times.
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

/// Runs one test binary for wasm32; `arguments` are its path and those of the test harness.
pub fn run_tests(arguments: Vec<OsString>) -> Result<()> {
    let program = OsString::from("wasm-bindgen-test-runner");
    wasm_bindgen_test_runner::run_cli_with_args(std::iter::once(program).chain(arguments))
}
