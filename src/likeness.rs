//! How near a slice is to those that the network was trained on, in numbers that can be added up: what a hospital's acceptance test
//! compares. It refuses nothing; that is the gate's.

use serde::{Deserialize, Serialize};

use crate::gate::{Gate, STATISTICS};
use crate::outputs::Map;

/// Of one slice, whether the gate let it pass or not. What the gate has no numbers of is `None`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Likeness {
    /// Its [`statistics`](crate::gate::statistics).
    pub statistics: [f32; STATISTICS.len()],
    /// Their squared Mahalanobis distance from the training's.
    pub gray_levels: Option<f32>,
    /// The squared deviation of the embedding from the training's, in standard deviations, as a mean over its values: 1 on average over
    /// training.
    pub embedding: Option<f32>,
    /// The share of the picture that the network takes for lung, 0..1.
    pub lung: Option<f32>,
}

impl Likeness {
    /// Of a slice with these [`statistics`](crate::gate::statistics), embedding and cells of lung.
    pub fn of(gate: &Gate, statistics: [f32; STATISTICS.len()], embedding: &[f32], lung: Option<&Map>) -> Likeness {
        Likeness {
            statistics,
            gray_levels: gate.statistics.as_ref().map(|gate| gate.distance(&statistics)),
            embedding: gate.embedding.as_ref().map(|gate| gate.distance(embedding) / embedding.len().max(1) as f32),
            lung: lung.map(|lung| lung.values.iter().sum::<f32>() / lung.values.len().max(1) as f32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classifier::SETTINGS;
    use crate::model::Model;

    #[test]
    fn the_centre_of_training_is_at_no_distance() {
        let gate = Model::parse(SETTINGS).unwrap().gate;
        let statistics = gate.statistics.clone().unwrap();
        let embedding = gate.embedding.clone().unwrap();
        let centre: [f32; STATISTICS.len()] = statistics.mean.try_into().unwrap();
        let lung = Map { width: 2, height: 1, values: vec![0.0, 0.5] };
        let found = Likeness::of(&gate, centre, &embedding.mean, Some(&lung));
        assert_eq!((found.gray_levels, found.embedding, found.lung), (Some(0.0), Some(0.0), Some(0.25)));
        let off: Vec<f32> = embedding.mean.iter().zip(&embedding.std).map(|(mean, std)| mean + 2.0 * std).collect();
        assert!((Likeness::of(&gate, centre, &off, None).embedding.unwrap() - 4.0).abs() < 1e-3);
        let nothing = Likeness::of(&Gate::default(), centre, &off, None);
        assert_eq!((nothing.gray_levels, nothing.embedding, nothing.lung), (None, None, None));
    }
}
