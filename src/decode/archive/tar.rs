//! tar (POSIX.1-1988 ustar, POSIX.1-2001 pax, GNU): headers of one block each, and the files behind them.

use super::{Found, Limits, Packed, name};
use crate::error::{Error, Result};

const FORMAT: &str = "tar";
const BLOCK: usize = 512;
/// Bytes of a name that a header of its own holds.
const MAX_NAME: usize = 64 << 10;

/// The fields of a header, as places in its block.
mod field {
    use std::ops::Range;

    pub const NAME: Range<usize> = 0..100;
    pub const SIZE: Range<usize> = 124..136;
    pub const CHECKSUM: Range<usize> = 148..156;
    pub const KIND: usize = 156;
    pub const MAGIC: Range<usize> = 257..263;
    pub const PREFIX: Range<usize> = 345..500;
}

/// Recognises an archive by its first header.
pub(super) fn sniff(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| *first != 0) && header(bytes).is_some()
}

/// The next header, if its checksum is right.
fn header(bytes: &[u8]) -> Option<&[u8]> {
    let header = bytes.get(..BLOCK)?;
    // The checksum counts its own field as spaces.
    let sum: u64 =
        (0..BLOCK).map(|at| if field::CHECKSUM.contains(&at) { u64::from(b' ') } else { u64::from(header[at]) }).sum();
    (octal(&header[field::CHECKSUM]) == Some(sum)).then_some(header)
}

/// The files of an archive. It ends at a block of zeros, or at its last byte; what follows a damaged header is one file that cannot be
/// read.
///
/// # Errors
/// [`Error::Unreadable`] for a size that is none, [`Error::TooLarge`] for more than `limits`.
pub(super) fn files(bytes: &[u8], limits: &Limits) -> Result<Vec<Found>> {
    let (mut files, mut at, mut count) = (Vec::new(), 0, 0);
    // What headers before a file's own say of it.
    let mut ahead = Ahead::default();
    while let Some(block) = bytes.get(at..at + BLOCK).filter(|block| block.iter().any(|byte| *byte != 0)) {
        let Some(header) = header(block) else {
            // What came before it is read all the same.
            let packed = Err(unreadable("a header is damaged, and what follows it is lost"));
            files.push(Found { name: "rest of the archive".to_string(), packed });
            break;
        };
        count += 1;
        Limits::check("the number of entries", count, limits.entries)?;
        let kind = header[field::KIND];
        let stated = number(&header[field::SIZE]).ok_or_else(|| unreadable("the size of an entry is no number"))?;
        // Links and folders have no content, whatever their size says.
        let size = match kind {
            b'1'..=b'6' => 0,
            b'0' | 0 | b'7' => ahead.size.unwrap_or(stated),
            _ => stated,
        };
        let start = at + BLOCK;
        let end = start.checked_add(usize::try_from(size).unwrap_or(usize::MAX)).filter(|end| *end <= bytes.len());
        let Some(end) = end else {
            if matches!(kind, b'0' | 0 | b'7') {
                let name = ahead.name(header);
                files.push(Found { name, packed: Err(unreadable("the archive ends within this entry")) });
            }
            break;
        };
        let content = &bytes[start..end];
        match kind {
            b'L' => ahead.path = Some(content[..content.len().min(MAX_NAME)].to_vec()),
            b'x' => ahead.extend(content),
            b'0' | 0 | b'7' => {
                let name = ahead.name(header);
                // Folders of old archives are files whose names end with a slash.
                let is_folder = ahead.raw(header).ends_with(b"/");
                if !is_folder {
                    let packed = Limits::check("the size of the entry in bytes", size, limits.entry).map(|()| Packed {
                        data: start..end,
                        is_deflated: false,
                        size,
                        crc: None,
                        format: FORMAT,
                    });
                    files.push(Found { name, packed });
                }
                ahead = Ahead::default();
            }
            // Of the next link's name, and what holds for all files: nothing that is needed.
            b'K' | b'g' => {}
            _ => ahead = Ahead::default(),
        }
        let Some(next) = end.checked_next_multiple_of(BLOCK) else { break };
        at = next;
    }
    Ok(files)
}

/// What the headers before a file's own say of it.
#[derive(Default)]
struct Ahead {
    path: Option<Vec<u8>>,
    size: Option<u64>,
}

impl Ahead {
    /// Records of pax: `length key=value` and a line end, the length being that of all of it.
    fn extend(&mut self, mut records: &[u8]) {
        while let Some(space) = records.iter().position(|byte| *byte == b' ') {
            let length = std::str::from_utf8(&records[..space]).ok().and_then(|text| text.parse::<usize>().ok());
            let Some(record) = length.filter(|length| *length > space + 1).and_then(|length| records.get(..length))
            else {
                return;
            };
            let text = record[space + 1..].strip_suffix(b"\n").unwrap_or(&record[space + 1..]);
            if let Some(path) = text.strip_prefix(b"path=") {
                self.path = Some(path[..path.len().min(MAX_NAME)].to_vec());
            } else if let Some(size) = text.strip_prefix(b"size=") {
                self.size = std::str::from_utf8(size).ok().and_then(|text| text.parse().ok());
            }
            records = &records[record.len()..];
        }
    }

    fn raw(&self, header: &[u8]) -> Vec<u8> {
        let text = |bytes: &[u8]| bytes.split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
        match &self.path {
            Some(path) => text(path),
            // GNU has other things where ustar has the start of a long path.
            None if header[field::MAGIC] == *b"ustar\0" && header[field::PREFIX.start] != 0 => {
                [&text(&header[field::PREFIX])[..], b"/", &text(&header[field::NAME])].concat()
            }
            None => text(&header[field::NAME]),
        }
    }

    fn name(&self, header: &[u8]) -> String {
        name::clean(&name::from_tar(&self.raw(header)), |c| c == '/')
    }
}

/// A number of octal digits, or in base 256 after a first byte of 0x80.
fn number(bytes: &[u8]) -> Option<u64> {
    match bytes {
        [0x80, high @ .., _, _, _, _, _, _, _, _] if high.iter().all(|byte| *byte == 0) => {
            bytes[bytes.len() - 8..].try_into().ok().map(u64::from_be_bytes)
        }
        _ => octal(bytes),
    }
}

fn octal(bytes: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(bytes).ok()?.trim_matches([' ', '\0']);
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}

fn unreadable(reason: &str) -> Error {
    Error::Unreadable { format: FORMAT, reason: reason.to_string() }
}
