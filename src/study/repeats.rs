//! Slices that came more than once.

use std::collections::HashMap;

use super::Item;
use crate::reading::Verdict;

/// What two files or frames of one stack share if they are the same slice.
#[derive(PartialEq, Eq, Hash)]
enum Same<'a> {
    /// Its UID, and where it lies, unless their pixels are known to differ: some programs give one UID to all slices, or one place.
    Placed { instance: &'a str, frame: Option<usize>, position: i64 },
    /// Its UID and its pixels, where no file says where it lies.
    Unplaced { instance: &'a str, frame: Option<usize>, pixels: &'a str },
    /// Where it lies, and its pixels.
    Alike { position: i64, pixels: &'a str },
}

/// The slices among `members` that count, and the others with the one that counts in its place: the first that could be read.
pub(super) fn find(items: &[Item], members: Vec<usize>) -> (Vec<usize>, Vec<(usize, usize)>) {
    let mut counted: Vec<usize> = Vec::new();
    let mut repeats: Vec<(usize, usize)> = Vec::new();
    let mut known: HashMap<Same, usize> = HashMap::new();
    for at in members {
        let signs = signs(&items[at]);
        let found = |sign: &Same| {
            let slot = *known.get(sign)?;
            (!matches!(sign, Same::Placed { .. }) || may_be_alike(&items[counted[slot]], &items[at])).then_some(slot)
        };
        let slot = signs.iter().find_map(found).unwrap_or(counted.len());
        match counted.get_mut(slot) {
            None => counted.push(at),
            Some(first) if items[*first].verdict == Verdict::Error => {
                repeats.push((std::mem::replace(first, at), slot))
            }
            Some(_) => repeats.push((at, slot)),
        }
        for sign in signs {
            known.entry(sign).or_insert(slot);
        }
    }
    let repeats = repeats.into_iter().map(|(at, slot)| (at, counted[slot])).collect();
    (counted, repeats)
}

/// Whether the pixels of both are the same, as far as they are known.
fn may_be_alike(one: &Item, other: &Item) -> bool {
    let both = one.place.pixels.as_ref().zip(other.place.pixels.as_ref());
    both.is_none_or(|(one, other)| one == other)
}

fn signs(item: &Item) -> Vec<Same<'_>> {
    let (place, frame) = (&item.place, item.frame);
    let (instance, pixels) = (place.instance.as_deref(), place.pixels.as_deref());
    let mut signs = Vec::new();
    match (instance, place.position(), pixels) {
        (Some(instance), Some(position), _) => signs.push(Same::Placed { instance, frame, position }),
        (Some(instance), None, Some(pixels)) => signs.push(Same::Unplaced { instance, frame, pixels }),
        _ => {}
    }
    if let Some((position, pixels)) = place.position().zip(pixels) {
        signs.push(Same::Alike { position, pixels });
    }
    signs
}
