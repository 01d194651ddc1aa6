//! gzip (RFC 1952): a file that is packed by itself. What is in it is opened as if it were the file.

use super::{Limits, inflate};
use crate::error::{Error, Result};

const FORMAT: &str = "gzip";

/// Recognises a packed file; DEFLATE is the only method that there is.
pub(super) fn sniff(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x1F\x8B\x08")
}

/// What is in a packed file; a file that is not packed as it is.
///
/// # Errors
/// [`Error::TooLarge`] over the limit of an entry, [`Error::Unreadable`] for damaged data.
pub(super) fn unpacked(bytes: Vec<u8>, limits: &Limits) -> Result<Vec<u8>> {
    if !sniff(&bytes) {
        return Ok(bytes);
    }
    let limit = limits.inflated(bytes.len() as u64);
    inflate::all_members(&bytes, limit).map_err(|fault| match fault {
        inflate::Fault::TooLong => Error::TooLarge { what: "what the gzip file holds, in bytes,", value: None, limit },
        inflate::Fault::Damaged(error) => Error::Unreadable { format: FORMAT, reason: error.to_string() },
    })
}

/// The first bytes of what is in a packed file, at most `limit`.
pub(super) fn start(bytes: &[u8], limit: u64) -> Vec<u8> {
    inflate::start_of_members(bytes, limit)
}
