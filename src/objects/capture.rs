//! Secondary Captures: the key slices as colour pictures, for archives and viewers that show nothing else. The slice stands beside itself
//! with the map over it, and below it in words what was found, by what, and that it is no diagnosis.

use std::io::{self, Write};

use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};
use font8x8::legacy::BASIC_LEGACY;

use super::data_set::{PixelData, plain};
use super::header::{self, MANUFACTURER, NOTE, Object};
use super::{Lack, Maker, Series, Slice};
use crate::outputs::Map;
use crate::slice::Picture;

/// The most key slices of a series: those with the highest scores.
pub(super) const MAX_CAPTURES: usize = 3;

/// A side of a slice as it is captured has at least so many pixels, and at most twice as many.
const SIDE: usize = 512;
/// A letter, in pixels, and what of a line it needs.
const LETTER: usize = 8;
const LINE: usize = 14;
/// Lines below the slices, of which the first has letters of twice the size.
const LINES: usize = 7;

type Colour = [u8; 3];
// Those of the page (www/common/heatmap.js).
const WARM: Colour = [255, 126, 20];
const OUTLINE: Colour = [64, 208, 255];
const INK: Colour = [255, 255, 255];
/// The least range of a map that has all of its colour: one that is weak everywhere stays pale.
const MIN_SCALE: f32 = 80.0;
/// Below this share of the range nothing is painted.
const FAINT: f32 = 0.08;
/// How much of a slice the strongest colour hides.
const STRENGTH: f32 = 0.6;
const LUNG: f32 = 0.5;

/// The captures of a series, by the numbers of their slices in the study, from 1.
pub(super) struct Captures<'a> {
    pub keys: Vec<Key<'a>>,
}

/// A key slice.
#[derive(Clone, Copy)]
pub(super) struct Key<'a> {
    number: usize,
    slice: &'a Slice,
    picture: &'a Picture,
    map: Option<&'a Map>,
    score: f32,
}

impl<'a> Captures<'a> {
    /// Of the slices with the highest scores.
    ///
    /// # Errors
    /// Why there can be none.
    pub fn new(series: &Series<'a>) -> Result<Captures<'a>, Lack> {
        let mut keys: Vec<_> = series
            .judged()
            .filter_map(|(number, slice, score)| {
                let (picture, map) = slice.seen.as_ref()?;
                Some(Key { number, slice, picture, map: map.as_ref(), score })
            })
            .collect();
        keys.sort_by(|a, b| b.score.total_cmp(&a.score));
        keys.truncate(MAX_CAPTURES);
        if keys.is_empty() { Err(Lack("its pictures were more than are kept")) } else { Ok(Captures { keys }) }
    }
}

/// Writes the capture of a key slice, `number` among those of its series, from 1.
pub(super) fn write(maker: &Maker, series: &Series, key: Key, number: usize, out: &mut dyn Write) -> io::Result<()> {
    let object = Object {
        class: uids::SECONDARY_CAPTURE_IMAGE_STORAGE,
        modality: "OT",
        name: &format!("capture {number}"),
        series_number: 9903,
        description: "LungGlass key slices (research)",
        number,
    };
    let canvas = draw(maker, series, key);
    let mut set = header::common(maker, series, &object);
    set.texts(tags::IMAGE_TYPE, VR::CS, &["DERIVED", "SECONDARY"])
        .text(tags::CONVERSION_TYPE, VR::CS, "WSD")
        .text(tags::DATE_OF_SECONDARY_CAPTURE, VR::DA, &maker.date)
        .text(tags::TIME_OF_SECONDARY_CAPTURE, VR::TM, &maker.time)
        .text(tags::DERIVATION_DESCRIPTION, VR::ST, "A key slice, and the same with the map of what moved its score")
        .items(tags::SOURCE_IMAGE_SEQUENCE, &[header::reference(key.slice)])
        .text(tags::IMAGE_COMMENTS, VR::LT, NOTE)
        .text(tags::BURNED_IN_ANNOTATION, VR::CS, "YES")
        .short(tags::SAMPLES_PER_PIXEL, 3)
        .text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB")
        .short(tags::PLANAR_CONFIGURATION, 0)
        .short(tags::ROWS, canvas.height as u16)
        .short(tags::COLUMNS, canvas.width as u16)
        .short(tags::BITS_ALLOCATED, 8)
        .short(tags::BITS_STORED, 8)
        .short(tags::HIGH_BIT, 7)
        .short(tags::PIXEL_REPRESENTATION, 0);
    if is_turned(key.slice) {
        set.texts(tags::PATIENT_ORIENTATION, VR::CS, &["L", "P"]);
    } else {
        set.or_empty(tags::PATIENT_ORIENTATION, VR::CS);
    }
    // Which side is not known: both are in the picture.
    set.or_empty(tags::LATERALITY, VR::CS);
    header::lossy(&mut set, std::iter::once(key.slice));
    let length = canvas.pixels.len().next_multiple_of(2);
    let fill = |out: &mut dyn Write| {
        out.write_all(&canvas.pixels)?;
        out.write_all(&[0][..length - canvas.pixels.len()])
    };
    set.write(out, Some(PixelData { length: length as u32, fill: &fill }))
}

/// Whether its right is known to be at the left.
fn is_turned(slice: &Slice) -> bool {
    slice.geometry.orientation.is_some()
}

/// A colour picture, row by row.
struct Canvas {
    width: usize,
    height: usize,
    /// Red, green and blue.
    pixels: Vec<u8>,
}

impl Canvas {
    fn set(&mut self, x: usize, y: usize, colour: Colour) {
        if x < self.width && y < self.height {
            self.pixels[(y * self.width + x) * 3..][..3].copy_from_slice(&colour);
        }
    }

