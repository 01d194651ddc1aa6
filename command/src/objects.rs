//! `classify --dicom-out`: DICOM objects of each series. Patient and study go from the headers of its slices into them, and nowhere else: no
//! message and no name of a file holds any of it.

use std::fs;
use std::path::PathBuf;

use lungglass::classifier::Classifier;
use lungglass::objects::{Gathered, Kind, Maker, Named};
use lungglass::reading::Reading;
use lungglass::study::Study;

use crate::args::Object;
use crate::failure::{Failure, failed};
use crate::output;
use crate::summary;

/// What was read so far, and where its objects are written.
pub struct Objects {
    folder: PathBuf,
    kinds: Vec<Kind>,
    gathered: Gathered,
}

/// What became of the objects.
#[derive(Default)]
pub struct Written {
    /// A line for each study.
    pub lines: Vec<String>,
    /// How many could not be written.
    pub failed: usize,
}

impl Objects {
    /// Makes the folder, which must hold no objects of an earlier run.
    ///
    /// # Errors
    /// A failure that names the folder.
    pub fn new(folder: PathBuf, objects: &[Object]) -> Result<Objects, Failure> {
        fs::create_dir_all(&folder).map_err(failed(folder.display()))?;
        for entry in fs::read_dir(&folder).map_err(failed(folder.display()))?.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
                let folder = folder.display();
                return Err(Failure(format!(
                    "{folder} holds {name} of an earlier run: move it, or name another folder"
                )));
            }
        }
        let mut kinds: Vec<Kind> = objects.iter().map(|object| object.kind()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        Ok(Objects { folder, kinds, gathered: Gathered::default() })
    }

    /// Takes a reading, and what the header of its slice names.
    pub fn add(&mut self, reading: &Reading, named: Named) {
        self.gathered.add(reading, named);
    }

    /// Writes the objects of all studies, whose items are the readings in their order.
    ///
    /// # Errors
    /// Where there are no bytes of chance for UIDs.
    pub fn write(&self, studies: &[Study], classifier: &Classifier) -> Result<Written, Failure> {
        let mut entropy = [0; 32];
        getrandom::fill(&mut entropy).map_err(|error| Failure(format!("no UIDs could be made: {error}")))?;
        let now = chrono::Local::now();
        let maker = Maker {
            model: &classifier.model,
            device: classifier.device,
            program: env!("CARGO_PKG_VERSION"),
            date: now.format("%Y%m%d").to_string(),
            time: now.format("%H%M%S").to_string(),
            entropy,
            kinds: &self.kinds,
        };
        let mut written = Written::default();
        for study in studies.iter().filter(|study| !study.slices.is_empty()) {
            self.write_study(study, &maker, &mut written);
        }
        Ok(written)
    }

    fn write_study(&self, study: &Study, maker: &Maker, written: &mut Written) {
        let name = summary::name(study);
        let series = match self.gathered.series(study) {
            Ok(series) => series,
            Err(lack) => {
                written.lines.push(format!("{name}: no DICOM objects: {lack}"));
                return;
            }
        };
        let (mut files, mut lacks) = (Vec::new(), Vec::new());
        for kind in &self.kinds {
            let word = kind.word();
            let objects = match maker.objects(*kind, &series) {
                Ok(objects) => objects,
                Err(lack) => {
                    lacks.push(format!("no {word}: {lack}"));
                    continue;
                }
            };
            for object in &objects {
                let file = format!("{PREFIX}{}-{}{SUFFIX}", study.ordinal, object.name());
                let path = self.folder.join(&file);
                match output::write(&path, |out| object.write(out).map_err(failed(path.display()))) {
                    Ok(()) => files.push(file),
                    Err(Failure(problem)) => {
                        written.failed += 1;
                        lacks.push(format!("{file} was not written: {problem}"));
                    }
                }
            }
        }
        let told = match files.len() {
            0 => Vec::new(),
            _ => vec![format!("wrote {} to {}", files.join(", "), self.folder.display())],
        };
        written.lines.push(format!("{name}: {}", told.into_iter().chain(lacks).collect::<Vec<_>>().join("; ")));
    }
}

/// How the names of files with objects begin and end.
const PREFIX: &str = "series-";
const SUFFIX: &str = ".dcm";

impl Object {
    fn kind(self) -> Kind {
        match self {
            Object::Sr => Kind::Report,
            Object::Seg => Kind::Segmentation,
            Object::Sc => Kind::Captures,
        }
    }
}
