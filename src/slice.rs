//! A slice: one gray image and what its file said of it. Knows nothing of files or networks.

use serde::Serialize;

use crate::error::{Error, Result};
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
    /// Red, green and blue of a picture in colours, for networks that take them; others get its gray levels.
    Colours(Vec<[u8; 3]>),
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
            levels => levels,
        }
    }
}

/// The gray level of red, green and blue by Rec. 601.
pub fn luma([r, g, b]: [u8; 3]) -> f32 {
    0.299 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b)
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
    /// Millimetres from column to column, and from row to row, of the slice as it stands here. `None` where the file does not say it, or
    /// nothing that can be believed.
    pub spacing: Option<[f64; 2]>,
    /// A CT image that does not say how its values become Hounsfield units: DICOM (0028,1052) and (0028,1053) are missing.
    pub unscaled: bool,
    /// What was read against the letter of the file, each a sentence without its full stop. Holds no text of the file's.
    pub notes: Vec<String>,
    /// The part that can be seen, where it has a transparent frame around it; `None` where all of it can.
    pub part: Option<Part>,
    /// Columns and rows of the file where the slice has others: its pixels were not square, and now are.
    pub stored: Option<[usize; 2]>,
    /// Share of the pixels whose channels differ by more than [`COLOURED`] levels, 0..1.
    pub colour: f32,
}

/// A part of a slice or of a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Columns at its left.
    pub left: usize,
    /// Rows above it.
    pub top: usize,
    /// At least 1.
    pub width: usize,
    /// At least 1.
    pub height: usize,
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
    /// Red, green and blue, where the file has colours and the network takes them.
    #[serde(skip)]
    pub colours: Option<Vec<[u8; 3]>>,
}

impl Slice {
    /// The slice as a picture: Hounsfield units, [clipped](Pixels::clipped), through `window`, gray levels as they are.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for Hounsfield units without a window.
    pub fn into_picture(self, window: Option<Window>) -> Result<Picture> {
        let Slice { width, height, pixels, .. } = self;
        let (gray, colours) = match pixels.clipped() {
            Pixels::Gray(gray) => (gray, None),
            Pixels::Colours(pixels) => (pixels.iter().map(|pixel| luma(*pixel).round() as u8).collect(), Some(pixels)),
            Pixels::Hu(hu) => {
                let window = window.ok_or(Error::Unsupported {
                    what: "an image in Hounsfield units, for which this network has no window,".to_string(),
                    advice: "choose a picture, or give the network's model.toml a window in [input]",
                })?;
                (hu.into_iter().map(|value| window.level(value)).collect(), None)
            }
        };
        Ok(Picture { width, height, gray, colours })
    }

    /// A number that slices of equal pixels share, and others do not but by the rarest chance.
    pub fn fingerprint(&self) -> u64 {
        // The hash of rustc's tables (Fx), over eight bytes at a time.
        let mix = |state: u64, word: u64| (state.rotate_left(5) ^ word).wrapping_mul(0x517C_C1B7_2722_0A95);
        let start = mix(self.width as u64, self.height as u64);
        match &self.pixels {
            Pixels::Gray(levels) => levels.chunks(8).fold(mix(start, 1), |state, levels| {
                mix(state, levels.iter().fold(0, |word, level| word << 8 | u64::from(*level)))
            }),
            Pixels::Colours(pixels) => pixels.chunks(2).fold(mix(start, 3), |state, pixels| {
                mix(state, pixels.iter().flatten().fold(0, |word, level| word << 8 | u64::from(*level)))
            }),
            Pixels::Hu(units) => units.chunks(2).fold(mix(start, 2), |state, units| {
                mix(state, units.iter().fold(0, |word, value| word << 32 | u64::from(value.to_bits())))
            }),
        }
    }

    /// The window that [`Slice::into_picture`] would use, `None` where the file's levels stay.
    pub fn window(&self, window: Option<Window>) -> Option<Window> {
        window.filter(|_| matches!(self.pixels, Pixels::Hu(_)))
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
    fn pixels_are_told_from_others_by_one_number() {
        let slice = |width, pixels| Slice { width, height: 6 / width, pixels, origin: Origin::default() };
        let units = |last| Pixels::Hu(vec![1.0, 2.0, 3.0, 4.0, 5.0, last]);
        let found = [
            slice(3, units(6.0)),
            slice(2, units(6.0)),
            slice(3, units(6.5)),
            slice(3, Pixels::Gray(vec![1, 2, 3, 4, 5, 6])),
            slice(3, Pixels::Gray(vec![1, 2, 3, 4, 6, 5])),
        ];
        for (at, one) in found.iter().enumerate() {
            assert_eq!(one.fingerprint(), one.clone().fingerprint());
            assert!(found[..at].iter().all(|other| other.fingerprint() != one.fingerprint()));
        }
    }
}
