//! report.html: the validation for people. One file that opens offline and loads nothing.

use std::error::Error;
use std::fmt::Write;

use lungglass::metrics::{self, Case, Confusion};

use super::{Estimate, Report, plots};
use crate::predictions::Prediction;

/// The most confident mistakes listed.
const MISTAKES: usize = 20;

const STYLE: &str = "
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1c2429; background: #fff; }
h1 { font-size: 1.6rem; } h2 { margin-top: 2.2rem; font-size: 1.2rem; }
table { border-collapse: collapse; } th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid #d5dde1; vertical-align: top; }
td.number { font-variant-numeric: tabular-nums; } .plots { display: flex; flex-wrap: wrap; gap: 1rem; } figure { margin: 0; width: 420px; max-width: 100%; } svg { max-width: 100%; height: auto; }
figcaption, .help { color: #50606a; font-size: .9rem; } code { overflow-wrap: anywhere; }
@media print { body { margin: 0; max-width: none; } }";

/// The page. `rows` belong to `cases`, one to one; `command` is the line that was run.
pub fn html(report: &Report, cases: &[Case], rows: &[Prediction], command: &str) -> Result<String, Box<dyn Error>> {
    let threshold = f64::from(report.threshold);
    let mut page = String::new();
    let title = format!("Validation of {} {}", report.model.name, report.model.version);
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>{0}</title><style>{STYLE}</style></head><body>\n<h1>{0}</h1>\n\
         <p>{1} slices of {2} groups, {3} with COVID-19; {4:.1} % accepted by the gate. For research and education. Not a medical device.</p>\n",
        escaped(&title),
        report.n,
        report.groups,
        report.positives,
        100.0 * report.coverage
    )?;
    figures(&mut page, report)?;
    curves(&mut page, cases, threshold)?;
    confusions(&mut page, report, cases)?;
    mistakes(&mut page, cases, rows, threshold)?;
    run(&mut page, report, command)?;
    page.push_str("</body></html>\n");
    Ok(page)
}

fn figures(page: &mut String, report: &Report) -> std::fmt::Result {
    page.push_str(
        "<h2>Figures</h2>\n<table><tr><th>measure</th><th>all slices</th><th>accepted slices alone</th></tr>\n",
    );
    for ((name, all), (_, accepted)) in report.all.named().iter().zip(report.accepted.measures.named()) {
        let (all, accepted) = (cell(all), cell(accepted));
        writeln!(page, "<tr><th>{name}</th><td class=\"number\">{all}</td><td class=\"number\">{accepted}</td></tr>")?;
    }
    let method = escaped(&report.all.auc.method);
    writeln!(
        page,
        "</table>\n<p class=\"help\">In brackets the 95 % interval: {method}. Over all slices, one that was refused or could not be \
         read counts as a wrong decision, and in the AUC as the worst rank.</p>"
    )
}

fn cell(estimate: &Estimate) -> String {
    let value = estimate.value.map_or("not defined".to_string(), |value| format!("{value:.3}"));
    estimate.ci95.map_or(value.clone(), |[lo, hi]| format!("{value} ({lo:.3} to {hi:.3})"))
}

fn curves(page: &mut String, cases: &[Case], threshold: f64) -> Result<(), Box<dyn Error>> {
    page.push_str("<h2>Curves</h2>\n<div class=\"plots\">\n");
    let mut figure =
        |svg: String, caption: &str| writeln!(page, "<figure>{svg}<figcaption>{caption}</figcaption></figure>");
    let share = cases.iter().filter(|case| case.positive).count() as f64 / cases.len() as f64;
    if let (Some(roc), Some(precision)) = (metrics::band(cases, false), metrics::band(cases, true)) {
        figure(plots::curve(&roc, "1 - specificity", "sensitivity", |x| x)?, "ROC with its 95 % band; all slices")?;
        let caption = "Precision and recall with the 95 % band; all slices. The gray line is the share with COVID-19.";
        figure(plots::curve(&precision, "sensitivity", "PPV", |_| share)?, caption)?;
    }
    let bins = metrics::bins(cases);
    figure(plots::reliability(&bins)?, "Reliability: accepted slices by score; on the line the score is a share")?;
    figure(
        plots::histogram(&bins, threshold)?,
        "Scores of accepted slices: orange with COVID-19, blue without; the line is the threshold",
    )?;
    page.push_str("</div>\n");
    Ok(())
}

