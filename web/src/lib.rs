//! The boundary to JavaScript, and nothing else.
#![cfg(target_arch = "wasm32")]

mod acceptance;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use js_sys::{Float32Array, Int16Array, Object, Reflect, Uint8Array};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;

use lungglass::aside::Aside;
use lungglass::classifier::{self, CARD, SETTINGS};
use lungglass::decode::{self, File, Limits, SetAside, Unopened};
use lungglass::error::Error;
use lungglass::gate::Gate;
use lungglass::graph::cpu::{CpuGraph, Processor};
use lungglass::model::{Class, Model, StudyRule, Words};
use lungglass::objects::{Gathered, Kind, Maker, Named};
use lungglass::operating_point::{Drift, Local, Standing, Triage};
use lungglass::outputs::OpacityMaps;
use lungglass::package::Package;
use lungglass::place::{Place, Spot};
use lungglass::preprocess::Scaled;
use lungglass::reading::Reading;
use lungglass::slice::Pixels;
use lungglass::study::{self, Beside, Item, Lungs};
use lungglass::window::Window;

const DEVICE: &str = if cfg!(target_feature = "relaxed-simd") { "wasm relaxed-simd" } else { "wasm simd128" };

/// What Hounsfield units are shown in where the network has no window of its own.
const LUNG: Window = Window { center: -600.0, width: 1500.0 };

/// A panic ends the instance with a trap; its message goes to the console first.
#[wasm_bindgen(start)]
fn start() {
    console_error_panic_hook::set_once();
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn now() -> f64;
}

/// The network, compiled and ready to read.
#[wasm_bindgen]
pub struct Classifier {
    classifier: Rc<classifier::Classifier>,
    salt: Rc<RefCell<Vec<u8>>>,
    /// card.md of a network that is not the one that ships.
    card: Option<String>,
    /// The settings that the network came with.
    shipped: Model,
}

