//! The report's plots as SVG. Knows curves and counts, not where they come from.

use std::error::Error;

use crate::metrics::{BINS, Band, Bin, NetBenefit};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Okabe and Ito 2008: told apart in all common kinds of colour blindness.
const BLUE: RGBColor = RGBColor(0, 114, 178);
const ORANGE: RGBColor = RGBColor(213, 94, 0);
const GRAY: RGBColor = RGBColor(140, 140, 140);
const SIZE: (u32, u32) = (420, 380);

type Plotted<T> = Result<T, Box<dyn Error>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A point of a curve, and what the legend says of it.
pub struct Marked {
    pub at: (f64, f64),
    pub label: String,
}

/// A curve, with its 95 % band where it has one; `chance` draws what guessing gives, and `marked` is where a threshold lies on it.
pub fn curve(
    band: &Band,
    across: &str,
    upwards: &str,
    chance: impl Fn(f64) -> f64,
    marked: Option<&Marked>,
) -> Plotted<String> {
    drawn(|area| {
        let mut chart = square(area)?;
        chart.configure_mesh().x_desc(across).y_desc(upwards).disable_mesh().draw()?;
        let points =
            |values: &[f64]| -> Vec<(f64, f64)> { band.across.iter().copied().zip(values.iter().copied()).collect() };
        if let Some([low, high]) = &band.ends {
            let mut outline = points(high);
            outline.extend(points(low).into_iter().rev());
            chart
                .draw_series([Polygon::new(outline, BLUE.mix(0.18))])?
                .label("95 % band")
                .legend(box_of(BLUE.mix(0.18)));
        }
        let guessing = LineSeries::new([(0.0, chance(0.0)), (1.0, chance(1.0))], GRAY);
        chart.draw_series(guessing)?.label("guessing").legend(line_of(GRAY.stroke_width(1)));
        let line = match &band.points {
            Some(points) => points.iter().map(|[x, y]| (*x, *y)).collect(),
            None => points(&band.value),
        };
        let network = LineSeries::new(line, BLUE.stroke_width(2));
        chart.draw_series(network)?.label("the network").legend(line_of(BLUE.stroke_width(2)));
        if let Some(Marked { at, label }) = marked {
            let dot = |at| Circle::new(at, 5, ORANGE.filled());
            chart
                .draw_series([dot(*at)])?
                .label(label)
                .legend(move |(x, y)| Circle::new((x + 8, y), 5, ORANGE.filled()));
        }
        legend(&mut chart, SeriesLabelPosition::LowerRight)
    })
}

/// The share of positives against the mean score of each bin, with the number of its slices; larger dots hold more.
pub fn reliability(bins: &[Bin; BINS]) -> Plotted<String> {
    let count = |bin: &Bin| bin.positives + bin.negatives;
    let all: usize = bins.iter().map(count).sum();
    let dots: Vec<(f64, f64, usize, i32)> = bins
        .iter()
        .filter(|bin| count(bin) > 0)
        .map(|bin| {
            let n = count(bin) as f64;
            (bin.sum / n, bin.positives as f64 / n, count(bin), 2 + (14.0 * (n / all as f64).sqrt()) as i32)
        })
        .collect();
    drawn(|area| {
        let mut chart = square(area)?;
        chart.configure_mesh().x_desc("score").y_desc("share that is positive").disable_mesh().draw()?;
        let even = LineSeries::new([(0.0, 0.0), (1.0, 1.0)], GRAY);
        chart.draw_series(even)?.label("scores that fit").legend(line_of(GRAY.stroke_width(1)));
        let network = LineSeries::new(dots.iter().map(|&(x, y, ..)| (x, y)), BLUE.stroke_width(2));
        chart.draw_series(network)?.label("the network, with slices by bin").legend(line_of(BLUE.stroke_width(2)));
        chart.draw_series(dots.iter().map(|&(x, y, _, size)| Circle::new((x, y), size, BLUE.mix(0.35).filled())))?;
        // Beside its dot, on the side that has room.
        chart.draw_series(dots.iter().map(|&(x, y, n, size)| {
            let (side, h_pos) = if x > 0.8 { (-1, HPos::Right) } else { (1, HPos::Left) };
            let style = ("sans-serif", 12).into_font().color(&BLACK).pos(Pos::new(h_pos, VPos::Center));
            EmptyElement::at((x, y)) + Text::new(n.to_string(), (side * (size + 3), 0), style)
        }))?;
        legend(&mut chart, SeriesLabelPosition::LowerRight)
    })
}

