//! The segmentation: where the network saw lungs, ground glass and consolidation, as one bit a pixel of the slices as their files store them.

use std::io::{self, Write};

use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};

use super::data_set::{Code, DataSet, PixelData};
use super::header::{self, NOTE, Object};
use super::{Lack, Maker, Series, Slice};
use crate::geometry::Geometry;
use crate::outputs::{Between, Map};

/// A pixel belongs to a segment from this value on: more likely than not.
const LEAST: f32 = 0.5;

/// The most bytes of pixels: what the length of an element can say.
const MAX_PIXELS: u64 = 0xFFFF_FFFE;

/// The object, among those of its series.
pub(super) const OBJECT: Object = Object {
    class: uids::SEGMENTATION_STORAGE,
    modality: "SEG",
    name: "segmentation",
    series_number: 9902,
    description: "LungGlass segmentation (research)",
    number: 1,
};

/// How what a report measures of a segment goes with its pixels.
pub(super) const MEASURED: &str =
    "measured on the cells of the network's maps, each by its share; the segment is where the map is 0.5 or more";

pub(super) const LUNGS: &str = "Lungs";
pub(super) const GROUND_GLASS: &str = "Ground glass";

/// What is segmented.
pub(super) struct Segment {
    pub label: &'static str,
    category: Code,
    pub property: Code,
    /// CIELab, as DICOM writes it, of the colours that the page has for it.
    colour: [u16; 3],
    /// How likely each cell belongs to it.
    map: fn(&Slice) -> Option<&Map>,
}

static SEGMENTS: [Segment; 3] = [
    Segment {
        label: LUNGS,
        category: Code("123037004", "SCT", "Anatomical Structure"),
        property: Code("39607008", "SCT", "Lung"),
        colour: [51_196, 27_059, 24_202],
        map: |slice| slice.lung.as_ref(),
    },
    Segment {
        label: GROUND_GLASS,
        category: MORPHOLOGY,
        property: Code("112120", "DCM", "Ground glass opacity"),
        colour: [58_754, 31_500, 52_182],
        map: |slice| Some(&slice.opacity_maps.as_ref()?.ground_glass),
    },
    Segment {
        label: "Consolidation",
        category: MORPHOLOGY,
        property: Code("95436008", "SCT", "Lung consolidation"),
        colour: [36_907, 52_698, 23_525],
        map: |slice| Some(&slice.opacity_maps.as_ref()?.consolidation),
    },
];
const MORPHOLOGY: Code = Code("49755003", "SCT", "Morphologically Altered Structure");

/// A slice with a place in the patient: what a frame can be of.
struct Placed<'a> {
    slice: &'a Slice,
    position: [f64; 3],
    orientation: [f64; 6],
    spacing: [f64; 2],
}

/// A frame of the object: which segment, from 0, on which of the placed slices.
struct Frame {
    segment: usize,
    at: usize,
}

/// The segmentation of a series, ready to be written.
pub(super) struct Segmentation<'a> {
    placed: Vec<Placed<'a>>,
    frames: Vec<Frame>,
}

