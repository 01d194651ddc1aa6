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

/// What a sample must give, in the words of a line of `classify --json`: whatever of it is there is held.
#[derive(Deserialize)]
struct Expected {
    verdict: Option<String>,
    class: Option<String>,
    score: Option<f32>,
    classes: Option<BTreeMap<String, f32>>,
    tolerance: Option<f32>,
}

/// How many samples a folder has, and what is wrong with them.
pub fn check(classifier: &Classifier, folder: &Path) -> (usize, Vec<String>) {
    let Ok(entries) = fs::read_dir(folder.join("samples")) else { return (0, Vec::new()) };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let is_answer = |path: &Path| path.extension().is_some_and(|end| end == "json");
    let (mut count, mut faults) = (0, Vec::new());
    for path in paths.iter().filter(|path| !is_answer(path)) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let answer = path.with_extension("json");
        let Ok(text) = fs::read_to_string(&answer) else {
            let wanted = answer.file_name().unwrap_or_default().to_string_lossy();
            faults.push(format!("sample {name}: there is no {wanted} beside it that says what it must give"));
            continue;
        };
        count += 1;
        match serde_json::from_str(&text) {
            Ok(expected) => faults.extend(compare(classifier, path, &name, &expected)),
            Err(error) => faults.push(format!("sample {name}: {}: {error}", answer.display())),
        }
    }
    (count, faults)
}

fn compare(classifier: &Classifier, path: &Path, name: &str, expected: &Expected) -> Vec<String> {
    let limits = Limits::default();
    let image = inputs::read(path, &limits).and_then(|bytes| Image::open(bytes, limits));
    let reading = match image {
        Ok(image) => classifier.read(&image, 0, name),
        Err(error) => return vec![format!("sample {name}: {error}")],
    };
    let Reading { verdict, class, score, classes, refusal, error, .. } = reading;
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
