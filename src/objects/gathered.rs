//! What is known of slices while they are read: enough to make objects of their series in the end, and no more. Of each slice some kilobytes
//! are kept, and pictures of the key slices of each series alone.

use super::capture::MAX_CAPTURES;
use super::{Found, Series, Slice};
use crate::decode::Pending;
use crate::geometry::Geometry;
use crate::identity::{Identity, Instance, Lack};
use crate::reading::Reading;
use crate::study::Study;

/// Bytes of pictures from which on those of further key slices are not kept.
const MAX_PICTURES: usize = 256 << 20;

/// What the file of a slice says for objects; it is read where the file is at hand.
#[derive(Debug)]
pub struct Named(Option<Result<(Identity, Instance, Geometry), Lack>>);

impl Named {
    /// What the header of a slice names.
    pub fn of(slice: &Pending) -> Named {
        let Ok(image) = &slice.image else { return Named(None) };
        let geometry = image.geometry(slice.frame.unwrap_or(0)).cloned();
        let named = image.identity().zip(geometry);
        Named(named.map(|(named, geometry)| named.map(|(identity, instance)| (identity, instance, geometry))))
    }
}

/// The slices that were read, in their order.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Those of the slices, each once, with the key slices of each so far: the highest scores first.
    identities: Vec<(Identity, Vec<(f32, usize)>)>,
    slices: Vec<Known>,
    /// Bytes of pictures.
    held: usize,
}

#[derive(Debug)]
enum Known {
    Unread,
    NoDicom,
    Lacks(Lack),
    /// The number of its identity.
    Slice(usize, Box<Slice>),
}

impl Gathered {
    /// Takes a reading, and what the header of its slice names.
    pub fn add(&mut self, reading: &Reading, named: Named) {
        let known = match named.0 {
            _ if reading.error.is_some() => Known::Unread,
            None => Known::NoDicom,
            Some(Err(lack)) => Known::Lacks(lack),
            Some(Ok((identity, instance, geometry))) => {
                let known = self.identities.iter().rposition(|(other, _)| *other == identity);
                let number = known.unwrap_or_else(|| {
                    self.identities.push((identity, Vec::new()));
                    self.identities.len() - 1
                });
                let mut slice = Slice::new(instance, geometry, reading);
                self.keep_picture(number, &mut slice, reading);
                Known::Slice(number, Box::new(slice))
            }
        };
        self.slices.push(known);
    }

    /// Keeps the picture of a slice that is among the key slices of its series so far, and gives up that of the one that no longer is.
    fn keep_picture(&mut self, number: usize, slice: &mut Slice, reading: &Reading) {
        let (Some(score), Some(picture)) = (reading.score, &reading.picture) else { return };
        let keys = &mut self.identities[number].1;
        let place = keys.partition_point(|(other, _)| *other >= score);
        if place >= MAX_CAPTURES || self.held + picture.gray.len() > MAX_PICTURES {
            return;
        }
        keys.insert(place, (score, self.slices.len()));
        self.held += picture.gray.len();
        slice.seen = Some((picture.clone(), reading.map.clone()));
        if keys.len() > MAX_CAPTURES
            && let Some((_, last)) = keys.pop()
            && let Some(Known::Slice(_, slice)) = self.slices.get_mut(last)
            && let Some((picture, _)) = slice.seen.take()
        {
            self.held -= picture.gray.len();
        }
    }

    /// The series of a study, whose items are the readings in their order.
    ///
    /// # Errors
    /// Why there can be no object of it.
    pub fn series<'a>(&'a self, study: &'a Study) -> Result<Series<'a>, Lack> {
        Series::new(study, |item| match &self.slices[item] {
            Known::Unread => Found::Unread,
            Known::NoDicom => Found::NoDicom,
            Known::Lacks(lack) => Found::Lacks(*lack),
            Known::Slice(identity, slice) => Found::Slice(&self.identities[*identity].0, slice),
        })
    }
}
