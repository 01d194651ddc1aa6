//! Stored values: how they lie in the file, and what they mean.

use dicom_dictionary_std::uids;

use super::elements::{Elements, is_code};
use super::fault::damaged;
use super::table::Table;
use crate::error::{Error, Result};
use crate::slice::{AIR, Pixels};

/// How a stored value lies in the file.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Layout {
    pub(super) bytes: usize,
    big_endian: bool,
    shift: u32,
    bits: u32,
    signed: bool,
    /// The file says neither that values have a sign nor that they have none.
    is_sign_unknown: bool,
}

/// What a stored value means.
#[derive(Debug, Clone)]
pub(super) enum Meaning {
    /// Hounsfield units: `value * slope + intercept`.
    Hu { slope: f32, intercept: f32 },
    /// Hounsfield units, as a table has them.
    Table(Table),
    /// Levels of a picture that was windowed before it was stored: from 0 to the greatest value of the bits that the frame uses, which
    /// are at least 8.
    Levels { inverted: bool },
    /// A CT image that does not say how its values become Hounsfield units: gray from the frame's least to its greatest value, to be seen
    /// and not judged.
    Unscaled { inverted: bool },
    /// Anything else, alike.
    Gray { inverted: bool },
}

/// The stored values that stand for nothing measured (PS3.3 C.7.5.1.1.2).
#[derive(Debug, Clone, Copy)]
pub(super) struct Padding {
    least: i32,
    greatest: i32,
}

/// The fewest Hounsfield units that an image must be able to hold, from air to soft tissue. Eight bits of a scale that is copied from the
/// original series hold 255.
const MIN_RANGE: f32 = 1000.0;

