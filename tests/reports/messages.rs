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
    let files = |folder: &str| sources(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    let held: Vec<String> = files("tests")
        .iter()
        .flat_map(|(_, source)| literals(source))
        .map(|(text, _)| text.trim().to_string())
        .collect();
    let is_held = |text: &str| {
        let parts = text.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest).trim());
        // What stands between what differs from file to file.
        let mut parts = parts.filter(|part| part.len() >= MIN_TEXT).peekable();
        parts.peek().is_none() || parts.any(|part| held.iter().any(|held| held.contains(part)))
    };
    let mut lacking = Vec::new();
    for (path, source) in files("src/decode") {
        let source = source.split("#[cfg(test)]").next().unwrap_or_default();
        for (text, is_said) in literals(source) {
            if is_said && text.trim().contains(' ') && !NEVER.contains(&&*text) && !is_held(&text) {
                lacking.push(format!("{}: {text}", path.display()));
            }
        }
    }
    assert!(lacking.is_empty(), "no test holds {} messages:\n{}", lacking.len(), lacking.join("\n"));
}

/// What is said where a decoder that we use, or our own, does what it does not.
#[cfg(not(target_arch = "wasm32"))]
const NEVER: [&str; 5] = [
    "a decoder broke off at this file",
    "it has {frames} frames instead of {promised}",
    "it holds {} instead of {} pixels",
    "it is not {width} x {height} gray pixels",
    "its parts are larger than it says",
];

/// Shorter ones are parts of names.
#[cfg(not(target_arch = "wasm32"))]
const MIN_TEXT: usize = 10;

#[cfg(not(target_arch = "wasm32"))]
fn sources(folder: &std::path::Path) -> Vec<(std::path::PathBuf, String)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let below = |path: std::path::PathBuf| match path.extension() {
        _ if path.is_dir() && !path.ends_with("fuzz") && !path.ends_with("browser") && !path.ends_with("bench") => {
            sources(&path)
        }
        // What only tests use says nothing.
        Some(extension) if extension == "rs" && !path.ends_with("fixture.rs") => {
            let source = std::fs::read_to_string(&path).unwrap();
            vec![(path, source)]
        }
        _ => Vec::new(),
    };
    entries.flat_map(below).collect()
}

/// The texts of a source, and whether each may be said: not those of patterns, of bytes and of what can never be.
#[cfg(not(target_arch = "wasm32"))]
fn literals(source: &str) -> Vec<(String, bool)> {
    let (mut found, mut rest, mut before) = (Vec::new(), source, String::new());
    while let Some(next) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
        } else if rest.starts_with("'\"'") {
            rest = &rest[3..];
        } else if next == '"' {
            let (mut text, mut chars) = (String::new(), rest[1..].char_indices());
            let mut end = rest.len();
            while let Some((at, letter)) = chars.next() {
                match letter {
                    '"' => {
                        end = at + 2;
                        break;
                    }
                    '\\' => match chars.next() {
                        // The text goes on in the next line.
                        Some((_, '\n')) => {
                            let skipped = chars.as_str().len() - chars.as_str().trim_start().len();
                            chars.by_ref().take(skipped).for_each(drop);
                        }
                        Some((_, 'n')) => text.push('\n'),
                        Some((_, other)) => text.push(other),
                        None => {}
                    },
                    _ => text.push(letter),
                }
            }
            rest = &rest[end..];
            let after = rest.trim_start();
            let is_pattern = after.starts_with("=>") || after.starts_with('|') || before.trim_end().ends_with('|');
            let is_never = ["expect(", "unreachable!(", "== "].iter().any(|word| before.ends_with(word));
            found.push((text, !is_pattern && !is_never && !before.ends_with('b')));
            before = "\"".to_string();
        } else {
            before.push(next);
            if before.len() > 40 {
                before = before.chars().skip(20).collect();
            }
            rest = &rest[next.len_utf8()..];
        }
    }
    found
}
