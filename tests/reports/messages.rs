//! The message of each error of pictures, codecs and archives, word for word, by one file that was made to have this fault and no other; of
//! DICOM headers and volumes those that the modules beside this one do not hold.

#[path = "messages/archives.rs"]
mod archives;
#[path = "messages/codecs.rs"]
mod codecs;
#[path = "messages/dicom.rs"]
mod dicom;
#[path = "messages/jpeg_xl.rs"]
mod jpeg_xl;
#[path = "messages/pictures.rs"]
mod pictures;
#[cfg(not(target_arch = "wasm32"))]
#[path = "messages/texts.rs"]
mod texts;
#[path = "messages/volumes.rs"]
mod volumes;

use lungglass::decode::{File, Limits};

/// What the first error says of a file, and the notes on its slices if there is none.
fn said(bytes: Vec<u8>, limits: Limits) -> String {
    let read = File::open(bytes, limits)
        .and_then(|file| file.slices().map(|slice| slice.decode()).collect::<Result<Vec<_>, _>>());
    match read {
        Err(error) => error.to_string(),
        Ok(slices) => slices.into_iter().flat_map(|slice| slice.origin.notes).collect::<Vec<_>>().join("; "),
    }
}

/// Holds the messages of files that are read within the usual limits. `*` stands for words of a library that we use.
fn hold<'a>(cases: impl IntoIterator<Item = (&'a str, Vec<u8>)>) {
    let cases = cases.into_iter().map(|(message, bytes)| (message, bytes, Limits::default()));
    hold_within(cases);
}

fn hold_within<'a>(cases: impl IntoIterator<Item = (&'a str, Vec<u8>, Limits)>) {
    let wrong: Vec<String> = cases
        .into_iter()
        .filter_map(|(message, bytes, limits)| {
            let found = said(bytes, limits);
            let is_right = match message.split_once('*') {
                Some((start, end)) => {
                    found.len() > start.len() + end.len() && found.starts_with(start) && found.ends_with(end)
                }
                None => found == message,
            };
            (!is_right).then(|| format!("expected: {message}\n   found: {found}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} messages are others:\n{}", wrong.len(), wrong.join("\n"));
}

/// The bytes with one part in place of another, which is there once at least; the first is taken.
fn with(bytes: &[u8], part: &[u8], other: &[u8]) -> Vec<u8> {
    let at = bytes.windows(part.len()).position(|window| window == part).expect("the part is there");
    [&bytes[..at], other, &bytes[at + part.len()..]].concat()
}

/// The bytes with others from `at` on.
fn put(bytes: &[u8], at: usize, others: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at..at + others.len()].copy_from_slice(others);
    bytes
}

/// Every text in the sources of the decoders that a person may read is held by some test: a new message needs a case.
#[cfg(not(target_arch = "wasm32"))]
#[test]
fn every_message_is_held_by_a_test() {
    let files = |folder: &str| texts::sources(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    let lacking = texts::lacking(&files("src/decode"), &files("tests"), &NEVER);
    assert!(lacking.is_empty(), "no test holds {} messages:\n{}", lacking.len(), lacking.join("\n"));
}

/// What is said where a decoder that we use, or our own, does what it does not.
#[cfg(not(target_arch = "wasm32"))]
const NEVER: [&str; 5] = [
    "a decoder broke off at this file",
    "it has {frames} frames instead of {promised}",
    "it holds {} instead of {} pixels",
    "gray pixels",
    "its parts are larger than it says",
];
