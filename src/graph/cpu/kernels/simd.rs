//! Vectors of f32 on each processor, and which of them this one has. The only place with unsafe code.

#![allow(unsafe_code, reason = "the instructions of a processor are unsafe to call on another")]

use super::Block;

/// A register of [`Vector::LANES`] f32. A kernel is written once over it and compiled for each processor.
pub trait Vector: Copy {
    /// 4 or 8.
    const LANES: usize;
    /// The rows of a pointwise tile: with two vectors each and what a step needs, all registers are taken.
    const ROWS: usize;

    fn splat(value: f32) -> Self;
    /// One channel of one row in all lanes.
    fn broadcast<const R: usize>(x: &[Block; R], row: usize, channel: usize) -> Self;
    /// The lanes from `part * LANES` on.
    fn load(block: &Block, part: usize) -> Self;
    fn store(self, block: &mut Block, part: usize);
    /// `self + a * b`, rounded once or twice.
    fn mul_add(self, a: Self, b: Self) -> Self;
    fn add(self, other: Self) -> Self;
    /// Between the two. What is not a number stays so, except with relaxed SIMD: there the compiler takes its minimum and maximum.
    fn clamp(self, low: Self, high: Self) -> Self;
}

/// What the kernels run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Processor(pub(super) Kind);

/// Only [`Processor`] makes these, so that one stands for what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Anything else, by what the compiler makes of arrays.
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    Plain,
    /// x86-64 with AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// WebAssembly with SIMD.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128,
}

impl Processor {
    /// The best that this machine has.
    pub fn best() -> Processor {
        Processor::all().pop().expect("there is always one")
    }

    /// All that this machine has, the best last.
    pub fn all() -> Vec<Processor> {
        #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
        let mut all = vec![Processor(Kind::Plain)];
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        let all = vec![Processor(Kind::Simd128)];
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
            all.push(Processor(Kind::Avx2));
        }
        all
    }
}

/// Calls `$kernel::<V>(..)` with the vectors of `$processor`.
macro_rules! dispatch {
    ($processor:expr, $kernel:ident($($name:ident: $type:ty),* $(,)?)) => {{
        match $processor.0 {
            #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
            $crate::graph::cpu::kernels::simd::Kind::Plain => $kernel::<$crate::graph::cpu::kernels::simd::Plain>($($name),*),
            #[cfg(target_arch = "x86_64")]
            $crate::graph::cpu::kernels::simd::Kind::Avx2 => {
                #[target_feature(enable = "avx2,fma")]
                fn with_avx2($($name: $type),*) {
                    $kernel::<$crate::graph::cpu::kernels::simd::Avx2>($($name),*)
                }
                // SAFETY: `Processor::all` names Avx2 only where the processor has AVX2 and FMA.
                #[allow(unsafe_code, reason = "as in all of this file, for the kernels that it is called in")]
                let () = unsafe { with_avx2($($name),*) };
            }
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            $crate::graph::cpu::kernels::simd::Kind::Simd128 => $kernel::<$crate::graph::cpu::kernels::simd::Simd128>($($name),*),
        }
    }};
}
pub(super) use dispatch;

/// Eight lanes as an array.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
#[derive(Clone, Copy)]
pub struct Plain([f32; 8]);

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
impl Vector for Plain {
    const LANES: usize = 8;
    const ROWS: usize = 4;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Plain([value; 8])
    }

    #[inline(always)]
    fn broadcast<const R: usize>(x: &[Block; R], row: usize, channel: usize) -> Self {
        Plain::splat(x[row][channel])
    }

    #[inline(always)]
    fn load(block: &Block, _part: usize) -> Self {
        Plain(*block)
    }

    #[inline(always)]
    fn store(self, block: &mut Block, _part: usize) {
        *block = self.0;
    }

    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        Plain(std::array::from_fn(|lane| self.0[lane] + a.0[lane] * b.0[lane]))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Plain(std::array::from_fn(|lane| self.0[lane] + other.0[lane]))
    }

    #[inline(always)]
    fn clamp(self, low: Self, high: Self) -> Self {
        let limit = |value: f32, low: f32, high: f32| {
            let raised = if value < low { low } else { value };
            if raised > high { high } else { raised }
        };
        Plain(std::array::from_fn(|lane| limit(self.0[lane], low.0[lane], high.0[lane])))
    }
}

#[cfg(target_arch = "x86_64")]
pub use avx2::Avx2;

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::{Block, Vector};

    /// Eight lanes in one register. Its methods may only be reached through `dispatch`, which knows that the processor has AVX2 and FMA.
    #[derive(Clone, Copy)]
    pub struct Avx2(__m256);

    impl Vector for Avx2 {
        const LANES: usize = 8;
        const ROWS: usize = 6;

        #[inline(always)]
        fn splat(value: f32) -> Self {
            // SAFETY: the processor has AVX2.
            Avx2(unsafe { _mm256_set1_ps(value) })
        }

        #[inline(always)]
        fn broadcast<const R: usize>(x: &[Block; R], row: usize, channel: usize) -> Self {
            // SAFETY: the processor has AVX2.
            Avx2(unsafe { _mm256_broadcast_ss(&x[row][channel]) })
        }

        #[inline(always)]
        fn load(block: &Block, _part: usize) -> Self {
            // SAFETY: the processor has AVX2, and a block is eight f32.
            Avx2(unsafe { _mm256_loadu_ps(block.as_ptr()) })
        }

        #[inline(always)]
        fn store(self, block: &mut Block, _part: usize) {
            // SAFETY: the processor has AVX2, and a block is eight f32.
            unsafe { _mm256_storeu_ps(block.as_mut_ptr(), self.0) }
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
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub use simd128::Simd128;

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128 {
    use std::arch::wasm32::*;

    use super::{Block, Vector};

    /// Four lanes in one register.
    #[derive(Clone, Copy)]
    pub struct Simd128(v128);

    impl Vector for Simd128 {
        const LANES: usize = 4;
        // A product that is rounded by itself needs a register to lie in.
        const ROWS: usize = if cfg!(target_feature = "relaxed-simd") { 5 } else { 4 };

        #[inline(always)]
        fn splat(value: f32) -> Self {
            Simd128(f32x4_splat(value))
        }

        #[inline(always)]
        fn broadcast<const R: usize>(x: &[Block; R], row: usize, channel: usize) -> Self {
            assert!(row < R && channel < 8);
            // The channel first, so that the row becomes part of the instruction; indices would come out the other way round.
            // SAFETY: both lie within `x`.
            Simd128(unsafe { v128_load32_splat(x.as_ptr().cast::<u32>().add(channel).add(row * 8)) })
        }

        #[inline(always)]
        fn load(block: &Block, part: usize) -> Self {
            let half: &[f32; 4] =
                if part == 0 { block.first_chunk() } else { block.last_chunk() }.expect("a block has two halves");
            // SAFETY: a half is four f32.
            Simd128(unsafe { v128_load(half.as_ptr().cast()) })
        }

        #[inline(always)]
        fn store(self, block: &mut Block, part: usize) {
            let half: &mut [f32; 4] = if part == 0 { block.first_chunk_mut() } else { block.last_chunk_mut() }
                .expect("a block has two halves");
            // SAFETY: a half is four f32.
            unsafe { v128_store(half.as_mut_ptr().cast(), self.0) }
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
}