impl Layout {
    /// What the elements say of it.
    pub(super) fn of(elements: &Elements) -> Result<Layout> {
        let allocated = elements.bits_allocated.unwrap_or(16);
        if ![1, 8, 12, 16, 24, 32, 64].contains(&allocated) {
            return Err(damaged(&format!("it says that a pixel has {allocated} bits (0028,0100)")));
        }
        if allocated != 8 && allocated != 16 {
            return Err(Error::Unsupported {
                what: format!("{allocated} bits a pixel"),
                advice: "export the series with 16 bits a pixel",
            });
        }
        let stored = elements.bits_stored.unwrap_or(allocated);
        let high = elements.high_bit.unwrap_or(stored.saturating_sub(1));
        if stored == 0 || stored > allocated || high >= allocated || high + 1 < stored {
            return Err(damaged(&format!(
                "it says that {stored} bits are stored (0028,0101), the highest of them bit {high} (0028,0102), of {allocated} (0028,0100)"
            )));
        }
        Ok(Layout {
            bytes: usize::from(allocated / 8),
            big_endian: elements.encoding.big_endian,
            shift: u32::from(high + 1 - stored),
            bits: u32::from(stored),
            signed: elements.representation == Some(1),
            // Bytes with a sign no scanner writes.
            is_sign_unknown: allocated > 8 && !matches!(elements.representation, Some(0 | 1)),
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

    /// Fails where a value would be negative if it had a sign, and the file does not say whether it has one.
    pub(super) fn check_sign(self, mut raw: impl Iterator<Item = u32>) -> Result<()> {
        let is_clear = !self.is_sign_unknown || !raw.any(|raw| Layout { signed: true, ..self }.value(raw) < 0);
        is_clear.then_some(()).ok_or_else(|| {
            damaged("it does not say whether its values have a sign (0028,0103), and some would be negative with one")
        })
    }

    /// Bits that are allocated to a value.
    pub(super) fn allocated(self) -> u32 {
        8 * self.bytes as u32
    }

    /// The value that is stored in `raw`.
    pub(super) fn value(self, raw: u32) -> i32 {
        let unused = 32 - self.bits;
        let high = (raw >> self.shift) << unused;
        if self.signed { (high as i32) >> unused } else { (high >> unused) as i32 }
    }
}

impl Meaning {
    /// What the elements say of it; `table` is that of a Modality LUT, which counts before a slope and an intercept.
    pub(super) fn of(elements: &Elements, table: Option<&Table>, photometric: &str) -> Result<Meaning> {
        let is_ct = elements.modality.as_deref().is_none_or(|modality| modality == "CT");
        let inverted = photometric == "MONOCHROME1";
        if !is_ct {
            return Ok(Meaning::Gray { inverted });
        }
        // The one slope that scanners of whole Hounsfield units have; an intercept nobody can guess.
        let is_scaled = elements.intercept.is_some();
        let slope = number(&elements.slope, 1.0, "rescale slope")?;
        let intercept = number(&elements.intercept, 0.0, "rescale intercept")?;
        if !(f32::from(u16::MAX) * slope.abs() + intercept.abs()).is_finite() {
            return Err(damaged("its Hounsfield scale goes beyond all numbers"));
        }
        // "US" is unspecified, which in CT means Hounsfield units.
        let unit = if table.is_some() {
            elements.lut.as_ref().and_then(|lut| lut.unit.as_deref())
        } else {
            elements.rescale_type.as_deref()
        };
        if let Some(unit) = unit.filter(|unit| !["HU", "US"].contains(unit)) {
            let unit = if is_code(unit) { unit } else { "unknown" };
            return Err(Error::Unsupported {
                what: format!("a CT image whose values are not Hounsfield units ({unit})"),
                advice: "choose the series in Hounsfield units",
            });
        }
        let bits = elements.bits_stored.or(elements.bits_allocated).unwrap_or(16);
        let range = table.map_or(255.0 * slope.abs(), Table::range);
        if bits <= 8 && range < MIN_RANGE {
            return Ok(Meaning::Levels { inverted });
        }
        if let Some(table) = table {
            return Ok(Meaning::Table(table.clone()));
        }
        if !is_scaled {
            let is_capture = elements.sop_class.as_deref().is_some_and(is_secondary_capture);
            return Ok(if is_capture { Meaning::Levels { inverted } } else { Meaning::Unscaled { inverted } });
        }
        if slope == 0.0 {
            return Err(damaged("its rescale slope is 0, which makes one Hounsfield unit of all values"));
        }
        // MONOCHROME1 turns the display over, not the Hounsfield scale.
        Ok(Meaning::Hu { slope, intercept })
    }

    /// The pixels of a frame, by its values and whether each is padding. What is padding is air: black in a picture.
    pub(super) fn pixels(&self, values: impl Iterator<Item = (f32, bool)> + Clone) -> Pixels {
        // What scanners put around their circle lies below air, and is kept.
        let units = |units: f32, is_padding: bool| if is_padding { units.min(AIR) } else { units };
        match self {
            Meaning::Hu { slope, intercept } => {
                Pixels::Hu(values.map(|(value, is_padding)| units(value * slope + intercept, is_padding)).collect())
            }
            Meaning::Table(table) => {
                Pixels::Hu(values.map(|(value, is_padding)| units(table.value(value), is_padding)).collect())
            }
            Meaning::Levels { inverted } => Pixels::Gray(levels(values, *inverted)),
            Meaning::Unscaled { inverted } | Meaning::Gray { inverted } => Pixels::Gray(stretch(values, *inverted)),
        }
    }
}

/// The values that are stored in `raw`, and whether each is padding.
pub(super) fn stored(
    raw: impl Iterator<Item = u32> + Clone,
    layout: Layout,
    padding: Option<Padding>,
) -> impl Iterator<Item = (f32, bool)> + Clone {
    raw.map(move |raw| {
        let is_padding = padding.is_some_and(|padding| padding.holds(layout, raw));
        (layout.value(raw) as f32, is_padding)
    })
}

impl Padding {
    /// What the elements say of it.
    pub(super) fn of(elements: &Elements, layout: Layout) -> Option<Padding> {
        // US or SS, as the pixels are.
        let signed = |bits: u16| if layout.signed { i32::from(bits as i16) } else { i32::from(bits) };
        let value = signed(elements.padding?);
        let limit = elements.padding_limit.map_or(value, signed);
        Some(Padding { least: value.min(limit), greatest: value.max(limit) })
    }

    /// Whether the stored bits, or all that are allocated to the pixel, are in its range: padding may lie beyond the stored bits.
    fn holds(self, layout: Layout, raw: u32) -> bool {
        let all = Layout { shift: 0, bits: 8 * layout.bytes as u32, ..layout };
        [layout.value(raw), all.value(raw)].iter().any(|value| (self.least..=self.greatest).contains(value))
    }
}

/// Secondary Capture Image Storage, of one frame and of several.
fn is_secondary_capture(sop_class: &str) -> bool {
    sop_class
        .strip_prefix(uids::SECONDARY_CAPTURE_IMAGE_STORAGE)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Gray levels of a picture of 8 bits or more, as many as its greatest value needs.
fn levels(values: impl Iterator<Item = (f32, bool)> + Clone, inverted: bool) -> Vec<u8> {
    let (least, greatest) = range(values.clone());
    if least < 0.0 {
        return stretch(values, inverted);
    }
    let bits = (greatest as u32).checked_ilog2().map_or(8, |last| (last + 1).max(8));
    scale(values, 0.0, ((1u32 << bits) - 1) as f32, inverted)
}

/// Gray levels from the least to the greatest value.
fn stretch(values: impl Iterator<Item = (f32, bool)> + Clone, inverted: bool) -> Vec<u8> {
    let (least, greatest) = range(values.clone());
    scale(values, least, greatest, inverted)
}

/// The least and the greatest value that is no padding.
fn range(values: impl Iterator<Item = (f32, bool)>) -> (f32, f32) {
    values
        .filter(|(_, is_padding)| !is_padding)
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(least, greatest), (value, _)| {
            (least.min(value), greatest.max(value))
        })
}

/// Gray levels of values from `black` to `white`; padding is black.
fn scale(values: impl Iterator<Item = (f32, bool)>, black: f32, white: f32, inverted: bool) -> Vec<u8> {
    let range = (white - black).max(1.0);
    values
        .map(|(value, is_padding)| {
            let level = ((value - black) / range * 255.0).round() as u8;
            match (is_padding, inverted) {
                (true, _) => 0,
                (false, true) => 255 - level,
                (false, false) => level,
            }
        })
        .collect()
}

/// A decimal string, or `default` where there is none.
fn number(text: &Option<String>, default: f32, name: &str) -> Result<f32> {
    let Some(text) = text else { return Ok(default) };
    let value = text.parse().ok().filter(|value: &f32| value.is_finite());
    let what = if text.contains('\\') { "has several values" } else { "is no number" };
    value.ok_or_else(|| damaged(&format!("its {name} {what}")))
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