/// How many slices of each class have which score; the line is the threshold.
pub fn histogram(bins: &[Bin; BINS], threshold: f64) -> Plotted<String> {
    let highest = bins.iter().map(|bin| bin.positives.max(bin.negatives)).max().unwrap_or(0).max(1) as f64;
    drawn(|area| {
        let mut chart = ChartBuilder::on(area)
            .margin(10)
            .x_label_area_size(42)
            .y_label_area_size(48)
            .build_cartesian_2d(0.0..1.0, 0.0..highest * 1.05)?;
        // Slices are whole.
        let label = |count: &f64| if count.fract() == 0.0 { format!("{count:.0}") } else { String::new() };
        chart
            .configure_mesh()
            .x_desc("score")
            .y_desc("slices")
            .y_label_formatter(&label)
            .disable_x_mesh()
            .light_line_style(WHITE)
            .draw()?;
        let width = 1.0 / BINS as f64;
        let bar = |at: usize, half: f64, count: usize, colour: RGBColor| {
            let left = (at as f64 + half / 2.0 + 0.06) * width;
            Rectangle::new([(left, 0.0), (left + 0.4 * width, count as f64)], colour.mix(0.8).filled())
        };
        for (half, colour, word) in [(0.0, BLUE, "negative"), (1.0, ORANGE, "positive")] {
            let count = |bin: &Bin| if half == 0.0 { bin.negatives } else { bin.positives };
            let bars = bins.iter().enumerate().map(|(at, bin)| bar(at, half, count(bin), colour));
            chart.draw_series(bars)?.label(word).legend(box_of(colour.mix(0.8)));
        }
        let line = LineSeries::new([(threshold, 0.0), (threshold, highest * 1.05)], BLACK);
        chart.draw_series(line)?.label(format!("threshold {threshold:.3}")).legend(line_of(BLACK.stroke_width(1)));
        legend(&mut chart, SeriesLabelPosition::UpperMiddle)
    })
}

/// The net benefit by threshold: of the network, of acting on all, and of acting on none. What harms more than it helps is cut off.
pub fn benefit(curve: &[NetBenefit]) -> Plotted<String> {
    let highest = curve.iter().map(|at| at.network.max(at.all)).fold(0.05, f64::max) * 1.05;
    let floor = -0.15 * highest;
    let points = |value: fn(&NetBenefit) -> f64| -> Vec<(f64, f64)> {
        curve.iter().map(|at| (at.threshold, value(at))).take_while(|(_, value)| *value >= floor).collect()
    };
    drawn(|area| {
        let mut chart = ChartBuilder::on(area)
            .margin(10)
            .x_label_area_size(42)
            .y_label_area_size(48)
            .build_cartesian_2d(0.0..1.0, floor..highest)?;
        chart.configure_mesh().x_desc("score from which on one acts").y_desc("net benefit").disable_mesh().draw()?;
        let none = vec![(0.0, 0.0), (1.0, 0.0)];
        let [all, network] = [points(|at| at.all), points(|at| at.network)];
        for (line, colour, width, word) in [
            (none, BLACK, 1, "acting on none"),
            (all, GRAY, 2, "acting on all"),
            (network, BLUE, 2, "acting on the score"),
        ] {
            let style = colour.stroke_width(width);
            chart.draw_series(LineSeries::new(line, style))?.label(word).legend(line_of(style));
        }
        legend(&mut chart, SeriesLabelPosition::UpperRight)
    })
}

type Chart<'a, 'b> = ChartContext<'b, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// A line for the legend.
fn line_of(style: ShapeStyle) -> impl Fn((i32, i32)) -> PathElement<(i32, i32)> {
    move |(x, y)| PathElement::new(vec![(x, y), (x + 16, y)], style)
}

