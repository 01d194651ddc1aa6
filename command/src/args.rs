//! The command line.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};
use lungglass::decode;
use serde::{Deserialize, Serialize};

/// Reads chest-CT slices: a COVID-19 score, where it comes from, or a refusal with its reason.
///
/// For research and education. Not a medical device, and no score is a diagnosis.
#[derive(Parser)]
#[command(name = "lungglass", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Read slices and print a line for each
    Classify(Classify),
    /// Measure the network on a manifest of labelled slices
    Validate(Validate),
    /// Test the network on slices of your own, and find an operating point with a guarantee for them
    Accept(Accept),
    /// Write temperature and thresholds anew into a copy of a model.toml, from a validation split
    Recalibrate(Recalibrate),
    /// Put the shards of a validation together
    Merge(Merge),
    /// Say how far two validations of the same slices are apart
    Compare(Compare),
    /// Watch for shifts: control charts over the readings of days or weeks. Exit code 3 where a flag was raised
    Watch(Watch),
    /// Write the network's inputs as arrays, for training
    Preprocess(Preprocess),
    /// Serve the page on this machine's loopback address
    Serve(Serve),
    /// Say what this machine can do and whether the network reads as it should; to copy into a report of a problem
    Doctor(Network),
    /// Measure how long a reading takes here, by its parts, and how many slices a second the device reads
    Bench(Bench),
    /// Say every fault of a model folder, or where its network runs
    Check(Check),
    /// Write a model.toml to fill in, beside an ONNX file
    Init(Init),
    /// Put a model folder into one file
    Pack(Pack),
    /// Write a page, or a single file, that reads with a network of your own
    Publish(Publish),
    /// Say whether a page on a host, a kiosk, a folder or a file is exactly a release, and name each file that is not. Exit code 1 where it is not
    Verify(Verify),
}

#[derive(Args)]
pub struct Verify {
    /// The address of a page or of a kiosk, a page's folder, all that a release hands out, or one file
    #[arg(value_name = "URL|DIR|FILE")]
    pub target: String,
    /// The release to compare with: the manifest that it hands out [default: what this command holds inside]
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// The public key of who made the release (minisign; a file, or the line in it): the signature beside the target, or beside --manifest, must be its
    #[arg(long, value_name = "PUB")]
    pub key: Option<String>,
}

