//! Headers of text: lines of a name and a value, up to the values of the volume.

use std::borrow::Cow;

use super::Format;
use crate::error::Result;

/// Bytes of a header; those that programs write have a few hundred.
pub const MAX_HEADER: usize = 64 << 10;

/// The line at byte `at`, without its end, and where the next starts; the last one of a file may lack its end. `None` where there is none.
pub fn line(bytes: &[u8], at: usize) -> Option<(Cow<'_, str>, usize)> {
    let rest = bytes.get(at..bytes.len().min(MAX_HEADER)).filter(|rest| !rest.is_empty())?;
    let end = rest.iter().position(|byte| *byte == b'\n');
    let (line, next) = match end {
        Some(end) => (&rest[..end], at + end + 1),
        None if bytes.len() <= MAX_HEADER => (rest, bytes.len()),
        None => return None,
    };
    Some((String::from_utf8_lossy(line.trim_ascii_end()), next))
}

/// As many numbers as there are, or an error that names the field.
pub fn numbers<const N: usize>(format: Format, field: &str, text: &str) -> Result<[f64; N]> {
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    let found: Option<[f64; N]> = numbers.try_into().ok().filter(|_| text.split_whitespace().count() == N);
    found.ok_or_else(|| format.unreadable(format!("its field \"{field}\" does not hold {N} numbers")))
}

/// The sides of a volume.
pub fn sides(format: Format, field: &str, text: &str) -> Result<[usize; 3]> {
    let sides: Vec<usize> = text.split_whitespace().filter_map(|side| side.parse().ok()).collect();
    let found: Option<[usize; 3]> = sides.try_into().ok().filter(|_| text.split_whitespace().count() == 3);
    found.ok_or_else(|| format.unreadable(format!("its field \"{field}\" does not hold the sides of a volume")))
}
