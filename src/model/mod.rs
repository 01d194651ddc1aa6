//! model.toml: everything beside the network that the hosts need. No such number stands in code. Its schema stands in docs/models.md.

mod first;
mod section;

use std::collections::BTreeMap;

use serde::Serialize;
use toml::Table;

use crate::decode::Limits;
use crate::error::{Error, Result};
use crate::gate::{EmbeddingGate, ForeignGate, Gate, StatisticsGate};
use crate::operating_point::{Local, LocalPoint, wrong};
use crate::outputs::names;
use crate::preprocess::{self, InputSettings, Resize};
use crate::window::Window;
use section::{Faults, Section};

/// The settings of one network.
#[derive(Debug, Clone, Serialize)]
pub struct Model {
    /// What it is called.
    pub name: String,
    /// Which of that name; empty until it is packed.
    pub version: String,
    /// Of the ONNX file, in lower-case hexadecimal; empty until it is packed.
    pub sha256: String,
    /// How a picture becomes the network's input.
    pub input: InputSettings,
    /// Which images it reads, by DICOM's (0008,0060); empty for any.
    pub modality: Vec<String>,
    /// For slices in Hounsfield units; without it, such slices cannot be read.
    pub window: Option<Window>,
    /// What the network's outputs are, and how they become scores.
    pub output: OutputSettings,
    /// What it tells apart, at least one, in the order of its scores.
    pub classes: Vec<Class>,
    /// The one of several classes that is judged against all others, whatever the others' scores; `None` for what the scores themselves say.
    pub judged: Option<usize>,
    /// How slices become the score of their study; `None` for a network that judges slices alone.
    pub study: Option<StudyRule>,
    /// Which slices are judged at all.
    pub gate: Gate,
    /// What it is for, by language.
    pub words: BTreeMap<String, Words>,
    /// How it was trained, in the words of the training code.
    pub training: Table,
    /// What was measured, by split.
    pub metrics: Table,
    /// The local operating point that stands in place of its own, if one does; no part of model.toml.
    #[serde(skip)]
    pub local: Option<Local>,
}

/// The names of a network's outputs, and what its scores are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutputSettings {
    /// `[N, K]`, one value for each class.
    pub scores: String,
    /// `[N, 1, h, w]` or `[N, K, h, w]`: where the scores come from.
    pub map: Option<String>,
    /// `[N, 2, h, w]`: ground glass and consolidation.
    pub opacity: Option<String>,
    /// `[N, 1, h, w]`: the share of each cell that is lung.
    pub lung: Option<String>,
    /// `[N, d]`, for the gate.
    pub embedding: Option<String>,
    /// What makes scores of the values.
    pub activation: Activation,
    /// What the values are divided by before (Guo et al. 2017); positive.
    pub temperature: f32,
}

/// How the network's values become scores from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// The classes share 1.
    Softmax,
    /// Each class by itself.
    Sigmoid,
    /// The values are scores.
    None,
}

/// What a network tells from others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Class {
    /// For programs: letters, digits, `-`, `_` and `.`.
    pub id: String,
    /// Where its score becomes a verdict.
    pub point: OperatingPoint,
    /// Whether it is what is looked for: its verdict is "positive", that of other classes "negative".
    pub alert: bool,
    /// For people, by language.
    pub words: BTreeMap<String, String>,
}

/// Where a score becomes a verdict.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OperatingPoint {
    /// Scores at or above it count as positive, 0..1.
    pub threshold: f32,
    /// Scores within it get the verdict "uncertain"; `[lo, hi]` around the threshold.
    pub uncertain: [f32; 2],
    /// How they were chosen.
    pub chosen: String,
}

/// How the slices of a study become its score and its verdict.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StudyRule {
    /// The share of the judged slices, those with the highest scores, whose mean log-odds are the study's; above 0 and at most 1.
    pub highest: f32,
    /// Where a study's score becomes a verdict.
    pub point: OperatingPoint,
}

/// What a network is for, in one language.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Words {
    /// What a person calls it.
    pub title: String,
    /// What it tells, of which images.
    pub purpose: String,
    /// What it must not be taken for, each a sentence.
    pub limits: Vec<String>,
    /// What to choose where an image was refused, such as "an axial slice of a chest CT"; empty for an image that it was made for.
    pub choose: String,
}

const SCHEMAS: &str = "a model.toml of schema 1 or 2";

impl Model {
    /// The limits for files that this network is to read: one of three channels is given images in their colours.
    pub fn limits(&self, limits: Limits) -> Limits {
        Limits { colours: self.input.channels > 1, ..limits }
    }

