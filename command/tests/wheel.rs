//! The wheel for Python: it is built, and its own tests hold it to the command.
#![cfg(not(target_arch = "wasm32"))]

mod repository;

use std::env;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

fn skipped(why: &str) {
    let _ = writeln!(std::io::stdout(), "\nSKIPPED the_wheel_reads_as_the_command_does: {why}");
}

fn succeeds(command: &mut Command, what: &str) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{what}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// maturin builds it into the target folder of this workspace, with what the command is made of.
#[test]
#[ignore = "takes minutes: it builds the wheel"]
fn the_wheel_reads_as_the_command_does() {
    let Some(python) = env::var_os("LUNGGLASS_PYTHON") else {
        return skipped("LUNGGLASS_PYTHON names no Python");
    };
    let has =
        |what: &str| Command::new(&python).args(["-c", what]).output().is_ok_and(|output| output.status.success());
    if !has("import maturin, pandas, pip") {
        return skipped("this Python has no maturin, pandas or pip");
    }
    let desk = repository::scratch("wheel");
    let mut build = Command::new(&python);
    build.current_dir(repository::path("")).args(["-m", "maturin", "build", "--release", "--locked"]);
    // What cargo has set for this test is not meant for another cargo.
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            build.env_remove(name);
        }
    }
    succeeds(build.args(["--manifest-path", "python/Cargo.toml", "--out"]).arg(&desk), "maturin");
    let wheels = fs::read_dir(&desk).unwrap().map(|entry| entry.unwrap().path());
    let wheel = wheels.filter(|path| path.extension() == Some("whl".as_ref())).last().expect("maturin writes a wheel");
    assert!(wheel.to_str().unwrap().contains("-abi3-"), "one wheel for every Python: {}", wheel.display());
    let place = desk.join("installed");
    let mut install = Command::new(&python);
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-index",
        "--target",
    ]);
    succeeds(install.arg(&place).arg(&wheel), "pip");
    for file in ["py.typed", "_lungglass.pyi"] {
        assert!(place.join("lungglass").join(file).exists(), "{file} is part of the wheel");
    }
    let mut tests = Command::new(&python);
    let command = Path::new(env!("CARGO_BIN_EXE_lungglass"));
    tests.current_dir(&desk).env("PYTHONPATH", &place).env("LUNGGLASS_COMMAND", command);
    succeeds(tests.args(["-m", "unittest", "discover"]).arg(repository::path("python/tests")), "unittest");
}
