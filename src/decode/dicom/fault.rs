//! The error of a damaged data set.

use crate::error::Error;

pub(super) const FORMAT: &str = "DICOM";

pub(super) fn damaged(reason: &str) -> Error {
    Error::Unreadable { format: FORMAT, reason: reason.to_string() }
}
