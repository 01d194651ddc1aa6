//! The library with another network inside than the one that ships: what build.rs makes of a packed model is that model, and it reads.
#![cfg(not(target_arch = "wasm32"))]

mod repository;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use lungglass::classifier::{CARD, Classifier};
use lungglass::decode::{Image, Limits};
use lungglass::graph::cpu::CpuGraph;
use lungglass::model::Model;
use lungglass::package::Package;

/// The program that cargo makes of build.rs.
fn script(desk: &Path) -> PathBuf {
    let program = desk.join("script").with_extension(std::env::consts::EXE_EXTENSION);
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let source = repository::path("build.rs");
    let status = Command::new(rustc).args(["--edition", "2024", "-o"]).arg(&program).arg(source).status().unwrap();
    assert!(status.success());
    program
}

fn run(script: &Path, out: &Path, model: &Path) -> Output {
    let mut command = Command::new(script);
    command.env("OUT_DIR", out).env("CARGO_MANIFEST_DIR", repository::path("")).env("LUNGGLASS_MODEL", model);
    command.output().unwrap()
}

fn textures() -> PathBuf {
    repository::path("examples/textures")
}

#[test]
fn the_network_that_a_build_names_is_inside_and_reads() {
    let desk = repository::scratch("inside");
    let script = script(&desk);
    let packed = desk.join("textures.lungglass");
    let mut pack = Command::new(env!("CARGO_BIN_EXE_lungglass"));
    assert!(pack.arg("pack").arg(textures()).arg("-o").arg(&packed).status().unwrap().success());
    let made = run(&script, &desk, &packed);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

    let bytes = fs::read(&packed).unwrap();
    let package = Package::parse(&bytes).unwrap();
    let written = |name: &str| fs::read(desk.join(name)).unwrap();
    assert!(written("network.pack") == package.network);
    assert_eq!(written("model.toml"), package.settings.as_bytes());
    assert_eq!(written("card.md"), fs::read(textures().join("card.md")).unwrap());
    for (file, call) in
        [("network.rs", "include_bytes!"), ("settings.rs", "include_str!"), ("card.rs", "Some(include_str!")]
    {
        let text = String::from_utf8(written(file)).unwrap();
        assert!(text.starts_with(call) && text.contains(desk.to_str().unwrap()), "{file}: {text}");
    }
    // As `Classifier::built_in` makes it of what is included.
    let settings = String::from_utf8(written("model.toml")).unwrap();
    let graph = CpuGraph::parse(&written("network.pack")).unwrap();
    let classifier = Classifier::new(Arc::new(graph), Model::parse(&settings).unwrap(), "cpu", || 0.0).unwrap();
    for kind in ["stripes", "dots"] {
        let sample = fs::read(textures().join(format!("samples/{kind}.png"))).unwrap();
        let reading = classifier.read(&Image::open(sample, Limits::default()).unwrap(), 0, kind);
        assert_eq!(reading.class.as_deref(), Some(kind));
    }
}

#[test]
fn what_is_no_packed_model_ends_the_build_by_name() {
    let desk = repository::scratch("outside");
    let script = script(&desk);
    let other = desk.join("other.lungglass");
    fs::write(&other, b"LGMODEL\x01 cut short").unwrap();
    for (model, told) in [
        (textures(), "a folder: `cargo xtask build` packs it"),
        (other, "no model that `lungglass pack` wrote, or a damaged one"),
        (desk.join("none.lungglass"), "none.lungglass: "),
    ] {
        let made = run(&script, &desk, &model);
        let said = String::from_utf8_lossy(&made.stderr).into_owned();
        assert!(!made.status.success() && said.contains(told), "{}: {said}", model.display());
    }
    // Without the variable it is the one that ships, whose card hosts know.
    assert_eq!(CARD, None);
}