fn confusions(page: &mut String, report: &Report, cases: &[Case]) -> std::fmt::Result {
    let [low, high] = report.uncertain;
    page.push_str(
        "<h2>Decisions</h2>\n<table><tr><th>threshold</th><th>hits</th><th>false alarms</th><th>rightly called other</th><th>missed</th></tr>\n",
    );
    for (name, threshold) in
        [("shipped", report.threshold), ("lower end of the uncertain band", low), ("upper end", high)]
    {
        let counts = Confusion::at(cases, f64::from(threshold));
        writeln!(
            page,
            "<tr><th>{name}, {threshold:.3}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            counts.true_positives, counts.false_positives, counts.true_negatives, counts.false_negatives
        )?;
    }
    page.push_str("</table>\n");
    Ok(())
}

/// The wrong decisions that the score was surest of, then the slices without a score.
fn mistakes(page: &mut String, cases: &[Case], rows: &[Prediction], threshold: f64) -> std::fmt::Result {
    let mut wrong: Vec<(f64, f64, &Prediction)> = cases
        .iter()
        .zip(rows)
        .filter_map(|(case, row)| {
            let score = case.answer?.score;
            ((score >= threshold) != case.positive).then_some(((score - threshold).abs(), score, row))
        })
        .collect();
    wrong.sort_by(|a, b| b.0.total_cmp(&a.0));
    writeln!(page, "<h2>Most confident mistakes</h2>\n<p>{} wrong decisions on accepted slices.</p>", wrong.len())?;
    page.push_str("<table><tr><th>file</th><th>score</th><th>label</th></tr>\n");
    for (_, score, row) in wrong.iter().take(MISTAKES) {
        let label = if row.label == 1 { "COVID-19" } else { "other" };
        writeln!(
            page,
            "<tr><td><code>{}</code></td><td class=\"number\">{score:.3}</td><td>{label}</td></tr>",
            escaped(&row.path)
        )?;
    }
    page.push_str("</table>\n");
    let lost: Vec<&Prediction> = rows.iter().filter(|row| row.score.is_none()).collect();
    if lost.is_empty() {
        return Ok(());
    }
    page.push_str("<h2>Without a score</h2>\n<table><tr><th>file</th><th>why</th></tr>\n");
    for row in lost {
        let why = row.reason.as_deref().unwrap_or(&row.verdict);
        writeln!(page, "<tr><td><code>{}</code></td><td>{}</td></tr>", escaped(&row.path), escaped(why))?;
    }
    page.push_str("</table>\n");
    Ok(())
}

fn run(page: &mut String, report: &Report, command: &str) -> std::fmt::Result {
    writeln!(
        page,
        "<h2>Run</h2>\n<table><tr><th>command</th><td><code>{}</code></td></tr>\n<tr><th>network</th><td>{} {}, SHA-256 <code>{}</code></td></tr>\n\
         <tr><th>lungglass</th><td>{}</td></tr>\n<tr><th>device</th><td>{}, {:.1} slices a second</td></tr></table>",
        escaped(command),
        escaped(&report.model.name),
        escaped(&report.model.version),
        report.model.sha256,
        env!("CARGO_PKG_VERSION"),
        escaped(&report.device),
        report.images_per_second
    )
}

/// Text as HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    #[test]
    fn file_names_are_no_markup() {
        assert_eq!(super::escaped("<img src=\"a&b\">"), "&lt;img src=&quot;a&amp;b&quot;&gt;");
    }
}
