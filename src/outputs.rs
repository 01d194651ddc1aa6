//! What a network says of one slice, before anybody judges it. Knows no network and no runtime.

use serde::Serialize;

/// What the network says of one slice.
#[derive(Debug, Clone)]
pub struct Outputs {
    /// COVID-19 against not, before calibration; the mean of `map`.
    pub logit: f32,
    /// What each cell adds to the logit.
    pub map: Map,
    /// On the cells of `lung`.
    pub opacity: OpacityMaps,
    /// The share of each cell that the network takes for lung, 0..1.
    pub lung: Map,
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

impl Outputs {
    /// Whether every value is a finite number.
    pub fn are_finite(&self) -> bool {
        let OpacityMaps { ground_glass, consolidation } = &self.opacity;
        let maps = [&self.map, &self.lung, ground_glass, consolidation].into_iter().flat_map(|map| &map.values);
        maps.chain(&self.embedding).chain([&self.logit]).all(|value| value.is_finite())
    }
}
