//! The model card as JSON: what model/model.toml measures, and the text and tables of model/MODEL_CARD.md under their headings.

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

use super::Facts;
use super::fill::{cells, get};

const CARD: &str = "model/MODEL_CARD.md";

pub fn write(facts: &Facts) -> Result<Vec<u8>> {
    let text = facts.read(CARD)?;
    let title = text.lines().next().and_then(|line| line.strip_prefix("# ")).context("the model card has no title")?;
    let of =
        |key: &str| get(&facts.model, key).and_then(|value| Ok(value.as_str().context("it is no text")?.to_owned()));
    let (name, version) = (of("name")?, of("version")?);
    ensure!(
        title == format!("{name} {version}"),
        "the model card is of {title}, and model/model.toml of {name} {version}"
    );
    let card = json!({
        "name": name,
        "version": version,
        "sha256": of("sha256")?,
        "source": ["model/model.toml", CARD],
        "operating_point": serde_json::to_value(get(&facts.model, "class.0")?)?,
        "calibration": { "temperature": serde_json::to_value(get(&facts.model, "output.temperature")?)? },
        "words": serde_json::to_value(get(&facts.model, "words")?)?,
        "training": serde_json::to_value(get(&facts.model, "training")?)?,
        "metrics": serde_json::to_value(get(&facts.model, "metrics")?)?,
        "sections": sections(&text),
    });
    let mut bytes = serde_json::to_vec_pretty(&card)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The text under each heading: paragraphs and points as they stand, tables as columns and rows.
fn sections(markdown: &str) -> Vec<Value> {
    let mut sections = Vec::new();
    for part in format!("\n{markdown}").split("\n#").skip(1) {
        let (heading, text) = part.split_once('\n').unwrap_or((part, ""));
        let mut paragraphs: Vec<Value> = Vec::new();
        let mut tables: Vec<Value> = Vec::new();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let Some(columns) = cells(line) else {
                if !line.trim().is_empty() {
                    paragraphs.push(line.trim().into());
                }
                continue;
            };
            let mut rows = Vec::new();
            while let Some(row) = lines.peek().and_then(|line| cells(line)) {
                if !row.iter().all(|cell| cell.chars().all(|c| c == '-')) || row.iter().all(|cell| cell.is_empty()) {
                    let row: Vec<Value> = row.into_iter().map(Value::from).collect();
                    rows.push(Value::from(row));
                }
                lines.next();
            }
            tables.push(json!({ "columns": columns, "rows": rows }));
        }
        let mut section = Map::new();
        section.insert("title".to_owned(), heading.trim_start_matches('#').trim().into());
        section.insert("text".to_owned(), paragraphs.into());
        section.insert("tables".to_owned(), tables.into());
        sections.push(section.into());
    }
    sections
}

/// The points of one section of the card, without their marks.
pub fn points(facts: &Facts, title: &str) -> Result<Vec<String>> {
    let text = facts.read(CARD)?;
    let (_, section) =
        text.split_once(&format!("\n## {title}\n")).with_context(|| format!("{CARD} has no section {title}"))?;
    let section = section.split("\n## ").next().unwrap_or_default();
    let points: Vec<String> = section
        .lines()
        .filter_map(|line| line.strip_prefix("- "))
        .map(|point| super::fill::plain(point).replace('*', ""))
        .collect();
    ensure!(!points.is_empty(), "the section {title} of {CARD} has no points");
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_tables_stay_under_their_headings() {
        let read = sections("# A 1\n\nOne.\n\n## Data\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | |\n\nThree.\n");
        assert_eq!(read[0], json!({ "title": "A 1", "text": ["One."], "tables": [] }));
        assert_eq!(read[1]["text"], json!(["- two", "Three."]));
        assert_eq!(read[1]["tables"], json!([{ "columns": ["a", "b"], "rows": [["1", "2"], ["3", ""]] }]));
    }

    #[test]
    fn the_card_has_all_of_both_files() {
        let facts = Facts::here("1", &[]).unwrap();
        let card: Value = serde_json::from_slice(&write(&facts).unwrap()).unwrap();
        let headings = facts.read(CARD).unwrap().lines().filter(|line| line.starts_with('#')).count();
        assert_eq!(card["sections"].as_array().unwrap().len(), headings);
        assert_eq!(card["metrics"]["test"]["auc"].as_f64(), facts.model["metrics"]["test"]["auc"].as_float());
        assert!(!points(&facts, "Limits").unwrap().is_empty());
        // A card of another network than the settings' is no card of it.
        let mut other = Facts::here("1", &[]).unwrap();
        other.model.insert("version".to_owned(), "9.9.9".into());
        assert!(write(&other).unwrap_err().to_string().contains("9.9.9"));
    }
}