#[wasm_bindgen]
impl Classifier {
    /// Unpacks the network inside this module.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Result<Classifier, JsValue> {
        let classifier = classifier::Classifier::built_in(DEVICE, now).map_err(throw)?;
        Ok(Classifier::reading_by(classifier, CARD.map(str::to_string)))
    }

    /// Unpacks another network: the bytes of a file that `lungglass pack` wrote.
    ///
    /// @throws Error with the `code` "model" for what is no such file, or a damaged one
    pub fn of(model: Vec<u8>) -> Result<Classifier, JsValue> {
        let open = || -> Result<Classifier, Error> {
            let package = Package::parse(&model)?;
            let (model, program) = package.open()?;
            let graph = CpuGraph::new(&program, Processor::best())?;
            let card = Some(package.card.to_string());
            let classifier = classifier::Classifier::new(Arc::new(graph), model, DEVICE, now)?;
            Ok(Classifier::reading_by(classifier, card))
        };
        open().map_err(throw)
    }

    /// Lets readings name their series, visit and slice (`place.series` and so on) by words that are equal for equal UIDs and `salt`, in
    /// every instance. With a random salt they mean nothing beyond the session that made it; without one, readings name none.
    #[wasm_bindgen(js_name = nameSeries)]
    pub fn name_series(&self, salt: Vec<u8>) {
        self.salt.replace(salt);
    }

    /// Recognises a file, or an archive of them. Its frames are read one at a time, so that a host can show progress and stop.
    ///
    /// @throws Error with a `code` when the file cannot be read at all; its `place` is what is known of where the file belongs, and its
    /// `aside` what it is, if it is set aside where nobody named it, or null
    pub fn open(&self, bytes: Vec<u8>, name: String) -> Result<Source, JsValue> {
        let opened = File::recognise(bytes, self.classifier.model.limits(Limits::default()));
        let file = opened.map_err(|unopened| throw_unopened(*unopened, &self.salt.borrow()))?;
        let (aside, slices) = (file.aside(), RefCell::new(file.slices()));
        Ok(Source { classifier: self.classifier.clone(), salt: self.salt.clone(), aside, slices, name })
    }

    /// Reads every frame of a small file.
    ///
    /// @returns Reading[]
    /// @throws Error with a `code` when the file cannot be read at all
    #[wasm_bindgen(unchecked_return_type = "any[]")]
    pub fn classify(&self, bytes: Vec<u8>, name: String) -> Result<Vec<JsValue>, JsValue> {
        let source = self.open(bytes, name)?;
        (0..source.length()).map(|frame| source.read(frame)).collect()
    }

    /// Puts readings into studies as the function `studies` does, and gives each the score that the settings of this network make of its slices.
    ///
    /// @returns Study[]
    /// @throws Error with a `code` for what are no such items
    #[wasm_bindgen(unchecked_return_type = "any[]")]
    pub fn studies(&self, items: JsValue, beside: JsValue) -> Result<Vec<JsValue>, JsValue> {
        studies_by(self.classifier.model.study.as_ref(), items, beside)
    }

    /// Puts a site's operating point in place of the network's own: `file` is the bytes of a settings file that `lungglass accept` wrote,
    /// `today` the day, as 2026-11-30. One that is past its end is taken with a notice.
    ///
    /// @throws Error with the `code` "operating_point" for a file that is none, was changed, or is for another network
    #[wasm_bindgen(js_name = atOperatingPoint)]
    pub fn at_operating_point(&mut self, file: Vec<u8>, today: String) -> Result<(), JsValue> {
        let mut classifier = (*self.classifier).clone();
        let model = self.classifier.model.clone().with_local_point(&file, &today);
        classifier.model = model.map_err(|error| throw_coded(&error.to_string(), "operating_point"))?;
        self.classifier = Rc::new(classifier);
        Ok(())
    }

    /// Reads the slice that is inside every host, and holds the reading to the stored one; of a network that none is stored for, to the
    /// first one of this instance.
    ///
    /// @throws Error with the `code` "self_test" where they differ: this machine computes wrongly
    pub fn prove(&self) -> Result<(), JsValue> {
        self.classifier.prove().map_err(throw)
    }

    /// What each step of the network costs on the S*S values that preprocess gives: every step runs `rounds` times. For benchmarks.
    ///
    /// @returns { name, kind, macs, bytes, ms }[]
    #[wasm_bindgen(unchecked_return_type = "any[]")]
    pub fn profile(&self, input: &[f32], rounds: usize) -> Result<JsValue, JsValue> {
        to_js(&self.classifier.graph.profile(input, rounds, now).map_err(throw)?)
    }

    /// Runs the network alone on the S*S values that preprocess gives; returns [logit].
    ///
    /// @throws Error with a `code` for another number of values
    pub fn logits(&self, input: Vec<f32>) -> Result<Vec<f32>, JsValue> {
        self.classifier.graph.run(&input).map(|outputs| outputs.scores).map_err(throw)
    }

    /// What the network is: name, version, sha256, the version of the program around it, size (S), calibration, operating point, classes,
    /// words by language, what it gives beside its scores, metrics. `card` is null for the network inside this module; `local` is the
    /// site's operating point, or null.
    pub fn model(&self) -> Result<JsValue, JsValue> {
        #[derive(Serialize)]
        struct ClassInfo<'a> {
            id: &'a str,
            threshold: f32,
            uncertain: [f32; 2],
            alert: bool,
            words: &'a BTreeMap<String, String>,
        }
        impl<'a> From<&'a Class> for ClassInfo<'a> {
            fn from(Class { id, point, alert, words }: &'a Class) -> ClassInfo<'a> {
                ClassInfo { id, threshold: point.threshold, uncertain: point.uncertain, alert: *alert, words }
            }
        }
        #[derive(Serialize)]
        struct Gives {
            map: bool,
            lung: bool,
            opacity: bool,
            /// Whether anything of a picture itself is asked before it is judged.
            gate: bool,
        }
        #[derive(Serialize)]
        struct LocalInfo<'a> {
            #[serde(flatten)]
            local: &'a Local,
            #[serde(flatten)]
            triage: Triage,
            standing: Standing,
            drift: Drift,
        }
        #[derive(Serialize)]
        struct ModelInfo<'a> {
            name: &'a str,
            version: &'a str,
            sha256: &'a str,
            device: &'static str,
            program: &'static str,
            size: usize,
            height: usize,
            channels: usize,
            temperature: f32,
            threshold: f32,
            uncertain: [f32; 2],
            chosen: &'a str,
            window: Option<Window>,
            modality: &'a [String],
            classes: Vec<ClassInfo<'a>>,
            words: &'a BTreeMap<String, Words>,
            gives: Gives,
            card: Option<&'a str>,
            local: Option<LocalInfo<'a>>,
            training: &'a toml::Table,
            metrics: &'a toml::Table,
        }
        let model = &self.classifier.model;
        let Gate { least_lung, statistics, embedding, foreign, .. } = &model.gate;
        to_js(&ModelInfo {
            name: &model.name,
            version: &model.version,
            sha256: &model.sha256,
            device: DEVICE,
            program: env!("CARGO_PKG_VERSION"),
            size: model.input.width,
            height: model.input.height,
            channels: model.input.channels,
            temperature: model.output.temperature,
            threshold: model.point().threshold,
            uncertain: model.point().uncertain,
            chosen: &model.point().chosen,
            window: model.window,
            modality: &model.modality,
            classes: model.classes.iter().map(Into::into).collect(),
            words: &model.words,
            gives: Gives {
                map: model.output.map.is_some(),
                lung: model.output.lung.is_some(),
                opacity: model.output.opacity.is_some(),
                gate: least_lung.is_some() || statistics.is_some() || embedding.is_some() || foreign.is_some(),
            },
            card: self.card.as_deref(),
            local: model.local.as_ref().map(|local| LocalInfo {
                local,
                triage: local.triage,
                standing: local.standing,
                drift: local.drift,
            }),
            training: &model.training,
            metrics: &model.metrics,
        })
    }
}

