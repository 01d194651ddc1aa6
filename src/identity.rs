//! Whom and what a DICOM header names: the patient, the visit, the series and the frame of reference, and which instance a slice is. It goes
//! from header to [result objects](crate::objects) and nowhere else: it is never printed, logged or shown, and no other output holds any of
//! it. Knows no file and no object.

use std::fmt;

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;

/// What the header of an image says of patient, visit, series and frame of reference, as it stands there.
#[derive(Clone, PartialEq)]
pub struct Identity {
    /// Text as it stands in the header, in the header's own characters and without padding.
    pub(crate) copied: Vec<(Tag, VR, Vec<u8>)>,
    pub(crate) visit: String,
    pub(crate) series: String,
    pub(crate) frame_of_reference: Option<String>,
}

/// Which instance an image is, for objects that refer to it.
#[derive(Clone, PartialEq)]
pub struct Instance {
    pub(crate) class: String,
    pub(crate) uid: String,
    /// Ratio and method, in DICOM's words, where the header says that its pixels were compressed with loss.
    pub(crate) lossy: Option<[String; 2]>,
}

/// What an image lacks that objects refer to, in words that say what to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lack(pub(crate) &'static str);

impl Lack {
    /// A header that broke its reader.
    pub(crate) const UNREADABLE: Lack = Lack("the header of a slice could not be read");
}

impl Identity {
    /// Whether both are of one patient and one visit: what is put together must be.
    pub(crate) fn is_of_same_patient(&self, other: &Identity) -> bool {
        let of = |identity: &Identity, tag: Tag| {
            identity.copied.iter().find(|(copied, ..)| *copied == tag).map(|(.., value)| value.clone())
        };
        self.visit == other.visit && PATIENT.iter().all(|tag| of(self, *tag) == of(other, *tag))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(..)")
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Instance(..)")
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What tells patients apart.
const PATIENT: [Tag; 4] = [tags::PATIENT_NAME, tags::PATIENT_ID, tags::ISSUER_OF_PATIENT_ID, tags::PATIENT_BIRTH_DATE];

/// The elements of patient and study that objects have in common with the image that they are of (PS3.3 C.7.1 and C.7.2), and the set of
/// characters that these are in. All are text.
pub(crate) const COPIED: [(Tag, VR); 21] = [
    (tags::SPECIFIC_CHARACTER_SET, VR::CS),
    (tags::STUDY_DATE, VR::DA),
    (tags::STUDY_TIME, VR::TM),
    (tags::ACCESSION_NUMBER, VR::SH),
    (tags::REFERRING_PHYSICIAN_NAME, VR::PN),
    (tags::STUDY_DESCRIPTION, VR::LO),
    (tags::PATIENT_NAME, VR::PN),
    (tags::PATIENT_ID, VR::LO),
    (tags::ISSUER_OF_PATIENT_ID, VR::LO),
    (tags::PATIENT_BIRTH_DATE, VR::DA),
    (tags::PATIENT_BIRTH_TIME, VR::TM),
    (tags::PATIENT_SEX, VR::CS),
    (tags::PATIENT_AGE, VR::AS),
    (tags::PATIENT_SIZE, VR::DS),
    (tags::PATIENT_WEIGHT, VR::DS),
    (tags::PATIENT_IDENTITY_REMOVED, VR::CS),
    (tags::DEIDENTIFICATION_METHOD, VR::LO),
    (tags::STUDY_INSTANCE_UID, VR::UI),
    (tags::STUDY_ID, VR::SH),
    (tags::FRAME_OF_REFERENCE_UID, VR::UI),
    (tags::POSITION_REFERENCE_INDICATOR, VR::LO),
];
