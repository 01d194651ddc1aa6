//! What the command says beside its results: lines on standard error. Nobody need be there to read them.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};
use std::ops::RangeInclusive;

use crate::failure::{Failure, failed};

/// Says a line, made as `format!` makes it. Names in it that the user did not type belong into [`plain`].
macro_rules! tell {
    ($($text:tt)*) => { $crate::tell::line(format_args!($($text)*)) };
}
pub(crate) use tell;

/// What [`tell!`] says it by.
pub fn line(text: fmt::Arguments) {
    let text = text.to_string();
    // Some texts have lines of their own; nothing else in them may mislead.
    let lines: Vec<_> = text.split('\n').map(plain).collect();
    let _ = writeln!(io::stderr(), "lungglass: {}", lines.join("\n"));
}

/// Prints a result. Whoever has read enough of it may close the pipe.
///
/// # Errors
/// When it cannot be written otherwise, such as to a full disk.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(failed("standard output")(error)),
        _ => Ok(()),
    }
}

/// A text from a file, on one line, without what a terminal would obey, and without characters that are not seen or turn the others
/// around: those are written out, as `\u{202e}`.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(is_misleading) {
        return text.into();
    }
    let escaped = |c: char| if is_misleading(c) { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escaped).collect::<String>().into()
}

fn is_misleading(c: char) -> bool {
    c.is_control() || MISLEADING.iter().any(|range| range.contains(&c))
}

/// Characters that format others, line and paragraph separators, and those that are shown as nothing: general categories Cf, Zl and Zp,
/// and Default_Ignorable_Code_Point of Unicode 16.
const MISLEADING: [RangeInclusive<char>; 25] = [
    '\u{AD}'..='\u{AD}',
    '\u{34F}'..='\u{34F}',
    '\u{600}'..='\u{605}',
    '\u{61C}'..='\u{61C}',
    '\u{6DD}'..='\u{6DD}',
    '\u{70F}'..='\u{70F}',
    '\u{890}'..='\u{891}',
    '\u{8E2}'..='\u{8E2}',
    '\u{115F}'..='\u{1160}',
    '\u{17B4}'..='\u{17B5}',
    '\u{180B}'..='\u{180F}',
    '\u{200B}'..='\u{200F}',
    '\u{2028}'..='\u{202E}',
    '\u{2060}'..='\u{206F}',
    '\u{3164}'..='\u{3164}',
    '\u{FE00}'..='\u{FE0F}',
    '\u{FEFF}'..='\u{FEFF}',
    '\u{FFA0}'..='\u{FFA0}',
    '\u{FFF0}'..='\u{FFFB}',
    '\u{110BD}'..='\u{110BD}',
    '\u{110CD}'..='\u{110CD}',
    '\u{13430}'..='\u{1343F}',
    '\u{1BCA0}'..='\u{1BCA3}',
    '\u{1D173}'..='\u{1D17A}',
    '\u{E0000}'..='\u{E0FFF}',
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        assert_eq!(plain("lüng 1.png"), "lüng 1.png");
        assert_eq!(plain("scan\u{202e}gnp.exe"), "scan\\u{202e}gnp.exe");
        assert_eq!(plain("\u{2066}a\u{200b}\u{2028}\u{feff}"), "\\u{2066}a\\u{200b}\\u{2028}\\u{feff}");
        assert_eq!(plain("患者 ﺹ ü 𝄞 e\u{301}"), "患者 ﺹ ü 𝄞 e\u{301}");
        assert_eq!(plain("a\nb\u{1b}[2K\u{9b}1G"), "a\\nb\\u{1b}[2K\\u{9b}1G");
    }
}
