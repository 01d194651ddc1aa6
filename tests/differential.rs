//! What others' decoders make of files, whole and damaged, is what LungGlass makes of them: no slice that both read may differ. The files are
//! those of `differential/make.py`, in the folder that `LUNGGLASS_DIFFERENTIAL` names; without one this says so.
#![cfg(not(target_arch = "wasm32"))]

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use lungglass::decode::{Image, Limits};
use lungglass::slice::Pixels;

/// What others read: columns, rows, how far another decoder may be off, and the values.
struct Other {
    size: [usize; 2],
    tolerance: f32,
    values: Vec<f32>,
}

impl Other {
    fn open(path: &Path) -> Option<Other> {
        let bytes = fs::read(path).ok()?;
        let words: Vec<[u8; 4]> = bytes.as_chunks().0.to_vec();
        let [width, height] = [words[0], words[1]].map(|word| u32::from_le_bytes(word) as usize);
        let values = words[3..].iter().map(|word| f32::from_le_bytes(*word)).collect();
        Some(Other { size: [width, height], tolerance: f32::from_le_bytes(words[2]), values })
    }
}

#[derive(Default)]
struct Counts {
    files: usize,
    both: usize,
    ours_alone: usize,
    others_alone: usize,
}

#[test]
fn no_slice_that_both_read_differs() {
    let Some(folder) = std::env::var_os("LUNGGLASS_DIFFERENTIAL") else {
        // Past the harness, which keeps what a test prints unless it fails.
        let text =
            "SKIPPED no_slice_that_both_read_differs: LUNGGLASS_DIFFERENTIAL names no folder of differential/make.py";
        let _ = writeln!(io::stdout(), "\n{text}");
        return;
    };
    let mut counts: BTreeMap<String, Counts> = BTreeMap::new();
    let mut different = Vec::new();
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_none());
    paths.sort();
    for path in &paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let count = counts.entry(name.split_once('-').unwrap().1.to_string()).or_default();
        count.files += 1;
        let ours = Image::open(fs::read(path).unwrap(), Limits::default()).and_then(|image| image.slice(0));
        let other = Other::open(&path.with_extension("read"));
        match (ours, other) {
            (Ok(slice), Some(other)) => {
                let values: Vec<f32> = match slice.pixels {
                    Pixels::Hu(units) => units,
                    Pixels::Gray(levels) => levels.into_iter().map(f32::from).collect(),
                    Pixels::Colours(_) => continue,
                };
                count.both += 1;
                let farthest =
                    values.iter().zip(&other.values).map(|(ours, other)| (ours - other).abs()).fold(0.0, f32::max);
                let is_alike = [slice.width, slice.height] == other.size && values.len() == other.values.len();
                if !is_alike || farthest > other.tolerance {
                    let notes = slice.origin.notes.join("; ");
                    let [width, height] = other.size;
                    different.push(format!(
                        "{name}: {} x {}, others {width} x {height}, off by {farthest} ({notes})",
                        slice.width, slice.height
                    ));
                }
            }
            (Ok(_), None) => count.ours_alone += 1,
            (Err(_), Some(_)) => count.others_alone += 1,
            (Err(_), None) => {}
        }
    }
    for (kind, Counts { files, both, ours_alone, others_alone }) in &counts {
        println!(
            "{kind}: {files} files, {both} read by both, {ours_alone} by LungGlass alone, {others_alone} by others alone"
        );
    }
    assert!(!paths.is_empty(), "the folder is empty");
    assert!(different.is_empty(), "{} slices differ:\n{}", different.len(), different.join("\n"));
}
