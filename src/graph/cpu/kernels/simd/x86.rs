//! Vectors of x86-64: AVX2 and AVX-512.

use std::arch::x86_64::*;

use super::{Block, Vector};

/// Eight lanes in one register. Its methods may only be reached through `dispatch`, which knows that the processor has AVX2 and FMA.
#[derive(Clone, Copy)]
pub struct Avx2(__m256);

impl Vector for Avx2 {
    const LANES: usize = 8;
    const ROWS: &'static [usize] = &[6, 5, 4, 2, 1];
    type Narrow = Self;
    const FUSED: bool = true;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: the processor has AVX2.
        Avx2(unsafe { _mm256_set1_ps(value) })
    }

    #[inline(always)]
    fn broadcast(x: &[Block], row: usize, channel: usize) -> Self {
        // SAFETY: the processor has AVX2.
        Avx2(unsafe { _mm256_broadcast_ss(&x[row][channel]) })
    }

    #[inline(always)]
    fn load(values: &[f32]) -> Self {
        // SAFETY: the processor has AVX2, and these are eight f32.
        Avx2(unsafe { _mm256_loadu_ps(values[..8].as_ptr()) })
    }

    #[inline(always)]
    fn store(self, values: &mut [f32]) {
        // SAFETY: the processor has AVX2, and these are eight f32.
        unsafe { _mm256_storeu_ps(values[..8].as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        // SAFETY: the processor has FMA.
        Avx2(unsafe { _mm256_fmadd_ps(a.0, b.0, self.0) })
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: the processor has AVX2.
        Avx2(unsafe { _mm256_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn clamp(self, low: Self, high: Self) -> Self {
        // The second operand is what these give when one is not a number.
        // SAFETY: the processor has AVX2.
        Avx2(unsafe { _mm256_min_ps(high.0, _mm256_max_ps(low.0, self.0)) })
    }
}

/// Sixteen lanes in one register: two blocks. Its methods may only be reached through `dispatch`, as those of [`Avx2`].
#[derive(Clone, Copy)]
pub struct Avx512(__m512);

impl Vector for Avx512 {
    const LANES: usize = 16;
    const ROWS: &'static [usize] = &[14, 12, 10, 9, 8, 7, 6, 4, 2, 1];
    type Narrow = Avx2;
    const FUSED: bool = true;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: the processor has AVX-512.
        Avx512(unsafe { _mm512_set1_ps(value) })
    }

    #[inline(always)]
    fn broadcast(x: &[Block], row: usize, channel: usize) -> Self {
        Avx512::splat(x[row][channel])
    }

    #[inline(always)]
    fn load(values: &[f32]) -> Self {
        // SAFETY: the processor has AVX-512, and these are sixteen f32.
        Avx512(unsafe { _mm512_loadu_ps(values[..16].as_ptr()) })
    }

    #[inline(always)]
    fn store(self, values: &mut [f32]) {
        // SAFETY: the processor has AVX-512, and these are sixteen f32.
        unsafe { _mm512_storeu_ps(values[..16].as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn join(pieces: [&[f32]; 2]) -> Self {
        let [low, high] = pieces.map(|piece| Avx2::load(piece).0);
        // SAFETY: the processor has AVX-512 with its instructions for doubled and quadrupled words.
        Avx512(unsafe { _mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1) })
    }

    #[inline(always)]
    fn store_piece(self, piece: usize, values: &mut [f32]) {
        // SAFETY: as in `join`.
        let half =
            unsafe { if piece == 0 { _mm512_castps512_ps256(self.0) } else { _mm512_extractf32x8_ps(self.0, 1) } };
        Avx2(half).store(values);
    }

    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        // SAFETY: the processor has AVX-512.
        Avx512(unsafe { _mm512_fmadd_ps(a.0, b.0, self.0) })
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: the processor has AVX-512.
        Avx512(unsafe { _mm512_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn clamp(self, low: Self, high: Self) -> Self {
        // As in AVX2.
        // SAFETY: the processor has AVX-512.
        Avx512(unsafe { _mm512_min_ps(high.0, _mm512_max_ps(low.0, self.0)) })
    }
}
