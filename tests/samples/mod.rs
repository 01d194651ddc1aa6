//! What pydicom makes of the files of tests/dicom, as expected.toml says it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// expected.toml.
#[derive(Deserialize)]
pub struct Expected {
    /// By file, the SHA-256 of the Hounsfield units of all frames (i32, little endian).
    pub exact: BTreeMap<String, String>,
    /// By file, what is lossy.
    pub lossy: BTreeMap<String, Lossy>,
}

#[derive(Deserialize)]
pub struct Lossy {
    /// The file that holds what pydicom decodes, uncompressed.
    pub decoded: String,
    /// The most by which a value may differ, in HU: a stored value more or less.
    pub tolerance: f32,
}
