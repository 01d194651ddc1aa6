//! The command for a host that keeps a network loaded, such as the wheel for Python: the walk and the lines of `classify`, and `validate`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use lungglass::classifier::Classifier;
use lungglass::decode::Limits;
use lungglass::reading::{ModelName, Reading};

use crate::args::{self, Command, Device, Network};
use crate::failure::{Failure, Outcome};
use crate::inputs::Inputs;
use crate::{classify, network, validate as validation};

/// A network that is ready to read on the CPU.
pub struct Session {
    classifier: Classifier,
}

/// Why there is no result.
#[derive(Debug)]
pub struct Stopped {
    /// A stable word for programs; those of readings are of the library's errors.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub message: String,
}

impl Session {
    /// The network that ships, or that of a model folder, a packed model or an ONNX file, on a machine that has read the built-in slice
    /// rightly; a folder's samples are read too. `point` is the settings file of a site's operating point.
    ///
    /// # Errors
    /// With the code "model".
    pub fn open(model: Option<&Path>, point: Option<&Path>) -> Result<Session, Stopped> {
        let wanted = Network { device: Device::Cpu, allow_software: false, model: model.map(Path::to_path_buf) };
        let opened = network::load(&wanted, 1).and_then(|classifier| network::at_operating_point(classifier, point));
        opened.map(|classifier| Session { classifier }).map_err(of("model"))
    }

    /// The slices of files, folders and archives, each the line of `classify --json`, in order. A file may be called `-`.
    ///
    /// # Errors
    /// With the code "internal" where a reading cannot be written, and "model" where the machine computes wrongly; a slice that cannot be
    /// read is a line.
    pub fn read(&self, paths: &[PathBuf]) -> Result<Vec<String>, Stopped> {
        // That is standard input for the command alone.
        let is_input = |path: &PathBuf| path.as_os_str() == "-";
        let paths: Vec<PathBuf> =
            paths.iter().map(|path| if is_input(path) { PathBuf::from("./-") } else { path.clone() }).collect();
        let Inputs { files, .. } = Inputs::of(&paths);
        let line = |reading: Reading| serde_json::to_string(&reading);
        let lines = classify::readings(&self.classifier, &files, Limits::default(), line).map_err(of("model"))?;
        lines.into_iter().collect::<Result<_, _>>().map_err(|error| internal(&error))
    }

    /// Name, version and SHA-256 of the network, and a site's operating point where it reads by one, as JSON.
    ///
    /// # Errors
    /// With the code "internal".
    pub fn model(&self) -> Result<String, Stopped> {
        serde_json::to_string(&ModelName::from(&self.classifier.model)).map_err(|error| internal(&error))
    }
}

/// `lungglass validate` with these words behind it: whether all rows could be read. The report is written in any case.
///
/// # Errors
/// With the code "argument" for words that it does not take, and "validate" for what stops it.
pub fn validate(words: Vec<OsString>) -> Result<bool, Stopped> {
    let words: Vec<OsString> = ["lungglass".into(), "validate".into()].into_iter().chain(words).collect();
    let command = words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    match args::of(words) {
        Ok(Command::Validate(mut arguments)) => {
            arguments.command = Some(command);
            validation::run(&arguments).map(|outcome| outcome == Outcome::AllRead).map_err(of("validate"))
        }
        Ok(_) => Err(Stopped { code: "argument", message: "this is not validate".to_string() }),
        Err(error) => Err(Stopped { code: "argument", message: error.to_string().trim_end().to_string() }),
    }
}

fn of(code: &'static str) -> impl Fn(Failure) -> Stopped {
    move |Failure(message)| Stopped { code, message }
}

fn internal(error: &serde_json::Error) -> Stopped {
    Stopped { code: "internal", message: format!("LungGlass failed: {error}; please report it") }
}
