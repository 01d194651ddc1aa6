//! `lungglass validate --unit study`: the rows of a manifest as studies, and the network's reading of each.

use std::path::PathBuf;

use lungglass::classifier::Classifier;
use lungglass::decode::Limits;
use lungglass::model::StudyRule;
use lungglass::reading::{Verdict, log_odds};
use lungglass::study::{self, Item, Study};
use rayon::prelude::*;

use crate::classify::{MAX_HELD, Queue};
use crate::failure::Failure;
use crate::inputs::Inputs;
use crate::labelled::{Labelled, Selection};
use crate::predictions::{Each, Prediction, Rows};
use crate::{args::Unit, groups};

/// What the words for UIDs are made with; no output holds them.
const SALT: &[u8] = b"validation";

/// A study of the manifest.
pub struct Wanted {
    /// As its first row has it.
    row: Labelled,
    /// The files, folders and volumes of its rows.
    places: Vec<PathBuf>,
}

/// The studies of a manifest in the order of their first rows. Rows of one group are one study; a row without a group is one by itself.
///
/// # Errors
/// Those of [`groups::of`].
pub fn of(selection: &Selection, subgroups: &[String]) -> Result<Vec<Wanted>, Failure> {
    let groups = groups::of(selection, subgroups, Unit::Study)?;
    let places = |members: Vec<(usize, PathBuf)>| members.into_iter().map(|(_, file)| file).collect();
    Ok(groups.into_iter().map(|group| Wanted { row: group.row, places: places(group.members) }).collect())
}

impl Wanted {
    /// Reads all of its slices. Of several series the one with the most judged slices is the study's. Slices that were looked at, and what
    /// became of the study.
    pub fn read(&self, classifier: &Classifier, rule: Option<&StudyRule>) -> (usize, Prediction) {
        let Inputs { files, .. } = Inputs::of(&self.places);
        let mut queue = Queue::new(&files, classifier.model.limits(Limits::default()), MAX_HELD);
        let mut items: Vec<Item> = Vec::new();
        loop {
            let slices = queue.some();
            if slices.is_empty() {
                break;
            }
            let name = &self.row.path;
            let read =
                slices.par_iter().map(|slice| Item::new(&slice.read(classifier, false), Some(name.clone()), SALT));
            items.par_extend(read);
        }
        let studies = study::studies(&items, &[], rule);
        let most = studies.iter().map(|study| study.counts.judged).max();
        let found = studies.iter().find(|study| Some(study.counts.judged) == most);
        (items.len(), self.prediction(found))
    }

    fn prediction(&self, found: Option<&Study>) -> Prediction {
        let unread = Prediction::unread(&self.row);
        let Some(study) = found else {
            return Prediction { reason: Some("not_an_image: there is no slice to read".to_string()), ..unread };
        };
        let reasons =
            study.left_out.iter().map(|(code, number)| format!("{number} {code}")).collect::<Vec<_>>().join(", ");
        let why = study.refusal.map(|refusal| format!("{}: {} ({reasons})", refusal.code, refusal.message));
        // Where nothing could be read, it was not refused.
        let is_unread = study.counts.slices == study.counts.unreadable;
        Prediction {
            verdict: if is_unread { Verdict::Error } else { study.verdict },
            score: study.score,
            logit: study.score.map(|score| log_odds(score) as f32),
            reason: why,
            ..unread
        }
    }
}

/// Studies with what became of each.
pub struct Read {
    pub rows: Vec<(Prediction, Vec<String>)>,
}

impl Read {
    /// Adds a study.
    pub fn add(&mut self, study: Wanted, prediction: Prediction) {
        self.rows.push((prediction, study.row.subgroups));
    }
}

impl Rows for Read {
    fn count(&self) -> usize {
        self.rows.len()
    }

    fn walk(&self, each: Each) -> Result<(), Failure> {
        self.rows.iter().try_for_each(|(row, values)| each(row.clone(), values))
    }
}