#[derive(Args)]
pub struct Check {
    /// A model folder: model.onnx, model.toml, card.md, samples/
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// One JSON object of everything
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Init {
    /// The network, in the folder that becomes its model folder
    #[arg(value_name = "MODEL.onnx")]
    pub network: PathBuf,
}

#[derive(Args)]
pub struct Publish {
    /// A model folder without fault, or what `pack` wrote; the network that ships if only an operating point is to be put in
    #[arg(value_name = "DIR|FILE", required_unless_present = "operating_point")]
    pub model: Option<PathBuf>,
    /// Start with a site's operating point: the settings file that `accept` wrote
    #[arg(long, value_name = "FILE")]
    pub operating_point: Option<PathBuf>,
    /// The folder to write, which must be new or empty; with --kiosk the file
    #[arg(short = 'o', long, value_name = "SITE")]
    pub out: PathBuf,
    /// One HTML file that opens from a disk, without a server and without a network
    #[arg(long)]
    pub kiosk: bool,
    /// The kiosk of a release to put the network into, if the command has none inside
    #[arg(long, value_name = "HTML", requires = "kiosk")]
    pub page: Option<PathBuf>,
    /// Nobody may choose another network or another operating point for a visit
    #[arg(long, conflicts_with = "kiosk")]
    pub fixed: bool,
    /// Nobody may save DICOM objects, which name patients; a kiosk never lets anybody
    #[arg(long, conflicts_with = "kiosk")]
    pub no_dicom: bool,
}

#[derive(Args)]
pub struct Pack {
    /// A model folder without fault
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// The file to write, such as name.lungglass
    #[arg(short = 'o', long, value_name = "FILE")]
    pub out: PathBuf,
}

#[derive(Args)]
pub struct Classify {
    /// Image files, ZIP archives, folders, or - for standard input
    #[arg(required = true)]
    pub inputs: Vec<PathBuf>,
    /// One JSON object a line
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// One CSV row a line
    #[arg(long)]
    pub csv: bool,
    /// Write each slice's activation map to DIR/<stem>.png
    #[arg(long, value_name = "DIR")]
    pub map_dir: Option<PathBuf>,
    /// Write the slices of each series, archive and folder, ranked and counted, to FILE (JSON)
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
    /// Write DICOM objects of each series into DIR; they carry the patient and the study of its slices
    #[arg(long, value_name = "DIR")]
    pub dicom_out: Option<PathBuf>,
    /// Which objects
    #[arg(long, value_enum, value_delimiter = ',', requires = "dicom_out", default_value = "sr,seg,sc")]
    pub objects: Vec<Object>,
    /// Verdicts by the operating point of a site, from the operating-point.toml that `accept` wrote
    #[arg(long, value_name = "FILE")]
    pub operating_point: Option<PathBuf>,
    #[command(flatten)]
    pub limits: Limits,
    #[command(flatten)]
    pub network: Network,
}

#[derive(Args)]
pub struct Validate {
    /// CSV with the columns path,label,split,group (label 1 = positive, such as COVID-19; paths relative to it or absolute)
    #[arg(long, value_name = "CSV", required_unless_present = "covid_ct")]
    pub manifest: Option<PathBuf>,
    /// A clone of COVID-CT with its archives unpacked: Images-processed/CT_COVID, Data-split/COVID/testCT_COVID.txt, ...
    #[arg(long, value_name = "DIR", conflicts_with = "manifest")]
    pub covid_ct: Option<PathBuf>,
    /// Only the rows of this split (COVID-CT: train, val or test)
    #[arg(long, value_name = "NAME")]
    pub split: Option<String>,
    /// What a row of the report is: a slice; a group, by the mean of its slices; or a study, which is all rows of one group, or one row that
    /// names a folder or a volume
    #[arg(long, value_enum, default_value_t = Unit::Slice)]
    pub unit: Unit,
    /// Only every N-th row, from the I-th on; `merge` puts the shards together
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
    /// Of a network that tells several classes, the one to judge against all others: label 1 is this class
    #[arg(long, value_name = "ID")]
    pub class: Option<String>,
    /// Slices that a GPU reads at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = up_to(1024))]
    pub batch: usize,
    /// Go on where an interrupted run with the same --out stopped
    #[arg(long)]
    pub resume: bool,
    /// Decisions at this score too; may be given more than once
    #[arg(long = "threshold", value_name = "SCORE", value_parser = share)]
    pub thresholds: Vec<f64>,
    /// The sensitivity where the specificity is at least this, such as 0.9; may be given more than once
    #[arg(long = "at-specificity", value_name = "SHARE", value_parser = inner_share)]
    pub specificities: Vec<f64>,
    /// Measures for each value of this column of the manifest too; may be given more than once
    #[arg(long = "subgroup", value_name = "COLUMN", requires = "manifest")]
    pub subgroups: Vec<String>,
    /// Put small pictures of the most confident mistakes into report.html, which then holds images of patients
    #[arg(long)]
    pub thumbnails: bool,
    /// Verdicts by the operating point of a site, from the operating-point.toml that `accept` wrote
    #[arg(long, value_name = "FILE")]
    pub operating_point: Option<PathBuf>,
    /// Folder for predictions.csv, metrics.json and report.html
    #[arg(long, value_name = "DIR", default_value = "validation")]
    pub out: PathBuf,
    #[command(flatten)]
    pub network: Network,
    /// The command line that does the same, for report.html, where another host than the command asks; it is printed no summary.
    #[arg(skip)]
    pub command: Option<String>,
}

/// What a validation counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    #[default]
    Slice,
    Group,
    Study,
}

impl Unit {
    /// Several of them, as reports name them.
    pub fn plural(self) -> &'static str {
        match self {
            Unit::Slice => "slices",
            Unit::Group => "groups",
            Unit::Study => "studies",
        }
    }

    /// One of them.
    pub fn word(self) -> &'static str {
        match self {
            Unit::Slice => "slice",
            Unit::Group => "group",
            Unit::Study => "study",
        }
    }
}

/// Bytes of a site's name.
const MAX_SITE: usize = 200;

/// Part I of N of a manifest, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Shard {
    pub part: usize,
    pub of: usize,
}

#[derive(Args)]
pub struct Accept {
    /// CSV with the columns path,label,split,group (label 1 = COVID-19; slices of a patient have one group)
    #[arg(long, value_name = "CSV")]
    pub manifest: PathBuf,
    /// Only the rows of this split
    #[arg(long, value_name = "NAME")]
    pub split: Option<String>,
    /// The least share of slices called positive that are to be positive
    #[arg(long, value_name = "SHARE", default_value_t = 0.9, value_parser = inner_share)]
    pub ppv: f64,
    /// The least share of slices called negative that are to be negative
    #[arg(long, value_name = "SHARE", default_value_t = 0.9, value_parser = inner_share)]
    pub npv: f64,
    /// How sure both are to be
    #[arg(long, value_name = "SHARE", default_value_t = 0.95, value_parser = inner_share)]
    pub confidence: f64,
    /// The share of positives among the slices that will come, where it is not that of the manifest
    #[arg(long, value_name = "SHARE", value_parser = inner_share)]
    pub prevalence: Option<f64>,
    /// Whose operating point it will be, such as the name of a department: readings say it
    #[arg(long, value_name = "NAME", default_value = "this site", value_parser = site)]
    pub site: String,
    /// For how many days it will hold
    #[arg(long, value_name = "DAYS", default_value_t = 180, value_parser = value_parser!(u32).range(1..=1096))]
    pub days: u32,
    /// Slices that a GPU reads at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = up_to(1024))]
    pub batch: usize,
    /// Folder for acceptance.json, acceptance.html and operating-point.toml
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    #[command(flatten)]
    pub network: Network,
}

