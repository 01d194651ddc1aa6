//! The bill of materials of the network: a CycloneDX 1.6 component with a model card, its data and its figures, from model/model.toml and
//! the model card. Without a time and a serial number, so that the same source gives the same bytes.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use toml::Value as Setting;

use super::Facts;
use super::card::points;
use super::fill::get;

/// Each group of figures with an AUC or a sensitivity, in words.
const GROUPS: [(&str, &str); 18] = [
    ("test", "COVID-CT, official test, with the gate"),
    ("test_clean", "COVID-CT, official test without leaks and doubtful labels, with the gate"),
    ("folds", "all slices held out by folds"),
    ("folds_sars", "SARS-CoV-2-CT, held out by folds"),
    ("folds_slice", "slices with lesions of COVID-19 volumes, held out by folds"),
    ("folds_source", "small sources, held out by folds"),
    ("folds_val", "COVID-CT, validation slices, held out by folds"),
    ("left_out_sars_sars", "SARS-CoV-2-CT, left out whole"),
    ("left_out_sources_slice", "slices with lesions of COVID-19 volumes, left out whole"),
    ("left_out_sources_source", "small sources, left out whole"),
    ("shortcut_test", "no picture, gray statistics alone, official test"),
    ("shortcut_with_file_test", "no picture, gray statistics and file format, official test"),
    ("shortcut_test_clean", "no picture, gray statistics alone, official test without leaks and doubtful labels"),
    (
        "shortcut_with_file_test_clean",
        "no picture, gray statistics and file format, official test without leaks and doubtful labels",
    ),
    ("study_patients", "studies: all patients of the small sources and the volumes"),
    ("study_volumes", "studies: volumes"),
    ("captions", ""),
    ("occlusion", ""),
];
const MEASURES: [&str; 6] = ["auc", "f1", "accuracy", "sensitivity", "specificity", "ece"];

pub fn write(facts: &Facts) -> Result<Vec<u8>> {
    let text =
        |key: &str| -> Result<String> { Ok(get(&facts.model, key)?.as_str().context("it is no text")?.to_owned()) };
    let (name, version, sha256) = (text("name")?, text("version")?, text("sha256")?);
    let risk = |name: String, mitigation: &str| json!({ "name": name, "mitigationStrategy": mitigation });
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": { "type": "machine-learning-model", "bom-ref": "network", "name": name, "version": version },
        },
        "components": [{
            "type": "machine-learning-model",
            "bom-ref": "network-with-card",
            "name": name,
            "version": version,
            "description": text("words.en.purpose")?,
            "hashes": [{ "alg": "SHA-256", "content": sha256 }],
            "licenses": [{ "license": { "name": "weights: see model/MODEL_CARD.md, \"Licences\"; for research use" } }],
            "modelCard": {
                "bom-ref": "card",
                "modelParameters": {
                    "approach": { "type": "supervised" },
                    "task": "classification of single slices, with a map and opacity by cell",
                    "architectureFamily": "convolutional neural network",
                    "modelArchitecture": "EfficientNet-Lite2 less a block, behind a U-Net that finds the lungs",
                    "datasets": [
                        { "type": "dataset", "name": "training", "description": text("training.data")? },
                        { "type": "dataset", "name": "training, without COVID-19, and the gate", "description": text("training.other_data")? },
                    ],
                    "inputs": [{ "format": format!("one gray slice of {0} x {0} values", written(get(&facts.model, "input.size.0")?)?) }],
                    "outputs": [{ "format": "logit, map, lung and opacity by cell, embedding" }],
                },
                "quantitativeAnalysis": { "performanceMetrics": metrics(facts)? },
                "considerations": {
                    "users": points_of(facts, "Use", "Users:")?,
                    "useCases": points_of(facts, "Use", "Intended:")?,
                    "technicalLimitations": points(facts, "Limits")?.into_iter().chain(points_of(facts, "Use", "Out of scope:")?).collect::<Vec<_>>(),
                    "performanceTradeoffs": ["The official test got worse than with the network before, hospitals that it had not seen got better: model/MODEL_CARD.md, \"Figures\""],
                    "ethicalConsiderations": points(facts, "Failures seen")
                        .unwrap_or_default()
                        .into_iter()
                        .map(|name| risk(name, "none in the network; lungglass accept measures how often it is wrong on a site's own slices"))
                        .chain([risk("a score is taken for a diagnosis".to_owned(), "said in the page, in each file that it saves and in the command: no medical device, no diagnosis")])
                        .collect::<Vec<_>>(),
                    "fairnessAssessments": [{
                        "groupAtRisk": "patients by age, sex, origin or scanner; children",
                        "benefits": "not measured",
                        "harms": "performance by these groups could not be measured: the collections do not say who the patients are. Children are out of scope",
                        "mitigationStrategy": "none in the network; a site measures its own patients with lungglass accept and validate --subgroup",
                    }],
                },
            },
        }],
    });
    let mut bytes = serde_json::to_vec_pretty(&bill)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The points of a section that begin with a word, without it.
