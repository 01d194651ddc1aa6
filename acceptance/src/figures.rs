//! The curves of acceptance.html as SVG, by hand: where the page makes the report, too, there is no library of plots.

use std::fmt::Write;

use crate::metrics::{BINS, Band, Bin};

/// Okabe and Ito 2008: told apart in all common kinds of colour blindness.
const BLUE: &str = "#0072b2";
const ORANGE: &str = "#d55e00";
/// Sides of a figure, and where its axes lie, in pixels.
const SIZE: [f64; 2] = [420.0, 380.0];
const LEFT: f64 = 58.0;
const TOP: f64 = 12.0;
const RIGHT: f64 = 408.0;
const FLOOR: f64 = 328.0;

fn across(share: f64) -> f64 {
    LEFT + share * (RIGHT - LEFT)
}

fn up(share: f64) -> f64 {
    FLOOR - share * (FLOOR - TOP)
}

fn points(places: impl Iterator<Item = (f64, f64)>) -> String {
    places.map(|(x, y)| format!("{:.1},{:.1}", across(x), up(y))).collect::<Vec<_>>().join(" ")
}

/// Axes with what stands at them, `most` being the value at the top, and `inside` between them.
fn figure(label: &str, [below, beside]: [&str; 2], most: f64, inside: &str) -> String {
    let [width, height] = SIZE;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{label}\" font-family=\"system-ui, sans-serif\" font-size=\"12\">{inside}\
         <path d=\"M{LEFT} {TOP}V{FLOOR}H{RIGHT}\" fill=\"none\" stroke=\"#1c2429\"/>"
    );
    for part in [0.0, 0.5, 1.0] {
        let value = part * most;
        let value = if most > 1.0 { format!("{value:.0}") } else { format!("{value:.1}") };
        // Writing to a text cannot fail.
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{part:.1}</text><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
            across(part),
            FLOOR + 18.0,
            LEFT - 7.0,
            up(part) + 4.0
        );
    }
    let (middle, centre) = (across(0.5), up(0.5));
    let _ = write!(
        svg,
        "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{below}</text>\
         <text x=\"14\" y=\"{centre}\" text-anchor=\"middle\" transform=\"rotate(-90 14 {centre})\">{beside}</text></svg>",
        height - 12.0
    );
    svg
}

const DIAGONAL: [(f64, f64); 2] = [(0.0, 0.0), (1.0, 1.0)];

/// A ROC curve, with its 95 % band where it has one; `marked` is where a threshold lies on it.
pub fn roc(band: &Band, marked: Option<[f64; 2]>) -> String {
    let line = |values: &[f64]| points(band.across.iter().copied().zip(values.iter().copied()));
    let ends = band.ends.as_ref().map(|[low, high]| {
        let back = band.across.iter().copied().zip(low.iter().copied()).rev();
        format!("<polygon points=\"{} {}\" fill=\"{BLUE}\" fill-opacity=\"0.18\"/>", line(high), points(back))
    });
    let curve = match &band.points {
        Some(steps) => points(steps.iter().map(|[x, y]| (*x, *y))),
        None => line(&band.value),
    };
    let dot =
        marked.map(|[x, y]| format!("<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"5\" fill=\"{ORANGE}\"/>", across(x), up(y)));
    let inside = format!(
        "{}<polyline points=\"{}\" fill=\"none\" stroke=\"#8c8c8c\"/><polyline points=\"{curve}\" fill=\"none\" stroke=\"{BLUE}\" stroke-width=\"2\"/>{}",
        ends.unwrap_or_default(),
        points(DIAGONAL.into_iter()),
        dot.unwrap_or_default()
    );
    figure("ROC curve", ["1 - specificity", "sensitivity"], 1.0, &inside)
}

