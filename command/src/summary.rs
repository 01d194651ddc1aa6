//! The studies among the slices that `classify` read: a sentence each for people, and a JSON file for programs.

use std::path::Path;

use lungglass::model::Model;
use lungglass::reading::{ModelName, Reading};
use lungglass::slice::Series;
use lungglass::study::{self, Item, Kind, Order, Study};
use serde_json::json;

use crate::failure::{Failure, failed};
use crate::output;

/// What every summary says of itself.
pub const NOTE: &str = "The network judges single slices. Counts and ranks over several slices have not been validated; none is a diagnosis.";

/// The slices read so far.
#[derive(Default)]
pub struct Summary {
    items: Vec<Item>,
    /// Each stands for its place here: words for series that mean nothing beyond this run.
    series: Vec<Series>,
}

impl Summary {
    /// Takes a reading that came in `container`, an archive or a folder.
    pub fn add(&mut self, reading: &Reading, container: Option<&str>) {
        let series = reading.place.series.map(|series| {
            let known = self.series.iter().position(|other| *other == series);
            known.unwrap_or_else(|| {
                self.series.push(series);
                self.series.len() - 1
            })
        });
        self.items.push(Item::new(reading, container.map(str::to_string), series.map(|series| series.to_string())));
    }

    /// A line for each study of two slices or more.
    pub fn lines(&self) -> Vec<String> {
        let studies = study::studies(&self.items);
        studies.iter().filter(|study| study.counts.slices > 1).map(sentence).collect()
    }

    /// Writes all studies, with their slices.
    pub fn write(&self, path: &Path, model: &Model) -> Result<(), Failure> {
        let studies: Vec<_> = study::studies(&self.items)
            .iter()
            .map(|study| {
                let mut entry = json!(study);
                let slices = (1..).zip(study.slices.iter().map(|at| &self.items[*at]));
                entry["slices"] = slices
                    .map(|(slice, Item { file, frame, verdict, score, reason, .. })| {
                        json!({ "slice": slice, "file": file, "frame": frame, "verdict": verdict, "score": score, "reason": reason })
                    })
                    .collect();
                entry
            })
            .collect();
        let file = json!({
            "studies": studies,
            "model": ModelName::from(model),
            "threshold": model.operating_point.threshold,
            "uncertain": model.operating_point.uncertain,
            "program": env!("CARGO_PKG_VERSION"),
            "note": NOTE,
        });
        output::write(path, |out| out.write_all(format!("{file:#}\n").as_bytes()).map_err(failed(path.display())))
    }
}

/// `series 1: 12 of 40 judged slices are scored positive; highest 0.930 in slice 23; set aside: 2 refused`.
fn sentence(study: &Study) -> String {
    let Study { kind, ordinal, name, order, counts, highest, .. } = study;
    let of = match (kind, name) {
        (Kind::Container, Some(name)) => name.clone(),
        (Kind::Pictures, _) => "single pictures".to_string(),
        _ => format!("series {ordinal}"),
    };
    let mut text = match highest {
        None => format!("{of}: none of {} slices was judged", counts.slices),
        Some(highest) => {
            let by = match order {
                Order::Position => " from the head",
                Order::Number => " by the scanner's numbers",
                Order::Input => "",
            };
            let (positive, judged) = (counts.positive, counts.judged);
            let (slice, score) = (highest.slice, highest.score);
            format!(
                "{of}: {positive} of {judged} judged slices are scored positive; highest {score:.3} in slice {slice}{by}"
            )
        }
    };
    let aside = [(counts.refused, "refused"), (counts.unreadable, "unreadable")];
    let aside: Vec<_> = aside.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    if !aside.is_empty() {
        text += &format!("; set aside: {}", aside.join(", "));
    }
    text
}
