//! How reports look, and how texts of others stand in them: HTML that loads nothing, and lines that a terminal does not obey.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use crate::metrics::Estimate;

/// How reports look.
const STYLE: &str = "
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1c2429; background: #fff; }
h1 { font-size: 1.6rem; } h2 { margin-top: 2.2rem; font-size: 1.2rem; }
table { border-collapse: collapse; } th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid #d5dde1; vertical-align: top; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; } .plots { display: flex; flex-wrap: wrap; gap: 1rem; } figure { margin: 0; width: 420px; max-width: 100%; } svg { max-width: 100%; height: auto; }
code, td, th { unicode-bidi: isolate; } .wide { overflow-x: auto; } .wide td.text { min-width: 14rem; } figcaption, .help { color: #50606a; font-size: .9rem; } code { overflow-wrap: anywhere; }
@media print { body { margin: 0; max-width: none; } }";

/// How a report begins, up to its heading: a page that loads nothing and shows no picture but those it holds. `style` is what it adds.
pub fn head(title: &str, style: &str) -> String {
    let title = escaped(title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\
         <title>{title}</title><style>{STYLE}{style}</style></head><body>\n<h1>{title}</h1>\n"
    )
}

/// A measure with its interval in brackets.
pub fn cell(estimate: &Estimate) -> String {
    let value = estimate.value.map_or("not defined".to_string(), |value| format!("{value:.3}"));
    estimate.ci95.map_or(value.clone(), |[lo, hi]| format!("{value} ({lo:.3}&nbsp;to&nbsp;{hi:.3})"))
}

/// Text as HTML, without characters that mislead.
pub fn escaped(text: &str) -> String {
    plain(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A text from a file, on one line, without what a terminal would obey, and without characters that are not seen or turn the others
/// around: those are written out, as `\u{202e}`.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(is_misleading) {
        return text.into();
    }
    let escaped = |c: char| if is_misleading(c) { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escaped).collect::<String>().into()
}

fn is_misleading(c: char) -> bool {
    c.is_control() || MISLEADING.iter().any(|range| range.contains(&c))
}

/// Characters that format others, line and paragraph separators, and those that are shown as nothing: general categories Cf, Zl and Zp,
/// and Default_Ignorable_Code_Point of Unicode 16.
const MISLEADING: [RangeInclusive<char>; 25] = [
    '\u{AD}'..='\u{AD}',
    '\u{34F}'..='\u{34F}',
    '\u{600}'..='\u{605}',
    '\u{61C}'..='\u{61C}',
    '\u{6DD}'..='\u{6DD}',
    '\u{70F}'..='\u{70F}',
    '\u{890}'..='\u{891}',
    '\u{8E2}'..='\u{8E2}',
    '\u{115F}'..='\u{1160}',
    '\u{17B4}'..='\u{17B5}',
    '\u{180B}'..='\u{180F}',
    '\u{200B}'..='\u{200F}',
    '\u{2028}'..='\u{202E}',
    '\u{2060}'..='\u{206F}',
    '\u{3164}'..='\u{3164}',
    '\u{FE00}'..='\u{FE0F}',
    '\u{FEFF}'..='\u{FEFF}',
    '\u{FFA0}'..='\u{FFA0}',
    '\u{FFF0}'..='\u{FFFB}',
    '\u{110BD}'..='\u{110BD}',
    '\u{110CD}'..='\u{110CD}',
    '\u{13430}'..='\u{1343F}',
    '\u{1BCA0}'..='\u{1BCA3}',
    '\u{1D173}'..='\u{1D17A}',
    '\u{E0000}'..='\u{E0FFF}',
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_no_markup() {
        assert_eq!(escaped("<img src=\"a&b\">"), "&lt;img src=&quot;a&amp;b&quot;&gt;");
    }

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        assert_eq!(plain("lüng 1.png"), "lüng 1.png");
        assert_eq!(plain("scan\u{202e}gnp.exe"), "scan\\u{202e}gnp.exe");
        assert_eq!(plain("\u{2066}a\u{200b}\u{2028}\u{feff}"), "\\u{2066}a\\u{200b}\\u{2028}\\u{feff}");
        assert_eq!(plain("患者 ﺹ ü 𝄞 e\u{301}"), "患者 ﺹ ü 𝄞 e\u{301}");
        assert_eq!(plain("a\nb\u{1b}[2K\u{9b}1G"), "a\\nb\\u{1b}[2K\\u{9b}1G");
    }
}
