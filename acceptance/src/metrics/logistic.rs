//! How logits become scores and scores verdicts, by the rule of the network that ships (model/training/operating.py): the temperature of least
//! negative log-likelihood, the threshold at which a logistic regression is undecided, and the band around it. Knows no file.

use super::calibration::fit;

/// The natural logarithm of a temperature lies between this and its opposite.
const MAX_LOG_TEMPERATURE: f64 = 3.0;
/// Halvings of that range: the temperature is then right to its last digit.
const HALVINGS: usize = 100;

/// A slice of one class or of the others, and what it weighs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weighted {
    pub logit: f64,
    pub positive: bool,
    /// Above 0.
    pub weight: f64,
}

/// The temperature of least negative log-likelihood of the sigmoid (Guo et al. 2017, arXiv 1706.04599), from e^-3 to e^3.
pub fn sigmoid_temperature(slices: &[Weighted]) -> f64 {
    least(|inverse| {
        let off = |slice: &Weighted| sigmoid(slice.logit * inverse) - f64::from(u8::from(slice.positive));
        slices.iter().map(|slice| slice.weight * off(slice) * slice.logit).sum()
    })
}

/// As [`sigmoid_temperature`], of the softmax. Each row has the logits of all classes, the number of its own, and what it weighs.
pub fn softmax_temperature(rows: &[(Vec<f64>, usize, f64)]) -> f64 {
    least(|inverse| {
        let slope = |(logits, own, weight): &(Vec<f64>, usize, f64)| {
            let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let powers: Vec<f64> = logits.iter().map(|logit| ((logit - highest) * inverse).exp()).collect();
            let mean =
                powers.iter().zip(logits).map(|(power, logit)| power * logit).sum::<f64>() / powers.iter().sum::<f64>();
            weight * (mean - logits[*own])
        };
        rows.iter().map(slope).sum()
    })
}

/// The temperature at which `slope`, of the loss over the inverse of the temperature, is 0. The loss is convex, so that the slope only grows.
fn least(slope: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (-MAX_LOG_TEMPERATURE, MAX_LOG_TEMPERATURE);
    for _ in 0..HALVINGS {
        let middle = (low + high) / 2.0;
        *if slope(f64::exp(middle)) > 0.0 { &mut high } else { &mut low } = middle;
    }
    (-(low + high) / 2.0).exp()
}

/// The logit at which a logistic regression whose classes weigh alike is undecided: every slice has a say in it. `None` where the classes
/// are told apart without a mistake, and where higher logits do not go with the class.
pub fn balanced_cut(slices: &[Weighted]) -> Option<f64> {
    let share =
        |class: bool| -> f64 { slices.iter().filter(|slice| slice.positive == class).map(|slice| slice.weight).sum() };
    let shares = [share(false), share(true)];
    let count = slices.len() as f64;
    let mean = slices.iter().map(|slice| slice.logit).sum::<f64>() / count;
    let spread = (slices.iter().map(|slice| (slice.logit - mean).powi(2)).sum::<f64>() / count).sqrt();
    let lowest = slices.iter().filter(|slice| slice.positive).map(|slice| slice.logit).fold(f64::INFINITY, f64::min);
    let is_apart = slices.iter().all(|slice| slice.positive || slice.logit < lowest);
    if is_apart || spread == 0.0 || shares.contains(&0.0) {
        return None;
    }
    let rows: Vec<(f64, f64, f64, f64)> = slices
        .iter()
        .map(|Weighted { logit, positive, weight }| {
            let label = usize::from(*positive);
            (weight / shares[label] * count / 2.0, label as f64, (logit - mean) / spread, 0.0)
        })
        .collect();
    let [intercept, slope] = fit(&rows, |logit| [1.0, logit], [0.0, 0.0])?;
    (slope > 0.0).then(|| mean - spread * intercept / slope)
}

