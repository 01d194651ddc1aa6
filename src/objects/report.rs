//! The report: a Comprehensive 3D SR by the templates of PS3.16, 1500 with 4019, 1501 and 1411. It says what was measured, by what, and on
//! which slices; and of which segments, where a segmentation is written with it.

use std::io::{self, Write};

use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};

use super::data_set::{Code, DataSet, decimal, plain};
use super::header::{self, MANUFACTURER, NOTE, Object};
use super::segmentation::{LUNGS, Segmentation};
use super::{Maker, Series, Slice, segmentation};
use crate::opacity::Opacity;
use crate::reading::Verdict;
use crate::study::Part;

/// Names what no code of others names.
pub(super) const OWN: &str = "99LUNGGLASS";

const LUNG: Code = Code("39607008", "SCT", "Lung");
const NO_UNITS: Code = Code("1", "UCUM", "no units");
const PERCENT: Code = Code("%", "UCUM", "Percent");
const SLICES: Code = Code("{slices}", "UCUM", "slices");
const MILLILITRE: Code = Code("mL", "UCUM", "milliliter");

const SCORE: Code = Code("score", OWN, "Calibrated classifier score, not a probability of disease");
const VERDICT: Code = Code("verdict", OWN, "Side of the operating point that the score is on");
const CLASS: Code = Code("class", OWN, "What the score is of, among the classes of the network");
const OPACITY: [Code; 3] = [
    Code("opacity", OWN, "Opaque share of the lungs' area"),
    Code("ground-glass", OWN, "Ground-glass share of the lungs' area"),
    Code("consolidation", OWN, "Consolidated share of the lungs' area"),
];
const VOLUME: [Code; 3] = [
    Code("opacity-volume", OWN, "Opaque share of the volume"),
    Code("ground-volume", OWN, "Ground-glass share of the volume"),
    Code("consol-volume", OWN, "Consolidated share of the volume"),
];
const LUNG_VOLUME: Code = Code("118565006", "SCT", "Volume");
const SITE: Code = Code("363698007", "SCT", "Finding Site");
const RIGHT_LUNG: Code = Code("3341006", "SCT", "Right lung");
const LEFT_LUNG: Code = Code("44029006", "SCT", "Left lung");
const ZONES: [Code; 3] = [
    Code("281392002", "SCT", "Upper zone of lung"),
    Code("281393007", "SCT", "Middle zone of lung"),
    Code("281394001", "SCT", "Lower zone of lung"),
];
const JUDGED: Code = Code("judged", OWN, "Slices that were judged");
const LEFT_OUT: Code = Code("left-out", OWN, "Slices that were not judged or not read");
const POSITIVE: Code = Code("positive-slices", OWN, "Judged slices that are scored positive");

/// Writes the report of a series, whose segmentation is that of the same go, if there is one.
pub(super) fn write(
    maker: &Maker,
    series: &Series,
    segmentation: Option<&Segmentation>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let object = Object {
        class: uids::COMPREHENSIVE3_DSR_STORAGE,
        modality: "SR",
        name: "report",
        series_number: 9901,
        description: "LungGlass report (research)",
        number: 1,
    };
    let mut set = header::common(maker, series, &object);
    set.item(tags::CODING_SCHEME_IDENTIFICATION_SEQUENCE, |item| {
        item.text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, OWN)
            .text(tags::CODING_SCHEME_NAME, VR::ST, "LungGlass: what its network says of slices")
            .text(tags::CODING_SCHEME_RESPONSIBLE_ORGANIZATION, VR::ST, MANUFACTURER);
    });
    set.items(tags::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE, &[])
        .items(tags::PERFORMED_PROCEDURE_CODE_SEQUENCE, &[])
        .text(tags::COMPLETION_FLAG, VR::CS, "COMPLETE")
        .text(tags::VERIFICATION_FLAG, VR::CS, "UNVERIFIED")
        .text(tags::PRELIMINARY_FLAG, VR::CS, "PRELIMINARY")
        .item(tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE, |evidence| {
            let of_series = |uid: &str, instances: &[DataSet]| {
                let mut item = DataSet::default();
                item.uid(tags::SERIES_INSTANCE_UID, uid).items(tags::REFERENCED_SOP_SEQUENCE, instances);
                item
            };
            let slices = header::instances(series.slices.iter().copied());
            let mut all = vec![of_series(&series.identity.series, &slices)];
            if segmentation.is_some() {
                let object = segmentation::OBJECT;
                all.push(of_series(&object.series_uid(maker, series), &[object.reference(maker, series)]));
            }
            evidence
                .uid(tags::STUDY_INSTANCE_UID, &series.identity.visit)
                .items(tags::REFERENCED_SERIES_SEQUENCE, &all);
        });
    let content = content(maker, series, segmentation);
    let root = container(None, Code("126000", "DCM", "Imaging Measurement Report"), Some("1500"), &content);
    set.take(root);
    set.write(out, None)
}

