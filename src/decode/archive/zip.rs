//! ZIP: where the archive begins and ends in a file, and what its directory lists.

use rawzip::{CompressionMethod, ZipArchive, ZipFileHeaderRecord, ZipSliceArchive};

use super::{Found, Limits, Packed, name};
use crate::error::{Error, Result};

const FORMAT: &str = "ZIP";
/// What a file that is an archive begins with: its first entry, its end where there is none, or the mark of one that could have been split.
const STARTS: [&[u8]; 4] = [b"PK\x03\x04", b"PK\x05\x06", b"PK00PK\x03\x04", b"PK\x07\x08PK\x03\x04"];
const END: &[u8] = b"PK\x05\x06";
const END_LENGTH: usize = 22;
const RECORD: &[u8] = b"PK\x01\x02";
const END_64: &[u8] = b"PK\x06\x06";
const END_64_LENGTH: usize = 56;
const LOCATOR: &[u8] = b"PK\x06\x07";
const LOCATOR_LENGTH: usize = 20;
/// How far from the end of the file the end of the archive is looked for, in bytes: a comment and a padding may follow it.
const MAX_BEHIND: usize = 1 << 20;
/// The field that holds a name in UTF-8, with the checksum of the name that it stands for (Info-ZIP).
const UNICODE_PATH: u16 = 0x7075;
/// The attribute of a folder on FAT.
const FOLDER: u32 = 0x10;

pub(super) fn sniff(bytes: &[u8]) -> bool {
    STARTS.iter().any(|start| bytes.starts_with(start))
}

/// Whether an archive ends at the end of the file, whatever stands in front of it.
pub(super) fn is_behind(bytes: &[u8]) -> bool {
    end(bytes).is_some_and(|end| end.has_records)
}

/// Where an archive ends.
struct End {
    /// Of its last record.
    at: usize,
    /// Bytes in front of the archive that its offsets do not count.
    front: usize,
    /// Whether a directory of entries was found where the end says.
    has_records: bool,
}

/// The last record that can be an archive's end, with a directory if there is one: a comment may hold what looks like an end.
fn end(bytes: &[u8]) -> Option<End> {
    let from = bytes.len().saturating_sub(MAX_BEHIND);
    let candidates = (from..bytes.len().checked_sub(END_LENGTH)? + 1).rev();
    let mut empty = None;
    for at in candidates.filter(|&at| bytes[at..].starts_with(END)) {
        match end_at(bytes, at) {
            Some(end) if end.has_records => return Some(end),
            end => empty = empty.or(end),
        }
    }
    empty
}

fn end_at(bytes: &[u8], at: usize) -> Option<End> {
    let short = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let long = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let wide = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    let is = |at: usize, mark: &[u8]| bytes[at..].starts_with(mark);
    if at + END_LENGTH + usize::from(short(at + 20)) > bytes.len() {
        return None;
    }
    // In an archive of 64 bits, the record of its end stands before the locator, which says where it begins.
    let locator = at.checked_sub(LOCATOR_LENGTH).filter(|&at| is(at, LOCATOR));
    let record = locator.and_then(|at| Some((at, at.checked_sub(END_64_LENGTH)?))).filter(|&(_, at)| is(at, END_64));
    let (directory_end, size, offset, front) = match record {
        Some((locator, at)) => (at, wide(at + 40), wide(at + 48), (at as u64).checked_sub(wide(locator + 8))),
        None => (at, long(at + 12).into(), long(at + 16).into(), None),
    };
    // Where the directory lies directly before the end, its offset tells what is in front.
    let directory = (directory_end as u64).checked_sub(size);
    let has_records = directory.is_some_and(|at| size > 0 && is(at as usize, RECORD));
    let front = front.or_else(|| directory.filter(|_| has_records)?.checked_sub(offset));
    Some(End { at, front: front.unwrap_or(0) as usize, has_records })
}

