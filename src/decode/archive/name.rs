//! What entries are called: names of any encoding as text, clean paths, and no name twice.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

/// What the bytes from 0x80 on are in code page 437, which ZIP archives have by default.
const CODE_PAGE_437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
/// The longest extension that a number is put in front of.
const MAX_EXTENSION: usize = 5;

/// The text of a name in UTF-8, else in code page 437: so no two names in an unknown encoding become one.
pub(super) fn from_zip(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| code_page_437(bytes), str::to_string)
}

fn code_page_437(bytes: &[u8]) -> String {
    let high: Vec<char> = CODE_PAGE_437.chars().collect();
    bytes.iter().map(|&byte| if byte < 0x80 { byte.into() } else { high[usize::from(byte - 0x80)] }).collect()
}

/// The text of a name in UTF-8; what is none is written out, as `\xE9`.
pub(super) fn from_tar(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a string does not fail.
            let _ = write!(text, "\\x{byte:02X}");
        }
    }
    text
}

/// A path with `/` between its parts, that leads out of nothing: no drive, no `..`, none from the root.
pub(super) fn clean(path: &str, is_separator: impl Fn(char) -> bool) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for (at, mut part) in path.split(is_separator).enumerate() {
        if let (0, [drive, b':', ..]) = (at, part.as_bytes())
            && drive.is_ascii_alphabetic()
        {
            part = &part[2..];
        }
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    if parts.is_empty() { "unnamed".to_string() } else { parts.join("/") }
}

/// Gives the second of one name the number 2, the third 3 and so on, but no name that another has from the start.
pub(super) fn tell_apart(mut names: Vec<&mut String>) {
    let mut known: HashSet<String> = names.iter().map(|name| (**name).clone()).collect();
    // The number that the next of this name is tried with; 1 for the first, which needs none.
    let mut next: HashMap<String, usize> = HashMap::new();
    for name in &mut names {
        let number = next.entry((*name).clone()).or_insert(1);
        if *number > 1 {
            let numbered = loop {
                let numbered = with_number(name, *number);
                *number += 1;
                if known.insert(numbered.clone()) {
                    break numbered;
                }
            };
            **name = numbered;
        } else {
            *number = 2;
        }
    }
}

/// `slice.png` as `slice (2).png`, and `IM0001` as `IM0001 (2)`.
fn with_number(name: &str, number: usize) -> String {
    let file = name.rfind('/').map_or(0, |at| at + 1);
    let is_extension = |text: &str| {
        (1..=MAX_EXTENSION).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_alphanumeric())
            && text.contains(|c: char| c.is_ascii_alphabetic())
    };
    match name.rfind('.').filter(|&at| at > file && is_extension(&name[at + 1..])) {
        Some(at) => format!("{} ({number}){}", &name[..at], &name[at..]),
        None => format!("{name} ({number})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_an_unknown_encoding_stay_apart() {
        assert_eq!(CODE_PAGE_437.chars().count(), 128);
        assert_eq!(CODE_PAGE_437.chars().collect::<HashSet<_>>().len(), 128);
        assert_eq!(from_zip(b"M\x81ller/Lung\x821.png"), "Müller/Lungé1.png");
        assert_eq!(from_zip("患者/𝄞.png".as_bytes()), "患者/𝄞.png");
        assert_ne!(from_zip(b"\xBB\xBC.png"), from_zip(b"\xBB\xBD.png"));
        assert_eq!(from_tar(b"lung\xE9 \xFF.png"), "lung\\xE9 \\xFF.png");
        assert_eq!(from_tar("lungé.png".as_bytes()), "lungé.png");
    }

    #[test]
    fn paths_lead_out_of_nothing() {
        let clean = |path| clean(path, |c| matches!(c, '/' | '\\'));
        for (path, expected) in [
            ("a/b.png", "a/b.png"),
            ("Series 1\\b.png", "Series 1/b.png"),
            ("../../etc/passwd", "etc/passwd"),
            ("/etc/passwd", "etc/passwd"),
            ("C:\\windows\\a.png", "windows/a.png"),
            ("c:a.png", "a.png"),
            ("10:30/a.png", "10:30/a.png"),
            ("a/../../b.png", "b.png"),
            ("./c//d.png", "c/d.png"),
            ("..", "unnamed"),
        ] {
            assert_eq!(clean(path), expected, "{path}");
        }
    }

    #[test]
    fn no_two_are_called_the_same() {
        let told = |names: &[&str]| {
            let mut names: Vec<String> = names.iter().map(|name| (*name).to_string()).collect();
            tell_apart(names.iter_mut().collect());
            names
        };
        assert_eq!(told(&["a.png", "a.png", "b.png", "a.png"]), ["a.png", "a (2).png", "b.png", "a (3).png"]);
        assert_eq!(told(&["a.png", "a.png", "a (2).png"]), ["a.png", "a (3).png", "a (2).png"]);
        assert_eq!(
            told(&["x.y/IM1", "x.y/IM1", "1.2.840", "1.2.840"]),
            ["x.y/IM1", "x.y/IM1 (2)", "1.2.840", "1.2.840 (2)"]
        );
        assert_eq!(told(&[".png", ".png"]), [".png", ".png (2)"]);
        let many = told(&["a.png"; 20_000]);
        assert_eq!(many.iter().collect::<HashSet<_>>().len(), 20_000);
    }
}