/// The value below which `share` of the weight lies; at least one value.
pub fn weighted_quantile(values: &[(f64, f64)], share: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let all: f64 = values.iter().map(|(_, weight)| weight).sum();
    let mut reached = 0.0;
    for (value, weight) in &values {
        reached += weight;
        if reached >= share * all {
            return *value;
        }
    }
    values.last().map_or(f64::NAN, |(value, _)| *value)
}

/// From 0 to 1.
pub fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slices() -> Vec<Weighted> {
        EXAMPLE
            .iter()
            .map(|(logit, label, weight)| Weighted { logit: *logit, positive: *label == 1, weight: *weight })
            .collect()
    }

    fn near(found: f64, expected: f64, within: f64) {
        assert!((found - expected).abs() <= within, "{found} is not {expected}");
    }

    /// operating.operating_point(logit, label, weight) of model/training on these slices.
    #[test]
    fn agrees_with_the_rule_of_the_network_that_ships() {
        let slices = slices();
        let temperature = sigmoid_temperature(&slices);
        let cut = balanced_cut(&slices).unwrap();
        let distances: Vec<(f64, f64)> = slices.iter().map(|slice| ((slice.logit - cut).abs(), slice.weight)).collect();
        let reach = weighted_quantile(&distances, 0.125);
        // scipy stops within 1e-5 of the logarithm.
        near(temperature, TEMPERATURE, 1e-4);
        near(sigmoid(cut / temperature), THRESHOLD, 1e-4);
        near(sigmoid((cut - reach) / temperature), UNCERTAIN[0], 1e-4);
        near(sigmoid((cut + reach) / temperature), UNCERTAIN[1], 1e-4);
    }

    #[test]
    fn a_softmax_of_two_is_a_sigmoid_of_their_difference() {
        let slices = slices();
        let rows: Vec<(Vec<f64>, usize, f64)> = slices
            .iter()
            .map(|slice| (vec![7.0, 7.0 + slice.logit], usize::from(slice.positive), slice.weight))
            .collect();
        near(softmax_temperature(&rows), sigmoid_temperature(&slices), 1e-9);
    }

    #[test]
    fn what_is_told_apart_or_the_wrong_way_round_has_no_threshold() {
        let apart = |logit: f64| Weighted { logit, positive: logit > 0.0, weight: 1.0 };
        assert_eq!(balanced_cut(&[-3.0, -1.0, 0.5, 2.0].map(apart)), None);
        let wrong = |slice: Weighted| Weighted { logit: -slice.logit, ..slice };
        assert_eq!(balanced_cut(&slices().into_iter().map(wrong).collect::<Vec<_>>()), None);
        assert_eq!(
            balanced_cut(&slices().iter().map(|slice| Weighted { logit: 1.0, ..*slice }).collect::<Vec<_>>()),
            None
        );
    }

    const EXAMPLE: [(f64, u8, f64); 24] = [
        (-0.8, 0, 0.6667),
        (-0.23, 0, 0.6667),
        (-1.32, 0, 0.6667),
        (-2.49, 0, 0.6667),
        (-1.66, 0, 0.6667),
        (-2.68, 0, 0.6667),
        (-0.69, 0, 0.6667),
        (1.75, 0, 0.6667),
        (-1.74, 0, 0.6667),
        (-1.98, 0, 1.2),
        (0.13, 0, 1.2),
        (-0.12, 0, 1.2),
        (-0.6, 0, 1.2),
        (-2.57, 0, 1.2),
        (1.14, 1, 2.0),
        (2.52, 1, 2.0),
        (-1.35, 1, 2.0),
        (0.33, 1, 0.8571),
        (-2.41, 1, 0.8571),
        (-1.25, 1, 0.8571),
        (-2.3, 1, 0.8571),
        (0.75, 1, 0.8571),
        (-1.21, 1, 0.8571),
        (1.72, 1, 0.8571),
    ];
    const TEMPERATURE: f64 = 2.173749;
    const THRESHOLD: f64 = 0.439628;
    const UNCERTAIN: [f64; 2] = [0.406238, 0.473573];
}