/// The files of the directory. What stands in front of the archive and behind it is taken from `bytes`.
///
/// # Errors
/// [`Error::Unreadable`] for a damaged directory or entries that share their bytes, [`Error::TooLarge`] for more than `limits`.
pub(super) fn files(bytes: &mut Vec<u8>, limits: &Limits) -> Result<Vec<Found>> {
    if let Some(end) = end(bytes) {
        bytes.truncate(end.at + END_LENGTH);
        bytes[end.at + END_LENGTH - 2..].fill(0);
        bytes.drain(..end.front);
    }
    let mut files = Vec::new();
    let archive = ZipArchive::from_slice(&bytes[..]).map_err(damaged)?;
    Limits::check("the number of entries", archive.entries_hint(), limits.entries)?;
    let (mut count, mut compressed, mut expanded) = (0u64, 0u64, 0u64);
    let mut records = archive.entries();
    while let Some(record) = records.next_entry().map_err(damaged)? {
        count += 1;
        Limits::check("the number of entries", count, limits.entries)?;
        let path = path(&record);
        let is_folder = path.ends_with(['/', '\\'])
            || (record.external_attributes() & FOLDER != 0 && record.uncompressed_size_hint() == 0);
        if is_folder {
            continue;
        }
        compressed = compressed.saturating_add(record.compressed_size_hint());
        expanded = expanded.saturating_add(record.uncompressed_size_hint());
        Limits::check("the size of all entries in bytes", expanded, limits.unpacked(bytes.len() as u64))?;
        if compressed > bytes.len() as u64 {
            return Err(unreadable("its entries share their bytes"));
        }
        let name = name::clean(&path, |c| matches!(c, '/' | '\\'));
        files.push(Found { name, packed: packed(&archive, &record, limits) });
    }
    Ok(files)
}

/// The path of an entry as text, by the field that has it in UTF-8, if that stands for this very name.
fn path(record: &ZipFileHeaderRecord) -> String {
    let path = record.file_path();
    let bytes = path.as_bytes();
    let field = record.extra_fields().find(|(id, _)| id.as_u16() == UNICODE_PATH);
    let unicode = field.and_then(|(_, field)| {
        let (version, rest) = field.split_first()?;
        let (expected, text) = rest.split_at_checked(4)?;
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        (*version == 1 && expected == crc.sum().to_le_bytes()).then_some(())?;
        std::str::from_utf8(text).ok()
    });
    unicode.map_or_else(|| name::from_zip(bytes), str::to_string)
}

/// Finds an entry, if it can be read within `limits`.
fn packed(archive: &ZipSliceArchive<&[u8]>, record: &ZipFileHeaderRecord, limits: &Limits) -> Result<Packed> {
    let flags = record.flags();
    if flags.is_encrypted() || flags.has_strong_encryption() {
        let advice = "unpack the archive with its password first";
        return Err(Error::Unsupported { what: "an encrypted entry".to_string(), advice });
    }
    let is_deflated = match record.compression_method() {
        CompressionMethod::STORE => false,
        CompressionMethod::DEFLATE => true,
        method => {
            let method = method.name().map_or_else(|| method.as_u16().to_string(), str::to_string);
            let what = format!("the compression method {method} of an entry");
            return Err(Error::Unsupported { what, advice: "unpack the archive first" });
        }
    };
    let (start, end) = archive.get_entry(record.wayfinder()).map_err(damaged)?.compressed_data_range();
    let size = record.uncompressed_size_hint();
    Limits::check("the size of the entry in bytes", size, limits.inflated(end - start))?;
    let crc = Some(record.crc32());
    Ok(Packed { data: start as usize..end as usize, is_deflated, size, crc, format: FORMAT })
}

fn unreadable(reason: &str) -> Error {
    Error::Unreadable { format: FORMAT, reason: reason.to_string() }
}

fn damaged(error: rawzip::Error) -> Error {
    unreadable(&error.to_string())
}
