//! How a slice lies in its file and in the patient, and how it was turned to be read. Knows no file and no pixel.

/// A slice as its file stores it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Geometry {
    /// Rows of the file.
    pub rows: usize,
    /// Columns of the file.
    pub columns: usize,
    /// Where the centre of the first pixel lies, in millimetres: DICOM (0020,0032). `None` where the file does not say it.
    pub position: Option<[f64; 3]>,
    /// Direction cosines of rows and columns: DICOM (0020,0037). `None` where the file does not say it.
    pub orientation: Option<[f64; 6]>,
    /// Millimetres between rows, and between columns: DICOM (0028,0030). `None` where the file does not say it.
    pub spacing: Option<[f64; 2]>,
    /// In millimetres: DICOM (0018,0050). `None` where the file does not say it.
    pub thickness: Option<f64>,
    /// How it was turned.
    pub turn: Turn,
}

/// How a slice was turned to have its front up and its right at the left: first rows and columns change places, then each row is reversed,
/// then their order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Turn {
    /// Rows and columns changed places.
    pub transposed: bool,
    /// Each row was reversed.
    pub mirrored: bool,
    /// The order of the rows was reversed.
    pub upside_down: bool,
}

impl Turn {
    /// Where a place of the slice in its file is once it was turned: `across` of its width and `down` of its height, 0..1.
    pub fn shown(self, across: f64, down: f64) -> [f64; 2] {
        let (across, down) = if self.transposed { (down, across) } else { (across, down) };
        [if self.mirrored { 1.0 - across } else { across }, if self.upside_down { 1.0 - down } else { down }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_turned_as_its_slice_is() {
        let turn = |transposed, mirrored, upside_down| Turn { transposed, mirrored, upside_down }.shown(0.125, 0.25);
        assert_eq!(turn(false, false, false), [0.125, 0.25]);
        assert_eq!(turn(true, false, false), [0.25, 0.125]);
        assert_eq!(turn(false, true, false), [0.875, 0.25]);
        assert_eq!(turn(true, true, true), [0.75, 0.875]);
    }
}
