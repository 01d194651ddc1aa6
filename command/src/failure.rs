//! How the command ends: everything read (0), wrong usage or no release (1), some input unreadable (2), a flag raised (3).

use std::fmt;
use std::process::ExitCode;

/// What stops the command before its work is done; always exit code 1.
#[derive(Debug)]
pub struct Failure(pub String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Stops with a message that names `what`.
pub fn failed<E: fmt::Display>(what: impl fmt::Display) -> impl FnOnce(E) -> Failure {
    move |error| Failure(format!("{what}: {error}"))
}

/// How a command that did its work ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    AllRead,
    /// `verify` was shown something else than a release.
    Refused,
    SomeUnreadable,
    /// `watch` noticed a shift.
    Flagged,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> ExitCode {
        match outcome {
            Outcome::AllRead => ExitCode::SUCCESS,
            Outcome::Refused => ExitCode::from(1),
            Outcome::SomeUnreadable => ExitCode::from(2),
            Outcome::Flagged => ExitCode::from(3),
        }
    }
}