/// What stands at the first level.
fn content(maker: &Maker, series: &Series, segmentation: Option<&Segmentation>) -> Vec<DataSet> {
    let named = |code: &'static str, meaning| Code(code, "DCM", meaning);
    let observer = |code, meaning, value: &str| text("HAS OBS CONTEXT", named(code, meaning), value);
    let library = container(
        Some("CONTAINS"),
        named("126200", "Image Library Group"),
        None,
        &series.slices.iter().map(|slice| image(Code("260753009", "SCT", "Source"), slice)).collect::<Vec<_>>(),
    );
    let mut groups = vec![of_series(maker, series)];
    groups.extend(segmentation.iter().flat_map(|of| of.segments()).map(|of| of_segment(maker, series, of)));
    groups.extend(series.judged().map(|(number, slice, score)| of_slice(maker, series, number, slice, score)));
    vec![
        code(
            "HAS CONCEPT MOD",
            named("121049", "Language of Content Item and Descendants"),
            Code("en-US", "RFC5646", "English (United States)"),
        ),
        code("HAS OBS CONTEXT", named("121005", "Observer Type"), named("121007", "Device")),
        uid("HAS OBS CONTEXT", named("121012", "Device Observer UID"), &maker.uid(series, "observer")),
        observer("121013", "Device Observer Name", MANUFACTURER),
        observer("121014", "Device Observer Manufacturer", MANUFACTURER),
        observer("121015", "Device Observer Model Name", &maker.model.name),
        observer("121016", "Device Observer Serial Number", header::hash(maker.model)),
        code("HAS CONCEPT MOD", named("121058", "Procedure reported"), Code("77477000", "SCT", "Computed tomography")),
        container(Some("CONTAINS"), named("111028", "Image Library"), None, &[library]),
        container(Some("CONTAINS"), named("126010", "Imaging Measurements"), None, &groups),
    ]
}

/// What is said of all slices together.
fn of_series(maker: &Maker, series: &Series) -> DataSet {
    let study = series.study;
    let counts = study.counts;
    let whole = |name, count: usize| number(name, count as f64, SLICES);
    let mut items = group(maker, series, "series");
    items.push(whole(JUDGED, counts.judged));
    items.push(whole(LEFT_OUT, counts.refused + counts.unreadable));
    items.push(whole(POSITIVE, counts.positive));
    if let Some(score) = study.score {
        items.push(number(SCORE, f64_of(score), NO_UNITS));
        items.extend(verdict(study.verdict).map(|verdict| code("CONTAINS", VERDICT, verdict)));
    }
    match &study.extent {
        Some(extent) => {
            let [upper, middle, lower] = ZONES;
            let parts = [
                (Some(extent.lungs), LUNG),
                (extent.right, RIGHT_LUNG),
                (extent.left, LEFT_LUNG),
                (extent.upper, upper),
                (extent.middle, middle),
                (extent.lower, lower),
            ];
            for (part, site) in parts {
                let Some(part) = part else { continue };
                items.extend(part.volume_ml.map(|volume| sited(number(LUNG_VOLUME, f64_of(volume), MILLILITRE), site)));
                items.extend(shares(VOLUME, &part.opacity).map(|share| sited(share, site)));
            }
        }
        None => items.extend(study.opacity.iter().flat_map(opacity)),
    }
    let why = study.refusal.map(|refusal| refusal.message);
    let comments = [Some(NOTE), why].into_iter().flatten();
    items.extend(comments.map(|comment| text("CONTAINS", Code("121106", "DCM", "Comment"), comment)));
    container(Some("CONTAINS"), MEASUREMENT_GROUP, Some("1501"), &items)
}

