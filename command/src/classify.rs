//! `lungglass classify`: a line a slice as soon as it is read, in the order of the inputs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Cursor, Write};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak, mpsc};

use image::imageops::{self, FilterType};
use image::{GrayImage, ImageBuffer, ImageFormat, Luma};
use lungglass::classifier::Classifier;
use lungglass::decode::{File, Image, Limits, Pending, SetAside, Slices};
use lungglass::error::Error;
use lungglass::objects::Named;
use lungglass::operating_point::Batch;
use lungglass::outputs::Map;
use lungglass::reading::{ClassScores, Reading, Verdict};
use lungglass::self_test;
use rayon::prelude::*;

use crate::args::Classify;
use crate::failure::{Failure, Outcome, failed};
use crate::inputs::{self, Input, Inputs};
use crate::objects::Objects;
use crate::summary::{self, Summary};
use crate::tell::{plain, tell};
use crate::{network, output};

/// Slices that are on their way at once, for each core: one is read, and the others may wait for a slower one before them.
const AHEAD: usize = 4;
/// Bytes of files from which on no other is opened before the reading of one is done.
pub(crate) const MAX_HELD: u64 = 512 << 20;

/// Reads every input. One that cannot be read gets a line that says why, and stops nothing.
pub fn run(arguments: &Classify) -> Result<Outcome, Failure> {
    let classifier = network::load(&arguments.network, 1)?;
    let classifier = network::at_operating_point(classifier, arguments.operating_point.as_deref())?;
    let Inputs { files: inputs, left_out } = Inputs::of(&arguments.inputs);
    if let Some(path) = &arguments.summary {
        can_hold_summary(path, &inputs)?;
    }
    let mut maps = arguments.map_dir.clone().map(|folder| Maps::new(folder, &inputs)).transpose()?;
    let mut objects = arguments.dicom_out.clone().map(|folder| Objects::new(folder, &arguments.objects)).transpose()?;
    let format = match (arguments.json, arguments.csv) {
        (true, _) => Format::Json,
        (_, true) => Format::Csv,
        _ => Format::Text,
    };
    let limits_of_drift = classifier.model.local.as_ref().map(|local| local.drift);
    let batch = limits_of_drift.as_ref().map(Batch::new).unwrap_or_default();
    let (mut counts, mut summary) = (Counts { batch, ..Counts::default() }, Summary::new(&classifier.model));
    let limits = arguments.limits.of_pipeline();
    let beside = Beside { maps: maps.as_mut(), objects: objects.as_mut(), summary: &mut summary };
    let whole = match write_lines(&classifier, &inputs, limits, format, beside, &mut counts) {
        // Who reads the lines has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => false,
        written => {
            written.map_err(failed("standard output"))?;
            true
        }
    };
    if let Some(failure) = counts.broken {
        return Err(failure);
    }
    if let (true, Some(path)) = (whole, &arguments.summary) {
        let mut model = classifier.model.clone();
        if let Some(local) = &mut model.local {
            local.notice = local.notice_of(&counts.batch);
        }
        summary.write(path, &model)?;
    }
    if whole && counts.slices == 0 {
        tell!("there was no image to read");
    }
    if left_out > 0 {
        tell!(
            "left out {left_out} links that lead nowhere or to a folder that is read anyway, pipes, sockets and devices"
        );
    }
    if let Some(local) = &classifier.model.local
        && !local.drift.exceeded(&counts.batch).is_empty()
        && let Some(notice) = local.notice_of(&counts.batch)
    {
        tell!("NOTE: {}", plain(&notice));
    }
    if counts.skipped > 0 {
        tell!("skipped {} files that are no image", counts.skipped);
    }
    if counts.nested > 0 {
        tell!("skipped {} archives inside archives: unpack them first", counts.nested);
    }
    if let Some(line) = summary.aside() {
        tell!("{line}");
    }
    if !whole {
        if let Some(path) = &arguments.summary {
            tell!("standard output was closed before the last slice, so {} was not written", path.display());
        }
        if let Some(folder) = &arguments.dicom_out {
            tell!("standard output was closed before the last slice, so nothing was written to {}", folder.display());
        }
        return Ok(counts.outcome());
    }
    let lines = summary.lines();
    for line in &lines {
        tell!("{}", plain(line));
    }
    if !lines.is_empty() {
        tell!("{}", summary::NOTE);
    }
    if let Some(objects) = objects {
        let written = objects.write(&summary.studies(), &classifier)?;
        counts.failed += written.failed;
        for line in &written.lines {
            tell!("{}", plain(line));
        }
    }
    Ok(counts.outcome())
}

