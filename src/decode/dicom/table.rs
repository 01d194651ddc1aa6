//! The Modality LUT (PS3.3 C.11.1.1): a table of what stored values mean.

use std::ops::Range;
use std::sync::Arc;

use super::fault::damaged;
use crate::error::Result;

/// What the first item of a Modality LUT Sequence holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Lut {
    /// Number of entries, the stored value of the first, and bits of an entry.
    pub(super) descriptor: Option<[u16; 3]>,
    /// What the entries are.
    pub(super) unit: Option<String>,
    /// Where they lie in the file.
    pub(super) entries: Option<Range<usize>>,
    /// Their VR is SS.
    pub(super) is_signed: bool,
}

/// A table of numbers, for stored values from `first` on.
#[derive(Debug, Clone)]
pub(super) struct Table {
    first: i32,
    entries: Arc<[f32]>,
    /// Entries that their VR makes unsigned were read as signed.
    pub(super) is_turned: bool,
}

/// The most that a number of Hounsfield units can be: from here on, an unsigned entry is a negative one.
const MAX_HU: f32 = 32_767.0;

impl Table {
    /// Reads the table of a data set whose stored values have a sign or not.
    ///
    /// # Errors
    /// [`crate::error::Error::Unreadable`] for one that makes no sense or is cut.
    pub(super) fn read(lut: &Lut, bytes: &[u8], big_endian: bool, signed: bool) -> Result<Table> {
        let (Some([count, first, bits]), Some(entries)) = (lut.descriptor, lut.entries.clone()) else {
            return Err(damaged("its Modality LUT has no descriptor or no data"));
        };
        let stored = bytes.get(entries).unwrap_or_default();
        let count = if count == 0 { 1 << 16 } else { usize::from(count) };
        if !(8..=16).contains(&bits) {
            return Err(damaged(&format!("its Modality LUT has entries of {bits} bits")));
        }
        let is_bytes = bits == 8 && stored.len() < 2 * count;
        let size = if is_bytes { 1 } else { 2 };
        if stored.len() < size * count {
            let found = stored.len() / size;
            return Err(damaged(&format!("its Modality LUT holds {found} of {count} entries")));
        }
        let word = |bytes: &[u8]| match (bytes, big_endian) {
            ([a, b], true) => u16::from_be_bytes([*a, *b]),
            ([a, b], false) => u16::from_le_bytes([*a, *b]),
            _ => bytes.first().copied().unwrap_or_default().into(),
        };
        let words = || stored.chunks_exact(size).take(count).map(word);
        let is_hu = lut.unit.as_deref().is_none_or(|unit| unit == "HU" || unit == "US");
        let is_turned = !lut.is_signed && is_hu && words().any(|word| f32::from(word) > MAX_HU);
        let entry = |word: u16| if lut.is_signed || is_turned { f32::from(word as i16) } else { f32::from(word) };
        let first = if signed { i32::from(first as i16) } else { i32::from(first) };
        Ok(Table { first, entries: words().map(entry).collect(), is_turned })
    }

    /// What a stored value means: one before the first entry what that one does, one behind the last what that one does.
    pub(super) fn value(&self, stored: f32) -> f32 {
        let at = (stored as i64 - i64::from(self.first)).clamp(0, self.entries.len() as i64 - 1);
        self.entries[at as usize]
    }

    /// How far its entries reach.
    pub(super) fn range(&self) -> f32 {
        let fold = |start, of: fn(f32, f32) -> f32| self.entries.iter().copied().fold(start, of);
        fold(f32::NEG_INFINITY, f32::max) - fold(f32::INFINITY, f32::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(descriptor: [u16; 3], bytes: &[u8], unit: &str, is_signed: bool) -> Result<Table> {
        let unit = Some(unit.to_string());
        let lut = Lut { descriptor: Some(descriptor), unit, entries: Some(0..bytes.len()), is_signed };
        Table::read(&lut, bytes, false, true)
    }

    #[test]
    fn stored_values_beyond_the_table_mean_what_its_ends_do() {
        let bytes: Vec<u8> = [-1000i16, 0, 500].into_iter().flat_map(i16::to_le_bytes).collect();
        let table = read([3, (-1i16) as u16, 16], &bytes, "HU", true).unwrap();
        assert_eq!(
            [-5.0, -1.0, 0.0, 1.0, 9.0].map(|stored| table.value(stored)),
            [-1000.0, -1000.0, 0.0, 500.0, 500.0]
        );
        assert_eq!((table.range(), table.is_turned), (1500.0, false));
        // Hounsfield units of 64,536 are none.
        let turned = read([3, 0, 16], &bytes, "HU", false).unwrap();
        assert_eq!((turned.value(0.0), turned.is_turned), (-1000.0, true));
        assert_eq!(read([3, 0, 16], &bytes, "OD", false).unwrap().value(0.0), 64_536.0);
    }

    #[test]
    fn entries_of_a_byte_may_lie_in_bytes_or_words() {
        assert_eq!(read([4, 0, 8], &[1, 2, 3, 4], "HU", false).unwrap().value(2.0), 3.0);
        assert_eq!(read([2, 0, 8], &[1, 0, 3, 0], "HU", false).unwrap().value(1.0), 3.0);
        assert_eq!(read([0, 0, 8], &[7; 1 << 16], "HU", false).unwrap().value(60_000.0), 7.0);
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let reason = |descriptor, bytes: &[u8]| read(descriptor, bytes, "HU", false).unwrap_err().to_string();
        assert!(reason([3, 0, 16], &[0; 4]).contains("2 of 3 entries"));
        assert!(reason([0, 0, 16], &[0; 4]).contains("2 of 65536 entries"));
        assert!(reason([2, 0, 32], &[0; 8]).contains("32 bits"));
        assert!(Table::read(&Lut::default(), &[], false, false).is_err());
    }
}