impl<'a> Segmentation<'a> {
    /// Of the slices that were judged.
    ///
    /// # Errors
    /// Why there can be none.
    pub fn new(series: &Series<'a>) -> Result<Segmentation<'a>, Lack> {
        if series.identity.frame_of_reference.is_none() {
            return Err(Lack("no Frame of Reference UID (0020,0052) stands in the header of its slices"));
        }
        let placed = series.judged().map(|(_, slice, _)| {
            let Geometry { position, orientation, spacing, .. } = slice.geometry;
            Some(Placed { slice, position: position?, orientation: orientation?, spacing: spacing? })
        });
        let placed: Option<Vec<_>> = placed.collect();
        let placed = placed.ok_or(Lack("the headers of its slices do not say where they lie in the patient"))?;
        let size = |placed: &Placed| (placed.slice.geometry.columns, placed.slice.geometry.rows);
        if placed.iter().any(|other| size(other) != size(&placed[0])) {
            return Err(Lack("its slices are not all of one size"));
        }
        if placed.iter().any(|placed| placed.slice.lung.is_none()) {
            return Err(Lack("the network says nothing of lungs"));
        }
        let frames: Vec<_> = (0..SEGMENTS.len())
            .flat_map(|segment| (0..placed.len()).map(move |at| Frame { segment, at }))
            .filter(|frame| !is_empty(placed[frame.at].slice, frame.segment))
            .collect();
        if frames.is_empty() {
            return Err(Lack("the network saw no lung on its slices"));
        }
        let segmentation = Segmentation { placed, frames };
        if segmentation.length() > MAX_PIXELS {
            return Err(Lack("it has too many slices for one object"));
        }
        Ok(segmentation)
    }

    fn size(&self) -> (usize, usize) {
        let Geometry { columns, rows, .. } = self.placed[0].slice.geometry;
        (columns, rows)
    }

    /// Bytes of all frames, an even number.
    fn length(&self) -> u64 {
        let (columns, rows) = self.size();
        (columns as u64 * rows as u64 * self.frames.len() as u64).div_ceil(16) * 2
    }

    pub fn write(&self, maker: &Maker, series: &Series, out: &mut dyn Write) -> io::Result<()> {
        let mut set = header::common(maker, series, &OBJECT);
        let (columns, rows) = self.size();
        set.uid(tags::FRAME_OF_REFERENCE_UID, series.identity.frame_of_reference.as_deref().unwrap_or_default());
        for (tag, vr, value) in &series.identity.copied {
            if *tag == tags::POSITION_REFERENCE_INDICATOR {
                set.bytes(*tag, *vr, value);
            }
        }
        set.or_empty(tags::POSITION_REFERENCE_INDICATOR, VR::LO)
            .texts(tags::IMAGE_TYPE, VR::CS, &["DERIVED", "PRIMARY"])
            .short(tags::SAMPLES_PER_PIXEL, 1)
            .text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2")
            .whole(tags::NUMBER_OF_FRAMES, self.frames.len())
            .short(tags::ROWS, rows as u16)
            .short(tags::COLUMNS, columns as u16)
            .short(tags::BITS_ALLOCATED, 1)
            .short(tags::BITS_STORED, 1)
            .short(tags::HIGH_BIT, 0)
            .short(tags::PIXEL_REPRESENTATION, 0)
            .text(tags::SEGMENTATION_TYPE, VR::CS, "BINARY")
            .text(tags::SEGMENTS_OVERLAP, VR::CS, "YES")
            .text(tags::CONTENT_LABEL, VR::CS, "LUNGGLASS")
            .text(tags::CONTENT_DESCRIPTION, VR::LO, NOTE)
            .or_empty(tags::CONTENT_CREATOR_NAME, VR::PN);
        header::lossy(&mut set, self.placed.iter().map(|placed| placed.slice));
        let numbers = self.numbers();
        let segments: Vec<_> = self.segments().map(|(number, of)| segment(maker, series, of, number)).collect();
        set.items(tags::SEGMENT_SEQUENCE, &segments).item(tags::REFERENCED_SERIES_SEQUENCE, |of_series| {
            of_series.uid(tags::SERIES_INSTANCE_UID, &series.identity.series).items(
                tags::REFERENCED_INSTANCE_SEQUENCE,
                &header::instances(self.placed.iter().map(|placed| placed.slice)),
            );
        });
        self.put_dimensions(&mut set, &maker.uid(series, "dimensions"));
        self.put_groups(&mut set, &numbers);
        let fill = |out: &mut dyn Write| self.write_pixels(out);
        set.write(out, Some(PixelData { length: self.length() as u32, fill: &fill }))
    }

    /// The segments that have a frame, each with its number in the object.
    pub fn segments(&self) -> impl Iterator<Item = (u16, &'static Segment)> {
        self.numbers().into_iter().zip(&SEGMENTS).filter_map(|(number, segment)| Some((number?, segment)))
    }

    /// The number of each segment in the object, from 1; `None` for one without a frame.
    fn numbers(&self) -> [Option<u16>; SEGMENTS.len()] {
        let mut next = 0;
        std::array::from_fn(|segment| {
            let is_there = self.frames.iter().any(|frame| frame.segment == segment);
            is_there.then(|| {
                next += 1;
                next
            })
        })
    }

    fn put_dimensions(&self, set: &mut DataSet, uid: &str) {
        let dimension = |pointer, group, label| {
            let mut item = DataSet::default();
            item.uid(tags::DIMENSION_ORGANIZATION_UID, uid)
                .pointer(tags::DIMENSION_INDEX_POINTER, pointer)
                .pointer(tags::FUNCTIONAL_GROUP_POINTER, group)
                .text(tags::DIMENSION_DESCRIPTION_LABEL, VR::LO, label);
            item
        };
        set.item(tags::DIMENSION_ORGANIZATION_SEQUENCE, |item| {
            item.uid(tags::DIMENSION_ORGANIZATION_UID, uid);
        })
        .items(
            tags::DIMENSION_INDEX_SEQUENCE,
            &[
                dimension(
                    tags::REFERENCED_SEGMENT_NUMBER,
                    tags::SEGMENT_IDENTIFICATION_SEQUENCE,
                    "Referenced Segment Number",
                ),
                dimension(tags::IMAGE_POSITION_PATIENT, tags::PLANE_POSITION_SEQUENCE, "Image Position Patient"),
            ],
        );
    }

    /// What all frames share, and what each has for itself.
    fn put_groups(&self, set: &mut DataSet, numbers: &[Option<u16>]) {
        let orientation = |set: &mut DataSet, placed: &Placed| {
            set.item(tags::PLANE_ORIENTATION_SEQUENCE, |item| {
                item.decimals(tags::IMAGE_ORIENTATION_PATIENT, &placed.orientation);
            });
        };
        let measures = |set: &mut DataSet, placed: &Placed| {
            set.item(tags::PIXEL_MEASURES_SEQUENCE, |item| {
                item.decimals(tags::PIXEL_SPACING, &placed.spacing);
                if let Some(thickness) = placed.slice.geometry.thickness {
                    item.decimals(tags::SLICE_THICKNESS, &[thickness]);
                }
            });
        };
        let first = &self.placed[0];
        let share_orientation = self.placed.iter().all(|placed| placed.orientation == first.orientation);
        let measure = |placed: &Placed| (placed.spacing, placed.slice.geometry.thickness);
        let share_measures = self.placed.iter().all(|placed| measure(placed) == measure(first));
        set.item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, |shared| {
            if share_orientation {
                orientation(shared, first);
            }
            if share_measures {
                measures(shared, first);
            }
        });
        let groups: Vec<_> = self
            .frames
            .iter()
            .map(|Frame { segment, at }| {
                let placed = &self.placed[*at];
                let number = numbers[*segment].unwrap_or_default();
                let mut group = DataSet::default();
                group
                    .item(tags::FRAME_CONTENT_SEQUENCE, |item| {
                        item.longs(tags::DIMENSION_INDEX_VALUES, &[number.into(), *at as u32 + 1]);
                    })
                    .item(tags::PLANE_POSITION_SEQUENCE, |item| {
                        item.decimals(tags::IMAGE_POSITION_PATIENT, &placed.position);
                    })
                    .item(tags::SEGMENT_IDENTIFICATION_SEQUENCE, |item| {
                        item.short(tags::REFERENCED_SEGMENT_NUMBER, number);
                    })
                    .item(tags::DERIVATION_IMAGE_SEQUENCE, |derivation| {
                        let mut source = header::reference(placed.slice);
                        source.text(tags::SPATIAL_LOCATIONS_PRESERVED, VR::CS, "YES").code(
                            tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE,
                            Code("121322", "DCM", "Source image for image processing operation"),
                        );
                        derivation
                            .items(tags::SOURCE_IMAGE_SEQUENCE, &[source])
                            .code(tags::DERIVATION_CODE_SEQUENCE, Code("113076", "DCM", "Segmentation"));
                    });
                if !share_orientation {
                    orientation(&mut group, placed);
                }
                if !share_measures {
                    measures(&mut group, placed);
                }
                group
            })
            .collect();
        set.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, &groups);
    }

    /// One bit a pixel, the first in the lowest bit; a frame follows the other without a gap.
    fn write_pixels(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut bytes = Vec::new();
        let (mut byte, mut bits, mut written) = (0u8, 0u32, 0u64);
        for Frame { segment, at } in &self.frames {
            each_pixel(self.placed[*at].slice, *segment, |is_set| {
                byte |= u8::from(is_set) << bits;
                bits += 1;
                if bits == 8 {
                    bytes.push(byte);
                    (byte, bits) = (0, 0);
                }
                true
            });
            out.write_all(&bytes)?;
            written += bytes.len() as u64;
            bytes.clear();
        }
        let left = self.length() - written;
        let mut end = vec![0; left as usize];
        if bits > 0 {
            end[0] = byte;
        }
        out.write_all(&end)
    }
}

