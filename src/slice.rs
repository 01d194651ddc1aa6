//! A slice: one gray image and what its file said of it. Knows nothing of files or networks.

use std::fmt;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::window::Window;

/// One axial slice as its file holds it.
#[derive(Debug, Clone)]
pub struct Slice {
    /// In pixels, at least 1.
    pub width: usize,
    /// In pixels, at least 1.
    pub height: usize,
    /// Row by row, `width * height` values.
    pub pixels: Pixels,
    /// What the file said.
    pub origin: Origin,
}

/// The values of a slice.
#[derive(Debug, Clone)]
pub enum Pixels {
    /// Gray levels of a picture that somebody has windowed already.
    Gray(Vec<u8>),
    /// Hounsfield units as the file has them, but for padding, which is [`AIR`] or below.
    Hu(Vec<f32>),
}

/// Air, in Hounsfield units. What lies below was not measured, and counts as air too.
pub const AIR: f32 = -1024.0;
/// The greatest number of Hounsfield units that 12 bits hold beside [`AIR`]: what lies above is metal, and counts as much.
pub const METAL: f32 = 3071.0;

impl Pixels {
    /// Hounsfield units between [`AIR`] and [`METAL`], whatever a scanner put around its circle; gray levels as they are.
    pub fn clipped(self) -> Pixels {
        match self {
            Pixels::Hu(units) => Pixels::Hu(units.into_iter().map(|value| value.clamp(AIR, METAL)).collect()),
            gray => gray,
        }
    }
}

/// What a file says of its slice. Holds no name, id or date of a patient.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// "PNG", "JPEG", "DICOM", ...
    pub format: &'static str,
    /// DICOM (0008,0060).
    pub modality: Option<String>,
    /// UID of the DICOM transfer syntax.
    pub transfer_syntax: Option<String>,
    /// DICOM (0008,0008) says that this is a scout view.
    pub localizer: bool,
    /// DICOM (0020,0037) or (0020,0020) says that the slice is not across the body.
    pub oblique: bool,
    /// Where the rows and the columns of the slice run to, as it stands here: "L\\P" for an axial one, whose front is up and whose right is
    /// at the left. `None` where the file does not say it.
    pub orientation: Option<String>,
    /// A CT image that does not say how its values become Hounsfield units: DICOM (0028,1052) and (0028,1053) are missing.
    pub unscaled: bool,
    /// What was read against the letter of the file, each a sentence without its full stop. Holds no text of the file's.
    pub notes: Vec<String>,
    /// Share of the pixels whose channels differ by more than [`COLOURED`] levels, 0..1.
    pub colour: f32,
}

/// Where a slice belongs, as its file says. No output holds it: it groups and orders slices.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Place {
    /// DICOM (0020,000E).
    pub series: Option<Series>,
    /// Millimetres towards the head, DICOM (0020,0032); `None` in files of several frames.
    pub height: Option<f64>,
    /// DICOM (0020,0013); `None` in files of several frames.
    pub number: Option<i64>,
}

/// A series, to be told from others. The UID itself is not kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Series([u8; 32]);

impl Series {
    /// The series of a UID.
    pub fn of(uid: &str) -> Series {
        Series(Sha256::digest(uid).into())
    }

    /// A word for the series, equal for equal salts: 16 hexadecimal digits that say nothing to who has not both salt and UID.
    pub fn key(self, salt: &[u8]) -> String {
        let digest = Sha256::new().chain_update(salt).chain_update(self.0).finalize();
        digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Series(..)")
    }
}

/// Levels (of 255) by which the channels of a coloured pixel differ; JPEG's chroma noise stays below.
pub const COLOURED: u8 = 24;

/// An 8-bit gray picture, row by row: what a person sees and what the network is fed from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Picture {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    /// Levels, row by row.
    pub gray: Vec<u8>,
}

impl Slice {
    /// The slice as a picture: Hounsfield units, [clipped](Pixels::clipped), through `window`, gray levels as they are.
    pub fn into_picture(self, window: Window) -> Picture {
        let gray = match self.pixels.clipped() {
            Pixels::Gray(gray) => gray,
            Pixels::Hu(hu) => hu.into_iter().map(|value| window.level(value)).collect(),
        };
        Picture { width: self.width, height: self.height, gray }
    }

    /// The window that [`Slice::into_picture`] would use, `None` where the file's levels stay.
    pub fn window(&self, window: Window) -> Option<Window> {
        matches!(self.pixels, Pixels::Hu(_)).then_some(window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_beyond_air_and_metal_is_air_and_metal() {
        let Pixels::Hu(units) = Pixels::Hu(vec![-3024.0, -1024.0, 40.5, 3071.0, 32_767.0]).clipped() else {
            panic!("they stay Hounsfield units")
        };
        assert_eq!(units, [-1024.0, -1024.0, 40.5, 3071.0, 3071.0]);
    }

    #[test]
    fn a_series_has_one_key_a_salt_and_never_shows_its_uid() {
        let (a, b) = (Series::of("1.2.840.1"), Series::of("1.2.840.2"));
        assert_eq!(a.key(b"salt"), Series::of("1.2.840.1").key(b"salt"));
        assert_ne!(a.key(b"salt"), b.key(b"salt"));
        assert_ne!(a.key(b"salt"), a.key(b"another"));
        assert_eq!(a.key(b"salt").len(), 16);
        assert_eq!(format!("{a:?}"), "Series(..)");
    }
}
