//! Fills a document's gaps, `{{...}}`, with what is measured and written elsewhere, and holds what it cites against the repository. It knows
//! where facts stand, and no document. A gap that cannot be filled is an error: nothing in the pack can be older than its source.
//!
//! | gap | what takes its place |
//! |---|---|
//! | `{{version}}`, `{{network}}` | of the code; name and version of the network |
//! | `{{model KEY.KEY}}` | a value of model/model.toml, with its 95 % interval where it has one |
//! | `{{percent KEY.KEY}}` | the same as a percentage |
//! | `{{table FILE \| ROW \| COLUMN}}` | a cell of the one row of that page whose first cell begins so; columns count from 0 |
//! | `{{see FILE#heading}}` | the file, which must be there, and the heading, which must be in it |
//! | `{{test FILE \| TEXT}}` | the file of tests, in which this text must stand |
//! | `{{components page}}` | how many components the bill of materials of the page or the command lists |

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use toml::{Table, Value};

use super::Facts;

/// A document without gaps. `escape` makes a text fit to stand in it.
pub fn fill(text: &str, facts: &Facts, escape: fn(&str) -> String) -> Result<String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (gap, behind) =
            after.split_once("}}").with_context(|| format!("a gap does not end: {{{{{}", start(after)))?;
        filled += before;
        filled += &escape(&one(gap, facts).with_context(|| format!("{{{{{gap}}}}}"))?);
        rest = behind;
    }
    ensure!(!rest.contains("}}"), "a gap does not begin: {}", start(rest));
    filled += rest;
    Ok(filled)
}

fn start(text: &str) -> String {
    text.chars().take(60).collect()
}

fn one(gap: &str, facts: &Facts) -> Result<String> {
    let (kind, rest) = gap.trim().split_once(' ').unwrap_or((gap.trim(), ""));
    let parts: Vec<&str> = rest.split(" | ").map(str::trim).collect();
    match (kind, &parts[..]) {
        ("version", [""]) => Ok(facts.version.clone()),
        ("network", [""]) => {
            Ok(format!("{} {}", number(get(&facts.model, "name")?)?, number(get(&facts.model, "version")?)?))
        }
        ("model", [path]) => measured(&facts.model, path, number),
        ("percent", [path]) => measured(&facts.model, path, percent),
        ("table", [file, row, column]) => {
            cell(&facts.read(file)?, row, column.parse().context("the column is no number")?)
        }
        ("see", [target]) => see(target, facts),
        ("test", [file, title]) => {
            ensure!(is_test(file), "{file} is no file of tests");
            let text = facts.read(file)?;
            ensure!(text.contains(title), "{file} has no test with the words {title:?}");
            Ok(format!("{file} (\"{title}\")"))
        }
        ("components", [what]) => {
            let (_, count) =
                facts.components.iter().find(|(name, _)| name == what).with_context(|| format!("no bill of {what}"))?;
            Ok(count.to_string())
        }
        _ => bail!("nobody knows such a gap"),
    }
}

fn is_test(file: &str) -> bool {
    file.ends_with(".test.mjs") || (file.ends_with(".rs") && (file.contains("tests/") || file.contains("src/")))
}

/// A value of model.toml by its keys; of several of one name, such as the classes, by their number from 0.
pub fn get<'a>(table: &'a Table, path: &str) -> Result<&'a Value> {
    let mut keys = path.split('.');
    let first = keys.next().and_then(|key| table.get(key));
    let value = keys.fold(first, |value, key| value?.get(key).or_else(|| value?.get(key.parse::<usize>().ok()?)));
    value.with_context(|| format!("model/model.toml has no {path}"))
}

/// A value, and its interval if `ci95` beside it has one.
fn measured(table: &Table, path: &str, write: fn(&Value) -> Result<String>) -> Result<String> {
    let value = write(get(table, path)?)?;
    let Some((folder, key)) = path.rsplit_once('.') else { return Ok(value) };
    let Ok(Value::Array(interval)) = get(table, &format!("{folder}.ci95.{key}")) else { return Ok(value) };
    let [low, high] = &interval[..] else { bail!("the interval of {path} has not two ends") };
    Ok(format!("{value} ({} to {})", write(low)?, write(high)?))
}

fn number(value: &Value) -> Result<String> {
    Ok(match value {
        Value::Float(value) => format!("{value:.3}"),
        Value::Integer(value) => value.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(number).collect::<Result<Vec<_>>>()?.join(" to "),
        _ => bail!("it is no value that can be written"),
    })
}

fn percent(value: &Value) -> Result<String> {
    match value {
        Value::Float(value) => Ok(format!("{:.1} %", value * 100.0)),
        _ => bail!("it is no share"),
    }
}

