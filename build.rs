//! Which network the library holds: that of model/, or the packed model (what `lungglass pack` wrote) that the variable LUNGGLASS_MODEL names.
//! `cargo xtask build`, `serve` and `test` take a model folder by that name, and pack it first.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// How a packed model begins, and the hexadecimal digits of its hash behind it: src/package.rs has its layout.
const MAGIC: &[u8] = b"LGMODEL\x01";
const DIGITS: usize = 64;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=LUNGGLASS_MODEL");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let (network, settings, card) = match env::var_os("LUNGGLASS_MODEL").filter(|path| !path.is_empty()) {
        None => (root.join("model/lungglass.pack"), root.join("model/model.toml"), None),
        Some(path) => unpack(&root.join(path), &out),
    };
    let card = card.map_or("None".to_string(), |card| format!("Some(include_str!({card:?}))"));
    for (file, text) in [
        ("network.rs", format!("include_bytes!({network:?})")),
        ("settings.rs", format!("include_str!({settings:?})")),
        ("card.rs", card),
    ] {
        fs::write(out.join(file), text).expect("OUT_DIR can be written");
    }
}

/// Writes the parts of a packed model into `out`: its network, its settings and its card.
fn unpack(path: &Path, out: &Path) -> (PathBuf, PathBuf, Option<PathBuf>) {
    println!("cargo:rerun-if-changed={}", path.display());
    let named = format!("LUNGGLASS_MODEL names {}", path.display());
    if path.is_dir() {
        panic!("{named}, a folder: `cargo xtask build` packs it; cargo alone takes what `lungglass pack` wrote");
    }
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{named}: {error}"));
    let parts = bytes.strip_prefix(MAGIC).and_then(|rest| rest.get(DIGITS..));
    let Some([settings, card, network]) = parts.and_then(three) else {
        panic!("{named}, which is no model that `lungglass pack` wrote, or a damaged one");
    };
    let [settings, card, network] =
        [("model.toml", settings), ("card.md", card), ("network.pack", network)].map(|(name, part)| {
            fs::write(out.join(name), part).expect("OUT_DIR can be written");
            out.join(name)
        });
    (network, settings, Some(card))
}

/// Three parts, each behind its length: seven bits a byte, the lowest first, as postcard writes it.
fn three(mut bytes: &[u8]) -> Option<[&[u8]; 3]> {
    let mut parts = [&[][..]; 3];
    for part in &mut parts {
        let mut length = 0_usize;
        for shift in (0..).step_by(7) {
            let (byte, rest) = bytes.split_first()?;
            bytes = rest;
            length |= usize::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                break;
            }
        }
        (*part, bytes) = bytes.split_at_checked(length)?;
    }
    bytes.is_empty().then_some(parts)
}
