//! The text of a model.toml with other temperature, thresholds and bands. All else stays as it was written, comments too.

use std::collections::BTreeMap;
use std::ops::Range;

use lungglass::model::Model;
use lungglass::reading::log_odds;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::metrics::sigmoid;

/// What is written.
pub struct Change {
    pub temperature: f64,
    /// How it was chosen.
    pub chosen: String,
    /// By the number of the class.
    pub points: BTreeMap<usize, Point>,
}

/// Where the scores of a class become verdicts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    pub threshold: f64,
    pub uncertain: [f64; 2],
}

/// The text anew; `model` is what it says now. Where the temperature changes, threshold and band of studies become the same log-odds.
///
/// # Errors
/// What is not where it should be.
pub fn changed(text: &str, model: &Model, change: &Change) -> Result<String, String> {
    let file = DeTable::parse(text).map_err(|error| error.to_string())?;
    let file = file.get_ref();
    let mut edits = Edits { text, edits: Vec::new() };
    let before = f64::from(model.output.temperature);
    // Schema 1 has no [output].
    let is_first = !file.contains_key("output");
    if change.temperature != before {
        let section = section(file, if is_first { "calibration" } else { "output" })?;
        edits.set(section, &[("temperature", number(change.temperature))]);
        if let Some(study) = &model.study {
            let scaled = |score: f32| nine_digits(sigmoid(log_odds(score) * before / change.temperature));
            let point =
                Point { threshold: scaled(study.point.threshold), uncertain: study.point.uncertain.map(scaled) };
            let why = "Written anew as the same log-odds at the temperature of lungglass recalibrate.";
            let why = format!("{} {why}", study.point.chosen);
            edits.put(self::section(file, "study")?, point, why.trim());
        }
    }
    for (class, point) in &change.points {
        let section = if is_first { section(file, "operating_point")? } else { class_of(file, *class)? };
        edits.put(section, *point, &change.chosen);
    }
    Ok(edits.applied())
}

/// A table with where it begins: with its head, or with its brace.
type Section<'a> = (&'a DeTable<'a>, Range<usize>);

fn section<'a>(file: &'a DeTable<'a>, name: &str) -> Result<Section<'a>, String> {
    file.get(name).and_then(table).ok_or_else(|| format!("there is no [{name}]"))
}

/// `[[class]]`, or an array of tables in braces.
fn class_of<'a>(file: &'a DeTable<'a>, at: usize) -> Result<Section<'a>, String> {
    let classes = match file.get("class").map(Spanned::get_ref) {
        Some(DeValue::Array(classes)) => classes.get(at),
        _ => None,
    };
    classes.and_then(table).ok_or_else(|| format!("there is no [[class]] {}", at + 1))
}

fn table<'a>(value: &'a Spanned<DeValue<'a>>) -> Option<Section<'a>> {
    match value.get_ref() {
        DeValue::Table(table) => Some((table, value.span())),
        _ => None,
    }
}

/// What is put in the place of which bytes of a text.
struct Edits<'a> {
    text: &'a str,
    edits: Vec<(Range<usize>, String)>,
}

impl Edits<'_> {
    fn put(&mut self, section: Section, point: Point, chosen: &str) {
        let [low, high] = point.uncertain.map(number);
        // A string of JSON is one of TOML.
        let chosen = serde_json::Value::from(chosen).to_string();
        let uncertain = format!("[{low}, {high}]");
        self.set(section, &[("threshold", number(point.threshold)), ("uncertain", uncertain), ("chosen", chosen)]);
    }

    /// Sets values, and leaves what stands around those before. What is new comes behind the last value of the section.
    fn set(&mut self, (table, head): Section, values: &[(&str, String)]) {
        let is_in_braces = self.text[head.clone()].starts_with('{');
        let is_value = |value: &&Spanned<DeValue>| {
            !matches!(value.get_ref(), DeValue::Table(_)) || self.text[value.span()].starts_with('{')
        };
        let last = table.values().filter(is_value).map(|value| value.span().end).max();
        let end = if is_in_braces { last.unwrap_or(head.start + 1) } else { self.line_end(last.unwrap_or(head.end)) };
        let mut is_empty = table.is_empty();
        for (key, value) in values {
            if let Some(old) = table.get(*key) {
                self.edits.push((old.span(), value.clone()));
                continue;
            }
            let new = match (is_in_braces, is_empty) {
                (true, true) => format!(" {key} = {value}"),
                (true, false) => format!(", {key} = {value}"),
                (false, _) => format!("\n{key} = {value}"),
            };
            is_empty = false;
            self.edits.push((end..end, new));
        }
    }

    /// Where the line of a byte ends, before its end of line.
    fn line_end(&self, at: usize) -> usize {
        let end = self.text[at..].find('\n').map_or(self.text.len(), |end| at + end);
        if self.text[..end].ends_with('\r') { end - 1 } else { end }
    }

    fn applied(mut self) -> String {
        // Those at one place keep their order.
        self.edits.sort_by_key(|(range, _)| range.start);
        let (mut text, mut done) = (String::new(), 0);
        for (range, new) in self.edits {
            text += &self.text[done..range.start];
            text += &new;
            done = range.end;
        }
        text + &self.text[done..]
    }
}