    /// Parses and checks a model.toml of either schema.
    ///
    /// # Errors
    /// [`Error::Model`] with all that does not fit.
    pub fn parse(text: &str) -> Result<Model> {
        Model::read(text).map_err(|faults| Error::Model(format!("model.toml: {}", faults.join("; "))))
    }

    /// The same, with each fault by itself, as a sentence without its full stop.
    ///
    /// # Errors
    /// All that does not fit.
    pub fn read(text: &str) -> std::result::Result<Model, Vec<String>> {
        let file: Table = toml::from_str(text).map_err(|error| vec![error.to_string().trim_end().to_string()])?;
        let has_parts = file.contains_key("input") || file.contains_key("class") || file.contains_key("output");
        let file = match file.get("schema").map(toml::Value::as_integer) {
            None if has_parts => return Err(vec!["schema is missing: write schema = 2 at its top".to_string()]),
            None | Some(Some(1)) => first::converted(file),
            Some(Some(2)) => file,
            _ => return Err(vec![format!("its schema is unknown here; this program reads {SCHEMAS}")]),
        };
        let faults = Faults::default();
        let model = read(Section::whole(file, &faults));
        let faults = faults.into_list();
        if faults.is_empty() { Ok(model) } else { Err(faults) }
    }

    /// The model with a site's operating point in place of its own. `file` is the bytes of the settings file, `today` the day, as
    /// 2026-11-30. One that is past its end is taken with a notice.
    ///
    /// # Errors
    /// [`Error::Argument`] for a file that is none, that was changed, or that is for another network; also where this network
    /// tells several classes.
    pub fn with_local_point(self, file: &[u8], today: &str) -> Result<Model> {
        let (point, seal) = LocalPoint::parse(file)?;
        let network = &point.network;
        if self.has_classes() || self.sha256.is_empty() {
            return Err(wrong("it is for a network of one class that is packed (`lungglass pack`), and this is none"));
        }
        if network.sha256 != self.sha256 {
            return Err(wrong(format!(
                "it is for another network, {} {}; this is {} {}: run `lungglass accept` with this one",
                network.name, network.version, self.name, self.version
            )));
        }
        let own = self.output.temperature;
        if let Some(other) = network.temperature.filter(|temperature| *temperature != own) {
            return Err(wrong(format!(
                "its scores were calibrated otherwise (temperature {other}, here {own}), so its thresholds mean other slices: \
                 run `lungglass accept` with these settings"
            )));
        }
        let local = point.on(seal, today);
        let uncertain = [local.triage.negative_to.next_up(), local.triage.positive_from.next_down()];
        let own = OperatingPoint {
            threshold: self.point().threshold.clamp(uncertain[0], local.triage.positive_from),
            uncertain,
            chosen: format!("by the acceptance test of {} on {}", local.site, local.made),
        };
        let classes = self.classes.iter().map(|class| Class { point: own.clone(), ..class.clone() }).collect();
        Ok(Model { classes, local: Some(local), ..self })
    }

    /// Fails unless `found` is the SHA-256 of the ONNX file that this belongs to; one that is not packed yet belongs to any.
    ///
    /// # Errors
    /// [`Error::Model`] for another one.
    pub fn check_network(&self, found: &str) -> Result<()> {
        if self.sha256.is_empty() || found == self.sha256 {
            Ok(())
        } else {
            Err(Error::Model(format!("its SHA-256 is {found}, model.toml says {}", self.sha256)))
        }
    }

    /// Whether it tells several classes apart: readings then name them.
    pub fn has_classes(&self) -> bool {
        self.classes.len() > 1
    }

    /// Judges one class against all others.
    ///
    /// # Errors
    /// [`Error::Argument`] for a class that it does not tell.
    pub fn judging(self, id: &str) -> Result<Model> {
        match self.classes.iter().position(|class| class.id == id) {
            Some(at) => Ok(Model { judged: Some(at), ..self }),
            None => {
                let known: Vec<&str> = self.classes.iter().map(|class| &class.id[..]).collect();
                Err(Error::Argument(format!("the network tells no class '{id}', but {}", known.join(", "))))
            }
        }
    }

    /// The operating point of the class that is judged, of the only one, or of the first one that is looked for.
    pub fn point(&self) -> &OperatingPoint {
        if let Some(judged) = self.judged {
            return &self.classes[judged].point;
        }
        &self.classes.iter().find(|class| class.alert).unwrap_or(&self.classes[0]).point
    }

