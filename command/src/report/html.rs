//! report.html: the validation for people. One file that opens offline and loads nothing.

use std::error::Error;
use std::fmt::Write;

use crate::args::Unit;
use crate::metrics::{self, Case, Confusion, Measures};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::imageops::{self, FilterType};
use image::{GrayImage, ImageFormat};
use lungglass::operating_point::Local;
use lungglass::slice::Picture;

use super::{Decision, Estimate, Mistake, Pictures, Report, Shown, cell, escaped, head, plots};

/// The most confident mistakes listed.
pub const MISTAKES: usize = 20;
/// The most rows without a score that are listed; metrics.json has them all.
pub const LOST: usize = 1000;
/// The longer side of their pictures, in pixels.
const THUMBNAIL: u32 = 128;

/// What a report on studies says of its words.
const STUDIES: &str =
    "<p>A row is a study here, judged by all of its slices: read study wherever slice is said below.</p>\n";

/// What a report on groups says of its words.
const GROUPS: &str = "<p>A row is a group here, such as a patient: read group wherever slice is said below. Its score is the mean of the log-odds of its \
     judged slices, which does not grow with their number; all figures and curves are of that score, unless the highest slice is named. \
     The threshold is that of single slices. A group without a judged slice counts as a wrong decision.</p>\n";

/// The page. `command` is the line that was run.
pub fn html(
    report: &Report,
    cases: &[Case],
    shown: &Shown,
    pictures: Pictures,
    command: &str,
) -> Result<String, Box<dyn Error>> {
    let threshold = f64::from(report.threshold);
    let mut page = head(&format!("Validation of {} {}", report.model.name, report.model.version), "");
    write!(
        page,
        "<p>{4} of {0} {5} read. Of all {0}, from {1} groups, {2} are positive (label 1), and the gate accepted {3:.1} %. \
         For research and education. Not a medical device.</p>\n{6}",
        report.n,
        report.groups,
        report.positives,
        100.0 * report.coverage,
        shown.read,
        report.unit.plural(),
        match report.unit {
            Unit::Slice => "",
            Unit::Group => GROUPS,
            Unit::Study => STUDIES,
        }
    )?;
    for warning in &report.warnings {
        writeln!(page, "<p><strong>Warning: {}.</strong></p>", escaped(warning))?;
    }
    figures(&mut page, report)?;
    curves(&mut page, cases, threshold)?;
    decisions(&mut page, report)?;
    at_specificity(&mut page, report)?;
    prevalences(&mut page, report)?;
    benefit(&mut page, report)?;
    subgroups(&mut page, report)?;
    mistakes(&mut page, shown, pictures)?;
    run(&mut page, report, command)?;
    page.push_str("</body></html>\n");
    Ok(page)
}

fn figures(page: &mut String, report: &Report) -> std::fmt::Result {
    let highest = report.highest.as_ref().map(Measures::named);
    let more = if highest.is_some() { "<th>all, by the highest slice</th>" } else { "" };
    writeln!(
        page,
        "<h2>Figures</h2>\n<div class=\"wide\"><table><tr><th>measure</th><th>all slices</th><th>accepted slices alone</th>{more}</tr>"
    )?;
    for (at, ((name, all), (_, accepted))) in
        report.all.named().iter().zip(report.accepted.measures.named()).enumerate()
    {
        let (all, accepted) = (cell(all), cell(accepted));
        let more = highest.map_or(String::new(), |rows| format!("<td class=\"number\">{}</td>", cell(rows[at].1)));
        writeln!(
            page,
            "<tr><th>{name}</th><td class=\"number\">{all}</td><td class=\"number\">{accepted}</td>{more}</tr>"
        )?;
    }
    let methods = escaped(&methods(&report.all));
    let calibrated = report.ece_if_calibrated.map_or(String::new(), |expected| {
        format!(" Noise raises the ECE: scores that fit perfectly would show {expected:.3} on these slices on average.")
    });
    writeln!(
        page,
        "</table></div>\n<p class=\"help\">In brackets the 95 % interval. Of all slices: {methods}. Over all slices, one that was refused or could not be \
         read counts as a wrong decision, and in the AUC as the worst rank.{calibrated} For comparison, the AUC of all slices with DeLong's interval, \
         which takes slices for independent: {}.</p>",
        cell(&report.auc_delong)
    )
}

