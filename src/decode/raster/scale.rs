//! The scale from stored values to gray levels: what is white where a picture does not use all of its bits, and whether these are the whole
//! range of a scanner.

use crate::slice::{AIR, METAL};

/// From black, which is 0, to white.
pub struct Scale {
    white: f32,
    /// How many bits are used of how many, where these are not all.
    used: Option<[u32; 2]>,
    /// What a person should know of it.
    pub note: Option<String>,
}

impl Scale {
    /// White is what the file says.
    pub fn plain(white: f32) -> Scale {
        Scale { white, used: None, note: None }
    }

    /// White is the greatest number of the bits that are used, which are 8 or more: cameras, scanners and research programs store 10, 12 or
    /// 14 bits in 16. Levels that were [widened](is_widened) use all bits, however dark they are.
    pub fn of_bits(greatest: f32, bits: u32, is_widened: bool) -> Scale {
        let used = (greatest as u32).checked_ilog2().map_or(8, |last| (last + 1).max(8));
        if is_widened || used >= bits || greatest == 0.0 {
            return Scale::plain(((1u64 << bits) - 1) as f32);
        }
        let note = format!("its values use {used} of {bits} bits and are scaled by these");
        Scale { white: ((1u64 << used) - 1) as f32, used: Some([used, bits]), note: Some(note) }
    }

    /// Hounsfield units, and what a person should know of them, if the bits that are used hold the whole range of a scanner, as research
    /// collections have it: each value a Hounsfield unit above air, or all of them scaled alike.
    pub fn units<I: Iterator<Item = f32>>(&self, values: &dyn Fn() -> I) -> Option<(Vec<f32>, String)> {
        let [used, bits] = self.used?;
        let scaled = (METAL - AIR) / self.white;
        // Bone has more than 1,024 Hounsfield units above air, and takes 11 bits.
        let scales = [(used > 10).then_some(1.0), Some(scaled)];
        let mut scales = scales.into_iter().flatten();
        let scale = scales.find(|scale| is_whole_range(values().map(|value| value * scale)))?;
        let note = format!("its values use {used} of {bits} bits and are read as Hounsfield units from {AIR} on");
        Some((values().map(|value| value * scale + AIR).collect(), note))
    }

    /// Floating-point numbers, of which one stands for white.
    pub fn floats(white: f32) -> Scale {
        Scale { white, used: None, note: Some(format!("its floating-point values are read as gray from 0 to {white}")) }
    }

    /// The gray level of a value.
    pub fn level(&self, value: f32) -> u8 {
        (value / self.white * 255.0).round() as u8
    }
}

/// Whether values are Hounsfield units above air of a slice of a chest: air around it, soft tissue and fat are where they must be, little is
/// denser, and lungs are there with air in them. In no window that is used to look at a chest they are all at those places.
fn is_whole_range(values: impl Iterator<Item = f32>) -> bool {
    const AIR: std::ops::Range<f32> = 0.0..60.0;
    const AERATED: std::ops::Range<f32> = 60.0..350.0;
    const PARTLY: std::ops::Range<f32> = 350.0..750.0;
    const SOFT: std::ops::Range<f32> = 850.0..1250.0;
    let (mut all, mut air, mut aerated, mut partly, mut soft, mut dense) = (0u64, 0u64, 0u64, 0u64, 0u64, 0u64);
    for value in values {
        all += 1;
        air += u64::from(AIR.contains(&value));
        aerated += u64::from(AERATED.contains(&value));
        partly += u64::from(PARTLY.contains(&value));
        soft += u64::from(SOFT.contains(&value));
        dense += u64::from(value >= SOFT.end);
    }
    air * 50 >= all && soft * 10 >= all && dense * 4 <= soft && aerated * 50 >= all && aerated > partly
}

/// Whether values of 16 bits are levels of 8, each written twice: 0xABAB.
pub fn is_widened(mut values: impl Iterator<Item = u16>) -> bool {
    values.all(|value| value >> 8 == value & 0xFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_is_what_the_bits_that_are_used_can_hold() {
        for (greatest, bits, white, noted) in [
            (65_535.0, 16, 255, false),
            (40_000.0, 16, 156, false),
            (32_767.0, 16, 255, true),
            (4095.0, 16, 255, true),
            (4094.0, 16, 255, true),
            (2048.0, 16, 128, true),
            (1023.0, 16, 255, true),
            (255.0, 16, 255, true),
            (40.0, 16, 40, true),
            (0.0, 16, 0, false),
            (4095.0, 32, 255, true),
            (4_294_967_295.0, 32, 255, false),
        ] {
            let scale = Scale::of_bits(greatest, bits, false);
            assert_eq!((scale.level(greatest), scale.note.is_some()), (white, noted), "{greatest} of {bits} bits");
        }
        assert_eq!(Scale::of_bits(f32::from(0x4040u16), 16, true).level(f32::from(0x4040u16)), 0x40);
        assert!(is_widened([0, 0x0101, 0xFFFF].into_iter()) && !is_widened([0x0100].into_iter()));
    }
}
