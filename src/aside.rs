//! What lies beside the slices of a study and is none itself: its kinds, by name. Knows no file.

use serde::{Deserialize, Serialize};

/// What is set aside, where nobody named it: not judged, and counted by its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aside {
    /// A scout view that the scan was planned on.
    Localizer,
    /// The dose of a scan, as a picture or as a report.
    DoseSheet,
    /// A report in DICOM's own form.
    StructuredReport,
    /// The images that somebody marked.
    KeyObjects,
    /// How images were shown.
    PresentationState,
    /// The list of what a disk holds: a DICOMDIR.
    Directory,
    /// A coloured picture of a screen.
    ScreenCapture,
    /// Areas that were drawn or computed.
    Segmentation,
    /// Plans, structures and doses of radiotherapy.
    Radiotherapy,
    /// A text such as a PDF.
    Document,
    /// Any other DICOM object without an image.
    NoImage,
}

impl Aside {
    /// Whether it is a picture, if of no slice.
    pub fn is_picture(self) -> bool {
        matches!(self, Aside::Localizer | Aside::DoseSheet | Aside::ScreenCapture | Aside::Segmentation)
    }

    /// One and several of it, in English.
    pub fn words(self) -> [&'static str; 2] {
        match self {
            Aside::Localizer => ["localizer", "localizers"],
            Aside::DoseSheet => ["dose sheet", "dose sheets"],
            Aside::StructuredReport => ["structured report", "structured reports"],
            Aside::KeyObjects => ["list of key images", "lists of key images"],
            Aside::PresentationState => ["presentation state", "presentation states"],
            Aside::Directory => ["DICOMDIR", "DICOMDIRs"],
            Aside::ScreenCapture => ["screen capture", "screen captures"],
            Aside::Segmentation => ["segmentation", "segmentations"],
            Aside::Radiotherapy => ["radiotherapy object", "radiotherapy objects"],
            Aside::Document => ["document", "documents"],
            Aside::NoImage => ["DICOM object without an image", "DICOM objects without an image"],
        }
    }

    /// `1 dose sheet`, `2 dose sheets`.
    pub fn count(self, number: usize) -> String {
        let [one, several] = self.words();
        format!("{number} {}", if number == 1 { one } else { several })
    }
}
