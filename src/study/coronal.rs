//! One row of the view from the front that a study's slices make together: how much lung lies behind each part of the width, and how much
//! of that is opaque. Nothing of the picture is in it.

use super::lungs::columns;
use crate::reading::Reading;

/// How many parts the width has at most.
pub const MAX_COLUMNS: usize = 48;

/// For each part of the width, from the left of the slice on, the share of its depth that is lung; then for each the share of that lung
/// that is opaque. Both 0 to 255. `None` for a slice that was not judged, or by a network that tells no lungs and opacity.
pub fn row(reading: &Reading) -> Option<Vec<u8>> {
    reading.opacity?;
    let (lung, maps) = (reading.lung.as_ref()?, reading.opacity_maps.as_ref()?);
    let areas = columns(lung, maps);
    let parts = areas.len().min(MAX_COLUMNS);
    // By which the lung in a part becomes the share of its depth.
    let whole = 1.0 / areas.len() as f64;
    let (mut depth, mut opaque, mut count) = (vec![0.0; parts], vec![0.0; parts], vec![0.0; parts]);
    for (column, area) in areas.iter().enumerate() {
        let part = column * parts / areas.len();
        depth[part] += area.lung;
        opaque[part] += area.opaque;
        count[part] += whole;
    }
    let byte = |share: f64| (255.0 * share).round() as u8;
    let of_depth = depth.iter().zip(&count).map(|(lung, all)| byte(lung / all));
    let of_lung = opaque.iter().zip(&depth).map(|(opaque, lung)| byte(if *lung > 0.0 { opaque / lung } else { 0.0 }));
    Some(of_depth.chain(of_lung).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::model::Model;
    use crate::opacity::Opacity;
    use crate::outputs::{Map, OpacityMaps};

    fn reading(width: usize, lung: impl Fn(usize) -> f32, ground: impl Fn(usize) -> f32) -> Reading {
        let model = Model::parse(crate::classifier::SETTINGS).unwrap();
        let map =
            |values: &dyn Fn(usize) -> f32| Map { width, height: 2, values: (0..2 * width).map(values).collect() };
        let none = Reading::unreadable("", None, &Error::NotAnImage, &model, "cpu");
        let maps = OpacityMaps { ground_glass: map(&|at| ground(at % width)), consolidation: map(&|_| 0.0) };
        let opacity = Opacity { share: 0.0, ground_glass: 0.0, consolidation: 0.0 };
        // The second row holds half as much.
        let lung = map(&|at| lung(at % width) / (1 + at / width) as f32);
        Reading { opacity: Some(opacity), lung: Some(lung), opacity_maps: Some(maps), ..none }
    }

    #[test]
    fn a_row_has_the_depth_of_lung_and_what_of_it_is_opaque() {
        let found = row(&reading(3, |column| [0.0, 1.0, 0.4][column], |column| [1.0, 0.2, 1.0][column])).unwrap();
        assert_eq!(found, [0, 191, 77, 0, 51, 255]);
        // Two columns a part.
        let found = row(&reading(96, |column| (column % 2) as f32, |_| 1.0)).unwrap();
        assert_eq!((found.len(), found[7], found[48 + 7]), (96, 96, 255));
        let refused = Reading { opacity: None, ..reading(3, |_| 1.0, |_| 0.0) };
        assert_eq!(row(&refused), None);
    }
}