/// The share of positives against the mean score of each bin, with the number of its slices; larger dots hold more.
pub fn reliability(bins: &[Bin; BINS]) -> String {
    let count = |bin: &Bin| (bin.positives + bin.negatives) as f64;
    let all: f64 = bins.iter().map(count).sum();
    let held = || bins.iter().filter(|bin| count(bin) > 0.0);
    let place = |bin: &Bin| (bin.sum / count(bin), bin.positives as f64 / count(bin));
    let mut inside = format!(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"#8c8c8c\"/><polyline points=\"{}\" fill=\"none\" stroke=\"{BLUE}\" stroke-width=\"2\"/>",
        points(DIAGONAL.into_iter()),
        points(held().map(place))
    );
    for bin in held() {
        let (x, y) = place(bin);
        let radius = 2.0 + 14.0 * (count(bin) / all).sqrt();
        let _ = write!(
            inside,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius:.1}\" fill=\"{BLUE}\" fill-opacity=\"0.35\"/>",
            across(x),
            up(y)
        );
        // Above its dot, or below where the frame ends; a white rim keeps it apart from the line that runs through it.
        let down = if y > 0.85 { radius + 14.0 } else { -radius - 4.0 };
        let _ = write!(
            inside,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" stroke=\"#fff\" stroke-width=\"4\" paint-order=\"stroke\">{}</text>",
            across(x),
            up(y) + down,
            count(bin)
        );
    }
    figure("Reliability by bins of the score", ["score", "share with COVID-19"], 1.0, &inside)
}

/// How many slices of each class have which score; the line is the threshold.
pub fn histogram(bins: &[Bin; BINS], threshold: f64) -> String {
    let most = bins.iter().map(|bin| bin.positives.max(bin.negatives)).max().unwrap_or(0).max(1) as f64;
    let mut inside = String::new();
    for (at, bin) in bins.iter().enumerate() {
        for (half, count, colour) in [(0.06, bin.negatives, BLUE), (0.54, bin.positives, ORANGE)] {
            let (x, y) = (across((at as f64 + half) / BINS as f64), up(count as f64 / most));
            let _ = write!(
                inside,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{colour}\" fill-opacity=\"0.8\"/>",
                0.4 * (RIGHT - LEFT) / BINS as f64,
                FLOOR - y
            );
        }
    }
    let x = across(threshold);
    let _ = write!(inside, "<path d=\"M{x:.1} {TOP}V{FLOOR}\" stroke=\"#1c2429\" stroke-dasharray=\"4 3\"/>");
    figure("Slices of each class by score", ["score", "slices"], most, &inside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Answer, Case, Confusion, band, bins};

    #[test]
    fn figures_are_whole_and_within_their_frame() {
        let score = |at: usize| 0.02 + 0.96 * (at * 37 % 60) as f64 / 60.0;
        let cases: Vec<Case> = (0..60)
            .map(|at| Case {
                positive: at % 2 == 0,
                group: at,
                answer: Some(Answer { logit: score(at), score: score(at) }),
            })
            .collect();
        let curve = roc(&band(&cases, false).unwrap(), Confusion::at(&cases, 0.4).on_roc());
        assert_eq!(curve.matches("<circle").count(), 1);
        let labels = bins(&cases).map(|bin| format!(">{}</text>", bin.positives + bin.negatives));
        assert!(labels.iter().all(|label| reliability(&bins(&cases)).contains(label)));
        let all = [curve, reliability(&bins(&cases)), histogram(&bins(&cases), 0.4)];
        for svg in all {
            assert!(svg.starts_with("<svg") && svg.ends_with("</svg>") && !svg.contains("NaN"), "{svg}");
            for part in svg.split("points=\"").skip(1) {
                for pair in part.split('"').next().unwrap().split(' ') {
                    let (x, y) = pair.split_once(',').unwrap();
                    let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
                    assert!(
                        (LEFT - 0.1..=RIGHT + 0.1).contains(&x) && (TOP - 0.1..=FLOOR + 0.1).contains(&y),
                        "{pair}"
                    );
                }
            }
        }
        assert!(reliability(&bins(&[])).contains("</svg>") && histogram(&bins(&[]), 0.5).contains("</svg>"));
    }
}
