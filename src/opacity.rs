//! How much of the lungs is opaque: shares of their area, from the network's maps. Knows no verdict and no host.

use serde::{Deserialize, Serialize};

use crate::outputs::{Map, OpacityMaps};

/// Shares of the lungs' area, 0..1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Opacity {
    /// Opaque in either way. A cell counts once, so it may be less than the other two together.
    pub share: f32,
    /// Ground glass.
    pub ground_glass: f32,
    /// Consolidation.
    pub consolidation: f32,
}

impl Opacity {
    /// The means of the maps over the lungs: a cell counts as much as it holds of `lung`, which has the cells of `maps`. Without any lung
    /// nothing is opaque.
    pub fn of(maps: &OpacityMaps, lung: &Map) -> Opacity {
        let (mut area, mut share, mut ground_glass, mut consolidation) = (0f64, 0f64, 0f64, 0f64);
        let kinds = maps.ground_glass.values.iter().zip(&maps.consolidation.values);
        for (held, (ground, dense)) in lung.values.iter().zip(kinds) {
            let [held, ground, dense] = [*held, *ground, *dense].map(f64::from);
            area += held;
            ground_glass += held * ground;
            consolidation += held * dense;
            share += held * (ground + dense).min(1.0);
        }
        let of_lungs = |sum: f64| if area > 0.0 { (sum / area) as f32 } else { 0.0 };
        Opacity { share: of_lungs(share), ground_glass: of_lungs(ground_glass), consolidation: of_lungs(consolidation) }
    }

    /// The means of several slices; `None` of none.
    pub fn mean(slices: &[Opacity]) -> Option<Opacity> {
        let mean = |share: fn(&Opacity) -> f32| {
            let sum: f64 = slices.iter().map(|opacity| f64::from(share(opacity))).sum();
            (sum / slices.len() as f64) as f32
        };
        (!slices.is_empty()).then(|| Opacity {
            share: mean(|opacity| opacity.share),
            ground_glass: mean(|opacity| opacity.ground_glass),
            consolidation: mean(|opacity| opacity.consolidation),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: [f32; 4]) -> Map {
        Map { width: 4, height: 1, values: values.to_vec() }
    }

    #[test]
    fn a_cell_counts_by_its_lung_and_once() {
        let maps = OpacityMaps { ground_glass: row([0.5, 0.75, 0.0, 1.0]), consolidation: row([0.25, 0.75, 0.0, 1.0]) };
        // One whole cell, half a cell that is likely both, half a cell that is neither; the last cell is no lung.
        let found = Opacity::of(&maps, &row([1.0, 0.5, 0.5, 0.0]));
        let expected = Opacity {
            share: (0.75 + 0.5) / 2.0,
            ground_glass: (0.5 + 0.375) / 2.0,
            consolidation: (0.25 + 0.375) / 2.0,
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn without_lungs_nothing_is_opaque() {
        let maps = OpacityMaps { ground_glass: row([1.0; 4]), consolidation: row([1.0; 4]) };
        let found = Opacity::of(&maps, &row([0.0; 4]));
        assert_eq!(found, Opacity { share: 0.0, ground_glass: 0.0, consolidation: 0.0 });
    }
}