    /// Letters from a place on, `size` times as large as they are.
    fn write(&mut self, (left, top): (usize, usize), size: usize, text: &str, colour: Colour) {
        for (at, letter) in plain(text, usize::MAX).bytes().enumerate() {
            let rows = BASIC_LEGACY[usize::from(letter & 0x7F)];
            for (y, row) in rows.iter().enumerate() {
                for x in (0..LETTER).filter(|x| row >> x & 1 == 1) {
                    for (down, across) in (0..size).flat_map(|down| (0..size).map(move |across| (down, across))) {
                        self.set(left + (at * LETTER + x) * size + across, top + y * size + down, colour);
                    }
                }
            }
        }
    }
}

fn draw(maker: &Maker, series: &Series, key: Key) -> Canvas {
    let picture = sized(key.picture);
    let (width, height) = (picture.width, picture.height);
    let size = width / SIDE;
    let below = (LINES * LINE + LETTER) * size.max(1);
    let mut canvas = Canvas { width: 2 * width, height: height + below, pixels: Vec::new() };
    canvas.pixels = vec![0; canvas.width * canvas.height * 3];
    let place = |x: usize, y: usize| ((x as f64 + 0.5) / width as f64, (y as f64 + 0.5) / height as f64);
    let values = || key.map.iter().flat_map(|map| map.values.iter().copied());
    let lowest = values().fold(f32::INFINITY, f32::min);
    let range = (values().fold(f32::NEG_INFINITY, f32::max) - lowest).max(MIN_SCALE);
    let is_lung = |x: usize, y: usize| {
        let (across, down) = place(x, y);
        key.slice.lung.as_ref().is_some_and(|lung| lung.at(across, down) >= LUNG)
    };
    for y in 0..height {
        let lungs: Vec<bool> = (0..width).map(|x| is_lung(x, y)).collect();
        for x in 0..width {
            let gray = picture.gray[y * width + x];
            canvas.set(x, y, [gray; 3]);
            let (across, down) = place(x, y);
            let added = key.map.map_or(0.0, |map| map.at(across, down) - lowest);
            let share = ((added / range - FAINT) / (1.0 - FAINT)).clamp(0.0, 1.0);
            let over = STRENGTH * share.powf(0.9);
            let mixed = WARM.map(|warm| (f32::from(gray) * (1.0 - over) + f32::from(warm) * over).round() as u8);
            let is_edge = lungs[x]
                && !(x > 0
                    && lungs[x - 1]
                    && x + 1 < width
                    && lungs[x + 1]
                    && is_lung(x, y + 1)
                    && y > 0
                    && is_lung(x, y - 1));
            canvas.set(width + x, y, if is_edge { OUTLINE } else { mixed });
        }
    }
    let size = size.max(1);
    if is_turned(key.slice) {
        for left in [0, width] {
            let middle = height / 2;
            canvas.write((left + 2 * LETTER * size / 2, middle), 2 * size, "R", INK);
            canvas.write((left + width - 3 * LETTER * size, middle), 2 * size, "L", INK);
        }
    }
    let percent = |share: f32| format!("{:.1} %", share * 100.0);
    let Maker { model, program, .. } = maker;
    let sha: String = header::hash(model).chars().take(12).collect();
    let class = model.classes.iter().find(|class| Some(&class.id) == key.slice.class.as_ref());
    let point = class.map_or(model.point(), |class| &class.point);
    let [lo, hi] = point.uncertain;
    let of = key.slice.class.as_ref().map_or_else(String::new, |class| format!(" of {class}"));
    let opacity = key.slice.opacity.map_or_else(String::new, |opacity| {
        let (ground, dense) = (percent(opacity.ground_glass), percent(opacity.consolidation));
        format!("Opaque share of the lungs {}; ground glass {ground}, consolidation {dense}", percent(opacity.share))
    });
    let told = [
        format!(
            "Slice {} of {}: score{of} {:.3}, {}",
            key.number,
            series.study.slices.len(),
            key.score,
            key.slice.verdict.word()
        ),
        format!("Threshold {:.3}, uncertain from {lo:.3} to {hi:.3}; no probability of a disease", point.threshold),
        opacity,
        format!("{MANUFACTURER} {program}, network {} {}, SHA-256 {sha}", model.name, header::version(model)),
    ];
    let line = |number: usize| height + (LETTER / 2 + number * LINE) * size;
    canvas.write((LETTER * size, line(0)), 2 * size, "FOR RESEARCH, NOT A DIAGNOSIS", INK);
    for (number, text) in (2..).zip(&told) {
        canvas.write((LETTER * size, line(number)), size, text, INK);
    }
    legend(&mut canvas, (width + LETTER * size, line(0)), size);
    canvas
}

/// What the colours mean.
fn legend(canvas: &mut Canvas, (left, top): (usize, usize), size: usize) {
    let bar = 96 * size;
    for x in 0..bar {
        let share = x as f32 / (bar - 1) as f32;
        let colour = WARM.map(|warm| (f32::from(warm) * share).round() as u8);
        (0..LETTER * size).for_each(|y| canvas.set(left + x, top + y, colour));
    }
    canvas.write((left + bar + LETTER * size, top), size, "Map: what moved the score, weak to strong", INK);
    let top = top + 2 * LINE * size;
    for x in 0..bar {
        (0..2 * size).for_each(|y| canvas.set(left + x, top + 3 * size + y, OUTLINE));
    }
    canvas.write((left + bar + LETTER * size, top), size, "Lungs, as the network sees them", INK);
}

/// The picture with a width from [`SIDE`] to twice that: each pixel several times, or the mean of several.
fn sized(picture: &Picture) -> Picture {
    let Picture { width, height, gray, .. } = picture;
    if *width < SIDE {
        let times = SIDE.div_ceil(*width);
        let (wide, high) = (width * times, height * times);
        let gray = (0..wide * high).map(|at| gray[at / wide / times * width + at % wide / times]).collect();
        return Picture { width: wide, height: high, gray, colours: None };
    }
    let by = width.div_ceil(2 * SIDE);
    let (narrow, low) = (width / by, (height / by).max(1));
    let mean = |at: usize| {
        let (x, y) = (at % narrow * by, at / narrow * by);
        let rows = (y..(y + by).min(*height)).flat_map(|row| &gray[row * width + x..][..by]);
        let (sum, count) = rows.fold((0u32, 0u32), |(sum, count), level| (sum + u32::from(*level), count + 1));
        (sum / count.max(1)) as u8
    };
    Picture { width: narrow, height: low, gray: (0..narrow * low).map(mean).collect(), colours: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_as_wide_as_their_text_needs() {
        let of = |width, height| {
            let sized = sized(&Picture { width, height, gray: vec![9; width * height], colours: None });
            assert!(sized.gray.len() == sized.width * sized.height && sized.gray.iter().all(|level| *level == 9));
            (sized.width, sized.height)
        };
        assert_eq!(
            [of(512, 512), of(128, 100), of(1024, 700), of(1025, 700)],
            [(512, 512), (512, 400), (1024, 700), (512, 350)]
        );
        assert_eq!(of(4096, 4096), (1024, 1024));
    }
}
