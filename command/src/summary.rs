//! The studies among the slices that `classify` read: a sentence each for people, and a JSON file for programs.

use std::collections::BTreeMap;
use std::path::Path;

use lungglass::aside::Aside;
use lungglass::decode::SetAside;
use lungglass::model::{Model, StudyRule};
use lungglass::place::Spot;
use lungglass::reading::{ModelName, Reading};
use lungglass::study::{self, Beside, Item, Kind, Order, Repeat, Stack, Study};
use serde_json::json;

use crate::failure::{Failure, failed};
use crate::output;

/// What every summary says of itself.
pub const NOTE: &str = "A study's score is the mean of its highest slices; the model card says on how few volumes it was judged. Counts and ranks over slices have not been validated; none is a diagnosis.";

/// What the words for UIDs are made with; no output holds them.
const SALT: &[u8] = b"summary";

/// The slices read so far.
pub struct Summary {
    rule: Option<StudyRule>,
    items: Vec<Item>,
    beside: Vec<Beside>,
}

impl Summary {
    /// Of no slice yet, which `model` will judge.
    pub fn new(model: &Model) -> Summary {
        Summary { rule: model.study.clone(), items: Vec::new(), beside: Vec::new() }
    }

    /// Takes a reading that came in `container`, an archive or a folder.
    pub fn add(&mut self, reading: &Reading, container: Option<&str>) {
        self.items.push(Item::new(reading, container.map(str::to_string), SALT));
    }

    /// Takes a file of `container` that was set aside as a whole.
    pub fn set_aside(&mut self, SetAside { kind, place }: &SetAside, container: &str) {
        let (place, container) = (Spot::of(place, SALT), Some(container.to_string()));
        self.beside.push(Beside { kind: *kind, place, container, intake: None });
    }

    /// The studies; their items are the readings in the order in which they came.
    pub fn studies(&self) -> Vec<Study> {
        study::studies(&self.items, &self.beside, self.rule.as_ref())
    }

    /// What was set aside as a whole.
    fn kinds(&self) -> BTreeMap<Aside, usize> {
        let mut kinds = BTreeMap::new();
        self.beside.iter().for_each(|beside| *kinds.entry(beside.kind).or_default() += 1);
        kinds
    }

    /// `set aside by kind: 1 dose sheet, 2 structured reports`; `None` where nothing was.
    pub fn aside(&self) -> Option<String> {
        let counts: Vec<_> = self.kinds().into_iter().map(|(kind, number)| kind.count(number)).collect();
        (!counts.is_empty()).then(|| format!("set aside by kind: {}", counts.join(", ")))
    }

    /// A line for each study of two slices or more.
    pub fn lines(&self) -> Vec<String> {
        self.studies().iter().filter(|study| study.counts.slices > 1).map(sentence).collect()
    }

    /// Writes all studies, with their slices.
    pub fn write(&self, path: &Path, model: &Model) -> Result<(), Failure> {
        let named = |at: usize| json!({ "file": self.items[at].file, "frame": self.items[at].frame });
        let studies: Vec<_> = self
            .studies()
            .iter()
            .map(|study| {
                let mut entry = json!(study);
                entry["localizers"] = study.localizers.iter().map(|at| named(*at)).collect();
                let again = study.repeated.iter().map(|Repeat { item, slice }| {
                    let mut again = named(*item);
                    again["slice"] = json!(slice);
                    again
                });
                entry["repeated"] = again.collect();
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
            "set_aside": self.kinds(),
            "model": ModelName::from(model),
            "threshold": model.point().threshold,
            "uncertain": model.point().uncertain,
            "program": env!("CARGO_PKG_VERSION"),
            "note": NOTE,
        });
        output::write(path, |out| out.write_all(format!("{file:#}\n").as_bytes()).map_err(failed(path.display())))
    }
}

/// What a study is called: `series 1`, or as what its slices came in.
pub fn name(Study { kind, ordinal, name, .. }: &Study) -> String {
    match (kind, name) {
        (Kind::Container, Some(name)) => name.clone(),
        (Kind::Pictures, _) => "single pictures".to_string(),
        _ => format!("series {ordinal}"),
    }
}

/// `series 1: score 0.871, positive; 12.3 % of the lungs opaque; 12 of 40 judged slices are scored positive; highest 0.930 in slice 23; set
/// aside: 2 refused`.
fn sentence(study: &Study) -> String {
    let Study { order, counts, highest, stacks, repeated, set_aside, .. } = study;
    let of = name(study);
    let mut text = match highest {
        None => format!("{of}: none of {} slices was judged", counts.slices),
        Some(highest) => {
            let by = match order {
                Order::Position => " from the head",
                Order::Location => " by the scanner's location",
                Order::Number => " by the scanner's numbers",
                Order::Input => "",
            };
            let (positive, judged) = (counts.positive, counts.judged);
            let (slice, score) = (highest.slice, highest.score);
            let whole = match (study.score, study.refusal) {
                (Some(score), _) => format!("score {score:.3}, {}", study.verdict.word()),
                (None, refusal) => format!("no score ({})", refusal.map_or("not judged", |refusal| refusal.code)),
            };
            let opaque = study.opacity.map(|opacity| format!("; {:.1} % of the lungs opaque", 100.0 * opacity.share));
            let opaque = opaque.unwrap_or_default();
            format!(
                "{of}: {whole}{opaque}; {positive} of {judged} judged slices are scored positive; highest {score:.3} in slice {slice}{by}"
            )
        }
    };
    let aside = [(counts.refused, "refused"), (counts.unreadable, "unreadable")];
    let unjudged = aside.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}"));
    let aside: Vec<_> = unjudged.chain(set_aside.iter().map(|(kind, number)| kind.count(*number))).collect();
    if !aside.is_empty() {
        text += &format!("; set aside: {}", aside.join(", "));
    }
    let told = |Stack { name, slices, .. }: &Stack| Some(format!("{} ({})", name.as_ref()?, slices_of(slices.len())));
    let stacks: Vec<_> = stacks.iter().filter_map(told).collect();
    if !stacks.is_empty() {
        text += &format!("; {} stacks: {}", stacks.len(), stacks.join(", "));
    }
    if !repeated.is_empty() {
        text += &format!("; {} came again and count once", slices_of(repeated.len()));
    }
    text
}

fn slices_of(number: usize) -> String {
    if number == 1 { "1 slice".to_string() } else { format!("{number} slices") }
}
