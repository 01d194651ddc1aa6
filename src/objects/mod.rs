//! What is said of a series as DICOM objects, which go back to where the series came from: a report, a segmentation, and pictures of its key
//! slices. They carry patient and study from the header of the series' slices; nothing else of LungGlass does. Knows no file system, no clock
//! and no chance: a host gives the moment, and bytes that nobody can guess.

mod capture;
mod data_set;
mod gathered;
mod header;
mod report;
mod segmentation;

use std::io::{self, Write};

use sha2::{Digest, Sha256};

use self::capture::{Captures, Key};
pub use self::gathered::{Gathered, Named};
use self::segmentation::Segmentation;
use crate::geometry::Geometry;
pub use crate::identity::Lack;
use crate::identity::{Identity, Instance};
use crate::model::Model;
use crate::opacity::Opacity;
use crate::outputs::{Map, OpacityMaps};
use crate::reading::{Reading, Verdict};
use crate::slice::Picture;
use crate::study::{self, Study};

/// A kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A Comprehensive 3D SR by template 1500: what is measured, in numbers and codes.
    Report,
    /// A Segmentation of lungs, ground glass and consolidation.
    Segmentation,
    /// Secondary Captures of the slices with the highest scores.
    Captures,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 3] = [Kind::Report, Kind::Segmentation, Kind::Captures];

    /// The word of the command line, which is also in the names of files.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Report => "sr",
            Kind::Segmentation => "seg",
            Kind::Captures => "sc",
        }
    }
}

/// What objects are made with, beside a series.
#[derive(Clone)]
pub struct Maker<'a> {
    /// The settings of the network that read the slices.
    pub model: &'a Model,
    /// What ran the network.
    pub device: &'a str,
    /// The version of the program.
    pub program: &'a str,
    /// Today's date where the host is, as `20261130`.
    pub date: String,
    /// The time there, as `235959`.
    pub time: String,
    /// Bytes that no other run has: UIDs are made of them.
    pub entropy: [u8; 32],
    /// The kinds that are written in one go: a report refers to the segmentation among them.
    pub kinds: &'a [Kind],
}

impl Maker<'_> {
    /// A UID that is equal for equal words of this maker, made of a UUID (PS3.5 B.2).
    fn uid(&self, series: &Series, what: &str) -> String {
        let parts = [&self.entropy[..], series.identity.series.as_bytes(), &[0], what.as_bytes()];
        let digest = parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part)).finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        // Version 4, as RFC 4122 writes it.
        bytes[6] = bytes[6] & 0x0F | 0x40;
        bytes[8] = bytes[8] & 0x3F | 0x80;
        format!("2.25.{}", u128::from_be_bytes(bytes))
    }

    /// The objects of a kind, each ready to be written.
    ///
    /// # Errors
    /// Why there can be none.
    pub fn objects<'a>(&'a self, kind: Kind, series: &'a Series<'a>) -> Result<Vec<Object<'a>>, Lack> {
        let content = match kind {
            Kind::Report => {
                let is_segmented = self.kinds.contains(&Kind::Segmentation);
                vec![Content::Report(is_segmented.then(|| Segmentation::new(series).ok()).flatten())]
            }
            Kind::Segmentation => vec![Content::Segmentation(Segmentation::new(series)?)],
            Kind::Captures => {
                let keys = (1..).zip(Captures::new(series)?.keys);
                keys.map(|(number, key)| Content::Capture(number, key)).collect()
            }
        };
        Ok(content.into_iter().map(|content| Object { maker: self, series, content }).collect())
    }
}

/// An object, ready to be written.
pub struct Object<'a> {
    maker: &'a Maker<'a>,
    series: &'a Series<'a>,
    content: Content<'a>,
}