impl Classifier {
    fn reading_by(classifier: classifier::Classifier, card: Option<String>) -> Classifier {
        let shipped = classifier.model.clone();
        Classifier { classifier: Rc::new(classifier), salt: Rc::default(), card, shipped }
    }
}

/// The settings of a file that `lungglass pack` wrote, for [`Slices`].
///
/// @throws Error with the `code` "model" for what is no such file, or a damaged one
#[wasm_bindgen(js_name = settingsOf)]
pub fn settings_of(model: Vec<u8>) -> Result<String, JsValue> {
    Package::parse(&model).map(|package| package.settings.to_string()).map_err(throw)
}

/// A recognised file, or an archive of them.
#[wasm_bindgen]
pub struct Source {
    classifier: Rc<classifier::Classifier>,
    salt: Rc<RefCell<Vec<u8>>>,
    /// What the file is, if it is set aside as a whole.
    aside: Option<SetAside>,
    slices: RefCell<decode::Slices>,
    name: String,
}

#[wasm_bindgen]
impl Source {
    /// The number of frames, at least 1; in an archive those of all its images.
    #[wasm_bindgen(getter)]
    pub fn length(&self) -> usize {
        self.slices.borrow().promised()
    }

    /// The number of entries of an archive that were left out: no images, or archives themselves.
    #[wasm_bindgen(getter)]
    pub fn skipped(&self) -> usize {
        let slices = self.slices.borrow();
        slices.skipped() + slices.nested()
    }

    /// Whether the file itself is one that is set aside, where nobody named it.
    #[wasm_bindgen(getter, js_name = isAside)]
    pub fn is_aside(&self) -> bool {
        self.aside.is_some()
    }

    /// What is set aside as a whole: entries of an archive, or the file itself.
    ///
    /// @returns { kind, place }[]
    #[wasm_bindgen(getter, js_name = setAside, unchecked_return_type = "any[]")]
    pub fn set_aside(&self) -> Result<Vec<JsValue>, JsValue> {
        #[derive(Serialize)]
        struct Told {
            kind: Aside,
            place: Spot,
        }
        let slices = self.slices.borrow();
        let all = slices.set_aside().iter().chain(&self.aside);
        all.map(|aside| to_js(&Told { kind: aside.kind, place: spot(&aside.place, &self.salt.borrow()) })).collect()
    }

    /// Reads frame `index`, from 0; one that cannot be read gives a reading with the verdict "error". In an archive the reading's
    /// file is `name!entry`.
    ///
    /// @returns Reading
    /// @throws Error with a `code` for an index out of range
    pub fn read(&self, index: usize) -> Result<JsValue, JsValue> {
        let slice = self.slices.borrow_mut().get(index).ok_or_else(|| throw(missing(index)))?;
        let name = match &slice.entry {
            Some(entry) => format!("{}!{entry}", self.name),
            None => self.name.clone(),
        };
        reading(self.classifier.read_pending(&slice, &name), &self.salt.borrow())
    }
}