    /// What to choose where an image was refused, in English.
    pub fn choose(&self) -> &str {
        let choose = self.words.get("en").map_or("", |words| &words.choose);
        if choose.is_empty() { "an image of the kind that this network was made for" } else { choose }
    }
}

/// Reads all of it, whatever is wrong; what is wrong has a value that is never used.
fn read(mut file: Section) -> Model {
    file.whole_number("schema");
    let name = file.needed_text("name").unwrap_or_default();
    let version = file.text("version").unwrap_or_default();
    let sha256 = file.text("sha256").unwrap_or_default();
    let is_hash = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !sha256.is_empty() && !is_hash(&sha256) {
        file.fault("sha256 must be 64 hexadecimal digits; `lungglass pack` writes it");
    }
    let (input, modality, window) = match file.section("input") {
        Some(section) => read_input(section),
        None => {
            file.fault("[input] is missing: how a picture becomes the network's input");
            Default::default()
        }
    };
    let output = match file.section("output") {
        Some(section) => read_output(section),
        None => {
            file.fault("[output] is missing: the names of the network's outputs");
            None
        }
    };
    let classes = file.list("class");
    if classes.is_empty() {
        file.fault("[[class]] is missing: what the network tells, one for each of its scores");
    }
    let is_shared = classes.len() > 1 && output.as_ref().is_none_or(|output| output.activation != Activation::Sigmoid);
    let count = classes.len();
    let classes: Vec<Class> = classes.into_iter().map(|section| read_class(section, count, is_shared)).collect();
    for (at, class) in classes.iter().enumerate() {
        if !class.id.is_empty() && classes[..at].iter().any(|other| other.id == class.id) {
            file.fault(&format!("two classes have the id '{}'", class.id));
        }
    }
    if count == 1 && output.as_ref().is_some_and(|output| output.activation == Activation::Softmax) {
        file.fault("a softmax over one class is always 1: take activation = \"sigmoid\", or name all classes");
    }
    let study = file.section("study").and_then(|section| read_study(section, count));
    let gate = file.section("gate").map(|section| read_gate(section, &input, output.as_ref())).unwrap_or_default();
    let words = file.sections_by_key("words").into_iter().map(|(language, section)| (language, read_words(section)));
    let words = words.collect();
    let training = file.table("training").unwrap_or_default();
    let metrics = file.table("metrics").unwrap_or_default();
    file.end();
    let output = output.unwrap_or_else(OutputSettings::unnamed);
    Model {
        name,
        version,
        sha256,
        input,
        modality,
        window,
        output,
        classes,
        judged: None,
        study,
        gate,
        words,
        training,
        metrics,
        local: None,
    }
}

const SIZES: std::ops::RangeInclusive<usize> = 16..=2048;

fn read_input(mut section: Section) -> (InputSettings, Vec<String>, Option<Window>) {
    let default = InputSettings::default();
    let size = section.pair("size", "[height, width] in pixels, such as [224, 224]").unwrap_or(default.size());
    if !size.iter().all(|side| SIZES.contains(side)) {
        section.fault(&format!("size must be {} to {} pixels a side", SIZES.start(), SIZES.end()));
    }
    let channels = section.whole_number("channels").unwrap_or(1);
    if channels != 1 && channels != 3 {
        section.fault(&format!("channels must be 1 (gray) or 3 (red, green, blue), and is {channels}"));
    }
    let mut levels = |key, wanted| {
        let Some(numbers) = section.needed_numbers(key) else { return vec![1.0; channels] };
        if numbers.len() != 1 && numbers.len() != channels {
            section.fault(&format!("{key} has {} numbers for {channels} channels", numbers.len()));
        }
        if key == "std" && numbers.iter().any(|number| *number <= 0.0) {
            section.fault("std must be positive");
        }
        if numbers.iter().any(|number| number.abs() > 4.0) {
            section.fault(&format!("{key} is {wanted}: divide by 255 what is of levels 0..255"));
        }
        let of_channel = |at: usize| numbers.get(at).or(numbers.first()).copied().unwrap_or(1.0);
        (0..channels).map(|at| (of_channel(at) * 255.0) as f32).collect()
    };
    let mean: Vec<f32> = levels("mean", "of values 0..1");
    let std: Vec<f32> = levels("std", "of values 0..1");
    let shortest = section.whole_number("shortest");
    let resize = match section.word("resize", &["squash", "fit", "center-crop"]) {
        Some("center-crop") => {
            if shortest.is_none_or(|shortest| shortest < size[0].max(size[1])) {
                section.fault("resize = \"center-crop\" needs shortest, at least as long as the sides of size");
            }
            Resize::CenterCrop { shortest: shortest.unwrap_or(size[0].max(size[1])) }
        }
        other => {
            if shortest.is_some() {
                section.fault("shortest belongs to resize = \"center-crop\"");
            }
            if other == Some("fit") { Resize::Fit } else { Resize::Squash }
        }
    };
    let has_margins_removed = section.word("margins", &["remove", "keep"]) != Some("keep");
    let modality = section.texts("modality").unwrap_or_default();
    let window = section.section("window").and_then(|mut window| {
        let (center, width) = (window.needed_number("center"), window.needed_number("width"));
        if width.is_some_and(|width| width < 1.0) {
            window.fault("width must be at least 1");
        }
        window.end();
        Some(Window { center: center? as f32, width: width? as f32 })
    });
    if window.is_none() && modality.iter().any(|modality| modality == "CT") {
        section.fault(
            "window is missing: CT files hold Hounsfield units, which need one, such as { center = -600, width = 1500 }",
        );
    }
    if let Some(version) = section.whole_number("preprocess")
        && version != preprocess::VERSION as usize
    {
        section.fault(&format!("it is for preprocessing {version}, this is {}", preprocess::VERSION));
    }
    section.end();
    let [height, width] = size;
    (InputSettings { height, width, channels, mean, std, resize, has_margins_removed }, modality, window)
}

