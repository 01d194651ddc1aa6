//! The pack for a hospital's IT department, radiology and data protection: answers to the forms that they use. It is made of what is
//! measured (model/model.toml), what is written (the model card, the pages of docs/) and what is tested; a figure that is not today's, a
//! test or a page that is not there stops the release.

mod card;
mod fill;
mod materials;
mod vex;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use toml::Table;
use xtask::places::root;
use xtask::supply::Advisory;

/// Documents with gaps, by the name that they are handed out under.
const DOCUMENTS: [(&str, &str); 9] = [
    ("pack.md", include_str!("pack.md")),
    ("claim-2024.md", include_str!("claim-2024.md")),
    ("tripod-ai.md", include_str!("tripod-ai.md")),
    ("mds2.md", include_str!("mds2.md")),
    ("data-flow.md", include_str!("data-flow.md")),
    ("network.md", include_str!("network.md")),
    ("accessibility.md", include_str!("accessibility.md")),
    ("install.md", include_str!("install.md")),
    ("chai.xml", include_str!("chai.xml")),
];

/// What the documents are filled with.
pub struct Facts {
    root: PathBuf,
    version: String,
    model: Table,
    /// How many components each bill of materials lists.
    components: Vec<(String, usize)>,
}

impl Facts {
    /// Of this repository.
    pub fn here(version: &str, components: &[(&str, usize)]) -> Result<Facts> {
        let settings = fs::read_to_string(root().join("model/model.toml")).context("cannot read model/model.toml")?;
        Ok(Facts {
            root: root().to_owned(),
            version: version.to_owned(),
            model: toml::from_str(&settings).context("model/model.toml is no TOML")?,
            components: components.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
        })
    }

    /// A file of the repository, as text.
    fn read(&self, path: &str) -> Result<String> {
        fs::read_to_string(self.root.join(Path::new(path))).with_context(|| format!("cannot read {path}"))
    }
}

