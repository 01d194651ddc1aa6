//! Samples of a model folder: `samples/x.png` beside `samples/x.json`, which says what the network must give for it. They hold
//! preprocessing to that of training.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use lungglass::classifier::Classifier;
use lungglass::decode::{Image, Limits};
use lungglass::reading::Reading;
use serde::Deserialize;

use crate::inputs;

/// Scores may be so far apart where a sample does not say it: decoders and filters differ by less, other preprocessing by more.
const TOLERANCE: f32 = 0.02;

/// What a sample must give, in the words of a line of `classify --json`: what is there of these is held.
#[derive(Deserialize)]
struct Expected {
    verdict: Option<String>,
    class: Option<String>,
    score: Option<f32>,
    logit: Option<f32>,
    classes: Option<BTreeMap<String, f32>>,
    tolerance: Option<f32>,
    #[serde(flatten)]
    others: BTreeMap<String, serde_json::Value>,
}

/// What a line of `classify --json` has besides, and says nothing of the network.
const BESIDE: [&str; 10] =
    ["file", "frame", "findings", "opacity", "refusal", "error", "source", "model", "device", "ms"];
/// What a sample may look like.
const EXAMPLE: &str = "write what training gives, such as { \"score\": 0.82 } or { \"classes\": { \"id\": 0.82 } }";

impl Expected {
    /// Why it cannot be held, if so.
    fn fault(&self, classifier: &Classifier) -> Option<String> {
        if let Some(unknown) = self.others.keys().find(|key| !BESIDE.contains(&&key[..])) {
            return Some(format!("unknown key '{unknown}'; {EXAMPLE}"));
        }
        let Expected { verdict, class, score, logit, classes, .. } = self;
        let known = &classifier.model.classes;
        if verdict.is_none() && class.is_none() && score.is_none() && logit.is_none() && classes.is_none() {
            return Some(format!("nothing of it can be held; {EXAMPLE}"));
        }
        let ids = classes.iter().flat_map(|classes| classes.keys()).chain(class);
        if let Some(id) = ids.into_iter().find(|id| known.iter().all(|class| class.id != **id)) {
            let known: Vec<&str> = known.iter().map(|class| &class.id[..]).collect();
            return Some(format!("there is no class '{id}', but {}", known.join(", ")));
        }
        let mut scores = classes.iter().flat_map(|classes| classes.values()).chain(score);
        let beyond = scores.find(|score| !(0.0..=1.0).contains(*score));
        beyond.map(|score| format!("{score} is no score from 0 to 1"))
    }
}

/// How many samples a folder has, and what is wrong with them.
pub fn check(classifier: &Classifier, folder: &Path) -> (usize, Vec<String>) {
    let Ok(entries) = fs::read_dir(folder.join("samples")) else { return (0, Vec::new()) };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let is_answer = |path: &Path| path.extension().is_some_and(|end| end == "json");
    let (mut count, mut faults) = (0, Vec::new());
    for answer in paths.iter().filter(|path| is_answer(path)) {
        let is_of = |path: &&PathBuf| !is_answer(path) && path.with_extension("json") == *answer;
        if !paths.iter().any(|path| is_of(&path)) {
            let name = answer.file_name().unwrap_or_default().to_string_lossy();
            faults.push(format!("sample {name}: there is no picture of this name beside it"));
        }
    }
    for path in paths.iter().filter(|path| !is_answer(path)) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let answer = path.with_extension("json");
        let Ok(text) = fs::read_to_string(&answer) else {
            let wanted = answer.file_name().unwrap_or_default().to_string_lossy();
            faults.push(format!("sample {name}: there is no {wanted} beside it that says what it must give"));
            continue;
        };
        let found = match serde_json::from_str::<Expected>(&text) {
            Ok(expected) => match expected.fault(classifier) {
                Some(fault) => vec![format!("sample {name}: its answer: {fault}")],
                None => compare(classifier, path, &name, &expected),
            },
            Err(error) => vec![format!("sample {name}: {}: {error}; {EXAMPLE}", answer.display())],
        };
        count += usize::from(found.is_empty());
        faults.extend(found);
    }
    (count, faults)
}

fn compare(classifier: &Classifier, path: &Path, name: &str, expected: &Expected) -> Vec<String> {
    let limits = classifier.model.limits(Limits::default());
    let image = inputs::read(path, &limits).and_then(|bytes| Image::open(bytes, limits));
    let reading = match image {
        Ok(image) => classifier.read(&image, 0, name),
        Err(error) => return vec![format!("sample {name}: {error}")],
    };
    let Reading { verdict, class, score, logit, classes, refusal, error, .. } = reading;
    if let Some(error) = error {
        return vec![format!("sample {name}: {}", error.message)];
    }
    let mut faults = Vec::new();
    let tolerance = expected.tolerance.unwrap_or(TOLERANCE);
    let refused = refusal.map_or(String::new(), |refusal| format!(" (it is refused: {})", refusal.message));
    let mut hold = |of: &str, found: Option<f32>, wanted: f32| {
        let apart = found.map(|found| (found - wanted).abs());
        if apart.is_none_or(|apart| apart.is_nan() || apart > tolerance) {
            let found = found.map_or("no score".to_string(), |found| format!("{found:.4}"));
            let text = "preprocessing differs from training";
            faults.push(format!("sample {name} gives {found}{of}, expected {wanted:.4}{refused}: {text}"));
        }
    };
    if let Some(wanted) = expected.score {
        hold("", score, wanted);
    }
    if let Some(wanted) = expected.logit {
        hold(" as its logit", logit, wanted);
    }
    for (id, wanted) in expected.classes.iter().flatten() {
        let found =
            classes.iter().flat_map(|classes| &classes.0).find(|class| class.id == *id).map(|class| class.score);
        hold(&format!(" for {id}"), found, *wanted);
    }
    for (what, wanted, found) in
        [("verdict", &expected.verdict, Some(verdict.word())), ("class", &expected.class, class.as_deref())]
    {
        if let Some(wanted) = wanted
            && found != Some(wanted)
        {
            faults
                .push(format!("sample {name}: its {what} is {}, expected {wanted}{refused}", found.unwrap_or("none")));
        }
    }
    faults
}
