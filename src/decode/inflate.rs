//! DEFLATE (RFC 1951) by itself and in gzip files (RFC 1952), for as long as the result stays within its limit.

use std::io::{self, Read};

use flate2::bufread::{DeflateDecoder, GzDecoder, ZlibDecoder};

/// Why there is no result.
#[derive(Debug)]
pub(super) enum Fault {
    /// The result is longer than the limit. What came until then was dropped.
    TooLong,
    Damaged(io::Error),
}

/// Inflates `compressed` into at most `limit` bytes; what follows the stream is ignored.
///
/// # Errors
/// [`Fault`]
pub(super) fn all(compressed: &[u8], limit: u64) -> Result<Vec<u8>, Fault> {
    whole(|| DeflateDecoder::new(compressed), limit)
}

/// As [`all`], of a gzip file, which may have several members; what follows them is ignored.
pub(super) fn all_members(compressed: &[u8], limit: u64) -> Result<Vec<u8>, Fault> {
    whole(|| Members::new(compressed), limit)
}

/// As [`all`], of a zlib stream (RFC 1950), which is held against its checksum.
pub(super) fn all_of_zlib(compressed: &[u8], limit: u64) -> Result<Vec<u8>, Fault> {
    whole(|| ZlibDecoder::new(compressed), limit)
}

/// What is long is measured first, so that no more memory is taken than it needs: a vector that grows holds up to three times as much.
fn whole<R: Read>(stream: impl Fn() -> R, limit: u64) -> Result<Vec<u8>, Fault> {
    let bytes = up_to(stream(), limit.min(SHORT).saturating_add(1), 0)?;
    if bytes.len() as u64 <= limit.min(SHORT) {
        return Ok(bytes);
    }
    drop(bytes);
    let length = io::copy(&mut stream().take(limit.saturating_add(1)), &mut io::sink()).map_err(Fault::Damaged)?;
    if length > limit {
        return Err(Fault::TooLong);
    }
    up_to(stream(), length, length as usize)
}

/// Bytes that are inflated without measuring them first.
const SHORT: u64 = 4 << 20;

fn up_to(stream: impl Read, limit: u64, capacity: usize) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::with_capacity(capacity);
    stream.take(limit).read_to_end(&mut bytes).map_err(Fault::Damaged)?;
    Ok(bytes)
}

/// The first bytes, at most `limit`: fewer where the stream ends or is damaged before.
pub(super) fn start(compressed: &[u8], limit: u64) -> Vec<u8> {
    start_of(DeflateDecoder::new(compressed), limit)
}

/// As [`start`], of a gzip file.
pub(super) fn start_of_members(compressed: &[u8], limit: u64) -> Vec<u8> {
    start_of(Members::new(compressed), limit)
}

fn start_of(stream: impl Read, limit: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    // `read_to_end` leaves what came before an error.
    let _ = stream.take(limit).read_to_end(&mut bytes);
    bytes
}

/// Members of a gzip file at most: each takes time, however little it holds. Files of many, as bgzip makes them, have one for 64 KiB.
const MAX_MEMBERS: usize = 1 << 16;

/// The members of a gzip file, one behind the other, each held against its checksum.
struct Members<'a> {
    member: Option<GzDecoder<&'a [u8]>>,
    count: usize,
}

impl<'a> Members<'a> {
    fn new(compressed: &'a [u8]) -> Members<'a> {
        Members { member: Some(GzDecoder::new(compressed)), count: 1 }
    }
}

impl Read for Members<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let rest = self.member.take().map(GzDecoder::into_inner).unwrap_or_default();
            // Zeros of a padding, say, are no member.
            if rest.starts_with(b"\x1F\x8B") {
                self.count += 1;
                if self.count > MAX_MEMBERS {
                    return Err(io::Error::other("it has more than 65536 members"));
                }
                self.member = Some(GzDecoder::new(rest));
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder};

    fn deflate(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn the_limit_is_the_longest_result() {
        let compressed = deflate(&[7; 1000]);
        assert_eq!(all(&compressed, 1000).unwrap(), [7; 1000]);
        assert!(matches!(all(&compressed, 999), Err(Fault::TooLong)));
        assert!(matches!(all(&compressed[..compressed.len() - 2], 1000), Err(Fault::Damaged(_))));
        let long = vec![7; SHORT as usize + 1000];
        let compressed = deflate(&long);
        let limit = long.len() as u64;
        let inflated = all(&compressed, limit).unwrap();
        assert!(inflated == long && inflated.capacity() == long.len());
        assert!(matches!(all(&compressed, limit - 1), Err(Fault::TooLong)));
        assert!(matches!(all(&compressed[..compressed.len() - 2], limit), Err(Fault::Damaged(_))));
    }

    #[test]
    fn a_gzip_file_is_inflated_with_all_its_members() {
        let member = |bytes: &[u8]| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        let two = [member(b"one "), member(b""), member(b"and two"), vec![0; 100]].concat();
        assert_eq!(all_members(&two, 11).unwrap(), b"one and two");
        assert!(matches!(all_members(&two, 10), Err(Fault::TooLong)));
        assert_eq!(start_of_members(&two[..40], 6), b"one an"[..start_of_members(&two[..40], 6).len()]);
        let mut broken = member(b"text");
        let checksum = broken.len() - 8;
        broken[checksum] ^= 1;
        assert!(matches!(all_members(&broken, 100), Err(Fault::Damaged(_))));
    }

    #[test]
    fn a_start_is_as_long_as_it_can_be() {
        let text: Vec<u8> = (0..2000u32).flat_map(|i| (i * i).to_le_bytes()).collect();
        let compressed = deflate(&text);
        assert_eq!(start(&compressed, 100), text[..100]);
        let cut = start(&compressed[..compressed.len() / 2], 1 << 20);
        assert!(!cut.is_empty() && text.starts_with(&cut));
        assert!(start(b"\xFF\xFF no stream", 100).is_empty());
    }
}
