//! How much of the lungs of a stack is opaque, and where: shares of volumes, each slice for as much of the body as lies nearest to it.

use std::cmp::Ordering;

use serde::Serialize;

use super::Item;
use super::lungs::{Area, Lungs};
use super::order::Order;
use crate::opacity::Opacity;

/// Opaque shares of the lungs' volume, by side and height. A part that holds no lung is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Extent {
    /// Both lungs.
    pub lungs: Part,
    /// The patient's right lung.
    pub right: Option<Part>,
    /// The patient's left lung.
    pub left: Option<Part>,
    /// The third of the lungs' height next to the head; the thirds are `None` where no file says where the head is.
    pub upper: Option<Part>,
    /// The third between.
    pub middle: Option<Part>,
    /// The third next to the feet.
    pub lower: Option<Part>,
    /// How the sides are told.
    pub sides: Sides,
    /// How much of the body each slice stands for.
    pub spacing: Spacing,
}

/// A part of the lungs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Part {
    /// How much of the lungs' volume it is, 0..1.
    pub of_lungs: f32,
    /// Shares of its own volume.
    #[serde(flatten)]
    pub opacity: Opacity,
}

/// How left and right are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sides {
    /// The files say it.
    Header,
    /// The right is taken to be at the left of the picture, as is the custom: at least one file does not say it.
    Custom,
}

/// How much of the body a slice stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Spacing {
    /// What lies nearer to it than to its neighbours, by the positions that the files give.
    Positions,
    /// As much as every other: the files give no positions.
    Alike,
}

/// A slice's lungs farther apart from the stack's middle than this share of the width are one lung, whatever gap was seen in it.
const MAX_OFF_MIDDLE: f64 = 0.12;

/// A slice that counts: its lungs, and what it stands for, from `top` to `bottom` in millimetres, or 1 and 0 where nothing is known.
struct Slab<'a> {
    lungs: &'a Lungs,
    top: f64,
    bottom: f64,
}

impl Extent {
    /// Of a stack: items, each with its position if it has one. `None` where no slice was judged, or a judged one came without its
    /// [`Lungs`]. Slices without lungs bound what their neighbours stand for, and others do not count.
    pub(super) fn of(slices: &[(&Item, Option<f64>)], order: Order) -> Option<Extent> {
        let is_judged = |item: &Item| item.opacity.is_some();
        let mut known: Vec<(&Item, Option<f64>)> =
            slices.iter().copied().filter(|(item, _)| is_judged(item) || item.is_without_lungs()).collect();
        known.sort_by(|(_, a), (_, b)| b.partial_cmp(a).unwrap_or(Ordering::Equal));
        let mut slabs = Vec::new();
        // Slices that only came together need not be of one body.
        let is_placed = matches!(order, Order::Position | Order::Location)
            && known.iter().all(|(item, position)| !is_judged(item) || position.is_some());
        let spaced = spaced(&known).filter(|_| is_placed);
        let spacing = if spaced.is_some() { Spacing::Positions } else { Spacing::Alike };
        for (at, (item, _)) in known.iter().enumerate().filter(|(_, (item, _))| is_judged(item)) {
            let [top, bottom] = spaced.as_ref().map_or([1.0, 0.0], |spaced| spaced[at]);
            slabs.push(Slab { lungs: item.lungs.as_ref()?, top, bottom });
        }
        let mut all = Area::default();
        slabs.iter().for_each(|slab| all.add(&slab.lungs.whole(), slab.top - slab.bottom));
        let part = |area: Area| Part::of(&area, all.lung);
        let [right, left] = sides(&slabs);
        let thirds = (order == Order::Position && spacing == Spacing::Positions).then(|| thirds(&slabs));
        let [upper, middle, lower] = thirds.map_or([None; 3], |thirds| thirds.map(part));
        let turned = slabs.iter().all(|slab| slab.lungs.turned);
        Some(Extent {
            lungs: part(all)?,
            right: part(right),
            left: part(left),
            upper,
            middle,
            lower,
            sides: if turned { Sides::Header } else { Sides::Custom },
            spacing,
        })
    }
}

