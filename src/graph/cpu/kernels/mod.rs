//! The arithmetic of the network. Owns no memory and knows no network: every kernel takes its tensors and says how they must lie.
//!
//! Convolutions work on pictures in **blocks of eight channels**: `[C / 8][H * W][8]`. A pixel's eight channels lie together, so that
//! eight of them fit the registers of any processor, the pixels beside it are at fixed distances, and a pointwise convolution reads its
//! input as it lies. Products with constant matrices take rows in the same blocks. Everything else works on **plain** tensors, row by row,
//! or value by value on either.

pub mod dense;
pub mod depthwise;
mod functions;
pub mod fused;
pub mod layout;
pub mod plain;
pub mod product;
mod simd;

pub use simd::Processor;

/// Eight channels of a pixel, or eight weights.
pub type Block = [f32; 8];

/// The blocks of a tensor in memory. Its length must be a multiple of eight.
pub fn blocks(values: &[f32]) -> &[Block] {
    let (blocks, rest) = values.as_chunks();
    debug_assert!(rest.is_empty());
    blocks
}

/// [`blocks`], to write to.
pub fn blocks_mut(values: &mut [f32]) -> &mut [Block] {
    let (blocks, rest) = values.as_chunks_mut();
    debug_assert!(rest.is_empty());
    blocks
}
