//! The pipeline in one place: image, slice, input, graph, reading. Every host calls this and nothing beside it.

use std::sync::{Arc, OnceLock};

use crate::decode::{Image, Pending};
use crate::error::{Error, Result};
use crate::gate::{self, Wanted};
use crate::graph::Runtime;
use crate::graph::cpu::CpuGraph;
use crate::likeness::Likeness;
use crate::model::{Activation, Class, Model};
use crate::opacity::Opacity;
use crate::outputs::{Map, OpacityMaps, Outputs};
use crate::place::Place;
use crate::preprocess::Scaled;
use crate::reading::{
    ClassScore, ClassScores, Findings, Milliseconds, Reading, SourceInfo, Verdict, judge, log_odds, over_picture,
    scores,
};
use crate::slice::{Origin, Picture};
use crate::window::Window;

/// The network inside, packed: the one that ships, which `cargo xtask bless` makes from model/lungglass.onnx, or another one that this was
/// built with (`LUNGGLASS_MODEL`, build.rs).
pub const NETWORK: &[u8] = include!(concat!(env!("OUT_DIR"), "/network.rs"));
/// The settings that belong to [`NETWORK`].
pub const SETTINGS: &str = include!(concat!(env!("OUT_DIR"), "/settings.rs"));
/// The card of another network than the one that ships, maybe empty; `None` for that one, whose card hosts know.
pub const CARD: Option<&str> = include!(concat!(env!("OUT_DIR"), "/card.rs"));

/// A network with its settings, ready to read slices.
#[derive(Clone)]
pub struct Classifier {
    /// The settings that belong to the network.
    pub model: Model,
    /// What runs the network.
    pub graph: Arc<dyn Runtime>,
    /// What runs the graph, as readings name it.
    pub device: &'static str,
    /// Milliseconds from any fixed moment on; the core has no clock of its own.
    pub clock: fn() -> f64,
    /// What the network says of an [even picture](Scaled::even), once that was asked.
    even: Arc<OnceLock<Outputs>>,
    /// What the first [self-test](crate::self_test) gave.
    pub(crate) first: Arc<OnceLock<Vec<f32>>>,
}

/// A slice that waits for the network.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The network's input, `size * size` values.
    pub input: Vec<f32>,
    is_too_small: bool,
    origin: Origin,
    window: Option<Window>,
    picture: Picture,
    scaled: Scaled,
    pixels: u64,
    ms: Milliseconds,
}

impl Prepared {
    /// How long it took so far: nothing of the network.
    pub fn ms(&self) -> Milliseconds {
        self.ms
    }
}

impl Classifier {
    /// The network inside.
    ///
    /// # Errors
    /// [`Error::Model`] when it and its settings do not belong together.
    pub fn built_in(device: &'static str, clock: fn() -> f64) -> Result<Classifier> {
        Classifier::new(Arc::new(CpuGraph::parse(NETWORK)?), Model::parse(SETTINGS)?, device, clock)
    }

    /// Holds `graph` against its settings.
    ///
    /// # Errors
    /// [`Error::Model`] when the two do not belong together.
    pub fn new(graph: Arc<dyn Runtime>, model: Model, device: &'static str, clock: fn() -> f64) -> Result<Classifier> {
        let contract = graph.contract();
        model.check_network(&contract.onnx)?;
        if contract.input != model.input.shape() {
            let [takes, says] = [contract.input, model.input.shape()].map(|[_, channels, height, width]| {
                format!("{height} x {width} pixels in {channels} channel{}", if channels == 1 { "" } else { "s" })
            });
            return Err(Error::Model(format!("it takes {takes}, model.toml says {says}")));
        }
        let (gives, named) = (contract.classes(), model.classes.len());
        if gives != named {
            let output = &model.output.scores;
            return Err(Error::Model(format!(
                "output '{output}' gives {gives} values, model.toml names {named} classes"
            )));
        }
        model.gate.check_size(contract.embedding())?;
        Ok(Classifier { model, graph, device, clock, even: Arc::default(), first: Arc::default() })
    }

    /// Reads a slice of a file. One that cannot be read gives a reading with the verdict "error".
    pub fn read_pending(&self, slice: &Pending, file: &str) -> Reading {
        match &slice.image {
            Ok(image) => self.read(image, slice.frame.unwrap_or(0), file),
            Err(error) => {
                let unread = Reading::unreadable(file, slice.frame, error, &self.model, self.device);
                Reading { place: slice.place.clone(), ..unread }
            }
        }
    }

    /// Reads one frame of an image. A frame that cannot be read gives a reading with the verdict "error".
    pub fn read(&self, image: &Image, frame: usize, file: &str) -> Reading {
        let number = image.is_multi_frame().then_some(frame);
        let reading = self
            .try_read(image, frame, file, number)
            .unwrap_or_else(|error| Reading::unreadable(file, number, &error, &self.model, self.device));
        let pixels = reading.place.pixels;
        Reading { place: Place { pixels, ..image.place(frame) }, ..reading }
    }

    fn try_read(&self, image: &Image, frame: usize, file: &str, number: Option<usize>) -> Result<Reading> {
        let prepared = self.prepare(image, frame)?;
        let start = (self.clock)();
        let outputs = match prepared.is_too_small {
            true => self.of_even(&prepared.input)?,
            false => self.graph.run(&prepared.input)?,
        };
        let graph = (self.clock)() - start;
        self.finish(prepared, outputs, graph, file, number)
    }

