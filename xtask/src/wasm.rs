//! The library compiled for the browser: the modules with their bindings in www/pkg.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use wasm_bindgen_cli_support::Bindgen;

use crate::places::{program, root, target};
use crate::toolchain::Toolchain;
use crate::variant::{NAME, PACKAGE, TARGET, Variant};
use crate::{licences, process, published};

/// The script of the bindings, in www/pkg.
const SCRIPT: &str = "lungglass.js";

/// Compiles all variants and writes www/pkg, with the list of all that is published.
pub fn build(toolchain: &Toolchain) -> Result<()> {
    Variant::ALL.into_iter().try_for_each(|variant| compile(toolchain, variant))?;
    publish(&Variant::ALL)
}

/// Compiles the boundary with the library for wasm32, in one variant.
pub fn compile(toolchain: &Toolchain, variant: Variant) -> Result<()> {
    process::run(&mut compilation(toolchain, variant))
}

/// As [`compile`], behind everything else that wants the processor, and without a word unless it fails.
pub fn compile_behind(toolchain: &Toolchain, variant: Variant) -> Result<()> {
    process::run_behind(compilation(toolchain, variant).arg("--quiet"))
}

fn compilation(toolchain: &Toolchain, variant: Variant) -> Command {
    let mut cargo = toolchain.cargo();
    cargo.args(["build", "--release", "--package", PACKAGE, "--lib", "--target", TARGET]);
    variant.choose(&mut cargo);
    cargo
}

/// Writes www/pkg with the bindings of these variants, which are compiled, and the list of all that is published.
pub fn publish(variants: &[Variant]) -> Result<()> {
    variants.iter().try_for_each(|variant| bind(*variant))?;
    write_licences(&package().join("licences.txt"))?;
    published::write_list(&root().join("www"), variants)?;
    for file in [SCRIPT].into_iter().chain(variants.iter().map(|variant| variant.file())) {
        let path = package().join(file);
        let bytes = fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?.len();
        println!("{}: {bytes} bytes", path.strip_prefix(root()).unwrap_or(&path).display());
    }
    Ok(())
}

/// Whether www/pkg holds this variant.
pub fn is_bound(variant: Variant) -> bool {
    package().join(variant.file()).exists()
}

fn package() -> PathBuf {
    root().join("www/pkg")
}

/// Brings the module in www/pkg up to what was compiled. All variants have the same boundary and one script, that of the first: where it
/// is written anew, the others are removed.
pub fn bind(variant: Variant) -> Result<()> {
    let package = package();
    let compiled = variant.compiled();
    // The generator is part of xtask: what an older one wrote is out of date too.
    let newest = modified(&compiled).max(modified(&program("xtask")));
    if modified(&package.join(variant.file())) >= newest && package.join(SCRIPT).exists() {
        return Ok(());
    }
    if variant == Variant::Simd {
        // What an earlier build left there, such as a snippet that is no longer used, would be published with the rest.
        remove(&package)?;
        return generate(&compiled, &package);
    }
    let beside = target().join("xtask/bindings");
    remove(&beside)?;
    generate(&compiled, &beside)?;
    let same = fs::read(package.join(SCRIPT))? == fs::read(beside.join(SCRIPT))?;
    ensure!(same, "{} needs other bindings than the first module", variant.file());
    fs::copy(beside.join(Variant::Simd.file()), package.join(variant.file()))?;
    Ok(())
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

fn generate(compiled: &Path, package: &Path) -> Result<()> {
    let mut generator = Bindgen::new();
    generator.input_path(compiled).web(true)?.typescript(true).remove_name_section(true).remove_producers_section(true);
    // `init()` without an argument then takes the module beside the script.
    generator.omit_default_module_path(false);
    generator.out_name(NAME);
    generator.generate(package).with_context(|| format!("cannot make the bindings of {}", compiled.display()))
}

/// The licences that must go with the module; the page shows them.
fn write_licences(path: &Path) -> Result<()> {
    let text = licences::text("page", &licences::crates(PACKAGE, TARGET)?)?;
    // Unchanged, it must stay as old as it is: build scripts look at times.
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}
