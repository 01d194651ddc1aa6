//! The chunks of a PNG (ISO/IEC 15948): one that was cut behind its pixels is given the end that it lacks.

use std::borrow::Cow;

use flate2::Crc;

const SIGNATURE: usize = 8;
/// Of a chunk beside its data: length, kind and checksum.
const LENGTH_AND_KIND: usize = 8;
const CHECKSUM: usize = 4;

/// The bytes with the end mark, if they lack only that: whether all pixels are there is left to the decoder.
///
/// `limit` is how long a file may be that is copied for it.
pub fn ended(bytes: &[u8], limit: u64) -> Cow<'_, [u8]> {
    let mut at = SIGNATURE;
    let mut has_pixels = false;
    // The last chunk, if it is one of pixels that was cut short.
    let mut cut = None;
    while let Some(head) = bytes.get(at..).and_then(|rest| rest.first_chunk::<LENGTH_AND_KIND>()) {
        let [a, b, c, d, kind @ ..] = *head;
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        let Some(end) = (at + LENGTH_AND_KIND).checked_add(length) else { break };
        let is_pixels = &kind == b"IDAT";
        if bytes.len() < end.saturating_add(CHECKSUM) {
            if is_pixels {
                cut = bytes.get(at + LENGTH_AND_KIND..end.min(bytes.len()));
            }
            break;
        }
        if &kind == b"IEND" {
            return Cow::Borrowed(bytes);
        }
        has_pixels |= is_pixels;
        at = end + CHECKSUM;
    }
    if !(has_pixels || cut.is_some()) || bytes.len() as u64 > limit {
        return Cow::Borrowed(bytes);
    }
    let mut whole = bytes[..at.min(bytes.len())].to_vec();
    for (kind, data) in cut.map(|data| (b"IDAT", data)).into_iter().chain([(b"IEND", &[][..])]) {
        let mut crc = Crc::new();
        crc.update(kind);
        crc.update(data);
        whole.extend((data.len() as u32).to_be_bytes());
        whole.extend(kind);
        whole.extend(data);
        whole.extend(crc.sum().to_be_bytes());
    }
    Cow::Owned(whole)
}