/// What a segment is, and what made it.
fn segment(maker: &Maker, series: &Series, of: &Segment, number: u16) -> DataSet {
    let mut item = DataSet::default();
    item.short(tags::SEGMENT_NUMBER, number)
        .text(tags::SEGMENT_LABEL, VR::LO, of.label)
        .text(tags::SEGMENT_DESCRIPTION, VR::ST, "Where the network finds it more likely than not")
        .code(tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE, of.category)
        .code(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE, of.property)
        .text(tags::SEGMENT_ALGORITHM_TYPE, VR::CS, "AUTOMATIC")
        .text(tags::SEGMENT_ALGORITHM_NAME, VR::LO, &maker.model.name)
        .shorts(tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE, &of.colour)
        .bytes(tags::TRACKING_ID, VR::UT, of.label.as_bytes())
        .uid(tags::TRACKING_UID, &maker.uid(series, of.label))
        .item(tags::SEGMENTATION_ALGORITHM_IDENTIFICATION_SEQUENCE, |algorithm| {
            algorithm
                .code(tags::ALGORITHM_FAMILY_CODE_SEQUENCE, Code("123110", "DCM", "Artificial Intelligence"))
                .text(tags::ALGORITHM_NAME, VR::LO, &maker.model.name)
                .text(tags::ALGORITHM_VERSION, VR::LO, header::version(maker.model))
                .text(tags::ALGORITHM_PARAMETERS, VR::LT, &header::parameters(maker).join("; "));
        });
    item
}

