//! The library compiled for the browser: the modules with their bindings in www/pkg.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use wasm_bindgen_cli_support::Bindgen;

use crate::places::{root, target};
use crate::toolchain::Toolchain;
use crate::variant::{NAME, PACKAGE, TARGET, Variant};
use crate::{licences, process, published};

/// Compiles the boundary with the library for wasm32 and writes www/pkg, with the list of all that is published.
pub fn build(toolchain: &Toolchain) -> Result<()> {
    for variant in Variant::ALL {
        let mut cargo = toolchain.cargo();
        cargo.args(["build", "--release", "--package", PACKAGE, "--lib", "--target", TARGET]);
        variant.choose(&mut cargo);
        process::run(&mut cargo)?;
    }

    let package = root().join("www/pkg");
    let mut outputs = vec![package.join(NAME).with_extension("js")];
    outputs.extend(Variant::ALL.map(|variant| package.join(variant.file())));
    // The generator is part of xtask: what an older xtask wrote is out of date too.
    let mut sources: Vec<_> = Variant::ALL.map(Variant::compiled).into();
    sources.extend(std::env::current_exe());
    let newest_source = sources.iter().filter_map(|source| modified(source)).max();
    if outputs.iter().any(|output| modified(output) < newest_source) {
        write_bindings(&package)?;
    }
    write_licences(&package.join("licences.txt"))?;
    published::write_list(&root().join("www"))?;
    for output in outputs {
        let bytes = fs::metadata(&output).with_context(|| format!("cannot read {}", output.display()))?.len();
        println!("{}: {bytes} bytes", output.strip_prefix(root()).unwrap_or(&output).display());
    }
    Ok(())
}

/// One script for all modules: they have the same boundary.
fn write_bindings(package: &Path) -> Result<()> {
    // What an earlier build left there, such as a snippet that is no longer used, would be published with the rest.
    remove(package)?;
    let beside = target().join("xtask/bindings");
    for variant in Variant::ALL {
        let folder = if variant == Variant::Simd { package } else { &beside };
        remove(folder)?;
        generate(&variant.compiled(), folder)?;
        if folder == beside {
            let script = Path::new(NAME).with_extension("js");
            let same = fs::read(package.join(&script))? == fs::read(folder.join(&script))?;
            ensure!(same, "{} needs other bindings than the first module", variant.file());
            fs::copy(folder.join(Variant::Simd.file()), package.join(variant.file()))?;
        }
    }
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