/// What becomes of readings beside their lines.
struct Beside<'a> {
    maps: Option<&'a mut Maps>,
    objects: Option<&'a mut Objects>,
    summary: &'a mut Summary,
}

/// Before the work: that a summary can be written to `path`, and that this is no file to be read.
fn can_hold_summary(path: &Path, inputs: &[Input]) -> Result<(), Failure> {
    if fs::canonicalize(path).is_ok_and(|path| files(inputs).any(|other| other == path)) {
        return Err(Failure(format!("{} is an input: write the summary elsewhere", path.display())));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.is_dir() || !folder.is_dir() {
        let what = if path.is_dir() { "it is a folder" } else { "its folder is not there" };
        return Err(Failure(format!("{}: {what}; --summary takes the name of a file", path.display())));
    }
    if path.is_symlink() {
        return Err(Failure(format!("{} is a link: name the file that it leads to", path.display())));
    }
    output::can_be_replaced(path).map_err(failed(path.display()))?;
    Ok(())
}

/// Where the inputs really are.
fn files(inputs: &[Input]) -> impl Iterator<Item = PathBuf> {
    inputs.iter().filter_map(|input| fs::canonicalize(input.file()?).ok())
}

#[derive(Default)]
struct Counts {
    /// Lines written.
    slices: usize,
    /// Slices that were read, for the limits of drift.
    batch: Batch,
    /// Slices that could not be read, and maps that could not be written.
    failed: usize,
    /// Files in folders and archives that are no image.
    skipped: usize,
    /// Archives inside archives.
    nested: usize,
    /// The machine computes wrongly: nothing more is read.
    broken: Option<Failure>,
}

impl Counts {
    fn outcome(&self) -> Outcome {
        if self.failed == 0 { Outcome::AllRead } else { Outcome::SomeUnreadable }
    }
}

fn write_lines(
    classifier: &Classifier,
    inputs: &[Input],
    limits: Limits,
    format: Format,
    Beside { mut maps, mut objects, summary }: Beside,
    counts: &mut Counts,
) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if format == Format::Csv {
        let of_classes = classifier.model.classes.iter().filter(|_| classifier.model.has_classes());
        let scores: Vec<String> = of_classes.map(|class| format!("score_{}", class.id)).collect();
        let class = if scores.is_empty() { None } else { Some("class") };
        let point = classifier.model.local.as_ref().map(|_| "operating_point");
        let scores = scores.iter().map(String::as_str);
        let columns: Vec<&str> = CSV_HEADER.into_iter().chain(class).chain(scores).chain(point).collect();
        writeln!(out, "{}", columns.join(","))?;
    }
    let is_named = objects.is_some();
    let most = AHEAD * rayon::current_num_threads();
    let mut queue = Queue::new(inputs, classifier.model.limits(limits), MAX_HELD);
    let result = rayon::in_place_scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        // Readings that came before their turn, by the number of their slice.
        let mut early = BTreeMap::new();
        let (mut started, mut read, mut written) = (0, 0, 0);
        loop {
            while started - written < most && (started == read || queue.has_room()) {
                let Some(slice) = queue.next() else { break };
                let (number, sender) = (started, sender.clone());
                started += 1;
                scope.spawn(move |_| {
                    let reading = slice.read(classifier, is_named);
                    let Queued { stem, container, slice, .. } = slice;
                    let named = is_named.then(|| Named::of(&slice));
                    // Its file may be the last thing that the next one waits for.
                    drop(slice);
                    // Nobody waits for it any more if a line could not be written.
                    let _ = sender.send((number, stem, container, reading, named));
                });
            }
            if started == written {
                return Ok(());
            }
            let (number, stem, container, reading, named) = receiver.recv().expect("the sender is kept above");
            read += 1;
            early.insert(number, (stem, container, reading, named));
            while let Some((stem, container, mut reading, named)) = early.remove(&written) {
                written += 1;
                if written % self_test::EVERY == 0
                    && let Err(failure) = network::prove(classifier)
                {
                    counts.broken = Some(failure);
                    return Ok(());
                }
                counts.slices += 1;
                counts.failed += usize::from(reading.verdict == Verdict::Error);
                reading.count_in(&mut counts.batch);
                if let Some(local) = &mut reading.model.operating_point {
                    local.notice = local.notice_of(&counts.batch);
                }
                format.write(&mut out, &reading, classifier.model.classes.len())?;
                summary.add(&reading, container.as_deref());
                if let Some((objects, named)) = objects.as_mut().zip(named) {
                    objects.add(&reading, named);
                }
                if let Some(Err(problem)) = maps.as_mut().map(|maps| maps.write(&stem, &reading)) {
                    tell!("{}: no map was written: {}", plain(&reading.file), plain(&problem));
                    counts.failed += 1;
                }
            }
        }
    });
    (counts.skipped, counts.nested) = (queue.skipped, queue.nested);
    for (aside, container) in &queue.set_aside {
        counts.skipped += usize::from(!aside.kind.is_picture());
        summary.set_aside(aside, container);
    }
    result
}