/// The files of the pack, each a name and its bytes. `known` are the known faults of crates, None where nobody could ask for them.
pub fn write(facts: &Facts, known: Option<&[Advisory]>) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for (name, text) in DOCUMENTS {
        let escape = if name.ends_with(".xml") { escaped } else { str::to_owned };
        files.push((name.to_owned(), fill::fill(text, facts, escape).with_context(|| name.to_owned())?.into_bytes()));
    }
    files.push(("model-card.json".to_owned(), card::write(facts)?));
    files.push(("ml-bom.cdx.json".to_owned(), materials::write(facts)?));
    files.push(("vex.cdx.json".to_owned(), vex::write(facts, known)?));
    files.push(("data-flow.svg".to_owned(), include_bytes!("data-flow.svg").to_vec()));
    Ok(files)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Vec<(String, String)> {
        let facts = Facts::here("1.2.3", &[("page", 100), ("command", 300)]).unwrap();
        let files = write(&facts, None).unwrap();
        files.into_iter().map(|(name, bytes)| (name, String::from_utf8(bytes).unwrap())).collect()
    }

    fn file(name: &str) -> String {
        files().into_iter().find(|(own, _)| own == name).unwrap().1
    }

    /// All that a document says of what is measured, tested or written elsewhere comes from there, or there is no pack.
    #[test]
    fn every_gap_of_the_pack_can_be_filled_today() {
        for (name, text) in files() {
            assert!(!text.contains("{{") && !text.contains("}}"), "{name}");
            assert!(text.len() > 300, "{name}");
        }
    }

    /// A figure that is written by hand grows old unseen.
    #[test]
    fn no_document_has_a_figure_of_its_own() {
        for (name, text) in DOCUMENTS {
            let mut outside = String::new();
            for part in text.split("{{") {
                outside += part.split_once("}}").map_or(part, |(_, behind)| behind);
            }
            for word in outside.split(|c: char| c.is_whitespace() || "|()<>\",;".contains(c)) {
                let word = word.trim_end_matches('.');
                let is_share = word
                    .strip_prefix("0.")
                    .is_some_and(|digits| digits.len() >= 2 && digits.bytes().all(|byte| byte.is_ascii_digit()));
                assert!(!is_share, "{name} says {word} by itself: take it from where it was measured");
            }
            for (place, _) in outside.match_indices('%') {
                let before = outside[..place].trim_end();
                let figure: String = before.chars().rev().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
                let figure: String = figure.chars().rev().collect();
                // The level of an interval, and what a user of `accept` asks for, are no measurements.
                assert!(
                    figure.is_empty() || ["95", "90"].contains(&figure.as_str()),
                    "{name} says {figure} % by itself"
                );
            }
        }
    }

    /// The numbers of a form's items, in the first column, each once and in order.
    fn items(document: &str) -> Vec<String> {
        let rows = document.lines().filter_map(fill::cells).map(|cells| cells[0].to_owned());
        rows.filter(|item| item.bytes().any(|byte| byte.is_ascii_digit())).collect()
    }

    #[test]
    fn claim_is_answered_item_by_item() {
        let expected: Vec<String> = (1..=44).map(|item| item.to_string()).collect();
        assert_eq!(items(&file("claim-2024.md")), expected);
    }

    #[test]
    fn tripod_is_answered_item_by_item() {
        let expected = "1 2 3a 3b 3c 4 5a 5b 6a 6b 6c 7 8a 8b 8c 9a 9b 9c 10 11 12a 12b 12c 12d 12e 12f 12g 13 14 15 16 17 18a 18b 18c 18d 18e \
            18f 19 20a 20b 20c 21 22 23a 23b 24 25 26 27a 27b 27c";
        assert_eq!(items(&file("tripod-ai.md")), expected.split_whitespace().collect::<Vec<_>>());
    }

    /// Each answer is one of the form's words, and what is not there is said so.
    #[test]
    fn answers_are_yes_no_or_not_applicable() {
        for name in ["claim-2024.md", "tripod-ai.md", "mds2.md"] {
            let text = file(name);
            let rows: Vec<Vec<&str>> = text
                .lines()
                .filter_map(fill::cells)
                .filter(|row| row[0].bytes().any(|byte| byte.is_ascii_digit()))
                .collect();
            assert!(rows.len() > 40, "{name}: {}", rows.len());
            let mut not = 0;
            for row in &rows {
                let answer = row[2];
                let known = ["yes", "partly", "no", "not applicable", "see note"].contains(&answer);
                assert!(known, "{name}, {}: {answer}", row[0]);
                // Of an IT form a plain yes or no may be all; of a checklist it says where.
                let is_plain = name == "mds2.md" && ["yes", "no"].contains(&answer);
                assert!(is_plain || !row[3].is_empty(), "{name}, {}: no word of where or why", row[0]);
                not += usize::from(answer == "no");
            }
            assert!(not > 2, "{name}: nothing is left undone, which nobody believes");
        }
    }

    /// All criteria of WCAG 2.2 at the levels A and AA.
    #[test]
    fn accessibility_names_every_criterion() {
        let expected = "1.1.1 1.2.1 1.2.2 1.2.3 1.2.4 1.2.5 1.3.1 1.3.2 1.3.3 1.3.4 1.3.5 1.4.1 1.4.2 1.4.3 1.4.4 1.4.5 1.4.10 1.4.11 1.4.12 \
            1.4.13 2.1.1 2.1.2 2.1.4 2.2.1 2.2.2 2.3.1 2.4.1 2.4.2 2.4.3 2.4.4 2.4.5 2.4.6 2.4.7 2.4.11 2.5.1 2.5.2 2.5.3 2.5.4 2.5.7 2.5.8 \
            3.1.1 3.1.2 3.2.1 3.2.2 3.2.3 3.2.4 3.2.6 3.3.1 3.3.2 3.3.3 3.3.4 3.3.7 3.3.8 4.1.2 4.1.3";
        let text = file("accessibility.md");
        let rows: Vec<Vec<&str>> =
            text.lines().filter_map(fill::cells).filter(|row| row[0].split('.').count() == 3).collect();
        assert_eq!(rows.iter().map(|row| row[0]).collect::<Vec<_>>(), expected.split_whitespace().collect::<Vec<_>>());
        for row in rows {
            let known = ["supports", "partially supports", "does not support", "not applicable", "not evaluated"]
                .contains(&row[2]);
            assert!(known, "{}: {}", row[0], row[2]);
        }
    }

    /// The elements of CHAI's schema (mc-schema, v0.2) that must be there, in its order.
    #[test]
    fn the_card_of_chai_has_the_elements_of_its_schema_in_their_order() {
        let expected = "AppliedModelCard BasicInfo ModelName ModelDeveloper DeveloperContact ReleaseInfo ReleaseStage ReleaseDate ReleaseVersion \
            GlobalAvailability RegulatoryApproval ModelSummary Summary Keywords Keyword Keyword Keyword Keyword UsesAndDirections \
            IntendedUseAndWorkflow PrimaryIntendedUsers HowToUse TargetedPatientPopulation CautionedOutOfScopeSettings Warnings \
            KnownRisksAndLimitations KnownBiasesOrEthicalConsiderations ClinicalRiskLevel TrustIngredients AISystemFacts OutcomesAndOutputs \
            ModelType FoundationModels InputDataSource OutputAndInputDataTypes DevelopmentDataCharacterization BiasMitigationApproaches \
            OngoingMaintenance Security Transparency TransparencyInformation FundingSource ThirdPartyInformation StakeholdersConsulted KeyMetrics";
        let text = file("chai.xml");
        let open: Vec<&str> = text
            .split('<')
            .skip(1)
            .filter(|tag| tag.starts_with(|c: char| c.is_ascii_alphabetic()))
            .map(|tag| tag.split(|c: char| c.is_whitespace() || c == '>' || c == '/').next().unwrap_or_default())
            .collect();
        let expected: Vec<&str> = expected.split_whitespace().collect();
        assert_eq!(open[..expected.len()], expected[..]);
        let metric = [
            "MetricGoal",
            "Results",
            "Interpretation",
            "TestType",
            "TestingDataDescription",
            "ValidationProcessAndJustification",
        ];
        let rest: Vec<&str> = open[expected.len()..]
            .iter()
            .copied()
            .filter(|tag| !["MetricResult", "Label", "ValueJson"].contains(tag))
            .collect();
        let mut wanted: Vec<&str> = Vec::new();
        for name in ["UsefulnessUsabilityEfficacy", "FairnessEquity", "SafetyReliability"] {
            wanted.push(name);
            wanted.extend(metric);
        }
        wanted.extend([
            "Resources",
            "EvaluationReferences",
            "PeerReviewedPublications",
            "PatientConsentOrDisclosure",
            "Bibliography",
        ]);
        assert_eq!(rest, wanted);
        // Each is closed, in the opposite order.
        let mut waiting = Vec::new();
        for tag in text.split('<').skip(1).filter(|tag| !tag.starts_with(['?', '!'])) {
            let name =
                tag.trim_start_matches('/').split(|c: char| c.is_whitespace() || c == '>').next().unwrap_or_default();
            if tag.starts_with('/') {
                assert_eq!(waiting.pop(), Some(name));
            } else {
                waiting.push(name);
            }
        }
        assert!(waiting.is_empty(), "{waiting:?}");
        // Values of metrics are JSON.
        for value in text.split("<ValueJson>").skip(1) {
            let value = value.split("</ValueJson>").next().unwrap_or_default();
            assert!(serde_json::from_str::<serde_json::Value>(value).is_ok(), "{value}");
        }
    }
}