/// How the measures have their intervals, or why they have none.
fn methods(measures: &Measures<Estimate>) -> String {
    let mut methods: Vec<(&str, Vec<&str>)> = Vec::new();
    for (name, estimate) in measures.named() {
        match methods.iter_mut().find(|(method, _)| *method == estimate.method) {
            Some((_, names)) => names.push(name),
            None => methods.push((&estimate.method, vec![name])),
        }
    }
    let each = methods.iter().map(|(method, names)| format!("{}: {method}", names.join(", ")));
    each.collect::<Vec<_>>().join("; ")
}

fn curves(page: &mut String, cases: &[Case], threshold: f64) -> Result<(), Box<dyn Error>> {
    page.push_str("<h2>Curves</h2>\n<div class=\"plots\">\n");
    let mut figure =
        |svg: String, caption: &str| writeln!(page, "<figure>{svg}<figcaption>{caption}</figcaption></figure>");
    let share = cases.iter().filter(|case| case.positive).count() as f64 / cases.len() as f64;
    if let (Some(roc), Some(precision)) = (metrics::band(cases, false), metrics::band(cases, true)) {
        let with = if roc.ends.is_some() { "with its 95 % band" } else { "(no band: all slices are of one group)" };
        let marked = operating_point_of(cases, threshold);
        let svg = plots::curve(&roc, "1 - specificity", "sensitivity", |x| x, marked.as_ref())?;
        figure(svg, &format!("ROC curve {with}; all slices. The dot is the threshold."))?;
        let caption = format!("Precision and recall {with}; all slices. Guessing gives the share that is positive.");
        figure(plots::curve(&precision, "sensitivity", "PPV", |_| share, None)?, &caption)?;
    }
    let bins = metrics::bins(cases);
    figure(
        plots::reliability(&bins)?,
        "Reliability: accepted slices by score, with their number in each bin. On the gray line the score is the share that is positive.",
    )?;
    figure(plots::histogram(&bins, threshold)?, "Scores of accepted slices")?;
    page.push_str("</div>\n");
    Ok(())
}

/// Where the decisions at this threshold lie on the ROC curve, with the label of the legend.
pub fn operating_point_of(cases: &[Case], threshold: f64) -> Option<plots::Marked> {
    let [across, up] = Confusion::at(cases, threshold).on_roc()?;
    Some(plots::Marked { at: (across, up), label: format!("at the threshold {threshold:.3}") })
}

fn decisions(page: &mut String, report: &Report) -> std::fmt::Result {
    page.push_str(
        "<h2>Decisions at each threshold</h2>\n<div class=\"wide\"><table><tr><th>threshold</th><th>hits</th><th>missed</th>\
         <th>without a score, positive</th><th>rightly called negative</th><th>false alarms</th><th>without a score, negative</th>\
         <th>sensitivity</th><th>specificity</th><th>accuracy</th><th>F1</th></tr>\n",
    );
    for decision in &report.thresholds {
        let Decision { name, threshold, counts, false_negatives_without_score, false_positives_without_score, .. } =
            decision;
        let f1 = decision.f1.map_or("not defined".to_string(), |f1| format!("{f1:.3}"));
        writeln!(
            page,
            "<tr><th>{name}, {threshold:.3}</th><td>{}</td><td>{}</td><td>{false_negatives_without_score}</td><td>{}</td><td>{}</td>\
             <td>{false_positives_without_score}</td><td>{}</td><td>{}</td><td>{}</td><td>{f1}</td></tr>",
            counts.true_positives,
            counts.false_negatives - false_negatives_without_score,
            counts.true_negatives,
            counts.false_positives - false_positives_without_score,
            cell(&decision.sensitivity),
            cell(&decision.specificity),
            cell(&decision.accuracy),
        )?;
    }
    page.push_str(
        "</table></div>\n<p class=\"help\">All slices. Those that were refused or could not be read stand in columns of their own, and count as \
         wrong in the shares; intervals are those of the figures above.</p>\n",
    );
    Ok(())
}

