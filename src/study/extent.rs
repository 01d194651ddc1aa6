//! How large the lungs of a stack are, how much of them is opaque, and where: volumes, and shares of them, each slice for as much of the body
//! as lies nearest to it.

use std::cmp::Ordering;

use serde::Serialize;

use super::Item;
use super::lungs::{Area, Lungs};
use super::order::Order;
use crate::opacity::Opacity;

/// The lungs' volume and its opaque shares, by side and height. A part that holds no lung is `None`.
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
    /// In millilitres; `None` where the files do not say how far apart the slices lie and how large their pixels are.
    pub volume_ml: Option<f32>,
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

/// Cubic millimetres of a millilitre.
const MILLILITRE: f64 = 1000.0;

/// A slice that counts: its lungs, and what it stands for, from `top` to `bottom` in millimetres, or 1 and 0 where nothing is known.
struct Slab<'a> {
    lungs: &'a Lungs,
    top: f64,
    bottom: f64,
    /// Its whole area, in square millimetres; 1 where the volumes are not known.
    size: f64,
}

impl Slab<'_> {
    /// As much of `area` as lies in so many millimetres of it.
    fn add(&self, area: &Area, depth: f64, to: &mut Area) {
        to.add(area, self.size * depth);
    }
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
            slabs.push(Slab { lungs: item.lungs.as_ref()?, top, bottom, size: 1.0 });
        }
        // Sizes are taken for what they are only where all are known: slices must not weigh by what some of their files say.
        let sizes: Option<Vec<f64>> = slabs.iter().map(|slab| slab.lungs.size.filter(|size| *size > 0.0)).collect();
        let is_measured = spaced.is_some() && sizes.is_some();
        for (slab, size) in slabs.iter_mut().zip(sizes.into_iter().flatten()).filter(|_| is_measured) {
            slab.size = size;
        }
        let mut all = Area::default();
        slabs.iter().for_each(|slab| slab.add(&slab.lungs.whole(), slab.top - slab.bottom, &mut all));
        let part = |area: Area| Part::of(&area, all.lung, is_measured);
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
    /// `None` where there is no lung, or no depth: all slices lie at one height. Areas are in cubic millimetres if they are `measured`.
    fn of(area: &Area, all: f64, measured: bool) -> Option<Part> {
        let share = |part: f64| (part / area.lung) as f32;
        (area.lung > 0.0 && all > 0.0).then(|| Part {
            of_lungs: (area.lung / all) as f32,
            volume_ml: measured.then(|| (area.lung / MILLILITRE) as f32),
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
    for slab in slabs {
        let (lungs, depth) = (slab.lungs, slab.top - slab.bottom);
        if lungs.gap.is_some_and(|gap| (gap - middle).abs() <= MAX_OFF_MIDDLE) {
            slab.add(&lungs.before, depth, &mut sides[0]);
            slab.add(&lungs.behind, depth, &mut sides[1]);
        } else {
            slab.add(&lungs.whole(), depth, &mut sides[usize::from(lungs.centre > middle)]);
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
            slab.add(&slab.lungs.whole(), depth.max(0.0), &mut area);
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
        item(Lungs { gap: Some(0.5), centre: 0.5, before, behind, turned: true, size: None })
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
    fn volumes_are_known_where_pixels_and_positions_are() {
        // A slice of 300 by 200 mm, a fifth of it lung, which stands for 10 mm: 120 ml.
        let sized = |area: Area, size: f64| {
            let item = two(area, area);
            Item { lungs: item.lungs.map(|lungs| Lungs { size: Some(size), ..lungs }), ..item }
        };
        let (whole, half) = (sized(area(0.1, 0.0), 60_000.0), sized(area(0.1, 0.1), 30_000.0));
        let slices = [(&whole, Some(30.0)), (&whole, Some(20.0)), (&half, Some(10.0))];
        let found = Extent::of(&slices, Order::Position).unwrap();
        let volume = |part: Option<Part>| part.unwrap().volume_ml.unwrap();
        assert_eq!([volume(Some(found.lungs)), volume(found.right), volume(found.left)], [300.0, 150.0, 150.0]);
        assert_eq!([found.upper, found.middle, found.lower].map(volume), [120.0, 120.0, 60.0]);
        // The smaller slice counts for as much less.
        near(Some(found.lungs), 1.0, 0.2);
        // Neither without positions nor where the size of one is not known.
        assert_eq!(Extent::of(&slices, Order::Input).unwrap().lungs.volume_ml, None);
        let unsized_ = two(area(0.1, 0.1), area(0.1, 0.1));
        let some = [(&whole, Some(30.0)), (&whole, Some(20.0)), (&unsized_, Some(10.0))];
        let found = Extent::of(&some, Order::Position).unwrap();
        assert_eq!((found.lungs.volume_ml, found.spacing), (None, Spacing::Positions));
        near(Some(found.lungs), 1.0, 1.0 / 3.0);
    }

    #[test]
    fn one_lung_belongs_to_the_side_on_which_it_lies() {
        let one = |centre, gap| {
            item(Lungs { gap, centre, before: area(0.1, 0.1), behind: Area::default(), turned: false, size: None })
        };
        let both = two(area(0.1, 0.0), area(0.1, 0.0));
        let right = one(0.3, None);
        // A dome of the diaphragm parts one lung.
        let left = item(Lungs {
            gap: Some(0.7),
            centre: 0.7,
            before: area(0.05, 0.0),
            behind: area(0.05, 0.05),
            turned: true,
            size: None,
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