#[derive(Args)]
pub struct Merge {
    /// Folders that `validate --shard` wrote
    #[arg(required = true)]
    pub shards: Vec<PathBuf>,
    /// Decisions at this score too; may be given more than once
    #[arg(long = "threshold", value_name = "SCORE", value_parser = share)]
    pub thresholds: Vec<f64>,
    /// The sensitivity where the specificity is at least this, such as 0.9; may be given more than once
    #[arg(long = "at-specificity", value_name = "SHARE", value_parser = inner_share)]
    pub specificities: Vec<f64>,
    /// Measures for each value of this column too, which the shards were validated with; may be given more than once
    #[arg(long = "subgroup", value_name = "COLUMN")]
    pub subgroups: Vec<String>,
    /// Folder for predictions.csv, metrics.json and report.html
    #[arg(long, value_name = "DIR", default_value = "validation")]
    pub out: PathBuf,
}

#[derive(Args)]
pub struct Compare {
    /// A predictions.csv
    pub a: PathBuf,
    /// Another predictions.csv of the same slices
    pub b: PathBuf,
    /// The largest difference of logits that passes
    #[arg(long, value_name = "LOGITS", default_value_t = 1e-3, value_parser = bound)]
    pub bound: f32,
    /// Two networks instead of two runtimes: say which is better, and how sure that is; needs the metrics.json beside each
    #[arg(long, conflicts_with = "bound")]
    pub models: bool,
    /// One JSON object of everything
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Recalibrate {
    /// The predictions.csv that `validate` wrote of the validation split
    #[arg(long, value_name = "CSV", required_unless_present = "manifest", conflicts_with = "manifest")]
    pub predictions: Option<PathBuf>,
    /// A manifest as for `validate`, whose slices are read first
    #[arg(long, value_name = "CSV")]
    pub manifest: Option<PathBuf>,
    /// Only the rows of this split
    #[arg(long, value_name = "NAME")]
    pub split: Option<String>,
    /// The column that says where a slice is from: each hospital weighs alike (in predictions.csv by `validate --subgroup COLUMN`)
    #[arg(long, value_name = "COLUMN")]
    pub hospital: Option<String>,
    /// Of a network that tells several classes, write only the threshold and band of this one; the temperature stays
    #[arg(long, value_name = "ID")]
    pub class: Option<String>,
    /// Leave the temperature, so that scores stay as they are
    #[arg(long)]
    pub keep_temperature: bool,
    /// Choose on a split named test, whose figures are worth nothing afterwards
    #[arg(long)]
    pub on_test: bool,
    /// The model.toml to write, which must not be there yet
    #[arg(short = 'o', long, value_name = "FILE")]
    pub out: PathBuf,
    /// Slices that a GPU reads at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = up_to(1024))]
    pub batch: usize,
    #[command(flatten)]
    pub network: Network,
}

#[derive(Args)]
pub struct Watch {
    /// predictions.csv files, or what `classify --csv` printed, in the order of time
    #[arg(required = true)]
    pub predictions: Vec<PathBuf>,
    /// The acceptance.json that says what is usual; else the first samples do
    #[arg(long, value_name = "FILE")]
    pub acceptance: Option<PathBuf>,
    /// Rows that make a sample [default: each file is one, and of one file 50 rows]
    #[arg(long, value_name = "N", value_parser = up_to(1_000_000))]
    pub sample: Option<usize>,
    /// Take the first N samples for usual: all of it without --acceptance, with it verdicts and logits
    #[arg(long, value_name = "N", value_parser = up_to(100_000))]
    pub baseline: Option<usize>,
    /// Folder for watch.json and watch.html
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

#[derive(Args)]
pub struct Preprocess {
    /// CSV with at least the column path (relative to it or absolute)
    #[arg(long, value_name = "CSV")]
    pub manifest: PathBuf,
    /// Another network, whose settings are used: a model folder, what `pack` wrote, or an ONNX file with its model.toml beside it
    #[arg(long, value_name = "DIR|FILE")]
    pub model: Option<PathBuf>,
    /// Width and height of the arrays; the network's own if left out
    #[arg(long, value_name = "PIXELS", value_parser = value_parser!(u32).range(32..=1024))]
    pub size: Option<u32>,
    /// Folder for inputs.npy, index.csv and errors.csv
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

#[derive(Args)]
pub struct Serve {
    /// The port to listen on; 0 takes any free one
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
    /// Start with a site's operating point: the settings file that `accept` wrote
    #[arg(long, value_name = "FILE")]
    pub operating_point: Option<PathBuf>,
}

#[derive(Args)]
pub struct Bench {
    /// Rounds that are counted, after a warm-up
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = up_to(100_000))]
    pub rounds: usize,
    /// Slices that a GPU reads at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = up_to(1024))]
    pub batch: usize,
    /// Each step of the network too (CPU)
    #[arg(long)]
    pub layers: bool,
    /// One JSON object of everything
    #[arg(long, conflicts_with = "layers")]
    pub json: bool,
    #[command(flatten)]
    pub network: Network,
}

/// A kind of DICOM object.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Object {
    /// Report: scores, verdicts and opacity as numbers
    Sr,
    /// Segmentation of lungs, ground glass and consolidation
    Seg,
    /// Secondary Captures of the three slices with the highest scores
    Sc,
}

