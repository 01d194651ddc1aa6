//! A validation that was interrupted: what had been read by then, so that it need not be read again. The file is also where the reasons
//! of a running validation are kept.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use lungglass::hash::sha256;
use lungglass::reading::Verdict;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, failed};
use crate::output;
use crate::predictions::Prediction;
use crate::tell::tell;

/// The file in the folder of the report, one JSON object a line: first [`Run`], then a [`Line`] for each slice as it is read.
const NAME: &str = "validation.partial";

/// What must be the same for a run to go on where another stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The version of the command.
    pub program: String,
    /// Of the network, in lower-case hexadecimal.
    pub model: String,
    pub device: String,
    /// [`Selection::fingerprint`](crate::labelled::Selection::fingerprint).
    pub slices: String,
    /// What turned logits into scores and verdicts.
    pub settings: String,
    /// Options with their values, as they are typed.
    pub options: Vec<(String, String)>,
}

impl Run {
    /// What stands in every line of the run.
    fn id(&self) -> Result<String, Failure> {
        let text = serde_json::to_vec(self).map_err(|error| Failure(error.to_string()))?;
        Ok(sha256(&text)[..16].to_string())
    }

    /// What differs in `other`, in words.
    fn difference(&self, other: &Run) -> Option<String> {
        for (what, own, others) in [
            ("version of lungglass", &self.program, &other.program),
            ("network", &self.model, &other.model),
            ("device", &self.device, &other.device),
            ("model.toml", &self.settings, &other.settings),
        ] {
            if own != others {
                return Some(format!("another {what}"));
            }
        }
        let typed = |options: &[(String, String)]| -> Vec<String> {
            options.iter().map(|(name, value)| format!("{name} {value}")).collect()
        };
        let (own, others) = (typed(&self.options), typed(&other.options));
        if own != others {
            let told = if own.is_empty() { "no such options".to_string() } else { own.join(" ") };
            let now = if others.is_empty() { "none".to_string() } else { others.join(" ") };
            return Some(format!("other options: {told}, and now {now}"));
        }
        (self.slices != other.slices).then(|| "another list of slices (the manifest)".to_string())
    }
}

/// One slice that was read.
#[derive(Serialize, Deserialize)]
struct Line {
    /// [`Run::id`]
    run: String,
    /// Among the slices of the run.
    at: usize,
    verdict: Verdict,
    score: Option<f32>,
    logit: Option<f32>,
    reason: Option<String>,
    /// How far embedding and gray levels are from training's, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    distances: Option<Distances>,
}

/// Of embedding and gray levels.
pub type Distances = [Option<f32>; 2];

/// What became of a slice, without what the manifest says of it.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    pub verdict: Verdict,
    pub score: Option<f32>,
    pub logit: Option<f32>,
    /// How far embedding and gray levels are from training's, where it was asked for.
    pub distances: Distances,
    /// Where the reason stands in the file, of a slice that has one.
    reason: Option<u64>,
}

/// The file, open for the slices that come, and what it holds of each slice.
pub struct Partial {
    path: PathBuf,
    file: File,
    /// Its length in bytes.
    length: u64,
    run: String,
    kept: Vec<Option<Kept>>,
}

impl Partial {
    /// Begins a new file in `folder` for a run over `count` slices, or goes on with the one that is there.
    ///
    /// # Errors
    /// When there is a file of another run, or none can be written.
    pub fn open(folder: &Path, run: &Run, resume: bool, count: usize) -> Result<Partial, Failure> {
        let path = folder.join(NAME);
        let id = run.id()?;
        let is_there = path.symlink_metadata().is_ok();
        if !(resume && is_there) {
            if is_there {
                tell!("{} of an interrupted validation is replaced; --resume would go on with it", path.display());
            }
            let head = serde_json::to_string(run).map_err(|error| Failure(error.to_string()))? + "\n";
            output::write(&path, |out| out.write_all(head.as_bytes()).map_err(failed(path.display())))?;
        }
        let file = output::open(&path, OpenOptions::new().read(true).append(true)).map_err(failed(path.display()))?;
        let mut partial = Partial { path, file, length: 0, run: id, kept: vec![None; count] };
        partial.read(run).map_err(|problem| Failure(format!("{}: {problem}", partial.path.display())))?;
        Ok(partial)
    }

