//! Which transfer syntaxes hold the stored values as they are, and what is said of those that are not read.

use dicom_dictionary_std::uids;
use dicom_encoding::transfer_syntax::TransferSyntaxIndex;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use super::walk::Encoding;
use crate::error::Error;

/// Retired, and still in archives.
pub(super) const EXPLICIT_VR_BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";
/// The transfer syntaxes whose pixel data are the stored values, the last one once its data set was inflated.
pub(super) const UNCOMPRESSED: [&str; 4] = [
    uids::EXPLICIT_VR_LITTLE_ENDIAN,
    uids::IMPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
];
pub(super) const UNCOMPRESSED_ADVICE: &str = "export the series uncompressed (Explicit VR Little Endian)";

/// How the elements of a data set are encoded in a transfer syntax; `None` for one that is not known.
pub(super) fn encoding_of(uid: &str) -> Option<Encoding> {
    TransferSyntaxRegistry.get(uid)?;
    Some(Encoding { implicit: uid == uids::IMPLICIT_VR_LITTLE_ENDIAN, big_endian: uid == EXPLICIT_VR_BIG_ENDIAN })
}

/// What a transfer syntax is called.
pub(super) fn name_of(uid: &str) -> String {
    TransferSyntaxRegistry.get(uid).map_or_else(|| uid.to_string(), |syntax| syntax.name().to_string())
}

pub(super) fn unsupported_syntax(uid: &str) -> Error {
    let uid: String = uid.chars().filter(|c| c.is_ascii_digit() || *c == '.').take(64).collect();
    let what = match TransferSyntaxRegistry.get(&uid) {
        Some(syntax) => format!("the DICOM transfer syntax {} ({uid})", syntax.name()),
        None => format!("the DICOM transfer syntax \"{uid}\""),
    };
    Error::Unsupported { what, advice: UNCOMPRESSED_ADVICE }
}
