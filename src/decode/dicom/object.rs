//! What kind of object a DICOM file is, where that is no slice.

use super::elements::Elements;
use crate::aside::Aside;

/// SOP classes below these, without their common beginning, and what they are; the first that fits counts.
const CLASSES: [(&str, Aside); 12] = [
    ("1.3.10", Aside::Directory),
    ("5.1.4.1.1.88.59", Aside::KeyObjects),
    ("5.1.4.1.1.88.67", Aside::DoseSheet),
    ("5.1.4.1.1.88.68", Aside::DoseSheet),
    ("5.1.4.1.1.88.73", Aside::DoseSheet),
    ("5.1.4.1.1.88.76", Aside::DoseSheet),
    ("5.1.4.1.1.88", Aside::StructuredReport),
    ("5.1.4.1.1.11", Aside::PresentationState),
    ("5.1.4.1.1.104", Aside::Document),
    ("5.1.4.1.1.66.4", Aside::Segmentation),
    ("5.1.4.1.1.66.7", Aside::Segmentation),
    ("5.1.4.1.1.481", Aside::Radiotherapy),
];
const DICOM_UIDS: &str = "1.2.840.10008.";
const SECONDARY_CAPTURE: &str = "5.1.4.1.1.7";

/// Modalities, for a file that names no SOP class.
const MODALITIES: [(&str, Aside); 9] = [
    ("SR", Aside::StructuredReport),
    ("KO", Aside::KeyObjects),
    ("PR", Aside::PresentationState),
    ("DOC", Aside::Document),
    ("SEG", Aside::Segmentation),
    ("RTSTRUCT", Aside::Radiotherapy),
    ("RTPLAN", Aside::Radiotherapy),
    ("RTRECORD", Aside::Radiotherapy),
    ("RTDOSE", Aside::Radiotherapy),
];

/// What the file is, as far as its elements are known, if it is set aside as a whole. Localizers are not: they are images, and each frame
/// may be one.
pub(super) fn aside(elements: &Elements) -> Option<Aside> {
    let class = elements.sop_class.as_deref().and_then(|class| class.strip_prefix(DICOM_UIDS));
    let is = |root: &str| {
        let below = class.and_then(|class| class.strip_prefix(root));
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let by_class = CLASSES.iter().find(|(root, _)| is(root));
    let is_modality = |modality: &str| elements.modality.as_deref() == Some(modality);
    let by_modality = || MODALITIES.iter().find(|(modality, _)| class.is_none() && is_modality(modality));
    if let Some((_, aside)) = by_class.or_else(by_modality) {
        return Some(*aside);
    }
    let is_coloured = elements.samples.is_some_and(|samples| samples > 1)
        || elements.photometric.as_deref().is_some_and(|photometric| photometric == "PALETTE COLOR");
    if image_type(elements).any(is_dose) {
        Some(Aside::DoseSheet)
    } else {
        (is(SECONDARY_CAPTURE) && is_coloured).then_some(Aside::ScreenCapture)
    }
}

/// Whether the image, or the frame whose functional groups stand in `elements`, is a scout view.
pub(super) fn is_localizer(elements: &Elements) -> bool {
    image_type(elements).any(|value| value.eq_ignore_ascii_case("LOCALIZER"))
}

/// The values of ImageType or FrameType.
pub(super) fn image_type(elements: &Elements) -> impl Iterator<Item = &str> {
    elements.image_type.as_deref().unwrap_or_default().split('\\').map(str::trim)
}

/// What scanners call the picture of a dose or of a protocol, of which the dose is part.
fn is_dose(value: &str) -> bool {
    value == "DOSE" || value.starts_with("DOSE_") || value.starts_with("DOSE ") || value.ends_with(" PROT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_slice_is_told_by_class_type_or_modality() {
        let of = |class: Option<&str>, image_type: &str, modality: &str, samples| {
            aside(&Elements {
                sop_class: class.map(|class| format!("{DICOM_UIDS}{class}")),
                image_type: Some(image_type.to_string()),
                modality: Some(modality.to_string()),
                samples: Some(samples),
                ..Elements::default()
            })
        };
        let (ct, capture) = (Some("5.1.4.1.1.2"), Some("5.1.4.1.1.7"));
        for (class, expected) in [
            ("1.3.10", Some(Aside::Directory)),
            ("5.1.4.1.1.88.11", Some(Aside::StructuredReport)),
            ("5.1.4.1.1.88.67", Some(Aside::DoseSheet)),
            ("5.1.4.1.1.88.59", Some(Aside::KeyObjects)),
            ("5.1.4.1.1.11.1", Some(Aside::PresentationState)),
            ("5.1.4.1.1.66.4", Some(Aside::Segmentation)),
            ("5.1.4.1.1.481.2", Some(Aside::Radiotherapy)),
            ("5.1.4.1.1.104.1", Some(Aside::Document)),
            // Not below any of them.
            ("5.1.4.1.1.2", None),
            ("5.1.4.1.1.2.1", None),
            ("5.1.4.1.1.128", None),
            ("5.1.4.1.1.7", None),
        ] {
            assert_eq!(of(Some(class), "DERIVED\\SECONDARY", "OT", 1), expected, "{class}");
        }
        assert_eq!(of(capture, "DERIVED\\SECONDARY\\OTHER\\DOSE", "CT", 3), Some(Aside::DoseSheet));
        assert_eq!(of(capture, "DERIVED\\SECONDARY\\OTHER\\CT_SOM5 PROT", "CT", 1), Some(Aside::DoseSheet));
        assert_eq!(of(ct, "ORIGINAL\\PRIMARY\\AXIAL\\LOW_DOSE", "CT", 1), None);
        assert_eq!(of(capture, "DERIVED\\SECONDARY", "CT", 3), Some(Aside::ScreenCapture));
        assert_eq!(of(ct, "DERIVED\\SECONDARY", "CT", 3), None);
        assert_eq!(of(None, "", "SR", 1), Some(Aside::StructuredReport));
        assert_eq!(of(None, "", "CT", 1), None);
    }
}
