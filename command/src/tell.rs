//! What the command says beside its results: lines on standard error. Nobody need be there to read them.

use std::fmt;
use std::io::{self, Write};

use crate::failure::{Failure, failed};

pub use lungglass_acceptance::look::plain;

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