/// A cell of a Markdown table, as text.
fn cell(markdown: &str, row: &str, column: usize) -> Result<String> {
    let mut rows = markdown.lines().filter_map(cells).filter(|cells| plain(cells[0]).starts_with(row));
    let found = rows.next().with_context(|| format!("no row begins with {row:?}"))?;
    ensure!(rows.next().is_none(), "more than one row begins with {row:?}");
    let text = plain(found.get(column).with_context(|| format!("the row has no column {column}"))?);
    ensure!(!text.is_empty(), "the cell is empty");
    Ok(text)
}

/// The cells of a line that is one of a table.
pub fn cells(line: &str) -> Option<Vec<&str>> {
    let inside = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inside.split('|').map(str::trim).collect())
}

/// Markdown without the marks of links and emphasis.
pub fn plain(markdown: &str) -> String {
    let mut text = String::new();
    let mut rest = markdown;
    while let Some((before, after)) = rest.split_once('[') {
        let link = after.split_once("](").and_then(|(name, behind)| Some((name, behind.split_once(')')?.1)));
        text += before;
        match link {
            Some((name, behind)) => {
                text += name;
                rest = behind;
            }
            None => {
                text.push('[');
                rest = after;
            }
        }
    }
    text += rest;
    text.replace("**", "").replace('`', "").trim().to_owned()
}

fn see(target: &str, facts: &Facts) -> Result<String> {
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = facts.root.join(file);
    ensure!(is_below(file) && path.exists(), "there is no {file}");
    if anchor.is_empty() {
        return Ok(file.to_owned());
    }
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {file}"))?;
    let mut headings =
        text.lines().filter_map(|line| line.strip_prefix('#').map(|line| line.trim_start_matches('#').trim()));
    let heading =
        headings.find(|heading| slug(heading) == anchor).with_context(|| format!("{file} has no heading #{anchor}"))?;
    Ok(format!("{file}, \"{}\"", plain(heading)))
}

fn is_below(file: &str) -> bool {
    !file.is_empty() && Path::new(file).components().all(|part| matches!(part, std::path::Component::Normal(_)))
}

/// A heading's anchor, as GitHub makes it.
fn slug(heading: &str) -> String {
    let lower = plain(heading).to_lowercase();
    let kept = lower.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::pack::Facts;

    fn filled(text: &str) -> Result<String> {
        let mut facts = Facts::here("1.2.3", &[("page", 7)]).unwrap();
        facts.model = toml::from_str(
            "name = \"net\"\nversion = \"0.1\"\n[metrics.test]\nn = 203\nauc = 0.8587\n[metrics.test.ci95]\nauc = [0.7729, 0.9299]",
        )
        .unwrap();
        fill(text, &facts, str::to_owned)
    }

    #[test]
    fn gaps_are_filled_with_what_is_measured() {
        assert_eq!(filled("{{version}} {{network}}").unwrap(), "1.2.3 net 0.1");
        assert_eq!(
            filled("AUC {{model metrics.test.auc}} on {{model metrics.test.n}}").unwrap(),
            "AUC 0.859 (0.773 to 0.930) on 203"
        );
        assert_eq!(filled("{{percent metrics.test.auc}}").unwrap(), "85.9 % (77.3 % to 93.0 %)");
        assert_eq!(filled("{{components page}}").unwrap(), "7");
        assert_eq!(filled("{{see SECURITY.md#what-is-promised}}").unwrap(), "SECURITY.md, \"What is promised\"");
        let test = "{{test tests/browser/privacy.test.mjs | tries to send and the browser stops it}}";
        assert!(filled(test).unwrap().starts_with("tests/browser/privacy.test.mjs (\"tries"));
    }

    #[test]
    fn what_is_not_there_is_told() {
        for (gap, told) in [
            ("{{model metrics.test.f1}}", "no metrics.test.f1"),
            ("{{table README.md | no such row | 1}}", "no row begins"),
            ("{{table README.md | COVID-CT, official test | 9}}", "no column"),
            ("{{see docs/nowhere.md}}", "there is no docs/nowhere.md"),
            ("{{see ../README.md}}", "there is no"),
            ("{{see SECURITY.md#what-is-dreamt}}", "no heading"),
            ("{{test tests/browser/privacy.test.mjs | the moon is shown}}", "no test with the words"),
            ("{{test README.md | LungGlass}}", "is no file of tests"),
            ("{{components kiosk}}", "no bill"),
            ("{{guess}}", "nobody knows"),
            ("{{version", "does not end"),
            ("version}}", "does not begin"),
        ] {
            let fault = format!("{:#}", filled(gap).unwrap_err());
            assert!(fault.contains(told), "{gap}: {fault}");
        }
    }

    #[test]
    fn cells_are_found_by_the_beginning_of_their_row() {
        let table = "| what | figure |\n|---|---|\n| [code](a.md) of it | **0.77 MB** |\n| two | |\n| twofold | 2 |";
        assert_eq!(cell(table, "code of", 1).unwrap(), "0.77 MB");
        assert!(cell(table, "two", 1).unwrap_err().to_string().contains("more than one"));
        assert_eq!(cell(table, "twofold", 1).unwrap(), "2");
    }
}
