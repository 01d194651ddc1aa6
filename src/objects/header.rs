//! What all objects of a series have in common: patient and study as the series names them, the series that the object is put into, what
//! made it, and what it refers to.

use std::collections::BTreeMap;

use dicom_core::VR;
use dicom_dictionary_std::tags;

use super::data_set::DataSet;
use super::{Maker, Series, Slice};
use crate::model::Model;

/// What made the objects.
pub(super) const MANUFACTURER: &str = "LungGlass";
/// What every object says of itself.
pub(super) const NOTE: &str = "For research and education. Not a medical device; not a diagnosis.";

/// An object, among those of its series.
pub(super) struct Object<'a> {
    pub class: &'a str,
    pub modality: &'a str,
    /// What tells it from the other objects of its series.
    pub name: &'a str,
    pub series_number: usize,
    pub description: &'a str,
    /// From 1, in the series that it is put into.
    pub number: usize,
}

impl Object<'_> {
    /// Of the series that it is put into.
    pub fn series_uid(&self, maker: &Maker, series: &Series) -> String {
        maker.uid(series, &format!("series of {}", self.modality))
    }

    fn uid(&self, maker: &Maker, series: &Series) -> String {
        maker.uid(series, self.name)
    }

    /// What other objects refer to it by.
    pub fn reference(&self, maker: &Maker, series: &Series) -> DataSet {
        let mut item = DataSet::default();
        item.uid(tags::REFERENCED_SOP_CLASS_UID, self.class)
            .uid(tags::REFERENCED_SOP_INSTANCE_UID, &self.uid(maker, series));
        item
    }
}

/// Elements of the patient, the study, the series and the equipment, and the common ones.
pub(super) fn common(maker: &Maker, series: &Series, object: &Object) -> DataSet {
    let mut set = DataSet::default();
    for (tag, vr, value) in &series.identity.copied {
        // A frame of reference is no part of every object.
        if ![tags::FRAME_OF_REFERENCE_UID, tags::POSITION_REFERENCE_INDICATOR].contains(tag) {
            set.bytes(*tag, *vr, value);
        }
    }
    for (tag, vr) in REQUIRED {
        set.or_empty(tag, vr);
    }
    let Maker { model, program, date, time, .. } = maker;
    set.uid(tags::SOP_CLASS_UID, object.class)
        .uid(tags::SOP_INSTANCE_UID, &object.uid(maker, series))
        .text(tags::INSTANCE_CREATION_DATE, VR::DA, date)
        .text(tags::INSTANCE_CREATION_TIME, VR::TM, time)
        .text(tags::SERIES_DATE, VR::DA, date)
        .text(tags::SERIES_TIME, VR::TM, time)
        .text(tags::CONTENT_DATE, VR::DA, date)
        .text(tags::CONTENT_TIME, VR::TM, time)
        .text(tags::MODALITY, VR::CS, object.modality)
        .uid(tags::SERIES_INSTANCE_UID, &object.series_uid(maker, series))
        .whole(tags::SERIES_NUMBER, object.series_number)
        .text(tags::SERIES_DESCRIPTION, VR::LO, object.description)
        .whole(tags::INSTANCE_NUMBER, object.number)
        .text(tags::MANUFACTURER, VR::LO, MANUFACTURER)
        .text(tags::MANUFACTURER_MODEL_NAME, VR::LO, &model.name)
        .text(tags::DEVICE_SERIAL_NUMBER, VR::LO, hash(model))
        .texts(tags::SOFTWARE_VERSIONS, VR::LO, &[program, version(model)]);
    set
}

/// Elements that must stand there, even without a value.
const REQUIRED: [(dicom_core::Tag, VR); 9] = [
    (tags::PATIENT_NAME, VR::PN),
    (tags::PATIENT_ID, VR::LO),
    (tags::PATIENT_BIRTH_DATE, VR::DA),
    (tags::PATIENT_SEX, VR::CS),
    (tags::STUDY_DATE, VR::DA),
    (tags::STUDY_TIME, VR::TM),
    (tags::STUDY_ID, VR::SH),
    (tags::ACCESSION_NUMBER, VR::SH),
    (tags::REFERRING_PHYSICIAN_NAME, VR::PN),
];

/// The reference to a slice: its instance, and its frame where there are several.
pub(super) fn reference(slice: &Slice) -> DataSet {
    let mut item = instance(slice);
    if let Some(frame) = slice.frame {
        item.whole(tags::REFERENCED_FRAME_NUMBER, frame + 1);
    }
    item
}

/// The instances of slices, each once, in the order of their first slices.
pub(super) fn instances<'a>(slices: impl Iterator<Item = &'a Slice>) -> Vec<DataSet> {
    let mut seen = BTreeMap::new();
    slices.filter(|slice| seen.insert(slice.instance.uid.clone(), ()).is_none()).map(instance).collect()
}

fn instance(slice: &Slice) -> DataSet {
    let mut item = DataSet::default();
    item.uid(tags::REFERENCED_SOP_CLASS_UID, &slice.instance.class)
        .uid(tags::REFERENCED_SOP_INSTANCE_UID, &slice.instance.uid);
    item
}

/// Whether the pixels of slices were compressed with loss, as their headers say it.
pub(super) fn lossy<'a>(set: &mut DataSet, slices: impl Iterator<Item = &'a Slice>) {
    let found = slices.filter_map(|slice| slice.instance.lossy.as_ref()).next();
    set.text(tags::LOSSY_IMAGE_COMPRESSION, VR::CS, if found.is_some() { "01" } else { "00" });
    if let Some([ratio, method]) = found {
        set.bytes(tags::LOSSY_IMAGE_COMPRESSION_RATIO, VR::DS, ratio.as_bytes()).bytes(
            tags::LOSSY_IMAGE_COMPRESSION_METHOD,
            VR::CS,
            method.as_bytes(),
        );
    }
}

/// The version of the network; one that was not packed has none.
pub(super) fn version(model: &Model) -> &str {
    if model.version.is_empty() { "not packed" } else { &model.version }
}

/// The SHA-256 of the network.
pub(super) fn hash(model: &Model) -> &str {
    if model.sha256.is_empty() { "not packed" } else { &model.sha256 }
}

/// How the slices were judged, in words: what no code says.
pub(super) fn parameters(maker: &Maker) -> Vec<String> {
    let Maker { model, device, program, .. } = maker;
    let points = model.classes.iter().map(|class| {
        let [lo, hi] = class.point.uncertain;
        let verdict = if class.alert { "positive" } else { "negative" };
        format!("{}: {verdict} from a score of {}, uncertain from {lo} to {hi}", class.id, class.point.threshold)
    });
    let head = [
        format!("SHA-256 of the network: {}", hash(model)),
        format!("program: {MANUFACTURER} {program} ({device})"),
        format!("temperature: {}", model.output.temperature),
    ];
    head.into_iter().chain(points).collect()
}