/// The readings of all slices of `inputs`, in order, each as `of` makes it; all cores read.
///
/// # Errors
/// The machine computes wrongly.
pub(crate) fn readings<T: Send>(
    classifier: &Classifier,
    inputs: &[Input],
    limits: Limits,
    of: impl Fn(Reading) -> T + Sync,
) -> Result<Vec<T>, Failure> {
    let mut queue = Queue::new(inputs, classifier.model.limits(limits), MAX_HELD);
    let mut read = Vec::new();
    loop {
        let slices = queue.some();
        if slices.is_empty() {
            return Ok(read);
        }
        let before = read.len();
        read.par_extend(slices.par_iter().map(|slice| of(slice.read(classifier, false))));
        if before / self_test::EVERY != read.len() / self_test::EVERY {
            network::prove(classifier)?;
        }
    }
}

/// A slice of an input that is still to be read.
pub(crate) struct Queued {
    file: String,
    /// What the names of the files that are made of it start with.
    stem: OsString,
    /// The archive or the folder that it came in.
    container: Option<String>,
    slice: Pending,
}

impl Queued {
    fn new(input: &Input, slice: Pending) -> Queued {
        let name = &input.name;
        match &slice.entry {
            Some(entry) => {
                let (file, stem) = (format!("{name}!{entry}"), inputs::stem(Path::new(entry)));
                Queued { file, stem, container: Some(name.clone()), slice }
            }
            None => Queued { file: name.clone(), stem: input.stem(), container: input.folder.clone(), slice },
        }
    }

    /// Its reading, without the picture unless that is wanted.
    pub(crate) fn read(&self, classifier: &Classifier, is_pictured: bool) -> Reading {
        // A fault of ours costs this slice, and no line that waits behind it.
        let read = || classifier.read_pending(&self.slice, &self.file);
        panic::catch_unwind(AssertUnwindSafe(read)).map_or_else(
            |_| {
                let error = Error::Internal("reading the slice panicked".to_string());
                Reading::unreadable(&self.file, self.slice.frame, &error, &classifier.model, classifier.device)
            },
            |reading| Reading { picture: reading.picture.filter(|_| is_pictured), ..reading },
        )
    }
}