enum Content<'a> {
    /// With the segmentation that it refers to.
    Report(Option<Segmentation<'a>>),
    Segmentation(Segmentation<'a>),
    /// The number of the capture, from 1, and what is captured.
    Capture(usize, Key<'a>),
}

impl Object<'_> {
    /// What it is called among the objects of its series: the word of its kind, with a number behind it where there may be several.
    pub fn name(&self) -> String {
        match &self.content {
            Content::Report(_) => Kind::Report.word().to_string(),
            Content::Segmentation(_) => Kind::Segmentation.word().to_string(),
            Content::Capture(number, _) => format!("{}-{number}", Kind::Captures.word()),
        }
    }

    /// Writes it as a DICOM file. What is held meanwhile is its header, and the pixels of one frame.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        match &self.content {
            Content::Report(segmentation) => report::write(self.maker, self.series, segmentation.as_ref(), out),
            Content::Segmentation(segmentation) => segmentation.write(self.maker, self.series, out),
            Content::Capture(number, key) => capture::write(self.maker, self.series, *key, *number, out),
        }
    }
}

/// What is said of one slice, with what objects refer to it by.
#[derive(Debug, Clone)]
struct Slice {
    instance: Instance,
    /// From 0; `None` for the only one of its instance.
    frame: Option<usize>,
    geometry: Geometry,
    verdict: Verdict,
    score: Option<f32>,
    /// What the score is of, for networks of several classes.
    class: Option<String>,
    opacity: Option<Opacity>,
    lung: Option<Map>,
    opacity_maps: Option<OpacityMaps>,
    /// The picture of a key slice, and the map over it, if the network has one.
    seen: Option<(Picture, Option<Map>)>,
}

impl Slice {
    /// Of the reading of a frame that lies so.
    fn new(instance: Instance, geometry: Geometry, reading: &Reading) -> Slice {
        let is_judged = reading.score.is_some();
        Slice {
            instance,
            frame: reading.frame,
            geometry,
            verdict: reading.verdict,
            score: reading.score,
            class: reading.class.clone(),
            opacity: reading.opacity,
            // What is not judged is not segmented.
            lung: reading.lung.clone().filter(|_| is_judged),
            opacity_maps: reading.opacity_maps.clone().filter(|_| is_judged),
            seen: None,
        }
    }
}

/// What there is of an item of a study.
enum Found<'a> {
    /// Its file could not be read.
    Unread,
    /// Its file is no DICOM.
    NoDicom,
    /// Its header says too little.
    Lacks(Lack),
    /// What its header names, and what is said of it.
    Slice(&'a Identity, &'a Slice),
}

/// The slices of one series, and what is said of them together.
#[derive(Debug, Clone)]
pub struct Series<'a> {
    identity: &'a Identity,
    /// In the order of the study.
    slices: Vec<&'a Slice>,
    study: &'a Study,
}

impl<'a> Series<'a> {
    /// The series of a study, `found` for the items of its slices.
    ///
    /// # Errors
    /// Why there can be no object of it.
    fn new(study: &'a Study, found: impl Fn(usize) -> Found<'a>) -> Result<Series<'a>, Lack> {
        let mut all = Vec::new();
        for item in &study.slices {
            match found(*item) {
                Found::Unread => {}
                Found::NoDicom => return Err(Lack("its files are no DICOM, and name no patient and no study")),
                Found::Lacks(lack) => return Err(lack),
                Found::Slice(identity, slice) => all.push((identity, slice)),
            }
        }
        let Some((identity, _)) = all.first().copied() else { return Err(Lack("none of its slices could be read")) };
        if all.iter().any(|(other, _)| !other.is_of_same_patient(identity)) {
            return Err(Lack("its slices name several patients or studies"));
        }
        if all.iter().any(|(other, _)| other.series != identity.series) {
            return Err(Lack("its slices name several series"));
        }
        if study.kind != study::Kind::Series {
            return Err(Lack("its slices are of no DICOM series"));
        }
        let slices: Vec<_> = all.into_iter().map(|(_, slice)| slice).collect();
        if slices.iter().all(|slice| slice.score.is_none()) {
            return Err(Lack("none of its slices was judged"));
        }
        Ok(Series { identity, slices, study })
    }

    /// Those with a score, with their numbers in the study, from 1.
    fn judged(&self) -> impl Iterator<Item = (usize, &'a Slice, f32)> {
        (1..).zip(&self.slices).filter_map(|(number, slice)| Some((number, *slice, slice.score?)))
    }
}