/// What is said of one segment, which is the one of this number in the segmentation.
fn of_segment(maker: &Maker, series: &Series, (segment, of): (u16, &segmentation::Segment)) -> DataSet {
    let mut items = group(maker, series, of.label);
    items.push(text("HAS CONCEPT MOD", ALGORITHM_PARAMETERS, segmentation::MEASURED));
    items.push(code("CONTAINS", Code("121071", "DCM", "Finding"), of.property));
    let mut reference = segmentation::OBJECT.reference(maker, series);
    reference.short(tags::REFERENCED_SEGMENT_NUMBER, segment);
    let mut image = item(Some("CONTAINS"), "IMAGE", Code("121191", "DCM", "Referenced Segment"));
    image.items(tags::REFERENCED_SOP_SEQUENCE, &[reference]);
    items.push(image);
    let source = Code("121232", "DCM", "Source series for segmentation");
    items.push(uid("CONTAINS", source, &series.identity.series));
    let measured = series.study.extent.as_ref().and_then(|extent| {
        let Part { volume_ml, opacity, .. } = extent.lungs;
        if of.label == LUNGS {
            return Some(number(LUNG_VOLUME, f64_of(volume_ml?), MILLILITRE));
        }
        let [_, ground, dense] = shares(VOLUME, &opacity);
        Some(if of.label == segmentation::GROUND_GLASS { ground } else { dense })
    });
    items.extend(measured);
    container(Some("CONTAINS"), MEASUREMENT_GROUP, Some("1411"), &items)
}

/// What is said of one slice.
fn of_slice(maker: &Maker, series: &Series, ordinal: usize, slice: &Slice, score: f32) -> DataSet {
    let mut items = group(maker, series, &format!("slice {ordinal}"));
    items.push(number(SCORE, f64_of(score), NO_UNITS));
    items.extend(slice.class.iter().map(|class| text("CONTAINS", CLASS, class)));
    items.extend(slice.opacity.iter().flat_map(opacity));
    items.extend(verdict(slice.verdict).map(|verdict| code("CONTAINS", VERDICT, verdict)));
    items.push(image(Code("121112", "DCM", "Source of Measurement"), slice));
    container(Some("CONTAINS"), MEASUREMENT_GROUP, Some("1501"), &items)
}

const MEASUREMENT_GROUP: Code = Code("125007", "DCM", "Measurement Group");
const ALGORITHM_PARAMETERS: Code = Code("111002", "DCM", "Algorithm Parameters");

/// How each group of measurements begins: what it is of, where, and by what.
fn group(maker: &Maker, series: &Series, what: &str) -> Vec<DataSet> {
    let named = |code: &'static str, meaning| Code(code, "DCM", meaning);
    let method = |code, meaning, value: &str| text("HAS CONCEPT MOD", named(code, meaning), value);
    let mut items = vec![
        text("HAS OBS CONTEXT", named("112039", "Tracking Identifier"), what),
        uid("HAS OBS CONTEXT", named("112040", "Tracking Unique Identifier"), &maker.uid(series, what)),
        code("HAS CONCEPT MOD", SITE, LUNG),
        method("111001", "Algorithm Name", &maker.model.name),
        method("111003", "Algorithm Version", header::version(maker.model)),
    ];
    items.extend(header::parameters(maker).iter().map(|value| text("HAS CONCEPT MOD", ALGORITHM_PARAMETERS, value)));
    items
}