/// What is read of slices, to be written as DICOM objects of their series. What their headers name of patient and study is in these objects
/// and in nothing else that this library gives.
#[wasm_bindgen]
pub struct Objects {
    classifier: Rc<classifier::Classifier>,
    items: Vec<Item>,
    gathered: Gathered,
}

#[wasm_bindgen]
impl Objects {
    /// Of no slice so far.
    #[wasm_bindgen(constructor)]
    pub fn new(classifier: &Classifier) -> Objects {
        Objects { classifier: classifier.classifier.clone(), items: Vec::new(), gathered: Gathered::default() }
    }

    /// Reads frame `index`, from 0, of a file.
    ///
    /// @throws Error with a `code` for an index out of range
    pub fn add(&mut self, source: &Source, index: usize) -> Result<(), JsValue> {
        let slice = source.slices.borrow_mut().get(index).ok_or_else(|| throw(missing(index)))?;
        let reading = self.classifier.read_pending(&slice, &source.name);
        self.items.push(Item::new(&reading, None, b"objects"));
        self.gathered.add(&reading, Named::of(&slice));
        Ok(())
    }

    /// The objects of all series that were read. `date` is today's, as 20261130, `time` as 235959, and `entropy` are 32 bytes of chance.
    ///
    /// @returns { name: string, bytes: Uint8Array }[], the name such as `sr`, `seg` or `sc-1`
    /// @throws Error with a `code` for another number of bytes
    #[wasm_bindgen(unchecked_return_type = "any[]")]
    pub fn make(&self, date: String, time: String, entropy: Vec<u8>) -> Result<Vec<JsValue>, JsValue> {
        let entropy = entropy.try_into().map_err(|_| throw(Error::Argument("entropy is 32 bytes".to_string())))?;
        let maker = self.maker(date, time, entropy);
        let mut made = Vec::new();
        for study in &self.studies() {
            let Ok(series) = self.gathered.series(study) else { continue };
            for kind in Kind::ALL {
                for object in maker.objects(kind, &series).unwrap_or_default() {
                    let mut bytes = Vec::new();
                    object.write(&mut bytes).map_err(|error| throw(Error::Internal(error.to_string())))?;
                    let found = js_sys::Object::new();
                    Reflect::set(&found, &"name".into(), &object.name().into())?;
                    Reflect::set(&found, &"bytes".into(), &Uint8Array::from(&bytes[..]))?;
                    made.push(found.into());
                }
            }
        }
        Ok(made)
    }

    /// Why some objects are missing from [`Objects::make`], in English.
    pub fn lacks(&self) -> Vec<String> {
        let maker = self.maker(String::new(), String::new(), [0; 32]);
        let mut lacks = Vec::new();
        for study in &self.studies() {
            match self.gathered.series(study) {
                Err(lack) => lacks.push(lack.to_string()),
                Ok(series) => lacks.extend(Kind::ALL.into_iter().filter_map(|kind| {
                    let lack = maker.objects(kind, &series).err()?;
                    Some(format!("no {}: {lack}", kind.word()))
                })),
            }
        }
        lacks
    }
}

impl Objects {
    fn studies(&self) -> Vec<study::Study> {
        study::studies(&self.items, &[], self.classifier.model.study.as_ref())
    }

    fn maker(&self, date: String, time: String, entropy: [u8; 32]) -> Maker<'_> {
        let program = env!("CARGO_PKG_VERSION");
        Maker { model: &self.classifier.model, device: DEVICE, program, date, time, entropy, kinds: &Kind::ALL }
    }
}

/// Puts readings into studies: those of a series, an archive, a folder or a file of several frames, and single pictures.
///
/// Each item has `file`, `frame`, `verdict`, `score` and `opacity` of a reading, its `place` and `lungs`, the `reason` (code of its refusal or error),
/// `container`, the archive or folder it came in, and `intake`, a number that tells containers, and files of several frames, of one name
/// apart; those that are not known are null. `beside` are the files that were set aside as a whole: `kind` and `place` of
/// `Source.setAside`, with `container` and `intake`.
///
/// No study has a score: that is the network's to say, see `Classifier.studies`.
///
/// @returns Study[]
/// @throws Error with a `code` for what are no such items
#[wasm_bindgen(unchecked_return_type = "any[]")]
pub fn studies(items: JsValue, beside: JsValue) -> Result<Vec<JsValue>, JsValue> {
    studies_by(None, items, beside)
}