impl OutputSettings {
    /// The network's names for what it gives, and ours.
    pub fn names(&self) -> Vec<(String, &'static str)> {
        let named = |name: &Option<String>, ours: &'static str| name.clone().map(|name| (name, ours));
        let others = [
            named(&self.map, names::MAP),
            named(&self.opacity, names::OPACITY),
            named(&self.lung, names::LUNG),
            named(&self.embedding, names::EMBEDDING),
        ];
        std::iter::once((self.scores.clone(), names::SCORES)).chain(others.into_iter().flatten()).collect()
    }

    fn unnamed() -> OutputSettings {
        OutputSettings {
            scores: String::new(),
            map: None,
            opacity: None,
            lung: None,
            embedding: None,
            activation: Activation::Sigmoid,
            temperature: 1.0,
        }
    }
}

fn read_output(mut section: Section) -> Option<OutputSettings> {
    let scores = section.needed_text("scores");
    let [map, opacity, lung, embedding] = ["map", "opacity", "lung", "embedding"].map(|key| section.text(key));
    let activation = match section.word("activation", &["softmax", "sigmoid", "none"]) {
        Some("softmax") => Some(Activation::Softmax),
        Some("sigmoid") => Some(Activation::Sigmoid),
        Some(_) => Some(Activation::None),
        None => None,
    };
    if activation.is_none() {
        section.fault("activation is missing: softmax (classes share 1), sigmoid (each by itself), none (the network gives scores)");
    }
    let temperature = section.number("temperature");
    if temperature.is_some_and(|temperature| temperature <= 0.0) {
        section.fault("temperature must be positive");
    }
    if activation == Some(Activation::None) && temperature.is_some_and(|temperature| temperature != 1.0) {
        section.fault(
            "a temperature needs values before their activation, and activation = \"none\" says that they are scores",
        );
    }
    if opacity.is_some() && lung.is_none() {
        section.fault("opacity is a share of the lung: name the output lung too");
    }
    section.end();
    let temperature = temperature.unwrap_or(1.0) as f32;
    Some(OutputSettings { scores: scores?, map, opacity, lung, embedding, activation: activation?, temperature })
}

/// One of `count` classes; where they share 1, the one with the highest score is named, whatever it is.
fn read_class(mut section: Section, count: usize, is_shared: bool) -> Class {
    let id = section.needed_text("id").unwrap_or_default();
    if !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        section.fault(&format!("id '{id}' must be of letters, digits, - _ and . alone; words are for people"));
    }
    let threshold = section.share("threshold").unwrap_or(if is_shared { 0.0 } else { 0.5 });
    let uncertain = section.numbers("uncertain").unwrap_or_else(|| vec![threshold; 2]);
    let [lo, hi] = <[f64; 2]>::try_from(uncertain).unwrap_or_else(|_| {
        section.fault("uncertain must be two scores, [lo, hi]");
        [threshold; 2]
    });
    // A shared score may be uncertain far above the least that counts.
    let is_around = lo <= threshold && threshold <= hi;
    if !(0.0 <= lo && lo <= hi && hi <= 1.0 && (is_around || is_shared)) {
        section.fault(&format!("0 <= uncertain[0] <= threshold ({threshold}) <= uncertain[1] <= 1 does not hold"));
    }
    let alert = section.flag("alert").unwrap_or(count == 1);
    let chosen = section.text("chosen").unwrap_or_default();
    let words = section.texts_by_key("words").into_iter().collect();
    section.end();
    let point = OperatingPoint { threshold: threshold as f32, uncertain: [lo as f32, hi as f32], chosen };
    Class { id, point, alert, words }
}

