//! DICOM: the few header elements that a slice needs, and the pixel data, uncompressed or compressed.
//!
//! The data set is walked element by element and what is not needed is skipped: no name or date is ever read, of the ids those that tell
//! slices, series and studies apart, which are hashed at once, and a declared length takes no memory before it was held against the bytes that are there.
//!
//! | transfer syntax | decoder |
//! |---|---|
//! | Implicit and Explicit VR Little Endian, Explicit VR Big Endian | [`values`] |
//! | Deflated Explicit VR Little Endian | `flate2` |
//! | RLE Lossless | [`codec::rle`] |
//! | JPEG Baseline (8 bits) | the pictures' (`image`), by way of [`codec::jpeg`] |
//! | JPEG Extended (12 bits), JPEG Lossless | [`codec::jpeg`] |
//! | JPEG-LS Lossless and Near-Lossless | [`codec::jpeg_ls`] |
//! | JPEG 2000 Lossless and lossy, High-Throughput JPEG 2000 (all three) | [`codec::jpeg_2000`] |
//! | JPEG XL Lossless | [`codec::jpeg_xl`] |
//! | Encapsulated Uncompressed | [`codec::uncompressed`] |
//! | Deflated Image Frame | [`codec::deflate`] (`flate2`) |

mod codec;
mod colours;
mod decimal;
mod elements;
mod fault;
#[cfg(test)]
pub(super) mod fixture;
mod floats;
mod fragments;
mod header;
mod identity;
mod object;
mod orientation;
mod place;
mod spacing;
mod start;
mod syntax;
mod table;
mod values;
mod walk;

pub(super) use self::header::{Header, Peek, peek, place_of};
pub(super) use self::start::{Start, has_preamble, sniff};