/// As TOML writes it.
fn number(value: f64) -> String {
    format!("{value:?}")
}

/// A number of nine significant digits: what `f32` holds, and a few more.
pub fn nine_digits(number: f64) -> f64 {
    format!("{number:.8e}").parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "schema = 2   # the second\nname = \"two\"\n\n[input]\nsize = [64, 64]\nmean = [0.5]\nstd = [0.5]\n\n[output]\n\
        scores = \"y\"\nactivation = \"sigmoid\"   # each by itself\ntemperature = 2.0  # fitted long ago\n\n# What is looked for.\n[[class]]\nid = \"a\"\nthreshold = 0.5 # half\n\
        alert = true\n\n[[class]]\nid = \"b\"   # the other\nuncertain = [0.4,\n  0.6]\n\n[words.en]\ntitle = \"T\"\n";

    #[test]
    fn all_but_the_numbers_stays_as_it_was_written() {
        let model = Model::parse(TWO).unwrap();
        let point = |threshold, low, high| Point { threshold, uncertain: [low, high] };
        let points = BTreeMap::from([(0, point(0.25, 0.125, 0.375)), (1, point(0.75, 0.5, 0.875))]);
        let change = Change { temperature: 1.5, chosen: "by \"rule\"".to_string(), points };
        let text = changed(TWO, &model, &change).unwrap();
        for part in [
            "schema = 2   # the second\n",
            "activation = \"sigmoid\"   # each by itself\ntemperature = 1.5  # fitted long ago\n\n# What is looked for.\n[[class]]\n",
            "threshold = 0.25 # half\nalert = true\nuncertain = [0.125, 0.375]\n",
            "id = \"b\"   # the other\nuncertain = [0.5, 0.875]\nthreshold = 0.75\nchosen = \"by \\\"rule\\\"\"\n",
            "[words.en]\ntitle = \"T\"\n",
        ] {
            assert!(text.contains(part), "no {part:?} in:\n{text}");
        }
        let model = Model::parse(&text).unwrap();
        assert_eq!((model.output.temperature, model.classes[1].point.uncertain), (1.5, [0.5, 0.875]));
        assert_eq!(model.classes[0].point.chosen, "by \"rule\"");
        // One class alone, in braces.
        let braces = TWO.replace("# What is looked for.\n[[class]]\nid = \"a\"\nthreshold = 0.5 # half\nalert = true\n\n[[class]]\nid = \"b\"   # the other\nuncertain = [0.4,\n  0.6]\n", "");
        let braces = braces.replacen(
            "name = \"two\"\n",
            "name = \"two\"\nclass = [{ id = \"a\", threshold = 0.5 }, { id = \"b\" }]\n",
            1,
        );
        let change = Change { temperature: 2.0, points: BTreeMap::from([(1, point(0.75, 0.5, 0.875))]), ..change };
        let text = changed(&braces, &Model::parse(&braces).unwrap(), &change).unwrap();
        let model = Model::parse(&text).unwrap();
        assert_eq!((model.classes[0].point.threshold, model.classes[1].point.threshold), (0.5, 0.75), "{text}");
        assert!(text.contains("temperature = 2.0  # fitted long ago"));
    }

    #[test]
    fn a_file_of_schema_1_stays_one() {
        let text = "name = \"older\"\nsize = 336\n\n[normalise]\nmean = 127.0\nstd = 128.0\n\n[window]\ncenter = -600.0\nwidth = 1500.0\n\n\
            [calibration]\ntemperature = 1.25\n\n[operating_point]\nthreshold = 0.4\nuncertain = [0.3, 0.5]\n";
        let points = BTreeMap::from([(0, Point { threshold: 0.25, uncertain: [0.125, 0.375] })]);
        let change = Change { temperature: 2.0, chosen: "so".to_string(), points };
        let text = changed(text, &Model::parse(text).unwrap(), &change).unwrap();
        assert!(text.contains("[calibration]\ntemperature = 2.0\n") && !text.contains("schema"), "{text}");
        let model = Model::parse(&text).unwrap();
        assert_eq!((model.output.temperature, model.point().threshold), (2.0, 0.25));
        assert_eq!((model.point().uncertain, &*model.point().chosen), ([0.125, 0.375], "so"));
    }

    #[test]
    fn studies_keep_their_verdicts_at_another_temperature() {
        let text = lungglass::classifier::SETTINGS;
        let model = Model::parse(text).unwrap();
        let points = BTreeMap::from([(0, Point { threshold: 0.3, uncertain: [0.2, 0.4] })]);
        let temperature = 2.0 * f64::from(model.output.temperature);
        let changed =
            Model::parse(&changed(text, &model, &Change { temperature, chosen: "so".to_string(), points }).unwrap())
                .unwrap();
        assert!((f64::from(changed.output.temperature) - temperature).abs() < 1e-6);
        assert_eq!((changed.point().threshold, &*changed.point().chosen), (0.3, "so"));
        let [before, after] = [&model, &changed].map(|model| log_odds(model.study.as_ref().unwrap().point.threshold));
        assert!((before - 2.0 * after).abs() < 1e-5, "{before} and {after}");
        assert_eq!(changed.gate, model.gate);
    }
}
