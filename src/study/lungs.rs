//! What a slice adds to the extent of its study: how much lung it shows on each side, and how much of that is opaque. Areas are shares
//! of the slice's, so that no map and no pixel needs to be kept.

use serde::{Deserialize, Serialize};

use crate::outputs::{Map, OpacityMaps};
use crate::reading::Reading;

/// The lungs of one slice.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Lungs {
    /// Where the gap between the two lungs is, as a share of the width; `None` where one lung alone is seen.
    pub gap: Option<f64>,
    /// Where the middle of all lung is, as a share of the width; the middle of the slice where there is none.
    pub centre: f64,
    /// Left of the gap as the slice is shown; without a gap all of it.
    pub before: Area,
    /// Right of the gap as the slice is shown.
    pub behind: Area,
    /// Whether the file says which side of the slice is the patient's right. If not, it is taken to be at the left, as is the custom.
    pub turned: bool,
    /// The area of the whole slice in square millimetres, which makes areas of shares; `None` where the file does not say it.
    #[serde(default)]
    pub size: Option<f64>,
}

/// Areas, in shares of the slice's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Area {
    /// All lung.
    pub lung: f64,
    /// Lung that is opaque in either way.
    pub opaque: f64,
    /// Lung with ground glass.
    pub ground_glass: f64,
    /// Consolidated lung.
    pub consolidation: f64,
}

/// A lung has at least this share of all lung of its slice.
const MIN_LUNG: f64 = 0.03;
/// In the gap the lungs are at most this share of what the lesser lung is where it is highest.
const MAX_IN_GAP: f64 = 0.5;

impl Area {
    pub(super) fn add(&mut self, other: &Area, weight: f64) {
        self.lung += weight * other.lung;
        self.opaque += weight * other.opaque;
        self.ground_glass += weight * other.ground_glass;
        self.consolidation += weight * other.consolidation;
    }

    pub(super) fn sum(&self, other: &Area) -> Area {
        let mut sum = *self;
        sum.add(other, 1.0);
        sum
    }
}

impl Lungs {
    /// Of a slice that was judged by a network that tells lungs and opacity; else `None`.
    pub fn of(reading: &Reading) -> Option<Lungs> {
        reading.opacity?;
        let (lung, maps) = (reading.lung.as_ref()?, reading.opacity_maps.as_ref()?);
        let turned = reading.source.as_ref().is_some_and(|source| source.orientation.is_some());
        let sides = reading.shown.zip(reading.spacing);
        let size = sides.map(|(sides, spacing)| (0..2).map(|axis| sides[axis] as f64 * spacing[axis]).product());
        Some(Lungs { size, ..Lungs::measure(lung, maps, turned) })
    }

    /// `maps` has the cells of `lung`.
    fn measure(lung: &Map, maps: &OpacityMaps, turned: bool) -> Lungs {
        let columns = columns(lung, maps);
        let profile: Vec<f64> = columns.iter().map(|column| column.lung).collect();
        let all: f64 = profile.iter().sum();
        let width = profile.len() as f64;
        let middle = |column: usize| (column as f64 + 0.5) / width;
        let moment: f64 = profile.iter().enumerate().map(|(column, lung)| middle(column) * lung).sum();
        let centre = if all > 0.0 { moment / all } else { 0.5 };
        let gap = (all > 0.0).then(|| gap(&profile, all)).flatten();
        let (mut before, mut behind) = (Area::default(), Area::default());
        for (column, area) in columns.iter().enumerate() {
            // The column that the gap runs through belongs to both sides.
            let share = gap.map_or(1.0, |gap| (gap - column as f64).clamp(0.0, 1.0));
            before.add(area, share);
            behind.add(area, 1.0 - share);
        }
        Lungs { gap: gap.map(|gap| gap / width), centre, before, behind, turned, size: None }
    }

    /// Both sides.
    pub(super) fn whole(&self) -> Area {
        self.before.sum(&self.behind)
    }
}