    /// Takes what the file holds. A last line that was cut off in the middle is taken away.
    fn read(&mut self, run: &Run) -> Result<(), String> {
        const AGAIN: &str = "start again without --resume";
        let mut lines = BufReader::new(&self.file);
        let mut line = Vec::new();
        let mut next = |line: &mut Vec<u8>| -> Result<usize, String> {
            line.clear();
            let length = lines.read_until(b'\n', line).map_err(|error| format!("{error}: {AGAIN}"))?;
            Ok(if line.ends_with(b"\n") { length } else { 0 })
        };
        let head = next(&mut line)?;
        let found: Run = serde_json::from_slice(&line)
            .map_err(|_| format!("it is not of an interrupted validation of this version of lungglass: {AGAIN}"))?;
        if let Some(difference) = found.difference(run) {
            return Err(format!("it was begun with {difference}: {AGAIN}"));
        }
        self.length = head as u64;
        loop {
            let length = next(&mut line)?;
            if length == 0 {
                break;
            }
            let wrong = |what: &str| format!("{what}: {AGAIN}");
            let Line { run, at, verdict, score, logit, reason, distances } =
                serde_json::from_slice(&line).map_err(|error| wrong(&error.to_string()))?;
            if run != self.run {
                return Err(wrong("it holds lines of another run"));
            }
            let reason = reason.map(|_| self.length);
            let kept = self.kept.get_mut(at).ok_or_else(|| wrong(&format!("there is no slice {at}")))?;
            *kept = Some(Kept { verdict, score, logit, distances: distances.unwrap_or_default(), reason });
            self.length += length as u64;
        }
        self.file.set_len(self.length).map_err(|error| error.to_string())
    }

    /// Whether a slice was read.
    pub fn has(&self, at: usize) -> bool {
        self.kept[at].is_some()
    }

    /// How many slices were read.
    pub fn count(&self) -> usize {
        self.kept.iter().flatten().count()
    }

    /// Keeps a slice that was read.
    pub fn add(&mut self, at: usize, prediction: &Prediction) -> Result<(), Failure> {
        let Prediction { verdict, score, logit, reason, .. } = prediction;
        let (verdict, score, logit) = (*verdict, *score, *logit);
        let distances = prediction.likeness.as_ref().map(|likeness| [likeness.embedding, likeness.gray_levels]);
        let line = Line { run: self.run.clone(), at, verdict, score, logit, reason: reason.clone(), distances };
        let text = serde_json::to_string(&line).map_err(|error| Failure(error.to_string()))? + "\n";
        self.file.write_all(text.as_bytes()).map_err(failed(self.path.display()))?;
        let (distances, reason) = (distances.unwrap_or_default(), reason.as_ref().map(|_| self.length));
        self.kept[at] = Some(Kept { verdict, score, logit, distances, reason });
        self.length += text.len() as u64;
        Ok(())
    }

    /// What became of a slice; `None` of one that was not read.
    pub fn kept(&self, at: usize) -> Option<&Kept> {
        self.kept[at].as_ref()
    }

    /// What became of a slice, and why it has no score.
    pub fn get(&self, at: usize) -> Result<(Kept, Option<String>), Failure> {
        let kept = self.kept[at].ok_or_else(|| Failure(format!("{}: slice {at} was not read", self.path.display())))?;
        let Some(place) = kept.reason else { return Ok((kept, None)) };
        let mut line = String::new();
        let mut file = &self.file;
        file.seek(SeekFrom::Start(place))
            .and_then(|_| BufReader::with_capacity(512, file).read_line(&mut line))
            .map_err(failed(self.path.display()))?;
        let line: Line = serde_json::from_str(&line).map_err(failed(self.path.display()))?;
        Ok((kept, line.reason))
    }

    /// The report is written: nothing is left to go on with.
    pub fn finish(self) -> Result<(), Failure> {
        drop(self.file);
        std::fs::remove_file(&self.path).map_err(failed(self.path.display()))
    }
}