/// The slices of all inputs in order. An input is opened when its turn comes.
pub(crate) struct Queue<'a> {
    inputs: std::slice::Iter<'a, Input>,
    limits: Limits,
    /// Bytes of images from which on no other is opened.
    most: u64,
    /// The input that is being read, and its slices.
    file: Option<(&'a Input, Slices)>,
    /// The images that were handed out, and are given back once they were read.
    held: Vec<Weak<Image>>,
    skipped: usize,
    nested: usize,
    /// What is set aside as a whole, with the archive or folder that it came in.
    set_aside: Vec<(SetAside, String)>,
}

impl<'a> Queue<'a> {
    pub(crate) fn new(inputs: &'a [Input], limits: Limits, most: u64) -> Queue<'a> {
        Queue {
            inputs: inputs.iter(),
            limits,
            most,
            file: None,
            held: Vec::new(),
            skipped: 0,
            nested: 0,
            set_aside: Vec::new(),
        }
    }
}

impl Queue<'_> {
    /// Whether the next slice takes no more memory than there may be: it is in a file that is held anyway, or few bytes are.
    fn has_room(&mut self) -> bool {
        if self.file.as_ref().is_some_and(|(_, slices)| slices.has_opened_next()) {
            return true;
        }
        self.held.retain(|image| image.strong_count() > 0);
        let held: u64 = self.held.iter().filter_map(Weak::upgrade).map(|image| image.bytes()).sum();
        held < self.most
    }

    /// The next slices, as many as keep all cores busy and as there is room for; one at least, and none behind the last.
    pub(crate) fn some(&mut self) -> Vec<Queued> {
        let mut slices = Vec::new();
        while slices.len() < AHEAD * rayon::current_num_threads() && (slices.is_empty() || self.has_room()) {
            let Some(slice) = self.next() else { break };
            slices.push(slice);
        }
        slices
    }

    /// Notes what a slice holds.
    fn hold(&mut self, slice: &Pending) {
        let Ok(image) = &slice.image else { return };
        let image = Arc::downgrade(image);
        if self.held.last().is_none_or(|last| !last.ptr_eq(&image)) {
            self.held.push(image);
        }
    }
}

impl Iterator for Queue<'_> {
    type Item = Queued;

    fn next(&mut self) -> Option<Queued> {
        loop {
            if let Some((input, slices)) = &mut self.file
                && let Some(slice) = slices.next()
            {
                let input = *input;
                self.hold(&slice);
                return Some(Queued::new(input, slice));
            }
            // Two files at once might be too much for the memory.
            self.file = None;
            let input = self.inputs.next()?;
            let bytes = input.bytes(&self.limits).map_err(Box::from);
            let opened = bytes.and_then(|bytes| File::recognise(bytes, self.limits));
            let aside = match &opened {
                Ok(file) => file.aside(),
                Err(unopened) => unopened.aside.map(|kind| SetAside { kind, place: unopened.place.clone() }),
            };
            if let Some((aside, folder)) = aside.zip(input.folder.as_ref()) {
                self.set_aside.push((aside, folder.clone()));
                continue;
            }
            match opened {
                Ok(file) => {
                    let slices = file.slices();
                    let aside = slices.set_aside().iter().cloned();
                    self.set_aside.extend(aside.map(|aside| (aside, input.name.clone())));
                    self.skipped += slices.skipped();
                    self.nested += slices.nested();
                    self.file = Some((input, slices));
                }
                Err(unopened) => {
                    let is_no_image = matches!(unopened.error, Error::NotAnImage | Error::NoImages { .. });
                    if !is_no_image || (input.folder.is_none() && !input.is_of_header) {
                        return Some(Queued::new(input, Pending::unopened(*unopened)));
                    }
                    self.skipped += usize::from(!input.is_of_header);
                }
            }
        }
    }
}

/// The folder for maps. A map overwrites what an earlier run left there, but no input and no other map of this run.
struct Maps {
    folder: PathBuf,
    inputs: HashSet<PathBuf>,
    /// The input that each map belongs to.
    written: HashMap<PathBuf, String>,
}

