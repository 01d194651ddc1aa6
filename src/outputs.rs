//! What a network says of one slice, before anybody judges it. Knows no network and no runtime.

use serde::Serialize;

/// Our names for the outputs that a network may have.
pub mod names {
    /// `[N, K]`.
    pub const SCORES: &str = "logit";
    /// `[N, 1, h, w]` or `[N, K, h, w]`.
    pub const MAP: &str = "map";
    /// `[N, 2, h, w]`.
    pub const OPACITY: &str = "opacity";
    /// `[N, 1, h, w]`.
    pub const LUNG: &str = "lung";
    /// `[N, d]`.
    pub const EMBEDDING: &str = "embedding";
}

/// What the network says of one slice; all but the scores may be missing.
#[derive(Debug, Clone)]
pub struct Outputs {
    /// A value for each class, before calibration. Of one class it is the logit: the class against all else.
    pub scores: Vec<f32>,
    /// What each cell adds to the score of each class, or one map for all; none where the network gives none.
    pub maps: Vec<Map>,
    /// On the cells of `lung`.
    pub opacity: Option<OpacityMaps>,
    /// The share of each cell that the network takes for lung, 0..1.
    pub lung: Option<Map>,
    /// `d` values for the gate.
    pub embedding: Vec<f32>,
}

/// Values over the slice, cell by cell. As the class activation map (Zhou et al. 2016): what each cell adds to the logit,
/// which is their mean; outside the lungs they are all alike and lowest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Map {
    /// In cells.
    pub width: usize,
    /// In cells.
    pub height: usize,
    /// Row by row.
    pub values: Vec<f32>,
}

/// How likely the lung in each cell is opaque, 0..1, by the kind of opacity.
#[derive(Debug, Clone, PartialEq)]
pub struct OpacityMaps {
    /// That it is ground glass.
    pub ground_glass: Map,
    /// That it is consolidation.
    pub consolidation: Map,
}

/// A place on an axis: between the centres of two cells, and how far it is from the first to the second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Between {
    low: usize,
    high: usize,
    part: f32,
}

impl Between {
    /// Of a share of the axis, 0..1, which has so many cells.
    pub(crate) fn new(share: f64, cells: usize) -> Between {
        let place = (share * cells as f64 - 0.5).clamp(0.0, cells as f64 - 1.0);
        let low = place as usize;
        Between { low, high: (low + 1).min(cells - 1), part: (place - low as f64) as f32 }
    }
}

impl Map {
    /// The value at a place, `across` of the width and `down` of the height, 0..1: between the centres of cells bilinearly, beyond the last
    /// ones as theirs.
    pub fn at(&self, across: f64, down: f64) -> f32 {
        self.between(Between::new(across, self.width), Between::new(down, self.height))
    }

    /// The same for a place that was found on each axis before.
    pub(crate) fn between(&self, x: Between, y: Between) -> f32 {
        let row = |row: usize| {
            let (low, high) = (self.values[row * self.width + x.low], self.values[row * self.width + x.high]);
            low + (high - low) * x.part
        };
        row(y.low) + (row(y.high) - row(y.low)) * y.part
    }
}

impl Outputs {
    /// Whether every value is a finite number.
    pub fn are_finite(&self) -> bool {
        let opacity = self.opacity.iter().flat_map(|maps| [&maps.ground_glass, &maps.consolidation]);
        let maps = self.maps.iter().chain(&self.lung).chain(opacity).flat_map(|map| &map.values);
        maps.chain(&self.embedding).chain(&self.scores).all(|value| value.is_finite())
    }

    /// Where the score of a class comes from, if the network says it.
    pub fn map(&self, class: usize) -> Option<&Map> {
        if self.maps.len() > 1 { self.maps.get(class) } else { self.maps.first() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_bilinear_between_its_cells() {
        let map = Map { width: 2, height: 2, values: vec![0.0, 1.0, 2.0, 3.0] };
        assert_eq!([map.at(0.25, 0.25), map.at(0.5, 0.25), map.at(0.5, 0.5)], [0.0, 0.5, 1.5]);
        assert_eq!([map.at(0.0, 0.0), map.at(1.0, 1.0)], [0.0, 3.0]);
        let one = Map { width: 1, height: 1, values: vec![0.75] };
        assert_eq!(one.at(0.9, 0.1), 0.75);
    }
}
