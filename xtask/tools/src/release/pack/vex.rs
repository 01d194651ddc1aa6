//! Which known faults of crates touch a release, as CycloneDX 1.6 has it (VEX). It speaks of the day on which it was made, and says so where
//! nobody could ask for the list of faults: then it claims nothing.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use toml::Table;
use xtask::supply::Advisory;

use super::Facts;

/// `known` are the faults that were found, None where nobody could ask for their list.
pub fn write(facts: &Facts, known: Option<&[Advisory]>) -> Result<Vec<u8>> {
    let checked = match known {
        Some(_) => {
            "cargo deny check advisories, over all crates of Cargo.lock, against the list of RustSec as it was when the release was built"
        }
        None => {
            "NOT CHECKED: the list of known faults (RustSec) could not be had when the release was built. That no fault stands here means nothing"
        }
    };
    let mut vulnerabilities: Vec<Value> = known.unwrap_or_default().iter().map(found).collect();
    vulnerabilities.extend(judged(&facts.read("deny.toml")?)?);
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": { "type": "application", "bom-ref": "product", "name": "lungglass", "version": facts.version },
            "properties": [{ "name": "lungglass:checked", "value": checked }],
        },
        "vulnerabilities": vulnerabilities,
    });
    let mut bytes = serde_json::to_vec_pretty(&document)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// A fault that nobody has judged.
fn found(advisory: &Advisory) -> Value {
    let analysis = json!({ "state": "in_triage", "detail": "nobody has judged yet whether it touches LungGlass" });
    let affected = format!("pkg:cargo/{}@{}", advisory.name, advisory.version);
    vulnerability(&advisory.id, &advisory.title, analysis, &affected)
}

/// The faults that deny.toml sets aside, each with its reason.
fn judged(deny: &str) -> Result<Vec<Value>> {
    let deny: Table = toml::from_str(deny).context("deny.toml is no TOML")?;
    let ignored = deny.get("advisories").and_then(|advisories| advisories.get("ignore")?.as_array());
    let ignored = ignored.map(Vec::as_slice).unwrap_or_default().iter();
    ignored
        .map(|entry| {
            let text = |key: &str| {
                entry
                    .get(key)
                    .and_then(toml::Value::as_str)
                    .with_context(|| format!("an entry of deny.toml's ignore has no {key}"))
            };
            let analysis = json!({ "state": "not_affected", "detail": text("reason")? });
            Ok(vulnerability(text("id")?, "set aside in deny.toml", analysis, "product"))
        })
        .collect()
}

fn vulnerability(id: &str, title: &str, analysis: Value, affected: &str) -> Value {
    json!({
        "id": id,
        "source": { "name": "RustSec", "url": format!("https://rustsec.org/advisories/{id}.html") },
        "description": title,
        "analysis": analysis,
        "affects": [{ "ref": affected }],
    })
}

#[cfg(test)]
mod tests {
    use super::super::materials::tests::valid;
    use super::*;

    #[test]
    fn what_nobody_could_check_is_not_claimed() {
        let facts = Facts::here("1", &[]).unwrap();
        let read = |known: Option<&[Advisory]>| -> Value {
            let read = serde_json::from_slice(&write(&facts, known).unwrap()).unwrap();
            valid(&read).unwrap();
            read
        };
        let told = |document: &Value| document["metadata"]["properties"][0]["value"].as_str().unwrap().to_owned();
        assert!(told(&read(None)).starts_with("NOT CHECKED"));
        assert!(!told(&read(Some(&[]))).contains("NOT"));
        let advisory = Advisory {
            id: "RUSTSEC-2026-0001".to_owned(),
            title: "a fault".to_owned(),
            name: "crate".to_owned(),
            version: "1.0.0".to_owned(),
        };
        let document = read(Some(&[advisory]));
        assert_eq!(document["vulnerabilities"][0]["analysis"]["state"], "in_triage");
        assert_eq!(document["vulnerabilities"][0]["affects"][0]["ref"], "pkg:cargo/crate@1.0.0");
    }

    #[test]
    fn what_was_set_aside_is_told_with_its_reason() {
        let told =
            judged("[advisories]\nignore = [{ id = \"RUSTSEC-2026-0001\", reason = \"never called\" }]").unwrap();
        assert_eq!(told[0]["analysis"]["detail"], "never called");
        assert!(judged("").unwrap().is_empty());
        // One without a reason is nothing that could be handed out.
        assert!(judged("[advisories]\nignore = [\"RUSTSEC-2026-0001\"]").is_err());
    }
}