impl Part {
    /// `None` where there is no lung, or no depth: all slices lie at one height.
    fn of(area: &Area, all: f64) -> Option<Part> {
        let share = |part: f64| (part / area.lung) as f32;
        (area.lung > 0.0 && all > 0.0).then(|| Part {
            of_lungs: (area.lung / all) as f32,
            opacity: Opacity {
                share: share(area.opaque),
                ground_glass: share(area.ground_glass),
                consolidation: share(area.consolidation),
            },
        })
    }
}

/// From where to where each slice reaches: to halfway to its neighbours, and at the ends as far as on the other side. `None` where fewer
/// than two have a position, or all have the same. A slice without one stands for nothing.
fn spaced(slices: &[(&Item, Option<f64>)]) -> Option<Vec<[f64; 2]>> {
    let placed: Vec<f64> = slices.iter().filter_map(|(_, position)| *position).collect();
    let (first, last) = (*placed.first()?, *placed.last()?);
    if first == last {
        return None;
    }
    let half = |a: usize, b: usize| (placed[a] - placed[b]).abs() / 2.0;
    let mut at = 0;
    let reach = |position: f64, at: usize| {
        let (above, below) =
            (at.checked_sub(1).map(|other| half(other, at)), placed.get(at + 1).map(|_| half(at, at + 1)));
        let (above, below) = (above.or(below).unwrap_or(0.0), below.or(above).unwrap_or(0.0));
        [position + above, position - below]
    };
    let each = slices.iter().map(|(_, position)| {
        position.map_or([0.0, 0.0], |position| {
            at += 1;
            reach(position, at - 1)
        })
    });
    Some(each.collect())
}

/// The lungs at the left of the picture, and those at the right. Where a slice shows one lung, or a gap elsewhere than most do, it is that
/// of the side on which it lies.
fn sides(slabs: &[Slab]) -> [Area; 2] {
    let mut gaps: Vec<f64> = slabs.iter().filter_map(|slab| slab.lungs.gap).collect();
    gaps.sort_by(f64::total_cmp);
    // Where no slice shows two lungs, those of a body in the middle of the picture would lie on both sides of it.
    let middle = gaps.get(gaps.len() / 2).copied().unwrap_or(0.5);
    let mut sides = [Area::default(); 2];
    for Slab { lungs, top, bottom } in slabs {
        let depth = top - bottom;
        if lungs.gap.is_some_and(|gap| (gap - middle).abs() <= MAX_OFF_MIDDLE) {
            sides[0].add(&lungs.before, depth);
            sides[1].add(&lungs.behind, depth);
        } else {
            sides[usize::from(lungs.centre > middle)].add(&lungs.whole(), depth);
        }
    }
    sides
}