fn studies_by(rule: Option<&StudyRule>, items: JsValue, beside: JsValue) -> Result<Vec<JsValue>, JsValue> {
    let items: Vec<Item> = from_js(items)?;
    let beside: Option<Vec<Beside>> = from_js(beside)?;
    study::studies(&items, &beside.unwrap_or_default(), rule).iter().map(to_js).collect()
}

/// A recognised file, or an archive of them, to look at: its pixels without any reading. It needs no [`Classifier`], so that a worker
/// that only shows slices never unpacks the network.
#[wasm_bindgen]
pub struct Slices {
    model: Model,
    slices: RefCell<decode::Slices>,
}

#[wasm_bindgen]
impl Slices {
    /// Recognises a file, or an archive of them. `settings` is the model.toml of the network that reads, for want of it that inside this
    /// module.
    ///
    /// @throws Error with a `code` when the file cannot be read at all
    #[wasm_bindgen(constructor)]
    pub fn new(bytes: Vec<u8>, settings: Option<String>) -> Result<Slices, JsValue> {
        let model = Model::parse(settings.as_deref().unwrap_or(SETTINGS)).map_err(throw)?;
        let file = File::open(bytes, model.limits(Limits::default())).map_err(throw)?;
        Ok(Slices { model, slices: RefCell::new(file.slices()) })
    }

    /// The number of frames, counted as [`Source`] counts them.
    #[wasm_bindgen(getter)]
    pub fn length(&self) -> usize {
        self.slices.borrow().promised()
    }

    /// Decodes frame `index`, from 0: `{ width, height, kind, values, colours, input }`.
    ///
    /// `kind` is "hu" or "gray". `values` are row by row: of "hu" the Hounsfield units, between -1024 and 3071, as an Int16Array, or as a
    /// Float32Array where some are no whole numbers; of "gray" the levels as a Uint8Array. `colours` are red, green
    /// and blue of each pixel as a Uint8Array, where the frame has them and the network takes them, else null.
    /// `input { width, height, gray, colours, values }` is what the network is given of the frame: gray levels 0..255 that need not be
    /// whole numbers, colours in whole levels, and the values of `Classifier.logits` that they become.
    ///
    /// @throws Error with a `code` for a frame that cannot be decoded or an index out of range
    pub fn pixels(&self, index: usize) -> Result<JsValue, JsValue> {
        let slice = self.slices.borrow_mut().get(index).ok_or_else(|| throw(missing(index)))?;
        let settings = &self.model.input;
        let takes_colours = settings.channels > 1;
        let slice = if takes_colours { slice.decode_in_colours() } else { slice.decode() };
        let mut slice = slice.map_err(throw)?;
        slice.pixels = slice.pixels.clipped();
        let units = match &slice.pixels {
            Pixels::Hu(hu) => Some(hounsfield(hu)),
            Pixels::Gray(_) | Pixels::Colours(_) => None,
        };
        let part = slice.origin.part;
        // A network without a window is given no Hounsfield units; they can be looked at all the same.
        let window = self.model.window.or(Some(LUNG));
        let picture = slice.into_picture(window).map_err(throw)?;
        let scaled = Scaled::new(&picture, part, settings);
        let kind = if units.is_some() { "hu" } else { "gray" };
        let values = units.unwrap_or_else(|| Uint8Array::from(&picture.gray[..]).into());
        let object = image(picture.width, picture.height, "values", values)?;
        Reflect::set(&object, &"colours".into(), &colours(picture.colours.as_deref()))?;
        let input = image(scaled.width, scaled.height, "gray", Float32Array::from(&scaled.gray[..]).into())?;
        let whole = |level: f32| level.round() as u8;
        let given: Option<Vec<[u8; 3]>> = scaled.colours.as_ref().map(|[reds, greens, blues]| {
            reds.iter().zip(greens).zip(blues).map(|((red, green), blue)| [*red, *green, *blue].map(whole)).collect()
        });
        Reflect::set(&input, &"colours".into(), &colours(given.as_deref()))?;
        let values = scaled.input(settings);
        Reflect::set(&input, &"values".into(), &Float32Array::from(&values[..]).into())?;
        Reflect::set(&object, &"kind".into(), &kind.into())?;
        Reflect::set(&object, &"input".into(), &input)?;
        Ok(object)
    }
}

