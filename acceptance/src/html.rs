//! acceptance.html: the acceptance test for people. One file that opens offline and loads nothing.

use std::fmt::Write;

use crate::drift::{Distances, NOTABLE};
use crate::figures;
use crate::look::{cell, escaped, head};
use crate::metrics::{self, Case, Confusion};
use crate::test::{Acceptance, Lost, SideOf};

const MORE_STYLE: &str = "
.answer { border-left: .4rem solid #0072b2; background: #eef4f8; padding: .6rem 1rem; margin: 1.2rem 0; } .answer.none { border-color: #d55e00; background: #fbf1ea; }
.answer p { margin: .3rem 0; } .notes { background: #f5f5f0; padding: .5rem 1rem .5rem 2rem; margin: 1rem 0; } .off { color: #a34700; font-weight: 600; }
svg.strip { width: 100%; max-width: 60rem; }";

/// Sides of the strip of scores, in pixels.
const STRIP: [f64; 2] = [900.0, 150.0];

/// The page.
pub fn html(acceptance: &Acceptance, cases: &[Case], seal: &str) -> String {
    let title = format!("Acceptance test of {} {}", acceptance.model.name, acceptance.model.version);
    let mut page = head(&title, MORE_STYLE);
    // Writing to a text cannot fail.
    let _ = write_page(&mut page, acceptance, cases, seal);
    page
}

fn write_page(page: &mut String, acceptance: &Acceptance, cases: &[Case], seal: &str) -> std::fmt::Result {
    let counts = &acceptance.counts;
    writeln!(
        page,
        "<p>By {}, on {}. {} slices of {} patients or other groups, {} of the slices with COVID-19; the gate accepted {}. \
         For research and education. Not a medical device.</p>",
        escaped(&acceptance.site),
        acceptance.made,
        counts.slices,
        counts.groups,
        counts.positives,
        counts.accepted
    )?;
    answer(page, acceptance)?;
    if !acceptance.warnings.is_empty() {
        page.push_str("<ul class=\"notes\">\n");
        for warning in &acceptance.warnings {
            writeln!(page, "<li>{}.</li>", escaped(&capital(warning)))?;
        }
        page.push_str("</ul>\n");
    }
    triage(page, acceptance, cases)?;
    figures(page, acceptance)?;
    curves(page, acceptance, cases)?;
    calibration(page, acceptance)?;
    lost(page, "Refusals by code", &acceptance.refusals, counts.slices)?;
    lost(page, "Could not be read", &acceptance.errors, counts.slices)?;
    drift(page, acceptance)?;
    run(page, acceptance, seal)?;
    page.push_str("</body></html>\n");
    Ok(())
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn answer(page: &mut String, acceptance: &Acceptance) -> std::fmt::Result {
    match (&acceptance.triage, &acceptance.why) {
        (Some(triage), _) => {
            let prevalence = match triage.prevalence {
                Some(share) => format!(", where {:.0} % of patients are positive", 100.0 * share),
                None => ", where the share of positive patients is as here".to_string(),
            };
            writeln!(
                page,
                "<div class=\"answer\"><p><strong>These slices give an operating point, until {}.</strong></p>\
                 <p>Scores from {} on are called positive, scores down to {} negative; what lies between, and what is refused, is to be looked at. \
                 With a confidence of {:.0} %, at least {:.0} % of slices called positive are positive, and at least {:.0} % of those called negative are negative{prevalence}.</p></div>",
                acceptance.valid_until,
                triage.positive_from,
                triage.negative_to,
                100.0 * triage.confidence,
                100.0 * triage.ppv,
                100.0 * triage.npv,
            )
        }
        (None, why) => writeln!(
            page,
            "<div class=\"answer none\"><p><strong>These slices give no operating point with a guarantee.</strong></p><p>{}</p></div>",
            escaped(why.as_deref().unwrap_or_default())
        ),
    }
}

fn triage(page: &mut String, acceptance: &Acceptance, cases: &[Case]) -> std::fmt::Result {
    page.push_str("<h2>Positive, negative, look yourself</h2>\n");
    strip(page, acceptance, cases)?;
    page.push_str(
        "<div class=\"wide\"><table><tr><th>side</th><th>score</th><th>patients called</th><th>rightly</th><th>share at least</th><th>wanted</th><th>patients more</th></tr>\n",
    );
    let sides = &acceptance.sides;
    for (side, word, far, wanted) in [
        (&sides.positive, "positive", "from", acceptance.wanted.ppv),
        (&sides.negative, "negative", "to", acceptance.wanted.npv),
    ] {
        let SideOf { threshold, nearest, called, right, at_least, more_groups } = side;
        let score = match (threshold, nearest) {
            (Some(score), _) => format!("{far} {score}"),
            (None, Some(score)) => format!("none; {far} {score} came nearest"),
            (None, None) => "none: no slice has a score".to_string(),
        };
        let more = match more_groups {
            Some(0) => "none".to_string(),
            Some(more) => format!("about {more}"),
            None => "would not help".to_string(),
        };
        writeln!(
            page,
            "<tr><th>{word}</th><td>{score}</td><td>{called}</td><td>{right}</td><td>{at_least:.3}</td><td>{wanted}</td><td>{more}</td></tr>"
        )?;
    }
    writeln!(
        page,
        "</table></div>\n<p class=\"help\">Of each of {} patients one slice was drawn. Each side has a confidence of {:.1} %, so that both hold with {:.1} % \
         (exact binomial bounds of Clopper and Pearson; scores of a fixed list tested from the strictest on until one fails).</p>",
        sides.drawn,
        100.0 * sides.confidence,
        100.0 * acceptance.wanted.confidence
    )?;
    if let Some(all) = &acceptance.triaged {
        writeln!(
            page,
            "<p>Of all {} slices here, {} are called positive ({} rightly), {} negative ({} rightly), and {} are to be looked at. \
             These slices chose the scores, so that others will do somewhat worse.</p>",
            acceptance.counts.slices,
            all.called_positive,
            all.called_positive_rightly,
            all.called_negative,
            all.called_negative_rightly,
            all.look_yourself
        )?;
    }
    page.push_str("<p>What this stands on:</p><ul>\n");
    for assumed in &acceptance.assumed {
        writeln!(page, "<li>{}.</li>", escaped(&capital(assumed)))?;
    }
    page.push_str("</ul>\n");
    Ok(())
}

/// The scores of all accepted slices as dots, those with COVID-19 above, with the zones of the triage behind them.
fn strip(page: &mut String, acceptance: &Acceptance, cases: &[Case]) -> std::fmt::Result {
    let [width, height] = STRIP;
    let (left, right) = (90.0, width - 20.0);
    let across = |score: f64| left + score * (right - left);
    let floor = height - 34.0;
    write!(
        page,
        "<figure style=\"width: auto\"><svg class=\"strip\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"Scores of accepted slices by label, with the scores from which on they are called positive and negative\" font-family=\"system-ui, sans-serif\" font-size=\"13\">"
    )?;
    if let Some(triage) = &acceptance.triage {
        let (to, from) = (across(f64::from(triage.negative_to)), across(f64::from(triage.positive_from)));
        for (start, end, colour, word) in [
            (left, to, "#dcebf5", "negative"),
            (to, from, "#f3f3f3", "look yourself"),
            (from, right, "#fae5d8", "positive"),
        ] {
            let (middle, size) = ((start + end) / 2.0, end - start);
            write!(
                page,
                "<rect x=\"{start:.1}\" y=\"18\" width=\"{size:.1}\" height=\"{:.1}\" fill=\"{colour}\"/>",
                floor - 18.0
            )?;
            write!(page, "<text x=\"{middle:.1}\" y=\"13\" text-anchor=\"middle\" fill=\"#50606a\">{word}</text>")?;
        }
    }
    for (positive, word, middle, colour) in [(true, "COVID-19", 42.0, "#d55e00"), (false, "other", 90.0, "#0072b2")] {
        write!(
            page,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"#1c2429\">{word}</text>",
            left - 10.0,
            middle + 4.0
        )?;
        for (at, case) in cases.iter().enumerate().filter(|(_, case)| case.positive == positive) {
            let Some(answer) = case.answer else { continue };
            // Dots of like scores do not hide each other.
            let off = ((at * 37) % 29) as f64 - 14.0;
            write!(
                page,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\" fill-opacity=\"0.55\"/>",
                across(answer.score),
                middle + off
            )?;
        }
    }
    write!(page, "<line x1=\"{left}\" y1=\"{floor}\" x2=\"{right}\" y2=\"{floor}\" stroke=\"#1c2429\"/>")?;
    for tenth in [0, 2, 4, 6, 8, 10] {
        let x = across(f64::from(tenth) / 10.0);
        write!(
            page,
            "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"#1c2429\">{:.1}</text>",
            floor + 16.0,
            f64::from(tenth) / 10.0
        )?;
    }
    let x = across(f64::from(acceptance.threshold));
    write!(
        page,
        "<line x1=\"{x:.1}\" y1=\"18\" x2=\"{x:.1}\" y2=\"{floor}\" stroke=\"#1c2429\" stroke-dasharray=\"4 3\"/>"
    )?;
    writeln!(
        page,
        "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"#50606a\">score</text></svg><figcaption>Accepted slices, by their score; the dashed line is the threshold that ships</figcaption></figure>",
        (left + right) / 2.0,
        height - 3.0
    )
}

fn figures(page: &mut String, acceptance: &Acceptance) -> std::fmt::Result {
    writeln!(
        page,
        "<h2>Figures at the threshold that ships ({:.3})</h2>\n<div class=\"wide\"><table><tr><th>measure</th><th>all slices</th><th>how</th></tr>",
        acceptance.threshold
    )?;
    for (name, estimate) in acceptance.measures.named() {
        let method = escaped(&estimate.method);
        writeln!(page, "<tr><th>{name}</th><td class=\"number\">{}</td><td>{method}</td></tr>", cell(estimate))?;
    }
    page.push_str(
        "</table></div>\n<p class=\"help\">In brackets the 95 % interval. A slice that was refused or could not be read counts as a wrong decision.</p>\n",
    );
    Ok(())
}

fn curves(page: &mut String, acceptance: &Acceptance, cases: &[Case]) -> std::fmt::Result {
    page.push_str("<div class=\"plots\">\n");
    let mut figure =
        |svg: String, caption: &str| writeln!(page, "<figure>{svg}<figcaption>{caption}</figcaption></figure>");
    if let Some(roc) = metrics::band(cases, false) {
        let caption = if roc.ends.is_some() { "ROC curve with its 95 % band" } else { "ROC curve" };
        let marked = Confusion::at(cases, f64::from(acceptance.threshold)).on_roc();
        let caption = format!("{caption}; the orange dot is the threshold that ships.");
        figure(figures::roc(&roc, marked), &caption)?;
    }
    let bins = metrics::bins(cases);
    figure(
        figures::reliability(&bins),
        "Reliability, with the number of slices in each bin: on the gray line the score is the share that is positive.",
    )?;
    figure(
        figures::histogram(&bins, f64::from(acceptance.threshold)),
        "Scores: orange positive, blue negative; the line is the threshold that ships.",
    )?;
    page.push_str("</div>\n");
    Ok(())
}

fn calibration(page: &mut String, acceptance: &Acceptance) -> std::fmt::Result {
    let Some(calibration) = &acceptance.calibration else { return Ok(()) };
    page.push_str("<h2>Calibration</h2>\n<div class=\"wide\"><table><tr><th>measure</th><th>accepted slices</th><th>what it means</th></tr>\n");
    for (name, estimate, means) in [
        (
            "mean score less share of positives",
            &calibration.in_the_large,
            "0 fits; above 0, scores are too high for this mix of patients",
        ),
        ("slope", &calibration.slope, "1 fits; below 1, scores are too extreme"),
        ("intercept", &calibration.intercept, "0 fits; above 0, scores are too low"),
    ] {
        let shown = if estimate.value.is_some() { cell(estimate) } else { escaped(&estimate.method) };
        writeln!(page, "<tr><th>{name}</th><td class=\"number\">{shown}</td><td>{means}</td></tr>")?;
    }
    page.push_str("</table></div>\n");
    Ok(())
}

fn lost(page: &mut String, title: &str, lost: &[Lost], slices: usize) -> std::fmt::Result {
    if lost.is_empty() {
        return writeln!(page, "<h2>{title}</h2>\n<p>None of {slices}.</p>");
    }
    writeln!(
        page,
        "<h2>{title}</h2>\n<table><tr><th>code</th><th>slices</th><th>share</th><th>with COVID-19</th><th>patients</th></tr>"
    )?;
    for Lost { code, slices: count, positives, groups } in lost {
        writeln!(
            page,
            "<tr><th><code>{}</code></th><td>{count}</td><td>{:.1} %</td><td>{positives}</td><td>{groups}</td></tr>",
            escaped(code),
            100.0 * *count as f64 / slices as f64
        )?;
    }
    page.push_str("</table>\n");
    Ok(())
}

fn drift(page: &mut String, acceptance: &Acceptance) -> std::fmt::Result {
    let Some(drift) = &acceptance.drift else { return Ok(()) };
    writeln!(
        page,
        "<h2>Drift from training</h2>\n<p>{} slices that could be decoded, refused ones too, against the numbers of training in model.toml.</p>\n\
         <div class=\"wide\"><table><tr><th>distance</th><th>mean</th><th>median</th><th>95th percentile</th><th>refused above</th><th>share above</th></tr>",
        drift.slices
    )?;
    for (name, distances) in [
        ("gray levels (squared Mahalanobis distance)", &drift.gray_levels),
        ("embedding (1 on average in training)", &drift.embedding),
    ] {
        let Some(Distances { mean, median, percentile_95, limit, beyond }) = distances else { continue };
        writeln!(
            page,
            "<tr><th>{name}</th><td>{mean:.2}</td><td>{median:.2}</td><td>{percentile_95:.2}</td><td>{limit:.2}</td><td>{:.1} %</td></tr>",
            100.0 * beyond
        )?;
    }
    page.push_str("</table></div>\n");
    if let Some(lung) = &drift.lung {
        writeln!(
            page,
            "<p>Share of the picture that is lung: mean {:.3}, median {:.3}, 5th percentile {:.3}; {:.1} % of slices lie below {:.3}, where a slice is refused. \
             model.toml holds no distribution of training's, so that no shift can be given.</p>",
            lung.mean,
            lung.median,
            lung.percentile_5,
            100.0 * lung.below,
            lung.least
        )?;
    }
    if drift.statistics.is_empty() {
        return Ok(());
    }
    writeln!(
        page,
        "<div class=\"wide\"><table><tr><th>statistic of the picture</th><th>training, mean (SD)</th><th>here, mean (SD)</th><th>shift in SD</th></tr>"
    )?;
    for statistic in &drift.statistics {
        let class = if statistic.shift.abs() > NOTABLE { " class=\"off\"" } else { "" };
        writeln!(
            page,
            "<tr><th>{}</th><td>{:.3} ({:.3})</td><td>{:.3} ({:.3})</td><td{class}>{:+.2}</td></tr>",
            statistic.name,
            statistic.training_mean,
            statistic.training_sd,
            statistic.mean,
            statistic.sd,
            statistic.shift
        )?;
    }
    writeln!(
        page,
        "</table></div>\n<p class=\"help\">A shift of more than {NOTABLE} standard deviation is set in bold.</p>"
    )
}

fn run(page: &mut String, acceptance: &Acceptance, seal: &str) -> std::fmt::Result {
    writeln!(
        page,
        "<h2>Run</h2>\n<table><tr><th>network</th><td>{} {}, SHA-256 <code>{}</code></td></tr>\n<tr><th>lungglass</th><td>{}</td></tr>\n\
         <tr><th>device</th><td>{}</td></tr>\n<tr><th>made, holds until</th><td>{}, {}</td></tr>\n\
         <tr><th>seal of acceptance.json</th><td><code>{seal}</code></td></tr></table>\n\
         <p class=\"help\">This page holds no image, no path and no name of a patient.</p>",
        escaped(&acceptance.model.name),
        escaped(&acceptance.model.version),
        acceptance.model.sha256,
        acceptance.program.version,
        escaped(&acceptance.device),
        acceptance.made,
        acceptance.valid_until,
    )
}
