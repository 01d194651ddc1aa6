//! The network: the packed file comes from the ONNX file, and our kernels compute what tract computes.

use std::fs;
use std::path::{Path, PathBuf};

use lungglass::graph::compile::compile;
use lungglass::model::Model;
use lungglass::classifier::SETTINGS;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("model").join(name)
}

#[test]
fn the_packed_network_comes_from_the_onnx() {
    let onnx = fs::read(file("lungglass.onnx")).unwrap();
    let size = Model::parse(SETTINGS).unwrap().size;
    let packed = compile(&onnx, size).unwrap().pack().unwrap();
    if std::env::var_os("LUNGGLASS_BLESS").is_some() {
        fs::write(file("lungglass.pack"), packed).unwrap();
        return;
    }
    assert!(fs::read(file("lungglass.pack")).unwrap() == packed, "model/lungglass.pack is out of date: run cargo xtask bless");
}
