//! The report's plots as SVG. Knows curves and counts, not where they come from.

use std::error::Error;

use crate::metrics::{BINS, Band, Bin, NetBenefit};
use plotters::coord::Shift;
use plotters::prelude::*;

/// Okabe and Ito 2008: told apart in all common kinds of colour blindness.
const BLUE: RGBColor = RGBColor(0, 114, 178);
const ORANGE: RGBColor = RGBColor(213, 94, 0);
const GRAY: RGBColor = RGBColor(140, 140, 140);
const SIZE: (u32, u32) = (420, 380);

type Plotted<T> = Result<T, Box<dyn Error>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A curve, with its 95 % band where it has one; `chance` draws what guessing gives.
pub fn curve(band: &Band, across: &str, upwards: &str, chance: impl Fn(f64) -> f64) -> Plotted<String> {
    drawn(|area| {
        let mut chart = square(area)?;
        chart.configure_mesh().x_desc(across).y_desc(upwards).disable_mesh().draw()?;
        let points =
            |values: &[f64]| -> Vec<(f64, f64)> { band.across.iter().copied().zip(values.iter().copied()).collect() };
        if let Some([low, high]) = &band.ends {
            let mut outline = points(high);
            outline.extend(points(low).into_iter().rev());
            chart.draw_series([Polygon::new(outline, BLUE.mix(0.18))])?;
        }
        chart.draw_series(LineSeries::new([(0.0, chance(0.0)), (1.0, chance(1.0))], GRAY))?;
        chart.draw_series(LineSeries::new(points(&band.value), BLUE.stroke_width(2)))?;
        Ok(())
    })
}

/// The share of positives against the mean score of each bin; larger dots hold more slices.
pub fn reliability(bins: &[Bin; BINS]) -> Plotted<String> {
    let all: usize = bins.iter().map(|bin| bin.positives + bin.negatives).sum();
    let dots: Vec<(f64, f64, i32)> = bins
        .iter()
        .filter(|bin| bin.positives + bin.negatives > 0)
        .map(|bin| {
            let count = (bin.positives + bin.negatives) as f64;
            (bin.sum / count, bin.positives as f64 / count, 2 + (14.0 * (count / all as f64).sqrt()) as i32)
        })
        .collect();
    drawn(|area| {
        let mut chart = square(area)?;
        chart.configure_mesh().x_desc("score").y_desc("share with COVID-19").disable_mesh().draw()?;
        chart.draw_series(LineSeries::new([(0.0, 0.0), (1.0, 1.0)], GRAY))?;
        chart.draw_series(LineSeries::new(dots.iter().map(|&(x, y, _)| (x, y)), BLUE.stroke_width(2)))?;
        chart.draw_series(dots.iter().map(|&(x, y, size)| Circle::new((x, y), size, BLUE.mix(0.35).filled())))?;
        Ok(())
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
        chart.draw_series(bins.iter().enumerate().map(|(at, bin)| bar(at, 0.0, bin.negatives, BLUE)))?;
        chart.draw_series(bins.iter().enumerate().map(|(at, bin)| bar(at, 1.0, bin.positives, ORANGE)))?;
        chart.draw_series(LineSeries::new([(threshold, 0.0), (threshold, highest * 1.05)], BLACK))?;
        Ok(())
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
        chart.draw_series(LineSeries::new([(0.0, 0.0), (1.0, 0.0)], BLACK))?;
        chart.draw_series(LineSeries::new(points(|at| at.all), GRAY.stroke_width(2)))?;
        chart.draw_series(LineSeries::new(points(|at| at.network), BLUE.stroke_width(2)))?;
        Ok(())
    })
}

/// A chart from 0 to 1 both ways.
fn square<'a, 'b>(
    area: &'b Area<'a>,
) -> Plotted<
    ChartContext<
        'b,
        SVGBackend<'a>,
        Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
    >,
> {
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
