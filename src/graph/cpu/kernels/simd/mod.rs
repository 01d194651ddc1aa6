//! Vectors of f32 on each processor, and which of them this one has. This folder is the only place with unsafe code.

#![allow(unsafe_code, reason = "the instructions of a processor are unsafe to call on another")]

use super::Block;

/// A register of [`Vector::LANES`] f32. A kernel is written once over it and compiled for each processor.
pub trait Vector: Copy {
    /// 4, 8 or 16.
    const LANES: usize;
    /// Heights of a tile, the greatest first and 1 the last. At the greatest, with two vectors in each row and what a step needs, all
    /// registers are taken.
    const ROWS: &'static [usize];
    /// What works on one block of eight channels at a time.
    type Narrow: Vector;
    /// Whether the processor multiplies and adds in one instruction, with one rounding, in functions written for single values too.
    const FUSED: bool;

    fn splat(value: f32) -> Self;
    /// One channel of one row in all lanes.
    fn broadcast(x: &[Block], row: usize, channel: usize) -> Self;
    /// The first [`Vector::LANES`] values.
    fn load(values: &[f32]) -> Self;
    fn store(self, values: &mut [f32]);
    /// What lies in one block: eight lanes, or all if there are fewer. The second is only there where there are sixteen.
    #[inline(always)]
    fn join(pieces: [&[f32]; 2]) -> Self {
        Self::load(pieces[0])
    }
    /// Piece 0 or 1.
    #[inline(always)]
    fn store_piece(self, _piece: usize, values: &mut [f32]) {
        self.store(values);
    }
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
    /// The same with AVX-512: its foundation and its instructions for doubled and quadrupled words, bytes and shorter vectors.
    #[cfg(target_arch = "x86_64")]
    Avx512,
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
            if std::arch::is_x86_feature_detected!("avx512f")
                && std::arch::is_x86_feature_detected!("avx512bw")
                && std::arch::is_x86_feature_detected!("avx512dq")
                && std::arch::is_x86_feature_detected!("avx512vl")
            {
                all.push(Processor(Kind::Avx512));
            }
        }
        all
    }

    /// Of a register.
    pub(super) fn lanes(self) -> usize {
        self.known().0
    }

    /// The heights of tiles, the greatest first.
    pub(super) fn rows(self) -> &'static [usize] {
        self.known().1
    }

    fn known(self) -> (usize, &'static [usize]) {
        fn of<V: Vector>() -> (usize, &'static [usize]) {
            (V::LANES, V::ROWS)
        }
        match self.0 {
            #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
            Kind::Plain => of::<Plain>(),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => of::<Avx2>(),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => of::<Avx512>(),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Kind::Simd128 => of::<Simd128>(),
        }
    }
}

/// Calls `$kernel::<V>(..)` with the vectors of `$processor`; further constants come behind `V`.
macro_rules! dispatch {
    ($processor:expr, $kernel:ident $(<$($constant:literal),*>)? ($($name:ident: $type:ty),* $(,)?)) => {{
        match $processor.0 {
            #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
            $crate::graph::cpu::kernels::simd::Kind::Plain => $kernel::<$crate::graph::cpu::kernels::simd::Plain $($(, $constant)*)?>($($name),*),
            #[cfg(target_arch = "x86_64")]
            $crate::graph::cpu::kernels::simd::Kind::Avx2 => {
                #[target_feature(enable = "avx2,fma")]
                fn with_avx2($($name: $type),*) {
                    $kernel::<$crate::graph::cpu::kernels::simd::Avx2 $($(, $constant)*)?>($($name),*)
                }
                // SAFETY: `Processor::all` names Avx2 only where the processor has AVX2 and FMA.
                #[allow(unsafe_code, reason = "as in all of this file, for the kernels that it is called in")]
                let () = unsafe { with_avx2($($name),*) };
            }
            #[cfg(target_arch = "x86_64")]
            $crate::graph::cpu::kernels::simd::Kind::Avx512 => {
                #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
                fn with_avx512($($name: $type),*) {
                    $kernel::<$crate::graph::cpu::kernels::simd::Avx512 $($(, $constant)*)?>($($name),*)
                }
                // SAFETY: `Processor::all` names Avx512 only where the processor has all of these.
                #[allow(unsafe_code, reason = "as in all of this file, for the kernels that it is called in")]
                let () = unsafe { with_avx512($($name),*) };
            }
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            $crate::graph::cpu::kernels::simd::Kind::Simd128 => $kernel::<$crate::graph::cpu::kernels::simd::Simd128 $($(, $constant)*)?>($($name),*),
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
    const ROWS: &'static [usize] = &[4, 1];
    type Narrow = Self;
    const FUSED: bool = false;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Plain([value; 8])
    }

    #[inline(always)]
    fn broadcast(x: &[Block], row: usize, channel: usize) -> Self {
        Plain::splat(x[row][channel])
    }

    #[inline(always)]
    fn load(values: &[f32]) -> Self {
        Plain(std::array::from_fn(|lane| values[lane]))
    }

    #[inline(always)]
    fn store(self, values: &mut [f32]) {
        values[..8].copy_from_slice(&self.0);
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
pub use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub use simd128::Simd128;

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
