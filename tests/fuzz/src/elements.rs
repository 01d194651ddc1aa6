//! The beginnings of DICOM files that are made for a test.

/// Preamble and file meta group.
pub fn meta(syntax: &str) -> Vec<u8> {
    let mut bytes = vec![0; 128];
    bytes.extend(b"DICM");
    element(&mut bytes, [0x0002, 0x0010], b"UI", syntax.as_bytes());
    bytes
}

/// An element of an explicit little-endian data set with a short value.
pub fn element(bytes: &mut Vec<u8>, [group, number]: [u16; 2], vr: &[u8; 2], value: &[u8]) {
    bytes.extend(group.to_le_bytes());
    bytes.extend(number.to_le_bytes());
    bytes.extend(vr);
    bytes.extend((value.len().next_multiple_of(2) as u16).to_le_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(2), 0);
}