fn at_specificity(page: &mut String, report: &Report) -> std::fmt::Result {
    if report.at_specificity.is_empty() {
        return Ok(());
    }
    page.push_str(
        "<h2>Sensitivity at a wanted specificity</h2>\n<div class=\"wide\"><table><tr><th>wanted</th><th>sensitivity</th>\
         <th>from the score</th><th>specificity there</th></tr>\n",
    );
    let number = |value: Option<f64>| value.map_or("none".to_string(), |value| format!("{value:.3}"));
    for row in &report.at_specificity {
        let (threshold, specificity) = (number(row.threshold), number(row.specificity));
        writeln!(
            page,
            "<tr><th>{}</th><td class=\"number\">{}</td><td>{threshold}</td><td>{specificity}</td></tr>",
            row.wanted,
            cell(&row.sensitivity)
        )?;
    }
    page.push_str(
        "</table></div>\n<p class=\"help\">The lowest score that gives the specificity was looked for on these very slices: on others expect less. \
         The interval counts that in, as each draw looks for its own.</p>\n",
    );
    Ok(())
}

fn prevalences(page: &mut String, report: &Report) -> std::fmt::Result {
    page.push_str(
        "<h2>Predictive values by prevalence</h2>\n<table><tr><th>share that is positive</th><th>PPV</th><th>NPV</th></tr>\n",
    );
    let value = |value: Option<f64>| value.map_or("not defined".to_string(), |value| format!("{value:.3}"));
    for row in &report.prevalences {
        let (prevalence, ppv, npv) = (100.0 * row.prevalence, value(row.ppv), value(row.npv));
        writeln!(page, "<tr><th>{prevalence:.0} %</th><td>{ppv}</td><td>{npv}</td></tr>")?;
    }
    page.push_str("</table>\n<p class=\"help\">What the sensitivity and specificity at the first threshold above would mean there.</p>\n");
    Ok(())
}

fn benefit(page: &mut String, report: &Report) -> Result<(), Box<dyn Error>> {
    let svg = plots::benefit(&report.decision_curve)?;
    writeln!(
        page,
        "<h2>Decision curve</h2>\n<figure>{svg}<figcaption>Net benefit of acting on the score (blue), on every slice (gray) and on none \
         (black), by the score from which on one would act</figcaption></figure>"
    )?;
    Ok(())
}

fn subgroups(page: &mut String, report: &Report) -> std::fmt::Result {
    if report.subgroups.is_empty() {
        return Ok(());
    }
    page.push_str(
        "<h2>Subgroups</h2>\n<div class=\"wide\"><table><tr><th>column</th><th>value</th><th>slices</th><th>positive</th><th>AUC</th>\
         <th>sensitivity</th><th>specificity</th><th>Brier</th></tr>\n",
    );
    for group in &report.subgroups {
        let Measures { auc, sensitivity, specificity, brier, .. } = &group.measures;
        writeln!(
            page,
            "<tr><th>{}</th><th>{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escaped(&group.column),
            escaped(if group.value.is_empty() { "(empty)" } else { &group.value }),
            group.n,
            group.positives,
            cell(auc),
            cell(sensitivity),
            cell(specificity),
            cell(brier),
        )?;
    }
    page.push_str(
        "</table></div>\n<p class=\"help\">All slices; in brackets the interval by bootstrap over groups.</p>\n",
    );
    Ok(())
}

