//! What the fuzzer found and what it starts from, on whichever runtime this is built for: native, or wasm in a browser. No bytes may
//! make a reader panic, hang or take too much memory. `fuzz/` holds the fuzzer itself.

#[path = "fuzz/src/elements.rs"]
mod elements;
#[path = "fuzz/src/identity.rs"]
mod identity;
#[path = "fuzz/src/kinds.rs"]
mod kinds;
// Each test crate takes what it needs of them.
#[allow(dead_code)]
#[path = "fuzz/src/memory.rs"]
mod memory;
#[allow(dead_code)]
#[path = "fuzz/src/targets.rs"]
mod targets;

use include_dir::{Dir, include_dir};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::{wasm_bindgen_test as test, wasm_bindgen_test_configure};

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test_configure!(run_in_dedicated_worker);

#[global_allocator]
static ALLOCATOR: memory::Counted = memory::Counted;

static CASES: Dir = include_dir!("$CARGO_MANIFEST_DIR/tests/cases");
static DICOM: Dir = include_dir!("$CARGO_MANIFEST_DIR/tests/dicom");
static SAMPLES: Dir = include_dir!("$CARGO_MANIFEST_DIR/www/samples");
/// A folder for each target.
static FOUND: Dir = include_dir!("$CARGO_MANIFEST_DIR/tests/fuzz/found");

/// What the fuzzer has gathered, a folder for each target.
#[cfg(all(feature = "corpus", target_arch = "wasm32"))]
static CORPUS: Dir = include_dir!("$CARGO_MANIFEST_DIR/tests/fuzz/corpus");

/// Bytes that a case may take beside its own.
const MEMORY: usize = 512 << 20;
/// Damaged copies of each seed.
const ROUNDS: usize = if cfg!(target_arch = "wasm32") { 8 } else { 400 };
/// Seeds are cut to this many bytes before they are damaged: a whole slice takes long, and behind its beginning all is alike.
const MAX_SEED: usize = 16 << 10;

fn run(target: targets::Target, case: &[u8]) {
    let ((), peak) = memory::peak(|| (target.run)(case));
    assert!(peak <= MEMORY, "{} takes {peak} bytes for {} bytes", target.name, case.len());
}

#[test]
fn what_the_fuzzer_found_does_no_harm_any_more() {
    for folder in FOUND.dirs() {
        let name = folder.path().to_str().unwrap();
        let target = targets::TARGETS.into_iter().find(|target| target.name == name);
        let target = target.unwrap_or_else(|| panic!("there is no target {name}"));
        for case in folder.files() {
            run(target, case.contents());
        }
    }
}

#[test]
fn files_on_which_others_broke_do_no_harm() {
    let kinds = targets::TARGETS.map(|target| (target, targets::of_kinds(target.name)));
    assert!(kinds.iter().map(|(_, cases)| cases.len()).sum::<usize>() > 100);
    for (target, cases) in kinds {
        cases.iter().for_each(|case| run(target, case));
    }
}

/// Of the whole corpus, on a runtime without the fuzzer: wasm in a browser.
#[cfg(all(feature = "corpus", target_arch = "wasm32"))]
#[test]
fn the_corpus_does_no_harm() {
    const MAX_MS: f64 = 5000.0;
    for target in targets::TARGETS {
        let folder = CORPUS.get_dir(target.name).unwrap_or_else(|| panic!("the corpus has no {}", target.name));
        let (mut longest, mut count) = (0.0, 0);
        for case in folder.files() {
            let start = js_sys::Date::now();
            run(target, case.contents());
            let took = js_sys::Date::now() - start;
            assert!(took <= MAX_MS, "{} takes {took} ms", case.path().display());
            longest = took.max(longest);
            count += 1;
        }
        assert!(count > 0, "the corpus of {} is empty", target.name);
        wasm_bindgen_test::console_log!("{}: {count} cases, {longest:.0} ms at most", target.name);
    }
}

#[test]
fn damaged_seeds_do_no_harm() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for target in targets::TARGETS {
        let mut seeds = targets::whole(target.name);
        assert!(!seeds.is_empty(), "{} has no seeds", target.name);
        for seed in &mut seeds {
            run(target, seed);
            seed.truncate(MAX_SEED);
        }
        for round in 0..ROUNDS {
            for at in 0..seeds.len() {
                let mut case = seeds[at].clone();
                for _ in 0..=round % 6 {
                    damage(&mut case, &seeds[random.below(seeds.len())], &mut random);
                }
                run(target, &case);
            }
        }
    }
}

/// The target of headers is about objects: without a damage there are some.
#[test]
fn whole_headers_make_objects() {
    let made: Vec<usize> = identity::headers().iter().map(|header| identity::objects(header)).collect();
    // One without a place in the patient has no segmentation.
    assert_eq!(made, [3, 2, 3]);
}

/// What a fuzzer does to a case, once: a bit, a byte, a number, a part that is lost, doubled or taken from another.
fn damage(case: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    if case.is_empty() {
        case.push(random.next() as u8);
    }
    // What decides most stands in the first bytes.
    let reach = if random.below(2) == 0 { case.len().min(200) } else { case.len() };
    let at = random.below(reach);
    let length = 1 + random.below(16.min(case.len() - at));
    match random.below(7) {
        0 => case[at] ^= 1 << random.below(8),
        1 => case[at] = random.next() as u8,
        2 => case[at..at + length].fill([0x00, 0x7F, 0x80, 0xFF][random.below(4)]),
        3 => drop(case.drain(at..at + length)),
        4 => {
            let part = case[at..at + length].to_vec();
            case.splice(at..at, part);
        }
        5 if !other.is_empty() => {
            let from = random.below(other.len());
            case.splice(at..at + length, other[from..other.len().min(from + length)].iter().copied());
        }
        _ => case.truncate(at + 1),
    }
}

/// Numbers that are the same on every run (Marsaglia 2003, xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 11) as usize % end
    }
}
