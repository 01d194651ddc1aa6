//! Functional groups: what a file of several frames says of all of them, and of each (PS3.3 C.7.6.16). What they say of a frame stands in
//! the place of what the file says beside them, and what one frame's group says in the place of what all share.

use std::cell::Cell;

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::super::walk::Vr;
use super::{Elements, Take, Value};
use crate::decode::Limits;
use crate::error::Result;

/// The elements that are read, each in an item of this sequence, which stands in a functional group.
const READ: [(Tag, Tag, Take); 23] = [
    (TRANSFORMATION, tags::RESCALE_INTERCEPT, |elements, value| elements.take_intercept(value)),
    (TRANSFORMATION, tags::RESCALE_SLOPE, |elements, value| elements.slope = elements.decimal(value)),
    (TRANSFORMATION, tags::RESCALE_TYPE, |elements, value| elements.take_unit(value)),
    (tags::PLANE_POSITION_SEQUENCE, tags::IMAGE_POSITION_PATIENT, |elements, value| {
        elements.position = elements.decimal(value);
    }),
    (tags::PLANE_ORIENTATION_SEQUENCE, tags::IMAGE_ORIENTATION_PATIENT, |elements, value| {
        elements.orientation = elements.decimal(value);
    }),
    (tags::PIXEL_MEASURES_SEQUENCE, tags::PIXEL_SPACING, |elements, value| {
        elements.spacing = elements.decimal(value);
    }),
    (tags::PIXEL_MEASURES_SEQUENCE, tags::SLICE_THICKNESS, |elements, value| {
        elements.thickness = elements.decimal(value);
    }),
    (tags::CT_IMAGE_FRAME_TYPE_SEQUENCE, tags::FRAME_TYPE, |elements, value| elements.image_type = value.text()),
    (tags::MR_IMAGE_FRAME_TYPE_SEQUENCE, tags::FRAME_TYPE, |elements, value| elements.image_type = value.text()),
    (tags::PET_FRAME_TYPE_SEQUENCE, tags::FRAME_TYPE, |elements, value| elements.image_type = value.text()),
    (CONTENT, tags::FRAME_ACQUISITION_NUMBER, |elements, value| {
        elements.acquisition = value.number().map(|number| number.to_string());
    }),
    (CONTENT, tags::TEMPORAL_POSITION_INDEX, |elements, value| {
        elements.time = value.long().map(|index| index.to_string());
    }),
    (CONTENT, tags::STACK_ID, |elements, value| elements.stack = value.text()),
    (CONTENT, tags::IN_STACK_POSITION_NUMBER, |elements, value| elements.place_in_stack = value.long()),
    (tags::CT_RECONSTRUCTION_SEQUENCE, tags::CONVOLUTION_KERNEL, |elements, value| elements.kernel = value.text()),
    (CONVERTED_OF_ALL, tags::ACQUISITION_NUMBER, |elements, value| elements.acquisition = value.text()),
    (CONVERTED_OF_ALL, tags::ECHO_NUMBERS, |elements, value| elements.echoes = value.text()),
    (CONVERTED_OF_ALL, tags::TEMPORAL_POSITION_IDENTIFIER, |elements, value| elements.time = value.text()),
    (CONVERTED, tags::ACQUISITION_NUMBER, |elements, value| elements.acquisition = value.text()),
    (CONVERTED, tags::ECHO_NUMBERS, |elements, value| elements.echoes = value.text()),
    (CONVERTED, tags::TEMPORAL_POSITION_IDENTIFIER, |elements, value| elements.time = value.text()),
    (CONVERTED, tags::INSTANCE_NUMBER, |elements, value| elements.number = value.text()),
    (CONVERTED, tags::SLICE_LOCATION, |elements, value| elements.location = elements.decimal(value)),
];

const TRANSFORMATION: Tag = tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE;
const CONTENT: Tag = tags::FRAME_CONTENT_SEQUENCE;
/// What the slices that a file was put together from had, and no functional group has.
const CONVERTED_OF_ALL: Tag = tags::UNASSIGNED_SHARED_CONVERTED_ATTRIBUTES_SEQUENCE;
const CONVERTED: Tag = tags::UNASSIGNED_PER_FRAME_CONVERTED_ATTRIBUTES_SEQUENCE;