/// What one file may cost. What is larger is an error, and no memory is taken for it.
#[derive(Args)]
pub struct Limits {
    /// Pixels of one frame [default: 16777216, which is 4096 x 4096]
    #[arg(long, value_name = "PIXELS", value_parser = value_parser!(u64).range(1..))]
    max_pixels: Option<u64>,
    /// Frames of one file [default: 4096]
    #[arg(long, value_name = "FRAMES", value_parser = value_parser!(u64).range(1..))]
    max_frames: Option<u64>,
    /// Mebibytes of one file [default: 1024]
    #[arg(long, value_name = "MIB", value_parser = value_parser!(u64).range(1..=1 << 20))]
    max_file_size: Option<u64>,
}

impl Limits {
    /// Those of the pipeline, with what the command line says otherwise.
    pub fn of_pipeline(&self) -> decode::Limits {
        let default = decode::Limits::default();
        decode::Limits {
            pixels: self.max_pixels.unwrap_or(default.pixels),
            frames: self.max_frames.unwrap_or(default.frames),
            bytes: self.max_file_size.map_or(default.bytes, |mebibytes| mebibytes << 20),
            ..default
        }
    }
}

/// Which network runs, and on what.
#[derive(Args)]
pub struct Network {
    /// What runs the network
    #[arg(long, value_enum, default_value_t = Device::Cpu)]
    pub device: Device,
    /// Let a software adapter count as a GPU
    #[arg(long)]
    pub allow_software: bool,
    /// Another network: a model folder, what `pack` wrote, or an ONNX file with its model.toml beside it
    #[arg(long, value_name = "DIR|FILE")]
    pub model: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Device {
    Cpu,
    Wgpu,
    Cuda,
}

impl Shard {
    /// Whether row `at`, from 0, is in it.
    pub fn holds(self, at: usize) -> bool {
        at % self.of == self.part - 1
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.part, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let (part, of) = text.split_once('/').ok_or("write it as I/N, such as 1/4")?;
        match (part.parse(), of.parse()) {
            (Ok(part), Ok(of)) if 1 <= part && part <= of => Ok(Shard { part, of }),
            _ => Err("I and N must be numbers with 1 <= I <= N".to_string()),
        }
    }
}

/// A count from 1 on.
fn up_to(most: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=most)
}

fn bound(text: &str) -> Result<f32, String> {
    text.parse()
        .ok()
        .filter(|bound: &f32| bound.is_finite() && *bound >= 0.0)
        .ok_or_else(|| "it must be a number, 0 or more".to_string())
}

fn share(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| "it must be 0 to 1".to_string())
}

fn inner_share(text: &str) -> Result<f64, String> {
    let inside = text.parse().ok().filter(|share| 0.0 < *share && *share < 1.0);
    inside.ok_or_else(|| "it must be above 0 and below 1, such as 0.9".to_string())
}

fn site(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_SITE || text.chars().any(char::is_control) {
        return Err(format!("it must be a name of one line and at most {MAX_SITE} bytes"));
    }
    Ok(text.to_string())
}

/// Parses the command line; help, versions and wrong usage are printed and give the exit code.
pub fn parse() -> Result<Command, ExitCode> {
    of(std::env::args_os()).map_err(|error| {
        // Nobody may be there to read it.
        let _ = error.print();
        if error.use_stderr() { ExitCode::from(1) } else { ExitCode::SUCCESS }
    })
}

/// What a command line says, whose first word is the program's name.
pub fn of(words: impl IntoIterator<Item = OsString>) -> Result<Command, clap::Error> {
    Arguments::try_parse_from(words).map(|arguments| arguments.command)
}
