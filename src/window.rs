//! Hounsfield units to gray levels.

use serde::{Deserialize, Serialize};

/// A display window in Hounsfield units.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// In Hounsfield units.
    pub center: f32,
    /// At least 1.
    pub width: f32,
}

impl Window {
    /// The gray level (0..=255) of a value in HU, by the linear function of DICOM PS3.3 C.11.2.1.2.
    ///
    /// A value that is not a number is air (0).
    pub fn level(self, hu: f32) -> u8 {
        let share = (hu - (self.center - 0.5)) / (self.width - 1.0).max(f32::EPSILON) + 0.5;
        // `as` saturates, and turns NaN into 0.
        (share * 255.0).round() as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LUNG: Window = Window { center: -600.0, width: 1500.0 };

    #[test]
    fn the_ends_of_the_window_are_black_and_white() {
        assert_eq!(LUNG.level(-1350.0), 0);
        assert_eq!(LUNG.level(-3024.0), 0);
        assert_eq!(LUNG.level(149.0), 255);
        assert_eq!(LUNG.level(3071.0), 255);
        assert_eq!(LUNG.level(-600.5), 128);
    }

    #[test]
    fn odd_values_have_a_level() {
        assert_eq!(LUNG.level(f32::NAN), 0);
        assert_eq!(LUNG.level(f32::NEG_INFINITY), 0);
        assert_eq!(LUNG.level(f32::INFINITY), 255);
        assert_eq!(Window { center: 0.0, width: 1.0 }.level(10.0), 255);
    }

    proptest::proptest! {
        #[test]
        fn is_monotone(a in -4000f32..4000., b in -4000f32..4000., center in -1000f32..1000., width in 1f32..4000.) {
            let window = Window { center, width };
            let (low, high) = if a < b { (a, b) } else { (b, a) };
            proptest::prop_assert!(window.level(low) <= window.level(high));
        }
    }
}
