//! watch.html: the control charts for people. One file that opens offline and loads nothing.

use std::fmt::Write;

use lungglass_acceptance::charts::{Chart, Point};
use lungglass_acceptance::look::{escaped, head};
use lungglass_acceptance::watch::Report;

/// Sides of a chart, in pixels, and where its points lie.
const SIZE: [f64; 2] = [820.0, 230.0];
const INSIDE: [f64; 4] = [70.0, 16.0, 800.0, 190.0];
/// Most labels below a chart.
const LABELS: usize = 12;

const MORE_STYLE: &str = "
.answer { border-left: .4rem solid #0072b2; background: #eef4f8; padding: .6rem 1rem; margin: 1.2rem 0; } .answer.flagged { border-color: #d55e00; background: #fbf1ea; }
figure.chart { width: auto; margin: 1.5rem 0; } figure.chart svg { width: 100%; max-width: 60rem; }";

/// The page.
pub fn html(report: &Report) -> String {
    let mut page = head("Control charts", MORE_STYLE);
    // Writing to a text cannot fail.
    let _ = write_page(&mut page, report);
    page
}

fn write_page(page: &mut String, report: &Report) -> std::fmt::Result {
    let slices: usize = report.samples.iter().map(|sample| sample.slices).sum();
    let unreadable: usize = report.samples.iter().map(|sample| sample.unreadable).sum();
    writeln!(
        page,
        "<p>{slices} slices in {} samples, {unreadable} of them unreadable, on {}; against {}. For research and education. Not a medical device.</p>",
        report.samples.len(),
        report.made,
        escaped(&report.baseline)
    )?;
    if report.flags.is_empty() {
        writeln!(page, "<div class=\"answer\"><strong>No flag was raised.</strong></div>")?;
    } else {
        page.push_str("<div class=\"answer flagged\"><strong>Flags were raised:</strong><ul>\n");
        for flag in &report.flags {
            writeln!(page, "<li>{}</li>", escaped(&flag.text()))?;
        }
        page.push_str(
            "</ul>What changed: patients, scanner, window, export, or the network's use? Look before going on.</div>\n",
        );
    }
    for note in &report.notes {
        writeln!(page, "<p class=\"help\">Note: {}.</p>", escaped(note))?;
    }
    for chart in &report.charts {
        draw(page, chart)?;
    }
    writeln!(
        page,
        "<p class=\"help\">Band: where a sample like the baseline lies, but for 3 in 1,000 (prediction limits, which count that the baseline \
         itself was measured on few slices). Gray line: the baseline. Orange: a flag. lungglass {}.</p></body></html>",
        report.program
    )
}

fn draw(page: &mut String, chart: &Chart) -> std::fmt::Result {
    let [width, height] = SIZE;
    let [left, top, right, floor] = INSIDE;
    let values = chart.points.iter().flat_map(|point| point.value.into_iter().chain([point.low, point.high]));
    let (least, most) = values
        .chain([chart.centre])
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| (least.min(value), most.max(value)));
    let reach = (most - least).max(1e-9);
    let y = |value: f64| floor - (value - least) / reach * (floor - top);
    let step = (right - left) / chart.points.len().max(1) as f64;
    let x = |at: usize| left + (at as f64 + 0.5) * step;
    let flagged = chart.points.iter().filter(|point| !point.rules.is_empty()).count();
    write!(
        page,
        "<h2>{}</h2>\n<figure class=\"chart\"><svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}: {} samples, {flagged} with a flag\" font-family=\"system-ui, sans-serif\" font-size=\"12\">",
        escaped(&chart.name),
        escaped(&chart.name),
        chart.points.len()
    )?;
    for (at, point) in chart.points.iter().enumerate() {
        let (start, high, size) = (x(at) - step / 2.0, y(point.high), y(point.low) - y(point.high));
        write!(
            page,
            "<rect x=\"{start:.1}\" y=\"{high:.1}\" width=\"{step:.1}\" height=\"{size:.1}\" fill=\"#dcebf5\"/>"
        )?;
    }
    let centre = y(chart.centre);
    write!(page, "<line x1=\"{left}\" y1=\"{centre:.1}\" x2=\"{right}\" y2=\"{centre:.1}\" stroke=\"#8c8c8c\"/>")?;
    for value in [least, (least + most) / 2.0, most] {
        write!(
            page,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#1c2429\">{value:.2}</text>",
            left - 8.0,
            y(value) + 4.0
        )?;
    }
    let line: Vec<String> = chart
        .points
        .iter()
        .enumerate()
        .filter_map(|(at, point)| Some(format!("{:.1},{:.1}", x(at), y(point.value?))))
        .collect();
    write!(page, "<polyline points=\"{}\" fill=\"none\" stroke=\"#0072b2\"/>", line.join(" "))?;
    let every = chart.points.len().div_ceil(LABELS).max(1);
    for (at, point) in chart.points.iter().enumerate() {
        dot(page, x(at), point, &y)?;
        if at % every == 0 {
            let label: String = point.sample.trim_start_matches("sample ").chars().take(16).collect();
            write!(
                page,
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"#50606a\">{}</text>",
                x(at),
                floor + 20.0,
                escaped(&label)
            )?;
        }
    }
    writeln!(page, "</svg><figcaption>{} by sample</figcaption></figure>", escaped(&chart.of))
}

fn dot(page: &mut String, x: f64, point: &Point, y: &impl Fn(f64) -> f64) -> std::fmt::Result {
    let Some(value) = point.value else { return Ok(()) };
    let (colour, radius) = if point.rules.is_empty() { ("#0072b2", 3.0) } else { ("#d55e00", 6.0) };
    let title = format!("{}: {value:.3}, {} slices. {}", point.sample, point.slices, point.rules.join("; "));
    write!(
        page,
        "<circle cx=\"{x:.1}\" cy=\"{:.1}\" r=\"{radius}\" fill=\"{colour}\"><title>{}</title></circle>",
        y(value),
        escaped(&title)
    )
}
