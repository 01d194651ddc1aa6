//! What the command says beside its results: lines on standard error. Nobody need be there to read them.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

/// Says a line, made as `format!` makes it. Names in it that the user did not type belong into [`plain`].
macro_rules! tell {
    ($($text:tt)*) => { $crate::tell::line(format_args!($($text)*)) };
}
pub(crate) use tell;

/// What [`tell!`] says it by.
pub fn line(text: fmt::Arguments) {
    let _ = writeln!(io::stderr(), "lungglass: {text}");
}

/// A text from a file, on one line and without what a terminal would obey.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return text.into();
    }
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escaped).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        assert_eq!(plain("lüng 1.png"), "lüng 1.png");
        assert_eq!(plain("a\nb\u{1b}[2K\u{9b}1G"), "a\\nb\\u{1b}[2K\\u{9b}1G");
    }
}
