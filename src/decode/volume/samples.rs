//! The values of a volume: how they lie in its bytes, and between which bounds they are.

/// The kind of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

/// How values lie in the bytes, and what they are scaled by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Samples {
    pub kind: Kind,
    pub big_endian: bool,
    pub slope: f64,
    pub intercept: f64,
}

impl Samples {
    /// Values as they are stored; a slope of 0, and what is no number, is no scale.
    pub fn new(kind: Kind, big_endian: bool, slope: f64, intercept: f64) -> Samples {
        let is_scale = slope.is_finite() && slope != 0.0 && intercept.is_finite();
        let (slope, intercept) = if is_scale { (slope, intercept) } else { (1.0, 0.0) };
        Samples { kind, big_endian, slope, intercept }
    }

    /// Bytes of one.
    pub fn bytes(&self) -> usize {
        match self.kind {
            Kind::U8 | Kind::I8 => 1,
            Kind::U16 | Kind::I16 => 2,
            Kind::U32 | Kind::I32 | Kind::F32 => 4,
            Kind::U64 | Kind::I64 | Kind::F64 => 8,
        }
    }

    /// The value of a voxel of the volume whose values start at byte `at`; NaN where there is none.
    pub fn value(&self, bytes: &[u8], at: usize, voxel: usize) -> f64 {
        let size = self.bytes();
        bytes.get(at + voxel * size..at + (voxel + 1) * size).map_or(f64::NAN, |value| self.scaled(value))
    }

    fn scaled(&self, value: &[u8]) -> f64 {
        // Eight bytes, the least significant first.
        let mut bytes = [0; 8];
        for (at, byte) in value.iter().enumerate() {
            bytes[if self.big_endian { value.len() - 1 - at } else { at }] = *byte;
        }
        let bits = u64::from_le_bytes(bytes);
        let stored = match self.kind {
            Kind::U8 | Kind::U16 | Kind::U32 | Kind::U64 => bits as f64,
            Kind::I8 => f64::from(bits as i8),
            Kind::I16 => f64::from(bits as i16),
            Kind::I32 => f64::from(bits as i32),
            Kind::I64 => (bits as i64) as f64,
            Kind::F32 => f64::from(f32::from_bits(bits as u32)),
            Kind::F64 => f64::from_bits(bits),
        };
        stored * self.slope + self.intercept
    }
}

/// What all values of a volume have in common. What is no number counts nowhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Range {
    pub least: f64,
    pub greatest: f64,
    /// All are whole numbers.
    pub is_whole: bool,
    /// There are no more than [`MAX_LABELS`] different ones.
    pub is_few: bool,
}

/// The most values that a map of labels has: the lobes of both lungs with airways, vessels and lesions are fewer.
pub const MAX_LABELS: usize = 16;

impl Range {
    /// Goes through all values, which lie in `bytes`.
    pub fn of(samples: &Samples, bytes: &[u8]) -> Range {
        let mut found: Vec<f64> = Vec::with_capacity(MAX_LABELS + 1);
        let mut range = Range { least: f64::INFINITY, greatest: f64::NEG_INFINITY, is_whole: true, is_few: true };
        let mut last = f64::NAN;
        for value in bytes.chunks_exact(samples.bytes()).map(|value| samples.scaled(value)) {
            // Neighbours are often alike.
            if value == last || !value.is_finite() {
                continue;
            }
            last = value;
            range.least = range.least.min(value);
            range.greatest = range.greatest.max(value);
            range.is_whole &= value.fract() == 0.0;
            if found.len() <= MAX_LABELS && !found.contains(&value) {
                found.push(value);
            }
        }
        range.is_few = found.len() <= MAX_LABELS;
        range
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_in_both_orders() {
        let kinds: [(Kind, Vec<u8>, f64); 10] = [
            (Kind::U8, vec![200], 200.0),
            (Kind::I8, vec![200], -56.0),
            (Kind::U16, 60_000u16.to_le_bytes().to_vec(), 60_000.0),
            (Kind::I16, (-1024i16).to_le_bytes().to_vec(), -1024.0),
            (Kind::U32, 4_000_000_000u32.to_le_bytes().to_vec(), 4e9),
            (Kind::I32, (-1024i32).to_le_bytes().to_vec(), -1024.0),
            (Kind::U64, 5_000_000_000u64.to_le_bytes().to_vec(), 5e9),
            (Kind::I64, (-1024i64).to_le_bytes().to_vec(), -1024.0),
            (Kind::F32, (-0.5f32).to_le_bytes().to_vec(), -0.5),
            (Kind::F64, 1e-3f64.to_le_bytes().to_vec(), 1e-3),
        ];
        for (kind, mut bytes, expected) in kinds {
            let samples = |big_endian| Samples::new(kind, big_endian, 0.0, 7.0);
            assert_eq!(samples(false).bytes(), bytes.len());
            assert_eq!(samples(false).value(&bytes, 0, 0), expected, "{kind:?}");
            bytes.reverse();
            assert_eq!(samples(true).value(&bytes, 0, 0), expected, "{kind:?}");
            assert_eq!(Samples::new(kind, true, 2.0, -1.0).value(&bytes, 0, 0), 2.0 * expected - 1.0);
            assert!(samples(true).value(&bytes, 0, 1).is_nan());
        }
    }

    #[test]
    fn a_range_is_that_of_all_numbers() {
        let range = |values: &[f32]| {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            Range::of(&Samples::new(Kind::F32, false, 1.0, 0.0), &bytes)
        };
        let found = range(&[3.0, f32::NAN, -2.5, f32::INFINITY, 3.0]);
        assert_eq!((found.least, found.greatest, found.is_whole, found.is_few), (-2.5, 3.0, false, true));
        let many: Vec<f32> = (0..17).map(|value| value as f32).collect();
        assert!(range(&many[..16]).is_few && !range(&many).is_few && range(&many).is_whole);
    }
}
