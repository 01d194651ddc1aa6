//! `lungglass preprocess`: the very inputs that the network will get, as arrays, so that training cannot drift from the browser.

use std::fs;

use lungglass::decode::{Image, Limits};
use lungglass::gate::{self, STATISTICS};
use lungglass::model::Model;
use lungglass::preprocess::{InputSettings, Inside, Scaled};
use npyz::WriterBuilder;
use rayon::prelude::*;

use crate::args::Preprocess;
use crate::failure::{Failure, Outcome, failed};
use crate::inputs;
use crate::manifest::Manifest;
use crate::network;
use crate::output;
use crate::tell::tell;

/// One slice of the array.
struct Row {
    path: String,
    frame: usize,
    width: usize,
    height: usize,
    format: &'static str,
    inside: Inside,
    /// Of a square input.
    statistics: Option<[f32; STATISTICS.len()]>,
    input: Vec<f32>,
}

/// Writes inputs.npy (f32, `[rows, channels, height, width]`), index.csv (what each row is, with the gate's statistics) and errors.csv.
pub fn run(arguments: &Preprocess) -> Result<Outcome, Failure> {
    let model = network::choose(arguments.model.as_deref())?.model;
    let mut settings = model.input.clone();
    if let Some(size) = arguments.size {
        (settings.height, settings.width) = (size as usize, size as usize);
    }
    let mut manifest = Manifest::open(&arguments.manifest, &["path"], &[])?;
    // Before the work, so that it is not lost on a folder that cannot be written.
    fs::create_dir_all(&arguments.out).map_err(failed(arguments.out.display()))?;
    let mut files = Vec::new();
    while let Some(row) = manifest.next_row() {
        let row = row?;
        files.push((row.value(0).to_string(), row.file(row.value(0))));
    }
    let read: Vec<Result<Vec<Row>, (String, String)>> = files
        .into_par_iter()
        .map(|(name, path)| {
            let rows =
                inputs::read(&path, &Limits::default()).and_then(|bytes| slices(&name, bytes, &model, &settings));
            rows.map_err(|error| (name, error.to_string()))
        })
        .collect();

    let (mut rows, mut errors) = (Vec::new(), Vec::new());
    for file in read {
        match file {
            Ok(slices) => rows.extend(slices),
            Err(error) => errors.push(error),
        }
    }
    write(arguments, &settings, &rows, &errors)?;
    let [height, width] = settings.size();
    tell!(
        "{} slices at {height} x {width} in {}, {} files unreadable",
        rows.len(),
        arguments.out.display(),
        errors.len()
    );
    Ok(if errors.is_empty() { Outcome::AllRead } else { Outcome::SomeUnreadable })
}

fn slices(path: &str, bytes: Vec<u8>, model: &Model, settings: &InputSettings) -> lungglass::error::Result<Vec<Row>> {
    let image = Image::open(bytes, model.limits(Limits::default()))?;
    (0..image.frames())
        .map(|frame| {
            let slice = if settings.channels == 1 { image.slice(frame) } else { image.slice_in_colours(frame) }?;
            let origin = slice.origin.clone();
            let picture = slice.into_picture(model.window)?;
            let scaled = Scaled::new(&picture, origin.part, settings);
            // The gate sees the slice at the network's own size.
            let is_square = model.input.width == model.input.height;
            let statistics =
                is_square.then(|| gate::statistics(&Scaled::new(&picture, origin.part, &model.input), &origin));
            let input = scaled.input(settings);
            Ok(Row {
                path: path.to_string(),
                frame,
                width: picture.width,
                height: picture.height,
                format: origin.format,
                inside: scaled.inside,
                statistics,
                input,
            })
        })
        .collect()
}

fn write(
    arguments: &Preprocess,
    settings: &InputSettings,
    rows: &[Row],
    errors: &[(String, String)],
) -> Result<(), Failure> {
    let out = &arguments.out;
    let array = out.join("inputs.npy");
    let shape = [rows.len(), settings.channels, settings.height, settings.width].map(|length| length as u64);
    output::write(&array, |file| {
        let options = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(file);
        let mut npy = options.begin_nd().map_err(failed(array.display()))?;
        for row in rows {
            npy.extend(row.input.iter().copied()).map_err(failed(array.display()))?;
        }
        npy.finish().map_err(failed(array.display()))
    })?;

    let table = |name: &str, header: Vec<String>, lines: &mut dyn Iterator<Item = Vec<String>>| {
        let path = out.join(name);
        output::write(&path, |file| {
            let malformed = |error: csv::Error| failed(path.display())(error);
            let mut writer = csv::Writer::from_writer(file);
            for line in std::iter::once(header).chain(lines) {
                writer.write_record(line).map_err(malformed)?;
            }
            writer.flush().map_err(failed(path.display()))
        })
    };
    let columns = ["row", "path", "frame", "width", "height", "format", "left", "top", "inside_width", "inside_height"]
        .map(String::from)
        .into_iter();
    let header = columns.chain(STATISTICS.iter().map(|name| format!("stat_{name}"))).collect();
    table(
        "index.csv",
        header,
        &mut rows.iter().enumerate().map(|(at, row)| {
            let Row { path, frame, width, height, format, inside, .. } = row;
            let mut line = vec![at.to_string(), path.clone(), frame.to_string(), width.to_string(), height.to_string()];
            line.push((*format).to_string());
            line.extend([inside.left, inside.top, inside.width, inside.height].map(|pixels| pixels.to_string()));
            line.extend(
                (0..STATISTICS.len()).map(|at| row.statistics.map_or_else(String::new, |all| all[at].to_string())),
            );
            line
        }),
    )?;
    table(
        "errors.csv",
        vec!["path".to_string(), "message".to_string()],
        &mut errors.iter().map(|(path, message)| vec![path.clone(), message.clone()]),
    )
}