/// The areas in each column of cells.
pub(super) fn columns(lung: &Map, maps: &OpacityMaps) -> Vec<Area> {
    let cell = 1.0 / (lung.width * lung.height) as f64;
    let mut columns = vec![Area::default(); lung.width];
    let kinds = maps.ground_glass.values.iter().zip(&maps.consolidation.values);
    for (at, (held, (ground, dense))) in lung.values.iter().zip(kinds).enumerate() {
        let [held, ground, dense] = [*held, *ground, *dense].map(f64::from);
        let column = &mut columns[at % lung.width];
        column.lung += cell * held;
        column.opaque += cell * held * (ground + dense).min(1.0);
        column.ground_glass += cell * held * ground;
        column.consolidation += cell * held * dense;
    }
    columns
}

/// Where the gap between two lungs is, in columns from the left: the middle of the run of columns with the least lung that has enough
/// lung on both sides.
fn gap(profile: &[f64], all: f64) -> Option<f64> {
    let highest = |part: &[f64]| part.iter().copied().fold(0.0, f64::max);
    let is_between = |column: &usize| {
        let (before, behind) = (&profile[..*column], &profile[column + 1..]);
        let enough = [before, behind].map(|side| side.iter().sum::<f64>() >= MIN_LUNG * all);
        enough == [true, true] && profile[*column] <= MAX_IN_GAP * highest(before).min(highest(behind))
    };
    let between: Vec<usize> = (0..profile.len()).filter(is_between).collect();
    let least = between.iter().copied().min_by(|a, b| profile[*a].total_cmp(&profile[*b]))?;
    // Columns that are as good as without lung are one run.
    let most = profile[least].max(0.01 * highest(profile));
    let run = |columns: &mut dyn Iterator<Item = usize>| columns.take_while(|column| profile[*column] <= most).count();
    let (back, on) = (run(&mut (0..least).rev()), run(&mut (least + 1..profile.len())));
    Some((least - back + least + on + 1) as f64 / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[f32]) -> Map {
        Map { width: values.len(), height: 1, values: values.to_vec() }
    }

    fn measured(lung: &[f32], ground: &[f32], dense: &[f32]) -> Lungs {
        Lungs::measure(&row(lung), &OpacityMaps { ground_glass: row(ground), consolidation: row(dense) }, false)
    }

    #[test]
    fn the_gap_parts_two_lungs() {
        let found = measured(
            &[0.0, 1.0, 1.0, 0.0, 0.0, 0.5, 0.5, 0.0],
            &[0.9, 0.5, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0],
            &[0.0, 0.75, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        );
        assert_eq!(found.gap, Some(0.5));
        let cell = |value: f64| value / 8.0;
        let before = Area { lung: cell(2.0), opaque: cell(1.0), ground_glass: cell(0.5), consolidation: cell(0.75) };
        assert_eq!(found.before, before);
        let behind = Area { lung: cell(1.0), opaque: cell(0.5), ground_glass: cell(0.5), consolidation: 0.0 };
        assert_eq!(found.behind, behind);
        assert!((found.centre - (1.5 + 2.5 + 0.5 * (5.5 + 6.5)) / 24.0).abs() < 1e-12);
    }

    #[test]
    fn lungs_that_touch_have_a_gap_too() {
        let found = measured(&[0.5, 1.0, 1.0, 0.25, 1.0, 1.0, 0.5], &[0.0; 7], &[0.0; 7]);
        assert_eq!(found.gap, Some(0.5));
        assert!((found.before.lung - found.behind.lung).abs() < 1e-12);
    }

    #[test]
    fn one_lung_has_none_and_no_lung_has_no_area() {
        let found = measured(&[0.0, 0.5, 1.0, 0.5, 0.0, 0.0], &[0.0; 6], &[0.0; 6]);
        assert_eq!((found.gap, found.behind.lung), (None, 0.0));
        assert!((found.centre - 2.5 / 6.0).abs() < 1e-12 && (found.before.lung - 2.0 / 6.0).abs() < 1e-12);
        let none = measured(&[0.0; 6], &[1.0; 6], &[1.0; 6]);
        assert_eq!((none.gap, none.centre, none.whole()), (None, 0.5, Area::default()));
    }
}
