//! The fuzzer of one target, by libFuzzer: `LUNGGLASS_FUZZ_TARGET` names it. `cargo xtask fuzz` builds this with coverage and runs it.
//!
//! A case fails that panics, that keeps a processor busy for more than [`SECONDS`], or that takes more than [`MEMORY`].

#![no_main]

mod elements;
mod identity;
mod kinds;
mod memory;
mod targets;

use std::env;
use std::fs;
use std::path::Path;
use std::process;
use std::sync::OnceLock;
use std::time::Duration;

use cpu_time::ThreadTime;
use include_dir::{Dir, include_dir};
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: memory::Counted = memory::Counted;

static CASES: Dir = include_dir!("$CARGO_MANIFEST_DIR/../cases");
static DICOM: Dir = include_dir!("$CARGO_MANIFEST_DIR/../dicom");
static SAMPLES: Dir = include_dir!("$CARGO_MANIFEST_DIR/../../www/samples");

const SECONDS: u64 = 5;
/// Bytes beside those of the case itself.
const MEMORY: usize = 512 << 20;

static TARGET: OnceLock<targets::Target> = OnceLock::new();

/// Finds the target, and writes its seeds where libFuzzer will look for them. Without a target it prints their names, and that is all.
fn start() {
    let Ok(name) = env::var("LUNGGLASS_FUZZ_TARGET") else {
        targets::TARGETS.iter().for_each(|target| println!("{}", target.name));
        process::exit(0);
    };
    let found = targets::TARGETS.into_iter().find(|target| target.name == name);
    let target = TARGET.get_or_init(|| found.unwrap_or_else(|| panic!("there is no target {name}")));
    if let Some(folder) = env::var_os("LUNGGLASS_FUZZ_SEEDS") {
        for (number, seed) in targets::seeds(target.name).iter().enumerate() {
            fs::write(Path::new(&folder).join(format!("seed-{number}")), seed).expect("the seeds can be written");
        }
    }
}

fuzz_target!(init: start(), |data: &[u8]| {
    let target = TARGET.get().expect("libFuzzer starts first");
    let clock = ThreadTime::now();
    let ((), peak) = memory::peak(|| (target.run)(data));
    assert!(clock.elapsed() <= Duration::from_secs(SECONDS), "the case took {:?}", clock.elapsed());
    assert!(peak <= MEMORY, "the case took {peak} bytes of memory");
});
