//! The cargo and rustc that build for the browser: the active toolchain where rustup can give it the target, Debian's otherwise.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::places::target;
use crate::variant::TARGET;
use crate::{install, process};

/// Where Debian's rustc looks for its own files.
const DISTRO: &str = "/usr";

/// A toolchain that compiles and links for wasm32.
pub enum Toolchain {
    /// The one that runs xtask.
    Active,
    /// Debian's, with a std built here.
    Distro,
}

impl Toolchain {
    /// A cargo that builds for the browser. RUSTFLAGS of the environment are left out, because they would replace those of
    /// .cargo/config.toml, and with them SIMD.
    pub fn cargo(&self) -> Command {
        let mut cargo = match self {
            Toolchain::Active => process::cargo(),
            Toolchain::Distro => distro("cargo"),
        };
        cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        cargo
    }

    /// As [`Toolchain::cargo`], with the first argument of `cargo clippy`. None where this toolchain has no clippy and cannot get one.
    pub fn clippy(&self) -> Result<Option<Command>> {
        match self {
            Toolchain::Active => {
                install::lints()?;
                let mut clippy = self.cargo();
                clippy.arg("clippy");
                Ok(Some(clippy))
            }
            Toolchain::Distro => {
                // Called by its path: `cargo clippy` would find that of another toolchain in ~/.cargo/bin first.
                let program = Path::new(DISTRO).join("bin/cargo-clippy");
                if !program.is_file() && install::debian("clippy for wasm32", &["rust-web-clippy"]).is_err() {
                    return Ok(None);
                }
                let mut clippy = distro("cargo-clippy");
                clippy
                    .arg("clippy")
                    .env("CARGO", distro_program("cargo"))
                    .env_remove("RUSTFLAGS")
                    .env_remove("CARGO_ENCODED_RUSTFLAGS");
                Ok(Some(clippy))
            }
        }
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Toolchain::Active => write!(f, "there, in the active toolchain"),
            Toolchain::Distro => write!(f, "there, in Debian's toolchain (for other tools: RUSTUP_TOOLCHAIN=distro)"),
        }
    }
}

/// A toolchain for wasm32; what it lacks is got first.
pub fn obtain() -> Result<Toolchain> {
    let sysroot = process::output(process::command("rustc").args(["--print", "sysroot"]))?;
    let own = Path::new(&sysroot) != Path::new(DISTRO);
    if own && compiles(&mut process::command("rustc")) {
        return Ok(Toolchain::Active);
    }
    if distro_ready()? {
        return Ok(Toolchain::Distro);
    }
    if let (true, Some(rustup)) = (own, process::find(&["rustup"])) {
        let mut add = process::command(rustup);
        // Without a network this fails: that is told in a line, not in a backtrace.
        add.args(["target", "add", TARGET]).env("RUST_BACKTRACE", "0");
        match process::run(&mut add) {
            Ok(()) if compiles(&mut process::command("rustc")) => return Ok(Toolchain::Active),
            Ok(()) => println!("rustup added {TARGET}, but rustc cannot compile for it"),
            Err(error) => println!("{error:#}"),
        }
    }
    println!("{TARGET}: making it from Debian's source of std");
    make_distro(&sysroot)?;
    ensure!(distro_ready()?, "Debian's rustc cannot compile for {TARGET} although its std was made");
    Ok(Toolchain::Distro)
}

/// Whether this rustc has a std for wasm32 that it can read: one made by another version of rustc does not count.
fn compiles(rustc: &mut Command) -> bool {
    let scratch = target().join("xtask");
    if fs::create_dir_all(&scratch).is_err() {
        return false;
    }
    rustc
        .args(["--target", TARGET, "--crate-type", "lib", "--crate-name", "probe", "--emit", "metadata", "-"])
        .arg("--out-dir")
        .arg(scratch);
    process::succeeds(rustc)
}

/// Whether Debian's toolchain is there, new enough for this workspace, and has std and a linker for wasm32.
fn distro_ready() -> Result<bool> {
    Ok(distro_new_enough() && compiles(&mut distro("rustc")) && linker_link()?.exists())
}

fn distro_new_enough() -> bool {
    let there = ["cargo", "rustc"].iter().all(|name| distro_program(name).is_file());
    let version = process::output(distro("rustc").arg("--version")).ok();
    there && version.is_some_and(|version| minor(&version) >= minor(concat!("rustc ", env!("CARGO_PKG_RUST_VERSION"))))
}

/// The N of `rustc 1.N.x (...)`.
fn minor(version: &str) -> Option<u32> {
    version.split('.').nth(1)?.parse().ok()
}