fn missing(index: usize) -> Error {
    Error::Argument(format!("there is no frame {index}"))
}

/// Red, green and blue of each pixel in turn, or null.
fn colours(pixels: Option<&[[u8; 3]]>) -> JsValue {
    pixels.map_or(JsValue::NULL, |pixels| Uint8Array::from(pixels.as_flattened()).into())
}

/// Half the bytes where nothing is lost, and what a table of gray levels can be looked up by.
fn hounsfield(hu: &[f32]) -> JsValue {
    let whole: Option<Vec<i16>> =
        hu.iter().map(|&value| Some(value as i16).filter(|&short| f32::from(short) == value)).collect();
    match whole {
        Some(whole) => Int16Array::from(&whole[..]).into(),
        None => Float32Array::from(hu).into(),
    }
}

/// The JSON line's object, with the map, the lungs, the opacity and the picture as typed arrays, and the place of the slice.
fn reading(reading: Reading, salt: &[u8]) -> Result<JsValue, JsValue> {
    #[derive(Serialize)]
    struct Size {
        width: usize,
        height: usize,
        spacing: Option<[f64; 2]>,
    }
    let object = to_js(&reading)?;
    let place = to_js(&spot(&reading.place, salt))?;
    let map = match &reading.map {
        Some(map) => image(map.width, map.height, "values", Float32Array::from(&map.values[..]).into())?,
        None => JsValue::NULL,
    };
    let lung = match &reading.lung {
        Some(lung) => image(lung.width, lung.height, "values", Float32Array::from(&lung.values[..]).into())?,
        None => JsValue::NULL,
    };
    let opacity_map = match &reading.opacity_maps {
        Some(OpacityMaps { ground_glass, consolidation }) => {
            let (width, height) = (ground_glass.width, ground_glass.height);
            let object = image(width, height, "ground_glass", Float32Array::from(&ground_glass.values[..]).into())?;
            let values = Float32Array::from(&consolidation.values[..]);
            Reflect::set(&object, &"consolidation".into(), &values)?;
            object
        }
        None => JsValue::NULL,
    };
    let picture = match &reading.picture {
        Some(picture) => {
            let gray = Uint8Array::from(&picture.gray[..]);
            let object = image(picture.width, picture.height, "gray", gray.into())?;
            Reflect::set(&object, &"colours".into(), &colours(picture.colours.as_deref()))?;
            object
        }
        None => JsValue::NULL,
    };
    let shown = to_js(&reading.shown.map(|[width, height]| Size { width, height, spacing: reading.spacing }))?;
    let coronal = study::coronal::row(&reading).map_or(JsValue::NULL, |row| Uint8Array::from(&row[..]).into());
    Reflect::set(&object, &"coronal".into(), &coronal)?;
    Reflect::set(&object, &"likeness".into(), &to_js(&reading.likeness)?)?;
    Reflect::set(&object, &"lungs".into(), &to_js(&Lungs::of(&reading))?)?;
    Reflect::set(&object, &"shown".into(), &shown)?;
    Reflect::set(&object, &"place".into(), &place)?;
    Reflect::set(&object, &"map".into(), &map)?;
    Reflect::set(&object, &"lung".into(), &lung)?;
    Reflect::set(&object, &"opacity_map".into(), &opacity_map)?;
    Reflect::set(&object, &"picture".into(), &picture)?;
    Ok(object)
}

fn image(width: usize, height: usize, key: &str, values: JsValue) -> Result<JsValue, JsValue> {
    let object = Object::new();
    Reflect::set(&object, &"width".into(), &(width as f64).into())?;
    Reflect::set(&object, &"height".into(), &(height as f64).into())?;
    Reflect::set(&object, &key.into(), &values)?;
    Ok(object.into())
}

/// The place with words for its UIDs; without a salt it has none.
fn spot(place: &Place, salt: &[u8]) -> Spot {
    let spot = Spot::of(place, salt);
    if salt.is_empty() { Spot { patient: None, series: None, visit: None, instance: None, ..spot } } else { spot }
}

fn from_js<T: DeserializeOwned>(value: JsValue) -> Result<T, JsValue> {
    serde_wasm_bindgen::from_value(value).map_err(|error| throw(Error::Argument(error.to_string())))
}

