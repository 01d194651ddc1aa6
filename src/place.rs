//! Where a slice belongs, as its file says: series, position, and what tells the stacks of a series apart. No output holds a UID: they are
//! hashed as they are read. Knows no file and no reading.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Where a slice belongs, as its file says. No output holds it: it groups and orders slices.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Place {
    /// Whom it is of: DICOM (0010,0020), which is no UID and is treated like one.
    pub patient: Option<Uid>,
    /// DICOM (0020,000E), or (0020,9161) where that is missing.
    pub series: Option<Uid>,
    /// What a hospital calls the study, DICOM (0020,000D): several series of one visit.
    pub visit: Option<Uid>,
    /// DICOM (0008,0018).
    pub instance: Option<Uid>,
    /// Millimetres along the normal of the slice, towards the head: of DICOM (0020,0032) and (0020,0037). `None` for a frame for which no
    /// functional group gives a position.
    pub height: Option<f64>,
    /// Millimetres in a direction that the scanner chose, DICOM (0020,1041).
    pub location: Option<f64>,
    /// DICOM (0020,0013); of a frame that in its stack or its concatenation, if it has any.
    pub number: Option<i64>,
    /// What tells it from slices of other stacks of its series.
    pub marks: Marks,
    /// What its pixels are told from others by; `None` before it was decoded.
    pub pixels: Option<u64>,
}

/// What a file says of the stack that a slice is in.
pub type Marks = BTreeMap<Mark, String>;

/// What may differ between the stacks of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// DICOM (0020,0012), or (0020,9156) of a frame.
    Acquisition,
    /// DICOM (0018,0086).
    Echo,
    /// DICOM (0020,0100), or (0020,9128).
    Time,
    /// DICOM (0020,9056).
    Stack,
    /// DICOM (0008,0008), or (0008,9007) of a frame.
    ImageType,
    /// DICOM (0018,1210).
    Kernel,
    /// DICOM (0018,0050), in millimetres.
    Thickness,
}

/// A [`Place`] with words for its UIDs, as hosts hand it on and [studies](crate::study) are made of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spot {
    /// Equal for slices of one patient.
    pub patient: Option<String>,
    /// Equal for slices of one series.
    pub series: Option<String>,
    /// Equal for series of one visit.
    pub visit: Option<String>,
    /// Equal for what is the same slice.
    pub instance: Option<String>,
    /// As [`Place::height`].
    pub height: Option<f64>,
    /// As [`Place::location`].
    pub location: Option<f64>,
    /// As [`Place::number`].
    pub number: Option<i64>,
    /// As [`Place::marks`].
    pub marks: Marks,
    /// As [`Place::pixels`].
    pub pixels: Option<String>,
}

impl Spot {
    /// The words are equal for equal UIDs and equal salts.
    pub fn of(place: &Place, salt: &[u8]) -> Spot {
        let word = |uid: Option<Uid>| uid.map(|uid| uid.key(salt));
        Spot {
            patient: word(place.patient),
            series: word(place.series),
            visit: word(place.visit),
            instance: word(place.instance),
            height: place.height,
            location: place.location,
            number: place.number,
            marks: place.marks.clone(),
            pixels: place.pixels.map(|pixels| format!("{pixels:016x}")),
        }
    }

    /// Where it lies, in hundredths of a millimetre, whoever says it.
    pub fn position(&self) -> Option<i64> {
        self.height.or(self.location).filter(|at| at.is_finite()).map(|at| (at * 100.0).round() as i64)
    }
}

/// A UID, to be told from others. The UID itself is not kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Uid([u8; 32]);

impl Uid {
    /// What stands for `uid`.
    pub fn of(uid: &str) -> Uid {
        Uid(Sha256::digest(uid).into())
    }

    /// A word for the UID, equal for equal salts: 16 hexadecimal digits that say nothing to who has not both salt and UID.
    pub fn key(self, salt: &[u8]) -> String {
        let digest = Sha256::new().chain_update(salt).chain_update(self.0).finalize();
        digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Uid(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_has_one_key_a_salt_and_is_never_shown() {
        let (a, b) = (Uid::of("1.2.840.1"), Uid::of("1.2.840.2"));
        assert_eq!(a.key(b"salt"), Uid::of("1.2.840.1").key(b"salt"));
        assert_ne!(a.key(b"salt"), b.key(b"salt"));
        assert_ne!(a.key(b"salt"), a.key(b"another"));
        assert_eq!(a.key(b"salt").len(), 16);
        assert_eq!(format!("{a:?}"), "Uid(..)");
    }
}