/// Shares of a slice.
fn opacity(of: &Opacity) -> [DataSet; 3] {
    shares(OPACITY, of)
}

/// Opaque in either way, ground glass and consolidation under these names.
fn shares(names: [Code; 3], of: &Opacity) -> [DataSet; 3] {
    // Two more digits before the point, and none that only doubles have.
    let percent = |share: f32| (f64_of(share) * 1e10).round() / 1e8;
    let values = [of.share, of.ground_glass, of.consolidation].map(percent);
    std::array::from_fn(|at| number(names[at], values[at], PERCENT))
}

/// A measurement of a part of the body other than what its group is of.
fn sited(mut measurement: DataSet, site: Code) -> DataSet {
    measurement.items(tags::CONTENT_SEQUENCE, &[code("HAS CONCEPT MOD", SITE, site)]);
    measurement
}

/// The shortest decimal that is this number, as a double: what the JSON line says.
fn f64_of(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| value.into())
}

/// The code of a verdict on a score.
fn verdict(verdict: Verdict) -> Option<Code> {
    match verdict {
        Verdict::Positive => Some(Code("10828004", "SCT", "Positive")),
        Verdict::Negative => Some(Code("260385009", "SCT", "Negative")),
        Verdict::Uncertain => Some(Code("82334004", "SCT", "Indeterminate")),
        Verdict::Refused | Verdict::Error => None,
    }
}

/// A content item (PS3.3 C.17.3): how it belongs to what it stands in, what kind it is, and its name.
fn item(relation: Option<&str>, kind: &str, name: Code) -> DataSet {
    let mut item = DataSet::default();
    if let Some(relation) = relation {
        item.text(tags::RELATIONSHIP_TYPE, VR::CS, relation);
    }
    item.text(tags::VALUE_TYPE, VR::CS, kind).code(tags::CONCEPT_NAME_CODE_SEQUENCE, name);
    item
}

fn container(relation: Option<&str>, name: Code, template: Option<&str>, content: &[DataSet]) -> DataSet {
    let mut item = item(relation, "CONTAINER", name);
    item.text(tags::CONTINUITY_OF_CONTENT, VR::CS, "SEPARATE").items(tags::CONTENT_SEQUENCE, content);
    if let Some(template) = template {
        item.item(tags::CONTENT_TEMPLATE_SEQUENCE, |of| {
            of.text(tags::MAPPING_RESOURCE, VR::CS, "DCMR").text(tags::TEMPLATE_IDENTIFIER, VR::CS, template);
        });
    }
    item
}

fn code(relation: &str, name: Code, value: Code) -> DataSet {
    let mut item = item(Some(relation), "CODE", name);
    item.code(tags::CONCEPT_CODE_SEQUENCE, value);
    item
}

fn text(relation: &str, name: Code, value: &str) -> DataSet {
    let mut item = item(Some(relation), "TEXT", name);
    item.bytes(tags::TEXT_VALUE, VR::UT, plain(value, usize::MAX).as_bytes());
    item
}

fn uid(relation: &str, name: Code, value: &str) -> DataSet {
    let mut item = item(Some(relation), "UIDREF", name);
    item.uid(tags::UID, value);
    item
}

/// The number twice: as text, and as exact as it is where text is not.
fn number(name: Code, value: f64, unit: Code) -> DataSet {
    let mut item = item(Some("CONTAINS"), "NUM", name);
    item.item(tags::MEASURED_VALUE_SEQUENCE, |measured| {
        let text = decimal(value);
        measured.bytes(tags::NUMERIC_VALUE, VR::DS, text.as_bytes());
        if text.parse() != Ok(value) {
            measured.double(tags::FLOATING_POINT_VALUE, value);
        }
        measured.code(tags::MEASUREMENT_UNITS_CODE_SEQUENCE, unit);
    });
    item
}

fn image(name: Code, slice: &Slice) -> DataSet {
    let mut item = item(Some("CONTAINS"), "IMAGE", name);
    item.items(tags::REFERENCED_SOP_SEQUENCE, &[header::reference(slice)]);
    item
}
