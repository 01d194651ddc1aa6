//! What the values of a volume are: Hounsfield units, gray levels, or nothing that can be judged. Decided by the values, as no format says it.
//!
//! A CT of the chest in Hounsfield units has air in it, far below [`MAX_AIR`]: no gray level and no label is negative. Values from 0 to 255
//! or to 1 were windowed by whoever made the file, and are read as the picture that they are. All else would have to be guessed: 12-bit
//! values from 0 on, without the intercept that makes air of 0; a range around 0, as training makes it; a map of labels.

use super::Format;
use super::samples::Range;
use crate::error::Result;
use crate::slice::AIR;

/// What a value of a volume is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Meaning {
    /// Hounsfield units.
    Units,
    /// Gray levels, 0 to 255.
    Levels,
    /// Gray levels, 0 to 1.
    Shares,
}

/// A chest in Hounsfield units has values below this.
const MAX_AIR: f64 = -500.0;

impl Meaning {
    /// What values between such bounds are.
    pub fn of(format: Format, range: &Range) -> Result<Meaning> {
        let Range { least, greatest, is_whole, is_few } = *range;
        if least > greatest {
            return Err(format.unreadable("none of its values is a number"));
        }
        if least == greatest {
            return Err(format.unreadable(format!("all its values are {least}")));
        }
        if least <= MAX_AIR && greatest > MAX_AIR {
            return Ok(Meaning::Units);
        }
        if least >= 0.0 && is_whole && is_few {
            return Err(format.unsupported("of labels", "give it the CT volume that the labels belong to"));
        }
        match least >= 0.0 {
            true if greatest <= 1.0 => Ok(Meaning::Shares),
            true if greatest <= 255.0 => Ok(Meaning::Levels),
            _ => Err(format.unsupported(
                &format!("with values from {least} to {greatest}, which are neither Hounsfield units nor gray levels,"),
                "convert the original series, with rescale slope and intercept",
            )),
        }
    }

    /// What a reader must know of it.
    pub fn note(self) -> Option<String> {
        let greatest = match self {
            Meaning::Units => return None,
            Meaning::Levels => 255,
            Meaning::Shares => 1,
        };
        Some(format!(
            "its values lie between 0 and {greatest}, and are read as gray levels of a window that is not known"
        ))
    }

    /// The gray level of a value; what is no number is black.
    pub fn level(self, value: f64) -> u8 {
        let level = if self == Meaning::Shares { value * 255.0 } else { value };
        // `as` saturates, and turns NaN into 0.
        level.round() as u8
    }
}

/// A value in Hounsfield units; what is no number is air.
pub fn unit(value: f64) -> f32 {
    if value.is_nan() { AIR } else { value as f32 }
}
