//! Vectors of WebAssembly.

use std::arch::wasm32::*;

use super::{Block, Vector};

/// Four lanes in one register.
#[derive(Clone, Copy)]
pub struct Simd128(v128);

impl Vector for Simd128 {
    const LANES: usize = 4;
    // A product that is rounded by itself needs a register to lie in.
    const ROWS: &'static [usize] = if cfg!(target_feature = "relaxed-simd") { &[5, 1] } else { &[4, 1] };
    type Narrow = Self;
    const FUSED: bool = false;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Simd128(f32x4_splat(value))
    }

    #[inline(always)]
    fn broadcast(x: &[Block], row: usize, channel: usize) -> Self {
        assert!(row < x.len() && channel < 8);
        // The channel first, so that the row becomes part of the instruction; indices would come out the other way round.
        // SAFETY: both lie within `x`.
        Simd128(unsafe { v128_load32_splat(x.as_ptr().cast::<u32>().add(channel).add(row * 8)) })
    }

    #[inline(always)]
    fn load(values: &[f32]) -> Self {
        // SAFETY: these are four f32.
        Simd128(unsafe { v128_load(values[..4].as_ptr().cast()) })
    }

    #[inline(always)]
    fn store(self, values: &mut [f32]) {
        // SAFETY: these are four f32.
        unsafe { v128_store(values[..4].as_mut_ptr().cast(), self.0) }
    }

    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        // Rounded once where the processor has such an instruction.
        #[cfg(target_feature = "relaxed-simd")]
        let sum = f32x4_relaxed_madd(a.0, b.0, self.0);
        #[cfg(not(target_feature = "relaxed-simd"))]
        let sum = f32x4_add(self.0, f32x4_mul(a.0, b.0));
        Simd128(sum)
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Simd128(f32x4_add(self.0, other.0))
    }

    #[inline(always)]
    fn clamp(self, low: Self, high: Self) -> Self {
        // Unlike min and max, these two are one instruction on x86; with one that is not a number they give the first operand.
        Simd128(f32x4_pmin(f32x4_pmax(self.0, low.0), high.0))
    }
}