/// How many sequences and items are open around the items of groups, the sequences in them, and the elements in the items of those.
const GROUP: usize = 1;
const SEQUENCE: usize = 2;
const IN_SEQUENCE: usize = 3;
const ELEMENT: usize = 4;

/// The functional groups of a file.
#[derive(Debug, Clone, Default)]
pub struct Groups {
    shared: Vec<Held>,
    /// By frame; of a file that says less, fewer than there are frames.
    frames: Vec<Vec<Held>>,
    /// Where the walk through the data set is.
    inside: Option<Inside>,
    /// The sequence of the group that it is in, and how many of its items have begun.
    sequence: Option<(Tag, usize)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Inside {
    Shared,
    PerFrame,
}

/// A value, and what becomes of it.
#[derive(Debug, Clone)]
struct Held {
    take: Taken,
    value: Vec<u8>,
    vr: Option<Vr>,
    big_endian: bool,
}

/// What is read: one of [`READ`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Taken(usize);

impl Groups {
    /// A walk through a data set begins.
    pub(super) fn begin(&mut self) {
        (self.inside, self.sequence) = (None, None);
    }

    /// A sequence begins within `open` sequences and items.
    pub(super) fn enter(&mut self, open: usize, tag: Tag) {
        if open == 0 {
            self.inside = match tag {
                tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE => Some(Inside::Shared),
                tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE => Some(Inside::PerFrame),
                _ => None,
            };
        }
        if open <= SEQUENCE {
            self.sequence = (open == SEQUENCE).then_some((tag, 0));
        }
    }

    /// An item begins within `open` sequences and items.
    pub(super) fn begin_item(&mut self, open: usize, limits: &Limits) -> Result<()> {
        match (&mut self.sequence, open) {
            (_, GROUP) if self.inside == Some(Inside::PerFrame) => {
                self.frames.push(Vec::new());
                Limits::check("the number of its functional groups", self.frames.len() as u64, limits.frames)?;
            }
            (Some((_, items)), IN_SEQUENCE) => *items += 1,
            _ => {}
        }
        Ok(())
    }

    /// What is to be read of an element within `open` sequences and items, if anything.
    pub(super) fn take(&self, open: usize, tag: Tag) -> Option<Taken> {
        let (sequence, items) = self.sequence.filter(|_| open == ELEMENT && self.inside.is_some())?;
        // One item is all that these sequences have.
        let found = READ.iter().position(|(within, element, _)| (*within, *element) == (sequence, tag));
        found.filter(|_| items == 1).map(Taken)
    }

    /// Keeps the value of an element that [`Groups::take`] named.
    pub(super) fn hold(&mut self, take: Taken, value: Vec<u8>, vr: Option<Vr>, big_endian: bool) {
        let group = match self.inside {
            Some(Inside::PerFrame) => self.frames.last_mut(),
            _ => Some(&mut self.shared),
        };
        // Each is read for every frame: one that stands there again must cost nothing.
        if let Some(group) = group.filter(|group| group.iter().all(|held| held.take != take)) {
            group.push(Held { take, value, vr, big_endian });
        }
    }

    /// The elements of frame `frame` of `frames`, of which the file says `elements` beside its functional groups.
    pub fn of_frame(&self, elements: &Elements, frames: usize, frame: usize) -> Elements {
        let mut elements = elements.clone();
        if frames > 1 {
            // Those of the file are not those of each frame.
            (elements.position, elements.location, elements.number) = (None, None, None);
        }
        for group in [Some(&self.shared), self.frames.get(frame)].into_iter().flatten() {
            // A scale is given as a whole.
            if group.iter().any(|held| READ[held.take.0].0 == TRANSFORMATION) {
                (elements.slope, elements.intercept, elements.rescale_type) = (None, None, None);
                elements.lut = None;
            }
            for Held { take, value, vr, big_endian } in group {
                let (_, _, take) = READ[take.0];
                let is_other = Cell::new(false);
                take(&mut elements, Value { bytes: value, vr: *vr, big_endian: *big_endian, is_other: &is_other });
            }
        }
        elements
    }
}