impl Maps {
    fn new(folder: PathBuf, inputs: &[Input]) -> Result<Maps, Failure> {
        fs::create_dir_all(&folder).map_err(failed(folder.display()))?;
        Ok(Maps { folder, inputs: files(inputs).collect(), written: HashMap::new() })
    }

    fn write(&mut self, stem: &OsStr, reading: &Reading) -> Result<(), String> {
        let (Some(map), Some([width, height])) = (&reading.map, reading.shown) else { return Ok(()) };
        let mut name = stem.to_os_string();
        name.push(reading.frame.map_or_else(|| ".png".to_string(), |frame| format!("_{frame}.png")));
        let path = self.folder.join(name);
        if let Some(other) = self.written.get(&path) {
            return Err(format!("{} is the map of {other}", path.display()));
        }
        if fs::canonicalize(&path).is_ok_and(|path| self.inputs.contains(&path)) {
            return Err(format!("{} is an input", path.display()));
        }
        let mut picture = Cursor::new(Vec::new());
        map_picture(map, width as u32, height as u32)
            .write_to(&mut picture, ImageFormat::Png)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        output::write(&path, |file| file.write_all(picture.get_ref()).map_err(failed(path.display())))
            .map_err(|failure| failure.0)?;
        self.written.insert(path, reading.file.clone());
        Ok(())
    }
}

/// The map at the slice's size, gray from its lowest to its highest cell.
fn map_picture(map: &Map, width: u32, height: u32) -> GrayImage {
    let least = map.values.iter().copied().fold(f32::INFINITY, f32::min);
    let greatest = map.values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let range = (greatest - least).max(f32::MIN_POSITIVE);
    let shares = map.values.iter().map(|value| (value - least) / range).collect();
    let cells: ImageBuffer<Luma<f32>, Vec<f32>> =
        ImageBuffer::from_raw(map.width as u32, map.height as u32, shares).expect("a map holds width * height cells");
    let scaled = imageops::resize(&cells, width, height, FilterType::Triangle);
    let levels = scaled.into_raw().into_iter().map(|share| (share * 255.0).round() as u8).collect();
    GrayImage::from_raw(width, height, levels).expect("as many levels as pixels")
}

#[derive(Clone, Copy, PartialEq)]
enum Format {
    Json,
    Csv,
    Text,
}

/// The columns of how far a slice is from those of training, which `watch` reads.
pub const EMBEDDING: &str = "embedding_distance";
pub const GRAY_LEVELS: &str = "gray_level_distance";

const CSV_HEADER: [&str; 15] = [
    "file",
    "frame",
    "verdict",
    "score",
    "logit",
    "reason",
    "message",
    "model",
    "version",
    "sha256",
    "opacity_share",
    "opacity_ground_glass",
    "opacity_consolidation",
    EMBEDDING,
    GRAY_LEVELS,
];

impl Format {
    fn write(self, out: &mut impl Write, reading: &Reading, classes: usize) -> io::Result<()> {
        match self {
            Format::Json => {
                serde_json::to_writer(&mut *out, reading)?;
                writeln!(out)
            }
            Format::Csv => {
                let mut row = csv::Writer::from_writer(Vec::new());
                let site = reading.model.operating_point.as_ref().map(|local| defuse(&local.site));
                row.write_record(csv_cells(reading).into_iter().chain(class_cells(reading, classes)).chain(site))?;
                out.write_all(&row.into_inner().map_err(|error| io::Error::other(error.to_string()))?)
            }
            Format::Text => {
                let frame = reading.frame.map(|frame| format!(" [{frame}]")).unwrap_or_default();
                let score = reading.score.map(|score| format!(" score {score:.3}")).unwrap_or_default();
                let (_, message) = reason(reading);
                let message = if message.is_empty() { String::new() } else { format!(": {}", plain(message)) };
                let class = reading.class.as_ref().map(|class| format!(" {class}")).unwrap_or_default();
                writeln!(out, "{}{frame}: {}{class}{score}{message}", plain(&reading.file), reading.verdict.word())
            }
        }
    }
}