/// The wrong decisions that the score was surest of, then the slices without a score.
fn mistakes(page: &mut String, shown: &Shown, pictures: Pictures) -> std::fmt::Result {
    writeln!(page, "<h2>Most confident mistakes</h2>\n<p>{} wrong decisions on accepted slices.</p>", shown.wrong)?;
    if pictures.is_some() {
        page.push_str("<p><strong>This page holds images of patients. Treat it as you treat the images themselves.</strong></p>\n");
    }
    page.push_str(
        "<p>The surest of each group, with how many of the slices of its group were decided wrong.</p>\n<div class=\"wide\"><table>\
         <tr><th>file</th><th>score</th><th>label</th><th>group</th><th>wrong in it</th></tr>\n",
    );
    for Mistake { score, row, wrong, of } in &shown.mistakes {
        let label = if row.label == 1 { "positive" } else { "negative" };
        let picture =
            pictures.and_then(|picture| picture(row)).and_then(|picture| thumbnail(&picture)).unwrap_or_default();
        writeln!(
            page,
            "<tr><td class=\"text\">{picture}<code>{}</code></td><td class=\"number\">{score:.3}</td><td>{label}</td>\
             <td><code>{}</code></td><td class=\"number\">{wrong} of {of}</td></tr>",
            escaped(&row.path),
            escaped(&row.group)
        )?;
    }
    page.push_str("</table></div>\n");
    if shown.lost.is_empty() {
        return Ok(());
    }
    page.push_str("<h2>Without a score</h2>\n<div class=\"wide\"><table><tr><th>file</th><th>why</th></tr>\n");
    for row in &shown.lost {
        let why = row.reason.as_deref().unwrap_or(row.verdict.word());
        writeln!(
            page,
            "<tr><td class=\"text\"><code>{}</code></td><td class=\"text\">{}</td></tr>",
            escaped(&row.path),
            escaped(why)
        )?;
    }
    page.push_str("</table></div>\n");
    let more = shown.without_score - shown.lost.len();
    if more > 0 {
        writeln!(page, "<p>{more} more are in metrics.json.</p>")?;
    }
    Ok(())
}

fn run(page: &mut String, report: &Report, command: &str) -> std::fmt::Result {
    writeln!(
        page,
        "<h2>Run</h2>\n<table><tr><th>command</th><td><code>{}</code></td></tr>\n<tr><th>network</th><td>{} {}, SHA-256 <code>{}</code></td></tr>\n\
         {}<tr><th>lungglass</th><td>{}</td></tr>\n<tr><th>device</th><td>{}, {:.1} slices a second</td></tr></table>",
        escaped(command),
        escaped(&report.model.name),
        escaped(&report.model.version),
        report.model.sha256,
        report.model.operating_point.as_ref().map(operating_point).unwrap_or_default(),
        env!("CARGO_PKG_VERSION"),
        escaped(&report.device),
        report.images_per_second
    )
}

/// Whose operating point the verdicts are by, as a row.
fn operating_point(local: &Local) -> String {
    let Local { site, made, valid_until, sha256, notice, .. } = local;
    let notice = notice.as_ref().map(|notice| format!("<br><strong>{}</strong>", escaped(notice))).unwrap_or_default();
    format!(
        "<tr><th>operating point</th><td>of {}, made on {made}, until {valid_until}, seal <code>{sha256}</code>{notice}</td></tr>\n",
        escaped(site)
    )
}

/// A small copy of a picture as an HTML element; none where it cannot be made.
fn thumbnail(picture: &Picture) -> Option<String> {
    let (width, height) = (picture.width as u32, picture.height as u32);
    let image = GrayImage::from_raw(width, height, picture.gray.clone())?;
    let scale = f64::from(THUMBNAIL) / f64::from(width.max(height));
    let side = |pixels: u32| ((f64::from(pixels) * scale).round() as u32).max(1);
    let small = imageops::resize(&image, side(width), side(height), FilterType::Triangle);
    let mut bytes = std::io::Cursor::new(Vec::new());
    small.write_to(&mut bytes, ImageFormat::Png).ok()?;
    Some(format!("<img alt=\"\" src=\"data:image/png;base64,{}\"><br>", STANDARD.encode(bytes.into_inner())))
}