/// Whether no pixel of a slice belongs to a segment.
fn is_empty(slice: &Slice, segment: usize) -> bool {
    let map = (SEGMENTS[segment].map)(slice);
    // Between cells nothing is greater than in them.
    if map.is_none_or(|map| map.values.iter().all(|value| *value < LEAST)) {
        return true;
    }
    let mut is_empty = true;
    each_pixel(slice, segment, |is_set| {
        is_empty = !is_set;
        is_empty
    });
    is_empty
}

/// Tells of each pixel of a slice as its file stores it, row by row, whether it belongs to a segment; until `take` says false. What is no
/// lung is no opacity.
fn each_pixel(slice: &Slice, segment: usize, mut take: impl FnMut(bool) -> bool) {
    let (Some(lung), Some(map)) = (&slice.lung, (SEGMENTS[segment].map)(slice)) else { return };
    let (own, lungs) = (Sampled::new(map, &slice.geometry), Sampled::new(lung, &slice.geometry));
    let is_lung = segment == 0;
    for row in 0..slice.geometry.rows {
        for column in 0..slice.geometry.columns {
            let is_set = own.at(row, column) >= LEAST && (is_lung || lungs.at(row, column) >= LEAST);
            if !take(is_set) {
                return;
            }
        }
    }
}

/// A map over the pixels of a slice as its file stores it.
struct Sampled<'a> {
    map: &'a Map,
    /// Where each row and each column lies on an axis of the map.
    rows: Vec<Between>,
    columns: Vec<Between>,
    /// Columns of the file are rows of the map.
    transposed: bool,
}

impl<'a> Sampled<'a> {
    fn new(map: &'a Map, geometry: &Geometry) -> Sampled<'a> {
        let Geometry { rows, columns, turn, .. } = *geometry;
        let centre = |at: usize, of: usize| (at as f64 + 0.5) / of as f64;
        let axes = |across: f64, down: f64| {
            let [across, down] = turn.shown(across, down);
            let (x, y) = (Between::new(across, map.width), Between::new(down, map.height));
            if turn.transposed { (y, x) } else { (x, y) }
        };
        Sampled {
            map,
            rows: (0..rows).map(|row| axes(0.0, centre(row, rows)).1).collect(),
            columns: (0..columns).map(|column| axes(centre(column, columns), 0.0).0).collect(),
            transposed: turn.transposed,
        }
    }

    fn at(&self, row: usize, column: usize) -> f32 {
        let (row, column) = (self.rows[row], self.columns[column]);
        if self.transposed { self.map.between(row, column) } else { self.map.between(column, row) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Turn;

    #[test]
    fn a_map_is_sampled_where_its_slice_was_turned_to() {
        let map = Map { width: 3, height: 4, values: (0..12).map(|value| (value * value) as f32).collect() };
        for number in 0..8 {
            let turn = Turn { transposed: number & 1 > 0, mirrored: number & 2 > 0, upside_down: number & 4 > 0 };
            let geometry = Geometry { rows: 7, columns: 5, turn, ..Geometry::default() };
            let sampled = Sampled::new(&map, &geometry);
            for (row, column) in (0..7).flat_map(|row| (0..5).map(move |column| (row, column))) {
                let [across, down] = turn.shown((column as f64 + 0.5) / 5.0, (row as f64 + 0.5) / 7.0);
                assert_eq!(sampled.at(row, column), map.at(across, down), "{turn:?}");
            }
        }
    }
}
