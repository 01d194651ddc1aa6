//! Stored values: how they lie in the file, and what they mean.

use super::elements::{Elements, is_code};
use super::fault::damaged;
use super::syntax::EXPLICIT_VR_BIG_ENDIAN;
use crate::error::{Error, Result};
use crate::slice::Pixels;

/// How a stored value lies in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub(super) bytes: usize,
    big_endian: bool,
    shift: u32,
    bits: u32,
    signed: bool,
}

/// What a stored value means.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meaning {
    /// Hounsfield units: `value * slope + intercept`.
    Hu { slope: f32, intercept: f32 },
    /// Anything else: gray from the frame's least to its greatest value.
    Gray { inverted: bool },
}

impl Layout {
    /// What the elements say of it.
    pub(super) fn of(elements: &Elements, syntax: &str) -> Result<Layout> {
        let allocated = elements.bits_allocated.unwrap_or(16);
        if allocated != 8 && allocated != 16 {
            return Err(Error::Unsupported {
                what: format!("{allocated} bits a pixel"),
                advice: "export the series with 16 bits a pixel",
            });
        }
        let stored = elements.bits_stored.unwrap_or(allocated);
        let high = elements.high_bit.unwrap_or(stored.saturating_sub(1));
        if stored == 0 || stored > allocated || high >= allocated || high + 1 < stored {
            return Err(damaged(&format!("{stored} bits up to bit {high} do not fit in {allocated}")));
        }
        Ok(Layout {
            bytes: usize::from(allocated / 8),
            big_endian: syntax == EXPLICIT_VR_BIG_ENDIAN,
            shift: u32::from(high + 1 - stored),
            bits: u32::from(stored),
            signed: elements.representation == Some(1),
        })
    }

    /// The bits of a value that lies in `bytes` of them.
    pub(super) fn raw(self, bytes: &[u8]) -> u32 {
        match (bytes, self.big_endian) {
            ([one], _) => u32::from(*one),
            ([a, b], false) => u32::from(u16::from_le_bytes([*a, *b])),
            ([a, b], true) => u32::from(u16::from_be_bytes([*a, *b])),
            _ => unreachable!("one or two bytes a value"),
        }
    }

    /// The layout of a codestream's samples of `precision` bits: one that holds no more than the stored bits holds them from
    /// bit 0, a longer one all that are allocated.
    pub(super) fn of_codestream(self, precision: u32) -> Layout {
        if precision <= self.bits { Layout { shift: 0, bits: precision, ..self } } else { self }
    }

    /// The value that is stored in `raw`.
    pub(super) fn value(self, raw: u32) -> i32 {
        let unused = 32 - self.bits;
        let high = (raw >> self.shift) << unused;
        if self.signed { (high as i32) >> unused } else { (high >> unused) as i32 }
    }
}

impl Meaning {
    /// What the elements say of it.
    pub(super) fn of(elements: &Elements, photometric: &str) -> Result<Meaning> {
        let is_ct = elements.modality.as_deref().is_none_or(|modality| modality == "CT");
        let gray = Meaning::Gray { inverted: photometric == "MONOCHROME1" };
        if !is_ct {
            return Ok(gray);
        }
        let rescaled = elements.slope.is_some() || elements.intercept.is_some();
        let slope = number(&elements.slope, 1.0, "rescale slope")?;
        let intercept = number(&elements.intercept, 0.0, "rescale intercept")?;
        if !(f32::from(u16::MAX) * slope.abs() + intercept.abs()).is_finite() {
            return Err(damaged("its Hounsfield scale goes beyond all numbers"));
        }
        // Eight bits as they stand are levels of a picture that was windowed before it was stored.
        if elements.bits_stored.is_some_and(|bits| bits <= 8) && (slope, intercept) == (1.0, 0.0) {
            return Ok(gray);
        }
        // "US" is unspecified, which in CT means Hounsfield units.
        if let Some(unit) = elements.rescale_type.as_deref().filter(|unit| !["HU", "US"].contains(unit)) {
            let unit = if is_code(unit) { unit } else { "unknown" };
            return Err(Error::Unsupported {
                what: format!("a CT image whose values are not Hounsfield units ({unit})"),
                advice: "choose the series in Hounsfield units",
            });
        }
        if !rescaled && (elements.has_modality_lut || elements.has_functional_groups) {
            return Err(Error::Unsupported {
                what: "a DICOM image whose Hounsfield scale stands in a table or in functional groups".to_string(),
                advice: "export it as ordinary CT images, one a slice",
            });
        }
        // MONOCHROME1 turns the display over, not the Hounsfield scale.
        Ok(Meaning::Hu { slope, intercept })
    }

    pub(super) fn pixels(self, values: impl Iterator<Item = i32> + Clone) -> Pixels {
        let values = values.map(|value| value as f32);
        match self {
            Meaning::Hu { slope, intercept } => Pixels::Hu(values.map(|value| value * slope + intercept).collect()),
            Meaning::Gray { inverted } => Pixels::Gray(stretch(values, inverted)),
        }
    }
}

/// Gray levels from the least to the greatest value.
fn stretch(values: impl Iterator<Item = f32> + Clone, inverted: bool) -> Vec<u8> {
    let least = values.clone().fold(f32::INFINITY, f32::min);
    let greatest = values.clone().fold(f32::NEG_INFINITY, f32::max);
    let range = (greatest - least).max(1.0);
    values
        .map(|value| {
            let level = ((value - least) / range * 255.0).round() as u8;
            if inverted { 255 - level } else { level }
        })
        .collect()
}

/// A decimal string, or `default` where there is none.
fn number(text: &Option<String>, default: f32, name: &str) -> Result<f32> {
    let Some(text) = text else { return Ok(default) };
    let value = text.parse().ok().filter(|value: &f32| value.is_finite());
    value.ok_or_else(|| damaged(&format!("its {name} is no number")))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::File;

    #[test]
    fn slope_and_intercept_make_hounsfield_units_of_stored_values() {
        let file = File { signed: 0, values: vec![24, 1064], rescale: Some(("1", "-1024")), ..File::default() };
        assert_eq!(file.read().unwrap(), [[-1000.0, 40.0]]);
        let turned = File { photometric: "MONOCHROME1", rescale: Some(("-1", "0")), ..File::default() };
        assert_eq!(turned.read().unwrap(), [[1000.0, -40.0]]);
    }

    #[test]
    fn bits_beside_the_stored_ones_are_ignored() {
        // 12 bits at the top, and 12 at the bottom with an overlay above.
        let top = File { stored: 12, high: 15, values: vec![0xC18F, 0x028A], ..File::default() };
        assert_eq!(top.read().unwrap(), [[-1000.0, 40.0]]);
        let bottom = File { stored: 12, high: 11, values: vec![0x5C18, 0xF028], ..File::default() };
        assert_eq!(bottom.read().unwrap(), [[-1000.0, 40.0]]);
    }

    #[test]
    fn other_modalities_are_gray_from_their_least_to_their_greatest_value() {
        let file = File { modality: "MR", values: vec![10, 500], ..File::default() };
        assert_eq!(file.read().unwrap(), [[0.0, 255.0]]);
        let turned = File { photometric: "MONOCHROME1", ..file };
        assert_eq!(turned.read().unwrap(), [[255.0, 0.0]]);
    }
}
