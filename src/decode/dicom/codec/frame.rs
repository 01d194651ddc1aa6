//! What a decoder is asked for and what it gives, and the errors of a codestream.

use super::super::syntax::UNCOMPRESSED_ADVICE;
use crate::error::{Error, Result};

/// What the data set says of a frame. Decoders hold a codestream against it before they take memory.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    pub width: usize,
    pub height: usize,
    /// Bytes that a value takes, 1 or 2.
    pub bytes: usize,
}

/// A decoded frame.
#[derive(Debug)]
pub struct Samples {
    /// Row by row, as many as the frame has pixels.
    pub values: Vec<u16>,
    /// Bits of each that mean something, from the lowest; at most 16.
    pub precision: u32,
}

impl Frame {
    pub(super) fn pixels(self) -> usize {
        self.width * self.height
    }

    /// Fails for a codestream of another size or of colour; `name` is that of its decoder.
    pub(super) fn check(self, name: &'static str, width: u64, height: u64, components: u64) -> Result<()> {
        if components != 1 {
            return Err(unsupported(format!("a {name} frame of {components} colour components")));
        }
        if (width, height) != (self.width as u64, self.height as u64) {
            let (columns, rows) = (self.width, self.height);
            return Err(damaged(name, &format!("a frame is {width} x {height} instead of {columns} x {rows} pixels")));
        }
        Ok(())
    }
}

pub(super) fn damaged(name: &'static str, reason: &str) -> Error {
    Error::Unreadable { format: name, reason: reason.to_string() }
}

pub(super) fn unsupported(what: String) -> Error {
    Error::Unsupported { what, advice: UNCOMPRESSED_ADVICE }
}
