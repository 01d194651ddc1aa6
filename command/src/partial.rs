//! A validation that was interrupted: what had been read by then, so that it need not be read again.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, failed};
use crate::labelled::Labelled;
use crate::predictions::Prediction;
use crate::tell::tell;

/// The file in the folder of the report, one JSON object a line: first [`Run`], then a [`Line`] for each slice as it is read.
const NAME: &str = "validation.partial";

/// What must be the same for a run to go on where another stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Of the network, in lower-case hexadecimal.
    pub model: String,
    pub device: String,
    /// [`labelled::fingerprint`](crate::labelled::fingerprint).
    pub slices: String,
    /// What turned logits into scores and verdicts.
    pub settings: String,
}

/// One slice that was read.
#[derive(Serialize, Deserialize)]
struct Line {
    /// Among the slices of the run.
    at: usize,
    verdict: String,
    score: Option<f32>,
    logit: Option<f32>,
    reason: Option<String>,
}

/// The file, open for the slices that come.
pub struct Partial {
    path: PathBuf,
    file: File,
}

impl Partial {
    /// Begins a new file in `folder`, or goes on with the one that is there; then gives what it holds, by the number of the slice.
    ///
    /// # Errors
    /// When there is a file of another run, or none can be written.
    pub fn open(
        folder: &Path,
        run: &Run,
        resume: bool,
        slices: &[Labelled],
    ) -> Result<(Partial, HashMap<usize, Prediction>), Failure> {
        fs::create_dir_all(folder).map_err(failed(folder.display()))?;
        let path = folder.join(NAME);
        let mut done = HashMap::new();
        if resume && path.exists() {
            let text = fs::read_to_string(&path).map_err(failed(path.display()))?;
            // The last line may have been cut off in the middle.
            let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
            done = read(whole, run, slices).map_err(|problem| Failure(format!("{}: {problem}", path.display())))?;
            fs::write(&path, whole).map_err(failed(path.display()))?;
        } else {
            if path.exists() {
                tell!("{} of an interrupted validation is replaced; --resume would go on with it", path.display());
            }
            let head = serde_json::to_string(run).map_err(|error| Failure(error.to_string()))?;
            fs::write(&path, head + "\n").map_err(failed(path.display()))?;
        }
        let file = OpenOptions::new().append(true).open(&path).map_err(failed(path.display()))?;
        Ok((Partial { path, file }, done))
    }

    /// Keeps a slice that was read.
    pub fn add(&mut self, at: usize, prediction: &Prediction) -> Result<(), Failure> {
        let Prediction { verdict, score, logit, reason, .. } = prediction;
        let line = Line { at, verdict: verdict.clone(), score: *score, logit: *logit, reason: reason.clone() };
        let text = serde_json::to_string(&line).map_err(|error| Failure(error.to_string()))?;
        self.file.write_all((text + "\n").as_bytes()).map_err(failed(self.path.display()))
    }

    /// The report is written: nothing is left to go on with.
    pub fn finish(self) -> Result<(), Failure> {
        drop(self.file);
        fs::remove_file(&self.path).map_err(failed(self.path.display()))
    }
}

fn read(text: &str, run: &Run, slices: &[Labelled]) -> Result<HashMap<usize, Prediction>, String> {
    let mut lines = text.lines();
    let Some(head) = lines.next() else { return Err("it is empty: start again without --resume".to_string()) };
    let found: Run = serde_json::from_str(head).map_err(|error| error.to_string())?;
    for (what, found, wanted) in [
        ("network", &found.model, &run.model),
        ("device", &found.device, &run.device),
        ("list of slices", &found.slices, &run.slices),
        ("model.toml", &found.settings, &run.settings),
    ] {
        if found != wanted {
            return Err(format!("it was begun with another {what}: start again without --resume"));
        }
    }
    lines
        .map(|line| {
            let Line { at, verdict, score, logit, reason } =
                serde_json::from_str(line).map_err(|error| error.to_string())?;
            let slice = slices.get(at).ok_or_else(|| format!("there is no slice {at}"))?;
            Ok((at, Prediction { verdict, score, logit, reason, ..Prediction::unread(slice) }))
        })
        .collect()
}