fn points_of(facts: &Facts, title: &str, word: &str) -> Result<Vec<String>> {
    let found: Vec<String> =
        points(facts, title)?.iter().filter_map(|point| Some(point.strip_prefix(word)?.trim().to_owned())).collect();
    ensure!(!found.is_empty(), "the model card has no point {word} under {title}");
    Ok(found)
}

/// A number as model.toml has it.
fn written(value: &Setting) -> Result<String> {
    match value {
        Setting::Float(value) => Ok(value.to_string()),
        Setting::Integer(value) => Ok(value.to_string()),
        _ => bail!("it is no number"),
    }
}

/// Every figure of every group, with its interval where it has one.
fn metrics(facts: &Facts) -> Result<Vec<Value>> {
    let groups = get(&facts.model, "metrics")?.as_table().context("metrics is no table")?;
    for name in groups.keys() {
        let table = &groups[name];
        let has_one = MEASURES.iter().any(|measure| table.get(measure).is_some());
        ensure!(!has_one || GROUPS.iter().any(|(own, _)| own == name), "no words for the figures of metrics.{name}");
    }
    let mut metrics = Vec::new();
    for (name, words) in GROUPS.iter().filter(|(_, words)| !words.is_empty()) {
        let group = groups.get(*name).with_context(|| format!("model/model.toml has no metrics.{name}"))?;
        let n = group.get("n").and_then(Setting::as_integer).map(|n| format!(" ({n})")).unwrap_or_default();
        for measure in MEASURES {
            let Some(value) = group.get(measure).and_then(Setting::as_float) else { continue };
            let mut metric = json!({ "type": measure, "value": value.to_string(), "slice": format!("{words}{n}") });
            if let Some([low, high]) =
                group.get("ci95").and_then(|interval| interval.get(measure)?.as_array()).map(Vec::as_slice)
            {
                metric["confidenceInterval"] = json!({ "lowerBound": written(low)?, "upperBound": written(high)? });
            }
            metrics.push(metric);
        }
    }
    Ok(metrics)
}

#[cfg(test)]
pub mod tests {
    use boon::{Compiler, Schemas};

    use super::*;

    /// Holds a document against the schema of CycloneDX 1.6, which lies beside it without its texts.
    pub fn valid(document: &Value) -> Result<(), String> {
        let mut compiler = Compiler::new();
        for (url, text) in [
            ("http://cyclonedx.org/schema/bom-1.6.schema.json", include_str!("../../../schemas/bom-1.6.schema.json")),
            ("http://cyclonedx.org/schema/spdx.schema.json", include_str!("../../../schemas/spdx.schema.json")),
            ("http://cyclonedx.org/schema/jsf-0.82.schema.json", include_str!("../../../schemas/jsf-0.82.schema.json")),
        ] {
            compiler.add_resource(url, serde_json::from_str(text).unwrap()).unwrap();
        }
        let mut schemas = Schemas::new();
        let schema = compiler.compile("http://cyclonedx.org/schema/bom-1.6.schema.json", &mut schemas).unwrap();
        schemas.validate(document, schema).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn the_bill_of_the_network_is_valid_and_has_every_figure() {
        let facts = Facts::here("1", &[]).unwrap();
        let mut bill: Value = serde_json::from_slice(&write(&facts).unwrap()).unwrap();
        valid(&bill).unwrap();
        let card = &bill["components"][0]["modelCard"];
        let metrics = card["quantitativeAnalysis"]["performanceMetrics"].as_array().unwrap();
        let auc = metrics
            .iter()
            .find(|metric| {
                metric["type"] == "auc" && metric["slice"].as_str().unwrap().starts_with("COVID-CT, official test, ")
            })
            .unwrap();
        let measured = &facts.model["metrics"]["test"];
        assert_eq!(auc["value"], written(&measured["auc"]).unwrap());
        assert_eq!(auc["confidenceInterval"]["lowerBound"], written(&measured["ci95"]["auc"][0]).unwrap());
        assert!(auc["slice"].as_str().unwrap().ends_with(&format!("({})", measured["n"].as_integer().unwrap())));
        assert!(metrics.len() > 50, "{}", metrics.len());
        // The schema can say no.
        bill["components"][0]["modelCard"]["modelParameters"]["approach"]["type"] = "guessed".into();
        assert!(valid(&bill).is_err());
    }

    #[test]
    fn a_group_of_figures_that_nobody_has_words_for_is_told() {
        let mut facts = Facts::here("1", &[]).unwrap();
        let metrics = facts.model["metrics"].as_table_mut().unwrap();
        metrics.insert("moon".to_owned(), toml::from_str::<toml::Table>("auc = 1.0").unwrap().into());
        assert!(write(&facts).unwrap_err().to_string().contains("metrics.moon"));
    }
}
