//! How far local slices are from those of training: gray levels, embedding, share of lung.

use lungglass::gate::{Gate, STATISTICS, StatisticsGate};
use lungglass::likeness::Likeness;
use serde::Serialize;

/// A mean that is so many of training's standard deviations away is pointed out.
pub const NOTABLE: f64 = 1.0;

/// What acceptance.json says of it; null what model.toml has no numbers of. Slices that were refused count too.
#[derive(Serialize)]
pub struct Drift {
    /// Slices that were measured: all that could be decoded.
    pub slices: usize,
    /// By statistic of the picture.
    pub statistics: Vec<Statistic>,
    /// Squared Mahalanobis distances of the statistics.
    pub gray_levels: Option<Distances>,
    /// Mean squared deviations of the embedding; 1 on average over training.
    pub embedding: Option<Distances>,
    pub lung: Option<Lung>,
}

#[derive(Serialize)]
pub struct Statistic {
    pub name: &'static str,
    pub training_mean: f64,
    pub training_sd: f64,
    pub mean: f64,
    pub sd: f64,
    /// How many of training's standard deviations the mean is off.
    pub shift: f64,
}

#[derive(Serialize)]
pub struct Distances {
    pub mean: f64,
    pub median: f64,
    pub percentile_95: f64,
    /// Above it a slice is refused.
    pub limit: f64,
    /// The share of slices above it.
    pub beyond: f64,
}

/// The share of the picture that is lung.
#[derive(Serialize)]
pub struct Lung {
    pub mean: f64,
    pub median: f64,
    pub percentile_5: f64,
    /// Below it a slice is refused.
    pub least: f64,
    /// The share of slices below it.
    pub below: f64,
}

/// `None` of no slice.
pub fn drift(slices: &[&Likeness], gate: &Gate) -> Option<Drift> {
    if slices.is_empty() {
        return None;
    }
    let sorted = |value: fn(&Likeness) -> Option<f32>| -> Vec<f64> {
        let mut values: Vec<f64> = slices.iter().filter_map(|slice| value(slice)).map(f64::from).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let gray_levels = gate.statistics.as_ref().map(|gate| (sorted(|slice| slice.gray_levels), f64::from(gate.limit)));
    let embedding = gate
        .embedding
        .as_ref()
        .map(|gate| (sorted(|slice| slice.embedding), f64::from(gate.limit) / gate.mean.len().max(1) as f64));
    let lung = sorted(|slice| slice.lung);
    let least = f64::from(gate.least_lung.unwrap_or_default());
    Some(Drift {
        slices: slices.len(),
        statistics: gate.statistics.as_ref().map_or_else(Vec::new, |gate| statistics(slices, gate)),
        gray_levels: gray_levels.and_then(|(values, limit)| distances(&values, limit)),
        embedding: embedding.and_then(|(values, limit)| distances(&values, limit)),
        lung: (!lung.is_empty()).then(|| Lung {
            mean: mean(&lung),
            median: quantile(&lung, 0.5),
            percentile_5: quantile(&lung, 0.05),
            least,
            below: share(&lung, |value| value < least),
        }),
    })
}

fn statistics(slices: &[&Likeness], gate: &StatisticsGate) -> Vec<Statistic> {
    let deviations = deviations(&gate.precision);
    let of = |(at, name): (usize, &&'static str)| {
        let values: Vec<f64> = slices.iter().map(|slice| f64::from(slice.statistics[at])).collect();
        let (mean, training_mean, training_sd) = (mean(&values), f64::from(gate.mean[at]), deviations[at]);
        let shift = (mean - training_mean) / training_sd;
        Statistic { name, training_mean, training_sd, mean, sd: deviation(&values), shift }
    };
    STATISTICS.iter().enumerate().map(of).collect()
}

fn distances(sorted: &[f64], limit: f64) -> Option<Distances> {
    (!sorted.is_empty()).then(|| Distances {
        mean: mean(sorted),
        median: quantile(sorted, 0.5),
        percentile_95: quantile(sorted, 0.95),
        limit,
        beyond: share(sorted, |value| value > limit),
    })
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Of a sample; 0 of one value.
fn deviation(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (values.len() as f64 - 1.0).max(1.0)).sqrt()
}

fn share(values: &[f64], test: impl Fn(f64) -> bool) -> f64 {
    values.iter().filter(|value| test(**value)).count() as f64 / values.len() as f64
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    sorted[(share * (sorted.len() - 1) as f64).round() as usize]
}

/// The standard deviations of a Gaussian with this inverse covariance, by Gauss and Jordan's elimination with pivots.
fn deviations(precision: &[Vec<f32>]) -> Vec<f64> {
    let n = precision.len();
    let mut rows: Vec<Vec<f64>> = precision
        .iter()
        .enumerate()
        .map(|(at, row)| {
            let unit = (0..n).map(|column| f64::from(u8::from(column == at)));
            row.iter().map(|value| f64::from(*value)).chain(unit).collect()
        })
        .collect();
    for column in 0..n {
        let pivot =
            (column..n).max_by(|a, b| rows[*a][column].abs().total_cmp(&rows[*b][column].abs())).unwrap_or(column);
        rows.swap(column, pivot);
        let factor = rows[column][column];
        rows[column].iter_mut().for_each(|value| *value /= factor);
        let own = rows[column].clone();
        for (_, row) in rows.iter_mut().enumerate().filter(|(at, _)| *at != column) {
            let factor = row[column];
            row.iter_mut().zip(&own).for_each(|(value, own)| *value -= factor * own);
        }
    }
    (0..n).map(|at| rows[at][n + at].max(0.0).sqrt()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lungglass::classifier::SETTINGS;
    use lungglass::model::Model;

    #[test]
    fn deviations_are_those_of_the_inverse() {
        // The inverse of [[4, 1], [1, 2]] is [[2, -1], [-1, 4]] / 7.
        let found = deviations(&[vec![4.0, 1.0], vec![1.0, 2.0]]);
        assert!((found[0] - (2.0f64 / 7.0).sqrt()).abs() < 1e-12 && (found[1] - (4.0f64 / 7.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn slices_like_those_of_training_have_no_shift() {
        let gate = Model::parse(SETTINGS).unwrap().gate;
        let of_training = gate.statistics.clone().unwrap();
        let statistics: [f32; STATISTICS.len()] = of_training.mean.try_into().unwrap();
        let mut bright = statistics;
        let sd = deviations(&of_training.precision)[0] as f32;
        bright[0] += 2.0 * sd;
        let of = |statistics| Likeness { statistics, gray_levels: Some(13.0), embedding: Some(1.0), lung: Some(0.3) };
        let (like, off) = (of(statistics), of(bright));
        let found = drift(&[&like, &like], &gate).unwrap();
        assert!(found.statistics.iter().all(|statistic| statistic.shift.abs() < 1e-6));
        assert_eq!((found.gray_levels.unwrap().beyond, found.lung.unwrap().below), (0.0, 0.0));
        let found = drift(&[&like, &off], &gate).unwrap();
        assert!((found.statistics[0].shift - 1.0).abs() < 1e-4, "{}", found.statistics[0].shift);
        assert!(drift(&[], &gate).is_none());
        let nothing = drift(&[&like], &Gate::default()).unwrap();
        assert!(nothing.statistics.is_empty() && nothing.gray_levels.is_none() && nothing.embedding.is_none());
    }
}