/// A box for the legend.
fn box_of(colour: RGBAColor) -> impl Fn((i32, i32)) -> Rectangle<(i32, i32)> {
    move |(x, y)| Rectangle::new([(x, y - 5), (x + 16, y + 5)], colour.filled())
}

/// Says what each line and box is.
fn legend<'a: 'b, 'b>(chart: &mut Chart<'a, 'b>, place: SeriesLabelPosition) -> Plotted<()> {
    chart
        .configure_series_labels()
        .position(place)
        .background_style(WHITE.mix(0.85))
        .border_style(GRAY.mix(0.6))
        .label_font(("sans-serif", 12))
        .draw()?;
    Ok(())
}

/// A chart from 0 to 1 both ways.
fn square<'a, 'b>(area: &'b Area<'a>) -> Plotted<Chart<'a, 'b>> {
    Ok(ChartBuilder::on(area)
        .margin(10)
        .x_label_area_size(42)
        .y_label_area_size(48)
        .build_cartesian_2d(-0.01..1.01, -0.01..1.02)?)
}

/// What `draw` draws, as an SVG element.
fn drawn(draw: impl Fn(&Area) -> Plotted<()>) -> Plotted<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        draw(&area)?;
        area.present()?;
    }
    Ok(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The centres of all dots.
    fn dots(svg: &str) -> Vec<(f64, f64)> {
        let value = |element: &str, name: &str| -> f64 {
            let text = element.split_once(&format!(" {name}=\"")).unwrap().1;
            text.split('"').next().unwrap().parse().unwrap()
        };
        svg.split("<circle").skip(1).map(|element| (value(element, "cx"), value(element, "cy"))).collect()
    }

    fn band() -> Band {
        let across = vec![0.0, 0.5, 1.0];
        let value = vec![0.0, 0.8, 1.0];
        Band {
            ends: Some([value.clone(), value.clone()]),
            points: Some(vec![[0.0, 0.0], [0.4, 0.8], [1.0, 1.0]]),
            across,
            value,
        }
    }

    #[test]
    fn a_roc_curve_has_a_legend_and_its_operating_point() {
        let marked = |at| Marked { at, label: "at the threshold 0.400".to_string() };
        let svg = |marked: Option<&Marked>| curve(&band(), "1 - specificity", "sensitivity", |x| x, marked).unwrap();
        let found = svg(Some(&marked((0.4, 0.8))));
        for word in ["the network", "95 % band", "guessing", "at the threshold 0.400"] {
            assert!(found.contains(word), "{word}");
        }
        let (low, high) = (dots(&found), dots(&svg(Some(&marked((0.6, 0.9))))));
        // One on the curve and one in the legend.
        assert_eq!((low.len(), high.len(), low[1]), (2, 2, high[1]));
        assert!(low[0].0 < high[0].0 && low[0].1 > high[0].1, "{low:?} {high:?}");
        let none = svg(None);
        assert!(dots(&none).is_empty() && !none.contains("at the threshold"));
    }

    #[test]
    fn a_reliability_plot_says_how_many_slices_a_bin_has() {
        let mut bins = [Bin::default(); BINS];
        bins[1] = Bin { positives: 3, negatives: 34, sum: 37.0 * 0.15 };
        bins[9] = Bin { positives: 81, negatives: 2, sum: 83.0 * 0.95 };
        let svg = reliability(&bins).unwrap();
        let texts: Vec<&str> = svg.split("<text").skip(1).filter_map(|text| text.split('>').nth(1)).collect();
        let has = |word: &str| texts.iter().any(|text| text.trim().trim_end_matches("</text").trim() == word);
        assert!(has("37") && has("83") && has("scores that fit"), "{texts:?}");
        assert_eq!(dots(&svg).len(), 2);
        let histogram = histogram(&bins, 0.4).unwrap();
        assert!(["positive", "negative", "threshold 0.400"].iter().all(|word| histogram.contains(word)));
    }
}
