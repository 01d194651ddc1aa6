//! The texts of sources that a person may read, and which of them no test holds.

use std::path::{Path, PathBuf};

/// Shorter ones are parts of names.
const MIN_TEXT: usize = 10;

/// The texts in these sources that none of the tests holds, as files and texts; `never` are those that cannot be said.
pub fn lacking(sources: &[(PathBuf, String)], tests: &[(PathBuf, String)], never: &[&str]) -> Vec<String> {
    let held: Vec<String> =
        tests.iter().flat_map(|(_, source)| literals(source)).map(|(text, _)| text.trim().to_string()).collect();
    let is_held = |text: &str| {
        let parts = text.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest).trim());
        // What stands between what differs from file to file.
        let mut parts = parts.filter(|part| part.len() >= MIN_TEXT).peekable();
        parts.peek().is_none() || parts.any(|part| held.iter().any(|held| held.contains(part)))
    };
    let mut lacking = Vec::new();
    for (path, source) in sources {
        let source = source.split("#[cfg(test)]").next().unwrap_or_default();
        for (text, is_said) in literals(source) {
            if is_said && text.trim().contains(' ') && !never.contains(&&*text) && !is_held(&text) {
                lacking.push(format!("{}: {text}", path.display()));
            }
        }
    }
    lacking
}

/// The sources below a folder.
pub fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| match path.extension() {
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
