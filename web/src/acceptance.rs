//! The boundary to JavaScript of acceptance tests and control charts.

use lungglass::error::Error;
use lungglass::operating_point::LocalPoint;
use lungglass::reading::Verdict;
use lungglass_acceptance::document;
use lungglass_acceptance::html;
use lungglass_acceptance::row::{Row, cases};
use lungglass_acceptance::test::{Acceptance, Terms};
use lungglass_acceptance::triage::Wish;
use lungglass_acceptance::watch::{Report, Sample, Usual};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

use crate::{Classifier, DEVICE, from_js, throw, to_js};

/// What a person says of a test.
#[derive(Deserialize)]
struct Said {
    site: String,
    made: String,
    valid_until: String,
    wish: Wish,
}

/// A test, and the files that it becomes.
#[derive(Serialize)]
struct Made<'a> {
    acceptance: &'a Acceptance,
    document: String,
    html: String,
    /// `None` where the slices give no operating point.
    settings: Option<String>,
}

#[wasm_bindgen]
impl Classifier {
    /// An acceptance test of the network at the operating point that it ships with, as `lungglass accept` makes it.
    ///
    /// `rows` are labelled slices: `positive`, `group` (equal for slices of one patient, or ""), `name`, `verdict`, `score`, `logit`,
    /// `code` and `likeness` of their readings. `terms` has `site`, `made` and `valid_until` (days), and `wish` (`ppv`, `npv`,
    /// `confidence`, and `prevalence` or null).
    ///
    /// @returns { acceptance, document, html, settings }: what acceptance.json holds, its text, the text of acceptance.html, and that of
    /// operating-point.toml or null
    /// @throws Error with a `code` for a network of several classes, or for what are no such rows and terms
    pub fn accept(&self, rows: JsValue, terms: JsValue) -> Result<JsValue, JsValue> {
        let model = &self.shipped;
        if model.has_classes() || model.sha256.is_empty() {
            return Err(throw(Error::Argument("an acceptance test takes a network of one class".to_string())));
        }
        let Said { site, made, valid_until, wish } = from_js(terms)?;
        let mut rows: Vec<Row> = from_js(rows)?;
        // They may have been read at the operating point of a site.
        for row in &mut rows {
            if let (false, Some(score)) = (matches!(row.verdict, Verdict::Refused | Verdict::Error), row.score) {
                row.verdict = Verdict::of(score, model.point());
            }
        }
        let terms = Terms { site, made, valid_until, device: DEVICE.to_string(), wish };
        let cases = cases(&rows);
        let acceptance = Acceptance::of(model, &terms, &rows, &cases);
        let internal = |message: String| throw(Error::Internal(message));
        let (document, seal) = document::sealed(&acceptance).map_err(internal)?;
        let settings = acceptance.settings(model, &seal).map(|point| point.to_text());
        if let Some(text) = &settings {
            // What the site is called may be no name.
            LocalPoint::parse(text.as_bytes()).map_err(throw)?;
        }
        let text = serde_json::to_string_pretty(&document).map_err(|error| internal(error.to_string()))?;
        to_js(&Made {
            acceptance: &acceptance,
            document: text + "\n",
            html: html::html(&acceptance, &cases, &seal),
            settings,
        })
    }

    /// Control charts over days of counts, as `lungglass watch` makes them: against an acceptance test, `usual` the text of its
    /// acceptance.json, or else against the first days. `made` is today.
    ///
    /// @returns what watch.json holds
    /// @throws Error with a `code` where there is nothing to hold them against, or the test is of another network or was changed
    pub fn watch(&self, days: JsValue, usual: Option<String>, made: String) -> Result<JsValue, JsValue> {
        let wrong = |message: String| throw(Error::Argument(message));
        let days: Vec<Sample> = from_js(days)?;
        let usual: Option<Usual> = match usual {
            None => None,
            Some(text) => {
                let object = document::opened(text.as_bytes()).map_err(wrong)?;
                Some(serde_json::from_value(object.into()).map_err(|error| wrong(error.to_string()))?)
            }
        };
        if usual.as_ref().is_some_and(|usual| usual.model.sha256 != self.shipped.sha256) {
            return Err(wrong("the acceptance test is of another network".to_string()));
        }
        to_js(&Report::of(&days, usual.as_ref(), None, true, made).map_err(wrong)?)
    }
}