fn to_js(value: &impl Serialize) -> Result<JsValue, JsValue> {
    value
        .serialize(&serde_wasm_bindgen::Serializer::json_compatible())
        .map_err(|error| throw(Error::Internal(error.to_string())))
}

/// An `Error` with the message and a `code`.
fn throw(error: Error) -> JsValue {
    throw_coded(&error.to_string(), error.code())
}

fn throw_coded(message: &str, code: &str) -> JsValue {
    let exception = js_sys::Error::new(message);
    // Setting a property of a new object cannot fail.
    let _ = Reflect::set(&exception, &"code".into(), &code.into());
    exception.into()
}

/// An `Error` that says where its file belongs, and what it is.
fn throw_unopened(Unopened { error, place, aside }: Unopened, salt: &[u8]) -> JsValue {
    let exception = throw(error);
    let place = to_js(&spot(&place, salt)).unwrap_or(JsValue::NULL);
    let _ = Reflect::set(&exception, &"place".into(), &place);
    let _ = Reflect::set(&exception, &"aside".into(), &to_js(&aside).unwrap_or(JsValue::NULL));
    exception
}

#[cfg(test)]
mod tests {
    use wasm_bindgen::JsCast;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    const FRAMES: &[u8] = include_bytes!("../../tests/dicom/native-s16-multi.dcm");
    const PICTURE: &[u8] = include_bytes!("../../tests/cases/lidc-lung-window/input.png");

    fn get(object: &JsValue, key: &str) -> JsValue {
        Reflect::get(object, &key.into()).unwrap()
    }

    #[wasm_bindgen_test]
    fn slices_give_the_values_of_each_frame() {
        let slices = Slices::new(FRAMES.to_vec(), None).unwrap();
        let image = decode::Image::open(FRAMES.to_vec(), Limits::default()).unwrap();
        assert_eq!(slices.length(), 3);
        for frame in 0..3 {
            let pixels = slices.pixels(frame).unwrap();
            assert_eq!(get(&pixels, "kind"), "hu");
            assert_eq!((get(&pixels, "width"), get(&pixels, "height")), (61.into(), 45.into()));
            let values = get(&pixels, "values").dyn_into::<Int16Array>().unwrap().to_vec();
            let Pixels::Hu(expected) = image.slice(frame).unwrap().pixels.clipped() else {
                panic!("no Hounsfield units")
            };
            assert!(values.iter().map(|&value| f32::from(value)).eq(expected));
        }
        assert_eq!(get(&slices.pixels(3).unwrap_err(), "code"), "argument");
        assert_eq!(get(&Slices::new(vec![1, 2, 3], None).err().unwrap(), "code"), "not_an_image");
    }

    #[wasm_bindgen_test]
    fn the_input_of_slices_is_what_preprocess_gives() {
        let model = Model::parse(SETTINGS).unwrap();
        let pixels = Slices::new(PICTURE.to_vec(), None).unwrap().pixels(0).unwrap();
        assert_eq!(get(&pixels, "kind"), "gray");
        let slice = decode::Image::open(PICTURE.to_vec(), Limits::default()).unwrap().slice(0).unwrap();
        let picture = slice.into_picture(model.window).unwrap();
        assert_eq!(get(&pixels, "values").dyn_into::<Uint8Array>().unwrap().to_vec(), picture.gray);
        let (input, scaled) = (get(&pixels, "input"), Scaled::new(&picture, None, &model.input));
        assert_eq!(get(&input, "width"), model.input.width as f64);
        assert_eq!(get(&input, "gray").dyn_into::<Float32Array>().unwrap().to_vec(), scaled.gray);
        let values = get(&input, "values").dyn_into::<Float32Array>().unwrap().to_vec();
        assert_eq!(values, scaled.input(&model.input));
    }

    #[wasm_bindgen_test]
    fn no_hounsfield_unit_is_rounded() {
        for lossless in [[-32768.0, 0.0, 32767.0], [-1024.0, 3071.0, 1.0]] {
            assert!(hounsfield(&lossless).is_instance_of::<Int16Array>());
        }
        for broken in [[0.5, 1.0, 2.0], [40_000.0, 0.0, 0.0], [f32::NAN, 0.0, 0.0]] {
            let values = hounsfield(&broken).dyn_into::<Float32Array>().unwrap().to_vec();
            assert!(values.iter().zip(broken).all(|(value, expected)| value.to_bits() == expected.to_bits()));
        }
    }
}
