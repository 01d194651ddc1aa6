//! The boundary to JavaScript, and nothing else.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Float32Array, Object, Reflect, Uint8Array};
use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::classifier;
use crate::decode::{self, Archive, File, Limits};
use crate::error::{self, Error};
use crate::reading::Reading;

const DEVICE: &str = "wasm simd128";

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
pub struct Classifier(Rc<classifier::Classifier>);

#[wasm_bindgen]
impl Classifier {
    /// Unpacks the network inside this module.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Result<Classifier, JsValue> {
        let classifier = classifier::Classifier::built_in(DEVICE, now).map_err(throw)?;
        Ok(Classifier(Rc::new(classifier)))
    }

    /// Recognises a file, or an archive of them. Its frames are read one at a time, so that a host can show progress and stop.
    ///
    /// @throws Error with a `code` when the file cannot be read at all
    pub fn open(&self, bytes: Vec<u8>, name: String) -> Result<Source, JsValue> {
        let file = File::open(bytes, Limits::default()).map_err(throw)?;
        Ok(Source { classifier: self.0.clone(), file, name, opened: RefCell::new(None) })
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

    /// What each step of the network costs on the S*S values that preprocess gives: every step runs `rounds` times. For benchmarks.
    ///
    /// @returns { name, kind, macs, bytes, ms }[]
    #[wasm_bindgen(unchecked_return_type = "any[]")]
    pub fn profile(&self, input: &[f32], rounds: usize) -> Result<JsValue, JsValue> {
        to_js(&self.0.graph.profile(input, rounds, now).map_err(throw)?)
    }

    /// Runs the network alone on the S*S values that preprocess gives; returns [logit].
    ///
    /// @throws Error with a `code` for another number of values
    pub fn logits(&self, input: Vec<f32>) -> Result<Vec<f32>, JsValue> {
        self.0.graph.run(&input).map(|outputs| vec![outputs.logit]).map_err(throw)
    }

    /// What the network is: name, version, sha256, size (S), calibration, operating point, metrics.
    pub fn model(&self) -> Result<JsValue, JsValue> {
        #[derive(Serialize)]
        struct ModelInfo<'a> {
            name: &'a str,
            version: &'a str,
            sha256: &'a str,
            size: usize,
            temperature: f32,
            threshold: f32,
            uncertain: [f32; 2],
            window: crate::window::Window,
            training: &'a toml::Table,
            metrics: &'a toml::Table,
        }
        let model = &self.0.model;
        to_js(&ModelInfo {
            name: &model.name,
            version: &model.version,
            sha256: &model.sha256,
            size: model.size,
            temperature: model.calibration.temperature,
            threshold: model.operating_point.threshold,
            uncertain: model.operating_point.uncertain,
            window: model.window,
            training: &model.training,
            metrics: &model.metrics,
        })
    }
}

/// A recognised file, or an archive of them.
#[wasm_bindgen]
pub struct Source {
    classifier: Rc<classifier::Classifier>,
    file: File,
    name: String,
    /// The entry of an archive that was read last, by its number: its next frame is likely to be asked for next.
    opened: RefCell<Option<(usize, decode::Source)>>,
}

#[wasm_bindgen]
impl Source {
    /// The number of frames, at least 1; in an archive those of all its images.
    #[wasm_bindgen(getter)]
    pub fn length(&self) -> usize {
        match &self.file {
            File::Image(source) => source.frames(),
            File::Archive(archive) => archive.frames(),
        }
    }

    /// The number of entries of an archive that were left out: no images, or archives themselves.
    #[wasm_bindgen(getter)]
    pub fn skipped(&self) -> usize {
        match &self.file {
            File::Image(_) => 0,
            File::Archive(archive) => archive.skipped() + archive.nested(),
        }
    }

    /// Reads frame `index`, from 0; one that cannot be read gives a reading with the verdict "error". In an archive the reading's
    /// file is `name!entry`.
    ///
    /// @returns Reading
    /// @throws Error with a `code` for an index out of range
    pub fn read(&self, index: usize) -> Result<JsValue, JsValue> {
        let missing = || throw(Error::Argument(format!("there is no frame {index}")));
        reading(match &self.file {
            File::Image(source) if index < source.frames() => self.classifier.read(source, index, &self.name),
            File::Image(_) => return Err(missing()),
            File::Archive(archive) => {
                let (number, frame) = archive.locate(index).ok_or_else(missing)?;
                self.read_entry(archive, number, frame)
            }
        })
    }
}

impl Source {
    /// Reads a frame of an entry; one that cannot be read gives a reading too.
    fn read_entry(&self, archive: &Archive, number: usize, frame: usize) -> Reading {
        let entry = &archive.entries()[number];
        let name = format!("{}!{}", self.name, entry.name);
        self.try_read_entry(archive, number, frame, &name).unwrap_or_else(|error| {
            let frame = (entry.frames > 1).then_some(frame);
            Reading::unreadable(&name, frame, &error, &self.classifier.model, self.classifier.device)
        })
    }

    fn try_read_entry(&self, archive: &Archive, number: usize, frame: usize, name: &str) -> error::Result<Reading> {
        let mut opened = self.opened.borrow_mut();
        let source = match opened.take_if(|(last, _)| *last == number) {
            Some((_, source)) => source,
            None => {
                // Two entries at once might be too much for the memory.
                *opened = None;
                archive.source(number)?
            }
        };
        let (_, source) = opened.insert((number, source));
        // What its first bytes said may not hold for the whole.
        if frame >= source.frames() {
            let reason = format!("it has {} frames instead of {}", source.frames(), archive.entries()[number].frames);
            return Err(Error::Unreadable { format: "DICOM", reason });
        }
        Ok(self.classifier.read(source, frame, name))
    }
}

/// The JSON line's object, with the map, the lungs and the picture as typed arrays.
fn reading(reading: Reading) -> Result<JsValue, JsValue> {
    let object = to_js(&reading)?;
    let map = match &reading.map {
        Some(map) => image(map.width, map.height, "values", Float32Array::from(&map.values[..]).into())?,
        None => JsValue::NULL,
    };
    let lung = match &reading.lung {
        Some(lung) => image(lung.width, lung.height, "values", Float32Array::from(&lung.values[..]).into())?,
        None => JsValue::NULL,
    };
    let picture = match &reading.picture {
        Some(picture) => image(picture.width, picture.height, "gray", Uint8Array::from(&picture.gray[..]).into())?,
        None => JsValue::NULL,
    };
    Reflect::set(&object, &"map".into(), &map)?;
    Reflect::set(&object, &"lung".into(), &lung)?;
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

fn to_js(value: &impl Serialize) -> Result<JsValue, JsValue> {
    value
        .serialize(&serde_wasm_bindgen::Serializer::json_compatible())
        .map_err(|error| throw(Error::Internal(error.to_string())))
}

/// An `Error` with the message and a `code`.
fn throw(error: Error) -> JsValue {
    let exception = js_sys::Error::new(&error.to_string());
    // Setting a property of a new object cannot fail.
    let _ = Reflect::set(&exception, &"code".into(), &error.code().into());
    exception.into()
}
