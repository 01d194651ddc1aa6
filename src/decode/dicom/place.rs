//! Where a frame belongs, by its elements. What makes no sense says nothing, and is no reason to refuse a slice.

use super::elements::{Elements, is_code};
use super::object;
use super::orientation::Orientation;
use crate::geometry::Geometry;
use crate::place::{Mark, Marks, Place, Uid};

/// Characters of a text that is no code word and shown all the same, such as the name of a kernel.
const MAX_SHOWN: usize = 16;

/// The place of frame `frame` of its file, whose functional groups stand in `elements`. The pixels are not part of it.
pub(super) fn of(elements: &Elements, frame: usize) -> Place {
    Place {
        patient: elements.patient,
        series: elements.series.or(elements.concatenation),
        visit: elements.visit,
        instance: elements.instance,
        height: elements.position.as_deref().and_then(|position| height(position, Orientation::of(elements))),
        location: elements.location.as_deref().and_then(decimal),
        number: number(elements, frame).or_else(|| elements.number.as_deref()?.parse().ok()),
        marks: marks(elements),
        pixels: None,
    }
}

/// What the elements say of how the slice lies in the patient; not how many rows and columns it has, nor how it was turned.
pub(super) fn geometry(elements: &Elements) -> Geometry {
    fn numbers<const N: usize>(text: &Option<String>) -> Option<[f64; N]> {
        text.as_deref()?.split('\\').map(decimal).collect::<Option<Vec<f64>>>()?.try_into().ok()
    }
    let are_positive = |spacing: &[f64; 2]| spacing.iter().all(|side| *side > 0.0);
    Geometry {
        position: numbers(&elements.position),
        // What makes no sense is no direction.
        orientation: numbers(&elements.orientation).filter(|_| Orientation::by_cosines(elements).is_some()),
        spacing: numbers(&elements.spacing).filter(are_positive),
        thickness: elements.thickness.as_deref().and_then(decimal).filter(|thickness| *thickness > 0.0),
        ..Geometry::default()
    }
}

/// Millimetres along the normal of the slice, towards the head or, where that is across the slice, to the left or the back; towards the
/// head where it is not known how the slice lies.
fn height(position: &str, orientation: Option<Orientation>) -> Option<f64> {
    let position = position.split('\\').map(decimal).collect::<Option<Vec<f64>>>()?;
    let [x, y, z] = position[..] else { return None };
    let [nx, ny, nz] = orientation.map_or([0.0, 0.0, 1.0], Orientation::normal);
    Some(nx * x + ny * y + nz * z)
}

/// The number of a frame that is part of a concatenation or a stack.
fn number(elements: &Elements, frame: usize) -> Option<i64> {
    let in_file = frame as i64 + 1;
    let before = elements.frames_before.map(i64::from);
    // More than any file holds.
    let parts_before = || elements.place_in_concatenation.map(|part| (i64::from(part) - 1) << 32);
    let concatenated = before.or_else(parts_before).map(|before| before + in_file);
    concatenated.or(elements.place_in_stack.map(i64::from))
}

fn marks(elements: &Elements) -> Marks {
    let numbers = |text: &Option<String>| {
        let text = text.as_deref()?;
        let values: Option<Vec<i64>> = text.split('\\').map(|value| value.trim().parse().ok()).collect();
        Some(values?.iter().map(i64::to_string).collect::<Vec<_>>().join("\\"))
    };
    let thickness = elements.thickness.as_deref().and_then(decimal).filter(|thickness| *thickness > 0.0);
    let image_type: Vec<&str> =
        object::image_type(elements).filter(|value| !value.is_empty() && is_code(value)).collect();
    let found = [
        (Mark::Acquisition, numbers(&elements.acquisition)),
        (Mark::Echo, numbers(&elements.echoes)),
        (Mark::Time, numbers(&elements.time)),
        (Mark::Stack, elements.stack.as_deref().map(shown)),
        (Mark::ImageType, (!image_type.is_empty()).then(|| image_type.join("\\"))),
        (Mark::Kernel, elements.kernel.as_deref().map(shown)),
        // To a hundredth: the same thickness may be written in several ways.
        (Mark::Thickness, thickness.map(|thickness| ((thickness * 100.0).round() / 100.0).to_string())),
    ];
    found.into_iter().filter_map(|(mark, value)| Some((mark, value?))).collect()
}

/// A short text of letters, digits and signs as it stands; of any other, which may be anything, a word that tells it from others.
fn shown(text: &str) -> String {
    let is_sign = |c: char| c.is_ascii_alphanumeric() || "+-_./\\".contains(c);
    if text.len() <= MAX_SHOWN && text.chars().all(is_sign) {
        text.to_string()
    } else {
        format!("#{}", &Uid::of(text).key(b"")[..4])
    }
}

fn decimal(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|value: &f64| value.is_finite())
}