/// Installs Debian's toolchain, builds std for wasm32 with it and puts std and a linker where its rustc looks for them.
fn make_distro(active_sysroot: &str) -> Result<()> {
    let source = Path::new(DISTRO).join("lib/rustlib/src/rust/library/std");
    if !distro_new_enough() || !source.exists() {
        install::debian("a toolchain for wasm32", &["rustc-web", "cargo-web", "rust-web-src"])?;
        ensure!(
            distro_new_enough() && source.exists(),
            "Debian's rustc is missing or older than {}, or its source is missing",
            env!("CARGO_PKG_RUST_VERSION")
        );
    }
    let mut commands = Vec::new();
    if !compiles(&mut distro("rustc")) {
        let built = build_std()?;
        let home = Path::new(DISTRO).join("lib/rustlib").join(TARGET);
        let (place, incoming) = (home.join("lib"), home.join("lib.incoming"));
        let mut step = |program: &str, arguments: &[&Path]| {
            let mut command = process::command(program);
            command.args(arguments);
            commands.push(command);
        };
        step("mkdir", &[Path::new("-p"), &home]);
        step("rm", &[Path::new("-rf"), &incoming]);
        step("cp", &[Path::new("-r"), &built, &incoming]);
        step("rm", &[Path::new("-rf"), &place]);
        step("mv", &[&incoming, &place]);
    }
    let link = linker_link()?;
    if !link.exists() {
        let mut folder = process::command("mkdir");
        folder.arg("-p").arg(link.parent().context("the linker has a folder")?);
        let mut make_link = process::command("ln");
        make_link.arg("-sfn").arg(linker(active_sysroot)?).arg(&link);
        commands.extend([folder, make_link]);
    }
    install::as_root("std for wasm32 in Debian's toolchain", &mut commands)?;

    // For tools that choose a toolchain through rustup, such as wasm-pack. xtask itself does not need it.
    if let Some(rustup) = process::find(&["rustup"]) {
        let known = process::output(process::command(&rustup).args(["toolchain", "list"]))?;
        if !known.lines().any(|line| line.split_whitespace().next() == Some("distro")) {
            let mut link = process::command(rustup);
            link.args(["toolchain", "link", "distro", DISTRO]);
            if let Err(error) = process::run(&mut link) {
                println!("{error:#}");
            }
        }
    }
    Ok(())
}

/// Builds std by building an empty crate together with it. Gives the folder that holds std's libraries and nothing else.
fn build_std() -> Result<PathBuf> {
    let home = target().join("xtask/std");
    if home.exists() {
        fs::remove_dir_all(&home).with_context(|| format!("cannot remove {}", home.display()))?;
    }
    fs::create_dir_all(home.join("src"))?;
    let manifest = "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n";
    fs::write(home.join("Cargo.toml"), manifest)?;
    fs::write(home.join("src/lib.rs"), "#![no_std]\n")?;

    // `test` is what `cargo test` links; both ways to panic let a profile choose; bitcode lets a profile choose link-time optimisation.
    // RUSTFLAGS replaces the flags of .cargo/config.toml: std is made for every crate, also one without SIMD.
    let mut build = distro("cargo");
    build
        .current_dir(&home)
        .args([
            "build",
            "--release",
            "--target",
            TARGET,
            "-Zbuild-std=std,panic_abort,panic_unwind,test",
            "--target-dir",
        ])
        .arg(home.join("target"))
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Cembed-bitcode=yes")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    process::run(&mut build)?;

    let staged = home.join("lib");
    fs::create_dir(&staged)?;
    for entry in fs::read_dir(home.join("target").join(TARGET).join("release/deps"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".rlib") && !name.starts_with("libempty-") {
            fs::copy(&path, staged.join(&*name))?;
        }
    }
    Ok(staged)
}

/// Where Debian's rustc looks for its linker, by the name that it asks for.
fn linker_link() -> Result<PathBuf> {
    let version = process::output(distro("rustc").arg("-vV"))?;
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("rustc does not say which host it is for")?;
    Ok(Path::new(DISTRO).join("lib/rustlib").join(host).join("bin/rust-lld"))
}

/// A linker for wasm32: the active toolchain's, or one on the PATH, or Debian's.
fn linker(active_sysroot: &str) -> Result<PathBuf> {
    let hosts = fs::read_dir(Path::new(active_sysroot).join("lib/rustlib")).into_iter().flatten().flatten();
    let of_toolchain = hosts.map(|host| host.path().join("bin/rust-lld")).find(|path| path.is_file());
    let on_path = || process::find(&["rust-lld", "wasm-ld"]);
    if let Some(linker) = of_toolchain.or_else(on_path) {
        return Ok(linker);
    }
    install::debian("a linker for wasm32", &["lld"])?;
    match on_path() {
        Some(linker) => Ok(linker),
        None => bail!("no rust-lld and no wasm-ld on the PATH"),
    }
}

fn distro_program(name: &str) -> PathBuf {
    Path::new(DISTRO).join("bin").join(name)
}

/// A program of Debian's toolchain, free of what rustup and cargo set in the environment for the active one.
fn distro(name: &str) -> Command {
    let mut command = process::command(distro_program(name));
    command
        .env("RUSTC", distro_program("rustc"))
        .env("RUSTDOC", distro_program("rustdoc"))
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("LD_LIBRARY_PATH")
        .env_remove("CARGO")
        .stdin(Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minor_version_is_read() {
        assert_eq!(minor("rustc 1.96.0 (ac68faa20 2026-05-25)"), Some(96));
        assert_eq!(minor("rustc 1.91"), Some(91));
        assert_eq!(minor("rustc"), None);
    }
}