/// Of a network of `count` classes.
fn read_study(mut section: Section, count: usize) -> Option<StudyRule> {
    if count > 1 {
        section.fault("a study has the score of one class, and the network tells several: leave it out");
    }
    let highest = section.share("highest").filter(|highest| *highest > 0.0);
    let threshold = section.share("threshold");
    if highest.is_none() || threshold.is_none() {
        section.fault("highest (a share of the slices, above 0) and threshold (0 to 1) are needed");
    }
    let threshold = threshold.unwrap_or_default();
    let uncertain = section.numbers("uncertain").unwrap_or_else(|| vec![threshold; 2]);
    let [lo, hi] = <[f64; 2]>::try_from(uncertain).unwrap_or([f64::NAN; 2]);
    if !(0.0 <= lo && lo <= threshold && threshold <= hi && hi <= 1.0) {
        section.fault(&format!("0 <= uncertain[0] <= threshold ({threshold}) <= uncertain[1] <= 1 does not hold"));
    }
    let chosen = section.text("chosen").unwrap_or_default();
    section.end();
    let point = OperatingPoint { threshold: threshold as f32, uncertain: [lo as f32, hi as f32], chosen };
    Some(StudyRule { highest: highest? as f32, point })
}

fn single(numbers: Vec<f64>) -> Vec<f32> {
    numbers.into_iter().map(|number| number as f32).collect()
}

fn read_gate(mut section: Section, input: &InputSettings, output: Option<&OutputSettings>) -> Gate {
    let axial = section.flag("axial").unwrap_or(false);
    let least_side = section.whole_number("least_side").unwrap_or(0);
    let least_lung = section.share("least_lung").map(|share| share as f32);
    let most_black = section.share("most_black").map(|share| share as f32);
    let has = |output: Option<&OutputSettings>, pick: fn(&OutputSettings) -> &Option<String>| {
        output.is_none_or(|output| pick(output).is_some())
    };
    for (key, is_there) in [("least_lung", least_lung.is_some()), ("most_black", most_black.is_some())] {
        if is_there && !has(output, |output| &output.lung) {
            section.fault(&format!("{key} asks for the lung, and [output] names no lung"));
        }
    }
    let statistics = section.section("statistics").and_then(|mut section| {
        let names = section.texts("names").unwrap_or_default();
        let mean = section.needed_numbers("mean").map(single);
        let precision = section.needed_rows("precision");
        let limit = section.needed_number("limit");
        section.end();
        let precision = precision?.into_iter().map(single).collect();
        Some(StatisticsGate { names, mean: mean?, precision, limit: limit? as f32 })
    });
    if statistics.is_some() && input.height != input.width {
        section.fault("its statistics are those of a square input");
    }
    let embedding = section.section("embedding").and_then(|mut section| {
        let (mean, std) = (section.needed_numbers("mean"), section.needed_numbers("std"));
        let limit = section.needed_number("limit");
        section.end();
        Some(EmbeddingGate { mean: single(mean?), std: single(std?), limit: limit? as f32 })
    });
    let foreign = section.section("foreign").and_then(|mut section| {
        let (weights, bias) = (section.needed_numbers("weights"), section.needed_number("bias"));
        section.end();
        Some(ForeignGate { weights: single(weights?), bias: bias? as f32 })
    });
    if embedding.is_some() && !has(output, |output| &output.embedding) {
        section.fault("[gate.embedding] needs an output: name it in [output] as embedding");
    }
    let gate = Gate { axial, least_side, least_lung, most_black, statistics, embedding, foreign };
    if let Err(fault) = gate.check() {
        section.fault(&fault);
    }
    section.end();
    gate
}

fn read_words(mut section: Section) -> Words {
    let [title, purpose, choose] = ["title", "purpose", "choose"].map(|key| section.text(key).unwrap_or_default());
    let limits = section.texts("limits").unwrap_or_default();
    section.end();
    Words { title, purpose, limits, choose }
}