    /// The outputs for the input of an even picture. All slices that are too small share them.
    fn of_even(&self, input: &[f32]) -> Result<Outputs> {
        if let Some(outputs) = self.even.get() {
            return Ok(outputs.clone());
        }
        let outputs = self.graph.run(input)?;
        Ok(self.even.get_or_init(|| outputs).clone())
    }

    /// All that comes before the network, for hosts that run it over many slices at once.
    ///
    /// # Errors
    /// What decoding says of a frame that cannot be read.
    pub fn prepare(&self, image: &Image, frame: usize) -> Result<Prepared> {
        let start = (self.clock)();
        let settings = &self.model.input;
        let slice = if settings.channels == 1 { image.slice(frame) } else { image.slice_in_colours(frame) }?;
        let decoded = (self.clock)();
        let origin = slice.origin.clone();
        let pixels = slice.fingerprint();
        let window = slice.window(self.model.window);
        let picture = slice.into_picture(self.model.window)?;
        let is_too_small = self.model.gate.is_too_small(&origin, &picture);
        let scaled = match is_too_small {
            true => Scaled::even(&picture, settings),
            false => Scaled::new(&picture, origin.part, settings),
        };
        let input = scaled.input(settings);
        let ms = Milliseconds { decode: decoded - start, preprocess: (self.clock)() - decoded, graph: 0.0 };
        Ok(Prepared { input, is_too_small, origin, window, picture, scaled, pixels, ms })
    }

    /// How near a slice is to those of training.
    pub fn likeness(&self, prepared: &Prepared, outputs: &Outputs) -> Likeness {
        let statistics = gate::statistics(&prepared.scaled, &prepared.origin);
        Likeness::of(&self.model.gate, statistics, &outputs.embedding, outputs.lung.as_ref())
    }

    /// All that comes after the network, which took `graph` milliseconds.
    ///
    /// # Errors
    /// [`Error::Argument`] for a network that gives no scores where model.toml says that it does.
    pub fn finish(
        &self,
        prepared: Prepared,
        outputs: Outputs,
        graph: f64,
        file: &str,
        number: Option<usize>,
    ) -> Result<Reading> {
        let knows_training = self.model.gate.statistics.is_some() || self.model.gate.embedding.is_some();
        let likeness = knows_training.then(|| self.likeness(&prepared, &outputs));
        let Prepared { origin, window, picture, scaled, pixels, ms, .. } = prepared;
        let Model { output, classes, gate, .. } = &self.model;
        let wanted = Wanted { modality: &self.model.modality, choose: self.model.choose() };
        let refusal = gate::check_origin(gate, &origin, &picture, wanted)
            .or_else(|| gate.check_picture(&scaled, &origin, &outputs));
        let scores = scores(&outputs.scores, output.activation, output.temperature)?;
        let (class, verdict) = match self.model.judged {
            Some(class) => (class, Verdict::of(scores[class], &classes[class].point)),
            None => judge(&scores, classes, output.activation),
        };
        // Where classes share 1, a value by itself says nothing: that of a class against all others does.
        let is_shared = self.model.judged.is_some() && output.activation != Activation::Sigmoid;
        let logit = if is_shared { log_odds(scores[class]) as f32 } else { outputs.scores[class] };
        let is_judged = refusal.is_none();
        let shares = outputs.opacity.as_ref().zip(outputs.lung.as_ref());
        let opacity = shares.filter(|_| is_judged).map(|(opacity, lung)| Opacity::of(opacity, lung));
        let over = |map, mean| over_picture(map, scaled.view, &picture, mean);
        let mean = |map: &Map| map.values.iter().sum::<f32>() / map.values.len() as f32;
        let id = |class: &Class| class.id.clone();
        let all = || classes.iter().zip(&scores).map(|(class, score)| ClassScore { id: id(class), score: *score });
        Ok(Reading {
            file: file.to_string(),
            frame: number,
            verdict: if is_judged { verdict } else { Verdict::Refused },
            class: (self.model.has_classes() && is_judged).then(|| id(&classes[class])),
            score: is_judged.then(|| scores[class]),
            logit: Some(logit),
            classes: self
                .model
                .has_classes()
                .then(|| ClassScores(if is_judged { all().collect() } else { Vec::new() })),
            findings: Findings {},
            opacity,
            refusal,
            error: None,
            source: Some(SourceInfo::new(&origin, window, &picture)),
            model: (&self.model).into(),
            device: self.device,
            ms: Milliseconds { graph, ..ms },
            place: Place { pixels: Some(pixels), ..Place::default() },
            map: outputs.map(class).map(|map| over(map.clone(), Some(mean(map)))),
            lung: outputs.lung.map(|lung| over(lung, None)),
            opacity_maps: outputs.opacity.map(|OpacityMaps { ground_glass, consolidation }| OpacityMaps {
                ground_glass: over(ground_glass, None),
                consolidation: over(consolidation, None),
            }),
            shown: Some([picture.width, picture.height]),
            spacing: origin.spacing,
            picture: Some(picture),
            likeness,
        })
    }
}