fn reason(reading: &Reading) -> (&str, &str) {
    let refusal = reading.refusal.as_ref().map(|refusal| (refusal.code, refusal.message.as_str()));
    let error = reading.error.as_ref().map(|error| (error.code, error.message.as_str()));
    refusal.or(error).unwrap_or_default()
}

fn csv_cells(reading: &Reading) -> [String; CSV_HEADER.len()] {
    let number = |value: Option<f32>| value.map(|value| value.to_string()).unwrap_or_default();
    let (code, message) = reason(reading);
    [
        defuse(&reading.file),
        reading.frame.map(|frame| frame.to_string()).unwrap_or_default(),
        reading.verdict.word().to_string(),
        number(reading.score),
        number(reading.logit),
        code.to_string(),
        defuse(message),
        defuse(&reading.model.name),
        defuse(&reading.model.version),
        reading.model.sha256.clone(),
        number(reading.opacity.map(|opacity| opacity.share)),
        number(reading.opacity.map(|opacity| opacity.ground_glass)),
        number(reading.opacity.map(|opacity| opacity.consolidation)),
        number(reading.likeness.as_ref().and_then(|likeness| likeness.embedding)),
        number(reading.likeness.as_ref().and_then(|likeness| likeness.gray_levels)),
    ]
}

/// The class of the verdict and the scores of all, for networks of several classes.
fn class_cells(reading: &Reading, classes: usize) -> Vec<String> {
    let Some(ClassScores(scores)) = &reading.classes else { return Vec::new() };
    let mut cells = vec![reading.class.clone().unwrap_or_default()];
    cells.extend((0..classes).map(|at| scores.get(at).map_or_else(String::new, |class| class.score.to_string())));
    cells
}

/// Keeps a spreadsheet from taking text for a formula, in East Asian versions too, and a terminal from obeying it.
fn defuse(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '\t', '\r', '\n']);
    format!("{}{}", if is_formula { "'" } else { "" }, plain(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_defused() {
        assert_eq!(defuse("=1+1.png"), "'=1+1.png");
        assert_eq!(defuse("@a"), "'@a");
        assert_eq!(defuse("\t=1"), "'\\t=1");
        assert_eq!(defuse("scan-1.png"), "scan-1.png");
    }

    #[test]
    fn a_file_waits_for_those_that_are_held() {
        let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/");
        let [frames, picture] =
            ["dicom/native-s16-multi.dcm", "cases/one-pixel/input.png"].map(|file| PathBuf::from(cases).join(file));
        let inputs = Inputs::of(&[frames, picture.clone(), picture]).files;
        let length = fs::metadata(inputs[0].file().unwrap()).unwrap().len();
        let mut queue = Queue::new(&inputs, Limits::default(), length);
        assert!(queue.has_room());
        let frames: Vec<_> = (0..3)
            .map(|frame| {
                assert!(queue.has_room(), "frame {frame} is in a file that is held");
                queue.next().unwrap()
            })
            .collect();
        assert!(!queue.has_room());
        drop(frames);
        let picture = queue.next().unwrap();
        assert!(queue.has_room(), "one that is small leaves room");
        assert!(picture.slice.image.is_ok() && queue.next().is_some() && queue.next().is_none());
    }

    #[test]
    fn a_map_is_drawn_from_its_lowest_to_its_highest_cell() {
        let map = Map { width: 2, height: 1, values: vec![-3.0, 5.0] };
        let picture = map_picture(&map, 100, 40);
        assert_eq!(picture.dimensions(), (100, 40));
        assert_eq!((picture.get_pixel(0, 0).0, picture.get_pixel(99, 39).0), ([0], [255]));
        let flat = map_picture(&Map { width: 2, height: 2, values: vec![1.0; 4] }, 8, 8);
        assert!(flat.pixels().all(|pixel| pixel.0 == [0]));
    }
}