/// The lungs in each third of their height, from the head on.
fn thirds(slabs: &[Slab]) -> [Area; 3] {
    let top = slabs.iter().map(|slab| slab.top).fold(f64::NEG_INFINITY, f64::max);
    let bottom = slabs.iter().map(|slab| slab.bottom).fold(f64::INFINITY, f64::min);
    let edge = |third: usize| top - (top - bottom) * third as f64 / 3.0;
    std::array::from_fn(|third| {
        let mut area = Area::default();
        for slab in slabs {
            let depth = slab.top.min(edge(third)) - slab.bottom.max(edge(third + 1));
            area.add(&slab.lungs.whole(), depth.max(0.0));
        }
        area
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Spot;
    use crate::reading::Verdict;

    fn area(lung: f64, opaque: f64) -> Area {
        Area { lung, opaque, ground_glass: opaque, consolidation: 0.0 }
    }

    fn item(lungs: Lungs) -> Item {
        let opacity = Opacity { share: 0.0, ground_glass: 0.0, consolidation: 0.0 };
        Item {
            file: String::new(),
            frame: None,
            container: None,
            intake: None,
            place: Spot::default(),
            verdict: Verdict::Negative,
            score: Some(0.1),
            opacity: Some(opacity),
            lungs: Some(lungs),
            reason: None,
        }
    }

    fn two(before: Area, behind: Area) -> Item {
        item(Lungs { gap: Some(0.5), centre: 0.5, before, behind, turned: true })
    }

    fn without_lungs() -> Item {
        let refused = two(Area::default(), Area::default());
        let reason = Some(super::super::NO_LUNGS.to_string());
        Item { verdict: Verdict::Refused, score: None, opacity: None, lungs: None, reason, ..refused }
    }

    fn near(part: Option<Part>, of_lungs: f32, share: f32) {
        let part = part.expect("it holds lung");
        assert!((part.of_lungs - of_lungs).abs() < 1e-6 && (part.opacity.share - share).abs() < 1e-6, "{part:?}");
    }

    #[test]
    fn a_slice_counts_for_what_lies_nearest_to_it() {
        // Slices stand for 10, 10, 25 and 40 mm; the one without lungs bounds the first.
        let (clear, ill) = (two(area(0.1, 0.0), area(0.1, 0.0)), two(area(0.1, 0.1), area(0.1, 0.05)));
        let beyond = without_lungs();
        let slices = [
            (&ill, Some(30.0)),
            (&beyond, Some(100.0)),
            (&clear, Some(90.0)),
            (&clear, Some(80.0)),
            (&ill, Some(70.0)),
        ];
        let found = Extent::of(&slices, Order::Position).unwrap();
        assert_eq!((found.spacing, found.sides), (Spacing::Positions, Sides::Header));
        near(Some(found.lungs), 1.0, 65.0 * 0.15 / (85.0 * 0.2));
        near(found.right, 0.5, 65.0 / 85.0);
        near(found.left, 0.5, 32.5 / 85.0);
        // From 95 to 10 mm: the lower two thirds are ill all through, and 8 1/3 of the first 28 1/3 mm are.
        near(found.upper, 1.0 / 3.0, 0.75 * (25.0 / 3.0) / (85.0 / 3.0));
        near(found.middle, 1.0 / 3.0, 0.75);
        near(found.lower, 1.0 / 3.0, 0.75);
        // By the scanner's locations nobody knows where the head is; without any, slices count alike.
        let located = Extent::of(&slices, Order::Location).unwrap();
        assert_eq!((located.lungs, located.upper), (found.lungs, None));
        let unplaced = Extent::of(&slices, Order::Input).unwrap();
        assert_eq!((unplaced.spacing, unplaced.middle), (Spacing::Alike, None));
        near(Some(unplaced.lungs), 1.0, 0.375);
    }

    #[test]
    fn one_lung_belongs_to_the_side_on_which_it_lies() {
        let one =
            |centre, gap| item(Lungs { gap, centre, before: area(0.1, 0.1), behind: Area::default(), turned: false });
        let both = two(area(0.1, 0.0), area(0.1, 0.0));
        let right = one(0.3, None);
        // A dome of the diaphragm parts one lung.
        let left = item(Lungs {
            gap: Some(0.7),
            centre: 0.7,
            before: area(0.05, 0.0),
            behind: area(0.05, 0.05),
            turned: true,
        });
        let slices = [(&both, None), (&both, None), (&both, None), (&right, None), (&left, None)];
        let found = Extent::of(&slices, Order::Input).unwrap();
        assert_eq!(found.sides, Sides::Custom);
        near(found.right, 0.5, 0.25);
        near(found.left, 0.5, 0.125);
        let alone = Extent::of(&[(&right, None)], Order::Input).unwrap();
        near(alone.right, 1.0, 1.0);
        assert_eq!(alone.left, None);
    }

    #[test]
    fn slices_at_one_height_count_alike_and_no_lung_is_no_extent() {
        let (clear, ill) = (two(area(0.1, 0.0), area(0.1, 0.0)), two(area(0.3, 0.3), area(0.3, 0.3)));
        let found = Extent::of(&[(&clear, Some(5.0)), (&ill, Some(5.0))], Order::Position).unwrap();
        assert_eq!((found.spacing, found.upper), (Spacing::Alike, None));
        near(Some(found.lungs), 1.0, 0.75);
        let none = two(Area::default(), Area::default());
        assert_eq!(Extent::of(&[(&none, None)], Order::Input), None);
        assert_eq!(Extent::of(&[], Order::Input), None);
        // A host that gives no areas.
        assert_eq!(Extent::of(&[(&Item { lungs: None, ..clear }, None)], Order::Input), None);
    }
}
