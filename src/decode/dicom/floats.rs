//! Pixels that are floating-point numbers (PS3.3 C.7.6.24 and C.7.6.25): Float Pixel Data and Double Float Pixel Data.

use super::elements::Elements;
use super::fault::damaged;
use crate::error::Result;

/// How numbers lie in the file, and which of them stand for nothing measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Floats {
    /// Bytes of a number, 4 or 8.
    pub(super) bytes: usize,
    big_endian: bool,
    padding: Option<[f64; 2]>,
}

impl Floats {
    /// What the elements say of numbers of so many bytes.
    pub(super) fn of(elements: &Elements, bytes: usize, big_endian: bool) -> Floats {
        let padding = elements.float_padding.map(|value| {
            let limit = elements.float_padding_limit.unwrap_or(value);
            [value.min(limit), value.max(limit)]
        });
        Floats { bytes, big_endian, padding }
    }

    /// The numbers of a frame, what is no number (NaN) was not measured either.
    ///
    /// # Errors
    /// [`crate::error::Error::Unreadable`] for infinity, and what is so great that it becomes that.
    pub(super) fn read(self, stored: &[u8]) -> Result<Numbers> {
        let mut numbers = Numbers { values: Vec::with_capacity(stored.len() / self.bytes), has_gaps: false };
        for bytes in stored.chunks_exact(self.bytes) {
            let number = match (bytes, self.big_endian) {
                (&[a, b, c, d], false) => f32::from_le_bytes([a, b, c, d]).into(),
                (&[a, b, c, d], true) => f32::from_be_bytes([a, b, c, d]).into(),
                (&[a, b, c, d, e, f, g, h], false) => f64::from_le_bytes([a, b, c, d, e, f, g, h]),
                (&[a, b, c, d, e, f, g, h], true) => f64::from_be_bytes([a, b, c, d, e, f, g, h]),
                _ => unreachable!("four or eight bytes a number"),
            };
            let is_padding = self.padding.is_some_and(|[least, greatest]| (least..=greatest).contains(&number));
            numbers.has_gaps |= number.is_nan();
            let value = number as f32;
            if value.is_infinite() && !is_padding {
                return Err(damaged("its pixel data hold infinity"));
            }
            numbers.values.push(if is_padding || number.is_nan() { (0.0, true) } else { (value, false) });
        }
        Ok(numbers)
    }
}

/// The numbers of a frame.
pub(super) struct Numbers {
    /// Each, and whether it stands for nothing measured.
    pub(super) values: Vec<(f32, bool)>,
    /// Some are no numbers, which no padding says.
    pub(super) has_gaps: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_is_padding() {
        let singles = Floats { bytes: 4, big_endian: false, padding: Some([-3000.0, -2000.0]) };
        let bytes: Vec<u8> = [-1000.5f32, -2500.0, f32::NAN].into_iter().flat_map(f32::to_le_bytes).collect();
        let numbers = singles.read(&bytes).unwrap();
        assert_eq!(numbers.values, [(-1000.5, false), (0.0, true), (0.0, true)]);
        assert!(numbers.has_gaps && !singles.read(&bytes[..8]).unwrap().has_gaps);
        let doubles = Floats { bytes: 8, big_endian: true, padding: None };
        assert_eq!(doubles.read(&40.25f64.to_be_bytes()).unwrap().values, [(40.25, false)]);
        for infinite in [f64::INFINITY, f64::NEG_INFINITY, 1e300] {
            assert!(doubles.read(&infinite.to_be_bytes()).err().unwrap().to_string().contains("infinity"));
        }
    }
}
